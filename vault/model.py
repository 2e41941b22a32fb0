"""What the vault speaks of: frozen data without I/O.

Ids are texts (base32, lower case) here and raw bytes in the store; times are whole seconds since
the epoch; hashes in notes are hex, elsewhere 32 raw bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from keys.identity import Contact


class Role(StrEnum):
    """What a member may do; an auditor has no other role."""

    STEWARD = "steward"
    ADVOCATE = "advocate"
    ATTORNEY = "attorney"
    AUDITOR = "auditor"


MEMBERS = "members"
AUDITORS = "auditors"
GATE = "gate"
FIXED_GROUPS = (MEMBERS, AUDITORS, GATE)


@dataclass(frozen=True, slots=True)
class Position:
    """A size of a log and its root there (hex): what somebody has seen of it."""

    size: int
    root: str

    def body(self) -> dict[str, Any]:
        """As it stands in notes."""
        return {"size": self.size, "root": self.root}


@dataclass(frozen=True, slots=True)
class Device:
    """One identity file of a member.

    Args:
        id: 32 characters.
        member: Whose it is.
        contact: Its public keys.
        added: The index of the statement that added it.
        recovery: Whether its seed exists only as shares on paper.
    """

    id: str
    member: str
    contact: Contact
    added: int
    recovery: bool = False


@dataclass(frozen=True, slots=True)
class Suspension:
    """A member's rights are put aside.

    Args:
        index: The statement that did it.
        until: When it lapses; None if a steward stands behind it. One that has lapsed is kept: the
            same member is not suspended by two others again before a steward acted.
    """

    index: int
    until: int | None

    def holds(self, at: int) -> bool:
        """Whether it is in force at a time."""
        return self.until is None or at < self.until


@dataclass(frozen=True, slots=True)
class Member:
    """A person; the id is that of their first device.

    Args:
        id: 32 characters.
        name: As in their first contact.
        roles: None after a loss of all devices, until they are given anew.
        devices: The ids of those that are not revoked.
        added: The index of the statement that added them.
        suspension: The last one, also if it has lapsed.
        shares: Of a recovery identity, which is no person: how many of how many shares bring it
            back. It has no roles and counts nowhere as somebody who signs.
    """

    id: str
    name: str
    roles: frozenset[Role]
    devices: tuple[str, ...]
    added: int
    suspension: Suspension | None = None
    shares: tuple[int, int] | None = None

    def suspended(self, at: int) -> bool:
        """Whether their rights are put aside at a time."""
        return self.suspension is not None and self.suspension.holds(at)


@dataclass(frozen=True, slots=True)
class Grant:
    """A member's right to a case: since which statement, until when (None: no end)."""

    member: str
    until: int | None
    index: int

    def holds(self, at: int) -> bool:
        """Whether it is in force at a time."""
        return self.until is None or at < self.until


@dataclass(frozen=True, slots=True)
class RecordsGrant:
    """A member's right to some records of a case, and to nothing else of it.

    Args:
        member: Whose.
        records: Their ids.
        until: When it ends; None for never.
        index: The statement that gave it.
        statement: The note-id hash of that statement, 32 bytes: it ties rows to it.
        seals: The root (hex) over the sealed record secrets; see `vault.grantseals`.
        devices: The member's devices as they were then: for each there is a seal of each record.
    """

    member: str
    records: tuple[str, ...]
    until: int | None
    index: int
    statement: bytes
    seals: str
    devices: tuple[str, ...]

    @property
    def count(self) -> int:
        """How many seals there are: one for each record and device."""
        return len(self.records) * len(self.devices)

    def position(self, record: str, device: str) -> int:
        """The place of the seal of a record for a device.

        Raises:
            ValueError: The grant is not for this record or device.
        """
        return self.records.index(record) * len(self.devices) + self.devices.index(device)

    def holds(self, at: int) -> bool:
        """Whether it is in force at a time."""
        return self.until is None or at < self.until


