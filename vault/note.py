"""The canonical bodies of notes: every message that somebody signs.

    evault/1/<kind>
    evault/<vault id>/<authority or access>
    {one line of RFC 8785 JSON}

    — <device> <signature>

`KINDS` lists each kind with the exact fields of its body; a field that is missing, unknown or of
another shape makes the note malformed. Stored bytes are what is verified; encoding again what was
parsed gives the same bytes, so there is one form of each note and no second reading of it.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from keys.derive import Label, digest, lp, parse_lp
from keys.identity import Contact, Identity
from keys.signing import split_note, verify_note
from vault import ids
from vault.errors import MalformedError, VerificationError

AUTHORITY = "authority"
ACCESS = "access"
LOGS = (AUTHORITY, ACCESS)

MAX_INTEGER = 2**53 - 1
"""The largest integer that every JSON reader agrees on (RFC 8785)."""

_PREFIX = "evault/1/"
_MAX_TEXT = 4096

Body = Mapping[str, Any]
Check = Callable[[Any], bool]


def origin(vault: str, log: str) -> str:
    """The origin line of one of a vault's two logs."""
    return f"evault/{vault}/{log}"


# --- the shapes of fields ---------------------------------------------------------------------


def _integer(value: Any) -> bool:
    return type(value) is int and 0 <= value <= MAX_INTEGER


def _count(value: Any) -> bool:
    return _integer(value) and value > 0


def _text(value: Any) -> bool:
    return isinstance(value, str) and len(value.encode("utf-8", "replace")) <= _MAX_TEXT


