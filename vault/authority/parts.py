"""What the rules for statements are made of: roles, contacts, epochs and wraps."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from keys.group import LINK_SIZE
from keys.identity import Contact, parse_contact
from keys.seal import OVERHEAD
from vault.authority.state import Authority
from vault.errors import DeniedError, MalformedError
from vault.model import (
    AUDITORS,
    GATE,
    MEMBERS,
    Case,
    Device,
    EpochKeys,
    Grant,
    Member,
    Role,
)
from vault.note import Note

WRAP_SIZE = OVERHEAD + 32

Given = Mapping[tuple[str, str], bytes]
"""Wraps by group and device."""


# --- people -----------------------------------------------------------------------------------


def signer(authority: Authority, statement: Note) -> Member:
    """Who signed a statement."""
    return authority.member_of(statement.device)


def need(authority: Authority, statement: Note, *roles: Role) -> Member:
    """Who signed a statement, if they have one of some roles.

    Raises:
        DeniedError: They have none of them.
    """
    member = signer(authority, statement)
    if not member.roles & set(roles):
        wanted = " or ".join(roles)
        raise DeniedError(
            f"only a member with the role {wanted} may do this",
            "see `evault member list`",
            reason="role",
        )
    return member


def member(authority: Authority, name: str) -> Member:
    """A member by id.

    Raises:
        DeniedError: There is none of this id, or not any more.
    """
    found = authority.members.get(name)
    if found is None:
        raise DeniedError("no such member", "see `evault member list`", reason="no-member")
    return found


def person(authority: Authority, name: str) -> Member:
    """A member by id who is a person.

    Raises:
        DeniedError: It is none, or a recovery identity.
    """
    found = member(authority, name)
    if found.shares is not None:
        raise DeniedError("a recovery identity is no person", reason="recovery")
    return found


def roles_of(names: list[str]) -> frozenset[Role]:
    """A set of roles that one member can have.

    Raises:
        MalformedError, DeniedError: One is named twice, or an auditor would have another.
    """
    roles = frozenset(map(Role, names))
    if len(roles) != len(names):
        raise MalformedError("a role is named twice")
    if Role.AUDITOR in roles and len(roles) > 1:
        raise DeniedError("an auditor has no other role", reason="roles")
    return roles


def contact_of(text: str) -> Contact:
    """The contact in a field of a note."""
    return parse_contact(text.encode("utf-8", "surrogatepass"))


def new_contact(authority: Authority, text: str) -> Contact:
    """A contact whose device was never known in this vault.

    Raises:
        MalformedError, VerificationError: It is none, or not to be trusted.
        DeniedError: Its device is or was a member's.
    """
    contact = contact_of(text)
    if contact.device in authority.devices:
        raise DeniedError(
            f"{contact.name} is a member already", "see `evault member list`", reason="is-member"
        )
    # Ids of devices stand under acts: one that came back would make two people of one.
    if contact.device in authority.former_devices:
        raise DeniedError(
            "this device was revoked before", "make a new identity for it", reason="revoked"
        )
    # Nor of a collector and a member: a ticket's key may be in anybody's hands.
    if contact.device in authority.tickets:
        raise DeniedError(
            "this key is a ticket's", "make a new identity for it", reason="is-ticket"
        )
    return contact


def without_rights(authority: Authority, name: str) -> Mapping[str, Case]:
    """All cases as they are when a member's grants have ended."""
    return {case.id: without_grant(case, name) for case in authority.cases.values()}


def without_grant(case: Case, name: str) -> Case:
    """A case as it is when a member's grants in it have ended."""
    if name not in case.grants and name not in case.records:
        return case
    grants = {holder: grant for holder, grant in case.grants.items() if holder != name}
    records = {holder: granted for holder, granted in case.records.items() if holder != name}
    return replace(case, grants=grants, records=records)


def with_grant(
    authority: Authority, case: Case, name: str, until: int | None, given: Given
) -> Authority:
    """The authority in which a member holds a case, with some wraps."""
    grants = {**case.grants, name: Grant(name, until, authority.size)}
    return replace(
        authority,
        cases={**authority.cases, case.id: replace(case, grants=grants)},
        groups=with_wraps(authority.groups, given),
        held=authority.held | {name},
    )


def with_device(
    authority: Authority, owner: Member, contact: Contact, *, recovery: bool = False
) -> Authority:
    """The authority in which a member has one more device."""
    device = Device(contact.device, owner.id, contact, authority.size, recovery)
    grown = replace(owner, devices=(*owner.devices, device.id))
    return replace(
        authority,
        members={**authority.members, owner.id: grown},
        devices={**authority.devices, device.id: device},
    )


# --- epochs -----------------------------------------------------------------------------------


