"""The whole story, told through sessions: what each role gets, and what the log says afterwards."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from vault_kit import LARGE, NAMES, SMALL, TITLE, World, identity, make

from vault.audit import Access
from vault.check import check
from vault.deposit import Description
from vault.errors import (
    AmbiguousError,
    DeniedError,
    NotFoundError,
    UnknownVaultError,
    UsageError,
)
from vault.model import AUDITORS, GATE, MEMBERS, Role
from vault.note import ACCESS, AUTHORITY, LOGS
from vault.session import Session

ANA, BEN, CARLA, AUD = (identity(name).device for name in ("ana", "ben", "carla", "aud"))


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A vault with a case that ana and ben hold; aud has taken over the auditors' group."""
    return make(tmp_path)


def add_person(world: World, name: str, *roles: Role) -> str:
    """Let ana add somebody, who does not join yet."""
    with world.session("ana") as ana:
        return ana.add_member(identity(name).contact().note, roles).id


def store(world: World, by: str, name: str, data: bytes, case: str = "") -> str:
    """Let somebody deposit a file; returns the record."""
    path = world.root / name
    path.write_bytes(data)
    with world.session(by) as session:
        (stored,) = session.add([path], case or world.case)
    path.unlink()
    return stored.record


def log(world: World, name: str) -> list[Access]:
    """What somebody sees of the access log."""
    with world.session(name) as session:
        return list(session.log())


def sound(world: World, *names: str) -> None:
    """Whoever checks the vault finds no problem."""
    for name in names:
        with world.session(name) as session:
            assert session.verify()[1] == []
            assert check(session.store, session).problems == []


def test_what_was_stored_is_what_comes_out(world: World) -> None:
    """Labels, particulars, content and hashes of a small and a large file are the original's."""
    wanted = {"small.txt": SMALL, "large.bin": LARGE}
    with world.session("ben") as ben:
        listed = list(ben.records())
        assert [label.label.values["name"] for label in listed] == list(wanted)
        opened = ben.release([label.id for label in listed], "preparation")
        for got in opened:
            label = got.listed.label.values
            data = wanted[str(label["name"])]
            assert b"".join(ben.content(got)) == data
            assert label["title"] == "A title"
            assert label["size"] == len(data)
            assert label["sha256"] == hashlib.sha256(data).hexdigest()
            said = got.particulars.values
            assert said["source"] == {"basis": "stated", "value": "Rosa Ejemplo"}
            assert said["device"] == {"basis": "observed", "value": ANA}
            assert said["method"]["value"] == "file"
        assert [stored.sha256 for stored in world.stored] == [
            got.listed.label.values["sha256"] for got in opened
        ]


def test_every_act_is_in_the_log_with_its_purpose(world: World) -> None:
    """Deposit, release and receipt stand there in order; only holders read the words."""
    with world.session("ben") as ben:
        opened = ben.release([s.record for s in world.stored], "filing", "motion to terminate")
        ben.receive(opened)
    for name, why in (("ana", "motion to terminate"), ("aud", None)):
        deposit, release, receipt = log(world, name)
        assert [a.kind for a in (deposit, release, receipt)] == ["deposit", "release", "receipt"]
        assert [a.outcome for a in (deposit, release, receipt)] == ["done", "released", "done"]
        assert [a.actor for a in (deposit, release, receipt)] == [ANA, BEN, BEN]
        assert [a.actor_name for a in (deposit, release)] == [NAMES["ana"], NAMES["ben"]]
        assert {a.case for a in (deposit, release, receipt)} == {world.case}
        assert release.records == tuple(s.record for s in world.stored)
        assert (release.purpose, release.disposition) == ("filing", "copy")
        assert release.why == why
        assert receipt.notes is not None
        assert receipt.notes[0].body["entry"] == release.index
        assert release.problem is receipt.problem is deposit.problem is None
    assert [access.opened for access in log(world, "carla")] == [False] * 3
    sound(world, *NAMES)


