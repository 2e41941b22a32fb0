"""What it costs to end somebody's access, at each level.

    python tests/bench/renewals.py [--records COUNT] [--deposits COUNT]

Revoking a grant draws new keys and touches no record: it costs the same whatever a case holds. To
rekey costs by the deposit, to re-encrypt by the byte. Each line is one task; nothing is asserted.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from keys.identity import Identity
from vault.model import Role
from vault.session import Session

_ROUNDS = 25


def timed(task: Callable[[], object]) -> float:
    """Seconds of one run."""
    start = time.perf_counter()
    task()
    return time.perf_counter() - start


def filled(session: Session, root: Path, records: int) -> str:
    """Open a case and store some records in it."""
    case = session.open_case(f"a case of {records} records").id
    folder = root / str(records)
    for number in range(records):
        place = folder / str(number // 1000)
        place.mkdir(parents=True, exist_ok=True)
        (place / str(number)).write_bytes(b"%d" % number)
    session.add([folder], case)
    return case


def revoking(session: Session, cases: list[str], other: str) -> list[float]:
    """Grant each case to somebody and revoke that, in turn, so that the log is as long for each:
    the median of many rounds, in seconds."""
    found: list[list[float]] = [[] for _ in cases]
    for _ in range(_ROUNDS):
        for case, times in zip(cases, found, strict=True):
            session.grant(case, other)
            times.append(timed(lambda case=case: session.casework.revoke(case, other)))
    return [median(times) for times in found]


def line(task: str, seconds: float, planned: float | None = None) -> None:
    """One figure, beside what was foretold."""
    said = "" if planned is None else f"   planned {planned:8.3f} s"
    print(f"{task:<40} {seconds:8.3f} s{said}")


def main() -> None:
    """Print all of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=100_000, help="of the larger case")
    parser.add_argument("--deposits", type=int, default=1000, help="of the case that is rekeyed")
    parser.add_argument("--mib", type=int, default=256, help="of the case that is re-encrypted")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="evault-bench-") as scratch:
        root = Path(scratch)
        founder, other = Identity.create("founder"), Identity.create("other")
        with Session.create(root / "vault", founder, root / "home") as session:
            session.add_member(other.contact().note, [Role.ATTORNEY])
            sizes = (100, asked.records)
            cases = [filled(session, root, records) for records in sizes]
            for records, took in zip(sizes, revoking(session, cases, other.device), strict=True):
                line(f"revoke, {records} records in the case", took)
            case = session.open_case("deposits").id
            (root / "file").write_bytes(b"a file")
            for _ in range(asked.deposits):
                session.add([root / "file"], case)
            plan = session.renewals.plan(case)
            took = timed(lambda: session.renewals.rekey(case))
            line(f"rekey, {asked.deposits} deposits, confirmed", took, plan.seconds)
            case = session.open_case("bytes").id
            with (root / "large").open("wb") as file:
                for _ in range(asked.mib):
                    file.write(os.urandom(1 << 20))
            stored = timed(lambda: session.add([root / "large"], case))
            plan = session.renewals.plan(case, reencrypt=True)
            took = timed(lambda: session.renewals.reencrypt(case))
            line(f"store, {asked.mib} MiB", stored)
            line(f"re-encrypt, {asked.mib} MiB, confirmed", took, plan.seconds)


if __name__ == "__main__":
    main()
