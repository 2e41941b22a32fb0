"""People come, go, are detained and lose laptops, as they type it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from cli_kit import NAMES, REF, TITLE, World, copy


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Ana founded the vault and holds the case with Ben; Carla is an attorney, Pia audits."""
    return copy(tmp_path / "world")


def join(world: World, who: str, name: str, *roles: str) -> str:
    """Somebody makes an identity, is added by Ana and joins with what the invitation says."""
    made = world.json(who, "identity", "create", name, "--kdf-memory", 64)[0]["member"]
    contact = world(who, "identity", "contact").raw
    options = [word for role in roles for word in ("--role", role)]
    (added,) = world.json("ana", "member", "add", "-", *options, stdin=contact)
    assert added["member"] == made
    world(who, "join", world.vault, "--fingerprint", added["fingerprint"], "--seen", added["seen"])
    return str(made)


def second_steward(world: World) -> None:
    """Sol becomes a steward."""
    join(world, "sol", "Sol Reyes", "steward")


def test_a_member_is_removed(world: World) -> None:
    """At once, with what they opened, and the one who removed them is told."""
    world("ben", "get", world.records["carta.txt"], "-o", world.root / "x", "--purpose", "review")
    (removed,) = world.json("ana", "member", "remove", NAMES["ben"], "--why", "left")
    assert removed["type"] == "member"
    assert removed["removed"] is True
    (case,) = removed["cases"]
    assert case["case"] == world.case
    assert case["opened"] == [world.records["carta.txt"]]
    assert set(case["could_have_opened"]) == set(world.records.values())
    assert set(case["never_opened"]) == set(world.records.values()) - set(case["opened"])
    refused = world("ben", "list", code=30)
    assert "not a member" in refused.err
    assert world.members["ben"] not in [m["member"] for m in world.json("ana", "member", "list")]


def test_a_right_to_a_case_is_revoked(world: World) -> None:
    """30 for old records and new ones, at once; and what was opened before is told."""
    record = world.records["carta.txt"]
    world("ben", "get", record, "-o", world.root / "x", "--purpose", "review")
    (revoked,) = world.json("ana", "case", "revoke", REF, NAMES["ben"])
    assert revoked["type"] == "revoked"
    assert revoked["opened"] == [record]
    (new,) = world.json("ana", "add", "-", "--case", REF, stdin=b"after")
    for name in (record, new["record"]):
        world("ben", "get", name, "-o", world.root / "y", "--purpose", "review", code=30)
        assert not (world.root / "y").exists()
    assert world.json("ben", "list") == []


def test_another_steward_removes_a_holder(world: World) -> None:
    """The case is stale until the next act of somebody who holds it; nobody else is needed."""
    second_steward(world)
    (removed,) = world.json("sol", "member", "remove", NAMES["ben"])
    assert removed["cases"] == []
    (case,) = world.json("ana", "case", "show", REF)
    assert case["stale"] is True
    world.json("ana", "add", "-", "--case", REF, stdin=b"next act")
    (case,) = world.json("ana", "case", "show", REF)
    assert case["stale"] is False
    assert len(world.json("ana", "list")) == len(world.records) + 1


def test_a_lost_laptop(world: World) -> None:
    """A second device is added from the first, and revokes it."""
    world.json("ben2", "identity", "create", NAMES["ben"], "--kdf-memory", 64)
    contact = world("ben2", "identity", "contact").raw
    (added,) = world.json("ben", "device", "add", "-", stdin=contact)
    assert added["member"] == world.members["ben"]
    world("ben2", "join", world.vault, "--fingerprint", world.fingerprint)
    assert len(world.json("ben2", "list")) == len(world.records)
    own = [d for d in world.json("ben2", "device", "list") if d["member"] == world.members["ben"]]
    assert [device["this"] for device in own] == [False, True]
    world("ben2", "device", "revoke", own[1]["device"], code=30)
    (revoked,) = world.json("ben2", "device", "revoke", own[0]["device"][:6])
    assert revoked["revoked"] is True
    world("ben", "list", code=30)
    assert len(world.json("ben2", "list")) == len(world.records)


def test_a_steward_revokes_the_laptop_of_somebody_who_cannot(world: World) -> None:
    """The last device too; then a new one comes without rights, until they are given anew."""
    (revoked,) = world.json("ana", "device", "revoke", world.members["ben"])
    assert revoked["member"] == world.members["ben"]
    world("ben", "list", code=30)
    world.json("ben2", "identity", "create", NAMES["ben"], "--kdf-memory", 64)
    contact = world("ben2", "identity", "contact").raw
    world("ana", "device", "add", "-", "--member", NAMES["ben"], stdin=contact)
    world("ben2", "join", world.vault, "--fingerprint", world.fingerprint)
    assert world.json("ben2", "list") == []
    world("ana", "member", "roles", NAMES["ben"], "--role", "attorney")
    world("ana", "case", "grant", REF, NAMES["ben"])
    assert len(world.json("ben2", "list")) == len(world.records)


