"""What can be checked with an identity: signatures, statements, outcomes, secrets, labels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from vault import granted, ids, retrieve
from vault.audit import (
    Access,
    Boxes,
    Finding,
    accesses,
    exposed_deposits,
    verify,
)
from vault.audit.requests import states
from vault.check.findings import Problem
from vault.errors import (
    DeniedError,
    Error,
    LogError,
    VerificationError,
)
from vault.kinds import RENEWALS
from vault.model import Deposit
from vault.note import ACCESS, AUTHORITY, Note
from vault.replica import Replica
from vault.session import Session
from vault.store import Reads

_Found = Iterator[tuple[bool, Problem]]
"""Problems, and what is only to be warned of: whether it is proved bad, and what it is."""


def with_keys(session: Session, reads: Reads) -> _Found:
    """What is wrong or to be warned of in what this member can open. Content is not looked at."""
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
