"""Cobblestone-256: authenticated encryption of bytes, streams and ranges.

A container is what everything symmetric in the vault is encrypted into: evidence, labels, log
entries, identity files. It is C2SP `chunked-encryption` version 1 with AES-256-GCM and SHA-512:

    salt (24) | commitment (32) | chunk 0 | chunk 1 | ... | last chunk

Each chunk is 16 KiB of plaintext and a 16-byte tag; the last one is always shorter and may be
empty, so an end that is missing is noticed. The key, the nonces and the commitment come from the
caller's key, the salt and a *context*: all that the container is bound to. A container opened under
another key or context fails at the commitment, before anything is decrypted.

Nothing unauthenticated is ever returned. Source: C2SP chunked-encryption v1.
"""

from __future__ import annotations

import os
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from keys.derive import equal
from keys.errors import (
    CommitmentError,
    DamagedError,
    KeySizeError,
    MalformedError,
    TruncatedError,
)

KEY_SIZE = 32
SALT_SIZE = 24
HEADER_SIZE = 56
CHUNK = 16384
TAG = 16
SEALED_CHUNK = CHUNK + TAG
MAX_CHUNKS = 1 << 38

_INFO = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\x00"


def encrypt(key: bytes, context: bytes, plaintext: bytes, *, salt: bytes | None = None) -> bytes:
    """Encrypt bytes into a container.

    Args:
        key: 32 uniformly random bytes.
        context: All that the container is bound to; may be empty.
        plaintext: Any length below 4 PiB.
        salt: 24 bytes that never repeat under this key; drawn at random unless given.

    Returns:
        The container, `encrypted_size(len(plaintext))` bytes.

    Raises:
        KeySizeError: The key or salt has the wrong length (the caller's mistake).
    """
    encryptor = Encryptor(key, context, salt=salt)
    return encryptor.header + encryptor.update(plaintext) + encryptor.finish()


def decrypt(key: bytes, context: bytes, ciphertext: bytes) -> bytes:
    """Decrypt a whole container.

    Raises:
        KeySizeError: The key has the wrong length (the caller's mistake).
        MalformedError: No container has this length.
        CommitmentError: Another key or context, or a damaged header.
        TruncatedError: The last chunk is missing.
        DamagedError: A chunk fails its tag.
    """
    if HEADER_SIZE + TAG <= len(ciphertext) < HEADER_SIZE + SEALED_CHUNK:
        # The same as below for one chunk alone, which is what most of them have.
        keys = _Keys(key, context, ciphertext[:SALT_SIZE])
        keys.check(ciphertext[SALT_SIZE:HEADER_SIZE])
        return keys.open_chunk(0, ciphertext[HEADER_SIZE:])
    decryptor = Decryptor(key, context)
    return decryptor.update(ciphertext) + decryptor.finish()


