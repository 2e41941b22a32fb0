"""What an entry of the access log says, as a sentence.

    On 3 March 2026 at 14:02 UTC Ana Ruiz (attorney) opened 2 records of case 2026-014 for
    preparation.

Times are the gate's. Where the actor's own clock said quite another, the sentence says that too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from vault.cli.text import _, ngettext, short_length
from vault.names import folded

if TYPE_CHECKING:
    from vault.audit import Access
    from vault.session import Session

_APART = 300
"""From how many seconds on two clocks are said to differ."""

_MONTHS = (
    _("January"),
    _("February"),
    _("March"),
    _("April"),
    _("May"),
    _("June"),
    _("July"),
    _("August"),
    _("September"),
    _("October"),
    _("November"),
    _("December"),
)

_REFUSALS = {
    "role": _("their role does not allow it"),
    "not-holder": _("they do not hold the case"),
    "no-case": _("there is no such case"),
    "no-record": _("there is no such record in the case"),
    "closed": _("the case is closed"),
    "suspended": _("they are suspended"),
    "auditor": _("auditors open no evidence"),
    "recovery": _("a recovery identity opens no evidence"),
    "approval": _("the case asks for the approval of others"),
    "approvals": _("too few of the other holders had approved it"),
    "request": _("no request is for exactly this"),
    "denied": _("another holder had denied it"),
    "used": _("the request had been used before"),
    "expired": _("the request had expired"),
    "own-request": _("nobody answers their own request"),
    "hold": _("the case is under a legal hold"),
    "destroyed": _("a record had been destroyed"),
    "receipt": _("there is no such release of theirs"),
}

_DONE: Mapping[str, str] = {
    "deposit": _("stored {what} in case {case}"),
    "release": _("opened {what} of case {case} for {purpose}{how}"),
    "receipt": _("confirmed that what entry {entry} gave them was whole and unchanged"),
    "request": _("asked to {act} {what} of case {case} for {purpose}"),
    "approval": _("approved request {request} in case {case}"),
    "denial": _("denied request {request} in case {case}"),
    "destruction": _("destroyed {what} of case {case}"),
    "re-encrypt": _("encrypted a deposit of case {case} anew"),
    "confirmation": _("confirmed what entry {entry} did with case {case}"),
}
_TRIED: Mapping[str, str] = {
    "deposit": _("tried to store {what} in case {case}"),
    "release": _("tried to open {what} of case {case} for {purpose}"),
    "receipt": _("tried to confirm what entry {entry} gave"),
    "request": _("tried to ask for {what} of case {case} for {purpose}"),
    "approval": _("tried to approve request {request} in case {case}"),
    "denial": _("tried to deny request {request} in case {case}"),
    "destruction": _("tried to destroy {what} of case {case}"),
    "re-encrypt": _("tried to encrypt a deposit of case {case} anew"),
    "confirmation": _("tried to confirm what entry {entry} did with case {case}"),
    "export": _("tried to take entries of the access log out of the vault"),
}


_FORMS = {
    "csv": _("as a table"),
    "jsonl": _("as lines of JSON"),
    "report": _("as a report"),
    "outsider": _("as a report for outsiders"),
    "disclosure": _("with what proves it to outsiders"),
}


def _counted(kind: str, count: int, *, refused: bool) -> str | None:
    """The words for an act that says itself how many things it is about; None for others."""
    if kind == "rekey" and refused:
        return ngettext(
            "tried to seal {count} deposit of case {case} to its new keys",
            "tried to seal {count} deposits of case {case} to its new keys",
            count,
        )
    if kind == "rekey":
        return ngettext(
            "sealed {count} deposit of case {case} to its new keys",
            "sealed {count} deposits of case {case} to its new keys",
            count,
        )
    if kind == "export" and not refused:
        return ngettext(
            "took {count} entry of the access log out of the vault, {form}",
            "took {count} entries of the access log out of the vault, {form}",
            count,
        )
    return None


def day(seconds: int) -> str:
    """A day for people, in UTC."""
    at = datetime.fromtimestamp(seconds, UTC)
    return f"{at.day} {_MONTHS[at.month - 1]} {at.year}"


def clock(seconds: int) -> str:
    """A time of day for people, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%H:%M")


def _told_apart(names: Mapping[str, str]) -> dict[str, str]:
    """Names by id; with the beginning of the id where two look alike, or one looks like that."""
    alike = Counter(map(folded, names.values()))
    length = short_length(names, 8)
    return {
        key: f"{name} [{key[:length]}]"
        if alike[folded(name)] > 1 or name.rstrip().endswith("]")
        else name
        for key, name in names.items()
    }


class Sentences:
    """Says what entries say.

    Args:
        session: Whose view it is: names, references, and titles of cases that they hold.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        cases = {found.id: found.case.ref or found.title for found in session.cases()}
        self._cases = _told_apart({case: name for case, name in cases.items() if name})
        authority = session.authority
        everybody = (*authority.former_members.values(), *authority.members.values())
        self._people = _told_apart(
            {ticket: f"ticket {ticket[:8]}" for ticket in authority.tickets}
            | {member.id: member.name for member in everybody}
        )

    def case(self, case: str | None) -> str:
        """A case by its reference; else its title, for who can read it; else its id. Where another
        is called the same, the beginning of its id comes after it."""
        return self._cases.get(case or "") or (case or "?")[:8]

    def member(self, member: str) -> str:
        """Somebody's name, or that it is a collector's ticket; their id if they were never a
        member. Where another is or was called the same, the beginning of it comes after the
        name."""
        return self._people.get(member) or member[:8]

    def of(self, access: Access) -> str:
        """What an entry says. Its values are as people wrote them: make them visible.

        Args:
            access: An entry that could be opened.
        """
        from vault.audit.questions import roles_then

        refused = access.outcome == "refused"
        words = _counted(access.kind, access.count or 0, refused=refused)
        words = words or (_TRIED if refused else _DONE).get(access.kind)
        roles = roles_then(self._session.replica.at, access)
        said = _("On {day} at {time} UTC {who} {did}").format(
            day=day(access.time),
            time=clock(access.time),
            who=self.member(access.actor) + (f" ({', '.join(roles)})" if roles else ""),
            did=self._did(access, words),
        )
        if refused:
            why = _REFUSALS.get(access.refusal or "", access.refusal)
            said += _(": REFUSED ({code}), {why}").format(code=access.refusal, why=why)
        if access.outcome == "pending":
            said += _("; others have to approve it")
        if access.why:
            said += _(", saying: “{why}”").format(why=access.why)
        if abs(access.actor_time - access.time) > _APART:
            said += _(" (their own clock said {day}, {time})").format(
                day=day(access.actor_time), time=clock(access.actor_time)
            )
        if access.problem is not None:
            said += _("; NOT VALID: {reason}").format(reason=access.problem.message)
        return said

    def _did(self, access: Access, words: str | None) -> str:
        if words is None:
            # A statement that was refused; what it was about stands in its note.
            return _("tried a change of membership or rights ({kind})").format(kind=access.kind)
        count = access.count if access.kind == "deposit" else len(access.records)
        how = {"view": _(", on screen"), "produce": _(", to hand it over")}
        return words.format(
            what=ngettext("{count} record", "{count} records", count or 0).format(count=count),
            case=self.case(access.case),
            purpose=access.purpose,
            how=how.get(access.disposition or "", ""),
            act={"destroy": _("destroy"), "view": _("see")}.get(access.disposition or "", _("get")),
            entry=access.entry,
            request=(access.request or "")[:8],
            count=access.count,
            form=_FORMS.get(access.form or "", access.form),
        )
