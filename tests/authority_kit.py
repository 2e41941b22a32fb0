"""A vault's authority without a vault: people, statements, gate notes, and the log they are in.

For tests only. Everybody's keys come from their names, and every epoch's from its group and number,
so that any test can make any statement, by whoever has a right to it or not. Keys that were made
once are kept.

People go by their names, and so do their devices: `eva` is Eva's first one and `eva/2` another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from keys.group import Epoch
from keys.identity import Contact, Identity, device_id
from vault import ids, note
from vault.authority import Authority, apply, draft
from vault.authority.apply import NOTHING
from vault.errors import DeniedError, MalformedError
from vault.log import merkle
from vault.model import AUDITORS, FIXED_GROUPS, GATE, MEMBERS, TICKET_NAME, Position, Role
from vault.note import AUTHORITY, STATEMENTS, Note

VAULT = ids.show(bytes(range(16)))
NOW = 1_800_000_000
DAY = 86_400

Body = dict[str, Any]

_NAMES: dict[str, str] = {}


# --- people and keys --------------------------------------------------------------------------


@cache
def person(name: str) -> Identity:
    """Somebody's identity."""
    identity = Identity(hashlib.sha256(name.encode()).digest(), name)
    _NAMES[identity.device] = name
    return identity


@cache
def contact(name: str) -> Contact:
    """Somebody's contact."""
    return person(name).contact()


@cache
def ticket_contact(name: str) -> Contact:
    """The contact of a ticket whose key is somebody's: it has nobody's name."""
    return Identity(person(name).seed(), TICKET_NAME).contact()


def device(name: str) -> str:
    """The id of somebody, and of their device."""
    return person(name).device


def name_of(device: str) -> str:
    """Who has this id."""
    return _NAMES[device]


def owner(name: str) -> str:
    """Whose device it is."""
    return name.partition("/")[0]


@cache
def case_id(name: str) -> str:
    """The id of a case."""
    return ids.show(hashlib.sha256(b"case " + name.encode()).digest()[:16])


@cache
def epoch(group: str, number: int = 1) -> Epoch:
    """An epoch with its secrets, which are always the same."""
    seed = hashlib.sha256(f"{group} {number}".encode()).digest()
    return Epoch(ids.parse(VAULT), group, number, seed)


@cache
def wrap(group: str, number: int, name: str) -> str:
    """An epoch's seed, sealed to somebody."""
    to = contact(name)
    return note.encode64(epoch(group, number).wrap(to.sealing, to.device))


@cache
def link(group: str, number: int) -> str:
    """The seed before, encrypted under an epoch."""
    return note.encode64(epoch(group, number).link(epoch(group, number - 1)))


def epoch_body(group: str, number: int, names: Iterable[str], **changes: Any) -> Body:
    """An epoch as it stands in a statement, for some people."""
    keys = epoch(group, number)
    signing = keys.signing
    body = {
        "group": group,
        "number": number,
        "sealing": note.encode64(keys.sealing.public),
        "signing": signing
        and {
            "ed25519": note.encode64(signing.ed25519_public),
            "ml_dsa_44": note.encode64(signing.ml_dsa_44_public),
        },
        "link": None if number == 1 else link(group, number),
        "wraps": [{"device": device(name), "wrap": wrap(group, number, name)} for name in names],
    }
    return {**body, **changes}


def wrap_body(group: str, number: int, name: str, **changes: Any) -> Body:
    """A wrap as it stands in a statement."""
    body = {
        "group": group,
        "number": number,
        "device": device(name),
        "wrap": wrap(group, number, name),
    }
    return {**body, **changes}


# --- the log of statements --------------------------------------------------------------------


