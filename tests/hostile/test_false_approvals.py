"""Approvals that are none, and a gate that does not care: refused, and named by who reads the log.

Ana (advocate), Carla (advocate) and Ben (attorney) hold the case, which asks for one approval. The
gate is called directly, as a modified client would; then a gate that checks nothing is forged.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import forge_kit
import pytest
import vault_kit
from vault_kit import World, identity

from keys.errors import SignatureError
from keys.identity import Identity
from vault import ids, note
from vault.errors import DeniedError, GateError, MalformedError
from vault.gate import Gate
from vault.message import Answer, Message
from vault.model import CasePolicy, Role
from vault.note import ACCESS, Note
from vault.requests import AskedError
from vault.session import Session


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Three holders; the case asks for one approval within 24 hours."""
    made = vault_kit.make(tmp_path)
    with made.session("ana") as ana:
        ana.grant(made.case, identity("carla").device)
        ana.casework.set_policy(made.case, CasePolicy(1, 24))
    return made


def small(world: World) -> str:
    """The id of the small record."""
    return world.stored[0].record


def sign(session: Session, kind: str, by: str | Identity | None = None, **body: Any) -> Note:
    """A note of the access log by somebody, as of what a session has seen."""
    who = session.identity if by is None else identity(by) if isinstance(by, str) else by
    fields = {
        "id": ids.show(ids.draw()),
        "time": session.now(),
        "seen": session.replica.seen(),
        "details": None,
        **body,
    }
    return note.sign(kind, session.authority.origin(ACCESS), fields, who)


def ask(session: Session, world: World, by: str = "ben", **changes: Any) -> Note:
    """A request for the small record."""
    body = {
        "case": world.case,
        "records": [small(world)],
        "purpose": "filing",
        "asks_for": "copy",
        "expires": session.now() + 3600,
        **changes,
    }
    return sign(session, "request", by, **body)


def approve(session: Session, asked: Note, by: str | Identity, **changes: Any) -> Note:
    """Somebody's approval of a request."""
    body = {"case": asked.body["case"], "answers": asked.body["id"], "asked": asked.digest}
    return sign(session, "approval", by, **{**body, **changes})


def release(session: Session, asked: Note, by: str = "ben", **changes: Any) -> Note:
    """A release that uses a request."""
    body = {
        "case": asked.body["case"],
        "records": asked.body["records"],
        "purpose": asked.body["purpose"],
        "disposition": asked.body["asks_for"],
        "request": asked.body["id"],
    }
    return sign(session, "release", by, **{**body, **changes})


def destruction(session: Session, asked: Note, by: str, **changes: Any) -> Note:
    """A destruction that uses a request."""
    body = {
        "case": asked.body["case"],
        "records": asked.body["records"],
        "answers": asked.body["id"],
    }
    return sign(session, "destruction", by, **{**body, **changes})


def submit(session: Session, actor: Note, *attached: Note) -> str:
    """Hand an act to the gate; what it said: an outcome, or the code of its refusal."""
    gate = Gate(session.store, session.replica, session.identity, session._client._clock)
    message = Message(actor.signed, attachments=tuple(one.signed for one in attached))
    answer = Answer.parse(gate.submit(message.encode()))
    session.catch_up()
    said = note.parse(answer.gate).body
    return str(said["why"] or said["outcome"])


def problems(world: World, *names: str) -> set[tuple[str, str]]:
    """Who finds what wrong with the log."""
    found = set()
    for name in names:
        with world.session(name) as session:
            found |= {(name, problem.code) for problem in session.verify()[1]}
    return found


# --- what the gate refuses ----------------------------------------------------------------------


def test_the_control(world: World) -> None:
    """A request, an approval, a release: with all three it is allowed, and once."""
    with world.session("ana") as ana:
        asked = ask(ana, world)
        assert submit(ana, asked) == "pending"
        approval = approve(ana, asked, "ana")
        assert submit(ana, approval, asked) == "done"
        assert submit(ana, release(ana, asked), asked, approval) == "released"
        assert submit(ana, release(ana, asked), asked, approval) == "used"
    assert problems(world, "ana", "ben", "carla", "aud") == set()


