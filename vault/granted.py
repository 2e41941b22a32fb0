"""What somebody reads who was granted single records of a case and does not hold it.

Such a member has no key of the case: the deposit's entry is closed to them. What ties a record to
the log is the public part of that entry, and what opens it is the record's secret, which a holder
has sealed to this device. Neither the rows nor who wrote them are trusted: the statement commits to
every seal, and a secret that does not open the record's label is not used.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from keys.errors import Error
from vault import fields, grantseals, ids, renewed
from vault.authority import Authority
from vault.authority.judge import denied
from vault.errors import DamageError, DeniedError, MissingError, VerificationError
from vault.log import entry
from vault.model import Deposit, RecordsGrant, SealedSecret
from vault.note import ACCESS
from vault.recordkeys import Place
from vault.replica import Replica
from vault.store import CONFIRMED, Reads


def holds(replica: Replica, case: str, at: int) -> bool:
    """Whether this device's member holds a case at a time (seconds since the epoch)."""
    return replica.authority.holds(_me(replica), case, at)


def readable(replica: Replica, reads: Reads, at: int) -> dict[bytes, list[bytes]]:
    """The records that this device can open because they were granted one by one, by deposit and in
    its order; of cases that its member holds, none.

    Args:
        replica: The verified view.
        reads: A snapshot.
        at: Seconds since the epoch.

    Raises:
        MissingError: One is not in the vault.
    """
    device, me, authority = replica.keyring.device, _me(replica), replica.authority
    found: dict[bytes, dict[int, bytes]] = {}
    for case in authority.cases:
        if authority.holds(me, case, at):
            continue
        for granted in authority.granted_records(me, case, at):
            for name in granted.records if device in granted.devices else ():
                record = ids.parse(name)
                owner = reads.owner(record)
                deposit = owner and reads.deposit(owner[0])
                if owner is None or not deposit:
                    raise MissingError("a record is missing from the vault", "run `evault check`")
                if _outdated(replica, granted, _renewed(replica, reads, deposit)):
                    continue
                if not destroyed(replica, reads, record):
                    found.setdefault(deposit.id, {})[owner[1]] = record
    return {
        deposit: [record for _, record in sorted(places.items())]
        for deposit, places in found.items()
    }


def destroyed(replica: Replica, reads: Reads, record: bytes) -> bool:
    """Whether a record was destroyed, by what everyone can read of the entry that says so.

    Raises:
        DamageError, MissingError: The store says so, and the log does not.
    """
    index = reads.tombstone(record)
    if index is None:
        return False
    if record.hex() not in _public(replica, reads, index).get("destroyed", ()):
        raise DamageError(
            "a record is called destroyed by an entry that does not say so", "run `evault check`"
        )
    return True


def check_root(replica: Replica, reads: Reads, deposit: Deposit, leaves: list[bytes]) -> None:
    """Compare a deposit's records with what everyone can read of its entry, and of that of its last
    re-encryption.

    Args:
        replica: The verified view.
        reads: A snapshot.
        deposit: Its row.
        leaves: Of its records, in order, 32 bytes each.

    Raises:
        VerificationError, MissingError: They are not the same, or an entry is another deposit's.
    """
    own = _public(replica, reads, deposit.entry).get("deposit")
    if own is None or own["id"] != deposit.id.hex():
        raise DamageError("a deposit's row names an entry that is not its own")
    again = _renewed(replica, reads, deposit)
    if again is not None:
        renewed.check_originals(reads, deposit, own["records_root"])
    root = own["records_root"] if again is None else again.root
    if fields.records_root(leaves).hex() != root:
        raise not_as_signed()


def not_as_signed() -> DamageError:
    """The error for records that are not those of their deposit."""
    return DamageError(
        "a record's row is not what its depositor signed",
        "run `evault check`, and restore the vault from a backup that is not older",
    )


def secret(replica: Replica, reads: Reads, deposit: Deposit, record: bytes, at: int) -> bytes:
    """A record's secret, as it was sealed to this device.

    Args:
        replica: The verified view.
        reads: A snapshot.
        deposit: The record's.
        record: Its 16-byte id.
        at: Seconds since the epoch.

    Raises:
        DeniedError: It was not granted to this member, or not to this device, or not since it was
            encrypted anew.
        MissingError, DamageError: What was sealed is missing, or is not what was signed.
    """
    device, case, name = replica.keyring.device, ids.show(deposit.case), ids.show(record)
    given = replica.authority.granted_records(_me(replica), case, at)
    given = [granted for granted in given if name in granted.records]
    if not given:
        raise denied("not-holder")
    mine = [granted for granted in given if device in granted.devices]
    if not mine:
        raise DeniedError(
            f"record {name[:8]} was granted to you before this device was added",
            "ask for the grant again: it is sealed to each of your devices",
            reason="no-key",
        )
    again = _renewed(replica, reads, deposit)
    mine = [granted for granted in mine if not _outdated(replica, granted, again)]
    if not mine:
        raise DeniedError(
            f"record {name[:8]} was encrypted anew since it was granted to you",
            "ask for it to be granted again",
            reason="no-key",
        )
    place = Place(ids.parse(replica.vault), deposit.case, deposit.id, record)
    # The last one first: it was sealed to what the record is now.
    for granted in reversed(mine):
        stored = reads.record_grant(granted.statement, granted.position(name, device))
        if stored is not None:
            return _open(replica, granted, place, stored)
    raise MissingError(
        f"what opens the granted record {name[:8]} is missing from the vault",
        "run `evault check`, and ask for the grant again",
    )


