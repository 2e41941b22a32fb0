"""Entries are examined by several processes as by one, and never where a fork is not safe."""

from __future__ import annotations

import errno
import multiprocessing
import os
import signal
import threading
import time
from pathlib import Path

import pytest
from vault_kit import World, make

from vault.audit import sweep as room
from vault.audit.sweep import sweep
from vault.errors import DamageError, Error, MissingError
from vault.session import Session


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A log of a dozen entries, which are enough for several processes, two at a time."""
    monkeypatch.setattr(room, "_WORTH", 2)
    monkeypatch.setattr(room, "_STRETCH", 2)
    world = make(tmp_path)
    with world.session("ben") as ben:
        for _ in range(5):
            ben.receive(ben.release([world.stored[0].record], "review"))
    return world


def swept(session: Session, cores: int | None) -> tuple[list[object], list[int]]:
    """What is found, and how it went on."""
    counted: list[int] = []
    with session.store.read() as reads:
        found = sweep(session.replica, session.store, reads, 1, counted.append, cores)
        return list(found), counted


def test_processes_find_what_one_finds(world: World) -> None:
    """The same, in the same order, all of it; and none is left running."""
    with world.session("aud") as aud:
        alone, counted = swept(aud, 1)
        together, parts = swept(aud, 2)
    assert alone == together
    assert sum(counted) == sum(parts) == len(alone) == 10
    assert len(parts) > 4
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize("cores", [1, 2, 64])
@pytest.mark.parametrize("count", [1, 2, 999, 100_000, 1_000_003, 10**9])
def test_stretches_leave_nothing_out(count: int, cores: int) -> None:
    """They follow each other from the first entry to the last, and each has a number that any
    system's pipe has room for."""
    stretches = room._stretches(7, 7 + count, cores)
    assert [7, *(stop for _, stop in stretches)] == [*(at for at, _ in stretches), 7 + count]
    assert all(start < stop for start, stop in stretches)
    assert len(stretches) <= room._MOST
    os.close(room._queue(len(stretches)))


def test_no_fork_beside_threads(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fork would copy the locks that they hold: one process does it all then."""
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    try:
        assert room._cores() == 1
    finally:
        done.set()
        thread.join()


def test_a_missing_entry_ends_it(world: World) -> None:
    """Whichever process finds that it is not there, it is said with its number."""
    with world.session("aud") as aud:
        with world.database() as database:
            database.execute("delete from log_entry where log = 1 and position = 8")
        for cores in (1, 2):
            with pytest.raises(MissingError, match="entry 8"):
                swept(aud, cores)
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize("cores", [1, 2])
def test_what_stands_before_a_gap_is_examined(world: World, cores: int) -> None:
    """So whoever counts knows which one is missing."""
    with world.session("aud") as aud, aud.store.read() as reads, world.database() as database:
        database.execute("delete from log_entry where log = 1 and position = 8")
    with world.session("aud") as aud, aud.store.read() as reads:
        found = sweep(aud.replica, aud.store, reads, 1, lambda _count: None, cores)
        taken: list[object] = []
        with pytest.raises(MissingError):
            taken += found
        assert len(taken) == 7


@pytest.mark.parametrize("cores", [1, 2])
def test_damage_keeps_its_words(world: World, cores: int) -> None:
    """Whichever process meets it: it is damage, and not a process that ended."""
    with world.session("aud") as aud:
        with world.database() as database:
            database.execute("update log_entry set raw = 'text' where log = 1 and position = 8")
        with pytest.raises(DamageError, match="wrong kind"):
            swept(aud, cores)


def test_what_cannot_begin_leaves_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system has no room for a second process: the first is ended, nothing stays open."""
    start = multiprocessing.context.ForkProcess.start
    begun: list[bool] = []

    def refuse(process: multiprocessing.context.ForkProcess) -> None:
        if begun:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        begun.append(True)
        start(process)

    with world.session("aud") as aud:
        swept(aud, 1)
        before = len(list(Path("/proc/self/fd").iterdir()))
        monkeypatch.setattr(multiprocessing.context.ForkProcess, "start", refuse)
        with pytest.raises(Error, match="temporarily"):
            swept(aud, 2)
        assert len(list(Path("/proc/self/fd").iterdir())) == before
    assert multiprocessing.active_children() == []


def test_a_process_that_dies_is_noticed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it had to examine is not passed over, and nobody waits for it for ever."""

    def die(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    with world.session("aud") as aud:
        monkeypatch.setattr(room.Examiner, "examine_all", die)
        with pytest.raises(Error, match="ended before it was done"):
            swept(aud, 2)
    assert multiprocessing.active_children() == []


def test_processes_end_with_whom_they_work_for(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever verifies is killed: nobody goes on, with keys in memory. What they say is more than a
    pipe has room for, so they wait until somebody reads."""
    monkeypatch.setattr(room, "_found", lambda *_: ([(b"much" * 100_000,)] * 9, None))
    with world.session("aud") as aud, aud.store.read() as reads:
        child = os.fork()
        if not child:
            os.setsid()
            monkeypatch.setattr(room, "_in_order", lambda *_: os.kill(os.getpid(), signal.SIGKILL))
            next(sweep(aud.replica, aud.store, reads, 1, lambda _count: None, 2))
        os.waitpid(child, 0)
    until = time.monotonic() + 10
    while time.monotonic() < until:
        try:
            os.killpg(child, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    os.killpg(child, signal.SIGKILL)
    pytest.fail("they went on")


def test_whoever_stops_reading_leaves_nobody_behind(world: World) -> None:
    """An interruption in the middle ends all processes."""
    with world.session("aud") as aud, aud.store.read() as reads:
        found = sweep(aud.replica, aud.store, reads, 1, lambda _count: None, 2)
        next(found)
        found.close()  # type: ignore[attr-defined]
    assert multiprocessing.active_children() == []
