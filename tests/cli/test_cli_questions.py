"""What an auditor asks of the log, typed as she types it, against what is counted by hand."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import crowd_vault
import pytest
from cli_kit import Result, environment, run

from keys.identity import Identity
from vault import note
from vault.audit import export
from vault.audit.export import check, parse_statement
from vault.errors import Error

Row = dict[str, Any]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> crowd_vault.CrowdVault:
    """Six people, a year and a half, names that bite."""
    return crowd_vault.make(tmp_path_factory.mktemp("crowd"), records=120, entries=420)


class Asker:
    """Somebody who types."""

    def __init__(self, made: crowd_vault.CrowdVault, who: str) -> None:
        self._env = environment(made.root / who, made.path)
        self.ids = {name: identity.device for name, identity in made.people.items()}
        refs = (ref for ref, _title, _holders in crowd_vault.CASES)
        self.cases = dict(zip(refs, (case.id for case in made.cases), strict=True))

    def __call__(self, *argv: object, code: int = 0) -> Result:
        """Type a command."""
        result = run(self._env, "log", *argv)
        assert result.code == code, (argv, result.err)
        return result

    def rows(self, *argv: object) -> list[Row]:
        """What programs get."""
        result = run(self._env, "--json", "log", *argv)
        assert result.code == 0, (argv, result.err)
        return result.objects


@pytest.fixture
def pia(made: crowd_vault.CrowdVault) -> Asker:
    """The auditor."""
    return Asker(made, "pia")


@pytest.fixture
def ana(made: crowd_vault.CrowdVault) -> Asker:
    """An advocate who holds some of the cases."""
    return Asker(made, "ana")


def about(rows: list[Row]) -> dict[int, set[str]]:
    """The records that each entry concerns: its own, or those of what it speaks of."""
    asked = {row["request"]: row["records"] for row in rows if row["kind"] == "request"}
    found = {}
    for row in rows:
        records = row["records"]
        if row["kind"] == "receipt":
            records = rows[row["for"]]["records"]
        if row["kind"] in {"approval", "denial"}:
            records = asked.get(row["request"], [])
        found[row["index"]] = set(records)
    return found


FILTERS: dict[str, tuple[tuple[str, ...], Any]] = {
    "a member": (("--member", "ID:ben"), lambda r, p: r["actor"] == p.ids["ben"]),
    "two members": (
        ("--member", "ID:ben", "--member", "ID:noor"),
        lambda r, p: r["actor"] in {p.ids["ben"], p.ids["noor"]},
    ),
    "a case": (("--case", "2026-014"), lambda r, p: r["case"] == p.cases["2026-014"]),
    "a kind": (("--kind", "release"), lambda r, _: r["kind"] == "release"),
    "an outcome": (("--outcome", "refused"), lambda r, _: r["outcome"] == "refused"),
    "two purposes": (
        ("--purpose", "filing", "--purpose", "hearing"),
        lambda r, _: r["purpose"] in {"filing", "hearing"},
    ),
    "from a day on": (("--since", "2026-03-01"), lambda r, _: r["time"] >= "2026-03-01"),
    "a month": (
        ("--since", "2026-03-01", "--until", "2026-04-01"),
        lambda r, _: "2026-03-01" <= r["time"] < "2026-04-01",
    ),
    "all together": (
        ("--case", "2026-014", "--kind", "release", "--outcome", "released", "--member", "ID:ben"),
        lambda r, p: (
            (r["case"], r["kind"], r["outcome"], r["actor"])
            == (p.cases["2026-014"], "release", "released", p.ids["ben"])
        ),
    ),
    "refused statements": (("--kind", "statement"), lambda r, _: r["kind"] in note.STATEMENTS),
}


@pytest.mark.parametrize("name", FILTERS)
def test_filters_combine(pia: Asker, name: str) -> None:
    """Several of one widen, different ones narrow; the order is the log's, and nothing is lost."""
    argv, fits = FILTERS[name]
    words = [pia.ids[w[3:]] if w.startswith("ID:") else w for w in argv]
    everything = pia.rows("list")
    expected = [row for row in everything if fits(row, pia)]
    assert pia.rows("list", *words) == expected
    assert (0 < len(expected) < len(everything)) or name == "refused statements"


