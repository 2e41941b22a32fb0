"""Reads and writes of the tables, within one snapshot or one transaction.

Statements are built once; rows come and go in batches, so memory does not grow with the vault.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from sqlalchemy import bindparam, func, insert, select
from sqlalchemy.dialects.sqlite import insert as upsert

from vault.errors import DamageError, MissingError
from vault.model import Deposit, Record
from vault.note import ACCESS, AUTHORITY
from vault.store import tables
from vault.store.changes import ChangeReads, ChangeWrites
from vault.store.kept import KeptReads, KeptWrites
from vault.store.rows import deposit_of, record_of, record_row

_LOGS = {AUTHORITY: 0, ACCESS: 1}
_BATCH = 1000

_HEAD = select(tables.log_head.c.note).where(tables.log_head.c.log == bindparam("log"))
_ENTRY = select(tables.log_entry.c.raw).where(
    tables.log_entry.c.log == bindparam("log"), tables.log_entry.c.position == bindparam("at")
)
_ENTRIES = (
    select(tables.log_entry.c.position, tables.log_entry.c.raw)
    .where(
        tables.log_entry.c.log == bindparam("log"),
        tables.log_entry.c.position >= bindparam("start"),
        tables.log_entry.c.position < bindparam("stop"),
    )
    .order_by(tables.log_entry.c.position)
)
_STORED = select(func.count()).where(
    tables.log_entry.c.log == bindparam("log"),
    tables.log_entry.c.position >= 0,
    tables.log_entry.c.position < bindparam("stop"),
)
_POSITIONS = (
    select(tables.log_entry.c.position)
    .where(tables.log_entry.c.log == bindparam("log"), tables.log_entry.c.position >= 0)
    .order_by(tables.log_entry.c.position)
    .execution_options(yield_per=_BATCH)
)
_NODE = select(tables.log_node.c.hash).where(
    tables.log_node.c.log == bindparam("log"),
    tables.log_node.c.level == bindparam("level"),
    tables.log_node.c.position == bindparam("at"),
)
_NODES = select(tables.log_node).order_by(
    tables.log_node.c.log, tables.log_node.c.level, tables.log_node.c.position
)
_NOTE_ID = select(tables.log_entry.c.position).where(
    tables.log_entry.c.note_id == bindparam("note_id")
)
_NOTE_IDS = select(tables.log_entry.c.log, tables.log_entry.c.position, tables.log_entry.c.note_id)
_LENGTH = select(func.count()).where(tables.log_entry.c.log == bindparam("log"))
_DEPOSIT = select(tables.deposit).where(tables.deposit.c.id == bindparam("id"))
_DEPOSITS = select(tables.deposit).order_by(tables.deposit.c.entry)
_DEPOSITS_OF = _DEPOSITS.where(tables.deposit.c.case_id == bindparam("case"))
_OWNER = select(tables.record.c.deposit, tables.record.c.position).where(
    tables.record.c.id == bindparam("id")
)
_RECORD = select(tables.record).where(tables.record.c.id == bindparam("id"))
_RECORDS = (
    select(tables.record)
    .where(
        tables.record.c.deposit == bindparam("deposit"),
        tables.record.c.position >= bindparam("start"),
    )
    .order_by(tables.record.c.position)
    .limit(_BATCH)
)
_LEAVES = (
    select(tables.record.c.leaf)
    .where(tables.record.c.deposit == bindparam("deposit"))
    .order_by(tables.record.c.position)
)
_CONTENT_SIZE = select(func.coalesce(func.sum(tables.record.c.content_size), 0)).where(
    tables.record.c.deposit == bindparam("deposit")
)
_RECORD_IDS = select(tables.record.c.id).where(
    tables.record.c.id >= bindparam("low"), tables.record.c.id <= bindparam("high")
)
_STRAYS = select(func.count()).where(tables.record.c.deposit.not_in(select(tables.deposit.c.id)))
_COUNT = select(func.count()).select_from(tables.record)
_ADD_ENTRY = insert(tables.log_entry)
_ADD_NODES = insert(tables.log_node)
_ADD_DEPOSIT = insert(tables.deposit)
_ADD_RECORDS = insert(tables.record)
_SET_HEAD = upsert(tables.log_head)
_SET_HEAD = _SET_HEAD.on_conflict_do_update(
    index_elements=["log"], set_={"note": _SET_HEAD.excluded.note}
)


class Reads(ChangeReads, KeptReads):
    """What can be asked of the store, all from one snapshot. Nothing of it is verified."""

    def head(self, log: str) -> bytes:
        """The signed head of a log.

        Raises:
            MissingError: There is none.
        """
        found = self._connection.execute(_HEAD, {"log": _LOGS[log]}).scalar()
        if found is None:
            raise MissingError(f"the head of the {log} log is missing")
        return bytes(found)

    def length(self, log: str) -> int:
        """How many entries of a log are stored."""
        return int(self._connection.execute(_LENGTH, {"log": _LOGS[log]}).scalar_one())

    def entry(self, log: str, index: int) -> bytes:
        """The bytes of one entry.

        Raises:
            MissingError: It is not there.
        """
        found = self._connection.execute(_ENTRY, {"log": _LOGS[log], "at": index}).scalar()
        if found is None:
            raise MissingError(f"entry {index} of the {log} log is missing")
        return bytes(found)

    def entries(self, log: str, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
        """Index and bytes of the entries from `start` up to and without `stop`, in order.

        Raises:
            MissingError: One is not there.
        """
        at = start
        while at < stop:
            upto = min(at + _BATCH, stop)
            asked = {"log": _LOGS[log], "start": at, "stop": upto}
            rows = [(there, raw) for there, raw in self._connection.execute(_ENTRIES, asked)]
            if [there for there, _ in rows] != list(range(at, upto)):
                gap = next((n for n, (there, _) in enumerate(rows) if there != at + n), len(rows))
                yield from rows[:gap]
                raise MissingError(f"entry {at + gap} of the {log} log is missing")
            yield from rows
            at = upto

    def stored(self, log: str, size: int) -> int:
        """How many of the first entries of a log are there."""
        asked = {"log": _LOGS[log], "stop": size}
        return int(self._connection.execute(_STORED, asked).scalar_one())

    def gap(self, log: str) -> int:
        """The index of the first entry of a log that is not there."""
        result = self._connection.execute(_POSITIONS, {"log": _LOGS[log]})
        count = -1
        for count, position in enumerate(result.scalars()):
            if position != count:
                return count
        return count + 1

    def node(self, log: str, level: int, index: int) -> bytes:
        """The hash of a full subtree of a log.

        Raises:
            MissingError: It is not there.
        """
        key = {"log": _LOGS[log], "level": level, "at": index}
        found = self._connection.execute(_NODE, key).scalar()
        if found is None:
            raise MissingError(f"a node of the {log} log is missing")
        return bytes(found)

    def nodes(self) -> Iterator[tuple[str, int, int, bytes]]:
        """All nodes: log, level, index, hash."""
        result = self._connection.execute(_NODES, execution_options={"yield_per": _BATCH})
        for log, level, position, hashed in result:
            yield _log_name(log), level, position, bytes(hashed)

    def note_ids(self) -> Iterator[tuple[str, int, bytes]]:
        """Log, index and note-id hash of every entry, as the index of used ids has them."""
        result = self._connection.execute(_NOTE_IDS, execution_options={"yield_per": _BATCH})
        for log, position, note_id in result:
            yield _log_name(log), position, bytes(note_id)

    def used(self, note_id: bytes) -> bool:
        """Whether an entry with this note-id hash (32 bytes) is in either log."""
        return self._connection.execute(_NOTE_ID, {"note_id": note_id}).first() is not None

    def deposit(self, deposit: bytes) -> Deposit | None:
        """A deposit by its 16-byte id."""
        row = self._connection.execute(_DEPOSIT, {"id": deposit}).first()
        return None if row is None else deposit_of(row)

    def deposits_of(self, case: bytes) -> list[Deposit]:
        """The deposits of a case (16-byte id), oldest first."""
        return [deposit_of(row) for row in self._connection.execute(_DEPOSITS_OF, {"case": case})]

    def deposits(self) -> list[Deposit]:
        """All deposits, oldest first."""
        return [deposit_of(row) for row in self._connection.execute(_DEPOSITS)]

    def owner(self, record: bytes) -> tuple[bytes, int] | None:
        """The deposit of a record (16-byte id) and its place there."""
        row = self._connection.execute(_OWNER, {"id": record}).first()
        return None if row is None else (bytes(row[0]), int(row[1]))

    def record(self, record: bytes) -> Record | None:
        """A record by its 16-byte id."""
        row = self._connection.execute(_RECORD, {"id": record}).first()
        return None if row is None else record_of(row)

    def records(self, deposit: bytes) -> Iterator[tuple[Record, bytes]]:
        """Each record of a deposit, in order, with its stored leaf hash.

        Raises:
            MissingError: There is a gap among their positions.
        """
        at = 0
        while True:
            rows = self._connection.execute(_RECORDS, {"deposit": deposit, "start": at}).all()
            for row in rows:
                if row.position != at:
                    raise MissingError("a record of a deposit is missing", "run `evault check`")
                yield record_of(row), bytes(row.leaf)
                at += 1
            if len(rows) < _BATCH:
                return

    def leaves(self, deposit: bytes) -> list[bytes]:
        """The stored leaf hashes of a deposit's records, in order."""
        result = self._connection.execute(_LEAVES, {"deposit": deposit})
        return [bytes(leaf) for leaf in result.scalars()]

    def content_size(self, deposit: bytes) -> int:
        """How many bytes the contents of a deposit have, as they are stored."""
        return int(self._connection.execute(_CONTENT_SIZE, {"deposit": deposit}).scalar_one())

    def record_ids(self, low: bytes, high: bytes, most: int = 10) -> list[bytes]:
        """The ids of up to `most` records between two ids."""
        query = _RECORD_IDS.limit(most)
        found = self._connection.execute(query, {"low": low, "high": high}).scalars()
        return [bytes(record) for record in found]

    def record_count(self) -> int:
        """How many records there are."""
        return int(self._connection.execute(_COUNT).scalar_one())

    def strays(self) -> int:
        """How many records belong to no deposit."""
        return int(self._connection.execute(_STRAYS).scalar_one())

    def sound(self) -> list[str]:
        """What the database says of its own pages and keys; nothing if they are sound."""
        rows = self._connection.exec_driver_sql("PRAGMA integrity_check(10)").scalars().all()
        return [str(row) for row in rows if row != "ok"]


