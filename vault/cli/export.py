"""`evault log export`: entries for somebody outside, and what proves them complete."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vault.cli import selecting
from vault.cli.context import Call
from vault.cli.group import PLACE, Command
from vault.cli.places import refuse_place
from vault.cli.selecting import audited, fields, filter_of
from vault.cli.text import _, visible
from vault.errors import LogError, UsageError

if TYPE_CHECKING:
    from vault.audit import Access, Audit
    from vault.session import Session


@click.command(
    cls=Command,
    help=_(
        """Write entries of the access log to a file, and beside it what proves them.

        Exactly what the options select is written, as CSV or as one JSON object per line.
        FILE.proof has the log's signed checkpoint, the hash of every entry up to it, and your
        signature over the file and what you selected: nobody can change, add or drop a row
        afterwards unseen by who has your contact. `evault verify-proof` checks it. That you export
        is itself an entry, and is logged first.
        """
    ),
    examples=(
        "evault log export --format csv -o log.csv --since 2026-01-01",
        "evault log export --format jsonl -o log.jsonl --case 2026-014",
    ),
)
@click.option("--format", "form", required=True, type=click.Choice(("csv", "jsonl")))
@click.option("-o", "--output", required=True, type=PLACE, metavar="FILE", help=_("Where to."))
@selecting.options
@click.pass_obj
def export(call: Call, /, form: str, output: str, **given: Any) -> None:
    """Write entries of the access log to a file."""
    from vault.audit.export import Statement, csv_lines, jsonl, proof, state
    from vault.audit.questions import select
    from vault.log.checkpoint import peek
    from vault.outfile import write_all

    if output == "-":
        raise UsageError(_("an export is two files"), _("name one: the other is FILE.proof"))
    target = Path(output)
    beside = target.with_name(target.name + ".proof")
    for path in (target, beside):
        refuse_place(path, call.vault_folder)
    with audited(call) as (session, audit):
        if any(problem.step == "entries" for problem in audit.problems):
            raise LogError(
                _("the log's entries are not those that were signed: nothing is exported"),
                _("see `evault log verify`"),
            )
        wanted = filter_of(session, given)
        head = session.head()
        found = list(select(audit.entries(), wanted))
        # Asked before given: whoever reads the log later sees what left.
        case = next(iter(wanted.cases)) if len(wanted.cases) == 1 else None
        entry = session.export(form, len(audit), len(found), case)
        rows = _rows(session, audit, found)
        lines = csv_lines(map(_shown, rows)) if form == "csv" else jsonl(rows)
        data = b"".join(lines)
        leaves = [audit.leaf(index) for index in range(len(audit))]
        at = peek(head)
        said = Statement(
            origin=at.origin,
            device=session.identity.device,
            entry=entry,
            file=hashlib.sha256(data).hexdigest(),
            format=form,
            rows=len(found),
            selected=wanted.fields(),
            size=at.size,
            root=at.root.hex(),
        )
        proved = proof(head, leaves, state(session.identity, said))
        write_all([(target, data), (beside, b"".join(jsonl(iter((proved,)))))])
        call.out.object(
            "exported",
            path=str(target),
            proof=str(beside),
            rows=len(found),
            size=len(audit),
            entry=entry,
        )
        call.out.say(
            _("{count} of {size} entries are in {path}; what proves it is in {proof}"),
            count=len(found),
            size=len(audit),
            path=target,
            proof=beside,
        )


def _rows(session: Session, audit: Audit, found: list[Access]) -> Iterator[dict[str, Any]]:
    from vault.audit.export import row

    refs = {case.id: case.case.ref for case in session.cases()}
    for access in session.with_reasons(iter(found)):
        made = row(access, audit.leaf(access.index), fields(session, access))
        yield made | {"case_ref": refs.get(access.case or "")}


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    """A row whose text plays no tricks on whoever opens it."""
    return {
        name: visible(value) if isinstance(value, str) else value for name, value in row.items()
    }
