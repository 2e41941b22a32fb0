"""A log whose entries hold one by one, and not together: named by whoever verifies, at once or
piece by piece."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from forge_kit import act_body, append, forge
from vault_kit import World, identity, make

from keys.identity import Identity
from vault import ids, note
from vault.log import merkle
from vault.note import ACCESS, AUTHORITY
from vault.session import Session

FALSE = "ab" * 32


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A vault with a case that ana and ben hold, and a few entries that pia has verified."""
    made = make(tmp_path)
    with made.session("ben") as ben:
        ben.release([made.stored[0].record], "review")
    with made.session("aud") as aud:
        assert aud.audit().problems == ()
    return made


def acted(session: Session, world: World, **changes: Any) -> note.Note:
    """A release that ana signs, with some fields changed."""
    body = {**act_body(session, "release", world), **changes}
    return note.sign("release", session.authority.origin(ACCESS), body, identity("ana"))


def seen(session: Session, log: str, **changes: Any) -> dict[str, Any]:
    """What ana has seen, but for something of one log."""
    said: dict[str, Any] = session.replica.seen()
    return {**said, log: {**said[log], **changes}}


def a_gap(ana: Session, world: World) -> None:
    """Whoever acted had seen other entries: the tail was cut and another put in its place."""
    forge(ana, ACCESS, acted(ana, world, seen=seen(ana, ACCESS, root=FALSE)), world)


def another_past(ana: Session, world: World) -> None:
    """The gate note names another root before the entry than there was."""
    access = {**ana.replica.position(ACCESS).body(), "root": FALSE}
    forge(ana, ACCESS, acted(ana, world), world, access=access)


def twice(ana: Session, world: World) -> None:
    """An entry stands there a second time, byte for byte."""
    with ana.store.read() as reads:
        raw = reads.entry(ACCESS, 1)
    append(ana, ACCESS, raw, merkle.leaf_hash(b"a place in the index"), world)


def signed_later(ana: Session, world: World) -> None:
    """An act of before a device was added is signed with that device."""
    before = ana.authority.position.body()
    later = Identity.create("a new laptop")
    ana.people.add_device(later.contact().note)
    body = {**act_body(ana, "release", world), "device": later.device}
    body["seen"] = {**body["seen"], AUTHORITY: before}
    made = note.sign("release", ana.authority.origin(ACCESS), body, later)
    forge(ana, ACCESS, made, world, authority=before)


def not_allowed(ana: Session, world: World) -> None:
    """The gate released something to somebody who does not hold the case."""
    body = act_body(ana, "release", world)
    made = note.sign("release", ana.authority.origin(ACCESS), body, identity("carla"))
    forge(ana, ACCESS, made, world)


def judged_by_a_stranger(ana: Session, world: World) -> None:
    """The gate note is signed by a device that nobody knew."""
    forge(ana, ACCESS, acted(ana, world), world, Identity.create("a stranger"))


def judged_while_suspended(ana: Session, world: World) -> None:
    """The gate note is signed by a member who is suspended."""
    ana.people.suspend(identity("carla").device)
    forge(ana, ACCESS, acted(ana, world), world, identity("carla"))


def quite_another_time(ana: Session, world: World) -> None:
    """The gate's time is two days from the one that the actor signed."""
    forge(ana, ACCESS, acted(ana, world, time=ana.now() - 2 * 86_400), world)


LIES: dict[str, tuple[Callable[[Session, World], None], set[str], str]] = {
    "a silent gap": (a_gap, {"silent-gap"}, "are not these"),
    "another past": (another_past, {"history"}, "another history before it"),
    "an entry twice": (twice, {"used-id", "GateError"}, "used before"),
    "signed with a later key": (signed_later, {"GateError"}, "someone who was no member"),
    "not allowed": (not_allowed, {"not-holder"}, "should have been refused"),
    "judged by a stranger": (judged_by_a_stranger, {"GateError"}, "someone who was no member"),
    "judged while suspended": (judged_while_suspended, {"GateError"}, "who was suspended"),
    "quite another time": (quite_another_time, {"GateError"}, "quite another time"),
}


def codes(world: World, *, from_start: bool) -> set[str]:
    """What the auditor finds, with the places; and that the results say so."""
    with world.session("aud") as aud:
        audit = aud.audit(from_start=from_start)
        bad = {problem.log for problem in audit.problems}
        for found in audit.logs:
            assert found.result == ("invalid" if found.log in bad else "valid")
        steps = {step.name for step in audit.steps if step.result == "invalid"}
        assert steps == {problem.step for problem in audit.problems}
        assert {problem.index for problem in audit.problems} <= {2}
        named = {found.index for found in audit.entries() if found.problem is not None}
        assert named == {problem.index for problem in audit.problems}
        return {problem.code for problem in audit.problems}


