"""The rules for tickets: who lets a collector add to a case, for how long, and who ends it.

A collector is no member: a ticket is a key, registered by a statement, that signs deposits into one
case and nothing else. The statement names no collector.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from vault.authority.cases import case_named, check_until, need_advocate
from vault.authority.parts import new_contact
from vault.authority.state import Authority
from vault.errors import DeniedError, MalformedError
from vault.model import GATE, TICKET_NAME, Ticket
from vault.note import Note

LONGEST = 366 * 86_400
"""How long a ticket can be good, in seconds."""


def ticket_issued(authority: Authority, statement: Note, at: int) -> Authority:
    """An advocate who holds a case lets whoever has a key add to it until a time."""
    body = statement.body
    case = case_named(authority, body["case"])
    by = need_advocate(authority, statement, case, at)
    if case.closed:
        raise DeniedError("nothing can be stored in a closed case", reason="closed")
    check_until(case, by, body["expires"], at)
    if body["expires"] > at + LONGEST:
        raise DeniedError("a ticket ends within 366 days", reason="until")
    contact = new_contact(authority, body["contact"])
    # Whatever a collector is called would stand on their device and in the log for ever.
    if contact.name != TICKET_NAME:
        raise MalformedError("a ticket's key has a name that is not a ticket's")
    # It is sealed to the epochs in force and to nothing else: they must not be in former hands.
    if authority.stale(case.id, at) or authority.stale(GATE, at):
        raise DeniedError(
            "somebody who left has the keys that the ticket would be for",
            "try again once a holder has changed them",
            reason="stale",
        )
    ticket = Ticket(
        id=contact.device,
        case=case.id,
        contact=contact,
        expires=body["expires"],
        epoch=authority.epoch(case.id).number,
        gate_epoch=authority.epoch(GATE).number,
        by=by.id,
        index=authority.size,
    )
    return replace(authority, tickets={**authority.tickets, ticket.id: ticket})


def ticket_revoked(authority: Authority, statement: Note, at: int) -> Authority:
    """An advocate who holds its case ends a ticket."""
    ticket = authority.tickets.get(statement.body["ticket"])
    if ticket is None:
        raise DeniedError("no such ticket", "see `evault ticket list`", reason="no-ticket")
    need_advocate(authority, statement, case_named(authority, ticket.case), at)
    if not ticket.holds(at):
        raise DeniedError("this ticket has ended already", reason="no-change")
    ended = replace(ticket, revoked=authority.size)
    return replace(authority, tickets={**authority.tickets, ticket.id: ended})


RULES: dict[str, Callable[[Authority, Note, int], Authority]] = {
    "ticket-issued": ticket_issued,
    "ticket-revoked": ticket_revoked,
}
