"""Records under new keys that are not what they were, and what kept secrets open of them."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from vault_kit import LARGE, SMALL, World, identity, make

from keys.derive import Label
from keys.errors import Error, VerificationError
from vault import confirming, ids, recordkeys, reencrypt
from vault.check import check
from vault.errors import DamageError, DeniedError, MalformedError
from vault.fields import Fields
from vault.gate import renewals as gate_renewals
from vault.model import Record
from vault.recordkeys import Place
from vault.session import Session

Forge = Callable[[Record, Any], Record]


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Ana (steward, advocate) and Ben (attorney) hold the case."""
    return make(tmp_path)


def made(world: World, patch: pytest.MonkeyPatch, forge: Forge) -> None:
    """Ana re-encrypts the case; each record as somebody forges it, true to itself otherwise."""
    honest = reencrypt._encrypt_anew

    def forged(client: Any, opened: Any, secrets: Any, *more: Any) -> tuple[Record, int]:
        record, size = honest(client, opened, secrets, *more)
        place = opened.listed.place
        secret = recordkeys.record_secret(secrets[0], record.salt, place)
        return forge(record, (opened, place, secret)), size

    with patch.context() as patched, world.session("ana") as ana:
        patched.setattr(reencrypt, "_encrypt_anew", forged)
        ana.renewals.reencrypt(world.case)


def confirm(world: World) -> None:
    """Ben confirms it."""
    with world.session("ben") as ben:
        ben.renewals.confirm(world.case)


def done(world: World) -> None:
    """A true re-encryption, confirmed."""
    with world.session("ana") as ana:
        ana.renewals.reencrypt(world.case)
    confirm(world)


def codes(world: World) -> set[str]:
    """What a check without keys finds."""
    with world.session("ana") as ana:
        return {problem.code for problem in check(ana.store).problems}


def another_title(record: Record, known: Any) -> Record:
    """The same record with a label that says something else, under its true key."""
    opened, place, secret = known
    label = Fields(opened.listed.label.seed, {**opened.listed.label.values, "title": "Another"})
    key = recordkeys.label_key(secret, place)
    return replace(record, label=label.encrypt(key, place.context(Label.LABEL_KEY)))


def as_it_is(record: Record, known: Any) -> Record:
    """No forgery: the control."""
    del known
    return record


# --- who makes it -------------------------------------------------------------------------------


def test_a_true_one_is_confirmed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control."""
    made(world, monkeypatch, as_it_is)
    confirm(world)
    assert {content for _, content in world.read_all("ben").values()} == {SMALL, LARGE}
    assert codes(world) == set()


def test_other_fields_are_refused_by_the_gate(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is known of a record, the hash of its content among it, is in the root of its fields."""
    blobs = world.blobs
    with pytest.raises(VerificationError, match="other fields"):
        made(world, monkeypatch, lambda record, _: replace(record, fields_root=bytes(32)))
    assert world.blobs == blobs


