"""What is added while an ex-holder still has the case's keys is not for them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from vault_kit import World, identity, make

from keys.derive import Label, u64
from keys.errors import OpenError
from vault import deposit, ids
from vault.deposit import Description
from vault.errors import MalformedError, StaleError
from vault.message import Message, NotMeantError, Openers, mark, open_secret, sealed_to
from vault.model import GATE, Deposit
from vault.session import Session

DAY = 86_400
Kept = Callable[[Deposit], Openers]


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Ana and Ben hold the case; Carla did for a day and keeps its keys."""
    world = make(tmp_path)
    with world.session("ana") as ana:
        ana.casework.grant(world.case, identity("carla").device, int(world.clock.at) + DAY)
    return world


def kept_by(world: World, name: str) -> Kept:
    """Every key that somebody has now with which a case's seal could open."""
    with world.session(name) as session:
        keyring, authority = session.replica.keyring, session.authority
        return lambda found: keyring.secret_openers(authority, world.case, found.seals)


def mark_of(world: World, found: Deposit, name: str) -> str:
    """What stands before somebody's seal."""
    with world.session(name) as session:
        gate = session.replica.keyring.need(session.authority, GATE, found.gate_epoch)
        return mark(gate, found.id, identity(name).device)


def add(world: World, name: str, content: bytes) -> Deposit:
    """Somebody stores something; the deposit as it is stored."""
    (world.root / "late.txt").write_bytes(content)
    with world.session(name) as session:
        session.add([world.root / "late.txt"], world.case)
        with session.store.read() as reads:
            return reads.deposits()[-1]


def open_with(world: World, found: Deposit, openers: Openers) -> bytes:
    """Open a deposit's case seal with some keys."""
    with world.session("ana") as ana:
        vault = ids.parse(ana.authority.vault)
    context = (vault, found.case, found.id, u64(found.epoch))
    return open_secret(found.case_seal, openers, Label.CASE_SEAL, *context)


def test_while_her_grant_holds_she_opens_what_is_added(world: World) -> None:
    """The control: the seal is for the case's epoch, whose keys she has."""
    kept = kept_by(world, "carla")
    found = add(world, "ana", b"while she holds it")
    assert sealed_to(found.case_seal) == [""]
    assert len(open_with(world, found, kept(found))) == 32


def test_when_it_has_ended_she_does_not(world: World) -> None:
    """The case is stale, and the secret goes to the devices of those who are left."""
    kept = kept_by(world, "carla")
    world.clock.at += 2 * DAY
    found = add(world, "ana", b"after she left")
    keys = kept(found)
    assert mark_of(world, found, "carla") in keys
    assert sealed_to(found.case_seal) == [mark_of(world, found, name) for name in ("ana", "ben")]
    assert sealed_to(found.gate_seal) == [""]
    with pytest.raises(NotMeantError):
        open_with(world, found, keys)
    # Nor if somebody calls the seals hers.
    for key in keys.values():
        with pytest.raises(OpenError):
            open_with(world, found, dict.fromkeys(sealed_to(found.case_seal), key))


def test_those_who_are_left_read_it(world: World) -> None:
    """Each with the key of their own device."""
    world.clock.at += 2 * DAY
    add(world, "ana", b"after she left")
    assert (b"after she left") in [content for _, content in world.read_all("ben").values()]
    assert (b"after she left") in [content for _, content in world.read_all("ana").values()]


class Sent:
    """A deposit into a case that is about to be stale, sent as it stands."""

    def __init__(self, world: World, session: Session) -> None:
        self.world, self.session = world, session
        (world.root / "late.txt").write_bytes(b"late")
        self.prepared = deposit.prepare(
            session.store,
            session.authority.vault,
            world.case,
            deposit.intake.all_of([world.root / "late.txt"]),
            Description(),
            context={},
        )

    def made(self, at: int) -> Message:
        """The message as it would be made at a time."""
        sign = self.session._client.sign
        authority, replica = self.session.authority, self.session.replica
        gate = replica.keyring.need(authority, GATE)
        return self.prepared.message(authority, gate, replica.seen(), sign, at)

    def send(self, message: Message) -> None:
        """To the gate."""
        self.session._client.gate.submit(message.encode(), self.prepared.rows)

    def close(self) -> None:
        """Let go of its rows."""
        self.prepared.rows.close()


def test_seals_for_the_wrong_people_are_made_again(world: World) -> None:
    """What was sealed to the epoch before a grant ended is refused, and what names one too many."""
    with world.session("ana") as ana, closing(Sent(world, ana)) as sent:
        before = sent.made(int(world.clock.at))
        world.clock.at += 2 * DAY
        with pytest.raises(StaleError):
            sent.send(before)
        sent.send(sent.made(int(world.clock.at)))


def test_a_case_whose_keys_are_for_nobody_else_takes_no_seals_for_devices(world: World) -> None:
    """Whoever seals to single devices, though the case is not stale, is told to do it again."""
    with world.session("ana") as ana, closing(Sent(world, ana)) as sent:
        made = sent.made(int(world.clock.at) + 2 * DAY)
        with pytest.raises(StaleError):
            sent.send(made)


def test_a_seal_of_another_shape_is_refused(world: World) -> None:
    """A seal that is too long, or a gate seal for a device, is no seal."""
    from keys.derive import lp

    with world.session("ana") as ana, closing(Sent(world, ana)) as sent:
        made = sent.made(int(world.clock.at))
        long, other = lp(lp(b"", bytes(1200))), lp(lp(b"ab", bytes(1168)))
        for seals in ((long, made.attachments[1]), (made.attachments[0], other)):
            with pytest.raises(MalformedError):
                sent.send(Message(made.note, made.tag, made.details, seals))
