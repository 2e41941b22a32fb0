"""What the database and the file system raise, in the vault's own words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import exc

from vault.errors import BusyError, DamageError, Error, FileError, ReadOnlyError

_WORDS: Sequence[tuple[str, type[Error], str, str]] = (
    ("locked", BusyError, "another process holds the vault", "try again in a moment"),
    ("busy", BusyError, "another process holds the vault", "try again in a moment"),
    (
        "full",
        FileError,
        "the disk is full, so nothing can be logged: nothing was changed and nothing is released",
        "free some space and try again",
    ),
    (
        "disk I/O error",
        FileError,
        "the disk is full or fails, so the vault cannot be used, and nothing is released",
        "free some space; if there is enough, copy the vault to another disk",
    ),
    (
        "unable to open",
        FileError,
        "the vault's database, or a file beside it, cannot be opened, and nothing is released",
        "look at vault.db and vault.db-wal in its folder: are they files that you can write?",
    ),
    (
        "readonly",
        ReadOnlyError,
        "the vault cannot be written, so nothing can be logged and nothing is released",
        "check the folder's permissions and the disk",
    ),
    ("malformed", DamageError, "the vault's database is damaged", "restore it from a backup"),
    ("not a database", DamageError, "the vault's database is damaged", "restore it from a backup"),
    ("no such table", DamageError, "the vault's database is damaged", "restore it from a backup"),
    ("no such column", DamageError, "the vault's database is damaged", "restore it from a backup"),
)


@contextmanager
def translated() -> Iterator[None]:
    """Turn what the database and the file system raise into the vault's own words."""
    try:
        yield
    except exc.IntegrityError:
        raise BusyError(
            "an id or an index in the vault is taken already", "try again with a fresh act"
        ) from None
    except exc.DBAPIError as error:
        said = str(error.orig)
        for word, kind, message, hint in _WORDS:
            if word in said:
                raise kind(message, hint) from None
        raise FileError(f"the vault's database cannot be used: {said}") from None
    except exc.SQLAlchemyError as error:
        raise DamageError(f"the vault's database is damaged: {type(error).__name__}") from None
    except OSError as error:
        raise FileError(f"the vault cannot be used: {error.strerror}") from None
