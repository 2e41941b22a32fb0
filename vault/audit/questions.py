"""The questions that an auditor really has, answered from entries that were verified before.

All of it is pure: what goes in are entries in the log's order, what comes out says no more than
they do. Filtering comes after verification, so that nobody's filter hides what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from vault.audit.access import Access
from vault.authority import Authority
from vault.model import Role


@dataclass(frozen=True, slots=True)
class Filter:
    """Which entries are wanted: those that fit every criterion that is given.

    Args:
        members: Ids of whoever acted.
        cases: Ids of cases.
        records: Ids of records.
        deposits: Ids of the deposits that those records are in: a deposit's entry names no records.
        kinds: Kinds of acts.
        outcomes: What the gate did.
        purposes: Purpose codes.
        since: The gate's time from which on, in seconds since the epoch.
        until: The gate's time before which.
    """

    members: Collection[str] = ()
    cases: Collection[str] = ()
    records: Collection[str] = ()
    deposits: Collection[str] = ()
    kinds: Collection[str] = ()
    outcomes: Collection[str] = ()
    purposes: Collection[str] = ()
    since: int | None = None
    until: int | None = None

    @property
    def narrow(self) -> bool:
        """Whether it leaves anything out but what the gate did."""
        given = (self.members, self.cases, self.records, self.kinds, self.purposes)
        return any(given) or self.since is not None or self.until is not None

    @property
    def all(self) -> bool:
        """Whether it leaves nothing out, not even what could not be opened."""
        given = (
            self.members,
            self.cases,
            self.records,
            self.kinds,
            self.outcomes,
            self.purposes,
        )
        return not any(given) and self.since is self.until is None

    def fields(self) -> dict[str, Any]:
        """What is given, as JSON has it: sorted lists of ids and codes, and times."""
        names = ("cases", "kinds", "members", "outcomes", "purposes", "records")
        given = {name: sorted(getattr(self, name)) for name in names if getattr(self, name)}
        times = {"since": self.since, "until": self.until}
        return given | {name: at for name, at in times.items() if at is not None}

    def fits(self, access: Access, records: Collection[str]) -> bool:
        """Whether an entry is wanted.

        Args:
            access: The entry.
            records: Those that it concerns; see `concerning`.
        """
        if self.all:
            return True
        wanted = (
            (self.members, access.actor),
            (self.cases, access.case),
            (self.kinds, access.kind),
            (self.outcomes, access.outcome),
            (self.purposes, access.purpose),
        )
        return (
            access.opened
            and all(not among or value in among for among, value in wanted)
            and (self.since is None or access.time >= self.since)
            and (self.until is None or access.time < self.until)
            and (
                not self.records
                or not set(self.records).isdisjoint(records)
                or access.deposit in self.deposits
            )
        )


def concerning(entries: Iterable[Access]) -> Iterator[tuple[Access, tuple[str, ...]]]:
    """Each entry with the records that it concerns: those that it names, and for a receipt or an
    answer those of the release or request that it speaks of."""
    released: dict[int, tuple[str, ...]] = {}
    asked: dict[str, tuple[str, ...]] = {}
    for access in entries:
        records = access.records
        if access.kind == "release":
            released[access.index] = records
        elif access.kind == "request" and access.request is not None:
            asked[access.request] = records
        elif access.kind == "receipt" and access.entry is not None:
            records = released.get(access.entry, ())
        elif access.kind in {"approval", "denial"} and access.request is not None:
            records = asked.get(access.request, ())
        yield access, records


def select(entries: Iterable[Access], wanted: Filter) -> Iterator[Access]:
    """The entries that fit, in the log's order."""
    return (access for access, records in concerning(entries) if wanted.fits(access, records))


def unopened(entries: Iterable[Access], since: int | None = None, until: int | None = None) -> int:
    """How many entries are for others alone: what they say, no criterion can be held against.

    Args:
        entries: All of a log, in its order.
        since: Only those that may be from this time on, by the entries around them that opened.
        until: Only those that may be from before this time.
    """
    count = waiting = 0
    before: int | None = None
    for access in entries:
        if not access.opened:
            # One that is no entry at all is a problem, and nobody's secret.
            waiting += access.problem is None
            continue
        if (since is None or access.time >= since) and _begun(before, until):
            count += waiting
        waiting, before = 0, access.time
    return count + waiting if _begun(before, until) else count


