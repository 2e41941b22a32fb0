"""`evault log` and `evault check`: who did what, and whether everything is what it was."""

from __future__ import annotations

import re
import shutil
import sqlite3
from pathlib import Path

import pytest
from cli_kit import EVIDENCE, NAMES, World

FOR = ("--purpose", "filing", "--why", "una estrategia")


def test_the_log_says_who_did_what(world: World, tmp_path: Path) -> None:
    """Every field that the auditor is owed; the words only for holders."""
    record = world.records["carta.txt"]
    world("ben", "get", record, "-o", tmp_path / "x", *FOR)
    world("carla", "get", record, "-o", tmp_path / "y", *FOR, code=30)
    entries = world.log()
    assert [entry["index"] for entry in entries] == [0, 1, 2, 3]
    assert [entry["kind"] for entry in entries] == ["deposit", "release", "receipt", "release"]
    assert [entry["outcome"] for entry in entries] == ["done", "released", "done", "refused"]
    deposit, release, _receipt, refused = entries
    assert set(deposit["records"]) == set(world.records.values())
    assert deposit["count"] == len(EVIDENCE)
    for entry in entries:
        assert (entry["type"], entry["log"], entry["case"]) == ("entry", "access", world.case)
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", entry["time"])
        assert "why" not in entry
    assert release["actor"] == world.members["ben"]
    assert release["actor_name"] == NAMES["ben"]
    assert release["records"] == [record]
    assert release["purpose"] == "filing"
    assert refused["refusal"] == "not-holder"
    theirs = world.json("ana", "log", "list")
    assert theirs[1]["why"] == "una estrategia"


def test_people_read_the_log_as_a_table(world: World, tmp_path: Path) -> None:
    """Refusals stand out; whoever may open nothing learns how much there is."""
    record = world.records["carta.txt"]
    world("carla", "get", record, "-o", tmp_path / "y", *FOR, code=30)
    shown = world("pia", "log", "list").out
    assert "REFUSED (not-holder)" in shown
    assert "5 records" in shown
    assert "estrategia" not in shown
    assert "estrategia" in world("ana", "log", "list").out
    nothing = world("carla", "log", "list").out
    assert "2 entries are not for you" in nothing
    assert [entry["kind"] for entry in world.json("carla", "log", "list")] == [None, None]


