"""Verifies both logs as far as an identity can open them.

In order: the heads (signatures, consistency with the pins: `Replica.catch_up`), the authority's
statements and root (the same), every entry of the access log against its root, then of each opened
entry both signatures by devices valid at that index and the outcome judged again, and at last what
holds between entries: no note id twice, no gate note that names less than the one before it, and
nothing released or destroyed on a request that did not bear it.
"""

from __future__ import annotations

from dataclasses import dataclass

from vault.audit.access import Access, accesses
from vault.audit.requests import Ledger, judged_by, sight
from vault.authority import approvals
from vault.authority.judge import denied
from vault.errors import Error, GateError
from vault.kinds import RENEWALS
from vault.log import merkle
from vault.note import ACCESS, AUTHORITY, LOGS, Note
from vault.replica import Replica
from vault.store import Reads


@dataclass(frozen=True, slots=True)
class Verified:
    """A log whose head and entries hold: its size and root (hex).

    Args:
        log: Which log.
        size: How many entries it has.
        root: Over all of them.
        opened: How many could be opened and were judged again; the rest are proved to be there.
    """

    log: str
    size: int
    root: str
    opened: int


@dataclass(frozen=True, slots=True)
class Problem:
    """An entry that an honest gate would not have written: where, why, and a short code."""

    log: str
    index: int
    reason: str
    code: str


def verify_log(replica: Replica, reads: Reads) -> tuple[list[Verified], list[Problem]]:
    """Verify both logs from the start.

    Args:
        replica: The verified view, caught up with this snapshot.
        reads: The snapshot.

    Raises:
        DamageError, MissingError: Entries are not those under the heads.
    """
    problems = [
        Problem(AUTHORITY, index, *_words(error)) for index, error in replica.problems.items()
    ]
    opened = 0
    used: set[bytes] = set(replica.authority.note_ids)
    before: Access | None = None
    renewals: dict[int, Note | None] = {}
    ledger = Ledger(sight(replica))
    for access in accesses(replica, reads):
        opened += access.opened
        if access.problem is not None:
            problems.append(Problem(ACCESS, access.index, *_words(access.problem)))
        problems += [
            Problem(ACCESS, access.index, wrong.reason, wrong.code)
            for wrong in ledger.take(access, judged_by(replica, access))
        ]
        if access.note_id and access.note_id in used:
            problems.append(Problem(ACCESS, access.index, "its note was used before", "used-id"))
        used.add(access.note_id)
        renewals[access.index] = _renewal(access)
        if not access.opened:
            continue
        if before is not None and access.authority_size < before.authority_size:
            reason = f"it was judged by an older authority than entry {before.index}"
            problems.append(Problem(ACCESS, access.index, reason, "older-authority"))
        elif access.problem is None and (reason := _confirms(replica, reads, renewals, access)):
            problems.append(Problem(ACCESS, access.index, reason, "confirmation"))
        elif access.problem is None and not _in_order(replica, access):
            reason = "it was judged by an authority that was not in force at its place in the log"
            problems.append(Problem(ACCESS, access.index, reason, "authority-order"))
        before = access
    opens = {AUTHORITY: len(replica.history), ACCESS: opened}
    verified = [
        Verified(log, replica.heads[log].size, replica.heads[log].root.hex(), opens[log])
        for log in LOGS
    ]
    return verified, problems


def _renewal(access: Access) -> Note | None:
    """The note of a renewal that was done, else None."""
    done = access.notes is not None and access.kind in RENEWALS and access.outcome == "done"
    return access.notes[0] if access.notes and done else None


def _confirms(
    replica: Replica, reads: Reads, renewals: dict[int, Note | None], access: Access
) -> str:
    """What is wrong with a confirmation; nothing if it is none, or what it confirms is sealed to
    others."""
    if access.kind != "confirmation" or access.outcome != "done" or access.notes is None:
        return ""
    act, gate = access.notes
    at = act.body["entry"]
    if at >= access.index or act.body["leaf"] != merkle.leaf_hash(reads.entry(ACCESS, at)).hex():
        return "it confirms an entry that is not there"
    made = renewals.get(at)
    if made is None:
        return ""
    authority = replica.at(gate.body["authority"]["size"])
    reason = approvals.judge_confirmation(authority, act, made, gate.body["time"])
    return "" if reason is None else "it should have been refused: " + denied(reason).message


def _words(error: Error) -> tuple[str, str]:
    """What is wrong with one entry, in words and as a code: if the rules refuse it, theirs."""
    reason = error.reason if isinstance(error, GateError) else None
    return error.message, reason or type(error).__name__


def _in_order(replica: Replica, access: Access) -> bool:
    """Whether an entry stands between the statement that it was judged by and the next one.

    Each statement's gate note says how long the access log was: what is older than the statement
    has a smaller index, what was judged by it a larger one. Statements that replay refused say
    nothing: only a lying gate wrote them.
    """
    size = access.authority_size
    later = (n for n in range(size, len(replica.history)) if n not in replica.problems)
    following = next(later, None)
    return replica.at(size).access_size <= access.index and (
        following is None or access.index < replica.history[following].access_size
    )
