"""Rekeying: who seals anew, who confirms, and what is read before, between and after."""

from __future__ import annotations

from pathlib import Path

import pytest
from vault_kit import World, identity, make

from vault import ids
from vault.check import check
from vault.errors import DeniedError, NotFoundError
from vault.message import sealed_to
from vault.model import GATE, Deposit
from vault.session import Session

DAY = 86_400


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Ana (steward, advocate) and Ben (attorney) hold the case; Carla is an advocate."""
    return make(tmp_path)


def deposits(session: Session) -> list[Deposit]:
    """All deposits as they are stored."""
    with session.store.read() as reads:
        return reads.deposits()


def epochs(session: Session, world: World) -> tuple[int, int]:
    """The epochs in force of case and gate."""
    return session.authority.epoch(world.case).number, session.authority.epoch(GATE).number


def sound(world: World, *names: str) -> None:
    """Everything that can be checked is in order, without keys and with these people's."""
    for name in names:
        with world.session(name) as session:
            assert check(session.store).problems == []
            assert check(session.store, session).problems == []
            _, problems = session.verify()
            assert problems == []


def add(world: World, name: str, content: bytes = b"late") -> None:
    """Somebody stores something."""
    (world.root / "late.txt").write_bytes(content)
    with world.session(name) as session:
        session.add([world.root / "late.txt"], world.case)


def test_a_rekey_waits_for_another_holder(world: World) -> None:
    """The old seals stay until Ben has opened the new ones; then they are gone."""
    with world.session("ana") as ana:
        before = deposits(ana)
        done = ana.renewals.rekey(world.case)
        assert (done.deposits, done.records, done.confirmed) == (1, 2, False)
        assert done.waits_for == (identity("ben").device,)
        assert deposits(ana) == before
        (waits,) = ana.renewals.pending()
        assert (waits.kind, waits.maker, waits.outdated) == ("rekey", ana.member.id, False)
    assert len(world.read_all("ben")) == 2
    sound(world, "ana", "ben", "carla", "aud")
    with world.session("ben") as ben:
        confirmed = ben.renewals.confirm(world.case)
        assert (confirmed.deposits, confirmed.records, confirmed.confirmed) == (1, 2, True)
        (after,) = deposits(ben)
        assert (after.epoch, after.gate_epoch) == epochs(ben, world)
        assert after.case_seal != before[0].case_seal
        assert after.gate_seal != before[0].gate_seal
        assert ben.renewals.pending() == []
    assert len(world.read_all("ben")) == len(world.read_all("ana")) == 2
    sound(world, "ana", "ben", "carla", "aud")


def test_keys_are_drawn_first_if_nothing_else_is_to_be_done(world: World) -> None:
    """Whoever rekeys without anybody having left wants other keys all the same."""
    with world.session("ana") as ana:
        assert epochs(ana, world) == (1, 1)
        ana.renewals.rekey(world.case)
        assert epochs(ana, world) == (2, 1)
        ana.renewals.rekey(world.case)
        assert epochs(ana, world) == (2, 1)


def test_who_is_alone_confirms_alone(world: World) -> None:
    """And the entry says so."""
    with world.session("ana") as ana:
        ana.casework.revoke(world.case, identity("ben").device)
        done = ana.renewals.rekey(world.case)
        assert done.confirmed
        assert done.waits_for == ()
        (after,) = deposits(ana)
        assert (after.epoch, after.gate_epoch) == epochs(ana, world)
        last = list(ana.log())[-1]
        assert last.kind == "confirmation"
        assert last.notes is not None
        assert last.notes[0].body["sole"]
    sound(world, "ana", "aud")
    assert len(world.read_all("ana")) == 2


def test_who_made_it_does_not_confirm_it(world: World) -> None:
    """While there is another holder, the gate refuses and nothing changes."""
    with world.session("ana") as ana:
        ana.renewals.rekey(world.case)
        before = deposits(ana)
        with pytest.raises(DeniedError) as caught:
            ana.renewals.confirm(world.case)
        assert caught.value.reason == "own-renewal"
        assert deposits(ana) == before
    sound(world, "ana", "ben")


def test_an_attorney_rekeys_nothing_but_what_others_wait_for(world: World) -> None:
    """A rekey of what is sealed to an epoch is an advocate's."""
    with world.session("ben") as ben:
        with pytest.raises(DeniedError) as caught:
            ben.renewals.rekey(world.case)
        assert caught.value.reason == "role"
        assert ben.renewals.pending() == []


def test_a_second_rekey_replaces_the_first(world: World) -> None:
    """Only the later one can be confirmed, once."""
    with world.session("ana") as ana:
        first = ana.renewals.rekey(world.case).entry
        second = ana.renewals.rekey(world.case).entry
        assert [waits.entry for waits in ana.renewals.pending()] == [second] != [first]
    with world.session("ben") as ben:
        ben.renewals.confirm(world.case)
        with pytest.raises(NotFoundError):
            ben.renewals.confirm(world.case)
    sound(world, "ana", "ben")


