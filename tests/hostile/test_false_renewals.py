"""New seals that are false, confirmations by the wrong people, and a store that serves the old."""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from vault_kit import World, identity, make

from keys.derive import Label, u64
from keys.errors import Error, OpenError, VerificationError
from keys.group import Epoch
from vault import ids, message, note, recordkeys, retrieve, sealing
from vault.authority import approvals
from vault.check import check
from vault.errors import DamageError, DeniedError, GateError, MalformedError, MissingError
from vault.fields import Fields
from vault.log import merkle
from vault.message import Message, encode_seals, open_secret, seal_secret, seals_leaf
from vault.model import GATE, Deposit, Seals
from vault.note import ACCESS
from vault.recordkeys import Place
from vault.session import Session


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Ana (steward, advocate) and Ben (attorney) hold the case, which has two deposits."""
    world = make(tmp_path)
    (world.root / "more.txt").write_bytes(b"more")
    with world.session("ana") as ana:
        ana.add([world.root / "more.txt"], world.case)
        ana.rotate(world.case)
    return world


def true_seals(session: Session, world: World) -> list[Seals]:
    """What an honest rekey would bring."""
    with session.store.read() as reads:
        return [
            sealing.seal_anew(session._client, reads, deposit, world.case)
            for deposit in reads.deposits_of(ids.parse(world.case))
        ]


def send(session: Session, world: World, rows: Sequence[Seals], **said: Any) -> int:
    """A rekey with some rows, true to itself but for what it says otherwise."""
    root = merkle.root([merkle.leaf_hash(seals_leaf(row)) for row in rows])
    body = {
        "id": ids.show(ids.draw()),
        "time": session.now(),
        "seen": session.replica.seen(),
        "case": world.case,
        "epoch": session.authority.epoch(world.case).number,
        "gate_epoch": session.authority.epoch(GATE).number,
        "count": len(rows),
        "seals_root": root.hex(),
        "details": None,
        **said,
    }
    made = BytesIO(b"".join(map(encode_seals, rows)))

    def signed() -> Message:
        return Message(session._client.sign("rekey", body).signed)

    return session._client.submit(signed, made).index


def sealed(session: Session, world: World, old: Seals, case: bytes, gate: bytes) -> Seals:
    """Seals of other secrets, to the right keys."""
    authority = session.authority
    place = ids.parse(authority.vault), ids.parse(world.case), old.deposit
    to_case = [("", authority.epoch(world.case).sealing)]
    to_gate = [("", authority.epoch(GATE).sealing)]
    return replace(
        old,
        case_seal=seal_secret(case, to_case, Label.CASE_SEAL, *place, u64(old.epoch)),
        gate_seal=seal_secret(gate, to_gate, Label.GATE_SEAL, *place, u64(old.gate_epoch)),
    )


def secrets(session: Session, seals: Seals, world: World) -> tuple[bytes, bytes]:
    """What true seals hold."""
    from vault import renewed

    secret, key = renewed.open_case_secret(session.replica, world.case, seals)
    assert key is not None
    return secret + key, sealing.gate_secret_of(session._client, seals, ids.parse(world.case))


def state(world: World) -> list[Deposit]:
    """All deposits as they are stored."""
    with world.session("ana") as ana, ana.store.read() as reads:
        return reads.deposits()


def confirmation(session: Session, world: World, index: int, signed: bytes, **said: Any) -> None:
    """A confirmation that says some things otherwise."""
    with session.store.read() as reads:
        leaf = merkle.leaf_hash(reads.entry(ACCESS, index)).hex()
    body = {"entry": index, "leaf": leaf, "sole": False, **said}
    session._client.act("confirmation", world.case, body, attachments=(signed,))


def rekeyed(world: World) -> tuple[int, bytes]:
    """Ana's rekey: its entry, and its note."""
    with world.session("ana") as ana:
        index = ana.renewals.rekey(world.case).entry
        assert index is not None
        last = list(ana.log())[index]
        assert last.notes is not None
        return index, last.notes[0].signed


# --- what a rekey brings ------------------------------------------------------------------------


def test_a_true_one_is_taken_and_confirmed(world: World) -> None:
    """The control."""
    with world.session("ana") as ana:
        send(ana, world, true_seals(ana, world))
    with world.session("ben") as ben:
        assert ben.renewals.confirm(world.case).deposits == 2
        assert check(ben.store, ben).problems == []


