"""Takes evidence in from the file system: what there is, whether it can be read, and what is known
of it without asking anybody.

A file is looked at before anything is stored, opened without following surprises (a pipe, a device,
a link inside a folder), and checked again after it was read: a file that changed meanwhile is not
evidence of any one moment.
"""

from __future__ import annotations

import base64
import mimetypes
import os
import platform
import stat
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, BinaryIO

from vault.errors import FileError, UsageError

BLOCK = 1 << 20
"""How much is read at once."""


@dataclass(frozen=True, slots=True)
class Source:
    """One thing to store.

    Args:
        name: What it will be called: a file's name, or its path below the folder that was given.
        path: Where it is; None for a stream.
        stream: A readable stream, for what has no path.
        raw_name: The name's bytes as the file system has them.
        method: How it came in: `file`, `folder` or `stream`.
    """

    name: str
    path: Path | None = None
    stream: BinaryIO | None = None
    raw_name: bytes = b""
    method: str = "file"


@dataclass(frozen=True, slots=True)
class Survey:
    """What was found below some paths.

    Args:
        sources: What can be stored.
        odd: What cannot, each with the reason.
        size: How many bytes there are, as far as is known.
    """

    sources: list[Source]
    odd: list[tuple[Path, str]]
    size: int


@dataclass(slots=True)
class Opened:
    """A source while it is read.

    Args:
        source: What it is.
        file: The open file.
        before: Its state when it was opened; None for a stream.
        observed: What is known of it without asking.
    """

    source: Source
    file: BinaryIO
    before: os.stat_result | None
    observed: dict[str, Any] = field(default_factory=dict)

    def check_unchanged(self, size: int) -> None:
        """Make sure that the file is what it was when it was opened.

        Args:
            size: How many bytes were read.

        Raises:
            FileError: It changed while it was read.
        """
        if self.before is None:
            return
        after = os.fstat(self.file.fileno())
        same = ("st_size", "st_mtime_ns", "st_ino", "st_dev")
        if size != after.st_size or any(
            getattr(self.before, name) != getattr(after, name) for name in same
        ):
            raise FileError(
                f"{self.source.name!r} changed while it was read",
                "nothing was stored; close what writes to it, or add a copy of it",
            )


def survey(paths: Sequence[Path]) -> Survey:
    """Look at what is to be stored, without reading it.

    Args:
        paths: Files and folders.

    Raises:
        FileError: One of them is not there or cannot be read, or nothing is in them.
        UsageError: One of them is given twice.
    """
    sources: list[Source] = []
    odd: list[tuple[Path, str]] = []
    size = 0
    seen: set[Path] = set()
    for path in paths:
        real = path.resolve()
        if real in seen or any(parent in seen for parent in real.parents):
            raise UsageError(f"{_shown(path)} is given twice", "name each file or folder once")
        seen.add(real)
        try:
            found = path.stat()
        except OSError as error:
            raise FileError(f"cannot read {_shown(path)}: {error.strerror}") from None
        if stat.S_ISDIR(found.st_mode):
            for source, bytes_, reason in _walk(path):
                if reason:
                    odd.append((source.path or path, reason))
                else:
                    sources.append(source)
                    size += bytes_
            continue
        reason = _unfit(path, found)
        if reason:
            raise FileError(f"cannot store {_shown(path)}: {reason}", "name a file or a folder")
        sources.append(Source(_text(os.fsencode(real.name)), path, None, os.fsencode(real.name)))
        size += found.st_size
    for folder in (path.resolve() for path in paths if path.is_dir()):
        if any(other != folder and other.is_relative_to(folder) for other in seen):
            raise UsageError(f"{_shown(folder)} is given twice", "name each file or folder once")
    if not sources and not odd:
        raise FileError("there is no file to store in what was given")
    return Survey(sources, odd, size)


def all_of(sources: Sequence[Path | Source]) -> list[Source]:
    """What there is below some paths, provided that all of it can be stored.

    Raises:
        FileError, UsageError: as `survey`, or something in a folder cannot be stored.
    """
    taken = [source for source in sources if isinstance(source, Source)]
    paths = [path for path in sources if not isinstance(path, Source)]
    if paths:
        found = survey(paths)
        for path, reason in found.odd:
            raise FileError(f"cannot store {_shown(path)}: {reason}", "nothing was stored")
        taken += found.sources
    return taken


def open_source(source: Source) -> Opened:
    """Open a source for reading.

    Raises:
        FileError: It cannot be read, or is no longer a plain file.
    """
    if source.path is None:
        if source.stream is None:
            raise ValueError("a source has a path or a stream")
        return Opened(source, source.stream, None, {"method": observed(source.method)})
    try:
        # Without waiting: a pipe put in the file's place must not hold us up.
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        descriptor = os.open(source.path, flags)
    except OSError as error:
        raise FileError(f"cannot read {_shown(source.path)}: {error.strerror}") from None
    file = os.fdopen(descriptor, "rb", buffering=0)
    before = os.fstat(descriptor)
    if not stat.S_ISREG(before.st_mode):
        file.close()
        raise FileError(f"cannot store {_shown(source.path)}: not a plain file")
    return Opened(source, file, before, _observe(source, before, descriptor))


def blocks(opened: Opened) -> Iterator[bytes]:
    """The bytes of a source, in full blocks but for the last.

    Raises:
        FileError: Reading fails.
    """
    while True:
        parts: list[bytes] = []
        want = BLOCK
        while want:
            try:
                part = opened.file.read(want)
            except OSError as error:
                raise FileError(f"cannot read {opened.source.name!r}: {error.strerror}") from None
            if not part:
                break
            parts.append(part)
            want -= len(part)
        block = parts[0] if len(parts) == 1 else b"".join(parts)
        if block:
            yield block
        if want:
            return


