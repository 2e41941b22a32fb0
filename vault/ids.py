"""Ids: random bytes, shown in base32 (lower case, without padding).

Vaults, cases, deposits, records and notes have 16 random bytes, 26 characters; devices and members
have 20 bytes of a hash, 32 characters.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterable
from itertools import pairwise

from vault.errors import MalformedError

SIZE = 16
# 16 bytes leave two bits of the last character unused: they are zero in the one spelling.
PATTERN = "[a-z2-7]{25}[aeimquy4]"
"""A regular expression of the ids of 16 bytes."""
DEVICE_PATTERN = "[a-z2-7]{32}"
"""A regular expression of the ids of 20 bytes."""

_FORMS = {16: re.compile(PATTERN), 20: re.compile(DEVICE_PATTERN)}
_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_DIGITS = str.maketrans(_ALPHABET, "0123456789abcdefghijklmnopqrstuv")


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
    if not is_id(text, size):
        raise MalformedError("not an id")
    # The library's own decoder takes ten times as long, and whoever verifies a log decodes often.
    return (int(text.translate(_DIGITS), 32) >> (5 * len(text) - 8 * size)).to_bytes(size, "big")


def is_id(text: object, size: int = SIZE) -> bool:
    """Whether this is the text of an id of `size` bytes."""
    return isinstance(text, str) and _FORMS[size].fullmatch(text) is not None


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


def short_length(ids: Iterable[str], least: int = 6) -> int:
    """How many characters of some ids tell all of them apart."""
    ordered = sorted(ids)
    longest = least
    for one, other in pairwise(ordered):
        while one[:longest] == other[:longest] and longest < len(one):
            longest += 1
    return longest
