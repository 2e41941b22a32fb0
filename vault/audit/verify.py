"""Verifies both logs as far as an identity can open them, in documented steps.

Each step has one of three results, never mixed: valid; invalid, with the entries and why; not
checked, and why. `vault/FORMAT.md` has the steps in order. The first of them are those of
`Replica.catch_up`, which stops whoever is shown less, or something else, than they saw before.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence as Listed
from contextlib import suppress
from dataclasses import dataclass, replace

from keys.timestamp import Roots
from vault.audit import cosigned, memory, stamped
from vault.audit.access import Access, of_row, remembered
from vault.audit.examine import Examiner
from vault.audit.findings import INVALID, UNCHECKED, VALID, Notice, Problem, Step, Verified
from vault.audit.memory import Rows
from vault.audit.requests import Ledger
from vault.audit.sequence import Sequence, words
from vault.audit.sweep import Progress, sweep
from vault.errors import BusyError, Error, FileError, MissingError
from vault.local import Local
from vault.log import checkpoint
from vault.note import ACCESS, AUTHORITY, LOGS
from vault.replica import Replica
from vault.store import Reads, Store


@dataclass(frozen=True, slots=True)
class Audit:
    """A verified access log: what came of it, and what is in it.

    Args:
        logs: Both logs.
        steps: What was done, in order.
        problems: What is wrong.
        notices: What is allowed and odd.
        since: How many entries of the access log had been verified before.
        stamps: Every time-stamp that is kept.
    """

    logs: tuple[Verified, ...]
    steps: tuple[Step, ...]
    problems: tuple[Problem, ...]
    notices: tuple[Notice, ...]
    since: int
    _replica: Replica
    _sequence: Sequence
    _rows: Rows
    stamps: tuple[stamped.Found, ...] = ()

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def ledger(self) -> Ledger:
        """What became of each request."""
        return self._sequence.ledger

    def leaf(self, index: int) -> bytes:
        """The leaf hash of an entry, 32 bytes."""
        return self._sequence.leaf_at(index)

    def times(self) -> Iterator[tuple[int, int]]:
        """Index and gate time of each entry that could be opened."""
        return self._sequence.times()

    def entries(self, start: int = 0) -> Iterator[Access]:
        """Every entry from an index on, in the log's order, as far as it could be opened."""
        wrong = {
            problem.index: remembered(problem.code, problem.reason)
            for problem in reversed(self.problems)
            if problem.log == ACCESS
        }
        for index in range(start, len(self._rows)):
            yield of_row(
                self._replica.authority,
                index,
                self._sequence.note_id_at(index),
                self._rows[index],
                wrong.get(index),
            )


def verify(
    replica: Replica,
    store: Store,
    reads: Reads,
    local: Local,
    *,
    from_start: bool = False,
    progress: Progress = lambda _count: None,
    cores: int | None = None,
    roots: Roots | None = None,
) -> Audit:
    """Verify both logs: of the access log what was not verified before, or all of it.

    Args:
        replica: The verified view, caught up with this snapshot.
        store: Where the entries are.
        reads: A snapshot of it.
        local: The local state, where it is kept what was verified.
        from_start: Verify everything again.
        progress: Called with how many entries more were examined.
        cores: How many processes examine; as many as there are cores unless given.
        roots: Whom the reader trusts with time-stamps; nobody unless given.
    """
    keys = Examiner(replica).keys()
    known = None if from_start else memory.recall(local, replica, reads, keys)
    sequence, rows = known or (Sequence(replica), Rows(local))
    since = sequence.size
    damaged = list(_missing(reads, since, replica.heads[ACCESS].size))
    if not damaged:
        try:
            for one in sweep(replica, store, reads, since, progress, cores):
                sequence.take(one)
                rows.append(one.row)
        except MissingError as error:
            damaged = [Problem(ACCESS, sequence.size, error.message, "missing", "entries")]
    damaged = damaged or list(_damaged(replica, reads, local, sequence))
    # Not being able to remember costs time alone.
    with suppress(FileError, BusyError):
        if damaged:
            # Else the next time would begin behind the damage, and say that all is well.
            memory.forget(local)
        else:
            sequence.finish()
            if since < sequence.size or known is None:
                memory.remember(local, sequence, rows, keys)
    refused = [_problem(index, error) for index, error in replica.problems.items()]
    # What is not what was signed says nothing about whoever is named in it.
    problems = [*refused, *(damaged or sequence.problems)]
    logs = tuple(_verified(replica, sequence, problems, log) for log in LOGS)
    steps = tuple(_steps(replica, sequence, problems, since, sound=not damaged))
    notices = tuple(sequence.notices)
    audit = Audit(logs, steps, tuple(problems), notices, since, replica, sequence, rows)
    return _with_stamps(_with_cosigners(audit, replica, reads), replica, reads, roots or Roots())


def _with_cosigners(audit: Audit, replica: Replica, reads: Reads) -> Audit:
    """What cosigners from outside say of it."""
    found = cosigned.findings(replica, reads)
    wrong = cosigned.problems(found)
    return replace(
        audit,
        logs=_invalid(audit.logs, {one.log for one in wrong}),
        steps=(*audit.steps, *(one.step for one in found)),
        problems=(*audit.problems, *wrong),
    )


