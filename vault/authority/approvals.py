"""The rules for acts that others must agree to: what is released or destroyed after a request, and
what replaces old keys once somebody else has opened the new ones.

Everything here is said of notes whose signatures were verified, by whoever has them: the gate, to
which the actor quotes them, and later every reader who can open their entries.
"""

from __future__ import annotations

from collections.abc import Iterable

from vault.authority.state import Authority
from vault.kinds import DESTROY, RENEWALS
from vault.model import GATE, Role
from vault.note import Note


def approvers(authority: Authority, request: Note, answers: Iterable[Note], at: int) -> set[str]:
    """The members whose approval of a request counts at a time: other holders, each once.

    Args:
        authority: In force.
        request: The request.
        answers: Approvals, verified by who reads them.
        at: Seconds since the epoch.
    """
    case, asker = request.body["case"], authority.ever(request.device)
    found = set()
    for answer in answers:
        device = authority.devices.get(answer.device)
        # A device that was revoked since may have been in other hands when it signed.
        if device is None or not _answers(answer, request, "approval"):
            continue
        member = authority.members[device.member]
        if (
            authority.holds(member.id, case, at)
            and member.shares is None
            and (asker is None or member.id != asker.id)
        ):
            found.add(member.id)
    return found


def needed(authority: Authority, request: Note) -> int:
    """How many others must approve a request: as many as the case's policy asks for, and at least
    one where something is to be destroyed."""
    wanted = authority.cases[request.body["case"]].policy.approvals
    return max(1, wanted) if request.body["asks_for"] == DESTROY else wanted


def people(authority: Authority, request: Note, answers: Iterable[Note], at: int) -> set[str]:
    """The holders who stand behind a request at a time: who approved it, and who asked."""
    found = approvers(authority, request, answers, at)
    asker = authority.ever(request.device)
    if asker is not None and authority.holds(asker.id, request.body["case"], at):
        found.add(asker.id)
    return found


def enough(authority: Authority, request: Note, answers: Iterable[Note], at: int) -> bool:
    """Whether a request has the approvals that it needs at a time.

    What is to be destroyed needs one more than others must approve, whoever asked, and an advocate
    among them.
    """
    answers = list(answers)
    wanted = needed(authority, request)
    if request.body["asks_for"] != DESTROY:
        return len(approvers(authority, request, answers, at)) >= wanted
    behind = people(authority, request, answers, at)
    advocates = [name for name in behind if Role.ADVOCATE in authority.members[name].roles]
    return len(behind) > wanted and bool(advocates)


def judge_answer(authority: Authority, act: Note, request: Note, at: int) -> str | None:
    """Judge an approval or a denial against the request that it answers.

    Returns:
        None if it is allowed, else the reason code.
    """
    # A device that was revoked since may have been in other hands when it asked.
    if not _answers(act, request, act.kind) or request.device not in authority.devices:
        return "request"
    if at >= request.body["expires"]:
        return "expired"
    asker, by = authority.ever(request.device), authority.member_of(act.device)
    return "own-request" if asker is not None and asker.id == by.id else None


def judge_use(
    authority: Authority, act: Note, request: Note, answers: Iterable[Note], at: int
) -> str | None:
    """Judge a release or a destruction against the request that it uses.

    Whether the request was denied or used before is for who keeps count of it to say.

    Args:
        authority: In force.
        act: The release or destruction.
        request: The request.
        answers: Approvals of it, verified.
        at: The gate's time.

    Returns:
        None if it is allowed, else the reason code.
    """
    if not _uses(act, request) or request.device not in authority.devices:
        return "request"
    if at >= request.body["expires"]:
        return "expired"
    answers = list(answers)
    by, asker = authority.member_of(act.device), authority.ever(request.device)
    # Only who asked can use a release, from whichever of their devices; a destruction is done by
    # any of those who stand behind it.
    if act.kind == "release" and (asker is None or asker.id != by.id):
        return "request"
    if act.kind != "release" and by.id not in people(authority, request, answers, at):
        return "approvals"
    return None if enough(authority, request, answers, at) else "approvals"


def judge_confirmation(authority: Authority, act: Note, renewal: Note, at: int) -> str | None:
    """Judge who confirms a rekey or a re-encryption.

    Args:
        authority: In force.
        act: The confirmation.
        renewal: What it confirms.
        at: The gate's time.

    Returns:
        None if it is allowed, else the reason code.
    """
    case = act.body["case"]
    if renewal.kind not in RENEWALS or renewal.body["case"] != case:
        return "renewal"
    # New seals that somebody opens who has left meanwhile would be no better than the old ones.
    now = authority.epoch(case).number, authority.epoch(GATE).number
    made_for = renewal.body["epoch"], renewal.body["gate_epoch"]
    if made_for != now or authority.stale(case, at):
        return "old-renewal"
    by, maker = authority.member_of(act.device), authority.ever(renewal.device)
    # Who has no device could never confirm anything.
    holders = (*authority.holders(case, at), *authority.trusted(case, at))
    others = {found.id for found in holders if found.devices} - {by.id}
    own = maker is not None and maker.id == by.id
    # A sole holder confirms alone, and the entry says so.
    if act.body["sole"] != (own and not others):
        return "own-renewal"
    return "own-renewal" if own and others else None


def _answers(answer: Note, request: Note, kind: str) -> bool:
    if answer.kind != kind or request.kind != "request":
        return False
    named = answer.body["answers"], answer.body["asked"], answer.body["case"]
    return bool(named == (request.body["id"], request.digest, request.body["case"]))


def _uses(act: Note, request: Note) -> bool:
    if request.kind != "request" or act.body["case"] != request.body["case"]:
        return False
    asked = request.body
    if act.body["records"] != asked["records"]:
        return False
    if act.kind == "release":
        said = act.body["request"], act.body["disposition"], act.body["purpose"]
        return said == (asked["id"], asked["asks_for"], asked["purpose"])
    return bool(act.body["answers"] == asked["id"] and asked["asks_for"] == DESTROY)
