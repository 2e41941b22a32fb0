"""What of the logs leaves the house, and comes back: heads, proofs, cosigned checkpoints.

A head is the gate's signed promise. The more people outside have one, the harder it is to show
different logs to different people; a cosigner signs that the log only ever grew.
"""

from __future__ import annotations

from keys.signing import VerifierKey
from vault import disclosed, note
from vault.audit.examine import Examiner
from vault.client import Client
from vault.errors import DeniedError, LogError, NotFoundError, UsageError
from vault.log import merkle, proof
from vault.log.outside import Proof, Request
from vault.model import Position
from vault.note import ACCESS


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

    def request(self, old: int, log: str = ACCESS) -> bytes:
        """What a cosigner is asked to sign.

        Args:
            old: The size that they have cosigned last; 0 if none.
            log: Which log.

        Raises:
            UsageError: The log has fewer entries.
        """
        with self._client.view() as reads:
            head = self._client.replica.heads[log]
            if old > head.size:
                raise UsageError(f"the {log} log has {head.size} entries, not {old}")
            path: list[bytes] = []
            if 0 < old < head.size:
                path = proof.consistency(old, head.size, lambda *at: reads.node(log, *at))
                # Stored nodes are believed in nothing: a false proof would look like a fork.
                root = merkle.Frontier(
                    old, [reads.node(log, *at) for at in merkle.frontier_nodes(old)]
                ).root()
                merkle.verify_consistency(old, head.size, root, head.root, path)
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
