"""Examines a stretch of the access log on all cores.

Each entry is examined by itself, so stretches of it go to processes of their own, which read the
store for themselves: what they say comes back in the log's order. The processes are forks, because
keys stay in memory and are never written or sent; where the system has no safe fork, and in a
program with other threads, whose locks a fork would copy, one process does it all.
"""

from __future__ import annotations

import gc
import marshal
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from vault import errors
from vault.audit.examine import Examiner
from vault.audit.sequence import Seen, seen
from vault.errors import Error
from vault.note import ACCESS
from vault.replica import Replica
from vault.store import Reads, Store

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import ForkProcess

Progress = Callable[[int], None]
"""Called with how many entries more were examined."""

_STRETCH = 1000
_NUMBER = 2
_MOST = 4096 // _NUMBER
"""How many stretches there are at most: what any pipe has room for is the number of each."""
_MOST_CORES = 64
_PLAIN = 2
"""The form of marshal that does not look for what stands in it twice, which takes longer."""
_WORTH = 2000
"""From how many entries on further processes are worth their start."""


_Wrong = tuple[str, str, str]
"""An error, as it passes between processes: its class, its message, and the hint."""
_Found = tuple[list[tuple[Any, ...]], _Wrong | None]
"""The entries of a stretch, each a `Seen`; and why there are no more, if one could not be had."""


class _Job(NamedTuple):
    path: Path
    examiner: Examiner
    stretches: list[tuple[int, int]]
    queue: int
    here: list[Connection]


def sweep(
    replica: Replica,
    store: Store,
    reads: Reads,
    start: int,
    progress: Progress,
    cores: int | None = None,
) -> Iterator[Seen]:
    """Examine the entries from an index on, up to the verified head.

    Args:
        replica: The verified view, caught up.
        store: Where the entries are.
        reads: A snapshot of it.
        start: The first entry.
        progress: Called as it goes on.
        cores: How many processes; as many as there are cores unless given.

    Returns:
        Each entry, in the log's order.

    Raises:
        MissingError: An entry is not there.
    """
    examiner, stop = Examiner(replica), replica.heads[ACCESS].size
    cores = _cores() if cores is None else cores
    if cores > 1 and stop - start >= _WORTH:
        yield from _parallel(examiner, store, start, stop, progress, cores)
        return
    for index, raw in reads.entries(ACCESS, start, stop):
        yield seen(examiner.examine(index, raw))
        progress(1)


def _parallel(
    examiner: Examiner, store: Store, start: int, stop: int, progress: Progress, cores: int
) -> Iterator[Seen]:
    """Each process takes one stretch after another, so that none waits for another at the end, and
    says what it found through a pipe of its own: they share no lock that one of them could die
    with."""
    import multiprocessing

    stretches = _stretches(start, stop, cores)
    forks = multiprocessing.get_context("fork")
    pipes: list[Connection] = []
    processes: list[ForkProcess] = []
    job = _Job(store.path, examiner, stretches, _queue(len(stretches)), pipes)
    try:
        for _ in range(cores):
            here, there = forks.Pipe(duplex=False)
            pipes.append(here)
            with there:
                process = forks.Process(target=_examine, args=(there, job), daemon=True)
                process.start()
            processes.append(process)
        for found, wrong in _in_order(list(pipes), len(stretches)):
            for one in found:
                yield Seen(*one)
            progress(len(found))
            if wrong is not None:
                raise _error(wrong)
    finally:
        os.close(job.queue)
        for here in pipes:
            here.close()
        for process in processes:
            # It holds nothing that would have to be put in order.
            process.kill()
            process.join()


def _stretches(start: int, stop: int, cores: int) -> list[tuple[int, int]]:
    """First entry of each stretch, and the one after its last. They get shorter towards the end,
    so that all processes end at about the same time."""
    usual = max(_STRETCH, -(-(stop - start) // (_MOST // 2)))
    stretches, at = [], start
    while at < stop:
        share = max((stop - at) // (2 * cores), usual // 10, 1)
        stretches.append((at, min(at + usual, at + share, stop)))
        at = stretches[-1][1]
    return stretches


def _queue(count: int) -> int:
    """A pipe with so many numbers in it, from 0 on: a read from it is one number for one reader."""
    out, into = os.pipe()
    os.write(into, b"".join(number.to_bytes(_NUMBER, "big") for number in range(count)))
    os.close(into)
    return out


def _in_order(pipes: list[Connection], count: int) -> Iterator[_Found]:
    """What was found in each of so many stretches, in their order."""
    from multiprocessing.connection import wait

    early: dict[int, _Found] = {}
    for wanted in range(count):
        while wanted not in early:
            ready = wait(pipes)
            for pipe in [one for one in pipes if one in ready]:
                message = _received(pipe)
                if message is None:
                    pipes.remove(pipe)
                else:
                    early[message[0]] = message[1]
        yield early.pop(wanted)


def _received(pipe: Connection) -> tuple[int, _Found] | None:
    """Number of a stretch and what was found in it; None if the process at the other end is done.

    Raises:
        Error: It ended without having said so, or could not go on.
    """
    try:
        message = marshal.loads(pipe.recv_bytes())  # noqa: S302 - From our own fork.
    except (EOFError, OSError):
        raise Error(
            "a process that verified the log ended before it was done", "try again"
        ) from None
    if message is not None and isinstance(message[0], str):
        raise _error(message)
    found: tuple[int, _Found] | None = message
    return found


def _error(wrong: _Wrong) -> Error:
    name, message, hint = wrong
    kind = getattr(errors, name, Error)
    return kind(message, hint) if issubclass(kind, Error) else Error(message, hint)


def _wrong(error: Error) -> _Wrong:
    return type(error).__name__, error.message, error.hint


def _examine(pipe: Connection, job: _Job) -> None:
    """What one process does."""
    # An interruption is for the process that the user sees; it ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    # It would touch, and so copy, all memory that is shared with that process; and it lives short.
    gc.disable()
    # Who holds an end to read from would never learn that nobody reads.
    for here in job.here:
        here.close()
    try:
        with Store(job.path).read() as reads:
            while taken := os.read(job.queue, _NUMBER):
                number = int.from_bytes(taken, "big")
                _send(pipe, (number, _found(reads, job, number)))
    except Error as error:
        _send(pipe, _wrong(error))
    else:
        _send(pipe, None)


def _send(pipe: Connection, message: tuple[int, _Found] | _Wrong | None) -> None:
    try:
        pipe.send_bytes(marshal.dumps(message, _PLAIN))
    except OSError:
        # The other process has ended, and this one ends with it: it holds keys.
        os._exit(1)


def _found(reads: Reads, job: _Job, number: int) -> _Found:
    entries: list[tuple[int, bytes]] = []
    wrong = None
    try:
        for index, raw in reads.entries(ACCESS, *job.stretches[number]):
            # What stood before the gap is examined too: the place of the gap is the next one.
            entries.append((index, raw))
    except Error as error:
        wrong = _wrong(error)
    return [tuple(seen(one)) for one in job.examiner.examine_all(entries)], wrong


def _cores() -> int:
    if not sys.platform.startswith("linux") or threading.active_count() > 1:
        return 1
    return min(len(os.sched_getaffinity(0)), _MOST_CORES)
