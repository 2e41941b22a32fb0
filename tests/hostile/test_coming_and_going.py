"""Rights end at once, come back only as they should, and nobody keeps keys that are in force."""

from __future__ import annotations

from functools import cache
from typing import Any

import authority_kit as kit
import pytest
from authority_kit import CASE, DAY, FROZEN, NOW, OLD, World, device

from keys.errors import MalformedError, SignatureError, VerificationError, WeakKeyError
from vault import note
from vault.authority.apply import DRIFT
from vault.authority.membership import LAPSES
from vault.errors import DeniedError, GateError, StaleError
from vault.model import AUDITORS, GATE, MEMBERS, Role

CROSSING = kit.case_id(CASE)
LEA: dict[str, Any] = {"member": "lea", "why": None}


def suspended(world: World, name: str) -> bool:
    """Whether somebody is suspended now."""
    return not world.authority.active(device(name), world.now)


# --- suspension -------------------------------------------------------------------------------


def test_two_members_suspend_for_seven_days() -> None:
    """Then it lapses, and who comes back waits for the keys of what was rotated meanwhile."""
    world = kit.crowded()
    after = world.agree("member-suspended", "gil", "amy", **LEA)
    assert suspended(world, "lea")
    assert not after.holds(device("lea"), CROSSING, NOW)
    for group in (MEMBERS, GATE):
        assert device("lea") not in after.epoch(group).wraps
    assert after.stale(CROSSING, NOW)
    world.do("rotated", "eva", world.rotated(CROSSING))
    world.now = NOW + LAPSES - 1
    assert suspended(world, "lea")
    world.now += 1
    assert not suspended(world, "lea")
    assert world.authority.holds(device("lea"), CROSSING, world.now)
    for group in (MEMBERS, GATE, CROSSING):
        assert [found.id for found in world.authority.lacking(group, world.now)] == [device("lea")]
    world.do("wrapped", "una", world.wrapped((MEMBERS, "lea"), (GATE, "lea"), (CROSSING, "lea")))
    assert not world.authority.lacking(CROSSING, world.now)


def test_not_again_before_a_steward_has_acted() -> None:
    """Two who are ill-disposed do not keep somebody out for ever."""
    world = kit.crowded()
    world.agree("member-suspended", "gil", "amy", **LEA)
    world.now = NOW + LAPSES
    for people in (("gil", "amy"), ("bob", "eva")):
        quoted = world.propose("member-suspended", people[0], **LEA)
        world.refuses("again", "member-suspended", people[1], quoted=quoted, **LEA)
    # Neither while it is in force, which would make it longer.
    world.now -= 1
    world.refuses("again", "member-suspended", "amy", quoted=quoted, **LEA)
    world.now += 1
    free = world.copy()
    free.does("member-resumed", "sol", member="lea")
    free.agree("member-suspended", "gil", "amy", **LEA)
    assert suspended(free, "lea")
    world.does("member-suspended", "sol", **LEA)
    world.now += 365 * DAY
    assert suspended(world, "lea")


def test_a_steward_confirms_what_two_have_done() -> None:
    """Then it does not lapse; it is confirmed once."""
    world = kit.crowded()
    world.agree("member-suspended", "gil", "amy", **LEA)
    world.does("member-suspended", "sol", **LEA)
    world.refuses("is-suspended", "member-suspended", "ada", **LEA)
    world.now += LAPSES + DAY
    assert suspended(world, "lea")


def test_a_steward_among_the_two_makes_it_last() -> None:
    """What a steward has signed is a steward's suspension, whoever does it."""
    world = kit.crowded()
    quoted = world.propose("member-suspended", "sol", **LEA)
    world.does("member-suspended", "amy", quoted=quoted, **LEA)
    world.now += LAPSES
    assert suspended(world, "lea")


def test_two_members_resume() -> None:
    """Two others lift a suspension, a steward's too; the one it is about is none of them."""
    world = kit.crowded()
    world.refuses("signatures", "member-resumed", "amy", member="sue")
    world.refuses("suspended", "member-resumed", "sue", member="sue")
    world.agree("member-resumed", "gil", "amy", member="sue")
    assert not suspended(world, "sue")
    world.refuses(
        "not-suspended",
        "member-resumed",
        "amy",
        quoted=world.propose("member-resumed", "gil", member="sue"),
        member="sue",
    )
    # What two lifted, two do not set again; a steward does.
    quoted = world.propose("member-suspended", "gil", member="sue", why=None)
    world.refuses("again", "member-suspended", "amy", quoted=quoted, member="sue", why=None)
    world.does("member-suspended", "sol", member="sue", why=None)


def test_who_is_not_suspended_is_not_resumed() -> None:
    """There is nothing to lift, though it was once."""
    world = kit.crowded()
    world.refuses("not-suspended", "member-resumed", "sol", member="lea")
    world.does("member-resumed", "sol", member="sue")
    world.refuses("not-suspended", "member-resumed", "sol", member="sue")


@pytest.mark.parametrize("group", [MEMBERS, GATE])
def test_who_is_resumed_gets_the_keys_at_once(group: str) -> None:
    """A resumption without the members' or the gate's keys is refused: nobody would be back."""
    world = kit.crowded()
    body = world.body("member-resumed", "sol", member="sue")
    wraps = [wrap for wrap in body["wraps"] if wrap["group"] != group]
    world.denies("wraps", "member-resumed", "sol", {**body, "wraps": wraps})


