"""`evault log`: who opened what, and the proof that nothing is left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from vault.cli.context import Call, case_words
from vault.cli.group import Noun
from vault.cli.text import _, moment, ngettext
from vault.errors import DamageError, LogError

if TYPE_CHECKING:
    from vault.audit import Access
    from vault.session import Session

_NAMED = 3
_OF_REQUESTS = {
    "request": "id",
    "approval": "answers",
    "denial": "answers",
    "release": "request",
    "destruction": "answers",
}
"""Where the acts that concern a request name it."""


@click.group(
    cls=Noun,
    help=_(
        """Who did what, and the proof that nothing is left out.

        Auditors see every entry, holders those of their cases; the words of --why only holders. All
        members can verify that every entry is there.
        """
    ),
    examples=("evault log list", "evault log verify"),
)
def log() -> None:
    """Who did what."""


@log.command(
    "list",
    help=_(
        """List the access log: deposits, requests and answers, releases, receipts, refusals.

        Times are the gate's, in UTC. What you may not open is counted at the end.
        """
    ),
    examples=("evault log list", "evault log list --json"),
)
@click.pass_obj
def list_entries(call: Call) -> None:
    """List the access log."""
    with call.session() as session:
        # The first auditor takes the log over from the founder by looking at it.
        call.settle(session)
        cases = {case.id: case_words(case) for case in session.cases()}
        rows = []
        sealed = wrong = damaged = 0
        for access in session.log():
            wrong += access.problem is not None
            sealed += not access.opened
            if call.json:
                fields = _fields(session, access)
                damaged += access.problem is None and "problem" in fields
                call.out.object("entry", **fields)
            elif access.opened:
                rows.append(_row(access, cases))
        heads = (_("Entry"), _("Time"), _("Who"), _("What"), _("Case"), _("Records"), _("Words"))
        call.out.table(heads, rows, fold=(2, 3, 4, 5, 6))
        if sealed:
            text = ngettext(
                "{count} entry is not for you", "{count} entries are not for you", sealed
            )
            call.out.say(text, count=sealed)
    if wrong:
        raise LogError(
            ngettext(
                "{count} entry is not as it must be",
                "{count} entries are not as they must be",
                wrong,
            ).format(count=wrong),
            _("see `evault log verify`"),
        )
    if damaged:
        raise DamageError(
            ngettext("{count} deposit is damaged", "{count} deposits are damaged", damaged).format(
                count=damaged
            ),
            _("see `evault check`"),
        )


def _fields(session: Session, access: Access) -> dict[str, Any]:
    """What programs get; holders also the reason in words."""
    from vault.intake import moment as rfc3339

    fields: dict[str, Any] = {"log": "access", "index": access.index, "opened": access.opened}
    if access.problem is not None:
        fields["problem"] = access.problem.message
    if not access.opened:
        return fields | {"kind": None}
    fields |= {
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
    }
    body: Mapping[str, Any] = access.notes[0].body if access.notes else {}
    if access.kind == "deposit":
        fields |= {"deposit": body["deposit"], "count": body["count"]}
        if access.outcome == "done":
            fields |= _deposited(session, access)
    if access.kind == "receipt":
        fields |= {"for": body["entry"]}
    if access.kind in _OF_REQUESTS:
        fields |= {"request": body[_OF_REQUESTS[access.kind]]}
    if access.case is not None and session.authority.holds(
        session.member.id, access.case, session.now()
    ):
        fields["why"] = access.why
    return fields


def _deposited(session: Session, access: Access) -> dict[str, Any]:
    """The records of a deposit; if they are damaged, the entry is still the entry."""
    from vault.audit import deposited

    try:
        with session.store.read() as reads:
            return {"records": deposited(reads, access)}
    except DamageError as error:
        return {"problem": error.message}


def _row(access: Access, cases: Mapping[str, str]) -> tuple[str, ...]:
    what = access.kind if access.purpose is None else f"{access.kind}: {access.purpose}"
    if access.kind == "request":
        what += f", {access.disposition}"
    if access.outcome == "refused":
        what += _(" REFUSED ({reason})").format(reason=access.refusal)
    if access.problem is not None:
        what += _(" NOT VALID: {reason}").format(reason=access.problem.message)
    body: Mapping[str, Any] = access.notes[0].body if access.notes else {}
    records = ", ".join(record[:8] for record in access.records[:_NAMED])
    if len(access.records) > _NAMED:
        records += _(" and {more} more").format(more=len(access.records) - _NAMED)
    if access.kind == "deposit":
        count = body["count"]
        records = ngettext("{count} record", "{count} records", count).format(count=count)
    if access.kind == "receipt":
        records = _("of entry {entry}").format(entry=body["entry"])
    if access.kind in {"approval", "denial"}:
        records = _("of request {request}").format(request=body["answers"][:8])
    return (
        str(access.index),
        moment(access.time),
        access.actor_name or access.actor,
        what,
        cases.get(access.case or "", access.case or ""),
        records,
        access.why or "",
    )


@log.command(
    "verify",
    help=_(
        """Verify both logs from the start.

        Their roots, the gate's signatures, that they extend what you have seen before; and of every
        entry that you may open, its signatures and whether the gate judged it rightly.
        """
    ),
    examples=("evault log verify", "evault log verify --json"),
)
@click.pass_obj
def verify(call: Call) -> None:
    """Verify both logs from the start."""
    with call.session() as session:
        verified, problems = session.verify()
    bad = {problem.log for problem in problems}
    for found in verified:
        if found.log in bad:
            continue
        call.out.object(
            "verified", log=found.log, size=found.size, root=found.root, opened=found.opened
        )
        call.out.say(
            _("{log}: {size} entries, root {root}; {opened} opened and judged again"),
            log=found.log,
            size=found.size,
            root=found.root,
            opened=found.opened,
        )
    for problem in problems:
        call.out.object(
            "problem",
            log=problem.log,
            index=problem.index,
            reason=problem.reason,
            code=problem.code,
        )
        call.out.say(
            _("{log}: entry {index} is not as it must be: {reason}"),
            log=problem.log,
            index=problem.index,
            reason=problem.reason,
        )
    if problems:
        count = len(problems)
        raise LogError(
            ngettext("{count} problem", "{count} problems", count).format(count=count),
            _("the gate accepted what it must not: tell the other members"),
        )
