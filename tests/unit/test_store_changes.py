"""What happens to deposits and records after they were stored, and vaults of format 1."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import pytest
from vault_kit import World, make

from vault import ids
from vault.errors import ReadOnlyError
from vault.model import Renewal, SealedSecret
from vault.store import CONFIRMED, DENIED, PENDING, WAITING, Store, folder

GOLDEN = Path(__file__).parents[1] / "golden" / "vault-1.zip"


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A small vault."""
    return make(tmp_path)


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """The folder of a vault of format 1."""
    with zipfile.ZipFile(GOLDEN) as archive:
        archive.extractall(tmp_path / "older")
    return next((tmp_path / "older").rglob("FORMAT")).parent


def raw(path: Path) -> bytes:
    """All bytes of a vault's database and of the files beside it."""
    return b"".join(file.read_bytes() for file in sorted(path.glob("vault.db*")))


def test_an_older_vault_is_read_as_it_is(older: Path) -> None:
    """Reading changes no byte of it, and finds nothing in what it does not have."""
    database, format_line = (older / "vault.db").read_bytes(), (older / "FORMAT").read_bytes()
    store = Store(older)
    with store.read() as reads:
        assert reads.deposits()
        assert reads.tombstones() == {}
        assert reads.pending_renewals() == []
        assert reads.request(bytes(32)) is None
    store.close()
    assert (older / "vault.db").read_bytes() == database
    assert (older / "FORMAT").read_bytes() == format_line == b"evault vault 1\n"


def test_the_first_who_writes_brings_it_to_this_format(older: Path) -> None:
    """Tables are added, all that was there stays, and the folder says so."""
    store = Store(older)
    with store.read() as reads:
        before = reads.deposits()
    with store.write() as writes:
        writes.add_request(bytes(32), 3, PENDING)
    assert folder.version(older) == folder.FORMAT
    with store.read() as reads:
        assert reads.deposits() == before
        assert reads.request(bytes(32)) == PENDING
    store.close()
    again = Store(older)
    with again.read() as reads:
        assert reads.request(bytes(32)) == PENDING
    again.close()


def test_a_kill_between_the_steps_leaves_an_older_vault(
    older: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tables are there and the folder still says 1: it opens, and the next writer goes on."""

    def killed(_path: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(folder, "write_format", killed)
    store = Store(older)
    with pytest.raises(KeyboardInterrupt), store.write():
        pass
    store.close()
    monkeypatch.undo()
    assert folder.version(older) == 1
    again = Store(older)
    with again.read() as reads:
        assert reads.deposits()
    with again.write() as writes:
        writes.add_request(bytes(32), 3, DENIED)
    again.close()
    assert folder.version(older) == folder.FORMAT


def test_new_seals_take_the_place_of_the_old_ones(world: World) -> None:
    """Before the confirmation nothing changes; after it the old seals are in no file."""
    store = Store(world.path)
    with store.read() as reads:
        (old,) = reads.deposits()
    new = Renewal(7, 0, old.id, bytes(32), WAITING, 2, 3, b"C" * 1300, b"G" * 1300)
    with store.write() as writes:
        writes.add_renewals([new])
    with store.read() as reads:
        assert reads.deposits() == [old]
        assert reads.pending_renewals() == [7]
        assert list(reads.renewals(7)) == [new]
        assert reads.governing(old.id) is None
    with store.write() as writes:
        writes.confirm_renewals(7, 8)
    assert store.truncate_log()
    with store.read() as reads:
        (now,) = reads.deposits()
        assert (now.epoch, now.gate_epoch, now.case_seal) == (2, 3, b"C" * 1300)
        governing = reads.governing(old.id)
        assert governing is not None
        assert (governing.state, governing.case_seal, governing.confirmed) == (CONFIRMED, b"", 8)
        assert reads.pending_renewals() == []
    store.close()
    assert old.case_seal not in raw(world.path)
    assert old.gate_seal not in raw(world.path)


def test_what_a_destroyed_record_came_from_is_in_no_file(world: World) -> None:
    """Salt, label, particulars and content are gone; the leaf is still there."""
    store = Store(world.path)
    record = ids.parse(world.stored[0].record)
    with store.read() as reads:
        row = reads.record(record)
        assert row is not None
    with store.blobs.open(row.blob) as file:
        file.seek(row.offset)
        content = file.read(row.content_size)
    assert hashlib.sha256(content).digest() != bytes(32)
    with store.write() as writes:
        writes.destroy_record(record, 9)
    assert store.sweep()
    assert store.sweep()
    with store.read() as reads:
        blank = reads.record(record)
        assert blank is not None
        assert (blank.salt, blank.label, blank.particulars) == (bytes(32), b"", b"")
        assert blank.content_digest == row.content_digest
        assert reads.tombstones() == {record: 9}
    store.close()
    everything = raw(world.path) + b"".join(blob.read_bytes() for blob in world.blobs)
    for gone in (row.salt, row.label, row.particulars, content[64:4096]):
        assert gone not in everything


def test_secrets_that_were_granted_go_one_by_one_or_with_their_statement(world: World) -> None:
    """What is deleted is in no file; the others stay."""
    store = Store(world.path)
    rows = [
        SealedSecret(bytes([which]) * 32, at, b"seal %d.%d" % (which, at) * 40, b"path")
        for which in (1, 2)
        for at in range(3)
    ]
    with store.write() as writes:
        writes.add_record_grants(rows)
    with store.read() as reads:
        assert reads.granting() == [b"\x01" * 32, b"\x02" * 32]
        assert [reads.record_grant(row.statement, row.position) for row in rows] == rows
    with store.write() as writes:
        writes.drop_record_grants(b"\x01" * 32, [0, 2, 9])
        writes.drop_record_grants(b"\x02" * 32)
    assert store.truncate_log()
    with store.read() as reads:
        assert reads.granting() == [b"\x01" * 32]
        assert [reads.record_grant(row.statement, row.position) for row in rows] == [
            row if row == rows[1] else None for row in rows
        ]
    store.close()
    assert [row.seal in raw(world.path) for row in rows] == [row == rows[1] for row in rows]


def test_an_older_vault_that_cannot_be_written_is_still_read(
    older: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever cannot write it reads it all the same, and is told when they would have to write."""
    import sqlite3

    store = Store(older)
    store.close()
    with sqlite3.connect(older / "vault.db") as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    (older / "vault.db").chmod(0o444)

    def refused(*_args: object, **_settings: object) -> None:
        raise ReadOnlyError("the vault cannot be written")

    monkeypatch.setattr(Store, "_migrate", refused)
    again = Store(older)
    with again.read() as reads:
        assert reads.deposits()
        assert reads.tombstones() == {}
    with pytest.raises(ReadOnlyError), again.write():
        pass
    again.close()