def _begun(before: int | None, until: int | None) -> bool:
    return before is None or until is None or before < until


def life(
    entries: Iterable[Access], record: str, deposit: str
) -> tuple[Access | None, Access | None]:
    """The entries by which a record was stored and destroyed, as far as there are and they opened.

    Args:
        entries: All of a log, in its order.
        record: The record's id.
        deposit: That of the deposit which it is in.
    """
    stored: Access | None = None
    gone: Access | None = None
    for access in entries:
        if access.outcome != "done" or access.problem is not None:
            continue
        if access.kind == "deposit" and access.deposit == deposit:
            stored = access
        elif access.kind == "destruction" and record in access.records:
            gone = access
    return stored, gone


@dataclass(frozen=True, slots=True)
class Opening:
    """That somebody opened a record, each time together.

    Args:
        member: Their id.
        record: Its id.
        case: The case's.
        first: When they first did, by the gate's time, in seconds since the epoch.
        last: When they last did.
        count: How often.
    """

    member: str
    record: str
    case: str
    first: int
    last: int
    count: int


def openings(entries: Iterable[Access], wanted: Filter) -> list[Opening]:
    """What was opened, each member and record once, in the order of the first time.

    Args:
        entries: In the log's order.
        wanted: Whose and what; of its records only those count, and only what was released.
    """
    found: dict[tuple[str, str], Opening] = {}
    for access in select(entries, wanted):
        if access.kind != "release" or access.outcome != "released" or access.problem is not None:
            continue
        for record in access.records:
            if wanted.records and record not in wanted.records:
                continue
            key = access.actor, record
            before = found.get(key)
            if before is None:
                case = access.case or ""
                found[key] = Opening(*key, case, access.time, access.time, 1)
            else:
                # Order is the log's; a clock may have stepped back.
                found[key] = replace(
                    before,
                    first=min(before.first, access.time),
                    last=max(before.last, access.time),
                    count=before.count + 1,
                )
    return list(found.values())


@dataclass(frozen=True, slots=True)
class Could:
    """That somebody has a right to open a case, or single records of it.

    Args:
        member: Their id.
        case: The case's.
        records: The only ones; None for the whole case.
        until: When the right ends, in seconds since the epoch, or None.
        why: `holder`, `granted` or `recovery`.
        approvals: How many other holders have to approve it each time.
    """

    member: str
    case: str
    records: tuple[str, ...] | None
    until: int | None
    why: str
    approvals: int = 0


def could(
    authority: Authority, case: str, at: int, records: Collection[str] | None = None
) -> list[Could]:
    """Who has a right to a case at a time, in the order in which they got it.

    Args:
        authority: As it was then; see `as_of`.
        case: The case's id.
        at: Seconds since the epoch.
        records: Only who may open one of these.
    """
    known = authority.cases.get(case)
    if known is None:
        return []
    found, approvals = [], known.policy.approvals
    for grant in known.grants.values():
        member = authority.members.get(grant.member)
        if member is not None and authority.holds(member.id, case, at):
            why = "holder" if member.shares is None else "recovery"
            found.append(Could(member.id, case, None, grant.until, why, approvals))
    whole = {one.member for one in found}
    for name in known.records:
        for single in authority.granted_records(name, case, at):
            own = tuple(r for r in single.records if records is None or r in records)
            if own and name not in whole:
                found.append(Could(name, case, own, single.until, "granted", approvals))
    return found


def as_of(history: Iterable[Authority], at: int) -> Authority | None:
    """The authority that was in force at a time, by the gate's times; None before the first.

    A time that steps back among them changes nothing: the order is the log's.
    """
    found = None
    for authority in history:
        if authority.time > at:
            break
        found = authority
    return found


def roles_then(at: Callable[[int], Authority], access: Access) -> list[str]:
    """The roles that whoever acted had when the gate judged it.

    Args:
        at: Gives the authority of so many statements.
        access: The entry.
    """
    if access.problem is not None or not access.authority_size:
        return []
    member = at(access.authority_size).members.get(access.actor)
    return [] if member is None else [role.value for role in Role if role in member.roles]