def test_a_record_is_followed_through_all_that_concerns_it(pia: Asker) -> None:
    """Its deposit, requests, answers, releases, receipts, refusals and its end."""
    everything = pia.rows("list")
    concerned = about(everything)
    counts = Counter(record for records in concerned.values() for record in records)
    for record, _count in counts.most_common(3):
        expected = [row["index"] for row in everything if record in concerned[row["index"]]]
        assert [row["index"] for row in pia.rows("list", "--record", record)] == expected
    kinds = {row["kind"] for row in everything if concerned[row["index"]]}
    assert kinds >= {"deposit", "release", "receipt", "request", "approval"}


def test_who_opened_a_case_and_who_could(pia: Asker) -> None:
    """Each member and record once: first, last, how often; then everybody with a right to it."""
    ref = "2026-014"
    rows = [
        row
        for row in pia.rows("list", "--case", ref)
        if (row["kind"], row["outcome"]) == ("release", "released")
    ]
    times: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        for record in row["records"]:
            times.setdefault((row["actor"], record), []).append(row["time"])
    found = pia.rows("who", ref)
    opened = [one for one in found if one["type"] == "access"]
    assert {(o["member"], o["record"]): (o["first"], o["last"], o["count"]) for o in opened} == {
        key: (min(at), max(at), len(at)) for key, at in times.items()
    }
    assert len(opened) == len(times) > 3
    could = {one["member"] for one in found if one["type"] == "could"}
    assert {pia.ids["ana"], pia.ids["carla"]} <= could
    # Before the vault was there nobody could; each question has its own time.
    assert not [one for one in pia.rows("who", ref, "--at", "2020-01-01") if one["type"] == "could"]
    shown = pia("who", ref).out
    assert "these could open it" in shown
    assert "Redadas" not in shown


def test_who_opened_a_record(pia: Asker) -> None:
    """The same for one record, by the beginning of its id."""
    rows = [row for row in pia.rows("list", "--kind", "release") if row["outcome"] == "released"]
    record = Counter(record for row in rows for record in row["records"]).most_common(1)[0][0]
    found = [one for one in pia.rows("who", record[:10]) if one["type"] == "access"]
    assert {one["record"] for one in found} == {record}
    counted = Counter(row["actor"] for row in rows if record in row["records"])
    assert {one["member"]: one["count"] for one in found} == counted


def test_who_could_open_a_record_while_it_was_there(pia: Asker) -> None:
    """From its deposit on, until it is destroyed; each by the gate's time."""
    rows = pia.rows("list")

    def could(record: str, time: str) -> bool:
        return "could" in {one["type"] for one in pia.rows("who", record, "--at", time)}

    def before(time: str) -> str:
        moment = datetime.fromisoformat(time) - timedelta(seconds=1)
        return moment.isoformat()

    stored = [row for row in rows if row["kind"] == "deposit" and row["outcome"] == "done"][-1]
    assert could(stored["records"][0], stored["time"])
    assert not could(stored["records"][0], before(stored["time"]))
    assert f"stored later: by entry {stored['index']}" in (
        pia("who", stored["records"][0], "--at", before(stored["time"])).out
    )
    gone = next(row for row in rows if row["kind"] == "destruction" and row["outcome"] == "done")
    assert could(gone["records"][0], before(gone["time"]))
    assert not could(gone["records"][0], gone["time"])


def test_what_somebody_opened(pia: Asker) -> None:
    """Each record once; somebody who opened nothing is said to have opened nothing."""
    rows = [row for row in pia.rows("list", "--kind", "release") if row["outcome"] == "released"]
    for name in ("ben", "noor"):
        mine = Counter(r for row in rows if row["actor"] == pia.ids[name] for r in row["records"])
        found = pia.rows("what", pia.ids[name])
        assert {one["record"]: one["count"] for one in found} == mine
        assert {one["type"] for one in found} == {"access"}
        assert {one["member"] for one in found} == {pia.ids[name]}
    assert "opened nothing" in pia("what", "Pia Haddad").out


