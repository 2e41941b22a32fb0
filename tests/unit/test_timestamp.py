"""Time-stamps are checked as RFC 3161 asks, against tokens of a real authority (`openssl ts`)."""

from __future__ import annotations

import datetime
import subprocess
from pathlib import Path

import pytest
import tsa_kit
from tsa_kit import DAY, holder, reply, root, token

from keys import der, timestamp
from keys.errors import Error, MalformedError, SignatureError, UntrustedError
from keys.timestamp import Roots

MESSAGE = b"evault/...\n3\nroot\n"
NOW = datetime.datetime.now(datetime.UTC).replace(microsecond=0)


@pytest.fixture(autouse=True)
def _openssl() -> None:
    tsa_kit.need_openssl()


def trust(*holders: tsa_kit.Holder) -> Roots:
    """To trust some roots."""
    return Roots.parse(b"".join(one.pem for one in holders))


def made(tmp_path: Path, signer: tsa_kit.Holder | None = None) -> bytes:
    """An honest token over the message."""
    request = timestamp.ask(MESSAGE)
    return timestamp.receive(reply(tmp_path / "tsa", request.der, signer), request)


def test_a_token_of_a_real_authority_verifies(tmp_path: Path) -> None:
    """What was asked for, answered by openssl, is verified: the time, the name, the root."""
    stamp = timestamp.verify(made(tmp_path), MESSAGE, trust(root()))
    assert abs(stamp.time - NOW.timestamp()) < 600
    assert stamp.within == 1
    assert stamp.authority == "An authority"
    assert len(stamp.root) == 64


