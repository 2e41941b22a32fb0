"""An id has one text, and nothing else is taken for it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault import ids
from vault.errors import MalformedError

ID = ids.show(bytes(range(16)))
DEVICE = ids.show(bytes(range(20)))


@given(st.sampled_from([16, 20]).flatmap(lambda size: st.binary(min_size=size, max_size=size)))
def test_round_trip(raw: bytes) -> None:
    """The text of an id gives its bytes again."""
    assert ids.parse(ids.show(raw), len(raw)) == raw
    assert ids.is_id(ids.show(raw), len(raw))


def test_lengths() -> None:
    """Ids of 16 and 20 bytes have 26 and 32 characters, and are not taken for each other."""
    assert (len(ID), len(DEVICE)) == (26, 32)
    assert not ids.is_id(DEVICE)
    assert not ids.is_id(ID, 20)
    for text, size in ((DEVICE, 16), (ID, 20)):
        with pytest.raises(MalformedError):
            ids.parse(text, size)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ID.upper(),
        ID[:-1],
        ID + "a",
        ID + "======",
        ID[:-1] + "b",  # Bits that the last character does not have.
        " " + ID[1:],
        ID[:-1] + "\n",
        "0" + ID[1:],
        "1" + ID[1:],
        "-" + ID[1:],
        "é" + ID[1:],
        "ſ" + ID[1:],  # Its capital letter is an S.
        "\ud800" + ID[1:],
    ],
)
def test_other_spellings(text: str) -> None:
    """Any other spelling of an id is refused."""
    assert not ids.is_id(text)
    with pytest.raises(MalformedError):
        ids.parse(text)


@pytest.mark.parametrize("value", [None, 7, b"a" * 26, ["a"] * 26, {}])
def test_not_text(value: object) -> None:
    """What is no text is no id."""
    assert not ids.is_id(value)


def test_draw() -> None:
    """Ids are drawn with the right length, and differ."""
    drawn = {ids.draw() for _ in range(100)}
    assert len(drawn) == 100
    assert {len(raw) for raw in drawn} == {ids.SIZE}


@given(st.binary(min_size=16, max_size=16), st.binary(min_size=16, max_size=16), st.integers(0, 26))
def test_bounds(raw: bytes, other: bytes, length: int) -> None:
    """An id lies between the bounds of a prefix exactly if its text begins so."""
    prefix = ids.show(raw)[:length]
    low, high = ids.bounds(prefix)
    assert low <= raw <= high
    assert (low <= other <= high) == ids.show(other).startswith(prefix)
    assert ids.show(low).startswith(prefix)
    assert ids.show(high).startswith(prefix)


@pytest.mark.parametrize("prefix", ["A", "0", "a b", "é", ID + "a", ID[:-1] + "b", ID[:-1] + "7"])
def test_no_bounds(prefix: str) -> None:
    """With what no id begins, there are no bounds."""
    with pytest.raises(MalformedError):
        ids.bounds(prefix)
