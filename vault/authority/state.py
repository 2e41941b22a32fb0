"""What is known about rights after some number of statements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from keys.signing import VerifierKey
from vault import note
from vault.errors import DeniedError, GateError
from vault.log import checkpoint
from vault.model import (
    AUDITORS,
    GATE,
    MEMBERS,
    Case,
    Device,
    EpochKeys,
    Member,
    Position,
    Role,
)


@dataclass(frozen=True, slots=True)
class Authority:
    """The state after `size` statements. Never changed: each statement makes the next one.

    Args:
        vault: The vault's id, 26 characters.
        fingerprint: SHA-256 of the genesis note's text, in hex.
        size: How many statements there were.
        root: The authority log's root (hex) at that size; empty until the entry's bytes exist.
        members: By id.
        devices: By id.
        cases: By id.
        groups: Each group's epochs, oldest first.
        stewards_needed: How many stewards must sign for membership.
        founder: Who holds `auditors` while there is no auditor.
        held: Everybody who ever held a case: none of them can become an auditor.
        note_ids: The hashes of all note ids so far.
        access_size: The largest size of the access log that a gate note named.
        time: The latest time that a gate note named.
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

    @property
    def position(self) -> Position:
        """Size and root of the authority log."""
        return Position(self.size, self.root)

    def origin(self, log: str) -> str:
        """The origin line of one of the two logs."""
        return note.origin(self.vault, log)

    def device(self, device: str) -> Device:
        """An active device.

        Raises:
            DeniedError: There is none of this id.
        """
        found = self.devices.get(device)
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
            DeniedError: There is none of this id.
        """
        return self.members[self.device(device).member]

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

    def auditors(self) -> list[Member]:
        """All auditors."""
        return [member for member in self.members.values() if Role.AUDITOR in member.roles]

    def holders(self, case: str, at: int) -> list[Member]:
        """Who holds a case at a time (seconds since the epoch)."""
        return [self.members[g.member] for g in self.cases[case].grants.values() if g.holds(at)]

    def holds(self, member: str, case: str, at: int) -> bool:
        """Whether a member holds a case at a time."""
        found = self.cases.get(case)
        grant = found.grants.get(member) if found else None
        return grant is not None and grant.holds(at)

    def entitled(self, group: str, at: int) -> list[Device]:
        """The devices that should have a group's keys at a time."""
        if group in {MEMBERS, GATE}:
            members = list(self.members.values())
        elif group == AUDITORS:
            members = self.auditors() or [self.members[self.founder]]
        else:
            members = self.holders(group, at)
        return [self.devices[device] for member in members for device in member.devices]

    def stale(self, group: str, at: int) -> bool:
        """Whether somebody has a group's present keys who should not have them any more."""
        entitled = {device.id for device in self.entitled(group, at)}
        return not entitled.issuperset(self.epoch(group).wraps)

    def lacking(self, group: str, at: int) -> list[Device]:
        """Devices that should have a group's present keys and were not given them yet."""
        wraps = self.epoch(group).wraps
        return [device for device in self.entitled(group, at) if device.id not in wraps]

    def gate_verifiers(self, log: str) -> list[VerifierKey]:
        """The two keys that sign the heads of a log now."""
        signing = self.epoch(GATE).signing
        if signing is None:
            raise GateError("the gate's epoch has no signing keys")
        return checkpoint.verifiers(self.origin(log), *signing)