def test_an_approval_is_for_one_request(world: World) -> None:
    """Reused for another record, another purpose, or another request for the same: no."""
    with world.session("ana") as ana:
        asked = ask(ana, world)
        submit(ana, asked)
        approval = approve(ana, asked, "ana")
        submit(ana, approval, asked)
        others = [
            ask(ana, world, records=[world.stored[1].record]),
            ask(ana, world, purpose="review"),
            ask(ana, world),
        ]
        for other in others:
            submit(ana, other)
            assert submit(ana, release(ana, other), other, approval) == "approvals"
        changes: list[dict[str, Any]] = [
            {"records": [world.stored[1].record]},
            {"records": [small(world), world.stored[1].record]},
            {"purpose": "review"},
            {"disposition": "produce"},
        ]
        for change in changes:
            assert submit(ana, release(ana, asked, **change), asked, approval) == "request"
        assert submit(ana, release(ana, asked, "carla"), asked, approval) == "request"


def test_an_approval_names_the_very_request(world: World) -> None:
    """Of the same id and with other records: the hash in the approval tells them apart."""
    with world.session("ana") as ana:
        asked = ask(ana, world)
        submit(ana, asked)
        approval = approve(ana, asked, "ana")
        submit(ana, approval, asked)
        body = {**asked.body, "records": [world.stored[1].record]}
        twin = note.sign("request", asked.origin, body, identity("ben"))
        assert submit(ana, release(ana, twin), twin, approval) == "approvals"
        assert submit(ana, approve(ana, asked, "carla"), twin) == "request"


def test_an_approval_that_nobody_logged_is_none(world: World) -> None:
    """Signed in private, or refused by the gate: it does not count."""
    with world.session("ana") as ana:
        asked = ask(ana, world)
        submit(ana, asked)
        private = approve(ana, asked, "ana")
        assert submit(ana, release(ana, asked), asked, private) == "approvals"
        own = approve(ana, asked, "ben")
        assert submit(ana, own, asked) == "own-request"
        assert submit(ana, release(ana, asked), asked, own) == "approvals"


def test_an_approval_that_was_refused_counts_for_nothing_later(world: World) -> None:
    """Who approved without holding the case does not become an approver by a later grant."""
    with world.session("ana") as ana:
        ana.casework.revoke(world.case, identity("ben").device)
        asked = ask(ana, world, "carla")
        submit(ana, asked)
        early = approve(ana, asked, "ben")
        assert submit(ana, early, asked) == "not-holder"
        ana.grant(world.case, identity("ben").device)
        assert submit(ana, release(ana, asked, "carla"), asked, early) == "approvals"


def test_a_request_that_nobody_logged_is_none(world: World) -> None:
    """Neither approved nor used."""
    with world.session("ana") as ana:
        asked = ask(ana, world)
        approval = approve(ana, asked, "ana")
        assert submit(ana, approval, asked) == "request"
        assert submit(ana, release(ana, asked), asked, approval) == "request"
        assert submit(ana, release(ana, asked)) == "request"


def test_nobody_counts_twice(world: World) -> None:
    """Two devices of one member are one approval."""
    second = Identity.create("Ana's other laptop")
    with world.session("ana") as ana:
        ana.people.add_device(second.contact().note)
        ana.casework.set_policy(world.case, CasePolicy(2, 24))
        asked = ask(ana, world)
        submit(ana, asked)
        both = [approve(ana, asked, "ana"), approve(ana, asked, second)]
        assert [submit(ana, one, asked) for one in both] == ["done", "done"]
        assert submit(ana, release(ana, asked), asked, *both) == "approvals"
        third = approve(ana, asked, "carla")
        submit(ana, third, asked)
        assert submit(ana, release(ana, asked), asked, *both, third) == "released"


def test_who_has_left_does_not_count(world: World) -> None:
    """Removed, revoked, suspended: an approval counts while its member could give it again."""
    with world.session("ana") as ana:
        asked = ask(ana, world)
        submit(ana, asked)
        approval = approve(ana, asked, "carla")
        submit(ana, approval, asked)
        ana.people.suspend(identity("carla").device)
        assert submit(ana, release(ana, asked), asked, approval) == "approvals"
        ana.people.resume(identity("carla").device)
        ana.people.remove(identity("carla").device)
        assert submit(ana, release(ana, asked), asked, approval) == "approvals"


