"""A destruction that is killed is done or not done, and what it leaves the next act erases."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from test_kill import run
from vault_kit import World, identity, make

from vault import ids
from vault.check import check
from vault.model import Record
from vault.requests import AskedError
from vault.session import Session

NAMES = ("first", "second", "third")


def prepare(tmp_path: Path, *, waiting: bool) -> World:
    """Three records in one pack; Ben wants the second destroyed, and Ana is about to agree.

    Args:
        tmp_path: Where.
        waiting: Whether the deposit waits to be encrypted anew.
    """
    world = make(tmp_path)
    # The driver has the true time, and a request does not hold for ever.
    world.clock.at = time.time()
    new = world.root / "new"
    new.mkdir()
    for name in NAMES:
        (new / name).write_bytes(name.encode() * 2000)
    with world.session("ana") as ana:
        world.stored = ana.add([new], world.case)
        if waiting:
            ana.renewals.reencrypt(world.case)
    with world.session("ben") as ben, suppress(AskedError):
        ben.destroy([world.stored[1].record], "she asked for it")
    (world.root / "lost").write_text(world.stored[1].record)
    (world.root / "ana.seed").write_text(identity("ana").seed().hex())
    return world


def traces(session: Session, record: str) -> list[bytes]:
    """What a record's keys, label, particulars and content come from, old and waiting."""
    with session.store.read() as reads:
        rows = [reads.record(ids.parse(record)), reads.next_record(ids.parse(record))]
    found = []
    for row in rows:
        if row is not None:
            found += [row.salt, row.label, row.particulars, content(session, row)[64:4096]]
    return found


def content(session: Session, row: Record) -> bytes:
    """The bytes of a record's content as they lie in its blob."""
    with session.store.blobs.open(row.blob) as file:
        file.seek(row.offset)
        return file.read(row.content_size)


def everything(world: World) -> bytes:
    """All bytes of all files of the vault."""
    return b"".join(path.read_bytes() for path in world.path.rglob("*") if path.is_file())


def survived(world: World, wanted: list[bytes]) -> bool:
    """Whether it is destroyed; then nothing of it is left, else all of it is."""
    kept = {world.stored[0].record, world.stored[2].record}
    world.clock.at = time.time() + 60
    with world.session("ana") as ana:
        assert check(ana.store).problems == []
        assert check(ana.store, ana).problems == []
        with ana.store.read() as reads:
            done = reads.tombstone(ids.parse(world.stored[1].record)) is not None
        ana.settle()
        assert check(ana.store, ana).problems == []
        left = everything(world)
        assert [trace in left for trace in wanted] == [not done] * len(wanted)
        if not done:
            ana.destroy([world.stored[1].record])
    contents = world.read_all("ben")
    assert kept <= contents.keys()
    assert world.stored[1].record not in contents
    left = everything(world)
    assert not any(trace in left for trace in wanted)
    return done


def killed(tmp_path: Path, step: int | None, *, waiting: bool) -> bool:
    """Kill it before a step, and look at what is left."""
    world = prepare(tmp_path / f"step-{step}", waiting=waiting)
    with world.session("ana") as ana:
        wanted = traces(ana, world.stored[1].record)
    assert len(wanted) == (8 if waiting else 4)
    done = run(world, "destroy", step)
    assert done.returncode == (0 if step is None else -9), done.stderr
    return survived(world, wanted)


def steps(tmp_path: Path, *, waiting: bool) -> int:
    """How many steps it has."""
    done = run(prepare(tmp_path / "count", waiting=waiting), "destroy")
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.mark.parametrize("waiting", [False, True])
def test_one_that_is_not_killed_is_done(tmp_path: Path, waiting: bool) -> None:
    """The control."""
    assert killed(tmp_path, None, waiting=waiting)


@pytest.mark.parametrize("waiting", [False, True])
def test_killed_around_the_commit(tmp_path: Path, waiting: bool) -> None:
    """At the steps by which the one that decides is found, and at those right after it."""
    undone, done = 0, steps(tmp_path, waiting=waiting) - 1
    assert not killed(tmp_path, undone, waiting=waiting)
    assert killed(tmp_path, done, waiting=waiting)
    while done - undone > 1:
        middle = (undone + done) // 2
        if killed(tmp_path, middle, waiting=waiting):
            done = middle
        else:
            undone = middle
    for step in range(done + 1, done + 8, 2):
        if not (tmp_path / f"step-{step}").exists():
            assert killed(tmp_path, step, waiting=waiting)


@pytest.mark.long
@pytest.mark.parametrize("waiting", [False, True])
def test_killed_at_every_step(tmp_path: Path, waiting: bool) -> None:
    """At any step."""
    total = steps(tmp_path, waiting=waiting)
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda step: killed(tmp_path, step, waiting=waiting), range(total)))
    assert done == sorted(done)
