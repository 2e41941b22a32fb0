"""Each thing that retrieving verifies, alone: the others are in order and would let it pass."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from vault_kit import SMALL, World, make

from keys.errors import VerificationError
from vault import ids, renewed, retrieve
from vault.errors import DamageError, MissingError
from vault.fields import Fields
from vault.model import Deposit
from vault.session import Session
from vault.store import Reads


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A vault with a case that ana and ben hold, and a release in its log."""
    made = make(tmp_path)
    made.read_all("ben")
    return made


@contextmanager
def looking(world: World) -> Iterator[tuple[Session, Reads, Deposit]]:
    """Ben, a snapshot, and the only deposit."""
    with world.session("ben") as ben, ben.store.read() as reads:
        (deposit,) = reads.deposits()
        yield ben, reads, deposit


def test_what_is_in_order_is_held_and_labelled(world: World) -> None:
    """The control."""
    with looking(world) as (ben, reads, deposit):
        held = retrieve.hold(ben.replica, reads, deposit)
        names = [
            listed.label.values["name"] for listed in retrieve.labels(ben.replica, reads, held)
        ]
        assert names == ["small.txt", "large.bin"]


@pytest.mark.parametrize("name", ["count", "epoch", "gate_epoch", "case_seal", "gate_seal"])
def test_a_deposits_row_is_what_was_signed(world: World, name: str) -> None:
    """Each value of the row is compared, before anything is opened with it."""
    with looking(world) as (ben, reads, deposit):
        value = getattr(deposit, name)
        changed = value + 1 if isinstance(value, int) else value + b"\0"
        false = replace(deposit, **{name: changed})
        with pytest.raises(DamageError, match="not what its depositor signed"):
            retrieve.hold(ben.replica, reads, false)


@pytest.mark.parametrize("change", [{"entry": 1}, {"id": bytes(16)}])
def test_a_deposits_row_names_its_own_entry(world: World, change: dict[str, Any]) -> None:
    """Neither an entry of another kind nor one of another deposit will do."""
    with (
        looking(world) as (ben, reads, deposit),
        pytest.raises(DamageError, match="not its own"),
    ):
        retrieve.hold(ben.replica, reads, replace(deposit, **change))


def test_the_case_secret_is_the_one_that_was_signed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A seal may open and hold something else: the commitment tells."""
    monkeypatch.setattr(renewed, "open_secret", lambda *_: b"x" * 32)
    with looking(world) as (ben, reads, deposit), pytest.raises(DamageError, match="case secret"):
        retrieve.hold(ben.replica, reads, deposit)


@pytest.mark.parametrize(
    "change",
    [
        {"size": -1},
        {"size": True},
        {"size": "56"},
        {"sha256": None},
        {"sha256": "ab"},
        {"name": None},
        {"type": 3},
        {"title": 3},
        {"one": "too many"},
    ],
    ids=str,
)
def test_a_label_has_its_fields(
    world: World, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]
) -> None:
    """What a depositor signed is only what they said: other types and fields go no further."""
    real = Fields.decrypt

    def decrypt(key: bytes, context: bytes, data: bytes) -> Fields:
        label = real(key, context, data)
        return Fields(label.seed, {**label.values, **change})

    with looking(world) as (ben, reads, deposit):
        held = retrieve.hold(ben.replica, reads, deposit)
        monkeypatch.setattr(Fields, "decrypt", decrypt)
        with pytest.raises(VerificationError, match="have its fields"):
            list(retrieve.labels(ben.replica, reads, held))


def test_what_is_not_there_is_missing(world: World) -> None:
    """A record without a row, and one whose deposit has none, are missing and no crash."""
    record = ids.parse(world.stored[0].record)
    with looking(world) as (ben, reads, _), pytest.raises(MissingError, match="record is missing"):
        retrieve.find(ben.replica, reads, [bytes(16)], ben.now())
    with world.database() as database:
        database.execute("PRAGMA foreign_keys=OFF")
        database.execute("delete from deposit")
    with (
        world.session("ben") as ben,
        ben.store.read() as reads,
        pytest.raises(MissingError, match="deposit is missing"),
    ):
        retrieve.find(ben.replica, reads, [record], ben.now())


def test_a_record_is_found_only_at_its_place(world: World) -> None:
    """A position beyond its deposit is damage."""
    with world.database() as database:
        database.execute("update record set position = 7 where position = 1")
    record = ids.parse(world.stored[1].record)
    with looking(world) as (ben, reads, _), pytest.raises(DamageError, match="at its place"):
        retrieve.find(ben.replica, reads, [record], ben.now())


def test_a_deposit_that_lost_a_record_tells_how_many(world: World) -> None:
    """The others are not given out as if they were all."""
    with world.database() as database:
        database.execute("delete from record where position = 1")
    record = ids.parse(world.stored[0].record)
    with looking(world) as (ben, reads, _), pytest.raises(MissingError, match="1 of its 2"):
        retrieve.find(ben.replica, reads, [record], ben.now())


FALSE: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "digest": ({"content_digest": bytes(32)}, {}, "not what was stored"),
    "sha256": ({}, {"sha256": "ab" * 32}, "hash of its label"),
    "shorter": ({}, {"size": len(SMALL) - 1}, "longer than its label"),
    "longer": ({}, {"size": len(SMALL) + 1}, "hash of its label"),
    "much-longer": ({}, {"size": 1 << 20}, "length of its size"),
    "stored-size": ({"content_size": 5000}, {}, "length of its size"),
    "place": ({"offset": (1 << 63) - 1}, {}, "place in its file|cut short"),
}


@pytest.mark.parametrize("name", FALSE)
def test_content_is_what_row_and_label_say(world: World, name: str) -> None:
    """Length, padding and both hashes are verified, and a small record is not given out before."""
    row, label, words = FALSE[name]
    with world.session("ben") as ben:
        (got,) = ben.release([world.stored[0].record], "review")
        assert b"".join(retrieve.content(ben.store, got)) == SMALL
        listed = got.listed
        said = Fields(listed.label.seed, {**listed.label.values, **label})
        false = replace(got, listed=replace(listed, row=replace(listed.row, **row), label=said))
        given: list[bytes] = []
        with pytest.raises((DamageError, MissingError), match=words):
            given.extend(retrieve.content(ben.store, false))
        assert given == []


def test_a_false_fields_root_is_noticed_when_particulars_open(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a depositor committed to field by field is what the two containers hold."""
    monkeypatch.setattr(retrieve.fields, "fields_root", lambda *_: bytes(32))
    with world.session("ben") as ben, pytest.raises(DamageError, match="committed to"):
        ben.release([world.stored[0].record], "review")
