"""The `evault` command: the only place that prompts, prints and exits.

`group` says what commands there are, `context` what a call works with, `ask` what a person is
asked, `output` what is shown, `exits` how it ends. The other modules are the commands. Nothing here
knows cryptography; nothing below here knows a terminal.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

import click

from vault.cli import exits
from vault.cli.context import Call
from vault.cli.exits import exit_of
from vault.cli.group import Main, global_options
from vault.cli.output import ClosedError, describe
from vault.cli.text import _
from vault.errors import DeniedError, Error, FileError

_COMPLETION = "_EVAULT_COMPLETE"
_ENDING_SIGNALS = ("SIGTERM", "SIGHUP")

evault = Main(
    "evault",
    params=[
        *global_options(hidden=False),
        click.Option(
            ["--version"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=lambda context, _parameter, value: _version(context) if value else None,
            help=_("Show the version and exit."),
        ),
    ],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    help=_(
        """An encrypted evidence vault.

        Advocates store evidence, attorneys retrieve it for a stated purpose, auditors see who
        opened what, and whoever takes the disk sees nothing.

        The passphrase comes from exactly one of --passphrase-fd, --passphrase-command,
        EVAULT_PASSPHRASE (for tests: other programs of yours can read it) or a question on the
        terminal. It never stands among the arguments.
        """
    ),
    epilog=_(
        """\b
        Examples:
          evault identity create "Ana Pérez"
          evault init ~/vault
          evault --vault ~/vault case open "Raids in April"
          evault --vault ~/vault add statement.pdf --case "Raids in April"
          evault get abcd2345 -o . --purpose hearing --vault ~/vault

        \b
        Exit codes:
          0 done              11 locked                   20 stored bytes fail verification
          1 unexpected        12 wrong passphrase         21 log or pin fails, vault not joined
          2 usage             13 no such thing            23 unsupported or malformed format
          3 done in part      14 busy, try again          30 refused by policy or authority
          10 no vault         15 input or output refused  31 waiting   130 interrupted
          141 a list whose reader closed the pipe, such as `head`

        Shell completion: `evault completion --help`.
        """
    ),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        argv: The arguments after the command's name; those of the process unless given.

    Returns:
        The exit code. See `vault.cli.exits`.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    call = Call()
    # Known before parsing, so that a mistake in the arguments is told to programs too.
    call.json = call.out.json = "--json" in arguments
    try:
        with _signals():
            _open_streams()
            code = _run(arguments, call)
            call.out.flush()
    except BaseException as error:  # noqa: BLE001 - whatever happens, a person gets a line
        code = _explain(call, error)
    return code


def _run(arguments: list[str], call: Call) -> int:
    instruction = os.environ.get(_COMPLETION)
    if instruction:
        from click.shell_completion import shell_complete

        return shell_complete(evault, {}, "evault", _COMPLETION, instruction)
    try:
        with evault.make_context("evault", arguments, obj=call) as context:
            evault.invoke(context)
    except click.exceptions.Exit as ended:
        return ended.exit_code
    return exits.DONE


def _explain(call: Call, error: BaseException) -> int:
    """Say what went wrong, and turn it into an exit code."""
    out = call.out
    with suppress(Error, OSError, ValueError):
        # What is done is done: its results come before the error.
        out.flush()
    if isinstance(error, ClosedError) and out.partial:
        # `evault log list | head` has what it wanted. It is not 0: not everything was looked at.
        return exits.CLOSED
    if isinstance(error, Error):
        code, name = exit_of(error)
        message, hint = describe(error)
        out.error(message, hint)
        more: dict[str, Any] = {}
        if isinstance(error, DeniedError):
            if error.entry is not None:
                out.note(_("the refusal is entry {entry} of the access log"), entry=error.entry)
            more = {"reason": error.reason, "entry": error.entry}
        out.error_object(name, code, message, **more)
        return code
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message(), err=True)
        out.error_object("usage", exits.USAGE, _("a command is missing"))
        return exits.USAGE
    if isinstance(error, click.ClickException):
        context = error.ctx if isinstance(error, click.UsageError) else None
        path = context.command_path if context is not None else "evault"
        message = _plainly(error.format_message())
        out.error(message, _("see `{command} --help`").format(command=path))
        out.error_object("usage", exits.USAGE, message)
        return exits.USAGE
    if isinstance(error, KeyboardInterrupt | click.Abort | EOFError):
        out.error(_("interrupted"))
        out.error_object("interrupted", exits.INTERRUPTED, _("interrupted"))
        return exits.INTERRUPTED
    return _unexpected(call, error)


def _plainly(message: str) -> str:
    """What the command line's parser says, in one line and in words."""
    words = " ".join(message.split())
    for name in ("integer", "integer range"):
        words = words.replace(f"is not a valid {name}.", _("is not a whole number."))
    return words


def _unexpected(call: Call, error: BaseException) -> int:
    if os.environ.get("EVAULT_DEBUG"):
        with suppress(OSError, ValueError, AttributeError):
            traceback.print_exception(error)
    out = call.out
    message, _hint = describe(error)
    if isinstance(error, OSError):
        code, name = exits.EXITS[FileError]
        out.error(message)
    else:
        code, name = exits.EXITS[Error]
        # The exception's own text may hold anything; its type and place do not.
        frame = traceback.extract_tb(error.__traceback__)[-1:]
        place = f"{os.path.basename(frame[0].filename)}:{frame[0].lineno}" if frame else ""  # noqa: PTH119
        message = _("unexpected: {kind} at {place}").format(kind=message, place=place)
        out.error(message, _("this is a mistake in evault; EVAULT_DEBUG=1 shows where"))
    out.error_object(name, code, message)
    return code


@contextmanager
def _signals() -> Iterator[None]:
    """Be ended like by Ctrl-C, so that everything is cleaned up.

    A closed terminal and a shutdown come as other signals, and would leave files half-written.
    """

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {}
    for name in _ENDING_SIGNALS:
        number = getattr(signal, name, None)
        # Under nohup a closed terminal is to be ignored.
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            before[number] = signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _open_streams() -> None:
    """Make sure that the three standard streams are what they are called.

    A closed one would let the next file that is opened take its number.

    Raises:
        FileError: Standard output is closed: a result would be lost.
    """
    if os.name == "posix":
        for number in range(3):
            try:
                os.fstat(number)
            except OSError:
                os.open(os.devnull, os.O_RDWR)
    if sys.stdout is None:
        raise FileError(_("standard output is closed"), _("send it to a file or to /dev/null"))
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # A name that the terminal's encoding does not have is no reason to fail.
            stream.reconfigure(errors="backslashreplace")


def _version(context: click.Context) -> None:
    from importlib import metadata

    click.echo("evault " + metadata.version("evidence-vault"))
    context.exit()


__all__ = ["evault", "main"]
