"""A big vault with a past: a year and a half of a small crowd at work, on a clock of its own.

    python tests/crowd_vault.py PATH [--members 6 --records 300 --entries 3000 --seed 1]

makes PATH/vault, and for each person PATH/NAME, which is the folder that EVAULT_HOME names; the
passphrase of each identity is `a long secret of NAME`, as in `cli_kit`. From the same seed comes
the same story (who, what, when); keys and ids are always new.

All of it goes through the real gate, which judges and signs every entry. What is left out is what
would only make it slow: each entry is not made durable by itself, and nobody reads what they were
given. The names, references, titles and reasons are what a terminal, a spreadsheet or a page of
HTML must not be tricked by.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock

from keys import keyfile
from keys.identity import Identity
from vault.deposit import Description
from vault.local import Local, Pins
from vault.log import checkpoint, merkle
from vault.message import Answer
from vault.model import CasePolicy, Role
from vault.note import ACCESS, STATEMENTS, Note
from vault.session import Session
from vault.store import Reads, Store, Writes

BEGIN = int(datetime(2025, 5, 5, 8, tzinfo=UTC).timestamp())
DAYS = 548
DAY = 86_400
_GAPS = ((0.43, 0.475), (0.83, 0.845))
"""When nobody works, as parts of the whole: 24 and 8 days."""
_BATCH = 200
"""How many entries share a transaction."""

ADVOCATE, ATTORNEY, AUDITOR, STEWARD = Role.ADVOCATE, Role.ATTORNEY, Role.AUDITOR, Role.STEWARD
PEOPLE: dict[str, tuple[str, tuple[Role, ...]]] = {
    "ana": ("Ana Ruiz Peña", (STEWARD, ADVOCATE)),
    "noor": ("نور الهاشمي", (STEWARD, ADVOCATE)),
    "ben": ("Ben <script>alert('ben')</script> Okafor", (ATTORNEY,)),
    "carla": ('=HYPERLINK("http://x.invalid","Carla")', (ATTORNEY,)),
    "teo": ("Téo 👩🏽‍⚖️ \u202eoiranidrO\u202c", (ADVOCATE,)),
    "pia": ("Pia Haddad", (AUDITOR,)),
}
"""Who there is; further ones are attorneys and advocates with plain names."""

CASES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("2026-014", "Redadas de abril", ("ana", "ben", "carla")),
    ("٢٠٢٦-٠٣", "احتجاز عند المعبر", ("noor", "ben")),
    ("=cmd|' /C calc'!A0", "<img src=x onerror=alert(1)>", ("ana", "noor", "carla")),
    ('"><script>alert(2)</script>', "Detention 🚓 at the clinic", ("teo", "ben", "ana")),
    ("2025-\u202e99\u2066", "Llamadas\u202e nocturnas", ("teo", "carla", "noor")),
    ("C 7; DROP TABLE", "+1+1 \x1b[31mrojo\x1b[0m", ("noor", "teo")),
)
"""Reference, title, and holders; the first of them opens it."""
BEHIND_APPROVAL, REVOKED_FROM = 2, 0

NAMES = (
    "declaración.txt",
    "شهادة.txt",
    "<b>acta<b>.html",
    "=1+2.csv",
    "photo 📷.bin",
    "\u202egnp.exe",
    "notes\t1.txt",
)
WORDS = (
    "motion to terminate",
    "preparar la audiencia del martes",
    "مراجعة قبل الجلسة",
    "=1+1;@SUM(A1)",
    "<script>alert('why')</script>",
    "see \u202etxet\u202c \x1b[2J",
    "👀 check the date",
)
PURPOSES = (
    ("review",) * 6
    + ("preparation",) * 5
    + ("filing",) * 3
    + (("hearing", "disclosure", "translation", "safety", "verification", "other"))
)
DISPOSITIONS = ("view",) * 5 + ("copy",) * 4 + ("produce",)


@dataclass
class Clock:
    """The time of the story; it moves on a little whenever somebody looks at it."""

    at: float = BEGIN

    def __call__(self) -> float:
        self.at += 0.05
        return self.at

    def move(self, to: float) -> None:
        """On to a time, and never back."""
        self.at = max(self.at + 1, to)


class _Held(Store):
    """A store whose transactions can be held together: readers and writers then share one."""

    held: Writes | None = None

    @contextmanager
    def together(self) -> Iterator[None]:
        """Keep what is written within as one transaction."""
        with super().write() as writes:
            self.held = writes
            try:
                yield
            finally:
                self.held = None

    @contextmanager
    def read(self) -> Iterator[Reads]:
        """What was written so far."""
        if self.held is not None:
            yield self.held
        else:
            with super().read() as reads:
                yield reads

    @contextmanager
    def write(self) -> Iterator[Writes]:
        """The transaction that is held, or one of its own."""
        if self.held is not None:
            yield self.held
        else:
            with super().write() as writes:
                yield writes

    def truncate_log(self) -> bool:
        """Not while a transaction is held."""
        return self.held is None and super().truncate_log()


@dataclass
class Case:
    """A case, who holds it now, and what is in it."""

    id: str
    holders: list[str]
    records: list[str] = field(default_factory=list)


@dataclass
class CrowdVault:
    """The vault, and how to be somebody in it.

    Args:
        root: `vault`, and a home for each person.
        people: Their identities by the name of their home.
        clock: It goes on where the story ended.
    """

    root: Path
    people: dict[str, Identity] = field(default_factory=dict)
    cases: list[Case] = field(default_factory=list)
    clock: Clock = field(default_factory=Clock)
    fingerprint: str = ""

    @property
    def path(self) -> Path:
        """The vault's folder."""
        return self.root / "vault"

    @contextmanager
    def session(self, name: str) -> Iterator[Session]:
        """Somebody at work."""
        with Session.open(
            self.path, self.people[name], self.root / name, clock=self.clock
        ) as session:
            yield session


