"""A real vault with the whole crowd of `authority_kit` in it: made once, copied for each test."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import authority_kit as kit
import vault_kit
from authority_kit import CASE, CAST, FOUNDER, FROZEN, OLD, person
from rights_table import PROPOSED
from vault_kit import Clock

from vault import statements
from vault.model import Role
from vault.note import ACCESS
from vault.session import Session


@dataclass
class Crowd(vault_kit.World):
    """The vault, and everybody's local state."""

    @contextmanager
    def session(self, name: str) -> Iterator[Session]:
        """Somebody at work."""
        with Session.open(self.path, person(name), self.home(name), clock=self.clock) as session:
            yield session

    def join(self, name: str) -> None:
        """Let somebody join who was added."""
        Session.join(
            self.path, person(name), self.home(name), self.fingerprint, clock=self.clock
        ).close()

    def copy(self, target: Path) -> Crowd:
        """An independent copy of it all."""
        shutil.copytree(self.root, target)
        return Crowd(target, self.case, self.stored, self.fingerprint, Clock(self.clock.at))


def rules(session: Session) -> kit.World:
    """The authority as a session knows it: whatever is stated there fits the vault."""
    world = kit.World(session.authority.vault)
    world.history = [session.authority]
    world.now = session.now()
    world.access = session.replica.position(ACCESS)
    return world


def state(session: Session, kind: str, body: Callable[[], dict[str, Any]]) -> None:
    """Somebody states something."""
    session._client.state(kind, body)


def _open(session: Session, case: str, *holders: str) -> None:
    names = [kit.device(name) for name in holders]
    state(
        session,
        "case-opened",
        lambda: statements.case_opened(session.authority, kit.case_id(case), case, None, names),
    )


def _propose(session: Session, kind: str, said: dict[str, Any]) -> None:
    act = {"kind": kind, **kit.fields(said)}
    state(session, "proposed", lambda: {"act": act, "expires": session.now() + kit.DAY})


@cache
def _template() -> Crowd:
    root = Path(tempfile.mkdtemp(prefix="evault-test-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    clock, case, old = Clock(), kit.case_id(CASE), kit.case_id(OLD)
    added = {
        **CAST,
        "sam": (Role.STEWARD,),
        "una": (Role.ADVOCATE,),
        "gil": (Role.ATTORNEY,),
        "nil": (Role.ATTORNEY,),
        "sue": (Role.ADVOCATE,),
        "rex": (Role.ATTORNEY,),
    }
    with Session.create(root / "vault", person(FOUNDER), root / "homes/ada", clock=clock) as ada:
        for name, roles in added.items():
            ada.people.add(kit.contact(name).note, roles)
        world = Crowd(root, case, [], ada.fingerprint, clock)
    for name in ("sol", "eva", "una", "lea", "ida", "amy"):
        world.join(name)
    with world.session("eva") as eva:
        _open(eva, CASE, "eva", "lea")
        for name in ("una", "sam", "sue", "rex"):
            eva.casework.grant(case, kit.device(name))
        for name in ("eva/2", "eva/3"):
            eva.people.add_device(kit.contact(name).note)
        eva.people.revoke_device(kit.device("eva/3"))
        _open(eva, FROZEN, "eva", "una", "lea")
        _open(eva, OLD, "eva")
        eva.casework.close(old)
        (root / "one").write_bytes(b"one record")
        (stored,) = eva.add([root / "one"], case)
        eva.grants.grant_records(case, kit.device("gil"), [stored.record])
    with world.session("lea") as lea:
        lea.casework.set_hold(kit.case_id(FROZEN))
    with world.session("una") as una:
        una.people.trust([case], kit.contact("paper").note, shares=5, threshold=3)
    with world.session("sol") as sol:
        sol.people.add_device(kit.contact("nil/2").note, kit.device("nil"))
        sol.people.suspend(kit.device("sue"), "arrested")
        sol.people.remove(kit.device("rex"), "left")
        sol.people.add(kit.contact("ivy").note, [Role.AUDITOR])
    for kind, by, said in PROPOSED:
        with world.session(by) as session:
            _propose(session, kind, said)
    with world.session("eva") as eva:
        eva.settle()
        state(eva, "ticket-issued", lambda: rules(eva).issued(CASE, "tik"))
    return world


def make(tmp_path: Path) -> Crowd:
    """A fresh vault for one test."""
    return _template().copy(tmp_path / "crowd")
