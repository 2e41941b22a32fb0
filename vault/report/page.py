"""The page for members: auditors see all of it, holders what concerns their cases."""

from __future__ import annotations

from vault.audit.figures import Figures
from vault.audit.unusual import Rule, Unusual
from vault.report.charts import Shown, exact, number, person, scroll, table
from vault.report.entries import STATIC, Entries, entries_filter
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
)
from vault.report.markup import Child, Html, data, document, name_of, tag, together
from vault.report.views import activity, hours, lists, matrix, reasons

_LISTED = 8


def page(facts: Facts) -> bytes:
    """The whole report, in UTF-8."""
    entries = Entries(facts)
    figures = facts.figures
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
                person(facts.made_by.name, ", ".join(facts.made_by.roles)),
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
        "To compare the checkpoint, ask a member who has seen this vault elsewhere for the same "
        "size: the root must be the same, character for character."
    ),
)


# --- sections -------------------------------------------------------------------------------------


def _verification(facts: Facts) -> Html:
    found, figures = facts.verification, facts.figures
    root = " ".join(found.root[at : at + 8] for at in range(0, len(found.root), 8))
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
            + (f"up to, not including, {moment_of(until)}" if until is not None else "to its end"),
        ),
        (
            "Checkpoint",
            together(
                "size ",
                tag("strong", f"{found.size:,}"),
                ", root ",
                tag("code", root, class_="root"),
            ),
        ),
        ("Gate's keys", together(tag("code", key, class_="key") for key in found.keys)),
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


def _numbers(figures: Figures) -> list[tuple[str, Shown]]:
    found = figures.tally
    return [
        ("Entries", exact(found.total, "all")),
        ("Releases", exact(found.released, "o=released")),
        ("Records released", exact(figures.records)),
        ("Refusals", exact(found.refused, "o=refused")),
        ("Not valid", exact(len(figures.invalid), "o=invalid")),
        ("Members", exact(len(figures.members))),
        ("Cases", exact(sum(case is not None for case in figures.cases))),
    ]


def _unusual(facts: Facts) -> Html:
    rules = facts.figures.rules
    rows = [
        (
            tag("th", rule.title, scope="row"),
            tag("td", rule.sentence),
            number(exact(len(rule.found), f"u={at}")),
        )
        for at, rule in enumerate(rules)
    ]
    summary = table("The rules, and how often each found something", RULE_HEADS, rows, "rules")
    return together(
        tag("p", "A rule says when to ask somebody, not who did wrong.", class_="lead"),
        scroll(summary, "The rules"),
        (_findings(facts, at, rule) for at, rule in enumerate(rules) if rule.found),
    )


def _findings(facts: Facts, at: int, rule: Rule) -> Html:
    when = {row.index: row.time for row in facts.rows}
    more = len(rule.found) - _LISTED
    items = [
        tag("li", _finding(facts, rule, found, when[found.entries[0]]))
        for found in rule.found[-_LISTED:][::-1]
    ]
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


def _finding(facts: Facts, rule: Rule, found: Unusual, time: int) -> Html:
    many = len(found.entries) > 1
    words = f"entries {_span(found.entries)}" if many else f"entry {found.entries[0]}"
    parts: list[Child] = [tag("span", moment_of(time), class_="t")]
    if found.member:
        who = facts.person(found.member)
        parts.append(person(who.name, who.standing))
    if found.case is not None:
        parts.append(together("case ", name_of(facts.case(found.case))))
    if rule.unit:
        parts.append(f"{found.count:,} {rule.unit}")
    parts.append(tag("span", words, data_f=entries_filter(found.entries)))
    return together(part if at == 0 else (" · ", part) for at, part in enumerate(parts))


def _span(entries: tuple[int, ...]) -> str:
    if len(entries) == 2:
        return f"{entries[0]} and {entries[1]}"
    return f"{entries[0]} to {entries[-1]} ({len(entries)} of them)"


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
                tag("caption", f"{count:,} entries, the newest first", id="shown"),
                tag("thead", tag("tr", heads)),
                tag("tbody", entries.body()),
                class_="log",
                id="log",
            ),
            "Entries",
        ),
        tag("div", hidden=True, id="pages"),
    )