def test_nobody_suspends_themselves() -> None:
    """Not even a steward; nor is the second of two."""
    world = kit.crowded()
    world.refuses("role", "member-suspended", "sol", member="sol", why=None)
    quoted = world.propose("member-suspended", "amy", **LEA)
    world.denies("role", "endorsed", "lea", {"proposal": quoted})


def test_one_steward_is_left() -> None:
    """With a steward's signature a suspension does not lapse: the last one is not suspended so."""
    world = kit.crowded()
    quoted = world.propose("member-suspended", "ada", member="sol", why=None)
    world.does("member-suspended", "sol", member="sam", why=None)
    world.copy().does("member-suspended", "amy", quoted=quoted, member="sol", why=None)
    world.agree("member-suspended", "gil", "amy", member="ada", why=None)
    # Ada's signature does not count now; and two others do it, but not for ever.
    world.refuses("signatures", "member-suspended", "bob", quoted=quoted, member="sol", why=None)
    world.do("endorsed", "gil", {"proposal": quoted})
    after = world.does("member-suspended", "amy", quoted=quoted, member="sol", why=None)
    assert not after.stewards(NOW)
    assert {found.name for found in after.stewards(NOW + LAPSES)} == {"ada", "sol"}
    world.agree("member-resumed", "bob", "amy", member="ada")
    world.does("member-suspended", "ada", member="sol", why=None)
    assert [found.name for found in world.authority.stewards(NOW + LAPSES)] == ["ada"]


def test_nobody_is_left_to_review() -> None:
    """While auditors, founder and stewards are all suspended, what is logged goes to the others."""
    world = kit.crowded()
    for name in ("ida", "ada", "sol", "sam"):
        world.agree("member-suspended", "gil", "amy", member=name, why=None)
    left = set(world.entitled(AUDITORS))
    assert {"gil", "amy", "eva", "eva/2", "una", "lea", "bob"} == left
    assert world.authority.stale(AUDITORS, NOW)


def test_an_auditor_falls_back() -> None:
    """The auditors' log is for the auditors, else the founder, else the stewards."""
    world = kit.crowded()
    assert world.entitled(AUDITORS) == ["ida"]
    lost = world.copy()
    lost.does("device-revoked", "sol", target="ida")
    assert lost.entitled(AUDITORS) == ["ada"]
    lost.does("device-revoked", "sol", target="ada")
    assert lost.entitled(AUDITORS) == ["sol", "sam"]
    world.does("member-suspended", "sol", member="ida", why=None)
    assert world.entitled(AUDITORS) == ["ada"]
    world.does("member-removed", "sol", member="ada", why=None)
    assert world.entitled(AUDITORS) == ["sol", "sam"]
    # Ida is there and has the keys, so nobody begins afresh.
    world.denies("not-holder", "rotated", "sol", world.rotated(AUDITORS))
    world.does("member-removed", "sol", member="ida", why=None)
    after = world.do("rotated", "sol", {"epochs": [world.next_epoch(AUDITORS, link=None)]})
    assert after.epoch(AUDITORS).link is None
    assert after.epoch(AUDITORS).number == 2
    assert {kit.name_of(name) for name in after.epoch(AUDITORS).wraps} == {"sol", "sam"}


@pytest.mark.parametrize("group", [MEMBERS, GATE, CROSSING])
def test_only_the_auditors_begin_afresh(group: str) -> None:
    """No other group drops the link to what was before."""
    world = kit.crowded()
    body = {"epochs": [world.next_epoch(group, link=None)]}
    with pytest.raises(MalformedError, match="link"):
        world.do("rotated", "eva", body)


def test_a_group_that_begins_afresh_has_no_link() -> None:
    """Who has no keys can link to none: what they gave as a link would be noise."""
    world = kit.crowded()
    world.does("member-removed", "sol", member="ada", why=None)
    world.does("member-removed", "sol", member="ida", why=None)
    with pytest.raises(MalformedError, match="link"):
        world.do("rotated", "sol", world.rotated(AUDITORS))


# --- removal ----------------------------------------------------------------------------------


def test_a_removed_member() -> None:
    """Roles, devices and grants are gone, and what had them is known as it was."""
    world = kit.crowded()
    after = world.does("member-removed", "sol", **LEA)
    lea = device("lea")
    assert lea not in after.members
    assert after.former_members[lea].name == "lea"
    assert lea in after.former_devices
    assert after.ever(lea) == after.former_members[lea]
    assert not after.holds(lea, CROSSING, NOW)
    assert not any(lea in case.grants for case in after.cases.values())
    assert not after.stale(MEMBERS, NOW)
    assert not after.stale(GATE, NOW)
    assert after.stale(CROSSING, NOW)
    world.refuses("no-member", "member-removed", "sol", **LEA)
    world.refuses("no-member", "roles-set", "sol", member="lea", roles=[Role.STEWARD])
    world.denies("no-member", "case-granted", "eva", world.granted(CASE, "lea"))


