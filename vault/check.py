"""Verifies a whole vault: first without keys, then with an identity's.

Without keys it finds whatever damage or loss there is among stored bytes: both logs must reproduce
their heads, every deposit and record must be what its entry says, every blob must have the bytes
that its records committed to. With keys come the signatures, the statements, the outcomes, the
secrets and the labels. Content is never decrypted: that would need a release.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from keys.digest import Blake3
from vault import fields, granted, ids, replaced, retrieve
from vault.audit import (
    Access,
    Boxes,
    Finding,
    accesses,
    exposed_deposits,
    standing_warnings,
    verify,
)
from vault.audit.requests import states
from vault.errors import (
    DeniedError,
    Error,
    FileError,
    LogError,
    MissingError,
    VerificationError,
)
from vault.kinds import RENEWALS
from vault.log import checkpoint, entry, merkle
from vault.model import Deposit, Record
from vault.note import ACCESS, AUTHORITY, LOGS, Note
from vault.replaced import Logged
from vault.replica import Replica, stored_frontier
from vault.session import Session
from vault.store import Reads, Store

_BLOCK = 1 << 20

Progress = Callable[[int], None]
"""Called with how many bytes of blobs more were read."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is not as it must be.

    Args:
        code: A short name of the kind of problem.
        message: One line for people.
        where: Ids and indexes that say where.
        log: Whether a log is concerned, rather than evidence.
    """

    code: str
    message: str
    where: dict[str, Any] = field(default_factory=dict)
    log: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """What was checked, and what was found.

    Args:
        records: How many there are.
        entries: Of both logs together.
        problems: What is proved bad.
        warnings: What is as it was stored, and should not stay so.
        destroyed: How many of the records are gone on purpose.
    """

    records: int
    entries: int
    problems: list[Problem]
    warnings: list[Problem] = field(default_factory=list)
    destroyed: int = 0


def check(
    store: Store,
    session: Session | None = None,
    progress: Progress | None = None,
) -> Report:
    """Check a vault.

    Args:
        store: The vault's bytes.
        session: An unlocked member's; None for what can be checked without keys.
        progress: Called as blobs are read.

    Returns:
        The report; its list of problems is empty if all is well.

    Raises:
        FileError, BusyError: It could not be checked.
    """
    problems: list[Problem] = []
    warnings: list[Problem] = []
    with store.read() as reads:
        problems += [Problem("database", f"the database says: {line}") for line in reads.sound()]
        records, entries = reads.record_count(), sum(map(reads.length, LOGS))
        destroyed = 0
        try:
            destroyed = len(reads.tombstones())
            problems += _without_keys(store, reads, progress or (lambda _: None))
            # What is damaged already is named once: keys would only say it again in other words.
            if session is not None and not problems:
                for proved, problem in _with_keys(session, reads):
                    (problems if proved else warnings).append(problem)
        except VerificationError as error:
            # A value that cannot be read at all: what stands after it is not looked at.
            problems.append(Problem("database", error.message))
    if session is not None:
        warnings += (
            Problem(found.code, found.message, found.where)
            for found in standing_warnings(session.authority, session.now())
        )
    return Report(records, entries, problems, warnings, destroyed)


# --- without keys -----------------------------------------------------------------------------


def _without_keys(store: Store, reads: Reads, progress: Progress) -> Iterator[Problem]:
    logged = Logged()
    for log in LOGS:
        yield from _log(reads, log, logged)
    yield from _nodes(reads)
    yield from _note_ids(reads)
    for code, message, here in replaced.check_renewals(reads, logged):
        yield Problem(code, message, here)
    kept = reads.deposits()
    for deposit in kept:
        yield from _deposit(reads, deposit, logged)
    for missing in logged.deposits.keys() - {deposit.id for deposit in kept}:
        where = {"entry": logged.deposits[missing][0]}
        yield Problem("deposit-missing", "a deposit that the log speaks of is missing", where)
    if reads.strays():
        yield Problem("record-stray", "there are records that belong to no deposit")
    yield from _tombstones(reads, logged)
    yield from _requests(reads)
    yield from _kept(reads)
    yield from _blobs(store, reads, kept, progress)


def _tombstones(reads: Reads, logged: Logged) -> Iterator[Problem]:
    """What was destroyed is gone, and nothing else is."""
    stones = reads.tombstones()
    for record, index in stones.items():
        where = {"record": ids.show(record), "entry": index}
        if logged.destroyed.get(record) != index:
            message = "a record is called destroyed, and no entry of the log says so"
            yield Problem("tombstone", message, where)
        row = reads.record(record)
        if row is None or not fields.is_blank(row):
            message = "a record that was destroyed still has its row, or has none"
            yield Problem("destroyed-kept", message, where)
    for record in logged.destroyed.keys() - stones.keys():
        where = {"record": ids.show(record), "entry": logged.destroyed[record]}
        message = "the log says that a record was destroyed, and the vault does not"
        yield Problem("destroyed-kept", message, where)


def _requests(reads: Reads) -> Iterator[Problem]:
    """What the gate remembers of requests is of entries that there are."""
    for note_id, index, _state in reads.requests():
        try:
            same = entry.parse(reads.entry(ACCESS, index)).note_id == note_id
        except Error:
            same = False
        if not same:
            message = "the vault remembers a request that is not in the log"
            yield Problem("request", message, {"entry": index}, log=True)


def _kept(reads: Reads) -> Iterator[Problem]:
    """Checkpoints that came back from outside are of heads that the logs had."""
    notes = [(log, kept.size, kept.note) for log in LOGS for kept in reads.cosigned(log)]
    for stamped in reads.timestamps():
        if sha256(stamped.token).digest() != stamped.id:
            where = {"log": stamped.log, "size": stamped.size}
            yield Problem("timestamp", "a time-stamp that is kept is damaged", where, log=True)
        notes.append((stamped.log, stamped.size, stamped.note))
    for log, size, note in notes:
        try:
            said, head = checkpoint.peek(note), checkpoint.peek(reads.head(log))
            root = stored_frontier(reads, log, size).root() if size <= head.size else b""
            same = said == checkpoint.Checkpoint(head.origin, size, root)
        except Error:
            same = False
        if not same:
            message = f"a checkpoint of the {log} log that is kept is not one of its heads"
            yield Problem("kept-head", message, {"log": log, "size": size}, log=True)


def _log(reads: Reads, log: str, logged: Logged) -> Iterator[Problem]:
    frontier = merkle.Frontier()
    try:
        head = checkpoint.peek(reads.head(log))
        for index, raw in reads.entries(log, 0, head.size):
            frontier.append(merkle.leaf_hash(raw))
            try:
                parsed = entry.parse(raw)
            except Error as error:
                where = {"log": log, "index": index}
                message = f"entry {index} of the {log} log: {error.message}"
                yield Problem("entry", message, where, log=True)
                continue
            if log == ACCESS:
                logged.add(index, parsed)
    except Error as error:
        yield Problem("log", f"the {log} log: {error.message}", {"log": log}, log=True)
        return
    if frontier.root() != head.root:
        bad = _first_bad(reads, log, head.size)
        where = {"log": log} | ({} if bad is None else {"index": bad})
        what = "its entries" if bad is None else f"its entry {bad}"
        message = f"the {log} log does not have the root of its head: {what} changed"
        yield Problem("log", message, where, log=True)
    if reads.length(log) != head.size:
        message = f"the {log} log has {reads.length(log)} entries and a head for {head.size}"
        yield Problem("log", message, {"log": log}, log=True)


def _first_bad(reads: Reads, log: str, size: int) -> int | None:
    for index, raw in reads.entries(log, 0, size):
        try:
            if reads.node(log, 0, index) != merkle.leaf_hash(raw):
                return index
        except VerificationError:
            return index
    return None


def _nodes(reads: Reads) -> Iterator[Problem]:
    expected = {log: _expected(reads, log) for log in LOGS}
    for log, level, at, hashed in reads.nodes():
        if expected[log].pop((level, at), None) != hashed:
            where = {"log": log, "level": level, "index": at}
            yield Problem("node", f"a node of the {log} log is damaged", where, log=True)
    for log, missing in expected.items():
        if missing:
            message = f"{len(missing)} nodes of the {log} log are missing"
            yield Problem("node", message, {"log": log}, log=True)


def _expected(reads: Reads, log: str) -> dict[tuple[int, int], bytes]:
    frontier = merkle.Frontier()
    nodes: dict[tuple[int, int], bytes] = {}
    try:
        for _, raw in reads.entries(log, 0, reads.length(log)):
            made = frontier.append(merkle.leaf_hash(raw))
            nodes.update({(level, at): hashed for level, at, hashed in made})
    except VerificationError:
        # A gap among the entries: `_log` has named it.
        pass
    return nodes


def _note_ids(reads: Reads) -> Iterator[Problem]:
    for log, index, note_id in reads.note_ids():
        try:
            same = entry.parse(reads.entry(log, index)).note_id == note_id
        except Error:
            continue
        if not same:
            where = {"log": log, "index": index}
            yield Problem("note-id", "the index of used note ids is damaged", where, log=True)


def _deposit(reads: Reads, deposit: Deposit, logged: Logged) -> Iterator[Problem]:
    where = {"deposit": ids.show(deposit.id)}
    index, public = logged.deposits.get(deposit.id, (-1, {}))
    if index != deposit.entry or not public:
        yield Problem("deposit", "a deposit is not the one that its log entry speaks of", where)
        return
    for code, message, here in replaced.check_seals(reads, logged, deposit):
        yield Problem(code, message, here)
    leaves = []
    try:
        for record, stored in reads.records(deposit.id):
            # Of one that was destroyed only its leaf is left.
            gone = fields.is_blank(record) and record.id in logged.destroyed
            leaf = stored if gone else fields.record_leaf(record)
            leaves.append(leaf)
            if leaf != stored:
                here = {**where, "record": ids.show(record.id)}
                blank = fields.is_blank(record)
                message = (
                    "a record is blank, and the log does not say that it was destroyed"
                    if blank
                    else "a record's row is damaged"
                )
                yield Problem("record-blank" if blank else "record", message, here)
    except MissingError as error:
        yield Problem("record-missing", error.message, where)
        return
    if len(leaves) != deposit.count:
        message = f"a deposit has {len(leaves)} of its {deposit.count} records"
        yield Problem("record-missing", message, where)
        return
    for code, message, here in replaced.check_records(reads, logged, deposit, leaves):
        yield Problem(code, message, here)


def _blobs(
    store: Store, reads: Reads, deposits: list[Deposit], progress: Progress
) -> Iterator[Problem]:
    stones = reads.tombstones()
    for deposit in deposits:
        ends: dict[bytes, int] = {}
        try:
            for record, _ in reads.records(deposit.id):
                end = record.offset + record.content_size
                ends[record.blob] = max(end, ends.get(record.blob, 0))
                message = (
                    _erased(store, record, progress)
                    if record.id in stones
                    else _content(store, record, progress)
                )
                if message:
                    where = {"deposit": ids.show(deposit.id), "record": ids.show(record.id)}
                    yield Problem("content", message, where)
        except MissingError:
            # `_deposit` has named the gap.
            continue
        # A blob has the records of one deposit, one after another, and nothing else.
        for blob, end in ends.items():
            if (store.blobs.size(blob) or 0) > end:
                where = {"deposit": ids.show(deposit.id), "blob": blob.hex()}
                message = "a file with evidence has bytes of no record"
                yield Problem("content-longer", message, where)


def _content(store: Store, record: Record, progress: Progress) -> str:
    hashed, left = Blake3(), record.content_size
    try:
        with store.blobs.open(record.blob) as file:
            file.seek(record.offset)
            while left > 0 and (block := file.read(min(_BLOCK, left))):
                hashed.update(block)
                left -= len(block)
                progress(len(block))
    except VerificationError:
        return "the content of a record is missing"
    except (FileError, OSError, ValueError, OverflowError) as error:
        return f"the content of a record cannot be read: {error}"
    return "" if hashed.digest() == record.content_digest else "the content of a record is damaged"


def _erased(store: Store, record: Record, progress: Progress) -> str:
    """What is left of a destroyed record's content: nothing, or what the next act erases."""
    left = record.content_size
    if store.blobs.size(record.blob) is None or store.owes_sweep:
        return ""
    try:
        with store.blobs.open(record.blob) as file:
            file.seek(record.offset)
            while left > 0 and (block := file.read(min(_BLOCK, left))):
                if block.count(0) != len(block):
                    return "the content of a record that was destroyed is still there"
                left -= len(block)
                progress(len(block))
    except (Error, OSError, ValueError, OverflowError) as error:
        return f"the content of a record cannot be read: {error}"
    return ""


