"""`evault add`: what goes in, what is said of it, and what is refused before anything is stored."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from cli_kit import REF, TITLE, World

from vault.cli.form import FIELDS
from vault.intake import surroundings


def particulars(world: World, record: str) -> dict[str, Any]:
    """What a record's particulars say, as a holder reads them."""
    found: dict[str, Any] = world.json("ana", "show", record, "--purpose", "review")[0]
    return found["particulars"]


def stored(world: World) -> int:
    """How many records Ana sees, and how many blobs there are must fit: nothing half-written."""
    return len(world.json("ana", "list"))


def test_each_record_is_an_object(world: World, tmp_path: Path) -> None:
    """Record, deposit, case, name, size and hash: of one deposit, with relative paths."""
    folder = tmp_path / "móvil"
    (folder / "chats").mkdir(parents=True)
    files = {"móvil/a.txt": b"uno", "móvil/chats/محادثة.txt": b"two", "móvil/👩‍⚖️.txt": b""}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    records = world.json("ana", "add", folder, "--case", TITLE)
    assert {entry["name"] for entry in records} == set(files)
    assert len({entry["deposit"] for entry in records}) == 1
    for entry in records:
        data = files[entry["name"]]
        assert entry["type"] == "record"
        assert entry["case"] == world.case
        assert entry["size"] == len(data)
        assert entry["sha256"] == hashlib.sha256(data).hexdigest()
        assert len(entry["record"]) == 26
    shown = world("ana", "add", folder / "a.txt", "--case", TITLE)
    assert "1 record, 3 B, stored in Redadas de abril (2026-014)" in shown.out
    assert "unencrypted" in shown.err


def test_what_is_said_is_kept_with_its_basis(world: World, tmp_path: Path) -> None:
    """Options are stated; a title stands in the label; what evault sees is observed."""
    path = tmp_path / "a.txt"
    path.write_text("x")
    options = ("--title", "Acta [b]1[/b]\n", "--source", "R.", "--collected-at", "2026-04-03")
    more = ("--note", "uno\ndos", "--note", "tres", "--tag", "t1", "--tag", "t2")
    (record,) = world.json("ana", "add", path, "--case", REF, *options, *more)
    assert world.json("ana", "show", record["record"])[0]["title"] == "Acta [b]1[/b]\n"
    known = particulars(world, record["record"])
    assert known["source"] == {"basis": "stated", "value": "R."}
    assert known["collected_at"] == {"basis": "stated", "value": "2026-04-03"}
    assert known["notes"] == {"basis": "stated", "value": ["uno\ndos", "tres"]}
    assert known["tags"] == {"basis": "stated", "value": ["t1", "t2"]}
    assert known["method"] == {"basis": "observed", "value": "file"}
    assert known["path"]["value"] == str(path)
    assert "title" not in known


def test_a_form_says_more(world: World, tmp_path: Path) -> None:
    """From a file or standard input; values with a basis keep it; options take their place."""
    path = tmp_path / "a.txt"
    path.write_text("x")
    form = {
        "title": "From the form",
        "source": "unknown",
        "made_at": {"value": "2026-04-03T21:15:00-06:00", "basis": "copied"},
        "event_time": {"from": "2026-04-03", "to": "2026-04-04", "precision": "day"},
        "received_hashes": [{"algorithm": "md5", "value": "00", "match": None}],
        "tags": "one",
        "recording_consent": True,
        "notes": ["from the form"],
        "privilege": None,
    }
    command = ("add", path, "--case", REF, "--form")
    (record,) = world.json("ana", *command, "-", stdin=json.dumps(form).encode())
    known = particulars(world, record["record"])
    assert known["source"] == {"basis": "stated", "value": "unknown"}
    assert known["made_at"] == {"basis": "copied", "value": "2026-04-03T21:15:00-06:00"}
    assert known["event_time"]["value"]["precision"] == "day"
    assert known["tags"]["value"] == ["one"]
    assert known["recording_consent"]["value"] is True
    assert "privilege" not in known
    (tmp_path / "form.json").write_text(json.dumps(form))
    (record,) = world.json("ana", *command, tmp_path / "form.json", "--title", "Mine", "--tag", "x")
    assert world.json("ana", "show", record["record"])[0]["title"] == "Mine"
    known = particulars(world, record["record"])
    assert known["tags"]["value"] == ["x"]
    assert known["notes"]["value"] == ["from the form"]


def test_every_field_of_the_form_is_taken(world: World, tmp_path: Path) -> None:
    """No name collides with what is captured without asking."""
    path = tmp_path / "a.txt"
    path.write_text("x")
    lists = ("notes", "tags")
    form = {name: ["unknown"] if name in lists else "unknown" for name in FIELDS}
    data = json.dumps(form).encode()
    (record,) = world.json("ana", "add", path, "--case", REF, "--form", "-", stdin=data)
    known = particulars(world, record["record"])
    assert set(FIELDS) - {"title"} <= set(known)
    assert not set(FIELDS) & set(surroundings())
    assert known["method"]["basis"] == "observed"


