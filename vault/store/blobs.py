"""Blobs: files that are written once, durably, and never changed.

A blob is one large container, or a pack of many small ones. Its name is random, so it tells nothing
of the records in it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from vault import ids
from vault.errors import FileError, MissingError

_FRESH = "fresh"
_BLOCK = 1 << 20


class Blobs:
    """The folder of blobs.

    Args:
        path: Made if it is not there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def prepare(self) -> None:
        """Make the folders."""
        (self._path / _FRESH).mkdir(parents=True, exist_ok=True, mode=0o700)

    def writer(self) -> BlobWriter:
        """Begin a blob.

        Raises:
            FileError: It cannot be written.
        """
        self._ready()
        return BlobWriter(self._path)

    def scratch(self) -> BinaryIO:
        """A nameless file beside the blobs for bytes that go into the store in the end.

        Raises:
            FileError: It cannot be made.
        """
        import tempfile

        self._ready()
        try:
            return tempfile.TemporaryFile(dir=self._path / _FRESH)
        except OSError as error:
            raise FileError(f"cannot write into the vault: {error.strerror}") from None

    def _ready(self) -> None:
        """Make the folders, which a copy of a vault may lack when they were empty."""
        try:
            self.prepare()
        except OSError as error:
            raise _unwritable(error) from None

    def open(self, name: bytes) -> BinaryIO:
        """Open a blob for reading.

        Raises:
            MissingError: It is not there.
            FileError: It cannot be read.
        """
        try:
            return _place(self._path, name).open("rb")
        except FileNotFoundError:
            raise MissingError(
                "a file with evidence is missing from the vault",
                "run `evault check`, and restore it from a backup",
            ) from None
        except OSError as error:
            raise FileError(f"cannot read from the vault: {error.strerror}") from None

    def size(self, name: bytes) -> int | None:
        """The length of a blob, or None if it is not there."""
        try:
            return _place(self._path, name).stat().st_size
        except OSError:
            return None

    def remove(self, name: bytes) -> None:
        """Delete a blob that no record names."""
        with suppress(OSError):
            _place(self._path, name).unlink()

    def erase(self, name: bytes, offset: int, size: int) -> None:
        """Overwrite a stretch of a blob with zeros, or delete it if that is all of it.

        May be called again: what is erased already stays so.

        Raises:
            FileError: It cannot be written.
        """
        place = _place(self._path, name)
        try:
            if offset == 0 and place.stat().st_size <= size:
                # Zeros first: the file system may not overwrite what it only forgets.
                _zero(place, 0, place.stat().st_size)
                place.unlink()
                sync_folder(place.parent)
            else:
                _zero(place, offset, size)
        except FileNotFoundError:
            return
        except OSError as error:
            raise FileError(f"cannot erase in the vault: {error.strerror}", "try again") from None

    def names(self) -> Iterator[bytes]:
        """The names of all blobs."""
        for folder in sorted(self._path.iterdir()):
            if folder.name != _FRESH and folder.is_dir():
                for file in sorted(folder.iterdir()):
                    with suppress(ValueError):
                        yield bytes.fromhex(folder.name + file.name)

    def collect(self, needed: Callable[[bytes], bool], before: float) -> int:
        """Delete blobs that no record names and unfinished files, older than a time.

        Args:
            needed: Whether a record names this blob.
            before: Seconds since the epoch; younger ones may belong to a deposit under way.

        Returns:
            How many were deleted.
        """
        gone = 0
        for file in (self._path / _FRESH).iterdir():
            gone += _delete_older(file, before)
        for name in self.names():
            file = _place(self._path, name)
            with suppress(OSError):
                if file.stat().st_mtime < before and not needed(name):
                    gone += _delete_older(file, before)
        return gone


class BlobWriter:
    """Writes one blob: bytes in, then `commit`, or nothing remains.

    Raises:
        FileError: It cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.name = ids.draw()
        self.size = 0
        self._root = path
        self._fresh = path / _FRESH / self.name.hex()
        try:
            self._file = self._fresh.open("xb", buffering=0)
        except OSError as error:
            raise _unwritable(error) from None

    def write(self, data: bytes | bytearray) -> None:
        """Append bytes.

        Raises:
            FileError: The disk is full or fails.
        """
        view = memoryview(data)
        try:
            while view:
                written = self._file.write(view)
                self.size += written or 0
                view = view[written or 0 :]
        except OSError as error:
            raise _unwritable(error) from None

    def commit(self) -> bytes:
        """Make the blob durable under its name, and return the name.

        Raises:
            FileError: The disk is full or fails; nothing remains.
        """
        place = _place(self._root, self.name)
        linked = False
        try:
            os.fsync(self._file.fileno())
            self._file.close()
            made = not place.parent.exists()
            place.parent.mkdir(exist_ok=True, mode=0o700)
            # A link, unlike a rename, never replaces.
            os.link(self._fresh, place)
            linked = True
            self._fresh.unlink()
            sync_folder(place.parent)
            if made:
                sync_folder(self._root)
        except OSError as error:
            self.abort()
            if linked:
                with suppress(OSError):
                    place.unlink()
            raise _unwritable(error) from None
        return self.name

    def abort(self) -> None:
        """Drop what was written so far."""
        with suppress(OSError):
            self._file.close()
        with suppress(OSError):
            self._fresh.unlink(missing_ok=True)

    def __enter__(self) -> BlobWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.abort()


def _place(root: Path, name: bytes) -> Path:
    text = name.hex()
    return root / text[:2] / text[2:]


def _zero(place: Path, offset: int, size: int) -> None:
    with place.open("r+b", buffering=0) as file:
        file.seek(offset)
        at = 0
        while at < size:
            block = file.read(min(_BLOCK, size - at))
            if not block:
                break
            if block.count(0) != len(block):
                file.seek(offset + at)
                file.write(bytes(len(block)))
            at += len(block)
        os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _delete_older(file: Path, before: float) -> int:
    try:
        if file.stat().st_mtime < before:
            file.unlink()
            return 1
    except OSError:
        pass
    return 0


def _unwritable(error: OSError) -> FileError:
    return FileError(
        f"cannot write into the vault: {error.strerror}",
        "free some space or check the disk; nothing was added",
    )
