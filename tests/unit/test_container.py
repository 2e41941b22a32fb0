"""Containers: what is refused, and that nothing is read that need not be."""

from __future__ import annotations

import io
import os

import pytest

from keys import container
from keys.container import CHUNK, SEALED_CHUNK
from keys.derive import pad, padded_size, unpad
from keys.errors import (
    CommitmentError,
    DamagedError,
    KeySizeError,
    MalformedError,
    TruncatedError,
)

KEY, CONTEXT = bytes(range(32)), b"context"
PLAIN = os.urandom(3 * CHUNK + 500)


def test_another_key_or_context_fails_at_the_commitment() -> None:
    """Nothing is decrypted under a key that is not the container's."""
    made = container.encrypt(KEY, CONTEXT, PLAIN)
    for key, context in ((bytes(32), CONTEXT), (KEY, b"contexT"), (KEY, b"")):
        with pytest.raises(CommitmentError):
            container.decrypt(key, context, made)


def test_every_flipped_byte_is_refused() -> None:
    """Salt and commitment by the commitment, chunks and tags by their tags."""
    made = container.encrypt(KEY, CONTEXT, b"short")
    for at in range(len(made)):
        broken = made[:at] + bytes([made[at] ^ 1]) + made[at + 1 :]
        with pytest.raises(CommitmentError if at < 56 else DamagedError):
            container.decrypt(KEY, CONTEXT, broken)


def test_every_cut_is_refused() -> None:
    """Without its last chunk, or a part of it, a container is not accepted, streamed or seeked."""
    made = container.encrypt(KEY, CONTEXT, PLAIN)
    for size in (0, 55, 56, 60, 56 + SEALED_CHUNK, 56 + 3 * SEALED_CHUNK, len(made) - 1):
        expected = (TruncatedError, MalformedError, DamagedError)
        with pytest.raises(expected):
            container.decrypt(KEY, CONTEXT, made[:size])
        with pytest.raises(expected):
            container.Reader(KEY, CONTEXT, io.BytesIO(made[:size]), size=size)
    with pytest.raises(TruncatedError):
        container.decrypt(KEY, CONTEXT, made[: 56 + 3 * SEALED_CHUNK])


def test_chunks_do_not_change_places() -> None:
    """Each chunk holds at its number."""
    made = container.encrypt(KEY, CONTEXT, PLAIN)
    first, second = made[56 : 56 + SEALED_CHUNK], made[56 + SEALED_CHUNK : 56 + 2 * SEALED_CHUNK]
    swapped = made[:56] + second + first + made[56 + 2 * SEALED_CHUNK :]
    with pytest.raises(DamagedError):
        container.decrypt(KEY, CONTEXT, swapped)


@pytest.mark.parametrize("size", [0, 16, 31, 33])
def test_a_key_of_another_length_is_the_callers_mistake(size: int) -> None:
    """It is told apart from damage, and is a ValueError as well."""
    for use in (container.encrypt, container.decrypt):
        with pytest.raises(KeySizeError) as caught:
            use(bytes(size), CONTEXT, b"")
        assert isinstance(caught.value, ValueError)


def test_the_salt_is_fresh_each_time() -> None:
    """The same plaintext under the same key never gives the same container."""
    assert len({container.encrypt(KEY, CONTEXT, b"x")[:24] for _ in range(100)}) == 100


def test_a_salt_of_another_length_is_refused() -> None:
    """A short salt would repeat."""
    with pytest.raises(KeySizeError):
        container.encrypt(KEY, CONTEXT, b"", salt=bytes(23))


class Counting(io.BytesIO):
    """Counts how many bytes are read."""

    taken = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.taken += len(data)
        return data


def test_a_range_reads_only_its_chunks() -> None:
    """Opening reads the header and the last chunk, a range only the chunks that it needs."""
    big = os.urandom(100 * CHUNK + 5)
    source = Counting(container.encrypt(KEY, CONTEXT, big))
    reader = container.Reader(KEY, CONTEXT, source, size=len(source.getvalue()))
    assert source.taken <= 56 + SEALED_CHUNK
    source.taken = 0
    assert reader.read(50 * CHUNK - 10, 20) == big[50 * CHUNK - 10 : 50 * CHUNK + 10]
    assert source.taken == 2 * SEALED_CHUNK
    assert reader.read(len(big), 10) == b""
    assert reader.read(len(big) - 5, 100) == big[-5:]


def test_a_range_over_damage_is_refused() -> None:
    """A damaged chunk is refused when it is read, the others are not touched."""
    made = bytearray(container.encrypt(KEY, CONTEXT, PLAIN))
    made[56 + SEALED_CHUNK + 9] ^= 1
    reader = container.Reader(KEY, CONTEXT, io.BytesIO(made), size=len(made))
    assert reader.read(0, CHUNK) == PLAIN[:CHUNK]
    with pytest.raises(DamagedError):
        reader.read(CHUNK, 1)


def test_padding_hides_all_but_the_order_of_a_size() -> None:
    """At most 12 % are added, 5,000 and 5,100 bytes are the same, and short things are as one."""
    for size in range(1, 200_000, 997):
        assert size <= padded_size(size, 1) <= size * 1.12 + 1
    assert padded_size(5000, 4096) == padded_size(5100, 4096)
    assert {padded_size(size, 4096) for size in range(4097)} == {4096}


def test_padding_is_checked() -> None:
    """Another length, or something hidden in the padding, is refused."""
    made = pad(b"hello", 512)
    assert unpad(made, 512) == b"hello"
    for broken in (made[:-1], made + b"\0", made[:-1] + b"x", b"\xff" * 512, b""):
        with pytest.raises(MalformedError):
            unpad(broken, 512)
