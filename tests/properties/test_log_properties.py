"""For every log: true proofs verify and false ones do not; entries open as they were sealed."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from keys.derive import lp, parse_lp
from keys.errors import Error
from keys.identity import Identity
from keys.seal import SealingKey
from vault.errors import MalformedError, ProofError
from vault.log import entry, merkle, proof
from vault.log.entry import Compartment, Entry, Opener, Recipient
from vault.log.merkle import Frontier

MOST = 600
LEAVES = [merkle.leaf_hash(number.to_bytes(4, "big")) for number in range(MOST)]
NODES: dict[tuple[int, int], bytes] = {}
ROOTS = [merkle.EMPTY_ROOT]


def fill() -> None:
    """Grow one tree; every smaller one is a part of it."""
    frontier = Frontier()
    for leaf in LEAVES:
        for level, index, hashed in frontier.append(leaf):
            NODES[level, index] = hashed
        ROOTS.append(frontier.root())


fill()

calm = settings(deadline=None, max_examples=200)
sizes = st.integers(1, MOST)
byte = st.integers(0, 2**30)


class Counter:
    """The stored nodes, and how often they were asked for."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.count = 0

    def __call__(self, level: int, index: int) -> bytes:
        self.count += 1
        # What is not complete at this size is not stored in a log of this size.
        assert (index + 1) << level <= self.size
        return NODES[level, index]


@st.composite
def inclusions(draw: st.DrawFn) -> tuple[int, int, list[bytes]]:
    """Index, size and proof."""
    size = draw(sizes)
    index = draw(st.integers(0, size - 1))
    return index, size, proof.inclusion(index, size, Counter(size))


@st.composite
def consistencies(draw: st.DrawFn) -> tuple[int, int, list[bytes]]:
    """Old size, new size and proof."""
    new = draw(sizes)
    old = draw(st.integers(1, new))
    return old, new, proof.consistency(old, new, Counter(new))


@st.composite
def altered(draw: st.DrawFn, path: list[bytes]) -> list[bytes]:
    """A proof in which one thing is dropped, added, exchanged or changed."""
    changed = list(path)
    at = draw(st.integers(0, len(path) - 1)) if path else 0
    other = draw(st.sampled_from([*LEAVES[:3], *ROOTS[1:4], *path]))
    act = draw(st.sampled_from(["drop", "add", "flip", "swap", "replace"] if path else ["add"]))
    if act == "drop":
        del changed[at]
    elif act == "add":
        changed.insert(draw(st.integers(0, len(path))), other)
    elif act == "flip":
        changed[at] = flip(changed[at], draw(byte))
    elif act == "swap":
        to = draw(st.integers(0, len(path) - 1))
        changed[at], changed[to] = changed[to], changed[at]
    else:
        changed[at] = other
    assume(changed != path)
    return changed


def flip(data: bytes, bit: int) -> bytes:
    """The same bytes with one bit turned."""
    at, turned = divmod(bit % (len(data) * 8), 8)
    return data[:at] + bytes([data[at] ^ 1 << turned]) + data[at + 1 :]


def steps(index: int, size: int) -> str:
    """On which side the siblings of a leaf stand, as RFC 6962 defines the path."""
    if size == 1:
        return ""
    split = 1 << (size - 1).bit_length() - 1
    if index < split:
        return steps(index, split) + "r"
    return steps(index - split, size - split) + "l"


def extension(old: int, new: int, *, whole: bool = True) -> str:
    """How a consistency proof is folded, as RFC 6962 defines it: from the old root or from its
    first hash, then hashes that both trees share, and those that only the new one has."""
    if old == new:
        return "root" if whole else "first"
    split = 1 << (new - 1).bit_length() - 1
    if old <= split:
        return extension(old, split, whole=whole) + "n"
    return extension(old - split, new - split, whole=False) + "b"


# --- proofs -----------------------------------------------------------------------------------


@calm
@given(inclusions())
def test_inclusion_verifies(made: tuple[int, int, list[bytes]]) -> None:
    """A proof made from stored nodes shows that a leaf is in the log."""
    index, size, path = made
    merkle.verify_inclusion(LEAVES[index], index, size, path, ROOTS[size])


@calm
@given(consistencies())
def test_consistency_verifies(made: tuple[int, int, list[bytes]]) -> None:
    """A proof made from stored nodes shows that a log extends what it was."""
    old, new, path = made
    merkle.verify_consistency(old, new, ROOTS[old], ROOTS[new], path)


