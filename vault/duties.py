"""What members owe each other: keys for who waits for them, new keys where somebody has left."""

from __future__ import annotations

from contextlib import suppress

from keys.identity import Contact
from vault import statements
from vault.client import Client
from vault.errors import BusyError, Error, FileError
from vault.model import AUDITORS, FIXED_GROUPS
from vault.renewals import Renewals


class _NothingOwedError(Error):
    """Somebody else was faster; never leaves this module."""


class Duties:
    """What one member does for the others.

    Args:
        client: One member's device.
        renewals: The renewals that are under way.
    """

    def __init__(self, client: Client, renewals: Renewals) -> None:
        self._client = client
        self._renewals = renewals

    def settle(self) -> None:
        """Give keys to whoever waits for them, begin new epochs of the groups that somebody has
        left who still has their keys, and erase what an interrupted destruction has left."""
        if self._client.store.owes_sweep:
            with suppress(BusyError, FileError):
                self._client.store.sweep()
        if self._owed():
            with suppress(_NothingOwedError):
                self._client.state("wrapped", self._wraps)
        if self._left():
            with suppress(_NothingOwedError):
                self._client.state("rotated", self._epochs)
        self._renewals.settle()

    def _owed(self) -> list[tuple[str, Contact]]:
        """Who waits for keys that this member has."""
        authority, at = self._client.authority, self._client.now()
        return [
            (group, device.contact)
            for group in (*FIXED_GROUPS, *authority.cases)
            if authority.gives(self._client.identity.device, group, at)
            and self._client.keyring.has(authority, group)
            for device in authority.lacking(group, at)
        ]

    def _left(self) -> list[str]:
        """The groups that somebody has left who still has their keys, and that this member is in.

        Whoever sets out to take over a group whose keys nobody has any more is among them.
        """
        authority, at = self._client.authority, self._client.now()
        mine = self._client.identity.device
        return [
            group
            for group in authority.groups
            if (authority.stale(group, at) or (group == AUDITORS and authority.lost(group)))
            and statements.may_rotate(authority, self._client.keyring, group, mine, at)
        ]

    def _epochs(self) -> statements.Body:
        left = self._left()
        if not left:
            raise _NothingOwedError("no group was left")
        at = self._client.now()
        return statements.rotated(self._client.authority, self._client.keyring, left, at)

    def _wraps(self) -> statements.Body:
        # Looked at again each time: somebody else may have given them meanwhile.
        owed = self._owed()
        if not owed:
            raise _NothingOwedError("nobody waits for keys")
        return statements.wrapped(self._client.authority, self._client.keyring, owed)
