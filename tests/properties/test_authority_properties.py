"""Whatever anybody states, the authority stays sound, and refusals are the project's own errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import authority_kit as kit
from authority_kit import CASE, CAST, DAY, FOUNDER, NOW, STRANGER, World
from hypothesis import given, settings
from hypothesis import strategies as st

from keys.errors import Error
from vault import ids, note
from vault.authority import Authority, apply
from vault.authority.apply import NOTHING
from vault.model import AUDITORS, GATE, MEMBERS, Role

calm = settings(deadline=None)
often = settings(deadline=None, max_examples=300)

NAMES = (FOUNDER, *CAST, STRANGER, "new", "ivy")
DEVICES = (*NAMES, "eva/2", "ada/2", "lea/2")
CASES = (CASE, "border", "raid")
GROUPS = (MEMBERS, AUDITORS, GATE, *map(kit.case_id, CASES))

names = st.sampled_from(NAMES)
# Mostly people who have some right: what a stranger states is soon refused.
actors = st.sampled_from(
    ["eva", FOUNDER, "ida", "lea", "sol", "amy", "new", STRANGER, "eva", FOUNDER]
)
cases = st.sampled_from(CASES)
groups = st.sampled_from(GROUPS)
times = st.integers(NOW - DAY, NOW + 3 * DAY)
roles = st.lists(st.sampled_from(list(Role)), min_size=1, max_size=2)


@st.composite
def acts(draw: st.DrawFn) -> dict[str, Any]:
    """What somebody states, as if they had every key and did not care whether they may."""
    return {
        "kind": draw(st.sampled_from([*sorted(note.STATEMENTS), "case-granted", "member-added"])),
        "who": draw(actors),
        "operator": draw(names) if draw(st.integers(0, 9)) == 9 else None,
        "now": draw(times),
        "case": draw(cases),
        "whom": draw(names),
        "others": draw(st.lists(names, max_size=2)),
        "roles": draw(roles),
        "until": draw(st.none() | times),
        "groups": draw(st.lists(groups, min_size=1, max_size=3, unique=True)),
        "entitled": draw(st.integers(0, 3)) < 3,
        "device": draw(st.sampled_from(DEVICES)),
        "proposed": draw(st.sampled_from(sorted(note.PROPOSALS))),
        "quotes": draw(st.booleans()),
        "few": draw(st.integers(0, 3)),
        "yes": draw(st.booleans()),
    }


def said_of(kind: str, act: dict[str, Any]) -> dict[str, Any]:
    """The fields of an act that can be proposed."""
    values = {
        "contact": act["device"],
        "roles": act["roles"],
        "member": act["whom"],
        "why": None,
        "target": act["device"],
        "case": act["case"],
        "asks": {"approvals": act["few"], "hours": 1 + act["few"]},
        "policy": {"stewards": 1 + act["few"]},
        "lost": {"authority": {"size": 90, "root": NOTHING.root}, "access": NOTHING.body()},
    }
    return {name: values[name] for name in note.PROPOSALS[kind]}


NO_ACT = dict.fromkeys(["device", "roles", "whom", "case"]) | {"few": 0}


def body_of(world: World, act: dict[str, Any]) -> dict[str, Any]:
    """The statement's own fields: right for the act, or made for whom the actor likes."""
    kind = act["kind"]
    known = [group for group in act["groups"] if group in world.authority.groups] or [MEMBERS]
    proposals = list(world.authority.proposals)
    opened = [case for case in CASES if kit.case_id(case) in world.authority.cases]
    given = known if kind == "member-added" and not act["entitled"] else (MEMBERS, GATE)
    rotated = [
        world.next_epoch(group)
        if act["entitled"]
        else kit.epoch_body(group, world.number(group) + 1, act["others"])
        for group in known
    ]
    bodies: dict[str, Callable[[], dict[str, Any]]] = {
        "genesis": lambda: world.genesis(act["who"]),
        "proposed": lambda: world.proposal(act["proposed"], **said_of(act["proposed"], act)),
        "endorsed": lambda: {"proposal": [kit.case_id("none"), *proposals][-1]},
        "member-added": lambda: world.added(act["whom"], *act["roles"], groups=given),
        "case-opened": lambda: world.opened(act["case"], act["who"], *act["others"]),
        "case-granted": lambda: world.granted(act["case"], act["whom"], act["until"]),
        "records-granted": lambda: world.records(act["case"], act["whom"], "one"),
        "rotated": lambda: {"epochs": rotated},
        "wrapped": lambda: world.wrapped(*((group, act["whom"]) for group in known)),
        "ticket-issued": lambda: world.issued(act["case"], act["whom"] + "/t", act["until"]),
        "ticket-revoked": lambda: {"ticket": [kit.device("none"), *world.authority.tickets][-1]},
        "recovery-trusted": lambda: world.trusted("paper", *(opened or CASES)[: 1 + act["few"]]),
        **dict.fromkeys(
            ["case-closed", "case-reopened", "hold-set"],
            lambda: {"case": kit.case_id(act["case"])},
        ),
    }
    return bodies[kind]() if kind in bodies else agreed(world, kind, act)


