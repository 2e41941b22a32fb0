"""A seized disk is silent: nothing that people said or are called stands in any file."""

from __future__ import annotations

import base64
import gzip
import json
import os
import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from vault_kit import NAMES, TITLE, World, identity, make

from keys import keyfile
from keys.identity import Identity
from vault.collect import collect
from vault.deposit import Description
from vault.ticket import parse

EVIDENCE = "Instigators go first, said the man in the grey van."
FILE = "testimonio de Rosa Ejemplo ñ.txt"
REASON = "motion to terminate proceedings"
SOURCE = "a neighbour of the clinic"
LABEL = "What happened on Tuesday"
DAY = 86_400
GOLDEN = Path(__file__).parents[1] / "golden" / "vault-2.zip"
PASSPHRASE = "una frase bastante larga"


@pytest.fixture
def story(tmp_path: Path) -> tuple[World, list[str]]:
    """A vault after a whole story, with all that must stand nowhere."""
    world = make(tmp_path)
    (world.root / FILE).write_text(EVIDENCE * 50)
    with world.session("ana") as ana:
        said = Description(LABEL, {"source": {"basis": "stated", "value": SOURCE}})
        (stored,) = ana.add([world.root / FILE], world.case, said)
        ana.rotate("members", "gate", world.case)
    with world.session("ben") as ben:
        opened = ben.release([stored.record], "preparation", REASON)
        assert b"".join(ben.content(opened[0])).startswith(EVIDENCE.encode())
        ben.receive(opened)
    with world.session("aud") as auditor, pytest.raises(Exception, match="auditor"):
        auditor.release([stored.record], "hearing", REASON)
    for name in NAMES:
        with world.session(name) as session:
            # Who did what is remembered on each of their laptops.
            assert session.audit().problems == ()
            assert list(session.local.path.glob("audit*"))
        keyfile.write(world.home(name) / "identity", identity(name), PASSPHRASE, keyfile.LEAST)
    (world.root / FILE).unlink()
    secrets = [EVIDENCE, FILE, REASON, SOURCE, LABEL, TITLE, "2026-014", *NAMES.values()]
    secrets += ["preparation", "hearing", stored.record, stored.deposit, world.case, PASSPHRASE]
    secrets += [identity(name).device for name in NAMES]
    secrets += [record.record for record in world.stored]
    return world, secrets


def forms(secret: str) -> Iterator[bytes]:
    """A text as it could stand in a file."""
    raw = secret.encode()
    yield raw
    yield raw.hex().encode()
    yield secret.encode("utf-16-le")
    yield secret.encode("utf-16-be")
    for shift in range(3):
        # Inside a longer text base64 has three alignments; its first and last letters vary.
        encoded = base64.b64encode(b"\0" * shift + raw).rstrip(b"=")
        yield encoded[2 + shift : len(encoded) - 2]


def inflated(data: bytes) -> Iterator[bytes]:
    """What stands in compressed form anywhere in some bytes."""
    for start in re.finditer(rb"\x1f\x8b\x08|\x78[\x01\x5e\x9c\xda]", data):
        for mode in (31, 15):
            try:
                plain = zlib.decompressobj(mode).decompress(data[start.start() :], 1 << 20)
            except zlib.error:
                continue
            yield plain


def found(folder: Path, secrets: list[str]) -> set[str]:
    """Which of some texts stand in a folder: in names or contents, in any form."""
    hits = set()
    for path in folder.rglob("*"):
        data = str(path.relative_to(folder)).encode() + b"\n"
        data += path.read_bytes() if path.is_file() else b""
        for part in (data, *inflated(data)):
            hits |= {s for s in secrets if any(form in part for form in forms(s))}
    return hits


def test_nothing_of_the_story_stands_on_the_disk(story: tuple[World, list[str]]) -> None:
    """Evidence, titles, names, ids, purposes and reasons are in no file, however encoded."""
    world, secrets = story
    assert (world.path / "vault.db").stat().st_size > 0
    assert found(world.root, secrets) == set()


def test_what_is_added_to_a_stale_case_names_nobody(tmp_path: Path) -> None:
    """Nor do seals for the devices of those who are left say whose they are."""
    world = make(tmp_path)
    with world.session("ana") as ana:
        ana.casework.grant(world.case, identity("carla").device, int(world.clock.at) + DAY)
    world.clock.at += 2 * DAY
    (world.root / "late").write_bytes(b"late")
    with world.session("aud") as auditor:
        assert auditor.authority.stale(world.case, auditor.now())
    with world.session("ana") as ana, ana.store.read() as reads:
        before = len(reads.deposits())
    with world.session("ana") as ana:
        ana.settle = lambda: None  # type: ignore[method-assign]
        ana.add([world.root / "late"], world.case)
        with ana.store.read() as reads:
            assert len(reads.deposits()) == before + 1
            assert reads.sealed_to_devices(reads.deposits()[-1].case)
    assert found(world.root, [identity(name).device for name in NAMES]) == set()


