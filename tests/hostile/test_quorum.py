"""Where several must sign, it takes several people who are entitled, for exactly what is done."""

from __future__ import annotations

from functools import cache
from typing import Any

import authority_kit as kit
import pytest
from authority_kit import CASE, DAY, FROZEN, NOW, World, device

from vault.authority.quorum import LONGEST
from vault.model import Role

MORE = ("sid", "stu")
"""Stewards besides Ada and Sol."""
REMOVAL: dict[str, Any] = {"member": "bob", "why": None}


@cache
def _stewards(needed: int) -> World:
    world = kit.peopled()
    for name in MORE:
        world.do("member-added", "ada", world.added(name, Role.STEWARD))
    world.does("device-added", "sol", member="sol", contact="sol/2")
    if needed > 1:
        world.does("vault-policy-set", "ada", policy={"stewards": needed})
    return world


def stewards(needed: int) -> World:
    """Four stewards, Sol with two devices, of whom some number must sign."""
    return _stewards(needed).copy()


# --- k stewards -------------------------------------------------------------------------------

BY_STEWARDS: dict[str, dict[str, Any]] = {
    "member-added": {"contact": "new", "roles": [Role.ATTORNEY]},
    "roles-set": {"member": "bob", "roles": [Role.ADVOCATE]},
    "member-removed": REMOVAL,
    "device-added": {"member": "bob", "contact": "bob/2"},
    "device-revoked": {"target": "bob"},
    "vault-policy-set": {"policy": {"stewards": 4}},
    "restore-declared": {
        "lost": {
            "authority": {"size": 999, "root": "00" * 32},
            "access": {"size": 9, "root": "00" * 32},
        }
    },
}


@pytest.mark.parametrize("needed", [1, 2, 3])
@pytest.mark.parametrize("kind", BY_STEWARDS)
def test_as_many_stewards_as_the_policy_says(kind: str, needed: int) -> None:
    """One fewer is refused, as many are enough, whoever of them does it."""
    people = ("sol", "stu", "ada")
    world, said = stewards(needed), BY_STEWARDS[kind]
    for few in range(1, needed):
        short = world.copy()
        quoted = short.propose(kind, *people[: few - 1], **said) if few > 1 else None
        short.refuses("signatures", kind, people[few - 1], quoted=quoted, **said)
    world.agree(kind, *people[:needed], **said)


@pytest.mark.parametrize("kind", BY_STEWARDS)
def test_members_who_are_no_stewards_do_not_count(kind: str) -> None:
    """Nobody else can even propose what stewards decide; for a device its owner does not count."""
    world, said = stewards(2), BY_STEWARDS[kind]
    for name in ("eva", "lea", "ida", "bob"):
        own = name == "bob" and kind.startswith("device")
        if own:
            mine = world.copy()
            quoted = mine.propose(kind, name, **said)
            mine.refuses("signatures", kind, "sol", quoted=quoted, **said)
        else:
            world.denies("role", "proposed", name, world.proposal(kind, **said))


def test_each_member_counts_once() -> None:
    """A steward with two devices is one steward: neither endorses for the other."""
    world = stewards(2)
    quoted = world.propose("member-removed", "sol", **REMOVAL)
    world.denies("signed", "endorsed", "sol", {"proposal": quoted})
    world.denies("signed", "endorsed", "sol/2", {"proposal": quoted})
    world.refuses("signatures", "member-removed", "sol/2", quoted=quoted, **REMOVAL)
    world.refuses("signatures", "member-removed", "sol", quoted=quoted, **REMOVAL)
    world.does("member-removed", "stu", quoted=quoted, **REMOVAL)


@pytest.mark.parametrize(
    ("kind", "said"), [("device-added", {"contact": "stu/2"}), ("device-revoked", {})]
)
def test_the_owner_of_a_device_does_not_count(kind: str, said: dict[str, Any]) -> None:
    """A steward for whom a device is enrolled, or whose device ends, does not sign as one."""
    said = {**said, "member": "stu"} if kind == "device-added" else {"target": "stu"}
    world = stewards(2)
    quoted = world.propose(kind, "stu", **said)
    world.refuses("signatures", kind, "sol", quoted=quoted, **said)
    world.do("endorsed", "ada", {"proposal": quoted})
    world.does(kind, "sol", quoted=quoted, **said)


