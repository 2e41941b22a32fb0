"""An entry has one form, opens for its recipients alone, and commits to what is inside."""

from __future__ import annotations

import json
from functools import cache

import pytest

from keys import container
from keys.derive import Label, digest, lp, pad
from keys.errors import (
    CommitmentError,
    DamagedError,
    Error,
    MalformedError,
    TruncatedError,
    VerificationError,
)
from keys.identity import Identity
from keys.seal import SealingKey, seal
from vault.log import entry
from vault.log.entry import Compartment, Entry, Opener, Recipient

ORIGIN = "evault/aaaqeayeaudaocajbifqydiob4/access"
OTHER = "evault/aaaqeayeaudaocajbifqydiob4/authority"
NOTE = "0f" * 32
DEPOSIT = {
    "case_seal": "01" * 32,
    "gate_seal": "02" * 32,
    "id": "03" * 16,
    "records_root": "04" * 32,
}
BODY = b"what was done"


@cache
def key(name: str) -> SealingKey:
    """Somebody's key."""
    return Identity(name.encode().ljust(32, b"."), name).sealing


def encoded(public: object) -> bytes:
    """An entry with any public part, in the form of a true one."""
    text = json.dumps(public, separators=(",", ":"), sort_keys=True)
    return lp(Label.ENTRY.value, text.encode(), b"compartment")


def sealed(*names: str, tag: bytes = b"") -> bytes:
    """A compartment for some people."""
    return entry.seal_compartment(
        ORIGIN, BODY, [Recipient(key(name).public, tag) for name in names]
    )


def opened(raw: bytes, name: str = "ada", tag: bytes = b"", origin: str = ORIGIN) -> bytes | None:
    """What somebody finds in a compartment."""
    return entry.open_compartment(origin, raw, [Opener(key(name), tag)])


def forged(  # One part each is false.
    *,
    salt: bytes = b"s" * 32,
    body: bytes = BODY,
    box_key: bytes = b"k" * 32,
    sealed_key: bytes | None = None,
    box_origin: str = ORIGIN,
    inside: bytes | None = None,
) -> bytes:
    """A compartment that its maker made falsely."""
    commitment = digest(Label.ENTRY_BODY, b"s" * 32, BODY)
    context = lp(Label.ENTRY_BOX.value, box_origin.encode(), commitment)
    inside = pad(lp(salt, body), 512) if inside is None else inside
    box = container.encrypt(box_key, context, inside)
    sealed_key = box_key if sealed_key is None else sealed_key
    to = seal(key("ada").public, sealed_key, Label.ENTRY_KEY, ORIGIN.encode(), commitment)
    return Compartment(commitment, ((b"", to),), box).encode()


# --- entries ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "public",
    [
        {"note": NOTE},
        {"note": NOTE, "deposit": DEPOSIT},
        {"note": NOTE, "destroyed": ["03" * 16]},
        {"note": NOTE, "destroyed": [f"{number:032x}" for number in range(1000)]},
    ],
    ids="-".join,
)
@pytest.mark.parametrize("compartments", [(b"one",), (b"one", b"two")])
def test_entry_round_trip(public: dict[str, object], compartments: tuple[bytes, ...]) -> None:
    """An entry of one or two compartments is read as it was written."""
    made = Entry(public, compartments)
    assert entry.parse(made.encode()) == made
    assert entry.parse(made.encode()).note_id == bytes.fromhex(NOTE)


@pytest.mark.parametrize(
    "public",
    [
        {},
        {"deposit": DEPOSIT},
        {"note": NOTE, "case": "00" * 16},
        {"note": NOTE.upper()},
        {"note": " ".join(["0f"] * 32)},
        {"note": NOTE[:-2]},
        {"note": NOTE + "00"},
        {"note": "0g" * 32},
        {"note": 15},
        {"note": None},
        {"note": NOTE, "deposit": None},
        {"note": NOTE, "deposit": []},
        {"note": NOTE, "deposit": {}},
        {"note": NOTE, "deposit": {**DEPOSIT, "count": 1}},
        {"note": NOTE, "deposit": {k: v for k, v in DEPOSIT.items() if k != "id"}},
        {"note": NOTE, "deposit": {**DEPOSIT, "id": "03" * 32}},
        {"note": NOTE, "deposit": {**DEPOSIT, "id": 3}},
        {"note": NOTE, "deposit": {**DEPOSIT, "records_root": "04" * 31}},
        {"note": NOTE, "deposit": {**DEPOSIT, "case_seal": "AB" * 32}},
        {"note": NOTE, "deposit": {**DEPOSIT, "gate_seal": ["02"] * 64}},
        {"note": NOTE, "destroyed": []},
        {"note": NOTE, "destroyed": "03" * 16},
        {"note": NOTE, "destroyed": ["03" * 16, "03" * 16]},
        {"note": NOTE, "destroyed": ["AB" * 16]},
        {"note": NOTE, "destroyed": ["03" * 15]},
        {"note": NOTE, "destroyed": [3]},
        {"note": NOTE, "destroyed": {"03" * 16: 1}},
        {"note": NOTE, "destroyed": [f"{number:032x}" for number in range(1001)]},
        [["note", NOTE]],
        NOTE,
        7,
        None,
    ],
)
def test_public_part_is_strict(public: object) -> None:
    """A public part with a missing, unknown or misshapen field is refused."""
    with pytest.raises(MalformedError, match="public part"):
        entry.parse(encoded(public))


