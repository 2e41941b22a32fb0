"""An epoch's seed reaches exactly those it is given to, and a false one is noticed."""

from __future__ import annotations

import copy
import hmac
import pickle

import pytest

from keys import container
from keys.derive import Label, expand, lp, u64
from keys.errors import (
    CommitmentError,
    DamagedError,
    Error,
    KeySizeError,
    MalformedError,
    OpenError,
    TruncatedError,
    VerificationError,
)
from keys.group import LINK_SIZE, TAG_SIZE, Epoch, unwrap
from keys.identity import Identity
from keys.seal import OVERHEAD, SealingKey, seal
from keys.signing import SigningKeys

VAULT = bytes(range(16))
CASE = "aaaqeayeaudaocajbifqydiob4"
SEED = b"s" * 32
EPOCH = Epoch(VAULT, CASE, 2, SEED)
BOUND = (VAULT, CASE.encode(), u64(2))
ANA = Identity(b"a" * 32, "Ana")
BEN = Identity(b"b" * 32, "Ben")


def opened(wrap: bytes, *, by: Identity = ANA, device: str = "", **changes: object) -> Epoch:
    """A wrap unwrapped as Ana would, with some things changed."""
    given = {"vault": VAULT, "group": CASE, "number": 2, "public": EPOCH.sealing.public, **changes}
    return unwrap(by.sealing, device or by.device, wrap, **given)  # type: ignore[arg-type]


def wrapped() -> bytes:
    """The epoch's seed for Ana."""
    return EPOCH.wrap(ANA.sealing.public, ANA.device)


# --- what comes from a seed -----------------------------------------------------------------------


def test_keys_as_specified() -> None:
    """An epoch's keys come from its seed, each under its label, bound to vault, group and epoch."""
    sealing = SealingKey(
        expand(SEED, Label.GROUP_ML_KEM_768, *BOUND, length=64),
        expand(SEED, Label.GROUP_X25519, *BOUND),
    )
    assert EPOCH.sealing.public == sealing.public
    assert EPOCH.derive(Label.CASE_TITLE, b"x") == expand(SEED, Label.CASE_TITLE, *BOUND, b"x")


def test_only_the_gate_signs() -> None:
    """The gate's epochs have signing keys, and no other group's."""
    gate = Epoch(VAULT, "gate", 1, SEED)
    bound = (VAULT, b"gate", u64(1))
    expected = SigningKeys(
        expand(SEED, Label.GROUP_ED25519, *bound), expand(SEED, Label.GROUP_ML_DSA_44, *bound)
    )
    assert gate.signing is not None
    assert gate.signing.ed25519_public == expected.ed25519_public
    assert gate.signing.ml_dsa_44_public == expected.ml_dsa_44_public
    for group in ("members", "auditors", CASE):
        assert Epoch(VAULT, group, 1, SEED).signing is None


def test_keys_are_bound() -> None:
    """The same seed gives other keys in another vault, group or epoch."""
    epochs = [
        EPOCH,
        Epoch(bytes(16), CASE, 2, SEED),
        Epoch(VAULT, "members", 2, SEED),
        Epoch(VAULT, CASE, 3, SEED),
        Epoch(VAULT, CASE, 2, bytes(32)),
    ]
    assert len({epoch.sealing.public for epoch in epochs}) == 5
    assert len({epoch.tag(bytes(32)) for epoch in epochs}) == 5
    assert len({epoch.derive(Label.CASE_TITLE) for epoch in epochs}) == 5


def test_epochs_are_drawn_at_random() -> None:
    """Two epochs drawn for the same place have other keys."""
    one, other = (Epoch.draw(VAULT, CASE, 1) for _ in range(2))
    assert one.sealing.public != other.sealing.public
    assert (one.vault, one.group, one.number) == (VAULT, CASE, 1)


