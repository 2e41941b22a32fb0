"""What it costs to verify an access log, beside the least that it can cost.

    python tests/bench/auditing.py [--entries COUNT]

The floor is what no verifier of such a log can leave out: for each entry the two Ed25519 signatures
and the opening of one seal, over all cores, in the same run. Then the whole verification from the
start, with the floor before and after it, a few times; and what is new since: after each of some
appends to a log that was verified before. Each line is one task; nothing is asserted.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from keys.derive import Label
from keys.identity import Identity
from keys.seal import SealingKey
from keys.signing import VerifierKey
from vault import ids, note
from vault.authority import access_recipients
from vault.gate import gate_note
from vault.log import checkpoint, entry, merkle
from vault.log.checkpoint import Checkpoint
from vault.model import AUDITORS, Role
from vault.note import ACCESS
from vault.public import public_of
from vault.replica import stored_frontier
from vault.session import Session

_BATCH = 5000
_SAMPLE = 20_000
_ROUNDS = 5


def append(session: Session, case: str, who: Identity, count: int, at: int) -> None:
    """Append releases to the access log as an honest gate does, but with one head for all of them.

    Args:
        session: The operator's.
        case: The case that they concern.
        who: Who asks.
        count: How many.
        at: The time of the first, in seconds since the epoch; they are a second apart.
    """
    authority, origin = session.authority, session.authority.origin(ACCESS)
    records = [ids.show(ids.draw()) for _ in range(3)]
    with session.store.write() as writes:
        head = checkpoint.peek(writes.head(ACCESS))
        frontier = stored_frontier(writes, ACCESS, head.size)
        for number in range(count):
            position = type(authority.position)(frontier.size, frontier.root().hex())
            seen = {"authority": authority.position.body(), "access": position.body()}
            body = {
                "id": ids.show(ids.draw()),
                "time": at + number,
                "seen": seen,
                "case": case,
                "records": [records[number % 3]],
                "purpose": "review",
                "disposition": "copy",
                "request": None,
                "details": None,
            }
            actor = note.sign("release", origin, body, who)
            gate = gate_note(
                session.identity,
                origin,
                actor,
                outcome="released",
                why=None,
                at=at + number,
                authority=authority.position,
                access=position,
            )
            epoch = session.replica.keyring.need(authority, case)
            wanted = access_recipients(authority, case, at + number, epoch.tag(actor.id_hash))
            first = entry.seal_compartment(origin, note.pair(actor, gate), wanted)
            public = {"note": actor.id_hash.hex(), **public_of(actor)}
            raw = entry.Entry(public, (first,)).encode()
            writes.append(
                ACCESS, frontier.size, raw, actor.id_hash, frontier.append(merkle.leaf_hash(raw))
            )
        signing = session.replica.keyring.need(authority, "gate").signing
        assert signing is not None
        grown = Checkpoint(head.origin, frontier.size, frontier.root())
        writes.set_head(ACCESS, checkpoint.sign(signing, grown, at + count))
    session.catch_up()


_Least = tuple[VerifierKey, bytes, bytes]
_floor: list[tuple[SealingKey, bytes, bytes, bytes, _Least, _Least]] = []
"""What the floor is measured with: for each entry of a sample the auditors' key, the seal, what it
is bound to, and both signatures with their texts and keys."""


def _least(start: int, stop: int) -> None:
    """The signatures and the seal of each entry of a stretch."""
    for key, sealed, origin, commitment, *signed in _floor[start:stop]:
        key.open(sealed, Label.ENTRY_KEY, origin, commitment)
        for verifier, text, value in signed:
            verifier.verify(text, value)


def prepare(session: Session) -> None:
    """Get at what the floor is measured with, so that its measurement has nothing else in it."""
    origin = session.authority.origin(ACCESS)
    key = session.replica.keyring.need(session.authority, AUDITORS).sealing
    with session.store.read() as reads:
        size = session.replica.heads[ACCESS].size
        for _, raw in reads.entries(ACCESS, max(0, size - _SAMPLE), size):
            first = entry.parse(raw).compartments[0]
            compartment = entry.parse_compartment(first)
            body = entry.open_compartment(origin, first, [entry.Opener(key)])
            assert body is not None
            pair = [
                (session.authority.devices[one.device].contact.verifiers[0], one.text, line.value)
                for one in note.parse_pair(body)
                for line in one.signatures
            ]
            sealed = compartment.recipients[0][1]
            _floor.append((key, sealed, origin.encode(), compartment.commitment, pair[0], pair[1]))


def floor(count: int) -> float:
    """Seconds that the signatures and seals of so many entries take over all cores."""
    cores = len(os.sched_getaffinity(0))
    context = multiprocessing.get_context("fork")
    share = len(_floor) // cores
    stretches = [(share * core, share * core + share) for core in range(cores)]
    workers = [context.Process(target=_least, args=stretch) for stretch in stretches]
    took = timed(lambda: [*map(_start, workers), *map(_join, workers)])
    return took * count / (share * cores)


def _start(worker: multiprocessing.process.BaseProcess) -> None:
    worker.start()


def _join(worker: multiprocessing.process.BaseProcess) -> None:
    worker.join()


def timed(task: Callable[[], object]) -> float:
    """Seconds of one run."""
    start = time.perf_counter()
    task()
    return time.perf_counter() - start


def line(task: str, seconds: float, least: float | None = None) -> None:
    """One figure, beside the floor."""
    said = "" if least is None else f"   {seconds / least:5.2f} of the floor"
    print(f"{task:<48} {seconds:8.3f} s{said}", flush=True)


def main() -> None:
    """Print all of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=100_000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="evault-bench-") as scratch:
        root = Path(scratch)
        ana, aud = Identity.create("founder"), Identity.create("auditor")
        with Session.create(root / "vault", ana, root / "ana") as session:
            session.add_member(aud.contact().note, [Role.AUDITOR])
            print_ = session.fingerprint
        Session.join(root / "vault", aud, root / "aud", print_).close()
        with Session.open(root / "vault", ana, root / "ana") as session:
            case = session.open_case("a case").id
            at = session.now()
            made = 0
            while made < asked.entries:
                count = min(_BATCH, asked.entries - made)
                append(session, case, ana, count, at + made)
                made += count
        with Session.open(root / "vault", aud, root / "aud") as auditor:
            prepare(auditor)
            ratios, before = [], floor(asked.entries)
            for _ in range(_ROUNDS):
                line(f"floor, {asked.entries} entries", before)
                took = timed(auditor.verify)
                after = floor(asked.entries)
                # A machine is now faster, now slower: the floor of its time is beside it.
                least, before = (before + after) / 2, after
                ratios.append(took / least)
                line("verify from the start", took, least)
            line(f"floor, {asked.entries} entries", before)
            print(f"from the start: {median(ratios):.2f} of the floor (median)", flush=True)
        for new in (0, 100, 1000, 10_000):
            with Session.open(root / "vault", ana, root / "ana") as session:
                append(session, case, ana, new, session.now() + asked.entries)
            with Session.open(root / "vault", aud, root / "aud") as auditor:
                line(f"verify {new} that are new", timed(auditor.audit))


if __name__ == "__main__":
    main()
