"""The page for members: auditors see all of it, holders what concerns their cases."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from vault.audit.figures import Figures
from vault.audit.unusual import AFTER_HOURS, GAP, Rule, Unusual
from vault.report.charts import Shown, exact, many, named, number, person, scroll, table
from vault.report.entries import MARKS, STATIC, Entries, entries_filter
from vault.report.facts import Facts
from vault.report.frame import (
    LEVELS,
    RULE_HEADS,
    contents,
    footer,
    glance,
    masthead,
    moment_of,
    period,
    reading,
    section,
    source,
    state,
    zoned,
)
from vault.report.markup import Child, Html, data, document, escape, tag, together
from vault.report.views import activity, hours, lists, matrix, reasons

_LISTED = 8
_LINE = 160


def page(facts: Facts) -> bytes:
    """The whole report, in UTF-8."""
    entries = Entries(facts)
    figures, maker = facts.figures, facts.person(facts.made_by)
    sections = [
        ("verification", "Verification", _verification(facts)),
        ("figures", "At a glance", glance(_numbers(figures))),
        ("unusual", "What is unusual", _unusual(facts)),
        ("activity", "Activity over time", activity(figures)),
        ("hours", "Hours and weekdays", hours(figures)),
        ("matrix", "Members and cases", matrix(facts, entries)),
        ("reasons", "Refusals and purposes", reasons(figures)),
        ("lists", "Who and what is meant", lists(facts, entries)),
        ("entries", "Entries", _entries(entries)),
        ("reading", "How to read this report", reading(figures, _READING)),
    ]
    return document(
        f"Access report, {period(figures)}",
        source("report.css"),
        source("report.js"),
        tag("a", "Skip to the entries", href="#entries", class_="skip"),
        masthead(
            "Access report",
            period(figures),
            together(
                "Made on ",
                moment_of(facts.made),
                " by ",
                person(named(maker.name, facts.person_mark(facts.made_by)), ", ".join(maker.roles)),
            ),
        ),
        contents([(key, title) for key, title, _body in sections]),
        tag("main", (section(key, title, body) for key, title, body in sections)),
        footer(),
        data("data", entries.data()),
    )


_READING = (
    (
        "Order is the log's: an entry stands where the gate put it. Times are those that the gate "
        "named; at level 0 they are what the clock of that machine said."
    ),
    (
        "Released: the gate gave its share of the records' keys, so they could be read. Other "
        "acts: deposits, requests that wait, answers, receipts, renewals, destructions, exports. "
        "Refused: the gate did not do it; that somebody tried is an entry too."
    ),
    (
        "Unusual is what a rule with a threshold finds, not a judgement: each rule says exactly "
        "when it applies, so that anybody can check it by hand. Its mark stands in the last column "
        "of the entries. Rules look at the whole log, also where this report shows a part of it."
    ),
    (
        "To compare the checkpoint, ask a member who has seen this vault elsewhere to run "
        "evault log checkpoint --size with the size that stands here: the three lines must be the "
        "same, character for character."
    ),
)


# --- sections -------------------------------------------------------------------------------------


def _verification(facts: Facts) -> Html:
    found, figures = facts.verification, facts.figures
    since, until = figures.period.since, figures.period.until
    rows: list[tuple[str, Child]] = [
        (
            "Entries",
            f"{found.opened:,} of {found.size:,} could be opened and were judged again"
            + (
                "; the others are proved to be in the log, and are in no figure here"
                if figures.sealed
                else ""
            ),
        ),
        ("Level", together(tag("strong", str(facts.level)), ". ", LEVELS.get(facts.level, ""))),
        (
            "Period",
            f"from {moment_of(since) if since is not None else 'the beginning of the log'} "
            + (
                f"up to, not including, {moment_of(until)}"
                if until is not None
                else f"to {moment_of(facts.made)}, when this was made"
            ),
        ),
        ("Checkpoint", _checkpoint(facts)),
        ("Gate's keys", _keys(found.keys)),
    ]
    if found.notices:
        rows.append(("To look at", tag("ul", (tag("li", one) for one in found.notices))))
    if found.steps:
        steps = (tag("li", tag("strong", result), ": ", about) for result, about in found.steps)
        rows.append(("Steps", tag("ol", steps)))
    return together(
        state(found, found.reasons),
        tag(
            "dl",
            (tag("div", tag("dt", name), tag("dd", said)) for name, said in rows),
            class_="facts",
        ),
    )


def _checkpoint(facts: Facts) -> Html:
    """The three lines that `evault log checkpoint` prints, and the root in hex."""
    found = facts.verification
    root = base64.b64encode(bytes.fromhex(found.root)).decode()
    # Groups are set apart by the style alone: what is copied is the root as it is.
    groups = (found.root[at : at + 8] for at in range(0, len(found.root), 8))
    return together(
        tag(
            "pre",
            Html("\n".join(map(escape, (found.origin, str(found.size), root)))),
            id="checkpoint",
        ),
        tag(
            "p",
            "The root in hex: ",
            tag("code", (tag("span", one) for one in groups), class_="root"),
        ),
        tag(
            "p",
            "Anybody who has this vault gets the same three lines from ",
            tag("code", f"evault log checkpoint --size {found.size}"),
            ".",
        )
        if found.size
        else None,
    )


def _keys(keys: Sequence[str]) -> Html:
    """The gate's keys: whole if they fit on a line or two, else folded."""
    return together(
        tag("code", key, class_="key")
        if len(key) <= _LINE
        else tag(
            "details",
            tag("summary", "…".join((key[: _LINE // 2], key[-8:])), class_="key"),
            tag("code", key, class_="key"),
        )
        for key in keys
    )


def _numbers(figures: Figures) -> list[tuple[str, Shown]]:
    found = figures.tally
    return [
        ("Entries", exact(found.total, "all")),
        ("Releases", exact(found.released, "o=released", unit="release")),
        ("Records released", exact(figures.records)),
        ("Refusals", exact(found.refused, "o=refused", unit="refusal")),
        ("Not valid", exact(len(figures.invalid), "o=invalid", "not valid")),
        ("Members", exact(len(figures.members))),
        ("Cases", exact(sum(case is not None for case in figures.cases))),
    ]


def _unusual(facts: Facts) -> Html:
    rules = facts.figures.rules
    rows = [
        (
            tag("th", rule.title, tag("span", MARKS[rule.code], class_="mark"), scope="row"),
            tag("td", rule.sentence),
            number(_found(facts, at, rule)),
        )
        for at, rule in enumerate(rules)
    ]
    summary = table("The rules, and how often each found something", RULE_HEADS, rows, "rules")
    return together(
        tag(
            "p",
            "A rule says when to ask somebody, not who did wrong. Below its name stands the mark "
            "that its entries have in the table of entries.",
            class_="lead",
        ),
        scroll(summary, "The rules"),
        (_findings(facts, at, rule) for at, rule in enumerate(rules) if rule.found),
    )


def _found(facts: Facts, at: int, rule: Rule) -> Shown:
    """How often a rule found something, and how many entries that is: as many as it leads to."""
    if not rule.found:
        return Shown(0, "0")
    inside = len(rule.entries & facts.shown)
    said = f"{many(len(rule.found), 'finding')} ({many(inside, 'entry')})"
    return Shown(len(rule.found), said, f"u={at}" if inside else "", f"{said}, {rule.title}")


def _findings(facts: Facts, at: int, rule: Rule) -> Html:
    more = len(rule.found) - _LISTED
    found = sorted(rule.found, key=lambda one: (one.ends, one.entries), reverse=True)
    items = [tag("li", _finding(facts, rule, one)) for one in found[:_LISTED]]
    left = (
        tag("p", f"And {more:,} earlier, marked in the table of entries.", data_more=f"u={at}")
        if more > 0
        else None
    )
    return tag(
        "div",
        tag("h3", rule.title),
        tag("ul", items),
        left,
        class_="findings",
    )


def _finding(facts: Facts, rule: Rule, found: Unusual) -> Html:
    parts: list[Child] = [tag("span", _when(facts, rule, found), class_="t")]
    if found.member:
        who = facts.person(found.member)
        name = named(who.name, facts.person_mark(found.member))
        parts.append(person(name, who.standing))
    if found.case is not None:
        parts.append(together("case ", named(facts.case(found.case), facts.case_mark(found.case))))
    if rule.unit:
        parts.append(many(found.count, rule.unit))
    inside = tuple(index for index in found.entries if index in facts.shown)
    # What lies outside the period is not in the table: the words lead to what is.
    words = _span(inside) if inside else f"{_span(found.entries)}, outside the period"
    if inside and len(inside) < len(found.entries):
        words += f", of {len(found.entries)}; the others lie outside the period"
    parts.append(tag("span", words, data_f=entries_filter(inside) if inside else None))
    return together(part if at == 0 else (" · ", part) for at, part in enumerate(parts))


def _when(facts: Facts, rule: Rule, found: Unusual) -> str:
    """When it was: by its last entry; a gap from when to when."""
    if rule.code == GAP:
        # A gap that no second entry ends goes on until the report was made.
        open_ = len(found.entries) == 1
        ends = "when this was made" if open_ else moment_of(found.ends)
        return f"{moment_of(found.begins)} to {ends}"
    # A rule about the hour of the day says it as the rule means it.
    if rule.code == AFTER_HOURS:
        return zoned(facts.figures.thresholds, found.ends)
    return moment_of(found.ends)


def _span(entries: tuple[int, ...]) -> str:
    if len(entries) == 1:
        return f"entry {entries[0]}"
    if len(entries) == 2:
        return f"entries {entries[0]} and {entries[1]}"
    return f"entries {entries[0]} to {entries[-1]} ({len(entries)} of them)"


def _entries(entries: Entries) -> Html:
    count = len(entries.rows)
    static = f"The newest {STATIC:,} of {count:,} entries. " if count > STATIC else ""
    heads = [
        tag("th", name, scope="col", data_c=code, aria_sort="descending" if not at else None)
        for at, (code, name) in enumerate(entries.columns)
    ]
    return together(
        tag("div", hidden=True, id="tools", role="search", aria_label="Filter the entries"),
        tag(
            "noscript",
            tag(
                "p",
                f"{static}With scripts allowed, this table can be searched, sorted and filtered. "
                "Nothing is loaded for it.",
            ),
        ),
        scroll(
            tag(
                "table",
                tag("caption", f"{many(count, 'entry')}, the newest first", id="shown"),
                tag("thead", tag("tr", heads)),
                tag("tbody", entries.body()),
                class_="log",
                id="log",
            ),
            "Entries",
        ),
        tag("div", hidden=True, id="pages"),
    )
