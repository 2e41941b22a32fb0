"""The rules for members and their devices: who comes, goes, is suspended, loses a laptop."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from keys.signing import ED25519_COSIGNATURE, ML_DSA_44_CHECKPOINT, VerifierKey
from vault.authority.parts import (
    member,
    new_contact,
    person,
    roles_of,
    rotate_beside,
    signer,
    with_device,
    with_wraps,
    without_rights,
    wraps,
    wraps_owed,
)
from vault.authority.quorum import need_stewards, signers, stewards_of
from vault.authority.state import Authority
from vault.errors import DeniedError, MalformedError
from vault.model import AUDITORS, GATE, MEMBERS, Device, Member, Role, Suspension
from vault.note import LOGS, Note

LAPSES = 7 * 86_400
"""After how many seconds a suspension by two members lapses unless a steward confirms it."""

_AT_WORK = {Role.ADVOCATE, Role.ATTORNEY}
_Found = TypeVar("_Found")


def member_added(authority: Authority, statement: Note, at: int) -> Authority:
    """A steward adds somebody, with the keys that their roles ask for."""
    body = statement.body
    people = signers(authority, statement, at)
    if body["epochs"]:
        raise MalformedError("a member is added without new epochs")
    contact = new_contact(authority, body["contact"])
    roles = roles_of(body["roles"])
    need_stewards(authority, people)
    added = Member(contact.device, contact.name, roles, (), authority.size)
    after = with_device(authority, added, contact)
    if body["wraps"] is None:
        return after
    required = {MEMBERS, GATE}
    allowed = required | ({AUDITORS} if Role.AUDITOR in roles else set())
    given = wraps(authority, statement, at)
    if any(device != contact.device for _, device in given):
        raise DeniedError("a statement gives keys to others than the new member", reason="wraps")
    if not required <= {group for group, _ in given} <= allowed:
        raise DeniedError("a new member is given other keys than their roles ask", reason="wraps")
    return replace(after, groups=with_wraps(after.groups, given))


def roles_set(authority: Authority, statement: Note, at: int) -> Authority:
    """Stewards give somebody other roles."""
    body = statement.body
    people = signers(authority, statement, at)
    found, roles = person(authority, body["member"]), roles_of(body["roles"])
    need_stewards(authority, people)
    if roles == found.roles:
        raise DeniedError(f"{found.name} has these roles already", reason="no-change")
    if Role.AUDITOR in roles and found.id in authority.held:
        raise DeniedError("who ever held a case cannot become an auditor", reason="held")
    after = replace(authority, members={**authority.members, found.id: replace(found, roles=roles)})
    # With the last role for which one holds cases, the cases go.
    if found.roles & _AT_WORK and not roles & _AT_WORK:
        after = replace(after, cases=without_rights(after, found.id))
    if Role.STEWARD in found.roles - roles:
        _keep_stewards(after, at)
    after = rotate_beside(after, statement, at)
    return wraps_owed(after, after, statement, at, found.devices)


def member_removed(authority: Authority, statement: Note, at: int) -> Authority:
    """Stewards remove somebody: all rights end, and what is sealed from now on is not for them."""
    people = signers(authority, statement, at)
    found = member(authority, statement.body["member"])
    need_stewards(authority, people)
    gone = {name: authority.devices[name] for name in found.devices}
    after = replace(
        authority,
        members=_without(authority.members, {found.id}),
        devices=_without(authority.devices, set(gone)),
        cases=without_rights(authority, found.id),
        former_members={**authority.former_members, found.id: found},
        former_devices={**authority.former_devices, **gone},
    )
    if Role.STEWARD in found.roles:
        _keep_stewards(after, at)
    return rotate_beside(after, statement, at)


def member_suspended(authority: Authority, statement: Note, at: int) -> Authority:
    """A steward, or any two members, put somebody's rights aside."""
    found = person(authority, statement.body["member"])
    people = signers(authority, statement, at)
    before = found.suspension
    if before is not None and before.until is None:
        raise DeniedError(f"{found.name} is suspended already", reason="is-suspended")
    if stewards_of(authority, people):
        until = None
    elif len(people) < 2:
        raise DeniedError(
            "a steward suspends, or two members together",
            "let another member endorse it: see `evault status`",
            reason="signatures",
        )
    elif before is not None:
        # Else two who are ill-disposed could keep somebody out for ever.
        raise DeniedError(
            f"{found.name} was suspended by two members before; now a steward decides",
            reason="again",
        )
    else:
        until = at + LAPSES
    suspended = replace(found, suspension=Suspension(authority.size, until))
    after = replace(authority, members={**authority.members, found.id: suspended})
    return rotate_beside(after, statement, at)


def member_resumed(authority: Authority, statement: Note, at: int) -> Authority:
    """A steward, or any two other members, give somebody their rights back."""
    found = person(authority, statement.body["member"])
    people = signers(authority, statement, at)
    if found.suspension is None:
        raise DeniedError(f"{found.name} is not suspended", reason="not-suspended")
    if stewards_of(authority, people):
        kept = None
    elif len(people) < 2:
        raise DeniedError(
            "a steward lifts a suspension, or two other members together",
            "let another member endorse it: see `evault status`",
            reason="signatures",
        )
    elif not found.suspended(at):
        raise DeniedError(f"{found.name} is not suspended", reason="not-suspended")
    else:
        kept = replace(found.suspension, until=at)
    resumed = replace(found, suspension=kept)
    after = replace(authority, members={**authority.members, found.id: resumed})
    return wraps_owed(authority, after, statement, at, found.devices)


