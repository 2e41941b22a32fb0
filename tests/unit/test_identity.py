"""A contact is believed only as its own keys made it, and only with keys that are safe to use."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import pickle
from typing import Any

import pytest
from keys_kit import FORGED, WEAK_ED25519, WEAK_X25519, damaged, forged, split

from keys.derive import Label, expand, lp
from keys.errors import Error, KeySizeError, MalformedError, SignatureError, WeakKeyError
from keys.identity import Contact, Identity, check_name, device_id, parse_contact
from keys.seal import ML_KEM_PUBLIC, SealingKey
from keys.signing import ED25519, SigningKeys, VerifierKey

SEED = bytes(range(32))
ANA = Identity(SEED, "Ana Ruiz")
BEN = Identity(b"b" * 32, "Ben")
NOTE = ANA.contact().note


def encoded(raw: bytes) -> str:
    """Bytes as they stand in a contact."""
    return base64.b64encode(raw).decode()


def body(of: Identity = ANA, /, **changes: Any) -> dict[str, Any]:
    """The fields of a contact, some of them changed."""
    return {
        "device": of.device,
        "ed25519": encoded(of.signing.ed25519_public),
        "ml_dsa_44": encoded(of.signing.ml_dsa_44_public),
        "name": of.name,
        "sealing": encoded(of.sealing.public),
        **changes,
    }


def text(line: str) -> bytes:
    """A contact's text with this third line."""
    return f"evault/1/contact\n\n{line}\n".encode()


def dumped(fields: Any) -> str:
    """One line of JSON as contacts have it, in the order given."""
    line = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
    return line.encode("utf-8", "backslashreplace").decode()


def signed(fields: Any, by: Identity = ANA) -> bytes:
    """A contact of these fields that is properly signed."""
    return by.sign(text(dumped(fields)), hybrid=True)


def test_a_contact_says_what_its_identity_is() -> None:
    """A contact reads back as the public half of the identity that made it."""
    contact = parse_contact(NOTE)
    assert contact == Contact(
        ANA.device,
        "Ana Ruiz",
        ANA.signing.ed25519_public,
        ANA.signing.ml_dsa_44_public,
        ANA.sealing.public,
        NOTE,
    )
    assert [key.name for key in contact.verifiers] == [ANA.device, ANA.device]


def test_contact_as_specified() -> None:
    """A contact is three lines, the third of five fields in order, and two signature lines."""
    start, lines = split(NOTE)
    assert start == text(dumped(body())) + b"\n"
    assert [line.split(b" ")[1].decode() for line in lines] == [ANA.device, ANA.device]


def test_identity_as_specified() -> None:
    """All keys of an identity come from its seed, under one label each."""
    signing = SigningKeys(
        expand(SEED, Label.IDENTITY_ED25519), expand(SEED, Label.IDENTITY_ML_DSA_44)
    )
    sealing = SealingKey(
        expand(SEED, Label.IDENTITY_ML_KEM_768, length=64), expand(SEED, Label.IDENTITY_X25519)
    )
    assert ANA.signing.ed25519_public == signing.ed25519_public
    assert ANA.signing.ml_dsa_44_public == signing.ml_dsa_44_public
    assert ANA.sealing.public == sealing.public
    assert ANA.local_key == expand(SEED, Label.IDENTITY_LOCAL_STATE)
    assert ANA.seed() == SEED


def test_device_id_as_specified() -> None:
    """A device's id is base32 of a hash of both its signing keys, and does not change."""
    keys = lp(b"evault/1/device-id", ANA.signing.ed25519_public, ANA.signing.ml_dsa_44_public)
    raw = hashlib.sha256(keys).digest()[:20]
    assert ANA.device == base64.b32encode(raw).decode().lower()
    assert ANA.device == "ar2ne63fxvus2cn7ejd6qndplqwvd3hf"
    assert device_id(ANA.signing.ed25519_public, BEN.signing.ml_dsa_44_public) != ANA.device
    assert device_id(BEN.signing.ed25519_public, ANA.signing.ml_dsa_44_public) != ANA.device


