"""A client that has caught up believes nothing new without its signatures, place and name."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

import forge_kit
import pytest
from vault_kit import World, identity, make

from keys.signing import SigningKeys
from vault import ids, note, statements
from vault.errors import (
    DamageError,
    DeniedError,
    LockedError,
    LogError,
    RolledBackError,
    UnknownVaultError,
)
from vault.local import Local
from vault.log import checkpoint, entry
from vault.model import GATE, MEMBERS
from vault.note import ACCESS, AUTHORITY, LOGS
from vault.session import Session


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A vault with a case that ana and ben hold, and that ben has seen all of."""
    made = make(tmp_path)
    with made.session("ana"), made.session("ben"):
        pass
    return made


def heads(world: World) -> dict[str, bytes]:
    """The heads as they stand in the database."""
    with world.database() as database:
        found = dict(database.execute("select log, note from log_head").fetchall())
    return {AUTHORITY: found[0], ACCESS: found[1]}


def set_head(world: World, log: str, head: bytes) -> None:
    """Put a head into the database."""
    number = {AUTHORITY: 0, ACCESS: 1}[log]
    with world.database() as database:
        database.execute("update log_head set note = ? where log = ?", (head, number))


@pytest.mark.parametrize("log", LOGS)
def test_an_unsigned_head_is_refused_though_nothing_else_is_new(world: World, log: str) -> None:
    """Size and root are known and true; the gate's signatures are asked for all the same."""
    head = checkpoint.peek(heads(world)[log])
    set_head(world, log, checkpoint.sign(SigningKeys(os.urandom(32), os.urandom(32)), head))
    with pytest.raises(LogError, match="not signed"), world.session("ben"):
        pass


def test_a_head_that_was_good_before_the_gate_rotated_is_refused(world: World) -> None:
    """The very head that is pinned is looked at again when the gate has other keys."""
    before = heads(world)
    with world.session("ana") as ana:
        ana.rotate(GATE)
    assert heads(world)[ACCESS] != before[ACCESS]
    set_head(world, ACCESS, before[ACCESS])
    with pytest.raises(LogError, match="not signed"), world.session("ben"):
        pass


def test_another_vaults_access_log_is_refused(world: World, tmp_path: Path) -> None:
    """Each head names its vault; one of two that names another is no head of this one."""
    with Session.create(tmp_path / "new/vault", identity("ana"), tmp_path / "new/home"):
        pass
    other = World(tmp_path / "new", "", [], "")
    set_head(world, ACCESS, heads(other)[ACCESS])
    with pytest.raises(UnknownVaultError), world.session("ben"):
        pass


@pytest.mark.parametrize("log", LOGS)
def test_a_rollback_leaves_its_proof(world: World, log: str) -> None:
    """Both signed heads are kept: the one that was seen, and the smaller one that was shown."""
    old = world.copy(world.root.with_name("old"))
    with world.session("ana") as ana:
        if log == ACCESS:
            ana.release([world.stored[0].record], "review")
        else:
            ana.open_case("Another")
    with world.session("ben") as ben:
        vault, seen = ben.authority.vault, ben.replica.notes[log]
    shown = heads(old)[log]
    shutil.rmtree(world.path)
    shutil.copytree(old.path, world.path)
    with pytest.raises(RolledBackError), world.session("ben"):
        pass
    assert [seen, shown] in Local(world.home("ben"), identity("ben"), vault).proofs()


def test_no_authority_is_found_where_none_was(world: World) -> None:
    """A note may name any size: of none, less than none, or more than ever was, nothing comes."""
    with world.session("ben") as ben:
        size = ben.authority.size
        assert ben.replica.at(size) == ben.authority
        for never in (0, -1, size + 1, 1 << 60):
            with pytest.raises(LogError, match="never was"):
                ben.replica.at(never)


def append_statement(world: World) -> None:
    """Let ana's gate append, in its own way, a statement that the rules allow."""
    with world.session("ana") as ana:
        case = ids.show(ids.draw())
        body = {
            "id": ids.show(ids.draw()),
            "time": ana.now(),
            "seen": ana.replica.seen(),
            "extends": ana.authority.position.body(),
            **statements.case_opened(ana.authority, case, "T", None, [ana.member.id]),
        }
        signed = note.sign("case-opened", ana.authority.origin(AUTHORITY), body, ana.identity)
        forge_kit.forge(ana, AUTHORITY, signed, world)


