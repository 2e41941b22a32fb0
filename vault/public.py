"""The public part of an entry: what everybody sees, and what ties rows to the log without keys.

Ids are hex, so that no text id stands in the database.
"""

from __future__ import annotations

import hashlib

from vault import ids
from vault.errors import GateError
from vault.log.entry import Entry
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


def check_public(parsed: Entry, actor: Note, gate: Note) -> None:
    """Make sure that everything around an actor's note is what its actor signed.

    Raises:
        GateError: The public part or the details are others.
    """
    if parsed.note_id != actor.id_hash:
        raise GateError("an entry names another note than it holds")
    said = hashlib.sha256(parsed.compartments[1]).hexdigest() if parsed.compartments[1:] else None
    if said != actor.body.get("details"):
        raise GateError("an entry's details are not those that its actor committed to")
    public = public_of(actor) if gate.body["outcome"] == "done" else {}
    if parsed.public != {**public, "note": parsed.public["note"]}:
        raise GateError("an entry's public part is not what its actor signed")


def _of_deposit(body: Body) -> dict[str, object]:
    names = ("records_root", "case_seal", "gate_seal")
    return {"id": ids.parse(body["deposit"]).hex(), **{name: body[name] for name in names}}
