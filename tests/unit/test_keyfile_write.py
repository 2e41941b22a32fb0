"""An identity file is written whole and readable or not at all, and replaces none unasked."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from argon2.low_level import hash_secret_raw

from keys import keyfile
from keys.errors import FileError, MalformedError
from keys.identity import Identity
from keys.keyfile import LEAST

PASS = "correct horse battery staple"
ANA = Identity(bytes(range(32)), "Ana Ruiz")
BEN = Identity(b"b" * 32, "Ben")

STRETCH = cache(hash_secret_raw)


@pytest.fixture(autouse=True)
def _once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same passphrase, salt and cost are stretched only once: the real function, remembered."""
    monkeypatch.setattr(keyfile, "hash_secret_raw", STRETCH)


@pytest.fixture
def no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2 must not be called."""
    monkeypatch.setattr(keyfile, "hash_secret_raw", lambda *_: pytest.fail("Argon2 was called"))


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place for a file, in a folder that is not there yet; salts of files are all the same."""
    real = os.urandom
    monkeypatch.setattr(os, "urandom", lambda size: bytes(16) if size == 16 else real(size))
    return tmp_path / "home" / "identity"


@pytest.fixture
def old(path: Path) -> Path:
    """The same place, with Ben's file there."""
    keyfile.write(path, BEN, PASS, LEAST)
    return path


def inside(path: Path) -> list[str]:
    """What lies in a file's folder."""
    return sorted(entry.name for entry in path.parent.iterdir())


def test_write_and_read(path: Path) -> None:
    """A written file reads back; nothing else is left beside it."""
    keyfile.write(path, ANA, PASS, LEAST)
    assert keyfile.read(path, PASS).device == ANA.device
    assert inside(path) == ["identity"]


def test_only_the_owner_may_read(path: Path) -> None:
    """A file has mode 0600 from its first moment and its new folder 0700, whatever the umask."""
    modes: list[int] = []
    real = os.open

    def noted(name: Any, flags: int, mode: int = 0o777) -> int:
        descriptor = real(name, flags, mode)
        modes.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
        return descriptor

    before = os.umask(0)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "open", noted)
            keyfile.write(path, ANA, PASS, LEAST)
        assert modes[0] == stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        path.chmod(0o644)
        keyfile.write(path, ANA, PASS, LEAST, replace=True)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_nothing_is_overwritten(old: Path, no_work: None) -> None:
    """A file that is there stays, unless replacing it was asked for."""
    before = old.read_bytes()
    with pytest.raises(FileError, match="exists already"):
        keyfile.write(old, ANA, PASS, LEAST)
    assert old.read_bytes() == before
    assert inside(old) == ["identity"]


def test_nothing_is_overwritten_through_a_link(path: Path) -> None:
    """A link that leads nowhere is a file that is there."""
    path.parent.mkdir()
    path.symlink_to("nowhere")
    with pytest.raises(FileError, match="exists already"):
        keyfile.write(path, ANA, PASS, LEAST)
    assert path.is_symlink()


