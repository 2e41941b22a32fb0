"""The rules for cases: who opens, holds and closes them, and what they ask for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from vault.authority.parts import (
    contact_of,
    decode,
    epoch,
    need,
    new_contact,
    person,
    rotate_beside,
    signer,
    with_device,
    with_grant,
    with_wraps,
    without_grant,
    wraps,
)
from vault.authority.parts import member as member_named
from vault.authority.quorum import signers, stewards_of
from vault.authority.state import Authority
from vault.errors import DeniedError, MalformedError
from vault.model import GATE, MEMBERS, Case, CasePolicy, Grant, Member, RecordsGrant, Role
from vault.note import Note

MAX_REF = 64


def case_opened(authority: Authority, statement: Note, at: int) -> Authority:
    """An advocate, or an attorney beside one, opens a case for its first holders."""
    body = statement.body
    by = need(authority, statement, Role.ADVOCATE, Role.ATTORNEY)
    if body["case"] in authority.cases:
        raise DeniedError("a case of this id exists already", reason="used-id")
    if body["ref"] is not None and not 0 < len(body["ref"]) <= MAX_REF:
        raise MalformedError(f"a case's reference has 1 to {MAX_REF} characters")
    names = body["holders"]
    if names[0] != by.id or len(set(names)) != len(names):
        raise DeniedError("a case's first holder is who opens it", reason="holders")
    holders = [_holder_to_be(authority, name, at) for name in names]
    # Without an advocate nobody could grant or close it.
    if not any(Role.ADVOCATE in holder.roles for holder in holders):
        raise DeniedError(
            "an attorney who opens a case names an advocate as co-holder",
            "use --with MEMBER",
            reason="no-advocate",
        )
    devices = {device for holder in holders for device in holder.devices}
    first = epoch(body["epochs"][0], 1, devices, authority.size)
    if first.group != body["case"]:
        raise MalformedError("a case is opened with another group's epoch")
    grants = {name: Grant(name, None, authority.size) for name in names}
    case = Case(body["case"], body["ref"], decode(body["title"]), grants, authority.size)
    return replace(
        authority,
        cases={**authority.cases, case.id: case},
        groups={**authority.groups, case.id: (first,)},
        held=authority.held | set(names),
    )


def case_granted(authority: Authority, statement: Note, at: int) -> Authority:
    """An advocate who holds a case makes somebody else a holder; for a case that has none any
    more its recovery identity brings one in."""
    body = statement.body
    by = signer(authority, statement)
    case = case_named(authority, body["case"])
    rescue = by.shares is not None and authority.holds(by.id, case.id, at)
    if not rescue:
        need_advocate(authority, statement, case, at)
    holder = _holder_to_be(authority, body["member"], at)
    if rescue and (Role.ADVOCATE not in holder.roles or not authority.orphaned(case.id, at)):
        raise DeniedError(
            "a recovery identity grants a case only to an advocate, and only when none holds it",
            reason="not-orphaned",
        )
    if authority.holds(holder.id, case.id, at):
        raise DeniedError(f"{holder.name} holds this case already", reason="is-holder")
    check_until(case, by, body["until"], at)
    given = wraps(authority, statement, at)
    if set(given) != {(case.id, device) for device in holder.devices}:
        raise DeniedError("a grant gives exactly the case's keys to the member", reason="wraps")
    return with_grant(authority, case, holder.id, body["until"], given)


def records_granted(authority: Authority, statement: Note, at: int) -> Authority:
    """An advocate who holds a case gives somebody some of its records, and nothing else of it."""
    body = statement.body
    case = case_named(authority, body["case"])
    by = need_advocate(authority, statement, case, at)
    holder = _holder_to_be(authority, body["member"], at)
    records = tuple(body["records"])
    if len(set(records)) != len(records):
        raise MalformedError("a record is granted twice")
    if authority.holds(holder.id, case.id, at):
        raise DeniedError(f"{holder.name} holds this case already", reason="is-holder")
    check_until(case, by, body["until"], at)
    granted = RecordsGrant(
        holder.id,
        records,
        body["until"],
        authority.size,
        statement.id_hash,
        body["seals"],
        holder.devices,
    )
    kept = tuple(one for one in case.records.get(holder.id, ()) if one.holds(at))
    changed = replace(case, records={**case.records, holder.id: (*kept, granted)})
    return replace(
        authority,
        cases={**authority.cases, case.id: changed},
        held=authority.held | {holder.id},
    )


def grant_revoked(authority: Authority, statement: Note, at: int) -> Authority:
    """An advocate who holds a case ends somebody's right to it; against another advocate who
    holds it, two of them, or one and a steward."""
    body = statement.body
    case = case_named(authority, body["case"])
    subject = member_named(authority, body["member"])
    if subject.id not in case.grants and subject.id not in case.records:
        raise DeniedError(f"{subject.name} has no right to this case", reason="no-grant")
    people = signers(authority, statement, at)
    advocates = {found.id for found in authority.advocates(case.id, at)}
    by = signer(authority, statement).id
    # Also while they are suspended: else two could suspend an advocate and one of them do the rest.
    grant = case.grants.get(subject.id)
    guarded = Role.ADVOCATE in subject.roles and grant is not None and grant.holds(at)
    if guarded and subject.id != by:
        others = (people & advocates) - {subject.id}
        allowed = len(others) >= 2 or bool(
            others and stewards_of(authority, people) - {subject.id} - _one(others)
        )
    else:
        allowed = bool(people & advocates)
    if not allowed:
        raise DeniedError(
            "against an advocate who holds the case two others must sign, or one and a steward"
            if guarded
            else "only an advocate who holds a case may revoke a grant",
            "let another endorse it: see `evault status`",
            reason="signatures",
        )
    after = replace(authority, cases={**authority.cases, case.id: without_grant(case, subject.id)})
    if guarded:
        _keep_case(after, case, subject, at)
    if any(raw["group"] != case.id for raw in body["epochs"] or ()):
        raise DeniedError("an act rotates a group that it does not concern", reason="epoch")
    return rotate_beside(after, statement, at)


def case_closed(authority: Authority, statement: Note, at: int) -> Authority:
    """An advocate who holds a case closes it: nothing more can be stored in it."""
    case = case_named(authority, statement.body["case"])
    need_advocate(authority, statement, case, at)
    if case.closed:
        raise DeniedError("this case is closed already", reason="no-change")
    return replace(authority, cases={**authority.cases, case.id: replace(case, closed=True)})


def case_reopened(authority: Authority, statement: Note, at: int) -> Authority:
    """An advocate who holds a case reopens it."""
    case = case_named(authority, statement.body["case"])
    need_advocate(authority, statement, case, at)
    if not case.closed:
        raise DeniedError("this case is open", reason="no-change")
    return replace(authority, cases={**authority.cases, case.id: replace(case, closed=False)})


def case_policy_set(authority: Authority, statement: Note, at: int) -> Authority:
    """An advocate who holds a case says how many must approve a retrieval; with the approvals
    that are asked for now, if it is to become less."""
    body = statement.body
    case = case_named(authority, body["case"])
    by = need_advocate(authority, statement, case, at)
    people = signers(authority, statement, at)
    now, wanted = case.policy, CasePolicy(body["asks"]["approvals"], body["asks"]["hours"])
    if wanted == now:
        raise DeniedError("the case asks for this already", reason="no-change")
    looser = wanted.approvals < now.approvals or (now.approvals > 0 and wanted.hours > now.hours)
    if looser and len(people - {by.id}) < now.approvals:
        raise DeniedError(
            f"{now.approvals} other holders must approve that a case asks for less",
            "let them endorse it: see `evault status`",
            reason="signatures",
        )
    others = [found for found in authority.holders(case.id, at) if found.devices and found != by]
    if now.approvals < wanted.approvals and len(others) < wanted.approvals:
        # One could else lock everybody out, and it would take as many more holders to undo it.
        raise DeniedError(
            f"{len(others)} others hold the case: no more can approve",
            "grant it to more members first",
            reason="holders",
        )
    return replace(authority, cases={**authority.cases, case.id: replace(case, policy=wanted)})


def hold_set(authority: Authority, statement: Note, at: int) -> Authority:
    """Any holder or a steward forbids destroying anything in a case."""
    case = case_named(authority, statement.body["case"])
    by = person(authority, signer(authority, statement).id)
    if Role.STEWARD not in by.roles and not authority.holds(by.id, case.id, at):
        raise DeniedError(
            "a holder of the case or a steward sets a legal hold", reason="not-holder"
        )
    if case.hold:
        raise DeniedError("the case is under a legal hold already", reason="no-change")
    return replace(authority, cases={**authority.cases, case.id: replace(case, hold=True)})


def hold_lifted(authority: Authority, statement: Note, at: int) -> Authority:
    """Two advocates who hold a case lift its legal hold."""
    case = case_named(authority, statement.body["case"])
    need_advocate(authority, statement, case, at)
    people = signers(authority, statement, at)
    if not case.hold:
        raise DeniedError("the case is under no legal hold", reason="no-change")
    if len(people) < 2:
        raise DeniedError(
            "two advocates who hold the case must sign to lift a legal hold",
            "let another endorse it: see `evault status`",
            reason="signatures",
        )
    return replace(authority, cases={**authority.cases, case.id: replace(case, hold=False)})


def recovery_trusted(authority: Authority, statement: Note, at: int) -> Authority:
    """An advocate makes an identity that exists only as shares a holder of their cases."""
    body = statement.body
    cases = [case_named(authority, name) for name in body["cases"]]
    if len({case.id for case in cases}) != len(cases):
        raise MalformedError("a case is named twice")
    for case in cases:
        by = need_advocate(authority, statement, case, at)
        check_until(case, by, None, at)
    if not 2 <= body["threshold"] <= body["shares"]:
        raise MalformedError("a recovery identity needs 2 or more of its shares")
    known = authority.ever(contact_of(body["contact"]).device)
    required = {case.id for case in cases}
    if known is not None and known.shares == (body["threshold"], body["shares"]):
        trusted, after = member_named(authority, known.id), authority
        if any(authority.holds(trusted.id, name, at) for name in required):
            raise DeniedError("a recovery identity holds a case already", reason="is-holder")
    else:
        contact = new_contact(authority, body["contact"])
        shares = (body["threshold"], body["shares"])
        trusted = Member(
            contact.device, contact.name, frozenset(), (), authority.size, shares=shares
        )
        after = with_device(authority, trusted, contact, recovery=True)
        required |= {MEMBERS, GATE}
    given = wraps(authority, statement, at)
    if set(given) != {(group, trusted.id) for group in required}:
        raise DeniedError("a recovery identity is given exactly these cases", reason="wraps")
    changed = dict(after.cases)
    for case in cases:
        grants = {**case.grants, trusted.id: Grant(trusted.id, None, authority.size)}
        changed[case.id] = replace(case, grants=grants)
    return replace(after, cases=changed, groups=with_wraps(after.groups, given))


def case_named(authority: Authority, name: str) -> Case:
    """A case by id.

    Raises:
        DeniedError: There is none.
    """
    found = authority.cases.get(name)
    if found is None:
        raise DeniedError("no such case", reason="no-case")
    return found


def need_advocate(authority: Authority, statement: Note, case: Case, at: int) -> Member:
    """Who signed a statement, if they are an advocate who holds a case.

    Raises:
        DeniedError: They are not.
    """
    by = need(authority, statement, Role.ADVOCATE)
    if not authority.holds(by.id, case.id, at):
        raise DeniedError(
            "only an advocate who holds a case may do this",
            "ask one of its holders",
            reason="not-holder",
        )
    return by


def _keep_case(after: Authority, case: Case, gone: Member, at: int) -> None:
    """Refuse what would leave a case without an advocate who can grant it, now or later."""
    stays = [found for found in after.advocates(case.id, at) if found.devices]
    if case.grants[gone.id].until is None:
        stays = [found for found in stays if case.grants[found.id].until is None]
    if not stays:
        raise DeniedError(
            "the last advocate who holds a case without an end cannot leave it",
            "grant it to another advocate first",
            reason="last-advocate",
        )
    if after.orphaned(case.id, at):
        raise DeniedError(
            "nobody who stays has the keys of the case",
            "give them the keys first: see `evault status`",
            reason="last-keys",
        )


def _holder_to_be(authority: Authority, name: str, at: int) -> Member:
    found = person(authority, name)
    if Role.AUDITOR in found.roles:
        raise DeniedError("an auditor cannot hold a case", reason="auditor")
    if not found.roles:
        raise DeniedError(
            f"{found.name} has no role now", "a steward sets one first", reason="no-role"
        )
    if found.suspended(at):
        raise DeniedError(f"{found.name} is suspended", reason="suspended")
    if not found.devices:
        raise DeniedError(
            f"{found.name} has no device now", "a steward adds one first", reason="no-device"
        )
    return found


def check_until(case: Case, by: Member, until: int | None, at: int) -> None:
    """Make sure that a right ends in the future, and no later than that of who gives it.

    Raises:
        DeniedError: It does not.
    """
    own = case.grants[by.id].until
    if until is not None and until <= at:
        raise DeniedError("a grant ends in the future", reason="until")
    if own is not None and (until is None or until > own):
        raise DeniedError("a grant ends no later than the granter's own", reason="until")


def _one(names: set[str]) -> set[str]:
    """The only one of some names, who cannot sign twice in two roles; else nobody."""
    return names if len(names) == 1 else set()


RULES: dict[str, Callable[[Authority, Note, int], Authority]] = {
    "case-opened": case_opened,
    "case-granted": case_granted,
    "records-granted": records_granted,
    "grant-revoked": grant_revoked,
    "case-closed": case_closed,
    "case-reopened": case_reopened,
    "case-policy-set": case_policy_set,
    "hold-set": hold_set,
    "hold-lifted": hold_lifted,
    "recovery-trusted": recovery_trusted,
}
