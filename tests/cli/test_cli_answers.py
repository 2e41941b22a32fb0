"""What the log's questions say where names are shared, entries are for others, or nothing is."""

from __future__ import annotations

import re
import sqlite3
import unicodedata
from pathlib import Path

import pytest
from cli_kit import NAMES, REF, World, copy

from vault.visible import visible

FOR = ("--purpose", "filing", "--why", "una estrategia")


def newcomer(world: World, who: str, name: str, role: str = "attorney") -> str:
    """Somebody more, who is added and joins; their id."""
    member: str = world.json(who, "identity", "create", name, "--kdf-memory", 64)[0]["member"]
    contact = world(who, "identity", "contact").raw
    world("ana", "member", "add", "-", "--role", role, stdin=contact)
    world(who, "join", world.vault, "--fingerprint", world.fingerprint)
    return member


def opens(world: World, who: str, name: str = "carta.txt") -> None:
    """Somebody retrieves a record."""
    place = world.root / f"{who}-{name}"
    world(who, "get", world.records[name], "-o", place, *FOR)
    place.unlink()


# --- whose name it is -----------------------------------------------------------------------------


def test_the_name_of_several_means_none_of_them(world: World) -> None:
    """Also where all but one were removed, or two of them were not."""
    former = newcomer(world, "max1", "Max")
    world("ana", "case", "grant", REF, former)
    opens(world, "max1")
    world("ana", "member", "remove", former)
    present = newcomer(world, "max2", "Max")
    for words in (("what", "Max"), ("list", "--member", "max"), ("denied", "--member", "Max")):
        result = world("pia", "--json", "log", *words, code=13)
        assert (result.error["code"], result.raw) == ("ambiguous", b"")
    told = world("pia", "log", "what", "Max", code=13).err
    assert f"{former[:8]} (Max, former: member from 20" in told
    assert f"{present[:8]} (Max, member since 20" in told
    assert [one["count"] for one in world.json("pia", "log", "what", former[:8])] == [1]
    assert world.json("pia", "log", "what", present[:8]) == []
    newcomer(world, "max3", "Max")
    world("pia", "log", "what", "Max", code=13)
    # Who acts on members means those of now.
    world("ana", "member", "remove", present)
    world("ana", "member", "suspend", "Max")


def test_members_of_one_name_are_told_apart(world: World) -> None:
    """In every sentence and table, and only where it is needed; letters and space do not help."""
    former = newcomer(world, "max1", "Max")
    world("ana", "case", "grant", REF, former)
    opens(world, "max1")
    opens(world, "ben")
    assert "Max (attorney) opened" in world("pia", "log", "list").out
    world("ana", "member", "remove", former)
    present = newcomer(world, "max2", "MAX ")
    world("max2", "get", world.records["carta.txt"], "-o", world.root / "x", *FOR, code=30)
    listed = world("pia", "log", "list").out
    assert f"Max [{former[:8]}] (attorney) opened" in listed
    assert f"MAX [{present[:8]}]" in listed.replace("MAX  ", "MAX ")
    assert f"{NAMES['ben']} (attorney) opened" in listed
    assert f"Max [{former[:8]}]" in world("pia", "log", "who", REF).out
    assert f"Max [{former[:8]}]" in world("pia", "log", "what", former).out


def test_cases_of_one_reference_are_told_apart(world: World) -> None:
    """Neither is taken for the other, and both are named."""
    other = world.json("ana", "case", "open", "Another", "--ref", REF)[0]["case"]
    for words in (("who", REF), ("list", "--case", REF), ("what", "Ana Ruiz", "--case", REF)):
        result = world("pia", "--json", "log", *words, code=13)
        assert result.error["message"] == f"more than one case fits '{REF}'"
    told = world("pia", "log", "who", REF, code=13).err
    assert all(f"{case[:8]} ({REF}, opened 20" in told for case in (world.case, other))
    assert f"case {REF} [{world.case[:8]}]" in world("pia", "log", "list").out
    assert "nobody opened it" in world("pia", "log", "who", other).out


def test_a_collector_is_asked_for_by_the_ticket(world: World) -> None:
    """By its id, the beginning of it, or as the log calls it."""
    issued = world.json("ana", "ticket", "issue", REF, "--until", "2w", "-o", world.root / "t")[0]
    source, parcel = world.root / "one.txt", world.root / "one.parcel"
    source.write_text("seen")
    world("nobody", "collect", world.root / "t", source, "-o", parcel, EVAULT_PASSPHRASE="")
    world("pia", "accept", parcel)
    name = issued["ticket"]
    entry = world.log()[-1]
    assert entry["actor"] == name
    for text in (name, name[:6], f"ticket {name[:8]}", f"Ticket {name[:5]}"):
        assert world.json("pia", "log", "list", "--member", text) == [entry]
    shown = world("pia", "log", "what", f"ticket {name[:8]}").out
    assert f"ticket {name[:8]} opened nothing" in shown
    world("pia", "log", "what", "ticket zzzz", code=13)


