"""The Merkle tree is RFC 6962's, and its parts refuse what cannot be."""

from __future__ import annotations

import hashlib

import pytest

from vault.errors import MalformedError, ProofError
from vault.log import merkle, proof
from vault.log.merkle import Frontier

LEAVES = [merkle.leaf_hash(bytes([number])) for number in range(40)]


def nodes_of(size: int) -> dict[tuple[int, int], bytes]:
    """The stored nodes of a tree of the first leaves."""
    frontier = Frontier()
    return {
        (level, index): hashed
        for leaf in LEAVES[:size]
        for level, index, hashed in frontier.append(leaf)
    }


def no_node(level: int, index: int) -> bytes:
    """A store that must not be asked."""
    raise AssertionError


def defined_root(leaves: list[bytes]) -> bytes:
    """The root as RFC 6962 section 2.1 defines it, by recursion."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    left, right = defined_root(leaves[:split]), defined_root(leaves[split:])
    return hashlib.sha256(b"\x01" + left + right).digest()


@pytest.mark.parametrize("size", range(len(LEAVES)))
def test_root(size: int) -> None:
    """The root is the one that RFC 6962 defines, at every size."""
    assert merkle.root(LEAVES[:size]) == defined_root(LEAVES[:size])


def test_empty() -> None:
    """The empty tree's root is the SHA-256 of nothing."""
    assert merkle.root([]) == merkle.EMPTY_ROOT == Frontier().root()
    assert merkle.EMPTY_ROOT.hex().startswith("e3b0c44298fc1c14")


def test_leaves_are_not_nodes() -> None:
    """A leaf that holds two hashes does not have the hash of the node above them."""
    left, right = LEAVES[:2]
    assert merkle.leaf_hash(left + right) != merkle.node_hash(left, right)
    assert merkle.leaf_hash(b"") == hashlib.sha256(b"\x00").digest()


@pytest.mark.parametrize("size", range(1, 20))
def test_all_proofs(size: int) -> None:
    """Every inclusion and consistency proof of a small tree verifies."""
    nodes, root = nodes_of(size), merkle.root(LEAVES[:size])
    for index in range(size):
        path = proof.inclusion(index, size, lambda *at: nodes[at])
        merkle.verify_inclusion(LEAVES[index], index, size, path, root)
    for old in range(1, size + 1):
        path = proof.consistency(old, size, lambda *at: nodes[at])
        merkle.verify_consistency(old, size, merkle.root(LEAVES[:old]), root, path)


def test_inclusion_of_one() -> None:
    """In a tree of one leaf the leaf is the root, and the proof is empty."""
    merkle.verify_inclusion(LEAVES[0], 0, 1, [], LEAVES[0])
    with pytest.raises(ProofError, match="too long"):
        merkle.verify_inclusion(LEAVES[0], 0, 1, [LEAVES[1]], LEAVES[0])


@pytest.mark.parametrize(("index", "size"), [(0, 0), (1, 1), (-1, 1), (5, 4)])
def test_no_such_entry(index: int, size: int) -> None:
    """An index outside the tree is refused, by the prover and by the verifier."""
    with pytest.raises(ProofError, match="cannot be in a log"):
        merkle.verify_inclusion(LEAVES[0], index, size, [], LEAVES[0])
    with pytest.raises(ProofError, match="cannot be in a log"):
        proof.inclusion(index, size, no_node)


@pytest.mark.parametrize(("old", "new"), [(0, 0), (0, 3), (4, 3), (-1, 3)])
def test_no_such_extension(old: int, new: int) -> None:
    """A log does not extend an empty or a longer one, for the prover and for the verifier."""
    with pytest.raises(ProofError, match="cannot extend"):
        merkle.verify_consistency(old, new, merkle.EMPTY_ROOT, LEAVES[0], [])
    with pytest.raises(ProofError, match="cannot extend"):
        proof.consistency(old, new, no_node)


def test_same_size() -> None:
    """Two logs of one size are the same log, and the proof of it is empty."""
    merkle.verify_consistency(3, 3, LEAVES[0], LEAVES[0], [])
    with pytest.raises(ProofError, match="different roots"):
        merkle.verify_consistency(3, 3, LEAVES[0], LEAVES[1], [])
    with pytest.raises(ProofError, match="not empty"):
        merkle.verify_consistency(3, 3, LEAVES[0], LEAVES[0], [LEAVES[0]])


