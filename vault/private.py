"""A folder of what somebody keeps for themselves: encrypted under their identity, and never half.

Files are written beside their place and renamed, under a lock, so that what is there is the old
state or the new one. Each is bound to its name: one cannot be put in the place of another.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from keys import container
from keys.derive import lp
from vault.errors import BusyError, DamageError, FileError, MalformedError, VerificationError

_WAIT = 5.0


class Private:
    """The folder.

    Args:
        path: Where it is; made when something is written.
        key: 32 bytes.
        bound: What the files are bound to besides their names; begins with a label.
    """

    lost = (
        "restore it from a backup, or delete it and join again: what this client has seen is "
        "forgotten then"
    )
    """What to do if a file of it is damaged."""

    def __init__(self, path: Path, key: bytes, bound: tuple[bytes, ...]) -> None:
        self.path = path
        self._key = key
        self._bound = bound

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock, and make the folder.

        Raises:
            BusyError: Another process holds it.
            FileError: Something cannot be written.
        """
        from filelock import FileLock, Timeout

        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            with FileLock(self.path / "lock", timeout=_WAIT):
                yield
        except Timeout:
            raise BusyError("another process holds the local state", "try again") from None
        except OSError as error:
            raise FileError(f"cannot write the local state: {error.strerror}") from None

    def _context(self, name: str) -> bytes:
        return lp(*self._bound, name.encode())

    def read(self, name: str) -> bytes | None:
        """A file; None if there is none.

        Raises:
            DamageError: It is damaged.
            FileError: It cannot be read.
        """
        try:
            data = (self.path / name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise FileError(f"cannot read the local state: {error.strerror}") from None
        try:
            return container.decrypt(self._key, self._context(name), data)
        except (MalformedError, VerificationError):
            raise DamageError(
                f"the local state in {self.path} is damaged",
                self.lost,
            ) from None

    def write(self, name: str, plain: bytes) -> None:
        """Replace a file, durably; the caller holds the lock."""
        data = container.encrypt(self._key, self._context(name), plain)
        fresh = self.path / f".{name}.{os.getpid()}"
        try:
            with fresh.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self.path / name)
            folder = os.open(self.path, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        finally:
            fresh.unlink(missing_ok=True)
