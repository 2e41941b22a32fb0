"""Odd names of mounts, and odd names that come out of a vault."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.outfile import safe_name
from vault.store import folder

# What attackers and bad luck put into names, often enough to meet each other.
TRICKS = st.lists(
    st.sampled_from(["..", ".", "/", "\\", "\0", "\n", "\x1b[2J", "\u202e", "\x7f", "a", "é", " "]),
    max_size=40,
).map("".join)


@pytest.mark.parametrize(
    ("escaped", "name"),
    [("my\\040disk", "my disk"), ("tab\\011here", "tab\there"), ("back\\134slash", "back\\slash")],
)
def test_escaped_mounts_are_read(monkeypatch: pytest.MonkeyPatch, escaped: str, name: str) -> None:
    """Space, tab and backslash are written as octal numbers in the table of mounts."""
    table = (
        "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
        f"23 22 0:5 / /mnt/{escaped} rw - nfs4 server:/share rw\n"
    )
    monkeypatch.setattr(Path, "read_text", lambda *_args, **_settings: table)
    monkeypatch.setattr(Path, "exists", lambda _path: True)
    assert folder.filesystem(Path("/mnt") / name / "vault") == "nfs4"
    assert folder.filesystem(Path("/mnt/other")) == "ext4"


def harmless(name: str) -> None:
    """A name leads down, can be made, and says nothing to a terminal."""
    path = safe_name(name)
    assert path.parts
    assert not path.is_absolute()
    for part in path.parts:
        assert part not in {"", ".", ".."}
        assert len(os.fsencode(part)) <= 255
        assert not any(
            ord(char) < 32 or 127 <= ord(char) < 160 or char == "\u202e" for char in part
        )
    assert safe_name(str(path)) == path


@given(TRICKS)
def test_tricks_lead_nowhere(name: str) -> None:
    """Dots, slashes, controls and bidi marks in any order are harmless, and stay as they are."""
    harmless(name)


@given(st.binary(max_size=300))
def test_bytes_that_are_no_text_lead_nowhere(raw: bytes) -> None:
    """Names on a disk are bytes; whatever they were, what is written has a proper name."""
    harmless(os.fsdecode(raw))
