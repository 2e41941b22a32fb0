"""Re-encryption: new keys for every record, the same evidence, and nothing of the old is left."""

from __future__ import annotations

from pathlib import Path

import pytest
from vault_kit import LARGE, SMALL, World, identity, make

from keys.container import encrypted_size
from vault.check import check
from vault.errors import DeniedError, WaitingError
from vault.model import CasePolicy, Deposit, Record, Role
from vault.session import Session

WHAT = {"small.txt": SMALL, "large.bin": LARGE, "empty": b""}


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Ana (steward, advocate) and Ben (attorney) hold the case, which has two deposits."""
    world = make(tmp_path)
    (world.root / "empty").write_bytes(b"")
    with world.session("ana") as ana:
        ana.add([world.root / "empty"], world.case)
    return world


def rows(session: Session) -> list[tuple[Deposit, list[Record]]]:
    """Everything as it is stored."""
    with session.store.read() as reads:
        return [
            (deposit, [record for record, _ in reads.records(deposit.id)])
            for deposit in reads.deposits()
        ]


def contents(world: World, name: str) -> dict[str, bytes]:
    """What somebody retrieves, by name."""
    return dict(world.read_all(name).values())


def sound(world: World, *names: str) -> None:
    """Everything that can be checked is in order, without keys and with these people's."""
    for name in names:
        with world.session(name) as session:
            assert check(session.store).problems == []
            assert check(session.store, session).problems == []
            _, problems = session.verify()
            assert problems == []


def test_records_are_under_new_keys_once_another_has_confirmed(world: World) -> None:
    """Every salt, container and blob is another, every id and every field's root the same."""
    with world.session("ana") as ana:
        before = rows(ana)
        done = ana.renewals.reencrypt(world.case)
        assert (done.deposits, done.records, done.confirmed) == (2, 3, False)
        assert done.bytes == sum(record.content_size for _, many in before for record in many)
        assert rows(ana) == before
    assert contents(world, "ben") == WHAT
    sound(world, "ana", "ben", "aud")
    with world.session("ben") as ben:
        confirmed = ben.renewals.confirm(world.case)
        assert (confirmed.deposits, confirmed.records) == (2, 3)
        after = rows(ben)
    for (old, records), (new, others) in zip(before, after, strict=True):
        assert (new.id, new.entry, new.count) == (old.id, old.entry, old.count)
        assert new.case_seal != old.case_seal
        for record, other in zip(records, others, strict=True):
            assert (other.id, other.fields_root) == (record.id, record.fields_root)
            assert other.content_size == record.content_size
            for name in ("salt", "label", "particulars", "content_digest", "blob"):
                assert getattr(other, name) != getattr(record, name)
    assert contents(world, "ben") == contents(world, "ana") == WHAT
    sound(world, "ana", "ben", "aud", "carla")


def test_nothing_of_the_old_is_in_the_files(world: World) -> None:
    """Neither blobs nor rows."""
    with world.session("ana") as ana:
        old = [record for _, many in rows(ana) for record in many]
        ana.renewals.reencrypt(world.case)
    blobs = {path.name for path in world.blobs}
    with world.session("ben") as ben:
        ben.renewals.confirm(world.case)
        new = [record for _, many in rows(ben) for record in many]
    raw = b"".join(path.read_bytes() for path in world.path.glob("vault.db*"))
    for record, other in zip(old, new, strict=True):
        assert record.blob.hex()[2:] in blobs
        assert record.blob.hex()[2:] not in {path.name for path in world.blobs}
        for value in (record.salt, record.label, record.particulars):
            assert value not in raw
        assert other.label in raw
    assert len(world.blobs) == len({record.blob for record in new})


def test_who_is_alone_confirms_each_deposit_at_once(world: World) -> None:
    """And a second time, and after a rekey: each stands on the one before."""
    with world.session("ana") as ana:
        ana.casework.revoke(world.case, identity("ben").device)
        for _ in range(2):
            assert ana.renewals.reencrypt(world.case).confirmed
            assert ana.renewals.rekey(world.case).confirmed
        assert ana.renewals.pending() == []
    assert contents(world, "ana") == WHAT
    sound(world, "ana", "aud")


def test_the_asking_is_in_the_log(world: World) -> None:
    """Content is asked for like any other retrieval, for verification, and signed for."""
    with world.session("ana") as ana:
        ana.renewals.reencrypt(world.case, why="a laptop was taken")
        acts = [(access.kind, access.purpose, access.why) for access in ana.log()][2:]
    once = [
        ("release", "verification", "a laptop was taken"),
        ("receipt", None, None),
        ("re-encrypt", None, None),
    ]
    assert acts == once * 2