@calm
@given(inclusions(), st.data())
def test_altered_inclusion(made: tuple[int, int, list[bytes]], data: st.DataObject) -> None:
    """An inclusion proof with anything dropped, added or changed is refused."""
    index, size, path = made
    changed = data.draw(altered(path))
    with pytest.raises(ProofError):
        merkle.verify_inclusion(LEAVES[index], index, size, changed, ROOTS[size])


@calm
@given(consistencies(), st.data())
def test_altered_consistency(made: tuple[int, int, list[bytes]], data: st.DataObject) -> None:
    """A consistency proof with anything dropped, added or changed is refused."""
    old, new, path = made
    changed = data.draw(altered(path))
    with pytest.raises(ProofError):
        merkle.verify_consistency(old, new, ROOTS[old], ROOTS[new], changed)


@calm
@given(inclusions(), st.integers(0, MOST - 1), byte)
def test_another_leaf_or_root(made: tuple[int, int, list[bytes]], other: int, bit: int) -> None:
    """A proof of one leaf in one log proves no other leaf, and nothing of another log."""
    index, size, path = made
    if other != index:
        with pytest.raises(ProofError):
            merkle.verify_inclusion(LEAVES[other], index, size, path, ROOTS[size])
    with pytest.raises(ProofError):
        merkle.verify_inclusion(flip(LEAVES[index], bit), index, size, path, ROOTS[size])
    for root in (flip(ROOTS[size], bit), ROOTS[other], ROOTS[size - 1]):
        if root != ROOTS[size]:
            with pytest.raises(ProofError):
                merkle.verify_inclusion(LEAVES[index], index, size, path, root)


@calm
@given(inclusions(), st.integers(-2, MOST + 2), st.integers(-2, MOST + 2))
def test_another_place(made: tuple[int, int, list[bytes]], index: int, size: int) -> None:
    """A proof shows a leaf at no other index.

    It does not bind the size alone: at a size where the path to the leaf has the same sides, the
    hashes are the same. The signed head binds size and root.
    """
    true_index, true_size, path = made
    given = (LEAVES[true_index], index, size, path, ROOTS[true_size])
    if 0 <= index < size and steps(index, size) == steps(true_index, true_size):
        merkle.verify_inclusion(*given)
    else:
        with pytest.raises(ProofError):
            merkle.verify_inclusion(*given)
    if index != true_index:
        with pytest.raises(ProofError):
            merkle.verify_inclusion(LEAVES[true_index], index, true_size, path, ROOTS[true_size])


@calm
@given(consistencies(), st.integers(-1, MOST + 2), st.integers(-1, MOST + 2))
def test_other_sizes(made: tuple[int, int, list[bytes]], old: int, new: int) -> None:
    """A consistency proof is refused for all sizes at which it would be folded otherwise."""
    true_old, true_new, path = made
    given = (old, new, ROOTS[true_old], ROOTS[true_new], path)
    if 0 < old <= new and extension(old, new) == extension(true_old, true_new):
        merkle.verify_consistency(*given)
    else:
        with pytest.raises(ProofError):
            merkle.verify_consistency(*given)


def test_small_logs() -> None:
    """In small logs no proof is taken for that of another place, wherever it is tried."""
    pairs = [(low, high) for high in range(1, 13) for low in range(1, high + 1)]
    for old, new in pairs:
        path = proof.consistency(old, new, Counter(new))
        leaf_path = proof.inclusion(old - 1, new, Counter(new))
        for low, high in pairs:
            extends = (low, high, ROOTS[old], ROOTS[new], path)
            stands = (LEAVES[old - 1], low - 1, high, leaf_path, ROOTS[new])
            refused = []
            for verify, place in (
                (merkle.verify_consistency, extends),
                (merkle.verify_inclusion, stands),
            ):
                try:
                    verify(*place)
                except ProofError:
                    refused.append(verify)
            wrong = extension(low, high) != extension(old, new)
            assert (merkle.verify_consistency in refused) == wrong
            elsewhere = steps(low - 1, high) != steps(old - 1, new)
            assert (merkle.verify_inclusion in refused) == elsewhere


@calm
@given(consistencies(), st.integers(0, MOST), byte)
def test_other_roots(made: tuple[int, int, list[bytes]], other: int, bit: int) -> None:
    """A consistency proof is refused for any other root, old or new."""
    old, new, path = made
    for root in (flip(ROOTS[old], bit), ROOTS[other]):
        if root != ROOTS[old]:
            with pytest.raises(ProofError):
                merkle.verify_consistency(old, new, root, ROOTS[new], path)
    for root in (flip(ROOTS[new], bit), ROOTS[other]):
        if root != ROOTS[new]:
            with pytest.raises(ProofError):
                merkle.verify_consistency(old, new, ROOTS[old], root, path)


