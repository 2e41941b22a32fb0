"""The gate takes new seals of deposits, and puts them in the place of the old once confirmed.

Until then both are kept: the old ones are what is certain to open. The gate opens its own seals and
compares; whether the case's open, only who holds the case can tell, and says so in a confirmation.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from keys.derive import equal
from keys.errors import VerificationError
from vault import fields, ids, note
from vault.authority import approvals
from vault.errors import MalformedError, StaleError
from vault.gate import grants
from vault.gate.deposits import batches, check_recipients, check_seals, gate_secret
from vault.kinds import RENEWALS
from vault.log import entry, merkle
from vault.message import Answer, read_seals, sealed_to, seals_leaf
from vault.model import GATE, Renewal, Role, Seals
from vault.note import ACCESS, Note
from vault.public import public_of
from vault.store import WAITING

if TYPE_CHECKING:
    from vault.gate.core import Turn
    from vault.store import Reads

RENEWED_SECRET = 64
"""What a renewed case seal holds: the secret, and the key of the deposit's entry."""

_BATCH = 500


def rekey(turn: Turn) -> Answer:
    """Keep new seals of some deposits until somebody else has opened them.

    Raises:
        MalformedError, VerificationError: They are not what was signed, or not the gate's secrets.
        StaleError: Somebody who left still has the case's keys: they are to be rotated first.
    """
    if turn.message.attachments:
        raise MalformedError("a rekey comes with its rows and nothing else")
    _check_fresh(turn)
    frontier, named = merkle.Frontier(), set()
    of_epochs = False
    for seals, leaf in _rows(turn):
        if seals.deposit in named:
            raise MalformedError("a rekey names a deposit twice")
        named.add(seals.deposit)
        of_epochs |= _check_row(turn, seals)
        frontier.append(merkle.leaf_hash(leaf))
    body = turn.actor.body
    if frontier.size != body["count"] or frontier.root().hex() != body["seals_root"]:
        raise VerificationError("a rekey's seals are not those that were signed")
    reason = _replaces(turn, named, of_epochs=of_epochs)
    if reason is not None:
        return turn.refuse(reason)
    answer = turn.append("done", public=public_of(turn.actor))
    batch: list[Renewal] = []
    for position, (seals, leaf) in enumerate(_rows(turn)):
        batch.append(_waiting(answer.index, position, seals, leaf))
        if len(batch) == _BATCH:
            turn.writes.add_renewals(batch)
            batch = []
    if batch:
        turn.writes.add_renewals(batch)
    return answer


def reencrypt(turn: Turn) -> Answer:
    """Keep a deposit's records under new keys until somebody else has opened them.

    Raises:
        MalformedError, VerificationError: They are not what was signed, or not the same records.
        StaleError: Somebody who left still has the case's keys: they are to be rotated first.
    """
    body, writes = turn.actor.body, turn.writes
    if len(turn.message.attachments) != 2 or turn.rows is None:
        raise MalformedError("a re-encryption comes with two seals and its rows")
    _check_fresh(turn)
    deposit = writes.deposit(ids.parse(body["deposit"]))
    if deposit is None or ids.show(deposit.case) != turn.case:
        raise MalformedError("a re-encryption names a deposit of another case")
    case_seal, gate_seal = turn.message.attachments
    seals = Seals(deposit.id, body["epoch"], body["gate_epoch"], case_seal, gate_seal)
    check_recipients(turn, seals, RENEWED_SECRET)
    check_seals(
        turn.gate,
        turn.actor,
        replace(
            deposit,
            epoch=seals.epoch,
            gate_epoch=seals.gate_epoch,
            case_seal=case_seal,
            gate_seal=gate_seal,
        ),
    )
    _check_records(turn, deposit.id)
    reason = _replaces(turn, {deposit.id}, of_epochs=True)
    if reason is not None:
        return turn.refuse(reason)
    answer = turn.append("done", public=public_of(turn.actor))
    writes.add_renewals([_waiting(answer.index, 0, seals, seals_leaf(seals))])
    for batch in batches(turn.rows):
        placed = []
        for record, leaf in batch:
            owner = writes.owner(record.id)
            placed.append((owner[1] if owner else 0, record, leaf))
        writes.add_next_records(answer.index, deposit.id, placed)
    return answer


