"""What passes between a client and the gate: one byte form, wherever the gate is.

    message = LP(label, signed note, tag, details, LP(attachment, ...))
    answer  = LP(label, index (8), entry, gate note, LP(proof hash, ...), signed head, sealed)

A deposit has two attachments, the seals of its case secret and of its gate secret, and is followed
by its rows: each is u64 length and LP(record id, salt, label, particulars, content digest, content
size (8), fields root, blob (16), offset (8)). So is a re-encryption. A rekey is followed
by rows of LP(deposit id, case seals, gate seals). A confirmation has one attachment: the note that
it confirms.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

from keys.derive import Label, digest, lp, parse_lp, u64
from keys.errors import OpenError
from keys.group import Epoch
from keys.seal import OVERHEAD, SealingKey, seal
from vault.errors import MalformedError
from vault.model import Record, Seals

_MAX_ROW = 1 << 26
_MARK = 8


class NotMeantError(OpenError):
    """None of some seals is for this identity; it may get one later."""


@dataclass(frozen=True, slots=True)
class Message:
    """What a client asks of the gate.

    Args:
        note: A signed note.
        tag: 8 bytes, or nothing: see `vault.log.entry`.
        details: A compartment for the case's holders, or nothing.
        attachments: As the note's kind asks.
    """

    note: bytes
    tag: bytes = b""
    details: bytes = b""
    attachments: tuple[bytes, ...] = ()

    def encode(self) -> bytes:
        return lp(Label.MESSAGE.value, self.note, self.tag, self.details, lp(*self.attachments))

    @classmethod
    def parse(cls, data: bytes) -> Message:
        """Parse a message.

        Raises:
            MalformedError: Not a message.
        """
        label, note, tag, details, attachments = parse_lp(data, 5)
        if label != Label.MESSAGE.value or len(tag) not in {0, 8}:
            raise MalformedError("not a message to the gate")
        return cls(note, tag, details, tuple(parse_lp(attachments)))


@dataclass(frozen=True, slots=True)
class Answer:
    """What the gate says once it has appended.

    Args:
        index: Of the new entry.
        entry: Its bytes.
        gate: The signed gate note in it, for an actor who cannot open the entry.
        proof: Its inclusion in the log with this head.
        head: The signed head.
        sealed: For a release, the shares of its records, sealed to the reader's device.
    """

    index: int
    entry: bytes
    gate: bytes
    proof: tuple[bytes, ...]
    head: bytes
    sealed: bytes = field(default=b"", repr=False)

    def encode(self) -> bytes:
        return lp(
            Label.ANSWER.value,
            u64(self.index),
            self.entry,
            self.gate,
            lp(*self.proof),
            self.head,
            self.sealed,
        )

    @classmethod
    def parse(cls, data: bytes) -> Answer:
        """Parse an answer.

        Raises:
            MalformedError: Not an answer.
        """
        label, index, entry, gate, proof, head, sealed = parse_lp(data, 7)
        if label != Label.ANSWER.value or len(index) != 8:
            raise MalformedError("not an answer of the gate")
        return cls(int.from_bytes(index, "big"), entry, gate, tuple(parse_lp(proof)), head, sealed)


def encode_row(record: Record) -> bytes:
    """The bytes of one record's row, with its length before it."""
    row = lp(
        record.id,
        record.salt,
        record.label,
        record.particulars,
        record.content_digest,
        u64(record.content_size),
        record.fields_root,
        record.blob,
        u64(record.offset),
    )
    return u64(len(row)) + row


def read_rows(source: BinaryIO) -> Iterator[Record]:
    """Parse rows until the end of a stream.

    Raises:
        MalformedError: Not rows.
    """
    for raw in _raw_rows(source):
        parts = parse_lp(raw, 9)
        sizes = (16, 32, None, None, 32, 8, 32, 16, 8)
        if any(want not in {None, len(part)} for want, part in zip(sizes, parts, strict=True)):
            raise MalformedError("a row of a deposit is not of its shape")
        yield Record(
            id=parts[0],
            salt=parts[1],
            label=parts[2],
            particulars=parts[3],
            content_digest=parts[4],
            content_size=int.from_bytes(parts[5], "big"),
            fields_root=parts[6],
            blob=parts[7],
            offset=int.from_bytes(parts[8], "big"),
        )


def encode_seals(seals: Seals) -> bytes:
    """The bytes of one row of a rekey, with its length before it."""
    row = lp(seals.deposit, seals.case_seal, seals.gate_seal)
    return u64(len(row)) + row


