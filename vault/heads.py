"""What of the logs leaves the house, and comes back: heads, proofs, cosigned checkpoints.

A head is the gate's signed promise. The more people outside have one, the harder it is to show
different logs to different people; a cosigner signs that the log only ever grew.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from keys.identity import Identity
from keys.signing import VerifierKey, encode_checkpoint
from vault import cosigner, disclosed, note
from vault.audit.cosigned import Cosignature, demand, newest
from vault.audit.examine import Examiner
from vault.client import Client
from vault.conflicts import Conflict
from vault.conflicts import verify as verify_conflict
from vault.errors import (
    DeniedError,
    LogError,
    NotFoundError,
    UsageError,
    VerificationError,
    as_damage,
)
from vault.local import Local
from vault.log import checkpoint, merkle, proof
from vault.log.outside import Proof, Request
from vault.model import GATE, Position
from vault.note import ACCESS
from vault.replica import Replica
from vault.store import Reads, Store


class Heads:
    """The heads of a vault's logs, for whoever watches from outside.

    Args:
        client: One member's device.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    def keys(self, log: str = ACCESS) -> list[VerifierKey]:
        """The keys that sign a log's heads now: Ed25519, then ML-DSA-44."""
        return self._client.authority.gate_verifiers(log)

    def checkpoint(self, log: str = ACCESS) -> bytes:
        """The signed head of a log, as it was verified last."""
        return self._client.replica.notes[log]

    def text(self, size: int, log: str = ACCESS) -> bytes:
        """The checkpoint that a log had at a size, to compare: its three lines, not signed.

        Args:
            size: How many entries.
            log: Which log.

        Raises:
            UsageError: The log has fewer entries.
        """
        with self._client.view() as reads:
            root = self._since(reads, size, log)[0]
        return encode_checkpoint(
            checkpoint.Checkpoint(self._client.authority.origin(log), size, root)
        )

    def request(self, old: int, log: str = ACCESS) -> bytes:
        """What a cosigner is asked to sign.

        Args:
            old: The size that they have cosigned last; 0 if none.
            log: Which log.

        Raises:
            UsageError: The log has fewer entries.
        """
        with self._client.view() as reads:
            path = self._since(reads, old, log)[1] if old else []
            return Request(old, tuple(path), self.checkpoint(log)).encode()

    def keep(self, signed: bytes) -> tuple[str, Position]:
        """Keep a cosigned checkpoint in the vault, where others find it.

        Returns:
            Which log it is of, and what it says.

        Raises:
            MalformedError: It is no checkpoint.
            LogError: It is not a head of this vault's logs.
        """
        return self._client.gate.keep_cosigned(signed)

    def demand(self, given: bytes | None = None) -> Cosignature | None:
        """The newest head that enough cosigners have signed. See `vault.audit.cosigned.demand`."""
        if given is not None:
            # What is no checkpoint is not damage of the vault's.
            checkpoint.peek(given)
        with self._client.view() as reads:
            return demand(self._client.replica, reads, given)

    def cosigned(self) -> Cosignature | None:
        """As `demand`; None also where there are not enough."""
        with self._client.view() as reads:
            return newest(self._client.replica, reads)

    def case_of(self, index: int) -> str | None:
        """The case that an entry of the access log is of.

        Raises:
            NotFoundError: There is no such entry.
            DeniedError: This identity cannot open it.
        """
        return self._opened(index)[0]

    def disclose(self, index: int) -> bytes:
        """One entry of the access log with what proves it to an outsider.

        Log that it is taken out before: see `Session.export`.

        Raises:
            NotFoundError, DeniedError: as `case_of`.
            LogError: The entry is not as it must be.
        """
        _case, raw, salt, body = self._opened(index)
        replica = self._client.replica
        with self._client.view() as reads:
            size = replica.heads[ACCESS].size
            path = proof.inclusion(index, size, lambda *at: reads.node(ACCESS, *at))
            found = disclosed.make(Proof(index, tuple(path), self.checkpoint()), raw, salt, body)
        # What would prove nothing is not given out.
        disclosed.verify(found, self.keys())
        return found

    def _since(self, reads: Reads, size: int, log: str) -> tuple[bytes, list[bytes]]:
        """The root that a log had at a size from 1 on, and the proof that it only grew since."""
        head = self._client.replica.heads[log]
        if size > head.size:
            raise UsageError(f"the {log} log has {head.size} entries, not {size}")
        if size == head.size:
            return head.root, []
        path = proof.consistency(size, head.size, lambda *at: reads.node(log, *at))
        edge = [reads.node(log, *at) for at in merkle.frontier_nodes(size)]
        root = merkle.Frontier(size, edge).root()
        # Stored nodes are believed in nothing: a false proof would look like a fork.
        merkle.verify_consistency(size, head.size, root, head.root, path)
        return root, path

    def _opened(self, index: int) -> tuple[str | None, bytes, bytes, bytes]:
        replica = self._client.replica
        with self._client.view() as reads:
            if not 0 <= index < replica.heads[ACCESS].size:
                raise NotFoundError(f"no entry {index}", "see `evault log list`")
            raw = replica.consistent_entry(reads, ACCESS, index)
        examiner = Examiner(replica)
        problem, both = examiner.examine(index, raw).problem, examiner.both(raw)
        if problem is not None:
            raise LogError(
                f"entry {index} is not as it must be: {problem.message}", "see `evault log verify`"
            )
        if both is None:
            raise DeniedError(
                f"entry {index} is not for you, so you cannot disclose it",
                "ask an auditor, or a holder of its case",
                reason="not-holder",
            )
        actor, _gate = note.parse_pair(both[1])
        return actor.body.get("case"), raw, *both


