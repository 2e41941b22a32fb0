"""A note is believed only with the signatures of exactly the keys that must have made them."""

from __future__ import annotations

import base64
import copy
import hashlib
import pickle
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric import mldsa
from keys_kit import FORGED, SMALL_ORDER, WEAK_ED25519, L, damaged, encode, forged, split

from keys import signing
from keys.errors import MalformedError, SignatureError, WeakKeyError
from keys.signing import (
    ED25519,
    ML_DSA_44_CHECKPOINT,
    ML_DSA_44_NOTE,
    Checkpoint,
    SigningKeys,
    VerifierKey,
    check_ed25519,
    checkpoint_keys,
    encode_checkpoint,
    note_keys,
    parse_checkpoint,
    split_note,
    verify_note,
)

NAME = "example.org/someone"
TEXT = b"evault/1/test\n\nA text with an empty line.\n"
KEYS = SigningKeys(b"e" * 32, b"m" * 32)
OTHER = SigningKeys(b"E" * 32, b"M" * 32)
VERIFIERS = note_keys(NAME, KEYS.ed25519_public, KEYS.ml_dsa_44_public)
NOTE = KEYS.sign_note(NAME, TEXT, hybrid=True)
HEAD = Checkpoint("example.org/log", 20852163, bytes(range(32)))
AT = 1_800_000_000


def others(name: str = NAME) -> list[VerifierKey]:
    """The verifier keys of somebody else, under the same name."""
    return note_keys(name, OTHER.ed25519_public, OTHER.ml_dsa_44_public)


def test_notes_as_specified() -> None:
    """A note is text, an empty line, and lines of name, key id and signature over the text."""
    text, lines = split(NOTE)
    assert text == TEXT + b"\n"
    for line, kind, public in zip(
        lines, (ED25519, ML_DSA_44_NOTE), (KEYS.ed25519_public, KEYS.ml_dsa_44_public), strict=True
    ):
        head, name, value = line.decode().rstrip("\n").split(" ")
        assert (head, name) == ("\N{EM DASH}", NAME)
        key_id = hashlib.sha256(NAME.encode() + b"\n" + kind + public).digest()[:4]
        assert base64.b64decode(value)[:4] == key_id
    lattice = mldsa.MLDSA44PublicKey.from_public_bytes(KEYS.ml_dsa_44_public)
    lattice.verify(base64.b64decode(lines[1].split(b" ")[2])[4:], TEXT, b"evault/1/note")


def test_verifies() -> None:
    """A note signed by the keys asked for gives its text."""
    assert verify_note(NOTE, VERIFIERS) == TEXT
    assert verify_note(NOTE, VERIFIERS, exact=True) == TEXT
    assert verify_note(NOTE, VERIFIERS[:1]) == TEXT
    single = KEYS.sign_note(NAME, TEXT, hybrid=False)
    assert verify_note(single, VERIFIERS[:1], exact=True) == TEXT


def test_no_keys_verify_nothing() -> None:
    """A note is never verified under no key at all."""
    with pytest.raises(SignatureError, match="no key"):
        verify_note(NOTE, [])


@pytest.mark.parametrize("at", [0, 1])
@pytest.mark.parametrize("exact", [False, True])
def test_a_missing_signature(at: int, exact: bool) -> None:
    """A note that lacks either signature is refused."""
    text, lines = split(NOTE)
    with pytest.raises(SignatureError):
        verify_note(text + lines[at], VERIFIERS, exact=exact)


@pytest.mark.parametrize("at", [0, 1])
@pytest.mark.parametrize("exact", [False, True])
def test_a_false_signature(at: int, exact: bool) -> None:
    """A note on which either signature is false is refused, though the other is true."""
    text, lines = split(NOTE)
    lines[at] = damaged(lines[at])
    with pytest.raises(SignatureError, match="does not verify"):
        verify_note(text + b"".join(lines), VERIFIERS, exact=exact)


@pytest.mark.parametrize("exact", [False, True])
def test_a_false_line_beside_a_true_one(exact: bool) -> None:
    """A false line of a known key is refused even beside its true one."""
    text, lines = split(NOTE)
    for order in ([damaged(lines[0]), *lines], [*lines, damaged(lines[0])]):
        with pytest.raises(SignatureError):
            verify_note(text + b"".join(order), VERIFIERS, exact=exact)


