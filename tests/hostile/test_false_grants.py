"""Single records: a gate, a store or a granter that lies gives nobody more than the rules do."""

from __future__ import annotations

import hashlib
import io
import itertools
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from forge_kit import forge
from vault_kit import SMALL, World, identity, make

from keys import container
from keys.derive import Label, lp
from keys.errors import Error, MalformedError, VerificationError
from vault import grantseals, ids, note, recordkeys, retrieve
from vault.check import check
from vault.errors import DamageError, DeniedError, MissingError
from vault.fields import Fields
from vault.gate import Gate
from vault.message import Answer, Message
from vault.model import Role, SealedSecret
from vault.note import ACCESS, AUTHORITY, Note
from vault.recordkeys import Place
from vault.session import Session

WEEK = 7 * 86_400


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A case of five records in two deposits, held by ana and ben; carla is an advocate."""
    made = make(tmp_path)
    folder = made.root / "more"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.txt").write_bytes(SMALL + bytes([number]))
    with made.session("ana") as ana:
        made.stored = [*made.stored, *ana.add(sorted(folder.iterdir()), made.case)]
    return made


def names(world: World, *numbers: int) -> list[str]:
    """The ids of some of the records."""
    return [world.stored[number].record for number in numbers]


def body(
    session: Session, world: World, records: list[str], seals: list[bytes], **said: Any
) -> Any:
    """A statement that grants carla some records."""
    return {
        "id": ids.show(ids.draw()),
        "time": session.now(),
        "seen": session.replica.seen(),
        "extends": session.authority.position.body(),
        "case": world.case,
        "member": identity("carla").device,
        "records": records,
        "until": None,
        "seals": grantseals.root(seals),
        **said,
    }


def sign(session: Session, fields: Any) -> Note:
    """The statement, signed."""
    origin = session.authority.origin(AUTHORITY)
    return note.sign("records-granted", origin, fields, session.identity)


def sealed(session: Session, records: list[str], to: str = "carla") -> list[bytes]:
    """What an honest holder seals for a device."""
    with session._client.view() as reads:
        raw = [ids.parse(record) for record in records]
        listed = retrieve.find(session.replica, reads, raw, session.now())
    return [grantseals.seal_to(one.secret, one.place, identity(to).contact()) for one in listed]


def put(world: World, statement: Note, seals: list[bytes]) -> None:
    """Somebody who writes the disk stores the seals of a statement."""
    with world.session("ana") as ana, ana.store.write() as writes:
        both = zip(seals, grantseals.paths(seals), strict=True)
        rows = [SealedSecret(statement.id_hash, at, *one) for at, one in enumerate(both)]
        writes.add_record_grants(rows)


def grant(world: World, *numbers: int, until: int | None = None) -> list[str]:
    """Ana grants carla some of the records; returns their ids."""
    records = names(world, *numbers)
    with world.session("ana") as ana:
        ana.grants.grant_records(world.case, identity("carla").device, records, until)
    return records


# --- what the gate refuses --------------------------------------------------------------------


BAD: dict[str, Callable[[list[bytes]], tuple[bytes, ...]]] = {
    "nothing": lambda _: (),
    "twice": lambda seals: (lp(*seals), lp(*seals)),
    "one-too-few": lambda seals: (lp(*seals[:-1]),),
    "one-too-many": lambda seals: (lp(*seals, seals[0]),),
    "another-order": lambda seals: (lp(*reversed(seals)),),
    "another-seal": lambda seals: (lp(seals[0], os.urandom(len(seals[1]))),),
    "a-short-seal": lambda seals: (lp(seals[0], seals[1][:-1]),),
    "no-list": lambda seals: (seals[0],),
}


@pytest.mark.parametrize("name", BAD)
def test_what_comes_with_a_grant_is_what_was_signed(world: World, name: str) -> None:
    """One seal for each record and device, in order, as signed; else nothing is kept."""
    with world.session("ana") as ana:
        seals = sealed(ana, names(world, 0, 2))
        made = sign(ana, body(ana, world, names(world, 0, 2), seals))
        gate = Gate(ana.store, ana.replica, ana.identity, world.clock)
        before = ana.authority.size
        with pytest.raises(MalformedError):
            gate.submit(Message(made.signed, attachments=BAD[name](seals)).encode())
        with pytest.raises(MalformedError):
            gate.submit(Message(made.signed, attachments=(lp(*seals),)).encode(), io.BytesIO())
        ana.catch_up()
        assert ana.authority.size == before
        gate.submit(Message(made.signed, attachments=(lp(*seals),)).encode())
        ana.catch_up()
        assert ana.authority.size == before + 1


@pytest.mark.parametrize("count", [1, 3])
def test_as_many_seals_as_signed_are_not_enough(world: World, count: int) -> None:
    """The root alone does not say how many there must be: the records and devices do."""
    with world.session("ana") as ana:
        seals = (sealed(ana, names(world, 0, 2)) * 2)[:count]
        made = sign(ana, body(ana, world, names(world, 0, 2), seals))
        gate = Gate(ana.store, ana.replica, ana.identity, world.clock)
        with pytest.raises(MalformedError, match="one seal for each"):
            gate.submit(Message(made.signed, attachments=(lp(*seals),)).encode())


def test_no_other_statement_has_anything_beside_it(world: World) -> None:
    """Only who grants records sends seals along."""
    with world.session("ana") as ana:
        fields = body(ana, world, [], [])
        for name in ("case", "member", "records", "until", "seals"):
            del fields[name]
        origin = ana.authority.origin(AUTHORITY)
        made = note.sign("case-closed", origin, {**fields, "case": world.case}, ana.identity)
        gate = Gate(ana.store, ana.replica, ana.identity, world.clock)
        with pytest.raises(MalformedError, match="nothing beside it"):
            gate.submit(Message(made.signed, attachments=(b"more",)).encode())


def test_a_record_of_another_case_is_refused_and_logged(world: World) -> None:
    """And one that is none: a statement cannot speak of what is not there."""
    with world.session("ana") as ana:
        other = ana.open_case("Another").id
        (world.root / "other.txt").write_bytes(b"other")
        (there,) = ana.add([world.root / "other.txt"], other)
        for record in (there.record, ids.show(ids.draw())):
            seals = [*sealed(ana, names(world, 0)), os.urandom(grantseals.SEAL_SIZE)]
            made = sign(ana, body(ana, world, [*names(world, 0), record], seals))
            gate = Gate(ana.store, ana.replica, ana.identity, world.clock)
            answer = Answer.parse(
                gate.submit(Message(made.signed, attachments=(lp(*seals),)).encode())
            )
            said = note.parse(answer.gate).body
            assert (said["outcome"], said["why"]) == ("refused", "no-record")
            ana.catch_up()
            assert ana.grants.granted() == []


# --- a gate that accepts what the rules forbid ------------------------------------------------


@pytest.mark.parametrize("by", ["ben", "carla", "aud"])
def test_a_gate_that_lets_others_grant_gives_nobody_anything(world: World, by: str) -> None:
    """An attorney, a non-holder, an auditor: everybody replays it, names it, and goes on."""
    with world.session("ana") as ana:
        seals = sealed(ana, names(world, 0))
    with world.session(by) as session:
        made = sign(session, body(session, world, names(world, 0), seals))
        forge(session, AUTHORITY, made, world)
    put(world, made, seals)
    with world.session("carla") as carla:
        assert list(carla.records()) == []
        with pytest.raises(DeniedError):
            carla.record(world.stored[0].record)
    for name in ("ana", "aud", "carla"):
        with world.session(name) as session:
            _, problems = session.verify()
            assert [(found.log, found.code) for found in problems] == [(AUTHORITY, "DeniedError")]


def test_nor_is_a_later_end_than_the_granters_believed(world: World) -> None:
    """An advocate for a week grants for two, and a lying gate takes it."""
    with world.session("ana") as ana:
        end = ana.now() + WEEK
        ana.people.add(identity("eva").contact().note, [Role.ADVOCATE])
        ana.casework.grant(world.case, identity("eva").device, end)
        seals = sealed(ana, names(world, 0))
    world.join("eva")
    with world.session("eva") as eva:
        made = sign(eva, body(eva, world, names(world, 0), seals, until=end + WEEK))
        forge(eva, AUTHORITY, made, world)
    put(world, made, seals)
    with world.session("carla") as carla:
        assert list(carla.records()) == []
        assert [type(error) for error in carla.replica.problems.values()] == [DeniedError]


def test_a_gate_that_goes_on_after_the_end_is_named(world: World) -> None:
    """What it releases when the week is over: auditor and holder both say so."""
    granted = grant(world, 0, until=int(world.clock.at) + WEEK)
    world.clock.at += 2 * WEEK
    with world.session("carla") as carla:
        fields = {
            "id": ids.show(ids.draw()),
            "time": carla.now(),
            "seen": carla.replica.seen(),
            "case": world.case,
            "records": granted,
            "purpose": "review",
            "disposition": "copy",
            "request": None,
            "details": None,
        }
        origin = carla.authority.origin(ACCESS)
        forge(carla, ACCESS, note.sign("release", origin, fields, carla.identity), world)
    for name in ("aud", "ana"):
        with world.session(name) as session:
            (problem,) = session.verify()[1]
            assert (problem.log, problem.code) == (ACCESS, "not-holder")


# --- a store that changes rows ----------------------------------------------------------------


def change(world: World, sql: str, *values: object) -> None:
    """Somebody writes the disk."""
    with world.database() as database:
        assert database.execute(sql, values).rowcount


def swap(world: World, *, paths: bool) -> None:
    """Exchange the first two seals, with or without what leads from them to the root."""
    with world.database() as database:
        query = "select seal, path from record_grant order by position limit 2"
        rows = database.execute(query).fetchall()
        for at, (seal, path) in enumerate(reversed(rows)):
            database.execute("update record_grant set seal = ? where position = ?", (seal, at))
            if paths:
                database.execute("update record_grant set path = ? where position = ?", (path, at))


CHANGES: dict[str, Callable[[World], None]] = {
    "seal": lambda w: change(w, "update record_grant set seal = ? where position = 0", bytes(1168)),
    "short": lambda w: change(w, "update record_grant set seal = x'00' where position = 0"),
    "path": lambda w: change(w, "update record_grant set path = ? where position = 0", bytes(64)),
    "no-path": lambda w: change(w, "update record_grant set path = x'' where position = 0"),
    "odd-path": lambda w: change(w, "update record_grant set path = x'00' where position = 0"),
    "swapped": lambda w: swap(w, paths=False),
    "swapped-with-paths": lambda w: swap(w, paths=True),
    "missing": lambda w: change(w, "delete from record_grant where position = 0"),
    "moved": lambda w: change(w, "update record_grant set position = 9 where position = 0"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_row_is_damage_and_names_the_record(world: World, name: str) -> None:
    """Whatever is done to the rows: no wrong label, nothing is released, and it is said where."""
    granted = grant(world, 0, 2, 3)
    CHANGES[name](world)
    with world.session("carla") as carla:
        with pytest.raises(DamageError, match=granted[0][:8]) as caught:
            carla.record(granted[0])
        missing = name in {"missing", "moved"}
        assert isinstance(caught.value, MissingError) == missing
        assert ("is not what was signed" in caught.value.message) != missing
        with pytest.raises(DamageError):
            list(carla.records())
        # The others do not need it.
        assert carla.record(granted[2]).label.values["name"] == world.stored[3].name
        assert len(carla.release(granted[2:], "review")) == 1
    for who in ("carla", "aud", "ana"):
        with world.session(who) as session:
            problems = check(session.store, session).problems
            assert ("record-grant", granted[0]) in {
                (found.code, found.where.get("record")) for found in problems
            }


def test_a_seal_for_another_of_their_devices_is_not_taken(world: World) -> None:
    """Seals of one record for two devices, exchanged by whoever signed for them so."""
    with world.session("carla") as carla:
        carla.people.add_device(identity("a laptop").contact().note)
    world.join("a laptop")
    with world.session("ana") as ana:
        record = names(world, 0)
        seals = [*sealed(ana, record, "a laptop"), *sealed(ana, record, "carla")]
        made = sign(ana, body(ana, world, record, seals))
        gate = Gate(ana.store, ana.replica, ana.identity, world.clock)
        gate.submit(Message(made.signed, attachments=(lp(*seals),)).encode())
    for device in ("carla", "a laptop"):
        with world.session(device) as session, pytest.raises(DamageError, match="does not open"):
            session.record(record[0])


def test_rows_that_come_back_after_a_revocation_give_nothing(world: World) -> None:
    """An old copy of the rows, put back by whoever writes the disk; the next act deletes them."""
    granted = grant(world, 0, 2)
    with world.database() as database:
        rows = database.execute("select * from record_grant").fetchall()
    with world.session("ana") as ana:
        ana.casework.revoke(world.case, identity("carla").device)
    with world.database() as database:
        database.executemany("insert into record_grant values (?, ?, ?, ?)", rows)
    with world.session("aud") as aud:
        (problem,) = check(aud.store, aud).problems
        assert (problem.code, "nobody has" in problem.message) == ("record-grant", True)
    with world.session("carla") as carla:
        assert list(carla.records()) == []
        for act in (carla.labels, lambda records: carla.release(records, "review")):
            with pytest.raises(DeniedError):
                act(granted)
    with world.database() as database:
        assert database.execute("select * from record_grant").fetchall() == []


@pytest.mark.parametrize("table", ["record", "deposit"])
def test_what_ties_a_record_to_the_log_holds_for_who_has_no_key(world: World, table: str) -> None:
    """A changed row of the deposit, or of another record in it, is noticed without the entry."""
    granted = grant(world, 2)
    with world.database() as database:
        if table == "record":
            other = ids.parse(world.stored[3].record)
            database.execute("update record set leaf = ? where id = ?", (bytes(32), other))
        else:
            query = "select id, entry from deposit order by entry"
            (one, first), (two, second) = database.execute(query).fetchall()
            for deposit, entry in ((one, 9), (two, first), (one, second)):
                database.execute("update deposit set entry = ? where id = ?", (entry, deposit))
    with world.session("carla") as carla, pytest.raises(DamageError):
        carla.labels(granted)


@pytest.mark.parametrize(
    "column", ["salt", "label", "particulars", "content_digest", "fields_root"]
)
def test_a_granted_record_is_what_was_deposited(world: World, column: str) -> None:
    """No column of its row can be changed unseen by who has nothing but this record."""
    (granted,) = grant(world, 2)
    with world.database() as database:
        (old,) = database.execute(
            f"select {column} from record where id = ?",  # noqa: S608
            (ids.parse(granted),),
        ).fetchone()
        changed = old[:-1] + bytes([old[-1] ^ 1])
        database.execute(
            f"update record set {column} = ? where id = ?",  # noqa: S608
            (changed, ids.parse(granted)),
        )
    with world.session("carla") as carla, pytest.raises(DamageError):
        carla.record(granted)


def test_a_deposit_is_not_taken_for_another_with_the_same_records(world: World) -> None:
    """Somebody's deposit in the log that names the same root is not the record's own."""
    granted = grant(world, 2)
    with world.session("ana") as ana:
        (listed,) = _listed(ana, granted)
        assert listed.held is not None
        fields = {**listed.held.actor.body, "id": ids.show(ids.draw())}
        fields["deposit"] = ids.show(ids.draw())
        origin = ana.authority.origin(ACCESS)
        forge(ana, ACCESS, note.sign("deposit", origin, fields, ana.identity), world)
        index = ana.replica.heads[ACCESS].size
    raw = ids.parse(world.stored[2].deposit)
    change(world, "update deposit set entry = ? where id = ?", index, raw)
    with world.session("carla") as carla, pytest.raises(DamageError, match="not its own"):
        carla.labels(granted)


def test_who_has_no_right_to_a_record_learns_nothing_of_its_damage(world: World) -> None:
    """A refusal comes first, so that it can stand in the log."""
    grant(world, 0)
    (other,) = names(world, 2)
    change(world, "update record set label = ? where id = ?", bytes(32), ids.parse(other))
    with world.session("carla") as carla, pytest.raises(DeniedError):
        carla.record(other)


def test_a_re_encryption_that_nobody_confirmed_hides_no_records(world: World) -> None:
    """Somebody who writes the disk calls it confirmed: by nothing, or by another entry."""
    granted = grant(world, 2)
    with world.session("ana") as ana:
        ana.renewals.reencrypt(world.case)
    for confirmed in (0, 1):
        change(world, "update renewal set state = 1, confirmed = ?", confirmed)
        with world.session("carla") as carla, pytest.raises(DamageError, match="than the log says"):
            carla.labels(granted)


def test_old_records_are_not_put_back_after_a_re_encryption(world: World) -> None:
    """With the old rows and the old seals in place again, the log still tells."""
    granted = grant(world, 2)
    with world.database() as database:
        tables = {
            table: database.execute(f"select * from {table}").fetchall()  # noqa: S608
            for table in ("record", "record_grant")
        }
    with world.session("ana") as ana:
        ana.renewals.reencrypt(world.case)
    with world.session("ben") as ben:
        ben.renewals.confirm(world.case)
    with world.database() as database:
        database.execute("pragma foreign_keys = off")
        for table, found in tables.items():
            database.execute(f"delete from {table}")  # noqa: S608
            marks = ", ".join("?" * len(found[0]))
            database.executemany(f"insert into {table} values ({marks})", found)  # noqa: S608
    with world.session("carla") as carla:
        assert list(carla.records()) == []
        with pytest.raises((DeniedError, DamageError)):
            carla.labels(granted)
    again = grant_anyway(world, 2)
    with world.session("carla") as carla, pytest.raises(DamageError):
        carla.labels(again)


def test_records_written_anew_are_still_those_that_were_deposited(world: World) -> None:
    """What ties them to their depositor's signature cannot be changed unseen."""
    with world.session("ana") as ana:
        ana.renewals.reencrypt(world.case)
    with world.session("ben") as ben:
        ben.renewals.confirm(world.case)
    granted = grant(world, 2)
    change(world, "update record_origin set origin = ?", bytes(136))
    with world.session("carla") as carla, pytest.raises(DamageError, match="its depositor signed"):
        carla.labels(granted)


