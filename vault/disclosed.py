"""One entry of the access log, shown to an outsider, who checks it without a vault or an identity.

A disclosure is a C2SP tlog-proof, whose extra data is

    LP(label, entry, salt, body)

with the salt and the body of the entry's first compartment: the actor's note and the gate's. The
words of a reason are in the second one, which stays sealed.

What a verifier does, in order:

1. read the form (`MalformedError`);
2. verify the checkpoint under every key that was given; its origin is the name of one of them, and
   that of an access log;
3. verify that the entry is in the log with this root;
4. verify that its first compartment committed to salt and body;
5. read both notes: the gate's speaks of the actor's, and was made for this place in this log; the
   public part and the details are those that the actor's note commits to;
6. verify the notes' signatures under those contacts that were given.

Without a contact the actor's keys are not proved: only that the gate's operator logged this.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from keys.derive import Label, lp, parse_lp
from keys.identity import Contact
from keys.signing import (
    ED25519,
    ML_DSA_44_CHECKPOINT,
    VerifierKey,
    parse_checkpoint,
    verify_note,
)
from vault import note
from vault.errors import (
    GateError,
    MalformedError,
    ProofError,
    UsageError,
    VerificationError,
)
from vault.log import entry, merkle
from vault.log.outside import Proof, parse_proof
from vault.note import ACCESS, STATEMENTS, Note
from vault.public import check_public

_ORIGIN = re.compile(r"evault/[a-z2-7]{26}/access")
LOG_KINDS = (ED25519, ML_DSA_44_CHECKPOINT)
"""The types of the keys of a log, which has one of each."""


@dataclass(frozen=True, slots=True)
class Disclosed:
    """What a disclosure proves.

    Args:
        index: The entry's place in the log.
        size: How many entries the log had.
        origin: Which log.
        actor: The actor's note.
        gate: The gate's note.
        checked: The keys under which the checkpoint was verified.
        log_keys: How many of them are the log's own, of two.
        actor_verified: Whether the actor's signature was verified under a contact.
        gate_verified: Whether that of the gate's note was.
    """

    index: int
    size: int
    origin: str
    actor: Note
    gate: Note
    checked: tuple[VerifierKey, ...]
    log_keys: int
    actor_verified: bool
    gate_verified: bool


def make(proof: Proof, raw: bytes, salt: bytes, body: bytes) -> bytes:
    """The text of a disclosure.

    Args:
        proof: That the entry is in the log; without extra data.
        raw: The entry's bytes.
        salt: Of its first compartment, 32 bytes.
        body: Of its first compartment.
    """
    extra = lp(Label.DISCLOSURE.value, raw, salt, body)
    return Proof(proof.index, proof.hashes, proof.note, extra).encode()


def verify(data: bytes, keys: Sequence[VerifierKey], contacts: Sequence[Contact] = ()) -> Disclosed:
    """Verify a disclosure.

    Args:
        data: Its text.
        keys: Whose signatures the checkpoint must carry, at least one of the log's own.
        contacts: Of the actor's device, or of the one that operated the gate.

    Raises:
        UsageError: No key was given (the caller's mistake).
        MalformedError: It is not a disclosure.
        LogError: It proves nothing: see the message.
    """
    if not keys:
        raise UsageError("a proof is checked under at least one key", "give the log's with --key")
    proof = parse_proof(data)
    parts = parse_lp(proof.extra, 4) if proof.extra else [b""]
    if parts[0] != Label.DISCLOSURE.value:
        raise MalformedError("this proof discloses no entry of a vault")
    _label, raw, salt, body = parts
    parsed = entry.parse(raw)
    first = entry.parse_compartment(parsed.compartments[0])
    try:
        head = parse_checkpoint(verify_note(proof.note, keys))
        mine = [key for key in keys if key.name == head.origin and key.kind in LOG_KINDS]
        if not mine:
            raise ProofError("none of the keys that were given is this log's")
        if not _ORIGIN.fullmatch(head.origin):
            raise ProofError("the checkpoint is not that of a vault's access log")
        merkle.verify_inclusion(
            merkle.leaf_hash(raw), proof.index, head.size, proof.hashes, head.root
        )
        entry.disclosed(first.commitment, salt, body)
        actor, gate = note.parse_pair(body)
        check_public(parsed, actor, gate)
        _check_place(head.origin, proof.index, actor, gate)
        actor_verified = _signed_by(actor, contacts)
        gate_verified = _signed_by(gate, contacts)
        for contact in contacts:
            if contact.device not in {actor.device, gate.device}:
                raise ProofError(
                    f"the contact of {contact.name} is not of a device that signed this entry"
                )
    except VerificationError as error:
        raise ProofError(f"this proves nothing: {error.message}", error.hint) from None
    return Disclosed(
        proof.index,
        head.size,
        head.origin,
        actor,
        gate,
        tuple(keys),
        len(mine),
        actor_verified,
        gate_verified,
    )


def _check_place(origin: str, index: int, actor: Note, gate: Note) -> None:
    """Both notes were made for this log, the gate's for this place in it."""
    # A statement that was refused stands in the access log with the origin that it was made for.
    refused = gate.body["outcome"] == "refused"
    log = note.AUTHORITY if actor.kind in STATEMENTS and refused else ACCESS
    wanted = origin.removesuffix(ACCESS) + log
    if gate.origin != origin or actor.origin != wanted:
        raise GateError("an entry's notes were made for another log")
    if gate.body["access"]["size"] != index:
        raise GateError("the gate's note was made for another place in the log")


def _signed_by(signed: Note, contacts: Sequence[Contact]) -> bool:
    for contact in contacts:
        if contact.device == signed.device:
            signed.verify(contact)
            return True
    return False
