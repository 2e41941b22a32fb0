"""The named fields of a record, each committed to on its own.

A record's label and particulars are named fields in two containers. The record's leaf holds a
Merkle root over commitments to all of them, sorted by name, so that one field can be shown to a
court, and proved, without the others. Each container holds a random 32-byte seed from which the
salts of its fields come; re-encrypting keeps the seeds, and so the root.

    container = padded LP(seed, JSON object of name -> value)
    commitment = SHA-256(LP(label, name, salt, JSON of the value)),  salt = Expand(seed, name)
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from keys import container
from keys.derive import Label, digest, expand, lp, pad, parse_lp, unpad
from vault.errors import MalformedError
from vault.log import merkle
from vault.model import Record
from vault.note import canonical

LABEL_FIELDS = ("family", "name", "relations", "sha256", "size", "title", "type")
_PADDED = 512
_SEED = 32


@dataclass(frozen=True, slots=True)
class Fields:
    """Named values with the seed of their salts.

    Args:
        seed: 32 random bytes.
        values: JSON values by name.
    """

    seed: bytes = field(repr=False)
    values: Mapping[str, Any]

    @classmethod
    def draw(cls, values: Mapping[str, Any]) -> Fields:
        """Give some values a fresh seed."""
        return cls(os.urandom(_SEED), values)

    def commitments(self) -> dict[str, bytes]:
        """The commitment to each field: 32 bytes by name."""
        return {
            name: commitment(name, field_salt(self.seed, name), value)
            for name, value in self.values.items()
        }

    def encrypt(self, key: bytes, context: bytes) -> bytes:
        """The container of these fields."""
        return container.encrypt(key, context, pad(lp(self.seed, canonical(self.values)), _PADDED))

    @classmethod
    def decrypt(cls, key: bytes, context: bytes, data: bytes) -> Fields:
        """Open a container of fields.

        Raises:
            VerificationError: It does not decrypt.
            MalformedError: What is inside is not fields in their one canonical form.
        """
        seed, raw = parse_lp(unpad(container.decrypt(key, context, data), _PADDED), 2)
        try:
            values = json.loads(raw)
            same = canonical(values) == raw
        except (ValueError, RecursionError):
            same = False
        if not same or not isinstance(values, dict) or len(seed) != _SEED:
            raise MalformedError("a record's fields are not of this format")
        return cls(seed, values)


def field_salt(seed: bytes, name: str) -> bytes:
    """The 32-byte salt of one field: what is shown beside it when it is disclosed."""
    return expand(seed, Label.FIELD_SALT, name.encode())


def commitment(name: str, salt: bytes, value: Any) -> bytes:
    """The commitment to one field: 32 bytes."""
    return digest(Label.FIELD, name.encode(), salt, canonical(value))


def fields_root(label: Fields, particulars: Fields) -> bytes:
    """The root over the commitments to all fields of a record, sorted by name.

    Raises:
        MalformedError: A name stands in both.
    """
    commitments = label.commitments() | particulars.commitments()
    if len(commitments) != len(label.values) + len(particulars.values):
        raise MalformedError("a field stands in the label and in the particulars")
    return merkle.root([merkle.leaf_hash(commitments[name]) for name in sorted(commitments)])


def record_leaf(record: Record) -> bytes:
    """The leaf of a record: 32 bytes that bind all that is stored of it.

    The salt itself is not in it, only its hash: after a destruction the leaf can still be shown.
    """
    return digest(
        Label.RECORD_LEAF,
        record.id,
        hashlib.sha256(record.salt).digest(),
        record.content_digest,
        record.content_size.to_bytes(8, "big"),
        hashlib.sha256(record.label).digest(),
        hashlib.sha256(record.particulars).digest(),
        record.fields_root,
    )


def origin_leaf(record: bytes, origin: bytes, root: bytes) -> bytes:
    """The leaf that a record had when it came in, before it was encrypted anew.

    Args:
        record: Its 16-byte id.
        origin: What the leaf was made of: SHA-256 of its salt, content digest, content size (8),
            SHA-256 of label and of particulars; 136 bytes.
        root: The root over its fields, which never changes.
    """
    cuts = (0, 32, 64, 72, 104, 136)
    parts = [origin[start:stop] for start, stop in pairwise(cuts)]
    return digest(Label.RECORD_LEAF, record, *parts, root)


def is_blank(record: Record) -> bool:
    """Whether a row is that of a record that was destroyed: no salt, no label, no particulars."""
    return not (any(record.salt) or record.label or record.particulars)


def leaf_of(record: Record, stored: bytes) -> bytes:
    """The leaf of a row: computed, or of a record that was destroyed the one that was kept.

    Args:
        record: The row.
        stored: The leaf that stands beside it. Whoever has the deposit's root learns if it is true.
    """
    return stored if is_blank(record) else record_leaf(record)


def records_root(leaves: list[bytes]) -> bytes:
    """The root over a deposit's record leaves, which its note signs."""
    return merkle.root([merkle.leaf_hash(leaf) for leaf in leaves])
