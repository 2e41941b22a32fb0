"""What holds between the entries of the access log: a pure state machine, fed in the log's order.

Each entry was examined by itself before. Here it is compared with all that stood before it: with
the tree that its notes say they saw, with the ids that were used, with what judged the entry
before, with the requests and renewals that it speaks of.
"""

from __future__ import annotations

import json
import sys
from array import array
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from keys.derive import lp, parse_lp
from vault import note
from vault.audit.access import Access, Row, of_row
from vault.audit.access import row as row_of
from vault.audit.examine import Examined
from vault.audit.findings import Notice, Problem
from vault.audit.requests import Ledger, sight
from vault.authority import approvals
from vault.authority.judge import denied
from vault.errors import Error, GateError, MalformedError
from vault.kinds import RENEWALS
from vault.log import merkle
from vault.note import ACCESS, AUTHORITY, Note
from vault.replica import Replica

_ABOUT_REQUESTS = frozenset(("request", "approval", "denial", "destruction"))
_NEEDED = frozenset((*_ABOUT_REQUESTS, *RENEWALS, "confirmation"))
_NO_ID = bytes(32)


class Facts(NamedTuple):
    """Where an entry says that it stands: the access log as gate and actor had it."""

    root: str
    seen: int
    seen_root: str
    seen_authority: int


class Seen(NamedTuple):
    """An examined entry in a form that passes between processes.

    Args:
        leaf: 32 bytes.
        note_id: 32 bytes; empty if it is no entry at all.
        problem: Code and reason, or None.
        row: See `vault.audit.access.row`; None if it could not be opened.
        facts: See `Facts`; None if it could not be opened.
        signed: The signed actor note, where later entries may speak of it.
    """

    leaf: bytes
    note_id: bytes
    problem: tuple[str, str] | None
    row: Row | None
    facts: tuple[str, int, str, int] | None
    signed: bytes | None


def seen(found: Examined) -> Seen:
    """An examined entry for `Sequence.take`."""
    problem = None if found.problem is None else words(found.problem)
    if found.pair is None:
        return Seen(found.leaf, found.note_id, problem, None, None, None)
    actor, gate = found.pair
    body, row = actor.body, row_of(actor, gate)
    access = body["seen"]["access"]
    facts = (
        gate.body["access"]["root"],
        access["size"],
        access["root"],
        body["seen"]["authority"]["size"],
    )
    needed = row[0] in _NEEDED or (row[0] == "release" and row[16] is not None)
    signed = actor.signed if needed else None
    return Seen(found.leaf, found.note_id, problem, row, facts, signed)


def words(error: Error) -> tuple[str, str]:
    """What is wrong with one entry, as a code and in words: if the rules refuse it, their code."""
    reason = error.reason if isinstance(error, GateError) else None
    return reason or type(error).__name__, error.message