def false(granted_record: str) -> DamageError:
    """The error for a secret that was granted and does not open its record."""
    return DamageError(
        f"what was granted for record {granted_record[:8]} does not open it",
        "tell another holder of the case, and ask for the grant again",
    )


def problems(replica: Replica, reads: Reads, at: int) -> Iterator[tuple[str, RecordsGrant, str]]:
    """What is wrong with the stored seals of everybody's grants, as far as that needs no key.

    Args:
        replica: The verified view.
        reads: A snapshot.
        at: Seconds since the epoch.

    Yields:
        A record's id, the grant, and what is wrong in words.
    """
    for granted in _all(replica.authority):
        # Whose time is up waits for the next act, which deletes the rows.
        for name in granted.records if granted.holds(at) else ():
            gone = _gone(replica, reads, granted, ids.parse(name))
            for device in granted.devices:
                stored = reads.record_grant(granted.statement, granted.position(name, device))
                wanted = device in replica.authority.devices and not gone
                if (stored is not None) != wanted:
                    yield name, granted, _MISSING if wanted else _LEFT
                elif stored is not None:
                    try:
                        grantseals.verify(granted, stored)
                    except Error:
                        yield name, granted, _FALSE


def left_over(authority: Authority, reads: Reads) -> list[bytes]:
    """Statements (note-id hashes) whose seals are stored though they give nobody a right: they were
    revoked or never counted, and somebody has put them there."""
    known = {granted.statement for granted in _all(authority)}
    return [statement for statement in reads.granting() if statement not in known]


_MISSING = "what opens a granted record is missing"
_LEFT = "what opened a granted record is still there, or there again"
_FALSE = "what opens a granted record is not what was signed"


def _all(authority: Authority) -> list[RecordsGrant]:
    return [
        granted
        for case in authority.cases.values()
        for several in case.records.values()
        for granted in several
    ]


def _gone(replica: Replica, reads: Reads, granted: RecordsGrant, record: bytes) -> bool:
    """Whether nothing opens a record by a grant any more: it was destroyed, or encrypted anew."""
    owner = reads.owner(record)
    deposit = owner and reads.deposit(owner[0])
    if reads.tombstone(record) is not None or not deposit:
        return True
    return _outdated(replica, granted, _renewed(replica, reads, deposit))


@dataclass(frozen=True, slots=True)
class _Renewed:
    """A deposit's records after they were encrypted anew: their root, and since which entry."""

    root: str
    since: int


def _renewed(replica: Replica, reads: Reads, deposit: Deposit) -> _Renewed | None:
    """The last re-encryption of a deposit that was confirmed, as far as everyone can tell.

    Raises:
        DamageError: The log does not say so.
    """
    found = None
    for row in reads.renewals_of(deposit.id):
        if row.state != CONFIRMED:
            continue
        said = _public(replica, reads, row.entry).get("reencrypted")
        if said is None:
            continue
        by = _public(replica, reads, row.confirmed).get("confirms")
        if said["id"] != deposit.id.hex() or by != row.entry:
            raise DamageError("a deposit's records are others than the log says")
        found = _Renewed(said["records_root"], row.confirmed)
    return found


def _outdated(replica: Replica, granted: RecordsGrant, again: _Renewed | None) -> bool:
    """Whether records were encrypted anew after they were granted."""
    # The gate's note beside the statement says how long the access log was then.
    then = replica.at(granted.index + 1).access_size
    return again is not None and again.since >= then


def _public(replica: Replica, reads: Reads, index: int) -> dict[str, Any]:
    return entry.parse(replica.consistent_entry(reads, ACCESS, index)).public


def _open(replica: Replica, granted: RecordsGrant, place: Place, stored: SealedSecret) -> bytes:
    device, name = replica.keyring.device, ids.show(place.record)
    try:
        grantseals.verify(granted, stored)
    except Error:
        raise DamageError(
            f"what opens the granted record {name[:8]} is not what was signed",
            "run `evault check`, and ask for the grant again",
        ) from None
    try:
        return grantseals.open_with(replica.keyring.own, device, stored.seal, place)
    except VerificationError:
        raise false(name) from None


def _me(replica: Replica) -> str:
    return replica.authority.member_of(replica.keyring.device).id
