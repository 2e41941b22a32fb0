"""The canonical bodies of notes: every message that somebody signs.

    evault/1/<kind>
    evault/<vault id>/<authority or access>
    {one line of RFC 8785 JSON}

    — <device> <signature>

`vault.kinds` lists each kind with the exact fields of its body. Stored bytes are what is verified;
encoding again what was parsed gives the same bytes, so there is one form of each note and no second
reading of it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from keys.derive import Label, digest, lp, parse_lp
from keys.identity import Contact, Identity
from keys.signing import Signature, split_note, verify_lines
from vault import ids
from vault.errors import MalformedError, VerificationError
from vault.kinds import (
    ACTS,
    DISPOSITIONS,
    FORMS,
    GATE,
    KINDS,
    MAX_RECORDS,
    OUTCOMES,
    PROPOSALS,
    PURPOSES,
    STATEMENTS,
    Body,
    plain_body,
    problem_of,
)
from vault.shapes import MAX_INTEGER

AUTHORITY = "authority"
ACCESS = "access"
LOGS = (AUTHORITY, ACCESS)

_PREFIX = "evault/1/"

__all__ = [
    "ACCESS",
    "ACTS",
    "AUTHORITY",
    "DISPOSITIONS",
    "FORMS",
    "GATE",
    "KINDS",
    "LOGS",
    "MAX_INTEGER",
    "MAX_RECORDS",
    "OUTCOMES",
    "PROPOSALS",
    "PURPOSES",
    "STATEMENTS",
    "Body",
    "Note",
    "canonical",
    "decode64",
    "encode",
    "encode64",
    "id_hash",
    "origin",
    "pair",
    "parse",
    "parse_pair",
    "sign",
]


def origin(vault: str, log: str) -> str:
    """The origin line of one of a vault's two logs."""
    return f"evault/{vault}/{log}"


# --- notes --------------------------------------------------------------------------------------


class Note(NamedTuple):
    """A parsed note. Nothing in it is true before `verify` returned.

    Args:
        kind: One of `KINDS`.
        origin: The log that it is for.
        body: Its fields.
        signed: The signed note's bytes.
        text: The text that is signed.
        signatures: The lines under it.
    """

    kind: str
    origin: str
    body: Body
    signed: bytes
    text: bytes = b""
    signatures: tuple[Signature, ...] = ()

    @property
    def device(self) -> str:
        """Who claims to have signed."""
        return str(self.body["device"])

    @property
    def digest(self) -> str:
        """SHA-256 of the signed note, in hex."""
        return hashlib.sha256(self.signed).hexdigest()

    @property
    def id_hash(self) -> bytes:
        """The hash of the note's id, 32 bytes: what everyone sees of it."""
        return id_hash(str(self.body["id"]))

    def verify(self, contact: Contact) -> None:
        """Verify the signatures under a device's keys: exactly those that the kind asks for.

        Raises:
            SignatureError: One is missing, false, or too many.
        """
        keys = contact.verifiers if self.kind in STATEMENTS else contact.verifiers[:1]
        verify_lines(self.text, self.signatures, keys, exact=True)


def id_hash(note_id: str) -> bytes:
    """The hash of a note's id, 32 bytes."""
    return digest(Label.NOTE_ID, ids.parse(note_id))


def encode(kind: str, log_origin: str, body: Body) -> bytes:
    """The text of a note.

    Raises:
        ValueError: The body does not have the fields of its kind (the caller's mistake).
    """
    problem = problem_of(kind, body)
    if problem:
        raise ValueError(problem)
    return _text_of(kind, log_origin, body)


def sign(kind: str, log_origin: str, body: Body, identity: Identity) -> Note:
    """Make and sign a note as a device."""
    body = {**body, "device": identity.device}
    text = encode(kind, log_origin, body)
    return parse(identity.sign(text, hybrid=kind in STATEMENTS))


def parse(signed: bytes) -> Note:
    """Parse a signed note. Verify it before believing it.

    Raises:
        MalformedError: Not a note of a known kind in its one canonical form.
    """
    return _parse_plain(signed) or _parse_any(signed)


