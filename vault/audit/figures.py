"""Counts the access log: everything that a report shows is a number from here.

Pure: from the entries as a reader could open them. Each figure says what it counts, so that it can
be counted again from `evault log list --json`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from vault.audit.access import Access
from vault.audit.unusual import GAP, Rule, Thresholds, Unusual, given, unusual
from vault.authority import Authority

DAY, WEEK, MONTH, YEAR = "day", "week", "month", "year"
_WIDEST = {DAY: 62, WEEK: 732, MONTH: 3_660}
"""How many days a chart in steps of a day, a week or a month may cover."""
_FULL = 200
_COUNTING = frozenset(("deposit", "re-encrypt"))
"""The acts whose note says how many records they bring."""


@dataclass(frozen=True, slots=True)
class Period:
    """A span of time, by the gate's times.

    Args:
        since: Its first second, in seconds since the epoch; None for the log's beginning.
        until: The first second that is not in it any more; None for the log's end.
    """

    since: int | None = None
    until: int | None = None

    def has(self, time: int) -> bool:
        """Whether a time lies in it."""
        return (self.since is None or time >= self.since) and (
            self.until is None or time < self.until
        )

    def overlaps(self, begins: int, ends: int) -> bool:
        """Whether some of a span of time lies in it."""
        return (self.since is None or ends > self.since) and (
            self.until is None or begins < self.until
        )


@dataclass(frozen=True, slots=True)
class Tally:
    """Entries by what became of them.

    Args:
        released: Releases of records that were given.
        done: Other acts that were done, such as deposits and receipts.
        pending: Requests that waited for approval.
        refused: Acts of any kind that the gate refused.
    """

    released: int = 0
    done: int = 0
    pending: int = 0
    refused: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.released + self.done + self.pending + self.refused

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.released + other.released,
            self.done + other.done,
            self.pending + other.pending,
            self.refused + other.refused,
        )


@dataclass(frozen=True, slots=True)
class Step:
    """A day, week, month or year of the chart: when it begins, in the zone, and what it had."""

    begins: datetime
    ends: datetime
    tally: Tally


@dataclass(frozen=True, slots=True)
class Cell:
    """What one member did in one case.

    Args:
        tally: Their entries.
        records: How many different records were released to them.
    """

    tally: Tally
    records: int


@dataclass(frozen=True, slots=True)
class Figures:
    """What a report shows of a period.

    Args:
        period: The entries counted are those of these times.
        now: When it was counted; None if that does not matter.
        thresholds: Zone and rules.
        entries: The indexes of the entries counted, in the log's order.
        first: The earliest time among them; None without any.
        last: The latest one.
        sealed: Entries of the whole log that this reader could not open: nobody can tell their
            times, so they are in no other figure.
        invalid: The indexes of entries counted that are not as an honest gate makes them.
        tally: All entries counted.
        records: How many different records were released.
        kinds: Entries by the kind of the actor's note.
        purposes: Releases that were given, by purpose code.
        reasons: Refusals, by reason code.
        span: The first and the last moment of the chart; nothing without entries.
        step: How long a step of the chart is.
        steps: The chart: all steps from the period's beginning to its end, as far as there was a
            log and that was not to come yet; or, if these are too many, those that have entries.
        hours: Entries by weekday (Monday is 0) and hour, in the zone.
        members: The members who did something, by id, the busiest first.
        cases: The cases in which they did; None stands for what concerns no case, at the end.
        cells: By member and case, where there is anything.
        rules: What is unusual: the findings that have an entry of the period, and the gaps of
            which a part lies in it.
    """

    period: Period
    now: int | None
    thresholds: Thresholds
    entries: tuple[int, ...]
    first: int | None
    last: int | None
    sealed: int
    invalid: tuple[int, ...]
    tally: Tally
    records: int
    kinds: Mapping[str, int]
    purposes: Mapping[str, int]
    reasons: Mapping[str, int]
    span: tuple[int, ...]
    step: str
    steps: tuple[Step, ...]
    hours: tuple[tuple[int, ...], ...]
    members: tuple[str, ...]
    cases: tuple[str | None, ...]
    cells: Mapping[tuple[str, str | None], Cell]
    rules: tuple[Rule, ...]


def figures(
    rows: Sequence[Access],
    history: Sequence[Authority],
    period: Period | None = None,
    thresholds: Thresholds | None = None,
    now: int | None = None,
) -> Figures:
    """Count.

    Args:
        rows: All entries of the log, in its order.
        history: The authority after 1, 2, 3... statements.
        period: What to count; all if None.
        thresholds: Zone and rules.
        now: When it is counted, in seconds since the epoch: until then the log is known to have no
            more; None if that is not known.
    """
    limits, span = thresholds or Thresholds(), period or Period()
    counted = [row for row in rows if row.opened and span.has(row.time)]
    times = [row.time for row in counted]
    ends = _ends(rows, span, times, now)
    step = _step(limits, ends)
    cells = _cells(counted)
    inside = {row.index for row in counted}
    return Figures(
        period=span,
        now=now,
        thresholds=limits,
        entries=tuple(row.index for row in counted),
        first=min(times, default=None),
        last=max(times, default=None),
        sealed=sum(not row.opened for row in rows),
        invalid=tuple(row.index for row in counted if row.problem is not None),
        tally=tally(counted),
        records=len({record for row in counted if given(row) for record in row.records}),
        kinds=_counted(row.kind for row in counted),
        purposes=_counted(row.purpose or "" for row in counted if given(row)),
        reasons=_counted(row.refusal or "" for row in counted if row.outcome == "refused"),
        span=ends,
        step=step,
        steps=steps_of(counted, limits, step, ends),
        hours=_hours(counted, limits),
        members=tuple(_counted(row.actor for row in counted)),
        cases=_cases(counted),
        cells=cells,
        rules=tuple(_within(rule, inside, span) for rule in unusual(rows, history, limits, now)),
    )


def tally(rows: Iterable[Access]) -> Tally:
    """Entries by what became of them."""
    found = Counter(row.outcome for row in rows)
    return Tally(found["released"], found["done"], found["pending"], found["refused"])


def count_of(row: Access) -> int:
    """How many records an entry concerns; what a deposit brought in is counted by its note."""
    if row.kind in _COUNTING:
        return row.count or 0
    return len(row.records)


def _counted(names: Iterable[str]) -> dict[str, int]:
    """How often each is there, the most frequent first, and else by name."""
    found = Counter(names)
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def _cases(rows: Sequence[Access]) -> tuple[str | None, ...]:
    named = _counted(row.case for row in rows if row.case is not None)
    none: tuple[None, ...] = (None,) if any(row.case is None for row in rows) else ()
    return (*named, *none)


def _cells(rows: Sequence[Access]) -> dict[tuple[str, str | None], Cell]:
    found: dict[tuple[str, str | None], list[Access]] = {}
    for row in rows:
        found.setdefault((row.actor, row.case), []).append(row)
    return {
        key: Cell(tally(those), len({name for row in those if given(row) for name in row.records}))
        for key, those in found.items()
    }


def _within(rule: Rule, inside: set[int], span: Period) -> Rule:
    """A rule with what it found in a period alone."""

    def concerns(one: Unusual) -> bool:
        if rule.code == GAP:
            return span.overlaps(one.begins, one.ends)
        return not inside.isdisjoint(one.entries)

    return Rule(
        rule.code, rule.title, rule.sentence, tuple(filter(concerns, rule.found)), rule.unit
    )


# --- time -----------------------------------------------------------------------------------------


def _hours(rows: Sequence[Access], limits: Thresholds) -> tuple[tuple[int, ...], ...]:
    grid = [[0] * 24 for _day in range(7)]
    for row in rows:
        local = limits.local(row.time)
        grid[local.weekday()][local.hour] += 1
    return tuple(map(tuple, grid))


def _ends(
    rows: Sequence[Access], span: Period, times: Sequence[int], now: int | None
) -> tuple[int, ...]:
    """The first and the last moment of the chart; nothing without entries.

    It goes on to the period's end, so that silence is seen there too, but not before the log began,
    nor into what is still to come.
    """
    if not times:
        return ()
    began = min(row.time for row in rows if row.opened)
    first = min(times) if span.since is None else min(max(span.since, began), *times)
    last = max(times)
    if now is not None:
        last = max(last, now if span.until is None else min(span.until - 1, now))
    return first, last


def _step(limits: Thresholds, times: Sequence[int]) -> str:
    """The shortest step in which a chart is still legible."""
    if not times:
        return DAY
    days = (limits.local(max(times)).date() - limits.local(min(times)).date()).days
    return next((step for step, widest in _WIDEST.items() if days < widest), YEAR)


def begin(moment: datetime, step: str) -> datetime:
    """When the day, week (from Monday), month or year of a moment began."""
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if step == WEEK:
        return day - timedelta(days=day.weekday())
    if step == MONTH:
        return day.replace(day=1)
    return day.replace(month=1, day=1) if step == YEAR else day


def _after(begins: datetime, step: str) -> datetime:
    """When the next one begins."""
    days = {DAY: 1, WEEK: 7, MONTH: 32, YEAR: 367}[step]
    return begin(begins + timedelta(days=days), step)


def steps_of(
    rows: Iterable[Access], limits: Thresholds, step: str, span: tuple[int, ...]
) -> tuple[Step, ...]:
    """The chart of some entries.

    Args:
        rows: The entries.
        limits: The zone.
        step: How long a step is.
        span: Its first and its last moment; nothing without entries.
    """
    found: dict[datetime, list[Access]] = {}
    for row in rows:
        found.setdefault(begin(limits.local(row.time), step), []).append(row)
    if not found:
        return ()
    begins, last = (begin(limits.local(time), step) for time in span)
    every = [begins]
    while every[-1] < last and len(every) <= _FULL:
        every.append(_after(every[-1], step))
    if len(every) > _FULL:
        every = sorted(found)
    return tuple(Step(one, _after(one, step), tally(found.get(one, ()))) for one in every)
