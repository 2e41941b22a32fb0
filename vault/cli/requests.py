"""`evault request`, `requests`, `approve`, `deny`, `destroy`: what takes more than one person."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from vault.cli.context import Call, case_words
from vault.cli.evidence import PURPOSE
from vault.cli.group import TEXT, Command
from vault.cli.text import _, moment, ngettext, short_length
from vault.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from vault.model import Request
    from vault.requests import Gone
    from vault.retrieve import Opened
    from vault.session import Session

DISPOSITIONS = {
    "copy": _("a copy"),
    "view": _("to look at it"),
    "produce": _("to hand it over"),
    "destroy": _("to destroy it"),
}
STATES = {
    "pending": _("waits for others"),
    "approved": _("approved"),
    "denied": _("denied"),
    "used": _("used"),
    "expired": _("expired"),
}
_MOST = 1000


@click.command(
    cls=Command,
    help=_(
        """Ask for records of a case in which others must approve it.

        Prints a message for those who must approve: it has no secret in it and can go by any way.
        Once enough of them have, `evault get --request` brings the records. What `get`, `view` and
        `show` need they ask for by themselves: this is for whoever wants to ask beforehand.
        """
    ),
    examples=(
        'evault request abcd2345 --purpose hearing --why "Hearing of May 4"',
        "evault request abcd2345 efgh6723 --purpose disclosure --disposition produce",
    ),
)
@click.argument("records", nargs=-1, required=True, type=TEXT, metavar="RECORD...")
@click.option("--purpose", type=PURPOSE, help=_("Why you ask; auditors see it."))
@click.option("--why", type=TEXT, help=_("In words; only holders of the case see it."))
@click.option(
    "--disposition",
    type=click.Choice([name for name in DISPOSITIONS if name != "destroy"]),
    default="copy",
    show_default=True,
    help=_("What you will do with it."),
)
@click.pass_obj
def request(
    call: Call, *, records: tuple[str, ...], purpose: str | None, why: str | None, disposition: str
) -> None:
    """Ask for records that others must approve."""
    purpose, why = call.purpose(purpose, why)
    with call.session() as session:
        found = [session.find_record(record) for record in records]
        for names in _parts(session, found):
            filed = session.requests.file(names, purpose, why, disposition)
            _tell(call, session, filed)
            call.out.say(_("The request {id} is filed."), id=short(session, filed))
            if filed.state == "pending":
                _ask_others(call, session, filed)
        call.settle(session)


@click.command(
    "requests",
    cls=Command,
    help=_("List requests: yours and those of others that you can see, oldest first."),
    partial=True,
    examples=("evault requests", "evault requests --for-me", "evault requests --mine --json"),
)
@click.option("--mine", is_flag=True, help=_("Only your own."))
@click.option("--for-me", is_flag=True, help=_("Only those that wait for your answer."))
@click.pass_obj
def list_requests(call: Call, *, mine: bool, for_me: bool) -> None:
    """List requests."""
    with call.session() as session:
        found = session.requests.all(mine=mine, for_me=for_me)
        cases = {case.id: case_words(case) for case in session.cases()}
        length = _length(session)
        rows = []
        for one in found:
            _tell(call, session, one)
            rows.append(
                (
                    one.id[:length],
                    _name(session, one.actor),
                    _what(one),
                    _count(one),
                    cases.get(one.case, one.case),
                    STATES[one.state],
                    _("{got} of {needs}").format(got=len(one.approvals), needs=one.needs),
                    moment(one.expires),
                    one.why or "",
                )
            )
        heads = (
            _("Request"),
            _("Who"),
            _("For"),
            _("Records"),
            _("Case"),
            _("State"),
            _("Approvals"),
            _("Expires"),
            _("Words"),
        )
        call.out.table(heads, rows, fold=(1, 2, 4, 5, 8))


@click.command(
    cls=Command,
    help=_(
        """Approve somebody's request for records, or that they be destroyed.

        Look first who asks for what: `evault requests --for-me`. What you approve is logged, with
        your name.
        """
    ),
    examples=("evault approve abcd2345", 'evault approve abcd2345 --why "for the hearing only"'),
)
@click.argument("request", type=TEXT)
@click.option("--why", type=TEXT, help=_("In words; only holders of the case see it."))
@click.pass_obj
def approve(call: Call, *, request: str, why: str | None) -> None:
    """Approve somebody's request."""
    with call.session() as session:
        _introduce(call, session, session.requests.find(request))
        after = session.requests.approve(request, why)
        call.settle(session)
        _answered(call, session, after)
        if after.state == "approved" and after.disposition == "destroy":
            call.out.say(_("Approved. `evault destroy` on the same records destroys them now."))
        elif after.state == "approved":
            call.out.say(_("Approved: {name} can use it now."), name=_name(session, after.actor))
        else:
            call.out.say(
                _("You approve it. {got} of {needs} have."),
                got=len(after.approvals),
                needs=after.needs,
            )


