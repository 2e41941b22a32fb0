"""The figures of a report are those that somebody else counts from the same entries."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from vault.audit.access import Access
from vault.audit.figures import Period, Tally, figures
from vault.audit.unusual import Thresholds
from vault.errors import LogError

DAY = 86_400
BEGIN = 1_767_225_600  # 2026-01-01, a Thursday
LAST = 2**53 - 1


def row(index: int, time: int, **said: Any) -> Access:
    """An entry."""
    usual: dict[str, Any] = {"kind": "release", "actor": "ana", "case": "c", "outcome": "released"}
    return Access(index, bytes(32), opened=True, time=time, **{**usual, **said})


def story(count: int = 400) -> list[Access]:
    """Entries of all kinds, from a seed."""
    draw = random.Random(4)  # noqa: S311 (a story, no secret)
    time, rows = BEGIN, []
    kinds = (
        ("release", "released", None),
        ("release", "refused", "not-holder"),
        ("request", "pending", None),
        ("deposit", "done", None),
        ("member-added", "refused", "not-steward"),
    )
    for index in range(count):
        time += draw.randrange(20_000)
        kind, outcome, refusal = draw.choice(kinds)
        rows.append(
            row(
                index,
                time,
                kind=kind,
                outcome=outcome,
                refusal=refusal,
                actor=draw.choice(["ana", "ben", "eva"]),
                case=None if kind == "member-added" else draw.choice("xyz"),
                records=tuple(draw.sample("abcdefgh", 2)) if kind == "release" else (),
                purpose=draw.choice(["review", "filing"]) if kind == "release" else None,
                problem=LogError("it is wrong") if index == 7 else None,
            )
        )
    rows[11] = Access(11, bytes(32), opened=False)
    return rows


@pytest.mark.parametrize("zone", ["UTC", "America/Los_Angeles", "Asia/Kathmandu"])
@pytest.mark.parametrize("whole", [True, False])
def test_figures_are_what_is_there(zone: str, whole: bool) -> None:
    """Counted again, another way, for a whole log and for a period of it."""
    rows = story()
    span = Period() if whole else Period(BEGIN + 5 * DAY, BEGIN + 30 * DAY)
    found = figures(rows, [], span, Thresholds(zone=ZoneInfo(zone), zone_name=zone))
    mine = [one for one in rows if one.opened]
    if not whole:
        mine = [one for one in mine if BEGIN + 5 * DAY <= one.time < BEGIN + 30 * DAY]
        assert 0 < len(mine) < len(rows) - 1
    outcomes = Counter(one.outcome for one in mine)
    assert found.entries == tuple(one.index for one in mine)
    assert (found.first, found.last) == (mine[0].time, mine[-1].time)
    assert found.sealed == 1
    assert found.invalid == ((7,) if whole else found.invalid)
    assert found.tally.total == len(mine)
    assert found.tally == Tally(
        outcomes["released"], outcomes["done"], outcomes["pending"], outcomes["refused"]
    )
    released = [one for one in mine if one.outcome == "released"]
    assert found.records == len({name for one in released for name in one.records})
    assert found.kinds == Counter(one.kind for one in mine)
    assert found.purposes == Counter(one.purpose for one in released)
    assert found.reasons == Counter(one.refusal for one in mine if one.outcome == "refused")
    hours = Counter()
    for one in mine:
        local = datetime.fromtimestamp(one.time, UTC).astimezone(ZoneInfo(zone))
        hours[local.weekday(), local.hour] += 1
    assert {
        (day, hour): count
        for day, counts in enumerate(found.hours)
        for hour, count in enumerate(counts)
        if count
    } == dict(hours)
    cells = Counter((one.actor, one.case) for one in mine)
    assert {key: cell.tally.total for key, cell in found.cells.items()} == dict(cells)
    key = "ana", "x"
    asked = [one for one in released if (one.actor, one.case) == key]
    assert found.cells[key].tally.released == len(asked)
    assert found.cells[key].records == len({name for one in asked for name in one.records})
    assert sum((step.tally for step in found.steps), Tally()) == found.tally
    assert set(found.members) == {one.actor for one in mine}
    assert found.cases[-1] is None
    assert set(found.cases) == {one.case for one in mine}


def test_findings_of_a_period_know_what_was_before() -> None:
    """A second access is no first one, though the first lies before the period."""
    rows = [row(0, BEGIN), row(1, BEGIN + DAY), row(2, BEGIN + 2 * DAY, actor="ben")]
    found = figures(rows, [], Period(BEGIN + DAY, None))
    first = next(rule for rule in found.rules if rule.code == "first-time")
    assert [one.entries for one in first.found] == [(2,)]


@pytest.mark.parametrize(
    ("since", "until", "gaps"),
    [(None, None, 2), (0, 5, 1), (5, 10, 1), (5, 25, 2), (20, 21, 0), (21, 60, 1), (90, None, 0)],
)
def test_a_gap_that_overlaps_the_period_is_found(
    since: int | None, until: int | None, gaps: int
) -> None:
    """Also if one of its entries, or both, lie outside; and so is the silence up to now."""
    rows = [row(0, BEGIN), row(1, BEGIN + 20 * DAY), row(2, BEGIN + 21 * DAY)]
    ends = [None if day is None else BEGIN + day * DAY for day in (since, until)]
    found = figures(rows, [], Period(*ends), now=BEGIN + 80 * DAY)
    (rule,) = [rule for rule in found.rules if rule.code == "gap"]
    assert len(rule.found) == gaps


def test_the_chart_goes_on_to_the_end_of_the_period() -> None:
    """Silence is seen there too; not before the log began, nor in what is to come."""
    rows = [row(0, BEGIN), row(1, BEGIN + 5 * DAY), row(2, BEGIN + 6 * DAY)]
    now = BEGIN + 9 * DAY

    def days(since: int | None, until: int | None) -> tuple[int, int]:
        ends = [None if day is None else BEGIN + day * DAY for day in (since, until)]
        found = figures(rows, [], Period(*ends), now=now)
        return found.steps[0].begins.day, found.steps[-1].begins.day

    assert days(None, None) == (1, 10)
    assert days(3, 8) == (4, 8)
    assert days(-30, 30) == (1, 10)


@pytest.mark.parametrize(
    ("days", "step", "steps"),
    [(0, "day", 1), (61, "day", 62), (62, "week", 10), (731, "week", 105), (732, "month", 25),
     (3659, "month", 121), (3660, "year", 11)],
)  # fmt: skip
def test_steps_stay_legible(days: int, step: str, steps: int) -> None:
    """Days, then weeks, months and years; each step begins where the one before ends."""
    found = figures([row(0, BEGIN), row(1, BEGIN + days * DAY)], [])
    assert (found.step, len(found.steps)) == (step, steps)
    ends = [one.ends for one in found.steps[:-1]]
    assert ends == [one.begins for one in found.steps[1:]]
    assert found.steps[0].tally.total >= 1 <= found.steps[-1].tally.total


def test_steps_over_a_change_of_the_clock() -> None:
    """A day of 23 hours is a day."""
    angeles = ZoneInfo("America/Los_Angeles")
    noon = int(datetime(2026, 3, 7, 12, tzinfo=angeles).timestamp())
    rows = [row(at, noon + at * DAY) for at in range(3)]
    found = figures(rows, [], None, Thresholds(zone=angeles))
    assert [step.begins.day for step in found.steps] == [7, 8, 9]
    assert found.steps[1].ends.timestamp() - found.steps[1].begins.timestamp() == 23 * 3600
    assert found.steps[0].ends - found.steps[0].begins == timedelta(days=1)


@pytest.mark.parametrize("time", [0, LAST])
@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "Pacific/Midway"])
def test_a_lying_clock_breaks_nothing(time: int, zone: str) -> None:
    """The largest time that a note can name, and the smallest, are counted like others."""
    rows = [row(0, BEGIN), row(1, time), row(2, BEGIN)]
    found = figures(rows, [], None, Thresholds(zone=ZoneInfo(zone), zone_name=zone))
    assert found.tally.total == 3
    assert sum(step.tally.total for step in found.steps) == 3
    assert len(found.steps) <= 202


def test_an_empty_log() -> None:
    """Nothing is nothing, and no error."""
    found = figures([], [])
    assert (found.tally, found.steps, found.members, found.first) == (Tally(), (), (), None)
