"""An entry of the access log holds together in every part, or it is named and not used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import forge_kit
import pytest
from forge_kit import act_body, forge
from vault_kit import World, identity, make

from keys.derive import lp
from keys.identity import Identity
from vault import ids, note
from vault.acts import open_act
from vault.check import check
from vault.errors import LogError
from vault.log import entry
from vault.note import ACCESS, AUTHORITY
from vault.session import Session


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A vault with a case that ana and ben hold."""
    return make(tmp_path)


@dataclass
class Forgery:
    """How ana's gate departs from what it should write.

    Args:
        actor: Changes the fields of the actor note.
        said: Fields of the gate note.
        public: Changes the public part.
        details: Whether a second compartment stands there that nobody committed to.
        logs: The logs that the actor note and the gate note are for.
    """

    kind: str = "release"
    actor: Callable[[Session, dict[str, Any]], dict[str, Any]] = lambda _, body: body
    said: Callable[[Session], dict[str, Any]] = lambda _: {}
    public: Callable[[dict[str, Any]], dict[str, Any]] = lambda public: public
    details: bool = False
    logs: tuple[str, str] = (ACCESS, ACCESS)
    reason: str = field(default="", kw_only=True)


def deposit_body(session: Session, world: World) -> dict[str, Any]:
    """A deposit of nothing that exists, which a gate of its own would never have kept."""
    common = act_body(session, "release", world)
    return {
        **{name: common[name] for name in ("id", "time", "seen", "device", "case", "details")},
        "epoch": session.authority.epoch(world.case).number,
        "gate_epoch": session.authority.epoch("gate").number,
        "deposit": ids.show(ids.draw()),
        "count": 1,
        **dict.fromkeys(
            ("records_root", "case_commitment", "gate_commitment", "case_seal", "gate_seal"),
            "00" * 32,
        ),
    }


def write(world: World, forged: Forgery, monkeypatch: pytest.MonkeyPatch) -> int:
    """Let ana's gate append it; returns the index."""
    real_sign, real_entry = note.sign, entry.Entry

    def sign(kind: str, origin: str, body: note.Body, by: Identity) -> note.Note:
        if kind == "gate":
            origin = origin.rpartition("/")[0] + "/" + forged.logs[1]
        return real_sign(kind, origin, body, by)

    def make_entry(public: dict[str, Any], compartments: tuple[bytes, ...]) -> entry.Entry:
        more = (compartments[0],) if forged.details else ()
        return real_entry(forged.public(public), (*compartments, *more))

    with world.session("ana") as ana:
        body = (
            deposit_body(ana, world)
            if forged.kind == "deposit"
            else act_body(ana, forged.kind, world)
        )
        origin = ana.authority.origin(forged.logs[0])
        actor = real_sign(forged.kind, origin, forged.actor(ana, body), ana.identity)
        index = ana.replica.heads[ACCESS].size
        with monkeypatch.context() as patch:
            patch.setattr(forge_kit.note, "sign", sign)
            patch.setattr(forge_kit.entry, "Entry", make_entry)
            forge(ana, ACCESS, actor, world, **forged.said(ana))
    return index


def seen(**change: Any) -> Callable[[Session, dict[str, Any]], dict[str, Any]]:
    """An actor note that says that its actor has seen something else."""

    def changed(session: Session, body: dict[str, Any]) -> dict[str, Any]:
        found = dict(body["seen"])
        for log, what in change.items():
            size = session.replica.heads[log].size
            found[log] = {**found[log], **what(size)}
        return {**body, "seen": found}

    return changed


PUBLIC = {
    "id": "00" * 16,
    **dict.fromkeys(("records_root", "case_seal", "gate_seal"), "00" * 32),
}
FORGERIES = {
    "another-note": Forgery(
        public=lambda public: {**public, "note": "ab" * 32}, reason="names another note"
    ),
    "a-deposit-that-is-none": Forgery(
        public=lambda public: {**public, "deposit": PUBLIC}, reason="public part"
    ),
    "another-root": Forgery(
        "deposit",
        public=lambda public: {
            **public,
            "deposit": {**public["deposit"], "records_root": "ab" * 32},
        },
        reason="public part",
    ),
    "another-deposit": Forgery(
        "deposit",
        public=lambda public: {**public, "deposit": {**public["deposit"], "id": "ab" * 16}},
        reason="public part",
    ),
    "a-hidden-deposit": Forgery(
        "deposit", public=lambda public: {"note": public["note"]}, reason="public part"
    ),
    "a-refused-deposit-in-public": Forgery(
        "deposit", said=lambda _: {"outcome": "refused", "why": "role"}, reason="public part"
    ),
    "details-of-nobody": Forgery(details=True, reason="details"),
    "details-that-are-missing": Forgery(
        actor=lambda _, body: {**body, "details": "00" * 32}, reason="details"
    ),
    "a-gate-of-the-other-log": Forgery(logs=(ACCESS, AUTHORITY), reason="another place"),
    "an-act-of-the-other-log": Forgery(logs=(AUTHORITY, ACCESS), reason="another log"),
    "a-statement-that-was-done": Forgery(
        "case-opened", logs=(AUTHORITY, ACCESS), reason="another log"
    ),
    "a-statement-as-an-act": Forgery("case-opened", reason="should not be"),
    "a-release-that-was-done": Forgery(said=lambda _: {"outcome": "done"}, reason="outcome"),
    "a-deposit-that-was-released": Forgery(
        "deposit",
        said=lambda _: {"outcome": "released"},
        public=lambda public: {"note": public["note"]},
        reason="outcome",
    ),
    "a-release-that-waits": Forgery(said=lambda _: {"outcome": "pending"}, reason="outcome"),
    "older-keys": Forgery(
        "deposit", actor=lambda _, body: {**body, "epoch": 9}, reason="should not be"
    ),
    "an-authority-that-never-was": Forgery(
        said=lambda session: {
            "authority": {"size": session.authority.size, "root": "00" * 32},
        },
        reason="never was",
    ),
    "an-authority-to-come": Forgery(
        said=lambda session: {
            "authority": {**session.authority.position.body(), "size": session.authority.size + 1},
        },
        reason="never was",
    ),
    "another-place": Forgery(
        said=lambda session: {
            "access": {**session.replica.position(ACCESS).body(), "size": 0},
        },
        reason="another place",
    ),
    "an-actor-of-another-history": Forgery(
        actor=seen(authority=lambda _: {"root": "00" * 32}), reason="seen another"
    ),
    "an-actor-ahead-of-the-authority": Forgery(
        said=lambda session: {
            "authority": session.replica.at(session.authority.size - 1).position.body()
        },
        reason="less than its actor had seen",
    ),
    "an-actor-ahead-of-the-log": Forgery(
        actor=seen(access=lambda size: {"size": size + 1}), reason="less than its actor had seen"
    ),
}


