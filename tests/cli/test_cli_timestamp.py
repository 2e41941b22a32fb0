"""`evault log timestamp` as people use it, with a time-stamping authority on this machine."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import cli_kit
import pytest
import tsa_kit
from cli_kit import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    """The story so far."""
    tsa_kit.need_openssl()
    return cli_kit.copy(tmp_path / "world")


@pytest.fixture
def tsa(tmp_path: Path) -> Iterator[str]:
    """The address of an honest authority."""
    with tsa_kit.served(tmp_path / "tsa") as url:
        yield url


@pytest.fixture
def ca(tmp_path: Path) -> Path:
    """Its root certificate."""
    path = tmp_path / "root.pem"
    path.write_bytes(tsa_kit.root().pem)
    return path


def steps(world: World, who: str = "pia") -> list[tuple[str, str]]:
    """What `log verify` says of time-stamps."""
    verified = world.json(who, "log", "verify")[-1]
    return [
        (one["result"], one["about"]) for one in verified["steps"] if one["step"] == "timestamps"
    ]


def test_an_authority_vouches_for_the_log(world: World, tsa: str, ca: Path) -> None:
    """One command gets, checks and keeps it; everybody who trusts the root can verify it."""
    said = world("ana", "log", "timestamp", "--tsa", tsa, "--ca", ca)
    assert "existed on" in said.out
    assert "An authority" in said.out
    assert "a hash goes to" in said.err
    assert "learns your address" in said.err
    (first, times) = steps(world, "ana")
    assert first[0] == times[0] == "valid"
    assert "entries of the access log existed on" in first[1]
    # Nobody else is made to trust her root.
    ((result, about),) = steps(world)
    assert result == "not-checked"
    assert "no root certificate" in about
    world("pia", "log", "timestamp", "--ca", ca)
    assert {result for result, _ in steps(world)} == {"valid"}


def test_without_a_root_it_is_kept_and_not_checked(world: World, tsa: str, ca: Path) -> None:
    """Three results are never mixed: what could not be checked is said so, and can be later."""
    (said,) = world.json("ana", "log", "timestamp", "--tsa", tsa)
    assert (said["type"], said["result"], said["root"]) == ("timestamp", "not-checked", None)
    assert "was not checked" in world("ana", "log", "timestamp", "--tsa", tsa).err
    assert {result for result, _ in steps(world, "ana")} == {"not-checked"}
    world("ana", "log", "timestamp", "--ca", ca)
    assert {result for result, _ in steps(world, "ana")} == {"valid"}


def test_by_files_that_travel_by_hand(world: World, ca: Path, tmp_path: Path) -> None:
    """The query goes out and the answer comes in as files, also after the log has grown."""
    query, answer = tmp_path / "query", tmp_path / "answer"
    world("ana", "log", "timestamp", "--request", query, "--log", "authority")
    assert query.read_bytes()[:1] == b"\x30"
    world("ana", "log", "timestamp", "--request", query, code=15)
    world("ana", "case", "open", "Another")
    answer.write_bytes(tsa_kit.reply(tmp_path / "tsa", query.read_bytes()))
    (said,) = world.json("ana", "log", "timestamp", "--response", answer, "--ca", ca)
    assert (said["log"], said["result"]) == ("authority", "valid")
    # It is answered: the same answer is not for anything else.
    world("ana", "log", "timestamp", "--response", answer, code=20)
    assert {result for result, _ in steps(world, "ana")} == {"valid"}


def test_an_answer_to_somebody_elses_query_is_refused(
    world: World, ca: Path, tmp_path: Path
) -> None:
    """What this member did not ask is not kept."""
    query, answer = tmp_path / "query", tmp_path / "answer"
    world("ana", "log", "timestamp", "--request", query)
    answer.write_bytes(tsa_kit.reply(tmp_path / "tsa", query.read_bytes()))
    world("ben", "log", "timestamp", "--response", answer, code=20)
    assert steps(world) == []
    answer.write_bytes(b"hello")
    world("ana", "log", "timestamp", "--response", answer, code=23)


def test_status_and_init_urge_a_first_one(world: World, tsa: str, ca: Path, tmp_path: Path) -> None:
    """Early, because nothing can be stamped afterwards; and no more once there is one."""
    env = cli_kit.environment(world.root / "ana")
    made = cli_kit.run(env, "init", tmp_path / "new")
    assert "evault log timestamp --tsa" in made.out
    before = world.json("ana", "status")[0]
    assert before["timestamp"] is None
    assert any("log timestamp" in warning for warning in before["warnings"])
    world("ana", "log", "timestamp", "--tsa", tsa)
    unchecked = world.json("ana", "status")[0]
    assert any("--ca" in warning for warning in unchecked["warnings"])
    world("ana", "log", "timestamp", "--ca", ca)
    after = world.json("ana", "status")[0]
    assert after["timestamp"]["authority"] == "An authority"
    assert not any("stamp" in warning for warning in after["warnings"])
    assert "An authority" in world("ana", "status").out


def test_after_ninety_days_another_one_is_due(world: World, ca: Path, tmp_path: Path) -> None:
    """What was stamped long ago says nothing of what came since."""
    query, answer = tmp_path / "query", tmp_path / "answer"
    world("ana", "log", "timestamp", "--request", query, "--ca", ca)
    answer.write_bytes(tsa_kit.reply(tmp_path / "tsa", query.read_bytes()))
    world("ana", "log", "timestamp", "--response", answer)
    now = time.time()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("vault.session.Session.now", lambda _session: int(now + 91 * 86_400))
        warnings = world.json("ana", "status")[0]["warnings"]
    assert any("the last time-stamp is of" in warning for warning in warnings)


def test_usage(world: World, ca: Path, tmp_path: Path) -> None:
    """One thing at a time; an address is one; roots are roots."""
    world("ana", "log", "timestamp", code=2)
    world("ana", "log", "timestamp", "--tsa", "http://x.invalid", "--request", "q", code=2)
    for url in ("file:///etc/passwd", "ftp://x.invalid/", "http://me:pw@x.invalid/", "x", "http:"):
        world("ana", "log", "timestamp", "--tsa", url, code=2)
    (tmp_path / "leaf.pem").write_bytes(tsa_kit.authority().pem)
    world("ana", "log", "timestamp", "--ca", tmp_path / "leaf.pem", code=23)
    world("ana", "log", "timestamp", "--ca", tmp_path / "none.pem", code=15)
    inside = world.vault / "query"
    world("ana", "log", "timestamp", "--request", inside, code=15)
    assert not inside.exists()


def _elsewhere(handler: BaseHTTPRequestHandler, _query: bytes) -> None:
    tsa_kit.send(handler, b"", 302, Location="file:///etc/passwd")


def _missing(handler: BaseHTTPRequestHandler, _query: bytes) -> None:
    tsa_kit.send(handler, b"<h1>no \x1b[2J</h1>", 404)


def _endless(handler: BaseHTTPRequestHandler, _query: bytes) -> None:
    tsa_kit.send(handler, b"0" * 200_000)


@pytest.mark.parametrize("answer", [_elsewhere, _missing, _endless])
def test_what_does_not_answer_as_it_should_is_told(
    world: World, tmp_path: Path, answer: object
) -> None:
    """A redirection, an error, an answer without end: exit 15, and nothing is kept."""
    with tsa_kit.served(tmp_path / "tsa", answer) as url:
        said = world("ana", "log", "timestamp", "--tsa", url, code=15)
    assert "\x1b" not in said.err
    assert steps(world) == []


def test_nobody_is_sent_elsewhere(world: World, tmp_path: Path) -> None:
    """A redirection is not followed: who learns of the query is whom the user named."""
    asked: list[bytes] = []

    def other(handler: BaseHTTPRequestHandler, query: bytes) -> None:
        asked.append(query)
        tsa_kit.send(handler, b"")

    with tsa_kit.served(tmp_path / "other", other) as there:

        def move(handler: BaseHTTPRequestHandler, _query: bytes) -> None:
            tsa_kit.send(handler, b"", 302, Location=there)

        with tsa_kit.served(tmp_path / "tsa", move) as url:
            world("ana", "log", "timestamp", "--tsa", url, code=15)
    assert asked == []


def test_a_page_instead_of_an_answer_is_malformed(world: World, tmp_path: Path) -> None:
    """What is no time-stamp at all is exit 23."""
    with tsa_kit.served(tmp_path / "tsa", lambda h, _q: tsa_kit.send(h, b"<html>")) as url:
        world("ana", "log", "timestamp", "--tsa", url, code=23)


def test_nobody_there_is_told_quickly(world: World) -> None:
    """Exit 15 with a way to go on by hand."""
    said = world("ana", "log", "timestamp", "--tsa", "http://127.0.0.1:9/", code=15)
    assert "--request" in said.err


def test_who_never_answers_is_left(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither silence nor an answer in drops holds the program for ever."""
    from vault.errors import FileError
    from vault.post import post

    done = threading.Event()

    def drip(handler: BaseHTTPRequestHandler, _query: bytes) -> None:
        handler.send_response(200)
        handler.end_headers()
        while not done.wait(0.1):
            try:
                handler.wfile.write(b"0")
            except OSError:
                return

    def silent(_handler: BaseHTTPRequestHandler, _query: bytes) -> None:
        done.wait(5)

    for answer in (drip, silent):
        done.clear()
        with tsa_kit.served(tmp_path / "tsa", answer) as url:
            start = time.monotonic()
            with pytest.raises(FileError):
                post(url, b"x", wait=0.5)
            assert time.monotonic() - start < 3
            done.set()


