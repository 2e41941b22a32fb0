"""Recovery: an identity's seed as words on several pages, of which any K bring it back.

The shares are those of SLIP-39, in one group and under the empty passphrase, so that any tool of
that standard can combine them when this one is gone. K - 1 of them tell nothing about the seed;
each of them tells K, and which shares were made together with it.

What people type is taken with the slips that are none: capitals, white space, the numbers of a
page, and words of which only the first four letters are there, which tell all words apart. What is
wrong is named by its place and never repeated.

Source: SLIP-0039, "Shamir's Secret-Sharing for Mnemonic Codes".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from keys.derive import equal
from keys.errors import MalformedError, SharesError, TooFewSharesError, VerificationError
from keys.identity import SEED_SIZE, Identity

if TYPE_CHECKING:
    import shamir_mnemonic

WORDS = 33
"""How many words a share of 32 bytes has: 4 of parameters, 26 of the value, 3 of checksum."""

LEAST = 2
"""One page that is enough alone would be an identity file without a passphrase."""

MOST = 16
"""The standard has four bits for the index."""

# The seed is random: nobody guesses it, so stretching adds nothing but waiting.
_EXPONENT = 0
# Each step doubles the work: a share of somebody else's must not keep a machine busy for hours.
_MAX_EXPONENT = 8
_PREFIX = 4
_NUMBERED = re.compile(r"(\d{1,3})[.):]?(\D.*)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Share:
    """One share, whose checksum holds.

    Args:
        words: The 33 words, in full and in lower case. They are secret.
        index: Which of the shares that were made together, from 1.
        threshold: How many of them it takes.
        identifier: What all of them have in common, 0 to 32767; by chance another split has it too.
    """

    words: tuple[str, ...] = field(repr=False)
    index: int
    threshold: int
    identifier: int


def split(identity: Identity, shares: int, threshold: int) -> list[Share]:
    """Split an identity's seed.

    Args:
        identity: Whose seed. The name is not in the shares.
        shares: How many are made, 2 to 16.
        threshold: How many of them it takes, 2 to `shares`.

    Returns:
        The shares in the order of their indices, tried out.

    Raises:
        SharesError: There are no such shares.
        VerificationError: They do not give back what was split: nothing must be printed.
    """
    if not LEAST <= threshold <= shares <= MOST:
        raise SharesError(
            f"no split into {shares} shares of which {threshold} are needed",
            f"at least {LEAST} have to be needed, and no more than there are, at most {MOST}",
        )
    from shamir_mnemonic import generate_mnemonics

    # Not extendable, with which only a passphrase would matter: tools from before 2024 read it too.
    (made,) = generate_mnemonics(
        1,
        [(threshold, shares)],
        identity.seed(),
        extendable=False,
        iteration_exponent=_EXPONENT,
    )
    found = [parse_share(words) for words in made]
    if not equal(_secret(found), identity.seed()):
        raise VerificationError("the shares do not give back what was split", "try again")
    return found


def parse_share(text: str) -> Share:
    """Parse the words of one share.

    Args:
        text: The words, in any case, with any white space and line breaks, each in full or its
            first four letters or more. They may be numbered; if all are, the numbers give the
            order.

    Raises:
        MalformedError: A word is none of the list, missing or one too many, the checksum fails, or
            it is a share of something else than an identity's seed.
    """
    words = _in_full(_in_order(text.split()))
    share = _decode(words)
    if len(words) != WORDS:
        raise MalformedError(
            f"a share of {len(words)} words, whose secret does not have {SEED_SIZE} bytes",
            "it is a share of something else than an identity",
        )
    if share.group_count != 1:
        raise MalformedError("a share of a split in groups", "combine it with another tool")
    if share.iteration_exponent > _MAX_EXPONENT:
        raise MalformedError("a share that takes hours to combine", "combine it with another tool")
    return Share(tuple(words), share.index + 1, share.member_threshold, share.identifier)


def combine(shares: Sequence[Share], name: str) -> Identity:
    """Bring an identity back.

    Args:
        shares: As many as it takes, or more: then all have to agree.
        name: What the person is called; the shares do not tell.

    Raises:
        TooFewSharesError: There are fewer than it takes.
        SharesError: They were not made together, or one stands twice.
        VerificationError: They do not fit together: one is false.
        MalformedError: The name is none.
    """
    return Identity(_secret(shares), name)


def device(shares: Sequence[Share]) -> str:
    """The id of the device that some shares bring back.

    Raises:
        TooFewSharesError, SharesError, VerificationError: As `combine`.
    """
    return combine(shares, "recovered").device


def _secret(shares: Sequence[Share]) -> bytes:
    """The 32 bytes that shares give, if all of them agree."""
    from shamir_mnemonic import MnemonicError

    _check_set(shares)
    threshold = shares[0].threshold
    enough, more = shares[:threshold], shares[threshold:]
    try:
        found = _recover(enough)
        # Whatever is left takes the place of one that is known to fit.
        agree = [equal(_recover([*enough[1:], one]).ciphertext, found.ciphertext) for one in more]
        secret = found.decrypt(b"")
    except MnemonicError:
        agree, secret = [False], b""
    if not all(agree):
        raise VerificationError(
            "these shares do not fit together: at least one of them is false",
            "leave out one at a time, or ask for another share",
        )
    return secret


def _check_set(shares: Sequence[Share]) -> None:
    """Refuse what cannot be combined, by what stands in clear in the shares.

    Raises:
        TooFewSharesError, SharesError: As `combine`.
    """
    if not shares:
        raise TooFewSharesError("no shares")
    first, seen = shares[0], set[int]()
    for share in shares:
        # These two words hold the identifier and how the secret was encrypted.
        if (share.words[:2], share.threshold) != (first.words[:2], first.threshold):
            raise SharesError(
                f"shares {first.index} and {share.index} were not made together",
                "take shares of one set: the first two words are the same on all of them",
            )
        if share.index in seen:
            raise SharesError(f"share {share.index} is there twice", "give each share once")
        seen.add(share.index)
    lacking = first.threshold - len(shares)
    if lacking > 0:
        needed = "one more is needed" if lacking == 1 else f"{lacking} more are needed"
        raise TooFewSharesError(
            f"{len(shares)} of {first.threshold} shares: {needed}; these tell nothing",
            "ask those who keep the others",
        )


def _recover(shares: Sequence[Share]) -> shamir_mnemonic.EncryptedMasterSecret:
    from shamir_mnemonic import decode_mnemonics, recover_ems

    return recover_ems(decode_mnemonics([" ".join(share.words) for share in shares]))


def _in_order(tokens: Sequence[str]) -> list[str]:
    """The words without their numbers, in the order that these give."""
    words: list[str] = []
    numbers: list[int] = []
    waiting = False
    for token in tokens:
        found = _NUMBERED.fullmatch(token)
        word = token if found is None else found[2]
        if found is not None:
            if waiting:
                break
            numbers.append(int(found[1]))
        if word:
            words.append(word)
        waiting = not word
    if waiting:
        raise MalformedError(f"word {numbers[-1]} is missing", "its number stands alone")
    if len(numbers) != len(words):
        # Some are numbered and some are not: the order in which they stand is all there is.
        return words
    for number in range(1, len(numbers) + 1):
        if numbers.count(number) != 1:
            raise MalformedError(
                f"no word has the number {number}, or more than one has it",
                "number the words from 1, or leave all numbers out",
            )
    return [word for _number, word in sorted(zip(numbers, words, strict=True))]


def _in_full(words: Sequence[str]) -> list[str]:
    from shamir_mnemonic.wordlist import WORDLIST

    prefixes = {word[:_PREFIX]: word for word in WORDLIST}
    found = []
    for number, typed in enumerate(words, 1):
        low = typed.lower()
        word = prefixes.get(low[:_PREFIX], "")
        if not word.startswith(low):
            raise MalformedError(
                f"word {number} is not one of the list",
                "look at it again; its first four letters are enough",
            )
        found.append(word)
    return found


def _decode(words: Sequence[str]) -> shamir_mnemonic.Share:
    """What the library makes of words of the list.

    Raises:
        MalformedError: Their number is none of a share, or the checksum fails.
    """
    from shamir_mnemonic import MnemonicError, Share

    try:
        return Share.from_mnemonic(" ".join(words))
    except MnemonicError:
        # Its text begins with words of the share, so nothing of it may go on.
        pass
    if len(words) == WORDS:
        raise MalformedError(
            "a word is wrong or two are swapped: the checksum fails",
            "compare all words with the page, also their order",
        )
    raise MalformedError(
        f"a share has {WORDS} words, not {len(words)}", "compare them with the page, one by one"
    )
