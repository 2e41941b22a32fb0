"""Single records are granted: these labels, this content, for this long, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from vault_kit import SMALL, World, identity, make

from vault import ids
from vault.check import check
from vault.errors import DeniedError, NotFoundError, UsageError
from vault.model import CasePolicy, Role
from vault.note import ACCESS
from vault.requests import AskedError
from vault.session import Session

WEEK = 7 * 86_400


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A vault with a case of five records that ana and ben hold; carla holds nothing."""
    made = make(tmp_path)
    folder = made.root / "more"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.txt").write_bytes(SMALL + bytes([number]))
    with made.session("ana") as ana:
        made.stored = [*made.stored, *ana.add(sorted(folder.iterdir()), made.case)]
    return made


def grant(world: World, *numbers: int, to: str = "carla", until: int | None = None) -> list[str]:
    """Ana grants somebody some of the records; returns their ids."""
    records = [world.stored[number].record for number in numbers]
    with world.session("ana") as ana:
        ana.grants.grant_records(world.case, identity(to).device, records, until)
    return records


def seen(session: Session) -> list[str]:
    """The ids of the records that somebody sees."""
    return [listed.id for listed in session.records()]


def rows(world: World) -> int:
    """How many sealed secrets are stored."""
    with world.database() as database:
        return int(database.execute("select count(*) from record_grant").fetchone()[0])


def test_who_was_granted_three_records_sees_three_labels(world: World) -> None:
    """Those of two deposits, in the order in which they were stored; and none besides."""
    granted = grant(world, 3, 0, 4)
    with world.session("carla") as carla:
        assert seen(carla) == [world.stored[number].record for number in (0, 3, 4)]
        assert [one.label.values["name"] for one in carla.labels(granted)] == [
            world.stored[number].name for number in (3, 0, 4)
        ]
        assert all(one.held is None for one in carla.records(world.case))
        assert carla.find_case(world.case).title is None
        for other in (1, 2):
            with pytest.raises(DeniedError):
                carla.record(world.stored[other].record)


def test_exactly_these_are_released(world: World) -> None:
    """And with one that was not granted among them, none is."""
    granted = grant(world, 0, 2)
    with world.session("carla") as carla:
        opened = carla.release(granted, "review", "a reason")
        assert [b"".join(carla.content(got)) for got in opened] == [SMALL, SMALL + b"\x00"]
        carla.receive(opened)
        with pytest.raises(DeniedError) as caught:
            carla.release([granted[0], world.stored[1].record], "review")
        assert (caught.value.reason, caught.value.entry) == ("not-holder", 4)


def sound(world: World, *people: str) -> None:
    """Nothing is wrong with the vault, as far as any of these can see."""
    for name in people:
        with world.session(name) as session:
            assert check(session.store, session).problems == []


def test_they_find_their_own_accesses_in_the_log(world: World) -> None:
    """What was released to them, and their receipt; of others nothing, and no deposit."""
    granted = grant(world, 0)
    with world.session("ben") as ben:
        ben.release(granted, "filing")
    with world.session("carla") as carla:
        carla.receive(carla.release(granted, "review"))
        own = [(got.kind, got.actor) for got in carla.log() if got.opened]
        assert own == [("release", carla.member.id), ("receipt", carla.member.id)]
        assert carla.verify()[1] == []
    sound(world, "ana", "ben", "aud", "carla")
    for name in ("ana", "aud"):
        with world.session(name) as session:
            assert [got.kind for got in session.log()][-3:] == ["release", "release", "receipt"]
            assert session.verify()[1] == []


def test_after_a_week_there_is_nothing(world: World) -> None:
    """No label, no release, and with the next act of anybody no sealed secret."""
    granted = grant(world, 0, 2, until=int(world.clock.at) + WEEK)
    assert rows(world) == 2
    world.clock.at += WEEK - 20
    with world.session("carla") as carla:
        assert seen(carla) == granted
        world.clock.at += WEEK
        assert seen(carla) == []
        with pytest.raises(DeniedError):
            list(carla.records(world.case))
        with pytest.raises(DeniedError):
            carla.labels(granted)
        assert rows(world) == 2
        with pytest.raises(DeniedError) as caught:
            carla.release(granted, "review")
        assert caught.value.reason == "not-holder"
        assert caught.value.entry is not None
    assert rows(world) == 0


def end_by_revoking(world: World) -> None:
    with world.session("ana") as ana:
        ana.casework.revoke(world.case, identity("carla").device)


def end_by_removing(world: World) -> None:
    with world.session("ana") as ana:
        ana.people.remove(identity("carla").device)


