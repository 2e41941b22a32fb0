"""Nobody gets, gives or takes a right that is not theirs to get, give or take."""

from __future__ import annotations

from copy import deepcopy

import authority_kit as kit
import pytest
from authority_kit import CASE, CROWD, DAY, FOUNDER, NOW, STRANGER, World, device
from rights_table import TABLE, waiting

from vault.errors import DeniedError
from vault.model import AUDITORS, GATE, MEMBERS, Role
from vault.note import PROPOSALS, STATEMENTS

Body = kit.Body


def refused(world: World, kind: str, name: str, body: Body, reason: str) -> None:
    """Somebody's statement is denied for a reason, and nothing has changed."""
    before = deepcopy(world.authority)
    with pytest.raises(DeniedError) as caught:
        world.judge(world.statement(kind, name, body))
    assert caught.value.reason == reason
    assert world.authority == before


# --- who may state what -----------------------------------------------------------------------


@pytest.mark.parametrize("name", CROWD)
@pytest.mark.parametrize("act", TABLE)
def test_who_may(act: str, name: str) -> None:
    """Whoever has the right may state it; anybody else is denied, and nothing has changed."""
    row = TABLE[act]
    world = waiting()
    statement = world.statement(row.kind, name, row.body(world, name))
    before = deepcopy(world.authority)
    reason = row.denied(name)
    if reason is None:
        world.judge(statement)
    else:
        with pytest.raises(DeniedError) as caught:
            world.judge(statement)
        assert caught.value.reason == reason
    # The state is never changed in place, whether there is a next one or not.
    assert world.authority == before


def test_every_statement_is_tried() -> None:
    """No statement is left out of the table, and each but genesis is somebody's to make."""
    assert {row.kind for row in TABLE.values()} == STATEMENTS.keys()
    assert {row.kind for row in TABLE.values() if row.may} == STATEMENTS.keys() - {"genesis"}
    world = waiting()
    proposed = [row.body(world, "sol") for row in TABLE.values() if row.kind == "proposed"]
    assert {body["act"]["kind"] for body in proposed} == PROPOSALS.keys()
    assert all(row.may | row.but.keys() <= CROWD.keys() for row in TABLE.values())
    assert not any(row.may & row.but.keys() for row in TABLE.values())


def test_a_stranger_is_told_who_to_ask() -> None:
    """A stranger is denied as a stranger, whatever they state."""
    world = kit.peopled()
    refused(world, "rotated", STRANGER, world.rotated(MEMBERS), "unknown-device")


# --- members ----------------------------------------------------------------------------------


def test_member_added() -> None:
    """A new member has their roles, their device, and the keys of members and gate."""
    world = kit.founded()
    after = world.do("member-added", FOUNDER, world.added("eva", "advocate", "steward"))
    member = after.members[device("eva")]
    assert (member.name, member.roles) == ("eva", {Role.ADVOCATE, Role.STEWARD})
    assert member.devices == (device("eva"),)
    assert after.device(device("eva")).contact == kit.contact("eva")
    assert after.size == member.added + 1 == 2
    for group in (MEMBERS, GATE):
        assert device("eva") in after.epoch(group).wraps
    assert device("eva") not in after.epoch(AUDITORS).wraps


@pytest.mark.parametrize("name", [FOUNDER, "eva", "ida"])
def test_added_twice(name: str) -> None:
    """Whoever is a member is not added again, with other roles least of all."""
    world = kit.peopled()
    refused(world, "member-added", FOUNDER, world.added(name, "steward"), "is-member")


@pytest.mark.parametrize("role", ["steward", "advocate", "attorney"])
def test_an_auditor_has_no_other_role(role: str) -> None:
    """Nobody becomes an auditor and something else."""
    world = kit.founded()
    refused(world, "member-added", FOUNDER, world.added("new", role, "auditor"), "roles")
    refused(world, "member-added", FOUNDER, world.added("new", "auditor", role), "roles")


@pytest.mark.parametrize("roles", [["advocate"], ["steward"], ["auditor"], ["attorney", "steward"]])
def test_a_founder_has_two_roles(roles: list[str]) -> None:
    """A vault does not begin without a steward and an advocate, and never with an auditor."""
    world = World()
    statement = world.statement("genesis", FOUNDER, world.genesis(FOUNDER, roles=roles))
    with pytest.raises(DeniedError, match="founder is a steward and an advocate"):
        world.judge(statement)


# --- cases and grants -------------------------------------------------------------------------


def test_case_opened() -> None:
    """Who opens a case and who is named with them hold it, and nobody else."""
    world = kit.peopled()
    case = kit.case_id("new")
    after = world.do("case-opened", "bob", world.opened("new", "bob", "amy"))
    assert after.cases[case].grants.keys() == {device("bob"), device("amy")}
    assert after.epoch(case).wraps.keys() == {device("bob"), device("amy")}
    assert {device("bob"), device("amy")} <= after.held
    assert after.holds(device("amy"), case, NOW)
    assert not after.holds(device(FOUNDER), case, NOW)


