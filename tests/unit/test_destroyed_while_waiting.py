"""A record that is destroyed while its deposit waits to be encrypted anew."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from vault_kit import World, make

from vault import ids
from vault.check import check
from vault.errors import DeniedError
from vault.model import Record
from vault.requests import AskedError
from vault.store import Store

NAMES = ("first", "second", "third")


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Ana and Ben hold the case; of three records in one pack, the second is at stake."""
    made = make(tmp_path)
    (made.root / "new").mkdir()
    for name in NAMES:
        (made.root / "new" / name).write_bytes(name.encode() * 2000)
    with made.session("ana") as ana:
        made.stored = ana.add([made.root / "new"], made.case)
    return made


def row(world: World, *, waiting: bool) -> Record:
    """The second record, as it is or as the re-encryption has made it."""
    store = Store(world.path)
    name = ids.parse(world.stored[1].record)
    with store.read() as reads:
        found = reads.next_record(name) if waiting else reads.record(name)
    store.close()
    assert found is not None
    return found


def lies(world: World, row: Record) -> bytes:
    """The bytes of a record's content as they lie in its blob; nothing if that is gone."""
    name = row.blob.hex()
    path = world.path / "blobs" / name[:2] / name[2:]
    data = path.read_bytes() if path.exists() else b""
    return data[row.offset : row.offset + row.content_size]


def destroy(world: World) -> None:
    """Ben asks and Ana completes it."""
    for name in ("ben", "ana"):
        with world.session(name) as session, suppress(AskedError):
            session.destroy([world.stored[1].record])


def sound(world: World) -> None:
    """Everything that can be checked is in order."""
    for name in ("ana", "ben", "aud"):
        with world.session(name) as session:
            assert check(session.store).problems == []
            assert check(session.store, session).problems == []


def left(world: World, name: str) -> set[str]:
    """The names of what somebody retrieves."""
    return {found for found, _ in world.read_all(name).values()} & {f"new/{n}" for n in NAMES}


def test_the_waiting_one_cannot_be_confirmed_and_another_can(world: World) -> None:
    """Nothing of the destroyed record is left in either, and the others are read before and
    after."""
    with world.session("ana") as ana:
        ana.renewals.reencrypt(world.case)
    old, new = row(world, waiting=False), row(world, waiting=True)
    assert any(lies(world, old))
    assert any(lies(world, new))
    destroy(world)
    assert not any(lies(world, old))
    assert not any(lies(world, new))
    sound(world)
    assert left(world, "ben") == {"new/first", "new/third"}
    with world.session("ben") as ben, pytest.raises(DeniedError) as refused:
        ben.renewals.confirm(world.case)
    assert refused.value.reason == "old-renewal"
    sound(world)
    with world.session("ana") as ana:
        ana.renewals.reencrypt(world.case)
    sound(world)
    with world.session("ben") as ben:
        ben.renewals.confirm(world.case)
    sound(world)
    assert left(world, "ana") == left(world, "ben") == {"new/first", "new/third"}
    assert not any(lies(world, old))
    assert not any(lies(world, new))


def test_who_comes_after_a_kill_erases_both(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the commit and what follows it, nothing is forgotten."""
    with world.session("ana") as ana:
        ana.renewals.reencrypt(world.case)
    old, new = row(world, waiting=False), row(world, waiting=True)
    salts = old.salt, new.salt
    with world.session("ben") as ben, suppress(AskedError):
        ben.destroy([world.stored[1].record])

    def killed(_store: Store) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Store, "sweep", killed)
        with world.session("ana") as ana, pytest.raises(KeyboardInterrupt):
            ana.destroy([world.stored[1].record])
    assert any(lies(world, old))
    with world.session("ben") as ben:
        ben.settle()
    assert not any(lies(world, old))
    assert not any(lies(world, new))
    files = b"".join(path.read_bytes() for path in world.path.glob("vault.db*"))
    assert not any(salt in files for salt in salts)
    sound(world)