def test_a_revoked_device_does_not_count(world: World) -> None:
    """Neither its approval nor its request: whoever has it could sign today."""
    lost, asker = Identity.create("Ana's lost laptop"), Identity.create("Ana's lost phone")
    with world.session("ana") as ana:
        ana.people.add_device(lost.contact().note)
        ana.people.add_device(asker.contact().note)
        asked = ask(ana, world)
        submit(ana, asked)
        approval = approve(ana, asked, lost)
        submit(ana, approval, asked)
        body = {**ask(ana, world).body, "id": ids.show(ids.draw())}
        own = note.sign("request", asked.origin, body, asker)
        submit(ana, own)
        by_carla = approve(ana, own, "carla")
        submit(ana, by_carla, own)
        ana.people.revoke_device(lost.device)
        ana.people.revoke_device(asker.device)
        assert submit(ana, release(ana, asked), asked, approval) == "approvals"
        assert submit(ana, release(ana, own, "ana"), own, by_carla) == "request"
        assert submit(ana, approve(ana, own, "carla"), own) == "request"


def test_what_expired_is_neither_approved_nor_used(world: World) -> None:
    """At the gate's time, not at the actor's."""
    with world.session("ana") as ana:
        asked = ask(ana, world)
        submit(ana, asked)
        approval = approve(ana, asked, "ana")
        submit(ana, approval, asked)
        late = ana.now()
        world.clock.at += 2 * 3600
        assert submit(ana, approve(ana, asked, "carla", time=late), asked) == "expired"
        assert submit(ana, release(ana, asked, time=late), asked, approval) == "expired"


def test_what_was_denied_stays_denied(world: World) -> None:
    """However many have approved it, before or after."""
    with world.session("ana") as ana:
        asked = ask(ana, world)
        submit(ana, asked)
        approval = approve(ana, asked, "ana")
        submit(ana, approval, asked)
        body = {"case": world.case, "answers": asked.body["id"], "asked": asked.digest}
        assert submit(ana, sign(ana, "denial", "carla", **body), asked) == "done"
        assert submit(ana, release(ana, asked), asked, approval) == "denied"
        assert submit(ana, approve(ana, asked, "carla"), asked) == "denied"
        assert submit(ana, sign(ana, "denial", "ana", **body), asked) == "denied"


def test_nobody_destroys_alone_where_nothing_is_asked_for(tmp_path: Path) -> None:
    """A case without a policy has this one all the same."""
    world = vault_kit.make(tmp_path)
    with world.session("ana") as ana:
        asked = ask(ana, world, "ana", asks_for="destroy")
        submit(ana, asked)
        assert submit(ana, destruction(ana, asked, "ana"), asked) == "approvals"
        approval = approve(ana, asked, "ben")
        submit(ana, approval, asked)
        assert submit(ana, destruction(ana, asked, "ana"), asked, approval) == "done"


def test_a_request_expires_within_the_hours_of_its_case(world: World) -> None:
    """Nobody asks today for what they use next year."""
    with world.session("ana") as ana:
        later = ana.now() + 25 * 3600
        assert submit(ana, ask(ana, world, expires=later)) == "expired"


@pytest.mark.parametrize("kind", ["release", "destruction"])
def test_forged_notes_are_no_notes(world: World, kind: str) -> None:
    """Signed by another than they say, of another kind, or of another log: nothing is written."""
    make: Callable[..., Note] = release if kind == "release" else destruction
    with world.session("ana") as ana:
        asked = ask(ana, world, asks_for="copy" if kind == "release" else "destroy")
        submit(ana, asked)
        approval = approve(ana, asked, "ana")
        submit(ana, approval, asked)
        text = approval.signed.rpartition(b"\n\n")[0]
        other = approve(ana, asked, "ana").signed.rpartition(b"\n\n")[2]
        forged = note.parse(text + b"\n\n" + other)
        before = ana.replica.position(ACCESS)
        with pytest.raises(SignatureError):
            submit(ana, make(ana, asked, "ben"), asked, forged)
        for wrong in ((approval,), (asked, asked), (approval, asked)):
            with pytest.raises(MalformedError):
                submit(ana, make(ana, asked, "ben"), *wrong)
        with pytest.raises(MalformedError):
            submit(ana, approve(ana, asked, "carla"))
        with pytest.raises(MalformedError):
            submit(ana, approve(ana, asked, "carla"), asked, asked)
        ana.catch_up()
        assert ana.replica.position(ACCESS) == before


