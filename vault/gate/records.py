"""What the gate looks up of the records that an act names."""

from __future__ import annotations

from vault import ids
from vault.errors import MalformedError
from vault.store import Reads


def find(reads: Reads, case: str, names: list[str]) -> str | None:
    """Look for records that an act names.

    Returns:
        None if each is in the case and was not destroyed, else a reason code.

    Raises:
        MalformedError: One is named twice.
    """
    if len(set(names)) != len(names):
        raise MalformedError("an act names a record twice")
    found = [ids.parse(name) for name in names]
    for record in found:
        owner = reads.owner(record)
        deposit = owner and reads.deposit(owner[0])
        if not deposit or ids.show(deposit.case) != case:
            return "no-record"
    if any(reads.tombstone(record) is not None for record in found):
        return "destroyed"
    return None