def test_identities_are_drawn_at_random() -> None:
    """Two identities of one name have nothing in common."""
    one, other = Identity.create("Ana"), Identity.create("Ana")
    assert one.seed() != other.seed()
    assert one.device != other.device


@pytest.mark.parametrize("size", [0, 16, 31, 33, 64])
def test_seed_size(size: int) -> None:
    """A seed of another length is the caller's mistake."""
    with pytest.raises(KeySizeError):
        Identity(bytes(size), "Ana")


# --- what a contact must be -----------------------------------------------------------------------


@pytest.mark.parametrize("part", range(8))
def test_every_bit_of_the_text(part: int) -> None:
    """A contact with any one bit of its text changed is refused."""
    start, lines = split(NOTE)
    tail = b"".join(lines)
    for at in range(part, len(start), 8):
        for bit in range(8):
            changed = bytearray(start)
            changed[at] ^= 1 << bit
            with pytest.raises(Error):
                parse_contact(bytes(changed) + tail)


def test_bytes_of_the_signatures() -> None:
    """A contact with a byte of its signature lines changed is refused, of either line."""
    start, (first, _) = split(NOTE)
    short = len(start) + len(first) + 64
    for at in (*range(len(start), short), *range(short, len(NOTE), 7), len(NOTE) - 1):
        changed = bytearray(NOTE)
        changed[at] ^= 1
        with pytest.raises(Error):
            parse_contact(bytes(changed))


def test_cut_short() -> None:
    """A contact cut short anywhere is refused."""
    for size in range(0, len(NOTE), 7):
        with pytest.raises(Error):
            parse_contact(NOTE[:size])


@pytest.mark.parametrize(
    "note",
    [
        b"",
        b"\xff\xfe",
        b"evault/1/contact",
        b"evault/1/contact\n\n{}",
        NOTE.replace(b"evault/1/contact", b"evault/2/contact"),
        NOTE.replace(b"evault/1/contact", b"evault/1/genesis"),
        NOTE.replace(b"contact\n\n", b"contact\norigin\n"),
        NOTE.replace(b"contact\n\n", b"contact\n"),
        b"\n" + NOTE,
        b"age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq\n",
    ],
)
def test_not_a_contact(note: bytes) -> None:
    """What is not a contact of this version is malformed."""
    with pytest.raises(MalformedError):
        parse_contact(note)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "{",
        "[]",
        "null",
        '"text"',
        "NaN",
        "1" * 5000,
        "[" * 100_000,
        dumped(list(body().values())),
        dumped({name: value for name, value in body().items() if name != "name"}),
        dumped(body(zebra="one more")),
        dumped({"age": "one more", **body()}),
        dumped(dict(reversed(body().items()))),
        dumped(body(name=None)),
        dumped(body(name=["Ana"])),
        dumped(body(device=7)),
        dumped(body(sealing=True)),
    ],
)
def test_fields(line: str) -> None:
    """A contact without exactly its five texts in their order is malformed, whoever signed it."""
    with pytest.raises(MalformedError):
        parse_contact(ANA.sign(text(line), hybrid=True))


@pytest.mark.parametrize(
    "line",
    [
        json.dumps(body(), ensure_ascii=False),
        " " + dumped(body()),
        dumped(body()) + " ",
        dumped(body()).replace("Ana", "\\u0041na"),
        dumped(body()).replace("/", "\\/"),
        dumped(body())[:-1] + ',"sealing":"' + encoded(ANA.sealing.public) + '"}',
        json.dumps(body(name="Añá"), separators=(",", ":")),
    ],
)
def test_canonical(line: str) -> None:
    """A contact that says the same in another form is malformed, though it is properly signed."""
    with pytest.raises(MalformedError):
        parse_contact(ANA.sign(text(line), hybrid=True))


