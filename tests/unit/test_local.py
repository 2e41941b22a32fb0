"""What a client keeps for itself: for one identity and one vault, forward only, whole or not."""

from __future__ import annotations

import errno
import os
import stat
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from vault_kit import identity

from keys.derive import lp
from keys.signing import SigningKeys
from vault import ids, note, private
from vault.errors import (
    BusyError,
    DamageError,
    FileError,
    ForkedError,
    MalformedError,
    UnknownVaultError,
    VerificationError,
)
from vault.local import Local, Pins, Statements
from vault.log import checkpoint
from vault.log.checkpoint import Checkpoint
from vault.note import ACCESS, AUTHORITY, LOGS

VAULT, OTHER = (ids.show(bytes([number]) * 16) for number in (1, 2))
KEYS = SigningKeys(b"a" * 32, b"b" * 32)
PRINT = "ab" * 32


@pytest.fixture
def mine(tmp_path: Path) -> Local:
    """Ana's local state of a vault, with nothing in it."""
    return Local(tmp_path, identity("ana"), VAULT)


@cache
def pins(authority: int, access: int, root: int = 0, fingerprint: str = PRINT) -> Pins:
    """Heads of some sizes, whose roots follow from the size and a number; the same each time."""
    sizes = {AUTHORITY: authority, ACCESS: access}
    return Pins(
        fingerprint,
        {
            log: checkpoint.sign(
                KEYS, Checkpoint(note.origin(VAULT, log), size, bytes([root, size]) * 16), 1
            )
            for log, size in sizes.items()
        },
    )


def sizes(state: Local) -> tuple[int, int]:
    """The pinned sizes."""
    kept = state.pins()
    return kept.size(AUTHORITY), kept.size(ACCESS)


# --- pins -----------------------------------------------------------------------------------------


def test_pins_that_were_set_are_there_for_the_next_session(tmp_path: Path, mine: Local) -> None:
    """Whoever opens the state again with the same identity finds them, byte for byte."""
    assert not mine.joined()
    mine.advance(pins(3, 5))
    again = Local(tmp_path, identity("ana"), VAULT)
    assert again.joined()
    assert again.pins() == pins(3, 5)


def test_without_pins_a_client_is_told_to_join(mine: Local) -> None:
    """No pins are no reason to believe whatever is there."""
    with pytest.raises(UnknownVaultError) as caught:
        mine.pins()
    assert "evault join" in caught.value.hint


@pytest.mark.parametrize(
    ("then", "kept"),
    [
        ((4, 6), (4, 6)),
        ((4, 5), (4, 5)),
        ((3, 6), (3, 6)),
        ((2, 4), (3, 5)),
        ((2, 6), (3, 6)),
        ((4, 4), (4, 5)),
        ((3, 5), (3, 5)),
    ],
)
def test_pins_move_forward_only(mine: Local, then: tuple[int, int], kept: tuple[int, int]) -> None:
    """A slower process does not take back what a faster one has seen, in either log."""
    mine.advance(pins(3, 5))
    mine.advance(pins(*then))
    assert sizes(mine) == kept


@pytest.mark.parametrize("log", LOGS)
def test_two_roots_of_one_size_are_a_fork(mine: Local, log: str) -> None:
    """What another process has pinned at the same size must be the same; the pins stay."""
    mine.advance(pins(3, 5))
    forked = {**pins(3, 5).heads, log: pins(3, 5, root=9).heads[log]}
    with pytest.raises(ForkedError, match=log):
        mine.advance(Pins(PRINT, forked))
    assert mine.pins() == pins(3, 5)


def test_another_fingerprint_is_another_vault(mine: Local) -> None:
    """The pinned fingerprint is never replaced."""
    mine.advance(pins(3, 5))
    with pytest.raises(UnknownVaultError):
        mine.advance(pins(4, 6, fingerprint="cd" * 32))
    assert mine.pins() == pins(3, 5)


