"""Asks the person at the terminal, and gets passphrases from where they may come from.

The terminal is asked directly, so that standard input and output stay free for evidence. A
passphrase comes from exactly one source, never from an argument: what stands in arguments can be
read by every program on the machine.
"""

from __future__ import annotations

import io
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import click

from vault.cli.strength import suggestion, weakness
from vault.cli.text import _, visible
from vault.errors import LockedError, UsageError

_MOST = 1 << 16
_TRIES = 3


class Terminal:
    """The person in front of this program.

    Args:
        file: Reads and writes the terminal.
    """

    def __init__(self, file: io.TextIOWrapper) -> None:
        self._file = file

    @classmethod
    def find(cls) -> Terminal | None:
        """The terminal, if this program was started from one and somebody can be asked there."""
        if not any(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr)):
            return None
        try:
            raw = io.FileIO(os.open("/dev/tty", os.O_RDWR | getattr(os, "O_NOCTTY", 0)), "r+")
        except OSError:
            return None
        return cls(io.TextIOWrapper(raw, "utf-8", "surrogateescape", write_through=True))

    def tell(self, text: str, /, **values: str) -> None:
        """Say something; values are made visible first."""
        shown = {name: visible(value) for name, value in values.items()}
        self._file.write(text.format(**shown) + "\n")

    def ask(self, question: str, *, default: str | None = None, empty: bool = False) -> str:
        """Ask for a line of text.

        Args:
            question: Without a colon.
            default: What an empty answer means.
            empty: Whether an empty answer is one.
        """
        suffix = "" if default is None else f" [{visible(default)}]"
        while True:
            self._file.write(f"{question}{suffix}: ")
            with self._interrupted():
                line = self._file.readline()
                if not line:
                    raise EOFError
            answer = line.rstrip("\n").strip()
            if not answer and default is not None:
                return default
            if answer or empty:
                return answer

    def secret(self, question: str) -> str:
        """Ask for a line of text without showing it."""
        import getpass

        try:
            with self._interrupted():
                return getpass.getpass(f"{visible(question)}: ")
        except UnicodeDecodeError:
            raise UsageError(_("what was typed is not in the terminal's encoding")) from None

    @contextmanager
    def _interrupted(self) -> Iterator[None]:
        """Whoever leaves a question unanswered gets what comes next on a line of its own."""
        try:
            yield
        except (EOFError, KeyboardInterrupt):
            self._file.write("\n")
            raise click.Abort from None

    def choose(
        self, question: str, options: Sequence[tuple[str, str]], *, free: bool = False
    ) -> str:
        """Ask for one of several things.

        Args:
            question: Without a colon.
            options: The values, and what they are in words.
            free: Whether an answer that is none of them is returned as it was typed.

        Returns:
            A value, or what was typed.
        """
        self._file.write(question + "\n")
        for number, (value, words) in enumerate(options, 1):
            shown = visible(words if free else f"{value}: {words}")
            self._file.write(f"  {number:>2}  {shown}\n")
        default = "1" if len(options) == 1 else None
        while True:
            answer = self.ask(_("Number or name"), default=default)
            if answer.isascii() and answer.isdigit() and 1 <= int(answer) <= len(options):
                return options[int(answer) - 1][0]
            if free or answer in {value for value, _words in options}:
                return answer
            self._file.write(_("That is none of them.") + "\n")


@dataclass(frozen=True, slots=True)
class Sources:
    """Where a passphrase may come from.

    Args:
        name: What it is called when it is asked for.
        fd: A file descriptor to read it from.
        command: A command that prints it.
        variable: The environment variable that may hold it.
        options: How the options are called, for messages.
    """

    name: str
    fd: int | None
    command: str | None
    variable: str
    options: tuple[str, str]

    def given(self) -> str | None:
        """The passphrase of the one source that is given, or None if none is.

        Raises:
            UsageError: Two are given, or the descriptor cannot be read.
            LockedError: The command failed.
        """
        value = os.environ.get(self.variable) or None
        named = {
            self.options[0]: self.fd is not None,
            self.options[1]: self.command is not None,
            self.variable: value is not None,
        }
        several = [name for name, given in named.items() if given]
        if len(several) > 1:
            raise UsageError(
                _("more than one source of the passphrase: {sources}").format(
                    sources=", ".join(several)
                ),
                _("give exactly one"),
            )
        if self.fd is not None:
            return _text(_from_descriptor(self.fd, self.options[0]))
        if self.command is not None:
            return _text(_from_command(self.command))
        return value and _text(os.fsencode(value))


def unlocking(sources: Sources, terminal: Terminal | None) -> tuple[str, bool]:
    """A passphrase that exists, and whether it was typed.

    Raises:
        LockedError: There is no source and no terminal.
        UsageError: There are two sources.
    """
    given = sources.given()
    if given is not None:
        return given, False
    if terminal is None:
        raise LockedError(
            _("no passphrase, and no terminal to ask for one"),
            _("use --passphrase-fd or --passphrase-command"),
        )
    return terminal.secret(sources.name), True


def choosing(sources: Sources, terminal: Terminal | None) -> str:
    """A new passphrase that is not weak; typed twice at a terminal.

    Raises:
        LockedError: There is no source and no terminal.
        UsageError: It is weak, or there are two sources.
    """
    given = sources.given()
    if given is not None:
        reason = weakness(given)
        if reason:
            raise UsageError(_("the new passphrase is weak: ") + reason, suggestion())
        return given
    if terminal is None:
        raise LockedError(
            _("no new passphrase, and no terminal to ask for one"),
            _("use {fd} or {command}").format(fd=sources.options[0], command=sources.options[1]),
        )
    terminal.tell(_("Choose a passphrase. Nobody can reset it: forgotten means lost."))
    for _try in range(_TRIES):
        first = terminal.secret(sources.name)
        reason = weakness(first)
        if reason:
            terminal.tell("{text}", text=_("That is weak: ") + reason)
            terminal.tell("{text}", text=suggestion())
        elif terminal.secret(_("The same again")) == first:
            return first
        else:
            terminal.tell(_("The two are not the same."))
    raise UsageError(_("no passphrase was chosen"))


def _from_descriptor(fd: int, option: str) -> bytes:
    parts: list[bytes] = []
    try:
        while sum(map(len, parts)) <= _MOST and (part := os.read(fd, _MOST)):
            parts.append(part)
    except OSError as error:
        raise UsageError(
            _("cannot read the passphrase from {option} {fd}: {reason}").format(
                option=option, fd=fd, reason=error.strerror
            )
        ) from None
    return b"".join(parts)


def _from_command(command: str) -> bytes:
    try:
        words = shlex.split(command)
        done = subprocess.run(words, stdout=subprocess.PIPE, check=False)  # noqa: S603 - the user's own command
    except (OSError, ValueError, IndexError):
        raise LockedError(_("the passphrase command cannot be run")) from None
    if done.returncode:
        raise LockedError(
            _("the passphrase command failed with exit code {code}").format(code=done.returncode)
        )
    return done.stdout


def _text(raw: bytes) -> str:
    if len(raw) > _MOST:
        raise UsageError(_("the passphrase is longer than 64 KiB"))
    # One line break belongs to the file or the command; spaces belong to the passphrase.
    return raw.removesuffix(b"\n").decode("utf-8", "surrogateescape")