def end_by_revoking_the_device(world: World) -> None:
    with world.session("ana") as ana:
        ana.people.revoke_device(identity("carla").device)


def end_by_a_device_for_somebody_else(world: World) -> None:
    with world.session("ana") as ana:
        contact = identity("carla again").contact().note
        ana.people.add_device(contact, identity("carla").device)


def end_by_another_role(world: World) -> None:
    with world.session("ana") as ana:
        ana.people.set_roles(identity("carla").device, [Role.STEWARD])


@pytest.mark.parametrize(
    "end",
    [
        end_by_revoking,
        end_by_removing,
        end_by_revoking_the_device,
        end_by_a_device_for_somebody_else,
        end_by_another_role,
    ],
)
def test_when_the_right_ends_the_sealed_secrets_are_gone(
    world: World, end: Callable[[World], None]
) -> None:
    """In the same transaction, and from the file: whoever takes the disk later finds no trace."""
    kept = grant(world, 1, to="eva") if add(world, "eva") else []
    granted = grant(world, 0, 2, 3)
    with world.database() as database:
        query = "select seal from record_grant"
        seals = [seal for (seal,) in database.execute(query).fetchall()]
    assert all(seal in stored(world) for seal in seals)
    end(world)
    assert rows(world) == 1
    assert sum(seal in stored(world) for seal in seals) == 1
    try:
        with world.session("carla") as carla:
            assert seen(carla) == []
            with pytest.raises(DeniedError):
                carla.labels(granted)
    except DeniedError as error:
        assert error.reason in {"not-member", "revoked"}  # noqa: PT017
    with world.session("eva") as eva:
        assert seen(eva) == kept


def test_they_are_gone_while_the_vault_is_still_open(world: World) -> None:
    """Also from what the database keeps beside itself until somebody tidies up."""
    grant(world, 0)
    with world.database() as database:
        ((seal,),) = database.execute("select seal from record_grant").fetchall()
    with world.session("ana") as ana:
        assert seal in stored(world)
        ana.casework.revoke(world.case, identity("carla").device)
        assert seal not in stored(world)


def add(world: World, name: str) -> bool:
    """Add an attorney who joins."""
    with world.session("ana") as ana:
        ana.people.add(identity(name).contact().note, [Role.ATTORNEY])
    world.join(name)
    return True


def stored(world: World) -> bytes:
    """All bytes of the database, and of what it keeps beside itself."""
    files = sorted(world.path.glob("vault.db*"))
    return b"".join(file.read_bytes() for file in files)


def laptop(world: World) -> None:
    """Carla adds a second device."""
    with world.session("carla") as carla:
        carla.people.add_device(identity("a laptop").contact().note)
    world.join("a laptop")


def test_a_grant_is_for_each_device_that_there_is(world: World) -> None:
    """Both read; when one is revoked its seals go, and the other reads on."""
    laptop(world)
    granted = grant(world, 0, 2, 4)
    assert rows(world) == 6
    for device in ("carla", "a laptop"):
        with world.session(device) as session:
            assert seen(session) == granted
    with world.session("carla") as carla:
        carla.people.revoke_device(identity("a laptop").device)
        assert seen(carla) == granted
        assert len(carla.release(granted, "review")) == 3
    assert rows(world) == 3


def test_a_device_that_came_later_has_to_be_granted_anew(world: World) -> None:
    """It sees nothing and is told why; the old one reads on; a new grant is for both."""
    granted = grant(world, 0, 2)
    laptop(world)
    with world.session("a laptop") as session:
        assert seen(session) == []
        assert [one.here for one in session.grants.granted(session.member.id)] == [False]
        with pytest.raises(DeniedError, match="before this device") as caught:
            session.labels(granted)
        assert caught.value.reason == "no-key"
        # Nor is anything asked for in vain: the log would call it a release.
        before = session.replica.heads[ACCESS].size
        with pytest.raises(DeniedError, match="before this device"):
            session.release(granted, "review")
        session.catch_up()
        assert session.replica.heads[ACCESS].size == before
    with world.session("carla") as carla:
        assert seen(carla) == granted
    again = grant(world, 2)
    with world.session("a laptop") as session:
        assert seen(session) == again
    with world.session("carla") as carla:
        assert seen(carla) == granted


