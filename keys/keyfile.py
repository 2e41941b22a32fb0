"""The identity file: a seed and a name under a passphrase.

    magic (8) | suite (2) | memory KiB (4) | passes (4) | lanes (4) | salt (16) | container

The container is under Argon2id of the passphrase and bound to everything before it. Inside are the
seed and the name, padded, so that a file tells nothing of whose it is.

A reader refuses parameters below the floor, which would make guessing cheap, and above the ceiling,
which would make opening the file a way to bring a machine down; both before any work.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from argon2.exceptions import HashingError
from argon2.low_level import Type, hash_secret_raw

from keys import container
from keys.derive import SUITE, Label, lp, pad, parse_lp, unpad
from keys.errors import (
    CommitmentError,
    FileError,
    MalformedError,
    OutOfMemoryError,
    TruncatedError,
    VerificationError,
    WrongPassphraseError,
)
from keys.identity import Identity

MAGIC = b"EVAULTID"
_SALT = 16
_HEADER = 8 + 2 + 12 + _SALT
_PADDED = 512
_MAX_FILE = 1 << 16


@dataclass(frozen=True, slots=True)
class Argon2:
    """The cost of one guess at the passphrase.

    Args:
        memory: In KiB.
        passes: How often the memory is gone over.
        lanes: How many threads share the work.
    """

    memory: int = 256 * 1024
    passes: int = 3
    lanes: int = 4

    def check(self) -> None:
        """Refuse what is too cheap to protect or too dear to open.

        Raises:
            MalformedError: Outside 64 MiB to 2 GiB, 3 to 20 passes, 1 to 16 lanes.
        """
        if not 64 * 1024 <= self.memory <= 2 * 1024 * 1024:
            raise MalformedError("an identity file's memory cost is not between 64 MiB and 2 GiB")
        if not 3 <= self.passes <= 20 or not 1 <= self.lanes <= 16:
            raise MalformedError(
                "an identity file's passes are not 3 to 20, or its lanes not 1 to 16"
            )


DEFAULT = Argon2()
LEAST = Argon2(memory=64 * 1024)
"""The floor that a reader accepts: 64 MiB."""


def encode(identity: Identity, passphrase: str, cost: Argon2 = DEFAULT) -> bytes:
    """Encrypt an identity under a passphrase.

    Args:
        identity: Whose seed and name go into the file.
        passphrase: Taken as it is, in UTF-8.
        cost: The Argon2id parameters.

    Raises:
        OutOfMemoryError: The machine does not have that much memory.
        MalformedError: The parameters are outside what a reader accepts.
    """
    cost.check()
    header = b"".join(
        (
            MAGIC,
            SUITE.to_bytes(2, "big"),
            cost.memory.to_bytes(4, "big"),
            cost.passes.to_bytes(4, "big"),
            cost.lanes.to_bytes(4, "big"),
            os.urandom(_SALT),
        )
    )
    body = pad(lp(identity.seed(), identity.name.encode()), _PADDED)
    key = _stretch(passphrase, header[-_SALT:], cost)
    return header + container.encrypt(key, _context(header), body)


def cost_of(data: bytes) -> Argon2:
    """The cost of one guess at the passphrase of an identity file, without opening it.

    Raises:
        MalformedError: Not an identity file, cut short, of another suite, or with parameters
            outside the accepted range.
    """
    if data[:8] != MAGIC:
        raise MalformedError(
            "not an identity file", "give the file that `evault identity create` made"
        )
    if len(data) < _HEADER + container.HEADER_SIZE:
        raise MalformedError("an identity file is cut short", "restore it from a copy")
    suite = int.from_bytes(data[8:10], "big")
    if suite != SUITE:
        raise MalformedError(f"an identity file of version {suite}", "use a newer evault")
    memory, passes, lanes = (int.from_bytes(data[at : at + 4], "big") for at in (10, 14, 18))
    cost = Argon2(memory, passes, lanes)
    cost.check()
    return cost


def parse(data: bytes, passphrase: str) -> Identity:
    """Decrypt an identity file.

    Raises:
        MalformedError: Not an identity file, cut short, of another suite, or with parameters
            outside the accepted range.
        WrongPassphraseError: It does not decrypt; a damaged header looks the same.
        OutOfMemoryError: The machine does not have the memory that the file asks for.
        VerificationError: The passphrase is right and the rest is damaged.
    """
    cost = cost_of(data)
    header = data[:_HEADER]
    key = _stretch(passphrase, header[-_SALT:], cost)
    try:
        body = container.decrypt(key, _context(header), data[_HEADER:])
    except CommitmentError:
        raise WrongPassphraseError(
            "wrong passphrase, or a damaged identity file", "try again; capitals and spaces count"
        ) from None
    except (TruncatedError, MalformedError):
        raise VerificationError(
            "the identity file is cut short", "restore it from a copy"
        ) from None
    seed, name = parse_lp(unpad(body, _PADDED), 2)
    try:
        return Identity(seed, name.decode())
    except ValueError:
        raise MalformedError("an identity file does not hold an identity") from None


def read(path: Path, passphrase: str) -> Identity:
    """Read and decrypt an identity file.

    Raises:
        FileError: It cannot be read.
        MalformedError, WrongPassphraseError, OutOfMemoryError, VerificationError: as `parse`.
    """
    return parse(read_bytes(path), passphrase)


def read_bytes(path: Path) -> bytes:
    """The bytes of an identity file.

    Raises:
        FileError: It cannot be read.
        MalformedError: It is larger than any identity file.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_FILE + 1)
    except FileNotFoundError:
        raise FileError(
            f"no identity file at {path}", "make one with `evault identity create NAME`"
        ) from None
    except OSError as error:
        raise FileError(f"cannot read the identity file {path}: {error.strerror}") from None
    if len(data) > _MAX_FILE:
        raise MalformedError("not an identity file: it is too large")
    return data


