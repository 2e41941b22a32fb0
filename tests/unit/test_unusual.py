"""What counts as unusual: each rule finds what its sentence says, from its threshold on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

import authority_kit as kit
import pytest
from authority_kit import CASE, DAY, NOW

from vault.audit.access import Access
from vault.audit.unusual import (
    AFTER_HOURS,
    BULK,
    CODES,
    FIRST,
    GAP,
    REFUSALS,
    REVOKED,
    STEP_BACK,
    Thresholds,
    Unusual,
    unusual,
)
from vault.authority import Authority

HOUR = 3600
NOON = NOW - NOW % DAY + 12 * HOUR
CASE_ID = kit.case_id(CASE)


def row(index: int, time: int = NOON, **said: Any) -> Access:
    """A release of a record to ana, unless something else is said."""
    usual: dict[str, Any] = {
        "kind": "release",
        "actor": "ana",
        "case": "case",
        "records": (f"record{index}",),
        "outcome": "released",
    }
    return Access(index, bytes(32), opened=True, time=time, **{**usual, **said})


def refused(index: int, time: int = NOON, **said: Any) -> Access:
    """The same, refused."""
    return row(index, time, **{"outcome": "refused", "refusal": "not-holder", **said})


def found(
    code: str,
    rows: Sequence[Access],
    limits: Thresholds | None = None,
    history: Sequence[Authority] = (),
) -> list[Unusual]:
    """What one rule finds."""
    (rule,) = [rule for rule in unusual(rows, history, limits) if rule.code == code]
    return list(rule.found)


def entries(code: str, rows: Sequence[Access], limits: Thresholds | None = None) -> list[int]:
    """The entries that one rule names."""
    return [index for one in found(code, rows, limits) for index in one.entries]


def test_every_rule_says_itself_with_its_threshold() -> None:
    """Each has a sentence; the numbers in it are those that hold."""
    rules = unusual([], [], Thresholds((8, 18), ZoneInfo("Asia/Tokyo"), "Asia/Tokyo", 7, 9, 4))
    assert [rule.code for rule in rules] == list(CODES)
    said = " ".join(rule.sentence for rule in rules)
    for part in (
        "08:00 to 18:00 (Asia/Tokyo)",
        "At least 7 ",
        "at least 9 days",
        "at least 4 times",
    ):
        assert part in said
    assert all(rule.found == () and rule.entries == frozenset() for rule in rules)


def test_after_hours_begins_and_ends_on_the_hour() -> None:
    """The first usual hour is usual, the last second before it and the end are not."""
    day = NOON - 12 * HOUR
    moments = [7 * HOUR - 1, 7 * HOUR, 20 * HOUR - 1, 20 * HOUR]
    rows = [row(at, day + moment) for at, moment in enumerate(moments)]
    assert entries(AFTER_HOURS, rows) == [0, 3]


def test_after_hours_is_by_the_zone_and_may_go_over_midnight() -> None:
    """Noon UTC is four in the morning in Los Angeles in winter, and five in summer."""
    angeles = ZoneInfo("America/Los_Angeles")
    winter, summer = 1_768_478_400, 1_784_116_800
    rows = [row(0, winter), row(1, summer)]
    assert entries(AFTER_HOURS, rows, Thresholds((5, 20), angeles, "x")) == [0]
    night = Thresholds((20, 6))
    assert entries(AFTER_HOURS, [row(0), row(1, NOON + 8 * HOUR)], night) == [0]


def test_after_hours_is_about_asking_for_evidence() -> None:
    """A refused release and a request count; who stores something at night is not asked about."""
    night = NOON - 9 * HOUR
    rows = [
        refused(0, night),
        row(1, night, kind="request", outcome="pending"),
        row(2, night, kind="deposit", outcome="done"),
        row(3, night, kind="receipt", outcome="done"),
    ]
    assert entries(AFTER_HOURS, rows) == [0, 1]


def test_first_access_once_for_each_member_and_case() -> None:
    """The first that was given; a refused try is none."""
    rows = [refused(0), row(1), row(2), row(3, actor="ben"), row(4, case="other"), row(5)]
    assert entries(FIRST, rows) == [1, 3, 4]


def test_bulk_counts_different_records_within_an_hour() -> None:
    """One less, the same record twice, or an hour between them is no bulk read."""
    limits = Thresholds(bulk=3)
    three = [row(at, NOON + at) for at in range(3)]
    assert [(one.entries, one.count) for one in found(BULK, three, limits)] == [((0, 1, 2), 3)]
    assert found(BULK, three[:2], limits) == []
    assert found(BULK, [*three[:2], row(2, records=("record1",))], limits) == []
    assert found(BULK, [*three[:2], row(2, NOON + HOUR)], limits) == []
    assert len(found(BULK, [*three[:2], row(2, NOON + HOUR - 1)], limits)) == 1
    assert found(BULK, [*three[:2], row(2, actor="ben")], limits) == []
    assert found(BULK, [*three[:2], refused(2)], limits) == []
    assert len(found(BULK, [row(0, records=("a", "b", "c"))], limits)) == 1


def test_bulk_hours_that_overlap_are_one_finding() -> None:
    """Steady reading is one finding; the same again a day later is another."""
    limits = Thresholds(bulk=3)
    steady = [row(at, NOON + at * 1000) for at in range(10)]
    again = [row(at, NOON + DAY + at) for at in range(10, 13)]
    first, second = found(BULK, [*steady, *again], limits)
    assert (first.entries, first.count) == (tuple(range(10)), 10)
    assert second.entries == (10, 11, 12)


def test_bulk_default_is_twenty_five() -> None:
    """The documented threshold."""
    rows = [row(at, NOON + at) for at in range(25)]
    assert len(found(BULK, rows)) == 1
    assert found(BULK, rows[:24]) == []


def test_refusals_in_a_row_until_something_is_accepted() -> None:
    """Others' acts do not interrupt; one's own accepted act does."""
    rows = [
        refused(0),
        refused(1),
        row(2, actor="ben"),
        refused(3),
        row(4),
        refused(5),
        refused(6),
        row(7, kind="request", outcome="pending"),
        refused(8),
    ]
    (one,) = found(REFUSALS, rows)
    assert (one.entries, one.member, one.count) == ((0, 1, 3), "ana", 3)


def test_a_row_of_refusals_ends_at_what_could_not_be_opened() -> None:
    """Whoever sees a part of the log does not know whether an act between was accepted."""
    sealed = [Access(at, bytes(32), opened=False) for at in (1, 3)]
    rows = [refused(0), sealed[0], refused(2), sealed[1], refused(4), refused(5)]
    assert found(REFUSALS, rows) == []
    (one,) = found(REFUSALS, [*rows, refused(6)])
    assert one.entries == (4, 5, 6)


def test_a_row_of_refusals_has_no_day_between() -> None:
    """Each is at most 24 hours from the one before; the finding is dated by its last one."""
    times = [NOON, NOON + DAY, NOON + 2 * DAY]
    (one,) = found(REFUSALS, [refused(at, time) for at, time in enumerate(times)])
    assert (one.entries, one.begins, one.ends) == ((0, 1, 2), NOON, NOON + 2 * DAY)
    times[2] += 1
    assert found(REFUSALS, [refused(at, time) for at, time in enumerate(times)]) == []


def test_who_sees_a_part_is_told_so() -> None:
    """What a sealed entry could contradict is said as far as could be opened; else it is not."""
    sealed = Access(1, bytes(32), opened=False)
    for rule in unusual([row(0)], []):
        assert "could" not in rule.sentence
    for rule in unusual([row(0), sealed], []):
        if rule.code in {REFUSALS, GAP}:
            assert "An entry that could not be opened ends the" in rule.sentence
        else:
            assert rule.sentence.startswith("As far as could be opened: ")


def test_silence_up_to_now_is_a_gap() -> None:
    """From the last entry to when it is asked; not if that may not have been the last one."""
    rows = [row(0, NOON)]
    assert found(GAP, rows) == []

    def silent(rows: Sequence[Access], now: int) -> list[Unusual]:
        (gaps,) = [rule for rule in unusual(rows, (), None, now) if rule.code == GAP]
        return list(gaps.found)

    (one,) = silent(rows, NOON + 14 * DAY)
    assert (one.entries, one.count, one.begins, one.ends) == ((0,), 14, NOON, NOON + 14 * DAY)
    assert silent(rows, NOON + 14 * DAY - 1) == []
    assert silent([*rows, Access(1, bytes(32), opened=False)], NOON + 90 * DAY) == []


def test_gaps_between_entries_that_follow_each_other() -> None:
    """From fourteen days on; not over an entry whose time this reader cannot know."""
    rows = [row(0, NOON), row(1, NOON + 14 * DAY - 1), row(2, NOON + 28 * DAY - 1)]
    assert [(one.entries, one.count) for one in found(GAP, rows)] == [((1, 2), 14)]
    sealed = Access(2, bytes(32), opened=False)
    assert found(GAP, [*rows[:2], sealed, row(3, NOON + 90 * DAY)]) == []


def test_times_that_step_back() -> None:
    """Each entry before the latest time so far, and by how much."""
    rows = [row(0, NOON), row(1, NOON + 100), row(2, NOON + 40), row(3, NOON + 100)]
    assert [(one.entries, one.count) for one in found(STEP_BACK, rows)] == [((2,), 60)]


@pytest.fixture
def world() -> kit.World:
    """Bob, an attorney, holds the case of eva and lea."""
    world = kit.peopled_by_auditors()
    world.do("case-granted", "eva", world.granted(CASE, "bob"))
    return world


def tries(world: kit.World, name: str = "bob", **said: Any) -> list[int]:
    """Whether an attempt that the gate judges now counts as one after a revocation."""
    usual = {"actor": kit.device(name), "case": CASE_ID, "authority_size": world.authority.size}
    rows = [refused(0, world.now, **{**usual, **said})]
    return [index for one in found(REVOKED, rows, history=world.history) for index in one.entries]


def test_access_after_a_revocation(world: kit.World) -> None:
    """Whoever held the case and tries again is named; before it, and after a new grant, not."""
    before = world.authority.size
    assert tries(world) == []
    world.does("grant-revoked", "eva", case=CASE, member="bob")
    assert tries(world) == [0]
    assert tries(world, outcome="released") == [0]
    assert tries(world, kind="request") == [0]
    assert tries(world, kind="receipt") == []
    assert tries(world, authority_size=before) == []
    world.do("case-granted", "eva", world.granted(CASE, "bob"))
    assert tries(world) == []


def test_who_never_had_a_right_is_not_revoked(world: kit.World) -> None:
    """A stranger's try is a refusal and nothing else; a holder's is nothing."""
    world.does("grant-revoked", "eva", case=CASE, member="bob")
    assert tries(world, "una") == []
    assert tries(world, "lea") == []


def test_a_grant_that_ended_by_its_time() -> None:
    """From the second on at which it ended."""
    world = kit.peopled_by_auditors()
    world.do("case-granted", "eva", world.granted(CASE, "bob", NOW + DAY))
    world.now = NOW + DAY - 1
    assert tries(world) == []
    world.now = NOW + DAY
    assert tries(world) == [0]


def test_who_is_suspended(world: kit.World) -> None:
    """Rights that are put aside count as ended."""
    world.does("member-suspended", "sol", member="bob", why=None)
    assert tries(world) == [0]


def test_single_records(world: kit.World) -> None:
    """Whoever was granted single records had a right too, until those end."""
    world = kit.peopled_by_auditors()
    record = kit.case_id("record")
    world.do("records-granted", "eva", world.records(CASE, "bob", record, until=NOW + DAY))
    assert tries(world) == []
    world.now = NOW + DAY
    assert tries(world) == [0]
