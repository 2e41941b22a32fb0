"""A ticket adds to its case while it is in force, and does nothing else for whoever has it."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest
from forge_kit import act_body, forge
from ticket_kit import SEEN, accept, issue, parcel, resigned
from vault_kit import World, identity, make

from keys.errors import SignatureError, WeakKeyError
from keys.identity import Identity
from vault import collect, ids, note, ticket
from vault import parcel as parcels
from vault.check import check
from vault.errors import (
    DamageError,
    DeniedError,
    Error,
    FileError,
    GateError,
    MalformedError,
    UnknownVaultError,
    VerificationError,
)
from vault.gate import Gate
from vault.message import Answer, Message
from vault.model import GATE, Role
from vault.note import ACCESS, AUTHORITY
from vault.session import Session

DAY = 86_400


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A fresh world."""
    return make(tmp_path)


def submit(world: World, message: bytes, name: str = "ana") -> str | None:
    """What the gate says to a message: the reason of a refusal, or None."""
    with world.session(name) as session:
        gate = Gate(session.store, session.replica, session.identity, world.clock)
        said: str | None = note.parse(Answer.parse(gate.submit(message)).gate).body["why"]
        return said


def last(session: Session) -> tuple[str, str | None, str | None]:
    """Kind, refusal and ticket of the last entry."""
    *_, access = session.log()
    assert access.problem is None
    return access.kind, access.refusal, access.ticket


# --- what an honest gate refuses --------------------------------------------------------------


def test_a_ticket_in_force(world: World) -> None:
    """The control: what a ticket brings in is kept, readable to holders, and shows as a ticket's
    to auditors, for whom all of it verifies."""
    terms, key = issue(world)
    path, (stored,) = parcel(world, terms, key)
    kept = accept(world, path, "aud")
    assert (kept.ticket, kept.count, kept.exposed) == (terms.ticket, 1, False)
    assert world.read_all("ben")[stored.record] == ("one.txt", SEEN)
    with world.session("aud") as aud:
        entry = next(a for a in aud.log() if a.index == kept.entry)
        assert entry.actor_name == f"ticket {terms.ticket[:8]}"
        assert entry.ticket == entry.actor == terms.ticket
        assert aud.verify()[1] == []
    with world.session("ben") as ben:
        assert check(ben.store, ben).problems == []


def test_an_expired_ticket(world: World) -> None:
    """After its end, by the gate's clock, nothing comes in, and the log says who tried."""
    terms, key = issue(world, days=1)
    path, _ = parcel(world, terms, key)
    world.clock.at += DAY
    with pytest.raises(DeniedError) as caught:
        accept(world, path)
    assert caught.value.reason == "ticket-expired"
    with world.session("aud") as aud:
        assert last(aud) == ("deposit", "ticket-expired", terms.ticket)


def test_a_revoked_ticket(world: World) -> None:
    """What is on its way when a ticket is revoked does not come in any more."""
    terms, key = issue(world)
    path, _ = parcel(world, terms, key)
    with world.session("ana") as ana:
        ana.tickets.revoke(terms.ticket)
    blobs = world.blobs
    with pytest.raises(DeniedError) as caught:
        accept(world, path, "carla")
    assert caught.value.reason == "ticket-revoked"
    assert world.blobs == blobs
    with world.session("aud") as aud:
        assert last(aud) == ("deposit", "ticket-revoked", terms.ticket)


def test_another_cases_ticket(world: World) -> None:
    """A ticket adds nothing to another case, whoever has its key."""
    terms, key = issue(world)
    path, _ = parcel(world, terms, key)
    with world.session("ana") as ana:
        other = ana.open_case("Another").id
    assert submit(world, resigned(path, key, lambda body: {**body, "case": other})) == "ticket"


def test_a_key_that_nobody_registered(world: World) -> None:
    """Terms that a true gate signed are of no use to another key: it is a stranger's."""
    terms, key = issue(world)
    path, _ = parcel(world, terms, key)
    stranger = ticket.draw()
    before = len(world.blobs)
    with pytest.raises(DeniedError) as caught:
        submit(world, resigned(path, stranger, lambda body: body))
    assert caught.value.reason == "unknown-device"
    path, _ = parcel(world, terms, stranger, "two")
    with pytest.raises(DeniedError) as caught:
        accept(world, path)
    assert caught.value.reason == "no-ticket"
    assert len(world.blobs) == before


