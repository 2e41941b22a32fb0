"""To whom an entry is sealed.

An entry goes to whole groups, through the key of the epoch in force. Where a group is stale
(somebody still has its keys who should not), it goes to the remaining holders' own devices instead,
so that nobody reads on after they left.
"""

from __future__ import annotations

from collections.abc import Sequence

from vault.authority.state import Authority
from vault.log.entry import Recipient
from vault.model import AUDITORS, MEMBERS


def authority_recipients(
    before: Authority | None, after: Authority, at: int, tag: bytes
) -> list[Recipient]:
    """Who can open an entry of the authority log.

    Args:
        before: The state before the statement; None for genesis.
        after: The state after it.
        at: The gate's time.
        tag: The tag of the `members` epoch in force after it, or nothing.
    """
    found = _group(after, MEMBERS, at, tag)
    # Who was given the epoch's keys by this very entry cannot open what is sealed to it without.
    held = set() if before is None else _wraps(before, after.epoch(MEMBERS).number)
    new = [device for device in after.devices if device in _wraps(after) and device not in held]
    return found + [Recipient(after.devices[device].contact.sealing) for device in new]


def _wraps(authority: Authority, number: int | None = None) -> set[str]:
    epochs = authority.groups[MEMBERS]
    if number is not None and number > len(epochs):
        return set()
    return set(authority.epoch(MEMBERS, number).wraps)


def access_recipients(
    authority: Authority, case: str | None, at: int, tag: bytes, also: Sequence[str] = ()
) -> list[Recipient]:
    """Who can open the first compartment of an entry of the access log: the auditors, the holders
    of the case, and whom it concerns though they do not hold the case.

    Args:
        authority: The authority in force.
        case: The case concerned, or None.
        at: The gate's time.
        tag: The tag of the case's epoch, supplied by an actor who holds it, or nothing.
        also: Devices of whoever asked for records that were granted one by one.
    """
    # The auditors' seal stands first: they need no tag to find it.
    found = _group(authority, AUDITORS, at, b"")
    holding = set()
    if case is not None and case in authority.cases:
        found += _group(authority, case, at, tag)
        holding = {device.id for device in authority.entitled(case, at)}
    more = [authority.devices[name] for name in also if name in authority.devices]
    return found + [
        Recipient(device.contact.sealing) for device in more if device.id not in holding
    ]


def case_recipients(authority: Authority, case: str, at: int, tag: bytes) -> list[Recipient]:
    """Who can open an entry's details: the holders of the case alone."""
    return _group(authority, case, at, tag)


def secret_recipients(authority: Authority, group: str, at: int) -> list[tuple[str, bytes]]:
    """To whom a deposit's secret is sealed: device id, or nothing for the epoch's own key, and the
    1,216-byte public key.

    Args:
        authority: In force.
        group: A case or `gate`.
        at: Seconds since the epoch.
    """
    if authority.stale(group, at):
        devices = authority.entitled(group, at)
        return [(device.id, device.contact.sealing) for device in devices]
    return [("", authority.epoch(group).sealing)]


def _group(authority: Authority, group: str, at: int, tag: bytes) -> list[Recipient]:
    if authority.stale(group, at):
        return [Recipient(device.contact.sealing) for device in authority.entitled(group, at)]
    return [Recipient(authority.epoch(group).sealing, tag)]
