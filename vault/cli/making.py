"""`evault recovery split` and `trust`: shares are made, and what they bring back is let in."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vault.cli.context import Call, case_words
from vault.cli.group import PLACE, TEXT, Command
from vault.cli.text import _
from vault.errors import FileError, UsageError

if TYPE_CHECKING:
    from keys.identity import Identity
    from keys.recovery import Share
    from vault.cli.pages import About
    from vault.session import Session

_SHARES = click.IntRange(2, 16)


@click.command(
    "split",
    cls=Command,
    help=_(
        """Make a recovery device for yourself that exists only as shares on paper.

        It is enrolled as one of your devices; its secret is split into shares, a page each, and
        kept nowhere else. Any K of them bring you back when your laptop is lost or seized; fewer
        tell nothing. Print the pages, give each to another person, and delete the files.
        """
    ),
    examples=("evault recovery split --shares 5 --threshold 3 -o /media/usb/pages",),
)
@click.option("--shares", type=_SHARES, default=5, show_default=True, metavar="N")
@click.option("--threshold", type=_SHARES, default=3, show_default=True, metavar="K")
@click.option("-o", "--output", type=PLACE, required=True, metavar="FOLDER", help=_("Where to."))
@click.pass_obj
def split(call: Call, *, shares: int, threshold: int, output: str) -> None:
    """Make a recovery device for yourself."""
    _check(shares, threshold)
    with call.session() as session:
        make(call, session, output, shares, threshold)


def make(call: Call, session: Session, output: str, shares: int, threshold: int) -> None:
    """Make and enrol a recovery device for whose session this is.

    Raises:
        FileError: The pages cannot be written; nothing is enrolled then.
        DeniedError: The vault refuses it; no page remains then.
    """
    from keys.identity import Identity

    member = session.member
    made = Identity.create(member.name)
    pages, paths = _write(session, made, output, shares, threshold, None)
    try:
        session.people.add_device(made.contact().note, recovery=True)
    except BaseException:
        _take_back(paths)
        raise
    call.settle(session)
    tell_pages(call, pages, paths)
    call.out.say(
        _("Any {threshold} of these {shares} pages bring back {name}."),
        threshold=threshold,
        shares=shares,
        name=member.name,
    )
    call.out.note(_("try them once a year: `evault recovery drill`"))


@click.command(
    "trust",
    cls=Command,
    help=_(
        """Make an identity that exists only as shares a holder of some cases.

        For the organisation: when no advocate who holds a case is left, those who keep the shares
        bring the identity back together, and it grants the case to another advocate. Everybody who
        holds the cases sees that it is there.
        """
    ),
    examples=("evault recovery trust 2026-014 2026-021 --shares 5 --threshold 3 -o pages",),
)
@click.argument("cases", type=TEXT, nargs=-1, required=True, metavar="CASE...")
@click.option("--shares", type=_SHARES, default=5, show_default=True, metavar="N")
@click.option("--threshold", type=_SHARES, default=3, show_default=True, metavar="K")
@click.option(
    "--name", type=TEXT, default="Recovery", show_default=True, help=_("What it is called.")
)
@click.option("-o", "--output", type=PLACE, required=True, metavar="FOLDER", help=_("Where to."))
@click.pass_obj
def trust(
    call: Call, *, cases: Sequence[str], shares: int, threshold: int, name: str, output: str
) -> None:
    """Make an identity that exists only as shares a holder of some cases."""
    _check(shares, threshold)
    with call.session() as session:
        from keys.identity import Identity

        found = [session.find_case(case) for case in cases]
        made = Identity.create(name)
        refs = tuple(case.case.ref or case.id for case in found)
        pages, paths = _write(session, made, output, shares, threshold, refs)
        try:
            trusted = session.people.trust(
                [case.id for case in found],
                made.contact().note,
                shares=shares,
                threshold=threshold,
            )
        except BaseException:
            _take_back(paths)
            raise
        call.settle(session)
        tell_pages(call, pages, paths)
        for case in found:
            call.out.object(
                "trusted", member=trusted.id, case=case.id, shares=shares, threshold=threshold
            )
            call.out.say(
                _("{name} holds the case {case} now; it takes {threshold} of {shares} shares."),
                name=trusted.name,
                case=case_words(case),
                threshold=threshold,
                shares=shares,
            )


def _check(shares: int, threshold: int) -> None:
    if threshold > shares:
        raise UsageError(
            _("{threshold} of {shares} shares: there are not so many").format(
                threshold=threshold, shares=shares
            ),
            _("choose a --threshold of at most --shares"),
        )


def _write(
    session: Session,
    made: Identity,
    output: str,
    shares: int,
    threshold: int,
    cases: tuple[str, ...] | None,
) -> tuple[list[Share], list[Path]]:
    """Split an identity and write the pages, before anybody is asked to let it in."""
    from keys import recovery
    from vault.cli import pages
    from vault.cli.context import inside
    from vault.note import ACCESS, AUTHORITY

    folder = Path(output)
    if inside(folder, session.store.path):
        raise FileError(_("the pages would be in the vault"), _("choose another folder"))
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise FileError(
            _("cannot make {path}: {reason}").format(path=folder, reason=error.strerror)
        ) from None
    split_up = recovery.split(made, shares, threshold)
    about: About = pages.About(
        name=made.name,
        device=made.device,
        shares=shares,
        made=session.now(),
        fingerprint=session.fingerprint,
        authority=session.replica.position(AUTHORITY),
        access=session.replica.position(ACCESS),
        cases=cases,
    )
    return split_up, pages.write(folder, split_up, about)


def tell_pages(call: Call, shares: Sequence[Share], paths: Sequence[Path]) -> None:
    """Say where the pages are."""
    from vault.cli.recovery import tell_pages as tell

    tell(call, shares, paths)


def _take_back(paths: Sequence[Path]) -> None:
    """Pages of an identity that nobody let in are of no use, and look as if they were."""
    for path in paths:
        with suppress(OSError):
            path.unlink()
