"""Which deposits of collectors came in sealed to keys that were changed before.

Nothing marks them in the store: the ticket's statement says to which keys it was bound, the entry
by which authority and at what time the deposit was kept, and later entries whether it was encrypted
anew and that confirmed.
"""

from __future__ import annotations

from collections.abc import Iterable

from vault.audit.access import Access
from vault.replica import Replica


def exposed_deposits(replica: Replica, entries: Iterable[Access]) -> list[Access]:
    """The entries of deposits that are exposed until a holder encrypts them anew.

    Args:
        replica: The verified view.
        entries: Of the access log, in its order, as far as this identity can open them.
    """
    found: dict[str, Access] = {}
    anew: dict[int, str] = {}
    for access in entries:
        if not access.opened or access.problem is not None or access.outcome != "done":
            continue
        if access.ticket is not None and access.deposit is not None:
            judged = replica.at(access.authority_size)
            if judged.outdated(judged.tickets[access.ticket], access.time):
                found[access.deposit] = access
        elif access.kind == "re-encrypt" and access.deposit is not None:
            anew[access.index] = access.deposit
        elif access.kind == "confirmation" and access.entry is not None:
            found.pop(anew.get(access.entry, ""), None)
    return list(found.values())
