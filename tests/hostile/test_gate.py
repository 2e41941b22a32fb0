"""The gate writes nothing that it was not rightly asked for, in a message that is whole."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from forge_kit import act_body
from vault_kit import World, identity, make

from keys.errors import Error, SignatureError, VerificationError
from vault import deposit, fields, ids, intake, note
from vault.deposit import Description, Prepared
from vault.errors import (
    DeniedError,
    ForkedError,
    MalformedError,
    RolledBackError,
    StaleError,
)
from vault.gate import Gate
from vault.local import Local
from vault.log import entry, merkle
from vault.message import Answer, Message, encode_row, read_rows
from vault.model import GATE, Record
from vault.note import ACCESS, AUTHORITY, Note
from vault.replica import Replica
from vault.session import Session

Body = dict[str, Any]
Rows = list[Record]


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A vault with a case that ana and ben hold."""
    return make(tmp_path)


def state(world: World) -> dict[str, list[Any]]:
    """Everything that stands in the database."""
    with world.database() as database:
        query = "select name from sqlite_master where type = 'table' order by name"
        tables = [name for (name,) in database.execute(query).fetchall()]
        return {
            table: database.execute(f"select * from {table}").fetchall()  # noqa: S608
            for table in tables
        }


def gate_of(session: Session, world: World) -> Gate:
    """A gate that is not asked through the session's own client."""
    return Gate(session.store, session.replica, session.identity, world.clock)


def send(
    session: Session, world: World, message: Message, rows: io.BytesIO | None = None
) -> Answer:
    """Ask the gate directly."""
    return Answer.parse(gate_of(session, world).submit(message.encode(), rows))


def refused(
    session: Session,
    world: World,
    message: Message,
    error: type[Exception] | tuple[type[Exception], ...],
    rows: io.BytesIO | None = None,
) -> str:
    """A message is refused and nothing at all is written; returns the reason code, if any."""
    before = state(world)
    with pytest.raises(error) as caught:
        send(session, world, message, rows)
    assert state(world) == before
    return str(getattr(caught.value, "reason", ""))


def logged(session: Session, world: World, message: Message) -> str:
    """A message is answered by a refusal in the log, and releases nothing; returns its reason."""
    before = state(world)
    answer = send(session, world, message)
    said = note.parse(answer.gate).body
    assert said["outcome"] == "refused"
    assert answer.sealed == b""
    after = state(world)
    grown = {name for name in after if after[name] != before[name]}
    assert grown == {"log_entry", "log_node", "log_head"}
    assert len(after["log_entry"]) == len(before["log_entry"]) + 1
    return str(said["why"])


def signed(session: Session, kind: str, world: World, **change: Any) -> Note:
    """A release or a statement by the session's member, with some fields changed."""
    body = {**act_body(session, kind, world), **change}
    log = AUTHORITY if kind in note.STATEMENTS else ACCESS
    return note.sign(kind, session.authority.origin(log), body, session.identity)


# --- who asks, and what they have seen ----------------------------------------------------------


def test_a_message_that_is_whole_is_kept(world: World) -> None:
    """The control: the same message without a change is answered and released."""
    with world.session("ben") as ben:
        answer = send(ben, world, Message(signed(ben, "release", world).signed))
        assert note.parse(answer.gate).body["outcome"] == "released"
        assert answer.sealed
    with world.session("ana") as ana:
        answer = send(ana, world, Message(signed(ana, "case-opened", world).signed))
        assert note.parse(answer.gate).body["outcome"] == "done"


@pytest.mark.parametrize("kind", ["release", "case-opened"])
@pytest.mark.parametrize("at", [0, 60, -2])
def test_a_changed_note_is_refused(world: World, kind: str, at: int) -> None:
    """Not a byte of a signed note can be changed, in its text or in its signatures."""
    with world.session("ana") as ana:
        raw = bytearray(signed(ana, kind, world).signed)
        raw[at] ^= 1
        refused(ana, world, Message(bytes(raw)), (MalformedError, VerificationError))


def test_a_time_that_was_changed_is_refused(world: World) -> None:
    """A note that still reads well and is not what was signed."""
    with world.session("ben") as ben:
        made = signed(ben, "release", world)
        old, new = (f'"purpose":"{code}"'.encode() for code in ("review", "hearing"))
        message = Message(made.signed.replace(old, new))
        refused(ben, world, message, SignatureError)


