"""The kinds of notes: each with the exact fields of its body and the shape of each field.

A field that is missing, unknown or of another shape makes a note malformed. `vault.note` signs and
parses; this is the table that it goes by, and what `vault/FORMAT.md` says in words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vault.shapes import (
    BASE64,
    BOOLEAN,
    CODE,
    COUNT,
    DEVICE,
    FEW,
    HASH,
    HOURS,
    ID,
    INTEGER,
    NOTE_TEXT,
    POSITION,
    TEXT,
    TIME,
    Shape,
    choice,
    exactly,
    listed,
    optional,
    plain_object,
)

Body = Mapping[str, Any]
Fields = dict[str, Shape]


def _is_group(value: Any) -> bool:
    return isinstance(value, str) and (value in {"members", "auditors", "gate"} or ID.check(value))


def _is_proposed(value: Any) -> bool:
    kind = value.get("kind") if isinstance(value, dict) else None
    shapes = PROPOSALS.get(kind) if isinstance(kind, str) else None
    return shapes is not None and exactly(kind=TEXT, **shapes).check(value)


_GROUP = Shape(_is_group)
_PROPOSED = Shape(_is_proposed)
_SEEN = exactly(authority=POSITION, access=POSITION)
_WRAP = exactly(group=_GROUP, number=COUNT, device=DEVICE, wrap=BASE64)
_EPOCH = exactly(
    group=_GROUP,
    number=COUNT,
    sealing=BASE64,
    signing=optional(exactly(ed25519=BASE64, ml_dsa_44=BASE64)),
    link=optional(BASE64),
    wraps=listed(exactly(device=DEVICE, wrap=BASE64)),
)
_ROLES = listed(choice("steward", "advocate", "attorney", "auditor"), 1, 4)

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

_ACTOR = {"id": ID, "device": DEVICE, "time": TIME, "seen": _SEEN}
_STATEMENT = {**_ACTOR, "extends": POSITION}
# Where several must sign, the statement names the proposal that they signed; else it is empty.
_QUORUM = {"quoted": listed(ID, 0, 1)}
_EPOCHS = {"epochs": listed(_EPOCH)}
_STEWARDS = exactly(stewards=COUNT)
# One cosigner is two verifier keys; what they have to be, replay knows.
_WATCHED = exactly(
    stewards=COUNT,
    cosigners=listed(listed(TEXT, 2, 2), 1, MAX_COSIGNERS),
    cosignatures=COUNT,
)
_ASKS = exactly(approvals=FEW, hours=HOURS)
_POLICY = Shape(lambda value: _STEWARDS.check(value) or _WATCHED.check(value))

PROPOSALS: dict[str, Fields] = {
    "member-added": {"contact": NOTE_TEXT, "roles": _ROLES},
    "roles-set": {"member": DEVICE, "roles": _ROLES},
    "member-removed": {"member": DEVICE, "why": optional(TEXT)},
    "member-suspended": {"member": DEVICE, "why": optional(TEXT)},
    "member-resumed": {"member": DEVICE},
    "device-added": {"member": DEVICE, "contact": NOTE_TEXT},
    "device-revoked": {"target": DEVICE},
    "grant-revoked": {"case": ID, "member": DEVICE},
    "case-policy-set": {"case": ID, "asks": _ASKS},
    "hold-lifted": {"case": ID},
    "vault-policy-set": {"policy": _POLICY},
    "restore-declared": {"lost": _SEEN},
}
"""The statements that can need several signatures, with the fields that are agreed on beforehand:
what the statement needs besides (epochs, wraps) only its maker can draw."""

STATEMENTS: dict[str, Fields] = {
    "genesis": {
        **_STATEMENT,
        "suite": choice(1),
        "vault": ID,
        "contact": NOTE_TEXT,
        "roles": _ROLES,
        "policy": _POLICY,
        "epochs": listed(_EPOCH, 3, 3),
    },
    "member-added": {
        **_STATEMENT,
        **_QUORUM,
        "contact": NOTE_TEXT,
        "roles": _ROLES,
        "wraps": listed(_WRAP),
        "epochs": listed(_EPOCH),
    },
    "case-opened": {
        **_STATEMENT,
        "case": ID,
        "ref": optional(TEXT),
        "title": BASE64,
        "holders": listed(DEVICE, 1),
        "epochs": listed(_EPOCH, 1, 1),
    },
    "case-granted": {
        **_STATEMENT,
        "case": ID,
        "member": DEVICE,
        "until": optional(INTEGER),
        "wraps": listed(_WRAP),
    },
    "rotated": {**_STATEMENT, "epochs": listed(_EPOCH, 1)},
    "wrapped": {**_STATEMENT, "wraps": listed(_WRAP, 1)},
    "proposed": {**_STATEMENT, "act": _PROPOSED, "expires": INTEGER},
    "endorsed": {**_STATEMENT, "proposal": ID},
    "roles-set": {
        **_STATEMENT,
        **_QUORUM,
        **PROPOSALS["roles-set"],
        **_EPOCHS,
        "wraps": listed(_WRAP),
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
        "wraps": listed(_WRAP),
    },
    "device-added": {
        **_STATEMENT,
        **_QUORUM,
        **PROPOSALS["device-added"],
        **_EPOCHS,
        "recovery": BOOLEAN,
        "wraps": listed(_WRAP),
    },
    "device-revoked": {**_STATEMENT, **_QUORUM, **PROPOSALS["device-revoked"], **_EPOCHS},
    "records-granted": {
        **_STATEMENT,
        "case": ID,
        "member": DEVICE,
        "records": listed(ID, 1, MAX_RECORDS),
        "until": optional(INTEGER),
        "seals": HASH,
    },
    "grant-revoked": {**_STATEMENT, **_QUORUM, **PROPOSALS["grant-revoked"], **_EPOCHS},
    "case-closed": {**_STATEMENT, "case": ID},
    "case-reopened": {**_STATEMENT, "case": ID},
    "case-policy-set": {**_STATEMENT, **_QUORUM, **PROPOSALS["case-policy-set"]},
    "hold-set": {**_STATEMENT, "case": ID},
    "hold-lifted": {**_STATEMENT, **_QUORUM, **PROPOSALS["hold-lifted"]},
    "recovery-trusted": {
        **_STATEMENT,
        "cases": listed(ID, 1, 1000),
        "contact": NOTE_TEXT,
        "shares": FEW,
        "threshold": FEW,
        "wraps": listed(_WRAP),
    },
    "ticket-issued": {**_STATEMENT, "case": ID, "contact": NOTE_TEXT, "expires": INTEGER},
    "ticket-revoked": {**_STATEMENT, "ticket": DEVICE},
    "vault-policy-set": {**_STATEMENT, **_QUORUM, **PROPOSALS["vault-policy-set"]},
    "restore-declared": {**_STATEMENT, **_QUORUM, **PROPOSALS["restore-declared"]},
}
"""What changes the authority; signed with Ed25519 and ML-DSA-44."""

ACTS: dict[str, Fields] = {
    "deposit": {
        **_ACTOR,
        "case": ID,
        "epoch": COUNT,
        "gate_epoch": COUNT,
        "deposit": ID,
        "count": COUNT,
        "records_root": HASH,
        "case_commitment": HASH,
        "gate_commitment": HASH,
        "case_seal": HASH,
        "gate_seal": HASH,
        "details": optional(HASH),
    },
    "release": {
        **_ACTOR,
        "case": ID,
        "records": listed(ID, 1, MAX_RECORDS),
        "purpose": choice(*PURPOSES),
        "disposition": choice(*DISPOSITIONS),
        "request": optional(ID),
        "details": optional(HASH),
    },
    "receipt": {
        **_ACTOR,
        "case": ID,
        "entry": INTEGER,
        "leaf": HASH,
        "details": optional(HASH),
    },
    "request": {
        **_ACTOR,
        "case": ID,
        "records": listed(ID, 1, MAX_RECORDS),
        "purpose": choice(*PURPOSES),
        "asks_for": choice(*DISPOSITIONS, DESTROY),
        "expires": INTEGER,
        "details": optional(HASH),
    },
    "approval": {
        **_ACTOR,
        "case": ID,
        "answers": ID,
        "asked": HASH,
        "details": optional(HASH),
    },
    "denial": {
        **_ACTOR,
        "case": ID,
        "answers": ID,
        "asked": HASH,
        "details": optional(HASH),
    },
    "destruction": {
        **_ACTOR,
        "case": ID,
        "records": listed(ID, 1, MAX_RECORDS),
        "answers": ID,
        "details": optional(HASH),
    },
    "rekey": {
        **_ACTOR,
        "case": ID,
        "epoch": COUNT,
        "gate_epoch": COUNT,
        "count": COUNT,
        "seals_root": HASH,
        "details": optional(HASH),
    },
    "re-encrypt": {
        **_ACTOR,
        "case": ID,
        "epoch": COUNT,
        "gate_epoch": COUNT,
        "deposit": ID,
        "count": COUNT,
        "before_root": HASH,
        "records_root": HASH,
        "case_commitment": HASH,
        "gate_commitment": HASH,
        "case_seal": HASH,
        "gate_seal": HASH,
        "details": optional(HASH),
    },
    "confirmation": {
        **_ACTOR,
        "case": ID,
        "entry": INTEGER,
        "leaf": HASH,
        "sole": BOOLEAN,
        "details": optional(HASH),
    },
    "export": {
        **_ACTOR,
        "case": optional(ID),
        "form": choice(*FORMS),
        "size": INTEGER,
        "count": INTEGER,
        "details": optional(HASH),
    },
}
"""What is logged in the access log; signed with Ed25519."""

GATE: dict[str, Fields] = {
    "gate": {
        "note": HASH,
        "outcome": choice(*OUTCOMES),
        "why": optional(CODE),
        "time": TIME,
        "authority": POSITION,
        "access": POSITION,
        "device": DEVICE,
        "level": choice(0, 1, 2, 3),
    }
}
"""What the gate says beside each note; signed with Ed25519."""

KINDS = {**STATEMENTS, **ACTS, **GATE}

TICKET: Fields = {
    "ticket": DEVICE,
    "case": ID,
    "epoch": COUNT,
    "gate_epoch": COUNT,
    "case_key": BASE64,
    "gate_key": BASE64,
    "signing": exactly(ed25519=BASE64, ml_dsa_44=BASE64),
    "expires": INTEGER,
    "seen": _SEEN,
}
"""What the gate signs for a collector. It is in no log and from no device, so it is no kind."""


_IS_TICKET = exactly(**TICKET).check


def is_ticket(body: Any) -> bool:
    """Whether a body has exactly a ticket's fields, each of its shape."""
    return _IS_TICKET(body)


def problem_of(kind: str, body: Any) -> str:
    """What is wrong with a body of a kind, in words; nothing if it has exactly its fields."""
    shapes = KINDS.get(kind)
    if shapes is None:
        return "a note of a kind that is not supported"
    if not isinstance(body, Mapping):
        return f"the body of a {kind} note is not an object"
    if body.keys() != shapes.keys():
        odd: Sequence[str] = sorted(body.keys() ^ shapes.keys())
        return f"a {kind} note does not have exactly its fields (see {ascii(odd[0])[:40]})"
    for name, shape in shapes.items():
        if not shape.check(body[name]):
            return f"the field {name} of a {kind} note is not of its shape"
    return ""


def plain_body(kind: str) -> str:
    """A regular expression of bodies of a kind in canonical JSON, the device as a group of that
    name; empty where the kind has no plain form."""
    return plain_object(KINDS[kind], named="device") if kind in KINDS else ""
