"""A statement holds once, at one index of one log, by one signer, beside the gate's note."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any

import authority_kit as kit
import pytest
from authority_kit import CASE, DAY, FOUNDER, NOW, STRANGER, World

from keys.errors import Error, MalformedError, SignatureError
from vault import ids, note
from vault.authority import apply
from vault.authority.apply import NOTHING
from vault.errors import DeniedError, GateError, StaleError, UnknownVaultError
from vault.model import AUDITORS, GATE, MEMBERS, Position
from vault.note import ACCESS, AUTHORITY, Note

OTHER_VAULT = ids.show(bytes(16))


def refused(
    world: World, statement: Note, error: type[Error], words: str, gate: Note | None = None
) -> None:
    """A statement is refused with exactly this error, and nothing has changed."""
    before = deepcopy(world.authority) if world.history else None
    with pytest.raises(error, match=words) as caught:
        world.judge(statement, gate)
    assert type(caught.value) is error
    assert not world.history or world.authority == before


def rotation(world: World, name: str = "eva", **changes: Any) -> Note:
    """A statement that anybody may make."""
    return world.statement("rotated", name, world.rotated(MEMBERS), **changes)


# --- one index --------------------------------------------------------------------------------


def test_the_same_statement_again() -> None:
    """A statement that was applied is not applied again, right after or later."""
    world = kit.peopled()
    statement = rotation(world)
    gate = world.gate(statement)
    world.put(statement, gate)
    refused(world, statement, StaleError, "came first", gate)
    refused(world, statement, StaleError, "came first")
    world.do("rotated", "lea", world.rotated(GATE))
    refused(world, statement, StaleError, "came first")


def test_independent_statements_in_another_order() -> None:
    """Two statements that have nothing to do with each other do not follow each other unless one
    was made after the other."""
    opened = kit.peopled()
    rotated = opened.copy()
    one = opened.statement("case-opened", "eva", opened.opened("new", "eva"))
    other = rotation(rotated, "lea")
    opened.put(one)
    rotated.put(other)
    refused(opened, other, StaleError, "came first")
    refused(rotated, one, StaleError, "came first")


@pytest.mark.parametrize("change", ["size", "larger", "root", "nothing"])
def test_extends_something_else(change: str) -> None:
    """A statement names exactly the size and root of the log before it."""
    world = kit.peopled()
    here = world.position
    extends = {
        "size": Position(here.size - 1, here.root),
        "larger": Position(here.size + 1, here.root),
        "root": Position(here.size, world.history[-2].root),
        "nothing": NOTHING,
    }[change]
    refused(world, rotation(world, extends=extends.body()), StaleError, "came first")


def test_of_a_fork() -> None:
    """A statement of a fork is none of the other branch, even at the same size."""
    world = kit.peopled()
    fork = world.copy()
    fork.do("rotated", "eva", fork.rotated(MEMBERS))
    world.do("rotated", "lea", world.rotated(MEMBERS))
    assert fork.position.size == world.position.size
    refused(world, rotation(fork), StaleError, "came first")


def test_before_the_root_is_known() -> None:
    """Nothing extends a state whose entry has no bytes yet."""
    world = kit.peopled()
    statement = rotation(world)
    after = apply(world.authority, statement, world.gate(statement))
    assert after.root == ""
    assert after.size == world.authority.size + 1
    follows = rotation(world, extends={"size": after.size, "root": world.position.root})
    with pytest.raises(StaleError, match="came first"):
        apply(after, follows, world.gate(follows))


def test_used_id() -> None:
    """The id of a statement before is not used again, whoever signs and whatever is said."""
    world = kit.peopled()
    before = rotation(world)
    world.put(before)
    for name in ("eva", "lea"):
        statement = world.statement("rotated", name, world.rotated(GATE), id=str(before.body["id"]))
        refused(world, statement, DeniedError, "used before")


# --- one log ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("vault", "log"), [(OTHER_VAULT, AUTHORITY), (None, ACCESS), (OTHER_VAULT, ACCESS)]
)
def test_of_another_log(vault: str | None, log: str) -> None:
    """A statement under the origin of another vault or of the access log is refused."""
    world = kit.peopled()
    refused(world, rotation(world, vault=vault, log=log), DeniedError, "another vault or log")


@pytest.mark.parametrize("kind", ["deposit", "release", "receipt", "gate"])
def test_not_a_statement(kind: str) -> None:
    """A note of another kind changes nothing, though its signature holds."""
    world = kit.peopled()
    body: dict[str, Any] = {
        "deposit": {
            "epoch": 1,
            "gate_epoch": 1,
            "deposit": kit.case_id("x"),
            "count": 1,
            "records_root": "00" * 32,
            "case_commitment": "00" * 32,
            "gate_commitment": "00" * 32,
            "case_seal": "00" * 32,
            "gate_seal": "00" * 32,
        },
        "release": {
            "records": [kit.case_id("x")],
            "purpose": "review",
            "disposition": "view",
            "request": None,
        },
        "receipt": {"entry": 0, "leaf": "00" * 32},
        "gate": {},
    }[kind]
    if kind == "gate":
        act = world.gate(rotation(world))
    else:
        act = world.statement(kind, "eva", {**body, "case": kit.case_id(CASE), "details": None})
    refused(world, act, MalformedError, "not a statement", world.gate(act, "eva"))


# --- one signer -------------------------------------------------------------------------------


def resigned(statement: Note, by: str, *, hybrid: bool = True) -> Note:
    """The same statement under the same name, signed with somebody else's keys."""
    keys = kit.person(by).signing
    return note.parse(keys.sign_note(statement.device, statement.text, hybrid=hybrid))


