"""Words for people: translation, and text of others that cannot play tricks on a terminal."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from gettext import translation
from itertools import pairwise
from pathlib import Path

_catalog = translation("evault", Path(__file__).parent / "locale", fallback=True)
_ = _catalog.gettext
ngettext = _catalog.ngettext

_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_HARMLESS = frozenset("\u200c\u200d\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u08e2")
"""Format characters that scripts and emoji need, and that move nothing else."""


def visible(text: str, *, lines: bool = False) -> str:
    """A text with control, bidi, escape and other invisible characters spelt out.

    Bytes of a file name that are not UTF-8 are shown as \\xNN.

    Args:
        text: What somebody wrote.
        lines: Whether its line breaks and tabs may stay.
    """
    if text.isascii() and text.isprintable():
        return text
    keep = "\n\t" if lines else ""
    return "".join(char if char in keep or not _tricky(char) else _spelt(char) for char in text)


def lossless(text: str) -> str:
    """A text for programs: bytes of a file name that are not UTF-8 spelt out, the rest as it is."""
    try:
        raw = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raw = text.encode("utf-8", "backslashreplace")
    return raw.decode("utf-8", "backslashreplace")


def size(count: int) -> str:
    """A number of bytes in a few characters."""
    if count < 1000:
        return f"{count} B"
    amount = float(count)
    units = ["kB", "MB", "GB", "TB"]
    while (amount := amount / 1000) >= 999.95 and len(units) > 1:
        del units[0]
    return f"{amount:.1f} {units[0]}"


def groups(fingerprint: str) -> str:
    """A fingerprint in groups of four, as people compare it."""
    return " ".join(fingerprint[at : at + 4] for at in range(0, len(fingerprint), 4))


def moment(seconds: int) -> str:
    """A time for people: always UTC, and it says so."""
    from vault.intake import moment as rfc3339

    return rfc3339(seconds).replace("T", " ")


def short_length(ids: Iterable[str], least: int = 6) -> int:
    """How many characters of some ids tell all of them apart."""
    ordered = sorted(ids)
    longest = least
    for one, other in pairwise(ordered):
        while one[:longest] == other[:longest] and longest < len(one):
            longest += 1
    return longest


def _tricky(char: str) -> bool:
    category = unicodedata.category(char)
    return category in {"Cc", "Cs", "Zl", "Zp"} or (category == "Cf" and char not in _HARMLESS)


def _spelt(char: str) -> str:
    code = ord(char)
    if char in _NAMED:
        return _NAMED[char]
    if 0xDC80 <= code <= 0xDCFF:
        # How Python carries a byte of a file name that is not UTF-8.
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
