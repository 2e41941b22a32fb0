"""What is taken in, what is refused, and where it may be written again."""

from __future__ import annotations

import base64
import errno
import os
import socket
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vault_kit import make

from vault import intake
from vault.errors import FileError, UsageError
from vault.intake import Source, open_source, survey
from vault.outfile import safe_name, write_new

BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def make_odd(folder: Path) -> dict[str, Path]:
    """One of each thing that is no plain file."""
    os.mkfifo(folder / "pipe")
    (folder / "link").symlink_to("/etc/hostname")
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(str(folder / "socket"))
    sock.close()
    return {name: folder / name for name in ("pipe", "link", "socket")}


def test_a_missing_path_is_named(tmp_path: Path) -> None:
    """One clear error, before anything is stored."""
    with pytest.raises(FileError, match="nowhere"):
        survey([tmp_path / "nowhere"])


def test_pipes_devices_and_sockets_are_refused(tmp_path: Path) -> None:
    """Named directly they are refused with what they are, and nobody waits for a pipe."""
    odd = make_odd(tmp_path)
    for path, words in (
        (odd["pipe"], "pipe"),
        (odd["socket"], "socket"),
        (Path("/dev/null"), "device"),
    ):
        with pytest.raises(FileError, match=words):
            survey([path])


def test_odd_things_in_a_folder_are_named(tmp_path: Path) -> None:
    """Links, pipes and sockets in a folder are listed beside what can be stored."""
    folder = tmp_path / "in"
    folder.mkdir()
    make_odd(folder)
    (folder / "fine").write_bytes(b"x")
    found = survey([folder])
    assert [source.name for source in found.sources] == ["in/fine"]
    assert {path.name for path, _ in found.odd} == {"pipe", "link", "socket"}
    with pytest.raises(FileError, match="cannot store"):
        intake.all_of([folder])


def test_an_unreadable_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What this user may not read is said before anything is stored."""
    (tmp_path / "secret").write_bytes(b"x")
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(FileError, match="permission"):
        survey([tmp_path / "secret"])


def test_a_pipe_put_in_the_place_of_a_file_does_not_hold_us_up(tmp_path: Path) -> None:
    """Between looking and opening a file can be exchanged: it is looked at again."""
    path = tmp_path / "file"
    path.write_bytes(b"x")
    (source,) = survey([path]).sources
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(FileError, match="plain file"):
        open_source(source)


@pytest.mark.parametrize("how", ["grown", "rewritten", "cut"])
def test_a_file_that_changes_while_it_is_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """It is not evidence of any one moment; nothing of the whole deposit remains."""
    world = make(tmp_path)
    path = world.root / "moving"
    path.write_bytes(b"a" * 100)
    real = intake.blocks

    def blocks(opened: intake.Opened) -> object:
        yield from real(opened)
        if opened.source.name == "moving":
            text = {"grown": b"a" * 101, "rewritten": b"b" * 100, "cut": b""}[how]
            path.write_bytes(text)
            os.utime(path, ns=(1, 1))

    monkeypatch.setattr(intake, "blocks", blocks)
    before = len(world.blobs)
    with world.session("ana") as ana:
        with pytest.raises(FileError, match="changed while it was read"):
            ana.add([path], world.case)
        assert len(list(ana.records())) == 2
    assert len(world.blobs) == before


def test_a_path_given_twice_is_refused(tmp_path: Path) -> None:
    """The same file by two names, or once more inside a folder, is one file."""
    folder = tmp_path / "in"
    folder.mkdir()
    file = folder / "file"
    file.write_bytes(b"x")
    (tmp_path / "link").symlink_to(file)
    for paths in ([file, file], [file, tmp_path / "link"], [folder, file], [file, folder]):
        with pytest.raises(UsageError, match="twice"):
            survey(paths)


NAMES = [
    "testimonio de Íñigo.txt".encode(),
    "شهادة.txt".encode(),
    "👩‍👩‍👧 family.jpg".encode(),
    b"two\nlines",
    b"\x1b[31mred",
    b"caf\xe9 latin-1.txt",
    b"n" * 251 + b".txt",
    b" spaces ",
    b"-rf",
]


@pytest.mark.parametrize("raw", NAMES, ids=repr)
def test_names_come_in_whole_and_go_out_safe(tmp_path: Path, raw: bytes) -> None:
    """Any name is stored; its bytes are kept; what is written has no control characters."""
    world = make(tmp_path)
    path = os.fsencode(world.root) + b"/" + raw
    with open(path, "wb") as file:  # noqa: PTH123 - the name is bytes
        file.write(b"x")
    with world.session("ana") as ana:
        (stored,) = ana.add([Path(os.fsdecode(path))], world.case)
        (got,) = ana.release([stored.record], "review")
        assert got.particulars.values["name_raw"]["value"] == base64.b64encode(raw).decode()
        name = safe_name(stored.name)
        write_new(tmp_path / name, ana.content(got))
    assert (tmp_path / name).read_bytes() == b"x"
    if raw in NAMES[:3]:
        assert os.fsencode(name) == raw


def test_folders_keep_relative_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names begin with the folder's own, also when it is called `.` or `..` or by a long way."""
    folder = tmp_path / "raid"
    (folder / "photos").mkdir(parents=True)
    (folder / "photos/1.jpg").write_bytes(b"x")
    (folder / "notes").write_bytes(b"")
    wanted = ["raid/notes", "raid/photos/1.jpg"]
    monkeypatch.chdir(folder / "photos")
    for path in (folder, Path(".."), folder / "photos/.."):
        assert sorted(source.name for source in survey([path]).sources) == wanted
    assert [source.name for source in survey([Path()]).sources] == ["photos/1.jpg"]
    assert [source.name for source in survey([Path("../notes")]).sources] == ["notes"]


