"""Who did what: one entry of the access log as people and programs see it.

An `Access` is the same whether the entry was opened now or was verified before and is remembered:
it holds no notes, so that it can be kept. `accesses` opens entries now, each with its notes and,
for holders, the words of its reason.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from vault import fields, ids
from vault.audit.examine import Examined, Examiner
from vault.authority import Authority
from vault.errors import DamageError, Error, GateError, LogError, VerificationError
from vault.log import merkle
from vault.note import ACCESS, Note
from vault.renewed import original_leaves
from vault.replica import Replica
from vault.store import Reads

Row = tuple[Any, ...]
"""What is remembered of an entry that was opened: text, numbers, None and lists of text, in the
order of `Access.row`."""

_OF_REQUESTS = {
    "request": "id",
    "approval": "answers",
    "denial": "answers",
    "release": "request",
    "destruction": "answers",
}
"""Where the acts that concern a request name it."""


@dataclass(frozen=True, slots=True)
class Access:
    """One entry of the access log, as far as this identity can open it.

    Args:
        index: Its place in the log.
        note_id: The 32-byte hash of its note's id; empty if it is no entry at all.
        opened: Whether the first compartment could be opened.
        kind: Of the actor's note; empty if it cannot be opened.
        actor: The member's id, and `actor_name` their name; of a collector the id of the ticket,
            and that it is one.
        case: The case's id, or None.
        records: The ids of the records concerned.
        purpose: The purpose code, or None.
        disposition: `view`, `copy`, `produce`, for a request also `destroy`; or None.
        outcome: What the gate did: `done`, `released`, `pending`, `refused`.
        refusal: The reason code of a refusal, or None.
        time: The gate's time, in seconds since the epoch.
        actor_time: The time that the actor claims.
        why: The reason in words, for holders of the case; else None.
        authority_size: How much of the authority log the gate judged by.
        problem: What is wrong with it, or None.
        level: What the gate note says that the log proves.
        operator: The id of the member whose gate judged it.
        deposit: Of a deposit or re-encryption, its id.
        count: Of a deposit, a rekey, a re-encryption or an export, how many records, deposits or
            entries.
        entry: Of a receipt or confirmation, the entry that it is for.
        request: The id of the request that is filed, answered or used.
        worded: Whether a reason in words is in it, sealed to the case's holders.
        records_root: Of a deposit, the hex root over the leaves of its records.
        form: Of an export, in which form.
        ticket: The id of the ticket that made it; None if a member did.
        notes: The actor note and the gate note; None if it is remembered.
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
    level: int = 0
    operator: str = ""
    deposit: str | None = None
    count: int | None = None
    entry: int | None = None
    request: str | None = None
    worded: bool = False
    records_root: str | None = None
    form: str | None = None
    ticket: str | None = None
    notes: tuple[Note, Note] | None = field(default=None, repr=False)


def row(actor: Note, gate: Note) -> Row:
    """What is remembered of an entry: devices as they signed, whoever they were of."""
    body, said = actor.body, gate.body
    named = _OF_REQUESTS.get(actor.kind)
    entry = body.get("entry")
    return (
        actor.kind,
        actor.device,
        body.get("case"),
        body.get("records", ()),
        body.get("purpose"),
        body.get("disposition") or body.get("asks_for"),
        said["outcome"],
        said["why"],
        said["time"],
        body["time"],
        said["authority"]["size"],
        said["level"],
        gate.device,
        body.get("deposit"),
        body.get("count"),
        entry if isinstance(entry, int) else None,
        body[named] if named else None,
        body.get("details") is not None,
        body.get("records_root"),
        body.get("form"),
    )


def of_row(
    authority: Authority, index: int, note_id: bytes, found: Row | None, problem: Error | None
) -> Access:
    """An entry from what is remembered of it.

    Args:
        authority: Everybody who ever was is in it.
        index: Its place in the log.
        note_id: The 32-byte hash of its note's id; empty if it is no entry at all.
        found: Its row; None if it could not be opened.
        problem: What is wrong with it, or None.
    """
    if found is None:
        return Access(index, note_id, opened=False, problem=problem)
    member, operator = authority.ever(found[1]), authority.ever(found[12])
    ticket = authority.tickets.get(found[1]) if found[0] == "deposit" else None
    return Access(
        index=index,
        note_id=note_id,
        opened=True,
        kind=found[0],
        actor=member.id if member else found[1],
        actor_name=member.name if member else f"ticket {ticket.id[:8]}" if ticket else "",
        case=found[2],
        records=tuple(found[3]),
        purpose=found[4],
        disposition=found[5],
        outcome=found[6],
        refusal=found[7],
        time=found[8],
        actor_time=found[9],
        authority_size=found[10],
        problem=problem,
        level=found[11],
        operator=operator.id if operator else found[12],
        deposit=found[13],
        count=found[14],
        entry=found[15],
        request=found[16],
        worded=found[17],
        records_root=found[18],
        form=found[19],
        ticket=ticket.id if ticket else None,
    )


