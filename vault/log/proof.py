"""Makes proofs from the stored nodes of full subtrees, in time logarithmic in the log's size.

Source: RFC 6962 section 2.1.1 and 2.1.2.
"""

from __future__ import annotations

from collections.abc import Callable

from vault.errors import ProofError
from vault.log.merkle import node_hash

Node = Callable[[int, int], bytes]
"""Gives the stored hash of the full subtree at a level (0 for leaves) and index."""


def inclusion(index: int, size: int, node: Node) -> list[bytes]:
    """The proof that the leaf at `index` is in the tree of `size` leaves.

    Raises:
        ProofError: There is no such leaf.
    """
    if not 0 <= index < size:
        raise ProofError(f"entry {index} cannot be in a log of {size} entries")
    proof: list[bytes] = []
    low, high = 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            proof.append(_subtree(middle, high, node))
            high = middle
        else:
            proof.append(_subtree(low, middle, node))
            low = middle
    return proof[::-1]


def consistency(old_size: int, new_size: int, node: Node) -> list[bytes]:
    """The proof that the tree of `new_size` leaves extends that of its first `old_size`.

    Raises:
        ProofError: The sizes cannot be.
    """
    if not 0 < old_size <= new_size:
        raise ProofError(f"a log of {new_size} entries cannot extend one of {old_size}")
    proof: list[bytes] = []
    low, high = 0, new_size
    while high != old_size:
        middle = low + _split(high - low)
        if old_size <= middle:
            proof.append(_subtree(middle, high, node))
            high = middle
        else:
            proof.append(_subtree(low, middle, node))
            low = middle
    if low:
        # The old tree's last part is not its whole: the verifier needs its root to start from.
        proof.append(_subtree(low, high, node))
    return proof[::-1]


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    return int(1 << ((size - 1).bit_length() - 1))


def _subtree(low: int, high: int, node: Node) -> bytes:
    size = high - low
    if size & (size - 1) == 0:
        level = size.bit_length() - 1
        return node(level, low >> level)
    middle = low + _split(size)
    return node_hash(_subtree(low, middle, node), _subtree(middle, high, node))
