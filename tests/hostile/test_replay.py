"""A message counts once, at its own place, in its own log."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from forge_kit import act_body, forge
from vault_kit import World, identity, make

from keys.errors import Error
from vault import note
from vault.errors import DeniedError, StaleError
from vault.gate import Gate
from vault.message import Message
from vault.model import Role
from vault.note import ACCESS, AUTHORITY


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A vault with a case that ana and ben hold."""
    return make(tmp_path)


class Tap:
    """Keeps every message that passes to a gate."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.taken: list[tuple[bytes, bytes | None]] = []
        real = Gate.submit

        def submit(gate: Gate, message: bytes, rows: io.BytesIO | None = None) -> bytes:
            answer = real(gate, message, rows)
            kept = None
            if rows is not None:
                rows.seek(0)
                kept = rows.read()
            self.taken.append((message, kept))
            return answer

        monkeypatch.setattr(Gate, "submit", submit)

    def last(self, kind: str) -> tuple[bytes, io.BytesIO | None]:
        """The last message whose note is of a kind."""
        for message, rows in reversed(self.taken):
            if note.parse(Message.parse(message).note).kind == kind:
                return message, None if rows is None else io.BytesIO(rows)
        raise AssertionError(kind)


def act_all(world: World) -> None:
    """One act of each kind."""
    (world.root / "x").write_bytes(b"x")
    with world.session("ana") as ana:
        ana.add_member(identity("new").contact().note, [Role.ATTORNEY])
        ana.grant(world.case, identity("carla").device)
        ana.open_case("Another")
        ana.rotate(world.case)
        ana.add([world.root / "x"], world.case)
    with world.session("ben") as ben:
        ben.receive(ben.release([world.stored[0].record], "review"))


KINDS = ["member-added", "case-granted", "case-opened", "rotated", "deposit", "release", "receipt"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_gate_refuses_every_message_a_second_time(
    world: World, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """A message that was accepted is refused when it comes again, and nothing is appended."""
    tap = Tap(monkeypatch)
    act_all(world)
    message, rows = tap.last(kind)
    with world.session("ben") as ben:
        sizes = {log: head.size for log, head in ben.replica.heads.items()}
        gate = Gate(ben.store, ben.replica, ben.identity, world.clock)
        with pytest.raises((DeniedError, StaleError)):
            gate.submit(message, rows)
        ben.catch_up()
        assert {log: head.size for log, head in ben.replica.heads.items()} == sizes


@pytest.mark.parametrize("kind", ["case-opened", "release"])
def test_a_note_for_the_other_log_is_refused(world: World, kind: str) -> None:
    """A statement under the access log's origin, or an act under the authority's, is refused."""
    with world.session("ana") as ana:
        log = ACCESS if kind == "case-opened" else AUTHORITY
        body = dict(act_body(ana, kind, world))
        signed = note.sign(kind, ana.authority.origin(log), body, ana.identity)
        gate = Gate(ana.store, ana.replica, ana.identity, world.clock)
        with pytest.raises(DeniedError) as caught:
            gate.submit(Message(signed.signed).encode())
        assert caught.value.reason == "wrong-log"


def test_a_note_signed_by_another_device_than_it_names_is_refused(world: World) -> None:
    """Nobody can put another's name to their own signature."""
    with world.session("ben") as ben:
        body = {**act_body(ben, "release", world), "device": identity("ana").device}
        text = note.encode("release", ben.authority.origin(ACCESS), body)
        forged = identity("ben").signing.sign_note(identity("ana").device, text, hybrid=False)
        gate = Gate(ben.store, ben.replica, ben.identity, world.clock)
        with pytest.raises(Error):
            gate.submit(Message(forged).encode())


def test_details_that_the_note_does_not_commit_to_are_refused(world: World) -> None:
    """The reason in words cannot be exchanged under a signed note."""
    with world.session("ben") as ben:
        signed = note.sign(
            "release", ben.authority.origin(ACCESS), act_body(ben, "release", world), ben.identity
        )
        gate = Gate(ben.store, ben.replica, ben.identity, world.clock)
        with pytest.raises(Error, match="details"):
            gate.submit(Message(signed.signed, details=b"something else").encode())


@pytest.mark.parametrize("kind", ["member-added", "case-granted", "case-opened", "rotated"])
def test_every_client_refuses_a_statement_that_a_lying_gate_appends_again(
    world: World, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """A replayed statement in a log with a true head changes no rights and is reported."""
    tap = Tap(monkeypatch)
    act_all(world)
    message, _ = tap.last(kind)
    with world.session("ana") as ana:
        before = ana.authority
        forge(ana, AUTHORITY, note.parse(Message.parse(message).note), world)
    with world.session("carla") as carla:
        index = carla.authority.size - 1
        assert index in carla.replica.problems
        assert carla.authority.members == before.members
        assert carla.authority.cases == before.cases
        assert carla.authority.groups == before.groups


@pytest.mark.parametrize("kind", ["deposit", "release", "receipt"])
def test_an_act_that_a_lying_gate_appends_again_is_reported(
    world: World, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """A note that stands in the access log twice is named by whoever verifies it."""
    tap = Tap(monkeypatch)
    act_all(world)
    message, _ = tap.last(kind)
    with world.session("ana") as ana:
        forge(ana, ACCESS, note.parse(Message.parse(message).note), world)
    with world.session("carla") as carla:
        _, problems = carla.verify()
        last = carla.replica.heads[ACCESS].size - 1
        assert "used-id" in {problem.code for problem in problems if problem.index == last}
