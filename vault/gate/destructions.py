"""The gate destroys records: what could open them goes, and that they were there stays provable."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vault import ids
from vault.gate import grants, records, requests
from vault.message import Answer
from vault.public import public_of

if TYPE_CHECKING:
    from vault.gate.core import Turn


def destroy(turn: Turn) -> Answer:
    """Destroy records whose destruction was requested and approved.

    Salts and containers go in the same transaction as the entry that says so, the bytes of the
    content right after it.

    Raises:
        MalformedError, SignatureError: as `requests.use`.
    """
    names = turn.actor.body["records"]
    reason = records.find(turn.writes, turn.case, names) or requests.use(turn)
    if reason is not None:
        return turn.refuse(reason)
    # The records stand in the public part, so that their traces can be tied to the log without
    # keys.
    store = turn.gate.store
    # Before the commit: whoever comes after a kill has to know that something is left to erase.
    store.owe_sweep()
    answer = turn.append("done", public=public_of(turn.actor))
    for record in map(ids.parse, names):
        turn.writes.destroy_record(record, answer.index)
    grants.forget(turn.writes, turn.authority, names)
    turn.after.append(store.sweep)
    return answer
