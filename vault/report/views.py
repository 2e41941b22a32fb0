"""The charts and counts of the page for members; each number leads to its entries."""

from __future__ import annotations

from vault.audit.figures import DAY, MONTH, WEEK, Figures, Step, Tally
from vault.report import charts
from vault.report.charts import Shown, exact, grid, many, named, number, scroll, table
from vault.report.entries import Entries
from vault.report.facts import Facts
from vault.report.frame import WEEKDAYS, longer_than_a_year, step_words
from vault.report.markup import Html, tag, together


def activity(figures: Figures) -> Html:
    """Entries over time, by what became of them."""
    named = {DAY: "Day", WEEK: "Week from", MONTH: "Month"}.get(figures.step, "Year")
    years = longer_than_a_year(figures.steps)
    bars = [_bar(step, figures.step, years=years) for step in figures.steps]
    if not bars:
        return tag("p", "There are no entries.")
    caption = f"Entries by {figures.step}, and what became of them."
    return charts.bars(bars, caption, named)


def _bar(step: Step, unit: str, *, years: bool) -> charts.Bar:
    label, short = step_words(step, unit, years=years)
    since, until = int(step.begins.timestamp()), int(step.ends.timestamp())
    told = f"Week from {label}" if unit == WEEK else label
    # The filter carries its name: the script knows no zone, and no words for a span.
    span = f"t={since}-{until},{told}"
    found = step.tally
    return charts.Bar(
        label,
        short,
        (
            exact(found.released, f"{span}&o=released", told, "release"),
            exact(found.done + found.pending, f"{span}&o=other", told, "other act"),
            exact(found.refused, f"{span}&o=refused", told, "refusal"),
        ),
        span if found.total else "",
    )


def hours(figures: Figures) -> Html:
    """Entries by weekday and hour."""
    limits = figures.thresholds
    first, end = limits.hours
    inside = set(range(first, end)) if first <= end else set(range(24)) - set(range(end, first))
    caption = (
        f"Entries by weekday and hour ({limits.zone_name}). Hours outside {first:02}:00 to "
        f"{end:02}:00 are underlined."
    )
    rows = [
        (
            name,
            [
                exact(count, f"w={day}&h={hour}", f"{name} {hour:02}:00")
                for hour, count in enumerate(counts)
            ],
        )
        for day, (name, counts) in enumerate(zip(WEEKDAYS, figures.hours, strict=True))
    ]
    total = [
        exact(sum(counts), f"w={day}", WEEKDAYS[day]) for day, counts in enumerate(figures.hours)
    ]
    return grid(
        caption,
        "Day",
        [f"{hour:02}" for hour in range(24)],
        rows,
        marked=frozenset(range(24)) - inside,
        class_="heat",
        total=total,
    )


def matrix(facts: Facts, entries: Entries) -> Html:
    """Who was released records of which case, how often."""
    figures = facts.figures
    cases = [case for case in figures.cases if case is not None]
    if not cases or not figures.members:
        return tag("p", "There are no entries that concern a case.")
    members = list(figures.members)

    def cell(member: str, case: str) -> Shown:
        place = f"m={entries.members[member]}&c={entries.cases[case]}"
        found = figures.cells.get((member, case))
        if found is None:
            return Shown(0, "0")
        counts = found.tally
        refused = f" ({counts.refused:,} ✕)" if counts.refused else ""
        weight, said = counts.released, f"{counts.released:,}{refused}"
        if not weight and not refused:
            return Shown(0, said)
        label = many(weight, "release")
        if refused:
            label += f" and {many(counts.refused, 'refusal')}"
        label += f", {_person(facts, member)}, case {_case(facts, case)}"
        return Shown(weight, said, f"{place}&o=asked", label)

    people = [
        together(named(facts.person(member).name, facts.person_mark(member))) for member in members
    ]
    refs = [together(named(facts.case(case), facts.case_mark(case))) for case in cases]
    caption = (
        "How often records of a case were released to a member; in brackets, with ✕, how often an "
        "act of theirs was refused."
    )
    if len(cases) <= charts.WIDE:
        rows = [
            (person_, [cell(member, case) for case in cases])
            for person_, member in zip(people, members, strict=True)
        ]
        return charts.matrix(caption, "Member", refs, rows)
    rows = [
        (ref, [cell(member, case) for member in members])
        for ref, case in zip(refs, cases, strict=True)
    ]
    return charts.matrix(caption, "Case", people, rows)


def _person(facts: Facts, member: str) -> str:
    return f"{facts.person(member).name} {facts.person_mark(member)}".strip()


def _case(facts: Facts, case: str | None) -> str:
    return f"{facts.case(case)} {facts.case_mark(case)}".strip()


def reasons(figures: Figures) -> Html:
    """Refusals by reason, releases by purpose, entries by act."""
    refused = [
        (
            tag("th", reason or "none", scope="row"),
            number(exact(count, f"o=refused&r={reason}", reason)),
        )
        for reason, count in figures.reasons.items()
    ]
    asked = [
        (tag("th", code, scope="row"), number(exact(count, f"o=released&p={code}", code)))
        for code, count in figures.purposes.items()
    ]
    kinds = [
        (
            tag("th", kind.replace("-", " "), scope="row"),
            number(exact(count, f"k={kind}", kind.replace("-", " "))),
        )
        for kind, count in figures.kinds.items()
    ]
    return tag(
        "div",
        table("Refusals by the gate's reason", ("Reason", "Entries"), refused)
        if refused
        else tag("p", "Nothing was refused."),
        table("Releases by purpose", ("Purpose", "Entries"), asked)
        if asked
        else tag("p", "Nothing was released."),
        table("Entries by act", ("Act", "Entries"), kinds) if kinds else None,
        class_="beside",
    )


def lists(facts: Facts, entries: Entries) -> Html:
    """The members and the cases, with their ids."""
    figures = facts.figures
    by_member = {member: Tally() for member in figures.members}
    by_case: dict[str | None, Tally] = {case: Tally() for case in figures.cases}
    for (member, case), cell in figures.cells.items():
        by_member[member] = by_member[member] + cell.tally
        by_case[case] = by_case[case] + cell.tally
    people = []
    for member, found in by_member.items():
        who, place = facts.person(member), f"m={entries.members[member]}"
        people.append(
            (
                tag("th", named(who.name, facts.person_mark(member)), scope="row", data_f=place),
                tag("td", ", ".join((*who.roles, *([who.standing] if who.standing else [])))),
                *_counts(found, place, _person(facts, member)),
                tag("td", tag("code", member)),
            )
        )
    cases = [
        (
            tag(
                "th",
                named(facts.case(case), facts.case_mark(case)),
                scope="row",
                data_f=f"c={entries.cases[case]}",
            ),
            *_counts(found, f"c={entries.cases[case]}", f"case {_case(facts, case)}"),
            tag("td", tag("code", case) if case else None),
        )
        for case, found in by_case.items()
    ]
    heads = ("Entries", "Releases", "Refused", "Id")
    return together(
        scroll(table("Members", ("Member", "Roles", *heads), people, "list"), "Members"),
        scroll(table("Cases", ("Case", *heads), cases, "list"), "Cases"),
    )


def _counts(found: Tally, place: str, of: str) -> tuple[Html, ...]:
    return (
        number(exact(found.total, place, of)),
        number(exact(found.released, f"{place}&o=released", of, "release")),
        number(exact(found.refused, f"{place}&o=refused", of, "refusal")),
    )
