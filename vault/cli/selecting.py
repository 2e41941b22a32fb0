"""Which entries of the access log are meant: the options that combine, and what they select."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from vault.cli.context import Call
from vault.cli.sentences import Sentences
from vault.cli.text import _, ngettext
from vault.cli.times import period
from vault.cli.words import PURPOSES
from vault.errors import DamageError, LogError

if TYPE_CHECKING:
    from vault.audit import Access, Audit
    from vault.audit.questions import Filter
    from vault.session import Session

_Command = TypeVar("_Command", bound=Callable[..., Any])

KINDS = (
    "deposit",
    "release",
    "receipt",
    "request",
    "approval",
    "denial",
    "destruction",
    "rekey",
    "re-encrypt",
    "confirmation",
    "export",
    "statement",
)
OUTCOMES = ("done", "released", "pending", "refused")

_Option = Callable[[Any], Any]
_OUTCOME: _Option = click.option(
    "--outcome",
    "outcomes",
    multiple=True,
    type=click.Choice(OUTCOMES),
    help=_("What the gate did."),
)
_OPTIONS: tuple[_Option, ...] = (
    click.option(
        "--member",
        "members",
        multiple=True,
        help=_("Who acted: also somebody who was removed, or a collector's ticket."),
    ),
    click.option("--case", "cases", multiple=True, help=_("Which case it concerns.")),
    click.option("--record", "records", multiple=True, help=_("Which record it concerns.")),
    click.option(
        "--kind",
        "kinds",
        multiple=True,
        type=click.Choice(KINDS),
        help=_("What was done; `statement` for refused changes of rights."),
    ),
    _OUTCOME,
    click.option(
        "--purpose",
        "purposes",
        multiple=True,
        type=click.Choice(tuple(PURPOSES)),
        help=_("What it was for."),
    ),
    click.option("--since", help=_("From this time on: 2026-03-01, a moment, or 7d ago.")),
    click.option("--until", help=_("Before this time.")),
)


def options(command: _Command) -> _Command:
    """The options that select entries: several of one widen it, different ones narrow it."""
    return _with(command, _OPTIONS)


def options_of_refusals(command: _Command) -> _Command:
    """The same, where what the gate did is known already."""
    return _with(command, [one for one in _OPTIONS if one is not _OUTCOME])


def _with(command: _Command, made: Sequence[_Option]) -> _Command:
    for option in reversed(made):
        command = option(command)
    return command


def filter_of(session: Session, given: Mapping[str, Any]) -> Filter:
    """What the options select.

    Args:
        session: Who asks.
        given: The options by name, as `options` gives them.

    Raises:
        NotFoundError, AmbiguousError, UsageError: One of them means nothing, or several things.
    """
    from vault import ids
    from vault.audit.questions import Filter
    from vault.note import STATEMENTS

    since, until = period(given["since"], given["until"], session.now())

    records = [session.find_record(text) for text in given["records"]]
    with session.store.read() as reads:
        owners = [reads.owner(ids.parse(record)) for record in records]
    kinds = set(given["kinds"])
    if "statement" in kinds:
        kinds |= STATEMENTS.keys()
    return Filter(
        members=[session.find_person(text).id for text in given["members"]],
        cases=[session.find_case(text).id for text in given["cases"]],
        records=records,
        deposits=[ids.show(owner[0]) for owner in owners if owner is not None],
        kinds=kinds,
        outcomes=given["outcomes"],
        purposes=given["purposes"],
        since=since,
        until=until,
    )


@contextmanager
def audited(call: Call, *, from_start: bool = False) -> Iterator[tuple[Session, Audit]]:
    """The verified access log, and who looks at it.

    After the body, what is wrong with the log ends the call: nobody's question hides it.

    Raises:
        LogError: Something in the log is not as it must be.
    """
    with call.session() as session:
        # The first auditor takes the log over from the founder by looking at it.
        call.settle(session)
        audit = run(call, session, from_start=from_start)
        yield session, audit
    if audit.problems:
        count = len(audit.problems)
        raise LogError(
            ngettext(
                "{count} entry is not as it must be",
                "{count} entries are not as they must be",
                count,
            ).format(count=count),
            _("see `evault log verify`"),
        )


@contextmanager
def telling(
    call: Call, session: Session, audit: Audit, wanted: Filter, *, listed: bool = False
) -> Iterator[None]:
    """Tell what of an answer the reader cannot see, so that nobody takes its silence for a fact.

    First the cases among those asked for that they do not hold; after the body how many entries
    are not for them, of the period if one was asked for.

    Args:
        call: The call.
        session: Who asks.
        audit: The verified log.
        wanted: What was asked for.
        listed: Whether programs get the entries that are not for them one by one.
    """
    for case in wanted.cases:
        if not _sees(session, case):
            call.out.say(
                _("You do not hold the case {case}: what was done in it is not all for you."),
                case=Sentences(session).case(case),
            )
    try:
        yield
    except LogError:
        # The error comes last; what is shown before it is an answer all the same.
        _tell_unopened(call, audit, wanted, listed=listed)
        raise
    _tell_unopened(call, audit, wanted, listed=listed)


def hidden(audit: Audit, wanted: Filter) -> int:
    """How many entries that may be of the period asked for are not for the reader."""
    from vault.audit.questions import unopened

    return unopened(audit.entries(), wanted.since, wanted.until)


def _tell_unopened(call: Call, audit: Audit, wanted: Filter, *, listed: bool) -> None:
    count = hidden(audit, wanted)
    if not count:
        return
    if not listed:
        call.out.object("unopened", count=count)
    text = ngettext("{count} entry is not for you", "{count} entries are not for you", count)
    call.out.say(text, count=count)


def _sees(session: Session, case: str) -> bool:
    """Whether a case's entries are for the reader: for who holds it, and for who reviews all."""
    from vault.model import AUDITORS

    authority, at = session.authority, session.now()
    reviewing = {device.member for device in authority.entitled(AUDITORS, at)}
    return session.member.id in reviewing or authority.holds(session.member.id, case, at)


