"""A client's verified view of a vault.

The store is believed in nothing. `catch_up` reads what is new and, in this order:

1. opens and replays every statement that it has not seen, so that nothing but the tail can be
   withheld; a statement that the rules refuse changes nothing and is reported;
2. recomputes the authority log's root and compares it with the signed head;
3. verifies both heads' signatures under the gate epoch now in force;
4. verifies that both logs extend what this client has pinned.

A smaller log is "rolled back", another history is "forked"; both stop the client, and the two
signed heads are kept as proof.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple

from keys.derive import equal
from keys.group import Epoch, unwrap
from keys.identity import Identity
from vault import ids, note
from vault.authority import Authority, apply
from vault.errors import (
    DamageError,
    DeniedError,
    Error,
    ForkedError,
    LockedError,
    LogError,
    MalformedError,
    ProofError,
    RolledBackError,
    UnknownVaultError,
    VerificationError,
    as_damage,
)
from vault.keyring import Keyring
from vault.local import Local, Pins, Statements
from vault.log import checkpoint, entry, merkle, proof
from vault.log.checkpoint import Checkpoint
from vault.log.entry import Entry, Opener
from vault.model import MEMBERS, Position
from vault.note import ACCESS, AUTHORITY, LOGS, Note
from vault.store import Reads


class Replica:
    """What one identity knows of one vault.

    Args:
        identity: Who reads.
        local: Its local state.
        vault: The vault's id.
        fingerprint: What genesis must hash to, in hex.
        heads: The pinned heads, or empty for who joins.

    Attributes:
        history: The authority after each statement, from genesis on.
        problems: Statements that replay refused, by index.
        heads: The verified heads.
        confirmed: Renewals whose confirmation was verified, by entry; see `vault.renewed`.
    """

    def __init__(
        self,
        identity: Identity,
        local: Local,
        vault: str,
        fingerprint: str,
        heads: dict[str, bytes],
    ) -> None:
        self.vault = vault
        self.fingerprint = fingerprint
        self.keyring = Keyring(identity, vault)
        self.history: list[Authority] = []
        self.problems: dict[int, Error] = {}
        self.notes = dict(heads)
        self.heads: dict[str, Checkpoint] = {
            log: checkpoint.peek(head) for log, head in heads.items()
        }
        self.confirmed: dict[int, object] = {}
        self._identity = identity
        self._local = local
        self._frontier = merkle.Frontier()
        self._leaves: list[bytes] = []
        self._bodies: list[bytes] = []
        self._load()

    @property
    def authority(self) -> Authority:
        """The authority after the last statement."""
        return self.history[-1]

    def at(self, size: int) -> Authority:
        """The authority after `size` statements.

        Raises:
            LogError: There were never so many, or none.
        """
        if not 1 <= size <= len(self.history):
            raise LogError(f"a note names an authority of {size} statements, which never was")
        return self.history[size - 1]

    def statement(self, index: int) -> tuple[Note, Note]:
        """A statement of the verified authority log, and the gate note beside it."""
        found = _read(self._bodies[index])
        return found.actor, found.gate

    def position(self, log: str) -> Position:
        """Size and root of a log's verified head."""
        head = self.heads[log]
        return Position(head.size, head.root.hex())

    def seen(self) -> dict[str, object]:
        """What a note of this client says that it has seen."""
        return {log: self.position(log).body() for log in LOGS}

    def expect(self, log: str, position: Position) -> None:
        """Take somebody's word for what a log had, before anything of it was read.

        `catch_up` then refuses what is less or something else.
        """
        known = self.heads.get(log)
        if position.size and (known is None or known.size < position.size):
            origin = note.origin(self.vault, log)
            self.heads[log] = Checkpoint(origin, position.size, bytes.fromhex(position.root))

    def catch_up(self, reads: Reads) -> None:
        """Verify what is new in a snapshot of the store, and move the pins forward.

        Raises:
            RolledBackError, ForkedError: It shows less or something else than was seen before.
            LogError: A head is not signed by the gate, or the fingerprint is another.
            VerificationError, MissingError: Stored bytes are damaged or missing.
        """
        with as_damage():
            self._catch_up(reads)

    def _catch_up(self, reads: Reads) -> None:
        notes = {log: reads.head(log) for log in LOGS}
        heads = {log: checkpoint.peek(found) for log, found in notes.items()}
        for log in LOGS:
            if heads[log].origin != note.origin(self.vault, log):
                raise UnknownVaultError("the vault at this place is another than it was")
        for log in LOGS:
            self._refuse_smaller(log, heads[log], notes[log])
        new = heads[AUTHORITY].size - len(self.history)
        if new:
            self._replay(reads, heads[AUTHORITY].size)
        if not equal(self._frontier.root(), heads[AUTHORITY].root):
            self._contradiction(reads, AUTHORITY, notes[AUTHORITY], heads[AUTHORITY])
        self._check_replayed(reads, heads, notes)
        for log in LOGS:
            if notes[log] != self.notes.get(log) or new:
                origin = note.origin(self.vault, log)
                checkpoint.verify(notes[log], origin, self.authority.gate_verifiers(log))
        self._check_extends(reads, heads[ACCESS], notes[ACCESS])
        changed = notes != self.notes
        self.notes, self.heads = notes, heads
        if new:
            self._keep()
        if changed:
            self._local.advance(Pins(self.fingerprint, notes))

    def consistent_entry(self, reads: Reads, log: str, index: int) -> bytes:
        """The bytes of an entry, proved to be in the verified log.

        Raises:
            VerificationError, MissingError: It is not what the log has there.
        """
        raw = reads.entry(log, index)
        self.check_entry(reads, log, index, raw)
        return raw

    def check_entry(self, reads: Reads, log: str, index: int, raw: bytes) -> None:
        """Prove that an entry's bytes are in the verified log.

        Raises:
            VerificationError, MissingError: They are not.
        """
        head = self.heads[log]
        path = proof.inclusion(index, head.size, lambda *at: reads.node(log, *at))
        try:
            merkle.verify_inclusion(merkle.leaf_hash(raw), index, head.size, path, head.root)
        except ProofError:
            raise DamageError(
                f"entry {index} of the {log} log, or what proves it, is damaged",
                "run `evault check`",
            ) from None

    # --- replay ---------------------------------------------------------------------------------

    def _load(self) -> None:
        kept = self._local.statements() if self.heads else None
        if kept is None or len(kept.bodies) > self.heads[AUTHORITY].size:
            return
        for index, (leaf, body) in enumerate(zip(kept.leaves, kept.bodies, strict=True)):
            self._apply(leaf, _read(body), verified=True, refuse=index in kept.refused)

    def _keep(self) -> None:
        self._local.keep_statements(
            Statements(tuple(self._leaves), tuple(self._bodies), frozenset(self.problems))
        )

    def _replay(self, reads: Reads, size: int) -> None:
        start = len(self.history)
        opened = {} if start else self._open_backwards(reads, 0, size)
        for index, raw in reads.entries(AUTHORITY, start, size):
            found = opened.get(index) or self._open(raw)
            if found is None and not opened:
                # Who was given a false key may find the true one further on.
                opened = self._open_backwards(reads, index, size)
                found = opened.get(index)
            if found is None and start:
                raise DeniedError(
                    "you are not a member of this vault any more, or you are suspended",
                    "ask a steward; if they know nothing of it, somebody may be deceiving you",
                    reason="not-member",
                )
            if found is None:
                raise LockedError(
                    f"entry {index} of the authority log is not sealed to this identity",
                    "is this identity a member of this vault? ask a steward",
                )
            if entry.parse(raw).note_id != found.actor.id_hash:
                raise LogError(f"entry {index} of the authority log names another note")
            self._apply(merkle.leaf_hash(raw), found)

    def _apply(
        self, leaf: bytes, found: _Opened, *, verified: bool = False, refuse: bool = False
    ) -> None:
        index = len(self.history)
        before = self.history[-1] if self.history else None
        try:
            if refuse:
                raise DeniedError("refused before")
            after = apply(before, found.actor, found.gate, verified=verified)
        except Error as error:
            if before is None:
                raise
            # Rights are unchanged; the log goes on; the gate is to blame.
            self.problems[index] = error
            after = replace(before, size=index + 1)
        if before is None and after.fingerprint != self.fingerprint:
            raise UnknownVaultError(
                "the vault's fingerprint is not the one that was given",
                "compare it again, word for word, with a steward; somebody may be deceiving you",
            )
        self._frontier.append(leaf)
        self.history.append(replace(after, root=self._frontier.root().hex()))
        self._leaves.append(leaf)
        self._bodies.append(found.body)

    def _open(self, raw: bytes) -> _Opened | None:
        parsed = entry.parse(raw)
        epochs = self.keyring.all(self.authority, MEMBERS) if self.history else []
        openers = [Opener(epoch.sealing, epoch.tag(parsed.note_id)) for epoch in epochs]
        openers.append(Opener(self._identity.sealing))
        return self._unseal(parsed, openers) or self._unseal(parsed, openers, thorough=True)

    def _unseal(
        self, parsed: Entry, openers: list[Opener], *, thorough: bool = False
    ) -> _Opened | None:
        origin, first = note.origin(self.vault, AUTHORITY), parsed.compartments[0]
        body = entry.open_compartment(origin, first, openers, thorough=thorough)
        return None if body is None else _read(body)

    def _open_backwards(self, reads: Reads, start: int, size: int) -> dict[int, _Opened]:
        """Open entries for somebody who begins: from the newest that is sealed to them, back.

        That entry brings a wrap of the `members` epoch; where an epoch begins, its link leads to
        the one before. What is found here is verified afterwards, in order.
        """
        own = Opener(self._identity.sealing)
        opened: dict[int, _Opened] = {}
        epochs: dict[int, Epoch] = {}
        later: list[tuple[int, Entry]] = []
        for index in range(size - 1, start - 1, -1):
            parsed = entry.parse(reads.entry(AUTHORITY, index))
            found = self._unseal(parsed, _openers(epochs, parsed)) or self._unseal(parsed, [own])
            if found is None:
                later.append((index, parsed))
                continue
            opened[index] = found
            self._gather(found.actor, epochs)
        for index, parsed in later:
            # Tags come from the actor: one that is false must not lock anybody out.
            found = self._unseal(parsed, _openers(epochs, parsed)) or self._unseal(
                parsed, _openers(epochs, parsed), thorough=True
            )
            if found is not None:
                opened[index] = found
        return opened

    def _gather(self, statement: Note, epochs: dict[int, Epoch]) -> None:
        device, vault = self._identity.device, ids.parse(self.vault)
        body = statement.body
        wraps = [wrap for wrap in body.get("wraps", []) if wrap["group"] == MEMBERS]
        for raw in body.get("epochs", []):
            if raw["group"] == MEMBERS:
                wraps += [{**wrap, "number": raw["number"]} for wrap in raw["wraps"]]
        for wrap in wraps:
            if wrap["device"] == device and wrap["number"] not in epochs:
                # Nothing is verified yet: what is false opens nothing, and must not stop anybody.
                with suppress(VerificationError):
                    epochs[wrap["number"]] = unwrap(
                        self._identity.sealing,
                        device,
                        note.decode64(wrap["wrap"]),
                        vault=vault,
                        group=MEMBERS,
                        number=wrap["number"],
                        public=None,
                    )
        for raw in body.get("epochs", []):
            known = epochs.get(raw["number"])
            if raw["group"] == MEMBERS and raw["link"] is not None and known is not None:
                with suppress(VerificationError, MalformedError):
                    before = known.follow(note.decode64(raw["link"]), None)
                    epochs.setdefault(before.number, before)

    # --- heads ------------------------------------------------------------------------------------

    def _refuse_smaller(self, log: str, head: Checkpoint, signed: bytes) -> None:
        known = self.heads.get(log)
        seen = max(known.size if known else 0, len(self.history) if log == AUTHORITY else 0)
        if head.size < seen:
            self._keep_proof(log, signed)
            raise RolledBackError(
                f"the vault was rolled back: its {log} log has {head.size} entries, and this "
                f"client has seen {seen}",
                "do not use this copy; find out who restored it, and ask for the newest one",
            )

    def _check_replayed(
        self, reads: Reads, heads: dict[str, Checkpoint], notes: dict[str, bytes]
    ) -> None:
        """Compare what was replayed with the pin, and with what its gate notes say of access."""
        known = self.heads.get(AUTHORITY)
        # Also whoever replays from genesis, because the cache is gone, has the pin.
        if known is not None and self.at(known.size).root != known.root.hex():
            self._contradiction(reads, AUTHORITY, notes[AUTHORITY], heads[AUTHORITY])
        if heads[ACCESS].size < self.authority.access_size:
            raise RolledBackError(
                f"the vault was rolled back: its access log has {heads[ACCESS].size} entries, and "
                f"its own statements speak of {self.authority.access_size}",
                "do not use this copy; find out who restored it, and ask for the newest one",
            )

    def _check_extends(self, reads: Reads, head: Checkpoint, signed: bytes) -> None:
        known = self.heads.get(ACCESS)
        if known is None or known.size == 0 or known == head:
            return
        path: list[bytes] = []
        if known.size < head.size:
            path = proof.consistency(known.size, head.size, lambda *at: reads.node(ACCESS, *at))
        try:
            merkle.verify_consistency(known.size, head.size, known.root, head.root, path)
        except ProofError:
            self._contradiction(reads, ACCESS, signed, head)

    def _contradiction(self, reads: Reads, log: str, signed: bytes, head: Checkpoint) -> None:
        known = self.heads.get(log)
        if known is None or not _another_history(reads, log, known, head):
            raise DamageError(
                f"the {log} log does not have the root that its gate signed",
                "run `evault check`; restore the vault from a backup that is not older",
            )
        self._keep_proof(log, signed)
        raise ForkedError(
            f"the {log} log has another history than the one that this client has seen",
            "do not use this copy, and tell the others: `evault log conflicts` has the proof",
        )

    def _keep_proof(self, log: str, signed: bytes) -> None:
        # Somebody's word for what they had seen is signed by nobody.
        if log not in self.notes or not self.history:
            return
        try:
            checkpoint.verify(
                signed, note.origin(self.vault, log), self.authority.gate_verifiers(log)
            )
        except Error:
            return
        self._local.keep_proof([self.notes[log], signed])


