"""A note has one form: exactly its fields, each of its shape, in one spelling, truly signed."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest

from keys.derive import lp
from keys.errors import MalformedError, SignatureError, VerificationError
from keys.identity import Contact, Identity
from keys.signing import verify_note
from vault import ids, note
from vault.note import KINDS, Note

VAULT = ids.show(bytes(range(16)))
ORIGIN = note.origin(VAULT, note.AUTHORITY)
ID = ids.show(bytes(range(1, 17)))
DEVICE = ids.show(bytes(range(20)))
HASH = hashlib.sha256(b"").hexdigest()
POSITION = {"size": 1, "root": HASH}
WRAP = {"group": "members", "number": 1, "device": DEVICE, "wrap": "YQ=="}
EPOCH = {
    "group": "gate",
    "number": 1,
    "sealing": "YQ==",
    "signing": {"ed25519": "YQ==", "ml_dsa_44": "YWI="},
    "link": None,
    "wraps": [{"device": DEVICE, "wrap": "YQ=="}],
}

_ACTOR = {
    "id": ID,
    "device": DEVICE,
    "time": 1_800_000_000,
    "seen": {"authority": POSITION, "access": {"size": 0, "root": HASH}},
}
_STATEMENT = {**_ACTOR, "extends": POSITION}
SAMPLES: dict[str, dict[str, Any]] = {
    "genesis": {
        **_STATEMENT,
        "suite": 1,
        "vault": VAULT,
        "contact": "evault/1/contact\n",
        "roles": ["advocate", "steward"],
        "policy": {"stewards": 1},
        "epochs": [EPOCH, {**EPOCH, "group": "members", "signing": None}, EPOCH],
    },
    "member-added": {
        **_STATEMENT,
        "quoted": [],
        "contact": "evault/1/contact\n",
        "roles": ["auditor"],
        "wraps": [WRAP],
        "epochs": [],
    },
    "case-opened": {
        **_STATEMENT,
        "case": ID,
        "ref": "24-17 “Ñandú” \u2028 \U0001f512",
        "title": "YQ==",
        "holders": [DEVICE],
        "epochs": [{**EPOCH, "group": ID, "signing": None}],
    },
    "case-granted": {
        **_STATEMENT,
        "case": ID,
        "member": DEVICE,
        "until": None,
        "wraps": [{**WRAP, "group": ID}],
    },
    "rotated": {**_STATEMENT, "epochs": [{**EPOCH, "number": 2, "link": "YQ=="}]},
    "wrapped": {**_STATEMENT, "wraps": [WRAP]},
    "proposed": {
        **_STATEMENT,
        "act": {"kind": "member-removed", "member": DEVICE, "why": "left"},
        "expires": 1_800_000_001,
    },
    "endorsed": {**_STATEMENT, "proposal": ID},
    "roles-set": {
        **_STATEMENT,
        "quoted": [ID],
        "member": DEVICE,
        "roles": ["attorney"],
        "epochs": [],
        "wraps": [],
    },
    "member-removed": {
        **_STATEMENT,
        "quoted": [],
        "member": DEVICE,
        "why": "left",
        "epochs": [EPOCH],
    },
    "member-suspended": {
        **_STATEMENT,
        "quoted": [ID],
        "member": DEVICE,
        "why": None,
        "epochs": [EPOCH],
    },
    "member-resumed": {**_STATEMENT, "quoted": [], "member": DEVICE, "wraps": [WRAP]},
    "device-added": {
        **_STATEMENT,
        "quoted": [],
        "member": DEVICE,
        "contact": "evault/1/contact\n",
        "recovery": True,
        "epochs": [],
        "wraps": [WRAP],
    },
    "device-revoked": {**_STATEMENT, "quoted": [], "target": DEVICE, "epochs": [EPOCH]},
    "records-granted": {
        **_STATEMENT,
        "case": ID,
        "member": DEVICE,
        "records": [ID],
        "until": 1_800_000_001,
        "seals": HASH,
    },
    "grant-revoked": {**_STATEMENT, "quoted": [], "case": ID, "member": DEVICE, "epochs": []},
    "case-closed": {**_STATEMENT, "case": ID},
    "case-reopened": {**_STATEMENT, "case": ID},
    "case-policy-set": {
        **_STATEMENT,
        "quoted": [],
        "case": ID,
        "asks": {"approvals": 2, "hours": 72},
    },
    "hold-set": {**_STATEMENT, "case": ID},
    "hold-lifted": {**_STATEMENT, "quoted": [ID], "case": ID},
    "recovery-trusted": {
        **_STATEMENT,
        "cases": [ID],
        "contact": "evault/1/contact\n",
        "shares": 5,
        "threshold": 3,
        "wraps": [WRAP],
    },
    "ticket-issued": {
        **_STATEMENT,
        "case": ID,
        "contact": "evault/1/contact\n",
        "expires": 1_800_000_001,
    },
    "ticket-revoked": {**_STATEMENT, "ticket": DEVICE},
    "vault-policy-set": {**_STATEMENT, "quoted": [], "policy": {"stewards": 2}},
    "restore-declared": {
        **_STATEMENT,
        "quoted": [],
        "lost": {"authority": POSITION, "access": POSITION},
    },
    "deposit": {
        **_ACTOR,
        "case": ID,
        "epoch": 1,
        "gate_epoch": 2,
        "deposit": ID,
        "count": 3,
        "records_root": HASH,
        "case_commitment": HASH,
        "gate_commitment": HASH,
        "case_seal": HASH,
        "gate_seal": HASH,
        "details": None,
    },
    "release": {
        **_ACTOR,
        "case": ID,
        "records": [ID],
        "purpose": "hearing",
        "disposition": "view",
        "request": None,
        "details": HASH,
    },
    "receipt": {**_ACTOR, "case": ID, "entry": 0, "leaf": HASH, "details": None},
    "request": {
        **_ACTOR,
        "case": ID,
        "records": [ID],
        "purpose": "filing",
        "asks_for": "destroy",
        "expires": 1_800_000_001,
        "details": None,
    },
    "approval": {**_ACTOR, "case": ID, "answers": ID, "asked": HASH, "details": HASH},
    "denial": {**_ACTOR, "case": ID, "answers": ID, "asked": HASH, "details": None},
    "destruction": {**_ACTOR, "case": ID, "records": [ID], "answers": ID, "details": None},
    "rekey": {
        **_ACTOR,
        "case": ID,
        "epoch": 2,
        "gate_epoch": 1,
        "count": 1,
        "seals_root": HASH,
        "details": None,
    },
    "re-encrypt": {
        **_ACTOR,
        "case": ID,
        "epoch": 2,
        "gate_epoch": 1,
        "deposit": ID,
        "count": 1,
        "before_root": HASH,
        "records_root": HASH,
        "case_commitment": HASH,
        "gate_commitment": HASH,
        "case_seal": HASH,
        "gate_seal": HASH,
        "details": None,
    },
    "confirmation": {
        **_ACTOR,
        "case": ID,
        "entry": 7,
        "leaf": HASH,
        "sole": False,
        "details": None,
    },
    "export": {
        **_ACTOR,
        "case": None,
        "form": "outsider",
        "size": 3000,
        "count": 0,
        "details": None,
    },
    "gate": {
        "note": HASH,
        "outcome": "refused",
        "why": "not-holder",
        "time": 1_800_000_000,
        "authority": POSITION,
        "access": POSITION,
        "device": DEVICE,
        "level": 0,
    },
}

NO_NUMBERS = [-1, 1.0, 1.5, True, "1", None, 2**53, [], {}]
NO_COUNTS = [0, *NO_NUMBERS]
NO_HASHES = ["", HASH[:-1], HASH + "0", HASH.upper(), "g" * 64, None, 7, [], {}]
NO_IDS = ["", ID.upper(), ID[:-1], DEVICE, ID[:-1] + "b", None, 7, [], {}]
NO_DEVICES = ["", DEVICE.upper(), DEVICE[:-1], ID, None, 7, [], {}]
NO_BASE64 = ["YQ", "YQ=", "YR==", "Y Q==", "YQ==\n", "_w==", "é", "\ud800", None, 7, [], {}]
NO_CODES = ["", "Not", "a b", "a_b", "a" * 41, "ä", 7, [], {}]
NO_NOTES = [None, 7, [], {}, "a" * 65537]
NO_ROLES = [[], ["founder"], ["Steward"], [1], [[]], "steward", None, {}, ["steward"] * 5]
NO_POSITIONS: list[Any] = [
    None,
    7,
    [],
    {},
    {"size": 1},
    {**POSITION, "more": 1},
    *({**POSITION, "size": bad} for bad in NO_NUMBERS),
    *({**POSITION, "root": bad} for bad in NO_HASHES),
]
NO_WRAPS: list[Any] = [
    None,
    {},
    "",
    [None],
    [[]],
    [{}],
    [{k: v for k, v in WRAP.items() if k != "number"}],
    [{**WRAP, "more": 1}],
    *([{**WRAP, "group": bad}] for bad in ["", "Members", "stewards", DEVICE, None, 7, [], {}]),
    *([{**WRAP, "number": bad}] for bad in NO_COUNTS),
    *([{**WRAP, "device": bad}] for bad in NO_DEVICES),
    *([{**WRAP, "wrap": bad}] for bad in NO_BASE64),
]
_TO = {"device": DEVICE, "wrap": "YQ=="}
_SIGNING = {"ed25519": "YQ==", "ml_dsa_44": "YWI="}
NO_EPOCH: list[Any] = [
    None,
    [],
    {},
    {k: v for k, v in EPOCH.items() if k != "link"},
    {**EPOCH, "more": 1},
    *({**EPOCH, "group": bad} for bad in ["", "Gate", DEVICE, None, 7, [], {}]),
    *({**EPOCH, "number": bad} for bad in NO_COUNTS),
    *({**EPOCH, "sealing": bad} for bad in NO_BASE64),
    *({**EPOCH, "link": bad} for bad in NO_BASE64 if bad is not None),
    *({**EPOCH, "signing": bad} for bad in [7, [], {}, {"ed25519": "YQ=="}]),
    {**EPOCH, "signing": {**_SIGNING, "more": "YQ=="}},
    *({**EPOCH, "signing": {**_SIGNING, name: bad}} for name in _SIGNING for bad in NO_BASE64),
    *({**EPOCH, "wraps": bad} for bad in [None, {}, "", [None], [{}], [{**_TO, "number": 1}]]),
    *({**EPOCH, "wraps": [{**_TO, "device": bad}]} for bad in NO_DEVICES),
    *({**EPOCH, "wraps": [{**_TO, "wrap": bad}]} for bad in NO_BASE64),
]
NO_EPOCHS: list[Any] = [None, {}, "", *([bad] for bad in NO_EPOCH)]


def but_none(values: list[Any]) -> list[Any]:
    """What a field that may be null refuses."""
    return [value for value in values if value is not None]


_ACTS: dict[str, dict[str, Any]] = {
    "member-added": {"contact": "evault/1/contact\n", "roles": ["steward"]},
    "roles-set": {"member": DEVICE, "roles": ["steward"]},
    "member-removed": {"member": DEVICE, "why": "left"},
    "member-suspended": {"member": DEVICE, "why": None},
    "member-resumed": {"member": DEVICE},
    "device-added": {"member": DEVICE, "contact": "evault/1/contact\n"},
    "device-revoked": {"target": DEVICE},
    "grant-revoked": {"case": ID, "member": DEVICE},
    "case-policy-set": {"case": ID, "asks": {"approvals": 0, "hours": 1}},
    "hold-lifted": {"case": ID},
    "vault-policy-set": {"policy": {"stewards": 2}},
    "restore-declared": {"lost": {"authority": POSITION, "access": POSITION}},
}
PROPOSED = [{"kind": kind, **act} for kind, act in _ACTS.items()]
NO_ACTS: list[Any] = [
    None,
    [],
    "",
    {},
    {"kind": "rotated"},
    {"kind": "rotated", "epochs": []},
    {"kind": "genesis"},
    {"kind": None},
    {"kind": ["hold-lifted"], "case": ID},
    *({k: v for k, v in act.items() if k != name} for act in PROPOSED for name in act),
    *({**act, "more": 1} for act in PROPOSED),
    *({**act, name: bad} for act in PROPOSED for name in act for bad in [7, [], {}, True]),
]
NO_FEW = [17, *NO_NUMBERS]
NO_ASKS: list[Any] = [
    None,
    [],
    {},
    {"approvals": 1},
    {"approvals": 1, "hours": 1, "more": 1},
    *({"approvals": bad, "hours": 1} for bad in NO_FEW),
    *({"approvals": 1, "hours": bad} for bad in [8785, *NO_COUNTS]),
]
NO_SEEN: list[Any] = [
    None,
    {},
    {"authority": POSITION},
    {"authority": POSITION, "access": POSITION, "more": POSITION},
    *({"authority": bad, "access": POSITION} for bad in NO_POSITIONS),
    *({"authority": POSITION, "access": bad} for bad in NO_POSITIONS),
]
NO_REASONS = [7, [], {}, True, "a" * 4097]

MISSHAPEN: dict[str, list[Any]] = {
    "access": NO_POSITIONS,
    "act": NO_ACTS,
    "answers": NO_IDS,
    "asked": NO_HASHES,
    "asks": NO_ASKS,
    "asks_for": ["", "VIEW", "print", None, 7, [], {}],
    "before_root": NO_HASHES,
    "cases": [[], None, "", {}, [ID] * 1001, *([bad] for bad in NO_IDS)],
    "expires": NO_NUMBERS,
    "lost": NO_SEEN,
    "proposal": NO_IDS,
    "recovery": [0, 1, "true", None, [], {}],
    "seals": NO_HASHES,
    "seals_root": NO_HASHES,
    "shares": NO_FEW,
    "size": NO_NUMBERS,
    "sole": [0, 1, "true", None, [], {}],
    "target": NO_DEVICES,
    "ticket": NO_DEVICES,
    "threshold": NO_FEW,
    "authority": NO_POSITIONS,
    "case": NO_IDS,
    "case_commitment": NO_HASHES,
    "case_seal": NO_HASHES,
    "contact": NO_NOTES,
    "count": NO_COUNTS,
    "deposit": NO_IDS,
    "details": but_none(NO_HASHES),
    "device": NO_DEVICES,
    "disposition": ["", "VIEW", "print", None, 7, [], {}],
    "entry": NO_NUMBERS,
    "epoch": NO_COUNTS,
    "epochs": NO_EPOCHS,
    "extends": NO_POSITIONS,
    "form": ["", "CSV", "pdf", None, 7, [], {}],
    "gate_commitment": NO_HASHES,
    "gate_epoch": NO_COUNTS,
    "gate_seal": NO_HASHES,
    "holders": [[], None, "", DEVICE, {DEVICE: 1}, *([bad] for bad in NO_DEVICES)],
    "id": NO_IDS,
    "leaf": NO_HASHES,
    "level": [-1, 4, 0.0, True, False, "0", None, [], {}],
    "member": NO_DEVICES,
    "note": NO_HASHES,
    "outcome": ["", "Done", "approved", None, 7, [], {}],
    "policy": [None, [], {}, {"stewards": 1, "more": 1}, *({"stewards": x} for x in NO_COUNTS)],
    "purpose": ["", "Review", "curiosity", None, 7, [], {}],
    "quoted": [None, {}, "", [None], [7], [ID] * 2, *([bad] for bad in NO_IDS)],
    "records": [[], None, "", {}, [ID] * 1001, *([bad] for bad in NO_IDS)],
    "records_root": NO_HASHES,
    "ref": [7, [], {}, True, "a" * 4097, "é" * 2049, "\ud800"],
    "request": but_none(NO_IDS),
    "roles": NO_ROLES,
    "seen": NO_SEEN,
    "suite": [0, 2, 1.0, True, "1", None, [], {}],
    "time": NO_NUMBERS,
    "title": NO_BASE64,
    "until": but_none(NO_NUMBERS),
    "vault": NO_IDS,
    "why": NO_REASONS,
    "wraps": NO_WRAPS,
}
ELSEWHERE: dict[tuple[str, str], list[Any]] = {
    ("gate", "why"): but_none(NO_CODES),
    ("export", "case"): but_none(NO_IDS),
    ("export", "count"): NO_NUMBERS,
}
"""What a field of the same name refuses in one kind of note."""


@cache
def signer() -> Identity:
    """Whoever signs in these tests."""
    return Identity(b"1" * 32, "Ada")


@cache
def contact() -> Contact:
    """Their contact."""
    return signer().contact()


def written(kind: str, line: str | bytes, origin: str = ORIGIN, name: str | None = None) -> bytes:
    """A note with any third line, truly signed."""
    line = line.encode() if isinstance(line, str) else line
    text = f"evault/1/{kind}\n{origin}\n".encode() + line + b"\n"
    hybrid = kind in note.STATEMENTS
    return signer().signing.sign_note(name or signer().device, text, hybrid=hybrid)


def line_of(kind: str, body: Mapping[str, Any] | None = None) -> str:
    """The third line of a sample, canonical but for what is false in the body."""
    body = {**SAMPLES[kind], "device": signer().device} if body is None else body
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def made(kind: str) -> Note:
    """A sample, signed."""
    return note.sign(kind, ORIGIN, SAMPLES[kind], signer())


def test_every_kind_has_a_sample() -> None:
    """No kind of note, and no field of one, is left out of these tests."""
    assert SAMPLES.keys() == KINDS.keys()
    assert MISSHAPEN.keys() == {name for fields in KINDS.values() for name in fields}


@pytest.mark.parametrize("kind", KINDS)
def test_round_trip(kind: str) -> None:
    """A note of every kind is read as it was written, verifies, and encodes to what was signed."""
    one = made(kind)
    one.verify(contact())
    again = note.parse(one.signed)
    assert again == one
    assert (again.kind, again.origin) == (kind, ORIGIN)
    assert again.body == {**SAMPLES[kind], "device": signer().device}
    assert one.signed.startswith(again.text + b"\n")
    assert one.text.decode() == f"evault/1/{kind}\n{ORIGIN}\n{line_of(kind)}\n"


@pytest.mark.parametrize("kind", KINDS)
def test_signatures_of_a_kind(kind: str) -> None:
    """Statements carry both signatures, all other notes Ed25519 alone."""
    signatures = made(kind).signed.rpartition(b"\n\n")[2].splitlines()
    assert len(signatures) == (2 if kind in note.STATEMENTS else 1)
    verify_note(made(kind).signed, contact().verifiers[: len(signatures)], exact=True)


@pytest.mark.parametrize("kind", ["", "contact", "Gate", "gate ", "ticket", "gate\x00"])
def test_unknown_kind(kind: str) -> None:
    """A note of a kind that is not known is refused."""
    with pytest.raises(ValueError, match="not supported"):
        note.encode(kind, ORIGIN, SAMPLES["gate"])
    with pytest.raises(MalformedError):
        note.parse(written(kind, line_of("gate")))


@pytest.mark.parametrize("kind", KINDS)
def test_body_of_another_kind(kind: str) -> None:
    """The body of one kind is none of another."""
    for other in KINDS.keys() - {kind}:
        if KINDS[other].keys() == KINDS[kind].keys():
            continue  # Only the first line tells these apart, and it is signed.
        with pytest.raises(MalformedError, match="exactly its fields"):
            note.parse(written(kind, line_of(other)))


@pytest.mark.parametrize("kind", KINDS)
def test_missing_field(kind: str) -> None:
    """A note without one of its fields is refused."""
    body = {**SAMPLES[kind], "device": signer().device}
    for name in body:
        less = {key: value for key, value in body.items() if key != name}
        with pytest.raises(ValueError, match=name):
            note.encode(kind, ORIGIN, less)
        with pytest.raises(MalformedError, match=name):
            note.parse(written(kind, line_of(kind, less)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["more", "Id", "id ", "", "é", "__class__"])
def test_unknown_field(kind: str, name: str) -> None:
    """A note with a field that its kind does not have is refused."""
    body = {**SAMPLES[kind], "device": signer().device, name: None}
    with pytest.raises(ValueError, match="exactly its fields"):
        note.encode(kind, ORIGIN, body)
    with pytest.raises(MalformedError, match="exactly its fields"):
        note.parse(written(kind, line_of(kind, body)))


@pytest.mark.parametrize("kind", KINDS)
def test_misshapen_field(kind: str) -> None:
    """A note with a field of another shape is refused, when made and when read."""
    body = {**SAMPLES[kind], "device": signer().device}
    for name in body:
        for bad in ELSEWHERE.get((kind, name), MISSHAPEN[name]):
            false = {**body, name: bad}
            with pytest.raises(ValueError):  # noqa: PT011 -- either of two messages.
                note.encode(kind, ORIGIN, false)
            try:
                signed = written(kind, line_of(kind, false))
            except UnicodeEncodeError:
                signed = written(kind, json.dumps(false, separators=(",", ":"), sort_keys=True))
            with pytest.raises(MalformedError):
                note.parse(signed)


@pytest.mark.parametrize(
    ("kind", "name", "most"),
    [
        ("case-opened", "ref", "a" * 4096),
        ("case-opened", "ref", "é" * 2048),
        ("case-opened", "ref", ""),
        ("member-added", "contact", "a" * 65536),
        ("gate", "why", "a" * 40),
        ("gate", "level", 3),
        ("deposit", "count", 2**53 - 1),
        ("release", "records", [ID] * 1000),
    ],
)
def test_as_large_as_it_can_be(kind: str, name: str, most: object) -> None:
    """A field that is as large as its shape allows is accepted."""
    one = note.sign(kind, ORIGIN, {**SAMPLES[kind], name: most}, signer())
    assert note.parse(one.signed).body[name] == most


@pytest.mark.parametrize("kind", ["genesis", "member-added", "case-opened", "rotated", "wrapped"])
def test_number_of_epochs_and_wraps(kind: str) -> None:
    """A statement that must begin or give something does not come without it."""
    name, few = {
        "genesis": ("epochs", [EPOCH] * 2),
        "member-added": ("roles", []),
        "case-opened": ("epochs", []),
        "rotated": ("epochs", []),
        "wrapped": ("wraps", []),
    }[kind]
    with pytest.raises(ValueError, match=name):
        note.encode(kind, ORIGIN, {**SAMPLES[kind], name: few})
    if kind in {"genesis", "case-opened"}:
        with pytest.raises(ValueError, match=name):
            note.encode(kind, ORIGIN, {**SAMPLES[kind], name: [EPOCH] * 4})


@pytest.mark.parametrize("line", ["[]", "null", "7", '"gate"', "", "{", "{}x", "[" * 100_000])
def test_not_an_object(line: str) -> None:
    """A third line that is no JSON object is refused."""
    with pytest.raises(MalformedError):
        note.parse(written("gate", line))


def respelled() -> dict[str, str | bytes]:
    """The third line of a gate note, in other spellings that JSON readers take for the same."""
    line = line_of("gate")
    body = json.loads(line)
    return {
        "key order": json.dumps(dict(reversed(body.items())), separators=(",", ":")),
        "whitespace": json.dumps(body, sort_keys=True),
        "space before": " " + line,
        "space after": line + " ",
        "float": line.replace('"level":0', '"level":0.0'),
        "exponent": line.replace('"level":0', '"level":0e0'),
        "minus": line.replace('"level":0', '"level":-0'),
        "escaped letter": line.replace("refused", "\\u0072efused"),
        "duplicate key": line.replace('"level":0', '"level":0,"level":0'),
        "another before": line.replace('"level":0', '"level":3,"level":0'),
        "not a number": line.replace('"level":0', '"level":NaN'),
        "infinity": line.replace('"time":1800000000', '"time":Infinity'),
        "large exponent": line.replace('"time":1800000000', '"time":18e8'),
        "many digits": line.replace('"time":1800000000', '"time":' + "1" * 5000),
        "byte order mark": "\ufeff" + line,
        "another encoding": line.encode("utf-16-le"),
    }


@pytest.mark.parametrize("how", respelled())
def test_one_spelling(how: str) -> None:
    """A body in any spelling but its one is refused."""
    line = respelled()[how]
    assert line != line_of("gate")
    note.parse(written("gate", line_of("gate")))
    with pytest.raises(MalformedError):
        note.parse(written("gate", line))


@pytest.mark.parametrize(
    ("plain", "escaped"),
    [
        ("é", "\\u00e9"),
        ("/", "\\/"),
        ("\\n", "\\u000a"),
        ("\\u001f", "\\u001F"),
        ("\U0001f512", "\\ud83d\\udd12"),
        ("\x7f", "\\u007f"),
    ],
)
def test_one_spelling_of_text(plain: str, escaped: str) -> None:
    """A text is escaped where RFC 8785 escapes it, and nowhere else."""
    body = {**SAMPLES["case-opened"], "ref": "?", "device": signer().device}
    line = line_of("case-opened", body)
    good = line.replace('"ref":"?"', f'"ref":"{plain}"')
    note.parse(written("case-opened", good))
    with pytest.raises(MalformedError):
        note.parse(written("case-opened", good.replace(plain, escaped)))


def test_lone_surrogates() -> None:
    """A text with half a character is refused, though JSON can spell it."""
    body = {**SAMPLES["case-opened"], "ref": "\ud800", "device": signer().device}
    with pytest.raises(ValueError, match="surrogates"):
        note.encode("case-opened", ORIGIN, body)
    line = json.dumps(body, separators=(",", ":"), sort_keys=True)
    assert "\\ud800" in line
    with pytest.raises(MalformedError):
        note.parse(written("case-opened", line))


def test_largest_integer() -> None:
    """Integers go up to 2^53 - 1, which every JSON reader agrees on."""
    body = {**SAMPLES["export"], "device": signer().device, "count": 2**53 - 1}
    assert note.parse(written("export", line_of("export", body))).body["count"] == 2**53 - 1
    for count in (2**53, 2**53 + 1, 2**64):
        with pytest.raises(MalformedError, match="count"):
            note.parse(written("export", line_of("export", {**body, "count": count})))


@pytest.mark.parametrize("kind", ["gate", "release", "endorsed"])
def test_last_second(kind: str) -> None:
    """No note is of after the last year that calendars have: nobody could be shown when it was."""
    last = int(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp())
    body = {**SAMPLES[kind], "device": signer().device, "time": last}
    assert note.parse(written(kind, line_of(kind, body))).body["time"] == last
    for time in (last + 1, 2**53 - 1):
        with pytest.raises(MalformedError, match="time"):
            note.parse(written(kind, line_of(kind, {**body, "time": time})))


@pytest.mark.parametrize(
    "text",
    [
        b"evault/1/gate\n" + ORIGIN.encode() + b"\n",
        b"evault/1/gate\n" + line_of("gate").encode() + b"\n",
        b"\nevault/1/gate\n" + ORIGIN.encode() + b"\n" + line_of("gate").encode() + b"\n",
        b"evault/1/gate\n" + ORIGIN.encode() + b"\n" + line_of("gate").encode() + b"\nmore\n",
        b"evault/1/gate\n" + ORIGIN.encode() + b"\n\n" + line_of("gate").encode() + b"\n",
        b"evault/2/gate\n" + ORIGIN.encode() + b"\n" + line_of("gate").encode() + b"\n",
        b"Evault/1/gate\n" + ORIGIN.encode() + b"\n" + line_of("gate").encode() + b"\n",
        b"gate\n" + ORIGIN.encode() + b"\n" + line_of("gate").encode() + b"\n",
        b"evault/1/gate\r\n" + ORIGIN.encode() + b"\r\n" + line_of("gate").encode() + b"\r\n",
    ],
)
def test_three_lines(text: bytes) -> None:
    """A note has its three lines and no other."""
    with pytest.raises(MalformedError):
        note.parse(signer().sign(text))


# --- signatures -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["gate", "rotated"])
def test_wrong_signer_name(kind: str) -> None:
    """A note that names one device and is signed under the name of another is refused."""
    for name in (DEVICE, "somebody"):
        with pytest.raises(MalformedError, match="signed by another"):
            note.parse(written(kind, line_of(kind), name=name))


@pytest.mark.parametrize("kind", ["gate", "rotated"])
def test_signed_by_another(kind: str) -> None:
    """A note that another device signed under the first one's name does not verify."""
    other = Identity(b"2" * 32, "Eva")
    text = made(kind).text
    forged = other.signing.sign_note(signer().device, text, hybrid=kind in note.STATEMENTS)
    with pytest.raises(SignatureError):
        note.parse(forged).verify(contact())


