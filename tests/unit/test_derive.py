"""What is derived is derived as FORMAT.md says, and each purpose has a label of its own."""

from __future__ import annotations

import hashlib
import hmac
import re
from itertools import combinations
from pathlib import Path

import pytest

from keys.derive import (
    Label,
    digest,
    equal,
    expand,
    extract,
    lp,
    pad,
    padded_size,
    parse_lp,
    u64,
    unpad,
)
from keys.errors import MalformedError

ROOT = Path(__file__).resolve().parents[2]
KEY = bytes(range(32))


def plain_expand(key: bytes, info: bytes, length: int) -> bytes:
    """HKDF-Expand-SHA-512 as RFC 5869 section 2.3 writes it."""
    out, block, count = b"", b"", 0
    while len(out) < length:
        count += 1
        block = hmac.digest(key, block + info + bytes([count]), "sha512")
        out += block
    return out[:length]


def test_every_label_is_specified() -> None:
    """FORMAT.md names every label once, and no other."""
    text = (ROOT / "keys" / "FORMAT.md").read_text(encoding="utf-8")
    table = text.partition("## Labels")[2].partition("\n## ")[0].partition("| name |")[2]
    named = [name for row in table.split("\n") for name in re.findall(r"`([^`]+)`", row)]
    assert sorted(named) == sorted(label.value.decode().split("/")[2] for label in Label)


def test_labels_are_one_per_purpose() -> None:
    """No two labels are the same, and all are of this version."""
    values = [label.value for label in Label.__members__.values()]
    assert len(set(values)) == len(values)
    assert all(re.fullmatch(rb"evault/1/[a-z0-9-]+", value) for value in values)


def test_lp_bytes() -> None:
    """A length-prefixed list is a count, then lengths and bytes, big endian."""
    assert lp() == bytes(4)
    assert lp(b"a", b"", b"bc").hex() == (
        "00000003" + "0000000000000001" + "61" + "0000000000000000" + "0000000000000002" + "6263"
    )


def test_lp_keeps_parts_apart() -> None:
    """Moving a byte from one part to the next gives another list."""
    lists = [(b"ab", b"c"), (b"a", b"bc"), (b"abc",), (b"abc", b""), (b"", b"abc"), ()]
    assert all(lp(*one) != lp(*other) for one, other in combinations(lists, 2))


@pytest.mark.parametrize("cut", range(1, 33))
def test_lp_cut_short(cut: int) -> None:
    """A list that lacks bytes at its end is refused, wherever it was cut."""
    with pytest.raises(MalformedError, match="cut short"):
        parse_lp(lp(b"one", b"three")[:-cut])


def test_lp_trailing() -> None:
    """A list with a byte too many is refused."""
    with pytest.raises(MalformedError, match="trailing"):
        parse_lp(lp(b"one") + b"\x00")


def test_lp_count() -> None:
    """A list of another number of parts than expected is refused."""
    assert parse_lp(lp(b"one", b"two"), 2) == [b"one", b"two"]
    for count in (0, 1, 3):
        with pytest.raises(MalformedError, match="2 parts instead"):
            parse_lp(lp(b"one", b"two"), count)


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xff\xff\xff",
        b"\x00\x00\x00\x01" + b"\xff" * 8,
        b"\x00\x00\x00\x01" + b"\xff" * 8 + b"x" * 20,
        b"\x00\x00\x00\x01" + bytes(7),
    ],
)
def test_lp_that_claims_much(data: bytes) -> None:
    """A list that claims more parts or bytes than there are is refused, without taking them."""
    with pytest.raises(MalformedError):
        parse_lp(data)


def test_u64() -> None:
    """Numbers are 8 bytes, big endian."""
    assert u64(0x0102) == b"\0\0\0\0\0\0\1\2"