def write(
    path: Path,
    identity: Identity,
    passphrase: str,
    cost: Argon2 = DEFAULT,
    *,
    replace: bool = False,
) -> None:
    """Write an identity file that is whole and readable, or none at all.

    The file is written beside its place, synchronised, read back and decrypted, and only then given
    its name, so a failure never costs the old file.

    Args:
        path: Where to.
        identity: Whose.
        passphrase: As `encode`.
        cost: As `encode`.
        replace: Whether an existing file may be replaced.

    Raises:
        FileError: It exists already, or cannot be written.
        OutOfMemoryError, MalformedError: As `encode`.
    """
    if not replace and os.path.lexists(path):
        raise _taken(path)
    data = encode(identity, passphrase, cost)
    fresh = path.with_name(f".{path.name}.{os.urandom(4).hex()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        # What cannot be read back must not take the place of what can.
        if not _holds(fresh.read_bytes(), passphrase, identity):
            raise FileError(f"{path} does not read back as it was written")
        if replace:
            fresh.replace(path)
        else:
            _name(fresh, path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise FileError(f"cannot write {path}: {error.strerror}") from None
    finally:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)


def _holds(data: bytes, passphrase: str, identity: Identity) -> bool:
    """Whether a file opens to this identity."""
    try:
        found = parse(data, passphrase)
    except (MalformedError, VerificationError, WrongPassphraseError):
        return False
    return found.device == identity.device


def _taken(path: Path) -> FileError:
    return FileError(f"{path} exists already", "choose another name with -o")


def _name(fresh: Path, path: Path) -> None:
    """Give a file its name without replacing another."""
    try:
        os.link(fresh, path)
    except FileExistsError:
        raise _taken(path) from None
    except OSError:
        # Memory sticks know no links.
        if os.path.lexists(path):
            raise _taken(path) from None
        fresh.rename(path)
    else:
        fresh.unlink()


def _context(header: bytes) -> bytes:
    return lp(Label.IDENTITY_FILE.value, header)


def _stretch(passphrase: str, salt: bytes, cost: Argon2) -> bytes:
    secret = passphrase.encode("utf-8", "surrogateescape")
    try:
        return hash_secret_raw(
            secret, salt, cost.passes, cost.memory, cost.lanes, container.KEY_SIZE, Type.ID
        )
    except (HashingError, MemoryError):
        raise OutOfMemoryError(
            f"not enough memory: this identity file needs {cost.memory // 1024} MiB",
            "close other programs and try again; the passphrase was not even tried",
        ) from None
