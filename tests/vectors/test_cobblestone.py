"""Published vectors of C2SP chunked-encryption with AES-256-GCM."""

from __future__ import annotations

import hashlib
import io
import json
import zlib
from pathlib import Path
from typing import Any

import pytest

from keys import container
from keys.errors import (
    CommitmentError,
    DamagedError,
    Error,
    KeySizeError,
    MalformedError,
    TruncatedError,
)

FILE = Path(__file__).resolve().parents[2].parent / "shared/vectors/cobblestone256.json"
CASES: list[dict[str, Any]] = json.loads(FILE.read_text()) if FILE.exists() else []
VALID = [case for case in CASES if case["result"] == "valid"]
INVALID = [case for case in CASES if case["result"] != "valid"]

pytestmark = pytest.mark.skipif(not CASES, reason=f"no published vectors at {FILE.name}")


def parts(case: dict[str, Any]) -> tuple[bytes, bytes, bytes]:
    """Key, context and ciphertext."""
    return (
        bytes.fromhex(case["key"]),
        bytes.fromhex(case["ctx"]),
        zlib.decompress(bytes.fromhex(case["ct"])),
    )


def name(case: dict[str, Any]) -> str:
    """What a case is about."""
    return f"{case['tcId']} {case['comment']}"


@pytest.mark.parametrize("case", VALID, ids=name)
def test_valid_cases_decrypt_and_encrypt_to_the_same_bytes(case: dict[str, Any]) -> None:
    """Length and SHA-512 are those published, and their salt gives their bytes."""
    key, context, ciphertext = parts(case)
    plain = container.decrypt(key, context, ciphertext)
    assert len(plain) == case["msgLength"]
    assert hashlib.sha512(plain).hexdigest() == case["msgSha512"]
    assert container.encrypt(key, context, plain, salt=ciphertext[:24]) == ciphertext
    assert container.encrypted_size(len(plain)) == len(ciphertext)


@pytest.mark.parametrize("step", [1000, 16384, 16400, 70001])
@pytest.mark.parametrize("case", VALID, ids=name)
def test_streams_and_ranges_agree(case: dict[str, Any], step: int) -> None:
    """In pieces of any size, both ways, and in ranges, the bytes are the same."""
    key, context, ciphertext = parts(case)
    plain = container.decrypt(key, context, ciphertext)
    encryptor = container.Encryptor(key, context, salt=ciphertext[:24])
    made = encryptor.header
    for at in range(0, len(plain), step):
        made += encryptor.update(plain[at : at + step])
    assert made + encryptor.finish() == ciphertext
    decryptor, out = container.Decryptor(key, context), b""
    for at in range(0, len(ciphertext), step):
        out += decryptor.update(ciphertext[at : at + step])
    assert out + decryptor.finish() == plain
    source = io.BytesIO(b"before" + ciphertext + b"after")
    reader = container.Reader(key, context, source, start=6, size=len(ciphertext))
    assert reader.size == len(plain)
    for at in range(0, len(plain) + step, step):
        assert reader.read(at, 777) == plain[at : at + 777]


EXPECTED = {
    "ModifiedCiphertext": (DamagedError, CommitmentError),
    "HeaderFailure": (CommitmentError, MalformedError, KeySizeError),
    "Truncation": (TruncatedError, MalformedError),
    "TrailingData": (MalformedError, DamagedError),
    "ChunkReordering": (DamagedError,),
    "WrongContext": (CommitmentError,),
    "InvalidKeySize": (KeySizeError,),
}


@pytest.mark.parametrize("case", INVALID, ids=name)
def test_invalid_cases_are_refused_by_kind(case: dict[str, Any]) -> None:
    """Each is refused, whole or streamed, with an error that says which kind of wrong it is."""
    key, context, ciphertext = parts(case)
    with pytest.raises(Error) as caught:
        container.decrypt(key, context, ciphertext)
    for flag in case["flags"]:
        assert isinstance(caught.value, EXPECTED.get(flag, Error))
    released = bytearray()
    with pytest.raises(Error):
        stream(key, context, ciphertext, released)
    # What was released before the error is what was published as authentic, or nothing.
    if released:
        assert "PartialPlaintext" in case["flags"]
        assert len(released) == case["msgLength"]
        assert hashlib.sha512(released).hexdigest() == case["msgSha512"]


KINDS = {
    11: DamagedError,  # a flipped bit
    13: DamagedError,  # the second chunk of two
    15: DamagedError,  # the first chunk, before a valid last one
    17: MalformedError,  # shorter than a tag
    19: MalformedError,  # twelve bytes after a full chunk
    21: CommitmentError,  # another commitment
    23: KeySizeError,  # a short key
    25: CommitmentError,  # another context
    27: MalformedError,  # nothing at all
    29: MalformedError,  # half a header
    31: TruncatedError,  # a full chunk and no last one
    33: DamagedError,  # two chunks swapped
    35: DamagedError,  # a chunk after the last one
}
"""What each case must be refused as, whichever way it is read; cases not listed may be any."""


@pytest.mark.parametrize("case", INVALID, ids=name)
def test_invalid_cases_are_the_same_in_every_reader(case: dict[str, Any]) -> None:
    """Whole, streamed and in ranges, a case is refused as the same kind of wrong."""
    key, context, ciphertext = parts(case)
    expected = KINDS.get(case["tcId"], Error)
    with pytest.raises(expected):
        container.decrypt(key, context, ciphertext)
    with pytest.raises(expected):
        stream(key, context, ciphertext, bytearray())
    source = io.BytesIO(ciphertext)
    with pytest.raises(expected):
        container.Reader(key, context, source, size=len(ciphertext)).read(0, 1 << 30)


@pytest.mark.parametrize(
    "case", [case for case in INVALID if "HeaderFailure" in case["flags"]], ids=name
)
def test_a_false_header_decrypts_nothing(
    case: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the header fails, no chunk is even tried."""
    monkeypatch.setattr(container._Keys, "open_chunk", lambda *_: pytest.fail("it was tried"))
    key, context, ciphertext = parts(case)
    with pytest.raises(Error):
        container.decrypt(key, context, ciphertext)
    with pytest.raises(Error):
        container.Reader(key, context, io.BytesIO(ciphertext), size=len(ciphertext))


def stream(key: bytes, context: bytes, ciphertext: bytes, out: bytearray) -> None:
    """Decrypt in pieces, keeping what comes out before an error."""
    decryptor = container.Decryptor(key, context)
    for at in range(0, len(ciphertext), 5000):
        out += decryptor.update(ciphertext[at : at + 5000])
    out += decryptor.finish()