def test_a_removed_contact_does_not_come_back() -> None:
    """Two people would go by one id: neither as a member, nor as a device, nor for recovery."""
    world = kit.crowded()
    for kind, by, said in (
        ("member-added", "sol", {"contact": "rex", "roles": [Role.ATTORNEY]}),
        ("device-added", "eva", {"member": "eva", "contact": "rex"}),
        ("device-added", "eva", {"member": "eva", "contact": "eva/3"}),
        ("device-added", "sol", {"member": "bob", "contact": "eva/3"}),
        ("member-added", "sol", {"contact": "eva/3", "roles": [Role.ATTORNEY]}),
    ):
        world.refuses("revoked", kind, by, **said)
    world.denies("revoked", "recovery-trusted", "eva", world.trusted("eva/3", CASE))
    for contact in ("eva/2", "lea"):
        world.refuses("is-member", "device-added", "una", member="una", contact=contact)
        world.denies("is-member", "recovery-trusted", "eva", world.trusted(contact, CASE))


def test_a_member_who_leaves_takes_no_group_along() -> None:
    """Nobody removes themselves: who stays draws the new keys."""
    world = kit.crowded()
    body = world.body("member-removed", "sol", member="sam", why=None)
    world.denies("not-holder", "member-removed", "sam", body)


# --- roles ------------------------------------------------------------------------------------


def test_who_ever_held_a_case_is_no_auditor() -> None:
    """Neither a holder, nor a former one, nor who was granted a record."""
    world = kit.crowded()
    world.does("grant-revoked", "eva", case=CASE, member="lea")
    world.does("grant-revoked", "eva", case=CASE, member="gil")
    for name in ("eva", "lea", "gil", "nil", "sue"):
        reason = "held" if name != "nil" else None
        if reason:
            world.refuses(reason, "roles-set", "sol", member=name, roles=[Role.AUDITOR])
        else:
            world.does("roles-set", "sol", member=name, roles=[Role.AUDITOR])


def test_roles_that_do_not_go_together() -> None:
    """An auditor is nothing else, and roles that somebody has are not given."""
    world = kit.crowded()
    world.refuses("roles", "roles-set", "sol", member="bob", roles=[Role.AUDITOR, Role.STEWARD])
    world.refuses("no-change", "roles-set", "sol", member="bob", roles=[Role.ATTORNEY])
    world.refuses("recovery", "roles-set", "sol", member="paper", roles=[Role.ATTORNEY])


def test_cases_go_with_the_last_role_for_which_one_holds_them() -> None:
    """An attorney who becomes an advocate keeps them, one who becomes a steward does not."""
    world = kit.crowded()
    assert (
        world.copy()
        .does("roles-set", "sol", member="lea", roles=[Role.ADVOCATE])
        .holds(device("lea"), CROSSING, NOW)
    )
    after = world.does("roles-set", "sol", member="lea", roles=[Role.STEWARD])
    assert not after.holds(device("lea"), CROSSING, NOW)
    assert not after.holds(device("lea"), kit.case_id(FROZEN), NOW)
    after = world.does("roles-set", "sol", member="gil", roles=[Role.STEWARD])
    assert not after.may_open(device("gil"), CROSSING, [kit.case_id("one")], NOW)


def test_an_auditor_who_is_none_any_more_is_not_in_the_group() -> None:
    """The next epoch is for the others, and what is sealed meanwhile is too."""
    world = kit.crowded()
    after = world.does("roles-set", "sol", member="ida", roles=[Role.ATTORNEY])
    assert after.stale(AUDITORS, NOW)
    assert world.entitled(AUDITORS) == ["ada"]
    world.denies("not-holder", "rotated", "ida", world.rotated(AUDITORS))


def test_keys_beside_an_act_are_for_whom_it_is_about() -> None:
    """Who waits for keys gets them by an act of their own, not beside somebody else's."""
    world = kit.crowded()
    world.do("member-added", "sol", world.added("ivy", "auditor"))
    body = world.body("roles-set", "ada", member="bob", roles=[Role.AUDITOR])
    more = [*body["wraps"], kit.wrap_body(AUDITORS, 1, "ivy")]
    world.denies("wraps", "roles-set", "ada", {**body, "wraps": more})


def test_a_new_auditor_gets_keys_from_who_has_them() -> None:
    """Of the auditors' group and no other."""
    world = kit.crowded()
    body = world.body("roles-set", "ada", member="bob", roles=[Role.AUDITOR])
    assert [wrap["group"] for wrap in body["wraps"]] == [AUDITORS]
    after = world.do("roles-set", "ada", body)
    assert device("bob") in after.epoch(AUDITORS).wraps
    more = [kit.wrap_body(AUDITORS, 1, "amy")]
    world.denies(
        "wraps",
        "roles-set",
        "ada",
        {**world.body("roles-set", "ada", member="amy", roles=[Role.ATTORNEY]), "wraps": more},
    )


# --- devices ----------------------------------------------------------------------------------


def test_a_second_device_has_the_same_rights() -> None:
    """It comes with the keys that its owner has to give, and reads what they read."""
    world = kit.crowded()
    after = world.does("device-added", "una", member="una", contact="una/2")
    for group in (MEMBERS, GATE, CROSSING, kit.case_id(FROZEN)):
        assert device("una/2") in after.epoch(group).wraps
    assert after.member_of(device("una/2")).id == device("una")
    world.do("case-granted", "una/2", world.granted(CASE, "amy"))