def _check_records(turn: Turn, deposit: bytes) -> None:
    """Compare new rows with those that they are to replace: the same records, with the same
    fields."""
    body, writes = turn.actor.body, turn.writes
    if turn.rows is None:
        raise MalformedError("a re-encryption comes with its rows")
    gone = writes.tombstones()
    old = list(writes.originals(deposit))
    before = [leaf for _, _, _, leaf in old]
    after = list(before)
    at = -1
    for batch in batches(turn.rows):
        for record, leaf in batch:
            owner = writes.owner(record.id)
            if owner is None or owner[0] != deposit or owner[1] <= at or record.id in gone:
                raise MalformedError("a re-encryption names a record that it cannot replace")
            missing = [name for name, *_ in old[at + 1 : owner[1]] if name not in gone]
            at = owner[1]
            if missing:
                raise MalformedError("a re-encryption leaves out a record")
            # What is known of the evidence, its hash among it, stays what it was.
            if not equal(record.fields_root, old[at][2]):
                raise VerificationError("a re-encryption gives a record other fields")
            size = turn.gate.store.blobs.size(record.blob)
            if size is None or record.offset + record.content_size > size:
                raise VerificationError("the content of a record is not in the vault")
            after[at] = leaf
    if any(name not in gone for name, *_ in old[at + 1 :]):
        raise MalformedError("a re-encryption leaves out a record")
    roots = fields.records_root(before).hex(), fields.records_root(after).hex()
    if (body["before_root"], body["records_root"]) != roots or body["count"] != len(old):
        raise VerificationError("re-encrypted records are not those that were signed")


def confirm(turn: Turn) -> Answer:
    """Put new seals, or new records, in the place of the old; these are in no file from then on.

    Raises:
        MalformedError: It does not come with the note that it confirms.
        SignatureError: That note is not signed by who it says.
    """
    if len(turn.message.attachments) != 1 or turn.rows is not None:
        raise MalformedError("a confirmation comes with the note that it confirms")
    renewal = _quoted(turn, turn.message.attachments[0])
    if renewal is None:
        return turn.refuse("renewal")
    reason = approvals.judge_confirmation(turn.authority, turn.actor, renewal, turn.at)
    if reason is None and renewal.kind == "re-encrypt" and not _still_whole(turn, renewal):
        reason = "old-renewal"
    if reason is not None:
        return turn.refuse(reason)
    answer = turn.append("done", public=public_of(turn.actor))
    made = turn.actor.body["entry"]
    # Secrets of single records that were granted opened the old rows: they open nothing now.
    renewed = {ids.show(record.id) for _, record, _ in turn.writes.next_records(made)}
    grants.forget(turn.writes, turn.authority, renewed)
    turn.writes.confirm_renewals(made, answer.index)
    _forget(turn, turn.writes.confirm_next_records(made))
    return answer


def kind_of(reads: Reads, index: int) -> str:
    """Which kind of renewal an entry is, by its public part; empty if it is none."""
    public = entry.parse(reads.entry(ACCESS, index)).public
    return "rekey" if "renewal" in public else "re-encrypt" if "reencrypted" in public else ""


# --- parts ------------------------------------------------------------------------------------


def _check_fresh(turn: Turn) -> None:
    # New seals would be for single devices again: rotating first costs nothing more.
    if turn.authority.stale(turn.case, turn.at):
        raise StaleError("somebody who left still has the case's keys", "let a holder act first")


def _rows(turn: Turn) -> Iterator[tuple[Seals, bytes]]:
    body = turn.actor.body
    if turn.rows is None:
        raise MalformedError("a rekey comes with its rows")
    turn.rows.seek(0)
    for seals in read_seals(turn.rows, body["epoch"], body["gate_epoch"]):
        yield seals, seals_leaf(seals)


