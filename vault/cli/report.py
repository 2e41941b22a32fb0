"""`evault log report`: the access log as a page to read, print and hand over."""

from __future__ import annotations

import re
from datetime import UTC, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vault.cli import times
from vault.cli.context import Call
from vault.cli.group import PLACE, TEXT, Command
from vault.cli.places import refuse_place
from vault.cli.selecting import audited
from vault.cli.text import _, visible
from vault.errors import DeniedError, UsageError

if TYPE_CHECKING:
    from vault.audit import Access, Audit
    from vault.audit.figures import Figures, Period
    from vault.audit.unusual import Thresholds
    from vault.report import Facts, Person, Verification
    from vault.session import Session

_HOURS = re.compile(r"([01]?[0-9]|2[0-3])-([01]?[0-9]|2[0-4])")
_DAY = 86_400
LEAST = 28
"""How many days a report for outsiders covers at least: less would show single people's days."""


@click.command(
    "report",
    cls=Command,
    help=_(
        """Make a page of the access log: one file, which loads nothing and opens from a disk.

        It shows the state of verification and the checkpoint to compare, what is unusual and by
        which rule, activity, members and cases, and every entry that you may open. It never shows a
        title, nor the words of --why. That you made it is an entry of the log.

        With --outsider it is for a funder or a board: no ids, names, references or times finer than
        a day, and counts are blurred. It then needs --since and --until, at least 28 days apart,
        and somebody who can open every entry: an auditor.
        """
    ),
    examples=(
        "evault log report -o report.html",
        "evault log report -o june.html --since 2026-06-01 --until 2026-07-01",
        "evault log report -o board.html --outsider --since 2026-01-01 --until 2026-07-01",
        "evault log report -o night.html --hours 08-18 --zone America/Los_Angeles",
    ),
)
@click.option("-o", "--output", type=PLACE, metavar="FILE", help=_("Where to write it."))
@click.option(
    "--since",
    type=TEXT,
    metavar="TIME",
    help=_("Entries from then on: 2026-05-01 (its beginning), a moment, or 30d (before now)."),
)
@click.option("--until", type=TEXT, metavar="TIME", help=_("Entries before then."))
@click.option(
    "--hours",
    type=TEXT,
    default="07-20",
    show_default=True,
    metavar="FROM-TO",
    help=_("The usual hours of the day; what is outside is after hours."),
)
@click.option(
    "--zone",
    type=TEXT,
    default="UTC",
    show_default=True,
    metavar="ZONE",
    help=_("The time zone of hours, days and weeks, such as America/Los_Angeles."),
)
@click.option("--outsider", is_flag=True, help=_("Make the page for a funder or a board."))
@click.pass_obj
def report(
    call: Call,
    output: str | None,
    since: str | None,
    until: str | None,
    hours: str,
    zone: str,
    outsider: bool,  # noqa: FBT001 (click passes it by name)
) -> None:
    """Make a page of the access log."""
    if output is None:
        call.missing("-o", _("name the file to write, such as report.html"))
    from vault import report as pages
    from vault.audit.figures import figures
    from vault.intake import moment
    from vault.outfile import write_new

    limits, path = _thresholds(hours, zone), Path(output)
    # Before anybody types a passphrase, and before the log says that a report was taken.
    refuse_place(path, call.vault_folder)
    with audited(call) as (session, audit):
        now = session.now()
        period = _period(since, until, now, days=outsider)
        verification, rows = _verification(session, audit), list(audit.entries())
        if outsider:
            _refuse_partial(session, rows)
        counted = figures(rows, session.replica.history, period, limits, now)
        facts = _facts(session, verification, rows, counted, now)
        page = pages.outsider(facts) if outsider else pages.page(facts)
        # Nothing leaves the vault before the log says so.
        form = "outsider" if outsider else "report"
        session.export(form, verification.size, counted.tally.total)
        write_new(path, iter((page,)))
        call.out.object(
            "report",
            path=output,
            outsider=outsider,
            result=verification.state,
            entries=counted.tally.total,
            size=verification.size,
            root=verification.root,
            since=None if period.since is None else moment(period.since),
            until=None if period.until is None else moment(period.until),
        )
        call.out.say(
            _("{path}: {count} entries, {unusual} findings"),
            path=output,
            count=counted.tally.total,
            unusual=sum(len(rule.found) for rule in counted.rules),
        )


