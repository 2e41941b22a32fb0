"""Time-stamps by an outside authority (RFC 3161): proof that bytes existed at a time.

The authority sees a hash and signs it with its own clock; what comes back, the *token*, is checked
against the bytes, and against a root certificate that the reader trusts, at the token's own time: a
certificate that has expired since does not matter.

    request = ask(message)              # request.der goes to the authority
    token = receive(reply, request)     # its answer to exactly this
    stamp = verify(token, message, roots)

What a verifier does, in order:

 1. the token is DER of one signed CMS message over a TSTInfo, with one signer
 2. its imprint is the SHA-256, SHA-384 or SHA-512 of the message
 3. exactly one certificate in it is the signer's by issuer and serial number, and its hash stands
    among the signed attributes (ESSCertID or ESSCertIDv2)
 4. that certificate is for time-stamping and nothing else, critically, and may sign
 5. what is signed was hashed with SHA-2; an old-style ESSCertID may be of SHA-1
 6. certificates lead from it to a root that the reader trusts, each signed by the next and not
    over SHA-1 or MD5; else nothing is proved either way
 7. the signature, and the chain with its validity at the token's time

`rfc3161_client` does step 7 (with OpenSSL) and parts of 1, 2 and 4. It picks the certificate whose
usage it looks at by issuer and serial number, but from a set, so that a second one of the same
numbers could stand in for the one that signed; it takes SHA-1, does not look at ESSCertID nor for
further usages, and refuses certificates that are not in DER's order, in which many authorities do
not send them. So steps 3 to 5 are here, and certificates, which nothing signs, are sorted first.
It is not asked whether a certificate was revoked: that would tell somebody what is being checked.

Sources: RFC 3161; RFC 5816 (ESSCertIDv2); RFC 5652 (CMS).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from keys import der
from keys.errors import MalformedError, SignatureError, UntrustedError
from keys.tstoken import MAX_TOKEN, Stamp, Token, parsing, sequence

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

_DEPTH = 8
"""How many certificates may lie between an authority's and its root."""
_GRANTED = (0, 1)


@dataclass(frozen=True, slots=True)
class Request:
    """What goes to an authority.

    Args:
        der: The query, with a nonce, asking for the certificate.
        nonce: What the answer must repeat.
        digest: The SHA-512 that the authority gets to see.
    """

    der: bytes
    nonce: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class Roots:
    """Certificates that a reader trusts, and others that help to get to them.

    Args:
        trusted: Self-signed ones, DER.
        between: Others, DER.
    """

    trusted: tuple[bytes, ...] = ()
    between: tuple[bytes, ...] = ()

    @classmethod
    def parse(cls, pem: bytes) -> Roots:
        """Parse PEM certificates; at least one is self-signed.

        Raises:
            MalformedError: They are not such certificates.
        """
        from cryptography import x509

        try:
            found = x509.load_pem_x509_certificates(pem)
        except ValueError:
            raise MalformedError(
                "not certificates in PEM", "ask the authority for its root certificate"
            ) from None
        trusted = tuple(_der(one) for one in found if _issued(one, one))
        if not trusted:
            raise MalformedError(
                "none of the certificates is a root: they are signed by another",
                "ask the authority for its root certificate",
            )
        return cls(trusted, tuple(raw for raw in map(_der, found) if raw not in trusted))

    def encode(self) -> bytes:
        """The certificates as PEM."""
        from cryptography import x509
        from cryptography.hazmat.primitives.serialization import Encoding

        return b"".join(
            x509.load_der_x509_certificate(raw).public_bytes(Encoding.PEM)
            for raw in self.trusted + self.between
        )

    def with_more(self, other: Roots) -> Roots:
        """These and others, each once."""
        trusted = dict.fromkeys(self.trusted + other.trusted)
        return Roots(tuple(trusted), tuple(dict.fromkeys(self.between + other.between)))


def ask(message: bytes) -> Request:
    """Make a query for a time-stamp over the SHA-512 of some bytes, with a fresh nonce."""
    from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

    builder = TimestampRequestBuilder().data(message).hash_algorithm(HashAlgorithm.SHA512)
    made = builder.nonce(nonce=True).cert_request(cert_request=True).build()
    return Request(made.as_bytes(), made.nonce or 0, hashlib.sha512(message).digest())


def parse_request(raw: bytes) -> Request:
    """Parse a query that `ask` made.

    Raises:
        MalformedError: It is none.
    """
    from rfc3161_client import _rust

    try:
        made = _rust.parse_timestamp_request(raw)
        nonce, digest = made.nonce, bytes(made.message_imprint.message)
    except ValueError:
        raise MalformedError("not a query for a time-stamp") from None
    if nonce is None or len(digest) != 64:
        raise MalformedError("a query for a time-stamp is not of the form that is made here")
    return Request(raw, nonce, digest)


