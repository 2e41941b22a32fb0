"""Which entries of the access log are meant: the options that combine, and what they select."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from vault.cli.context import Call
from vault.cli.text import _, ngettext
from vault.cli.times import moment_of
from vault.cli.words import PURPOSES
from vault.errors import DamageError, LogError, NotFoundError

if TYPE_CHECKING:
    from vault.audit import Access, Audit
    from vault.audit.questions import Filter
    from vault.model import Member
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


def options(command: _Command) -> _Command:
    """The options that select entries: several of one widen it, different ones narrow it."""
    made = (
        click.option("--member", "members", multiple=True, help=_("Who acted.")),
        click.option("--case", "cases", multiple=True, help=_("Which case it concerns.")),
        click.option("--record", "records", multiple=True, help=_("Which record it concerns.")),
        click.option(
            "--kind",
            "kinds",
            multiple=True,
            type=click.Choice(KINDS),
            help=_("What was done; `statement` for refused changes of rights."),
        ),
        click.option(
            "--outcome",
            "outcomes",
            multiple=True,
            type=click.Choice(OUTCOMES),
            help=_("What the gate did."),
        ),
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

    records = [session.find_record(text) for text in given["records"]]
    with session.store.read() as reads:
        owners = [reads.owner(ids.parse(record)) for record in records]
    kinds = set(given["kinds"])
    if "statement" in kinds:
        kinds |= STATEMENTS.keys()
    now = session.now()
    return Filter(
        members=[find_person(session, text).id for text in given["members"]],
        cases=[session.find_case(text).id for text in given["cases"]],
        records=records,
        deposits=[ids.show(owner[0]) for owner in owners if owner is not None],
        kinds=kinds,
        outcomes=given["outcomes"],
        purposes=given["purposes"],
        since=None if given["since"] is None else moment_of(given["since"], now),
        until=None if given["until"] is None else moment_of(given["until"], now),
    )


def find_person(session: Session, text: str) -> Member:
    """A member, or somebody who was one.

    Raises:
        NotFoundError, AmbiguousError: None or several fit.
    """
    try:
        return session.find_member(text)
    except NotFoundError:
        former = session.authority.former_members.values()
        wanted = text.casefold()
        fits = [
            member
            for member in former
            if wanted == member.name.casefold() or (len(text) >= 4 and member.id.startswith(wanted))
        ]
        if len(fits) != 1:
            raise
        return fits[0]


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
