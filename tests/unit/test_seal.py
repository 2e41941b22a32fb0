"""A seal opens with its key, for what it was made for, and with nothing else."""

from __future__ import annotations

import copy
import hashlib
import hmac
import pickle

import pytest
from cryptography.hazmat.primitives.asymmetric import mlkem, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from keys_kit import LOW_ORDER_X25519, WEAK_X25519

from keys.derive import Label, lp
from keys.errors import MalformedError, OpenError, WeakKeyError
from keys.seal import ML_KEM_PUBLIC, OVERHEAD, PUBLIC_SIZE, SealingKey, check_public, seal

LATTICE = bytes(range(64))
CURVE = bytes(range(100, 132))
KEY = SealingKey(LATTICE, CURVE)
OTHER = SealingKey(b"l" * 64, b"c" * 32)
SECRET = b"a secret of thirty-two bytes, ok"


def test_round_trip() -> None:
    """A seal opens to what was sealed, and is longer by a fixed number of bytes."""
    for plaintext in (b"", SECRET, bytes(32_000)):
        sealed = seal(KEY.public, plaintext, Label.RELEASE, b"one", b"two")
        assert len(sealed) == OVERHEAD + len(plaintext)
        assert KEY.open(sealed, Label.RELEASE, b"one", b"two") == plaintext


def test_seals_are_fresh() -> None:
    """The same secret sealed twice has nothing in common."""
    one, other = (seal(KEY.public, SECRET, Label.RELEASE) for _ in range(2))
    assert one[:32] != other[:32]
    assert one[1088:1120] != other[1088:1120]
    assert one[1120:] != other[1120:]


def test_another_key() -> None:
    """Another key does not open a seal, nor does one that shares half of it."""
    sealed = seal(KEY.public, SECRET, Label.RELEASE)
    for key in (OTHER, SealingKey(LATTICE, b"c" * 32), SealingKey(b"l" * 64, CURVE)):
        with pytest.raises(OpenError):
            key.open(sealed, Label.RELEASE)


@pytest.mark.parametrize(
    ("label", "context"),
    [
        (Label.GROUP_WRAP, (b"one", b"two")),
        (Label.RELEASE, ()),
        (Label.RELEASE, (b"one",)),
        (Label.RELEASE, (b"two", b"one")),
        (Label.RELEASE, (b"onetwo",)),
        (Label.RELEASE, (b"on", b"etwo")),
        (Label.RELEASE, (b"one", b"two", b"")),
    ],
)
def test_another_context(label: Label, context: tuple[bytes, ...]) -> None:
    """A seal does not open for another label or context than it was made for."""
    sealed = seal(KEY.public, SECRET, Label.RELEASE, b"one", b"two")
    with pytest.raises(OpenError):
        KEY.open(sealed, label, *context)


@pytest.mark.parametrize("at", [0, 500, 1087, 1088, 1119, 1120, 1151, 1152, 1167])
def test_damaged(at: int) -> None:
    """A seal with any bit changed, in any of its parts, does not open."""
    sealed = bytearray(seal(KEY.public, SECRET, Label.RELEASE))
    for bit in (1, 0x40):
        sealed[at] ^= bit
        with pytest.raises(OpenError):
            KEY.open(bytes(sealed), Label.RELEASE)
        sealed[at] ^= bit


@pytest.mark.parametrize("size", [0, 1, 32, 1087, 1120, 1135, 1167, 1169])
def test_another_length(size: int) -> None:
    """A seal that is cut short or too long does not open, and nothing else happens."""
    sealed = (seal(KEY.public, SECRET, Label.RELEASE) + b"\x00")[:size]
    with pytest.raises(OpenError):
        KEY.open(sealed, Label.RELEASE)


@pytest.mark.parametrize("u", LOW_ORDER_X25519)
def test_a_seal_from_a_low_order_point(u: int) -> None:
    """A seal whose ephemeral point is of low order does not open, and nothing else happens."""
    sealed = seal(KEY.public, SECRET, Label.RELEASE)
    with pytest.raises(OpenError):
        KEY.open(sealed[:1088] + u.to_bytes(32, "little") + sealed[1120:], Label.RELEASE)