@dataclass(frozen=True, slots=True)
class KeptConflict:
    """Two heads that somebody has kept.

    Args:
        origin: Which log.
        sizes: Of both heads, the smaller first.
        proved: Whether they contradict each other for anybody who has the text.
        text: For `vault.conflicts.verify`.
    """

    origin: str
    sizes: tuple[int, int]
    proved: bool
    text: bytes


def kept_conflicts(path: Path | None, identity: Identity, home: Path) -> list[KeptConflict]:
    """The heads that contradicted each other, of a vault and of the logs that somebody cosigns.

    Works also while the vault is refused because of them.

    Args:
        path: The vault's folder, or None.
        identity: Whose local state.
        home: The folder for local state.

    Raises:
        UnknownVaultError, MalformedError, VerificationError: The local state, or the vault's last
            head, cannot be read.
    """
    found = [] if path is None else _of_vault(path, identity, home)
    return [_judged(one) for one in (*found, *cosigner.conflicts(home, identity))]


def _of_vault(path: Path, identity: Identity, home: Path) -> list[Conflict]:
    store = Store(path)
    try:
        with store.read() as reads, as_damage():
            origin = checkpoint.peek(reads.head(ACCESS)).origin
            vault = origin.removeprefix("evault/").removesuffix("/access")
            local = Local(home, identity, vault)
            pins = local.pins()
            replica = Replica(identity, local, vault, pins.fingerprint, pins.heads)
            found = []
            for heads in local.proofs():
                one, two = sorted(heads, key=lambda head: checkpoint.peek(head).size)
                # Whoever accepted an older copy has kept what they had seen of both logs.
                if checkpoint.peek(one).origin == checkpoint.peek(two).origin:
                    found.append(_with_proof(reads, replica, one, two))
            return found
    finally:
        store.close()


def _with_proof(reads: Reads, replica: Replica, one: bytes, two: bytes) -> Conflict:
    small, large = checkpoint.peek(one), checkpoint.peek(two)
    log = small.origin.rpartition("/")[2]
    epochs = replica.authority.groups[GATE] if replica.history else ()
    signing = [epoch.signing for epoch in epochs if epoch.signing is not None]
    keys = tuple(key for pair in signing for key in checkpoint.verifiers(small.origin, *pair))
    root: bytes | None = None
    path: tuple[bytes, ...] = ()
    if 0 < small.size < large.size:
        # The vault may still show the other history; if it does not, the heads alone are left.
        with suppress(VerificationError):
            nodes = [reads.node(log, *at) for at in merkle.frontier_nodes(small.size)]
            before = merkle.Frontier(small.size, nodes).root()
            hashes = proof.consistency(small.size, large.size, lambda *at: reads.node(log, *at))
            merkle.verify_consistency(small.size, large.size, before, large.root, hashes)
            root, path = before, tuple(hashes)
    return Conflict(keys, one, two, root, path)


def _judged(one: Conflict) -> KeptConflict:
    sizes = [checkpoint.peek(head).size for head in (one.smaller, one.larger)]
    text = one.encode()
    try:
        verify_conflict(text, one.keys)
        proved = True
    except (VerificationError, UsageError):
        proved = False
    origin = checkpoint.peek(one.smaller).origin
    return KeptConflict(origin, (sizes[0], sizes[1]), proved, text)