def test_a_rekey_whose_keys_were_changed_since_is_made_again(world: World) -> None:
    """New seals for whoever left meanwhile would be no better than the old."""
    with world.session("ana") as ana:
        ana.renewals.rekey(world.case)
        ana.rotate(world.case)
        (waits,) = ana.renewals.pending()
        assert waits.outdated
    with world.session("ben") as ben:
        with pytest.raises(DeniedError) as caught:
            ben.renewals.confirm(world.case)
        assert caught.value.reason == "old-renewal"
    with world.session("ana") as ana:
        ana.renewals.rekey(world.case)
    with world.session("ben") as ben:
        ben.renewals.confirm(world.case)
    sound(world, "ana", "ben")


def test_nothing_is_confirmed_under_a_legal_hold(world: World) -> None:
    """Old bytes are a copy that a court may yet ask for."""
    with world.session("ana") as ana:
        ana.casework.set_hold(world.case)
        ana.renewals.rekey(world.case)
        before = deposits(ana)
    with world.session("ben") as ben:
        with pytest.raises(DeniedError) as caught:
            ben.renewals.confirm(world.case)
        assert caught.value.reason == "hold"
        assert deposits(ben) == before


def test_a_rekey_again_and_again(world: World) -> None:
    """Each stands on the one before; what an earlier one renewed is verified all the same."""
    for content in (b"one", b"two", b"three"):
        add(world, "ana", content)
        with world.session("ana") as ana:
            ana.renewals.rekey(world.case)
        with world.session("ben") as ben:
            ben.renewals.confirm(world.case)
        sound(world, "ana", "ben")
    assert len(world.read_all("ben")) == 5


def test_a_plan_changes_nothing(world: World) -> None:
    """It says how much it would be and how long it takes."""
    with world.session("ana") as ana:
        size = len(list(ana.log()))
        plan = ana.renewals.plan(world.case)
        assert (plan.deposits, plan.records) == (1, 2)
        assert plan.bytes > 0
        assert plan.seconds > 0
        assert len(list(ana.log())) == size


# --- what was added while the case was stale ----------------------------------------------------


def stale(world: World) -> None:
    """Carla held the case for a day; it is over, and she has its keys."""
    with world.session("ana") as ana:
        ana.casework.grant(world.case, identity("carla").device, int(world.clock.at) + DAY)
    world.clock.at += 2 * DAY


def test_who_comes_later_reads_it_once_it_is_sealed_anew(world: World) -> None:
    """Ana adds, rotates and seals anew; Dora, who is granted the case then, reads everything."""
    with world.session("ana") as ana:
        ana.add_member(identity("dora").contact().note, [next(iter(ana.member.roles))])
    world.join("dora")
    stale(world)
    add(world, "ana", b"after she left")
    with world.session("ana") as ana:
        (waits,) = ana.renewals.pending()
        assert waits.waits_for == (identity("ben").device,)
        ana.grant(world.case, identity("dora").device)
    contents = [content for _, content in world.read_all("dora").values()]
    assert b"after she left" in contents
    sound(world, "ana", "ben", "dora", "aud")


def test_before_that_they_do_not(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: without the new seals the deposit is not for who came later."""
    monkeypatch.setattr("vault.renewals.Renewals.settle", lambda _self: None)
    stale(world)
    add(world, "ana", b"after she left")
    with world.session("ana") as ana:
        ana.grant(world.case, identity("carla").device)
        late = deposits(ana)[-1]
    with world.session("carla") as carla:
        from vault import retrieve

        with carla.store.read() as reads, pytest.raises(DeniedError) as caught:
            retrieve.hold(carla.replica, reads, late)
        assert caught.value.reason == retrieve.NOT_YET
        # All else is there, and they learn that something is missing.
        assert len(list(carla.records(world.case))) == 2
        assert carla.renewals.unreadable() == carla.renewals.unreadable(world.case) == 1
    with world.session("ana") as ana:
        assert ana.renewals.unreadable() == 0


def test_the_next_act_of_another_holder_confirms_it(world: World) -> None:
    """Nobody has to be asked; then the seals for devices are gone."""
    stale(world)
    add(world, "ana", b"after she left")
    with world.session("ben") as ben:
        ben.settle()
        assert ben.renewals.pending() == []
        late = deposits(ben)[-1]
        assert sealed_to(late.case_seal) == [""]
        assert (late.epoch, late.gate_epoch) == epochs(ben, world)
    with world.session("ana") as ana:
        ana.grant(world.case, identity("carla").device)
    assert len(world.read_all("carla")) == 3
    sound(world, "ana", "ben", "carla", "aud")


def test_an_attorney_seals_it_anew_too(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A holder of any role: whoever comes later should not wait for an advocate."""
    from vault.renewals import Renewals

    stale(world)
    with monkeypatch.context() as silent:
        silent.setattr(Renewals, "settle", lambda _self: None)
        add(world, "ana", b"after she left")
    with world.session("ben") as ben:
        ben.settle()
        (waits,) = ben.renewals.pending()
        assert waits.maker == ben.member.id
    with world.session("ana") as ana:
        ana.settle()
        assert ana.renewals.pending() == []
    sound(world, "ana", "ben", "aud")


def test_an_attorney_does_not_drop_an_advocates_rekey(world: World) -> None:
    """What waits under the keys in force is left alone."""
    stale(world)
    with world.session("ana") as ana:
        ana.renewals.rekey(world.case)
        (waits,) = ana.renewals.pending()
    add(world, "ben", b"more")
    with world.session("ben") as ben:
        ben.settle()
        assert [one.entry for one in ben.renewals.pending()] == [waits.entry]
        assert ids.parse(world.case)
