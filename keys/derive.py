"""The registry of labels, the length-prefixed encoding, and HKDF-SHA-512.

Whatever is hashed, derived from or bound to more than one thing goes through `lp`, and begins with
a label of the registry below. One purpose has one label, so bytes made for one purpose can never
be taken for another's.
"""

from __future__ import annotations

import hashlib
import hmac
from enum import Enum

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

from keys.errors import MalformedError

SUITE = 1
"""The one suite: AES-256-GCM, HKDF-SHA-512, ML-KEM-768 + X25519, Ed25519 + ML-DSA-44, Argon2id."""


class Label(bytes, Enum):
    """Every label there is: one per purpose, never reused, never removed."""

    # An identity's keys, from its seed.
    IDENTITY_ED25519 = b"evault/1/identity-ed25519"
    IDENTITY_ML_DSA_44 = b"evault/1/identity-ml-dsa-44"
    IDENTITY_X25519 = b"evault/1/identity-x25519"
    IDENTITY_ML_KEM_768 = b"evault/1/identity-ml-kem-768"
    IDENTITY_LOCAL_STATE = b"evault/1/identity-local-state"
    COSIGNER_ED25519 = b"evault/1/cosigner-ed25519"
    COSIGNER_ML_DSA_44 = b"evault/1/cosigner-ml-dsa-44"
    DEVICE_ID = b"evault/1/device-id"
    IDENTITY_FILE = b"evault/1/identity-file"
    TRIAL_SEAL = b"evault/1/trial-seal"
    # A group epoch's keys, from its seed.
    GROUP_ED25519 = b"evault/1/group-ed25519"
    GROUP_ML_DSA_44 = b"evault/1/group-ml-dsa-44"
    GROUP_X25519 = b"evault/1/group-x25519"
    GROUP_ML_KEM_768 = b"evault/1/group-ml-kem-768"
    GROUP_TAG = b"evault/1/group-tag"
    GROUP_LINK = b"evault/1/group-link"
    GROUP_WRAP = b"evault/1/group-wrap"
    # A deposit and its records.
    CASE_SEAL = b"evault/1/case-seal"
    GATE_SEAL = b"evault/1/gate-seal"
    CASE_COMMITMENT = b"evault/1/case-commitment"
    GATE_COMMITMENT = b"evault/1/gate-commitment"
    RECORD = b"evault/1/record"
    LABEL_KEY = b"evault/1/label-key"
    GATE_SHARE = b"evault/1/gate-share"
    RECORD_KEY = b"evault/1/record-key"
    PARTICULARS_KEY = b"evault/1/particulars-key"
    CONTENT_KEY = b"evault/1/content-key"
    FIELD_SALT = b"evault/1/field-salt"
    FIELD = b"evault/1/field"
    RECORD_LEAF = b"evault/1/record-leaf"
    RENEWAL_LEAF = b"evault/1/renewal-leaf"
    RELEASE = b"evault/1/release"
    RECORD_GRANT = b"evault/1/record-grant"
    SEAL_MARK = b"evault/1/seal-mark"
    CASE_TITLE = b"evault/1/case-title"
    # The logs.
    ENTRY = b"evault/1/entry"
    NOTE_ID = b"evault/1/note-id"
    ENTRY_BODY = b"evault/1/entry-body"
    ENTRY_KEY = b"evault/1/entry-key"
    ENTRY_BOX = b"evault/1/entry-box"
    DISCLOSURE = b"evault/1/disclosure"
    MESSAGE = b"evault/1/message"
    ANSWER = b"evault/1/answer"
    TICKET = b"evault/1/ticket"
    # What a client keeps for itself.
    LOCAL_NAME = b"evault/1/local-name"
    LOCAL_FILE = b"evault/1/local-file"
    COSIGNER_NAME = b"evault/1/cosigner-name"
    COSIGNER_FILE = b"evault/1/cosigner-file"