def test_what_was_denied(pia: Asker) -> None:
    """Every refusal with its reason, and nothing else."""
    expected = [row for row in pia.rows("list") if row["outcome"] == "refused"]
    assert pia.rows("denied") == expected
    shown = pia("denied").out.splitlines()
    assert len(shown) == len(expected) > 3
    assert all("REFUSED" in line for line in shown)


def test_sentences_say_when_who_what_and_why(pia: Asker, ana: Asker) -> None:
    """In words; what people wrote plays no tricks; only a holder reads a reason."""
    shown = pia("list", "--kind", "release", "--outcome", "released").out
    (line, *_) = shown.splitlines()
    assert " at " in line
    assert " UTC " in line
    assert " opened " in line
    assert "(attorney)" in shown
    assert not set("\x1b\u202e\u2066") & set(shown)
    reasons = set(crowd_vault.WORDS)
    assert not any(word in pia("list").out for word in reasons)
    assert any(word in ana("list").out for word in reasons)
    assert not any("why" in row for row in pia.rows("list"))
    assert {row.get("why") for row in ana.rows("list")} & reasons


def test_no_title_is_shown_to_the_auditor(pia: Asker) -> None:
    """Not by any question, for people or programs."""
    answers = [
        pia(*words).out + run(pia._env, "--json", "log", *words).out
        for words in (("list",), ("who", "2026-014"), ("denied",), ("show", 1))
    ]
    for _ref, title, _holders in crowd_vault.CASES:
        for form in (title, json.dumps(title)[1:-1]):
            assert not any(form in answer for answer in answers)


def test_one_entry_in_full(pia: Asker, ana: Asker) -> None:
    """Both notes as they were signed, and what was verified; of others' only that it is there."""
    rows = pia.rows("list")
    index = next(row["index"] for row in rows if row["kind"] == "release")
    (found,) = pia.rows("show", index)
    actor, gate = (note.parse(text.encode()) for text in found["notes"])
    assert (actor.kind, gate.kind) == ("release", "gate")
    assert actor.body["records"] == rows[index]["records"]
    assert len(found["verified"]) > 3
    assert {**rows[index], **found} == found
    others = next(row["index"] for row in ana.rows("list") if not row["opened"])
    (sealed,) = ana.rows("show", others)
    assert sealed["notes"] == []
    assert "not for you" in ana("show", others).out
    assert pia("show", 10**6, code=13)


def test_clocks_that_differ_are_told_apart(made: crowd_vault.CrowdVault) -> None:
    """The gate's time is the one that counts; the actor's is said where it is quite another."""
    from dataclasses import replace

    from vault.cli.sentences import Sentences

    with made.session("pia") as pia:
        access = next(found for found in pia.audit().entries() if found.kind == "release")
        sentences = Sentences(pia)
        assert "clock" not in sentences.of(access)
        other = replace(access, actor_time=access.time - 4000)
        assert "their own clock said" in sentences.of(other)


# --- what leaves the vault --------------------------------------------------------------------


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_an_export_is_exactly_what_was_selected(
    made: crowd_vault.CrowdVault, pia: Asker, tmp_path: Path, form: str
) -> None:
    """All of it and no more, in order; it is itself an entry, which was there first."""
    words = ("--kind", "release", "--case", "2026-014")
    expected = pia.rows("list", *words)
    size = len(pia.rows("list"))
    target = tmp_path / f"out.{form}"
    (said,) = pia.rows("export", "--format", form, "-o", target, *words)
    assert (said["type"], said["rows"], said["size"]) == ("exported", len(expected), size)
    data = target.read_bytes()
    if form == "jsonl":
        rows = [json.loads(line) for line in data.splitlines()]
        assert [{k: row[k] for k in row.keys() - {"leaf", "case_ref"}} for row in rows] == expected
    else:
        assert data.startswith("\ufeff".encode())
        rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))
        assert [int(row["index"]) for row in rows] == [row["index"] for row in expected]
        assert [row["records"].split() for row in rows] == [row["records"] for row in expected]
    (last,) = pia.rows("list", "--kind", "export")[-1:]
    assert (last["index"], last["form"], last["count"]) == (size, form, len(expected))
    proved = json.loads((tmp_path / f"out.{form}.proof").read_text())
    stated, _head = check(proved, data)
    (case,) = {row["case"] for row in expected}
    assert stated.selected == {"kinds": ["release"], "cases": [case]}
    assert (stated.entry, stated.rows, stated.size) == (size, len(expected), size)