def test_openssl_verifies_what_is_kept(tmp_path: Path) -> None:
    """The token is the standard's: another program checks it too."""
    (tmp_path / "token").write_bytes(made(tmp_path))
    (tmp_path / "message").write_bytes(MESSAGE)
    (tmp_path / "root.pem").write_bytes(root().pem)
    done = subprocess.run(
        [
            "openssl",
            "ts",
            "-verify",
            "-data",
            "message",
            "-in",
            "token",
            "-token_in",
            "-CAfile",
            "root.pem",
        ],
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_each_query_has_its_own_nonce_and_only_a_hash(tmp_path: Path) -> None:
    """What leaves is a SHA-512 and a random number, never the bytes."""
    one, other = timestamp.ask(MESSAGE), timestamp.ask(MESSAGE)
    assert one.nonce != other.nonce
    assert one.digest in one.der
    assert MESSAGE not in one.der
    assert timestamp.parse_request(one.der) == one


def test_an_answer_to_another_query_is_refused(tmp_path: Path) -> None:
    """Another nonce, or other bytes: not the answer to what was asked."""
    mine, again = timestamp.ask(MESSAGE), timestamp.ask(MESSAGE)
    answer = reply(tmp_path, again.der)
    with pytest.raises(SignatureError, match="nonce"):
        timestamp.receive(answer, mine)
    crossed = timestamp.Request(mine.der, again.nonce, timestamp.ask(b"other").digest)
    with pytest.raises(SignatureError, match="other bytes"):
        timestamp.receive(answer, crossed)


def test_a_refusal_is_told(tmp_path: Path) -> None:
    """An authority that says no is quoted, with nothing that could trick a terminal."""
    failed = der.encode(
        der.SEQUENCE,
        der.encode(
            der.SEQUENCE,
            der.encode(der.INTEGER, b"\x02"),
            der.encode(der.SEQUENCE, der.encode(0x0C, b"no \x1b[2J credit")),
        ),
    )
    with pytest.raises(UntrustedError, match=r"no \\x1b\[2J credit"):
        timestamp.receive(failed, timestamp.ask(MESSAGE))


def test_other_bytes_are_refused_even_without_a_root(tmp_path: Path) -> None:
    """A token over something else is proved bad, whoever made it."""
    found = made(tmp_path)
    for roots in (trust(root()), Roots()):
        with pytest.raises(SignatureError, match="over other bytes"):
            timestamp.verify(found, MESSAGE + b"x", roots)


def test_without_its_root_nothing_is_proved_either_way(tmp_path: Path) -> None:
    """No root at hand, another's, or a false one of the same name: not checked, and not bad."""
    found = made(tmp_path)
    twin = holder("A root", ca=True)
    for roots in (Roots(), trust(holder("Other", ca=True)), trust(twin)):
        with pytest.raises(UntrustedError, match="cannot be checked"):
            timestamp.verify(found, MESSAGE, roots)
    # With all of them the right one is found.
    timestamp.verify(found, MESSAGE, trust(twin, root()))


def test_what_is_wrong_at_its_time_is_wrong(tmp_path: Path) -> None:
    """A certificate that was expired, or not valid yet, when the token was made is no good."""
    for number, (since, until) in enumerate([(-10, -1), (1, 10)]):
        signer = holder("Late", root(), since=since, until=until)
        found = made(tmp_path / str(number), signer)
        with pytest.raises(SignatureError, match="'Late' was not valid"):
            timestamp.verify(found, MESSAGE, trust(root()))


def test_what_has_expired_since_is_still_good(tmp_path: Path) -> None:
    """The chain is judged at the token's own time, its issuers and the root too."""
    old_root = holder("Old root", ca=True, since=-900, until=-10)
    old = holder("Old", holder("Between", old_root, ca=True, since=-800, until=-20), until=-30)
    at = NOW - 100 * DAY
    stamp = timestamp.verify(token(tmp_path, MESSAGE, old, at=at), MESSAGE, trust(old_root))
    assert stamp.time == at.timestamp()
    late = token(tmp_path, MESSAGE, old, at=NOW - 25 * DAY)
    with pytest.raises(SignatureError, match="not valid"):
        timestamp.verify(late, MESSAGE, trust(old_root))
    expired_between = holder("Between", old_root, ca=True, since=-800, until=-700)
    gone = token(tmp_path, MESSAGE, holder("New", expired_between), at=at)
    with pytest.raises(SignatureError, match="'Between' was not valid"):
        timestamp.verify(gone, MESSAGE, trust(old_root))


@pytest.mark.parametrize(
    "wrong",
    [
        {"usage": None},
        {"usage": (tsa_kit.Use.SERVER_AUTH,)},
        {"usage": (tsa_kit.Use.TIME_STAMPING, tsa_kit.Use.SERVER_AUTH)},
        {"usage": (tsa_kit.Use.SERVER_AUTH, tsa_kit.Use.TIME_STAMPING)},
        {"critical": False},
        {"may_sign": False},
    ],
    ids=["none", "server", "both", "both-turned", "not-critical", "no-signing"],
)
def test_who_is_no_authority_cannot_stamp(tmp_path: Path, wrong: dict[str, object]) -> None:
    """A certificate of the same issuer that is not for time-stamping alone proves nothing."""
    signer = holder("Web", root(), **wrong)  # type: ignore[arg-type]
    found = token(tmp_path, MESSAGE, signer)
    with pytest.raises(SignatureError, match=r"for other things|must not sign"):
        timestamp.verify(found, MESSAGE, trust(root()))


def test_a_key_usage_that_allows_it_is_fine(tmp_path: Path) -> None:
    """The control: the same with a key that may sign."""
    found = token(tmp_path, MESSAGE, holder("Fine", root(), may_sign=True))
    timestamp.verify(found, MESSAGE, trust(root()))


def test_a_second_certificate_of_the_same_number_does_not_stand_in(tmp_path: Path) -> None:
    """A false certificate with the right usage cannot lend it to the one that signed."""
    web = holder("Web", root(), usage=(tsa_kit.Use.SERVER_AUTH,))
    liar = holder("A root", ca=True)
    false = holder("Web", liar, serial=web.certificate.serial_number)
    found = token(tmp_path, MESSAGE, web, beside=[false.certificate])
    with pytest.raises(SignatureError, match="exactly one certificate"):
        timestamp.verify(found, MESSAGE, trust(root()))


def test_the_certificate_that_signed_is_the_one_that_is_named(tmp_path: Path) -> None:
    """Another certificate of the same key, issuer and number is not the one that is signed for;
    nor does a token count that names none."""
    signer = holder("One", root())
    other = holder("Two", root(), serial=signer.certificate.serial_number, key=signer.key)
    found = token(tmp_path, MESSAGE, signer)
    swapped = _with_certificates(found, other.certificate)
    with pytest.raises(SignatureError, match="another certificate"):
        timestamp.verify(swapped, MESSAGE, trust(root()))
    unnamed = token(tmp_path, MESSAGE, signer, ess=False)
    with pytest.raises(SignatureError, match="does not name"):
        timestamp.verify(unnamed, MESSAGE, trust(root()))


def _with_certificates(found: bytes, *certificates: object) -> bytes:
    """A token with other certificates, which no signature covers."""
    kind, content = der.one(found).inside()
    parts = [
        der.encode(part.tag, *(one.public_bytes(tsa_kit.form.Encoding.DER) for one in certificates))  # type: ignore[attr-defined]
        if part.tag == 0xA0
        else part.raw
        for part in content.inside()[0].inside()
    ]
    return der.encode(der.SEQUENCE, kind.raw, der.encode(0xA0, der.encode(der.SEQUENCE, *parts)))


def test_certificates_may_come_in_any_order(tmp_path: Path) -> None:
    """Authorities send a chain as they like: both orders verify, and so does one without it if the
    reader has what is missing."""
    between = holder("Between", root(), ca=True)
    signer = holder("Below", between)
    found = made(tmp_path, signer)
    both = [signer.certificate, between.certificate]
    for order in (both, both[::-1]):
        timestamp.verify(_with_certificates(found, *order), MESSAGE, trust(root()))
    alone = _with_certificates(found, signer.certificate)
    with pytest.raises(UntrustedError):
        timestamp.verify(alone, MESSAGE, trust(root()))
    timestamp.verify(alone, MESSAGE, trust(between, root()))


def test_only_an_issuer_issues(tmp_path: Path) -> None:
    """A certificate that may not issue others leads to no root."""
    not_one = holder("Not an issuer", root(), usage=None)
    found = token(tmp_path, MESSAGE, holder("Below", not_one))
    with pytest.raises(SignatureError, match="chain"):
        timestamp.verify(found, MESSAGE, trust(root()))


def test_digests_of_no_worth_are_refused(tmp_path: Path) -> None:
    """SHA-1, under the signature or over the message, proves nothing."""
    request = timestamp.ask(MESSAGE)
    with pytest.raises(SignatureError, match="digest"):
        timestamp.receive(reply(tmp_path, request.der, digest="sha1"), request)
    with pytest.raises(SignatureError, match="digest"):
        timestamp.verify(token(tmp_path, MESSAGE, imprint="sha1"), MESSAGE, trust(root()))


def test_certificates_over_sha1_lead_nowhere(tmp_path: Path) -> None:
    """An issuer's signature over SHA-1 is none: others could have made the certificate."""
    signer = holder("Weak", root())
    for name, data in (("root", root()), ("leaf", signer)):
        (tmp_path / f"{name}.pem").write_bytes(data.pem)
        (tmp_path / f"{name}.key").write_bytes(data.key_pem)
    (tmp_path / "usage").write_text("extendedKeyUsage = critical, timeStamping\n")
    request = "req -new -key leaf.key -subj /CN=Weak -out leaf.csr"
    by = "-CA root.pem -CAkey root.key -set_serial 5 -sha1 -days 9 -extfile usage"
    for words in (request, f"x509 -req -in leaf.csr {by} -out leaf.pem"):
        subprocess.run(["openssl", *words.split()], cwd=tmp_path, capture_output=True, check=True)
    certificate = tsa_kit.x509.load_pem_x509_certificate((tmp_path / "leaf.pem").read_bytes())
    weak = tsa_kit.Holder(certificate, signer.key)
    with pytest.raises(UntrustedError):
        timestamp.verify(token(tmp_path / "tsa", MESSAGE, weak), MESSAGE, trust(root()))


def test_a_signed_message_of_another_kind_is_no_token(tmp_path: Path) -> None:
    """What an authority's key signed as something else is not taken for a time-stamp."""
    other = token(tmp_path, MESSAGE, content="1.2.840.113549.1.7.1")
    with pytest.raises(MalformedError):
        timestamp.verify(other, MESSAGE, trust(root()))


def test_no_changed_byte_changes_what_is_said(tmp_path: Path) -> None:
    """Each byte of a token altered: it is refused, or says the same of the same bytes."""
    found = made(tmp_path)
    said = timestamp.verify(found, MESSAGE, trust(root()))
    refused = 0
    for at, bit in ((at, bit) for at in range(len(found)) for bit in (1, 128)):
        changed = bytearray(found)
        changed[at] ^= bit
        try:
            assert timestamp.verify(bytes(changed), MESSAGE, trust(root())) == said
        except Error:
            refused += 1
    assert refused > 2 * len(found) * 0.95


@pytest.mark.parametrize("cut", [0, 1, 30, 200, -1])
def test_what_is_no_token_is_malformed(tmp_path: Path, cut: int) -> None:
    """Nothing but the project's own errors comes of bytes that are no token."""
    found = made(tmp_path)
    with pytest.raises(MalformedError):
        timestamp.verify(found[:cut], MESSAGE, trust(root()))
    with pytest.raises(MalformedError):
        timestamp.receive(found[:cut], timestamp.ask(MESSAGE))


def test_what_is_too_long_is_not_looked_at(tmp_path: Path) -> None:
    """An authority can send as much as it likes: no more than 64 KiB are parsed."""
    found = made(tmp_path) + bytes(70_000)
    with pytest.raises(MalformedError, match="too long"):
        timestamp.verify(found, MESSAGE, trust(root()))
    with pytest.raises(MalformedError, match="too long"):
        timestamp.receive(found, timestamp.ask(MESSAGE))


def test_roots_are_roots(tmp_path: Path) -> None:
    """What is given to be trusted holds a self-signed certificate, or is refused."""
    for pem in (b"", b"hello", holder("Leaf", root()).pem):
        with pytest.raises(MalformedError):
            Roots.parse(pem)
    roots = trust(root(), holder("Between", root(), ca=True))
    assert (len(roots.trusted), len(roots.between)) == (1, 1)
    assert Roots.parse(roots.encode()) == roots
    assert roots.with_more(roots) == roots
