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
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import BinaryIO

from keys import container
from keys.derive import Label, equal, u64
from keys.digest import blake3_digest
from keys.seal import SealingKey, seal
from vault import acts, fields, ids, message, recordkeys, renewed, retrieve, statements
from vault.authority import secret_recipients
from vault.client import Client
from vault.errors import (
    DamageError,
    DeniedError,
    Error,
    NotFoundError,
    StaleError,
    VerificationError,
)
from vault.fields import Fields
from vault.log import merkle
from vault.message import Message, open_secret, seals_leaf
from vault.model import GATE, Deposit, Record, Seals
from vault.note import MAX_RECORDS, Note
from vault.packs import Packer
from vault.store import WAITING, Reads

Progress = Callable[[int], None]
"""Called with how many bytes more were written."""

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
        outdated: Whether the keys have changed since, so that it has to be made again.
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
    """

    def __init__(self, client: Client) -> None:
        self._client = client

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
            DeniedError: This member may not; the refusal is in the log.
            VerificationError: A record is damaged; its deposit stays as it is.
        """
        self._client.catch_up()
        self._need(case)
        self._freshen(case)
        with self._client.view() as reads:
            deposits = reads.deposits_of(ids.parse(case))
        waits_for = self._others(case, self._me)
        alone = not waits_for and not self._client.authority.cases[case].hold
        index: int | None = None
        records = size = 0
        for deposit in deposits:
            index, count, written = self._reencrypt(case, deposit, why, progress)
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
        if not waiting:
            raise NotFoundError(
                "no rekey of this case waits to be confirmed", "see `evault status`"
            )
        done = [self._confirm(case, index, progress) for index in waiting]
        return Renewed(
            case,
            sum(one.deposits for one in done),
            sum(one.records for one in done),
            sum(one.bytes for one in done),
            confirmed=True,
            entry=done[-1].entry,
        )

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
        # Somebody else may have been faster.
        for case, index in to_confirm:
            with suppress(DeniedError, StaleError):
                self._confirm(case, index, None)
        for case, owed in to_seal.items():
            if owed:
                with suppress(DeniedError, StaleError):
                    self._rekey(case, owed, None)

    # --- parts: which ---------------------------------------------------------------------------

    @property
    def _me(self) -> str:
        return self._client.authority.member_of(self._client.identity.device).id

    def _has_keys(self, case: str) -> bool:
        return self._client.keyring.find(self._client.authority, case) is not None

    def _need(self, case: str) -> None:
        if case not in self._client.authority.cases:
            raise NotFoundError(f"no case {case!r}", "see `evault case list`")
        self._client.keyring.need(self._client.authority, case)

    def _in_force(self, case: str) -> tuple[int, int]:
        authority = self._client.authority
        return authority.epoch(case).number, authority.epoch(GATE).number

    def _outdated(self, reads: Reads, case: str) -> list[Deposit]:
        """The deposits of a case that are not sealed to the keys in force."""
        now, to_devices = self._in_force(case), reads.sealed_to_devices(ids.parse(case))
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
            (made.body["epoch"], made.body["gate_epoch"]) != self._in_force(case),
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
        client = self._client
        with closing(client.store.blobs.scratch()) as rows:
            made = _Made(0, 0, 0, 0, b"")
            size = -1

            def remake() -> Message:
                nonlocal made, size
                # Sealed again only if somebody else's statement came first.
                if size != client.authority.size:
                    made = self._write_rows(case, deposits, rows, progress)
                    size = client.authority.size
                if not made.count:
                    raise _NothingToDoError
                return self._rekey_message(case, made)

            try:
                index = client.submit(remake, rows).index
            except _NothingToDoError:
                return Renewed(case, 0, 0, 0, confirmed=True, entry=None, left=made.left)
        waits_for = self._others(case, self._me)
        alone = not waits_for and not client.authority.cases[case].hold
        if alone:
            index = self._confirm(case, index, None).entry or index
        return Renewed(
            case, made.count, made.records, made.written, alone, index, waits_for, made.left
        )

    def _write_rows(
        self, case: str, deposits: list[Deposit], rows: BinaryIO, progress: Progress | None
    ) -> _Made:
        rows.seek(0)
        rows.truncate()
        frontier = merkle.Frontier()
        records = written = left = 0
        with self._client.view() as reads:
            for deposit in deposits:
                try:
                    renewal = self._seal_anew(reads, deposit, case)
                except DeniedError:
                    # Sealed to others' devices before this member came: they will do it.
                    left += 1
                    continue
                row = message.encode_seals(renewal)
                rows.write(row)
                frontier.append(merkle.leaf_hash(seals_leaf(renewal)))
                records += deposit.count
                written += len(row)
                if progress is not None:
                    progress(len(row))
        rows.flush()
        return _Made(frontier.size, records, written, left, frontier.root())

    def _seal_anew(self, reads: Reads, deposit: Deposit, case: str) -> Seals:
        """Open a deposit's secrets, compare them with their commitments, and seal them anew."""
        client, authority = self._client, self._client.authority
        held = retrieve.hold(client.replica, reads, deposit)
        gate_secret = self._gate_secret(deposit.seals, deposit.case)
        if recordkeys.gate_commitment(gate_secret).hex() != held.records.body["gate_commitment"]:
            raise DamageError(
                "a deposit's gate secret is not the one that was signed", "run `evault check`"
            )
        place = ids.parse(authority.vault), deposit.case, deposit.id
        epoch, gate_epoch = self._in_force(case)
        to_case = secret_recipients(authority, case, client.now())
        to_gate = [("", authority.epoch(GATE).sealing)]
        return Seals(
            deposit.id,
            epoch,
            gate_epoch,
            message.seal_secret(
                held.secret + held.key, to_case, Label.CASE_SEAL, *place, u64(epoch)
            ),
            message.seal_secret(gate_secret, to_gate, Label.GATE_SEAL, *place, u64(gate_epoch)),
        )

    def _gate_secret(self, sealed: Seals, case: bytes) -> bytes:
        client = self._client
        epoch = client.keyring.need(client.authority, GATE, sealed.gate_epoch)
        return open_secret(
            sealed.gate_seal,
            {"": epoch.sealing},
            Label.GATE_SEAL,
            ids.parse(client.authority.vault),
            case,
            sealed.deposit,
            u64(sealed.gate_epoch),
        )

    def _rekey_message(self, case: str, made: _Made) -> Message:
        client = self._client
        epoch, gate_epoch = self._in_force(case)
        signed = client.sign(
            "rekey",
            {
                "id": ids.show(ids.draw()),
                "time": client.now(),
                "seen": client.replica.seen(),
                "case": case,
                "epoch": epoch,
                "gate_epoch": gate_epoch,
                "count": made.count,
                "seals_root": made.root.hex(),
                "details": None,
            },
        )
        return Message(signed.signed, client.tag(case, signed))

    # --- parts: encrypting anew -----------------------------------------------------------------

    def _reencrypt(
        self, case: str, deposit: Deposit, why: str | None, progress: Progress | None
    ) -> tuple[int, int, int]:
        """Encrypt one deposit anew: the entry, how many records, how many bytes."""
        client = self._client
        with closing(client.store.blobs.scratch()) as rows:
            packer = Packer(client.store)
            secrets = os.urandom(32), os.urandom(32)
            try:
                before, after, count, size = self._write_anew(
                    case, deposit, secrets, packer, rows, why, progress
                )
                packer.close()
                rows.flush()
                index = client.submit(
                    lambda: self._reencrypt_message(case, deposit.id, secrets, before, after), rows
                ).index
            except BaseException:
                self._take_back(packer)
                raise
        return index, count, size

    def _write_anew(
        self,
        case: str,
        deposit: Deposit,
        secrets: tuple[bytes, bytes],
        packer: Packer,
        rows: BinaryIO,
        why: str | None,
        progress: Progress | None,
    ) -> tuple[list[bytes], list[bytes], int, int]:
        """Ask for all records of a deposit and write them under new keys; the leaves before and
        after, how many records, and how many bytes of content."""
        client = self._client
        with client.view() as reads:
            gone = reads.tombstones()
            before = [leaf for _, _, _, leaf in reads.originals(deposit.id)]
            names = [name for name, *_ in reads.originals(deposit.id)]
        after, size = list(before), 0
        wanted = [name for name in names if name not in gone]
        places = {name: position for position, name in enumerate(names)}
        for start in range(0, len(wanted), MAX_RECORDS):
            asked = [ids.show(name) for name in wanted[start : start + MAX_RECORDS]]
            for opened in self._release(case, asked, why):
                record, written = self._encrypt_anew(opened, secrets, packer, progress)
                rows.write(message.encode_row(record))
                after[places[record.id]] = fields.record_leaf(record)
                size += written
        return before, after, len(wanted), size

    def _release(self, case: str, asked: list[str], why: str | None) -> Iterator[retrieve.Opened]:
        client = self._client
        body = {
            "records": asked,
            "purpose": "verification",
            "disposition": "copy",
            "request": None,
        }
        answer = client.act("release", case, body, why)
        with client.view() as reads:
            opened = list(
                retrieve.open_released(client.replica, client.identity, reads, answer, case, asked)
            )
        yield from opened
        leaf = merkle.leaf_hash(answer.entry).hex()
        client.act("receipt", case, {"entry": answer.index, "leaf": leaf})

    def _encrypt_anew(
        self,
        opened: retrieve.Opened,
        secrets: tuple[bytes, bytes],
        packer: Packer,
        progress: Progress | None,
    ) -> tuple[Record, int]:
        """Decrypt, verify and encrypt one record; what is known about it stays what it was."""
        place, label, salt = opened.listed.place, opened.listed.label, os.urandom(32)
        secret = recordkeys.record_secret(secrets[0], salt, place)
        key = recordkeys.record_key(secret, recordkeys.gate_share(secrets[1], place), place)
        content = packer.add(
            recordkeys.content_key(key, place),
            place.context(Label.CONTENT_KEY),
            retrieve.content(self._client.store, opened, progress),
            int(label.values["size"]),
        )
        record = Record(
            id=place.record,
            salt=salt,
            label=label.encrypt(
                recordkeys.label_key(secret, place), place.context(Label.LABEL_KEY)
            ),
            particulars=opened.particulars.encrypt(
                recordkeys.particulars_key(key, place), place.context(Label.PARTICULARS_KEY)
            ),
            content_digest=content.digest,
            content_size=content.stored,
            fields_root=fields.fields_root(label, opened.particulars),
            blob=content.blob,
            offset=content.offset,
        )
        return record, content.stored

    def _reencrypt_message(
        self,
        case: str,
        deposit: bytes,
        secrets: tuple[bytes, bytes],
        before: list[bytes],
        after: list[bytes],
    ) -> Message:
        client, authority = self._client, self._client.authority
        epoch, gate_epoch = self._in_force(case)
        place = ids.parse(authority.vault), ids.parse(case), deposit
        with client.view() as reads:
            stored = reads.deposit(deposit)
            if stored is None:
                raise DamageError("a deposit is missing from the vault", "run `evault check`")
            key = retrieve.hold(client.replica, reads, stored).key
        to_case = secret_recipients(authority, case, client.now())
        to_gate = [("", authority.epoch(GATE).sealing)]
        seals = (
            message.seal_secret(secrets[0] + key, to_case, Label.CASE_SEAL, *place, u64(epoch)),
            message.seal_secret(secrets[1], to_gate, Label.GATE_SEAL, *place, u64(gate_epoch)),
        )
        signed = client.sign(
            "re-encrypt",
            {
                "id": ids.show(ids.draw()),
                "time": client.now(),
                "seen": client.replica.seen(),
                "case": case,
                "epoch": epoch,
                "gate_epoch": gate_epoch,
                "deposit": ids.show(deposit),
                "count": len(after),
                "before_root": fields.records_root(before).hex(),
                "records_root": fields.records_root(after).hex(),
                "case_commitment": recordkeys.case_commitment(secrets[0]).hex(),
                "gate_commitment": recordkeys.gate_commitment(secrets[1]).hex(),
                "case_seal": hashlib.sha256(seals[0]).hexdigest(),
                "gate_seal": hashlib.sha256(seals[1]).hexdigest(),
                "details": None,
            },
        )
        return Message(signed.signed, client.tag(case, signed), attachments=seals)

    def _take_back(self, packer: Packer) -> None:
        """Delete what was written, unless the gate has kept it."""
        with suppress(Error), self._client.store.read() as reads:
            if not any(reads.blob_used(blob) for blob in packer.blobs):
                packer.abort()

    # --- parts: confirming ----------------------------------------------------------------------

    def _confirm(self, case: str, index: int, progress: Progress | None) -> Renewed:
        client = self._client
        with client.view() as reads:
            found = renewed.renewal(client.replica, reads, index, case)
            done = self._open_all(reads, case, index, found.actor, progress)
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

    def _open_all(
        self, reads: Reads, case: str, index: int, note: Note, progress: Progress | None
    ) -> tuple[int, int, int]:
        """Open everything new, and compare it with what was committed to: deposits, records,
        bytes.

        Raises:
            VerificationError: Something is not what it must be.
        """
        rows = list(reads.renewals(index))
        if note.kind == "rekey":
            rows = renewed.leaves_of(reads, index, note)
        deposits = records = opened = 0
        for row in rows:
            if seals_leaf(row.seals) != row.leaf:
                raise DamageError("new seals of a deposit are not those that were signed")
            deposit = reads.deposit(row.deposit)
            if deposit is None:
                raise DamageError("a rekey names a deposit that does not exist")
            size = len(row.case_seal) + len(row.gate_seal)
            secret = self._open_new(reads, case, deposit, row.seals, note)
            if note.kind == "re-encrypt":
                size += self._compare(reads, deposit, index, note, secret, progress)
            deposits, records, opened = deposits + 1, records + deposit.count, opened + size
            if progress is not None and note.kind == "rekey":
                progress(size)
        return deposits, records, opened

    def _open_new(self, reads: Reads, case: str, deposit: Deposit, new: Seals, note: Note) -> bytes:
        """Open new seals of a deposit; the case secret in them."""
        client = self._client
        secret, key = renewed.open_case_secret(client.replica, case, new)
        if key is None:
            raise VerificationError("a new seal of a deposit does not hold what it must")
        own = acts.open_entry(client.replica, reads, deposit.entry, case, key)
        if not equal(own.key, key):
            raise VerificationError("a new seal of a deposit has a false key of its entry")
        said = renewed.check_seals(client.replica, reads, deposit, own.actor).body
        if note.kind == "re-encrypt":
            # Other secrets, which its own note commits to.
            said = note.body
            hashes = [
                hashlib.sha256(sealed).hexdigest() for sealed in (new.case_seal, new.gate_seal)
            ]
            if said["deposit"] != ids.show(new.deposit) or hashes != [
                said["case_seal"],
                said["gate_seal"],
            ]:
                raise DamageError("new seals of a deposit are not those that were signed")
        if recordkeys.case_commitment(secret).hex() != said["case_commitment"]:
            raise VerificationError("a new seal of a deposit holds another secret than it must")
        gate_secret = self._gate_secret(new, deposit.case)
        if recordkeys.gate_commitment(gate_secret).hex() != said["gate_commitment"]:
            raise VerificationError("a new seal for the gate holds another secret than it must")
        return secret

    def _compare(
        self,
        reads: Reads,
        deposit: Deposit,
        index: int,
        note: Note,
        secret: bytes,
        progress: Progress | None,
    ) -> int:
        """Compare records under new keys with the old ones: the same labels, the same fields, and
        content as it was signed. Returns how many bytes of content there are.

        Raises:
            VerificationError: Something is not what it must be.
        """
        client = self._client
        held = retrieve.hold(client.replica, reads, deposit)
        old = {
            listed.place.record: listed for listed in retrieve.labels(client.replica, reads, held)
        }
        leaves = [leaf for _, _, _, leaf in reads.originals(deposit.id)]
        if fields.records_root(leaves).hex() != note.body["before_root"]:
            raise DamageError("a re-encryption is of other records than the deposit has")
        size = 0
        for position, record, _ in reads.next_records(index):
            before = old.pop(record.id, None)
            if before is None:
                raise DamageError("a re-encryption has a record that the deposit does not have")
            leaves[position] = fields.record_leaf(record)
            place = before.place
            key = recordkeys.label_key(recordkeys.record_secret(secret, record.salt, place), place)
            label = Fields.decrypt(key, place.context(Label.LABEL_KEY), record.label)
            if label != before.label or not equal(record.fields_root, before.row.fields_root):
                raise VerificationError("a re-encryption gives a record another label")
            retrieve.check_stored(client.store, record, progress)
            size += record.content_size
        if old or fields.records_root(leaves).hex() != note.body["records_root"]:
            raise VerificationError("re-encrypted records are not those that were signed")
        return size


@dataclass(frozen=True, slots=True)
class _Made:
    """The rows of a rekey: how many, of how many records, their bytes, what was left out, root."""

    count: int
    records: int
    written: int
    left: int
    root: bytes


class _NothingToDoError(Exception):
    """Never leaves this module."""


def _seal_time() -> float:
    """How long it takes here to seal one deposit anew, in seconds."""
    key = SealingKey(os.urandom(64), os.urandom(32))
    start = time.perf_counter()
    for _ in range(5):
        key.open(seal(key.public, bytes(64), Label.TRIAL_SEAL), Label.TRIAL_SEAL)
    # Two seals are opened and made, and opened again by the gate; an entry with two signatures.
    return (time.perf_counter() - start) / 5 * 6


def _byte_time() -> float:
    """How long it takes here to read and write a byte of content anew, in seconds."""
    block = bytes(4 << 20)
    start = time.perf_counter()
    key, context = os.urandom(32), b"trial"
    container.decrypt(key, context, container.encrypt(key, context, block))
    hashlib.sha256(block).digest()
    blake3_digest(block)
    # Twice hashed by BLAKE3 and twice by SHA-256; and the disk takes about as long again.
    return (time.perf_counter() - start) / len(block) * 3
