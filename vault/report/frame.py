"""What the pages for members and for outsiders share: head, contents, sections, words for times."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from importlib import resources

from vault.audit.figures import DAY, MONTH, WEEK, Figures, Step
from vault.audit.unusual import LAST, Thresholds
from vault.report import facts
from vault.report.charts import Shown
from vault.report.facts import Verification
from vault.report.markup import Child, Html, tag, together

RULE_HEADS = ("Rule", "What it finds", "Found")
REASONS = 10
"""How many reasons of a verdict are seen at once."""
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
STATES = {
    facts.VALID: ("✓", "Valid", "Everything that was checked is as an honest gate makes it."),
    facts.INVALID: ("✕", "Not valid", "Something is not as an honest gate makes it: see below."),
    facts.NOT_CHECKED: (
        "?",
        "Not all checked",
        "Nothing is wrong with what could be checked; not everything could.",
    ),
}
LEVELS = {
    0: (
        "The gate runs on the machine that holds the vault. Whoever has a member's keys and that "
        "machine can read without leaving an entry; nobody can change or remove an entry unnoticed."
    ),
    1: "The gate runs apart from the members' own sessions, on the same machine.",
    2: "The gate runs under another account than the members.",
    3: "The gate runs elsewhere: nobody opens a record without leaving an entry.",
}


def source(name: str) -> str:
    """The style or the script, as it is shipped."""
    return (resources.files("vault.report") / name).read_text(encoding="utf-8")


def masthead(title: str, when: str, made: Html) -> Html:
    """The head of the page."""
    return tag(
        "header",
        tag("p", "Evidence Vault", class_="over"),
        tag("h1", title),
        tag("p", when, class_="when"),
        tag("p", made, class_="made"),
    )


def contents(sections: Sequence[tuple[str, str]]) -> Html:
    """The way to the sections."""
    links = (tag("li", tag("a", title, href=f"#{key}")) for key, title in sections)
    return tag("nav", tag("ul", links), aria_label="Contents")


def section(key: str, title: str, body: Child) -> Html:
    """A section with its heading."""
    return tag(
        "section",
        tag("h2", title, id=key, tabindex="-1"),
        body,
        aria_labelledby=key,
        class_=f"s-{key}",
    )


def footer() -> Html:
    """The foot of the page."""
    return tag(
        "footer",
        tag(
            "p",
            "This file is complete in itself: it loads nothing and sends nothing. It holds no "
            "title of a record or a case, no reason in words, and no evidence.",
        ),
    )


def state(verification: Verification, reasons: Sequence[str]) -> Html:
    """What verifying gave, as a sign and in words; of many reasons the first ones at once."""
    sign, word, sentence = STATES[verification.state]
    first, rest = reasons[:REASONS], reasons[REASONS:]
    return tag(
        "div",
        tag("p", tag("span", sign, aria_hidden="true"), " ", tag("strong", word), class_="state"),
        tag("p", sentence),
        tag("ul", (tag("li", reason) for reason in first)) if first else None,
        together(
            tag("p", f"These are the first {len(first)} of {len(reasons):,}.", class_="first"),
            tag(
                "details",
                tag("summary", f"The other {len(rest):,}"),
                tag("ul", (tag("li", reason) for reason in rest)),
            ),
        )
        if rest
        else None,
        class_=f"verdict {verification.state}",
    )


def glance(pairs: Sequence[tuple[str, Shown]]) -> Html:
    """A few numbers, large."""
    items = (
        tag(
            "div",
            tag("dt", word),
            tag("dd", shown.text, data_f=shown.filter or None, data_l=shown.label or None),
        )
        for word, shown in pairs
    )
    return tag("dl", items, class_="glance")


def reading(figures: Figures, sentences: Sequence[str]) -> Html:
    """How to read it."""
    zone = figures.thresholds.zone_name
    last = f"Hours, days and weeks are those of the zone {zone}."
    return tag("ul", (tag("li", sentence) for sentence in (*sentences, last)), class_="prose")


def period(figures: Figures) -> str:
    """The period in words: as it was asked for, else from the first entry to when it was counted.

    An end that was asked for may be still to come; then it says so.
    """
    since, until, now = figures.period.since, figures.period.until, figures.now
    first = since if since is not None else figures.first
    # The end is not in the period: its last day is the day before.
    last = until - 1 if until is not None else now if now is not None else figures.last
    if first is None:
        return "No entries" if last is None else f"No entries up to {day_of(date_of(last))}"
    last = first if last is None else max(first, last)
    if until is None:
        # The gate's clock may have been ahead.
        last = max(last, figures.last or last)
    ends = dict.fromkeys((day_of(date_of(first)), day_of(date_of(last))))
    said = " – ".join(ends)
    if until is not None and now is not None and now < until - 1:
        said += f" (made on {day_of(date_of(now))}, before its end)"
    return said if figures.entries else f"{said}: no entries"


def date_of(time: int) -> datetime:
    """A time (seconds since the epoch) as UTC."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=min(time, LAST))


def day_of(moment: datetime) -> str:
    """A day as people write it."""
    return f"{moment.day} {moment:%B} {moment.year}"


def moment_of(time: int) -> str:
    """A time to the minute, in UTC, and it says so."""
    at = date_of(time)
    return f"{day_of(at)}, {at:%H:%M} UTC"


def zoned(limits: Thresholds, time: int) -> str:
    """A time to the minute in the zone of the report, and in UTC if that is another."""
    local, at = limits.local(time), date_of(time)
    if limits.zone_name == "UTC":
        return moment_of(time)
    utc = f"{at:%H:%M}" if at.date() == local.date() else f"{day_of(at)}, {at:%H:%M}"
    return f"{day_of(local)}, {local:%H:%M} {limits.zone_name} ({utc} UTC)"


def step_words(step: Step, unit: str, *, years: bool = False) -> tuple[str, str]:
    """The label of a step of the chart, and the short one.

    Args:
        step: The step.
        unit: How long it is.
        years: Whether the chart is longer than a year, so that a day alone is not clear.
    """
    begins = step.begins
    if unit == MONTH:
        return begins.strftime("%B %Y"), begins.strftime("%b %Y")
    if unit in {DAY, WEEK}:
        short = f"{begins.day} {begins:%b}"
        return day_of(begins), f"{short} {begins.year}" if years else short
    return str(begins.year), str(begins.year)


def longer_than_a_year(steps: Sequence[Step]) -> bool:
    """Whether a chart goes over the same day of a year twice."""
    return bool(steps) and (steps[-1].begins - steps[0].begins).days >= 365
