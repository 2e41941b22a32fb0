"""The published example of C2SP signed-note."""

from __future__ import annotations

import pytest

from keys.errors import SignatureError
from keys.signing import ED25519, VerifierKey, verify_note

VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
TEXT = b"This is an example message.\n"
LINE = (
    "\N{EM DASH} example.com/foo "
    "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)


def test_the_published_note_verifies() -> None:
    """Key and note are everybody's, so an outside tool verifies our heads as well."""
    key = VerifierKey.parse(VKEY)
    assert key.kind == ED25519
    assert key.encode() == VKEY
    assert verify_note(TEXT + b"\n" + LINE.encode(), [key], exact=True) == TEXT


def test_another_text_does_not_verify() -> None:
    """The control: one other letter is another text."""
    note = TEXT.replace(b"an", b"no") + b"\n" + LINE.encode()
    with pytest.raises(SignatureError):
        verify_note(note, [VerifierKey.parse(VKEY)])
