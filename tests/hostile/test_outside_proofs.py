"""What leaves the vault as proof cannot be altered, and proves nothing under any other key."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from vault_kit import World, identity, make

from keys.derive import lp, parse_lp
from keys.signing import SigningKeys, VerifierKey, cosigner_keys, join_note, split_note
from vault import disclosed
from vault.errors import DeniedError, LogError, MalformedError, ProofError, UsageError
from vault.log import checkpoint, entry, merkle, proof
from vault.log.outside import Proof, parse_proof, parse_request
from vault.model import GATE
from vault.note import ACCESS
from vault.session import Session

INDEX = 1


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A vault with five entries and more in its access log."""
    made = make(tmp_path)
    for _ in range(3):
        made.read_all("ben")
    return made


def told(session: Session, index: int = INDEX) -> bytes:
    """An entry disclosed."""
    return session.heads.disclose(index)


def keys(session: Session) -> list[VerifierKey]:
    """The two keys of the access log."""
    return session.heads.keys()


def test_who_has_the_file_and_the_keys_learns_what_happened(world: World) -> None:
    """Who, what, when and for which purpose; never the words of the reason, nor a title."""
    with world.session("aud") as aud:
        data = told(aud)
        found = disclosed.verify(data, keys(aud))
        assert (found.index, found.size) == (INDEX, aud.replica.heads[ACCESS].size)
        assert found.actor.kind == "release"
        assert found.actor.body["purpose"] == "review"
        assert found.log_keys == 2
        assert not found.actor_verified
    assert b"a test" not in b"".join(parse_lp(parse_proof(data).extra))
    ben = identity("ben").contact()
    with world.session("aud") as aud:
        assert disclosed.verify(data, keys(aud), [ben]).actor_verified
        assert disclosed.verify(data, keys(aud)[:1]).log_keys == 1


def test_no_key_proves_nothing(world: World) -> None:
    """Whoever gives none is told so, and never hears that it holds."""
    with world.session("aud") as aud, pytest.raises(UsageError):
        disclosed.verify(told(aud), [])


