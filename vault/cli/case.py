"""`evault case`: what evidence belongs to, and who holds it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from vault.cli import granting, times
from vault.cli.context import Call, case_words, holds
from vault.cli.group import TEXT, Noun
from vault.cli.member import exposure_fields, tell_exposure
from vault.cli.proposals import signing
from vault.cli.rekey import rekey
from vault.cli.text import _, moment, ngettext, short_length
from vault.errors import UsageError

if TYPE_CHECKING:
    from vault.session import Session, Titled

_MAX_REF = 200


@click.group(
    cls=Noun,
    help=_(
        """What evidence belongs to, and who holds it.

        CASE is its id, the beginning of the id (4 or more characters), its title or its reference.
        """
    ),
    examples=('evault case open "Raids in April"', 'evault case grant "Raids in April" Ben'),
)
def case() -> None:
    """What evidence belongs to."""


case.add_command(rekey)


@case.command(
    "open",
    help=_(
        """Open a case. You become its first holder.

        Only holders can read the title; all members see the reference, so keep it dull. An attorney
        names an advocate as a further holder.
        """
    ),
    examples=(
        'evault case open "Raids in April" --ref 2026-014',
        'evault case open "Family R." --with Ana',
    ),
)
@click.argument("title", type=TEXT, required=False)
@click.option("--ref", type=TEXT, help=_("A short reference that all members see."))
@click.option(
    "--with",
    "holders",
    type=TEXT,
    metavar="MEMBER",
    multiple=True,
    help=_("A further holder; may be given several times."),
)
@click.pass_obj
def open_case(call: Call, *, title: str | None, ref: str | None, holders: tuple[str, ...]) -> None:
    """Open a case."""
    if ref is not None and not 0 < len(ref.encode()) <= _MAX_REF:
        raise UsageError(_("a reference has 1 to {most} bytes").format(most=_MAX_REF))
    title = call.text(title, "TITLE", _("Title, for its holders only"))
    with call.session() as session:
        names = [session.find_member(name).id for name in holders]
        opened = session.open_case(title, ref, holders=names)
        call.settle(session)
        _tell(call, session, opened)
        call.out.say(_("The case {case} is open: {id}"), case=case_words(opened), id=opened.id)
        if len(opened.case.grants) < 2:
            call.out.note(
                _("nobody but you holds it: `evault case grant {id} MEMBER`"), id=opened.id
            )


@case.command(
    "list",
    help=_("List all cases; titles only of those that you hold."),
    partial=True,
    examples=("evault case list", "evault case list --json"),
)
@click.pass_obj
def list_cases(call: Call) -> None:
    """List all cases."""
    with call.session() as session:
        cases = session.cases()
        length = short_length([found.id for found in cases])
        rows = []
        for found in cases:
            _tell(call, session, found)
            rows.append(
                (
                    found.id[:length],
                    found.title or _("(not held)"),
                    found.case.ref or "",
                    ", ".join(_holders(session, found)),
                    _("closed") if found.case.closed else _("open"),
                )
            )
        call.out.table((_("Case"), _("Title"), _("Ref"), _("Holders"), _("State")), rows, fold=(1,))


@case.command(
    "show",
    help=_("Show a case: its title, its holders, how much is in it."),
    examples=('evault case show "Raids in April"', "evault case show 2026-014 --json"),
)
@click.argument("case", type=TEXT, required=False)
@click.pass_obj
def show(call: Call, *, case: str | None) -> None:
    """Show a case."""
    with call.session() as session:
        found = call.case(session, case)
        records = size = exposed = None
        if found.title is not None:
            listed = list(session.records(found.id))
            records = len(listed)
            size = sum(int(record.label.values["size"]) for record in listed)
            exposed = sum(
                record.held is not None and session.tickets.exposes(record.held)
                for record in listed
            )
        granted = granting.record_grants(session, found.id)
        own = [one for one in granted if one.grant.member == session.member.id]
        # Who else was granted what is for holders to look after.
        shown = granted if holds(session, found) else own
        single = [granting.fields(session, one) for one in shown]
        _tell(
            call,
            session,
            found,
            records=records,
            size=size,
            exposed=exposed,
            record_grants=single,
        )
        rows = [
            (_("Case"), found.id),
            (_("Title"), found.title or _("(not held)")),
            (_("Reference"), found.case.ref or _("none")),
            (_("Holders"), ", ".join(_holders(session, found))),
            (_("State"), _("closed") if found.case.closed else _("open")),
            (_("Approvals"), str(found.case.policy.approvals)),
            (_("Legal hold"), _("yes") if found.case.hold else _("no")),
        ]
        at = session.now()
        trusted = [one.name for one in session.authority.trusted(found.id, at)]
        if trusted:
            rows.append((_("Recovery"), ", ".join(trusted)))
        if session.authority.orphaned(found.id, at):
            rows.append((_("Orphaned"), _("no advocate holds it any more")))
        if records is not None and size is not None:
            from vault.cli.text import size as in_words

            rows.append((_("Records"), f"{records}, {in_words(size)}"))
        if exposed:
            rows.append((_("Exposed"), _("{count} records").format(count=exposed)))
        for one in shown:
            name = session.authority.members[one.grant.member].name
            rows.append((_("Granted"), f"{name}: {granting.in_words(one)}"))
        call.out.rows(rows)


@case.command(
    "grant",
    help=_(
        """Make a member a holder of a case, or grant them some of its records.

        A holder sees the labels of all its records, past and future, and can retrieve them. With
        --records they see and retrieve exactly these, and not the title of the case: not on a
        device that they add later, and not after a re-encryption, until it is granted again.

        Only an advocate who holds the case can grant it, for no longer than they hold it
        themselves. What was read cannot be un-read later.
        """
    ),
    examples=(
        'evault case grant "Raids in April" Ben',
        "evault case grant 2026-014 4ka7 --until 2w",
        "evault case grant 2026-014 Ben --records abcd2345 --records efgh6723 --until 7d",
        "evault case grant 2026-014 Ben --records ./for-ben.txt --until 2026-05-01",
    ),
)
@click.argument("case", type=TEXT)
@click.argument("member", type=TEXT)
@click.option(
    "--until",
    type=TEXT,
    metavar="TIME",
    help=_("When it ends: 7d, 2w, a date (its beginning), or a time; in UTC."),
)
@click.option(
    "--records",
    type=TEXT,
    metavar="RECORD|FILE",
    multiple=True,
    help=_(
        "Only these: ids, or files with one on each line (write ./FILE), or - for standard input."
    ),
)
@click.pass_obj
def grant(
    call: Call, *, case: str, member: str, until: str | None, records: tuple[str, ...]
) -> None:
    """Make a member a holder of a case, or grant them some of its records."""
    with call.session() as session:
        found, holder = session.find_case(case), session.find_member(member)
        ends = None if until is None else times.until(until, session.now())
        names = granting.chosen(call, session, records) if records else None
        if names is None:
            session.casework.grant(found.id, holder.id, ends)
        else:
            session.grants.grant_records(found.id, holder.id, names, ends)
        call.settle(session)
        call.out.object(
            "grant",
            case=found.id,
            member=holder.id,
            until=granting.rfc3339(ends),
            records=names,
        )
        _tell_grant(call, holder.name, case_words(found), names, ends)


def _tell_grant(
    call: Call, name: str, case: str, records: list[str] | None, until: int | None
) -> None:
    if records is None:
        text = _("{name} holds the case {case} now.")
        if until is not None:
            text = _("{name} holds the case {case} now, until {time}.")
    else:
        text = ngettext(
            "{name} can see and retrieve {count} record of the case {case} now.",
            "{name} can see and retrieve {count} records of the case {case} now.",
            len(records),
        )
        if until is not None:
            text = ngettext(
                "{name} can see and retrieve {count} record of the case {case} until {time}.",
                "{name} can see and retrieve {count} records of the case {case} until {time}.",
                len(records),
            )
    count = 0 if records is None else len(records)
    time = "" if until is None else moment(until)
    call.out.say(text, name=name, case=case, count=count, time=time)


@case.command(
    "revoke",
    help=_(
        """End a member's right to a case, and to single records of it.

        An advocate who holds the case can; against another advocate who holds it, two of them or
        one and a steward. It holds at once, and what is stored from now on is sealed to new keys.
        In the end you are told what they opened, could have opened, and never opened.
        """
    ),
    examples=("evault case revoke 2026-014 Ben",),
)
@click.argument("case", type=TEXT)
@click.argument("member", type=TEXT)
@click.pass_obj
def revoke(call: Call, *, case: str, member: str) -> None:
    """End a member's right to a case."""
    with call.session() as session:
        found, subject = session.find_case(case), session.find_member(member)
        with signing(call, session):
            session.casework.revoke(found.id, subject.id)
        exposed = session.exposure(found.id, subject.id)
        call.out.object("revoked", case=found.id, member=subject.id, **exposure_fields(exposed))
        call.out.say(
            _("{name} has no right to the case {case} any more."),
            name=subject.name,
            case=case_words(found),
        )
        tell_exposure(call, session, found.id, exposed)


