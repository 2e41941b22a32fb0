"""A statement carries exactly the epochs and wraps that its act needs, with keys that are sound."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any

import authority_kit as kit
import pytest
from authority_kit import CASE, FOUNDER, STRANGER, World, device

from keys.errors import Error, MalformedError, SignatureError, WeakKeyError
from keys.seal import ML_KEM_PUBLIC
from vault import note
from vault.authority.parts import WRAP_SIZE
from vault.errors import DeniedError
from vault.model import AUDITORS, GATE, MEMBERS

Body = dict[str, Any]

SHORT = note.encode64(bytes(WRAP_SIZE - 1))
LONG = note.encode64(bytes(WRAP_SIZE + 1))
LOW_ORDER = (bytes(32), (1).to_bytes(32, "little"))
NOT_CANONICAL = (b"\xed" + b"\xff" * 30 + b"\x7f", b"\xff" * 32)


def refused(world: World, kind: str, name: str, body: Body, error: type[Error], words: str) -> None:
    """A statement is refused with exactly this error, and nothing has changed."""
    before = deepcopy(world.authority) if world.history else None
    with pytest.raises(error, match=words) as caught:
        world.judge(world.statement(kind, name, body))
    assert type(caught.value) is error
    assert not world.history or world.authority == before


def changed_wrap(epoch: Body, at: int, **changes: Any) -> list[Body]:
    """The wraps of an epoch, one of them changed."""
    wraps = list(epoch["wraps"])
    wraps[at] = {**wraps[at], **changes}
    return wraps


# --- epochs -----------------------------------------------------------------------------------


EPOCHS: dict[str, tuple[str, Callable[[Body], Body], type[Error], str]] = {
    "a number skipped": (MEMBERS, lambda _: {"number": 3}, DeniedError, "does not follow"),
    "the same number": (MEMBERS, lambda _: {"number": 1}, DeniedError, "does not follow"),
    "nobody": (MEMBERS, lambda _: {"wraps": []}, DeniedError, "exactly its holders"),
    "one missing": (
        MEMBERS,
        lambda e: {"wraps": e["wraps"][1:]},
        DeniedError,
        "exactly its holders",
    ),
    "a ghost member": (
        MEMBERS,
        lambda e: {"wraps": [*e["wraps"], e["wraps"][0] | {"device": device(STRANGER)}]},
        DeniedError,
        "exactly its holders",
    ),
    "a ghost instead of a member": (
        MEMBERS,
        lambda e: {"wraps": changed_wrap(e, 0, device=device(STRANGER))},
        DeniedError,
        "exactly its holders",
    ),
    "one twice": (
        MEMBERS,
        lambda e: {"wraps": [*e["wraps"], e["wraps"][0]]},
        DeniedError,
        "exactly its holders",
    ),
    "an auditor in a case": (
        kit.case_id(CASE),
        lambda e: {"wraps": [*e["wraps"], e["wraps"][0] | {"device": device("ida")}]},
        DeniedError,
        "exactly its holders",
    ),
    "a member who does not hold the case": (
        kit.case_id(CASE),
        lambda e: {"wraps": [*e["wraps"], e["wraps"][0] | {"device": device("amy")}]},
        DeniedError,
        "exactly its holders",
    ),
    "a short wrap": (
        MEMBERS,
        lambda e: {"wraps": changed_wrap(e, 1, wrap=SHORT)},
        MalformedError,
        "wrap does not have its length",
    ),
    "a long wrap": (
        MEMBERS,
        lambda e: {"wraps": changed_wrap(e, 1, wrap=LONG)},
        MalformedError,
        "wrap does not have its length",
    ),
    "no link": (MEMBERS, lambda _: {"link": None}, MalformedError, "link"),
    "an empty link": (MEMBERS, lambda _: {"link": ""}, MalformedError, "link"),
    "a short link": (MEMBERS, lambda e: {"link": e["link"][:-4]}, MalformedError, "link"),
    "a gate without signing keys": (
        GATE,
        lambda _: {"signing": None},
        MalformedError,
        "signing keys",
    ),
    "members with signing keys": (
        MEMBERS,
        lambda _: {"signing": kit.epoch_body(GATE, 1, [])["signing"]},
        MalformedError,
        "signing keys",
    ),
    "a short Ed25519 key": (
        GATE,
        lambda e: {"signing": e["signing"] | {"ed25519": note.encode64(bytes(31))}},
        MalformedError,
        "signing key does not have its length",
    ),
    "a short ML-DSA-44 key": (
        GATE,
        lambda e: {"signing": e["signing"] | {"ml_dsa_44": note.encode64(bytes(1311))}},
        MalformedError,
        "signing key does not have its length",
    ),
    "a short sealing key": (
        MEMBERS,
        lambda e: {"sealing": note.encode64(note.decode64(e["sealing"])[:-1])},
        MalformedError,
        "sealing public key",
    ),
    "a sealing key that is no ML-KEM key": (
        MEMBERS,
        lambda e: {
            "sealing": note.encode64(b"\xff" * ML_KEM_PUBLIC + note.decode64(e["sealing"])[-32:])
        },
        MalformedError,
        "sealing public key",
    ),
}


def begun(group: str, changes: Callable[[Body], Body]) -> tuple[World, Body]:
    """A rotation of a group by one of its holders, with its epoch changed."""
    world = kit.peopled()
    epoch = world.next_epoch(group)
    return world, {"epochs": [epoch | changes(epoch)]}


@pytest.mark.parametrize("how", EPOCHS)
def test_false_epoch(how: str) -> None:
    """An epoch that does not follow the one before, for exactly its holders, is refused."""
    group, changes, error, words = EPOCHS[how]
    world, body = begun(group, lambda _: {})
    world.judge(world.statement("rotated", "eva", body))
    world, body = begun(group, changes)
    refused(world, "rotated", "eva", body, error, words)


def weak_sealing(epoch: Body, curve: bytes) -> Body:
    """An epoch with another X25519 key in its sealing key."""
    return {"sealing": note.encode64(note.decode64(epoch["sealing"])[:-32] + curve)}


@pytest.mark.parametrize("curve", [*LOW_ORDER, *NOT_CANONICAL])
@pytest.mark.parametrize("group", [MEMBERS, GATE, kit.case_id(CASE)])
def test_weak_sealing_key(group: str, curve: bytes) -> None:
    """An epoch to which nothing could be sealed is refused."""
    world, body = begun(group, lambda epoch: weak_sealing(epoch, curve))
    refused(world, "rotated", "eva", body, WeakKeyError, "X25519")


@pytest.mark.parametrize("key", [*LOW_ORDER, b"\xee" + b"\xff" * 30 + b"\x7f", *NOT_CANONICAL])
def test_weak_signing_key(key: bytes) -> None:
    """A gate epoch under whose key signatures would prove nothing is refused."""
    world, body = begun(
        GATE, lambda epoch: {"signing": epoch["signing"] | {"ed25519": note.encode64(key)}}
    )
    refused(world, "rotated", "eva", body, WeakKeyError, "Ed25519")


def test_weak_keys_everywhere() -> None:
    """No statement that begins an epoch brings a weak key, genesis and new cases included."""
    world = World()
    body = world.genesis(FOUNDER)
    for number, epoch in enumerate(body["epochs"]):
        epochs = list(body["epochs"])
        epochs[number] = epoch | weak_sealing(epoch, bytes(32))
        refused(world, "genesis", FOUNDER, body | {"epochs": epochs}, WeakKeyError, "X25519")
    world = kit.peopled()
    body = world.opened("new", "eva")
    epoch = body["epochs"][0]
    body["epochs"] = [epoch | weak_sealing(epoch, bytes(32))]
    refused(world, "case-opened", "eva", body, WeakKeyError, "X25519")
    body = world.rotated(MEMBERS, GATE)
    body["epochs"][1] |= weak_sealing(body["epochs"][1], bytes(32))
    refused(world, "rotated", "eva", body, WeakKeyError, "X25519")


def test_rotated_twice() -> None:
    """One statement does not rotate the same group twice."""
    world = kit.peopled()
    first = world.next_epoch(MEMBERS)
    second = kit.epoch_body(MEMBERS, 3, world.entitled(MEMBERS))
    body = {"epochs": [first, second]}
    refused(world, "rotated", "eva", body, MalformedError, "rotated twice")
    refused(world, "rotated", "eva", {"epochs": [first, first]}, MalformedError, "rotated twice")


def test_epochs_of_genesis() -> None:
    """Genesis begins the three groups, each once and in their order."""
    world = World()
    body = world.genesis(FOUNDER)
    one, two, three = body["epochs"]
    case = kit.epoch_body(kit.case_id("new"), 1, [FOUNDER])
    for epochs in ([two, one, three], [one, one, three], [one, two, case]):
        false = body | {"epochs": epochs}
        refused(world, "genesis", FOUNDER, false, MalformedError, "exactly the three groups")


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"number": 2}, DeniedError, "does not follow"),
        ({"link": note.encode64(bytes(104))}, MalformedError, "link"),
        ({"wraps": []}, DeniedError, "exactly its holders"),
    ],
)
def test_first_epoch(changes: Body, error: type[Error], words: str) -> None:
    """A first epoch has number 1, links to nothing, and is for exactly the first holders."""
    world = World()
    body = world.genesis(FOUNDER)
    body["epochs"][0] |= changes
    refused(world, "genesis", FOUNDER, body, error, words)
    world = kit.peopled()
    body = world.opened("new", "eva")
    body["epochs"][0] |= changes
    refused(world, "case-opened", "eva", body, error, words)


@pytest.mark.parametrize("group", [MEMBERS, AUDITORS, kit.case_id(CASE)])
def test_case_with_the_epoch_of_another_group(group: str) -> None:
    """A case begins its own group, and no other."""
    world = kit.peopled()
    body = world.opened("new", "eva", epochs=[kit.epoch_body(group, 1, ["eva"])])
    refused(world, "case-opened", "eva", body, MalformedError, "another group")


def test_case_with_wraps_for_others() -> None:
    """A new case is wrapped to its holders and to nobody else."""
    world = kit.peopled()
    for names in (["eva", "amy"], ["amy"], ["eva", "ida"], ["eva", STRANGER]):
        epoch = kit.epoch_body(kit.case_id("new"), 1, names)
        body = world.opened("new", "eva", epochs=[epoch])
        refused(world, "case-opened", "eva", body, DeniedError, "exactly its holders")


@pytest.mark.parametrize(("ref", "good"), [("", False), ("r" * 65, False), ("ñ" * 64, True)])
def test_reference(ref: str, good: bool) -> None:
    """A case's reference is short, or there is none."""
    world = kit.peopled()
    body = world.opened("new", "eva", ref=ref)
    if good:
        world.do("case-opened", "eva", body)
    else:
        refused(world, "case-opened", "eva", body, MalformedError, "reference")


