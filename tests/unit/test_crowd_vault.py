"""The big vault that others test against is what it says: sound, its size, and the same again."""

from __future__ import annotations

from pathlib import Path

import crowd_vault
import pytest

from vault.check import check
from vault.model import Role


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> crowd_vault.CrowdVault:
    """A small one."""
    return crowd_vault.make(tmp_path_factory.mktemp("crowd"), records=120, entries=150)


def _told(vault: crowd_vault.CrowdVault) -> list[tuple[object, ...]]:
    with vault.session("pia") as pia:
        return [
            (one.kind, one.outcome, one.refusal, one.actor_name, one.time, len(one.records))
            for one in pia.log()
        ]


def test_it_is_sound_and_of_its_size(made: crowd_vault.CrowdVault) -> None:
    """Whoever opens it verifies all of it: six people, the records, the entries, no problem."""
    with made.session("pia") as pia:
        assert pia.member.roles == {Role.AUDITOR}
        verified, problems = pia.verify()
        assert problems == []
        assert len(pia.members()) == 6
        assert 150 <= verified[1].size == verified[1].opened < 160
    with made.session("ana") as ana:
        found = check(ana.store, ana)
        assert found.problems == []
        assert sum(len(case.records) for case in made.cases) == 119
        assert len(ana.cases()) == len(crowd_vault.CASES)


def test_all_kinds_of_things_happen_in_it(made: crowd_vault.CrowdVault) -> None:
    """Releases, receipts, refusals, requests and their answers, over a year and a half."""
    told = _told(made)
    kinds = {(kind, outcome) for kind, outcome, *_ in told}
    assert kinds >= {
        ("deposit", "done"),
        ("release", "released"),
        ("release", "refused"),
        ("receipt", "done"),
        ("request", "pending"),
        ("approval", "done"),
        ("destruction", "done"),
    }
    times = [one[4] for one in told]
    assert times == sorted(times)  # type: ignore[type-var]
    assert times[-1] - times[0] > 500 * crowd_vault.DAY  # type: ignore[operator]


def test_one_seed_tells_one_story(made: crowd_vault.CrowdVault, tmp_path: Path) -> None:
    """The same seed gives the same entries at the same times; another seed gives others."""
    again = crowd_vault.make(tmp_path / "again", records=120, entries=150)
    assert _told(again) == _told(made)
    other = crowd_vault.make(tmp_path / "other", records=120, entries=150, seed=2)
    assert _told(other) != _told(made)
