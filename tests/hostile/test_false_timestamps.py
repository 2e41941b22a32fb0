"""False time-stamps in the store, and false times that a true one shows up."""

from __future__ import annotations

import datetime
import hashlib
from pathlib import Path

import pytest
import tsa_kit
import vault_kit
from forge_kit import act_body, forge
from vault_kit import World

from keys.timestamp import Roots
from vault.audit.stamped import Found, stamped
from vault.errors import LogError
from vault.log import checkpoint
from vault.note import ACCESS
from vault.session import Session

DAY = 86_400


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A vault with a small past, in the time of its own clock."""
    tsa_kit.need_openssl()
    made = vault_kit.make(tmp_path)
    with made.session("ben") as ben:
        ben.release([made.stored[0].record], "review")
    return made


def roots() -> Roots:
    """The one root that is trusted."""
    return Roots.parse(tsa_kit.root().pem)


def token(world: World, signed: bytes, *, days: float = 0) -> bytes:
    """A true token over a checkpoint, some days from the vault's now."""
    at = datetime.datetime.fromtimestamp(int(world.clock.at + days * DAY), datetime.UTC)
    signer = tsa_kit.holder("An authority", tsa_kit.root(), since=-3000, until=3000)
    return tsa_kit.token(world.root / "tsa", signed, signer, at=at)


def put(world: World, signed: bytes, made: bytes, *, log: int = 1, size: int | None = None) -> None:
    """Write a time-stamp into the store, as whoever writes the disk can."""
    size = checkpoint.peek(signed).size if size is None else size
    with world.database() as database:
        database.execute(
            "INSERT INTO timestamp VALUES (?, ?, ?, ?, ?)",
            (log, size, hashlib.sha256(made).digest(), signed, made),
        )


def found(session: Session) -> list[Found]:
    """What verifying says of each."""
    session.catch_up()
    with session.store.read() as reads:
        return stamped(session.replica, reads, roots())


def test_a_true_one_holds(world: World) -> None:
    """The control: it is valid, says how many entries existed when, and the log verifies."""
    with world.session("aud") as aud:
        signed = aud.head()
        aud._client.gate.keep_timestamp(signed, token(world, signed))
        aud.stamping.trust(tsa_kit.root().pem)
        (one,) = found(aud)
        assert (one.result, one.size, one.log) == ("valid", 2, ACCESS)
        audit = aud.audit()
        assert audit.problems == ()
        assert {step.result for step in audit.steps if step.name == "timestamps"} == {"valid"}


def test_a_token_over_another_head_is_bad(world: World) -> None:
    """A token of an older head does not vouch for this one."""
    with world.session("ben") as ben:
        old = ben.head()
        ben.release([world.stored[0].record], "review")
        ben.catch_up()
        put(world, ben.head(), token(world, old))
        (one,) = found(ben)
    assert (one.result, one.about) == ("invalid", "a time-stamp is over other bytes")


def test_an_altered_token_is_bad(world: World) -> None:
    """Neither a token whose id is not its hash, nor one whose signature fails, is believed."""
    with world.session("ben") as ben:
        made = bytearray(token(world, ben.head()))
        made[-1] ^= 1
        put(world, ben.head(), bytes(made))
        (one,) = found(ben)
        assert one.result == "invalid"
        assert "does not verify" in one.about
        with world.database() as database:
            database.execute("UPDATE timestamp SET id = ?", (bytes(32),))
        assert found(ben)[0].about == "a time-stamp that is kept is damaged"


def test_a_head_that_this_log_never_had_is_bad(world: World) -> None:
    """A token over an invented head, though the gate's own keys signed it, proves a fork."""
    with world.session("ben") as ben:
        signing = ben.replica.keyring.need(ben.authority, "gate").signing
        assert signing is not None
        said = checkpoint.peek(ben.head())
        for false, words in (
            (replace_root(said), "another root"),
            (said._replace(size=said.size + 1), "speaks of"),
        ):
            signed = checkpoint.sign(signing, false, int(world.clock.at))
            put(world, signed, token(world, signed))
            bad = [one for one in found(ben) if words in one.about]
            assert [one.result for one in bad] == ["invalid"]


def replace_root(said: checkpoint.Checkpoint) -> checkpoint.Checkpoint:
    """The same size with another root."""
    return said._replace(root=bytes(32))


def test_a_head_of_another_log_or_size_is_bad(world: World) -> None:
    """What stands under the wrong log or size is not taken for that."""
    with world.session("ben") as ben:
        signed = ben.head()
        put(world, signed, token(world, signed), log=0)
        put(world, signed, token(world, signed), size=1)
        assert [one.result for one in found(ben)] == ["invalid", "invalid"]
        assert {one.about for one in found(ben)} == {
            "a time-stamp is over a checkpoint of another log"
        }


