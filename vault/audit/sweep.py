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
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from vault.audit.examine import Examiner
from vault.audit.sequence import Seen, seen
from vault.errors import Error, MissingError, VerificationError
from vault.note import ACCESS
from vault.replica import Replica
from vault.store import Reads, Store

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

Progress = Callable[[int], None]
"""Called with how many entries more were examined."""

_STRETCH = 200
_PLAIN = 2
"""The form of marshal that does not look for what stands in it twice, which takes longer."""
_WORTH = 2000
"""From how many entries on further processes are worth their start."""


class _Job(NamedTuple):
    path: Path
    examiner: Examiner
    stretches: list[tuple[int, int]]


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
    """Each process has every so many-th stretch and a pipe of its own: they share no lock that one
    of them could die with."""
    import multiprocessing

    stretches = [(at, min(at + _STRETCH, stop)) for at in range(start, stop, _STRETCH)]
    forks = multiprocessing.get_context("fork")
    workers = []
    for core in range(cores):
        here, there = forks.Pipe(duplex=False)
        job = _Job(store.path, examiner, stretches[core::cores])
        process = forks.Process(target=_examine, args=(there, job), daemon=True)
        process.start()
        there.close()
        workers.append((process, here))
    try:
        for number in range(len(stretches)):
            found = _received(workers[number % cores][1])
            for one in found:
                yield Seen(*one)
            progress(len(found))
    finally:
        for process, here in workers:
            here.close()
            # It holds nothing that would have to be put in order.
            process.kill()
            process.join()


def _received(pipe: Connection) -> list[tuple[Any, ...]]:
    try:
        found = marshal.loads(pipe.recv_bytes())  # noqa: S302 - From our own fork.
    except (EOFError, OSError):
        raise Error(
            "a process that verified the log ended before it was done", "try again"
        ) from None
    if isinstance(found, str):
        raise MissingError(found)
    return list(found)


def _examine(pipe: Connection, job: _Job) -> None:
    """What one process does."""
    # An interruption is for the process that the user sees; it ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    # It would touch, and so copy, all memory that is shared with that process; and it lives short.
    gc.disable()
    # Nobody reads on: the other process has ended.
    with suppress(BrokenPipeError):
        try:
            with Store(job.path).read() as reads:
                for stretch in job.stretches:
                    entries = list(reads.entries(ACCESS, *stretch))
                    found = [tuple(seen(one)) for one in job.examiner.examine_all(entries)]
                    pipe.send_bytes(marshal.dumps(found, _PLAIN))
        except VerificationError as error:
            pipe.send_bytes(marshal.dumps(error.message, _PLAIN))
    pipe.close()


def _cores() -> int:
    if not sys.platform.startswith("linux") or threading.active_count() > 1:
        return 1
    return len(os.sched_getaffinity(0))
