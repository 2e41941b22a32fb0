"""Which seals and records of a deposit count: its own, or those of a renewal that was confirmed.

A renewal is an entry of the access log, its confirmation another. What the store says of either is
believed only as far as both entries bear it out. That a secret is the one committed to is verified
besides, by whoever opens it: false seals open nothing, and nobody can put another secret in place.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from keys.derive import Label, u64
from vault import acts, fields, ids
from vault.authority import approvals
from vault.errors import DamageError, GateError, MissingError
from vault.kinds import RENEWALS
from vault.log import entry, merkle
from vault.message import NotMeantError, open_secret, sealed_to, seals_leaf
from vault.model import Deposit, Renewal, Seals
from vault.note import ACCESS, Note
from vault.replica import Replica
from vault.store import CONFIRMED, WAITING, Reads

_SECRET = 32


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A renewal whose confirmation was found and judged again.

    Args:
        note: The renewal's note.
        leaves: What its root is over.
    """

    note: Note
    leaves: frozenset[bytes]


def renewal(replica: Replica, reads: Reads, index: int, case: str) -> acts.OpenedEntry:
    """The entry of a renewal, verified.

    Raises:
        DamageError, GateError: It is none.
        DeniedError: This identity cannot open it.
    """
    found = acts.open_entry(replica, reads, index, case)
    done = found.gate.body["outcome"] == "done"
    if found.actor.kind not in RENEWALS or found.actor.body["case"] != case or not done:
        raise DamageError("a deposit's row names an entry that renews nothing")
    return found


def leaves_of(reads: Reads, index: int, note: Note) -> list[Renewal]:
    """The rows of a rekey, whose leaves give the root that its note signs.

    Raises:
        MissingError, DamageError: They do not.
    """
    rows = list(reads.renewals(index))
    if len(rows) != note.body["count"]:
        raise MissingError("a part of a rekey is missing", "run `evault check`")
    root = merkle.root([merkle.leaf_hash(row.leaf) for row in rows])
    if root.hex() != note.body["seals_root"]:
        raise DamageError("a rekey is not what was signed", "run `evault check`")
    return rows


def confirmed(replica: Replica, reads: Reads, index: int, case: str) -> Confirmed:
    """A renewal, after its confirmation was found in the log and judged again.

    Args:
        replica: The verified view.
        reads: A snapshot.
        index: The renewal's entry.
        case: The case's id.

    Raises:
        DamageError, MissingError: The rows are not what the log says.
        GateError: The confirmation is none, or should have been refused.
        DeniedError: This identity cannot open them.
    """
    known = replica.confirmed.get(index)
    if isinstance(known, Confirmed):
        return known
    found = renewal(replica, reads, index, case)
    rows = list(reads.renewals(index))
    by = rows[0].confirmed if rows else 0
    if not by:
        raise GateError("new seals of a deposit are in use though nobody has confirmed them")
    if found.actor.kind == "rekey":
        rows = leaves_of(reads, index, found.actor)
    verify_confirmation(replica, reads, by, index, found)
    known = Confirmed(found.actor, frozenset(row.leaf for row in rows))
    replica.confirmed[index] = known
    return known


def verify_confirmation(
    replica: Replica, reads: Reads, index: int, renewed: int, found: acts.OpenedEntry
) -> None:
    """Judge again who confirmed a renewal.

    Args:
        replica: The verified view.
        reads: A snapshot.
        index: The confirmation's entry.
        renewed: The renewal's.
        found: The renewal.

    Raises:
        GateError: It confirms something else, or should have been refused.
    """
    act, gate = acts.open_act(replica, reads, index, found.actor.body["case"])
    said = act.body
    if act.kind != "confirmation" or gate.body["outcome"] != "done":
        raise GateError(f"entry {index} is no confirmation of new seals that are in use")
    if said["entry"] != renewed or said["leaf"] != merkle.leaf_hash(found.raw).hex():
        raise GateError(f"entry {index} confirms something else than new seals that are in use")
    judge_again(replica, index, act, gate, found.actor)


def judge_again(replica: Replica, index: int, act: Note, gate: Note, renewed: Note) -> None:
    """Judge a confirmation once more, by the authority of its time.

    Raises:
        GateError: It should have been refused.
    """
    authority = replica.at(gate.body["authority"]["size"])
    reason = approvals.judge_confirmation(authority, act, renewed, gate.body["time"])
    if reason is not None:
        raise GateError(f"entry {index} should not have been accepted as a confirmation: {reason}")


