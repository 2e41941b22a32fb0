"""Whatever people do to each other within the rules, those who are left can make the vault work
again.

Many walk at random through what the rules permit: they come and go, are suspended, lose devices for
good, change policies and leave cases. After each walk the vault is repaired by acts that the rules
permit too, and then it must work: as many stewards as must sign can, whoever waits for keys gets
them, somebody can read the auditors' log, and each case has an advocate who can grant it, rotate it
and fulfil its policy. Except for cases that are orphaned: `Authority.orphaned` names these, and
where there is a recovery identity it brings an advocate in.

In every other walk devices are lost for good and the vault does not know it: the rules cannot see
that. Then people know better than to go below as many stewards as must sign, and one device with
the members' and the gate's keys.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from random import Random
from typing import Any

import authority_kit as kit
import pytest
from authority_kit import DAY, World, device, name_of

from keys.errors import Error
from vault.authority.membership import LAPSES
from vault.model import AUDITORS, GATE, MEMBERS, Member, Role

WALKS = int(os.environ.get("EVAULT_WALKS", "48"))
STEPS = 45
CASES = ("one", "two")
PEOPLE = ("sol", "eva", "amy", "lea", "ida", "uma", "vic", "wes")
ROLES = (
    [Role.STEWARD],
    [Role.STEWARD],
    [Role.ADVOCATE],
    [Role.ADVOCATE, Role.STEWARD],
    [Role.ATTORNEY],
    [Role.AUDITOR],
)


class Walk:
    """A vault in which people act at random.

    Args:
        seed: Of what happens.

    Attributes:
        world: The vault.
        gone: Devices that nobody has any more, though the vault may not know it.
        done: How often each act was done.
    """

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)  # noqa: S311 -- what happens, not a secret.
        self.world = kit.founded()
        self.gone: set[str] = set()
        self.lucky = seed % 2 == 0
        self.done: dict[str, int] = {}
        self._serial = 0

    # --- who there is -------------------------------------------------------------------------

    def usable(self, member: Member) -> list[str]:
        """Somebody's devices that somebody has, by name."""
        return [name_of(d) for d in member.devices if name_of(d) not in self.gone]

    def active(self) -> list[Member]:
        """People who can act now."""
        authority, now = self.world.authority, self.world.now
        return [
            member
            for member in authority.members.values()
            if authority.active(member.id, now) and member.shares is None and self.usable(member)
        ]

    def stewards(self) -> list[str]:
        """A device of each steward who can act now."""
        return [self.usable(m)[0] for m in self.active() if Role.STEWARD in m.roles]

    def anybody(self) -> str:
        """A device of somebody who can act."""
        return self.random.choice(self.usable(self.random.choice(self.active())))

    def advocate(self, case: str) -> str:
        """A device of an advocate who holds a case, most of the time; else of anybody."""
        authority, now = self.world.authority, self.world.now
        known = kit.case_id(case) in authority.cases
        found = authority.advocates(kit.case_id(case), now) if known else []
        usable = [name for member in found for name in self.usable(member)]
        return (
            self.random.choice(usable) if usable and self.random.random() < 0.8 else self.anybody()
        )

    def holder(self, case: str) -> str:
        """Somebody who was granted a case, if somebody was."""
        found = self.world.authority.cases.get(kit.case_id(case))
        granted = [name_of(name) for name in found.grants] if found else []
        return self.random.choice(granted) if granted else self.somebody()

    def somebody(self) -> str:
        """A member by name, who may be suspended or have lost everything."""
        members = self.world.authority.members.values()
        return name_of(self.random.choice([m.id for m in members if m.shares is None]))

    def new(self, name: str) -> str:
        """The name of another device of somebody."""
        self._serial += 1
        return f"{kit.owner(name)}/{self._serial + 1}"

    # --- acts ---------------------------------------------------------------------------------

    def attempt(self, kind: str, *people: str, **said: Any) -> bool:
        """Several sign an act, if the rules let them."""
        before = self.world
        self.world = before.copy()
        try:
            self.world.agree(kind, *people, **said)
        except Error:
            self.world = before
            return False
        if self.unknown() and not self.enough():
            self.world = before
            return False
        self.done[kind] = self.done.get(kind, 0) + 1
        return True

    def state(self, kind: str, by: str, body: Callable[[], kit.Body]) -> bool:
        """Somebody states something, if the rules let them."""
        try:
            self.world.do(kind, by, body())
        except Error:
            return False
        self.done[kind] = self.done.get(kind, 0) + 1
        return True

    def by_stewards(self, kind: str, **said: Any) -> bool:
        """As many stewards as must sign do something."""
        stewards = self.stewards()
        self.random.shuffle(stewards)
        few = stewards[: self.world.authority.stewards_needed]
        return bool(few) and self.attempt(kind, *few, **said)

    def step(self) -> None:
        """Something happens."""
        if not self.active():
            self.world.now += LAPSES
            return
        self.random.choice(STEPS_OF)(self)

    def add(self) -> None:
        """Stewards add somebody."""
        known = {kit.owner(name_of(m)) for m in self.world.authority.members}
        former = {name_of(m) for m in self.world.authority.former_members}
        fresh = [name for name in PEOPLE if name not in known | former]
        if fresh:
            self.by_stewards("member-added", contact=fresh[0], roles=self.random.choice(ROLES))

    def roles(self) -> None:
        """Stewards give somebody other roles."""
        self.by_stewards("roles-set", member=self.somebody(), roles=self.random.choice(ROLES))

    def remove(self) -> None:
        """Stewards remove somebody, now and then."""
        if self.random.random() < 0.4:
            self.by_stewards("member-removed", member=self.somebody(), why=None)

    def suspend(self) -> None:
        """Two people, of whom one may be a steward, suspend somebody; or one tries."""
        people = [self.anybody(), self.anybody()][: self.random.randint(1, 2)]
        self.attempt("member-suspended", *people, member=self.somebody(), why=None)

    def resume(self) -> None:
        """Somebody, or two, lift a suspension."""
        people = [self.anybody(), self.anybody()][: self.random.randint(1, 2)]
        self.attempt("member-resumed", *people, member=self.somebody())

    def own_device(self) -> None:
        """Somebody gets a second device."""
        by = self.anybody()
        self.attempt("device-added", by, member=kit.owner(by), contact=self.new(by))

    def others_device(self) -> None:
        """Stewards enrol a device for somebody."""
        to = self.somebody()
        self.by_stewards("device-added", member=kit.owner(to), contact=self.new(to))

    def revoke_device(self) -> None:
        """Somebody revokes a device of theirs, or stewards do."""
        target = name_of(self.random.choice(list(self.world.authority.devices)))
        if not self.attempt("device-revoked", self.anybody(), target=target):
            self.by_stewards("device-revoked", target=target)

    def lose(self) -> None:
        """A device is lost for good, and nobody has told the vault."""
        name = self.anybody()
        if self.lucky:
            return
        self.gone.add(name)
        if not self.enough():
            self.gone.discard(name)

    def unknown(self) -> bool:
        """Whether there are losses that the vault does not know of."""
        return any(device(name) in self.world.authority.devices for name in self.gone)

    def enough(self) -> bool:
        """Whether as many stewards as must sign still have a device and are not suspended for good,
        and somebody has the members' and the gate's keys."""
        authority = self.world.authority
        stewards = [
            member
            for member in authority.members.values()
            if Role.STEWARD in member.roles
            and self.usable(member)
            and (member.suspension is None or member.suspension.until is not None)
        ]
        wraps = authority.epoch(MEMBERS).wraps.keys() & authority.epoch(GATE).wraps.keys()
        keys = [d for m in self.active() for d in self.usable(m) if device(d) in wraps]
        return len(stewards) >= authority.stewards_needed and bool(keys)

    def open(self) -> None:
        """Somebody opens a case."""
        by, case = self.anybody(), self.random.choice(CASES)
        self.state("case-opened", by, lambda: self.world.opened(case, kit.owner(by)))

    def grant(self) -> None:
        """Somebody is made a holder."""
        case = self.random.choice(CASES)
        by, to = self.advocate(case), self.somebody()
        until = self.random.choice([None, None, self.world.now + 3 * DAY])
        self.state("case-granted", by, lambda: self.world.granted(case, to, until))

    def revoke(self) -> None:
        """Somebody's grant is ended by one or two."""
        case = self.random.choice(CASES)
        people = [self.advocate(case), self.advocate(case)][: self.random.randint(1, 2)]
        before = self.world.authority
        if self.attempt("grant-revoked", *people, case=case, member=self.holder(case)):
            # Who leaves a case does not leave it orphaned.
            name, now = kit.case_id(case), self.world.now
            assert before.orphaned(name, now) or not self.world.authority.orphaned(name, now)

    def trust(self) -> None:
        """A case is trusted to a recovery identity."""
        case = self.random.choice(CASES)
        by = self.advocate(case)
        self.state("recovery-trusted", by, lambda: self.world.trusted(f"paper {case}", case))

    def case_policy(self) -> None:
        """A case asks for something else."""
        asks = {"approvals": self.random.randint(0, 3), "hours": self.random.randint(1, 90)}
        case = self.random.choice(CASES)
        self.attempt("case-policy-set", self.advocate(case), case=case, asks=asks)

    def vault_policy(self) -> None:
        """Stewards change how many of them must sign."""
        wanted = self.random.randint(1, 3)
        self.by_stewards("vault-policy-set", policy={"stewards": wanted})

    def hold(self) -> None:
        """A case is put under a legal hold."""
        case = kit.case_id(self.random.choice(CASES))
        self.state("hold-set", self.anybody(), lambda: {"case": case})

    def wait(self) -> None:
        """Time goes by, or a clock steps back a little."""
        self.world.now += self.random.choice([3600, DAY, 4 * DAY, 8 * DAY, -3600])

    def settle(self) -> None:
        """Somebody rotates and gives what they can."""
        self.settle_for(self.anybody())

    def settle_for(self, name: str) -> None:
        """A device rotates what is stale and gives the keys that are missing."""
        world = self.world
        for group in list(world.authority.groups):
            afresh = group == AUDITORS and world.authority.lost(group)
            change = {"link": None} if afresh else {}
            if world.authority.stale(group, world.now):
                made = world.next_epoch(group, **change)
                self.state("rotated", name, lambda made=made: {"epochs": [made]})  # type: ignore[misc]
            lacking = [name_of(d.id) for d in world.authority.lacking(group, world.now)]
            if lacking and not world.authority.stale(group, world.now):
                to = [(group, waiting) for waiting in lacking]
                self.state("wrapped", name, lambda to=to: self.world.wrapped(*to))  # type: ignore[misc]

    # --- repair -------------------------------------------------------------------------------

    def settle_all(self) -> None:
        """Everybody rotates and gives what they can."""
        for member in self.active():
            for name in self.usable(member):
                self.settle_for(name)

    def repair(self) -> None:
        """Those who are left do what the rules let them do, to make the vault work again."""
        self.world.now += LAPSES + DAY
        self.settle_all()
        # Whoever is suspended can be resumed, by a steward or by two others.
        for _ in range(2):
            for member in list(self.world.authority.members.values()):
                if not member.suspended(self.world.now):
                    continue
                people = [self.usable(m)[0] for m in self.active() if m.roles]
                name = name_of(member.id)
                if not any(self.attempt("member-resumed", s, member=name) for s in self.stewards()):
                    self.attempt("member-resumed", *people[:2], member=name)
            self.settle_all()
        # What is lost is revoked, by its owner or by stewards.
        for name in sorted(self.gone):
            if device(name) in self.world.authority.devices:
                owner = self.world.authority.member_of(device(name))
                mine = (
                    self.usable(owner)
                    if self.world.authority.signs(owner.id, self.world.now)
                    else []
                )
                if not (mine and self.attempt("device-revoked", mine[0], target=name)):
                    assert self.by_stewards("device-revoked", target=name), name
        self.settle_all()


