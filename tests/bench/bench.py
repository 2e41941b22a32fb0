"""How long storing and retrieving takes, beside what one would use instead, in one run.

    python tests/bench/bench.py [--large MIB] [--small COUNT] [--statements COUNT]

Compares with whichever of sha256sum, age, restic and borg are installed, and says which are not.
Each line is one task; the ratio is ours to theirs, so less than 1 is faster. Every figure is the
best of two runs of whole processes. A slow day makes no test fail: nothing here is asserted.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from keys.signing import verify_note

PASSPHRASE = "a passphrase for a benchmark"
EVAULT = [sys.executable, "-m", "vault.cli"]


def timed(task: Callable[[int], list[str]], env: dict[str, str]) -> float:
    """Seconds of the better of two runs; the task is told which run it is."""
    best = float("inf")
    for run in range(2):
        start = time.perf_counter()
        subprocess.run(
            task(run), env=env, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        best = min(best, time.perf_counter() - start)
    return best


def ours(root: Path, env: dict[str, str]) -> None:
    """A vault with one case."""
    for arguments in (
        ["identity", "create", "Ana", "--kdf-memory", "64"],
        ["init", str(root / "vault")],
        ["case", "open", "bench", "--ref", "bench"],
    ):
        subprocess.run([*EVAULT, *arguments], env=env, check=True, capture_output=True)


def records(env: dict[str, str], name: str) -> list[str]:
    """The ids of records whose name contains something."""
    import json

    done = subprocess.run([*EVAULT, "list", "--json"], env=env, check=True, capture_output=True)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    return [record["record"] for record in found if name in record["name"]]


def others(
    root: Path, env: dict[str, str]
) -> dict[str, Callable[[Path], Callable[[int], list[str]]]]:
    """The programs that are installed, each with how it stores a path."""
    found: dict[str, Callable[[Path], Callable[[int], list[str]]]] = {}
    if shutil.which("sha256sum"):
        found["sha256sum"] = lambda path: lambda _run: ["sha256sum", str(path)]
    if shutil.which("age") and shutil.which("age-keygen"):
        made = subprocess.run(["age-keygen"], check=True, capture_output=True, text=True)
        key = next(line for line in made.stdout.splitlines() if line.startswith("# public key: "))
        public = key.removeprefix("# public key: ")
        found["age"] = lambda path: (
            lambda run: [
                "age",
                "-r",
                public,
                "-o",
                str(root / f"age-{path.name}-{run}"),
                str(path),
            ]
        )
    if shutil.which("restic"):
        subprocess.run(["restic", "init"], env=env, check=True, capture_output=True)
        found["restic"] = lambda path: lambda _run: ["restic", "backup", "--force", str(path)]
    if shutil.which("borg"):
        made_at = str(root / "borg")
        command = ["borg", "init", "-e", "repokey-blake2", made_at]
        subprocess.run(command, env=env, check=True, capture_output=True)
        found["borg"] = lambda path: (
            lambda run: [
                "borg",
                "create",
                "--files-cache=disabled",
                f"{made_at}::{path.name}-{run}",
                str(path),
            ]
        )
    for name in ("sha256sum", "age", "restic", "borg"):
        if name not in found:
            print(f"# {name} is not installed")
    return found


def join(root: Path, statements: int) -> None:
    """A newcomer's first contact, beside the cryptography that it cannot do without."""
    from keys.derive import Label
    from keys.identity import Identity
    from keys.seal import seal
    from vault.model import Role
    from vault.session import Session

    founder, newcomer = Identity.create("founder"), Identity.create("newcomer")
    with Session.create(root / "many", founder, root / "founder") as session:
        while session.authority.size < statements - 4:
            session.open_case(str(session.authority.size))
        session.rotate("members")
        session.rotate("members", "gate")
        session.add_member(newcomer.contact().note, [Role.ATTORNEY])
        session.rotate("members")
        fingerprint = session.fingerprint
    start = time.perf_counter()
    Session.join(root / "many", newcomer, root / "newcomer", fingerprint).close()
    mine = time.perf_counter() - start
    contact, text = founder.contact(), b"a text\n"
    signed = [founder.sign(text, hybrid=hybrid) for hybrid in (True, False)]
    sealed = seal(founder.sealing.public, bytes(32), Label.ENTRY_KEY)
    start = time.perf_counter()
    for _ in range(statements):
        # Of each statement: its two signatures, the gate note's, one seal, one trial seal.
        verify_note(signed[0], contact.verifiers)
        verify_note(signed[1], contact.verifiers[:1])
        founder.sealing.open(sealed, Label.ENTRY_KEY)
        seal(founder.sealing.public, b"", Label.TRIAL_SEAL)
    line(f"join, {statements} statements", mine, "the floor", time.perf_counter() - start)


def line(task: str, mine: float, name: str, theirs: float) -> None:
    """One comparison."""
    print(
        f"{task:<24} evault {mine:7.2f} s   {name:<10} {theirs:7.2f} s   ratio {mine / theirs:5.2f}"
    )


def main() -> None:
    """Run all comparisons."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", type=int, default=1024, help="MiB of the large file")
    parser.add_argument("--small", type=int, default=10_000, help="how many files of 20 KB")
    parser.add_argument("--statements", type=int, default=1000, help="of the vault that is joined")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="evault-bench-") as scratch:
        root = Path(scratch)
        env = {
            **os.environ,
            "EVAULT_HOME": str(root / "home"),
            "EVAULT_VAULT": str(root / "vault"),
            "EVAULT_PASSPHRASE": PASSPHRASE,
            "RESTIC_REPOSITORY": str(root / "restic"),
            "RESTIC_PASSWORD": PASSPHRASE,
            "BORG_PASSPHRASE": PASSPHRASE,
        }
        large, small = root / "large.bin", root / "small"
        with large.open("wb") as file:
            for _ in range(asked.large):
                file.write(os.urandom(1 << 20))
        for number in range(asked.small):
            folder = small / str(number // 1000)
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{number}.txt").write_bytes(os.urandom(20_000))
        join(root, asked.statements)
        ours(root, env)
        rivals = others(root, env)
        for task, path in (
            (f"store {asked.large} MiB", large),
            (f"store {asked.small} files", small),
        ):
            mine = timed(lambda _run, p=path: [*EVAULT, "add", str(p), "--case", "bench"], env)  # type: ignore[misc]
            for name, store in rivals.items():
                if path.is_dir() and name in {"age", "sha256sum"}:
                    continue
                line(task, mine, name, timed(store(path), env))
        record = records(env, "large.bin")[0]
        mine = timed(
            lambda run: [
                *EVAULT,
                "get",
                record,
                "-o",
                str(root / f"out-{run}"),
                "--purpose",
                "review",
            ],
            env,
        )
        for name in ("sha256sum",):
            if name in rivals:
                line(f"retrieve {asked.large} MiB", mine, name, timed(rivals[name](large), env))


if __name__ == "__main__":
    main()
