"""What happens to deposits and records after they were stored, and vaults of format 1."""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import replace
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
    everything = raw(world.path)
    store.close()
    assert old.case_seal not in everything
    assert old.gate_seal not in everything


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
    # Before anybody closes it: that alone would empty the write-ahead log.
    everything = raw(world.path) + b"".join(blob.read_bytes() for blob in world.blobs)
    store.close()
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


def test_what_was_settled_is_not_settled_again(world: World) -> None:
    """Neither dropped nor confirmed seals, which are empty by now, come to stand in a deposit."""
    store = Store(world.path)
    with store.read() as reads:
        (old,) = reads.deposits()
    with store.write() as writes:
        writes.add_renewals([Renewal(7, 0, old.id, bytes(32), WAITING, 2, 3, b"C", b"G")])
        writes.drop_renewals(7)
        writes.confirm_renewals(7, 8)
        assert writes.deposits() == [old]
        assert writes.governing(old.id) is None
        writes.add_renewals([Renewal(9, 0, old.id, bytes(32), WAITING, 2, 3, b"C", b"G")])
        writes.confirm_renewals(9, 10)
        writes.confirm_renewals(9, 11)
        (now,) = writes.deposits()
        assert (now.case_seal, now.gate_seal) == (b"C", b"G")
        governing = writes.governing(old.id)
        assert governing is not None
        assert governing.confirmed == 10
    store.close()


def test_a_blob_of_which_only_zeros_are_left_is_not_needed(world: World) -> None:
    """A destroyed record keeps no blob; one that waits for its confirmation does."""
    store = Store(world.path)
    small, large = (ids.parse(stored.record) for stored in world.stored)
    with store.read() as reads:
        rows = {name: reads.record(name) for name in (small, large)}
    kept, gone = rows[small], rows[large]
    assert kept is not None
    assert gone is not None
    with store.write() as writes:
        assert writes.blob_used(gone.blob)
        writes.destroy_record(large, 9)
        assert not writes.blob_used(gone.blob)
        assert writes.blob_used(kept.blob)
        (deposit,) = writes.deposits()
        again = replace(kept, blob=b"n" * 16)
        writes.add_next_records(10, deposit.id, [(0, again, bytes(32))])
        assert writes.blob_used(b"n" * 16)
        # Nothing names the old blob any more once the new one has taken its place.
        assert writes.confirm_next_records(10) == [kept.blob]
        assert writes.blob_used(b"n" * 16)
    store.close()


def test_a_pack_goes_though_one_of_its_records_was_destroyed(world: World) -> None:
    """Else the old bytes of all the others would stay for ever beside its zeros."""
    store = Store(world.path)
    (world.root / "pair").mkdir()
    for name in "ab":
        (world.root / "pair" / name).write_bytes(name.encode())
    with world.session("ana") as ana:
        first, second = ana.add([world.root / "pair"], world.case)
    with store.write() as writes:
        deposit = writes.deposits()[-1]
        rows = [writes.record(ids.parse(stored.record)) for stored in (first, second)]
        a, b = rows
        assert a is not None
        assert b is not None
        assert a.blob == b.blob
        writes.destroy_record(a.id, 9)
        writes.add_next_records(10, deposit.id, [(1, replace(b, blob=b"n" * 16), bytes(32))])
        assert writes.confirm_next_records(10) == [b.blob]
    store.close()
