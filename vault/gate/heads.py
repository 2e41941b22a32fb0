"""What the gate keeps of heads that come back from outside: cosigned, or time-stamped.

They change nothing and are in no log. The gate looks whether a checkpoint is one of this vault's
own heads, signed by a gate epoch that there was; whether to believe the lines of cosigners, or a
token, each reader decides.
"""

from __future__ import annotations

from contextlib import suppress

from keys.derive import equal
from keys.signing import MAX_SIGNATURES, Signature, join_note, split_note
from vault import note
from vault.errors import (
    DamageError,
    Error,
    ForkedError,
    LogError,
    MalformedError,
    ProofError,
    RolledBackError,
)
from vault.log import checkpoint, merkle, proof
from vault.log.checkpoint import Checkpoint
from vault.model import GATE, Position
from vault.note import LOGS
from vault.replica import Replica, stored_frontier
from vault.store import MAX_NOTE, MAX_TOKEN, Reads, Writes


def keep_cosigned(writes: Writes, replica: Replica, signed: bytes) -> tuple[str, Position]:
    """Keep a cosigned checkpoint; its lines are added to those that are kept of this size.

    Args:
        writes: The transaction.
        replica: A view that has caught up with it.
        signed: The checkpoint with its cosignature lines.

    Returns:
        Which log it is of, and what it says.

    Raises:
        MalformedError: It is no checkpoint, or too long.
        LogError: It is not a head of this vault's logs.
    """
    if len(signed) > MAX_NOTE:
        raise MalformedError("a checkpoint is too long to be kept")
    log, head = own_head(writes, replica, signed)
    writes.keep_cosigned(log, head.size, merged(signed, writes.cosigned_at(log, head.size)))
    return log, Position(head.size, head.root.hex())


def keep_timestamp(writes: Writes, replica: Replica, signed: bytes, token: bytes) -> None:
    """Keep a time-stamp over a checkpoint.

    Args:
        writes: The transaction.
        replica: A view that has caught up with it.
        signed: The checkpoint that was stamped.
        token: The authority's token, DER.

    Raises:
        MalformedError: It is no checkpoint, or one of them is too long.
        LogError: It is not a head of this vault's logs.
    """
    if len(signed) > MAX_NOTE or len(token) > MAX_TOKEN:
        raise MalformedError("a time-stamp is too long to be kept")
    log, head = own_head(writes, replica, signed)
    writes.keep_timestamp(log, head.size, signed, token)


def own_head(reads: Reads, replica: Replica, signed: bytes) -> tuple[str, Checkpoint]:
    """Which log a checkpoint is a head of, now or before, and what it says.

    Raises:
        MalformedError: It is no checkpoint.
        RolledBackError: It speaks of more than the log has.
        ForkedError: The log had another root at this size.
        LogError: It is of another vault, or no gate epoch of this one signed it.
    """
    said = checkpoint.peek(signed)
    log = next((log for log in LOGS if said.origin == note.origin(replica.vault, log)), None)
    if log is None:
        raise LogError("a checkpoint is of another vault", "use the vault that it is of")
    for epoch in reversed(replica.authority.groups[GATE]):
        if epoch.signing is None:
            continue
        with suppress(Error):
            checkpoint.verify(
                signed, said.origin, checkpoint.verifiers(said.origin, *epoch.signing)
            )
            break
    else:
        raise LogError("a checkpoint is not signed by this vault's gate")
    check_root(reads, replica, log, said)
    return log, said


def check_root(reads: Reads, replica: Replica, log: str, said: Checkpoint) -> None:
    """Make sure that a verified log began as somebody says.

    Raises:
        RolledBackError: It never had as many entries.
        ForkedError: It had another root.
    """
    head = replica.heads[log]
    if said.size > head.size:
        raise RolledBackError(
            f"a checkpoint speaks of {said.size} entries of the {log} log, which has {head.size}",
            "this copy of the vault is older: find out who restored it, and ask for the newest one",
        )
    if not equal(proved_root(reads, replica, log, said.size), said.root):
        raise ForkedError(
            f"the {log} log had another root at {said.size} entries than a checkpoint says",
            "there are two histories: keep the checkpoint, and tell the other members",
        )


def proved_root(reads: Reads, replica: Replica, log: str, size: int) -> bytes:
    """The root that a verified log had at a size, at most that of its head.

    Raises:
        DamageError: The stored nodes do not prove it.
    """
    head = replica.heads[log]
    if size == head.size:
        return head.root
    root = stored_frontier(reads, log, size).root()
    if size:
        path = proof.consistency(size, head.size, lambda *at: reads.node(log, *at))
        try:
            merkle.verify_consistency(size, head.size, root, head.root, path)
        except ProofError:
            raise DamageError(
                f"the nodes of the {log} log are damaged", "run `evault check`"
            ) from None
    return root


def merged(signed: bytes, kept: bytes | None) -> bytes:
    """A checkpoint with the lines of another one of the same text; of one key only the newer."""
    text, lines = split_note(signed)
    more: list[Signature] = []
    with suppress(MalformedError):
        before = split_note(kept) if kept else (b"", [])
        # What stood in the store is believed in nothing: another text is simply replaced.
        more = before[1] if before[0] == text else []
    known = {(line.name, line.key_id) for line in lines}
    lines += [line for line in more if (line.name, line.key_id) not in known]
    return join_note(text, lines[:MAX_SIGNATURES])
