"""Brings evidence back: verified labels, and released shares turned into verified plaintext.

What the store says is believed only as far as the log bears it out: a deposit is what its signed
note in the access log says it is, and a record is a leaf of that note's root. Plaintext is written
where the caller asked and nowhere else, and takes its name only after every check has passed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from keys import container
from keys.derive import Label, equal, padded_size
from keys.digest import Blake3, Sha256
from keys.identity import Identity
from vault import fields, granted, ids, recordkeys, renewed
from vault.acts import open_act, open_entry
from vault.errors import (
    DamageError,
    DeniedError,
    FileError,
    GateError,
    MalformedError,
    MissingError,
    VerificationError,
)
from vault.fields import Fields
from vault.log import merkle
from vault.message import Answer, NotMeantError
from vault.model import Deposit, Record
from vault.note import Note
from vault.packs import LEAST_CONTENT
from vault.recordkeys import Place
from vault.replica import Replica
from vault.store import Reads, Store

NOT_YET = "not-yet"
"""The reason of an error for what somebody may read and has no keys for yet."""

_BLOCK = 64 * container.SEALED_CHUNK


@dataclass(frozen=True, slots=True)
class Held:
    """A deposit that this identity can read the labels of, verified against the log.

    Args:
        deposit: Its row.
        actor: The deposit note.
        gate: The gate note beside it.
        records: The note that commits to its secrets and records: `actor`, or that of its last
            re-encryption.
        secret: The case secret.
        key: The key of the deposit's entry.
    """

    deposit: Deposit
    actor: Note
    gate: Note
    records: Note
    secret: bytes = field(repr=False)
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Listed:
    """A record's label, and what ties it to the log.

    Args:
        place: The ids of vault, case, deposit and record.
        row: The record's row.
        label: Its label.
        secret: Its record secret, 32 bytes.
        held: Its deposit; None for who was granted single records of the case, and is not told who
            stored them, or when.
    """

    place: Place
    row: Record
    label: Fields = field(repr=False)
    secret: bytes = field(repr=False)
    held: Held | None = None

    @property
    def id(self) -> str:
        """The record's id."""
        return ids.show(self.place.record)


@dataclass(frozen=True, slots=True)
class Opened:
    """A released record: its particulars are verified, its content can be read.

    Args:
        listed: The record.
        particulars: What is known about it.
        key: The content's key.
        entry: The index of the release in the access log.
    """

    listed: Listed
    particulars: Fields = field(repr=False)
    key: bytes = field(repr=False)
    entry: int


# --- labels -----------------------------------------------------------------------------------


def hold(replica: Replica, reads: Reads, deposit: Deposit) -> Held:
    """Verify a deposit's row against its entry and open its case secret.

    Raises:
        DeniedError: This identity has no keys of the case.
        VerificationError: The row is not what the log says.
    """
    case = ids.show(deposit.case)
    secret, key, false = b"", None, None
    try:
        secret, key = renewed.find_case_secret(replica, reads, deposit, case)
    except (VerificationError, MalformedError) as error:
        # Whether the row is damaged, or the seal false, or it is for others, the entry tells.
        false = error
    try:
        found = open_entry(replica, reads, deposit.entry, case, key)
    except DeniedError:
        if isinstance(false, NotMeantError):
            raise _not_yet() from None
        raise
    body = found.actor.body
    if (
        found.actor.kind != "deposit"
        or body["deposit"] != ids.show(deposit.id)
        or body["case"] != case
    ):
        raise DamageError("a deposit's row names an entry that is not its own")
    if found.gate.body["outcome"] != "done":
        raise DamageError("a deposit's row names an entry that says that it was refused")
    records = renewed.check_seals(replica, reads, deposit, found.actor)
    if isinstance(false, NotMeantError):
        raise _not_yet()
    if false is not None:
        raise false
    if recordkeys.case_commitment(secret).hex() != records.body["case_commitment"]:
        raise DamageError("a deposit's case secret is not the one that its depositor signed")
    return Held(deposit, found.actor, found.gate, records, secret, found.key)


