"""The schema. Ids are raw bytes; nothing here names a person, a title or a file."""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    UniqueConstraint,
)

metadata = MetaData()

log_entry = Table(
    "log_entry",
    metadata,
    Column("log", Integer, primary_key=True, autoincrement=False),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("note_id", LargeBinary(32), nullable=False, unique=True),
    Column("raw", LargeBinary, nullable=False),
    CheckConstraint("log in (0, 1)"),
)
"""Entries of both logs: 0 is authority, 1 is access."""

log_node = Table(
    "log_node",
    metadata,
    Column("log", Integer, primary_key=True, autoincrement=False),
    Column("level", Integer, primary_key=True, autoincrement=False),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary(32), nullable=False),
    sqlite_with_rowid=False,
)
"""Roots of full subtrees; level 0 has the leaf hashes."""

log_head = Table(
    "log_head",
    metadata,
    Column("log", Integer, primary_key=True, autoincrement=False),
    Column("note", LargeBinary, nullable=False),
)
"""The last signed checkpoint of each log."""

deposit = Table(
    "deposit",
    metadata,
    Column("id", LargeBinary(16), primary_key=True),
    Column("case_id", LargeBinary(16), nullable=False, index=True),
    Column("epoch", Integer, nullable=False),
    Column("gate_epoch", Integer, nullable=False),
    Column("case_seal", LargeBinary, nullable=False),
    Column("gate_seal", LargeBinary, nullable=False),
    Column("entry", Integer, nullable=False, unique=True),
    Column("count", Integer, nullable=False),
)

record = Table(
    "record",
    metadata,
    Column("id", LargeBinary(16), primary_key=True),
    Column("deposit", LargeBinary(16), ForeignKey("deposit.id"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("salt", LargeBinary(32), nullable=False),
    Column("leaf", LargeBinary(32), nullable=False),
    Column("content_digest", LargeBinary(32), nullable=False),
    Column("content_size", Integer, nullable=False),
    Column("fields_root", LargeBinary(32), nullable=False),
    Column("blob", LargeBinary(16), nullable=False),
    Column("offset", Integer, nullable=False),
    Column("label", LargeBinary, nullable=False),
    Column("particulars", LargeBinary, nullable=False),
    UniqueConstraint("deposit", "position"),
    Index("record_blob", "blob"),
)
"""Records in the order of their deposit; `leaf` is what the deposit's root is over."""
