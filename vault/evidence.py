"""Evidence: what a session can do with records. It stores them, lists them and retrieves them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from vault import deposit, granted, ids, intake, retrieve
from vault.audit.deposits import Deposits
from vault.authority.judge import denied
from vault.client import Client
from vault.deposit import Description, Prepared, Progress, Stored
from vault.errors import (
    BusyError,
    DamageError,
    DeniedError,
    Error,
    FileError,
    MissingError,
    NotFoundError,
    UsageError,
)
from vault.gate import LEVEL
from vault.intake import Source
from vault.log import merkle
from vault.model import GATE, Deposit
from vault.note import ACCESS, MAX_RECORDS, PURPOSES
from vault.requests import Requests
from vault.retrieve import Listed, Opened
from vault.visible import visible


class Evidence:
    """The records of a vault.

    Args:
        client: One member's device.
        requests: What has been asked for.
    """

    def __init__(self, client: Client, requests: Requests) -> None:
        self._client = client
        self._requests = requests
        self._deposits = Deposits(client.replica)

    def records(self, case: str | None = None) -> Iterator[Listed]:
        """The labels of all records that this member may see, oldest first; those that were
        destroyed are left out.

        Those that were granted one by one are among them, if that was to this device too. What
        waits for another holder, who has to seal it anew, is not: see `Renewals.unreadable`.

        Args:
            case: Only of this case.

        Raises:
            VerificationError, MissingError: One is damaged or missing.
            DeniedError: This member neither holds the case that was asked for, nor was granted any
                record of it.
        """
        at = self._client.now()
        if case is not None and not self._holds(case) and not self._granted(case, at):
            raise denied("not-holder")
        with self._client.view() as reads:
            single = granted.readable(self._client.replica, reads, at)
            stored: dict[bytes, str] = {}
            for found in reads.deposits():
                name = stored[found.id] = self._case_of(found)
                if case not in {None, name}:
                    continue
                if self._holds(name):
                    try:
                        opened = retrieve.hold(self._client.replica, reads, found)
                    except DeniedError as error:
                        if error.reason != retrieve.NOT_YET:
                            raise
                        continue
                    yield from retrieve.labels(self._client.replica, reads, opened)
                elif found.id in single:
                    yield from retrieve.find(self._client.replica, reads, single[found.id], at)
            wanted = self._client.authority.cases if case is None else (case,)
            held = [name for name in wanted if self._holds(name)]
            lost = len(self._deposits.lost(reads, stored, held))
        if lost:
            raise MissingError(
                f"{lost} deposits that the log speaks of are missing or are in another case",
                "run `evault check`, and restore the vault from a backup that is not older",
            )

    def record(self, record: str) -> Listed:
        """The label of one record.

        Raises:
            DeniedError: This member neither holds its case nor was granted it.
            VerificationError, MissingError: It is damaged or missing.
        """
        return self.labels([record])[0]

    def labels(self, records: Sequence[str]) -> list[Listed]:
        """The labels of some records, in the order asked for; each deposit is verified once.

        Raises:
            DeniedError: This member neither holds the case of one of them nor was granted it.
            VerificationError, MissingError: One is damaged or missing.
        """
        names, at = [ids.parse(record) for record in records], self._client.now()
        with self._client.view() as reads:
            for record, name in zip(records, names, strict=True):
                owner = reads.owner(name)
                found = reads.deposit(owner[0]) if owner else None
                if found is None:
                    continue
                case = self._case_of(found)
                if not self._client.authority.may_open(self._me, case, [record], at):
                    raise denied("not-holder")
            return retrieve.find(self._client.replica, reads, names, at)

    def add(
        self,
        sources: Sequence[Path | Source],
        case: str,
        description: Description | None = None,
        *,
        progress: Progress | None = None,
    ) -> list[Stored]:
        """Store evidence in a case: all of it, or nothing.

        Args:
            sources: Files and folders, or sources from `vault.intake.survey`.
            case: The case's id.
            description: What is said of it.
            progress: Called with records and bytes as they are stored.

        Raises:
            FileError: Something cannot be read, changed, or cannot be written.
            DeniedError: This member may not deposit into this case.
        """
        self._client.catch_up()
        if case not in self._client.authority.cases:
            raise NotFoundError(f"no case '{visible(case)}'", "see `evault case list`")
        prepared = deposit.prepare(
            self._client.store,
            self._client.authority.vault,
            case,
            intake.all_of(sources),
            description or Description(),
            context={
                "assurance_level": intake.observed(LEVEL),
                "clock_utc": intake.observed(intake.moment(self._client.now())),
                "device": intake.observed(self._client.identity.device),
            },
            progress=progress,
        )
        try:
            self._client.submit(
                lambda: prepared.message(
                    self._client.authority,
                    self._client.keyring.need(self._client.authority, GATE),
                    self._client.replica.seen(),
                    self._client.sign,
                    self._client.now(),
                ),
                prepared.rows,
            )
        except BaseException:
            self._take_back(prepared)
            raise
        prepared.rows.close()
        # The evidence is stored: tidying up can wait for the next act.
        with suppress(BusyError, FileError):
            self._client.store.collect(time.time())
        return prepared.stored

    def release(
        self,
        records: Sequence[str],
        purpose: str,
        why: str | None = None,
        *,
        disposition: str = "copy",
        request: str | None = None,
    ) -> list[Opened]:
        """Ask the gate for records, for a purpose; the asking is logged before anything is given.

        Args:
            records: Ids of records.
            purpose: One of `vault.note.PURPOSES`.
            why: In words, for the case's holders only.
            disposition: `view`, `copy` or `produce`.
            request: The id of an approved request for exactly this, where the case asks for one.

        Raises:
            DeniedError: Refused; the refusal is in the log.
            NotFoundError: There is no such record.
            VerificationError: A record, or what the gate answered, is not what it must be.
        """
        if purpose not in PURPOSES:
            raise UsageError(f"{purpose!r} is not a purpose", "one of: " + ", ".join(PURPOSES))
        if len(set(records)) != len(records):
            raise UsageError("a record is given twice", "name each record once")
        if request is not None:
            return self._release_requested(request, records, purpose, why, disposition)
        opened: dict[str, Opened] = {}
        for case, names in self._requests.by_case(records).items():
            if not self._holds(case) and self._may_open(case, names):
                # What this device cannot open is not asked for: the log would speak of a release
                # that nobody had.
                self.labels(names)
            for start in range(0, len(names), MAX_RECORDS):
                asked = names[start : start + MAX_RECORDS]
                body = {
                    "records": asked,
                    "purpose": purpose,
                    "disposition": disposition,
                    "request": None,
                }
                answer = self._client.act("release", case, body, why)
                with self._client.view() as reads:
                    for got in retrieve.open_released(
                        self._client.replica, self._client.identity, reads, answer, case, asked
                    ):
                        opened[got.listed.id] = got
        return [opened[record] for record in records]

    def content(
        self, opened: Opened, progress: Callable[[int], None] | None = None
    ) -> Iterator[bytes]:
        """The original bytes of a released record. See `vault.retrieve.content`."""
        return retrieve.content(self._client.store, opened, progress)

    def receive(self, opened: Sequence[Opened]) -> None:
        """Sign for releases whose content was read whole and whose hashes matched."""
        for case, index in sorted({(ids.show(o.listed.place.case), o.entry) for o in opened}):
            with self._client.view() as reads:
                leaf = merkle.leaf_hash(self._client.replica.consistent_entry(reads, ACCESS, index))
            self._client.act("receipt", case, {"entry": index, "leaf": leaf.hex()})

    # --- parts ----------------------------------------------------------------------------------

    def _take_back(self, prepared: Prepared) -> None:
        """Delete what a deposit has stored, unless the gate has kept it: what was done is done."""
        # If even that cannot be found out, orphans are harmless and lost evidence is not.
        with suppress(Error), self._client.store.read() as reads:
            if reads.deposit(prepared.deposit) is None:
                deposit.discard(self._client.store, prepared)
        prepared.rows.close()

    @property
    def _me(self) -> str:
        return self._client.authority.member_of(self._client.identity.device).id

    def _holds(self, case: str) -> bool:
        return self._client.authority.holds(self._me, case, self._client.now())

    def _may_open(self, case: str, records: Sequence[str]) -> bool:
        return self._client.authority.may_open(self._me, case, records, self._client.now())

    def _granted(self, case: str, at: int) -> bool:
        return bool(self._client.authority.granted_records(self._me, case, at))

    def _release_requested(
        self, name: str, records: Sequence[str], purpose: str, why: str | None, disposition: str
    ) -> list[Opened]:
        request = self._requests.find(name)
        asked = set(request.records), request.purpose, request.disposition
        if asked != (set(records), purpose, disposition):
            # The gate refuses what was not asked for, and the log says who tried.
            request = replace(
                request, records=tuple(records), purpose=purpose, disposition=disposition
            )
        answer = self._requests.release(request, why)
        names = list(request.records)
        with self._client.view() as reads:
            opened = {
                got.listed.id: got
                for got in retrieve.open_released(
                    self._client.replica, self._client.identity, reads, answer, request.case, names
                )
            }
        return [opened[record] for record in records]

    def _case_of(self, deposit: Deposit) -> str:
        """The case that a deposit's row names: one that there is, or the row is damaged."""
        case = ids.show(deposit.case)
        if case not in self._client.authority.cases:
            raise DamageError("a deposit names a case that does not exist", "run `evault check`")
        return case
