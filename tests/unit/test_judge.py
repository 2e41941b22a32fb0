"""An act on records is allowed to whoever may do it, in the log, case and epoch that it is for."""

from __future__ import annotations

from functools import cache
from typing import Any

import authority_kit as kit
import pytest
from authority_kit import CASE, CROWD, DAY, FROZEN, NOW, OLD, STRANGER, World
from rights_table import ADVOCATES, ATTORNEYS, GONE, HOLD, HOLDERS, SIGNERS

from vault import ids
from vault.authority import judge
from vault.authority.approvals import judge_confirmation
from vault.authority.judge import denied
from vault.errors import DeniedError, MalformedError, StaleError
from vault.model import GATE, MEMBERS
from vault.note import ACCESS, ACTS, AUTHORITY, Note

STRICT = "strict"
HOUR = 3600
HASH = "00" * 32


def act(world: World, kind: str, name: str, case: str = CASE, **changes: Any) -> Note:
    """An act of somebody on a case, or with an empty name on none."""
    known = kit.case_id(case) in world.authority.groups
    bodies: dict[str, dict[str, Any]] = {
        "deposit": {
            "epoch": world.number(kit.case_id(case)) if known else 1,
            "gate_epoch": world.number(GATE),
            "deposit": kit.case_id("deposit"),
            "count": 1,
            "records_root": HASH,
            "case_commitment": HASH,
            "gate_commitment": HASH,
            "case_seal": HASH,
            "gate_seal": HASH,
        },
        "release": {
            "records": [kit.case_id("record")],
            "purpose": "review",
            "disposition": "view",
            "request": None,
        },
        "receipt": {"entry": 0, "leaf": HASH},
        "request": {
            "records": [kit.case_id("record")],
            "purpose": "review",
            "asks_for": "view",
            "expires": world.now + HOUR,
        },
        "approval": {"answers": kit.case_id("request"), "asked": HASH},
        "denial": {"answers": kit.case_id("request"), "asked": HASH},
        "destruction": {"records": [kit.case_id("record")], "answers": kit.case_id("request")},
        "confirmation": {"entry": 0, "leaf": HASH, "sole": False},
        "export": {"form": "csv", "size": 3, "count": 2},
    }
    sealed = bodies["deposit"]
    bodies["rekey"] = {
        **{name: sealed[name] for name in ("epoch", "gate_epoch", "count")},
        "seals_root": HASH,
    }
    bodies["re-encrypt"] = {**sealed, "before_root": HASH}
    body = {**bodies[kind], "case": kit.case_id(case) if case else None, "details": None}
    return world.statement(kind, name, body, **{"log": ACCESS, **changes})


def judged(world: World, kind: str, name: str, case: str = CASE, **changes: Any) -> str | None:
    """What is said to an act."""
    return judge(world.authority, act(world, kind, name, case, **changes), world.now)


# --- who may do what --------------------------------------------------------------------------

ALL = CROWD.keys() - GONE.keys()
WORKING = ADVOCATES | ATTORNEYS


def but(reason: str, *others: dict[str, str], may: set[str]) -> dict[str, str | None]:
    """Who may, and why everybody else may not."""
    special = {name: why for one in others for name, why in one.items()}
    return {name: None if name in may else special.get(name, reason) for name in ALL}


def all_of(names: set[str], reason: str) -> dict[str, str]:
    """The same reason for several."""
    return dict.fromkeys(names, reason)


READS_NOTHING = {"ida": "auditor", "paper": "recovery"}
DESTROY = {"asks_for": "destroy"}
ONE = {"records": [kit.case_id("one")]}
TWO = {"records": [kit.case_id("one"), kit.case_id("two")]}