def test_who_enrols_a_device_for_another_does_not_sign_as_two() -> None:
    """The other's roles end with it: whoever has that device signs for nobody."""
    world = stewards(2)
    waiting = world.propose("member-removed", "sid", **REMOVAL)
    signed = world.propose("member-removed", "stu", **REMOVAL)
    world.agree("device-added", "ada", "sol", member="stu", contact="stu/2")
    for name in ("stu", "stu/2"):
        world.denies("role", "endorsed", name, {"proposal": waiting})
        world.refuses("role", "member-removed", name, **REMOVAL)
    # Nor does what they had signed before count any more.
    world.refuses("signatures", "member-removed", "sol", quoted=signed, **REMOVAL)


def test_a_policy_asks_for_no_more_stewards_than_there_are() -> None:
    """What nobody could ever fulfil is not asked for; suspended stewards do not count."""
    world = stewards(1)
    world.refuses("stewards", "vault-policy-set", "sol", policy={"stewards": 5})
    world.does("member-suspended", "sol", member="stu", why=None)
    world.refuses("stewards", "vault-policy-set", "sol", policy={"stewards": 4})
    world.refuses("no-change", "vault-policy-set", "sol", policy={"stewards": 1})
    world.does("vault-policy-set", "sol", policy={"stewards": 3})


FEWER: dict[str, dict[str, Any]] = {
    "member-removed": {"member": "stu", "why": None},
    "roles-set": {"member": "stu", "roles": [Role.ATTORNEY]},
}


@pytest.mark.parametrize("kind", FEWER)
def test_no_fewer_stewards_than_must_sign(kind: str) -> None:
    """Whatever would leave fewer is refused, though they agree to it; with one more it is not."""
    world = stewards(3)
    world.copy().agree(kind, "stu", "sol", "ada", **FEWER[kind])
    world.agree("roles-set", "ada", "sol", "stu", member="sid", roles=[Role.ATTORNEY])
    quoted = world.propose(kind, "stu", "sol", **FEWER[kind])
    world.refuses("stewards", kind, "ada", quoted=quoted, **FEWER[kind])


@pytest.mark.parametrize("kind", FEWER)
def test_suspended_stewards_are_none_who_stay(kind: str) -> None:
    """The only steward who can act is not lost, though there are others who are suspended."""
    world = stewards(1)
    for name in ("ada", "sol", "sid"):
        world.does("member-suspended", "stu", member=name, why=None)
    body = {**kit.fields(FEWER[kind]), "quoted": [], "epochs": []}
    world.denies("stewards", kind, "stu", body | ({"wraps": []} if kind == "roles-set" else {}))


@pytest.mark.parametrize("kind", ["device-added", "device-revoked"])
def test_two_stewards_for_a_device_of_a_third(kind: str) -> None:
    """Of two stewards neither loses their device by the other's hand: as many must be left."""
    said = {"member": "sol", "contact": "sol/9"} if kind == "device-added" else {"target": "sol"}
    world = kit.peopled()
    world.does("vault-policy-set", "ada", policy={"stewards": 2})
    quoted = world.propose(kind, "sol", **said)
    world.refuses("signatures", kind, "ada", quoted=quoted, **said)
    world.agree("member-added", "ada", "sol", contact="sid", roles=[Role.STEWARD])
    world.do("endorsed", "sid", {"proposal": quoted})
    after = world.does(kind, "ada", quoted=quoted, **said)
    assert len(after.stewards(NOW)) == 2


def test_one_steward_for_a_laptop_that_was_lost() -> None:
    """Not for the last device, and not for one on paper: those are ways in that never come back."""
    world = kit.peopled()
    world.does("vault-policy-set", "ada", policy={"stewards": 2})
    world.does("device-added", "eva", member="eva", contact="eva/4")
    world.does("device-added", "eva", member="eva", contact="eva/5", recovery=True)
    world.refuses("signatures", "device-revoked", "sol", target="eva/5")
    world.does("device-revoked", "sol", target="eva/4")
    for left in world.authority.members[kit.device("eva")].devices:
        if left not in {kit.device("eva"), kit.device("eva/5")}:
            world.does("device-revoked", "sol", target=kit.name_of(left))
    world.does("device-revoked", "sol", target="eva")
    world.refuses("signatures", "device-revoked", "sol", target="eva/5")


