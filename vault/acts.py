"""Entries of the access log: opened, verified, and judged again."""

from __future__ import annotations

from typing import NamedTuple

from vault import note
from vault.authority import judge
from vault.authority.apply import DRIFT
from vault.authority.judge import denied
from vault.errors import DeniedError, Error, GateError
from vault.log import entry
from vault.note import ACCESS, Note
from vault.public import check_public
from vault.replica import Replica
from vault.store import Reads


class OpenedEntry(NamedTuple):
    """An entry of the access log, verified: its bytes, both notes, and the key of its box."""

    raw: bytes
    actor: Note
    gate: Note
    key: bytes


OUTCOMES_OF = {"release": "released", "request": "pending"}
"""What the gate says of an act that is allowed, where it is not `done`."""


def open_act(
    replica: Replica, reads: Reads, index: int, case: str, key: bytes | None = None
) -> tuple[Note, Note]:
    """Open and verify an entry of the access log.

    Args:
        replica: The verified view.
        reads: A snapshot.
        index: Of the entry.
        case: The case whose keys open it.
        key: The entry's own key, where it was handed on to who came later.

    Raises:
        VerificationError, MissingError: It is not in the log, or a signature fails.
        GateError: Its outcome is not what the authority that it names allowed.
        DeniedError: This identity cannot open it.
    """
    found = open_entry(replica, reads, index, case, key)
    return found.actor, found.gate


def open_entry(
    replica: Replica, reads: Reads, index: int, case: str, key: bytes | None = None
) -> OpenedEntry:
    """As `open_act`, with the entry's own key, for whoever hands it on."""
    raw = replica.consistent_entry(reads, ACCESS, index)
    parsed = entry.parse(raw)
    openers = replica.keyring.openers(replica.authority, case, parsed.note_id)
    origin, first = note.origin(replica.vault, ACCESS), parsed.compartments[0]
    # Tags come from the actor: one that is false must not hide the entry from its readers.
    found = (
        entry.compartment_key(origin, first, openers)
        or entry.compartment_key(origin, first, openers, thorough=True)
        or key
    )
    if found is None:
        # Who was given a false key is told that, and not that nobody meant them.
        replica.keyring.check(replica.authority, case)
        raise DeniedError(f"entry {index} of the access log is not sealed to you", reason="no-key")
    actor, gate = note.parse_pair(entry.open_with_key(origin, first, found))
    check_public(parsed, actor, gate)
    verify_act(replica, index, actor, gate)
    return OpenedEntry(raw, actor, gate, found)


def verify_act(replica: Replica, index: int, actor: Note, gate: Note) -> None:
    """Verify both notes of an entry of the access log, and judge its outcome again.

    Raises:
        SignatureError: A note is not signed by a device that was valid then.
        GateError: An honest gate would not have said this.
    """
    authority = replica.at(gate.body["authority"]["size"])
    said, origin = gate.body, note.origin(replica.vault, ACCESS)
    if said["authority"]["root"] != authority.root:
        raise GateError(f"entry {index} names an authority that never was")
    if gate.origin != origin or said["access"]["size"] != index:
        raise GateError(f"entry {index} was judged for another place in the log")
    ticket = authority.ticket_of(actor)
    operator = authority.devices.get(gate.device)
    signer = authority.devices.get(actor.device) if ticket is None else ticket
    if operator is None or signer is None:
        raise GateError(f"entry {index} is signed by someone who was no member")
    gate.verify(operator.contact)
    actor.verify(signer.contact)
    if not authority.active(operator.member, said["time"]):
        raise GateError(f"entry {index} was judged by someone who was suspended")
    # What a collector sends travels by hand, and takes the time that it takes.
    if ticket is None and abs(said["time"] - actor.body["time"]) > DRIFT:
        raise GateError(f"entry {index} has quite another time than its actor's")
    seen = actor.body["seen"]
    known = seen["authority"]
    if known["size"] and replica.at(known["size"]).root != known["root"]:
        raise GateError(f"the actor of entry {index} had seen another authority log")
    if said["authority"]["size"] < known["size"] or index < seen["access"]["size"]:
        raise GateError(f"entry {index} was judged by less than its actor had seen")
    if said["outcome"] == "refused":
        return
    if actor.origin != origin:
        raise GateError(f"entry {index} has a note that is for another log")
    try:
        reason = judge(authority, actor, said["time"])
    except Error as error:
        raise GateError(f"entry {index} should not be in the log: {error.message}") from None
    allowed = OUTCOMES_OF.get(actor.kind, "done")
    if reason is not None:
        words = denied(reason).message
        raise GateError(f"entry {index} should have been refused: {words}", reason=reason)
    if said["outcome"] != allowed:
        raise GateError(f"entry {index} has an outcome that its act cannot have")


def exposed(replica: Replica, actor: Note, gate: Note) -> bool:
    """Whether a deposit came in sealed to keys that former hands may have.

    A collector cannot know that keys were changed after their ticket was issued. Until the deposit
    is encrypted anew, whoever had the case's keys then can read its labels in these files, and with
    the gate's keys of then all of it.

    Args:
        replica: The verified view.
        actor: The act, verified.
        gate: The gate note beside it.
    """
    authority = replica.at(gate.body["authority"]["size"])
    ticket = authority.ticket_of(actor)
    return ticket is not None and authority.outdated(ticket, gate.body["time"])
