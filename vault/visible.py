"""Text of others, made harmless to look at: what is unseen, or moves other text, is spelt out."""

from __future__ import annotations

import unicodedata

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
