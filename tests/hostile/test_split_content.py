"""The content itself, not only what is said of it, needs both parties' secrets."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from vault_kit import SMALL, World, make

from keys import container
from keys.derive import Label, u64
from keys.errors import Error
from keys.group import Epoch
from vault import ids, recordkeys
from vault.message import open_secret
from vault.model import GATE
from vault.recordkeys import Place


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A vault with a case that ana and ben hold, and whose keys have changed since."""
    made = make(tmp_path)
    with made.session("ana") as ana:
        ana.rotate(made.case, GATE)
    return made


def readable(world: World, *groups: str) -> set[bytes]:
    """What comes out of the small record's content with every seed of some groups."""
    with world.session("ana") as ana, ana.store.read() as reads:
        epochs: list[Epoch] = []
        for group in groups:
            epochs += ana.replica.keyring.all(ana.authority, group)
        vault, (deposit,) = ids.parse(ana.authority.vault), reads.deposits()
        record = reads.record(ids.parse(world.stored[0].record))
    assert record is not None
    place = Place(vault, deposit.case, deposit.id, record.id)
    # Every seal under every seed, and the seeds themselves, are tried as every kind of secret.
    secrets = [bytes(32), record.salt, *(epoch._seed for epoch in epochs)]
    seals = (
        (deposit.case_seal, Label.CASE_SEAL, deposit.epoch),
        (deposit.gate_seal, Label.GATE_SEAL, deposit.gate_epoch),
    )
    for epoch, (sealed, label, number) in itertools.product(epochs, seals):
        try:
            secrets.append(
                open_secret(sealed, {"": epoch.sealing}, label, *place[:2], deposit.id, u64(number))
            )
        except Error:
            continue
    found = set()
    data = world.blobs[0].read_bytes()[record.offset :][: record.content_size]
    for case_secret, gate_secret in itertools.product(secrets, secrets):
        secret = recordkeys.record_secret(case_secret, record.salt, place)
        share = recordkeys.gate_share(gate_secret, place)
        key = recordkeys.record_key(secret, share, place)
        for tried in (recordkeys.content_key(k, place) for k in (key, secret, share, case_secret)):
            try:
                found.add(container.decrypt(tried, place.context(Label.CONTENT_KEY), data))
            except Error:
                continue
    return found


def test_the_seeds_of_both_give_the_content(world: World) -> None:
    """The control: with the case's and the gate's seeds it comes out, and nothing else does."""
    (content,) = readable(world, world.case, GATE)
    assert content.rstrip(b"\0") == SMALL


def test_every_seed_of_the_case_gives_none_of_the_content(world: World) -> None:
    """A holder whose client is modified, with the whole store, still needs the gate."""
    assert readable(world, world.case) == set()


def test_every_seed_of_the_gate_gives_none_of_the_content(world: World) -> None:
    """Whoever seizes the gate reads nothing."""
    assert readable(world, GATE) == set()


def test_all_other_seeds_give_none_of_the_content(world: World) -> None:
    """What every member and every auditor has is of no use with either half."""
    assert readable(world, "members", "auditors") == set()
    assert readable(world, "members", "auditors", GATE) == set()
    assert readable(world, "members", "auditors", world.case) == set()
