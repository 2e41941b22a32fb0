"""`evault log checkpoint`, `cosign`, `keep`, `conflicts`: heads go out, and come back cosigned."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vault.cli.context import Call
from vault.cli.group import PLACE, TEXT, Command
from vault.cli.text import _
from vault.errors import FileError, NoVaultError, UsageError

if TYPE_CHECKING:
    from keys.identity import Identity

_LOGS = ("access", "authority")
_MOST = 1 << 24


def give(call: Call, data: bytes, output: str | None, kind: str, **more: Any) -> None:
    """Write a text to a file, or as it is to standard output.

    Args:
        call: The call.
        data: The text.
        output: Where to.
        kind: The type of the object that says so to programs.
        more: Its further fields.
    """
    if output is None or output == "-":
        call.out.raw(data)
        return
    from vault.outfile import write_new

    write_new(Path(output), iter((data,)))
    call.out.object(kind, path=output, **more)
    call.out.note(_("written to {path}"), path=output)


def take(call: Call, path: str) -> bytes:
    """Read a text from a file, or from standard input where `-` is given.

    Raises:
        FileError: It cannot be read, or is longer than any such text.
    """
    try:
        if path == "-":
            data = call.standard_input().read(_MOST + 1)
        else:
            with Path(path).open("rb") as file:
                data = file.read(_MOST + 1)
    except OSError as error:
        raise FileError(
            _("cannot read {path}: {reason}").format(path=path, reason=error.strerror)
        ) from None
    if len(data) > _MOST:
        raise FileError(_("{path} is too long").format(path=path), _("is it the right file?"))
    return data


@click.command(
    cls=Command,
    help=_(
        """Print the signed head of a log.

        It is a C2SP checkpoint, and nothing else is printed: give it to people outside, who compare
        it later, or have it cosigned. `evault status --json` has the keys that verify it.

        With --from it is what a cosigner is asked to sign, with the proof that the log only grew
        since they signed SIZE entries; 0 if they never did.

        With --size it is the three lines of the checkpoint that the log had at that size, without
        signatures: to compare with those in a report or in somebody's hands.
        """
    ),
    examples=(
        "evault log checkpoint > head.txt",
        "evault log checkpoint --from 120 -o request.txt",
        "evault log checkpoint --size 120",
    ),
)
@click.option("--log", type=click.Choice(_LOGS), default="access", help=_("Which log."))
@click.option(
    "--from",
    "old",
    type=click.IntRange(min=0),
    metavar="SIZE",
    help=_("What the cosigner has signed last."),
)
@click.option(
    "--size",
    type=click.IntRange(min=1),
    metavar="SIZE",
    help=_("What it was when it had so many entries, unsigned."),
)
@click.option("-o", "--output", type=PLACE, metavar="FILE", help=_("A file instead."))
@click.pass_obj
def checkpoint(
    call: Call, *, log: str, old: int | None, size: int | None, output: str | None
) -> None:
    """Print the signed head of a log."""
    if old is not None and size is not None:
        raise UsageError(
            _("--from and --size do not go together"),
            _("--from is for a cosigner, --size to compare"),
        )
    with call.session() as session:
        heads = session.heads
        if size is not None:
            data = heads.text(size, log)
        else:
            data = heads.checkpoint(log) if old is None else heads.request(old, log)
        give(call, data, output, "checkpoint")


@click.command(
    cls=Command,
    help=_(
        """Keep a cosigned checkpoint in the vault, where those who join find it.

        It is kept if it is a head that this vault's log had; lines of several cosigners come
        together.
        """
    ),
    examples=("evault log keep cosigned.txt",),
)
@click.argument("file", type=PLACE)
@click.pass_obj
def keep(call: Call, *, file: str) -> None:
    """Keep a cosigned checkpoint in the vault."""
    data = take(call, file)
    with call.session() as session:
        log, position = session.heads.keep(data)
        call.out.object("kept", log=log, **position.body())
        call.out.say(
            _("The checkpoint of {size} entries of the {log} log is kept."),
            size=position.size,
            log=log,
        )


@click.command(
    cls=Command,
    help=_(
        """Cosign the head of somebody else's log: sign that it only ever grew.

        FILE is what `evault log checkpoint --from SIZE` of that vault printed, or for the first
        time a checkpoint alone. What you have signed is remembered, and nothing that contradicts it
        is ever signed. You need no place in that vault: an ally can watch over it so.

        The first time, and when the log's gate has new keys, --key takes both of the log's keys, or
        a file with them. Compare them with its people by another way than the file. With --show-key
        your own keys are printed: give them to those who rely on you.
        """
    ),
    examples=(
        "evault log cosign request.txt --key vkeys.txt -o cosigned.txt",
        "evault log cosign --show-key > ally.vkeys",
    ),
)
@click.argument("file", type=PLACE, required=False)
@click.option("-o", "--output", type=PLACE, metavar="FILE", help=_("A file instead of stdout."))
@click.option("--key", "keys", type=TEXT, multiple=True, metavar="KEY|FILE", help=_("The log's."))
@click.option(
    "--name", type=TEXT, metavar="NAME", help=_("As whom: a name with keys of its own, like a URL.")
)
@click.option("--show-key", is_flag=True, help=_("Print your own keys as a cosigner."))
@click.pass_obj
def cosign(
    call: Call,
    *,
    file: str | None,
    output: str | None,
    keys: tuple[str, ...],
    name: str | None,
    show_key: bool,
) -> None:
    """Cosign the head of somebody else's log."""
    if show_key == (file is not None):
        raise UsageError(_("give either a file or --show-key"), _("see `evault log cosign --help`"))
    data = b"" if file is None else take(call, file)
    if keys:
        from vault.cli.proofs import verifier_keys

        wanted = verifier_keys(call, keys)
    else:
        wanted = []
    identity = call.unlock()
    from vault.cosigner import Cosigner

    cosigner = Cosigner(call.home, identity, name)
    if show_key:
        call.out.object("cosigner", name=cosigner.name, vkeys=[k.encode() for k in cosigner.keys])
        for key in cosigner.keys:
            call.out.say("{key}", key=key.encode())
        return
    done = cosigner.cosign(data, wanted)
    if done.before:
        call.out.note(
            _("{name} signs that {origin} grew from {before} to {size} entries"),
            name=cosigner.name,
            origin=done.said.origin,
            before=done.before,
            size=done.said.size,
        )
    else:
        call.out.note(
            _("{name} signs for the first time: {origin} has {size} entries"),
            name=cosigner.name,
            origin=done.said.origin,
            size=done.said.size,
        )
    give(call, done.note, output, "cosigned")


