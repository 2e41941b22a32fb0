"""The access log as one device has verified it, for whoever acts on what it says.

What was verified before is remembered, so that asking again costs what is new.
"""

from __future__ import annotations

from vault.audit import Audit, verify
from vault.client import Client
from vault.errors import DamageError, MissingError
from vault.local import Local
from vault.note import ACCESS
from vault.store import Reads

CHECK = "run `evault check`"


class History:
    """What has happened in a vault, as far as one member can open the log.

    Args:
        client: Their device.
        local: Its local state, where it is kept what was verified.
    """

    def __init__(self, client: Client, local: Local) -> None:
        self._client = client
        self._local = local
        self._known: Audit | None = None

    def read(self, reads: Reads) -> Audit:
        """The verified log. What a gate should not have let in is in it, with its problem: it must
        not stop the work of others.

        Args:
            reads: The snapshot that the client has caught up with.

        Raises:
            DamageError, MissingError: The entries are not those that were signed.
        """
        replica = self._client.replica
        if self._known is not None and len(self._known) == replica.heads[ACCESS].size:
            return self._known
        found = verify(replica, self._client.store, reads, self._local)
        for problem in found.problems:
            if problem.step == "entries":
                error = MissingError if problem.code == "missing" else DamageError
                raise error(problem.reason, CHECK)
        self._known = found
        return found
