"""A cosigner signs nothing that contradicts what they signed, and nobody else's lines count."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from vault_kit import Clock, World, identity, make

from keys.signing import VerifierKey, join_note, signed_at, split_note, verify_note
from vault import conflicts, cosigner
from vault.cosigner import Cosigner, Watched
from vault.errors import (
    DamageError,
    FileError,
    ForkedError,
    LogError,
    MalformedError,
    ProofError,
    RolledBackError,
    UsageError,
)
from vault.log import checkpoint
from vault.log.checkpoint import Checkpoint
from vault.log.outside import Request, parse_request
from vault.note import ACCESS, AUTHORITY
from vault.session import Session


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A vault with entries in its access log."""
    made = make(tmp_path)
    for _ in range(2):
        made.read_all("ben")
    return made


@pytest.fixture
def ally(tmp_path: Path) -> Cosigner:
    """Somebody outside, with a home of their own."""
    return Cosigner(tmp_path / "ally", identity("ally"), "ally.example/watch", Clock())


def head(session: Session, log: str = ACCESS) -> Checkpoint:
    """The log's present head."""
    return session.replica.heads[log]


def signed(session: Session, said: Checkpoint) -> bytes:
    """What the gate would sign."""
    signing = session._client.gate.epoch().signing
    assert signing is not None
    return checkpoint.sign(signing, said)


def grown(world: World, session: Session) -> None:
    """More entries."""
    world.read_all("ben")
    session.catch_up()


def seen(ally: Cosigner, origin: str) -> int:
    """How many entries they have cosigned."""
    return Watched(ally._home, ally._identity, origin).seen().size


def test_the_log_is_followed_as_it_grows(world: World, ally: Cosigner) -> None:
    """First a bare checkpoint, then requests; each note carries the log's lines and the ally's."""
    with world.session("ana") as ana:
        keys = ana.heads.keys()
        first = ally.cosign(ana.heads.checkpoint(), keys)
        assert first.before == 0
        assert verify_note(first.note, [*keys, *ally.keys])
        assert None not in {signed_at(first.note, key) for key in ally.keys}
        grown(world, ana)
        second = ally.cosign(ana.heads.request(first.said.size))
        assert (second.before, second.said) == (first.said.size, head(ana))
        assert ally.cosign(ana.heads.checkpoint()).said == second.said
        assert ally.cosign(ana.heads.request(second.said.size)).said == second.said


def test_the_first_time_needs_the_logs_keys(world: World, ally: Cosigner, tmp_path: Path) -> None:
    """Both, of this log, as its people have them; nothing is pinned by what did not hold."""
    with world.session("ana") as ana:
        note, keys = ana.heads.checkpoint(), ana.heads.keys()
        for given in ([], keys[:1], keys[1:], ana.heads.keys(AUTHORITY), list(ally.keys)):
            with pytest.raises(UsageError):
                ally.cosign(note, given)
        other = VerifierKey(keys[0].name, keys[0].kind, identity("ben").signing.ed25519_public)
        with pytest.raises(LogError):
            ally.cosign(note, [other, keys[1]])
        with pytest.raises(UsageError):
            ally.cosign(note)
        with pytest.raises(LogError):
            ally.cosign(ana.heads.request(1), keys)
    assert list((tmp_path / "ally").rglob("state")) == []


@pytest.mark.parametrize("which", [0, 1])
def test_one_bad_or_missing_signature_of_two_is_refused(
    world: World, ally: Cosigner, which: int
) -> None:
    """The other one is not enough."""
    with world.session("ana") as ana:
        note, keys = ana.heads.checkpoint(), ana.heads.keys()
    text, lines = split_note(note)
    value = lines[which].value
    bad = list(lines)
    bad[which] = bad[which]._replace(value=value[:-1] + bytes([value[-1] ^ 1]))
    for false in (join_note(text, bad), join_note(text, [lines[1 - which]])):
        with pytest.raises(LogError):
            ally.cosign(false, keys)


