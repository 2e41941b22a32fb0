"""Requests: asking for what others must approve, answering, and destroying what nobody shall have.

What a request has become is told from the verified entries of the access log that this identity can
open, never from what the store remembers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from vault import ids
from vault.audit import entry_at
from vault.audit.access import Access
from vault.audit.requests import (
    APPROVED,
    DENIED,
    PENDING,
    USED,
    Filed,
    Ledger,
)
from vault.authority import approvals
from vault.authority.judge import denied
from vault.client import Client
from vault.errors import (
    AmbiguousError,
    BusyError,
    DamageError,
    FileError,
    GateError,
    NotFoundError,
    UsageError,
    WaitingError,
)
from vault.history import CHECK, History
from vault.kinds import DESTROY, DISPOSITIONS, MAX_RECORDS, PURPOSES
from vault.message import Answer
from vault.model import Request
from vault.note import Note
from vault.store import Reads
from vault.visible import visible

_DESTRUCTION = "other"
"""The purpose code of a request to destroy: its words say why."""


class AskedError(WaitingError):
    """Others have to approve it before it is done.

    Args:
        message: One line for people.
        hint: What to do.
        requests: What waits for them.
    """

    def __init__(self, message: str, hint: str, *requests: Request) -> None:
        super().__init__(message, hint)
        self.requests = requests


@dataclass(frozen=True, slots=True)
class Copy:
    """Somebody was given a record before it was destroyed.

    Args:
        member: Their id, and `name` their name.
        time: Of the gate, in seconds since the epoch.
        disposition: `view`, `copy` or `produce`.
        entry: Of the release.
    """

    member: str
    name: str
    time: int
    disposition: str
    entry: int


@dataclass(frozen=True, slots=True)
class Gone:
    """A record that was destroyed.

    Args:
        record: Its id.
        case: Its case's.
        entry: The destruction, in the access log.
        member: The id of the member who did it, and `name` their name.
        time: Of the gate, in seconds since the epoch.
        copies: What was released of it before, as far as this member can open the log.
        erased: Whether the vault's files hold nothing of it any more; else the next act sees to it.
    """

    record: str
    case: str
    entry: int
    member: str
    name: str
    time: int
    copies: tuple[Copy, ...] = ()
    erased: bool = True


class Requests:
    """The requests of a vault, as one member sees them.

    Args:
        client: One member's device.
        history: What it has verified of the access log.
    """

    def __init__(self, client: Client, history: History) -> None:
        self._client = client
        self._history = history

    # --- looking --------------------------------------------------------------------------------

    def all(self, *, mine: bool = False, for_me: bool = False) -> list[Request]:
        """All requests that this member can see, oldest first.

        Args:
            mine: Only this member's own.
            for_me: Only those that wait for this member's answer.
        """
        me, ledger = self._me, self._ledger()
        return [
            self._show(filed)
            for filed in ledger.filed.values()
            if (not mine or filed.access.actor == me)
            and (not for_me or (self._state(ledger, filed) == PENDING and self._may_answer(filed)))
        ]

    def find(self, text: str) -> Request:
        """A request by its id or the beginning of it.

        Raises:
            NotFoundError, AmbiguousError: None or several fit.
        """
        return self._show(self._filed(text))

    def _filed(self, text: str) -> Filed:
        filed, wanted = self._ledger().filed, text.lower()
        names = [name for name in filed if len(wanted) >= 4 and name.startswith(wanted)]
        if not names:
            raise NotFoundError(f"no request '{visible(text)}'", "see `evault requests`")
        if len(names) > 1:
            raise AmbiguousError(
                f"more than one request begins with '{visible(text)}'", "give more of its id"
            )
        return filed[names[0]]

    def same(
        self, records: Sequence[str], purpose: str, disposition: str, *, mine: bool = True
    ) -> Request | None:
        """An open request for exactly these records, for this purpose and disposition: an approved
        one rather than one that waits, the newest of them.

        Args:
            records: Their ids, in any order.
            purpose: A purpose code.
            disposition: `view`, `copy`, `produce`, or `destroy`.
            mine: Only this member's own.
        """
        fits = [
            request
            for request in self.all(mine=mine)
            if set(request.records) == set(records)
            and (request.purpose, request.disposition) == (purpose, disposition)
        ]
        for state in (APPROVED, PENDING):
            for request in reversed(fits):
                if request.state == state:
                    return request
        return None

    def gone(self, record: str) -> Gone | None:
        """Who destroyed a record, and when; None if no entry that this member can open says so."""
        with self._client.view() as reads:
            audit = self._history.read(reads)
        index = audit.ledger.destroyed.get(record)
        if index is None:
            return None
        by = next(audit.entries(index))
        copies = tuple(
            Copy(got.actor, got.actor_name, got.time, got.disposition or "", got.index)
            for got in islice(audit.entries(), index)
            if got.outcome == "released" and got.problem is None and record in got.records
        )
        return Gone(record, by.case or "", index, by.actor, by.actor_name, by.time, copies)

    # --- asking and answering -------------------------------------------------------------------

    def file(
        self,
        records: Sequence[str],
        purpose: str,
        why: str | None = None,
        disposition: str = "copy",
    ) -> Request:
        """Ask for records of one case, or that they be destroyed.

        Args:
            records: Their ids, at most 1,000.
            purpose: One of `vault.note.PURPOSES`.
            why: In words, for the case's holders only.
            disposition: `view`, `copy`, `produce`, or `destroy`.

        Raises:
            DeniedError: Refused; the refusal is in the log.
            NotFoundError: There is no such record.
        """
        if purpose not in PURPOSES:
            raise UsageError(f"{purpose!r} is not a purpose", "one of: " + ", ".join(PURPOSES))
        if disposition not in {*DISPOSITIONS, DESTROY}:
            raise UsageError(f"{disposition!r} is not a disposition", ", ".join(DISPOSITIONS))
        if len(set(records)) != len(records):
            raise UsageError("a record is given twice", "name each record once")
        if len(records) > MAX_RECORDS:
            raise UsageError(f"a request is for at most {MAX_RECORDS} records", "file several")
        self._client.catch_up()
        cases = self.by_case(records)
        if len(cases) != 1:
            raise UsageError("a request is for records of one case", "file one for each case")
        (case,) = cases
        policy = self._client.authority.cases[case].policy
        body = {
            "records": list(records),
            "purpose": purpose,
            "asks_for": disposition,
            "expires": self._client.now() + 3600 * policy.hours,
        }
        answer = self._client.act("request", case, body, why)
        # What the gate logged is believed, not what was sent.
        filed = self._ledger().filed.values()
        found = [one for one in filed if one.access.index == answer.index]
        if len(found) != 1 or found[0].note.device != self._client.identity.device:
            raise GateError("the gate logged another request than the one that was made")
        return self._show(found[0])

    def approve(self, name: str, why: str | None = None) -> Request:
        """Approve somebody's request.

        Args:
            name: Its id, or the beginning of it.
            why: In words, for the case's holders only.

        Raises:
            NotFoundError, AmbiguousError: as `find`.
            DeniedError: Refused; the refusal is in the log.
        """
        return self._answer("approval", name, why)

    def deny(self, name: str, why: str | None = None) -> Request:
        """Deny somebody's request: it cannot be used any more.

        Raises:
            NotFoundError, AmbiguousError, DeniedError: as `approve`.
        """
        return self._answer("denial", name, why)

    # --- using ----------------------------------------------------------------------------------

    def release(self, request: Request, why: str | None = None) -> Answer:
        """Have the records of a request released: exactly them, for what was asked.

        Raises:
            DeniedError: Refused; the refusal is in the log.
        """
        body = {
            "records": list(request.records),
            "purpose": request.purpose,
            "disposition": request.disposition,
            "request": request.id,
        }
        return self._use("release", request, body, why)

    def destroy(self, records: Sequence[str], why: str | None = None) -> list[Gone]:
        """Destroy records for good, or take the next step to it.

        Whoever comes first asks; each other holder who says the same approves; with the last who is
        needed it is done. So it is by two people at least, one of them an advocate.

        Args:
            records: Ids of records of one case.
            why: In words, for the case's holders only.

        Raises:
            AskedError: Others have to approve it first.
            DeniedError: Refused; the refusal is in the log.
            NotFoundError: There is no such record.
        """
        known = self.same(records, _DESTRUCTION, DESTROY, mine=False)
        if known is None:
            known = self.file(records, _DESTRUCTION, why, DESTROY)
        elif self._may_answer(self._filed(known.id)):
            known = self.approve(known.id, why)
        if known.state != APPROVED:
            raise waiting(known)
        body = {"records": list(known.records), "answers": known.id}
        self._use("destruction", known, body, why)
        erased = self.sweep()
        done = [self.gone(record) for record in known.records]
        return [replace(one, erased=erased) for one in done if one is not None]

    def sweep(self) -> bool:
        """Erase what destroyed records have left in the vault's files; whether nothing is left."""
        try:
            return self._client.store.sweep()
        except (BusyError, FileError):
            return False

    def by_case(self, records: Sequence[str]) -> dict[str, list[str]]:
        """Some records by the case that they are in.

        Raises:
            NotFoundError: There is no such record.
            DamageError: A deposit's row names no case.
        """
        cases: dict[str, list[str]] = {}
        with self._client.view() as reads:
            for record in records:
                owner = reads.owner(ids.parse(record))
                found = reads.deposit(owner[0]) if owner else None
                if found is None:
                    raise NotFoundError(f"no record '{visible(record)}'", "see `evault list`")
                case = ids.show(found.case)
                if case not in self._client.authority.cases:
                    raise DamageError("a deposit names a case that does not exist", CHECK)
                cases.setdefault(case, []).append(record)
        return cases

    # --- parts ----------------------------------------------------------------------------------

    @property
    def _me(self) -> str:
        return self._client.authority.member_of(self._client.identity.device).id

    def _ledger(self) -> Ledger:
        with self._client.view() as reads:
            return self._history.read(reads).ledger

    def _state(self, ledger: Ledger, filed: Filed) -> str:
        return ledger.state(filed, self._client.authority, self._client.now())

    def _show(self, filed: Filed) -> Request:
        whole = self._whole(filed)
        return self._ledger().show(whole, self._client.authority, self._client.now())

    def _whole(self, filed: Filed) -> Filed:
        """A request with its words and the notes of its approvals: of what is spent the ledger may
        have none, and words are never kept. So the entries are opened again."""
        with self._client.view() as reads:
            access, asked = self._opened(reads, filed.access.index)
            answers = [self._opened(reads, index)[1] for index in filed.approved]
        return replace(filed, access=access, note=asked, approvals=answers)

    def _opened(self, reads: Reads, index: int) -> tuple[Access, Note]:
        access = entry_at(self._client.replica, reads, index).access
        if access.notes is None:
            raise DamageError(f"entry {index} of the access log does not open any more", CHECK)
        return access, access.notes[0]

    def _may_answer(self, filed: Filed) -> bool:
        """Whether an answer of this member would count, and there is none yet."""
        authority, at, me = self._client.authority, self._client.now(), self._me
        case = filed.access.case or ""
        return (
            authority.holds(me, case, at)
            and authority.members[me].shares is None
            and filed.access.actor != me
            and me not in approvals.approvers(authority, filed.note, filed.approvals, at)
        )

    def _answer(self, kind: str, name: str, why: str | None) -> Request:
        found = self._whole(self._filed(name))
        asked, request = found.note, str(found.note.body["id"])
        body = {"answers": request, "asked": asked.digest}
        self._client.act(kind, found.access.case, body, why, (asked.signed,))
        return self.find(request)

    def _use(
        self, kind: str, request: Request, body: Mapping[str, object], why: str | None
    ) -> Answer:
        filed = self._whole(self._ledger().filed[request.id])
        # What the store remembers could be false, and who used it all the same would be to blame.
        if request.state in {DENIED, USED}:
            raise denied(request.state)
        # Only what counts: the approval of somebody who has left is no business of the gate.
        counted = [
            answer.signed
            for answer in filed.approvals
            if answer.device in self._client.authority.devices
        ]
        return self._client.act(kind, request.case, body, why, (filed.note.signed, *counted))


def waiting(*requests: Request) -> AskedError:
    """The exception for requests that others have to approve."""
    names = ", ".join(f"`evault approve {request.id[:8]}`" for request in requests)
    return AskedError(
        "others have to approve this first",
        f"let them run {names}, and then do the same again",
        *requests,
    )