# --- with keys --------------------------------------------------------------------------------


_Found = Iterator[tuple[bool, Problem]]
"""Problems, and what is only to be warned of: whether it is proved bad, and what it is."""


def _with_keys(session: Session, reads: Reads) -> _Found:
    replica = session.replica
    try:
        replica.catch_up(reads)
        found = verify(replica, session.store, reads, session.local, from_start=True).problems
    except VerificationError as error:
        yield True, Problem("log", error.message, log=True)
        return
    for problem in found:
        where = {"log": problem.log, "index": problem.index}
        yield True, Problem(problem.code, problem.reason, where, log=True)
    yield from _own_keys(replica)
    boxes = Boxes(replica, session.identity, session.now())
    for index, raw in reads.entries(AUTHORITY, 0, replica.heads[AUTHORITY].size):
        yield from _boxes(boxes.statement(index, raw))
    read: list[Access] = []
    entries = reads.entries(ACCESS, 0, replica.heads[ACCESS].size)
    for access, (_, raw) in zip(accesses(replica, reads), entries, strict=True):
        yield from _boxes(boxes.access(access, raw))
        read.append(access)
    yield from ((True, wrong) for wrong in _states(replica, reads, read))
    yield from ((False, found) for found in _exposed(replica, read))
    kinds = {"deposit", *RENEWALS}
    opened = {a.index: a for a in read if a.notes is not None and a.kind in kinds}
    for deposit in reads.deposits():
        known, renewal = opened.get(deposit.entry), reads.governing(deposit.id)
        brought = known if renewal is None else opened.get(renewal.entry)
        if brought is not None:
            yield from _boxes(boxes.seals(brought, deposit))
        signed = known.notes[0] if known is not None and known.notes is not None else None
        yield from ((True, wrong) for wrong in _row(replica, reads, deposit, signed))
        yield from ((True, wrong) for wrong in _labels(replica, reads, deposit))
    yield from ((True, wrong) for wrong in _waiting(session, reads))
    yield from ((True, wrong) for wrong in _granted(session, reads))


