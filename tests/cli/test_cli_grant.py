"""`evault case grant`: a whole case or three records of it, for a week; and then nothing."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli_kit import EVIDENCE, NAMES, REF, TITLE, World

from vault.cli import times
from vault.errors import UsageError
from vault.session import Session

WEEK = 7 * 86_400
THREE = ("carta.txt", "correo.eml", "foto.bin")
FOR = ("--purpose", "preparation")


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Lets everybody's clock run ahead by some seconds."""
    real = Session.open

    def move(by: int) -> None:
        ahead = functools.partial(real, clock=lambda: time.time() + by)
        monkeypatch.setattr(Session, "open", ahead)

    return move


def grant(world: World, *more: object, **settings: Any) -> list[dict[str, Any]]:
    """Ana grants carla three records."""
    records = [part for name in THREE for part in ("--records", world.records[name])]
    argv = ("case", "grant", REF, NAMES["carla"], *records, *more)
    return world.json("ana", *argv, **settings)


def listed(world: World, who: str = "carla") -> dict[str, str]:
    """What somebody sees: names by id."""
    return {seen["record"]: seen["name"] for seen in world.json(who, "list")}


def stored(world: World) -> bytes:
    """All bytes of the database and of the files beside it."""
    return b"".join(path.read_bytes() for path in sorted(world.vault.glob("vault.db*")))


def seals(world: World) -> list[bytes]:
    """The sealed secrets that are stored."""
    import sqlite3

    connection = sqlite3.connect(world.vault / "vault.db")
    try:
        return [seal for (seal,) in connection.execute("select seal from record_grant")]
    finally:
        connection.close()


def test_three_labels_for_a_week_and_no_more(
    world: World, tmp_path: Path, later: Callable[[int], None]
) -> None:
    """She lists, shows and gets exactly these; a week later there is nothing, and exit code 30."""
    (granted,) = grant(world, "--until", "7d")
    three = [world.records[name] for name in THREE]
    assert (granted["type"], granted["case"], granted["member"], granted["records"]) == (
        "grant",
        world.case,
        world.members["carla"],
        three,
    )
    assert granted["until"].endswith("Z")
    assert set(listed(world)) == set(three)
    out = tmp_path / "three"
    got = world.json("carla", "get", *three, "-o", f"{out}/", *FOR, "--why", "para la vista")
    assert {Path(one["path"]).read_bytes() for one in got} == {EVIDENCE[name] for name in THREE}
    other = world.records["sub/vacío.txt"]
    for argv in (("get", other, "-o", tmp_path / "x", *FOR), ("view", other, *FOR)):
        world("carla", *argv, code=30)
        assert world.log()[-1]["outcome"] == "refused"
    world("carla", "show", other, code=30)
    assert not (tmp_path / "x").exists()
    later(WEEK + 60)
    assert listed(world) == {}
    assert "no record is granted to you now" in world("carla", "list").err
    world("carla", "list", "--case", REF, code=30)
    world("carla", "show", three[0], code=30)
    assert seals(world)
    world("carla", "get", three[0], "-o", tmp_path / "y", *FOR, code=30)
    assert seals(world) == []
    assert not (tmp_path / "y").exists()


def test_after_a_revocation_nothing_is_left(world: World, tmp_path: Path) -> None:
    """At once, and not a trace of what was sealed in the vault's files."""
    grant(world)
    three, sealed = [world.records[name] for name in THREE], seals(world)
    assert len(sealed) == 3
    assert all(seal in stored(world) for seal in sealed)
    world("carla", "get", three[0], "-o", tmp_path / "one", *FOR)
    (revoked,) = world.json("ana", "case", "revoke", REF, NAMES["carla"])
    assert revoked["opened"] == three[:1]
    assert set(revoked["could_have_opened"]) == set(three)
    assert seals(world) == []
    assert not any(seal in stored(world) for seal in sealed)
    assert listed(world) == {}
    world("carla", "get", three[0], "-o", tmp_path / "two", *FOR, code=30)
    assert world.log()[-1]["outcome"] == "refused"


def test_what_she_is_told_of_a_case_that_she_does_not_hold(world: World) -> None:
    """The reference, never the title; her own accesses; who stored it is unknown to her."""
    grant(world, "--until", "2w")
    record = world.records["carta.txt"]
    world("carla", "show", record, *FOR)
    texts = [
        world("carla", *argv).out
        for argv in (("list",), ("show", record), ("status",), ("case", "show", REF))
    ]
    assert all(REF in text and TITLE not in text for text in texts)
    assert "unknown to you" in texts[1]
    assert "you can see 3 records of the case" in texts[2]
    assert "until" in texts[2]
    assert NAMES["carla"] in texts[3]
    (seen,) = world.json("carla", "show", record)
    assert (seen["deposited_by"], seen["deposited_at"], seen["entry"]) == (None, None, None)
    (status,) = world.json("carla", "status")
    assert [len(one["records"]) for one in status["granted"]] == [3]
    own = [entry for entry in world.json("carla", "log", "list") if entry.get("kind")]
    assert [(entry["kind"], entry["actor"]) for entry in own] == [
        ("release", world.members["carla"])
    ]


