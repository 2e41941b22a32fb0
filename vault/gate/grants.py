"""The gate keeps the sealed secrets of records that are granted one by one, and deletes them.

It can open none of them. They are kept in the order of the statement and not under ids, so a seized
disk does not tell which records somebody was granted. With the right to them they are deleted.
"""

from __future__ import annotations

from collections.abc import Collection

from vault import grantseals
from vault.authority import Authority
from vault.authority.judge import denied
from vault.errors import MalformedError
from vault.gate.records import find
from vault.message import Message
from vault.model import RecordsGrant, SealedSecret
from vault.note import Note
from vault.store import Reads, Writes


def check(reads: Reads, after: Authority, statement: Note, message: Message) -> list[bytes]:
    """The seals that come with a statement which grants records.

    Args:
        reads: The transaction.
        after: The authority that the statement makes.
        statement: It.
        message: What it came in.

    Raises:
        MalformedError: They are not one for each record and device, or not those signed for.
        DeniedError: A record is not in the case, or is no more.
    """
    if len(message.attachments) != 1:
        raise MalformedError("records are granted with one list of seals")
    seals, granted = grantseals.parse(message.attachments[0]), _granted(after, statement)
    if len(seals) != granted.count:
        raise MalformedError("records are not granted with one seal for each record and device")
    if grantseals.root(seals) != granted.seals:
        raise MalformedError("the seals of granted records are not those that were signed")
    reason = find(reads, statement.body["case"], statement.body["records"])
    if reason is not None:
        raise denied(reason)
    return seals


def keep(writes: Writes, statement: Note, seals: list[bytes]) -> None:
    """Keep the seals of a statement, each with what proves that it belongs to it."""
    both = zip(seals, grantseals.paths(seals), strict=True)
    writes.add_record_grants(
        [SealedSecret(statement.id_hash, at, *one) for at, one in enumerate(both)]
    )


def sweep(writes: Writes, before: Authority, after: Authority, at: int) -> bool:
    """Delete the seals of grants that have ended, and of devices that are gone.

    Args:
        writes: The transaction.
        before: The authority before what was appended.
        after: The authority after it.
        at: The gate's time.

    Returns:
        Whether there were any.
    """
    stored, found = writes.granting(), False
    if not stored:
        return False
    live = {granted.statement: granted for granted in grants(after) if granted.holds(at)}
    gone = before.devices.keys() - after.devices.keys()
    for statement in stored:
        granted = live.get(statement)
        if granted is None:
            writes.drop_record_grants(statement)
            found = True
            continue
        columns = [number for number, device in enumerate(granted.devices) if device in gone]
        width = len(granted.devices)
        for column in columns:
            writes.drop_record_grants(statement, range(column, granted.count, width))
            found = True
    return found


def forget(writes: Writes, authority: Authority, records: Collection[str]) -> None:
    """Delete what opens some records, for everybody whom they were granted to one by one.

    Args:
        writes: The transaction.
        authority: In force.
        records: Their ids: they were destroyed, or have other secrets now.
    """
    for granted in grants(authority):
        width = len(granted.devices)
        for number, record in enumerate(granted.records):
            if record in records:
                rows = range(number * width, (number + 1) * width)
                writes.drop_record_grants(granted.statement, rows)


def grants(authority: Authority) -> list[RecordsGrant]:
    """All grants of single records that were not revoked; they may have ended."""
    return [
        granted
        for case in authority.cases.values()
        for several in case.records.values()
        for granted in several
    ]


def _granted(after: Authority, statement: Note) -> RecordsGrant:
    case, member = statement.body["case"], statement.body["member"]
    return after.cases[case].records[member][-1]
