"""`evault log`: who opened what, and the proof that nothing is left out."""

from __future__ import annotations

from typing import Any

import click

from vault.cli import selecting
from vault.cli.context import Call
from vault.cli.group import Noun
from vault.cli.selecting import audited, fields, filter_of, telling
from vault.cli.sentences import Sentences
from vault.cli.text import _, ngettext
from vault.errors import DamageError, NotFoundError

LATER = {
    "who": "vault.cli.questions:who",
    "what": "vault.cli.questions:what",
    "denied": "vault.cli.questions:denied",
    "verify": "vault.cli.verify:verify",
    "export": "vault.cli.export:export",
    "timestamp": "vault.cli.stamp:timestamp",
    "report": "vault.cli.report:report",
    "checkpoint": "vault.cli.heads:checkpoint",
    "cosign": "vault.cli.heads:cosign",
    "keep": "vault.cli.heads:keep",
    "conflicts": "vault.cli.heads:conflicts",
    "disclose": "vault.cli.proofs:disclose",
}


@click.group(
    cls=Noun,
    later=LATER,
    help=_(
        """Who did what, and the proof that nothing is left out.

        Auditors see every entry, holders those of their cases; the words of --why only holders. All
        members can verify that every entry is there. Whatever is asked, what is new in the log is
        verified first.
        """
    ),
    examples=("evault log list --since 7d", "evault log who 2026-014", "evault log verify"),
)
def log() -> None:
    """Who did what."""


@log.command(
    "list",
    help=_(
        """List the access log: deposits, requests and answers, releases, receipts, refusals.

        Several of one option widen what is listed, different ones narrow it. Times are the gate's,
        in UTC; where the clock of whoever acted said another, that is said too. What you may not
        open is counted at the end, whatever is asked; of a period only what may be of it.
        """
    ),
    partial=True,
    examples=(
        "evault log list --case 2026-014 --since 2026-03-01",
        "evault log list --outcome refused --json",
    ),
)
@selecting.options
@click.pass_obj
def list_entries(call: Call, /, **given: Any) -> None:
    """List the access log."""
    from vault.audit.questions import select

    damaged = shown = 0
    with audited(call) as (session, audit):
        wanted, sentences = filter_of(session, given), Sentences(session)
        with telling(call, session, audit, wanted, listed=wanted.all):
            for access in session.with_reasons(select(audit.entries(), wanted)):
                if call.json:
                    found = fields(session, access)
                    damaged += access.problem is None and "problem" in found
                    call.out.object("entry", **found)
                elif access.opened:
                    shown += 1
                    text = sentences.of(access)
                    call.out.say("{index:>6}  {text}", index=access.index, text=text)
            if not wanted.all and not shown and not call.json:
                call.out.say(_("nothing in the log fits"))
    if damaged:
        raise DamageError(
            ngettext("{count} deposit is damaged", "{count} deposits are damaged", damaged).format(
                count=damaged
            ),
            _("see `evault check`"),
        )


@log.command(
    help=_(
        """Show one entry in full: what it says, both notes as they were signed, and what of it was
        verified.

        INDEX is its number in the list.
        """
    ),
    partial=True,
    examples=("evault log show 12",),
)
@click.argument("index", type=click.IntRange(min=0))
@click.pass_obj
def show(call: Call, index: int) -> None:
    """Show one entry in full."""
    with audited(call) as (session, audit):
        if index >= len(audit):
            raise NotFoundError(
                _("there is no entry {index}: the log has {count}").format(
                    index=index, count=len(audit)
                ),
                _("see `evault log list`"),
            )
        found = session.entry(index)
        access, checks = found.access, _checks(found.access.opened)
        notes = [] if access.notes is None else [one.signed.decode() for one in access.notes]
        call.out.object(
            "entry",
            **fields(session, access),
            leaf=found.leaf.hex(),
            size=len(audit),
            notes=notes,
            verified=checks,
        )
        if not access.opened:
            call.out.say(_("Entry {index} is not for you."), index=index)
        else:
            call.out.say("{text}.", text=Sentences(session).of(access))
        call.out.say()
        call.out.rows([(_("Leaf"), found.leaf.hex()), (_("In a log of"), str(len(audit)))])
        for name, text in zip((_("Actor's note"), _("Gate's note")), notes, strict=False):
            call.out.say()
            call.out.say("{name}:", name=name)
            for line in text.splitlines():
                call.out.say("    {line}", line=line)
        call.out.say()
        good = access.problem is None
        call.out.say(_("Verified:") if good else _("Looked at, and NOT all of it holds:"))
        for check in checks:
            call.out.say("    {check}", check=check)
        if access.problem is not None:
            call.out.say("    {problem}", problem=access.problem.message)


def _checks(opened: bool) -> list[str]:  # noqa: FBT001 - The one thing that it depends on.
    there = [_("it is in the log whose head the gate signed twice")]
    if not opened:
        return [*there, _("the rest is sealed to others, and was not checked")]
    return [
        *there,
        _("it opened, and what is in it is what the entry committed to"),
        _("the actor signed it, with a device that was a member's then"),
        _("the gate's note speaks of it, at this place, and is signed by a member's device"),
        _("the gate's decision, judged again by the members and rights of that moment"),
    ]