def check_seals(replica: Replica, reads: Reads, deposit: Deposit, own: Note) -> Note:
    """Compare a deposit's row with what was signed: by its depositor, or by who renewed it.

    Args:
        replica: The verified view.
        reads: A snapshot.
        deposit: The row.
        own: The deposit's own note.

    Returns:
        The note that commits to its secrets and to its records: its own, or that of its last
        re-encryption.

    Raises:
        DamageError, MissingError, GateError: It is not what was signed, or was not confirmed.
    """
    case = ids.show(deposit.case)
    rows = [row for row in reads.renewals_of(deposit.id) if row.state == CONFIRMED]
    found = [(row, confirmed(replica, reads, row.entry, case)) for row in rows]
    again = [one.note for _, one in found if one.note.kind == "re-encrypt"]
    if any(note.body["deposit"] != own.body["deposit"] for note in again):
        raise DamageError("a deposit's row names a re-encryption that is not its own")
    records = again[-1] if again else own
    if found and found[-1][1].note.kind == "rekey":
        fits = seals_leaf(deposit.seals) in found[-1][1].leaves
    else:
        signed = records.body
        fits = (
            signed["epoch"] == deposit.epoch
            and signed["gate_epoch"] == deposit.gate_epoch
            and signed["case_seal"] == hashlib.sha256(deposit.case_seal).hexdigest()
            and signed["gate_seal"] == hashlib.sha256(deposit.gate_seal).hexdigest()
        )
    if not fits or own.body["count"] != deposit.count:
        raise DamageError("a deposit's row is not what its depositor signed")
    return records


def original_leaves(reads: Reads, deposit: bytes) -> list[bytes]:
    """The leaves that a deposit's records had when they came in, as far as the store tells."""
    return [
        leaf if origin is None else fields.origin_leaf(name, origin, root)
        for name, origin, root, leaf in reads.originals(deposit)
    ]


def check_originals(reads: Reads, deposit: Deposit, signed: str) -> None:
    """Tie records that were encrypted anew to what their depositor signed: their fields, the hash
    of the content among them, are the same.

    Args:
        reads: A snapshot.
        deposit: Its row.
        signed: The root (hex) over the records as they were deposited.

    Raises:
        DamageError: They are not.
    """
    root = fields.records_root(original_leaves(reads, deposit.id))
    if root.hex() != signed:
        raise DamageError(
            "a record that was encrypted anew is not what its depositor signed",
            "run `evault check`, and restore the vault from a backup that is not older",
        )


def open_case_secret(replica: Replica, case: str, sealed: Seals) -> tuple[bytes, bytes | None]:
    """Open a case secret, and the key of the deposit's entry if that was handed on.

    Raises:
        NotMeantError: It is not sealed to this identity.
        VerificationError: It is, and does not open.
    """
    opened = open_secret(
        sealed.case_seal,
        replica.keyring.secret_openers(replica.authority, case, sealed),
        Label.CASE_SEAL,
        ids.parse(replica.vault),
        ids.parse(case),
        sealed.deposit,
        u64(sealed.epoch),
    )
    return opened[:_SECRET], opened[_SECRET:] or None


def meant(replica: Replica, reads: Reads, deposit: Deposit, case: str) -> bool:
    """Whether a deposit's case secret is sealed to this identity, by its own seals or by new ones
    that wait; not whether that opens.

    Raises:
        MalformedError, VerificationError: A seal is no seal, or a wrap or link false.
    """
    known = [deposit.seals]
    known += [row.seals for row in reads.renewals_of(deposit.id) if row.state == WAITING]
    for seals in known:
        openers = replica.keyring.secret_openers(replica.authority, case, seals)
        if not openers.keys().isdisjoint(sealed_to(seals.case_seal)):
            return True
    return False


def find_case_secret(
    replica: Replica, reads: Reads, deposit: Deposit, case: str
) -> tuple[bytes, bytes | None]:
    """Open a deposit's case secret by its own seals, or by new ones that wait to be confirmed.

    Whoever came after a deposit that was sealed to single devices has only the latter; whether what
    opens is the secret that was committed to is for the caller to verify.

    Raises:
        NotMeantError: Neither is sealed to this identity.
        VerificationError: One is, and does not open.
    """
    try:
        return open_case_secret(replica, case, deposit.seals)
    except NotMeantError:
        for row in reversed(reads.renewals_of(deposit.id)):
            # A re-encryption that waits has another secret than the records that are in use.
            if row.state == WAITING and _is_rekey(reads, row.entry):
                return open_case_secret(replica, case, row.seals)
        raise


def _is_rekey(reads: Reads, index: int) -> bool:
    return "renewal" in entry.parse(reads.entry(ACCESS, index)).public