def test_an_empty_file_is_fine_and_an_empty_folder_is_told(tmp_path: Path) -> None:
    """Nothing is also evidence, but a folder of nothing is a mistake."""
    (tmp_path / "empty").write_bytes(b"")
    assert survey([tmp_path / "empty"]).size == 0
    (tmp_path / "folder").mkdir()
    with pytest.raises(FileError, match="no file"):
        survey([tmp_path / "folder"])


def test_what_the_file_system_knows_is_captured(tmp_path: Path) -> None:
    """Path, times, mode and extended attributes are kept without asking, as they are."""
    world = make(tmp_path)
    path = world.root / "evidence.txt"
    path.write_bytes(b"x")
    path.chmod(0o640)
    os.utime(path, ns=(1, 1_700_000_000_123_456_789))
    try:
        os.setxattr(path, "user.origin", b"\xffhttps://example.org/")
    except OSError:
        attributes = None
    else:
        attributes = [["user.origin", base64.b64encode(b"\xffhttps://example.org/").decode()]]
    with world.session("ana") as ana:
        (stored,) = ana.add([path], world.case)
        (got,) = ana.release([stored.record], "review")
    known = {name: said.get("value") for name, said in got.particulars.values.items()}
    assert {said["basis"] for said in got.particulars.values.values()} == {"observed"}
    assert known["path"] == str(path)
    assert known["file_modified"] == "2023-11-14T22:13:20.123456789Z"
    assert known["file_mode"] == "-rw-r-----"
    assert known["method"] == "file"
    assert known["assurance_level"] == 0
    assert known["tool"].startswith("evault ")
    assert {"cryptography", "blake3"} <= known["tool_libraries"].keys()
    assert {"os", "python", "clock_utc", "clock_zone", "clock_synchronised"} <= known.keys()
    assert known.get("file_attributes") == attributes


