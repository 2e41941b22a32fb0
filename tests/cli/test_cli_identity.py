"""`evault identity`: made, shown, given to others, and given a new passphrase."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from cli_kit import NAMES, World, environment, run

GOOD = "una frase bastante larga"
CREATE = ("--json", "identity", "create", "--kdf-memory", 64)


def test_create_makes_a_file_that_only_its_owner_reads(tmp_path: Path) -> None:
    """The object names member, name and file; the file is the usual one and mode 0600."""
    env = environment(tmp_path / "home")
    made = run(env, *CREATE, "Ana Pérez").object
    assert made["type"] == "identity"
    assert made["schema"] == 1
    assert made["name"] == "Ana Pérez"
    assert made["file"] == str(tmp_path / "home" / "identity")
    assert len(made["member"]) == 32
    assert stat.S_IMODE(Path(made["file"]).stat().st_mode) == 0o600
    shown = run(env, "identity", "show", "--json").object
    assert {name: shown[name] for name in ("member", "name", "file")} == {
        name: made[name] for name in ("member", "name", "file")
    }


@pytest.mark.parametrize("where", ["-o", "--identity", "EVAULT_IDENTITY"])
def test_create_writes_where_it_is_told(tmp_path: Path, where: str) -> None:
    """An option, the global option, and the variable all name the file."""
    path = tmp_path / "usb" / "ana"
    options = [] if where == "EVAULT_IDENTITY" else [where, path]
    more = {where: str(path)} if where == "EVAULT_IDENTITY" else {}
    made = run(environment(tmp_path / "home", **more), *CREATE, "Ana", *options)
    assert made.object["file"] == str(path)
    assert path.is_file()


def test_an_existing_file_is_never_overwritten(world: World) -> None:
    """A second identity needs another place; the first stays as it was."""
    path = world.root / "ana" / "identity"
    before = path.read_bytes()
    result = world("ana", *CREATE, "Other", code=15)
    assert "exists already" in result.error["message"]
    world("ana", *CREATE, "Other", "-o", path, code=15)
    # Said before anybody is asked to think of a passphrase.
    world("ana", *CREATE, "Other", code=15, EVAULT_PASSPHRASE="")
    assert path.read_bytes() == before


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "a\x1b[31mb", "x" * 201, "ü" * 101])
def test_a_name_that_is_none_is_a_mistake_in_usage(tmp_path: Path, name: str) -> None:
    """Nothing is made for an empty, overlong or tricky name."""
    result = run(environment(tmp_path), *CREATE, name)
    assert result.code == 2
    assert not (tmp_path / "identity").exists()
    assert "\x1b" not in result.err


@pytest.mark.parametrize("memory", ["63", "2049", "-1", "x"])
def test_memory_outside_the_range_is_a_mistake_in_usage(tmp_path: Path, memory: str) -> None:
    """What no reader would accept is not written."""
    assert run(environment(tmp_path), *CREATE, "Ana", "--kdf-memory", memory).code == 2


@pytest.mark.parametrize(
    "weak",
    [
        "short",
        "aaaaaaaaaaaaaaa",
        "abababababababab",
        "abcdefghijklmnop",
        "123456789012345",
        "password123456",
        "P4ssw0rd!!!!2024",
        "passwordpassword",
        "Passphrase 2026",
        "qwertyuiop123",
        "contraseña12345",
        "test test test test",
    ],
)
def test_a_weak_new_passphrase_is_refused_with_a_suggestion(tmp_path: Path, weak: str) -> None:
    """The reason is named, something better is offered, nothing is made, nothing is repeated."""
    result = run(environment(tmp_path, EVAULT_PASSPHRASE=weak), *CREATE, "Ana")
    assert result.code == 2
    assert "weak" in result.error["message"]
    assert "random" in result.err
    assert weak not in result.err
    assert not (tmp_path / "identity").exists()


@pytest.mark.parametrize(
    "good", [GOOD, "correct horse battery staple", "k7dm-q2xv-9r4t", "أربع كلمات ليست"]
)
def test_a_good_passphrase_is_taken(tmp_path: Path, good: str) -> None:
    """In any language, with any characters."""
    env = environment(tmp_path, EVAULT_PASSPHRASE=good)
    assert run(env, *CREATE, "Ana").code == 0
    assert run(env, "identity", "show").code == 0


def test_show_is_readable(world: World) -> None:
    """People see name, id and file."""
    shown = world("ben", "identity", "show")
    assert NAMES["ben"] in shown.out
    assert world.members["ben"] in shown.out


def test_contact_is_text_on_standard_output_or_in_a_file(world: World) -> None:
    """A contact is a note that begins with its kind, also with --json."""
    for options in ((), ("--json",), ("-o", "-")):
        found = world("ana", "identity", "contact", *options).raw
        assert found.startswith(b"evault/1/contact\n")
        assert NAMES["ana"].encode() in found
    path = world.root / "ana.contact"
    made = world.json("ana", "identity", "contact", "-o", path)[0]
    assert (made["type"], made["member"]) == ("contact", world.members["ana"])
    assert path.read_bytes().startswith(b"evault/1/contact\n")
    world("ana", "identity", "contact", "-o", path, code=15)
    world("ana", "identity", "contact", "-o", world.root / "no" / "where", code=15)


def test_passwd_changes_the_passphrase_and_nothing_else(world: World) -> None:
    """The old one no longer opens the file, the new one does, and it is the same member."""
    result = world("ana", "--json", "identity", "passwd", EVAULT_NEW_PASSPHRASE=GOOD)
    assert result.object["member"] == world.members["ana"]
    assert world("ana", "identity", "show", "--json", code=12).error["code"] == "wrong-passphrase"
    assert world.json("ana", "list", EVAULT_PASSPHRASE=GOOD)


def test_passwd_keeps_the_cost(world: World) -> None:
    """A file that was made dear is not made cheap in passing; an option changes it."""
    from keys import keyfile

    path = world.root / "ana" / "identity"
    world("ana", "identity", "passwd", "--kdf-memory", 65, EVAULT_NEW_PASSPHRASE=GOOD)
    assert keyfile.cost_of(path.read_bytes()).memory == 65 * 1024
    more = {"EVAULT_PASSPHRASE": GOOD, "EVAULT_NEW_PASSPHRASE": GOOD + "!"}
    world("ana", "identity", "passwd", **more)
    assert keyfile.cost_of(path.read_bytes()).memory == 65 * 1024


def test_a_failed_passwd_leaves_the_file(world: World) -> None:
    """Neither a wrong old nor a weak new passphrase costs the old file."""
    path = world.root / "ana" / "identity"
    before = path.read_bytes()
    world("ana", "identity", "passwd", code=12, EVAULT_PASSPHRASE="x", EVAULT_NEW_PASSPHRASE=GOOD)
    world("ana", "identity", "passwd", code=2, EVAULT_NEW_PASSPHRASE="weak")
    world("ana", "identity", "passwd", code=11)
    assert path.read_bytes() == before
    assert [entry.name for entry in path.parent.iterdir() if "identity" in entry.name] == [
        "identity"
    ]


# --- where passphrases come from ------------------------------------------------------------------


def test_a_passphrase_from_a_descriptor_loses_one_line_break(world: World) -> None:
    """One trailing line break belongs to the file; a second one, or a space, does not."""
    for raw, code in (
        (b"a long secret of ana", 0),
        (b"a long secret of ana\n", 0),
        (b"a long secret of ana\n\n", 12),
        (b"a long secret of ana \n", 12),
        (b"a long secret of ana\r\n", 12),
        (b"", 12),
    ):
        read, write = os.pipe()
        os.write(write, raw)
        os.close(write)
        world("ana", "identity", "show", "--passphrase-fd", read, code=code, EVAULT_PASSPHRASE="")
        os.close(read)


def test_a_passphrase_from_a_command(world: World) -> None:
    """The command runs without a shell; its failure means locked, not wrong."""
    for words, code in (
        ("printf %s 'a long secret of ana'", 0),
        ("echo 'a long secret of ana'", 0),
        ("echo wrong", 12),
        ("false", 11),
        ("/no/such/program", 11),
        ("'", 11),
        ("", 11),
    ):
        options = ("--passphrase-command", words)
        world("ana", "identity", "show", *options, code=code, EVAULT_PASSPHRASE="")


def test_two_sources_of_a_passphrase_are_a_mistake_in_usage(world: World) -> None:
    """Nobody has to guess which one counts."""
    result = world("ana", "--json", "identity", "show", "--passphrase-command", "true", code=2)
    assert "EVAULT_PASSPHRASE" in result.error["message"]
    options = ("--passphrase-command", "true", "--passphrase-fd", 0)
    world("ana", "identity", "show", *options, code=2, EVAULT_PASSPHRASE="")


def test_a_descriptor_that_is_not_open_is_a_mistake_in_usage(world: World) -> None:
    """The number is named."""
    result = world("ana", "identity", "show", "--passphrase-fd", 97, code=2, EVAULT_PASSPHRASE="")
    assert "97" in result.err


def test_no_passphrase_and_no_terminal_is_locked(world: World) -> None:
    """Exit code 11, with what to do."""
    result = world("ana", "list", "--json", code=11, EVAULT_PASSPHRASE="")
    assert result.error["code"] == "locked"
    assert "--passphrase-fd" in result.err


def test_no_identity_is_locked_and_a_missing_one_that_was_named_is_a_file(world: World) -> None:
    """Who has none learns how to make one; who named a wrong path learns that."""
    result = world("nobody", "list", code=11)
    assert "identity create" in result.err
    world("ana", "list", "--identity", world.root / "missing", code=15)


# --- files that are none --------------------------------------------------------------------------


def test_a_damaged_or_foreign_identity_file(world: World) -> None:
    """Not a file of this kind, cut short, newer or damaged: a clear line and its own code."""
    path = world.root / "ana" / "identity"
    good = path.read_bytes()
    for data, code in (
        (b"", 23),
        (b"-----BEGIN OPENSSH PRIVATE KEY-----\n", 23),
        (good[:30], 23),
        (good[:8] + b"\0\2" + good[10:], 23),
        (good[:10] + (2**31).to_bytes(4, "big") + good[14:], 23),
        (good[:10] + (1024).to_bytes(4, "big") + good[14:], 23),
        (bytes(1 << 17), 23),
        (good[:-1], 20),
        (good[:-1] + bytes([good[-1] ^ 1]), 20),
        (good[:30] + bytes([good[30] ^ 1]) + good[31:], 12),
    ):
        path.write_bytes(data)
        assert world("ana", "identity", "show", code=code).out == ""
    path.unlink()
    path.mkdir()
    world("ana", "identity", "show", code=15)