@pytest.mark.parametrize("name", LIES)
def test_a_lie_is_named(world: World, name: str) -> None:
    """With its place and its reason: from what is new alone, again later, and from the start."""
    lie, expected, words = LIES[name]
    with world.session("ana") as ana:
        lie(ana, world)
    with world.session("aud") as aud:
        assert any(words in problem.reason for problem in aud.audit().problems)
    assert codes(world, from_start=False) == expected
    assert codes(world, from_start=False) == expected
    assert codes(world, from_start=True) == expected


def test_a_truth_is_not(world: World) -> None:
    """The control: what the same hand writes without a lie is in order."""
    with world.session("ana") as ana:
        forge(ana, ACCESS, acted(ana, world), world)
    assert codes(world, from_start=False) == set()
    assert codes(world, from_start=True) == set()


@pytest.mark.parametrize("who", ["gate", "actor"])
def test_a_statement_that_knows_other_entries_is_named(world: World, who: str) -> None:
    """The authority log bears witness: its notes name the access log's root as it was."""
    with world.session("ana") as ana:
        access = {**ana.replica.position(ACCESS).body(), "root": FALSE}
        body = act_body(ana, "case-opened", world)
        if who == "actor":
            body["seen"] = seen(ana, ACCESS, root=FALSE)
        made = note.sign("case-opened", ana.authority.origin(AUTHORITY), body, identity("ana"))
        forge(ana, AUTHORITY, made, world, **({"access": access} if who == "gate" else {}))
    with world.session("aud") as aud:
        for from_start in (False, True):
            (problem,) = aud.audit(from_start=from_start).problems
            assert (problem.log, problem.index) == (AUTHORITY, aud.authority.size - 1)
            assert (problem.code, problem.step) == ("silent-gap", "gaps")


def test_a_time_that_steps_back_is_reported(world: World) -> None:
    """Not refused: clocks are set right. But whoever back-dates an entry is seen to do so."""
    with world.session("ana") as ana:
        back = int(world.clock.at) - 3600
        forge(ana, ACCESS, acted(ana, world, time=back), world, time=back)
    with world.session("aud") as aud:
        audit = aud.audit()
        assert audit.problems == ()
        (notice,) = audit.notices
        assert (notice.log, notice.index, notice.code) == (ACCESS, 2, "time-back")
        assert "seconds before" in notice.reason


def test_a_device_that_has_forgotten_is_reported(world: World) -> None:
    """One that had seen more before is there twice, or was put back: somebody should ask."""
    with world.session("ana") as ana:
        empty = {"size": 0, "root": merkle.EMPTY_ROOT.hex()}
        said = {**ana.replica.seen()}
        forge(ana, ACCESS, acted(ana, world), world)
        ana.catch_up()
        forge(ana, ACCESS, acted(ana, world, seen={**said, ACCESS: empty}), world)
    with world.session("aud") as aud:
        audit = aud.audit()
        assert audit.problems == ()
        assert [(one.index, one.code) for one in audit.notices] == [(3, "seen-back")]


@pytest.mark.parametrize("known", [True, False])
def test_an_altered_entry_is_named(world: World, tmp_path: Path, known: bool) -> None:
    """Also with its node, and every node above it, made to fit: the head was signed over another.
    Who has verified it before says which; who has not says that it is there."""
    with world.database() as database:
        query = "select raw from log_entry where log = 1 and position = 0"
        (raw,) = database.execute(query).fetchone()
        false = raw[:-1] + bytes([raw[-1] ^ 1])
        change = "update log_entry set raw = ? where log = 1 and position = 0"
        database.execute(change, (false,))
        frontier = merkle.Frontier()
        query = "select raw from log_entry where log = 1 order by position"
        for (leaf,) in database.execute(query).fetchall():
            for level, at, hashed in frontier.append(merkle.leaf_hash(leaf)):
                change = "update log_node set hash = ? where log = 1 and level = ? and position = ?"
                database.execute(change, (hashed, level, at))
    if not known:
        for path in world.home("aud").glob("vaults/*/audit*"):
            path.unlink()
    with world.session("aud") as aud:
        (problem,) = aud.audit(from_start=True).problems
        assert (problem.log, problem.step) == (ACCESS, "entries")
        assert problem.index == (0 if known else 1)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize(("gone", "first"), [(">=", 0), (">", 1), ("=", 0)])