def test_what_is_there_is_not_lost() -> None:
    """A restore is declared of what is not there: more of a log, or another history of it."""
    world = kit.peopled()
    here, known = world.position.body(), world.authority.access_size

    def lost(seen: int, **authority: Any) -> dict[str, Any]:
        return {"authority": {**here, **authority}, "access": {"size": seen, "root": "00" * 32}}

    world.refuses("no-change", "restore-declared", "sol", lost=lost(known))
    for said in (lost(known + 1), lost(known, root="00" * 32), lost(0, size=here["size"] + 1)):
        after = world.copy().does("restore-declared", "sol", lost=said)
        assert after.restores == (said,)


# --- proposals --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expires", "good"),
    [
        (NOW + 1, True),
        (NOW + LONGEST, True),
        (NOW, False),
        (NOW - 1, False),
        (NOW + LONGEST + 1, False),
    ],
)
def test_a_proposal_ends(expires: int, good: bool) -> None:
    """A proposal ends in the future, and within 30 days."""
    world = stewards(2)
    body = world.proposal("member-removed", expires=expires, **REMOVAL)
    if good:
        world.do("proposed", "sol", body)
    else:
        world.denies("expires", "proposed", "sol", body)


def test_an_expired_proposal() -> None:
    """At its end nobody endorses or uses a proposal any more, and the next one clears it away."""
    world = stewards(2)
    quoted = world.propose("member-removed", "sol", expires=NOW + DAY, **REMOVAL)
    world.now = NOW + DAY - 1
    world.copy().does("member-removed", "stu", quoted=quoted, **REMOVAL)
    world.now = NOW + DAY
    world.denies("proposal", "endorsed", "ada", {"proposal": quoted})
    world.refuses("proposal", "member-removed", "stu", quoted=quoted, **REMOVAL)
    assert quoted in world.authority.proposals
    world.propose("member-removed", "sol", **REMOVAL)
    assert quoted not in world.authority.proposals


def test_a_proposal_is_used_once() -> None:
    """What two stewards agreed on is not done again, when it has been undone."""
    world = stewards(2)
    said: dict[str, Any] = {"member": "bob", "roles": [Role.ADVOCATE]}
    quoted = world.propose("roles-set", "sol", **said)
    world.does("roles-set", "stu", quoted=quoted, **said)
    assert not world.authority.proposals
    world.agree("roles-set", "sol", "stu", member="bob", roles=[Role.ATTORNEY])
    world.refuses("proposal", "roles-set", "stu", quoted=quoted, **said)
    world.denies("proposal", "endorsed", "ada", {"proposal": quoted})


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("member-removed", {"member": "lea", "why": None}),
        ("member-removed", {"member": "bob", "why": "another reason"}),
        ("member-suspended", {"member": "bob", "why": None}),
        ("roles-set", {"member": "bob", "roles": [Role.ADVOCATE]}),
    ],
)
def test_a_proposal_is_for_exactly_what_it_says(kind: str, said: dict[str, Any]) -> None:
    """It is not used for somebody else, for another reason, or for another act."""
    world = stewards(2)
    quoted = world.propose("member-removed", "sol", **REMOVAL)
    world.refuses("proposal", kind, "stu", quoted=quoted, **said)


def test_an_altered_contact_is_another_act() -> None:
    """Who was agreed on is added, and nobody in their place."""
    world = stewards(2)
    quoted = world.propose("member-added", "sol", contact="new", roles=[Role.ATTORNEY])
    world.refuses(
        "proposal", "member-added", "stu", quoted=quoted, contact="max", roles=[Role.ATTORNEY]
    )
    world.refuses(
        "proposal", "member-added", "stu", quoted=quoted, contact="new", roles=[Role.STEWARD]
    )
    world.does("member-added", "stu", quoted=quoted, contact="new", roles=[Role.ATTORNEY])


def test_a_proposal_of_another_vault() -> None:
    """What was proposed elsewhere is nothing here, though it has the same id."""
    world, other = stewards(2), stewards(2)
    quoted = other.propose("member-removed", "sol", **REMOVAL)
    world.refuses("proposal", "member-removed", "stu", quoted=quoted, **REMOVAL)
    # Nor is another note's id that of a proposal.
    done = world.statement("rotated", "eva", world.rotated("members"))
    world.put(done)
    world.refuses("proposal", "member-removed", "stu", quoted=done.body["id"], **REMOVAL)


