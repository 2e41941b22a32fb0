"""`evault member`: who takes part."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vault.cli.context import Call, case_words
from vault.cli.group import PLACE, TEXT, Noun
from vault.cli.proposals import signing
from vault.cli.text import _, groups, lossless, moment, ngettext
from vault.cli.words import ROLES
from vault.errors import FileError, MalformedError, UsageError

if TYPE_CHECKING:
    from vault.audit import Exposure
    from vault.model import Member
    from vault.session import Session

_MOST = 1 << 16
_SHOWN = 12


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
    contact = read_contact(call, contactfile)
    verify_contact(contact)
    chosen = roles
    if not chosen:
        if call.terminal is None:
            call.missing("--role", _("one of: ") + ", ".join(ROLES))
        chosen = (call.terminal.choose(_("In which role?"), list(ROLES.items())),)
    with call.session() as session:
        from vault.model import Role

        with signing(call, session):
            added = session.people.add(contact, [Role(role) for role in dict.fromkeys(chosen)])
        names = sorted(role.value for role in added.roles)
        call.out.object(
            "member", member=added.id, name=added.name, roles=names, **invitation(session)
        )
        call.out.say(
            _("{name} is a member now ({roles})."), name=added.name, roles=", ".join(names)
        )
        call.out.say(_("Compare this id with them, in person: {id}"), id=added.id)
        invite(call, session)


def verify_contact(contact: bytes) -> None:
    """Say what is wrong with a contact before anybody is asked for a passphrase."""
    from keys.identity import parse_contact

    try:
        parse_contact(contact)
    except MalformedError as error:
        raise MalformedError(
            _("this is not a contact: {message}").format(message=error.message),
            _("ask for the whole output of `evault identity contact`"),
        ) from None


def read_contact(call: Call, contactfile: str) -> bytes:
    """The bytes of a contact file.

    Raises:
        FileError: It cannot be read.
        MalformedError: It is too large to be one.
    """
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
    partial=True,
    examples=("evault member list", "evault member list --json"),
)
@click.pass_obj
def list_members(call: Call) -> None:
    """List all members and their roles."""
    with call.session() as session:
        rows, at = [], session.now()
        for found in session.members():
            roles = sorted(role.value for role in found.roles)
            suspended = found.suspended(at)
            call.out.object(
                "member",
                member=found.id,
                name=found.name,
                roles=roles,
                devices=list(found.devices),
                suspended=suspended,
                shares=found.shares and list(found.shares),
            )
            rows.append((found.id, found.name, ", ".join(roles), _state(found, at)))
        heads = (_("Member"), _("Name"), _("Roles"), _("State"))
        call.out.table(heads, rows, fold=(1,))
        call.out.say(
            ngettext(
                "{count} steward must sign for membership",
                "{count} stewards must sign for membership",
                session.authority.stewards_needed,
            ),
            count=session.authority.stewards_needed,
        )


def _state(found: Member, at: int) -> str:
    if found.shares is not None:
        return _("recovery identity, {threshold} of {shares} shares").format(
            threshold=found.shares[0], shares=found.shares[1]
        )
    if found.suspension is not None and found.suspended(at):
        until = found.suspension.until
        if until is None:
            return _("suspended")
        return _("suspended until {time}").format(time=moment(until))
    return "" if found.devices else _("without a device")


@member.command(
    "roles",
    help=_(
        """Give a member other roles. Only stewards can.

        Who is neither advocate nor attorney any more loses their cases. Who ever held one cannot
        become an auditor.
        """
    ),
    examples=("evault member roles Ben --role attorney --role steward",),
)
@click.argument("member", type=TEXT)
@click.option(
    "--role", "roles", type=click.Choice(list(ROLES)), multiple=True, help=_("All of them.")
)
@click.pass_obj
def set_roles(call: Call, *, member: str, roles: tuple[str, ...]) -> None:
    """Give a member other roles."""
    if not roles:
        call.missing("--role", _("one of: ") + ", ".join(ROLES))
    with call.session() as session:
        from vault.model import Role

        found = session.find_member(member)
        with signing(call, session):
            session.people.set_roles(found.id, [Role(role) for role in dict.fromkeys(roles)])
        names = sorted(role.value for role in session.authority.members[found.id].roles)
        call.out.object("member", member=found.id, name=found.name, roles=names)
        call.out.say(_("{name} is {roles} now."), name=found.name, roles=", ".join(names))


@member.command(
    "suspend",
    help=_(
        """Put a member's rights aside, for instance when they are detained.

        A steward can, and any two members: the second signs with `evault endorse`. What two members
        did lapses after seven days unless a steward does it too. `resume` undoes it.
        """
    ),
    examples=("evault member suspend Ben --why 'detained this morning'",),
)
@click.argument("member", type=TEXT)
@click.option("--why", type=TEXT, help=_("In words; all members can read it."))
@click.pass_obj
def suspend(call: Call, *, member: str, why: str | None) -> None:
    """Put a member's rights aside."""
    with call.session() as session:
        found = session.find_member(member)
        with signing(call, session):
            session.people.suspend(found.id, why)
        now = session.authority.members[found.id]
        until = now.suspension.until if now.suspension else None
        call.out.object(
            "member",
            member=found.id,
            suspended=True,
            until=None if until is None else moment(until).replace(" ", "T"),
        )
        call.out.say(_("{name}: {state}."), name=found.name, state=_state(now, session.now()))


