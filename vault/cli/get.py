"""`evault get`: evidence comes out, for a purpose, and the log knows."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from vault.cli import deliver, screen
from vault.cli.context import Call
from vault.cli.evidence import PURPOSE
from vault.cli.exits import exit_of
from vault.cli.group import PLACE, TEXT, Command
from vault.cli.text import _, lossless, ngettext, size
from vault.errors import (
    BusyError,
    DeniedError,
    Error,
    FileError,
    PartialError,
    UsageError,
    VerificationError,
)

if TYPE_CHECKING:
    from vault.retrieve import Listed, Opened
    from vault.session import Session

_STDOUT = "-"


@click.command(
    cls=Command,
    help=_(
        """Retrieve records for a purpose.

        The asking is logged before anything is given; auditors see who, what, when and the
        purpose's code, holders of the case also --why. Every byte is verified; a file appears only
        when it is whole. Nothing is ever overwritten.

        One record goes to the file OUT, or into OUT if that is a folder; several go into the folder
        OUT under their original names. - is standard output; only text goes to a terminal.

        Where the case asks for the approval of others, this asks them and ends with exit code 31.
        After they have approved, the same command brings the records, and so does --request. What
        was destroyed is refused (exit code 30).
        """
    ),
    examples=(
        "evault get abcd2345 -o statement.pdf --purpose hearing",
        'evault get abcd2345 efgh6723 -o for-the-court/ --purpose filing --why "Motion of May 4"',
        "evault get abcd2345 -o - --purpose review | sha256sum",
        "evault get --request ijkl2345 -o for-the-court/",
    ),
)
@click.argument("records", nargs=-1, type=TEXT, metavar="[RECORD...]")
@click.option("-o", "--output", type=PLACE, metavar="OUT", help=_("A file, a folder, or - ."))
@click.option("--purpose", type=PURPOSE, help=_("Why you ask; auditors see it."))
@click.option("--why", type=TEXT, help=_("In words; only holders of the case see it."))
@click.option("--request", type=TEXT, help=_("An approved request: exactly its records."))
@click.pass_obj
def get(
    call: Call,
    *,
    records: tuple[str, ...],
    output: str | None,
    purpose: str | None,
    why: str | None,
    request: str | None,
) -> None:
    """Retrieve records for a purpose."""
    if not records and request is None:
        raise UsageError(_("missing RECORD"), _("name a record, or a request with --request"))
    output = call.text(output, "-o", _("Where to: a file or a folder"))
    if output == _STDOUT and len(records) > 1:
        raise UsageError(_("only one record goes to standard output"), _("name a folder with -o"))
    if output == _STDOUT and call.json:
        raise UsageError(_("--json and -o - both want standard output"))
    if request is None:
        purpose, why = call.purpose(purpose, why)
    with call.session() as session:
        found = [session.find_record(record) for record in records]
        if len(set(found)) != len(found):
            raise UsageError(_("a record is given twice"), _("name each record once"))
        wanted = _wanted(session, found, purpose, why, request)
        labels = _labels(session, wanted)
        if output == _STDOUT and len(labels) > 1:
            raise UsageError(
                _("only one record goes to standard output"), _("name a folder with -o")
            )
        if output == _STDOUT:
            _to_stdout(call, session, labels[0], wanted)
        else:
            _to_files(call, session, labels, output, wanted)


class _Wanted(NamedTuple):
    """What is to be released, for what, and with which request."""

    records: Sequence[str]
    purpose: str
    why: str | None
    disposition: str = "copy"
    request: str | None = None

    def release(self, call: Call, session: Session) -> list[Opened]:
        """Have it released, or others asked for it."""
        from vault.cli.requests import release

        return release(
            call,
            session,
            self.records,
            self.purpose,
            self.why,
            disposition=self.disposition,
            request=self.request,
        )


def _wanted(
    session: Session,
    records: Sequence[str],
    purpose: str | None,
    why: str | None,
    request: str | None,
) -> _Wanted:
    if request is None:
        return _Wanted(records, purpose or "", why)
    asked = session.requests.find(request)
    if asked.disposition == "destroy":
        raise UsageError(_("this is a request to destroy"), _("see `evault destroy`"))
    return _Wanted(
        records or asked.records, purpose or asked.purpose, why, asked.disposition, asked.id
    )


def _labels(session: Session, wanted: _Wanted) -> list[Listed]:
    try:
        return session.labels(wanted.records)
    except DeniedError as error:
        # What only this device cannot open the gate would not refuse.
        if error.reason != "not-holder":
            raise
        refused = [record for record in wanted.records if not _readable(session, record)]
        # The gate refuses these, and the refusal stands in the log.
        session.release(refused, wanted.purpose, wanted.why)
        raise


def _readable(session: Session, record: str) -> bool:
    try:
        session.record(record)
    except DeniedError as error:
        return error.reason != "not-holder"
    return True


def _to_stdout(call: Call, session: Session, listed: Listed, wanted: _Wanted) -> None:
    kind, length = str(listed.label.values["type"]), int(listed.label.values["size"])
    shown = call.out.is_terminal()
    if shown and screen.unshowable(kind, length):
        raise FileError(
            screen.unshowable(kind, length),
            _("send it to a file with -o FILE, or through a pipe"),
        )
    opened = wanted.release(call, session)[0]
    if shown:
        # Even text can play tricks on a terminal.
        data = b"".join(session.content(opened))
        call.out.text(screen.to_text("text/plain", data))
    else:
        for block in session.content(opened):
            call.out.raw(block)
    call.out.flush()
    _sign_for(call, session, [opened])


def _to_files(
    call: Call,
    session: Session,
    labels: Sequence[Listed],
    output: str,
    wanted: _Wanted,
) -> None:
    names = [str(listed.label.values["name"]) for listed in labels]
    needed = sum(int(listed.label.values["size"]) for listed in labels)
    # What is written like a folder is meant as one, also if it is not there yet.
    like_folder = output.endswith(("/", os.sep))
    paths = deliver.targets(Path(output), names, vault=session.store.path, folder=like_folder)
    with deliver.folders_for(paths, needed):
        released = wanted.release(call, session)
        whole, failed = _write(call, session, list(zip(released, paths, strict=True)), needed)
        # A receipt is for a whole release: whoever signs it says that all its hashes matched.
        unsound = {opened.entry for opened, _error in failed}
        signed = _sign_for(call, session, [o for o in whole if o.entry not in unsound])
    _conclude(call, whole, [error for _opened, error in failed], signed=signed)


def _write(
    call: Call, session: Session, plan: Sequence[tuple[Opened, Path]], needed: int
) -> tuple[list[Opened], list[tuple[Opened, Error]]]:
    """Write each record; one that fails does not keep the others back."""
    from vault.outfile import write_new

    whole: list[Opened] = []
    failed: list[tuple[Opened, Error]] = []
    with call.out.progress(_("retrieving"), needed) as bar:
        for opened, path in plan:
            values = opened.listed.label.values
            try:
                write_new(path, session.content(opened, bar))
            except Error as error:
                failed.append((opened, error))
                _code, name = exit_of(error)
                said = {"record": opened.listed.id, "code": name, "message": error.message}
                call.out.object("failed", **said)
                call.out.warn(_("{name}: {message}"), name=values["name"], message=error.message)
                continue
            whole.append(opened)
            call.out.object(
                "released",
                record=opened.listed.id,
                path=lossless(str(path)),
                sha256=values["sha256"],
                entry=opened.entry,
            )
            call.out.say("{path}  {size}", path=path, size=size(int(values["size"])))
    return whole, failed


def _sign_for(call: Call, session: Session, opened: Sequence[Opened]) -> bool:
    """Sign for what came whole; if that cannot be now, the evidence is still there."""
    try:
        session.receive(opened)
    except (BusyError, FileError) as error:
        call.out.warn(_("the receipt could not be logged: {message}"), message=error.message)
        return False
    call.settle(session)
    return True


def _conclude(
    call: Call, whole: Sequence[Opened], errors: Sequence[Error], *, signed: bool
) -> None:
    if whole:
        entries = ", ".join(_("entry {entry}").format(entry=entry) for entry in _entries(whole))
        text = ngettext(
            "{count} record, verified; logged as {entries}",
            "{count} records, verified; logged as {entries}",
            len(whole),
        )
        call.out.note(text, count=len(whole), entries=entries)
    bad = [error for error in errors if isinstance(error, VerificationError)]
    if bad or (errors and not whole):
        # Damage is never "done in part": whoever reads only the exit code has to learn of it.
        raise max(bad or errors[:1], key=lambda error: exit_of(error).code)
    if errors:
        count = len(errors)
        raise PartialError(
            ngettext(
                "{count} record could not be written", "{count} records could not be written", count
            ).format(count=count),
            _("all the others were"),
        )
    if not signed:
        raise PartialError(_("the evidence was written, and no receipt was logged"))


def _entries(opened: Sequence[Opened]) -> Iterator[int]:
    yield from dict.fromkeys(one.entry for one in opened)