@case.command(
    "policy",
    help=_(
        """Say how many other holders must approve before anything of a case is retrieved.

        An advocate who holds the case can ask for more at any time. Asking for less needs as many
        other holders as must approve now: they sign with `evault endorse`.
        """
    ),
    examples=(
        "evault case policy 2026-014 --approvals 2",
        "evault case policy 2026-014 --approvals 1 --request-ttl 24",
    ),
)
@click.argument("case", type=TEXT)
@click.option("--approvals", type=click.IntRange(0, 16), metavar="K", help=_("How many. 0: none."))
@click.option(
    "--request-ttl",
    "hours",
    type=click.IntRange(1, 24 * 366),
    metavar="HOURS",
    help=_("For how long a request can be approved and used."),
)
@click.pass_obj
def policy(call: Call, *, case: str, approvals: int | None, hours: int | None) -> None:
    """Say how many other holders must approve a retrieval."""
    with call.session() as session:
        from dataclasses import replace

        found = session.find_case(case)
        now = found.case.policy
        wanted = replace(
            now,
            approvals=now.approvals if approvals is None else approvals,
            hours=now.hours if hours is None else hours,
        )
        if wanted != now:
            with signing(call, session):
                session.casework.set_policy(found.id, wanted)
        others = len(session.authority.holders(found.id, session.now())) - 1
        call.out.object(
            "policy", case=found.id, approvals=wanted.approvals, request_ttl=wanted.hours
        )
        call.out.say(
            ngettext(
                "{count} other holder must approve a retrieval; a request holds {hours} hours.",
                "{count} other holders must approve a retrieval; a request holds {hours} hours.",
                wanted.approvals,
            ),
            count=wanted.approvals,
            hours=wanted.hours,
        )
        if others < wanted.approvals:
            call.out.warn(
                _("there are only {count} others who hold it: nothing can be retrieved"),
                count=others,
            )


