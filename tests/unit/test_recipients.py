"""An entry is sealed to whoever should read it then, and to nobody who left."""

from __future__ import annotations

from dataclasses import replace

import authority_kit as kit
from authority_kit import CASE, CAST, DAY, FOUNDER, NOW, World, epoch

from keys.derive import Label
from keys.errors import OpenError
from keys.seal import SealingKey, seal
from vault.authority import access_recipients, authority_recipients, case_recipients
from vault.log.entry import Recipient
from vault.model import AUDITORS, GATE, MEMBERS

TAG = b"12345678"
EVERYBODY = (FOUNDER, *CAST)


def to_group(group: str, number: int = 1, tag: bytes = b"") -> Recipient:
    """A seal to a group's epoch."""
    return Recipient(epoch(group, number).sealing.public, tag)


def to_devices(*names: str) -> list[Recipient]:
    """Seals to people's own devices, without tags."""
    return [Recipient(kit.contact(name).sealing) for name in names]


def unordered(recipients: list[Recipient]) -> list[Recipient]:
    """In any order."""
    return sorted(recipients)


def opens(recipient: Recipient, key: SealingKey) -> bool:
    """Whether a key opens what is sealed to a recipient."""
    sealed = seal(recipient.public, b"", Label.ENTRY_KEY)
    try:
        key.open(sealed, Label.ENTRY_KEY)
    except OpenError:
        return False
    return True


def expired() -> World:
    """A case whose grant to Amy has ended, and which nobody rotated since."""
    world = kit.peopled()
    world.do("case-granted", "eva", world.granted(CASE, "amy", NOW + DAY))
    world.now = NOW + DAY
    return world


# --- the authority log ------------------------------------------------------------------------


def test_statement() -> None:
    """A statement that begins and brings nothing of `members` is sealed to the group alone."""
    world = kit.peopled()
    before = world.authority
    after = world.do("rotated", "eva", world.rotated(GATE))
    assert authority_recipients(before, after, NOW, TAG) == [to_group(MEMBERS, 1, TAG)]


def test_genesis() -> None:
    """Genesis is sealed to the group and to the founder's device, which has no keys yet."""
    world = kit.founded()
    found = authority_recipients(None, world.authority, NOW, TAG)
    assert found == [to_group(MEMBERS, 1, TAG), *to_devices(FOUNDER)]


def test_new_member() -> None:
    """A statement that adds a member is sealed to the group, and to the new device."""
    world = kit.peopled()
    before = world.authority
    after = world.do("member-added", FOUNDER, world.added("new", "attorney"))
    found = authority_recipients(before, after, NOW, TAG)
    assert found == [to_group(MEMBERS, 1, TAG), *to_devices("new")]


def test_new_epoch_of_members() -> None:
    """A statement that begins an epoch of `members` is sealed to it, and to every device."""
    world = kit.peopled()
    before = world.authority
    after = world.do("rotated", "eva", world.rotated(MEMBERS))
    first, *rest = authority_recipients(before, after, NOW, TAG)
    assert first == to_group(MEMBERS, 2, TAG)
    assert unordered(rest) == unordered(to_devices(*EVERYBODY))


def test_stale_members() -> None:
    """Where somebody has the keys of `members` who should not, a statement goes to devices."""
    world = kit.peopled()
    authority = world.authority
    newest = authority.epoch(MEMBERS)
    ghost = replace(newest, wraps={**newest.wraps, kit.device(kit.STRANGER): b""})
    stale = replace(authority, groups={**authority.groups, MEMBERS: (ghost,)})
    assert stale.stale(MEMBERS, NOW)
    found = authority_recipients(stale, stale, NOW, TAG)
    assert unordered(found) == unordered(to_devices(*EVERYBODY))


# --- the access log ---------------------------------------------------------------------------


def test_act_in_a_case() -> None:
    """An act is sealed to the auditors first, and to the case."""
    authority = kit.peopled_by_auditors().authority
    case = kit.case_id(CASE)
    found = access_recipients(authority, case, NOW, TAG)
    assert found == [to_group(AUDITORS, 2), to_group(case, 1, TAG)]
    assert access_recipients(authority, case, NOW, b"")[1] == to_group(case)


