"""An unlocked member at work: the public way into a vault.

    with Session.open(path, identity, home) as session:
        case = session.open_case("Raids in April")
        session.add([Path("statement.pdf")], case.id)

A session holds a member's identity, its verified view of the vault, and a gate. It catches up with
the vault before each act and verifies what the gate answers. It never asks and never prints.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from keys.identity import Identity
from vault import ids, names, note, statements
from vault.audit import (
    Access,
    Audit,
    Entry,
    Exposure,
    Problem,
    Verified,
    accesses,
    entry_at,
    exposure,
    verify,
    with_reasons,
)
from vault.authority import Authority, apply
from vault.authority.apply import NOTHING
from vault.casework import Casework
from vault.client import Client
from vault.deposit import Description, Progress, Stored
from vault.duties import Duties
from vault.errors import (
    BusyError,
    Error,
    FileError,
    StaleError,
    UnknownVaultError,
    UsageError,
    as_damage,
)
from vault.evidence import Evidence
from vault.gate import Clock, found, gate_note
from vault.heads import Heads
from vault.history import History
from vault.intake import Source
from vault.keyring import Keyring
from vault.local import Local
from vault.log import checkpoint
from vault.model import (
    GATE,
    MEMBERS,
    Case,
    Member,
    Position,
    Role,
)
from vault.note import ACCESS, AUTHORITY, LOGS
from vault.people import People
from vault.proposals import Proposals
from vault.recordgrants import Grants
from vault.renewals import Renewals
from vault.replica import Replica, fingerprint
from vault.requests import Gone, Requests
from vault.retrieve import Listed, Opened
from vault.stamping import Stamping
from vault.store import Store
from vault.store.folder import refuse_network
from vault.tickets import Tickets


@dataclass(frozen=True, slots=True)
class Titled:
    """A case with its title, where this member can read it."""

    case: Case
    title: str | None

    @property
    def id(self) -> str:
        """The case's id."""
        return self.case.id


