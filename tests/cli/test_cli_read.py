"""`evault list`, `show` and `view`: what holders see, and nobody else."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from cli_kit import EVIDENCE, NAMES, REF, TITLE, World

from vault.cli import screen
from vault.cli.text import visible


def test_list_has_an_object_for_each_record(world: World) -> None:
    """Labels: ids, title, name, size, hash, type. Nothing of it needs a release."""
    listed = world.json("ben", "list")
    assert {entry["name"].removeprefix("evidence/"): entry["sha256"] for entry in listed} == {
        name: hashlib.sha256(data).hexdigest() for name, data in EVIDENCE.items()
    }
    for entry in listed:
        assert entry["type"] == "record"
        assert entry["case"] == world.case
        assert entry["title"] is None
        assert entry["size"] == len(EVIDENCE[entry["name"].removeprefix("evidence/")])
        assert set(entry) >= {"record", "deposit", "media_type"}
    assert [entry["kind"] for entry in world.log()] == ["deposit"]
    assert world.json("ben", "list", "--case", TITLE) == listed
    assert world.json("carla", "list") == world.json("pia", "list") == []
    world("carla", "list", "--case", REF, code=30)
    world("ben", "list", "--case", "no such", code=13)


def test_people_get_a_table_with_ids_that_work(world: World) -> None:
    """Short ids are enough for the next command; tricks in names are spelt out."""
    shown = world("ben", "list").out
    assert "\\u202egnp.txt" in shown
    assert "\u202e" not in shown
    first = shown.splitlines()[1].split()[0]
    assert world.json("ben", "show", first)[0]["record"].startswith(first)


def test_show_without_a_purpose_is_the_label_and_its_origin(world: World) -> None:
    """Who stored it when, and where in the log; no particulars, no entry."""
    found = world.json("ben", "show", world.records["carta.txt"])[0]
    assert found["deposited_by"] == world.members["ana"]
    assert found["deposited_by_name"] == NAMES["ana"]
    assert found["deposited_at"].endswith("Z")
    assert found["entry"] == 0
    assert found["media_type"] == "text/plain"
    assert "particulars" not in found
    assert len(world.log()) == 1
    assert "Ana Ruiz" in world("ben", "show", world.records["carta.txt"]).out


def test_show_with_a_purpose_is_a_release(world: World) -> None:
    """The particulars, and an entry with disposition, purpose and, for holders, the words."""
    why = "para la audiencia\nde mayo"
    command = ("show", world.records["carta.txt"], "--purpose", "hearing", "--why", why)
    found = world.json("ben", *command)[0]
    assert found["particulars"]["path"]["basis"] == "observed"
    seen = world.json("ana", "log", "list")[-1]
    assert seen["index"] == found["release"]
    assert (seen["kind"], seen["disposition"], seen["purpose"]) == ("release", "view", "hearing")
    assert seen["why"] == why
    assert "why" not in world.log()[-1]
    shown = world("ben", *command[:4]).out
    assert "Observed by evault" in shown
    world("ben", "show", world.records["carta.txt"], "--why", why, code=2)


@pytest.mark.parametrize("who", ["pia", "carla"])
def test_who_does_not_hold_the_case_is_refused_and_logged(world: World, who: str) -> None:
    """An auditor and a member without a grant: 30, and for each request an entry."""
    record = world.records["carta.txt"]
    world(who, "show", record, code=30)
    for command in (
        ("show", record, "--purpose", "review"),
        ("view", record, "--purpose", "review"),
        ("get", record, "-o", world.root / "out", "--purpose", "review"),
        ("get", record, "-o", "-", "--purpose", "review"),
    ):
        result = world(who, *command, code=30)
        assert result.out == ""
        assert "entry" in result.err
    assert not (world.root / "out").exists()
    refused = [entry for entry in world.log() if entry["outcome"] == "refused"]
    assert len(refused) == 4
    assert {entry["actor"] for entry in refused} == {world.members[who]}
    assert all(entry["records"] == [record] for entry in refused)


@pytest.mark.parametrize("purpose", ["", "curiosity", "REVIEW "])
def test_a_purpose_that_is_none(world: World, purpose: str) -> None:
    """A mistake in usage that lists the purposes; nothing is asked for."""
    record = world.records["carta.txt"]
    for command in (("show",), ("view",), ("get", "-o", world.root / "out")):
        result = world("ben", *command, record, "--purpose", purpose, code=2)
        assert "verification" in result.err
    for command in (("view", record), ("get", record, "-o", world.root / "out")):
        assert "--purpose" in world("ben", *command, code=2).err
    assert len(world.log()) == 1


@pytest.mark.parametrize("record", ["zzzz", "abc", "", "a" * 26, "ABCD1890", "a" * 100, "é" * 5])
def test_a_record_that_is_none(world: World, record: str) -> None:
    """Exit code 13, for every verb that names one."""
    for command in (
        ("show", record),
        ("view", record, "--purpose", "review"),
        ("get", record, "-o", world.root / "out", "--purpose", "review"),
    ):
        world("ben", *command, code=13)


def test_view_shows_text_without_tricks(world: World) -> None:
    """Escape sequences are spelt out, the look is logged, a receipt follows, no file appears."""
    before = sorted(world.root.glob("*"))
    shown = world("ben", "view", world.records["carta.txt"], "--purpose", "review")
    assert shown.out == "Esperaron a las siete. \\x1b[2J\n"
    assert [entry["kind"] for entry in world.log()] == ["deposit", "release", "receipt"]
    assert world.log()[1]["disposition"] == "view"
    assert sorted(world.root.glob("*")) == before


def test_view_of_mail(world: World) -> None:
    """Headers, the body as text, and what is attached."""
    shown = world("ben", "view", world.records["correo.eml"], "--purpose", "review").out
    assert "From: José <jose@example.org>" in shown
    assert "Eran las siete." in shown
    assert "acta.pdf  application/pdf  4 B" in shown
    assert "steal" not in shown


def test_view_of_what_is_no_text_asks_for_nothing(world: World) -> None:
    """Exit code 23 and a way out; the log does not speak of a look that nobody had."""
    result = world("ben", "view", world.records["foto.bin"], "--purpose", "review", code=23)
    assert "evault get" in result.err
    assert len(world.log()) == 1
    empty = world("ben", "view", world.records["sub/vacío.txt"], "--purpose", "review")
    assert (empty.out, "empty" in empty.err) == ("", True)
    world("ben", "--json", "view", world.records["carta.txt"], "--purpose", "review", code=2)


@pytest.mark.parametrize(
    ("kind", "data", "expected"),
    [
        ("text/plain", b"a\r\nb\tc", "a\nb\tc"),
        ("text/plain", "ñ".encode("utf-16"), "ñ"),
        ("text/plain", "ñ".encode("utf-8-sig"), "ñ"),
        ("text/plain", "ñ".encode("utf-32"), "ñ"),
        ("text/plain", "señal".encode("latin-1"), "señal"),
        ("text/csv", b"a,b\n\x00\x07\x9b", "a,b\n\\x00\\x07›"),
        ("application/json", b'{"a":"\x1b"}', '{"a":"\\x1b"}'),
        ("image/svg+xml", b"<svg/>", "<svg/>"),
        ("text/html", b"<p>a<br>b</p><p>c", "a\nb\n\nc"),
        ("text/html", b"<a href='javascript:x'>y</a>", "y <javascript:x>"),
        ("text/html", b"<style>x</style><title>t</title>&lt;b&gt;&#27;\x1b[2J", "t<b>\\x1b[2J"),
        ("text/html", b"<table><tr><td>1</td><td>2</td></tr></table>", "1 \t 2"),
        ("text/html", b"<img alt='una foto'><img>", "[una foto][picture]"),
        ("text/html", b"</script></div><!-- x --><", "<"),
        ("message/rfc822", b"no mail at all", "no mail at all"),
        ("message/rfc822", b"", ""),
        ("message/rfc822", b"Subject: a\n b\n\nbody\n", "Subject: a b\n\nbody"),
    ],
)
def test_reduction_to_text(kind: str, data: bytes, expected: str) -> None:
    """Old encodings, broken markup and no mail at all become text that can be read."""
    assert screen.to_text(kind, data).strip() == expected


@pytest.mark.parametrize(
    "mail",
    [
        b"Content-Type: text/plain; charset=klingon\n\nhola",
        b"Content-Type: multipart/mixed; boundary=x\n\n--x\n--x--",
        b"Content-Type: text/plain\nContent-Transfer-Encoding: base64\n\n!!!",
        b"From: =?utf-8?b?////?=\nTo: <<>>,,;:\nDate: \xff\n\nhola",
        b"Content-Type: multipart/alternative\n\n" * 300,
    ],
)
def test_broken_mail_is_shown_as_far_as_it_goes(mail: bytes) -> None:
    """What the parser stumbles over is no reason to show nothing."""
    assert isinstance(screen.to_text("message/rfc822", mail), str)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\x1b[31m\x07\x7f\x9b", "a\\x1b[31m\\x07\\x7f\\x9b"),
        ("a\u202eb\u2066c\u200fd\ufeff", "a\\u202eb\\u2066c\\u200fd\\ufeff"),
        ("a\u2028b\u2029", "a\\u2028b\\u2029"),
        ("a\nb\tc\r", "a\\nb\\tc\\r"),
        ("a\udcffb\ud800", "a\\xffb\\ud800"),
        ("niño مرحبا 👩‍⚖️ می‌خواهم", "niño مرحبا 👩‍⚖️ می‌خواهم"),
        ("tag\U000e0041", "tag\\U000e0041"),
        ("[red]x[/red] {y} %s", "[red]x[/red] {y} %s"),
    ],
)
def test_tricky_characters_are_spelt_out(text: str, expected: str) -> None:
    """And those that scripts and emoji need are left alone."""
    assert visible(text) == expected


def test_tricks_in_names_reach_no_terminal(world: World) -> None:
    """Titles, references, notes and reasons with escapes, markup and braces, in every view."""
    tricky = "x\x1b]0;t\x07[bold]{name}\u202e\n%s"
    path = world.root / "evidence" / "carta.txt"
    case = world.json("ana", "case", "open", tricky, "--ref", tricky)[0]["case"]
    options = ("--title", tricky, "--source", tricky, "--note", tricky)
    (record,) = world.json("ana", "add", path, "--case", case, *options)
    world("ana", "case", "grant", case, NAMES["ben"])
    outputs: list[Any] = [
        world("ana", "case", "list"),
        world("ana", "case", "show", case),
        world("ben", "list"),
        world("ben", "show", record["record"], "--purpose", "review", "--why", tricky),
        world("ben", "log", "list"),
        world("ana", "case", "show", tricky + "?", code=13),
        world("ana", "add", path, "--case", tricky),
    ]
    for result in outputs:
        for text in (result.out, result.err):
            assert not set(text) & set("\x1b\x07\u202e\r")
        assert "[bold]{name}" in result.out + result.err
