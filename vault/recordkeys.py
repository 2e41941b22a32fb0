"""How a record's keys come from the two secrets of its deposit.

    case_secret --(salt)--> record_secret --> label_key
                                         \\
    gate_secret -----------> share ------- (extract) --> record_key --> particulars_key, content_key

Whoever has the case's secret reads labels. Particulars and content need the gate's share as well,
so neither a holder alone nor the gate alone can open them. Every step is bound to vault, case,
deposit and record. A record whose salt is destroyed can never be derived again.
"""

from __future__ import annotations

from typing import NamedTuple

from keys.derive import Label, digest, expand, extract, lp


class Place(NamedTuple):
    """Where a record is: the ids of vault, case, deposit and record, 16 bytes each."""

    vault: bytes
    case: bytes
    deposit: bytes
    record: bytes

    def context(self, label: Label) -> bytes:
        """The context of one of the record's containers."""
        return lp(label.value, *self)


def case_commitment(secret: bytes) -> bytes:
    """What a deposit's note says of its case secret: 32 bytes."""
    return digest(Label.CASE_COMMITMENT, secret)


def gate_commitment(secret: bytes) -> bytes:
    """What a deposit's note says of its gate secret: 32 bytes."""
    return digest(Label.GATE_COMMITMENT, secret)


def record_secret(case_secret: bytes, salt: bytes, place: Place) -> bytes:
    """What gives its holder the label, never the content: 32 bytes."""
    return expand(extract(salt, case_secret), Label.RECORD, *place)


def label_key(secret: bytes, place: Place) -> bytes:
    """The key of the label's container."""
    return expand(secret, Label.LABEL_KEY, *place)


def gate_share(gate_secret: bytes, place: Place) -> bytes:
    """The gate's share of a record's key: 32 bytes. Nobody else can derive it."""
    return expand(gate_secret, Label.GATE_SHARE, *place)


def record_key(secret: bytes, share: bytes, place: Place) -> bytes:
    """The key from which particulars and content are encrypted: 32 bytes.

    Args:
        secret: The record secret.
        share: The gate's share.
        place: The record's.
    """
    return expand(extract(share, secret), Label.RECORD_KEY, *place)


def particulars_key(key: bytes, place: Place) -> bytes:
    """The key of the particulars' container."""
    return expand(key, Label.PARTICULARS_KEY, *place)


def content_key(key: bytes, place: Place) -> bytes:
    """The key of the content's container."""
    return expand(key, Label.CONTENT_KEY, *place)