class Session:
    """One member's work in one vault. Use `open`, `create` or `join`.

    Args:
        store: The vault's bytes.
        identity: The member's device.
        local: Its local state.
        replica: Its verified view.
        clock: Seconds since the epoch.

    Attributes:
        lost: What this device had seen of each log before it accepted an older copy.
    """

    def __init__(
        self, store: Store, identity: Identity, local: Local, replica: Replica, clock: Clock
    ) -> None:
        self.store = store
        self.identity = identity
        self.local = local
        self.replica = replica
        self.lost: dict[str, Position] = {}
        self._client = Client(store, identity, replica, clock)
        self.proposals = Proposals(self._client)
        self.people = People(self._client, self.proposals)
        self.casework = Casework(self._client, self.proposals)
        self.grants = Grants(self._client)
        self._history = History(self._client, local)
        self.requests = Requests(self._client, self._history)
        self.renewals = Renewals(self._client, self.requests)
        self.tickets = Tickets(self._client, self._history)
        self.heads = Heads(self._client)
        self.stamping = Stamping(self._client, local)
        self._evidence = Evidence(self._client, self.requests)
        self._duties = Duties(self._client, self.renewals)

    # --- beginning ------------------------------------------------------------------------------

    @classmethod
    def open(
        cls, path: Path, identity: Identity, home: Path, *, clock: Clock = time.time
    ) -> Session:
        """Open a vault that this identity has joined, and catch up with it.

        Args:
            path: The vault's folder.
            identity: The member's device.
            home: The folder for local state.
            clock: Seconds since the epoch.

        Raises:
            NoVaultError, MalformedError: There is no vault, or one of a newer format.
            UnknownVaultError: This identity has not joined it.
            RolledBackError, ForkedError, LogError: It shows less or something else than before.
            VerificationError: It is damaged.
        """
        store = Store(path)
        try:
            vault = _vault_id(store)
            local = Local(home, identity, vault)
            pins = local.pins()
            replica = Replica(identity, local, vault, pins.fingerprint, pins.heads)
            session = cls(store, identity, local, replica, clock)
            session.catch_up()
        except BaseException:
            store.close()
            raise
        return session

    @classmethod
    def create(
        cls, path: Path, identity: Identity, home: Path, *, clock: Clock = time.time
    ) -> Session:
        """Create a vault; its founder is its first steward and an advocate.

        Raises:
            FileError: Something is there already, or it cannot be made.
            NetworkFolderError: The folder is on a network file system.
        """
        vault = ids.show(ids.draw())
        local = Local(home, identity, vault)
        at = int(clock())
        genesis, epochs = statements.genesis(identity, vault, at)
        gate = gate_note(
            identity,
            note.origin(vault, AUTHORITY),
            genesis,
            outcome="done",
            why=None,
            at=at,
            authority=NOTHING,
            access=NOTHING,
        )
        after = apply(None, genesis, gate)
        store = Store.create(path)
        try:
            found(
                store,
                genesis,
                gate,
                after,
                members=epochs[MEMBERS],
                gate_epoch=epochs[GATE],
            )
            replica = Replica(identity, local, vault, fingerprint(genesis), {})
            session = cls(store, identity, local, replica, clock)
            session.catch_up()
            store.finish()
        except BaseException:
            store.close()
            raise
        return session

    @classmethod
    def join(
        cls,
        path: Path,
        identity: Identity,
        home: Path,
        fingerprint: str,
        *,
        seen: Mapping[str, Position] | None = None,
        older: bool = False,
        cosigned: bytes | None = None,
        clock: Clock = time.time,
    ) -> Session:
        """Open a vault for the first time, trusting nothing but a fingerprint.

        Args:
            path: The vault's folder.
            identity: The new member's device.
            home: The folder for local state.
            fingerprint: 64 hex digits, compared out of band; spaces do not matter.
            seen: Size and root of each log as who invited has seen them: so a newcomer too notices
                an older copy.
            older: Accept an older copy, after it was put back on purpose: what this device had seen
                is kept as proof and then forgotten. See `lost`.
            cosigned: A cosigned checkpoint of the access log that did not come from the vault: so
                much must be there at least, and the cosigners of the vault's policy signed it.
            clock: Seconds since the epoch.

        Raises:
            UnknownVaultError: The vault has another fingerprint.
            LockedError: This identity is no member.
            NetworkFolderError: The folder is on a network file system.
            LogError: The policy asks for cosignatures, and there are not enough.
            NoVaultError, MalformedError, VerificationError: as `open`.
        """
        wanted = "".join(fingerprint.split()).lower()
        if len(wanted) != 64 or set(wanted) - set("0123456789abcdef"):
            raise UsageError("a fingerprint has 64 hexadecimal digits", "copy all of it")
        refuse_network(path)
        store = Store(path)
        try:
            vault = _vault_id(store)
            local = Local(home, identity, vault)
            heads = local.pins().heads if local.joined() else {}
            lost = {log: checkpoint.peek(head) for log, head in heads.items()} if older else {}
            if older and heads:
                local.keep_proof([heads[log] for log in LOGS])
                local.forget()
                heads = {}
            replica = Replica(identity, local, vault, wanted, heads)
            for log, position in (seen or {}).items():
                replica.expect(log, position)
            session = cls(store, identity, local, replica, clock)
            session.lost = {log: Position(head.size, head.root.hex()) for log, head in lost.items()}
            session.catch_up()
            try:
                session.heads.demand(cosigned)
            except Error:
                # Who did not join has no pins: what was shown is not what everybody sees.
                if not heads:
                    local.forget()
                raise
            session.settle()
        except BaseException:
            store.close()
            raise
        return session

    def close(self) -> None:
        """Let go of the store."""
        self.store.close()

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # --- looking --------------------------------------------------------------------------------

    @property
    def authority(self) -> Authority:
        """What is known of members, cases and rights."""
        return self.replica.authority

    @property
    def member(self) -> Member:
        """Whose session this is.

        Raises:
            DeniedError: The identity is not a member's any more.
        """
        return self.authority.member_of(self.identity.device)

    @property
    def fingerprint(self) -> str:
        """The vault's fingerprint: 64 hex digits."""
        return self.replica.fingerprint

    def now(self) -> int:
        """Seconds since the epoch."""
        return self._client.now()

    def catch_up(self) -> None:
        """Verify what is new in the vault. See `vault.replica`."""
        self._client.catch_up()

    def members(self) -> list[Member]:
        """All members, in the order in which they were added."""
        return sorted(self.authority.members.values(), key=lambda member: member.added)

    def cases(self) -> list[Titled]:
        """All cases, oldest first; titles only of those that this member holds."""
        cases = sorted(self.authority.cases.values(), key=lambda case: case.opened)
        return [self._titled(case) for case in cases]

    def find_member(self, text: str) -> Member:
        """A member by id, the beginning of it, or name.

        Raises:
            NotFoundError, AmbiguousError: None or several fit.
        """
        return names.one(
            "member",
            text,
            {member.id: (member, (member.name,)) for member in self.authority.members.values()},
            lambda found: names.about_person(self.replica.history, found),
        )

    def find_person(self, text: str) -> names.Person:
        """Whoever may have acted: as `find_member`, also who was removed, and collectors by their
        tickets.

        Raises:
            NotFoundError, AmbiguousError: None or several fit.
        """
        return names.person(self.replica.history, text)

    def find_case(self, text: str) -> Titled:
        """A case by id, the beginning of it, title or reference.

        Raises:
            NotFoundError, AmbiguousError: None or several fit.
        """
        called = {found.id: (found, (found.title, found.case.ref)) for found in self.cases()}
        return names.one(
            "case",
            text,
            called,
            lambda case: names.about_case(self.replica.history, case, *called[case][1]),
        )

    def find_record(self, text: str) -> str:
        """The id of a record by its id or the beginning of it.

        Raises:
            NotFoundError, AmbiguousError: None or several fit.
        """
        with self._client.view() as reads:
            return names.record(reads, text)

    def records(self, case: str | None = None) -> Iterator[Listed]:
        """The labels of all records that this member may see. See `vault.evidence`."""
        return self._evidence.records(case)

    def record(self, record: str) -> Listed:
        """The label of one record. See `vault.evidence`."""
        return self._evidence.labels([record])[0]

    def labels(self, records: Sequence[str]) -> list[Listed]:
        """The labels of some records. See `vault.evidence`."""
        return self._evidence.labels(records)

    def log(self) -> Iterator[Access]:
        """The access log, as far as this member can open it. See `vault.audit.accesses`."""
        with self._client.view() as reads:
            yield from accesses(self.replica, reads)

    def audit(
        self,
        *,
        from_start: bool = False,
        progress: Callable[[int], None] = lambda _count: None,
    ) -> Audit:
        """Verify both logs, and get at what is in the access log. See `vault.audit.verify`.

        Args:
            from_start: Verify everything again, not only what is new since the last time.
            progress: Called with how many entries more were examined.
        """
        roots = self.stamping.roots()
        with self._client.view() as reads:
            return verify(
                self.replica,
                self.store,
                reads,
                self.local,
                from_start=from_start,
                progress=progress,
                roots=roots,
            )

    def head(self, log: str = ACCESS) -> bytes:
        """The last verified checkpoint of a log, as it was signed."""
        return self.replica.notes[log]

    def entry(self, index: int) -> Entry:
        """One entry of the verified access log, opened now. See `vault.audit.entry_at`."""
        with self._client.view() as reads:
            return entry_at(self.replica, reads, index)

    def with_reasons(self, entries: Iterable[Access]) -> Iterator[Access]:
        """The same entries, with the words of their reasons where this member can read them.

        Args:
            entries: Of a verified log. They are read one after another.

        Raises:
            LogError: After all of them: an entry is not there any more, or not what it was.
        """
        with self._client.view() as reads:
            yield from with_reasons(self.replica, reads, entries)

    def export(self, form: str, size: int, count: int, case: str | None = None) -> int:
        """Log that entries of the access log are taken out of the vault, before they are.

        Args:
            form: One of `vault.note.FORMS`.
            size: Up to which size of the access log.
            count: How many entries.
            case: The only case that they concern, or None.

        Returns:
            The index of the entry that says so.

        Raises:
            DeniedError: This member may not.
        """
        self.catch_up()
        return self._client.act("export", case, {"form": form, "size": size, "count": count}).index

    def verify(self) -> tuple[list[Verified], list[Problem]]:
        """Verify both logs from the start."""
        found = self.audit(from_start=True)
        return list(found.logs), list(found.problems)

    def exposure(self, case: str, member: str) -> Exposure:
        """What a member opened of a case, could have opened, and never did.

        Raises:
            VerificationError: The log does not hold.
        """
        with self._client.view() as reads:
            entries = self._history.read(reads).entries()
            return exposure(self.replica, reads, entries, case, member)

    # --- membership and cases -------------------------------------------------------------------

    def add_member(self, contact: bytes, roles: Sequence[Role]) -> Member:
        """Add a member.

        Args:
            contact: The text of their contact.
            roles: At least one.

        Raises:
            MalformedError, VerificationError: The contact is not one, or is not to be trusted.
            DeniedError: This member may not, or theirs is a member already.
        """
        return self.people.add(contact, roles)

    def open_case(
        self, title: str, ref: str | None = None, *, holders: Sequence[str] = ()
    ) -> Titled:
        """Open a case, whose first holder is this member.

        Args:
            title: For its holders only.
            ref: A short reference that all members see.
            holders: Further holders' ids. An attorney names an advocate.

        Raises:
            DeniedError: This member may not.
        """
        if not title.strip():
            raise UsageError("a case has a title", "give it in quotes")
        case = ids.show(ids.draw())
        names = [self.member.id, *(name for name in holders if name != self.member.id)]
        self._client.state(
            "case-opened",
            lambda: statements.case_opened(self.authority, case, title, ref, names),
        )
        return self._titled(self.authority.cases[case])

    def grant(self, case: str, member: str) -> None:
        """Make a member a holder of a case.

        Raises:
            DeniedError: This member may not, or the other holds it already.
        """
        self.casework.grant(case, member)

    def rotate(self, *groups: str) -> None:
        """Begin a new epoch of some groups that this member is in.

        Raises:
            DeniedError: This member is not in one of them.
        """
        self._client.state(
            "rotated",
            lambda: statements.rotated(self.authority, self._keyring, groups, self.now()),
        )

    def settle(self) -> None:
        """Do what this member owes the others: give keys to whoever waits for them, begin new
        epochs of the groups that somebody has left who still has their keys, and erase what an
        interrupted destruction has left."""
        self._duties.settle()

    # --- evidence -------------------------------------------------------------------------------

    def add(
        self,
        sources: Sequence[Path | Source],
        case: str,
        description: Description | None = None,
        *,
        progress: Progress | None = None,
    ) -> list[Stored]:
        """Store evidence in a case: all of it, or nothing. See `vault.evidence`."""
        stored = self._evidence.add(sources, case, description, progress=progress)
        # The evidence is stored: others' keys can wait for the next act.
        with suppress(BusyError, FileError, StaleError):
            self.settle()
        return stored

    def release(
        self,
        records: Sequence[str],
        purpose: str,
        why: str | None = None,
        *,
        disposition: str = "copy",
        request: str | None = None,
    ) -> list[Opened]:
        """Ask the gate for records, for a purpose. See `vault.evidence`."""
        return self._evidence.release(
            records, purpose, why, disposition=disposition, request=request
        )

    def destroy(self, records: Sequence[str], why: str | None = None) -> list[Gone]:
        """Destroy records for good, or take the next step to it. See `vault.requests`."""
        return self.requests.destroy(records, why)

    def content(
        self, opened: Opened, progress: Callable[[int], None] | None = None
    ) -> Iterator[bytes]:
        """The original bytes of a released record. See `vault.retrieve.content`."""
        return self._evidence.content(opened, progress)

    def receive(self, opened: Sequence[Opened]) -> None:
        """Sign for releases whose content was read whole. See `vault.evidence`."""
        self._evidence.receive(opened)

    # --- parts ----------------------------------------------------------------------------------

    @property
    def _keyring(self) -> Keyring:
        return self.replica.keyring

    def _holds(self, case: str) -> bool:
        return self.authority.holds(self.member.id, case, self.now())

    def _titled(self, case: Case) -> Titled:
        held = self._holds(case.id)
        return Titled(case, statements.title(self.authority, self._keyring, case) if held else None)


def _vault_id(store: Store) -> str:
    with store.read() as reads, as_damage():
        origin = checkpoint.peek(reads.head(AUTHORITY)).origin
    parts = origin.split("/")
    if len(parts) != 3 or not ids.is_id(parts[1]) or origin != note.origin(parts[1], AUTHORITY):
        raise UnknownVaultError("the vault does not say which one it is")
    return parts[1]