def test_more_text() -> None:
    """A contact with a line more than three is malformed, though it is properly signed."""
    with pytest.raises(MalformedError):
        parse_contact(ANA.sign(text(dumped(body())) + b"more\n", hybrid=True))


@pytest.mark.parametrize("field", ["ed25519", "ml_dsa_44", "sealing"])
@pytest.mark.parametrize("change", ["", "!", "A", "AAAA", "-cut", "=", "spare", "é"])
def test_keys_in_base64(field: str, change: str) -> None:
    """A key that is not base64 of its length, in its one spelling, is malformed."""
    value = body()[field]
    spare = value.rstrip("=")
    changed = {
        "": "",
        "-cut": value[:-4],
        # Base64 has bits to spare before its padding.
        "spare": spare[:-1] + chr(ord(spare[-1]) + 1) + "=" * (len(value) - len(spare)),
    }.get(change, value + change)
    with pytest.raises(MalformedError):
        parse_contact(signed(body(**{field: changed})))


def test_the_id_of_another() -> None:
    """A contact whose device id is not that of its keys is refused, whoever signed under it."""
    for fields in (body(device=BEN.device), body(device=""), body(device=ANA.device.upper())):
        for by in (ANA, BEN):
            with pytest.raises(SignatureError, match="device id"):
                parse_contact(signed(fields, by))
    stolen = ANA.signing.sign_note(BEN.device, text(dumped(body(device=BEN.device))), hybrid=True)
    with pytest.raises(SignatureError, match="device id"):
        parse_contact(stolen)


@pytest.mark.parametrize("half", ["ed25519", "ml_dsa_44"])
def test_half_of_another(half: str) -> None:
    """A contact that takes one of its two signing keys from another is refused."""
    public = {"ed25519": ANA.signing.ed25519_public, "ml_dsa_44": ANA.signing.ml_dsa_44_public}
    public[half] = getattr(BEN.signing, f"{half}_public")
    device = device_id(public["ed25519"], public["ml_dsa_44"])
    fields = body(device=device, **{name: encoded(key) for name, key in public.items()})
    with pytest.raises(SignatureError):
        parse_contact(ANA.signing.sign_note(device, text(dumped(fields)), hybrid=True))


def test_signed_by_another() -> None:
    """A contact that another has signed, under either name, is refused."""
    with pytest.raises(SignatureError):
        parse_contact(signed(body(), BEN))
    with pytest.raises(SignatureError):
        parse_contact(BEN.signing.sign_note(ANA.device, text(dumped(body())), hybrid=True))


def test_another_name_or_key_under_old_signatures() -> None:
    """A contact whose name or sealing key was exchanged does not verify."""
    _, lines = split(NOTE)
    for fields in (body(name="Ana Ruis"), body(sealing=encoded(BEN.sealing.public))):
        with pytest.raises(SignatureError):
            parse_contact(text(dumped(fields)) + b"\n" + b"".join(lines))


def test_signature_lines() -> None:
    """A contact with a signature line too many, too few, out of order or false is refused."""
    start, (first, second) = split(NOTE)
    stranger = split(signed(body(BEN), BEN))[1]
    for lines in (
        [first],
        [second],
        [second, first],
        [first, second, second],
        [first, first, second],
        [first, second, stranger[0]],
        [stranger[1], first, second],
        [damaged(first), second],
        [first, damaged(second)],
        stranger,
    ):
        with pytest.raises(SignatureError):
            parse_contact(start + b"".join(lines))
    assert parse_contact(start + first + second).device == ANA.device


# --- keys that must be refused --------------------------------------------------------------------


def forged_contact(public: bytes) -> bytes:
    """A contact under an Ed25519 key without a private half, signed with one fixed signature."""
    device = device_id(public, ANA.signing.ml_dsa_44_public)
    key = _unchecked(device, public)
    for number in range(60):
        fields = body(device=device, ed25519=encoded(public), name=f"Mallory {number}")
        line = text(dumped(fields))
        if forged(public, line):
            break
    value = encoded(key.key_id + FORGED)
    lattice = split(ANA.signing.sign_note(device, line, hybrid=True))[1][1]
    return line + f"\n\N{EM DASH} {device} {value}\n".encode() + lattice