def test_a_name_is_taken_as_it_is_shown(world: World) -> None:
    """Copied from the screen, with what is unseen spelt out, or composed in the other way."""
    name = "Zoë \u202eeman\u202c"
    newcomer(world, "zoe", name)
    for text in (name, visible(name), unicodedata.normalize("NFD", name)):
        world("pia", "log", "what", text)
        assert world.json("pia", "log", "list", "--member", text) == []
    told = world("pia", "log", "what", "Zo\u202e", code=13).err
    assert "no member 'Zo\\u202e'" in told


# --- what is for others ---------------------------------------------------------------------------


def test_what_the_asker_cannot_see_is_never_a_fact(world: World) -> None:
    """A case that one does not hold is named as such, first; what did not open is counted, last."""
    opens(world, "ben")
    world("pia", "get", world.records["carta.txt"], "-o", world.root / "x", *FOR, code=30)
    size = len(world.log())
    assert size == 4
    record = world.records["carta.txt"]
    for words in (
        ("who", REF),
        ("who", record),
        ("denied", "--case", REF),
        ("list", "--case", REF),
        ("what", NAMES["ben"], "--case", REF),
    ):
        lines = world("carla", "log", *words).out.splitlines()
        assert (
            lines[0] == f"You do not hold the case {REF}: what was done in it is not all for you."
        )
        assert lines[-1] == "4 entries are not for you"
        *_rest, last = world.json("carla", "log", *words)
        assert last == {"type": "unopened", "schema": 1, "count": size}
        for who in ("ana", "pia"):
            shown = world(who, "log", *words).out
            assert "do not hold" not in shown
            assert "not for you" not in shown
            assert "unopened" not in {one["type"] for one in world.json(who, "log", *words)}
    assert "nobody opened it, as far as you may see" in world("carla", "log", "who", REF).out
    for words in (("denied",), ("what", "Ana Ruiz"), ("list", "--kind", "release")):
        assert "4 entries are not for you" in world("carla", "log", *words).out
        assert world.json("carla", "log", *words)[-1]["count"] == size
    # Where each of them is listed, none of them is counted for programs.
    assert [one["type"] for one in world.json("carla", "log", "list")] == ["entry"] * size


def test_that_nothing_was_refused_is_said_of_what_was_looked_at(world: World) -> None:
    """Of everything only where everything was."""
    opens(world, "ben")
    assert world("pia", "log", "denied").out == "nothing was refused\n"
    shown = world("pia", "log", "denied", "--since", "7d").out
    assert shown == "nothing that fits was refused\n"
    shown = world("carla", "log", "denied").out
    assert shown.splitlines()[0] == "nothing that you may see was refused"
    shown = world("carla", "log", "denied", "--kind", "release").out
    assert shown.splitlines()[0] == "nothing that fits and that you may see was refused"


def test_refusals_have_one_outcome(world: World) -> None:
    """Another one cannot be asked for, so none is ignored."""
    assert "--outcome" in world("pia", "log", "denied", "--outcome", "released", code=2).err


def test_a_period_that_ends_before_it_begins_is_refused(world: World) -> None:
    """By everything that takes one, and nothing is written or logged."""
    size = len(world.log())
    out = world.root / "out"
    for words in (
        ("list",),
        ("denied",),
        ("export", "--format", "csv", "-o", out),
        ("report", "-o", out),
    ):
        for ends in (("7d", "30d"), ("2026-03-01", "2026-03-01")):
            argv = ("log", *words, "--since", ends[0], "--until", ends[1])
            told = world("pia", *argv, code=2).err
            assert "--since is not before --until" in told
            assert "hint" in told
    assert not out.exists()
    assert len(world.log()) == size


@pytest.mark.parametrize(
    "time",
    ["1960-01-01", "0001-01-01", "99999w", "1999-12-31T23:59:59.5Z", "1960-01-01T00:00:00.25"],
)
def test_any_time_is_a_time(world: World, time: str) -> None:
    """Before everything, or with a part of a second."""
    assert len(world.json("pia", "log", "list", "--since", time)) == 1
    assert world.json("pia", "log", "list", "--until", time) == []
    found = world.json("pia", "log", "who", REF, "--at", time)
    assert found == []
    assert re.search(r"At \d{4}-\d\d-\d\d ", world("pia", "log", "who", REF, "--at", time).out)


# --- who could ------------------------------------------------------------------------------------