@pytest.mark.parametrize("kind", ["gate", "release", "rotated"])
def test_extra_signatures(kind: str) -> None:
    """A note with one signature line more than its kind asks for is refused."""
    signed = made(kind).signed
    lines = signed.rpartition(b"\n\n")[2].splitlines(keepends=True)
    more = signer().sign(made(kind).text, hybrid=True).splitlines(keepends=True)[-1]
    unknown = Identity(b"2" * 32, "Eva").signing.sign_note(
        signer().device, made(kind).text, hybrid=False
    )
    for line in (lines[0], more, unknown.splitlines(keepends=True)[-1]):
        with pytest.raises(SignatureError, match="exactly the signatures"):
            note.parse(signed + line).verify(contact())
    another = Identity(b"2" * 32, "Eva").sign(made(kind).text).splitlines(keepends=True)[-1]
    with pytest.raises(MalformedError, match="signed by another"):
        note.parse(signed + another)


def test_both_signatures_of_a_statement() -> None:
    """A statement with only one of its signatures, or with them exchanged, is refused."""
    text, _, rest = made("rotated").signed.rpartition(b"\n\n")
    one, two = rest.splitlines(keepends=True)
    for lines in (one, two, two + one, one + one):
        with pytest.raises(SignatureError, match="exactly the signatures"):
            note.parse(text + b"\n\n" + lines).verify(contact())


