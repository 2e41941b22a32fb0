"""Where released evidence goes: planned and tried before anything is asked for, then written."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path, PurePath

from vault.cli.context import inside
from vault.cli.text import _, size
from vault.errors import FileError

_MAX_NAME = 255


def targets(output: Path, names: Sequence[str], *, vault: Path, folder: bool = False) -> list[Path]:
    """Where each of some records will be written; never over anything that exists.

    One record goes to the file `output`, or into it if it is a folder; several go into the folder.
    Names that would clash are told apart by a number.

    Args:
        output: What the user gave.
        names: The records' names.
        vault: The vault's folder, where no plaintext goes.
        folder: Whether `output` was written like a folder, which may not be there yet.

    Raises:
        FileError: Something is there already, or it is in the vault.
    """
    into = len(names) > 1 or folder or output.is_dir()
    if inside(output, vault):
        raise FileError(
            _("{path} is in the vault's own folder").format(path=output),
            _("choose another place with -o: plaintext does not belong there"),
        )
    if into and os.path.lexists(output) and not output.is_dir():
        raise FileError(
            _("{path} exists and is no folder").format(path=output),
            _("choose another place with -o"),
        )
    paths = [output / found for found in _distinct(names)] if into else [output]
    for path in paths:
        _refuse_existing(path)
    return paths


@contextmanager
def folders_for(paths: Sequence[Path], needed: int) -> Iterator[None]:
    """Make the folders for some files, and take back the empty ones if nothing came of it.

    Args:
        paths: The files.
        needed: How many bytes they will have.

    Raises:
        FileError: They cannot be made or written into, or the disk has too little space.
    """
    made: list[Path] = []
    try:
        for folder in dict.fromkeys(path.parent for path in paths):
            try:
                made += _make(folder)
                # The only sure way to know whether a file can be made is to make one.
                with tempfile.TemporaryFile(dir=folder):
                    pass
            except OSError as error:
                raise FileError(
                    _("cannot write into {path}: {reason}").format(
                        path=folder, reason=error.strerror
                    ),
                    _("choose another place with -o"),
                ) from None
        _check_space(paths[0].parent, needed)
        yield
    finally:
        for folder in reversed(made):
            with suppress(OSError):
                folder.rmdir()


def _make(folder: Path) -> list[Path]:
    """Make a folder and those above it; returns what was made."""
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    made = []
    for path in reversed(missing):
        path.mkdir(mode=0o700)
        made.append(path)
    if not folder.is_dir():
        raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    return made


def _check_space(folder: Path, needed: int) -> None:
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        return
    if free < needed:
        raise FileError(
            _("{needed} do not fit into {path}: {free} are free").format(
                needed=size(needed), path=folder, free=size(free)
            ),
            _("free some space, or choose another place with -o"),
        )


def _refuse_existing(path: Path) -> None:
    if os.path.lexists(path):
        raise FileError(
            _("{path} exists already").format(path=path), _("choose another place with -o")
        )
    for parent in path.parents:
        if os.path.lexists(parent):
            if not parent.is_dir():
                raise FileError(_("{path} exists and is no folder").format(path=parent))
            return


def _distinct(names: Sequence[str]) -> list[Path]:
    """Safe relative paths for some names, no two of which are the same file anywhere."""
    from vault.outfile import safe_name

    paths = [safe_name(name) for name in names]
    # A folder of one record's path must not be a file of another.
    folders = {_key(parent) for path in paths for parent in path.parents}
    taken: set[str] = set()
    chosen = []
    for path in paths:
        number, candidate = 1, path
        while _key(candidate) in taken or _key(candidate) in folders:
            number += 1
            candidate = _numbered(path, number)
        taken.add(_key(candidate))
        chosen.append(candidate)
    return chosen


def _key(path: PurePath) -> str:
    """Equal for two paths that some file system takes for the same."""
    return unicodedata.normalize("NFC", str(path)).casefold()


def _numbered(path: Path, number: int) -> Path:
    stem, ending, suffix = path.stem, path.suffix, f" ({number})"
    while len((stem + suffix + ending).encode("utf-8", "surrogateescape")) > _MAX_NAME:
        stem = stem[:-1]
    return path.with_name(stem + suffix + ending)