@pytest.mark.parametrize(
    "change",
    [
        lambda path: path.write_bytes(b"b" * 101),
        lambda path: os.utime(path, ns=(1, 1)),
        lambda path: os.truncate(path, 99),
        lambda path: (path.write_bytes(b"b" * 101), os.utime(path, ns=(5, 5))),
        lambda path: (os.truncate(path, 10), os.utime(path, ns=(5, 5))),
    ],
    ids=["rewritten", "touched", "cut", "size-alone-longer", "size-alone-shorter"],
)
def test_each_sign_of_a_change_counts(tmp_path: Path, change: Callable[[Path], object]) -> None:
    """Another length or another time: whoever writes while we read is noticed by either."""
    path = tmp_path / "file"
    path.write_bytes(b"a" * 100)
    os.utime(path, ns=(5, 5))
    opened = open_source(survey([path]).sources[0])
    data = b"".join(intake.blocks(opened))
    opened.check_unchanged(len(data))
    change(path)
    with opened.file, pytest.raises(FileError, match="changed"):
        opened.check_unchanged(len(data))


def test_reading_less_than_there_is_is_noticed(tmp_path: Path) -> None:
    """A file that grew before it was opened and not since is still read whole, or refused."""
    path = tmp_path / "file"
    path.write_bytes(b"a" * 100)
    opened = open_source(survey([path]).sources[0])
    with opened.file, pytest.raises(FileError, match="changed"):
        opened.check_unchanged(99)


def test_a_read_that_fails_is_told(tmp_path: Path) -> None:
    """A bad sector is an error with the file's name, and no evidence."""
    path = tmp_path / "file"
    path.write_bytes(b"a")
    opened = open_source(survey([path]).sources[0])

    class Broken:
        """A disk that gives nothing back."""

        def read(self, _size: int) -> bytes:
            """Fail."""
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    opened.file.close()
    opened.file = cast("BinaryIO", Broken())
    with pytest.raises(FileError, match="file"):
        list(intake.blocks(opened))


def test_a_stream_needs_no_path(tmp_path: Path) -> None:
    """What comes through a pipe is stored like a file, of any length."""
    world = make(tmp_path)
    for size in (0, 10, 3_000_001):
        read, write = os.pipe()
        if os.fork() == 0:
            os.close(read)
            with os.fdopen(write, "wb") as out:
                out.write(b"s" * size)
            os._exit(0)
        os.close(write)
        with os.fdopen(read, "rb") as stream, world.session("ana") as ana:
            source = Source("stdin", stream=stream, method="stream")
            (stored,) = ana.add([source], world.case)
            (got,) = ana.release([stored.record], "review")
            assert stored.size == size
            assert b"".join(ana.content(got)) == b"s" * size
        os.wait()


@given(st.text(max_size=300))
def test_safe_names_lead_nowhere_but_down(name: str) -> None:
    """Never absolute, never upwards, no controls or bidi tricks, no part too long."""
    path = safe_name(name)
    assert not path.is_absolute()
    assert path.parts
    for part in path.parts:
        assert part not in {"..", ".", ""}
        assert len(part.encode()) <= 255
        assert not any(unicodedata.category(char) in {"Cc", "Cs"} for char in part)
        assert not set(part) & set(BIDI)


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "a/../../b", "..", "", "a//b"])
def test_known_tricks(name: str) -> None:
    """The names that attackers use."""
    path = safe_name(name)
    assert ".." not in path.parts
    assert not path.is_absolute()


@pytest.mark.parametrize("nameless", [True, False])
def test_a_failed_write_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nameless: bool
) -> None:
    """Whatever breaks in the middle, nothing stands under the name or beside it."""
    if not nameless:
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)

    def broken() -> object:
        yield b"some"
        raise FileError("the disk fails")

    with pytest.raises(FileError):
        write_new(tmp_path / "out", broken())  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []
    write_new(tmp_path / "out", iter([b"whole"]))
    with pytest.raises(FileError, match="exists"):
        write_new(tmp_path / "out", iter([b"other"]))
    assert (tmp_path / "out").read_bytes() == b"whole"
    assert list(tmp_path.iterdir()) == [tmp_path / "out"]
