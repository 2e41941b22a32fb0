"""Opens the secrets of deposits and seals them anew: what a rekey consists of."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import BinaryIO

from keys.derive import Label, u64
from vault import ids, message, recordkeys, retrieve
from vault.authority import Authority, secret_recipients
from vault.client import Client
from vault.errors import DamageError, DeniedError
from vault.log import merkle
from vault.message import Message, open_secret, seals_leaf
from vault.model import GATE, Deposit, Seals
from vault.store import Reads

Progress = Callable[[int], None]
"""Called with how many bytes more were written or read."""


@dataclass(frozen=True, slots=True)
class Rekeyed:
    """A rekey that the gate has taken.

    Args:
        entry: Its entry in the access log; None if there was nothing that could be sealed anew.
        deposits: How many deposits it names.
        records: How many records are in them.
        written: How many bytes its rows have.
        left: Deposits that this member cannot open, which it does not name.
    """

    entry: int | None
    deposits: int
    records: int
    written: int
    left: int


def in_force(authority: Authority, case: str) -> tuple[int, int]:
    """The numbers of the epochs of a case and of the gate."""
    return authority.epoch(case).number, authority.epoch(GATE).number


def rekey(client: Client, case: str, deposits: list[Deposit], progress: Progress | None) -> Rekeyed:
    """Seal the secrets of some deposits anew, and hand the new seals to the gate.

    Raises:
        DeniedError: This member may not; the refusal is in the log.
        VerificationError: A deposit is damaged; nothing is changed.
    """
    with closing(client.store.blobs.scratch()) as rows:
        made = _Rows(0, 0, 0, 0, b"")
        size = -1

        def remake() -> Message:
            nonlocal made, size
            # Sealed again only if somebody else's statement came first.
            if size != client.authority.size:
                made = _write_rows(client, case, deposits, rows, progress)
                size = client.authority.size
            if not made.count:
                raise _NothingToDoError
            return _message(client, case, made)

        index: int | None = None
        with suppress(_NothingToDoError):
            index = client.submit(remake, rows).index
    return Rekeyed(index, made.count, made.records, made.written, made.left)


def seal_anew(client: Client, reads: Reads, deposit: Deposit, case: str) -> Seals:
    """Open a deposit's secrets, compare them with their commitments, and seal them anew."""
    held = retrieve.hold(client.replica, reads, deposit)
    gate_secret = gate_secret_of(client, deposit.seals, deposit.case)
    if recordkeys.gate_commitment(gate_secret).hex() != held.records.body["gate_commitment"]:
        raise DamageError(
            "a deposit's gate secret is not the one that was signed", "run `evault check`"
        )
    return new_seals(client, case, deposit.id, held.secret + held.key, gate_secret)


def new_seals(
    client: Client, case: str, deposit: bytes, case_secret: bytes, gate_secret: bytes
) -> Seals:
    """Seal two secrets to whoever should have them now.

    Args:
        client: Whose view of the authority it is.
        case: The case's id.
        deposit: 16 bytes.
        case_secret: 64 bytes: the secret, and the key of the deposit's entry.
        gate_secret: 32 bytes.
    """
    authority = client.authority
    place = ids.parse(authority.vault), ids.parse(case), deposit
    epoch, gate_epoch = in_force(authority, case)
    gate = client.keyring.need(authority, GATE, gate_epoch)
    to_case = message.marked(gate, deposit, secret_recipients(authority, case, client.now()))
    to_gate = [("", authority.epoch(GATE).sealing)]
    return Seals(
        deposit,
        epoch,
        gate_epoch,
        message.seal_secret(case_secret, to_case, Label.CASE_SEAL, *place, u64(epoch)),
        message.seal_secret(gate_secret, to_gate, Label.GATE_SEAL, *place, u64(gate_epoch)),
    )


def gate_secret_of(client: Client, sealed: Seals, case: bytes) -> bytes:
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


@dataclass(frozen=True, slots=True)
class _Rows:
    """How many rows there are, of how many records, their bytes, what was left out, their root."""

    count: int
    records: int
    written: int
    left: int
    root: bytes


class _NothingToDoError(Exception):
    """Never leaves this module."""


def _write_rows(
    client: Client, case: str, deposits: list[Deposit], rows: BinaryIO, progress: Progress | None
) -> _Rows:
    rows.seek(0)
    rows.truncate()
    frontier = merkle.Frontier()
    records = written = left = 0
    with client.view() as reads:
        for deposit in deposits:
            try:
                renewal = seal_anew(client, reads, deposit, case)
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
    return _Rows(frontier.size, records, written, left, frontier.root())


def _message(client: Client, case: str, made: _Rows) -> Message:
    epoch, gate_epoch = in_force(client.authority, case)
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