# --- a new member's wraps ---------------------------------------------------------------------


Give = Callable[[World], list[Body]]


def given(world: World, *to: tuple[str, str], **changes: Any) -> list[Body]:
    """Wraps of groups to people, all changed alike."""
    return [kit.wrap_body(group, world.number(group), name, **changes) for group, name in to]


NEW: dict[str, tuple[str, Give, type[Error], str]] = {
    "no wraps": ("attorney", lambda _: [], DeniedError, "other keys than"),
    "members missing": (
        "attorney",
        lambda w: given(w, (GATE, "new")),
        DeniedError,
        "other keys than",
    ),
    "gate missing": (
        "attorney",
        lambda w: given(w, (MEMBERS, "new")),
        DeniedError,
        "other keys than",
    ),
    "auditors for an attorney": (
        "attorney",
        lambda w: given(w, (MEMBERS, "new"), (GATE, "new"), (AUDITORS, "new")),
        DeniedError,
        "other keys than",
    ),
    "auditors for a steward": (
        "steward",
        lambda w: given(w, (MEMBERS, "new"), (GATE, "new"), (AUDITORS, "new")),
        DeniedError,
        "other keys than",
    ),
    "a case": (
        "attorney",
        lambda w: given(w, (MEMBERS, "new"), (GATE, "new"), (kit.case_id("own"), "new")),
        DeniedError,
        "other keys than",
    ),
    "a case for an auditor": (
        "auditor",
        lambda w: given(w, (MEMBERS, "new"), (GATE, "new"), (kit.case_id("own"), "new")),
        DeniedError,
        "other keys than",
    ),
    "to another as well": (
        "attorney",
        lambda w: given(w, (MEMBERS, "new"), (GATE, "new"), (GATE, STRANGER)),
        DeniedError,
        "others than the new member",
    ),
    "to another instead": (
        "attorney",
        lambda w: given(w, (MEMBERS, STRANGER), (GATE, STRANGER)),
        DeniedError,
        "others than the new member",
    ),
    "one twice": (
        "attorney",
        lambda w: given(w, (MEMBERS, "new"), (MEMBERS, "new"), (GATE, "new")),
        MalformedError,
        "given twice",
    ),
    "of no group": (
        "attorney",
        lambda w: [
            *given(w, (MEMBERS, "new"), (GATE, "new")),
            kit.wrap_body(kit.case_id("none"), 1, "new"),
        ],
        DeniedError,
        "epoch in force",
    ),
    "of an old epoch": (
        "attorney",
        lambda w: [kit.wrap_body(MEMBERS, 1, "new"), *given(w, (GATE, "new"))],
        DeniedError,
        "epoch in force",
    ),
    "of an epoch to come": (
        "attorney",
        lambda w: [kit.wrap_body(MEMBERS, 3, "new"), *given(w, (GATE, "new"))],
        DeniedError,
        "epoch in force",
    ),
    "short": (
        "attorney",
        lambda w: given(w, (MEMBERS, "new")) + given(w, (GATE, "new"), wrap=SHORT),
        MalformedError,
        "wrap does not have its length",
    ),
    "long": (
        "attorney",
        lambda w: given(w, (MEMBERS, "new")) + given(w, (GATE, "new"), wrap=LONG),
        MalformedError,
        "wrap does not have its length",
    ),
}


