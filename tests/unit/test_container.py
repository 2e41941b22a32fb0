"""A container opens whole, under its key and context, or is refused as what is wrong with it."""

from __future__ import annotations

import copy
import io
import pickle
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from keys import container
from keys.container import (
    CHUNK,
    HEADER_SIZE,
    MAX_CHUNKS,
    SALT_SIZE,
    SEALED_CHUNK,
    TAG,
    Decryptor,
    Encryptor,
    Reader,
    decrypt,
    encrypt,
    encrypted_size,
    plaintext_size,
)
from keys.errors import (
    CommitmentError,
    DamagedError,
    KeySizeError,
    MalformedError,
    TruncatedError,
    VerificationError,
)

KEY = bytes(range(32))
CONTEXT = b"evault/1/test"
SIZES = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 5]


def plain(size: int) -> bytes:
    """Plaintext in which no two chunks are alike."""
    return b"".join(number.to_bytes(4, "big") for number in range(size // 4 + 1))[:size]


def reader(sealed: bytes, size: int | None = None) -> Reader:
    """A reader of ranges of a container in memory."""
    return Reader(KEY, CONTEXT, io.BytesIO(sealed), size=len(sealed) if size is None else size)


@pytest.mark.parametrize("size", SIZES)
def test_round_trip(size: int) -> None:
    """What was encrypted decrypts to itself, and sizes are known beforehand."""
    sealed = encrypt(KEY, CONTEXT, plain(size))
    assert decrypt(KEY, CONTEXT, sealed) == plain(size)
    assert len(sealed) == encrypted_size(size)
    assert plaintext_size(len(sealed)) == size
    assert reader(sealed).read(0, size) == plain(size)


def test_salts_are_random() -> None:
    """The same plaintext encrypted twice has nothing in common."""
    one, other = encrypt(KEY, CONTEXT, plain(100)), encrypt(KEY, CONTEXT, plain(100))
    assert one[:SALT_SIZE] != other[:SALT_SIZE]
    assert one[SALT_SIZE:HEADER_SIZE] != other[SALT_SIZE:HEADER_SIZE]
    assert one[HEADER_SIZE:] != other[HEADER_SIZE:]


def test_no_nonce_comes_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every chunk of a container is encrypted under a nonce of its own."""
    nonces: list[bytes] = []
    nonce = container._Keys.nonce

    def noted(keys: Any, chunk: int) -> bytes:
        nonces.append(nonce(keys, chunk))
        return nonces[-1]

    monkeypatch.setattr(container._Keys, "nonce", noted)
    encryptor = Encryptor(KEY, CONTEXT)
    for size in (1, CHUNK, 5 * CHUNK, 300):
        encryptor.update(bytes(size))
    encryptor.finish()
    assert len(nonces) == len(set(nonces)) == 7


def test_an_encryptor_is_used_up() -> None:
    """After the last chunk an encryptor makes no other: it would be under the same nonce."""
    encryptor = Encryptor(KEY, CONTEXT)
    encryptor.update(b"one")
    encryptor.finish()
    with pytest.raises(ValueError, match="used up"):
        encryptor.update(b"other")
    with pytest.raises(ValueError, match="used up"):
        encryptor.finish()


@pytest.mark.parametrize("size", [0, 16, 31, 33, 64])
def test_key_size(size: int) -> None:
    """A key of another length is the caller's mistake, both ways."""
    sealed = encrypt(KEY, CONTEXT, b"")
    for use in (
        lambda: encrypt(bytes(size), CONTEXT, b""),
        lambda: Decryptor(bytes(size), CONTEXT),
        lambda: Reader(bytes(size), CONTEXT, io.BytesIO(sealed), size=len(sealed)),
    ):
        with pytest.raises(KeySizeError) as refused:
            use()
        assert isinstance(refused.value, ValueError)


@pytest.mark.parametrize("size", [0, 23, 25])
def test_salt_size(size: int) -> None:
    """A salt of another length is the caller's mistake."""
    with pytest.raises(KeySizeError, match="salt"):
        encrypt(KEY, CONTEXT, b"", salt=bytes(size))


@pytest.mark.parametrize(
    ("key", "context"),
    [
        (bytes(32), CONTEXT),
        (KEY, b""),
        (KEY, CONTEXT + b"\x00"),
        (KEY, CONTEXT[:-1]),
        (KEY, b"evault/2/test"),
    ],
)
def test_another_key_or_context(
    key: bytes, context: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under another key or context a container is refused before anything is decrypted."""
    sealed = encrypt(KEY, CONTEXT, plain(CHUNK + 1))
    monkeypatch.setattr(container._Keys, "open_chunk", pytest.fail)
    with pytest.raises(CommitmentError):
        decrypt(key, context, sealed)
    with pytest.raises(CommitmentError):
        Reader(key, context, io.BytesIO(sealed), size=len(sealed))


def test_salt_and_context_are_not_confused() -> None:
    """What moves from the context to the salt makes another container."""
    sealed = encrypt(KEY, b"abc", b"", salt=b"s" * 24)
    moved = b"s" * 23 + b"a" + sealed[SALT_SIZE:]
    with pytest.raises(CommitmentError):
        decrypt(KEY, b"bc", moved)


@pytest.mark.parametrize("at", range(HEADER_SIZE))
def test_a_damaged_header(at: int) -> None:
    """A header with any byte changed fails at the commitment."""
    sealed = bytearray(encrypt(KEY, CONTEXT, b"abc"))
    sealed[at] ^= 0x80
    with pytest.raises(CommitmentError):
        decrypt(KEY, CONTEXT, bytes(sealed))


def test_the_whole_commitment_counts() -> None:
    """A container whose chunks are true is refused all the same if its commitment is not."""
    sealed = bytearray(encrypt(KEY, CONTEXT, b"abc"))
    sealed[HEADER_SIZE - 1] ^= 1
    with pytest.raises(CommitmentError):
        reader(bytes(sealed))


@pytest.mark.parametrize("at", [0, CHUNK - 1, CHUNK, SEALED_CHUNK - 1, SEALED_CHUNK, -1])
@pytest.mark.parametrize("bit", [1, 0x80])
def test_a_damaged_chunk(at: int, bit: int) -> None:
    """A chunk with any bit changed, of text or tag, is damaged; the ones before it are readable."""
    sealed = bytearray(encrypt(KEY, CONTEXT, plain(2 * CHUNK + 5)))
    sealed[HEADER_SIZE + at if at >= 0 else at] ^= bit
    with pytest.raises(DamagedError, match=r"chunk [0-2] of the container"):
        decrypt(KEY, CONTEXT, bytes(sealed))
    if at >= SEALED_CHUNK:
        assert reader(bytes(sealed)).read(0, CHUNK) == plain(CHUNK)


@pytest.mark.parametrize("cut", range(1, SEALED_CHUNK + 40, 997))
def test_cut_off(cut: int) -> None:
    """A container that lacks bytes at its end is refused, wherever it was cut."""
    sealed = encrypt(KEY, CONTEXT, plain(CHUNK + 20))[:-cut]
    with pytest.raises((VerificationError, MalformedError)):
        decrypt(KEY, CONTEXT, sealed)
    with pytest.raises((VerificationError, MalformedError)):
        reader(sealed).read(0, 1 << 20)


def test_cut_off_at_a_chunk() -> None:
    """A container without its last chunk is cut off, though all that is there is authentic."""
    for chunks in (0, 1, 2):
        sealed = encrypt(KEY, CONTEXT, plain(chunks * CHUNK + 3))[: -(3 + TAG)]
        with pytest.raises(TruncatedError):
            decrypt(KEY, CONTEXT, sealed)
        with pytest.raises(TruncatedError):
            plaintext_size(len(sealed))
        with pytest.raises(TruncatedError):
            reader(sealed)


def test_a_whole_chunk_is_never_the_last() -> None:
    """A full chunk that was encrypted as if it were the last one does not end a container."""
    sealed = encrypt(KEY, CONTEXT, plain(CHUNK), salt=bytes(24))
    assert sealed[:-TAG] == encrypt(KEY, CONTEXT, plain(CHUNK + 9), salt=bytes(24))[: -(9 + TAG)]
    with pytest.raises(TruncatedError):
        decrypt(KEY, CONTEXT, sealed[:-TAG])


@pytest.mark.parametrize("extra", [1, 15, 16, SEALED_CHUNK])
def test_something_after_the_end(extra: int) -> None:
    """A container with bytes after its last chunk is refused."""
    for size in (0, 5, CHUNK):
        sealed = encrypt(KEY, CONTEXT, plain(size)) + bytes(extra)
        with pytest.raises(DamagedError):
            decrypt(KEY, CONTEXT, sealed)
        with pytest.raises((DamagedError, TruncatedError)):
            reader(sealed)


@pytest.mark.parametrize("size", [0, 1, HEADER_SIZE - 1])
def test_shorter_than_a_header(size: int) -> None:
    """What is shorter than a header is no container."""
    sealed = encrypt(KEY, CONTEXT, b"")[:size]
    with pytest.raises(MalformedError):
        decrypt(KEY, CONTEXT, sealed)
    with pytest.raises(MalformedError):
        plaintext_size(size)
    with pytest.raises(MalformedError):
        reader(sealed)
    with pytest.raises(MalformedError, match="header"):
        reader(sealed, size=encrypted_size(0))


@pytest.mark.parametrize("rest", [1, TAG - 1])
def test_a_length_that_cannot_be(rest: int) -> None:
    """Less than a tag after the last full chunk is no container's length."""
    for chunks in (0, 1):
        sealed = encrypt(KEY, CONTEXT, plain(chunks * CHUNK))[: -(TAG - rest)]
        with pytest.raises(MalformedError):
            decrypt(KEY, CONTEXT, sealed)
        with pytest.raises(MalformedError):
            plaintext_size(len(sealed))


def test_chunks_stay_in_their_place() -> None:
    """Chunks swapped, repeated or left out are refused."""
    sealed = encrypt(KEY, CONTEXT, plain(3 * CHUNK + 9))
    header, body = sealed[:HEADER_SIZE], sealed[HEADER_SIZE:]
    one, two, three, last = (body[at : at + SEALED_CHUNK] for at in range(0, 65600, SEALED_CHUNK))
    assert header + one + two + three + last == sealed
    for order in ([two, one, three, last], [one, one, two, three, last], [one, three, last]):
        with pytest.raises(DamagedError):
            decrypt(KEY, CONTEXT, header + b"".join(order))


def test_chunks_of_another_container() -> None:
    """A chunk of another container under the same key does not fit in."""
    one = encrypt(KEY, CONTEXT, plain(2 * CHUNK))
    other = encrypt(KEY, CONTEXT, plain(2 * CHUNK))
    with pytest.raises(DamagedError):
        decrypt(KEY, CONTEXT, one[: HEADER_SIZE + SEALED_CHUNK] + other[len(one) - 16416 :])


def test_a_shorter_length_is_not_believed() -> None:
    """A reader that is told a length that ends on another chunk refuses to open."""
    sealed = encrypt(KEY, CONTEXT, plain(2 * CHUNK + 5))
    for size in (len(sealed) - 1, HEADER_SIZE + SEALED_CHUNK + 100, HEADER_SIZE + 16):
        with pytest.raises(DamagedError):
            reader(sealed, size=size)


def test_a_longer_length_is_not_believed() -> None:
    """A reader that is told of more bytes than there are says that they are missing."""
    sealed = encrypt(KEY, CONTEXT, plain(CHUNK + 5))
    with pytest.raises(TruncatedError, match="before its length"):
        reader(sealed, size=encrypted_size(CHUNK + 6))


def test_a_source_that_shrinks() -> None:
    """A reader whose source loses bytes under it says so instead of giving less."""
    source = io.BytesIO(encrypt(KEY, CONTEXT, plain(2 * CHUNK + 5)))
    opened = Reader(KEY, CONTEXT, source, size=len(source.getvalue()))
    source.truncate(HEADER_SIZE + SEALED_CHUNK + 7)
    assert opened.read(0, CHUNK) == plain(CHUNK)
    with pytest.raises(TruncatedError):
        opened.read(CHUNK, 1)


def test_ranges() -> None:
    """A range has the bytes asked for, fewer at the end, none beyond, and no negative ones."""
    opened = reader(encrypt(KEY, CONTEXT, plain(2 * CHUNK + 5)))
    assert opened.read(CHUNK - 1, 2) == plain(CHUNK + 1)[-2:]
    assert opened.read(2 * CHUNK, 100) == plain(2 * CHUNK + 5)[-5:]
    assert opened.read(2 * CHUNK + 5, 1) == b""
    assert opened.read(1 << 60, 1) == b""
    assert opened.read(5, 0) == b""
    for offset, length in ((-1, 1), (0, -1)):
        with pytest.raises(ValueError, match="negative"):
            opened.read(offset, length)


def test_ranges_touch_what_they_need() -> None:
    """A range reads its own chunks only, so damage elsewhere does not stop it."""
    sealed = bytearray(encrypt(KEY, CONTEXT, plain(3 * CHUNK)))
    sealed[HEADER_SIZE + SEALED_CHUNK] ^= 1
    opened = reader(bytes(sealed))
    assert opened.read(0, CHUNK) == plain(CHUNK)
    assert opened.read(2 * CHUNK, CHUNK) == plain(3 * CHUNK)[2 * CHUNK :]
    for offset, length in ((CHUNK, 1), (0, CHUNK + 1), (2 * CHUNK - 1, 2)):
        with pytest.raises(DamagedError):
            opened.read(offset, length)


def test_bytes_as_specified() -> None:
    """A container can be opened by hand from its specification."""
    sealed = encrypt(KEY, CONTEXT, plain(CHUNK + 3))
    keys = container._Keys(KEY, CONTEXT, sealed[:SALT_SIZE])
    info = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0" + sealed[:SALT_SIZE] + CONTEXT
    out = HKDFExpand(hashes.SHA512(), 76, info).derive(KEY)
    assert sealed[SALT_SIZE:HEADER_SIZE] == out[44:]
    first = AESGCM(out[:32]).decrypt(out[32:44], sealed[HEADER_SIZE:16456], None)
    nonce = out[32:43] + bytes([out[43] ^ 1])
    assert keys.nonce(1) == nonce
    assert first + AESGCM(out[:32]).decrypt(nonce, sealed[16456:], None) == plain(CHUNK + 3)


def test_at_most_2_38_chunks() -> None:
    """A container ends before its chunk numbers reach 2^38."""
    encryptor = Encryptor(KEY, CONTEXT)
    encryptor._chunk = MAX_CHUNKS - 1
    encryptor.update(bytes(CHUNK))
    with pytest.raises(MalformedError, match=r"2\^38"):
        encryptor.finish()
    with pytest.raises(MalformedError):
        container._Keys(KEY, CONTEXT, bytes(24)).nonce(1 << 38)


def test_secrets_stay_inside() -> None:
    """Nothing that holds a container's key can be pickled or shows it; streams are not copied."""
    sealed = encrypt(KEY, CONTEXT, b"abc")
    for holder in (Encryptor(KEY, CONTEXT), Decryptor(KEY, CONTEXT), reader(sealed)):
        for way in (pickle.dumps, copy.deepcopy):
            with pytest.raises(TypeError, match=r"secret|pickle"):
                way(holder)
        if not isinstance(holder, Reader):
            with pytest.raises(TypeError, match="secret"):
                copy.copy(holder)
        assert repr(KEY) not in repr(holder)
        assert KEY.hex() not in str(holder)


def test_errors_hold_no_secret() -> None:
    """No refusal quotes the key or the plaintext."""
    sealed = encrypt(KEY, CONTEXT, b"the plaintext")
    for damage in (sealed[:60], sealed[:-1], sealed + b"x", bytes(100)):
        with pytest.raises((VerificationError, MalformedError)) as refused:
            decrypt(KEY, CONTEXT, damage)
        said = f"{refused.value!r} {refused.value} {refused.value.__cause__!r}"
        assert repr(KEY)[2:-1] not in said
        assert "the plaintext" not in said