def test_every_changed_byte_is_noticed(world: World) -> None:
    """Wherever it is in the file: of the head, the proof, the entry, the salt or the notes."""
    with world.session("aud") as aud:
        data, wanted = told(aud), keys(aud)
    step = max(1, len(data) // 400)
    for at in range(0, len(data), step):
        changed = bytearray(data)
        changed[at] ^= 1
        with pytest.raises((LogError, MalformedError)):
            disclosed.verify(bytes(changed), wanted)


def altered(proof: Proof, at: int, change: Callable[[bytes], bytes]) -> bytes:
    """A proof with one part of its extra data changed: 1 entry, 2 salt, 3 body."""
    parts = parse_lp(proof.extra)
    parts[at] = change(parts[at])
    return replace(proof, extra=lp(*parts)).encode()


def flipped(data: bytes) -> bytes:
    """One bit is another."""
    return data[:-1] + bytes([data[-1] ^ 1])


def test_an_altered_part_is_refused(world: World) -> None:
    """An element of the proof altered, dropped, added; the salt, the body, the index; and none of
    them by luck of its form."""
    with world.session("aud") as aud:
        wanted, good = keys(aud), parse_proof(told(aud))
    hashes = good.hashes
    assert len(hashes) > 1
    false = [
        replace(good, hashes=(flipped(hashes[0]), *hashes[1:])).encode(),
        replace(good, hashes=hashes[1:]).encode(),
        replace(good, hashes=hashes[:-1]).encode(),
        replace(good, hashes=(*hashes, hashes[0])).encode(),
        replace(good, hashes=(*hashes[:1], *hashes)).encode(),
        replace(good, index=good.index + 1).encode(),
        replace(good, index=10**18).encode(),
        altered(good, 2, flipped),
        altered(good, 3, flipped),
        altered(good, 3, lambda body: body.replace(b'"review"', b'"filing"')),
    ]
    assert disclosed.verify(good.encode(), wanted)
    for data in false:
        with pytest.raises(ProofError):
            disclosed.verify(data, wanted)


def test_another_entrys_valid_proof_is_refused(world: World) -> None:
    """With its own index or with this one's; and another entry's body under this entry."""
    with world.session("aud") as aud:
        wanted = keys(aud)
        one, two = parse_proof(told(aud, 1)), parse_proof(told(aud, 3))
    first, second = parse_lp(one.extra), parse_lp(two.extra)
    for data in (
        replace(two, extra=one.extra).encode(),
        replace(one, hashes=two.hashes).encode(),
        replace(one, extra=lp(first[0], first[1], *second[2:])).encode(),
        replace(one, extra=lp(first[0], second[1], *first[2:])).encode(),
    ):
        with pytest.raises(ProofError):
            disclosed.verify(data, wanted)


def test_a_proof_from_another_size_is_refused(world: World) -> None:
    """Its hashes lead to another root than that of the checkpoint beside it."""
    with world.session("aud") as aud:
        before = parse_proof(told(aud))
        world.read_all("ben")
        aud.catch_up()
        after, wanted = parse_proof(told(aud)), keys(aud)
    for data in (replace(before, note=after.note), replace(after, note=before.note)):
        with pytest.raises(ProofError):
            disclosed.verify(data.encode(), wanted)


def test_both_signatures_of_the_head_count(world: World) -> None:
    """One that is bad or missing is refused; asked for one key alone, the other is not believed."""
    with world.session("aud") as aud:
        wanted, good = keys(aud), parse_proof(told(aud))
    text, lines = split_note(good.note)
    for which in (0, 1):
        bad = list(lines)
        bad[which] = bad[which]._replace(value=flipped(bad[which].value))
        left = [line for at, line in enumerate(lines) if at != which]
        for note in (join_note(text, bad), join_note(text, left)):
            with pytest.raises(ProofError):
                disclosed.verify(replace(good, note=note).encode(), wanted)
            with pytest.raises(ProofError):
                disclosed.verify(replace(good, note=note).encode(), [wanted[which]])


def test_another_origin_or_an_old_gate_epoch_is_refused(world: World) -> None:
    """The other log's keys, another vault's, those of before and after the gate's rotation."""
    with world.session("ana") as ana:
        before, wanted = told(ana), keys(ana)
        with pytest.raises(ProofError):
            disclosed.verify(before, ana.heads.keys("authority"))
        ana.rotate("gate")
        after, fresh = told(ana), keys(ana)
    assert disclosed.verify(after, fresh)
    assert disclosed.verify(before, wanted)
    for data, of in ((after, wanted), (before, fresh)):
        with pytest.raises(ProofError):
            disclosed.verify(data, of)


def forge(session: Session, raw: bytes, origin: str | None = None) -> tuple[bytes, bytes]:
    """A head that the gate signs over a log of one entry, and a proof in it."""
    signing = session._client.gate.epoch().signing
    assert isinstance(signing, SigningKeys)
    leaf = merkle.leaf_hash(raw)
    name = origin or session.authority.origin(ACCESS)
    return checkpoint.sign(signing, checkpoint.Checkpoint(name, 1, leaf)), leaf


def test_a_gates_head_over_what_does_not_belong_together_is_refused(world: World) -> None:
    """Even signed by the gate: an entry at another place than its gate note says, a public part
    that is not its act's, the authority log's head, a key that is not the log's."""
    with world.session("aud") as aud:
        _label, raw, salt, body = parse_lp(parse_proof(told(aud)).extra)
        wanted = keys(aud)
        note, _leaf = forge(aud, raw)
        with pytest.raises(ProofError, match="another place"):
            disclosed.verify(disclosed.make(Proof(0, (), note), raw, salt, body), wanted)
        parsed = entry.parse(raw)
        false = parsed._replace(public={**parsed.public, "confirms": 0}).encode()
        note, _leaf = forge(aud, false)
        with pytest.raises(ProofError, match="public part"):
            disclosed.verify(disclosed.make(Proof(0, (), note), false, salt, body), wanted)
        origin = aud.authority.origin("authority")
        note, _leaf = forge(aud, raw, origin)
        with pytest.raises(ProofError, match="access log"):
            disclosed.verify(
                disclosed.make(Proof(0, (), note), raw, salt, body), aud.heads.keys("authority")
            )
        other = "evault/" + "a" * 26 + "/access"
        signing = aud.authority.epoch(GATE).signing
        assert signing is not None
        note, _leaf = forge(aud, raw, other)
        with pytest.raises(ProofError, match="another log"):
            disclosed.verify(
                disclosed.make(Proof(0, (), note), raw, salt, body),
                checkpoint.verifiers(other, *signing),
            )


def test_a_contact_that_did_not_sign_is_refused(world: World) -> None:
    """Somebody else's, and one whose note another has signed."""
    with world.session("aud") as aud, pytest.raises(ProofError, match="Carla"):
        disclosed.verify(told(aud), keys(aud), [identity("carla").contact()])


def test_a_cosigner_alone_is_no_log(world: World) -> None:
    """Whoever gives only the key of somebody else is not told that the log was checked."""
    with world.session("aud") as aud:
        good = parse_proof(told(aud))
        mine = identity("carla").cosigner("ally")
        note = mine.cosign("ally", good.note)
        key = cosigner_keys("ally", mine.ed25519_public, mine.ml_dsa_44_public)
        data = replace(good, note=note).encode()
        assert len(disclosed.verify(data, [*keys(aud), *key]).checked) == 4
        with pytest.raises(ProofError, match="this log's"):
            disclosed.verify(data, key)


def test_what_is_no_disclosure_is_malformed(world: World) -> None:
    """Not a proof, no extra data, another application's, a second spelling, an endless one."""
    with world.session("aud") as aud:
        wanted, data = keys(aud), told(aud)
    good = parse_proof(data)
    for false in (
        b"",
        b"nothing",
        replace(good, extra=b"").encode(),
        replace(good, extra=lp(b"other", b"", b"", b"")).encode(),
        replace(good, extra=b"xx").encode(),
        data.replace(b"index 1\n", b"index 01\n"),
        data.replace(b"index 1\n", b"index 1 \n"),
        data.replace(b"\nindex", b"\nindex 1\nindex"),
        replace(good, hashes=good.hashes * 64).encode(),
        data + bytes(1 << 24),
    ):
        with pytest.raises(MalformedError):
            disclosed.verify(false, wanted)


def test_only_who_can_open_an_entry_discloses_it(world: World) -> None:
    """A member who holds nothing cannot."""
    with world.session("carla") as carla, pytest.raises(DeniedError):
        told(carla)


def test_a_request_to_cosign_proves_that_the_log_grew(world: World) -> None:
    """From every size, also from nothing."""
    with world.session("ana") as ana, ana.store.read() as reads:
        head = ana.replica.heads[ACCESS]
        for old in range(head.size + 1):
            asked = parse_request(ana.heads.request(old))
            assert (asked.old, asked.note) == (old, ana.replica.notes[ACCESS])
            if 0 < old < head.size:
                path = proof.consistency(old, head.size, lambda *at: reads.node(ACCESS, *at))
                assert list(asked.hashes) == path
            else:
                assert asked.hashes == ()
        with pytest.raises(UsageError):
            ana.heads.request(head.size + 1)
