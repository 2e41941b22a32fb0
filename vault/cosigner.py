"""A person as a cosigner of somebody else's log: signs that it only ever grew.

C2SP calls this a witness. What a cosigner does, in order, under a lock:

1. the checkpoint is signed under every key that this person has pinned for its origin;
2. it does not contradict what they have seen: the same size has the same root;
3. the size that the request starts from is the one that they have cosigned last, or 0 if none;
4. the consistency proof holds;
5. what was seen is kept, durably, before the signature is given out.

The keys of a log are compared with its people, out of band, and given once. After a rotation of its
gate they are given again: the old ones are never believed any more. Source: C2SP tlog-witness,
add-checkpoint; tlog-cosignature.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from keys.derive import Label, equal, expand
from keys.errors import SignatureError
from keys.identity import Identity
from keys.signing import (
    ED25519,
    ML_DSA_44_CHECKPOINT,
    Checkpoint,
    VerifierKey,
    cosigner_keys,
    parse_checkpoint,
    split_note,
    verify_note,
)
from vault import ids
from vault.conflicts import Conflict
from vault.conflicts import parse as parse_conflict
from vault.errors import (
    ForkedError,
    LogError,
    MalformedError,
    ProofError,
    RolledBackError,
    UsageError,
)
from vault.log import merkle
from vault.log.outside import parse_request
from vault.private import Private

_STATE = "state"


@dataclass(frozen=True, slots=True)
class Seen:
    """What a cosigner knows of a log.

    Args:
        keys: Those that sign its heads.
        retired: Those that did, and are not believed any more.
        size: How many entries they have cosigned; 0 if none.
        note: The head that they have cosigned last, as the log signed it; empty if none.
    """

    keys: tuple[VerifierKey, ...]
    retired: tuple[VerifierKey, ...] = ()
    size: int = 0
    note: bytes = b""


@dataclass(frozen=True, slots=True)
class Cosigned:
    """A checkpoint with this cosigner's lines.

    Args:
        note: The checkpoint.
        said: What it says.
        before: How many entries they had cosigned before; 0 if none.
    """

    note: bytes
    said: Checkpoint
    before: int


class Cosigner:
    """One person, under one name.

    Args:
        home: The folder for all local state.
        identity: Who signs.
        name: As whom: a name that is used for nothing else. The usual one tells nothing of them.
        clock: Seconds since the epoch.

    Raises:
        MalformedError: It cannot be a key's name.
    """

    def __init__(
        self,
        home: Path,
        identity: Identity,
        name: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        # Not the device's id: it stands in clear wherever a cosigned checkpoint is kept.
        usual = expand(identity.local_key, Label.COSIGNER_NAME, length=16)
        self.name = name or f"evault/cosigner/{ids.show(usual)}"
        self._home, self._identity, self._clock = home, identity, clock
        self._signing = identity.cosigner(self.name)
        if len(self.name.encode()) > 255:
            raise MalformedError("a cosigner's name has at most 255 bytes")
        self.keys = cosigner_keys(
            self.name, self._signing.ed25519_public, self._signing.ml_dsa_44_public
        )

    def cosign(self, data: bytes, keys: Sequence[VerifierKey] = ()) -> Cosigned:
        """Cosign a checkpoint.

        Args:
            data: A request, or a checkpoint alone: that is enough for the first one, and for one
                that was cosigned before.
            keys: The log's, if they are not pinned yet or have changed.

        Raises:
            MalformedError: It is neither.
            UsageError: The log's keys are not known, or are not those of a log.
            LogError: It is not signed by the log, or not proved to extend what was seen.
            ForkedError: It contradicts what was seen; both heads are kept as proof.
            BusyError, FileError: What was seen cannot be kept, so nothing is signed.
        """
        request = parse_request(data)
        said = parse_checkpoint(split_note(request.note)[0])
        watched = Watched(self._home, self._identity, said.origin)
        with watched.locked():
            seen = watched.seen(keys)
            self._check_signed(request.note, seen)
            if seen.note:
                watched.refuse_contradiction(seen, said, request.note)
            if request.old is None and seen.size not in {0, said.size}:
                raise LogError(
                    f"a checkpoint alone does not prove that the log only grew since {seen.size}",
                    f"ask for the output of `evault log checkpoint --from {seen.size}`",
                )
            if request.old is not None and request.old != seen.size:
                raise LogError(
                    f"the request starts from {request.old}, and you have cosigned {seen.size} "
                    "entries of this log",
                    f"ask for the output of `evault log checkpoint --from {seen.size}`",
                )
            if said.size < seen.size:
                raise RolledBackError(
                    f"the checkpoint has {said.size} entries, and you have cosigned {seen.size}",
                    "the log shows less than it did: ask its people why",
                )
            _check_extends(seen, said, request.hashes)
            signed = self._signing.cosign(self.name, request.note, int(self._clock()))
            # First what was seen is safe, then the signature leaves.
            watched.keep(Seen(seen.keys, seen.retired, said.size, request.note))
        return Cosigned(signed, said, seen.size)

    def _check_signed(self, note: bytes, seen: Seen) -> None:
        try:
            verify_note(note, seen.keys)
        except SignatureError as error:
            raise LogError(
                f"the checkpoint is not signed under the keys that you know of this log: "
                f"{error.message}",
                "if its gate has new keys, compare them with its people and give them with --key",
            ) from None


class Watched(Private):
    """What one person has seen of one log.

    Args:
        home: The folder for all local state.
        identity: Whose.
        origin: Which log.
    """

    lost = "restore it from a backup: without it you could sign another history of the log"

    def __init__(self, home: Path, identity: Identity, origin: str) -> None:
        name = expand(identity.local_key, Label.COSIGNER_NAME, origin.encode(), length=16)
        super().__init__(*_place(home, identity, ids.show(name)))
        self.origin = origin

    def seen(self, given: Sequence[VerifierKey] = ()) -> Seen:
        """What was seen so far, with keys that were given in the place of those that are pinned.

        Raises:
            UsageError: There are none, or they are not a log's.
            LogError: They were replaced before.
            DamageError: The state is damaged.
        """
        raw = self.read(_STATE)
        stored = None if raw is None else _parse(raw)
        if not given:
            if stored is None:
                raise UsageError(
                    "you know no keys of this log yet",
                    "compare them with its people, by another way than the file, and give them "
                    "with --key",
                )
            return stored
        keys = tuple(sorted(given, key=lambda key: key.kind))
        if {key.name for key in keys} != {self.origin}:
            raise UsageError("a key that was given is of another log than the checkpoint")
        if [key.kind for key in keys] != [ED25519, ML_DSA_44_CHECKPOINT]:
            raise UsageError(
                "a log has two keys, Ed25519 and ML-DSA-44", "give both, each with --key"
            )
        if stored is None:
            return Seen(keys)
        if set(keys) & set(stored.retired):
            raise LogError(
                "these keys of the log were replaced before, and are not believed any more",
                "ask its people for the keys that are in force",
            )
        gone = tuple(key for key in stored.keys if key not in keys)
        return Seen(keys, (*stored.retired, *gone), stored.size, stored.note)

    def keep(self, seen: Seen) -> None:
        """Keep what was seen; the caller holds the lock."""
        body = {
            "keys": [key.encode() for key in seen.keys],
            "retired": [key.encode() for key in seen.retired],
            "size": seen.size,
            "note": base64.b64encode(seen.note).decode(),
        }
        self.write(_STATE, json.dumps(body).encode())

    def refuse_contradiction(self, seen: Seen, said: Checkpoint, note: bytes) -> None:
        """Compare a signed head with the one that was cosigned last.

        Raises:
            ForkedError: It has another root at the same size; both are kept.
        """
        known = parse_checkpoint(split_note(seen.note)[0])
        if known.size != said.size or equal(known.root, said.root):
            return
        conflict = Conflict((*seen.retired, *seen.keys), seen.note, note)
        self.write(f"proof-{ids.show(ids.draw())[:8]}", conflict.encode())
        raise ForkedError(
            f"the log shows two histories: at {said.size} entries it had another root before",
            "both signed heads are kept as proof: tell its people, and the other cosigners",
        )


def conflicts(home: Path, identity: Identity) -> list[Conflict]:
    """Heads of all logs that this person cosigns which contradicted each other.

    Raises:
        DamageError: One is damaged.
    """
    found = []
    for path in sorted((home / "cosigned").glob("*/proof-*")):
        raw = Private(*_place(home, identity, path.parent.name)).read(path.name)
        found.append(parse_conflict(raw or b""))
    return found


def _place(home: Path, identity: Identity, name: str) -> tuple[Path, bytes, tuple[bytes, ...]]:
    """What `Private` takes: which log it is of, its folder's name tells nobody."""
    raw = name.encode()
    key = expand(identity.local_key, Label.COSIGNER_FILE, raw)
    return home / "cosigned" / name, key, (Label.COSIGNER_FILE.value, raw)


def _check_extends(seen: Seen, said: Checkpoint, hashes: Sequence[bytes]) -> None:
    if not said.size and not equal(said.root, merkle.EMPTY_ROOT):
        raise ProofError("a log without entries has another root")
    if not seen.size:
        if hashes:
            raise ProofError("a proof from no entries at all is not empty")
        return
    known = parse_checkpoint(split_note(seen.note)[0])
    merkle.verify_consistency(known.size, said.size, known.root, said.root, hashes)


def _parse(raw: bytes) -> Seen:
    try:
        body = json.loads(raw)
        keys, retired = (
            tuple(VerifierKey.parse(key) for key in body[name]) for name in ("keys", "retired")
        )
        return Seen(keys, retired, body["size"], base64.b64decode(body["note"]))
    except (ValueError, KeyError, TypeError):
        raise MalformedError("what was kept of a log is not of this format") from None
