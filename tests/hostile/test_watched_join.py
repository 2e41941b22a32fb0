"""Whoever joins a watched vault is shown what its cosigners saw, or does not join."""

from __future__ import annotations

import base64
import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from vault_kit import Clock, World, identity, make

from keys.signing import VerifierKey, join_note, split_note
from vault.audit.cosigned import cosigned
from vault.cosigner import Cosigner
from vault.errors import (
    DeniedError,
    Error,
    ForkedError,
    LogError,
    MalformedError,
    RolledBackError,
    UsageError,
    WeakKeyError,
)
from vault.log import checkpoint
from vault.note import ACCESS, AUTHORITY
from vault.session import Session


@dataclass
class Allies:
    """Three outside, of whom the first two are named in the policy, and one signature is asked."""

    root: Path

    def __getitem__(self, name: str) -> Cosigner:
        return Cosigner(self.root / name, identity(name), f"{name}.example", Clock())

    def pair(self, name: str) -> list[VerifierKey]:
        """Somebody's two keys."""
        return self[name].keys


@pytest.fixture
def allies(tmp_path: Path) -> Allies:
    """Each with a home of their own."""
    return Allies(tmp_path / "allies")


@pytest.fixture
def world(tmp_path: Path, allies: Allies) -> World:
    """A vault whose policy names two cosigners, with a newcomer who has not joined yet."""
    made = make(tmp_path)
    made.read_all("ben")
    with made.session("ana") as ana:
        ana.people.set_policy(None, [allies.pair("one"), allies.pair("two")], 1)
    shutil.rmtree(made.home("carla"))
    return made


def watched(session: Session, ally: Cosigner) -> bytes:
    """The log's head with somebody's lines."""
    return ally.cosign(session.heads.checkpoint(), session.heads.keys()).note


def join(world: World, given: bytes | None = None) -> None:
    """Let carla join for the first time."""
    Session.join(
        world.path,
        identity("carla"),
        world.home("carla"),
        world.fingerprint,
        cosigned=given,
        clock=world.clock,
    ).close()


def test_without_enough_cosignatures_nobody_joins(world: World, allies: Allies) -> None:
    """Nothing kept, or kept and signed by others; and what was tried leaves no pins."""
    with pytest.raises(LogError, match="1 cosignatures"):
        join(world)
    with world.session("ana") as ana:
        ana.heads.keep(watched(ana, allies["three"]))
    with pytest.raises(LogError, match="1 cosignatures"):
        join(world)
    assert list(world.home("carla").rglob("pins")) == []
    with world.session("ana") as ana:
        ana.heads.keep(watched(ana, allies["two"]))
        found = ana.heads.cosigned()
        assert found is not None
        assert found.names == ("two.example",)
    join(world)
    assert list(world.home("carla").rglob("pins"))


def test_a_checkpoint_given_by_hand_is_enough(world: World, allies: Allies) -> None:
    """It need not be kept in the vault; then so much must be there."""
    with world.session("ana") as ana:
        old = world.copy(world.root.with_name("old"))
        world.read_all("ben")
        ana.catch_up()
        given = watched(ana, allies["one"])
    with pytest.raises(RolledBackError):
        join(old, given)
    join(world, given)


def test_as_many_as_the_policy_asks_for(world: World, allies: Allies) -> None:
    """One of two is not enough; a cosigner's line counts once."""
    with world.session("ana") as ana:
        ana.people.set_policy(cosignatures=2)
        assert ana.authority.cosignatures == 2
        one = watched(ana, allies["one"])
        ana.heads.keep(one)
        with pytest.raises(LogError, match="2 cosignatures"):
            join(world)
        text, lines = split_note(one)
        with pytest.raises(LogError, match="1 of the 2"):
            join(world, join_note(text, [*lines, *lines[2:]]))
        ana.heads.keep(watched(ana, allies["two"]))
    join(world)