def _code(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 40 and not set(value) - _CODE


def _hash(value: Any) -> bool:
    return isinstance(value, str) and len(value) == 64 and not set(value) - _HEX


def _base64(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    try:
        return base64.b64encode(base64.b64decode(value, validate=True)).decode() == value
    except ValueError:
        return False


def _note_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= 1 << 16


def _id(value: Any) -> bool:
    return ids.is_id(value)


def _device(value: Any) -> bool:
    return ids.is_id(value, 20)


def _optional(check: Check) -> Check:
    return lambda value: value is None or check(value)


def _list(check: Check, least: int = 0, most: int = 100_000) -> Check:
    return lambda value: (
        isinstance(value, list) and least <= len(value) <= most and all(map(check, value))
    )


def _choice(*choices: Any) -> Check:
    return lambda value: any(type(value) is type(c) and value == c for c in choices)


def _object(**fields: Check) -> Check:
    return lambda value: (
        isinstance(value, dict)
        and value.keys() == fields.keys()
        and all(check(value[name]) for name, check in fields.items())
    )


def _group(value: Any) -> bool:
    return isinstance(value, str) and (value in {"members", "auditors", "gate"} or _id(value))


_HEX = frozenset("0123456789abcdef")
_CODE = frozenset("abcdefghijklmnopqrstuvwxyz-")
_POSITION = _object(size=_integer, root=_hash)
_SEEN = _object(authority=_POSITION, access=_POSITION)
_WRAP = _object(group=_group, number=_count, device=_device, wrap=_base64)
_EPOCH = _object(
    group=_group,
    number=_count,
    sealing=_base64,
    signing=_optional(_object(ed25519=_base64, ml_dsa_44=_base64)),
    link=_optional(_base64),
    wraps=_list(_object(device=_device, wrap=_base64)),
)
_ROLES = _list(_choice("steward", "advocate", "attorney", "auditor"), 1, 4)

PURPOSES = (
    "review",
    "preparation",
    "filing",
    "hearing",
    "disclosure",
    "translation",
    "safety",
    "verification",
    "other",
)
DISPOSITIONS = ("view", "copy", "produce")
OUTCOMES = ("done", "released", "pending", "refused")
MAX_RECORDS = 1000
"""How many records one release may name."""

_ACTOR = {"id": _id, "device": _device, "time": _integer, "seen": _SEEN}
_STATEMENT = {**_ACTOR, "extends": _POSITION}
# Where several must sign, the statement quotes the proposal and its endorsements; else it is empty.
_QUORUM = {"quoted": _list(_note_text)}

STATEMENTS: dict[str, dict[str, Check]] = {
    "genesis": {
        **_STATEMENT,
        "suite": _choice(1),
        "vault": _id,
        "contact": _note_text,
        "roles": _ROLES,
        "policy": _object(stewards=_count),
        "epochs": _list(_EPOCH, 3, 3),
    },
    "member-added": {
        **_STATEMENT,
        **_QUORUM,
        "contact": _note_text,
        "roles": _ROLES,
        "wraps": _list(_WRAP),
        "epochs": _list(_EPOCH),
    },
    "case-opened": {
        **_STATEMENT,
        "case": _id,
        "ref": _optional(_text),
        "title": _base64,
        "holders": _list(_device, 1),
        "epochs": _list(_EPOCH, 1, 1),
    },
    "case-granted": {
        **_STATEMENT,
        "case": _id,
        "member": _device,
        "until": _optional(_integer),
        "wraps": _list(_WRAP),
    },
    "rotated": {**_STATEMENT, "epochs": _list(_EPOCH, 1)},
    "wrapped": {**_STATEMENT, "wraps": _list(_WRAP, 1)},
}
"""What changes the authority; signed with Ed25519 and ML-DSA-44."""

ACTS: dict[str, dict[str, Check]] = {
    "deposit": {
        **_ACTOR,
        "case": _id,
        "epoch": _count,
        "gate_epoch": _count,
        "deposit": _id,
        "count": _count,
        "records_root": _hash,
        "case_commitment": _hash,
        "gate_commitment": _hash,
        "case_seal": _hash,
        "gate_seal": _hash,
        "details": _optional(_hash),
    },
    "release": {
        **_ACTOR,
        "case": _id,
        "records": _list(_id, 1, MAX_RECORDS),
        "purpose": _choice(*PURPOSES),
        "disposition": _choice(*DISPOSITIONS),
        "request": _optional(_id),
        "details": _optional(_hash),
    },
    "receipt": {
        **_ACTOR,
        "case": _id,
        "entry": _integer,
        "leaf": _hash,
        "details": _optional(_hash),
    },
}
"""What is logged in the access log; signed with Ed25519."""

GATE: dict[str, dict[str, Check]] = {
    "gate": {
        "note": _hash,
        "outcome": _choice(*OUTCOMES),
        "why": _optional(_code),
        "time": _integer,
        "authority": _POSITION,
        "access": _POSITION,
        "device": _device,
        "level": _choice(0, 1, 2, 3),
    }
}
"""What the gate says beside each note; signed with Ed25519."""

KINDS = {**STATEMENTS, **ACTS, **GATE}


# --- notes --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Note:
    """A parsed note. Nothing in it is true before `verify` returned.

    Args:
        kind: One of `KINDS`.
        origin: The log that it is for.
        body: Its fields.
        signed: The signed note's bytes.
    """

    kind: str
    origin: str
    body: Body
    signed: bytes

    @property
    def device(self) -> str:
        """Who claims to have signed."""
        return str(self.body["device"])

    @property
    def text(self) -> bytes:
        """The text that is signed."""
        return encode(self.kind, self.origin, self.body)

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
        verify_note(self.signed, keys, exact=True)


def id_hash(note_id: str) -> bytes:
    """The hash of a note's id, 32 bytes."""
    return digest(Label.NOTE_ID, ids.parse(note_id))


def encode(kind: str, log_origin: str, body: Body) -> bytes:
    """The text of a note.

    Raises:
        ValueError: The body does not have the fields of its kind (the caller's mistake).
    """
    problem = _problem(kind, body)
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
    text, signatures = split_note(signed)
    lines = text.decode().split("\n")
    if len(lines) != 4 or lines[3] or not lines[0].startswith(_PREFIX):
        raise MalformedError("not a note of this format")
    kind, log_origin = lines[0].removeprefix(_PREFIX), lines[1]
    try:
        body = json.loads(lines[2])
    except (ValueError, RecursionError):
        raise MalformedError("a note's body is not JSON") from None
    problem = _problem(kind, body)
    if problem:
        raise MalformedError(problem)
    # One form of each note: whoever re-encodes what they read gets the bytes that were signed.
    try:
        # Every field's shape was checked, down to its leaves: nothing else can be in it.
        canonical_text = _head(kind, log_origin) + _ENCODER.encode(body).encode() + b"\n"
    except ValueError:
        canonical_text = b""
    if canonical_text != text:
        raise MalformedError("a note is not in its one canonical form")
    if any(signature.name != body["device"] for signature in signatures):
        raise MalformedError("a note is signed by another than it says")
    return Note(kind, log_origin, body, signed)


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


def _problem(kind: str, body: Any) -> str:
    fields = KINDS.get(kind)
    if fields is None:
        return "a note of a kind that is not supported"
    if not isinstance(body, Mapping):
        return f"the body of a {kind} note is not an object"
    if body.keys() != fields.keys():
        odd: Sequence[str] = sorted(body.keys() ^ fields.keys())
        return f"a {kind} note does not have exactly its fields (see {ascii(odd[0])[:40]})"
    for name, check in fields.items():
        if not check(body[name]):
            return f"the field {name} of a {kind} note is not of its shape"
    return ""
