"""Gives the records of a deposit new keys: decrypts, verifies and encrypts them, block by block."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from typing import BinaryIO

from keys.derive import Label
from vault import fields, ids, message, recordkeys, retrieve
from vault.client import Client
from vault.errors import DamageError, Error
from vault.log import merkle
from vault.message import Answer, Message
from vault.model import Deposit, Record
from vault.note import MAX_RECORDS
from vault.packs import Packer
from vault.sealing import Progress, new_seals
from vault.store import Reads

Ask = Callable[[list[str]], tuple[Answer, list[str]]]
"""Asks for some records: the gate's answer, and the ids in the order in which they were named."""


def asked_for(reads: Reads, deposit: bytes) -> list[list[str]]:
    """What is asked for to encrypt a deposit anew: ids of its records, but for destroyed ones, as
    many at once as one release may name.

    Args:
        reads: A snapshot.
        deposit: 16 bytes.
    """
    gone = reads.tombstones()
    names = [ids.show(name) for name, *_ in reads.originals(deposit) if name not in gone]
    return [names[at : at + MAX_RECORDS] for at in range(0, len(names), MAX_RECORDS)]


def reencrypt(
    client: Client, case: str, deposit: Deposit, ask: Ask, progress: Progress | None
) -> tuple[int, int, int]:
    """Encrypt one deposit anew: the entry, how many records, how many bytes.

    Args:
        client: Whose device does it.
        case: The case's id.
        deposit: Which.
        ask: How its records are asked for.
        progress: Called as content is read.
    """
    with closing(client.store.blobs.scratch()) as rows:
        packer = Packer(client.store)
        secrets = os.urandom(32), os.urandom(32)
        try:
            before, after, count, size = _write_anew(
                client, case, deposit, secrets, packer, rows, ask, progress
            )
            packer.close()
            rows.flush()
            index = client.submit(
                lambda: _message(client, case, deposit.id, secrets, before, after), rows
            ).index
        except BaseException:
            _take_back(client, packer)
            raise
    return index, count, size


def _write_anew(
    client: Client,
    case: str,
    deposit: Deposit,
    secrets: tuple[bytes, bytes],
    packer: Packer,
    rows: BinaryIO,
    ask: Ask,
    progress: Progress | None,
) -> tuple[list[bytes], list[bytes], int, int]:
    """Ask for all records of a deposit and write them under new keys; the leaves before and
    after, how many records, and how many bytes of content."""
    with client.view() as reads:
        wanted = asked_for(reads, deposit.id)
        old = list(reads.originals(deposit.id))
    before = [leaf for _, _, _, leaf in old]
    places = {name: position for position, (name, *_) in enumerate(old)}
    after, count, size = list(before), 0, 0
    for names in wanted:
        for opened in _release(client, case, names, ask):
            record, written = _encrypt_anew(client, opened, secrets, packer, progress)
            rows.write(message.encode_row(record))
            after[places[record.id]] = fields.record_leaf(record)
            count, size = count + 1, size + written
    return before, after, count, size


def _release(client: Client, case: str, names: list[str], ask: Ask) -> Iterator[retrieve.Opened]:
    answer, asked = ask(names)
    with client.view() as reads:
        given = retrieve.open_released(client.replica, client.identity, reads, answer, case, asked)
        opened = {got.listed.id: got for got in given}
    # A request may have named them in another order than the deposit has.
    yield from (opened[name] for name in names)
    leaf = merkle.leaf_hash(answer.entry).hex()
    client.act("receipt", case, {"entry": answer.index, "leaf": leaf})


def _encrypt_anew(
    client: Client,
    opened: retrieve.Opened,
    secrets: tuple[bytes, bytes],
    packer: Packer,
    progress: Progress | None,
) -> tuple[Record, int]:
    """Decrypt, verify and encrypt one record; what is known about it stays what it was."""
    place, label, salt = opened.listed.place, opened.listed.label, os.urandom(32)
    secret = recordkeys.record_secret(secrets[0], salt, place)
    key = recordkeys.record_key(secret, recordkeys.gate_share(secrets[1], place), place)
    content = packer.add(
        recordkeys.content_key(key, place),
        place.context(Label.CONTENT_KEY),
        retrieve.content(client.store, opened, progress),
        int(label.values["size"]),
    )
    record = Record(
        id=place.record,
        salt=salt,
        label=label.encrypt(recordkeys.label_key(secret, place), place.context(Label.LABEL_KEY)),
        particulars=opened.particulars.encrypt(
            recordkeys.particulars_key(key, place), place.context(Label.PARTICULARS_KEY)
        ),
        content_digest=content.digest,
        content_size=content.stored,
        fields_root=fields.fields_root(label, opened.particulars),
        blob=content.blob,
        offset=content.offset,
    )
    return record, content.stored


def _message(
    client: Client,
    case: str,
    deposit: bytes,
    secrets: tuple[bytes, bytes],
    before: list[bytes],
    after: list[bytes],
) -> Message:
    with client.view() as reads:
        stored = reads.deposit(deposit)
        if stored is None:
            raise DamageError("a deposit is missing from the vault", "run `evault check`")
        key = retrieve.hold(client.replica, reads, stored).key
    seals = new_seals(client, case, deposit, secrets[0] + key, secrets[1])
    signed = client.sign(
        "re-encrypt",
        {
            "id": ids.show(ids.draw()),
            "time": client.now(),
            "seen": client.replica.seen(),
            "case": case,
            "epoch": seals.epoch,
            "gate_epoch": seals.gate_epoch,
            "deposit": ids.show(deposit),
            "count": len(after),
            "before_root": fields.records_root(before).hex(),
            "records_root": fields.records_root(after).hex(),
            "case_commitment": recordkeys.case_commitment(secrets[0]).hex(),
            "gate_commitment": recordkeys.gate_commitment(secrets[1]).hex(),
            "case_seal": hashlib.sha256(seals.case_seal).hexdigest(),
            "gate_seal": hashlib.sha256(seals.gate_seal).hexdigest(),
            "details": None,
        },
    )
    return Message(
        signed.signed, client.tag(case, signed), attachments=(seals.case_seal, seals.gate_seal)
    )


def _take_back(client: Client, packer: Packer) -> None:
    """Delete what was written, unless the gate has kept it."""
    with suppress(Error), client.store.read() as reads:
        if not any(reads.blob_used(blob) for blob in packer.blobs):
            packer.abort()
