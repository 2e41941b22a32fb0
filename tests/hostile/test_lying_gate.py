"""What an honest client does when the gate lies: it finds out, and uses nothing of it."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from forge_kit import act_body, forge
from vault_kit import SMALL, World, identity, make

from keys.derive import Label
from keys.errors import Error, SignatureError, VerificationError
from keys.identity import Identity
from keys.seal import seal
from vault import ids, note
from vault.acts import open_act
from vault.errors import DeniedError, GateError
from vault.gate import Gate, releases
from vault.log import merkle
from vault.message import Answer, Message
from vault.note import ACCESS, AUTHORITY


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A vault with a case that ana and ben hold."""
    return make(tmp_path)


def lie(monkeypatch: pytest.MonkeyPatch, change: Callable[[Answer], Answer]) -> None:
    """Let the gate answer something else than it did."""
    real = Gate.submit

    def submit(gate: Gate, message: bytes, rows: io.BytesIO | None = None) -> bytes:
        return change(Answer.parse(real(gate, message, rows))).encode()

    monkeypatch.setattr(Gate, "submit", submit)


def release(world: World) -> bytes:
    """What ben gets of the small record."""
    with world.session("ben") as ben:
        (got,) = ben.release([world.stored[0].record], "review")
        return b"".join(ben.content(got))


def resealed(vault: bytes, answer: Answer, shares: bytes) -> Answer:
    """An answer with other shares, properly sealed to ben."""
    leaf = merkle.leaf_hash(answer.entry)
    public = identity("ben").sealing.public
    return replace(answer, sealed=seal(public, shares, Label.RELEASE, vault, leaf))


def test_an_honest_answer_gives_the_evidence(world: World) -> None:
    """Without a lie the evidence comes out as it went in."""
    assert release(world) == SMALL


LIES: dict[str, Callable[[bytes, Answer], Answer]] = {
    "garbage-share": lambda vault, a: resealed(vault, a, os.urandom(32)),
    "too-many-shares": lambda vault, a: resealed(vault, a, os.urandom(64)),
    "no-share": lambda vault, a: resealed(vault, a, b""),
    "bound-to-another-entry": lambda vault, a: replace(
        resealed(vault, replace(a, entry=b"another"), os.urandom(32)), entry=a.entry
    ),
    "nothing-sealed": lambda _, a: replace(a, sealed=b""),
    "another-index": lambda _, a: replace(a, index=a.index - 1),
    "an-index-to-come": lambda _, a: replace(a, index=a.index + 1),
    "another-entry": lambda _, a: replace(a, entry=a.entry[:-1] + bytes([a.entry[-1] ^ 1])),
    "another-gate-note": lambda _, a: replace(a, gate=a.gate.replace(b'level":0', b'level":3')),
}


@pytest.mark.parametrize("name", LIES)
def test_a_false_answer_releases_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Whatever the gate says instead of the truth, the client stops."""
    with world.session("ana") as ana:
        vault = ids.parse(ana.authority.vault)
    lie(monkeypatch, lambda answer: LIES[name](vault, answer))
    with pytest.raises(VerificationError):
        release(world)


@pytest.mark.parametrize("outcome", ["released", "refused"])
def test_a_release_that_is_logged_as_a_refusal_is_not_used(
    world: World, monkeypatch: pytest.MonkeyPatch, outcome: str
) -> None:
    """What the auditors read is what the reader was told, or nothing is opened."""

    def submit(gate: Gate, message: bytes, rows: io.BytesIO | None = None) -> bytes:
        actor = note.parse(Message.parse(message).note)
        why = {"outcome": outcome, "why": "role" if outcome == "refused" else None}
        with world.session("ana") as ana:
            told = ana.authority.position.body(), ana.replica.position(ACCESS).body()
            forge(ana, ACCESS, actor, world, **why)
            vault = ids.parse(ana.authority.vault)
            ana.catch_up()
            with ana.store.read() as reads:
                index = reads.length(ACCESS) - 1
                raw, head = reads.entry(ACCESS, index), reads.head(ACCESS)
                logged = [access.notes for access in ana.log()][-1]
                shares = b"".join(releases.shares(ana._client.gate, reads, actor.body["records"]))
        assert logged is not None
        said = logged[1]
        if outcome == "refused":
            body = {**said.body, "outcome": "released", "why": None}
            assert (body["authority"], body["access"]) == told
            said = note.sign("gate", said.origin, body, identity("ana"))
        return resealed(vault, Answer(index, raw, said.signed, (), head), shares).encode()

    monkeypatch.setattr(Gate, "submit", submit)
    if outcome == "released":
        # The control: such a gate can be honest too.
        assert release(world) == SMALL
    else:
        with pytest.raises(GateError, match="something else"):
            release(world)


def test_an_entry_for_others_is_not_opened(world: World) -> None:
    """Who does not hold the case is told that it is not for them."""
    with world.session("carla") as carla, carla.store.read() as reads:
        with pytest.raises(DeniedError) as caught:
            open_act(carla.replica, reads, 0, world.case)
        assert caught.value.reason == "no-key"


@pytest.mark.parametrize("order", [(1, 1), (0, 0), (1, 0)])
def test_shares_of_other_records_open_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, order: tuple[int, int]
) -> None:
    """A true share, for another record or in another order, is as good as garbage."""
    with world.session("ana") as ana:
        vault = ids.parse(ana.authority.vault)
    records = [stored.record for stored in world.stored]
    with world.session("ben") as ben:
        with ben.store.read() as reads:
            shares = releases.shares(ben._client.gate, reads, [records[at] for at in order])
            false = b"".join(shares)
        lie(monkeypatch, lambda answer: resealed(vault, answer, false))
        with pytest.raises(VerificationError):
            ben.release(records, "review")


def test_another_true_entry_in_place_of_mine_is_not_used(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An entry that is in the log, but is not the act that was asked for, proves nothing."""
    with world.session("ana") as ana, ana.store.read() as reads:
        deposit = reads.entry(ACCESS, 0)
    lie(monkeypatch, lambda answer: replace(answer, index=0, entry=deposit))
    with pytest.raises(GateError, match="logged another act"):
        release(world)