def test_signed_by_another() -> None:
    """A note signed by another under the same name is refused."""
    theirs = OTHER.sign_note(NAME, TEXT, hybrid=True)
    with pytest.raises(SignatureError, match="lacks"):
        verify_note(theirs, VERIFIERS)
    text, lines = split(theirs)
    mine = split(NOTE)[1]
    for mixed in ([mine[0], lines[1]], [lines[0], mine[1]]):
        with pytest.raises(SignatureError, match="lacks"):
            verify_note(text + b"".join(mixed), VERIFIERS)


def test_another_name() -> None:
    """The same keys under another name are other keys."""
    keys = note_keys("example.org/else", KEYS.ed25519_public, KEYS.ml_dsa_44_public)
    with pytest.raises(SignatureError, match="lacks"):
        verify_note(NOTE, keys)


def test_another_text() -> None:
    """Signatures of one text are none of another."""
    _, lines = split(NOTE)
    with pytest.raises(SignatureError, match="does not verify"):
        verify_note(TEXT + b"more\n\n" + b"".join(lines), VERIFIERS)


def test_lines_of_others_are_ignored() -> None:
    """Lines of unknown keys, also under a known name, do not matter unless lines must be exact."""
    text, lines = split(NOTE)
    theirs = split(OTHER.sign_note(NAME, TEXT, hybrid=True))[1]
    strangers = [damaged(line) for line in theirs]
    note = text + b"".join([strangers[0], lines[0], strangers[1], lines[1]])
    assert verify_note(note, VERIFIERS) == TEXT
    assert verify_note(note, VERIFIERS[1:]) == TEXT


def test_exact_lines() -> None:
    """Where lines must be exact, an extra, a repeated or a swapped one is refused."""
    text, lines = split(NOTE)
    theirs = split(OTHER.sign_note(NAME, TEXT, hybrid=True))[1]
    for wrong in (
        [lines[1], lines[0]],
        [lines[0], lines[1], theirs[0]],
        [theirs[0], lines[0], lines[1]],
        [lines[0], lines[1], lines[1]],
        [lines[0], lines[0], lines[1]],
    ):
        with pytest.raises(SignatureError, match="exactly"):
            verify_note(text + b"".join(wrong), VERIFIERS, exact=True)
        if len(wrong) == 2:
            assert verify_note(text + b"".join(wrong), VERIFIERS) == TEXT
    with pytest.raises(SignatureError, match="exactly"):
        verify_note(NOTE, VERIFIERS[:1], exact=True)


def test_key_ids_that_collide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two keys with the same name and key id, neither can stand for the other."""
    monkeypatch.setattr(signing, "_key_id", lambda *_: b"same")
    for half in (KEYS.sign_note(NAME, TEXT, hybrid=True), KEYS.sign_note(NAME, TEXT, hybrid=False)):
        for exact in (False, True):
            with pytest.raises(SignatureError, match="same name"):
                verify_note(half, VERIFIERS, exact=exact)


def test_the_same_key_twice() -> None:
    """A key that is asked for twice is one key."""
    assert verify_note(NOTE, [*VERIFIERS, *VERIFIERS]) == TEXT


@pytest.mark.parametrize("kind", [ML_DSA_44_NOTE, ML_DSA_44_CHECKPOINT])
def test_types_are_not_confused(kind: bytes) -> None:
    """A signature of a note is none of a checkpoint, nor the other way round."""
    text = encode_checkpoint(HEAD)
    note = KEYS.sign_note(HEAD.origin, text, hybrid=True)
    head = KEYS.sign_checkpoint(HEAD.origin, HEAD, AT)
    values = [split_note(one)[1][1].value for one in (note, head)]
    key = VerifierKey(HEAD.origin, kind, KEYS.ml_dsa_44_public)
    right, wrong = values if kind == ML_DSA_44_NOTE else values[::-1]
    key.verify(text, right)
    for false in (wrong, wrong[8:], bytes(8) + wrong):
        with pytest.raises(SignatureError):
            key.verify(text, false)


def test_a_context_of_its_own() -> None:
    """ML-DSA-44 over a bare text, without our context, is no signature of a note."""
    value = mldsa.MLDSA44PrivateKey.from_seed_bytes(b"m" * 32).sign(TEXT)
    with pytest.raises(SignatureError):
        VERIFIERS[1].verify(TEXT, value)


@pytest.mark.parametrize("size", [0, 63, 65])
def test_signature_length(size: int) -> None:
    """A signature of another length than its type's is refused."""
    for key in VERIFIERS:
        with pytest.raises(SignatureError, match="length"):
            key.verify(TEXT, bytes(size))


