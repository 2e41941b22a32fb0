"""Keys that must be refused, worked out from the curves themselves, and notes to change."""

from __future__ import annotations

import base64

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ed25519

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)

Point = tuple[int, int]
IDENTITY: Point = (0, 1)


def add(one: Point, other: Point) -> Point:
    """The sum of two points of the twisted Edwards curve of Ed25519."""
    (x1, y1), (x2, y2) = one, other
    cross = D * x1 * x2 * y1 * y2
    x = (x1 * y2 + x2 * y1) * pow(1 + cross, -1, P)
    y = (y1 * y2 + x1 * x2) * pow(1 - cross, -1, P)
    return x % P, y % P


def times(number: int, point: Point) -> Point:
    """A multiple of a point."""
    out = IDENTITY
    while number:
        if number & 1:
            out = add(out, point)
        point, number = add(point, point), number >> 1
    return out


def on_curve(y: int) -> Point | None:
    """The point with this y and an even x, if there is one."""
    u, v = (y * y - 1) % P, (D * y * y + 1) % P
    square = u * pow(v, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT_OF_MINUS_ONE % P
    if (x * x - square) % P:
        return None
    return (P - x if x & 1 else x), y


def encode(point: Point) -> bytes:
    """A point as RFC 8032 encodes it."""
    x, y = point
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _torsion() -> list[Point]:
    # L times any point is of small order; one of order 8 generates all eight.
    for y in range(2, 100):
        point = on_curve(y)
        small = times(L, point) if point else IDENTITY
        if times(4, small) != IDENTITY:
            return [times(number, small) for number in range(8)]
    raise AssertionError


SMALL_ORDER = _torsion()
"""The eight points of Ed25519's curve whose order divides 8."""

NON_CANONICAL_ED25519 = [
    (y | sign << 255).to_bytes(32, "little") for y in range(P, 2**255) for sign in (0, 1)
]
"""Every encoding whose y is not below the prime."""

# x = 0 has no odd form: these are the identity and the point of order 2 with a false sign bit.
FALSE_SIGN = [(y | 1 << 255).to_bytes(32, "little") for y in (1, P - 1)]

WEAK_ED25519 = [*map(encode, SMALL_ORDER), *FALSE_SIGN, *NON_CANONICAL_ED25519]

# The Montgomery form of a point: u = (1 + y) / (1 - y), and 0 for the identity.
LOW_ORDER_X25519 = sorted(
    {((1 + y) * pow(1 - y, -1, P) % P if y != 1 else 0) for _, y in SMALL_ORDER}
    | {P - 1}  # of order 4 on the twist
)

WEAK_X25519 = [
    *(u.to_bytes(32, "little") for u in LOW_ORDER_X25519),
    *((u | 1 << 255).to_bytes(32, "little") for u in LOW_ORDER_X25519),
    *(u.to_bytes(32, "little") for u in range(P, 2**255)),
    (9 | 1 << 255).to_bytes(32, "little"),
    b"\xff" * 32,
]
"""X25519 keys that are of low order or not in their canonical form."""

FORGED = encode(IDENTITY) + bytes(32)
"""A signature that nobody made: its point is the identity, its number is zero."""


def forged(public: bytes, text: bytes) -> bool:
    """Whether `FORGED` verifies as a signature of a text under a key, as libraries verify."""
    try:
        ed25519.Ed25519PublicKey.from_public_bytes(public).verify(FORGED, text)
    except InvalidSignature:
        return False
    return True


def split(note: bytes) -> tuple[bytes, list[bytes]]:
    """The text of a signed note with the empty line, and its signature lines."""
    text, _, lines = note.rpartition(b"\n\n")
    return text + b"\n\n", lines.splitlines(keepends=True)


def damaged(line: bytes, at: int = -1) -> bytes:
    """A signature line of the same key whose signature has one bit changed."""
    head, _, value = line.strip().rpartition(b" ")
    raw = bytearray(base64.b64decode(value))
    raw[at] ^= 1
    return head + b" " + base64.b64encode(raw) + b"\n"
