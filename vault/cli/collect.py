"""`evault collect` and `accept`: a parcel is made, and brought in."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vault.cli import form as forms
from vault.cli.add import (
    description_options,
    name_skipped,
    read_form,
    source_options,
    survey,
)
from vault.cli.ask import Sources, unlocking
from vault.cli.context import Call, case_words
from vault.cli.group import PLACE, TEXT, Command
from vault.cli.text import _, groups, lossless, moment, ngettext, size
from vault.errors import FileError, UnknownVaultError

if TYPE_CHECKING:
    from keys.identity import Identity
    from vault.ticket import TicketFile

_TRIES = 3
_MOST = 1 << 16


@click.command(
    cls=Command,
    help=_(
        """Put evidence into a parcel, with a ticket: no vault, no identity, no name.

        TICKETFILE is what `evault ticket issue` made. PATH is a file, a folder, or - for standard
        input. The parcel is one encrypted file for a memory stick, a mail or a chat; this device
        cannot open it again. Any member brings it in with `evault accept`, before the ticket ends.

        The originals stay where they are, unencrypted. Where they lie is not captured.
        """
    ),
    examples=(
        "evault collect field.ticket video.mp4 -o monday.parcel",
        "evault collect field.ticket DCIM/ -o dcim.parcel --note 'north gate'",
    ),
)
@click.argument("ticketfile", type=PLACE)
@click.argument("paths", nargs=-1, required=True, type=PLACE, metavar="PATH...")
@click.option("-o", "--output", type=PLACE, required=True, metavar="PARCEL", help=_("Where to."))
@click.option(
    "--fingerprint",
    type=TEXT,
    help=_("What whoever issued the ticket has read to you; another one is refused."),
)
@description_options
@source_options
@click.pass_obj
def collect(
    call: Call,
    /,
    *,
    ticketfile: str,
    paths: tuple[str, ...],
    output: str,
    fingerprint: str | None,
    form: str | None,
    name: str | None,
    skip_unreadable: bool,
    **said: Any,
) -> None:
    """Put evidence into a parcel."""
    title, stated = forms.description(read_form(call, form), **said)
    found = survey(call, paths, name, skip=skip_unreadable)
    path = Path(output)
    ticket = _read(ticketfile)
    terms = ticket.terms
    if fingerprint is not None and "".join(fingerprint.split()).lower() != terms.fingerprint:
        raise UnknownVaultError(
            _("the ticket has another fingerprint"),
            _("do not use it: compare again, word for word; somebody may be deceiving you"),
        )
    from vault import outfile
    from vault.collect import collect as gather
    from vault.deposit import Description

    outfile.refuse_existing(path)
    key = _unlock(call, ticketfile, ticket)
    if time.time() >= terms.expires:
        call.out.warn(
            _("by this device's clock the ticket has expired on {time}: it may be refused"),
            time=moment(terms.expires),
        )
    with call.out.progress(_("collecting"), found.size if "-" not in paths else None) as bar:
        stored = gather(
            terms,
            key,
            found.sources,
            path,
            Description(title, stated),
            progress=lambda _records, count: bar(count),
        )
    for one in stored:
        call.out.object(
            "record",
            record=one.record,
            deposit=one.deposit,
            case=one.case,
            name=one.name,
            size=one.size,
            sha256=one.sha256,
        )
    from vault.intake import moment as rfc3339

    call.out.object(
        "parcel",
        file=lossless(str(path)),
        ticket=terms.ticket,
        case=terms.case,
        deposit=stored[0].deposit,
        count=len(stored),
        expires=rfc3339(terms.expires),
        fingerprint=terms.fingerprint,
    )
    text = ngettext(
        "{count} record, {size}, is in {path}",
        "{count} records, {size}, are in {path}",
        len(stored),
    )
    total = size(sum(one.size for one in stored))
    call.out.say(text, count=len(stored), size=total, path=path)
    call.out.say(_("It must be brought in before {time}."), time=moment(terms.expires))
    if fingerprint is None:
        call.out.note(
            _("the ticket's fingerprint is {print}: is it the one that you were told?"),
            print=groups(terms.fingerprint),
        )
    call.out.note(_("the originals are where they were, unencrypted"))
    name_skipped(call, found)


def _read(path: str) -> TicketFile:
    from vault import ticket

    try:
        with Path(path).open("rb") as file:
            data = file.read(_MOST + 1)
    except OSError as error:
        raise FileError(
            _("cannot read {path}: {reason}").format(path=path, reason=error.strerror)
        ) from None
    return ticket.parse(data)


def _unlock(call: Call, path: str, ticket: TicketFile) -> Identity:
    """The ticket's key; who types a wrong passphrase may try again."""
    from keys.errors import WrongPassphraseError

    if not ticket.locked:
        return ticket.unlock()
    sources = Sources(
        _("Passphrase of {file}").format(file=path),
        call.passphrase_fd,
        call.passphrase_command,
        "EVAULT_PASSPHRASE",
        ("--passphrase-fd", "--passphrase-command"),
    )
    tries = _TRIES
    while True:
        passphrase, typed = unlocking(sources, call.terminal)
        tries -= 1
        try:
            return ticket.unlock(passphrase)
        except WrongPassphraseError as error:
            if call.terminal is None or not typed or not tries:
                raise
            call.terminal.tell("{message}", message=error.message)


@click.command(
    cls=Command,
    help=_(
        """Bring in parcels that collectors have made with a ticket.

        Any member can, and reads nothing of them by it. The vault keeps a parcel if its ticket is
        in force now; if it is not, the log says who tried. Each is brought in once.
        """
    ),
    examples=("evault accept monday.parcel", "evault accept /media/usb/*.parcel --json"),
)
@click.argument("parcels", nargs=-1, required=True, type=PLACE, metavar="PARCEL...")
@click.pass_obj
def accept(call: Call, *, parcels: Sequence[str]) -> None:
    """Bring parcels in."""
    with call.session() as session:
        for name in parcels:
            path = Path(name)
            try:
                total = path.stat().st_size
            except OSError:
                total = None
            with call.out.progress(_("copying"), total) as bar:
                kept = session.tickets.accept(path, bar)
            call.out.object(
                "accepted",
                file=lossless(name),
                deposit=kept.deposit,
                case=kept.case,
                ticket=kept.ticket,
                count=kept.count,
                entry=kept.entry,
                exposed=kept.exposed,
            )
            text = ngettext(
                "{count} record of ticket {ticket} is in {case} now; entry {entry} of the log",
                "{count} records of ticket {ticket} are in {case} now; entry {entry} of the log",
                kept.count,
            )
            call.out.say(
                text,
                count=kept.count,
                ticket=kept.ticket[:8],
                case=case_words(session.find_case(kept.case)),
                entry=kept.entry,
            )
            if kept.exposed:
                call.out.warn(
                    _(
                        "keys were changed since the ticket was issued: whoever had them before "
                        "can read this until a holder runs `evault case rekey {case} --re-encrypt`"
                    ),
                    case=kept.case[:8],
                )
            call.settle(session)