def test_one_signature_of_a_text() -> None:
    """An Ed25519 signature has no second form: adding the group's order to it is refused."""
    value = split_note(NOTE)[1][0].value
    number = int.from_bytes(value[32:], "little") + L
    with pytest.raises(SignatureError):
        VERIFIERS[0].verify(TEXT, value[:32] + number.to_bytes(32, "little"))


@pytest.mark.parametrize(
    "note",
    [
        b"",
        b"no signatures\n",
        b"no signatures\n\n",
        b"text\n\n\xe2\x80\x94 name AAAAAAA=",  # no newline at the end
        b"text\n\n\xe2\x80\x94 name AAAAAAA=x",  # something else in its place
        b"\xe2\x80\x94 name AAAAAAA=\n",  # a signature and no text
        b"text\n\n\xe2\x80\x94 name AAAAAAA=\n\n",
        b"text\n\n- name AAAAAAA=\n",  # not an em dash
        b"text\n\n\xe2\x80\x94 name  AAAAAAA=\n",
        b"text\n\n\xe2\x80\x94  AAAAAAA=\n",
        b"text\n\n\xe2\x80\x94 na+me AAAAAAA=\n",
        "text\n\n\N{EM DASH} na\N{NO-BREAK SPACE}me AAAAAAA=\n".encode(),
        b"text\n\n\xe2\x80\x94 name AAAA\n",  # three bytes
        b"text\n\n\xe2\x80\x94 name AAAAAA==\n",  # a key id alone
        b"text\n\n\xe2\x80\x94 name AAAAAAB=\n",  # bits that base64 has to spare
        b"text\n\n\xe2\x80\x94 name AAAAAAA\n",
        b"text\n\n\xe2\x80\x94 name AAAA*AAA=\n",
        b"text\n\n\xe2\x80\x94 name AAAAAAA= \n",
        b"text\n\n\xe2\x80\x94 name AAAAAAA=\nmore\n",
        b"te\rxt\n\n\xe2\x80\x94 name AAAAAAA=\n",
        b"te\x00xt\n\n\xe2\x80\x94 name AAAAAAA=\n",
        b"te\txt\n\n\xe2\x80\x94 name AAAAAAA=\n",
        b"te\xffxt\n\n\xe2\x80\x94 name AAAAAAA=\n",
        b"text\r\n\r\n\xe2\x80\x94 name AAAAAAA=\r\n",
    ],
)
def test_not_a_note(note: bytes) -> None:
    """What is not a signed note is malformed, not merely unsigned."""
    with pytest.raises(MalformedError):
        split_note(note)
    with pytest.raises(MalformedError):
        verify_note(note, VERIFIERS)


def test_the_last_empty_line_ends_the_text() -> None:
    """A text may hold empty lines and lines that look like signatures."""
    text = b"\n\n\xe2\x80\x94 name AAAAAAA=\n\nmore\n"
    note = KEYS.sign_note(NAME, text, hybrid=False)
    assert verify_note(note, VERIFIERS[:1], exact=True) == text


def test_how_many_signatures() -> None:
    """A note has at most 64 signature lines, and sixteen at least are accepted."""
    text, lines = split(KEYS.sign_note(NAME, TEXT, hybrid=False))
    stranger = split(OTHER.sign_note(NAME, TEXT, hybrid=False))[1][0]
    assert verify_note(text + lines[0] + 63 * stranger, VERIFIERS[:1]) == TEXT
    with pytest.raises(MalformedError, match="too many"):
        verify_note(text + lines[0] + 64 * stranger, VERIFIERS[:1])


def test_texts_end_in_a_newline() -> None:
    """A text without a newline at its end is not signed: it is the caller's mistake."""
    with pytest.raises(ValueError, match="newline"):
        KEYS.sign_note(NAME, b"text", hybrid=False)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\nb", "a\tb", "a\N{NO-BREAK SPACE}b", "a\0b"])
def test_names_of_keys(name: str) -> None:
    """A key's name is not empty and holds no space, plus sign or control character."""
    with pytest.raises(MalformedError, match="name"):
        KEYS.sign_note(name, TEXT, hybrid=False)
    with pytest.raises(MalformedError, match="name"):
        VerifierKey(name, ED25519, KEYS.ed25519_public)


def test_verifier_keys_as_text() -> None:
    """A verifier key reads back from its text, for each of the three types."""
    keys = checkpoint_keys(NAME, KEYS.ed25519_public, KEYS.ml_dsa_44_public)
    for key in (*VERIFIERS, keys[1]):
        assert VerifierKey.parse(key.encode()) == key
        assert VerifierKey.parse(key.encode() + "\n") == key
        name, key_id, body = key.encode().split("+", 2)
        assert (name, bytes.fromhex(key_id)) == (NAME, key.key_id)
        assert base64.b64decode(body) == key.kind + key.public


