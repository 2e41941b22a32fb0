"""Examines entries of the access log, each by itself: opens it, verifies both notes, judges again.

What can be said of an entry alone is said here; what holds between entries is in `sequence`. So
entries can be examined on all cores at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from keys.group import Epoch
from keys.seal import SealingKey
from vault import note
from vault.acts import verify_act
from vault.errors import Error
from vault.log import entry, merkle
from vault.log.entry import Compartment, Entry, Opener
from vault.model import AUDITORS
from vault.note import ACCESS, Note
from vault.public import check_public
from vault.replica import Replica


class Examined(NamedTuple):
    """What one entry is, as far as this identity can tell.

    Args:
        leaf: Its leaf hash, 32 bytes.
        note_id: The 32-byte hash of its note's id; empty if it is no entry at all.
        parsed: The entry; None if it is none.
        pair: The actor note and the gate note; None if the entry does not open.
        problem: What is wrong with it by itself, or None.
    """

    leaf: bytes
    note_id: bytes
    parsed: Entry | None = None
    pair: tuple[Note, Note] | None = None
    problem: Error | None = None


class _Key(NamedTuple):
    compartment: Compartment
    key: bytes


class Examiner:
    """Looks at entries with the keys that one identity has.

    Args:
        replica: The verified view, caught up.
    """

    def __init__(self, replica: Replica) -> None:
        self._replica = replica
        self._origin = note.origin(replica.vault, ACCESS)
        keyring, authority = replica.keyring, replica.authority
        self._auditors = keyring.all(authority, AUDITORS)
        self._cases = {case: keyring.all(authority, case) for case in authority.cases}
        # The one that opened the entry before comes first: it opens most of them.
        self._latest: SealingKey | None = self._auditors[0].sealing if self._auditors else None

    def keys(self) -> list[tuple[str, int]]:
        """Which keys there are: group and number of each epoch, in order."""
        epochs = [*self._auditors, *(epoch for case in self._cases.values() for epoch in case)]
        return sorted((epoch.group, epoch.number) for epoch in epochs)

    def examine(self, index: int, raw: bytes) -> Examined:
        """Examine the entry at an index."""
        return self.examine_all([(index, raw)])[0]

    def examine_all(self, entries: Sequence[tuple[int, bytes]]) -> list[Examined]:
        """Examine some entries, given by index and bytes.

        All of them go through one step before any goes through the next: processors are faster
        where they do the same again and again.
        """
        read = [(merkle.leaf_hash(raw), _parsed(raw)) for _, raw in entries]
        keys = [self._key(parsed) for _, parsed in read]
        opened = [self._opened(one[1], key) for one, key in zip(read, keys, strict=True)]
        steps = zip(entries, read, opened, strict=True)
        return [self._examined(index, *one, pair) for (index, _), one, pair in steps]

    def both(self, raw: bytes) -> tuple[bytes, bytes] | None:
        """Salt and body of an entry's first compartment, for whoever shows it to others; None if
        this identity does not open it.

        Raises:
            VerificationError: What is inside does not fit the commitment.
        """
        key = self._key(_parsed(raw))
        return None if key is None else entry.open_both(self._origin, key.compartment, key.key)

    def details(self, found: Examined) -> bytes | None:
        """The details of an examined entry, if there are any and this identity opens them."""
        case = found.pair[0].body.get("case") if found.pair is not None else None
        return None if found.parsed is None else self._second(case, found.parsed)

    def holds(self, case: str | None) -> bool:
        """Whether this identity has keys of a case."""
        return bool(self._cases.get(case or ""))

    def second(self, case: str | None, raw: bytes) -> bytes | None:
        """The details of an entry that was examined before, if this identity opens them."""
        return self._second(case, entry.parse(raw))

    def _second(self, case: str | None, parsed: Entry) -> bytes | None:
        if case not in self._cases or not parsed.compartments[1:]:
            return None
        openers = self._openers(self._cases[case], parsed.note_id)
        try:
            return entry.open_compartment(self._origin, parsed.compartments[1], openers)
        except Error:
            return None

    def _key(self, parsed: Entry | Error) -> _Key | None:
        """The first compartment, and its random key; None if there is none for this identity."""
        if isinstance(parsed, Error):
            return None
        try:
            compartment = entry.parse_compartment(parsed.compartments[0])
            key = self._quickly(compartment) or self._slowly(compartment, parsed.note_id)
        except Error:
            return None
        return None if key is None else _Key(compartment, key)

    def _opened(self, parsed: Entry | Error, key: _Key | None) -> tuple[Note, Note] | Error | None:
        if isinstance(parsed, Error):
            return parsed
        try:
            if key is None:
                # One that is no compartment is a problem; one that is for others is none.
                entry.parse_compartment(parsed.compartments[0])
                return None
            return note.parse_pair(entry.open_body(self._origin, key.compartment, key.key))
        except Error as error:
            return error

    def _examined(
        self,
        index: int,
        leaf: bytes,
        parsed: Entry | Error,
        pair: tuple[Note, Note] | Error | None,
    ) -> Examined:
        if isinstance(parsed, Error):
            # The log has it, whatever it is: one that cannot be read hides none of the others.
            return Examined(leaf, b"", problem=parsed)
        if isinstance(pair, Error):
            return Examined(leaf, parsed.note_id, parsed, problem=pair)
        problem = None if pair is None else self._problem(index, parsed, *pair)
        return Examined(leaf, parsed.note_id, parsed, pair, problem)

    def _problem(self, index: int, parsed: Entry, actor: Note, gate: Note) -> Error | None:
        try:
            check_public(parsed, actor, gate)
            verify_act(self._replica, index, actor, gate)
        except Error as error:
            return error
        return None

    def _slowly(self, compartment: Compartment, note_id: bytes) -> bytes | None:
        # Tags come from actors: one that is false must not hide an entry from its readers.
        found = entry.find_key(self._origin, compartment, self._all(note_id), thorough=True)
        if found is None:
            return None
        key, opener = found
        if any(epoch.sealing is opener for epoch in self._auditors):
            self._latest = opener
        return key

    def _quickly(self, compartment: Compartment) -> bytes | None:
        """An auditor's way: their seal stands first, for the epoch of the entry before mostly."""
        if self._latest is None or not compartment.recipients:
            return None
        return entry.try_key(self._origin, compartment, compartment.recipients[0], self._latest)

    def _all(self, note_id: bytes) -> list[Opener]:
        found = self._openers(self._auditors, note_id)[:-1]
        for epochs in self._cases.values():
            found += self._openers(epochs, note_id)[:-1]
        return [*found, Opener(self._replica.keyring.own)]

    def _openers(self, epochs: list[Epoch], note_id: bytes) -> list[Opener]:
        """Those of some epochs, and last the device's own key: while a group is stale, entries are
        sealed to its holders' own devices."""
        openers = [Opener(epoch.sealing, epoch.tag(note_id)) for epoch in epochs]
        return [*openers, Opener(self._replica.keyring.own)]


def _parsed(raw: bytes) -> Entry | Error:
    try:
        return entry.parse(raw)
    except Error as error:
        return error
