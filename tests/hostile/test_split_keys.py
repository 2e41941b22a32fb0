"""Two keys, two parties: what each set of keys opens, and what it does not."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from vault_kit import World, identity, make

from keys import container
from keys.derive import Label, u64
from keys.errors import Error, VerificationError
from keys.group import Epoch
from vault import ids, recordkeys
from vault.errors import DeniedError
from vault.fields import Fields
from vault.message import open_secret
from vault.model import AUDITORS, GATE, Deposit, Record
from vault.recordkeys import Place


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A vault with a case that ana and ben hold."""
    return make(tmp_path)


class Seized:
    """The store, and every seed that somebody could have."""

    def __init__(self, world: World) -> None:
        with world.session("ana") as ana:
            self.vault = ids.parse(ana.authority.vault)
            self.case = ana.replica.keyring.all(ana.authority, world.case)
            self.gate = ana.replica.keyring.all(ana.authority, GATE)
            with ana.store.read() as reads:
                self.deposits: list[tuple[Deposit, list[Record]]] = [
                    (deposit, [record for record, _ in reads.records(deposit.id)])
                    for deposit in reads.deposits()
                ]

    def secrets(self, deposit: Deposit, epochs: list[Epoch]) -> list[bytes]:
        """Whatever some epochs open of a deposit's two seals."""
        found = []
        for epoch, (seals, label, number) in itertools.product(
            epochs,
            (
                (deposit.case_seal, Label.CASE_SEAL, deposit.epoch),
                (deposit.gate_seal, Label.GATE_SEAL, deposit.gate_epoch),
            ),
        ):
            context = (self.vault, deposit.case, deposit.id, u64(number))
            try:
                found.append(open_secret(seals, {"": epoch.sealing}, label, *context))
            except Error:
                continue
        return found

    def opens(self, epochs: list[Epoch]) -> set[str]:
        """What can be opened with the store and some epochs, trying every secret in every role."""
        opened = set()
        for deposit, records in self.deposits:
            secrets = [*self.secrets(deposit, epochs), bytes(32)]
            for record, case_secret, gate_secret in itertools.product(records, secrets, secrets):
                opened |= self._record(deposit, record, case_secret, gate_secret)
        return opened

    def _record(
        self, deposit: Deposit, record: Record, case_secret: bytes, gate_secret: bytes
    ) -> set[str]:
        place = Place(self.vault, deposit.case, deposit.id, record.id)
        secret = recordkeys.record_secret(case_secret, record.salt, place)
        share = recordkeys.gate_share(gate_secret, place)
        opened = set()
        # Also keys of the wrong kind in each place: the derivations are tried as one would guess.
        for key in (recordkeys.record_key(secret, share, place), secret, share, gate_secret):
            for name, data, derived, label in (
                ("label", record.label, recordkeys.label_key(key, place), Label.LABEL_KEY),
                (
                    "particulars",
                    record.particulars,
                    recordkeys.particulars_key(key, place),
                    Label.PARTICULARS_KEY,
                ),
            ):
                try:
                    Fields.decrypt(derived, place.context(label), data)
                    opened.add(name)
                except Error:
                    continue
        return opened


def test_both_parties_together_open_everything(world: World) -> None:
    """The control: with the case's and the gate's seeds label and particulars open."""
    seized = Seized(world)
    assert seized.opens([*seized.case, *seized.gate]) == {"label", "particulars"}


def test_all_case_seeds_without_the_gates_derive_no_record_key(world: World) -> None:
    """Whoever has the store and every case seed reads labels and nothing more."""
    seized = Seized(world)
    assert seized.opens(seized.case) == {"label"}


def test_the_gates_seed_without_a_case_seed_derives_nothing(world: World) -> None:
    """Whoever has the store and the gate's seed reads nothing, not even a label."""
    seized = Seized(world)
    assert seized.opens(seized.gate) == set()


def test_no_single_seed_is_both(world: World) -> None:
    """The seeds of the case and of the gate open different seals of a deposit."""
    seized = Seized(world)
    for deposit, _ in seized.deposits:
        case = seized.secrets(deposit, seized.case)
        gate = seized.secrets(deposit, seized.gate)
        assert len(case) == len(gate) == 1
        assert case != gate


def test_a_share_for_another_record_opens_nothing(world: World) -> None:
    """A released share is good for exactly its record."""
    with world.session("ben") as ben:
        first, second = (ben.record(stored.record) for stored in world.stored)
        (got,) = ben.release([first.id], "review")
        with pytest.raises(VerificationError):
            container.decrypt(
                got.key,
                second.place.context(Label.CONTENT_KEY),
                (world.blobs[-1]).read_bytes(),
            )


def test_an_auditors_keys_open_no_evidence_title_or_reason(world: World) -> None:
    """An auditor sees who did what under ids, and can open nothing of the case."""
    with world.session("ben") as ben:
        ben.release([world.stored[0].record], "preparation", "the reason")
    with world.session("aud") as auditor:
        keyring, authority = auditor.replica.keyring, auditor.authority
        assert keyring.all(authority, world.case) == []
        seized = Seized(world)
        assert seized.opens(keyring.all(authority, AUDITORS)) == set()
        assert auditor.cases()[0].title is None
        assert list(auditor.records()) == []
        accesses = list(auditor.log())
        assert [access.purpose for access in accesses] == [None, "preparation"]
        assert [access.why for access in accesses] == [None, None]
        with pytest.raises(DeniedError):
            auditor.record(world.stored[0].record)
        with pytest.raises(DeniedError):
            auditor.release([world.stored[0].record], "review")
    with world.session("ana") as ana:
        assert [access.why for access in ana.log()][1] == "the reason"


def test_a_steward_reads_no_case_that_was_not_granted(world: World) -> None:
    """Whoever runs the membership has no key of others' cases."""
    from vault.model import Role

    with world.session("ana") as ana:
        ana.add_member(identity("eva").contact().note, [Role.STEWARD, Role.ADVOCATE])
    world.join("eva")
    with world.session("eva") as eva:
        assert eva.replica.keyring.all(eva.authority, world.case) == []
        assert eva.cases()[0].title is None
        assert list(eva.records()) == []
        assert [access.opened for access in eva.log()] == [False]
        with pytest.raises(DeniedError):
            eva.release([world.stored[0].record], "review")
        with pytest.raises(DeniedError):
            eva.grant(world.case, identity("eva").device)


def test_old_case_keys_open_no_deposit_made_after_a_rotation(world: World) -> None:
    """Who keeps a copy of a case's keys reads nothing that comes after the next rotation."""
    kept = Seized(world)
    (world.root / "later.txt").write_bytes(b"later")
    with world.session("ana") as ana:
        ana.rotate(world.case, GATE)
        ana.add([world.root / "later.txt"], world.case)
    now = Seized(world)
    now.deposits = now.deposits[-1:]
    assert now.opens([*kept.case, *kept.gate]) == set()
    assert now.opens([*now.case, *now.gate]) == {"label", "particulars"}


def test_a_grant_opens_what_was_deposited_before_it(world: World) -> None:
    """Before the grant nothing, after it everything older, also across rotations."""
    with world.session("carla") as carla:
        assert list(carla.records()) == []
    with world.session("ana") as ana:
        ana.rotate(world.case)
        ana.rotate(world.case)
        ana.grant(world.case, identity("carla").device)
    assert len(world.read_all("carla")) == 2
