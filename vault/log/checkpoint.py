"""Checkpoints: the signed head of a log.

A checkpoint is a C2SP note of three lines (origin, size, root) under the name of its origin, signed
by the gate epoch in force with Ed25519 and with ML-DSA-44. Both must verify. Lines of cosigners may
follow and are ignored here.
"""

from __future__ import annotations

from collections.abc import Sequence

from keys.errors import SignatureError
from keys.signing import (
    Checkpoint,
    SigningKeys,
    VerifierKey,
    checkpoint_keys,
    parse_checkpoint,
    split_note,
    verify_note,
)
from vault.errors import LogError

__all__ = ["Checkpoint", "peek", "sign", "signed_at", "verifiers", "verify"]

_ML_DSA_44 = 2428
"""Bytes of a checkpoint's ML-DSA-44 signature: eight of time, and the signature proper."""


def sign(keys: SigningKeys, checkpoint: Checkpoint, at: int | None = None) -> bytes:
    """Sign a head as the log.

    Args:
        keys: The gate epoch's.
        checkpoint: Origin, size and root.
        at: Seconds since the epoch; now unless given.
    """
    return keys.sign_checkpoint(checkpoint.origin, checkpoint, at)


def verifiers(origin: str, ed25519: bytes, ml_dsa_44: bytes) -> list[VerifierKey]:
    """The two keys under which a log's checkpoints must verify."""
    return checkpoint_keys(origin, ed25519, ml_dsa_44)


def verify(note: bytes, origin: str, keys: Sequence[VerifierKey]) -> Checkpoint:
    """Verify a signed head.

    Args:
        note: The signed checkpoint.
        origin: The log that it must be of.
        keys: Every one must have signed.

    Raises:
        LogError: It is of another log, or a signature is missing or false.
        MalformedError: It is not a checkpoint.
    """
    try:
        checkpoint = parse_checkpoint(verify_note(note, keys))
    except SignatureError as error:
        raise LogError(f"the head of a log is not signed by its gate: {error.message}") from None
    if checkpoint.origin != origin:
        raise LogError("the head of a log is that of another log")
    return checkpoint


def peek(note: bytes) -> Checkpoint:
    """Read a signed head without verifying it, where no key is at hand.

    Raises:
        MalformedError: It is not a checkpoint.
    """
    return parse_checkpoint(split_note(note)[0])


def signed_at(note: bytes) -> int:
    """When the gate says that it signed a head, in seconds since the epoch.

    Raises:
        LogError: It did not sign with ML-DSA-44.
        MalformedError: It is not a checkpoint.
    """
    origin = peek(note).origin
    for line in split_note(note)[1]:
        if line.name == origin and len(line.value) == _ML_DSA_44:
            return int.from_bytes(line.value[:8], "big")
    raise LogError("the head of a log is not signed by its gate")
