"""Ids: random bytes, shown in base32 (lower case, without padding).

Vaults, cases, deposits, records and notes have 16 random bytes, 26 characters; devices and members
have 20 bytes of a hash, 32 characters.
"""

from __future__ import annotations

import base64
import binascii
import os

from vault.errors import MalformedError

SIZE = 16
_CHARACTERS = {16: 26, 20: 32}
_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"


def draw() -> bytes:
    """A fresh random id: 16 bytes."""
    return os.urandom(SIZE)


def show(raw: bytes) -> str:
    """The text of an id."""
    return base64.b32encode(raw).decode().rstrip("=").lower()


def parse(text: str, size: int = SIZE) -> bytes:
    """The bytes of an id.

    Raises:
        MalformedError: Not the one text of an id of `size` bytes.
    """
    padded = text.upper() + "=" * (-len(text) % 8)
    try:
        raw = base64.b32decode(padded)
    except (binascii.Error, ValueError):
        raise MalformedError("not an id") from None
    if len(raw) != size or show(raw) != text:
        raise MalformedError("not an id")
    return raw


def is_id(text: object, size: int = SIZE) -> bool:
    """Whether this is the text of an id of `size` bytes."""
    if not isinstance(text, str) or len(text) != _CHARACTERS[size] or not text.isascii():
        return False
    try:
        parse(text, size)
    except MalformedError:
        return False
    return True


def bounds(prefix: str) -> tuple[bytes, bytes]:
    """The smallest and largest id whose text begins with a prefix.

    Raises:
        MalformedError: No id begins so.
    """
    low = _ALPHABET[0]
    high = _ALPHABET[-1]
    if len(prefix) > 26 or set(prefix) - set(_ALPHABET):
        raise MalformedError("not the beginning of an id")
    # The last of the 26 characters stands for 3 bits only, which decoding cuts to.
    raw = [
        base64.b32decode((prefix + fill * (26 - len(prefix))).upper() + "======")
        for fill in (low, high)
    ]
    if not show(raw[0]).startswith(prefix):
        raise MalformedError("not the beginning of an id")
    return raw[0], raw[1]
