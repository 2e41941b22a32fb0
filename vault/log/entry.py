"""Entries: what is hashed into a log, and how it is kept from everyone but its recipients.

    entry       = LP(label, public part, compartment, ...)
    compartment = LP(commitment, recipients, box)
    recipients  = LP(recipient, ...)      recipient = LP(tag, seal)
    box         = container of the padded LP(salt, body) under a random key
    commitment  = SHA-256(LP(label, salt, body))

The random key is sealed to each recipient, bound to the log and the commitment. Because of the
commitment, one compartment can be shown to an outsider and checked without the key.

A tag lets a reader who has the group's epoch find entries without trying to open each; to everyone
else it is noise. It is derived from the note-id hash of the public part, which is unique per log.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from keys import container
from keys.derive import Label, digest, equal, lp, pad, parse_lp, unpad
from keys.errors import MalformedError, OpenError, VerificationError
from keys.seal import OVERHEAD, SealingKey, seal

_PADDED = 512
_SALT = 32


class Recipient(NamedTuple):
    """To whom a compartment is sealed: a 1,216-byte public key, and a tag of 8 bytes or none."""

    public: bytes
    tag: bytes = b""


class Opener(NamedTuple):
    """A key that may open a compartment; its tag if it finds entries by one."""

    key: SealingKey
    tag: bytes = b""


class Compartment(NamedTuple):
    """A compartment as it is stored.

    Args:
        commitment: 32 bytes.
        recipients: Pairs of tag and seal.
        box: A container.
    """

    commitment: bytes
    recipients: tuple[tuple[bytes, bytes], ...]
    box: bytes

    def encode(self) -> bytes:
        recipients = lp(*(lp(tag, sealed) for tag, sealed in self.recipients))
        return lp(self.commitment, recipients, self.box)


class Entry(NamedTuple):
    """One leaf of a log.

    Args:
        public: What everyone sees, by name.
        compartments: One or two encoded compartments.
    """

    public: dict[str, Any]
    compartments: tuple[bytes, ...]

    def encode(self) -> bytes:
        return lp(Label.ENTRY, _json(self.public), *self.compartments)

    @property
    def note_id(self) -> bytes:
        """The 32-byte hash of the note's id."""
        return bytes.fromhex(self.public["note"])


def parse(raw: bytes) -> Entry:
    """Parse an entry; its compartments stay as they are.

    Raises:
        MalformedError: Not an entry.
    """
    usual = _USUAL(raw)
    if usual is not None:
        # The same as below for what most entries are: nothing public but the note's id.
        first = raw[usual.end() :]
        if len(first) == int.from_bytes(usual[2], "big"):
            return Entry({"note": usual[1].decode()}, (first,))
    parts = parse_lp(raw)
    if len(parts) not in {3, 4} or parts[0] != Label.ENTRY.value:
        raise MalformedError("a log entry is not of this format")
    try:
        public = orjson.loads(parts[1])
    except ValueError:
        raise MalformedError("the public part of a log entry is not of this format") from None
    if not _known(public) or _json(public) != parts[1]:
        raise MalformedError("the public part of a log entry is not of this format")
    return Entry(public, tuple(parts[2:]))


def parse_compartment(raw: bytes) -> Compartment:
    """Parse a compartment.

    Raises:
        MalformedError: Not a compartment.
    """
    commitment, recipients, box = parse_lp(raw, 3)
    pairs = _recipients(recipients)
    if len(commitment) != 32 or any(len(tag) not in {0, 8} for tag, _ in pairs):
        raise MalformedError("a compartment is not of this format")
    return Compartment(commitment, tuple(pairs), box)


def _recipients(raw: bytes) -> list[tuple[bytes, bytes]]:
    found = _SEALED.findall(raw, 4)
    size = sum(_LEAST + len(tag) for tag, _ in found)
    # What was found lies side by side if it is as long as the whole.
    if size == len(raw) - 4 and len(found) == int.from_bytes(raw[:4], "big"):
        return found
    return [(tag, sealed) for tag, sealed in (parse_lp(one, 2) for one in parse_lp(raw))]