def device_added(authority: Authority, statement: Note, at: int) -> Authority:
    """A member adds a device of their own; or, when all are lost, stewards add one for them."""
    body = statement.body
    by, owner = signer(authority, statement), person(authority, body["member"])
    contact = new_contact(authority, body["contact"])
    people = signers(authority, statement, at)
    if by.id == owner.id:
        if body["epochs"] or body["quoted"]:
            raise MalformedError("a device of one's own is added alone")
        after = with_device(authority, owner, contact, recovery=body["recovery"])
        return wraps_owed(authority, after, statement, at, [contact.device])
    if body["recovery"]:
        raise DeniedError("a recovery device is made by its owner", reason="recovery")
    # Who enrols a device for somebody could use it themselves: the owner does not count among
    # those who sign, and the device comes with no right but to be there. As many stewards as must
    # sign are left: those who have signed.
    need_stewards(authority, people - {owner.id})
    bare = replace(owner, roles=frozenset())
    after = replace(
        authority,
        members={**authority.members, owner.id: bare},
        cases=without_rights(authority, owner.id),
    )
    after = rotate_beside(with_device(after, bare, contact), statement, at)
    # An auditor's group may have been rotated beside it; nobody without a role is in it.
    return wraps_owed(authority, after, statement, at, [contact.device])


def device_revoked(authority: Authority, statement: Note, at: int) -> Authority:
    """A member revokes a device of theirs from another, or a steward a laptop that was lost;
    stewards together somebody's last device, and what exists only on paper."""
    body = statement.body
    target: Device | None = authority.devices.get(body["target"])
    if target is None:
        raise DeniedError("no such device", "see `evault device list`", reason="no-device")
    owner, by = person(authority, target.member), signer(authority, statement)
    people = signers(authority, statement, at)
    if statement.device == target.id:
        raise DeniedError(
            "a device does not revoke itself", "use another of your devices", reason="own-device"
        )
    # A device never comes back: no steward alone takes from somebody the last way in.
    if by.id != owner.id and (len(owner.devices) == 1 or target.recovery):
        need_stewards(authority, people - {owner.id})
    left = tuple(name for name in owner.devices if name != target.id)
    after = replace(
        authority,
        members={**authority.members, owner.id: replace(owner, devices=left)},
        devices=_without(authority.devices, {target.id}),
        former_devices={**authority.former_devices, target.id: target},
    )
    return rotate_beside(after, statement, at)


def vault_policy_set(authority: Authority, statement: Note, at: int) -> Authority:
    """Stewards decide how many of them must sign for membership, and whose cosignatures count."""
    body = statement.body["policy"]
    wanted, asked = body["stewards"], body.get("cosignatures", 0)
    cosigners = _cosigners(authority, body.get("cosigners", []))
    if asked > len(cosigners):
        raise MalformedError("a policy asks for more cosignatures than there are cosigners")
    people = signers(authority, statement, at)
    need_stewards(authority, people)
    after = replace(authority, stewards_needed=wanted, cosigners=cosigners, cosignatures=asked)
    if after == authority:
        raise DeniedError("the vault's policy is this already", reason="no-change")
    _keep_stewards(after, at)
    return after


def _cosigners(
    authority: Authority, raw: Sequence[Sequence[str]]
) -> tuple[tuple[VerifierKey, ...], ...]:
    """The keys of cosigners, in the order in which a policy names them.

    Raises:
        MalformedError: A pair is not that of a cosigner, or two are the same one.
        WeakKeyError: A key that proves nothing.
    """
    found = tuple(tuple(map(VerifierKey.parse, pair)) for pair in raw)
    for texts, keys in zip(raw, found, strict=True):
        if [key.kind for key in keys] != [ED25519_COSIGNATURE, ML_DSA_44_CHECKPOINT]:
            raise MalformedError("a cosigner has two keys: Ed25519, then ML-DSA-44")
        if [key.encode() for key in keys] != list(texts) or keys[0].name != keys[1].name:
            raise MalformedError("a cosigner's keys are not in their one form")
        # A log's own ML-DSA-44 key is of the same type: it is no second pair of eyes.
        if keys[0].name in {authority.origin(log) for log in LOGS}:
            raise MalformedError("a log is not its own cosigner")
    every = [key for keys in found for key in keys]
    distinct = {keys[0].name for keys in found}
    if len(distinct) != len(found) or len({key.public for key in every}) != len(every):
        raise MalformedError("two cosigners are the same one")
    return found


def restore_declared(authority: Authority, statement: Note, at: int) -> Authority:
    """Stewards say that an older copy was put back, and what was lost by it."""
    lost = statement.body["lost"]
    people = signers(authority, statement, at)
    need_stewards(authority, people)
    here = lost["authority"] == authority.position.body()
    if here and lost["access"]["size"] <= authority.access_size:
        raise DeniedError("what is declared lost is still there", reason="no-change")
    return replace(authority, restores=(*authority.restores, lost))


def _keep_stewards(after: Authority, at: int) -> None:
    """Refuse what would leave too few stewards to ever change anything."""
    if len(after.stewards(at)) < after.stewards_needed:
        raise DeniedError(
            f"fewer than {after.stewards_needed} stewards would be left, and as many must sign",
            "add a steward first, or lower what the vault's policy asks for",
            reason="stewards",
        )


def _without(among: Mapping[str, _Found], gone: set[str]) -> dict[str, _Found]:
    return {name: found for name, found in among.items() if name not in gone}


RULES: dict[str, Callable[[Authority, Note, int], Authority]] = {
    "member-added": member_added,
    "roles-set": roles_set,
    "member-removed": member_removed,
    "member-suspended": member_suspended,
    "member-resumed": member_resumed,
    "device-added": device_added,
    "device-revoked": device_revoked,
    "vault-policy-set": vault_policy_set,
    "restore-declared": restore_declared,
}
