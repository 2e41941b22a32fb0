"""To whom an entry is sealed.

An entry goes to whole groups, through the key of the epoch in force. Where a group is stale
(somebody still has its keys who should not), it goes to the remaining holders' own devices instead,
so that nobody reads on after they left.
"""

from __future__ import annotations

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
    # Who cannot open the epoch yet, because this very entry begins or brings it, gets a seal.
    if before is None or len(after.groups[MEMBERS]) > len(before.groups[MEMBERS]):
        devices = list(after.devices)
    else:
        devices = [device for device in after.devices if device not in before.devices]
    return found + [Recipient(after.devices[device].contact.sealing) for device in devices]


def access_recipients(
    authority: Authority, case: str | None, at: int, tag: bytes
) -> list[Recipient]:
    """Who can open the first compartment of an entry of the access log: the auditors, and the
    holders of the case.

    Args:
        authority: The authority in force.
        case: The case concerned, or None.
        at: The gate's time.
        tag: The tag of the case's epoch, supplied by an actor who holds it, or nothing.
    """
    # The auditors' seal stands first: they need no tag to find it.
    found = _group(authority, AUDITORS, at, b"")
    if case is not None and case in authority.cases:
        found += _group(authority, case, at, tag)
    return found


def case_recipients(authority: Authority, case: str, at: int, tag: bytes) -> list[Recipient]:
    """Who can open an entry's details: the holders of the case alone."""
    return _group(authority, case, at, tag)


def _group(authority: Authority, group: str, at: int, tag: bytes) -> list[Recipient]:
    if authority.stale(group, at):
        return [Recipient(device.contact.sealing) for device in authority.entitled(group, at)]
    return [Recipient(authority.epoch(group).sealing, tag)]
