"""Cosignatures are those of C2SP tlog-cosignature, under keys that serve nothing else."""

from __future__ import annotations

import base64
import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, mldsa

from keys.errors import MalformedError, SignatureError, WeakKeyError
from keys.identity import Identity
from keys.signing import (
    ED25519_COSIGNATURE,
    Checkpoint,
    VerifierKey,
    cosigner_keys,
    join_note,
    signed_at,
    split_note,
    verify_note,
)

HEAD = Checkpoint("example.org/log", 12, b"r" * 32)
NAME = "ally.example/watch"
AT = 1_700_000_000
ALLY, LOG = Identity(b"a" * 32, "Ally"), Identity(b"l" * 32, "Log")


def cosigned() -> bytes:
    """A checkpoint of a log with an ally's two lines."""
    note = LOG.signing.sign_checkpoint(HEAD.origin, HEAD, AT)
    return ALLY.cosigner(NAME).cosign(NAME, note, AT)


def keys() -> list[VerifierKey]:
    """The ally's keys."""
    mine = ALLY.cosigner(NAME)
    return cosigner_keys(NAME, mine.ed25519_public, mine.ml_dsa_44_public)


def test_the_lines_are_those_of_the_standard() -> None:
    """Each byte, put together here from the standard's words and checked with bare primitives."""
    text, lines = split_note(cosigned())
    assert [line.name for line in lines] == [HEAD.origin] * 2 + [NAME] * 2
    one, two = lines[2:]
    stamp = AT.to_bytes(8, "big")
    for line, kind, key in zip((one, two), (b"\x04", b"\x06"), keys(), strict=True):
        assert line.key_id == hashlib.sha256(NAME.encode() + b"\n" + kind + key.public).digest()[:4]
        assert line.value[:8] == stamp
    root = base64.b64encode(HEAD.root).decode()
    first = f"cosignature/v1\ntime {AT}\nexample.org/log\n12\n{root}\n".encode()
    assert first.endswith(text)
    ed25519.Ed25519PublicKey.from_public_bytes(keys()[0].public).verify(one.value[8:], first)
    second = b"subtree/v1\n\0" + bytes([len(NAME)]) + NAME.encode() + stamp
    second += bytes([len(HEAD.origin)]) + HEAD.origin.encode() + bytes(8) + (12).to_bytes(8, "big")
    second += HEAD.root
    mldsa.MLDSA44PublicKey.from_public_bytes(keys()[1].public).verify(two.value[8:], second)


def test_both_verify_and_say_when() -> None:
    """As keys of a note; the time is in the line."""
    note = cosigned()
    assert verify_note(note, keys()) == split_note(note)[0]
    assert [signed_at(note, key) for key in keys()] == [AT, AT]
    assert signed_at(LOG.signing.sign_checkpoint(HEAD.origin, HEAD, AT), keys()[0]) is None


@pytest.mark.parametrize("which", [2, 3])
@pytest.mark.parametrize("at", [0, 7, 8, 40])
def test_a_changed_line_does_not_verify(which: int, at: int) -> None:
    """The time is signed too."""
    text, lines = split_note(cosigned())
    value = bytearray(lines[which].value)
    value[at] ^= 1
    lines[which] = lines[which]._replace(value=bytes(value))
    with pytest.raises((SignatureError, MalformedError)):
        verify_note(join_note(text, lines), keys())


def test_signing_again_replaces_ones_own_lines() -> None:
    """The others' stay."""
    again = ALLY.cosigner(NAME).cosign(NAME, cosigned(), AT + 5)
    assert [signed_at(again, key) for key in keys()] == [AT + 5] * 2
    assert len(split_note(again)[1]) == 4


def test_no_key_serves_two_purposes() -> None:
    """A device's keys, and those of each cosigner's name, are all different."""
    made = [ALLY.signing, ALLY.cosigner(NAME), ALLY.cosigner("other"), LOG.cosigner(NAME)]
    assert len({keys.ed25519_public for keys in made}) == 4
    assert len({keys.ml_dsa_44_public for keys in made}) == 4


def test_verifier_keys_of_cosigners_have_a_text() -> None:
    """It reads back; a weak one is refused as any other."""
    for key in keys():
        assert VerifierKey.parse(key.encode()) == key
    with pytest.raises(WeakKeyError):
        VerifierKey(NAME, ED25519_COSIGNATURE, bytes(32))