def test_an_export_that_was_tampered_with_is_noticed(pia: Asker, tmp_path: Path) -> None:
    """A row that was changed, moved, dropped or added; a leaf, the checkpoint, or what was said."""
    target = tmp_path / "out.jsonl"
    pia("export", "--format", "jsonl", "-o", target, "--kind", "deposit")
    lines = target.read_bytes().splitlines(keepends=True)
    proved = json.loads((tmp_path / "out.jsonl.proof").read_text())
    stated, head = check(proved, b"".join(lines))
    first, *rest = lines
    index = json.loads(first)["index"]
    for false in (
        rest,
        [*lines, first],
        [first.replace(b'"index":%d,' % index, b'"index":%d,' % (index + 1)), *rest],
        [first.replace(json.loads(first)["leaf"].encode(), b"00" * 32), *rest],
        [rest[0], first, *rest[1:]],
        [first.replace(b"done", b"left"), *rest],
        [first + b"\n", *rest],
    ):
        assert false != lines
        with pytest.raises(Error):
            check(proved, b"".join(false))
    smaller = proved["checkpoint"].replace(f"\n{stated.size}\n", f"\n{stated.size - 1}\n")
    said = proved["statement"]
    for changed in (
        {"leaves": proved["leaves"][:-1]},
        {"leaves": [proved["leaves"][0][:-44] + "A" * 43 + "="]},
        {"checkpoint": smaller},
        {"leaves": 7},
        {"checkpoint": "nothing"},
        {"statement": said.replace(f'"rows":{len(lines)}', f'"rows":{len(lines) - 1}')},
        {"statement": said.replace(f'"size":{stated.size}', f'"size":{stated.size - 1}')},
        {"statement": said.replace(stated.root, "00" * 32)},
        {"statement": said.replace(stated.file, "00" * 32)},
        {"statement": said.replace('"rows"', '"raws"')},
        {"statement": said.replace('"rows"', ' "rows"')},
        {"statement": said.replace("access", "authority")},
        {"statement": proved["checkpoint"]},
    ):
        assert {**proved, **changed} != proved
        with pytest.raises(Error):
            check({**proved, **changed}, b"".join(lines))
    assert head == proved["checkpoint"].encode()


def test_who_has_the_contact_sees_any_change_of_an_export(
    made: crowd_vault.CrowdVault, pia: Asker, tmp_path: Path
) -> None:
    """Somebody else can state what they like of another file: not as who took it out."""
    (status,) = run(pia._env, "--json", "status").objects
    keys = [word for key in status["vkeys"] for word in ("--key", key)]
    contacts = {who: tmp_path / f"{who}.contact" for who in ("pia", "ben")}
    for who, place in contacts.items():
        place.write_bytes(made.people[who].contact().note)
    target, proof = tmp_path / "out.jsonl", tmp_path / "out.jsonl.proof"
    pia("export", "--format", "jsonl", "-o", target, "--kind", "deposit")

    def checked(*words: object) -> tuple[int, Row]:
        result = run({}, "--json", "verify-proof", target, *keys, *words)
        (found,) = result.objects
        return result.code, found

    code, found = checked("--contact", contacts["pia"])
    assert (code, found["signer_verified"], len(found["not_proved"])) == (0, True, 2)
    assert checked("--contact", contacts["ben"])[0] == 21
    code, found = checked()
    assert (code, found["signer_verified"], len(found["not_proved"])) == (0, False, 3)
    changed = target.read_bytes().replace(b'"outcome":"done"', b'"outcome":"left"', 1)
    target.write_bytes(changed)
    assert checked()[0] == 21
    whole, other = json.loads(proof.read_text()), Identity.create("other")
    stated = parse_statement(whole["statement"].encode())
    for device in (other.device, stated.device):
        file = hashlib.sha256(changed).hexdigest()
        text = export._text(replace(stated, device=device, file=file))
        false = other.signing.sign_note(device, text, hybrid=True).decode()
        proof.write_text(json.dumps({**whole, "statement": false}, separators=(",", ":")))
        assert checked()[0] == 0
        assert checked("--contact", contacts["pia"])[0] == 21


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_an_export_is_checked_without_the_vault(pia: Asker, tmp_path: Path, form: str) -> None:
    """With the log's keys alone: 0 if it holds, 21 if not, 23 if it is none."""
    (status,) = run(pia._env, "--json", "status").objects
    keys = [word for key in status["vkeys"] for word in ("--key", key)]
    target = tmp_path / f"out.{form}"
    pia("export", "--format", form, "-o", target, "--kind", "deposit")

    def checked(*words: object) -> tuple[int, list[Row]]:
        result = run({}, "--json", "verify-proof", target, *words)
        return result.code, result.objects

    code, (found,) = checked(*keys)
    assert (code, found["type"], found["valid"]) == (0, "proof", True)
    assert found["rows"] < found["size"]
    others = ["--key", status["authority_vkeys"][0]]
    assert checked(*others)[0] == 21
    data = target.read_bytes()
    lines = data.splitlines(keepends=True)
    target.write_bytes(b"".join(lines[:-1]))
    code, (found,) = checked(*keys)
    assert (code, found["valid"]) == (21, False)
    target.write_bytes(b"neither\nthis\n")
    assert checked(*keys)[0] == 23
    target.write_bytes(data)
    proof = tmp_path / f"out.{form}.proof"
    proof.write_text("[]")
    assert checked(*keys)[0] == 23


