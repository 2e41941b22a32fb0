"""`evault recovery`: an identity that comes back from several pages on paper.

To make pages one needs a vault (`vault.cli.making`); to use them nothing: whoever lost everything
has the pages and nothing else.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vault.cli.context import Call
from vault.cli.group import PLACE, TEXT, Noun
from vault.cli.making import split, trust
from vault.cli.strength import RULE
from vault.cli.text import _, groups, lossless
from vault.errors import FileError, MalformedError, UsageError, VerificationError

if TYPE_CHECKING:
    from keys.recovery import Share
    from vault.cli.pages import About

_MOST = 1 << 18
_MEMORY = click.IntRange(64, 2048)


@click.group(
    cls=Noun,
    help=_(
        """Bring an identity back from shares on paper.

        A recovery device exists only as pages, each with 33 words, that several people keep. Any
        few of them together bring it back; fewer tell nothing. Each page says how many it takes.
        """
    ),
    examples=(
        "evault recovery drill ana.txt ben.txt carla.txt",
        "evault recovery combine ana.txt ben.txt carla.txt -o recovered.identity",
    ),
)
def recovery() -> None:
    """Bring an identity back from shares on paper."""


recovery.add_command(split)
recovery.add_command(trust)


@dataclass(frozen=True, slots=True)
class Gathered:
    """Shares that work.

    Args:
        shares: All that were given; they agree.
        device: The id of the device that they bring back.
        about: What their pages say, or None if only words were given.
    """

    shares: list[Share]
    device: str
    about: About | None


@recovery.command(
    "combine",
    help=_(
        """Make an identity file from shares.

        Give files with pages or with just the words of a share, or - to read them from standard
        input, one share after the other. The first four letters of each word are enough.

        """
    )
    + RULE,
    examples=(
        "evault recovery combine ana.txt ben.txt carla.txt -o recovered.identity",
        'cat *.txt | evault recovery combine - -o recovered.identity --name "Ana Pérez"',
    ),
)
@click.argument("sharefiles", type=PLACE, nargs=-1, required=True, metavar="SHAREFILE...")
@click.option("-o", "--output", type=PLACE, required=True, metavar="FILE", help=_("Where to."))
@click.option(
    "--name",
    type=TEXT,
    metavar="NAME",
    help=_("Whose identity it is.  [what the pages say]"),
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
def combine(
    call: Call, *, sharefiles: Sequence[str], output: str, name: str | None, kdf_memory: int
) -> None:
    """Make an identity file from shares."""
    from keys import keyfile, recovery
    from keys.identity import check_name

    path = Path(output)
    if os.path.lexists(path):
        raise FileError(
            _("{path} exists already").format(path=path),
            _("choose another place with -o; an identity is never overwritten"),
        )
    found = gather(call, sharefiles)
    if name is None and found.about is not None:
        name = found.about.name
    name = call.text(name, "--name", _("By which name do the others know whose identity it is"))
    try:
        check_name(name)
    except MalformedError as error:
        raise UsageError(error.message, error.hint) from None
    passphrase = call.new_passphrase()
    made = recovery.combine(found.shares, name)
    keyfile.write(path, made, passphrase, keyfile.Argon2(memory=kdf_memory * 1024))
    out = call.out
    out.object("identity", member=made.device, name=made.name, file=lossless(str(path)))
    out.say(_("{name} is {id}, in {path}"), name=made.name, id=made.device, path=path)
    _tell_next(call, found, path)


@recovery.command(
    "drill",
    help=_(
        """Try whether shares work, and restore nothing.

        The shares are combined in memory and compared with the device that their pages name. Every
        share that is given is tried; nothing is written. Do it once a year.
        """
    ),
    examples=(
        "evault recovery drill ana.txt ben.txt carla.txt",
        "cat *.txt | evault recovery drill -",
    ),
)
@click.argument("sharefiles", type=PLACE, nargs=-1, required=True, metavar="SHAREFILE...")
@click.pass_obj
def drill(call: Call, *, sharefiles: Sequence[str]) -> None:
    """Try whether shares work, and restore nothing."""
    found = gather(call, sharefiles)
    threshold = found.shares[0].threshold
    made = None if found.about is None else found.about.shares
    call.out.object(
        "drill",
        device=found.device,
        shares=len(found.shares),
        threshold=threshold,
        of=made,
        works=True,
    )
    call.out.say(_("These shares work: they bring back {device}"), device=groups(found.device))
    count, needed = len(found.shares), threshold
    if found.about is None:
        call.out.say(_("{count} were tried; any {needed} are enough"), count=count, needed=needed)
        call.out.note(_("no page says which device it has to be: compare the id yourself"))
        return
    call.out.say(
        _("{count} of {made} were tried; any {needed} are enough"),
        count=count,
        made=made,
        needed=needed,
    )
    call.out.say(_("As their pages say, this is {name}"), name=found.about.name)


def gather(call: Call, places: Sequence[str]) -> Gathered:
    """Read shares from files and try whether they work.

    Args:
        call: For standard input.
        places: Files with pages or words; `-` is standard input.

    Raises:
        FileError: One cannot be read.
        MalformedError: One holds no share, or words that are wrong.
        TooFewSharesError, SharesError: They cannot be combined.
        UsageError: Their pages differ.
        VerificationError: They do not fit together, or bring back another device than they say.
    """
    from keys import recovery
    from vault.cli import pages

    found: list[pages.Page] = []
    for place in places:
        try:
            found += pages.parse(_read(call, place))
        except (MalformedError, VerificationError) as error:
            where = _("standard input") if place == "-" else place
            raise type(error)(f"{where}: {error.message}", error.hint) from None
    shares = [page.share for page in found]
    device = recovery.device(shares)
    return Gathered(shares, device, pages.agreed(found, device))


def tell_pages(call: Call, shares: Sequence[Share], paths: Sequence[Path]) -> None:
    """Say where the pages of some shares are, after `vault.cli.pages.write`."""
    for share, path in zip(shares, paths, strict=True):
        call.out.object(
            "share", index=share.index, threshold=share.threshold, path=lossless(str(path))
        )
        call.out.say(_("share {index}: {path}"), index=share.index, path=path)
    call.out.note(_("print each page, give each to another person, and delete these files"))
    call.out.note(_("a printer may remember what it printed: use one that is yours"))


def _read(call: Call, place: str) -> str:
    try:
        if place == "-":
            data = call.standard_input().read(_MOST + 1)
        else:
            with Path(place).open("rb") as file:
                data = file.read(_MOST + 1)
    except OSError as error:
        raise FileError(
            _("cannot read {path}: {reason}").format(path=place, reason=error.strerror)
        ) from None
    if len(data) > _MOST:
        raise MalformedError(_("too large for shares"), _("give pages or words, as text"))
    try:
        return data.decode()
    except UnicodeDecodeError:
        pass
    raise MalformedError(_("not text in UTF-8"), _("save the words as plain text"))


def _tell_next(call: Call, found: Gathered, path: Path) -> None:
    note, about = call.out.note, found.about
    given = "FINGERPRINT" if about is None else about.fingerprint
    seen = ""
    if about is not None:
        both = (about.authority, about.access)
        seen = " --seen " + ",".join(f"{position.size}:{position.root}" for position in both)
    note(
        _("next: evault join VAULT --identity {path} --fingerprint {given}{seen}"),
        path=path,
        given=given,
        seen=seen,
    )
    if about is not None and about.cases is not None:
        note(_("then: evault case grant CASE MEMBER, to an advocate, as this identity"))
    else:
        note(_("then: evault device add, a new laptop; evault device revoke, what was lost"))
    note(_("delete the files of the shares: together they are this identity without a passphrase"))