class Sequence:
    """All entries of the access log up to some size.

    Args:
        replica: The verified view, caught up.

    Attributes:
        size: How many entries were taken.
        opened: How many of them could be opened.
        problems: What is wrong, by the log's order.
        notices: What is odd, by the log's order.
        statements: How many statements were compared with it.
        ledger: The requests that it speaks of.
    """

    def __init__(self, replica: Replica) -> None:
        self.size = 0
        self.opened = 0
        self.problems: list[Problem] = []
        self.notices: list[Notice] = []
        self.statements = 0
        self._replica = replica
        self._frontier = merkle.Frontier()
        # The root of the tree of every size, from 0 on.
        self._roots = bytearray(merkle.EMPTY_ROOT)
        self._leaves = bytearray()
        self._ids = bytearray()
        # The gate's time of each entry; zero where it could not be opened.
        self._times: array[int] = array("Q")
        self._used: set[bytes] = set()
        self._last: tuple[int, int, int] | None = None
        self._seen: dict[str, tuple[int, int]] = {}
        self._renewals: dict[int, str] = {}
        self.ledger = Ledger(sight(replica))

    @property
    def root(self) -> bytes:
        """The root over all entries, 32 bytes."""
        return self.root_at(self.size)

    def root_at(self, size: int) -> bytes:
        """The root over the first entries, 32 bytes; nothing where there were never so many."""
        return bytes(self._roots[32 * size : 32 * size + 32])

    def leaf_at(self, index: int) -> bytes:
        """The leaf hash of an entry, 32 bytes; nothing where there is none."""
        return bytes(self._leaves[32 * index : 32 * index + 32])

    def times(self) -> Iterator[tuple[int, int]]:
        """Index and gate time of each entry that could be opened."""
        return ((at, time) for at, time in enumerate(self._times) if time)

    def note_id_at(self, index: int) -> bytes:
        """The hash of an entry's note id, 32 bytes; nothing where it is no entry at all."""
        found = bytes(self._ids[32 * index : 32 * index + 32])
        return b"" if found == _NO_ID else found

    def take(self, found: Seen) -> None:
        """Take the next entry."""
        index = self.size
        self._frontier.append(found.leaf)
        before = self.root_at(index)
        self._leaves += found.leaf
        self._roots += self._frontier.root()
        self.size += 1
        self._times.append(0 if found.row is None else found.row[8])
        if found.problem is not None:
            self._wrong(index, *found.problem, "judged")
        self._use(index, found.note_id)
        if found.row is None or found.facts is None:
            self.ledger.skip(index)
            return
        self.opened += 1
        if found.problem is not None:
            return
        row, facts = found.row, Facts(*found.facts)
        if facts.root != before.hex():
            reason = "its gate note speaks of another history before it"
            self._wrong(index, "history", reason, "gaps")
        if facts.seen_root != self.root_at(facts.seen).hex():
            reason = f"its actor had seen {facts.seen} entries that are not these"
            self._wrong(index, "silent-gap", reason, "gaps")
        self._order(index, row, facts)
        if found.signed is not None or self.ledger.destroyed:
            self._speaks(index, found.note_id, row, found.signed)

    def finish(self) -> None:
        """Compare what new statements say of the access log with it."""
        for at in range(self.statements, len(self._replica.history)):
            if at in self._replica.problems:
                continue
            actor, gate = self._replica.statement(at)
            for said in (gate.body["access"], actor.body["seen"]["access"]):
                if said["root"] != self.root_at(said["size"]).hex():
                    reason = f"it speaks of {said['size']} access entries that are not these"
                    self.problems.append(Problem(AUTHORITY, at, reason, "silent-gap", "gaps"))
                    break
        self.statements = len(self._replica.history)

    # --- what is remembered ---------------------------------------------------------------------

    def dump(self) -> bytes:
        """All of it, for a later `load`."""
        state = {
            "size": self.size,
            "opened": self.opened,
            "statements": self.statements,
            "problems": [[p.log, p.index, p.reason, p.code, p.step] for p in self.problems],
            "notices": [[n.log, n.index, n.reason, n.code] for n in self.notices],
            "last": self._last,
            "seen": self._seen,
            "renewals": self._renewals,
            "ledger": self.ledger.dump(),
        }
        edge = b"".join(self._frontier.hashes())
        return lp(json.dumps(state).encode(), edge)

    def columns(self, start: int, stop: int) -> list[bytes]:
        """What there is of each entry of a stretch, for a later `load`, a column each: the root of
        the tree with it, its leaf, its note's id (32 bytes each), the gate's time (8 bytes)."""
        times = _swapped(self._times[start:stop])
        roots = self._roots[32 * start + 32 : 32 * stop + 32]
        ends = slice(32 * start, 32 * stop)
        return [bytes(roots), bytes(self._leaves[ends]), bytes(self._ids[ends]), times.tobytes()]

    @classmethod
    def load(
        cls,
        replica: Replica,
        raw: bytes,
        columns: Iterable[bytes],
        row: Callable[[int], Row | None],
    ) -> Sequence:
        """What `dump` gave.

        Args:
            replica: The verified view, caught up.
            raw: From `dump`.
            columns: From `columns`, each of all entries.
            row: Gives the row of an entry.

        Raises:
            MalformedError: It is not that.
        """
        made = cls(replica)
        try:
            said, edge = parse_lp(raw, 2)
            state = json.loads(said)
            made.size, made.opened = state["size"], state["opened"]
            made.statements = state["statements"]
            made.problems = [Problem(*one) for one in state["problems"]]
            made.notices = [Notice(*one) for one in state["notices"]]
            made._last = None if state["last"] is None else tuple(state["last"])
            made._seen = {device: tuple(sizes) for device, sizes in state["seen"].items()}
            made._renewals = {int(at): signed for at, signed in state["renewals"].items()}
            made.ledger.load(state["ledger"], lambda at: made._access(at, b"", row(at)))
            made._frontier = merkle.Frontier(made.size, merkle.parse_hashes(edge))
        except (Error, ValueError, KeyError, TypeError, IndexError):
            raise MalformedError("what was verified before is not of this format") from None
        # Somebody else may have kept more meanwhile.
        widths = (32, 32, 32, 8)
        roots, leaves, note_ids, times = (
            column[: width * made.size] for width, column in zip(widths, columns, strict=True)
        )
        made._roots += roots
        made._leaves += leaves
        made._ids += note_ids
        if [*map(len, (roots, leaves, note_ids, times))] != [
            width * made.size for width in widths
        ] or made._frontier.root() != made.root:
            raise MalformedError("what was verified before is not of this format")
        made._times = _swapped(array("Q", times))
        made._used = set(merkle.parse_hashes(note_ids)) - {_NO_ID}
        return made

    # --- parts ----------------------------------------------------------------------------------

    def _wrong(self, index: int, code: str, reason: str, step: str) -> None:
        self.problems.append(Problem(ACCESS, index, reason, code, step))

    def _use(self, index: int, note_id: bytes) -> None:
        if note_id and (note_id in self._used or note_id in self._replica.authority.note_ids):
            self._wrong(index, "used-id", "its note was used before", "order")
        self._used.add(note_id)
        self._ids += note_id or _NO_ID

    def _order(self, index: int, row: Row, facts: Facts) -> None:
        size, time, device = row[10], row[8], row[1]
        if self._last is not None and size < self._last[1]:
            reason = f"it was judged by an older authority than entry {self._last[0]}"
            self._wrong(index, "older-authority", reason, "order")
        elif not _in_order(self._replica, index, size):
            reason = "it was judged by an authority that was not in force at its place in the log"
            self._wrong(index, "authority-order", reason, "order")
        if self._last is not None and time < self._last[2]:
            back = self._last[2] - time
            reason = f"its time is {back} seconds before that of entry {self._last[0]}"
            self.notices.append(Notice(ACCESS, index, reason, "time-back"))
        known = self._seen.get(device, (0, 0))
        if facts.seen < known[0] or facts.seen_authority < known[1]:
            reason = "its device had seen more before: it has forgotten, or is there twice"
            self.notices.append(Notice(ACCESS, index, reason, "seen-back"))
        self._last = (index, size, time)
        self._seen[device] = (facts.seen, facts.seen_authority)

    def _speaks(self, index: int, note_id: bytes, row: Row, signed: bytes | None) -> None:
        act = None if signed is None else note.parse(signed)
        access = self._access(index, note_id, row)
        if act is not None and act.kind in RENEWALS and access.outcome == "done":
            self._renewals[index] = act.signed.decode()
        if act is not None and act.kind == "confirmation" and access.outcome == "done":
            reason = self._confirms(access, act)
            if reason:
                self._wrong(index, "confirmation", reason, "requests")
            return
        authority = self._replica.at(access.authority_size)
        for wrong in self.ledger.take(access, authority, act):
            self._wrong(index, wrong.code, wrong.reason, "requests")

    def _confirms(self, access: Access, act: Note) -> str:
        """What is wrong with a confirmation; nothing if what it confirms is sealed to others."""
        at = act.body["entry"]
        if at >= access.index or act.body["leaf"] != self.leaf_at(at).hex():
            return "it confirms an entry that is not there"
        made = self._renewals.get(at)
        if made is None:
            return ""
        authority = self._replica.at(access.authority_size)
        reason = approvals.judge_confirmation(
            authority, act, note.parse(made.encode()), access.time
        )
        return "" if reason is None else "it should have been refused: " + denied(reason).message

    def _access(self, index: int, note_id: bytes, row: Row | None) -> Access:
        return of_row(self._replica.authority, index, note_id, row, None)


def _swapped(times: array[int]) -> array[int]:
    """Times in big-endian order, or back from it."""
    times = times[:]
    if sys.byteorder == "little":
        times.byteswap()
    return times


def _in_order(replica: Replica, index: int, size: int) -> bool:
    """Whether an entry stands between the statement that it was judged by and the next one.

    Each statement's gate note says how long the access log was: what is older than the statement
    has a smaller index, what was judged by it a larger one. Statements that replay refused say
    nothing: only a lying gate wrote them.
    """
    if replica.at(size).access_size > index:
        return False
    for later in range(size, len(replica.history)):
        if later not in replica.problems:
            return index < replica.history[later].access_size
    return True
