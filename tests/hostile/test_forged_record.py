"""A holder who writes the disk has every key of a record, and can still not change it."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from vault_kit import World, make

from keys import container
from keys.derive import Label, padded_size, u64
from keys.digest import blake3_digest
from vault import deposit, fields, ids, intake, note, recordkeys
from vault.check import check
from vault.deposit import Description
from vault.errors import DamageError, DeniedError
from vault.fields import Fields
from vault.message import open_secret, read_rows
from vault.model import GATE, Deposit, Record
from vault.packs import LEAST_CONTENT
from vault.retrieve import find

FORGED = b"Nobody waited outside the clinic.\n"


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A vault with a case that ana and ben hold."""
    return make(tmp_path)


def forge(world: World) -> Record:
    """The small record with other content, under its true keys and consistent in itself."""
    with world.session("ana") as ana, ana.store.read() as reads:
        (listed,) = find(ana.replica, reads, [ids.parse(world.stored[0].record)], ana.now())
        place, row = listed.place, listed.held.deposit
        gate = ana.replica.keyring.need(ana.authority, GATE, row.gate_epoch)
        gate_secret = open_secret(
            row.gate_seal,
            {"": gate.sealing},
            Label.GATE_SEAL,
            *place[:3],
            u64(row.gate_epoch),
        )
        secret = recordkeys.record_secret(listed.held.secret, listed.row.salt, place)
    key = recordkeys.record_key(secret, recordkeys.gate_share(gate_secret, place), place)
    said = {"size": len(FORGED), "sha256": hashlib.sha256(FORGED).hexdigest()}
    label = Fields(listed.label.seed, {**listed.label.values, **said})
    particulars = Fields.decrypt(
        recordkeys.particulars_key(key, place),
        place.context(Label.PARTICULARS_KEY),
        listed.row.particulars,
    )
    padded = FORGED + bytes(padded_size(len(FORGED), LEAST_CONTENT) - len(FORGED))
    content = container.encrypt(
        recordkeys.content_key(key, place), place.context(Label.CONTENT_KEY), padded
    )
    pack = world.blobs[0]
    pack.write_bytes(content)
    return replace(
        listed.row,
        label=label.encrypt(recordkeys.label_key(secret, place), place.context(Label.LABEL_KEY)),
        content_digest=blake3_digest(content),
        fields_root=fields.fields_root(label, particulars),
    )


def test_a_forged_record_is_refused_by_every_other_client(world: World) -> None:
    """Its leaf is not under the root that the depositor signed: no label, no plaintext."""
    record = forge(world)
    with world.database() as database:
        database.execute(
            "update record set label = ?, content_digest = ?, fields_root = ?, leaf = ? "
            "where id = ?",
            (
                record.label,
                record.content_digest,
                record.fields_root,
                fields.record_leaf(record),
                record.id,
            ),
        )
    with world.session("ben") as ben:
        with pytest.raises(DamageError, match="signed"):
            list(ben.records())
        with pytest.raises(DamageError, match="signed"):
            ben.release([world.stored[0].record], "review")
        assert {problem.code for problem in check(ben.store).problems} == {"deposit"}


def test_a_record_that_was_added_is_one_too_many(world: World) -> None:
    """Evidence cannot be slipped into a deposit afterwards."""
    with world.database() as database:
        columns = [row[1] for row in database.execute("pragma table_info(record)")]
        row = dict(zip(columns, database.execute("select * from record").fetchone(), strict=True))
        row.update(id=ids.draw(), position=2)
        marks = ", ".join("?" * len(columns))
        database.execute(f"insert into record values ({marks})", list(row.values()))  # noqa: S608
    with world.session("ben") as ben:
        with pytest.raises(DamageError):
            list(ben.records())
        assert check(ben.store).problems


def test_a_deposit_that_was_refused_is_not_taken_up(world: World) -> None:
    """Whoever may not deposit cannot have their rows slipped in beside the refusal."""
    file = world.root / "planted"
    file.write_bytes(FORGED)
    with world.session("aud") as auditor:
        case = auditor.authority.cases[world.case]
        prepared = deposit.prepare(
            auditor.store,
            auditor.authority.vault,
            case.id,
            intake.all_of([file]),
            Description(),
            context={},
        )
        message = prepared.message(
            auditor.authority,
            auditor.replica.keyring.need(auditor.authority, GATE),
            auditor.replica.seen(),
            auditor._client.sign,
            auditor.now(),
        )
        with pytest.raises(DeniedError) as caught:
            auditor._client.submit(lambda: message, prepared.rows)
        assert caught.value.reason == "role"
        assert caught.value.entry is not None
        said = note.parse(message.note).body
        row = Deposit(
            prepared.deposit,
            ids.parse(case.id),
            said["epoch"],
            said["gate_epoch"],
            *message.attachments,
            entry=caught.value.entry,
            count=1,
        )
        prepared.rows.seek(0)
        records = [(record, fields.record_leaf(record)) for record in read_rows(prepared.rows)]
        prepared.rows.close()
        with auditor.store.write() as writes:
            writes.add_deposit(row)
            writes.add_records(row.id, 0, records)
    planted = ids.show(records[0][0].id)
    with world.session("ben") as ben:
        with pytest.raises(DamageError, match="refused"):
            list(ben.records())
        with pytest.raises(DamageError, match="refused"):
            ben.release([planted], "review")
        assert {problem.code for problem in check(ben.store).problems} == {"deposit"}
