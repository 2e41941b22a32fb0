"""The rules for acts on records: what the gate decides, and what anybody can decide again."""

from __future__ import annotations

from collections.abc import Callable

from vault.authority.state import Authority
from vault.errors import DeniedError, MalformedError, StaleError
from vault.kinds import DESTROY
from vault.model import GATE, Member, Role, Ticket
from vault.note import ACCESS, Note

_MESSAGES = {
    "role": ("only an advocate or an attorney may deposit", "see `evault member list`"),
    "no-case": ("there is no such case", "see `evault case list`"),
    "closed": ("this case is closed", "ask one of its holders to reopen it"),
    "not-holder": (
        "you do not hold the case",
        "ask an advocate who holds it for `evault case grant`",
    ),
    "recovery": (
        "a recovery identity opens no evidence itself",
        "grant the case to an advocate with it",
    ),
    "auditor": ("an auditor reviews who opened evidence and never opens any", ""),
    "request": (
        "there is no approved request for exactly this",
        "see `evault requests`",
    ),
    "receipt": ("a receipt is for one's own release", ""),
    "suspended": ("you are suspended", "a steward or two other members lift it"),
    "approval": (
        "this case asks for the approval of others",
        "file a request with `evault request`, or let `evault get` do it",
    ),
    "approvals": ("too few of the other holders have approved", "see `evault requests`"),
    "denied": ("another holder has denied this request", "see `evault requests`"),
    "used": ("this request was used before", "file a new one with `evault request`"),
    "expired": ("this request has expired", "file a new one with `evault request`"),
    "own-request": ("nobody approves or denies their own request", "ask another holder"),
    "hold": ("the case is under a legal hold", "two advocates who hold it can lift it"),
    "destroyed": ("this record was destroyed", ""),
    "renewal": ("there is no such rekey that waits for its confirmation", ""),
    "own-renewal": (
        "a rekey is confirmed by another holder than who made it",
        "ask another holder to run `evault case rekey CASE --confirm`",
    ),
    "old-renewal": (
        "since this rekey was made the case's keys have changed, or a record was destroyed",
        "make it again with `evault case rekey CASE`",
    ),
    "pending": (
        "an advocate's rekey of this case waits for its confirmation",
        "confirm it with `evault case rekey CASE --confirm`",
    ),
    "no-holder": ("nobody holds this case any more", "nobody could read what is stored in it"),
    "no-record": ("there is no such record in this case", ""),
    "ticket": ("this ticket is not for this case", "ask who issued it for another"),
    "ticket-expired": ("this ticket has expired", "collect again with a new one"),
    "ticket-revoked": ("this ticket was revoked", "collect again with a new one"),
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
    """Judge an act on records whose signature holds, as far as it stands alone.

    What it says of other entries (the request that it answers or uses, the rekey that it confirms)
    is judged by `vault.authority.approvals`.

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
    if act.origin != authority.origin(ACCESS):
        raise DeniedError("an act is for another vault or log", reason="wrong-log")
    ticket = authority.ticket_of(act)
    if ticket is not None:
        return _collected(authority, ticket, act, at)
    member = authority.member_of(act.device)
    rule = _RULES.get(act.kind)
    if rule is None:
        raise MalformedError(f"a {act.kind} note is not an act of the access log")
    if member.suspended(at):
        return "suspended"
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
    _epochs_in_force(authority, act)
    return None


def _collected(authority: Authority, ticket: Ticket, act: Note, at: int) -> str | None:
    if act.body["case"] != ticket.case:
        return "ticket"
    if ticket.revoked is not None:
        return "ticket-revoked"
    if not ticket.holds(at):
        return "ticket-expired"
    if authority.cases[ticket.case].closed:
        return "closed"
    # Details are for the holders of a case, whose keys a collector has not.
    if act.body["details"] is not None:
        raise MalformedError("a collector's deposit has details")
    # A collector cannot know that keys have changed: what was sealed to those of the ticket is
    # kept, and whoever reads can tell that it is exposed.
    if (act.body["epoch"], act.body["gate_epoch"]) != (ticket.epoch, ticket.gate_epoch):
        raise MalformedError("a deposit is sealed to other keys than its ticket's")
    return None


def _release(authority: Authority, member: Member, act: Note, at: int) -> str | None:
    reason = _may_open(authority, member, act, at)
    if reason is None and act.body["request"] is None:
        return "approval" if authority.cases[act.body["case"]].policy.approvals else None
    return reason


def _request(authority: Authority, member: Member, act: Note, at: int) -> str | None:
    reason = _may_open(authority, member, act, at)
    if reason is not None:
        return reason
    case = authority.cases[act.body["case"]]
    if act.body["asks_for"] == DESTROY and not authority.holds(member.id, case.id, at):
        return "not-holder"
    if act.body["asks_for"] == DESTROY and case.hold:
        return "hold"
    return None if at < act.body["expires"] <= at + 3600 * case.policy.hours else "expired"


def _answer(authority: Authority, member: Member, act: Note, at: int) -> str | None:
    # Approval or denial; whose request it answers is for who has the request to say.
    return _holding(authority, member, act, at)


def _destruction(authority: Authority, member: Member, act: Note, at: int) -> str | None:
    reason = _holding(authority, member, act, at)
    if reason is None and authority.cases[act.body["case"]].hold:
        return "hold"
    return reason


def _rekey(authority: Authority, member: Member, act: Note, at: int) -> str | None:
    # Any holder: whoever came later waits for what was added while the case was stale. That others
    # than advocates name such deposits alone is for who has the deposits to say.
    reason = _holding(authority, member, act, at)
    if reason is None:
        _epochs_in_force(authority, act)
    return reason


def _reencryption(authority: Authority, member: Member, act: Note, at: int) -> str | None:
    reason = _holding(authority, member, act, at)
    if reason is None and Role.ADVOCATE not in member.roles:
        return "role"
    if reason is None:
        _epochs_in_force(authority, act)
    return reason


def _confirmation(authority: Authority, member: Member, act: Note, at: int) -> str | None:
    case = authority.cases.get(act.body["case"])
    if case is None:
        return "no-case"
    if not authority.holds(member.id, case.id, at):
        return "not-holder"
    # Old bytes are a copy that a court may yet ask for.
    return "hold" if case.hold else None


def _receipt(authority: Authority, member: Member, act: Note, at: int) -> str | None:
    # Whether it is for the member's own release is for whoever has that entry to say.
    del member, at
    return None if act.body["case"] in authority.cases else "no-case"


def _export(authority: Authority, member: Member, act: Note, at: int) -> str | None:
    if act.body["details"] is not None:
        raise MalformedError("an export has no details")
    case = act.body["case"]
    # Nothing is given for it: whoever takes out what they may open says so.
    if not member.roles:
        return "role"
    if case is None or Role.AUDITOR in member.roles:
        return None if case is None or case in authority.cases else "no-case"
    return _holding(authority, member, act, at)


def _may_open(authority: Authority, member: Member, act: Note, at: int) -> str | None:
    if Role.AUDITOR in member.roles:
        return "auditor"
    # It brings somebody in who then opens evidence under their own name.
    if member.shares is not None:
        return "recovery"
    if act.body["case"] not in authority.cases:
        return "no-case"
    if not authority.may_open(member.id, act.body["case"], act.body["records"], at):
        return "not-holder"
    return None


def _holding(authority: Authority, member: Member, act: Note, at: int) -> str | None:
    if act.body["case"] not in authority.cases:
        return "no-case"
    if member.shares is not None or not authority.holds(member.id, act.body["case"], at):
        return "not-holder"
    return None


def _epochs_in_force(authority: Authority, act: Note) -> None:
    now = authority.epoch(act.body["case"]).number, authority.epoch(GATE).number
    if (act.body["epoch"], act.body["gate_epoch"]) != now:
        raise StaleError("the case's keys have changed", "try again")


_RULES: dict[str, Callable[[Authority, Member, Note, int], str | None]] = {
    "deposit": _deposit,
    "release": _release,
    "receipt": _receipt,
    "request": _request,
    "approval": _answer,
    "denial": _answer,
    "destruction": _destruction,
    "rekey": _rekey,
    "re-encrypt": _reencryption,
    "confirmation": _confirmation,
    "export": _export,
}
