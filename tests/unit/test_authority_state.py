"""The authority answers what it knows, and says so where it knows nothing."""

from __future__ import annotations

from dataclasses import replace

import authority_kit as kit
import pytest
from authority_kit import CASE, FOUNDER, NOW, STRANGER

from keys.signing import Checkpoint
from vault.errors import DeniedError, GateError, LogError
from vault.log import checkpoint
from vault.model import AUDITORS, GATE, MEMBERS
from vault.note import ACCESS, AUTHORITY


def test_epochs_by_number() -> None:
    """Every epoch that there was is found by its number, and no other."""
    world = kit.peopled()
    world.do("rotated", "eva", world.rotated(MEMBERS))
    authority = world.authority
    assert [authority.epoch(MEMBERS, number).number for number in (1, 2)] == [1, 2]
    assert authority.epoch(MEMBERS) == authority.epoch(MEMBERS, 2)
    for number in (0, -1, 3):
        with pytest.raises(KeyError):
            authority.epoch(MEMBERS, number)
    with pytest.raises(KeyError):
        authority.epoch(kit.case_id("none"))


def test_devices() -> None:
    """A device is a member's, or nobody's."""
    authority = kit.peopled().authority
    assert authority.member_of(kit.device("eva")).name == "eva"
    with pytest.raises(DeniedError, match="not one of a member"):
        authority.member_of(kit.device(STRANGER))


def test_holders() -> None:
    """A case has its holders, and one that does not exist has none."""
    authority = kit.peopled().authority
    case = kit.case_id(CASE)
    assert {member.name for member in authority.holders(case, NOW)} == {"eva", "lea"}
    assert authority.holds(kit.device("eva"), case, NOW)
    assert not authority.holds(kit.device(FOUNDER), case, NOW)
    assert not authority.holds(kit.device("eva"), kit.case_id("none"), NOW)


def test_auditors() -> None:
    """The auditors' group is the founder's until there is an auditor, and then the auditors'."""
    founded, peopled = kit.founded().authority, kit.peopled().authority
    assert founded.auditors() == []
    assert [device.id for device in founded.entitled(AUDITORS, NOW)] == [kit.device(FOUNDER)]
    assert [device.id for device in peopled.entitled(AUDITORS, NOW)] == [kit.device("ida")]


def test_gate_signs_the_heads() -> None:
    """Heads verify under the gate's epoch in force, each log under its own name."""
    world = kit.peopled()
    for number in (1, 2):
        signing = kit.epoch(GATE, number).signing
        assert signing is not None
        for log in (AUTHORITY, ACCESS):
            origin = world.authority.origin(log)
            note = checkpoint.sign(signing, Checkpoint(origin, 3, bytes(32)), NOW)
            checkpoint.verify(note, origin, world.authority.gate_verifiers(log))
            other = ACCESS if log == AUTHORITY else AUTHORITY
            with pytest.raises(LogError):
                checkpoint.verify(note, origin, world.authority.gate_verifiers(other))
        world.do("rotated", "eva", world.rotated(GATE))
        with pytest.raises(LogError):
            checkpoint.verify(note, origin, world.authority.gate_verifiers(log))


def test_gate_without_signing_keys() -> None:
    """A gate that published no signing keys signs no heads."""
    authority = kit.founded().authority
    epoch = replace(authority.epoch(GATE), signing=None)
    authority = replace(authority, groups={**authority.groups, GATE: (epoch,)})
    with pytest.raises(GateError, match="no signing keys"):
        authority.gate_verifiers(ACCESS)