@pytest.mark.parametrize("group", [MEMBERS, GATE])
def test_a_device_comes_with_the_keys_that_it_needs(group: str) -> None:
    """A device that could not read the authority's log is not added."""
    for by in ("una", "sol"):
        world = kit.crowded()
        body = world.body("device-added", by, member="una", contact="una/2")
        wraps = [wrap for wrap in body["wraps"] if wrap["group"] != group]
        world.denies("wraps", "device-added", by, {**body, "wraps": wraps})


def test_keys_for_another_device_than_the_new_one() -> None:
    """A device is not an occasion to give somebody else keys."""
    world = kit.crowded()
    body = world.body("device-added", "una", member="una", contact="una/2")
    for wrap in (
        kit.wrap_body(AUDITORS, 1, "una/2"),
        kit.wrap_body(CROSSING, world.number(CROSSING), "amy"),
    ):
        reason = "not-holder" if wrap["group"] == AUDITORS else "wraps"
        world.denies(reason, "device-added", "una", {**body, "wraps": [*body["wraps"], wrap]})


def test_a_device_for_somebody_else_has_no_rights() -> None:
    """Roles and grants end, whatever the member had; it is only there, to be given them anew."""
    world = kit.crowded()
    after = world.does("device-added", "sol", member="lea", contact="lea/2")
    lea = after.members[device("lea")]
    assert (lea.roles, lea.devices) == (frozenset(), (device("lea"), device("lea/2")))
    assert not after.holds(lea.id, CROSSING, NOW)
    assert after.stale(CROSSING, NOW)
    for group in (CROSSING, kit.case_id(FROZEN), AUDITORS):
        assert device("lea/2") not in after.epoch(group).wraps
    for name in ("lea", "lea/2"):
        world.denies("role", "case-opened", name, world.opened("new", "lea", "eva"))
        world.refuses("role", "member-suspended", name, member="bob", why=None)
        world.refuses("role", "device-added", name, member="lea", contact="lea/3")
        world.refuses("role", "device-revoked", name, target="lea")
        world.denies("not-holder", "hold-set", name, {"case": CROSSING})
    world.denies("no-role", "case-granted", "eva", world.granted(CASE, "lea"))
    world.does("roles-set", "sol", member="lea", roles=[Role.ATTORNEY])
    world.do("case-granted", "eva", world.granted(CASE, "lea"))


def test_a_device_for_an_auditor_reads_no_log() -> None:
    """Who was an auditor is none with a device that stewards have enrolled."""
    world = kit.crowded()
    after = world.does("device-added", "sol", member="ida", contact="ida/2")
    assert world.entitled(AUDITORS) == ["ada"]
    assert device("ida/2") not in after.epoch(AUDITORS).wraps


def test_a_recovery_device_is_made_by_its_owner() -> None:
    """A seed that exists only as shares is drawn by whose it is."""
    world = kit.crowded()
    after = world.do(
        "device-added",
        "una",
        world.body("device-added", "una", member="una", contact="una/2", recovery=True),
    )
    assert after.devices[device("una/2")].recovery
    world.denies(
        "recovery",
        "device-added",
        "sol",
        world.body("device-added", "sol", member="lea", contact="lea/2", recovery=True),
    )


def test_a_device_of_ones_own_comes_alone() -> None:
    """There is nothing to rotate, and nothing to agree on."""
    world = kit.crowded()
    body = world.body("device-added", "una", member="una", contact="una/2")
    for more in ({"epochs": [world.next_epoch(MEMBERS)]}, {"epochs": [world.next_epoch(CROSSING)]}):
        with pytest.raises(MalformedError, match="alone"):
            world.do("device-added", "una", {**body, **more})
    quoted = world.propose("device-added", "una", member="una", contact="una/2")
    with pytest.raises(MalformedError, match="alone"):
        world.does("device-added", "una", quoted=quoted, member="una", contact="una/2")


def test_a_revoked_device() -> None:
    """It is none any more, and what its owner held is stale until somebody rotates it."""
    world = kit.crowded()
    after = world.does("device-revoked", "eva/2", target="eva")
    assert after.members[device("eva")].devices == (device("eva/2"),)
    assert device("eva") in after.former_devices
    assert not after.stale(CROSSING, NOW)
    world.refuses("revoked", "member-suspended", "eva", member="bob", why=None)
    world.refuses("no-device", "device-revoked", "eva/2", target="eva")
    world.refuses("own-device", "device-revoked", "eva/2", target="eva/2")
    world.do("case-granted", "eva/2", world.granted(CASE, "amy"))


def test_the_only_device_revoked() -> None:
    """The member stays, without a device: nobody grants to them, and they count nowhere."""
    world = kit.crowded()
    after = world.does("device-revoked", "sol", target="amy")
    assert after.members[device("amy")].devices == ()
    world.denies("no-device", "case-granted", "eva", world.granted(CASE, "amy"))
    world.denies("no-device", "records-granted", "eva", world.records(CASE, "amy", "two"))
    opened = world.opened("new", "lea", "amy")
    world.denies("no-device", "case-opened", "lea", opened)