@case.command(
    "close",
    help=_("Close a case: nothing more can be stored in it. What is in it stays retrievable."),
    examples=("evault case close 2026-014",),
)
@click.argument("case", type=TEXT)
@click.pass_obj
def close(call: Call, *, case: str) -> None:
    """Close a case."""
    with call.session() as session:
        found = session.find_case(case)
        session.casework.close(found.id)
        call.settle(session)
        _tell(call, session, session.find_case(found.id))
        call.out.say(_("The case {case} is closed."), case=case_words(found))


@case.command(
    "reopen",
    help=_("Reopen a case that was closed."),
    examples=("evault case reopen 2026-014",),
)
@click.argument("case", type=TEXT)
@click.pass_obj
def reopen(call: Call, *, case: str) -> None:
    """Reopen a case."""
    with call.session() as session:
        found = session.find_case(case)
        session.casework.reopen(found.id)
        call.settle(session)
        _tell(call, session, session.find_case(found.id))
        call.out.say(_("The case {case} is open again."), case=case_words(found))


@case.group(
    "legal-hold",
    cls=Noun,
    help=_(
        """Forbid destroying anything in a case.

        Any holder or a steward sets it; two advocates who hold the case lift it.
        """
    ),
    examples=("evault case legal-hold set 2026-014", "evault case legal-hold lift 2026-014"),
)
def legal_hold() -> None:
    """Forbid destroying anything in a case."""


@legal_hold.command(
    "set",
    help=_("Put a case under a legal hold."),
    examples=("evault case legal-hold set 2026-014",),
)
@click.argument("case", type=TEXT)
@click.pass_obj
def set_hold(call: Call, *, case: str) -> None:
    """Put a case under a legal hold."""
    with call.session() as session:
        found = session.find_case(case)
        session.casework.set_hold(found.id)
        call.settle(session)
        _tell(call, session, session.find_case(found.id))
        call.out.say(_("Nothing in the case {case} can be destroyed."), case=case_words(found))


@legal_hold.command(
    "lift",
    help=_("Lift a legal hold; a second advocate who holds the case signs too."),
    examples=("evault case legal-hold lift 2026-014",),
)
@click.argument("case", type=TEXT)
@click.pass_obj
def lift_hold(call: Call, *, case: str) -> None:
    """Lift a legal hold."""
    with call.session() as session:
        found = session.find_case(case)
        with signing(call, session):
            session.casework.lift_hold(found.id)
        _tell(call, session, session.find_case(found.id))
        call.out.say(_("The case {case} is under no legal hold now."), case=case_words(found))


def _holders(session: Session, found: Titled) -> list[str]:
    return [member.name for member in session.authority.holders(found.id, session.now())]


def _tell(call: Call, session: Session, found: Titled, **more: Any) -> None:
    holders = session.authority.holders(found.id, session.now())
    call.out.object(
        "case",
        case=found.id,
        title=found.title,
        ref=found.case.ref,
        holders=[member.id for member in holders],
        holder_names=[member.name for member in holders],
        held=holds(session, found),
        closed=found.case.closed,
        approvals=found.case.policy.approvals,
        request_ttl=found.case.policy.hours,
        legal_hold=found.case.hold,
        orphaned=session.authority.orphaned(found.id, session.now()),
        stale=session.authority.stale(found.id, session.now()),
        trusted=[found.id for found in session.authority.trusted(found.id, session.now())],
        **more,
    )
