"""The gate itself: catch up, judge, append, and only then act.

What it does for each kind of act is in the other modules of this room; they work on a `Turn`, one
message within its transaction.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import BinaryIO, NamedTuple

from keys.derive import equal
from keys.group import Epoch
from keys.identity import Identity
from vault import note
from vault.authority import (
    Authority,
    access_recipients,
    apply,
    authority_recipients,
    case_recipients,
    judge,
)
from vault.errors import (
    BusyError,
    DamageError,
    DeniedError,
    FileError,
    ForkedError,
    GateError,
    MalformedError,
    RolledBackError,
    StaleError,
)
from vault.gate import (
    deposits,
    destructions,
    grants,
    heads,
    releases,
    renewals,
    requests,
    tickets,
)
from vault.log import checkpoint, entry, merkle, proof
from vault.log.checkpoint import Checkpoint
from vault.log.entry import Entry
from vault.message import Answer, Message
from vault.model import GATE, Position
from vault.note import ACCESS, ACTS, AUTHORITY, LOGS, STATEMENTS, Note
from vault.replica import Replica, stored_frontier
from vault.store import Reads, Store, Writes

LEVEL = 0
"""Embedded: every member can act as the gate, so it proves less than one on a server."""

Clock = Callable[[], float]


class _Verdict(NamedTuple):
    """What the gate decided, and what it then does."""

    outcome: str
    at: int
    why: str | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """One act within its transaction.

    Args:
        gate: Who judges.
        writes: The transaction.
        actor: The act's note, whose signature holds.
        message: What it came with.
        rows: A stream of rows, or None.
        at: The gate's time.
        after: What is done once the transaction has committed.
    """

    gate: Gate
    writes: Writes
    actor: Note
    message: Message
    rows: BinaryIO | None
    at: int
    after: list[Callable[[], object]] = field(default_factory=list)

    @property
    def authority(self) -> Authority:
        """The authority in force."""
        return self.gate.replica.authority

    @property
    def case(self) -> str:
        """The case's id."""
        return str(self.actor.body["case"])

    @property
    def index(self) -> int:
        """Where the act's entry will stand in the access log."""
        return self.gate.replica.heads[ACCESS].size

    def refuse(self, reason: str) -> Answer:
        """Append the refusal and do nothing else."""
        return self.append("refused", reason)

    def append(
        self,
        outcome: str,
        why: str | None = None,
        *,
        public: dict[str, object] | None = None,
        also: Sequence[str] = (),
    ) -> Answer:
        """Append the act with the gate's note beside it.

        Args:
            outcome: What the gate did.
            why: The reason code of a refusal.
            public: What everyone sees of it beside the note-id hash.
            also: Devices that can open it though their members do not hold the case.
        """
        verdict = _Verdict(outcome, self.at, why)
        return self.gate.append_access(
            self.writes,
            self.actor,
            self.message,
            verdict,
            self.actor.body["case"],
            public=public,
            also=also,
        )


