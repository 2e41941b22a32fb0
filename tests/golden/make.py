"""Makes the frozen example vault of this format version: `python tests/golden/make.py`.

Run once for each format version; what it made is committed and never made again, so that every
later version is tested against bytes that an earlier one wrote.
"""

from __future__ import annotations

import io
import json
import shutil
import sqlite3
import sys
import tempfile
import zipfile
from contextlib import suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import tsa_kit

from keys.identity import Identity
from vault import ticket
from vault.collect import collect
from vault.cosigner import Cosigner
from vault.deposit import Description
from vault.errors import Error
from vault.model import CasePolicy, Role
from vault.session import Session
from vault.store.folder import FORMAT

HERE = Path(__file__).parent
FILES = {
    "statement.txt": b"They waited outside the clinic at seven in the morning.\n",
    "large.bin": bytes(range(256)) * 4100,
    "empty": b"",
}


def main() -> None:
    """Write `vault-N.zip`: the vault, and a manifest with the seeds of its invented people."""
    people = {
        name: Identity.create(name) for name in ("Ana", "Ben", "Dolores", "Eva", "Lea", "Max")
    }
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        vault = root / "vault"
        (root / "in").mkdir()
        for name, data in FILES.items():
            (root / "in" / name).write_bytes(data)
        fingerprint = _tell(root, vault, people)
        more = _watch(root, vault, people)
        database = sqlite3.connect(vault / "vault.db")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        database.close()
        manifest = {
            "fingerprint": fingerprint,
            **more,
            "seeds": {name: person.seed().hex() for name, person in people.items()},
        }
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("manifest.json", json.dumps(manifest, indent=1))
            for path in sorted(vault.rglob("*")):
                if path.is_file() and not path.name.endswith(("-wal", "-shm")):
                    archive.write(path, path.relative_to(root))
        (HERE / f"vault-{FORMAT}.zip").write_bytes(out.getvalue())
        shutil.rmtree(vault)


def _tell(root: Path, vault: Path, people: dict[str, Identity]) -> str:
    """What happens in it; gives its fingerprint."""
    ana, ben, dolores, eva, lea, mallory = people.values()
    with Session.create(vault, ana, root / "Ana") as session:
        for person, role in (
            (ben, Role.ATTORNEY),
            (dolores, Role.AUDITOR),
            (eva, Role.ADVOCATE),
            (lea, Role.ATTORNEY),
            (mallory, Role.ATTORNEY),
        ):
            session.add_member(person.contact().note, [role])
        case = session.open_case("A golden case", "gold").id
        said = Description("A title", {"source": {"basis": "stated", "value": "invented"}})
        stored = session.add([root / "in"], case, said)
        for person in (eva, ben, mallory):
            session.grant(case, person.device)
        session.add([root / "in" / "empty"], case)
        session.casework.set_policy(case, CasePolicy(1, 24))
        fingerprint = session.fingerprint
    for name, person in people.items():
        if name != "Ana":
            Session.join(vault, person, root / name, fingerprint).close()
    with Session.open(vault, ben, root / "Ben") as session:
        wanted = [record.record for record in stored]
        request = session.requests.file(wanted, "preparation", "a golden reason")
    with Session.open(vault, eva, root / "Eva") as session:
        session.requests.approve(request.id)
    with Session.open(vault, ben, root / "Ben") as session:
        opened = session.release(
            wanted, "preparation", "a golden reason", request=request.id, disposition="copy"
        )
        for got in opened:
            for _ in session.content(got):
                pass
        session.receive(opened)
        with suppress(Error):
            session.destroy([stored[0].record], "a golden destruction")
    with Session.open(vault, ana, root / "Ana") as session:
        session.grants.grant_records(case, lea.device, [stored[1].record], None)
        session.destroy([stored[0].record], "agreed")
        session.people.remove(mallory.device, "left")
        session.casework.set_hold(case)
    with Session.open(vault, eva, root / "Eva") as session, suppress(Error):
        session.casework.lift_hold(case)
    with Session.open(vault, ana, root / "Ana") as session:
        session.proposals.endorse(session.proposals.open()[0].proposal.id)
        session.renewals.rekey(case)
    with Session.open(vault, eva, root / "Eva") as session:
        session.renewals.confirm(case)
    return fingerprint


def _watch(root: Path, vault: Path, people: dict[str, Identity]) -> dict[str, str]:
    """What others have to do with it: a collector, somebody who cosigns, an authority that stamps.

    Gives what the manifest has besides: the cosigned checkpoint and the authority's root.
    """
    ally = Cosigner(root / "Ally", Identity.create("Ally"), "ally.example/golden")
    with Session.open(vault, people["Ana"], root / "Ana") as session:
        (case, *_) = session.cases()
        issued = session.tickets.issue(case.id, session.now() + 7 * 86_400)
        found = ticket.parse(issued.file)
        collect(found.terms, found.unlock(), [root / "in" / "statement.txt"], root / "one.parcel")
        session.tickets.accept(root / "one.parcel")
        session.people.set_policy(None, [ally.keys], 1)
        session.export("disclosure", 1, 1)
        cosigned = ally.cosign(session.heads.checkpoint(), session.heads.keys()).note
        session.heads.keep(cosigned)
        session.stamping.receive(tsa_kit.reply(root / "tsa", session.stamping.ask()))
    return {"cosigned": cosigned.decode(), "root": tsa_kit.root().pem.decode()}


if __name__ == "__main__":
    main()