@pytest.mark.parametrize(
    ("name", "holders", "reason"),
    [
        ("lea", ["lea"], "no-advocate"),
        ("lea", ["lea", "bob"], "no-advocate"),
        ("lea", ["lea", "sol"], "no-advocate"),
        ("eva", ["eva", "ida"], "auditor"),
        ("lea", ["lea", "eva", "ida"], "auditor"),
        ("eva", ["eva", STRANGER], "no-member"),
        ("eva", ["lea", "eva"], "holders"),
        ("eva", ["amy"], "holders"),
        ("eva", ["eva", "eva"], "holders"),
        ("eva", ["eva", "lea", "lea"], "holders"),
    ],
)
def test_case_opened_for_the_wrong_people(name: str, holders: list[str], reason: str) -> None:
    """A case has its opener first, an advocate, no auditor, no stranger, and nobody twice."""
    world = kit.peopled()
    refused(world, "case-opened", name, world.opened("new", *holders), reason)


def test_a_case_is_opened_once() -> None:
    """The id of a case that exists is not taken by another."""
    world = kit.peopled()
    refused(world, "case-opened", "amy", world.opened(CASE, "amy"), "used-id")


def test_granted() -> None:
    """A grant makes a holder, with keys, until its end."""
    world = kit.peopled()
    case = kit.case_id(CASE)
    after = world.do("case-granted", "eva", world.granted(CASE, "bob", NOW + DAY))
    assert device("bob") in after.epoch(case).wraps
    assert device("bob") in after.held
    assert after.holds(device("bob"), case, NOW + DAY - 1)
    assert not after.holds(device("bob"), case, NOW + DAY)


@pytest.mark.parametrize(
    ("name", "case", "to", "reason"),
    [
        ("eva", CASE, "ida", "auditor"),
        ("eva", CASE, STRANGER, "no-member"),
        ("eva", CASE, "lea", "is-holder"),
        ("eva", CASE, "eva", "is-holder"),
        ("eva", "another", "bob", "no-case"),
        ("amy", CASE, "bob", "not-holder"),
        ("amy", CASE, "amy", "not-holder"),
        (FOUNDER, CASE, FOUNDER, "not-holder"),
        ("lea", CASE, "bob", "role"),
        ("sol", CASE, "sol", "role"),
        ("ida", CASE, "ida", "role"),
    ],
)
def test_granted_by_or_to_the_wrong_people(name: str, case: str, to: str, reason: str) -> None:
    """Only an advocate who holds a case grants it, to members who are no auditors or holders."""
    world = kit.peopled()
    refused(world, "case-granted", name, world.granted(case, to), reason)


@pytest.mark.parametrize(
    ("until", "allowed"),
    [
        (NOW + DAY, True),
        (NOW + 1, True),
        (NOW + DAY + 1, False),
        (None, False),
        (NOW, False),
        (NOW - 1, False),
        (0, False),
    ],
)
def test_end_of_a_grant(until: int | None, allowed: bool) -> None:
    """A grant ends in the future, and no later than the granter's own."""
    world = kit.peopled()
    world.do("case-granted", "eva", world.granted(CASE, "amy", NOW + DAY))
    body = world.granted(CASE, "bob", until)
    if allowed:
        world.do("case-granted", "amy", body)
    else:
        refused(world, "case-granted", "amy", body, "until")


def test_an_expired_granter() -> None:
    """Whoever held a case until now does not grant it any more."""
    world = kit.peopled()
    world.do("case-granted", "eva", world.granted(CASE, "amy", NOW + DAY))
    world.now = NOW + DAY
    refused(world, "case-granted", "amy", world.granted(CASE, "bob", NOW + 2 * DAY), "not-holder")
    world.now -= 1
    world.do("case-granted", "amy", world.granted(CASE, "bob", NOW + DAY))


def test_granted_again() -> None:
    """Whoever held a case until now can be made its holder again."""
    world = kit.peopled()
    world.do("case-granted", "eva", world.granted(CASE, "bob", NOW + DAY))
    world.now = NOW + DAY
    after = world.do("case-granted", "eva", world.granted(CASE, "bob"))
    assert after.cases[kit.case_id(CASE)].grants[device("bob")].until is None


# --- rotation ---------------------------------------------------------------------------------


def test_no_such_group() -> None:
    """There is nothing to rotate in a case that does not exist."""
    world = kit.peopled()
    body = {"epochs": [kit.epoch_body(kit.case_id("another"), 1, ["eva"])]}
    refused(world, "rotated", "eva", body, "no-group")


