"""The rules for statements: `apply(authority, statement, gate note) -> authority`, or it raises.

Each rule answers two questions: may this member do this now, and does the statement carry exactly
the epochs and wraps that the act needs. A statement names the size and root that it extends, so it
holds at one index of one log and nowhere else.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from keys.group import LINK_SIZE
from keys.identity import Contact, parse_contact
from keys.seal import OVERHEAD, check_public
from keys.signing import check_ed25519
from vault import note
from vault.authority.state import Authority
from vault.errors import DeniedError, GateError, MalformedError, StaleError, UnknownVaultError
from vault.log.merkle import EMPTY_ROOT
from vault.model import (
    AUDITORS,
    FIXED_GROUPS,
    GATE,
    MEMBERS,
    Case,
    Device,
    EpochKeys,
    Grant,
    Member,
    Position,
    Role,
)
from vault.note import Note

WRAP_SIZE = OVERHEAD + 32
MAX_REF = 64

NOTHING = Position(0, EMPTY_ROOT.hex())
"""What has been seen of a log before it has an entry."""


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
        _check_actor(authority, statement, verified=verified)
        after = rule(authority, statement, gate.body["time"])
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


# --- what holds for every statement -----------------------------------------------------------


def _check_actor(authority: Authority, statement: Note, *, verified: bool) -> None:
    if statement.origin != authority.origin(note.AUTHORITY):
        raise DeniedError("a statement is for another vault or log", reason="wrong-log")
    device = authority.device(statement.device)
    if not verified:
        statement.verify(device.contact)
    if statement.body["extends"] != authority.position.body():
        raise StaleError("another statement came first", "try again")
    if statement.id_hash in authority.note_ids:
        raise DeniedError("a statement's id was used before", reason="used-id")


def _check_gate(
    before: Authority | None, after: Authority, statement: Note, gate: Note, *, verified: bool
) -> None:
    # Judged as of before the entry; at genesis there is no before.
    judge = before or after
    if gate.origin != statement.origin:
        raise GateError("a gate note is for another log than the statement beside it")
    if gate.device not in judge.devices:
        raise GateError("a gate note is signed by someone who is no member")
    if not verified:
        gate.verify(judge.devices[gate.device].contact)
    if gate.body["outcome"] != "done" or gate.body["why"] is not None or gate.body["level"] != 0:
        raise GateError("a gate note beside a statement does not say that it was done")
    if gate.body["authority"] != (before.position if before else NOTHING).body():
        raise GateError("a gate note does not name the authority that it judged")
    if before is None and gate.body["access"] != NOTHING.body():
        raise GateError("a gate note names an access log before there was one")
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
    for epoch in statement.body.get("epochs", []):
        check_public(_bytes(epoch["sealing"]))
        if epoch["signing"] is not None:
            check_ed25519(_bytes(epoch["signing"]["ed25519"]))


# --- the rules ------------------------------------------------------------------------------------


def _genesis(statement: Note, *, verified: bool) -> Authority:
    body = statement.body
    if statement.kind != "genesis":
        raise UnknownVaultError("the authority log does not begin with a genesis statement")
    if statement.origin != note.origin(body["vault"], note.AUTHORITY):
        raise MalformedError("a genesis statement names another vault than its log")
    contact = _contact(body["contact"])
    if not verified:
        statement.verify(contact)
    if contact.device != statement.device:
        raise DeniedError("a genesis statement is not signed by its founder", reason="not-founder")
    nothing = NOTHING.body()
    if body["extends"] != nothing or body["seen"] != {"authority": nothing, "access": nothing}:
        raise MalformedError("a genesis statement extends something")
    if body["policy"] != {"stewards": 1}:
        raise MalformedError("a genesis statement asks for a policy that is not supported")
    roles = _roles(body["roles"])
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
    )
    groups = {}
    if [epoch["group"] for epoch in body["epochs"]] != list(FIXED_GROUPS):
        raise MalformedError("a genesis statement does not begin exactly the three groups")
    for raw in body["epochs"]:
        groups[raw["group"]] = (_epoch(raw, 1, {founder}, 0),)
    return replace(state, groups=groups)


def _member_added(authority: Authority, statement: Note, at: int) -> Authority:
    del at
    body = statement.body
    _need(authority, statement, Role.STEWARD)
    _no_quorum(authority, body)
    contact = _contact(body["contact"])
    if contact.device in authority.devices:
        raise DeniedError(
            f"{contact.name} is a member already", "see `evault member list`", reason="is-member"
        )
    roles = _roles(body["roles"])
    if body["epochs"]:
        raise MalformedError("a member is added without new epochs")
    required = {MEMBERS, GATE}
    allowed = required | ({AUDITORS} if Role.AUDITOR in roles else set())
    given = _wraps(authority, statement)
    if any(device != contact.device for _, device in given):
        raise DeniedError("a statement gives keys to others than the new member", reason="wraps")
    if not required <= {group for group, _ in given} <= allowed:
        raise DeniedError("a new member is given other keys than their roles ask", reason="wraps")
    member = Member(contact.device, contact.name, roles, (contact.device,), authority.size)
    device = Device(contact.device, contact.device, contact, authority.size)
    return replace(
        authority,
        members={**authority.members, member.id: member},
        devices={**authority.devices, device.id: device},
        groups=_with_wraps(authority.groups, given),
    )


def _case_opened(authority: Authority, statement: Note, at: int) -> Authority:
    del at
    body = statement.body
    signer = _need(authority, statement, Role.ADVOCATE, Role.ATTORNEY)
    if body["case"] in authority.cases:
        raise DeniedError("a case of this id exists already", reason="used-id")
    if body["ref"] is not None and not 0 < len(body["ref"]) <= MAX_REF:
        raise MalformedError(f"a case's reference has 1 to {MAX_REF} characters")
    names = body["holders"]
    if names[0] != signer.id or len(set(names)) != len(names):
        raise DeniedError("a case's first holder is who opens it", reason="holders")
    holders = [_member(authority, name) for name in names]
    if any(Role.AUDITOR in holder.roles for holder in holders):
        raise DeniedError("an auditor cannot hold a case", reason="auditor")
    # Without an advocate nobody could grant or close it.
    if not any(Role.ADVOCATE in holder.roles for holder in holders):
        raise DeniedError(
            "an attorney who opens a case names an advocate as co-holder",
            "use --with MEMBER",
            reason="no-advocate",
        )
    devices = {device for holder in holders for device in holder.devices}
    epoch = _epoch(body["epochs"][0], 1, devices, authority.size)
    if epoch.group != body["case"]:
        raise MalformedError("a case is opened with another group's epoch")
    grants = {name: Grant(name, None, authority.size) for name in names}
    case = Case(body["case"], body["ref"], _bytes(body["title"]), grants, authority.size)
    return replace(
        authority,
        cases={**authority.cases, case.id: case},
        groups={**authority.groups, case.id: (epoch,)},
        held=authority.held | set(names),
    )


def _case_granted(authority: Authority, statement: Note, at: int) -> Authority:
    body = statement.body
    signer = _need(authority, statement, Role.ADVOCATE)
    case = authority.cases.get(body["case"])
    if case is None:
        raise DeniedError("no such case", reason="no-case")
    if not authority.holds(signer.id, case.id, at):
        raise DeniedError(
            "only an advocate who holds a case may grant it",
            "ask one of its holders",
            reason="not-holder",
        )
    member = _member(authority, body["member"])
    if Role.AUDITOR in member.roles:
        raise DeniedError("an auditor cannot hold a case", reason="auditor")
    if authority.holds(member.id, case.id, at):
        raise DeniedError(f"{member.name} holds this case already", reason="is-holder")
    own, until = case.grants[signer.id].until, body["until"]
    if until is not None and until <= at:
        raise DeniedError("a grant ends in the future", reason="until")
    if own is not None and (until is None or until > own):
        raise DeniedError("a grant ends no later than the granter's own", reason="until")
    given = _wraps(authority, statement)
    if set(given) != {(case.id, device) for device in member.devices}:
        raise DeniedError("a grant gives exactly the case's keys to the member", reason="wraps")
    grants = {**case.grants, member.id: Grant(member.id, until, authority.size)}
    return replace(
        authority,
        cases={**authority.cases, case.id: replace(case, grants=grants)},
        groups=_with_wraps(authority.groups, given),
        held=authority.held | {member.id},
    )


def _rotated(authority: Authority, statement: Note, at: int) -> Authority:
    groups = dict(authority.groups)
    epochs = statement.body["epochs"]
    if len({raw["group"] for raw in epochs}) != len(epochs):
        raise MalformedError("a group is rotated twice")
    for raw in epochs:
        group = raw["group"]
        if group not in groups:
            raise DeniedError("no such group", reason="no-group")
        entitled = {device.id for device in authority.entitled(group, at)}
        # Nobody draws a seed for a group that they are not in.
        if statement.device not in entitled or statement.device not in groups[group][-1].wraps:
            raise DeniedError("only a holder of a group may rotate it", reason="not-holder")
        epoch = _epoch(raw, groups[group][-1].number + 1, entitled, authority.size)
        groups[group] = (*groups[group], epoch)
    return replace(authority, groups=groups)


def _wrapped(authority: Authority, statement: Note, at: int) -> Authority:
    given = _wraps(authority, statement)
    for group, device in given:
        if device not in {lacking.id for lacking in authority.lacking(group, at)}:
            raise DeniedError("a wrap is given to who should not have it", reason="wraps")
    return replace(authority, groups=_with_wraps(authority.groups, given))


_RULES: dict[str, Callable[[Authority, Note, int], Authority]] = {
    "genesis": lambda *_: _refuse_second_genesis(),
    "member-added": _member_added,
    "case-opened": _case_opened,
    "case-granted": _case_granted,
    "rotated": _rotated,
    "wrapped": _wrapped,
}


# --- parts of rules ---------------------------------------------------------------------------


def _refuse_second_genesis() -> Authority:
    raise DeniedError("a vault has one genesis statement", reason="genesis")


def _need(authority: Authority, statement: Note, *roles: Role) -> Member:
    member = authority.member_of(statement.device)
    if not member.roles.intersection(roles):
        wanted = " or ".join(roles)
        raise DeniedError(
            f"only a member with the role {wanted} may do this",
            "see `evault member list`",
            reason="role",
        )
    return member


def _no_quorum(authority: Authority, body: Mapping[str, Any]) -> None:
    if authority.stewards_needed != 1 or body["quoted"]:
        raise MalformedError("proposals and endorsements are not supported")


def _member(authority: Authority, member: str) -> Member:
    found = authority.members.get(member)
    if found is None:
        raise DeniedError("no such member", "see `evault member list`", reason="no-member")
    return found


def _roles(names: list[str]) -> frozenset[Role]:
    roles = frozenset(map(Role, names))
    if len(roles) != len(names):
        raise MalformedError("a role is named twice")
    if Role.AUDITOR in roles and len(roles) > 1:
        raise DeniedError("an auditor has no other role", reason="roles")
    return roles


def _contact(text: str) -> Contact:
    return parse_contact(text.encode("utf-8", "surrogatepass"))


def _epoch(raw: Mapping[str, Any], number: int, devices: Iterable[str], index: int) -> EpochKeys:
    group = raw["group"]
    if raw["number"] != number:
        raise DeniedError("an epoch does not follow the one before", reason="epoch")
    wraps = {wrap["device"]: _bytes(wrap["wrap"]) for wrap in raw["wraps"]}
    if len(wraps) != len(raw["wraps"]) or set(wraps) != set(devices):
        raise DeniedError("an epoch is not given to exactly its holders", reason="wraps")
    if any(len(wrap) != WRAP_SIZE for wrap in wraps.values()):
        raise MalformedError("a wrap does not have its length")
    link = None if raw["link"] is None else _bytes(raw["link"])
    if (link is None) != (number == 1) or (link is not None and len(link) != LINK_SIZE):
        raise MalformedError("an epoch does not link to the one before")
    signing = raw["signing"]
    if (signing is None) != (group != GATE):
        raise MalformedError("only the gate's epochs have signing keys")
    keys = None if signing is None else (_bytes(signing["ed25519"]), _bytes(signing["ml_dsa_44"]))
    if keys is not None and (len(keys[0]), len(keys[1])) != (32, 1312):
        raise MalformedError("a signing key does not have its length")
    return EpochKeys(group, number, _bytes(raw["sealing"]), keys, link, wraps, index)


def _wraps(authority: Authority, statement: Note) -> dict[tuple[str, str], bytes]:
    raw: list[dict[str, Any]] = statement.body["wraps"]
    given = {(wrap["group"], wrap["device"]): _bytes(wrap["wrap"]) for wrap in raw}
    if len(given) != len(raw):
        raise MalformedError("a wrap is given twice")
    for wrap in raw:
        epochs = authority.groups.get(wrap["group"])
        if epochs is None or epochs[-1].number != wrap["number"]:
            raise DeniedError("a wrap is not of a group's epoch in force", reason="epoch")
        # Whoever has no seed can give none: what they called a wrap would shut out its recipient.
        if statement.device not in epochs[-1].wraps:
            raise DeniedError("only a holder of a group may give its keys", reason="not-holder")
        if len(given[wrap["group"], wrap["device"]]) != WRAP_SIZE:
            raise MalformedError("a wrap does not have its length")
    return given


def _with_wraps(
    groups: Mapping[str, tuple[EpochKeys, ...]], given: Mapping[tuple[str, str], bytes]
) -> Mapping[str, tuple[EpochKeys, ...]]:
    changed = dict(groups)
    for (group, device), wrap in given.items():
        *older, newest = changed[group]
        changed[group] = (*older, replace(newest, wraps={**newest.wraps, device: wrap}))
    return changed


def _bytes(text: str) -> bytes:
    return base64.b64decode(text)
