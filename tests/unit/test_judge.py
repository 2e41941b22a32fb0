"""An act on records is allowed to whoever may do it, in the log, case and epoch that it is for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import authority_kit as kit
import pytest
from authority_kit import CASE, CAST, DAY, FOUNDER, NOW, STRANGER, World

from vault import ids
from vault.authority import judge
from vault.authority.judge import denied
from vault.errors import DeniedError, MalformedError, StaleError
from vault.model import GATE, MEMBERS
from vault.note import ACCESS, ACTS, AUTHORITY, Note

PEOPLE = (FOUNDER, *CAST)
HASH = "00" * 32


def act(world: World, kind: str, name: str, case: str = CASE, **changes: Any) -> Note:
    """An act of somebody on a case."""
    known = kit.case_id(case) in world.authority.groups
    bodies: dict[str, dict[str, Any]] = {
        "deposit": {
            "epoch": world.number(kit.case_id(case)) if known else 1,
            "gate_epoch": world.number(GATE),
            "deposit": kit.case_id("deposit"),
            "count": 1,
            "records_root": HASH,
            "case_commitment": HASH,
            "gate_commitment": HASH,
            "case_seal": HASH,
            "gate_seal": HASH,
        },
        "release": {
            "records": [kit.case_id("record")],
            "purpose": "review",
            "disposition": "view",
            "request": None,
        },
        "receipt": {"entry": 0, "leaf": HASH},
    }
    body = {**bodies[kind], "case": kit.case_id(case), "details": None}
    return world.statement(kind, name, body, **{"log": ACCESS, **changes})


def judged(world: World, kind: str, name: str, case: str = CASE, **changes: Any) -> str | None:
    """What is said to an act."""
    return judge(world.authority, act(world, kind, name, case, **changes), world.now)


def closed(world: World) -> None:
    """Close the case: no statement does it yet, and the rule is there already."""
    case = world.authority.cases[kit.case_id(CASE)]
    state = replace(case, closed=True)
    cases = {**world.authority.cases, case.id: state}
    world.history[-1] = replace(world.authority, cases=cases)


# Who holds what: Eva (advocate) and Lea (attorney) hold the case, Sol (steward) until tomorrow.
TABLE: dict[str, tuple[str | None, str | None, str | None]] = {
    #       deposit  release       receipt
    "ada": (None, "not-holder", None),
    "sol": ("role", None, None),
    "eva": (None, None, None),
    "lea": (None, None, None),
    "amy": (None, "not-holder", None),
    "bob": (None, "not-holder", None),
    "ida": ("role", "auditor", None),
}


def world_of_the_table() -> World:
    """The cast, and a steward who holds the case until tomorrow."""
    world = kit.peopled()
    world.do("case-granted", "eva", world.granted(CASE, "sol", NOW + DAY))
    return world


@pytest.mark.parametrize("name", PEOPLE)
def test_open_case(name: str) -> None:
    """In an open case advocates and attorneys deposit, and its holders read."""
    world = world_of_the_table()
    found = tuple(judged(world, kind, name) for kind in ("deposit", "release", "receipt"))
    assert found == TABLE[name]


@pytest.mark.parametrize("name", PEOPLE)
def test_closed_case(name: str) -> None:
    """In a closed case nobody deposits, and everything else is as before."""
    world = world_of_the_table()
    closed(world)
    deposit, release, receipt = TABLE[name]
    assert judged(world, "deposit", name) == (deposit or "closed")
    assert judged(world, "release", name) == release
    assert judged(world, "receipt", name) == receipt


@pytest.mark.parametrize("name", PEOPLE)
def test_no_such_case(name: str) -> None:
    """In a case that does not exist nobody does anything."""
    world = world_of_the_table()
    roles = world.authority.members[kit.device(name)].roles
    assert judged(world, "deposit", name, "none") == (TABLE[name][0] or "no-case")
    assert judged(world, "release", name, "none") == (
        "auditor" if "auditor" in roles else "no-case"
    )
    assert judged(world, "receipt", name, "none") == "no-case"


def test_table_has_every_act_and_member() -> None:
    """No act and no member is left out of the table."""
    assert set(ACTS) == {"deposit", "release", "receipt"}
    assert set(TABLE) == set(PEOPLE)


def test_until() -> None:
    """A grant is in force before its end, and not at it."""
    world = world_of_the_table()
    for at, reason in (
        (NOW, None),
        (NOW + DAY - 1, None),
        (NOW + DAY, "not-holder"),
        (NOW + DAY + 1, "not-holder"),
    ):
        assert judge(world.authority, act(world, "release", "sol"), at) == reason


def test_the_gates_time_counts() -> None:
    """Whether a grant is in force is judged at the gate's time, not at the actor's."""
    world = world_of_the_table()
    late = act(world, "release", "sol", time=NOW)
    assert judge(world.authority, late, NOW + DAY) == "not-holder"


@pytest.mark.parametrize("name", ["eva", "amy"])
def test_approved_request(name: str) -> None:
    """A release that names an approved request is refused: there are none yet."""
    world = kit.peopled()
    found = judged(world, "release", name, request=kit.case_id("request"))
    assert found == ("request" if name == "eva" else "not-holder")


@pytest.mark.parametrize(
    "changes", [{"epoch": 2}, {"gate_epoch": 2}, {"epoch": 2, "gate_epoch": 2}]
)
def test_another_epoch(changes: dict[str, int]) -> None:
    """A deposit to an epoch that is not in force is made again, not refused."""
    world = kit.peopled()
    with pytest.raises(StaleError, match="keys have changed"):
        judged(world, "deposit", "amy", **changes)


@pytest.mark.parametrize("group", [GATE, kit.case_id(CASE)])
def test_rotated_meanwhile(group: str) -> None:
    """A deposit that was made before its case or the gate rotated is made again."""
    world = kit.peopled()
    deposit = act(world, "deposit", "amy")
    world.do("rotated", "eva", world.rotated(MEMBERS))
    assert judge(world.authority, deposit, NOW) is None
    world.do("rotated", "eva", world.rotated(group))
    with pytest.raises(StaleError, match="keys have changed"):
        judge(world.authority, deposit, NOW)


@pytest.mark.parametrize("kind", ACTS)
def test_stranger(kind: str) -> None:
    """A stranger's act is not even logged."""
    world = kit.peopled()
    with pytest.raises(DeniedError) as caught:
        judged(world, kind, STRANGER)
    assert caught.value.reason == "unknown-device"


@pytest.mark.parametrize("kind", ACTS)
@pytest.mark.parametrize(
    "elsewhere", [{"log": AUTHORITY}, {"vault": ids.show(bytes(16))}, {"vault": kit.case_id(CASE)}]
)
def test_another_log(kind: str, elsewhere: dict[str, str]) -> None:
    """An act under another origin is refused, though everything else about it holds."""
    world = kit.peopled()
    with pytest.raises(DeniedError) as caught:
        judged(world, kind, "eva", **elsewhere)
    assert caught.value.reason == "wrong-log"


def test_not_an_act() -> None:
    """A statement or a gate note is no act, even under the access log's origin."""
    world = kit.peopled()
    statement = world.statement("rotated", "eva", world.rotated(MEMBERS), log=ACCESS)
    for note in (statement, world.gate(statement)):
        with pytest.raises(MalformedError, match="not an act"):
            judge(world.authority, note, NOW)


def test_denied() -> None:
    """A refusal says in words what its code means, and names its entry."""
    error = denied("not-holder", 7)
    assert (error.reason, error.entry) == ("not-holder", 7)
    assert "do not hold the case" in error.message
    assert "case grant" in error.hint
    assert "something-new" in denied("something-new").message
