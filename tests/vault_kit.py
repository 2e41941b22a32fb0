"""A small vault with a few people in it, for tests: made once, copied for each test."""

from __future__ import annotations

import atexit
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from keys.identity import Identity
from vault.deposit import Description, Stored
from vault.model import Role
from vault.session import Session

START = 1_770_000_000
SMALL = b"They waited outside the clinic at seven in the morning.\n"
LARGE = b"".join(number.to_bytes(4, "big") for number in range(400_000))
NAMES = {"ana": "Ana Ruiz", "ben": "Ben Okafor", "carla": "Carla Vega", "aud": "Dolores Haddad"}
TITLE = "Raids in April"


@cache
def identity(name: str) -> Identity:
    """The same person each time: ana founds, ben is an attorney, carla an advocate, aud audits."""
    return Identity.create(NAMES.get(name, name))


class Clock:
    """A clock that a test sets; it moves on by a second each time it is read."""

    def __init__(self, at: float = START) -> None:
        self.at = at

    def __call__(self) -> float:
        self.at += 1
        return self.at


@dataclass
class World:
    """A vault, everybody's local state, and what is in it.

    Args:
        root: The folder of it all: `vault` and a home for each person.
        case: The case's id, held by ana and ben.
        stored: Its records: a small and a large one.
    """

    root: Path
    case: str
    stored: list[Stored]
    fingerprint: str
    clock: Clock = field(default_factory=Clock)

    @property
    def path(self) -> Path:
        """The vault's folder."""
        return self.root / "vault"

    @property
    def blobs(self) -> list[Path]:
        """All blobs, the smallest first."""
        found = [path for path in (self.path / "blobs").glob("??/*") if path.is_file()]
        return sorted(found, key=lambda path: path.stat().st_size)

    def home(self, name: str) -> Path:
        """Somebody's folder for local state."""
        return self.root / "homes" / name

    @contextmanager
    def session(self, name: str) -> Iterator[Session]:
        """Somebody at work."""
        with Session.open(self.path, identity(name), self.home(name), clock=self.clock) as session:
            yield session

    def join(self, name: str) -> None:
        """Let somebody join who was added."""
        Session.join(
            self.path, identity(name), self.home(name), self.fingerprint, clock=self.clock
        ).close()

    def read_all(self, name: str) -> dict[str, tuple[str, bytes]]:
        """Everything that somebody can retrieve: name and content by record."""
        with self.session(name) as session:
            labels = {listed.id: str(listed.label.values["name"]) for listed in session.records()}
            opened = session.release(list(labels), "review", "a test")
            return {
                got.listed.id: (labels[got.listed.id], b"".join(session.content(got)))
                for got in opened
            }

    def copy(self, target: Path) -> World:
        """An independent copy of it all."""
        shutil.copytree(self.root, target)
        return World(target, self.case, self.stored, self.fingerprint, Clock(self.clock.at))

    @contextmanager
    def database(self) -> Iterator[sqlite3.Connection]:
        """The raw database, for whoever writes the disk."""
        connection = sqlite3.connect(self.path / "vault.db")
        try:
            with connection:
                yield connection
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            connection.close()


@cache
def _template() -> World:
    root = Path(tempfile.mkdtemp(prefix="evault-test-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    clock = Clock()
    files = root / "files"
    files.mkdir()
    (files / "small.txt").write_bytes(SMALL)
    (files / "large.bin").write_bytes(LARGE)
    with Session.create(root / "vault", identity("ana"), root / "homes/ana", clock=clock) as ana:
        ana.add_member(identity("ben").contact().note, [Role.ATTORNEY])
        ana.add_member(identity("carla").contact().note, [Role.ADVOCATE])
        ana.add_member(identity("aud").contact().note, [Role.AUDITOR])
        case = ana.open_case(TITLE, "2026-014").id
        said = Description("A title", {"source": {"basis": "stated", "value": "Rosa Ejemplo"}})
        stored = ana.add([files / "small.txt", files / "large.bin"], case, said)
        ana.grant(case, identity("ben").device)
        world = World(root, case, stored, ana.fingerprint, clock)
    for name in ("ben", "carla", "aud"):
        world.join(name)
    shutil.rmtree(files)
    return world


def make(tmp_path: Path) -> World:
    """A fresh world for one test."""
    return _template().copy(tmp_path / "world")