@pytest.mark.parametrize(
    "end",
    [
        ("member-removed", {"member": "sid", "why": None}),
        ("member-suspended", {"member": "sid", "why": None}),
        ("roles-set", {"member": "sid", "roles": [Role.ADVOCATE]}),
        ("device-revoked", {"target": "sid"}),
        ("device-added", {"member": "sid", "contact": "sid/2"}),
    ],
    ids=lambda end: end[0],
)
@pytest.mark.parametrize("proposer", [True, False])
def test_who_may_not_sign_any_more_does_not_count(
    end: tuple[str, dict[str, Any]], proposer: bool
) -> None:
    """Whoever signs must be entitled when it is done, not only when they signed."""
    people = ("sid", "sol") if proposer else ("sol", "sid")
    world = stewards(3)
    quoted = world.propose("member-removed", *people, **REMOVAL)
    world.copy().does("member-removed", "ada", quoted=quoted, **REMOVAL)
    kind, said = end
    several = () if kind == "member-suspended" else ("stu", "sol")
    world.agree(kind, *several, "ada", **said)
    world.refuses("signatures", "member-removed", "ada", quoted=quoted, **REMOVAL)
    world.do("endorsed", "stu", {"proposal": quoted})
    world.does("member-removed", "ada", quoted=quoted, **REMOVAL)


def test_what_a_revoked_device_signed_does_not_count() -> None:
    """Who lost a device signs again from another: what the lost one signed may be a thief's."""
    world = stewards(2)
    quoted = world.propose("member-removed", "sol/2", **REMOVAL)
    world.does("device-revoked", "sol", target="sol/2")
    world.refuses("signatures", "member-removed", "stu", quoted=quoted, **REMOVAL)
    world.do("endorsed", "sol", {"proposal": quoted})
    world.denies("signed", "endorsed", "sol", {"proposal": quoted})
    (proposal,) = world.authority.proposals.values()
    assert (proposal.by, proposal.endorsers) == (device("sol"), ())
    world.does("member-removed", "stu", quoted=quoted, **REMOVAL)


def test_nobody_does_alone_what_they_have_proposed() -> None:
    """One person is one signature, though they propose and do it."""
    world = kit.peopled()
    quoted = world.propose("member-suspended", "amy", member="bob", why=None)
    world.refuses("signatures", "member-suspended", "amy", quoted=quoted, member="bob", why=None)


# --- cases ------------------------------------------------------------------------------------


@cache
def _advocates() -> World:
    world = kit.crowded()
    world.do("member-added", "ada", world.added("zoe", Role.ADVOCATE))
    world.do("case-granted", "eva", world.granted(CASE, "zoe"))
    return world


def advocates() -> World:
    """Eva, Una and Zoe are advocates who hold the case, beside Lea and Sam."""
    return _advocates().copy()


def revoke(member: str) -> dict[str, Any]:
    """The end of somebody's grant."""
    return {"case": CASE, "member": member}


@pytest.mark.parametrize(
    ("people", "allowed"),
    [
        (["eva"], False),
        (["eva", "zoe"], True),
        (["zoe", "eva/2"], True),
        (["eva", "sol"], True),
        (["sol", "eva"], True),
        (["sol"], False),
        (["sol", "ada"], False),
        (["sol", "sam"], False),
        (["una"], True),
    ],
)
def test_against_an_advocate_who_holds_a_case(people: list[str], allowed: bool) -> None:
    """Two of the advocates who hold it end a third one's grant, or one and a steward."""
    world = advocates()
    if allowed:
        after = world.agree("grant-revoked", *people, **revoke("una"))
        assert not after.holds(device("una"), kit.case_id(CASE), NOW)
        return
    *first, last = people
    quoted = world.propose("grant-revoked", *first, **revoke("una")) if first else None
    world.refuses("signatures", "grant-revoked", last, quoted=quoted, **revoke("una"))


def test_whom_it_is_against_does_not_count() -> None:
    """Una's own signature does not help one other against her; but she can leave."""
    world = advocates()
    quoted = world.propose("grant-revoked", "una", **revoke("una"))
    world.refuses("signatures", "grant-revoked", "eva", quoted=quoted, **revoke("una"))
    world.does("grant-revoked", "una", quoted=quoted, **revoke("una"))