def lp(*parts: bytes) -> bytes:
    """Encode parts so that no two different lists give the same bytes.

    Args:
        parts: Any number of byte strings, each below 2**64 bytes.

    Returns:
        A 4-byte count, then for each part its 8-byte length and its bytes, big endian.
    """
    out = [len(parts).to_bytes(4, "big")]
    for part in parts:
        out.append(len(part).to_bytes(8, "big"))
        out.append(part)
    return b"".join(out)


def parse_lp(data: bytes, count: int | None = None) -> list[bytes]:
    """Parse what `lp` encoded; nothing may be left over.

    Args:
        data: The encoded bytes.
        count: How many parts there must be, or None for any number.

    Raises:
        MalformedError: The bytes are not a length-prefixed list of `count` parts.
    """
    if len(data) < 4:
        raise MalformedError("a length-prefixed list is cut short")
    found = int.from_bytes(data[:4], "big")
    if count is not None and found != count:
        raise MalformedError(f"a length-prefixed list has {found} parts instead of {count}")
    parts: list[bytes] = []
    at, end = 4, len(data)
    for _ in range(found):
        start = at + 8
        # A length field that is cut short reads as a number, and the part begins behind the end.
        at = start + int.from_bytes(data[at:start], "big")
        if at > end:
            raise MalformedError("a length-prefixed list is cut short")
        parts.append(data[start:at])
    if at != end:
        raise MalformedError("a length-prefixed list has trailing bytes")
    return parts


def u64(number: int) -> bytes:
    """Encode a number of 0 to 2**64 - 1 as 8 bytes, big endian."""
    return number.to_bytes(8, "big")


def expand(key: bytes, label: Label, *context: bytes, length: int = 32) -> bytes:
    """Derive a key: HKDF-Expand-SHA-512 with info `lp(label, *context)`.

    Args:
        key: 32 uniformly random bytes, or the 64 of `extract`.
        label: What the derived key is for.
        context: All that it is bound to.
        length: How many bytes are wanted, at most 16320.
    """
    return HKDFExpand(hashes.SHA512(), length, lp(label, *context)).derive(key)


def extract(salt: bytes, key: bytes) -> bytes:
    """Mix two secrets: HKDF-Extract-SHA-512, 64 bytes.

    Args:
        salt: 32 bytes.
        key: 32 bytes of input keying material.
    """
    return HKDF.extract(hashes.SHA512(), salt, key)


def digest(label: Label, *parts: bytes) -> bytes:
    """Hash several things for one purpose: SHA-256 of `lp(label, *parts)`, 32 bytes."""
    return hashlib.sha256(lp(label, *parts)).digest()


def equal(one: bytes, other: bytes) -> bool:
    """Compare two byte strings in time that does not depend on where they differ."""
    return hmac.compare_digest(one, other)


def padded_size(size: int, least: int) -> int:
    """Return the Padmé size for `size` bytes, and never less than `least`.

    At most 12 % are added, and what the padded size tells grows only with the logarithm of the
    logarithm of the size.

    Source: Nikitin et al., "Reducing Metadata Leakage from Encrypted Files and Communication with
    PURBs", section 4.
    """
    size = max(size, least)
    if size < 2:
        return size
    exponent = size.bit_length() - 1
    mask = (1 << (exponent - exponent.bit_length())) - 1
    return (size + mask) & ~mask


def pad(data: bytes, least: int) -> bytes:
    """Prefix 8 bytes of true length and add zeros up to the Padmé size of the whole."""
    framed = len(data).to_bytes(8, "big") + data
    return framed + bytes(padded_size(len(framed), least) - len(framed))


def unpad(framed: bytes, least: int) -> bytes:
    """Undo `pad`.

    Raises:
        MalformedError: The length, the zeros or the padded size are not as `pad` makes them.
    """
    size = int.from_bytes(framed[:8], "big")
    end = 8 + size
    if len(framed) < 8 or end > len(framed) or len(framed) != padded_size(end, least):
        raise MalformedError("padded bytes do not have the size that their length asks for")
    if framed.count(0, end) != len(framed) - end:
        raise MalformedError("padding holds something other than zeros")
    return framed[8:end]
