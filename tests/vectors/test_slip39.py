"""SLIP-39: some of the standard's published vectors, through the library and through our reader.

Source: the reference implementation's vectors.json, of which these are the ones for 256 bits
(numbers 20 to 24, 33, 36 and 38 there), and of those for 128 bits one of each kind of fault. All of
them are under the passphrase "TREZOR"; an identity's shares have none, so that the seed that our
reader finds is that of the library without one.
"""

from __future__ import annotations

import pytest
import shamir_mnemonic

from keys.errors import Error, MalformedError, SharesError, TooFewSharesError, VerificationError
from keys.recovery import combine, parse_share

ONE_OF_ONE = """theory painting academic academic armed sweater year military elder discuss acne
    wildlife boring employer fused large satoshi bundle carbon diagnose anatomy hamster leaves
    tracks paces beyond phantom capital marvel lips brave detect luck"""
HUMIDITY = (
    """humidity disease academic always aluminum jewelry energy woman receiver strategy amuse
    duckling lying evidence network walnut tactics forget hairy rebound impulse brother survive
    clothes stadium mailman rival ocean reward venture always armed unwrap""",
    """humidity disease academic agency actress jacket gross physics cylinder solution fake
    mortgage benefit public busy prepare sharp friar change work slow purchase ruler again tricycle
    involve viral wireless mixture anatomy desert cargo upgrade""",
)
WILDLIFE = (
    """wildlife deal beard romp alcohol space mild usual clothes union nuclear testify course
    research heat listen task location thank hospital slice smell failure fawn helpful priest
    ambition average recover lecture process dough stadium""",
    """wildlife deal acrobat romp anxiety axis starting require metric flexible geology game drove
    editor edge screw helpful have huge holy making pitch unknown carve holiday numb glasses survive
    already tenant adapt goat fangs""",
)
SHADOW = (
    """shadow pistol academic always adequate wildlife fancy gross oasis cylinder mustang wrist
    rescue view short owner flip making coding armed""",
    """shadow pistol academic acid actress prayer class unknown daughter sweater depict flip twice
    unkind craft early superior advocate guest smoking""",
)

VALID = {
    "one of one, 256 bits": (
        (ONE_OF_ONE,),
        "989baf9dcaad5b10ca33dfd8cc75e42477025dce88ae83e75a230086a0e00e92",
    ),
    "two of three, 256 bits": (
        HUMIDITY,
        "c938b319067687e990e05e0da0ecce1278f75ff58d9853f19dcaeed5de104aae",
    ),
    "groups, 256 bits": (
        WILDLIFE,
        "5385577c8cfc6c1a8aa0f7f10ecde0a3318493262591e78b8c14c6686167123b",
    ),
    "two of three, 128 bits": (SHADOW, "b43ceb7e57a0ea8766221624d01b0864"),
}
OURS = ("one of one, 256 bits", "two of three, 256 bits")

# What the library refuses, and how our reader does.
INVALID: dict[str, tuple[tuple[str, ...], type[Error]]] = {
    "checksum, 256 bits": ((ONE_OF_ONE.replace("luck", "lunar"),), MalformedError),
    "padding, 256 bits": (
        (
            """theory painting academic academic campus sweater year military elder discuss acne
            wildlife boring employer fused large satoshi bundle carbon diagnose anatomy hamster
            leaves tracks paces beyond phantom capital marvel lips facility obtain sister""",
        ),
        MalformedError,
    ),
    "too few, 256 bits": (HUMIDITY[:1], TooFewSharesError),
    "one group of two, 256 bits": (WILDLIFE[:1], MalformedError),
    "checksum": (
        (
            """duckling enlarge academic academic agency result length solution fridge kidney coal
            piece deal husband erode duke ajar critical decision kidney""",
        ),
        MalformedError,
    ),
    "different identifiers": (
        (
            """adequate smoking academic acid debut wine petition glen cluster slow rhyme slow
            simple epidemic rumor junk tracks treat olympic tolerate""",
            """adequate stay academic agency agency formal party ting frequent learn upstairs
            remember smear leaf damage anatomy ladle market hush corner""",
        ),
        MalformedError,
    ),
    "false digest": (
        (
            """guilt walnut academic acid deliver remove equip listen vampire tactics nylon rhythm
            failure husband fatigue alive blind enemy teaspoon rebound""",
            """guilt walnut academic agency brave hamster hobo declare herd taste alpha slim
            criminal mild arcade formal romp branch pink ambition""",
        ),
        MalformedError,
    ),
    "length": (
        (
            """junk necklace academic academic acne isolate join hesitate lunar roster dough calcium
            chemical ladybug amount mobile glasses verify cylinder""",
        ),
        MalformedError,
    ),
    "master secret of another length": (
        (
            """fraction necklace academic academic award teammate mouse regular testify coding
            building member verdict purchase blind camera duration email prepare spirit quarter""",
        ),
        MalformedError,
    ),
}


@pytest.mark.parametrize("name", VALID)
def test_the_library_gives_the_published_secret(name: str) -> None:
    """What we rely on is an implementation of the standard."""
    words, secret = VALID[name]
    assert shamir_mnemonic.combine_mnemonics(words, b"TREZOR").hex() == secret


@pytest.mark.parametrize("name", OURS)
def test_our_reader_finds_the_same_shares(name: str) -> None:
    """Words, index and threshold are those of the library, and so is the secret."""
    words, _secret = VALID[name]
    shares = [parse_share(text) for text in words]
    for share, text in zip(shares, words, strict=True):
        found = shamir_mnemonic.Share.from_mnemonic(text)
        assert (share.index, share.threshold) == (found.index + 1, found.member_threshold)
        assert (share.identifier, list(share.words)) == (found.identifier, found.words())
    seed = shamir_mnemonic.combine_mnemonics(words, b"")
    assert len(seed) == 32
    assert combine(shares, "Ana").seed() == seed


@pytest.mark.parametrize("name", sorted(set(VALID) - set(OURS)))
def test_our_reader_refuses_what_no_identity_has(name: str) -> None:
    """Secrets of another length, and groups."""
    with pytest.raises(MalformedError):
        parse_share(VALID[name][0][0])


@pytest.mark.parametrize("name", INVALID)
def test_what_is_invalid_is_refused(name: str) -> None:
    """By the library, and by our reader with an error of our own."""
    words, expected = INVALID[name]
    with pytest.raises(shamir_mnemonic.MnemonicError):
        shamir_mnemonic.combine_mnemonics(words, b"TREZOR")
    with pytest.raises(expected):
        combine([parse_share(text) for text in words], "Ana")


@pytest.mark.parametrize("fault", ["identifier", "exponent", "threshold", "index", "value"])
def test_the_faults_of_the_standard_in_shares_of_32_bytes(fault: str) -> None:
    """The published ones are of 16 bytes: the same, made from a published pair."""
    one, other = (shamir_mnemonic.Share.from_mnemonic(text) for text in HUMIDITY)
    fields = vars(other)
    changed = {
        "identifier": {"identifier": other.identifier ^ 1},
        "exponent": {"iteration_exponent": other.iteration_exponent ^ 1},
        "threshold": {"member_threshold": 3},
        "index": {"index": one.index},
        "value": {"value": bytes(32)},
    }[fault]
    words = [one.mnemonic(), shamir_mnemonic.Share(**{**fields, **changed}).mnemonic()]
    with pytest.raises(shamir_mnemonic.MnemonicError):
        shamir_mnemonic.combine_mnemonics(words, b"TREZOR")
    with pytest.raises(VerificationError if fault == "value" else SharesError):
        combine([parse_share(text) for text in words], "Ana")
