"""A vault that was written when the format was frozen opens today, to the same evidence."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path

import pytest

from keys.identity import Identity
from vault.check import check
from vault.session import Session

GOLDEN = sorted(Path(__file__).parent.glob("vault-*.zip"))
CONTENT = {
    "in/statement.txt": b"They waited outside the clinic at seven in the morning.\n",
    "in/large.bin": bytes(range(256)) * 4100,
    "in/empty": b"",
    "empty": b"",
}


@pytest.mark.parametrize("archive", GOLDEN, ids=lambda path: path.stem)
def test_a_frozen_vault_opens_to_the_same_evidence(archive: Path, tmp_path: Path) -> None:
    """Everybody in it joins; labels, contents, reasons and logs are what they were."""
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(tmp_path)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    people = {name: Identity(bytes.fromhex(seed), name) for name, seed in manifest["seeds"].items()}
    sizes = []
    for name, person in people.items():
        home = tmp_path / "homes" / name
        with Session.join(tmp_path / "vault", person, home, manifest["fingerprint"]) as session:
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


def test_there_is_a_frozen_vault() -> None:
    """At least this version's."""
    assert GOLDEN
