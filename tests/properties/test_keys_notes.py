"""For all notes, contacts and identity files: what is written reads back, nothing else is read."""

from __future__ import annotations

from functools import cache

import pytest
from argon2.low_level import hash_secret_raw
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keys import keyfile
from keys.errors import Error, MalformedError, SignatureError, WrongPassphraseError
from keys.identity import Identity, check_name, parse_contact
from keys.keyfile import LEAST
from keys.signing import (
    Checkpoint,
    SigningKeys,
    VerifierKey,
    checkpoint_keys,
    encode_checkpoint,
    note_keys,
    parse_checkpoint,
    split_note,
    verify_note,
)

calm = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
few = settings(calm, max_examples=30)

SIGNING = SigningKeys(b"e" * 32, b"m" * 32)

seeds = st.binary(min_size=32, max_size=32)
texts = st.text(st.characters(exclude_categories=["Cs"], min_codepoint=32) | st.just("\n"))
key_names = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Z"], exclude_characters="+"), min_size=1
).filter(lambda name: not any(char.isspace() for char in name))


def good(name: str) -> bool:
    """Whether this is a name."""
    try:
        check_name(name)
    except MalformedError:
        return False
    return True


names = st.text(max_size=60).filter(good)


@calm
@given(texts, key_names, st.booleans())
def test_note_round_trip(text: str, name: str, hybrid: bool) -> None:
    """A signed note splits into its text and lines and verifies, whatever its text holds."""
    raw = text.encode() + b"\n"
    note = SIGNING.sign_note(name, raw, hybrid=hybrid)
    verifiers = note_keys(name, SIGNING.ed25519_public, SIGNING.ml_dsa_44_public)
    found, lines = split_note(note)
    assert found == raw
    assert [line[:2] for line in lines] == [(name, key.key_id) for key in verifiers[: 1 + hybrid]]
    assert verify_note(note, verifiers[: 1 + hybrid], exact=True) == raw
    assert [VerifierKey.parse(key.encode()) for key in verifiers] == verifiers


@calm
@given(texts, st.booleans(), st.integers(0), st.integers(0, 7))
def test_note_with_a_bit_changed(text: str, hybrid: bool, at: int, bit: int) -> None:
    """A note with any bit changed is not believed."""
    note = bytearray(SIGNING.sign_note("name", text.encode() + b"\n", hybrid=hybrid))
    verifiers = note_keys("name", SIGNING.ed25519_public, SIGNING.ml_dsa_44_public)
    note[at % len(note)] ^= 1 << bit
    try:
        verify_note(bytes(note), verifiers[: 1 + hybrid], exact=True)
    except (SignatureError, MalformedError):
        return
    raise AssertionError


@calm
@given(texts.filter(lambda text: text and "\n" not in text), st.integers(0, 10**19 - 1), seeds)
def test_checkpoint_round_trip(origin: str, size: int, root: bytes) -> None:
    """A checkpoint parses to what it says, and its signatures verify."""
    head = Checkpoint(origin, size, root)
    assert parse_checkpoint(encode_checkpoint(head)) == head
    if len(origin.encode()) < 256:
        note = SIGNING.sign_checkpoint("name", head)
        verifiers = checkpoint_keys("name", SIGNING.ed25519_public, SIGNING.ml_dsa_44_public)
        assert verify_note(note, verifiers, exact=True) == encode_checkpoint(head)


@calm
@given(st.binary(max_size=80) | texts.map(str.encode))
def test_checkpoint_of_any_bytes(text: bytes) -> None:
    """Whatever parses as a checkpoint encodes to the same bytes again."""
    try:
        head = parse_checkpoint(text)
    except MalformedError:
        return
    assert encode_checkpoint(head) == text


# --- contacts and identity files ------------------------------------------------------------------


@few
@given(seeds, names)
def test_contact_round_trip(seed: bytes, name: str) -> None:
    """A contact reads back as it was made, and making it again gives the same text."""
    identity = Identity(seed, name)
    contact = identity.contact()
    again = parse_contact(contact.note)
    assert again == contact
    assert (again.device, again.name) == (identity.device, name)
    assert split_note(identity.contact().note)[0] == split_note(contact.note)[0]


@calm
@given(st.binary(max_size=300) | texts.map(lambda text: f"evault/1/contact\n\n{text}".encode()))
def test_contact_of_any_bytes(note: bytes) -> None:
    """Bytes of any kind are refused as a contact, by no other exception."""
    try:
        parse_contact(note)
    except Error:
        return
    raise AssertionError


STRETCH = cache(hash_secret_raw)


@settings(calm, max_examples=8)
@given(seeds, names, st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_keyfile_round_trip(seed: bytes, name: str, passphrase: str) -> None:
    """An identity file opens to the identity that was put in, under any passphrase."""
    identity = Identity(seed, name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keyfile, "hash_secret_raw", STRETCH)
        data = keyfile.encode(identity, passphrase, LEAST)
        found = keyfile.parse(data, passphrase)
    assert (found.seed(), found.name) == (seed, name)
    assert keyfile.cost_of(data) == LEAST


@calm
@given(st.binary(max_size=700), st.booleans())
def test_keyfile_of_any_bytes(data: bytes, magic: bool) -> None:
    """Bytes of any kind are refused as an identity file, before any work or by its result."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keyfile, "hash_secret_raw", lambda *_: bytes(32))
        with pytest.raises((MalformedError, WrongPassphraseError)):
            keyfile.parse((keyfile.MAGIC + b"\x00\x01" if magic else b"") + data, "")