@pytest.mark.parametrize("fault", ["noise", "another secret", "for the case"])
def test_a_false_gate_seal_is_refused_by_the_gate(world: World, fault: str) -> None:
    """It does not open, or not to the secret that it holds already; nothing is kept."""
    with world.session("ana") as ana:
        first, second = true_seals(ana, world)
        case, gate = secrets(ana, first, world)
        false = {
            "noise": replace(first, gate_seal=first.gate_seal[:-40] + os.urandom(40)),
            "another secret": sealed(ana, world, first, case, os.urandom(32)),
            "for the case": replace(first, gate_seal=second.gate_seal),
        }[fault]
        assert gate != case
        with pytest.raises(VerificationError):
            send(ana, world, [false, second])
        assert ana.renewals.pending() == []


@pytest.mark.parametrize("fault", ["noise", "another secret", "another key"])
def test_a_false_case_seal_is_noticed_before_the_old_is_gone(world: World, fault: str) -> None:
    """The gate cannot open it; whoever would confirm it does, and the old one stays."""
    before = state(world)
    with world.session("ana") as ana:
        first, second = true_seals(ana, world)
        case, gate = secrets(ana, first, world)
        false = {
            "noise": replace(first, case_seal=first.case_seal[:-40] + os.urandom(40)),
            "another secret": sealed(ana, world, first, os.urandom(32) + case[32:], gate),
            "another key": sealed(ana, world, first, case[:32] + os.urandom(32), gate),
        }[fault]
        send(ana, world, [false, second])
    with world.session("ben") as ben:
        with pytest.raises(VerificationError):
            ben.renewals.confirm(world.case)
        assert len(ben.renewals.pending()) == 1
        assert [problem.code for problem in check(ben.store, ben).problems] == ["renewal"]
        # It keeps nobody from other work, and nobody confirms it by the way.
        ben.settle()
        assert len(ben.renewals.pending()) == 1
    assert state(world) == before
    assert len(world.read_all("ben")) == 3


def test_a_seal_without_the_entrys_key_is_refused(world: World) -> None:
    """Whoever comes later could not verify the deposit."""
    with world.session("ana") as ana:
        first, second = true_seals(ana, world)
        case, gate = secrets(ana, first, world)
        with pytest.raises(MalformedError):
            send(ana, world, [sealed(ana, world, first, case[:32], gate), second])


def test_rows_are_those_that_were_signed(world: World) -> None:
    """One left out, doubled, exchanged, of no deposit, of another case."""
    with world.session("ana") as ana:
        rows = true_seals(ana, world)
        root = merkle.root([merkle.leaf_hash(seals_leaf(row)) for row in rows]).hex()
        with pytest.raises(VerificationError):
            send(ana, world, rows[:1], count=2, seals_root=root)
        with pytest.raises(VerificationError):
            send(ana, world, rows[::-1], seals_root=root)
        with pytest.raises(MalformedError, match="twice"):
            send(ana, world, [rows[0], rows[0]])
        with pytest.raises(MalformedError, match="another case"):
            send(ana, world, [replace(rows[0], deposit=bytes(16))])
        other = ana.open_case("Another").id
        with pytest.raises(MalformedError, match="another case"):
            send(ana, world, rows, case=other, epoch=1)
        assert ana.renewals.pending() == []


# --- who confirms -------------------------------------------------------------------------------


def test_who_made_it_does_not_confirm_it_by_calling_herself_alone(world: World) -> None:
    """`sole` is judged like all else."""
    index, signed = rekeyed(world)
    before = state(world)
    with world.session("ana") as ana:
        for sole in (False, True):
            with pytest.raises(DeniedError) as caught:
                confirmation(ana, world, index, signed, sole=sole)
            assert caught.value.reason == "own-renewal"
    with world.session("ben") as ben, pytest.raises(DeniedError) as caught:
        confirmation(ben, world, index, signed, sole=True)
    assert caught.value.reason == "own-renewal"
    assert state(world) == before


def test_who_does_not_hold_the_case_confirms_nothing(world: World) -> None:
    """A member is not enough."""
    index, signed = rekeyed(world)
    with world.session("carla") as carla, pytest.raises(DeniedError) as caught:
        confirmation(carla, world, index, signed)
    assert caught.value.reason == "not-holder"


def test_a_confirmation_is_of_the_rekey_that_waits(world: World) -> None:
    """Not of another entry, another leaf, or one that was dropped."""
    first, old = rekeyed(world)
    index, signed = rekeyed(world)
    assert first != index
    with world.session("ben") as ben:
        for at, which, said in (
            (0, signed, {}),
            (index, signed, {"leaf": "0" * 64}),
            (index, old, {}),
            (first, old, {}),
            (first, signed, {}),
            (index, signed, {"entry": 10_000}),
        ):
            with pytest.raises(DeniedError) as caught:
                confirmation(ben, world, at, which, **said)
            assert caught.value.reason == "renewal"
        with pytest.raises(MalformedError):
            confirmation(ben, world, index, identity("ben").contact().note)
        confirmation(ben, world, index, signed)
    assert all(deposit.epoch == 2 for deposit in state(world))


