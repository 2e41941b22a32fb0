"""A log that cannot be written, or is gone: nothing is released, quickly, and it says why.

The disks here are real: a small file system in memory that is filled up or made read-only, and
files that are deleted from under an open session.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cli_kit
import pytest
import vault_kit

from vault.errors import Error, FileError, MissingError, VerificationError
from vault.session import Session

SOON = 2.0
"""Within how many seconds an answer must be there."""

READS = {
    "get": ("ben", "get", "RECORD", "-o", "OUT", "--purpose", "review"),
    "get to stdout": ("ben", "get", "RECORD", "-o", "-", "--purpose", "review"),
    "view": ("ben", "view", "RECORD", "--purpose", "review"),
    "request": ("ben", "request", "RECORD", "--purpose", "review"),
    "export": ("pia", "log", "export", "--format", "csv", "-o", "OUT"),
    "disclose": ("pia", "log", "disclose", "0", "-o", "OUT"),
    "report": ("pia", "log", "report", "-o", "OUT"),
}
"""What must be logged before anything is given."""
LOOKS = {
    "list": ("ben", "list"),
    "log list": ("pia", "log", "list"),
    "log show": ("pia", "log", "show", "0"),
    "log who": ("pia", "log", "who", cli_kit.REF),
    "log verify": ("pia", "log", "verify"),
    "check": ("ben", "check"),
    "status": ("ben", "status"),
}
"""What needs no entry."""


@contextmanager
def disk(world: cli_kit.World, size: str) -> Iterator[Path]:
    """Let the vault lie on a small disk of its own."""
    kept = world.root / "kept"
    world.vault.rename(kept)
    world.vault.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(world.vault)]
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        said = done.stderr.strip() if done.returncode else ""
    except FileNotFoundError as error:
        said = str(error)
    if said:
        pytest.skip(f"no disk can be mounted here, so none was filled or made read-only: {said}")
    try:
        subprocess.run(["cp", "-a", f"{kept}/.", str(world.vault)], check=True)
        yield world.vault
    finally:
        subprocess.run(["umount", str(world.vault)], check=True)


def fill(folder: Path) -> None:
    """Write until nothing more fits."""
    with (folder / "filler").open("wb", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue


def run(world: cli_kit.World, words: tuple[str, ...], out: Path) -> cli_kit.Result:
    """Run a command, which must end soon."""
    own = {"RECORD": world.records["carta.txt"], "OUT": str(out)}
    who, *rest = (own.get(word, word) for word in words)
    start = time.monotonic()
    result = cli_kit.run(world.env(who), *rest)
    assert time.monotonic() - start < SOON
    assert "Traceback" not in result.err
    return result


def refused(world: cli_kit.World, tmp_path: Path, code: int, words: str) -> None:
    """Every read is refused: with the code and the reason, and nothing given anywhere."""
    out = tmp_path / "out"
    out.mkdir(exist_ok=True)
    for name, argv in READS.items():
        result = run(world, argv, out / "file")
        assert result.code == code, (name, result.err)
        assert words in result.err, (name, result.err)
        assert result.raw == b"", name
        assert list(out.iterdir()) == [], name


def works(world: cli_kit.World, tmp_path: Path) -> None:
    """Everything that needs no entry is answered."""
    for name, argv in LOOKS.items():
        result = run(world, argv, tmp_path)
        assert result.code == 0, (name, result.err)
        assert result.raw, name


@pytest.fixture
def world(tmp_path: Path) -> cli_kit.World:
    """The story so far."""
    return cli_kit.copy(tmp_path / "world")


def test_all_of_it_works_on_a_sound_disk(world: cli_kit.World, tmp_path: Path) -> None:
    """The control: each of these commands gives something where the log can be written."""
    with disk(world, "16m"):
        works(world, tmp_path)
        for name, argv in READS.items():
            result = run(world, argv, tmp_path / name.replace(" ", "-"))
            assert result.code == 0, (name, result.err)


def test_a_full_disk(world: cli_kit.World, tmp_path: Path) -> None:
    """While somebody has the vault open, lists and checks go on; nothing is released."""
    entries = len(world.log())
    with disk(world, "8m") as folder:
        connection = sqlite3.connect(folder / "vault.db")
        connection.execute("SELECT count(*) FROM log_entry").fetchall()
        fill(folder)
        refused(world, tmp_path, 15, "the disk is full, so nothing can be logged")
        works(world, tmp_path)
        (folder / "filler").unlink()
        # With room again it goes on, and the log knows of nothing that was refused so.
        assert len(world.log()) == entries
        result = run(world, READS["get"], tmp_path / "now")
        assert (result.code, (tmp_path / "now").exists()) == (0, True)
        connection.close()


def test_a_disk_that_was_full_before(world: cli_kit.World, tmp_path: Path) -> None:
    """Where there is no room even to open the database, that is said, and not what it is not."""
    with disk(world, "8m") as folder:
        assert not (folder / "vault.db-wal").exists()
        fill(folder)
        refused(world, tmp_path, 15, "the disk is full or fails")
        (folder / "filler").unlink()
        works(world, tmp_path)


def test_a_read_only_disk(world: cli_kit.World, tmp_path: Path) -> None:
    """Labels, the log and checks can be read; nothing is released, and nothing changes."""
    with disk(world, "16m") as folder:
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
        refused(world, tmp_path, 15, "the vault cannot be written, so nothing can be logged")
        works(world, tmp_path)


def test_a_full_disk_of_ones_own(world: cli_kit.World, tmp_path: Path) -> None:
    """A target that has no room leaves no half file; the log says that it was asked for."""
    record = world.records["foto.bin"]
    small = tmp_path / "small"
    small.mkdir()
    try:
        words = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(small)]
        done = subprocess.run(words, capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("mount is missing: a full target was not tried")
    if done.returncode:
        pytest.skip(f"no disk can be mounted here: {done.stderr.decode().strip()}")
    try:
        result = cli_kit.run(
            world.env("ben"), "get", record, "-o", small / "foto", "--purpose", "review"
        )
        assert result.code == 15, result.err
        assert list(small.iterdir()) == []
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_a_write_ahead_log_that_cannot_be_opened(world: cli_kit.World, tmp_path: Path) -> None:
    """Something else in the place of the database's log is named, and nothing is released."""
    for name in ("vault.db-wal", "vault.db-shm"):
        (world.vault / name).unlink(missing_ok=True)
    (world.vault / "vault.db-wal").mkdir()
    refused(world, tmp_path, 15, "or a file beside it, cannot be opened")
    (world.vault / "vault.db-wal").rmdir()
    works(world, tmp_path)


