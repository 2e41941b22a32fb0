"""Recovery shares: what is split comes back, what is typed is understood, errors say where."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from itertools import combinations

import pytest
import shamir_mnemonic
from shamir_mnemonic import shamir
from shamir_mnemonic.wordlist import WORDLIST

from keys import recovery
from keys.errors import (
    Error,
    MalformedError,
    SharesError,
    TooFewSharesError,
    VerificationError,
)
from keys.identity import Identity
from keys.recovery import Share, combine, parse_share, split

ANA = Identity(bytes(range(32)), "Ana")
SHARES = split(ANA, 5, 3)
ONE = SHARES[1]


def text(share: Share) -> str:
    """The words as another tool takes them."""
    return " ".join(share.words)


# --- there and back -------------------------------------------------------------------------------


def test_any_three_of_five_bring_the_identity_back() -> None:
    """In any order, with all its keys."""
    for chosen in combinations(SHARES, 3):
        found = combine(chosen[::-1], "Ana")
        assert found.seed() == ANA.seed()
        assert found.device == ANA.device == recovery.device(chosen)


def test_more_than_enough_are_taken_too() -> None:
    """Whoever brings five of three does not have to choose."""
    assert combine(SHARES, "Ana").seed() == ANA.seed()


def test_the_library_alone_combines_our_words() -> None:
    """The standard's own code, without a passphrase: the seed does not depend on this program."""
    assert shamir_mnemonic.combine_mnemonics(map(text, SHARES[2:])) == ANA.seed()


def test_we_combine_the_librarys_words() -> None:
    """Whatever exponent and flag another tool chose, as far as it does not take hours."""
    for extendable, exponent in ((True, 0), (True, 1), (False, 2)):
        (made,) = shamir_mnemonic.generate_mnemonics(
            1, [(2, 3)], ANA.seed(), b"", extendable, exponent
        )
        assert combine([parse_share(words) for words in made[1:]], "Ana").seed() == ANA.seed()


def test_what_a_share_says_of_itself() -> None:
    """Indices count from 1; the threshold and the identifier are those of all."""
    assert [share.index for share in SHARES] == [1, 2, 3, 4, 5]
    assert {share.threshold for share in SHARES} == {3}
    assert len({share.identifier for share in SHARES}) == 1
    assert {len(share.words) for share in SHARES} == {33}


def test_the_parameters_are_those_of_the_specification() -> None:
    """One group, exponent 0, not extendable."""
    for share in SHARES:
        found = shamir_mnemonic.Share.from_mnemonic(text(share))
        assert (found.group_count, found.group_threshold, found.group_index) == (1, 1, 0)
        assert (found.iteration_exponent, found.extendable) == (0, False)
        assert (found.index + 1, found.member_threshold) == (share.index, 3)


def test_two_splits_share_nothing() -> None:
    """The randomness is new each time, and the operating system's."""
    again = split(ANA, 5, 3)
    assert not {share.words[4:30] for share in again} & {share.words[4:30] for share in SHARES}
    assert shamir.RANDOM_BYTES is secrets.token_bytes


@pytest.mark.parametrize(("shares", "threshold"), [(2, 2), (16, 2), (16, 16), (3, 2)])
def test_splits_that_there_are(shares: int, threshold: int) -> None:
    """From two of two to sixteen of sixteen."""
    made = split(ANA, shares, threshold)
    assert combine(made[-threshold:], "Ana").device == ANA.device


@pytest.mark.parametrize(
    ("shares", "threshold"), [(1, 1), (3, 1), (2, 3), (17, 3), (17, 17), (0, 0), (3, 0), (3, -1)]
)
def test_splits_that_there_are_not(shares: int, threshold: int) -> None:
    """One page that is enough alone would be an identity without a passphrase."""
    with pytest.raises(SharesError, match="no split"):
        split(ANA, shares, threshold)


