"""A process that is killed leaves the old state or the new one, at every step of every act."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from vault_kit import World, identity, make

from vault.check import check

DRIVER = Path(__file__).with_name("driver.py")
ACTS = ("add", "member", "rotate", "get", "rekey", "confirm", "reencrypt", "replace")
"""What is killed; `confirm` confirms a rekey, `replace` a re-encryption."""


def prepare(tmp_path: Path, act: str) -> World:
    """A world that the driver can work in: seeds, and something to add or to confirm."""
    world = make(tmp_path)
    with world.session("ana") as ana:
        if act == "confirm":
            ana.renewals.rekey(world.case)
        if act == "replace":
            ana.renewals.reencrypt(world.case)
    world.clock.at = 2_000_000_000
    for name in ("ana", "ben"):
        (world.root / f"{name}.seed").write_text(identity(name).seed().hex())
    (world.root / "new.contact").write_bytes(identity("new").contact().note)
    new = world.root / "new"
    new.mkdir()
    (new / "small").write_bytes(b"s" * 5000)
    (new / "large").write_bytes(b"l" * 2_000_000)
    return world


def run(world: World, act: str, step: int | None = None) -> subprocess.CompletedProcess[str]:
    """One act in a process of its own."""
    arguments = [sys.executable, str(DRIVER), str(world.root), act]
    arguments += [] if step is None else [str(step)]
    return subprocess.run(arguments, capture_output=True, text=True, check=False)


def survived(world: World, act: str) -> None:
    """Everything that was there is there, the new is whole or absent, and work goes on."""
    kept = {stored.record for stored in world.stored}
    with world.session("ana") as ana:
        report = check(ana.store, ana)
        assert report.problems == []
        names = [str(listed.label.values["name"]) for listed in ana.records()]
        if act == "add":
            new = [name for name in names if name.startswith("new/")]
            assert new in ([], ["new/large", "new/small"])
        if act in {"confirm", "replace"} and ana.renewals.pending():
            # What was confirmed is confirmed; what was not can be.
            with world.session("ben") as ben:
                ben.renewals.confirm(world.case)
        if act in {"rekey", "reencrypt"}:
            ana.renewals.reencrypt(world.case)
        assert check(ana.store, ana).problems == []
        (world.root / "after").write_bytes(b"after")
        ana.add([world.root / "after"], world.case)
    contents = world.read_all("ben")
    assert kept <= contents.keys()
    assert (world.root / "after").read_bytes() in [data for _, data in contents.values()]


def steps(act: str, tmp_path: Path) -> int:
    """How many steps an act has."""
    done = run(prepare(tmp_path / "count", act), act)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def killed(tmp_path: Path, act: str, step: int) -> None:
    """Kill an act before a step, and look at what is left."""
    world = prepare(tmp_path / f"{act}-{step}", act)
    done = run(world, act, step)
    assert done.returncode == -9, done.stderr
    survived(world, act)


@pytest.mark.parametrize("act", ACTS)
def test_an_act_that_is_not_killed_is_done(tmp_path: Path, act: str) -> None:
    """The control: without a kill the act is done, and the checks find it in order."""
    world = prepare(tmp_path, act)
    done = run(world, act)
    assert done.returncode == 0, done.stderr
    survived(world, act)


@pytest.mark.parametrize("act", ACTS)
def test_killed_at_some_steps(tmp_path: Path, act: str) -> None:
    """Killed at the first, the last and one step between, an act leaves all or nothing."""
    total = steps(act, tmp_path)
    for part in range(3):
        killed(tmp_path, act, (total - 1) * part // 2)


@pytest.mark.long
@pytest.mark.parametrize("act", ACTS)
def test_killed_at_every_step(tmp_path: Path, act: str) -> None:
    """Killed at any step, an act leaves all or nothing."""
    total = steps(act, tmp_path)
    with ThreadPoolExecutor(2) as pool:
        for _ in pool.map(lambda step: killed(tmp_path, act, step), range(total)):
            pass
