"""The texts in which heads and proofs leave the house: forms that other people's tools know.

A *proof* (C2SP tlog-proof) shows that one entry is in a log:

    c2sp.org/tlog-proof@v1
    extra <base64>
    index <n>
    <base64 of a hash>, from the leaf upwards
    <empty line>
    <signed checkpoint>

A *request* (the body of C2SP tlog-witness's add-checkpoint) asks a cosigner to sign:

    old <n>
    <base64 of a hash>, the consistency proof from there
    <empty line>
    <signed checkpoint>

Each has one form: what was parsed encodes to the same bytes.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from keys.errors import MalformedError
from vault.log.merkle import HASH_SIZE

PROOF = b"c2sp.org/tlog-proof@v1\n"
_MAX_HASHES = 63
MAX_BYTES = 1 << 24
"""How many bytes such a text may have."""


@dataclass(frozen=True, slots=True)
class Proof:
    """That one entry is in a log. Nothing in it is true before it is verified.

    Args:
        index: The entry's place.
        hashes: The inclusion proof.
        note: The signed checkpoint.
        extra: What comes with it, or nothing.
    """

    index: int
    hashes: tuple[bytes, ...]
    note: bytes
    extra: bytes = b""

    def encode(self) -> bytes:
        """The text."""
        head = PROOF + (b"extra " + base64.b64encode(self.extra) + b"\n" if self.extra else b"")
        return head + f"index {self.index}\n".encode() + _lines(self.hashes) + b"\n" + self.note


@dataclass(frozen=True, slots=True)
class Request:
    """What a cosigner is asked to sign. Nothing in it is true before it is verified.

    Args:
        old: The size that the cosigner has cosigned last; None if only a checkpoint was given.
        hashes: The consistency proof from there.
        note: The signed checkpoint.
    """

    old: int | None
    hashes: tuple[bytes, ...]
    note: bytes

    def encode(self) -> bytes:
        """The text."""
        if self.old is None:
            return self.note
        return f"old {self.old}\n".encode() + _lines(self.hashes) + b"\n" + self.note


def parse_proof(data: bytes) -> Proof:
    """Parse a proof.

    Raises:
        MalformedError: It is none.
    """
    if not data.startswith(PROOF):
        raise MalformedError(
            "this is not a proof that an entry is in a log",
            "give the file that `evault log disclose` wrote",
        )
    rest, extra = _bounded(data)[len(PROOF) :], b""
    if rest.startswith(b"extra "):
        line, _, rest = rest[6:].partition(b"\n")
        extra = _unbase64(line)
    index, hashes, note = _parse(rest, b"index ")
    proof = Proof(index, hashes, note, extra)
    if proof.encode() != data:
        raise MalformedError("a proof is not in its one canonical form")
    return proof


def parse_request(data: bytes) -> Request:
    """Parse a request, or a checkpoint alone.

    Raises:
        MalformedError: It is neither.
    """
    if not data.startswith(b"old "):
        return Request(None, (), _bounded(data))
    request = Request(*_parse(_bounded(data), b"old "))
    if request.encode() != data:
        raise MalformedError("a request to cosign is not in its one canonical form")
    return request


def _parse(data: bytes, word: bytes) -> tuple[int, tuple[bytes, ...], bytes]:
    head, gap, note = data.partition(b"\n\n")
    first, *rest = head.split(b"\n")
    number = first.removeprefix(word)
    if not gap or not first.startswith(word) or not number.isdigit() or len(number) > 19:
        raise MalformedError(f"a text does not begin with `{word.decode()}` and a number")
    if len(rest) > _MAX_HASHES:
        raise MalformedError("a proof has more hashes than any log needs")
    return int(number), tuple(map(parse_hash, rest)), note


def _bounded(data: bytes) -> bytes:
    if len(data) > MAX_BYTES:
        raise MalformedError("a proof is longer than any can be")
    return data


def encode_hash(hashed: bytes) -> bytes:
    """A hash as a line."""
    return base64.b64encode(hashed) + b"\n"


def parse_hash(line: bytes) -> bytes:
    """A hash from its line, without the line break.

    Raises:
        MalformedError: It is none.
    """
    hashed = _unbase64(line)
    if len(hashed) != HASH_SIZE:
        raise MalformedError("a hash in a proof does not have 32 bytes")
    return hashed


def _lines(hashes: tuple[bytes, ...]) -> bytes:
    return b"".join(map(encode_hash, hashes))


def _unbase64(line: bytes) -> bytes:
    try:
        return base64.b64decode(line, validate=True)
    except binascii.Error:
        raise MalformedError("a line of a proof is not base64") from None
