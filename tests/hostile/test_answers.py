"""Whatever was asked, the gate's answer counts only if the verified log has what was asked."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from vault_kit import World, identity, make

from keys.errors import VerificationError
from keys.identity import Identity
from vault import note
from vault.errors import DeniedError, GateError, StaleError
from vault.gate import Gate
from vault.log import entry
from vault.message import Answer, Message
from vault.model import Role
from vault.note import ACCESS, AUTHORITY, Note
from vault.session import Session
from vault.store import Store, Writes

ACTS: dict[str, Callable[[Session, World], object]] = {
    "member-added": lambda s, _: s.add_member(identity("new").contact().note, [Role.ATTORNEY]),
    "case-opened": lambda s, _: s.open_case("Another"),
    "case-granted": lambda s, w: s.grant(w.case, identity("carla").device),
    "rotated": lambda s, w: s.rotate(w.case),
    "deposit": lambda s, w: s.add([w.root / "x"], w.case),
    "release": lambda s, w: s.release([w.stored[0].record], "review"),
    "receipt": lambda s, w: s._client.act("receipt", w.case, leaf_of_first(s)),
}


def leaf_of_first(session: Session) -> dict[str, Any]:
    """What a receipt for the first entry says."""
    from vault.log import merkle

    with session.store.read() as reads:
        leaf = merkle.leaf_hash(reads.entry(ACCESS, 0))
    return {"entry": 0, "leaf": leaf.hex()}


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A vault with a case that ana and ben hold, and a file to add."""
    made = make(tmp_path)
    (made.root / "x").write_bytes(b"x")
    return made


Change = Callable[[Answer, Note], Answer]


def lie(monkeypatch: pytest.MonkeyPatch, change: Change) -> None:
    """Let the gate answer something else than it did."""
    real = Gate.submit

    def submit(gate: Gate, message: bytes, rows: io.BytesIO | None = None) -> bytes:
        actor = note.parse(Message.parse(message).note)
        return change(Answer.parse(real(gate, message, rows)), actor).encode()

    monkeypatch.setattr(Gate, "submit", submit)


def log_of(actor: Note) -> str:
    """The log that a note is for."""
    return AUTHORITY if actor.kind in note.STATEMENTS else ACCESS


