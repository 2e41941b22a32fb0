"""Who may state what: the table of DESIGN's rules, for everybody of the crowd.

Each row has a statement as good as its maker can make it, those who may make it, and the reason for
which all others are denied.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import authority_kit as kit
from authority_kit import CASE, FOUNDER, FROZEN, OLD, World, owner

from vault.model import AUDITORS, GATE, MEMBERS

Make = Callable[[World, str], kit.Body]

STEWARDS = {"ada", "sol", "sam"}
ADVOCATES = {"ada", "eva", "eva/2", "una", "amy"}
ATTORNEYS = {"lea", "bob", "gil"}
SIGNERS = STEWARDS | ADVOCATES | ATTORNEYS | {"ida"}
"""Active members with a role."""
EVERYBODY = SIGNERS | {"nil", "nil/2", "paper"}
"""All who have the members' keys."""
HOLD = {"eva", "eva/2", "una"}
"""The advocates who hold the case."""
HOLDERS = HOLD | {"lea", "sam"}
GONE = {"sue": "suspended", "rex": "revoked", "eva/3": "revoked"}
GONE |= {"tik": "unknown-device", "max": "unknown-device"}
"""Who may nothing, whatever it is."""


@dataclass(frozen=True)
class Row:
    """One statement.

    Args:
        kind: Of the statement.
        body: Its fields, as somebody makes them who may.
        may: Who may make it.
        otherwise: Why all others are denied.
        but: Why some of them are denied.
    """

    kind: str
    body: Make
    may: set[str]
    otherwise: str = "role"
    but: dict[str, str] = field(default_factory=dict)

    def denied(self, name: str) -> str | None:
        """Why a device is denied; None if it is not."""
        if name in self.may:
            return None
        return self.but.get(name) or GONE.get(name) or self.otherwise


def agreed(kind: str, **said: object) -> Make:
    """An act that one can do alone."""
    return lambda world, name: world.body(kind, name, **said)


def found(world: World, kind: str, by: str) -> str:
    """The id of the proposal of an act by somebody."""
    return next(
        name
        for name, proposal in world.authority.proposals.items()
        if (proposal.act["kind"], proposal.by) == (kind, kit.device(by))
    )


def completed(kind: str, by: str, **said: object) -> Make:
    """An act that somebody has proposed before."""
    return lambda world, name: world.body(kind, name, quoted=found(world, kind, by), **said)


def endorsing(kind: str, by: str) -> Make:
    """Endorses what somebody has proposed."""
    return lambda world, _: {"proposal": found(world, kind, by)}


BOB = {"member": "bob"}
PROPOSED: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("member-suspended", "ida", {**BOB, "why": None}),
    ("member-suspended", "eva", {**BOB, "why": None}),
    ("member-resumed", "ida", {"member": "sue"}),
    ("member-removed", "sol", {**BOB, "why": None}),
    ("grant-revoked", "eva", {"case": CASE, "member": "una"}),
    ("hold-lifted", "una", {"case": FROZEN}),
)
"""What some of them have proposed."""


@cache
def _waiting() -> World:
    world = kit.crowded()
    world.do("member-added", FOUNDER, world.added("ivy", "auditor"))
    for kind, by, said in PROPOSED:
        world.propose(kind, by, **said)
    return world


def waiting() -> World:
    """The crowd, a second auditor who waits for the auditors' keys, and what was proposed."""
    return _waiting().copy()


def co_holder(name: str) -> str:
    """An advocate beside somebody."""
    return "eva" if owner(name) != "eva" else "amy"


def rotation(*groups: str) -> Make:
    """Begins new epochs."""
    return lambda world, _: world.rotated(*groups)


def own(world: World, name: str) -> kit.Body:
    """Adds a device of one's own."""
    return world.body("device-added", name, member=owner(name), contact="another")


def proposing(kind: str, **said: object) -> Make:
    """Proposes an act."""
    return lambda world, _: world.proposal(kind, **said)


