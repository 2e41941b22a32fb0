"""Entries of the access log for somebody outside, with what proves that they are all there are.

The proof is the log's tree itself: the leaf hash of every entry up to the checkpoint, whether it is
exported or not, and the checkpoint that their root must be the one of. So nobody can add an entry
afterwards, move one, or say that there were fewer; and any entry that was left out can be named by
its number and asked for (`evault log disclose`). That an entry says what its row says is proved by
disclosing it, not by an export.
"""

from __future__ import annotations

import base64
import csv
import io
import json
from collections.abc import Iterator, Sequence
from typing import Any

from vault.audit.access import Access
from vault.errors import MalformedError, ProofError
from vault.log import checkpoint, merkle

_CHUNK = 1000
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


def proof(head: bytes, leaves: Sequence[bytes], rows: int, about: dict[str, Any]) -> dict[str, Any]:
    """What proves an export complete up to a checkpoint.

    Args:
        head: The signed checkpoint.
        leaves: The leaf hash of every entry up to it, 32 bytes each.
        rows: How many entries are exported.
        about: What was selected.
    """
    found = checkpoint.peek(head)
    chunks = (b"".join(leaves[at : at + _CHUNK]) for at in range(0, len(leaves), _CHUNK))
    return {
        "type": "export",
        "schema": 1,
        "origin": found.origin,
        "size": found.size,
        "root": found.root.hex(),
        "rows": rows,
        "selected": about,
        "checkpoint": head.decode(),
        "leaves": [base64.b64encode(chunk).decode() for chunk in chunks],
    }


def check(said: dict[str, Any], rows: Iterator[tuple[int, str]]) -> bytes:
    """Check an export against its own proof; who signed the checkpoint is for the caller to check.

    Args:
        said: From `proof`.
        rows: Index and hex leaf hash of each exported entry.

    Returns:
        The signed checkpoint.

    Raises:
        MalformedError: It is no export.
        ProofError: The leaves are not those of the checkpoint, or a row is none of them.
    """
    try:
        head: bytes = said["checkpoint"].encode()
        hashes = b"".join(base64.b64decode(chunk, validate=True) for chunk in said["leaves"])
        count = int(said["rows"])
    except (KeyError, TypeError, ValueError, AttributeError):
        raise MalformedError("this is not an export of an access log") from None
    found, leaves, frontier = checkpoint.peek(head), merkle.parse_hashes(hashes), merkle.Frontier()
    for leaf in leaves:
        frontier.append(leaf)
    if (frontier.size, frontier.root()) != (found.size, found.root):
        raise ProofError("the export's leaves are not those that its checkpoint was signed over")
    last, seen = -1, 0
    for index, hashed in rows:
        if not last < index < len(leaves) or hashed != leaves[index].hex():
            raise ProofError(f"entry {index} of the export is not the one that the log has there")
        last, seen = index, seen + 1
    if seen != count:
        raise ProofError(f"the export has {seen} of its {count} entries")
    return head


def rows_of(said: dict[str, Any], data: bytes) -> list[tuple[int, str]]:
    """Index and hex leaf hash of each row of an exported file, for `check`.

    Args:
        said: From `proof`.
        data: The file.

    Raises:
        MalformedError: It is not such a file.
    """
    try:
        if said["selected"]["format"] == "csv":
            text = io.StringIO(data.decode("utf-8-sig"), newline="")
            heads, *rows = csv.reader(text, strict=True)
            at = tuple(heads).index("index"), tuple(heads).index("leaf")
            return [(int(cells[at[0]]), cells[at[1]]) for cells in rows]
        objects = [json.loads(line) for line in data.splitlines()]
        return [(int(fields["index"]), str(fields["leaf"])) for fields in objects]
    except (LookupError, TypeError, ValueError, RecursionError, csv.Error):
        raise MalformedError("the file beside the proof is not the export") from None


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
