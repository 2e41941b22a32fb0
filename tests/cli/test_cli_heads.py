"""Heads of the logs leave the vault as notes that other people's tools open."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from keys.signing import VerifierKey, parse_checkpoint, verify_note

if TYPE_CHECKING:
    from cli_kit import World

PROGRAM = Path(__file__).parents[1] / "vectors" / "note.go"
LIBRARY = Path("/usr/share/gocode/src/golang.org/x/mod/sumdb/note")


def vkeys(world: World, name: str = "vkeys") -> list[str]:
    """What `status` says of the keys of a log."""
    (found,) = (one[name] for one in world.json("pia", "status") if one["type"] == "status")
    return list(found)


@cache
def outside_tool() -> Path:
    """Go's own reader of signed notes, built from Debian's packages; unmodified."""
    missing = [
        what
        for what, there in (("golang-go", shutil.which("go")), (str(LIBRARY), LIBRARY.is_dir()))
        if not there
    ]
    if missing:
        words = f"NOT CHECKED by another tool: {', '.join(missing)} is missing; see .ci/packages"
        if os.environ.get("EVAULT_CI"):
            pytest.fail(words)
        pytest.skip(words)
    import tempfile

    place = Path(tempfile.mkdtemp(prefix="evault-go-"))
    env = {
        **os.environ,
        "GO111MODULE": "off",
        "GOFLAGS": "-mod=mod",
        "GOPATH": "/usr/share/gocode",
        "GOCACHE": str(Path(tempfile.gettempdir()) / "evault-go-cache"),
        "CGO_ENABLED": "0",
    }
    subprocess.run(["go", "build", "-o", place / "note", PROGRAM], env=env, check=True, cwd=place)
    return place / "note"


def opened(note: bytes, key: str) -> subprocess.CompletedProcess[bytes]:
    """Let the outside tool open a note under one key."""
    return subprocess.run([outside_tool(), key], input=note, capture_output=True, check=False)


@pytest.mark.parametrize("log", ["access", "authority"])
def test_the_head_is_printed_bare(world: World, log: str) -> None:
    """Nothing but the note, also with --json; both keys of `status` verify it."""
    printed = world("pia", "log", "checkpoint", "--log", log).raw
    assert printed == world("pia", "--json", "log", "checkpoint", "--log", log).raw
    keys = [
        VerifierKey.parse(key) for key in vkeys(world, {"access": "vkeys"}.get(log, f"{log}_vkeys"))
    ]
    assert [key.kind for key in keys] == [b"\x01", b"\x06"]
    said = parse_checkpoint(verify_note(printed, keys))
    assert said.origin == keys[0].name
    assert said.origin.endswith("/" + log)


def test_an_older_head_is_printed_to_compare(world: World) -> None:
    """The three lines that the head had then, and no signature; none of what never was."""
    before = world("pia", "log", "checkpoint").raw
    text = before[: before.index(b"\n\n") + 1]
    world("pia", "log", "export", "--format", "csv", "-o", world.root / "one.csv")
    assert world("pia", "log", "checkpoint").raw != before
    size = str(parse_checkpoint(text).size)
    assert world("pia", "log", "checkpoint", "--size", size).raw == text
    beyond = world("pia", "log", "checkpoint", "--size", "1000000", code=2)
    assert "not 1000000" in beyond.err
    both = world("pia", "log", "checkpoint", "--size", size, "--from", "1", code=2)
    assert "do not go together" in both.err


@pytest.mark.parametrize("what", ["report", "export", "disclose"])
def test_what_cannot_be_written_is_not_logged_as_taken(world: World, what: str) -> None:
    """A folder that is not there or not to be written in, something that is there already, the
    vault's own folder."""
    command = {
        "report": ["report"],
        "export": ["export", "--format", "csv"],
        "disclose": ["disclose", "0"],
    }[what]
    taken = world.root / f"{what}-taken"
    taken.write_text("")
    entries = len(world.log())
    places = [world.root / "nowhere" / "a", taken, world.vault / "a"]
    for place in places:
        world("pia", "log", *command, "-o", place, code=15)
    assert len(world.log()) == entries


def test_a_file_takes_it_too(world: World) -> None:
    """-o writes the same bytes, and never over something."""
    place = world.root / "head.txt"
    world("pia", "log", "checkpoint", "-o", place)
    assert place.read_bytes() == world("pia", "log", "checkpoint").raw
    world("pia", "log", "checkpoint", "-o", place, code=15)


def test_a_tool_that_is_not_ours_verifies_it(world: World) -> None:
    """Go's sumdb/note, unmodified, opens the note under the Ed25519 key of `status`."""
    note = world("pia", "log", "checkpoint").raw
    done = opened(note, vkeys(world)[0])
    assert done.returncode == 0, done.stderr
    assert done.stdout == note[: note.index(b"\n\n") + 1]
    assert done.stderr == b"1 verified 1 not known\n"


def test_a_tool_that_is_not_ours_refuses_what_was_changed(world: World) -> None:
    """Another size, another root, another signature, another key."""
    note, key = world("pia", "log", "checkpoint").raw, vkeys(world)[0]
    lines = note.split(b"\n")
    for at in (1, 2):
        changed = [*lines]
        first = changed[at][:1]
        changed[at] = (b"7" if first != b"7" else b"8") + changed[at][1:]
        assert opened(b"\n".join(changed), key).returncode == 1
    at = note.index(b"\n\n") + 120
    assert opened(note[:at] + bytes([note[at] ^ 1]) + note[at + 1 :], key).returncode == 1
    assert opened(note, vkeys(world, "authority_vkeys")[0]).returncode == 1


