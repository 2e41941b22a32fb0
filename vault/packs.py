"""Turns plaintext into containers in blobs, packing small ones together.

Plaintext comes block by block and is never in memory as a whole: it is hashed, padded and encrypted
while it passes. Who stores evidence and who re-encrypts it both go through here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from keys.container import CHUNK, Encryptor, encrypted_size
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


class Packer:
    """Writes the contents of one deposit.

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
        encryptor = Encryptor(key, context)
        sha256, blake3 = Sha256(expected), Blake3()
        target: BlobWriter | None = None
        small: list[bytes | bytearray] = []
        size = stored = 0

        def put(data: bytes | bytearray) -> None:
            nonlocal stored
            blake3.update(data)
            stored += len(data)
            if target is None:
                small.append(data)
            else:
                target.write(data)

        put(encryptor.header)
        try:
            for block in blocks:
                sha256.update(block)
                size += len(block)
                if target is None and encrypted_size(padded_size(size, LEAST_CONTENT)) > PACKED:
                    target = self._store.blobs.writer()
                    for data in small:
                        target.write(data)
                    small.clear()
                put(encryptor.update(block))
            for zeros in _zeros(padded_size(size, LEAST_CONTENT) - size):
                put(encryptor.update(zeros))
            put(encryptor.finish())
            if target is not None:
                blob, offset = target.commit(), 0
                self.blobs.append(blob)
            else:
                blob, offset = self._packed(b"".join(small))
        except BaseException:
            sha256.close()
            if target is not None:
                target.abort()
            raise
        return Content(size, sha256.digest().hex(), blake3.digest(), stored, blob, offset)

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

    def _packed(self, data: bytes) -> tuple[bytes, int]:
        if self._pack is not None and self._pack.size + len(data) > PACK:
            self.close()
        if self._pack is None:
            self._pack = self._store.blobs.writer()
        offset = self._pack.size
        self._pack.write(data)
        return self._pack.name, offset


def _zeros(count: int) -> Iterable[bytes]:
    block = bytes(64 * CHUNK)
    while count > 0:
        yield block[:count] if count < len(block) else block
        count -= len(block)