@pytest.mark.parametrize("which", [0, 1])
def test_one_bad_of_two(which: int) -> None:
    """A statement with one bad signature is refused, whichever it is."""
    text, _, rest = made("rotated").signed.rpartition(b"\n\n")
    lines = rest.splitlines(keepends=True)
    head, _, value = lines[which].strip().rpartition(b" ")
    raw = bytearray(base64.b64decode(value))
    raw[-1] ^= 1
    lines[which] = head + b" " + base64.b64encode(raw) + b"\n"
    with pytest.raises(SignatureError, match="does not verify"):
        note.parse(text + b"\n\n" + b"".join(lines)).verify(contact())


@pytest.mark.parametrize("kind", KINDS)
def test_altered_text(kind: str) -> None:
    """A note whose time or log was changed does not verify."""
    signed = made(kind).signed
    time = note.parse(signed.replace(b'"time":1800000000', b'"time":1800000001'))
    with pytest.raises(SignatureError, match="does not verify"):
        time.verify(contact())
    other = note.parse(signed.replace(ORIGIN.encode(), ORIGIN[:-9].encode() + b"access"))
    with pytest.raises(SignatureError, match="does not verify"):
        other.verify(contact())


def test_unsigned() -> None:
    """A text without any signature is no note."""
    for signed in (made("gate").text, made("gate").text + b"\n", b"", b"\xff", b"\n\n"):
        with pytest.raises(MalformedError):
            note.parse(signed)


