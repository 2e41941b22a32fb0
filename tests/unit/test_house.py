"""The house: which package may import what, and what the project says of itself."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted([*(ROOT / "vault").rglob("*.py"), *(ROOT / "keys").rglob("*.py")])

ONLY = {
    "cryptography": "keys",
    "argon2": "keys",
    "blake3": "keys",
    "rfc3161_client": "keys",
    "shamir_mnemonic": "keys",
    "sqlalchemy": "vault/store",
    "click": "vault/cli",
    "rich": "vault/cli",
}

# Each room may import from rooms with a smaller number, and from its own.
FLOORS = {
    "keys": 0,
    "vault.errors": 1,
    "vault.ids": 2,
    "vault.visible": 2,
    "vault.model": 3,
    "vault.kinds": 3,
    "vault.shapes": 3,
    "vault.note": 3,
    "vault.fields": 5,
    "vault.log": 4,
    "vault.message": 5,
    "vault.recordkeys": 5,
    "vault.grantseals": 5,
    "vault.granted": 9,
    "vault.recordgrants": 11,
    "vault.authority": 5,
    "vault.store": 5,
    "vault.keyring": 6,
    "vault.local": 6,
    "vault.private": 5,
    "vault.cosigner": 6,
    "vault.conflicts": 6,
    "vault.replica": 7,
    "vault.gate": 8,
    "vault.client": 9,
    "vault.intake": 9,
    "vault.packs": 6,
    "vault.public": 5,
    "vault.disclosed": 6,
    "vault.renewed": 9,
    "vault.sealing": 9,
    "vault.reencrypt": 9,
    "vault.confirming": 9,
    "vault.replaced": 10,
    "vault.renewals": 13,
    "vault.statements": 9,
    "vault.deposit": 9,
    "vault.ticket": 5,
    "vault.parcel": 9,
    "vault.collect": 10,
    "vault.tickets": 12,
    "vault.acts": 8,
    "vault.outfile": 2,
    "vault.retrieve": 9,
    "vault.audit": 10,
    "vault.report": 11,
    "vault.proposals": 10,
    "vault.heads": 11,
    "vault.history": 11,
    "vault.people": 11,
    "vault.post": 2,
    "vault.stamping": 11,
    "vault.casework": 11,
    "vault.requests": 12,
    "vault.names": 6,
    "vault.evidence": 13,
    "vault.duties": 14,
    "vault.session": 15,
    "vault.check": 16,
    "vault.cli": 17,
}


def imports(path: Path) -> set[str]:
    """The dotted names that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def room(name: str) -> str | None:
    """The room that a dotted name is in."""
    parts = name.split(".")
    if parts[0] == "keys":
        return "keys"
    return ".".join(parts[:2]) if parts[0] == "vault" and len(parts) > 1 else None


def module(path: Path) -> str:
    """The dotted name of a file."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_the_right_package_imports_a_library(path: Path) -> None:
    """Cryptography stays in keys, tables in vault/store, the terminal in vault/cli."""
    for name in imports(path):
        home = ONLY.get(name.split(".")[0])
        where = path.relative_to(ROOT).as_posix()
        assert home is None or where.startswith(home + "/"), f"{where} imports {name}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_down_only(path: Path) -> None:
    """No room imports from a room above it; every room has its floor."""
    here = room(module(path))
    if here is None or path == ROOT / "vault/__init__.py":
        return
    for name in imports(path):
        there = room(name)
        if there is not None and there != here:
            assert FLOORS[there] <= FLOORS[here], f"{here} imports {there}"
            assert FLOORS[there] < FLOORS[here] or FLOORS[here] in {3, 5, 6, 9}, (here, there)


def test_importing_the_command_is_quick() -> None:
    """Help and identities need no database: heavy libraries are imported where they are used."""
    code = "import sys, vault.cli; print('sqlalchemy' in sys.modules, 'rich' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_every_promise_names_a_test_that_exists() -> None:
    """Each numbered promise of SECURITY.md names tests, and each of them is there."""
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    promises = re.findall(r"^\d+\. .*?(?=^\d+\. |^## )", text, flags=re.MULTILINE | re.DOTALL)
    assert len(promises) >= 10
    for promise in promises:
        named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", promise)
        assert named, f"no test: {promise[:60]}"
        for file, test in named:
            source = (ROOT / file).read_text(encoding="utf-8")
            assert not test or f"def {test}(" in source, f"{file} has no {test}"


def test_ci_runs_the_readmes_second_command() -> None:
    """What CI calls is what the README tells a newcomer to type."""
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    commands = [line for line in lines if line.startswith("python3 -m venv")]
    assert len(commands) == 2
    assert "evault demo" in commands[0]
    assert "[test]" in commands[1]
    assert "pytest" in commands[1]


def test_the_readmes_library_example_works(tmp_path: Path) -> None:
    """The example for the library runs as it stands."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    example = re.search(r"```python\n(.*?)```", text, flags=re.DOTALL)
    assert example is not None
    (tmp_path / "statement.pdf").write_bytes(b"%PDF-1.4 a statement")
    subprocess.run([sys.executable, "-c", example[1]], cwd=tmp_path, check=True)
    assert (tmp_path / "copy.pdf").read_bytes() == b"%PDF-1.4 a statement"
