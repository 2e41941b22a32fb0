"""Single records of a case: granted to somebody who does not hold it, for a while or without end.

Whoever grants them seals each record's secret to each of the other's devices. That gives the label
and, with the gate's share, the content of exactly this record; nothing else of the case.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vault import granted, grantseals, ids, retrieve
from vault.authority import draft
from vault.client import Client
from vault.errors import DeniedError, MalformedError, NotFoundError, UsageError
from vault.kinds import MAX_RECORDS
from vault.model import RecordsGrant
from vault.retrieve import Listed
from vault.statements import Body, contacts_of

_KIND = "records-granted"


@dataclass(frozen=True, slots=True)
class Granted:
    """A grant of single records that is in force.

    Args:
        case: The case's id.
        grant: To whom, which, until when.
        here: Whether this device is among those that the records were sealed to; None if the grant
            is somebody else's.
    """

    case: str
    grant: RecordsGrant
    here: bool | None


class Grants:
    """The single records that members of a vault were granted.

    Args:
        client: One member's device.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    def grant_records(
        self, case: str, member: str, records: Sequence[str], until: int | None = None
    ) -> None:
        """Grant somebody some records of a case, in as many statements as that needs.

        Args:
            case: The case's id.
            member: Theirs.
            records: Ids of records of the case, in the order in which they were chosen.
            until: When it ends, in seconds since the epoch; None for no end.

        Raises:
            DeniedError: This member may not, or the other cannot be granted it.
            NotFoundError: A record is not in the case.
            VerificationError, MissingError: One is damaged or missing.
        """
        if not records:
            raise UsageError("no record is named", "name at least one")
        if len(set(records)) != len(records):
            raise UsageError("a record is given twice", "name each record once")
        self._client.catch_up()
        for start in range(0, len(records), MAX_RECORDS):
            self._grant(case, member, records[start : start + MAX_RECORDS], until)

    def granted(self, member: str | None = None) -> list[Granted]:
        """The grants of single records that are in force, oldest first.

        Who holds the whole case is not among them.

        Args:
            member: Only theirs.
        """
        authority, at = self._client.authority, self._client.now()
        device = self._client.identity.device
        me = authority.member_of(device).id
        found = [
            Granted(case.id, grant, device in grant.devices if name == me else None)
            for case in authority.cases.values()
            for name in case.records
            if member in {None, name} and not authority.holds(name, case.id, at)
            for grant in authority.granted_records(name, case.id, at)
        ]
        return sorted(found, key=lambda one: one.grant.index)

    def unreadable(self) -> list[str]:
        """The records that this member was granted one by one and that this device cannot open: it
        was added later, or they were encrypted anew. They have to be granted again. Destroyed ones
        are not among them.

        Raises:
            VerificationError, MissingError: Something is damaged or missing.
        """
        client, at = self._client, self._client.now()
        with client.view() as reads:
            me = client.authority.member_of(client.identity.device).id
            open_here = granted.readable(client.replica, reads, at)
            found = {ids.show(name) for names in open_here.values() for name in names}
            mine = (name for one in self.granted(me) for name in one.grant.records)
            return [
                name
                for name in dict.fromkeys(mine)
                if name not in found
                and not granted.destroyed(client.replica, reads, ids.parse(name))
            ]

    def _grant(self, case: str, member: str, records: Sequence[str], until: int | None) -> None:
        said: Body = {"case": case, "member": member, "records": list(records), "until": until}
        listed = self._listed(said)
        seals: list[bytes] = []

        def body() -> Body:
            # Each time for the devices that the member has now.
            seals[:] = [
                grantseals.seal_to(one.secret, one.place, contact)
                for one in listed
                for contact in contacts_of(self._client.authority, member)
            ]
            return {**said, "seals": grantseals.root(seals)}

        self._client.state(_KIND, body, lambda: (grantseals.encode(seals),))

    def _listed(self, said: Body) -> list[Listed]:
        """The records with their secrets; none if the gate will refuse the grant anyway, so that
        its refusal stands in the log."""
        client, at = self._client, self._client.now()
        try:
            fields = {**said, "seals": "", "id": ids.show(ids.draw())}
            draft(client.authority, _KIND, fields, client.identity.device, at)
        except (DeniedError, MalformedError):
            return []
        names = [ids.parse(record) for record in said["records"]]
        with client.view() as reads:
            for record, name in zip(said["records"], names, strict=True):
                owner = reads.owner(name)
                deposit = reads.deposit(owner[0]) if owner else None
                if deposit is None or ids.show(deposit.case) != said["case"]:
                    raise NotFoundError(
                        f"record {record[:8]} is not in this case", "see `evault list`"
                    )
            return retrieve.find(client.replica, reads, names, at)
