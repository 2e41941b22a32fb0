"""Time-stamps over checkpoints: whether they hold, and what follows for the entries below them.

A token says that a checkpoint existed at a time, by the clock of an authority outside. If the
checkpoint is a head of this log, so did every entry below it. And the gate's own times are tested
by it, in two ways that no member can bend afterwards:

  * an entry below a stamped size cannot have been made after the stamp
  * an entry above it cannot have been made before that head, which was itself stamped

Each token is valid; or invalid, and why; or not checked, for no root certificate is at hand. What
is kept beside the logs is not in them: who writes the disk can drop tokens, or add worthless ones.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from keys import timestamp
from keys.errors import UntrustedError
from keys.timestamp import Roots
from vault import note
from vault.audit.findings import INVALID, UNCHECKED, VALID, Problem, Step
from vault.authority.apply import DRIFT
from vault.errors import Error, LogError
from vault.gate.heads import check_root
from vault.log import checkpoint
from vault.model import GATE
from vault.note import ACCESS, AUTHORITY
from vault.replica import Replica
from vault.store import Reads, Stamped

STEP = "timestamps"


@dataclass(frozen=True, slots=True)
class Found:
    """One kept time-stamp, and what came of it.

    Args:
        log: Which log.
        size: So many entries existed at its time.
        result: `valid`, `invalid` or `not-checked`.
        about: One line for people: what it proves, or why it does not.
        time: The authority's, in seconds since the epoch; None unless it is valid.
        within: By how many seconds that may be off.
        authority: The name in the certificate that signed; empty unless it is valid.
        signed: When the gate says that it signed the checkpoint, in seconds since the epoch.
        root: SHA-256 of the trusted root certificate, in hex; empty unless it is valid.
    """

    log: str
    size: int
    result: str
    about: str
    time: int | None = None
    within: int = 0
    authority: str = ""
    signed: int = 0
    root: str = ""


def stamped(replica: Replica, reads: Reads, roots: Roots) -> list[Found]:
    """Verify every time-stamp that is kept.

    Args:
        replica: The verified view, caught up with this snapshot.
        reads: The snapshot.
        roots: Whom the reader trusts.

    Returns:
        One finding for each, by log, then by size.
    """
    return [_verify(replica, reads, roots, kept) for kept in reads.timestamps()]


def newest(found: Iterable[Found], log: str = ACCESS) -> Found | None:
    """The latest valid time-stamp of a log, or None."""
    valid = [one for one in found if one.log == log and one.time is not None]
    return max(valid, key=lambda one: one.time or 0, default=None)


def contradictions(
    found: Sequence[Found], log: str, times: Iterable[tuple[int, int]]
) -> Iterator[Problem]:
    """Entries whose gate times cannot be true, by valid time-stamps.

    Args:
        found: From `stamped`.
        log: Of the entries.
        times: Index and gate time of each, in seconds since the epoch.
    """
    valid = [one for one in found if one.log == log and one.time is not None]
    for index, at in times if valid else ():
        for one in valid:
            reason = _contradicts(one, index, at)
            if reason:
                yield Problem(log, index, reason, "false-time", STEP)
                break


def problems(
    replica: Replica, found: Sequence[Found], times: Iterable[tuple[int, int]]
) -> list[Problem]:
    """All that is wrong with time-stamps, or that they show to be wrong.

    Args:
        replica: The verified view.
        found: From `stamped`.
        times: Index and gate time of each entry of the access log that could be opened.
    """
    bad = [
        Problem(one.log, max(one.size - 1, 0), one.about, "timestamp", STEP)
        for one in found
        if one.result == INVALID
    ]
    stated = ((at, replica.statement(at)[1].body["time"]) for at in range(len(replica.history)))
    return [
        *bad,
        *contradictions(found, AUTHORITY, stated),
        *contradictions(found, ACCESS, times),
    ]


def steps(found: Sequence[Found], wrong: Sequence[Problem]) -> Iterator[Step]:
    """What was looked at: one step for each token, and one for the times of the entries."""
    for one in found:
        yield Step(STEP, one.result, one.about)
    if any(one.result == VALID for one in found):
        result = INVALID if any(one.code == "false-time" for one in wrong) else VALID
        yield Step(STEP, result, "the gate's times agree with the time-stamps")


def _verify(replica: Replica, reads: Reads, roots: Roots, kept: Stamped) -> Found:
    signed = 0
    try:
        if hashlib.sha256(kept.token).digest() != kept.id:
            raise LogError("a time-stamp that is kept is damaged")
        said = checkpoint.peek(kept.note)
        if said.origin != note.origin(replica.vault, kept.log) or said.size != kept.size:
            raise LogError("a time-stamp is over a checkpoint of another log")
        check_root(reads, replica, kept.log, said)
        _check_signed(replica, kept)
        signed = checkpoint.signed_at(kept.note)
        stamp = timestamp.verify(kept.token, kept.note, roots)
    except UntrustedError as error:
        return Found(kept.log, kept.size, UNCHECKED, error.message, signed=signed)
    except Error as error:
        return Found(kept.log, kept.size, INVALID, error.message, signed=signed)
    if signed > stamp.time + stamp.within + DRIFT:
        about = f"the gate says it signed this head on {_day(signed)}, after it was time-stamped"
        return Found(kept.log, kept.size, INVALID, about, signed=signed)
    return Found(
        kept.log,
        kept.size,
        VALID,
        f"the first {kept.size} entries of the {kept.log} log existed on {_day(stamp.time)}, says "
        f"{stamp.authority!r}",
        stamp.time,
        stamp.within,
        stamp.authority,
        signed,
        stamp.root,
    )


def _contradicts(one: Found, index: int, at: int) -> str:
    """Why an entry cannot have been made when its gate says; nothing if it can."""
    if one.time is None:
        return ""
    if index < one.size and at > one.time + one.within + DRIFT:
        return (
            f"it says that it was made on {_day(at)}, and it was time-stamped on {_day(one.time)}"
        )
    if index >= one.size and at < one.signed - DRIFT:
        return (
            f"it says that it was made on {_day(at)}, and it comes after a head of "
            f"{_day(one.signed)} that was time-stamped"
        )
    return ""


def _check_signed(replica: Replica, kept: Stamped) -> None:
    """Both signatures by a gate epoch that was in force while the log had this size.

    Raises:
        LogError: They are not.
    """
    origin = note.origin(replica.vault, kept.log)
    for number in _epochs(replica, kept.log, kept.size):
        epoch = replica.authority.groups[GATE][number]
        if epoch.signing is not None:
            with suppress(Error):
                checkpoint.verify(kept.note, origin, checkpoint.verifiers(origin, *epoch.signing))
                return
    raise LogError("a time-stamp is over a checkpoint that the gate in force did not sign")


def _epochs(replica: Replica, log: str, size: int) -> list[int]:
    """The gate epochs, by their place, that were in force while a log had some size.

    Each statement says how long the access log was when it was made. So a head of the access log
    may be as old as its last entry, and as young as the statement after which there was another.
    """
    history = replica.history
    if log == AUTHORITY:
        wanted = [history[size - 1]] if 0 < size <= len(history) else []
    else:
        first = sum(state.access_size < size for state in history)
        last = sum(state.access_size <= size for state in history)
        wanted = list(history[max(first - 1, 0) : last])
    return sorted({len(state.groups[GATE]) - 1 for state in wanted}, reverse=True)


def _day(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