class Gate:
    """The gate in a member's own process.

    Args:
        store: What it writes to.
        replica: The operating member's verified view.
        identity: The operating member's device.
        clock: Seconds since the epoch.
    """

    def __init__(
        self, store: Store, replica: Replica, identity: Identity, clock: Clock = time.time
    ) -> None:
        self.store = store
        self.replica = replica
        self._identity = identity
        self._clock = clock

    def submit(self, message: bytes, rows: BinaryIO | None = None) -> bytes:
        """Judge, append and act on one message.

        Args:
            message: An encoded `vault.message.Message`.
            rows: For a deposit, its rows: read twice, so seekable.

        Returns:
            An encoded `vault.message.Answer`; a refusal is one whose entry says so.

        Raises:
            DeniedError: From a stranger, or replayed: nothing is logged.
            StaleError: Made for an authority that is no longer in force.
            MalformedError, VerificationError: The message is not what it says.
            BusyError, FileError: The log cannot be written, so nothing is done.
        """
        parsed = Message.parse(message)
        actor = note.parse(parsed.note)
        if actor.kind not in STATEMENTS and actor.kind not in ACTS:
            raise MalformedError(f"a {actor.kind} note is not a message to the gate")
        # What no note commits to is refused.
        if actor.kind not in _WITH_MORE and (parsed.attachments or rows is not None):
            raise MalformedError(f"a {actor.kind} comes with nothing beside it")
        # One time for all of it: what is judged and what is written must not differ.
        at = int(self._clock())
        with self.store.write() as writes:
            turn = Turn(self, writes, actor, parsed, rows, at)
            self.replica.catch_up(writes)
            self._check_new(writes, actor)
            after = self.replica.authority
            if actor.kind in STATEMENTS:
                answer, after = self._state(turn)
            else:
                answer = self._act(turn)
            # Whatever it was: what a right has opened goes when the right has ended.
            if grants.sweep(writes, self.replica.authority, after, at):
                turn.after.append(self._truncate)
        # It is done and logged: what is only tidied up can wait for the next act if it fails.
        for finish in turn.after:
            with suppress(BusyError, FileError):
                finish()
        return answer.encode()

    # --- what comes back from outside -------------------------------------------------------------

    def keep_cosigned(self, signed: bytes) -> tuple[str, Position]:
        """Keep a cosigned checkpoint of this vault. See `vault.gate.heads`."""
        with self.store.write() as writes:
            self.replica.catch_up(writes)
            return heads.keep_cosigned(writes, self.replica, signed)

    def keep_timestamp(self, signed: bytes, token: bytes) -> None:
        """Keep a time-stamp over a checkpoint of this vault. See `vault.gate.heads`."""
        with self.store.write() as writes:
            self.replica.catch_up(writes)
            heads.keep_timestamp(writes, self.replica, signed, token)

    # --- statements -----------------------------------------------------------------------------

    def _state(self, turn: Turn) -> tuple[Answer, Authority]:
        """The answer to a statement, and the authority after it."""
        writes, actor, message = turn.writes, turn.actor, turn.message
        if message.details or turn.rows is not None:
            raise MalformedError("a statement comes with nothing beside it")
        before = self.replica.authority
        gate = self._gate_note(before, AUTHORITY, actor, _Verdict("done", turn.at))
        seals: list[bytes] = []
        try:
            after = apply(before, actor, gate)
            if actor.kind == "records-granted":
                seals = grants.check(writes, after, actor, message)
        except DeniedError as error:
            verdict = _Verdict("refused", turn.at, error.reason)
            return self.append_access(writes, actor, message, verdict, case=None), before
        raw = seal_statement(before, after, actor, gate, message.tag)
        answer = self._append(writes, AUTHORITY, raw, actor, gate, after)
        if seals:
            grants.keep(writes, actor, seals)
        if actor.kind == "ticket-issued":
            answer = tickets.answer(self, answer, after)
        return answer, after

    # --- acts -----------------------------------------------------------------------------------

    def _act(self, turn: Turn) -> Answer:
        actor, message = turn.actor, turn.message
        details = hashlib.sha256(message.details).hexdigest() if message.details else None
        if actor.body["details"] != details:
            raise MalformedError("an act does not commit to the details beside it")
        if turn.authority.ticket_of(actor) is not None:
            tickets.check_parcel(turn)
        self._check_tag(actor, message)
        self._check_details(actor, message)
        reason = judge(self.replica.authority, actor, turn.at)
        return turn.refuse(reason) if reason is not None else _HANDLERS[actor.kind](turn)

    def _check_details(self, actor: Note, message: Message) -> None:
        """Details are sealed to as many as the actor knew to hold the case then."""
        if not message.details:
            return
        compartment = entry.parse_compartment(message.details)
        case, seen = actor.body["case"], actor.body["seen"]["authority"]["size"]
        if seen and case in self.replica.at(seen).cases:
            wanted = case_recipients(self.replica.at(seen), case, actor.body["time"], b"any")
            if not entry.fits(compartment, wanted):
                raise MalformedError("an act's details are not sealed to the case's holders")

    def _check_tag(self, actor: Note, message: Message) -> None:
        """Tag and details are made for the epoch of the case that the actor saw last."""
        authority, case = self.replica.authority, actor.body["case"]
        if not (message.tag or message.details) or case not in authority.cases:
            return
        if authority.epoch(case).index >= actor.body["seen"]["authority"]["size"]:
            raise StaleError("the case's keys have changed", "try again")

    def epoch(self, number: int | None = None, authority: Authority | None = None) -> Epoch:
        """The gate group's epoch with its secrets: the one in force, or an earlier one."""
        authority = authority or self.replica.authority
        return self.replica.keyring.need(authority, GATE, number)

    # --- appending ------------------------------------------------------------------------------

    def _check_new(self, reads: Reads, actor: Note) -> None:
        authority = self.replica.authority
        actor.verify(authority.signer(actor))
        log = AUTHORITY if actor.kind in STATEMENTS else ACCESS
        if actor.origin != authority.origin(log):
            raise DeniedError("a note is for another vault or log", reason="wrong-log")
        if reads.used(actor.id_hash):
            raise DeniedError("this note was used before", reason="used-id")
        for name in LOGS:
            seen = actor.body["seen"][name]
            if seen["size"] > self.replica.heads[name].size:
                raise RolledBackError(f"the actor has seen more of the {name} log than there is")
            if stored_frontier(reads, name, seen["size"]).root().hex() != seen["root"]:
                raise ForkedError(f"the actor has seen another history of the {name} log")

    def append_access(
        self,
        writes: Writes,
        actor: Note,
        message: Message,
        verdict: _Verdict,
        case: str | None,
        *,
        public: dict[str, object] | None = None,
        also: Sequence[str] = (),
    ) -> Answer:
        """Append an entry to the access log. See `Turn.append`."""
        authority = self.replica.authority
        gate = self._gate_note(authority, ACCESS, actor, verdict)
        recipients = access_recipients(authority, case, verdict.at, message.tag, also)
        first = entry.seal_compartment(authority.origin(ACCESS), note.pair(actor, gate), recipients)
        compartments = (first, message.details) if message.details else (first,)
        raw = Entry({"note": actor.id_hash.hex(), **(public or {})}, compartments).encode()
        return self._append(writes, ACCESS, raw, actor, gate, authority)

    def _append(
        self, writes: Writes, log: str, raw: bytes, actor: Note, gate: Note, after: Authority
    ) -> Answer:
        head, at = self.replica.heads[log], gate.body["time"]
        frontier = stored_frontier(writes, log, head.size)
        # Who appends to a damaged edge would sign a history that nobody can verify.
        if not equal(frontier.root(), head.root):
            raise DamageError(f"the right edge of the {log} log is damaged", "run `evault check`")
        nodes = frontier.append(merkle.leaf_hash(raw))
        writes.append(log, head.size, raw, actor.id_hash, nodes)
        grown = Checkpoint(head.origin, frontier.size, frontier.root())
        signing = self.epoch(None, after).signing
        if signing is None:
            raise GateError("the gate's epoch has no signing keys")
        signed = checkpoint.sign(signing, grown, at)
        writes.set_head(log, signed)
        if len(after.groups[GATE]) > len(self.replica.authority.groups[GATE]):
            # A new gate epoch signs both heads: only its signature counts from now on.
            other = ACCESS if log == AUTHORITY else AUTHORITY
            head = self.replica.heads[other]
            writes.set_head(other, checkpoint.sign(signing, head, at))
        path = proof.inclusion(grown.size - 1, grown.size, lambda *at: writes.node(log, *at))
        return Answer(grown.size - 1, raw, gate.signed, tuple(path), signed)

    def _truncate(self) -> None:
        self.store.truncate_log()

    def _gate_note(self, authority: Authority, log: str, actor: Note, verdict: _Verdict) -> Note:
        return gate_note(
            self._identity,
            authority.origin(log),
            actor,
            outcome=verdict.outcome,
            why=verdict.why,
            at=verdict.at,
            authority=authority.position,
            access=self.replica.position(ACCESS),
        )


