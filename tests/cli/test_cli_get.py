"""`evault get`: whole files where they were asked for, or none at all; the log knows either way."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from cli_kit import EVIDENCE, REF, World, patched_stdout

from vault import outfile
from vault.cli.deliver import targets
from vault.errors import FileError

FOR = ("--purpose", "preparation")


def get(world: World, *argv: object, code: int = 0, who: str = "ben") -> list[dict[str, Any]]:
    """`evault get --json` for a purpose."""
    return world.json(who, "get", *argv, *FOR, code=code)


def files(folder: Path) -> dict[str, bytes]:
    """All files below a folder, by path."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def damage_picture(world: World) -> None:
    """Damage the stored content of the picture: it is the largest, and a blob of its own."""
    path = max(world.blobs, key=lambda path: path.stat().st_size)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_one_record_goes_to_a_file(world: World, tmp_path: Path) -> None:
    """Record, path, hash and entry are told; a receipt follows; the words are for holders."""
    out = tmp_path / "carta.txt"
    record = world.records["carta.txt"]
    (released,) = world.json("ben", "get", record[:8], "-o", out, *FOR, "--why", "escrito\n1")
    assert released == {
        "type": "released",
        "schema": 1,
        "record": record,
        "path": str(out),
        "sha256": hashlib.sha256(EVIDENCE["carta.txt"]).hexdigest(),
        "entry": 1,
    }
    assert out.read_bytes() == EVIDENCE["carta.txt"]
    assert out.stat().st_mode & 0o077 == 0
    release, receipt = world.json("ana", "log", "list")[1:]
    assert (release["kind"], release["disposition"], release["why"]) == (
        "release",
        "copy",
        "escrito\n1",
    )
    assert (receipt["kind"], receipt["for"]) == ("receipt", 1)
    people = world("ben", "get", record, "-o", tmp_path / "again", *FOR)
    assert "again" in people.out
    assert "entry 3" in people.err


def test_one_record_goes_into_a_folder(world: World, tmp_path: Path) -> None:
    """Under its own path, if OUT is a folder or is written like one."""
    get(world, world.records["carta.txt"], "-o", tmp_path)
    get(world, world.records["sub/vacío.txt"], "-o", f"{tmp_path / 'new'}/")
    assert files(tmp_path / "evidence") == {"carta.txt": EVIDENCE["carta.txt"]}
    assert files(tmp_path / "new") == {"evidence/sub/vacío.txt": b""}


def test_several_go_into_a_folder_with_safe_names(world: World, tmp_path: Path) -> None:
    """Relative paths stay; what would trick a terminal or a file system does not."""
    out = tmp_path / "a" / "b"
    released = get(world, *world.records.values(), "-o", out)
    assert {entry["entry"] for entry in released} == {1}
    assert {Path(entry["path"]).read_bytes() for entry in released} == set(EVIDENCE.values())
    assert "evidence/sub/_gnp.txt" in files(out)
    assert len(files(out)) == len(EVIDENCE)


def test_nothing_is_overwritten_and_nothing_asked_for(world: World, tmp_path: Path) -> None:
    """Whatever stands in the way is found before the gate is asked."""
    record, other = world.records["carta.txt"], world.records["correo.eml"]
    there = tmp_path / "there"
    there.write_text("mine")
    dangling = tmp_path / "link"
    dangling.symlink_to("nowhere")
    (tmp_path / "in" / "evidence").mkdir(parents=True)
    (tmp_path / "in" / "evidence" / "carta.txt").write_text("mine")
    (tmp_path / "file-in-the-way").mkdir()
    (tmp_path / "file-in-the-way" / "evidence").write_text("mine")
    for records, out in (
        ((record,), there),
        ((record,), dangling),
        ((record, other), there),
        ((record,), tmp_path / "in"),
        ((record, other), tmp_path / "in"),
        ((record, other), tmp_path / "file-in-the-way"),
        ((record,), there / "below"),
        ((record,), world.vault / "x"),
        ((record, other), world.vault),
        ((record,), "/proc/x/y"),
    ):
        get(world, *records, "-o", out, code=15)
    assert there.read_text() == "mine"
    assert not dangling.exists()
    assert [entry["kind"] for entry in world.log()] == ["deposit"]


