"""What a check warns of though nothing of it is against the rules."""

from __future__ import annotations

from dataclasses import replace

import authority_kit as kit
from authority_kit import CASE, DAY, FOUNDER, NOW, World

from vault.audit import standing_warnings
from vault.authority import Authority
from vault.model import AUDITORS, Suspension

CASE_ID = kit.case_id(CASE)


def settled() -> World:
    """Two stewards, an auditor with their own epoch, and a case that eva and lea hold."""
    return kit.peopled_by_auditors()


def codes(authority: Authority, at: int = NOW) -> list[str]:
    """What is warned of."""
    return [found.code for found in standing_warnings(authority, at)]


def test_nothing_where_all_is_well() -> None:
    """Two stewards, two holders, nobody with keys that they should not have."""
    assert codes(settled().authority) == []


def test_one_steward() -> None:
    """Whoever is suspended does not count."""
    authority = settled().authority
    sol = replace(authority.members[kit.device("sol")], suspension=Suspension(9, None))
    suspended = replace(authority, members={**authority.members, sol.id: sol})
    assert "few-stewards" in codes(suspended)


def test_a_grant_that_has_ended() -> None:
    """Named by who, until a holder rotates."""
    world = settled()
    world.do("case-granted", "eva", world.granted(CASE, "amy", NOW + DAY))
    assert codes(world.authority, NOW + DAY - 1) == []
    world.now = NOW + DAY
    (found,) = standing_warnings(world.authority, world.now)
    assert (found.code, found.where) == ("expired", {"case": CASE_ID})
    assert "amy" in found.message
    world.do("rotated", "lea", world.rotated(CASE_ID))
    assert codes(world.authority, world.now) == []


def test_who_left_and_still_has_keys() -> None:
    """A removed holder, until one of those who are left rotates."""
    world = settled()
    world.do("case-granted", "eva", world.granted(CASE, "amy"))
    world.does("member-removed", "sol", member="amy", why=None)
    (found,) = standing_warnings(world.authority, world.now)
    assert (found.code, found.where) == ("stale", {"case": CASE_ID})
    assert "amy" in found.message


def test_the_founder_after_the_first_auditor_came() -> None:
    """Other groups are named by their names."""
    found = [one for one in standing_warnings(kit.peopled().authority, NOW) if one.code == "stale"]
    assert [one.where for one in found] == [{"group": AUDITORS}]
    assert FOUNDER in found[0].message


def test_a_case_with_one_holder() -> None:
    """A recovery identity counts as the other."""
    world = settled()
    other = kit.case_id("other")
    world.do("case-opened", "eva", world.opened("other", "eva"))
    (found,) = standing_warnings(world.authority, NOW)
    assert (found.code, found.where) == ("few-holders", {"case": other})
    assert "eva" in found.message
    world.do("recovery-trusted", "eva", world.trusted("paper", "other"))
    assert codes(world.authority) == []


def test_a_case_without_an_advocate() -> None:
    """An attorney alone reads and cannot act for it."""
    world = settled()
    case = world.authority.cases[CASE_ID]
    grants = {kit.device("lea"): case.grants[kit.device("lea")]}
    cases = {CASE_ID: replace(case, grants=grants)}
    found = codes(replace(world.authority, cases=cases))
    assert found == ["stale", "orphaned", "few-holders"]
    nobody = replace(world.authority, cases={CASE_ID: replace(case, grants={})})
    messages = [one.message for one in standing_warnings(nobody, NOW)]
    assert any("nobody holds" in message for message in messages)