STEPS_OF: list[Callable[[Walk], None]] = [
    Walk.add,
    Walk.add,
    Walk.roles,
    Walk.remove,
    Walk.suspend,
    Walk.suspend,
    Walk.suspend,
    Walk.resume,
    Walk.own_device,
    Walk.others_device,
    Walk.revoke_device,
    Walk.lose,
    Walk.lose,
    Walk.open,
    Walk.open,
    Walk.grant,
    Walk.grant,
    Walk.grant,
    Walk.revoke,
    Walk.revoke,
    Walk.trust,
    Walk.case_policy,
    Walk.vault_policy,
    Walk.hold,
    Walk.wait,
    Walk.settle,
]


def works(walk: Walk) -> None:
    """The vault works, for whoever is left."""
    authority, now = walk.world.authority, walk.world.now
    assert len(walk.stewards()) >= authority.stewards_needed
    for group in (MEMBERS, GATE):
        assert not authority.stale(group, now)
        assert not authority.lacking(group, now)
    # Somebody has the keys of the auditors' log, or gets their own seal while it is stale.
    readers = authority.entitled(AUDITORS, now)
    stale = authority.stale(AUDITORS, now)
    assert any(stale or d.id in authority.epoch(AUDITORS).wraps for d in readers)
    assert walk.by_stewards("member-added", contact="zoe", roles=[Role.ADVOCATE])
    for case in list(authority.cases):
        case_works(walk, case)


