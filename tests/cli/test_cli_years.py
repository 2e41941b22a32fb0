"""An organisation lives with its vault: the whole story of who may do what, as it is typed.

Two stewards, two advocates, two attorneys and an auditor, each with a home of their own.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from cli_kit import World, environment, run

from keys import keyfile
from keys.identity import Identity

PEOPLE = {
    "sol": ("Sol Reyes", "steward"),
    "eva": ("Eva Lund", "advocate"),
    "ben": ("Ben Okafor", "attorney"),
    "lea": ("Léa Haddad", "attorney"),
    "aud": ("Dolores 📚", "auditor"),
}
REF = "2026-014"


class Story(World):
    """The world while the story is told."""

    def identity(self, who: str) -> Identity:
        """Somebody's secret, as a thief with the passphrase would have it."""
        data = (self.root / who / "identity").read_bytes()
        return keyfile.parse(data, self.env(who)["EVAULT_PASSPHRASE"])

    def one(self, who: str, *argv: object, **settings: Any) -> dict[str, Any]:
        """The first JSON object that a command prints."""
        found: dict[str, Any] = self.json(who, *argv, **settings)[0]
        return found


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """Everybody is in, and Ana and Eva, advocates, hold a case with Ben, an attorney."""
    story = Story(tmp_path_factory.mktemp("years") / "world")
    story.root.mkdir()
    story.one("ana", "identity", "create", "Ana Ruiz", "--kdf-memory", 64)
    story.fingerprint = story.one("ana", "init", story.vault)["fingerprint"]
    for who, (name, role) in PEOPLE.items():
        made = story.one(who, "identity", "create", name, "--kdf-memory", 64)
        story.members[who] = made["member"]
        contact = story(who, "identity", "contact").raw
        added = story.one("ana", "member", "add", "-", "--role", role, stdin=contact)
        story(who, "join", story.vault, "--fingerprint", story.fingerprint, "--seen", added["seen"])
    story.case = story.one("ana", "case", "open", "Redadas de abril", "--ref", REF)["case"]
    story("ana", "case", "grant", REF, "Eva Lund")
    story("ana", "case", "grant", REF, "Ben Okafor")
    for number in range(6):
        name = f"testimonio {number}.txt"
        data = f"Lo que vi, parte {number}".encode()
        stored = story.one("eva", "add", "-", "--case", REF, "--name", name, stdin=data)
        story.records[name] = stored["record"]
    return story


@pytest.fixture
def story(told: Story, tmp_path: Path) -> Story:
    """An independent copy of it."""
    shutil.copytree(told.root, tmp_path / "world")
    return Story(
        tmp_path / "world", dict(told.records), told.case, dict(told.members), told.fingerprint
    )


def fetch(story: Story, who: str, *argv: object, code: int = 0) -> bytes | None:
    """What somebody gets of a record; nothing must be written if it is refused."""
    target = story.root / f"got by {who}"
    target.unlink(missing_ok=True)
    story(who, "get", *argv, "-o", target, code=code)
    assert target.exists() == (code == 0)
    return target.read_bytes() if code == 0 else None


def test_two_approvals(story: Story) -> None:
    """A retrieval waits for two other holders, holds for exactly its records, and once."""
    story("ana", "case", "policy", REF, "--approvals", 2)
    record, other = list(story.records.values())[:2]
    waits = story(
        "ben", "--json", "get", record, "-o", story.root / "x", "--purpose", "hearing", code=31
    )
    request = next(one for one in waits.objects if one["type"] == "request")
    assert (request["state"], request["needs"]) == ("pending", 2)
    story("ben", "approve", request["request"], code=30)
    assert request["request"][:8] in " ".join(story.one("eva", "status")["waiting"])
    for who in ("ana", "eva"):
        waiting = story.json(who, "requests", "--for-me")
        assert [one["request"] for one in waiting] == [request["request"]]
        assert waiting[0]["records"] == [record]
        state = story.one(who, "approve", request["request"][:8])["state"]
    assert state == "approved"
    given = ("--request", request["request"], "--purpose", "hearing")
    fetch(story, "ben", other, *given, code=30)
    assert fetch(story, "ben", record, *given) == b"Lo que vi, parte 0"
    fetch(story, "ben", record, *given, code=30)
    story("aud", "log", "verify")
    story("aud", "check")


def test_three_records_for_a_week(story: Story) -> None:
    """She sees three labels and no more, and gets exactly these."""
    granted = list(story.records.values())[:3]
    options = [word for record in granted for word in ("--records", record)]
    grant = story.one("ana", "case", "grant", REF, "Léa Haddad", "--until", "7d", *options)
    assert sorted(grant["records"]) == sorted(granted)
    seen = story.json("lea", "list")
    assert sorted(one["record"] for one in seen) == sorted(granted)
    assert fetch(story, "lea", granted[1], "--purpose", "filing") == b"Lo que vi, parte 1"
    fetch(story, "lea", story.records["testimonio 5.txt"], "--purpose", "filing", code=30)
    story("ana", "case", "revoke", REF, "Léa Haddad")
    assert story.json("lea", "list") == []
    fetch(story, "lea", granted[0], "--purpose", "filing", code=30)