@calm
@given(sizes, st.data())
def test_rewritten_history(new: int, data: st.DataObject) -> None:
    """A log with one old entry changed does not extend what it was, whatever proof is made."""
    old = data.draw(st.integers(1, new))
    at = data.draw(st.integers(0, old - 1))
    frontier, nodes = Frontier(), {}
    for number, leaf in enumerate(LEAVES[:new]):
        other = merkle.leaf_hash(b"rewritten") if number == at else leaf
        for level, index, hashed in frontier.append(other):
            nodes[level, index] = hashed
    path = proof.consistency(old, new, lambda *where: nodes[where])
    with pytest.raises(ProofError):
        merkle.verify_consistency(old, new, ROOTS[old], frontier.root(), path)


def lookups(size: int, make: Callable[[Counter], list[bytes]]) -> int:
    """How many stored nodes a proof needs."""
    counter = Counter(size)
    make(counter)
    return counter.count


@calm
@given(sizes, st.data())
def test_few_lookups(size: int, data: st.DataObject) -> None:
    """A proof needs a number of stored nodes that grows with the logarithm of the size."""
    most = 2 * math.log2(size) + 2
    index = data.draw(st.integers(0, size - 1))
    assert lookups(size, lambda node: proof.inclusion(index, size, node)) <= most
    old = data.draw(st.integers(1, size))
    assert lookups(size, lambda node: proof.consistency(old, size, node)) <= most


@calm
@given(sizes)
def test_frontier(size: int) -> None:
    """The stored right edge gives the root, and the same tree goes on from it."""
    assert merkle.root(LEAVES[:size]) == ROOTS[size]
    edge = [NODES[place] for place in merkle.frontier_nodes(size)]
    frontier = Frontier(size, edge)
    assert frontier.root() == ROOTS[size]
    assert frontier.hashes() == edge
    if size < MOST:
        made = frontier.append(LEAVES[size])
        assert frontier.root() == ROOTS[size + 1]
        assert all(NODES[level, index] == hashed for level, index, hashed in made)


# --- entries ----------------------------------------------------------------------------------


PEOPLE = ("ada", "eva", "lea", "max")
origins = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
tags = st.one_of(st.just(b""), st.binary(min_size=8, max_size=8))
hexes = st.binary(min_size=32, max_size=32).map(bytes.hex)
publics = st.fixed_dictionaries(
    {"note": hexes},
    optional={
        "deposit": st.fixed_dictionaries(
            {
                "id": st.binary(min_size=16, max_size=16).map(bytes.hex),
                "records_root": hexes,
                "case_seal": hexes,
                "gate_seal": hexes,
            }
        )
    },
)


@cache
def key(name: str) -> SealingKey:
    """Somebody's key."""
    return Identity(name.encode().ljust(32, b"."), name).sealing


@calm
@given(publics, st.lists(st.binary(max_size=60), min_size=1, max_size=2))
def test_entry_round_trip(public: dict[str, object], compartments: list[bytes]) -> None:
    """An entry is read as it was written."""
    made = Entry(public, tuple(compartments))
    assert entry.parse(made.encode()) == made


@calm
@given(
    st.binary(min_size=32, max_size=32),
    st.lists(st.tuples(tags, st.binary(max_size=60)), max_size=4),
    st.binary(max_size=60),
)
def test_compartment_round_trip(
    commitment: bytes, recipients: list[tuple[bytes, bytes]], box: bytes
) -> None:
    """A compartment is read as it was written."""
    made = Compartment(commitment, tuple(recipients), box)
    assert entry.parse_compartment(made.encode()) == made


cuts = st.lists(
    st.tuples(byte, st.integers(0, 2), st.sampled_from([b"", b"\0", b"\1", b"\x08", b"a", b"F"])),
    max_size=2,
)


def cut(raw: bytes, changes: list[tuple[int, int, bytes]], upto: int) -> bytes:
    """Bytes with some of the first ones gone or others."""
    for place, length, instead in changes:
        at = place % upto
        raw = raw[:at] + instead + raw[at + length :]
    return raw


def read(parse: Callable[[bytes], object], raw: bytes) -> object:
    """What is read, or that it is malformed."""
    try:
        return parse(raw)
    except MalformedError:
        return None


