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
from vault import ids, note
from vault.authority import approvals
from vault.errors import MalformedError, StaleError
from vault.gate.deposits import check_recipients, gate_secret
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
    """Refuse: it is not supported yet."""
    del turn
    raise MalformedError("not supported")


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
    if reason is not None:
        return turn.refuse(reason)
    answer = turn.append("done", public=public_of(turn.actor))
    entry = turn.actor.body["entry"]
    turn.writes.confirm_renewals(entry, answer.index)
    _forget(turn, turn.writes.confirm_next_records(entry))
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
    check_recipients(turn, new.case_seal, new.gate_seal, RENEWED_SECRET)
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
        # One rekey of a case waits at a time; of re-encryptions one for each deposit.
        if kind_of(writes, index) == "rekey" or not named.isdisjoint(r.deposit for r in rows):
            in_force = (rows[0].epoch, rows[0].gate_epoch) == now
            if in_force and not advocate:
                return "pending"
            waiting.append(index)
    for index in waiting:
        writes.drop_renewals(index)
        _forget(turn, writes.drop_next_records(index))
    return None


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
