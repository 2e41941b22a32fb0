"""`evault check`: whether all that is stored is what was stored."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from vault.cli.context import Call
from vault.cli.group import Command
from vault.cli.text import _, ngettext
from vault.errors import DamageError, Error, LogError, MalformedError, VerificationError

if TYPE_CHECKING:
    from vault.check import Problem, Report
    from vault.store import Store


@click.command(
    cls=Command,
    help=_(
        """Verify all that can be verified.

        First without keys: both logs, every record's row, every stored byte. Then with yours:
        signatures, rights, outcomes, labels. Content is not decrypted; `evault get` does that.
        Without an identity, or with --keyless, only the first part is done.

        With your keys it also warns of what is sound and should not stay as it is: keys that
        somebody has who should not, a case that nobody could open any more if one person is lost.

        The exit code is 0 if all is well, 20 for damaged or missing evidence, 21 if a log is
        concerned. Warnings do not change it.
        """
    ),
    examples=("evault check", "evault check --keyless --vault /mnt/backup/vault"),
)
@click.option("--keyless", is_flag=True, help=_("Check without an identity."))
@click.pass_obj
def check(call: Call, *, keyless: bool) -> None:
    """Verify all that can be verified."""
    path = call.vault_folder
    from vault.store import Store

    store = Store(path)
    try:
        if not keyless and not call.has_identity:
            call.out.note(_("there is no identity: checking without keys only"))
            keyless = True
        report, first = _without_keys(call, store) if keyless else _with_keys(call, store)
    finally:
        store.close()
    problems = list(report.problems)
    for problem in problems:
        call.out.object(
            "problem",
            code=problem.code,
            message=problem.message,
            concerns="log" if problem.log else "evidence",
            where=problem.where,
        )
        call.out.say("{message}{place}", message=problem.message, place=_place(problem))
    for warning in report.warnings:
        call.out.object("warning", code=warning.code, message=warning.message, where=warning.where)
        call.out.say(_("Warning: {message}{place}"), message=warning.message, place=_place(warning))
    call.out.object(
        "check",
        records=report.records,
        entries=report.entries,
        problems=len(problems),
        warnings=len(report.warnings),
        keyless=keyless,
        destroyed=report.destroyed,
    )
    _conclude(call, report, first)


def _place(problem: Problem) -> str:
    place = ", ".join(f"{name} {value}" for name, value in problem.where.items())
    return place and f" ({place})"


def _without_keys(call: Call, store: Store) -> tuple[Report, Error | None]:
    return _run(call, store, None), None


def _with_keys(call: Call, store: Store) -> tuple[Report, Error | None]:
    """Check with keys; where a session refuses to begin, its reason is one problem more."""
    from vault.check import Problem
    from vault.errors import UnknownVaultError
    from vault.session import Session

    identity = call.unlock()
    try:
        session = Session.open(store.path, identity, call.home)
    except UnknownVaultError:
        # Not damage: this client has never been here, or the vault is another one.
        raise
    except (VerificationError, MalformedError) as error:
        report = _run(call, store, None)
        if isinstance(error, MalformedError) and not report.problems:
            # All is as it was stored, so it was stored by a newer evault.
            raise
        concerns_log = isinstance(error, LogError)
        said: list[Problem] = list(report.problems)
        if concerns_log or not said:
            said.append(Problem("session", error.message, {}, log=concerns_log))
        return replace(report, problems=said), error
    with session:
        call.introduce(session)
        return _run(call, store, session), None


def _run(call: Call, store: Store, session: Any) -> Report:
    from vault.check import check as run

    total = sum(store.blobs.size(name) or 0 for name in store.blobs.names())
    with call.out.progress(_("checking"), total) as bar:
        return run(store, session, bar)


def _conclude(call: Call, report: Report, first: Error | None) -> None:
    problems = len(report.problems)
    if report.destroyed:
        text = ngettext(
            "{count} record was destroyed, as the log says",
            "{count} records were destroyed, as the log says",
            report.destroyed,
        )
        call.out.say(text, count=report.destroyed)
    if not problems:
        call.out.say(
            _("{records} records and {entries} entries: all is well"),
            records=report.records,
            entries=report.entries,
        )
        return
    message = ngettext("{count} problem", "{count} problems", problems).format(count=problems)
    hint = (first.hint if first else "") or _("restore the vault from a backup that is not older")
    if any(problem.log for problem in report.problems):
        raise LogError(message, hint)
    raise DamageError(message, hint)