def test_a_statement_of_a_gate_that_plays_along_is_followed(world: World) -> None:
    """The control: appended by hand, but as it should be, it counts."""
    append_statement(world)
    with world.session("ben") as ben:
        assert len(ben.authority.cases) == 2


def test_a_statement_under_another_notes_name_is_refused(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An entry's public part names the note in it, or a note could be used again unnoticed."""
    real = entry.Entry

    def renamed(public: dict[str, object], compartments: tuple[bytes, ...]) -> entry.Entry:
        return real({**public, "note": "00" * 32}, compartments)

    with monkeypatch.context() as patch:
        patch.setattr(forge_kit.entry, "Entry", renamed)
        append_statement(world)
    with pytest.raises(LogError, match="names another note"), world.session("ben"):
        pass


def test_a_statement_that_members_cannot_open_stops_them(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What is sealed to somebody else could say anything: nobody goes on past it. Who was a member
    before has most likely been removed or suspended, and is told so; who joins is not."""
    real = entry.seal_compartment

    def elsewhere(origin: str, body: bytes, recipients: list[entry.Recipient]) -> bytes:
        stranger = entry.Recipient(identity("stranger").sealing.public)
        return real(origin, body, [stranger for _ in recipients])

    with monkeypatch.context() as patch:
        patch.setattr(forge_kit.entry, "seal_compartment", elsewhere)
        append_statement(world)
    with pytest.raises(DeniedError, match="not a member") as caught, world.session("ben"):
        pass
    assert caught.value.reason == "not-member"
    with pytest.raises(LockedError, match="not sealed"):
        Session.join(
            world.path, identity("ben"), tmp_path / "fresh", world.fingerprint, clock=world.clock
        )


def test_who_joins_after_rotations_follows_all_of_them(world: World, tmp_path: Path) -> None:
    """From the newest keys the links lead back to genesis, and everything is replayed."""
    for _ in range(3):
        with world.session("ana") as ana:
            ana.rotate(MEMBERS, GATE, world.case)
    with world.session("ben") as ben:
        history = ben.replica.history
    for name in ("ben", "carla"):
        with Session.join(
            world.path, identity(name), tmp_path / "fresh", world.fingerprint, clock=world.clock
        ) as fresh:
            assert [a.root for a in fresh.replica.history] == [a.root for a in history]
            assert not fresh.replica.problems


def accuses_nobody(world: World) -> None:
    """Ben may go on or be stopped by damage, but nobody is accused and nothing kept as proof."""
    home = world.root / "again"
    shutil.copytree(world.home("ben"), home)
    with suppress(DamageError):
        Session.open(world.path, identity("ben"), home, clock=world.clock).close()
    (state,) = (home / "vaults").iterdir()
    assert list(state.glob("proof-*")) == []
    shutil.rmtree(home)


def test_a_damaged_node_accuses_nobody(world: World) -> None:
    """Whoever has a bad disk is not told that the others deceive them."""
    for times in (3, 5):
        with world.session("ben"):
            pass
        with world.session("ana") as ana:
            for _ in range(times):
                ana.release([world.stored[0].record], "review")
    with world.database() as database:
        nodes = database.execute("select level, position, hash from log_node where log = 1")
        nodes = nodes.fetchall()
    update = "update log_node set hash = ? where log = 1 and level = ? and position = ?"
    for level, at, hashed in nodes:
        with world.database() as database:
            database.execute(update, (b"x" * 32, level, at))
        accuses_nobody(world)
        with world.database() as database:
            database.execute(update, (hashed, level, at))


def test_a_damaged_statement_that_still_opens_accuses_nobody(world: World) -> None:
    """A recipient's tag only helps to find the right key: without it the entry opens too."""
    with world.session("ana") as ana:
        ana.open_case("One")
        ana.open_case("Another")
        epoch = ana.replica.keyring.need(ana.authority, MEMBERS)
    with world.database() as database:
        query = "select position, raw from log_entry where log = 0 order by position desc limit 2"
        at, raw = database.execute(query).fetchall()[1]
        tag = epoch.tag(entry.parse(raw).note_id)
        assert raw.count(tag) == 1
        damaged = raw.replace(tag, bytes(len(tag)))
        update = "update log_entry set raw = ? where log = 0 and position = ?"
        database.execute(update, (damaged, at))
    accuses_nobody(world)
    with pytest.raises(DamageError), world.session("ben"):
        pass
