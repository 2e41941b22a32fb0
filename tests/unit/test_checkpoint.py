"""The head of a log is believed only with both signatures of its gate."""

from __future__ import annotations

import base64

import pytest

from keys.group import Epoch
from keys.signing import Checkpoint, SigningKeys
from vault.errors import LogError, MalformedError
from vault.log import checkpoint

ORIGIN = "evault/aaaqeayeaudaocajbifqydiob4/access"
OTHER = "evault/aaaqeayeaudaocajbifqydiob4/authority"
HEAD = Checkpoint(ORIGIN, 7, bytes(range(32)))
AT = 1_800_000_000


def gate(number: int = 1) -> SigningKeys:
    """The signing keys of one of the gate's epochs."""
    signing = Epoch(bytes(16), "gate", number, bytes([number]) * 32).signing
    assert signing is not None
    return signing


def keys(number: int = 1, origin: str = ORIGIN) -> list[checkpoint.VerifierKey]:
    """The keys under which that epoch's checkpoints verify."""
    return checkpoint.verifiers(origin, gate(number).ed25519_public, gate(number).ml_dsa_44_public)


def split(note: bytes) -> tuple[bytes, list[bytes]]:
    """The text of a signed note with the empty line, and its signature lines."""
    text, _, signatures = note.rpartition(b"\n\n")
    return text + b"\n\n", signatures.splitlines(keepends=True)


def damaged(line: bytes) -> bytes:
    """A signature line whose key is the same and whose signature is not."""
    head, _, value = line.strip().rpartition(b" ")
    raw = bytearray(base64.b64decode(value))
    raw[-1] ^= 1
    return head + b" " + base64.b64encode(raw) + b"\n"


def test_verifies() -> None:
    """A head signed by the gate says what was signed."""
    note = checkpoint.sign(gate(), HEAD, AT)
    assert checkpoint.verify(note, ORIGIN, keys()) == HEAD
    assert checkpoint.peek(note) == HEAD


@pytest.mark.parametrize("kept", [0, 1])
def test_both_signatures_are_needed(kept: int) -> None:
    """A head with only one of the two signatures is refused."""
    text, lines = split(checkpoint.sign(gate(), HEAD, AT))
    with pytest.raises(LogError, match="not signed by its gate"):
        checkpoint.verify(text + lines[kept], ORIGIN, keys())


@pytest.mark.parametrize("bad", [0, 1])
def test_one_bad_of_two(bad: int) -> None:
    """A head with one good and one bad signature is refused."""
    text, lines = split(checkpoint.sign(gate(), HEAD, AT))
    lines[bad] = damaged(lines[bad])
    with pytest.raises(LogError, match="does not verify"):
        checkpoint.verify(text + b"".join(lines), ORIGIN, keys())


@pytest.mark.parametrize("bad", [0, 1])
def test_one_of_another_gate(bad: int) -> None:
    """A head that one epoch signed half and another the other half is refused."""
    text, lines = split(checkpoint.sign(gate(), HEAD, AT))
    lines[bad] = split(checkpoint.sign(gate(2), HEAD, AT))[1][bad]
    with pytest.raises(LogError, match="not signed by its gate"):
        checkpoint.verify(text + b"".join(lines), ORIGIN, keys())


def test_a_bad_line_beside_good_ones() -> None:
    """A false signature of the gate is refused even beside its two true ones."""
    text, lines = split(checkpoint.sign(gate(), HEAD, AT))
    with pytest.raises(LogError, match="does not verify"):
        checkpoint.verify(text + b"".join([*lines, damaged(lines[0])]), ORIGIN, keys())


def test_another_epoch() -> None:
    """A head of the gate's epoch before is refused."""
    with pytest.raises(LogError, match="not signed by its gate"):
        checkpoint.verify(checkpoint.sign(gate(1), HEAD, AT), ORIGIN, keys(2))


