"""Checkpoints that came back from outside, since format 3: cosigned ones, and time-stamped ones.

They are kept so that others find them. Nothing in them is believed: whoever reads one verifies its
root against the log, and each signature or token that it needs.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, insert, select
from sqlalchemy.dialects.sqlite import insert as upsert

from vault.errors import DamageError
from vault.note import ACCESS, AUTHORITY
from vault.store import tables

MAX_NOTE = 1 << 18
"""How many bytes a kept checkpoint may have: 64 signature lines of ML-DSA-44 fit."""

MAX_TOKEN = 1 << 16
"""How many bytes a time-stamp token may have, its certificates included."""

_LOGS = {AUTHORITY: 0, ACCESS: 1}
_NAMES = {number: log for log, number in _LOGS.items()}

_cosigned, _timestamp = tables.cosigned.c, tables.timestamp.c

_COSIGNED = (
    select(_cosigned.size, _cosigned.note)
    .where(_cosigned.log == bindparam("log"))
    .order_by(_cosigned.size.desc())
)
_COSIGNED_AT = select(_cosigned.note).where(
    _cosigned.log == bindparam("log"), _cosigned.size == bindparam("size")
)
_KEEP = upsert(tables.cosigned)
_KEEP = _KEEP.on_conflict_do_update(
    index_elements=["log", "size"], set_={"note": _KEEP.excluded.note}
)
_TIMESTAMPS = select(tables.timestamp).order_by(_timestamp.log, _timestamp.size, _timestamp.id)
_STAMPED = select(_timestamp.id).where(
    _timestamp.log == bindparam("log"),
    _timestamp.size == bindparam("size"),
    _timestamp.id == bindparam("id"),
)


class Cosigned(NamedTuple):
    """A kept checkpoint with lines of cosigners.

    Args:
        size: How many entries it says that the log had.
        note: The signed checkpoint with its cosignature lines.
    """

    size: int
    note: bytes


class Stamped(NamedTuple):
    """A kept time-stamp.

    Args:
        log: Which log.
        size: How many entries it had.
        id: SHA-256 of the token, 32 bytes.
        note: The signed checkpoint.
        token: DER bytes (RFC 3161).
    """

    log: str
    size: int
    id: bytes
    note: bytes
    token: bytes


class KeptReads:
    """What can be asked of it, all from one snapshot. Nothing of it is verified."""

    _connection: Connection

    def cosigned(self, log: str) -> list[Cosigned]:
        """The kept checkpoints of a log that have lines of cosigners, newest first.

        Raises:
            DamageError: One is longer than any that is kept.
        """
        rows = self._connection.execute(_COSIGNED, {"log": _LOGS[log]})
        return [Cosigned(row.size, _bounded(row.note, MAX_NOTE)) for row in rows]

    def cosigned_at(self, log: str, size: int) -> bytes | None:
        """The kept checkpoint of a log at one size, or None.

        Raises:
            DamageError: It is longer than any that is kept.
        """
        row = self._connection.execute(_COSIGNED_AT, {"log": _LOGS[log], "size": size}).first()
        return None if row is None else _bounded(row.note, MAX_NOTE)

    def timestamps(self) -> list[Stamped]:
        """All time-stamps that are kept: the authority log's first, then by size.

        Raises:
            DamageError: One is longer than any that is kept, or of no log.
        """
        return [
            Stamped(
                _named(row.log),
                row.size,
                bytes(row.id),
                _bounded(row.note, MAX_NOTE),
                _bounded(row.token, MAX_TOKEN),
            )
            for row in self._connection.execute(_TIMESTAMPS)
        ]


class KeptWrites(KeptReads):
    """What the one writer keeps of it, within its transaction."""

    def keep_cosigned(self, log: str, size: int, note: bytes) -> None:
        """Keep a checkpoint with lines of cosigners, in the place of one of the same size.

        Args:
            log: Which log.
            size: How many entries it had.
            note: At most `MAX_NOTE` bytes.

        Raises:
            ValueError: It is longer (the caller's mistake).
        """
        if len(note) > MAX_NOTE:
            raise ValueError(f"a kept checkpoint has at most {MAX_NOTE} bytes")
        self._connection.execute(_KEEP, {"log": _LOGS[log], "size": size, "note": note})

    def keep_timestamp(self, log: str, size: int, note: bytes, token: bytes) -> None:
        """Keep a time-stamp; one that is kept already stays as it is.

        Args:
            log: Which log.
            size: How many entries it had.
            note: The checkpoint that was stamped, at most `MAX_NOTE` bytes.
            token: DER bytes, at most `MAX_TOKEN`.

        Raises:
            ValueError: One of them is longer (the caller's mistake).
        """
        if len(note) > MAX_NOTE or len(token) > MAX_TOKEN:
            raise ValueError(f"a time-stamp has at most {MAX_TOKEN} bytes")
        key = {"log": _LOGS[log], "size": size, "id": hashlib.sha256(token).digest()}
        if self._connection.execute(_STAMPED, key).first() is None:
            row = {**key, "note": note, "token": token}
            self._connection.execute(insert(tables.timestamp), row)


def _bounded(value: bytes, most: int) -> bytes:
    if len(value) > most:
        raise DamageError("the vault's database has a value that is too long")
    return bytes(value)


def _named(number: int) -> str:
    if number not in _NAMES:
        raise DamageError("the vault's database has a log that does not exist")
    return _NAMES[number]
