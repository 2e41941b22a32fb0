"""What happens to deposits and records after they were stored, since format 2.

Secrets of single records that were granted, requests, new seals and new rows that wait for their
confirmation, and what was destroyed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from sqlalchemy import (
    Connection,
    LargeBinary,
    Table,
    bindparam,
    delete,
    func,
    insert,
    select,
    type_coerce,
    update,
)

from vault.errors import DamageError, MissingError
from vault.model import Record, Renewal, SealedSecret
from vault.store import tables
from vault.store.rows import (
    CONFIRMED,
    DROPPED,
    RENEWALS,
    REQUESTS,
    WAITING,
    named,
    origin_of,
    record_of,
    record_row,
    renewal_of,
    sealed_of,
)

BATCH = 1000
ORIGIN_SIZE = 136

_grant, _renewal, _next = tables.record_grant.c, tables.renewal.c, tables.record_next.c

_GRANT = select(tables.record_grant).where(
    _grant.statement == bindparam("statement"), _grant.position == bindparam("at")
)
_GRANTED = select(_grant.statement).distinct().order_by(_grant.statement)
_DROP_GRANTS = delete(tables.record_grant).where(_grant.statement == bindparam("of"))
_DROP_GRANT = _DROP_GRANTS.where(_grant.position == bindparam("at"))
_REQUEST = select(tables.request).where(tables.request.c.note_id == bindparam("note_id"))
_REQUESTS = select(tables.request).order_by(tables.request.c.entry)
_RENEWALS = (
    select(tables.renewal)
    .where(_renewal.entry == bindparam("entry"), _renewal.position >= bindparam("start"))
    .order_by(_renewal.position)
    .limit(BATCH)
)
_RENEWALS_OF = (
    select(tables.renewal)
    .where(_renewal.deposit == bindparam("deposit"))
    .order_by(_renewal.entry, _renewal.position)
)
_GOVERNING = (
    select(tables.renewal)
    .where(
        _renewal.deposit == bindparam("deposit"),
        _renewal.state == RENEWALS.index(CONFIRMED),
    )
    .order_by(_renewal.entry.desc())
    .limit(1)
)
_PENDING = (
    select(_renewal.entry)
    .where(_renewal.state == RENEWALS.index(WAITING))
    .distinct()
    .order_by(_renewal.entry)
)
_PENDING_IN = _PENDING.join(tables.deposit, tables.deposit.c.id == _renewal.deposit).where(
    tables.deposit.c.case_id == bindparam("case")
)
_RENEWED = select(_renewal.entry).distinct().order_by(_renewal.entry)
_NEXT = select(tables.record_next).where(_next.id == bindparam("id"))
_NEXT_OF = (
    select(tables.record_next)
    .where(_next.entry == bindparam("entry"), _next.position >= bindparam("start"))
    .order_by(_next.position)
    .limit(BATCH)
)
_GONE = select(tables.tombstone.c.record)
_SPOILT = select(_next.id).where(_next.entry == bindparam("entry"), _next.id.in_(_GONE)).limit(1)
_BLOB_USED, _BLOB_WAITS = (
    select(table.c.id)
    # Of a destroyed record the blob has nothing any more but zeros.
    .where(table.c.blob == bindparam("blob"), table.c.id.not_in(_GONE))
    .limit(1)
    for table in (tables.record, tables.record_next)
)
_ORIGIN = select(tables.record_origin.c.origin).where(
    tables.record_origin.c.record == bindparam("record")
)
_ORIGINALS = (
    select(
        tables.record.c.id,
        # Nothing for a record that was never encrypted anew.
        type_coerce(tables.record_origin.c.origin, LargeBinary()).label("origin"),
        tables.record.c.fields_root,
        tables.record.c.leaf,
    )
    .outerjoin(tables.record_origin, tables.record_origin.c.record == tables.record.c.id)
    .where(tables.record.c.deposit == bindparam("deposit"))
    .order_by(tables.record.c.position)
)
_RECORD = select(tables.record).where(tables.record.c.id == bindparam("id"))
_TO_DEVICES = select(tables.deposit.c.id).where(
    tables.deposit.c.case_id == bindparam("case"),
    func.substr(tables.deposit.c.case_seal, 17, 8) != bytes(8),
)
_TOMBSTONE = select(tables.tombstone.c.entry).where(
    tables.tombstone.c.record == bindparam("record")
)
_TOMBSTONES = select(tables.tombstone).order_by(tables.tombstone.c.entry, tables.tombstone.c.record)
# A row that waits is kept too: it says where its content lies, until that is erased.
_BLANKS = [
    update(table)
    .where(table.c.id == bindparam("of"))
    .values(salt=bytes(32), label=b"", particulars=b"")
    for table in (tables.record, tables.record_next)
]
_RESEAL = (
    update(tables.deposit)
    .where(tables.deposit.c.id == bindparam("of"))
    .values(
        epoch=bindparam("new_epoch"),
        gate_epoch=bindparam("new_gate_epoch"),
        case_seal=bindparam("new_case_seal"),
        gate_seal=bindparam("new_gate_seal"),
    )
)
_NEWER = ("salt", "leaf", "content_digest", "content_size", "fields_root", "blob", "offset")
_CONTAINERS = ("label", "particulars")
_REPLACE = (
    update(tables.record)
    .where(tables.record.c.id == bindparam("of"))
    .values({name: bindparam("new_" + name) for name in (*_NEWER, *_CONTAINERS)})
)


class ChangeReads:
    """What can be asked of it, all from one snapshot. Nothing of it is verified."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # --- single records that were granted --------------------------------------------------------

    def record_grant(self, statement: bytes, position: int) -> SealedSecret | None:
        """A secret that a statement (note-id hash, 32 bytes) granted, by its place among them."""
        row = self._connection.execute(_GRANT, {"statement": statement, "at": position}).first()
        return None if row is None else sealed_of(row)

    def granting(self) -> list[bytes]:
        """The statements that secrets are stored of."""
        return [bytes(statement) for statement in self._connection.execute(_GRANTED).scalars()]

    # --- requests -------------------------------------------------------------------------------

    def request(self, note_id: bytes) -> str | None:
        """What became of a request or an answer (note-id hash, 32 bytes); None if it was never
        logged as one that counts."""
        row = self._connection.execute(_REQUEST, {"note_id": note_id}).first()
        return None if row is None else named(REQUESTS, row.state)

    def requests(self) -> list[tuple[bytes, int, str]]:
        """All requests and answers that count: note-id hash, index of the entry, state."""
        rows = self._connection.execute(_REQUESTS)
        return [(bytes(row.note_id), row.entry, named(REQUESTS, row.state)) for row in rows]

    # --- renewals -------------------------------------------------------------------------------

    def renewals(self, entry: int) -> Iterator[Renewal]:
        """The new seals that an entry brought, in its order.

        Raises:
            MissingError: There is a gap among their positions.
        """
        at = 0
        while True:
            rows = self._connection.execute(_RENEWALS, {"entry": entry, "start": at}).all()
            for row in rows:
                if row.position != at:
                    raise MissingError("a new seal of a deposit is missing", "run `evault check`")
                yield renewal_of(row)
                at += 1
            if len(rows) < BATCH:
                return

    def renewals_of(self, deposit: bytes) -> list[Renewal]:
        """All new seals that a deposit ever got, oldest first."""
        rows = self._connection.execute(_RENEWALS_OF, {"deposit": deposit})
        return [renewal_of(row) for row in rows]

    def governing(self, deposit: bytes) -> Renewal | None:
        """The last confirmed renewal of a deposit, from which its present seals come."""
        row = self._connection.execute(_GOVERNING, {"deposit": deposit}).first()
        return None if row is None else renewal_of(row)

    def pending_renewals(self, case: bytes | None = None) -> list[int]:
        """The entries whose new seals, of deposits of one case or of all, wait for their
        confirmation."""
        query = _PENDING if case is None else _PENDING_IN
        found = self._connection.execute(query, {} if case is None else {"case": case}).scalars()
        return [int(entry) for entry in found]

    def sealed_to_devices(self, case: bytes) -> set[bytes]:
        """The deposits of a case whose case secret is not sealed to an epoch."""
        # Of LP(LP(to, seal), ...) these are the 8 bytes with the length of the first `to`.
        found = self._connection.execute(_TO_DEVICES, {"case": case}).scalars()
        return {bytes(deposit) for deposit in found}

    def renewed(self) -> list[int]:
        """All entries that ever brought new seals."""
        return [int(entry) for entry in self._connection.execute(_RENEWED).scalars()]

    def next_record(self, record: bytes) -> Record | None:
        """A record as a re-encryption that waits has made it."""
        row = self._connection.execute(_NEXT, {"id": record}).first()
        return None if row is None else record_of(row)

    def next_records(self, entry: int) -> Iterator[tuple[int, Record, bytes]]:
        """Place in the deposit, record and leaf of all that an entry has re-encrypted, in order."""
        at = 0
        while True:
            rows = self._connection.execute(_NEXT_OF, {"entry": entry, "start": at}).all()
            for row in rows:
                yield row.position, record_of(row), bytes(row.leaf)
                at = row.position + 1
            if len(rows) < BATCH:
                return

    def spoilt(self, entry: int) -> bool:
        """Whether a record that an entry has re-encrypted, and that waits, was destroyed since."""
        return self._connection.execute(_SPOILT, {"entry": entry}).first() is not None

    def origin(self, record: bytes) -> bytes | None:
        """What a record's leaf was made of when it came in, if it was encrypted anew since."""
        found = self._connection.execute(_ORIGIN, {"record": record}).scalar()
        return None if found is None else bytes(found)

    def originals(self, deposit: bytes) -> Iterator[tuple[bytes, bytes | None, bytes, bytes]]:
        """Of each record of a deposit, in order: id, origin if it was encrypted anew, fields root,
        stored leaf."""
        for row in self._connection.execute(_ORIGINALS, {"deposit": deposit}):
            origin = row.origin
            if origin is not None and (type(origin) is not bytes or len(origin) != ORIGIN_SIZE):
                raise DamageError("the vault's database has a value of the wrong kind")
            yield bytes(row.id), origin, bytes(row.fields_root), bytes(row.leaf)

    def blob_used(self, blob: bytes) -> bool:
        """Whether a record that is not destroyed names this blob, or one that waits for its
        confirmation."""
        return any(
            self._connection.execute(query, {"blob": blob}).first() is not None
            for query in (_BLOB_USED, _BLOB_WAITS)
        )

    # --- destruction ----------------------------------------------------------------------------

    def tombstone(self, record: bytes) -> int | None:
        """The index of the entry by which a record was destroyed."""
        found = self._connection.execute(_TOMBSTONE, {"record": record}).scalar()
        return None if found is None else int(found)

    def tombstones(self) -> dict[bytes, int]:
        """All records that were destroyed, each with the index of the entry."""
        rows = self._connection.execute(_TOMBSTONES)
        return {bytes(row.record): int(row.entry) for row in rows}


