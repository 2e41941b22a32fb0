"""Seals: HPKE to a public key, bound to a context.

A sealing public key is 1,216 bytes: an ML-KEM-768 encapsulation key (1,184) followed by an X25519
public key (32). Both would have to be broken to open a seal. HPKE's base mode does not tell who
sealed: a signature always says that elsewhere.

Source: RFC 9180 with the hybrid KEM MLKEM768-X25519, HKDF-SHA-256 and AES-256-GCM.
"""

from __future__ import annotations

from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric import mlkem, x25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from keys.derive import Label, lp
from keys.errors import MalformedError, OpenError, WeakKeyError

ML_KEM_PUBLIC = 1184
X25519_PUBLIC = 32
PUBLIC_SIZE = ML_KEM_PUBLIC + X25519_PUBLIC
OVERHEAD = 1136
"""A seal is this much longer than what it holds: 1,120 of encapsulation and a 16-byte tag."""

_P25519 = 2**255 - 19
_SUITE = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)


@lru_cache(maxsize=1024)
def _load(public: bytes) -> hpke.MLKEM768X25519PublicKey:
    if len(public) != PUBLIC_SIZE:
        raise MalformedError(f"a sealing public key has {PUBLIC_SIZE} bytes, not {len(public)}")
    curve = public[ML_KEM_PUBLIC:]
    # A second encoding of the same point would be a second name for the same key.
    if int.from_bytes(curve, "little") >= _P25519:
        raise WeakKeyError("an X25519 public key is not in its canonical form")
    try:
        return hpke.MLKEM768X25519PublicKey(
            mlkem.MLKEM768PublicKey.from_public_bytes(public[:ML_KEM_PUBLIC]),
            x25519.X25519PublicKey.from_public_bytes(curve),
        )
    except ValueError:
        raise MalformedError("a sealing public key is not valid") from None


def check_public(public: bytes) -> None:
    """Refuse a sealing public key that cannot be sealed to.

    Raises:
        MalformedError: Wrong length or not an ML-KEM key.
        WeakKeyError: Not canonical, or of low order: every seal to it would fail.
    """
    seal(public, b"", Label.TRIAL_SEAL)


def seal(public: bytes, plaintext: bytes, label: Label, *context: bytes) -> bytes:
    """Seal a short secret to a public key.

    Args:
        public: 1,216 bytes.
        plaintext: Usually a 32-byte key.
        label: What the seal is for.
        context: All that it is bound to; opening needs the same.

    Returns:
        `OVERHEAD + len(plaintext)` bytes.

    Raises:
        MalformedError, WeakKeyError: The public key cannot be sealed to.
    """
    try:
        return _SUITE.encrypt(plaintext, _load(public), info=lp(label, *context))
    except ValueError:
        raise WeakKeyError(
            "an X25519 public key is of low order: nothing can be sealed to it"
        ) from None


class SealingKey:
    """A private key that opens seals.

    Args:
        ml_kem_768: The 64-byte ML-KEM seed.
        x25519_private: The 32-byte X25519 private key.
    """

    __slots__ = ("_private", "public")

    def __init__(self, ml_kem_768: bytes, x25519_private: bytes) -> None:
        lattice = mlkem.MLKEM768PrivateKey.from_seed_bytes(ml_kem_768)
        curve = x25519.X25519PrivateKey.from_private_bytes(x25519_private)
        self._private = hpke.MLKEM768X25519PrivateKey(lattice, curve)
        self.public = lattice.public_key().public_bytes(
            Encoding.Raw, PublicFormat.Raw
        ) + curve.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    def __repr__(self) -> str:
        return "SealingKey()"

    def __reduce__(self) -> str:
        raise TypeError("a sealing key is not pickled: it is a secret")

    def open(self, sealed: bytes, label: Label, *context: bytes) -> bytes:
        """Open a seal.

        Raises:
            OpenError: The seal is for another key, label or context, or damaged.
        """
        try:
            return _SUITE.decrypt(sealed, self._private, info=lp(label, *context))
        except (InvalidTag, ValueError):
            raise OpenError("a seal does not open with this key and context") from None
