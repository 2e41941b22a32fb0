"""`evault case rekey` as its users run it."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_kit import EVIDENCE, NAMES, REF, World, copy


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Ana (steward, advocate) and Ben (attorney) hold the case."""
    return copy(tmp_path / "world")


def everything(world: World, who: str) -> list[bytes]:
    """What somebody retrieves."""
    out = world.root / f"out-{who}"
    world(who, "get", *world.records.values(), "-o", out, "--purpose", "review")
    return sorted(path.read_bytes() for path in out.rglob("*") if path.is_file())


@pytest.mark.parametrize("level", [[], ["--re-encrypt"]])
def test_one_makes_it_and_another_confirms(world: World, level: list[str]) -> None:
    """Programs learn what was done, who is waited for, and when it is over."""
    before = world.blobs
    (done,) = world.json("ana", "case", "rekey", REF, *level)
    assert done["type"] == "rekeyed"
    assert (done["case"], done["deposits"], done["records"]) == (world.case, 1, len(EVIDENCE))
    assert done["confirmed"] is False
    assert done["waits_for"] == [world.members["ben"]]
    assert done["bytes"] > 0
    assert before <= world.blobs
    (confirmed,) = world.json("ben", "case", "rekey", REF, "--confirm")
    assert confirmed["confirmed"] is True
    assert confirmed["waits_for"] == []
    assert confirmed["entry"] > done["entry"]
    assert (before == world.blobs) is (not level)
    assert before.isdisjoint(world.blobs) is bool(level)
    assert everything(world, "ben") == sorted(EVIDENCE.values())
    for who in ("ana", "ben", "pia"):
        world(who, "check")


def test_a_dry_run_changes_nothing(world: World) -> None:
    """It says how much it would be and how long it would take."""
    log = world.log()
    (rekey,) = world.json("ana", "case", "rekey", REF, "--dry-run")
    (again,) = world.json("ana", "case", "rekey", REF, "--dry-run", "--re-encrypt")
    for said in (rekey, again):
        assert said["dry_run"] is True
        assert said["seconds"] > 0
        assert (said["deposits"], said["records"]) == (1, len(EVIDENCE))
    assert again["bytes"] > rekey["bytes"]
    assert "nothing was changed" in world("ana", "case", "rekey", REF, "--dry-run").err
    assert world.log() == log


def test_people_are_told_what_it_does_not_undo(world: World) -> None:
    """At each level, and who is waited for."""
    said = world("ana", "case", "rekey", REF).err
    assert "--confirm" in said
    assert "unless --re-encrypt" in said
    assert "nothing un-reads what was read" in said
    said = world("ana", "case", "rekey", REF, "--re-encrypt", "--why", "a laptop was taken").err
    assert "granted again" in said
    said = world("ben", "case", "rekey", REF, "--confirm").err
    assert "nothing un-reads what was read" in said


def test_who_is_alone_is_done_at_once(world: World) -> None:
    """Nobody is waited for."""
    world("ana", "case", "revoke", REF, NAMES["ben"])
    (done,) = world.json("ana", "case", "rekey", REF)
    assert done["confirmed"] is True
    assert done["waits_for"] == []
    assert everything(world, "ana") == sorted(EVIDENCE.values())


def test_what_is_not_allowed_is_refused(world: World) -> None:
    """With the documented exit codes, one line and a hint."""
    assert world("ana", "case", "rekey", REF, "--confirm", code=13).out == ""
    world("ana", "case", "rekey", REF)
    refused = world("ana", "case", "rekey", REF, "--confirm", code=30)
    assert "hint" in refused.err
    assert "another holder" in refused.err
    world("carla", "case", "rekey", REF, code=30)
    world("ben", "case", "rekey", REF, code=30)
    world("ana", "case", "rekey", REF, "--confirm", "--re-encrypt", code=2)
    world("ana", "case", "rekey", REF, "--why", "no", code=2)
    world("ana", "case", "rekey", "nothing like it", code=13)
