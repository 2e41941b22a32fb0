"""Identities and contacts: one seed, one public half, and no weak keys."""

from __future__ import annotations

import base64
import json
import pickle

import pytest

from keys import identity as module
from keys.errors import Error, KeySizeError, MalformedError, SignatureError, WeakKeyError
from keys.identity import Identity, device_id, parse_contact
from keys.seal import check_public
from keys.signing import check_ed25519

ANA, EVE = Identity(bytes(range(32)), "Ana Ruiz"), Identity(bytes(32), "Eve")
P = 2**255 - 19
ORDER_8 = (
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
)
SIGN = 1 << 255
WEAK_ED25519 = [
    y.to_bytes(32, "little")
    for low in (0, 1, P - 1, *(int.from_bytes(bytes.fromhex(h), "little") for h in ORDER_8))
    for y in (low, low | SIGN)
] + [y.to_bytes(32, "little") for y in (P, P + 1, P + 18, P | SIGN, (P + 1) | SIGN)]
WEAK_X25519 = [
    u.to_bytes(32, "little")
    for u in (
        0,
        1,
        325606250916557431795983626356110631294008115727848805560023387167927233504,
        39382357235489614581723060781553021112529911719440698176882885853963445705823,
        P - 1,
    )
]
NOT_CANONICAL = [u.to_bytes(32, "little") for u in (P, P + 1, 2**255 - 1, 9 | SIGN)]


def body_of(contact: bytes) -> dict[str, str]:
    """The fields of a contact."""
    return dict(json.loads(contact.split(b"\n")[2]))


def signed(body: dict[str, str], by: Identity = EVE) -> bytes:
    """A contact with any fields, properly signed by somebody under the name that it gives."""
    text = module._encode(body)
    return by.signing.sign_note(body["device"], text, hybrid=True)


def test_a_seed_gives_always_the_same_device() -> None:
    """Frozen: the id of a known seed never changes."""
    assert Identity(bytes(range(32)), "x").device == ANA.device
    assert ANA.device == device_id(ANA.signing.ed25519_public, ANA.signing.ml_dsa_44_public)
    assert len(ANA.device) == 32
    assert EVE.device != ANA.device


def test_a_contact_round_trips() -> None:
    """Its text is a signed note that says all there is."""
    contact = ANA.contact()
    assert parse_contact(contact.note) == contact
    assert contact.name == "Ana Ruiz"
    assert contact.sealing == ANA.sealing.public


def test_every_flipped_byte_of_a_contact_is_refused() -> None:
    """Text and signatures, every byte counts."""
    note = ANA.contact().note
    for at in range(0, len(note), 3):
        broken = note[:at] + bytes([note[at] ^ 1]) + note[at + 1 :]
        with pytest.raises(Error):
            parse_contact(broken)


@pytest.mark.parametrize("lines", [[0], [1], [1, 0], [0, 1, 0], [0, 0]])
def test_a_contact_has_exactly_its_two_signatures(lines: list[int]) -> None:
    """Missing, swapped, repeated or additional lines make another contact, which is refused."""
    text, _, tail = ANA.contact().note.decode().rpartition("\n\n")
    given = tail.splitlines(keepends=True)
    with pytest.raises(SignatureError):
        parse_contact((text + "\n\n" + "".join(given[line] for line in lines)).encode())


def test_a_contact_signed_by_another_is_refused() -> None:
    """Nobody makes a contact for keys that they do not have."""
    with pytest.raises(SignatureError):
        parse_contact(signed(body_of(ANA.contact().note)))


def test_a_device_id_that_is_not_that_of_the_keys_is_refused() -> None:
    """An id cannot be chosen."""
    body = {**body_of(EVE.contact().note), "device": ANA.device}
    with pytest.raises(SignatureError):
        parse_contact(signed(body))


@pytest.mark.parametrize("change", ["more", "less", "order", "space", "type"])
def test_a_contact_has_one_form(change: str) -> None:
    """Fields more or less, another order or spelling: refused."""
    body = body_of(EVE.contact().note)
    line = json.dumps(body, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    lines = {
        "more": line.replace("{", '{"a":"b",', 1),
        "less": json.dumps({k: v for k, v in body.items() if k != "name"}, separators=(",", ":")),
        "order": json.dumps(dict(reversed(body.items())), separators=(",", ":")),
        "space": json.dumps(body, sort_keys=True),
        "type": line.replace('"Eve"', "7"),
    }
    text = f"evault/1/contact\n\n{lines[change]}\n".encode()
    with pytest.raises(MalformedError):
        parse_contact(EVE.signing.sign_note(EVE.device, text, hybrid=True))


@pytest.mark.parametrize("weak", WEAK_ED25519, ids=bytes.hex)
def test_weak_ed25519_keys_are_refused(weak: bytes) -> None:
    """One signature would verify under them for many messages."""
    with pytest.raises(WeakKeyError):
        check_ed25519(weak)
    body = {**body_of(EVE.contact().note), "ed25519": base64.b64encode(weak).decode()}
    body["device"] = device_id(weak, EVE.signing.ml_dsa_44_public)
    with pytest.raises(WeakKeyError):
        parse_contact(signed(body))


@pytest.mark.parametrize("weak", [*WEAK_X25519, *NOT_CANONICAL], ids=bytes.hex)
def test_weak_x25519_keys_are_refused(weak: bytes) -> None:
    """Nothing could be sealed to a group with such a member, or one key would have two names."""
    sealing = EVE.sealing.public[:1184] + weak
    with pytest.raises(WeakKeyError):
        check_public(sealing)
    body = {**body_of(EVE.contact().note), "sealing": base64.b64encode(sealing).decode()}
    with pytest.raises(WeakKeyError):
        parse_contact(signed(body))


def test_a_lattice_key_that_is_none_is_refused() -> None:
    """Coefficients out of range are no ML-KEM key."""
    with pytest.raises(MalformedError):
        check_public(b"\xff" * 1184 + EVE.sealing.public[1184:])
    with pytest.raises(MalformedError):
        check_public(EVE.sealing.public[:-1])


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "a\x1b[31m", "\x7f", "x" * 201, "\ud800"])
def test_names_that_are_none_are_refused(name: str) -> None:
    """A name can be shown in one line."""
    with pytest.raises(MalformedError):
        Identity(bytes(32), name)


def test_names_in_any_script_are_fine() -> None:
    """Spanish, Arabic, emoji."""
    for name in ("Íñigo", "مرحبا", "👩‍👩‍👧 family"):
        assert parse_contact(Identity(bytes(32), name).contact().note).name == name


@pytest.mark.parametrize("text", [b"", b"hello", b"evault/1/contact\n\n{}\n", b"\xff\n\n\n"])
def test_what_is_no_contact_is_told(text: bytes) -> None:
    """Anything else is malformed, in one clear error."""
    with pytest.raises(MalformedError):
        parse_contact(text)


def test_secrets_are_not_shown() -> None:
    """Neither repr nor pickle nor an exception gives a seed away."""
    seed = bytes(range(32))
    shown = repr(ANA) + str(ANA) + repr(ANA.sealing) + repr(ANA.signing) + repr(ANA.contact())
    for form in (seed.hex(), repr(seed)[2:-1], base64.b64encode(seed).decode()):
        assert form not in shown
    for secret in (ANA, ANA.sealing, ANA.signing):
        with pytest.raises(TypeError):
            pickle.dumps(secret)


def test_a_seed_of_another_length_is_the_callers_mistake() -> None:
    """32 bytes, no more, no less."""
    with pytest.raises(KeySizeError):
        Identity(bytes(31), "x")