def test_a_steward_who_is_the_advocate_is_one() -> None:
    """One person in both roles is not two people."""
    world = advocates()
    world.do("case-granted", "eva", world.granted(CASE, "ada"))
    world.refuses("signatures", "grant-revoked", "ada", **revoke("una"))
    world.agree("grant-revoked", "ada", "sol", **revoke("una"))


def test_a_steward_against_whom_it_is_does_not_count() -> None:
    """An advocate who is a steward too is not removed from a case by one other and themself."""
    world = advocates()
    world.do("case-granted", "eva", world.granted(CASE, "ada"))
    quoted = world.propose("grant-revoked", "ada", **revoke("ada"))
    world.refuses("signatures", "grant-revoked", "eva", quoted=quoted, **revoke("ada"))


def test_a_suspended_advocate_is_not_easier_to_put_out() -> None:
    """Two suspend an advocate, but one of them does not then take her cases."""
    world = advocates()
    world.agree("member-suspended", "gil", "eva", member="una", why=None)
    world.refuses("signatures", "grant-revoked", "eva", **revoke("una"))
    world.agree("grant-revoked", "zoe", "eva", **revoke("una"))


def test_who_is_an_advocate_no_more_is_put_out_by_one() -> None:
    """Against an attorney who holds it one advocate is enough."""
    world = advocates()
    world.does("roles-set", "sol", member="una", roles=[Role.ATTORNEY])
    world.does("grant-revoked", "eva", **revoke("una"))


def test_the_last_advocate_stays() -> None:
    """A case is not left by its last advocate, nor by the last whose grant has no end."""
    world = kit.peopled()
    world.refuses("last-advocate", "grant-revoked", "eva", **revoke("eva"))
    world.do("case-granted", "eva", world.granted(CASE, "amy", NOW + DAY))
    world.refuses("last-advocate", "grant-revoked", "eva", **revoke("eva"))
    quoted = world.propose("grant-revoked", "sol", **revoke("eva"))
    world.refuses("last-advocate", "grant-revoked", "amy", quoted=quoted, **revoke("eva"))
    world.copy().does("grant-revoked", "amy", **revoke("amy"))
    world.do("member-added", "ada", world.added("zoe", Role.ADVOCATE))
    world.do("case-granted", "eva", world.granted(CASE, "zoe"))
    world.does("grant-revoked", "eva", **revoke("eva"))


def test_an_advocate_without_a_device_is_none_who_stays() -> None:
    """A case is not left to somebody who could not act for it."""
    world = kit.peopled()
    world.do("case-granted", "eva", world.granted(CASE, "amy"))
    world.does("device-revoked", "sol", target="amy")
    world.refuses("last-advocate", "grant-revoked", "eva", **revoke("eva"))


def test_the_last_who_has_the_keys_stays() -> None:
    """Who has not been given a case's keys yet is not left alone with it."""
    world = kit.peopled()
    case = kit.case_id(CASE)
    world.do("case-granted", "eva", world.granted(CASE, "amy"))
    world.agree("member-suspended", "sol", member="amy", why=None)
    world.do("rotated", "eva", world.rotated(case))
    body = world.body("member-resumed", "sol", member="amy")
    world.do("member-resumed", "sol", body)
    world.does("grant-revoked", "amy", **revoke("lea"))
    world.refuses("last-keys", "grant-revoked", "eva", **revoke("eva"))
    world.do("wrapped", "eva", world.wrapped((case, "amy")))
    world.does("grant-revoked", "eva", **revoke("eva"))


def test_revoked_twice() -> None:
    """Whoever has no right to a case has none to be ended."""
    world = advocates()
    world.does("grant-revoked", "eva", **revoke("lea"))
    world.refuses("no-grant", "grant-revoked", "eva", **revoke("lea"))
    world.refuses("no-grant", "grant-revoked", "eva", **revoke("bob"))


def policy(approvals: int, hours: int = 72) -> dict[str, Any]:
    """What a case asks for."""
    return {"case": CASE, "asks": {"approvals": approvals, "hours": hours}}