def test_a_release_logged_for_another_purpose_is_not_used(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The entry must hold the very note that was signed."""
    real = Gate.submit

    def submit(gate: Gate, message: bytes, rows: io.BytesIO | None = None) -> bytes:
        parsed = Message.parse(message)
        asked = note.parse(parsed.note)
        body = {**asked.body, "purpose": "other", "id": ids.show(ids.draw())}
        other = note.sign("release", asked.origin, body, identity("ben"))
        return real(gate, replace(parsed, note=other.signed, tag=b"").encode(), rows)

    monkeypatch.setattr(Gate, "submit", submit)
    with pytest.raises(GateError, match="another act"):
        release(world)


def forged_release(world: World, actor: str, **said: object) -> None:
    """A release that ana's gate logs without asking anybody."""
    with world.session("ana") as ana:
        body = {**act_body(ana, "release", world), "device": identity(actor).device}
        signed = note.sign("release", ana.authority.origin(ACCESS), body, identity(actor))
        forge(ana, ACCESS, signed, world, **said)


def problems(world: World) -> list[tuple[int, str]]:
    """What the auditor finds in the access log: index and reason."""
    with world.session("aud") as auditor:
        return [(p.index, p.reason) for p in auditor.verify()[1] if p.log == ACCESS]


def test_an_honest_entry_has_no_problem(world: World) -> None:
    """The control: what the honest gate logged is in order."""
    release(world)
    assert problems(world) == []


def test_a_release_for_someone_who_does_not_hold_the_case_is_named(world: World) -> None:
    """The auditor judges every outcome again."""
    forged_release(world, "carla")
    ((index, reason),) = problems(world)
    assert index == 1
    assert "should have been refused" in reason


@pytest.mark.parametrize("which", ["actor", "gate"])
def test_an_entry_signed_by_a_stranger_is_named(
    world: World, monkeypatch: pytest.MonkeyPatch, which: str
) -> None:
    """Neither the act nor the gate's word on it can come from someone who is no member."""
    if which == "actor":
        forged_release(world, "stranger")
    else:
        real = note.sign

        def sign(kind: str, origin: str, body: note.Body, by: Identity) -> note.Note:
            return real(kind, origin, body, identity("stranger") if kind == "gate" else by)

        with monkeypatch.context() as patch:
            patch.setattr("forge_kit.note.sign", sign)
            forged_release(world, "ben")
    assert problems(world) == [(1, "entry 1 is signed by someone who was no member")]
    with (
        world.session("ben") as ben,
        ben.store.read() as reads,
        pytest.raises(GateError, match="no member"),
    ):
        open_act(ben.replica, reads, 1, world.case)


@pytest.mark.parametrize("which", ["actor", "gate"])
def test_an_entry_with_a_false_signature_is_named(
    world: World, monkeypatch: pytest.MonkeyPatch, which: str
) -> None:
    """Ana cannot put ben's name to an act, nor carla's to the gate's word on it."""
    real, named = note.sign, identity("carla" if which == "gate" else "ben")

    def sign(kind: str, origin: str, body: note.Body, by: Identity) -> note.Note:
        if (kind == "gate") != (which == "gate"):
            return real(kind, origin, body, by)
        text = note.encode(kind, origin, {**body, "device": named.device})
        return note.parse(by.signing.sign_note(named.device, text, hybrid=False))

    with monkeypatch.context() as patch:
        patch.setattr("forge_kit.note.sign", sign)
        with world.session("ana") as ana:
            body = act_body(ana, "release", world)
            signed = note.sign("release", ana.authority.origin(ACCESS), body, ana.identity)
            forge(ana, ACCESS, signed, world)
    assert [index for index, _ in problems(world)] == [1]
    with world.session("ben") as ben, ben.store.read() as reads, pytest.raises(SignatureError):
        open_act(ben.replica, reads, 1, world.case)


def test_an_outcome_judged_by_an_older_authority_is_named(world: World) -> None:
    """A gate cannot pretend that a later statement was not there yet."""
    with world.session("ana") as ana:
        old = ana.replica.at(2).position.body()
    forged_release(world, "ben", authority=old)
    assert 1 in dict(problems(world))


def test_entries_that_go_back_in_the_authority_are_named(world: World) -> None:
    """Even an actor who plays along cannot have an act judged by a state before the last one's."""
    with world.session("ana") as ana:
        ana.release([world.stored[0].record], "review")
        old = ana.replica.at(ana.authority.size - 1).position.body()
        body = act_body(ana, "release", world)
        body["seen"] = {**body["seen"], "authority": old}
        signed = note.sign("release", ana.authority.origin(ACCESS), body, ana.identity)
        forge(ana, ACCESS, signed, world, authority=old)
    assert problems(world) == [(2, "it was judged by an older authority than entry 1")]


def test_an_act_judged_as_if_a_statement_were_not_there_yet_is_named(world: World) -> None:
    """A gate cannot back-date a judgement to before a statement that knew a shorter log."""
    with world.session("ana") as ana:
        old = ana.replica.at(ana.authority.size - 2).position.body()
        body = act_body(ana, "release", world)
        body["seen"] = {**body["seen"], "authority": old}
        signed = note.sign("release", ana.authority.origin(ACCESS), body, ana.identity)
        forge(ana, ACCESS, signed, world, authority=old)
    assert [(index, "not in force" in reason) for index, reason in problems(world)] == [(1, True)]


def test_an_entry_judged_for_another_place_is_named(world: World) -> None:
    """A gate note holds at the index that it names."""
    with world.session("ana") as ana:
        elsewhere = {**ana.replica.position(ACCESS).body(), "size": 0}
    forged_release(world, "ben", access=elsewhere)
    assert 1 in dict(problems(world))


def test_an_authority_that_never_was_is_named(world: World) -> None:
    """A gate note names a size and root of the authority log that exist."""
    forged_release(world, "ben", authority={"size": 3, "root": "00" * 32})
    assert any(i == 1 and "never was" in reason for i, reason in problems(world))


def test_a_forbidden_statement_changes_nothing(world: World) -> None:
    """An attorney's grant that a lying gate appends is refused by everyone who replays it."""
    from vault import statements

    with world.session("ben") as ben:
        body = {
            "id": ids.show(ids.draw()),
            "time": ben.now(),
            "seen": ben.replica.seen(),
            "extends": ben.authority.position.body(),
            **statements.case_granted(
                ben.authority, ben.replica.keyring, world.case, identity("carla").device, None
            ),
        }
        signed = note.sign("case-granted", ben.authority.origin(AUTHORITY), body, ben.identity)
        forge(ben, AUTHORITY, signed, world)
    for name in ("carla", "ana"):
        with world.session(name) as session:
            assert session.authority.size - 1 in session.replica.problems
            assert not session.authority.holds(identity("carla").device, world.case, session.now())
    # The next client that opens from its cache remembers the refusal.
    with world.session("carla") as carla:
        assert carla.replica.problems
        assert [p.log for p in carla.verify()[1]] == [AUTHORITY]


def test_a_gate_that_accepts_a_forbidden_statement_of_mine_is_reported(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A member whose forbidden act was accepted is told so, and has no new right."""

    def submit(gate: Gate, message: bytes, rows: io.BytesIO | None = None) -> bytes:
        signed = note.parse(Message.parse(message).note)
        with world.session("ana") as ana:
            forge(ana, AUTHORITY, signed, world)
        with gate.store.read() as reads:
            index = reads.length(AUTHORITY) - 1
            raw, head = reads.entry(AUTHORITY, index), reads.head(AUTHORITY)
        body = {
            "note": signed.digest,
            "outcome": "done",
            "why": None,
            "time": signed.body["time"],
            "authority": signed.body["extends"],
            "access": signed.body["seen"]["access"],
            "level": 0,
        }
        said = note.sign("gate", signed.origin, body, identity("ana"))
        return Answer(index, raw, said.signed, (), head).encode()

    with world.session("ben") as ben:
        monkeypatch.setattr(Gate, "submit", submit)
        with pytest.raises(GateError, match="refuse"):
            ben.grant(world.case, identity("carla").device)


def test_a_stranger_is_not_even_logged(world: World) -> None:
    """Who is no member gets nothing appended: nobody can fill the log from outside."""
    with world.session("ana") as ana:
        stranger = identity("stranger")
        body = {**act_body(ana, "release", world), "device": stranger.device}
        signed = note.sign("release", ana.authority.origin(ACCESS), body, stranger)
        gate = Gate(ana.store, ana.replica, ana.identity, world.clock)
        size = ana.replica.heads[ACCESS].size
        with pytest.raises(Error):
            gate.submit(Message(signed.signed).encode())
        ana.catch_up()
        assert ana.replica.heads[ACCESS].size == size