def test_nothing_that_comes_between_is_overwritten(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that appears while another is made stays: naming does not replace."""
    before = old.read_bytes()
    monkeypatch.setattr(os.path, "lexists", lambda _: False)
    with pytest.raises(FileError, match="exists already"):
        keyfile.write(old, ANA, PASS, LEAST)
    assert old.read_bytes() == before
    assert inside(old) == ["identity"]


@pytest.mark.parametrize("replace", [False, True])
def test_a_link_in_the_way_is_not_followed(
    replace: bool, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a link waits in the place of the fresh file, nothing is written through it."""
    path.parent.mkdir()
    victim = path.parent / "victim"
    victim.write_bytes(b"something else")
    path.with_name(".identity.00000000").symlink_to(victim)
    # The name of the fresh file is guessed right.
    monkeypatch.setattr(os, "urandom", bytes)
    with pytest.raises(FileError, match="cannot write"):
        keyfile.write(path, ANA, PASS, LEAST, replace=replace)
    assert victim.read_bytes() == b"something else"
    assert not path.exists()


def no_links(*_: object, **__: object) -> None:
    """How a memory stick answers to a link."""
    raise PermissionError(errno.EPERM, "Operation not permitted")


def test_without_links(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there are no links a file gets its name all the same."""
    monkeypatch.setattr(os, "link", no_links)
    keyfile.write(path, ANA, PASS, LEAST)
    assert keyfile.read(path, PASS).device == ANA.device
    assert inside(path) == ["identity"]


def test_without_links_nothing_is_overwritten(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there are no links, a file that appeared meanwhile stays too."""
    before = old.read_bytes()
    monkeypatch.setattr(os, "link", no_links)
    answers = iter([False, True])
    monkeypatch.setattr(os.path, "lexists", lambda _: next(answers))
    with pytest.raises(FileError, match="exists already"):
        keyfile.write(old, ANA, PASS, LEAST)
    assert old.read_bytes() == before


def test_replacing(old: Path) -> None:
    """Where it was asked for, the new file takes the place of the old one."""
    keyfile.write(old, ANA, "another", LEAST, replace=True)
    assert keyfile.read(old, "another").device == ANA.device
    assert inside(old) == ["identity"]


class FullError(OSError):
    """No space is left."""

    def __init__(self, *_: object, **__: object) -> None:
        super().__init__(errno.ENOSPC, "No space left on device")


def full(*_: object, **__: object) -> Any:
    """Fail as a full disk does."""
    raise FullError


class Short:
    """A file whose write fails half way."""

    def __init__(self, descriptor: int, *_: object) -> None:
        self.descriptor = descriptor

    def __enter__(self) -> Short:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.descriptor)

    def write(self, data: bytes) -> int:
        os.write(self.descriptor, data[:300])
        raise FullError


FAULTS: list[tuple[Any, str, Callable[..., Any]]] = [
    (Path, "mkdir", full),
    (os, "open", full),
    (os, "fdopen", Short),
    (os, "fsync", full),
    (Path, "read_bytes", full),
    (Path, "replace", full),
]


@pytest.mark.parametrize(("where", "call", "fault"), FAULTS, ids=[fault[1] for fault in FAULTS])
def test_a_write_that_fails(
    where: Any, call: str, fault: Callable[..., Any], old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever fails before the new file is named, the old one stays whole and nothing is left."""
    before = old.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(where, call, fault)
        with pytest.raises(FileError, match="No space left on device"):
            keyfile.write(old, ANA, PASS, LEAST, replace=True)
    assert old.read_bytes() == before
    assert inside(old) == ["identity"]


@pytest.mark.parametrize("call", ["link", "fsync"])
def test_a_new_write_that_fails(call: str, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever fails before a first file is named, there is none."""
    with monkeypatch.context() as patch:
        patch.setattr(os, call, full)
        patch.setattr(Path, "rename", full)
        with pytest.raises(FileError, match="No space left"):
            keyfile.write(path, ANA, PASS, LEAST)
    assert inside(path) == []


def test_a_folder_that_cannot_be_synchronised(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If only the last step fails, it is said, and there is a whole file."""
    real, calls = os.fsync, iter([False, True])

    def second(descriptor: int) -> None:
        if next(calls):
            raise FullError
        real(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", second)
        with pytest.raises(FileError):
            keyfile.write(old, ANA, PASS, LEAST, replace=True)
    assert keyfile.read(old, PASS).device in {ANA.device, BEN.device}


@pytest.mark.parametrize(
    "found",
    [
        lambda data: data[:-1],
        lambda data: data[:300],
        lambda _: b"",
        lambda data: data[:50] + b"\x00" + data[51:],
        lambda data: data[:-1] + bytes([data[-1] ^ 1]),
        lambda _: keyfile.encode(BEN, PASS, LEAST),
    ],
)
def test_what_does_not_read_back(
    found: Callable[[bytes], bytes], old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that does not read back as it was written never takes the place of the old one."""
    before = old.read_bytes()
    real = Path.read_bytes
    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", lambda self: found(real(self)))
        with pytest.raises(FileError, match="read back"):
            keyfile.write(old, ANA, PASS, LEAST, replace=True)
    assert old.read_bytes() == before
    assert inside(old) == ["identity"]


def test_an_interrupted_write(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that the user interrupts leaves the old file and nothing else."""
    before = old.read_bytes()

    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", interrupt)
        with pytest.raises(KeyboardInterrupt):
            keyfile.write(old, ANA, PASS, LEAST, replace=True)
    assert old.read_bytes() == before
    assert inside(old) == ["identity"]


@pytest.mark.parametrize("replace", [False, True])
def test_the_order_of_a_write(replace: bool, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is synchronised and read back before it is named; its folder is synchronised after."""
    if replace:
        keyfile.write(path, BEN, PASS, LEAST)
    steps: list[str] = []

    def note(where: Any, call: str) -> None:
        real = getattr(where, call)

        def noted(*given: Any, **named: Any) -> Any:
            steps.append(call)
            return real(*given, **named)

        monkeypatch.setattr(where, call, noted)

    for call in ("fsync", "link"):
        note(os, call)
    for call in ("read_bytes", "replace"):
        note(Path, call)
    keyfile.write(path, ANA, PASS, LEAST, replace=replace)
    assert steps == ["fsync", "read_bytes", "replace" if replace else "link", "fsync"]


def test_no_such_file(path: Path) -> None:
    """A file that is not there says how to make one."""
    with pytest.raises(FileError, match="no identity file") as refused:
        keyfile.read(path, PASS)
    assert "evault identity create" in refused.value.hint


def test_not_a_file(tmp_path: Path) -> None:
    """A folder is not read as an identity file."""
    with pytest.raises(FileError, match="cannot read"):
        keyfile.read(tmp_path, PASS)


def test_a_file_that_fails_to_read(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that cannot be read is not called a wrong passphrase."""
    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(FileError, match="No space left"):
        keyfile.read_bytes(old)


def test_a_large_file(path: Path, no_work: None) -> None:
    """A file that is larger than any identity file is refused without reading it all."""
    path.parent.mkdir()
    with path.open("wb") as file:
        file.write(keyfile.MAGIC)
        file.truncate(1 << 40)
    with pytest.raises(MalformedError, match="too large"):
        keyfile.read(path, PASS)


@pytest.mark.parametrize("name", ["n" * 300, "n" * 250, "identity/below"])
def test_places_that_cannot_be(name: str, old: Path) -> None:
    """A name that is too long, or below a file, is an error of files like any other."""
    with pytest.raises(FileError, match="cannot write"):
        keyfile.write(old.parent / name, ANA, PASS, LEAST)
    assert inside(old) == ["identity"]