def _parse_plain(signed: bytes) -> Note | None:
    """As `_parse_any`, in one look, for the notes that a log is full of; None for all others."""
    kind = signed[len(_PREFIX) : signed.find(b"\n")]
    fits = _plain(kind)
    found = None if fits is None else fits(signed)
    if found is None:
        return None
    text, log_origin, body, device, line = found.groups()
    name, value = device.decode(), binascii.a2b_base64(line)
    signature = Signature(name, value[:4], value[4:])
    return Note(kind.decode(), log_origin.decode(), orjson.loads(body), signed, text, (signature,))


@lru_cache(maxsize=64)
def _plain(kind: bytes) -> Callable[[bytes], re.Match[bytes] | None] | None:
    """Looks whether a note of a kind is in its plain form; None if the kind has none."""
    name = kind.decode("ascii", "replace")
    body = "" if name in STATEMENTS else plain_body(name)
    if not body:
        return None
    # 4 bytes of key id and 64 of signature, in the one spelling that base64 has of them.
    line = "([A-Za-z0-9+/]{90}[AEIMQUYcgkosw048]=)"
    text = f"({_PREFIX}{name}\n(evault/{ids.PATTERN}/{ACCESS})\n({body})\n)"
    return re.compile(f"{text}\n— (?P=device) {line}\n".encode()).fullmatch


def _parse_any(signed: bytes) -> Note:
    text, signatures = split_note(signed)
    lines = text.decode().split("\n")
    if len(lines) != 4 or lines[3] or not lines[0].startswith(_PREFIX):
        raise MalformedError("not a note of this format")
    kind, log_origin = lines[0].removeprefix(_PREFIX), lines[1]
    try:
        body = orjson.loads(lines[2])
    except ValueError:
        raise MalformedError("a note's body is not JSON") from None
    problem = problem_of(kind, body)
    if problem:
        raise MalformedError(problem)
    # One form of each note: whoever re-encodes what they read gets the bytes that were signed.
    # Every field's shape was checked, down to its leaves: of such values it writes RFC 8785.
    if _head(kind, log_origin) + orjson.dumps(body, option=_CANONICAL) != text:
        raise MalformedError("a note is not in its one canonical form")
    if any(signature.name != body["device"] for signature in signatures):
        raise MalformedError("a note is signed by another than it says")
    return Note(kind, log_origin, body, signed, text, tuple(signatures))


def parse_pair(body: bytes) -> tuple[Note, Note]:
    """Parse the first compartment of an entry: the actor note and the gate note.

    Raises:
        MalformedError: Not two notes, or the second is not a gate note.
        VerificationError: The gate note speaks of another note.
    """
    actor, gate = map(parse, parse_lp(body, 2))
    if gate.kind not in GATE or actor.kind in GATE:
        raise MalformedError("an entry does not hold an actor's note and the gate's")
    if gate.body["note"] != actor.digest:
        raise VerificationError("a gate's note speaks of another note than the one beside it")
    return actor, gate


def pair(actor: Note, gate: Note) -> bytes:
    """The first compartment of an entry: the actor note and the gate note."""
    return lp(actor.signed, gate.signed)


_CANONICAL = orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def canonical(value: Any) -> bytes:
    """RFC 8785 JSON of strings, integers, booleans, null, lists and objects with ASCII keys.

    Raises:
        ValueError: The value holds something else (the caller's mistake).
    """
    if type(value) is not str:
        _restrict(value)
    return _ENCODER.encode(value).encode()


def encode64(raw: bytes) -> str:
    """Bytes as they stand in a note: standard base64."""
    return base64.b64encode(raw).decode()


def decode64(text: str) -> bytes:
    """The bytes of a field whose shape was checked."""
    return base64.b64decode(text)


def _restrict(value: Any) -> None:
    if isinstance(value, dict):
        if not all(isinstance(key, str) and key.isascii() for key in value):
            raise ValueError("keys are ASCII")
        value = value.values()
    elif not isinstance(value, list | tuple):
        if value is not None and type(value) not in {str, int, bool}:
            raise ValueError("only text, integers, booleans, null, lists and objects")
        if type(value) is int and abs(value) > MAX_INTEGER:
            raise ValueError("integers are below 2^53")
        return
    for item in value:
        _restrict(item)


def _text_of(kind: str, log_origin: str, body: Body) -> bytes:
    return _head(kind, log_origin) + canonical(body) + b"\n"


def _head(kind: str, log_origin: str) -> bytes:
    return f"{_PREFIX}{kind}\n{log_origin}\n".encode()