def _check_row(turn: Turn, new: Seals) -> bool:
    """Compare a row with its deposit; tells whether that is sealed to an epoch now."""
    deposit = turn.writes.deposit(new.deposit)
    if deposit is None or ids.show(deposit.case) != turn.case:
        raise MalformedError("a rekey names a deposit of another case")
    check_recipients(turn, new, RENEWED_SECRET)
    after = replace(deposit, gate_seal=new.gate_seal, gate_epoch=new.gate_epoch)
    # The deposit's note commits to the secret; the gate need not be able to read that note, and
    # compared the secret that it has with it when it took the deposit.
    if not equal(gate_secret(turn.gate, deposit), gate_secret(turn.gate, after)):
        raise VerificationError("a rekey gives a deposit another gate secret")
    return sealed_to(deposit.case_seal) == [""]


def _replaces(turn: Turn, named: set[bytes], *, of_epochs: bool) -> str | None:
    """Drop what waits already for the same deposits; else why that may not be."""
    writes, authority = turn.writes, turn.authority
    advocate = Role.ADVOCATE in authority.member_of(turn.actor.device).roles
    # Whoever waits for keys gets them from any holder; all else is for advocates.
    if of_epochs and not advocate:
        return "role"
    now = authority.epoch(turn.case).number, authority.epoch(GATE).number
    waiting = []
    for index in writes.pending_renewals(ids.parse(turn.case)):
        rows = [row.seals for row in writes.renewals(index)]
        # One rekey of a case waits at a time, and one renewal of a deposit.
        again = turn.actor.kind == kind_of(writes, index) == "rekey"
        if again or not named.isdisjoint(row.deposit for row in rows):
            in_force = (rows[0].epoch, rows[0].gate_epoch) == now
            if in_force and not advocate:
                return "pending"
            waiting.append(index)
    for index in waiting:
        writes.drop_renewals(index)
        _forget(turn, writes.drop_next_records(index))
    return None


def _still_whole(turn: Turn, renewal: Note) -> bool:
    """Whether what waits still gives the signed root, and no record of it was destroyed."""
    entry, deposit = turn.actor.body["entry"], ids.parse(renewal.body["deposit"])
    leaves = [leaf for _, _, _, leaf in turn.writes.originals(deposit)]
    for position, _, leaf in turn.writes.next_records(entry):
        leaves[position] = leaf
    root = fields.records_root(leaves).hex()
    return root == str(renewal.body["records_root"]) and not turn.writes.spoilt(entry)


def _waiting(index: int, position: int, seals: Seals, leaf: bytes) -> Renewal:
    return Renewal(
        index,
        position,
        seals.deposit,
        leaf,
        WAITING,
        seals.epoch,
        seals.gate_epoch,
        seals.case_seal,
        seals.gate_seal,
    )


def _quoted(turn: Turn, raw: bytes) -> Note | None:
    """The note of the renewal that is confirmed; None if none of it waits.

    Raises:
        MalformedError: It is no note of a renewal.
        SignatureError: It is not signed by the device that it names.
    """
    found, said = note.parse(raw), turn.actor.body
    if found.kind not in RENEWALS or found.origin != turn.authority.origin(ACCESS):
        raise MalformedError("a confirmation quotes something else than a renewal")
    device = turn.authority.devices.get(found.device)
    # Who has a revoked device could sign with it today.
    if device is None or said["entry"] >= turn.index:
        return None
    found.verify(device.contact)
    stored = turn.writes.entry(ACCESS, said["entry"])
    parsed = entry.parse(stored)
    public = {"note": found.id_hash.hex(), **public_of(found)}
    if merkle.leaf_hash(stored).hex() != said["leaf"] or parsed.public != public:
        return None
    waiting = said["entry"] in turn.writes.pending_renewals(ids.parse(found.body["case"]))
    return found if waiting else None


def _forget(turn: Turn, blobs: list[bytes]) -> None:
    """Once it is committed: delete blobs, and let nothing of the old rows stay in the log of the
    database."""
    store = turn.gate.store

    def finish() -> None:
        for blob in blobs:
            with suppress(OSError):
                store.blobs.remove(blob)
        store.truncate_log()

    turn.after.append(finish)
