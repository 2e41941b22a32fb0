"""The ticket of a collector: what the gate signs for them, and the file that holds it.

A collector's device has to know to whom it seals, into which case, and until when; all of it is in
the *terms*, which the gate's epoch signs. It has a key that was drawn for this ticket alone. There
is no name in it, and nothing that opens anything: whoever finds it can add to the case until it
expires or is revoked, and learns the ids of a vault and of a case.

The terms carry the keys under which they are signed. That proves that nothing in them was changed,
not that they are from the right people: for that a collector compares their fingerprint with what
whoever issued the ticket says in person, as a newcomer to the vault does.
"""

from __future__ import annotations

import base64
import hashlib
import json
import textwrap
from dataclasses import dataclass, field
from typing import Any

from keys import keyfile
from keys.derive import Label, lp, parse_lp
from keys.errors import SignatureError, WrongPassphraseError
from keys.identity import SEED_SIZE, Identity
from keys.keyfile import Argon2
from keys.seal import check_public
from keys.signing import SigningKeys, note_keys, split_note, verify_note
from vault import ids, note
from vault.errors import LockedError, MalformedError, VerificationError
from vault.kinds import is_ticket
from vault.model import TICKET_NAME, EpochKeys, Ticket
from vault.note import ACCESS

_KIND = "evault/1/ticket"
_BEGIN = "-----BEGIN EVAULT TICKET-----"
_END = "-----END EVAULT TICKET-----"
_MOST = 1 << 16


