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
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from keys.identity import Contact, Identity
from vault import deposit, granted, ids, intake, note, retrieve, statements
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
from vault.audit.deposits import Deposits
from vault.authority import Authority, apply
from vault.authority.apply import NOTHING
from vault.authority.judge import denied
from vault.casework import Casework
from vault.client import Client
from vault.deposit import Description, Prepared, Progress, Stored
from vault.errors import (
    AmbiguousError,
    BusyError,
    DamageError,
    DeniedError,
    Error,
    FileError,
    MalformedError,
    MissingError,
    NotFoundError,
    StaleError,
    UnknownVaultError,
    UsageError,
    as_damage,
)
from vault.gate import LEVEL, Clock, found, gate_note
from vault.heads import Heads
from vault.intake import Source
from vault.keyring import Keyring
from vault.local import Local
from vault.log import checkpoint, merkle
from vault.model import (
    AUDITORS,
    FIXED_GROUPS,
    GATE,
    MEMBERS,
    Case,
    Deposit,
    Member,
    Position,
    Role,
)
from vault.note import ACCESS, AUTHORITY, LOGS, MAX_RECORDS, PURPOSES
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


class _NothingOwedError(Error):
    """Somebody else was faster; never leaves this module."""


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
        self.renewals = Renewals(self._client)
        self.grants = Grants(self._client)
        self.requests = Requests(self._client)
        self.tickets = Tickets(self._client)
        self.heads = Heads(self._client)
        self.stamping = Stamping(self._client, local)
        self._deposits = Deposits(replica)

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
        return _one(
            "member",
            text,
            {member.id: (member, (member.name,)) for member in self.authority.members.values()},
        )

    def find_case(self, text: str) -> Titled:
        """A case by id, the beginning of it, title or reference.

        Raises:
            NotFoundError, AmbiguousError: None or several fit.
        """
        titled = self.cases()
        return _one(
            "case", text, {found.id: (found, (found.title, found.case.ref)) for found in titled}
        )

    def find_record(self, text: str) -> str:
        """The id of a record by its id or the beginning of it.

        Raises:
            NotFoundError, AmbiguousError: None or several fit.
        """
        if len(text) >= 4:
            try:
                low, high = ids.bounds(text.lower())
            except MalformedError:
                low = high = b""
            with self._client.view() as reads:
                several = reads.record_ids(low, high)
            if len(several) == 1:
                return ids.show(several[0])
            if several:
                raise AmbiguousError(
                    f"more than one record begins with {text!r}", "give more of its id"
                )
        raise NotFoundError(f"no record {text!r}", "see `evault list`")

    def records(self, case: str | None = None) -> Iterator[Listed]:
        """The labels of all records that this member may see, oldest first; those that were
        destroyed are left out.

        Those that were granted one by one are among them, if that was to this device too. What
        waits for another holder, who has to seal it anew, is not: see `Renewals.unreadable`.

        Args:
            case: Only of this case.

        Raises:
            VerificationError, MissingError: One is damaged or missing.
            DeniedError: This member neither holds the case that was asked for, nor was granted any
                record of it.
        """
        at = self.now()
        if case is not None and not self._holds(case) and not self._granted(case, at):
            raise denied("not-holder")
        with self._client.view() as reads:
            single = granted.readable(self.replica, reads, at)
            stored: dict[bytes, str] = {}
            for found in reads.deposits():
                name = stored[found.id] = self._case_of(found)
                if case not in {None, name}:
                    continue
                if self._holds(name):
                    try:
                        opened = retrieve.hold(self.replica, reads, found)
                    except DeniedError as error:
                        if error.reason != retrieve.NOT_YET:
                            raise
                        continue
                    yield from retrieve.labels(self.replica, reads, opened)
                elif found.id in single:
                    yield from retrieve.find(self.replica, reads, single[found.id], at)
            wanted = self.authority.cases if case is None else (case,)
            held = [name for name in wanted if self._holds(name)]
            lost = len(self._deposits.lost(reads, stored, held))
        if lost:
            raise MissingError(
                f"{lost} deposits that the log speaks of are missing or are in another case",
                "run `evault check`, and restore the vault from a backup that is not older",
            )

    def record(self, record: str) -> Listed:
        """The label of one record.

        Raises:
            DeniedError: This member neither holds its case nor was granted it.
            VerificationError, MissingError: It is damaged or missing.
        """
        return self.labels([record])[0]

    def labels(self, records: Sequence[str]) -> list[Listed]:
        """The labels of some records, in the order asked for; each deposit is verified once.

        Raises:
            DeniedError: This member neither holds the case of one of them nor was granted it.
            VerificationError, MissingError: One is damaged or missing.
        """
        names, at = [ids.parse(record) for record in records], self.now()
        with self._client.view() as reads:
            for record, name in zip(records, names, strict=True):
                owner = reads.owner(name)
                found = reads.deposit(owner[0]) if owner else None
                if found is None:
                    continue
                case = self._case_of(found)
                if not self.authority.may_open(self.member.id, case, [record], at):
                    raise denied("not-holder")
            return retrieve.find(self.replica, reads, names, at)

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
            DamageError: An entry is not there any more, or not what it was.
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
            return exposure(self.replica, reads, case, member)

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
        if self.store.owes_sweep:
            with suppress(BusyError, FileError):
                self.store.sweep()
        if self._owed():
            with suppress(_NothingOwedError):
                self._client.state("wrapped", self._wraps)
        if self._left():
            with suppress(_NothingOwedError):
                self._client.state("rotated", self._epochs)
        self.renewals.settle()

    # --- evidence -------------------------------------------------------------------------------

    def add(
        self,
        sources: Sequence[Path | Source],
        case: str,
        description: Description | None = None,
        *,
        progress: Progress | None = None,
    ) -> list[Stored]:
        """Store evidence in a case: all of it, or nothing.

        Args:
            sources: Files and folders, or sources from `vault.intake.survey`.
            case: The case's id.
            description: What is said of it.
            progress: Called with records and bytes as they are stored.

        Raises:
            FileError: Something cannot be read, changed, or cannot be written.
            DeniedError: This member may not deposit into this case.
        """
        self.catch_up()
        if case not in self.authority.cases:
            raise NotFoundError(f"no case {case!r}", "see `evault case list`")
        prepared = deposit.prepare(
            self.store,
            self.authority.vault,
            case,
            intake.all_of(sources),
            description or Description(),
            context={
                "assurance_level": intake.observed(LEVEL),
                "clock_utc": intake.observed(intake.moment(self.now())),
                "device": intake.observed(self.identity.device),
            },
            progress=progress,
        )
        try:
            self._client.submit(
                lambda: prepared.message(
                    self.authority,
                    self._keyring.need(self.authority, GATE),
                    self.replica.seen(),
                    self._client.sign,
                    self.now(),
                ),
                prepared.rows,
            )
        except BaseException:
            self._take_back(prepared)
            raise
        prepared.rows.close()
        # The evidence is stored: tidying up, and others' keys, can wait for the next act.
        with suppress(BusyError, FileError, StaleError):
            self.store.collect(time.time())
            self.settle()
        return prepared.stored

    def release(
        self,
        records: Sequence[str],
        purpose: str,
        why: str | None = None,
        *,
        disposition: str = "copy",
        request: str | None = None,
    ) -> list[Opened]:
        """Ask the gate for records, for a purpose; the asking is logged before anything is given.

        Args:
            records: Ids of records.
            purpose: One of `vault.note.PURPOSES`.
            why: In words, for the case's holders only.
            disposition: `view`, `copy` or `produce`.
            request: The id of an approved request for exactly this, where the case asks for one.

        Raises:
            DeniedError: Refused; the refusal is in the log.
            NotFoundError: There is no such record.
            VerificationError: A record, or what the gate answered, is not what it must be.
        """
        if purpose not in PURPOSES:
            raise UsageError(f"{purpose!r} is not a purpose", "one of: " + ", ".join(PURPOSES))
        if len(set(records)) != len(records):
            raise UsageError("a record is given twice", "name each record once")
        if request is not None:
            return self._release_requested(request, records, purpose, why, disposition)
        opened: dict[str, Opened] = {}
        for case, names in self.requests.by_case(records).items():
            if not self._holds(case) and self._may_open(case, names):
                # What this device cannot open is not asked for: the log would speak of a release
                # that nobody had.
                self.labels(names)
            for start in range(0, len(names), MAX_RECORDS):
                asked = names[start : start + MAX_RECORDS]
                body = {
                    "records": asked,
                    "purpose": purpose,
                    "disposition": disposition,
                    "request": None,
                }
                answer = self._client.act("release", case, body, why)
                with self._client.view() as reads:
                    for got in retrieve.open_released(
                        self.replica, self.identity, reads, answer, case, asked
                    ):
                        opened[got.listed.id] = got
        return [opened[record] for record in records]

    def destroy(self, records: Sequence[str], why: str | None = None) -> list[Gone]:
        """Destroy records for good, or take the next step to it. See `vault.requests`."""
        return self.requests.destroy(records, why)

    def content(
        self, opened: Opened, progress: Callable[[int], None] | None = None
    ) -> Iterator[bytes]:
        """The original bytes of a released record. See `vault.retrieve.content`."""
        return retrieve.content(self.store, opened, progress)

    def receive(self, opened: Sequence[Opened]) -> None:
        """Sign for releases whose content was read whole and whose hashes matched."""
        for case, index in sorted({(ids.show(o.listed.place.case), o.entry) for o in opened}):
            with self._client.view() as reads:
                leaf = merkle.leaf_hash(self.replica.consistent_entry(reads, ACCESS, index))
            self._client.act("receipt", case, {"entry": index, "leaf": leaf.hex()})

    # --- parts ----------------------------------------------------------------------------------

    @property
    def _keyring(self) -> Keyring:
        return self.replica.keyring

    def _owed(self) -> list[tuple[str, Contact]]:
        """Who waits for keys that this member has."""
        authority, at = self.authority, self.now()
        return [
            (group, device.contact)
            for group in (*FIXED_GROUPS, *authority.cases)
            if authority.gives(self.identity.device, group, at)
            and self._keyring.has(authority, group)
            for device in authority.lacking(group, at)
        ]

    def _left(self) -> list[str]:
        """The groups that somebody has left who still has their keys, and that this member is in.

        Whoever sets out to take over a group whose keys nobody has any more is among them.
        """
        authority, at, mine = self.authority, self.now(), self.identity.device
        return [
            group
            for group in authority.groups
            if (authority.stale(group, at) or (group == AUDITORS and authority.lost(group)))
            and statements.may_rotate(authority, self._keyring, group, mine, at)
        ]

    def _epochs(self) -> statements.Body:
        left = self._left()
        if not left:
            raise _NothingOwedError("no group was left")
        return statements.rotated(self.authority, self._keyring, left, self.now())

    def _wraps(self) -> statements.Body:
        # Looked at again each time: somebody else may have given them meanwhile.
        owed = self._owed()
        if not owed:
            raise _NothingOwedError("nobody waits for keys")
        return statements.wrapped(self.authority, self._keyring, owed)

    def _take_back(self, prepared: Prepared) -> None:
        """Delete what a deposit has stored, unless the gate has kept it: what was done is done."""
        # If even that cannot be found out, orphans are harmless and lost evidence is not.
        with suppress(Error), self.store.read() as reads:
            if reads.deposit(prepared.deposit) is None:
                deposit.discard(self.store, prepared)
        prepared.rows.close()

    def _holds(self, case: str) -> bool:
        return self.authority.holds(self.member.id, case, self.now())

    def _may_open(self, case: str, records: Sequence[str]) -> bool:
        return self.authority.may_open(self.member.id, case, records, self.now())

    def _granted(self, case: str, at: int) -> bool:
        return bool(self.authority.granted_records(self.member.id, case, at))

    def _titled(self, case: Case) -> Titled:
        held = self._holds(case.id)
        return Titled(case, statements.title(self.authority, self._keyring, case) if held else None)

    def _release_requested(
        self, name: str, records: Sequence[str], purpose: str, why: str | None, disposition: str
    ) -> list[Opened]:
        request = self.requests.find(name)
        asked = set(request.records), request.purpose, request.disposition
        if asked != (set(records), purpose, disposition):
            # The gate refuses what was not asked for, and the log says who tried.
            request = replace(
                request, records=tuple(records), purpose=purpose, disposition=disposition
            )
        answer = self.requests.release(request, why)
        names = list(request.records)
        with self._client.view() as reads:
            opened = {
                got.listed.id: got
                for got in retrieve.open_released(
                    self.replica, self.identity, reads, answer, request.case, names
                )
            }
        return [opened[record] for record in records]

    def _case_of(self, deposit: Deposit) -> str:
        """The case that a deposit's row names: one that there is, or the row is damaged."""
        case = ids.show(deposit.case)
        if case not in self.authority.cases:
            raise DamageError("a deposit names a case that does not exist", "run `evault check`")
        return case


def _vault_id(store: Store) -> str:
    with store.read() as reads, as_damage():
        origin = checkpoint.peek(reads.head(AUTHORITY)).origin
    parts = origin.split("/")
    if len(parts) != 3 or not ids.is_id(parts[1]) or origin != note.origin(parts[1], AUTHORITY):
        raise UnknownVaultError("the vault does not say which one it is")
    return parts[1]


_Found = TypeVar("_Found")


def _one(kind: str, text: str, among: Mapping[str, tuple[_Found, Sequence[str | None]]]) -> _Found:
    """The one thing that a person means by an id, the beginning of one, or a name."""
    if text in among:
        return among[text][0]
    wanted = text.casefold()
    fits = [found for found, names in among.values() if text in names]
    fits = fits or [
        found
        for found, names in among.values()
        if any(name is not None and name.casefold() == wanted for name in names)
    ]
    if not fits and len(text) >= 4:
        fits = [found for key, (found, _) in among.items() if key.startswith(wanted)]
    if not fits:
        raise NotFoundError(f"no {kind} {text!r}", f"see `evault {kind} list`")
    if len(fits) > 1:
        raise AmbiguousError(f"more than one {kind} fits {text!r}", "give its id")
    return fits[0]