class World:
    """The authority, the log that it comes from, and the gate's clock.

    Args:
        vault: Its id.

    Attributes:
        now: Seconds since the epoch.
        access: What there is of the access log.
    """

    def __init__(self, vault: str = VAULT) -> None:
        self.vault = vault
        self.now = NOW
        self.access = NOTHING
        self.history: list[Authority] = []
        self._frontier = merkle.Frontier()
        self._serial = 0

    def copy(self) -> World:
        """An independent copy."""
        other = World(self.vault)
        other.now, other.access, other._serial = self.now, self.access, self._serial
        other.history, other._frontier = list(self.history), self._frontier.copy()
        return other

    @property
    def authority(self) -> Authority:
        """What is in force."""
        return self.history[-1]

    @property
    def position(self) -> Position:
        """Size and root of the authority log."""
        return self.authority.position if self.history else NOTHING

    def log(self, size: int) -> None:
        """Let the access log grow to a size."""
        self.access = Position(size, hashlib.sha256(str(size).encode()).hexdigest())

    def id(self) -> str:
        """An id that no note had before."""
        self._serial += 1
        return ids.show(hashlib.sha256(f"note {self._serial}".encode()).digest()[:16])

    def statement(
        self,
        kind: str,
        name: str,
        body: Mapping[str, Any],
        *,
        log: str = AUTHORITY,
        vault: str | None = None,
        **changes: Any,
    ) -> Note:
        """A note of somebody that fits where the world is now."""
        common = {
            "id": self.id(),
            "time": self.now,
            "seen": {"authority": self.position.body(), "access": self.access.body()},
        }
        if kind in note.STATEMENTS:
            common["extends"] = self.position.body()
        origin = note.origin(vault or self.vault, log)
        return note.sign(kind, origin, {**common, **body, **changes}, person(name))

    def gate(
        self, statement: Note, name: str | None = None, *, origin: str | None = None, **changes: Any
    ) -> Note:
        """The gate note beside a statement; the gate runs at the signer's unless named."""
        body = {
            "note": statement.digest,
            "outcome": "done",
            "why": None,
            "time": self.now,
            "authority": self.position.body(),
            "access": self.access.body(),
            "level": 0,
            **changes,
        }
        operator = person(name or name_of(statement.device))
        return note.sign("gate", origin or statement.origin, body, operator)

    def judge(self, statement: Note, gate: Note | None = None, *, verified: bool = False) -> None:
        """Apply a statement and leave the world as it is."""
        before = self.authority if self.history else None
        apply(before, statement, gate or self.gate(statement), verified=verified)

    def put(self, statement: Note, gate: Note | None = None) -> Authority:
        """Apply a statement and append it."""
        gate = gate or self.gate(statement)
        after = apply(self.authority if self.history else None, statement, gate)
        # What an entry's bytes are does not matter here: only that each has another leaf.
        self._frontier.append(merkle.leaf_hash(note.pair(statement, gate)))
        self.history.append(replace(after, root=self._frontier.root().hex()))
        return self.authority

    def do(self, kind: str, name: str, body: Mapping[str, Any], **changes: Any) -> Authority:
        """Somebody states something, and the gate appends it."""
        return self.put(self.statement(kind, name, body, **changes))

    # --- the bodies of statements -------------------------------------------------------------

    def genesis(self, name: str, **changes: Any) -> Body:
        """Begins a vault."""
        body = {
            "suite": 1,
            "vault": self.vault,
            "contact": contact(name).note.decode(),
            "roles": ["advocate", "steward"],
            "policy": {"stewards": 1},
            "epochs": [epoch_body(group, 1, [name]) for group in FIXED_GROUPS],
        }
        return {**body, **changes}

    def number(self, group: str) -> int:
        """The number of a group's epoch in force."""
        return len(self.authority.groups.get(group, ())) or 1

    def added(
        self, name: str, *roles: str, groups: Sequence[str] = (MEMBERS, GATE), **changes: Any
    ) -> Body:
        """Adds a member and gives them the keys of some groups."""
        body = {
            "contact": contact(name).note.decode(),
            "roles": [Role(role).value for role in roles],
            "wraps": [wrap_body(group, self.number(group), name) for group in groups],
            "epochs": [],
            "quoted": [],
        }
        return {**body, **changes}

    def opened(self, case: str, *names: str, **changes: Any) -> Body:
        """Opens a case for its first holders."""
        case = case_id(case)
        body = {
            "case": case,
            "ref": None,
            "title": note.encode64(b"encrypted"),
            "holders": [device(name) for name in names],
            "epochs": [epoch_body(case, 1, self._all_devices(names))],
        }
        return {**body, **changes}

    def _all_devices(self, names: Iterable[str]) -> list[str]:
        return [to for name in names for to in self.devices(name) or [name]]

    def granted(self, case: str, name: str, until: int | None = None, **changes: Any) -> Body:
        """Makes somebody a holder of a case."""
        case = case_id(case)
        number = self.number(case) if case in self.authority.groups else 1
        body = {
            "case": case,
            "member": device(name),
            "until": until,
            "wraps": [wrap_body(case, number, to) for to in self.devices(name) or [name]],
        }
        return {**body, **changes}

    def devices(self, name: str) -> list[str]:
        """Somebody's devices that are not revoked."""
        found = self.authority.members.get(device(name))
        return [name_of(one) for one in found.devices] if found else []

    def entitled(self, group: str) -> list[str]:
        """Who should have a group's keys now."""
        return [name_of(found.id) for found in self.authority.entitled(group, self.now)]

    def next_epoch(self, group: str, **changes: Any) -> Body:
        """The epoch after the one in force, for exactly its holders."""
        return epoch_body(group, self.number(group) + 1, self.entitled(group), **changes)

    def rotated(self, *groups: str) -> Body:
        """Begins a new epoch of some groups."""
        return {"epochs": [self.next_epoch(group) for group in groups]}

    def wrapped(self, *to: tuple[str, str]) -> Body:
        """Gives the keys of groups to people."""
        return {"wraps": [wrap_body(group, self.number(group), name) for group, name in to]}

    # --- what needs epochs and wraps beside it, or several signatures -------------------------

    def body(self, kind: str, by: str, *, quoted: str | None = None, **said: Any) -> Body:
        """A statement's own fields, with every epoch and wrap that it needs.

        Where who makes it may not, they are made as they would be if it were allowed.

        Args:
            kind: Of the statement.
            by: The device that makes it.
            quoted: The id of a proposal.
            said: Its fields; people, devices, contacts and cases by name.
        """
        body = fields(said)
        if "quoted" in STATEMENTS[kind]:
            body["quoted"] = [] if quoted is None else [quoted]
        if kind == "device-added":
            body.setdefault("recovery", False)
        return {**body, **self._beside(kind, by, body)}

    def _beside(self, kind: str, by: str, body: Body) -> Body:
        after, beside = self._draft(kind, by, body), Body()
        before = self.authority
        stale = [
            group
            for group in after.groups
            if after.stale(group, self.now)
            and (group in {MEMBERS, GATE} or not before.stale(group, self.now))
        ]
        if "epochs" in STATEMENTS[kind]:
            needed = {MEMBERS, GATE} | ({body["case"]} if kind == "grant-revoked" else set())
            among = needed if kind == "grant-revoked" else set(after.groups)
            rotated = [
                group
                for group in stale
                if group in among and (self._rotates(after, group, by) or group in {MEMBERS, GATE})
            ]
            beside["epochs"] = [self._epoch(after, group) for group in rotated]
        if "wraps" in STATEMENTS[kind]:
            fresh = {raw["group"] for raw in beside.get("epochs", ())}
            new = set(after.devices) - set(self.authority.devices)
            known = after.members.get(body.get("member", ""))
            to = new if kind == "device-added" else new | set(known.devices if known else ())
            beside["wraps"] = [
                wrap_body(group, len(after.groups[group]), name_of(found.id))
                for group in after.groups
                if group not in fresh and self._gives(after, group, by)
                for found in after.lacking(group, self.now)
                if found.id in to
            ]
        return beside

    def _draft(self, kind: str, by: str, body: Body) -> Authority:
        # Whoever may not do it makes it as somebody would who may.
        for name in (device(by), *self.authority.devices):
            try:
                return draft(self.authority, kind, body, name, self.now)
            except (DeniedError, MalformedError):
                continue
        return self.authority

    def _rotates(self, after: Authority, group: str, by: str) -> bool:
        if device(by) not in {found.id for found in after.entitled(group, self.now)}:
            return False
        afresh = group == AUDITORS and after.lost(group)
        return afresh or device(by) in after.epoch(group).wraps

    def _gives(self, after: Authority, group: str, by: str) -> bool:
        if group in {MEMBERS, GATE}:
            return True
        return self.authority.gives(device(by), group, self.now)

    def _epoch(self, after: Authority, group: str) -> Body:
        names = [name_of(found.id) for found in after.entitled(group, self.now)]
        made = epoch_body(group, len(after.groups[group]) + 1, names)
        return {**made, "link": None} if group == AUDITORS and after.lost(group) else made

    def does(self, kind: str, by: str, *, quoted: str | None = None, **said: Any) -> Authority:
        """Somebody does an act, with all that it needs, and the gate appends it. See `body`."""
        return self.do(kind, by, self.body(kind, by, quoted=quoted, **said))

    def proposal(self, kind: str, *, expires: int | None = None, **said: Any) -> Body:
        """Proposes an act."""
        act = {"kind": kind, **fields(said)}
        return {"act": act, "expires": self.now + 7 * DAY if expires is None else expires}

    def propose(self, kind: str, *people: str, **said: Any) -> str:
        """Somebody proposes an act and others endorse it; returns the proposal's id."""
        first, *others = people
        statement = self.statement("proposed", first, self.proposal(kind, **said))
        self.put(statement)
        for name in others:
            self.do("endorsed", name, {"proposal": statement.body["id"]})
        return str(statement.body["id"])

    def agree(self, kind: str, *people: str, **said: Any) -> Authority:
        """Several sign an act, and the last of them does it."""
        quoted = self.propose(kind, *people[:-1], **said) if len(people) > 1 else None
        return self.does(kind, people[-1], quoted=quoted, **said)

    def refuses(
        self, reason: str, kind: str, by: str, *, quoted: str | None = None, **said: Any
    ) -> None:
        """Somebody's act is denied for a reason, and nothing has changed."""
        self.denies(reason, kind, by, self.body(kind, by, quoted=quoted, **said))

    def denies(self, reason: str, kind: str, by: str, body: Mapping[str, Any]) -> None:
        """A statement is denied for a reason, and nothing has changed."""
        before = self.authority
        with pytest.raises(DeniedError) as caught:
            self.do(kind, by, body)
        assert caught.value.reason == reason
        assert self.authority == before

    def records(self, case: str, name: str, *records: str, until: int | None = None) -> Body:
        """Grants somebody some records of a case."""
        return {
            "case": case_id(case),
            "member": device(name),
            "records": [case_id(record) for record in records],
            "until": until,
            "seals": hashlib.sha256(name.encode()).hexdigest(),
        }

    def trusted(self, name: str, *cases: str, shares: int = 5, threshold: int = 3) -> Body:
        """Makes an identity that exists only as shares a holder of cases."""
        known = device(name) in self.authority.devices
        groups = [*([] if known else [MEMBERS, GATE]), *map(case_id, cases)]
        return {
            "cases": [case_id(case) for case in cases],
            "contact": contact(name).note.decode(),
            "shares": shares,
            "threshold": threshold,
            "wraps": [wrap_body(group, self.number(group), name) for group in groups],
        }

    def issued(self, case: str, name: str, expires: int | None = None, **changes: Any) -> Body:
        """Issues a ticket whose key is somebody's."""
        body = {
            "case": case_id(case),
            "contact": ticket_contact(name).note.decode(),
            "expires": self.now + 7 * DAY if expires is None else expires,
        }
        return {**body, **changes}