def test_a_disclosed_entry_is_checked_without_the_vault(world: World) -> None:
    """By somebody without a vault or an identity; and that it was disclosed is in the log."""
    world(
        "ana", "get", world.records["carta.txt"], "-o", "-", "--purpose", "hearing", "--why", "x y"
    )
    number = next(one["index"] for one in world.log() if one["kind"] == "release")
    place, stranger = world.root / "entry.tlog-proof", {"EVAULT_VAULT": "", "EVAULT_PASSPHRASE": ""}
    result = world("pia", "log", "disclose", number, "-o", place)
    assert "the ids of the member, the case and the records" in result.err
    last = world.log()[-1]
    assert (last["kind"], last["actor"]) == ("export", world.members["pia"])
    keys = world.root / "keys.txt"
    keys.write_text("\n".join(vkeys(world)) + "\n")
    (found,) = world.json("nobody", "verify-proof", place, "--key", keys, **stranger)
    assert (found["type"], found["valid"], found["index"]) == ("proof", True, number)
    assert found["size"] == last["index"] + 1
    assert (found["kind"], found["purpose"], found["outcome"]) == ("release", "hearing", "released")
    assert found["records"] == [world.records["carta.txt"]]
    assert found["log_keys_checked"] == 2
    one = world("nobody", "verify-proof", place, "--key", vkeys(world)[0], **stranger)
    assert "1 of the log's two keys was checked" in one.out
    assert "Not proved: who did it" in one.out
    contact = world.root / "ana.contact"
    contact.write_bytes(world("ana", "identity", "contact").raw)
    (proved,) = world.json(
        "nobody", "verify-proof", place, "--key", keys, "--contact", contact, **stranger
    )
    assert proved["actor_verified"]


def test_what_does_not_hold_has_its_exit_code(world: World) -> None:
    """21 for what is proved bad, 23 for what is no proof, 2 without a key; and never `valid`."""
    place, bad = world.root / "p", world.root / "bad"
    world("pia", "log", "disclose", 0, "-o", place)
    key, other = vkeys(world)[0], vkeys(world, "authority_vkeys")[0]
    data = place.read_bytes()
    bad.write_bytes(data.replace(b"index 0\n", b"index 1\n"))
    for argv in (
        (bad, "--key", key),
        (place, "--key", other),
        (place, "--key", key, "--key", other),
    ):
        result = world("nobody", "--json", "verify-proof", *argv, code=21)
        assert [one["valid"] for one in result.objects] == [False]
    bad.write_bytes(data[:200])
    for path in (bad, world.vault / "vault.db"):
        assert world("nobody", "--json", "verify-proof", path, "--key", key, code=23).raw == b""
    assert world("nobody", "--json", "verify-proof", place, code=2).raw == b""
    assert world("nobody", "verify-proof", place, "--key", "a+b+c", code=2).raw == b""
    before = len(world.log())
    world("pia", "log", "disclose", 0, "-o", place, code=15)
    world("pia", "log", "disclose", 0, "-o", world.vault / "q", code=15)
    world("pia", "log", "disclose", 99, "-o", world.root / "q", code=13)
    world("carla", "log", "disclose", 0, "-o", world.root / "q", code=30)
    assert not (world.root / "q").exists()
    assert len(world.log()) == before


def test_checking_a_proof_needs_no_database(world: World) -> None:
    """It loads no store, so it starts at once and runs where there is none."""
    place = world.root / "p"
    world("pia", "log", "disclose", 0, "-o", place)
    program = (
        "import sys; from vault.cli import main; "
        f"code = main(['verify-proof', {str(place)!r}, '--key', {vkeys(world)[0]!r}]); "
        "assert code == 0, code; "
        "assert not {'sqlalchemy', 'vault.store', 'vault.session'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_an_export_is_checked_with_the_logs_keys(world: World, form: str) -> None:
    """Beside its proof, by somebody without the vault; with a row less, or other keys, not."""
    record = world.records["carta.txt"]
    world("ana", "get", record, "-o", world.root / "x", "--purpose", "review")
    place = world.root / f"log.{form}"
    world("pia", "log", "export", "--format", form, "-o", place)
    keys, proof = world.root / "keys.txt", f"{place}.proof"
    keys.write_text("\n".join(vkeys(world)) + "\n")
    (found,) = world.json("nobody", "verify-proof", proof, "--key", keys, EVAULT_VAULT="")
    assert (found["valid"], found["what"]) == (True, "export")
    assert found["rows"] == found["size"] > 0
    other = vkeys(world, "authority_vkeys")[0]
    assert not world.json("nobody", "verify-proof", proof, "--key", other, code=21)[0]["valid"]
    data = place.read_bytes()
    place.write_bytes(data.rstrip(b"\r\n").rpartition(b"\n")[0] + b"\n")
    assert not world.json("nobody", "verify-proof", proof, "--key", keys, code=21)[0]["valid"]
    place.write_bytes(b"nothing")
    world("nobody", "verify-proof", proof, "--key", keys, code=23)
    place.unlink()
    world("nobody", "verify-proof", proof, "--key", keys, code=15)
