"""Getting time-stamps from an authority outside: over the network, or by files that travel by hand.

What leaves the machine is the SHA-512 of a signed checkpoint and a random number, nothing of the
vault. The authority learns an address and a time, as does whoever watches the network. Whom this
member trusts is kept in local state, never taken from the vault.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from keys import timestamp
from keys.derive import lp, parse_lp
from keys.errors import SignatureError, UntrustedError
from keys.timestamp import Request, Roots
from keys.tstoken import Stamp
from vault.audit.stamped import Found, stamped
from vault.client import Client
from vault.errors import MalformedError
from vault.local import Local
from vault.log import checkpoint
from vault.note import ACCESS

SOON = 90 * 86_400
"""After how many seconds another time-stamp is due."""

_ROOTS, _ASKED = "time-roots", "time-asked"
_MOST = 20
"""How many queries that wait for an answer are remembered."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A time-stamp that was kept.

    Args:
        log: Which log.
        size: How many entries it has.
        stamp: What it says: verified if `checked`, else merely claimed.
        checked: Whether a trusted root was at hand.
        why: Why it was not checked; empty if it was.
    """

    log: str
    size: int
    stamp: Stamp
    checked: bool
    why: str = ""


class Stamping:
    """The time-stamps of a vault, as one member gets and sees them.

    Args:
        client: One member's device.
        local: Its local state.
    """

    def __init__(self, client: Client, local: Local) -> None:
        self._client = client
        self._local = local

    # --- whom to trust --------------------------------------------------------------------------

    def roots(self) -> Roots:
        """The root certificates that this member trusts on this machine."""
        raw = self._local.recall(_ROOTS)
        return Roots() if raw is None else Roots.parse(raw)

    def trust(self, pem: bytes) -> Roots:
        """Trust root certificates from now on, beside those of before.

        Args:
            pem: One or more certificates; at least one is self-signed.

        Raises:
            MalformedError: They are not such certificates.
        """
        roots = self.roots().with_more(Roots.parse(pem))
        self._local.remember({_ROOTS: roots.encode()})
        return roots

    # --- getting one ----------------------------------------------------------------------------

    def ask(self, log: str = ACCESS) -> bytes:
        """Make a query over a log's newest checkpoint, and remember it until it is answered.

        Returns:
            DER, to be taken to an authority.
        """
        self._client.catch_up()
        note = self._client.replica.notes[log]
        request = timestamp.ask(note)
        asked = [*self._asked(), (log, note, request.der)][-_MOST:]
        self._remember(asked)
        return request.der

    def receive(self, reply: bytes) -> Kept:
        """Take an authority's answer to a query of this member, and keep it in the vault.

        Args:
            reply: DER.

        Raises:
            MalformedError: It is no answer.
            UntrustedError: The authority refused.
            SignatureError: It answers none of the queries, or is proved bad.
        """
        failed = SignatureError("no query of yours waits for an answer", "make one with --request")
        asked = self._asked()
        for log, note, query in reversed(asked):
            try:
                token = timestamp.receive(reply, timestamp.parse_request(query))
            except SignatureError as error:
                failed = error
                continue
            kept = self._keep(log, note, token)
            self._remember([one for one in asked if one[2] != query])
            return kept
        raise failed

    def fetch(self, url: str, log: str = ACCESS) -> Kept:
        """Get a time-stamp over a log's newest checkpoint, and keep it in the vault.

        Args:
            url: The authority's, http or https.
            log: Which log.

        Raises:
            UsageError: It is no such address.
            FileError: No answer comes from there.
            MalformedError, UntrustedError, SignatureError: as `receive`.
        """
        from vault.post import post

        self._client.catch_up()
        note = self._client.replica.notes[log]
        request: Request = timestamp.ask(note)
        return self._keep(log, note, timestamp.receive(post(url, request.der), request))

    # --- looking --------------------------------------------------------------------------------

    def found(self) -> list[Found]:
        """Every time-stamp that is kept, verified. See `vault.audit.stamped`."""
        with self._client.view() as reads:
            return stamped(self._client.replica, reads, self.roots())

    # --- parts ----------------------------------------------------------------------------------

    def _keep(self, log: str, note: bytes, token: bytes) -> Kept:
        why = ""
        try:
            stamp = timestamp.verify(token, note, self.roots())
        except UntrustedError as error:
            stamp, why = timestamp.peek(token), error.message
        self._client.gate.keep_timestamp(note, token)
        return Kept(log, checkpoint.peek(note).size, stamp, not why, why)

    def _asked(self) -> list[tuple[str, bytes, bytes]]:
        raw = self._local.recall(_ASKED)
        found = []
        with suppress(MalformedError):
            for one in parse_lp(raw) if raw else ():
                log, note, query = parse_lp(one, 3)
                found.append((log.decode(), note, query))
        return found

    def _remember(self, asked: list[tuple[str, bytes, bytes]]) -> None:
        plain = lp(*(lp(log.encode(), note, query) for log, note, query in asked))
        self._local.remember({_ASKED: plain})
