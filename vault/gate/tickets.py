"""The gate and collectors: it signs a ticket's terms, and looks at what comes with a parcel."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vault import ticket
from vault.authority import Authority
from vault.errors import GateError, MalformedError
from vault.log import checkpoint
from vault.message import Answer
from vault.model import GATE
from vault.note import ACCESS, AUTHORITY

if TYPE_CHECKING:
    from vault.gate.core import Gate, Turn


def answer(gate: Gate, given: Answer, after: Authority) -> Answer:
    """The answer to the statement that issues a ticket, with the ticket's signed terms in it.

    Args:
        gate: Who signs.
        given: The answer so far.
        after: The authority that it makes.
    """
    issued = next(found for found in after.tickets.values() if found.index == given.index)
    head = checkpoint.peek(given.head)
    seen = {
        AUTHORITY: {"size": head.size, "root": head.root.hex()},
        ACCESS: gate.replica.position(ACCESS).body(),
    }
    epoch = gate.epoch(None, after)
    if epoch.signing is None:
        raise GateError("the gate's epoch has no signing keys")
    case = after.epoch(issued.case)
    terms = ticket.sign_terms(epoch.signing, after.vault, issued, case, after.epoch(GATE), seen)
    return replace(given, sealed=terms)


def check_parcel(turn: Turn) -> None:
    """Make sure that a collector's deposit has nothing that only a holder of the case can make.

    Raises:
        MalformedError: It has a tag, or details.
    """
    if turn.message.tag or turn.message.details:
        raise MalformedError("a collector's deposit has a tag or details")