def test_a_statement_with_one_signature_is_refused(world: World) -> None:
    """Both kinds of signature stand under a statement, or it is none."""
    with world.session("ana") as ana:
        made = signed(ana, "case-opened", world).signed
        *rest, _ = made.splitlines(keepends=True)
        refused(ana, world, Message(b"".join(rest)), SignatureError)


@pytest.mark.parametrize("kind", ["release", "case-opened"])
def test_a_note_for_another_vault_is_refused(world: World, kind: str) -> None:
    """The origin is that of this vault's log, and of no other vault's."""
    with world.session("ana") as ana:
        body = act_body(ana, kind, world)
        log = AUTHORITY if kind in note.STATEMENTS else ACCESS
        origin = note.origin(ids.show(ids.draw()), log)
        made = note.sign(kind, origin, body, ana.identity)
        assert refused(ana, world, Message(made.signed), DeniedError) == "wrong-log"


@pytest.mark.parametrize("kind", ["release", "case-opened"])
def test_a_device_of_nobody_is_refused(world: World, kind: str) -> None:
    """Strangers are not even logged, whatever they ask."""
    with world.session("ana") as ana:
        stranger = identity("stranger")
        body = {**act_body(ana, kind, world), "device": stranger.device}
        log = AUTHORITY if kind in note.STATEMENTS else ACCESS
        made = note.sign(kind, ana.authority.origin(log), body, stranger)
        assert refused(ana, world, Message(made.signed), DeniedError) == "unknown-device"


@pytest.mark.parametrize("log", [AUTHORITY, ACCESS])
@pytest.mark.parametrize("kind", ["release", "case-opened"])
def test_who_has_seen_more_than_there_is_stops_the_gate(world: World, kind: str, log: str) -> None:
    """An actor ahead of the log means that the log was rolled back: nothing is added to it."""
    with world.session("ana") as ana:
        seen = ana.replica.seen()
        more = {**seen, log: {"size": ana.replica.heads[log].size + 1, "root": "00" * 32}}
        made = signed(ana, kind, world, seen=more)
        refused(ana, world, Message(made.signed), RolledBackError)


@pytest.mark.parametrize("log", [AUTHORITY, ACCESS])
@pytest.mark.parametrize("kind", ["release", "case-opened"])
@pytest.mark.parametrize("back", [0, 1])
def test_who_has_seen_another_history_stops_the_gate(
    world: World, kind: str, log: str, back: int
) -> None:
    """The root that an actor has seen must be the one that the log had at that size."""
    with world.session("ana") as ana:
        seen = {"size": ana.replica.heads[log].size - back, "root": "00" * 32}
        made = signed(ana, kind, world, seen={**ana.replica.seen(), log: seen})
        refused(ana, world, Message(made.signed), ForkedError)


def test_who_has_seen_less_is_answered(world: World) -> None:
    """A slow client with a true older view is not turned away."""
    with world.session("ana") as ana:
        old = ana.replica.at(ana.authority.size - 1).position.body()
        made = signed(ana, "release", world, seen={**ana.replica.seen(), AUTHORITY: old})
        answer = send(ana, world, Message(made.signed))
        assert note.parse(answer.gate).body["outcome"] == "released"


@pytest.mark.parametrize("which", ["size", "root"])
def test_a_statement_for_another_place_is_stale(world: World, which: str) -> None:
    """It extends what there is, or nothing is written and it is made again."""
    with world.session("ana") as ana:
        extends = ana.authority.position.body()
        extends[which] = {"size": extends["size"] - 1, "root": "00" * 32}[which]
        made = signed(ana, "case-opened", world, extends=extends)
        refused(ana, world, Message(made.signed), StaleError)


def test_an_id_of_the_other_log_is_used_too(world: World) -> None:
    """A note's id counts once in both logs together."""
    with world.session("ana") as ana:
        body = act_body(ana, "case-opened", world)
        made = note.sign("case-opened", ana.authority.origin(AUTHORITY), body, ana.identity)
        send(ana, world, Message(made.signed))
        ana.catch_up()
        again = signed(ana, "release", world, id=body["id"])
        assert refused(ana, world, Message(again.signed), DeniedError) == "used-id"


# --- what comes beside a note -------------------------------------------------------------------


def test_only_statements_and_acts_are_messages(world: World) -> None:
    """A gate's note, however truly signed, is nothing that one can ask of a gate."""
    with world.session("ana") as ana:
        body = {
            "note": "00" * 32,
            "outcome": "released",
            "why": None,
            "time": ana.now(),
            "authority": ana.authority.position.body(),
            "access": ana.replica.position(ACCESS).body(),
            "level": 0,
        }
        made = note.sign("gate", ana.authority.origin(ACCESS), body, ana.identity)
        refused(ana, world, Message(made.signed), MalformedError)