def fields(said: Mapping[str, Any]) -> Body:
    """Fields in which people, devices, contacts and cases stand by name, as they stand in notes."""
    ways = {
        "member": device,
        "target": device,
        "case": case_id,
        "contact": lambda name: contact(name).note.decode(),
        "roles": lambda roles: [Role(role).value for role in roles],
    }
    return {
        # What comes from a note stands there as it must already.
        name: ways[name](value) if name in ways and not _in_notes(value) else value
        for name, value in said.items()
    }


def _in_notes(value: Any) -> bool:
    return isinstance(value, str) and len(value) >= 26


# --- a vault with everybody in it -------------------------------------------------------------

FOUNDER = "ada"
CAST = {
    "sol": (Role.STEWARD,),
    "eva": (Role.ADVOCATE,),
    "lea": (Role.ATTORNEY,),
    "amy": (Role.ADVOCATE,),
    "bob": (Role.ATTORNEY,),
    "ida": (Role.AUDITOR,),
}
"""Whom the founder added. Eva and Lea hold the case; Amy and Bob do not."""
STRANGER = "max"
CASE = "crossing"


def founded() -> World:
    """A vault of which there is only its founder."""
    world = World()
    world.do("genesis", FOUNDER, world.genesis(FOUNDER))
    return world


@cache
def _peopled(*, keys: bool) -> World:
    world = founded()
    for name, roles in CAST.items():
        auditor = (MEMBERS, GATE, "auditors") if keys else (MEMBERS, GATE)
        groups = auditor if roles == (Role.AUDITOR,) else (MEMBERS, GATE)
        world.do("member-added", FOUNDER, world.added(name, *roles, groups=groups))
    world.do("case-opened", "eva", world.opened(CASE, "eva", "lea"))
    world.log(5)
    return world