def test_nothing_new_is_not_written(mine: Local) -> None:
    """A session that only reads leaves no newer file behind."""
    mine.advance(pins(3, 5))
    file = mine.path / "pins"
    before = file.read_bytes(), file.stat().st_mtime_ns, file.stat().st_ino
    mine.advance(pins(3, 5))
    mine.advance(pins(1, 2))
    assert (file.read_bytes(), file.stat().st_mtime_ns, file.stat().st_ino) == before


@pytest.mark.parametrize(
    "raw", [b"", b"null", b"[]", b"{}", b'{"fingerprint":1,"heads":{"authority":1,"access":2}}']
)
def test_pins_of_another_format_are_malformed(mine: Local, raw: bytes) -> None:
    """What decrypts and is not pins is no reason to begin anew."""
    mine.advance(pins(3, 5))
    mine.write("pins", raw)
    with pytest.raises(MalformedError):
        mine.pins()
    with pytest.raises(MalformedError):
        mine.advance(pins(4, 6))


@pytest.mark.parametrize("cut", [0, 10, -1])
def test_pins_that_are_cut_short_stop_the_client(mine: Local, cut: int) -> None:
    """A truncated file is damage, not the absence of pins."""
    mine.advance(pins(3, 5))
    file = mine.path / "pins"
    file.write_bytes(file.read_bytes()[:cut])
    with pytest.raises(DamageError) as caught:
        mine.pins()
    assert "join again" in caught.value.hint
    with pytest.raises(VerificationError):
        mine.advance(pins(4, 6))


# --- whose they are -------------------------------------------------------------------------------


def test_the_folder_tells_neither_the_vault_nor_the_identity(tmp_path: Path, mine: Local) -> None:
    """Its name is another for each pair, is short, and holds neither id."""
    names = {
        Local(tmp_path, identity(who), vault).path.name
        for who in ("ana", "ben")
        for vault in (VAULT, OTHER)
    }
    assert len(names) == 4
    for name in names:
        assert VAULT not in name
        assert OTHER not in name
        assert identity("ana").device not in name


@pytest.mark.parametrize(("who", "vault"), [("ben", VAULT), ("ana", OTHER)])
def test_state_of_another_is_not_taken(tmp_path: Path, mine: Local, who: str, vault: str) -> None:
    """Files carried over from another identity or vault do not decrypt."""
    mine.advance(pins(3, 5))
    other = Local(tmp_path, identity(who), vault)
    other.path.mkdir(parents=True)
    (other.path / "pins").write_bytes((mine.path / "pins").read_bytes())
    with pytest.raises(VerificationError):
        other.pins()


def test_one_file_is_not_taken_for_another(mine: Local) -> None:
    """Each file is bound to its name."""
    mine.advance(pins(3, 5))
    mine.keep_statements(Statements((b"l" * 32,), (b"body",), frozenset()))
    (mine.path / "pins").write_bytes((mine.path / "statements").read_bytes())
    with pytest.raises(VerificationError):
        mine.pins()


def test_only_the_owner_looks_in(mine: Local) -> None:
    """The folder is closed to other users of the machine."""
    mine.advance(pins(3, 5))
    assert stat.S_IMODE(mine.path.stat().st_mode) == 0o700


# --- the cache ------------------------------------------------------------------------------------


def test_statements_come_back_as_they_were_kept(mine: Local) -> None:
    """Leaves, bodies and refusals, also of none."""
    assert mine.statements() is None
    for kept in (
        Statements((), (), frozenset()),
        Statements((b"l" * 32, b"m" * 32), (b"", b"body"), frozenset([1])),
    ):
        mine.keep_statements(kept)
        assert mine.statements() == kept


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"garbage",
        lp(b"", b""),
        lp(lp(b"l"), lp(), b"[]"),
        lp(lp(), lp(), b"not JSON"),
        lp(lp(), lp(), b"[[]]"),
        lp(b"x", lp(), b"[]"),
    ],
    ids=repr,
)
def test_a_cache_that_does_not_fit_is_none(mine: Local, raw: bytes) -> None:
    """It is only a cache: everything is read and verified again."""
    mine.keep_statements(Statements((), (), frozenset()))
    mine.write("statements", raw)
    assert mine.statements() is None


