"""Signed notes are C2SP's, and their Ed25519 is that of RFC 8032."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from keys.errors import SignatureError
from keys.signing import ED25519, SigningKeys, VerifierKey, split_note, verify_note

VECTORS = Path(__file__).resolve().parents[2].parent / "shared" / "vectors"

# RFC 8032, section 7.1: secret key, public key, message, signature.
RFC_8032 = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e3970"
            "1cf9b46bd25bf5f0595bbe24655141438e7a100b"
        ),
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        (
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613"
            "d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        ),
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        (
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760"
            "984dc6594a7c15e9716ed28dc027beceea1ec40a"
        ),
    ),
]
IDS = ["test-1", "test-2", "test-3"]


@pytest.fixture
def published() -> tuple[VerifierKey, bytes]:
    """C2SP's example: a verifier key and a note that must verify under it."""
    path = VECTORS / "README.md"
    if not path.is_file():
        pytest.skip(f"the published example is not at {path}")
    quoted = re.findall(r"`([^`]+)`", path.read_text(encoding="utf-8"))
    (vkey,) = (part for part in quoted if part.startswith("example.com/foo+"))
    (line,) = (part for part in quoted if part.startswith("\N{EM DASH} example.com/foo "))
    key = VerifierKey.parse(vkey)
    assert key.encode() == vkey
    return key, f"This is an example message.\n\n{line}\n".encode()


def test_the_example_verifies(published: tuple[VerifierKey, bytes]) -> None:
    """The example of C2SP's signed-note verifies, whether or not other lines are allowed."""
    key, note = published
    assert verify_note(note, [key]) == b"This is an example message.\n"
    assert verify_note(note, [key], exact=True) == b"This is an example message.\n"
    assert split_note(note)[1][0].key_id == key.key_id == bytes.fromhex("530d903a")


def test_the_example_changed(published: tuple[VerifierKey, bytes]) -> None:
    """The example with another text does not verify."""
    key, note = published
    with pytest.raises(SignatureError, match="does not verify"):
        verify_note(note.replace(b"an example", b"no example"), [key])


@pytest.mark.parametrize(("secret", "public", "message", "signature"), RFC_8032, ids=IDS)
def test_rfc_8032(secret: str, public: str, message: str, signature: str) -> None:
    """A secret key of RFC 8032 gives its public key and its signature, which verifies."""
    keys = SigningKeys(bytes.fromhex(secret), bytes(32))
    assert keys.ed25519_public.hex() == public
    text, value = bytes.fromhex(message), bytes.fromhex(signature)
    assert keys._ed25519.sign(text) == value
    VerifierKey("rfc8032", ED25519, keys.ed25519_public).verify(text, value)


@pytest.mark.parametrize(("public", "message", "signature"), [v[1:] for v in RFC_8032], ids=IDS)
def test_rfc_8032_changed(public: str, message: str, signature: str) -> None:
    """With any byte of it changed, a signature of RFC 8032 does not verify."""
    key = VerifierKey("rfc8032", ED25519, bytes.fromhex(public))
    for at in range(64):
        value = bytearray.fromhex(signature)
        value[at] ^= 1
        with pytest.raises(SignatureError):
            key.verify(bytes.fromhex(message), bytes(value))
