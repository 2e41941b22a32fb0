"""An identity file costs what it says, and opens to what was put in or is refused."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from argon2.exceptions import HashingError
from argon2.low_level import Type, hash_secret_raw

from keys import container, keyfile
from keys.derive import pad, parse_lp, unpad
from keys.errors import (
    Error,
    MalformedError,
    OutOfMemoryError,
    VerificationError,
    WrongPassphraseError,
)
from keys.identity import Identity
from keys.keyfile import DEFAULT, LEAST, MAGIC, Argon2

PASS = "correct horse battery staple"
HEADER = 38
KIB = 64 * 1024
ANA = Identity(bytes(range(32)), "Ana Ruiz")
BEN = Identity(b"b" * 32, "Ben")


@pytest.fixture(autouse=True)
def _once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same passphrase, salt and cost are stretched only once: the real function, remembered."""
    monkeypatch.setattr(keyfile, "hash_secret_raw", STRETCH)


STRETCH = cache(hash_secret_raw)


@pytest.fixture
def no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2 must not be called."""
    monkeypatch.setattr(keyfile, "hash_secret_raw", lambda *_: pytest.fail("Argon2 was called"))


@cache
def made() -> bytes:
    """An identity file at the floor."""
    return keyfile.encode(ANA, PASS, LEAST)


def header(memory: int = KIB, passes: int = 3, lanes: int = 4, suite: int = 1) -> bytes:
    """A header with these parameters."""
    numbers = b"".join(number.to_bytes(4, "big") for number in (memory, passes, lanes))
    return MAGIC + suite.to_bytes(2, "big") + numbers + bytes(16)


# --- the bytes ------------------------------------------------------------------------------------


def test_round_trip() -> None:
    """An identity file opens to the same identity."""
    found = keyfile.parse(made(), PASS)
    assert (found.seed(), found.name, found.device) == (ANA.seed(), ANA.name, ANA.device)
    assert keyfile.cost_of(made()) == LEAST


def test_bytes_as_specified() -> None:
    """An identity file can be opened by hand from its specification."""
    data = made()
    assert data[:HEADER] == header()[:22] + data[22:HEADER]
    key = hash_secret_raw(PASS.encode(), data[22:HEADER], 3, KIB, 4, 32, Type.ID)
    context = b"".join(
        (
            bytes([0, 0, 0, 2]),
            (22).to_bytes(8, "big") + b"evault/1/identity-file",
            (38).to_bytes(8, "big") + data[:HEADER],
        )
    )
    body = container.decrypt(key, context, data[HEADER:])
    assert len(body) == 512
    assert parse_lp(unpad(body, 512)) == [ANA.seed(), b"Ana Ruiz"]


def test_files_do_not_tell_whose_they_are() -> None:
    """Every identity file has the same size, and holds neither name nor id nor seed in clear."""
    data = made()
    assert len(data) == len(keyfile.encode(Identity(b"x" * 32, "n" * 200), PASS, LEAST)) == 622
    for part in (b"Ana", ANA.device.encode(), ANA.seed(), ANA.signing.ed25519_public):
        assert part not in data


def test_salts_are_random() -> None:
    """Two files of one identity and passphrase have nothing in common but their parameters."""
    one, other = made(), keyfile.encode(ANA, PASS, LEAST)
    assert one[:22] == other[:22]
    assert one[22:HEADER] != other[22:HEADER]
    assert one[HEADER:94] != other[HEADER:94]


# --- what a guess costs ---------------------------------------------------------------------------


def test_the_default_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new file costs 256 MiB, three passes, four lanes of Argon2id, unless asked otherwise."""
    asked: list[tuple[Any, ...]] = []

    def noted(*given: Any) -> bytes:
        asked.append(given)
        return bytes(32)

    monkeypatch.setattr(keyfile, "hash_secret_raw", noted)
    data = keyfile.encode(ANA, PASS)
    assert asked == [(PASS.encode(), data[22:HEADER], 3, 256 * 1024, 4, 32, Type.ID)]
    assert keyfile.cost_of(data) == DEFAULT == Argon2(256 * 1024, 3, 4)


