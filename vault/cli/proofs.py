"""`evault log disclose` and `evault verify-proof`: one entry, proved to an outsider."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vault.cli import exported
from vault.cli.context import Call
from vault.cli.group import PLACE, TEXT, Command
from vault.cli.heads import give, take
from vault.cli.places import refuse_place
from vault.cli.text import _, groups, moment, ngettext, visible
from vault.errors import LogError, UsageError

if TYPE_CHECKING:
    from keys.identity import Contact
    from keys.signing import Checkpoint, VerifierKey
    from vault.disclosed import Disclosed

_KINDS = {b"\x01": "Ed25519", b"\x04": "Ed25519", b"\x06": "ML-DSA-44"}


@click.command(
    cls=Command,
    help=_(
        """Write one entry of the access log with what proves it, for somebody outside.

        Whoever has the file and the log's keys checks it with `evault verify-proof`, without the
        vault: who asked for what, when and for which purpose, that it is in the log, and what the
        gate answered. The words of a reason stay sealed. That you disclose it is itself an entry.
        """
    ),
    examples=("evault log disclose 17 -o entry-17.tlog-proof",),
)
@click.argument("number", type=click.IntRange(min=0))
@click.option(
    "-o", "--output", type=PLACE, metavar="FILE", required=True, help=_("Where to; - for stdout.")
)
@click.pass_obj
def disclose(call: Call, *, number: int, output: str) -> None:
    """Write one entry of the access log with what proves it."""
    # What cannot be written is not logged as if it had been taken out.
    if output != "-":
        refuse_place(Path(output), call.vault_folder)
    with call.session() as session:
        # What cannot be disclosed is not logged as if it had been.
        case = session.heads.case_of(number)
        call.out.note(
            _("whoever has the file learns the ids of the member, the case and the records")
        )
        size = session.replica.position("access").size
        entry = session.export("disclosure", size, 1, case)
        give(call, session.heads.disclose(number), output, "disclosed", entry=entry)
        call.out.note(_("that you disclosed it is entry {entry}"), entry=entry)


@click.command(
    "verify-proof",
    cls=Command,
    help=_(
        """Check a file that proves something of a vault's log, without the vault.

        A disclosed entry of `evault log disclose`, two heads that contradict each other, or an
        export of `evault log export`, which has its FILE.proof beside it. --key takes a key of the
        log, or of a cosigner, or a file with several; every one must have signed. --contact is of
        who did it, or took it out. Get both from the vault's people by another way than the file.

        Exit codes: 0 it holds, 21 it does not, 23 it is no such file.
        """
    ),
    examples=(
        "evault verify-proof entry-17.tlog-proof --key evault/.../access+1a2b3c4d+AV...",
        "evault verify-proof entry-17.tlog-proof --key vkeys.txt --contact ben.contact",
    ),
)
@click.argument("file", type=PLACE)
@click.option("--key", "keys", type=TEXT, multiple=True, required=True, metavar="KEY|FILE")
@click.option(
    "--contact",
    "contacts",
    type=PLACE,
    multiple=True,
    metavar="FILE",
    help=_("The contact of who did it, or took it out: then their signature is checked too."),
)
@click.pass_obj
def verify_proof(
    call: Call, *, file: str, keys: tuple[str, ...], contacts: tuple[str, ...]
) -> None:
    """Check a file that proves something of a vault's log."""
    from vault import conflicts, disclosed

    wanted, export = verifier_keys(call, keys), exported.parts(file)
    people = [_contact(call, path) for path in contacts]
    try:
        if export is not None:
            exported.verify(call, export, wanted, people)
            return
        data = take(call, file)
        if data.startswith(conflicts.FIRST):
            _tell_conflict(call, *conflicts.verify(data, wanted))
        else:
            _tell(call, disclosed.verify(data, wanted, people))
    except LogError as error:
        call.out.object("proof", valid=False, reason=error.message)
        raise


def verifier_keys(call: Call, given: tuple[str, ...]) -> list[VerifierKey]:
    """Keys as they were given: each a vkey, or a file with one a line.

    Raises:
        UsageError: One is neither, or a key is given twice.
    """
    from keys.errors import MalformedError
    from keys.signing import VerifierKey

    found: list[VerifierKey] = []
    for text in given:
        lines = [text] if text.count("+") >= 2 else _lines(call, text)
        for line in lines:
            try:
                found.append(VerifierKey.parse(line))
            except MalformedError as error:
                raise UsageError(
                    _("this is not a verifier key: {reason}").format(reason=error.message),
                    _("it looks like name+1a2b3c4d+AV...; `evault status --json` has them"),
                ) from None
    if not found:
        raise UsageError(_("no key was given"), _("`evault status --json` has the log's"))
    if len(set(found)) != len(found):
        raise UsageError(_("a key is given twice"))
    return found