def _not_yet() -> DeniedError:
    return DeniedError(
        "something was added to the case before you had keys for it",
        "you can read it after the next act of somebody who held the case then",
        reason=NOT_YET,
    )


def labels(replica: Replica, reads: Reads, held: Held) -> Iterator[Listed]:
    """Every record of a deposit with its label, after the whole deposit was verified; those that
    were destroyed are left out.

    Raises:
        VerificationError, MissingError: A row is damaged, missing, blank, or one too many.
    """
    leaves, blank = [], []
    for record, leaf in reads.records(held.deposit.id):
        leaves.append(fields.leaf_of(record, leaf))
        if fields.is_blank(record):
            blank.append(record.id)
    _check_root(reads, held, leaves)
    case, said = ids.show(held.deposit.case), dict[int, frozenset[str]]()
    if any(destroyed(replica, reads, case, name, said) is None for name in blank):
        raise DamageError(
            "a record is blank, and the log does not say that it was destroyed",
            "run `evault check`, and restore the vault from a backup that is not older",
        )
    for record, _ in reads.records(held.deposit.id):
        if not fields.is_blank(record):
            yield _label_of(replica, held, record)


def destroyed(
    replica: Replica,
    reads: Reads,
    case: str,
    record: bytes,
    said: dict[int, frozenset[str]] | None = None,
) -> int | None:
    """The entry by which a record of a case that one holds was destroyed, found in the log and
    judged again; None if the store has none.

    Args:
        replica: The verified view.
        reads: A snapshot.
        case: The record's case.
        record: Its 16-byte id.
        said: What entries that were opened already say is destroyed; grows.

    Raises:
        DamageError: The entry that the store names does not say so.
    """
    said = {} if said is None else said
    index = reads.tombstone(record)
    if index is None:
        return None
    if index not in said:
        actor, gate = open_act(replica, reads, index, case)
        done = actor.kind == "destruction" and gate.body["outcome"] == "done"
        names = actor.body["records"] if done and actor.body["case"] == case else ()
        said[index] = frozenset(names)
    if ids.show(record) not in said[index]:
        raise DamageError(
            "a record is called destroyed by an entry that does not say so", "run `evault check`"
        )
    return index


def find(replica: Replica, reads: Reads, records: Sequence[bytes], at: int) -> list[Listed]:
    """Some records with their labels, each proved to be in its deposit; in the order asked for.

    Args:
        replica: The verified view.
        reads: A snapshot.
        records: 16-byte ids.
        at: Whether this member holds a case or was granted single records of it is judged at this
            time, in seconds since the epoch.

    Raises:
        MissingError: One is not in the vault.
        DeniedError: This identity has no keys of its case, nor was granted it; or it was destroyed.
        VerificationError: One is damaged.
    """
    deposits: dict[bytes, list[tuple[int, Record]]] = {}
    for record in records:
        owner, row = reads.owner(record), reads.record(record)
        if owner is None or row is None:
            raise MissingError("a record is missing from the vault", "run `evault check`")
        deposits.setdefault(owner[0], []).append((owner[1], row))
    found: dict[bytes, Listed] = {}
    for deposit, rows in deposits.items():
        stored = reads.deposit(deposit)
        if stored is None:
            raise MissingError("a deposit is missing from the vault", "run `evault check`")
        case = ids.show(stored.case)
        holding = granted.holds(replica, case, at)
        held = hold(replica, reads, stored) if holding else None
        for _, row in rows:
            if holding and destroyed(replica, reads, case, row.id) is not None:
                raise _gone(reads, row.id)
            if not holding and granted.destroyed(replica, reads, row.id):
                raise _gone(reads, row.id)
        # The leaves of the others are taken as they stand: the root tells if one is false.
        leaves = reads.leaves(deposit)
        for position, row in rows:
            if not 0 <= position < len(leaves):
                raise DamageError("a record is not at its place in its deposit")
            leaves[position] = fields.record_leaf(row)
        if held is not None:
            _check_root(reads, held, leaves)
        else:
            granted.check_root(replica, reads, stored, leaves)
        for _, row in rows:
            if held is not None:
                found[row.id] = _label_of(replica, held, row)
            else:
                found[row.id] = _granted_label(replica, reads, stored, row, at)
    return [found[record] for record in records]


