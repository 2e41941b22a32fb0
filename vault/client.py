"""How a member's acts reach the gate, and how its answers are checked.

A note is signed over what this client has seen; when somebody else's statement came first it is
made again. After each answer the client catches up with the vault and finds its own act in the
verified log before it believes that anything was done.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO

from keys.identity import Identity
from vault import ids, note
from vault.authority import Authority, case_recipients
from vault.authority.apply import DRIFT
from vault.authority.judge import denied
from vault.errors import GateError, StaleError, as_damage
from vault.gate import Clock, Gate
from vault.keyring import Keyring
from vault.log import entry
from vault.message import Answer, Message
from vault.model import MEMBERS
from vault.note import ACCESS, ACTS, AUTHORITY, Note
from vault.replica import Replica
from vault.store import Reads, Store

_TRIES = 8


class Client:
    """One device, its verified view, and the gate that it speaks to.

    Args:
        store: What is read from.
        identity: Who signs.
        replica: What is known for certain.
        clock: Seconds since the epoch.
    """

    def __init__(self, store: Store, identity: Identity, replica: Replica, clock: Clock) -> None:
        self.store = store
        self.identity = identity
        self.replica = replica
        self.gate = Gate(store, replica, identity, clock)
        self._clock = clock

    @property
    def authority(self) -> Authority:
        """What is known of members, cases and rights."""
        return self.replica.authority

    @property
    def keyring(self) -> Keyring:
        """The keys that this identity can get at."""
        return self.replica.keyring

    def now(self) -> int:
        """Seconds since the epoch."""
        return int(self._clock())

    @contextmanager
    def view(self) -> Iterator[Reads]:
        """A snapshot of the vault that was verified.

        Raises:
            RolledBackError, ForkedError, LogError, VerificationError: as `Replica.catch_up`.
        """
        with self.store.read() as reads, as_damage():
            self.replica.catch_up(reads)
            yield reads

    def catch_up(self) -> None:
        """Verify what is new in the vault."""
        with self.view():
            pass

    def state(
        self,
        kind: str,
        body: Callable[[], dict[str, Any]],
        beside: Callable[[], Sequence[bytes]] = tuple,
    ) -> Answer:
        """Make a statement.

        Args:
            kind: One of `vault.note.STATEMENTS`.
            body: Gives its own fields, afresh each time.
            beside: Gives what comes with them, as the kind asks; called after `body`.

        Raises:
            DeniedError: It is not allowed; the refusal is in the log.
        """
        self.catch_up()

        def message() -> Message:
            fields = {**self._actor(), "extends": self.authority.position.body(), **body()}
            signed = note.sign(kind, self.authority.origin(AUTHORITY), fields, self.identity)
            # Who begins a `members` epoch has no tag of it yet, and every device gets its own seal.
            begins = any(epoch["group"] == MEMBERS for epoch in fields.get("epochs", ()))
            tag = b"" if begins else self.tag(MEMBERS, signed)
            return Message(signed.signed, tag, attachments=tuple(beside()))

        return self.submit(message)

    def act(
        self,
        kind: str,
        case: str | None,
        body: Mapping[str, Any],
        why: str | None = None,
        attachments: Sequence[bytes] = (),
    ) -> Answer:
        """Log an act on a case.

        Args:
            kind: One of `vault.note.ACTS`.
            case: The case's id; None for what concerns none.
            body: The act's own fields.
            why: In words, for the case's holders alone.
            attachments: The signed notes that the act speaks of, as its kind asks.

        Raises:
            DeniedError: It is not allowed; the refusal is in the log.
        """

        def message() -> Message:
            actor = self._actor()
            details = self._details(case, why, actor)
            said = hashlib.sha256(details).hexdigest() if details else None
            signed = self.sign(kind, {**actor, "case": case, **body, "details": said})
            tag = b"" if case is None else self.tag(case, signed)
            return Message(signed.signed, tag, details, tuple(attachments))

        return self.submit(message)

    def sign(self, kind: str, fields: Mapping[str, Any]) -> Note:
        """Sign a note of the access log."""
        return note.sign(kind, self.authority.origin(ACCESS), fields, self.identity)

    def tag(self, group: str, signed: Note) -> bytes:
        """The tag of a group's epoch in force for a note; nothing for who does not have it."""
        epoch = self.keyring.find(self.authority, group)
        return b"" if epoch is None else epoch.tag(signed.id_hash)

    def submit(self, message: Callable[[], Message], rows: BinaryIO | None = None) -> Answer:
        """Send a message to the gate and check its answer.

        Args:
            message: Makes it, afresh each time.
            rows: A deposit's rows.

        Raises:
            DeniedError: Refused; the refusal is in the log.
            StaleError: Others were faster, again and again.
            GateError: The gate did not do what it says.
        """
        for left in reversed(range(_TRIES)):
            made = message()
            try:
                answer = Answer.parse(self.gate.submit(made.encode(), rows))
                break
            except StaleError:
                if not left:
                    raise
                self.catch_up()
        self._check(note.parse(made.note), answer)
        return answer

    def _actor(self) -> dict[str, Any]:
        return {"id": ids.show(ids.draw()), "time": self.now(), "seen": self.replica.seen()}

    def _details(self, case: str | None, why: str | None, actor: Mapping[str, Any]) -> bytes:
        if not why or case is None or case not in self.authority.cases:
            return b""
        epoch = self.keyring.find(self.authority, case)
        tag = b"" if epoch is None else epoch.tag(note.id_hash(actor["id"]))
        return entry.seal_compartment(
            self.authority.origin(ACCESS),
            note.canonical({"why": why}),
            # At the time that the note names: so everybody can tell to whom they had to be.
            case_recipients(self.authority, case, actor["time"], tag),
        )

    def _check(self, actor: Note, answer: Answer) -> None:
        gate = note.parse(answer.gate)
        if gate.kind not in note.GATE:
            raise GateError("the gate answered with a note that is not a gate's")
        refused = gate.body["outcome"] == "refused"
        log = ACCESS if refused or actor.kind in ACTS else AUTHORITY
        with self.view() as reads:
            self.replica.check_entry(reads, log, answer.index, answer.entry)
        signer = self.authority.devices.get(gate.device)
        if signer is None or not self.authority.active(signer.member, gate.body["time"]):
            raise GateError("the gate's note is signed by someone who is no member")
        gate.verify(signer.contact)
        drift = abs(gate.body["time"] - actor.body["time"])
        if self.authority.ticket_of(actor) is None and drift > DRIFT:
            raise GateError("the gate's note has quite another time than this client's")
        if entry.parse(answer.entry).note_id != actor.id_hash:
            raise GateError("the gate logged another act than the one that was asked for")
        if gate.body["note"] != actor.digest or gate.origin != self.authority.origin(log):
            raise GateError("the gate's note speaks of another act")
        if refused:
            raise denied(gate.body["why"] or "denied", answer.index)
        problem = self.replica.problems.get(answer.index) if log == AUTHORITY else None
        if problem is not None:
            raise GateError(
                f"the gate accepted a statement that the rules refuse: {problem.message}"
            )