def _lines(call: Call, path: str) -> list[str]:
    if path != "-" and not os.path.lexists(path):
        raise UsageError(
            _("'{text}' is neither a verifier key nor a file").format(text=visible(path)),
            _("a key looks like name+1a2b3c4d+AV...; `evault status --json` has them"),
        )
    text = take(call, path).decode("utf-8", "replace")
    return [line.strip() for line in text.splitlines() if line.strip()]


def _contact(call: Call, path: str) -> Contact:
    from keys.identity import parse_contact

    return parse_contact(take(call, path))


def _tell_conflict(call: Call, one: Checkpoint, two: Checkpoint) -> None:
    call.out.object(
        "proof",
        valid=True,
        what="conflict",
        origin=one.origin,
        sizes=[one.size, two.size],
        roots=[one.root.hex(), two.root.hex()],
    )
    call.out.say(
        _("These contradict each other. The gate of {origin} signed both:"), origin=one.origin
    )
    for head in (one, two):
        call.out.say(
            _("  {size} entries, root {root}"), size=head.size, root=groups(head.root.hex())
        )
    call.out.say(_("So it showed two histories of one log. Not proved: which of them is true."))


def _tell(call: Call, found: Disclosed) -> None:
    actor, gate = found.actor.body, found.gate.body
    said: dict[str, Any] = {
        name: actor[name]
        for name in ("case", "records", "purpose", "disposition", "deposit", "count")
        if name in actor
    }
    unproved = _unproved(found)
    call.out.object(
        "proof",
        valid=True,
        index=found.index,
        size=found.size,
        origin=found.origin,
        kind=found.actor.kind,
        device=found.actor.device,
        time=_rfc3339(gate["time"]),
        actor_time=_rfc3339(actor["time"]),
        outcome=gate["outcome"],
        refusal=gate["why"],
        level=gate["level"],
        keys=[key.encode() for key in found.checked],
        log_keys_checked=found.log_keys,
        log_keys=2,
        actor_verified=found.actor_verified,
        not_proved=unproved,
        **said,
    )
    say = call.out.say
    say(
        _("Entry {index} of {size} of the log {origin} says:"),
        index=found.index,
        size=found.size,
        origin=found.origin,
    )
    rows = [
        (_("When"), _("{time} by the gate's clock").format(time=moment(gate["time"]))),
        (_("Who"), _("the device {device}").format(device=found.actor.device)),
        (_("What"), f"{found.actor.kind}: {gate['outcome']}"),
    ]
    if gate["why"]:
        rows.append((_("Refused"), gate["why"]))
    if said.get("case"):
        rows.append((_("Case"), said["case"]))
    if "records" in said:
        rows.append((_("Records"), ", ".join(said["records"])))
    if "count" in said:
        rows.append((_("Count"), str(said["count"])))
    if "purpose" in said:
        rows.append((_("Purpose"), said["purpose"]))
    call.out.rows(rows)
    for key in found.checked:
        say(
            _("Checked: the {kind} signature of {name} ({id})"),
            kind=_KINDS[key.kind],
            name=key.name,
            id=key.key_id.hex(),
        )
    say(
        ngettext(
            "{count} of the log's two keys was checked.",
            "{count} of the log's two keys were checked.",
            found.log_keys,
        ),
        count=found.log_keys,
    )
    if found.actor_verified:
        say(_("Checked: the signature of the device that did it, under the contact given"))
    for text in unproved:
        say(_("Not proved: {text}"), text=text)


def _unproved(found: Disclosed) -> list[str]:
    texts = []
    if found.log_keys < 2:
        texts.append(_("one of the log's two signatures"))
    if not found.actor_verified:
        texts.append(_("who did it: that device's own signature needs its --contact"))
    texts.append(_("that the gate's clock was right, and whose device it is"))
    if found.gate.body["level"] == 0:
        texts.append(_("that nothing was read unlogged: the gate ran on a member's machine"))
    return texts


def _rfc3339(seconds: int) -> str:
    from vault.intake import moment as rfc3339

    return rfc3339(seconds)