def test_a_note_that_the_key_did_not_sign(world: World) -> None:
    """Whoever knows a ticket's id and not its key brings nothing in under it."""
    terms, key = issue(world)
    path, _ = parcel(world, terms, key)
    raw = path.read_bytes()
    found = parcels.read(path)
    line = found.actor.signed.split(b"\n")[-2]
    other = Identity.create("ticket")
    text = found.actor.text
    false = other.signing.sign_note(terms.ticket, text, hybrid=False).split(b"\n")[-2]
    # The key id is in the line: the true one, and a signature that is not.
    name, body = line.rsplit(b" ", 1)
    mixed = base64.b64decode(body)[:4] + base64.b64decode(false.rsplit(b" ", 1)[1])[4:]
    forged = name + b" " + base64.b64encode(mixed)
    assert len(forged) == len(line)
    path.write_bytes(raw.replace(line, forged))
    with pytest.raises(DamageError):
        accept(world, path)
    with pytest.raises(SignatureError):
        submit(world, parcels.read(path).message.encode())


@pytest.mark.parametrize("kind", ["release", "case-opened"])
def test_a_tickets_key_signs_something_else(world: World, kind: str) -> None:
    """A ticket's key that signs a release or a statement is a stranger's, and leaves no entry."""
    _, key = issue(world)
    with world.session("ana") as ana:
        body = act_body(ana, kind, world)
        log = ACCESS if kind == "release" else AUTHORITY
        made = note.sign(kind, ana.authority.origin(log), {**body, "device": key.device}, key)
        before = ana.replica.position(ACCESS).size
    with pytest.raises(DeniedError) as caught:
        submit(world, Message(made.signed).encode())
    assert caught.value.reason == "unknown-device"
    with world.session("ana") as ana:
        assert ana.replica.position(ACCESS).size == before


def test_a_parcel_twice(world: World) -> None:
    """A parcel is brought in once: not again, not as another file, not by another member."""
    terms, key = issue(world)
    path, _ = parcel(world, terms, key)
    accept(world, path)
    blobs = world.blobs
    again = path.with_name("again.parcel")
    again.write_bytes(path.read_bytes())
    for file, name in ((path, "ana"), (again, "carla")):
        with pytest.raises(DeniedError) as caught:
            accept(world, file, name)
        assert caught.value.reason == "used-id"
    with pytest.raises(DeniedError):
        submit(world, parcels.read(path).message.encode())
    assert world.blobs == blobs


def test_the_same_deposit_under_another_note(world: World) -> None:
    """Whoever has the key cannot bring the same deposit in again with a new note."""
    terms, key = issue(world)
    path, _ = parcel(world, terms, key)
    accept(world, path)
    unused = ids.show(ids.draw())
    message = resigned(path, key, lambda body: {**body, "id": unused})
    with world.session("ana") as session:
        gate = Gate(session.store, session.replica, session.identity, world.clock)
        with session.store.blobs.scratch() as rows, pytest.raises(DeniedError) as caught:
            gate.submit(message, rows)
    assert caught.value.reason == "used-id"


def test_a_parcel_for_another_vault(world: World, tmp_path: Path) -> None:
    """A parcel is for the vault whose ticket made it."""
    with Session.create(tmp_path / "v", identity("ana"), tmp_path / "h", clock=world.clock) as ana:
        case = ana.open_case("Elsewhere").id
        found = ticket.parse(ana.tickets.issue(case, ana.now() + DAY).file)
    path, _ = parcel(world, found.terms, found.unlock())
    with pytest.raises(UnknownVaultError):
        accept(world, path)


def test_a_closed_case(world: World) -> None:
    """Into a closed case nothing comes; once it is open again the same parcel does."""
    terms, key = issue(world)
    path, _ = parcel(world, terms, key)
    with world.session("ana") as ana:
        ana.casework.close(world.case)
    with pytest.raises(DeniedError) as caught:
        accept(world, path)
    assert caught.value.reason == "closed"
    with world.session("ana") as ana:
        ana.casework.reopen(world.case)
    assert accept(world, path).count == 1


def test_a_suspended_member_brings_nothing_in(world: World) -> None:
    """The entry would have a suspended member's word under it: none is written."""
    terms, key = issue(world)
    path, _ = parcel(world, terms, key)
    with world.session("carla") as carla:
        with world.session("ana") as ana:
            ana.people.suspend(identity("carla").device, "arrested")
        with pytest.raises(Error):
            carla.tickets.accept(path)
    with world.session("aud") as aud:
        assert terms.ticket not in {access.ticket for access in aud.log()}


# --- parcels that are not what was signed -----------------------------------------------------


