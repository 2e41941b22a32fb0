"""`evault init`, `join`, `status`, `member` and `case`: who works where, and with whom."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from cli_kit import NAMES, REF, TITLE, World, environment, run

from vault.store import folder

SPELT = "a\u202eb\x1b]0;x\x07\nc"


def test_init_says_the_fingerprint_and_what_is_next(world: World) -> None:
    """Programs get it whole, people in groups of four, with the next steps."""
    made = world.json("ana", "init", world.root / "second")[0]
    assert made == {
        "type": "vault",
        "schema": 1,
        "fingerprint": made["fingerprint"],
        "path": str(world.root / "second"),
    }
    assert len(made["fingerprint"]) == 64
    shown = world("ana", "init", world.root / "third")
    assert "evault member add" in shown.out
    assert any(len(line.split()) == 16 for line in shown.out.splitlines())
    assert "as Ana Ruiz" in shown.err


def test_init_refuses_what_is_there(world: World) -> None:
    """A vault, a file, or a folder with anything in it; nothing is changed."""
    result = world("ana", "init", world.vault, "--json", code=15)
    assert "a vault" in result.error["message"]
    other = world.root / "other"
    other.mkdir()
    (other / "x").write_text("x")
    world("ana", "init", other, code=15)
    world("ana", "init", other / "x", code=15)
    assert [entry.name for entry in other.iterdir()] == ["x"]
    world("ana", "list")


def test_init_refuses_a_network_folder_and_warns_of_a_synced_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database is unsafe on the one and copied away by the other."""
    monkeypatch.setattr(folder, "filesystem", lambda _path: "nfs4")
    result = world("ana", "init", world.root / "far", "--json", code=15)
    assert result.error["code"] == "network-folder"
    world("ben", "join", world.vault, "--fingerprint", world.fingerprint, code=15)
    monkeypatch.undo()
    assert "warning" in world("ana", "init", world.root / "Dropbox" / "v").err


def test_the_founder_without_an_identity_is_told_how_to_make_one(world: World) -> None:
    """Nothing is made before there is somebody to own it."""
    result = world("nobody", "init", world.root / "new", code=11)
    assert "identity create" in result.err
    assert not (world.root / "new").exists()


def test_a_client_that_has_not_joined_stops_and_says_how_to(world: World) -> None:
    """Exit code 21 for every verb, until the fingerprint was given."""
    name = world.root / "carla" / "vaults"
    name.rename(name.with_name("gone"))
    for verb in (("list",), ("status",), ("check",), ("log", "list"), ("case", "list")):
        result = world("carla", "--json", *verb, code=21)
        assert result.error["code"] == "unknown-vault"
        assert "evault join" in result.err
    spaced = " ".join(world.fingerprint[at : at + 4] for at in range(0, 64, 4)).upper()
    joined = world.json("carla", "join", world.vault, "--fingerprint", spaced)[0]
    assert joined["fingerprint"] == world.fingerprint
    assert joined["path"] == str(world.vault)
    world("carla", "list")


def test_join_refuses_another_fingerprint(world: World) -> None:
    """Another vault than was meant is 21, half a fingerprint a mistake in usage."""
    wrong = ("0" if world.fingerprint[0] != "0" else "1") + world.fingerprint[1:]
    (world.root / "carla" / "vaults").rename(world.root / "gone")
    assert "deceiving" in world("carla", "join", world.vault, "--fingerprint", wrong, code=21).err
    world("carla", "join", world.vault, "--fingerprint", wrong[:60], code=2)
    world("carla", "join", world.vault, code=2)
    world("carla", "join", world.root / "none", "--fingerprint", wrong, code=10)


def test_join_by_a_stranger_says_what_is_missing(world: World) -> None:
    """Whoever is no member learns whom to ask."""
    world("eve", "identity", "create", "Eve", "--kdf-memory", 64)
    result = world("eve", "join", world.vault, "--fingerprint", world.fingerprint, code=11)
    assert "not a member" in result.err