def read_seals(source: BinaryIO, epoch: int, gate_epoch: int) -> Iterator[Seals]:
    """Parse the rows of a rekey until the end of a stream.

    Args:
        source: Where from.
        epoch: Of the case, as the rekey's note says.
        gate_epoch: Of the gate, likewise.

    Raises:
        MalformedError: Not rows.
    """
    for raw in _raw_rows(source):
        deposit, case_seal, gate_seal = parse_lp(raw, 3)
        if len(deposit) != 16:
            raise MalformedError("a row of a rekey is not of its shape")
        yield Seals(deposit, epoch, gate_epoch, case_seal, gate_seal)


def seals_leaf(seals: Seals) -> bytes:
    """What a rekey's root is over: 32 bytes that bind a deposit to its new seals."""
    return digest(
        Label.RENEWAL_LEAF,
        seals.deposit,
        u64(seals.epoch),
        u64(seals.gate_epoch),
        hashlib.sha256(seals.case_seal).digest(),
        hashlib.sha256(seals.gate_seal).digest(),
    )


def _raw_rows(source: BinaryIO) -> Iterator[bytes]:
    while head := source.read(8):
        size = int.from_bytes(head, "big")
        if len(head) != 8 or size > _MAX_ROW:
            raise MalformedError("a row is cut short")
        raw = source.read(size)
        if len(raw) != size:
            raise MalformedError("a row is cut short")
        yield raw


Openers = Mapping[str, SealingKey]
"""Keys by what they are for: nothing for a group's epoch, the device's id for its own key."""


def mark(gate: Epoch, deposit: bytes, device: str) -> str:
    """What stands before a deposit's seal for a device: 16 hex digits.

    Whoever has the gate's keys, which are every member's, knows whose it is. On a seized disk the
    device's id would say who holds the case: a member's id is that of their first device.

    Args:
        gate: The epoch of `gate` to which the deposit's gate seal is made.
        deposit: 16 bytes.
        device: The device's id; nothing for the key of the case's epoch, which has no mark.
    """
    if not device:
        return ""
    return gate.derive(Label.SEAL_MARK, deposit, device.encode())[:_MARK].hex()


def marked(
    gate: Epoch, deposit: bytes, recipients: Iterable[tuple[str, bytes]]
) -> list[tuple[str, bytes]]:
    """Recipients with their marks in the place of their devices' ids; see `mark`."""
    return [(mark(gate, deposit, device), public) for device, public in recipients]


def seal_secret(
    secret: bytes, recipients: Iterable[tuple[str, bytes]], label: Label, *context: bytes
) -> bytes:
    """Seal a deposit's secret to a group: to its epoch, or while it is stale to devices.

    Args:
        secret: 32 bytes; in a rekey the case's has 32 more, see `Seals`.
        recipients: What `vault.authority.secret_recipients` gives, `marked`.
        label: `Label.CASE_SEAL` or `Label.GATE_SEAL`.
        context: The ids of vault, case and deposit and the epoch's number (8 bytes).

    Returns:
        LP(LP(to, seal), ...), where `to` is empty for the epoch's own key, or a device's mark.
    """
    return lp(
        *(lp(to.encode(), seal(public, secret, label, *context)) for to, public in recipients)
    )


def sealed_to(seals: bytes, size: int | None = None) -> list[str]:
    """For whom each of some seals is: what stands before it, empty for the epoch's own key.

    Args:
        seals: What `seal_secret` made.
        size: How many bytes each must hold, if that matters.

    Raises:
        MalformedError: Not a list of such seals.
    """
    found = []
    for raw in parse_lp(seals):
        to, sealed = parse_lp(raw, 2)
        if not to.isascii() or (size is not None and len(sealed) != OVERHEAD + size):
            raise MalformedError("a seal of a deposit's secret is not of its shape")
        found.append(to.decode("ascii"))
    return found


def open_secret(seals: bytes, openers: Openers, label: Label, *context: bytes) -> bytes:
    """Open what `seal_secret` made, with whichever key is for one of the seals.

    Raises:
        NotMeantError: None of the seals is for one of these keys.
        OpenError: One that is does not open: damage, or another context.
        MalformedError: Not a list of seals.
    """
    false: OpenError | None = None
    for raw in parse_lp(seals):
        to, sealed = parse_lp(raw, 2)
        key = openers.get(to.decode("ascii", "replace"))
        if key is None:
            continue
        try:
            return key.open(sealed, label, *context)
        except OpenError as error:
            # Who is meant twice, by the epoch and by their device, needs one of the two.
            false = error
    raise false or NotMeantError("a deposit's secret is not sealed to this identity")