def grant_anyway(world: World, number: int) -> list[str]:
    """Ana grants a record with a secret of her own making: the rows are not what they were."""
    record = names(world, number)
    with world.session("ana") as ana:
        raw = ids.parse(record[0])
        with ana.store.read() as reads:
            owner = reads.owner(raw)
            assert owner is not None
        place = Place(ids.parse(ana.authority.vault), ids.parse(world.case), owner[0], raw)
        seals = [grantseals.seal_to(os.urandom(32), place, identity("carla").contact())]
        made = sign(ana, body(ana, world, record, seals))
        gate = Gate(ana.store, ana.replica, ana.identity, world.clock)
        gate.submit(Message(made.signed, attachments=(lp(*seals),)).encode())
    return record


# --- a granter who lies -----------------------------------------------------------------------


@pytest.mark.parametrize("of", ["nothing", "another", "noise"])
def test_a_false_secret_is_named_and_not_used(world: World, of: str) -> None:
    """Random bytes, the secret of another record under this name, or no seal at all."""
    (record,) = names(world, 0)
    with world.session("ana") as ana:
        (true,) = _listed(ana, [record])
        (other,) = _listed(ana, names(world, 1))
        to = identity("carla").contact()
        seals = {
            "nothing": grantseals.seal_to(os.urandom(32), true.place, to),
            "another": grantseals.seal_to(other.secret, true.place, to),
            "noise": os.urandom(grantseals.SEAL_SIZE),
        }
        made = sign(ana, body(ana, world, [record], [seals[of]]))
        gate = Gate(ana.store, ana.replica, ana.identity, world.clock)
        gate.submit(Message(made.signed, attachments=(lp(seals[of]),)).encode())
    with world.session("carla") as carla:
        with pytest.raises(DamageError, match=f"granted for record {record[:8]} does not open"):
            carla.record(record)
        with pytest.raises(DamageError):
            carla.release([record], "review")
        (problem,) = check(carla.store, carla).problems
        assert (problem.code, problem.where["record"]) == ("record-grant", record)
    # Another holder mends it: the newer grant counts.
    grant(world, 0)
    with world.session("carla") as carla:
        assert carla.record(record).label.values["name"] == world.stored[0].name


