"""Tags come from actors: a false one hides nothing and locks nobody out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from vault_kit import World, identity, make

from vault.client import Client
from vault.errors import ForkedError, MalformedError
from vault.message import Message
from vault.session import Session


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A vault with a case that ana and ben hold."""
    return make(tmp_path)


def falsify(monkeypatch: pytest.MonkeyPatch, **change: Any) -> None:
    """Let clients send something else beside their notes."""
    real = Client.submit

    def submit(client: Client, message: Callable[[], Message], *rows: Any) -> Any:
        return real(client, lambda: replace(message(), **change), *rows)

    monkeypatch.setattr(Client, "submit", submit)


def test_a_statement_with_a_false_tag_is_read_by_everybody(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Members and newcomers replay it as any other."""
    with monkeypatch.context() as patch, world.session("ana") as ana:
        falsify(patch, tag=b"falsetag")
        case = ana.open_case("With a false tag").id
    with world.session("ben") as ben:
        assert case in ben.authority.cases
    home = tmp_path / "fresh"
    with Session.join(world.path, identity("carla"), home, world.fingerprint) as carla:
        assert case in carla.authority.cases


def test_acts_with_a_false_tag_are_read_by_every_holder(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deposit and a release with false tags are listed, opened and shown in the log."""
    (world.root / "x").write_bytes(b"x")
    with monkeypatch.context() as patch, world.session("ana") as ana:
        falsify(patch, tag=b"falsetag")
        (stored,) = ana.add([world.root / "x"], world.case)
        ana.release([stored.record], "hearing")
    with world.session("ben") as ben:
        assert stored.record in [listed.id for listed in ben.records()]
        assert [access.purpose for access in ben.log()][-1] == "hearing"
        (got,) = ben.release([stored.record], "review")
        assert b"".join(ben.content(got)) == b"x"


def test_a_statement_comes_with_nothing_beside_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What no note commits to is not logged."""
    with monkeypatch.context() as patch, world.session("ana") as ana:
        falsify(patch, details=b"something")
        with pytest.raises(MalformedError):
            ana.open_case("T")


def test_an_actor_who_saw_another_history_is_refused(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gate compares not only sizes but roots with what the actor has seen."""
    with world.session("ben") as ben:
        seen = ben.replica.seen()
        false = {**seen, "access": {**seen["access"], "root": "00" * 32}}  # type: ignore[dict-item]
        monkeypatch.setattr(ben.replica, "seen", lambda: false)
        with pytest.raises(ForkedError):
            ben.release([world.stored[0].record], "review")
