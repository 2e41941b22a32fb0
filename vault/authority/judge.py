"""The rules for acts on records: what the gate decides, and what anybody can decide again."""

from __future__ import annotations

from collections.abc import Callable

from vault.authority.state import Authority
from vault.errors import DeniedError, MalformedError, StaleError
from vault.model import GATE, Member, Role
from vault.note import ACCESS, Note

_MESSAGES = {
    "role": ("only an advocate or an attorney may deposit", "see `evault member list`"),
    "no-case": ("there is no such case", "see `evault case list`"),
    "closed": ("this case is closed", "ask one of its holders to reopen it"),
    "not-holder": (
        "you do not hold the case of this record",
        "ask an advocate who holds it for `evault case grant`",
    ),
    "auditor": ("an auditor reviews who opened evidence and never opens any", ""),
    "request": ("there is no such approved request", ""),
    "receipt": ("a receipt is for one's own release", ""),
    "no-record": ("there is no such record in this case", ""),
}


def denied(reason: str, entry: int | None = None) -> DeniedError:
    """The exception for a reason code, in words for people.

    Args:
        reason: The code that stands in the gate note.
        entry: The index of the refusal in the access log.
    """
    message, hint = _MESSAGES.get(reason, (f"refused: {reason}", ""))
    return DeniedError(message, hint, reason=reason, entry=entry)


def judge(authority: Authority, act: Note, at: int) -> str | None:
    """Judge a deposit, a release or a receipt whose signature holds.

    Args:
        authority: The authority in force.
        act: The actor note.
        at: The gate's time, in seconds since the epoch.

    Returns:
        None if it is allowed, else the reason code of the refusal.

    Raises:
        StaleError: It is sealed to an epoch that is no longer in force: make it again.
        DeniedError: The device is not a member's: nothing is logged for strangers.
        MalformedError: It is no act of the access log.
    """
    member = authority.member_of(act.device)
    if act.origin != authority.origin(ACCESS):
        raise DeniedError("an act is for another vault or log", reason="wrong-log")
    rule = _RULES.get(act.kind)
    if rule is None:
        raise MalformedError(f"a {act.kind} note is not an act of the access log")
    return rule(authority, member, act, at)


def _deposit(authority: Authority, member: Member, act: Note, at: int) -> str | None:
    del at
    if not member.roles & {Role.ADVOCATE, Role.ATTORNEY}:
        return "role"
    case = authority.cases.get(act.body["case"])
    if case is None:
        return "no-case"
    if case.closed:
        return "closed"
    now = authority.epoch(case.id).number, authority.epoch(GATE).number
    if (act.body["epoch"], act.body["gate_epoch"]) != now:
        raise StaleError("the case's keys have changed", "try again")
    return None


def _release(authority: Authority, member: Member, act: Note, at: int) -> str | None:
    if Role.AUDITOR in member.roles:
        return "auditor"
    if act.body["case"] not in authority.cases:
        return "no-case"
    if not authority.holds(member.id, act.body["case"], at):
        return "not-holder"
    return None if act.body["request"] is None else "request"


def _receipt(authority: Authority, member: Member, act: Note, at: int) -> str | None:
    # Whether it is for the member's own release is for whoever has that entry to say.
    del member, at
    return None if act.body["case"] in authority.cases else "no-case"


_RULES: dict[str, Callable[[Authority, Member, Note, int], str | None]] = {
    "deposit": _deposit,
    "release": _release,
    "receipt": _receipt,
}
