"""Sending a query to a time-stamping authority over HTTP (RFC 3161, section 3.4).

Nothing is sent but the query. Nothing of the answer is believed: it is signed, or it is worthless.
"""

from __future__ import annotations

import time
import urllib.error
import urllib.parse
import urllib.request
from typing import IO, Any

from keys.tstoken import MAX_TOKEN
from vault.errors import FileError, UsageError

_WAIT = 20.0


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Whoever is asked answers, and sends nobody elsewhere."""

    def redirect_request(self, *_: Any) -> None:
        """Follow none."""


def post(url: str, query: bytes, wait: float = _WAIT) -> bytes:
    """Send a query to an authority (RFC 3161, section 3.4).

    Args:
        url: http or https; the answer is signed, so either will do.
        query: DER.
        wait: For how many seconds at most.

    Raises:
        UsageError: It is no such address.
        FileError: No answer comes from there, or not one of this kind.
    """
    try:
        parts = urllib.parse.urlsplit(url)
        fits = parts.scheme in {"http", "https"} and parts.hostname and parts.username is None
    except ValueError:
        fits = False
    if not fits:
        raise UsageError(
            "an authority's address begins with http:// or https:// and holds no password",
            "such as https://freetsa.org/tsr",
        )
    headers = {
        "Content-Type": "application/timestamp-query",
        "Accept": "application/timestamp-reply",
        # The address, and nothing else, is what it learns of who asks.
        "User-Agent": "timestamp",
    }
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.HTTPDefaultErrorHandler(),
        _NoRedirect(),
    ):
        opener.add_handler(handler)
    request = urllib.request.Request(url, query, headers)  # noqa: S310 - looked at above
    place = parts.hostname
    try:
        with opener.open(request, timeout=wait) as answer:
            return _read(answer, time.monotonic() + wait)
    except urllib.error.HTTPError as error:
        error.close()
        raise FileError(
            f"{place} answered {error.code} instead of a time-stamp",
            "is this the address for time-stamps?",
        ) from None
    except (OSError, ValueError, EOFError) as error:
        cause = getattr(error, "reason", None) or error
        said = getattr(cause, "strerror", None) or type(cause).__name__
        raise FileError(
            f"no time-stamp from {place}: {said}",
            "try later, or another authority, or by hand with --request and --response",
        ) from None


def _read(answer: IO[bytes], until: float) -> bytes:
    found = b""
    while block := answer.read1(8192):  # type: ignore[attr-defined]
        found += block
        if len(found) > MAX_TOKEN:
            raise FileError("the answer of a time-stamping authority is too long")
        if time.monotonic() > until:
            raise TimeoutError
    return found