def test_a_database_that_is_gone(world: cli_kit.World, tmp_path: Path) -> None:
    """Without the log there is nothing to see; that it is missing is proved, not guessed."""
    (world.vault / "vault.db").unlink()
    refused(world, tmp_path, 20, "the vault's database is missing")


def test_a_log_that_was_emptied(world: cli_kit.World, tmp_path: Path) -> None:
    """A log without its entries is refused and named."""
    connection = sqlite3.connect(world.vault / "vault.db")
    with connection:
        connection.execute("DELETE FROM log_entry")
    connection.close()
    refused(world, tmp_path, 20, "is missing")


# --- from under an open session ----------------------------------------------------------------


def _delete(folder: Path) -> None:
    (folder / "vault.db").unlink()


def _delete_all(folder: Path) -> None:
    for path in folder.glob("vault.db*"):
        path.unlink()


def _delete_log(folder: Path) -> None:
    (folder / "vault.db-wal").unlink()


def _replace(folder: Path) -> None:
    (folder / "new.db").write_bytes((folder / "vault.db").read_bytes())
    (folder / "new.db").replace(folder / "vault.db")


def _empty(folder: Path) -> None:
    connection = sqlite3.connect(folder / "vault.db")
    with connection:
        for table in ("log_entry", "log_node", "log_head"):
            connection.execute(f"DELETE FROM {table}")  # noqa: S608 - three names
    connection.close()


