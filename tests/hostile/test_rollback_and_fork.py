"""No way back, no second history: a client that has seen more is not deceived."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from vault_kit import World, identity, make

from keys.signing import SigningKeys
from vault.check import check
from vault.errors import (
    ForkedError,
    LockedError,
    LogError,
    RolledBackError,
    UnknownVaultError,
    VerificationError,
)
from vault.local import Local
from vault.log import checkpoint
from vault.model import GATE
from vault.note import ACCESS, AUTHORITY
from vault.session import Session


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A vault with a case that ana and ben hold."""
    return make(tmp_path)


def put_back(world: World, copy: World) -> None:
    """Replace the vault's folder, and nothing else, by that of a copy."""
    shutil.rmtree(world.path)
    shutil.copytree(copy.path, world.path)


def grow(world: World, what: str) -> None:
    """Let ana act, and ben see it."""
    with world.session("ana") as ana:
        if what != "authority":
            ana.release([world.stored[0].record], "review")
        if what != "access":
            ana.open_case("Another")
    with world.session("ben"):
        pass


@pytest.mark.parametrize("what", ["access", "authority", "both"])
def test_an_older_copy_is_refused(world: World, what: str) -> None:
    """An older copy of the folder stops every client that has seen more, and only those."""
    old = world.copy(world.root.with_name("old"))
    grow(world, what)
    put_back(world, old)
    for name in ("ana", "ben"):
        with pytest.raises(RolledBackError), world.session(name):
            pass
    # Carla was not there: she cannot know.
    with world.session("carla"):
        pass


@pytest.mark.parametrize("what", ["access", "authority"])
def test_dropped_entries_are_noticed(world: World, what: str) -> None:
    """The last entries cannot be cut off, even with the head that was true for what is left."""
    with world.database() as database:
        heads = database.execute("select log, note from log_head").fetchall()
    grow(world, what)
    number = {"authority": 0, "access": 1}[what]
    with world.database() as database:
        query = "select max(position) from log_entry where log = ?"
        (last,) = database.execute(query, (number,)).fetchone()
        for table in ("log_entry", "log_node"):
            level = "" if table == "log_entry" else "and level = 0"
            drop = f"delete from {table} where log = ? and position = ? {level}"  # noqa: S608
            database.execute(drop, (number, last))
        for log, note in heads:
            database.execute("update log_head set note = ? where log = ?", (note, log))
    with pytest.raises(RolledBackError), world.session("ben"):
        pass


@pytest.mark.parametrize("what", ["access", "authority"])
@pytest.mark.parametrize("further", [0, 2])
def test_a_fork_is_refused_and_both_heads_are_kept(world: World, what: str, further: int) -> None:
    """Two histories from the same past are told apart, and the proof of it is kept."""
    other = world.copy(world.root.with_name("other"))
    grow(world, what)
    with world.session("ben") as ben:
        known = dict(ben.replica.notes)
    for _ in range(1 + further):
        with other.session("ana") as ana:
            if what == "access":
                ana.release([world.stored[1].record], "hearing")
            else:
                ana.open_case("A different one")
    put_back(world, other)
    with pytest.raises(ForkedError), world.session("ben"):
        pass
    # The proof: the head that ben had pinned, and one of the same log that contradicts it.
    vault = checkpoint.peek(known[ACCESS]).origin.split("/")[1]
    ((first, second),) = Local(world.home("ben"), identity("ben"), vault).proofs()
    assert first in known.values()
    assert first != second
    assert checkpoint.peek(first).origin == checkpoint.peek(second).origin


def test_another_vault_in_its_place_is_refused(world: World, tmp_path: Path) -> None:
    """A vault with another id, and even one of the same people, was not joined."""
    with Session.create(tmp_path / "new/vault", identity("ana"), tmp_path / "new/home"):
        pass
    shutil.rmtree(world.path)
    shutil.copytree(tmp_path / "new/vault", world.path)
    for name in ("ana", "ben"):
        with pytest.raises(UnknownVaultError), world.session(name):
            pass


def test_a_wrong_fingerprint_is_refused(world: World, tmp_path: Path) -> None:
    """Who joins trusts the fingerprint and nothing else; a refused join leaves nothing behind."""
    wrong = f"{int(world.fingerprint, 16) ^ 1:064x}"
    with pytest.raises(UnknownVaultError):
        Session.join(world.path, identity("ben"), tmp_path / "fresh", wrong)
    with pytest.raises(UnknownVaultError):
        Session.open(world.path, identity("ben"), tmp_path / "fresh")
    Session.join(world.path, identity("ben"), tmp_path / "fresh", world.fingerprint).close()


def test_who_has_not_joined_is_told_how(world: World, tmp_path: Path) -> None:
    """A member on a new machine, and a stranger, get nowhere without joining."""
    with pytest.raises(UnknownVaultError) as caught:
        Session.open(world.path, identity("ben"), tmp_path / "fresh")
    assert "evault join" in caught.value.hint
    with pytest.raises(LockedError):
        Session.join(world.path, identity("stranger"), tmp_path / "fresh", world.fingerprint)


def set_head(world: World, log: str, note: bytes) -> None:
    """Put a head into the database."""
    number = {"authority": 0, "access": 1}[log]
    with world.database() as database:
        database.execute("update log_head set note = ? where log = ?", (note, number))