LOSE = {"authority": {"size": 999, "root": "00" * 32}, "access": {"size": 9, "root": "00" * 32}}
TIGHTER = {"approvals": 2, "hours": 24}

TABLE: dict[str, Row] = {
    "genesis": Row("genesis", lambda world, name: world.genesis(owner(name)), set(), "genesis"),
    # Members: k stewards, and k is 1 here.
    "a member added": Row(
        "member-added", lambda world, _: world.added("new", "attorney"), STEWARDS
    ),
    "a steward added": Row(
        "member-added", lambda world, _: world.added("new", "steward", "advocate"), STEWARDS
    ),
    "an auditor added": Row(
        "member-added", lambda world, _: world.added("new", "auditor"), STEWARDS
    ),
    # Nobody gives keys that they do not have; the founder has those of before the first auditor.
    "an auditor added, with the auditors' keys": Row(
        "member-added",
        lambda world, _: world.added("new", "auditor", groups=(MEMBERS, GATE, AUDITORS)),
        {"ada"},
        but={"sol": "not-holder", "sam": "not-holder"},
    ),
    "roles set": Row("roles-set", agreed("roles-set", **BOB, roles=["advocate"]), STEWARDS),
    "a member removed": Row(
        "member-removed", agreed("member-removed", **BOB, why="left"), STEWARDS
    ),
    # A steward, or any two members.
    "a member suspended": Row(
        "member-suspended",
        agreed("member-suspended", **BOB, why=None),
        STEWARDS,
        "signatures",
        dict.fromkeys(("bob", "nil", "nil/2", "paper"), "role"),
    ),
    "a member suspended by two": Row(
        "member-suspended",
        completed("member-suspended", "ida", **BOB, why=None),
        SIGNERS - {"bob", "ida"},
        but={"ida": "signatures"},
    ),
    # A steward, or any two other members.
    "a member resumed": Row(
        "member-resumed",
        agreed("member-resumed", member="sue"),
        STEWARDS,
        "signatures",
        dict.fromkeys(("nil", "nil/2", "paper"), "role"),
    ),
    "a member resumed by two": Row(
        "member-resumed",
        completed("member-resumed", "ida", member="sue"),
        SIGNERS - {"ida"},
        but={"ida": "signatures"},
    ),
    # Devices: the member, from another of theirs; for somebody else k stewards.
    "a device of one's own added": Row(
        "device-added", own, SIGNERS, but={"paper": "recovery", "max": "unknown-device"}
    ),
    "a device added for another": Row(
        "device-added", agreed("device-added", **BOB, contact="bob/2"), STEWARDS | {"bob"}
    ),
    "a device revoked": Row(
        "device-revoked",
        agreed("device-revoked", target="eva/2"),
        STEWARDS | {"eva"},
        but={"eva/2": "own-device"},
    ),
    "an only device revoked": Row(
        "device-revoked",
        agreed("device-revoked", target="bob"),
        STEWARDS,
        but={"bob": "own-device"},
    ),
    # Cases: an advocate, or an attorney beside one.
    "a case opened alone": Row(
        "case-opened",
        lambda world, name: world.opened("new", owner(name)),
        ADVOCATES,
        but=dict.fromkeys(ATTORNEYS, "no-advocate"),
    ),
    "a case opened with an advocate": Row(
        "case-opened",
        lambda world, name: world.opened("new", owner(name), co_holder(name)),
        ADVOCATES | ATTORNEYS,
    ),
    "a case opened for another": Row(
        "case-opened",
        lambda world, name: world.opened("new", co_holder(name), owner(name)),
        set(),
        but=dict.fromkeys(ADVOCATES | ATTORNEYS, "holders"),
    ),
    # An advocate who holds it.
    "a case granted": Row(
        "case-granted",
        lambda world, _: world.granted(CASE, "amy"),
        HOLD,
        but={"ada": "not-holder", "amy": "not-holder", "paper": "not-orphaned"},
    ),
    "a case granted to oneself": Row(
        "case-granted",
        lambda world, name: world.granted(CASE, owner(name)),
        set(),
        but={
            **dict.fromkeys(("ada", "amy"), "not-holder"),
            **dict.fromkeys(HOLD, "is-holder"),
            "paper": "recovery",
        },
    ),
    "a record granted": Row(
        "records-granted",
        lambda world, _: world.records(CASE, "amy", "two"),
        HOLD,
        but={"ada": "not-holder", "amy": "not-holder"},
    ),
    "an attorney's grant revoked": Row(
        "grant-revoked",
        agreed("grant-revoked", case=CASE, member="lea"),
        HOLD,
        but={"ada": "signatures", "sol": "signatures", "sam": "signatures"},
    ),
    "a record's grant revoked": Row(
        "grant-revoked",
        agreed("grant-revoked", case=CASE, member="gil"),
        HOLD,
        but=dict.fromkeys(STEWARDS, "signatures"),
    ),
    # Against an advocate who holds it: two of them, or one and a steward. One may leave alone.
    "an advocate's grant revoked": Row(
        "grant-revoked",
        agreed("grant-revoked", case=CASE, member="una"),
        {"una"},
        but=dict.fromkeys(STEWARDS | {"eva", "eva/2"}, "signatures"),
    ),
    "an advocate's grant revoked, as another proposed": Row(
        "grant-revoked",
        completed("grant-revoked", "eva", case=CASE, member="una"),
        STEWARDS | {"una"},
        but=dict.fromkeys(("eva", "eva/2"), "signatures"),
    ),
    # Being suspended does not make an advocate's grant easier to take.
    "a suspended advocate's grant revoked": Row(
        "grant-revoked",
        agreed("grant-revoked", case=CASE, member="sue"),
        set(),
        but=dict.fromkeys(STEWARDS | HOLD, "signatures"),
    ),
    "a case closed": Row(
        "case-closed",
        lambda *_: {"case": kit.case_id(CASE)},
        HOLD,
        but={"ada": "not-holder", "amy": "not-holder"},
    ),
    "a case reopened": Row(
        "case-reopened",
        lambda *_: {"case": kit.case_id(OLD)},
        {"eva", "eva/2"},
        but=dict.fromkeys(("ada", "amy", "una"), "not-holder"),
    ),
    "a case's policy made stricter": Row(
        "case-policy-set",
        agreed("case-policy-set", case=CASE, asks=TIGHTER),
        HOLD,
        but={"ada": "not-holder", "amy": "not-holder"},
    ),
    # Any holder or a steward; and lifted by two advocates who hold it.
    "a legal hold set": Row(
        "hold-set",
        lambda *_: {"case": kit.case_id(CASE)},
        HOLDERS | STEWARDS,
        "not-holder",
        {"paper": "recovery"},
    ),
    "a legal hold lifted alone": Row(
        "hold-lifted",
        agreed("hold-lifted", case=FROZEN),
        set(),
        but={
            **dict.fromkeys(HOLD, "signatures"),
            **dict.fromkeys(("ada", "amy"), "not-holder"),
        },
    ),
    "a legal hold lifted by two": Row(
        "hold-lifted",
        completed("hold-lifted", "una", case=FROZEN),
        {"eva", "eva/2"},
        but={"una": "signatures", "ada": "not-holder", "amy": "not-holder"},
    ),
    # Keys: whoever is in the group.
    "the members' keys rotated": Row("rotated", rotation(MEMBERS), EVERYBODY),
    "the gate's keys rotated": Row("rotated", rotation(GATE), EVERYBODY),
    "the members' and the gate's keys rotated": Row("rotated", rotation(MEMBERS, GATE), EVERYBODY),
    "the auditors' keys rotated": Row("rotated", rotation(AUDITORS), {"ida"}, "not-holder"),
    "a case's keys rotated": Row(
        "rotated", rotation(kit.case_id(CASE)), HOLDERS | {"paper"}, "not-holder"
    ),
    "the members' and a case's keys rotated": Row(
        "rotated", rotation(MEMBERS, kit.case_id(CASE)), HOLDERS | {"paper"}, "not-holder"
    ),
    "the auditors' keys given": Row(
        "wrapped",
        lambda world, _: world.wrapped((AUDITORS, "ivy")),
        {"ada", "ida"},
        "not-holder",
    ),
    "a case's keys given to a steward": Row(
        "wrapped",
        lambda world, _: world.wrapped((kit.case_id(CASE), "ada")),
        set(),
        "not-holder",
        dict.fromkeys(HOLDERS | {"paper"}, "wraps"),
    ),
    # An advocate who holds all of these cases.
    "a recovery identity trusted": Row(
        "recovery-trusted",
        lambda world, _: world.trusted("sheet", CASE),
        HOLD,
        but={"ada": "not-holder", "amy": "not-holder"},
    ),
    "a recovery identity trusted with two cases": Row(
        "recovery-trusted",
        lambda world, _: world.trusted("sheet", CASE, OLD),
        {"eva", "eva/2"},
        but=dict.fromkeys(("ada", "amy", "una"), "not-holder"),
    ),
    # Collectors: an advocate who holds the case.
    "a ticket issued": Row(
        "ticket-issued",
        lambda world, _: world.issued(CASE, "new"),
        HOLD,
        but={"ada": "not-holder", "amy": "not-holder"},
    ),
    "a ticket revoked": Row(
        "ticket-revoked",
        lambda *_: {"ticket": kit.device("tik")},
        HOLD,
        but={"ada": "not-holder", "amy": "not-holder"},
    ),
    # The vault: k stewards.
    "the vault's policy set": Row(
        "vault-policy-set", agreed("vault-policy-set", policy={"stewards": 2}), STEWARDS
    ),
    "a restore declared": Row("restore-declared", agreed("restore-declared", lost=LOSE), STEWARDS),
    # Whoever's signature would count may propose and endorse.
    "a removal proposed": Row("proposed", proposing("member-removed", **BOB, why=None), STEWARDS),
    "a suspension proposed": Row(
        "proposed", proposing("member-suspended", **BOB, why=None), SIGNERS - {"bob"}
    ),
    "a resumption proposed": Row("proposed", proposing("member-resumed", member="sue"), SIGNERS),
    "a member proposed": Row(
        "proposed", proposing("member-added", contact="new", roles=["attorney"]), STEWARDS
    ),
    "roles proposed": Row("proposed", proposing("roles-set", **BOB, roles=["advocate"]), STEWARDS),
    "a device for another proposed": Row(
        "proposed", proposing("device-added", **BOB, contact="bob/2"), STEWARDS | {"bob"}
    ),
    "a device's end proposed": Row(
        "proposed", proposing("device-revoked", target="bob"), STEWARDS | {"bob"}
    ),
    "a grant's end proposed": Row(
        "proposed", proposing("grant-revoked", case=CASE, member="una"), STEWARDS | HOLD
    ),
    "a case's policy proposed": Row(
        "proposed",
        proposing("case-policy-set", case=CASE, asks={"approvals": 0, "hours": 1}),
        HOLDERS,
    ),
    "the end of a legal hold proposed": Row(
        "proposed", proposing("hold-lifted", case=FROZEN), HOLD
    ),
    "a vault's policy proposed": Row(
        "proposed", proposing("vault-policy-set", policy={"stewards": 2}), STEWARDS
    ),
    "a restore proposed": Row("proposed", proposing("restore-declared", lost=LOSE), STEWARDS),
    "a removal endorsed": Row(
        "endorsed",
        endorsing("member-removed", "sol"),
        STEWARDS - {"sol"},
        but={"sol": "signed"},
    ),
    "a suspension endorsed": Row(
        "endorsed",
        endorsing("member-suspended", "eva"),
        SIGNERS - {"bob", "eva", "eva/2"},
        but={"eva": "signed", "eva/2": "signed"},
    ),
    "the end of a legal hold endorsed": Row(
        "endorsed",
        endorsing("hold-lifted", "una"),
        {"eva", "eva/2"},
        but={"una": "signed"},
    ),
}
