"""The identity file: what it costs, what is refused, and that a failure costs nothing."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from argon2.exceptions import HashingError

from keys import keyfile
from keys.errors import (
    FileError,
    MalformedError,
    OutOfMemoryError,
    VerificationError,
    WrongPassphraseError,
)
from keys.identity import Identity
from keys.keyfile import LEAST, Argon2

ANA = Identity.create("Ana Ruiz مرحبا 😀")
DATA = keyfile.encode(ANA, "correct horse", LEAST)


def test_it_opens_with_its_passphrase() -> None:
    """Seed and name come back."""
    opened = keyfile.parse(DATA, "correct horse")
    assert (opened.device, opened.name) == (ANA.device, ANA.name)


@pytest.mark.parametrize("wrong", ["", "correct hors", "correct horse ", "Correct horse"])
def test_a_wrong_passphrase_is_told(wrong: str) -> None:
    """Nothing is trimmed, nothing is folded."""
    with pytest.raises(WrongPassphraseError):
        keyfile.parse(DATA, wrong)


def test_it_shows_nothing_of_its_owner() -> None:
    """Name and id are inside, and two files of the same length tell nothing apart."""
    assert b"Ana" not in DATA
    assert ANA.device.encode() not in DATA
    assert len(DATA) == len(keyfile.encode(Identity.create("B"), "x", LEAST))


def header(memory: int, passes: int, lanes: int) -> bytes:
    """The file with other parameters."""
    numbers = b"".join(number.to_bytes(4, "big") for number in (memory, passes, lanes))
    return DATA[:10] + numbers + DATA[22:]


OUTSIDE = [
    (64 * 1024 - 1, 3, 4),
    (2 * 1024 * 1024 + 1, 3, 4),
    (64 * 1024, 2, 4),
    (64 * 1024, 21, 4),
    (64 * 1024, 3, 0),
    (64 * 1024, 3, 17),
    (0, 0, 0),
    (2**32 - 1, 2**32 - 1, 2**32 - 1),
]


@pytest.mark.parametrize("cost", OUTSIDE)
def test_costs_outside_the_range_are_refused_before_any_work(
    cost: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too cheap would be a downgrade, too dear a bomb: neither reaches the hash."""

    def never(*_: object) -> bytes:
        raise AssertionError("the hash was reached")

    monkeypatch.setattr(keyfile, "hash_secret_raw", never)
    with pytest.raises(MalformedError):
        keyfile.parse(header(*cost), "correct horse")
    with pytest.raises(MalformedError):
        keyfile.encode(ANA, "correct horse", Argon2(*cost))
    # The control: within the range the hash is reached.
    with pytest.raises(AssertionError):
        keyfile.parse(DATA, "correct horse")


def test_the_default_cost_is_what_the_design_asks() -> None:
    """256 MiB, 3 passes, 4 lanes."""
    assert Argon2() == keyfile.DEFAULT == Argon2(256 * 1024, 3, 4)


def test_lack_of_memory_is_not_a_wrong_passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who lacks memory must not doubt their passphrase."""

    def lacking(*_: object) -> bytes:
        raise HashingError("Memory allocation error")

    monkeypatch.setattr(keyfile, "hash_secret_raw", lacking)
    with pytest.raises(OutOfMemoryError):
        keyfile.parse(DATA, "correct horse")


@pytest.mark.parametrize(
    "data", [b"", b"EVAULTID", DATA[:60], b"x" * 600, b"NOTEVLT!" + DATA[8:], DATA[:8]]
)
def test_what_is_no_identity_file_is_told(data: bytes) -> None:
    """Foreign and cut files are malformed, not a wrong passphrase."""
    with pytest.raises(MalformedError):
        keyfile.parse(data, "correct horse")


def test_a_newer_suite_is_told() -> None:
    """A file of a later version asks for a newer program."""
    with pytest.raises(MalformedError) as caught:
        keyfile.parse(DATA[:8] + b"\0\2" + DATA[10:], "correct horse")
    assert "newer" in caught.value.hint


@pytest.mark.parametrize("at", [100, 300, len(DATA) - 1])
def test_damage_behind_the_commitment_is_told(at: int) -> None:
    """With the right passphrase, damage is damage."""
    broken = DATA[:at] + bytes([DATA[at] ^ 1]) + DATA[at + 1 :]
    with pytest.raises(VerificationError):
        keyfile.parse(broken, "correct horse")
    with pytest.raises(VerificationError):
        keyfile.parse(DATA[:-1], "correct horse")


def test_a_file_is_private_and_never_replaced(tmp_path: Path) -> None:
    """Mode 0600; an existing file is refused and stays."""
    path = tmp_path / "folder/identity"
    keyfile.write(path, ANA, "correct horse", LEAST)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()
    with pytest.raises(FileError):
        keyfile.write(path, Identity.create("Eve"), "x", LEAST)
    assert path.read_bytes() == before
    assert keyfile.read(path, "correct horse").device == ANA.device
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_failing_write_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """A changed passphrase that cannot be written leaves the file with the old one."""
    path = tmp_path / "identity"
    keyfile.write(path, ANA, "correct horse", LEAST)

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail) if call == "fsync" else patch.setattr(
            Path, "replace", fail
        )
        with pytest.raises(FileError):
            keyfile.write(path, ANA, "another one", LEAST, replace=True)
    assert keyfile.read(path, "correct horse").device == ANA.device
    assert list(tmp_path.iterdir()) == [path]
    keyfile.write(path, ANA, "another one", LEAST, replace=True)
    assert keyfile.read(path, "another one").device == ANA.device


def test_what_does_not_read_back_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that gives back other bytes than were written makes no identity file."""
    real = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: real(path)[:-1] + b"x")
    with pytest.raises(FileError, match="read back"):
        keyfile.write(tmp_path / "identity", ANA, "correct horse", LEAST)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_or_huge_file_is_told(tmp_path: Path) -> None:
    """No file, a folder, and a file of another size are three clear errors."""
    with pytest.raises(FileError):
        keyfile.read(tmp_path / "none", "x")
    with pytest.raises(FileError):
        keyfile.read(tmp_path, "x")
    (tmp_path / "huge").write_bytes(bytes(1 << 20))
    with pytest.raises(MalformedError):
        keyfile.read(tmp_path / "huge", "x")
