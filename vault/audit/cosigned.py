"""What cosigners saw of the access log: whether somebody outside watches that it only grows.

A kept checkpoint counts if the log had its root at its size, and if as many of the cosigners that
the vault's policy names as it asks for have signed it, each with both keys. Whoever joins demands
one: else they could be shown another log than everybody else, or an old one, with nobody to ask.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

from keys.errors import SignatureError
from keys.signing import VerifierKey, signed_at, split_note, verify_note
from vault.audit.findings import INVALID, UNCHECKED, VALID, Problem, Step
from vault.errors import Error, LogError, MalformedError, VerificationError
from vault.gate.heads import check_root
from vault.log import checkpoint
from vault.log.checkpoint import Checkpoint
from vault.note import ACCESS
from vault.replica import Replica
from vault.store import Cosigned, Reads

NAME = "cosigned"


class Cosignature(NamedTuple):
    """A head of the access log that enough cosigners have signed.

    Args:
        size: How many entries it had.
        names: Which cosigners.
        time: When the last of those that it takes had signed, in seconds since the epoch.
        note: The checkpoint with their lines.
    """

    size: int
    names: tuple[str, ...]
    time: int
    note: bytes


def demand(replica: Replica, reads: Reads, given: bytes | None = None) -> Cosignature | None:
    """The newest head with as many cosignatures as the policy in force asks for.

    Args:
        replica: The verified view, caught up with this snapshot.
        reads: The snapshot.
        given: A cosigned checkpoint that did not come from the vault.

    Returns:
        It; None if the policy asks for none and none is given.

    Raises:
        MalformedError: What was given is no checkpoint.
        RolledBackError, ForkedError: What was given is not what the log had.
        LogError: There is none, or what was given does not have enough.
    """
    if given is not None:
        said = said_of(replica, given)
        check_root(reads, replica, ACCESS, said)
        if not replica.authority.cosignatures:
            raise LogError(
                "a cosigned checkpoint was given, and this vault's policy names no cosigners",
                "ask a steward; an older copy of the vault may not know of them",
            )
        return _enough(replica, given, said)
    if not replica.authority.cosignatures:
        return None
    for kept in reads.cosigned(ACCESS):
        with suppress(LogError, VerificationError, MalformedError):
            said = said_of(replica, kept.note)
            check_root(reads, replica, ACCESS, said)
            return _enough(replica, kept.note, said)
    names = ", ".join(pair[0].name for pair in replica.authority.cosigners)
    raise LogError(
        f"this vault's policy asks for {replica.authority.cosignatures} cosignatures, and no head "
        "of its log that has them is here",
        f"ask for a cosigned checkpoint, and give it with --cosigned; its cosigners are {names}",
    )


def newest(replica: Replica, reads: Reads) -> Cosignature | None:
    """As `demand`; None if there is none."""
    try:
        return demand(replica, reads)
    except LogError:
        return None


def cosigned(replica: Replica, reads: Reads) -> list[Step]:
    """What to say of cosigners in `log verify`: valid, invalid (which, why), not checked (why).

    Nothing where the vault's policy names none: nothing was to be checked.

    Args:
        replica: The verified view, caught up with this snapshot.
        reads: The snapshot.
    """
    return [found.step for found in findings(replica, reads)]


class Finding(NamedTuple):
    """One step, and how many entries the checkpoint that it is about says that the log had."""

    step: Step
    size: int


def findings(replica: Replica, reads: Reads) -> list[Finding]:
    """As `cosigned`, for who names what is invalid by its place."""
    return list(_findings(replica, reads))


def problems(found: Sequence[Finding]) -> list[Problem]:
    """What is invalid, as problems of the access log."""
    return [
        Problem(ACCESS, max(one.size - 1, 0), one.step.about, NAME, NAME)
        for one in found
        if one.step.result == INVALID
    ]


def _findings(replica: Replica, reads: Reads) -> Iterator[Finding]:
    furthest: dict[str, int] = {}
    if not replica.authority.cosigners:
        return
    for kept in reads.cosigned(ACCESS):
        signed: list[str] = []
        for about in _wrong(replica, reads, kept, signed):
            yield Finding(Step(NAME, INVALID, about), kept.size)
        for name in signed:
            furthest[name] = max(furthest.get(name, 0), kept.size)
    head = replica.heads[ACCESS].size
    for pair in replica.authority.cosigners:
        name = pair[0].name
        if name not in furthest:
            about = f"nothing is here that {name} has signed"
            yield Finding(Step(NAME, UNCHECKED, about), 0)
            continue
        size = furthest[name]
        about = f"{name} has signed that the log only grew to {size} of its {head} entries"
        yield Finding(Step(NAME, VALID, about), size)


def _wrong(replica: Replica, reads: Reads, kept: Cosigned, signed: list[str]) -> Iterator[str]:
    """What is wrong with a kept checkpoint; who truly signed what the log had goes to `signed`."""
    where = f"the checkpoint kept of {kept.size} entries"
    try:
        said = said_of(replica, kept.note)
    except Error as error:
        yield f"{where}: {error.message}"
        return
    true, false = [], []
    for pair in replica.authority.cosigners:
        try:
            true += [pair[0].name] if _signed(kept.note, pair) else []
        except SignatureError as error:
            false.append(f"{where}: {error.message}")
    try:
        check_root(reads, replica, ACCESS, said)
    except Error as error:
        # Only what somebody has signed accuses anybody.
        if true:
            yield f"{', '.join(true)} saw another log: {error.message}"
        return
    yield from false
    # A row under another size says nothing.
    signed += true if said.size == kept.size else []


def said_of(replica: Replica, note: bytes) -> Checkpoint:
    """What a checkpoint of the access log says, whoever signed it.

    Raises:
        MalformedError: It is none.
        LogError: It is of another log.
    """
    said = checkpoint.peek(note)
    if said.origin != replica.authority.origin(ACCESS):
        raise LogError("a cosigned checkpoint is of another log")
    return said


def _signed(note: bytes, pair: Sequence[VerifierKey]) -> bool:
    """Whether a cosigner signed with both keys; False if no line of theirs is there.

    Raises:
        SignatureError: A line of theirs is false, or one of the two is missing.
    """
    lines = {line[:2] for line in split_note(note)[1]}
    if not any((key.name, key.key_id) in lines for key in pair):
        return False
    verify_note(note, pair)
    return True


def _enough(replica: Replica, note: bytes, said: Checkpoint) -> Cosignature:
    wanted, times = replica.authority.cosignatures, {}
    for pair in replica.authority.cosigners:
        with suppress(SignatureError):
            if _signed(note, pair):
                times[pair[0].name] = min(signed_at(note, key) or 0 for key in pair)
    if len(times) < wanted:
        raise LogError(
            f"a checkpoint has {len(times)} of the {wanted} cosignatures that this vault's policy "
            "asks for",
            "have it cosigned by more of: "
            + ", ".join(pair[0].name for pair in replica.authority.cosigners),
        )
    # Of those who signed, so many are enough: the time is when there were.
    return Cosignature(said.size, tuple(times), sorted(times.values())[wanted - 1], note)
