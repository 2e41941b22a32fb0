"""A request is filed, answered and used once; its state is what the log says to all who read it."""

from __future__ import annotations

from pathlib import Path

import pytest
import vault_kit
from vault_kit import SMALL, World

from vault.errors import DeniedError, NotFoundError
from vault.model import CasePolicy, Role
from vault.requests import AskedError


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Ana, Ben and Carla hold the case; it asks for one approval within 24 hours."""
    made = vault_kit.make(tmp_path)
    with made.session("ana") as ana:
        ana.grant(made.case, vault_kit.identity("carla").device)
        ana.casework.set_policy(made.case, CasePolicy(1, 24))
    return made


def ask(world: World, who: str = "ben", why: str | None = "Motion of May 4") -> str:
    """Somebody asks for the small record; the request's id."""
    with world.session(who) as session:
        return session.requests.file([world.stored[0].record], "filing", why).id


def approve(world: World, who: str, request: str) -> str:
    """Somebody approves; the state after it."""
    with world.session(who) as session:
        return session.requests.approve(request).state


def use(world: World, who: str, request: str, **changes: str) -> bytes:
    """Somebody retrieves the small record with a request; its content."""
    with world.session(who) as session:
        asked = {"purpose": "filing", "disposition": "copy", **changes}
        records = [world.stored[0].record]
        (opened,) = session.release(records, request=request, **asked)
        content = b"".join(session.content(opened))
        session.receive([opened])
        return content


def problems(world: World, *names: str) -> list[tuple[str, str]]:
    """Who finds what wrong with the log."""
    found = []
    for name in names or ("ana", "ben", "aud"):
        with world.session(name) as session:
            found += [(name, problem.code) for problem in session.verify()[1]]
    return found


def test_without_a_request_nothing_is_released_where_approvals_are_asked_for(world: World) -> None:
    """The gate refuses, and the refusal is logged with its reason."""
    with world.session("ben") as ben:
        with pytest.raises(DeniedError) as caught:
            ben.release([world.stored[0].record], "filing")
        assert caught.value.reason == "approval"
        assert [entry.refusal for entry in ben.log()][-1] == "approval"


def test_a_request_that_was_approved_is_used_once(world: World) -> None:
    """Pending, approved, used; then there is nothing more to use."""
    request = ask(world)
    with world.session("ben") as ben:
        (seen,) = ben.requests.all(mine=True)
        assert (seen.state, seen.needs, seen.approvals) == ("pending", 1, ())
        assert (seen.why, seen.actor) == ("Motion of May 4", ben.member.id)
        with pytest.raises(DeniedError) as caught:
            use(world, "ben", request)
        assert caught.value.reason == "approvals"
    assert approve(world, "ana", request) == "approved"
    assert use(world, "ben", request) == SMALL
    with world.session("ana") as ana:
        assert ana.requests.find(request[:6]).state == "used"
    with pytest.raises(DeniedError) as caught:
        use(world, "ben", request)
    assert caught.value.reason == "used"
    assert problems(world) == []


def test_a_denied_request_cannot_be_approved_or_used(world: World) -> None:
    """One denial is enough, and it is final."""
    request = ask(world)
    with world.session("ana") as ana:
        assert ana.requests.deny(request, "not yet").state == "denied"
    for attempt in (lambda: approve(world, "carla", request), lambda: use(world, "ben", request)):
        with pytest.raises(DeniedError) as caught:
            attempt()
        assert caught.value.reason == "denied"
    assert problems(world) == []


def test_nobody_approves_their_own_request(world: World) -> None:
    """Another holder has to."""
    request = ask(world)
    with pytest.raises(DeniedError) as caught:
        approve(world, "ben", request)
    assert caught.value.reason == "own-request"


def test_a_request_expires(world: World) -> None:
    """After its hours it is neither approved nor used."""
    first, second = ask(world), ask(world)
    approve(world, "ana", second)
    world.clock.at += 25 * 3600
    with pytest.raises(DeniedError) as caught:
        approve(world, "ana", first)
    assert caught.value.reason == "expired"
    with pytest.raises(DeniedError) as caught:
        use(world, "ben", second)
    assert caught.value.reason == "expired"
    with world.session("aud") as aud:
        assert {request.state for request in aud.requests.all()} == {"expired"}


def test_a_request_is_used_for_exactly_what_it_asked(world: World) -> None:
    """Other records, another purpose, another disposition, another member: no."""
    request = ask(world)
    approve(world, "ana", request)
    with pytest.raises(DeniedError) as caught:
        use(world, "ben", request, purpose="hearing")
    assert caught.value.reason == "request"
    assert caught.value.entry is not None
    with world.session("ben") as ben, pytest.raises(DeniedError) as caught:
        ben.release([world.stored[1].record], "filing", request=request)
    assert caught.value.reason == "request"
    with pytest.raises(DeniedError) as caught:
        use(world, "carla", request)
    assert caught.value.reason == "request"