@pytest.mark.parametrize("by", ["lea", FOUNDER, STRANGER])
def test_signed_by_another(by: str) -> None:
    """A statement of one member that another signed is refused."""
    world = kit.peopled()
    statement = resigned(rotation(world), by)
    refused(world, statement, SignatureError, "signatures", world.gate(statement))


def test_half_signed() -> None:
    """A statement needs both of its signer's signatures."""
    world = kit.peopled()
    statement = resigned(rotation(world), "eva", hybrid=False)
    refused(world, statement, SignatureError, "exactly the signatures", world.gate(statement))


def test_altered() -> None:
    """A statement that was changed after it was signed is refused."""
    world = kit.peopled()
    signed = rotation(world).signed.replace(b'"time":1800000000', b'"time":1800000001')
    statement = note.parse(signed)
    refused(world, statement, SignatureError, "does not verify", world.gate(statement))


# --- the gate's note --------------------------------------------------------------------------


GateCase = Callable[[World, Note], Note]

GATES: dict[str, tuple[GateCase, type[Error], str]] = {
    "by a stranger": (
        lambda world, made: world.gate(made, STRANGER),
        GateError,
        "no member",
    ),
    "about another statement": (
        lambda world, _: world.gate(rotation(world)),
        GateError,
        "another note",
    ),
    "a statement in its place": (
        lambda _, made: made,
        GateError,
        "another note",
    ),
    "for the access log": (
        lambda world, made: world.gate(made, origin=note.origin(kit.VAULT, ACCESS)),
        GateError,
        "another log",
    ),
    "for another vault": (
        lambda world, made: world.gate(made, origin=note.origin(OTHER_VAULT, AUTHORITY)),
        GateError,
        "another log",
    ),
    "signed by another": (
        lambda world, made: resigned(world.gate(made), "lea", hybrid=False),
        SignatureError,
        "signatures",
    ),
    "signed twice": (
        lambda world, made: resigned(world.gate(made), "eva", hybrid=True),
        SignatureError,
        "exactly the signatures",
    ),
    "altered": (
        lambda world, made: note.parse(world.gate(made).signed.replace(b'"time":18', b'"time":19')),
        SignatureError,
        "does not verify",
    ),
    **{
        f"outcome {outcome}": (
            lambda world, made, outcome=outcome: world.gate(made, outcome=outcome),  # type: ignore[misc]
            GateError,
            "not say that it was done",
        )
        for outcome in ("released", "pending", "refused")
    },
    **{
        f"level {level}": (
            lambda world, made, level=level: world.gate(made, level=level),  # type: ignore[misc]
            GateError,
            "not say that it was done",
        )
        for level in (1, 2, 3)
    },
    "with a reason": (
        lambda world, made: world.gate(made, why="role"),
        GateError,
        "not say that it was done",
    ),
    "an older authority": (
        lambda world, made: world.gate(made, authority=world.history[-2].position.body()),
        GateError,
        "authority that it judged",
    ),
    "another root": (
        lambda world, made: world.gate(
            made, authority=Position(world.position.size, world.history[-2].root).body()
        ),
        GateError,
        "authority that it judged",
    ),
    "a newer authority": (
        lambda world, made: world.gate(
            made, authority=Position(world.position.size + 1, world.position.root).body()
        ),
        GateError,
        "authority that it judged",
    ),
    "less of the access log than the actor saw": (
        lambda world, made: world.gate(made, access=Position(4, "00" * 32).body()),
        GateError,
        "less than the actor had seen",
    ),
}


