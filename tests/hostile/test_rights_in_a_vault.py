"""What the rules refuse to somebody is refused by the gate, and by every client after a gate that
accepted it."""

from __future__ import annotations

from pathlib import Path

import pytest
from authority_kit import CROWD, STRANGER
from crowd_kit import make, rules
from forge_kit import forge
from rights_table import TABLE, Row

from vault import ids, note
from vault.errors import DeniedError
from vault.gate import Gate
from vault.message import Answer, Message
from vault.note import AUTHORITY
from vault.session import Session


def forbidden(name: str) -> dict[str, Row]:
    """The rows of the table that are not for somebody: for each statement one of each reason."""
    rows = {(row.kind, row.denied(name)): (act, row) for act, row in TABLE.items()}
    return dict(found for (_, reason), found in rows.items() if reason is not None)


def stated(session: Session, row: Row, name: str) -> note.Note:
    """Somebody's statement, as it fits the vault now."""
    world = rules(session)
    unused = ids.show(ids.draw())
    return world.statement(row.kind, name, row.body(world, name), id=unused)


@pytest.mark.parametrize("name", CROWD)
def test_the_gate_refuses(tmp_path: Path, name: str) -> None:
    """Each statement that is not somebody's to make is refused for the reason in the table."""
    world = make(tmp_path)
    with world.session("ada") as ada:
        gate = Gate(ada.store, ada.replica, ada.identity, world.clock)
        before = ada.authority
        for act, row in forbidden(name).items():
            message = Message(stated(ada, row, name).signed).encode()
            try:
                said = note.parse(Answer.parse(gate.submit(message)).gate).body
                found = said["why"] if said["outcome"] == "refused" else said["outcome"]
            except DeniedError as error:
                # Who is no member any more, or never was, is not even logged.
                found = error.reason
            assert (act, found) == (act, row.denied(name))
            ada.catch_up()
            assert ada.authority == before


@pytest.mark.parametrize("name", CROWD)
def test_no_client_believes_a_gate_that_accepts_it(tmp_path: Path, name: str) -> None:
    """In a log in which a lying gate has accepted it all, nobody's rights have changed: for the
    gate's own operator, for who was there before, and for who looks at it for the first time."""
    world = make(tmp_path)
    rows = forbidden(name)
    with world.session("ada") as ada:
        before, start = ada.authority, ada.authority.size
        for row in rows.values():
            forge(ada, AUTHORITY, stated(ada, row, name), world)
            ada.catch_up()
        reasons = [getattr(error, "reason", "") for error in ada.replica.problems.values()]
        assert reasons == [row.denied(name) for row in rows.values()]
    world.home("amy").rename(tmp_path / "before")
    world.join("amy")
    for reader in ("ada", "lea", "amy"):
        with world.session(reader) as session:
            assert [*session.replica.problems] == [*range(start, start + len(rows))]
            after = session.authority
            assert after.size == start + len(rows)
            for part in ("members", "devices", "cases", "groups", "proposals", "held", "tickets"):
                assert getattr(after, part) == getattr(before, part)
            assert after.stewards_needed == before.stewards_needed


def test_what_somebody_may_is_believed(tmp_path: Path) -> None:
    """The control: written by the same hand, what is allowed counts for everyone."""
    world = make(tmp_path)
    with world.session("ada") as ada:
        row = TABLE["a legal hold set"]
        forge(ada, AUTHORITY, stated(ada, row, "lea"), world)
    with world.session("amy") as amy:
        assert amy.replica.problems == {}
        assert amy.authority.cases[world.case].hold


def test_everybody_is_refused_something() -> None:
    """There is nobody who may do everything, and a stranger may do nothing."""
    assert all(forbidden(name) for name in CROWD)
    assert {row.kind for row in forbidden(STRANGER).values()} == note.STATEMENTS.keys()