def seal_compartment(origin: str, body: bytes, recipients: Iterable[Recipient]) -> bytes:
    """Encrypt a body for some recipients.

    Args:
        origin: The log's origin line.
        body: Any bytes.
        recipients: In the order in which they will stand.

    Returns:
        The encoded compartment.
    """
    salt, key = os.urandom(_SALT), os.urandom(container.KEY_SIZE)
    commitment = digest(Label.ENTRY_BODY, salt, body)
    box = container.encrypt(key, _context(origin, commitment), pad(lp(salt, body), _PADDED))
    seals = tuple(
        (to.tag, seal(to.public, key, Label.ENTRY_KEY, origin.encode(), commitment))
        for to in recipients
    )
    return Compartment(commitment, seals, box).encode()


def open_compartment(
    origin: str, raw: bytes, openers: Sequence[Opener], *, thorough: bool = False
) -> bytes | None:
    """Open a compartment with whichever of some keys is a recipient.

    Args:
        origin: The log's origin line.
        raw: The encoded compartment.
        openers: Keys to try; one with a tag is tried only where its tag stands.
        thorough: Try every key on every seal. An actor supplies the tags, and one who lies about
            them could hide an entry from those who look for it by its tag.

    Returns:
        The body, or None if none of the keys opens it.

    Raises:
        MalformedError: Not a compartment.
        VerificationError: A key opened it and what is inside does not fit the commitment.
    """
    compartment = parse_compartment(raw)
    found = find_key(origin, compartment, openers, thorough=thorough)
    return None if found is None else open_body(origin, compartment, found[0])


def compartment_key(
    origin: str, raw: bytes, openers: Sequence[Opener], *, thorough: bool = False
) -> bytes | None:
    """The random key of a compartment, for whoever hands it on. See `open_compartment`."""
    found = find_key(origin, parse_compartment(raw), openers, thorough=thorough)
    return None if found is None else found[0]


def find_key(
    origin: str, compartment: Compartment, openers: Sequence[Opener], *, thorough: bool = False
) -> tuple[bytes, SealingKey] | None:
    """The random key of a parsed compartment, and whose key led to it. See `open_compartment`."""
    pairs = [(sealed, to) for sealed in compartment.recipients for to in openers]
    # A tag that fits is as good as certain: it comes before all that can only be tried.
    for sealed, opener in sorted(pairs, key=lambda pair: not _tagged(pair[0][0], pair[1])):
        # A seal without a tag is tried with every key; one with a tag only with its own.
        if sealed[0] and sealed[0] != opener.tag and not thorough:
            continue
        key = try_key(origin, compartment, sealed, opener.key)
        if key is not None:
            return key, opener.key
    return None


def try_key(
    origin: str, compartment: Compartment, recipient: tuple[bytes, bytes], key: SealingKey
) -> bytes | None:
    """What one key finds under one of a compartment's seals; None if it is for another."""
    try:
        return key.open(recipient[1], Label.ENTRY_KEY, origin.encode(), compartment.commitment)
    except OpenError:
        return None


def _tagged(tag: bytes, opener: Opener) -> bool:
    return bool(tag) and tag == opener.tag


def open_with_key(origin: str, raw: bytes, key: bytes) -> bytes:
    """Open a compartment with its own key.

    Raises:
        MalformedError: Not a compartment.
        VerificationError: It is another's key, or what is inside does not fit the commitment.
    """
    return open_body(origin, parse_compartment(raw), key)


def fits(compartment: Compartment, wanted: Sequence[Recipient]) -> bool:
    """Whether a compartment has as many seals as it must, and tags at most where they may be.

    Args:
        compartment: What is looked at.
        wanted: To whom it should be sealed; any tag means that one may stand there.
    """
    return len(compartment.recipients) == len(wanted) and all(
        to.tag or not tag for to, (tag, _) in zip(wanted, compartment.recipients, strict=True)
    )