def test_key_ids_tell_types_apart() -> None:
    """One key has another id for each type, name and key."""
    checkpoint = checkpoint_keys(NAME, KEYS.ed25519_public, KEYS.ml_dsa_44_public)
    keys = {*VERIFIERS, *checkpoint, *others(), *others("example.org/else")}
    assert len({key.key_id for key in keys}) == len(keys) == 7


@pytest.mark.parametrize(
    "change",
    [
        lambda _name, _key_id, _body: "",
        lambda name, key_id, _body: f"{name}+{key_id}",
        lambda name, _key_id, body: f"{name}+{body}",
        lambda name, key_id, body: f"{name}+{key_id.upper()}+{body}",
        lambda name, _key_id, body: f"{name}+00000000+{body}",
        lambda name, key_id, body: f"x{name}+{key_id}+{body}",
        lambda _name, key_id, body: f"+{key_id}+{body}",
        lambda name, key_id, body: f"{name}+{key_id}+{body[:-4]}",
        lambda name, key_id, body: f"{name}+{key_id}+{body}AAAA",
        lambda name, key_id, body: f"{name}+{key_id}+Ag{body[2:]}",  # type 0x02
        lambda name, key_id, body: f"{name}+{key_id}+{body}!",
    ],
)
def test_not_a_verifier_key(change: Callable[[str, str, str], str]) -> None:
    """A verifier key's text whose parts do not fit together is refused."""
    name, key_id, body = VERIFIERS[0].encode().split("+", 2)
    with pytest.raises(MalformedError):
        VerifierKey.parse(change(name, key_id, body))


@pytest.mark.parametrize("kind", [b"", b"\x00", b"\x02", b"\x05", b"\xff", b"\xffevault/2"])
def test_types_not_supported(kind: bytes) -> None:
    """A key of a type that is not one of the four is refused."""
    with pytest.raises(MalformedError, match="not supported"):
        VerifierKey(NAME, kind, KEYS.ed25519_public)


@pytest.mark.parametrize("kind", [ED25519, ML_DSA_44_CHECKPOINT, ML_DSA_44_NOTE])
def test_key_length(kind: bytes) -> None:
    """A key of another length than its type's is refused."""
    for size in (0, 31, 33, 1311, 1313):
        with pytest.raises(MalformedError, match="length"):
            VerifierKey(NAME, kind, bytes(size))


@pytest.mark.parametrize("public", WEAK_ED25519, ids=bytes.hex)
def test_weak_ed25519_keys(public: bytes) -> None:
    """An Ed25519 key of small order or not in canonical form is refused, in every encoding."""
    with pytest.raises(WeakKeyError):
        check_ed25519(public)
    with pytest.raises(WeakKeyError):
        VerifierKey(NAME, ED25519, public)


def test_there_are_eight_weak_points() -> None:
    """The weak points are eight, and one fixed signature verifies under each for many texts."""
    assert len({encode(point) for point in SMALL_ORDER}) == 8
    for point in SMALL_ORDER:
        assert any(forged(encode(point), b"%d" % number) for number in range(100))


@pytest.mark.parametrize("size", [0, 31, 33])
def test_ed25519_key_length(size: int) -> None:
    """An Ed25519 key of another length is malformed, not weak."""
    with pytest.raises(MalformedError):
        check_ed25519(bytes(size))


def test_good_ed25519_keys() -> None:
    """Every other Ed25519 key is accepted, also one with a y near the prime."""
    check_ed25519(KEYS.ed25519_public)
    check_ed25519((2**255 - 19 - 2).to_bytes(32, "little"))


def test_a_key_that_is_no_point() -> None:
    """Under a key that is no point of the curve no signature verifies, and nothing else happens."""
    key = VerifierKey(NAME, ED25519, (2).to_bytes(32, "little"))
    with pytest.raises(SignatureError):
        key.verify(TEXT, FORGED)


# --- checkpoints ----------------------------------------------------------------------------------