@pytest.mark.parametrize("size", [0, 16, 31, 33, 64])
def test_seed_size(size: int) -> None:
    """A seed of another length is the caller's mistake."""
    with pytest.raises(KeySizeError):
        Epoch(VAULT, CASE, 1, bytes(size))


def test_tags_as_specified() -> None:
    """A tag is 8 bytes that only a holder of the epoch can tell from others."""
    note = b"n" * 32
    key = expand(SEED, Label.GROUP_TAG, *BOUND)
    expected = hmac.digest(key, lp(b"evault/1/group-tag", note) + b"\x01", "sha512")[:TAG_SIZE]
    assert EPOCH.tag(note) == expected
    assert len(expected) == 8
    assert EPOCH.tag(b"N" * 32) != expected


# --- wraps ----------------------------------------------------------------------------------------


def test_wrap_and_unwrap() -> None:
    """A device opens its own wrap to the epoch, whose keys are the published ones."""
    wrap = wrapped()
    assert len(wrap) == 1168
    found = opened(wrap)
    assert (found.vault, found.group, found.number) == (VAULT, CASE, 2)
    assert found.sealing.public == EPOCH.sealing.public
    assert found.tag(bytes(32)) == EPOCH.tag(bytes(32))
    assert ANA.sealing.open(wrap, Label.GROUP_WRAP, *BOUND, ANA.device.encode()) == SEED


@pytest.mark.parametrize(
    "changes",
    [
        {"vault": bytes(16)},
        {"group": "members"},
        {"group": CASE[:-1] + "a"},
        {"number": 1},
        {"number": 3},
        {"device": BEN.device},
        {"by": BEN},
        {"by": BEN, "device": ANA.device},
    ],
    ids=repr,
)
@pytest.mark.parametrize("published", [True, False])
def test_wraps_are_bound(changes: dict[str, object], published: bool) -> None:
    """A wrap opens for no other vault, group, epoch, device or key than it was made for."""
    known = {} if published else {"public": None}
    with pytest.raises(OpenError):
        opened(wrapped(), **changes, **known)  # type: ignore[arg-type]


@pytest.mark.parametrize("wrap", [b"", b"x", bytes(1168), b"\xff" * 1168, bytes(5000)])
def test_garbage_for_a_wrap(wrap: bytes) -> None:
    """What is no wrap at all does not open, and nothing else happens."""
    with pytest.raises(OpenError):
        opened(wrap)


def test_a_damaged_wrap() -> None:
    """A wrap with a bit changed does not open."""
    wrap = wrapped()
    for at in range(0, len(wrap), 97):
        with pytest.raises(OpenError):
            opened(wrap[:at] + bytes([wrap[at] ^ 1]) + wrap[at + 1 :])


def test_a_wrap_to_other_keys() -> None:
    """A wrap of another seed than the published keys come from is refused."""
    other = Epoch(VAULT, CASE, 2, b"t" * 32)
    wrap = other.wrap(ANA.sealing.public, ANA.device)
    with pytest.raises(VerificationError, match="other keys than were published"):
        opened(wrap)
    assert opened(wrap, public=None).sealing.public == other.sealing.public


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_a_wrap_of_another_length(size: int) -> None:
    """A wrap of something that is no seed is refused, whatever is known of the published keys."""
    label = Label.GROUP_WRAP
    wrap = seal(ANA.sealing.public, bytes(size), label, *BOUND, ANA.device.encode())
    assert len(wrap) == OVERHEAD + size
    for public in (EPOCH.sealing.public, None):
        with pytest.raises(VerificationError, match="length"):
            opened(wrap, public=public)


# --- links ----------------------------------------------------------------------------------------

FIRST = Epoch(VAULT, CASE, 1, b"1" * 32)


def test_link_and_follow() -> None:
    """Whoever has an epoch reaches every one before it, and checks each against its keys."""
    third = Epoch(VAULT, CASE, 3, b"3" * 32)
    second = third.follow(third.link(EPOCH), EPOCH.sealing.public)
    first = second.follow(EPOCH.link(FIRST), FIRST.sealing.public)
    assert (second.number, first.number) == (2, 1)
    assert first.tag(bytes(32)) == FIRST.tag(bytes(32))