@pytest.mark.parametrize(
    ("who", "reason"), [("carla", "not-holder"), ("aud", "auditor")], ids=["advocate", "auditor"]
)
def test_a_refusal_gives_nothing_and_is_logged(world: World, who: str, reason: str) -> None:
    """Who may not read is told so, and the attempt with its purpose stands in the log."""
    with world.session(who) as session:
        with pytest.raises(DeniedError) as caught:
            session.release([world.stored[0].record], "hearing")
        assert caught.value.reason == reason
        assert list(session.records()) == []
        with pytest.raises(DeniedError):
            list(session.records(world.case))
        with pytest.raises(DeniedError):
            session.record(world.stored[0].record)
    for reader in ("ana", "ben", "aud"):
        last = log(world, reader)[-1]
        assert last.index == caught.value.entry
        assert (last.kind, last.outcome, last.refusal) == ("release", "refused", reason)
        assert (last.actor, last.purpose) == (identity(who).device, "hearing")
    sound(world, "ana", "aud")


def test_forbidden_statements_change_nothing_and_are_logged(world: World) -> None:
    """An attorney's grant and membership, and an auditor's case, are refused in the log."""
    with world.session("ben") as ben:
        for forbidden in (
            lambda: ben.grant(world.case, CARLA),
            lambda: ben.add_member(identity("new").contact().note, [Role.ADVOCATE]),
        ):
            with pytest.raises(DeniedError) as caught:
                forbidden()
            assert caught.value.entry is not None
    with world.session("aud") as auditor, pytest.raises(DeniedError):
        auditor.open_case("A case of an auditor")
    with world.session("ana") as ana:
        assert set(ana.authority.members) == {ANA, BEN, CARLA, AUD}
        assert set(ana.authority.cases) == {world.case}
        assert not ana.authority.holds(CARLA, world.case, ana.now())
    refused = [access for access in log(world, "aud") if access.outcome == "refused"]
    assert [access.kind for access in refused] == ["case-granted", "member-added", "case-opened"]
    assert [access.actor for access in refused] == [BEN, BEN, AUD]
    sound(world, *NAMES)


def test_the_first_auditor_takes_the_group_over_from_the_founder(world: World) -> None:
    """After the auditor's first act the founder's keys open no entry that is not her case's."""
    with world.session("ana") as ana:
        assert set(ana.authority.epoch(AUDITORS).wraps) == {AUD}
        assert [epoch.number for epoch in ana.replica.keyring.all(ana.authority, AUDITORS)] == [1]
    with world.session("carla") as carla:
        case = carla.open_case("Carla's own").id
    record = store(world, "carla", "x", b"x", case)
    with world.session("carla") as carla:
        carla.release([record], "safety")
    assert [access.opened for access in log(world, "ana")] == [True, False, False]
    assert [access.purpose for access in log(world, "aud")] == [None, None, "safety"]


def test_until_there_is_an_auditor_the_founder_audits(tmp_path: Path) -> None:
    """The founder reads the log of cases that are not hers until the first auditor acts."""
    world = make(tmp_path)
    root = tmp_path / "new"
    with Session.create(root / "vault", identity("ana"), root / "homes/ana") as ana:
        ana.add_member(identity("carla").contact().note, [Role.ADVOCATE])
        fingerprint = ana.fingerprint
    new = World(root, "", [], fingerprint, world.clock)
    new.join("carla")
    with new.session("carla") as carla:
        case = carla.open_case("Carla's own").id
    store(new, "carla", "x", b"x", case)
    assert [access.actor for access in log(new, "ana")] == [CARLA]
    add_person(new, "aud", Role.AUDITOR)
    # Not yet: she was added and has done nothing.
    with new.session("ana") as ana:
        assert set(ana.authority.epoch(AUDITORS).wraps) == {ANA, AUD}
        assert ana.authority.stale(AUDITORS, ana.now())
    store(new, "carla", "y", b"y", case)
    assert [access.opened for access in log(new, "ana")] == [True, False]
    new.join("aud")
    with new.session("aud") as auditor:
        assert set(auditor.authority.epoch(AUDITORS).wraps) == {AUD}
        assert not auditor.authority.stale(AUDITORS, auditor.now())
    store(new, "carla", "z", b"z", case)
    assert [access.opened for access in log(new, "aud")] == [True] * 3
    assert [access.opened for access in log(new, "ana")] == [True, False, False]