class _Opened(NamedTuple):
    """The first compartment of an entry, and what is in it."""

    body: bytes
    actor: Note
    gate: Note


def _read(body: bytes) -> _Opened:
    return _Opened(body, *note.parse_pair(body))


def _another_history(reads: Reads, log: str, known: Checkpoint, head: Checkpoint) -> bool:
    """Whether a log's own entries give its head and contradict an earlier one; else it is damaged.

    Stored nodes are not asked: one bad byte among them must not accuse anybody.
    """
    frontier = merkle.Frontier()
    before = frontier.root()
    for index, raw in reads.entries(log, 0, head.size):
        frontier.append(merkle.leaf_hash(raw))
        if index == known.size - 1:
            before = frontier.root()
    return frontier.root() == head.root and before != known.root


def _openers(epochs: dict[int, Epoch], parsed: Entry) -> list[Opener]:
    return [Opener(epoch.sealing, epoch.tag(parsed.note_id)) for epoch in epochs.values()]


def stored_frontier(reads: Reads, log: str, size: int) -> merkle.Frontier:
    """The stored right edge of a log.

    Raises:
        MissingError: A node is missing.
    """
    return merkle.Frontier(
        size, [reads.node(log, level, at) for level, at in merkle.frontier_nodes(size)]
    )


def fingerprint(statement: Note) -> str:
    """The fingerprint of a vault: SHA-256 of its genesis note's text, in hex."""
    return hashlib.sha256(statement.text).hexdigest()