def test_a_fork_is_refused_and_kept_as_proof(world: World, ally: Cosigner) -> None:
    """Of the same size with another root, whatever it starts from; anybody can check the proof."""
    with world.session("ana") as ana:
        keys, good = ana.heads.keys(), ana.heads.checkpoint()
        ally.cosign(good, keys)
        other = signed(ana, head(ana)._replace(root=bytes(32)))
        size = head(ana).size
        for data in (other, Request(size, (), other).encode(), Request(0, (), other).encode()):
            with pytest.raises(ForkedError):
                ally.cosign(data)
        kept = cosigner.conflicts(ally._home, ally._identity)
        assert len(kept) == 3
        for one in kept:
            assert (one.smaller, one.larger) == (good, other)
            assert conflicts.verify(one.encode(), keys)
        assert ally.cosign(good).said == head(ana)


def test_a_history_that_does_not_extend_the_old_one_is_refused(
    world: World, ally: Cosigner
) -> None:
    """A larger tree with a proof of another, with none, or with one element too few or many."""
    with world.session("ana") as ana:
        ally.cosign(ana.heads.checkpoint(), ana.heads.keys())
        old = head(ana).size
        grown(world, ana)
        good = parse_request(ana.heads.request(old))
        assert good.hashes
        false = [
            replace(good, hashes=()),
            replace(good, hashes=good.hashes[:-1]),
            replace(good, hashes=good.hashes[1:]),
            replace(good, hashes=(*good.hashes, bytes(32))),
            replace(good, hashes=(bytes(32), *good.hashes[1:])),
            replace(good, note=signed(ana, head(ana)._replace(root=bytes(32)))),
            replace(good, note=signed(ana, head(ana)._replace(size=head(ana).size + 1))),
            replace(parse_request(ana.heads.request(1)), old=old),
        ]
        for request in false:
            with pytest.raises(ProofError):
                ally.cosign(request.encode())
        assert seen(ally, head(ana).origin) == old
        assert ally.cosign(good.encode()).said == head(ana)


def test_a_request_starts_where_the_last_one_ended(world: World, ally: Cosigner) -> None:
    """From another size it is refused, with the size that they have; so is a bare checkpoint."""
    with world.session("ana") as ana:
        ally.cosign(ana.heads.checkpoint(), ana.heads.keys())
        old = head(ana).size
        grown(world, ana)
        for data in (ana.heads.request(old - 1), ana.heads.request(0), ana.heads.checkpoint()):
            with pytest.raises(LogError) as caught:
                ally.cosign(data)
            assert f"--from {old}" in caught.value.hint
        assert seen(ally, head(ana).origin) == old


def test_a_smaller_tree_is_refused(world: World, ally: Cosigner) -> None:
    """Though the log did sign it once."""
    with world.session("ana") as ana:
        early, size = ana.heads.checkpoint(), head(ana).size
        grown(world, ana)
        ally.cosign(ana.heads.checkpoint(), ana.heads.keys())
        with pytest.raises(LogError):
            ally.cosign(early)
        with pytest.raises(LogError):
            ally.cosign(Request(size, (), early).encode())
        with pytest.raises(RolledBackError):
            ally.cosign(Request(head(ana).size, (), early).encode())


def test_old_gate_keys_are_believed_no_more(world: World, ally: Cosigner) -> None:
    """After a rotation new ones must be given; then what the old ones sign is refused, also if
    somebody gives them again."""
    with world.session("ana") as ana:
        before = ana.heads.keys()
        ally.cosign(ana.heads.checkpoint(), before)
        old = signed(ana, head(ana))
        ana.rotate("gate")
        with pytest.raises(LogError, match="keys that you know"):
            ally.cosign(ana.heads.checkpoint())
        ally.cosign(ana.heads.checkpoint(), ana.heads.keys())
        with pytest.raises(LogError, match="keys that you know"):
            ally.cosign(old)
        with pytest.raises(LogError, match="replaced"):
            ally.cosign(old, before)
        with pytest.raises(LogError, match="replaced"):
            ally.cosign(old, [before[0], ana.heads.keys()[1]])


