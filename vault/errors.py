"""The rest of the exception tree; its root is `keys.errors.Error`.

Each class is one thing that a person may have to react to. `vault/cli/exits.py` gives each its
exit code.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from keys.errors import Error, FileError, MalformedError, VerificationError, WeakKeyError

__all__ = [
    "AmbiguousError",
    "BusyError",
    "DamageError",
    "DeniedError",
    "Error",
    "FileError",
    "ForkedError",
    "GateError",
    "LockedError",
    "LogError",
    "MalformedError",
    "MissingError",
    "NetworkFolderError",
    "NoVaultError",
    "NotFoundError",
    "PartialError",
    "ProofError",
    "ReadOnlyError",
    "RolledBackError",
    "StaleError",
    "UnknownVaultError",
    "UsageError",
    "VerificationError",
    "WaitingError",
    "WeakKeyError",
    "as_damage",
]


class UsageError(Error):
    """The caller asked for something that makes no sense."""


class PartialError(Error):
    """Part of the work was done; the rest is named."""


class NoVaultError(Error):
    """There is no vault at this place."""


class LockedError(Error):
    """No identity or passphrase was given, so nothing can be opened."""


class BusyError(Error):
    """Another process holds the vault's write lock."""


class StaleError(BusyError):
    """The authority has moved on while an act was prepared: prepare it again."""


class NotFoundError(Error):
    """No such case, record or member."""


class AmbiguousError(NotFoundError):
    """More than one case, record or member fits."""


class NetworkFolderError(FileError):
    """The folder is on a network file system, where the database is not safe."""


class ReadOnlyError(FileError):
    """The vault cannot be written, so nothing may be read either."""


class DamageError(VerificationError):
    """Stored bytes are not what the log says they were."""


@contextmanager
def as_damage() -> Iterator[None]:
    """Within a vault of the supported format, bytes that are not of their form are damaged.

    Raises:
        DamageError: In the place of any MalformedError.
    """
    try:
        yield
    except MalformedError as error:
        raise DamageError(
            f"stored bytes are damaged: {error.message}",
            "run `evault check`, and restore the vault from a backup that is not older",
        ) from None


class MissingError(DamageError):
    """Stored bytes that the log speaks of are not there."""


class LogError(VerificationError):
    """A log, a checkpoint or a pin does not hold."""


class ProofError(LogError):
    """A Merkle proof does not verify."""


class RolledBackError(LogError):
    """The vault shows less than this client has seen before."""


class ForkedError(LogError):
    """The vault shows another history than this client has seen before."""


class GateError(LogError):
    """The gate accepted, or answered with, what it must not.

    Args:
        message: One line for people.
        hint: What to do.
        reason: The code of the refusal that an honest gate would have given, if it is one.
    """

    def __init__(self, message: str, hint: str = "", *, reason: str | None = None) -> None:
        super().__init__(message, hint)
        self.reason = reason


class UnknownVaultError(LogError):
    """This client has not joined this vault, or its fingerprint is another."""


class DeniedError(Error):
    """Refused by the authority or by policy.

    Args:
        message: One line for people.
        hint: What to do.
        reason: The short code that stands in the log.
        entry: The index of the refusal in the access log, if it was logged.
    """

    def __init__(
        self, message: str, hint: str = "", *, reason: str = "denied", entry: int | None = None
    ) -> None:
        super().__init__(message, hint)
        self.reason = reason
        self.entry = entry


class WaitingError(Error):
    """Waits for the approval of others."""
