"""`evault case rekey`: copied old keys open nothing in the vault's files any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from vault.cli.context import Call, case_words
from vault.cli.group import TEXT, Command
from vault.cli.text import _, ngettext, size
from vault.errors import UsageError

if TYPE_CHECKING:
    from vault.renewals import Plan, Renewed
    from vault.session import Session, Titled


@click.command(
    "rekey",
    cls=Command,
    help=_(
        """Make old keys of a case open nothing in the vault's files any more.

        Whoever leaves a case loses their rights at once, and new keys are drawn for what is added
        from then on. But keys that they copied still open what is older, if they also have a copy
        of the vault's files as they are. This takes that away, at one of two levels:

        without --re-encrypt the secrets of all deposits are sealed anew: quick, and copied keys of
        the case open none of them any more; copied secrets of single deposits or records still do;

        with --re-encrypt every record gets new keys and is written anew: as slow as reading and
        writing everything, and copied secrets open nothing any more either.

        The old bytes go when another holder of the case has opened the new ones: they run this with
        --confirm. If nobody else holds it that is done at once. Never under a legal hold. Nothing
        un-reads what was read, nor reaches copies of the vault that were made before.
        """
    ),
    examples=(
        "evault case rekey 2026-014 --dry-run",
        "evault case rekey 2026-014",
        "evault case rekey 2026-014 --confirm",
        "evault case rekey 2026-014 --re-encrypt",
    ),
)
@click.argument("case", type=TEXT)
@click.option(
    "--re-encrypt", "reencrypt", is_flag=True, help=_("Give every record new keys as well.")
)
@click.option("--dry-run", is_flag=True, help=_("Only say how much it is and how long it takes."))
@click.option("--confirm", is_flag=True, help=_("Confirm what another holder has made."))
@click.option("--why", type=TEXT, help=_("With --re-encrypt: why, for the case's holders alone."))
@click.pass_obj
def rekey(
    call: Call, *, case: str, reencrypt: bool, dry_run: bool, confirm: bool, why: str | None
) -> None:
    """Make old keys of a case open nothing any more."""
    if confirm and (reencrypt or dry_run):
        raise UsageError(_("--confirm confirms whatever waits"), _("give it alone"))
    if why is not None and not reencrypt:
        raise UsageError(_("only --re-encrypt asks for records, and so for a reason"))
    with call.session() as session:
        found = session.find_case(case)
        if confirm:
            with call.out.progress(_("Opening what is new"), None) as progress:
                done = session.renewals.confirm(found.id, progress)
            call.settle(session)
            _tell(call, done)
            call.out.say(
                ngettext(
                    "Confirmed: the old bytes of {count} deposit of {case} are gone.",
                    "Confirmed: the old bytes of {count} deposits of {case} are gone.",
                    done.deposits,
                ),
                count=done.deposits,
                case=case_words(found),
            )
            _limits(call, reencrypt=False, confirmed=True)
            return
        plan = session.renewals.plan(found.id, reencrypt=reencrypt)
        if dry_run:
            _tell_plan(call, found, plan, reencrypt=reencrypt)
            return
        with call.out.progress(_("Writing anew"), plan.bytes) as progress:
            done = (
                session.renewals.reencrypt(found.id, progress, why=why)
                if reencrypt
                else session.renewals.rekey(found.id, progress)
            )
        call.settle(session)
        _tell(call, done)
        _say(call, session, found, done, reencrypt=reencrypt)


def _tell(call: Call, done: Renewed) -> None:
    call.out.object(
        "rekeyed",
        case=done.case,
        deposits=done.deposits,
        records=done.records,
        bytes=done.bytes,
        confirmed=done.confirmed,
        entry=done.entry,
        waits_for=list(done.waits_for),
    )


def _tell_plan(call: Call, found: Titled, plan: Plan, *, reencrypt: bool) -> None:
    call.out.object(
        "rekeyed",
        case=plan.case,
        deposits=plan.deposits,
        records=plan.records,
        bytes=plan.bytes,
        confirmed=False,
        entry=None,
        waits_for=[],
        dry_run=True,
        seconds=round(plan.seconds, 3),
    )
    call.out.rows(
        [
            (_("Case"), case_words(found)),
            (_("Level"), _("re-encrypt") if reencrypt else _("rekey")),
            (_("Deposits"), str(plan.deposits)),
            (_("Records"), str(plan.records)),
            (_("To write"), size(plan.bytes)),
            (_("About"), _("{seconds} s").format(seconds=max(1, round(plan.seconds)))),
        ]
    )
    call.out.note(_("nothing was changed"))


def _say(call: Call, session: Session, found: Titled, done: Renewed, *, reencrypt: bool) -> None:
    if done.entry is None:
        call.out.say(_("There is nothing in {case} that could be done."), case=case_words(found))
    else:
        call.out.say(
            ngettext(
                "{count} deposit of {case} with {records} records has new keys ({size}).",
                "{count} deposits of {case} with {records} records have new keys ({size}).",
                done.deposits,
            ),
            count=done.deposits,
            records=done.records,
            size=size(done.bytes),
            case=case_words(found),
        )
    if done.left:
        call.out.warn(
            _("{count} deposits were left out: only those who held the case then can do them"),
            count=done.left,
        )
    if done.entry is None:
        return
    if not done.confirmed:
        names = [session.authority.members[name].name for name in done.waits_for]
        if found.case.hold:
            call.out.note(_("the case is under a legal hold: old bytes stay until it is lifted"))
        if names:
            call.out.note(
                _("old bytes stay until {names} confirms: `evault case rekey {case} --confirm`"),
                names=_(" or ").join(names),
                case=found.id[:8],
            )
    _limits(call, reencrypt=reencrypt, confirmed=done.confirmed)


def _limits(call: Call, *, reencrypt: bool, confirmed: bool) -> None:
    """What it did not undo."""
    if reencrypt and confirmed:
        call.out.note(_("single records of it that were granted must be granted again"))
    elif reencrypt:
        call.out.note(_("once confirmed, single records that were granted must be granted again"))
    else:
        call.out.note(
            _("copied secrets of deposits and records open what they opened, unless --re-encrypt")
        )
    call.out.note(_("nothing un-reads what was read, nor reaches older copies of the vault"))