def test_the_place_is_tried_before_anything_is_asked_for(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that cannot be written, or a full disk: 15, and no entry."""
    import tempfile

    def refuse(**_settings: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    get(world, world.records["carta.txt"], "-o", tmp_path / "new" / "x", code=15)
    monkeypatch.undo()
    usage = type("Usage", (), {"free": 10})
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage)
    result = world("ben", "get", world.records["foto.bin"], "-o", tmp_path / "x", *FOR, code=15)
    assert "10 B are free" in result.err
    assert not (tmp_path / "new").exists()
    assert len(world.log()) == 1


def test_usage(world: World, tmp_path: Path) -> None:
    """A record twice, no place, two for standard output, a purpose that is none."""
    record, other = world.records["carta.txt"], world.records["correo.eml"]
    world("ben", "get", record, record[:10], "-o", tmp_path, *FOR, code=2)
    world("ben", "get", record, *FOR, code=2)
    world("ben", "get", record, "-o", "", *FOR, code=2)
    world("ben", "get", "-o", tmp_path, *FOR, code=2)
    world("ben", "get", record, other, "-o", "-", *FOR, code=2)
    world("ben", "--json", "get", record, "-o", "-", *FOR, code=2)
    world("ben", "get", record, "zzzz", "-o", tmp_path, *FOR, code=13)
    assert len(world.log()) == 1
    assert list(tmp_path.iterdir()) == [world.root]


def test_standard_output_gets_the_bytes_and_nothing_else(world: World) -> None:
    """For pipes: exactly what was stored."""
    for name in ("foto.bin", "carta.txt", "sub/vacío.txt"):
        result = world("ben", "get", world.records[name], "-o", "-", *FOR)
        assert result.raw == EVIDENCE[name]
    assert [entry["kind"] for entry in world.log()].count("receipt") == 3


def test_only_text_goes_to_a_terminal(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes are refused before they are asked for; text is shown without tricks."""
    from vault.cli.output import Output

    monkeypatch.setattr(Output, "is_terminal", lambda _self: True)
    result = world("ben", "get", world.records["foto.bin"], "-o", "-", *FOR, code=15)
    assert "-o FILE" in result.err
    assert len(world.log()) == 1
    shown = world("ben", "get", world.records["carta.txt"], "-o", "-", *FOR)
    assert shown.out == "Esperaron a las siete. \\x1b[2J\n"


def test_damaged_content_leaves_no_file(world: World, tmp_path: Path) -> None:
    """Exit code 20, no file, no folder, and no receipt for what was not whole."""
    damage_picture(world)
    out = tmp_path / "new" / "foto.bin"
    result = world("ben", "--json", "get", world.records["foto.bin"], "-o", out, *FOR, code=20)
    assert result.object["type"] == "failed"
    assert result.object["record"] == world.records["foto.bin"]
    assert result.error["exit_code"] == 20
    assert not out.parent.exists()
    assert [entry["kind"] for entry in world.log()] == ["deposit", "release"]
    assert world("ben", "get", world.records["foto.bin"], "-o", "-", *FOR, code=20)


def test_one_damaged_record_does_not_keep_the_others_back(world: World, tmp_path: Path) -> None:
    """The rest is delivered; the exit code still says damage."""
    damage_picture(world)
    objects = get(world, *world.records.values(), "-o", tmp_path / "out", code=20)
    assert sorted(entry["type"] for entry in objects) == ["failed"] + ["released"] * 4
    assert set(files(tmp_path / "out").values()) == set(EVIDENCE.values()) - {EVIDENCE["foto.bin"]}


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Make writing of files with some ending fail as on a full disk."""

    def install(ending: str) -> None:
        real = outfile.write_new

        def failing(path: Path, blocks: Iterator[bytes]) -> None:
            if str(path).endswith(ending):
                raise FileError(f"cannot write {path}: No space left on device")
            real(path, blocks)

        monkeypatch.setattr(outfile, "write_new", failing)

    return install


def test_one_file_that_cannot_be_written(
    world: World, tmp_path: Path, full_disk: Callable[[str], None]
) -> None:
    """Done in part is 3; nothing done is 15; both name the record."""
    full_disk("foto.bin")
    objects = get(world, *world.records.values(), "-o", tmp_path / "out", code=3)
    assert sum(entry["type"] == "released" for entry in objects) == 4
    result = world(
        "ben", "get", world.records["foto.bin"], "-o", tmp_path / "foto.bin", *FOR, code=15
    )
    assert "No space left" in result.err
    assert [entry["kind"] for entry in world.log()] == ["deposit", "release", "release"]


def test_a_receipt_that_cannot_be_logged_is_done_in_part(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The evidence is there and whole; that nobody signed for it is said."""
    from vault.errors import BusyError
    from vault.session import Session

    def busy(*_arguments: object) -> None:
        raise BusyError("another process holds the vault")

    monkeypatch.setattr(Session, "receive", busy)
    out = tmp_path / "out"
    result = world("ben", "get", world.records["carta.txt"], "-o", out, *FOR, code=3)
    assert "receipt" in result.err
    assert out.read_bytes() == EVIDENCE["carta.txt"]


def test_an_interrupted_get_leaves_nothing(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C in the middle of a file: exit code 130, no file, no folder."""
    from vault.session import Session

    real = Session.content

    def interrupted(self: Session, *arguments: Any) -> Iterator[bytes]:
        yield next(iter(real(self, *arguments)))
        raise KeyboardInterrupt

    monkeypatch.setattr(Session, "content", interrupted)
    out = tmp_path / "new" / "foto.bin"
    result = world("ben", "--json", "get", world.records["foto.bin"], "-o", out, *FOR, code=130)
    assert result.error["code"] == "interrupted"
    assert not out.parent.exists()


def test_records_of_two_cases_are_two_entries(world: World, tmp_path: Path) -> None:
    """Each request names one case; one command may ask for both."""
    case = world.json("ana", "case", "open", "Otra")[0]["case"]
    path = world.root / "evidence" / "carta.txt"
    other = world.json("ana", "add", path, "--case", case)[0]["record"]
    mine = world.records["carta.txt"]
    released = get(world, mine, other, "-o", tmp_path / "out", who="ana")
    assert len({entry["entry"] for entry in released}) == 2
    get(world, mine, other, "-o", tmp_path / "ben", code=30)
    refused = world.log()[-1]
    assert (refused["outcome"], refused["records"]) == ("refused", [other])
    assert not (tmp_path / "ben").exists()


def test_names_that_lead_elsewhere(world: World, tmp_path: Path) -> None:
    """`..`, absolute paths and backslashes lead nowhere but down."""
    records = [
        world.json("ana", "add", "-", "--case", REF, "--name", name, stdin=b"x")[0]["record"]
        for name in ("../../evil", "/etc/evil", "a/../../evil", "..", "\x1b[2J", "evil", "EVIL")
    ]
    out = tmp_path / "out"
    get(world, *records, "-o", out)
    assert len(files(out)) == len(records)
    assert not (tmp_path / "evil").exists()
    assert not any("\x1b" in name for name in files(out))


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a", "a", "a"], ["a", "a (2)", "a (3)"]),
        (["a.txt", "A.TXT"], ["a.txt", "A (2).TXT"]),
        (["ñ", "n\u0303"], ["ñ", "n\u0303 (2)"]),
        (["a", "a/b"], ["a (2)", "a/b"]),
        (["a/b", "a"], ["a/b", "a (2)"]),
        (["x.tar.gz", "x.tar.gz"], ["x.tar.gz", "x.tar (2).gz"]),
        (["", ".."], ["record", "record (2)"]),
        (["ü" * 127, "ü" * 127], ["ü" * 127, "ü" * 125 + " (2)"]),
    ],
)
def test_clashing_names_are_told_apart(
    names: list[str], expected: list[str], tmp_path: Path
) -> None:
    """Also where a file system takes two spellings for one."""
    found = targets(tmp_path, names, vault=tmp_path / "vault")
    assert found == [tmp_path / name for name in expected]


class Closing(io.RawIOBase):
    """A standard output whose reader goes away after some bytes."""

    def __init__(self, most: int, error: OSError) -> None:
        self._left, self._error = most, error

    def writable(self) -> bool:
        """It pretends to be."""
        return True

    def write(self, data: Any) -> int:
        """Take some bytes, then none."""
        self._left -= len(data)
        if self._left < 0:
            raise self._error
        return len(data)


@pytest.mark.parametrize(
    "error", [BrokenPipeError(errno.EPIPE, "Broken pipe"), OSError(errno.ENOSPC, "No space left")]
)
def test_an_output_that_goes_away(world: World, error: OSError) -> None:
    """Exit code 15 and a line, for bytes and for objects, and no receipt for what nobody got; but
    who closes the pipe of a list has seen enough."""
    from vault.cli import main

    env = world.env("ben")
    for argv in (
        ("get", world.records["foto.bin"], "-o", "-", *FOR),
        ("--json", "list"),
        ("list",),
    ):
        raw: BinaryIO = io.BufferedWriter(Closing(50, error))  # type: ignore[assignment]
        stream = io.TextIOWrapper(raw, "utf-8")
        with pytest.MonkeyPatch.context() as patch, patched_stdout(stream):
            for name, value in env.items():
                patch.setenv(name, value)
            stderr = io.StringIO()
            patch.setattr(sys, "stderr", stderr)
            enough = isinstance(error, BrokenPipeError) and "list" in argv
            assert main([str(word) for word in argv]) == (141 if enough else 15)
            assert ("standard output" in stderr.getvalue()) is not enough
        with suppress(OSError):
            stream.detach().close()
    assert "receipt" not in [entry["kind"] for entry in world.log()]