def test_shares_that_do_not_give_back_what_was_split_are_not_given_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every share is tried before it is printed."""
    generate = shamir_mnemonic.generate_mnemonics

    def faulty(*args: object, **named: object) -> list[list[str]]:
        made, other = generate(*args, **named), generate(*args, **named)
        same = shamir_mnemonic.Share.from_mnemonic(made[0][0])
        wrong = shamir_mnemonic.Share.from_mnemonic(other[0][4])
        fields = {**vars(wrong), "identifier": same.identifier}
        return [[*made[0][:4], shamir_mnemonic.Share(**fields).mnemonic()]]

    monkeypatch.setattr(shamir_mnemonic, "generate_mnemonics", faulty)
    with pytest.raises(VerificationError):
        split(ANA, 5, 3)


# --- what people type -----------------------------------------------------------------------------


TYPED: dict[str, Callable[[tuple[str, ...]], str]] = {
    "capitals": lambda words: " ".join(words).upper(),
    "a word a line": "\r\n".join,
    "spaces and tabs": lambda words: "\n\n  " + " \t ".join(words) + "  \n",
    "numbers": lambda words: "\n".join(f"{at}. {word}" for at, word in enumerate(words, 1)),
    "numbers alone": lambda words: " ".join(f"{at} {word}" for at, word in enumerate(words, 1)),
    "numbers at words": lambda words: " ".join(
        f"{at:02}){word}" for at, word in enumerate(words, 1)
    ),
    "backwards": lambda words: " ".join(f"{at}: {words[at - 1]}" for at in range(33, 0, -1)),
    "every fifth number": lambda words: " ".join(
        word if at % 5 else f"{at}. {word}" for at, word in enumerate(words, 1)
    ),
    "four letters": lambda words: " ".join(word[:4] for word in words),
    "some letters": lambda words: " ".join(word[: 4 + at % 4] for at, word in enumerate(words)),
}


@pytest.mark.parametrize("how", TYPED)
def test_words_are_understood_as_people_type_them(how: str) -> None:
    """However they are typed, it is the same share."""
    assert parse_share(TYPED[how](ONE.words)) == ONE


def test_the_first_four_letters_tell_all_words_apart() -> None:
    """What the standard promises of its list, and prefixes rely on."""
    assert len({word[:4] for word in WORDLIST}) == len(WORDLIST) == 1024


@pytest.mark.parametrize(
    "typed", ["zzzz", "aca", "academia", "acad3mic", "7", "ácademic", "x" * 99]
)
def test_a_word_that_is_none_is_named_by_its_place(typed: str) -> None:
    """Not by what was typed: that may be most of a secret."""
    words = [*ONE.words]
    words[6] = typed
    with pytest.raises(MalformedError) as caught:
        parse_share(" ".join(words))
    expected = "33 words, not 32" if typed == "7" else "word 7 is not one of the list"
    assert expected in str(caught.value)
    assert typed == "7" or typed not in str(caught.value) + caught.value.hint


def test_a_wrong_word_fails_the_checksum() -> None:
    """Any other word of the list, in any place."""
    for at in range(33):
        words = [*ONE.words]
        words[at] = WORDLIST[(WORDLIST.index(words[at]) + 1) % 1024]
        with pytest.raises(MalformedError, match="a word is wrong or two are swapped"):
            parse_share(" ".join(words))


def test_swapped_words_fail_the_checksum() -> None:
    """Any two neighbours that differ."""
    for at in range(32):
        words = [*ONE.words]
        words[at], words[at + 1] = words[at + 1], words[at]
        if words[at] != words[at + 1]:
            with pytest.raises(MalformedError, match="the checksum fails"):
                parse_share(" ".join(words))


@pytest.mark.parametrize("count", [0, 1, 20, 32, 34, 66])
def test_another_number_of_words_is_named(count: int) -> None:
    """How many there have to be, and how many there are."""
    words = (ONE.words * 2)[:count]
    with pytest.raises(MalformedError, match=f"33 words, not {count}"):
        parse_share(" ".join(words))


def test_numbers_without_their_word_or_given_twice_are_named() -> None:
    """Where something was left out, or a line copied twice."""
    lines = [f"{at}. {word}" for at, word in enumerate(ONE.words, 1)]
    with pytest.raises(MalformedError, match="word 12 is missing"):
        parse_share("\n".join([*lines[:11], "12.", *lines[12:]]))
    with pytest.raises(MalformedError, match="word 33 is missing"):
        parse_share("\n".join([*lines[:32], "33."]))
    with pytest.raises(MalformedError, match="no word has the number 11, or more than one"):
        parse_share("\n".join([*lines[:11], lines[10], *lines[12:]]))


def test_shares_of_something_else_are_refused() -> None:
    """A secret of 16 bytes, a split in groups, and stretching that takes hours."""
    (short,) = shamir_mnemonic.generate_mnemonics(1, [(2, 2)], bytes(16))
    with pytest.raises(MalformedError, match="does not have 32 bytes"):
        parse_share(short[0])
    grouped = shamir_mnemonic.generate_mnemonics(2, [(2, 2), (1, 1)], bytes(32))
    with pytest.raises(MalformedError, match="in groups"):
        parse_share(grouped[0][0])
    found = shamir_mnemonic.Share.from_mnemonic(text(ONE))
    slow = shamir_mnemonic.Share(**{**vars(found), "iteration_exponent": 15})
    with pytest.raises(MalformedError, match="takes hours"):
        parse_share(slow.mnemonic())


# --- what does not go together --------------------------------------------------------------------


def test_too_few_say_how_many_more() -> None:
    """And that they tell nothing."""
    with pytest.raises(TooFewSharesError, match="2 of 3 shares: one more is needed"):
        combine(SHARES[:2], "Ana")
    with pytest.raises(TooFewSharesError, match="1 of 3 shares: 2 more are needed"):
        combine(SHARES[:1], "Ana")
    with pytest.raises(TooFewSharesError):
        combine([], "Ana")


def test_the_same_share_twice_is_named() -> None:
    """Two copies are not two shares."""
    with pytest.raises(SharesError, match="share 2 is there twice"):
        combine([SHARES[0], SHARES[1], SHARES[1]], "Ana")


def test_shares_of_different_splits_are_named() -> None:
    """Of another identity, of the same one at another time, with another threshold."""
    for other in (split(Identity(bytes(32), "Ben"), 5, 3), split(ANA, 5, 3), split(ANA, 5, 2)):
        with pytest.raises(SharesError, match="1 and 4 were not made together"):
            combine([*SHARES[:2], other[3]], "Ana")


def false_share(share: Share) -> Share:
    """A share with the same parameters, a good checksum and another value."""
    found = shamir_mnemonic.Share.from_mnemonic(text(share))
    value = bytes([found.value[0] ^ 1]) + found.value[1:]
    return parse_share(shamir_mnemonic.Share(**{**vars(found), "value": value}).mnemonic())


@pytest.mark.parametrize("count", [3, 4, 5])
@pytest.mark.parametrize("place", [0, 2, -1])
def test_a_false_share_is_proved(count: int, place: int) -> None:
    """Also when there would be enough without it: who made it should be known."""
    given = SHARES[:count]
    given[place] = false_share(given[place])
    with pytest.raises(VerificationError, match="at least one of them is false"):
        combine(given, "Ana")


# --- secrets stay where they are ------------------------------------------------------------------


def said(shares: list[Share], other: list[Share]) -> list[str]:
    """All that is said of some shares of which three are needed, and of one of another split."""
    words = [*shares[1].words]
    wrong = WORDLIST[(WORDLIST.index(words[32]) + 1) % 1024]
    calls: list[Callable[[], object]] = [
        lambda: parse_share(" ".join([*words[:32], wrong])),
        lambda: parse_share(" ".join([*words[:32], words[32] + "x"])),
        lambda: parse_share(" ".join(words[:32])),
        lambda: parse_share(" ".join(f"7. {word}" for word in words)),
        lambda: combine(shares[:2], "Ana"),
        lambda: combine([*shares[:2], other[0]], "Ana"),
        lambda: combine([*shares[:2], shares[0]], "Ana"),
        lambda: combine([*shares[:2], false_share(shares[2])], "Ana"),
    ]
    found = [repr(share).replace(str(share.identifier), "ID") for share in shares]
    for call in calls:
        with pytest.raises(Error) as caught:
            call()
        error: BaseException | None = caught.value
        while error is not None:
            found += [repr(error), getattr(error, "hint", "")]
            error = error.__cause__ or error.__context__
    return found


def test_nothing_that_is_said_depends_on_the_words() -> None:
    """No repr, no message, no hint and no earlier error: with other words they are the same."""
    ben = Identity(bytes(32), "Ben")
    assert said(SHARES, split(ANA, 2, 2)) == said(split(ben, 5, 3), split(ben, 2, 2))


def test_an_identity_that_came_back_shows_no_secret() -> None:
    """It is as silent as any other."""
    assert repr(combine(SHARES[:3], "Ana")) == f"Identity({ANA.device})"
