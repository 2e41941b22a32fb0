"""Opens everything new of a renewal, as whoever confirms it must before the old bytes go."""

from __future__ import annotations

import hashlib

from keys.derive import Label, equal
from vault import acts, fields, ids, recordkeys, renewed, retrieve
from vault.client import Client
from vault.errors import DamageError, VerificationError
from vault.fields import Fields
from vault.message import seals_leaf
from vault.model import Deposit, Seals
from vault.note import Note
from vault.sealing import Progress, gate_secret_of
from vault.store import Reads


def open_all(
    client: Client, reads: Reads, case: str, index: int, note: Note, progress: Progress | None
) -> tuple[int, int, int]:
    """Open everything new, and compare it with what was committed to: deposits, records,
    bytes.

    Raises:
        VerificationError: Something is not what it must be.
    """
    rows = list(reads.renewals(index))
    if note.kind == "rekey":
        rows = renewed.leaves_of(reads, index, note)
    deposits = records = opened = 0
    for row in rows:
        if seals_leaf(row.seals) != row.leaf:
            raise DamageError("new seals of a deposit are not those that were signed")
        deposit = reads.deposit(row.deposit)
        if deposit is None:
            raise DamageError("a rekey names a deposit that does not exist")
        size = len(row.case_seal) + len(row.gate_seal)
        secret = _open_new(client, reads, case, deposit, row.seals, note)
        if note.kind == "re-encrypt":
            size += _compare(client, reads, deposit, index, note, secret, progress)
        deposits, records, opened = deposits + 1, records + deposit.count, opened + size
        if progress is not None and note.kind == "rekey":
            progress(size)
    return deposits, records, opened


def _open_new(
    client: Client, reads: Reads, case: str, deposit: Deposit, new: Seals, note: Note
) -> bytes:
    """Open new seals of a deposit; the case secret in them."""
    secret, key = renewed.open_case_secret(client.replica, case, new)
    if key is None:
        raise VerificationError("a new seal of a deposit does not hold what it must")
    own = acts.open_entry(client.replica, reads, deposit.entry, case, key)
    if not equal(own.key, key):
        raise VerificationError("a new seal of a deposit has a false key of its entry")
    said = renewed.check_seals(client.replica, reads, deposit, own.actor).body
    if note.kind == "re-encrypt":
        # Other secrets, which its own note commits to.
        said = note.body
        hashes = [hashlib.sha256(sealed).hexdigest() for sealed in (new.case_seal, new.gate_seal)]
        if said["deposit"] != ids.show(new.deposit) or hashes != [
            said["case_seal"],
            said["gate_seal"],
        ]:
            raise DamageError("new seals of a deposit are not those that were signed")
    if recordkeys.case_commitment(secret).hex() != said["case_commitment"]:
        raise VerificationError("a new seal of a deposit holds another secret than it must")
    gate_secret = gate_secret_of(client, new, deposit.case)
    if recordkeys.gate_commitment(gate_secret).hex() != said["gate_commitment"]:
        raise VerificationError("a new seal for the gate holds another secret than it must")
    return secret


def _compare(
    client: Client,
    reads: Reads,
    deposit: Deposit,
    index: int,
    note: Note,
    secret: bytes,
    progress: Progress | None,
) -> int:
    """Compare records under new keys with the old ones: the same labels, the same fields, and
    content as it was signed. Returns how many bytes of content there are.

    Raises:
        VerificationError: Something is not what it must be.
    """
    held = retrieve.hold(client.replica, reads, deposit)
    old = {listed.place.record: listed for listed in retrieve.labels(client.replica, reads, held)}
    leaves = [leaf for _, _, _, leaf in reads.originals(deposit.id)]
    if fields.records_root(leaves).hex() != note.body["before_root"]:
        raise DamageError("a re-encryption is of other records than the deposit has")
    size = 0
    for position, record, _ in reads.next_records(index):
        before = old.pop(record.id, None)
        if before is None:
            raise DamageError("a re-encryption has a record that the deposit does not have")
        leaves[position] = fields.record_leaf(record)
        place = before.place
        key = recordkeys.label_key(recordkeys.record_secret(secret, record.salt, place), place)
        label = Fields.decrypt(key, place.context(Label.LABEL_KEY), record.label)
        if label != before.label or not equal(record.fields_root, before.row.fields_root):
            raise VerificationError("a re-encryption gives a record another label")
        retrieve.check_stored(client.store, record, progress)
        size += record.content_size
    if old or fields.records_root(leaves).hex() != note.body["records_root"]:
        raise VerificationError("re-encrypted records are not those that were signed")
    return size
