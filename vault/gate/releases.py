"""The gate releases its shares of records' keys, and takes the receipts for them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from keys.derive import Label
from keys.seal import seal
from vault import ids, recordkeys
from vault.errors import DamageError, MalformedError
from vault.gate import records, requests
from vault.gate.deposits import gate_secret
from vault.log import merkle
from vault.message import Answer
from vault.model import Deposit
from vault.note import ACCESS
from vault.recordkeys import Place
from vault.store import Reads

if TYPE_CHECKING:
    from vault.gate.core import Gate, Turn


def release(turn: Turn) -> Answer:
    """Log a release that the authority allows, and answer with the shares of its records.

    Raises:
        MalformedError, SignatureError: It names a record twice, or comes with something else than
            the notes of the request that it uses.
        DamageError: What the shares come from is missing.
    """
    body = turn.actor.body
    if body["request"] is None and (turn.message.attachments or turn.rows is not None):
        raise MalformedError("a release without a request comes with nothing beside it")
    reason = records.find(turn.writes, turn.case, body["records"])
    if reason is None and body["request"] is not None:
        reason = requests.use(turn)
    if reason is not None:
        return turn.refuse(reason)
    # The shares are derived before the entry is written only to fail early on damage: they
    # leave the gate after the transaction has committed.
    given = b"".join(shares(turn.gate, turn.writes, body["records"]))
    # Who was granted single records has no key of the case, and must find their own release.
    answer = turn.append("released", also=[turn.actor.device])
    return give(turn, answer, given)


def give(turn: Turn, answer: Answer, given: bytes) -> Answer:
    """The answer with shares in it, sealed to the reader's device and bound to the entry."""
    authority = turn.authority
    device = authority.device(turn.actor.device)
    leaf = merkle.leaf_hash(answer.entry)
    sealed = seal(device.contact.sealing, given, Label.RELEASE, ids.parse(authority.vault), leaf)
    return replace(answer, sealed=sealed)


def receipt(turn: Turn) -> Answer:
    """A receipt names an entry that is there; whose it is only its readers can tell."""
    head, body = turn.gate.replica.heads[ACCESS], turn.actor.body
    if body["entry"] >= head.size:
        return turn.refuse("receipt")
    raw = turn.writes.entry(ACCESS, body["entry"])
    if merkle.leaf_hash(raw).hex() != body["leaf"]:
        return turn.refuse("receipt")
    return turn.append("done", also=[turn.actor.device])


def shares(gate: Gate, reads: Reads, names: list[str]) -> Iterator[bytes]:
    """The gate's share of each record's key, 32 bytes, in order.

    Raises:
        DamageError: What they come from is missing.
        VerificationError: A gate secret does not open.
    """
    secrets: dict[bytes, tuple[Deposit, bytes]] = {}
    vault = ids.parse(gate.replica.vault)
    for name in names:
        record = ids.parse(name)
        owner = reads.owner(record)
        if owner is None:
            raise DamageError("a record is missing from the vault")
        if owner[0] not in secrets:
            deposit = reads.deposit(owner[0])
            if deposit is None:
                raise DamageError("a deposit is missing from the vault")
            secrets[owner[0]] = deposit, gate_secret(gate, deposit)
        deposit, secret = secrets[owner[0]]
        yield recordkeys.gate_share(secret, Place(vault, deposit.case, deposit.id, record))
