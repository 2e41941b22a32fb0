"""Reads and writes of the tables.

`Store.read()` gives one consistent snapshot; `Store.write()` the only writer, for one transaction.
Statements are built once; rows come and go in batches, so memory does not grow with the vault.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import (
    Connection,
    Engine,
    Table,
    bindparam,
    create_engine,
    event,
    exc,
    func,
    insert,
    select,
    text,
)
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.pool import QueuePool
from sqlalchemy.schema import CreateTable

from vault.errors import BusyError, DamageError, Error, FileError, MissingError, ReadOnlyError
from vault.model import Deposit, Record
from vault.note import ACCESS, AUTHORITY
from vault.store import folder, tables
from vault.store.blobs import Blobs, sync_folder
from vault.store.changes import ChangeReads, ChangeWrites
from vault.store.kept import KeptReads, KeptWrites
from vault.store.rows import deposit_of, record_of, record_row

_LOGS = {AUTHORITY: 0, ACCESS: 1}
_BATCH = 1000
_DATABASE = "vault.db"
_WAIT = 5.0
_GRACE = 7 * 24 * 3600
_COLLECTED = "collected"
_UNSWEPT = "unswept"

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
_TABLES = text("SELECT name FROM main.sqlite_master WHERE type = 'table'")

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


class Store:
    """A vault's bytes on this machine's disk.

    Args:
        path: The vault's folder.
        fresh: True while it is being made and is not declared a vault yet.

    Raises:
        NoVaultError, MalformedError, FileError: as `folder.check_format`.
        MissingError: The folder has no database.
    """

    def __init__(self, path: Path, *, fresh: bool = False) -> None:
        if not fresh:
            folder.check_format(path)
        if not (path / _DATABASE).exists():
            raise MissingError("the vault's database is missing", "restore it from a backup")
        self.path = path
        self._file = _identity(path / _DATABASE)
        self.blobs = Blobs(path / "blobs")
        # An older vault is read as it is, and changed by the first who writes.
        version = folder.FORMAT if fresh else folder.version(path)
        self._older = version < folder.FORMAT
        self._shadowed = tables.missing(version)
        self._engine = _engine(path / _DATABASE, self._shadowed)

    @classmethod
    def create(cls, path: Path) -> Store:
        """Make an empty store in a new folder.

        The folder is declared a vault by `finish`, so that half a vault is never taken for one.

        Raises:
            FileError: Something is there already, or it cannot be made.
            NetworkFolderError: It would be on a network file system.
        """
        folder.create(path)
        blobs = Blobs(path / "blobs")
        with _translated():
            blobs.prepare()
            engine = _engine(path / _DATABASE)
            tables.metadata.create_all(engine)
            engine.dispose()
        return cls(path, fresh=True)

    def finish(self) -> None:
        """Declare the folder a vault."""
        with _translated():
            folder.write_format(self.path)

    def collect(self, now: float) -> int:
        """Delete what unfinished deposits left behind, about once a week.

        Args:
            now: Seconds since the epoch; what is younger than a week stays, because it may belong
                to a deposit under way.

        Returns:
            How many files were deleted.
        """
        marker = self.path / "blobs" / _COLLECTED
        try:
            if marker.exists() and marker.stat().st_mtime > now - _GRACE:
                return 0
            marker.touch()
        except OSError:
            # Tidying up is never a reason to fail.
            return 0
        with self.read() as reads:
            return self.blobs.collect(reads.blob_used, now - _GRACE)

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    @contextmanager
    def read(self) -> Iterator[Reads]:
        """One consistent snapshot.

        Raises:
            MissingError: The database was taken away since it was opened.
            BusyError, DamageError, FileError: as the database has it.
        """
        self._check_there()
        with _translated(), ExitStack() as stack:
            connection = self._begin(stack)
            yield Reads(connection)

    @contextmanager
    def write(self) -> Iterator[Writes]:
        """The write lock and one transaction: everything is kept, or nothing.

        Raises:
            BusyError: Another process holds the lock.
            MissingError: The database was taken away since it was opened: what was written is lost.
            ReadOnlyError: The vault cannot be written.
            DamageError, FileError: as the database has it.
        """
        with _translated():
            if self._older:
                self._migrate()
            connection = self._engine.connect().execution_options(evault_write=True)
            with connection, connection.begin():
                yield Writes(connection)
            # What went into a file that has no name any more is lost: nothing may follow from it.
            self._check_there(log=True)

    def _check_there(self, *, log: bool = False) -> None:
        """Make sure that the database that is open is the one that lies in the folder.

        The system lets a program go on with a file that somebody else has deleted or replaced.

        Args:
            log: Whether something was written just now, so that there is a write-ahead log.

        Raises:
            MissingError: It is not.
        """
        file = self.path / _DATABASE
        try:
            there = _identity(file) == self._file
            there = there and (not log or file.with_name(file.name + "-wal").exists())
        except FileNotFoundError:
            there = False
        if not there:
            raise MissingError(
                "the vault's database was deleted or replaced while it was open, so nothing can be "
                "logged and nothing is released",
                "find out who did that, and restore it from a backup that is not older",
            )

    def _begin(self, stack: ExitStack) -> Connection:
        """A connection with one snapshot, in which no table of the file is hidden."""
        while True:
            connection = stack.enter_context(self._engine.connect())
            stack.enter_context(connection.begin())
            if not self._shadowed:
                return connection
            there = set(connection.execute(_TABLES).scalars())
            hidden = tuple(table for table in self._shadowed if table.name not in there)
            if hidden == self._shadowed:
                return connection
            # Somebody else has written meanwhile: what they wrote is not to be overlooked.
            stack.close()
            self._unshadow(_engine(self.path / _DATABASE, hidden), hidden)

    def owe_sweep(self) -> None:
        """Note down, durably, that something will have to be erased: see `sweep`.

        Raises:
            FileError: It cannot be written.
        """
        with _translated():
            (self.path / "blobs" / _UNSWEPT).touch()
            sync_folder(self.path / "blobs")

    @property
    def owes_sweep(self) -> bool:
        """Whether something of destroyed records may be left to erase."""
        return (self.path / "blobs" / _UNSWEPT).exists()

    def sweep(self) -> bool:
        """Erase what is left of destroyed records: their content, and old rows in the database's
        write-ahead log. May be called again; a kill in between leaves something to do.

        Returns:
            Whether nothing is left: another reader can keep the write-ahead log from being emptied.

        Raises:
            FileError: A blob cannot be written.
        """
        with self.read() as reads:
            gone = list(reads.tombstones())
            rows = [find(record) for record in gone for find in (reads.record, reads.next_record)]
        for row in rows:
            if row is not None:
                self.blobs.erase(row.blob, row.offset, row.content_size)
        done = self.truncate_log()
        if done:
            with _translated():
                (self.path / "blobs" / _UNSWEPT).unlink(missing_ok=True)
        return done

    def truncate_log(self) -> bool:
        """Write all of the write-ahead log into the database and empty it: what was overwritten or
        deleted is then in neither. False if another reader kept it from that."""
        with _translated():
            # Outside of a transaction, which would keep the log itself.
            connection = self._engine.connect().execution_options(evault_outside=True)
            with connection:
                busy, *_ = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
                return not busy

    def _migrate(self) -> None:
        """Bring a vault of an older format to this one: tables are added, nothing else changes.

        A kill in between leaves the old format with tables that it does not look at.
        """
        engine = _engine(self.path / _DATABASE)
        try:
            with engine.connect().execution_options(evault_write=True) as connection:
                with connection.begin():
                    tables.metadata.create_all(connection, tables.missing(1))
                # Under the lock: two who do it at once would write the same file.
                with connection.begin():
                    if folder.version(self.path) < folder.FORMAT:
                        folder.write_format(self.path)
        except BaseException:
            engine.dispose()
            raise
        self._unshadow(engine)
        self._older = False

    def _unshadow(self, engine: Engine, hidden: tuple[Table, ...] = ()) -> None:
        """Go on with connections that see all tables of the file but those it does not have."""
        self._engine.dispose()
        self._engine, self._shadowed = engine, hidden


def _engine(path: Path, shadowed: Sequence[Table] = ()) -> Engine:
    fixed = folder.read_only(path.parent)
    log = path.with_name(path.name + "-wal")
    if fixed and log.exists() and log.stat().st_size:
        raise ReadOnlyError(
            "the vault was not closed, and cannot be where nothing can be written",
            "copy it to a disk that can be written, and use it there",
        )

    def connect() -> sqlite3.Connection:
        # Quoted, so that no character of a path means anything. On a read-only disk there is no
        # place for the write-ahead log, and nothing can change: then the database does without.
        place = f"file:{quote(os.fsencode(path.absolute()))}" + ("?immutable=1" if fixed else "")
        return sqlite3.connect(place, timeout=_WAIT, check_same_thread=False, uri=True)

    engine = create_engine("sqlite://", creator=connect, poolclass=QueuePool)

    @event.listens_for(engine, "connect")
    def _connected(raw: Any, _record: Any) -> None:
        # The driver's own transaction handling would begin too late; see `_begun`.
        raw.isolation_level = None
        cursor = raw.cursor()
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "secure_delete=ON",
            "foreign_keys=ON",
            "trusted_schema=OFF",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        for table in shadowed:
            # What an older vault does not have is empty: nothing in its file changes.
            cursor.execute(str(CreateTable(table)).replace("CREATE", "CREATE TEMPORARY", 1))
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        # A writer takes the lock at once: two that read first and write later could deadlock.
        options = connection.get_execution_options()
        if not options.get("evault_outside", False):
            write = options.get("evault_write", False)
            connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def _identity(file: Path) -> tuple[int, int]:
    """Which file a path leads to."""
    found = file.stat()
    return found.st_dev, found.st_ino


def _log_name(number: int) -> str:
    for name, known in _LOGS.items():
        if known == number:
            return name
    raise DamageError("the vault's database has a log that does not exist")


_WORDS: Sequence[tuple[str, type[Error], str, str]] = (
    ("locked", BusyError, "another process holds the vault", "try again in a moment"),
    ("busy", BusyError, "another process holds the vault", "try again in a moment"),
    (
        "full",
        FileError,
        "the disk is full, so nothing can be logged: nothing was changed and nothing is released",
        "free some space and try again",
    ),
    (
        "disk I/O error",
        FileError,
        "the disk is full or fails, so the vault cannot be used, and nothing is released",
        "free some space; if there is enough, copy the vault to another disk",
    ),
    (
        "unable to open",
        FileError,
        "the vault's database, or a file beside it, cannot be opened, and nothing is released",
        "look at vault.db and vault.db-wal in its folder: are they files that you can write?",
    ),
    (
        "readonly",
        ReadOnlyError,
        "the vault cannot be written, so nothing can be logged and nothing is released",
        "check the folder's permissions and the disk",
    ),
    ("malformed", DamageError, "the vault's database is damaged", "restore it from a backup"),
    ("not a database", DamageError, "the vault's database is damaged", "restore it from a backup"),
    ("no such table", DamageError, "the vault's database is damaged", "restore it from a backup"),
    ("no such column", DamageError, "the vault's database is damaged", "restore it from a backup"),
)


@contextmanager
def _translated() -> Iterator[None]:
    """Turn what the database and the file system raise into the vault's own words."""
    try:
        yield
    except exc.IntegrityError:
        raise BusyError(
            "an id or an index in the vault is taken already", "try again with a fresh act"
        ) from None
    except exc.DBAPIError as error:
        said = str(error.orig)
        for word, kind, message, hint in _WORDS:
            if word in said:
                raise kind(message, hint) from None
        raise FileError(f"the vault's database cannot be used: {said}") from None
    except exc.SQLAlchemyError as error:
        raise DamageError(f"the vault's database is damaged: {type(error).__name__}") from None
    except OSError as error:
        raise FileError(f"the vault cannot be used: {error.strerror}") from None