def case_works(walk: Walk, case: str) -> None:
    """A case has an advocate who grants it, rotates it, and fulfils its policy; or is orphaned."""
    world = walk.world
    if world.authority.orphaned(case, world.now):
        # It waits for a holder to come back, or for its recovery identity.
        for paper in world.authority.trusted(case, world.now):
            if not any(m.devices for m in world.authority.advocates(case, world.now)):
                world.do("case-granted", name_of(paper.id), granted(world, case, "zoe"))
                break
        else:
            return
    walk.settle_all()
    world = walk.world
    assert not world.authority.stale(case, world.now)
    assert not world.authority.lacking(case, world.now)
    advocates = [m for m in world.authority.advocates(case, world.now) if walk.usable(m)]
    first = walk.usable(advocates[0])[0]
    world.do("rotated", first, world.rotated(case))
    helpers = [f"helper {n}" for n in range(world.authority.cases[case].policy.approvals)]
    until = world.authority.cases[case].grants[advocates[0].id].until
    for name in helpers:
        if device(name) not in world.authority.members:
            assert walk.by_stewards("member-added", contact=name, roles=[Role.ATTORNEY])
            world = walk.world
        world.do("case-granted", first, granted(world, case, name, until))
    asks = {"approvals": 0, "hours": 1}
    if world.authority.cases[case].policy.approvals:
        assert walk.attempt("case-policy-set", *helpers, first, case=case, asks=asks)


def granted(world: World, case: str, name: str, until: int | None = None) -> kit.Body:
    """As `World.granted`, for a case by its id."""
    (known,) = [each for each in CASES if kit.case_id(each) == case]
    return world.granted(known, name, until)


DONE: dict[str, int] = {}


@pytest.mark.parametrize("seed", range(WALKS))
def test_no_dead_end(seed: int) -> None:
    """After any walk some permitted acts make the vault work again."""
    walk = Walk(seed)
    for _ in range(STEPS):
        walk.step()
    walk.repair()
    works(walk)
    for kind, times in walk.done.items():
        DONE[kind] = DONE.get(kind, 0) + times


def test_the_walks_went_everywhere() -> None:
    """Each act was done in some of the walks above: they did not stay at the door."""
    if len(DONE) < 2:
        pytest.skip("the walks were not taken")
    assert DONE.keys() >= {
        "member-added",
        "roles-set",
        "member-removed",
        "member-suspended",
        "member-resumed",
        "device-added",
        "device-revoked",
        "case-opened",
        "case-granted",
        "grant-revoked",
        "case-policy-set",
        "vault-policy-set",
        "recovery-trusted",
        "hold-set",
        "rotated",
        "wrapped",
    }
