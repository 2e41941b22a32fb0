"""`evault list`, `show` and `view`: evidence is looked at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from vault.cli import screen
from vault.cli.context import Call, case_words, shorten
from vault.cli.group import TEXT, Command
from vault.cli.text import _, moment, ngettext, size
from vault.cli.words import BASES, PURPOSES
from vault.errors import DeniedError, MalformedError, UsageError, VerificationError

if TYPE_CHECKING:
    from vault.retrieve import Listed, Opened
    from vault.session import Session

PURPOSE = click.Choice(list(PURPOSES))


@click.command(
    "list",
    cls=Command,
    help=_(
        """List the evidence of the cases that you hold, and single records that you were granted.

        The first characters of a record's id are enough for `show`, `view` and `get`.
        """
    ),
    partial=True,
    examples=("evault list", 'evault list --case "Raids in April" --json'),
)
@click.option("--case", type=TEXT, help=_("Only of this case: id, title or reference."))
@click.pass_obj
def list_records(call: Call, *, case: str | None) -> None:
    """List the evidence of the cases that you hold."""
    with call.session() as session:
        only = session.find_case(case).id if case is not None else None
        cases = {found.id: case_words(found) for found in session.cases()}
        rows: dict[str, tuple[str, ...]] = {}
        total = count = exposed = 0
        failed: VerificationError | None = None
        try:
            for listed in session.records(only):
                seen = {**_label(listed), "exposed": _is_exposed(session, listed)}
                exposed += seen["exposed"]
                call.out.object("record", **seen)
                total, count = total + seen["size"], count + 1
                if not call.json:
                    rows[listed.id] = (
                        seen["title"] or "",
                        seen["name"],
                        size(seen["size"]),
                        moment(listed.held.gate.body["time"])[:10]
                        if listed.held
                        else _("(unknown)"),
                        cases[seen["case"]] if case is None else "",
                    )
        except VerificationError as error:
            # What was verified is shown all the same, and then what is wrong.
            failed = error
        if exposed:
            call.out.warn(
                ngettext(
                    "{count} record is exposed: a collector sealed it to keys that were changed "
                    "since; `evault case rekey CASE --re-encrypt`",
                    "{count} records are exposed: a collector sealed them to keys that were "
                    "changed since; `evault case rekey CASE --re-encrypt`",
                    exposed,
                ),
                count=exposed,
            )
        unread = session.renewals.unreadable(only)
        if unread:
            call.out.warn(
                ngettext(
                    "{count} deposit is not listed: another holder has to act first",
                    "{count} deposits are not listed: another holder has to act first",
                    unread,
                ),
                count=unread,
            )
        if call.json and failed is None:
            return
        short = shorten(session, list(rows))
        heads = [_("Record"), _("Title"), _("Name"), _("Size"), _("Stored"), _("Case")]
        table = [(short[record], *cells) for record, cells in rows.items()]
        if not rows and failed is None:
            call.out.note(_empty(session, only))
        call.out.table(heads, table, fold=(1, 2, 5))
        text = ngettext("{count} record, {size}", "{count} records, {size}", count)
        call.out.say(text, count=count, size=size(total))
        if failed is not None:
            raise failed


@click.command(
    cls=Command,
    help=_(
        """Show what is known about a record.

        Without a purpose, its label and who stored it when. With one, its particulars too: that is
        a release, and the log will say who saw them and for what. Of a record that was destroyed,
        who did it and when.

        Where the case asks for the approval of others, this asks them, ends with exit code 31, and
        does it when it is called again after they have approved.
        """
    ),
    examples=("evault show abcd2345", "evault show abcd2345 --purpose preparation"),
)
@click.argument("record", type=TEXT)
@click.option("--purpose", type=PURPOSE, help=_("Why you ask; auditors see it."))
@click.option("--why", type=TEXT, help=_("In words; only holders of the case see it."))
@click.pass_obj
def show(call: Call, *, record: str, purpose: str | None, why: str | None) -> None:
    """Show what is known about a record."""
    from vault.cli.requests import release, tell_gone

    if why is not None and purpose is None:
        raise UsageError(_("--why says more about a purpose: give --purpose too"))
    with call.session() as session:
        found = session.find_record(record)
        opened = None
        try:
            if purpose is None:
                listed = session.record(found)
            else:
                opened = release(call, session, [found], purpose, why, disposition="view")[0]
                listed = opened.listed
        except DeniedError as error:
            gone = session.requests.gone(found) if error.reason == "destroyed" else None
            if gone is None:
                raise
            tell_gone(call, gone)
            return
        seen = {**_label(listed), **_origin(session, listed)}
        seen["exposed"] = _is_exposed(session, listed)
        more = {} if opened is None else _particulars(opened)
        call.out.object("record", **seen, **more)
        _tell(call, session, seen)
        if opened is not None:
            _tell_particulars(call, more["particulars"])
            call.out.note(_("this release is entry {entry} of the access log"), entry=opened.entry)
            call.settle(session)


@click.command(
    cls=Command,
    help=_(
        """Show a record's content on the screen; nothing is written to disk.

        Text, CSV, JSON and XML as they are; HTML as text; mail with its headers and a list of what
        is attached. Characters that could play tricks on a terminal are spelt out. Anything else,
        and what is larger than 8 MiB, cannot be shown (exit code 23): use `evault get`.

        Where the case asks for the approval of others, this asks them, ends with exit code 31, and
        does it when it is called again after they have approved.
        """
    ),
    examples=("evault view abcd2345 --purpose review",),
)
@click.argument("record", type=TEXT)
@click.option("--purpose", type=PURPOSE, help=_("Why you ask; auditors see it."))
@click.option("--why", type=TEXT, help=_("In words; only holders of the case see it."))
@click.pass_obj
def view(call: Call, *, record: str, purpose: str | None, why: str | None) -> None:
    """Show a record's content on the screen."""
    from vault.cli.requests import release

    if call.json:
        raise UsageError(_("`evault view` is for people"), _("programs use `evault get -o -`"))
    purpose, why = call.purpose(purpose, why)
    with call.session() as session:
        found = session.find_record(record)
        try:
            label = session.record(found).label.values
        except DeniedError as error:
            if error.reason == "not-holder":
                # The gate refuses, and the refusal stands in the log.
                session.release([found], purpose, why, disposition="view")
            raise
        # What cannot be shown is not asked for: the log would speak of a look that nobody had.
        reason = screen.unshowable(str(label["type"]), int(label["size"]))
        if reason:
            raise MalformedError(
                reason, _("use `evault get {record} -o FILE`").format(record=record)
            )
        opened = release(call, session, [found], purpose, why, disposition="view")[0]
        # All of it first: only the end says whether it is what was stored.
        data = b"".join(session.content(opened))
        session.receive([opened])
        call.settle(session)
    if not data:
        call.out.note(_("the record is empty"))
        return
    screen.show(call, screen.to_text(str(label["type"]), data))