class Writes(Reads, ChangeWrites, KeptWrites):
    """The one writer, within its transaction."""

    def append(
        self,
        log: str,
        index: int,
        raw: bytes,
        note_id: bytes,
        nodes: Iterable[tuple[int, int, bytes]],
    ) -> None:
        """Store an entry and the tree nodes that it completes.

        Args:
            log: Which log.
            index: Its place, the log's length so far.
            raw: The entry's bytes.
            note_id: The hash of its note's id.
            nodes: Level, index, hash.

        Raises:
            BusyError: The note id or the index is taken.
        """
        number = _LOGS[log]
        self._connection.execute(
            _ADD_ENTRY, {"log": number, "position": index, "note_id": note_id, "raw": raw}
        )
        self._connection.execute(
            _ADD_NODES,
            [
                {"log": number, "level": level, "position": at, "hash": hashed}
                for level, at, hashed in nodes
            ],
        )

    def set_head(self, log: str, note: bytes) -> None:
        """Replace the signed head of a log."""
        self._connection.execute(_SET_HEAD, {"log": _LOGS[log], "note": note})

    def add_deposit(self, deposit: Deposit) -> None:
        """Store a deposit, before its records."""
        self._connection.execute(
            _ADD_DEPOSIT,
            {
                "id": deposit.id,
                "case_id": deposit.case,
                "epoch": deposit.epoch,
                "gate_epoch": deposit.gate_epoch,
                "case_seal": deposit.case_seal,
                "gate_seal": deposit.gate_seal,
                "entry": deposit.entry,
                "count": deposit.count,
            },
        )

    def add_records(self, deposit: bytes, start: int, rows: Sequence[tuple[Record, bytes]]) -> None:
        """Store a batch of records with their leaf hashes.

        Args:
            deposit: Its 16-byte id.
            start: The place of the first in the deposit.
            rows: At most about a thousand, to bound the memory.
        """
        self._connection.execute(
            _ADD_RECORDS,
            [
                record_row(deposit, start + number, record, leaf)
                for number, (record, leaf) in enumerate(rows)
            ],
        )


def _log_name(number: int) -> str:
    for name, known in _LOGS.items():
        if known == number:
            return name
    raise DamageError("the vault's database has a log that does not exist")
