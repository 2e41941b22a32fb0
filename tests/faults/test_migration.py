"""An older vault becomes one of this format whole, or stays what it was; two at once are safe."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import zipfile
from functools import cache
from pathlib import Path

import pytest
from test_disk import failing, no_file_longer_than

from keys.identity import Identity
from vault.check import check
from vault.errors import BusyError, FileError
from vault.session import Session
from vault.store import DENIED, PENDING, Store, database, folder, tables

DRIVER = Path(__file__).with_name("driver.py")
GOLDEN = Path(__file__).parents[1] / "golden" / "vault-1.zip"


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """The folder of a vault of format 1."""
    return unpacked(tmp_path / "older")


def unpacked(place: Path) -> Path:
    """A fresh copy of it."""
    with zipfile.ZipFile(GOLDEN) as archive:
        archive.extractall(place)
    return place / "vault"


def contents(path: Path) -> list[tuple[bytes, bytes]]:
    """The leaves of all records."""
    store = Store(path)
    with store.read() as reads:
        found = [
            (deposit.id, leaf) for deposit in reads.deposits() for leaf in reads.leaves(deposit.id)
        ]
    store.close()
    return found


@cache
def expected() -> tuple[tuple[bytes, bytes], ...]:
    """The leaves of all records as they were written."""
    import tempfile

    with tempfile.TemporaryDirectory() as scratch:
        return tuple(contents(unpacked(Path(scratch))))


def intact(path: Path) -> None:
    """All that was there is there, of one format or the other, and the next writer goes on."""
    assert folder.version(path) in {1, 3}
    assert tuple(contents(path)) == expected()
    store = Store(path)
    assert check(store).problems == []
    with store.write() as writes:
        writes.add_request(b"n" * 32, 3, PENDING)
    with store.read() as reads:
        assert reads.request(b"n" * 32) == PENDING
    assert folder.version(path) == 3
    assert not (path / "FORMAT.new").exists()
    store.close()


def migrate(path: Path, step: int | None = None) -> subprocess.CompletedProcess[str]:
    """The first write to an older vault, in a process of its own, killed before a step."""
    arguments = [sys.executable, str(DRIVER), str(path), "migrate"]
    arguments += [] if step is None else [str(step)]
    return subprocess.run(arguments, capture_output=True, text=True, check=False)


def steps(tmp_path: Path) -> int:
    """How many there are when it is not killed."""
    path = unpacked(tmp_path / "whole")
    done = migrate(path)
    assert done.returncode == 0, done.stderr
    assert folder.version(path) == 3
    return int(done.stdout)


def killed(tmp_path: Path, step: int) -> int:
    """Kill it before a step, and look at what is left; returns which format that has."""
    path = unpacked(tmp_path / str(step))
    done = migrate(path, step)
    assert done.returncode == -9, done.stderr
    left = folder.version(path)
    intact(path)
    return left


def test_killed_at_some_steps(tmp_path: Path) -> None:
    """Killed at the first, and at the last ones, where tables and file are written."""
    total = steps(tmp_path)
    assert total > 10
    assert {killed(tmp_path, step) for step in (0, *range(total - 5, total))} == {1, 3}


@pytest.mark.long
def test_killed_at_every_step(tmp_path: Path) -> None:
    """Before every statement, every commit, every fsync and the rename."""
    assert {killed(tmp_path, step) for step in range(steps(tmp_path))} == {1, 3}


@pytest.mark.parametrize("size", [0, 10, 100, 5_000, 33_000, 60_000])
def test_a_disk_that_is_full_leaves_the_older_vault(older: Path, size: int) -> None:
    """Wherever it runs out: an error in clear words, and what was there is read as before."""
    store = Store(older)
    try:
        with no_file_longer_than(size), store.write():
            pass
    except FileError:
        assert folder.version(older) == 1
        with store.read() as reads:
            assert reads.tombstones() == {}
    else:
        assert folder.version(older) == 3
    store.close()
    assert not (older / "FORMAT.new").exists()
    intact(older)


def test_a_full_disk_is_met(older: Path) -> None:
    """The control: at the smallest sizes nothing can be migrated."""
    store = Store(older)
    with no_file_longer_than(10), pytest.raises(FileError), store.write():
        pass
    store.close()


@pytest.mark.parametrize("name", ["fsync", "replace"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_each_failing_call_leaves_a_whole_vault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, code: int
) -> None:
    """Whichever call fails."""
    for at in range(1, 9):
        path = unpacked(tmp_path / str(at))
        store = Store(path)
        failed = False
        with monkeypatch.context() as patch:
            count = failing(patch, name, at, code)
            try:
                with store.write():
                    pass
            except FileError:
                failed = True
        store.close()
        assert not (path / "FORMAT.new").exists()
        intact(path)
        if not failed:
            assert count() < at
            assert at > 1
            return
    raise AssertionError("a migration has more calls than were tried")


def test_who_has_it_open_sees_what_others_wrote_since(older: Path) -> None:
    """A reader that began with the older format does not take the new tables for empty."""
    first, second = Store(older), Store(older)
    with first.read() as reads:
        assert reads.request(b"n" * 32) is None
        record = next(reads.records(reads.deposits()[0].id))[0]
    with second.write() as writes:
        writes.add_request(b"n" * 32, 3, DENIED)
        writes.destroy_record(record.id, 5)
    with first.read() as reads:
        assert reads.request(b"n" * 32) == DENIED
        assert reads.tombstones() == {record.id: 5}
    with first.write() as writes:
        writes.set_request(b"n" * 32, PENDING)
    with second.read() as reads:
        assert reads.request(b"n" * 32) == PENDING
    first.close()
    second.close()


def test_who_calls_a_vault_older_than_it_is_hides_nothing(older: Path) -> None:
    """The tables are there, whatever the file says."""
    store = Store(older)
    with store.write() as writes:
        writes.add_request(b"n" * 32, 3, DENIED)
    store.close()
    (older / "FORMAT").write_bytes(b"evault vault 1\n")
    again = Store(older)
    with again.read() as reads:
        assert reads.request(b"n" * 32) == DENIED
    again.close()


def test_a_reader_in_the_middle_keeps_its_view(older: Path) -> None:
    """Its snapshot is from before; the next one is not."""
    first, second = Store(older), Store(older)
    with first.read() as reads:
        assert reads.pending_renewals() == []
        with second.write() as writes:
            writes.add_request(b"n" * 32, 3, DENIED)
        assert reads.request(b"n" * 32) is None
        assert reads.deposits()
    with first.read() as reads:
        assert reads.request(b"n" * 32) == DENIED
    first.close()
    second.close()


def test_two_do_not_write_the_format_at_once(older: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While one replaces the file, another waits, and is told so if that takes too long."""
    monkeypatch.setattr(database, "_WAIT", 0.1)
    first, second = Store(older), Store(older)
    real = os.fsync
    told = []

    def meanwhile(descriptor: int) -> None:
        real(descriptor)
        if Path(f"/proc/self/fd/{descriptor}").resolve().name == "FORMAT.new":
            try:
                with second.write():
                    pass
            except BusyError as error:
                told.append(error)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", meanwhile)
        with first.write():
            pass
    assert len(told) == 1
    with second.write() as writes:
        assert writes.deposits()
    first.close()
    second.close()
    intact(older)