def test_what_is_no_message_is_malformed(world: World) -> None:
    """Garbage, a tag of another length, a message cut short: refused before the log is touched."""
    with world.session("ben") as ben:
        gate = gate_of(ben, world)
        whole = Message(signed(ben, "release", world).signed)
        before = state(world)
        for raw in (
            b"",
            b"x" * 100,
            whole.encode()[:-1],
            whole.encode() + b"x",
            replace(whole, tag=b"1234").encode(),
            replace(whole, note=b"no note").encode(),
        ):
            with pytest.raises(MalformedError):
                gate.submit(raw)
        assert state(world) == before


@pytest.mark.parametrize("kind", ["release", "case-opened"])
def test_nothing_else_comes_beside_a_note(world: World, kind: str) -> None:
    """Attachments are a deposit's, and a statement has no details: what no note commits to is
    refused."""
    with world.session("ana") as ana:
        made = signed(ana, kind, world)
        for change in ({"attachments": (b"x",)}, {"attachments": (b"", b"")}, {"details": b"x"}):
            refused(ana, world, replace(Message(made.signed), **change), MalformedError)
        refused(ana, world, Message(made.signed), MalformedError, io.BytesIO(b""))


def test_details_are_a_compartment(world: World) -> None:
    """An actor cannot have anything logged under the name of a reason."""
    with world.session("ben") as ben:
        said = hashlib.sha256(b"free room").hexdigest()
        made = signed(ben, "release", world, details=said)
        refused(ben, world, Message(made.signed, details=b"free room"), MalformedError)


def test_details_that_were_promised_must_come(world: World) -> None:
    """Neither can they be left out, nor exchanged for others."""
    with world.session("ben") as ben:
        other = entry.seal_compartment(ben.authority.origin(ACCESS), b"{}", [])
        made = signed(ben, "release", world, details="00" * 32)
        refused(ben, world, Message(made.signed), MalformedError)
        refused(ben, world, Message(made.signed, details=other), MalformedError)


@pytest.mark.parametrize("beside", ["tag", "details"])
def test_what_was_sealed_for_older_keys_is_stale(world: World, beside: str) -> None:
    """Its readers could not find it: it is made again."""
    with world.session("ben") as ben:
        seen = ben.replica.seen()
        with world.session("ana") as ana:
            ana.rotate(world.case)
        ben.catch_up()
        details = entry.seal_compartment(ben.authority.origin(ACCESS), b"{}", [])
        said = hashlib.sha256(details).hexdigest() if beside == "details" else None
        made = signed(ben, "release", world, seen=seen, details=said)
        message = Message(made.signed)
        message = replace(
            message, **({"tag": b"12345678"} if beside == "tag" else {"details": details})
        )
        refused(ben, world, message, StaleError)


def test_what_was_sealed_for_nobody_needs_no_keys(world: World) -> None:
    """Without tag and details a note of older sight is answered; with them, for a case of none,
    refused in the log."""
    with world.session("ben") as ben:
        seen = ben.replica.seen()
        with world.session("ana") as ana:
            ana.rotate(world.case)
        ben.catch_up()
        answer = send(ben, world, Message(signed(ben, "release", world, seen=seen).signed))
        assert note.parse(answer.gate).body["outcome"] == "released"
        ben.catch_up()
        made = signed(ben, "release", world, case="a" * 26)
        assert logged(ben, world, Message(made.signed, tag=b"12345678")) == "no-case"


# --- releases and receipts ----------------------------------------------------------------------


def test_a_release_that_is_refused_is_logged_with_its_reason(world: World) -> None:
    """A record of another case, of none, a case of none, a request of none: each by its code."""
    with world.session("ana") as ana:
        other = ana.open_case("Another").id
        ana.catch_up()
        for change, reason in (
            ({"case": other}, "no-record"),
            ({"records": ["a" * 26]}, "no-record"),
            ({"records": [world.stored[0].record, "a" * 26]}, "no-record"),
            ({"case": "a" * 26}, "no-case"),
            ({"request": "a" * 26}, "request"),
        ):
            ana.catch_up()
            made = signed(ana, "release", world, **change)
            assert logged(ana, world, Message(made.signed)) == reason
    with world.session("carla") as carla:
        made = signed(carla, "release", world)
        assert logged(carla, world, Message(made.signed)) == "not-holder"
    with world.session("aud") as auditor:
        made = signed(auditor, "release", world)
        assert logged(auditor, world, Message(made.signed)) == "auditor"


