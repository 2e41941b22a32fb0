"""What all tests of the command line start from."""

from pathlib import Path

import cli_kit
import pytest


@pytest.fixture
def world(tmp_path: Path) -> cli_kit.World:
    """Four people, a vault, a case with evidence: a fresh copy for each test."""
    return cli_kit.copy(tmp_path / "world")
