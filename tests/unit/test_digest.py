"""Hashes of large things are the same as of the whole, whichever thread makes them."""

from __future__ import annotations

import hashlib
import threading

import pytest

from keys.digest import Blake3, Sha256, blake3_digest

LARGE = 8 << 20
"""From this many expected bytes on, a second thread hashes."""

PIECES = [bytes([number]) * (1000 + number) for number in range(200)]


def test_blake3_is_blake3() -> None:
    """BLAKE3 gives the hashes that everybody gets."""
    empty = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
    abc = "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85"
    assert blake3_digest(b"").hex() == empty
    assert blake3_digest(b"abc").hex() == abc


def test_blake3_in_pieces() -> None:
    """BLAKE3 fed with pieces of any type is that of the whole."""
    hashed = Blake3()
    hashed.update(b"a")
    hashed.update(bytearray(b"b"))
    hashed.update(memoryview(b"c"))
    assert hashed.digest() == blake3_digest(b"abc")


@pytest.mark.parametrize("expected", [0, LARGE - 1, LARGE])
def test_sha256_in_pieces(expected: int) -> None:
    """SHA-256 fed with pieces is that of the whole, with or without a thread."""
    hashed = Sha256(expected)
    for piece in PIECES:
        hashed.update(piece)
    assert hashed.digest() == hashlib.sha256(b"".join(PIECES)).digest()
    assert hashed.digest() == hashlib.sha256(b"".join(PIECES)).digest()


def test_small_inputs_start_no_thread() -> None:
    """A thread is started only where it is worth it."""
    before = threading.active_count()
    small = Sha256(LARGE - 1)
    assert threading.active_count() == before
    large = Sha256(LARGE)
    assert threading.active_count() == before + 1
    large.close()
    small.close()


def test_close_ends_the_thread() -> None:
    """Closing ends the thread, also twice and without having asked for the hash."""
    before = threading.active_count()
    hashed = Sha256(LARGE)
    hashed.update(b"abc")
    hashed.close()
    hashed.close()
    assert threading.active_count() == before
    assert hashed.digest() == hashlib.sha256(b"abc").digest()


def test_nothing_is_lost_after_close() -> None:
    """What comes after closing is hashed as well, in the caller's thread."""
    hashed = Sha256(LARGE)
    hashed.update(b"abc")
    hashed.close()
    hashed.update(b"def")
    assert hashed.digest() == hashlib.sha256(b"abcdef").digest()


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that is faster than the hash has to wait: five blocks at most are in flight."""
    go = threading.Event()

    class Slow:
        """A hash that waits to be let go."""

        def __init__(self) -> None:
            self.blocks: list[bytes] = []

        def update(self, block: bytes) -> None:
            go.wait(10)
            self.blocks.append(block)

        def digest(self) -> bytes:
            return b"".join(self.blocks)

    monkeypatch.setattr(hashlib, "sha256", Slow)
    hashed = Sha256(LARGE)
    done: list[int] = []

    def feed() -> None:
        for number in range(8):
            hashed.update(bytes([number]))
            done.append(number)

    feeder = threading.Thread(target=feed)
    feeder.start()
    feeder.join(0.2)
    assert len(done) <= 5
    go.set()
    feeder.join(10)
    assert hashed.digest() == bytes(range(8))
