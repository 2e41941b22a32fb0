"""The kinds of notes: each with the exact fields of its body and the shape of each field.

A field that is missing, unknown or of another shape makes a note malformed. `vault.note` signs and
parses; this is the table that it goes by, and what `vault/FORMAT.md` says in words.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from operator import call
from typing import Any

from vault import ids

Body = Mapping[str, Any]
Check = Callable[[Any], bool]

MAX_INTEGER = 2**53 - 1
"""The largest integer that every JSON reader agrees on (RFC 8785)."""

_MAX_TEXT = 4096

# --- the shapes of fields ---------------------------------------------------------------------


def _integer(value: Any) -> bool:
    return type(value) is int and 0 <= value <= MAX_INTEGER


def _count(value: Any) -> bool:
    return _integer(value) and value > 0


def _few(value: Any) -> bool:
    return _integer(value) and value <= 16


def _hours(value: Any) -> bool:
    return _count(value) and value <= 24 * 366


def _boolean(value: Any) -> bool:
    return type(value) is bool


def _text(value: Any) -> bool:
    return isinstance(value, str) and len(value.encode("utf-8", "replace")) <= _MAX_TEXT


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
    words = frozenset(choices)
    if all(type(choice) is str for choice in choices):
        return lambda value: isinstance(value, str) and value in words
    return lambda value: any(type(value) is type(c) and value == c for c in choices)


def _object(**fields: Check) -> Check:
    return lambda value: (
        isinstance(value, dict)
        and value.keys() == fields.keys()
        and all(check(value[name]) for name, check in fields.items())
    )


def _position(value: Any) -> bool:
    # Written out, because every note has up to four.
    return (
        type(value) is dict
        and len(value) == 2
        and "size" in value
        and "root" in value
        and _integer(value["size"])
        and _hash(value["root"])
    )


def _group(value: Any) -> bool:
    return isinstance(value, str) and (value in {"members", "auditors", "gate"} or _id(value))


def _proposed(value: Any) -> bool:
    kind = value.get("kind") if isinstance(value, dict) else None
    fields = PROPOSALS.get(kind) if isinstance(kind, str) else None
    return fields is not None and _object(kind=_text, **fields)(value)


_HASH = re.compile("[0-9a-f]{64}").fullmatch
_CODE = frozenset("abcdefghijklmnopqrstuvwxyz-")
_POSITION = _position
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
FORMS = ("csv", "jsonl", "report", "outsider", "disclosure")
"""What of the access log is taken out of the vault: the entries in one of two formats, the report,
the report without names, one entry with its proof."""

DISPOSITIONS = ("view", "copy", "produce")
DESTROY = "destroy"
"""What a request can ask for besides the dispositions of a release."""

RENEWALS = frozenset(("rekey", "re-encrypt"))
"""Acts whose outcome waits in the store until somebody else has confirmed it."""

OUTCOMES = ("done", "released", "pending", "refused")
MAX_COSIGNERS = 16
"""How many cosigners a vault's policy may name."""

MAX_RECORDS = 1000
"""How many records one release may name."""

_ACTOR = {"id": _id, "device": _device, "time": _integer, "seen": _SEEN}
_STATEMENT = {**_ACTOR, "extends": _POSITION}
# Where several must sign, the statement names the proposal that they signed; else it is empty.
_QUORUM = {"quoted": _list(_id, 0, 1)}
_EPOCHS = {"epochs": _list(_EPOCH)}
_STEWARDS = _object(stewards=_count)
# One cosigner is two verifier keys; what they have to be, replay knows.
_WATCHED = _object(
    stewards=_count,
    cosigners=_list(_list(_text, 2, 2), 1, MAX_COSIGNERS),
    cosignatures=_count,
)
_ASKS = _object(approvals=_few, hours=_hours)


def _policy(value: Any) -> bool:
    return _STEWARDS(value) or _WATCHED(value)


PROPOSALS: dict[str, dict[str, Check]] = {
    "member-added": {"contact": _note_text, "roles": _ROLES},
    "roles-set": {"member": _device, "roles": _ROLES},
    "member-removed": {"member": _device, "why": _optional(_text)},
    "member-suspended": {"member": _device, "why": _optional(_text)},
    "member-resumed": {"member": _device},
    "device-added": {"member": _device, "contact": _note_text},
    "device-revoked": {"target": _device},
    "grant-revoked": {"case": _id, "member": _device},
    "case-policy-set": {"case": _id, "asks": _ASKS},
    "hold-lifted": {"case": _id},
    "vault-policy-set": {"policy": _policy},
    "restore-declared": {"lost": _SEEN},
}
"""The statements that can need several signatures, with the fields that are agreed on beforehand:
what the statement needs besides (epochs, wraps) only its maker can draw."""

