"""Turns plaintext into containers in blobs, packing small ones together.

Plaintext comes block by block and is never in memory as a whole: it is hashed, padded and encrypted
while it passes. Who stores evidence and who re-encrypts it both go through here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from keys.container import CHUNK, Encryptor
from keys.derive import padded_size
from keys.digest import Blake3, Sha256
from vault.store import BlobWriter, Store

LEAST_CONTENT = 4096
"""Content is padded to at least this much."""

PACKED = 1 << 20
"""Up to this size a container goes into a pack."""

PACK = 64 << 20
"""At this size a pack is closed."""


@dataclass(frozen=True, slots=True)
class Content:
    """A container that was written.

    Args:
        size: How many bytes the plaintext has.
        sha256: Of the plaintext, in hex.
        digest: BLAKE3 of the container, 32 bytes.
        stored: How long the container is.
        blob: The blob that holds it.
        offset: Where in the blob it begins.
    """

    size: int
    sha256: str
    digest: bytes
    stored: int
    blob: bytes
    offset: int


class Contents(Protocol):
    """Where the containers of one deposit go: into a vault, or into a parcel."""

    blobs: list[bytes]
    """The blobs that were written."""

    def add(self, key: bytes, context: bytes, blocks: Iterable[bytes], expected: int) -> Content:
        """Encrypt one content. See `Packer.add`."""

    def close(self) -> None:
        """Make the last of it durable."""

    def abort(self) -> None:
        """Drop what was written."""


class Poured(NamedTuple):
    """What was encrypted: the plaintext's size and SHA-256 (hex), the container's BLAKE3 and
    length."""

    size: int
    sha256: str
    digest: bytes
    stored: int


def pour(
    key: bytes,
    context: bytes,
    blocks: Iterable[bytes],
    expected: int,
    put: Callable[[bytes | bytearray], object],
) -> Poured:
    """Pad and encrypt one content while it passes.

    Args:
        key: The content's key.
        context: All that the container is bound to.
        blocks: The plaintext; multiples of 16 KiB do best.
        expected: About how many bytes there are.
        put: Takes the container, piece by piece.

    Raises:
        Error: As `blocks` and `put` raise.
    """
    encryptor = Encryptor(key, context)
    sha256, blake3 = Sha256(expected), Blake3()
    size = stored = 0

    def out(data: bytes | bytearray) -> None:
        nonlocal stored
        blake3.update(data)
        stored += len(data)
        put(data)

    try:
        out(encryptor.header)
        for block in blocks:
            sha256.update(block)
            size += len(block)
            out(encryptor.update(block))
        for zeros in _zeros(padded_size(size, LEAST_CONTENT) - size):
            out(encryptor.update(zeros))
        out(encryptor.finish())
    except BaseException:
        sha256.close()
        raise
    return Poured(size, sha256.digest().hex(), blake3.digest(), stored)


class Packer:
    """Writes the contents of one deposit into a vault.

    Args:
        store: Where to.

    Attributes:
        blobs: The blobs that were written; the pack under way is not among them.
    """

    def __init__(self, store: Store) -> None:
        self.blobs: list[bytes] = []
        self._store = store
        self._pack: BlobWriter | None = None

    def add(self, key: bytes, context: bytes, blocks: Iterable[bytes], expected: int) -> Content:
        """Encrypt one content.

        Args:
            key: The content's key.
            context: All that the container is bound to.
            blocks: The plaintext; multiples of 16 KiB do best.
            expected: About how many bytes there are.

        Raises:
            FileError: It cannot be written, or as `blocks` raises; nothing of it remains.
        """
        with self._placing() as placing:
            poured = pour(key, context, blocks, expected, placing.write)
            blob, offset = placing.close()
        return Content(*poured, blob, offset)

    def copy(self, blocks: Iterable[bytes]) -> tuple[bytes, int]:
        """Take a container that is encrypted already; its blob, and where in it it begins.

        Raises:
            FileError: It cannot be written, or as `blocks` raises; nothing of it remains.
        """
        with self._placing() as placing:
            for block in blocks:
                placing.write(block)
            return placing.close()

    def close(self) -> None:
        """Make the last pack durable."""
        if self._pack is not None:
            self.blobs.append(self._pack.commit())
            self._pack = None

    def abort(self) -> None:
        """Drop the pack under way, and delete what was written before."""
        if self._pack is not None:
            self._pack.abort()
            self._pack = None
        for blob in self.blobs:
            self._store.blobs.remove(blob)
        self.blobs.clear()

    @contextmanager
    def _placing(self) -> Iterator[_Placing]:
        placing = _Placing(self._store, self._packed, self.blobs)
        try:
            yield placing
        except BaseException:
            placing.abort()
            raise

    def _packed(self, data: bytes) -> tuple[bytes, int]:
        if self._pack is not None and self._pack.size + len(data) > PACK:
            self.close()
        if self._pack is None:
            self._pack = self._store.blobs.writer()
        offset = self._pack.size
        self._pack.write(data)
        return self._pack.name, offset


class _Placing:
    """One container on its way: held while it is small, else a blob of its own."""

    def __init__(
        self, store: Store, pack: Callable[[bytes], tuple[bytes, int]], blobs: list[bytes]
    ) -> None:
        self._store = store
        self._pack = pack
        self._blobs = blobs
        self._small: list[bytes | bytearray] = []
        self._size = 0
        self._own: BlobWriter | None = None

    def write(self, data: bytes | bytearray) -> None:
        self._size += len(data)
        if self._own is None and self._size > PACKED:
            self._own = self._store.blobs.writer()
            for held in self._small:
                self._own.write(held)
            self._small.clear()
        if self._own is None:
            self._small.append(data)
        else:
            self._own.write(data)

    def close(self) -> tuple[bytes, int]:
        if self._own is None:
            return self._pack(b"".join(self._small))
        blob = self._own.commit()
        self._blobs.append(blob)
        return blob, 0

    def abort(self) -> None:
        if self._own is not None:
            self._own.abort()


def _zeros(count: int) -> Iterable[bytes]:
    block = bytes(64 * CHUNK)
    while count > 0:
        yield block[:count] if count < len(block) else block
        count -= len(block)
