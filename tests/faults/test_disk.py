"""A disk that is full or fails: an act fails in clear words, and nothing is lost."""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine
from vault_kit import World, make

from vault.check import check
from vault.errors import FileError
from vault.session import Session


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A vault with a case, and a folder to add."""
    made = make(tmp_path)
    new = made.root / "new"
    new.mkdir()
    (new / "small").write_bytes(b"s" * 5000)
    (new / "large").write_bytes(b"l" * 2_000_000)
    return made


def failing(monkeypatch: pytest.MonkeyPatch, name: str, at: int, code: int) -> Callable[[], int]:
    """Let the call with number `at` of a function of os fail; returns the count so far."""
    real: Callable[..., Any] = getattr(os, name)
    count = 0

    def call(*args: Any, **settings: Any) -> Any:
        nonlocal count
        count += 1
        if count == at:
            raise OSError(code, os.strerror(code))
        return real(*args, **settings)

    monkeypatch.setattr(os, name, call)
    return lambda: count


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("name", ["fsync", "link"])
def test_each_failing_call_of_an_add_changes_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, name: str, code: int
) -> None:
    """Whichever call fails, the add fails with a clear error and the vault is as it was."""
    blobs = len(world.blobs)
    for at in range(1, 20):
        with monkeypatch.context() as patch, world.session("ana") as ana:
            count = failing(patch, name, at, code)
            try:
                ana.add([world.root / "new"], world.case)
            except FileError:
                kept = False
            else:
                kept = True
            reached = count() >= at
        with world.session("ana") as ana:
            names = [str(listed.label.values["name"]) for listed in ana.records()]
            assert check(ana.store, ana).problems == []
        if not reached:
            break
        if kept:
            # It failed after the transaction, in what the client keeps for itself.
            assert "new/small" in names
            return
        # Kept whole (it failed after the transaction) or not at all, and no blob is left over.
        assert names.count("new/small") == names.count("new/large")
        assert len(world.blobs) == blobs + 2 * names.count("new/large")
    else:
        raise AssertionError("an add has more calls than were tried")


@contextmanager
def no_file_longer_than(size: int) -> Iterator[None]:
    """Let the system refuse every write beyond a size, to blobs and database alike."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def do(session: Session, world: World, act: str) -> None:
    """One act of a kind."""
    if act == "add":
        session.add([world.root / "new"], world.case)
    elif act == "release":
        session.release([world.stored[0].record], "review", "x" * 200_000)
    else:
        session.rotate("members", "gate", world.case)


LIMITS = [0, 100, 5_000, 33_000, 60_000, 150_000, 500_000, 1_999_999, 2_001_000]


@pytest.mark.parametrize("size", LIMITS)
@pytest.mark.parametrize("act", ["add", "release", "rotate"])
def test_a_write_that_the_system_refuses_changes_nothing(world: World, act: str, size: int) -> None:
    """Wherever in a blob, the database or its log space runs out: an error, and the old state."""
    blobs = len(world.blobs)
    with world.session("ana") as ana:
        entries = {log: head.size for log, head in ana.replica.heads.items()}
        try:
            with no_file_longer_than(size):
                do(ana, world, act)
        except FileError:
            done = False
        else:
            done = True
    with world.session("ana") as ana:
        now = {log: head.size for log, head in ana.replica.heads.items()}
        assert check(ana.store, ana).problems == []
        names = [str(listed.label.values["name"]) for listed in ana.records()]
        kept = names.count("new/large")
        assert names.count("new/small") == kept
        assert len(world.blobs) == blobs + 2 * kept
        # What failed after the transaction was done all the same, and the log says so.
        assert kept == (act == "add" and now != entries)
        assert not done or now != entries
        # With room again, the same act is done.
        ana.add([world.root / "new"], world.case)
        assert len(list(ana.records())) == 4 + 2 * kept


def test_the_sizes_tried_reach_from_nothing_done_to_all_done(world: World) -> None:
    """The control: at the smallest size nothing is done, at the largest all of it."""
    with world.session("ana") as ana:
        with no_file_longer_than(LIMITS[0]), pytest.raises(FileError):
            ana.add([world.root / "new"], world.case)
        with no_file_longer_than(10_000_000):
            ana.add([world.root / "new"], world.case)


