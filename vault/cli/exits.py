"""Exit codes: one table from exception to code, and the short names that programs see.

"Proved bad" (20, 21) is never mixed up with "could not check" (1, 10, 11, 14).
"""

from __future__ import annotations

from typing import NamedTuple

from keys import errors as keys_errors
from vault import errors

DONE = 0
UNEXPECTED = 1
USAGE = 2
INTERRUPTED = 130
CLOSED = 141
"""Nobody read on: what a shell says of a program that the closed pipe has ended."""


class Exit(NamedTuple):
    """How the command ends for an exception.

    Args:
        code: What the shell sees.
        name: What stands in the JSON object of an error.
    """

    code: int
    name: str


EXITS: dict[type[errors.Error], Exit] = {
    errors.Error: Exit(UNEXPECTED, "unexpected"),
    keys_errors.KeySizeError: Exit(UNEXPECTED, "unexpected"),
    keys_errors.UntrustedError: Exit(UNEXPECTED, "untrusted"),
    errors.UsageError: Exit(USAGE, "usage"),
    keys_errors.SharesError: Exit(USAGE, "shares"),
    keys_errors.TooFewSharesError: Exit(USAGE, "too-few-shares"),
    errors.PartialError: Exit(3, "partial"),
    errors.NoVaultError: Exit(10, "no-vault"),
    errors.LockedError: Exit(11, "locked"),
    keys_errors.OutOfMemoryError: Exit(11, "out-of-memory"),
    keys_errors.WrongPassphraseError: Exit(12, "wrong-passphrase"),
    errors.NotFoundError: Exit(13, "not-found"),
    errors.AmbiguousError: Exit(13, "ambiguous"),
    errors.BusyError: Exit(14, "busy"),
    errors.StaleError: Exit(14, "stale"),
    errors.FileError: Exit(15, "file"),
    errors.NetworkFolderError: Exit(15, "network-folder"),
    errors.ReadOnlyError: Exit(15, "read-only"),
    errors.VerificationError: Exit(20, "verification"),
    keys_errors.CommitmentError: Exit(20, "commitment"),
    keys_errors.TruncatedError: Exit(20, "truncated"),
    keys_errors.DamagedError: Exit(20, "damaged"),
    keys_errors.OpenError: Exit(20, "seal"),
    keys_errors.SignatureError: Exit(20, "signature"),
    errors.WeakKeyError: Exit(20, "weak-key"),
    errors.DamageError: Exit(20, "damage"),
    errors.MissingError: Exit(20, "missing"),
    errors.LogError: Exit(21, "log"),
    errors.ProofError: Exit(21, "proof"),
    errors.RolledBackError: Exit(21, "rolled-back"),
    errors.ForkedError: Exit(21, "forked"),
    errors.GateError: Exit(21, "gate"),
    errors.UnknownVaultError: Exit(21, "unknown-vault"),
    errors.MalformedError: Exit(23, "malformed"),
    errors.DeniedError: Exit(30, "denied"),
    errors.WaitingError: Exit(31, "waiting"),
}


def exit_of(error: errors.Error) -> Exit:
    """How the command ends for an error: the entry of its most specific class."""
    return next(EXITS[kind] for kind in type(error).__mro__ if kind in EXITS)