def test_the_first_auditor_takes_the_log_over(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By looking at it, if joining did not: from then on its keys are not the founder's."""
    from vault.session import Session

    other = ("--vault", world.root / "second")
    print_ = world.json("ana", "init", world.root / "second")[0]["fingerprint"]
    contact = world("pia", "identity", "contact").raw
    world("ana", "member", "add", "-", "--role", "auditor", *other, stdin=contact)
    with monkeypatch.context() as patch:
        patch.setattr(Session, "settle", lambda _self: None)
        world("pia", "join", world.root / "second", "--fingerprint", print_)
    before = world.json("ana", "status", *other)[0]["authority"]["size"]
    world("pia", "log", "list", *other)
    assert world.json("ana", "status", *other)[0]["authority"]["size"] == before + 1
    world("pia", "log", "list", *other)
    assert world.json("ana", "status", *other)[0]["authority"]["size"] == before + 1


def test_both_logs_verify(world: World) -> None:
    """Every member can verify, whatever they may open."""
    for who in NAMES:
        verified = world.json(who, "log", "verify")
        assert [(entry["type"], entry["log"]) for entry in verified] == [
            ("verified", "authority"),
            ("verified", "access"),
        ]
        assert verified[1]["size"] == 1
        assert all(re.fullmatch("[0-9a-f]{64}", entry["root"]) for entry in verified)
    assert "opened and judged again" in world("pia", "log", "verify").out


def test_an_entry_that_no_honest_gate_wrote(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named with its index and reason, 21, and its log is not called valid; the other is."""
    from vault.acts import GateError
    from vault.audit import examine

    def wrong(*_: object) -> None:
        raise GateError("its signature is false", reason="false")

    monkeypatch.setattr(examine, "verify_act", wrong)
    result = world("pia", "--json", "log", "verify", code=21)
    *verified, found = result.objects
    assert [(entry["log"], entry["result"]) for entry in verified] == [
        ("authority", "valid"),
        ("access", "invalid"),
    ]
    assert (found["type"], found["log"], found["index"]) == ("problem", "access", 0)
    assert (found["reason"], found["code"]) == ("its signature is false", "false")
    assert "INVALID" in world("pia", "log", "verify", "--from-start", code=21).out
    monkeypatch.undo()
    # What was found stays found, until all of it is verified again.
    world("pia", "log", "list", code=21)
    assert "INVALID" not in world("pia", "log", "verify", "--from-start").out
    world("pia", "log", "list")


def test_check_of_a_sound_vault(world: World) -> None:
    """With keys, without, and without an identity: records, entries, no problems."""
    *warnings, found = world.json("ana", "check")
    assert {warning["type"] for warning in warnings} == {"warning"}
    assert {warning["code"] for warning in warnings} == {"few-stewards"}
    assert found["warnings"] == len(warnings)
    assert "Warning: there are fewer than two stewards" in world("ana", "check").out
    assert found["type"] == "check"
    assert (found["records"], found["problems"], found["keyless"]) == (5, 0, False)
    assert found["entries"] == world.json("ana", "log", "verify")[0]["size"] + 1
    (keyless,) = world.json("ana", "check", "--keyless", EVAULT_PASSPHRASE="")
    assert keyless == {**found, "keyless": True, "warnings": 0}
    stranger = world("nobody", "check")
    assert "without keys" in stranger.err
    assert "all is well" in stranger.out
    assert not (world.root / "nobody").exists()
    world("ana", "check", code=11, EVAULT_PASSPHRASE="")
    world("ana", "check", code=12, EVAULT_PASSPHRASE="wrong")
    world("nobody", "check", "--vault", world.root, code=10)


def test_check_names_damaged_content(world: World) -> None:
    """Each problem is an object that says where; the exit code is 20."""
    for path in world.blobs:
        data = bytearray(path.read_bytes())
        data[50] ^= 1
        path.write_bytes(data)
    for command in (("check",), ("check", "--keyless")):
        result = world("ben", "--json", *command, code=20)
        *problems, last = result.objects
        problems = [entry for entry in problems if entry["type"] == "problem"]
        assert {entry["concerns"] for entry in problems} == {"evidence"}
        assert {entry["where"]["record"] for entry in problems} <= set(world.records.values())
        assert last["problems"] == len(problems) >= 2
        assert result.error["code"] == "damage"
    assert "the content of a record is damaged (deposit" in world("ben", "check", code=20).out


def change(world: World, statement: str) -> None:
    """Change the database behind everybody's back."""
    with sqlite3.connect(world.vault / "vault.db") as database:
        database.execute(statement)
    database.close()


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("UPDATE log_entry SET raw = zeroblob(length(raw)) WHERE log = 0 AND position = 2", 21),
        ("UPDATE log_entry SET raw = zeroblob(length(raw)) WHERE log = 1 AND position = 0", 21),
        ("DELETE FROM log_entry WHERE log = 1", 21),
        ("DELETE FROM log_entry WHERE log = 0 AND position = 3", 21),
        ("UPDATE log_node SET hash = zeroblob(32)", 21),
        ("DELETE FROM log_head WHERE log = 1", 21),
        ("UPDATE record SET salt = zeroblob(32)", 20),
        ("UPDATE record SET label = zeroblob(length(label))", 20),
        ("DELETE FROM record WHERE position = 1", 20),
        ("UPDATE deposit SET case_seal = zeroblob(length(case_seal))", 20),
        ("DROP TABLE record", 20),
    ],
)
def test_check_names_a_changed_database(world: World, statement: str, code: int) -> None:
    """Evidence is 20, a log 21; with keys and without; never a trace."""
    change(world, statement)
    for command in (("check",), ("check", "--keyless")):
        result = world("ben", "--json", *command, code=code)
        assert result.error["exit_code"] == code
    for command in (("list",), ("log", "verify"), ("log", "list"), ("status",)):
        # A structure that a change broke cannot always be told from a newer one: 23.
        assert world_any(world, *command) in {0, 20, 21, 23}


def world_any(world: World, *command: object) -> int:
    """The exit code of a command that may fail."""
    from cli_kit import run

    result = run(world.env("ben"), *command)
    assert "Traceback" not in result.err
    assert "unexpected" not in result.err
    return result.code


def test_an_older_copy_is_noticed(world: World, tmp_path: Path) -> None:
    """Put back behind somebody's back: whoever has seen more stops with 21, for every verb."""
    shutil.copytree(world.vault, tmp_path / "old")
    world("ben", "get", world.records["carta.txt"], "-o", tmp_path / "x", *FOR)
    world.vault.rename(tmp_path / "new")
    shutil.copytree(tmp_path / "old", world.vault)
    for command in (("list",), ("status",), ("log", "verify"), ("check",)):
        result = world("ben", "--json", *command, code=21)
        assert result.error["exit_code"] == 21
        assert "rolled back" in result.err + result.out
    world("carla", "list")
    world("nobody", "check")
    shutil.rmtree(world.vault)
    (tmp_path / "new").rename(world.vault)
    assert any("two histories" in text for text in world.json("ben", "status")[0]["warnings"])
