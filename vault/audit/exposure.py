"""What somebody opened of a case, what they could have opened, and what they never did.

Cutting off access un-reads nothing: whoever cuts it off should know what was out of the house.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from vault.audit.access import Access, deposited
from vault.errors import DamageError
from vault.replica import Replica
from vault.store import Reads

_NEVER = 1 << 62


@dataclass(frozen=True, slots=True)
class Exposure:
    """Ids of records, each list in the order in which they were stored.

    Args:
        opened: What the log says was released to the member.
        could_have_opened: What the member had a right to at any time, opened or not. At level 0
            somebody who had the keys may have read it without an entry.
        never_opened: What the log says was never released to them, whether they had a right or not.
    """

    opened: tuple[str, ...]
    could_have_opened: tuple[str, ...]
    never_opened: tuple[str, ...]


def exposure(
    replica: Replica, reads: Reads, entries: Iterable[Access], case: str, member: str
) -> Exposure:
    """Find out what a member opened of a case, as far as this identity can open the log.

    Args:
        replica: The verified view, caught up.
        reads: A snapshot.
        entries: Of the verified access log.
        case: The case's id.
        member: Theirs, also if they are gone.
    """
    opened: set[str] = set()
    stored: dict[str, tuple[int, int]] = {}
    for access in entries:
        if access.case != case or access.problem is not None:
            continue
        if access.kind == "deposit" and access.outcome == "done":
            try:
                when = access.authority_size, access.time
                stored |= dict.fromkeys(deposited(reads, access), when)
            except DamageError:
                # `check` names it; what can still be said is said.
                continue
        if access.kind == "release" and access.outcome == "released" and access.actor == member:
            opened.update(access.records)
    held, single = _rights(replica, case, member)
    could = {
        name
        for name, (size, time) in stored.items()
        if name in single or any(last >= size and time < until for until, last in held.items())
    }
    return Exposure(
        tuple(name for name in stored if name in opened),
        tuple(name for name in stored if name in could),
        tuple(name for name in stored if name not in opened),
    )


def _rights(replica: Replica, case: str, member: str) -> tuple[dict[int, int], set[str]]:
    """When a member held a case: by the time at which the grant ended, the size of the last
    authority in which it stood; and the single records that they were ever granted."""
    held: dict[int, int] = {}
    single: set[str] = set()
    for authority in replica.history:
        found = authority.cases.get(case)
        if found is None:
            continue
        for granted in found.records.get(member, ()):
            single.update(granted.records)
        grant = found.grants.get(member)
        if grant is not None:
            # Order is the log's: two things of the same second are told apart by it.
            held[_NEVER if grant.until is None else grant.until] = authority.size
    return held, single
