"""The group seeds that an identity can get at, found through the authority.

A device has a wrap of some epochs of a group; from each of them history links lead to the ones
before. What is unwrapped or followed is checked against the key that the authority has for the
epoch, so nobody can hand out a false seed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from typing import NamedTuple

from keys.group import Epoch, unwrap
from keys.identity import Identity
from keys.seal import SealingKey
from vault import ids
from vault.authority import Authority
from vault.errors import DeniedError, VerificationError
from vault.log.entry import Opener
from vault.message import Openers, mark
from vault.model import GATE, EpochKeys, Seals


class Fault(NamedTuple):
    """A wrap or a link that is false: of which epoch, what of both, and what is wrong."""

    number: int
    what: str
    error: VerificationError


class Keyring:
    """The epochs of one identity in one vault, unwrapped when they are asked for."""

    def __init__(self, identity: Identity, vault: str) -> None:
        self._identity = identity
        self._vault = ids.parse(vault)
        self._epochs: dict[tuple[str, int], Epoch] = {}

    @property
    def device(self) -> str:
        """Whose keys these are."""
        return self._identity.device

    @property
    def own(self) -> SealingKey:
        """The device's own key."""
        return self._identity.sealing

    def find(self, authority: Authority, group: str, number: int | None = None) -> Epoch | None:
        """An epoch of a group, or None if this identity has no way to it.

        Args:
            authority: What is known of the groups.
            group: `members`, `auditors`, `gate` or a case's id.
            number: The epoch's; the one in force unless given.

        Raises:
            VerificationError: A wrap or a link is false.
        """
        if group not in authority.groups:
            return None
        published = authority.groups[group]
        number = len(published) if number is None else number
        if not 1 <= number <= len(published):
            return None
        false: VerificationError | None = None
        for start in published[number - 1 :]:
            try:
                known = self._epochs.get((group, start.number)) or self._unwrap(start)
                found = known and self._descend(authority, known, number)
                if found is not None:
                    return found
            except VerificationError as error:
                # A later wrap and its links may still lead there: one false wrap shuts nobody out.
                false = error
        if false is not None:
            raise false
        return None

    def _unwrap(self, published: EpochKeys) -> Epoch | None:
        device = self._identity.device
        if device not in published.wraps:
            return None
        return _checked(
            published,
            unwrap(
                self._identity.sealing,
                device,
                published.wraps[device],
                vault=self._vault,
                group=published.group,
                number=published.number,
                public=published.sealing,
            ),
        )

    def has(self, authority: Authority, group: str, number: int | None = None) -> bool:
        """Whether this identity can use an epoch of a group: it has a way to it that is not false.

        Args:
            authority, group, number: as `find`.
        """
        with suppress(VerificationError):
            return self.find(authority, group, number) is not None
        return False

    def need(self, authority: Authority, group: str, number: int | None = None) -> Epoch:
        """As `find`, for an epoch that this identity must have.

        Raises:
            DeniedError: It has no way to it.
            VerificationError: A wrap or a link is false.
        """
        found = self.find(authority, group, number)
        if found is None:
            raise DeniedError(
                "you do not have the keys for this",
                "ask one of those who hold the case; see `evault status`",
                reason="no-key",
            )
        return found

    def all(self, authority: Authority, group: str) -> list[Epoch]:
        """Every epoch of a group that this identity has a way to, newest first.

        Where a wrap or link is false there is no way: whoever reads on with the others may yet
        come to the rotation that mends it. See `check`.
        """
        found = []
        for number in self._numbers(authority, group):
            with suppress(VerificationError):
                found.append(self.find(authority, group, number))
        return [epoch for epoch in found if epoch is not None]

    def check(self, authority: Authority, group: str) -> None:
        """Make sure that no epoch of a group is kept from this identity by a false wrap or link.

        Raises:
            VerificationError: One is.
        """
        for number in self._numbers(authority, group):
            self.find(authority, group, number)

    def faults(self, authority: Authority, group: str) -> Iterator[Fault]:
        """Every wrap for this device, and every link from an epoch that it has, that is false.

        Args:
            authority: What is known of the groups.
            group: The group.
        """
        published = authority.groups.get(group, ())
        for epoch in published:
            try:
                self._unwrap(epoch)
            except VerificationError as error:
                yield Fault(epoch.number, "wrap", error)
        for before, epoch in pairwise(published):
            with suppress(VerificationError):
                found = self.find(authority, group, epoch.number)
                if found is None or epoch.link is None:
                    continue
                try:
                    _checked(before, found.follow(epoch.link, before.sealing))
                except VerificationError as error:
                    yield Fault(epoch.number, "link", error)

    def openers(self, authority: Authority, group: str, note_id: bytes) -> list[Opener]:
        """The keys with which this identity may open what is sealed to a group.

        While a group is stale, entries are sealed to its holders' own devices.

        Args:
            authority: What is known of the groups.
            group: The group.
            note_id: The 32-byte note-id hash of the entry, for the tags.
        """
        epochs = self.all(authority, group)
        own = Opener(self._identity.sealing)
        return [*(Opener(epoch.sealing, epoch.tag(note_id)) for epoch in epochs), own]

    def secret_openers(self, authority: Authority, case: str, seals: Seals) -> Openers:
        """The keys with which this identity may open a deposit's case secret, by what stands before
        the seals for them.

        Args:
            authority: What is known of the groups.
            case: The deposit's case.
            seals: The deposit's; its epochs are those that were in force, though stale perhaps.

        Raises:
            VerificationError: A wrap or a link of the case is false.
        """
        openers: dict[str, SealingKey] = {}
        epoch = self.find(authority, case, seals.epoch)
        if epoch is not None:
            openers[""] = epoch.sealing
        # Without the gate's keys nobody is meant by their device.
        if self.has(authority, GATE, seals.gate_epoch):
            gate = self.need(authority, GATE, seals.gate_epoch)
            openers[mark(gate, seals.deposit, self._identity.device)] = self._identity.sealing
        return openers

    def _numbers(self, authority: Authority, group: str) -> range:
        return range(len(authority.groups.get(group, ())), 0, -1)

    def _descend(self, authority: Authority, epoch: Epoch, number: int) -> Epoch | None:
        self._epochs[epoch.group, epoch.number] = epoch
        while epoch.number > number:
            before = self._epochs.get((epoch.group, epoch.number - 1))
            if before is None:
                link = authority.epoch(epoch.group, epoch.number).link
                if link is None:
                    # A group that began afresh, because nobody was left who had its keys.
                    return None
                published = authority.epoch(epoch.group, epoch.number - 1)
                before = _checked(published, epoch.follow(link, published.sealing))
                self._epochs[before.group, before.number] = before
            epoch = before
        return epoch


def _checked(published: EpochKeys, epoch: Epoch) -> Epoch:
    """Compare the gate's signing keys too: false ones would sign heads that nobody can verify."""
    signing = epoch.signing
    if signing is not None and published.signing != (
        signing.ed25519_public,
        signing.ml_dsa_44_public,
    ):
        raise VerificationError("a seed of gate leads to other signing keys than were published")
    return epoch