def agreed(world: World, kind: str, act: dict[str, Any]) -> dict[str, Any]:
    """What several may have to sign: often what somebody has proposed, where somebody has."""
    said, quoted = said_of(kind, act), None
    for name, found in world.authority.proposals.items():
        if act["quotes"] and found.act["kind"] == kind:
            said, quoted = {field: found.act[field] for field in said}, name
    return world.body(kind, act["who"], quoted=quoted, **said)


def check(authority: Authority) -> None:
    """What holds in every state."""
    devices, former = set(authority.devices), set(authority.former_devices)
    auditors = {member.id for member in authority.auditors()}
    assert not devices & former
    assert not authority.members.keys() & authority.former_members.keys()
    owned = [device for member in authority.members.values() for device in member.devices]
    assert sorted(owned) == sorted(devices)
    for member in authority.members.values():
        assert all(authority.devices[device].member == member.id for device in member.devices)
        assert Role.AUDITOR not in member.roles or member.roles == {Role.AUDITOR}
        assert member.shares is None or not member.roles
    # As many stewards as must sign can be had: those who are suspended can be resumed.
    stewards = [m for m in authority.members.values() if Role.STEWARD in m.roles and m.devices]
    assert len(stewards) >= authority.stewards_needed >= 1
    for case in authority.cases.values():
        for granted in (case.grants, case.records):
            assert granted.keys() <= authority.members.keys()
            assert not granted.keys() & auditors
            for name in granted:
                member = authority.members[name]
                assert member.shares is not None or (member.roles and name in authority.held)
    assert not authority.held & auditors
    assert authority.groups.keys() == {MEMBERS, AUDITORS, GATE, *authority.cases}
    for group, epochs in authority.groups.items():
        assert [epoch.number for epoch in epochs] == list(range(1, len(epochs) + 1))
        for epoch in epochs:
            assert epoch.wraps
            assert epoch.wraps.keys() <= devices | former
            assert (epoch.signing is not None) == (group == GATE)
            unlinked = epoch.link is None
            assert unlinked == (epoch.number == 1) or (group == AUDITORS and unlinked)
    for group in (MEMBERS, GATE):
        # Somebody has the keys, and nobody who is gone.
        assert authority.epoch(group).wraps.keys() <= devices
    for proposal in authority.proposals.values():
        assert len({proposal.by, *proposal.endorsers}) == 1 + len(proposal.endorsers)


@calm
@given(st.sampled_from([False, False, False, True]), st.lists(acts(), min_size=5, max_size=25))
def test_random_acts(bare: bool, stated: list[dict[str, Any]]) -> None:
    """Whatever people state, nothing but the project's errors is raised and the state is sound."""
    world = kit.founded() if bare else kit.peopled()
    check(world.authority)
    for act in stated:
        world.now = act["now"]
        before = deepcopy(world.authority)
        statement = world.statement(act["kind"], act["who"], body_of(world, act))
        gate = world.gate(statement, act["operator"])
        try:
            after = world.put(statement, gate)
        except Error:
            assert world.authority == before
            continue
        # What was is not taken away or changed in place by what comes after.
        assert world.history[-2] == before
        assert after.size == before.size + 1
        assert before.members.keys() <= after.members.keys() | after.former_members.keys()
        assert before.devices.keys() <= after.devices.keys() | after.former_devices.keys()
        assert before.former_members.items() <= after.former_members.items()
        assert before.former_devices.items() <= after.former_devices.items()
        assert before.note_ids < after.note_ids
        assert before.held <= after.held
        assert before.tickets.keys() <= after.tickets.keys()
        assert after.tickets.keys().isdisjoint(after.devices)
        check(after)


# --- statements with something changed --------------------------------------------------------