def test_a_log_that_is_not_whole_is_not_exported(tmp_path: Path) -> None:
    """Entries were deleted: `verify` says so and what to do, and nothing is written or logged."""
    made = crowd_vault.make(tmp_path / "made", records=120, entries=100)
    pia = Asker(made, "pia")
    pia("verify")
    with closing(sqlite3.connect(made.path / "vault.db")) as database, database:
        database.execute("delete from log_entry where log = 1 and position > 20")
    assert "restore it from a backup" in pia("verify", code=21).err
    target = tmp_path / "out.csv"
    refused = pia("export", "--format", "csv", "-o", target, code=21)
    assert "nothing is exported" in refused.err
    assert not target.exists()


def test_no_cell_of_a_spreadsheet_is_a_formula(pia: Asker, tmp_path: Path) -> None:
    """Nor holds a control, escape or bidi character: names and references are somebody's."""
    target = tmp_path / "out.csv"
    pia("export", "--format", "csv", "-o", target)
    text = target.read_bytes().decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(text)))
    cells = {cell for row in rows for cell in row}
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    assert any(cell.startswith("'=HYPERLINK") for cell in cells)
    assert not set("\x1b\u202e\u2066\u202c\t") & set(text)


def test_nothing_is_half_exported(made: crowd_vault.CrowdVault, pia: Asker, tmp_path: Path) -> None:
    """What exists is kept, the vault's folder holds no plaintext, and nothing was logged for it."""
    before = len(pia.rows("list"))
    target = tmp_path / "out.csv"
    target.write_text("mine")
    pia("export", "--format", "csv", "-o", target, code=15)
    assert target.read_text() == "mine"
    other = tmp_path / "other.csv"
    (tmp_path / "other.csv.proof").write_text("mine")
    pia("export", "--format", "csv", "-o", other, code=15)
    pia("export", "--format", "csv", "-o", made.path / "x.csv", code=15)
    pia("export", "--format", "pdf", "-o", tmp_path / "x", code=2)
    pia("export", "--format", "csv", "-o", tmp_path / "nowhere/x", code=15)
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == ["other.csv.proof", "out.csv"]
    assert len(pia.rows("list")) == before


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("list", "--since", "yesterday"), 2),
        (("list", "--member", "nobody at all"), 13),
        (("list", "--case", "no such case"), 13),
        (("list", "--record", "zzzzzzzz"), 13),
        (("list", "--kind", "theft"), 2),
        (("who", "no such thing"), 13),
        (("what", "no such person"), 13),
        (("who",), 2),
        (("show", "-1"), 2),
        (("show", "three"), 2),
    ],
)
def test_questions_that_mean_nothing(pia: Asker, words: tuple[str, ...], code: int) -> None:
    """One line, a hint, the documented exit code."""
    result = pia(*words, code=code)
    assert result.out == ""
    assert "error" in result.err.lower()