def epoch(
    raw: Mapping[str, Any], number: int, devices: Iterable[str], index: int, *, afresh: bool = False
) -> EpochKeys:
    """An epoch in a statement, if it is as it must be.

    Args:
        raw: As it stands in the note.
        number: Which it must be.
        devices: To exactly whom it must be given.
        index: Of the statement.
        afresh: Whether nobody has the seed before, so that there is no link to it.

    Raises:
        DeniedError, MalformedError: It is not.
    """
    group = raw["group"]
    if raw["number"] != number:
        raise DeniedError("an epoch does not follow the one before", reason="epoch")
    wraps = {wrap["device"]: decode(wrap["wrap"]) for wrap in raw["wraps"]}
    if len(wraps) != len(raw["wraps"]) or set(wraps) != set(devices):
        raise DeniedError("an epoch is not given to exactly its holders", reason="wraps")
    if any(len(wrap) != WRAP_SIZE for wrap in wraps.values()):
        raise MalformedError("a wrap does not have its length")
    link = None if raw["link"] is None else decode(raw["link"])
    unlinked = number == 1 or afresh
    if (link is None) != unlinked or (link is not None and len(link) != LINK_SIZE):
        raise MalformedError("an epoch does not link to the one before")
    signing = raw["signing"]
    if (signing is None) != (group != GATE):
        raise MalformedError("only the gate's epochs have signing keys")
    keys = None if signing is None else (decode(signing["ed25519"]), decode(signing["ml_dsa_44"]))
    if keys is not None and (len(keys[0]), len(keys[1])) != (32, 1312):
        raise MalformedError("a signing key does not have its length")
    return EpochKeys(group, number, decode(raw["sealing"]), keys, link, wraps, index)


def rotate(authority: Authority, statement: Note, at: int) -> Authority:
    """Begin the epochs that stand in a statement.

    Args:
        authority: As the statement's act has made it: it says who is entitled.
        statement: The note.
        at: The gate's time.

    Raises:
        DeniedError, MalformedError: One is not given to exactly those entitled, or by somebody
            who is not in its group.
    """
    groups = dict(authority.groups)
    epochs = statement.body["epochs"]
    if len({raw["group"] for raw in epochs}) != len(epochs):
        raise MalformedError("a group is rotated twice")
    for raw in epochs:
        group = raw["group"]
        if group not in groups:
            raise DeniedError("no such group", reason="no-group")
        entitled = {device.id for device in authority.entitled(group, at)}
        # Only the auditors' group may begin afresh: what it sealed can be read by holders too.
        afresh = group == AUDITORS and authority.lost(group)
        # Nobody draws a seed for a group that they are not in.
        if statement.device not in entitled or (
            statement.device not in groups[group][-1].wraps and not afresh
        ):
            raise DeniedError("only a holder of a group may rotate it", reason="not-holder")
        groups[group] = (
            *groups[group],
            epoch(raw, groups[group][-1].number + 1, entitled, authority.size, afresh=afresh),
        )
    return replace(authority, groups=groups)


def rotate_beside(authority: Authority, statement: Note, at: int) -> Authority:
    """As `rotate`, for epochs beside another act: only of groups that it makes stale, and of the
    members' and the gate's in any case.

    A draft has None for its epochs: what they must be is then still to be found out.

    Raises:
        DeniedError: `members` or `gate` stays stale: who left would read on.
    """
    if statement.body["epochs"] is None:
        return authority
    for raw in statement.body["epochs"]:
        group = raw["group"]
        if group in authority.groups and not authority.stale(group, at):
            raise DeniedError("an act rotates a group that it does not concern", reason="epoch")
    after = rotate(authority, statement, at)
    if after.stale(MEMBERS, at) or after.stale(GATE, at):
        raise DeniedError("who leaves would keep keys that are in force", reason="stale")
    return after


# --- wraps ------------------------------------------------------------------------------------


def wraps(authority: Authority, statement: Note, at: int) -> dict[tuple[str, str], bytes]:
    """The wraps in a statement: of epochs in force, by somebody who may give them.

    Raises:
        DeniedError, MalformedError: One is not.
    """
    raw: list[dict[str, Any]] = statement.body["wraps"]
    given = {(wrap["group"], wrap["device"]): decode(wrap["wrap"]) for wrap in raw}
    if len(given) != len(raw):
        raise MalformedError("a wrap is given twice")
    for wrap in raw:
        epochs = authority.groups.get(wrap["group"])
        if epochs is None or epochs[-1].number != wrap["number"]:
            raise DeniedError("a wrap is not of a group's epoch in force", reason="epoch")
        # Whoever has no seed can give none: what they called a wrap would shut out its recipient.
        if not authority.gives(statement.device, wrap["group"], at):
            raise DeniedError("only a holder of a group may give its keys", reason="not-holder")
        if len(given[wrap["group"], wrap["device"]]) != WRAP_SIZE:
            raise MalformedError("a wrap does not have its length")
    return given


def wraps_owed(
    before: Authority, after: Authority, statement: Note, at: int, devices: Iterable[str]
) -> Authority:
    """Give the wraps that stand beside an act: to these devices alone, of groups that they should
    have and lack; `members` and `gate` in any case.

    Raises:
        DeniedError, MalformedError: There is one too many or one is missing.
    """
    if statement.body["wraps"] is None:
        return after
    given, to = wraps(before, statement, at), set(devices)
    for group, device in given:
        lacking = {found.id for found in after.lacking(group, at)}
        if device not in to or device not in lacking:
            raise DeniedError("a wrap is given to who should not have it", reason="wraps")
    done = replace(after, groups=with_wraps(after.groups, given))
    for group in (MEMBERS, GATE):
        if to & {found.id for found in done.lacking(group, at)}:
            raise DeniedError("a device is not given the keys that it needs", reason="wraps")
    return done


def with_wraps(
    groups: Mapping[str, tuple[EpochKeys, ...]], given: Given
) -> Mapping[str, tuple[EpochKeys, ...]]:
    """All groups with some wraps more in their epochs in force."""
    changed = dict(groups)
    for (group, device), wrap in given.items():
        *older, newest = changed[group]
        changed[group] = (*older, replace(newest, wraps={**newest.wraps, device: wrap}))
    return changed


def decode(text: str) -> bytes:
    """The bytes of a field whose shape was checked."""
    return base64.b64decode(text)
