"""Signatures: Ed25519 and ML-DSA-44, as lines of C2SP signed notes.

A note is a text that ends in a newline, an empty line, and one line for each signature. A key is
known by its name and a 4-byte key id, which covers the signature type; four types are used:

    0x01            Ed25519 over the text
    0x04            Ed25519 over a time and a checkpoint (C2SP tlog-cosignature), by a cosigner
    0x06            ML-DSA-44 over a checkpoint (C2SP tlog-cosignature, no extension lines)
    0xff + "evault/1/ml-dsa-44"
                    ML-DSA-44 over the text, context "evault/1/note"

The first three are everybody's; the last is ours, because no type for ML-DSA-44 over an arbitrary
text is assigned. Sources: C2SP signed-note, tlog-cosignature; RFC 8032; FIPS 204.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ed25519, mldsa

from keys.errors import MalformedError, SignatureError, WeakKeyError

ED25519 = b"\x01"
ED25519_COSIGNATURE = b"\x04"
ML_DSA_44_CHECKPOINT = b"\x06"
ML_DSA_44_NOTE = b"\xffevault/1/ml-dsa-44"

ED25519_PUBLIC = 32
ML_DSA_44_PUBLIC = 1312
_SIZES = {
    ED25519: (32, 64),
    ED25519_COSIGNATURE: (32, 72),
    ML_DSA_44_CHECKPOINT: (1312, 2428),
    ML_DSA_44_NOTE: (1312, 2420),
}
_TIMED = (ED25519_COSIGNATURE, ML_DSA_44_CHECKPOINT)

_NOTE_CONTEXT = b"evault/1/note"
_COSIGNED = b"subtree/v1\n\x00"
_CONTROL = bytes(code for code in range(32) if code != 10)
"""Control characters but the line break; in UTF-8 no other character has such a byte."""
MAX_SIGNATURES = 64
"""How many signature lines a note may have."""

_P25519 = 2**255 - 19
# The y coordinates of the eight points of small order; the sign bit does not matter.
_SMALL_ORDER = frozenset(
    int.from_bytes(bytes.fromhex(y), "little")
    for y in (
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    )
)


class Signature(NamedTuple):
    """One signature line: the key's name, its 4-byte key id, and what it made."""

    name: str
    key_id: bytes
    value: bytes


class Checkpoint(NamedTuple):
    """The three lines of a checkpoint: origin, number of entries, 32-byte root."""

    origin: str
    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """The public half of a note key.

    Args:
        name: The key's name: no spaces, no plus sign.
        kind: One of `ED25519`, `ED25519_COSIGNATURE`, `ML_DSA_44_CHECKPOINT`, `ML_DSA_44_NOTE`.
        public: 32 or 1,312 bytes.

    Raises:
        MalformedError: The name, kind or length cannot be.
        WeakKeyError: An Ed25519 key of small order or not in canonical form.
    """

    name: str
    kind: bytes
    public: bytes

    def __post_init__(self) -> None:
        _check_name(self.name)
        if self.kind not in _SIZES:
            raise MalformedError("a key of a signature type that is not supported")
        if len(self.public) != _SIZES[self.kind][0]:
            raise MalformedError("a public key does not have the length of its type")
        if len(self.public) == ED25519_PUBLIC:
            check_ed25519(self.public)

    @property
    def key_id(self) -> bytes:
        return _key_id(self.name, self.kind, self.public)

    def verify(self, text: bytes, value: bytes) -> None:
        """Verify one signature over a note's text.

        Raises:
            SignatureError: It does not verify.
            MalformedError: The text is not a checkpoint where the type asks for one.
        """
        if len(value) != _SIZES[self.kind][1]:
            raise SignatureError(f"a signature of {self.name} does not have the length of its type")
        try:
            if self.kind == ED25519:
                _load_ed25519(self.public).verify(value, text)
            elif self.kind == ML_DSA_44_NOTE:
                _load_ml_dsa_44(self.public).verify(value, text, _NOTE_CONTEXT)
            else:
                stamp, checkpoint = int.from_bytes(value[:8], "big"), parse_checkpoint(text)
                if self.kind == ED25519_COSIGNATURE:
                    message = _cosigned_v1(stamp, checkpoint)
                    _load_ed25519(self.public).verify(value[8:], message)
                else:
                    message = _cosigned(self.name, stamp, checkpoint)
                    _load_ml_dsa_44(self.public).verify(value[8:], message)
        except InvalidSignature:
            raise SignatureError(f"a signature of {self.name} does not verify") from None

    def encode(self) -> str:
        """The key as text (C2SP vkey): `name+keyid+base64(type || key)`."""
        body = base64.b64encode(self.kind + self.public).decode()
        return f"{self.name}+{self.key_id.hex()}+{body}"

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """Parse a vkey.

        Raises:
            MalformedError: Not a vkey, or its key id is not that of its key.
        """
        name, _, rest = text.strip().partition("+")
        key_id, _, body = rest.partition("+")
        raw = _b64decode(body)
        for kind, (size, _) in _SIZES.items():
            if raw.startswith(kind) and len(raw) == len(kind) + size:
                key = cls(name, kind, raw[len(kind) :])
                if key.key_id.hex() != key_id:
                    raise MalformedError("a verifier key's id is not that of its key")
                return key
        raise MalformedError("a verifier key of a type that is not supported")


