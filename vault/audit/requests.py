"""What became of each request, told from the entries of the access log alone.

A pure state machine. It is fed with every entry in the log's order, each verified by itself before,
and says of those that use, answer or contradict earlier ones what an honest gate would refuse.

Not everybody can open every entry. That something is *missing* is said only by who should be able
to open all the entries where it could have stood: whoever could open every one of them, and whoever
was entitled to the case, or an auditor, all the while. That something *is* there which must not be
is said by whoever sees it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from vault.audit.access import Access
from vault.authority import Authority, approvals
from vault.authority.judge import denied
from vault.model import AUDITORS, Request
from vault.note import Note, parse
from vault.replica import Replica

PENDING, APPROVED, DENIED, USED, EXPIRED = "pending", "approved", "denied", "used", "expired"
STATES = (PENDING, APPROVED, DENIED, USED, EXPIRED)

_WORDS = {
    "request": "it names a request that was not made, or not for this, or not by who uses it",
    "approvals": "too few of the other holders had approved it",
    "expired": "the request had expired",
    "denied": "the request had been denied",
    "used": "the request had been used before",
    "own-request": "somebody answered their own request",
    "destroyed": "a record that it names had been destroyed",
}
_NEEDS = frozenset(("request", "release", "destruction"))
"""Acts that need their records."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """What an honest gate would have refused: a code and words."""

    code: str
    reason: str


@dataclass(slots=True)
class Filed:
    """A request, and what the log says of it so far.

    Args:
        access: Its entry.
        note: The request.
        approvals: The notes that approve it, in the log's order.
        approved: Their entries.
        denied: The entry that denied it, or None.
        used: The entry that used it, or None.
    """

    access: Access
    note: Note
    approvals: list[Note] = field(default_factory=list)
    approved: list[int] = field(default_factory=list)
    denied: int | None = None
    used: int | None = None


_SPENT = Note("request", "", {}, b"")
"""Stands for the note of a request that is spent."""

Sight = Callable[[str, Access | None, Access], bool]
"""Whether who reads was entitled to open all entries of a case from one entry (None: the case's
first) up to another."""


class Ledger:
    """All requests of a log.

    Args:
        sight: What this reader should be able to open.

    Attributes:
        filed: By the request's id.
        destroyed: For each record that is gone the entry that says so.
    """

    def __init__(self, sight: Sight) -> None:
        self.filed: dict[str, Filed] = {}
        self.destroyed: dict[str, int] = {}
        self._sight = sight
        self._sealed: list[int] = []

    def take(
        self, access: Access, authority: Authority | None, act: Note | None = None
    ) -> Iterator[Wrong]:
        """Take the next entry.

        Args:
            access: The entry.
            authority: What the gate judged it by; None if the entry names none that was.
            act: Its actor note, where it concerns a request and the entry does not have it.

        Returns:
            What is wrong with it because of entries before.
        """
        if act is None and access.notes is not None:
            act = access.notes[0]
        if not access.opened:
            self.skip(access.index)
        # What is wrong by itself is named already, and counts for nothing here.
        elif access.problem is None and access.outcome != "refused" and authority is not None:
            yield from self._judge(access, authority, act)

    def skip(self, index: int) -> None:
        """Pass over an entry that could not be opened."""
        self._sealed.append(index)

    def state(self, filed: Filed, authority: Authority, at: int) -> str:
        """What a request is at a time (seconds since the epoch)."""
        if filed.used is not None:
            return USED
        if filed.denied is not None:
            return DENIED
        if at >= filed.note.body["expires"]:
            return EXPIRED
        enough = approvals.enough(authority, filed.note, filed.approvals, at)
        return APPROVED if enough else PENDING

    def show(self, filed: Filed, authority: Authority, at: int) -> Request:
        """A request as people see it at a time."""
        body, case = filed.note.body, filed.access.case or ""
        agreed = approvals.approvers(authority, filed.note, filed.approvals, at)
        by = [authority.ever(note.device) for note in filed.approvals]
        names = dict.fromkeys(found.id for found in by if found is not None and found.id in agreed)
        return Request(
            id=body["id"],
            case=case,
            records=tuple(body["records"]),
            purpose=body["purpose"],
            disposition=body["asks_for"],
            actor=filed.access.actor,
            state=self.state(filed, authority, at),
            needs=approvals.needed(authority, filed.note),
            approvals=tuple(names),
            expires=body["expires"],
            entry=filed.access.index,
            why=filed.access.why,
        )

    # --- what is remembered ---------------------------------------------------------------------

    def dump(self) -> dict[str, Any]:
        """All that later entries are judged by, as JSON has it. Of what is spent no note is kept:
        nothing but that it is spent is ever asked of it again."""
        return {
            "destroyed": self.destroyed,
            "sealed": self._sealed,
            "filed": {
                name: [
                    filed.access.index,
                    "" if _spent(filed) else filed.note.signed.decode(),
                    [] if _spent(filed) else [made.signed.decode() for made in filed.approvals],
                    filed.approved,
                    filed.denied,
                    filed.used,
                ]
                for name, filed in self.filed.items()
            },
        }

    def load(self, said: dict[str, Any], access: Callable[[int], Access]) -> None:
        """Take up what `dump` gave.

        Args:
            said: From `dump`.
            access: Gives the entry at an index.
        """
        self.destroyed, self._sealed = dict(said["destroyed"]), list(said["sealed"])
        for name, (index, signed, made, approved, refused, used) in said["filed"].items():
            filed = parse(signed.encode()) if signed else _SPENT
            answers = [parse(one.encode()) for one in made]
            self.filed[name] = Filed(access(index), filed, answers, list(approved), refused, used)

    # --- parts ----------------------------------------------------------------------------------

    def _judge(self, access: Access, authority: Authority, act: Note | None) -> Iterator[Wrong]:
        if access.kind in _NEEDS and not self.destroyed.keys().isdisjoint(access.records):
            yield _wrong("destroyed")
        if act is None:
            return
        if act.kind == "request":
            self.filed.setdefault(act.body["id"], Filed(access, act))
        elif act.kind in {"approval", "denial"}:
            yield from self._answer(access, authority, act)
        elif act.kind in {"release", "destruction"}:
            yield from self._use(access, authority, act)

    def _answer(self, access: Access, authority: Authority, act: Note) -> Iterator[Wrong]:
        filed = self.filed.get(act.body["answers"])
        if filed is None:
            yield from self._missing("request", None, access)
            return
        code = _spent(filed) or approvals.judge_answer(authority, act, filed.note, access.time)
        if code is not None:
            yield _wrong(code)
        elif act.kind == "denial":
            filed.denied = access.index
        else:
            filed.approvals.append(act)
            filed.approved.append(access.index)

    def _use(self, access: Access, authority: Authority, act: Note) -> Iterator[Wrong]:
        name = access.request
        if name is None:
            return
        filed = self.filed.get(name)
        if act.kind == "destruction":
            for record in access.records:
                self.destroyed.setdefault(record, access.index)
        if filed is None:
            yield from self._missing("request", None, access)
            return
        code = _spent(filed) or approvals.judge_use(
            authority, act, filed.note, filed.approvals, access.time
        )
        filed.used = access.index if filed.used is None else filed.used
        if code == "approvals":
            yield from self._missing(code, filed.access, access)
        elif code is not None:
            yield _wrong(code)

    def _missing(self, code: str, since: Access | None, access: Access) -> Iterator[Wrong]:
        """Something is not there: said only by who should have been able to open it."""
        start = 0 if since is None else since.index
        all_open = bisect_left(self._sealed, start) == len(self._sealed)
        if all_open or self._sight(access.case or "", since, access):
            yield _wrong(code)


def sight(replica: Replica) -> Sight:
    """What a reader should be able to open: everything of the groups that its device was entitled
    to all the while, and has all the keys of."""

    def sees(case: str, since: Access | None, until: Access) -> bool:
        authority, device = replica.authority, replica.keyring.device
        start = authority.cases[case].opened + 1 if since is None else since.authority_size
        times = {until.time, until.time if since is None else since.time}
        states = [replica.at(size) for size in range(start, until.authority_size + 1)]
        return any(
            len(replica.keyring.all(authority, group)) == len(authority.groups[group])
            and all(
                device in {found.id for found in state.entitled(group, at)}
                for state in states
                for at in times
            )
            for group in (AUDITORS, case)
        )

    return sees


def states(replica: Replica, opened: Iterable[Access]) -> dict[int, str]:
    """What an honest gate remembers of each request and each approval, by their entries' indexes,
    as far as they could be opened."""
    ledger = Ledger(sight(replica))
    for access in opened:
        for _wrong in ledger.take(access, judged_by(replica, access)):
            pass
    found = {}
    for filed in ledger.filed.values():
        spent = {"used": USED, "denied": DENIED}.get(_spent(filed) or "", PENDING)
        found[filed.access.index] = spent
        found |= dict.fromkeys(filed.approved, APPROVED)
    return found


def judged_by(replica: Replica, access: Access) -> Authority | None:
    """The authority that an entry was judged by; None if it was not opened or names none."""
    known = access.opened and 1 <= access.authority_size <= len(replica.history)
    return replica.at(access.authority_size) if known else None


def _spent(filed: Filed) -> str | None:
    if filed.used is not None:
        return "used"
    return "denied" if filed.denied is not None else None


def _wrong(code: str) -> Wrong:
    return Wrong(code, _WORDS.get(code) or denied(code).message)