@pytest.mark.parametrize("curve", WEAK_X25519, ids=bytes.hex)
def test_weak_x25519_keys(curve: bytes) -> None:
    """A key whose X25519 half is of low order or not canonical is refused, and not sealed to."""
    public = KEY.public[:ML_KEM_PUBLIC] + curve
    with pytest.raises(WeakKeyError):
        check_public(public)
    with pytest.raises(WeakKeyError):
        seal(public, SECRET, Label.RELEASE)


def test_a_false_ml_kem_key() -> None:
    """A key whose ML-KEM half holds numbers that cannot be is malformed."""
    public = b"\xff" * ML_KEM_PUBLIC + KEY.public[ML_KEM_PUBLIC:]
    with pytest.raises(MalformedError):
        check_public(public)


@pytest.mark.parametrize("size", [0, 32, ML_KEM_PUBLIC, PUBLIC_SIZE - 1, PUBLIC_SIZE + 1])
def test_key_length(size: int) -> None:
    """A key of another length is malformed."""
    with pytest.raises(MalformedError, match="1216 bytes"):
        check_public((KEY.public + b"\x00")[:size])


def test_good_keys() -> None:
    """A key that can be sealed to is accepted, once more on asking again."""
    for _ in range(2):
        check_public(KEY.public)
        check_public(OTHER.public)


def test_a_bad_key_stays_bad() -> None:
    """A refused key is refused again: nothing remembers it as good."""
    for _ in range(2):
        with pytest.raises(WeakKeyError):
            check_public(KEY.public[:ML_KEM_PUBLIC] + bytes(32))


def test_bytes_as_specified() -> None:
    """A seal can be opened by hand from its specification: X-Wing's secret, HPKE's key schedule."""
    sealed = seal(KEY.public, SECRET, Label.RELEASE, b"one")
    lattice = mlkem.MLKEM768PrivateKey.from_seed_bytes(LATTICE)
    curve = x25519.X25519PrivateKey.from_private_bytes(CURVE)
    mine = curve.public_key().public_bytes_raw()
    assert KEY.public == lattice.public_key().public_bytes_raw() + mine
    theirs = sealed[1088:1120]
    secrets = lattice.decapsulate(sealed[:1088]) + curve.exchange(
        x25519.X25519PublicKey.from_public_bytes(theirs)
    )
    shared = hashlib.sha3_256(secrets + theirs + mine + b"\\.//^\\").digest()

    suite = b"HPKE" + (0x647A).to_bytes(2, "big") + (1).to_bytes(2, "big") + (2).to_bytes(2, "big")

    def extract(salt: bytes, label: bytes, secret: bytes) -> bytes:
        return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite + label + secret, "sha256")

    def expand(secret: bytes, label: bytes, context: bytes, size: int) -> bytes:
        info = size.to_bytes(2, "big") + b"HPKE-v1" + suite + label + context
        return hmac.digest(secret, info + b"\x01", "sha256")[:size]

    info = lp(b"evault/1/release", b"one")
    context = b"\x00" + extract(b"", b"psk_id_hash", b"") + extract(b"", b"info_hash", info)
    secret = extract(shared, b"secret", b"")
    key, nonce = expand(secret, b"key", context, 32), expand(secret, b"base_nonce", context, 12)
    assert AESGCM(key).decrypt(nonce, sealed[1120:], None) == SECRET


def test_secrets_stay_inside() -> None:
    """A sealing key can be neither pickled nor copied, and shows nothing of itself."""
    for way in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="secret"):
            way(OTHER)
    for shown in (repr(OTHER), str(OTHER), f"{OTHER}"):
        assert shown == "SealingKey()"


def test_errors_hold_no_secret() -> None:
    """A seal that does not open says nothing of what is in it."""
    sealed = seal(KEY.public, SECRET, Label.RELEASE)
    with pytest.raises(OpenError) as refused:
        OTHER.open(sealed, Label.RELEASE)
    assert SECRET.decode() not in repr(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__
