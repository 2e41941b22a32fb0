"""The page for outsiders: what a funder or a board may know of how a vault was used.

It holds no id, no name, no reference, no root, and no time finer than a day. Members and cases have
letters and numbers drawn anew for each page: nobody can derive who is who, not even by laying two
pages beside each other. Counts are blurred, because a board knows its people: one that is small
would be one person's one act. Counts of up to four are not told apart, larger ones are rounded to
fives, each by itself, so that no sum gives away what a cell hides. A role is named only if more
than one of the members shown has it. There is no table of entries, no script, and nothing behind
the page: what is not to be seen is not in the file.
"""

from __future__ import annotations

import random
import secrets
from collections import Counter
from collections.abc import Sequence

from vault.audit.figures import MONTH, WEEK, Step, begin
from vault.report import charts
from vault.report.charts import Bar, Shown, grid, number, scroll, table
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

ROLES = ("advocate", "attorney", "auditor", "steward")
"""Of several roles the first one here is named."""

_READING = (
    (
        f"Counts of 1 to {FEW - 1} are shown as “under {FEW}”, larger ones are rounded to the "
        f"nearest {FEW}. Each is rounded by itself, so sums differ a little."
    ),
    (
        "Members and cases have letters and numbers that were drawn for this page alone. A role "
        "that only one of them has is not named."
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
    """Letters for members and numbers for cases, in an order that was drawn."""

    def __init__(self, facts: Facts, draw: random.Random) -> None:
        self.members = list(facts.figures.members)
        self.cases = [case for case in facts.figures.cases if case is not None]
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
    since, until = facts.figures.period.since, facts.figures.period.until
    first = since if since is not None else facts.figures.first
    last = until - 1 if until is not None else facts.figures.last
    ends = [day_of(date_of(time)) for time in (first, last) if time is not None]
    rows = [
        ("Level", together(tag("strong", str(facts.level)), ". ", LEVELS.get(facts.level, ""))),
        ("Period", " to ".join(ends) + ", both days included" if ends else "no entries"),
        (
            "Checkpoint",
            "It stands in the full report alone: here it would tie this page to the vault's files.",
        ),
    ]
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
        ("Members", Shown(0, str(len(figures.members)))),
        ("Cases", Shown(0, str(sum(case is not None for case in figures.cases)))),
    ]


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
    steps, unit = _coarse(facts)
    if not steps:
        return tag("p", "There are no entries.")
    shown = []
    for step in steps:
        found = step.tally
        label, short = step_words(step, unit)
        parts = (
            blurred(found.released),
            blurred(found.done + found.pending),
            blurred(found.refused),
        )
        shown.append(Bar(label, short, parts))
    first = "Month" if unit == MONTH else "Week from"
    return charts.bars(shown, f"Entries by {unit}, and what became of them.", first)


def _coarse(facts: Facts) -> tuple[list[Step], str]:
    """The steps of the chart, never shorter than a week."""
    figures = facts.figures
    if figures.step not in {"day", WEEK}:
        return list(figures.steps), figures.step
    unit = WEEK if len(figures.steps) <= (62 if figures.step == "day" else 26) else MONTH
    found: dict[object, Step] = {}
    for step in figures.steps:
        begins = begin(step.begins, unit)
        before = found.get(begins)
        tally = before.tally + step.tally if before else step.tally
        found[begins] = Step(begins, step.ends, tally)
    return list(found.values()), unit


def _weekdays(facts: Facts) -> Html:
    rows = [
        (name, [blurred(sum(counts))])
        for name, counts in zip(WEEKDAYS, facts.figures.hours, strict=True)
    ]
    caption = f"Entries by weekday ({facts.figures.thresholds.zone_name})."
    return grid(caption, "Day", ["Entries"], rows, class_="days")


def _matrix(facts: Facts, names: _Pseudonyms) -> Html:
    cells = facts.figures.cells
    if not names.cases or not names.members:
        return tag("p", "There are no entries that concern a case.")

    def cell(member: str, case: str) -> Shown:
        found = cells.get((member, case))
        return blurred(found.tally.released if found else 0)

    caption = "How often records of a case were released to a member."
    rows: list[tuple[Child, list[Shown]]]
    if len(names.cases) <= charts.WIDE:
        rows = [
            (name, [cell(member, case) for case in names.cases])
            for name, member in zip(names.names, names.members, strict=True)
        ]
        return grid(caption, "Member", names.titles, rows, class_="matrix")
    rows = [
        (title, [cell(member, case) for member in names.members])
        for title, case in zip(names.titles, names.cases, strict=True)
    ]
    return grid(caption, "Case", names.names, rows, class_="matrix")


def _reasons(facts: Facts) -> Html:
    figures = facts.figures
    asked = [
        (tag("th", code, scope="row"), number(blurred(count)))
        for code, count in sorted(figures.purposes.items())
    ]
    refused = [
        (tag("th", code or "none", scope="row"), number(blurred(count)))
        for code, count in sorted(figures.reasons.items())
    ]
    return tag(
        "div",
        table("Refusals by the gate's reason", ("Reason", "Entries"), refused)
        if refused
        else tag("p", "Nothing was refused."),
        table("Releases by purpose", ("Purpose", "Entries"), asked)
        if asked
        else tag("p", "Nothing was released."),
        class_="beside",
    )