@pytest.mark.parametrize("how", NEW)
def test_false_wraps_of_a_new_member(how: str) -> None:
    """A new member is given the keys of members and gate, an auditor perhaps the auditors', and
    nobody is given anything else."""
    role, make, error, words = NEW[how]
    world = kit.peopled()
    world.do("rotated", FOUNDER, world.rotated(MEMBERS))
    world.do("case-opened", FOUNDER, world.opened("own", FOUNDER))
    world.judge(world.statement("member-added", FOUNDER, world.added("new", role)))
    body = world.added("new", role, wraps=make(world))
    refused(world, "member-added", FOUNDER, body, error, words)


def test_a_member_is_added_without_epochs() -> None:
    """Adding a member rotates nothing."""
    world = kit.peopled()
    body = world.added("new", "attorney", epochs=[world.next_epoch(MEMBERS)])
    refused(world, "member-added", FOUNDER, body, MalformedError, "without new epochs")


def test_a_proposal_of_nobody() -> None:
    """A statement that names a proposal which nobody made is refused, though it needs none."""
    world = kit.peopled()
    body = world.added("new", "attorney", quoted=[kit.case_id("a proposal")])
    refused(world, "member-added", FOUNDER, body, DeniedError, "no such proposal")
    # Nor is one steward enough where a policy asks for two.
    world.history[-1] = replace(world.authority, stewards_needed=2)
    body = world.added("new", "attorney")
    refused(world, "member-added", FOUNDER, body, DeniedError, "2 stewards must sign")


