"""The shapes of fields: what may stand where in a note's body.

A shape checks any value. Most shapes have a plain form too: a regular expression of their canonical
JSON, for bytes. What fits it has the shape and is in canonical form, so whoever reads many notes
need not look at each field of each; what does not fit may still be right, and is checked in full.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from vault import ids

Check = Callable[[Any], bool]

MAX_INTEGER = 2**53 - 1
"""The largest integer that every JSON reader agrees on (RFC 8785)."""

LAST_SECOND = 253_402_300_799
"""The last second that calendars have: 31 December 9999, in seconds since the epoch."""

_MAX_TEXT = 4096


class Shape(NamedTuple):
    """What may stand in a field.

    Args:
        check: Says whether a parsed JSON value has the shape.
        plain: A regular expression without groups; empty where the shape has no plain form.
    """

    check: Check
    plain: str = ""


# --- any value --------------------------------------------------------------------------------


def _integer(value: Any) -> bool:
    return type(value) is int and 0 <= value <= MAX_INTEGER


def _count(value: Any) -> bool:
    return _integer(value) and value > 0


def _time(value: Any) -> bool:
    return _integer(value) and value <= LAST_SECOND


def _few(value: Any) -> bool:
    return _integer(value) and value <= 16


def _hours(value: Any) -> bool:
    return _count(value) and value <= 24 * 366


def _boolean(value: Any) -> bool:
    return type(value) is bool


def _text(value: Any) -> bool:
    return isinstance(value, str) and len(value.encode("utf-8", "replace")) <= _MAX_TEXT


def _note_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= 1 << 16


def _code(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 40 and not set(value) - _CODE


def _hash(value: Any) -> bool:
    return isinstance(value, str) and _HASH(value) is not None


def _base64(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    try:
        return base64.b64encode(base64.b64decode(value, validate=True)).decode() == value
    except ValueError:
        return False


def _id(value: Any) -> bool:
    return ids.is_id(value)


def _device(value: Any) -> bool:
    return ids.is_id(value, 20)


_HASH = re.compile("[0-9a-f]{64}").fullmatch
_CODE = frozenset("abcdefghijklmnopqrstuvwxyz-")

# Integers of up to 15 digits are below the largest, times of up to 11 before the last second.
INTEGER = Shape(_integer, "(?:0|[1-9][0-9]{0,14})")
COUNT = Shape(_count, "[1-9][0-9]{0,14}")
TIME = Shape(_time, "(?:0|[1-9][0-9]{0,10})")
FEW = Shape(_few)
HOURS = Shape(_hours)
BOOLEAN = Shape(_boolean, "(?:true|false)")
TEXT = Shape(_text)
NOTE_TEXT = Shape(_note_text)
CODE = Shape(_code, '"[a-z-]{1,40}"')
HASH = Shape(_hash, '"[0-9a-f]{64}"')
BASE64 = Shape(_base64)
ID = Shape(_id, f'"{ids.PATTERN}"')
DEVICE = Shape(_device, f'"{ids.DEVICE_PATTERN}"')


# --- made of others ---------------------------------------------------------------------------


def optional(shape: Shape) -> Shape:
    """What has a shape, or null."""
    check = shape.check
    return Shape(
        lambda value: value is None or check(value), shape.plain and f"(?:null|{shape.plain})"
    )


def listed(shape: Shape, least: int = 0, most: int = 100_000) -> Shape:
    """A list of so many of a shape."""
    check = shape.check
    return Shape(
        lambda value: (
            isinstance(value, list) and least <= len(value) <= most and all(map(check, value))
        ),
        _plain_list(shape.plain, least, most),
    )


def choice(*choices: str | int) -> Shape:
    """One of some words, or one of some integers."""
    if all(type(choice) is str for choice in choices):
        words = frozenset(choices)
        plain = "|".join(f'"{re.escape(str(word))}"' for word in choices)
        return Shape(lambda value: isinstance(value, str) and value in words, f"(?:{plain})")
    plain = "|".join(map(str, choices))
    return Shape(
        lambda value: any(type(value) is type(one) and value == one for one in choices),
        f"(?:{plain})",
    )


def exactly(**shapes: Shape) -> Shape:
    """An object with exactly these fields."""
    return Shape(
        lambda value: (
            isinstance(value, dict)
            and value.keys() == shapes.keys()
            and all(shape.check(value[name]) for name, shape in shapes.items())
        ),
        plain_object(shapes),
    )


def plain_object(shapes: Mapping[str, Shape], named: str = "") -> str:
    """The plain form of an object with exactly these fields; empty if one of them has none.

    Args:
        shapes: The fields.
        named: A field whose value, between its quotes, becomes a group of its name.
    """
    if not all(shape.plain for shape in shapes.values()):
        return ""
    plain = {name: shape.plain for name, shape in shapes.items()}
    if named:
        plain[named] = f'"(?P<{named}>{plain[named][1:-1]})"'
    return r"\{" + ",".join(f'"{name}":{plain[name]}' for name in sorted(plain)) + r"\}"


def _plain_list(plain: str, least: int, most: int) -> str:
    if not plain or least > 1:
        return ""
    some = f"{plain}(?:,{plain}){{0,{most - 1}}}"
    return rf"\[{some}\]" if least else rf"\[(?:{some})?\]"


POSITION = exactly(size=INTEGER, root=HASH)
