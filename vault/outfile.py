"""Writes plaintext where the user asked, and nowhere else.

A file appears only when it is whole and every check has passed; an existing one is never replaced;
and a record's name leads nowhere but down.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, cast

from vault.errors import FileError


def write_new(path: Path, blocks: Iterator[bytes]) -> None:
    """Write a file that is whole, or none at all; an existing one is never replaced.

    Where the system allows it the file has no name until it is complete, so even a killed process
    leaves nothing behind.

    Raises:
        FileError: It exists already, or cannot be written.
        VerificationError: The blocks end in a failed check; no file remains.
    """
    with new_file(path) as file:
        for block in blocks:
            put(file, block)


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """A file that gets its name when what is done with it has succeeded. See `write_new`.

    Raises:
        FileError: It exists already, or cannot be written.
    """
    refuse_existing(path)
    try:
        with _nameless(path) as file:
            yield file
    except FileExistsError:
        raise _taken(path) from None
    except OSError as error:
        raise FileError(f"cannot write {path}: {error.strerror}") from None


def put(file: BinaryIO, data: bytes | bytearray) -> None:
    """Write all of some bytes to an unbuffered file."""
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


def refuse_existing(path: Path) -> None:
    """Refuse to write where something is already.

    Raises:
        FileError: Something is.
    """
    if os.path.lexists(path):
        raise _taken(path)


def _taken(path: Path) -> FileError:
    return FileError(f"{path} exists already", "choose another place with -o")


def write_all(files: Sequence[tuple[Path, bytes]]) -> None:
    """Write several files, or none of them; an existing one is never replaced.

    Raises:
        FileError: One exists already, or cannot be written; none remains.
    """
    for path, _data in files:
        if os.path.lexists(path):
            raise FileError(f"{path} exists already", "choose another place")
    written: list[Path] = []
    try:
        for path, data in files:
            write_new(path, iter((data,)))
            written.append(path)
    except BaseException:
        for path in written:
            with suppress(OSError):
                path.unlink()
        raise


@contextmanager
def _nameless(path: Path) -> Iterator[BinaryIO]:
    flag = getattr(os, "O_TMPFILE", None)
    folder = path.parent
    descriptor = -1
    if flag is not None:
        with suppress(OSError):
            descriptor = os.open(folder, os.O_WRONLY | flag, 0o600)
    if descriptor < 0:
        with _named(path) as file:
            yield file
        return
    with os.fdopen(descriptor, "wb", buffering=0) as file:
        yield cast("BinaryIO", file)
        os.fsync(file.fileno())
        parent = os.open(folder, os.O_RDONLY)
        try:
            # Only with a folder's descriptor does the call follow the link to the nameless file.
            source = f"/proc/self/fd/{file.fileno()}"
            os.link(source, path.name, dst_dir_fd=parent, follow_symlinks=True)
        finally:
            os.close(parent)


@contextmanager
def _named(path: Path) -> Iterator[BinaryIO]:
    fresh = path.with_name(f".{os.urandom(8).hex()}.part")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb", buffering=0) as file:
            yield cast("BinaryIO", file)
            os.fsync(file.fileno())
        try:
            os.link(fresh, path)
        except FileExistsError:
            raise
        except OSError:
            # Memory sticks know no links. What appeared here since the first look is kept.
            if os.path.lexists(path):
                raise FileExistsError(path) from None
            fresh.rename(path)
    finally:
        fresh.unlink(missing_ok=True)


def safe_name(name: str) -> Path:
    """A relative path for a record's name that leads nowhere but down.

    Parts that mean something to a file system (`..`, empty, a drive) and characters that mean
    something to a terminal are replaced; long parts are cut to 255 bytes, keeping the ending.
    """
    parts = []
    for part in name.split("/"):
        clean = "".join("_" if _unsafe(char) else char for char in part)
        if clean.strip() in {"", ".", ".."}:
            continue
        parts.append(_cut(clean))
    return Path(*parts) if parts else Path("record")


_CONTROL = frozenset(("Cc", "Cs", "Zl", "Zp"))
_FORBIDDEN = frozenset('\\:*?"<>|' if os.name == "nt" else "\\")
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def _unsafe(char: str) -> bool:
    return char in _FORBIDDEN or char in _BIDI or unicodedata.category(char) in _CONTROL


def _cut(part: str) -> str:
    if len(part.encode()) <= 255:
        return part
    stem, dot, ending = part.rpartition(".")
    ending = dot + ending if dot and len(ending.encode()) <= 20 else ""
    stem = part[: len(part) - len(ending)]
    return stem.encode()[: 255 - len(ending.encode())].decode("utf-8", "ignore") + ending