def gate_note(
    identity: Identity,
    origin: str,
    actor: Note,
    *,
    outcome: str,
    why: str | None,
    at: int,
    authority: Position,
    access: Position,
) -> Note:
    """What the gate says beside an actor's note, signed by the operating device."""
    body = {
        "note": actor.digest,
        "outcome": outcome,
        "why": why,
        "time": at,
        "authority": authority.body(),
        "access": access.body(),
        "level": LEVEL,
    }
    return note.sign("gate", origin, body, identity)


def seal_statement(
    before: Authority | None, after: Authority, actor: Note, gate: Note, tag: bytes
) -> bytes:
    """The bytes of an entry of the authority log."""
    origin = after.origin(AUTHORITY)
    recipients = authority_recipients(before, after, gate.body["time"], tag)
    first = entry.seal_compartment(origin, note.pair(actor, gate), recipients)
    return Entry({"note": actor.id_hash.hex()}, (first,)).encode()


def found(
    store: Store, genesis: Note, gate: Note, after: Authority, *, members: Epoch, gate_epoch: Epoch
) -> None:
    """Write the first entry and the first heads of a new vault.

    Args:
        store: An empty store.
        genesis: The founder's statement.
        gate: The gate note beside it.
        after: The authority that it makes.
        members: The first epoch of `members`.
        gate_epoch: The first epoch of `gate`, which signs the heads.
    """
    raw = seal_statement(None, after, genesis, gate, members.tag(genesis.id_hash))
    frontier = merkle.Frontier()
    nodes = frontier.append(merkle.leaf_hash(raw))
    signing = gate_epoch.signing
    if signing is None:
        raise GateError("the gate's epoch has no signing keys")
    at = gate.body["time"]
    with store.write() as writes:
        writes.append(AUTHORITY, 0, raw, genesis.id_hash, nodes)
        for log, size, root in ((AUTHORITY, 1, frontier.root()), (ACCESS, 0, merkle.EMPTY_ROOT)):
            head = Checkpoint(after.origin(log), size, root)
            writes.set_head(log, checkpoint.sign(signing, head, at))


_WITH_MORE = {
    "deposit",
    "approval",
    "denial",
    "release",
    "destruction",
    "rekey",
    "re-encrypt",
    "confirmation",
    "records-granted",
}
"""Kinds of messages that come with attachments or rows: their handlers look at them."""

_HANDLERS: dict[str, Callable[[Turn], Answer]] = {
    "deposit": deposits.keep,
    "release": releases.release,
    "receipt": releases.receipt,
    "request": requests.ask,
    "approval": requests.answer,
    "denial": requests.answer,
    "destruction": destructions.destroy,
    "rekey": renewals.rekey,
    "re-encrypt": renewals.reencrypt,
    "confirmation": renewals.confirm,
    "export": lambda turn: turn.append("done"),
}
"""What the gate does for each kind of act that it allows."""
