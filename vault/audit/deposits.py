"""Which deposits the log says that there are, for who wants to know that none is kept from them.

A row that was deleted, or that names another case now, is missed by nobody who looks at the rows
alone. The public part of an entry has a deposit's id; whose case it is its holders can open.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress

from vault import note
from vault.errors import DamageError, Error
from vault.log import entry, merkle
from vault.note import ACCESS
from vault.replica import Replica
from vault.store import Reads


class Deposits:
    """The deposits of a log. Each entry is looked at once.

    Args:
        replica: The verified view.
    """

    def __init__(self, replica: Replica) -> None:
        self._replica = replica
        self._frontier = merkle.Frontier()
        self._entries: dict[bytes, int] = {}
        self._of: dict[tuple[int, str], bool] = {}

    def lost(self, reads: Reads, stored: Mapping[bytes, str], held: Collection[str]) -> list[int]:
        """The entries of deposits whose row is not there, or not in the case that they are of.

        Args:
            reads: A snapshot.
            stored: The case that each deposit's row names.
            held: The cases that this identity can open entries of.

        Raises:
            DamageError, MissingError: The entries are not those under the verified head.
        """
        self._read(reads)
        return [
            index
            for deposit, index in self._entries.items()
            if stored.get(deposit) not in held
            and any(self._is_of(reads, index, case) for case in held)
        ]

    def _read(self, reads: Reads) -> None:
        head = self._replica.heads[ACCESS]
        for index, raw in reads.entries(ACCESS, self._frontier.size, head.size):
            self._frontier.append(merkle.leaf_hash(raw))
            # One that does not parse is for `verify` to name; it tells of no deposit.
            with suppress(Error):
                public = entry.parse(raw).public.get("deposit")
                if public is not None:
                    self._entries[bytes.fromhex(public["id"])] = index
        if self._frontier.size == head.size and self._frontier.root() != head.root:
            raise DamageError("the access log is not what its gate signed", "run `evault check`")

    def _is_of(self, reads: Reads, index: int, case: str) -> bool:
        """Whether an entry opens with a case's keys, and is a deposit of it that was kept."""
        known = self._of.get((index, case))
        if known is None:
            known = self._of[index, case] = self._open(reads, index, case)
        return known

    def _open(self, reads: Reads, index: int, case: str) -> bool:
        raw = self._replica.consistent_entry(reads, ACCESS, index)
        parsed = entry.parse(raw)
        origin = note.origin(self._replica.vault, ACCESS)
        keys = self._replica.keyring.openers(self._replica.authority, case, parsed.note_id)
        try:
            body = entry.open_compartment(origin, parsed.compartments[0], keys, thorough=True)
            if body is None:
                return False
            actor, gate = note.parse_pair(body)
        except Error:
            return False
        done = actor.kind == "deposit" and gate.body["outcome"] == "done"
        return done and actor.body["case"] == case