@dataclass(frozen=True, slots=True)
class CasePolicy:
    """What a case asks for beyond being a holder.

    Args:
        approvals: How many other holders must approve a retrieval.
        hours: How long a request can be approved and used.
    """

    approvals: int = 0
    hours: int = 72


@dataclass(frozen=True, slots=True)
class Proposal:
    """An act that needs several to sign, and who has signed so far.

    Args:
        id: Of the note that proposed it.
        act: Its kind and the fields that it must have, as they stand in the note.
        by: The member who proposed it.
        endorsers: Who else has signed.
        until: When it expires.
        index: The statement that proposed it.
        devices: With which device each of them has signed.
    """

    id: str
    act: Mapping[str, Any]
    by: str
    endorsers: tuple[str, ...]
    until: int
    index: int
    devices: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Case:
    """A case as the authority knows it.

    Args:
        id: 26 characters.
        ref: A short reference that all members see, or None.
        title: The title, encrypted to the case's first epoch.
        grants: Who holds it, by member.
        opened: The index of the statement that opened it.
        closed: Whether nothing more may be deposited.
        records: Grants of single records, by member.
        policy: What it asks for.
        hold: Whether a legal hold forbids destroying anything in it.
    """

    id: str
    ref: str | None
    title: bytes = field(repr=False)
    grants: Mapping[str, Grant]
    opened: int
    closed: bool = False
    records: Mapping[str, tuple[RecordsGrant, ...]] = field(default_factory=dict)
    policy: CasePolicy = field(default_factory=CasePolicy)
    hold: bool = False