def test_a_record_that_is_named_twice_is_refused(world: World) -> None:
    """One share for each record, and no more."""
    with world.session("ben") as ben:
        twice = [world.stored[0].record] * 2
        made = signed(ben, "release", world, records=twice)
        refused(ben, world, Message(made.signed), MalformedError)


def receipt(session: Session, world: World, **change: Any) -> Message:
    """A receipt for the last entry of the access log, with some fields changed."""
    session.catch_up()
    with session.store.read() as reads:
        index = reads.length(ACCESS) - 1
        leaf = session.replica.consistent_entry(reads, ACCESS, index)
    common = act_body(session, "release", world)
    body = {name: common[name] for name in ("id", "time", "seen", "device")}
    body |= {"case": world.case, "entry": index, "leaf": merkle.leaf_hash(leaf).hex()}
    made = note.sign(
        "receipt",
        session.authority.origin(ACCESS),
        {**body, "details": None, **change},
        session.identity,
    )
    return Message(made.signed)


def test_a_receipt_names_an_entry_that_is_there(world: World) -> None:
    """One for another entry, for one to come, or for bytes that were never logged is refused."""
    with world.session("ben") as ben:
        ben.release([world.stored[0].record], "review")
        for entry_of in (lambda _: 0, lambda size: size, lambda _: 1 << 40):
            ben.catch_up()
            index = entry_of(ben.replica.heads[ACCESS].size)
            assert logged(ben, world, receipt(ben, world, entry=index)) == "receipt"
        assert logged(ben, world, receipt(ben, world, leaf="00" * 32)) == "receipt"
        assert logged(ben, world, receipt(ben, world, case="a" * 26)) == "no-case"
        answer = send(ben, world, receipt(ben, world))
        assert note.parse(answer.gate).body["outcome"] == "done"


# --- statements -----------------------------------------------------------------------------------


def test_a_forbidden_statement_is_logged_and_changes_nothing(world: World) -> None:
    """It becomes an entry of the access log, whose actor note keeps its own origin."""
    with world.session("aud") as auditor:
        made = signed(auditor, "case-opened", world)
        assert logged(auditor, world, Message(made.signed)) == "role"
        auditor.catch_up()
        last = list(auditor.log())[-1]
        assert last.notes is not None
        assert last.notes[0].origin == auditor.authority.origin(AUTHORITY)
        assert last.problem is None
    with world.session("ben") as ben:
        # Only a case of which it speaks could be named: holders do not see it.
        assert not list(ben.log())[-1].opened


# --- deposits -------------------------------------------------------------------------------------


class Parcel:
    """A deposit of three small files that is stored and not handed in yet."""

    def __init__(self, session: Session, world: World) -> None:
        folder = world.root / "parcel"
        folder.mkdir(exist_ok=True)
        for number in range(3):
            (folder / str(number)).write_bytes(b"evidence %d" % number)
        self.session, self.world = session, world
        self.prepared: Prepared = deposit.prepare(
            session.store,
            session.authority.vault,
            world.case,
            intake.all_of([folder]),
            Description(),
            context={},
        )
        self.prepared.rows.seek(0)
        self.records: Rows = list(read_rows(self.prepared.rows))

    def close(self) -> None:
        """Drop what was stored."""
        deposit.discard(self.session.store, self.prepared)

    def message(self, **change: Any) -> Message:
        """The message, whose note is signed after some fields were changed."""

        def sign(kind: str, body: Any) -> Note:
            origin = self.session.authority.origin(ACCESS)
            return note.sign(kind, origin, {**body, **change}, self.session.identity)

        session = self.session
        gate = session.replica.keyring.need(session.authority, GATE)
        return self.prepared.message(
            session.authority, gate, session.replica.seen(), sign, session.now()
        )

    def rows(self, records: Sequence[Record] | None = None) -> io.BytesIO:
        """The rows as bytes."""
        chosen = self.records if records is None else records
        return io.BytesIO(b"".join(map(encode_row, chosen)))


def test_a_deposit_that_is_whole_is_kept(world: World) -> None:
    """The control: unchanged, its rows come to stand in the store."""
    with world.session("ana") as ana, closing(Parcel(ana, world)) as parcel:
        send(ana, world, parcel.message(), parcel.rows())
        ana.catch_up()
        assert len(list(ana.records())) == len(world.stored) + 3
        assert not list(ana.verify()[1])
        # The same deposit again, under a fresh note.
        assert refused(ana, world, parcel.message(), DeniedError, parcel.rows()) == "used-id"


