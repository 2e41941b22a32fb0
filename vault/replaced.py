"""What replaces what, as everybody can verify it: new seals and new records against the public
parts of the log.

An entry that renews has the root over its new seals, or the hashes of them, in its public part; the
entry that confirms it names it there. The last confirmed one counts: whoever kept older rows and
puts them back is noticed by anyone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from vault import fields, ids
from vault.log import merkle
from vault.log.entry import Entry
from vault.message import seals_leaf
from vault.model import Deposit, Renewal
from vault.renewed import original_leaves
from vault.store import CONFIRMED, WAITING, Reads

Found = tuple[str, str, dict[str, Any]]
"""A problem: its code, its words, where."""


@dataclass(slots=True)
class Logged:
    """What the public parts of the access log say of deposits and records.

    Args:
        deposits: Entry and public part, by deposit.
        renewals: Root and count of each rekey, by entry.
        reencrypted: The public part of each re-encryption, by entry.
        confirmed: Which entry first confirms a renewal, by the renewal's entry.
        last: The confirmed entry that a deposit's seals come from, by deposit.
        leaves: The leaf of those seals, by deposit, where that entry is a rekey.
        destroyed: The entry that says so, by record.
    """

    deposits: dict[bytes, tuple[int, dict[str, str]]] = field(default_factory=dict)
    renewals: dict[int, dict[str, Any]] = field(default_factory=dict)
    reencrypted: dict[int, dict[str, str]] = field(default_factory=dict)
    confirmed: dict[int, int] = field(default_factory=dict)
    last: dict[bytes, int] = field(default_factory=dict)
    leaves: dict[bytes, bytes] = field(default_factory=dict)
    destroyed: dict[bytes, int] = field(default_factory=dict)

    def add(self, index: int, parsed: Entry) -> None:
        """Take note of one entry of the access log."""
        public = parsed.public
        if "deposit" in public:
            self.deposits[bytes.fromhex(public["deposit"]["id"])] = index, public["deposit"]
        if "renewal" in public:
            self.renewals[index] = public["renewal"]
        if "reencrypted" in public:
            self.reencrypted[index] = public["reencrypted"]
        if "confirms" in public:
            self.confirmed.setdefault(public["confirms"], index)
        for name in public.get("destroyed", ()):
            self.destroyed.setdefault(bytes.fromhex(name), index)


def check_renewals(reads: Reads, logged: Logged) -> Iterator[Found]:
    """Compare all new seals with the log, and find out which count now."""
    by_entry = {index: list(reads.renewals(index)) for index in reads.renewed()}
    for index, rows in by_entry.items():
        message = _of_entry(logged, index, rows)
        if message:
            yield "renewal", message, {"entry": index}
    for index, by in sorted(logged.confirmed.items(), key=lambda pair: pair[1]):
        if index not in by_entry:
            yield "renewal", "seals that were confirmed are missing", {"entry": index}
        for row in by_entry.get(index, ()):
            if row.state != CONFIRMED or row.confirmed != by:
                where = {"entry": index, "deposit": ids.show(row.deposit)}
                yield "renewal", "a deposit does not have the seals that were confirmed", where
            logged.last[row.deposit] = index
            logged.leaves.pop(row.deposit, None)
            if index in logged.renewals:
                logged.leaves[row.deposit] = row.leaf


def _of_entry(logged: Logged, index: int, rows: list[Renewal]) -> str:
    if index in logged.renewals:
        public = logged.renewals[index]
        root = merkle.root([merkle.leaf_hash(row.leaf) for row in rows])
        if len(rows) != public["count"] or root.hex() != public["seals_root"]:
            return "new seals of deposits are not those that were signed"
    elif index not in logged.reencrypted:
        return "there are new seals that no entry of the log speaks of"
    for row in rows:
        if row.state == CONFIRMED and index not in logged.confirmed:
            return "new seals are in use though no entry of the log confirms them"
        if row.state == WAITING and seals_leaf(row.seals) != row.leaf:
            return "new seals of a deposit are damaged"
    return ""


def check_records(
    reads: Reads, logged: Logged, deposit: Deposit, leaves: list[bytes]
) -> Iterator[Found]:
    """Compare the leaves of a deposit's records with the log, and where they were encrypted anew
    what they were before."""
    where = {"deposit": ids.show(deposit.id)}
    root, own = fields.records_root(leaves).hex(), logged.deposits[deposit.id][1]["records_root"]
    again = sorted(
        (by, logged.reencrypted[index])
        for index, by in logged.confirmed.items()
        if logged.reencrypted.get(index, {}).get("id") == deposit.id.hex()
    )
    before = own
    for _, public in again:
        if public["before_root"] != before:
            yield "deposit", "a re-encryption is of other records than the deposit had", where
        before = public["records_root"]
    if root != before:
        yield "deposit", "a deposit's records are not those that were signed", where
    if again and fields.records_root(original_leaves(reads, deposit.id)).hex() != own:
        yield "deposit", "records that were encrypted anew are not what was deposited", where


def check_seals(reads: Reads, logged: Logged, deposit: Deposit) -> Iterator[Found]:
    """Compare the seals of a deposit with the log: they are the last that were confirmed."""
    where = {"deposit": ids.show(deposit.id)}
    governing, last = reads.governing(deposit.id), logged.last.get(deposit.id)
    if (None if governing is None else governing.entry) != last:
        yield "seal", "a deposit does not have the seals that were confirmed last", where
        return
    leaf = logged.leaves.get(deposit.id)
    if leaf is not None:
        if seals_leaf(deposit.seals) != leaf:
            yield "seal", "a seal of a deposit is damaged", where
        return
    public = logged.deposits[deposit.id][1] if last is None else logged.reencrypted[last]
    for name, sealed in (("case_seal", deposit.case_seal), ("gate_seal", deposit.gate_seal)):
        if hashlib.sha256(sealed).hexdigest() != public[name]:
            yield "seal", "a seal of a deposit is damaged", where