def peopled(*, auditor_has_keys: bool = True) -> World:
    """A vault with the whole cast, and one case.

    Args:
        auditor_has_keys: Whether the auditor was given the auditors' keys when added.
    """
    return _peopled(keys=auditor_has_keys).copy()


def peopled_by_auditors() -> World:
    """A vault with the whole cast, whose auditor has taken over from the founder."""
    world = peopled()
    world.do("rotated", "ida", world.rotated("auditors"))
    return world


CROWD = {
    "ada": "a steward and advocate, who holds no case",
    "sol": "a steward",
    "sam": "a steward who holds the case",
    "eva": "an advocate who holds the case",
    "eva/2": "her second device",
    "eva/3": "a device of hers that was revoked",
    "una": "another advocate who holds the case",
    "amy": "an advocate who does not",
    "lea": "an attorney who holds the case",
    "bob": "an attorney who does not",
    "gil": "an attorney to whom one record was granted",
    "ida": "an auditor",
    "nil": "somebody who has no roles any more",
    "nil/2": "the device that a steward added for them",
    "sue": "an advocate who holds the case and is suspended",
    "rex": "an attorney who held the case and was removed",
    "paper": "a recovery identity of the case",
    "tik": "a collector's ticket for the case",
    "max": "a stranger",
}
"""Who tries everything, by device."""
FROZEN, OLD = "frozen", "old"
"""A case that Eva, Una and Lea hold, under a legal hold; one that Eva holds alone, closed."""


