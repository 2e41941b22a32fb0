"""A member who gives false keys shuts nobody out, and cannot make the gate sign in vain."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from vault_kit import identity, make

from keys.errors import VerificationError
from keys.group import Epoch
from vault import statements
from vault.model import GATE


def test_a_false_wrap_is_overcome_by_the_next_rotation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who got garbage in place of a seed cannot read on, until somebody rotates again."""
    world = make(tmp_path)
    real, ben = Epoch.wrap, identity("ben").device

    def false(epoch: Epoch, public: bytes, device: str) -> bytes:
        other = Epoch(epoch.vault, epoch.group, epoch.number, b"x" * 32)
        return real(other if device == ben else epoch, public, device)

    with monkeypatch.context() as patch, world.session("ana") as ana:
        patch.setattr(Epoch, "wrap", false)
        ana.rotate(world.case)
    (world.root / "x").write_bytes(b"x")
    with world.session("ana") as ana:
        ana.add([world.root / "x"], world.case)
    with world.session("ben") as session, pytest.raises(VerificationError):
        list(session.records())
    with world.session("ana") as ana:
        ana.rotate(world.case)
    assert len(world.read_all("ben")) == 3


def test_signing_keys_that_are_not_the_seeds_sign_no_head(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gate epoch with foreign signing keys is noticed before anything is written."""
    world = make(tmp_path)
    real = statements.epoch_body

    def false(epoch: Epoch, *rest: Any) -> statements.Body:
        body = real(epoch, *rest)
        other = Epoch(epoch.vault, GATE, epoch.number, b"x" * 32)
        return {**body, "signing": real(other, *rest)["signing"]} if epoch.group == GATE else body

    with monkeypatch.context() as patch, world.session("ana") as ana:
        patch.setattr(statements, "epoch_body", false)
        with pytest.raises(VerificationError, match="signing keys"):
            ana.rotate(GATE)
    assert len(world.read_all("ben")) == 2