@pytest.mark.parametrize("log", [AUTHORITY, ACCESS])
def test_a_head_signed_by_another_key_is_refused(world: World, log: str) -> None:
    """A head of the right size and root counts only under the gate's own signatures."""
    with world.session("ana") as ana:
        head = ana.replica.heads[log]
    forged = checkpoint.sign(SigningKeys(os.urandom(32), os.urandom(32)), head)
    set_head(world, log, forged)
    with pytest.raises(LogError), world.session("ben"):
        pass


@pytest.mark.parametrize("log", [AUTHORITY, ACCESS])
@pytest.mark.parametrize("line", [0, 1])
@pytest.mark.parametrize("how", ["missing", "false"])
def test_a_head_needs_both_signatures(world: World, log: str, line: int, how: str) -> None:
    """One good signature of two is none."""
    with world.session("ana") as ana:
        signing = ana.replica.keyring.need(ana.authority, GATE).signing
        head = ana.replica.heads[log]
    assert signing is not None
    note = checkpoint.sign(signing, head, 1_900_000_000)
    text, _, tail = note.rpartition(b"\n\n")
    lines = tail.splitlines(keepends=True)
    if how == "missing":
        del lines[line]
    else:
        other = checkpoint.sign(signing, head._replace(size=head.size + 1), 1_900_000_000)
        lines[line] = other.rpartition(b"\n\n")[2].splitlines(keepends=True)[line]
    set_head(world, log, text + b"\n\n" + b"".join(lines))
    with pytest.raises(LogError), world.session("ben"):
        pass


def test_heads_do_not_change_places(world: World) -> None:
    """The head of one log is not that of the other."""
    with world.database() as database:
        heads = dict(database.execute("select log, note from log_head").fetchall())
    set_head(world, AUTHORITY, heads[1])
    set_head(world, ACCESS, heads[0])
    with pytest.raises(VerificationError), world.session("ben"):
        pass


def test_a_head_by_the_gates_former_keys_is_refused(world: World) -> None:
    """After the gate's keys have changed, the old ones sign nothing that counts."""
    with world.session("ana") as ana:
        former = ana.replica.keyring.need(ana.authority, GATE).signing
        ana.rotate(GATE)
    with world.session("ben") as ben:
        head = ben.replica.heads[ACCESS]
    assert former is not None
    set_head(world, ACCESS, checkpoint.sign(former, head))
    with pytest.raises(LogError), world.session("carla"):
        pass


def test_an_entry_that_is_withheld_is_missed(world: World) -> None:
    """The authority log is replayed whole: nothing in the middle can be kept from anyone."""
    with world.database() as database:
        database.execute("delete from log_entry where log = 0 and position = 2")
    with pytest.raises(VerificationError):
        Session.join(world.path, identity("ben"), world.root / "fresh", world.fingerprint)


@pytest.mark.parametrize("log", [0, 1])
def test_entries_that_changed_places_are_missed(world: World, log: int) -> None:
    """An entry holds at its own index: two that are true, exchanged, are not."""
    with world.session("ana") as ana:
        ana.release([world.stored[0].record], "review")
        ana.release([world.stored[1].record], "hearing")
    with world.database() as database:
        # The ids go along, as they would in a copy made with care.
        query = "select position, note_id, raw from log_entry where log = ? and position in (1, 2)"
        (one, *first), (two, *second) = database.execute(query, (log,)).fetchall()
        update = "update log_entry set note_id = ?, raw = ? where log = ? and position = ?"
        database.execute(update, (bytes(32), b"", log, one))
        database.execute(update, (*first, log, two))
        database.execute(update, (*second, log, one))
    home = world.root / "fresh"
    if log == 0:
        with pytest.raises(VerificationError):
            Session.join(world.path, identity("carla"), home, world.fingerprint)
    with world.session("ben") as ben:
        # Ben replayed the authority before; the check and the log are read from the start.
        problems = check(ben.store, ben).problems
        assert {problem.log for problem in problems} == {True}
        if log == 1:
            with pytest.raises(VerificationError):
                list(ben.log())


def test_a_log_of_nothing_is_missed(world: World) -> None:
    """An emptied access log is no empty access log."""
    with world.database() as database:
        database.execute("delete from log_entry where log = 1")
        database.execute("delete from log_node where log = 1")
    with world.session("ben") as ben, pytest.raises(VerificationError):
        list(ben.records())


def test_a_fork_of_the_authority_is_refused_without_the_cache_too(world: World) -> None:
    """Whoever replays from genesis, because the cache is gone, still has the pin."""
    other = world.copy(world.root.with_name("other"))
    grow(world, "authority")
    with other.session("ana") as ana:
        ana.open_case("A different one")
        ana.open_case("And another")
    put_back(world, other)
    (state,) = (world.home("ben") / "vaults").iterdir()
    (state / "statements").unlink()
    with pytest.raises(ForkedError), world.session("ben"):
        pass


def test_a_newcomer_notices_an_access_log_that_statements_contradict(world: World) -> None:
    """An older access log beside the newest authority log is refused even without a pin."""
    with world.database() as database:
        (head,) = database.execute("select note from log_head where log = 1").fetchone()
        (size,) = database.execute("select count(*) from log_entry where log = 1").fetchone()
    with world.session("ana") as ana:
        ana.release([world.stored[0].record], "review")
        ana.open_case("A statement that names the log after it")
    with world.database() as database:
        database.execute("delete from log_entry where log = 1 and position >= ?", (size,))
        database.execute("delete from log_node where log = 1 and position >= ?", (size,))
        database.execute("update log_head set note = ? where log = 1", (head,))
    with pytest.raises(RolledBackError, match="speak of"):
        Session.join(world.path, identity("ben"), world.root / "fresh", world.fingerprint)