def test_one_advocate_cannot_ask_for_fewer_approvals(world: World) -> None:
    """The policy in force asks for one approval of its own loosening; until then it stands."""
    from vault.proposals import PendingError

    with world.session("ana") as ana:
        with pytest.raises(PendingError):
            ana.casework.set_policy(world.case, CasePolicy(0, 24))
        assert ana.authority.cases[world.case].policy.approvals == 1
        plain = release(ana, ask(ana, world), request=None)
        assert submit(ana, plain) == "approval"


def test_a_destruction_takes_two_people_and_an_advocate(world: World) -> None:
    """One alone, the same twice, two attorneys: no."""
    with world.session("ana") as ana:
        asked = ask(ana, world, "ana", asks_for="destroy")
        submit(ana, asked)
        assert submit(ana, destruction(ana, asked, "ana"), asked) == "approvals"
        own = approve(ana, asked, "ana")
        assert submit(ana, own, asked) == "own-request"
        assert submit(ana, destruction(ana, asked, "ana"), asked, own) == "approvals"
        approval = approve(ana, asked, "ben")
        submit(ana, approval, asked)
        # Carla has neither asked nor approved: it is not hers to do.
        assert submit(ana, destruction(ana, asked, "carla"), asked, approval) == "approvals"
        ana.people.set_roles(identity("carla").device, [Role.ATTORNEY])
        theirs = ask(ana, world, "ben", asks_for="destroy")
        submit(ana, theirs)
        second = approve(ana, theirs, "carla")
        submit(ana, second, theirs)
        assert submit(ana, destruction(ana, theirs, "ben"), theirs, second) == "approvals"
        assert submit(ana, destruction(ana, asked, "ana"), asked, approval) == "done"
        assert submit(ana, destruction(ana, asked, "ana"), asked, approval) == "destroyed"


def test_a_request_to_look_is_none_to_destroy(world: World) -> None:
    """Nor the other way round."""
    with world.session("ana") as ana:
        look, gone = ask(ana, world, "ana"), ask(ana, world, "ana", asks_for="destroy")
        for asked in (look, gone):
            submit(ana, asked)
        approvals = [approve(ana, asked, "carla") for asked in (look, gone)]
        for approval, asked in zip(approvals, (look, gone), strict=True):
            submit(ana, approval, asked)
        assert submit(ana, destruction(ana, look, "ana"), look, approvals[0]) == "request"
        take = release(ana, gone, "ana", disposition="copy")
        assert submit(ana, take, gone, approvals[1]) == "request"


def test_a_legal_hold_stops_what_was_approved(world: World) -> None:
    """Set between approval and destruction."""
    with world.session("ana") as ana:
        asked = ask(ana, world, "ana", asks_for="destroy")
        submit(ana, asked)
        approval = approve(ana, asked, "carla")
        submit(ana, approval, asked)
        ana.casework.set_hold(world.case)
        assert submit(ana, destruction(ana, asked, "ana"), asked, approval) == "hold"
        assert submit(ana, ask(ana, world, "ana", asks_for="destroy")) == "hold"


# --- what a lying gate accepts, and who names it --------------------------------------------------

Lie = Callable[[Session, World], None]


def _forge(session: Session, world: World, actor: Note, **said: Any) -> None:
    forge_kit.forge(session, ACCESS, actor, world, **said)
    session.catch_up()


def _asked(session: Session, world: World, **changes: Any) -> Note:
    asked = ask(session, world, **changes)
    submit(session, asked)
    return asked


def _approved(session: Session, world: World, **changes: Any) -> Note:
    asked = _asked(session, world, **changes)
    submit(session, approve(session, asked, "ana"), asked)
    return asked


def _without_a_request(session: Session, world: World) -> None:
    _forge(session, world, release(session, ask(session, world), request=None))


def _request_of_nobody(session: Session, world: World) -> None:
    _forge(session, world, release(session, ask(session, world)))


def _without_approvals(session: Session, world: World) -> None:
    _forge(session, world, release(session, _asked(session, world)))


