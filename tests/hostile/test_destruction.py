"""What was destroyed is nowhere in the vault's files, and nothing else counts as destroyed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import forge_kit
import pytest
import vault_kit
from vault_kit import LARGE, World, identity

from vault import ids, note
from vault.check import Report, check
from vault.errors import BusyError, DamageError, DeniedError, MissingError
from vault.note import ACCESS
from vault.requests import AskedError, Gone, Requests

HASHES = (
    "records_root",
    "case_commitment",
    "gate_commitment",
    "case_seal",
    "gate_seal",
)


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Ana and Ben hold the case; a small and a large record are in it, and a third one."""
    made = vault_kit.make(tmp_path)
    (tmp_path / "third.txt").write_bytes(b"third")
    (tmp_path / "fourth.txt").write_bytes(b"fourth")
    with made.session("ana") as ana:
        more = ana.add([tmp_path / "third.txt", tmp_path / "fourth.txt"], made.case)
        made.stored = [*made.stored, *more]
    return made


def destroy(world: World, *numbers: int) -> list[Gone]:
    """Ben asks for it and Ana does it."""
    records = [world.stored[number].record for number in numbers]
    with world.session("ben") as ben, pytest.raises(AskedError):
        ben.destroy(records, "a test")
    with world.session("ana") as ana:
        return ana.destroy(records, "a test")


