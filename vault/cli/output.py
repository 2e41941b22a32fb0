"""What people and programs see.

People get lines and tables; programs (`--json`) one object per line on standard output, each with
"type" and "schema". A command says both and each call is silent for the other audience. Values that
come from people are always passed as values, never as part of a text: so they are made visible here
and nowhere else has to think of it.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import IO, Any

from vault.cli.text import _, lossless, visible
from vault.errors import Error, FileError

SCHEMA = 1
_CHUNK = 1000
_LEAST = 8


class ClosedError(FileError):
    """Whoever read standard output has closed it."""


class Output:
    """Writes results to standard output and everything else to standard error.

    Attributes:
        json: Whether results are for programs.
        partial: Whether who reads results may stop when they have seen enough.
    """

    def __init__(self) -> None:
        self.json = False
        self.partial = False

    # --- results --------------------------------------------------------------------------------

    def object(self, kind: str, /, **fields: Any) -> None:
        """A result for programs.

        Args:
            kind: Its "type".
            fields: Its further fields: what JSON has.
        """
        if self.json:
            self._out(as_json(kind, fields))

    def say(self, text: str = "", /, **values: Any) -> None:
        """A line of a result for people.

        Args:
            text: With the values' names in braces.
            values: Made visible before they are put in.
        """
        if not self.json:
            self._out(_fill(text, values))

    def rows(self, pairs: Sequence[tuple[str, str]]) -> None:
        """What things are called and what they are, one a line, for people."""
        from rich.cells import cell_len

        names = [visible(name) for name, _value in pairs]
        width = max(map(cell_len, names), default=0)
        for name, (_name, value) in zip(names, pairs, strict=True):
            space = " " * (width - cell_len(name))
            self.say("{name}{space}  {value}", name=name, space=space, value=value)

    def table(
        self, heads: Sequence[str], rows: Sequence[Sequence[str]], *, fold: Sequence[int] = ()
    ) -> None:
        """A table for people.

        Args:
            heads: The columns' names.
            rows: Their cells.
            fold: The columns that may be broken over lines if the terminal is narrow.
        """
        if self.json or not rows:
            return
        from rich.cells import cell_len

        shown = [[visible(cell) for cell in row] for row in rows]
        widths = [max(map(cell_len, column)) for column in zip(heads, *shown, strict=True)]
        # A column that is empty everywhere says nothing.
        kept = [at for at in range(len(heads)) if any(row[at] for row in shown)]
        terminal = self.is_terminal()
        room = shutil.get_terminal_size().columns if terminal else None
        if room is not None and sum(widths[at] + 2 for at in kept) - 2 > room:
            self._folded(heads, shown, kept, fold, widths, room)
            return
        for row in (heads, *shown):
            cells = [row[at] + " " * (widths[at] - cell_len(row[at])) for at in kept]
            self._out("  ".join(cells).rstrip())

    def _folded(
        self,
        heads: Sequence[str],
        rows: Sequence[Sequence[str]],
        kept: Sequence[int],
        fold: Sequence[int],
        widths: Sequence[int],
        room: int,
    ) -> None:
        """A table that is too wide for the terminal: long cells go over several lines."""
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        page = io.StringIO()
        console = Console(file=page, width=room, highlight=False, markup=False, emoji=False)
        # In parts, because a table of a hundred thousand rows is slow to lay out at once.
        for start in range(0, len(rows), _CHUNK):
            table = Table(box=None, pad_edge=False, show_header=start == 0, header_style="")
            for at in kept:
                table.add_column(
                    Text(heads[at]),
                    min_width=_LEAST if at in fold else widths[at],
                    no_wrap=at not in fold,
                    overflow="fold",
                )
            for row in rows[start : start + _CHUNK]:
                table.add_row(*(Text(row[at]) for at in kept))
            console.print(table)
        for line in page.getvalue().splitlines():
            self._out(line.rstrip())

    def text(self, text: str) -> None:
        """Text for both audiences, as it is but for trailing line breaks."""
        self._out(text.rstrip("\n"))

    def raw(self, data: bytes) -> None:
        """Bytes on standard output.

        Raises:
            FileError: They cannot be written.
        """
        with _told():
            sys.stdout.flush()
            sys.stdout.buffer.write(data)

    def flush(self) -> None:
        """Make sure that all results left.

        Raises:
            FileError: They cannot be written.
        """
        if sys.stdout is not None:
            with _told():
                sys.stdout.flush()

    # --- the rest -------------------------------------------------------------------------------

    def note(self, text: str, /, **values: Any) -> None:
        """Something that people may want to know, on standard error."""
        if not self.json:
            _err("evault: " + _fill(text, values))

    def warn(self, text: str, /, **values: Any) -> None:
        """Something that anybody should know, on standard error."""
        _err(_("evault: warning: {text}").format(text=_fill(text, values)))

    def error(self, message: str, hint: str = "") -> None:
        """What went wrong, and what to do."""
        _err(_("evault: error: {text}").format(text=visible(message)))
        if hint:
            _err(_("evault: hint: {text}").format(text=visible(hint)))

    def error_object(self, name: str, code: int, message: str, /, **fields: Any) -> None:
        """What went wrong, for programs: the last line on standard error."""
        if self.json:
            said = {"code": name, "exit_code": code, "message": message, **fields}
            _err(as_json("error", said))

    @contextmanager
    def progress(
        self, what: str, total: int | None, *, unit: str | None = None
    ) -> Iterator[Progress]:
        """Show how a long task goes on, on standard error when that is a terminal.

        Args:
            what: What is done.
            total: How many bytes there are, or None.
            unit: What is counted, if that is not bytes.
        """
        if self.json or not sys.stderr.isatty():
            yield Progress()
            return
        from rich import progress as bars
        from rich.console import Console

        counted: tuple[bars.ProgressColumn, ...] = (
            (bars.DownloadColumn(), bars.TransferSpeedColumn())
            if unit is None
            else (bars.MofNCompleteColumn(), bars.TextColumn(unit, markup=False))
        )
        columns = (
            bars.TextColumn("{task.description}", markup=False),
            bars.BarColumn(),
            *counted,
            bars.TimeRemainingColumn(),
        )
        console = Console(stderr=True, highlight=False, markup=False, emoji=False)
        bar = bars.Progress(*columns, console=console, transient=True)
        task = bar.add_task(what, total=total)

        def advance(count: int) -> None:
            # Shown once there is something to show: it has a thread, and whoever starts processes
            # does that before.
            bar.start()
            bar.advance(task, count)

        try:
            yield Progress(advance)
        finally:
            bar.stop()

    def is_terminal(self) -> bool:
        """Whether results go to a terminal."""
        return sys.stdout.isatty()

    def _out(self, text: str) -> None:
        with _told():
            sys.stdout.write(text + "\n")


class Progress:
    """Takes how many bytes more are done."""

    def __init__(self, advance: Any = None) -> None:
        self._advance = advance

    def __call__(self, count: int) -> None:
        """Some bytes more are done."""
        if self._advance is not None:
            self._advance(count)


def as_json(kind: str, fields: dict[str, Any]) -> str:
    """One line of ASCII, so that no terminal and no locale can come between."""
    body = {"type": kind, "schema": SCHEMA, **fields}
    return json.dumps(_plain(body), ensure_ascii=True, separators=(",", ":"))


def describe(error: BaseException) -> tuple[str, str]:
    """Message and hint of an error, with no secret in them."""
    if isinstance(error, Error):
        return error.message, error.hint
    if isinstance(error, OSError):
        where = f"{error.filename}: " if isinstance(error.filename, str) else ""
        return f"{where}{error.strerror or type(error).__name__}", ""
    return type(error).__name__, ""


def silence(stream: IO[str] | None) -> None:
    """Point a stream that cannot be written to nowhere: the last flush must not complain."""
    if stream is None:
        return
    with suppress(OSError, ValueError):
        place = stream.fileno()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, place)
        os.close(nowhere)


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return lossless(value)
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _fill(text: str, values: dict[str, Any]) -> str:
    return text.format(**{name: visible(str(value)) for name, value in values.items()})


def _err(text: str) -> None:
    # If even this cannot be written, the exit code has to say it.
    with suppress(OSError, ValueError, AttributeError):
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        silence(sys.stdout)
        raise ClosedError(_("standard output was closed before everything was written")) from None
    except OSError as error:
        silence(sys.stdout)
        reason = error.strerror or ""
        raise FileError(
            _("cannot write to standard output: {reason}").format(reason=reason)
        ) from None
