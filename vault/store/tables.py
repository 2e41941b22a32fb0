"""The schema. Ids are raw bytes; nothing here names a person, a title or a file.

SQLite keeps a value of any type in any column, so what whoever writes the disk has put there is
looked at when it is read: another type or length than the schema's is damage.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Column,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    UniqueConstraint,
)

from vault.errors import DamageError


class _Bytes(LargeBinary):
    """Bytes, of exactly the declared length if there is one."""

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any]:  # noqa: ARG002
        length = self.length

        def look(value: Any) -> Any:
            if type(value) is not bytes or (length is not None and len(value) != length):
                raise _damage()
            return value

        return look


class _Number(Integer):
    """A whole number that is not negative."""

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any]:  # noqa: ARG002
        def look(value: Any) -> Any:
            if type(value) is not int or value < 0:
                raise _damage()
            return value

        return look


def _damage() -> DamageError:
    return DamageError(
        "the vault's database has a value of the wrong kind", "restore it from a backup"
    )


metadata = MetaData()

log_entry = Table(
    "log_entry",
    metadata,
    Column("log", _Number, primary_key=True, autoincrement=False),
    Column("position", _Number, primary_key=True, autoincrement=False),
    Column("note_id", _Bytes(32), nullable=False, unique=True),
    Column("raw", _Bytes, nullable=False),
    CheckConstraint("log in (0, 1)"),
)
"""Entries of both logs: 0 is authority, 1 is access."""

log_node = Table(
    "log_node",
    metadata,
    Column("log", _Number, primary_key=True, autoincrement=False),
    Column("level", _Number, primary_key=True, autoincrement=False),
    Column("position", _Number, primary_key=True, autoincrement=False),
    Column("hash", _Bytes(32), nullable=False),
    sqlite_with_rowid=False,
)
"""Roots of full subtrees; level 0 has the leaf hashes."""

log_head = Table(
    "log_head",
    metadata,
    Column("log", _Number, primary_key=True, autoincrement=False),
    Column("note", _Bytes, nullable=False),
)
"""The last signed checkpoint of each log."""

deposit = Table(
    "deposit",
    metadata,
    Column("id", _Bytes(16), primary_key=True),
    Column("case_id", _Bytes(16), nullable=False, index=True),
    Column("epoch", _Number, nullable=False),
    Column("gate_epoch", _Number, nullable=False),
    Column("case_seal", _Bytes, nullable=False),
    Column("gate_seal", _Bytes, nullable=False),
    Column("entry", _Number, nullable=False, unique=True),
    Column("count", _Number, nullable=False),
)


def _record_columns() -> list[Column[Any]]:
    """What is stored of a record, also of one that waits."""
    return [
        Column("position", _Number, nullable=False),
        Column("salt", _Bytes(32), nullable=False),
        Column("leaf", _Bytes(32), nullable=False),
        Column("content_digest", _Bytes(32), nullable=False),
        Column("content_size", _Number, nullable=False),
        Column("fields_root", _Bytes(32), nullable=False),
        Column("blob", _Bytes(16), nullable=False),
        Column("offset", _Number, nullable=False),
        Column("label", _Bytes, nullable=False),
        Column("particulars", _Bytes, nullable=False),
    ]


record = Table(
    "record",
    metadata,
    Column("id", _Bytes(16), primary_key=True),
    Column("deposit", _Bytes(16), ForeignKey("deposit.id"), nullable=False),
    *_record_columns(),
    UniqueConstraint("deposit", "position"),
    Index("record_blob", "blob"),
)
"""Records in the order of their deposit; `leaf` is what the deposit's root is over."""


# --- since format 2 -----------------------------------------------------------------------------

record_grant = Table(
    "record_grant",
    metadata,
    Column("statement", _Bytes(32), primary_key=True),
    Column("position", _Number, primary_key=True, autoincrement=False),
    Column("seal", _Bytes, nullable=False),
    Column("path", _Bytes, nullable=False),
)
"""Secrets of single records, sealed to devices; `statement` is the note-id hash of the grant. Which
record and whose device stands in the statement alone: a seized disk tells only how many."""

request = Table(
    "request",
    metadata,
    Column("note_id", _Bytes(32), primary_key=True),
    Column("entry", _Number, nullable=False),
    Column("state", _Number, nullable=False),
)
"""What became of requests and of their answers: note-id hashes, and no name or id in clear."""

renewal = Table(
    "renewal",
    metadata,
    Column("entry", _Number, primary_key=True, autoincrement=False),
    Column("position", _Number, primary_key=True, autoincrement=False),
    Column("deposit", _Bytes(16), nullable=False, index=True),
    Column("leaf", _Bytes(32), nullable=False),
    Column("state", _Number, nullable=False),
    Column("epoch", _Number, nullable=False),
    Column("gate_epoch", _Number, nullable=False),
    Column("case_seal", _Bytes, nullable=False),
    Column("gate_seal", _Bytes, nullable=False),
    Column("confirmed", _Number, nullable=False),
)
"""New seals of deposits: they wait for their confirmation, and then stand in `deposit`; `confirmed`
is the entry that says so, or 0."""

record_next = Table(
    "record_next",
    metadata,
    Column("id", _Bytes(16), primary_key=True),
    Column("entry", _Number, nullable=False, index=True),
    Column("deposit", _Bytes(16), nullable=False),
    *_record_columns(),
    UniqueConstraint("deposit", "position"),
    Index("record_next_blob", "blob"),
)
"""Records as a re-encryption has made them: they wait for their confirmation."""

record_origin = Table(
    "record_origin",
    metadata,
    Column("record", _Bytes(16), primary_key=True),
    Column("origin", _Bytes(136), nullable=False),
)
"""What the leaf of a record was made of when it came in, once it was encrypted anew: SHA-256 of the
salt, content digest and size, SHA-256 of label and of particulars."""

tombstone = Table(
    "tombstone",
    metadata,
    Column("record", _Bytes(16), primary_key=True),
    Column("entry", _Number, nullable=False),
)
"""Records that were destroyed, and the entry that says so."""

# --- since format 3 -----------------------------------------------------------------------------

cosigned = Table(
    "cosigned",
    metadata,
    Column("log", _Number, primary_key=True, autoincrement=False),
    Column("size", _Number, primary_key=True, autoincrement=False),
    Column("note", _Bytes, nullable=False),
)
"""Checkpoints that came back with the lines of cosigners. Nobody believes them unverified."""

timestamp = Table(
    "timestamp",
    metadata,
    Column("log", _Number, primary_key=True, autoincrement=False),
    Column("size", _Number, primary_key=True, autoincrement=False),
    Column("id", _Bytes(32), primary_key=True),
    Column("note", _Bytes, nullable=False),
    Column("token", _Bytes, nullable=False),
)
"""Tokens of time-stamping authorities over checkpoints; `id` is the SHA-256 of the token."""

ADDED = {
    2: (record_grant, request, renewal, record_next, record_origin, tombstone),
    3: (cosigned, timestamp),
}
"""What each format has that the ones before it do not."""


def missing(version: int) -> tuple[Table, ...]:
    """The tables that a vault of a format lacks, all of which may be empty."""
    return tuple(table for since, added in ADDED.items() if since > version for table in added)