@member.command(
    "resume",
    help=_(
        """Lift a suspension. A steward can, and any two other members.

        Keys that were changed meanwhile come with it, or with the next act of who has them.
        """
    ),
    examples=("evault member resume Ben",),
)
@click.argument("member", type=TEXT)
@click.pass_obj
def resume(call: Call, *, member: str) -> None:
    """Lift a suspension."""
    with call.session() as session:
        found = session.find_member(member)
        with signing(call, session):
            session.people.resume(found.id)
        call.out.object("member", member=found.id, suspended=False)
        call.out.say(_("{name} is back."), name=found.name)


@member.command(
    "remove",
    help=_(
        """Remove a member: all their rights end at once.

        What is stored from now on is sealed to keys that they never had. What they have read, they
        have read; `evault case rekey` says what else can be done. Of the cases that you hold you
        are told what they opened, could have opened, and never opened.
        """
    ),
    examples=("evault member remove Ben --why 'left the organisation'",),
)
@click.argument("member", type=TEXT)
@click.option("--why", type=TEXT, help=_("In words; all members can read it."))
@click.pass_obj
def remove(call: Call, *, member: str, why: str | None) -> None:
    """Remove a member."""
    with call.session() as session:
        found = session.find_member(member)
        before = session.authority
        with signing(call, session):
            session.people.remove(found.id, why)
        had = [
            case.id
            for case in before.cases.values()
            if found.id in case.grants or found.id in case.records
        ]
        mine = [
            case for case in had if session.authority.holds(session.member.id, case, session.now())
        ]
        exposed = {case: session.exposure(case, found.id) for case in mine}
        call.out.object(
            "member",
            member=found.id,
            removed=True,
            cases=[{"case": case, **exposure_fields(one)} for case, one in exposed.items()],
        )
        call.out.say(_("{name} is removed."), name=found.name)
        for case, one in exposed.items():
            tell_exposure(call, session, case, one)
        for case in had:
            if case not in mine:
                call.out.say(
                    _(
                        "They held the case {case}, which you do not: the next act of one who "
                        "holds it changes its keys."
                    ),
                    case=session.authority.cases[case].ref or case,
                )
            if session.authority.orphaned(case, session.now()):
                call.out.warn(
                    _("no advocate holds the case {case} any more: it is orphaned"),
                    case=session.authority.cases[case].ref or case,
                )