def test_nobody_lends_their_name_to_whoever_made_it(world: World) -> None:
    """A note with the same id and root, signed by somebody else, is not the note that is logged."""
    index, signed = rekeyed(world)
    made = note.parse(signed)
    with world.session("carla") as carla:
        fields = {name: value for name, value in made.body.items() if name != "device"}
        lent = carla._client.sign("rekey", fields).signed
    assert note.parse(lent).id_hash == made.id_hash
    with world.session("ana") as ana, pytest.raises(DeniedError) as caught:
        confirmation(ana, world, index, lent)
    assert caught.value.reason == "renewal"


def test_a_gate_that_lets_her_confirm_her_own_is_not_believed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever reads judges again."""
    index, signed = rekeyed(world)
    with monkeypatch.context() as lying, world.session("ana") as ana:
        lying.setattr(approvals, "judge_confirmation", lambda *_: None)
        confirmation(ana, world, index, signed)
    with world.session("ben") as ben:
        with pytest.raises(GateError):
            list(ben.records(world.case))
        _, problems = ben.verify()
        assert [problem.code for problem in problems] == ["confirmation"]


# --- a store that lies --------------------------------------------------------------------------


def put_back(world: World, old: Sequence[Deposit]) -> None:
    """The seals of before, from somebody's backup."""
    with world.database() as database:
        for deposit in old:
            database.execute(
                "UPDATE deposit SET epoch=?, gate_epoch=?, case_seal=?, gate_seal=? WHERE id=?",
                (
                    deposit.epoch,
                    deposit.gate_epoch,
                    deposit.case_seal,
                    deposit.gate_seal,
                    deposit.id,
                ),
            )


def confirmed(world: World) -> list[Deposit]:
    """A rekey that is done; the deposits as they were before."""
    before = state(world)
    rekeyed(world)
    with world.session("ben") as ben:
        ben.renewals.confirm(world.case)
    return before


def codes(world: World) -> set[str]:
    """What a check without keys finds."""
    with world.session("ana") as ana:
        return {problem.code for problem in check(ana.store).problems}


def test_old_seals_that_are_served_again_are_refused(world: World) -> None:
    """By readers, and by anybody who checks."""
    put_back(world, confirmed(world))
    assert codes(world) == {"seal"}
    with world.session("ben") as ben, pytest.raises(DamageError):
        list(ben.records(world.case))


def test_old_seals_without_a_trace_of_the_rekey_do_no_harm_and_are_noticed(world: World) -> None:
    """They open to what was committed to; that the log speaks of newer ones, anybody sees."""
    put_back(world, confirmed(world))
    with world.database() as database:
        database.execute("DELETE FROM renewal")
    assert codes(world) == {"renewal"}
    with world.session("ben") as ben:
        assert len(list(ben.records(world.case))) == 3


@pytest.mark.parametrize("by", [0, 1])
def test_seals_that_nobody_confirmed_are_not_used(world: World, by: int) -> None:
    """Whether the store names no entry, or one that confirms nothing."""
    index, _ = rekeyed(world)
    with world.session("ana") as ana, ana.store.read() as reads:
        waiting = [row.seals for row in reads.renewals(index)]
    put_back(
        world,
        [
            replace(
                old,
                epoch=new.epoch,
                gate_epoch=new.gate_epoch,
                case_seal=new.case_seal,
                gate_seal=new.gate_seal,
            )
            for old, new in zip(state(world), waiting, strict=True)
        ],
    )
    with world.database() as database:
        database.execute(
            "UPDATE renewal SET state=1, case_seal=x'', gate_seal=x'', confirmed=?", (by,)
        )
    assert "renewal" in codes(world)
    with world.session("ben") as ben, pytest.raises((GateError, DamageError)):
        list(ben.records(world.case))


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE renewal SET leaf=zeroblob(32) WHERE position=0",
        "DELETE FROM renewal WHERE position=1",
        "UPDATE renewal SET confirmed=1",
        "UPDATE renewal SET state=2",
    ],
)
def test_the_rows_of_a_rekey_are_those_of_its_entry(world: World, change: str) -> None:
    """Each change of them is noticed without keys, and by who reads a deposit."""
    confirmed(world)
    assert codes(world) == set()
    with world.database() as database:
        database.execute(change)
    assert codes(world)
    with world.session("ben") as ben, pytest.raises((GateError, DamageError, MissingError)):
        list(ben.records(world.case))


