"""A parcel: a deposit in one file that travels by hand.

    magic | u16 version | contents | rows | message | u64 lengths of these three | magic

Contents are the containers one after another, in the order of the rows; a row's offset counts from
the first of them. The message is what the gate gets. What is long comes first, so that a parcel is
written while the evidence is read, and whoever reads it begins at its end. All of it is bound to
the signed note: what is damaged, cut short or put together from two fits no more.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, cast

from keys.derive import equal, u64
from keys.digest import Blake3
from vault import fields, message, note
from vault.errors import DamageError, FileError, MalformedError, VerificationError
from vault.log import merkle
from vault.message import Message
from vault.model import Record
from vault.note import Note
from vault.outfile import put
from vault.packs import Content, Packer, pour
from vault.store import Store

MAGIC = b"EVPARCEL"
_VERSION = 1
_HEAD = MAGIC + _VERSION.to_bytes(2, "big")
_TAIL = 3 * 8 + len(MAGIC)
_MOST_MESSAGE = 1 << 20
_NO_BLOB = bytes(16)
_BLOCK = 1 << 20

Progress = Callable[[int], object]
"""Called with how many bytes more were read."""


# --- writing ------------------------------------------------------------------------------------


class ParcelContents:
    """Where the contents of a parcel go. See `vault.packs.Contents`.

    Args:
        file: The parcel, empty.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.blobs: list[bytes] = []
        self.size = 0
        self._file = file
        put(file, _HEAD)

    def add(self, key: bytes, context: bytes, blocks: Iterable[bytes], expected: int) -> Content:
        """Encrypt one content to the end of the file."""
        poured = pour(key, context, blocks, expected, lambda data: put(self._file, data))
        offset, self.size = self.size, self.size + poured.stored
        return Content(*poured, _NO_BLOB, offset)

    def close(self) -> None:
        """All of it is written."""

    def abort(self) -> None:
        """The file is dropped by who made it."""


def finish(file: BinaryIO, contents: int, rows: BinaryIO, encoded: bytes) -> None:
    """Write what comes after the contents.

    Args:
        file: The parcel.
        contents: How many bytes they have.
        rows: The rows.
        encoded: The message.
    """
    rows.seek(0)
    size = 0
    while block := rows.read(_BLOCK):
        put(file, block)
        size += len(block)
    put(file, encoded)
    put(file, b"".join(map(u64, (contents, size, len(encoded)))) + MAGIC)


# --- reading ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Parcel:
    """A parcel that was opened; only its framing is verified.

    Args:
        message: For the gate.
        actor: The note in it.
        contents: Where the contents are.
        rows: Where the rows are.
        path: The file.
    """

    message: Message
    actor: Note
    contents: tuple[int, int]
    rows: tuple[int, int]
    path: Path


def read(path: Path) -> Parcel:
    """Open a parcel.

    Raises:
        FileError: It cannot be read.
        MalformedError: It is none, or of a newer version.
        DamageError: It is damaged or cut short.
    """
    with _reading(path) as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        head = file.read(len(_HEAD))
        if head[: len(MAGIC)] != MAGIC:
            raise MalformedError("not a parcel", "give the file that `evault collect` made")
        if head != _HEAD:
            raise MalformedError(
                "a parcel of a version that is not supported", "use a newer evault"
            )
        file.seek(max(len(_HEAD), size - _TAIL))
        tail = file.read(_TAIL)
        lengths = [int.from_bytes(tail[at : at + 8], "big") for at in (0, 8, 16)]
        if tail[24:] != MAGIC or sum(lengths) + len(_HEAD) + _TAIL != size:
            raise damaged()
        if lengths[2] > _MOST_MESSAGE:
            raise damaged()
        contents, rows = len(_HEAD), len(_HEAD) + lengths[0]
        file.seek(rows + lengths[1])
        encoded = file.read(lengths[2])
    try:
        parsed = Message.parse(encoded)
        actor = note.parse(parsed.note)
    except (MalformedError, VerificationError):
        raise damaged() from None
    seals = [hashlib.sha256(sealed).hexdigest() for sealed in parsed.attachments]
    if seals != [actor.body.get("case_seal"), actor.body.get("gate_seal")]:
        raise damaged()
    return Parcel(parsed, actor, (contents, lengths[0]), (rows, lengths[1]), path)


def unpack(parcel: Parcel, store: Store, packer: Packer, progress: Progress) -> BinaryIO:
    """Bring the contents of a parcel into a vault, and verify each against the signed note.

    Args:
        parcel: Whose note is verified.
        store: Where to.
        packer: Writes the contents.
        progress: Called with the size of each block.

    Returns:
        The rows as they are in this vault; the caller closes them.

    Raises:
        DamageError: It is not what was signed. The caller drops what was written.
        FileError: It cannot be read, or the vault cannot be written.
    """
    rows = store.blobs.scratch()
    frontier, at = merkle.Frontier(), 0
    try:
        with _reading(parcel.path) as rows_in, _reading(parcel.path) as contents:
            contents.seek(parcel.contents[0])
            for record in _placed(parcel, message.read_rows(_stretch(rows_in, *parcel.rows))):
                blocks = _container(contents, record.content_size, record.content_digest, progress)
                at += record.content_size
                blob, offset = packer.copy(blocks)
                placed = replace(record, blob=blob, offset=offset)
                rows.write(message.encode_row(placed))
                frontier.append(merkle.leaf_hash(fields.record_leaf(placed)))
        packer.close()
        rows.flush()
    except MalformedError:
        rows.close()
        raise damaged() from None
    except BaseException:
        rows.close()
        raise
    body = parcel.actor.body
    whole = at == parcel.contents[1] and frontier.size == body["count"]
    if not whole or frontier.root().hex() != body["records_root"]:
        rows.close()
        raise damaged()
    return rows


def damaged() -> DamageError:
    """What is said of a parcel that is not what was signed."""
    return DamageError(
        "the parcel is damaged or cut short", "nothing was brought in; ask for another copy of it"
    )


def _placed(parcel: Parcel, records: Iterable[Record]) -> Iterator[Record]:
    """The rows of a parcel, if their contents are back to back in it: no two records share bytes,
    and nothing is hidden between them."""
    at = 0
    for record in records:
        if record.blob != _NO_BLOB or record.offset != at:
            raise damaged()
        at += record.content_size
        if at > parcel.contents[1]:
            raise damaged()
        yield record


def _container(file: BinaryIO, size: int, digest: bytes, progress: Progress) -> Iterator[bytes]:
    blake3 = Blake3()
    while size:
        block = file.read(min(_BLOCK, size))
        if not block:
            raise damaged()
        size -= len(block)
        blake3.update(block)
        progress(len(block))
        yield block
    if not equal(blake3.digest(), digest):
        raise damaged()


class _Stretch(io.RawIOBase):
    """A part of a file as a file."""

    def __init__(self, file: BinaryIO, start: int, size: int) -> None:
        file.seek(start)
        self._file = file
        self._left = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        data = self._file.read(min(len(buffer), self._left))
        self._left -= len(data)
        buffer[: len(data)] = data
        return len(data)


def _stretch(file: BinaryIO, start: int, size: int) -> BinaryIO:
    return cast("BinaryIO", io.BufferedReader(_Stretch(file, start, size)))


@contextmanager
def _reading(path: Path) -> Iterator[BinaryIO]:
    try:
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise FileError(f"cannot read {path}: {error.strerror}") from None
