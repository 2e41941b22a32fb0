"""A vault that was written when the format was frozen opens today, to the same evidence."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path

import pytest

from keys.identity import Identity
from vault import disclosed
from vault.check import check
from vault.errors import LockedError, LogError
from vault.session import Session
from vault.store.folder import FORMAT

HERE = Path(__file__).parent
GOLDEN = sorted(HERE.glob("vault-*.zip"))
CONTENT = {
    "in/statement.txt": b"They waited outside the clinic at seven in the morning.\n",
    "in/large.bin": bytes(range(256)) * 4100,
    "in/empty": b"",
    "empty": b"",
}


def unpacked(number: int, tmp_path: Path) -> tuple[dict[str, Identity], str]:
    """The people of a frozen vault and its fingerprint; the vault lies in a folder `vault`."""
    with zipfile.ZipFile(HERE / f"vault-{number}.zip") as packed:
        packed.extractall(tmp_path)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    people = {name: Identity(bytes.fromhex(seed), name) for name, seed in manifest["seeds"].items()}
    return people, manifest["fingerprint"]


def test_a_frozen_vault_opens_to_the_same_evidence(tmp_path: Path) -> None:
    """Format 1: everybody in it joins; labels, contents, reasons and logs are what they were."""
    people, fingerprint = unpacked(1, tmp_path)
    sizes = []
    for name, person in people.items():
        home = tmp_path / "homes" / name
        with Session.join(tmp_path / "vault", person, home, fingerprint) as session:
            assert check(session.store, session).problems == []
            assert session.verify()[1] == []
            kinds = [access.kind for access in session.log()]
            assert kinds[:4] == ["deposit", "deposit", "release", "receipt"]
            sizes.append(session.authority.size)
            if name == "Dolores":
                assert list(session.records()) == []
                continue
            assert session.cases()[0].title == "A golden case"
            reasons = [access.why for access in session.log()]
            assert reasons[2] == "a golden reason"
            labels = {listed.id: listed.label.values for listed in session.records()}
            assert [label["title"] for label in labels.values()] == ["A title"] * 3 + [None]
            opened = session.release(list(labels), "verification")
            for got in opened:
                data = b"".join(session.content(got))
                label = labels[got.listed.id]
                assert data == CONTENT[label["name"]]
                assert hashlib.sha256(data).hexdigest() == label["sha256"]
            assert opened[0].particulars.values["source"]["value"] == "invented"
    assert min(sizes) >= 7


def test_years_that_were_frozen_are_what_they_were(tmp_path: Path) -> None:
    """Format 2: somebody was removed, a record destroyed, one granted alone, a case sealed anew."""
    people, fingerprint = unpacked(2, tmp_path)
    names = {"Ana": 3, "Ben": 3, "Eva": 3, "Lea": 1, "Dolores": 0}
    for name, count in names.items():
        home = tmp_path / "homes" / name
        with Session.join(tmp_path / "vault", people[name], home, fingerprint) as session:
            assert check(session.store, session).problems == []
            assert session.verify()[1] == []
            labels = {listed.id: listed.label.values for listed in session.records()}
            assert len(labels) == count
            assert people["Max"].device in session.authority.former_members
            if name == "Dolores":
                (used, gone) = session.requests.all()
                assert (used.state, gone.state) == ("used", "used")
                kinds = {access.kind for access in session.log() if access.opened}
                assert {"request", "approval", "release", "destruction"} <= kinds
                assert {"rekey", "confirmation", "receipt"} <= kinds
    with Session.open(tmp_path / "vault", people["Ana"], tmp_path / "homes" / "Ana") as ana:
        case = ana.cases()[0].id
        ana.requests.file([record.id for record in ana.records(case)], "verification")
        wanted = [record.id for record in ana.records(case)]
        (request,) = ana.requests.all(mine=True)[-1:]
    with Session.open(tmp_path / "vault", people["Eva"], tmp_path / "homes" / "Eva") as eva:
        eva.requests.approve(request.id)
    with Session.open(tmp_path / "vault", people["Ana"], tmp_path / "homes" / "Ana") as ana:
        for got in ana.release(wanted, "verification", request=request.id):
            data, label = b"".join(ana.content(got)), got.listed.label.values
            assert data == CONTENT[label["name"]]
            assert hashlib.sha256(data).hexdigest() == label["sha256"]
    with pytest.raises(LockedError):
        Session.join(tmp_path / "vault", people["Max"], tmp_path / "homes" / "Max", fingerprint)


def test_what_outsiders_had_to_do_with_it_is_what_it_was(tmp_path: Path) -> None:
    """Format 3: a collector's deposit, cosigners, a cosigned head, a time-stamp, a disclosure."""
    people, fingerprint = unpacked(3, tmp_path)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    for name in ("Ana", "Ben", "Eva", "Dolores"):
        home = tmp_path / "homes" / name
        with Session.join(tmp_path / "vault", people[name], home, fingerprint) as session:
            assert check(session.store, session).problems == []
            assert session.verify()[1] == []
            found = session.heads.cosigned()
            assert found is not None
            assert found.names == ("ally.example/golden",)
            assert found.note == manifest["cosigned"].encode()
            session.stamping.trust(manifest["root"].encode())
            (stamped,) = session.stamping.found()
            assert stamped.result == "valid"
            if name != "Dolores":
                assert len(list(session.records())) == 4
            else:
                data = session.heads.disclose(0)
                assert disclosed.verify(data, session.heads.keys()).actor.kind == "deposit"
    with pytest.raises(LogError):
        Session.join(
            tmp_path / "vault",
            people["Lea"],
            tmp_path / "homes" / "Lea",
            fingerprint,
            cosigned=manifest["cosigned"].replace("ally.example", "other.example").encode(),
        )


def test_there_is_a_frozen_vault_of_each_format() -> None:
    """Up to this version's."""
    assert [path.stem for path in GOLDEN] == [f"vault-{n}" for n in range(1, FORMAT + 1)]
