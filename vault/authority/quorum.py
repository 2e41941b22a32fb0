"""Who has signed an act that needs several: the maker of the statement, and those who proposed and
endorsed it before.

A proposal says what is to be done and until when; it has no epochs and no wraps, which only who
does it can draw. Whoever has signed must be entitled when it is done, and have the device
still with which they signed; each member counts once, however many devices they have. A proposal is
used once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from vault.authority.parts import signer
from vault.authority.state import Authority
from vault.errors import DeniedError
from vault.model import Proposal, Role
from vault.note import PROPOSALS, Body, Note

LONGEST = 30 * 86_400
"""How long a proposal can wait, in seconds."""


def proposed(authority: Authority, statement: Note, at: int) -> Authority:
    """Somebody proposes an act that needs others to sign."""
    body, by = statement.body, signer(authority, statement)
    if not at < body["expires"] <= at + LONGEST:
        raise DeniedError("a proposal expires within 30 days", reason="expires")
    _must_count(authority, body["act"], by.id, at)
    devices = {by.id: statement.device}
    made = Proposal(body["id"], body["act"], by.id, (), body["expires"], authority.size, devices)
    # Expired ones are of no use to anybody.
    kept = {name: found for name, found in authority.proposals.items() if at < found.until}
    return replace(authority, proposals={**kept, made.id: made})


def endorsed(authority: Authority, statement: Note, at: int) -> Authority:
    """Somebody signs what another proposed."""
    by = signer(authority, statement)
    found = _open(authority, statement.body["proposal"], at)
    # Whose device was revoked since can sign again: what it had signed does not count any more.
    if found.devices.get(by.id) in authority.devices:
        raise DeniedError("you have signed this already", reason="signed")
    _must_count(authority, found.act, by.id, at)
    first = by.id == found.by or by.id in found.endorsers
    grown = replace(
        found,
        endorsers=found.endorsers if first else (*found.endorsers, by.id),
        devices={**found.devices, by.id: statement.device},
    )
    return replace(authority, proposals={**authority.proposals, found.id: grown})


def signers(authority: Authority, statement: Note, at: int) -> set[str]:
    """All members who signed an act and are entitled to now: its maker, and those whose proposal
    it quotes.

    Raises:
        DeniedError: The proposal is none, has expired, was used, or says something else; or who
            makes the statement has no right to.
    """
    act = {name: statement.body[name] for name in PROPOSALS[statement.kind]}
    act["kind"] = statement.kind
    by = signer(authority, statement)
    _must_count(authority, act, by.id, at)
    people = {by.id}
    for name in statement.body["quoted"]:
        found = _open(authority, name, at)
        if found.act != act:
            raise DeniedError("a proposal was for something else", reason="proposal")
        people |= set(signed(authority, found, at))
    return people


def signed(authority: Authority, proposal: Proposal, at: int) -> tuple[str, ...]:
    """The members whose signatures under a proposal count now, in the order in which they signed.

    Args:
        authority: In force.
        proposal: The proposal.
        at: Seconds since the epoch.
    """
    # A device that was revoked since may have been in other hands when it signed.
    return tuple(
        name
        for name in (proposal.by, *proposal.endorsers)
        if proposal.devices[name] in authority.devices and counts(authority, proposal.act, name, at)
    )


def used(authority: Authority, statement: Note) -> Authority:
    """The authority in which the proposal that a statement quotes is done with."""
    quoted = set(statement.body.get("quoted", ()))
    if not quoted:
        return authority
    kept = {name: found for name, found in authority.proposals.items() if name not in quoted}
    return replace(authority, proposals=kept)


def counts(authority: Authority, act: Body, name: str, at: int) -> bool:
    """Whether a member's signature counts for an act now.

    Args:
        authority: In force.
        act: Its kind and fields.
        name: The member.
        at: Seconds since the epoch.
    """
    if not authority.signs(name, at):
        return False
    return _COUNTS[act["kind"]](authority, act, name, at)


def stewards_of(authority: Authority, people: set[str]) -> set[str]:
    """The stewards among some members."""
    return {name for name in people if Role.STEWARD in authority.members[name].roles}


def need_stewards(authority: Authority, people: set[str]) -> None:
    """Make sure that as many stewards have signed as the vault's policy asks for.

    Raises:
        DeniedError: There are fewer.
    """
    have, wanted = len(stewards_of(authority, people)), authority.stewards_needed
    if have < wanted:
        raise DeniedError(
            f"{wanted} stewards must sign this, and {have} did",
            "propose it, and let others endorse it: see `evault status`",
            reason="signatures",
        )


def _open(authority: Authority, name: str, at: int) -> Proposal:
    found = authority.proposals.get(name)
    if found is None or at >= found.until:
        raise DeniedError(
            "there is no such proposal, or it was done, or it has expired",
            "see `evault status`",
            reason="proposal",
        )
    return found


def _must_count(authority: Authority, act: Body, name: str, at: int) -> None:
    if not counts(authority, act, name, at):
        raise DeniedError("this is not yours to decide", "see `evault member list`", reason="role")


# --- whose signature counts ---------------------------------------------------------------------


def _steward(authority: Authority, _act: Body, name: str, _at: int) -> bool:
    return Role.STEWARD in authority.members[name].roles


def _other(authority: Authority, act: Body, name: str, _at: int) -> bool:
    del authority
    return bool(name != act["member"])


def _device_added(authority: Authority, act: Body, name: str, _at: int) -> bool:
    # For oneself from another device, or for somebody else as a steward: never both.
    return name == act["member"] or Role.STEWARD in authority.members[name].roles


def _device_revoked(authority: Authority, act: Body, name: str, _at: int) -> bool:
    device = authority.devices.get(act["target"])
    owner = device.member if device else None
    return name == owner or Role.STEWARD in authority.members[name].roles


def _grant_revoked(authority: Authority, act: Body, name: str, at: int) -> bool:
    return Role.STEWARD in authority.members[name].roles or _advocate(authority, act, name, at)


def _advocate(authority: Authority, act: Body, name: str, at: int) -> bool:
    roles = authority.members[name].roles
    return Role.ADVOCATE in roles and authority.holds(name, act["case"], at)


def _holder(authority: Authority, act: Body, name: str, at: int) -> bool:
    return authority.holds(name, act["case"], at)


_COUNTS: dict[str, Callable[[Authority, Body, str, int], bool]] = {
    "member-added": _steward,
    "roles-set": _steward,
    "member-removed": _steward,
    "member-suspended": _other,
    "member-resumed": _other,
    "device-added": _device_added,
    "device-revoked": _device_revoked,
    "grant-revoked": _grant_revoked,
    "case-policy-set": _holder,
    "hold-lifted": _advocate,
    "vault-policy-set": _steward,
    "restore-declared": _steward,
}
