"""Names: what a person means who types an id, the beginning of one, or a name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from vault import ids
from vault.errors import AmbiguousError, MalformedError, NotFoundError
from vault.store import Reads

_LEAST = 4
"""How much of an id has to be given."""

_Found = TypeVar("_Found")


def one(kind: str, text: str, among: Mapping[str, tuple[_Found, Sequence[str | None]]]) -> _Found:
    """The one thing that is meant.

    Args:
        kind: What it is, for the message.
        text: What was typed.
        among: What there is, by id, each with its names.

    Raises:
        NotFoundError, AmbiguousError: None or several fit.
    """
    if text in among:
        return among[text][0]
    wanted = text.casefold()
    fits = [found for found, names in among.values() if text in names]
    fits = fits or [
        found
        for found, names in among.values()
        if any(name is not None and name.casefold() == wanted for name in names)
    ]
    if not fits and len(text) >= _LEAST:
        fits = [found for key, (found, _) in among.items() if key.startswith(wanted)]
    if not fits:
        raise NotFoundError(f"no {kind} {text!r}", f"see `evault {kind} list`")
    if len(fits) > 1:
        raise AmbiguousError(f"more than one {kind} fits {text!r}", "give its id")
    return fits[0]


def record(reads: Reads, text: str) -> str:
    """The id of the one record that is meant by its id or the beginning of it.

    Raises:
        NotFoundError, AmbiguousError: None or several fit.
    """
    if len(text) >= _LEAST:
        try:
            low, high = ids.bounds(text.lower())
        except MalformedError:
            low = high = b""
        several = reads.record_ids(low, high)
        if len(several) == 1:
            return ids.show(several[0])
        if several:
            raise AmbiguousError(
                f"more than one record begins with {text!r}", "give more of its id"
            )
    raise NotFoundError(f"no record {text!r}", "see `evault list`")
