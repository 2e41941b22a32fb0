"""The public part of an entry: what everybody sees, and what ties rows to the log without keys.

Ids are hex, so that no text id stands in the database.
"""

from __future__ import annotations

from vault import ids
from vault.note import Body, Note


def public_of(actor: Note) -> dict[str, object]:
    """What everybody sees of an act that is done, beside its note-id hash.

    Args:
        actor: The actor's note.
    """
    body = actor.body
    if actor.kind == "deposit":
        return {"deposit": _of_deposit(body)}
    if actor.kind == "re-encrypt":
        more = {"before_root": body["before_root"], "signed": actor.digest}
        return {"reencrypted": {**_of_deposit(body), **more}}
    if actor.kind == "rekey":
        # Whoever confirms it quotes this note to a gate that may be unable to open the entry.
        return {
            "renewal": {
                "seals_root": body["seals_root"],
                "count": body["count"],
                "signed": actor.digest,
            }
        }
    if actor.kind == "confirmation":
        return {"confirms": body["entry"]}
    if actor.kind == "destruction":
        return {"destroyed": [ids.parse(name).hex() for name in body["records"]]}
    return {}


def _of_deposit(body: Body) -> dict[str, object]:
    names = ("records_root", "case_seal", "gate_seal")
    return {"id": ids.parse(body["deposit"]).hex(), **{name: body[name] for name in names}}