def _with_stamps(audit: Audit, replica: Replica, reads: Reads, roots: Roots) -> Audit:
    """What time-stamps from outside say of it."""
    found = stamped.stamped(replica, reads, roots)
    wrong = stamped.problems(replica, found, audit.times())
    false = {one.log for one in wrong if one.code == "false-time"}
    return replace(
        audit,
        logs=_invalid(audit.logs, false),
        steps=(*audit.steps, *stamped.steps(found, wrong)),
        problems=(*audit.problems, *wrong),
        stamps=tuple(found),
    )


def _invalid(logs: Listed[Verified], which: set[str]) -> tuple[Verified, ...]:
    return tuple(replace(one, result=INVALID) if one.log in which else one for one in logs)


def _missing(reads: Reads, since: int, size: int) -> Iterator[Problem]:
    """The first of the entries that were verified before and are not there any more; of the others
    whoever reads them learns it. It is counted before it is looked for."""
    if not since or reads.stored(ACCESS, size) == size:
        return
    index = reads.gap(ACCESS)
    if index < since:
        reason = f"entry {index} of the {ACCESS} log is missing"
        yield Problem(ACCESS, index, reason, "missing", "entries")


def _damaged(replica: Replica, reads: Reads, local: Local, sequence: Sequence) -> Iterator[Problem]:
    """The entries that are not under the verified head, named as far as can be told: by what was
    verified before, else by the log's nodes."""
    head = replica.heads[ACCESS]
    if sequence.root == head.root:
        return
    known = memory.leaves(local)
    wrong = [at for at, leaf in enumerate(known[: sequence.size]) if leaf != sequence.leaf_at(at)]
    for index in wrong:
        reason = f"entry {index} of the access log is not the one that was verified before"
        yield Problem(ACCESS, index, reason, "entry", "entries")
    if wrong:
        return
    for index, raw in reads.entries(ACCESS, 0, head.size):
        with suppress(Error):
            replica.check_entry(reads, ACCESS, index, raw)
            continue
        wrong.append(index)
    if 2 * len(wrong) > head.size or not wrong:
        # The nodes are as false as the entries: they accuse the innocent too.
        reason = "this entry or one before it is not one that the gate signed"
        yield Problem(ACCESS, head.size - 1, reason, "entry", "entries")
        return
    for index in wrong:
        reason = f"entry {index} of the access log, or what proves it, is damaged"
        yield Problem(ACCESS, index, reason, "entry", "entries")


def _problem(index: int, error: Error) -> Problem:
    code, reason = words(error)
    return Problem(AUTHORITY, index, reason, code, "statements")


def _verified(
    replica: Replica, sequence: Sequence, problems: Listed[Problem], log: str
) -> Verified:
    head = replica.heads[log]
    opened = sequence.opened if log == ACCESS else len(replica.history)
    if log == ACCESS and any(problem.step == "entries" for problem in problems):
        # They are not those that were signed: what was judged is not said to be of this log.
        opened = 0
    result = VALID if opened == head.size else UNCHECKED
    if any(problem.log == log for problem in problems):
        result = INVALID
    return Verified(log, head.size, head.root.hex(), opened, result)


def _steps(
    replica: Replica, sequence: Sequence, problems: Listed[Problem], since: int, *, sound: bool
) -> Iterator[Step]:
    """The steps with their results; those that stopped the reader before have no other one.

    Args:
        replica: The verified view.
        sequence: All entries that could be had.
        problems: What is wrong.
        since: How many of them were verified before.
        sound: Whether the entries are those that were signed: else nothing more is said of them.
    """
    for log in LOGS:
        origin = replica.authority.origin(log)
        checkpoint.verify(replica.notes[log], origin, replica.authority.gate_verifiers(log))
    yield Step("pin", VALID, "both logs extend what this device had seen before")
    yield Step("checkpoints", VALID, "both are signed twice by the gate that is in force")
    bad = {problem.step for problem in problems}
    count, size = len(replica.history), sequence.size
    yield _step("statements", bad, f"{count} statements, each allowed by those before it")
    about = f"{size} entries have the root that was signed"
    if since:
        about += f"; {size - since} of them are new, the others were verified before and are there"
    yield _step("entries", bad, about if sound else "the entries are not those that were signed")
    if not sound:
        for name in ("judged", "order", "requests", "gaps"):
            yield Step(name, UNCHECKED, f"{name}: nothing is said of entries that are not those")
        return
    about = f"{sequence.opened} entries: both signatures, and the gate's judgement made again"
    yield _step("judged", bad, about)
    if sequence.opened < size:
        yield Step("judged", UNCHECKED, f"{size - sequence.opened} entries are sealed to others")
    yield _step("order", bad, "no size steps back, no id is used twice")
    yield _step("requests", bad, "what speaks of a request or a rekey is borne out by it")
    yield _step("gaps", bad, "whatever anybody had seen of the log is still in it")


def _step(name: str, bad: set[str], about: str) -> Step:
    return Step(name, INVALID if name in bad else VALID, about)
