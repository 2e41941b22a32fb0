"""What is destroyed is overwritten where it lay; whoever is interrupted finishes it later."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from vault_kit import World, make

from vault import ids
from vault.errors import FileError
from vault.model import Record
from vault.store import Store, database

NAMES = ("first", "second", "third")


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A vault, and three small files to add, which come to lie in one pack."""
    made = make(tmp_path)
    (made.root / "new").mkdir()
    for name in NAMES:
        (made.root / "new" / name).write_bytes(name.encode() * 2000)
    return made


def pack(world: World) -> list[Record]:
    """The rows of the three, in the order in which they lie."""
    with world.session("ana") as ana:
        stored = ana.add([world.root / "new"], world.case)
        with ana.store.read() as reads:
            found = [reads.record(ids.parse(one.record)) for one in stored]
    rows = [row for row in found if row is not None]
    assert len({row.blob for row in rows}) == 1
    return sorted(rows, key=lambda row: row.offset)


def lies(world: World, row: Record) -> bytes:
    """The bytes of a record's content as they lie in its blob."""
    name = row.blob.hex()
    data = (world.path / "blobs" / name[:2] / name[2:]).read_bytes()
    return data[row.offset : row.offset + row.content_size]


def test_only_one_record_of_a_pack_is_overwritten(world: World) -> None:
    """Its neighbours on both sides stay to the last byte."""
    rows = pack(world)
    before = [lies(world, row) for row in rows]
    store = Store(world.path)
    for _ in range(2):
        store.blobs.erase(rows[1].blob, rows[1].offset, rows[1].content_size)
    store.close()
    assert lies(world, rows[1]) == bytes(rows[1].content_size)
    assert [lies(world, row) for row in (rows[0], rows[2])] == [before[0], before[2]]
    assert any(before[1])


def test_a_blob_of_its_own_is_overwritten_and_goes(world: World) -> None:
    """Zeros first: a second name of the same file, like a backup by link, has no more of it."""
    large = world.blobs[-1]
    kept = world.root / "a link"
    os.link(large, kept)
    store = Store(world.path)
    name = bytes.fromhex(large.parent.name + large.name)
    for _ in range(2):
        store.blobs.erase(name, 0, kept.stat().st_size)
    store.close()
    assert not large.exists()
    assert not any(kept.read_bytes())


def test_a_failing_disk_is_told_and_a_second_try_finishes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither is anything taken for erased that may not be."""
    row = pack(world)[0]
    store = Store(world.path)

    def failing(_descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", failing)
        with pytest.raises(FileError):
            store.blobs.erase(row.blob, row.offset, row.content_size)
    store.blobs.erase(row.blob, row.offset, row.content_size)
    store.close()
    assert lies(world, row) == bytes(row.content_size)


def test_another_reader_keeps_the_log_from_being_emptied(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then it is said, and done when nobody reads any more."""
    monkeypatch.setattr(database, "_WAIT", 0.1)
    reader, store = Store(world.path), Store(world.path)
    row = pack(world)[0]
    with reader.read() as reads:
        assert reads.deposits()
        with store.write() as writes:
            writes.destroy_record(row.id, 9)
        assert not store.truncate_log()
        files = b"".join(path.read_bytes() for path in world.path.glob("vault.db*"))
        assert row.salt in files
    assert store.truncate_log()
    files = b"".join(path.read_bytes() for path in world.path.glob("vault.db*"))
    assert row.salt not in files
    reader.close()
    store.close()