TICKET_NAME = "ticket"
"""What the contact of every ticket is called: it names nobody."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """A collector's right to add to one case, and to nothing else.

    Its key was drawn for it alone and belongs to no member. It is good for any number of deposits
    until it expires or is revoked.

    Args:
        id: That of its key, 32 characters.
        case: The case's id.
        contact: Its public keys, under a name that names nobody.
        expires: When it ends, in seconds since the epoch.
        epoch: The case's epoch in force when it was issued: all that its deposits are sealed to.
        gate_epoch: The gate's, likewise.
        by: The member who issued it.
        index: The statement that issued it.
        revoked: The statement that revoked it, or None.
    """

    id: str
    case: str
    contact: Contact = field(repr=False)
    expires: int
    epoch: int
    gate_epoch: int
    by: str
    index: int
    revoked: int | None = None

    def holds(self, at: int) -> bool:
        """Whether it is in force at a time."""
        return self.revoked is None and at < self.expires


@dataclass(frozen=True, slots=True)
class EpochKeys:
    """The public side of a group's epoch.

    Args:
        group: Whose.
        number: From 1.
        sealing: 1,216 bytes.
        signing: Ed25519 and ML-DSA-44 public keys, for `gate` only.
        link: The seed before, encrypted under this one; None for the first.
        wraps: The seed, sealed to each device.
        index: The statement that began it.
    """

    group: str
    number: int
    sealing: bytes = field(repr=False)
    signing: tuple[bytes, bytes] | None = field(repr=False)
    link: bytes | None = field(repr=False)
    wraps: Mapping[str, bytes] = field(repr=False)
    index: int


@dataclass(frozen=True, slots=True)
class Deposit:
    """What one act brought in, as the store keeps it: nothing here is verified.

    Args:
        id: 16 bytes.
        case: 16 bytes.
        epoch: Of the case, to which `case_seal` is sealed.
        gate_epoch: Of the gate, to which `gate_seal` is sealed.
        case_seal: Seals of the case secret.
        gate_seal: Seals of the gate secret.
        entry: The index of its entry in the access log.
        count: How many records it has.
    """

    id: bytes
    case: bytes
    epoch: int
    gate_epoch: int
    case_seal: bytes = field(repr=False)
    gate_seal: bytes = field(repr=False)
    entry: int
    count: int

    @property
    def seals(self) -> Seals:
        """The seals that it has now."""
        return Seals(self.id, self.epoch, self.gate_epoch, self.case_seal, self.gate_seal)


@dataclass(frozen=True, slots=True)
class Seals:
    """The seals of a deposit's two secrets.

    Args:
        deposit: 16 bytes.
        epoch: Of the case, to which `case_seal` is sealed.
        gate_epoch: Of the gate, to which `gate_seal` is sealed.
        case_seal: Seals of the case secret; new ones hold the key of the deposit's entry as well.
        gate_seal: Seals of the gate secret.
    """

    deposit: bytes
    epoch: int
    gate_epoch: int
    case_seal: bytes = field(repr=False)
    gate_seal: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Renewal:
    """New seals of a deposit, as the store keeps them: nothing here is verified.

    Args:
        entry: The index of the rekey or re-encryption in the access log.
        position: From 0, in the order of its rows.
        deposit: 16 bytes.
        leaf: What the entry's root is over, 32 bytes.
        state: `waiting`, `confirmed` or `dropped`.
        epoch: Of the case, to which `case_seal` is sealed.
        gate_epoch: Of the gate, to which `gate_seal` is sealed.
        case_seal: Empty unless it waits.
        gate_seal: Empty unless it waits.
        confirmed: The index of the entry that confirmed it; 0 for none.
    """

    entry: int
    position: int
    deposit: bytes
    leaf: bytes
    state: str
    epoch: int
    gate_epoch: int
    case_seal: bytes = field(repr=False)
    gate_seal: bytes = field(repr=False)
    confirmed: int = 0

    @property
    def seals(self) -> Seals:
        """The new seals alone."""
        return Seals(self.deposit, self.epoch, self.gate_epoch, self.case_seal, self.gate_seal)


@dataclass(frozen=True, slots=True)
class SealedSecret:
    """The secret of a single record, sealed to a device, as the store keeps it.

    Args:
        statement: The note-id hash of the statement that granted it, 32 bytes.
        position: Its place among the seals of that statement; see `RecordsGrant.position`.
        seal: The seal.
        path: The hashes that lead from it to the root in its statement, one after another.
    """

    statement: bytes
    position: int
    seal: bytes = field(repr=False)
    path: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Record:
    """One piece of evidence, as the store keeps it: nothing here is verified.

    Args:
        id: 16 bytes.
        salt: 32 bytes; without it no key of the record can be derived.
        label: A container.
        particulars: A container.
        content_digest: BLAKE3 of the content's container, 32 bytes.
        content_size: The length of the content's container.
        fields_root: The root over the commitments to all its fields, 32 bytes.
        blob: The 16-byte name of the blob that holds the content.
        offset: Where in the blob it begins.
    """

    id: bytes
    salt: bytes = field(repr=False)
    label: bytes = field(repr=False)
    particulars: bytes = field(repr=False)
    content_digest: bytes
    content_size: int
    fields_root: bytes
    blob: bytes
    offset: int


@dataclass(frozen=True, slots=True)
class Request:
    """A request for records as the log tells of it, at some time.

    Args:
        id: Of the note that asked, 26 characters.
        case: The case's id.
        records: Their ids, in the order in which they were asked for.
        purpose: The purpose code.
        disposition: `view`, `copy`, `produce`, or `destroy`.
        actor: The id of the member who asked.
        state: `pending`, `approved`, `denied`, `used` or `expired`.
        needs: How many others must approve it.
        approvals: The members whose approval counts now, in the order in which they gave it.
        expires: Until when it can be approved and used, in seconds since the epoch.
        entry: Its index in the access log.
        why: In words, for the case's holders; else None.
    """

    id: str
    case: str
    records: tuple[str, ...]
    purpose: str
    disposition: str
    actor: str
    state: str
    needs: int
    approvals: tuple[str, ...]
    expires: int
    entry: int
    why: str | None = field(default=None, repr=False)
