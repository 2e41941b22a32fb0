"""The page for outsiders: what a funder or a board may know of how a vault was used.

It holds no id, no name, no reference, no root, and no time finer than a day. Members and cases have
letters and numbers drawn anew for each page. That does not keep two pages apart: who lays them
beside each other can tell rows by their figures, and by how two periods differ. So a row of the
matrix says little: its cells are bands, only who was given records often has a row, the others are
one row together, and nobody is told how many they are. Where there are few members or few entries
there is no matrix and no chart over time at all.

Counts are blurred, because a board knows its people: one that is small would be one person's one
act. Counts of up to four are not told apart, larger ones are rounded to fives, each by itself, so
that no sum gives away what a cell hides; how many members and cases there are is a band. A role is
named only if more than one of the members shown has it, a purpose or a reason only if more than one
member gave or met it. There is no table of entries, no script, and nothing behind the page: what is
not to be seen is not in the file.
"""

from __future__ import annotations

import random
import secrets
from collections import Counter
from collections.abc import Sequence

from vault.audit.figures import DAY, MONTH, WEEK, Step, steps_of
from vault.audit.unusual import given
from vault.report import charts
from vault.report.charts import Bar, Shown, grid, matrix, number, scroll, table
from vault.report.facts import INVALID, Facts
from vault.report.frame import (
    LEVELS,
    RULE_HEADS,
    WEEKDAYS,
    contents,
    date_of,
    day_of,
    footer,
    glance,
    longer_than_a_year,
    masthead,
    period,
    reading,
    section,
    source,
    state,
    step_words,
)
from vault.report.markup import Child, Html, document, tag, together

FEW = 5
"""Counts below it are not told apart; larger ones are rounded to multiples of it."""

BUSY = 20
"""From how many releases on a member or a case has a row or a column of its own."""
MEMBERS, ENTRIES = 5, 50
"""With fewer of either, figures that say who or when are left out."""
_OTHERS = "other or rare"
_BANDS = ((1, "0"), (20, "1–19"), (100, "20–99"))
_SIZES = ((1, "0"), (5, "under 5"), (10, "5–9"), (20, "10–19"), (50, "20–49"))
_TELLING = frozenset(("auditor", "recovery"))
"""Reasons of refusals that say which role the member had."""

ROLES = ("advocate", "attorney", "auditor", "steward")
"""Of several roles the first one here is named."""

_READING = (
    (
        f"Counts of 1 to {FEW - 1} are shown as “under {FEW}”, larger ones are rounded to the "
        f"nearest {FEW}. Each is rounded by itself, so sums differ a little. What only one member "
        f"gave as a purpose, or met as a refusal, is counted as “{_OTHERS}”."
    ),
    (
        "Members and cases have letters and numbers that were drawn for this page alone; who has "
        f"fewer than {BUSY} releases is among “All others”, of whom there may be none. A role "
        "that only one of those shown has is not named."
    ),
    (
        "Whoever has pages of several periods, or knows the people, may still tell some of them by "
        "how much they do: share this page with those whom it is for alone."
    ),
    (
        "Released: evidence was opened for a stated purpose. Other acts: deposits, requests that "
        "wait, answers, receipts. Refused: the vault did not allow it; attempts are logged too."
    ),
    (
        "Unusual is what a rule with a threshold finds, not a judgement. The members' own auditor "
        "has the full report, with every entry and the checkpoint that proves it complete."
    ),
)


