"""What takes more than one person, as its people type it: requests, approvals, destruction."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_kit import EVIDENCE, NAMES, REF, World, copy

FOR = ("--purpose", "filing")


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Ana, Ben and Carla hold the case; one other has to approve."""
    made = copy(tmp_path)
    made("ana", "case", "grant", REF, NAMES["carla"])
    made("ana", "case", "policy", REF, "--approvals", 1, "--request-ttl", 24)
    return made


def test_a_request_from_asking_to_the_file(world: World, tmp_path: Path) -> None:
    """Ben asks, Ana sees it and approves, Ben gets exactly that, once."""
    record = world.records["carta.txt"]
    (asked,) = world.json("ben", "request", record[:8], *FOR, "--why", "Motion")
    assert asked | {"entry": 0, "expires": ""} == {
        "type": "request",
        "schema": 1,
        "request": asked["request"],
        "state": "pending",
        "needs": 1,
        "case": world.case,
        "records": [record],
        "purpose": "filing",
        "disposition": "copy",
        "actor": world.members["ben"],
        "actor_name": NAMES["ben"],
        "approvals": [],
        "approval_names": [],
        "why": "Motion",
        "entry": 0,
        "expires": "",
    }
    name = asked["request"]
    (seen,) = world.json("ana", "requests", "--for-me")
    assert seen == asked
    assert world.json("ben", "requests", "--for-me") == []
    assert world.json("ana", "requests", "--mine") == []
    out = tmp_path / "out.txt"
    error = world("ben", "--json", "get", "--request", name[:8], "-o", out, code=30).error
    assert (error["reason"], out.exists()) == ("approvals", False)
    (approved,) = world.json("ana", "approve", name[:8])
    assert (approved["type"], approved["state"]) == ("approval", "approved")
    (released,) = world.json("ben", "get", "--request", name[:8], "-o", out)
    assert (released["record"], out.read_bytes()) == (record, EVIDENCE["carta.txt"])
    (seen,) = world.json("ben", "requests")
    assert (seen["state"], seen["approval_names"]) == ("used", [NAMES["ana"]])
    error = world("ben", "--json", "get", "--request", name, "-o", tmp_path / "2", code=30).error
    assert error["reason"] == "used"


def test_get_asks_by_itself_waits_and_comes_back(world: World, tmp_path: Path) -> None:
    """The same command three times: files the request, names it, brings the record."""
    record, out = world.records["carta.txt"], tmp_path / "out.txt"
    get = ("get", record, "-o", out, *FOR)
    first = world("ben", "--json", *get, code=31)
    assert (first.object["type"], first.error["code"]) == ("request", "waiting")
    second = world("ben", "--json", *get, code=31)
    assert second.object["request"] == first.object["request"]
    assert not out.exists()
    world("carla", "approve", first.object["request"])
    world("ben", *get)
    assert out.read_bytes() == EVIDENCE["carta.txt"]


@pytest.mark.parametrize("command", ["show", "view"])
def test_looking_asks_as_well(world: World, command: str) -> None:
    """What is a release asks for approvals, however it is called."""
    record = world.records["carta.txt"]
    asked = world("ben", command, record, *FOR, code=31)
    assert "evault approve" in asked.out
    assert world.log()[-1]["disposition"] == "view"
    world("ana", "approve", world.json("ana", "requests", "--for-me")[0]["request"])
    assert world("ben", command, record, *FOR).out


def test_the_message_for_the_others_has_nothing_in_it(world: World) -> None:
    """It can go by any way: no name, no title, no record, no reason."""
    out = world("ben", "request", world.records["carta.txt"], *FOR, "--why", "Rosa").out
    (line,) = [line for line in out.splitlines() if "Please" in line]
    (asked,) = world.json("ben", "requests")
    assert (
        line.split()
        == (
            "Please look at request {id} in our vault: `evault approve {id}`, or `evault deny {id}`"
        )
        .format(id=asked["request"][:8])
        .split()
    )


