"""What a person says of evidence, from options or from a form, checked before anything is stored.

Each value keeps its basis: observed, stated or copied. "unknown" is an answer and not the same as
none. Nothing here is ever required.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NoReturn

from vault.cli.text import _
from vault.cli.words import BASES
from vault.errors import UsageError

FIELDS = (
    *("title", "source", "source_codes", "made_at", "event_time", "received_at", "collected_at"),
    *("method_of_collection", "completeness", "source_device", "source_account", "place", "maker"),
    *("custody_before", "original_at", "received_hashes", "recording_consent", "consent"),
    *("privilege", "protective_order", "language", "interpreter", "on_behalf_of", "directed_by"),
    *("notes", "tags"),
)
"""What may stand in a form. None of them is captured without asking: those names are taken."""

UNKNOWN = "unknown"
_LISTS = ("notes", "tags", "source_codes")
_TIMES = ("made_at", "received_at", "collected_at")
_TIME = re.compile(r"\d{4}-\d\d-\d\d([Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d))?", re.ASCII)
_EXAMPLES = "2026-04-03, 2026-04-03T21:15:00-06:00"


def description(
    form: bytes | None,
    *,
    title: str | None = None,
    source: str | None = None,
    collected_at: str | None = None,
    notes: Sequence[str] = (),
    tags: Sequence[str] = (),
) -> tuple[str | None, dict[str, Any]]:
    """What was said: the title, and the named values for the particulars.

    Args:
        form: A JSON object.
        title: As the other arguments: takes the place of what the form says.
        source: From whom or where it is.
        collected_at: A date, or a time with its zone.
        notes: In words.
        tags: Short words to find it by.

    Raises:
        UsageError: Something in it makes no sense.
    """
    said = {} if form is None else _parse(form)
    options = {
        "title": title,
        "source": source,
        "collected_at": collected_at,
        "notes": list(notes) or None,
        "tags": list(tags) or None,
    }
    said |= {
        name: {"basis": "stated", "value": value}
        for name, value in options.items()
        if value is not None
    }
    for name, item in said.items():
        _check(name, item)
    named = said.pop("title", None)
    return (named["value"] if named else None), said


def _parse(form: bytes) -> dict[str, dict[str, Any]]:
    try:
        body = json.loads(form, object_pairs_hook=_unique, parse_float=_no_float)
    except UsageError:
        raise
    except (ValueError, RecursionError) as error:
        place = f" ({error})" if isinstance(error, json.JSONDecodeError) else ""
        raise UsageError(_("the form is not JSON") + place) from None
    if not isinstance(body, dict):
        raise UsageError(_("the form is not a JSON object"))
    unknown = [name for name in body if name not in FIELDS]
    if unknown:
        raise UsageError(
            _("the form has unknown fields: {names}").format(names=", ".join(unknown)),
            _("it may have: {names}").format(names=", ".join(FIELDS)),
        )
    # null is what a program writes for a field that it leaves out.
    return {name: _with_basis(name, value) for name, value in body.items() if value is not None}


def _with_basis(name: str, value: Any) -> dict[str, Any]:
    if isinstance(value, dict) and "value" in value:
        if set(value) - {"basis", "value"} or value.get("basis", "stated") not in BASES:
            raise UsageError(
                _('the field {name} of the form is not {{"value": ..., "basis": ...}}').format(
                    name=name
                ),
                _("the basis is one of: ") + ", ".join(BASES),
            )
        return {"basis": value.get("basis", "stated"), "value": value["value"]}
    return {"basis": "stated", "value": value}


def _check(name: str, item: dict[str, Any]) -> None:
    from vault.note import canonical

    value = item["value"]
    if name in _LISTS and isinstance(value, str) and value != UNKNOWN:
        item["value"] = value = [value]
    try:
        canonical(value)
    except (ValueError, RecursionError):
        raise UsageError(
            _("the field {name} holds a number with a fraction, or text that is not valid").format(
                name=name
            ),
            _("write such a number as text, in quotes"),
        ) from None
    if name == "title" and not isinstance(value, str):
        raise UsageError(_("a title is text"))
    if name in _LISTS and value != UNKNOWN and not _texts(value):
        raise UsageError(_("the field {name} is a list of texts").format(name=name))
    if name in _TIMES and isinstance(value, str):
        _check_time(name, value)


def _check_time(name: str, value: str) -> None:
    if value == UNKNOWN:
        return
    if not (_TIME.fullmatch(value) and _is_moment(value)):
        option = "--collected-at" if name == "collected_at" else name
        raise UsageError(
            _("{name} is not a date, nor a time with its zone: {value}").format(
                name=option, value=repr(value)
            ),
            _("for example {examples}, or unknown").format(examples=_EXAMPLES),
        )


def _is_moment(value: str) -> bool:
    # Digits of a second beyond the sixth are allowed in the text and unknown to Python.
    try:
        datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", value.upper()))
    except ValueError:
        return False
    return True


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _unique(pairs: Sequence[tuple[str, Any]]) -> Mapping[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise UsageError(_("the form names a field twice"))
    return found


def _no_float(text: str) -> NoReturn:
    raise UsageError(
        _("the form has a number with a fraction: {text}").format(text=text),
        _("write it as text, in quotes"),
    )