def test_a_log_that_is_gone_is_missed(world: World, known: bool, gone: str, first: int) -> None:
    """All of its entries, its tail, or one of them, head and nodes left as they were; whether it
    was verified before or not. Nothing is said of the rest, and it is said again the next time."""
    with world.database() as database:
        query = f"delete from log_entry where log = 1 and position {gone} 0"  # noqa: S608 - Ours.
        database.execute(query)
    if not known:
        for path in world.home("aud").glob("vaults/*/audit*"):
            path.unlink()
    for from_start in (False, True, False):
        with world.session("aud") as aud:
            audit = aud.audit(from_start=from_start)
            (problem,) = audit.problems
            assert (problem.index, problem.code, problem.step) == (first, "missing", "entries")
            results = {step.name: step.result for step in audit.steps}
            assert results["entries"] == "invalid"
            later = {results[name] for name in ("judged", "order", "requests", "gaps")}
            assert later == {"not-checked"}
            assert [found.result for found in audit.logs] == ["valid", "invalid"]
            assert audit.logs[1].opened == 0


def test_damage_that_was_found_is_found_again(world: World) -> None:
    """An entry that was verified is changed. Looking at what is new alone does not read it again;
    once somebody has looked from the start, nobody begins behind it."""
    with world.database() as database:
        query = "update log_entry set raw = x'00' where log = 1 and position = 0"
        database.execute(query)
    for from_start, expected in ((False, []), (True, [0]), (False, [0]), (False, [0])):
        with world.session("aud") as aud:
            problems = aud.audit(from_start=from_start).problems
            assert [problem.index for problem in problems] == expected


def test_what_was_verified_before_is_not_verified_again(world: World) -> None:
    """Only what is new is examined; the answers are the same."""
    with world.session("ana") as ana:
        ana.release([world.stored[0].record], "filing")
    counted: list[int] = []
    with world.session("aud") as aud:
        audit = aud.audit(progress=counted.append)
        assert (sum(counted), audit.since, len(audit)) == (1, 2, 3)
        counted.clear()
        again = aud.audit(progress=counted.append)
        assert (sum(counted), again.since) == (0, 3)
        counted.clear()
        whole = aud.audit(from_start=True, progress=counted.append)
        assert (sum(counted), whole.since) == (3, 0)
        assert list(again.entries()) == list(whole.entries()) == list(audit.entries())


def test_who_gets_older_keys_looks_again(world: World) -> None:
    """Entries that were closed to somebody are examined once they hold the case."""
    with world.session("carla") as carla:
        audit = carla.audit()
        assert [found.opened for found in audit.entries()] == [False, False]
        assert [found.result for found in audit.logs] == ["valid", "not-checked"]
    with world.session("ana") as ana:
        ana.grant(world.case, identity("carla").device)
    with world.session("carla") as carla:
        audit = carla.audit()
        assert [found.opened for found in audit.entries()] == [True, True]
        assert [found.result for found in audit.logs] == ["valid", "valid"]


@pytest.mark.parametrize("how", ["damaged", "missing", "another"])
def test_what_is_remembered_is_believed_only_where_it_fits(
    world: World, tmp_path: Path, how: str
) -> None:
    """Lost or false, all of it is verified again; nothing is taken from another history."""
    with world.session("aud") as aud:
        expected = list(aud.audit().entries())
    (state,) = world.home("aud").glob("vaults/*/audit")
    (block,) = world.home("aud").glob("vaults/*/audit-0")
    if how == "damaged":
        state.write_bytes(state.read_bytes()[:-1])
    elif how == "missing":
        block.unlink()
    else:
        other = world.copy(tmp_path / "other")
        with world.session("ana") as ana:
            ana.release([world.stored[0].record], "filing")
        with other.session("ana") as ana:
            ana.release([world.stored[1].record], "hearing")
        with other.session("aud") as aud:
            aud.audit()
        for path in other.home("aud").glob("vaults/*/audit*"):
            (state.parent / path.name).write_bytes(path.read_bytes())
    with world.session("aud") as aud:
        audit = aud.audit()
        assert (audit.since, audit.problems) == (0, ())
        assert list(audit.entries())[:2] == expected


def test_ids_are_remembered(world: World) -> None:
    """An id that was used before what is remembered is still used."""
    with world.session("aud") as aud:
        aud.audit()
    with world.session("ana") as ana:
        (first, *_) = ana.log()
        assert first.notes is not None
        again = acted(ana, world, id=first.notes[0].body["id"])
        assert ids.is_id(again.body["id"])
        forge(ana, ACCESS, again, world)
    with world.session("aud") as aud:
        assert [problem.code for problem in aud.audit().problems] == ["used-id"]
