"""Damage is named, and wrong plaintext never appears."""

from __future__ import annotations

from pathlib import Path

import pytest
from vault_kit import LARGE, SMALL, World, make

from keys.errors import Error, MalformedError, VerificationError
from vault.check import check
from vault.store import Store

RIGHT = {"small.txt": SMALL, "large.bin": LARGE}

COLUMNS = [
    ("log_entry", "raw", "log = 0"),
    ("log_entry", "raw", "log = 1"),
    ("log_entry", "note_id", "log = 0"),
    ("log_entry", "note_id", "log = 1"),
    ("log_node", "hash", "log = 0"),
    ("log_node", "hash", "log = 1"),
    ("log_head", "note", "log = 0"),
    ("log_head", "note", "log = 1"),
    ("deposit", "id", "1"),
    ("deposit", "case_id", "1"),
    ("deposit", "case_seal", "1"),
    ("deposit", "gate_seal", "1"),
    ("record", "id", "position = 0"),
    ("record", "deposit", "position = 0"),
    ("record", "salt", "position = 0"),
    ("record", "leaf", "position = 0"),
    ("record", "content_digest", "position = 0"),
    ("record", "fields_root", "position = 0"),
    ("record", "blob", "position = 0"),
    ("record", "label", "position = 0"),
    ("record", "particulars", "position = 0"),
]
NUMBERS = [
    ("log_entry", "position", "log = 0 and position = 3"),
    ("log_entry", "position", "log = 1 and position = 1"),
    ("log_node", "position", "log = 0 and level = 0 and position = 2"),
    ("log_node", "level", "log = 0 and level = 0 and position = 2"),
    ("deposit", "epoch", "1"),
    ("deposit", "gate_epoch", "1"),
    ("deposit", "entry", "1"),
    ("deposit", "count", "1"),
    ("record", "position", "position = 1"),
    ("record", "content_size", "position = 0"),
    ("record", "offset", "position = 0"),
]


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A vault with some history, so that every table has rows that matter."""
    made = make(tmp_path)
    made.read_all("ben")
    return made


def noticed(world: World) -> bool:
    """Whether `check` names a problem: keyless, or with ana's keys, or by refusing to begin."""
    try:
        store = Store(world.path)
    except Error:
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


def right_or_refused(world: World) -> None:
    """Both holders get exactly what was stored, or an error that says that something is wrong."""
    for name in ("ben", "ana"):
        try:
            contents = world.read_all(name)
        except VerificationError:
            continue
        for called, data in contents.values():
            assert data == RIGHT[called]


def flip(world: World, table: str, column: str, where: str, part: float) -> None:
    """Change one byte of one value, whatever the database's own rules say."""
    with world.database() as database:
        database.execute("PRAGMA foreign_keys=OFF")
        rowid = "rowid" if table != "log_node" else "log * 1000000 + level * 1000 + position"
        query = f"select {rowid}, {column} from {table} where {where} order by 1"  # noqa: S608
        rows = database.execute(query).fetchall()
        row, value = rows[int(part * (len(rows) - 1))]
        at = int(part * (len(value) - 1))
        changed = value[:at] + bytes([value[at] ^ 0x20]) + value[at + 1 :]
        update = f"update {table} set {column} = ? where {rowid} = ?"  # noqa: S608
        database.execute(update, (changed, row))


def test_an_unaltered_vault_has_no_problem(world: World) -> None:
    """The control."""
    assert not noticed(world)
    right_or_refused(world)
    assert not noticed(world)