def test_a_revoked_attorney_and_one_who_comes_later(story: Story) -> None:
    """30 for old and new at once; who is granted later opens what was stored before."""
    old = story.records["testimonio 0.txt"]
    assert fetch(story, "ben", old, "--purpose", "review") is not None
    kept = story.root / "kept by ben"
    shutil.copytree(story.vault, kept)
    revoked = story.one("ana", "case", "revoke", REF, "Ben Okafor")
    assert revoked["opened"] == [old]
    new = story.one("eva", "add", "-", "--case", REF, stdin=b"after the revocation")["record"]
    for record in (old, new):
        fetch(story, "ben", record, "--purpose", "review", code=30)
    rekeyed = story.one("ana", "case", "rekey", REF)
    assert rekeyed["type"] == "rekeyed"
    # What was stored since is sealed to the new keys already.
    assert rekeyed["deposits"] == 6
    assert rekeyed["confirmed"] is False
    assert any("--confirm" in text for text in story.one("eva", "status")["waiting"])
    confirmed = story.one("eva", "case", "rekey", REF, "--confirm")
    assert confirmed["confirmed"] is True
    story("ana", "case", "grant", REF, "Léa Haddad")
    assert len(story.json("lea", "list")) == 7
    assert fetch(story, "lea", old, "--purpose", "review") == b"Lo que vi, parte 0"
    assert fetch(story, "lea", new, "--purpose", "review") == b"after the revocation"
    for who in ("aud", "lea", "ana"):
        story(who, "log", "verify")
        story(who, "check")


def test_a_steward_who_holds_nothing_removes_a_holder(story: Story) -> None:
    """Rights end, the case is stale, the next holder's act changes its keys."""
    story("sol", "member", "remove", "Ben Okafor", "--why", "left")
    fetch(story, "ben", story.records["testimonio 0.txt"], "--purpose", "review", code=30)
    assert story.one("ana", "case", "show", REF)["stale"] is True
    story.one("eva", "add", "-", "--case", REF, stdin=b"the next act")
    assert story.one("ana", "case", "show", REF)["stale"] is False
    assert len(story.json("ana", "list")) == 7


def test_a_record_is_destroyed_by_two(story: Story) -> None:
    """One asks, another agrees; then it is gone, and that is all that is gone."""
    record = story.records["testimonio 2.txt"]
    story("ana", "destroy", record, "--why", "the witness asks for it", code=31)
    destroyed = story.one("eva", "destroy", record, "--why", "agreed")
    assert destroyed["type"] == "destroyed"
    assert destroyed["record"] == record
    assert record not in [one["record"] for one in story.json("ana", "list")]
    assert fetch(story, "ana", story.records["testimonio 3.txt"], "--purpose", "review")
    story("aud", "check")
    story("aud", "log", "verify")


def test_paper_brings_somebody_back(story: Story) -> None:
    """Three of five pages make an identity, which enrols a laptop and revokes the lost one."""
    pages = story.root / "pages"
    made = story.json("ana", "recovery", "split", "--shares", 5, "--threshold", 3, "-o", pages)
    shares = [one for one in made if one["type"] == "share"]
    assert [one["index"] for one in shares] == [1, 2, 3, 4, 5]
    files = [share["path"] for share in shares]
    story("ana", "recovery", "drill", *files[1:4])
    shutil.move(story.root / "ana", story.root / "seized")
    back = story.root / "back.identity"
    home = environment(story.root / "paper", story.vault)
    assert run(home, "recovery", "combine", *files[:2], "-o", back).code == 2
    assert not back.exists()
    assert run(home, "recovery", "combine", files[0], files[2], files[4], "-o", back).code == 0
    home["EVAULT_IDENTITY"] = str(back)
    assert run(home, "join", story.vault, "--fingerprint", story.fingerprint).code == 0
    story.one("ana", "identity", "create", "Ana Ruiz", "--kdf-memory", 64)
    contact = story("ana", "identity", "contact").raw
    assert run(home, "device", "add", "-", stdin=contact).code == 0
    story("ana", "join", story.vault, "--fingerprint", story.fingerprint)
    assert len(story.json("ana", "list")) == 6
    lost = [one for one in story.json("ana", "device", "list") if one["name"] == "Ana Ruiz"]
    story("ana", "device", "revoke", lost[0]["device"])
    assert run(environment(story.root / "seized", story.vault), "list").code != 0
    story("ana", "case", "grant", REF, "Léa Haddad")


def test_an_orphaned_case_is_saved_by_its_recovery_identity(story: Story) -> None:
    """When no advocate is left, those who keep the shares bring one in."""
    pages = story.root / "pages"
    made = story.json("ana", "recovery", "trust", REF, "--shares", 3, "--threshold", 2, "-o", pages)
    files = [one["path"] for one in made if one["type"] == "share"]
    story("ana", "member", "roles", "Sol Reyes", "--role", "steward", "--role", "advocate")
    story("ana", "member", "remove", "Eva Lund")
    story("sol", "member", "remove", "Ana Ruiz")
    (status,) = story.json("sol", "status")
    assert any("orphaned" in text for text in status["warnings"])
    back = story.root / "back.identity"
    home = environment(story.root / "paper", story.vault)
    assert run(home, "recovery", "combine", *files[1:], "-o", back).code == 0
    home["EVAULT_IDENTITY"] = str(back)
    assert run(home, "join", story.vault, "--fingerprint", story.fingerprint).code == 0
    done = run(home, "case", "grant", REF, "Sol Reyes")
    assert done.code == 0, done.err
    assert len(story.json("sol", "list")) == 6
    assert fetch(story, "sol", story.records["testimonio 4.txt"], "--purpose", "review")