@dataclass(frozen=True, slots=True)
class Terms:
    """What the gate has signed for a ticket, verified under the keys that it names.

    Args:
        vault: The vault's id.
        ticket: The id of the ticket's key.
        case: The case's id.
        epoch: The case's epoch, and `case_key` its sealing key.
        gate_epoch: The gate's, and `gate_key` its sealing key.
        expires: Seconds since the epoch.
        signing: The gate's Ed25519 and ML-DSA-44 public keys.
        seen: Sizes and roots of both logs, as they stand in a note.
        signed: The signed note.
    """

    vault: str
    ticket: str
    case: str
    epoch: int
    case_key: bytes = field(repr=False)
    gate_epoch: int
    gate_key: bytes = field(repr=False)
    expires: int
    signing: tuple[bytes, bytes] = field(repr=False)
    seen: dict[str, Any]
    signed: bytes = field(repr=False)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the terms, 64 hex digits: what two people compare."""
        return hashlib.sha256(split_note(self.signed)[0]).hexdigest()


def sign_terms(
    signing: SigningKeys, vault: str, ticket: Ticket, case: EpochKeys, gate: EpochKeys, seen: Any
) -> bytes:
    """Sign the terms of a ticket as the gate.

    Args:
        signing: Those of the gate's epoch in force.
        vault: The vault's id.
        ticket: As the authority has it.
        case: The case's epoch in force.
        gate: The gate's.
        seen: Both logs after the statement that issued it, as in a note.
    """
    body = {
        "ticket": ticket.id,
        "case": ticket.case,
        "epoch": ticket.epoch,
        "gate_epoch": ticket.gate_epoch,
        "case_key": note.encode64(case.sealing),
        "gate_key": note.encode64(gate.sealing),
        "signing": {
            "ed25519": note.encode64(signing.ed25519_public),
            "ml_dsa_44": note.encode64(signing.ml_dsa_44_public),
        },
        "expires": ticket.expires,
        "seen": seen,
    }
    origin = note.origin(vault, ACCESS)
    return signing.sign_note(origin, _text(origin, body), hybrid=True)


def parse_terms(signed: bytes) -> Terms:
    """Parse and verify the terms of a ticket.

    Raises:
        MalformedError: They are none, or of a newer version.
        SignatureError: They are not signed by the gate that they name.
        WeakKeyError: A key that would open what is sealed to it to others, or to nobody.
    """
    text, _ = split_note(signed)
    lines = text.decode().split("\n")
    if len(lines) != 4 or lines[3] or lines[0] != _KIND:
        raise MalformedError("not the terms of a ticket")
    origin = lines[1]
    try:
        body = json.loads(lines[2])
    except (ValueError, RecursionError):
        raise MalformedError("the terms of a ticket are not JSON") from None
    if not is_ticket(body) or _text(origin, body) != text:
        raise MalformedError("the terms of a ticket do not have their one canonical form")
    vault = origin.removeprefix("evault/").removesuffix("/" + ACCESS)
    if note.origin(vault, ACCESS) != origin or not ids.is_id(vault):
        raise MalformedError("the terms of a ticket are of no vault")
    ed25519, ml_dsa_44 = (note.decode64(body["signing"][n]) for n in ("ed25519", "ml_dsa_44"))
    verify_note(signed, note_keys(origin, ed25519, ml_dsa_44), exact=True)
    case_key, gate_key = note.decode64(body["case_key"]), note.decode64(body["gate_key"])
    check_public(case_key)
    check_public(gate_key)
    return Terms(
        vault=vault,
        ticket=body["ticket"],
        case=body["case"],
        epoch=body["epoch"],
        case_key=case_key,
        gate_epoch=body["gate_epoch"],
        gate_key=gate_key,
        expires=body["expires"],
        signing=(ed25519, ml_dsa_44),
        seen=body["seen"],
        signed=signed,
    )


# --- the file -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TicketFile:
    """A ticket as a collector has it: its terms, and its key, bare or under a passphrase.

    Args:
        terms: Verified.
        secret: The seed of the key, 32 bytes, or an identity file that holds it.
    """

    terms: Terms
    secret: bytes = field(repr=False)

    @property
    def locked(self) -> bool:
        """Whether a passphrase is needed."""
        return len(self.secret) != SEED_SIZE

    def unlock(self, passphrase: str | None = None) -> Identity:
        """The key that signs what is collected.

        Raises:
            LockedError: It needs a passphrase.
            WrongPassphraseError, OutOfMemoryError, MalformedError: as `keys.keyfile.parse`.
            VerificationError: It is another ticket's key.
        """
        if not self.locked:
            key = Identity(self.secret, TICKET_NAME)
        elif passphrase is None:
            raise LockedError("this ticket is under a passphrase", "ask who issued it")
        else:
            try:
                key = keyfile.parse(self.secret, passphrase)
            except WrongPassphraseError:
                raise WrongPassphraseError(
                    "wrong passphrase, or a damaged ticket",
                    "try again; capitals and spaces count",
                ) from None
        if key.device != self.terms.ticket or key.name != TICKET_NAME:
            raise VerificationError("the key of a ticket is another's", "ask for a new ticket")
        return key


def draw() -> Identity:
    """Draw the key of a new ticket."""
    return Identity.create(TICKET_NAME)


def encode(
    terms: bytes, key: Identity, passphrase: str | None = None, cost: Argon2 = keyfile.DEFAULT
) -> bytes:
    """The file of a ticket: text that survives a mail or a chat.

    Args:
        terms: As the gate signed them.
        key: The ticket's.
        passphrase: Under which the key is put; None for bare.
        cost: Of one guess at it.
    """
    secret = key.seed() if passphrase is None else keyfile.encode(key, passphrase, cost)
    body = base64.b64encode(lp(Label.TICKET.value, terms, secret)).decode()
    return "\n".join([_BEGIN, *textwrap.wrap(body, 64), _END, ""]).encode()


def parse(data: bytes) -> TicketFile:
    """Parse the file of a ticket and verify its terms; what stands around it does not matter.

    Raises:
        MalformedError: It is none, or cut short.
        SignatureError, WeakKeyError: as `parse_terms`.
    """
    text = data.decode("ascii", "replace") if len(data) <= _MOST else ""
    before, begin, rest = text.partition(_BEGIN)
    body, end, after = rest.partition(_END)
    if not begin or not end or _BEGIN in after:
        raise MalformedError(
            "not a ticket, or cut short", "give the file that `evault ticket issue` made"
        )
    del before
    lines = "".join(body.split())
    try:
        raw = base64.b64decode(lines, validate=True)
    except ValueError:
        raw = b""
    if not raw or base64.b64encode(raw).decode() != lines:
        raise MalformedError("a ticket is damaged", "ask for it again")
    try:
        label, terms, secret = parse_lp(raw, 3)
        if label != Label.TICKET.value:
            raise MalformedError("another label")  # noqa: TRY301 - one refusal for all of it
        found = TicketFile(parse_terms(terms), secret)
    except MalformedError:
        raise MalformedError(
            "a ticket is damaged, or of a newer version", "ask for it again, or use a newer evault"
        ) from None
    except SignatureError:
        raise SignatureError(
            "a ticket is not as its gate signed it",
            "do not use it: ask for it again, and compare its fingerprint in person",
        ) from None
    if found.locked:
        keyfile.cost_of(secret)
    return found


def _text(origin: str, body: Any) -> bytes:
    return f"{_KIND}\n{origin}\n".encode() + note.canonical(body) + b"\n"
