"""Runs `evault` as its users do: one home for each person, in this process or in one of its own.

A small story is told through the command itself, once, and copied for each test.
"""

from __future__ import annotations

import atexit
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

from keys import keyfile
from vault.cli import main

TITLE = "Redadas de abril"
REF = "2026-014"
NAMES = {"ana": "Ana Ruiz", "ben": "بن عبد", "carla": "Carla Vega", "pia": "Pia 👩‍⚖️"}
MAIL = b"""From: =?utf-8?q?Jos=C3=A9?= <jose@example.org>
To: ana@example.org
Subject: lo que vi
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/html; charset=utf-8

<p>Eran las <b>siete</b>.</p><script>steal()</script>
--b
Content-Type: application/pdf
Content-Disposition: attachment; filename="acta.pdf"
Content-Transfer-Encoding: base64

JVBERg==
--b--
"""
EVIDENCE = {
    "carta.txt": b"Esperaron a las siete. \x1b[2J\n",
    "correo.eml": MAIL,
    "foto.bin": bytes(range(256)) * 6000,
    "sub/vacío.txt": b"",
    "sub/\u202egnp.txt": b"{}",
}
_OWN = ("EVAULT_", "PAGER", "_EVAULT")


@dataclass
class Result:
    """How a call ended: exit code, standard output as bytes, standard error as text."""

    code: int
    raw: bytes
    err: str

    @property
    def out(self) -> str:
        """Standard output as text."""
        return self.raw.decode()

    @property
    def objects(self) -> list[dict[str, Any]]:
        """The JSON objects on standard output."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def object(self) -> dict[str, Any]:
        """The one JSON object on standard output."""
        (found,) = self.objects
        return found

    @property
    def error(self) -> dict[str, Any]:
        """The JSON object of the error: the last line on standard error."""
        found: dict[str, Any] = json.loads(self.err.splitlines()[-1])
        return found


def environment(home: Path, vault: Path | None = None, **more: str) -> dict[str, str]:
    """The environment of somebody whose home is at a place, and nothing of the tester's own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OWN)}
    own = {"EVAULT_HOME": str(home), "EVAULT_PASSPHRASE": f"a long secret of {home.name}"}
    if vault is not None:
        own["EVAULT_VAULT"] = str(vault)
    return {**kept, **own, **more}


# The same passphrase, salt and cost give the same key: it is stretched once, not once a call.
_stretched = cache(keyfile._stretch)


def run(env: dict[str, str], *argv: object, stdin: bytes = b"") -> Result:
    """Run `evault` in this process."""
    streams = [io.TextIOWrapper(io.BytesIO(data), "utf-8") for data in (stdin, b"", b"")]
    before = sys.stdin, sys.stdout, sys.stderr
    environ = dict(os.environ)
    try:
        os.environ.clear()
        os.environ.update({name: value for name, value in env.items() if value})
        sys.stdin, sys.stdout, sys.stderr = streams
        with mock.patch.object(keyfile, "_stretch", _stretched):
            code = main([str(word) for word in argv])
    finally:
        sys.stdin, sys.stdout, sys.stderr = before
        os.environ.clear()
        os.environ.update(environ)
    outs = []
    for stream in streams[1:]:
        stream.flush()
        outs.append(stream.detach().getvalue())  # type: ignore[attr-defined]
    return Result(code, outs[0], outs[1].decode())


def spawn(
    env: dict[str, str], *argv: object, **settings: Any
) -> subprocess.CompletedProcess[bytes]:
    """Run `evault` as a process of its own."""
    settings.setdefault("stdin", subprocess.DEVNULL)
    settings.setdefault("stdout", subprocess.PIPE)
    settings.setdefault("stderr", subprocess.PIPE)
    return subprocess.run(command(*argv), env=env, check=False, timeout=60, **settings)


def command(*argv: object) -> list[str]:
    """The words that start `evault` as a process of its own."""
    return [sys.executable, "-m", "vault.cli", *(str(word) for word in argv)]


@dataclass
class World:
    """Four people, a vault, a case, and what is in it.

    Args:
        root: The folder of it all.
        records: The ids of the records by name.
    """

    root: Path
    records: dict[str, str] = field(default_factory=dict)
    case: str = ""
    members: dict[str, str] = field(default_factory=dict)
    fingerprint: str = ""

    @property
    def vault(self) -> Path:
        """The vault's folder."""
        return self.root / "vault"

    @property
    def blobs(self) -> set[Path]:
        """All files that hold evidence."""
        found = (self.vault / "blobs").rglob("*")
        return {path for path in found if path.is_file() and path.stat().st_size}

    def env(self, who: str, **more: str) -> dict[str, str]:
        """The environment of a person."""
        return environment(self.root / who, self.vault, **more)

    def __call__(
        self, who: str, *argv: object, code: int = 0, stdin: bytes = b"", **more: str
    ) -> Result:
        """Run `evault` as a person, and expect an exit code."""
        result = run(self.env(who, **more), *argv, stdin=stdin)
        assert result.code == code, (argv, result.code, result.out, result.err)
        assert "Traceback" not in result.err
        return result

    def json(self, who: str, *argv: object, **settings: Any) -> list[dict[str, Any]]:
        """Run `evault --json` as a person; the objects that it prints."""
        return self(who, "--json", *argv, **settings).objects

    def log(self) -> list[dict[str, Any]]:
        """The access log, as the auditor sees it."""
        return self.json("pia", "log", "list")


@cache
def _story() -> World:
    world = World(Path(tempfile.mkdtemp(prefix="evault-cli-")))
    atexit.register(shutil.rmtree, world.root, ignore_errors=True)
    for who, name in NAMES.items():
        made = world.json(who, "identity", "create", name, "--kdf-memory", 64)
        world.members[who] = made[0]["member"]
    world.fingerprint = world.json("ana", "init", world.vault)[0]["fingerprint"]
    for who, role in (("ben", "attorney"), ("carla", "attorney"), ("pia", "auditor")):
        contact = world(who, "identity", "contact").raw
        world("ana", "member", "add", "-", "--role", role, stdin=contact)
        world(who, "join", world.vault, "--fingerprint", world.fingerprint)
    world.case = world.json("ana", "case", "open", TITLE, "--ref", REF)[0]["case"]
    world("ana", "case", "grant", TITLE, NAMES["ben"])
    folder = world.root / "evidence"
    for name, data in EVIDENCE.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    for record in world.json("ana", "add", folder, "--case", REF):
        world.records[record["name"].removeprefix("evidence/")] = record["record"]
    return world


def copy(root: Path) -> World:
    """The story so far, in a folder of one's own."""
    told = _story()
    shutil.copytree(told.root, root, dirs_exist_ok=True)
    return World(root, dict(told.records), told.case, dict(told.members), told.fingerprint)


@contextmanager
def patched_stdout(stream: io.TextIOBase) -> Iterator[None]:
    """Another standard output for a while."""
    before, sys.stdout = sys.stdout, stream  # type: ignore[assignment]
    try:
        yield
    finally:
        sys.stdout = before
