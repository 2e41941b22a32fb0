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
from vault.authority import Authority, draft
from vault.authority.apply import NOTHING
from vault.errors import VerificationError
from vault.keyring import Keyring
from vault.model import AUDITORS, FIXED_GROUPS, GATE, MEMBERS, Case, Role
from vault.note import AUTHORITY, STATEMENTS, Note

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


def beside(
    authority: Authority, keyring: Keyring, kind: str, fields: Body, device: str, at: int
) -> Body:
    """The epochs and wraps that an act needs, as far as this device can draw and give them.

    Args:
        authority: In force.
        keyring: This device's.
        kind: The act's.
        fields: What it says.
        device: This device.
        at: Seconds since the epoch.

    Raises:
        DeniedError, MalformedError: The rules do not allow the act; see `vault.authority.draft`.
    """
    after = draft(authority, kind, fields, device, at)
    body: Body = {}
    if "epochs" in STATEMENTS[kind]:
        among = [str(fields["case"])] if kind == "grant-revoked" else list(after.groups)
        # What was stale before waits for `settle`: not every act can carry it.
        made_stale = [
            group
            for group in among
            if after.stale(group, at)
            and (group in {MEMBERS, GATE} or not authority.stale(group, at))
        ]
        mine = [group for group in made_stale if may_rotate(after, keyring, group, device, at)]
        body["epochs"] = rotated(after, keyring, mine, at)["epochs"]
    if "wraps" in STATEMENTS[kind]:
        # What is rotated in the same act is given to everybody anyway.
        fresh = {raw["group"] for raw in body.get("epochs", ())}
        new = [name for name in after.devices if name not in authority.devices]
        target = after.members.get(str(fields.get("member")))
        owned = target.devices if target is not None else ()
        to = {*new, *(owned if kind != "device-added" else ())}
        body["wraps"] = [
            wrap(after, keyring, group, found.contact)
            for group in after.groups
            if group not in fresh
            and authority.gives(device, group, at)
            and keyring.has(after, group)
            for found in after.lacking(group, at)
            if found.id in to
        ]
    return body


def may_rotate(authority: Authority, keyring: Keyring, group: str, device: str, at: int) -> bool:
    """Whether this device can begin a group's next epoch."""
    if device not in {found.id for found in authority.entitled(group, at)}:
        return False
    if group == AUDITORS and authority.lost(group):
        return True
    return device in authority.epoch(group).wraps and keyring.has(authority, group)


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


def case_granted(
    authority: Authority, keyring: Keyring, case: str, member: str, until: int | None
) -> Body:
    """Makes a member a holder of a case, until a time or without an end."""
    return {
        "case": case,
        "member": member,
        "until": until,
        "wraps": [
            wrap(authority, keyring, case, contact) for contact in contacts_of(authority, member)
        ],
    }


def rotated(authority: Authority, keyring: Keyring, groups: Sequence[str], at: int) -> Body:
    """Begins a new epoch of each group for whoever should have its keys at a time."""
    epochs = []
    for group in groups:
        published = authority.epoch(group)
        # A group whose keys nobody has any more begins afresh; see `vault.authority`.
        afresh = group == AUDITORS and authority.lost(group)
        before = None if afresh else keyring.need(authority, group)
        epoch = Epoch.draw(ids.parse(authority.vault), group, published.number + 1)
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


def recovery_trusted(
    authority: Authority,
    keyring: Keyring,
    cases: Sequence[str],
    contact: Contact,
    shares: int,
    threshold: int,
) -> Body:
    """Makes an identity that exists only as shares a holder of some cases."""
    known = contact.device in authority.devices
    groups = [*([] if known else [MEMBERS, GATE]), *cases]
    return {
        "cases": list(cases),
        "contact": contact.note.decode(),
        "shares": shares,
        "threshold": threshold,
        "wraps": [wrap(authority, keyring, group, contact) for group in groups],
    }


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
