"""Names: what a person means who types an id, the beginning of one, or a name."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from vault import ids
from vault.errors import AmbiguousError, MalformedError, NotFoundError
from vault.visible import visible

if TYPE_CHECKING:
    from vault.authority import Authority
    from vault.store import Reads

_LEAST = 4
"""How much of an id has to be given."""
_SHOWN = 8
"""How much of an id is shown, or more where several begin alike."""

_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who acted, or could have.

    Args:
        id: Of a member, also one who was removed; of a collector the id of the ticket.
        name: Theirs; of a collector `ticket` and the beginning of its id.
    """

    id: str
    name: str


def one(
    kind: str,
    text: str,
    among: Mapping[str, tuple[_Found, Sequence[str | None]]],
    about: Callable[[str], str] = lambda _id: "",
) -> _Found:
    """The one thing that is meant.

    A name may be typed as it is shown, with what is unseen spelt out. What is a name of one thing
    and the beginning of another's id means neither: nobody hides another by what they are called.

    Args:
        kind: What it is, for the message.
        text: What was typed.
        among: What there is, by id, each with its names.
        about: Says of an id what tells it from others, where several fit.

    Raises:
        NotFoundError, AmbiguousError: None or several fit.
    """
    if text in among:
        return among[text][0]
    typed = _composed(text)
    called = {
        key: {form for name in names if name is not None for form in _forms(name)}
        for key, (_, names) in among.items()
    }
    fits = [key for key, forms in called.items() if typed in forms]
    wanted = _composed(typed.casefold())
    fits = fits or [
        key
        for key, forms in called.items()
        if any(_composed(form.casefold()) == wanted for form in forms)
    ]
    if len(text) >= _LEAST:
        fits += [key for key in among if key.startswith(text.casefold()) and key not in fits]
    if not fits:
        raise NotFoundError(f"no {kind} '{visible(text)}'", f"see `evault {kind} list`")
    if len(fits) > 1:
        length = ids.short_length(fits, _SHOWN)
        listed = (f"{key[:length]} {about(key)}".strip() for key in fits)
        raise AmbiguousError(
            f"more than one {kind} fits '{visible(text)}'", "give its id: " + "; ".join(listed)
        )
    return among[fits[0]][0]


def person(history: Sequence[Authority], text: str) -> Person:
    """Whoever is meant: a member, somebody who was one, or a collector by their ticket.

    All of them are looked at together: a name that two have had means neither of them.

    Args:
        history: The authority after each statement.
        text: An id, the beginning of one, a name, or `ticket` and the beginning of its id.

    Raises:
        NotFoundError, AmbiguousError: None or several fit.
    """
    authority = history[-1]
    among: dict[str, tuple[Person, Sequence[str]]] = {
        found.id: (Person(found.id, found.name), (found.name,))
        for found in (*authority.former_members.values(), *authority.members.values())
    }
    for ticket in authority.tickets:
        name = f"ticket {ticket[:_SHOWN]}"
        written = [f"ticket {ticket[:length]}" for length in range(_LEAST, len(ticket) + 1)]
        among[ticket] = Person(ticket, name), written
    return one("member", text, among, lambda found: about_person(history, found))


def about_person(history: Sequence[Authority], name: str) -> str:
    """What tells somebody from others of the same name.

    Args:
        history: The authority after each statement.
        name: The id of a member, also one who was removed, or of a ticket.
    """
    authority = history[-1]
    if name in authority.tickets:
        return f"(a collector's ticket of {_day(history, authority.tickets[name].index)})"
    member = authority.members.get(name)
    if member is not None:
        return f"({member.name}, member since {_day(history, member.added)})"
    former = authority.former_members[name]
    left = next(at for at, then in enumerate(history) if name in then.former_members)
    since = _day(history, former.added)
    return f"({former.name}, former: member from {since} to {_day(history, left)})"


def about_case(history: Sequence[Authority], case: str, *called: str | None) -> str:
    """What tells a case from others of the same name.

    Args:
        history: The authority after each statement.
        case: The case's id.
        called: Its names, as far as whoever asks may read them.
    """
    opened = _day(history, history[-1].cases[case].opened)
    return f"({', '.join(name for name in (*called, f'opened {opened}') if name)})"


def folded(name: str) -> str:
    """A name so that two that look alike to a person are the same."""
    plain = unicodedata.normalize("NFKC", name).casefold()
    seen = (char for char in plain if unicodedata.category(char) != "Cf")
    return " ".join(unicodedata.normalize("NFKC", "".join(seen)).split())


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
                f"more than one record begins with '{visible(text)}'", "give more of its id"
            )
    raise NotFoundError(f"no record '{visible(text)}'", "see `evault list`")


def _day(history: Sequence[Authority], index: int) -> str:
    return datetime.fromtimestamp(history[index].time, UTC).date().isoformat()


def _composed(text: str) -> str:
    # What looks the same may be written in two ways; a file name from a Mac is in the other one.
    return unicodedata.normalize("NFC", text)


def _forms(name: str) -> set[str]:
    """A name as it is, and as it is shown."""
    return {_composed(name), _composed(visible(name))}