def _unchecked(name: str, public: bytes) -> VerifierKey:
    """A verifier key that nobody checked."""
    key = object.__new__(VerifierKey)
    for field, value in (("name", name), ("kind", ED25519), ("public", public)):
        object.__setattr__(key, field, value)
    return key


@pytest.mark.parametrize("public", WEAK_ED25519, ids=bytes.hex)
def test_weak_ed25519_keys(public: bytes) -> None:
    """A contact under a key for which one signature verifies many texts is refused."""
    with pytest.raises(WeakKeyError):
        parse_contact(forged_contact(public))


def test_forged_contacts_would_verify(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing but the check for weak keys stands between a forged contact and belief."""
    monkeypatch.setattr("keys.signing.check_ed25519", lambda _: None)
    for public in WEAK_ED25519[:10]:
        assert parse_contact(forged_contact(public)).ed25519 == public


@pytest.mark.parametrize("curve", WEAK_X25519, ids=bytes.hex)
def test_weak_x25519_keys(curve: bytes) -> None:
    """A contact that nobody could seal to, or with a second spelling of a key, is refused."""
    sealing = ANA.sealing.public[:ML_KEM_PUBLIC] + curve
    with pytest.raises(WeakKeyError):
        parse_contact(signed(body(sealing=encoded(sealing))))


def test_a_false_ml_kem_key() -> None:
    """A contact whose ML-KEM key cannot be is malformed."""
    sealing = b"\xff" * ML_KEM_PUBLIC + ANA.sealing.public[ML_KEM_PUBLIC:]
    with pytest.raises(MalformedError):
        parse_contact(signed(body(sealing=encoded(sealing))))


# --- names ----------------------------------------------------------------------------------------

GOOD = [
    "A",
    "Ana Ruiz",
    "María-José Ñandú",
    "李小龍",
    "عبد الله",
    "👩‍⚖️",
    " Ana ",
    "x" * 200,
    "é" * 100,
]
BAD = ["", " ", "\N{NO-BREAK SPACE}\N{EM SPACE}", "x" * 201, "é" * 101, "a\nb", "a\x00", "\x1b[2J"]
BAD += ["a\x7fb", "a\x80b", "a\x9fb", "\x9b2J", "\t", "\ud800"]


@pytest.mark.parametrize("name", GOOD)
def test_good_names(name: str) -> None:
    """Names of all scripts are kept exactly as they are."""
    assert parse_contact(Identity(SEED, name).contact().note).name == name


@pytest.mark.parametrize("name", BAD, ids=ascii)
def test_bad_names(name: str) -> None:
    """A name that is empty, too long, or could move a cursor is refused on both ends."""
    with pytest.raises(MalformedError):
        check_name(name)
    with pytest.raises(MalformedError):
        Identity(SEED, name)
    with pytest.raises(MalformedError):
        parse_contact(signed(body(name=name)))


# --- secrets --------------------------------------------------------------------------------------


def test_secrets_stay_inside() -> None:
    """An identity can be neither pickled nor copied, and shows only its device id."""
    for way in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="secret"):
            way(BEN)
    for shown in (repr(BEN), str(BEN), f"{BEN}"):
        assert shown == f"Identity({BEN.device})"


def test_a_contact_holds_no_secret() -> None:
    """Neither the seed nor a key that comes from it stands in a contact, in any encoding."""
    secrets = [BEN.seed(), BEN.local_key]
    secrets += [expand(BEN.seed(), label) for label in Label if "IDENTITY" in label.name]
    contact = BEN.contact()
    shown = contact.note + repr(contact).encode()
    for secret in secrets:
        for form in (secret, secret.hex().encode(), base64.b64encode(secret)[:40], repr(secret)):
            assert (form if isinstance(form, bytes) else form.encode()) not in shown
