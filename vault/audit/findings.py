"""What verifying found: that something is wrong, odd, or could not be checked. Never mixed."""

from __future__ import annotations

from dataclasses import dataclass

VALID, INVALID, UNCHECKED = "valid", "invalid", "not-checked"
RESULTS = (VALID, INVALID, UNCHECKED)


@dataclass(frozen=True, slots=True)
class Problem:
    """An entry that an honest gate would not have written: where, why, and a short code.

    Args:
        log: Which log.
        index: Of the entry.
        reason: One line for people.
        code: Short; if the rules refuse the act, their code.
        step: The step that found it.
    """

    log: str
    index: int
    reason: str
    code: str
    step: str = "judged"


@dataclass(frozen=True, slots=True)
class Notice:
    """An entry that is allowed, and that somebody should look at: where, why, and a short code."""

    log: str
    index: int
    reason: str
    code: str


@dataclass(frozen=True, slots=True)
class Step:
    """One step of verifying, with its one result.

    Args:
        name: A short name; `vault/FORMAT.md` has the steps in order.
        result: `valid`, `invalid` or `not-checked`.
        about: One line for people: what was looked at, or why it was not.
    """

    name: str
    result: str
    about: str


@dataclass(frozen=True, slots=True)
class Verified:
    """A log as it was verified.

    Args:
        log: Which log.
        size: How many entries it has.
        root: Over all of them, in hex.
        opened: How many could be opened and were judged again; the rest are proved to be there.
        result: `invalid` if something is wrong with it; `not-checked` if there are entries that
            this identity cannot judge; else `valid`.
    """

    log: str
    size: int
    root: str
    opened: int
    result: str = VALID