def _granted(session: Session, reads: Reads) -> Iterator[Problem]:
    """Single records: everybody's seals against the statements, and one's own labels."""
    replica, at = session.replica, session.now()
    try:
        for record, grant, words in granted.problems(replica, reads, at):
            yield Problem("record-grant", words, {"record": record, "member": grant.member})
        if granted.left_over(replica.authority, reads):
            yield Problem("record-grant", "secrets are stored of grants that nobody has")
        readable = granted.readable(replica, reads, at)
    except VerificationError as error:
        yield Problem("record-grant", error.message)
        return
    for records in readable.values():
        try:
            retrieve.find(replica, reads, records, at)
        except Error as error:
            yield Problem("record-grant", error.message, {"record": ids.show(records[0])})


def _waiting(session: Session, reads: Reads) -> Iterator[Problem]:
    """New seals that wait in the cases of this identity: whether they could be confirmed."""
    for waits in session.renewals.pending():
        if reads.spoilt(waits.entry):
            # A record was destroyed since: it can only be made again.
            continue
        try:
            session.renewals.look(reads, waits)
        except Error as error:
            where = {"case": waits.case, "entry": waits.entry}
            yield Problem("renewal", error.message, where)


def _exposed(replica: Replica, opened: list[Access]) -> Iterator[Problem]:
    """What collectors sealed to keys that had been changed before it came in."""
    for access in exposed_deposits(replica, opened):
        message = "a collector's deposit is exposed to former holders until it is encrypted anew"
        where = {"deposit": access.deposit, "case": access.case, "entry": access.index}
        yield Problem("exposed", message, where)


