"""What a report is made of. Titles and reasons in words are not among it: so none can be shown."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from vault.audit.access import Access
from vault.audit.figures import Figures
from vault.visible import visible

_LETTERS = 4
_UNSEEN = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0")
"""Characters that look like nothing, though they are no format characters."""
VALID, INVALID, NOT_CHECKED = "valid", "invalid", "not-checked"


@dataclass(frozen=True, slots=True)
class Verification:
    """What verifying the logs gave.

    Args:
        state: `valid`, `invalid` or `not-checked`.
        reasons: One line each: what is invalid, or why something was not checked.
        size: How many entries the access log has.
        root: Its root, in hex.
        origin: The first line of its checkpoints.
        keys: The gate's keys, as C2SP verifier keys.
        opened: How many entries could be opened and were judged again.
        steps: What was done, in order: its result and one line.
        notices: One line each: what is allowed, and should be looked at.
    """

    state: str
    reasons: tuple[str, ...]
    size: int
    root: str
    origin: str
    keys: tuple[str, ...]
    opened: int
    steps: tuple[tuple[str, str], ...] = ()
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Person:
    """A member as a report names them.

    Args:
        name: As in their contact.
        roles: Their roles now, or when they left.
        standing: `suspended`, `former`, or nothing.
    """

    name: str
    roles: tuple[str, ...] = ()
    standing: str = ""


@dataclass(frozen=True)
class Facts:
    """All that a report shows.

    Args:
        verification: On top.
        level: The lowest assurance level at which entries of the period were made.
        figures: What was counted.
        rows: All entries of the log as this reader could open them; the page shows those that were
            counted.
        people: By member id; who is missing is shown by id.
        refs: By case id, the short references that all members see.
        made: When, in seconds since the epoch.
        made_by: By which member, by id.
    """

    verification: Verification
    level: int
    figures: Figures
    rows: Sequence[Access] = field(repr=False)
    people: Mapping[str, Person]
    refs: Mapping[str, str]
    made: int
    made_by: str

    @cached_property
    def shown(self) -> frozenset[int]:
        """The indexes of the entries that were counted."""
        return frozenset(self.figures.entries)

    @cached_property
    def _people_marks(self) -> dict[str, str]:
        known = {**dict.fromkeys((*self.figures.members, self.made_by), ""), **self.people}
        return told_apart({member: self.person(member).name for member in known})

    @cached_property
    def _case_marks(self) -> dict[str, str]:
        known = {**dict.fromkeys(case for case in self.figures.cases if case), **self.refs}
        return told_apart({case: self.case(case) for case in known})

    def person(self, member: str) -> Person:
        """A member, known or not."""
        return self.people.get(member) or Person(member)

    def person_mark(self, member: str) -> str:
        """What tells a member from others of the same name: the first letters of the id."""
        return self._people_marks.get(member, "")

    def case(self, case: str | None) -> str:
        """What a case is called in a report: its reference, else its id."""
        if case is None:
            return "no case"
        return self.refs.get(case) or case

    def case_mark(self, case: str | None) -> str:
        """What tells a case from others of the same reference: the first letters of the id."""
        return self._case_marks.get(case or "", "")


def told_apart(names: Mapping[str, str]) -> dict[str, str]:
    """For each id whose name others have too, as many of its first letters as tell them apart.

    Names are the same if people could take them for the same: case, width, spaces and what is not
    seen make no difference. Nor does a name help that looks like another one with its letters.

    Args:
        names: What is shown for each id.
    """
    marks: dict[str, str] = {}
    while True:
        groups: defaultdict[str, list[str]] = defaultdict(list)
        for one, name in names.items():
            for shown in {_looks(name), _looks(name + marks.get(one, ""))}:
                groups[shown].append(one)
        wanting = {one for those in groups.values() if len(those) > 1 for one in those}
        wanting |= marks.keys()
        if len(wanting) == len(marks):
            return marks
        long = _LETTERS
        while len({one[:long] for one in wanting}) < len(wanting):
            long += 1
        marks = {one: one[:long] for one in wanting}


def _looks(name: str) -> str:
    """A name as the eye compares it."""
    plain = unicodedata.normalize("NFKC", visible(name)).casefold()
    plain = unicodedata.normalize("NFKC", plain)
    return "".join(
        char
        for char in plain
        if unicodedata.category(char) not in {"Cf", "Zs"} and not _unseen(char)
    )


def _unseen(char: str) -> bool:
    return char in _UNSEEN or 0xFE00 <= ord(char) <= 0xFE0F or 0xE0100 <= ord(char) <= 0xE01EF