def pieces(world: World, number: int) -> dict[str, list[bytes]]:
    """What the store has of a record: samples of each container, and the salt."""
    with world.session("ana") as ana, ana.store.read() as reads:
        row = reads.record(ids.parse(world.stored[number].record))
        assert row is not None
        with ana.store.blobs.open(row.blob) as file:
            file.seek(row.offset)
            content = file.read(row.content_size)
    found = {"salt": row.salt, "label": row.label, "particulars": row.particulars}
    found["content"] = content
    return {
        name: [data[at : at + 32] for at in range(0, len(data) - 31, max(32, len(data) // 50))]
        for name, data in found.items()
    }


def left(world: World, wanted: dict[str, list[bytes]]) -> set[str]:
    """Which of it stands anywhere in the vault's files."""
    files = [path.read_bytes() for path in world.path.rglob("*") if path.is_file()]
    return {
        name
        for name, samples in wanted.items()
        if any(sample in data for sample in samples for data in files)
    }


def checked(world: World, name: str | None = "aud") -> Report:
    """The whole check, with somebody's keys or without any."""
    with world.session(name or "ana") as session:
        return check(session.store, session if name else None)


def codes(world: World, name: str | None = "aud") -> set[str]:
    """The problems that a check finds."""
    return {problem.code for problem in checked(world, name).problems}


# --- gone -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [0, 1])
def test_nothing_of_it_is_in_the_files(world: World, number: int) -> None:
    """Salt, label, particulars and content, of a record in a pack and of one in a blob of its own;
    the write-ahead log included, while the vault is still open."""
    wanted = pieces(world, number)
    everything = {"salt", "label", "particulars", "content"}
    assert left(world, wanted) == everything
    with world.session("ben") as ben, pytest.raises(AskedError):
        ben.destroy([world.stored[number].record])
    assert left(world, wanted) == everything
    with world.session("ana") as ana:
        (gone,) = ana.destroy([world.stored[number].record])
        assert gone.erased
        assert left(world, wanted) == set()
        assert not ana.store.owes_sweep


def test_the_gate_erases_whoever_asks(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It does not wait for the client to do it."""
    wanted = pieces(world, 0)
    monkeypatch.setattr(Requests, "sweep", lambda _: True)
    destroy(world, 0)
    assert left(world, wanted) == set()


def test_everything_else_is_still_there(world: World) -> None:
    """The other records of the same pack, deposit and case."""
    destroy(world, 2)
    contents = world.read_all("ben")
    assert {data for _, data in contents.values()} >= {LARGE, b"fourth"}
    assert set(contents) == {stored.record for stored in world.stored} - {world.stored[2].record}


def test_check_counts_what_was_destroyed(world: World) -> None:
    """With keys and without: it is not missing."""
    destroy(world, 0, 1)
    for name in (None, "aud", "ben"):
        report = checked(world, name)
        assert (report.problems, report.destroyed, report.records) == ([], 2, 4)


def test_what_a_reader_keeps_open_is_erased_by_the_next_act(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody looks at the vault while a record is destroyed: the bytes go with a later act."""
    monkeypatch.setattr("vault.store.database._WAIT", 0.3)
    wanted = pieces(world, 0)
    with world.session("ben") as ben:
        with pytest.raises(AskedError):
            ben.destroy([world.stored[0].record])
        with ben.store.read() as reads:
            reads.head("access")
            with world.session("ana") as ana:
                (gone,) = ana.destroy([world.stored[0].record])
                assert not gone.erased
                assert ana.store.owes_sweep
        assert checked(world).problems == []
        ben.settle()
        assert not ben.store.owes_sweep
    assert left(world, wanted) == set()


def test_what_was_granted_of_it_goes_too(world: World) -> None:
    """Carla was granted the record alone: what opens it is deleted, and she is told."""
    record = world.stored[0].record
    with world.session("ana") as ana:
        ana.grants.grant_records(world.case, identity("carla").device, [record], None)
        with ana.store.read() as reads:
            seals = list(reads.granting())
    assert seals
    with world.session("carla") as carla:
        assert [listed.id for listed in carla.records()] == [record]
    destroy(world, 0)
    with world.database() as database:
        assert database.execute("select count(*) from record_grant").fetchone() == (0,)
    with world.session("carla") as carla:
        assert list(carla.records()) == []
        for act in (carla.record, lambda name: carla.release([name], "review")):
            with pytest.raises(DeniedError) as caught:
                act(record)
            assert caught.value.reason == "destroyed"
    assert {checked(world, name).destroyed for name in (None, "ana", "carla", "aud")} == {1}
    for name in (None, "ana", "carla", "aud"):
        assert codes(world, name) == set()


def test_a_reencryption_leaves_it_destroyed(world: World) -> None:
    """Before it and after it."""
    destroy(world, 2)
    with world.session("ana") as ana:
        ana.renewals.reencrypt(world.case)
    with world.session("ben") as ben:
        ben.renewals.confirm(world.case)
    destroy(world, 0)
    assert {data for _, data in world.read_all("ben").values()} == {LARGE, b"fourth"}
    for name in (None, "aud", "ben"):
        report = checked(world, name)
        assert (report.problems, report.destroyed) == ([], 2)


def test_what_waits_for_its_confirmation_is_destroyed_with_it(world: World) -> None:
    """The re-encrypted copy of a record goes as well, before anybody confirms it."""
    with world.session("ana") as ana:
        ana.renewals.reencrypt(world.case)
        with ana.store.read() as reads:
            row = reads.next_record(ids.parse(world.stored[0].record))
        assert row is not None
        with ana.store.blobs.open(row.blob) as file:
            file.seek(row.offset)
            content = file.read(row.content_size)
    wanted = {"salt": [row.salt], "content": [content[:32], content[-32:]]}
    assert left(world, wanted) == {"salt", "content"}
    destroy(world, 0)
    assert left(world, wanted) == set()


# --- not gone -------------------------------------------------------------------------------------


def test_a_row_that_was_only_blanked_is_damage(world: World) -> None:
    """Who writes the disk cannot call it a destruction: no entry says so."""
    record = ids.parse(world.stored[0].record)
    with world.database() as database:
        database.execute(
            "update record set salt = zeroblob(32), label = x'', particulars = x'' where id = ?",
            (record,),
        )
    assert "record-blank" in codes(world, None)
    with world.session("ben") as ben, pytest.raises(DamageError):
        list(ben.records())
    with world.database() as database:
        database.execute("insert into tombstone values (?, 0)", (record,))
    assert codes(world, None) >= {"tombstone", "record-blank"}
    with world.session("ben") as ben:
        with pytest.raises(DamageError):
            list(ben.records())
        with pytest.raises(DamageError):
            ben.record(world.stored[0].record)


def test_a_tombstone_alone_destroys_nothing(world: World) -> None:
    """It is named, and the record is not given out as destroyed."""
    with world.database() as database:
        database.execute(
            "insert into tombstone values (?, 1)", (ids.parse(world.stored[0].record),)
        )
    assert codes(world, None) == {"tombstone", "destroyed-kept", "content"}
    with world.session("ben") as ben, pytest.raises(DamageError):
        ben.record(world.stored[0].record)


def _no_tombstone(world: World, before: Path) -> None:
    del before
    with world.database() as database:
        database.execute("delete from tombstone")


def _another_entry(world: World, before: Path) -> None:
    del before
    with world.database() as database:
        database.execute("update tombstone set entry = entry - 1")


def _old_row(world: World, before: Path) -> None:
    record = ids.parse(world.stored[0].record)
    with world.database() as database:
        database.execute("attach ? as old", (str(before / "vault.db"),))
        database.execute(
            "update record set (salt, label, particulars) ="
            " (select salt, label, particulars from old.record where id = ?) where id = ?",
            (record, record),
        )


def _old_blob(world: World, before: Path) -> None:
    for path in (before / "blobs").glob("??/*"):
        target = world.path / path.relative_to(before)
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(path.read_bytes())


UNDONE: dict[str, tuple[Callable[[World, Path], None], str]] = {
    "no tombstone": (_no_tombstone, "destroyed-kept"),
    "another entry": (_another_entry, "tombstone"),
    "the old row": (_old_row, "destroyed-kept"),
    "the old blob": (_old_blob, "content"),
}


@pytest.mark.parametrize("name", UNDONE)
def test_a_destruction_that_is_undone_is_named(world: World, tmp_path: Path, name: str) -> None:
    """Rows and bytes from a backup, put back: without keys anybody finds it."""
    before = world.copy(tmp_path / "before").path
    with world.database():
        pass
    destroy(world, 0, 1)
    undo, code = UNDONE[name]
    undo(world, before)
    assert code in codes(world, None)


def test_what_came_back_is_not_released(world: World, tmp_path: Path) -> None:
    """Row, blob and all: the log says that it was destroyed."""
    before = world.copy(tmp_path / "before").path
    destroy(world, 0)
    _old_row(world, before)
    _old_blob(world, before)
    with world.session("ben") as ben:
        for act in (ben.record, lambda name: ben.release([name], "review")):
            with pytest.raises(DeniedError) as caught:
                act(world.stored[0].record)
            assert caught.value.reason == "destroyed"


# --- what a list must not leave out --------------------------------------------------------------


def test_a_list_misses_a_deposit_that_was_deleted(world: World) -> None:
    """The rest is listed, and then it is said that something is missing."""
    deposit = bytes.fromhex(_deposits(world)[0])
    with world.database() as database:
        database.execute("delete from record where deposit = ?", (deposit,))
        database.execute("delete from deposit where id = ?", (deposit,))
    with world.session("ben") as ben:
        listed = ben.records()
        assert [next(listed).id for _ in range(2)] == [s.record for s in world.stored[2:]]
        with pytest.raises(MissingError):
            next(listed)
        with pytest.raises(MissingError):
            list(ben.records(world.case))


def test_a_list_misses_a_deposit_that_was_moved_away(world: World) -> None:
    """To a case that Ben does not hold: its entry opens with the keys of his."""
    with world.session("ana") as ana:
        other = ana.open_case("Another case").id
    with world.database() as database:
        database.execute(
            "update deposit set case_id = ? where id = ?",
            (ids.parse(other), bytes.fromhex(_deposits(world)[0])),
        )
    with world.session("ben") as ben, pytest.raises(MissingError):
        list(ben.records())


def test_what_is_missing_elsewhere_stops_nobody(world: World, tmp_path: Path) -> None:
    """A deposit of a case that Ben does not hold is not his to miss."""
    (tmp_path / "new").write_bytes(b"new")
    with world.session("ana") as ana:
        ana.add([tmp_path / "new"], ana.open_case("Another case").id)
    deposit = bytes.fromhex(_deposits(world)[-1])
    with world.database() as database:
        database.execute("delete from record where deposit = ?", (deposit,))
        database.execute("delete from deposit where id = ?", (deposit,))
    with world.session("ben") as ben:
        assert len(list(ben.records())) == 4
    with world.session("ana") as ana, pytest.raises(MissingError):
        list(ana.records())


def test_what_is_sealed_to_the_wrong_case_is_nobodys_to_miss(world: World) -> None:
    """An entry that Ben can open and that speaks of another case takes nothing from his."""
    with world.session("ana") as ana:
        body = {
            **forge_kit.act_body(ana, "release", world),
            "case": ana.open_case("Another case").id,
            **dict.fromkeys(("epoch", "gate_epoch", "count"), 1),
            "deposit": ids.show(ids.draw()),
            **dict.fromkeys(HASHES, "00" * 32),
        }
        for name in ("records", "purpose", "disposition", "request"):
            del body[name]
        actor = note.sign("deposit", ana.authority.origin(ACCESS), body, ana.identity)
        forge_kit.forge(ana, ACCESS, actor, world)
    with world.session("ben") as ben:
        assert len(list(ben.records())) == 4


def _deposits(world: World) -> list[str]:
    with world.database() as database:
        rows = database.execute("select hex(id) from deposit order by entry")
        return [row[0] for row in rows.fetchall()]


def test_a_failing_disk_destroys_all_or_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If what must be erased cannot be noted down, nothing is destroyed."""
    from vault.store import Store

    def full(_store: Store) -> None:
        raise BusyError("full")

    with world.session("ben") as ben, pytest.raises(AskedError):
        ben.destroy([world.stored[0].record])
    with world.session("ana") as ana:
        monkeypatch.setattr(Store, "owe_sweep", full)
        with pytest.raises(BusyError):
            ana.destroy([world.stored[0].record])
        monkeypatch.undo()
        assert len(list(ana.records())) == 4
        assert len(ana.destroy([world.stored[0].record])) == 1
