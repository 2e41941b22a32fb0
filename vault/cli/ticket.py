"""`evault ticket`: somebody who is no member may add to a case."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vault.cli import times
from vault.cli.ask import Sources
from vault.cli.context import Call, case_words
from vault.cli.granting import rfc3339
from vault.cli.group import PLACE, TEXT, Noun
from vault.cli.text import _, groups, lossless, moment, visible
from vault.errors import AmbiguousError, FileError, NotFoundError

if TYPE_CHECKING:
    from vault.model import Ticket
    from vault.session import Session

SHORT = 8


@click.group(
    cls=Noun,
    help=_(
        """Tickets: with one, somebody who is no member adds to a case.

        A witness, a field phone: a ticket has nobody's name, opens nothing, and is good for one
        case until it expires or is revoked. `evault collect` makes parcels with it, without a
        vault; any member brings them in with `evault accept`.
        """
    ),
    examples=("evault ticket issue 2026-014 --until 2w -o field.ticket", "evault ticket list"),
)
def ticket() -> None:
    """Tickets of collectors."""


@ticket.command(
    "issue",
    help=_(
        """Issue a ticket for a case that you hold.

        Leave time for the way: a parcel that comes in after the end is refused. Who finds the
        ticket can add to the case until then, and reads nothing; --protect puts its key under a
        passphrase, so that they cannot even that. It shows the ids of this vault and of the case.

        When somebody leaves the case or the vault, issue a new one: what is collected with the old
        one then comes in exposed to whoever has kept the keys of before.
        """
    ),
    examples=(
        "evault ticket issue 2026-014 --until 2w -o field.ticket",
        "evault ticket issue 2026-014 --until 2026-05-01 --protect -o field.ticket",
    ),
)
@click.argument("case", type=TEXT)
@click.option(
    "--until",
    type=TEXT,
    required=True,
    metavar="TIME",
    help=_("When it ends: 7d, 2w, a date (its beginning), or a time; in UTC."),
)
@click.option("-o", "--output", type=PLACE, required=True, metavar="FILE", help=_("Where to."))
@click.option("--protect", is_flag=True, help=_("Put its key under a passphrase."))
@click.option(
    "--new-passphrase-fd",
    type=click.IntRange(min=0),
    metavar="N",
    help=_("Read its passphrase from this file descriptor.  [or EVAULT_NEW_PASSPHRASE]"),
)
@click.option(
    "--new-passphrase-command",
    metavar="COMMAND",
    help=_("Run this command, without a shell, and take what it prints."),
)
@click.pass_obj
def issue(
    call: Call,
    *,
    case: str,
    until: str,
    output: str,
    protect: bool,
    new_passphrase_fd: int | None,
    new_passphrase_command: str | None,
) -> None:
    """Issue a ticket."""
    path = Path(output)
    if os.path.lexists(path):
        raise FileError(
            _("{path} exists already").format(path=path), _("choose another place with -o")
        )
    passphrase = None
    if protect or new_passphrase_fd is not None or new_passphrase_command is not None:
        passphrase = call.new_passphrase(
            Sources(
                _("Passphrase of the ticket"),
                new_passphrase_fd,
                new_passphrase_command,
                "EVAULT_NEW_PASSPHRASE",
                ("--new-passphrase-fd", "--new-passphrase-command"),
            )
        )
    with call.session() as session:
        from vault.outfile import write_new

        found = session.find_case(case)
        expires = times.until(until, session.now())
        # It is bound to the keys in force, which nobody who left should have.
        call.settle(session)
        issued = session.tickets.issue(found.id, expires, passphrase)
        terms = issued.terms
        try:
            write_new(path, iter((issued.file,)))
        except FileError:
            call.out.note(
                _("nobody has the ticket now; `evault ticket revoke {id}` ends it"),
                id=terms.ticket[:SHORT],
            )
            raise
        call.out.object(
            "ticket",
            ticket=terms.ticket,
            case=terms.case,
            expires=rfc3339(terms.expires),
            file=lossless(str(path)),
            fingerprint=terms.fingerprint,
            protected=passphrase is not None,
        )
        call.out.say(
            _("Ticket {id} for {case}, until {time}, is in {path}"),
            id=terms.ticket[:SHORT],
            case=case_words(found),
            time=moment(terms.expires),
            path=path,
        )
        call.out.say(_("Its fingerprint: {print}"), print=groups(terms.fingerprint))
        call.out.note(_("read it to the collector in person, who gives it with --fingerprint"))


@ticket.command(
    "list",
    help=_("List all tickets that were ever issued."),
    partial=True,
    examples=("evault ticket list", "evault ticket list --json"),
)
@click.pass_obj
def list_tickets(call: Call) -> None:
    """List all tickets."""
    with call.session() as session:
        cases = {case.id: case_words(case) for case in session.cases()}
        rows = []
        for found in session.tickets.all():
            by = session.authority.members.get(found.by) or session.authority.former_members.get(
                found.by
            )
            state, changed = state_of(session, found), session.tickets.outdated(found)
            call.out.object(
                "ticket",
                ticket=found.id,
                case=found.case,
                expires=rfc3339(found.expires),
                state=state,
                keys_changed=changed,
                issued_by=found.by,
                issued_by_name=by.name if by else "",
            )
            words = {
                "open": _("in force"),
                "expired": _("expired"),
                "revoked": _("revoked"),
            }[state]
            if state == "open" and changed:
                words = _("in force, but keys have changed: issue a new one")
            rows.append(
                (
                    found.id[:SHORT],
                    cases.get(found.case, found.case),
                    moment(found.expires),
                    by.name if by else found.by,
                    words,
                )
            )
        heads = (_("Ticket"), _("Case"), _("Until"), _("Issued by"), _("State"))
        call.out.table(heads, rows, fold=(1, 3, 4))


def state_of(session: Session, found: Ticket) -> str:
    """Whether a ticket is `open`, `expired` or `revoked`."""
    if found.revoked is not None:
        return "revoked"
    return "open" if found.holds(session.now()) else "expired"


@ticket.command(
    "revoke",
    help=_(
        """Revoke a ticket of a case that you hold: a phone was lost, a collector was found out.

        Nothing that is collected with it comes in any more, not even what is on its way.
        """
    ),
    examples=("evault ticket revoke 4ka7",),
)
@click.argument("ticket_id", type=TEXT, metavar="TICKET")
@click.pass_obj
def revoke(call: Call, *, ticket_id: str) -> None:
    """Revoke a ticket."""
    with call.session() as session:
        wanted = ticket_id.lower()
        fits = [
            found
            for found in session.tickets.all()
            if len(wanted) >= 4 and found.id.startswith(wanted)
        ]
        if not fits:
            raise NotFoundError(f"no ticket '{visible(ticket_id)}'", "see `evault ticket list`")
        if len(fits) > 1:
            raise AmbiguousError(
                f"more than one ticket begins with '{visible(ticket_id)}'", "give its id"
            )
        session.tickets.revoke(fits[0].id)
        call.settle(session)
        call.out.object("ticket", ticket=fits[0].id, case=fits[0].case, revoked=True)
        call.out.say(_("Ticket {id} is revoked."), id=fits[0].id[:SHORT])