def _refuse_partial(session: Session, rows: list[Access]) -> None:
    """Refuse a page for outsiders to who sees a part of the log: it would pass for the whole.

    An auditor makes it even if an entry is so wrong that nobody opens it: the page says that first.

    Raises:
        DeniedError: Some entries are sealed to others.
    """
    from vault.model import Role

    shut = sum(not row.opened for row in rows)
    if shut and Role.AUDITOR not in session.member.roles:
        raise DeniedError(
            _(
                "{shut} of {count} entries are not for you: a report for outsiders covers all"
            ).format(shut=shut, count=len(rows)),
            _("an auditor makes it; without --outsider you get a report of what is for you"),
            reason="not-auditor",
        )


def _thresholds(hours: str, zone: str) -> Thresholds:
    """What counts as unusual.

    Raises:
        UsageError: The hours or the zone are none.
    """
    from vault.audit.unusual import Thresholds

    found = _HOURS.fullmatch(hours)
    if found is None or int(found[1]) == int(found[2]) % 24:
        raise UsageError(
            _("'{text}' are no hours").format(text=visible(hours)), _("for instance 07-20")
        )
    return Thresholds((int(found[1]), int(found[2]) % 24 or 24), _zone(zone), zone)


def _zone(name: str) -> tzinfo:
    from zoneinfo import ZoneInfo

    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    # A name that is none leads to a folder, or out of the zones' folder, or to no zone.
    except (OSError, ValueError, LookupError):
        raise UsageError(
            _("'{text}' is no time zone that this machine knows").format(text=visible(name)),
            _("for instance America/Los_Angeles or UTC"),
        ) from None


def _period(since: str | None, until: str | None, now: int, *, days: bool) -> Period:
    """The period that is meant.

    Raises:
        UsageError: It is none; or whole days are asked for, and not both of its ends are days, or
            too few of them are over.
    """
    from vault.audit.figures import Period

    first, last = times.period(since, until, now)
    if days and any(end is None or end % _DAY for end in (first, last)):
        raise UsageError(
            _("a report for outsiders has a period of whole days (UTC)"),
            _("give both, for instance --since 2026-01-01 --until 2026-07-01"),
        )
    if days and first is not None and last is not None and min(last, now) - first < LEAST * _DAY:
        raise UsageError(
            _("a report for outsiders covers at least {count} days that are over").format(
                count=LEAST
            ),
            _("choose an earlier --since, or a later --until"),
        )
    return Period(first, last)


def _verification(session: Session, audit: Audit) -> Verification:
    """The state of verification, as the page shows it."""
    from vault.audit.findings import INVALID, UNCHECKED, VALID
    from vault.note import ACCESS
    from vault.report import Verification

    wrong = [
        f"entry {problem.index} of the {problem.log} log: {problem.reason}"
        for problem in audit.problems
    ]
    left = [step.about for step in audit.steps if step.result == UNCHECKED]
    (access,) = (found for found in audit.logs if found.log == ACCESS)
    keys = session.authority.gate_verifiers(ACCESS)
    return Verification(
        state=INVALID if wrong else UNCHECKED if left else VALID,
        reasons=(*wrong, *left),
        size=access.size,
        root=access.root,
        origin=session.authority.origin(ACCESS),
        keys=tuple(key.encode() for key in keys),
        opened=access.opened,
        steps=tuple((step.result, step.about) for step in audit.steps),
        notices=tuple(
            f"entry {notice.index} of the {notice.log} log: {notice.reason}"
            for notice in audit.notices
        ),
    )


def _facts(
    session: Session, verification: Verification, rows: list[Access], counted: Figures, now: int
) -> Facts:
    """All that the page shows."""
    from vault.gate import LEVEL
    from vault.report import Facts

    inside = set(counted.entries)
    levels = [row.level for row in rows if row.index in inside]
    return Facts(
        verification=verification,
        level=min(levels, default=LEVEL),
        figures=counted,
        rows=rows,
        people=_people(session),
        refs={case.id: case.ref for case in session.authority.cases.values() if case.ref},
        made=now,
        made_by=session.member.id,
    )


def _people(session: Session) -> dict[str, Person]:
    """Everybody who is or was a member."""
    from vault.report import Person

    authority, at = session.authority, session.now()
    found = {}
    for member in (*authority.former_members.values(), *authority.members.values()):
        standing = "suspended" if member.suspended(at) else ""
        if member.id not in authority.members:
            standing = "former"
        roles = ("recovery identity",) if member.shares else tuple(sorted(member.roles))
        found[member.id] = Person(member.name, roles, standing)
    return found
