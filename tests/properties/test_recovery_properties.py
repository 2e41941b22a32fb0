"""Shares and their pages: any K of N restore, fewer do not, and a page reads back as it was."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import shamir_mnemonic
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from keys import recovery
from keys.errors import MalformedError, TooFewSharesError
from keys.identity import Identity, check_name
from vault.cli import pages
from vault.cli.text import visible
from vault.model import Position

ANA = Identity(bytes(range(32)), "Ana")
SHARES = recovery.split(ANA, 5, 3)
MANY = recovery.split(ANA, 16, 16)


def is_name(text: str) -> bool:
    """Whether an identity may be called so."""
    try:
        check_name(text)
    except MalformedError:
        return False
    return True


HARD = st.sampled_from([*" \\,-+x20 ñعد👩‍⚖️", "\u202e", "\u2028", "\u00ad", "\u3000", "日"])
WRITTEN = st.one_of(
    st.text(HARD, min_size=1, max_size=200),
    st.text(min_size=1, max_size=200),
    st.sampled_from(["José Núñez", "بن عبد الله", "Pia 👩‍⚖️", "-" * 150, "evault/1/recovery-share"]),
)
NAMES = WRITTEN.filter(is_name)
HASHES = st.binary(min_size=32, max_size=32).map(bytes.hex)
POSITIONS = st.builds(Position, st.integers(0, 10**18 - 1), HASHES)
REFS = WRITTEN.map(lambda text: text[:40])


@st.composite
def abouts(draw: st.DrawFn, shares: int = 5) -> pages.About:
    """What the pages of a set may say."""
    return pages.About(
        draw(NAMES),
        ANA.device,
        shares,
        draw(st.integers(0, 4 * 10**9)),
        draw(HASHES),
        draw(POSITIONS),
        draw(POSITIONS),
        draw(st.none() | st.lists(REFS, max_size=30).map(tuple)),
    )


@st.composite
def chosen(draw: st.DrawFn) -> tuple[int, int, list[int]]:
    """N, K, and an order of the N shares."""
    shares = draw(st.integers(2, 16))
    threshold = draw(st.integers(2, shares))
    return shares, threshold, draw(st.permutations(range(shares)))


@settings(max_examples=60, deadline=None)
@given(st.binary(min_size=32, max_size=32), chosen())
def test_any_k_of_n_restore(seed: bytes, choice: tuple[int, int, list[int]]) -> None:
    """Whichever they are and in whatever order they come; the standard's own code agrees."""
    shares, threshold, order = choice
    made = recovery.split(Identity(seed, "Ana"), shares, threshold)
    enough = [made[at] for at in order[:threshold]]
    assert recovery.combine(enough, "Ana").seed() == seed
    words = [" ".join(share.words) for share in enough]
    assert shamir_mnemonic.combine_mnemonics(words) == seed


@settings(max_examples=60, deadline=None)
@given(chosen())
def test_any_k_minus_1_do_not(choice: tuple[int, int, list[int]]) -> None:
    """They are refused, and what a tool that does not refuse makes of them is not the seed."""
    shares, threshold, order = choice
    made = recovery.split(ANA, shares, threshold)
    few = [made[at] for at in order[: threshold - 1]]
    with pytest.raises(TooFewSharesError):
        recovery.combine(few, "Ana")
    if len(few) > 1:
        found = [shamir_mnemonic.Share.from_mnemonic(" ".join(share.words)) for share in few]
        raw = [shamir_mnemonic.shamir.RawShare(share.index, share.value) for share in found]
        sealed = shamir_mnemonic.shamir._interpolate(raw, 255)
        guess = shamir_mnemonic.decrypt(sealed, b"", 0, found[0].identifier, False)
        assert guess != ANA.seed()


@settings(max_examples=400, deadline=None)
@given(abouts(), st.sampled_from(SHARES))
def test_a_page_reads_back_as_it_was(about: pages.About, share: recovery.Share) -> None:
    """Names and references of any script, with anything in them; unless some were left out."""
    text = pages.render(share, about)
    (found,) = pages.parse(text)
    assert found.share == share
    assert found.about is not None
    if about.cases is not None and found.about.cases != about.cases:
        assert found.about.cases is not None
        kept = len(found.about.cases)
        assert found.about.cases == about.cases[:kept]
        assert f"+{len(about.cases) - kept}\n" in text.replace("\\\n           ", "")
        assume(False)
    assert found.about == about


LONGEST = [
    pages.About(name, ANA.device, 16, 0, "f" * 64, position, position, cases)
    for name in ("\u202e" * 66, "\\" * 200, "\u00ad" * 100, "日" * 66, "a b " * 50, "-" * 200)
    for cases in (None, ("\u202e" * 90, "2026-014"), ("2026-014",) * 90)
    for position in (Position(10**18 - 1, "f" * 64),)
]


def with_longest(test: Callable[..., None]) -> Callable[..., None]:
    """Try the longest pages that there are, too."""
    for about in LONGEST:
        test = example(about, MANY[-1], "")(test)
    return test


@with_longest
@settings(max_examples=200, deadline=None)
@given(abouts(16), st.sampled_from(MANY), st.sampled_from(["", "\r"]))
def test_a_page_fits_a_sheet_and_plays_no_tricks(
    about: pages.About, share: recovery.Share, cut: str
) -> None:
    """At most 72 columns and 60 lines, and nothing in it that a printer or a terminal obeys."""
    text = pages.render(share, about)
    lines = text.split("\n")
    assert lines.pop() == ""
    assert len(lines) <= pages.HEIGHT
    assert max(map(cell_len, lines)) <= pages.WIDTH
    assert all(visible(line) == line for line in lines)
    assert pages.parse((cut + "\n").join(lines))[0].share == share


@settings(max_examples=60, deadline=None)
@given(abouts(), st.permutations(range(5)), st.integers(0, 5))
def test_several_pages_in_one_text(about: pages.About, order: list[int], bare: int) -> None:
    """Pages one after the other, and typed words before them."""
    typed = "\n".join(" ".join(SHARES[at].words) for at in order[:bare])
    printed = "".join(pages.render(SHARES[at], about) for at in order[bare:])
    found = pages.parse(f"{typed}\n{printed}")
    assert [page.share for page in found] == [SHARES[at] for at in order]
    assert [page.about is None for page in found] == [at < bare for at in range(5)]


@settings(max_examples=300, deadline=None)
@given(st.text() | st.text(HARD) | st.binary().map(lambda raw: raw.decode("utf-8", "replace")))
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text makes the reader fail otherwise."""
    for whole in (text, "evault/1/recovery-share\n" + text):
        with pytest.raises(MalformedError):
            pages.parse(whole)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_page_with_a_changed_line_is_read_or_refused(data: st.DataObject) -> None:
    """With any line changed, left out or put in, the share is that of the words or none."""
    about = pages.About(
        "Ana", ANA.device, 5, 0, "a" * 64, Position(1, "b" * 64), Position(2, "c" * 64)
    )
    lines = pages.render(SHARES[0], about).split("\n")
    at = data.draw(st.integers(0, len(lines) - 1))
    change = data.draw(st.lists(st.one_of(HARD, st.text(), st.sampled_from(lines)), max_size=2))
    lines[at : at + 1] = change
    try:
        found = pages.parse("\n".join(lines))
    except (MalformedError, pages.VerificationError):
        return
    assert SHARES[0] in [page.share for page in found]
