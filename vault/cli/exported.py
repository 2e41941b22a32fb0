"""Checks an export of the access log against the proof beside it, without the vault."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vault.cli.context import Call
from vault.cli.text import _, ngettext
from vault.errors import LogError, MalformedError

if TYPE_CHECKING:
    from keys.signing import VerifierKey


def beside(file: str) -> Path | None:
    """The proof beside an export; None if there is none."""
    found = Path(file + ".proof")
    return found if file != "-" and found.is_file() else None


def verify(call: Call, file: str, keys: Sequence[VerifierKey]) -> None:
    """Check that an export is whole up to its checkpoint, and who signed that.

    Raises:
        LogError: It is not, or a key did not sign.
        MalformedError: It is no export.
    """
    from keys.errors import SignatureError
    from keys.signing import verify_note
    from vault.audit import export
    from vault.cli.heads import take
    from vault.log import checkpoint

    data, proved = take(call, file), take(call, f"{file}.proof")
    try:
        said = json.loads(proved)
        head = export.check(said, _rows(data))
        verify_note(head, keys)
    except LogError as error:
        call.out.object("proof", valid=False, reason=error.message)
        raise
    except SignatureError as error:
        call.out.object("proof", valid=False, reason=error.message)
        raise LogError(f"the export's checkpoint does not hold: {error.message}") from None
    except (ValueError, RecursionError):
        raise MalformedError("this is not an export of an access log") from None
    found = checkpoint.peek(head)
    call.out.object(
        "proof",
        valid=True,
        size=found.size,
        origin=found.origin,
        root=found.root.hex(),
        rows=said["rows"],
        selected=said["selected"],
        keys=[key.encode() for key in keys],
    )
    call.out.say(
        ngettext(
            "{rows} entry of the {size} of the log {origin}: none was added, moved or dropped.",
            "{rows} entries of the {size} of the log {origin}: none was added, moved or dropped.",
            said["rows"],
        ),
        rows=said["rows"],
        size=found.size,
        origin=found.origin,
    )
    call.out.say(
        ngettext(
            "Checked: {count} signature of the checkpoint",
            "Checked: {count} signatures of the checkpoint",
            len(keys),
        ),
        count=len(keys),
    )
    call.out.say(
        _(
            "Not proved: that an entry says what its row says (`evault log disclose` proves one), "
            "and that none that was left out fits too; each of them has a number to ask for"
        )
    )


def _rows(data: bytes) -> Iterator[tuple[int, str]]:
    """Index and leaf hash of each row, of either format."""
    try:
        text = data.decode("utf-8-sig")
        if text.startswith("{") or not text:
            for line in text.splitlines():
                row = json.loads(line)
                yield int(row["index"]), str(row["leaf"])
            return
        for cells in csv.DictReader(io.StringIO(text, newline="")):
            yield int(cells["index"]), str(cells["leaf"])
    except (ValueError, KeyError, TypeError, csv.Error, RecursionError):
        raise MalformedError("this is not an export of an access log") from None