def _label(listed: Listed) -> dict[str, Any]:
    from vault import ids

    values = listed.label.values
    return {
        "record": listed.id,
        "case": ids.show(listed.place.case),
        "deposit": ids.show(listed.place.deposit),
        "title": values["title"],
        "name": values["name"],
        "size": values["size"],
        "sha256": values["sha256"],
        "media_type": values["type"],
    }


def _empty(session: Session, case: str | None) -> str:
    """Why somebody sees nothing."""
    if case is not None:
        return _("there is nothing in this case yet that you can see")
    if session.grants.unreadable():
        return _("this device cannot open what you were granted: ask for it to be granted again")
    if any(
        session.authority.holds(session.member.id, c.id, session.now()) for c in session.cases()
    ):
        return _("there is nothing in the cases that you hold yet")
    return _("you hold no case, and no record is granted to you now: ask an advocate")


def _origin(session: Session, listed: Listed) -> dict[str, Any]:
    from vault.intake import moment as rfc3339

    held = listed.held
    if held is None:
        # Whoever was granted single records cannot open the deposit's entry.
        nobody = dict.fromkeys(
            ("deposited_by", "deposited_by_name", "ticket", "deposited_at", "entry")
        )
        return {**nobody}
    member = session.authority.ever(held.actor.device)
    ticket = session.authority.ticket_of(held.actor)
    collector = _("ticket {id}").format(id=ticket.id[:8]) if ticket else ""
    return {
        "deposited_by": member.id if member else held.actor.device,
        "deposited_by_name": member.name if member else collector,
        "ticket": ticket.id if ticket else None,
        "deposited_at": rfc3339(held.gate.body["time"]),
        "entry": held.deposit.entry,
    }


def _is_exposed(session: Session, listed: Listed) -> bool:
    return listed.held is not None and session.tickets.exposes(listed.held)


def _particulars(opened: Opened) -> dict[str, Any]:
    return {"particulars": dict(opened.particulars.values), "release": opened.entry}


def _tell(call: Call, session: Session, seen: Mapping[str, Any]) -> None:
    case = case_words(session.find_case(seen["case"]))
    stored = _("when and by whom is unknown to you: you do not hold the case")
    if seen["deposited_at"] is not None:
        stored = _("{time} by {name}, entry {entry} of the access log").format(
            time=seen["deposited_at"].replace("T", " "),
            name=seen["deposited_by_name"],
            entry=seen["entry"],
        )
    call.out.rows(
        [
            (_("Record"), seen["record"]),
            (_("Title"), seen["title"] if seen["title"] is not None else _("(none)")),
            (_("Name"), seen["name"]),
            (_("Type"), seen["media_type"]),
            (_("Size"), f"{size(seen['size'])} ({seen['size']:,} B)"),
            (_("SHA-256"), seen["sha256"]),
            (_("Case"), f"{case} ({seen['case']})"),
            (_("Stored"), stored),
            (_("Deposit"), seen["deposit"]),
            *([(_("Exposed"), _("until it is encrypted anew"))] if seen["exposed"] else []),
        ]
    )


def _tell_particulars(call: Call, particulars: Mapping[str, Any]) -> None:
    # A depositor's program may have written anything: what has no known basis is shown apart.
    parts: dict[str, list[tuple[str, str]]] = {words: [] for words in (*BASES.values(), _("other"))}
    for name, item in sorted(particulars.items()):
        known = isinstance(item, dict) and item.keys() == {"basis", "value"}
        words = BASES.get(str(item["basis"])) if known else None
        value = item["value"] if known and words else item
        parts[words or _("other")].append((f"  {name}", _in_words(value)))
    for words, pairs in parts.items():
        if pairs:
            call.out.say()
            call.out.say("{words}", words=words[:1].upper() + words[1:])
            call.out.rows(pairs)


def _in_words(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return "; ".join(value)
    import json

    return json.dumps(value, ensure_ascii=False)
