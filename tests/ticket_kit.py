"""Collectors for tests: tickets, parcels, and what somebody with a ticket's key can make."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from keys.identity import Identity
from vault import collect, note, ticket
from vault.deposit import Stored
from vault.ticket import Terms
from vault.tickets import Accepted

if TYPE_CHECKING:
    from vault_kit import World

WEEK = 7 * 86_400
SEEN = b"They came at four in the morning, six of them, without a paper.\n"


def issue(world: World, name: str = "ana", *, days: int = 7) -> tuple[Terms, Identity]:
    """Somebody issues a ticket for the world's case; its terms and its key."""
    with world.session(name) as session:
        issued = session.tickets.issue(world.case, session.now() + days * 86_400)
    found = ticket.parse(issued.file)
    return found.terms, found.unlock()


def parcel(
    world: World,
    terms: Terms,
    key: Identity,
    name: str = "one",
    data: bytes = SEEN,
) -> tuple[Path, list[Stored]]:
    """A parcel with a small file, made where there is no vault."""
    folder = world.root / "field"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.txt").write_bytes(data)
    path = folder / f"{name}.parcel"
    return path, collect.collect(terms, key, [folder / f"{name}.txt"], path, clock=world.clock)


def accept(world: World, path: Path, name: str = "ana") -> Accepted:
    """Somebody brings a parcel in."""
    with world.session(name) as session:
        return session.tickets.accept(path)


def resigned(
    path: Path, key: Identity, change: Callable[[dict[str, object]], dict[str, object]]
) -> bytes:
    """The message of a parcel with another note: what whoever has the ticket's key can send."""
    from vault import parcel as parcels
    from vault.message import Message

    found = parcels.read(path)
    body = {n: value for n, value in found.actor.body.items() if n != "device"}
    signed = note.sign(found.actor.kind, found.actor.origin, change(dict(body)), key)
    return Message(signed.signed, attachments=found.message.attachments).encode()