def test_holders_see_who_was_granted_what(world: World) -> None:
    """`case show` names them, how many and until when; others do not see it there."""
    (granted,) = grant(world, "--until", "2w")
    (case,) = world.json("ana", "case", "show", REF)
    assert case["record_grants"] == [
        {
            "member": world.members["carla"],
            "member_name": NAMES["carla"],
            "records": granted["records"],
            "until": granted["until"],
        }
    ]
    assert "3 records until" in world("ana", "case", "show", REF).out
    (case,) = world.json("pia", "case", "show", REF)
    assert case["record_grants"] == []
    world("ana", "case", "grant", REF, NAMES["carla"])
    (case,) = world.json("ana", "case", "show", REF)
    assert case["record_grants"] == []


def test_records_come_from_a_file_or_standard_input(world: World, tmp_path: Path) -> None:
    """One on each line, full ids or their beginnings; each counts once."""
    names = [world.records[name] for name in THREE]
    file = tmp_path / "list.txt"
    file.write_text(f"{names[0][:10]}\n\n{names[1]}\r\n")
    argv = ("case", "grant", REF, NAMES["carla"])
    (granted,) = world.json("ana", *argv, "--records", file, "--records", names[0])
    assert granted["records"] == names[:2]
    assert granted["until"] is None
    (granted,) = world.json("ana", *argv, "--records", "-", stdin=names[2].upper().encode())
    assert granted["records"] == names[2:]
    assert len(listed(world)) == 3


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", 2),
        (b"not an id!\n", 2),
        (b"\xff\xfe\n", 2),
        (b"abcd" * 7 + b"\n", 2),
        (b"aaaaaaaaaaaaaaaa\n", 13),
        (None, 15),
    ],
)
def test_a_bad_list_grants_nothing(
    world: World, tmp_path: Path, content: bytes | None, code: int
) -> None:
    """One that is empty, no list, of records that are none, or not there."""
    file = tmp_path / "list.txt"
    if content is not None:
        file.write_bytes(content)
    world("ana", "case", "grant", REF, NAMES["carla"], "--records", file, code=code)
    assert listed(world) == {}


def test_a_whole_case_can_end_as_well(world: World, later: Callable[[int], None]) -> None:
    """`--until` without `--records`; afterwards the holder has nothing any more."""
    argv = ("case", "grant", REF, NAMES["carla"], "--until", "2w")
    (granted,) = world.json("ana", *argv)
    assert granted["records"] is None
    assert granted["until"] is not None
    assert len(listed(world)) == len(EVIDENCE)
    later(2 * WEEK + 60)
    assert listed(world) == {}


@pytest.mark.parametrize("text", ["yesterday", "2020-01-01", "0d", "7 d", "1e3d", "2026-02-30", ""])
def test_what_is_no_time_to_come_is_refused(world: World, text: str) -> None:
    """Before anything is granted."""
    grant(world, f"--until={text}", code=2)
    assert listed(world) == {}


def test_who_may_not_grant_is_refused_and_it_is_logged(world: World) -> None:
    """An attorney who holds the case, and who does not hold it."""
    record = world.records["carta.txt"]
    for who, to in (("ben", "carla"), ("carla", "ben")):
        world(who, "case", "grant", REF, NAMES[to], "--records", record, code=30)
        assert (world.log()[-1]["kind"], world.log()[-1]["outcome"]) == (
            "records-granted",
            "refused",
        )


def test_an_end_that_no_calendar_has_is_shown(world: World) -> None:
    """Another program may grant until any number that a note can hold."""
    until = 2**53 - 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(times, "until", lambda *_: until)
        assert grant(world, "--until", "7d")[0]["until"] == "9999-12-31T23:59:59Z"
    for argv in (("status",), ("case", "show", REF), ("list",)):
        world("carla", *argv)


def test_times() -> None:
    """For how long, a date, a moment; without a zone in UTC."""
    now = 1_770_000_000
    assert times.until("7d", now) == now + WEEK
    assert times.until("2w", now) == now + 2 * WEEK
    assert times.until("12h", now) == now + 12 * 3600
    assert times.until("2026-05-01", now) == 1_777_593_600
    for text in ("2026-05-01T18:00", "2026-05-01T18:00:00Z", "2026-05-01 20:00+02:00"):
        assert times.until(text, now) == 1_777_593_600 + 18 * 3600
    for text in ("999999w", "9999-12-31T23:59:59-23:59", "2026-05-01T25:00", "20260501"):
        with pytest.raises(UsageError):
            times.until(text, now)
