"""`evault member`: who takes part."""

from __future__ import annotations

from pathlib import Path

import click

from vault.cli.context import Call
from vault.cli.group import PLACE, Noun
from vault.cli.text import _, groups
from vault.cli.words import ROLES
from vault.errors import FileError, MalformedError

_MOST = 1 << 16


@click.group(
    cls=Noun,
    help=_("Who takes part, and in which roles."),
    examples=("evault member add ben.contact --role attorney", "evault member list"),
)
def member() -> None:
    """Who takes part."""


@member.command(
    "add",
    help=_(
        """Add a member. Only stewards can.

        CONTACTFILE is the output of `evault identity contact`, or - for standard input. It proves
        that its maker holds the keys, not who that is: compare the id with them in person.
        """
    ),
    examples=(
        "evault member add ben.contact --role attorney",
        "evault member add eva.contact --role steward --role advocate",
        "evault member add - --role auditor < pia.contact",
    ),
)
@click.argument("contactfile", type=PLACE)
@click.option(
    "--role",
    "roles",
    type=click.Choice(list(ROLES)),
    multiple=True,
    help=_("May be given several times; an auditor has no other role."),
)
@click.pass_obj
def add(call: Call, *, contactfile: str, roles: tuple[str, ...]) -> None:
    """Add a member."""
    contact = _read(call, contactfile)
    _verify(contact)
    chosen = roles
    if not chosen:
        if call.terminal is None:
            call.missing("--role", _("one of: ") + ", ".join(ROLES))
        chosen = (call.terminal.choose(_("In which role?"), list(ROLES.items())),)
    with call.session() as session:
        from vault.model import Role

        added = session.add_member(contact, [Role(role) for role in dict.fromkeys(chosen)])
        call.settle(session)
        names = sorted(role.value for role in added.roles)
        call.out.object("member", member=added.id, name=added.name, roles=names)
        call.out.say(
            _("{name} is a member now ({roles})."), name=added.name, roles=", ".join(names)
        )
        call.out.say(_("Compare this id with them, in person: {id}"), id=added.id)
        call.out.say(_("They join with the fingerprint that you tell them, in person:"))
        call.out.say(
            "\n  evault join {path} --fingerprint '{print}'\n",
            path=session.store.path,
            print=groups(session.fingerprint),
        )


def _verify(contact: bytes) -> None:
    """Say what is wrong with a contact before anybody is asked for a passphrase."""
    from keys.identity import parse_contact

    try:
        parse_contact(contact)
    except MalformedError as error:
        raise MalformedError(
            _("this is not a contact: {message}").format(message=error.message),
            _("ask for the whole output of `evault identity contact`"),
        ) from None


def _read(call: Call, contactfile: str) -> bytes:
    try:
        if contactfile == "-":
            data = call.standard_input().read(_MOST + 1)
        else:
            with Path(contactfile).open("rb") as file:
                data = file.read(_MOST + 1)
    except OSError as error:
        raise FileError(
            _("cannot read {path}: {reason}").format(path=contactfile, reason=error.strerror)
        ) from None
    if len(data) > _MOST:
        raise MalformedError(
            _("not a contact: it is too large"),
            _("ask for the output of `evault identity contact`"),
        )
    return data


@member.command(
    "list",
    help=_("List all members and their roles."),
    examples=("evault member list", "evault member list --json"),
)
@click.pass_obj
def list_members(call: Call) -> None:
    """List all members and their roles."""
    with call.session() as session:
        members = session.members()
        rows = []
        for found in members:
            roles = sorted(role.value for role in found.roles)
            call.out.object("member", member=found.id, name=found.name, roles=roles)
            rows.append((found.id, found.name, ", ".join(roles)))
        call.out.table((_("Member"), _("Name"), _("Roles")), rows, fold=(1,))
