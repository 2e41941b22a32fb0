"""The seals of granted records: each for one record and one device, each proved alone."""

from __future__ import annotations

import os

import pytest
from vault_kit import identity

from keys.errors import OpenError
from keys.seal import OVERHEAD
from vault import grantseals, ids
from vault.errors import MalformedError, ProofError
from vault.model import RecordsGrant, SealedSecret
from vault.recordkeys import Place

PLACE = Place(bytes(16), bytes([1]) * 16, bytes([2]) * 16, bytes([3]) * 16)
STATEMENT = bytes(32)


def granted(records: int, devices: int, root: str) -> RecordsGrant:
    """A grant of some records to somebody with some devices."""
    names = tuple(ids.show(bytes([number]) * 16) for number in range(records))
    owned = tuple(ids.show(bytes([number]) * 20) for number in range(devices))
    return RecordsGrant(owned[0], names, None, 5, STATEMENT, root, owned)


@pytest.mark.parametrize("part", Place._fields)
def test_a_seal_is_bound_to_where_the_record_is(part: str) -> None:
    """Vault, case, deposit and record: with another of them it does not open."""
    carla = identity("carla")
    sealed = grantseals.seal_to(bytes(32), PLACE, carla.contact())
    assert len(sealed) == grantseals.SEAL_SIZE == OVERHEAD + 32
    assert grantseals.open_with(carla.sealing, carla.device, sealed, PLACE) == bytes(32)
    other = PLACE._replace(**{part: bytes([9]) * 16})
    with pytest.raises(OpenError):
        grantseals.open_with(carla.sealing, carla.device, sealed, other)


def test_a_seal_is_bound_to_the_device() -> None:
    """To its key, and to its id."""
    carla, ben = identity("carla"), identity("ben")
    sealed = grantseals.seal_to(bytes(32), PLACE, carla.contact())
    for key, device in ((ben.sealing, carla.device), (carla.sealing, ben.device)):
        with pytest.raises(OpenError):
            grantseals.open_with(key, device, sealed, PLACE)


@pytest.mark.parametrize(("records", "devices"), [(1, 1), (1, 3), (2, 2), (3, 1), (5, 3), (33, 2)])
def test_each_seal_is_proved_without_the_others(records: int, devices: int) -> None:
    """At its own place, by its own path; at any other, or another seal there, it is not."""
    seals = [os.urandom(grantseals.SEAL_SIZE) for _ in range(records * devices)]
    grant = granted(records, devices, grantseals.root(seals))
    assert grantseals.parse(grantseals.encode(seals)) == seals
    paths = grantseals.paths(seals)
    places = [grant.position(name, owned) for name in grant.records for owned in grant.devices]
    assert places == list(range(grant.count))
    for at in places:
        grantseals.verify(grant, SealedSecret(STATEMENT, at, seals[at], paths[at]))
        with pytest.raises(ProofError):
            grantseals.verify(grant, SealedSecret(STATEMENT, at, bytes(1168), paths[at]))
        with pytest.raises(ProofError):
            grantseals.verify(grant, SealedSecret(STATEMENT, at + 1, seals[at], paths[at]))


def test_a_seal_of_another_length_is_none() -> None:
    """Nothing else travels beside a statement."""
    seals = [bytes(grantseals.SEAL_SIZE), bytes(grantseals.SEAL_SIZE + 1)]
    with pytest.raises(MalformedError):
        grantseals.parse(grantseals.encode(seals))
