"""Group epochs: wraps and links lead to what was published, or nowhere."""

from __future__ import annotations

import pickle

import pytest

from keys import container
from keys.errors import KeySizeError, OpenError, VerificationError
from keys.group import Epoch, unwrap
from keys.identity import Identity

VAULT, OTHER = b"v" * 16, b"w" * 16
ANA, EVE = Identity(bytes(range(32)), "Ana"), Identity(bytes(32), "Eve")
ONE, TWO = Epoch(VAULT, "members", 1, b"1" * 32), Epoch(VAULT, "members", 2, b"2" * 32)


def opened(wrap: bytes, who: Identity = ANA, **change: object) -> Epoch:
    """Open a wrap of the second epoch for somebody, with some of what it is bound to changed."""
    bound = {"vault": VAULT, "group": "members", "number": 2, "public": TWO.sealing.public}
    return unwrap(who.sealing, str(change.pop("device", who.device)), wrap, **{**bound, **change})  # type: ignore[arg-type]


def test_a_wrap_opens_to_the_published_epoch() -> None:
    """The device that it is for gets the very same keys."""
    epoch = opened(TWO.wrap(ANA.sealing.public, ANA.device))
    assert epoch.sealing.public == TWO.sealing.public
    assert epoch.tag(b"n" * 32) == TWO.tag(b"n" * 32)


@pytest.mark.parametrize(
    "change", [{"vault": OTHER}, {"group": "auditors"}, {"number": 3}, {"device": EVE.device}]
)
def test_a_wrap_is_bound_to_all_that_it_is_for(change: dict[str, object]) -> None:
    """Another vault, group, epoch or device: it does not open."""
    wrap = TWO.wrap(ANA.sealing.public, ANA.device)
    with pytest.raises(OpenError):
        opened(wrap, **change)


def test_a_wrap_for_another_does_not_open() -> None:
    """Only the device that it is sealed to has the key."""
    with pytest.raises(OpenError):
        opened(TWO.wrap(ANA.sealing.public, EVE.device), EVE)


def test_a_wrap_of_another_seed_is_refused() -> None:
    """Whoever hands out a seed that is not the published one's is found out."""
    false = Epoch(VAULT, "members", 2, b"x" * 32).wrap(ANA.sealing.public, ANA.device)
    with pytest.raises(VerificationError, match="other keys"):
        opened(false)


def test_a_link_leads_to_the_epoch_before() -> None:
    """A newcomer with one wrap reads everything that came before."""
    assert TWO.follow(TWO.link(ONE), ONE.sealing.public).sealing.public == ONE.sealing.public


def test_a_false_link_is_refused() -> None:
    """Garbage, another epoch's link, and a link to another seed lead nowhere."""
    stranger = Epoch(VAULT, "members", 1, b"y" * 32)
    for link in (b"", bytes(104), ONE.link(stranger), TWO.link(stranger)):
        with pytest.raises((VerificationError, Exception)) as caught:
            TWO.follow(link, ONE.sealing.public)
        assert type(caught.value).__module__ == "keys.errors"


def test_nothing_leads_forward() -> None:
    """Who has an old seed cannot open the link of a newer epoch."""
    link = TWO.link(ONE)
    with pytest.raises(VerificationError):
        container.decrypt(ONE._link_key(), ONE._link_context(), link)


def test_keys_differ_by_vault_group_and_number() -> None:
    """The same seed in another place is another epoch."""
    publics = {
        Epoch(vault, group, number, b"1" * 32).sealing.public
        for vault in (VAULT, OTHER)
        for group in ("members", "auditors", "gate")
        for number in (1, 2)
    }
    assert len(publics) == 12


def test_only_the_gate_signs() -> None:
    """Signing keys exist for the gate's epochs alone."""
    assert ONE.signing is None
    assert Epoch(VAULT, "gate", 1, b"1" * 32).signing is not None


def test_secrets_are_not_shown() -> None:
    """Neither repr nor pickle gives a seed away."""
    assert repr(ONE) == "Epoch(members, 1)"
    with pytest.raises(TypeError):
        pickle.dumps(ONE)


def test_a_seed_of_another_length_is_refused() -> None:
    """32 bytes."""
    with pytest.raises(KeySizeError):
        Epoch(VAULT, "members", 1, b"short")
