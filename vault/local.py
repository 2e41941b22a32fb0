"""What a client keeps for itself: its pins, and a cache of statements that it has verified.

Everything is encrypted under the identity, in a folder whose name tells nothing of the vault. Pins
move forward only, under a lock: a copy of the vault that shows less, or something else, than was
seen before is noticed because of them. Lost local state costs nothing but that memory, which is why
it has to be joined again with a fingerprint.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from keys import container
from keys.derive import Label, expand, lp, parse_lp
from keys.identity import Identity
from vault import ids
from vault.errors import (
    BusyError,
    DamageError,
    FileError,
    ForkedError,
    MalformedError,
    UnknownVaultError,
    VerificationError,
)
from vault.log import checkpoint
from vault.note import LOGS

_PINS = "pins"
_STATEMENTS = "statements"
_WAIT = 5.0


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


class Local:
    """The local state of one identity for one vault.

    Args:
        home: The folder for all local state.
        identity: Whose.
        vault: The vault's id.
    """

    def __init__(self, home: Path, identity: Identity, vault: str) -> None:
        raw = ids.parse(vault)
        name = expand(identity.local_key, Label.LOCAL_NAME, raw, length=16)
        self.path = home / "vaults" / ids.show(name)
        self._key = expand(identity.local_key, Label.LOCAL_FILE, raw)
        self._vault = raw

    def pins(self) -> Pins:
        """The pins.

        Raises:
            UnknownVaultError: This identity has not joined this vault on this machine.
            VerificationError: The local state is damaged.
        """
        raw = self._read(_PINS)
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
        with self._locked():
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
            self._write(_PINS, json.dumps(body).encode())

    def statements(self) -> Statements | None:
        """The cached statements; None if there are none or they are damaged."""
        try:
            raw = self._read(_STATEMENTS)
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
        with self._locked():
            raw = lp(
                lp(*statements.leaves),
                lp(*statements.bodies),
                json.dumps(sorted(statements.refused)).encode(),
            )
            self._write(_STATEMENTS, raw)

    def recall(self, name: str) -> bytes | None:
        """A file that was remembered; None if there is none.

        Raises:
            DamageError: It is damaged.
        """
        return self._read(name)

    def remember(self, files: Mapping[str, bytes]) -> None:
        """Keep files that can be made again from the vault, in this order.

        Raises:
            FileError, BusyError: They cannot be written.
        """
        with self._locked():
            for name, plain in files.items():
                self._write(name, plain)

    def keep_proof(self, heads: Sequence[bytes]) -> None:
        """Keep signed heads that contradict each other: proof that the gate misbehaved."""
        with self._locked():
            self._write(f"proof-{ids.show(ids.draw())[:8]}", lp(*heads))

    def proofs(self) -> list[list[bytes]]:
        """The contradicting heads that were kept."""
        found = [self._read(path.name) for path in sorted(self.path.glob("proof-*"))]
        return [parse_lp(raw) for raw in found if raw is not None]

    def forget(self) -> None:
        """Drop the local state, after a failed join."""
        for path in (self.path / _PINS, self.path / _STATEMENTS, *self.path.glob("audit*")):
            path.unlink(missing_ok=True)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        from filelock import FileLock, Timeout

        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            with FileLock(self.path / "lock", timeout=_WAIT):
                yield
        except Timeout:
            raise BusyError("another process holds the local state", "try again") from None
        except OSError as error:
            raise FileError(f"cannot write the local state: {error.strerror}") from None

    def _context(self, name: str) -> bytes:
        return lp(Label.LOCAL_FILE.value, self._vault, name.encode())

    def _read(self, name: str) -> bytes | None:
        try:
            data = (self.path / name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise FileError(f"cannot read the local state: {error.strerror}") from None
        try:
            return container.decrypt(self._key, self._context(name), data)
        except (MalformedError, VerificationError):
            raise DamageError(
                f"the local state in {self.path} is damaged",
                "restore it from a backup, or delete it and join again: what this client has "
                "seen is forgotten then",
            ) from None

    def _write(self, name: str, plain: bytes) -> None:
        data = container.encrypt(self._key, self._context(name), plain)
        fresh = self.path / f".{name}.{os.getpid()}"
        try:
            with fresh.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self.path / name)
            folder = os.open(self.path, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        finally:
            fresh.unlink(missing_ok=True)