def places(size: int) -> list[int]:
    """Some places in a parcel: its head, its parts, its tail."""
    return [0, 9, 12, size // 3, size // 2, size - 3000, size - 500, size - 33, size - 12, size - 1]


def test_a_damaged_parcel(world: World) -> None:
    """A flipped bit anywhere, a missing end or a foreign one: refused, and nothing remains."""
    terms, key = issue(world)
    path, _ = parcel(world, terms, key)
    raw, blobs = path.read_bytes(), world.blobs
    spoilt = [raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :] for at in places(len(raw))]
    spoilt += [raw[:at] for at in (0, 5, 100, len(raw) // 2, len(raw) - 1)] + [raw + b"\0"]
    for number, data in enumerate(spoilt):
        path.write_bytes(data)
        with pytest.raises((DamageError, MalformedError)):
            accept(world, path)
        assert world.blobs == blobs, number
    path.write_bytes(raw)
    assert accept(world, path).count == 1


def test_the_contents_of_another_parcel(world: World) -> None:
    """Two parcels of the same size cannot be mixed."""
    terms, key = issue(world)
    one, _ = parcel(world, terms, key, "one", b"a" * 5000)
    two, _ = parcel(world, terms, key, "two", b"b" * 5000)
    first, second = parcels.read(one), parcels.read(two)
    assert (first.contents, first.rows) == (second.contents, second.rows)
    for start, size in (first.contents, first.rows):
        raw, other = one.read_bytes(), two.read_bytes()
        two.write_bytes(other[:start] + raw[start : start + size] + other[start + size :])
        with pytest.raises(DamageError):
            accept(world, two)
        two.write_bytes(other)
    assert accept(world, two).count == 1


def test_a_parcel_that_names_a_blob_of_the_vault(world: World) -> None:
    """Rows lead nowhere but into the parcel: not to evidence that is in the vault already."""
    from dataclasses import replace
    from io import BytesIO

    from vault.message import encode_row, read_rows

    terms, key = issue(world)
    path, _ = parcel(world, terms, key)
    found, raw = parcels.read(path), path.read_bytes()
    start, size = found.rows
    (row,) = read_rows(BytesIO(raw[start : start + size]))
    blob = bytes.fromhex(world.blobs[0].parent.name + world.blobs[0].name)
    for changed in (replace(row, blob=blob), replace(row, offset=1)):
        path.write_bytes(raw[:start] + encode_row(changed) + raw[start + size :])
        with pytest.raises(DamageError):
            accept(world, path)


def test_seals_to_nobody_of_the_case(world: World) -> None:
    """A deposit whose secret is sealed to a device instead of the case is none."""
    terms, key = issue(world)
    path, _ = parcel(world, terms, key)
    found = parcels.read(path)
    from keys.derive import lp, parse_lp

    (only,) = parse_lp(found.message.attachments[0])
    _, sealed = parse_lp(only, 2)
    other = lp(lp(b"0123456789abcdef", sealed))
    body = {n: v for n, v in found.actor.body.items() if n != "device"}
    body["case_seal"] = hashlib.sha256(other).hexdigest()
    signed = note.sign("deposit", found.actor.origin, body, key)
    message = Message(signed.signed, attachments=(other, found.message.attachments[1]))
    with world.session("ana") as session:
        gate = Gate(session.store, session.replica, session.identity, world.clock)
        with session.store.blobs.scratch() as rows, pytest.raises(MalformedError):
            gate.submit(message.encode(), rows)


def test_a_parcel_with_a_tag(world: World) -> None:
    """A tag, which nobody has signed and a collector cannot make, is not passed on to readers."""
    terms, key = issue(world)
    path, _ = parcel(world, terms, key)
    found = parcels.read(path).message
    with pytest.raises(MalformedError, match="has a tag"):
        submit(world, Message(found.note, b"a tag, 8", attachments=found.attachments).encode())


# --- tickets that are not what a gate signed --------------------------------------------------


def test_false_terms(world: World, tmp_path: Path) -> None:
    """A collector's program refuses a ticket in which anything was changed since it was signed."""
    with world.session("ana") as ana:
        issued = ana.tickets.issue(world.case, ana.now() + DAY)
    found = ticket.parse(issued.file)
    key, signed = found.unlock(), issued.terms.signed
    text = signed.decode()
    changes = [
        (f'"expires":{issued.terms.expires}', f'"expires":{issued.terms.expires + DAY}'),
        (world.case, ids.show(ids.draw())),
        (note.encode64(issued.terms.case_key)[:200], note.encode64(bytes(150))),
        (issued.terms.vault, ids.show(ids.draw())),
    ]
    for old, new in changes:
        assert old in text
        with pytest.raises((SignatureError, MalformedError, WeakKeyError)):
            ticket.parse(ticket.encode(text.replace(old, new).encode(), key))
    # Signed by a key that is not the one it names.
    other = Identity.create("x").signing
    lines = other.sign_note(
        note.origin(issued.terms.vault, ACCESS), signed_text(signed), hybrid=True
    )
    with pytest.raises(SignatureError):
        ticket.parse(ticket.encode(lines, key))
    # With one signature of two.
    body, _, lines_of = text.rpartition("\n\n")
    one = body + "\n\n" + lines_of.splitlines()[0] + "\n"
    with pytest.raises(SignatureError):
        ticket.parse(ticket.encode(one.encode(), key))
    with pytest.raises(VerificationError):
        ticket.parse(ticket.encode(signed, Identity.create("ticket"))).unlock()


def signed_text(signed: bytes) -> bytes:
    """The text of a signed note."""
    return signed.rpartition(b"\n\n")[0] + b"\n"


def test_a_gate_that_signs_other_terms(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever issues a ticket gets none that would seal a witness's evidence to somebody else."""

    real = ticket.sign_terms
    agency = Identity.create("agency").sealing.public

    def lying(signing, vault, found, case, gate, seen):  # type: ignore[no-untyped-def]
        from dataclasses import replace

        return real(signing, vault, found, replace(case, sealing=agency), gate, seen)

    monkeypatch.setattr(ticket, "sign_terms", lying)
    with world.session("ana") as ana, pytest.raises(GateError):
        ana.tickets.issue(world.case, ana.now() + DAY)


# --- a gate that lies -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("why", "code"),
    [
        ("expired", "ticket-expired"),
        ("revoked", "ticket-revoked"),
        ("another case", "ticket"),
        ("unregistered", None),
        ("other keys", None),
    ],
)
def test_a_gate_that_accepts_it_is_named(world: World, why: str, code: str | None) -> None:
    """What a lying gate has accepted of a ticket that was not good is named by whoever verifies."""
    terms, key = issue(world)
    path, _ = parcel(world, terms, key)
    actor = parcels.read(path).actor
    body = {n: v for n, v in actor.body.items() if n != "device"}
    with world.session("ana") as ana:
        if why == "another case":
            body["case"] = ana.open_case("Another").id
        if why == "other keys":
            ana.rotate(world.case)
            body["epoch"] += 1
        if why == "revoked":
            ana.tickets.revoke(terms.ticket)
        if why == "expired":
            world.clock.at = terms.expires
        by = ticket.draw() if why == "unregistered" else key
        made = note.sign("deposit", actor.origin, body, by)
        forge(ana, ACCESS, made, world)
    with world.session("aud") as aud:
        (problem, *_) = aud.verify()[1]
        assert problem.log == ACCESS
        if code is not None:
            assert problem.code == code
        *_, access = aud.log()
        assert access.problem is not None


def test_a_true_one_of_the_same_hand(world: World) -> None:
    """The control: written by the same hand, a ticket in force is no problem of the log."""
    terms, key = issue(world)
    path, _ = parcel(world, terms, key)
    with world.session("ana") as ana:
        forge(ana, ACCESS, parcels.read(path).actor, world)
    with world.session("aud") as aud:
        assert aud.verify()[1] == []


# --- keys that were changed -------------------------------------------------------------------


def test_exposed_until_it_is_encrypted_anew(world: World) -> None:
    """What was sealed to keys from before is kept, and everybody can tell until a confirmed
    re-encryption: auditors and holders, from the log."""
    terms, key = issue(world)
    path, (stored,) = parcel(world, terms, key)
    with world.session("ana") as ana:
        ana.grant(world.case, identity("carla").device)
        ana.casework.revoke(world.case, identity("ben").device)
        ana.settle()
    kept = accept(world, path)
    assert kept.exposed
    for name in ("ana", "aud"):
        with world.session(name) as session:
            assert [found.deposit for found in session.tickets.exposed()] == [kept.deposit]
            report = check(session.store, session)
            assert report.problems == []
            (warning,) = [one for one in report.warnings if one.code == "exposed"]
            assert warning.where["deposit"] == kept.deposit
    with world.session("ana") as ana:
        listed = {one.id: one for one in ana.records(world.case)}
        assert [ana.tickets.exposes(one.held) for one in listed.values() if one.held].count(
            True
        ) == 1
        assert listed[stored.record].held is not None
        ana.renewals.reencrypt(world.case)
        assert ana.tickets.exposed()
    with world.session("carla") as carla:
        carla.renewals.confirm(world.case)
    for name in ("ana", "aud"):
        with world.session(name) as session:
            assert session.tickets.exposed() == []
    assert world.read_all("ana")[stored.record] == ("one.txt", SEEN)


def test_not_exposed_by_what_comes_later(world: World) -> None:
    """What came in before keys were changed is as what members store: not exposed."""
    terms, key = issue(world)
    path, _ = parcel(world, terms, key)
    accept(world, path)
    with world.session("ana") as ana:
        ana.rotate(world.case)
        assert ana.tickets.exposed() == []


def test_the_gates_keys_too(world: World) -> None:
    """When somebody was removed, what comes in with tickets of before is exposed: they had the
    gate's keys."""
    terms, key = issue(world)
    path, _ = parcel(world, terms, key)
    with world.session("ana") as ana:
        ana.people.remove(identity("carla").device, "left")
        assert ana.authority.epoch(GATE).number > terms.gate_epoch
    assert accept(world, path).exposed
    with world.session("aud") as aud:
        assert aud.verify()[1] == []
        assert len(aud.tickets.exposed()) == 1


def test_into_a_stale_case(world: World) -> None:
    """While somebody still has the case's keys who should not, what a ticket brings in is exposed,
    and sealed as it must be: nobody who checks is misled."""
    with world.session("ana") as ana:
        ana.casework.grant(world.case, identity("carla").device, ana.now() + 60)
    terms, key = issue(world)
    path, (stored,) = parcel(world, terms, key)
    world.clock.at += 100
    with world.session("aud") as aud:
        assert aud.authority.stale(world.case, aud.now())
    assert accept(world, path, "aud").exposed
    for name in ("aud", "ben"):
        with world.session(name) as session:
            assert check(session.store, session).problems == []
            assert len(session.tickets.exposed()) == 1
    assert world.read_all("ben")[stored.record] == ("one.txt", SEEN)


def test_no_ticket_for_a_stale_case(world: World) -> None:
    """Nobody issues a ticket that would be exposed from the start."""
    with world.session("ana") as ana:
        ana.casework.grant(world.case, identity("carla").device, ana.now() + 60)
        world.clock.at += 100
        assert ana.authority.stale(world.case, ana.now())
        with pytest.raises(DeniedError) as caught:
            ana.tickets.issue(world.case, ana.now() + DAY)
        assert caught.value.reason == "stale"
        ana.settle()
        ana.tickets.issue(world.case, ana.now() + DAY)


# --- whose key it is --------------------------------------------------------------------------


def test_a_ticket_is_nobodys_device(world: World) -> None:
    """A ticket's key never becomes a member's, nor a member's a ticket's."""
    _, key = issue(world)
    with world.session("ana") as ana:
        with pytest.raises(DeniedError) as caught:
            ana.add_member(key.contact().note, [Role.ATTORNEY])
        assert caught.value.reason == "is-ticket"
        own = Identity(identity("ben").seed(), "ticket").contact().note.decode()
        with pytest.raises(DeniedError) as caught:
            ana._client.state(
                "ticket-issued",
                lambda: {"case": world.case, "contact": own, "expires": ana.now() + DAY},
            )
        assert caught.value.reason == "is-member"


def test_a_ticket_with_a_name(world: World) -> None:
    """No statement gives a collector a name."""
    named = Identity.create("Rosa Ejemplo").contact().note.decode()
    with world.session("ana") as ana, pytest.raises(MalformedError):
        ana._client.state(
            "ticket-issued",
            lambda: {"case": world.case, "contact": named, "expires": ana.now() + DAY},
        )


@pytest.mark.parametrize("days", [0, -1, 367])
def test_the_end_of_a_ticket(world: World, days: int) -> None:
    """A ticket ends, in the future and within a year."""
    with world.session("ana") as ana, pytest.raises(DeniedError) as caught:
        ana.tickets.issue(world.case, ana.now() + days * DAY + 1 - (days <= 0))
    assert caught.value.reason == "until"


def test_an_existing_parcel_is_kept(world: World) -> None:
    """A parcel takes no other file's place, and a failed one leaves nothing."""
    terms, key = issue(world)
    path, _ = parcel(world, terms, key)
    before = path.read_bytes()
    with pytest.raises(FileError):
        parcel(world, terms, key)
    assert path.read_bytes() == before
    missing = path.with_name("none.parcel")
    with pytest.raises(FileError):
        collect.collect(terms, key, [path.with_name("not there")], missing)
    assert {found.name for found in path.parent.iterdir()} == {"one.txt", "one.parcel"}