def test_a_recovery_identity_has_no_devices_to_come_and_go() -> None:
    """It is no person: nobody suspends it, adds a device for it or revokes its only one."""
    world = kit.crowded()
    for kind, said in (
        ("member-suspended", {"member": "paper", "why": None}),
        ("member-resumed", {"member": "paper"}),
        ("device-added", {"member": "paper", "contact": "paper/2"}),
        ("device-revoked", {"target": "paper"}),
    ):
        world.refuses("recovery", kind, "sol", **said)
    assert (
        device("paper") not in world.does("member-removed", "sol", member="paper", why=None).members
    )


# --- recovery identities ------------------------------------------------------------------------


def test_a_recovery_identity_grants_only_an_orphaned_case() -> None:
    """To an advocate, and while there is no other who could."""
    world = kit.crowded()
    world.denies("not-orphaned", "case-granted", "paper", world.granted(CASE, "amy"))
    for name in ("eva", "una"):
        assert not world.authority.orphaned(CROSSING, NOW)
        world.does("member-removed", "sol", member=name, why=None)
    # Sue, an advocate who holds it, is suspended; Lea and Sam are no advocates.
    assert world.authority.orphaned(CROSSING, NOW)
    world.denies("not-orphaned", "case-granted", "paper", world.granted(CASE, "bob"))
    world.denies("not-holder", "case-granted", "amy", world.granted(CASE, "amy"))
    after = world.do("case-granted", "paper", world.granted(CASE, "amy"))
    assert not after.orphaned(CROSSING, NOW)
    world.denies("not-orphaned", "case-granted", "paper", world.granted(CASE, "ada"))
    # Another case was not trusted to it.
    world.denies("role", "case-granted", "paper", world.granted(OLD, "amy"))


def test_an_advocate_who_waits_for_the_keys() -> None:
    """A case in which nobody has the keys is orphaned, until somebody who has them is back."""
    world = kit.peopled()
    world.do("case-granted", "eva", world.granted(CASE, "amy"))
    world.does("member-suspended", "sol", member="amy", why=None)
    world.do("rotated", "eva", world.rotated(CROSSING))
    world.does("member-resumed", "sol", member="amy")
    assert not world.authority.orphaned(CROSSING, NOW)
    world.does("member-removed", "sol", **LEA)
    after = world.does("member-suspended", "sol", member="eva", why=None)
    assert after.orphaned(CROSSING, NOW)
    world.denies("not-holder", "case-granted", "amy", world.granted(CASE, "bob"))
    world.does("member-resumed", "sol", member="eva")
    world.do("wrapped", "eva", world.wrapped((CROSSING, "amy")))
    assert not world.does("member-suspended", "sol", member="eva", why=None).orphaned(CROSSING, NOW)


def test_a_case_does_not_begin_afresh() -> None:
    """Who holds a case whose keys nobody has any more draws no others: that would hide the loss."""
    world = kit.peopled()
    world.do("case-granted", "eva", world.granted(CASE, "amy"))
    world.does("member-suspended", "sol", member="amy", why=None)
    world.do("rotated", "eva", world.rotated(CROSSING))
    world.does("member-resumed", "sol", member="amy")
    for name in ("eva", "lea"):
        world.does("member-removed", "sol", member=name, why=None)
    assert world.authority.lost(CROSSING)
    assert world.authority.orphaned(CROSSING, NOW)
    body = {"epochs": [world.next_epoch(CROSSING, link=None)]}
    world.denies("not-holder", "rotated", "amy", body)


def test_a_case_whose_keys_are_on_paper_alone() -> None:
    """It is named as orphaned: its recovery identity gives the keys to who holds it."""
    world = kit.peopled()
    world.do("recovery-trusted", "eva", world.trusted("paper", CASE))
    world.do("case-granted", "eva", world.granted(CASE, "amy"))
    world.does("member-suspended", "sol", member="amy", why=None)
    world.do("rotated", "eva", world.rotated(CROSSING))
    world.does("member-resumed", "sol", member="amy")
    world.does("member-removed", "sol", member="eva", why=None)
    assert not world.authority.orphaned(CROSSING, NOW)
    world.does("member-removed", "sol", member="lea", why=None)
    assert world.authority.orphaned(CROSSING, NOW)
    world.do("wrapped", "paper", world.wrapped((CROSSING, "amy")))
    assert not world.authority.orphaned(CROSSING, NOW)


def test_an_advocate_without_a_device_leaves_a_case_orphaned() -> None:
    """Though an attorney still has its keys: nobody could grant it."""
    world = kit.peopled()
    assert not world.authority.orphaned(CROSSING, NOW)
    assert world.does("device-revoked", "sol", target="eva").orphaned(CROSSING, NOW)


