"""What is unusual in the access log: rules with a threshold each, and never a score.

Pure: from the entries as a reader could open them, and the history of the authority. Each rule says
in one sentence what it finds, so that everybody can check by hand why an entry is there, and that
an entry is *not* there says just as much. A finding is a reason to ask somebody, not a reproach:
people work at night when somebody was detained at night. `vault/FORMAT.md` has the rules in words.

Order is the log's; times are those that the gate names. Rules look at the whole log, also where
only a part of it is shown: an access is not a first one because a period begins.

Whoever cannot open all entries knows less than the log does. Then no rule says what an entry that
stayed shut may contradict: a row of refusals and a gap end at it, and the sentence of a rule whose
findings could be more, earlier or larger says "as far as could be opened".
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo

from vault.audit.access import Access
from vault.authority import Authority

AFTER_HOURS = "after-hours"
FIRST = "first-time"
BULK = "bulk"
REVOKED = "after-revocation"
REFUSALS = "refusals"
GAP = "gap"
STEP_BACK = "step-back"
CODES = (REVOKED, BULK, REFUSALS, AFTER_HOURS, FIRST, GAP, STEP_BACK)

ATTEMPTS = frozenset(("release", "request"))
"""The acts by which somebody tries to get at evidence."""

DAY = 86_400
_HOUR = 3_600
_APART = 24 * _HOUR
"""Refusals further apart than this are no row."""
_PARTLY = "As far as could be opened: "
LAST = 253_339_228_799
"""The end of the year 9997: zones and steps of a chart need room before the calendar's end."""

_Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From where on something counts as unusual.

    Args:
        hours: The usual hours of the day, from the first up to, not including, the second; over
            midnight if the first is the larger one.
        zone: In which these hours are meant.
        zone_name: As people call it.
        bulk: How many distinct records released to one member within an hour.
        gap: Days without an entry.
        refusals: Refusals of one member in a row, each at most 24 hours from the one before.
    """

    hours: tuple[int, int] = (7, 20)
    zone: tzinfo = field(default=UTC)
    zone_name: str = "UTC"
    bulk: int = 25
    gap: int = 14
    refusals: int = 3

    def local(self, time: int) -> datetime:
        """A time (seconds since the epoch) in the zone; what is after the year 9997 is its end."""
        return datetime.fromtimestamp(min(time, LAST), self.zone)

    def usual(self, time: int) -> bool:
        """Whether a time lies in the usual hours."""
        first, end = self.hours
        hour = self.local(time).hour
        return first <= hour < end if first <= end else hour >= first or hour < end


@dataclass(frozen=True, slots=True)
class Unusual:
    """Something that a rule has found.

    Args:
        entries: The indexes of the entries concerned, in the log's order.
        member: Whose acts; empty if it concerns nobody in particular.
        case: The case's id; None if none, or several.
        count: How much: records, refusals, days or seconds, as the rule says.
        begins: The time of the first of it, in seconds since the epoch.
        ends: The time of the last of it, by which it is dated.
    """

    entries: tuple[int, ...]
    member: str = ""
    case: str | None = None
    count: int = 0
    begins: int = 0
    ends: int = 0


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule and what it found.

    Args:
        code: A short name that stays.
        title: For people.
        sentence: Exactly when it finds something, with its threshold.
        found: In the log's order.
        unit: What `count` counts, if it is one; empty for nothing.
    """

    code: str
    title: str
    sentence: str
    found: tuple[Unusual, ...]
    unit: str = ""

    @property
    def entries(self) -> frozenset[int]:
        """The indexes of all entries that it names."""
        return frozenset(index for found in self.found for index in found.entries)


def unusual(
    rows: Sequence[Access],
    history: Sequence[Authority],
    thresholds: Thresholds | None = None,
    now: int | None = None,
) -> tuple[Rule, ...]:
    """Apply all rules.

    Args:
        rows: All entries of the log, in its order; of those that could not be opened nothing is
            said, and nothing is said that they may contradict.
        history: The authority after 1, 2, 3... statements.
        thresholds: Where the rules begin.
        now: Until when the last entry is known to have been the last; None if that is not known.
    """
    limits = thresholds or Thresholds()
    opened = [row for row in rows if row.opened]
    partly = _PARTLY if len(opened) < len(rows) else ""
    shut = " An entry that could not be opened ends {}." if partly else ""
    first, end = limits.hours
    return (
        Rule(
            REVOKED,
            "Access after a revocation",
            f"{partly}A member asked for records of a case, whether given or refused, when their "
            "right to it had been revoked or had ended, or they were suspended.",
            tuple(_revoked(opened, history)),
        ),
        Rule(
            BULK,
            "Bulk reads",
            f"{partly}At least {limits.bulk} different records were released to one member within "
            "an hour.",
            tuple(_bulk(opened, limits.bulk)),
            "record",
        ),
        Rule(
            REFUSALS,
            "Refusals in a row",
            f"A member was refused at least {limits.refusals} times without an act that was "
            "accepted in between, each time at most 24 hours from the one before."
            + shut.format("the row"),
            tuple(_refusals(rows, limits.refusals)),
            "refusal",
        ),
        Rule(
            AFTER_HOURS,
            "After hours",
            f"{partly}A member asked for records, whether given or refused, outside "
            f"{first:02}:00 to {end:02}:00 ({limits.zone_name}), on any day of the week.",
            tuple(_after_hours(opened, limits)),
        ),
        Rule(
            FIRST,
            "First access",
            f"{partly}Records of a case were released to a member for the first time.",
            tuple(_first(opened)),
        ),
        Rule(
            GAP,
            "Gaps",
            f"No entry for at least {limits.gap} days, between two entries or since the last "
            "one." + shut.format("the gap"),
            tuple(_gaps(rows, limits.gap, now)),
            "day",
        ),
        Rule(
            STEP_BACK,
            "Times that step back",
            f"{partly}The gate named an earlier time than for an entry before: its clock was set "
            "back, or was ahead.",
            tuple(_steps(opened)),
            "second",
        ),
    )