ROWS: dict[str, Callable[[Rows], Rows]] = {
    "none": lambda _: [],
    "one-less": lambda rows: rows[:-1],
    "one-twice": lambda rows: [*rows, rows[0]],
    "another-order": lambda rows: rows[::-1],
    "another-id": lambda rows: [replace(rows[0], id=ids.draw()), *rows[1:]],
    "another-salt": lambda rows: [replace(rows[0], salt=bytes(32)), *rows[1:]],
    "another-label": lambda rows: [replace(rows[0], label=rows[1].label), *rows[1:]],
    "another-particulars": lambda rows: [
        replace(rows[0], particulars=rows[1].particulars),
        *rows[1:],
    ],
    "another-digest": lambda rows: [replace(rows[0], content_digest=bytes(32)), *rows[1:]],
    "another-size": lambda rows: [replace(rows[0], content_size=1), *rows[1:]],
    "another-root": lambda rows: [replace(rows[0], fields_root=bytes(32)), *rows[1:]],
    "no-such-blob": lambda rows: [replace(rows[0], blob=bytes(16)), *rows[1:]],
    "beyond-its-blob": lambda rows: [*rows[:2], replace(rows[2], offset=rows[2].offset + 1)],
}


@pytest.mark.parametrize("name", ROWS)
def test_rows_that_were_not_signed_are_refused(world: World, name: str) -> None:
    """Each row is what the root of the note is over, and its content is in the vault."""
    with world.session("ana") as ana, closing(Parcel(ana, world)) as parcel:
        rows = parcel.rows(ROWS[name](parcel.records))
        refused(ana, world, parcel.message(), VerificationError, rows)


def test_rows_that_are_none_are_refused(world: World) -> None:
    """Cut short, of another shape, of a monstrous length, or none at all: malformed."""
    with world.session("ana") as ana, closing(Parcel(ana, world)) as parcel:
        whole = parcel.rows().getvalue()
        for raw in (whole[:-1], whole + b"x", b"\xff" * 8, (1 << 40).to_bytes(8, "big") + whole):
            refused(ana, world, parcel.message(), MalformedError, io.BytesIO(raw))
        refused(ana, world, parcel.message(), MalformedError, None)


def test_a_deposit_of_another_count_is_refused(world: World) -> None:
    """Its depositor signs how many records there are."""
    with world.session("ana") as ana, closing(Parcel(ana, world)) as parcel:
        for count in (2, 4):
            message = parcel.message(count=count)
            refused(ana, world, message, VerificationError, parcel.rows())


SEALS: dict[str, Callable[[tuple[bytes, ...]], tuple[bytes, ...]]] = {
    "none": lambda _: (),
    "one": lambda seals: seals[:1],
    "three": lambda seals: (*seals, b""),
}


@pytest.mark.parametrize("name", SEALS)
def test_a_deposit_has_two_seals(world: World, name: str) -> None:
    """Neither less nor more comes with it."""
    with world.session("ana") as ana, closing(Parcel(ana, world)) as parcel:
        message = parcel.message()
        message = replace(message, attachments=SEALS[name](message.attachments))
        refused(ana, world, message, MalformedError, parcel.rows())


@pytest.mark.parametrize("which", [0, 1])
def test_a_seal_that_was_not_signed_is_refused(world: World, which: int) -> None:
    """Each seal has the hash that the note names."""
    with world.session("ana") as ana, closing(Parcel(ana, world)) as parcel:
        message = parcel.message()
        seals = list(message.attachments)
        seals[which] = seals[which][:-1] + bytes([seals[which][-1] ^ 1])
        message = replace(message, attachments=tuple(seals))
        refused(ana, world, message, VerificationError, parcel.rows())


def test_seals_that_change_places_are_refused(world: World) -> None:
    """Though both hashes are signed: the gate opens its own."""
    with world.session("ana") as ana, closing(Parcel(ana, world)) as parcel:
        first, second = parcel.message().attachments
        hashes = [hashlib.sha256(sealed).hexdigest() for sealed in (second, first)]
        message = parcel.message(case_seal=hashes[0], gate_seal=hashes[1])
        message = replace(message, attachments=(second, first))
        refused(ana, world, message, Error, parcel.rows())


