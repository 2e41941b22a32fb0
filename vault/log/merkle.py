"""The Merkle tree of RFC 6962: hashes, roots, and the two kinds of proof.

A hash is 32 raw bytes; a proof is a list of them, from the leaf upwards. Verifying raises.

Source: RFC 6962 section 2.1; RFC 9162 section 2.1.3 and 2.1.4 for the verification algorithms.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import reduce

from keys.derive import equal
from keys.errors import MalformedError
from vault.errors import ProofError

HASH_SIZE = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """The hash of a leaf: SHA-256 of a zero byte and the data."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node: SHA-256 of a one byte and both children."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def _under(right: bytes, left: bytes) -> bytes:
    # As `node_hash`, from the right: whoever verifies a log asks for the root after each entry.
    return hashlib.sha256(b"\x01" + left + right).digest()


def root(leaf_hashes: Sequence[bytes]) -> bytes:
    """The root over leaf hashes; of none, SHA-256 of nothing."""
    frontier = Frontier()
    for leaf in leaf_hashes:
        frontier.append(leaf)
    return frontier.root()


def verify_inclusion(
    leaf_hash: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> None:
    """Verify that a leaf stands at an index of the tree with this root.

    Args:
        leaf_hash: 32 bytes.
        index: From 0.
        size: How many leaves the tree has.
        proof: The hashes beside the path, from the leaf upwards.
        root: 32 bytes.

    Raises:
        ProofError: It does not.
    """
    if not 0 <= index < size:
        raise ProofError(f"entry {index} cannot be in a log of {size} entries")
    _check_hashes(leaf_hash, root, *proof)
    node, last, hashed = index, size - 1, leaf_hash
    for sibling in proof:
        if last == 0:
            raise ProofError("an inclusion proof is too long")
        if node & 1 or node == last:
            hashed = node_hash(sibling, hashed)
            # On the right edge the tree is not full: levels without a sibling are skipped.
            while not node & 1 and node:
                node >>= 1
                last >>= 1
        else:
            hashed = node_hash(hashed, sibling)
        node >>= 1
        last >>= 1
    if last != 0:
        raise ProofError("an inclusion proof is too short")
    if not equal(hashed, root):
        raise ProofError(f"entry {index} is not in the log with this root")


def verify_consistency(
    old_size: int, new_size: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Verify that the larger tree begins with all leaves of the smaller one, in order.

    An old size of 0 is refused: every tree extends the empty one, so a proof of it would say
    nothing, and whoever asks for one has lost their pin.

    Raises:
        ProofError: It does not, or the sizes cannot be.
    """
    _check_hashes(old_root, new_root, *proof)
    if not 0 < old_size <= new_size:
        raise ProofError(f"a log of {new_size} entries cannot extend one of {old_size}")
    if old_size == new_size:
        if proof:
            raise ProofError("a consistency proof between equal sizes is not empty")
        if not equal(old_root, new_root):
            raise ProofError("two logs of the same size have different roots")
        return
    path = list(proof)
    # A full left subtree is its own first element, which the prover leaves out.
    if old_size & (old_size - 1) == 0:
        path.insert(0, old_root)
    if not path:
        raise ProofError("a consistency proof is too short")
    node, last = old_size - 1, new_size - 1
    while node & 1:
        node >>= 1
        last >>= 1
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise ProofError("a consistency proof is too long")
        if node & 1 or node == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not node & 1 and node:
                node >>= 1
                last >>= 1
        else:
            new = node_hash(new, sibling)
        node >>= 1
        last >>= 1
    if last != 0:
        raise ProofError("a consistency proof is too short")
    if not equal(old, old_root) or not equal(new, new_root):
        raise ProofError("the log does not extend what it was before")


class Frontier:
    """The right edge of a tree: enough to append to it and to know its root.

    Args:
        size: How many leaves there are.
        hashes: The roots of its full subtrees, largest first: one per set bit of `size`.

    Raises:
        ProofError: The number of hashes is not that of the size.
    """

    __slots__ = ("_hashes", "size")

    def __init__(self, size: int = 0, hashes: Sequence[bytes] = ()) -> None:
        if len(hashes) != size.bit_count():
            raise ProofError("the right edge of a log does not have the hashes of its size")
        self.size = size
        self._hashes = list(hashes)

    def append(self, leaf: bytes) -> list[tuple[int, int, bytes]]:
        """Append a leaf hash.

        Returns:
            The nodes of full subtrees that this completes: level (0 for the leaf), index within
            the level, hash.
        """
        made = [(0, self.size, leaf)]
        level, index, hashed = 0, self.size, leaf
        while index & 1:
            hashed = node_hash(self._hashes.pop(), hashed)
            level, index = level + 1, index >> 1
            made.append((level, index, hashed))
        self._hashes.append(hashed)
        self.size += 1
        return made

    def root(self) -> bytes:
        """The root of the tree."""
        if not self._hashes:
            return EMPTY_ROOT
        return reduce(_under, reversed(self._hashes))

    def hashes(self) -> list[bytes]:
        """The roots of the full subtrees, largest first."""
        return list(self._hashes)

    def copy(self) -> Frontier:
        """An independent copy."""
        return Frontier(self.size, self._hashes)


def frontier_nodes(size: int) -> list[tuple[int, int]]:
    """Level and index of the nodes that make the right edge of a tree, largest first."""
    places, start = [], 0
    for level in range(size.bit_length() - 1, -1, -1):
        if size >> level & 1:
            places.append((level, start >> level))
            start += 1 << level
    return places


def _check_hashes(*hashes: bytes) -> None:
    for hashed in hashes:
        if len(hashed) != HASH_SIZE:
            raise ProofError("a hash in a proof does not have 32 bytes")


def parse_hashes(data: bytes) -> list[bytes]:
    """Split concatenated hashes.

    Raises:
        MalformedError: Not a whole number of hashes.
    """
    if len(data) % HASH_SIZE:
        raise MalformedError("a list of hashes is cut short")
    return [data[at : at + HASH_SIZE] for at in range(0, len(data), HASH_SIZE)]