class SigningKeys:
    """The two private signing keys of a device or of a gate epoch.

    Args:
        ed25519_seed: 32 bytes.
        ml_dsa_44_seed: 32 bytes.
    """

    __slots__ = ("_ed25519", "_ml_dsa_44", "ed25519_public", "ml_dsa_44_public")

    def __init__(self, ed25519_seed: bytes, ml_dsa_44_seed: bytes) -> None:
        self._ed25519 = ed25519.Ed25519PrivateKey.from_private_bytes(ed25519_seed)
        self._ml_dsa_44 = mldsa.MLDSA44PrivateKey.from_seed_bytes(ml_dsa_44_seed)
        self.ed25519_public = self._ed25519.public_key().public_bytes_raw()
        self.ml_dsa_44_public = self._ml_dsa_44.public_key().public_bytes_raw()

    def __repr__(self) -> str:
        return "SigningKeys()"

    def __reduce__(self) -> str:
        raise TypeError("signing keys are not pickled: they are secrets")

    def sign_note(self, name: str, text: bytes, *, hybrid: bool) -> bytes:
        """Sign a text under a key name: with Ed25519, and where `hybrid` with ML-DSA-44 too.

        Args:
            name: The key's name.
            text: UTF-8 that ends in a newline.
            hybrid: True for what must stay unforgeable when Ed25519 no longer is.

        Returns:
            The note: the text, an empty line, one or two signature lines.
        """
        lines = [_line(name, ED25519, self.ed25519_public, self._ed25519.sign(text))]
        if hybrid:
            value = self._ml_dsa_44.sign(text, _NOTE_CONTEXT)
            lines.append(_line(name, ML_DSA_44_NOTE, self.ml_dsa_44_public, value))
        return _note(text, lines)

    def sign_checkpoint(self, name: str, checkpoint: Checkpoint, at: int | None = None) -> bytes:
        """Sign a checkpoint with both keys.

        Args:
            name: The key's name, at most 255 bytes.
            checkpoint: What is signed.
            at: Seconds since the epoch; now unless given.
        """
        stamp = int(time.time()) if at is None else at
        text = encode_checkpoint(checkpoint)
        value = stamp.to_bytes(8, "big") + self._ml_dsa_44.sign(_cosigned(name, stamp, checkpoint))
        return _note(
            text,
            [
                _line(name, ED25519, self.ed25519_public, self._ed25519.sign(text)),
                _line(name, ML_DSA_44_CHECKPOINT, self.ml_dsa_44_public, value),
            ],
        )

    def cosign(self, name: str, note: bytes, at: int | None = None) -> bytes:
        """Add a cosigner's two lines to a signed checkpoint; what it held of them before goes.

        Args:
            name: The cosigner's name, at most 255 bytes.
            note: The signed checkpoint, verified by the caller.
            at: Seconds since the epoch; now unless given.

        Raises:
            MalformedError: Not a signed checkpoint, or it has no room for two more lines.
        """
        stamp = int(time.time()) if at is None else at
        text, lines = split_note(note)
        checkpoint = parse_checkpoint(text)
        keys = cosigner_keys(name, self.ed25519_public, self.ml_dsa_44_public)
        values = (
            self._ed25519.sign(_cosigned_v1(stamp, checkpoint)),
            self._ml_dsa_44.sign(_cosigned(name, stamp, checkpoint)),
        )
        mine = [
            Signature(name, key.key_id, stamp.to_bytes(8, "big") + value)
            for key, value in zip(keys, values, strict=True)
        ]
        others = [line for line in lines if line[:2] not in {own[:2] for own in mine}]
        return join_note(text, [*others, *mine])


def note_keys(name: str, ed25519_public: bytes, ml_dsa_44_public: bytes) -> list[VerifierKey]:
    """The two verifier keys of a device, for hybrid notes; the first alone for other notes."""
    return [
        VerifierKey(name, ED25519, ed25519_public),
        VerifierKey(name, ML_DSA_44_NOTE, ml_dsa_44_public),
    ]


