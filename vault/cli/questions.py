"""`evault log who`, `what` and `denied`: the questions that are asked most."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from vault.cli import selecting
from vault.cli.context import Call, shorten
from vault.cli.group import Command
from vault.cli.selecting import audited, fields, filter_of, hidden, telling
from vault.cli.sentences import Sentences
from vault.cli.text import _, moment, ngettext, visible
from vault.cli.times import moment_of
from vault.errors import AmbiguousError, NotFoundError

if TYPE_CHECKING:
    from vault.audit import Access, Audit
    from vault.audit.questions import Could, Filter, Opening
    from vault.session import Session


@click.command(
    cls=Command,
    help=_(
        """Who opened a record or a case, and who could.

        SUBJECT is a record's id or a case. Whoever could open it is shown as of now, or as of --at;
        holders can open the whole case. Nobody can what was destroyed by then, or not yet stored.
        At level 0 somebody who had the keys may have read it without an entry. Entries that you
        may not open are counted at the end.
        """
    ),
    partial=True,
    examples=("evault log who abcd2345", "evault log who 2026-014 --at 2026-03-01"),
)
@click.argument("subject")
@click.option("--at", help=_("Who could open it then: 2026-03-01, a moment, or 7d ago."))
@click.pass_obj
def who(call: Call, subject: str, at: str | None) -> None:
    """Who opened a record or a case, and who could."""
    from vault.audit.questions import as_of, could, openings

    with audited(call) as (session, audit):
        case, record, deposit = _subject(session, subject)
        when = session.now() if at is None else moment_of(at, session.now())
        wanted = _filter(cases=(case,) if case else (), records=(record,) if record else ())
        with telling(call, session, audit, wanted):
            found = openings(audit.entries(), wanted)
            authority = as_of(session.replica.history, when)
            able = (
                []
                if authority is None
                else could(authority, case, when, None if record is None else {record})
            )
            _opened(call, session, found)
            if not found:
                unseen = hidden(audit, wanted)
                call.out.say(
                    _("nobody opened it, as far as you may see")
                    if unseen
                    else _("nobody opened it")
                )
            there = True
            if record is not None:
                there = _there(call, session, audit, record, deposit, when)
            _could(call, session, able if there else [], when)


@click.command(
    cls=Command,
    help=_(
        """What somebody opened: each record once, when first, when last, how often.

        MEMBER may also be somebody who was removed; for a collector the id of the ticket. Entries
        that you may not open are counted at the end.
        """
    ),
    partial=True,
    examples=('evault log what "Ben Okafor"', "evault log what ben --case 2026-014"),
)
@click.argument("member")
@click.option("--case", "cases", multiple=True, help=_("Only of this case."))
@click.pass_obj
def what(call: Call, member: str, cases: tuple[str, ...]) -> None:
    """What somebody opened."""
    from vault.audit.questions import openings

    with audited(call) as (session, audit):
        person = session.find_person(member)
        names = [session.find_case(text).id for text in cases]
        wanted = _filter(members=(person.id,), cases=names)
        with telling(call, session, audit, wanted):
            found = openings(audit.entries(), wanted)
            _opened(call, session, found)
            if not found:
                name = Sentences(session).member(person.id)
                call.out.say(_("{name} opened nothing that you may see"), name=name)


@click.command(
    cls=Command,
    help=_(
        """Everything that the gate refused, and why.

        The options narrow it as in `evault log list`. Entries that you may not open are counted at
        the end.
        """
    ),
    partial=True,
    examples=("evault log denied", "evault log denied --member ben --since 30d"),
)
@selecting.options_of_refusals
@click.pass_obj
def denied(call: Call, /, **given: Any) -> None:
    """Everything that the gate refused."""
    from vault.audit.questions import select

    with audited(call) as (session, audit):
        wanted = filter_of(session, {**given, "outcomes": ("refused",)})
        sentences, count = Sentences(session), 0
        with telling(call, session, audit, wanted):
            for access in session.with_reasons(select(audit.entries(), wanted)):
                count += 1
                call.out.object("entry", **fields(session, access))
                call.out.say("{index:>6}  {text}", index=access.index, text=sentences.of(access))
            if not count:
                call.out.say(_nothing(wanted, hidden(audit, wanted)))


def _nothing(wanted: Filter, unseen: int) -> str:
    """That no refusal was found, and no more than that."""
    if unseen:
        return (
            _("nothing that fits and that you may see was refused")
            if wanted.narrow
            else _("nothing that you may see was refused")
        )
    return _("nothing that fits was refused") if wanted.narrow else _("nothing was refused")


def _filter(**criteria: Any) -> Filter:
    from vault.audit.questions import Filter

    return Filter(**criteria)


def _subject(session: Session, text: str) -> tuple[str, str | None, str]:
    """The case that is meant; the record, if it is one, and the deposit that it is in.

    Raises:
        NotFoundError, AmbiguousError: None or several fit.
    """
    from vault import ids

    try:
        return session.find_case(text).id, None, ""
    except AmbiguousError:
        raise
    except NotFoundError:
        pass
    try:
        record = session.find_record(text)
    except AmbiguousError:
        raise
    except NotFoundError:
        raise NotFoundError(
            _("no record or case '{text}'").format(text=visible(text)),
            _("see `evault log list` and `evault case list`"),
        ) from None
    with session.store.read() as reads:
        owner = reads.owner(ids.parse(record))
        deposit = owner and reads.deposit(owner[0])
    if deposit is None:
        return "", record, ""
    return ids.show(deposit.case), record, ids.show(deposit.id)


def _there(call: Call, session: Session, audit: Audit, record: str, deposit: str, at: int) -> bool:
    """Whether a record was in the vault at a time; if not, it is said why."""
    from vault import ids
    from vault.audit.questions import life
    from vault.intake import moment as rfc3339

    stored, gone = life(audit.entries(), record, deposit)
    if stored is not None and at < stored.time:
        _say_when(call, _("It was stored later: by entry {entry}, at {time}."), stored)
        return False
    if gone is not None:
        call.out.object("gone", record=record, entry=gone.index, time=rfc3339(gone.time))
        _say_when(call, _("It was destroyed by entry {entry}, at {time}."), gone)
        return at < gone.time
    with session.store.read() as reads:
        entry = reads.tombstone(ids.parse(record))
    if entry is None:
        return True
    # That entry is for others: when it was is not known, and that it is so only the vault says.
    call.out.object("gone", record=record, entry=entry, time=None)
    call.out.say(_("The vault says that it was destroyed, by entry {entry}."), entry=entry)
    return False


def _say_when(call: Call, text: str, access: Access) -> None:
    call.out.say(text, entry=access.index, time=moment(access.time))


def _opened(call: Call, session: Session, found: list[Opening]) -> None:
    from vault.intake import moment as rfc3339

    sentences = Sentences(session)
    short = {} if call.json else shorten(session, [one.record for one in found])
    rows = []
    for one in found:
        call.out.object(
            "access",
            member=one.member,
            record=one.record,
            case=one.case,
            first=rfc3339(one.first),
            last=rfc3339(one.last),
            count=one.count,
        )
        rows.append(
            (
                sentences.member(one.member),
                short.get(one.record, one.record),
                sentences.case(one.case),
                moment(one.first),
                moment(one.last) if one.count > 1 else "",
                str(one.count),
            )
        )
    heads = (_("Who"), _("Record"), _("Case"), _("First"), _("Last"), _("Times"))
    call.out.table(heads, rows, fold=(0, 2))


def _could(call: Call, session: Session, able: list[Could], at: int) -> None:
    from vault.intake import moment as rfc3339

    sentences = Sentences(session)
    call.out.say()
    call.out.say(_("At {time} these could open it:"), time=moment(at))
    for one in able:
        until = None if one.until is None else rfc3339(one.until)
        call.out.object(
            "could",
            member=one.member,
            case=one.case,
            records=None if one.records is None else list(one.records),
            until=until,
            why=one.why,
            approvals=one.approvals,
            at=rfc3339(at),
        )
        words = {
            "holder": _("holds the case"),
            "recovery": _("a recovery identity that holds the case"),
            "granted": ngettext(
                "was granted {count} record", "was granted {count} records", len(one.records or ())
            ).format(count=len(one.records or ())),
        }[one.why]
        end = "" if until is None else _(", until {time}").format(time=moment(one.until or 0))
        if one.approvals:
            end += ngettext(
                ", with the approval of {count} other holder",
                ", with the approval of {count} other holders",
                one.approvals,
            ).format(count=one.approvals)
        call.out.say(
            "    {who}: {words}{end}", who=sentences.member(one.member), words=words, end=end
        )
    if not able:
        call.out.say(_("    nobody"))
