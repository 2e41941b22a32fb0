"""For every note: it is read as it was written, and nothing else is read as a note."""

from __future__ import annotations

import base64
import json
from functools import cache
from typing import Any

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from keys.errors import Error, MalformedError
from keys.identity import Contact, Identity
from vault import ids, note
from vault.kinds import FORMS

calm = settings(deadline=None)

ORIGIN = note.origin(ids.show(bytes(16)), note.ACCESS)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
ascii_texts = st.text(st.characters(max_codepoint=127), max_size=20)
integers = st.integers(0, note.MAX_INTEGER)
counts = st.integers(1, note.MAX_INTEGER)
hashes = st.binary(min_size=32, max_size=32).map(bytes.hex)
id_texts = st.binary(min_size=16, max_size=16).map(ids.show)
devices = st.binary(min_size=20, max_size=20).map(ids.show)
codes = st.text("abcdefghijklmnopqrstuvwxyz-", min_size=1, max_size=40)
base64s = st.binary(max_size=40).map(note.encode64)
groups = st.one_of(st.sampled_from(["members", "auditors", "gate"]), id_texts)
positions = st.fixed_dictionaries({"size": integers, "root": hashes})
wraps = st.fixed_dictionaries(
    {"group": groups, "number": counts, "device": devices, "wrap": base64s}
)
epochs = st.fixed_dictionaries(
    {
        "group": groups,
        "number": counts,
        "sealing": base64s,
        "signing": st.none() | st.fixed_dictionaries({"ed25519": base64s, "ml_dsa_44": base64s}),
        "link": st.none() | base64s,
        "wraps": st.lists(st.fixed_dictionaries({"device": devices, "wrap": base64s}), max_size=3),
    }
)
roles = st.lists(
    st.sampled_from(["steward", "advocate", "attorney", "auditor"]), min_size=1, max_size=4
)
few = st.integers(0, 16)
seen = st.fixed_dictionaries({"authority": positions, "access": positions})
asks = st.fixed_dictionaries({"approvals": few, "hours": st.integers(1, 24 * 366)})

FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "access": positions,
    "answers": id_texts,
    "asked": hashes,
    "asks": asks,
    "asks_for": st.sampled_from([*note.DISPOSITIONS, "destroy"]),
    "before_root": hashes,
    "form": st.sampled_from(FORMS),
    "size": integers,
    "cases": st.lists(id_texts, min_size=1, max_size=3),
    "expires": integers,
    "lost": seen,
    "proposal": id_texts,
    "recovery": st.booleans(),
    "seals": hashes,
    "seals_root": hashes,
    "shares": few,
    "sole": st.booleans(),
    "target": devices,
    "ticket": devices,
    "threshold": few,
    "authority": positions,
    "case": id_texts,
    "case_commitment": hashes,
    "case_seal": hashes,
    "contact": texts,
    "count": counts,
    "deposit": id_texts,
    "details": st.none() | hashes,
    "device": devices,
    "disposition": st.sampled_from(note.DISPOSITIONS),
    "entry": integers,
    "epoch": counts,
    "epochs": st.lists(epochs, min_size=1, max_size=2),
    "extends": positions,
    "gate_commitment": hashes,
    "gate_epoch": counts,
    "gate_seal": hashes,
    "holders": st.lists(devices, min_size=1, max_size=3),
    "id": id_texts,
    "leaf": hashes,
    "level": st.integers(0, 3),
    "member": devices,
    "note": hashes,
    "outcome": st.sampled_from(note.OUTCOMES),
    "policy": st.fixed_dictionaries({"stewards": counts}),
    "purpose": st.sampled_from(note.PURPOSES),
    "quoted": st.lists(id_texts, max_size=1),
    "records": st.lists(id_texts, min_size=1, max_size=3),
    "records_root": hashes,
    "ref": st.none() | texts,
    "request": st.none() | id_texts,
    "roles": roles,
    "seen": seen,
    "suite": st.just(1),
    "time": st.integers(0, 253_402_300_799),
    "title": base64s,
    "until": st.none() | integers,
    "vault": id_texts,
    "why": st.none() | texts,
    "wraps": st.lists(wraps, min_size=1, max_size=2),
}
ELSEWHERE: dict[tuple[str, str], st.SearchStrategy[Any]] = {
    ("gate", "why"): st.none() | codes,
    ("member-added", "epochs"): st.lists(epochs, max_size=2),
}
"""Fields that have another shape in one kind of note."""


@st.composite
def proposed(draw: st.DrawFn) -> dict[str, Any]:
    """An act as it is proposed."""
    kind = draw(st.sampled_from(sorted(note.PROPOSALS)))
    return {"kind": kind, **{name: draw(FIELDS[name]) for name in note.PROPOSALS[kind]}}


FIELDS["act"] = proposed()
NUMBERS = {"genesis": 3, "case-opened": 1}
"""How many epochs these have."""

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-note.MAX_INTEGER, note.MAX_INTEGER)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ascii_texts, inner, max_size=4),
    max_leaves=20,
)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | base64s | id_texts,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(sorted(FIELDS)) | st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


