"""While people work, with the log ahead of the database, the disk is as silent as afterwards."""

from __future__ import annotations

import base64
import json
import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from vault_kit import NAMES, TITLE, World, identity, make

from vault import intake
from vault.deposit import Description

EVIDENCE = "Instigators go first, said the man in the grey van."
FILE = "testimonio de Íñigo Ejemplo.txt"
REASON = "motion to terminate proceedings, señor juez"
SOURCE = "a neighbour of the clinic"
LABEL = "What happened on Tuesday"


def forms(text: str) -> Iterator[bytes]:
    """More ways in which a text could stand in a file: escaped, otherwise composed, in base32."""
    for said in {text, unicodedata.normalize("NFD", text)}:
        raw = said.encode()
        yield raw
        yield raw.hex().encode()
        yield raw.hex().upper().encode()
        yield json.dumps(said).strip('"').encode()
        yield said.encode("utf-16-le")
        for shift in range(3):
            encoded = base64.urlsafe_b64encode(b"\0" * shift + raw).rstrip(b"=")
            yield encoded[2 + shift : len(encoded) - 2]
        for shift in range(5):
            encoded = base64.b32encode(b"\0" * shift + raw).rstrip(b"=")
            yield encoded[2 + 2 * shift : len(encoded) - 2]
            yield encoded[2 + 2 * shift : len(encoded) - 2].lower()


def found(folder: Path, secrets: list[str]) -> set[str]:
    """Which of some texts stand in names or contents of a folder, or in its nameless files."""
    data = [str(path.relative_to(folder)).encode() for path in folder.rglob("*")]
    data += [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    # Scratch files without a name are reached through the descriptors that hold them.
    for link in Path("/proc/self/fd").glob("*"):
        try:
            if str(folder) in str(link.readlink()):
                data.append(link.read_bytes())
        except OSError:
            continue
    return {s for s in secrets if any(form in part for part in data for form in forms(s))}


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A vault with a case that ana and ben hold."""
    return make(tmp_path)


def test_nothing_stands_on_the_disk_while_it_is_written_and_read(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither unfinished blobs, nor scratch files, nor the write-ahead log say anything."""
    secrets = [EVIDENCE, FILE, REASON, SOURCE, LABEL, TITLE, *NAMES.values(), world.case]
    secrets += ["preparation", identity("ana").device]
    source = world.root.with_name("intake")
    source.mkdir()
    (source / FILE).write_bytes(EVIDENCE.encode() * 60_000)
    seen: list[set[str]] = []

    def blocks(_opened: intake.Opened) -> Iterator[bytes]:
        for _ in range(2):
            yield EVIDENCE.encode() * 30_000
            seen.append(found(world.root, secrets))

    said = Description(LABEL, {"source": {"basis": "stated", "value": SOURCE}})
    with world.session("ana") as ana, world.session("ben") as ben:
        with monkeypatch.context() as patch:
            patch.setattr(intake, "blocks", blocks)
            (stored,) = ana.add([source / FILE], world.case, said)
        assert len(seen) == 2
        (opened,) = ben.release([stored.record], "preparation", REASON)
        seen += [found(world.root, secrets) for _ in ben.content(opened)]
        ben.receive([opened])
        assert (world.path / "vault.db-wal").stat().st_size > 0
        seen.append(found(world.root, [*secrets, stored.record, stored.deposit]))
        assert set().union(*seen) == set()


PLANTS = {
    "clear": lambda text: text.encode(),
    "json": lambda text: json.dumps({"a": text}).encode(),
    "decomposed": lambda text: unicodedata.normalize("NFD", text).encode(),
    "upper-hex": lambda text: text.encode().hex().upper().encode(),
    "url-base64": lambda text: base64.urlsafe_b64encode(b"x" + text.encode() + b"yy"),
    **{
        f"base32-{shift}": lambda text, shift=shift: base64.b32encode(
            b"x" * shift + text.encode() + b"y"
        )
        for shift in range(5)
    },
}


@pytest.mark.parametrize("form", PLANTS)
def test_the_search_finds_each_form(tmp_path: Path, form: str) -> None:
    """The control: planted between other bytes, it is found, and nothing else is."""
    (tmp_path / "file").write_bytes(os.urandom(300) + PLANTS[form](REASON) + os.urandom(300))
    assert found(tmp_path, [REASON, EVIDENCE]) == {REASON}


def test_the_search_looks_into_files_without_a_name(tmp_path: Path) -> None:
    """The control for scratch files, which stand in no folder."""
    path = tmp_path / "scratch"
    with path.open("w+b") as file:
        path.unlink()
        file.write(EVIDENCE.encode())
        file.flush()
        assert found(tmp_path, [EVIDENCE]) == {EVIDENCE}