def test_nothing_of_years_stands_on_the_disk(tmp_path: Path) -> None:
    """Nor do requests, approvals, grants of records, a removal, a destruction and a rekey say who
    did what, or why."""
    with zipfile.ZipFile(GOLDEN) as archive:
        archive.extractall(tmp_path)
    seeds = json.loads((tmp_path / "manifest.json").read_text())["seeds"]
    devices = [Identity(bytes.fromhex(seed), name).device for name, seed in seeds.items()]
    words = ["A golden case", "a golden reason", "a golden destruction", "preparation", "invented"]
    assert len(devices) == 6
    assert found(tmp_path / "vault", [*devices, *words]) == set()


def test_a_collectors_files_name_nobody(tmp_path: Path) -> None:
    """A seized collector's device has a ticket and parcels, and in them nobody's name, device or
    words, no file's name and no title, also where the ticket's text is decoded; and when a parcel
    was brought in the vault names neither the ticket nor its issuer."""
    world = make(tmp_path)
    field = tmp_path / "field"
    field.mkdir()
    source = tmp_path / FILE
    source.write_text(EVIDENCE * 50)
    with world.session("ana") as ana:
        issued = ana.tickets.issue(world.case, ana.now() + DAY)
    ticket = parse(issued.file)
    said = Description(LABEL, {"source": {"basis": "stated", "value": SOURCE}})
    (stored,) = collect(
        ticket.terms, ticket.unlock(), [source], field / "p", said, clock=world.clock
    )
    source.unlink()
    (field / "t").write_bytes(issued.file)
    armour = b"".join(issued.file.split(b"-----")[2].split())
    (field / "decoded").write_bytes(base64.b64decode(armour))
    people = [*NAMES.values(), *(identity(name).device for name in NAMES)]
    secrets = [EVIDENCE, FILE, SOURCE, LABEL, TITLE, "2026-014", *people, str(tmp_path)]
    assert found(field, secrets) == set()
    # The control: what a ticket does have is found by the same search.
    assert found(field, [world.case, ticket.terms.ticket]) == {world.case, ticket.terms.ticket}
    with world.session("carla") as carla:
        carla.tickets.accept(field / "p")
    ids = [ticket.terms.ticket, stored.record, stored.deposit, world.case]
    assert found(world.path, [*secrets, *ids]) == set()


PLANTS = {
    "clear": lambda raw: raw,
    "hex": lambda raw: raw.hex().encode(),
    "utf-16": lambda raw: raw.decode().encode("utf-16-le"),
    "base64-0": base64.b64encode,
    "base64-1": lambda raw: base64.b64encode(b"x" + raw + b"y"),
    "base64-2": lambda raw: base64.b64encode(b"xy" + raw + b"z"),
    "gzip": gzip.compress,
    "zlib": zlib.compress,
}


@pytest.mark.parametrize("form", PLANTS)
def test_the_search_finds_what_is_planted(tmp_path: Path, form: str) -> None:
    """The control: each form is found when it stands between other bytes."""
    planted = os.urandom(500) + PLANTS[form](EVIDENCE.encode()) + os.urandom(500)
    (tmp_path / "file").write_bytes(planted)
    assert found(tmp_path, [EVIDENCE, REASON]) == {EVIDENCE}


def test_names_of_files_are_searched_too(tmp_path: Path) -> None:
    """The control for names."""
    (tmp_path / f"{TITLE}.txt").write_bytes(b"")
    assert found(tmp_path, [TITLE]) == {TITLE}


def test_sizes_are_blurred(tmp_path: Path) -> None:
    """Files of 5,000 and 5,100 bytes occupy the same stored length, and one of 6,000 another."""
    world = make(tmp_path)
    sizes = {}
    for size in (5000, 5100, 6000):
        (world.root / "f").write_bytes(b"x" * size)
        with world.session("ana") as ana:
            (stored,) = ana.add([world.root / "f"], world.case)
            row = ana.record(stored.record).row
        sizes[size] = (row.content_size, len(row.label), len(row.particulars))
    assert sizes[5000] == sizes[5100]
    assert sizes[5000][0] < sizes[6000][0]
    assert sizes[5000][1:] == sizes[6000][1:]
