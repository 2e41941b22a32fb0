"""Every entry is sealed to exactly those who should read it, and a check finds out if not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import ModuleType

import pytest
from vault_kit import World, identity, make

from keys.group import Epoch
from vault import deposit, sealing, statements
from vault.authority import Authority
from vault.check import Report, check
from vault.errors import DeniedError, MalformedError
from vault.gate import core
from vault.gate.core import Gate
from vault.log.entry import Recipient
from vault.model import GATE, CasePolicy, Role
from vault.note import ACCESS
from vault.session import Session

DAY = 86_400
Change = Callable[[list[Recipient]], list[Recipient]]


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Ana and Ben hold the case, Carla is an advocate, and an auditor has begun their group."""
    return make(tmp_path)


def report(world: World, name: str) -> Report:
    """What somebody finds who checks the vault with their keys."""
    with world.session(name) as session:
        return check(session.store, session)


def problems(world: World, name: str) -> list[tuple[str, object]]:
    """Code and index of what somebody finds proved bad."""
    return [(found.code, found.where.get("index")) for found in report(world, name).problems]


def last(world: World, log: str = ACCESS) -> int:
    """The index of the newest entry."""
    with world.session("ana") as ana:
        return ana.replica.position(log).size - 1


def lie(patch: pytest.MonkeyPatch, change: Change, name: str = "access_recipients") -> None:
    """Let the gate seal to others than the rules say."""
    real: Callable[..., Sequence[Recipient]] = getattr(core, name)
    patch.setattr(core, name, lambda *args: change(list(real(*args))))


def release(world: World, name: str = "ben", why: str | None = None) -> None:
    """Somebody retrieves the small record."""
    with world.session(name) as session:
        session.release([world.stored[0].record], "review", why)


def spy() -> Recipient:
    """Somebody who should read nothing."""
    return Recipient(identity("spy").sealing.public)


def test_an_honest_vault_has_nothing_wrong(world: World) -> None:
    """Whatever happens in it: refusals, grants that end, people who leave, epochs that begin."""
    release(world, "ben", "a reason")
    with world.session("carla") as carla, pytest.raises(DeniedError):
        carla.release([world.stored[0].record], "review", "a reason of hers")
    with world.session("ben") as ben, pytest.raises(DeniedError):
        ben._client.state(
            "case-granted",
            lambda: statements.case_granted(
                ben.authority, ben.replica.keyring, world.case, identity("carla").device, None
            ),
        )
    with world.session("ana") as ana:
        ana.casework.grant(world.case, identity("carla").device, int(world.clock.at) + DAY)
        ana.rotate("members")
    release(world, "carla", "while her grant holds")
    world.clock.at += 2 * DAY
    release(world, "ben", "while the case is stale")
    (world.root / "late").write_bytes(b"late")
    with world.session("ana") as ana:
        ana.add([world.root / "late"], world.case)
        ana.people.add(identity("sol").contact().note, [Role.STEWARD])
    world.join("sol")
    with world.session("sol") as sol:
        sol.people.remove(identity("carla").device)
    release(world, "ana", "after she was removed")
    with world.session("ana") as ana:
        ana.settle()
    release(world, "ben")
    with world.session("aud") as aud:
        outcomes = {(access.kind, access.outcome) for access in aud.log()}
    assert {("case-granted", "refused"), ("release", "refused")} < outcomes
    for name in ("ana", "ben", "aud", "sol"):
        found = report(world, name)
        assert found.problems == []
        assert {warning.code for warning in found.warnings} <= {"stale", "expired"}


def test_who_asks_for_granted_records_reads_the_answers(world: World) -> None:
    """Their device is one more recipient, and nobody takes it for a spy: not even who came after
    the request."""
    record = world.stored[0].record
    with world.session("ana") as ana:
        for name in ("eva", "dora"):
            ana.people.add(identity(name).contact().note, [Role.ADVOCATE])
        ana.casework.set_policy(world.case, CasePolicy(1, 72))
        ana.casework.grant(world.case, identity("eva").device, int(world.clock.at) + DAY)
        ana.grants.grant_records(world.case, identity("carla").device, [record])
    world.join("dora")
    world.clock.at += 2 * DAY
    with world.session("carla") as carla:
        asked = carla.requests.file([record], "filing", "a reason")
    with world.session("ana") as ana:
        ana.settle()
        ana.casework.grant(world.case, identity("dora").device)
        ana.requests.approve(asked.id)
    with world.session("carla") as carla:
        carla.receive(carla.release([record], "filing", request=asked.id))
    with world.session("dora") as dora:
        kinds = {access.kind: access.opened for access in dora.log() if access.opened}
    assert kinds == {"deposit": True, "approval": True, "release": True, "receipt": True}
    for name in ("ana", "ben", "carla", "dora", "aud"):
        assert report(world, name).problems == []