def test_what_is_granted_again_holds_as_long_as_the_longest(world: World) -> None:
    """A second grant takes nothing away from the first."""
    now = int(world.clock.at)
    granted = grant(world, 0, 2, until=now + 2 * WEEK)
    grant(world, 2, 3, until=now + WEEK)
    with world.session("carla") as carla:
        assert len(seen(carla)) == 3
        world.clock.at += WEEK
        assert seen(carla) == granted
        world.clock.at += WEEK
        assert seen(carla) == []


def test_the_whole_case_is_more_than_some_of_it(world: World) -> None:
    """Whoever holds it sees all; single records are not granted besides; revoking ends both."""
    granted = grant(world, 0)
    with world.session("ana") as ana:
        ana.casework.grant(world.case, identity("carla").device)
        assert ana.grants.granted() == []
    with world.session("carla") as carla:
        assert len(seen(carla)) == 5
        assert all(one.held is not None for one in carla.labels(granted))
    with pytest.raises(DeniedError) as caught:
        grant(world, 2)
    assert caught.value.reason == "is-holder"
    with world.session("carla") as carla, pytest.raises(DeniedError):
        # Against an advocate who holds it ana alone cannot; she can against herself.
        carla.grants.grant_records(world.case, identity("ben").device, granted)
    with world.session("carla") as carla:
        carla.casework.revoke(world.case, carla.member.id)
        assert seen(carla) == []
    assert rows(world) == 0


