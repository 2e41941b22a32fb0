"""Several clients at once: nothing is lost, nothing is done twice."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from vault_kit import World, identity, make

from vault.check import check
from vault.errors import BusyError
from vault.log import entry
from vault.model import Role
from vault.note import ACCESS

WORKER = """
import sys
from pathlib import Path
from keys.identity import Identity
from vault.session import Session
root, name = Path(sys.argv[1]), sys.argv[2]
identity = Identity(bytes.fromhex((root / f"{name}.seed").read_text()), name)
with Session.open(root / "vault", identity, root / "homes" / name) as session:
    (case,) = session.cases()
    for number in range(8):
        (stored,) = session.add([root / f"{name}.txt"], case.id)
        session.receive(session.release([stored.record], "verification"))
        if name == "ana" and number % 3 == 0:
            session.rotate(case.id)
"""


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A vault with a case that ana and ben hold."""
    made = make(tmp_path)
    made.clock.at = 2_000_000_000
    return made


def test_two_processes_that_write_at_once_lose_nothing(world: World) -> None:
    """Every deposit, release and receipt of both is there once, and the logs verify."""
    workers = []
    for name in ("ana", "ben"):
        (world.root / f"{name}.seed").write_text(identity(name).seed().hex())
        (world.root / f"{name}.txt").write_text(f"by {name}")
        command = [sys.executable, "-c", WORKER, str(world.root), name]
        workers.append(subprocess.Popen(command, stderr=subprocess.PIPE, text=True))
    for worker in workers:
        _, said = worker.communicate()
        assert worker.returncode == 0, said
    with world.session("ana") as ana:
        kinds = [access.kind for access in ana.log()]
        assert kinds.count("deposit") == 1 + 16
        assert kinds.count("release") == kinds.count("receipt") == 16
        assert len(ana.authority.groups[world.case]) == 4
        assert ana.verify()[1] == []
        assert check(ana.store, ana).problems == []
    assert (
        sorted(data for name, data in world.read_all("ben").values() if name == "ana.txt")
        == [b"by ana"] * 8
    )


def test_a_statement_that_came_second_is_made_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two members act on the same state: the second is told, catches up and succeeds."""
    with world.session("ana") as ana, world.session("carla") as carla:
        real, done = carla._client.gate.submit, []

        def late(message: bytes, rows: object = None) -> bytes:
            if not done:
                done.append(ana.open_case("First").id)
            return real(message, rows)  # type: ignore[arg-type]

        monkeypatch.setattr(carla._client.gate, "submit", late)
        second = carla.open_case("Second").id
        assert {done[0], second} <= set(carla.authority.cases)


def test_keys_that_two_would_give_are_given_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two auditors owe a third the keys: who comes second finds nothing left to do."""
    for name in ("second", "third"):
        with world.session("ana") as ana:
            ana.add_member(identity(name).contact().note, [Role.AUDITOR])
        if name == "second":
            world.join(name)
            with world.session("aud") as auditor:
                auditor.settle()
    with world.session("aud") as first, world.session("second") as second:
        real, done = first._client.gate.submit, []

        def late(message: bytes, rows: object = None) -> bytes:
            if not done:
                done.append(second.settle())
            return real(message, rows)  # type: ignore[arg-type]

        monkeypatch.setattr(first._client.gate, "submit", late)
        size = first.authority.size
        first.settle()
        assert done
        assert first.authority.size == size + 1
        assert identity("third").device in first.authority.epoch("auditors").wraps
        assert [access.outcome for access in first.log()] == ["done"]


def test_an_act_made_for_older_keys_is_made_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While ben asks, the case's keys change: his entry is still one that its readers find."""
    with world.session("ana") as ana, world.session("ben") as ben:
        real, done = ben._client.gate.submit, []

        def late(message: bytes, rows: object = None) -> bytes:
            if not done:
                done.append(ana.rotate(world.case))
            return real(message, rows)  # type: ignore[arg-type]

        monkeypatch.setattr(ben._client.gate, "submit", late)
        (got,) = ben.release([world.stored[0].record], "review", "a reason")
        with ben.store.read() as reads:
            parsed = entry.parse(reads.entry(ACCESS, got.entry))
        epoch = ben.replica.keyring.need(ben.authority, world.case)
        _, (tag, _) = entry.parse_compartment(parsed.compartments[0]).recipients
        assert tag == epoch.tag(parsed.note_id)
        assert [access.why for access in ana.log()][-1] == "a reason"


def test_a_held_write_lock_is_busy(world: World) -> None:
    """Who finds the vault locked is told so after a few seconds; nothing is lost."""
    with world.session("ben") as ben:
        connection = sqlite3.connect(world.path / "vault.db", isolation_level=None)
        connection.execute("BEGIN IMMEDIATE")
        start = time.monotonic()
        with pytest.raises(BusyError):
            ben.release([world.stored[0].record], "review")
        assert 1 < time.monotonic() - start < 30
        connection.execute("ROLLBACK")
        connection.close()
        ben.release([world.stored[0].record], "review")


def test_threads_with_sessions_of_their_own_do_not_disturb_each_other(world: World) -> None:
    """Ten members' releases in ten threads are ten entries."""
    names = [f"person {number}" for number in range(6)]
    with world.session("ana") as ana:
        for name in names:
            ana.add_member(identity(name).contact().note, [Role.ATTORNEY])
            ana.grant(world.case, identity(name).device)
        before = ana.replica.heads[ACCESS].size
    for name in names:
        world.join(name)
    failed: list[Exception] = []

    def work(name: str) -> None:
        try:
            with world.session(name) as session:
                session.release([world.stored[0].record], "review")
        except Exception as error:  # noqa: BLE001 - whatever it is, the test fails
            failed.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    with world.session("ana") as ana:
        assert ana.replica.heads[ACCESS].size == before + len(names)
        assert ana.verify()[1] == []