def test_checkpoint_text() -> None:
    """A checkpoint is origin, size and base64 of the root, a line each."""
    root = base64.b64encode(HEAD.root).decode()
    assert encode_checkpoint(HEAD) == f"example.org/log\n20852163\n{root}\n".encode()
    assert parse_checkpoint(encode_checkpoint(HEAD)) == HEAD
    assert parse_checkpoint(encode_checkpoint(HEAD._replace(size=0))).size == 0


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"\n20852163", b"\n020852163"),
        (b"\n20852163", b"\n+20852163"),
        (b"\n20852163", b"\n-20852163"),
        (b"\n20852163", b"\n 20852163"),
        (b"\n20852163", b"\n2_0852163"),
        (b"\n20852163", b"\n0x1"),
        (b"\n20852163", b"\n"),
        (b"\n20852163", "\n\N{ARABIC-INDIC DIGIT TWO}".encode()),
        (b"\n20852163", "\n\N{SUPERSCRIPT TWO}".encode()),  # a digit that is no number to int
        (b"\n20852163", b"\n" + b"9" * 20),
        (b"example.org/log", b""),
        (b"example.org/log", b"example\xff"),
        (b"example.org/log\n", b""),
        (b"Hh8=\n", b"Hh8=\nextension\n"),
        (b"Hh8=\n", b"Hh8=\n\n"),
        (b"Hh8=\n", b"Hh8="),
        (b"Hh8=", b"Hh9="),  # bits that base64 has to spare
        (b"Hh8=", b"Hh8"),
        (b"Hh8=", b"Hg=="),  # 31 bytes
        (b"Hh8=", b"Hh8f"),  # 33 bytes
    ],
)
def test_checkpoints_have_one_form(old: bytes, new: bytes) -> None:
    """A checkpoint in any other form than its one is malformed."""
    text = encode_checkpoint(HEAD)
    assert text.count(old) == 1
    with pytest.raises(MalformedError):
        parse_checkpoint(text.replace(old, new))


def test_cosigned_message_as_specified() -> None:
    """ML-DSA-44 signs C2SP's cosigned message: name, time, origin, range and root."""
    note = KEYS.sign_checkpoint("cosigner.example", HEAD, AT)
    value = split_note(note)[1][1].value
    message = b"".join(
        (
            b"subtree/v1\n\x00",
            b"\x10cosigner.example",
            AT.to_bytes(8, "big"),
            b"\x0fexample.org/log",
            bytes(8),
            (20852163).to_bytes(8, "big"),
            bytes(range(32)),
        )
    )
    assert value[:8] == AT.to_bytes(8, "big")
    public = mldsa.MLDSA44PublicKey.from_public_bytes(KEYS.ml_dsa_44_public)
    public.verify(value[8:], message)
    keys = checkpoint_keys("cosigner.example", KEYS.ed25519_public, KEYS.ml_dsa_44_public)
    assert verify_note(note, keys, exact=True) == encode_checkpoint(HEAD)


def test_cosigned_time_is_signed() -> None:
    """A checkpoint whose time was changed does not verify."""
    note = KEYS.sign_checkpoint(HEAD.origin, HEAD, AT)
    keys = checkpoint_keys(HEAD.origin, KEYS.ed25519_public, KEYS.ml_dsa_44_public)
    text, lines = split(note)
    for at in range(4, 12):
        with pytest.raises((SignatureError, MalformedError)):
            verify_note(text + lines[0] + damaged(lines[1], at), keys)
    assert int.from_bytes(split_note(KEYS.sign_checkpoint("x", HEAD))[1][1].value[:8]) > AT / 2


def test_only_checkpoints_are_cosigned() -> None:
    """A signature of a checkpoint's type over any other text is malformed."""
    key = checkpoint_keys(NAME, KEYS.ed25519_public, KEYS.ml_dsa_44_public)[1]
    with pytest.raises(MalformedError):
        key.verify(TEXT, bytes(2428))


def test_long_names() -> None:
    """A name or origin of more than 255 bytes, or a time from 2^63 on, is not signed."""
    for name, head, at in (
        ("n" * 256, HEAD, AT),
        ("n", HEAD._replace(origin="o" * 256), AT),
        ("n", HEAD, 1 << 63),
    ):
        with pytest.raises(MalformedError, match="255"):
            KEYS.sign_checkpoint(name, head, at)
    assert KEYS.sign_checkpoint("n" * 255, HEAD._replace(origin="o" * 255), AT)


# --- secrets --------------------------------------------------------------------------------------


def test_secrets_stay_inside() -> None:
    """Signing keys can be neither pickled nor copied, and show nothing of themselves."""
    for way in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="secret"):
            way(KEYS)
    for secret in (b"e" * 32, b"m" * 32):
        for shown in (repr(KEYS), str(KEYS), f"{KEYS}"):
            assert secret.decode() not in shown
            assert secret.hex() not in shown
    assert repr(KEYS) == "SigningKeys()"
