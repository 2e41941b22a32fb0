"""`evault log report` as typed: where it writes, what it refuses, what it leaves in the log."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cli_kit import NAMES, REF, TITLE, World

from keys.signing import VerifierKey

DAYS = ("--since", "2026-01-01", "--until", "2027-01-01")


def policy(text: str) -> str:
    """The Content-Security-Policy of a page."""
    found = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    assert found is not None
    return found[1]


def test_a_report_is_a_file_and_an_entry(world: World, tmp_path: Path) -> None:
    """One private file; the log says who took it; an object tells programs what it is about."""
    path = tmp_path / "report.html"
    before = len(world.log())
    (made,) = world.json("pia", "log", "report", "-o", path)
    assert (made["type"], made["path"], made["outsider"]) == ("report", str(path), False)
    assert (made["result"], made["entries"], made["size"]) == ("valid", before, before)
    assert path.stat().st_mode & 0o777 == 0o600
    last = world.log()[-1]
    assert (last["kind"], last["outcome"], last["actor_name"]) == ("export", "done", NAMES["pia"])
    text = path.read_text()
    for said in (REF, NAMES["ana"], world.case, made["root"][:8], "Valid"):
        assert said in text
    assert TITLE not in text


def test_nothing_runs_but_what_is_named_by_hash(world: World, tmp_path: Path) -> None:
    """The policy allows one style and one script, by their hashes, and nothing else at all."""
    path = tmp_path / "report.html"
    world("pia", "log", "report", "-o", path)
    text = path.read_text()
    rules = dict(rule.strip().split(" ", 1) for rule in policy(text).split(";"))
    assert rules["default-src"] == "'none'"
    for name, element in (("style-src", "style"), ("script-src", "script")):
        (inside,) = re.findall(f"<{element}>(.*?)</{element}>", text, flags=re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert rules[name] == f"'sha256-{digest}'"
    assert not re.search(r"(src|href)=\"(?!#)", text)
    assert not re.search(r"\son\w+=|style=", text)


def test_holders_see_their_cases_and_no_reasons(world: World, tmp_path: Path) -> None:
    """A holder's report says that some entries are sealed to others, and holds no words."""
    secret = "motion to terminate, before they find out"
    get = ("get", world.records["carta.txt"], "-o", tmp_path / "x", "--purpose", "hearing")
    world("ben", *get, "--why", secret)
    world("pia", "log", "report", "-o", tmp_path / "first.html")
    (made,) = world.json("ana", "log", "report", "-o", tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text()
    assert made["result"] == "not-checked"
    assert "Not all checked" in text
    assert "hearing" in text
    assert secret not in text
    assert TITLE not in text


def test_an_outsiders_report_needs_whole_days(world: World, tmp_path: Path) -> None:
    """Without both ends, or with a time of day, nothing is written and nothing is logged."""
    path = tmp_path / "board.html"
    before = len(world.log())
    for wrong in ((), DAYS[:2], DAYS[2:], ("--since", "2026-01-01T10:00Z", *DAYS[2:])):
        world("pia", "log", "report", "--outsider", "-o", path, *wrong, code=2)
    assert not path.exists()
    assert len(world.log()) == before
    world("pia", "log", "report", "--outsider", "-o", path, *DAYS)
    text = path.read_text()
    assert "<script" not in text
    assert "1 January 2026" in text
    for hidden in (REF, world.case, *NAMES.values(), *world.members.values()):
        assert hidden not in text


def test_pseudonyms_are_drawn_anew(world: World, tmp_path: Path) -> None:
    """Two pages of the same period do not name people and cases alike for long."""
    from random import Random

    from vault.audit.access import Access
    from vault.audit.figures import figures
    from vault.report import Facts, Person, Verification, outsider

    people = {f"m{at}": Person(f"Name {at}", ("attorney",)) for at in range(8)}
    rows = [
        Access(at, bytes(32), True, "release", f"m{at % 8}", "", "c", (), "review", "copy",
               "released", time=at) for at in range(300 * 8) if at // 300 >= at % 8
    ]  # fmt: skip
    facts = Facts(
        Verification("valid", (), 9, "", "", (), 9),
        0,
        figures(rows, []),
        rows,
        people,
        {},
        9,
        "m0",
    )
    assert outsider(facts, Random(1)) != outsider(facts, Random(2))  # noqa: S311
    assert len({outsider(facts) for _time in range(4)}) > 1


def test_a_reason_that_tells_the_role_is_not_named() -> None:
    """Nor one that a single member met; a month of the chart has what is of that month."""
    from vault.audit.access import Access
    from vault.audit.figures import figures
    from vault.report import Facts, Person, Verification, outsider

    met = {"m0": "auditor", "m1": "auditor", "m2": "hold", "m3": "not-holder", "m4": "not-holder"}
    begin = int(datetime(2026, 2, 1, tzinfo=UTC).timestamp())
    rows = [
        Access(at, bytes(32), True, "release", f"m{at % 5}", "", "c", (), "review", "copy",
               "refused", met[f"m{at % 5}"], time=begin + at * 86_400) for at in range(300)
    ]  # fmt: skip
    people = {member: Person(member, ("auditor",)) for member in met}
    verified = Verification("valid", (), 9, "", "", (), 9)
    text = outsider(
        Facts(verified, 0, figures(rows, []), rows, people, {}, begin, "m0"),
    ).decode()
    assert '<th scope="row">not-holder</th><td class="n">120</td>' in text
    assert '<th scope="row">other or rare</th><td class="n">180</td>' in text
    for hidden in ("hold", "auditor"):
        assert f'<th scope="row">{hidden}</th>' not in text
    # The first of February is a Sunday: its week began in January.
    assert "January 2026" not in text
    assert "February 2026: 0 released, 0 other acts, 30 refused" in text


def test_only_who_opens_all_entries_makes_a_report_for_outsiders(
    world: World, tmp_path: Path
) -> None:
    """A part would pass for the whole: it is refused before anything is written or logged."""
    world("ana", "case", "open", "Another", "--ref", "2026-099")
    world("ana", "add", world.root / "evidence" / "foto.bin", "--case", "2026-099")
    path, before = tmp_path / "board.html", len(world.log())
    refused = world("ben", "log", "report", "--outsider", "-o", path, *DAYS, code=30)
    assert "an auditor makes it" in refused.err
    assert not path.exists()
    assert len(world.log()) == before
    world("ben", "log", "report", "-o", path)


def test_a_report_for_outsiders_covers_four_weeks(world: World, tmp_path: Path) -> None:
    """A single day would be single people's days; days that are still to come count for nothing."""
    path, before = tmp_path / "board.html", len(world.log())
    day = datetime.now(UTC).date()
    for since, until in (
        ("2026-01-01", "2026-01-02"),
        ("2026-01-01", "2026-01-28"),
        (day, day + timedelta(days=60)),
        (day - timedelta(days=27), day + timedelta(days=60)),
    ):
        said = ("--since", since, "--until", until)
        refused = world("pia", "log", "report", "--outsider", "-o", path, *said, code=2)
        assert "at least 28 days that are over" in refused.err
    assert not path.exists()
    assert len(world.log()) == before
    said = ("--since", "2026-01-01", "--until", "2026-01-29")
    world("pia", "log", "report", "--outsider", "-o", path, *said)


def test_few_people_or_entries_are_in_no_cross_table(world: World, tmp_path: Path) -> None:
    """Where four people did little, neither the matrix nor the chart is made, and it says so."""
    path = tmp_path / "board.html"
    world("pia", "log", "report", "--outsider", "-o", path, *DAYS)
    text = path.read_text()
    assert text.count("Left out: with fewer than 5 members or 50 entries") == 2
    assert "matrix" not in re.sub('<style>.*</style>|s-matrix|#?matrix"', "", text, flags=re.DOTALL)
    assert "<rect" not in text


def test_the_checkpoint_is_the_notes_own_three_lines(world: World, tmp_path: Path) -> None:
    """As `log checkpoint` prints them, for eyes and for programs; the keys are whole too."""
    path = tmp_path / "report.html"
    head = world("pia", "log", "checkpoint").out.split("\n\n")[0]
    (made,) = world.json("pia", "log", "report", "-o", path)
    # By now the log has grown, by the report itself.
    lines = world("ana", "log", "checkpoint", "--size", made["size"]).out.removesuffix("\n")
    assert lines == head
    text = path.read_text()
    (shown,) = re.findall(r'<pre id="checkpoint">(.*?)</pre>', text, re.DOTALL)
    assert html.unescape(shown) == lines
    assert re.sub("<[^>]*>", "", text).count(made["root"]) == 1
    assert f"evault log checkpoint --size {made['size']}" in text
    for key in re.findall(r'<code class="key">(.*?)</code>', text):
        VerifierKey.parse(html.unescape(key))


@pytest.mark.parametrize(
    "wrong",
    [
        ("--hours", "7"),
        ("--hours", "25-26"),
        ("--hours", "07-07"),
        ("--zone", "Nowhere/City"),
        ("--zone", "../../etc/passwd"),
        ("--zone", ""),
        ("--since", "yesterday"),
        ("--since", "2026-02-01", "--until", "2026-01-01"),
    ],
)
def test_what_is_no_period_hour_or_zone(
    world: World, tmp_path: Path, wrong: tuple[str, ...]
) -> None:
    """One clear line, 2, and no file."""
    path = tmp_path / "report.html"
    world("pia", "log", "report", "-o", path, *wrong, code=2)
    assert not path.exists()


def test_it_replaces_nothing(world: World, tmp_path: Path) -> None:
    """Neither a file, nor a link, nor anything in the vault; and then nothing is logged."""
    path = tmp_path / "report.html"
    path.write_text("mine")
    before = len(world.log())
    world("pia", "log", "report", "-o", path, code=15)
    world("pia", "log", "report", "-o", world.vault / "report.html", code=15)
    world("pia", "log", "report", code=2)
    assert path.read_text() == "mine"
    assert len(world.log()) == before


def test_a_log_that_is_wrong_is_reported_as_wrong(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The report is made, says so on top, and the exit code is 21."""
    from dataclasses import replace

    from vault.audit import Audit, Problem
    from vault.session import Session

    real = Session.audit
    problem = Problem("access", 0, "its signature is <b>false</b>", "SignatureError")

    def audit(self: Session, **said: object) -> Audit:
        return replace(real(self, **said), problems=(problem,))  # type: ignore[arg-type]

    monkeypatch.setattr(Session, "audit", audit)
    path = tmp_path / "report.html"
    world("pia", "log", "report", "-o", path, code=21)
    text = path.read_text()
    assert "Not valid" in text
    assert "its signature is &lt;b&gt;false&lt;/b&gt;" in text


def test_of_many_problems_the_first_ones_are_seen_at_once(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten, how many there are, and the rest folded: the verdict does not drown in them."""
    from dataclasses import replace

    from vault.audit import Audit, Problem
    from vault.session import Session

    real = Session.audit
    problems = tuple(Problem("access", at, "it is wrong", "SignatureError") for at in range(990))

    def audit(self: Session, **said: object) -> Audit:
        return replace(real(self, **said), problems=problems)  # type: ignore[arg-type]

    monkeypatch.setattr(Session, "audit", audit)
    path = tmp_path / "report.html"
    world("pia", "log", "report", "-o", path, code=21)
    verdict = path.read_text().split('class="verdict invalid"')[1].split("</div>")[0]
    seen, folded = verdict.split("<details>")
    assert (seen.count("<li>"), folded.count("<li>")) == (10, 980)
    assert "the first 10 of 990" in seen
