"""What an answer leaves out, and when a record was there."""

from __future__ import annotations

import pytest

from vault.audit import Access
from vault.audit.questions import life, unopened
from vault.errors import DamageError


def at(index: int, time: int | None, **said: object) -> Access:
    """An entry of a time; None for one that is for others."""
    if time is None:
        return Access(index, bytes(32), opened=False)
    return Access(index, bytes(32), opened=True, time=time, **said)  # type: ignore[arg-type]


def log(*times: int | None) -> list[Access]:
    """A log of entries of these times."""
    return [at(index, time) for index, time in enumerate(times)]


@pytest.mark.parametrize(
    ("since", "until", "count"),
    [
        (None, None, 5),
        (20, None, 4),
        (21, None, 3),
        (31, None, 2),
        (None, 10, 1),
        (None, 11, 2),
        (None, 21, 3),
        (11, 20, 1),
        (20, 30, 2),
    ],
)
def test_of_a_period_those_are_counted_that_may_be_of_it(
    since: int | None, until: int | None, count: int
) -> None:
    """By the entries around them, which opened."""
    entries = log(None, 10, None, 20, None, 30, None, None)
    assert unopened(entries, since, until) == count


def test_who_opens_nothing_is_told_of_everything() -> None:
    """Whatever the period is; but what is no entry is nobody's."""
    entries = log(None, None)
    broken = Access(2, b"", opened=False, problem=DamageError("broken"))
    assert unopened([*entries, broken], 5, 6) == 2
    assert unopened(log(1, 2)) == 0


def test_a_record_was_there_from_its_deposit_to_its_destruction() -> None:
    """By entries that hold: one that was refused, or is not as it must be, says nothing."""
    stored = at(0, 10, kind="deposit", outcome="done", deposit="d")
    refused = at(1, 11, kind="destruction", outcome="refused", records=("r",))
    false = at(2, 12, kind="destruction", outcome="done", records=("r",), problem=DamageError(""))
    gone = at(3, 13, kind="destruction", outcome="done", records=("q", "r"))
    assert life([stored, refused, false], "r", "d") == (stored, None)
    assert life([stored, refused, false, gone], "r", "d") == (stored, gone)
    assert life([at(0, None)], "r", "d") == (None, None)