OUTSIDE = [
    Argon2(KIB - 1, 3, 4),
    Argon2(0, 3, 4),
    Argon2(2 * 1024 * 1024 + 1, 3, 4),
    Argon2(2**32 - 1, 3, 4),
    Argon2(KIB, 2, 4),
    Argon2(KIB, 0, 4),
    Argon2(KIB, 21, 4),
    Argon2(KIB, 2**32 - 1, 4),
    Argon2(KIB, 3, 0),
    Argon2(KIB, 3, 17),
    Argon2(KIB, 3, 2**32 - 1),
]


@pytest.mark.parametrize("cost", OUTSIDE, ids=repr)
def test_costs_outside_the_limits(cost: Argon2, no_work: None) -> None:
    """A cost below the floor or above the ceiling is refused before any work, on both ends."""
    data = header(cost.memory, cost.passes, cost.lanes) + made()[HEADER:]
    for use in (
        lambda: keyfile.parse(data, PASS),
        lambda: keyfile.cost_of(data),
        lambda: keyfile.encode(ANA, PASS, cost),
    ):
        with pytest.raises(MalformedError, match=r"not between|are not"):
            use()


@pytest.mark.parametrize(
    "cost", [LEAST, DEFAULT, Argon2(2 * 1024 * 1024, 20, 16), Argon2(KIB, 3, 1)]
)
def test_costs_within_the_limits(cost: Argon2) -> None:
    """A cost at the floor or at the ceiling is accepted."""
    cost.check()
    data = header(cost.memory, cost.passes, cost.lanes) + made()[HEADER:]
    assert keyfile.cost_of(data) == cost