def test_what_a_gate_rightly_writes_is_used(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: written by the same hand, without a change, it is in order."""
    for kind in ("release", "deposit"):
        index = write(world, Forgery(kind), monkeypatch)
        with world.session("aud") as auditor:
            assert auditor.verify()[1] == []
        with world.session("ben") as ben, ben.store.read() as reads:
            assert open_act(ben.replica, reads, index, world.case)[0].kind == kind


@pytest.mark.parametrize("name", FORGERIES)
def test_what_does_not_hold_together_is_named_and_not_used(
    world: World, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The auditor names the entry with its reason, and no holder acts on it."""
    forged = FORGERIES[name]
    index = write(world, forged, monkeypatch)
    for reader in ("aud", "ben"):
        with world.session(reader) as session:
            ((found, reason),) = [(p.index, p.reason) for p in session.verify()[1]]
        assert found == index
        assert forged.reason in reason
    with (
        world.session("ben") as ben,
        ben.store.read() as reads,
        pytest.raises(LogError, match=forged.reason),
    ):
        open_act(ben.replica, reads, index, world.case)


def test_a_request_of_nobody_is_named(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """That a release uses a request which nobody made is seen by whoever reads the whole log."""
    forged = Forgery(actor=lambda _, body: {**body, "request": "a" * 26})
    index = write(world, forged, monkeypatch)
    for reader in ("aud", "ben"):
        with world.session(reader) as session:
            ((found, reason),) = [(p.index, p.reason) for p in session.verify()[1]]
        assert found == index
        assert "a request that was not made" in reason


def test_a_true_refusal_needs_no_right(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refusal is in order whatever was asked: also a statement, under its own log's origin."""
    refusal = {"outcome": "refused", "why": "role"}
    for forged in (
        Forgery("case-opened", said=lambda _: refusal, logs=(AUTHORITY, ACCESS)),
        Forgery(said=lambda _: refusal),
    ):
        write(world, forged, monkeypatch)
    with world.session("aud") as auditor:
        assert auditor.verify()[1] == []


def test_a_gates_own_note_is_no_act(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two notes of the gate, one about the other, are an entry of nobody's."""

    def pair(actor: note.Note, gate: note.Note) -> bytes:
        about = {**gate.body, "note": gate.digest}
        second = note.sign("gate", gate.origin, about, identity("ana"))
        return lp(gate.signed, second.signed)

    with monkeypatch.context() as patch:
        patch.setattr(forge_kit.note, "pair", pair)
        index = write(world, Forgery(), monkeypatch)
    with world.session("aud") as auditor:
        assert [problem.index for problem in auditor.verify()[1]] == [index]


@pytest.mark.parametrize("raw", [b"", b"no entry", b"\0" * 600], ids=["empty", "text", "zeros"])
def test_what_is_no_entry_hides_none_of_the_others(world: World, raw: bytes) -> None:
    """It is named with its place; who reads on finds all that stands before and after it."""
    with world.session("ana") as ana:
        forge_kit.append(ana, ACCESS, raw, bytes(32), world)
        ana.catch_up()
        index = ana.replica.heads[ACCESS].size - 1
        ana.release([world.stored[0].record], "review")
    for reader in ("aud", "ben"):
        with world.session(reader) as session:
            assert [(p.index, p.code) for p in session.verify()[1]] == [(index, "MalformedError")]
            kinds = [access.kind for access in session.log()]
            assert (kinds[index], kinds[index + 1]) == ("", "release")
    with world.session("ana") as ana:
        for keys in (None, ana):
            found = [p for p in check(ana.store, keys).problems if p.where.get("index") == index]
            assert [problem.code for problem in found] == ["entry"]
        assert len(list(ana.records())) == 2