def run(call: Call, session: Session, *, from_start: bool = False) -> Audit:
    """Verify what is new, or everything; shows how it goes on."""
    from vault.note import ACCESS

    total = session.replica.heads[ACCESS].size
    with call.out.progress(_("Verifying"), total, unit=_("entries")) as progress:
        return session.audit(from_start=from_start, progress=progress)


def fields(session: Session, access: Access) -> dict[str, Any]:
    """An entry for programs."""
    from vault.intake import moment as rfc3339

    found: dict[str, Any] = {"log": "access", "index": access.index, "opened": access.opened}
    if access.problem is not None:
        found["problem"] = access.problem.message
    if not access.opened:
        return found | {"kind": None}
    found |= {
        "kind": access.kind,
        "actor": access.actor,
        "actor_name": access.actor_name,
        "case": access.case,
        "records": list(access.records),
        "purpose": access.purpose,
        "disposition": access.disposition,
        "outcome": access.outcome,
        "refusal": access.refusal,
        "time": rfc3339(access.time),
        "actor_time": rfc3339(access.actor_time),
        "level": access.level,
    }
    if access.kind == "deposit":
        found |= {"deposit": access.deposit, "count": access.count}
        if access.outcome == "done":
            found |= _deposited(session, access)
    if access.kind == "receipt":
        found |= {"for": access.entry}
    if access.kind == "export":
        found |= {"form": access.form, "count": access.count}
    if access.kind in {"request", "approval", "denial", "release", "destruction"}:
        found |= {"request": access.request}
    if _held(session, access):
        found["why"] = access.why
    return found


def _held(session: Session, access: Access) -> bool:
    return access.case is not None and session.authority.holds(
        session.member.id, access.case, session.now()
    )


def _deposited(session: Session, access: Access) -> dict[str, Any]:
    """The records of a deposit; if they are damaged, the entry is still the entry."""
    from vault.audit import deposited

    try:
        with session.store.read() as reads:
            return {"records": deposited(reads, access)}
    except DamageError as error:
        return {"problem": error.message}
