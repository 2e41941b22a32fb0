"""The bodies of statements, with every epoch and wrap that the act needs.

Each function gives the fields that are its own; `vault.client` adds what every statement has. They
are made again when another statement came first, so each draws what it needs afresh.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keys import container
from keys.derive import Label, lp, pad, unpad
from keys.group import Epoch
from keys.identity import Contact, Identity
from vault import ids, note
from vault.authority import Authority
from vault.authority.apply import NOTHING
from vault.errors import VerificationError
from vault.keyring import Keyring
from vault.model import AUDITORS, FIXED_GROUPS, GATE, MEMBERS, Case, Role
from vault.note import AUTHORITY, Note

_PADDED = 512

Body = dict[str, Any]


def genesis(identity: Identity, vault: str, at: int) -> tuple[Note, dict[str, Epoch]]:
    """The statement that begins a vault, and its first epochs.

    Args:
        identity: The founder's device.
        vault: The vault's id.
        at: Seconds since the epoch.
    """
    contact = identity.contact()
    epochs = {group: Epoch.draw(ids.parse(vault), group, 1) for group in FIXED_GROUPS}
    nothing = NOTHING.body()
    body = {
        "id": ids.show(ids.draw()),
        "time": at,
        "seen": {"authority": nothing, "access": nothing},
        "extends": nothing,
        "suite": 1,
        "vault": vault,
        "contact": contact.note.decode(),
        "roles": [Role.ADVOCATE.value, Role.STEWARD.value],
        "policy": {"stewards": 1},
        "epochs": [epoch_body(epoch, None, [contact]) for epoch in epochs.values()],
    }
    return note.sign("genesis", note.origin(vault, AUTHORITY), body, identity), epochs


def member_added(
    authority: Authority, keyring: Keyring, contact: Contact, roles: Sequence[Role]
) -> Body:
    """Adds a member. A steward who has the auditors' keys gives them to an auditor at once."""
    groups = [MEMBERS, GATE]
    if Role.AUDITOR in roles and keyring.find(authority, AUDITORS) is not None:
        groups.append(AUDITORS)
    return {
        "contact": contact.note.decode(),
        "roles": sorted(role.value for role in roles),
        "wraps": [wrap(authority, keyring, group, contact) for group in groups],
        "epochs": [],
        "quoted": [],
    }


def case_opened(
    authority: Authority, case: str, title: str, ref: str | None, holders: Sequence[str]
) -> Body:
    """Opens a case for its first holders."""
    vault = ids.parse(authority.vault)
    epoch = Epoch.draw(vault, case, 1)
    key, context = epoch.derive(Label.CASE_TITLE), _title_context(vault, case)
    sealed = container.encrypt(key, context, pad(title.encode(), _PADDED))
    contacts = [contact for name in holders for contact in contacts_of(authority, name)]
    return {
        "case": case,
        "ref": ref,
        "title": note.encode64(sealed),
        "holders": list(holders),
        "epochs": [epoch_body(epoch, None, contacts)],
    }


def case_granted(authority: Authority, keyring: Keyring, case: str, member: str) -> Body:
    """Makes a member a holder of a case."""
    return {
        "case": case,
        "member": member,
        "until": None,
        "wraps": [
            wrap(authority, keyring, case, contact) for contact in contacts_of(authority, member)
        ],
    }


def rotated(authority: Authority, keyring: Keyring, groups: Sequence[str], at: int) -> Body:
    """Begins a new epoch of each group for whoever should have its keys at a time."""
    epochs = []
    for group in groups:
        before = keyring.need(authority, group)
        epoch = Epoch.draw(before.vault, group, before.number + 1)
        contacts = [device.contact for device in authority.entitled(group, at)]
        epochs.append(epoch_body(epoch, before, contacts))
    return {"epochs": epochs}


def wrapped(authority: Authority, keyring: Keyring, missing: Sequence[tuple[str, Contact]]) -> Body:
    """Gives keys to devices that wait for them."""
    return {"wraps": [wrap(authority, keyring, group, contact) for group, contact in missing]}


def epoch_body(epoch: Epoch, before: Epoch | None, contacts: Sequence[Contact]) -> Body:
    """An epoch as it stands in a statement: public keys, link, and a wrap for each device."""
    signing = epoch.signing
    return {
        "group": epoch.group,
        "number": epoch.number,
        "sealing": note.encode64(epoch.sealing.public),
        "signing": signing
        and {
            "ed25519": note.encode64(signing.ed25519_public),
            "ml_dsa_44": note.encode64(signing.ml_dsa_44_public),
        },
        "link": None if before is None else note.encode64(epoch.link(before)),
        "wraps": [
            {"device": to.device, "wrap": note.encode64(epoch.wrap(to.sealing, to.device))}
            for to in contacts
        ],
    }


def wrap(authority: Authority, keyring: Keyring, group: str, to: Contact) -> Body:
    """The seed of a group's epoch in force for one device.

    Raises:
        DeniedError: This identity does not have the group's keys.
    """
    epoch = keyring.need(authority, group)
    return {
        "group": group,
        "number": epoch.number,
        "device": to.device,
        "wrap": note.encode64(epoch.wrap(to.sealing, to.device)),
    }


def contacts_of(authority: Authority, member: str) -> list[Contact]:
    """The contacts of a member's devices; of nobody, none: the gate says so."""
    found = authority.members.get(member)
    return [authority.devices[device].contact for device in found.devices] if found else []


def title(authority: Authority, keyring: Keyring, case: Case) -> str | None:
    """A case's title, or None for whoever has no keys of the case.

    Raises:
        VerificationError: It does not decrypt.
    """
    epoch = keyring.find(authority, case.id, 1)
    if epoch is None:
        return None
    key, context = epoch.derive(Label.CASE_TITLE), _title_context(epoch.vault, case.id)
    try:
        return unpad(container.decrypt(key, context, case.title), _PADDED).decode()
    except UnicodeDecodeError:
        raise VerificationError("a case's title is not text") from None


def _title_context(vault: bytes, case: str) -> bytes:
    return lp(Label.CASE_TITLE.value, vault, case.encode())