def test_an_arrest(world: World) -> None:
    """Two members suspend a third: one proposes, `status` tells the other, who signs."""
    waits = world("carla", "--json", "member", "suspend", NAMES["ben"], "--why", "a raid", code=31)
    (proposal,) = waits.objects
    assert proposal["type"] == "proposal"
    assert waits.error["exit_code"] == 31
    (status,) = world.json("pia", "status")
    (text,) = [text for text in status["waiting"] if "endorse" in text]
    assert proposal["proposal"][:8] in text
    assert "a raid" in text
    world("ben", "endorse", proposal["proposal"], code=30)
    (done,) = world.json("pia", "endorse", proposal["proposal"][:8])
    assert done["state"] == "done"
    world("ben", "list", code=30)
    (found,) = [m for m in world.json("ana", "member", "list") if m["suspended"]]
    assert found["member"] == world.members["ben"]
    world("ana", "member", "resume", NAMES["ben"])
    world("ana", "list")
    assert len(world.json("ben", "list")) == len(world.records)


def test_two_stewards_must_sign(world: World) -> None:
    """A policy of two: what one asks for waits for the other, and `endorse` does it."""
    second_steward(world)
    world("ana", "member", "policy", "--stewards", 3, code=30)
    world("ana", "member", "policy", "--stewards", 2)
    waits = world("ana", "--json", "member", "remove", NAMES["carla"], code=31)
    (proposal,) = waits.objects
    world("ana", "endorse", proposal["proposal"], code=30)
    world("carla", "endorse", proposal["proposal"], code=30)
    (done,) = world.json("sol", "endorse", proposal["proposal"])
    assert done["state"] == "done"
    world("carla", "list", code=30)
    world("sol", "endorse", proposal["proposal"], code=13)


def test_a_policy_is_loosened_only_with_the_others(world: World) -> None:
    """One advocate can ask for more, and not for less."""
    world("ana", "case", "grant", REF, NAMES["carla"])
    (policy,) = world.json("ana", "case", "policy", REF, "--approvals", 2)
    assert (policy["approvals"], policy["request_ttl"]) == (2, 72)
    waits = world("ana", "--json", "case", "policy", REF, "--approvals", 0, code=31)
    (proposal,) = waits.objects
    world("ben", "endorse", proposal["proposal"])
    (case,) = world.json("ana", "case", "show", REF)
    assert case["approvals"] == 2
    world("carla", "endorse", proposal["proposal"])
    # The advocate who holds the case is the one who does it.
    (status,) = world.json("ana", "status")
    assert any("enough have signed" in text for text in status["waiting"])
    world("ana", "endorse", proposal["proposal"])
    (case,) = world.json("ana", "case", "show", REF)
    assert case["approvals"] == 0


def test_a_case_is_closed_held_and_reopened(world: World) -> None:
    """Closed takes nothing in; a hold is set by one and lifted by two advocates."""
    world("ana", "case", "close", REF)
    world("ana", "add", "-", "--case", REF, stdin=b"x", code=30)
    world("ana", "case", "reopen", TITLE)
    world("ana", "add", "-", "--case", REF, stdin=b"x")
    world("ben", "case", "legal-hold", "set", REF)
    waits = world("ana", "--json", "case", "legal-hold", "lift", REF, code=31)
    (proposal,) = waits.objects
    world("ben", "endorse", proposal["proposal"], code=30)
    join(world, "eva", "Eva Lund", "advocate")
    world("ana", "case", "grant", REF, "Eva Lund")
    world("eva", "endorse", proposal["proposal"])
    (case,) = world.json("ana", "case", "show", REF)
    assert case["legal_hold"] is False


def test_an_invitation_shows_an_older_copy(world: World) -> None:
    """With the sizes in it a newcomer notices; a garbled one is refused before anything."""
    world.json("eva", "identity", "create", "Eva", "--kdf-memory", 64)
    contact = world("eva", "identity", "contact").raw
    (added,) = world.json("ana", "member", "add", "-", "--role", "advocate", stdin=contact)
    size, _colon, rest = added["seen"].partition(":")
    later = f"{int(size) + 1}:{rest}"
    given = ("join", world.vault, "--fingerprint", added["fingerprint"], "--seen")
    world("eva", *given, "nonsense", code=2)
    world("eva", *given, later, code=21)
    world("eva", *given, added["seen"])


def test_an_older_copy_is_put_back_on_purpose(world: World) -> None:
    """Everybody is stopped; a steward accepts and declares it, the others see that they did."""
    shutil.copytree(world.vault, world.root / "backup")
    world("ana", "add", "-", "--case", REF, stdin=b"lost")
    world("ben", "list")
    shutil.rmtree(world.vault)
    shutil.copytree(world.root / "backup", world.vault)
    for who in ("ana", "ben"):
        world(who, "list", code=21)
    again = ("join", world.vault, "--fingerprint", world.fingerprint)
    world("ana", *again, code=21)
    said = world.json("ana", *again, "--older")
    (older,) = [one for one in said if one["type"] == "older"]
    assert older["declared"] == []
    assert len(world.json("ana", "list")) == len(world.records)
    said = world.json("ben", *again, "--older")
    (older,) = [one for one in said if one["type"] == "older"]
    assert older["declared"] == [older["lost"]]
    (status,) = world.json("ben", "status")
    assert any("put back" in text for text in status["warnings"])