@click.command(
    cls=Command,
    help=_(
        """Show the heads that contradicted each other, and write each pair to a file.

        When this vault, or a log that you cosign, showed you two histories, both signed heads were
        kept. With -o each pair goes into a file of its own in that folder, which anybody can check
        with `evault verify-proof`. It works also while the vault is refused.
        """
    ),
    examples=("evault log conflicts", "evault log conflicts -o proofs/"),
)
@click.option("-o", "--output", type=PLACE, metavar="FOLDER", help=_("Where to."))
@click.pass_obj
def conflicts(call: Call, *, output: str | None) -> None:
    """Show the heads that contradicted each other."""
    found = tell_conflicts(call, call.unlock(), output)
    if not found:
        call.out.say(_("No heads are kept that contradict each other."))
    files = [(place, text) for place, text in found if place is not None]
    if files and output is not None:
        from vault.outfile import write_all

        Path(output).mkdir(parents=True, exist_ok=True)
        write_all(files)


def tell_conflicts(
    call: Call, identity: Identity, output: str | None = None
) -> list[tuple[Path | None, bytes]]:
    """Show the heads that contradicted each other; where each pair would go, and its text."""
    try:
        path: Path | None = call.vault_folder
    except NoVaultError:
        # Whoever only cosigns has no vault.
        path = None
    from vault.heads import kept_conflicts

    found = kept_conflicts(path, identity, call.home)
    told: list[tuple[Path | None, bytes]] = []
    for number, one in enumerate(found, 1):
        place = None if output is None else Path(output) / f"conflict-{number}.txt"
        call.out.object(
            "conflict",
            origin=one.origin,
            sizes=list(one.sizes),
            proved=one.proved,
            path=None if place is None else str(place),
        )
        call.out.say(
            _("{origin}: heads of {one} and {two} entries; {words}"),
            origin=one.origin,
            one=one.sizes[0],
            two=one.sizes[1],
            words=_("they contradict each other")
            if one.proved
            else _("that they contradict each other cannot be shown from them alone"),
        )
        told.append((place, one.text))
    return told
