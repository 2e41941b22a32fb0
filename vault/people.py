"""Members and their devices: what a session can do about them.

Each of these may need others to sign: then `vault.proposals.PendingError` says so, and it is done
when the last of them has.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keys.identity import Contact, parse_contact
from keys.signing import VerifierKey
from vault import statements
from vault.client import Client
from vault.errors import UsageError
from vault.model import Device, Member, Role
from vault.note import Body
from vault.proposals import Proposals


class People:
    """Who takes part in a vault, and from which devices.

    Args:
        client: One member's device.
        proposals: What waits for signatures.
    """

    def __init__(self, client: Client, proposals: Proposals) -> None:
        self._client = client
        self._proposals = proposals

    def add(self, contact: bytes, roles: Sequence[Role]) -> Member:
        """Add a member.

        Args:
            contact: The text of their contact.
            roles: At least one.

        Raises:
            MalformedError, VerificationError: The contact is not one, or is not to be trusted.
            DeniedError: This member may not, or theirs is a member already.
            PendingError: Other stewards have to sign.
        """
        new = parse_contact(contact)
        names = sorted(role.value for role in roles)
        self._proposals.sign("member-added", {"contact": new.note.decode(), "roles": names})
        return self._client.authority.members[new.device]

    def set_roles(self, member: str, roles: Sequence[Role]) -> None:
        """Give a member other roles. Without advocate and attorney, their cases go.

        Raises:
            DeniedError, PendingError: as `add`.
        """
        names = sorted(role.value for role in roles)
        self._proposals.sign("roles-set", {"member": member, "roles": names})

    def remove(self, member: str, why: str | None = None) -> None:
        """Remove a member: all rights end at once.

        Args:
            member: Their id.
            why: In words; all members can read them.

        Raises:
            DeniedError, PendingError: as `add`.
        """
        self._proposals.sign("member-removed", {"member": member, "why": why})

    def suspend(self, member: str, why: str | None = None) -> None:
        """Put a member's rights aside: a steward, or any two members for seven days.

        Raises:
            DeniedError, PendingError: as `add`.
        """
        self._proposals.sign("member-suspended", {"member": member, "why": why})

    def resume(self, member: str) -> None:
        """Give a suspended member their rights back: a steward, or any two other members.

        Raises:
            DeniedError, PendingError: as `add`.
        """
        self._proposals.sign("member-resumed", {"member": member})

    def add_device(
        self, contact: bytes, member: str | None = None, *, recovery: bool = False
    ) -> Device:
        """Add a device of one's own; or, as a steward, for somebody who has lost all of theirs.

        For somebody else it comes with no rights: their roles and grants end until given anew.

        Args:
            contact: The text of the device's contact.
            member: Whose it is; this member's own unless given.
            recovery: Whether its seed exists only as shares.

        Raises:
            MalformedError, VerificationError: The contact is not one, or is not to be trusted.
            DeniedError, PendingError: as `add`.
        """
        new: Contact = parse_contact(contact)
        owner = member or self._client.authority.member_of(self._client.identity.device).id
        self._proposals.sign(
            "device-added",
            {"member": owner, "contact": new.note.decode()},
            recovery=recovery,
        )
        return self._client.authority.devices[new.device]

    def revoke_device(self, device: str) -> None:
        """Revoke a device: one's own from another, or as stewards somebody else's.

        Raises:
            DeniedError, PendingError: as `add`.
        """
        self._proposals.sign("device-revoked", {"target": device})

    def set_policy(
        self,
        stewards: int | None = None,
        cosigners: Sequence[Sequence[VerifierKey]] | None = None,
        cosignatures: int | None = None,
    ) -> None:
        """Decide how many stewards must sign for membership, and whose cosignatures count.

        Args:
            stewards: How many must sign; as now unless given.
            cosigners: The two keys of each; those of now unless given.
            cosignatures: How many of them whoever joins demands, 0 for none; as now unless given,
                and 1 where there were none.

        Raises:
            UsageError: More cosignatures than cosigners.
            DeniedError, PendingError: as `add`.
        """
        now = self._client.authority
        named = now.cosigners if cosigners is None else cosigners
        asked = cosignatures
        if asked is None:
            asked = max(now.cosignatures, 1) if named else 0
        if asked > len(named):
            raise UsageError(
                f"{asked} cosignatures are asked for, and {len(named)} cosigners are named",
                "name more of them, or ask for fewer",
            )
        policy: dict[str, Any] = {"stewards": now.stewards_needed if stewards is None else stewards}
        if asked:
            pairs = [[key.encode() for key in pair] for pair in named]
            policy |= {"cosigners": pairs, "cosignatures": asked}
        self._proposals.sign("vault-policy-set", {"policy": policy})

    def declare_restore(self, lost: Body) -> None:
        """Say that an older copy of the vault was put back.

        Args:
            lost: Size and root of each log as somebody had seen it; see `Replica.seen`.

        Raises:
            DeniedError, PendingError: as `add`.
        """
        self._proposals.sign("restore-declared", {"lost": lost})

    def devices(self, member: str | None = None) -> list[Device]:
        """The devices of all members, or of one, in the order in which they were added."""
        found = self._client.authority.devices.values()
        return sorted(
            (device for device in found if member in {None, device.member}),
            key=lambda device: device.added,
        )

    def trust(self, cases: Sequence[str], contact: bytes, *, shares: int, threshold: int) -> Member:
        """Make an identity that exists only as shares a holder of some cases.

        Args:
            cases: Their ids.
            contact: The identity's contact.
            shares: How many shares there are.
            threshold: How many of them bring it back.

        Raises:
            DeniedError: This member is not an advocate who holds all of them.
        """
        new = parse_contact(contact)
        self._client.state(
            "recovery-trusted",
            lambda: statements.recovery_trusted(
                self._client.authority, self._client.keyring, cases, new, shares, threshold
            ),
        )
        return self._client.authority.members[new.device]
