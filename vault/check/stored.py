"""What can be checked without keys: whether all stored bytes are those that the logs speak of."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

from keys.digest import Blake3
from vault import fields, ids, replaced
from vault.check.findings import Problem, Progress
from vault.errors import (
    Error,
    FileError,
    MissingError,
    VerificationError,
)
from vault.log import checkpoint, entry, merkle
from vault.model import Deposit, Record
from vault.note import ACCESS, LOGS
from vault.replaced import Logged
from vault.replica import stored_frontier
from vault.store import Reads, Store

_BLOCK = 1 << 20


def without_keys(store: Store, reads: Reads, progress: Progress) -> Iterator[Problem]:
    """All that is damaged or missing among the stored bytes."""
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
