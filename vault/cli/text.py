"""Words for people: translation, and text of others that cannot play tricks on a terminal."""

from __future__ import annotations

from gettext import translation
from pathlib import Path

from vault.ids import short_length
from vault.visible import lossless, visible

_catalog = translation("evault", Path(__file__).parent / "locale", fallback=True)
_ = _catalog.gettext
ngettext = _catalog.ngettext

__all__ = ["groups", "lossless", "moment", "ngettext", "short_length", "size", "visible"]


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