@click.command(
    cls=Command,
    help=_("Deny somebody's request: it cannot be approved or used any more, only filed anew."),
    examples=('evault deny abcd2345 --why "not before we have asked her"',),
)
@click.argument("request", type=TEXT)
@click.option("--why", type=TEXT, help=_("In words; only holders of the case see it."))
@click.pass_obj
def deny(call: Call, *, request: str, why: str | None) -> None:
    """Deny somebody's request."""
    why = call.text(why, "--why", _("Why? Only holders of the case read it"))
    with call.session() as session:
        _introduce(call, session, session.requests.find(request))
        after = session.requests.deny(request, why)
        call.settle(session)
        _answered(call, session, after)
        call.out.say(_("Denied."))


@click.command(
    cls=Command,
    help=_(
        """Destroy records for good.

        That takes two holders of the case at least, one of them an advocate: the first one asks and
        this ends with exit code 31; another one runs `evault approve`, or the same command; then it
        is done. A legal hold forbids it.

        What is gone is the record's key, its label, its particulars and its content. That it was
        there, and who destroyed it when, stays provable. Copies that were made before cannot be
        reached: the receipt says who has some, as far as the log knows.

        At a terminal you are asked once more, unless --yes is given. Without one you are not: one
        person's script can only ask.
        """
    ),
    examples=('evault destroy abcd2345 --why "The witness asked for it"',),
)
@click.argument("records", nargs=-1, required=True, type=TEXT, metavar="RECORD...")
@click.option("--why", type=TEXT, help=_("In words; only holders of the case see it."))
@click.option("--yes", is_flag=True, help=_("Do not ask once more."))
@click.pass_obj
def destroy(call: Call, *, records: tuple[str, ...], why: str | None, yes: bool) -> None:
    """Destroy records for good."""
    from vault.requests import AskedError

    why = call.text(why, "--why", _("Why? Only holders of the case read it"))
    with call.session() as session:
        found = [session.find_record(record) for record in records]
        _confirm(call, session, found, yes=yes)
        try:
            gone = session.destroy(found, why)
        except AskedError as error:
            for one in error.requests:
                _tell(call, session, one)
                _ask_others(call, session, one)
            raise
        call.settle(session)
        for record in gone:
            tell_gone(call, record)


# --- for other commands -----------------------------------------------------------------------


def release(
    call: Call,
    session: Session,
    records: Sequence[str],
    purpose: str,
    why: str | None,
    *,
    disposition: str = "copy",
    request: str | None = None,
) -> list[Opened]:
    """Have records released; where a case asks for approvals, with the request that it takes.

    An approved request for exactly this is used; one that waits is named; else one is filed.

    Raises:
        AskedError: Others have to approve it first. Nothing was released.
    """
    from vault.requests import waiting

    if request is not None:
        return session.release(records, purpose, why, disposition=disposition, request=request)
    session.catch_up()
    asking: list[Request] = []
    free = list(records)
    for names in _parts(session, records):
        if not _asks(session, names[0]):
            continue
        known = session.requests.same(names, purpose, disposition)
        asking.append(known or session.requests.file(names, purpose, why, disposition))
        free = [name for name in free if name not in set(names)]
    waits = [one for one in asking if one.state != "approved"]
    if waits:
        for one in waits:
            _tell(call, session, one)
            _ask_others(call, session, one)
        raise waiting(*waits)
    opened = {
        got.listed.id: got
        for one in asking
        for got in session.release(
            one.records, purpose, why, disposition=disposition, request=one.id
        )
    }
    if free:
        more = session.release(free, purpose, why, disposition=disposition)
        opened |= {got.listed.id: got for got in more}
    return [opened[record] for record in records]