def test_a_gate_secret_that_was_not_committed_to_is_refused(world: World) -> None:
    """A seal that opens to another secret would give shares that open nothing."""
    with world.session("ana") as ana, closing(Parcel(ana, world)) as parcel:
        message = parcel.message(gate_commitment="00" * 32)
        refused(ana, world, message, VerificationError, parcel.rows())


def test_a_deposit_for_older_keys_is_stale(world: World) -> None:
    """Made before the case or the gate rotated, it is made again, and its evidence is not."""
    with world.session("ana") as ana, closing(Parcel(ana, world)) as parcel:
        for group in (world.case, GATE):
            message = parcel.message()
            with world.session("ana") as other:
                other.rotate(group)
            refused(ana, world, message, StaleError, parcel.rows())
            ana.catch_up()
        send(ana, world, parcel.message(), parcel.rows())


def test_an_id_of_a_record_is_used_once(world: World) -> None:
    """Neither in another deposit nor in the same one can a record take the name of another."""
    with world.session("ana") as ana, closing(Parcel(ana, world)) as parcel:
        taken = ids.parse(world.stored[0].record)
        for records in (
            [replace(parcel.records[0], id=taken), *parcel.records[1:]],
            [parcel.records[0], *(replace(r, id=parcel.records[0].id) for r in parcel.records[1:])],
        ):
            root = fields.records_root([fields.record_leaf(record) for record in records])
            message = parcel.message(records_root=root.hex())
            reason = refused(ana, world, message, DeniedError, parcel.rows(records))
            assert reason == "used-id"


def test_who_may_not_deposit_is_logged(world: World) -> None:
    """A steward who is no advocate brings nothing in, and an auditor neither."""
    with world.session("aud") as auditor:
        (world.root / "x").write_bytes(b"x")
        before = state(world)["deposit"]
        with pytest.raises(DeniedError) as caught:
            auditor.add([world.root / "x"], world.case)
        assert caught.value.reason == "role"
        assert state(world)["deposit"] == before
        assert list(auditor.log())[-1].refusal == "role"


# --- the log itself -------------------------------------------------------------------------------


@pytest.mark.parametrize("log", [0, 1])
def test_the_gate_appends_nothing_to_a_damaged_edge(world: World, log: int) -> None:
    """Who did would sign a history that nobody can verify."""
    with world.session("ana") as ana:
        ana.release([world.stored[0].record], "review")
        with world.database() as database:
            # The highest node on the right edge; ana has verified the head and asks no nodes.
            query = "select level, position, hash from log_node where log = ? order by level desc"
            level, at, hashed = database.execute(query, (log,)).fetchone()
            changed = bytes([hashed[0] ^ 1]) + hashed[1:]
            update = "update log_node set hash = ? where log = ? and level = ? and position = ?"
            database.execute(update, (changed, log, level, at))
        kind = "release" if log else "case-opened"
        # What ana claims to have seen is nothing, so that only the edge can tell.
        nothing = {"size": 0, "root": hashlib.sha256(b"").hexdigest()}
        name = ACCESS if log else AUTHORITY
        seen = {**ana.replica.seen(), name: nothing}
        made = signed(ana, kind, world, seen=seen)
        refused(ana, world, Message(made.signed), VerificationError)


def test_one_time_is_judged_and_written(world: World) -> None:
    """A clock that runs on while the gate works does not give an act two times."""
    with world.session("ben") as ben:
        moments = iter(range(2_000_000_000, 3_000_000_000, 1_000_000))
        gate = Gate(ben.store, ben.replica, ben.identity, lambda: next(moments))
        made = signed(ben, "release", world)
        answer = Answer.parse(gate.submit(Message(made.signed).encode()))
        assert note.parse(answer.gate).body["time"] == 2_000_000_000
        assert next(moments) == 2_001_000_000


def test_after_the_gates_keys_changed_both_heads_are_signed_again(world: World) -> None:
    """A client that has only the newest statements accepts both logs' heads."""
    with world.session("ana") as ana:
        heads = dict(ana.replica.notes)
        ana.rotate(GATE)
        assert ana.replica.heads[ACCESS].root.hex() == ana.replica.position(ACCESS).root
        assert all(ana.replica.notes[log] != heads[log] for log in heads)
    with world.session("carla") as carla:
        home = Local(world.root / "fresh", identity("carla"), carla.authority.vault)
        fresh = Replica(identity("carla"), home, carla.authority.vault, world.fingerprint, heads={})
        with carla.store.read() as reads:
            fresh.catch_up(reads)
        assert fresh.heads == carla.replica.heads