def accesses(replica: Replica, reads: Reads, start: int = 0) -> Iterator[Access]:
    """Every entry of the verified access log from an index on, in the log's order, opened now.

    All entries from 0 on are hashed up to the verified head, so an entry that was altered, dropped
    or moved is noticed before the last one is yielded.

    Raises:
        DamageError, MissingError: The entries are not those under the head.
    """
    head = replica.heads[ACCESS]
    frontier = merkle.Frontier()
    examiner = Examiner(replica)
    for index, raw in reads.entries(ACCESS, 0, head.size):
        frontier.append(merkle.leaf_hash(raw))
        if index >= start:
            yield opened(replica, examiner, index, examiner.examine(index, raw))
    if frontier.root() != head.root:
        # Name the first entry that is not what the log's nodes say it was.
        for index, raw in reads.entries(ACCESS, 0, head.size):
            replica.check_entry(reads, ACCESS, index, raw)


def opened(replica: Replica, examiner: Examiner, index: int, found: Examined) -> Access:
    """An entry that was examined, with its notes and its reason."""
    if found.pair is None:
        return Access(index, found.note_id, opened=False, problem=found.problem)
    known = of_row(replica.authority, index, found.note_id, row(*found.pair), found.problem)
    return replace(known, notes=found.pair, why=words(examiner.details(found)))


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry in full: what it says, its 32-byte leaf hash, and its bytes."""

    access: Access
    leaf: bytes
    raw: bytes = field(repr=False)


def entry_at(replica: Replica, reads: Reads, index: int) -> Entry:
    """One entry of the verified access log, opened and examined now.

    Raises:
        DamageError, MissingError: It is not what the log has there.
        ProofError: There is no such entry.
    """
    raw = replica.consistent_entry(reads, ACCESS, index)
    examiner = Examiner(replica)
    found = examiner.examine(index, raw)
    return Entry(opened(replica, examiner, index, found), found.leaf, raw)


def with_reasons(replica: Replica, reads: Reads, entries: Iterable[Access]) -> Iterator[Access]:
    """The same entries, with the words of their reasons where this identity opens them.

    Args:
        replica: The verified view, caught up.
        reads: A snapshot.
        entries: That were verified before.

    Raises:
        LogError: After all of them: an entry is not there any more, or not what it was. It was
            yielded without its reason and with this as its problem, so that it hides no other.
    """
    examiner = Examiner(replica)
    wrong = 0
    for access in entries:
        if not access.worded or not examiner.holds(access.case):
            yield access
            continue
        try:
            raw = replica.consistent_entry(reads, ACCESS, access.index)
        except VerificationError as error:
            wrong += 1
            yield replace(access, problem=access.problem or error)
            continue
        yield replace(access, why=words(examiner.second(access.case, raw)))
    if wrong:
        entry = "entries are" if wrong > 1 else "entry is"
        # What was verified once is not looked at again unless somebody asks for it.
        raise LogError(
            f"{wrong} {entry} not what was signed", "see `evault log verify --from-start`"
        )


def words(details: bytes | None) -> str | None:
    """The reason in words that details hold."""
    try:
        said = json.loads(details) if details is not None else {}
    except ValueError:
        return None
    why = said.get("why") if isinstance(said, dict) else None
    return why if isinstance(why, str) else None


def deposited(reads: Reads, access: Access) -> list[str]:
    """The ids of the records that a deposit brought in, proved by the root that its note signs.

    Args:
        reads: A snapshot.
        access: A deposit that could be opened.

    Raises:
        DamageError: The stored records are not those that were deposited.
    """
    deposit = ids.parse(access.deposit or "")
    records = [ids.show(record) for record, *_ in reads.originals(deposit)]
    leaves = original_leaves(reads, deposit)
    if len(records) != access.count or fields.records_root(leaves).hex() != access.records_root:
        raise DamageError("a deposit's records are not those that were signed")
    return records


def remembered(code: str, reason: str) -> Error:
    """A problem that was found before."""
    return GateError(reason, reason=code)