def tell_gone(call: Call, gone: Gone) -> None:
    """The receipt of a destruction, for programs and for people."""
    from vault.intake import moment as rfc3339

    unreachable = [
        _("backups and copies of the vault"),
        *(
            _("copies that were released: {name}, {time}, entry {entry}").format(
                name=copy.name or copy.member, time=moment(copy.time), entry=copy.entry
            )
            for copy in gone.copies
        ),
        _("the medium: a disk or chip may keep what was overwritten until it is destroyed"),
    ]
    call.out.object(
        "destroyed",
        record=gone.record,
        case=gone.case,
        entry=gone.entry,
        by=gone.member,
        by_name=gone.name,
        time=rfc3339(gone.time),
        copies=[
            {
                "member": copy.member,
                "name": copy.name,
                "time": rfc3339(copy.time),
                "disposition": copy.disposition,
                "entry": copy.entry,
            }
            for copy in gone.copies
        ],
        unreachable=unreachable,
        erased=gone.erased,
    )
    call.out.say(
        _("The record {record} was destroyed by {name} on {time}: entry {entry}."),
        record=gone.record,
        name=gone.name or gone.member,
        time=moment(gone.time),
        entry=gone.entry,
    )
    call.out.say(_("Nobody can open it from this vault any more. What cannot be reached:"))
    for text in unreachable:
        call.out.say("  {text}", text=text)
    if not gone.erased:
        call.out.warn(
            _(
                "the vault is in use, so the bytes of its content could not be erased just now: "
                "the next act erases them"
            )
        )


def short(session: Session, one: Request) -> str:
    """The beginning of a request's id that tells it from all others."""
    return one.id[: _length(session)]


# --- parts ------------------------------------------------------------------------------------


def _length(session: Session) -> int:
    return short_length([one.id for one in session.requests.all()], 8)


def _parts(session: Session, records: Sequence[str]) -> list[list[str]]:
    """Records as they are asked for: those of one case, a thousand at most."""
    return [
        names[start : start + _MOST]
        for names in session.requests.by_case(records).values()
        for start in range(0, len(names), _MOST)
    ]


def _asks(session: Session, record: str) -> bool:
    (case,) = session.requests.by_case([record])
    return session.authority.cases[case].policy.approvals > 0


def _confirm(call: Call, session: Session, records: Sequence[str], *, yes: bool) -> None:
    if call.terminal is None or yes:
        return
    for listed in session.labels(records):
        call.terminal.tell("{id}  {name}", id=listed.id, name=str(listed.label.values["name"]))
    answer = call.terminal.ask(
        _("This cannot be undone. Type the word destroy to go on"), empty=True
    )
    if answer.strip().lower() != "destroy":
        raise UsageError(_("nothing was destroyed"))


def _introduce(call: Call, session: Session, one: Request) -> None:
    """Who asks for what, before it is answered."""
    try:
        case = case_words(session.find_case(one.case))
    except NotFoundError:
        case = one.case
    call.out.note(
        _("{name} asks for {count} of the case {case}: {what}. {why}"),
        name=_name(session, one.actor),
        count=_count(one),
        case=case,
        what=_what(one),
        why=one.why or "",
    )


def _ask_others(call: Call, session: Session, one: Request) -> None:
    """What to send to those who must approve: nothing in it tells what it is about."""
    text = _(
        "Please look at request {id} in our vault: `evault approve {id}`, or `evault deny {id}`"
    )
    call.out.say(_("Send this to the others who hold the case; nothing in it is secret:"))
    call.out.say("  " + text, id=short(session, one))


def _answered(call: Call, session: Session, one: Request) -> None:
    call.out.object(
        "approval",
        request=one.id,
        state=one.state,
        needs=one.needs,
        approvals=list(one.approvals),
        approval_names=[_name(session, member) for member in one.approvals],
    )


def _tell(call: Call, session: Session, one: Request) -> None:
    """A request for programs."""
    from vault.intake import moment as rfc3339

    more: dict[str, Any] = {}
    if session.authority.holds(session.member.id, one.case, session.now()):
        more = {"why": one.why}
    call.out.object(
        "request",
        request=one.id,
        state=one.state,
        needs=one.needs,
        case=one.case,
        records=list(one.records),
        purpose=one.purpose,
        disposition=one.disposition,
        actor=one.actor,
        actor_name=_name(session, one.actor),
        approvals=list(one.approvals),
        approval_names=[_name(session, member) for member in one.approvals],
        expires=rfc3339(one.expires),
        entry=one.entry,
        **more,
    )


def _name(session: Session, member: str) -> str:
    authority = session.authority
    found = authority.members.get(member) or authority.former_members.get(member)
    return found.name if found else member


def _what(one: Request) -> str:
    words = DISPOSITIONS[one.disposition]
    return words if one.disposition == "destroy" else f"{one.purpose}, {words}"


def _count(one: Request) -> str:
    text = ngettext("{count} record", "{count} records", len(one.records))
    return text.format(count=len(one.records))