def test_damage_to_what_waits_is_noticed(world: World) -> None:
    """Before anybody confirms it."""
    rekeyed(world)
    with world.database() as database:
        database.execute("UPDATE renewal SET gate_seal=case_seal WHERE position=0")
    assert codes(world) == {"renewal"}
    with world.session("ben") as ben, pytest.raises(VerificationError):
        ben.renewals.confirm(world.case)


# --- what is promised ---------------------------------------------------------------------------


def kept(world: World, name: str) -> list[Epoch]:
    """A copy of every epoch of the case and the gate that somebody has."""
    with world.session(name) as session:
        keyring, authority = session.replica.keyring, session.authority
        return [*keyring.all(authority, world.case), *keyring.all(authority, GATE)]


def opened_by(world: World, epochs: Sequence[Epoch]) -> list[bytes]:
    """Whatever some epochs open of every seal of every table, tried in every role."""
    found = []
    with world.session("ana") as ana, ana.store.read() as reads:
        vault, case = ids.parse(ana.authority.vault), ids.parse(world.case)
        everything = [deposit.seals for deposit in reads.deposits()]
        everything += [row.seals for index in reads.renewed() for row in reads.renewals(index)]
    for one, epoch, label in itertools.product(
        everything, epochs, (Label.CASE_SEAL, Label.GATE_SEAL)
    ):
        for seals, number in itertools.product((one.case_seal, one.gate_seal), range(1, 9)):
            try:
                context = (vault, case, one.deposit, u64(number))
                found.append(open_secret(seals, {"": epoch.sealing}, label, *context))
            except Error:
                continue
    return found


def test_kept_epoch_seeds_open_nothing_after_a_rekey(world: World) -> None:
    """Ben is removed; until the rekey his copies of the seeds open what is older, then nothing."""
    seeds, before = kept(world, "ben"), state(world)
    with world.session("ana") as ana:
        ana.people.remove(identity("ben").device)
        assert len(opened_by(world, seeds)) == 4
        assert ana.renewals.rekey(world.case).confirmed
        # Nor is anything of the old seals left in the files, while somebody is still at work.
        raw = b"".join(path.read_bytes() for path in world.path.glob("vault.db*"))
    assert opened_by(world, seeds) == []
    assert len(opened_by(world, kept(world, "ana"))) == 4
    for deposit in before:
        assert deposit.case_seal not in raw
        assert deposit.gate_seal not in raw
        assert hashlib.sha256(deposit.case_seal).hexdigest().encode() in raw


def test_while_it_waits_the_old_seals_still_open(world: World) -> None:
    """What a rekey promises it promises once it is confirmed, and not before."""
    seeds = kept(world, "ben")
    with world.session("ana") as ana:
        ana.grant(world.case, identity("carla").device)
        ana.people.remove(identity("ben").device)
        assert not ana.renewals.rekey(world.case).confirmed
    assert len(opened_by(world, seeds)) == 4
    with world.session("carla") as carla:
        carla.renewals.confirm(world.case)
    assert opened_by(world, seeds) == []


def labels_by(world: World, secret: bytes, place: Place, salt: bytes, label: bytes) -> Fields:
    """A label by a kept case secret."""
    del world
    record = recordkeys.record_secret(secret, salt, place)
    return Fields.decrypt(
        recordkeys.label_key(record, place), place.context(Label.LABEL_KEY), label
    )


def test_kept_deposit_secrets_still_open_after_a_rekey(world: World) -> None:
    """The limit of this level, said and shown: only to re-encrypt undoes it."""
    with world.session("ben") as ben:
        listed = list(ben.records(world.case))
        secret = listed[0].held.secret
    with world.session("ana") as ana:
        ana.people.remove(identity("ben").device)
        ana.renewals.rekey(world.case)
        now = ana.record(listed[0].id)
    found = labels_by(world, secret, now.place, now.row.salt, now.row.label)
    assert found.values == listed[0].label.values


def test_what_opens_is_only_the_secret_that_was_signed(world: World) -> None:
    """Seals that wait are opened by who has no other; what they hold is compared all the same."""
    index, _ = rekeyed(world)
    with world.session("ben") as ben, ben.store.read() as reads:
        (old, _other) = reads.deposits()
        (new, _) = reads.renewals(index)
        nobody = message.seal_secret(
            bytes(32), [("x" * 32, ben.identity.sealing.public)], Label.CASE_SEAL
        )
        with pytest.raises((DamageError, OpenError)):
            retrieve.hold(ben.replica, reads, replace(old, case_seal=nobody))
        assert new.state == "waiting"
