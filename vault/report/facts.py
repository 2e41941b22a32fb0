"""What a report is made of. Titles and reasons in words are not among it: so none can be shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from vault.audit.access import Access
from vault.audit.figures import Figures

VALID, INVALID, NOT_CHECKED = "valid", "invalid", "not-checked"


@dataclass(frozen=True, slots=True)
class Verification:
    """What verifying the logs gave.

    Args:
        state: `valid`, `invalid` or `not-checked`.
        reasons: One line each: what is invalid, or why something was not checked.
        size: How many entries the access log has.
        root: Its root, in hex.
        keys: The names and key ids of the gate's keys, as C2SP verifier keys begin.
        opened: How many entries could be opened and were judged again.
        steps: What was done, in order: its result and one line.
        notices: One line each: what is allowed, and should be looked at.
    """

    state: str
    reasons: tuple[str, ...]
    size: int
    root: str
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


@dataclass(frozen=True, slots=True)
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
        made_by: By whom.
    """

    verification: Verification
    level: int
    figures: Figures
    rows: Sequence[Access] = field(repr=False)
    people: Mapping[str, Person]
    refs: Mapping[str, str]
    made: int
    made_by: Person

    def person(self, member: str) -> Person:
        """A member, known or not."""
        return self.people.get(member) or Person(member)

    def case(self, case: str | None) -> str:
        """What a case is called in a report: its reference, else its id."""
        if case is None:
            return "no case"
        return self.refs.get(case) or case