def test_what_was_seen_is_kept_before_the_signature_leaves(
    world: World, ally: Cosigner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If it cannot be kept, nothing is signed that could be given out."""

    def full(_self: Watched, _name: str, _plain: bytes) -> None:
        raise OSError(28, "No space left on device")

    with world.session("ana") as ana:
        keys, note = ana.heads.keys(), ana.heads.checkpoint()
        with monkeypatch.context() as patch:
            patch.setattr(Watched, "write", full)
            with pytest.raises(FileError):
                ally.cosign(note, keys)
        with pytest.raises(UsageError):
            ally.cosign(note)


def test_what_was_seen_is_encrypted_and_bound(world: World, ally: Cosigner, tmp_path: Path) -> None:
    """No origin, key or size stands on the disk; a changed or exchanged file is damage."""
    with world.session("ana") as ana:
        for log in (ACCESS, AUTHORITY):
            ally.cosign(ana.heads.checkpoint(log), ana.heads.keys(log))
        states = sorted((tmp_path / "ally").rglob("state"))
        assert len(states) == 2
        for state in states:
            assert b"evault" not in state.read_bytes()
            assert ana.authority.vault not in str(state)
        one, two = (state.read_bytes() for state in states)
        states[0].write_bytes(two)
        states[1].write_bytes(one[:-1] + bytes([one[-1] ^ 1]))
        for log in (ACCESS, AUTHORITY):
            with pytest.raises(DamageError):
                ally.cosign(ana.heads.checkpoint(log))


def test_what_is_no_checkpoint_is_malformed(world: World, ally: Cosigner) -> None:
    """And asks for no key."""
    for data in (b"", b"old 3\n\n", b"old x\n\nnote", b"old 03\n\n" + bytes(9), b"a" * 100):
        with pytest.raises(MalformedError):
            ally.cosign(data)
    with world.session("ana") as ana:
        empty = Checkpoint(head(ana).origin, 0, b"r" * 32)
        with pytest.raises(ProofError):
            ally.cosign(signed(ana, empty), ana.heads.keys())


# --- heads that contradict each other -------------------------------------------------------------


def test_two_heads_are_a_proof_only_if_they_contradict_each_other(world: World) -> None:
    """The same head twice, an older one and a newer, heads of two logs, of no known signer."""
    with world.session("ana") as ana:
        keys, early = tuple(ana.heads.keys()), ana.heads.checkpoint()
        same = signed(ana, head(ana))
        other = signed(ana, head(ana)._replace(root=bytes(32)))
        authority = ana.heads.checkpoint(AUTHORITY)
        name = head(ana, AUTHORITY).origin
        elsewhere = signed(ana, head(ana)._replace(origin=name, root=bytes(32)))
        old, small = head(ana).size, head(ana)
        grown(world, ana)
        late = ana.heads.checkpoint()
        hashes = parse_request(ana.heads.request(old)).hashes
        good = conflicts.Conflict(keys, early, other).encode()
        longer = conflicts.Conflict(keys, other, late, small.root, hashes).encode()
        assert conflicts.verify(good, keys)
        assert conflicts.verify(longer, keys)
        for false in (
            conflicts.Conflict(keys, early, same),
            conflicts.Conflict(keys, early, late),
            conflicts.Conflict(keys, early, late, small.root, hashes),
            conflicts.Conflict(keys, other, late, bytes(32), hashes),
            conflicts.Conflict(keys, other, late, small.root, hashes[:-1]),
            conflicts.Conflict(keys, early, authority),
            conflicts.Conflict(keys, early, elsewhere),
            conflicts.Conflict(keys, late, early, small.root, hashes),
        ):
            with pytest.raises(ProofError):
                conflicts.verify(false.encode(), [*keys, *ana.heads.keys(AUTHORITY)])
        for given in (ana.heads.keys(AUTHORITY), list(identity("ben").contact().verifiers)):
            with pytest.raises(ProofError):
                conflicts.verify(good, given)
        with pytest.raises(UsageError):
            conflicts.verify(good, [])
        text, lines = split_note(other)
        lines[1] = lines[1]._replace(value=lines[1].value[:-1] + b"x")
        bad = conflicts.Conflict(keys, early, join_note(text, lines)).encode()
        with pytest.raises(ProofError):
            conflicts.verify(bad, keys)
        for data in (
            b"",
            good[:-1],
            good.replace(b"key ", b"kay ", 1),
            good.replace(b"key ", b"key  "),
            good + b"\n\nmore\n",
        ):
            with pytest.raises(MalformedError):
                conflicts.verify(data, keys)