def test_empty_consistency_proof() -> None:
    """Between different sizes an empty proof proves nothing."""
    for old in (3, 4):
        with pytest.raises(ProofError, match="too short"):
            merkle.verify_consistency(old, 8, merkle.root(LEAVES[:old]), LEAVES[0], [])


def test_long_consistency_proof() -> None:
    """A proof for larger sizes is refused for smaller ones, though its hashes give both roots."""
    nodes = nodes_of(12)
    path = proof.consistency(11, 12, lambda *at: nodes[at])
    old, new = merkle.root(LEAVES[:11]), merkle.root(LEAVES[:12])
    with pytest.raises(ProofError, match="too long"):
        merkle.verify_consistency(3, 4, old, new, path)


def test_proofs_of_another_length() -> None:
    """A proof with the first or the last hash missing, or one more, is refused as it is."""
    nodes, root = nodes_of(13), merkle.root(LEAVES[:13])
    path = proof.inclusion(6, 13, lambda *at: nodes[at])
    for wrong, words in ((path[:-1], "short"), ([*path, root], "long")):
        with pytest.raises(ProofError, match=f"too {words}"):
            merkle.verify_inclusion(LEAVES[6], 6, 13, wrong, root)
    with pytest.raises(ProofError, match="not in the log"):
        merkle.verify_inclusion(LEAVES[6], 6, 13, path, LEAVES[0])
    old, path = merkle.root(LEAVES[:7]), proof.consistency(7, 13, lambda *at: nodes[at])
    for wrong, words in ((path[:-1], "short"), ([*path, root], "long")):
        with pytest.raises(ProofError, match=f"too {words}"):
            merkle.verify_consistency(7, 13, old, root, wrong)
    for roots in ((old, LEAVES[0]), (LEAVES[0], root)):
        with pytest.raises(ProofError, match="does not extend"):
            merkle.verify_consistency(7, 13, *roots, path)


@pytest.mark.parametrize("size", range(len(LEAVES)))
def test_right_edge(size: int) -> None:
    """The right edge is made of the stored nodes of full subtrees, one per bit of the size."""
    nodes = nodes_of(size)
    edge = [nodes[place] for place in merkle.frontier_nodes(size)]
    assert Frontier(size, edge).root() == merkle.root(LEAVES[:size])


def test_hashes_have_their_length() -> None:
    """A hash of another length than 32 bytes is refused, wherever it stands."""
    short, node = LEAVES[0][:31], LEAVES[1]
    for given in ((short, [node], node), (node, [short], node), (node, [node], short)):
        with pytest.raises(ProofError, match="32 bytes"):
            merkle.verify_inclusion(given[0], 0, 2, given[1], given[2])
        with pytest.raises(ProofError, match="32 bytes"):
            merkle.verify_consistency(1, 2, given[0], given[2], given[1])


def test_frontier_has_the_hashes_of_its_size() -> None:
    """A right edge with too many or too few hashes is refused."""
    for size, hashes in ((0, LEAVES[:1]), (1, []), (3, LEAVES[:1]), (4, LEAVES[:2])):
        with pytest.raises(ProofError, match="right edge"):
            Frontier(size, hashes)


def test_copy_is_independent() -> None:
    """Appending to a copy of a right edge leaves the edge as it was."""
    frontier = Frontier()
    for leaf in LEAVES[:5]:
        frontier.append(leaf)
    copy = frontier.copy()
    copy.append(LEAVES[5])
    assert (frontier.size, frontier.root()) == (5, merkle.root(LEAVES[:5]))
    assert (copy.size, copy.root()) == (6, merkle.root(LEAVES[:6]))
    frontier.hashes().clear()
    assert frontier.root() == merkle.root(LEAVES[:5])


def test_parse_hashes() -> None:
    """Concatenated hashes come apart again, and a part of one is refused."""
    assert merkle.parse_hashes(b"".join(LEAVES)) == LEAVES
    assert merkle.parse_hashes(b"") == []
    with pytest.raises(MalformedError):
        merkle.parse_hashes(LEAVES[0] + b"x")