@st.composite
def bodies(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A kind, and a body of its shape."""
    kind = draw(st.sampled_from(sorted(note.KINDS)))
    fields = {name: ELSEWHERE.get((kind, name), FIELDS[name]) for name in note.KINDS[kind]}
    body = {name: draw(strategy) for name, strategy in fields.items()}
    if kind in NUMBERS:
        body["epochs"] = [draw(epochs) for _ in range(NUMBERS[kind])]
    return kind, body


@cache
def signer() -> Identity:
    """Whoever signs."""
    return Identity(b"1" * 32, "Ada")


@cache
def contact() -> Contact:
    """Their contact."""
    return signer().contact()


@calm
@given(bodies())
def test_round_trip(made: tuple[str, dict[str, Any]]) -> None:
    """A note is read as it was written, and encodes to what was signed."""
    kind, body = made
    one = note.sign(kind, ORIGIN, body, signer())
    one.verify(contact())
    again = note.parse(one.signed)
    assert (again.kind, again.origin) == (kind, ORIGIN)
    assert again.body == {**body, "device": signer().device}
    assert one.signed.startswith(again.text + b"\n")


@calm
@given(bodies(), st.data())
def test_misshapen(made: tuple[str, dict[str, Any]], data: st.DataObject) -> None:
    """Whatever stands in a field, a note is malformed or has its one form: nothing else happens."""
    kind, body = made
    name = data.draw(st.sampled_from(sorted(body)))
    body = {**body, "device": signer().device, name: data.draw(anything)}
    line = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    text = f"evault/1/{kind}\n{ORIGIN}\n{line}\n".encode("utf-8", "replace")
    try:
        read = note.parse(signer().sign(text))
    except MalformedError:
        return
    assert read.text == text


@calm
@given(bodies(), st.integers(0, 2**30), st.integers(1, 255))
def test_one_byte_changed(made: tuple[str, dict[str, Any]], at: int, change: int) -> None:
    """A note with one byte changed anywhere is never taken for signed."""
    kind, body = made
    signed = bytearray(note.sign(kind, ORIGIN, body, signer()).signed)
    signed[at % len(signed)] ^= change
    try:
        note.parse(bytes(signed)).verify(contact())
    except Error:
        return
    raise AssertionError


@calm
@given(bodies(), st.integers(2, 20), st.booleans())
def test_whitespace(made: tuple[str, dict[str, Any]], at: int, tail: bool) -> None:
    """A note with a space anywhere between its fields is refused."""
    kind, body = made
    text = note.encode(kind, ORIGIN, {**body, "device": signer().device}).decode()
    head, line = text.rstrip("\n").rsplit("\n", 1)
    parts = line.split(',"')
    at %= len(parts)
    parts[at] = parts[at] + " " if tail else " " + parts[at]
    spaced = f"{head}\n" + ',"'.join(parts) + "\n"
    try:
        read = note.parse(signer().sign(spaced.encode()))
    except MalformedError:
        return
    # The space fell into a text of the body, which is then another body.
    assert read.text == spaced.encode()
    assert read.body != body


@cache
def plain(kind: str) -> bytes:
    """A note of a kind as a log is full of them."""
    body = {name: PLAIN.get(name, "0" * 64) for name in note.KINDS[kind]}
    return note.sign(kind, ORIGIN, body, signer()).signed


PLAIN: dict[str, Any] = {
    "id": ids.show(bytes(16)),
    "case": ids.show(bytes(16)),
    "deposit": ids.show(bytes(16)),
    "answers": ids.show(bytes(16)),
    "records": [ids.show(bytes(16)), ids.show(b"1" * 16)],
    "time": 1_900_000_000,
    "seen": {log: {"size": 7, "root": "0" * 64} for log in note.LOGS},
    "authority": {"size": 7, "root": "0" * 64},
    "access": {"size": 0, "root": "0" * 64},
    "purpose": "review",
    "disposition": "copy",
    "asks_for": "destroy",
    "form": "csv",
    "outcome": "done",
    "request": None,
    "details": None,
    "why": None,
    "expires": 1_900_000_000,
    "level": 0,
    "sole": False,
    **dict.fromkeys(("epoch", "gate_epoch", "count", "entry", "size"), 10),
}
FREQUENT = sorted({**note.ACTS, **note.GATE})
CHANGES = ["", "\n", " ", "0", "1", "4", "A", "B", "a", "b", "=", '"', "-", ",", "\\", "é"]


@pytest.mark.parametrize("kind", FREQUENT)
def test_plain_notes_are_seen(kind: str) -> None:
    """The notes that a log is full of are in their plain form: they are read in one look."""
    assert note._parse_plain(plain(kind)) is not None


@pytest.mark.parametrize("kind", FREQUENT)
def test_plain_form(kind: str) -> None:
    """What is read in one look is read the same when it is looked at in full: whatever a note has
    in the place of any one byte, or before it."""
    signed, fits = plain(kind), 0
    for at in range(len(signed) + 1):
        for change in CHANGES:
            for after in (at, at + 1):
                raw = signed[:at] + change.encode() + signed[after:]
                found = note._parse_plain(raw)
                if found is not None:
                    full = note._parse_any(raw)
                    assert (found, found.text, found.signatures) == (
                        full,
                        full.text,
                        full.signatures,
                    )
                    fits += 1
    assert fits > len(signed)


@calm
@given(bodies())
def test_plain_form_of_any_body(made: tuple[str, dict[str, Any]]) -> None:
    """The same for every body that a note of the kind can have."""
    kind, body = made
    signed = note.sign(kind, ORIGIN, body, signer()).signed
    found = note._parse_plain(signed)
    assert found is None or found == note._parse_any(signed)
    assert kind not in note.STATEMENTS or found is None


@calm
@given(json_values)
def test_canonical(value: Any) -> None:
    """Canonical JSON is that of RFC 8785, and JSON readers read it back."""
    assert note.canonical(value) == rfc8785.dumps(value)
    assert json.loads(note.canonical(value)) == value


@calm
@given(st.binary(max_size=200))
def test_any_bytes(raw: bytes) -> None:
    """Bytes of any kind are malformed as a note and as a pair of notes."""
    line = base64.b64encode(raw).decode()
    for data in (raw, f"{line}\n\n— {signer().device} {line}\n".encode()):
        for parse in (note.parse, note.parse_pair):
            try:
                parse(data)
            except MalformedError:
                continue
            raise AssertionError