@pytest.mark.parametrize("part", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("place", COLUMNS, ids=lambda place: "-".join(place[:2]) + place[2][-1])
def test_a_flipped_byte_in_the_database_is_noticed(
    world: World, place: tuple[str, str, str], part: float
) -> None:
    """Whatever value it is in, the damage is named and no wrong plaintext appears."""
    flip(world, *place, part)
    right_or_refused(world.copy(world.root.with_name("again")))
    assert noticed(world)


@pytest.mark.parametrize("place", NUMBERS, ids=lambda place: "-".join(place[:2]) + place[2][-1])
def test_a_changed_number_in_the_database_is_noticed(
    world: World, place: tuple[str, str, str]
) -> None:
    """Positions, epochs, sizes and offsets are as well defended as bytes."""
    table, column, where = place
    with world.database() as database:
        database.execute("PRAGMA foreign_keys=OFF")
        update = f"update {table} set {column} = {column} + 97 where {where}"  # noqa: S608
        assert database.execute(update).rowcount == 1
    right_or_refused(world.copy(world.root.with_name("again")))
    assert noticed(world)


@pytest.mark.parametrize("table", ["log_entry", "log_node", "log_head", "deposit", "record"])
def test_a_deleted_row_is_noticed(world: World, table: str) -> None:
    """What is dropped from a table is missed."""
    with world.database() as database:
        database.execute("PRAGMA foreign_keys=OFF")
        last = {"log_node": "log = 1 and level = 0 and position = 0"}.get(
            table,
            f"rowid = (select max(rowid) from {table})",  # noqa: S608
        )
        assert database.execute(f"delete from {table} where {last}").rowcount == 1  # noqa: S608
    right_or_refused(world.copy(world.root.with_name("again")))
    assert noticed(world)


@pytest.mark.parametrize("which", [0, 1], ids=["pack", "large"])
@pytest.mark.parametrize("part", [0.0, 0.2, 0.5, 0.8, 1.0])
def test_a_flipped_byte_of_a_blob_is_noticed(world: World, which: int, part: float) -> None:
    """Salt, commitment, chunk or tag: every byte of a blob counts."""
    blob = world.blobs[which]
    data = bytearray(blob.read_bytes())
    data[int(part * (len(data) - 1))] ^= 1
    blob.write_bytes(data)
    assert noticed(world)
    right_or_refused(world)


@pytest.mark.parametrize("which", [0, 1], ids=["pack", "large"])
@pytest.mark.parametrize("cut", [1, 16, 16400, None])
def test_a_cut_or_missing_blob_is_noticed(world: World, which: int, cut: int | None) -> None:
    """A blob that lacks its end, a whole chunk, or itself, is named."""
    blob = world.blobs[which]
    if cut is None:
        blob.unlink()
    else:
        blob.write_bytes(blob.read_bytes()[:-cut] if cut < blob.stat().st_size else b"")
    assert noticed(world)
    right_or_refused(world)


def test_the_right_error_for_an_unknown_format(world: World) -> None:
    """A changed format line is another format, not damage."""
    (world.path / "FORMAT").write_text("evault vault 4\n")
    with pytest.raises(MalformedError, match="format"):
        Store(world.path)


@pytest.mark.parametrize("name", ["pins", "statements"])
@pytest.mark.parametrize("part", [0.0, 0.1, 0.9, 1.0])
def test_a_flipped_byte_of_local_state_is_noticed_or_harmless(
    world: World, name: str, part: float
) -> None:
    """Damaged pins stop the client; a damaged cache is read anew from the vault."""
    (state,) = (world.home("ben") / "vaults").iterdir()
    data = bytearray((state / name).read_bytes())
    data[int(part * (len(data) - 1))] ^= 1
    (state / name).write_bytes(data)
    if name == "pins":
        with pytest.raises(VerificationError):
            world.read_all("ben")
    else:
        assert dict(world.read_all("ben").values()) == RIGHT


def test_a_file_that_is_no_database_is_named(world: World) -> None:
    """Garbage in the database's place is damage, in one line."""
    for path in world.path.glob("vault.db*"):
        path.write_bytes(b"not a database at all" * 500)
    with pytest.raises(VerificationError):
        world.read_all("ben")


KEYLESS = [
    place for place in COLUMNS if place[:2] not in {("log_head", "note"), ("deposit", "case_id")}
]


@pytest.mark.parametrize("place", KEYLESS, ids=lambda place: "-".join(place[:2]) + place[2][-1])
def test_the_check_without_keys_names_what_the_log_commits_to(
    world: World, place: tuple[str, str, str]
) -> None:
    """Entries, nodes, seals, rows and blobs need no key to be compared with the log."""
    flip(world, *place, 0.5)
    store = Store(world.path)
    assert check(store).problems
    store.close()


def test_a_deposit_of_a_case_that_is_none_is_damage(world: World) -> None:
    """It is not passed over in a list, and asking for it is no question of rights."""
    flip(world, "deposit", "case_id", "1", 0.5)
    (record, *_) = [stored.record for stored in world.stored]
    with world.session("ben") as ben:
        for use in (
            lambda: list(ben.records()),
            lambda: ben.record(record),
            lambda: ben.release([record], "review", "a reason"),
        ):
            with pytest.raises(VerificationError, match="case"):
                use()


def test_who_cannot_open_a_deposit_still_names_a_case_that_is_none(world: World) -> None:
    """A member who holds nothing checks what the authority alone can tell."""
    flip(world, "deposit", "case_id", "1", 0.5)
    with world.session("carla") as carla:
        assert {problem.code for problem in check(carla.store, carla).problems} == {"deposit"}