def blurred(count: int) -> Shown:
    """A count as an outsider sees it."""
    if count == 0:
        return Shown(0, "0")
    if count < FEW:
        return Shown(FEW // 2, f"under {FEW}")
    rounded = (count + FEW // 2) // FEW * FEW
    return Shown(rounded, f"{rounded:,}")


def band(count: int) -> Shown:
    """A count of a member or a case as an outsider sees it."""
    for weight, (end, said) in enumerate(_BANDS):
        if count < end:
            return Shown(weight, said)
    return Shown(len(_BANDS), "100 or more")


def size(count: int) -> Shown:
    """How many members or cases there are, as an outsider sees it."""
    return Shown(0, next((said for end, said in _SIZES if count < end), "50 or more"))


def outsider(facts: Facts, draw: random.Random | None = None) -> bytes:
    """The whole page, in UTF-8.

    Args:
        facts: What the page for members would show; its period begins and ends with a day.
        draw: Where the pseudonyms come from; the system's randomness if None.
    """
    figures = facts.figures
    names = _Pseudonyms(facts, draw or secrets.SystemRandom())
    sections: list[tuple[str, str, Child]] = [
        ("verification", "Verification", _verification(facts)),
        ("figures", "At a glance", glance(_numbers(facts))),
        ("unusual", "What is unusual", _unusual(facts)),
        ("activity", "Activity over time", _activity(facts)),
        ("hours", "Days of the week", _weekdays(facts)),
        ("matrix", "Members and cases", _matrix(facts, names)),
        ("reasons", "Refusals and purposes", _reasons(facts)),
        ("reading", "How to read this report", reading(figures, _READING)),
    ]
    return document(
        f"Access report for outsiders, {period(figures)}",
        source("report.css"),
        "",
        masthead(
            "Access report for outsiders",
            period(figures),
            together(f"Made on {day_of(date_of(facts.made))}. Pseudonymous: no names, no ids."),
        ),
        contents([(key, title) for key, title, _body in sections]),
        tag("main", (section(key, title, body) for key, title, body in sections)),
        footer(),
    )


class _Pseudonyms:
    """Letters for members and numbers for cases, drawn by lot, for busy ones alone."""

    def __init__(self, facts: Facts, draw: random.Random) -> None:
        given: Counter[str] = Counter()
        for (member, case), cell in facts.figures.cells.items():
            if case is not None:
                given[member] += cell.tally.released
                given[case] += cell.tally.released
        self.members = [one for one in facts.figures.members if given[one] >= BUSY]
        self.cases = [one for one in facts.figures.cases if one is not None and given[one] >= BUSY]
        draw.shuffle(self.members)
        draw.shuffle(self.cases)
        roles = {member: _role(facts.person(member).roles) for member in self.members}
        several = {role for role, count in Counter(roles.values()).items() if role and count > 1}
        self.names = []
        for at, member in enumerate(self.members):
            role = f" ({roles[member]})" if roles[member] in several else ""
            self.names.append(f"Member {_letters(at)}{role}")
        self.titles = [f"Case {at}" for at in range(1, len(self.cases) + 1)]


def _role(roles: Sequence[str]) -> str:
    return next((role for role in ROLES if role in roles), "")


def _letters(at: int) -> str:
    """A, B, ... Z, AA, AB..."""
    said = ""
    at += 1
    while at:
        at, rest = divmod(at - 1, 26)
        said = chr(ord("A") + rest) + said
    return said


def _verification(facts: Facts) -> Html:
    found = facts.verification
    count = len(found.reasons)
    kind = "problems" if found.state == INVALID else "reasons"
    hidden = [f"The full report names the {kind}."] if count else []
    rows: list[tuple[str, Child]] = [
        ("Level", together(tag("strong", str(facts.level)), ". ", LEVELS.get(facts.level, ""))),
        ("Period", f"{period(facts.figures)}; both days are included"),
        (
            "Checkpoint",
            "It stands in the full report alone: here it would tie this page to the vault's files.",
        ),
    ]
    if facts.figures.sealed:
        said = "Not all entries of the log could be opened. Those are in no figure of this page."
        rows.insert(0, ("Not whole", tag("strong", said)))
    return together(
        state(found, hidden),
        tag(
            "dl",
            (tag("div", tag("dt", name), tag("dd", said)) for name, said in rows),
            class_="facts",
        ),
    )


def _numbers(facts: Facts) -> list[tuple[str, Shown]]:
    figures = facts.figures
    limits = figures.thresholds
    times = {row.index: row.time for row in facts.rows}
    late = sum(not limits.usual(times[index]) for index in figures.entries)
    return [
        ("Entries", blurred(figures.tally.total)),
        ("Releases", blurred(figures.tally.released)),
        ("Records released", blurred(figures.records)),
        ("Refusals", blurred(figures.tally.refused)),
        ("Outside usual hours", blurred(late)),
        ("Members", size(len(figures.members))),
        ("Cases", size(sum(case is not None for case in figures.cases))),
    ]


def _few(facts: Facts) -> Html | None:
    """Why what would say who or when is left out; None if it is not."""
    figures = facts.figures
    if len(figures.members) >= MEMBERS and len(figures.entries) >= ENTRIES:
        return None
    return tag(
        "p",
        f"Left out: with fewer than {MEMBERS} members or {ENTRIES} entries in the period it would "
        "show what single people did.",
    )


def _unusual(facts: Facts) -> Html:
    rows = [
        (
            tag("th", rule.title, scope="row"),
            tag("td", rule.sentence),
            number(blurred(len(rule.found))),
        )
        for rule in facts.figures.rules
    ]
    return scroll(
        table("The rules, and how often each found something", RULE_HEADS, rows, "rules"),
        "The rules",
    )


def _activity(facts: Facts) -> Html:
    few = _few(facts)
    if few is not None:
        return few
    steps, unit = _coarse(facts)
    years, shown = longer_than_a_year(steps), []
    for step in steps:
        found = step.tally
        label, short = step_words(step, unit, years=years)
        parts = (
            blurred(found.released),
            blurred(found.done + found.pending),
            blurred(found.refused),
        )
        shown.append(Bar(label, short, parts))
    first = "Month" if unit == MONTH else "Week from"
    return charts.bars(shown, f"Entries by {unit}, and what became of them.", first)


def _coarse(facts: Facts) -> tuple[Sequence[Step], str]:
    """The steps of the chart, never shorter than a week."""
    figures = facts.figures
    if figures.step not in {DAY, WEEK}:
        return figures.steps, figures.step
    unit = WEEK if len(figures.steps) <= (62 if figures.step == DAY else 26) else MONTH
    rows = [row for row in facts.rows if row.index in facts.shown]
    return steps_of(rows, figures.thresholds, unit, figures.span), unit


def _weekdays(facts: Facts) -> Html:
    rows = [
        (name, [blurred(sum(counts))])
        for name, counts in zip(WEEKDAYS, facts.figures.hours, strict=True)
    ]
    caption = f"Entries by weekday ({facts.figures.thresholds.zone_name})."
    return grid(caption, "Day", ["Entries"], rows, class_="days")


def _matrix(facts: Facts, names: _Pseudonyms) -> Html:
    few = _few(facts)
    if few is not None:
        return few
    rows, columns = dict.fromkeys(names.members), dict.fromkeys(names.cases)
    counts: Counter[tuple[str | None, str | None]] = Counter()
    for (member, case), found in facts.figures.cells.items():
        if case is not None:
            place = member if member in rows else None, case if case in columns else None
            counts[place] += found.tally.released
    members: list[tuple[str, str | None]] = [
        *zip(names.names, names.members, strict=True), ("All others", None)
    ]  # fmt: skip
    cases: list[tuple[str, str | None]] = [
        *zip(names.titles, names.cases, strict=True), ("All others", None)
    ]  # fmt: skip
    caption = "How often records of a case were released to a member."
    shown: list[tuple[Child, list[Shown]]]
    if len(cases) <= charts.WIDE:
        shown = [(name, [band(counts[one, two]) for _title, two in cases]) for name, one in members]
        return matrix(caption, "Member", [title for title, _case in cases], shown)
    shown = [(title, [band(counts[one, two]) for _name, one in members]) for title, two in cases]
    return matrix(caption, "Case", [name for name, _member in members], shown)


def _reasons(facts: Facts) -> Html:
    asked: dict[str, Counter[str]] = {}
    refused: dict[str, Counter[str]] = {}
    for row in facts.rows:
        if row.index not in facts.shown:
            continue
        if given(row):
            asked.setdefault(row.purpose or "", Counter())[row.actor] += 1
        elif row.outcome == "refused":
            refused.setdefault(row.refusal or "", Counter())[row.actor] += 1
    return tag(
        "div",
        table("Refusals by the gate's reason", ("Reason", "Entries"), _folded(refused))
        if refused
        else tag("p", "Nothing was refused."),
        table("Releases by purpose", ("Purpose", "Entries"), _folded(asked))
        if asked
        else tag("p", "Nothing was released."),
        class_="beside",
    )


def _folded(found: dict[str, Counter[str]]) -> list[tuple[Html, Html]]:
    """Rows for codes that more than one member had, and the rest together, at the end."""
    known = {
        code: those.total()
        for code, those in sorted(found.items())
        if len(those) > 1 and code not in _TELLING | {""}
    }
    rest = sum(those.total() for code, those in found.items() if code not in known)
    counts = [*known.items(), *([(_OTHERS, rest)] if rest else [])]
    return [(tag("th", code, scope="row"), number(blurred(count))) for code, count in counts]