@pytest.mark.parametrize("where", ["before", "after", "variable", "folder"])
def test_the_vault_is_named_in_four_ways(
    world: World, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before or after the verb, in the environment, or by being there."""
    env = environment(world.root / "ana")
    option = ("--vault", world.vault)
    if where == "folder":
        monkeypatch.chdir(world.vault)
    if where == "variable":
        env["EVAULT_VAULT"] = str(world.vault)
    before = option if where == "before" else ()
    after = option if where == "after" else ()
    assert run(env, *before, "--json", "list", *after).code == 0
    assert run(env, *before, "log", *after, "list", "--json").code == 0


def test_no_vault(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """None is named, none is there, or something else is."""
    monkeypatch.chdir(world.root)
    result = run(environment(world.root / "ana"), "list", "--json")
    assert (result.code, result.error["code"]) == (10, "no-vault")
    world("ana", "list", "--vault", world.root / "none", code=10)
    world("ana", "list", "--vault", world.root / "evidence", code=10)
    world("ana", "list", "--vault", world.root / "evidence" / "carta.txt", code=10)


def test_a_newer_or_damaged_vault(world: World) -> None:
    """A newer format is 23; a database that is gone or is none is 20."""
    mark = world.vault / "FORMAT"
    good = mark.read_bytes()
    mark.write_bytes(b"evault vault 4\n")
    assert "newer evault" in world("ana", "list", code=23).err
    mark.write_bytes(good)
    base = world.vault / "vault.db"
    for name in ("vault.db-wal", "vault.db-shm"):
        (world.vault / name).unlink(missing_ok=True)
    base.write_bytes(b"not a database at all" * 1000)
    world("ana", "list", code=20)
    world("ana", "check", code=20)
    base.unlink()
    world("ana", "list", code=20)
    assert not base.exists()


def test_status_says_as_whom_and_what_to_worry_about(world: World) -> None:
    """Member, roles, level, fingerprint, both logs; few stewards, few holders, who waits."""
    found = world.json("ana", "status")[0]
    assert found["type"] == "status"
    assert found["member"] == world.members["ana"]
    assert found["name"] == NAMES["ana"]
    assert found["roles"] == ["advocate", "steward"]
    assert found["level"] == 0
    assert found["fingerprint"] == world.fingerprint
    assert set(found["authority"]) == set(found["access"]) == {"size", "root"}
    assert found["access"]["size"] == 1
    assert found["waiting"] == []
    assert any("stewards" in text for text in found["warnings"])
    assert not any("holds the case" in text for text in found["warnings"])
    world("ana", "case", "open", "Sola")
    found = world.json("ana", "status")[0]
    assert any("Sola" in text for text in found["warnings"])
    shown = world("ben", "status").out
    assert "Sola" not in shown
    assert NAMES["ben"] in shown


def test_status_warns_of_an_open_identity_file(world: World) -> None:
    """A file that others may read is as weak as its passphrase."""
    (world.root / "ana" / "identity").chmod(0o644)
    assert any("chmod" in text for text in world.json("ana", "status")[0]["warnings"])


def test_status_says_who_waits_for_keys(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What I wait for, and what others wait for from me."""
    from vault.authority import Authority

    def lacking(self: Authority, group: str, at: int) -> list[object]:
        return self.entitled(group, at)[1:] if group == world.case else []  # type: ignore[return-value]

    monkeypatch.setattr(Authority, "lacking", lacking)
    (theirs,) = world.json("ana", "status")[0]["waiting"]
    assert "your next act gives them" in theirs
    assert NAMES["ben"] in theirs
    (mine,) = world.json("ben", "status")[0]["waiting"]
    assert TITLE in mine
    assert world.json("carla", "status")[0]["waiting"] == []


def test_members(world: World) -> None:
    """Everybody sees who takes part, by id, name and roles."""
    listed = world.json("carla", "member", "list")
    assert [entry["type"] for entry in listed] == ["member"] * 4
    assert {entry["member"]: entry["name"] for entry in listed} == {
        world.members[who]: name for who, name in NAMES.items()
    }
    assert [entry["roles"] for entry in listed][:2] == [["advocate", "steward"], ["attorney"]]
    assert NAMES["pia"] in world("ben", "member", "list").out


def test_a_new_member(world: World) -> None:
    """From a file or standard input, with one role or several; how to join is printed."""
    contact = world.root / "eve.contact"
    world("eve", "identity", "create", "Eve", "--kdf-memory", 64)
    world("eve", "identity", "contact", "-o", contact)
    command = ("member", "add", contact, "--role", "steward", "--role", "advocate")
    world("ben", *command, code=30)
    added = world.json("ana", *command)[0]
    assert added["roles"] == ["advocate", "steward"]
    assert added["name"] == "Eve"
    result = world("ana", *command, "--json", code=30)
    assert result.error["reason"] == "is-member"
    world(
        "eve2",
        "identity",
        "create",
        SPELT.replace("\n", "").replace("\x1b", "").replace("\x07", ""),
        "--kdf-memory",
        64,
    )
    world("eve2", "identity", "contact", "-o", contact.with_name("c2"))
    shown = world("ana", "member", "add", contact.with_name("c2"), "--role", "attorney")
    assert "evault join" in shown.out
    assert "\u202e" not in shown.out
    assert "\\u202e" in shown.out
    missing = world("ana", "member", "add", contact, code=2)
    assert "--role" in missing.err
    world("ana", "member", "add", contact, "--role", "boss", code=2)


def test_an_auditor_has_no_other_role(world: World) -> None:
    """The rule is the authority's: refused, not a mistake in usage."""
    contact = world.root / "eve.contact"
    world("eve", "identity", "create", "Eve", "--kdf-memory", 64)
    world("eve", "identity", "contact", "-o", contact)
    world("ana", "member", "add", contact, "--role", "auditor", "--role", "attorney", code=30)


def test_contacts_that_are_none(world: World, tmp_path: Path) -> None:
    """Foreign, cut, changed, and self-signed with another key: each a clear line, nobody added."""
    good = world("eve", "identity", "create", "Eve", "--kdf-memory", 64)
    text = world("eve", "identity", "contact").raw
    lines = text.split(b"\n")
    other = world("ana", "identity", "contact").raw.split(b"\n")
    cases = {
        "empty": (b"", 23),
        "foreign": (b"BEGIN:VCARD\n", 23),
        "binary": (os.urandom(3000), 23),
        "huge": (text * 50, 23),
        "cut": (text[:900], 23),
        "newer": (text.replace(b"evault/1/", b"evault/2/", 1), 23),
        "renamed": (text.replace(b'"Eve"', b'"Eva"', 1), 20),
        "unsigned": (b"\n".join([*lines[:3], b"", b""]), 23),
        "other signature": (b"\n".join([*lines[:4], *other[4:]]), 20),
    }
    for name, (data, code) in cases.items():
        path = tmp_path / name
        path.write_bytes(data)
        result = world("ana", "member", "add", path, "--role", "attorney", code=code)
        assert result.err.startswith("evault: error: "), name
    world("ana", "member", "add", tmp_path / "missing", "--role", "attorney", code=15)
    world("ana", "member", "add", tmp_path, "--role", "attorney", code=15)
    assert len(world.json("ana", "member", "list")) == 4
    assert good.code == 0


def test_cases(world: World) -> None:
    """Titles only for holders; the reference for all; ids for everything."""
    second = world.json("ana", "case", "open", "La familia R.\n(menores)", "--ref", "17")[0]
    assert second["type"] == "case"
    assert second["title"] == "La familia R.\n(menores)"
    mine = world.json("ana", "case", "list")
    assert [(entry["title"], entry["ref"], entry["held"]) for entry in mine] == [
        (TITLE, REF, True),
        ("La familia R.\n(menores)", "17", True),
    ]
    assert mine[0]["holders"] == [world.members["ana"], world.members["ben"]]
    theirs = world.json("ben", "case", "list")
    assert [(entry["title"], entry["held"]) for entry in theirs] == [(TITLE, True), (None, False)]
    assert "familia" not in world("ben", "case", "list").out
    assert "La familia R.\\n(menores)" in world("ana", "case", "list").out
    shown = world.json("ana", "case", "show", world.case[:6])[0]
    assert shown["records"] == 5
    assert world.json("carla", "case", "show", REF)[0]["title"] is None


def test_a_case_opened_with_others(world: World) -> None:
    """An attorney names an advocate; alone they may not."""
    world("ben", "case", "open", "Sin abogada", code=30)
    opened = world.json("ben", "case", "open", "Con Ana", "--with", NAMES["ana"])[0]
    assert opened["holders"] == [world.members["ben"], world.members["ana"]]
    assert world.json("ana", "case", "show", "Con Ana")[0]["held"]
    world("ben", "case", "open", "Con nadie", "--with", "nobody", code=13)
    world("ana", "case", "open", "", code=2)
    world("ana", "case", "open", code=2)
    world("ana", "case", "open", "x", "--ref", "", code=2)
    world("ana", "case", "open", "x", "--ref", "y" * 5000, code=2)


def test_a_grant(world: World) -> None:
    """By title and name, by reference and beginning of an id; the new holder reads at once."""
    world("carla", "list", "--case", REF, code=30)
    granted = world.json("ana", "case", "grant", TITLE.upper(), world.members["carla"][:6])[0]
    assert granted == {
        "type": "grant",
        "schema": 1,
        "case": world.case,
        "member": world.members["carla"],
        "until": None,
        "records": None,
    }
    assert len(world.json("carla", "list", "--case", REF)) == 5
    world("ana", "case", "grant", TITLE, NAMES["carla"], code=30)
    world("ben", "case", "grant", TITLE, NAMES["carla"], code=30)
    world("ana", "case", "grant", TITLE, NAMES["pia"], code=30)
    world("ana", "case", "grant", "no such", NAMES["carla"], code=13)
    world("ana", "case", "grant", TITLE, "no such", code=13)


def test_an_ambiguous_name_is_not_guessed(world: World) -> None:
    """Two cases of one title, two people of one name: give the id."""
    other = world.json("ana", "case", "open", TITLE.lower())[0]
    assert world.json("ana", "case", "show", TITLE)[0]["case"] == world.case
    result = world("ana", "case", "show", TITLE.upper(), "--json", code=13)
    assert result.error["code"] == "ambiguous"
    assert world.json("ana", "case", "show", other["case"])[0]["case"] == other["case"]
