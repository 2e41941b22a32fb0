"""People come, go, lose laptops, are detained: what each of it does, at once and to whom."""

from __future__ import annotations

from pathlib import Path

import pytest
from vault_kit import World, identity, make

from vault.errors import DeniedError, LockedError, RolledBackError
from vault.model import Position, Role
from vault.note import ACCESS, AUTHORITY
from vault.proposals import PendingError
from vault.session import Session

DAY = 86_400


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Ana (steward, advocate) and Ben (attorney) hold the case; Carla is an advocate."""
    return make(tmp_path)


def add_steward(world: World, name: str) -> None:
    """Somebody becomes a second steward."""
    with world.session("ana") as ana:
        ana.people.add(identity(name).contact().note, [Role.STEWARD])
    world.join(name)


def test_a_removed_member_is_out_at_once(world: World) -> None:
    """Their rights end, and what is stored from then on is not sealed to any key they have."""
    with world.session("ana") as ana:
        ana.people.remove(identity("ben").device, "left the organisation")
        assert identity("ben").device not in ana.authority.members
        assert not ana.authority.stale(world.case, ana.now())
    with pytest.raises(DeniedError) as caught:
        world.session("ben").__enter__()
    assert caught.value.reason == "not-member"
    world.home("ben").rename(world.root / "gone")
    with pytest.raises(LockedError):
        world.join("ben")


def test_a_steward_who_holds_no_case_removes_somebody_who_does(world: World) -> None:
    """Rights end, the case is stale, and the next holder's act rotates it."""
    add_steward(world, "sol")
    with world.session("sol") as sol:
        sol.people.remove(identity("ben").device)
        assert sol.authority.stale(world.case, sol.now())
        assert len(sol.authority.groups[world.case]) == 1
    with world.session("ana") as ana:
        ana.settle()
        assert not ana.authority.stale(world.case, ana.now())
        assert len(ana.authority.groups[world.case]) == 2
        assert len(list(ana.records())) == 2


def test_two_members_suspend_a_third_for_a_week(world: World) -> None:
    """It lapses; then only a steward can do it again; who comes back gets keys by the next act."""
    ben = identity("ben").device
    with world.session("carla") as carla, pytest.raises(PendingError) as waits:
        carla.people.suspend(ben, "arrested")
    with world.session("aud") as aud:
        aud.settle()
        (waiting,) = aud.proposals.open()
        assert waiting.may
        assert not waiting.mine
        assert aud.proposals.endorse(waits.value.proposal)
        assert not aud.authority.active(ben, aud.now())
    with pytest.raises(DeniedError):
        world.session("ben").__enter__()
    world.clock.at += 8 * DAY
    with world.session("carla") as carla:
        assert carla.authority.active(ben, carla.now())
        carla.settle()
    with world.session("ana") as ana:
        ana.settle()
    with world.session("ben") as ben_at_work:
        assert len(list(ben_at_work.records())) == 2
    with world.session("carla") as carla, pytest.raises(PendingError):
        carla.people.suspend(ben)
    with world.session("aud") as aud:
        (waiting,) = aud.proposals.open()
        with pytest.raises(DeniedError) as again:
            aud.proposals.endorse(waiting.proposal.id)
        assert again.value.reason == "again"


def test_a_lost_laptop_is_revoked_from_the_next(world: World) -> None:
    """The new one reads everything; the lost one nothing any more."""
    new = identity("ben on a new laptop")
    with world.session("ben") as ben:
        device = ben.people.add_device(new.contact().note)
        assert device.member == identity("ben").device
    world.join("ben on a new laptop")
    with world.session("ben on a new laptop") as ben:
        assert len(list(ben.records())) == 2
        ben.people.revoke_device(identity("ben").device)
        assert not ben.authority.stale(world.case, ben.now())
        assert len(list(ben.records())) == 2
        ben.release([world.stored[0].record], "review")
    with pytest.raises(DeniedError):
        world.session("ben").__enter__()
    with world.session("ana") as ana:
        ana.add([_file(world)], world.case)
    with world.session("ben on a new laptop") as ben:
        assert len(list(ben.records())) == 3


def test_a_device_for_somebody_who_has_lost_all_comes_without_rights(world: World) -> None:
    """Roles and grants are to be given anew, so nobody can become another by enrolling for them."""
    new = identity("ben again")
    ben = identity("ben").device
    with world.session("ana") as ana:
        ana.people.add_device(new.contact().note, ben)
        assert not ana.authority.members[ben].roles
        assert not ana.authority.holds(ben, world.case, ana.now())
        ana.people.revoke_device(ben)
        ana.people.set_roles(ben, [Role.ATTORNEY])
        ana.casework.grant(world.case, ben)
    world.join("ben again")
    with world.session("ben again") as again:
        assert len(list(again.records())) == 2


def test_where_two_stewards_must_sign_the_second_does_it(world: World) -> None:
    """What one proposes waits; the same wish by another completes it."""
    add_steward(world, "sol")
    with world.session("ana") as ana:
        ana.people.set_policy(2)
        with pytest.raises(PendingError):
            ana.people.remove(identity("carla").device, "a reason")
        assert identity("carla").device in ana.authority.members
    with world.session("sol") as sol:
        sol.people.remove(identity("carla").device, "another reason")
        assert identity("carla").device not in sol.authority.members
        assert not sol.authority.proposals


def test_a_newcomer_with_an_invitation_notices_an_older_copy(world: World) -> None:
    """Sizes and roots in the invitation do what a pin does for others."""
    old = world.copy(world.root.parent / "old")
    with world.session("ana") as ana:
        ana.people.add(identity("eva").contact().note, [Role.ADVOCATE])
        ana.release([world.stored[0].record], "review")
        seen = {log: ana.replica.position(log) for log in (AUTHORITY, ACCESS)}
    with old.session("ana") as ana:
        ana.people.add(identity("eva").contact().note, [Role.ADVOCATE])
    with pytest.raises(RolledBackError):
        Session.join(
            old.path, identity("eva"), old.home("eva"), old.fingerprint, seen=seen, clock=old.clock
        )
    false = {AUTHORITY: Position(seen[AUTHORITY].size, "0" * 64)}
    with pytest.raises(Exception, match="history"):
        Session.join(
            world.path,
            identity("eva"),
            world.home("x"),
            world.fingerprint,
            seen=false,
            clock=world.clock,
        )
    Session.join(
        world.path,
        identity("eva"),
        world.home("eva"),
        world.fingerprint,
        seen=seen,
        clock=world.clock,
    ).close()


def test_when_founder_and_auditor_are_gone_the_log_is_read_on(world: World) -> None:
    """A steward takes over the auditors' group afresh; later auditors get it from there."""
    add_steward(world, "sol")
    with world.session("aud") as aud:
        aud.settle()
    with world.session("sol") as sol:
        sol.people.remove(identity("aud").device)
        sol.people.remove(identity("ana").device)
        sol.settle()
        assert not sol.authority.lost("auditors")
        sol.people.add(identity("new auditor").contact().note, [Role.AUDITOR])
    world.join("new auditor")
    with world.session("new auditor") as auditor:
        auditor.settle()
        assert not auditor.authority.stale("auditors", auditor.now())


def _file(world: World) -> Path:
    path = world.root / "one more.txt"
    path.write_bytes(b"one more")
    return path