def test_a_former_holder_gives_the_keys_that_nobody_else_has() -> None:
    """Only to who holds the case, and only while nobody who holds it has them."""
    world = kit.peopled()
    for name in ("amy", "bob"):
        world.do("case-granted", "eva", world.granted(CASE, name, NOW + DAY))
    for name in ("amy", "bob", "lea"):
        world.does("member-suspended", "sol", member=name, why=None)
    world.do("rotated", "eva", world.rotated(CROSSING))
    for name in ("amy", "bob", "lea"):
        world.does("member-resumed", "sol", member=name)
    world.do("wrapped", "eva", world.wrapped((CROSSING, "amy"), (CROSSING, "bob")))
    world.now += DAY
    # Amy's and Bob's grants have ended; Lea waits for the keys, which Eva has.
    world.denies("not-holder", "wrapped", "amy", world.wrapped((CROSSING, "lea")))
    world.does("member-removed", "sol", member="eva", why=None)
    world.denies("wraps", "wrapped", "amy", world.wrapped((CROSSING, "bob")))
    world.denies("not-holder", "rotated", "amy", world.rotated(CROSSING))
    world.do("wrapped", "amy", world.wrapped((CROSSING, "lea")))
    assert not world.authority.lacking(CROSSING, world.now)


def test_trusted_for_one_more_case() -> None:
    """A recovery identity that is known gets the keys of another case; of the same one it has."""
    world = kit.crowded()
    after = world.do("recovery-trusted", "eva", world.trusted("paper", OLD))
    assert after.holds(device("paper"), kit.case_id(OLD), NOW)
    assert after.members[device("paper")].shares == (3, 5)
    world.denies("is-holder", "recovery-trusted", "eva", world.trusted("paper", OLD))
    world.denies("is-member", "recovery-trusted", "eva", world.trusted("paper", FROZEN, shares=4))


@pytest.mark.parametrize(("threshold", "shares"), [(1, 5), (0, 0), (6, 5), (1, 1)])
def test_a_recovery_identity_needs_two_shares(threshold: int, shares: int) -> None:
    """One share alone would be the whole."""
    world = kit.crowded()
    with pytest.raises(MalformedError, match="2 or more"):
        world.do(
            "recovery-trusted",
            "eva",
            world.trusted("sheet", CASE, threshold=threshold, shares=shares),
        )
    world.do("recovery-trusted", "eva", world.trusted("sheet", CASE, threshold=2, shares=2))


@pytest.mark.parametrize(
    "how", ["none of members", "none of gate", "none of the case", "of a case more", "twice"]
)
def test_a_recovery_identity_is_given_exactly_its_keys(how: str) -> None:
    """Not fewer, not more, and each case once."""
    world = kit.crowded()
    body = world.trusted("sheet", CASE)
    lacks = {"none of members": MEMBERS, "none of gate": GATE, "none of the case": CROSSING}
    if how in lacks:
        wraps = [wrap for wrap in body["wraps"] if wrap["group"] != lacks[how]]
    else:
        wraps = [*body["wraps"], kit.wrap_body(kit.case_id(OLD), 1, "sheet")]
    if how == "twice":
        with pytest.raises(MalformedError, match="named twice"):
            world.do("recovery-trusted", "eva", world.trusted("sheet", CASE, CASE))
        return
    world.denies("wraps", "recovery-trusted", "eva", {**body, "wraps": wraps})


def test_who_holds_a_case_until_tomorrow_trusts_nobody_with_it() -> None:
    """A recovery identity holds it without an end."""
    world = kit.crowded()
    world.do("case-granted", "eva", world.granted(CASE, "amy", NOW + DAY))
    world.denies("until", "recovery-trusted", "amy", world.trusted("sheet", CASE))


# --- records granted one by one -----------------------------------------------------------------


def test_a_granted_record() -> None:
    """It is no grant of the case: no keys, no label of another, no part in its group."""
    world = kit.crowded()
    after = world.authority
    assert not after.holds(device("gil"), CROSSING, NOW)
    assert after.may_open(device("gil"), CROSSING, [kit.case_id("one")], NOW)
    assert not after.may_open(device("gil"), CROSSING, [kit.case_id("two")], NOW)
    assert not after.may_open(device("amy"), CROSSING, [kit.case_id("one")], NOW)
    assert not after.may_open(device("gil"), kit.case_id(OLD), [kit.case_id("one")], NOW)
    assert device("gil") in after.held
    assert "gil" not in world.entitled(CROSSING)
    after = world.does("member-suspended", "sol", member="gil", why=None)
    assert not after.may_open(device("gil"), CROSSING, [kit.case_id("one")], NOW)


@pytest.mark.parametrize(
    ("to", "until", "reason"),
    [
        ("lea", None, "is-holder"),
        ("ida", None, "auditor"),
        ("nil", None, "no-role"),
        ("sue", None, "suspended"),
        ("rex", None, "no-member"),
        ("paper", None, "recovery"),
        ("amy", NOW, "until"),
    ],
)
def test_a_record_for_the_wrong_people(to: str, until: int | None, reason: str) -> None:
    """A record is granted as a case would be, to the same people."""
    world = kit.crowded()
    world.denies(reason, "records-granted", "eva", world.records(CASE, to, "two", until=until))
    if reason != "until":
        world.denies(reason, "case-granted", "eva", world.granted(CASE, to))


def test_a_record_named_twice() -> None:
    """Each record is granted once in a statement."""
    world = kit.crowded()
    with pytest.raises(MalformedError, match="twice"):
        world.do("records-granted", "eva", world.records(CASE, "amy", "two", "two"))


