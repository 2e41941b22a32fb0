"""`evault log verify`: the steps, each with one of three results."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from vault.cli.context import Call
from vault.cli.group import Command
from vault.cli.selecting import run
from vault.cli.text import _, ngettext
from vault.errors import LogError

if TYPE_CHECKING:
    from vault.audit import Audit


@click.command(
    cls=Command,
    help=_(
        """Verify both logs: every entry, every signature, every decision, in order.

        Each step is valid, invalid (and which entries, and why), or not checked (and why). What was
        verified before on this device is not verified again; --from-start does it all. All cores
        are used.
        """
    ),
    examples=("evault log verify", "evault log verify --from-start --json"),
)
@click.option("--from-start", is_flag=True, help=_("Verify everything again."))
@click.pass_obj
def verify(call: Call, *, from_start: bool) -> None:
    """Verify both logs."""
    with call.session() as session:
        audit = run(call, session, from_start=from_start)
    _programs(call, audit)
    _people(call, audit)
    if audit.problems:
        count = len(audit.problems)
        hint = _("the gate accepted what it must not: tell the other members")
        if any(problem.step == "entries" for problem in audit.problems):
            hint = _("the log is damaged: tell the other members, and restore it from a backup")
        raise LogError(
            ngettext("{count} problem", "{count} problems", count).format(count=count), hint
        )


def _programs(call: Call, audit: Audit) -> None:
    from vault.note import ACCESS

    steps = [{"step": s.name, "result": s.result, "about": s.about} for s in audit.steps]
    for found in audit.logs:
        call.out.object(
            "verified",
            log=found.log,
            size=found.size,
            root=found.root,
            opened=found.opened,
            result=found.result,
            **({"steps": steps} if found.log == ACCESS else {}),
        )
    for notice in audit.notices:
        call.out.object(
            "notice",
            log=notice.log,
            index=notice.index,
            reason=notice.reason,
            code=notice.code,
        )
    for problem in audit.problems:
        call.out.object(
            "problem",
            log=problem.log,
            index=problem.index,
            reason=problem.reason,
            code=problem.code,
            step=problem.step,
        )


def _people(call: Call, audit: Audit) -> None:
    results = {
        "valid": _("valid"),
        "invalid": _("INVALID"),
        "not-checked": _("not checked"),
    }
    width = max(map(len, results.values()))
    for step in audit.steps:
        result = results[step.result].ljust(width)
        call.out.say("{result}  {about}", result=result, about=step.about)
    for found in audit.logs:
        call.out.say(
            _("{result}  {log}: {size} entries, root {root}; {opened} opened and judged again"),
            result=results[found.result].ljust(width),
            log=found.log,
            size=found.size,
            root=found.root,
            opened=found.opened,
        )
    for notice in audit.notices:
        call.out.say(
            _("Odd: entry {index} of the {log} log: {reason}"),
            log=notice.log,
            index=notice.index,
            reason=notice.reason,
        )
    for problem in audit.problems:
        call.out.say(
            _("{log}: entry {index} is not as it must be: {reason}"),
            log=problem.log,
            index=problem.index,
            reason=problem.reason,
        )