def test_links_as_specified() -> None:
    """A link is a container of the seed before, under a key of the newer epoch, 104 bytes long."""
    link = EPOCH.link(FIRST)
    assert len(link) == LINK_SIZE == 104
    key, context = expand(SEED, Label.GROUP_LINK, *BOUND), lp(b"evault/1/group-link", *BOUND)
    assert container.decrypt(key, context, link) == b"1" * 32


def test_links_lead_back_only() -> None:
    """The older epoch does not open the link to it: nothing leads from it to the newer one."""
    with pytest.raises(CommitmentError):
        FIRST.follow(EPOCH.link(FIRST), None)


@pytest.mark.parametrize(
    "newer",
    [
        Epoch(bytes(16), CASE, 2, SEED),
        Epoch(VAULT, "members", 2, SEED),
        Epoch(VAULT, CASE, 3, SEED),
        Epoch(VAULT, CASE, 2, bytes(32)),
    ],
)
def test_links_are_bound(newer: Epoch) -> None:
    """A link opens in no other vault, group or epoch, nor with another seed."""
    with pytest.raises(CommitmentError):
        newer.follow(EPOCH.link(FIRST), None)


def test_the_context_of_a_link_is_bound() -> None:
    """A container under a link's key that was made for something else is no link."""
    key = expand(SEED, Label.GROUP_LINK, *BOUND)
    for context in (b"", lp(b"evault/1/group-link", VAULT, CASE.encode(), u64(3))):
        with pytest.raises(CommitmentError):
            EPOCH.follow(container.encrypt(key, context, b"1" * 32), None)


def test_a_false_link() -> None:
    """A link that leads to other keys than were published is refused."""
    link = EPOCH.link(Epoch(VAULT, CASE, 1, b"f" * 32))
    with pytest.raises(VerificationError, match="other keys than were published"):
        EPOCH.follow(link, FIRST.sealing.public)
    skipped = Epoch(VAULT, CASE, 3, b"3" * 32)
    with pytest.raises(VerificationError, match="other keys"):
        skipped.follow(skipped.link(FIRST), FIRST.sealing.public)


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_link_of_another_length(size: int) -> None:
    """A link to something that is no seed is refused."""
    key, context = expand(SEED, Label.GROUP_LINK, *BOUND), lp(b"evault/1/group-link", *BOUND)
    with pytest.raises(VerificationError, match="length"):
        EPOCH.follow(container.encrypt(key, context, bytes(size)), None)


def test_garbage_for_a_link() -> None:
    """A link that is damaged, cut off or no container is refused as such."""
    link = EPOCH.link(FIRST)
    for changed, expected in (
        (b"", MalformedError),
        (link[:50], MalformedError),
        (bytes(104), CommitmentError),
        (link[:56], TruncatedError),
        (link[:-1], DamagedError),
        (link[:-1] + bytes([link[-1] ^ 1]), DamagedError),
    ):
        kind: type[Error] = expected
        with pytest.raises(kind):
            EPOCH.follow(changed, FIRST.sealing.public)


# --- secrets --------------------------------------------------------------------------------------


def test_secrets_stay_inside() -> None:
    """An epoch can be neither pickled nor copied, and shows only which it is."""
    for way in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="secret"):
            way(EPOCH)
    for shown in (repr(EPOCH), str(EPOCH), f"{EPOCH}"):
        assert shown == f"Epoch({CASE}, 2)"


def test_errors_hold_no_secret() -> None:
    """A wrap or link to false keys says nothing of the seed that it held."""
    other = Epoch(VAULT, CASE, 2, b"t" * 32)
    with pytest.raises(VerificationError) as refused:
        opened(other.wrap(ANA.sealing.public, ANA.device))
    assert "t" * 32 not in f"{refused.value!r}{refused.value.hint}"
