"""A holder who rotates with a false link is found out by whoever follows it."""

from __future__ import annotations

from pathlib import Path

import pytest
from vault_kit import identity, make

from keys.errors import VerificationError
from keys.group import Epoch
from vault.check import check


def test_a_link_to_another_seed_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Newcomers who would have to follow it stop, and the check names it; holders read on."""
    world = make(tmp_path)
    real = Epoch.link

    def false(epoch: Epoch, previous: Epoch) -> bytes:
        other = Epoch(previous.vault, previous.group, previous.number, b"x" * 32)
        return real(epoch, other)

    with monkeypatch.context() as patch, world.session("ana") as ana:
        patch.setattr(Epoch, "link", false)
        ana.rotate(world.case)
    with world.session("ana") as ana:
        ana.grant(world.case, identity("carla").device)
    with world.session("carla") as carla:
        with pytest.raises(VerificationError, match="other keys"):
            list(carla.records())
        assert any("other keys" in p.message for p in check(carla.store, carla).problems)
    # Ben has a wrap of the epoch before and needs no link.
    assert len(world.read_all("ben")) == 2
