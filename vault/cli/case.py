"""`evault case`: what evidence belongs to, and who holds it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from vault.cli.context import Call, case_words, holds
from vault.cli.group import TEXT, Noun
from vault.cli.text import _, short_length
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
        records = size = None
        if found.title is not None:
            sizes = [int(record.label.values["size"]) for record in session.records(found.id)]
            records, size = len(sizes), sum(sizes)
        _tell(call, session, found, records=records, size=size)
        rows = [
            (_("Case"), found.id),
            (_("Title"), found.title or _("(not held)")),
            (_("Reference"), found.case.ref or _("none")),
            (_("Holders"), ", ".join(_holders(session, found))),
            (_("State"), _("closed") if found.case.closed else _("open")),
        ]
        if records is not None and size is not None:
            from vault.cli.text import size as in_words

            rows.append((_("Records"), f"{records}, {in_words(size)}"))
        call.out.rows(rows)


@case.command(
    "grant",
    help=_(
        """Make a member a holder of a case.

        A holder sees the labels of all its records, past and future, and can retrieve them. Only an
        advocate who holds the case can grant it. What was read cannot be un-read later.
        """
    ),
    examples=('evault case grant "Raids in April" Ben', "evault case grant 2026-014 4ka7"),
)
@click.argument("case", type=TEXT)
@click.argument("member", type=TEXT)
@click.pass_obj
def grant(call: Call, *, case: str, member: str) -> None:
    """Make a member a holder of a case."""
    with call.session() as session:
        found, holder = session.find_case(case), session.find_member(member)
        session.grant(found.id, holder.id)
        call.settle(session)
        call.out.object("grant", case=found.id, member=holder.id)
        call.out.say(
            _("{name} holds the case {case} now."), name=holder.name, case=case_words(found)
        )


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
        **more,
    )
