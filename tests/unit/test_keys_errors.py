"""Errors have one root, and proved bad is never mixed up with not understood."""

from __future__ import annotations

import inspect

import pytest

from keys import errors
from keys.errors import Error, KeySizeError, MalformedError, VerificationError

CLASSES = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if kind.__module__ == errors.__name__
]


@pytest.mark.parametrize("kind", CLASSES)
def test_one_root(kind: type[Exception]) -> None:
    """Every error of this package is an Error, says what it is for, and keeps its hint apart."""
    assert issubclass(kind, Error)
    assert kind.__doc__
    error = kind("what happened", "what to do")
    assert str(error) == error.message == "what happened"
    assert error.hint == "what to do"
    assert kind("what happened").hint == ""


@pytest.mark.parametrize("kind", CLASSES)
def test_families(kind: type[Exception]) -> None:
    """No error is proved bad and not understood at once; only a caller errs with ValueError."""
    assert not (issubclass(kind, VerificationError) and issubclass(kind, MalformedError))
    assert issubclass(kind, ValueError) == (kind is KeySizeError)
    assert not issubclass(kind, OSError)


def test_what_is_proved_bad() -> None:
    """These say that bytes are proved bad; passphrases, memory and files do not."""
    proved = {kind.__name__ for kind in CLASSES if issubclass(kind, VerificationError)}
    assert proved == {
        "VerificationError",
        "CommitmentError",
        "TruncatedError",
        "DamagedError",
        "OpenError",
        "SignatureError",
        "WeakKeyError",
    }
