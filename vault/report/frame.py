"""What the pages for members and for outsiders share: head, contents, sections, words for times."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from importlib import resources

from vault.audit.figures import DAY, MONTH, WEEK, Figures, Step
from vault.audit.unusual import LAST
from vault.report import facts
from vault.report.charts import Shown
from vault.report.facts import Verification
from vault.report.markup import Child, Html, tag

RULE_HEADS = ("Rule", "What it finds", "Found")
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
    """What verifying gave, as a sign and in words."""
    sign, word, sentence = STATES[verification.state]
    return tag(
        "div",
        tag("p", tag("span", sign, aria_hidden="true"), " ", tag("strong", word), class_="state"),
        tag("p", sentence),
        tag("ul", (tag("li", reason) for reason in reasons)) if reasons else None,
        class_=f"verdict {verification.state}",
    )


def glance(pairs: Sequence[tuple[str, Shown]]) -> Html:
    """A few numbers, large."""
    items = (
        tag("div", tag("dt", word), tag("dd", shown.text, data_f=shown.filter or None))
        for word, shown in pairs
    )
    return tag("dl", items, class_="glance")


def reading(figures: Figures, sentences: Sequence[str]) -> Html:
    """How to read it."""
    zone = figures.thresholds.zone_name
    last = f"Hours, days and weeks are those of the zone {zone}."
    return tag("ul", (tag("li", sentence) for sentence in (*sentences, last)), class_="prose")


def period(figures: Figures) -> str:
    """The period in words; without ends that were given it is that of the entries."""
    since, until = figures.period.since, figures.period.until
    first = since if since is not None else figures.first
    if first is None:
        return "No entries"
    # The end is not in the period: its last day is the day before.
    last = until - 1 if until is not None else max(figures.last or first, first)
    ends = dict.fromkeys((day_of(date_of(first)), day_of(date_of(last))))
    return " – ".join(ends)


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


def step_words(step: Step, unit: str) -> tuple[str, str]:
    """The label of a step of the chart, and the short one."""
    begins = step.begins
    if unit == MONTH:
        return begins.strftime("%B %Y"), begins.strftime("%b %y")
    if unit in {DAY, WEEK}:
        return day_of(begins), f"{begins.day} {begins:%b}"
    return str(begins.year), str(begins.year)
