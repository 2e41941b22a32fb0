"""The gate and collectors: it signs the terms of a ticket, and looks at who brings a parcel in."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vault import ticket
from vault.authority import Authority
from vault.errors import DeniedError, GateError, MalformedError
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


def check_parcel(turn: Turn, operator: str) -> None:
    """Make sure that a collector's deposit is no more than that, and who brings it in may act.

    Args:
        turn: The deposit.
        operator: The device under whose hands the gate runs.

    Raises:
        MalformedError: It has what only a holder of the case can make.
        DeniedError: They are suspended, and their word on an entry would not count.
    """
    if turn.message.tag or turn.message.details:
        raise MalformedError("a collector's deposit has a tag or details")
    authority = turn.authority
    if not authority.active(authority.device(operator).member, turn.at):
        raise DeniedError(
            "you are suspended", "a steward or two other members lift it", reason="suspended"
        )