@pytest.mark.parametrize("wanted", [(0, 72), (1, 72), (2, 73), (3, 73), (1, 1)])
def test_a_case_asks_for_less_only_with_approvals(wanted: tuple[int, int]) -> None:
    """Fewer approvals, or a longer time, need as many other holders as are asked for now."""
    said = policy(*wanted)
    world = advocates()
    world.does("case-policy-set", "eva", **policy(2))
    world.refuses("signatures", "case-policy-set", "eva", **said)
    quoted = world.propose("case-policy-set", "lea", **said)
    world.refuses("signatures", "case-policy-set", "eva", quoted=quoted, **said)
    # Who does it approves of it already, and counts for no other.
    world.do("endorsed", "eva/2", {"proposal": quoted})
    world.refuses("signatures", "case-policy-set", "eva", quoted=quoted, **said)
    world.do("endorsed", "sam", {"proposal": quoted})
    world.does("case-policy-set", "eva", quoted=quoted, **said)


@pytest.mark.parametrize("wanted", [(3, 72), (2, 71), (3, 1)])
def test_a_case_asks_for_more_at_once(wanted: tuple[int, int]) -> None:
    """One advocate who holds it makes it stricter."""
    world = advocates()
    world.does("case-policy-set", "eva", **policy(2))
    world.refuses("no-change", "case-policy-set", "una", **policy(2))
    world.does("case-policy-set", "una", **policy(*wanted))


def test_a_case_asks_for_no_more_than_there_are() -> None:
    """One advocate cannot lock everybody out: as many others must hold it, and be able to sign."""
    world = kit.peopled()
    world.refuses("holders", "case-policy-set", "eva", **policy(2))
    world.do("case-granted", "eva", world.granted(CASE, "bob"))
    world.copy().does("case-policy-set", "eva", **policy(2))
    for kind, said in (
        ("member-suspended", {"member": "bob", "why": None}),
        ("device-revoked", {"target": "bob"}),
    ):
        less = world.copy()
        less.does(kind, "sol", **said)
        less.refuses("holders", "case-policy-set", "eva", **policy(2))
    # Who has left since does not keep it from being set to what it can be.
    world.does("case-policy-set", "eva", **policy(2))
    world.does("grant-revoked", "eva", **revoke("bob"))
    world.does("case-policy-set", "eva", **policy(2, 1))


def test_without_approvals_the_time_is_free() -> None:
    """Where nobody has to approve, how long requests hold is for one advocate to say."""
    world = advocates()
    world.does("case-policy-set", "eva", **policy(0, 1))
    world.does("case-policy-set", "eva", **policy(0, 8784))


def test_an_approval_of_less_by_who_holds_it_no_more() -> None:
    """Who approved that a case asks for less, and lost it since, does not count."""
    world = advocates()
    world.does("case-policy-set", "eva", **policy(1))
    quoted = world.propose("case-policy-set", "lea", **policy(0))
    world.does("grant-revoked", "una", **revoke("lea"))
    world.refuses("signatures", "case-policy-set", "eva", quoted=quoted, **policy(0))


def test_a_legal_hold() -> None:
    """One holder or steward sets it, two advocates who hold the case lift it."""
    world = advocates()
    frozen = {"case": kit.case_id(FROZEN)}
    world.denies("no-change", "hold-set", "eva", frozen)
    world.refuses("signatures", "hold-lifted", "eva", case=FROZEN)
    world.denies("role", "proposed", "lea", world.proposal("hold-lifted", case=FROZEN))
    world.denies("role", "proposed", "sol", world.proposal("hold-lifted", case=FROZEN))
    quoted = world.propose("hold-lifted", "una", case=FROZEN)
    world.does("hold-lifted", "eva", quoted=quoted, case=FROZEN)
    quoted = world.propose("hold-lifted", "una", case=FROZEN)
    world.refuses("no-change", "hold-lifted", "eva", quoted=quoted, case=FROZEN)
    world.do("hold-set", "sol", frozen)


def test_closed_and_open() -> None:
    """A case is closed once and reopened once."""
    world = kit.peopled()
    case = {"case": kit.case_id(CASE)}
    world.denies("no-change", "case-reopened", "eva", case)
    world.do("case-closed", "eva", case)
    world.denies("no-change", "case-closed", "eva", case)
    world.do("case-reopened", "eva", case)