def crowd(world: World) -> None:
    """Let everybody of the crowd come into a vault that has the cast and the case."""
    for name, *roles in (
        ("sam", Role.STEWARD),
        ("una", Role.ADVOCATE),
        ("gil", Role.ATTORNEY),
        ("nil", Role.ATTORNEY),
        ("sue", Role.ADVOCATE),
        ("rex", Role.ATTORNEY),
    ):
        world.do("member-added", FOUNDER, world.added(name, *roles))
    for name in ("una", "sam", "sue", "rex"):
        world.do("case-granted", "eva", world.granted(CASE, name))
    world.does("device-added", "eva", member="eva", contact="eva/2")
    world.does("device-added", "eva", member="eva", contact="eva/3")
    world.does("device-revoked", "eva", target="eva/3")
    world.do("case-opened", "eva", world.opened(FROZEN, "eva", "una", "lea"))
    world.do("case-opened", "eva", world.opened(OLD, "eva"))
    world.do("hold-set", "lea", {"case": case_id(FROZEN)})
    world.do("case-closed", "eva", {"case": case_id(OLD)})
    world.do("records-granted", "eva", world.records(CASE, "gil", "one"))
    world.do("recovery-trusted", "una", world.trusted("paper", CASE))
    world.does("device-added", "sol", member="nil", contact="nil/2")
    world.does("member-suspended", "sol", member="sue", why="arrested")
    world.does("member-removed", "sol", member="rex", why="left")
    world.do("rotated", "eva", world.rotated(case_id(CASE)))
    world.do("ticket-issued", "eva", world.issued(CASE, "tik"))


@cache
def _crowded() -> World:
    world = peopled()
    crowd(world)
    return world


def crowded() -> World:
    """A vault with the whole crowd."""
    return _crowded().copy()


def weak_contact(name: str, curve: bytes) -> str:
    """A contact that is truly signed and has this X25519 key in its sealing key."""
    identity = person(name)
    good = contact(name)
    text = good.note.rpartition(b"\n\n")[0] + b"\n"
    weak = good.sealing[: -len(curve)] + curve
    text = text.replace(note.encode64(good.sealing).encode(), note.encode64(weak).encode())
    return identity.sign(text, hybrid=True).decode()


def unsigning_contact(name: str, ed25519: bytes) -> str:
    """A contact that is signed as well as it can be and has this Ed25519 key."""
    identity, good = person(name), contact(name)
    weak = device_id(ed25519, good.ml_dsa_44)
    text = good.note.rpartition(b"\n\n")[0] + b"\n"
    text = text.replace(good.device.encode(), weak.encode())
    text = text.replace(note.encode64(good.ed25519).encode(), note.encode64(ed25519).encode())
    return identity.signing.sign_note(weak, text, hybrid=True).decode()