def _own_approval(session: Session, world: World) -> None:
    _forge(session, world, approve(session, _asked(session, world), "ben"))


def _denied(session: Session, world: World) -> None:
    asked = _approved(session, world)
    body = {"case": world.case, "answers": asked.body["id"], "asked": asked.digest}
    submit(session, sign(session, "denial", "carla", **body), asked)
    _forge(session, world, release(session, asked))


def _twice(session: Session, world: World) -> None:
    asked = _approved(session, world)
    _forge(session, world, release(session, asked))
    _forge(session, world, release(session, asked))


def _other_records(session: Session, world: World) -> None:
    asked = _approved(session, world)
    _forge(session, world, release(session, asked, records=[world.stored[1].record]))


def _other_member(session: Session, world: World) -> None:
    _forge(session, world, release(session, _approved(session, world), "carla"))


def _too_late(session: Session, world: World) -> None:
    asked = _approved(session, world)
    world.clock.at += 2 * 3600
    _forge(session, world, release(session, asked))


def _approver_left(session: Session, world: World) -> None:
    asked = _asked(session, world)
    submit(session, approve(session, asked, "carla"), asked)
    session.people.remove(identity("carla").device)
    _forge(session, world, release(session, asked))


def _with_devices(session: Session) -> tuple[Identity, Identity]:
    """Two more devices of Ana's."""
    made = Identity.create("Ana's phone"), Identity.create("Ana's tablet")
    for one in made:
        session.people.add_device(one.contact().note)
    return made


def _approving_device_revoked(session: Session, world: World) -> None:
    phone, _ = _with_devices(session)
    asked = _asked(session, world)
    submit(session, approve(session, asked, phone), asked)
    session.people.revoke_device(phone.device)
    _forge(session, world, release(session, asked))


def _asking_device_revoked(session: Session, world: World) -> None:
    phone, _ = _with_devices(session)
    plain = ask(session, world)
    asked = note.sign("request", plain.origin, plain.body, phone)
    submit(session, asked)
    submit(session, approve(session, asked, "carla"), asked)
    session.people.revoke_device(phone.device)
    _forge(session, world, release(session, asked, "ana"))


def _two_devices_of_one(session: Session, world: World) -> None:
    session.casework.set_policy(world.case, CasePolicy(2, 24))
    phone, tablet = _with_devices(session)
    asked = _asked(session, world)
    for one in (phone, tablet):
        submit(session, approve(session, asked, one), asked)
    _forge(session, world, release(session, asked))


def _destroyed_alone(session: Session, world: World) -> None:
    asked = _asked(session, world, asks_for="destroy")
    _forge(session, world, destruction(session, asked, "ben"))


def _destroyed_under_hold(session: Session, world: World) -> None:
    asked = _approved(session, world, asks_for="destroy")
    session.casework.set_hold(world.case)
    _forge(session, world, destruction(session, asked, "ben"))


def _released_after_it_was_destroyed(session: Session, world: World) -> None:
    # Asked for and approved while it was there.
    asked = _approved(session, world)
    gone = _approved(session, world, asks_for="destroy")
    _forge(session, world, destruction(session, gone, "ben"))
    _forge(session, world, release(session, asked))


LIES: dict[str, tuple[Lie, str]] = {
    "without a request": (_without_a_request, "approval"),
    "a request of nobody": (_request_of_nobody, "request"),
    "without approvals": (_without_approvals, "approvals"),
    "an approval of one's own": (_own_approval, "own-request"),
    "denied": (_denied, "denied"),
    "twice": (_twice, "used"),
    "other records": (_other_records, "request"),
    "another member": (_other_member, "request"),
    "too late": (_too_late, "expired"),
    "the approver has left": (_approver_left, "approvals"),
    "the approving device was revoked": (_approving_device_revoked, "approvals"),
    "the asking device was revoked": (_asking_device_revoked, "request"),
    "two devices of one member": (_two_devices_of_one, "approvals"),
    "destroyed by one": (_destroyed_alone, "approvals"),
    "destroyed under a hold": (_destroyed_under_hold, "hold"),
    "released after it was destroyed": (_released_after_it_was_destroyed, "destroyed"),
}