@pytest.mark.parametrize(
    "text",
    [
        b'{"note": "' + NOTE.encode() + b'"}',
        b'{"note":"' + NOTE.encode() + b'"}\n',
        b'{"note":"\\u0030f' + NOTE[2:].encode() + b'"}',
        b'{"note":"' + NOTE.encode() + b'","note":"' + NOTE.encode() + b'"}',
        b'{"note":"' + NOTE.encode() + b'","deposit":{}}',
        b'\xef\xbb\xbf{"note":"' + NOTE.encode() + b'"}',
        b'{"note":"' + NOTE.encode(),
        b"\xff",
        b"",
        b"[" * 100_000,
        b'{"note":' + b"[" * 900 + b"]" * 900 + b"}",
    ],
)
def test_public_part_is_canonical(text: bytes) -> None:
    """A public part in any spelling but its one is refused."""
    with pytest.raises(MalformedError, match="public part"):
        entry.parse(lp(Label.ENTRY.value, text, b"compartment"))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        lp(),
        lp(Label.ENTRY.value, b'{"note":"' + NOTE.encode() + b'"}'),
        lp(Label.ENTRY.value, b'{"note":"' + NOTE.encode() + b'"}', b"1", b"2", b"3"),
        lp(Label.ENTRY_BODY.value, b'{"note":"' + NOTE.encode() + b'"}', b"1"),
        lp(Label.ENTRY.value, b'{"note":"' + NOTE.encode() + b'"}', b"1") + b"x",
        lp(Label.ENTRY.value, b'{"note":"' + NOTE.encode() + b'"}', b"1")[:-1],
    ],
)
def test_not_an_entry(raw: bytes) -> None:
    """Bytes with another label, number of parts, or end are no entry."""
    with pytest.raises(MalformedError):
        entry.parse(raw)


# --- compartments -----------------------------------------------------------------------------


def test_opens_for_each_recipient() -> None:
    """Each recipient opens a compartment, and nobody else does."""
    raw = sealed("ada", "eva")
    assert opened(raw, "ada") == BODY
    assert opened(raw, "eva") == BODY
    assert opened(raw, "max") is None
    assert entry.open_compartment(ORIGIN, raw, []) is None


def test_for_nobody() -> None:
    """A compartment without recipients opens for nobody."""
    assert opened(sealed()) is None


def test_tags() -> None:
    """A seal with a tag is tried only by who expects that tag; one without, by everybody."""
    tagged, plain = sealed("ada", tag=b"12345678"), sealed("ada")
    assert opened(tagged, tag=b"12345678") == BODY
    assert opened(tagged, tag=b"12345679") is None
    assert opened(tagged) is None
    assert opened(plain) == BODY
    assert opened(plain, tag=b"12345678") == BODY


def test_false_tags() -> None:
    """Whoever looks thoroughly finds what is theirs under a false tag too, and nothing more."""
    for tag, name, found in ((b"87654321", "ada", BODY), (b"87654321", "max", None)):
        openers = [Opener(key(name), b"12345678")]
        raw = sealed("ada", tag=tag)
        assert entry.open_compartment(ORIGIN, raw, openers) is None
        assert entry.open_compartment(ORIGIN, raw, openers, thorough=True) == found


def test_a_tag_does_not_open() -> None:
    """Whoever knows a tag and not the key opens nothing."""
    assert opened(sealed("ada", tag=b"12345678"), "max", b"12345678") is None


def test_origin() -> None:
    """A compartment of one log does not open as one of the other."""
    assert opened(sealed("ada"), origin=OTHER) is None


def test_box_is_bound_to_its_log() -> None:
    """A box that was made for another log is refused, even if its key is sealed for this one."""
    with pytest.raises(CommitmentError):
        opened(forged(box_origin=OTHER))