@pytest.mark.parametrize("which", [0, 1])
def test_both_keys_of_a_cosigner_sign(world: World, allies: Allies, which: int) -> None:
    """One good line of two does not count, whether the other is missing or false."""
    with world.session("ana") as ana:
        text, lines = split_note(watched(ana, allies["one"]))
    false = list(lines)
    value = false[2 + which].value
    false[2 + which] = false[2 + which]._replace(value=value[:-1] + bytes([value[-1] ^ 1]))
    short = [line for at, line in enumerate(lines) if at != 2 + which]
    for note in (join_note(text, false), join_note(text, short)):
        with pytest.raises(LogError, match="0 of the 1"):
            join(world, note)


def test_the_right_name_under_another_key_does_not_count(world: World, tmp_path: Path) -> None:
    """Somebody calls themselves what the policy calls an ally."""
    mallory = Cosigner(tmp_path / "mallory", identity("mallory"), "one.example", Clock())
    with world.session("ana") as ana, pytest.raises(LogError, match="0 of the 1"):
        join(world, watched(ana, mallory))


def test_what_cosigners_signed_is_what_the_log_had(world: World, allies: Allies) -> None:
    """Their lines over another root, or over the other log, do not let anybody in."""
    with world.session("ana") as ana:
        signing = ana._client.gate.epoch().signing
        assert signing is not None
        head = ana.replica.heads[ACCESS]
        forked = checkpoint.sign(signing, head._replace(root=bytes(32)))
        forked = allies["one"].cosign(forked, ana.heads.keys()).note
        other = allies["one"].cosign(ana.heads.checkpoint(AUTHORITY), ana.heads.keys(AUTHORITY))
        with pytest.raises(ForkedError):
            join(world, forked)
        with pytest.raises(LogError, match="another log"):
            join(world, other.note)
        with pytest.raises(MalformedError):
            join(world, b"nothing")
        # And if somebody puts it among what the vault keeps:
        with ana.store.write() as writes:
            writes.keep_cosigned(ACCESS, head.size, forked)
        with pytest.raises(LogError, match="1 cosignatures"):
            join(world)
        with ana.store.read() as reads:
            (bad, *rest) = cosigned(ana.replica, reads)
        assert (bad.result, bad.name) == ("invalid", "cosigned")
        assert "one.example saw another log" in bad.about
        assert {step.result for step in rest} == {"not-checked"}


def test_a_host_that_shows_an_old_copy_is_refused(world: World, allies: Allies) -> None:
    """It has no head that the newcomer was told of, though all in it is signed."""
    with world.session("ana") as ana:
        ana.heads.keep(watched(ana, allies["one"]))
        old = world.copy(world.root.with_name("old"))
        world.read_all("ben")
        ana.catch_up()
        request = ana.heads.request(allies_size(ana))
        given = allies["one"].cosign(request).note
        ana.heads.keep(given)
    with pytest.raises(RolledBackError):
        join(old, given)
    join(world, given)


def allies_size(session: Session) -> int:
    """What is cosigned so far."""
    found = session.heads.cosigned()
    assert found is not None
    return found.size


def test_a_checkpoint_for_a_vault_that_names_no_cosigners_is_refused(
    tmp_path: Path, allies: Allies
) -> None:
    """An older copy may be from before the policy: nobody can say that the lines count."""
    plain = make(tmp_path)
    shutil.rmtree(plain.home("carla"))
    with plain.session("ana") as ana:
        given = watched(ana, allies["one"])
    with pytest.raises(LogError, match="names no cosigners"):
        join(plain, given)
    join(plain)


