"""What a client keeps for itself: its pins, and a cache of statements that it has verified.

Everything is encrypted under the identity, in a folder whose name tells nothing of the vault. Pins
move forward only, under a lock: a copy of the vault that shows less, or something else, than was
seen before is noticed because of them. Lost local state costs nothing but that memory, which is why
it has to be joined again with a fingerprint.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from keys.derive import Label, expand, lp, parse_lp
from keys.identity import Identity
from vault import ids
from vault.errors import (
    ForkedError,
    MalformedError,
    UnknownVaultError,
    VerificationError,
)
from vault.log import checkpoint
from vault.note import LOGS
from vault.private import Private

_PINS = "pins"
_STATEMENTS = "statements"


@dataclass(frozen=True, slots=True)
class Pins:
    """What this client knows of a vault for certain.

    Args:
        fingerprint: Of its genesis, in hex.
        heads: The last verified signed head of each log.
    """

    fingerprint: str
    heads: dict[str, bytes]

    def size(self, log: str) -> int:
        """How many entries of a log this client has seen."""
        return checkpoint.peek(self.heads[log]).size


@dataclass(frozen=True, slots=True)
class Statements:
    """Statements that were opened and verified, so that they need not be again.

    Args:
        leaves: The leaf hash of each entry.
        bodies: The first compartment of each entry, opened.
        refused: The indexes of those that replay refused.
    """

    leaves: tuple[bytes, ...]
    bodies: tuple[bytes, ...]
    refused: frozenset[int]


class Local(Private):
    """The local state of one identity for one vault.

    Args:
        home: The folder for all local state.
        identity: Whose.
        vault: The vault's id.
    """

    def __init__(self, home: Path, identity: Identity, vault: str) -> None:
        raw = ids.parse(vault)
        name = expand(identity.local_key, Label.LOCAL_NAME, raw, length=16)
        key = expand(identity.local_key, Label.LOCAL_FILE, raw)
        super().__init__(home / "vaults" / ids.show(name), key, (Label.LOCAL_FILE.value, raw))

    def pins(self) -> Pins:
        """The pins.

        Raises:
            UnknownVaultError: This identity has not joined this vault on this machine.
            VerificationError: The local state is damaged.
        """
        raw = self.read(_PINS)
        if raw is None:
            raise UnknownVaultError(
                "this identity has not joined this vault",
                "join it with `evault join PATH --fingerprint F`, with the fingerprint that a "
                "steward tells you",
            )
        try:
            body = json.loads(raw)
            heads = {log: base64.b64decode(body["heads"][log]) for log in LOGS}
            return Pins(body["fingerprint"], heads)
        except (ValueError, KeyError, TypeError):
            raise MalformedError("the local state is not of this format") from None

    def joined(self) -> bool:
        """Whether there are pins."""
        return (self.path / _PINS).exists()

    def advance(self, pins: Pins) -> None:
        """Move the pins forward; a log whose stored pin is further stays where it is.

        Raises:
            ForkedError: Another process pinned something else at the same size.
            BusyError, FileError: They cannot be written.
        """
        with self.locked():
            heads = dict(pins.heads)
            if self.joined():
                stored = self.pins()
                if stored.fingerprint != pins.fingerprint:
                    raise UnknownVaultError("the pinned fingerprint is another")
                for log in LOGS:
                    mine, theirs = (checkpoint.peek(p.heads[log]) for p in (pins, stored))
                    if mine.size == theirs.size and mine.root != theirs.root:
                        raise ForkedError(f"the {log} log has two histories")
                    if theirs.size > mine.size:
                        heads[log] = stored.heads[log]
                if heads == stored.heads:
                    return
            body = {
                "fingerprint": pins.fingerprint,
                "heads": {log: base64.b64encode(head).decode() for log, head in heads.items()},
            }
            self.write(_PINS, json.dumps(body).encode())

    def statements(self) -> Statements | None:
        """The cached statements; None if there are none or they are damaged."""
        try:
            raw = self.read(_STATEMENTS)
            if raw is None:
                return None
            leaves, bodies, refused = parse_lp(raw, 3)
            kept = Statements(
                tuple(parse_lp(leaves)), tuple(parse_lp(bodies)), frozenset(json.loads(refused))
            )
            return kept if len(kept.leaves) == len(kept.bodies) else None
        except (MalformedError, VerificationError, ValueError, TypeError):
            # A cache: without it everything is opened and verified again.
            return None

    def keep_statements(self, statements: Statements) -> None:
        """Replace the cached statements."""
        with self.locked():
            raw = lp(
                lp(*statements.leaves),
                lp(*statements.bodies),
                json.dumps(sorted(statements.refused)).encode(),
            )
            self.write(_STATEMENTS, raw)

    def recall(self, name: str) -> bytes | None:
        """A file that was remembered; None if there is none.

        Raises:
            DamageError: It is damaged.
        """
        return self.read(name)

    def remember(self, files: Mapping[str, bytes]) -> None:
        """Keep files that can be made again from the vault, in this order.

        Raises:
            FileError, BusyError: They cannot be written.
        """
        with self.locked():
            for name, plain in files.items():
                self.write(name, plain)

    def keep_proof(self, heads: Sequence[bytes]) -> None:
        """Keep signed heads that contradict each other: proof that the gate misbehaved."""
        with self.locked():
            # Whoever is shown the same again and again needs it once.
            if list(heads) not in self.proofs():
                self.write(f"proof-{ids.show(ids.draw())[:8]}", lp(*heads))

    def proofs(self) -> list[list[bytes]]:
        """The contradicting heads that were kept."""
        found = [self.read(path.name) for path in sorted(self.path.glob("proof-*"))]
        return [parse_lp(raw) for raw in found if raw is not None]

    def forget(self) -> None:
        """Drop the local state, after a failed join."""
        for path in (self.path / _PINS, self.path / _STATEMENTS, *self.path.glob("audit*")):
            path.unlink(missing_ok=True)