def test_sizes_are_hidden() -> None:
    """Bodies of similar length make compartments of the same length."""
    lengths = {
        len(entry.seal_compartment(ORIGIN, bytes(size), [Recipient(key("ada").public)]))
        for size in (0, 1, 100, 400)
    }
    assert len(lengths) == 1


def test_two_compartments_of_one_body() -> None:
    """The same body is never committed to twice in the same way: the salt is fresh."""
    one, other = (entry.parse_compartment(sealed("ada")) for _ in range(2))
    assert one.commitment != other.commitment
    assert one.box != other.box


def test_forged_as_it_should_be() -> None:
    """The forger of these tests makes a good compartment when nothing is false."""
    assert opened(forged()) == BODY


@pytest.mark.parametrize("false", [{"body": b"something else"}, {"salt": b"t" * 32}])
def test_commitment_is_checked(false: dict[str, bytes]) -> None:
    """A body or salt other than the entry committed to is refused."""
    with pytest.raises(VerificationError, match="committed"):
        opened(forged(**false))


@pytest.mark.parametrize("length", [0, 16, 33])
def test_key_of_another_length(length: int) -> None:
    """A sealed key of another length than 32 bytes is refused."""
    with pytest.raises(VerificationError, match="length"):
        opened(forged(sealed_key=bytes(length)))


def test_another_key() -> None:
    """A box under another key than the sealed one is refused."""
    with pytest.raises(CommitmentError):
        opened(forged(sealed_key=b"q" * 32))


@pytest.mark.parametrize("inside", [b"", bytes(511), lp(b"s" * 32, BODY)])
def test_padding_is_checked(inside: bytes) -> None:
    """What is inside a box has its padding."""
    with pytest.raises(MalformedError):
        opened(forged(inside=inside))


def test_altered_box() -> None:
    """A box that was changed or cut is refused."""
    made = entry.parse_compartment(sealed("ada"))
    for box, error in (
        (made.box[:30] + bytes([made.box[30] ^ 1]) + made.box[31:], CommitmentError),
        (made.box[:-1] + bytes([made.box[-1] ^ 1]), DamagedError),
        (made.box[:-1], DamagedError),
        (made.box[:56], TruncatedError),
        (made.box[:55], MalformedError),
        (b"", MalformedError),
    ):
        with pytest.raises(error):
            opened(Compartment(made.commitment, made.recipients, box).encode())


def test_altered_commitment() -> None:
    """Under another commitment the key does not open."""
    made = entry.parse_compartment(sealed("ada"))
    assert opened(Compartment(bytes(32), made.recipients, made.box).encode()) is None


def test_swapped_boxes() -> None:
    """The box of another compartment is refused."""
    one, other = (entry.parse_compartment(sealed("ada")) for _ in range(2))
    with pytest.raises(Error):
        opened(Compartment(one.commitment, one.recipients, other.box).encode())


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        lp(bytes(32), lp()),
        lp(bytes(31), lp(), b"box"),
        lp(bytes(32), b"", b"box"),
        lp(bytes(32), lp(b"seal"), b"box"),
        lp(bytes(32), lp(lp(b"seal")), b"box"),
        lp(bytes(32), lp(lp(b"1234567", b"seal")), b"box"),
        lp(bytes(32), lp(lp(b"123456789", b"seal")), b"box"),
        lp(bytes(32), lp(lp(b"", b"seal", b"")), b"box"),
        lp(bytes(32), lp(), b"box", b""),
        lp(bytes(32), lp(), b"box") + b"x",
    ],
)
def test_not_a_compartment(raw: bytes) -> None:
    """Bytes of another form are no compartment."""
    with pytest.raises(MalformedError):
        entry.parse_compartment(raw)


def test_damaged_seals_are_passed_over() -> None:
    """A seal that is no seal does not keep the next recipient from opening."""
    made = entry.parse_compartment(sealed("ada"))
    broken = Compartment(made.commitment, ((b"", b""), (b"", b"x"), *made.recipients), made.box)
    assert opened(broken.encode()) == BODY


# --- disclosure -------------------------------------------------------------------------------


def test_disclosure() -> None:
    """A disclosed body is checked against the entry, without any key."""
    commitment = entry.parse_compartment(forged()).commitment
    entry.disclosed(commitment, b"s" * 32, BODY)
    for salt, body in ((b"t" * 32, BODY), (b"s" * 32, BODY + b"."), (b"s" * 31, b"s" + BODY)):
        with pytest.raises(VerificationError, match="committed"):
            entry.disclosed(commitment, salt, body)
