"""Examines a stretch of the access log on all cores.

Each entry is examined by itself, so stretches of it go to processes of their own, which read the
store for themselves: what they say comes back in the log's order. The processes are forks, because
keys stay in memory and are never written or sent; where the system has no safe fork, one process
does it all.
"""

from __future__ import annotations

import gc
import marshal
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from vault.audit.examine import Examiner
from vault.audit.sequence import Seen, seen
from vault.errors import MissingError, VerificationError
from vault.note import ACCESS
from vault.replica import Replica
from vault.store import Reads, Store

Progress = Callable[[int], None]
"""Called with how many entries more were examined."""

_STRETCH = 200
_WORTH = 2000
"""From how many entries on further processes are worth their start."""


class _Job(NamedTuple):
    path: Path
    examiner: Examiner


_job: list[_Job] = []
"""What the processes begin with: they are forks of this one."""

_stores: list[Store] = []


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
    import multiprocessing

    _job[:] = [_Job(store.path, examiner)]
    stretches = [(at, min(at + _STRETCH, stop)) for at in range(start, stop, _STRETCH)]
    pool = multiprocessing.get_context("fork").Pool(cores, _begin)
    try:
        for said in pool.imap(_examine, stretches):
            found = marshal.loads(said)  # noqa: S302 - From our own fork, through a pipe.
            if isinstance(found, str):
                raise MissingError(found)
            for one in found:
                yield Seen(*one)
            progress(len(found))
    finally:
        pool.terminate()
        pool.join()
        _job.clear()


def _begin() -> None:
    # An interruption is for the process that the user sees; it ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # It would touch, and so copy, all memory that is shared with that process; and it lives short.
    gc.disable()
    _stores[:] = [Store(_job[0].path)]


def _examine(stretch: tuple[int, int]) -> bytes:
    examiner = _job[0].examiner
    try:
        with _stores[0].read() as reads:
            entries = list(reads.entries(ACCESS, *stretch))
        found = [tuple(seen(one)) for one in examiner.examine_all(entries)]
    except VerificationError as error:
        return marshal.dumps(error.message)
    return marshal.dumps(found)


def _cores() -> int:
    if not sys.platform.startswith("linux"):
        return 1
    return len(os.sched_getaffinity(0))
