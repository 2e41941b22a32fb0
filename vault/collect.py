"""A collector at work: evidence goes into a parcel, with a ticket and nothing else.

No vault, no identity, no name. The secrets of the deposit are drawn, sealed to the keys in the
ticket, and forgotten: the device that made a parcel cannot open it again.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from keys.identity import Identity
from vault import deposit, intake, note, parcel
from vault.deposit import Description, Progress, SealedTo, Stored
from vault.errors import FileError
from vault.gate import Clock
from vault.intake import Source
from vault.note import ACCESS, Note
from vault.outfile import new_file
from vault.ticket import Terms

WITHOUT = ("path",)
"""Particulars that are not captured: a path on a collector's device often holds their name."""


def collect(
    terms: Terms,
    key: Identity,
    sources: Sequence[Path | Source],
    output: Path,
    description: Description | None = None,
    *,
    progress: Progress | None = None,
    clock: Clock = time.time,
) -> list[Stored]:
    """Encrypt evidence into a parcel that is whole, or none at all.

    Args:
        terms: Of the ticket.
        key: The ticket's.
        sources: Files and folders, or sources from `vault.intake.survey`.
        output: The parcel's file; an existing one is never replaced.
        description: What is said of it.
        progress: Called with records and bytes as they are stored.
        clock: Seconds since the epoch.

    Raises:
        FileError: Something cannot be read, changed, or cannot be written.
    """
    at = int(clock())
    origin = note.origin(terms.vault, ACCESS)

    def sign(kind: str, fields: Mapping[str, Any]) -> Note:
        return note.sign(kind, origin, fields, key)

    taken = intake.all_of(sources)
    with new_file(output) as file:
        contents = parcel.ParcelContents(file)
        try:
            rows = tempfile.TemporaryFile(dir=output.parent)  # noqa: SIM115 - closed below
        except OSError as error:
            raise FileError(f"cannot write {output}: {error.strerror}") from None
        with rows:
            prepared = deposit.gather(
                contents,
                rows,
                terms.vault,
                terms.case,
                taken,
                description or Description(),
                context={
                    "clock_utc": intake.observed(intake.moment(at)),
                    "device": intake.observed(key.device),
                },
                without=WITHOUT,
                progress=progress,
            )
            to = SealedTo(terms.epoch, [("", terms.case_key)], terms.gate_epoch, terms.gate_key)
            made = prepared.sealed(terms.vault, to, terms.seen, sign, at)
            parcel.finish(file, contents.size, rows, made.encode())
    return prepared.stored
