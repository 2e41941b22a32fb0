"""What unfinished deposits leave behind is harmless, and goes in time."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from vault_kit import make

from vault.check import check
from vault.errors import DeniedError

WEEK = 7 * 24 * 3600


def test_orphans_are_collected_after_a_week_and_nothing_else_is(tmp_path: Path) -> None:
    """Old blobs that no record names are deleted; young ones and all evidence stay."""
    world = make(tmp_path)
    with world.session("ana") as ana:
        old, young = (ana.store.blobs.writer() for _ in range(2))
        for writer in (old, young):
            writer.write(b"an unfinished deposit")
            writer.commit()
        unfinished = ana.store.blobs.writer()
        unfinished.write(b"x")
        assert check(ana.store, ana).problems == []
        for path in (world.path / "blobs").rglob("*"):
            if path.is_file() and path.name != young.name.hex()[2:]:
                os.utime(path, (time.time() - 2 * WEEK,) * 2)
        assert ana.store.collect(time.time()) == 2
        assert ana.store.blobs.size(old.name) is None
        assert ana.store.blobs.size(young.name) is not None
        unfinished.abort()
    assert len(world.read_all("ben")) == len(world.stored)


def test_a_failed_add_leaves_nothing(tmp_path: Path) -> None:
    """What the gate refuses is deleted at once."""
    world = make(tmp_path)
    before = len(world.blobs)
    (world.root / "x").write_bytes(b"x")
    with world.session("aud") as auditor, pytest.raises(DeniedError):
        auditor.add([world.root / "x"], world.case)
    assert len(world.blobs) == before