# Each row: act, case, its fields, and who may or why not. `strict` asks for an approval.
ROWS: dict[str, tuple[str, str, dict[str, Any], dict[str, str | None]]] = {
    # Any advocate or attorney stores in an open case, though it be not theirs.
    "deposit": ("deposit", CASE, {}, but("role", may=WORKING)),
    "deposit in a closed case": (
        "deposit",
        OLD,
        {},
        but("role", all_of(WORKING, "closed"), may=set()),
    ),
    # Holders retrieve, and who was granted single records retrieves those.
    "release": ("release", CASE, {}, but("not-holder", READS_NOTHING, may=HOLDERS)),
    "release of what was granted": (
        "release",
        CASE,
        ONE,
        but("not-holder", READS_NOTHING, may=HOLDERS | {"gil"}),
    ),
    "release of that and more": (
        "release",
        CASE,
        TWO,
        but("not-holder", READS_NOTHING, may=HOLDERS),
    ),
    "release from a closed case": (
        "release",
        OLD,
        {},
        but("not-holder", READS_NOTHING, may={"eva", "eva/2"}),
    ),
    "release without approval": (
        "release",
        STRICT,
        {},
        but("not-holder", READS_NOTHING, all_of(HOLD, "approval"), may=set()),
    ),
    "release after a request": (
        "release",
        STRICT,
        {"request": kit.case_id("request")},
        but("not-holder", READS_NOTHING, may=HOLD),
    ),
    "request": ("request", CASE, {}, but("not-holder", READS_NOTHING, may=HOLDERS)),
    "request for what was granted": (
        "request",
        CASE,
        ONE,
        but("not-holder", READS_NOTHING, may=HOLDERS | {"gil"}),
    ),
    # Holders alone ask for a destruction, answer, and destroy; never under a hold.
    "request to destroy": (
        "request",
        CASE,
        {**ONE, **DESTROY},
        but("not-holder", READS_NOTHING, may=HOLDERS),
    ),
    "request to destroy under a hold": (
        "request",
        FROZEN,
        DESTROY,
        but("not-holder", READS_NOTHING, all_of(HOLD | {"lea"}, "hold"), may=set()),
    ),
    "approval": ("approval", CASE, {}, but("not-holder", may=HOLDERS)),
    "denial": ("denial", CASE, {}, but("not-holder", may=HOLDERS)),
    "destruction": ("destruction", CASE, {}, but("not-holder", may=HOLDERS)),
    "destruction under a hold": (
        "destruction",
        FROZEN,
        {},
        but("not-holder", all_of(HOLD | {"lea"}, "hold"), may=set()),
    ),
    # Holders seal anew; what was not added while the case was stale, an advocate among them alone,
    # as who has the deposits says. A holder or the recovery identity confirms.
    "rekey": ("rekey", CASE, {}, but("not-holder", may=HOLDERS)),
    "re-encrypt": (
        "re-encrypt",
        CASE,
        {},
        but("not-holder", {"lea": "role", "sam": "role"}, may=HOLD),
    ),
    "confirmation": ("confirmation", CASE, {}, but("not-holder", may=HOLDERS | {"paper"})),
    "confirmation under a hold": (
        "confirmation",
        FROZEN,
        {},
        but("not-holder", all_of(HOLD | {"lea"}, "hold"), may=set()),
    ),
    "receipt": ("receipt", CASE, {}, but("", may=set(ALL))),
    # Auditors of any case, holders of theirs; without a case whoever has a role, and the auditors
    # read it.
    "export": (
        "export",
        CASE,
        {},
        but("not-holder", dict.fromkeys(("nil", "nil/2", "paper"), "role"), may=HOLDERS | {"ida"}),
    ),
    "export of no case": ("export", "", {}, but("role", may=SIGNERS)),
}


@cache
def _strict() -> World:
    world = kit.crowded()
    world.do("case-opened", "eva", world.opened(STRICT, "eva", "una"))
    asks = {"approvals": 1, "hours": 1}
    world.does("case-policy-set", "eva", case=STRICT, asks=asks)
    return world


def strict() -> World:
    """The crowd, and a case of Eva's and Una's that asks for an approval and gives it an hour."""
    return _strict().copy()


