"""A group's epochs: the keys that several people share, and how they pass on.

A group (`members`, `auditors`, `gate`, and one per case) has a 32-byte random seed per *epoch*. The
seed expands to a sealing key, a tag key, and for `gate` to signing keys as well. The public halves
stand in the statement that begins the epoch, so nobody can hand different keys to different people.

- `wrap` seals a seed to one device; `unwrap` opens it and checks the result against what was
  published.
- `link` encrypts the previous epoch's seed under this one: a newcomer needs one wrap to read
  everything that came before; someone who left has nothing that leads forward.
"""

from __future__ import annotations

import os

from keys import container
from keys.derive import Label, expand, lp, u64
from keys.errors import KeySizeError, VerificationError
from keys.seal import SealingKey, seal
from keys.signing import SigningKeys

SEED_SIZE = 32
GATE = "gate"
TAG_SIZE = 8
LINK_SIZE = container.encrypted_size(SEED_SIZE)


class Epoch:
    """One epoch of a group, with its secret keys.

    Args:
        vault: The vault's 16-byte id.
        group: `members`, `auditors`, `gate`, or a case's id.
        number: 1 for the first.
        seed: 32 bytes.
    """

    __slots__ = ("_seed", "_tag_key", "group", "number", "sealing", "signing", "vault")

    def __init__(self, vault: bytes, group: str, number: int, seed: bytes) -> None:
        if len(seed) != SEED_SIZE:
            raise KeySizeError(f"a seed has {SEED_SIZE} bytes, not {len(seed)}")
        self.vault, self.group, self.number, self._seed = vault, group, number, seed
        bound = self._bound()
        self.sealing = SealingKey(
            expand(seed, Label.GROUP_ML_KEM_768, *bound, length=64),
            expand(seed, Label.GROUP_X25519, *bound),
        )
        self.signing = (
            SigningKeys(
                expand(seed, Label.GROUP_ED25519, *bound),
                expand(seed, Label.GROUP_ML_DSA_44, *bound),
            )
            if group == GATE
            else None
        )
        self._tag_key = expand(seed, Label.GROUP_TAG, *bound)

    @classmethod
    def draw(cls, vault: bytes, group: str, number: int) -> Epoch:
        """Begin an epoch with a fresh random seed."""
        return cls(vault, group, number, os.urandom(SEED_SIZE))

    def __repr__(self) -> str:
        return f"Epoch({self.group}, {self.number})"

    def __reduce__(self) -> str:
        raise TypeError("an epoch is not pickled: it holds secrets")

    def _bound(self) -> tuple[bytes, bytes, bytes]:
        return self.vault, self.group.encode(), u64(self.number)

    def tag(self, note_id: bytes) -> bytes:
        """The 8 bytes by which a holder of this epoch finds an entry.

        Args:
            note_id: The 32-byte hash of the entry's note id, which stands in its public part.
        """
        return expand(self._tag_key, Label.GROUP_TAG, note_id, length=TAG_SIZE)

    def wrap(self, public: bytes, device: str) -> bytes:
        """Seal the seed to one device, bound to vault, group, epoch and device.

        Args:
            public: The device's 1,216-byte sealing public key.
            device: Its id.
        """
        return seal(public, self._seed, Label.GROUP_WRAP, *self._bound(), device.encode())

    def link(self, previous: Epoch) -> bytes:
        """Encrypt the seed of the epoch before under this one."""
        return container.encrypt(self._link_key(), self._link_context(), previous._seed)

    def follow(self, link: bytes, public: bytes | None) -> Epoch:
        """Decrypt a link and return the epoch before.

        Args:
            link: What `link` made.
            public: The sealing public key that the epoch before published; None only for who has
                yet to read the statement that published it, and checks it then.

        Raises:
            VerificationError: The link is false: it does not decrypt, or leads to other keys.
        """
        seed = container.decrypt(self._link_key(), self._link_context(), link)
        return _checked(self.vault, self.group, self.number - 1, seed, public)

    def derive(self, label: Label, *context: bytes) -> bytes:
        """A 32-byte key that the group shares for one purpose."""
        return expand(self._seed, label, *self._bound(), *context)

    def _link_key(self) -> bytes:
        return expand(self._seed, Label.GROUP_LINK, *self._bound())

    def _link_context(self) -> bytes:
        return lp(Label.GROUP_LINK.value, *self._bound())


def unwrap(
    sealing: SealingKey,
    device: str,
    wrap: bytes,
    *,
    vault: bytes,
    group: str,
    number: int,
    public: bytes | None,
) -> Epoch:
    """Open a wrapped seed and check it against the published key.

    Args:
        sealing: The device's sealing key.
        device: Its id.
        wrap: What `Epoch.wrap` made.
        vault: The vault's 16-byte id.
        group: The group.
        number: The epoch.
        public: The sealing public key that the epoch published; None as for `Epoch.follow`.

    Raises:
        OpenError: The wrap is for another device, group, epoch or vault.
        VerificationError: It opens to a seed that is not the published one's.
    """
    seed = sealing.open(wrap, Label.GROUP_WRAP, vault, group.encode(), u64(number), device.encode())
    return _checked(vault, group, number, seed, public)


def _checked(vault: bytes, group: str, number: int, seed: bytes, public: bytes | None) -> Epoch:
    if len(seed) != SEED_SIZE:
        raise VerificationError(f"a seed of {group} does not have its length")
    epoch = Epoch(vault, group, number, seed)
    if public is not None and epoch.sealing.public != public:
        raise VerificationError(f"a seed of {group} leads to other keys than were published")
    return epoch
