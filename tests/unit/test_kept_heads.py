"""Checkpoints that come back from outside are kept only if they are heads of this vault's logs."""

from __future__ import annotations

from pathlib import Path

import pytest
from vault_kit import World, make

from keys.signing import Signature, join_note, split_note
from vault.check import check
from vault.errors import DamageError, ForkedError, LogError, MalformedError, RolledBackError
from vault.gate import heads
from vault.log import checkpoint
from vault.log.checkpoint import Checkpoint
from vault.note import ACCESS, AUTHORITY
from vault.session import Session
from vault.store import MAX_NOTE, MAX_TOKEN


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A small vault."""
    return make(tmp_path)


def with_line(note: bytes, name: str, value: bytes = b"v") -> bytes:
    """A checkpoint with one signature line more."""
    text, lines = split_note(note)
    return join_note(text, [*lines, Signature(name, b"abcd", value)])


def names(note: bytes) -> list[str]:
    """Who has a line."""
    return [line.name for line in split_note(note)[1]]


def signed(session: Session, said: Checkpoint) -> bytes:
    """A checkpoint as the gate in force would sign it."""
    signing = session._client.gate.epoch().signing
    assert signing is not None
    return checkpoint.sign(signing, said)


def test_lines_of_one_size_come_together(world: World) -> None:
    """A later one is added, one of the same key replaced; the vault still checks."""
    with world.session("ana") as ana:
        gate, note = ana._client.gate, ana.replica.notes[ACCESS]
        gate.keep_cosigned(with_line(note, "ally.example/1"))
        gate.keep_cosigned(with_line(note, "ally.example/2"))
        gate.keep_cosigned(with_line(note, "ally.example/1", b"w"))
        with ana.store.read() as reads:
            ((size, kept),) = reads.cosigned(ACCESS)
            assert reads.cosigned(AUTHORITY) == []
        assert size == ana.replica.heads[ACCESS].size
        assert names(kept)[2:] == ["ally.example/1", "ally.example/2"]
        assert split_note(kept)[1][2].value == b"w"
        assert check(ana.store, ana).problems == []


def test_an_earlier_head_is_kept_too(world: World) -> None:
    """Also one that a gate epoch before this signed."""
    with world.session("ana") as ana:
        before = dict(ana.replica.notes)
        ana.rotate("gate")
        world.read_all("ben")
        ana.catch_up()
        for log, note in before.items():
            ana._client.gate.keep_cosigned(with_line(note, "ally.example"))
            ana._client.gate.keep_timestamp(note, b"token of " + log.encode())
        ana._client.gate.keep_timestamp(note, b"token of access")
        with ana.store.read() as reads:
            assert len(reads.cosigned(ACCESS)) == len(reads.cosigned(AUTHORITY)) == 1
            assert [stamped.log for stamped in reads.timestamps()] == [AUTHORITY, ACCESS]
        # Without keys: these tokens are none.
        assert check(ana.store).problems == []


def test_what_is_no_head_of_this_log_is_not_kept(world: World) -> None:
    """Another root, more entries, another vault, another signer, no checkpoint, too long."""
    with world.session("ana") as ana:
        gate = ana._client.gate
        head, note = ana.replica.heads[ACCESS], ana.replica.notes[ACCESS]
        cases: list[tuple[bytes, type[Exception]]] = [
            (signed(ana, head._replace(root=bytes(32))), ForkedError),
            (signed(ana, Checkpoint(head.origin, 1, bytes(32))), ForkedError),
            (signed(ana, head._replace(size=head.size + 1)), RolledBackError),
            (signed(ana, head._replace(origin="evault/" + "a" * 26 + "/access")), LogError),
            (join_note(split_note(note)[0], split_note(note)[1][:1]), LogError),
            (b"nothing", MalformedError),
            (note + bytes(MAX_NOTE), MalformedError),
        ]
        for false, error in cases:
            with pytest.raises(error):
                gate.keep_cosigned(false)
            with pytest.raises(error):
                gate.keep_timestamp(false, b"token")
        with pytest.raises(MalformedError):
            gate.keep_timestamp(note, bytes(MAX_TOKEN + 1))
        with ana.store.read() as reads:
            assert reads.cosigned(ACCESS) == reads.timestamps() == []


def test_damaged_nodes_accuse_nobody(world: World) -> None:
    """A root that the stored nodes no longer prove is damage, not another history."""
    world.read_all("ben")
    with world.session("ana") as ana:
        early = ana.replica.notes[ACCESS]
        world.read_all("ben")
        ana.catch_up()
        with world.database() as database:
            database.execute("update log_node set hash = zeroblob(32) where log = 1 and level = 0")
        with ana.store.read() as reads, pytest.raises(DamageError):
            heads.own_head(reads, ana.replica, early)


@pytest.mark.parametrize(
    "change",
    [
        "update cosigned set size = size - 1",
        "update cosigned set note = cast('x' as blob)",
        "update timestamp set token = cast('x' as blob)",
        "update timestamp set size = size + 1",
        "update timestamp set log = 0",
        "update timestamp set log = 7",
        "update timestamp set token = zeroblob(70000)",
        "update cosigned set note = zeroblob(270000)",
    ],
)
def test_check_names_what_was_changed_on_the_disk(world: World, change: str) -> None:
    """A kept checkpoint that is no head of its log, and a token that is not the one stamped."""
    with world.session("ana") as ana:
        note = ana.replica.notes[ACCESS]
        ana._client.gate.keep_cosigned(with_line(note, "ally.example"))
        ana._client.gate.keep_timestamp(note, b"token")
        assert check(ana.store).problems == []
        with world.database() as database:
            assert database.execute(change).rowcount == 1
        assert check(ana.store).problems != []