@pytest.mark.parametrize(
    ("form", "word"),
    [
        ("", "JSON"),
        ("{", "JSON"),
        ("[]", "object"),
        ('"x"', "object"),
        ('{"place": "a", "place": "b"}', "twice"),
        ('{"plaec": "a"}', "place"),
        ('{"method": "a"}', "method_of_collection"),
        ('{"size": 3}', "size"),
        ('{"place": 1.5}', "fraction"),
        ('{"place": [1e3]}', "fraction"),
        ('{"place": NaN}', "fraction"),
        ('{"place": 90071992547409930}', "place"),
        ('{"place": {"ñ": 1}}', "place"),
        ('{"place": "\\ud800"}', "place"),
        ('{"place": {"value": 1, "basis": "guessed"}}', "basis"),
        ('{"place": {"value": 1, "why": "x"}}', "basis"),
        ('{"title": 3}', "title"),
        ('{"tags": 3}', "tags"),
        ('{"tags": ["a", 3]}', "tags"),
        ('{"collected_at": "yesterday"}', "date"),
        ('{"place": ' + "[" * 100_000 + "]" * 100_000 + "}", "JSON"),
    ],
)
def test_a_form_that_makes_no_sense(world: World, form: str, word: str) -> None:
    """A mistake in usage that names what is wrong; nothing is stored."""
    path = world.root / "evidence" / "carta.txt"
    command = ("--json", "add", path, "--case", REF, "--form", "-")
    result = world("ana", *command, code=2, stdin=form.encode())
    assert word in result.err
    assert stored(world) == 5


@pytest.mark.parametrize(
    ("time", "good"),
    [
        ("2026-04-03", True),
        ("unknown", True),
        ("2026-04-03T21:15:00Z", True),
        ("2026-04-03T21:15:00.123456789+05:30", True),
        ("2026-04-03 21:15:00-06:00", True),
        ("2024-02-29", True),
        ("2026-02-29", False),
        ("2026-13-01", False),
        ("2026-04-03T21:15:00", False),
        ("2026-04-03T25:00:00Z", False),
        ("2026-04-03T21:15Z", False),
        ("03/04/2026", False),
        ("20260403", False),
        ("yesterday", False),
        ("", False),
        ("٢٠٢٦-٠٤-٠٣", False),
    ],
)
def test_times_are_dates_or_have_a_zone(time: str, good: bool) -> None:
    """Half a time is worse in court than none."""
    from vault.cli.form import description
    from vault.errors import UsageError

    if good:
        assert description(None, collected_at=time)[1]["collected_at"]["value"] == time
    else:
        with pytest.raises(UsageError, match="zone"):
            description(None, collected_at=time)


def test_a_stream(world: World) -> None:
    """Standard input is one record, with the name that it is given."""
    data = os.urandom(3_000_000)
    command = ("add", "-", "--case", REF)
    (record,) = world.json("ben", *command, "--name", "volcado.sql", stdin=data)
    assert record["name"] == "volcado.sql"
    assert record["sha256"] == hashlib.sha256(data).hexdigest()
    assert particulars(world, record["record"])["method"]["value"] == "stream"
    assert world.json("ben", *command)[0]["name"] == "stdin"
    world("ben", *command, "-", code=2)
    world("ben", *command, "--form", "-", code=2, stdin=b"{}")
    world("ben", *command, "--passphrase-fd", 0, code=2, EVAULT_PASSPHRASE="")
    world("ben", *command, "--name", "", code=2)
    world("ben", "add", world.root / "evidence", "--case", REF, "--name", "x", code=2)


def test_paths_that_cannot_be_stored(world: World, tmp_path: Path) -> None:
    """Missing, a pipe, a socket, a device, an empty folder, given twice: named, nothing stored."""
    pipe, empty, plain = tmp_path / "pipe", tmp_path / "empty", tmp_path / "plain"
    os.mkfifo(pipe)
    empty.mkdir()
    plain.write_text("x")
    for paths, code in (
        ((tmp_path / "missing\x1b[31m",), 15),
        ((pipe,), 15),
        (("/dev/null",), 15),
        ((empty,), 15),
        ((plain, plain), 2),
        ((plain, tmp_path), 2),
        ((plain, tmp_path / "empty" / ".." / "plain"), 2),
        ((plain, tmp_path / "missing"), 15),
        ((), 2),
        (("",), 2),
    ):
        result = world("ana", "add", *paths, "--case", REF, code=code)
        assert result.err.startswith("evault: error: "), paths
        assert "\x1b" not in result.err
    assert stored(world) == 5