@pytest.mark.parametrize("how", GATES)
def test_false_gate_note(how: str) -> None:
    """A true statement beside a false gate note changes nothing."""
    make, error, words = GATES[how]
    world = kit.peopled()
    statement = rotation(world)
    world.judge(statement)
    refused(world, statement, error, words, make(world, statement))


def test_any_member_is_the_gate() -> None:
    """In an embedded vault every member's device may sign the gate note."""
    world = kit.peopled()
    statement = rotation(world)
    for name in (FOUNDER, "lea", "ida"):
        world.judge(statement, world.gate(statement, name))


def test_a_new_member_is_no_gate_yet() -> None:
    """The gate note is judged as of before the statement: who is only just added signs none."""
    world = kit.founded()
    statement = world.statement("member-added", FOUNDER, world.added("new", "attorney"))
    gate = world.gate(statement, "new")
    refused(world, statement, GateError, "no member", gate)


def test_the_access_log_never_shrinks() -> None:
    """A gate note names no smaller access log than the one before it."""
    world = kit.peopled()
    world.log(6)
    world.do("rotated", "eva", world.rotated(MEMBERS))
    world.log(5)
    refused(world, rotation(world), GateError, "older access log")
    world.log(6)
    world.judge(rotation(world))


def test_the_actor_has_seen_more_of_the_authority() -> None:
    """Whoever has seen more statements than there are is not answered from a shorter log."""
    world = kit.peopled()
    seen = {
        "authority": Position(world.position.size + 1, world.position.root).body(),
        "access": world.access.body(),
    }
    refused(world, rotation(world, seen=seen), GateError, "less than the actor had seen")


def test_time_may_step_back() -> None:
    """A gate's clock that steps back is not refused, and the latest time is remembered."""
    world = kit.peopled()
    world.now = NOW + DAY
    world.do("rotated", "eva", world.rotated(MEMBERS))
    world.now = NOW
    after = world.do("rotated", "eva", world.rotated(MEMBERS))
    assert after.time == NOW + DAY


def test_verified_before() -> None:
    """What a client verified before is applied again without signatures, and to the same state;
    everything else is judged all the same."""
    world = kit.peopled()
    statement = rotation(world)
    gate = world.gate(statement)
    assert apply(world.authority, statement, gate, verified=True) == apply(
        world.authority, statement, gate
    )
    forged = resigned(statement, "lea")
    gate = resigned(world.gate(forged), "lea", hybrid=False)
    assert world.authority.size + 1 == apply(world.authority, forged, gate, verified=True).size
    weak = world.rotated(MEMBERS)
    sealing = note.decode64(weak["epochs"][0]["sealing"])
    weak["epochs"][0]["sealing"] = note.encode64(sealing[:-32] + bytes(32))
    world.judge(world.statement("rotated", "eva", weak), verified=True)
    stale = rotation(world, extends=NOTHING.body())
    with pytest.raises(StaleError):
        world.judge(stale, verified=True)
    auditors = world.statement("rotated", "eva", world.rotated(AUDITORS))
    with pytest.raises(DeniedError):
        world.judge(auditors, verified=True)
    with pytest.raises(GateError):
        world.judge(statement, world.gate(statement, STRANGER), verified=True)


# --- genesis ----------------------------------------------------------------------------------


def test_genesis() -> None:
    """A vault begins with its founder alone, in every group."""
    world = World()
    after = world.do("genesis", FOUNDER, world.genesis(FOUNDER))
    founder = kit.device(FOUNDER)
    assert (after.vault, after.size, after.founder) == (kit.VAULT, 1, founder)
    assert set(after.members) == set(after.devices) == {founder}
    assert after.groups.keys() == {MEMBERS, AUDITORS, GATE}
    assert all(set(after.epoch(group).wraps) == {founder} for group in after.groups)
    assert not after.cases
    assert not after.held