@member.command(
    "policy",
    help=_(
        """Decide how many stewards must sign, and which cosigners whoever joins demands.

        As many stewards as sign now must agree. With two or more, one who is forced or deceived
        cannot bring in a stranger alone; have more stewards than must sign.

        A cosigner is somebody outside who watches that the log only grows. Whoever joins then
        demands a head that enough of them have signed: nobody can show them another log, or an old
        one. --cosigner takes the output of `evault log cosign --show-key`; those given replace
        those of before. --cosignatures 0 asks for none.
        """
    ),
    examples=(
        "evault member policy --stewards 2",
        "evault member policy --cosigner ally.vkeys --cosigner press.vkeys --cosignatures 1",
    ),
)
@click.option("--stewards", type=click.IntRange(1, 16), metavar="K", help=_("How many."))
@click.option("--cosigner", "cosigners", type=PLACE, multiple=True, metavar="FILE")
@click.option(
    "--cosignatures", type=click.IntRange(0, 16), metavar="N", help=_("How many are demanded.")
)
@click.pass_obj
def policy(
    call: Call, *, stewards: int | None, cosigners: tuple[str, ...], cosignatures: int | None
) -> None:
    """Decide how many stewards must sign, and which cosigners whoever joins demands."""
    if stewards is None and not cosigners and cosignatures is None:
        raise UsageError(
            _("nothing is to be decided"), _("give --stewards, --cosigner or --cosignatures")
        )
    from vault.cli.proofs import verifier_keys

    pairs = [verifier_keys(call, (path,)) for path in cosigners] if cosigners else None
    with call.session() as session:
        with signing(call, session):
            session.people.set_policy(stewards, pairs, cosignatures)
        now = session.authority
        names = [pair[0].name for pair in now.cosigners]
        call.out.object(
            "policy",
            stewards=now.stewards_needed,
            cosigners=names,
            cosignatures=now.cosignatures,
        )
        call.out.say(
            ngettext(
                "{count} steward must sign for membership now",
                "{count} stewards must sign for membership now",
                now.stewards_needed,
            ),
            count=now.stewards_needed,
        )
        if now.cosignatures:
            call.out.say(
                ngettext(
                    "whoever joins demands the cosignature of {count} of {names}",
                    "whoever joins demands the cosignatures of {count} of {names}",
                    now.cosignatures,
                ),
                count=now.cosignatures,
                names=", ".join(names),
            )


def invitation(session: Session) -> dict[str, Any]:
    """What a newcomer needs: where, the fingerprint, and what the logs had."""
    from vault.note import ACCESS, AUTHORITY

    heads = {log: session.replica.position(log).body() for log in (AUTHORITY, ACCESS)}
    return {
        "path": lossless(str(session.store.path)),
        "fingerprint": session.fingerprint,
        "seen": seen_text(session),
        **heads,
    }


def seen_text(session: Session) -> str:
    """Sizes and roots of both logs in one word, for `evault join --seen`."""
    from vault.note import ACCESS, AUTHORITY

    both = [session.replica.position(log) for log in (AUTHORITY, ACCESS)]
    return ",".join(f"{position.size}:{position.root}" for position in both)


def invite(call: Call, session: Session) -> None:
    """The invitation in words."""
    call.out.say(
        _("They join with what you tell them, in person or by another way than the vault:")
    )
    call.out.say(
        "\n  evault join {path} \\\n    --fingerprint '{print}' \\\n    --seen {seen}\n",
        path=session.store.path,
        print=groups(session.fingerprint),
        seen=seen_text(session),
    )
    call.out.note(_("--seen lets them notice an older copy; without it they cannot"))


def exposure_fields(found: Exposure) -> dict[str, list[str]]:
    """What somebody opened, for programs."""
    return {
        "opened": list(found.opened),
        "could_have_opened": list(found.could_have_opened),
        "never_opened": list(found.never_opened),
    }


def tell_exposure(call: Call, session: Session, case: str, found: Exposure) -> None:
    """What somebody opened, for people."""
    name = case_words(session.find_case(case))
    call.out.say(_("Of the case {case}, as the log has it:"), case=name)
    parts = (
        (_("opened"), found.opened),
        (_("could have opened"), found.could_have_opened),
        (_("never opened"), found.never_opened),
    )
    for words, records in parts:
        shown = ", ".join(record[:8] for record in records[:_SHOWN])
        more = _(" and {more} more").format(more=len(records) - _SHOWN)
        call.out.say(
            "  {words}: {count}{colon}{shown}{more}",
            words=words,
            count=len(records),
            colon=": " if records else "",
            shown=shown,
            more=more if len(records) > _SHOWN else "",
        )
    call.out.say(_("What was read stays read. `evault case rekey` shuts out kept keys."))