class _Story:
    """Tells the story: one act after the other, each at its time."""

    def __init__(self, vault: CrowdVault, records: int, entries: int, seed: int) -> None:
        self.vault, self.records, self.entries = vault, records, entries
        self.random = random.Random(seed)  # noqa: S311 - a story, not a secret
        self.sessions: dict[str, Session] = {}
        self.store: _Held | None = None
        self.answered: list[tuple[str, Case, Answer]] = []

    # --- the frame ------------------------------------------------------------------------------

    def tell(self) -> None:
        """All of it, from the founding to the last entry."""
        self._found()
        times = self._times(self.entries)
        deeds = sorted(self._deeds(), key=lambda deed: deed[0])
        while self.size < self.entries:
            assert self.store is not None
            with self.store.together():
                until = min(self.size + _BATCH, self.entries)
                while self.size < until:
                    part = self.size / self.entries
                    self.vault.clock.move(times[self.size])
                    if deeds and deeds[0][0] <= part:
                        deeds.pop(0)[1]()
                    else:
                        self._something()

    def part(self) -> None:
        """Let everybody remember what they have seen last, and go."""
        for session in self.sessions.values():
            session.catch_up()
            pins = Pins(session.fingerprint, session.replica.notes)
            session.local.advance(pins)
            session.close()

    @property
    def size(self) -> int:
        """How long the access log is."""
        assert self.store is not None
        with self.store.read() as reads:
            return checkpoint.peek(reads.head(ACCESS)).size

    def _times(self, count: int) -> list[int]:
        """When something happens: by day mostly, on weekdays mostly, and not in the gaps."""
        found: list[int] = []
        while len(found) < count:
            part = self.random.random()
            day = int(part * DAYS)
            weekend = (BEGIN // DAY + day + 3) % 7 > 4
            if any(low <= part < high for low, high in _GAPS):
                continue
            if weekend and self.random.random() < 0.85:
                continue
            hour = min(max(self.random.gauss(13, 2.6), 7), 19.9)
            if self.random.random() < 0.03:
                hour = self.random.choice((0.5, 2, 3.5, 5, 22, 23.2))
            start = BEGIN // DAY * DAY
            found.append(int(start + day * DAY + hour * 3600 + self.random.random() * 1800))
        return sorted(found)

    def _open(self, name: str, session: Session) -> None:
        """Let a session work in the one store, and believe what it does there."""
        if self.store is None:
            self.store = _Held(self.vault.path)
        session.store.close()
        client = session._client
        session.store = client.store = client.gate.store = self.store
        # It is the real gate, and whoever opens the vault afterwards verifies all of it.
        client._check = (  # type: ignore[method-assign]
            lambda actor, _answer: client.catch_up() if actor.kind in STATEMENTS else None
        )
        self.sessions[name] = session

    def _act(
        self,
        name: str,
        kind: str,
        case: Case,
        body: dict[str, Any],
        why: str | None = None,
        quoted: Sequence[Note] = (),
    ) -> tuple[Note, Answer]:
        """Somebody's act; what it was and what the gate answered, be it a refusal."""
        client, signed = self.sessions[name]._client, []
        real = client.sign

        def sign(kind: str, fields: Any) -> Note:
            signed.append(real(kind, fields))
            return signed[-1]

        client.catch_up()
        with mock.patch.object(client, "sign", sign):
            answer = client.act(kind, case.id, body, why, tuple(one.signed for one in quoted))
        return signed[-1], answer

    # --- the beginning --------------------------------------------------------------------------

    def _found(self) -> None:
        vault, ana = self.vault, "ana"
        session = Session.create(vault.path, vault.people[ana], vault.root / ana, clock=vault.clock)
        vault.fingerprint = session.fingerprint
        self._open(ana, session)
        for name, identity in vault.people.items():
            if name != ana:
                session.add_member(identity.contact().note, list(_roles(name)))
                joined = Session.join(
                    vault.path,
                    identity,
                    vault.root / name,
                    vault.fingerprint,
                    clock=vault.clock,
                )
                self._open(name, joined)
        others = [name for name in vault.people if name not in PEOPLE]
        for number, (ref, title, holders) in enumerate(CASES):
            names = [*holders, *others[number :: len(CASES)]]
            names = [name for name in names if name in vault.people]
            first = self.sessions[names[0]]
            first.catch_up()
            made = first.open_case(title, ref)
            for name in names[1:]:
                first.grant(made.id, vault.people[name].device)
            vault.cases.append(Case(made.id, names))
        behind = vault.cases[BEHIND_APPROVAL]
        self.sessions[behind.holders[0]].casework.set_policy(behind.id, CasePolicy(1, 72))
        for number in range(len(vault.cases) * 2):
            vault.clock.move(vault.clock.at + 3600)
            self._deposit(vault.cases[number % len(vault.cases)], self.records // 20)

    def _deeds(self) -> Iterator[tuple[float, Callable[[], None]]]:
        """What happens once, and when: a part of the whole."""
        cases = self.vault.cases
        left = self.records - sum(len(case.records) for case in cases)
        for number in range(12):
            count = left // 12 + (number < left % 12)
            yield number / 13, lambda c=cases[number % 6], n=count: self._deposit(c, n)
        yield 0.21, lambda: self._bulk("ben", cases[1], 0.1)
        yield 0.32, lambda: self._revoke("carla", cases[REVOKED_FROM])
        yield 0.33, lambda: self._bulk("carla", cases[REVOKED_FROM], 0.004)
        yield 0.55, lambda: self._destroy(cases[3], "teo", "ben")
        yield 0.6, lambda: self._grant("carla", cases[REVOKED_FROM])
        yield 0.62, lambda: self._lend("ben", cases[4])
        yield 0.7, lambda: self._suspend("ben")
        yield 0.78, lambda: self._bulk("teo", cases[5], 0.05)
        yield 0.9, lambda: self._revoke("ben", cases[3])

    # --- deeds ----------------------------------------------------------------------------------

    def _deposit(self, case: Case, count: int) -> None:
        if not count:
            return
        folder = self.vault.root / "files"
        folder.mkdir(exist_ok=True)
        paths = []
        for number in range(count):
            name = f"{len(case.records) + number}-{self.random.choice(NAMES)}"
            paths.append(folder / name)
            paths[-1].write_bytes(self.random.randbytes(self.random.randrange(30, 900)))
        session = self.sessions[self.random.choice(case.holders)]
        session.catch_up()
        said = Description(self.random.choice(WORDS))
        case.records += [one.record for one in session.add(paths, case.id, said)]
        for path in paths:
            path.unlink()

    def _revoke(self, name: str, case: Case) -> None:
        session = self.sessions[case.holders[0]]
        session.catch_up()
        session.casework.revoke(case.id, session.find_member(self.vault.people[name].device).id)
        case.holders.remove(name)

    def _grant(self, name: str, case: Case) -> None:
        session = self.sessions[case.holders[0]]
        session.catch_up()
        session.settle()
        session.grant(case.id, self.vault.people[name].device)
        case.holders.append(name)

    def _lend(self, name: str, case: Case) -> None:
        """A few records, for a while."""
        session = self.sessions[case.holders[0]]
        until = int(self.vault.clock.at) + 20 * DAY
        device = self.vault.people[name].device
        session.grants.grant_records(case.id, device, case.records[:3], until)
        self._release(name, case, case.records[:2])

    def _suspend(self, name: str) -> None:
        """For three days, in which they try all the same."""
        steward = self.sessions["noor"]
        steward.catch_up()
        steward.people.suspend(self.vault.people[name].device, "=arrested <b>?</b>")
        self.vault.clock.move(self.vault.clock.at + 3 * DAY)
        steward.people.resume(self.vault.people[name].device)
        for one in self.sessions.values():
            one.catch_up()
            one.settle()

    def _bulk(self, name: str, case: Case, part: float) -> None:
        """Many records within minutes, in the middle of the night."""
        self.vault.clock.move(self.vault.clock.at // DAY * DAY + DAY + 2.3 * 3600)
        for _ in range(min(40, max(3, int(part * self.entries)))):
            self.vault.clock.move(self.vault.clock.at + self.random.randrange(4, 15))
            self._release(name, case, [self.random.choice(case.records)], "copy")

    def _destroy(self, case: Case, asks: str, agrees: str) -> None:
        gone = case.records.pop()
        asked = self._ask(asks, case, [gone], "destroy", "other")
        approved, _ = self._act(
            agrees,
            "approval",
            case,
            {"answers": asked.body["id"], "asked": asked.digest},
            None,
            [asked],
        )
        body = {"records": [gone], "answers": asked.body["id"]}
        self._act(asks, "destruction", case, body, "she asked for it", [asked, approved])

    # --- the everyday ---------------------------------------------------------------------------

    def _something(self) -> None:
        case = self.random.choices(self.vault.cases, (9, 5, 3, 4, 2, 1))[0]
        holders = [name for name in case.holders if self.vault.people[name]]
        name = self.random.choice(holders)
        dice = self.random.random()
        if self.answered and dice < 0.3:
            self._receive(*self.answered.pop())
        elif dice < 0.34:
            self._refused()
        elif case is self.vault.cases[BEHIND_APPROVAL]:
            self._by_request(name, case)
        else:
            count = self.random.choices((1, 2, 3, 7), (12, 3, 2, 1))[0]
            self._release(name, case, self.random.sample(case.records, count))

    def _refused(self) -> None:
        """Somebody asks for what is not theirs to see; the auditor among them, once in a while."""
        case = self.random.choice(self.vault.cases)
        names = [name for name in self.vault.people if name not in case.holders]
        self._release(self.random.choice(names), case, [self.random.choice(case.records)])

    def _release(
        self, name: str, case: Case, records: Sequence[str], disposition: str | None = None
    ) -> None:
        body = {
            "records": list(records),
            "purpose": self.random.choice(PURPOSES),
            "disposition": disposition or self.random.choice(DISPOSITIONS),
            "request": None,
        }
        _, answer = self._act(name, "release", case, body, self._why())
        if answer.sealed:
            self.answered.append((name, case, answer))

    def _receive(self, name: str, case: Case, answer: Answer) -> None:
        leaf = merkle.leaf_hash(answer.entry).hex()
        self._act(name, "receipt", case, {"entry": answer.index, "leaf": leaf})

    def _by_request(self, name: str, case: Case) -> None:
        """Asked for, and approved, denied or forgotten."""
        records = self.random.sample(case.records, 2)
        asked = self._ask(name, case, records, "copy", self.random.choice(PURPOSES))
        others = [other for other in case.holders if other != name]
        said = {"answers": asked.body["id"], "asked": asked.digest}
        self.vault.clock.move(self.vault.clock.at + self.random.randrange(600, 7200))
        end = self.random.random()
        if end < 0.2:
            return
        kind = "denial" if end < 0.4 else "approval"
        answered, _ = self._act(self.random.choice(others), kind, case, said, self._why(), [asked])
        body = {
            "records": records,
            "purpose": asked.body["purpose"],
            "disposition": "copy",
            "request": asked.body["id"],
        }
        # Whoever was denied it and tries all the same is refused.
        if kind == "approval" or self.random.random() < 0.3:
            quoted = [asked, answered] if kind == "approval" else [asked]
            self._act(name, "release", case, body, self._why(), quoted)

    def _ask(
        self, name: str, case: Case, records: Sequence[str], wanted: str, purpose: str
    ) -> Note:
        body = {
            "records": list(records),
            "purpose": purpose,
            "asks_for": wanted,
            "expires": int(self.vault.clock.at) + 48 * 3600,
        }
        asked, _ = self._act(name, "request", case, body, self._why())
        return asked

    def _why(self) -> str | None:
        return self.random.choice(WORDS) if self.random.random() < 0.4 else None


def _roles(name: str) -> tuple[Role, ...]:
    if name in PEOPLE:
        return PEOPLE[name][1]
    return (ATTORNEY,) if int(name.removeprefix("p")) % 3 else (ADVOCATE,)


def make(
    root: Path, *, members: int = 6, records: int = 300, entries: int = 3000, seed: int = 1
) -> CrowdVault:
    """Make the vault.

    Args:
        root: A folder that is empty or not there.
        members: How many people, 6 or more.
        records: How many records they store, 120 or more.
        entries: How long the access log becomes, a hundred or more; it can end a few later.
        seed: Of the story.
    """
    if members < len(PEOPLE) or records < 120 or entries < 100:
        raise ValueError("at least 6 members, 120 records and 100 entries")
    root.mkdir(parents=True, exist_ok=True)
    names = [*PEOPLE, *(f"p{number}" for number in range(len(PEOPLE), members))]
    vault = CrowdVault(root)
    for name in names:
        shown = PEOPLE[name][0] if name in PEOPLE else f"Person {name[1:]}"
        vault.people[name] = Identity.create(shown)
    # Nothing of it has to outlast a power cut.
    with mock.patch.object(os, "fsync", return_value=None):
        cheap = keyfile.Argon2(64 * 1024, 3, 4)
        for name, identity in vault.people.items():
            (root / name).mkdir()
            keyfile.write(root / name / "identity", identity, f"a long secret of {name}", cheap)
        story = _Story(vault, records, entries, seed)
        with mock.patch.object(Local, "advance"), mock.patch.object(Local, "keep_statements"):
            story.tell()
        story.part()
    (root / "files").rmdir()
    return vault


def main(argv: Sequence[str] | None = None) -> None:
    """Make one from the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("path", type=Path)
    for name, default in (("members", 6), ("records", 300), ("entries", 3000), ("seed", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    given = parser.parse_args(argv)
    made = make(
        given.path,
        members=given.members,
        records=given.records,
        entries=given.entries,
        seed=given.seed,
    )
    sys.stdout.write(f"{made.path}\nfingerprint {made.fingerprint}\n")


if __name__ == "__main__":
    main()