def test_a_role_named_twice() -> None:
    """A role is named once."""
    world = kit.peopled()
    body = world.added("new", "attorney", "attorney")
    refused(world, "member-added", FOUNDER, body, MalformedError, "named twice")


# --- contacts ---------------------------------------------------------------------------------


@pytest.mark.parametrize("curve", [*LOW_ORDER, *NOT_CANONICAL])
def test_weak_contact(curve: bytes) -> None:
    """A contact to which nothing could be sealed is refused, though it signed itself truly."""
    weak = kit.weak_contact("new", curve)
    world = kit.peopled()
    body = world.added("new", "attorney", contact=weak)
    refused(world, "member-added", FOUNDER, body, WeakKeyError, "X25519")
    world = World()
    body = world.genesis("new", contact=weak)
    refused(world, "genesis", "new", body, WeakKeyError, "X25519")


@pytest.mark.parametrize("key", [*LOW_ORDER, b"\xee" + b"\xff" * 30 + b"\x7f"])
def test_contact_that_signs_nothing(key: bytes) -> None:
    """A contact under whose Ed25519 key signatures would prove nothing is refused."""
    world = kit.peopled()
    body = world.added("new", "attorney", contact=kit.unsigning_contact("new", key))
    refused(world, "member-added", FOUNDER, body, WeakKeyError, "Ed25519")


