"""A device's identity and its public half, the contact.

Everything that a device is comes from one 32-byte seed: two signing keys, two halves of a sealing
key, and the key of its local state. Whoever has the seed is that device.

The *contact* is the public half as text: a signed note whose third line is one line of JSON with
the name and the public keys, signed by the keys that it holds. It proves that its maker holds the
private keys, not who its maker is: that is for two people to compare out of band.
"""

from __future__ import annotations

import base64
import json
import os
from dataclasses import dataclass, field
from functools import lru_cache

from keys.derive import Label, digest, expand
from keys.errors import KeySizeError, MalformedError, SignatureError
from keys.seal import PUBLIC_SIZE, SealingKey, check_public
from keys.signing import ML_DSA_44_PUBLIC, SigningKeys, VerifierKey, note_keys, verify_note

SEED_SIZE = 32
MAX_NAME = 200
"""How many bytes of UTF-8 a member's name may have."""

_KIND = "evault/1/contact"
_FIELDS = ("device", "ed25519", "ml_dsa_44", "name", "sealing")


def device_id(ed25519_public: bytes, ml_dsa_44_public: bytes) -> str:
    """The id of a device: base32 (lower case, 32 characters) of a hash of its signing keys."""
    raw = digest(Label.DEVICE_ID, ed25519_public, ml_dsa_44_public)[:20]
    return base64.b32encode(raw).decode().lower()


@dataclass(frozen=True, slots=True)
class Contact:
    """The public half of an identity, verified.

    Args:
        device: 32 characters of base32.
        name: What the person is called; any text without control characters.
        ed25519: 32 bytes.
        ml_dsa_44: 1,312 bytes.
        sealing: 1,216 bytes, ML-KEM-768 and X25519.
        note: The signed note that says so.
    """

    device: str
    name: str
    ed25519: bytes
    ml_dsa_44: bytes
    sealing: bytes
    note: bytes = field(repr=False)

    @property
    def verifiers(self) -> tuple[VerifierKey, ...]:
        """The keys of this device's notes: Ed25519, then ML-DSA-44."""
        return _verifiers(self.device, self.ed25519, self.ml_dsa_44)


@lru_cache(maxsize=4096)
def _verifiers(device: str, ed25519: bytes, ml_dsa_44: bytes) -> tuple[VerifierKey, ...]:
    # Whoever verifies a log asks for the same few again and again.
    return tuple(note_keys(device, ed25519, ml_dsa_44))


class Identity:
    """The secret half: signs, opens seals, and has a key for what a client keeps for itself.

    Args:
        seed: 32 bytes from the operating system's randomness.
        name: What the person is called.
    """

    __slots__ = ("_seed", "device", "local_key", "name", "sealing", "signing")

    def __init__(self, seed: bytes, name: str) -> None:
        if len(seed) != SEED_SIZE:
            raise KeySizeError(f"a seed has {SEED_SIZE} bytes, not {len(seed)}")
        check_name(name)
        self._seed = seed
        self.name = name
        self.signing = SigningKeys(
            expand(seed, Label.IDENTITY_ED25519), expand(seed, Label.IDENTITY_ML_DSA_44)
        )
        self.sealing = SealingKey(
            expand(seed, Label.IDENTITY_ML_KEM_768, length=64), expand(seed, Label.IDENTITY_X25519)
        )
        self.local_key = expand(seed, Label.IDENTITY_LOCAL_STATE)
        self.device = device_id(self.signing.ed25519_public, self.signing.ml_dsa_44_public)

    @classmethod
    def create(cls, name: str) -> Identity:
        """Draw a new identity."""
        return cls(os.urandom(SEED_SIZE), name)

    def __repr__(self) -> str:
        return f"Identity({self.device})"

    def __reduce__(self) -> str:
        raise TypeError("an identity is not pickled: it holds secrets")

    def seed(self) -> bytes:
        """The secret itself, for the identity file and for recovery shares only."""
        return self._seed

    def sign(self, text: bytes, *, hybrid: bool = False) -> bytes:
        """Sign a text as this device. See `keys.signing.SigningKeys.sign_note`."""
        return self.signing.sign_note(self.device, text, hybrid=hybrid)

    def cosigner(self, name: str) -> SigningKeys:
        """The keys with which this person cosigns other people's logs under a name.

        They are others than the device's, and others for each name: what a cosigner's Ed25519 key
        signs does not say by whom, so a key that is used twice could stand for somebody else.

        Args:
            name: The cosigner's name.
        """
        return SigningKeys(
            expand(self._seed, Label.COSIGNER_ED25519, name.encode()),
            expand(self._seed, Label.COSIGNER_ML_DSA_44, name.encode()),
        )

    def contact(self) -> Contact:
        """This identity's contact, freshly signed."""
        body = {
            "device": self.device,
            "ed25519": _b64(self.signing.ed25519_public),
            "ml_dsa_44": _b64(self.signing.ml_dsa_44_public),
            "name": self.name,
            "sealing": _b64(self.sealing.public),
        }
        return parse_contact(self.sign(_encode(body), hybrid=True))


def parse_contact(note: bytes) -> Contact:
    """Parse and verify a contact.

    Raises:
        MalformedError: Not a contact, or of a newer version.
        WeakKeyError: A key that would let its maker deny or block everything.
        SignatureError: The device id is not that of the keys, or a signature fails.
    """
    lines = note.split(b"\n", 3)
    if len(lines) != 4 or lines[0] != _KIND.encode() or lines[1]:
        raise MalformedError("not a contact", "ask for the output of `evault identity contact`")
    try:
        body = json.loads(lines[2])
    except (ValueError, RecursionError):
        raise MalformedError("a contact's third line is not JSON") from None
    if not isinstance(body, dict) or tuple(body) != _FIELDS:
        raise MalformedError("a contact does not have exactly the fields of this version")
    if not all(isinstance(value, str) for value in body.values()):
        raise MalformedError("a contact's fields are texts")
    name = body["name"]
    check_name(name)
    ed25519 = _unb64(body["ed25519"], 32)
    ml_dsa_44 = _unb64(body["ml_dsa_44"], ML_DSA_44_PUBLIC)
    sealing = _unb64(body["sealing"], PUBLIC_SIZE)
    contact = Contact(body["device"], name, ed25519, ml_dsa_44, sealing, note)
    if contact.device != device_id(ed25519, ml_dsa_44):
        raise SignatureError("a contact's device id is not that of its keys")
    if verify_note(note, contact.verifiers, exact=True) != _encode(body):
        raise MalformedError("a contact is not in its one canonical form")
    check_public(sealing)
    return contact


def check_name(name: str) -> None:
    """Refuse a name that is empty, too long, or holds control characters.

    Raises:
        MalformedError: It is not a name.
    """
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        raise MalformedError("a name is not valid Unicode") from None
    if not name.strip() or size > MAX_NAME or any(c < " " or "\x7f" <= c < "\xa0" for c in name):
        raise MalformedError(
            f"a name has 1 to {MAX_NAME} bytes and no control characters",
            "give the name by which the others know this person",
        )


def _encode(body: dict[str, str]) -> bytes:
    # ASCII keys in sorted order and no numbers: this is RFC 8785 for this object.
    line = json.dumps(body, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return f"{_KIND}\n\n{line}\n".encode()


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _unb64(text: str, size: int) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError:
        raise MalformedError("a key in a contact is not base64") from None
    if len(raw) != size or _b64(raw) != text:
        raise MalformedError("a key in a contact does not have its length")
    return raw
