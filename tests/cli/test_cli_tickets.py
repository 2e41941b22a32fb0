"""A witness hands something in: tickets and parcels, as people type them."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import time
from pathlib import Path

import cli_kit
import pytest
from cli_kit import NAMES, REF, World


@pytest.fixture
def world(tmp_path: Path) -> World:
    """The story so far, and a ticket."""
    return cli_kit.copy(tmp_path)


def issue(world: World, *more: object, code: int = 0, **env: str) -> Path:
    """Ana issues a ticket for a week."""
    path = world.root / "field.ticket"
    world("ana", "ticket", "issue", REF, "--until", "7d", "-o", path, *more, code=code, **env)
    return path


def field(world: World, *argv: object, code: int = 0, **env: str) -> cli_kit.Result:
    """Somebody without a vault and an identity."""
    nobody = cli_kit.environment(world.root / "nobody", EVAULT_PASSPHRASE="", **env)
    result = cli_kit.run(nobody, *argv)
    assert result.code == code, (argv, result.out, result.err)
    return result


def collect(world: World, ticket: Path, name: str = "one", *more: object, code: int = 0) -> Path:
    """A collector makes a parcel of a file."""
    source, path = world.root / f"{name}.txt", world.root / f"{name}.parcel"
    source.write_text(f"what {name} saw")
    field(world, "collect", ticket, source, "-o", path, *more, code=code)
    return path


def test_the_whole_way(world: World) -> None:
    """A ticket goes out, a parcel comes in through anybody, holders read it, and lists and the log
    say that it was a ticket and nobody's name."""
    told = world.json("ana", "ticket", "issue", REF, "--until", "2w", "-o", world.root / "t")[0]
    assert told["case"] == world.case
    assert not told["protected"]
    path = collect(world, world.root / "t", "one", "--fingerprint", told["fingerprint"])
    assert not (world.root / "nobody").exists()
    (kept,) = world.json("pia", "accept", path)
    assert (kept["type"], kept["count"], kept["exposed"]) == ("accepted", 1, False)
    assert kept["ticket"] == told["ticket"]
    (record,) = [one for one in world.json("ben", "list") if one["name"] == "one.txt"]
    got = world("ben", "get", record["record"], "-o", "-", "--purpose", "review")
    assert got.raw == b"what one saw"
    (shown,) = world.json("ben", "show", record["record"], "--purpose", "review")
    assert shown["deposited_by_name"] == f"ticket {told['ticket'][:8]}"
    assert shown["ticket"] == told["ticket"]
    assert "path" not in shown["particulars"]
    entry = next(one for one in world.log() if one["index"] == kept["entry"])
    assert (entry["actor"], entry["actor_name"]) == (told["ticket"], shown["deposited_by_name"])
    assert not {"Ana Ruiz", NAMES["pia"]} & {entry["actor_name"], entry["actor"]}
    world("pia", "check")
    assert world.json("pia", "log", "verify")[0]["type"] != "problem"
    (listed,) = world.json("ben", "ticket", "list")
    assert (listed["state"], listed["keys_changed"]) == ("open", False)


def test_a_ticket_under_a_passphrase(world: World) -> None:
    """A protected ticket is of no use without its passphrase."""
    secret = "a quite different secret"
    ticket = issue(world, "--protect", EVAULT_NEW_PASSPHRASE=secret)
    source = world.root / "one.txt"
    source.write_text("seen")
    argv = "collect", ticket, source, "-o", world.root / "p"
    field(world, *argv, code=11)
    nobody = cli_kit.environment(world.root / "nobody")
    assert cli_kit.run({**nobody, "EVAULT_PASSPHRASE": "wrong and long"}, *argv).code == 12
    assert not (world.root / "p").exists()
    assert cli_kit.run({**nobody, "EVAULT_PASSPHRASE": secret}, *argv).code == 0
    world("ben", "accept", world.root / "p")


