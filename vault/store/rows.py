"""Rows of the tables as the model's data."""

from __future__ import annotations

import hashlib
from typing import Any

from vault.errors import DamageError
from vault.model import Deposit, Record, Renewal, SealedSecret

WAITING, CONFIRMED, DROPPED = RENEWALS = ("waiting", "confirmed", "dropped")
"""What became of a renewal, in the order of the numbers in its column."""

PENDING, DENIED, USED, APPROVED = REQUESTS = ("pending", "denied", "used", "approved")
"""What became of a request or an answer to one, in the order of the numbers in its column."""


def deposit_of(row: Any) -> Deposit:
    """A deposit from its row."""
    return Deposit(
        bytes(row.id),
        bytes(row.case_id),
        row.epoch,
        row.gate_epoch,
        bytes(row.case_seal),
        bytes(row.gate_seal),
        row.entry,
        row.count,
    )


def record_of(row: Any) -> Record:
    """A record from its row in `record` or `record_next`."""
    return Record(
        id=bytes(row.id),
        salt=bytes(row.salt),
        label=bytes(row.label),
        particulars=bytes(row.particulars),
        content_digest=bytes(row.content_digest),
        content_size=row.content_size,
        fields_root=bytes(row.fields_root),
        blob=bytes(row.blob),
        offset=row.offset,
    )


def record_row(deposit: bytes, position: int, record: Record, leaf: bytes) -> dict[str, Any]:
    """The columns that `record` and `record_next` share."""
    return {
        "id": record.id,
        "deposit": deposit,
        "position": position,
        "salt": record.salt,
        "leaf": leaf,
        "content_digest": record.content_digest,
        "content_size": record.content_size,
        "fields_root": record.fields_root,
        "blob": record.blob,
        "offset": record.offset,
        "label": record.label,
        "particulars": record.particulars,
    }


def origin_of(record: Record) -> bytes:
    """What a record's leaf is made of besides its id and the root of its fields: 136 bytes."""
    return b"".join(
        (
            hashlib.sha256(record.salt).digest(),
            record.content_digest,
            record.content_size.to_bytes(8, "big"),
            hashlib.sha256(record.label).digest(),
            hashlib.sha256(record.particulars).digest(),
        )
    )


def renewal_of(row: Any) -> Renewal:
    """A renewal from its row."""
    return Renewal(
        row.entry,
        row.position,
        bytes(row.deposit),
        bytes(row.leaf),
        named(RENEWALS, row.state),
        row.epoch,
        row.gate_epoch,
        bytes(row.case_seal),
        bytes(row.gate_seal),
        row.confirmed,
    )


def sealed_of(row: Any) -> SealedSecret:
    """A sealed secret from its row."""
    return SealedSecret(bytes(row.statement), row.position, bytes(row.seal), bytes(row.path))


def named(names: tuple[str, ...], number: int) -> str:
    """The name of a state.

    Raises:
        DamageError: There is none of this number.
    """
    if number >= len(names):
        raise DamageError("the vault's database has a state that does not exist")
    return names[number]