def test_the_founder_until_there_is_an_auditor() -> None:
    """The founder may rotate the auditors' group as long as there is no auditor, and not after."""
    world = kit.founded()
    world.do("rotated", FOUNDER, world.rotated(AUDITORS))
    body = world.added("ida", "auditor", groups=(MEMBERS, GATE, AUDITORS))
    world.do("member-added", FOUNDER, body)
    refused(world, "rotated", FOUNDER, world.rotated(AUDITORS), "not-holder")
    after = world.do("rotated", "ida", world.rotated(AUDITORS))
    assert after.epoch(AUDITORS).wraps.keys() == {device("ida")}


def test_an_auditor_without_keys() -> None:
    """An auditor who was never given the auditors' keys draws none for the group."""
    world = kit.peopled(auditor_has_keys=False)
    assert world.entitled(AUDITORS) == ["ida"]
    refused(world, "rotated", "ida", world.rotated(AUDITORS), "not-holder")


def test_holder_of_an_old_epoch_only() -> None:
    """Whoever has only the keys before draws no new ones, even where the clock steps back."""
    world = kit.peopled()
    case = kit.case_id(CASE)
    world.do("case-granted", "eva", world.granted(CASE, "amy", NOW + DAY))
    world.now = NOW + DAY
    world.do("rotated", "eva", world.rotated(case))
    world.now = NOW
    assert world.authority.holds(device("amy"), case, NOW)
    refused(world, "rotated", "amy", world.rotated(case), "not-holder")


def test_an_expired_holder() -> None:
    """Whoever held a case until now does not rotate it any more, and gets no new keys."""
    world = kit.peopled()
    case = kit.case_id(CASE)
    world.do("case-granted", "eva", world.granted(CASE, "amy", NOW + DAY))
    world.now = NOW + DAY
    refused(world, "rotated", "amy", world.rotated(case), "not-holder")
    after = world.do("rotated", "lea", world.rotated(case))
    assert after.epoch(case).wraps.keys() == {device("eva"), device("lea")}


def test_part_of_a_rotation() -> None:
    """A rotation of two groups by a holder of only one of them changes neither."""
    world = kit.peopled()
    for groups in ((MEMBERS, AUDITORS), (AUDITORS, MEMBERS)):
        refused(world, "rotated", "eva", world.rotated(*groups), "not-holder")


# --- wraps ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["sol", "eva", "ida"])
def test_keys_from_who_has_none(name: str) -> None:
    """Whoever has no keys of a group gives none, by no statement."""
    world = kit.peopled(auditor_has_keys=False)
    refused(world, "wrapped", name, world.wrapped((AUDITORS, "ida")), "not-holder")
    world.do("wrapped", FOUNDER, world.wrapped((AUDITORS, "ida")))


def test_a_steward_without_the_auditors_keys() -> None:
    """A steward who does not have the auditors' keys cannot pretend to give them to an auditor."""
    world = kit.peopled()
    body = world.added("ivy", "auditor", groups=(MEMBERS, GATE, AUDITORS))
    refused(world, "member-added", "sol", body, "not-holder")
    world.do("member-added", FOUNDER, body)


def test_a_granter_without_the_keys() -> None:
    """An advocate whose grant is in force by the clock and who has only old keys grants nothing."""
    world = kit.peopled()
    world.do("case-granted", "eva", world.granted(CASE, "amy", NOW + DAY))
    world.now = NOW + DAY
    world.do("rotated", "eva", world.rotated(kit.case_id(CASE)))
    world.now = NOW
    refused(world, "case-granted", "amy", world.granted(CASE, "bob", NOW + 1), "not-holder")


@pytest.mark.parametrize(
    ("group", "to"),
    [
        (AUDITORS, "eva"),
        (AUDITORS, FOUNDER),
        (AUDITORS, STRANGER),
        (MEMBERS, STRANGER),
        (MEMBERS, "eva"),
        (GATE, STRANGER),
    ],
)
def test_keys_to_who_should_not_have_them(group: str, to: str) -> None:
    """Keys are given to nobody who is not in the group, or who has them already."""
    world = kit.peopled()
    refused(world, "wrapped", FOUNDER, world.wrapped((group, to)), "wraps")


def test_case_keys_to_who_should_not_have_them() -> None:
    """A holder gives the keys of a case to nobody by a wrap alone."""
    world = kit.peopled()
    case = kit.case_id(CASE)
    for to in ("amy", "bob", "ida", FOUNDER, STRANGER, "lea"):
        refused(world, "wrapped", "eva", world.wrapped((case, to)), "wraps")


def test_one_false_wrap_among_true_ones() -> None:
    """A statement that gives one person too much gives nobody anything."""
    world = kit.peopled(auditor_has_keys=False)
    body = world.wrapped((AUDITORS, "ida"), (AUDITORS, "eva"))
    refused(world, "wrapped", FOUNDER, body, "wraps")
