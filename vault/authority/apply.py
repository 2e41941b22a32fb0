"""The rules for statements: `apply(authority, statement, gate note) -> authority`, or it raises.

Each rule answers two questions: may this member do this now, and does the statement carry exactly
the epochs and wraps that the act needs. A statement names the size and root that it extends, so it
holds at one index of one log and nowhere else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from keys.seal import check_public
from keys.signing import check_ed25519
from vault import note
from vault.authority import cases, membership, quorum, tickets
from vault.authority.parts import (
    contact_of,
    decode,
    epoch,
    roles_of,
    rotate,
    with_wraps,
    wraps,
)
from vault.authority.state import Authority
from vault.errors import DeniedError, GateError, MalformedError, StaleError, UnknownVaultError
from vault.log.merkle import EMPTY_ROOT
from vault.model import FIXED_GROUPS, Device, Member, Position, Role
from vault.note import Note

NOTHING = Position(0, EMPTY_ROOT.hex())
"""What has been seen of a log before it has an entry."""

DRIFT = 86_400
"""By how many seconds the clocks of an actor and of the gate may differ."""


def apply(
    authority: Authority | None, statement: Note, gate: Note, *, verified: bool = False
) -> Authority:
    """Apply one statement.

    Args:
        authority: The state before it; None for genesis.
        statement: The actor note.
        gate: The gate note beside it.
        verified: True to skip signatures and key checks that this client has made before.

    Returns:
        The state after it, whose root is empty until the caller knows the entry's bytes.

    Raises:
        DeniedError: The signer may not do this.
        StaleError: It extends another size or root: another statement came first.
        MalformedError, VerificationError: It is not a well-formed, truly signed statement.
        GateError: The gate note is not one that an honest gate makes.
    """
    rule = _RULES.get(statement.kind)
    if rule is None:
        raise MalformedError(f"a {statement.kind} note is not a statement")
    if gate.kind not in note.GATE or gate.body["note"] != statement.digest:
        raise GateError("a gate note speaks of another note than the one beside it")
    if authority is None:
        after = _genesis(statement, verified=verified)
    else:
        _check_actor(authority, statement, gate.body["time"], verified=verified)
        after = quorum.used(rule(authority, statement, gate.body["time"]), statement)
    _check_gate(authority, after, statement, gate, verified=verified)
    if not verified:
        _check_new_keys(statement)
    return replace(
        after,
        size=1 if authority is None else authority.size + 1,
        root="",
        note_ids=after.note_ids | {statement.id_hash},
        access_size=gate.body["access"]["size"],
        time=max(after.time, gate.body["time"]),
    )


def draft(
    authority: Authority, kind: str, fields: Mapping[str, Any], device: str, at: int
) -> Authority:
    """What an act would make of the authority: whoever does it has yet to draw its keys.

    Args:
        authority: In force.
        kind: A statement's, that is not genesis.
        fields: What it says, without epochs and wraps.
        device: Who does it.
        at: Seconds since the epoch.

    Raises:
        DeniedError: They may not. The reason is `signatures` if too few have signed.
        MalformedError: It is not a well-formed act.
    """
    # No note that was parsed has None there, so none can be taken for a draft.
    body = {"quoted": [], "epochs": None, "wraps": None, **fields, "device": device}
    made = Note(kind, authority.origin(note.AUTHORITY), body, b"")
    if not authority.active(authority.device(device).member, at):
        raise DeniedError("you are suspended", reason="suspended")
    return _RULES[kind](authority, made, at)


# --- what holds for every statement -----------------------------------------------------------


def _check_actor(authority: Authority, statement: Note, at: int, *, verified: bool) -> None:
    if statement.origin != authority.origin(note.AUTHORITY):
        raise DeniedError("a statement is for another vault or log", reason="wrong-log")
    device = authority.device(statement.device)
    if not verified:
        statement.verify(device.contact)
    if statement.body["extends"] != authority.position.body():
        raise StaleError("another statement came first", "try again")
    if statement.id_hash in authority.note_ids:
        raise DeniedError("a statement's id was used before", reason="used-id")
    if not authority.active(device.member, at):
        raise DeniedError(
            "you are suspended", "a steward or two other members lift it", reason="suspended"
        )


def _check_gate(
    before: Authority | None, after: Authority, statement: Note, gate: Note, *, verified: bool
) -> None:
    # Judged as of before the entry; at genesis there is no before.
    judge = before or after
    if gate.origin != statement.origin:
        raise GateError("a gate note is for another log than the statement beside it")
    if gate.device not in judge.devices:
        raise GateError("a gate note is signed by someone who is no member")
    if not judge.active(judge.devices[gate.device].member, gate.body["time"]):
        raise GateError("a gate note is signed by someone who is suspended")
    if not verified:
        gate.verify(judge.devices[gate.device].contact)
    if gate.body["outcome"] != "done" or gate.body["why"] is not None or gate.body["level"] != 0:
        raise GateError("a gate note beside a statement does not say that it was done")
    if gate.body["authority"] != (before.position if before else NOTHING).body():
        raise GateError("a gate note does not name the authority that it judged")
    if before is None and gate.body["access"] != NOTHING.body():
        raise GateError("a gate note names an access log before there was one")
    if abs(gate.body["time"] - statement.body["time"]) > DRIFT:
        raise GateError("a gate note has quite another time than the statement beside it")
    # Sizes never decrease, nor fall below what the actor has seen.
    if gate.body["access"]["size"] < (before.access_size if before else 0):
        raise GateError("a gate note names an older access log than the one before it")
    seen = statement.body["seen"]
    if (
        gate.body["access"]["size"] < seen["access"]["size"]
        or gate.body["authority"]["size"] < seen["authority"]["size"]
    ):
        raise GateError("a gate note names less than the actor had seen")


def _check_new_keys(statement: Note) -> None:
    # A weak published key would let its maker deny or block everything sealed to the group.
    for raw in statement.body.get("epochs", []):
        check_public(decode(raw["sealing"]))
        if raw["signing"] is not None:
            check_ed25519(decode(raw["signing"]["ed25519"]))


# --- the rules ------------------------------------------------------------------------------------


def _genesis(statement: Note, *, verified: bool) -> Authority:
    body = statement.body
    if statement.kind != "genesis":
        raise UnknownVaultError("the authority log does not begin with a genesis statement")
    if statement.origin != note.origin(body["vault"], note.AUTHORITY):
        raise MalformedError("a genesis statement names another vault than its log")
    contact = contact_of(body["contact"])
    if not verified:
        statement.verify(contact)
    if contact.device != statement.device:
        raise DeniedError("a genesis statement is not signed by its founder", reason="not-founder")
    nothing = NOTHING.body()
    if body["extends"] != nothing or body["seen"] != {"authority": nothing, "access": nothing}:
        raise MalformedError("a genesis statement extends something")
    if body["policy"] != {"stewards": 1}:
        raise MalformedError("a genesis statement asks for a policy that is not supported")
    roles = roles_of(body["roles"])
    if roles != {Role.STEWARD, Role.ADVOCATE}:
        raise DeniedError("a founder is a steward and an advocate", reason="roles")
    founder = contact.device
    state = Authority(
        vault=body["vault"],
        fingerprint=hashlib.sha256(statement.text).hexdigest(),
        size=0,
        root=NOTHING.root,
        members={founder: Member(founder, contact.name, roles, (founder,), 0)},
        devices={founder: Device(founder, founder, contact, 0)},
        cases={},
        groups={},
        stewards_needed=1,
        founder=founder,
        held=frozenset(),
        note_ids=frozenset(),
        access_size=0,
        time=0,
        former_members={},
        former_devices={},
        proposals={},
        restores=(),
    )
    groups = {}
    if [epoch["group"] for epoch in body["epochs"]] != list(FIXED_GROUPS):
        raise MalformedError("a genesis statement does not begin exactly the three groups")
    for raw in body["epochs"]:
        groups[raw["group"]] = (epoch(raw, 1, {founder}, 0),)
    return replace(state, groups=groups)


def _rotated(authority: Authority, statement: Note, at: int) -> Authority:
    return rotate(authority, statement, at)


def _wrapped(authority: Authority, statement: Note, at: int) -> Authority:
    given = wraps(authority, statement, at)
    for group, device in given:
        if device not in {lacking.id for lacking in authority.lacking(group, at)}:
            raise DeniedError("a wrap is given to who should not have it", reason="wraps")
    return replace(authority, groups=with_wraps(authority.groups, given))


def _refuse_second_genesis() -> Authority:
    raise DeniedError("a vault has one genesis statement", reason="genesis")


_RULES: dict[str, Callable[[Authority, Note, int], Authority]] = {
    "genesis": lambda *_: _refuse_second_genesis(),
    "rotated": _rotated,
    "wrapped": _wrapped,
    "proposed": quorum.proposed,
    "endorsed": quorum.endorsed,
    **membership.RULES,
    **cases.RULES,
    **tickets.RULES,
}
