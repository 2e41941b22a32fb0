"""The gate: the only writer.

Whatever changes a vault is a message to the gate. Inside one write transaction it

1. catches up with the log and checks that the stored right edge reproduces the signed head;
2. judges the message against the authority;
3. appends it, with its own note beside it, and signs the new head;
4. only then acts: keeps a deposit, or releases its share of a record's key.

A refusal is appended too. Nothing is released before the transaction has committed. Embedded, the
gate is an object in the member's own process and signs with that member's device.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import BinaryIO, NamedTuple

from keys.derive import Label, equal, u64
from keys.errors import VerificationError
from keys.group import Epoch
from keys.identity import Identity
from keys.seal import seal
from vault import fields, ids, note, recordkeys
from vault.authority import (
    Authority,
    access_recipients,
    apply,
    authority_recipients,
    judge,
)
from vault.errors import (
    DamageError,
    DeniedError,
    ForkedError,
    GateError,
    MalformedError,
    RolledBackError,
    StaleError,
)
from vault.log import checkpoint, entry, merkle, proof
from vault.log.checkpoint import Checkpoint
from vault.log.entry import Entry
from vault.message import Answer, Message, open_secret, read_rows
from vault.model import GATE, Deposit, Position, Record
from vault.note import ACCESS, ACTS, AUTHORITY, LOGS, STATEMENTS, Note
from vault.recordkeys import Place
from vault.replica import Replica, stored_frontier
from vault.store import Reads, Store, Writes

LEVEL = 0
"""Embedded: every member can act as the gate, so it proves less than one on a server."""

Clock = Callable[[], float]
_BATCH = 1000


class _Verdict(NamedTuple):
    """What the gate decided, and what it then does."""

    outcome: str
    at: int
    why: str | None = None


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
        self._store = store
        self._replica = replica
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
        if actor.kind != "deposit" and (parsed.attachments or rows is not None):
            raise MalformedError("only a deposit comes with seals and rows")
        # One time for all of it: what is judged and what is written must not differ.
        at = int(self._clock())
        with self._store.write() as writes:
            self._replica.catch_up(writes)
            self._check_new(writes, actor)
            if actor.kind in STATEMENTS:
                answer = self._state(writes, actor, parsed, at)
            else:
                answer = self._act(writes, actor, parsed, rows, at)
        return answer.encode()

    # --- statements -----------------------------------------------------------------------------

    def _state(self, writes: Writes, actor: Note, message: Message, at: int) -> Answer:
        if message.details:
            raise MalformedError("a statement comes with nothing beside it")
        before = self._replica.authority
        gate = self._gate_note(before, AUTHORITY, actor, _Verdict("done", at))
        try:
            after = apply(before, actor, gate)
        except DeniedError as error:
            verdict = _Verdict("refused", at, error.reason)
            return self._append_access(writes, actor, message, verdict, case=None)
        raw = seal_statement(before, after, actor, gate, message.tag)
        return self._append(writes, AUTHORITY, raw, actor, gate, after)

    # --- acts -----------------------------------------------------------------------------------

    def _act(
        self, writes: Writes, actor: Note, message: Message, rows: BinaryIO | None, at: int
    ) -> Answer:
        case = actor.body["case"]
        details = hashlib.sha256(message.details).hexdigest() if message.details else None
        if actor.body["details"] != details:
            raise MalformedError("an act does not commit to the details beside it")
        if message.details:
            entry.parse_compartment(message.details)
        self._check_tag(actor, message)
        reason = judge(self._replica.authority, actor, at)
        if reason is None and actor.kind == "release":
            reason = self._find(writes, actor)
        if reason is None and actor.kind == "receipt":
            reason = self._match(writes, actor)
        if reason is not None:
            return self._append_access(
                writes, actor, message, _Verdict("refused", at, reason), case
            )
        if actor.kind == "deposit":
            return self._keep(writes, actor, message, rows, at)
        if actor.kind == "release":
            return self._release(writes, actor, message, at)
        return self._append_access(writes, actor, message, _Verdict("done", at), case)

    def _check_tag(self, actor: Note, message: Message) -> None:
        """Tag and details are made for the epoch of the case that the actor saw last."""
        authority, case = self._replica.authority, actor.body["case"]
        if not (message.tag or message.details) or case not in authority.cases:
            return
        if authority.epoch(case).index >= actor.body["seen"]["authority"]["size"]:
            raise StaleError("the case's keys have changed", "try again")

    def _keep(
        self, writes: Writes, actor: Note, message: Message, rows: BinaryIO | None, at: int
    ) -> Answer:
        body = actor.body
        if len(message.attachments) != 2 or rows is None:
            raise MalformedError("a deposit comes with two seals and its rows")
        case_seal, gate_seal = message.attachments
        deposit = Deposit(
            id=ids.parse(body["deposit"]),
            case=ids.parse(body["case"]),
            epoch=body["epoch"],
            gate_epoch=body["gate_epoch"],
            case_seal=case_seal,
            gate_seal=gate_seal,
            entry=self._replica.heads[ACCESS].size,
            count=body["count"],
        )
        if writes.deposit(deposit.id) is not None:
            raise DeniedError("a deposit of this id exists already", reason="used-id")
        self._check_seals(actor, deposit)
        self._check_rows(actor, rows)
        # The deposit stands in the public part, so that rows can be tied to the log without keys.
        public = {
            "id": deposit.id.hex(),
            "records_root": body["records_root"],
            "case_seal": body["case_seal"],
            "gate_seal": body["gate_seal"],
        }
        answer = self._append_access(
            writes, actor, message, _Verdict("done", at), body["case"], deposit=public
        )
        writes.add_deposit(deposit)
        start = 0
        for batch in _batches(rows):
            names = {record.id for record, _ in batch}
            if len(names) < len(batch) or any(writes.owner(name) is not None for name in names):
                raise DeniedError("a record of this id exists already", reason="used-id")
            writes.add_records(deposit.id, start, batch)
            start += len(batch)
        return answer

    def _check_seals(self, actor: Note, deposit: Deposit) -> None:
        body = actor.body
        for name, sealed in (("case_seal", deposit.case_seal), ("gate_seal", deposit.gate_seal)):
            if hashlib.sha256(sealed).hexdigest() != body[name]:
                raise VerificationError("a deposit's seal is not the one that was signed")
        secret = self._gate_secret(deposit)
        if recordkeys.gate_commitment(secret).hex() != body["gate_commitment"]:
            raise VerificationError("a deposit's gate secret is not the one that was signed")

    def _check_rows(self, actor: Note, rows: BinaryIO) -> None:
        frontier = merkle.Frontier()
        for batch in _batches(rows):
            for record, leaf in batch:
                frontier.append(merkle.leaf_hash(leaf))
                size = self._store.blobs.size(record.blob)
                if size is None or record.offset + record.content_size > size:
                    raise VerificationError("the content of a deposit's record is not in the vault")
        if frontier.size != actor.body["count"]:
            raise VerificationError("a deposit does not have as many records as it says")
        if frontier.root().hex() != actor.body["records_root"]:
            raise VerificationError("a deposit's records are not those that were signed")

    def _find(self, reads: Reads, actor: Note) -> str | None:
        names = actor.body["records"]
        if len(set(names)) != len(names):
            raise MalformedError("a release names a record twice")
        for name in names:
            owner = reads.owner(ids.parse(name))
            deposit = owner and reads.deposit(owner[0])
            if not deposit or ids.show(deposit.case) != actor.body["case"]:
                return "no-record"
        return None

    def _match(self, reads: Reads, actor: Note) -> str | None:
        """A receipt names an entry that is there; whose it is only its readers can tell."""
        head = self._replica.heads[ACCESS]
        if actor.body["entry"] >= head.size:
            return "receipt"
        raw = reads.entry(ACCESS, actor.body["entry"])
        return None if merkle.leaf_hash(raw).hex() == actor.body["leaf"] else "receipt"

    def _release(self, writes: Writes, actor: Note, message: Message, at: int) -> Answer:
        authority = self._replica.authority
        # The shares are derived before the entry is written only to fail early on damage: they
        # leave this object after the transaction has committed.
        shares = b"".join(self._shares(writes, actor.body["records"]))
        answer = self._append_access(
            writes, actor, message, _Verdict("released", at), actor.body["case"]
        )
        device = authority.device(actor.device)
        leaf = merkle.leaf_hash(answer.entry)
        sealed = seal(
            device.contact.sealing, shares, Label.RELEASE, ids.parse(authority.vault), leaf
        )
        return replace(answer, sealed=sealed)

    def _shares(self, reads: Reads, records: list[str]) -> Iterator[bytes]:
        secrets: dict[bytes, tuple[Deposit, bytes]] = {}
        vault = ids.parse(self._replica.vault)
        for name in records:
            record = ids.parse(name)
            owner = reads.owner(record)
            if owner is None:
                raise DamageError("a record is missing from the vault")
            if owner[0] not in secrets:
                deposit = reads.deposit(owner[0])
                if deposit is None:
                    raise DamageError("a deposit is missing from the vault")
                secrets[owner[0]] = deposit, self._gate_secret(deposit)
            deposit, secret = secrets[owner[0]]
            yield recordkeys.gate_share(secret, Place(vault, deposit.case, deposit.id, record))

    def _gate_secret(self, deposit: Deposit) -> bytes:
        epoch = self._epoch(deposit.gate_epoch)
        return open_secret(
            deposit.gate_seal,
            epoch.sealing,
            Label.GATE_SEAL,
            ids.parse(self._replica.vault),
            deposit.case,
            deposit.id,
            u64(deposit.gate_epoch),
        )

    def _epoch(self, number: int | None = None, authority: Authority | None = None) -> Epoch:
        authority = authority or self._replica.authority
        return self._replica.keyring.need(authority, GATE, number)

    # --- appending ------------------------------------------------------------------------------

    def _check_new(self, reads: Reads, actor: Note) -> None:
        authority = self._replica.authority
        device = authority.device(actor.device)
        actor.verify(device.contact)
        log = AUTHORITY if actor.kind in STATEMENTS else ACCESS
        if actor.origin != authority.origin(log):
            raise DeniedError("a note is for another vault or log", reason="wrong-log")
        if reads.used(actor.id_hash):
            raise DeniedError("this note was used before", reason="used-id")
        for name in LOGS:
            seen = actor.body["seen"][name]
            if seen["size"] > self._replica.heads[name].size:
                raise RolledBackError(f"the actor has seen more of the {name} log than there is")
            if stored_frontier(reads, name, seen["size"]).root().hex() != seen["root"]:
                raise ForkedError(f"the actor has seen another history of the {name} log")

    def _append_access(
        self,
        writes: Writes,
        actor: Note,
        message: Message,
        verdict: _Verdict,
        case: str | None,
        *,
        deposit: dict[str, str] | None = None,
    ) -> Answer:
        authority = self._replica.authority
        gate = self._gate_note(authority, ACCESS, actor, verdict)
        recipients = access_recipients(authority, case, gate.body["time"], message.tag)
        first = entry.seal_compartment(authority.origin(ACCESS), note.pair(actor, gate), recipients)
        public: dict[str, object] = {"note": actor.id_hash.hex()}
        if deposit is not None:
            public["deposit"] = deposit
        compartments = (first, message.details) if message.details else (first,)
        raw = Entry(public, compartments).encode()
        return self._append(writes, ACCESS, raw, actor, gate, authority)

    def _append(
        self, writes: Writes, log: str, raw: bytes, actor: Note, gate: Note, after: Authority
    ) -> Answer:
        head, at = self._replica.heads[log], gate.body["time"]
        frontier = stored_frontier(writes, log, head.size)
        # Who appends to a damaged edge would sign a history that nobody can verify.
        if not equal(frontier.root(), head.root):
            raise DamageError(f"the right edge of the {log} log is damaged", "run `evault check`")
        nodes = frontier.append(merkle.leaf_hash(raw))
        writes.append(log, head.size, raw, actor.id_hash, nodes)
        grown = Checkpoint(head.origin, frontier.size, frontier.root())
        signing = self._epoch(None, after).signing
        if signing is None:
            raise GateError("the gate's epoch has no signing keys")
        signed = checkpoint.sign(signing, grown, at)
        writes.set_head(log, signed)
        if len(after.groups[GATE]) > len(self._replica.authority.groups[GATE]):
            # A new gate epoch signs both heads: only its signature counts from now on.
            other = ACCESS if log == AUTHORITY else AUTHORITY
            head = self._replica.heads[other]
            writes.set_head(other, checkpoint.sign(signing, head, at))
        path = proof.inclusion(grown.size - 1, grown.size, lambda *at: writes.node(log, *at))
        return Answer(grown.size - 1, raw, gate.signed, tuple(path), signed)

    def _gate_note(self, authority: Authority, log: str, actor: Note, verdict: _Verdict) -> Note:
        return gate_note(
            self._identity,
            authority.origin(log),
            actor,
            outcome=verdict.outcome,
            why=verdict.why,
            at=verdict.at,
            authority=authority.position,
            access=self._replica.position(ACCESS),
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


def _batches(rows: BinaryIO) -> Iterator[list[tuple[Record, bytes]]]:
    """The rows from the beginning, about a thousand at a time, each with its leaf."""
    rows.seek(0)
    batch: list[tuple[Record, bytes]] = []
    for record in read_rows(rows):
        batch.append((record, fields.record_leaf(record)))
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