@pytest.fixture
def second(tmp_path: Path) -> Path:
    """The folder of a vault of format 2."""
    place = tmp_path / "second"
    with zipfile.ZipFile(GOLDEN.with_name("vault-2.zip")) as archive:
        archive.extractall(place)
    return place / "vault"


def test_one_of_format_2_is_read_as_it_is_and_brought_forward(second: Path) -> None:
    """What it has is seen, what it lacks is empty; whoever writes adds only that."""
    before = (second / "vault.db").read_bytes()
    first, other = Store(second), Store(second)
    with first.read() as reads:
        stones, requests = reads.tombstones(), reads.requests()
        assert stones
        assert requests
        assert reads.cosigned("access") == reads.timestamps() == []
    assert (second / "vault.db").read_bytes() == before
    assert folder.version(second) == 2
    with other.write() as writes:
        writes.keep_cosigned("access", 1, b"c")
        writes.keep_timestamp("authority", 1, b"n", b"t")
    assert folder.version(second) == 3
    with first.read() as reads:
        assert reads.cosigned("access") == [(1, b"c")]
        assert [stamped.token for stamped in reads.timestamps()] == [b"t"]
        assert (reads.tombstones(), reads.requests()) == (stones, requests)
    first.close()
    other.close()


def test_a_reader_of_format_1_notices_each_step(older: Path) -> None:
    """Somebody brings it to format 2 and somebody else to this one: no step is overlooked."""
    reader = Store(older)
    with reader.read() as reads:
        assert reads.tombstones() == {}
    engine = database._engine(older / "vault.db")
    with engine.begin() as connection:
        tables.metadata.create_all(connection, tables.ADDED[2])
        connection.execute(tables.tombstone.insert().values(record=b"\x11" * 16, entry=3))
    engine.dispose()
    (older / "FORMAT").write_bytes(b"evault vault 2\n")
    with reader.read() as reads:
        assert reads.tombstones() == {b"\x11" * 16: 3}
        assert reads.cosigned("access") == []
    writer = Store(older)
    with writer.write() as writes:
        writes.keep_cosigned("access", 1, b"c")
    with reader.read() as reads:
        assert reads.tombstones() == {b"\x11" * 16: 3}
        assert reads.cosigned("access") == [(1, b"c")]
    reader.close()
    writer.close()


def test_a_member_at_work_in_an_older_vault_goes_on(older: Path) -> None:
    """Whoever only reads leaves it as it is; whoever retrieves something brings it forward."""
    manifest = json.loads((older.parent / "manifest.json").read_text())
    ben = Identity(bytes.fromhex(manifest["seeds"]["Ben"]), "Ben")
    home = older.parent / "home"
    with Session.join(older, ben, home, manifest["fingerprint"]) as session:
        records = [listed.id for listed in session.records()]
        assert check(session.store, session).problems == []
        assert folder.version(older) == 1
        opened = session.release(records, "review")
        assert any(b"".join(session.content(got)) for got in opened)
        assert folder.version(older) == 3
        assert check(session.store, session).problems == []