def given(row: Access) -> bool:
    """Whether an entry is a release of records that the gate gave."""
    return row.kind == "release" and row.outcome == "released"


def _after_hours(rows: Sequence[Access], limits: Thresholds) -> Iterator[Unusual]:
    for row in rows:
        if row.kind in ATTEMPTS and not limits.usual(row.time):
            yield _one(row)


def _first(rows: Sequence[Access]) -> Iterator[Unusual]:
    seen: set[_Key] = set()
    for row in rows:
        if given(row) and row.case is not None and (row.actor, row.case) not in seen:
            seen.add((row.actor, row.case))
            yield _one(row)


def _one(row: Access) -> Unusual:
    return Unusual((row.index,), row.actor, row.case, begins=row.time, ends=row.time)


def _refusals(rows: Sequence[Access], least: int) -> Iterator[Unusual]:
    running: dict[str, list[Access]] = {}
    found: list[list[Access]] = []
    for row in rows:
        if not row.opened:
            # Anybody may have made it, and it may have been accepted.
            found += running.values()
            running.clear()
        elif row.outcome != "refused":
            found.append(running.pop(row.actor, []))
        else:
            run = running.setdefault(row.actor, [])
            if run and abs(row.time - run[-1].time) > _APART:
                found.append(run)
                run = running[row.actor] = []
            run.append(row)
    found += running.values()
    long = [run for run in found if len(run) >= least]
    for run in sorted(long, key=lambda run: run[0].index):
        indexes = tuple(row.index for row in run)
        case, ends = _one_case(run), run[-1].time
        yield Unusual(indexes, run[0].actor, case, len(run), run[0].time, ends)


def _bulk(rows: Sequence[Access], least: int) -> Iterator[Unusual]:
    by_member: defaultdict[str, list[Access]] = defaultdict(list)
    for row in rows:
        if given(row):
            by_member[row.actor].append(row)
    found = [found for reads in by_member.values() for found in _bursts(reads, least)]
    yield from sorted(found, key=lambda one: one.entries)


def _bursts(reads: Sequence[Access], least: int) -> Iterator[Unusual]:
    """The hours in which one member got many records; hours that overlap are one finding."""
    window: deque[Access] = deque()
    holding: Counter[str] = Counter()
    burst: dict[int, Access] = {}
    for row in sorted(reads, key=lambda row: (row.time, row.index)):
        window.append(row)
        holding.update(row.records)
        while row.time - window[0].time >= _HOUR:
            for record in window.popleft().records:
                holding[record] -= 1
                if not holding[record]:
                    del holding[record]
        if burst and window[0].index not in burst:
            yield _burst(burst)
            burst = {}
        if len(holding) >= least:
            burst |= {one.index: one for one in window}
    if burst:
        yield _burst(burst)


def _burst(burst: dict[int, Access]) -> Unusual:
    rows = list(burst.values())
    records = {record for row in rows for record in row.records}
    times = [row.time for row in rows]
    indexes, case = tuple(sorted(burst)), _one_case(rows)
    return Unusual(indexes, rows[0].actor, case, len(records), min(times), max(times))


def _revoked(rows: Sequence[Access], history: Sequence[Authority]) -> Iterator[Unusual]:
    since = _first_rights(history)
    for row in rows:
        size, case = min(row.authority_size, len(history)), row.case
        if row.kind not in ATTEMPTS or case is None or not size:
            continue
        authority = history[size - 1]
        had = since.get((row.actor, case), size + 1) <= size
        if had and not (
            authority.holds(row.actor, case, row.time)
            or authority.granted_records(row.actor, case, row.time)
        ):
            yield _one(row)


def _first_rights(history: Sequence[Authority]) -> dict[_Key, int]:
    """For each member and case the size of the first authority in which they had any right."""
    since: dict[_Key, int] = {}
    before: Authority | None = None
    for authority in history:
        for name, case in authority.cases.items():
            # Most statements leave most cases as they are.
            if before is not None and before.cases.get(name) is case:
                continue
            for member in (*case.grants, *case.records):
                since.setdefault((member, name), authority.size)
        before = authority
    return since


def _gaps(rows: Sequence[Access], days: int, now: int | None) -> Iterator[Unusual]:
    before: Access | None = None
    for row in rows:
        if not row.opened:
            # It was made at a time that this reader does not know.
            before = None
            continue
        if before is not None and row.time - before.time >= days * DAY:
            yield _gap((before.index, row.index), before.time, row.time)
        before = row
    if before is not None and now is not None and now - before.time >= days * DAY:
        yield _gap((before.index,), before.time, now)


def _gap(entries: tuple[int, ...], begins: int, ends: int) -> Unusual:
    return Unusual(entries, count=(ends - begins) // DAY, begins=begins, ends=ends)


def _steps(rows: Sequence[Access]) -> Iterator[Unusual]:
    latest: Access | None = None
    for row in rows:
        if latest is None or row.time >= latest.time:
            latest = row
            continue
        count = latest.time - row.time
        yield Unusual((row.index,), count=count, begins=row.time, ends=row.time)


def _one_case(rows: Sequence[Access]) -> str | None:
    cases = {row.case for row in rows}
    return cases.pop() if len(cases) == 1 else None
