"""Just enough of DER to look into a time-stamp token where no library does.

A value is a tag of one byte, a length, and content. Lengths are definite and of at most four bytes;
nothing deeper than asked for is looked at. Source: ITU-T X.690.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from keys.errors import MalformedError

INTEGER = 0x02
OCTETS = 0x04
OID = 0x06
SEQUENCE = 0x30
SET = 0x31


class Value(NamedTuple):
    """One value: its tag, its content, and all its bytes."""

    tag: int
    content: bytes
    raw: bytes

    def inside(self) -> list[Value]:
        """The values that it is made of.

        Raises:
            MalformedError: It is not made of values.
        """
        return list(_values(self.content))


def one(raw: bytes) -> Value:
    """The one value that some bytes are.

    Raises:
        MalformedError: They are not exactly one.
    """
    found = list(_values(raw))
    if len(found) != 1:
        raise MalformedError("not one DER value")
    return found[0]


def encode(tag: int, *contents: bytes) -> bytes:
    """A value of some contents, one after the other."""
    content = b"".join(contents)
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def _values(raw: bytes) -> Iterator[Value]:
    at = 0
    while at < len(raw):
        start, head = at, raw[at : at + 2]
        if len(head) != 2 or head[0] & 0x1F == 0x1F:
            raise MalformedError("a DER value is cut short, or of a tag that is not supported")
        tag, size, at = head[0], head[1], at + 2
        if size >= 0x80:
            count = size - 0x80
            if not 1 <= count <= 4 or at + count > len(raw):
                raise MalformedError("a DER value has no length that is supported")
            size = int.from_bytes(raw[at : at + count], "big")
            at += count
        if at + size > len(raw):
            raise MalformedError("a DER value is cut short")
        at += size
        yield Value(tag, raw[at - size : at], raw[start:at])