@pytest.mark.parametrize("act", ["add", "release", "rotate"])
def test_a_commit_that_fails_gives_nothing(world: World, act: str) -> None:
    """The transaction ends before anything leaves the gate: no shares, no deposit, no keys."""

    def fail(_connection: Any) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    blobs = len(world.blobs)
    with world.session("ana") as ana:
        heads, epochs = dict(ana.replica.heads), len(ana.authority.groups[world.case])
        event.listen(Engine, "commit", fail)
        try:
            with pytest.raises(FileError):
                do(ana, world, act)
        finally:
            event.remove(Engine, "commit", fail)
        ana.catch_up()
        assert ana.replica.heads == heads
        assert len(ana.authority.groups[world.case]) == epochs
        assert len(list(ana.records())) == len(world.stored)
        assert check(ana.store, ana).problems == []
    assert len(world.blobs) == blobs


def test_a_blob_is_synchronised_before_it_has_a_name(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a power cut a name without its bytes would be a lie: bytes first, then the name,
    then the folder, and all of that before the database commits."""
    order: list[str] = []
    for name in ("fsync", "link"):
        real = getattr(os, name)

        def call(*args: Any, _real: Any = real, _name: str = name, **settings: Any) -> Any:
            order.append(_name)
            return _real(*args, **settings)

        monkeypatch.setattr(os, name, call)

    def commit(_connection: Any) -> None:
        order.append("commit")

    with world.session("ana") as ana:
        event.listen(Engine, "commit", commit)
        order.clear()
        ana.add([world.root / "new/small"], world.case)
        event.remove(Engine, "commit", commit)
    first = order.index("link")
    assert order[first - 1] == "fsync"
    assert order[first + 1] == "fsync"
    assert "commit" in order[first + 1 :]


class Full:
    """Lets the database say that the disk is full when a statement begins with some words."""

    def __init__(self, words: str) -> None:
        self._words = words

    def __call__(self, connection: Any, cursor: Any, statement: str, *_rest: Any) -> None:
        """Break the statement in the way that a full disk does."""
        if statement.startswith(self._words):
            cursor.execute("PRAGMA max_page_count=1")

    def __enter__(self) -> Full:
        event.listen(Engine, "before_cursor_execute", self)
        return self

    def __exit__(self, *_: object) -> None:
        event.remove(Engine, "before_cursor_execute", self)


def test_nothing_is_released_when_the_log_cannot_be_written(world: World) -> None:
    """A full disk refuses reads as well: what cannot be logged is not given."""

    def until_full() -> None:
        for _ in range(50):
            ben.release([world.stored[0].record], "review", "x" * 3000)

    with world.session("ben") as ben, Full("INSERT INTO log_entry"), pytest.raises(FileError):
        until_full()
    with world.session("ben") as ben:
        assert check(ben.store, ben).problems == []


def test_an_add_on_a_full_database_changes_nothing(world: World) -> None:
    """A full disk in the transaction leaves no half a deposit."""
    many = world.root / "many"
    many.mkdir()
    for number in range(200):
        (many / str(number)).write_bytes(b"x")
    with world.session("ana") as ana, Full("INSERT INTO record"), pytest.raises(FileError):
        ana.add([many], world.case)
    with world.session("ana") as ana:
        assert len(list(ana.records())) == 2
        assert check(ana.store, ana).problems == []
    assert len(world.blobs) == 2


def test_nothing_is_released_from_a_vault_that_cannot_be_written(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A read-only database gives labels and no evidence."""
    with world.session("ben") as ben:
        with ben.store.read() as reads:
            # The connection goes back to the pool read-only, as on a read-only disk.
            reads._connection.exec_driver_sql("PRAGMA query_only=ON")
        with pytest.raises(FileError, match="cannot be written"):
            ben.release([world.stored[0].record], "review")
        assert len(list(ben.records())) == 2
