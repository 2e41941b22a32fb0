"""`evault log checkpoint` and `keep`: heads of the logs go out, and come back cosigned."""

from __future__ import annotations

from pathlib import Path

import click

from vault.cli.context import Call
from vault.cli.group import PLACE, Command
from vault.cli.text import _
from vault.errors import FileError

_LOGS = ("access", "authority")
_MOST = 1 << 24


def give(call: Call, data: bytes, output: str | None, kind: str) -> None:
    """Write a text to a file, or as it is to standard output."""
    if output is None or output == "-":
        call.out.raw(data)
        return
    from vault.outfile import write_new

    write_new(Path(output), iter((data,)))
    call.out.object(kind, path=output)
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
        """
    ),
    examples=(
        "evault log checkpoint > head.txt",
        "evault log checkpoint --from 120 -o request.txt",
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
@click.option("-o", "--output", type=PLACE, metavar="FILE", help=_("A file instead."))
@click.pass_obj
def checkpoint(call: Call, *, log: str, old: int | None, output: str | None) -> None:
    """Print the signed head of a log."""
    with call.session() as session:
        heads = session.heads
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
