"""`evault identity`: who somebody is, in one file under a passphrase."""

from __future__ import annotations

import os
from pathlib import Path

import click

from vault.cli.ask import Sources
from vault.cli.context import Call
from vault.cli.group import PLACE, TEXT, Noun
from vault.cli.strength import RULE
from vault.cli.text import _, lossless
from vault.errors import FileError, MalformedError, UsageError

_MEMORY = click.IntRange(64, 2048)


@click.group(
    cls=Noun,
    help=_(
        """Who you are: one file under a passphrase.

        Whoever has the file and the passphrase is you. If all copies are lost, nobody can bring
        them back: keep one in another place.
        """
    ),
    examples=(
        'evault identity create "Ana Pérez"',
        "evault identity contact -o ana.contact",
    ),
)
def identity() -> None:
    """Who you are."""


@identity.command(
    "create",
    help=_("Make a new identity.\n\n") + RULE,
    examples=(
        'evault identity create "Ana Pérez"',
        'evault identity create "Ben" -o /media/usb/ben.identity --kdf-memory 1024',
    ),
)
@click.argument("name", type=TEXT, required=False)
@click.option(
    "-o",
    "--output",
    type=PLACE,
    metavar="FILE",
    help=_("Where to.  [the file that --identity means]"),
)
@click.option(
    "--kdf-memory",
    type=_MEMORY,
    default=256,
    show_default=True,
    metavar="MIB",
    help=_("Memory that one guess at the passphrase takes: 64 to 2048 MiB."),
)
@click.pass_obj
def create(call: Call, *, name: str | None, output: str | None, kdf_memory: int) -> None:
    """Make a new identity."""
    from keys import keyfile
    from keys.identity import Identity, check_name

    path = Path(output) if output else call.identity_file
    if os.path.lexists(path):
        raise FileError(
            _("{path} exists already").format(path=path),
            _("choose another place with -o; an identity is never overwritten"),
        )
    name = call.text(name, "NAME", _("By which name do the others know you"))
    try:
        check_name(name)
    except MalformedError as error:
        raise UsageError(error.message, error.hint) from None
    passphrase = call.new_passphrase()
    made = Identity.create(name)
    keyfile.write(path, made, passphrase, keyfile.Argon2(memory=kdf_memory * 1024))
    out = call.out
    out.object("identity", member=made.device, name=made.name, file=lossless(str(path)))
    out.say(_("{name} is {id}, in {path}"), name=made.name, id=made.device, path=path)
    out.note(_("keep a copy of this file in another place: nobody can make it again"))
    out.note(_("next: `evault init PATH`, or send a steward the output of `identity contact`"))


@identity.command(
    "show",
    help=_("Show whose identity this is, and its id: what others compare in person."),
    examples=("evault identity show", "evault identity show --identity /media/usb/ben.identity"),
)
@click.pass_obj
def show(call: Call) -> None:
    """Show whose identity this is."""
    found, path = call.unlock(), call.identity_file
    call.out.object("identity", member=found.device, name=found.name, file=lossless(str(path)))
    call.out.rows(
        [(_("Name"), found.name), (_("Member"), found.device), (_("File"), str(path))],
    )


@identity.command(
    "contact",
    help=_(
        """Write your contact: the public half, as text, for a steward.

        It holds your name and your public keys and no secret. Who gets it should compare the id in
        it with you, in person.
        """
    ),
    examples=("evault identity contact", "evault identity contact -o ana.contact"),
)
@click.option("-o", "--output", type=PLACE, metavar="FILE", help=_("Where to.  [standard output]"))
@click.pass_obj
def contact(call: Call, *, output: str | None) -> None:
    """Write your contact."""
    path = None if output in (None, "-") else Path(str(output))
    if path is not None and os.path.lexists(path):
        raise FileError(_("{path} exists already").format(path=path), _("choose another place"))
    found = call.unlock()
    text = found.contact().note
    if path is None:
        call.out.raw(text)
        return
    try:
        with path.open("xb") as file:
            file.write(text)
    except OSError as error:
        raise FileError(
            _("cannot write {path}: {reason}").format(path=path, reason=error.strerror)
        ) from None
    shown = lossless(str(path))
    call.out.object("contact", member=found.device, name=found.name, file=shown)
    call.out.say(_("the contact of {name} is in {path}"), name=found.name, path=path)
    call.out.note(_("your id, for the steward to compare: {id}"), id=found.device)


@identity.command(
    "passwd",
    help=_(
        """Change the passphrase of an identity file.

        Copies of the file that lie elsewhere still open with the old one.

        """
    )
    + RULE,
    examples=(
        "evault identity passwd",
        "evault identity passwd --passphrase-fd 3 --new-passphrase-fd 4 3<old 4<new",
    ),
)
@click.option(
    "--new-passphrase-fd",
    type=click.IntRange(min=0),
    metavar="N",
    help=_("Read the new passphrase from this file descriptor.  [or EVAULT_NEW_PASSPHRASE]"),
)
@click.option(
    "--new-passphrase-command",
    metavar="COMMAND",
    help=_("Run this command, without a shell, and take what it prints."),
)
@click.option(
    "--kdf-memory",
    type=_MEMORY,
    metavar="MIB",
    help=_("Memory that one guess takes: 64 to 2048 MiB.  [as before]"),
)
@click.pass_obj
def passwd(
    call: Call,
    *,
    new_passphrase_fd: int | None,
    new_passphrase_command: str | None,
    kdf_memory: int | None,
) -> None:
    """Change the passphrase of an identity file."""
    from dataclasses import replace

    from keys import keyfile

    found, path = call.unlock(), call.identity_file
    cost = keyfile.cost_of(keyfile.read_bytes(path))
    if kdf_memory is not None:
        cost = replace(cost, memory=kdf_memory * 1024)
    passphrase = call.new_passphrase(
        Sources(
            _("New passphrase"),
            new_passphrase_fd,
            new_passphrase_command,
            "EVAULT_NEW_PASSPHRASE",
            ("--new-passphrase-fd", "--new-passphrase-command"),
        )
    )
    keyfile.write(path, found, passphrase, cost, replace=True)
    call.out.object("identity", member=found.device, name=found.name, file=lossless(str(path)))
    call.out.say(_("{path} has a new passphrase"), path=path)
    call.out.note(_("copies of it that lie elsewhere still open with the old one"))