@pytest.mark.parametrize(
    "problem", [HashingError("Memory allocation error"), MemoryError()], ids=["argon2", "python"]
)
def test_out_of_memory(problem: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lack of memory says so, and is never called a wrong passphrase."""
    data = made()

    def fail(*_: object) -> bytes:
        raise problem

    monkeypatch.setattr(keyfile, "hash_secret_raw", fail)
    for use in (lambda: keyfile.parse(data, PASS), lambda: keyfile.encode(ANA, PASS, LEAST)):
        with pytest.raises(OutOfMemoryError, match="64 MiB") as refused:
            use()
        assert "not even tried" in refused.value.hint
        assert not isinstance(refused.value, WrongPassphraseError)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere memory cannot be taken away")
def test_truly_out_of_memory(tmp_path: Path) -> None:
    """A process that is not given the memory gets that error, with the real Argon2."""
    path = tmp_path / "identity"
    path.write_bytes(header(memory=2 * 1024 * 1024) + made()[HEADER:])
    code = (
        "import resource, sys, pathlib; from keys import keyfile, errors\n"
        "resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))\n"
        "try: keyfile.read(pathlib.Path(sys.argv[1]), 'x')\n"
        "except errors.OutOfMemoryError: print('out of memory')\n"
    )
    run = [sys.executable, "-c", code, str(path)]
    done = subprocess.run(run, capture_output=True, text=True, check=True)
    assert done.stdout == "out of memory\n"


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "passphrase", ["", "Correct horse battery staple", PASS + " ", " " + PASS, PASS + "\n", "x"]
)
def test_wrong_passphrase(passphrase: str) -> None:
    """Another passphrase is wrong, also if only a capital or a space is another."""
    with pytest.raises(WrongPassphraseError) as refused:
        keyfile.parse(made(), passphrase)
    assert not isinstance(refused.value, VerificationError)


def test_passphrases_are_taken_as_they_are() -> None:
    """A passphrase of any characters opens its file, and no look-alike does."""
    for passphrase in ("", "\udcff\udcfe", "密码 "):
        data = keyfile.encode(ANA, passphrase, LEAST)
        assert keyfile.parse(data, passphrase).device == ANA.device
        with pytest.raises(WrongPassphraseError):
            keyfile.parse(data, passphrase + "e\N{COMBINING ACUTE ACCENT}")
    with pytest.raises(WrongPassphraseError):
        keyfile.parse(keyfile.encode(ANA, "clavé", LEAST), "clave\N{COMBINING ACUTE ACCENT}")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"EVAULT",
        b"evaultid" + bytes(614),
        b"age-encryption.org/v1\n-> scrypt " + bytes(600),
        b"-----BEGIN OPENSSH PRIVATE KEY-----\n" + bytes(600),
        bytes(622),
    ],
)
def test_foreign_files(data: bytes, no_work: None) -> None:
    """A file of another kind is not called an identity file, and costs nothing."""
    with pytest.raises(MalformedError, match="not an identity file"):
        keyfile.parse(data, PASS)


@pytest.mark.parametrize("suite", [0, 2, 0xFFFF])
def test_newer_files(suite: int, no_work: None) -> None:
    """A file of another version is refused as such before any work."""
    with pytest.raises(MalformedError, match=f"version {suite}") as refused:
        keyfile.parse(header(suite=suite) + made()[HEADER:], PASS)
    assert "newer" in refused.value.hint


def test_cut_off_in_the_header(no_work: None) -> None:
    """A file that ends within its header is cut short, and costs nothing."""
    for size in range(8, 94):
        with pytest.raises(MalformedError, match="cut short"):
            keyfile.parse(made()[:size], PASS)


def test_cut_off_later() -> None:
    """A file cut short anywhere else is damaged, with the right passphrase, and not a wrong one."""
    for size in range(94, 622):
        with pytest.raises(VerificationError):
            keyfile.parse(made()[:size], PASS)
    with pytest.raises(VerificationError):
        keyfile.parse(made() + b"\x00", PASS)


def test_every_byte_of_the_container() -> None:
    """A file with any byte of its container changed does not open."""
    for at in range(HEADER, 622):
        data = bytearray(made())
        data[at] ^= 0x10
        # Salt and commitment of the container are what tells a wrong passphrase.
        expected = WrongPassphraseError if at < 94 else VerificationError
        with pytest.raises(expected):
            keyfile.parse(bytes(data), PASS)


@pytest.mark.parametrize("at", [9, *range(10, 38)])
def test_the_header_is_bound(at: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A header with any byte changed opens nothing, even if Argon2 gave the same key."""
    monkeypatch.setattr(keyfile, "hash_secret_raw", lambda *_: bytes(32))
    data = bytearray(keyfile.encode(ANA, PASS, Argon2(0x01_02_03, 5, 5)))
    assert keyfile.parse(bytes(data), PASS).device == ANA.device
    data[at] ^= 1
    with pytest.raises((WrongPassphraseError, MalformedError)):
        keyfile.parse(bytes(data), PASS)


def lp(*parts: bytes) -> bytes:
    """A length-prefixed list."""
    lengths = [len(part).to_bytes(8, "big") + part for part in parts]
    return len(parts).to_bytes(4, "big") + b"".join(lengths)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        pad(b"", 512),
        pad(lp(b"s" * 32), 512),
        pad(lp(b"s" * 32, b"Ana", b""), 512),
        pad(lp(b"s" * 31, b"Ana"), 512),
        pad(lp(b"s" * 32, b""), 512),
        pad(lp(b"s" * 32, b"A\xff"), 512),
        pad(lp(b"s" * 32, b"A\x1b[2J"), 512),
        pad(lp(b"s" * 32, b"n" * 201), 512),
        pad(lp(b"s" * 32, b"Ana"), 512)[:-1] + b"x",
        pad(lp(b"s" * 32, b"Ana"), 1024),
    ],
)
def test_what_is_inside(body: bytes) -> None:
    """A file that decrypts to anything but a seed and a name is malformed."""
    key = STRETCH(PASS.encode(), bytes(16), 3, KIB, 4, 32, Type.ID)
    context = lp(b"evault/1/identity-file", header())
    with pytest.raises(MalformedError):
        keyfile.parse(header() + container.encrypt(key, context, body), PASS)


def test_errors_hold_no_secret() -> None:
    """No refusal quotes the passphrase or what is inside."""
    broken = made()[:-1]
    for data, passphrase in ((made(), "a guess"), (broken, PASS), (b"x", PASS)):
        with pytest.raises(Error) as refused:
            keyfile.parse(data, passphrase)
        said = f"{refused.value!r}{refused.value.hint}{refused.value.__cause__!r}"
        assert passphrase not in said
        assert "Ana" not in said
