"""Renewals: old keys are made to open nothing in a vault's files any more.

Three levels, each of which undoes more and costs more:

- *rotate* (always, by whoever acts next): what is added from then on is for those who are left;
- *rekey*: the secrets of a case's deposits are sealed anew, so kept seeds of old epochs open none;
- *re-encrypt*: records get new keys and are written anew, so kept secrets of deposits and records
  open none.

Old bytes go only when somebody else who holds the case, or its recovery identity, has opened all of
the new ones and signed for it; whoever is alone confirms alone, and the log says so. Nothing here
un-reads what was read.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from keys import container
from keys.derive import Label
from keys.digest import blake3_digest
from keys.seal import SealingKey, seal
from vault import confirming, ids, reencrypt, renewed, sealing, statements
from vault.audit.requests import APPROVED
from vault.authority.judge import denied
from vault.client import Client
from vault.errors import DeniedError, NotFoundError, StaleError, VerificationError
from vault.log import merkle
from vault.message import Answer
from vault.model import GATE, Deposit
from vault.requests import Requests, waiting
from vault.sealing import Progress
from vault.store import WAITING, Reads
from vault.visible import visible

_PURPOSE, _DISPOSITION = "verification", "copy"
"""What the content that is written anew is asked for."""

_ROW = 2 * 1300
"""About how many bytes a deposit's new seals have."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a renewal would have to do.

    Args:
        case: The case's id.
        deposits: How many would be sealed anew.
        records: How many records are in them.
        bytes: About how many bytes would be written.
        seconds: About how long it would take here.
    """

    case: str
    deposits: int
    records: int
    bytes: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Renewed:
    """What a renewal did.

    Args:
        case: The case's id.
        deposits: How many were sealed anew.
        records: How many records are in them.
        bytes: How many bytes were written.
        confirmed: Whether the old bytes are gone.
        entry: The index of its last entry in the access log; None if there was nothing to do.
        waits_for: The members of whom one has to confirm it.
        left: Deposits that this member cannot open, which stay as they are.
    """

    case: str
    deposits: int
    records: int
    bytes: int
    confirmed: bool
    entry: int | None
    waits_for: tuple[str, ...] = ()
    left: int = 0


@dataclass(frozen=True, slots=True)
class Pending:
    """A renewal that waits to be confirmed.

    Args:
        case: The case's id.
        entry: Its entry in the access log.
        kind: `rekey` or `re-encrypt`.
        maker: The id of the member who made it.
        deposits: How many deposits it concerns.
        waits_for: The members of whom one has to confirm it.
        outdated: Whether the keys have changed since, or a record was destroyed, so that it has to
            be made again.
    """

    case: str
    entry: int
    kind: str
    maker: str
    deposits: int
    waits_for: tuple[str, ...]
    outdated: bool


class Renewals:
    """The renewals of a vault's cases.

    Args:
        client: One member's device.
        requests: What has been asked for.
    """

    def __init__(self, client: Client, requests: Requests) -> None:
        self._client = client
        self._requests = requests

    # --- asking ---------------------------------------------------------------------------------

    def plan(self, case: str, *, reencrypt: bool = False) -> Plan:
        """What a rekey or a re-encryption of a case would have to do; nothing is changed.

        Args:
            case: The case's id.
            reencrypt: Whether records would be written anew.

        Raises:
            DeniedError: This member has no keys of the case.
        """
        self._client.catch_up()
        self._need(case)
        with self._client.view() as reads:
            everything = reads.deposits_of(ids.parse(case))
            found = everything if reencrypt else self._outdated(reads, case) or everything
            size = sum(reads.content_size(deposit.id) for deposit in found) if reencrypt else 0
        records, count = sum(deposit.count for deposit in found), len(found)
        if reencrypt:
            return Plan(case, count, records, size, count * _seal_time() + size * _byte_time())
        return Plan(case, count, records, _ROW * count, _seal_time() * count)

    def pending(self) -> list[Pending]:
        """What waits to be confirmed in the cases that this member holds, oldest first."""
        authority, at = self._client.authority, self._client.now()
        found = []
        with self._client.view() as reads:
            for case in authority.cases:
                if authority.holds(self._me, case, at) and self._has_keys(case):
                    found += [
                        self._pending(reads, case, index)
                        for index in reads.pending_renewals(ids.parse(case))
                    ]
        return sorted(found, key=lambda one: one.entry)

    def unreadable(self, case: str | None = None) -> int:
        """How many deposits wait for another holder before this member can read them.

        Args:
            case: Only of this case; else of all that this member holds.
        """
        client, at = self._client, self._client.now()
        held = [name for name in client.authority.cases if case in {None, name}]
        count = 0
        with client.view() as reads:
            for name in held:
                if not client.authority.holds(self._me, name, at):
                    continue
                for deposit in reads.deposits_of(ids.parse(name)):
                    count += not renewed.meant(client.replica, reads, deposit, name)
        return count

    # --- rekeying -------------------------------------------------------------------------------

    def rekey(self, case: str, progress: Progress | None = None) -> Renewed:
        """Seal the secrets of a case's deposits anew, to keys that nobody has who left.

        If all of them are sealed to the keys in force already, new keys are drawn first.

        Args:
            case: The case's id.
            progress: Called as new seals are made.

        Raises:
            DeniedError: This member may not; the refusal is in the log.
            VerificationError: A deposit is damaged; nothing is changed.
        """
        self._client.catch_up()
        self._need(case)
        self._freshen(case)
        with self._client.view() as reads:
            waiting = self._outdated(reads, case)
            everything = reads.deposits_of(ids.parse(case))
        if everything and not waiting:
            self._rotate([case])
            waiting = everything
        return self._rekey(case, waiting, progress)

    def reencrypt(
        self, case: str, progress: Progress | None = None, *, why: str | None = None
    ) -> Renewed:
        """Give all records of a case new keys and write them anew.

        Each deposit is one act: whoever stops in between goes on with the others later. The content
        is asked for like any other retrieval, which the log shows.

        Args:
            case: The case's id.
            progress: Called as content is written.
            why: In words, for the case's holders alone.

        Raises:
            WaitingError: The case asks for approvals: requests are filed, which others have to
                approve; then the same is to be done again.
            DeniedError: This member may not; the refusal is in the log.
            VerificationError: A record is damaged; its deposit stays as it is.
        """
        self._client.catch_up()
        self._need(case)
        self._freshen(case)
        with self._client.view() as reads:
            deposits = reads.deposits_of(ids.parse(case))
            wanted = [names for one in deposits for names in reencrypt.asked_for(reads, one.id)]
        self._need_approvals(case, wanted, why)
        waits_for = self._others(case, self._me)
        alone = not waits_for and not self._client.authority.cases[case].hold
        index: int | None = None
        records = size = 0
        for deposit in deposits:
            index, count, written = reencrypt.reencrypt(
                self._client, case, deposit, lambda names: self._ask(case, names, why), progress
            )
            records, size = records + count, size + written
            if alone:
                index = self._confirm(case, index, None).entry
        confirmed = alone or not deposits
        return Renewed(case, len(deposits), records, size, confirmed, index, waits_for)

    def confirm(self, case: str, progress: Progress | None = None) -> Renewed:
        """Open all that another holder has sealed anew, and sign for it: the old bytes go.

        Args:
            case: The case's id.
            progress: Called as new seals are opened.

        Raises:
            NotFoundError: Nothing waits to be confirmed.
            DeniedError: This member may not; the refusal is in the log.
            VerificationError: Something new does not open to what it must; the old stays.
        """
        self._client.catch_up()
        self._need(case)
        with self._client.view() as reads:
            waiting = reads.pending_renewals(ids.parse(case))
            others = [
                index
                for index in waiting
                if self._me in self._pending(reads, case, index).waits_for
            ]
        if not waiting:
            raise NotFoundError(
                "no rekey of this case waits to be confirmed", "see `evault status`"
            )
        # One's own are left to the others; alone they are refused, and the refusal says why.
        done = [self._confirm(case, index, progress) for index in others or waiting]
        return Renewed(
            case,
            sum(one.deposits for one in done),
            sum(one.records for one in done),
            sum(one.bytes for one in done),
            confirmed=True,
            entry=done[-1].entry,
        )

    def look(self, reads: Reads, waits: Pending) -> None:
        """Open everything that waits, as whoever confirms it does, and change nothing.

        Raises:
            VerificationError: Something new does not open to what it must.
        """
        found = renewed.renewal(self._client.replica, reads, waits.entry, waits.case)
        confirming.open_all(self._client, reads, waits.case, waits.entry, found.actor, None)

    def settle(self) -> None:
        """Do what this member owes others: seal anew what was added while a case was stale, so that
        whoever comes later can read it, and confirm what others have sealed anew for that reason.

        Raises:
            BusyError, FileError: It cannot be done now; the next act does it.
        """
        to_seal: dict[str, list[Deposit]] = {}
        to_confirm: list[tuple[str, int]] = []
        with self._client.view() as reads:
            authority, at = self._client.authority, self._client.now()
            for case in authority.cases:
                if not authority.holds(self._me, case, at) or not self._has_keys(case):
                    continue
                if not authority.stale(case, at):
                    to_seal[case] = self._sealed_to_devices(reads, case)
                if not authority.cases[case].hold:
                    to_confirm += [(case, index) for index in self._confirmable(reads, case)]
        # Somebody else may have been faster; and what is false is confirmed by nobody, but keeps
        # nobody from other work: `evault check` names it.
        for case, index in to_confirm:
            with suppress(DeniedError, StaleError, VerificationError):
                self._confirm(case, index, None)
        for case, owed in to_seal.items():
            if owed:
                with suppress(DeniedError, StaleError, VerificationError):
                    self._rekey(case, owed, None)

    # --- parts: which ---------------------------------------------------------------------------

    @property
    def _me(self) -> str:
        return self._client.authority.member_of(self._client.identity.device).id

    def _in_force(self, case: str) -> tuple[int, int]:
        return sealing.in_force(self._client.authority, case)

    def _has_keys(self, case: str) -> bool:
        return self._client.keyring.has(self._client.authority, case)

    def _need(self, case: str) -> None:
        if case not in self._client.authority.cases:
            raise NotFoundError(f"no case '{visible(case)}'", "see `evault case list`")
        self._client.keyring.need(self._client.authority, case)

    def _outdated(self, reads: Reads, case: str) -> list[Deposit]:
        """The deposits of a case that are not sealed to the keys in force."""
        now, to_devices = (
            self._in_force(case),
            reads.sealed_to_devices(ids.parse(case)),
        )
        return [
            deposit
            for deposit in reads.deposits_of(ids.parse(case))
            if (deposit.epoch, deposit.gate_epoch) != now or deposit.id in to_devices
        ]

    def _sealed_to_devices(self, reads: Reads, case: str) -> list[Deposit]:
        """The deposits that were added while a case was stale, and for which nothing waits yet."""
        now = self._in_force(case)
        found = []
        for name in sorted(reads.sealed_to_devices(ids.parse(case))):
            waits = any(
                row.state == WAITING and (row.seals.epoch, row.seals.gate_epoch) == now
                for row in reads.renewals_of(name)
            )
            deposit = None if waits else reads.deposit(name)
            if deposit is not None:
                found.append(deposit)
        return found

    def _confirmable(self, reads: Reads, case: str) -> list[int]:
        """The rekeys of others, of nothing but what was added while the case was stale."""
        to_devices = reads.sealed_to_devices(ids.parse(case))
        found = []
        for index in reads.pending_renewals(ids.parse(case)):
            if all(row.seals.deposit in to_devices for row in reads.renewals(index)):
                one = self._pending(reads, case, index)
                if self._me in one.waits_for and not one.outdated:
                    found.append(index)
        return found

    def _pending(self, reads: Reads, case: str, index: int) -> Pending:
        made = renewed.renewal(self._client.replica, reads, index, case).actor
        maker = self._client.authority.ever(made.device)
        name = maker.id if maker else made.device
        return Pending(
            case,
            index,
            made.kind,
            name,
            made.body["count"] if made.kind == "rekey" else 1,
            self._others(case, name) or (name,),
            (made.body["epoch"], made.body["gate_epoch"]) != self._in_force(case)
            or reads.spoilt(index),
        )

    def _others(self, case: str, than: str) -> tuple[str, ...]:
        """Who can confirm what somebody made: the other holders and the recovery identity."""
        authority, at = self._client.authority, self._client.now()
        found = (*authority.holders(case, at), *authority.trusted(case, at))
        return tuple(member.id for member in found if member.id != than)

    # --- parts: making --------------------------------------------------------------------------

    def _freshen(self, case: str) -> None:
        """Rotate what somebody has left who still has the keys."""
        authority, at = self._client.authority, self._client.now()
        stale = [group for group in (case, GATE) if authority.stale(group, at)]
        if stale:
            self._rotate(stale)

    def _rotate(self, groups: Sequence[str]) -> None:
        client = self._client
        client.state(
            "rotated",
            lambda: statements.rotated(client.authority, client.keyring, groups, client.now()),
        )

    def _rekey(self, case: str, deposits: list[Deposit], progress: Progress | None) -> Renewed:
        done = sealing.rekey(self._client, case, deposits, progress)
        counts = done.deposits, done.records, done.written
        if done.entry is None:
            return Renewed(case, *counts, confirmed=True, entry=None, left=done.left)
        waits_for, index = self._others(case, self._me), done.entry
        alone = not waits_for and not self._client.authority.cases[case].hold
        if alone:
            index = self._confirm(case, index, None).entry or index
        return Renewed(case, *counts, alone, index, waits_for, done.left)

    def _ask(self, case: str, names: list[str], why: str | None) -> tuple[Answer, list[str]]:
        """Have records released, by an approved request where the case asks for one."""
        if self._client.authority.cases[case].policy.approvals:
            request = self._requests.same(names, _PURPOSE, _DISPOSITION)
            if request is not None:
                return self._requests.release(request, why), list(request.records)
        body = {"records": names, "purpose": _PURPOSE, "disposition": _DISPOSITION}
        return self._client.act("release", case, {**body, "request": None}, why), names

    def _need_approvals(self, case: str, wanted: list[list[str]], why: str | None) -> None:
        """File what is not asked for yet, before anything is written."""
        if not self._client.authority.cases[case].policy.approvals:
            return
        requests = [
            self._requests.same(names, _PURPOSE, _DISPOSITION)
            or self._requests.file(names, _PURPOSE, why, _DISPOSITION)
            for names in wanted
        ]
        pending = [request for request in requests if request.state != APPROVED]
        if pending:
            raise waiting(*pending)

    # --- parts: confirming ----------------------------------------------------------------------

    def _confirm(self, case: str, index: int, progress: Progress | None) -> Renewed:
        client = self._client
        with client.view() as reads:
            found = renewed.renewal(client.replica, reads, index, case)
            if reads.spoilt(index):
                # Nobody can open all of it any more, and the gate would refuse it.
                raise denied("old-renewal")
            done = confirming.open_all(client, reads, case, index, found.actor, progress)
        maker = client.authority.ever(found.actor.device)
        own = maker is not None and maker.id == self._me
        answer = client.act(
            "confirmation",
            case,
            {
                "entry": index,
                "leaf": merkle.leaf_hash(found.raw).hex(),
                "sole": own and not self._others(case, self._me),
            },
            attachments=(found.actor.signed,),
        )
        return Renewed(case, *done, confirmed=True, entry=answer.index)


def _seal_time() -> float:
    """How long it takes here to seal one deposit anew, in seconds."""
    key = SealingKey(os.urandom(64), os.urandom(32))
    start = time.perf_counter()
    for _ in range(5):
        key.open(seal(key.public, bytes(64), Label.TRIAL_SEAL), Label.TRIAL_SEAL)
    # Two seals are opened and made, and opened again by the gate and by who confirms; the rest is
    # the deposit's entry, proved, opened and verified each time.
    return (time.perf_counter() - start) / 5 * 18


def _byte_time() -> float:
    """How long it takes here to read and write a byte of content anew, in seconds."""
    block = bytes(4 << 20)
    start = time.perf_counter()
    key, context = os.urandom(32), b"trial"
    container.decrypt(key, context, container.encrypt(key, context, block))
    hashlib.sha256(block).digest()
    blake3_digest(block)
    # Decrypted and encrypted, hashed twice by each hash, one of them in another thread.
    return (time.perf_counter() - start) / len(block)
