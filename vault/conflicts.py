"""Two signed heads of one log that contradict each other: proof that its gate showed two histories.

    evault/1/conflict
    key <verifier key>, those that signed
    root <base64>, and a consistency proof, a hash a line: only where the sizes differ
    <empty line>
    <signed checkpoint>
    <empty line>
    <signed checkpoint>

Heads of one size contradict each other if their roots differ: that needs nothing else. Of two
sizes, the larger one's log had one root at the smaller size, which a consistency proof shows: if
that is not the smaller one's root, they contradict each other too. An older head alone contradicts
nothing: that somebody showed it later is not provable from heads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from keys.derive import equal
from keys.signing import (
    Checkpoint,
    VerifierKey,
    parse_checkpoint,
    split_note,
    verify_note,
)
from vault.errors import MalformedError, ProofError, UsageError, VerificationError
from vault.log import merkle
from vault.log.outside import MAX_BYTES, encode_hash, parse_hash

FIRST = b"evault/1/conflict\n"


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two heads, and what shows that they contradict each other. Verify it before believing it.

    Args:
        keys: Those that signed, as whoever kept the heads had them.
        smaller: The signed head of the smaller size, or of the same.
        larger: The other one.
        root: The root that the larger one's log had at the smaller size; None if they are equal.
        hashes: The consistency proof from there.
    """

    keys: tuple[VerifierKey, ...]
    smaller: bytes
    larger: bytes
    root: bytes | None = None
    hashes: tuple[bytes, ...] = ()

    def encode(self) -> bytes:
        """The text."""
        lines = [f"key {key.encode()}\n".encode() for key in self.keys]
        if self.root is not None:
            lines.append(b"root " + encode_hash(self.root))
            lines += [encode_hash(hashed) for hashed in self.hashes]
        return FIRST + b"".join(lines) + b"\n" + self.smaller + b"\n" + self.larger


def parse(data: bytes) -> Conflict:
    """Parse a conflict.

    Raises:
        MalformedError: It is none.
    """
    parts = data.split(b"\n\n") if len(data) <= MAX_BYTES else []
    if not data.startswith(FIRST) or len(parts) != 5:
        raise MalformedError("this is not a pair of heads that contradict each other")
    lines = parts[0].split(b"\n")[1:]
    keys = [line[4:] for line in lines if line.startswith(b"key ")]
    rest = lines[len(keys) :]
    root, hashes = None, rest[1:]
    if rest:
        root = parse_hash(rest[0].removeprefix(b"root "))
    found = Conflict(
        tuple(VerifierKey.parse(key.decode("utf-8", "replace")) for key in keys),
        parts[1] + b"\n\n" + parts[2] + b"\n",
        parts[3] + b"\n\n" + parts[4],
        root,
        tuple(parse_hash(line) for line in hashes),
    )
    if found.encode() != data:
        raise MalformedError("a pair of heads is not in its one canonical form")
    return found


def verify(data: bytes, keys: Sequence[VerifierKey]) -> tuple[Checkpoint, Checkpoint]:
    """Verify that two heads contradict each other.

    Args:
        data: The text.
        keys: The log's, got by another way than the text; of each head at least one must have
            signed, and every one whose line is there.

    Returns:
        Both heads, the smaller first.

    Raises:
        UsageError: No key was given (the caller's mistake).
        MalformedError: It is no such text.
        ProofError: They do not contradict each other, or that is not proved.
    """
    if not keys:
        raise UsageError("heads are checked under at least one key", "give the log's with --key")
    found = parse(data)
    try:
        one, two = (_head(note, keys) for note in (found.smaller, found.larger))
        if one.origin != two.origin:
            raise ProofError("the heads are of two logs")
        if one.size == two.size and found.root is None:
            if equal(one.root, two.root):
                raise ProofError("the heads say the same")
            return one, two
        if found.root is None:
            raise ProofError(
                "the heads have different sizes, and what would show that they contradict each "
                "other is not in the file: only the log's entries decide"
            )
        merkle.verify_consistency(one.size, two.size, found.root, two.root, found.hashes)
        if equal(found.root, one.root):
            raise ProofError("the larger head's log extends the smaller one's")
    except VerificationError as error:
        raise ProofError(f"this proves nothing: {error.message}", error.hint) from None
    return one, two


def _head(note: bytes, keys: Sequence[VerifierKey]) -> Checkpoint:
    said = parse_checkpoint(split_note(note)[0])
    lines = {line[:2] for line in split_note(note)[1]}
    signed = [key for key in keys if key.name == said.origin and (key.name, key.key_id) in lines]
    if not signed:
        raise ProofError("a head is signed by none of the keys that were given")
    return parse_checkpoint(verify_note(note, signed))