def test_a_second_auditor_gets_the_keys_when_the_first_next_acts(world: World) -> None:
    """A steward has no auditors' keys to give; the first auditor gives them, for older entries too.

    Entry 0 is from before the first auditor's first act, and was sealed to their device alone.
    """
    with world.session("ben") as ben:
        ben.release([world.stored[0].record], "disclosure")
    add_person(world, "second", Role.AUDITOR)
    world.join("second")
    assert [access.opened for access in log(world, "second")] == [False, False]
    with world.session("second") as second:
        (waits,) = second.authority.lacking(AUDITORS, second.now())
        assert waits.id == second.identity.device
    with world.session("aud") as auditor:
        size = auditor.authority.size
        auditor.settle()
        assert auditor.authority.size == size + 1
        # Nothing more is owed.
        auditor.settle()
        assert auditor.authority.size == size + 1
    with world.session("ben") as ben:
        ben.release([world.stored[0].record], "translation")
    assert [access.purpose for access in log(world, "second")] == [
        None,
        "disclosure",
        "translation",
    ]
    assert [access.opened for access in log(world, "second")] == [False, True, True]
    with world.session("second") as second:
        second.rotate(AUDITORS)
    assert [access.opened for access in log(world, "aud")] == [True] * 3
    sound(world, "second", "aud", "ana")


def test_a_newcomer_after_rotations_reads_what_is_older(world: World) -> None:
    """Whoever joins late, after every group has rotated, replays all and reads old records."""
    with world.session("ana") as ana:
        for groups in ((MEMBERS, GATE), (world.case,), (MEMBERS,), (GATE, world.case)):
            ana.rotate(*groups)
    between = store(world, "ana", "between", b"between the rotations")
    with world.session("ana") as ana:
        ana.rotate(world.case, MEMBERS, GATE)
    add_person(world, "eva", Role.ATTORNEY)
    with world.session("ana") as ana:
        ana.grant(world.case, identity("eva").device)
        history = [authority.root for authority in ana.replica.history]
    world.join("eva")
    with world.session("eva") as eva:
        assert [authority.root for authority in eva.replica.history] == history
        assert eva.cases()[0].title == TITLE
    contents = world.read_all("eva")
    assert contents[world.stored[0].record] == ("small.txt", SMALL)
    assert contents[between] == ("between", b"between the rotations")
    # Holders of old keys, of new ones, and of all of them see one and the same.
    assert world.read_all("ben") == world.read_all("ana") == contents
    sound(world, "eva", *NAMES)


def test_an_attorney_opens_a_case_with_an_advocate(world: World) -> None:
    """Alone an attorney opens none; with an advocate beside them both hold it, and no one else."""
    with world.session("ben") as ben:
        with pytest.raises(DeniedError) as caught:
            ben.open_case("Ben alone")
        assert caught.value.reason == "no-advocate"
        case = ben.open_case("Ben and Carla", holders=[CARLA]).id
        assert {m.id for m in ben.authority.holders(case, ben.now())} == {BEN, CARLA}
    record = store(world, "ben", "x", b"of ben", case)
    assert world.read_all("carla") == {record: ("x", b"of ben")}
    with world.session("ana") as ana:
        assert [titled.title for titled in ana.cases()] == [TITLE, None]
        with pytest.raises(DeniedError):
            ana.release([record], "review")
    with world.session("carla") as carla:
        carla.grant(case, ANA)
        assert carla.find_case("Ben and Carla").id == case
    assert world.read_all("ana")[record] == ("x", b"of ben")


def test_who_deposits_into_a_case_of_others_reads_nothing_back(world: World) -> None:
    """An advocate may add to any open case; what she added she cannot list or open."""
    record = store(world, "carla", "x", b"from outside")
    with world.session("carla") as carla:
        assert list(carla.records()) == []
        with pytest.raises(DeniedError):
            carla.release([record], "review")
    assert world.read_all("ben")[record] == ("x", b"from outside")
    assert log(world, "aud")[1].actor == CARLA


def test_a_release_over_two_cases_is_an_entry_for_each(world: World) -> None:
    """Who asks for records of several cases gets them in the order asked, one entry a case."""
    with world.session("ana") as ana:
        case = ana.open_case("Another").id
    other = store(world, "ana", "other", b"other", case)
    first, second = (stored.record for stored in world.stored)
    with world.session("ana") as ana:
        opened = ana.release([second, other, first], "review")
        assert [got.listed.id for got in opened] == [second, other, first]
        assert [b"".join(ana.content(got)) for got in opened] == [LARGE, b"other", SMALL]
        ana.receive(opened)
    entries = log(world, "ana")[2:]
    assert [(a.kind, a.case) for a in entries] == [
        ("release", world.case),
        ("release", case),
        *[("receipt", name) for name in sorted([world.case, case])],
    ]
    assert entries[0].records == (second, first)