@pytest.mark.parametrize("kind", ACTS)
def test_a_true_answer_is_taken(world: World, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """The control: without a lie each act is done."""
    lie(monkeypatch, lambda answer, _: answer)
    with world.session("ana") as ana:
        ACTS[kind](ana, world)
        assert ana.verify()[1] == []


@pytest.mark.parametrize("kind", ACTS)
def test_a_gate_that_keeps_nothing_is_found_out(
    world: World, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """An answer that is right in every part, to an act that is not in the log."""
    real = Store.write

    @contextmanager
    def forgetful(store: Store) -> Iterator[Writes]:
        with real(store) as writes:
            yield writes
            transaction = writes._connection.get_transaction()
            assert transaction is not None
            transaction.rollback()

    with world.session("ana") as ana:
        monkeypatch.setattr(Store, "write", forgetful)
        with pytest.raises(VerificationError):
            ACTS[kind](ana, world)
        monkeypatch.undo()
        ana.catch_up()
        assert len(ana.authority.members) == 4
        assert len(list(ana.records())) == len(world.stored)


@pytest.mark.parametrize("kind", ACTS)
@pytest.mark.parametrize("by", [-1, 1, 1 << 40])
def test_another_index_is_refused(
    world: World, monkeypatch: pytest.MonkeyPatch, kind: str, by: int
) -> None:
    """The entry stands where the gate says, or nowhere."""
    lie(monkeypatch, lambda answer, _: replace(answer, index=answer.index + by))
    with world.session("ana") as ana, pytest.raises(VerificationError):
        ACTS[kind](ana, world)


@pytest.mark.parametrize("kind", ACTS)
def test_the_entry_of_another_act_is_refused(
    world: World, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """A true entry of the same log that is not this act's proves nothing."""

    def other(answer: Answer, actor: Note) -> Answer:
        with world.database() as database:
            query = "select raw from log_entry where log = ? and position = 0"
            number = (AUTHORITY, ACCESS).index(log_of(actor))
            ((raw,),) = database.execute(query, (number,)).fetchall()
        return replace(answer, index=0, entry=raw)

    lie(monkeypatch, other)
    with world.session("ana") as ana, pytest.raises(GateError, match="another act"):
        ACTS[kind](ana, world)


def said(signer: Identity, origin: str, answer: Answer, **change: Any) -> Answer:
    """An answer whose gate note says something else, truly signed by somebody."""
    body = {**note.parse(answer.gate).body, **change}
    signed = note.sign("gate", origin, body, signer)
    return replace(answer, gate=signed.signed)


@pytest.mark.parametrize("kind", ACTS)
def test_a_gate_note_on_another_act_is_refused(
    world: World, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """What the gate says is of this note, in this log; words on another act do not count."""
    ana_, changes = identity("ana"), dict[str, Change]()
    changes["note"] = lambda a, actor: said(ana_, actor.origin, a, note="00" * 32)
    changes["log"] = lambda a, actor: said(
        ana_, actor.origin.rpartition("/")[0] + "/" + other_log(actor), a
    )
    for change in changes.values():
        with monkeypatch.context() as patch:
            lie(patch, change)
            with world.session("ana") as ana, pytest.raises(GateError, match="another act"):
                ACTS[kind](ana, world)
        if kind in {"member-added", "case-granted"}:
            # Done all the same: a second time it would be refused.
            break


def other_log(actor: Note) -> str:
    """The log that a note is not for."""
    return ACCESS if log_of(actor) == AUTHORITY else AUTHORITY


@pytest.mark.parametrize("kind", ["case-opened", "deposit", "release", "receipt"])
def test_a_gate_note_by_nobody_is_refused(
    world: World, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Only a member's device is a gate here, and it signs what it says."""
    stranger = identity("stranger")
    with monkeypatch.context() as patch:
        lie(patch, lambda answer, actor: said(stranger, actor.origin, answer))
        with world.session("ana") as ana, pytest.raises(GateError, match="no member"):
            ACTS[kind](ana, world)

    def forged(answer: Answer, actor: Note) -> Answer:
        body = {**note.parse(answer.gate).body, "device": identity("ben").device}
        text = note.encode("gate", actor.origin, body)
        raw = identity("ana").signing.sign_note(identity("ben").device, text, hybrid=False)
        return replace(answer, gate=raw)

    with monkeypatch.context() as patch:
        lie(patch, forged)
        with world.session("ana") as ana, pytest.raises(VerificationError):
            ACTS[kind](ana, world)


@pytest.mark.parametrize("kind", ACTS)
def test_an_answer_without_a_gate_note_is_refused(
    world: World, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """The actor's own note in its place is none of the gate's."""
    lie(monkeypatch, lambda answer, actor: replace(answer, gate=actor.signed))
    with world.session("ana") as ana, pytest.raises(GateError, match="not a gate's"):
        ACTS[kind](ana, world)


@pytest.mark.parametrize("kind", ACTS)
def test_a_refusal_is_a_refusal_only_if_it_is_logged(
    world: World, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Words of refusal beside an act that is done, or beside nothing, are the gate's lie."""

    def refuse(answer: Answer, actor: Note) -> Answer:
        origin = actor.origin.rpartition("/")[0] + "/" + ACCESS
        return said(identity("ana"), origin, answer, outcome="refused", why="role")

    lie(monkeypatch, refuse)
    with world.session("ana") as ana:
        with pytest.raises((VerificationError, DeniedError)) as caught:
            ACTS[kind](ana, world)
        if kind in note.STATEMENTS:
            # It would have to stand in the access log, where it is not.
            assert isinstance(caught.value, VerificationError)


def test_who_is_always_too_late_is_told_in_the_end(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others may be faster again and again; nobody waits forever, and nothing is done."""
    tries = []

    def submit(_gate: Gate, message: bytes, _rows: io.BytesIO | None = None) -> bytes:
        tries.append(note.parse(Message.parse(message).note).body["id"])
        raise StaleError("another statement came first")

    monkeypatch.setattr(Gate, "submit", submit)
    with world.session("ana") as ana:
        size = ana.authority.size
        with pytest.raises(StaleError):
            ana.open_case("Too late")
        assert ana.authority.size == size
    # Each try is a fresh note.
    assert len(set(tries)) == len(tries) == 8


def test_without_words_there_is_no_second_compartment(world: World) -> None:
    """Details are there exactly when a reason was given."""
    with world.session("ben") as ben:
        for why, compartments in ((None, 1), ("", 1), ("a reason", 2)):
            (got,) = ben.release([world.stored[0].record], "review", why)
            with ben.store.read() as reads:
                parsed = entry.parse(reads.entry(ACCESS, got.entry))
            assert len(parsed.compartments) == compartments


def test_an_act_on_a_case_that_is_none_is_refused_in_the_log(world: World) -> None:
    """Also with words, which nobody could read: they are not sealed to anybody."""
    with world.session("ben") as ben:
        body = {
            "records": [world.stored[0].record],
            "purpose": "review",
            "disposition": "copy",
            "request": None,
        }
        with pytest.raises(DeniedError) as caught:
            ben._client.act("release", "a" * 26, body, "a reason")
        assert caught.value.reason == "no-case"
        assert caught.value.entry == ben.replica.heads[ACCESS].size - 1