def _gone(reads: Reads, record: bytes) -> DeniedError:
    """That a record was destroyed, and by which entry; nothing was logged of who asks now."""
    entry = reads.tombstone(record)
    return DeniedError(
        f"this record was destroyed, by entry {entry} of the access log",
        f"see `evault log show {entry}`",
        reason="destroyed",
    )


def _check_root(reads: Reads, held: Held, leaves: list[bytes]) -> None:
    if held.records is not held.actor:
        renewed.check_originals(reads, held.deposit, held.actor.body["records_root"])
    if len(leaves) != held.records.body["count"]:
        raise MissingError(
            f"a deposit has {len(leaves)} of its {held.records.body['count']} records",
            "run `evault check`, and restore the vault from a backup that is not older",
        )
    if fields.records_root(leaves).hex() != held.records.body["records_root"]:
        raise granted.not_as_signed()


def _label_of(replica: Replica, held: Held, record: Record) -> Listed:
    place = Place(ids.parse(replica.vault), held.deposit.case, held.deposit.id, record.id)
    secret = recordkeys.record_secret(held.secret, record.salt, place)
    return _label(place, record, secret, held)


def _granted_label(
    replica: Replica, reads: Reads, deposit: Deposit, record: Record, at: int
) -> Listed:
    place = Place(ids.parse(replica.vault), deposit.case, deposit.id, record.id)
    secret = granted.secret(replica, reads, deposit, record.id, at)
    try:
        return _label(place, record, secret, None)
    except VerificationError:
        # The row is what was deposited, the seal what was signed: whoever sealed it has lied.
        raise granted.false(ids.show(record.id)) from None


def _label(place: Place, record: Record, secret: bytes, held: Held | None) -> Listed:
    label = Fields.decrypt(
        recordkeys.label_key(secret, place), place.context(Label.LABEL_KEY), record.label
    )
    # A depositor may be anyone with a contact: what they signed is still only what they said.
    if set(label.values) != set(fields.LABEL_FIELDS) or not _is_label(label.values):
        raise VerificationError("a record's label does not have its fields")
    return Listed(place, record, label, secret, held)


def _is_label(values: Any) -> bool:
    size, sha256 = values["size"], values["sha256"]
    return (
        type(size) is int
        and size >= 0
        and isinstance(sha256, str)
        and len(sha256) == 64
        and all(isinstance(values[name], str) for name in ("name", "type"))
        and (values["title"] is None or isinstance(values["title"], str))
    )


# --- releases -----------------------------------------------------------------------------------


def open_record(listed: Listed, share: bytes, index: int) -> Opened:
    """Turn a released share into keys, and verify the particulars and all fields with them.

    Args:
        listed: The record.
        share: The gate's 32 bytes.
        index: Of the release in the access log.

    Raises:
        VerificationError: The share is false, or the record is damaged.
    """
    place, row = listed.place, listed.row
    key = recordkeys.record_key(listed.secret, share, place)
    particulars = Fields.decrypt(
        recordkeys.particulars_key(key, place),
        place.context(Label.PARTICULARS_KEY),
        row.particulars,
    )
    if not equal(fields.fields_root(listed.label, particulars), row.fields_root):
        raise DamageError("a record's fields are not those that its depositor committed to")
    return Opened(listed, particulars, recordkeys.content_key(key, place), index)