# --- pairs ------------------------------------------------------------------------------------


def gate_for(actor: Note) -> Note:
    """A gate note beside another."""
    return note.sign("gate", ORIGIN, {**SAMPLES["gate"], "note": actor.digest}, signer())


def test_pair() -> None:
    """An actor's note and the gate's are read together as they were written."""
    actor = made("rotated")
    assert note.parse_pair(note.pair(actor, gate_for(actor))) == (actor, gate_for(actor))


def test_false_pairs() -> None:
    """Two notes of which the second is not the gate's about the first are refused."""
    actor, other = made("rotated"), made("receipt")
    gate = gate_for(actor)
    for pair in ((gate, actor), (actor, other), (gate_for(gate), gate), (gate, gate_for(gate))):
        with pytest.raises(MalformedError, match="actor's note"):
            note.parse_pair(note.pair(*pair))
    with pytest.raises(VerificationError, match="another note"):
        note.parse_pair(note.pair(other, gate))
    for body in (lp(actor.signed), lp(actor.signed, gate.signed, b""), b""):
        with pytest.raises(MalformedError):
            note.parse_pair(body)


# --- JSON -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        1.0,
        float("nan"),
        2**53,
        -(2**53),
        b"bytes",
        {1, 2},
        {1: "a"},
        {"é": 1},
        [[{"a": [1.5]}]],
        {"a": b""},
        "\ud800",
        {None: 1},
        object(),
    ],
)
def test_not_canonical(value: object) -> None:
    """What has no canonical form in notes is refused, however deep it stands."""
    with pytest.raises(ValueError):  # noqa: PT011 -- several messages.
        note.canonical(value)


def test_base64() -> None:
    """Bytes in a note are standard base64."""
    assert note.encode64(b"\xff\xfe") == "//4="
    assert note.decode64("//4=") == b"\xff\xfe"