def test_a_denial_ends_it(world: World, tmp_path: Path) -> None:
    """Denied is denied: with its reason for holders, and exit code 30 for who uses it."""
    (asked,) = world.json("ben", "request", world.records["carta.txt"], *FOR)
    world("ana", "deny", asked["request"], code=2)
    (denied,) = world.json("ana", "deny", asked["request"], "--why", "ask her first")
    assert denied["state"] == "denied"
    out = tmp_path / "out"
    get = world("ben", "--json", "get", "--request", asked["request"], "-o", out, code=30)
    assert get.error["reason"] == "denied"
    assert world.json("ana", "log", "list")[-1]["why"] == "ask her first"


def test_a_record_is_destroyed_by_two(world: World, tmp_path: Path) -> None:
    """Carla asks, Ana does it; the receipt says who has a copy and what cannot be reached."""
    record, other = world.records["carta.txt"], world.records["foto.bin"]
    (asked,) = world.json("ben", "request", record, *FOR)
    world("ana", "approve", asked["request"])
    world("ben", "get", "--request", asked["request"], "-o", tmp_path / "copy.txt")
    destroy = ("destroy", record[:8], "--why", "she asked for it")
    first = world("carla", "--json", *destroy, code=31)
    assert (first.object["disposition"], first.object["state"]) == ("destroy", "pending")
    (gone,) = world.json("ana", *destroy)
    assert (gone["type"], gone["record"], gone["case"]) == ("destroyed", record, world.case)
    (got,) = gone["copies"]
    assert (got["member"], got["name"]) == (world.members["ben"], NAMES["ben"])
    assert (gone["by"], gone["erased"]) == (world.members["ana"], True)
    assert len(gone["unreachable"]) == 3
    assert NAMES["ben"] in gone["unreachable"][1]
    listed = [listed["record"] for listed in world.json("ben", "list")]
    assert record not in listed
    assert other in listed
    assert world.json("ben", "show", record)[0] == gone
    assert record in world("ben", "show", record).out
    for words in (("get", record, "-o", tmp_path / "no"), ("view", record), ("request", record)):
        assert "destroyed" in world("ben", *words, *FOR, code=30).err
    entry = world.log()[gone["entry"]]
    assert (entry["kind"], entry["actor_name"], entry["records"]) == (
        "destruction",
        NAMES["ana"],
        [record],
    )
    for who in ("ana", "ben", "pia"):
        world(who, "log", "verify")
        world(who, "check")


def test_who_asked_for_a_destruction_completes_it(world: World) -> None:
    """Approved by another, it waits for either of them."""
    destroy = ("destroy", world.records["carta.txt"], "--why", "she asked for it")
    name = world("ben", "--json", *destroy, code=31).object["request"]
    assert world("ben", "--json", *destroy, code=31).object["request"] == name
    assert "evault destroy" in world("ana", "approve", name).out
    assert "destroyed by" in world("ben", *destroy).out


def test_a_legal_hold_forbids_it(world: World) -> None:
    """Exit code 30, and the record is still there."""
    record = world.records["carta.txt"]
    world("ana", "case", "legal-hold", "set", REF)
    error = world("ana", "--json", "destroy", record, "--why", "no", code=30).error
    assert error["reason"] == "hold"
    assert record in {listed["record"] for listed in world.json("ana", "list")}


def test_what_is_not_a_request(world: World, tmp_path: Path) -> None:
    """Unknown ones are exit code 13; one for something else is refused by the gate."""
    world("ben", "approve", "zzzz2345", code=13)
    world("ben", "get", "-o", tmp_path / "x", *FOR, code=2)
    name = world(
        "ben", "--json", "destroy", world.records["carta.txt"], "--why", "x", code=31
    ).object["request"]
    world("ben", "get", "--request", name, "-o", tmp_path / "x", code=2)
    (asked,) = world.json("ben", "request", world.records["carta.txt"], *FOR)
    more = ("get", world.records["foto.bin"], "--request", asked["request"], "-o", tmp_path / "x")
    world("ben", *more, code=30)