@pytest.mark.parametrize("name", CROWD)
@pytest.mark.parametrize("row", ROWS)
def test_who_may(row: str, name: str) -> None:
    """Everybody tries every act, and is allowed it or refused for the reason in the table."""
    kind, case, changes, allowed = ROWS[row]
    world = strict()
    if name == "tik" and kind == "deposit":
        # A ticket makes deposits, and into its own case alone.
        assert judged(world, kind, name, case, **changes) == (None if case == CASE else "ticket")
        return
    if name in {"rex", "eva/3", "max", "tik"}:
        with pytest.raises(DeniedError) as caught:
            judged(world, kind, name, case, **changes)
        assert caught.value.reason == GONE[name]
        return
    assert judged(world, kind, name, case, **changes) == {**GONE, **allowed}[name]


@pytest.mark.parametrize("name", sorted(ALL))
@pytest.mark.parametrize("kind", ACTS)
def test_no_such_case(kind: str, name: str) -> None:
    """In a case that does not exist nobody does anything."""
    found = judged(kit.crowded(), kind, name, "none")
    first = {"deposit": but("role", may=WORKING), "release": READS_NOTHING}
    first["request"] = first["release"]
    first["export"] = but("role", may=SIGNERS)
    assert found == (first.get(kind, {}).get(name) or "no-case")


def test_every_act_is_tried() -> None:
    """No act is left out of the table."""
    assert {kind for kind, *_ in ROWS.values()} == ACTS.keys()


@pytest.mark.parametrize(
    ("case", "expires", "reason"),
    [
        (CASE, NOW, "expired"),
        (CASE, NOW - 1, "expired"),
        (CASE, NOW + 1, None),
        (CASE, NOW + 72 * HOUR, None),
        (CASE, NOW + 72 * HOUR + 1, "expired"),
        (STRICT, NOW + HOUR, None),
        (STRICT, NOW + HOUR + 1, "expired"),
    ],
)
def test_how_long_a_request_waits(case: str, expires: int, reason: str | None) -> None:
    """A request ends in the future, and no later than the case's policy says."""
    assert judged(strict(), "request", "eva", case, expires=expires) == reason


def test_who_confirms() -> None:
    """Another than who renewed it; alone, and said so, who has nobody beside them who could."""
    world = kit.peopled()
    made = act(world, "rekey", "eva")

    def confirmed(name: str, *, sole: bool) -> str | None:
        done = act(world, "confirmation", name, sole=sole)
        return judge_confirmation(world.authority, done, made, NOW)

    assert confirmed("lea", sole=False) is None
    for name, sole in (("lea", True), ("eva", True), ("eva", False)):
        assert confirmed(name, sole=sole) == "own-renewal"
    # Lea has no device any more, so there is nobody else who could.
    world.does("device-revoked", "sol", target="lea")
    world.do("rotated", "eva", world.rotated(kit.case_id(CASE)))
    made = act(world, "rekey", "eva")
    assert confirmed("eva", sole=False) == "own-renewal"
    assert confirmed("eva", sole=True) is None


def test_rights_end_with_a_role() -> None:
    """Who is made an auditor, or loses their last role for which one holds cases, reads nothing."""
    world = kit.crowded()
    assert judged(world, "release", "lea") is None
    world.does("roles-set", "sol", member="lea", roles=["steward"])
    assert judged(world, "release", "lea") == "not-holder"
    assert judged(world, "deposit", "lea") == "role"


@pytest.mark.parametrize("kind", ["release", "request", "approval", "destruction", "confirmation"])
def test_rights_end_with_a_grant(kind: str) -> None:
    """Whose grant is revoked reads, approves and destroys nothing from then on."""
    world = kit.crowded()
    assert judged(world, kind, "lea") is None
    world.does("grant-revoked", "una", case=CASE, member="lea")
    assert judged(world, kind, "lea") == "not-holder"