def test_mistakes_are_told_before_anything_is_logged(world: World) -> None:
    """An unknown purpose, record or case, and a record named twice, leave no entry."""
    record = world.stored[0].record
    with world.session("ben") as ben:
        for purpose in ("", "curiosity", "Review"):
            with pytest.raises(UsageError, match="purpose"):
                ben.release([record], purpose)
        with pytest.raises(UsageError, match="twice"):
            ben.release([record, record], "review")
        with pytest.raises(NotFoundError):
            ben.release(["a" * 26], "review")
        with pytest.raises(NotFoundError):
            ben.add([world.path / "FORMAT"], "a" * 26)
        with pytest.raises(UsageError, match="title"):
            ben.open_case(" ")
    assert [access.kind for access in log(world, "aud")] == ["deposit"]


def test_things_are_found_by_what_people_call_them(world: World) -> None:
    """Members by name, cases by title or reference, all by the beginning of their ids."""
    with world.session("ben") as ben:
        for text in (ANA, ANA[:6], "Ana Ruiz", "ana ruiz"):
            assert ben.find_member(text).id == ANA
        for text in (world.case, world.case[:5], TITLE, TITLE.upper(), "2026-014"):
            assert ben.find_case(text).id == world.case
        record = world.stored[0].record
        for text in (record, record[:8], record.upper()):
            assert ben.find_record(text) == record
        for text in ("", "abc", "nobody", "7777777"):
            with pytest.raises(NotFoundError):
                ben.find_member(text)
            with pytest.raises(NotFoundError):
                ben.find_case(text)
            with pytest.raises(NotFoundError):
                ben.find_record(text)
    with world.session("ana") as ana:
        ana.open_case("RAIDS IN APRIL")
        assert ana.find_case(TITLE).id == world.case
        with pytest.raises(AmbiguousError):
            ana.find_case(TITLE.lower())
    with world.session("carla") as carla, pytest.raises(NotFoundError):
        # A title is no name for who does not hold the case.
        carla.find_case(TITLE)


def test_a_member_is_added_once(world: World) -> None:
    """The same contact again is refused, with other roles too."""
    with world.session("ana") as ana:
        for role in (Role.ATTORNEY, Role.AUDITOR):
            with pytest.raises(DeniedError) as caught:
                ana.add_member(identity("ben").contact().note, [role])
            assert caught.value.reason == "is-member"


def test_an_identity_of_somebody_else_opens_no_session(world: World) -> None:
    """Local state belongs to one identity: another's is as good as none."""
    with pytest.raises(UnknownVaultError):
        Session.open(world.path, identity("carla"), world.home("ben"))


def test_a_member_with_two_machines_has_one_view(world: World) -> None:
    """The same identity with another local state joins anew and sees what is new from there."""
    with Session.join(
        world.path, identity("ben"), world.root / "second", world.fingerprint, clock=world.clock
    ) as second:
        second.release([world.stored[0].record], "review")
        with world.session("ben") as first:
            assert first.replica.heads == second.replica.heads
            for name in LOGS:
                assert first.local.pins().size(name) == second.local.pins().size(name)


def test_the_empty_file_is_evidence_too(world: World) -> None:
    """Nothing comes out as nothing, with its hash."""
    record = store(world, "ana", "empty", b"")
    with world.session("ben") as ben:
        (got,) = ben.release([record], "review", disposition="view")
        assert b"".join(ben.content(got)) == b""
        assert got.listed.label.values["sha256"] == hashlib.sha256(b"").hexdigest()
    assert log(world, "ana")[-1].disposition == "view"


def test_a_thousand_records_are_one_entry_and_one_more_is_two(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long release is split where the format says; the answer is one."""
    folder = world.root / "many"
    folder.mkdir()
    for number in range(5):
        (folder / str(number)).write_bytes(str(number).encode())
    monkeypatch.setattr("vault.evidence.MAX_RECORDS", 2)
    with world.session("ana") as ana:
        stored = ana.add([folder], world.case, Description())
        size = ana.replica.heads[ACCESS].size
        opened = ana.release([s.record for s in stored], "review")
        assert [b"".join(ana.content(got)) for got in opened] == [b"0", b"1", b"2", b"3", b"4"]
        assert [got.entry - size for got in opened] == [0, 0, 1, 1, 2]
        assert ana.replica.heads[ACCESS].size == size + 3
        assert ana.replica.heads[AUTHORITY].size == ana.authority.size