MORE: dict[str, Change] = {
    "one-more": lambda found: [*found, spy()],
    "one-less": lambda found: found[:1],
    "twice": lambda found: [found[0], *found],
    "a-tag-that-cannot-be": lambda found: [Recipient(found[0].public, b"12345678"), *found[1:]],
}


@pytest.mark.parametrize("how", MORE)
def test_one_reader_too_many_or_too_few_is_named(
    world: World, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """By auditors and by holders, whoever the seal is for."""
    with monkeypatch.context() as patch, suppress(DeniedError):
        lie(patch, MORE[how])
        release(world, "ana")
    wrong = ("recipients", last(world))
    assert problems(world, "aud") == [wrong]
    assert problems(world, "ana") == ([] if how == "one-less" else [wrong])
    assert problems(world, "carla") == []


def test_one_more_reader_of_a_statement_is_named(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every member sees it."""
    with monkeypatch.context() as patch, world.session("ana") as ana:
        lie(patch, MORE["one-more"], "authority_recipients")
        ana.open_case("Another")
    wrong = ("recipients", last(world, "authority"))
    assert {name: problems(world, name) for name in ("ana", "ben", "aud")} == {
        "ana": [wrong],
        "ben": [wrong],
        "aud": [wrong],
    }


def test_what_is_kept_from_the_auditors_is_named(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A seal for somebody else in the place of theirs: they know that one had to be there."""
    with monkeypatch.context() as patch:
        lie(patch, lambda found: [spy(), *found[1:]])
        release(world)
    assert problems(world, "aud") == [("unopened", last(world))]
    # Nobody else can tell for whom a foreign seal is.
    assert problems(world, "carla") == []


def test_what_was_sealed_before_one_came_needs_not_open(world: World) -> None:
    """A second auditor is not alarmed by what went to the first one's device alone."""
    with world.session("ana") as ana:
        ana.people.add(identity("second").contact().note, [Role.AUDITOR])
    world.join("second")
    with world.session("aud") as aud:
        aud.settle()
    release(world)
    with world.session("second") as second:
        unopened = [access.index for access in second.log() if not access.opened]
        assert unopened == [0]
        assert check(second.store, second).problems == []


def test_a_seal_for_a_key_of_ones_own_opens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who reads for the auditors and holds the case has two, and looks at both."""
    with Session.create(tmp_path / "vault", identity("ana"), tmp_path / "home") as ana:
        case = ana.open_case("Alone").id
        (tmp_path / "x").write_bytes(b"x")
        (stored,) = ana.add([tmp_path / "x"], case)
        with monkeypatch.context() as patch:
            lie(patch, lambda found: [found[0], spy()])
            with pytest.raises(DeniedError):
                ana.release([stored.record], "review")
        found = check(ana.store, ana).problems
        assert [(problem.code, problem.where["index"]) for problem in found] == [("seal", 1)]


def test_a_false_tag_is_warned_of(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes from the actor, and no honest gate can refuse it: nothing is proved of the gate."""
    with monkeypatch.context() as patch:
        patch.setattr(Epoch, "tag", lambda *_: b"12345678")
        release(world)
    for name, expected in (("ana", ["tag"]), ("aud", [])):
        found = report(world, name)
        assert found.problems == []
        codes = [warning.code for warning in found.warnings if "index" in warning.where]
        assert codes == expected


def test_a_tag_of_ones_own_case_on_what_does_not_open_is_warned_of(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A holder sees that something about their case is kept from them."""
    with monkeypatch.context() as patch:
        lie(patch, lambda found: [found[0], Recipient(spy().public, found[1].tag)])
        patch.setattr(core.Gate, "_check_details", lambda *_: None)
        with world.session("ana") as ana, pytest.raises(DeniedError):
            ana.release([world.stored[0].record], "review")
    warned = [(found.code, found.where.get("index")) for found in report(world, "ben").warnings]
    assert ("tag", last(world)) in warned


# --- details ----------------------------------------------------------------------------------


def with_details_for(patch: pytest.MonkeyPatch, change: Change) -> None:
    """Let an actor seal the words of a reason to others than the holders."""
    from vault import client

    real = client.case_recipients
    patch.setattr(client, "case_recipients", lambda *args: change(list(real(*args))))


@pytest.mark.parametrize("how", MORE)
def test_a_reason_is_for_the_holders_alone(
    world: World, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """The gate takes none that is sealed to more or fewer; holders name one that a gate took."""
    change = (lambda _: []) if how == "one-less" else MORE[how]
    if how == "a-tag-that-cannot-be":
        # Where it can be is the case's epoch; there is none for devices.
        with world.session("ana") as ana:
            ana.casework.grant(world.case, identity("carla").device, int(world.clock.at) + DAY)
        world.clock.at += 2 * DAY
    with monkeypatch.context() as patch:
        with_details_for(patch, change)
        with pytest.raises(MalformedError):
            release(world, "ana", "a reason")
        patch.setattr(Gate, "_check_details", lambda *_: None)
        release(world, "ana", "a reason")
    assert ("recipients", last(world)) in problems(world, "ben")


# --- deposits ---------------------------------------------------------------------------------


def for_one_more(patch: pytest.MonkeyPatch, module: ModuleType) -> None:
    """Let a client seal a case's secrets to Carla's device too, and the gate take it."""
    real, carla = module.secret_recipients, identity("carla")

    def more(authority: Authority, group: str, at: int) -> list[tuple[str, bytes]]:
        extra = [] if group == GATE else [(carla.device, carla.sealing.public)]
        return [*real(authority, group, at), *extra]

    patch.setattr(module, "secret_recipients", more)
    for gate in ("deposits", "renewals"):
        patch.setattr(f"vault.gate.{gate}.check_recipients", lambda *_: None)


def test_a_deposit_for_one_more_is_named(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its case secret is for the case alone, whoever brings it in."""
    (world.root / "x").write_bytes(b"x")
    with monkeypatch.context() as patch, world.session("ana") as ana:
        for_one_more(patch, deposit)
        ana.add([world.root / "x"], world.case)
    for name in ("ben", "aud"):
        assert problems(world, name) == [("recipients", last(world))]


def test_new_seals_for_one_more_are_named(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever seals anew has no more choice than whoever deposits."""
    with monkeypatch.context() as patch, world.session("ana") as ana:
        for_one_more(patch, sealing)
        ana.renewals.rekey(world.case)
    with world.session("ben") as ben:
        ben.renewals.confirm(world.case)
    for name in ("ben", "aud"):
        assert problems(world, name) == [("recipients", last(world) - 1)]


# --- wraps and links --------------------------------------------------------------------------


def false_seed(epoch: Epoch) -> Epoch:
    """An epoch of the same name from another seed."""
    return Epoch(epoch.vault, epoch.group, epoch.number, b"x" * 32)


def test_a_false_link_is_named_by_who_needs_none(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ben has a wrap of each epoch; newcomers would have to follow the link."""
    real = Epoch.link
    with monkeypatch.context() as patch, world.session("ana") as ana:
        patch.setattr(Epoch, "link", lambda epoch, before: real(epoch, false_seed(before)))
        ana.rotate(world.case)
    (problem,) = report(world, "ben").problems
    assert (problem.code, problem.where) == ("link", {"group": world.case, "number": 2})


def test_a_false_wrap_is_a_problem_until_it_is_mended(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Later keys lead to the epoch all the same: then it is told, and nothing is lost."""
    real, ben = Epoch.wrap, identity("ben").device

    def false(epoch: Epoch, public: bytes, device: str) -> bytes:
        return real(false_seed(epoch) if device == ben else epoch, public, device)

    with monkeypatch.context() as patch, world.session("ana") as ana:
        patch.setattr(Epoch, "wrap", false)
        ana.rotate(world.case)
    where = {"group": world.case, "number": 2}
    assert [(p.code, p.where) for p in report(world, "ben").problems] == [("wrap", where)]
    with world.session("ana") as ana:
        ana.rotate(world.case)
    found = report(world, "ben")
    assert found.problems == []
    assert ("wrap", where) in [(warning.code, warning.where) for warning in found.warnings]
    assert "wrap" not in [warning.code for warning in report(world, "ana").warnings]