def test_under_no_key() -> None:
    """Where no key is known, no head is believed."""
    with pytest.raises(LogError, match="not signed by its gate"):
        checkpoint.verify(checkpoint.sign(gate(), HEAD, AT), ORIGIN, [])


def test_the_other_log() -> None:
    """The head of one of the two logs is not that of the other, under the same gate."""
    note = checkpoint.sign(gate(), HEAD._replace(origin=OTHER), AT)
    with pytest.raises(LogError):
        checkpoint.verify(note, ORIGIN, keys())
    with pytest.raises(LogError, match="another log"):
        checkpoint.verify(note, ORIGIN, keys(origin=OTHER))


def test_the_name_is_not_the_origin() -> None:
    """A head signed under this log's name and about another log is refused."""
    note = gate().sign_checkpoint(ORIGIN, HEAD._replace(origin=OTHER), AT)
    with pytest.raises(LogError, match="another log"):
        checkpoint.verify(note, ORIGIN, keys())


@pytest.mark.parametrize(
    "changed", [HEAD._replace(size=8), HEAD._replace(root=bytes(32)), HEAD._replace(origin=OTHER)]
)
def test_another_text(changed: Checkpoint) -> None:
    """Signatures of one head are not those of another size, root or origin."""
    _, lines = split(checkpoint.sign(gate(), HEAD, AT))
    text, _ = split(checkpoint.sign(gate(), changed, AT))
    with pytest.raises(LogError):
        checkpoint.verify(text + b"".join(lines), ORIGIN, keys())


def test_the_time_is_signed() -> None:
    """The time in the second signature cannot be changed."""
    text, lines = split(checkpoint.sign(gate(), HEAD, AT))
    head, _, value = lines[1].strip().rpartition(b" ")
    raw = bytearray(base64.b64decode(value))
    assert int.from_bytes(raw[4:12], "big") == AT
    raw[11] ^= 1
    lines[1] = head + b" " + base64.b64encode(raw) + b"\n"
    with pytest.raises(LogError, match="does not verify"):
        checkpoint.verify(text + b"".join(lines), ORIGIN, keys())


def test_cosigners_are_ignored() -> None:
    """Lines of cosigners, before or after the gate's own, change nothing."""
    text, lines = split(checkpoint.sign(gate(), HEAD, AT))
    _, others = split(gate(2).sign_checkpoint("cosigner.example/one", HEAD, AT))
    for signatures in ([*lines, *others], [*others, *lines], [others[0], *lines, others[1]]):
        assert checkpoint.verify(text + b"".join(signatures), ORIGIN, keys()) == HEAD


def test_cosigners_do_not_replace_the_gate() -> None:
    """A head that only cosigners signed is refused."""
    note = gate(2).sign_checkpoint("cosigner.example/one", HEAD, AT)
    with pytest.raises(LogError, match="not signed by its gate"):
        checkpoint.verify(note, ORIGIN, keys())


@pytest.mark.parametrize(
    "text",
    [
        f"{ORIGIN}\n07\n{base64.b64encode(bytes(32)).decode()}\n",
        f"{ORIGIN}\n-7\n{base64.b64encode(bytes(32)).decode()}\n",
        f"{ORIGIN}\n٧\n{base64.b64encode(bytes(32)).decode()}\n",
        f"{ORIGIN}\n7\n{base64.b64encode(bytes(31)).decode()}\n",
        f"{ORIGIN}\n7\n{base64.b64encode(bytes(32)).decode()}\nextension\n",
        f"{ORIGIN}\n7\n",
        f"\n7\n{base64.b64encode(bytes(32)).decode()}\n",
    ],
)
def test_not_a_checkpoint(text: str) -> None:
    """A text that is not the one form of a checkpoint is refused, whoever signed it."""
    note = gate().sign_note(ORIGIN, text.encode(), hybrid=False)
    with pytest.raises(MalformedError):
        checkpoint.verify(note, ORIGIN, keys()[:1])
    with pytest.raises(MalformedError):
        checkpoint.peek(note)
