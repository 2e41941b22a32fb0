"""Opens the entries of the access log, one by one, each proved and each judged again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from vault import fields, ids, note
from vault.acts import check_public, verify_act
from vault.errors import DamageError, Error
from vault.log import entry, merkle
from vault.log.entry import Entry, Opener
from vault.model import AUDITORS
from vault.note import ACCESS, Note
from vault.renewed import original_leaves
from vault.replica import Replica
from vault.store import Reads


@dataclass(frozen=True, slots=True)
class Access:
    """One entry of the access log, as far as this identity can open it.

    Args:
        index: Its place in the log.
        note_id: The 32-byte hash of its note's id; empty if it is no entry at all.
        kind: Of the actor's note; empty if it cannot be opened.
        actor: The member's id, and `actor_name` their name.
        case: The case's id, or None.
        records: The ids of the records concerned.
        purpose: The purpose code, or None.
        disposition: `view`, `copy`, `produce`, for a request also `destroy`; or None.
        outcome: What the gate did: `done`, `released`, `pending`, `refused`.
        refusal: The reason code of a refusal, or None.
        time: The gate's time, in seconds since the epoch.
        actor_time: The time that the actor claims.
        why: The reason in words, for holders of the case; else None.
        opened: Whether the first compartment could be opened.
        authority_size: How much of the authority log the gate judged by.
        problem: What is wrong with it, or None.
        notes: The actor note and the gate note.
    """

    index: int
    note_id: bytes
    opened: bool
    kind: str = ""
    actor: str = ""
    actor_name: str = ""
    case: str | None = None
    records: tuple[str, ...] = ()
    purpose: str | None = None
    disposition: str | None = None
    outcome: str = ""
    refusal: str | None = None
    time: int = 0
    actor_time: int = 0
    why: str | None = None
    authority_size: int = 0
    problem: Error | None = None
    notes: tuple[Note, Note] | None = field(default=None, repr=False)


def accesses(replica: Replica, reads: Reads, start: int = 0) -> Iterator[Access]:
    """Every entry of the verified access log from an index on, in the log's order.

    All entries from 0 on are hashed up to the verified head, so an entry that was altered, dropped
    or moved is noticed before the last one is yielded.

    Raises:
        DamageError, MissingError: The entries are not those under the head.
    """
    head = replica.heads[ACCESS]
    frontier = merkle.Frontier()
    openers = _Openers(replica)
    for index, raw in reads.entries(ACCESS, 0, head.size):
        frontier.append(merkle.leaf_hash(raw))
        if index >= start:
            yield _access(replica, openers, index, raw)
    if frontier.root() != head.root:
        # Name the first entry that is not what the log's nodes say it was.
        for index, raw in reads.entries(ACCESS, 0, head.size):
            replica.check_entry(reads, ACCESS, index, raw)


class _Openers:
    """The keys that may open an entry: the auditors' epochs, and those of each case held."""

    def __init__(self, replica: Replica) -> None:
        self._keyring, self._authority = replica.keyring, replica.authority

    def first(self, note_id: bytes) -> list[Opener]:
        """For the first compartment; the auditors' seal stands first."""
        return [
            opener
            for group in (AUDITORS, *self._authority.cases)
            for opener in self.of(note_id, group)
        ]

    def of(self, note_id: bytes, group: str) -> list[Opener]:
        """What this identity has of one group."""
        return self._keyring.openers(self._authority, group, note_id)


def _access(replica: Replica, openers: _Openers, index: int, raw: bytes) -> Access:
    try:
        parsed = entry.parse(raw)
    except Error as error:
        # The log has it, whatever it is: one that cannot be read hides none of the others.
        return Access(index, b"", opened=False, problem=error)
    origin = note.origin(replica.vault, ACCESS)
    first, keys = parsed.compartments[0], openers.first(parsed.note_id)
    try:
        body = entry.open_compartment(origin, first, keys) or entry.open_compartment(
            origin, first, keys, thorough=True
        )
        if body is None:
            return Access(index, parsed.note_id, opened=False)
        actor, gate = note.parse_pair(body)
    except Error as error:
        return Access(index, parsed.note_id, opened=False, problem=error)
    problem: Error | None = None
    try:
        check_public(parsed, actor, gate)
        verify_act(replica, index, actor, gate)
    except Error as error:
        problem = error
    case = actor.body.get("case")
    member = replica.authority.ever(actor.device)
    return Access(
        index=index,
        note_id=parsed.note_id,
        opened=True,
        kind=actor.kind,
        actor=member.id if member else actor.device,
        actor_name=member.name if member else "",
        case=case,
        records=tuple(actor.body.get("records", ())),
        purpose=actor.body.get("purpose"),
        disposition=actor.body.get("disposition") or actor.body.get("asks_for"),
        outcome=gate.body["outcome"],
        refusal=gate.body["why"],
        time=gate.body["time"],
        actor_time=actor.body["time"],
        why=_why(origin, parsed, actor, openers),
        authority_size=gate.body["authority"]["size"],
        problem=problem,
        notes=(actor, gate),
    )


def deposited(reads: Reads, access: Access) -> list[str]:
    """The ids of the records that a deposit brought in, proved by the root that its note signs.

    Args:
        reads: A snapshot.
        access: An opened deposit.

    Raises:
        DamageError: The stored records are not those that were deposited.
    """
    body = access.notes[0].body if access.notes else {}
    deposit = ids.parse(body["deposit"])
    records = [ids.show(record) for record, *_ in reads.originals(deposit)]
    leaves = original_leaves(reads, deposit)
    if len(records) != body["count"] or fields.records_root(leaves).hex() != body["records_root"]:
        raise DamageError("a deposit's records are not those that were signed")
    return records


def _why(origin: str, parsed: Entry, actor: Note, openers: _Openers) -> str | None:
    case = actor.body.get("case")
    if case is None or not parsed.compartments[1:]:
        return None
    try:
        body = entry.open_compartment(
            origin, parsed.compartments[1], openers.of(parsed.note_id, case)
        )
        said = json.loads(body) if body is not None else {}
    except (Error, ValueError):
        return None
    why = said.get("why") if isinstance(said, dict) else None
    return why if isinstance(why, str) else None
