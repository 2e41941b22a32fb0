"""Times as people give them: a moment, a date, or for how long; always in UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from vault.cli.text import _
from vault.errors import UsageError

_SPAN = re.compile(r"([1-9][0-9]{0,4})([hdw])")
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d([Tt ]\d\d:\d\d(:\d\d)?([Zz]|[+-]\d\d:\d\d)?)?")


def until(text: str, now: int) -> int:
    """The end of something, in seconds since the epoch.

    Args:
        text: `7d`, `2w` or `12h` from now; a date, which means its beginning; or a moment of RFC
            3339. Without a zone it is UTC.
        now: Seconds since the epoch.

    Raises:
        UsageError: It is none of these, or not in the future.
    """
    try:
        seconds = _seconds(text.strip(), now)
        # After the year 9999 no time can be shown.
        datetime.fromtimestamp(seconds or 0, UTC)
    except (ValueError, OverflowError):
        seconds = None
    if seconds is None:
        raise UsageError(
            _("{text!r} is not a time").format(text=text),
            _("for instance 7d, 2w, 2026-05-01, or 2026-05-01T18:00Z"),
        )
    if seconds <= now:
        raise UsageError(_("{text!r} is not in the future").format(text=text))
    return seconds


def moment_of(text: str, now: int) -> int:
    """A time, most often in the past, in seconds since the epoch.

    Args:
        text: `7d`, `2w` or `12h` ago; a date, which means its beginning; or a moment of RFC 3339.
            Without a zone it is UTC.
        now: Seconds since the epoch.

    Raises:
        UsageError: It is none of these.
    """
    try:
        seconds = _seconds(text.strip(), now, sign=-1)
    except (ValueError, OverflowError):
        seconds = None
    if seconds is None or seconds < 0:
        raise UsageError(
            _("{text!r} is not a time").format(text=text),
            _("for instance 7d ago as 7d, 2026-05-01, or 2026-05-01T18:00Z"),
        )
    return seconds


def _seconds(text: str, now: int, *, sign: int = 1) -> int | None:
    span = _SPAN.fullmatch(text)
    if span is not None:
        return now + sign * int(timedelta(**{_UNITS[span[2]]: int(span[1])}).total_seconds())
    if not _MOMENT.fullmatch(text):
        return None
    ends = datetime.fromisoformat(text.upper())
    ends = ends if ends.tzinfo is not None else ends.replace(tzinfo=UTC)
    return int(ends.timestamp())