def test_false_contact() -> None:
    """A contact that was changed, or signed by another, is refused."""
    world = kit.peopled()
    good = kit.contact("new").note.decode()
    named = good.replace('"name":"new"', '"name":"eva"')
    forged = kit.person(STRANGER).signing.sign_note(
        device("new"), good.rpartition("\n\n")[0].encode() + b"\n", hybrid=True
    )
    for text in (named, forged.decode()):
        body = world.added("new", "attorney", contact=text)
        refused(world, "member-added", FOUNDER, body, SignatureError, "signature")


@pytest.mark.parametrize("text", ["", "\n", "x" * 60_000, "\ufeff", "evault/1/contact\n\n[]\n\n"])
def test_no_contact(text: str) -> None:
    """A text that is no contact is malformed."""
    world = kit.peopled()
    body = world.added("new", "attorney", contact=text)
    refused(world, "member-added", FOUNDER, body, MalformedError, "contact")


def test_contact_of_another() -> None:
    """Wraps to one person beside the contact of another are refused."""
    world = kit.peopled()
    body = world.added("new", "attorney", contact=kit.contact(STRANGER).note.decode())
    refused(world, "member-added", FOUNDER, body, DeniedError, "others than the new member")


# --- the wraps of a grant ---------------------------------------------------------------------


GRANT: dict[str, tuple[Give, type[Error], str]] = {
    "none": (lambda _: [], DeniedError, "exactly the case's keys"),
    "to another": (
        lambda w: given(w, (kit.case_id(CASE), "amy")),
        DeniedError,
        "exactly the case's keys",
    ),
    "to another as well": (
        lambda w: given(w, (kit.case_id(CASE), "bob"), (kit.case_id(CASE), "amy")),
        DeniedError,
        "exactly the case's keys",
    ),
    "of another case": (
        lambda w: given(w, (kit.case_id("own"), "bob")),
        DeniedError,
        "exactly the case's keys",
    ),
    "of another group as well": (
        lambda w: given(w, (kit.case_id(CASE), "bob"), (GATE, "bob")),
        DeniedError,
        "exactly the case's keys",
    ),
    "of an old epoch": (
        lambda _: [kit.wrap_body(kit.case_id(CASE), 1, "bob")],
        DeniedError,
        "epoch in force",
    ),
    "twice": (
        lambda w: given(w, (kit.case_id(CASE), "bob"), (kit.case_id(CASE), "bob")),
        MalformedError,
        "given twice",
    ),
    "short": (
        lambda w: given(w, (kit.case_id(CASE), "bob"), wrap=SHORT),
        MalformedError,
        "wrap does not have its length",
    ),
}


@pytest.mark.parametrize("how", GRANT)
def test_false_wraps_of_a_grant(how: str) -> None:
    """A grant gives the keys of its case to its member, and nothing else."""
    make, error, words = GRANT[how]
    world = kit.peopled()
    world.do("case-opened", "eva", world.opened("own", "eva"))
    world.do("rotated", "eva", world.rotated(kit.case_id(CASE)))
    world.judge(world.statement("case-granted", "eva", world.granted(CASE, "bob")))
    body = world.granted(CASE, "bob", wraps=make(world))
    refused(world, "case-granted", "eva", body, error, words)


# --- wraps alone ------------------------------------------------------------------------------


WRAPPED: dict[str, tuple[Give, type[Error], str]] = {
    "twice": (
        lambda w: given(w, (AUDITORS, "ida"), (AUDITORS, "ida")),
        MalformedError,
        "given twice",
    ),
    "of an epoch to come": (
        lambda _: [kit.wrap_body(AUDITORS, 2, "ida")],
        DeniedError,
        "epoch in force",
    ),
    "of no group": (
        lambda _: [kit.wrap_body(kit.case_id("none"), 1, "ida")],
        DeniedError,
        "epoch in force",
    ),
    "short": (
        lambda w: given(w, (AUDITORS, "ida"), wrap=SHORT),
        MalformedError,
        "wrap does not have its length",
    ),
}


@pytest.mark.parametrize("how", WRAPPED)
def test_false_wraps(how: str) -> None:
    """A wrap that is given later is of the epoch in force, once, and has its length."""
    make, error, words = WRAPPED[how]
    world = kit.peopled(auditor_has_keys=False)
    world.judge(world.statement("wrapped", FOUNDER, world.wrapped((AUDITORS, "ida"))))
    refused(world, "wrapped", FOUNDER, {"wraps": make(world)}, error, words)