def test_a_granted_record_is_revoked() -> None:
    """Whose single records are revoked reads none of them."""
    world = kit.crowded()
    assert judged(world, "release", "gil", **ONE) is None
    world.does("grant-revoked", "una", case=CASE, member="gil")
    assert judged(world, "release", "gil", **ONE) == "not-holder"


def test_a_granted_record_ends() -> None:
    """A grant of single records ends at its end; two of them add up."""
    world = kit.crowded()
    world.do("records-granted", "una", world.records(CASE, "gil", "two", until=NOW + DAY))
    assert judged(world, "release", "gil", **TWO) is None
    world.now = NOW + DAY
    assert judged(world, "release", "gil", **TWO) == "not-holder"
    assert judged(world, "release", "gil", **ONE) is None


def test_a_lapsed_suspension() -> None:
    """Who was suspended by two reads nothing for seven days, and then again."""
    world = kit.crowded()
    world.agree("member-suspended", "amy", "gil", member="lea", why=None)
    for at, reason in ((NOW, "suspended"), (NOW + 7 * DAY - 1, "suspended"), (NOW + 7 * DAY, None)):
        assert judge(world.authority, act(world, "release", "lea"), at) == reason


def until_tomorrow() -> World:
    """The cast, and a steward who holds the case until tomorrow."""
    world = kit.peopled()
    world.do("case-granted", "eva", world.granted(CASE, "sol", NOW + DAY))
    return world


def test_until() -> None:
    """A grant is in force before its end, and not at it."""
    world = until_tomorrow()
    for at, reason in (
        (NOW, None),
        (NOW + DAY - 1, None),
        (NOW + DAY, "not-holder"),
        (NOW + DAY + 1, "not-holder"),
    ):
        assert judge(world.authority, act(world, "release", "sol"), at) == reason


def test_the_gates_time_counts() -> None:
    """Whether a grant is in force is judged at the gate's time, not at the actor's."""
    world = until_tomorrow()
    late = act(world, "release", "sol", time=NOW)
    assert judge(world.authority, late, NOW + DAY) == "not-holder"


@pytest.mark.parametrize(
    "changes", [{"epoch": 2}, {"gate_epoch": 2}, {"epoch": 2, "gate_epoch": 2}]
)
@pytest.mark.parametrize("kind", ["deposit", "rekey", "re-encrypt"])
def test_another_epoch(kind: str, changes: dict[str, int]) -> None:
    """What is sealed to an epoch that is not in force is made again, not refused."""
    world = kit.peopled()
    assert judged(world, kind, "eva") is None
    with pytest.raises(StaleError, match="keys have changed"):
        judged(world, kind, "eva", **changes)


@pytest.mark.parametrize("group", [GATE, kit.case_id(CASE)])
def test_rotated_meanwhile(group: str) -> None:
    """A deposit that was made before its case or the gate rotated is made again."""
    world = kit.peopled()
    deposit = act(world, "deposit", "amy")
    world.do("rotated", "eva", world.rotated(MEMBERS))
    assert judge(world.authority, deposit, NOW) is None
    world.do("rotated", "eva", world.rotated(group))
    with pytest.raises(StaleError, match="keys have changed"):
        judge(world.authority, deposit, NOW)


@pytest.mark.parametrize("kind", ACTS)
def test_stranger(kind: str) -> None:
    """A stranger's act is not even logged."""
    world = kit.peopled()
    with pytest.raises(DeniedError) as caught:
        judged(world, kind, STRANGER)
    assert caught.value.reason == "unknown-device"


@pytest.mark.parametrize("kind", ACTS)
@pytest.mark.parametrize(
    "elsewhere", [{"log": AUTHORITY}, {"vault": ids.show(bytes(16))}, {"vault": kit.case_id(CASE)}]
)
def test_another_log(kind: str, elsewhere: dict[str, str]) -> None:
    """An act under another origin is refused, though everything else about it holds."""
    world = kit.peopled()
    with pytest.raises(DeniedError) as caught:
        judged(world, kind, "eva", **elsewhere)
    assert caught.value.reason == "wrong-log"


