"""Tickets and parcels: what a session can do for collectors."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from keys import keyfile
from keys.derive import equal
from keys.errors import SignatureError
from keys.keyfile import Argon2
from vault import ids, note, parcel, ticket
from vault.acts import exposed
from vault.audit import Access, exposed_deposits
from vault.authority import judge
from vault.authority.judge import denied
from vault.client import Client
from vault.errors import (
    BusyError,
    DeniedError,
    Error,
    FileError,
    GateError,
    UnknownVaultError,
)
from vault.history import History
from vault.model import GATE, Ticket
from vault.note import ACCESS
from vault.packs import Packer
from vault.parcel import Parcel, Progress
from vault.retrieve import Held
from vault.ticket import Terms


@dataclass(frozen=True, slots=True)
class Issued:
    """A ticket that was issued.

    Args:
        terms: As the gate signed them.
        file: The ticket's file, for the collector.
    """

    terms: Terms
    file: bytes


@dataclass(frozen=True, slots=True)
class Accepted:
    """A parcel that was brought in.

    Args:
        deposit: The deposit's id.
        case: The case's id.
        ticket: The id of the ticket that made it.
        count: How many records it has.
        entry: Its entry in the access log.
        exposed: Whether keys were changed since the ticket was issued. See `vault.acts.exposed`.
    """

    deposit: str
    case: str
    ticket: str
    count: int
    entry: int
    exposed: bool


class Tickets:
    """The tickets of a vault.

    Args:
        client: One member's device.
        history: What it has verified of the access log.
    """

    def __init__(self, client: Client, history: History) -> None:
        self._client = client
        self._history = history

    # --- tickets --------------------------------------------------------------------------------

    def issue(
        self,
        case: str,
        expires: int,
        passphrase: str | None = None,
        cost: Argon2 = keyfile.DEFAULT,
    ) -> Issued:
        """Issue a ticket.

        Args:
            case: The case's id.
            expires: When it ends, in seconds since the epoch.
            passphrase: Under which its key is put; None for bare.
            cost: Of one guess at it.

        Raises:
            DeniedError: This member may not.
            GateError: What the gate signed is not the ticket that was asked for.
        """
        key = ticket.draw()
        fields = {"case": case, "contact": key.contact().note.decode(), "expires": expires}
        answer = self._client.state("ticket-issued", lambda: fields)
        try:
            terms = ticket.parse_terms(answer.sealed)
        except Error:
            raise GateError("the gate did not sign the ticket that was asked for") from None
        self._check(terms, key.device)
        return Issued(terms, ticket.encode(terms.signed, key, passphrase, cost))

    def revoke(self, name: str) -> None:
        """Revoke a ticket.

        Raises:
            DeniedError: This member may not, or it has ended.
        """
        self._client.state("ticket-revoked", lambda: {"ticket": name})

    def all(self) -> Sequence[Ticket]:
        """All tickets that were ever issued, in that order."""
        return list(self._client.authority.tickets.values())

    def outdated(self, found: Ticket) -> bool:
        """Whether what a ticket brings in now comes in exposed. See `Authority.outdated`."""
        return self._client.authority.outdated(found, self._client.now())

    def exposed(self) -> list[Access]:
        """The deposits of collectors that wait to be encrypted anew, as far as this member can open
        the log: see `vault.audit.exposed_deposits`."""
        if not self._client.authority.tickets:
            return []
        with self._client.view() as reads:
            entries = self._history.read(reads).entries()
            return exposed_deposits(self._client.replica, entries)

    def exposes(self, held: Held) -> bool:
        """Whether a deposit is one of those, for whoever holds its case."""
        # Once it was encrypted anew, and that confirmed, another note commits to its secrets.
        fresh = held.records is not held.actor
        return not fresh and exposed(self._client.replica, held.actor, held.gate)

    def _check(self, terms: Terms, name: str) -> None:
        """A false ticket would seal what witnesses hand in to somebody else."""
        authority = self._client.authority
        found = authority.tickets[name]
        case, gate = (
            authority.epoch(found.case, found.epoch),
            authority.epoch(GATE, found.gate_epoch),
        )
        said = (terms.vault, terms.ticket, terms.case, terms.epoch, terms.gate_epoch, terms.expires)
        meant = (authority.vault, name, found.case, case.number, gate.number, found.expires)
        keys_fit = equal(terms.case_key, case.sealing) and equal(terms.gate_key, gate.sealing)
        if said != meant or not keys_fit or terms.signing != gate.signing:
            raise GateError("the gate signed another ticket than the one that was asked for")
        for log, seen in terms.seen.items():
            if seen["size"] > self._client.replica.position(log).size:
                raise GateError("the gate signed a ticket that has seen what is not there")

    # --- parcels --------------------------------------------------------------------------------

    def accept(self, path: Path, progress: Progress | None = None) -> Accepted:
        """Bring a parcel in: the gate judges the ticket, and keeps the deposit.

        Any member can; whoever does it reads nothing of it, and the entry names the ticket.

        Args:
            path: The parcel.
            progress: Called with the size of each block that is copied.

        Raises:
            FileError: It cannot be read, or the vault cannot be written.
            MalformedError, VerificationError: It is none, damaged, or not what was signed.
            UnknownVaultError: It is for another vault.
            DeniedError: The ticket is none of this vault, has expired or was revoked; the refusal
                is in the log. Or the case is closed, or it was brought in before.
        """
        client = self._client
        found = parcel.read(path)
        client.catch_up()
        self._look(found)
        authority, body = client.authority, found.actor.body
        reason = judge(authority, found.actor, client.now())
        if reason == "closed":
            # Logged it would use the parcel up, which can be brought in once the case is open.
            raise denied(reason)
        if reason is not None:
            # The gate says no and logs who tried; its bytes need not be copied for that.
            client.submit(lambda: found.message)
            raise denied(reason)
        packer = Packer(client.store)
        try:
            with parcel.unpack(found, client.store, packer, progress or (lambda _: None)) as rows:
                answer = client.submit(lambda: found.message, rows)
        except BaseException:
            self._take_back(packer, ids.parse(body["deposit"]))
            raise
        with suppress(BusyError, FileError):
            client.store.collect(time.time())
        # The answer was found in the verified log; its gate note tells by what it was judged.
        gate = note.parse(answer.gate)
        return Accepted(
            deposit=body["deposit"],
            case=body["case"],
            ticket=found.actor.device,
            count=body["count"],
            entry=answer.index,
            exposed=exposed(client.replica, found.actor, gate),
        )

    def _look(self, found: Parcel) -> None:
        """Refuse what the gate would refuse without a trace, before anything is written."""
        authority, actor = self._client.authority, found.actor
        if actor.origin != authority.origin(ACCESS):
            raise UnknownVaultError("this parcel is for another vault")
        if authority.ticket_of(actor) is None:
            raise DeniedError(
                "no ticket of this vault has made this parcel",
                "whoever issued the ticket knows for which vault it was",
                reason="no-ticket",
            )
        try:
            actor.verify(authority.signer(actor))
        except SignatureError:
            raise parcel.damaged() from None
        with self._client.view() as reads:
            if reads.used(actor.id_hash) or reads.deposit(ids.parse(actor.body["deposit"])):
                raise DeniedError(
                    "this parcel was brought in, or refused, before",
                    "see `evault log list`",
                    reason="used-id",
                )

    def _take_back(self, packer: Packer, deposit: bytes) -> None:
        """Delete what was copied, unless the gate has kept it."""
        # If even that cannot be found out, orphans are harmless and lost evidence is not.
        with suppress(Error), self._client.store.read() as reads:
            if reads.deposit(deposit) is None:
                packer.abort()