def test_many_records_take_several_statements(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many as are needed, and none is lost at the seams."""
    monkeypatch.setattr("vault.recordgrants.MAX_RECORDS", 2)
    granted = grant(world, 0, 1, 2, 3, 4)
    with world.session("carla") as carla:
        assert sorted(seen(carla)) == sorted(granted)
        assert [len(one.grant.records) for one in carla.grants.granted()] == [2, 2, 1]
        assert len(carla.release(granted, "review")) == 5


@pytest.mark.parametrize(
    ("by", "to", "reason"),
    [
        ("ben", "carla", "role"),
        ("carla", "ben", "not-holder"),
        ("ana", "aud", "auditor"),
        ("ana", "ben", "is-holder"),
    ],
)
def test_who_may_not_is_refused_and_the_log_says_so(
    world: World, by: str, to: str, reason: str
) -> None:
    """An attorney grants nothing, nor who does not hold the case; nothing is kept of it."""
    with world.session(by) as session:
        with pytest.raises(DeniedError) as caught:
            session.grants.grant_records(
                world.case, identity(to).device, [world.stored[0].record], None
            )
        assert caught.value.reason == reason
        assert caught.value.entry is not None
    assert rows(world) == 0


def test_nobody_grants_for_longer_than_they_have(world: World) -> None:
    """An advocate whose own right ends in a week cannot give more."""
    end = int(world.clock.at) + WEEK
    add(world, "eva")
    with world.session("ana") as ana:
        ana.casework.grant(world.case, identity("carla").device, end)
    record = [world.stored[0].record]
    with world.session("carla") as carla:
        for until in (None, end + 1, int(world.clock.at)):
            with pytest.raises(DeniedError) as caught:
                carla.grants.grant_records(world.case, identity("eva").device, record, until)
            assert caught.value.reason == "until"
        carla.grants.grant_records(world.case, identity("eva").device, record, end)
    with world.session("eva") as eva:
        assert seen(eva) == record


def test_what_is_no_record_of_the_case_is_not_granted(world: World) -> None:
    """One of another case, one that is none, one named twice, and none at all."""
    with world.session("ana") as ana:
        other = ana.open_case("Another").id
        file = world.root / "other.txt"
        file.write_bytes(b"other")
        (there,) = ana.add([file], other)
        for names in ([there.record], [world.stored[0].record, ids.show(ids.draw())]):
            with pytest.raises(NotFoundError):
                ana.grants.grant_records(world.case, identity("carla").device, names)
        for names in ([], [world.stored[0].record] * 2):
            with pytest.raises(UsageError):
                ana.grants.grant_records(world.case, identity("carla").device, names)
    assert rows(world) == 0


def test_a_seized_disk_does_not_say_who_was_granted_what(world: World) -> None:
    """The rows tell how many they are: no record, no member, no device."""
    granted = grant(world, 0, 2)
    with world.database() as database:
        found = database.execute("select * from record_grant order by position").fetchall()
    assert [(type(row[0]), row[1]) for row in found] == [(bytes, 0), (bytes, 1)]
    raw = b"".join(part for row in found for part in row if isinstance(part, bytes))
    device = identity("carla").device
    names = [*(ids.parse(record) for record in granted), ids.parse(device, 20)]
    texts = [name.encode() for name in (*granted, device)]
    assert not any(name in raw for name in (*names, *texts))
    assert not any(name in stored(world) for name in (ids.parse(device, 20), device.encode()))


def test_how_many_is_told_of_everybody(world: World) -> None:
    """Whom records were granted to, which, and until when: holders see it."""
    end = int(world.clock.at) + WEEK
    granted = grant(world, 0, 2, until=end)
    with world.session("ana") as ana:
        (one,) = ana.grants.granted()
        assert (one.case, one.here, one.grant.until) == (world.case, None, end)
        assert (one.grant.member, one.grant.records) == (identity("carla").device, tuple(granted))
        assert ana.grants.granted(identity("ben").device) == []


def reencrypt(world: World) -> None:
    """Ana writes the case anew, and ben confirms it."""
    with world.session("ana") as ana:
        ana.renewals.reencrypt(world.case)
    with world.session("ben") as ben:
        ben.renewals.confirm(world.case)


def test_after_a_re_encryption_it_has_to_be_granted_anew(world: World) -> None:
    """Old seals are gone and open nothing; who has them is told what to do; a new grant holds."""
    granted = grant(world, 0, 2, 3)
    with world.session("ana") as ana:
        ana.renewals.reencrypt(world.case)
    with world.session("carla") as carla:
        # Nothing has changed before it is confirmed.
        assert seen(carla) == granted
    with world.session("ben") as ben:
        ben.renewals.confirm(world.case)
    assert rows(world) == 0
    sound(world, "ana", "ben", "aud", "carla")
    with world.session("carla") as carla:
        assert seen(carla) == []
        assert carla.grants.unreadable() == granted
        with pytest.raises(DeniedError, match="encrypted anew") as caught:
            carla.record(granted[0])
        assert caught.value.reason == "no-key"
    again = grant(world, 2)
    sound(world, "ana", "carla")
    with world.session("carla") as carla:
        assert seen(carla) == again
        assert carla.grants.unreadable() == [granted[0], granted[2]]
        (opened,) = carla.release(again, "review")
        assert b"".join(carla.content(opened)) == SMALL + b"\x00"
    reencrypt(world)
    with world.session("carla") as carla:
        assert seen(carla) == []


def test_a_rekey_takes_nothing_from_them(world: World) -> None:
    """The records' own secrets stay what they were."""
    granted = grant(world, 0, 2)
    with world.session("ana") as ana:
        ana.renewals.rekey(world.case)
    with world.session("ben") as ben:
        ben.renewals.confirm(world.case)
    with world.session("carla") as carla:
        assert seen(carla) == granted
        assert len(carla.release(granted, "review")) == 2
    sound(world, "ana", "ben", "aud", "carla")


def test_a_destroyed_record_is_gone_for_them_too(world: World) -> None:
    """Its seal goes with it; the others stay; there is nothing to ask for again."""
    granted = grant(world, 0, 2, 3)
    for name in ("ana", "ben"):
        with world.session(name) as session, suppress(AskedError):
            session.destroy([granted[1]], "a reason")
    assert rows(world) == 2
    with world.session("carla") as carla:
        assert seen(carla) == [granted[0], granted[2]]
        assert carla.grants.unreadable() == []
        with pytest.raises(DeniedError) as caught:
            carla.record(granted[1])
        assert caught.value.reason == "destroyed"
        with pytest.raises(DeniedError) as caught:
            carla.release(granted, "review")
        assert caught.value.reason == "destroyed"
        assert len(carla.release([granted[0], granted[2]], "review")) == 2
    with pytest.raises(DeniedError):
        grant(world, 2)
    sound(world, "ana", "ben", "aud", "carla")


def test_where_others_must_approve_they_must_for_these_as_well(world: World) -> None:
    """Who was granted records asks, sees the answer, and retrieves exactly what was asked for."""
    granted = grant(world, 0, 2)
    with world.session("ana") as ana:
        ana.casework.set_policy(world.case, CasePolicy(approvals=1))
    with world.session("carla") as carla:
        with pytest.raises(DeniedError) as caught:
            carla.release(granted, "review")
        assert caught.value.reason == "approval"
        request = carla.requests.file(granted, "review").id
        with pytest.raises(DeniedError):
            carla.requests.file([world.stored[1].record], "review")
    with world.session("ben") as ben:
        ben.requests.approve(request)
    with world.session("carla") as carla:
        assert carla.requests.find(request).state == "approved"
        opened = carla.release(granted, "review", request=request)
        assert [b"".join(carla.content(got)) for got in opened] == [SMALL, SMALL + b"\x00"]
    sound(world, "ana", "ben", "aud", "carla")