def test_a_head_that_the_gate_did_not_sign_then_is_bad(world: World) -> None:
    """Nor with one good signature of two, nor under keys that had been replaced by then."""
    with world.session("ana") as ana:
        text, _, lines = ana.head().rpartition(b"\n\n")
        one_line = text + b"\n\n" + lines.splitlines(keepends=True)[0]
        put(world, one_line, token(world, one_line))
        assert "did not sign" in found(ana)[0].about
        old = ana.replica.keyring.need(ana.authority, "gate").signing
        before = ana.head()
        ana.rotate("gate")
        ana.release([world.stored[0].record], "review")
        ana.catch_up()
        assert old is not None
        late = checkpoint.sign(old, checkpoint.peek(ana.head()), int(world.clock.at))
        put(world, late, token(world, late))
        bad = [one for one in found(ana) if one.size == checkpoint.peek(late).size]
        assert [one.result for one in bad] == ["invalid"]
        assert "did not sign" in bad[0].about
        # The control: of before the change, the old keys' signature is the right one.
        put(world, before, token(world, before))
        assert "valid" in {one.result for one in found(ana)}


def test_the_gate_keeps_no_stamp_over_what_is_no_head(world: World) -> None:
    """The one writer looks too."""
    with world.session("ben") as ben:
        signing = ben.replica.keyring.need(ben.authority, "gate").signing
        assert signing is not None
        false = checkpoint.sign(signing, replace_root(checkpoint.peek(ben.head())))
        with pytest.raises(LogError):
            ben._client.gate.keep_timestamp(false, token(world, false))
        assert found(ben) == []


def test_whom_a_store_names_is_not_trusted(world: World) -> None:
    """An authority of the adversary's own is not checked, and never valid."""
    liar = tsa_kit.holder("A root", ca=True, since=-3000)
    signer = tsa_kit.holder("An authority", liar, since=-3000)
    with world.session("ben") as ben:
        signed = ben.head()
        at = datetime.datetime.fromtimestamp(world.clock.at - 300 * DAY, datetime.UTC)
        put(world, signed, tsa_kit.token(world.root / "tsa", signed, signer, at=at))
        (one,) = found(ben)
        assert (one.result, one.time) == ("not-checked", None)


def _forged(world: World, days: float) -> None:
    """Ben's own gate says another time of a release of his, and of his note too."""
    with world.session("ben") as ben:
        at = int(world.clock.at + days * DAY)
        body = {**act_body(ben, "release", world), "time": at}
        forge(ben, ACCESS, ben._client.sign("release", body), world, time=at)


def test_an_entry_from_after_its_own_stamp_is_shown_up(world: World) -> None:
    """Whoever sets the clock ahead says to have acted after an authority had seen the entry."""
    _forged(world, 30)
    with world.session("aud") as aud:
        aud.stamping.trust(tsa_kit.root().pem)
        signed = aud.head()
        aud._client.gate.keep_timestamp(signed, token(world, signed))
        audit = aud.audit()
        (problem,) = [one for one in audit.problems if one.code == "false-time"]
        assert (problem.log, problem.index) == (ACCESS, 2)
        assert "was time-stamped on" in problem.reason
        assert audit.logs[1].result == "invalid"


def test_a_back_dated_entry_is_shown_up(world: World) -> None:
    """Whoever sets the clock back says to have acted before a head that was stamped, and the entry
    comes after it."""
    with world.session("aud") as aud:
        aud.stamping.trust(tsa_kit.root().pem)
        signed = aud.head()
        aud._client.gate.keep_timestamp(signed, token(world, signed))
    _forged(world, -30)
    with world.session("aud") as aud:
        (problem,) = [one for one in aud.audit().problems if one.code == "false-time"]
        assert (problem.log, problem.index) == (ACCESS, 2)
        assert "comes after a head of" in problem.reason


@pytest.mark.parametrize("days", [-0.9, 0.9])
def test_a_clock_that_is_a_little_off_accuses_nobody(world: World, days: float) -> None:
    """The control: within a day clocks may differ."""
    with world.session("aud") as aud:
        aud.stamping.trust(tsa_kit.root().pem)
        signed = aud.head()
        aud._client.gate.keep_timestamp(signed, token(world, signed, days=days))
    _forged(world, days)
    with world.session("aud") as aud:
        assert [one for one in aud.audit().problems if one.code == "false-time"] == []


def test_a_head_signed_after_it_was_stamped_is_bad(world: World) -> None:
    """The gate's time under the head itself is tested too."""
    with world.session("ben") as ben:
        signed = ben.head()
        put(world, signed, token(world, signed, days=-30))
        (one,) = found(ben)
        assert one.result == "invalid"
        assert "after it was time-stamped" in one.about