def test_rows_are_those_of_the_deposit(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each once, in order, none left out, none of another deposit."""
    from vault import message

    def sends(rows: Callable[[list[bytes]], Sequence[bytes]]) -> None:
        written: list[bytes] = []
        honest = message.encode_row

        def late(record: Record) -> bytes:
            written.append(honest(record))
            return b"".join(rows(written)) if len(written) == len(world.stored) else b""

        with monkeypatch.context() as patched, world.session("ana") as ana:
            patched.setattr(message, "encode_row", late)
            ana.renewals.reencrypt(world.case)

    sends(lambda rows: rows)
    for false in (
        lambda rows: rows[:1],
        lambda rows: rows[1:],
        lambda rows: rows[::-1],
        lambda rows: [rows[0], rows[0], rows[1]],
        lambda rows: rows[:0],
    ):
        with pytest.raises((MalformedError, VerificationError)):
            sends(false)


def test_another_label_is_noticed_before_the_old_is_gone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gate cannot read it; whoever confirms compares it with the old one."""
    made(world, monkeypatch, another_title)
    with pytest.raises(VerificationError, match="another label"):
        confirm(world)
    with world.session("ben") as ben:
        assert [r.label.values["title"] for r in ben.records(world.case)] == ["A title"] * 2


def test_damaged_content_is_noticed_before_the_old_is_gone(world: World) -> None:
    """What was written is read once more, without a key."""
    with world.session("ana") as ana:
        old = set(world.blobs)
        ana.renewals.reencrypt(world.case)
    for blob in set(world.blobs) - old:
        data = bytearray(blob.read_bytes())
        data[len(data) // 2] ^= 1
        blob.write_bytes(data)
    with pytest.raises(DamageError):
        confirm(world)
    assert len(world.read_all("ben")) == 2


def test_two_who_agree_on_another_label_are_found_out_by_the_next_reader(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The depositor committed to every field: a release compares them all."""
    made(world, monkeypatch, another_title)
    with monkeypatch.context() as blind:
        blind.setattr(confirming, "_compare", lambda *_: 0)
        confirm(world)
    with world.session("ana") as ana, pytest.raises(DamageError, match="committed to"):
        ana.release([world.stored[0].record], "review")


def test_two_and_a_gate_who_agree_on_other_evidence_are_found_out(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """New leaves are tied to the old ones by the root of the fields, for every reader."""
    with monkeypatch.context() as blind:
        blind.setattr(gate_renewals, "_check_records", lambda *_: None)
        blind.setattr(confirming, "_compare", lambda *_: 0)
        made(world, monkeypatch, lambda record, _: replace(record, fields_root=bytes(32)))
        confirm(world)
    with world.session("ana") as ana, pytest.raises(DamageError, match="depositor signed"):
        list(ana.records(world.case))
    assert codes(world) == {"deposit"}


def test_a_record_that_was_destroyed_meanwhile_stays_so(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits is of other records then, and is made again."""
    with world.session("ana") as ana:
        ana.renewals.reencrypt(world.case)
        with ana.store.write() as writes:
            writes.destroy_record(ids.parse(world.stored[0].record), 0)
    with world.session("ben") as ben:
        (waits,) = ben.renewals.pending()
        monkeypatch.setattr(confirming, "open_all", lambda *_: (1, 1, 1))
        with pytest.raises(DeniedError) as caught:
            ben.renewals.confirm(world.case)
    assert caught.value.reason == "old-renewal"
    assert waits.kind == "re-encrypt"


# --- a store that lies --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE record_origin SET origin=zeroblob(136)",
        "DELETE FROM record_origin",
        "UPDATE renewal SET state=2",
        "DELETE FROM renewal",
        "UPDATE record SET fields_root=zeroblob(32)",
    ],
)
def test_rows_that_were_encrypted_anew_are_tied_to_the_log(world: World, change: str) -> None:
    """Each change is noticed without keys, and by who reads."""
    done(world)
    with world.database() as database:
        database.execute(change)
    assert codes(world)
    with world.session("ben") as ben, pytest.raises((VerificationError, Error)):
        list(ben.records(world.case))


def test_an_older_copy_of_rows_and_blobs_does_no_harm_and_is_noticed(world: World) -> None:
    """Whoever put them back from a backup shows what was true; anybody sees that it is old."""
    old = world.copy(world.root.parent / "old")
    done(world)
    with world.database() as database:
        database.execute("ATTACH ? AS old", (str(old.path / "vault.db"),))
        database.execute("DELETE FROM record_origin")
        database.execute("DELETE FROM renewal")
        for table in ("record", "deposit"):
            database.execute(f"REPLACE INTO main.{table} SELECT * FROM old.{table}")  # noqa: S608
        database.commit()
        database.execute("DETACH old")
    for blob in old.blobs:
        place = world.path / "blobs" / blob.parent.name
        place.mkdir(exist_ok=True)
        shutil.copy(blob, place)
    assert "renewal" in codes(world)
    assert {content for _, content in world.read_all("ben").values()} == {SMALL, LARGE}


# --- what is promised ---------------------------------------------------------------------------


class Kept:
    """What somebody who held the case kept: secrets of the deposit and of each record, keys."""

    def __init__(self, session: Session, world: World) -> None:
        opened = session.release([stored.record for stored in world.stored], "review")
        self.places = [got.listed.place for got in opened]
        self.case_secrets = [got.listed.held.secret for got in opened]
        self.record_secrets = [
            recordkeys.record_secret(got.listed.held.secret, got.listed.row.salt, place)
            for got, place in zip(opened, self.places, strict=True)
        ]
        self.content_keys = [got.key for got in opened]

    def opens(self, world: World) -> set[str]:
        """What of the present rows opens with any of it, in any place."""
        found = set()
        with world.session("ana") as ana, ana.store.read() as reads:
            (deposit,) = reads.deposits()
            for (record, _), place in itertools.product(reads.records(deposit.id), self.places):
                found |= self._label(record, place)
                with ana.store.blobs.open(record.blob) as file:
                    file.seek(record.offset)
                    found |= self._content(file.read(record.content_size), place)
        return found

    def _label(self, record: Record, place: Place) -> set[str]:
        secrets = [
            *self.record_secrets,
            *(recordkeys.record_secret(s, record.salt, place) for s in self.case_secrets),
        ]
        for secret in secrets:
            try:
                key = recordkeys.label_key(secret, place)
                Fields.decrypt(key, place.context(Label.LABEL_KEY), record.label)
            except Error:
                continue
            return {"label"}
        return set()

    def _content(self, data: bytes, place: Place) -> set[str]:
        from keys import container

        for key in self.content_keys:
            try:
                container.decrypt(key, place.context(Label.CONTENT_KEY), data)
            except Error:
                continue
            return {"content"}
        return set()


def test_kept_secrets_open_nothing_once_it_is_confirmed(world: World) -> None:
    """Before: label and content; after a rekey still; after this, nothing."""
    with world.session("ben") as ben:
        kept = Kept(ben, world)
    assert kept.opens(world) == {"label", "content"}
    with world.session("ana") as ana:
        ana.people.remove(identity("ben").device)
        assert ana.renewals.rekey(world.case).confirmed
    assert kept.opens(world) == {"label", "content"}
    with world.session("ana") as ana:
        assert ana.renewals.reencrypt(world.case).confirmed
        assert Kept(ana, world).opens(world) == {"label", "content"}
    assert kept.opens(world) == set()


def test_secrets_of_single_records_that_were_granted_are_gone(world: World) -> None:
    """They opened the old rows; whoever had them is granted them again."""
    record = world.stored[0].record
    with world.session("ana") as ana:
        ana.grants.grant_records(world.case, identity("carla").device, [record])
        ana.renewals.reencrypt(world.case)
        (grant,) = ana.authority.granted_records(identity("carla").device, world.case, ana.now())
        with ana.store.read() as reads:
            assert reads.record_grant(grant.statement, 0) is not None
    with world.session("carla") as carla:
        assert len(carla.release([record], "review")) == 1
    confirm(world)
    with world.session("carla") as carla:
        with carla.store.read() as reads:
            assert reads.record_grant(grant.statement, 0) is None
        with pytest.raises(DeniedError, match="encrypted anew"):
            carla.release([record], "review")
        assert check(carla.store, carla).problems == []
    with world.session("ana") as ana:
        ana.grants.grant_records(world.case, identity("carla").device, [record])
    with world.session("carla") as carla:
        assert len(carla.release([record], "review")) == 1
        assert check(carla.store, carla).problems == []
