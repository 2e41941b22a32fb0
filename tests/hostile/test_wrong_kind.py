"""The database keeps values of any type: whoever writes the disk can put anything anywhere."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest
from vault_kit import LARGE, SMALL, World, make

from keys.errors import Error, VerificationError
from vault.check import check
from vault.store import Store

RIGHT = {"small.txt": SMALL, "large.bin": LARGE}
BYTES = [
    ("log_entry", "raw"),
    ("log_entry", "note_id"),
    ("log_node", "hash"),
    ("log_head", "note"),
    ("deposit", "id"),
    ("deposit", "case_id"),
    ("deposit", "case_seal"),
    ("deposit", "gate_seal"),
    ("record", "id"),
    ("record", "deposit"),
    ("record", "salt"),
    ("record", "leaf"),
    ("record", "content_digest"),
    ("record", "fields_root"),
    ("record", "blob"),
    ("record", "label"),
    ("record", "particulars"),
]
NUMBERS = [
    ("log_entry", "log"),
    ("log_entry", "position"),
    ("log_node", "log"),
    ("log_node", "level"),
    ("log_node", "position"),
    ("deposit", "epoch"),
    ("deposit", "gate_epoch"),
    ("deposit", "entry"),
    ("deposit", "count"),
    ("record", "position"),
    ("record", "content_size"),
    ("record", "offset"),
]
# An integer in the place of bytes must not become so many zeros.
ODD_BYTES = ["text", 1.5, 1 << 62, -1, b""]
ODD_NUMBERS = ["text", 1.5, b"\xff", -1, 1 << 62]


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A vault with some history."""
    made = make(tmp_path)
    made.read_all("ben")
    return made


def plant(world: World, table: str, column: str, value: object) -> None:
    """Put a value into the last row of a table."""
    where = f"rowid = (select max(rowid) from {table})"  # noqa: S608
    if table == "log_node":
        where = "log = 1 and level = 0 and position = 0"
    with world.database() as database:
        for pragma in ("foreign_keys=OFF", "ignore_check_constraints=ON"):
            database.execute(f"PRAGMA {pragma}")
        update = f"update {table} set {column} = ? where {where}"  # noqa: S608
        assert database.execute(update, (value,)).rowcount == 1


def named(world: World) -> bool:
    """Whether the check names a problem: keyless, or with keys, or by refusing to begin."""
    try:
        store = Store(world.path)
    except VerificationError:
        return True
    try:
        if check(store).problems:
            return True
        with world.session("ana") as ana:
            return bool(check(ana.store, ana).problems)
    except VerificationError:
        return True
    finally:
        store.close()


def read(world: World) -> dict[str, bytes] | None:
    """What ben reads, or None if it is refused as damage; anything else fails the test."""
    try:
        return dict(world.read_all("ben").values())
    except VerificationError:
        return None


@pytest.mark.parametrize(
    ("place", "odd"),
    [
        (place, odd)
        for places, odd in ((BYTES, ODD_BYTES), (NUMBERS, ODD_NUMBERS))
        for place in places
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else "",
)
def test_a_value_of_another_kind_is_damage(
    world: World, place: tuple[str, str], odd: list[object]
) -> None:
    """Text, a fraction, a huge or negative number: named by the check, and no reader breaks."""
    clean = world.path.with_name("clean")
    shutil.copytree(world.path, clean)
    for value in odd:
        plant(world, *place, value)
        assert read(world) in (None, RIGHT), value
        assert named(world), value
        shutil.rmtree(world.path)
        shutil.copytree(clean, world.path)


@pytest.mark.parametrize("seed", range(12))
def test_a_flipped_bit_of_the_database_file_deceives_nobody(world: World, seed: int) -> None:
    """Below all tables, in the file's own pages: what is right, or an error, and nothing else."""
    with world.database():
        pass
    chance = random.Random(seed)  # noqa: S311
    path = world.path / "vault.db"
    data = bytearray(path.read_bytes())
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    path.write_bytes(data)
    try:
        assert dict(world.read_all("ben").values()) == RIGHT
    except Error:
        assert named(world)


@pytest.mark.parametrize("which", [0, 1], ids=["pack", "large"])
def test_bytes_after_the_last_record_of_a_blob_are_named(world: World, which: int) -> None:
    """A blob that grew has bytes that nobody signed, though every record in it is whole."""
    with world.blobs[which].open("ab") as file:
        file.write(b"more")
    assert read(world) == RIGHT
    store = Store(world.path)
    assert [problem.code for problem in check(store).problems] == ["content-longer"]
    store.close()
