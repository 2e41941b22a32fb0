"""For all bytes: what is written reads back, and what was changed does not."""

from __future__ import annotations

import io

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keys import container
from keys.container import CHUNK, Decryptor, Encryptor, Reader
from keys.derive import Label, expand, lp, pad, padded_size, parse_lp, unpad
from keys.errors import (
    CommitmentError,
    Error,
    MalformedError,
    OpenError,
    VerificationError,
)
from keys.group import Epoch, unwrap
from keys.seal import SealingKey, seal

calm = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

KEY = bytes(range(32))
SEALING = SealingKey(b"k" * 64, b"x" * 32)

keys = st.binary(min_size=32, max_size=32)
parts = st.lists(st.binary(max_size=40), max_size=6)
seeds = st.binary(min_size=32, max_size=32)
sizes = st.integers(0, 3 * CHUNK) | st.sampled_from([0, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK])
cuts = st.lists(st.integers(0, 3 * CHUNK + 200), max_size=8)
labels = st.sampled_from(list(Label))


def plain(size: int) -> bytes:
    """Plaintext in which no two chunks are alike."""
    return b"".join(number.to_bytes(4, "big") for number in range(size // 4 + 1))[:size]


def pieces(data: bytes, at: list[int]) -> list[bytes]:
    """The same bytes, cut at these places."""
    edges = [0, *sorted(min(cut, len(data)) for cut in at), len(data)]
    return [data[edges[number] : edges[number + 1]] for number in range(len(edges) - 1)]


# --- encoding -------------------------------------------------------------------------------------


@calm
@given(parts)
def test_lp_round_trip(given_parts: list[bytes]) -> None:
    """A length-prefixed list parses to its parts."""
    assert parse_lp(lp(*given_parts)) == given_parts
    assert parse_lp(lp(*given_parts), len(given_parts)) == given_parts


@calm
@given(parts, parts)
def test_lp_is_injective(one: list[bytes], other: list[bytes]) -> None:
    """Two lists encode to the same bytes only if they are the same; none begins another."""
    assert (lp(*one) == lp(*other)) == (one == other)
    assert one == other or not lp(*one).startswith(lp(*other))


@calm
@given(st.binary(max_size=60))
def test_lp_of_any_bytes(data: bytes) -> None:
    """Whatever parses as a list encodes to the same bytes again."""
    try:
        found = parse_lp(data)
    except MalformedError:
        return
    assert lp(*found) == data


@calm
@given(st.binary(max_size=2000), st.integers(0, 5000))
def test_pad_round_trip(data: bytes, least: int) -> None:
    """Padded bytes give back what was padded, and have a size that says little."""
    framed = pad(data, least)
    assert unpad(framed, least) == data
    assert len(framed) == padded_size(len(data) + 8, least) >= least


@calm
@given(st.binary(max_size=80), st.integers(0, 40))
def test_pad_of_any_bytes(framed: bytes, least: int) -> None:
    """Whatever is taken for padded is padded to the same bytes again."""
    try:
        data = unpad(framed, least)
    except MalformedError:
        return
    assert pad(data, least) == framed


@calm
@given(st.integers(0, 2**63), st.integers(0, 10_000))
def test_padme(size: int, least: int) -> None:
    """A padded size is enough, adds at most an eighth, keeps order, and is a size of its own."""
    padded = padded_size(size, least)
    wanted = max(size, least)
    assert wanted <= padded <= wanted + wanted // 8
    assert padded_size(padded, least) == padded
    assert padded_size(size + 1, least) >= padded


@calm
@given(keys, labels, parts, keys, labels, parts)
def test_expand_is_bound(
    key: bytes,
    label: Label,
    context: list[bytes],
    key2: bytes,
    label2: Label,
    context2: list[bytes],
) -> None:
    """Keys derived from anything else, for anything else, are other keys."""
    same = (key, label, context) == (key2, label2, context2)
    assert (expand(key, label, *context) == expand(key2, label2, *context2)) == same


# --- containers -----------------------------------------------------------------------------------


@calm
@given(sizes, cuts, cuts, st.binary(max_size=50))
def test_container_in_any_pieces(
    size: int, first: list[int], second: list[int], context: bytes
) -> None:
    """However it is cut, a stream encrypts and decrypts to the same as in one piece."""
    data, salt = plain(size), bytes(24)
    encryptor = Encryptor(KEY, context, salt=salt)
    sealed = encryptor.header + b"".join(map(encryptor.update, pieces(data, first)))
    sealed += encryptor.finish()
    assert sealed == container.encrypt(KEY, context, data, salt=salt)
    decryptor = Decryptor(KEY, context)
    assert b"".join(map(decryptor.update, pieces(sealed, second))) + decryptor.finish() == data
    assert len(sealed) == container.encrypted_size(size)
    assert container.plaintext_size(len(sealed)) == size


@calm
@given(sizes, st.integers(0, 4 * CHUNK), st.integers(0, 4 * CHUNK))
def test_container_ranges(size: int, offset: int, length: int) -> None:
    """Any range of a container is that range of its plaintext."""
    sealed = container.encrypt(KEY, b"", plain(size))
    reader = Reader(KEY, b"", io.BytesIO(sealed), size=len(sealed))
    assert reader.read(offset, length) == plain(size)[offset : offset + length]


@calm
@given(sizes, st.integers(0), st.integers(0, 7))
def test_container_with_a_bit_changed(size: int, at: int, bit: int) -> None:
    """A container with any bit changed is refused, and gives nothing but what is authentic."""
    data = plain(size)
    sealed = bytearray(container.encrypt(KEY, b"c", data))
    sealed[at % len(sealed)] ^= 1 << bit
    decryptor, out = Decryptor(KEY, b"c"), b""
    try:
        for piece in pieces(bytes(sealed), [CHUNK, 2 * CHUNK, 3 * CHUNK]):
            out += decryptor.update(piece)
        decryptor.finish()
    except VerificationError:
        assert data.startswith(out)
        return
    raise AssertionError


@calm
@given(sizes, st.integers(1))
def test_container_cut_off(size: int, cut: int) -> None:
    """A container that lacks any number of bytes at its end is refused."""
    sealed = container.encrypt(KEY, b"c", plain(size))
    for damaged in (sealed[: -(cut % len(sealed) or 1)], sealed + bytes(cut % 20_000 or 1)):
        try:
            container.decrypt(KEY, b"c", damaged)
        except Error:
            continue
        raise AssertionError


@calm
@given(st.binary(max_size=60), st.binary(max_size=60), keys)
def test_container_context(one: bytes, other: bytes, key: bytes) -> None:
    """Under another context or key a container is refused."""
    sealed = container.encrypt(KEY, one, b"abc")
    for tried, context in ((KEY, other), (key, one)):
        try:
            container.decrypt(tried, context, sealed)
        except CommitmentError:
            assert (tried, context) != (KEY, one)
        else:
            assert (tried, context) == (KEY, one)


@calm
@given(st.binary(max_size=200), st.binary(max_size=20))
def test_container_of_any_bytes(sealed: bytes, context: bytes) -> None:
    """Bytes of any kind are refused as a container, by no other exception."""
    try:
        container.decrypt(KEY, context, sealed)
    except Error:
        return
    raise AssertionError


# --- seals and epochs -----------------------------------------------------------------------------


@calm
@given(st.binary(max_size=60), labels, parts, labels, parts)
def test_seal_is_bound(
    secret: bytes, label: Label, context: list[bytes], label2: Label, context2: list[bytes]
) -> None:
    """A seal opens for what it was made for, and for nothing else."""
    sealed = seal(SEALING.public, secret, label, *context)
    assert SEALING.open(sealed, label, *context) == secret
    try:
        assert SEALING.open(sealed, label2, *context2) == secret
    except OpenError:
        assert (label, context) != (label2, context2)
    else:
        assert (label, context) == (label2, context2)


@calm
@given(st.binary(max_size=1300))
def test_seal_of_any_bytes(sealed: bytes) -> None:
    """Bytes of any kind do not open as a seal, by no other exception."""
    try:
        SEALING.open(sealed, Label.RELEASE)
    except OpenError:
        return
    raise AssertionError


fields = st.tuples(
    st.binary(min_size=16, max_size=16),
    st.sampled_from(["members", "auditors", "aaaqeayeaudaocajbifqydiob4"]),
    st.integers(1, 5),
    st.sampled_from(["device-one", "device-two"]),
)


@calm
@given(seeds, fields, fields, st.integers(0, 3))
def test_wraps_are_bound(
    seed: bytes,
    right: tuple[bytes, str, int, str],
    wrong: tuple[bytes, str, int, str],
    which: int,
) -> None:
    """A wrap opens only if vault, group, epoch and device are all those that it was made for."""
    vault, group, number, device = right
    made = Epoch(vault, group, number, seed)
    wrap = made.wrap(SEALING.public, device)
    tried = (*right[:which], wrong[which], *right[which + 1 :])
    try:
        found = unwrap(
            SEALING,
            tried[3],  # type: ignore[arg-type]
            wrap,
            vault=tried[0],  # type: ignore[arg-type]
            group=tried[1],  # type: ignore[arg-type]
            number=tried[2],  # type: ignore[arg-type]
            public=made.sealing.public,
        )
    except OpenError:
        assert tried != right
    else:
        assert tried == right
        assert found.tag(seed) == made.tag(seed)


@calm
@given(seeds, seeds, st.integers(1, 2**53))
def test_links(one: bytes, other: bytes, number: int) -> None:
    """A link leads back to the epoch before, and to no other."""
    older = Epoch(bytes(16), "members", number, one)
    newer = Epoch(bytes(16), "members", number + 1, other)
    found = newer.follow(newer.link(older), older.sealing.public)
    assert found.number == number
    assert found.tag(one) == older.tag(one)
