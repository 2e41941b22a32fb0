"""BLAKE3 of containers, and SHA-256 of originals beside the work that reads them."""

from __future__ import annotations

import hashlib
import queue
import threading

from blake3 import blake3

_THREAD_WORTH = 8 << 20
_IN_FLIGHT = 4
"""From how many bytes on a second thread pays: below, its start costs more than it saves."""


class Blake3:
    """A BLAKE3 hash that is fed piece by piece; 32 bytes in the end."""

    __slots__ = ("_hash",)

    def __init__(self) -> None:
        self._hash = blake3()

    def update(self, data: bytes | bytearray | memoryview) -> None:
        self._hash.update(data)

    def digest(self) -> bytes:
        return self._hash.digest()


def blake3_digest(data: bytes) -> bytes:
    """The BLAKE3 hash of some bytes: 32 bytes."""
    return blake3(data).digest()


class Sha256:
    """A SHA-256 that hashes in a second thread while the caller encrypts or writes.

    hashlib releases the interpreter lock, so for large inputs hashing costs no time of its own.
    Blocks of 1 to 4 MiB do best. The caller must not change a block after handing it over.

    Args:
        expected: About how many bytes will come, to tell whether a thread is worth it.
    """

    __slots__ = ("_blocks", "_flying", "_hash", "_hashed", "_thread")

    def __init__(self, expected: int = 0) -> None:
        self._hash = hashlib.sha256()
        # These queues, unlike `queue.Queue`, are not left locked by who is interrupted in one.
        self._blocks: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._hashed: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._flying = 0
        self._thread: threading.Thread | None = None
        if expected >= _THREAD_WORTH:
            self._thread = threading.Thread(target=self._work, daemon=True)
            self._thread.start()

    def _work(self) -> None:
        while (block := self._blocks.get()) is not None:
            self._hash.update(block)
            self._hashed.put(None)

    def update(self, block: bytes) -> None:
        if self._thread is None:
            self._hash.update(block)
            return
        # Four blocks in flight bound the memory; a slower hash makes the reader wait.
        if self._flying == _IN_FLIGHT:
            self._hashed.get()
            self._flying -= 1
        self._blocks.put(block)
        self._flying += 1

    def close(self) -> None:
        """End the thread; safe to call twice."""
        if self._thread is not None:
            self._blocks.put(None)
            self._thread.join()
            self._thread = None

    def digest(self) -> bytes:
        """Wait for the thread and return the 32 bytes."""
        self.close()
        return self._hash.digest()
