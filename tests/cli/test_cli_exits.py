"""How the command ends: one table from exception to exit code, and it is complete."""

from __future__ import annotations

import inspect

import pytest

import keys.errors
import vault.errors
from vault.cli.exits import EXITS, exit_of

CLASSES = {
    found
    for module in (keys.errors, vault.errors)
    for found in vars(module).values()
    if inspect.isclass(found) and issubclass(found, keys.errors.Error)
}
FAMILIES = {
    vault.errors.LogError: 21,
    vault.errors.FileError: 15,
    vault.errors.NotFoundError: 13,
    vault.errors.BusyError: 14,
}


@pytest.mark.parametrize("kind", sorted(CLASSES, key=lambda kind: kind.__name__))
def test_every_exception_has_an_exit_code(kind: type[keys.errors.Error]) -> None:
    """Each class stands in the table itself, so that a new one is not forgotten."""
    assert kind in EXITS
    assert exit_of(kind("something")) == EXITS[kind]


def test_the_table_has_no_others() -> None:
    """What is in the table exists."""
    assert set(EXITS) == CLASSES


@pytest.mark.parametrize("kind", sorted(CLASSES, key=lambda kind: kind.__name__))
def test_a_family_has_one_code(kind: type[keys.errors.Error]) -> None:
    """Proved bad and could not check are never mixed up."""
    code = EXITS[kind].code
    for family, expected in FAMILIES.items():
        if issubclass(kind, family):
            assert code == expected
    if issubclass(kind, vault.errors.VerificationError):
        assert code in {20, 21}
    else:
        assert code not in {20, 21}


def test_the_most_specific_class_wins() -> None:
    """A subclass that nobody listed takes the code of its nearest parent."""

    class Newer(vault.errors.RolledBackError):
        pass

    assert exit_of(Newer("x")).code == 21


def test_names_are_for_one_thing_each() -> None:
    """Programs can tell all errors apart by name, except mistakes of evault's own."""
    names = [found.name for found in EXITS.values() if found.code != 1]
    assert len(names) == len(set(names))
