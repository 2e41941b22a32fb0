"""Makes the frozen example vault of this format version: `python tests/golden/make.py`.

Run once for each format version; what it made is committed and never made again, so that every
later version is tested against bytes that an earlier one wrote.
"""

from __future__ import annotations

import io
import json
import shutil
import sqlite3
import tempfile
import zipfile
from pathlib import Path

from keys.identity import Identity
from vault.deposit import Description
from vault.model import Role
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
    people = {name: Identity.create(name) for name in ("Ana", "Ben", "Dolores")}
    ana, ben, dolores = people.values()
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        vault, home = root / "vault", root / "home"
        (root / "in").mkdir()
        for name, data in FILES.items():
            (root / "in" / name).write_bytes(data)
        with Session.create(vault, ana, home) as session:
            session.add_member(ben.contact().note, [Role.ATTORNEY])
            session.add_member(dolores.contact().note, [Role.AUDITOR])
            case = session.open_case("A golden case", "gold")
            said = Description("A title", {"source": {"basis": "stated", "value": "invented"}})
            session.add([root / "in"], case.id, said)
            session.rotate("members", "gate", case.id)
            session.grant(case.id, ben.device)
            session.add([root / "in" / "empty"], case.id)
            fingerprint = session.fingerprint
        with Session.join(vault, ben, home, fingerprint) as session:
            wanted = [listed.id for listed in session.records()]
            opened = session.release(wanted, "preparation", "a golden reason")
            for got in opened:
                for _ in session.content(got):
                    pass
            session.receive(opened)
        Session.join(vault, dolores, home, fingerprint).close()
        database = sqlite3.connect(vault / "vault.db")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        database.close()
        manifest = {
            "fingerprint": fingerprint,
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


if __name__ == "__main__":
    main()