def disclosed(commitment: bytes, salt: bytes, body: bytes) -> None:
    """Check a body that someone disclosed against a compartment's commitment.

    Raises:
        VerificationError: It is not what the entry committed to.
    """
    if not equal(digest(Label.ENTRY_BODY, salt, body), commitment):
        raise VerificationError("a log entry's body is not what the entry committed to")


def open_body(origin: str, compartment: Compartment, key: bytes) -> bytes:
    """Open a parsed compartment with its own key. See `open_with_key`."""
    return open_both(origin, compartment, key)[1]


def open_both(origin: str, compartment: Compartment, key: bytes) -> tuple[bytes, bytes]:
    """Salt and body of a parsed compartment: what shows to others what it says."""
    if len(key) != container.KEY_SIZE:
        raise VerificationError("a log entry's key does not have its length")
    padded = container.decrypt(key, _context(origin, compartment.commitment), compartment.box)
    salt, body = parse_lp(unpad(padded, _PADDED), 2)
    disclosed(compartment.commitment, salt, body)
    return salt, body


def _context(origin: str, commitment: bytes) -> bytes:
    return lp(Label.ENTRY_BOX, origin.encode(), commitment)


def _json(value: dict[str, Any]) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


_HEX = re.compile("[0-9a-f]+").fullmatch

# The beginning of an entry with one compartment and nothing public but the note's id.
_HEAD = lp(Label.ENTRY, b'{"note":"' + bytes(64) + b'"}', b"")[:-8]
_USUAL = re.compile(
    re.escape(_HEAD).replace(re.escape(bytes(64)), b"([0-9a-f]{64})") + b"(.{8})", re.DOTALL
).match

# A recipient with its length before it; the seal has the length of one that holds a key.
_SEAL = OVERHEAD + container.KEY_SIZE
_LEAST = 8 + len(lp(b"", bytes(_SEAL)))
_SEALED = re.compile(
    b"(?:%s(.{8})|%s)%s(.{%d})"
    % (
        re.escape(lp(lp(bytes(8), bytes(_SEAL)))[4:24]),
        re.escape(lp(lp(b"", bytes(_SEAL)))[4:24]),
        re.escape(_SEAL.to_bytes(8, "big")),
        _SEAL,
    ),
    re.DOTALL,
)
_DEPOSIT = {"case_seal": 64, "gate_seal": 64, "id": 32, "records_root": 64}
_REENCRYPTED = {**_DEPOSIT, "before_root": 64, "signed": 64}
_MOST = 1000


def _known(public: object) -> bool:
    if not isinstance(public, dict) or not public.keys() <= _PUBLIC.keys() | {"note"}:
        return False
    # One spelling of each hash: a note's id is used once, and is compared as it stands.
    if not _is_hex(public.get("note"), 64):
        return False
    return all(_PUBLIC[name](public[name]) for name in public if name != "note")


def _hashes(sizes: Mapping[str, int]) -> Callable[[object], bool]:
    return lambda value: (
        isinstance(value, dict)
        and value.keys() == sizes.keys()
        and all(_is_hex(value[name], size) for name, size in sizes.items())
    )


def _renewal(value: object) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() == {"seals_root", "count", "signed"}
        and _is_hex(value["seals_root"], 64)
        and _is_hex(value["signed"], 64)
        and type(value["count"]) is int
        and value["count"] > 0
    )


def _confirmed(value: object) -> bool:
    return type(value) is int and value >= 0


def _destroyed(value: object) -> bool:
    return (
        isinstance(value, list)
        and 0 < len(value) <= _MOST
        and all(_is_hex(name, 32) for name in value)
        and len(set(value)) == len(value)
    )


_PUBLIC: dict[str, Callable[[object], bool]] = {
    "deposit": _hashes(_DEPOSIT),
    "renewal": _renewal,
    "reencrypted": _hashes(_REENCRYPTED),
    "confirms": _confirmed,
    "destroyed": _destroyed,
}
"""What a public part can have beside the note's id, and the shape of each."""


def _is_hex(value: object, size: int) -> bool:
    return isinstance(value, str) and len(value) == size and _HEX(value) is not None