def test_a_lying_authority_is_refused(world: World, ca: Path, tmp_path: Path) -> None:
    """One that signs over other bytes, or answers yesterday's query, gets nothing kept."""
    from keys import timestamp

    def other(handler: BaseHTTPRequestHandler, _query: bytes) -> None:
        tsa_kit.send(handler, tsa_kit.reply(tmp_path / "tsa", timestamp.ask(b"other").der))

    with tsa_kit.served(tmp_path / "tsa", other) as url:
        world("ana", "log", "timestamp", "--tsa", url, "--ca", ca, code=20)
    assert steps(world) == []


def test_what_leaves_is_a_hash(world: World, tmp_path: Path) -> None:
    """The query holds the SHA-512 of the checkpoint and nothing else that names the vault."""
    queries: list[bytes] = []

    def answer(handler: BaseHTTPRequestHandler, query: bytes) -> None:
        queries.append(query + str(handler.headers).encode())
        tsa_kit.send(handler, tsa_kit.reply(tmp_path / "tsa", query))

    with tsa_kit.served(tmp_path / "tsa", answer) as url:
        world("ana", "log", "timestamp", "--tsa", url)
    (sent,) = queries
    assert len(sent) < 600
    for name in (b"evault", b"Python", world.members["ana"].encode()):
        assert name not in sent
    text = subprocess.run(
        ["openssl", "ts", "-query", "-in", "/dev/stdin", "-text"],
        input=sent[: sent.index(b"Accept-Encoding")] if b"Accept-Encoding" in sent else sent,
        capture_output=True,
        check=False,
    ).stdout
    assert b"sha512" in text