def checkpoint_keys(name: str, ed25519_public: bytes, ml_dsa_44_public: bytes) -> list[VerifierKey]:
    """The two verifier keys of a gate epoch, for checkpoints."""
    return [
        VerifierKey(name, ED25519, ed25519_public),
        VerifierKey(name, ML_DSA_44_CHECKPOINT, ml_dsa_44_public),
    ]


def cosigner_keys(name: str, ed25519_public: bytes, ml_dsa_44_public: bytes) -> list[VerifierKey]:
    """The two verifier keys of a cosigner."""
    return [
        VerifierKey(name, ED25519_COSIGNATURE, ed25519_public),
        VerifierKey(name, ML_DSA_44_CHECKPOINT, ml_dsa_44_public),
    ]


def signed_at(note: bytes, key: VerifierKey) -> int | None:
    """When a key says that it signed a checkpoint, in seconds since the epoch.

    Verify first. None if it did not, or if its type names no time.

    Raises:
        MalformedError: Not a signed note.
    """
    for line in split_note(note)[1]:
        if key.kind in _TIMED and (line.name, line.key_id) == (key.name, key.key_id):
            return int.from_bytes(line.value[:8], "big")
    return None


def verify_note(note: bytes, keys: Sequence[VerifierKey], *, exact: bool = False) -> bytes:
    """Verify that every one of `keys` signed a note, and return its text.

    Signature lines of unknown keys are ignored, as C2SP asks, unless `exact` is set: then the note
    holds exactly these keys' lines in this order, so that nobody can make a second form of it.

    Raises:
        MalformedError: Not a signed note.
        SignatureError: A key's signature is missing, or a line of a known key does not verify.
    """
    text, signatures = split_note(note)
    verify_lines(text, signatures, keys, exact=exact)
    return text


def verify_lines(
    text: bytes,
    signatures: Sequence[Signature],
    keys: Sequence[VerifierKey],
    *,
    exact: bool = False,
) -> None:
    """As `verify_note`, for a note that was split already."""
    if exact and len(keys) == 1 == len(signatures):
        # The same as below, for what is by far the most frequent.
        (only,), (line,) = keys, signatures
        if (line.name, line.key_id) == (only.name, only.key_id):
            only.verify(text, line.value)
            return
    known = {(key.name, key.key_id): key for key in keys}
    if not known:
        raise SignatureError("a note was to be verified under no key at all")
    # Key ids have 4 bytes: of two keys that share one, none must go unasked.
    if len(known) != len(set(keys)):
        raise SignatureError("two keys of a note have the same name and key id")
    if exact and [s[:2] for s in signatures] != list(known):
        raise SignatureError("a note does not carry exactly the signatures that it must carry")
    seen = set()
    for signature in signatures:
        key = known.get((signature.name, signature.key_id))
        if key is not None:
            key.verify(text, signature.value)
            seen.add((signature.name, signature.key_id))
    for missing in known.keys() - seen:
        raise SignatureError(f"a note lacks a signature of {missing[0]}")