STATEMENTS: dict[str, dict[str, Check]] = {
    "genesis": {
        **_STATEMENT,
        "suite": _choice(1),
        "vault": _id,
        "contact": _note_text,
        "roles": _ROLES,
        "policy": _policy,
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
    "proposed": {**_STATEMENT, "act": _proposed, "expires": _integer},
    "endorsed": {**_STATEMENT, "proposal": _id},
    "roles-set": {
        **_STATEMENT,
        **_QUORUM,
        **PROPOSALS["roles-set"],
        **_EPOCHS,
        "wraps": _list(_WRAP),
    },
    "member-removed": {
        **_STATEMENT,
        **_QUORUM,
        **PROPOSALS["member-removed"],
        **_EPOCHS,
    },
    "member-suspended": {
        **_STATEMENT,
        **_QUORUM,
        **PROPOSALS["member-suspended"],
        **_EPOCHS,
    },
    "member-resumed": {
        **_STATEMENT,
        **_QUORUM,
        **PROPOSALS["member-resumed"],
        "wraps": _list(_WRAP),
    },
    "device-added": {
        **_STATEMENT,
        **_QUORUM,
        **PROPOSALS["device-added"],
        **_EPOCHS,
        "recovery": _boolean,
        "wraps": _list(_WRAP),
    },
    "device-revoked": {**_STATEMENT, **_QUORUM, **PROPOSALS["device-revoked"], **_EPOCHS},
    "records-granted": {
        **_STATEMENT,
        "case": _id,
        "member": _device,
        "records": _list(_id, 1, MAX_RECORDS),
        "until": _optional(_integer),
        "seals": _hash,
    },
    "grant-revoked": {**_STATEMENT, **_QUORUM, **PROPOSALS["grant-revoked"], **_EPOCHS},
    "case-closed": {**_STATEMENT, "case": _id},
    "case-reopened": {**_STATEMENT, "case": _id},
    "case-policy-set": {**_STATEMENT, **_QUORUM, **PROPOSALS["case-policy-set"]},
    "hold-set": {**_STATEMENT, "case": _id},
    "hold-lifted": {**_STATEMENT, **_QUORUM, **PROPOSALS["hold-lifted"]},
    "recovery-trusted": {
        **_STATEMENT,
        "cases": _list(_id, 1, 1000),
        "contact": _note_text,
        "shares": _few,
        "threshold": _few,
        "wraps": _list(_WRAP),
    },
    "ticket-issued": {**_STATEMENT, "case": _id, "contact": _note_text, "expires": _integer},
    "ticket-revoked": {**_STATEMENT, "ticket": _device},
    "vault-policy-set": {**_STATEMENT, **_QUORUM, **PROPOSALS["vault-policy-set"]},
    "restore-declared": {**_STATEMENT, **_QUORUM, **PROPOSALS["restore-declared"]},
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
    "request": {
        **_ACTOR,
        "case": _id,
        "records": _list(_id, 1, MAX_RECORDS),
        "purpose": _choice(*PURPOSES),
        "asks_for": _choice(*DISPOSITIONS, DESTROY),
        "expires": _integer,
        "details": _optional(_hash),
    },
    "approval": {
        **_ACTOR,
        "case": _id,
        "answers": _id,
        "asked": _hash,
        "details": _optional(_hash),
    },
    "denial": {
        **_ACTOR,
        "case": _id,
        "answers": _id,
        "asked": _hash,
        "details": _optional(_hash),
    },
    "destruction": {
        **_ACTOR,
        "case": _id,
        "records": _list(_id, 1, MAX_RECORDS),
        "answers": _id,
        "details": _optional(_hash),
    },
    "rekey": {
        **_ACTOR,
        "case": _id,
        "epoch": _count,
        "gate_epoch": _count,
        "count": _count,
        "seals_root": _hash,
        "details": _optional(_hash),
    },
    "re-encrypt": {
        **_ACTOR,
        "case": _id,
        "epoch": _count,
        "gate_epoch": _count,
        "deposit": _id,
        "count": _count,
        "before_root": _hash,
        "records_root": _hash,
        "case_commitment": _hash,
        "gate_commitment": _hash,
        "case_seal": _hash,
        "gate_seal": _hash,
        "details": _optional(_hash),
    },
    "confirmation": {
        **_ACTOR,
        "case": _id,
        "entry": _integer,
        "leaf": _hash,
        "sole": _boolean,
        "details": _optional(_hash),
    },
    "export": {
        **_ACTOR,
        "case": _optional(_id),
        "form": _choice(*FORMS),
        "size": _integer,
        "count": _integer,
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

TICKET: dict[str, Check] = {
    "ticket": _device,
    "case": _id,
    "epoch": _count,
    "gate_epoch": _count,
    "case_key": _base64,
    "gate_key": _base64,
    "signing": _object(ed25519=_base64, ml_dsa_44=_base64),
    "expires": _integer,
    "seen": _SEEN,
}
"""What the gate signs for a collector. It is in no log and from no device, so it is no kind."""


def is_ticket(body: Any) -> bool:
    """Whether a body has exactly a ticket's fields, each of its shape."""
    return _object(**TICKET)(body)


def problem_of(kind: str, body: Any) -> str:
    """What is wrong with a body of a kind, in words; nothing if it has exactly its fields."""
    fields = KINDS.get(kind)
    if fields is None:
        return "a note of a kind that is not supported"
    if not isinstance(body, Mapping):
        return f"the body of a {kind} note is not an object"
    if body.keys() != fields.keys():
        odd: Sequence[str] = sorted(body.keys() ^ fields.keys())
        return f"a {kind} note does not have exactly its fields (see {ascii(odd[0])[:40]})"
    if all(map(call, fields.values(), map(body.__getitem__, fields))):
        return ""
    wrong = next(name for name, check in fields.items() if not check(body[name]))
    return f"the field {wrong} of a {kind} note is not of its shape"