def receive(reply: bytes, request: Request) -> bytes:
    """Take the token out of an authority's answer to a query; it is not verified yet.

    Args:
        reply: DER, at most `MAX_TOKEN` bytes.
        request: What was asked.

    Raises:
        MalformedError: It is no answer.
        UntrustedError: The authority refused, for the reason that it gives.
        SignatureError: It answers something else: another nonce, or over other bytes.
    """
    if len(reply) > MAX_TOKEN:
        raise MalformedError("the answer of a time-stamping authority is too long")
    status, *rest = sequence(der.one(reply))
    code = sequence(status)[0]
    if code.tag != der.INTEGER or int.from_bytes(code.content, "big") not in _GRANTED or not rest:
        raise UntrustedError(
            "the time-stamping authority refused to answer: " + _told(status),
            "try again, or ask another authority",
        )
    with parsing():
        parsed = Token(rest[0].raw)
    if parsed.info.nonce != request.nonce:
        raise SignatureError("a time-stamp answers another query: its nonce is another")
    if not hmac.compare_digest(parsed.imprint, request.digest):
        raise SignatureError("a time-stamp answers another query: it is over other bytes")
    return parsed.raw


def verify(token: bytes, message: bytes, roots: Roots) -> Stamp:
    """Verify a token over some bytes. See the steps above.

    Args:
        token: DER.
        message: The bytes that were hashed.
        roots: Whom the reader trusts.

    Raises:
        MalformedError: It is no token.
        SignatureError: It is proved bad.
        UntrustedError: It cannot be checked, for no root is at hand to which it leads.
    """
    with parsing():
        parsed = Token(token)
        digest = hashlib.new(parsed.algorithm, message).digest()
        if not hmac.compare_digest(parsed.imprint, digest):
            raise SignatureError("a time-stamp is over other bytes")
        signer = parsed.signer()
        _check_usage(signer)
        return _check_chain(parsed, signer, roots)


def peek(token: bytes) -> Stamp:
    """What a token claims, of which nothing is verified.

    Raises:
        MalformedError: It is no token.
    """
    with parsing():
        return Token(token).stamp("", b"")


def _check_usage(signer: Certificate) -> None:
    """For time-stamping alone, and critically so (RFC 3161, section 2.3)."""
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID

    try:
        usage = signer.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
        allowed = list(usage.value) == [ExtendedKeyUsageOID.TIME_STAMPING] and usage.critical
    except x509.ExtensionNotFound:
        allowed = False
    if not allowed:
        raise SignatureError("a time-stamp is signed under a certificate that is for other things")
    try:
        said = signer.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return
    if not (said.digital_signature or said.content_commitment):
        raise SignatureError("a time-stamp is signed under a certificate that must not sign")


def _check_chain(token: Token, signer: Certificate, roots: Roots) -> Stamp:
    from cryptography import x509
    from rfc3161_client import VerificationError as RefusedError
    from rfc3161_client import VerifierBuilder

    name = _name(signer)
    trusted = [x509.load_der_x509_certificate(raw) for raw in roots.trusted]
    between = [x509.load_der_x509_certificate(raw) for raw in roots.between]
    path = _path(signer, trusted, [*token.certificates, *between])
    if path is None:
        why = "no root certificate is at hand" if not trusted else "none of your roots leads to it"
        raise UntrustedError(
            f"a time-stamp by {name!r} cannot be checked: {why}",
            "get the authority's root certificate from its own place, and give it with --ca FILE",
        )
    for one in path:
        if not one.not_valid_before_utc <= token.time <= one.not_valid_after_utc:
            raise SignatureError(
                f"a time-stamp was made when the certificate of {_name(one)!r} was not valid"
            )
    checker = VerifierBuilder(roots=[path[-1]], intermediates=between).build()
    try:
        checker.verify(token.response, token.imprint)
    except (RefusedError, ValueError):
        _bad(name)
    return token.stamp(name, _der(path[-1]))


def _bad(name: str) -> NoReturn:
    raise SignatureError(f"the signature or the chain of a time-stamp by {name!r} does not verify")


def _path(
    leaf: Certificate, trusted: Sequence[Certificate], others: Sequence[Certificate], depth: int = 0
) -> list[Certificate] | None:
    """Certificates from one to a trusted root, each signed by the next; None if there are none."""
    for root in trusted:
        if _issued(root, leaf):
            return [leaf, root]
    if depth == _DEPTH:
        return None
    for other in others:
        if other != leaf and not _issued(other, other) and _issued(other, leaf):
            rest = _path(other, trusted, [one for one in others if one != leaf], depth + 1)
            if rest is not None:
                return [leaf, *rest]
    return None


def _issued(issuer: Certificate, certificate: Certificate) -> bool:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _name(certificate: Certificate) -> str:
    """What a certificate calls its owner: the common name, else all of the name."""
    from cryptography.x509.oid import NameOID

    found = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else certificate.subject.rfc4514_string()


def _der(certificate: Certificate) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.DER)


def _told(status: der.Value) -> str:
    """What an authority says of its refusal."""
    texts = [
        text.content.decode("utf-8", "replace")
        for part in sequence(status)[1:]
        if part.tag == der.SEQUENCE
        for text in part.inside()
    ]
    return repr("; ".join(texts)[:200]) if texts else "it gives no reason"