def split_note(note: bytes) -> tuple[bytes, list[Signature]]:
    """Split a signed note into its text and its signature lines, verifying nothing.

    Raises:
        MalformedError: Not a signed note.
    """
    try:
        decoded = note.decode("utf-8")
    except UnicodeDecodeError:
        raise MalformedError("a signed note is not UTF-8") from None
    if len(note.translate(None, _CONTROL)) != len(note):
        raise MalformedError("a signed note holds control characters")
    # The last empty line ends the text: the text itself may hold empty lines.
    head, gap, tail = decoded.rpartition("\n\n")
    if not gap or not tail.endswith("\n"):
        raise MalformedError("a signed note has no signatures")
    lines = tail[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise MalformedError("a signed note has too many signatures")
    return (head + "\n").encode(), [_parse_line(line) for line in lines]


def join_note(text: bytes, signatures: Sequence[Signature]) -> bytes:
    """Put a text and signature lines together: what `split_note` undoes.

    Raises:
        MalformedError: There is no signature, or more than a note may have.
    """
    if not 0 < len(signatures) <= MAX_SIGNATURES:
        raise MalformedError("a signed note has no signatures, or too many")
    return _note(text, [_encode_line(*signature) for signature in signatures])


def encode_checkpoint(checkpoint: Checkpoint) -> bytes:
    """The text of a checkpoint: origin, size, base64 of the root, a line each."""
    root = base64.b64encode(checkpoint.root).decode()
    return f"{checkpoint.origin}\n{checkpoint.size}\n{root}\n".encode()


def parse_checkpoint(text: bytes) -> Checkpoint:
    """Parse the text of a checkpoint without extension lines.

    Raises:
        MalformedError: Not such a text.
    """
    lines = text.decode("utf-8", "replace").split("\n")
    if len(lines) != 4 or lines[3] or not lines[0]:
        raise MalformedError("a checkpoint has three lines: origin, size, root")
    origin, size, root = lines[:3]
    if not (size.isascii() and size.isdigit() and len(size) < 20):
        raise MalformedError("a checkpoint's size is not a number")
    checkpoint = Checkpoint(origin, int(size), _b64decode(root))
    if len(checkpoint.root) != 32 or encode_checkpoint(checkpoint) != text:
        raise MalformedError("a checkpoint is not in its one canonical form")
    return checkpoint


def check_ed25519(public: bytes) -> None:
    """Refuse an Ed25519 public key under which signatures prove nothing.

    Raises:
        MalformedError: Wrong length.
        WeakKeyError: Of small order, or not in canonical form.
    """
    if len(public) != ED25519_PUBLIC:
        raise MalformedError(f"an Ed25519 public key has {ED25519_PUBLIC} bytes")
    y = int.from_bytes(public, "little") & ((1 << 255) - 1)
    if y >= _P25519:
        raise WeakKeyError("an Ed25519 public key is not in its canonical form")
    # One fixed signature verifies under such a key for many messages.
    if y in _SMALL_ORDER:
        raise WeakKeyError("an Ed25519 public key is of small order: its signatures prove nothing")


@lru_cache(maxsize=4096)
def _load_ed25519(public: bytes) -> ed25519.Ed25519PublicKey:
    return ed25519.Ed25519PublicKey.from_public_bytes(public)


@lru_cache(maxsize=4096)
def _load_ml_dsa_44(public: bytes) -> mldsa.MLDSA44PublicKey:
    return mldsa.MLDSA44PublicKey.from_public_bytes(public)


def _cosigned(name: str, stamp: int, checkpoint: Checkpoint) -> bytes:
    # Source: C2SP tlog-cosignature, "ML-DSA-44 signed message"; lengths of one byte before strings.
    cosigner, origin = name.encode(), checkpoint.origin.encode()
    if not 0 < len(cosigner) < 256 or not 0 < len(origin) < 256 or stamp >= 1 << 63:
        raise MalformedError("a name or origin of a checkpoint is longer than 255 bytes")
    return b"".join(
        (
            _COSIGNED,
            bytes([len(cosigner)]),
            cosigner,
            stamp.to_bytes(8, "big"),
            bytes([len(origin)]),
            origin,
            bytes(8),
            checkpoint.size.to_bytes(8, "big"),
            checkpoint.root,
        )
    )


def _cosigned_v1(stamp: int, checkpoint: Checkpoint) -> bytes:
    # Source: C2SP tlog-cosignature, "Ed25519 signed message"; it does not name the cosigner.
    if stamp >= 1 << 63:
        raise MalformedError("a cosignature's time is beyond all clocks")
    return f"cosignature/v1\ntime {stamp}\n".encode() + encode_checkpoint(checkpoint)


@lru_cache(maxsize=4096)
def _key_id(name: str, kind: bytes, public: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + kind + public).digest()[:4]


def _line(name: str, kind: bytes, public: bytes, value: bytes) -> str:
    return _encode_line(name, _key_id(name, kind, public), value)


def _encode_line(name: str, key_id: bytes, value: bytes) -> str:
    _check_name(name)
    return f"\N{EM DASH} {name} {base64.b64encode(key_id + value).decode()}\n"


def _note(text: bytes, lines: list[str]) -> bytes:
    if not text.endswith(b"\n"):
        raise ValueError("a note's text ends in a newline")
    return text + b"\n" + "".join(lines).encode()


def _parse_line(line: str) -> Signature:
    parts = line.split(" ")
    if len(parts) != 3 or parts[0] != "\N{EM DASH}":
        raise MalformedError("a line of a signed note is not a signature")
    _check_name(parts[1])
    raw = _b64decode(parts[2])
    if len(raw) < 5:
        raise MalformedError("a signature line is too short")
    return Signature(parts[1], raw[:4], raw[4:])


@lru_cache(maxsize=4096)
def _check_name(name: str) -> None:
    if "+" in name or name.split() != [name] or min(name) < " ":
        raise MalformedError("a key name is empty, or holds a space or a plus sign")


def _b64decode(text: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise MalformedError("a part of a signed note is not base64") from None
    # Base64 has several spellings of the same bytes; only one is accepted.
    if base64.b64encode(raw).decode() != text:
        raise MalformedError("a part of a signed note is not canonical base64")
    return raw