def statements(world: World) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """One good statement of each kind that can begin from here."""
    yield "member-added", FOUNDER, world.added("new", "attorney")
    yield "case-opened", "lea", world.opened("border", "lea", "amy")
    yield "case-granted", "eva", world.granted(CASE, "bob", NOW + DAY)
    yield "rotated", "eva", world.rotated(MEMBERS, GATE, kit.case_id(CASE))
    yield "wrapped", FOUNDER, world.wrapped((AUDITORS, "ida"))
    yield "proposed", "eva", world.proposal("member-suspended", member="bob", why=None)
    for kind, name, said in (
        ("roles-set", "sol", {"member": "bob", "roles": ["auditor"]}),
        ("member-removed", "sol", {"member": "lea", "why": "left"}),
        ("member-suspended", "sol", {"member": "lea", "why": None}),
        ("device-added", "eva", {"member": "eva", "contact": "eva/2"}),
        ("device-added", "sol", {"member": "eva", "contact": "eva/2"}),
        ("device-revoked", "sol", {"target": "lea"}),
        ("grant-revoked", "eva", {"case": CASE, "member": "lea"}),
        ("case-policy-set", "eva", {"case": CASE, "asks": {"approvals": 1, "hours": 2}}),
        ("vault-policy-set", "sol", {"policy": {"stewards": 2}}),
        ("restore-declared", "sol", said_of("restore-declared", NO_ACT)),
    ):
        yield kind, name, world.body(kind, name, **said)
    yield "records-granted", "eva", world.records(CASE, "amy", "one", "two", until=NOW + DAY)
    yield "case-closed", "eva", {"case": kit.case_id(CASE)}
    yield "hold-set", "lea", {"case": kit.case_id(CASE)}
    yield "recovery-trusted", "eva", world.trusted("paper", CASE)
    yield "ticket-issued", "eva", world.issued(CASE, "tik")


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a body."""
    yield at
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(item, (*at, key))


def with_change(value: Any, at: tuple[Any, ...], new: Any) -> Any:
    """The same body with another value at one place."""
    if not at:
        return new
    changed = value.copy()
    changed[at[0]] = with_change(value[at[0]], at[1:], new)
    return changed


def found(value: Any, at: tuple[Any, ...]) -> Any:
    """What stands at a place."""
    for key in at:
        value = value[key]
    return value


@st.composite
def changes(draw: st.DrawFn, value: Any) -> Any:
    """Something of the same type: what an attacker would put there."""
    if isinstance(value, str):
        return draw(
            st.sampled_from(
                [
                    *map(kit.device, NAMES),
                    *GROUPS,
                    *(kit.contact(name).note.decode() for name in NAMES[-3:]),
                    *(note.encode64(bytes(size)) for size in (0, 32, 104, 1168, 1216, 1312)),
                    value[:-4],
                    value[4:] + value[:4],
                    kit.VAULT,
                    NOTHING.root,
                    "steward",
                    "auditor",
                    "",
                ]
            )
        )
    if isinstance(value, int):
        return draw(st.sampled_from([0, 1, 2, 3, value + 1, NOW - 1, note.MAX_INTEGER]))
    if isinstance(value, list):
        return draw(
            st.sampled_from([[], value[1:], value[:-1], value + value[:1], value[::-1], value * 2])
        )
    return draw(st.sampled_from([None, "", 0, NOW, kit.VAULT, []]))


@often
@given(st.data())
def test_changed_statements(data: st.DataObject) -> None:
    """A statement with anything in it changed, and signed so, raises nothing but the project's
    errors, and leaves the state sound."""
    world = kit.peopled(auditor_has_keys=False)
    kind, name, body = data.draw(st.sampled_from(list(statements(world))))
    good = world.statement(kind, name, body)
    world.judge(good)
    at = data.draw(st.sampled_from([place for place in places(good.body) if place]))
    changed = with_change(dict(good.body), at, data.draw(changes(found(good.body, at))))
    try:
        statement = note.sign(kind, good.origin, changed, kit.person(name))
    except ValueError:
        return  # Not of the shape of its kind: no such note can be made or read.
    for verified in (False, True):
        try:
            after = apply(world.authority, statement, world.gate(statement), verified=verified)
        except Error:
            continue
        check(after)


@often
@given(st.data())
def test_changed_genesis(data: st.DataObject) -> None:
    """The same holds for the statement that begins a vault."""
    world = World()
    good = world.statement("genesis", FOUNDER, world.genesis(FOUNDER))
    at = data.draw(st.sampled_from([place for place in places(good.body) if place]))
    changed = with_change(dict(good.body), at, data.draw(changes(found(good.body, at))))
    try:
        statement = note.sign("genesis", good.origin, changed, kit.person(FOUNDER))
    except ValueError:
        return
    for verified in (False, True):
        try:
            after = apply(None, statement, world.gate(statement), verified=verified)
        except Error:
            continue
        check(after)


@often
@given(st.data())
def test_changed_gate_note(data: st.DataObject) -> None:
    """The same holds for the gate note beside a true statement."""
    world = kit.peopled()
    statement = world.statement("rotated", "eva", world.rotated(MEMBERS))
    good = world.gate(statement)
    at = data.draw(st.sampled_from([place for place in places(good.body) if place]))
    changed = with_change(dict(good.body), at, data.draw(changes(found(good.body, at))))
    try:
        gate = note.sign("gate", good.origin, changed, kit.person("eva"))
    except ValueError:
        return
    try:
        after = apply(world.authority, statement, gate)
    except Error:
        return
    check(after)


def test_ids_of_the_kit() -> None:
    """The ids that these tests are made with are ids."""
    assert all(ids.is_id(kit.case_id(case)) for case in CASES)
    assert all(ids.is_id(kit.device(name), 20) for name in NAMES)