def open_released(
    replica: Replica,
    identity: Identity,
    reads: Reads,
    answer: Answer,
    case: str,
    records: list[str],
) -> Iterator[Opened]:
    """Open what the gate released, after finding the release in the verified log.

    Args:
        replica: The verified view, caught up.
        identity: To whom it was released.
        reads: A snapshot.
        answer: The gate's.
        case: The case's id.
        records: The ids that were asked for, in order.

    Raises:
        GateError: The log says something else than what was asked for.
        VerificationError, MissingError: A share is false, or a record is damaged.
    """
    actor, gate = open_act(replica, reads, answer.index, case)
    # Whoever audits must read the same word of the gate that the reader was given.
    if gate.signed != answer.gate:
        raise GateError("the gate logged something else than it answered")
    if actor.body.get("records") != records or actor.device != identity.device:
        raise GateError("the gate logged another release than the one that was asked for")
    leaf = merkle.leaf_hash(answer.entry)
    shares = identity.sealing.open(answer.sealed, Label.RELEASE, ids.parse(replica.vault), leaf)
    if len(shares) != 32 * len(records):
        raise GateError("the gate released another number of shares than it was asked for")
    names, at = [ids.parse(name) for name in records], gate.body["time"]
    for number, listed in enumerate(find(replica, reads, names, at)):
        yield open_record(listed, shares[32 * number : 32 * number + 32], answer.index)


def content(
    store: Store, opened: Opened, progress: Callable[[int], None] | None = None
) -> Iterator[bytes]:
    """The original bytes of a record, in order; the last step verifies the whole.

    Every block is authenticated when it is yielded. Whether all of it is what was stored is known
    only when the iterator ends without an error: do not act on it before.

    Raises:
        VerificationError, MissingError: The content is damaged or missing.
    """
    row, label = opened.listed.row, opened.listed.label.values
    size, place = int(label["size"]), opened.listed.place
    if row.content_size != container.encrypted_size(padded_size(size, LEAST_CONTENT)):
        raise DamageError("a record's content does not have the length of its size")
    decryptor = container.Decryptor(opened.key, place.context(Label.CONTENT_KEY))
    blake3, sha256, left = Blake3(), Sha256(size), size
    try:
        with store.blobs.open(row.blob) as file:
            for sealed in _stored(file, row):
                blake3.update(sealed)
                plain = decryptor.update(sealed)
                block, padding = plain[:left], plain[left:]
                left -= len(block)
                _check_zeros(padding)
                sha256.update(block)
                if progress is not None:
                    progress(len(block))
                if block:
                    yield block
        plain = decryptor.finish()
        block, padding = plain[:left], plain[left:]
        _check_zeros(padding)
        sha256.update(block)
        if len(block) != left:
            raise DamageError("a record's content is shorter than its label says")
        if not equal(blake3.digest(), row.content_digest):
            raise DamageError("a record's content is not what was stored")
        if sha256.digest().hex() != label["sha256"]:
            raise DamageError("a record's content does not have the hash of its label")
        if block:
            yield block
    finally:
        sha256.close()


def check_stored(
    store: Store, record: Record, progress: Callable[[int], None] | None = None
) -> None:
    """Compare a content's container with its digest, without any key.

    Raises:
        DamageError, MissingError: It is not what was stored.
        FileError: It cannot be read.
    """
    blake3 = Blake3()
    with store.blobs.open(record.blob) as file:
        for block in _stored(file, record):
            blake3.update(block)
            if progress is not None:
                progress(len(block))
    if not equal(blake3.digest(), record.content_digest):
        raise DamageError("a record's content is not what was stored")


def _stored(file: BinaryIO, row: Record) -> Iterator[bytes]:
    try:
        file.seek(row.offset)
    except OSError:
        raise DamageError("a record's place in its file is not one", "run `evault check`") from None
    left = row.content_size
    while left:
        try:
            block = file.read(min(_BLOCK, left))
        except OSError as error:
            raise FileError(f"cannot read from the vault: {error.strerror}") from None
        if not block:
            raise MissingError("a record's content is cut short", "run `evault check`")
        left -= len(block)
        yield block


def _check_zeros(padding: bytes) -> None:
    if padding.count(0) != len(padding):
        raise DamageError("a record's content is longer than its label says")
