"""The formats are what FORMAT.md says: a reader written from it alone opens a real vault."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from reader import Reader
from vault_kit import LARGE, SMALL, World, identity, make

from keys import keyfile

PASSPHRASE = "una frase larga مرحبا"


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A vault with releases, and rotations of every group."""
    made = make(tmp_path)
    made.read_all("ben")
    with made.session("ana") as ana:
        ana.rotate("members", "gate", made.case)
        ana.rotate("members")
        ana.grant(made.case, identity("carla").device)
    with made.database():
        pass
    return made


def reader(world: World, name: str) -> Reader:
    """The second reader, as somebody."""
    data = keyfile.encode(identity(name), PASSPHRASE, keyfile.LEAST)
    return Reader(world.path, data, PASSPHRASE, world.fingerprint)


def test_it_shares_no_code_with_the_product() -> None:
    """Only the cryptography package and the standard library."""
    tree = ast.parse(Path(__file__).with_name("reader.py").read_text())
    names = {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.module}
    names |= {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    tops = {name.split(".")[0] for name in names}
    assert tops == {
        "__future__",
        "base64",
        "cryptography",
        "hashlib",
        "json",
        "pathlib",
        "sqlite3",
        "typing",
    }


@pytest.mark.parametrize("name", ["ana", "ben", "carla"])
def test_it_opens_records(world: World, name: str) -> None:
    """Each holder, also one granted after rotations, opens labels, particulars and content."""
    records = reader(world, name).records(world.case)
    found = {label["name"]: (particulars, data) for label, particulars, data in records.values()}
    assert found["small.txt"][1] == SMALL
    assert found["large.bin"][1] == LARGE
    assert found["small.txt"][0]["source"] == {"basis": "stated", "value": "Rosa Ejemplo"}


def test_it_verifies_the_log(world: World) -> None:
    """Both logs verify from genesis to heads, and an entry with its reason opens."""
    acts = reader(world, "ben").acts(world.case)
    assert [act.get("purpose") for act, _, _ in acts] == [None, "review"]
    assert [gate["outcome"] for _, gate, _ in acts] == ["done", "released"]
    assert acts[1][2] == {"why": "a test"}


def test_it_notices_damage(world: World) -> None:
    """It is a reader that can fail: an entry with one other byte is not in the log."""
    with world.database() as database:
        (raw,) = database.execute("select raw from log_entry where log = 1").fetchone()
        altered = raw[:-1] + bytes([raw[-1] ^ 1])
        database.execute("update log_entry set raw = ? where log = 1 and position = 0", (altered,))
    with pytest.raises(AssertionError):
        reader(world, "ben")