@pytest.mark.parametrize("length", [8, 32, 64, 100])
def test_expand(length: int) -> None:
    """Expand is HKDF-Expand-SHA-512 over the label and all that it is bound to."""
    info = lp(b"evault/1/record", b"one", b"two")
    made = expand(KEY, Label.RECORD, b"one", b"two", length=length)
    assert made == plain_expand(KEY, info, length)


def test_expand_binds() -> None:
    """Another key, label, context or order of contexts gives another key."""
    made = [
        expand(KEY, Label.RECORD, b"one", b"two"),
        expand(bytes(32), Label.RECORD, b"one", b"two"),
        expand(KEY, Label.FIELD, b"one", b"two"),
        expand(KEY, Label.RECORD, b"two", b"one"),
        expand(KEY, Label.RECORD, b"onetwo"),
        expand(KEY, Label.RECORD, b"one"),
    ]
    assert len(set(made)) == len(made)


def test_extract() -> None:
    """Extract is HKDF-Extract-SHA-512: HMAC of the key under the salt, 64 bytes."""
    assert extract(b"s" * 32, KEY) == hmac.digest(b"s" * 32, KEY, "sha512")


def test_digest() -> None:
    """A digest is SHA-256 over the label and all parts."""
    expected = hashlib.sha256(lp(b"evault/1/device-id", b"a", b"b")).digest()
    assert digest(Label.DEVICE_ID, b"a", b"b") == expected
    assert digest(Label.DEVICE_ID, b"ab") != expected
    assert digest(Label.NOTE_ID, b"a", b"b") != expected


def test_equal_takes_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Comparing is left to the function that takes the same time wherever bytes differ."""
    assert equal(b"same", b"same")
    assert not equal(b"same", b"sane")
    monkeypatch.setattr(hmac, "compare_digest", lambda *pair: pair == (b"a", b"b"))
    assert equal(b"a", b"b")


@pytest.mark.parametrize(
    ("size", "padded"),
    [
        *((0, 0), (1, 1), (2, 2), (7, 7), (8, 8), (9, 10), (65, 72), (1 << 20, 1 << 20)),
        *((5000, 5120), (5100, 5120), (5120, 5120), (5121, 5376), (1_000_001, 1_015_808)),
    ],
)
def test_padme(size: int, padded: int) -> None:
    """Padme keeps as many leading bits of a size as its exponent's length, and rounds up."""
    assert padded_size(size, 0) == padded


def test_nearby_sizes_look_the_same() -> None:
    """5,000 and 5,100 bytes have the same padded size; below the least size all have it."""
    assert padded_size(5000, 4096) == padded_size(5100, 4096)
    assert {padded_size(size, 4096) for size in range(0, 4097, 16)} == {4096}
    assert {len(pad(bytes(size), 512)) for size in range(505)} == {512}
    assert len(pad(bytes(505), 512)) > 512


def test_pad_bytes() -> None:
    """Padding is the true length, the bytes, and zeros."""
    assert pad(b"abc", 16) == bytes(7) + b"\x03abc" + bytes(5)
    assert unpad(pad(b"abc", 16), 16) == b"abc"


@pytest.mark.parametrize("at", range(11, 16))
def test_padding_other_than_zeros(at: int) -> None:
    """Padding that holds anything but zeros is refused."""
    framed = bytearray(pad(b"abc", 16))
    framed[at] = 1
    with pytest.raises(MalformedError, match="zeros"):
        unpad(bytes(framed), 16)


@pytest.mark.parametrize(
    "framed",
    [
        b"",
        bytes(7),
        bytes(8),  # less than the least size
        pad(b"abc", 16)[:-1],
        pad(b"abc", 16) + b"\x00",
        pad(b"abc", 32),
        u64(9) + bytes(8),  # longer than what is there
        b"\xff" * 16,
        u64(0) + bytes(24),  # true, but not of its size
    ],
)
def test_padding_of_another_size(framed: bytes) -> None:
    """Padded bytes of a size that pad does not make are refused."""
    with pytest.raises(MalformedError):
        unpad(framed, 16)