def _states(replica: Replica, reads: Reads, opened: list[Access]) -> Iterator[Problem]:
    """What the gate remembers of requests, against what the log says of them."""
    said = states(replica, opened)
    kept = {index: state for _, index, state in reads.requests()}
    for index, state in said.items():
        if kept.get(index) != state:
            message = "the vault remembers something else of a request than the log says"
            yield Problem("request", message, {"entry": index}, log=True)


def _own_keys(replica: Replica) -> _Found:
    """Every epoch that this identity was given, and every link from it."""
    keyring = replica.keyring
    for group in replica.authority.groups:
        for fault in keyring.faults(replica.authority, group):
            # A wrap that is false harms nobody once later keys have led to the epoch all the same;
            # a link that is false shuts out every newcomer.
            harms = fault.what == "link" or not keyring.has(replica.authority, group, fault.number)
            where = {"group": group, "number": fault.number}
            yield harms, Problem(fault.what, fault.error.message, where, log=True)


def _boxes(found: Iterable[Finding]) -> _Found:
    for one in found:
        where = {"log": one.log, "index": one.index}
        yield one.proved, Problem(one.code, one.reason, where, log=True)


def _row(
    replica: Replica, reads: Reads, deposit: Deposit, signed: Note | None
) -> Iterator[Problem]:
    """A deposit's row against its note, for whoever can open the entry: also for auditors."""
    where = {"deposit": ids.show(deposit.id), "entry": deposit.entry}
    case, renewed = ids.show(deposit.case), reads.governing(deposit.id) is not None
    if case not in replica.authority.cases:
        yield Problem("deposit", "a deposit names a case that does not exist", where)
    elif signed is not None and (
        signed.body.get("deposit") != ids.show(deposit.id)
        or signed.body["case"] != case
        or (not renewed and _epochs(signed) != (deposit.epoch, deposit.gate_epoch))
        or signed.body["count"] != deposit.count
    ):
        yield Problem("deposit", "a deposit's row is not what its depositor signed", where)


def _epochs(signed: Note) -> tuple[int, int]:
    return signed.body["epoch"], signed.body["gate_epoch"]


def _labels(replica: Replica, reads: Reads, deposit: Deposit) -> Iterator[Problem]:
    case = ids.show(deposit.case)
    where = {"deposit": ids.show(deposit.id), "case": case}
    try:
        held = retrieve.hold(replica, reads, deposit)
        for _ in retrieve.labels(replica, reads, held):
            pass
    except DeniedError:
        # A case whose keys this identity has not, or has no longer.
        return
    except LogError as error:
        yield Problem("log", error.message, where, log=True)
    except Error as error:
        yield Problem("deposit", error.message, where)
