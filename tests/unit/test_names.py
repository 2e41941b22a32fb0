"""What is meant by what somebody typed: names as they are shown, and who may be meant."""

from __future__ import annotations

import unicodedata

import pytest

from vault import names
from vault.errors import AmbiguousError, NotFoundError
from vault.visible import visible

ONE, TWO, THREE = "abcd2345xxxxxxxx", "abcd2345yyyyyyyy", "mmmm7777zzzzzzzz"
TRICKY = "Téo \u202eoiranidrO\u202c"


def meant(text: str, *called: str) -> int:
    """Which of those who are called so is meant."""
    ids = (ONE, THREE, TWO)
    return names.one("member", text, {ids[at]: (at, (name,)) for at, name in enumerate(called)})


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("show", [str, visible, str.upper])
def test_a_name_is_found_as_it_is_and_as_it_is_shown(form: str, show: object) -> None:
    """Copied from the screen, composed or not, in other letters."""
    assert callable(show)
    for name in (TRICKY, unicodedata.normalize("NFD", TRICKY)):
        text = unicodedata.normalize(form, show(name))  # type: ignore[arg-type]
        assert meant(text, "Ana", name) == 1


def test_several_are_listed_with_what_tells_them_apart() -> None:
    """As much of each id as is needed."""
    among = {name: (name, ("Ana Ruiz",)) for name in (ONE, TWO, THREE)}
    with pytest.raises(AmbiguousError) as caught:
        names.one("member", "ana ruiz", among, lambda name: f"({name[-1]})")
    assert caught.value.hint == "give its id: abcd2345x (x); abcd2345y (y); mmmm7777z (z)"


def test_nobody_hides_another_by_being_called_like_an_id() -> None:
    """The beginning of one's id that is the name of another means neither; the whole id is safe."""
    with pytest.raises(AmbiguousError):
        meant("mmmm7777", "mmmm7777", "Ben")
    assert meant(THREE, THREE, "Ben") == 1
    assert meant("mmmm7777", "Ana", "Ben") == 1


def test_a_message_spells_out_what_is_unseen_once() -> None:
    """Nothing is escaped twice."""
    with pytest.raises(NotFoundError) as caught:
        meant("Téo\u202e\\", "Ana")
    assert caught.value.message == "no member 'Téo\\u202e\\'"


@pytest.mark.parametrize(
    "other", ["ana ruiz", "Ana  Ruiz", "Ａna Ruiz", "Ana\u200d Ruiz", "ANA RUIZ"]
)
def test_names_that_look_alike_are_the_same(other: str) -> None:
    """In other letters, wide ones, with more space, or with what nobody sees."""
    assert names.folded(other) == names.folded("Ana Ruiz") != names.folded("Ana Ruis")