def test_a_damaged_cache_is_none(mine: Local) -> None:
    """The same for bytes that do not decrypt."""
    mine.keep_statements(Statements((b"l" * 32,), (b"body",), frozenset()))
    (mine.path / "statements").write_bytes(b"x" * 200)
    assert mine.statements() is None


# --- proofs ---------------------------------------------------------------------------------------


def test_every_proof_is_kept(mine: Local) -> None:
    """A second contradiction does not replace the first, and neither is lost by forgetting."""
    mine.advance(pins(3, 5))
    first, second = ([f"{a}".encode(), f"{a}'".encode()] for a in "12")
    mine.keep_proof(first)
    mine.keep_proof(second)
    mine.keep_proof(first)
    mine.forget()
    assert sorted(mine.proofs()) == [first, second]
    assert not mine.joined()


# --- writing --------------------------------------------------------------------------------------


def test_a_held_lock_is_busy(mine: Local, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits too long for another process is told so, and nothing is written."""
    mine.advance(pins(3, 5))
    monkeypatch.setattr(private, "_WAIT", 0.05)
    with FileLock(mine.path / "lock"), pytest.raises(BusyError):
        mine.advance(pins(4, 6))
    assert mine.pins() == pins(3, 5)


@pytest.mark.parametrize("owner", [(os, "fsync"), (Path, "replace"), (Path, "open"), (os, "open")])
def test_a_failed_write_leaves_the_old_pins(
    mine: Local, monkeypatch: pytest.MonkeyPatch, owner: tuple[Any, str]
) -> None:
    """A full or failing disk is told in one line; nothing is left beside the pins, old or new."""
    mine.advance(pins(3, 5))
    files = sorted(path.name for path in mine.path.iterdir())
    real = getattr(*owner)

    def failing(*args: Any, **settings: Any) -> Any:
        if owner[1] == "open" and str(args[0]).endswith("lock"):
            return real(*args, **settings)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(*owner, failing)
        with pytest.raises(FileError, match="No space"):
            mine.advance(pins(4, 6))
    # Only the last step, the folder's own synchronisation, comes after the new name.
    assert mine.pins() == (pins(4, 6) if owner == (os, "open") else pins(3, 5))
    assert sorted(path.name for path in mine.path.iterdir()) == files
    mine.advance(pins(4, 6))
    assert mine.pins() == pins(4, 6)


def test_pins_survive_a_power_cut(mine: Local, monkeypatch: pytest.MonkeyPatch) -> None:
    """All bytes are on the disk before they have their name, and the name before we go on."""
    mine.advance(pins(3, 5))
    steps: list[tuple[str, int]] = []
    sync, name = os.fsync, Path.replace

    def fsync(descriptor: int) -> None:
        found = os.fstat(descriptor)
        steps.append(("folder", 0) if stat.S_ISDIR(found.st_mode) else ("file", found.st_size))
        sync(descriptor)

    def replace(path: Path, target: Path) -> Path:
        steps.append(("name", path.stat().st_size))
        return name(path, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", replace)
    mine.advance(pins(4, 6))
    size = (mine.path / "pins").stat().st_size
    assert steps == [("file", size), ("name", size), ("folder", 0)]


def test_nothing_stays_open(mine: Local) -> None:
    """A long session does not run out of files."""
    mine.advance(pins(3, 5))
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - names only
    for size in range(6, 16):
        mine.advance(pins(3, size))
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208 - names only


def test_a_home_that_is_no_folder_is_told(tmp_path: Path) -> None:
    """One clear error, and no traceback, where local state cannot be."""
    (tmp_path / "home").write_bytes(b"")
    state = Local(tmp_path / "home", identity("ana"), VAULT)
    with pytest.raises(FileError):
        state.advance(pins(3, 5))