class ChangeWrites(ChangeReads):
    """What the one writer does to it, within its transaction."""

    # --- single records that were granted --------------------------------------------------------

    def add_record_grants(self, rows: Sequence[SealedSecret]) -> None:
        """Store secrets of single records."""
        for start in range(0, len(rows), BATCH):
            self._connection.execute(
                insert(tables.record_grant),
                [
                    {
                        "statement": row.statement,
                        "position": row.position,
                        "seal": row.seal,
                        "path": row.path,
                    }
                    for row in rows[start : start + BATCH]
                ],
            )

    def drop_record_grants(self, statement: bytes, positions: Iterable[int] | None = None) -> None:
        """Delete the secrets that a statement granted: all of them, or those at some places."""
        if positions is None:
            self._connection.execute(_DROP_GRANTS, {"of": statement})
            return
        rows = [{"of": statement, "at": at} for at in positions]
        if rows:
            self._connection.execute(_DROP_GRANT, rows)

    # --- requests -------------------------------------------------------------------------------

    def add_request(self, note_id: bytes, entry: int, state: str) -> None:
        """Remember a request or an answer to one.

        Args:
            note_id: The hash of its note's id, 32 bytes.
            entry: Its index in the access log.
            state: What has become of it.
        """
        self._connection.execute(
            insert(tables.request),
            {"note_id": note_id, "entry": entry, "state": REQUESTS.index(state)},
        )

    def set_request(self, note_id: bytes, state: str) -> None:
        """Remember what became of a request."""
        self._connection.execute(
            update(tables.request)
            .where(tables.request.c.note_id == bindparam("of"))
            .values(state=REQUESTS.index(state)),
            {"of": note_id},
        )

    # --- renewals -------------------------------------------------------------------------------

    def add_renewals(self, rows: Sequence[Renewal]) -> None:
        """Store new seals of deposits, a batch at a time."""
        self._connection.execute(
            insert(tables.renewal),
            [
                {
                    "entry": row.entry,
                    "position": row.position,
                    "deposit": row.deposit,
                    "leaf": row.leaf,
                    "state": RENEWALS.index(row.state),
                    "epoch": row.epoch,
                    "gate_epoch": row.gate_epoch,
                    "case_seal": row.case_seal,
                    "gate_seal": row.gate_seal,
                    "confirmed": row.confirmed,
                }
                for row in rows
            ],
        )

    def confirm_renewals(self, entry: int, confirmed: int) -> None:
        """Put the new seals of an entry in the place of the old ones, which are gone then.

        Args:
            entry: The entry that brought them.
            confirmed: The entry that confirms them.
        """
        batch: list[Renewal] = []
        for row in self.renewals(entry):
            # What was confirmed or dropped has no seals any more to put anywhere.
            if row.state != WAITING:
                continue
            batch.append(row)
            if len(batch) == BATCH:
                self._reseal(batch)
                batch = []
        self._reseal(batch)
        self._settle_renewals(entry, CONFIRMED, confirmed)

    def drop_renewals(self, entry: int) -> None:
        """Give up new seals that waited."""
        self._settle_renewals(entry, DROPPED, 0)

    def _reseal(self, batch: Sequence[Renewal]) -> None:
        if batch:
            self._connection.execute(
                _RESEAL,
                [
                    {
                        "of": row.deposit,
                        "new_epoch": row.epoch,
                        "new_gate_epoch": row.gate_epoch,
                        "new_case_seal": row.case_seal,
                        "new_gate_seal": row.gate_seal,
                    }
                    for row in batch
                ],
            )

    def _settle_renewals(self, entry: int, state: str, confirmed: int) -> None:
        self._connection.execute(
            update(tables.renewal)
            .where(_renewal.entry == bindparam("of"), _renewal.state == RENEWALS.index(WAITING))
            .values(state=RENEWALS.index(state), case_seal=b"", gate_seal=b"", confirmed=confirmed),
            {"of": entry},
        )

    def add_next_records(
        self, entry: int, deposit: bytes, rows: Sequence[tuple[int, Record, bytes]]
    ) -> None:
        """Store a batch of re-encrypted records.

        Args:
            entry: The index of the re-encryption.
            deposit: Its 16-byte id.
            rows: Place in the deposit, record, leaf.
        """
        self._connection.execute(
            insert(tables.record_next),
            [
                {"entry": entry, **record_row(deposit, position, record, leaf)}
                for position, record, leaf in rows
            ],
        )

    def confirm_next_records(self, entry: int) -> list[bytes]:
        """Put re-encrypted records in the place of the old ones.

        Nothing that was destroyed is among them: such a re-encryption is never confirmed.

        Returns:
            The blobs that no record names any more: to be deleted after the commit.
        """
        blobs: set[bytes] = set()
        for position, record, leaf in self.next_records(entry):
            blobs |= self._blob_of(tables.record, record.id)
            self._keep_origin(record.id)
            row = record_row(b"", position, record, leaf)
            self._connection.execute(
                _REPLACE,
                {
                    "of": record.id,
                    **{"new_" + name: row[name] for name in (*_NEWER, *_CONTAINERS)},
                },
            )
        self._connection.execute(
            delete(tables.record_next).where(_next.entry == bindparam("of")), {"of": entry}
        )
        return self._unnamed(blobs)

    def _keep_origin(self, record: bytes) -> None:
        """Keep what a record's first leaf was made of: it ties the new one to its depositor."""
        row = self._connection.execute(_RECORD, {"id": record}).first()
        if row is not None and self.origin(record) is None:
            self._connection.execute(
                insert(tables.record_origin),
                {"record": record, "origin": origin_of(record_of(row))},
            )

    def drop_next_records(self, entry: int) -> list[bytes]:
        """Give up re-encrypted records that waited.

        Returns:
            The blobs that no record names any more: to be deleted after the commit.
        """
        blobs = {record.blob for _, record, _ in self.next_records(entry)}
        self._connection.execute(
            delete(tables.record_next).where(_next.entry == bindparam("of")), {"of": entry}
        )
        return self._unnamed(blobs)

    def _blob_of(self, table: Table, record: bytes) -> set[bytes]:
        query = select(table.c.blob).where(table.c.id == bindparam("of"))
        return {bytes(blob) for blob in self._connection.execute(query, {"of": record}).scalars()}

    def _unnamed(self, blobs: Iterable[bytes]) -> list[bytes]:
        return [blob for blob in blobs if not self.blob_used(blob)]

    # --- destruction ----------------------------------------------------------------------------

    def destroy_record(self, record: bytes, entry: int) -> None:
        """Take away what a record's keys, label and particulars come from; its leaf stays.

        Secrets of it that were granted go by `vault.gate.grants.forget`, which can tell which.

        Args:
            record: Its 16-byte id.
            entry: The index of the entry that says so.
        """
        for blank in _BLANKS:
            self._connection.execute(blank, {"of": record})
        self._connection.execute(insert(tables.tombstone), {"record": record, "entry": entry})