def test_a_record_until_no_later_than_ones_own_grant() -> None:
    """Nobody gives for longer than they have."""
    world = kit.crowded()
    world.do("case-granted", "eva", world.granted(CASE, "amy", NOW + DAY))
    world.denies("until", "records-granted", "amy", world.records(CASE, "bob", "two"))
    world.do("records-granted", "amy", world.records(CASE, "bob", "two", until=NOW + DAY))


# --- epochs beside an act -------------------------------------------------------------------------


BESIDE: dict[str, tuple[str, dict[str, Any]]] = {
    "member-removed": ("sam", {"member": "lea", "why": None}),
    "member-suspended": ("sam", {"member": "lea", "why": None}),
    "device-revoked": ("sam", {"target": "lea"}),
    "device-added": ("sam", {"member": "lea", "contact": "lea/2"}),
    "roles-set": ("sam", {"member": "lea", "roles": [Role.STEWARD]}),
    "grant-revoked": ("una", {"case": CASE, "member": "lea"}),
}
"""Acts that end rights to a case, by holders of it: they carry its next epoch."""
STRONG = ("member-removed", "member-suspended", "device-revoked")
"""Those that take the members' and the gate's keys as well."""


@cache
def _beside(kind: str) -> tuple[World, dict[str, Any]]:
    world = kit.crowded()
    by, said = BESIDE[kind]
    return world, world.body(kind, by, **said)


def beside(kind: str, group: str) -> tuple[World, str, dict[str, Any], int]:
    """A vault, who acts, a good statement, and where a group's epoch stands in it."""
    world, body = _beside(kind)
    at = [raw["group"] for raw in body["epochs"]].index(group)
    return world.copy(), BESIDE[kind][0], {**body, "epochs": list(body["epochs"])}, at


@pytest.mark.parametrize("kind", BESIDE)
def test_an_act_that_ends_rights_rotates_what_it_makes_stale(kind: str) -> None:
    """The control: with its epochs it is done, and its signer's case is not stale after it."""
    world, by, body, _ = beside(kind, CROSSING)
    after = world.do(kind, by, body)
    assert not after.stale(CROSSING, NOW)
    assert device("lea") not in after.epoch(CROSSING).wraps
    for group in (MEMBERS, GATE):
        assert (device("lea") in after.epoch(group).wraps) == (kind not in STRONG)


@pytest.mark.parametrize("group", [MEMBERS, GATE])
@pytest.mark.parametrize("kind", STRONG)
def test_who_leaves_keeps_no_keys_in_force(kind: str, group: str) -> None:
    """Without new keys for the members and the gate nobody is removed, suspended or revoked."""
    world, by, body, at = beside(kind, group)
    del body["epochs"][at]
    world.denies("stale", kind, by, body)


@pytest.mark.parametrize(
    ("kind", "group"),
    [(kind, CROSSING) for kind in BESIDE] + [(k, g) for k in STRONG for g in (MEMBERS, GATE)],
)
def test_epochs_beside_an_act_are_for_exactly_who_stays(kind: str, group: str) -> None:
    """Nobody is left out, nobody who leaves is in it, and no ghost; it follows the one before."""
    world, by, good, at = beside(kind, group)
    raw = good["epochs"][at]
    left, ghost = raw["wraps"][1:], raw["wraps"][0]
    false: list[tuple[dict[str, Any], str]] = [
        ({"wraps": left}, "wraps"),
        ({"wraps": [*raw["wraps"], {**ghost, "device": device("lea")}]}, "wraps"),
        ({"wraps": [*raw["wraps"], {**ghost, "device": device("max")}]}, "wraps"),
        ({"wraps": [*left, {**ghost, "device": device("max")}]}, "wraps"),
        ({"wraps": [*raw["wraps"], ghost]}, "wraps"),
        ({"number": raw["number"] + 1}, "epoch"),
        ({"number": raw["number"] - 1}, "epoch"),
    ]
    for change, reason in false:
        body = {**good, "epochs": [*good["epochs"]]}
        body["epochs"][at] = {**raw, **change}
        world.denies(reason, kind, by, body)
    for change, error in (
        ({"link": None}, MalformedError),
        ({"link": raw["link"][:-4]}, MalformedError),
        ({"wraps": [{**ghost, "wrap": ghost["wrap"][4:]}, *left]}, MalformedError),
        ({"sealing": note.encode64(bytes(1216))}, WeakKeyError),
        ({"sealing": weak(raw["sealing"])}, WeakKeyError),
    ):
        body = {**good, "epochs": [*good["epochs"]]}
        body["epochs"][at] = {**raw, **change}
        with pytest.raises(error):
            world.do(kind, by, body)
    body = {**good, "epochs": [*good["epochs"], raw]}
    with pytest.raises(MalformedError, match="rotated twice"):
        world.do(kind, by, body)


def weak(sealing: str) -> str:
    """A sealing key with a low-order half."""
    raw = note.decode64(sealing)
    return note.encode64(raw[:-32] + bytes(32))


