"""`evault add`: evidence goes in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vault.cli import form as forms
from vault.cli.context import Call, case_words, inside, shorten
from vault.cli.group import PLACE, TEXT, Command
from vault.cli.text import _, lossless, ngettext, size, visible
from vault.errors import FileError, PartialError, UsageError

if TYPE_CHECKING:
    from vault.deposit import Stored
    from vault.intake import Source, Survey
    from vault.session import Session

_SHOWN = 20
_FORM_MOST = 1 << 20


def description_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options by which a person says what evidence is."""
    for option in reversed(
        (
            click.option("--title", type=TEXT, help=_("What holders see in lists.")),
            click.option("--source", type=TEXT, help=_("From whom or where it is.")),
            click.option(
                "--collected-at",
                type=TEXT,
                metavar="TIME",
                help=_("A date, or a time with its zone."),
            ),
            click.option(
                "--note", "notes", type=TEXT, multiple=True, help=_("May be given several times.")
            ),
            click.option(
                "--tag", "tags", type=TEXT, multiple=True, help=_("May be given several times.")
            ),
            click.option(
                "--form", type=PLACE, metavar="FILE", help=_("A JSON object, from a file or - .")
            ),
        )
    ):
        command = option(command)
    return command


def source_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say which sources are taken."""
    command = click.option(
        "--skip-unreadable",
        is_flag=True,
        help=_("Leave out of folders what cannot be stored, name it, and exit with 3."),
    )(command)
    return click.option("--name", type=TEXT, help=_("What standard input is called.  [stdin]"))(
        command
    )


@click.command(
    cls=Command,
    help=_(
        """Store evidence in a case: all that is given, or nothing.

        PATH is a file, a folder with everything below it, or - for standard input. All of one
        command is one deposit. Holders see title, names, sizes and types in lists; all else that is
        said, and what evault observes for itself (times, path, versions), is read like the content,
        with a purpose and an entry in the log.

        Nothing has to be said. On a terminal, --ask asks, so that nothing sensitive has to stand in
        the shell's history; --form takes a JSON object with more fields, each a value or
        {"value": ..., "basis": "observed"|"stated"|"copied"}:
        """
    )
    + ", ".join(forms.FIELDS)
    + ".",
    examples=(
        'evault add statement.pdf --case "Raids in April" --title "Statement of R."',
        "evault add phone-export/ photo.jpg --case 2026-014 --collected-at 2026-04-03 --ask",
        "pg_dump cases | evault add - --name cases.sql --case 2026-014",
        "evault add interview.m4a --case 2026-014 --form interview.json",
    ),
)
@click.argument("paths", nargs=-1, required=True, type=PLACE, metavar="PATH...")
@click.option("--case", type=TEXT, help=_("Id, title or reference of the case."))
@description_options
@click.option("--ask", is_flag=True, help=_("Ask for title, source, time and a note."))
@source_options
@click.pass_obj
def add(
    call: Call,
    /,
    *,
    paths: tuple[str, ...],
    case: str | None,
    form: str | None,
    ask: bool,
    name: str | None,
    skip_unreadable: bool,
    **said: Any,
) -> None:
    """Store evidence in a case."""
    if ask:
        _ask(call, said)
    title, stated = forms.description(read_form(call, form), **said)
    if case is None and call.terminal is None:
        call.missing("--case")
    found = survey(call, paths, name, skip=skip_unreadable)
    with call.session() as session:
        from vault.deposit import Description

        for path in paths:
            _refuse_vault(path, session.store.path)
        into = call.case(session, case)
        total = found.size if "-" not in paths else None
        with call.out.progress(_("storing"), total) as bar:
            stored = session.add(
                found.sources,
                into.id,
                Description(title, stated),
                progress=lambda _records, count: bar(count),
            )
        for one in stored:
            call.out.object(
                "record",
                record=one.record,
                deposit=one.deposit,
                case=one.case,
                name=one.name,
                size=one.size,
                sha256=one.sha256,
            )
        _tell(call, session, stored, case_words(into))
    name_skipped(call, found)


def survey(call: Call, paths: Sequence[str], name: str | None, *, skip: bool) -> Survey:
    """What is to be stored; refuses what cannot be, before anybody is asked for a passphrase."""
    from vault import intake

    files = [Path(path) for path in paths if path != "-"]
    found = intake.survey(files) if files else intake.Survey([], [], 0)
    sources: list[Source] = list(found.sources)
    if paths.count("-") > 1:
        raise UsageError(_("standard input is given twice"))
    if "-" in paths:
        called = name if name is not None else "stdin"
        if not called or "\0" in called:
            raise UsageError(_("a name is not empty"))
        stream = call.standard_input()
        sources.append(
            intake.Source(called, stream=stream, raw_name=called.encode(), method="stream")
        )
    elif name is not None:
        raise UsageError(_("--name is for standard input, given as -"))
    if found.odd and not skip:
        listed = [f"{visible(str(path))} ({reason})" for path, reason in found.odd[:_SHOWN]]
        more = len(found.odd) - len(listed)
        raise FileError(
            _("cannot store {things}").format(things="; ".join(listed))
            + (_(" and {more} more").format(more=more) if more else ""),
            _("nothing was stored; --skip-unreadable leaves them out and stores the rest"),
        )
    if not sources:
        raise FileError(_("nothing of what was given can be stored"), _("see `evault add --help`"))
    return intake.Survey(sources, found.odd, found.size)


def _refuse_vault(path: str, vault: Path) -> None:
    """A vault inside itself would grow while it is read, and tell nothing."""
    if path != "-" and (inside(vault, Path(path)) or inside(Path(path), vault)):
        raise FileError(
            _("{path} is, or holds, the vault itself").format(path=path), _("nothing was stored")
        )


def _tell(call: Call, session: Session, stored: Sequence[Stored], case: str) -> None:
    if call.json:
        return
    shown = stored[:_SHOWN]
    short = shorten(session, [one.record for one in shown])
    rows = [(short[one.record], one.name, size(one.size), one.sha256[:16]) for one in shown]
    call.out.table((_("Record"), _("Name"), _("Size"), _("SHA-256")), rows, fold=(1,))
    if len(stored) > _SHOWN:
        call.out.say(_("... and {more} more"), more=len(stored) - _SHOWN)
    text = ngettext(
        "{count} record, {size}, stored in {case}",
        "{count} records, {size}, stored in {case}",
        len(stored),
    )
    total = size(sum(one.size for one in stored))
    call.out.say(text, count=len(stored), size=total, case=case)
    call.out.note(_("the originals are where they were, unencrypted"))


def name_skipped(call: Call, found: Survey) -> None:
    """Name what could not be stored; then the call is done in part."""
    for path, reason in found.odd:
        call.out.object("skipped", path=lossless(str(path)), reason=reason)
        call.out.note(_("not stored: {path} ({reason})"), path=path, reason=reason)
    if found.odd:
        count = len(found.odd)
        raise PartialError(
            ngettext(
                "{count} thing was not stored", "{count} things were not stored", count
            ).format(count=count),
            _("all the others were"),
        )


def read_form(call: Call, form: str | None) -> bytes | None:
    """The bytes of a form, if there is one."""
    if form is None:
        return None
    try:
        if form == "-":
            data = call.standard_input().read(_FORM_MOST + 1)
        else:
            with Path(form).open("rb") as file:
                data = file.read(_FORM_MOST + 1)
    except OSError as error:
        raise FileError(
            _("cannot read the form {path}: {reason}").format(path=form, reason=error.strerror)
        ) from None
    if len(data) > _FORM_MOST:
        raise UsageError(_("the form is larger than 1 MiB"))
    return data


def _ask(call: Call, said: dict[str, Any]) -> None:
    """Ask for what is often known; an empty answer leaves it out."""
    if call.terminal is None:
        raise UsageError(_("--ask needs a terminal"), _("use --form instead"))
    call.terminal.tell(_("All of this may stay empty; `unknown` is an answer too."))
    questions = {
        "title": _("Title, for lists"),
        "source": _("From whom or where"),
        "collected_at": _("Collected when ({example})").format(example="2026-04-03"),
        "notes": _("Note"),
    }
    for field, question in questions.items():
        while said[field] in (None, ()):
            answer = call.terminal.ask(question, empty=True)
            if not answer:
                break
            value: Any = (answer,) if field == "notes" else answer
            try:
                forms.description(None, **{field: value})
            except UsageError as error:
                call.terminal.tell("{message}; {hint}", message=error.message, hint=error.hint)
                continue
            said[field] = value
