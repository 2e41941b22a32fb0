"""What a store keeps back, and what a gate seals for the wrong people."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from vault_kit import SMALL, World, identity, make

from vault.authority import access_recipients
from vault.errors import DeniedError, RolledBackError
from vault.gate import core
from vault.model import Role


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A vault with a case that ana and ben hold."""
    return make(tmp_path)


def test_a_revocation_that_is_withheld_is_missed(world: World) -> None:
    """Who has seen that somebody lost a right refuses the copy in which they have it still."""
    before = world.copy(world.root.parent / "before")
    with world.session("ana") as ana:
        ana.casework.revoke(world.case, identity("ben").device)
    with world.session("aud") as aud:
        assert not aud.authority.holds(identity("ben").device, world.case, aud.now())
    shutil.rmtree(world.path)
    shutil.copytree(before.path, world.path)
    for who in ("ana", "aud"):
        with pytest.raises(RolledBackError):
            world.session(who).__enter__()


def test_a_removal_that_is_withheld_is_missed(world: World) -> None:
    """The same for a member who is gone."""
    before = world.copy(world.root.parent / "before")
    with world.session("ana") as ana:
        ana.people.remove(identity("ben").device)
    shutil.rmtree(world.path)
    shutil.copytree(before.path, world.path)
    with pytest.raises(RolledBackError):
        world.session("ana").__enter__()


def test_an_entry_sealed_to_the_wrong_group_is_not_used(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A release whose entry the holders of the case cannot open gives nothing away: nobody of them
    would ever learn of it."""
    with world.session("carla") as carla:
        other = carla.open_case("another").id

    def elsewhere(authority, case, at, tag, also=()):
        return access_recipients(authority, other if case == world.case else case, at, b"")

    with world.session("ben") as ben:
        (opened,) = ben.release([world.stored[0].record], "review")
        assert b"".join(ben.content(opened)) == SMALL
        monkeypatch.setattr(core, "access_recipients", elsewhere)
        with pytest.raises(DeniedError) as caught:
            ben.release([world.stored[0].record], "review")
        assert caught.value.reason == "no-key"


def test_one_steward_who_enrols_a_device_for_another_does_not_sign_as_two(world: World) -> None:
    """Two must sign; the second laptop of one, and one enrolled for the other, change nothing."""
    with world.session("ana") as ana:
        ana.people.add(identity("sol").contact().note, [Role.STEWARD])
        ana.people.add(identity("mia").contact().note, [Role.STEWARD])
        ana.people.set_policy(2)
        ana.people.add_device(identity("ana again").contact().note)
    world.join("ana again")
    carla = identity("carla").device
    with world.session("ana") as ana, pytest.raises(Exception, match="sign"):
        ana.people.remove(carla)
    with world.session("ana again") as again:
        (waiting,) = again.proposals.open()
        with pytest.raises(DeniedError) as caught:
            again.proposals.endorse(waiting.proposal.id)
        assert caught.value.reason == "signed"
        with pytest.raises(Exception, match="sign"):
            again.people.add_device(identity("not sol").contact().note, identity("sol").device)
        assert carla in again.authority.members
