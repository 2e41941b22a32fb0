"""`evault device`: the laptops of members; one that is lost is revoked from another."""

from __future__ import annotations

import click

from vault.cli.context import Call
from vault.cli.group import PLACE, TEXT, Noun
from vault.cli.member import read_contact, verify_contact
from vault.cli.proposals import signing
from vault.cli.text import _, groups, visible
from vault.errors import AmbiguousError, NotFoundError


@click.group(
    cls=Noun,
    help=_(
        """The devices of members: each has an identity file of its own.

        Have two: one that is lost, seized or broken is then revoked from the other, and nothing
        else is lost. A recovery device exists only on paper: `evault recovery split`.
        """
    ),
    examples=("evault device add laptop.contact", "evault device revoke 4ka7"),
)
def device() -> None:
    """The devices of members."""


@device.command(
    "add",
    help=_(
        """Add a device of yours; or, as a steward, for somebody who has lost all of theirs.

        On the new device: `evault identity create NAME` and `evault identity contact`. CONTACTFILE
        is what that writes, or - for standard input. It then joins with the fingerprint.

        With --member it is for somebody else, and comes without rights: their roles and cases are
        given anew by those who can, so that nobody can become somebody else by it.
        """
    ),
    examples=(
        "evault device add laptop.contact",
        "evault device add ben-new.contact --member 'Ben Okafor'",
    ),
)
@click.argument("contactfile", type=PLACE)
@click.option("--member", type=TEXT, help=_("For whom, if not for you."))
@click.pass_obj
def add(call: Call, *, contactfile: str, member: str | None) -> None:
    """Add a device."""
    contact = read_contact(call, contactfile)
    verify_contact(contact)
    with call.session() as session:
        owner = session.find_member(member).id if member is not None else None
        with signing(call, session):
            added = session.people.add_device(contact, owner)
        call.out.object("device", device=added.id, member=added.member, recovery=added.recovery)
        name = session.authority.members[added.member].name
        call.out.say(_("{name} has a new device: {id}"), name=name, id=added.id)
        call.out.say(_("On it, with the fingerprint compared in person:"))
        call.out.say(
            "\n  evault join {path} --fingerprint '{print}'\n",
            path=session.store.path,
            print=groups(session.fingerprint),
        )
        if owner is not None and owner != session.member.id:
            call.out.say(
                _("{name} has no roles and no cases now: `evault member roles`, `case grant`"),
                name=name,
            )


@device.command(
    "list",
    help=_("List the devices of all members."),
    partial=True,
    examples=("evault device list", "evault device list --json"),
)
@click.pass_obj
def list_devices(call: Call) -> None:
    """List the devices of all members."""
    with call.session() as session:
        rows = []
        for found in session.people.devices():
            owner = session.authority.members[found.member]
            this = found.id == session.identity.device
            call.out.object(
                "device",
                device=found.id,
                member=found.member,
                name=owner.name,
                recovery=found.recovery,
                this=this,
            )
            kind = _("recovery, on paper") if found.recovery else ""
            rows.append((found.id, owner.name, _("this one") if this else kind))
        call.out.table((_("Device"), _("Member"), ""), rows, fold=(1,))


@device.command(
    "revoke",
    help=_(
        """Revoke a device: one of yours from another, or as a steward somebody's lost laptop.

        It can do nothing any more, and nothing new is sealed to it. What it has read, and what lies
        on its disk under its passphrase, it keeps. Somebody's last device, or one that exists only
        on paper, needs as many stewards as membership does; where that takes too long, `evault
        member suspend` is one steward's act.
        """
    ),
    examples=("evault device revoke 4ka7",),
)
@click.argument("device_id", type=TEXT, metavar="DEVICE")
@click.pass_obj
def revoke(call: Call, *, device_id: str) -> None:
    """Revoke a device."""
    with call.session() as session:
        wanted = device_id.lower()
        fits = [
            found
            for found in session.people.devices()
            if len(wanted) >= 4 and found.id.startswith(wanted)
        ]
        if not fits:
            raise NotFoundError(f"no device '{visible(device_id)}'", "see `evault device list`")
        if len(fits) > 1:
            raise AmbiguousError(
                f"more than one device begins with '{visible(device_id)}'", "give its id"
            )
        with signing(call, session):
            session.people.revoke_device(fits[0].id)
        owner = session.authority.members[fits[0].member]
        call.out.object("device", device=fits[0].id, member=owner.id, revoked=True)
        call.out.say(_("{id} of {name} is revoked."), id=fits[0].id, name=owner.name)
        call.out.note(_("what it could open before is not taken back: see `evault case rekey`"))
