"""What was verified of the access log before, kept in the local state: so that only what is new
has to be verified, and questions are answered without opening every entry again.

It is encrypted under the identity like the pins, holds no words of a reason, and is believed only
where the log still extends it. Lost or damaged it costs nothing but time.

    audit           LP(JSON of what is known of it, the state of `Sequence`)
    audit-<block>   LP(JSON list of rows, then the columns of `Sequence`), of as many entries each

Of the blocks the last one alone is written anew, and their rows are read when somebody asks for
them: what it costs follows what is new.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import orjson

from keys.derive import lp, parse_lp
from vault.audit.access import Row
from vault.audit.sequence import Sequence
from vault.errors import DamageError, Error, MalformedError, ProofError
from vault.local import Local
from vault.log import merkle, proof
from vault.note import ACCESS
from vault.replica import Replica
from vault.store import Reads

_BLOCK = 4096
_PARTS = 5
_STATE = "audit"

Keys = list[tuple[str, int]]
"""Which epochs an identity has: group and number of each."""


class Rows:
    """What is known of each entry, by index: read from the local state when it is asked for.

    Args:
        local: The local state.
        size: How many are there already.
    """

    def __init__(self, local: Local, size: int = 0) -> None:
        self._local = local
        self._kept = size
        self._size = size
        self._blocks: dict[int, list[Row | None]] = {}

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, index: int) -> Row | None:
        block, at = divmod(index, _BLOCK)
        return self._block(block)[at]

    def __iter__(self) -> Iterator[Row | None]:
        return (self[index] for index in range(self._size))

    def append(self, row: Row | None) -> None:
        """Add the row of the next entry."""
        self._block(self._size // _BLOCK).append(row)
        self._size += 1

    def changed(self) -> range:
        """The blocks that are not kept as they are."""
        return range(self._kept // _BLOCK, -(-self._size // _BLOCK))

    def block(self, number: int) -> bytes:
        """A block's rows as they are kept."""
        return orjson.dumps(self._block(number))

    def _block(self, number: int) -> list[Row | None]:
        if number not in self._blocks:
            wanted = min(max(self._kept - number * _BLOCK, 0), _BLOCK)
            rows = orjson.loads(_read(self._local, number)[0]) if wanted else []
            if len(rows) < wanted:
                raise DamageError("the local state is damaged", "run `evault log verify`")
            # Somebody else may have kept more meanwhile.
            self._blocks[number] = rows[:wanted]
        return self._blocks[number]


def recall(
    local: Local, replica: Replica, reads: Reads, keys: Keys
) -> tuple[Sequence, Rows] | None:
    """What was verified before, as far as it still holds.

    Args:
        local: The local state.
        replica: The verified view, caught up.
        reads: A snapshot.
        keys: The epochs that this identity has now. Who has been given an older one since may
            open entries that were closed to them, and begins from the start.

    Returns:
        The state after the last entry of it, and what is known of each entry; None where there is
        nothing, or nothing that holds.
    """
    try:
        raw = local.recall(_STATE)
        if raw is None:
            return None
        said, state = parse_lp(raw, 2)
        about = json.loads(said)
        size = int(about["size"])
        if about.get("void"):
            return None
        had = {tuple(key) for key in about["keys"]}
        if any(key not in had and _began(replica, key) < size for key in keys):
            return None
        blocks = [_read(local, block) for block in range(-(-size // _BLOCK))]
        columns = [b"".join(block[part] for block in blocks) for part in range(1, _PARTS)]
        rows = Rows(local, size)
        sequence = Sequence.load(replica, state, columns, rows.__getitem__)
        _check_extends(replica, reads, sequence)
    except (Error, ValueError, KeyError, TypeError, IndexError):
        return None
    return sequence, rows


def leaves(local: Local) -> list[bytes]:
    """The leaf hash of each entry that was verified before, whether it still holds or not."""
    try:
        raw = local.recall(_STATE)
        size = int(json.loads(parse_lp(raw, 2)[0])["size"]) if raw is not None else 0
        found = b"".join(_read(local, block)[2] for block in range(-(-size // _BLOCK)))
        return merkle.parse_hashes(found[: 32 * size])
    except (Error, ValueError, KeyError, TypeError):
        return []


def remember(local: Local, sequence: Sequence, rows: Rows, keys: Keys) -> None:
    """Keep what was verified.

    Args:
        local: The local state.
        sequence: The state after the last entry.
        rows: What is known of each entry.
        keys: The epochs that this identity has.

    Raises:
        FileError, BusyError: It cannot be written.
    """
    files = {
        f"{_STATE}-{block}": lp(
            rows.block(block),
            *sequence.columns(block * _BLOCK, (block + 1) * _BLOCK),
        )
        for block in rows.changed()
    }
    about = json.dumps({"size": sequence.size, "keys": keys}).encode()
    # The state names what the blocks must hold, so it comes last.
    local.remember({**files, _STATE: lp(about, sequence.dump())})


def forget(local: Local) -> None:
    """Begin from the start the next time. The leaves stay, to name what was changed since.

    Raises:
        FileError, BusyError: It cannot be written.
    """
    try:
        raw = local.recall(_STATE)
        said, state = parse_lp(raw or b"", 2)
        about = json.loads(said)
    except (Error, ValueError):
        return
    local.remember({_STATE: lp(json.dumps(about | {"void": True}).encode(), state)})


def _read(local: Local, block: int) -> list[bytes]:
    kept = local.recall(f"{_STATE}-{block}")
    if kept is None:
        raise MalformedError("a part of what was verified before is missing")
    return parse_lp(kept, _PARTS)


def _began(replica: Replica, key: tuple[str, int]) -> int:
    """How many access entries there were when an epoch began: none of them is sealed to it."""
    began = replica.authority.epoch(*key).index
    return replica.history[began].access_size


def _check_extends(replica: Replica, reads: Reads, sequence: Sequence) -> None:
    head = replica.heads[ACCESS]
    if sequence.size == 0:
        return
    if sequence.size > head.size:
        raise ProofError("what was verified before is more than there is")
    path: list[bytes] = []
    if sequence.size < head.size:
        path = proof.consistency(sequence.size, head.size, lambda *at: reads.node(ACCESS, *at))
    merkle.verify_consistency(sequence.size, head.size, sequence.root, head.root, path)
