"""Entries of the access log for somebody outside, and what proves that they are the log's.

Beside the file stands FILE.proof. In it are the log's signed checkpoint, the leaf hash of every
entry up to it, whether it is exported or not, and a statement that whoever took them out has
signed: which file, byte for byte, and what was selected.

So everybody sees that each row's entry is in the log, at its place, and how many there are beside;
each that was left out has a number to ask for. With the contact of who took them out, the file is
the one that they took, and nobody has changed anything in it since. That an entry says what its row
says, and that what was left out does not fit the selection, is their word alone: one entry is
proved by disclosing it (`evault log disclose`).
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from keys.identity import Identity
from keys.signing import split_note
from vault.audit.access import Access
from vault.errors import MalformedError, ProofError
from vault.log import checkpoint, merkle
from vault.note import canonical
from vault.shapes import DEVICE, HASH, ID, INTEGER, TEXT, Shape, choice, exactly, listed

_CHUNK = 1000
_KIND = "evault/1/exported"
"""What is signed is in no log, so it is no kind of note."""
_CODES = listed(TEXT)
_SELECTED = {
    "cases": listed(ID),
    "kinds": _CODES,
    "members": listed(DEVICE),
    "outcomes": _CODES,
    "purposes": _CODES,
    "records": listed(ID),
    "since": INTEGER,
    "until": INTEGER,
}


def _is_selected(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() <= _SELECTED.keys()
        and all(_SELECTED[name].check(value[name]) for name in value)
    )


_IS_STATEMENT = exactly(
    device=DEVICE,
    entry=INTEGER,
    file=HASH,
    format=choice("csv", "jsonl"),
    root=HASH,
    rows=INTEGER,
    selected=Shape(_is_selected),
    size=INTEGER,
).check

COLUMNS = (
    "index",
    "leaf",
    "time",
    "actor_time",
    "actor",
    "actor_name",
    "kind",
    "outcome",
    "refusal",
    "case",
    "case_ref",
    "records",
    "purpose",
    "disposition",
    "request",
    "deposit",
    "count",
    "for",
    "form",
    "level",
    "problem",
    "why",
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "|", "%")


def jsonl(rows: Iterator[dict[str, Any]]) -> Iterator[bytes]:
    """One line of ASCII JSON for each row."""
    for row in rows:
        yield json.dumps(row, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"


def csv_lines(rows: Iterator[dict[str, Any]]) -> Iterator[bytes]:
    """RFC 4180 lines with a header, in UTF-8 with a byte order mark, which spreadsheets need.

    No cell is a formula: what begins like one gets an apostrophe before it. Control, escape and
    bidi characters must be made visible by whoever gives the rows.
    """
    yield "\ufeff".encode() + _line(COLUMNS)
    for row in rows:
        yield _line([_cell(row.get(name)) for name in COLUMNS])


@dataclass(frozen=True, slots=True)
class Statement:
    """What whoever took an export out says of it. Nothing in it is true before it is verified.

    Args:
        origin: The log's origin line.
        device: Whose device signs.
        entry: The entry of the access log that says that it was taken out.
        file: SHA-256 of the file, in hex.
        format: `csv` or `jsonl`.
        rows: How many entries are in it.
        selected: What they were selected by: lists of ids and codes, times in seconds since the
            epoch; empty for all.
        size: How many entries the log had, and `root` its root in hex.
        signed: The signed text.
    """

    origin: str
    device: str
    entry: int
    file: str
    format: str
    rows: int
    selected: dict[str, Any]
    size: int
    root: str
    signed: bytes = b""


def state(identity: Identity, said: Statement) -> Statement:
    """Sign what is said of an export."""
    return parse_statement(identity.sign(_text(said), hybrid=True))


def parse_statement(signed: bytes) -> Statement:
    """Parse what was said of an export; who signed it is for the caller to check.

    Raises:
        MalformedError: It is no such statement, or not in its one form.
    """
    text, signatures = split_note(signed)
    lines = text.decode().split("\n")
    if len(lines) != 4 or lines[3] or lines[0] != _KIND:
        raise MalformedError("this is no statement on an export")
    try:
        body = json.loads(lines[2])
    except (ValueError, RecursionError):
        raise MalformedError("this is no statement on an export") from None
    if not _IS_STATEMENT(body) or {line.name for line in signatures} != {body["device"]}:
        raise MalformedError("this is no statement on an export")
    said = Statement(lines[1], **body, signed=signed)
    if _text(said) != text:
        raise MalformedError("a statement on an export is not in its one form")
    return said


def proof(head: bytes, leaves: Sequence[bytes], said: Statement) -> dict[str, Any]:
    """What stands beside an export.

    Args:
        head: The signed checkpoint.
        leaves: The leaf hash of every entry up to it, 32 bytes each.
        said: The signed statement on the file.
    """
    chunks = (b"".join(leaves[at : at + _CHUNK]) for at in range(0, len(leaves), _CHUNK))
    return {
        "type": "export",
        "schema": 2,
        "statement": said.signed.decode(),
        "checkpoint": head.decode(),
        "leaves": [base64.b64encode(chunk).decode() for chunk in chunks],
    }


def check(proved: Any, data: bytes) -> tuple[Statement, bytes]:
    """Check an export against what stands beside it; who signed both is for the caller to check.

    Args:
        proved: From `proof`.
        data: The file.

    Returns:
        The statement, and the signed checkpoint.

    Raises:
        MalformedError: It is no export.
        ProofError: The file is another one, the leaves are not those of the checkpoint, or a row is
            none of them.
    """
    try:
        said = parse_statement(proved["statement"].encode())
        head: bytes = proved["checkpoint"].encode()
        hashes = b"".join(base64.b64decode(chunk, validate=True) for chunk in proved["leaves"])
    except (KeyError, TypeError, ValueError, AttributeError):
        raise MalformedError("this is not an export of an access log") from None
    rows = _rows_of(said.format, data)
    found, leaves, frontier = checkpoint.peek(head), merkle.parse_hashes(hashes), merkle.Frontier()
    for leaf in leaves:
        frontier.append(leaf)
    if (frontier.size, frontier.root()) != (found.size, found.root):
        raise ProofError("the export's leaves are not those that its checkpoint was signed over")
    if (said.origin, said.size, said.root) != (found.origin, found.size, found.root.hex()):
        raise ProofError("what was said of the export is about another checkpoint")
    last = -1
    for index, hashed in rows:
        if not last < index < len(leaves) or hashed != leaves[index].hex():
            raise ProofError(f"entry {index} of the export is not the one that the log has there")
        last = index
    if len(rows) != said.rows:
        raise ProofError(f"the export has {len(rows)} of its {said.rows} entries")
    if not said.selected and said.rows != said.size:
        raise ProofError("nothing was selected by, and yet entries are left out")
    if hashlib.sha256(data).hexdigest() != said.file:
        raise ProofError("the file is not the one that was taken out")
    return said, head


def _rows_of(form: str, data: bytes) -> list[tuple[int, str]]:
    """Index and hex leaf hash of each row of a file."""
    try:
        if form == "csv":
            text = io.StringIO(data.decode("utf-8-sig"), newline="")
            heads, *rows = csv.reader(text, strict=True)
            at = tuple(heads).index("index"), tuple(heads).index("leaf")
            return [(int(cells[at[0]]), cells[at[1]]) for cells in rows]
        objects = [json.loads(line) for line in data.splitlines()]
        return [(int(fields["index"]), str(fields["leaf"])) for fields in objects]
    except (LookupError, TypeError, ValueError, RecursionError, csv.Error):
        raise MalformedError("the file beside the proof is not the export") from None


def _text(said: Statement) -> bytes:
    body = asdict(said)
    del body["origin"], body["signed"]
    return f"{_KIND}\n{said.origin}\n".encode() + canonical(body) + b"\n"


def row(access: Access, leaf: bytes, fields: dict[str, Any]) -> dict[str, Any]:
    """A row of an export.

    Args:
        access: The entry.
        leaf: Its leaf hash, 32 bytes.
        fields: What programs get of it.
    """
    return {"type": "entry", "schema": 1, "index": access.index, "leaf": leaf.hex()} | fields


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return " ".join(map(str, value))
    text = str(value)
    return "'" + text if text.startswith(_FORMULA) else text


def _line(cells: Sequence[str]) -> bytes:
    page = io.StringIO()
    csv.writer(page, lineterminator="\r\n").writerow(cells)
    return page.getvalue().encode()
