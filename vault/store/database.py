"""The database: `Store.read()` gives one consistent snapshot, `Store.write()` the only writer."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import (
    Connection,
    Engine,
    Table,
    create_engine,
    event,
    text,
)
from sqlalchemy.pool import QueuePool
from sqlalchemy.schema import CreateTable

from vault.errors import MissingError, ReadOnlyError
from vault.store import folder, tables
from vault.store.blobs import Blobs, sync_folder
from vault.store.transaction import Reads, Writes
from vault.store.words import translated

_DATABASE = "vault.db"
_WAIT = 5.0
_GRACE = 7 * 24 * 3600
_COLLECTED = "collected"
_UNSWEPT = "unswept"

_TABLES = text("SELECT name FROM main.sqlite_master WHERE type = 'table'")


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
        with translated():
            blobs.prepare()
            engine = _engine(path / _DATABASE)
            tables.metadata.create_all(engine)
            engine.dispose()
        return cls(path, fresh=True)

    def finish(self) -> None:
        """Declare the folder a vault."""
        with translated():
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
        with translated(), ExitStack() as stack:
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
        with translated():
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
        with translated():
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
            with translated():
                (self.path / "blobs" / _UNSWEPT).unlink(missing_ok=True)
        return done

    def truncate_log(self) -> bool:
        """Write all of the write-ahead log into the database and empty it: what was overwritten or
        deleted is then in neither. False if another reader kept it from that."""
        with translated():
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
