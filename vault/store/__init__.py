"""Keeps bytes: tables in a database and blobs in a folder.

The store knows no keys and is trusted for nothing but availability: whatever comes out of it is
verified by whoever asked. `folder` is the vault's place on disk, `tables` the schema, `database`
the database, `transaction` the reads and writes, `blobs` the files with evidence.

A write goes blobs first, durably, then one transaction. A crash at any instant leaves the old state
or the new one; what it may leave besides are orphans (blobs that no record names), which are
harmless and collected later.
"""

from vault.store.blobs import BlobWriter
from vault.store.database import Store
from vault.store.kept import MAX_NOTE, MAX_TOKEN, Cosigned, Stamped
from vault.store.rows import (
    APPROVED,
    CONFIRMED,
    DENIED,
    DROPPED,
    PENDING,
    USED,
    WAITING,
)
from vault.store.transaction import Reads, Writes

__all__ = [
    "APPROVED",
    "CONFIRMED",
    "DENIED",
    "DROPPED",
    "MAX_NOTE",
    "MAX_TOKEN",
    "PENDING",
    "USED",
    "WAITING",
    "BlobWriter",
    "Cosigned",
    "Reads",
    "Stamped",
    "Store",
    "Writes",
]
