"""What is as the rules allow, and should not stay so: too few people, keys in former hands.

All members see it, because all of it follows from the authority.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from vault.authority import Authority
from vault.model import GATE, MEMBERS

_FEW = 2


@dataclass(frozen=True, slots=True)
class Standing:
    """A standing warning: a short code, one line for people, and ids that say where."""

    code: str
    message: str
    where: dict[str, Any] = field(default_factory=dict)


def standing_warnings(authority: Authority, at: int) -> Iterator[Standing]:
    """What to warn of, in the order of how many it concerns.

    Args:
        authority: In force.
        at: Seconds since the epoch.
    """
    if len(authority.stewards(at)) < _FEW:
        yield Standing(
            "few-stewards",
            "there are fewer than two stewards: if one is lost, nobody can add or remove members",
        )
    for group in authority.groups:
        yield from _left(authority, group, at)
    for case in authority.cases:
        yield from _alone(authority, case, at)


def _left(authority: Authority, group: str, at: int) -> Iterator[Standing]:
    """Who has a group's keys in force and should not have them any more."""
    entitled = {device.id for device in authority.entitled(group, at)}
    ended: dict[str, None] = {}
    gone: dict[str, None] = {}
    for device in authority.epoch(group).wraps:
        if device in entitled:
            continue
        member = authority.ever(device)
        named = member.name if member is not None else device
        expired = member is not None and _expired(authority, group, member.id, at)
        (ended if expired else gone)[named] = None
    who = _who(group)
    if ended:
        yield Standing(
            "expired",
            f"a grant has ended and {who}'s keys were not changed since, so they still fit: "
            f"{', '.join(ended)}; the next act of a holder changes them",
            _where(group),
        )
    if gone:
        yield Standing(
            "stale",
            f"somebody who should not has {who}'s keys: {', '.join(gone)}; "
            f"the next act of {'a member' if group in {MEMBERS, GATE} else 'who belongs there'} "
            "changes them",
            _where(group),
        )


def _expired(authority: Authority, group: str, member: str, at: int) -> bool:
    case = authority.cases.get(group)
    grant = case.grants.get(member) if case is not None else None
    return grant is not None and not grant.holds(at) and authority.active(member, at)


def _alone(authority: Authority, case: str, at: int) -> Iterator[Standing]:
    """Cases that one more loss would close for ever, and those that nobody can act for."""
    if authority.orphaned(case, at):
        yield Standing(
            "orphaned",
            "no advocate holds the case any more: its recovery identity or an advocate who comes "
            "back can grant it",
            _where(case),
        )
    holders = [member for member in authority.holders(case, at) if member.devices]
    if len(holders) < _FEW and not authority.trusted(case, at):
        who = f"only {holders[0].name} holds" if holders else "nobody holds"
        yield Standing(
            "few-holders",
            f"{who} the case, and no recovery identity is trusted with it: what is lost with "
            "the last key is lost for ever",
            _where(case),
        )


def _who(group: str) -> str:
    return {MEMBERS: "the members", GATE: "the gate", "auditors": "the auditors"}.get(
        group, "the case"
    )


def _where(group: str) -> dict[str, Any]:
    return {"group": group} if _who(group) != "the case" else {"case": group}
