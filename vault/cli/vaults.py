"""`evault init` and `join`: a vault, and a place in it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vault.cli.context import Call, case_words
from vault.cli.group import PLACE, TEXT, Command
from vault.cli.heads import take
from vault.cli.proposals import signing
from vault.cli.text import _, groups, lossless, moment
from vault.errors import FileError, LockedError, NoVaultError, UsageError

if TYPE_CHECKING:
    from vault.model import Position
    from vault.session import Session


@click.command(
    cls=Command,
    help=_(
        """Create a vault in a new or empty folder.

        You become its first steward and an advocate. Its fingerprint is what newcomers compare with
        you, in person, before they trust it.
        """
    ),
    examples=("evault init ~/vault", "evault init /srv/evidence --identity /media/usb/ana"),
)
@click.argument("path", type=PLACE)
@click.pass_obj
def init(call: Call, *, path: str) -> None:
    """Create a vault."""
    place = Path(path)
    # What can be known before the question for a passphrase is said before it.
    try:
        if place.exists() and (not place.is_dir() or any(place.iterdir())):
            what = _("a vault") if (place / "FORMAT").exists() else _("something")
            raise FileError(
                _("there is {what} at {path} already").format(what=what, path=path),
                _("choose an empty or new folder"),
            )
    except OSError as error:
        raise FileError(
            _("cannot make a vault at {path}: {reason}").format(path=path, reason=error.strerror)
        ) from None
    from vault.session import Session
    from vault.store import folder

    folder.refuse_network(place)
    for warning in folder.warnings(place):
        call.out.warn("{warning}", warning=warning)
    identity = call.unlock()
    with Session.create(place, identity, call.home) as session:
        call.introduce(session)
        _tell_vault(call, session, place)
        say = call.out.say
        say(_("The vault is at {path}. Its fingerprint is"), path=path)
        say("\n  {fingerprint}\n", fingerprint=groups(session.fingerprint))
        say(_("Next:"))
        say(_("  * write the fingerprint down; newcomers compare it with you in person"))
        say(_("  * add members: evault member add CONTACTFILE --role attorney"))
        say(_("  * open a case: evault case open TITLE"))
        say(_("  * make somebody a second steward: one lost laptop must not be the end of it"))
        say(_("  * make recovery pages: evault recovery split --shares 5 --threshold 3 -o FOLDER"))
        say(_("  * have an authority vouch for the time: evault log timestamp --tsa URL"))
        if call.terminal is not None:
            _offer_recovery(call, session)
        else:
            call.out.warn(_("until you have recovery pages or a second device, a loss is final"))


@click.command(
    cls=Command,
    help=_(
        """Open a vault for the first time.

        The fingerprint comes from somebody whom you trust, in person or by phone: with it nobody
        can give you another vault than the one that is meant. Spaces in it do not matter.
        """
    ),
    examples=("evault join ~/vault --fingerprint '91ab 03cd ...' --seen 12:0f3a...,40:77b1...",),
)
@click.argument("path", type=PLACE)
@click.option("--fingerprint", metavar="F", help=_("64 hexadecimal digits."))
@click.option(
    "--seen",
    type=TEXT,
    metavar="SIZES",
    help=_("What the logs had when you were invited: then an older copy is noticed."),
)
@click.option(
    "--cosigned",
    type=PLACE,
    metavar="FILE",
    help=_("A cosigned checkpoint of the log: so much must be there at least."),
)
@click.option(
    "--older",
    is_flag=True,
    help=_("Accept a copy that was put back on purpose; ask the stewards first."),
)
@click.pass_obj
def join(
    call: Call,
    *,
    path: str,
    fingerprint: str | None,
    seen: str | None,
    cosigned: str | None,
    older: bool,
) -> None:
    """Open a vault for the first time."""
    place = Path(path)
    if not place.exists():
        raise NoVaultError(_("there is no vault at {path}").format(path=path), _("check the path"))
    from vault.session import Session
    from vault.store import folder

    folder.check_format(place)
    fingerprint = call.text(
        fingerprint, "--fingerprint", _("The fingerprint that a steward told you")
    )
    for warning in folder.warnings(place):
        call.out.warn("{warning}", warning=warning)
    given = None if cosigned is None else take(call, cosigned)
    identity = call.unlock()
    expected = None if seen is None else _positions(seen)
    try:
        session = Session.join(
            place, identity, call.home, fingerprint, seen=expected, older=older, cosigned=given
        )
    except LockedError:
        raise LockedError(
            _("{name} is not a member of this vault").format(name=identity.name),
            _("give a steward the output of `evault identity contact`, and join again"),
        ) from None
    with session:
        call.introduce(session)
        _tell_vault(call, session, place)
        call.out.say(_("You joined the vault at {path}."), path=path)
        call.out.say(_("Its fingerprint is {print}"), print=groups(session.fingerprint))
        _tell_cosigned(call, session, given)
        if session.lost:
            _accept_older(call, session)
        held = [case for case in session.cases() if case.title is not None]
        for case in held:
            call.out.say(_("You hold the case {case}."), case=case_words(case))


def _tell_cosigned(call: Call, session: Session, given: bytes | None) -> None:
    """What somebody outside has signed of the log that this person sees for the first time."""
    found = session.heads.demand(given)
    if found is None:
        return
    size = session.replica.position("access").size
    call.out.object(
        "cosigned", size=found.size, of=size, time=found.time, cosigners=list(found.names)
    )
    call.out.say(
        _("{names} signed at {time} that the log only grew to {size} of its {all} entries."),
        names=", ".join(found.names),
        time=moment(found.time),
        size=found.size,
        all=size,
    )
    if found.size < size:
        call.out.note(
            _("nobody outside has signed the {count} entries since"), count=size - found.size
        )


def _offer_recovery(call: Call, session: Session) -> None:
    """Offer recovery pages to whoever is there to answer; the vault is made in any case."""
    terminal = call.terminal
    if terminal is None:
        return
    from vault.cli.making import make

    terminal.tell(_("If this laptop is lost, three of five printed pages can bring you back."))
    question = _("A folder for the pages, or nothing to make them later")
    while place := terminal.ask(question, empty=True):
        try:
            make(call, session, place, 5, 3)
        except FileError as error:
            terminal.tell("{message}", message=error.message)
        else:
            return
    call.out.warn(_("until you have recovery pages or a second device, a loss is final"))


def _accept_older(call: Call, session: Session) -> None:
    """An older copy was put back: a steward says so to everybody, the others compare."""
    from vault.model import Role

    lost = {log: position.body() for log, position in session.lost.items()}
    call.out.object("older", lost=lost, declared=list(session.authority.restores))
    for log, position in session.lost.items():
        now = session.replica.position(log).size
        call.out.say(
            _("You had seen {seen} entries of the {log} log; this copy has {now}."),
            seen=position.size,
            log=log,
            now=now,
        )
    call.out.note(_("the signed heads of what you had seen are kept as proof"))
    if lost in session.authority.restores:
        call.out.say(_("The stewards have declared exactly this."))
    elif Role.STEWARD in session.member.roles:
        with signing(call, session):
            session.people.declare_restore(lost)
        call.out.say(_("It is declared to all members that an older copy was put back."))
    elif session.authority.restores:
        call.out.warn(_("the stewards have declared another loss than yours: tell them"))
    else:
        call.out.warn(_("no steward has declared that an older copy was put back: ask them"))


def _positions(seen: str) -> dict[str, Position]:
    """The sizes and roots of an invitation."""
    from vault.model import Position
    from vault.note import ACCESS, AUTHORITY

    found = re.fullmatch(r"(\d{1,15}):([0-9a-f]{64}),(\d{1,15}):([0-9a-f]{64})", seen.strip())
    if found is None:
        raise UsageError(
            _("--seen is not as an invitation has it"), _("copy all of it, or leave it out")
        )
    sizes = {AUTHORITY: (found[1], found[2]), ACCESS: (found[3], found[4])}
    return {log: Position(int(size), root) for log, (size, root) in sizes.items()}


def _tell_vault(call: Call, session: Session, path: Path) -> None:
    call.out.object("vault", fingerprint=session.fingerprint, path=lossless(str(path)))