def test_begins_with_something_else() -> None:
    """A log that does not begin with genesis is no vault's."""
    world = kit.peopled()
    statement = rotation(world)
    with pytest.raises(UnknownVaultError, match="does not begin"):
        apply(None, statement, world.gate(statement))


def test_second_genesis() -> None:
    """A vault is not founded again, not even by its founder."""
    world = kit.founded()
    again = world.statement("genesis", FOUNDER, world.genesis(FOUNDER))
    refused(world, again, DeniedError, "one genesis")


def test_genesis_is_not_replayed() -> None:
    """The first statement is not applied a second time."""
    world = World()
    first = world.statement("genesis", FOUNDER, world.genesis(FOUNDER))
    gate = world.gate(first)
    world.put(first, gate)
    refused(world, first, StaleError, "came first", gate)


def test_genesis_not_by_its_founder() -> None:
    """Nobody founds a vault in the name of somebody else."""
    world = World()
    body = world.genesis(FOUNDER)
    refused(world, world.statement("genesis", "eva", body), SignatureError, "signatures")
    forged = resigned(world.statement("genesis", FOUNDER, body), "eva")
    refused(world, forged, SignatureError, "signatures")
    # Where signatures were verified before, the founder still is who signed.
    statement = world.statement("genesis", "eva", body)
    with pytest.raises(DeniedError, match="not signed by its founder"):
        world.judge(statement, verified=True)


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"vault": OTHER_VAULT}, MalformedError, "another vault than its log"),
        ({"policy": {"stewards": 2}}, MalformedError, "policy"),
        ({"roles": ["steward", "steward"]}, MalformedError, "named twice"),
        ({"extends": Position(1, NOTHING.root).body()}, MalformedError, "extends something"),
        ({"extends": Position(0, "00" * 32).body()}, MalformedError, "extends something"),
        (
            {"seen": {"authority": NOTHING.body(), "access": Position(1, "00" * 32).body()}},
            MalformedError,
            "extends something",
        ),
        (
            {"seen": {"authority": Position(0, "00" * 32).body(), "access": NOTHING.body()}},
            MalformedError,
            "extends something",
        ),
        ({"contact": "nobody"}, MalformedError, "not a contact"),
    ],
)
def test_false_genesis(changes: dict[str, Any], error: type[Error], words: str) -> None:
    """A genesis that is for another vault, or follows something, or asks for more, is refused."""
    world = World()
    statement = world.statement("genesis", FOUNDER, world.genesis(FOUNDER), **changes)
    refused(world, statement, error, words)


def test_genesis_under_the_access_log() -> None:
    """A genesis stands in the authority log."""
    world = World()
    statement = world.statement("genesis", FOUNDER, world.genesis(FOUNDER), log=ACCESS)
    refused(world, statement, MalformedError, "another vault than its log")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"authority": Position(1, NOTHING.root).body()}, "authority that it judged"),
        ({"access": Position(2**53 - 1, "00" * 32).body()}, "before there was one"),
        ({"access": Position(0, "00" * 32).body()}, "before there was one"),
    ],
)
def test_false_gate_note_at_genesis(changes: dict[str, Any], words: str) -> None:
    """At genesis there is nothing in either log yet, and the gate says so."""
    world = World()
    statement = world.statement("genesis", FOUNDER, world.genesis(FOUNDER))
    refused(world, statement, GateError, words, world.gate(statement, **changes))


def test_gate_note_at_genesis_by_another() -> None:
    """At genesis only the founder can be the gate."""
    world = World()
    statement = world.statement("genesis", FOUNDER, world.genesis(FOUNDER))
    refused(world, statement, GateError, "no member", world.gate(statement, "eva"))


def test_fingerprint() -> None:
    """The fingerprint is of the statement's text: another founder or id gives another."""
    world = World()
    body = world.genesis(FOUNDER)
    one, other = (world.copy().do("genesis", FOUNDER, body, time=NOW + n) for n in (0, 1))
    assert one.fingerprint != other.fingerprint
    assert replace(one, fingerprint="", root="") == replace(other, fingerprint="", root="")
