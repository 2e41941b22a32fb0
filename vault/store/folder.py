"""The vault's folder: its format version, and where it must not be."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

from vault.errors import FileError, MalformedError, NetworkFolderError, NoVaultError

FORMAT = 3
"""The version that is written; an older one is read, and becomes this one when it is written to."""

_FORMAT_FILE = "FORMAT"
_LINES = {f"evault vault {version}\n".encode(): version for version in range(1, FORMAT + 1)}

_NETWORK = frozenset(
    (
        *("9p", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "glusterfs", "gfs2", "lustre"),
        *("ncpfs", "nfs", "nfs4", "ocfs2", "orangefs", "smb2", "smb3", "smbfs", "vboxsf"),
        *("fuse.davfs2", "fuse.glusterfs", "fuse.rclone", "fuse.s3fs", "fuse.sshfs"),
    )
)
_SYNCED = ("dropbox", "onedrive", "google drive", "googledrive", "mobile documents", "nextcloud")


def create(path: Path) -> None:
    """Make the folder of a new vault.

    Raises:
        FileError: Something is there already, or it cannot be made.
        NetworkFolderError: It would be on a network file system.
    """
    refuse_network(path)
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(path.iterdir()):
            what = "a vault" if (path / _FORMAT_FILE).exists() else "something"
            raise FileError(f"there is {what} at {path} already", "choose an empty or new folder")
    except OSError as error:
        raise FileError(f"cannot make a vault at {path}: {error.strerror}") from None


def write_format(path: Path) -> None:
    """Declare the folder a vault of this version: the last step of making or changing one."""
    fresh = path / (_FORMAT_FILE + ".new")
    try:
        with fresh.open("wb") as file:
            file.write(f"evault vault {FORMAT}\n".encode())
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path / _FORMAT_FILE)
    except OSError:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)
        raise
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def check_format(path: Path) -> None:
    """Make sure that a folder is a vault of a supported version.

    Raises:
        NoVaultError, MalformedError, FileError: as `version`.
    """
    version(path)


def version(path: Path) -> int:
    """The format of a vault.

    Raises:
        NoVaultError: There is no vault.
        MalformedError: A newer or unknown version.
        FileError: It cannot be read.
    """
    try:
        line = (path / _FORMAT_FILE).read_bytes()[:100]
    except (FileNotFoundError, NotADirectoryError):
        raise NoVaultError(
            f"there is no vault at {path}",
            "name one with --vault or EVAULT_VAULT, or make one with `evault init PATH`",
        ) from None
    except OSError as error:
        raise FileError(f"cannot read the vault at {path}: {error.strerror}") from None
    if line not in _LINES:
        raise MalformedError(
            f"the vault at {path} has a format that this evault does not know",
            "use a newer evault",
        )
    return _LINES[line]


def refuse_network(path: Path) -> None:
    """Refuse a network file system: the database's write-ahead log is not safe on one.

    Raises:
        NetworkFolderError: The folder is, or would be, on one.
    """
    kind = filesystem(path)
    if kind in _NETWORK:
        raise NetworkFolderError(
            f"{path} is on a network file system ({kind}), where a vault can be damaged",
            "choose a folder on this machine's own disk",
        )


def read_only(path: Path) -> bool:
    """Whether the file system that a folder is on is mounted read-only."""
    try:
        return bool(os.statvfs(path).f_flag & os.ST_RDONLY)
    except (OSError, AttributeError):
        return False


def filesystem(path: Path) -> str:
    """The type of the file system that a path is or would be on; empty where it cannot be told."""
    try:
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    place = path.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    place = place.resolve()
    best, kind = -1, ""
    for line in mounts.split("\n"):
        left, _, right = line.partition(" - ")
        fields = left.split(" ")
        if len(fields) < 5 or not right:
            continue
        # Blanks and backslashes in names are written as octal numbers.
        mount = Path(re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), fields[4]))
        depth = len(mount.parts)
        # The last of several mounts on the same folder is the one that is seen.
        if depth >= best and place.is_relative_to(mount):
            best, kind = depth, right.split(" ")[0]
    return kind


def warnings(path: Path) -> list[str]:
    """What to say about a folder that is allowed but unwise."""
    place = path.absolute().resolve()
    watched = any(part.lower().startswith(_SYNCED) for part in place.parts) or any(
        (folder / ".stfolder").exists() for folder in (place, *place.parents)
    )
    if watched:
        return [
            f"{path} seems to be watched by a sync tool, which can damage a vault or copy it away"
        ]
    return []