def test_a_folder_with_odd_things(world: World, tmp_path: Path) -> None:
    """They are named and all is refused; or, when asked for, left out: exit 3, the rest stored."""
    folder = tmp_path / "mixed"
    folder.mkdir()
    (folder / "good.txt").write_text("x")
    (folder / "link\x1b[31m").symlink_to("good.txt")
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "socket"))
        result = world("ana", "add", folder, "--case", REF, "--json", code=15)
        for word in ("a link", "a pipe", "a socket", "--skip-unreadable"):
            assert word in result.err
        assert "\x1b" not in result.err
        assert stored(world) == 5
        command = ("add", folder, "--case", REF, "--skip-unreadable")
        objects = world.json("ana", *command, code=3)
        assert [entry["name"] for entry in objects if entry["type"] == "record"] == [
            "mixed/good.txt"
        ]
        assert sum(entry["type"] == "skipped" for entry in objects) == 3
        assert "not stored" in world("ana", *command, code=3).err
        (folder / "good.txt").unlink()
        world("ana", *command, code=15)


def test_a_name_that_is_not_utf8(world: World, tmp_path: Path) -> None:
    """Its bytes are kept, and shown escaped."""
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/a\xff\n.txt"))
    path.write_text("x")
    (record,) = world.json("ana", "add", path, "--case", REF)
    assert record["name"] == "a\\xff\n.txt"
    assert "a\\xff\\n.txt" in world("ana", "list").out
    path.unlink()
    assert "\\xff\\n.txt" in world("ana", "add", path, "--case", REF, code=15).err


def test_a_name_of_255_bytes_and_an_empty_file(world: World, tmp_path: Path) -> None:
    """Both are fine, in and out."""
    path = tmp_path / ("ñ" * 125 + ".txt")
    path.write_bytes(b"")
    (record,) = world.json("ana", "add", path, "--case", REF)
    assert record["size"] == 0
    out = tmp_path / "out"
    out.mkdir()
    world("ana", "get", record["record"], "-o", out, "--purpose", "review")
    assert [entry.name for entry in out.iterdir()] == [path.name]


def test_a_file_that_changes_while_it_is_read(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is evidence of no one moment: refused, nothing stored, no blob left."""
    from vault import intake

    path = tmp_path / "growing.log"
    path.write_bytes(bytes(5_000_000))
    real = intake.blocks

    def growing(opened: intake.Opened) -> Any:
        for block in real(opened):
            with path.open("ab") as file:
                file.write(b"more")
            yield block

    before = world.blobs
    monkeypatch.setattr(intake, "blocks", growing)
    result = world("ana", "add", path, "--case", REF, "--json", code=15)
    assert "changed while it was read" in result.error["message"]
    assert world.blobs == before
    monkeypatch.undo()
    assert stored(world) == 5


def test_the_vault_itself_is_no_evidence(world: World) -> None:
    """Neither the vault, nor what holds it, nor a part of it."""
    for path in (world.vault, world.root, world.vault / "vault.db"):
        result = world("ana", "add", path, "--case", REF, "--skip-unreadable", code=15)
        assert "the vault itself" in result.err


def test_who_may_not_deposit(world: World) -> None:
    """An auditor, or into no case: refused, and for the auditor the refusal is in the log."""
    path = world.root / "evidence" / "carta.txt"
    result = world("pia", "add", path, "--case", REF, "--json", code=30)
    assert result.error["reason"] == "role"
    last = world.log()[-1]
    assert (last["kind"], last["outcome"], last["refusal"]) == ("deposit", "refused", "role")
    assert last["index"] == result.error["entry"]
    world("ana", "add", path, "--case", "no such", code=13)
    result = world("ana", "add", path, "--json", code=2)
    assert "--case" in result.error["message"]
    assert stored(world) == 5


def test_a_member_who_does_not_hold_the_case_may_deposit_by_reference(world: World) -> None:
    """They add and cannot read back."""
    path = world.root / "evidence" / "carta.txt"
    (record,) = world.json("carla", "add", path, "--case", REF)
    world("carla", "show", record["record"], code=30)
    assert len(world.json("ana", "list")) == 6


def test_a_vault_that_another_process_writes_to_is_busy(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 14 after a short wait; reading labels still works; nothing is left behind."""
    from vault.store import database

    monkeypatch.setattr(database, "_WAIT", 0.2)
    blobs = world.blobs
    holder = sqlite3.connect(world.vault / "vault.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        path = world.root / "evidence" / "carta.txt"
        result = world("ana", "add", path, "--case", REF, "--json", code=14)
        assert result.error["code"] == "busy"
        record = world.records["carta.txt"]
        out = world.root / "out"
        world("ana", "get", record, "-o", out, "--purpose", "review", code=14)
        assert not out.exists()
        assert stored(world) == 5
        world("pia", "log", "list")
    finally:
        holder.close()
    assert world.blobs == blobs
    world("ana", "check")