def test_approvals_are_counted_by_members_who_still_hold_the_case(world: World) -> None:
    """Who has left the case since does not count, and another has to approve."""
    with world.session("ana") as ana:
        ana.casework.set_policy(world.case, CasePolicy(2, 24))
    request = ask(world)
    assert approve(world, "carla", request) == "pending"
    with world.session("carla") as carla:
        carla.casework.revoke(world.case, carla.member.id)
    assert approve(world, "ana", request) == "pending"
    with world.session("ben") as ben:
        seen = ben.requests.find(request)
        assert seen.approvals == (vault_kit.identity("ana").device,)
    with pytest.raises(DeniedError) as caught:
        use(world, "ben", request)
    assert caught.value.reason == "approvals"


def test_who_must_answer_sees_what_waits(world: World) -> None:
    """`for_me` has what an answer of mine would help; after it, it is empty."""
    request = ask(world)
    for name, waits in (("ana", 1), ("carla", 1), ("ben", 0), ("aud", 0)):
        with world.session(name) as session:
            assert len(session.requests.all(for_me=True)) == waits, name
    approve(world, "ana", request)
    with world.session("ana") as ana:
        assert ana.requests.all(for_me=True) == []
        with pytest.raises(NotFoundError):
            ana.requests.find("zzzz")


def test_the_words_of_a_request_are_for_holders(world: World) -> None:
    """Auditors see the code, never the words."""
    request = ask(world, why="She names the officer")
    with world.session("aud") as aud:
        seen = aud.requests.find(request)
        assert (seen.purpose, seen.why) == ("filing", None)
    with world.session("carla") as carla:
        assert carla.requests.find(request).why == "She names the officer"


def test_a_destruction_takes_two_people(world: World) -> None:
    """The first asks, the second approves and does it; then nobody gets it, and all see who did."""
    record = world.stored[0].record
    with world.session("ben") as ben, pytest.raises(AskedError) as caught:
        ben.destroy([record], "she asked for it")
    (request,) = caught.value.requests
    assert (request.disposition, request.needs, request.state) == ("destroy", 1, "pending")
    with world.session("ben") as ben, pytest.raises(AskedError):
        ben.destroy([record])
    with world.session("ana") as ana:
        (gone,) = ana.destroy([record])
        assert (gone.record, gone.member, gone.copies) == (record, ana.member.id, ())
        assert [listed.id for listed in ana.records()] == [world.stored[1].record]
        for act in (
            lambda: ana.record(record),
            lambda: ana.requests.file([record], "filing"),
            lambda: ana.destroy([record]),
        ):
            with pytest.raises(DeniedError) as refused:
                act()
            assert refused.value.reason == "destroyed"
    assert problems(world) == []


def test_a_destruction_needs_an_advocate(world: World) -> None:
    """Two attorneys cannot."""
    record = world.stored[0].record
    with world.session("ana") as ana:
        ana.people.set_roles(vault_kit.identity("carla").device, [Role.ATTORNEY])
    with world.session("ben") as ben, pytest.raises(AskedError):
        ben.destroy([record])
    with world.session("carla") as carla, pytest.raises(AskedError) as caught:
        carla.destroy([record])
    assert caught.value.requests[0].state == "pending"
    with world.session("ana") as ana:
        assert [gone.record for gone in ana.destroy([record])] == [record]


def test_who_asked_can_complete_a_destruction(world: World) -> None:
    """After somebody's approval the one who asked does it; the receipt names who has copies."""
    record = world.stored[0].record
    request = ask(world, "carla")
    approve(world, "ana", request)
    use(world, "carla", request)
    with world.session("ben") as ben, pytest.raises(AskedError) as caught:
        ben.destroy([record])
    approve(world, "ana", caught.value.requests[0].id)
    with world.session("ben") as ben:
        (gone,) = ben.destroy([record])
        assert [(copy.name, copy.disposition) for copy in gone.copies] == [("Carla Vega", "copy")]
        assert gone.erased


def test_a_legal_hold_forbids_a_destruction(world: World) -> None:
    """Before it is asked for, and after it was approved."""
    record = world.stored[0].record
    with world.session("ben") as ben, pytest.raises(AskedError):
        ben.destroy([record])
    with world.session("ana") as ana:
        ana.casework.set_hold(world.case)
        with pytest.raises(DeniedError) as caught:
            ana.destroy([record])
        assert caught.value.reason == "hold"
        with pytest.raises(DeniedError) as caught:
            ana.destroy([world.stored[1].record])
        assert caught.value.reason == "hold"
        assert len(list(ana.records())) == 2