def test_an_attorney_re_encrypts_nothing(world: World) -> None:
    """It is refused, and nothing of it stays."""
    blobs = world.blobs
    with world.session("ben") as ben:
        with pytest.raises(DeniedError) as caught:
            ben.renewals.reencrypt(world.case)
        assert caught.value.reason == "role"
    assert world.blobs == blobs


def test_a_second_one_replaces_the_first(world: World) -> None:
    """What waited is gone, its blobs too; a rekey of the case gives way to it."""
    with world.session("ana") as ana:
        ana.renewals.rekey(world.case)
        ana.renewals.reencrypt(world.case)
        many = len(world.blobs)
        ana.renewals.reencrypt(world.case)
        assert len(world.blobs) == many
        assert {waits.kind for waits in ana.renewals.pending()} == {"re-encrypt"}
    with world.session("ben") as ben:
        ben.renewals.confirm(world.case)
    assert contents(world, "ben") == WHAT
    sound(world, "ana", "ben")


def test_a_rekey_drops_what_waits_to_be_encrypted_anew(world: World) -> None:
    """New seals of old secrets beside new secrets would open nothing."""
    with world.session("ana") as ana:
        ana.renewals.reencrypt(world.case)
        ana.rotate(world.case)
        ana.renewals.rekey(world.case)
        assert {waits.kind for waits in ana.renewals.pending()} == {"rekey"}
    with world.session("ben") as ben:
        ben.renewals.confirm(world.case)
    assert contents(world, "ben") == WHAT
    sound(world, "ana", "ben")


def test_who_comes_later_reads_it_all(world: World) -> None:
    """Old labels of old epochs, new records: a newcomer has one way to all of it."""
    with world.session("ana") as ana:
        ana.add_member(identity("dora").contact().note, [Role.ATTORNEY])
        ana.renewals.reencrypt(world.case)
    with world.session("ben") as ben:
        ben.renewals.confirm(world.case)
    with world.session("ana") as ana:
        ana.grant(world.case, identity("dora").device)
    world.join("dora")
    assert contents(world, "dora") == WHAT
    sound(world, "dora")


def test_an_auditor_still_proves_which_records_a_deposit_had(world: World) -> None:
    """By what their leaves were made of when they came in."""
    from vault.audit import deposited

    with world.session("ana") as ana:
        ana.casework.revoke(world.case, identity("ben").device)
        ana.renewals.reencrypt(world.case)
    with world.session("aud") as aud, aud.store.read() as reads:
        (first, *_) = [access for access in aud.log() if access.kind == "deposit"]
        assert deposited(reads, first) == [stored.record for stored in world.stored]


def test_a_plan_says_how_much_would_be_written(world: World) -> None:
    """The bytes of all containers."""
    with world.session("ana") as ana:
        plan = ana.renewals.plan(world.case, reencrypt=True)
        assert (plan.deposits, plan.records) == (2, 3)
        assert plan.bytes == sum(r.content_size for _, many in rows(ana) for r in many)
        assert plan.bytes > encrypted_size(len(LARGE))
        assert plan.seconds > 0


def test_a_case_that_asks_for_approvals_is_asked_first(world: World) -> None:
    """Requests are filed before anything is written; once they are approved it goes on."""
    blobs = world.blobs
    with world.session("ana") as ana:
        ana.casework.set_policy(world.case, CasePolicy(1, 72))
        for _ in range(2):
            with pytest.raises(WaitingError):
                ana.renewals.reencrypt(world.case, why="a laptop was taken")
        waits = ana.requests.all(mine=True)
        assert [(one.state, one.purpose) for one in waits] == [("pending", "verification")] * 2
    assert world.blobs == blobs
    with world.session("ben") as ben:
        for request in waits:
            ben.requests.approve(request.id)
    with world.session("ana") as ana:
        assert ana.renewals.reencrypt(world.case).records == 3
    with world.session("ben") as ben:
        ben.renewals.confirm(world.case)
        assert [row.label.values["name"] for row in ben.records(world.case)] == list(WHAT)
    sound(world, "ana", "ben", "aud")


def test_what_was_destroyed_stays_destroyed(world: World) -> None:
    """Its leaf keeps its place in the new tree, and in the old one."""
    gone = world.stored[0].record
    with world.session("ana") as ana, pytest.raises(WaitingError):
        ana.requests.destroy([gone])
    with world.session("ben") as ben:
        (request,) = ben.requests.all(for_me=True)
        ben.requests.approve(request.id)
    with world.session("ana") as ana:
        ana.requests.destroy([gone])
        assert ana.renewals.reencrypt(world.case).records == 2
    with world.session("ben") as ben:
        ben.renewals.confirm(world.case)
        assert [row.label.values["name"] for row in ben.records(world.case)] == list(WHAT)[1:]
    sound(world, "ana", "ben", "aud")
