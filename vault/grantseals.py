"""The seals of a grant of single records: each record's secret, sealed to each device of a member.

They stand in the order of the records in the statement, and for each record in that of the devices
as they were then. The statement commits to the root over all of them; each is kept with the hashes
that lead from it to this root, so that one can be verified, or deleted, without the others.

What is sealed is the record secret: it opens the label, and nothing else without the gate's share.
"""

from __future__ import annotations

from collections.abc import Sequence

from keys.derive import Label, lp, parse_lp
from keys.errors import OpenError
from keys.identity import Contact
from keys.seal import OVERHEAD, SealingKey, seal
from vault import ids
from vault.errors import MalformedError
from vault.log import merkle, proof
from vault.model import RecordsGrant, SealedSecret
from vault.recordkeys import Place

SEAL_SIZE = OVERHEAD + 32


def seal_to(secret: bytes, place: Place, to: Contact) -> bytes:
    """Seal a record secret to a device: 1,168 bytes."""
    return seal(to.sealing, secret, Label.RECORD_GRANT, *place, ids.parse(to.device, 20))


def open_with(key: SealingKey, device: str, sealed: bytes, place: Place) -> bytes:
    """Open what `seal_to` made; 32 bytes.

    Args:
        key: The device's.
        device: Its id.
        sealed: 1,168 bytes.
        place: The record's.

    Raises:
        OpenError: It is for another device or record, or was never such a seal.
    """
    found = key.open(sealed, Label.RECORD_GRANT, *place, ids.parse(device, 20))
    if len(found) != 32:
        raise OpenError("a record's secret does not have its length")
    return found


def encode(seals: Sequence[bytes]) -> bytes:
    """The attachment of a statement that grants records."""
    return lp(*seals)


def parse(attachment: bytes) -> list[bytes]:
    """Parse what `encode` made.

    Raises:
        MalformedError: It is not that.
    """
    seals = parse_lp(attachment)
    if any(len(sealed) != SEAL_SIZE for sealed in seals):
        raise MalformedError("a seal of a granted record does not have its length")
    return seals


def root(seals: Sequence[bytes]) -> str:
    """What the statement commits to, in hex: the RFC 6962 root over the seals."""
    return merkle.root([merkle.leaf_hash(sealed) for sealed in seals]).hex()


def paths(seals: Sequence[bytes]) -> list[bytes]:
    """For each seal the hashes that lead from it to the root, one after another."""
    tree, nodes = merkle.Frontier(), dict[tuple[int, int], bytes]()
    for sealed in seals:
        made = tree.append(merkle.leaf_hash(sealed))
        nodes.update({(level, at): hashed for level, at, hashed in made})
    count = len(seals)
    return [
        b"".join(proof.inclusion(number, count, lambda *at: nodes[at])) for number in range(count)
    ]


def verify(granted: RecordsGrant, stored: SealedSecret) -> None:
    """Make sure that a stored seal is the one that its statement committed to.

    Raises:
        ProofError, MalformedError: It is not.
    """
    merkle.verify_inclusion(
        merkle.leaf_hash(stored.seal),
        stored.position,
        granted.count,
        merkle.parse_hashes(stored.path),
        bytes.fromhex(granted.seals),
    )
