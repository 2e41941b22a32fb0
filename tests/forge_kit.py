"""A gate that lies: it appends what it likes, under a head with true signatures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from keys.identity import Identity
from vault import ids, note, statements
from vault.log import checkpoint, entry, merkle
from vault.log.checkpoint import Checkpoint
from vault.model import MEMBERS
from vault.note import ACCESS, AUTHORITY
from vault.public import public_of
from vault.replica import stored_frontier
from vault.session import Session

if TYPE_CHECKING:
    from vault_kit import World


def act_body(session: Session, kind: str, world: World) -> dict[str, Any]:
    """The fields of a release of the small record, or of a statement that opens a case."""
    common = {
        "id": ids.show(ids.draw()),
        "time": session.now(),
        "seen": session.replica.seen(),
        "device": session.identity.device,
    }
    if kind == "release":
        return {
            **common,
            "case": world.case,
            "records": [world.stored[0].record],
            "purpose": "review",
            "disposition": "copy",
            "request": None,
            "details": None,
        }
    case = ids.show(ids.draw())
    opened = statements.case_opened(session.authority, case, "T", None, [session.member.id])
    return {**common, "extends": session.authority.position.body(), **opened}


def forge(
    session: Session,
    log: str,
    actor: note.Note,
    world: World,
    operator: Identity | None = None,
    **said: object,
) -> None:
    """Append a note as a gate would that checks nothing, with a true signature under the head.

    Args:
        session: The lying operator's.
        log: Where to.
        actor: What to append.
        world: Its clock gives the time.
        operator: Whose device signs the gate note, if not the session's.
        said: What the gate note says differently.
    """
    authority = session.authority
    body = {
        "note": actor.digest,
        "outcome": "released" if actor.kind == "release" else "done",
        "why": None,
        "time": int(world.clock()),
        "authority": authority.position.body(),
        "access": session.replica.position(ACCESS).body(),
        "level": 0,
        **said,
    }
    gate = note.sign("gate", authority.origin(log), body, operator or session.identity)
    groups = [MEMBERS] if log == AUTHORITY else ["auditors", world.case]
    first = entry.seal_compartment(
        authority.origin(log),
        note.pair(actor, gate),
        [entry.Recipient(authority.epoch(group).sealing) for group in groups],
    )
    public = {"note": actor.id_hash.hex(), **public_of(actor)}
    append(session, log, entry.Entry(public, (first,)).encode(), actor.id_hash, world)


def append(session: Session, log: str, raw: bytes, id_hash: bytes, world: World) -> None:
    """Append any bytes to a log, under a head with true signatures.

    Args:
        session: The lying operator's.
        log: Where to.
        raw: What.
        id_hash: The note-id hash under which the store has it, if it has none of it yet.
        world: Its clock gives the time.
    """
    with session.store.write() as writes:
        head = checkpoint.peek(writes.head(log))
        frontier = stored_frontier(writes, log, head.size)
        nodes = frontier.append(merkle.leaf_hash(raw))
        # The index of used ids is the store's: who writes the disk can make room in it.
        stolen = id_hash if not writes.used(id_hash) else nodes[0][2]
        writes.append(log, head.size, raw, stolen, nodes)
        signing = session.replica.keyring.need(session.authority, "gate").signing
        assert signing is not None
        grown = Checkpoint(head.origin, frontier.size, frontier.root())
        writes.set_head(log, checkpoint.sign(signing, grown, int(world.clock())))