def test_a_revoked_ticket(world: World) -> None:
    """After `ticket revoke` its parcels are refused, with the reason and the entry."""
    ticket = issue(world)
    path = collect(world, ticket)
    name = world.json("ana", "ticket", "list")[0]["ticket"]
    world("ben", "ticket", "revoke", name[:6], code=30)
    world("ana", "ticket", "revoke", name[:6])
    refused = world("ana", "--json", "accept", path, code=30)
    assert refused.error["reason"] == "ticket-revoked"
    assert refused.error["entry"] == world.log()[-1]["index"]
    assert world.json("ana", "ticket", "list")[0]["state"] == "revoked"
    world("ana", "ticket", "revoke", "zzzz", code=13)


def test_a_parcel_twice_damaged_or_none(world: World) -> None:
    """Each is one clear line and its exit code, and nothing of it stays."""
    path = collect(world, issue(world))
    blobs = world.blobs
    whole = path.read_bytes()
    for data, code in ((whole[:-5], 20), (whole[: len(whole) // 2], 20), (b"hello", 23), (b"", 23)):
        path.write_bytes(data)
        result = world("ana", "accept", path, code=code)
        assert len([line for line in result.err.splitlines() if "error:" in line]) == 1
    assert world.blobs == blobs
    world("ana", "accept", world.root / "none", code=15)
    path.write_bytes(whole)
    world("ana", "accept", path)
    assert "before" in world("ben", "accept", path, code=30).err


def test_a_false_ticket_or_fingerprint(world: World) -> None:
    """A collector is told, and no parcel is made for somebody else."""
    ticket = issue(world)
    out = collect(world, ticket, "one", "--fingerprint", "00" * 32, code=21)
    whole = ticket.read_text().splitlines()
    ticket.write_text("\n".join([*whole[:20], whole[20][::-1], *whole[21:]]))
    field(world, "collect", ticket, world.root / "one.txt", "-o", out, code=23)
    raw = base64.b64decode("".join(whole[1:-1])).replace(b'"expires":1', b'"expires":2')
    ticket.write_text("\n".join([whole[0], base64.b64encode(raw).decode(), whole[-1]]))
    told = field(world, "collect", ticket, world.root / "one.txt", "-o", out, code=20)
    assert "not as its gate signed it" in told.err
    ticket.write_text("-----BEGIN EVAULT TICKET-----\n")
    field(world, "collect", ticket, world.root / "one.txt", "-o", out, code=23)
    assert not out.exists()


def test_nothing_is_overwritten(world: World) -> None:
    """Neither a ticket nor a parcel takes the place of a file; no ticket is issued for nothing."""
    ticket = issue(world)
    issue(world, code=15)
    assert len(world.json("ana", "ticket", "list")) == 1
    collect(world, ticket)
    collect(world, ticket, code=15)


def test_exposed(world: World) -> None:
    """When keys were changed before a parcel came in, `accept`, `list`, `case show`, `status` and
    `check` say so."""
    path = collect(world, issue(world))
    world("ana", "case", "revoke", REF, NAMES["ben"])
    assert any("issue a new one" in text for text in world.json("ana", "status")[0]["warnings"])
    (kept,) = world.json("pia", "accept", path)
    assert kept["exposed"]
    assert [one["name"] for one in world.json("ana", "list") if one["exposed"]] == ["one.txt"]
    assert world.json("ana", "case", "show", REF)[0]["exposed"] == 1
    assert any("is exposed" in text for text in world.json("ana", "status")[0]["warnings"])
    codes = {one["code"] for one in world.json("pia", "check") if one["type"] == "warning"}
    assert "exposed" in codes


@pytest.mark.skipif(not hasattr(os, "O_TMPFILE"), reason="a file without a name is Linux's")
def test_a_killed_collector_leaves_nothing(world: World) -> None:
    """A kill in the middle of a large file leaves no parcel, neither whole nor half."""
    ticket, folder = issue(world), world.root / "out"
    folder.mkdir()
    env = cli_kit.environment(world.root / "nobody")
    argv = cli_kit.command("collect", ticket, "-", "--name", "x", "-o", folder / "p")
    with subprocess.Popen(argv, env=env, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None
        for _ in range(20):
            process.stdin.write(bytes(1 << 20))
        process.stdin.flush()
        time.sleep(0.5)
        assert process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.stdin.close()
        process.wait()
    assert list(folder.iterdir()) == []
