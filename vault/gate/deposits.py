"""The gate keeps a deposit: seals and rows are what was signed, and nothing has their ids yet."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

from keys.derive import Label, u64
from keys.errors import VerificationError
from vault import fields, ids, recordkeys
from vault.authority import secret_recipients
from vault.errors import DeniedError, MalformedError, StaleError
from vault.log import merkle
from vault.message import Answer, marked, open_secret, read_rows, sealed_to
from vault.model import Deposit, Record, Seals
from vault.note import Note
from vault.public import public_of

if TYPE_CHECKING:
    from vault.gate.core import Gate, Turn
    from vault.store import Store

_BATCH = 1000


def keep(turn: Turn) -> Answer:
    """Keep a deposit that the authority allows.

    Raises:
        MalformedError, VerificationError, DeniedError: It is not what it says. Nothing is written.
    """
    body, writes = turn.actor.body, turn.writes
    if len(turn.message.attachments) != 2 or turn.rows is None:
        raise MalformedError("a deposit comes with two seals and its rows")
    case_seal, gate_seal = turn.message.attachments
    deposit = Deposit(
        id=ids.parse(body["deposit"]),
        case=ids.parse(body["case"]),
        epoch=body["epoch"],
        gate_epoch=body["gate_epoch"],
        case_seal=case_seal,
        gate_seal=gate_seal,
        entry=turn.index,
        count=body["count"],
    )
    if writes.deposit(deposit.id) is not None:
        raise DeniedError("a deposit of this id exists already", reason="used-id")
    check_recipients(turn, deposit.seals)
    check_seals(turn.gate, turn.actor, deposit)
    check_rows(turn.gate.store, turn.actor, turn.rows)
    # The deposit stands in the public part, so that rows can be tied to the log without keys.
    answer = turn.append("done", public=public_of(turn.actor))
    writes.add_deposit(deposit)
    start = 0
    for batch in batches(turn.rows):
        names = {record.id for record, _ in batch}
        if len(names) < len(batch) or any(writes.owner(name) is not None for name in names):
            raise DeniedError("a record of this id exists already", reason="used-id")
        writes.add_records(deposit.id, start, batch)
        start += len(batch)
    return answer


def check_recipients(turn: Turn, seals: Seals, size: int = 32) -> None:
    """Make sure that the seals are for exactly those who should have the secrets now; a ticket's
    are for the epochs that it was issued for.

    Args:
        turn: The act, allowed.
        seals: Of a deposit's two secrets.
        size: How many bytes each case seal holds.

    Raises:
        MalformedError: They are no seals, or the gate's is not for the gate.
        StaleError: Somebody came or left since they were made: make them again.
    """
    if sealed_to(seals.gate_seal, 32) != [""]:
        raise MalformedError("a gate secret is not sealed to the gate")
    if turn.authority.ticket_of(turn.actor) is not None:
        if sealed_to(seals.case_seal, size) != [""]:
            raise MalformedError("a collector's secret is not sealed to the case")
        return
    devices = secret_recipients(turn.authority, turn.case, turn.at)
    wanted = [to for to, _ in marked(turn.gate.epoch(), seals.deposit, devices)]
    if sealed_to(seals.case_seal, size) != wanted or not wanted:
        raise StaleError("who holds the case has changed", "try again")


def check_seals(gate: Gate, actor: Note, deposit: Deposit) -> None:
    """Compare both seals with what was signed, and open the one that is for the gate.

    Raises:
        VerificationError: They are others.
    """
    body = actor.body
    for name, sealed in (("case_seal", deposit.case_seal), ("gate_seal", deposit.gate_seal)):
        if hashlib.sha256(sealed).hexdigest() != body[name]:
            raise VerificationError("a deposit's seal is not the one that was signed")
    secret = gate_secret(gate, deposit)
    if recordkeys.gate_commitment(secret).hex() != body["gate_commitment"]:
        raise VerificationError("a deposit's gate secret is not the one that was signed")


def check_rows(store: Store, actor: Note, rows: BinaryIO) -> None:
    """Compare a stream of rows with the root and the count that were signed.

    Raises:
        VerificationError: They are others, or their content is not in the vault.
    """
    frontier = merkle.Frontier()
    for batch in batches(rows):
        for record, leaf in batch:
            frontier.append(merkle.leaf_hash(leaf))
            size = store.blobs.size(record.blob)
            if size is None or record.offset + record.content_size > size:
                raise VerificationError("the content of a deposit's record is not in the vault")
    if frontier.size != actor.body["count"]:
        raise VerificationError("a deposit does not have as many records as it says")
    if frontier.root().hex() != actor.body["records_root"]:
        raise VerificationError("a deposit's records are not those that were signed")


def gate_secret(gate: Gate, deposit: Deposit) -> bytes:
    """The gate's secret of a deposit, 32 bytes.

    Raises:
        VerificationError, DeniedError: Its seal does not open.
    """
    return open_secret(
        deposit.gate_seal,
        {"": gate.epoch(deposit.gate_epoch).sealing},
        Label.GATE_SEAL,
        ids.parse(gate.replica.vault),
        deposit.case,
        deposit.id,
        u64(deposit.gate_epoch),
    )


def batches(rows: BinaryIO) -> Iterator[list[tuple[Record, bytes]]]:
    """The rows from the beginning, about a thousand at a time, each with its leaf."""
    rows.seek(0)
    batch: list[tuple[Record, bytes]] = []
    for record in read_rows(rows):
        batch.append((record, fields.record_leaf(record)))
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
