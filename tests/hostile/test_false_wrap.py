"""A member who gives false keys shuts nobody out, and cannot make the gate sign in vain."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from vault_kit import identity, make

from keys.errors import VerificationError
from keys.group import Epoch
from vault import statements
from vault.check import check
from vault.model import GATE
from vault.session import Session


def test_a_false_wrap_is_overcome_by_the_next_rotation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who got garbage in place of a seed cannot read on, until somebody rotates again."""
    world = make(tmp_path)
    with monkeypatch.context() as patch, world.session("ana") as ana:
        garbage_for(patch, identity("ben").device)
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


def garbage_for(patch: pytest.MonkeyPatch, victim: str, *, noise: bool = False) -> None:
    """Let every wrap for one device hold another seed, or be no seal at all."""
    real = Epoch.wrap

    def false(epoch: Epoch, public: bytes, device: str) -> bytes:
        if noise and device == victim:
            return os.urandom(len(real(epoch, public, device)))
        other = Epoch(epoch.vault, epoch.group, epoch.number, b"x" * 32)
        return real(other if device == victim else epoch, public, device)

    patch.setattr(Epoch, "wrap", false)


def test_a_false_members_wrap_is_overcome_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next rotation reaches its victim, who then reads all that came between."""
    world = make(tmp_path)
    with monkeypatch.context() as patch, world.session("ana") as ana:
        garbage_for(patch, identity("ben").device)
        ana.rotate("members")
    with world.session("ben") as ben:
        codes = {problem.code for problem in check(ben.store, ben).problems}
        assert codes == {"wrap"}
    with world.session("ana") as ana:
        between = ana.open_case("Between the rotations").id
        ana.rotate("members")
    with world.session("ben") as ben:
        assert between in ben.authority.cases
        assert check(ben.store, ben).problems == []
    assert len(world.read_all("ben")) == 2


@pytest.mark.parametrize("noise", [False, True])
def test_a_newcomer_is_not_stopped_by_a_false_wrap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, noise: bool
) -> None:
    """Whoever begins opens what true keys open, and is verified from there."""
    world = make(tmp_path)
    with monkeypatch.context() as patch, world.session("ana") as ana:
        garbage_for(patch, identity("carla").device, noise=noise)
        ana.rotate("members")
    home = tmp_path / "fresh"
    with Session.join(world.path, identity("carla"), home, world.fingerprint) as carla:
        assert carla.authority.epoch("members").number == 2