# --- what a granted secret opens --------------------------------------------------------------


def _listed(session: Session, records: list[str]) -> list[retrieve.Listed]:
    with session._client.view() as reads:
        raw = [ids.parse(record) for record in records]
        return retrieve.find(session.replica, reads, raw, session.now())


def test_a_granted_secret_opens_one_label_and_nothing_else(world: World) -> None:
    """Tried in every role on every record of the vault: the label, never particulars or content."""
    (granted,) = grant(world, 2)
    with world.session("carla") as carla:
        secret = carla.record(granted).secret
        vault = ids.parse(carla.authority.vault)
        with carla.store.read() as reads:
            places = [
                (Place(vault, deposit.case, deposit.id, record.id), record)
                for deposit in reads.deposits()
                for record, _ in reads.records(deposit.id)
            ]
    assert len(places) == 5
    derived = [
        (secret, secret),
        *((recordkeys.record_secret(secret, row.salt, place), secret) for place, row in places),
        *((recordkeys.gate_share(secret, place), secret) for place, _ in places),
    ]
    opened = set()
    for (place, row), (one, other) in itertools.product(places, derived):
        guesses = [one, recordkeys.record_key(one, other, place)]
        guesses += [recordkeys.record_key(other, one, place)]
        for key, (name, make_key, data, label) in itertools.product(guesses, _containers(row)):
            with suppress(Error):
                container.decrypt(make_key(key, place), place.context(label), data)
                opened.add((ids.show(place.record), name))
    assert opened == {(granted, "label")}


def _containers(row: Any) -> list[tuple[str, Any, bytes, Label]]:
    return [
        ("label", recordkeys.label_key, row.label, Label.LABEL_KEY),
        ("particulars", recordkeys.particulars_key, row.particulars, Label.PARTICULARS_KEY),
    ]


def test_with_the_share_it_opens_the_content_and_without_it_does_not(world: World) -> None:
    """The control to the one before: the gate's share is what was missing."""
    (granted,) = grant(world, 2)
    with world.session("carla") as carla:
        (opened,) = carla.release([granted], "review")
        listed = opened.listed
        assert opened.particulars.values
        share = hashlib.sha256(b"a guess").digest()
        with pytest.raises(VerificationError):
            retrieve.open_record(listed, share, 0)
        assert isinstance(listed.label, Fields)
        assert b"".join(carla.content(opened)).startswith(SMALL)
