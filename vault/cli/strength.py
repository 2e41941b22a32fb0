"""Refuses new passphrases that would be guessed.

The rule is short because it has to be explained in one line: at least 12 characters, at least 6 of
them different, and no sequence, repetition or well-known password however it is decorated. A rule
cannot tell what is random, so a refusal comes with one that is.
"""

from __future__ import annotations

import secrets
from itertools import pairwise

from vault.cli.text import _

LEAST = 12
DIFFERENT = 6
RULE = _(
    "A passphrase has at least 12 characters, 6 of them different, and is no sequence, no "
    "repetition and no well-known password; best are six or more random words."
)

_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
_COMMON = frozenset(
    (
        *("abc", "admin", "administrator", "changeme", "contrasena", "contraseña", "default"),
        *("evault", "evidencevault", "football", "iloveyou", "letmein", "login", "master"),
        *("monkey", "mypassword", "mypassphrase", "pass", "passphrase", "passw", "passwd"),
        *("password", "passwort", "princess", "qwerty", "qwertyuiop", "qwertyuiopasdfghjkl"),
        *("secret", "sunshine", "superman", "teamo", "tequiero", "test", "testtest", "user"),
        *("welcome", "asdfghjkl", "asdfghjklzxcvbnm", "zxcvbnm", "qwertyuiopasdfghjklzxcvbnm"),
        *("trustno", "dragon", "baseball", "shadow", "clave", "micontraseña", "micontrasena"),
    )
)
_DISGUISE = str.maketrans("013457@$!", "oieastasi")


def weakness(passphrase: str) -> str:
    """Why a new passphrase is weak, or an empty string."""
    if len(passphrase) < LEAST:
        return _("it has fewer than {least} characters").format(least=LEAST)
    if len(set(passphrase)) < DIFFERENT:
        return _("it has fewer than {least} different characters").format(least=DIFFERENT)
    plain = "".join(char for char in passphrase.casefold() if char.isalnum())
    if _period(plain) < LEAST and _period(plain) < len(plain):
        return _("it repeats itself")
    steps = [abs(ord(after) - ord(before)) <= 1 for before, after in pairwise(passphrase)]
    if sum(steps) > 0.7 * len(steps):
        return _("it is a sequence")
    if plain.isdigit() and len(plain) < 20:
        return _("it is a number with fewer than 20 digits")
    if _well_known(passphrase.casefold()):
        return _("it is a well-known password with decorations")
    return ""


def suggestion() -> str:
    """What to do instead, with a passphrase that nobody has used: about 99 bits."""
    drawn = "".join(secrets.choice(_ALPHABET) for _number in range(20))
    shown = "-".join(drawn[at : at + 4] for at in range(0, 20, 4))
    return _("use six or more random words, or random characters such as {example}").format(
        example=shown
    )


def _period(text: str) -> int:
    """The length of the shortest piece whose repetition gives the text."""
    for length in range(1, len(text) // 2 + 1):
        if (text[:length] * (len(text) // length + 1))[: len(text)] == text:
            return length
    return len(text)


def _well_known(text: str) -> bool:
    start = next((at for at, char in enumerate(text) if char.isalpha()), 0)
    stop = next((at for at in range(len(text), 0, -1) if text[at - 1].isalpha()), 0)
    for spelling in (text, text[start:stop].translate(_DISGUISE)):
        letters = "".join(char for char in spelling if char.isalpha())
        if letters[: _period(letters)] in _COMMON:
            return True
    return False
