"""The gate takes requests and the answers to them, and keeps count of what may still be used.

What it remembers has no names: of each request the hash of its note's id, its entry's index, and
what became of it; of each approval that it took the same. All else comes with the act that speaks
of a request: the signed notes themselves, which the gate verifies again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vault import note
from vault.authority import approvals
from vault.errors import MalformedError
from vault.gate import records
from vault.message import Answer
from vault.note import ACCESS, Note
from vault.store import APPROVED, DENIED, PENDING, USED

if TYPE_CHECKING:
    from vault.gate.core import Turn


def ask(turn: Turn) -> Answer:
    """Log a request that the authority allows: others have to answer it.

    Raises:
        MalformedError: It names a record twice.
    """
    reason = records.find(turn.writes, turn.case, turn.actor.body["records"])
    if reason is not None:
        return turn.refuse(reason)
    answer = turn.append("pending", also=[turn.actor.device])
    turn.writes.add_request(turn.actor.id_hash, answer.index, PENDING)
    return answer


def answer(turn: Turn) -> Answer:
    """Log an approval or a denial of a request that is still open.

    Raises:
        MalformedError: It does not come with the request that it answers.
        SignatureError: That request is not signed by who it says.
    """
    if len(turn.message.attachments) != 1 or turn.rows is not None:
        raise MalformedError(f"a {turn.actor.kind} comes with the request that it answers")
    asked = quoted(turn, turn.message.attachments[0], "request")
    if asked is None:
        return turn.refuse("request")
    reason = _spent(turn, asked) or approvals.judge_answer(
        turn.authority, turn.actor, asked, turn.at
    )
    if reason is not None:
        return turn.refuse(reason)
    given = turn.append("done", also=[asked.device])
    if turn.actor.kind == "denial":
        turn.writes.set_request(asked.id_hash, DENIED)
    else:
        turn.writes.add_request(turn.actor.id_hash, given.index, APPROVED)
    return given


def use(turn: Turn) -> str | None:
    """Judge the request that a release or destruction uses, by the notes that come with it: the
    request, then approvals.

    Returns:
        None if it may be used, and is used up now; else the reason code.

    Raises:
        MalformedError: It comes with something else.
        SignatureError: A note is not signed by who it says.
    """
    if turn.rows is not None:
        raise MalformedError(f"a {turn.actor.kind} comes with no rows")
    if not turn.message.attachments:
        return "request"
    first, *more = turn.message.attachments
    asked = quoted(turn, first, "request")
    if asked is None:
        return "request"
    found = [quoted(turn, raw, "approval") for raw in more]
    # Only what this log has taken counts: an approval that was refused is none.
    answers = [
        one for one in found if one is not None and turn.writes.request(one.id_hash) == APPROVED
    ]
    reason = _spent(turn, asked) or approvals.judge_use(
        turn.authority, turn.actor, asked, answers, turn.at
    )
    if reason is None:
        turn.writes.set_request(asked.id_hash, USED)
    return reason


def quoted(turn: Turn, raw: bytes, kind: str) -> Note | None:
    """A note that an act quotes, verified; None if its device is no member's any more.

    Raises:
        MalformedError: It is not a note of this kind and log.
        SignatureError: It is not signed by the device that it names.
    """
    found = note.parse(raw)
    if found.kind != kind or found.origin != turn.authority.origin(ACCESS):
        raise MalformedError(f"a {turn.actor.kind} quotes something else than a {kind}")
    device = turn.authority.devices.get(found.device)
    # Who has a revoked device could sign with it today.
    if device is None or not turn.writes.used(found.id_hash):
        return None
    found.verify(device.contact)
    return found


def _spent(turn: Turn, asked: Note) -> str | None:
    state = turn.writes.request(asked.id_hash)
    if state == PENDING:
        return None
    return {DENIED: "denied", USED: "used"}.get(state or "", "request")