def _empty_access(folder: Path) -> None:
    connection = sqlite3.connect(folder / "vault.db")
    with connection:
        connection.execute("DELETE FROM log_node WHERE log = 1")
        connection.execute("DELETE FROM log_entry WHERE log = 1")
    connection.close()


def _rename(folder: Path) -> None:
    folder.rename(folder.with_name("elsewhere"))


WAYS: list[tuple[Callable[[Path], None], type[Error]]] = [
    (_delete, MissingError),
    (_delete_all, MissingError),
    (_delete_log, MissingError),
    (_replace, MissingError),
    (_rename, MissingError),
    (_empty, VerificationError),
    (_empty_access, VerificationError),
]


@pytest.mark.parametrize(("way", "error"), WAYS, ids=[way.__name__[1:] for way, _ in WAYS])
def test_a_log_that_vanishes_while_it_is_open(
    tmp_path: Path, way: Callable[[Path], None], error: type[Error]
) -> None:
    """A session that has the files open gives nothing that no log in the folder speaks of."""
    world = vault_kit.make(tmp_path)
    record = world.stored[0].record
    with world.session("ben") as ben:
        # The control: until then it does.
        assert ben.release([record], "review")
        way(world.path)
        for _ in range(2):
            start = time.monotonic()
            with pytest.raises(error):
                ben.release([record], "review")
            with pytest.raises((error, FileError)):
                ben.requests.file([record], "review")
            assert time.monotonic() - start < SOON


@pytest.mark.parametrize("way", [_delete, _delete_all, _replace, _rename])
def test_nobody_is_shown_what_is_not_there_any_more(
    tmp_path: Path, way: Callable[[Path], None]
) -> None:
    """Looking, too, is at the database in the folder, not at one that has no name any more."""
    world = vault_kit.make(tmp_path)
    with world.session("ben") as ben:
        assert list(ben.records())
        way(world.path)
        with pytest.raises(MissingError, match="deleted or replaced"):
            list(ben.records())


def test_a_log_that_vanishes_in_the_middle_of_the_act(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deleted after the gate has begun to write: the entry is lost, so nothing follows from it."""
    world = vault_kit.make(tmp_path)
    with world.session("ben") as ben:
        gate = ben._client.gate
        real = gate.append_access

        def append(*args: object, **settings: object) -> object:
            found = real(*args, **settings)  # type: ignore[arg-type]
            _delete_all(world.path)
            return found

        monkeypatch.setattr(gate, "append_access", append)
        with pytest.raises(MissingError, match="nothing is released"):
            ben.release([world.stored[0].record], "review")


def test_local_state_that_cannot_be_written(tmp_path: Path) -> None:
    """What a client has seen must be remembered before it goes on: else nothing is given."""
    world = vault_kit.make(tmp_path)
    with world.session("ben") as ben:
        folder = ben.local.path
        folder.rename(folder.with_name("elsewhere"))
        folder.write_bytes(b"")
        with pytest.raises(FileError):
            ben.release([world.stored[0].record], "review")
    assert os.path.isfile(folder)  # noqa: PTH113 - nothing was put in its place


def _session(world: vault_kit.World) -> Session:
    return Session.open(world.path, vault_kit.identity("ben"), world.home("ben"), clock=world.clock)


def test_another_copy_of_the_session_sees_why(tmp_path: Path) -> None:
    """Whoever opens the vault after its log was emptied is told, too."""
    world = vault_kit.make(tmp_path)
    _empty_access(world.path)
    with pytest.raises(VerificationError):
        _session(world).release([world.stored[0].record], "review")