def test_verifying_the_log_says_who_watched(world: World, allies: Allies) -> None:
    """Valid with how far, not checked with why, and which line is false."""
    with world.session("ana") as ana:
        note = watched(ana, allies["one"])
        ana.heads.keep(note)
        with ana.store.read() as reads:
            steps = cosigned(ana.replica, reads)
        assert [step.result for step in steps] == ["valid", "not-checked"]
        assert "two.example" in steps[1].about
        text, lines = split_note(note)
        lines[3] = lines[3]._replace(value=lines[3].value[:-1] + b"x")
        with ana.store.write() as writes:
            writes.keep_cosigned(ACCESS, ana.replica.heads[ACCESS].size, join_note(text, lines))
        with ana.store.read() as reads:
            steps = cosigned(ana.replica, reads)
        assert [step.result for step in steps] == ["invalid", "not-checked", "not-checked"]
        assert "one.example" in steps[0].about
        last = ana.replica.heads[ACCESS].size - 1
        logs, problems = ana.verify()
        found = [problem for problem in problems if problem.step == "cosigned"]
        assert [(problem.index, problem.reason) for problem in found] == [(last, steps[0].about)]
        assert {log.log: log.result for log in logs}[ACCESS] == "invalid"


# --- the policy -----------------------------------------------------------------------------------


def state(world: World, body: dict[str, object]) -> None:
    """What a modified client would send."""
    with world.session("ana") as ana:
        ana.proposals.sign("vault-policy-set", {"policy": body})


def body(
    pairs: Sequence[Sequence[VerifierKey]], count: int, stewards: int = 1
) -> dict[str, object]:
    """A policy."""
    texts = [[key.encode() for key in pair] for pair in pairs]
    return {"stewards": 1, "cosigners": texts, "cosignatures": count}


def test_a_policy_that_could_not_hold_is_refused(world: World, allies: Allies) -> None:
    """More signatures than cosigners, one person twice, keys of another kind, the log itself."""
    one, two, three = (allies.pair(name) for name in ("one", "two", "three"))
    with world.session("ana") as ana:
        log = ana.heads.keys()
    renamed = [VerifierKey("four.example", key.kind, key.public) for key in one]
    called = [VerifierKey("one.example", key.kind, key.public) for key in two]
    itself = [VerifierKey(log[0].name, one[0].kind, one[0].public), log[1]]
    for pairs, count in (
        ([one], 2),
        ([one, one], 1),
        ([one, renamed], 2),
        ([one, called], 2),
        ([one, [two[0], three[1]]], 1),
        ([[one[1], one[0]]], 1),
        ([log], 1),
        ([itself], 1),
        ([identity("ben").contact().verifiers], 1),
    ):
        with pytest.raises(MalformedError):
            state(world, body(pairs, count))
    weak = body([one], 1)
    raw = b"\x04" + bytes(32)
    key_id = hashlib.sha256(b"one.example\n" + raw).hexdigest()[:8]
    text = f"one.example+{key_id}+{base64.b64encode(raw).decode()}"
    weak["cosigners"] = [[text, one[1].encode()]]
    with pytest.raises(WeakKeyError):
        state(world, weak)
    for false in ({"stewards": 1, "cosigners": []}, body([], 1), body([one], 0)):
        with pytest.raises((ValueError, Error)):
            state(world, false)
    with pytest.raises(DeniedError, match="no-change"):
        state(world, body([one, two], 1))
    with world.session("ana") as ana:
        assert ana.authority.cosigners == (tuple(one), tuple(two))
        with pytest.raises(UsageError):
            ana.people.set_policy(cosignatures=3)


def test_what_is_not_said_stays(world: World, allies: Allies) -> None:
    """Another number of stewards keeps the cosigners; none at all is said so."""
    with world.session("ana") as ana:
        ana.people.set_policy(cosigners=[allies.pair("three")])
        assert (ana.authority.stewards_needed, ana.authority.cosignatures) == (1, 1)
        assert ana.authority.cosigners == (tuple(allies.pair("three")),)
        ana.people.set_policy(cosignatures=0)
        assert (ana.authority.cosigners, ana.authority.cosignatures) == ((), 0)


def test_only_stewards_say_whose_eyes_count(world: World, allies: Allies) -> None:
    """An attorney is refused, and the refusal logged."""
    with world.session("ben") as ben, pytest.raises(DeniedError):
        ben.people.set_policy(cosigners=[allies.pair("three")])
