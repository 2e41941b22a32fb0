"""Checks an export of the access log against the proof beside it, without the vault."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vault.cli.context import Call
from vault.cli.heads import take
from vault.cli.text import _, ngettext
from vault.errors import MalformedError, ProofError

if TYPE_CHECKING:
    from keys.identity import Contact
    from keys.signing import VerifierKey
    from vault.audit.export import Statement

_SUFFIX = ".proof"
_FIRST = b'{"type":"export"'


def parts(file: str) -> tuple[str, str] | None:
    """An export and its proof, of which either was named; None if it is something else."""
    whole = (file.removesuffix(_SUFFIX), file) if file.endswith(_SUFFIX) else (file, file + _SUFFIX)
    try:
        with Path(whole[1]).open("rb") as proof:
            return whole if proof.read(len(_FIRST)) == _FIRST else None
    except OSError:
        return None


def verify(
    call: Call,
    export: tuple[str, str],
    keys: Sequence[VerifierKey],
    people: Sequence[Contact],
) -> None:
    """Check that an export is the file that was taken out, and its rows the log's.

    Args:
        call: The command.
        export: The file and its proof.
        keys: Every one of them must have signed the checkpoint.
        people: Of whom one has taken it out; nobody, and that is not checked.

    Raises:
        LogError: It is not.
        MalformedError: It is no export.
    """
    from keys.errors import SignatureError
    from keys.signing import verify_note
    from vault.audit.export import check

    data, proved = (take(call, path) for path in export)
    try:
        said, head = check(json.loads(proved), data)
        verify_note(head, keys)
        if not any(key.name == said.origin for key in keys):
            raise ProofError("none of the keys that were given is this log's")
        for who in people:
            if who.device == said.device:
                verify_note(said.signed, who.verifiers, exact=True)
        signer = said.device in {who.device for who in people}
        if people and not signer:
            raise ProofError("whoever took it out is none of those whose contact was given")
    except SignatureError as error:
        raise ProofError(f"this proves nothing: {error.message}") from None
    except (ValueError, RecursionError):
        raise MalformedError("this is not an export of an access log") from None
    _tell(call, said, keys, signer=signer)


def _tell(call: Call, said: Statement, keys: Sequence[VerifierKey], *, signer: bool) -> None:
    unproved = _unproved(said, signer=signer)
    call.out.object(
        "proof",
        valid=True,
        what="export",
        origin=said.origin,
        size=said.size,
        root=said.root,
        rows=said.rows,
        selected=said.selected,
        file=said.file,
        entry=said.entry,
        device=said.device,
        signer_verified=signer,
        keys=[key.encode() for key in keys],
        not_proved=unproved,
    )
    say = call.out.say
    say(
        ngettext(
            "{rows} entry is the log's, of {size} that {origin} had.",
            "{rows} entries are the log's, of {size} that {origin} had.",
            said.rows,
        ),
        rows=said.rows,
        size=said.size,
        origin=said.origin,
    )
    count = len(keys)
    say(
        ngettext(
            "Checked: {count} signature of the checkpoint",
            "Checked: {count} signatures of the checkpoint",
            count,
        ),
        count=count,
    )
    if signer:
        say(
            _("Checked: the device {device} took out exactly this file (entry {entry})"),
            device=said.device,
            entry=said.entry,
        )
    for text in unproved:
        say(_("Not proved: {text}"), text=text)


def _unproved(said: Statement, *, signer: bool) -> list[str]:
    texts = []
    if not signer:
        texts.append(_("that the file is as it was taken out: that needs their --contact"))
    if said.rows < said.size:
        texts.append(
            _("that nothing that was left out fits too; each entry has a number to ask for")
        )
    texts.append(_("that an entry says what its row says: `evault log disclose` proves one"))
    return texts