def test_nobody_can_open_what_was_destroyed(tmp_path: Path) -> None:
    """It is said by which entry, to programs too; and how many others must approve."""
    world = copy(tmp_path)
    world("ana", "case", "grant", REF, NAMES["carla"])
    world("ana", "case", "policy", REF, "--approvals", 2)
    record = world.records["carta.txt"]
    assert "with the approval of 2 other holders" in world("pia", "log", "who", REF).out
    could = [one for one in world.json("pia", "log", "who", record) if one["type"] == "could"]
    assert [one["approvals"] for one in could] == [2, 2, 2]
    destroy = ("destroy", record, "--why", "she asked for it")
    name = world("carla", "--json", *destroy, code=31).object["request"]
    world("ben", "approve", name)
    (gone,) = world.json("ana", *destroy)
    for who in ("pia", "ben"):
        (found,) = world.json(who, "log", "who", record)
        assert (found["type"], found["record"], found["entry"]) == ("gone", record, gone["entry"])
        shown = world(who, "log", "who", record).out
        assert f"It was destroyed by entry {gone['entry']}, at 20" in shown
        assert shown.splitlines()[-1].strip() == "nobody"
    # Whoever may not open that entry has the vault's word alone.
    newcomer(world, "dora", "Dora")
    told = world("dora", "log", "who", record).out
    assert f"The vault says that it was destroyed, by entry {gone['entry']}." in told
    # Others of the case are as they were.
    assert "could" in {one["type"] for one in world.json("pia", "log", "who", REF)}
    # Nothing was logged of who asks for it now, so no entry is the refusal.
    refused = world("ben", "--json", "get", record, "-o", tmp_path / "no", *FOR, code=30)
    assert (refused.error["reason"], refused.error["entry"]) == ("destroyed", None)
    assert f"destroyed, by entry {gone['entry']} of" in refused.error["message"]
    told = world("ben", "get", record, "-o", tmp_path / "no", *FOR, code=30).err
    assert "the refusal is entry" not in told


# --- an entry that is not what it was -------------------------------------------------------------


def test_an_altered_entry_hides_no_other(world: World) -> None:
    """Who reads reasons is shown all the same, then told with the code of the log."""
    opens(world, "ben")
    opens(world, "ben", "foto.bin")
    world("ana", "case", "open", "Another", "--ref", "B-2")
    world("ana", "add", "-", "--case", "B-2", stdin=b"not for Ben")
    before = world.json("ben", "log", "list")
    assert [one["kind"] for one in before][1:4:2] == ["release", "release"]
    with sqlite3.connect(world.vault / "vault.db") as database:
        database.execute(
            "UPDATE log_entry SET raw = zeroblob(length(raw)) WHERE log = 1 AND position = 1"
        )
    database.close()
    result = world("ben", "--json", "log", "list", code=21)
    assert [one["index"] for one in result.objects] == [one["index"] for one in before]
    assert [one["index"] for one in result.objects if "problem" in one] == [1]
    assert [one.get("why") for one in result.objects] == [
        None if one["index"] == 1 else one.get("why") for one in before
    ]
    shown = world("ben", "log", "list", "--kind", "release", code=21)
    first, second, last = shown.out.splitlines()
    assert [line.split()[0] for line in (first, second)] == ["1", "3"]
    assert last == "1 entry is not for you"
    assert shown.out.count("NOT VALID") == 1
    assert "evault log verify" in shown.err
    assert "INVALID" in world("ben", "log", "verify", "--from-start", code=21).out


# --- words ----------------------------------------------------------------------------------------


def test_what_left_the_vault_is_said_in_words(world: World) -> None:
    """One entry is one, and each form has its words."""
    out = world.root / "out"
    (found,) = world.json("pia", "log", "disclose", 0, "-o", out)
    assert (found["type"], found["entry"]) == ("disclosed", world.log()[-1]["index"])
    world("pia", "log", "report", "-o", world.root / "r")
    world("pia", "log", "export", "--format", "csv", "-o", world.root / "e")
    shown = world("pia", "log", "list", "--kind", "export").out
    assert "took 1 entry of the access log out of the vault, with what proves it" in shown
    assert "took 2 entries of the access log out of the vault, as a report\n" in shown
    assert "took 3 entries of the access log out of the vault, as a table\n" in shown


def test_mistakes_are_told_in_words(world: World) -> None:
    """No escapes, no insides of the parser, nothing that is not so."""
    told = world("pia", "log", "export", "-o", world.root / "x", code=2).err
    assert "'--format'. Choose from: csv, jsonl\n" in told
    told = world("pia", "log", "show", "abc", code=2).err
    assert "'abc' is not a whole number." in told
    out = world.root / "out"
    world("pia", "log", "disclose", 0, "-o", out)
    result = world("pia", "--json", "verify-proof", out, "--key", "nonsense", code=2)
    assert "'nonsense' is neither a verifier key nor a file" in result.err
    refused = world(
        "carla", "log", "export", "--format", "csv", "-o", world.root / "x", "--case", REF, code=30
    )
    assert "you do not hold the case\n" in refused.err