def media_type(name: str, start: bytes) -> str:
    """The media type of a file, from its name, else from how it begins.

    Args:
        name: Its name.
        start: Its first bytes, a few KiB.
    """
    guessed = _by_name(os.path.splitext(name)[1].lower())
    if guessed:
        return guessed
    if not start:
        return "application/x-empty"
    import puremagic

    try:
        found = str(puremagic.from_string(start[:4096], mime=True))
    except (puremagic.PureError, ValueError):
        found = ""
    if found:
        return found
    return "text/plain" if _is_text(start[:4096]) else "application/octet-stream"


@cache
def surroundings() -> Mapping[str, Any]:
    """What is the same for every record of one run: program, versions, machine, clock."""
    versions = {name: metadata.version(name) for name in ("cryptography", "blake3", "argon2-cffi")}
    zone = time.strftime("%z")
    return {
        "clock_synchronised": observed(_synchronised()),
        "clock_zone": observed(f"{zone[:3]}:{zone[3:]}"),
        "os": observed(f"{platform.system()} {platform.release()}"),
        "python": observed(platform.python_version()),
        "tool": observed(f"evault {_version()}"),
        "tool_libraries": observed(versions),
    }


def moment(seconds: float) -> str:
    """A time as text: RFC 3339, UTC. What is after the year 9999, as a note may say, is its end."""
    last = 253_402_300_799
    shown = datetime.fromtimestamp(min(int(seconds), last), UTC)
    return shown.replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def _version() -> str:
    try:
        return metadata.version("evidence-vault")
    except metadata.PackageNotFoundError:
        return "unknown"


def _walk(folder: Path) -> Iterator[tuple[Source, int, str]]:
    base = os.fsencode(folder.resolve().name)
    failed: list[OSError] = []
    root = os.fsencode(folder)
    for place, folders, files in os.walk(root, onerror=failed.append, followlinks=False):
        folders.sort()
        for name in sorted(files) + [f for f in folders if os.path.islink(os.path.join(place, f))]:
            full = Path(os.fsdecode(os.path.join(place, name)))
            raw = os.path.join(base, os.path.relpath(os.path.join(place, name), root))
            source = Source(_text(raw), full, None, raw, "folder")
            try:
                found = full.lstat()
            except OSError as error:
                yield source, 0, str(error.strerror)
                continue
            yield source, found.st_size, _unfit(full, found)
    for failure in failed:
        yield Source("", Path(os.fsdecode(failure.filename))), 0, str(failure.strerror)


def _unfit(path: Path, found: os.stat_result) -> str:
    kinds = (
        (stat.S_ISLNK, "a link"),
        (stat.S_ISFIFO, "a pipe"),
        (stat.S_ISSOCK, "a socket"),
        (stat.S_ISBLK, "a device"),
        (stat.S_ISCHR, "a device"),
    )
    for is_kind, words in kinds:
        if is_kind(found.st_mode):
            return words
    return "" if os.access(path, os.R_OK) else "no permission to read it"


def _observe(source: Source, found: os.stat_result, descriptor: int) -> dict[str, Any]:
    path = source.path or Path()
    known = {
        "method": observed(source.method),
        "file_mode": observed(stat.filemode(found.st_mode)),
        "file_modified": observed(_nanoseconds(found.st_mtime_ns)),
        "file_changed": observed(_nanoseconds(found.st_ctime_ns)),
        "name_raw": observed(base64.b64encode(source.raw_name).decode()),
        "path": observed(_text(os.fsencode(path.absolute()))),
    }
    born = getattr(found, "st_birthtime_ns", None)
    if born is not None:
        known["file_created"] = observed(_nanoseconds(born))
    if hasattr(os, "listxattr"):
        try:
            names = os.listxattr(descriptor)
            values = {name: os.getxattr(descriptor, name) for name in names}
        except OSError:
            values = {}
        if values:
            # Names come from the file system and need not be ASCII, so they are no JSON keys.
            known["file_attributes"] = observed(
                [[_text(os.fsencode(n)), base64.b64encode(v).decode()] for n, v in values.items()]
            )
    return known


def observed(value: Any) -> dict[str, Any]:
    """A value of the particulars that the program saw for itself."""
    return {"basis": "observed", "value": value}


def _nanoseconds(value: int) -> str:
    whole, part = divmod(value, 10**9)
    return datetime.fromtimestamp(whole, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{part:09d}Z"


def _text(raw: bytes) -> str:
    """Bytes of a name as text; what is not UTF-8 stays visible as \\xNN."""
    return raw.decode("utf-8", "backslashreplace")


def _shown(path: Path) -> str:
    return repr(_text(os.fsencode(path)))


@cache
def _by_name(extension: str) -> str:
    extra = {
        ".eml": "message/rfc822",
        ".heic": "image/heic",
        ".md": "text/markdown",
        ".opus": "audio/ogg",
        ".webp": "image/webp",
    }
    return extra.get(extension) or mimetypes.guess_type("x" + extension)[0] or ""


def _is_text(start: bytes) -> bool:
    try:
        text = start.decode()
    except UnicodeDecodeError as error:
        # A character cut at the end of what was read is no reason.
        if error.start < len(start) - 3:
            return False
        text = start[: error.start].decode()
    return all(char >= " " or char in "\t\r\n\f" for char in text)


def _synchronised() -> str:
    if sys.platform == "linux" and Path("/run/systemd/timesync/synchronized").exists():
        return "yes"
    return "unknown"
