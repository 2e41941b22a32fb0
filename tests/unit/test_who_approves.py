"""Whose approval counts, told from the notes alone."""

from __future__ import annotations

from typing import Any

import authority_kit as kit
import pytest
from authority_kit import CASE, DAY, World

from vault.authority import approvals
from vault.note import ACCESS, Note

RECORD = kit.case_id("record")


def act(world: World, kind: str, name: str, **body: Any) -> Note:
    """An act on the case, which Eva (advocate) and Lea (attorney) hold."""
    fields = {"case": kit.case_id(CASE), "details": None, **body}
    return world.statement(kind, name, fields, log=ACCESS)


def ask(world: World, name: str, asks_for: str = "copy") -> Note:
    """A request for a record."""
    return act(
        world,
        "request",
        name,
        records=[RECORD],
        purpose="filing",
        asks_for=asks_for,
        expires=world.now + DAY,
    )


def answer(world: World, asked: Note, name: str, kind: str = "approval") -> Note:
    """Somebody's answer."""
    return act(world, kind, name, answers=asked.body["id"], asked=asked.digest)


def test_approvals_are_those_of_other_holders_each_once() -> None:
    """Not the asker's, not a stranger's, no denial, and nobody's twice."""
    world = kit.peopled()
    asked = ask(world, "eva")
    given = [
        answer(world, asked, "eva"),
        answer(world, asked, "lea"),
        answer(world, asked, "lea"),
        answer(world, asked, "amy"),
        answer(world, asked, kit.FOUNDER),
        answer(world, ask(world, "eva"), "lea"),
    ]
    counted = approvals.approvers(world.authority, asked, given, world.now)
    assert counted == {kit.device("lea")}
    denial = answer(world, asked, "lea", "denial")
    assert approvals.approvers(world.authority, asked, [denial], world.now) == set()


@pytest.mark.parametrize(
    ("asker", "approver", "enough"),
    [("eva", "lea", True), ("lea", "eva", True), ("lea", "lea", False), ("eva", None, False)],
)
def test_a_destruction_needs_two_and_an_advocate(
    asker: str, approver: str | None, enough: bool
) -> None:
    """Whoever of them asked."""
    world = kit.peopled()
    asked = ask(world, asker, "destroy")
    given = [answer(world, asked, approver)] if approver else []
    assert approvals.needed(world.authority, asked) == 1
    assert approvals.enough(world.authority, asked, given, world.now) is enough


def test_a_release_needs_what_the_policy_asks_for() -> None:
    """Nothing where it asks for nothing; then as many as it says."""
    world = kit.peopled()
    asked = ask(world, "eva")
    assert approvals.enough(world.authority, asked, [], world.now)
    asks = {"approvals": 1, "hours": 24}
    body = {"case": kit.case_id(CASE), "asks": asks, "quoted": []}
    world.do("case-policy-set", "eva", body)
    asked = ask(world, "eva")
    assert not approvals.enough(world.authority, asked, [], world.now)
    assert approvals.enough(world.authority, asked, [answer(world, asked, "lea")], world.now)
