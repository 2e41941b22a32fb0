"""Times as people give them: a moment, a date, or for how long; always in UTC."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta

from vault.cli.text import _, visible
from vault.errors import UsageError

_SPAN = re.compile(r"([1-9][0-9]{0,4})([hdw])")
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}
_MOMENT = re.compile(
    r"\d{4}-\d\d-\d\d([Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?([Zz]|[+-]\d\d:\d\d)?)?", re.ASCII
)
_FIRST, _LAST = -62_135_596_800, 253_402_300_799
"""The first and the last second that can be shown."""


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
            _("'{text}' is not a time").format(text=visible(text)),
            _("for instance 7d, 2w, 2026-05-01, or 2026-05-01T18:00Z"),
        )
    if seconds <= now:
        raise UsageError(_("'{text}' is not in the future").format(text=visible(text)))
    return seconds


def moment_of(text: str, now: int) -> int:
    """A time, most often in the past, in seconds since the epoch.

    Args:
        text: `7d`, `2w` or `12h` ago; a date, which means its beginning; or a moment of RFC 3339.
            Without a zone it is UTC. One that is earlier than everything is a time as well.
        now: Seconds since the epoch.

    Raises:
        UsageError: It is none of these.
    """
    try:
        seconds = _seconds(text.strip(), now, sign=-1)
    except (ValueError, OverflowError):
        seconds = None
    if seconds is None:
        raise UsageError(
            _("'{text}' is not a time").format(text=visible(text)),
            _("for instance 7d ago as 7d, 2026-05-01, or 2026-05-01T18:00Z"),
        )
    return min(max(seconds, _FIRST), _LAST)


def period(since: str | None, until: str | None, now: int) -> tuple[int | None, int | None]:
    """A period, each end in seconds since the epoch, or None where it is open.

    Args:
        since: From when on, as `moment_of` reads it.
        until: Before when.
        now: Seconds since the epoch.

    Raises:
        UsageError: One is not a time, or the period ends before it begins.
    """
    first = None if since is None else moment_of(since, now)
    last = None if until is None else moment_of(until, now)
    if first is not None and last is not None and first >= last:
        raise UsageError(
            _("--since is not before --until: no time is in this period"),
            _("give the earlier one as --since: 30d is before 7d"),
        )
    return first, last


def _seconds(text: str, now: int, *, sign: int = 1) -> int | None:
    span = _SPAN.fullmatch(text)
    if span is not None:
        return now + sign * int(timedelta(**{_UNITS[span[2]]: int(span[1])}).total_seconds())
    if not _MOMENT.fullmatch(text):
        return None
    ends = datetime.fromisoformat(text.upper())
    ends = ends if ends.tzinfo is not None else ends.replace(tzinfo=UTC)
    return math.floor(ends.timestamp())
