"""What is known about rights after some number of statements."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from keys.identity import Contact
from keys.signing import VerifierKey
from vault import note
from vault.errors import DeniedError, GateError
from vault.log import checkpoint
from vault.model import (
    AUDITORS,
    FIXED_GROUPS,
    GATE,
    MEMBERS,
    Case,
    Device,
    EpochKeys,
    Member,
    Position,
    Proposal,
    RecordsGrant,
    Role,
    Ticket,
)
from vault.note import Body, Note


@dataclass(frozen=True, slots=True)
class Authority:
    """The state after `size` statements. Never changed: each statement makes the next one.

    Args:
        vault: The vault's id, 26 characters.
        fingerprint: SHA-256 of the genesis note's text, in hex.
        size: How many statements there were.
        root: The authority log's root (hex) at that size; empty until the entry's bytes exist.
        members: By id; suspended ones are among them, removed ones are not.
        devices: By id; revoked ones, and those of removed members, are not among them.
        cases: By id.
        groups: Each group's epochs, oldest first.
        stewards_needed: How many stewards must sign for membership.
        founder: Who holds `auditors` while there is no auditor.
        held: Everybody who ever held a case or a record: none of them can become an auditor.
        note_ids: The hashes of all note ids so far.
        access_size: The largest size of the access log that a gate note named.
        time: The latest time that a gate note named.
        former_members: Who was removed, by id, as they were then.
        former_devices: Devices that were revoked or whose member was removed, by id.
        proposals: Proposed acts that were not done yet, by id; they may have expired.
        restores: What was lost, as stewards declared after they had put an older copy back.
        tickets: All that were ever issued to collectors, by the id of the ticket's key.
        cosigners: Whose cosignatures count for joining: the two keys of each.
        cosignatures: How many of them are asked for; 0 for none.
    """

    vault: str
    fingerprint: str
    size: int
    root: str
    members: Mapping[str, Member]
    devices: Mapping[str, Device]
    cases: Mapping[str, Case]
    groups: Mapping[str, tuple[EpochKeys, ...]]
    stewards_needed: int
    founder: str
    held: frozenset[str]
    note_ids: frozenset[bytes]
    access_size: int
    time: int
    former_members: Mapping[str, Member]
    former_devices: Mapping[str, Device]
    proposals: Mapping[str, Proposal]
    restores: tuple[Body, ...]
    tickets: Mapping[str, Ticket] = field(default_factory=dict)
    cosigners: tuple[tuple[VerifierKey, ...], ...] = ()
    cosignatures: int = 0

    @property
    def position(self) -> Position:
        """Size and root of the authority log."""
        return Position(self.size, self.root)

    def origin(self, log: str) -> str:
        """The origin line of one of the two logs."""
        return note.origin(self.vault, log)

    # --- people and devices ---------------------------------------------------------------------

    def device(self, device: str) -> Device:
        """A device of a member, who may be suspended.

        Raises:
            DeniedError: There is none of this id, or not any more.
        """
        found = self.devices.get(device)
        if found is None and device in self.former_devices:
            raise DeniedError(
                "this device was revoked, or its member was removed",
                "use another of your devices, or ask a steward",
                reason="revoked",
            )
        if found is None:
            raise DeniedError(
                "this device is not one of a member of this vault",
                "ask a steward to add your contact",
                reason="unknown-device",
            )
        return found

    def member_of(self, device: str) -> Member:
        """Whose device it is.

        Raises:
            DeniedError: There is none of this id, or not any more.
        """
        return self.members[self.device(device).member]

    def ever(self, device: str) -> Member | None:
        """Whose device it is or was; None for one that was never known."""
        found = self.devices.get(device) or self.former_devices.get(device)
        if found is None:
            return None
        return self.members.get(found.member) or self.former_members[found.member]

    def ticket_of(self, act: Note) -> Ticket | None:
        """The ticket that made an act, in force or not; None if somebody else did.

        A ticket makes deposits: whatever else its key signs is a stranger's.
        """
        return self.tickets.get(act.device) if act.kind == "deposit" else None

    def outdated(self, ticket: Ticket, at: int) -> bool:
        """Whether the keys that a ticket is for were changed since it was issued, or should be:
        what comes in with it is exposed to former hands."""
        return any(
            self.epoch(group).number != number or self.stale(group, at)
            for group, number in ((ticket.case, ticket.epoch), (GATE, ticket.gate_epoch))
        )

    def signer(self, act: Note) -> Contact:
        """The keys of who can sign an act: a member's device or, for a deposit, a ticket.

        Raises:
            DeniedError: It is neither, or not any more.
        """
        ticket = self.ticket_of(act)
        return self.device(act.device).contact if ticket is None else ticket.contact

    def active(self, member: str, at: int) -> bool:
        """Whether somebody is a member and not suspended at a time (seconds since the epoch)."""
        found = self.members.get(member)
        return found is not None and not found.suspended(at)

    def signs(self, member: str, at: int) -> bool:
        """Whether somebody counts as one who signs: a person, active, with a role."""
        return self.active(member, at) and bool(self.members[member].roles)

    def stewards(self, at: int) -> list[Member]:
        """Stewards who can act at a time: active, and with a device."""
        return [
            member
            for member in self.members.values()
            if Role.STEWARD in member.roles and member.devices and not member.suspended(at)
        ]

    def auditors(self) -> list[Member]:
        """All auditors, suspended ones too."""
        return [member for member in self.members.values() if Role.AUDITOR in member.roles]

    # --- cases ----------------------------------------------------------------------------------

    def holders(self, case: str, at: int) -> list[Member]:
        """The people who hold a case at a time (seconds since the epoch)."""
        return [member for member in self._holding(case, at) if member.shares is None]

    def trusted(self, case: str, at: int) -> list[Member]:
        """The recovery identities that hold a case at a time."""
        return [member for member in self._holding(case, at) if member.shares is not None]

    def holds(self, member: str, case: str, at: int) -> bool:
        """Whether a member holds a case at a time."""
        found = self.cases.get(case)
        grant = found.grants.get(member) if found else None
        return grant is not None and grant.holds(at) and self.active(member, at)

    def advocates(self, case: str, at: int) -> list[Member]:
        """The advocates who hold a case at a time."""
        return [found for found in self.holders(case, at) if Role.ADVOCATE in found.roles]

    def orphaned(self, case: str, at: int) -> bool:
        """Whether a case has no advocate who could act for it, or nobody who could give them its
        keys: it waits for its recovery identity, or for a holder to come back."""
        advocates = any(member.devices for member in self.advocates(case, at))
        return not (advocates and self.keepers(case, at))

    def granted_records(self, member: str, case: str, at: int) -> list[RecordsGrant]:
        """The grants of single records that a member has in a case at a time."""
        found = self.cases.get(case)
        if found is None or not self.active(member, at):
            return []
        return [grant for grant in found.records.get(member, ()) if grant.holds(at)]

    def may_open(self, member: str, case: str, records: Iterable[str], at: int) -> bool:
        """Whether a member has a right to some records of a case at a time, as its holder or
        because they were granted one by one."""
        if self.holds(member, case, at):
            return True
        granted = {r for grant in self.granted_records(member, case, at) for r in grant.records}
        return bool(granted) and granted.issuperset(records)

    def _holding(self, case: str, at: int) -> list[Member]:
        grants = self.cases[case].grants.values()
        return [
            self.members[grant.member]
            for grant in grants
            if grant.holds(at) and self.active(grant.member, at)
        ]

    # --- groups ---------------------------------------------------------------------------------

    def epoch(self, group: str, number: int | None = None) -> EpochKeys:
        """A group's epoch in force, or an earlier one by number.

        Raises:
            KeyError: There is no such group or epoch.
        """
        epochs = self.groups[group]
        if number is None:
            return epochs[-1]
        if not 1 <= number <= len(epochs):
            raise KeyError(number)
        return epochs[number - 1]

    def entitled(self, group: str, at: int) -> list[Device]:
        """The devices that should have a group's keys at a time."""
        if group in {MEMBERS, GATE}:
            members = [member for member in self.members.values() if not member.suspended(at)]
        elif group == AUDITORS:
            members = self._reviewing(at)
        else:
            members = self._holding(group, at)
        return [self.devices[device] for member in members for device in member.devices]

    def _reviewing(self, at: int) -> list[Member]:
        # Somebody must be able to read the log at any time: an auditor; while there is none who
        # can act the founder; when the founder is gone too, the stewards; and while all of these
        # are suspended, whoever is left.
        auditors = [found for found in self.auditors() if not found.suspended(at) and found.devices]
        if auditors:
            return auditors
        if self.active(self.founder, at) and self.members[self.founder].devices:
            return [self.members[self.founder]]
        return self.stewards(at) or [
            found for found in self.members.values() if self.signs(found.id, at)
        ]

    def stale(self, group: str, at: int) -> bool:
        """Whether somebody has a group's present keys who should not have them any more."""
        entitled = {device.id for device in self.entitled(group, at)}
        return not entitled.issuperset(self.epoch(group).wraps)

    def lacking(self, group: str, at: int) -> list[Device]:
        """Devices that should have a group's present keys and were not given them yet."""
        wraps = self.epoch(group).wraps
        return [device for device in self.entitled(group, at) if device.id not in wraps]

    def keepers(self, group: str, at: int) -> list[Device]:
        """The devices of people in a group that have its present keys."""
        wraps = self.epoch(group).wraps
        return [
            device
            for device in self.entitled(group, at)
            if device.id in wraps and self.members[device.member].shares is None
        ]

    def gives(self, device: str, group: str, at: int) -> bool:
        """Whether a device may give a group's present keys to those who wait for them."""
        if device not in self.epoch(group).wraps:
            return False
        # The founder gives the auditors' keys to the first auditor, whose coming has ended the
        # founder's own right to them. A grant that has ended gives nobody a right to pass a case's
        # keys on, unless nobody who stayed has them: else the case would be lost.
        entitled = {found.id for found in self.entitled(group, at)}
        return group in FIXED_GROUPS or device in entitled or not self.keepers(group, at)

    def lost(self, group: str) -> bool:
        """Whether no device of any member has a group's present keys: nobody can give them."""
        return self.devices.keys().isdisjoint(self.epoch(group).wraps)

    def gate_verifiers(self, log: str) -> list[VerifierKey]:
        """The two keys that sign the heads of a log now."""
        signing = self.epoch(GATE).signing
        if signing is None:
            raise GateError("the gate's epoch has no signing keys")
        return checkpoint.verifiers(self.origin(log), *signing)