@pytest.mark.parametrize("kind", BESIDE)
def test_groups_that_an_act_does_not_concern(kind: str) -> None:
    """Beside an act only what it makes stale is rotated, by somebody who is in it."""
    world, body = _beside(kind)
    by = BESIDE[kind][0]
    world = world.copy()
    others = [kit.case_id(OLD)] if kind in STRONG else [MEMBERS, GATE, kit.case_id(OLD)]
    for group in others:
        more = {**body, "epochs": [*body["epochs"], world.next_epoch(group)]}
        world.denies("epoch", kind, by, more)
    elsewhere = {**body, "epochs": [*body["epochs"], kit.epoch_body(kit.case_id("no"), 1, ["eva"])]}
    world.denies("epoch" if kind == "grant-revoked" else "no-group", kind, by, elsewhere)


@pytest.mark.parametrize("kind", STRONG)
def test_a_case_is_rotated_by_who_is_in_it(kind: str) -> None:
    """A steward who holds no case draws no keys for one, though the act makes it stale."""
    world = kit.crowded()
    _, body = _beside(kind)
    world.denies("not-holder", kind, "sol", body)
    without = [raw for raw in body["epochs"] if raw["group"] in {MEMBERS, GATE}]
    after = world.do(kind, "sol", {**body, "epochs": without})
    assert after.stale(CROSSING, NOW)
    after = world.do("rotated", "eva", world.rotated(CROSSING))
    assert not after.stale(CROSSING, NOW)


def test_a_garbage_link_is_noticed_by_who_follows_it() -> None:
    """The rules see only its length; who has the seed of either side sees what it is."""
    world = kit.crowded()
    number = world.number(CROSSING) + 1
    published = world.authority.epoch(CROSSING).sealing
    epoch = kit.epoch(CROSSING, number)
    epoch.follow(note.decode64(kit.link(CROSSING, number)), published)
    false = kit.link(CROSSING, number - 1)
    after = world.do("rotated", "eva", {"epochs": [world.next_epoch(CROSSING, link=false)]})
    link = after.epoch(CROSSING).link
    assert link is not None
    with pytest.raises(VerificationError):
        epoch.follow(link, published)


# --- what every statement is bound to -------------------------------------------------------------


@pytest.mark.parametrize("step", [DRIFT + 1, -(DRIFT + 1), 73 * 365 * DAY])
def test_a_clock_that_is_far_off(step: int) -> None:
    """A gate that lives in another time than the actor is not believed, whichever is wrong."""
    world = kit.crowded()
    statement = world.statement("rotated", "eva", world.rotated(MEMBERS))
    with pytest.raises(GateError, match="another time"):
        world.put(statement, world.gate(statement, time=NOW + step))
    late = world.statement("rotated", "eva", world.rotated(MEMBERS), time=NOW + step)
    with pytest.raises(GateError, match="another time"):
        world.put(late, world.gate(late, time=NOW))


@pytest.mark.parametrize("step", [DRIFT, -DRIFT])
def test_a_clock_that_is_a_little_off(step: int) -> None:
    """Clocks differ by up to a day."""
    world = kit.crowded()
    statement = world.statement("rotated", "eva", world.rotated(MEMBERS))
    world.put(statement, world.gate(statement, time=NOW + step))


def test_rights_are_judged_at_the_gates_time() -> None:
    """Who back-dates what they sign does not have a grant for longer."""
    world = kit.crowded()
    world.do("case-granted", "eva", world.granted(CASE, "amy", NOW + DAY))
    world.now = NOW + DAY
    late = world.statement("case-closed", "amy", {"case": CROSSING}, time=NOW)
    with pytest.raises(DeniedError) as caught:
        world.put(late)
    assert caught.value.reason == "not-holder"


def test_an_id_is_used_once() -> None:
    """Among all statements of a vault, whatever their kind."""
    world = kit.crowded()
    first = world.statement("hold-set", "lea", {"case": CROSSING})
    world.put(first)
    again = world.statement("case-closed", "eva", {"case": CROSSING}, id=first.body["id"])
    with pytest.raises(DeniedError) as caught:
        world.put(again)
    assert caught.value.reason == "used-id"


def test_a_statement_signed_by_another() -> None:
    """What Amy signs in Eva's name is nobody's."""
    world = kit.crowded()
    good = world.statement("case-granted", "eva", world.granted(CASE, "amy"))
    signed = kit.person("amy").signing.sign_note(device("eva"), good.text, hybrid=True)
    with pytest.raises(SignatureError):
        world.put(note.parse(signed))


def test_an_old_grant_again() -> None:
    """A grant that was ended is not brought back by who kept the statement."""
    world = kit.crowded()
    grant = world.statement("case-granted", "eva", world.granted(CASE, "amy"))
    world.put(grant)
    world.agree("grant-revoked", "una", "eva", case=CASE, member="amy")
    with pytest.raises(StaleError):
        world.put(grant)


@pytest.mark.parametrize("operator", ["sue", "rex", "eva/3", "max"])
def test_who_is_out_is_no_gate(operator: str) -> None:
    """A suspended member, a removed one, a revoked device and a stranger operate no gate."""
    world = kit.crowded()
    statement = world.statement("rotated", "eva", world.rotated(MEMBERS))
    with pytest.raises(GateError, match="suspended" if operator == "sue" else "no member"):
        world.put(statement, world.gate(statement, operator))
