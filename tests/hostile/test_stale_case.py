"""What is added while an ex-holder still has the case's keys is not for them."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from vault_kit import World, identity, make

from keys.derive import Label, u64
from keys.errors import OpenError
from vault import deposit, ids
from vault.deposit import Description
from vault.errors import MalformedError, StaleError
from vault.message import Message, NotMeantError, Openers, open_secret, sealed_to
from vault.model import Deposit
from vault.session import Session

DAY = 86_400


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Ana and Ben hold the case; Carla did for a day and keeps its keys."""
    world = make(tmp_path)
    with world.session("ana") as ana:
        ana.casework.grant(world.case, identity("carla").device, int(world.clock.at) + DAY)
    return world


def kept_by(world: World, name: str) -> Openers:
    """Every key that somebody has now with which a case's seal could open."""
    with world.session(name) as session:
        return session.replica.keyring.secret_openers(session.authority, world.case, 1)


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
    assert len(open_with(world, found, kept)) == 32


def test_when_it_has_ended_she_does_not(world: World) -> None:
    """The case is stale, and the secret goes to the devices of those who are left."""
    kept = kept_by(world, "carla")
    world.clock.at += 2 * DAY
    found = add(world, "ana", b"after she left")
    assert identity("carla").device in kept
    assert sealed_to(found.case_seal) == [identity(name).device for name in ("ana", "ben")]
    assert sealed_to(found.gate_seal) == [""]
    with pytest.raises(NotMeantError):
        open_with(world, found, kept)
    # Nor if somebody calls the seals hers.
    for key in kept.values():
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
        return self.prepared.message(self.session.authority, self.session.replica.seen(), sign, at)

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
