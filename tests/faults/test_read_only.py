"""A vault on a read-only disk, like a backup: read and checked as it is, and never written."""

from __future__ import annotations

import os
import sqlite3
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from vault_kit import World, identity, make

from vault.check import check
from vault.errors import ReadOnlyError
from vault.session import Session
from vault.store import Store, folder

GOLDEN = Path(__file__).parents[1] / "golden" / "vault-1.zip"


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A vault that was closed, so that all of it is in the database."""
    made = make(tmp_path)
    with made.database():
        pass
    for name in ("vault.db-wal", "vault.db-shm"):
        (made.path / name).unlink(missing_ok=True)
    return made


def snapshot(path: Path) -> dict[str, bytes]:
    """Every file below a folder, and its bytes."""
    return {str(file): file.read_bytes() for file in path.rglob("*") if file.is_file()}


def read_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every folder be on a read-only file system, as far as it tells."""
    monkeypatch.setattr(os, "statvfs", lambda _path: SimpleNamespace(f_flag=os.ST_RDONLY))


def test_a_member_reads_and_checks_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Labels and both checks; nothing is released, for it could not be logged."""
    before = snapshot(world.path)
    read_only(monkeypatch)
    with world.session("ben") as ben:
        assert len(list(ben.records())) == 2
        assert check(ben.store).problems == []
        assert check(ben.store, ben).problems == []
        with pytest.raises(ReadOnlyError):
            ben.release([world.stored[0].record], "review")
        assert len(list(ben.records())) == 2
    # The control is that elsewhere the database makes files of its own beside it.
    assert snapshot(world.path) == before


def test_an_older_one_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It stays of format 1, since nobody can bring it forward."""
    with zipfile.ZipFile(GOLDEN) as archive:
        archive.extractall(tmp_path)
    before = snapshot(tmp_path / "vault")
    read_only(monkeypatch)
    store = Store(tmp_path / "vault")
    assert check(store).problems == []
    with store.read() as reads:
        assert reads.deposits()
        assert reads.tombstones() == {}
    with pytest.raises(ReadOnlyError), store.write():
        pass
    assert store.truncate_log()
    store.close()
    assert snapshot(tmp_path / "vault") == before
    assert folder.version(tmp_path / "vault") == 1


def test_one_that_was_not_closed_is_not_read_in_part(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What stands in the write-ahead log alone would look like a rollback without it."""
    connection = sqlite3.connect(world.path / "vault.db")
    connection.execute("PRAGMA journal_mode=WAL")
    with world.session("ana") as ana:
        ana.open_case("Another")
    assert (world.path / "vault.db-wal").stat().st_size
    with monkeypatch.context() as patch:
        read_only(patch)
        with pytest.raises(ReadOnlyError, match="not closed"):
            Store(world.path)
    connection.close()
    Store(world.path).close()


def test_no_character_of_a_path_means_anything(tmp_path: Path) -> None:
    """The database is in the vault's folder, whatever that is called."""
    place = tmp_path / "what?" / "a%20b#c&mode=ro" / os.fsdecode(b"\xff")
    with Session.create(place, identity("ana"), tmp_path / "home") as ana:
        ana.open_case("A case")
    assert (place / "vault.db").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "what?"]
    with Session.open(place, identity("ana"), tmp_path / "home") as ana:
        assert len(ana.cases()) == 1
        assert check(ana.store).problems == []