@calm
@given(publics, st.lists(st.binary(max_size=60), min_size=1, max_size=2), cuts)
def test_usual_entries_are_read_as_any(
    public: dict[str, object],
    compartments: list[bytes],
    changes: list[tuple[int, int, bytes]],
) -> None:
    """What is read in one look is read the same when it is looked at in full."""
    raw = cut(Entry(public, tuple(compartments)).encode(), changes, 130)
    found = read(entry.parse, raw)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(entry, "_USUAL", lambda _raw: None)
        assert found == read(entry.parse, raw)


def test_usual_entries_are_seen() -> None:
    """The entries that a log is full of are read in one look, and so are their recipients."""
    assert entry._USUAL(Entry({"note": "0" * 64}, (b"one",)).encode())
    seals = tuple((tag, bytes(entry._SEAL)) for tag in (b"", b"12345678"))
    made = Compartment(bytes(32), seals, b"").encode()
    assert entry._SEALED.findall(made) == [*seals]


@calm
@given(st.lists(tags, max_size=3), st.integers(0, 2), cuts)
def test_usual_recipients_are_read_as_any(
    given: list[bytes], more: int, changes: list[tuple[int, int, bytes]]
) -> None:
    """The same for to whom a compartment is sealed."""
    seals = [(tag, bytes([number]) * entry._SEAL) for number, tag in enumerate(given)]
    whole = lp(*(lp(*seal) for seal in seals))
    raw = cut(whole, changes, 40)
    if more and given:
        # What lies behind the first one is cut too.
        at = 4 + 8 + len(lp(*seals[0]))
        raw = whole[:at] + cut(whole[at:], changes, 40)
    found = read(entry._recipients, raw)
    assert found == read(lambda raw: [tuple(parse_lp(one, 2)) for one in parse_lp(raw)], raw)


@calm
@given(publics, st.binary(max_size=40), byte)
def test_every_byte_of_an_entry_counts(public: dict[str, object], raw: bytes, bit: int) -> None:
    """An entry with one bit changed has another leaf hash, and is read as it stands or not."""
    made = Entry(public, (raw,)).encode()
    changed = flip(made, bit)
    assert merkle.leaf_hash(changed) != merkle.leaf_hash(made)
    try:
        read = entry.parse(changed)
    except MalformedError:
        return
    assert read.encode() == changed


@calm
@given(
    st.binary(max_size=600),
    origins,
    st.lists(st.tuples(st.sampled_from(PEOPLE[:3]), tags), max_size=3),
    st.sampled_from(PEOPLE),
    tags,
)
def test_open(
    body: bytes, origin: str, to: list[tuple[str, bytes]], reader: str, tag: bytes
) -> None:
    """A compartment opens exactly for its recipients, where their seal has no tag or theirs."""
    made = entry.seal_compartment(
        origin, body, [Recipient(key(name).public, tag) for name, tag in to]
    )
    found = entry.open_compartment(origin, made, [Opener(key(reader), tag)])
    allowed = any(name == reader and its in {b"", tag} for name, its in to)
    assert found == (body if allowed else None)


@calm
@given(st.binary(max_size=100), origins, origins)
def test_origin(body: bytes, origin: str, other: str) -> None:
    """A compartment opens in no log but its own."""
    assume(origin != other)
    made = entry.seal_compartment(origin, body, [Recipient(key("ada").public)])
    assert entry.open_compartment(other, made, [Opener(key("ada"))]) is None


@calm
@given(st.binary(max_size=100), byte)
def test_every_byte_of_a_compartment_counts(body: bytes, bit: int) -> None:
    """A compartment with one bit changed shows its one recipient nothing at all."""
    made = entry.seal_compartment("origin", body, [Recipient(key("ada").public, b"12345678")])
    changed = flip(made, bit)
    assert merkle.leaf_hash(changed) != merkle.leaf_hash(made)
    try:
        found = entry.open_compartment("origin", changed, [Opener(key("ada"), b"12345678")])
    except Error:
        return
    assert found is None


@calm
@given(st.binary(max_size=100), byte)
def test_one_box_for_all(body: bytes, bit: int) -> None:
    """A compartment with one bit changed never shows another body than was sealed."""
    made = entry.seal_compartment(
        "origin", body, [Recipient(key(name).public) for name in PEOPLE[:2]]
    )
    for name in PEOPLE[:2]:
        try:
            found = entry.open_compartment("origin", flip(made, bit), [Opener(key(name))])
        except Error:
            continue
        assert found in {None, body}


@calm
@given(st.binary(max_size=300))
def test_anything_is_refused_or_read_as_it_stands(raw: bytes) -> None:
    """Bytes of any kind are malformed, or encode again to themselves."""
    for parse in (entry.parse, entry.parse_compartment):
        try:
            read = parse(raw)
        except MalformedError:
            continue
        assert read.encode() == raw