def encrypted_size(size: int) -> int:
    """How many bytes the container of `size` bytes of plaintext has."""
    return HEADER_SIZE + (size // CHUNK) * SEALED_CHUNK + size % CHUNK + TAG


def plaintext_size(size: int) -> int:
    """How many bytes of plaintext a container of `size` bytes holds.

    Raises:
        MalformedError: No container has this length.
        TruncatedError: The last chunk is missing.
    """
    chunks, rest = divmod(size - HEADER_SIZE, SEALED_CHUNK)
    if size < HEADER_SIZE or 0 < rest < TAG:
        raise MalformedError("not a container: no container has this length")
    if rest == 0:
        raise TruncatedError("the container ends without its last chunk: it was cut off")
    return chunks * CHUNK + rest - TAG


class _Keys:
    """The cipher, base nonce and commitment of one container."""

    __slots__ = ("_base", "aead", "commitment")

    def __init__(self, key: bytes, context: bytes, salt: bytes) -> None:
        if len(key) != KEY_SIZE:
            raise KeySizeError(f"a container key has {KEY_SIZE} bytes, not {len(key)}")
        if len(salt) != SALT_SIZE:
            raise KeySizeError(f"a container salt has {SALT_SIZE} bytes, not {len(salt)}")
        out = HKDFExpand(hashes.SHA512(), 76, _INFO + salt + context).derive(key)
        self.aead = AESGCM(out[:32])
        self._base = int.from_bytes(out[32:44], "big")
        self.commitment = out[44:76]

    def __reduce__(self) -> str:
        raise TypeError("the keys of a container are not pickled: they are secrets")

    def nonce(self, chunk: int) -> bytes:
        if chunk >= MAX_CHUNKS:
            raise MalformedError("a container holds at most 2^38 chunks (4 PiB)")
        return (self._base ^ chunk).to_bytes(12, "big")

    def check(self, commitment: bytes) -> None:
        # Before any decryption: under a wrong key nothing of the plaintext is touched.
        if not equal(self.commitment, commitment):
            raise CommitmentError("the container is for another key or context, or damaged")

    def open_chunk(self, chunk: int, sealed: bytes | memoryview) -> bytes:
        try:
            return self.aead.decrypt(self.nonce(chunk), sealed, None)
        except InvalidTag:
            raise DamagedError(f"chunk {chunk} of the container is damaged") from None


class Encryptor:
    """Encrypts a stream: write `header`, then what each `update` returns, then `finish`.

    Args:
        key: 32 uniformly random bytes.
        context: All that the container is bound to.
        salt: 24 bytes that never repeat under this key; drawn at random unless given.
    """

    __slots__ = ("_chunk", "_finished", "_keys", "_rest", "header")

    def __init__(self, key: bytes, context: bytes, *, salt: bytes | None = None) -> None:
        salt = os.urandom(SALT_SIZE) if salt is None else salt
        self._keys = _Keys(key, context, salt)
        self.header = salt + self._keys.commitment
        self._chunk = 0
        self._rest = b""
        self._finished = False

    def __reduce__(self) -> str:
        raise TypeError("an encryptor is not pickled: a copy would use its secret nonces again")

    def update(self, plaintext: bytes) -> bytes | bytearray:
        """Take more plaintext and return the chunks that it filled. Multiples of 16 KiB do best."""
        self._check_open()
        if self._rest:
            plaintext = self._rest + plaintext
        whole = len(plaintext) // CHUNK
        source = memoryview(plaintext)
        out = bytearray(whole * SEALED_CHUNK)
        target = memoryview(out)
        for number in range(whole):
            self._keys.aead.encrypt_into(
                self._keys.nonce(self._chunk),
                source[number * CHUNK : (number + 1) * CHUNK],
                None,
                target[number * SEALED_CHUNK : (number + 1) * SEALED_CHUNK],
            )
            self._chunk += 1
        self._rest = bytes(source[whole * CHUNK :])
        return out

    def finish(self) -> bytes:
        """Return the last, short chunk. The encryptor is used up."""
        self._check_open()
        self._finished = True
        return self._keys.aead.encrypt(self._keys.nonce(self._chunk), self._rest, None)

    def _check_open(self) -> None:
        # A second last chunk would be under the nonce of the first, which breaks AES-GCM.
        if self._finished:
            raise ValueError("the encryptor is used up")


class Decryptor:
    """Decrypts a stream: use what each `update` returns, then `finish`.

    What `update` returns is authenticated, but only `finish` proves that nothing was cut off: do
    not act on the whole before it returned.
    """

    __slots__ = ("_chunk", "_context", "_key", "_keys", "_rest")

    def __init__(self, key: bytes, context: bytes) -> None:
        if len(key) != KEY_SIZE:
            raise KeySizeError(f"a container key has {KEY_SIZE} bytes, not {len(key)}")
        self._key, self._context = key, context
        self._keys: _Keys | None = None
        self._chunk = 0
        self._rest = b""

    def __reduce__(self) -> str:
        raise TypeError("a decryptor is not pickled: it holds secrets")

    def update(self, ciphertext: bytes) -> bytes:
        """Take more of the container and return the plaintext of every full chunk in it.

        Raises:
            CommitmentError: Another key or context, or a damaged header.
            DamagedError: A chunk fails its tag.
        """
        data = self._rest + ciphertext if self._rest else ciphertext
        at = 0
        if self._keys is None:
            if len(data) < HEADER_SIZE:
                self._rest = data
                return b""
            keys = _Keys(self._key, self._context, data[:SALT_SIZE])
            keys.check(data[SALT_SIZE:HEADER_SIZE])
            self._keys, at = keys, HEADER_SIZE
        source = memoryview(data)
        out: list[bytes] = []
        while len(data) - at >= SEALED_CHUNK:
            out.append(self._keys.open_chunk(self._chunk, source[at : at + SEALED_CHUNK]))
            self._chunk += 1
            at += SEALED_CHUNK
        self._rest = bytes(source[at:])
        return b"".join(out)

    def finish(self) -> bytes:
        """Return the plaintext of the last chunk.

        Raises:
            MalformedError: No container has this length.
            TruncatedError: The last chunk is missing.
            DamagedError: The last chunk fails its tag.
        """
        if self._keys is None:
            raise MalformedError("not a container: it is shorter than a container's header")
        if not self._rest:
            raise TruncatedError("the container ends without its last chunk: it was cut off")
        if len(self._rest) < TAG:
            raise MalformedError("not a container: no container has this length")
        return self._keys.open_chunk(self._chunk, self._rest)


class Reader:
    """Reads ranges of a container's plaintext without reading the rest of it.

    Opening reads the header and the last chunk, which proves the length; each `read` then touches
    only the chunks that it needs.

    Args:
        key: 32 bytes.
        context: All that the container is bound to.
        source: A seekable binary file.
        start: Where in `source` the container begins.
        size: How long the container is, in bytes.

    Raises:
        KeySizeError, MalformedError, CommitmentError, TruncatedError, DamagedError: as `decrypt`.
    """

    __slots__ = ("_keys", "_length", "_source", "_start", "size")

    def __init__(
        self, key: bytes, context: bytes, source: BinaryIO, *, start: int = 0, size: int
    ) -> None:
        self.size = plaintext_size(size)
        self._source, self._start, self._length = source, start, size
        source.seek(start)
        header = source.read(HEADER_SIZE)
        if len(header) < HEADER_SIZE:
            raise MalformedError("not a container: it is shorter than a container's header")
        self._keys = _Keys(key, context, header[:SALT_SIZE])
        self._keys.check(header[SALT_SIZE:])
        # Whether the last chunk is the last is known only by authenticating it at its number.
        self._chunk(self.size // CHUNK)

    def _chunk(self, number: int) -> bytes:
        at = HEADER_SIZE + number * SEALED_CHUNK
        want = min(SEALED_CHUNK, self._length - at)
        self._source.seek(self._start + at)
        sealed = self._source.read(want)
        if len(sealed) != want:
            raise TruncatedError("the container ends before its length: it was cut off")
        return self._keys.open_chunk(number, sealed)

    def read(self, offset: int, length: int) -> bytes:
        """Return up to `length` bytes of plaintext from `offset`; fewer at the end.

        Raises:
            DamagedError, TruncatedError: A chunk that is needed is damaged or missing.
        """
        if offset < 0 or length < 0:
            raise ValueError("offset and length are not negative")
        end = min(offset + length, self.size)
        if offset >= end:
            return b""
        first, last = offset // CHUNK, (end - 1) // CHUNK
        data = b"".join(self._chunk(number) for number in range(first, last + 1))
        return data[offset - first * CHUNK : end - first * CHUNK]
