"""Whether every entry is sealed to exactly those who should read it.

Whoever may read an entry follows from the authority in force when it was made (see
`vault.authority.recipients`). Nobody can tell whom a foreign seal is for, but how many there are,
where tags stand, and whether the seals open that are for one's own keys. An honest gate makes all
of it right, so what is not is the gate's misbehaviour: somebody more reads along, or somebody was
left out. Tags alone come from actors, and no gate can check them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from keys.derive import Label, equal
from keys.errors import OpenError
from keys.identity import Identity
from keys.seal import SealingKey
from vault import note
from vault.audit.access import Access
from vault.authority import (
    Authority,
    access_recipients,
    authority_recipients,
    case_recipients,
    secret_recipients,
)
from vault.authority.apply import DRIFT
from vault.errors import Error, MalformedError
from vault.kinds import RENEWALS
from vault.log import entry
from vault.log.entry import Recipient
from vault.message import marked, sealed_to
from vault.model import AUDITORS, GATE, MEMBERS, Deposit
from vault.note import ACCESS, AUTHORITY, STATEMENTS, Note
from vault.replica import Replica

_ANSWERS = frozenset(("approval", "denial"))

_SLOT = b"may be 8"
"""Stands for the tag that an actor may supply."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A compartment that is not sealed as it must be.

    Args:
        log: Which log.
        index: Of the entry.
        code: `recipients`, `seal`, `unopened` or `tag`.
        reason: One line for people.
        proved: Whether no honest gate can have made it; else an actor may have done it alone.
    """

    log: str
    index: int
    code: str
    reason: str
    proved: bool = True


class Boxes:
    """Looks at compartments, one entry after another.

    Args:
        replica: The verified view, caught up.
        identity: Who looks.
        at: Now, in seconds since the epoch.
    """

    def __init__(self, replica: Replica, identity: Identity, at: int) -> None:
        self._replica = replica
        self._at = at
        self._authority = replica.authority
        # Every key of one's own by its public half: so it is known which seals must open.
        self._own: dict[bytes, SealingKey] = {identity.sealing.public: identity.sealing}
        for group in (MEMBERS, AUDITORS, *self._authority.cases):
            for epoch in replica.keyring.all(self._authority, group):
                self._own[epoch.sealing.public] = epoch.sealing
        self._sizes = [state.access_size for state in replica.history]
        self._asked: dict[str, str] = {}

    def statement(self, index: int, raw: bytes) -> Iterator[Finding]:
        """What is wrong with the seals of a statement that the rules allow."""
        if index in self._replica.problems:
            return
        actor, gate = self._replica.statement(index)
        before = self._replica.at(index) if index else None
        after = self._replica.at(index + 1)
        wanted = authority_recipients(before, after, gate.body["time"], _SLOT)
        first = entry.parse(raw).compartments[0]
        yield from self._box(AUTHORITY, index, first, wanted, actor, (after, MEMBERS))

    def access(self, found: Access, raw: bytes) -> Iterator[Finding]:
        """What is wrong with the seals of an entry of the access log.

        Args:
            found: The entry as this identity could open it.
            raw: Its bytes.
        """
        if found.problem is not None:
            return
        if found.notes is None:
            yield from self._unopened(found.index, raw)
            return
        actor, gate = found.notes
        at, compartments = gate.body["time"], entry.parse(raw).compartments
        authority = self._replica.at(found.authority_size)
        # A statement that was refused concerns no case, whatever it names.
        case = None if actor.kind in STATEMENTS else found.case
        also = self._also(actor, found)
        wanted = access_recipients(authority, case, at, _SLOT, also)
        if actor.kind in _ANSWERS and found.outcome != "refused" and not self._answers(actor):
            # Who asked may hold the case or not: this identity came too late to know.
            given = len(entry.parse_compartment(compartments[0]).recipients)
            wanted += [Recipient(b"")] * (given == len(wanted) + 1)
        group = (authority, case) if case in authority.cases else None
        yield from self._box(ACCESS, found.index, compartments[0], wanted, actor, group)
        seen_size = actor.body["seen"]["authority"]["size"]
        if compartments[1:] and case and seen_size and case in self._replica.at(seen_size).cases:
            # The actor seals the details, as of what the actor had seen.
            seen = self._replica.at(seen_size)
            wanted = case_recipients(seen, case, actor.body["time"], _SLOT)
            yield from self._box(ACCESS, found.index, compartments[1], wanted, actor, (seen, case))

    def seals(self, found: Access, stored: Deposit) -> Iterator[Finding]:
        """What is wrong with for whom a deposit's secrets are.

        Args:
            found: The entry that brought its seals.
            stored: Its row.
        """
        if found.notes is None or found.problem is not None or found.case is None:
            return
        authority, at = self._replica.at(found.authority_size), found.time
        keyring, wanted = self._replica.keyring, secret_recipients(authority, found.case, at)
        if authority.ticket_of(found.notes[0]) is not None:
            wanted = [("", b"")]
        if not keyring.has(self._authority, GATE, stored.gate_epoch):
            return
        gate = keyring.need(self._authority, GATE, stored.gate_epoch)
        # A renewed case seal holds the key of the deposit's entry as well.
        size = 64 if found.kind in RENEWALS else 32
        try:
            sealed = sealed_to(stored.case_seal, size), sealed_to(stored.gate_seal)
        except MalformedError as error:
            yield Finding(ACCESS, found.index, "recipients", error.message)
            return
        if sealed != ([to for to, _ in marked(gate, stored.id, wanted)], [""]):
            reason = "a deposit's secrets are sealed to others than the rules say"
            yield Finding(ACCESS, found.index, "recipients", reason)

    # --- parts ----------------------------------------------------------------------------------

    def _also(self, actor: Note, found: Access) -> list[str]:
        """Whom an entry concerns though they may not hold the case."""
        if found.outcome == "refused":
            return []
        if actor.kind == "request":
            self._asked[actor.body["id"]] = actor.device
        if actor.kind in {"request", "release", "receipt"}:
            return [actor.device]
        return [self._asked[actor.body["answers"]]] if self._answers(actor) else []

    def _answers(self, actor: Note) -> bool:
        """Whether an act answers a request that could be opened."""
        return actor.kind in _ANSWERS and actor.body["answers"] in self._asked

    def _box(
        self,
        log: str,
        index: int,
        raw: bytes,
        wanted: Sequence[Recipient],
        actor: Note,
        group: tuple[Authority, str | None] | None,
    ) -> Iterator[Finding]:
        """Compare a compartment's recipients with those that it must have, in their order."""
        compartment = entry.parse_compartment(raw)
        if not entry.fits(compartment, wanted):
            reason = f"it is sealed to {len(compartment.recipients)}, or tagged, otherwise than "
            reason += f"the rules say: they ask for {len(wanted)}"
            yield Finding(log, index, "recipients", reason)
            return
        origin, found = note.origin(self._replica.vault, log), list[bytes]()
        for to, (_, sealed) in zip(wanted, compartment.recipients, strict=True):
            key = self._own.get(to.public)
            if key is not None:
                with suppress(OpenError):
                    bound = (origin.encode(), compartment.commitment)
                    found.append(key.open(sealed, Label.ENTRY_KEY, *bound))
        mine = sum(to.public in self._own for to in wanted)
        if len(found) < mine or any(not equal(key, found[0]) for key in found):
            yield Finding(log, index, "seal", "a seal that is for a key of yours does not open it")
        for to, (tag, _) in zip(wanted, compartment.recipients, strict=True):
            if to.tag and tag and group and not self._true(tag, *group, actor):
                reason = "its tag is not its group's: whoever looks for it by its tag misses it"
                yield Finding(log, index, "tag", reason, proved=False)

    def _true(self, tag: bytes, authority: Authority, group: str | None, actor: Note) -> bool:
        """Whether a tag is that of the epoch in force; of others' epochs nobody can tell."""
        if group is None:
            return True
        number = authority.epoch(group).number
        with suppress(Error):
            epoch = self._replica.keyring.find(self._authority, group, number)
            return epoch is None or equal(epoch.tag(actor.id_hash), tag)
        return True

    def _unopened(self, index: int, raw: bytes) -> Iterator[Finding]:
        """An entry that does not open: whether it should, and whether its tag says so."""
        size = bisect_right(self._sizes, index)
        if size and self._must_open(size):
            reason = "it is not sealed to the auditors, of whom you are or were one"
            yield Finding(ACCESS, index, "unopened", reason)
            return
        parsed = entry.parse(raw)
        tags = {
            tag
            for box in parsed.compartments
            for tag, _ in entry.parse_compartment(box).recipients
            if tag
        }
        for group in self._authority.cases if tags else ():
            epochs = self._replica.keyring.all(self._authority, group)
            if any(epoch.tag(parsed.note_id) in tags for epoch in epochs):
                reason = f"it has the tag of the case {group} and does not open with its keys"
                yield Finding(ACCESS, index, "tag", reason, proved=False)

    def _must_open(self, size: int) -> bool:
        """Whether what this authority judged was sealed to a key of one's own as an auditor.

        Who is entitled changes with time only as suspensions lapse, so both ends of the time in
        which it was in force tell, with what clocks may be off.
        """
        authority = self._replica.at(size)
        later = self._replica.history[size].time if size < len(self._replica.history) else self._at
        return all(
            any(to.public in self._own for to in access_recipients(authority, None, at, b""))
            for at in (authority.time - DRIFT, later + DRIFT)
        )
