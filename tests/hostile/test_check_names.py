"""The check names what was changed even where whoever changed it covered the traces."""

from __future__ import annotations

from pathlib import Path

import pytest
from vault_kit import World, make

from vault.check import Problem, check
from vault.log import entry, merkle
from vault.note import LOGS
from vault.store import Store


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A vault with some history."""
    made = make(tmp_path)
    made.read_all("ben")
    return made


def named(world: World) -> list[Problem]:
    """What the check without keys finds."""
    store = Store(world.path)
    try:
        return check(store).problems
    finally:
        store.close()


def rebuild_nodes(world: World) -> None:
    """Make all nodes what the entries now give, as somebody would who covers a change."""
    with world.database() as database:
        database.execute("delete from log_node")
        for log in range(len(LOGS)):
            frontier = merkle.Frontier()
            query = "select raw from log_entry where log = ? order by position"
            for (raw,) in database.execute(query, (log,)).fetchall():
                made = frontier.append(merkle.leaf_hash(raw))
                rows = [(log, level, at, hashed) for level, at, hashed in made]
                database.executemany("insert into log_node values (?, ?, ?, ?)", rows)


def test_rebuilding_changes_nothing_by_itself(world: World) -> None:
    """The control: nodes made anew from the true entries are the true nodes."""
    rebuild_nodes(world)
    assert named(world) == []


@pytest.mark.parametrize("log", [0, 1])
def test_an_entry_that_was_replaced_with_all_its_nodes_is_named(world: World, log: int) -> None:
    """Only the signed head cannot be made to fit."""
    with world.database() as database:
        query = "select position, raw from log_entry where log = ? order by position desc"
        at, raw = database.execute(query, (log,)).fetchone()
        changed = raw[:-1] + bytes([raw[-1] ^ 1])
        update = "update log_entry set raw = ? where log = ? and position = ?"
        database.execute(update, (changed, log, at))
    rebuild_nodes(world)
    (problem,) = named(world)
    assert (problem.code, problem.where, problem.log) == ("log", {"log": LOGS[log]}, True)


def test_the_first_damaged_entry_is_named(world: World) -> None:
    """A plain change is told with its place."""
    with world.database() as database:
        query = "select raw from log_entry where log = 0 and position = 2"
        (raw,) = database.execute(query).fetchone()
        changed = raw[:-1] + bytes([raw[-1] ^ 1])
        update = "update log_entry set raw = ? where log = 0 and position = 2"
        database.execute(update, (changed,))
    assert {"log": LOGS[0], "index": 2} in [problem.where for problem in named(world)]


@pytest.mark.parametrize("log", [0, 1])
def test_entries_after_the_head_are_named(world: World, log: int) -> None:
    """What no head speaks of was not appended by the gate."""
    with world.database() as database:
        query = "select position, raw from log_entry where log = ? order by position desc"
        at, raw = database.execute(query, (log,)).fetchone()
        public = {"note": "ab" * 32}
        extra = entry.Entry(public, entry.parse(raw).compartments).encode()
        insert = "insert into log_entry (log, position, note_id, raw) values (?, ?, ?, ?)"
        database.execute(insert, (log, at + 1, bytes.fromhex("ab" * 32), extra))
    rebuild_nodes(world)
    (problem,) = named(world)
    assert "a head for" in problem.message


def test_a_deposit_that_vanished_with_its_records_is_named(world: World) -> None:
    """The rows fit each other when all are gone; the log still speaks of the deposit."""
    with world.database() as database:
        database.execute("delete from record")
        database.execute("delete from deposit")
    (problem,) = named(world)
    assert (problem.code, problem.where) == ("deposit-missing", {"entry": 0})


def test_a_deposit_that_names_another_entry_is_named(world: World) -> None:
    """A deposit's row belongs to its own entry and to no other."""
    with world.database() as database:
        database.execute("update deposit set entry = 1")
    assert [problem.code for problem in named(world)] == ["deposit"]


def test_records_that_changed_places_are_named(world: World) -> None:
    """The order of a deposit's records is signed too."""
    with world.database() as database:
        for old, new in ((0, 9), (1, 0), (9, 1)):
            database.execute("update record set position = ? where position = ?", (new, old))
    assert [problem.code for problem in named(world)] == ["deposit"]


def test_records_of_no_deposit_are_named(world: World) -> None:
    """A stray row is not silently passed over."""
    with world.database() as database:
        database.execute("PRAGMA foreign_keys=OFF")
        database.execute("update record set deposit = ? where position = 1", (bytes(16),))
    assert {"record-stray", "record-missing"} <= {problem.code for problem in named(world)}


def test_the_check_reads_every_byte_of_evidence_and_tells_how_far_it_is(world: World) -> None:
    """Progress adds up to the length of all blobs."""
    steps: list[int] = []
    store = Store(world.path)
    assert check(store, None, steps.append).problems == []
    store.close()
    assert sum(steps) == sum(path.stat().st_size for path in world.blobs)


def test_damage_is_named_once(world: World) -> None:
    """With keys the same damage is not told a second time in other words."""
    with world.session("ana") as ana:
        world.blobs[0].unlink()
        with_keys = check(ana.store, ana).problems
        assert with_keys == check(ana.store).problems
        assert len(with_keys) == 1


@pytest.mark.parametrize("log", [0, 1])
def test_a_log_without_its_head_or_with_a_gap_is_named(world: World, log: int) -> None:
    """What cannot be compared with a head at all is a problem of that log."""
    with world.database() as database:
        database.execute("delete from log_entry where log = ? and position = 0", (log,))
    assert ("log", {"log": LOGS[log]}) in [(p.code, p.where) for p in named(world)]
    with world.database() as database:
        database.execute("delete from log_head where log = ?", (log,))
    assert any("head" in p.message for p in named(world) if p.where == {"log": LOGS[log]})


def test_a_damaged_row_is_told_with_its_record(world: World) -> None:
    """Which of many records is concerned is said, not only which deposit."""
    with world.database() as database:
        database.execute("update record set salt = ? where position = 1", (bytes(32),))
    found = [p.where.get("record") for p in named(world) if p.code == "record"]
    assert found == [world.stored[1].record]