@pytest.mark.parametrize("name", LIES)
def test_what_a_lying_gate_accepts_is_named(world: World, name: str) -> None:
    """By the auditor, and by every holder of the case: with the code of the refusal it owed."""
    lie, code = LIES[name]
    with world.session("ana") as ana:
        lie(ana, world)
    assert problems(world, "ana", "ben", "aud") == {(name, code) for name in ("ana", "ben", "aud")}


def test_an_expired_grant_is_no_grant(world: World) -> None:
    """A gate that honours it is named."""
    with world.session("ana") as ana:
        ana.casework.revoke(world.case, identity("ben").device)
        ana.casework.grant(world.case, identity("ben").device, ana.now() + 3600)
        asked = ask(ana, world, expires=ana.now() + 5 * 3600)
        submit(ana, asked)
        submit(ana, approve(ana, asked, "ana"), asked)
        world.clock.at += 2 * 3600
        _forge(ana, world, release(ana, asked))
    assert problems(world, "aud") == {("aud", "not-holder")}


def test_who_could_not_open_an_approval_accuses_nobody(world: World) -> None:
    """An entry that Ben was never meant to open may be the approval that he does not see; the
    auditor, who was meant to open all of them, knows better."""
    with world.session("ana") as ana:
        asked = _asked(ana, world)
        approval = approve(ana, asked, "ana")
        ana.people.suspend(identity("ben").device)
        submit(ana, approval, asked)
        ana.people.resume(identity("ben").device)
        assert submit(ana, release(ana, asked), asked, approval) == "released"
    assert problems(world, "ana", "ben", "aud") == set()


def test_a_missing_approval_is_named_by_who_should_see_it(world: World, tmp_path: Path) -> None:
    """An entry of another case stands between. Ben cannot open it, and need not: he was a holder
    all the while, and what is of his case was for him. Dora, who came later, says nothing."""
    (tmp_path / "new").write_bytes(b"new")
    with world.session("ana") as ana:
        asked = _asked(ana, world)
        ana.add([tmp_path / "new"], ana.open_case("Another case").id)
        _forge(ana, world, release(ana, asked))
        ana.add_member(identity("dora").contact().note, [Role.ATTORNEY])
        ana.grant(world.case, identity("dora").device)
    world.join("dora")
    assert problems(world, "ben", "dora") == {("ben", "approvals")}


# --- an honest client and a store that lies -------------------------------------------------------


@pytest.mark.parametrize("state", ["denied", "used"])
def test_a_store_that_forgets_does_not_make_a_request_new(world: World, state: str) -> None:
    """An honest client looks into the log, and `check` names what the store says instead."""
    with world.session("ben") as ben:
        request = ben.requests.file([small(world)], "filing")
    with world.session("ana") as ana:
        ana.requests.approve(request.id)
        if state == "denied":
            ana.requests.deny(request.id)
    with world.session("ben") as ben:
        if state == "used":
            ben.release([small(world)], "filing", request=request.id)
        with world.database() as database:
            database.execute("update request set state = 0 where state in (1, 2)")
        with pytest.raises(DeniedError) as caught:
            ben.release([small(world)], "filing", request=request.id)
        assert caught.value.reason == state
    from vault.check import check

    with world.session("aud") as aud:
        assert "request" in {problem.code for problem in check(aud.store, aud).problems}


def test_a_gate_that_logs_another_request_is_noticed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client finds its own request in the log, or says that the gate has lied."""
    with world.session("ben") as ben:
        real = ben._client.act

        def other(*arguments: Any, **settings: Any) -> Answer:
            real(*arguments, **settings)
            with world.session("ana") as ana:
                asked = ask(ana, world, "carla")
                submit(ana, asked)
                index = ana.replica.position(ACCESS).size - 1
            return Answer(index, b"", b"", (), b"")

        monkeypatch.setattr(ben._client, "act", other)
        with pytest.raises(GateError):
            ben.requests.file([small(world)], "filing")


def test_two_who_destroy_at_once_destroy_once(world: World) -> None:
    """The second finds that it is done."""
    with world.session("ben") as ben, pytest.raises(AskedError):
        ben.destroy([small(world)])
    with world.session("ana") as ana, world.session("carla") as carla:
        carla.catch_up()
        ana.destroy([small(world)])
        with pytest.raises(DeniedError) as caught:
            carla.destroy([small(world)])
        assert caught.value.reason == "destroyed"
