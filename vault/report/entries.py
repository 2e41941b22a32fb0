"""The table of entries: as it stands in the page, and as data for the script.

Both say the same in the same words. The page itself has the newest entries only, so that a log of a
hundred thousand still opens at once; the data has all, and the script shows them page by page.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from vault.audit.access import Access
from vault.audit.figures import count_of
from vault.audit.unusual import LAST
from vault.report.charts import named
from vault.report.facts import Facts
from vault.report.markup import Html, tag

STATIC = 1000
"""How many entries the page has without its script."""

_NAMED = 3
_SHORT = 8
COLUMNS = (
    ("entry", "Entry"),
    ("time", "Time (UTC)"),
    ("who", "Who"),
    ("act", "Act"),
    ("case", "Case"),
    ("records", "Records"),
    ("purpose", "Purpose"),
    ("outcome", "Outcome"),
    ("unusual", "Unusual"),
)
MARKS = {
    "after-revocation": "revoked",
    "bulk": "bulk",
    "refusals": "refusals",
    "after-hours": "hours",
    "first-time": "first",
    "gap": "gap",
    "step-back": "clock",
}
"""What stands in the last column for each rule."""


class Entries:
    """The entries of a report.

    Args:
        facts: All that it shows.

    Attributes:
        rows: Those that were counted, the newest first.
        members, cases: Their places in the filters.
    """

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        counted = set(facts.figures.entries)
        self.rows = [row for row in reversed(facts.rows) if row.index in counted]
        self.members = {member: at for at, member in enumerate(facts.figures.members)}
        self.cases = {case: at for at, case in enumerate(facts.figures.cases)}
        self._marks: dict[int, int] = {}
        for at, rule in enumerate(facts.figures.rules):
            for index in rule.entries:
                self._marks[index] = self._marks.get(index, 0) | 1 << at

    @property
    def columns(self) -> list[tuple[str, str]]:
        """Codes and names of the columns; the zone's own time stands beside UTC."""
        zone = self.facts.figures.thresholds.zone_name
        found = list(COLUMNS)
        if zone != "UTC":
            found.insert(2, ("local", f"Time ({zone})"))
        return found

    def body(self) -> Iterator[Html]:
        """The newest rows as they stand in the page."""
        local = len(self.columns) > len(COLUMNS)
        for row in self.rows[:STATIC]:
            case = row.case and named(self.facts.case(row.case), self.facts.case_mark(row.case))
            who = self.facts.person(row.actor).name
            cells = [
                tag("th", str(row.index), scope="row", class_="n"),
                tag("td", _moment(row.time), class_="t"),
                tag("td", _moment(row.time, self._offset(row)), class_="t") if local else None,
                tag("td", named(who, self.facts.person_mark(row.actor))),
                tag("td", _act(row)),
                tag("td", case),
                tag("td", _records(row)),
                tag("td", row.purpose),
                tag("td", _outcome(row), class_=_class(row)),
                tag("td", self.marks(row.index)),
            ]
            yield tag("tr", cells)

    def marks(self, index: int) -> str:
        """The marks of the rules that name an entry."""
        bits = self._marks.get(index, 0)
        rules = self.facts.figures.rules
        return ", ".join(MARKS[rule.code] for at, rule in enumerate(rules) if bits >> at & 1)

    def data(self) -> dict[str, Any]:
        """All rows for the script: lists of numbers that point into lists of texts."""
        texts: dict[str, dict[Any, int]] = {"acts": {}, "purposes": {}, "outcomes": {}, "ids": {}}

        def place(kind: str, text: Any) -> int:
            return texts[kind].setdefault(text, len(texts[kind]))

        rows = [
            [
                row.index,
                min(row.time, LAST),
                self._offset(row),
                self.members[row.actor],
                self.cases[row.case],
                place("acts", (_act(row), row.kind)),
                count_of(row),
                [place("ids", record) for record in row.records],
                place("purposes", row.purpose or ""),
                place("outcomes", (_outcome(row), _class(row), row.outcome, row.refusal or "")),
                self._marks.get(row.index, 0),
            ]
            for row in self.rows
        ]
        facts = self.facts
        people = [(facts.person(one).name, facts.person_mark(one)) for one in self.members]
        cases = [(facts.case(case) if case else "", facts.case_mark(case)) for case in self.cases]
        return {
            "columns": [code for code, _name in self.columns],
            "people": people,
            "cases": cases,
            "marks": [MARKS[rule.code] for rule in facts.figures.rules],
            "rules": [rule.title for rule in facts.figures.rules],
            **{kind: list(found) for kind, found in texts.items()},
            "rows": rows,
        }

    def _offset(self, row: Access) -> int:
        """How far the zone is from UTC at an entry's time, in seconds."""
        ahead = self.facts.figures.thresholds.local(row.time).utcoffset()
        return int(ahead.total_seconds()) if ahead is not None else 0


def entries_filter(indexes: Sequence[int]) -> str:
    """The filter that shows some entries."""
    return "e=" + ",".join(map(str, indexes))


def _moment(time: int, offset: int = 0) -> str:
    at = datetime.fromtimestamp(min(time, LAST) + offset, UTC)
    return at.strftime("%Y-%m-%d %H:%M:%S")


def _act(row: Access) -> str:
    said = row.kind.replace("-", " ")
    return said if row.disposition is None else f"{said}, {row.disposition}"


def _records(row: Access) -> str:
    count = count_of(row)
    if not row.records:
        return f"{count:,}" if count else ""
    named = ", ".join(record[:_SHORT] for record in row.records[:_NAMED])
    return f"{count:,}: {named}" + (", …" if len(row.records) > _NAMED else "")


def _outcome(row: Access) -> str:
    said = row.outcome
    if row.outcome == "refused":
        said = f"✕ refused: {row.refusal}"
    return said if row.problem is None else f"⚠ NOT VALID: {row.problem.message} ({said})"


def _class(row: Access) -> str:
    return "invalid" if row.problem is not None else row.outcome