def test_not_an_act() -> None:
    """A statement or a gate note is no act, even under the access log's origin."""
    world = kit.peopled()
    statement = world.statement("rotated", "eva", world.rotated(MEMBERS), log=ACCESS)
    for note in (statement, world.gate(statement)):
        with pytest.raises(MalformedError, match="not an act"):
            judge(world.authority, note, NOW)


def test_denied() -> None:
    """A refusal says in words what its code means, and names its entry."""
    error = denied("not-holder", 7)
    assert (error.reason, error.entry) == ("not-holder", 7)
    assert "do not hold the case" in error.message
    assert "case grant" in error.hint
    assert "something-new" in denied("something-new").message


# --- collectors -------------------------------------------------------------------------------


def ticketed(*, expires: int = NOW + DAY) -> World:
    """The crowd, and another ticket for the case that ends sooner."""
    world = kit.crowded()
    world.do("ticket-issued", "una", world.issued(CASE, "tom", expires))
    return world


def test_a_ticket_deposits_into_its_case() -> None:
    """A ticket in force adds to its case, again and again, whatever keys were changed since."""
    world = ticketed()
    assert judged(world, "deposit", "tom") is None
    sealed = act(world, "deposit", "tom")
    world.do("rotated", "eva", world.rotated(kit.case_id(CASE)))
    world.does("member-removed", "sol", member="bob", why="left")
    assert world.number(kit.case_id(CASE)) > sealed.body["epoch"]
    assert world.number(GATE) > sealed.body["gate_epoch"]
    assert judge(world.authority, sealed, world.now) is None


@pytest.mark.parametrize(("at", "why"), [(DAY - 1, None), (DAY, "ticket-expired")])
def test_a_ticket_ends(at: int, why: str | None) -> None:
    """At its end, by the gate's time, a ticket is good no longer."""
    world = ticketed()
    assert judge(world.authority, act(world, "deposit", "tom"), NOW + at) == why


def test_a_revoked_ticket() -> None:
    """A revoked ticket is good no longer, and the others are as they were."""
    world = ticketed()
    world.do("ticket-revoked", "eva", {"ticket": kit.device("tom")})
    assert judged(world, "deposit", "tom") == "ticket-revoked"
    assert judged(world, "deposit", "tik") is None


def test_a_ticket_is_for_one_case() -> None:
    """A ticket adds to no other case, and to its own only while that is open."""
    world = ticketed()
    assert judged(world, "deposit", "tom", FROZEN) == "ticket"
    world.do("case-closed", "una", {"case": kit.case_id(CASE)})
    assert judged(world, "deposit", "tom") == "closed"


@pytest.mark.parametrize("kind", sorted(ACTS.keys() - {"deposit"}))
def test_a_ticket_does_nothing_else(kind: str) -> None:
    """Whatever else a ticket's key signs is a stranger's."""
    with pytest.raises(DeniedError) as caught:
        judged(ticketed(), kind, "tom")
    assert caught.value.reason == "unknown-device"


def test_a_ticket_seals_to_its_own_keys() -> None:
    """A deposit of a ticket that is for other keys than the ticket's, or has details, is none."""
    world = ticketed()
    world.do("rotated", "eva", world.rotated(kit.case_id(CASE)))
    world.does("member-removed", "sol", member="bob", why="left")
    ticket = world.authority.tickets[kit.device("tom")]
    fits = {"epoch": ticket.epoch, "gate_epoch": ticket.gate_epoch}
    assert judged(world, "deposit", "tom", **fits) is None
    for changes in (
        {"epoch": ticket.epoch + 1},
        {"gate_epoch": ticket.gate_epoch + 1},
        {"details": HASH},
    ):
        with pytest.raises(MalformedError):
            judged(world, "deposit", "tom", **{**fits, **changes})