def test_act_in_no_case() -> None:
    """An act that concerns no case, or one that does not exist, is sealed to the auditors alone."""
    authority = kit.peopled_by_auditors().authority
    for case in (None, kit.case_id("none")):
        assert access_recipients(authority, case, NOW, TAG) == [to_group(AUDITORS, 2)]


def test_details() -> None:
    """Details are sealed to the case alone: no auditor opens them."""
    world = kit.peopled_by_auditors()
    found = case_recipients(world.authority, kit.case_id(CASE), NOW, TAG)
    assert found == [to_group(kit.case_id(CASE), 1, TAG)]
    for key in (kit.person("ida").sealing, epoch(AUDITORS, 2).sealing, epoch(AUDITORS).sealing):
        assert not any(opens(recipient, key) for recipient in found)


def test_auditors_before_there_is_one() -> None:
    """As long as there is no auditor, the founder reads for them."""
    world = kit.founded()
    assert access_recipients(world.authority, None, NOW, TAG) == [to_group(AUDITORS)]
    assert world.entitled(AUDITORS) == [FOUNDER]


def test_the_founder_reads_no_longer() -> None:
    """From the first auditor on, entries go to auditors' devices until they rotate, and never to
    the founder again."""
    world = kit.peopled()
    assert world.authority.stale(AUDITORS, NOW)
    first, *rest = access_recipients(world.authority, kit.case_id(CASE), NOW, TAG)
    assert [first] == to_devices("ida")
    assert rest == [to_group(kit.case_id(CASE), 1, TAG)]
    world.do("rotated", "ida", world.rotated(AUDITORS))
    assert access_recipients(world.authority, None, NOW, TAG) == [to_group(AUDITORS, 2)]


def test_stale_case() -> None:
    """After a grant has ended, entries and details go to the remaining holders' devices until one
    of them rotates the case, and then to the new epoch."""
    world = expired()
    case = kit.case_id(CASE)
    assert not world.authority.stale(case, NOW + DAY - 1)
    assert world.authority.stale(case, NOW + DAY)
    before = case_recipients(world.authority, case, NOW + DAY - 1, TAG)
    assert before == [to_group(case, 1, TAG)]
    after = case_recipients(world.authority, case, NOW + DAY, TAG)
    assert unordered(after) == unordered(to_devices("eva", "lea"))
    act = access_recipients(world.authority, case, NOW + DAY, TAG)
    assert unordered(act[1:]) == unordered(after)
    for key in (kit.person("amy").sealing, epoch(case).sealing):
        assert not any(opens(recipient, key) for recipient in act + after)
    world.do("rotated", "lea", world.rotated(case))
    assert case_recipients(world.authority, case, NOW + DAY, TAG) == [to_group(case, 2, TAG)]


def test_nobody_is_left() -> None:
    """Details of a case that nobody holds any more are sealed to nobody, acts to auditors."""
    world = kit.peopled_by_auditors()
    case = kit.case_id(CASE)
    state = world.authority.cases[case]
    grants = {name: replace(grant, until=NOW) for name, grant in state.grants.items()}
    cases = {**world.authority.cases, case: replace(state, grants=grants)}
    orphaned = replace(world.authority, cases=cases)
    assert case_recipients(orphaned, case, NOW, TAG) == []
    assert access_recipients(orphaned, case, NOW, TAG) == [to_group(AUDITORS, 2)]


def test_lacking() -> None:
    """Whoever should have keys and does not is known, and a group without ghosts is not stale."""
    world = kit.peopled(auditor_has_keys=False)
    assert [device.id for device in world.authority.lacking(AUDITORS, NOW)] == [kit.device("ida")]
    world.do("wrapped", FOUNDER, world.wrapped((AUDITORS, "ida")))
    assert world.authority.lacking(AUDITORS, NOW) == []
    assert not world.authority.stale(MEMBERS, NOW)
    # Whoever still waits for keys makes nothing stale: entries go to the group all the same.
    world.do("rotated", "ida", world.rotated(AUDITORS))
    world.do("member-added", FOUNDER, world.added("ivy", "auditor"))
    assert [device.id for device in world.authority.lacking(AUDITORS, NOW)] == [kit.device("ivy")]
    assert not world.authority.stale(AUDITORS, NOW)
    assert access_recipients(world.authority, None, NOW, TAG) == [to_group(AUDITORS, 2)]
