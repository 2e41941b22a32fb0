"""A time-stamp token taken apart: what it says, and the certificate that signed it.

A token is a CMS signed message (RFC 5652) whose content is a TSTInfo (RFC 3161, section 2.4.2).
Nothing is verified here but that its parts belong together: see `keys.timestamp`.
"""

from __future__ import annotations

import hashlib
import hmac
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from keys import der
from keys.errors import MalformedError, SignatureError

if TYPE_CHECKING:
    from cryptography.x509 import Certificate
    from rfc3161_client import TimeStampResponse

MAX_TOKEN = 1 << 16
"""How many bytes a token may have, its certificates included."""

_SIGNED_DATA = bytes.fromhex("2a864886f70d010702")
_ESS_CERT = bytes.fromhex("2a864886f70d010910020c")
_ESS_CERT_V2 = bytes.fromhex("2a864886f70d010910022f")
_SHA2 = {
    bytes.fromhex("608648016503040201"): "sha256",
    bytes.fromhex("608648016503040202"): "sha384",
    bytes.fromhex("608648016503040203"): "sha512",
}
_CERTIFICATES = 0xA0
_SIGNED_ATTRIBUTES = 0xA0


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a verified token says.

    Args:
        time: When the authority signed, in seconds since the epoch.
        within: By how many seconds that may be off, as the authority says; 1 if it does not.
        authority: The name in the certificate that signed, any text.
        root: SHA-256 of the trusted root certificate, in hex.
    """

    time: int
    within: int
    authority: str
    root: str


@contextmanager
def parsing() -> Iterator[None]:
    """Turn what the libraries raise at bytes that make no sense into the project's own word."""
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        with warnings.catch_warnings():
            # Serial numbers that are not positive are loaded under protest.
            warnings.simplefilter("ignore")
            yield
    except (
        ValueError,
        TypeError,
        KeyError,
        OverflowError,
        UnsupportedAlgorithm,
        x509.DuplicateExtension,
        x509.InvalidVersion,
        x509.UnsupportedGeneralNameType,
    ):
        raise MalformedError("a time-stamp cannot be parsed") from None


@dataclass(slots=True)
class Token:
    """A token, taken apart.

    Args:
        raw: Its bytes, with the certificates in DER's order.

    Raises:
        MalformedError: It is no token.
        SignatureError: It uses a digest that proves nothing.
    """

    raw: bytes
    algorithm: str = ""
    imprint: bytes = b""
    certificates: list[Certificate] = field(default_factory=list)
    response: TimeStampResponse = field(init=False)
    info: Any = field(init=False)
    _attributes: dict[bytes, der.Value] = field(default_factory=dict)

    def __post_init__(self) -> None:
        from cryptography import x509
        from rfc3161_client import decode_timestamp_response

        if len(self.raw) > MAX_TOKEN:
            raise MalformedError("a time-stamp is too long")
        kind, content = sequence(der.one(self.raw), 2)
        if kind.content != _SIGNED_DATA:
            raise MalformedError("a time-stamp is not a signed message")
        data = _only(content)
        self.raw = _sorted(kind, data)
        parts = sequence(data)
        if len(parts) < 4:
            raise MalformedError("a signed message is not a time-stamp")
        signers = parts[-1].inside()
        if len(signers) != 1:
            raise MalformedError("a time-stamp has not exactly one signer")
        digests = [sequence(one)[0].content for one in parts[1].inside()]
        self._take_signer(sequence(signers[0]), digests)
        granted = der.encode(der.SEQUENCE, der.encode(der.INTEGER, b"\x00"))
        self.response = decode_timestamp_response(der.encode(der.SEQUENCE, granted, self.raw))
        self.info = self.response.tst_info
        oid = self.info.message_imprint.hash_algorithm.dotted_string
        self.imprint = bytes(self.info.message_imprint.message)
        self.certificates = [
            x509.load_der_x509_certificate(one) for one in self.response.signed_data.certificates
        ]
        self.algorithm = {
            "2.16.840.1.101.3.4.2.1": "sha256",
            "2.16.840.1.101.3.4.2.2": "sha384",
            "2.16.840.1.101.3.4.2.3": "sha512",
        }.get(oid, "")
        if not self.algorithm:
            raise SignatureError("a time-stamp is over a digest that proves nothing")

    def _take_signer(self, parts: Sequence[der.Value], digests: Sequence[bytes]) -> None:
        # version, issuer and serial number, digest, attributes, signature algorithm, signature
        if len(parts) < 6 or parts[3].tag != _SIGNED_ATTRIBUTES:
            raise MalformedError("a time-stamp has no signed attributes")
        used = sequence(parts[2])[0].content
        if not _SHA2.keys() >= {used, *digests}:
            raise SignatureError("a time-stamp is signed over a digest that proves nothing")
        for attribute in parts[3].inside():
            kind, values = sequence(attribute, 2)
            if kind.content in self._attributes:
                raise MalformedError("a time-stamp has an attribute twice")
            self._attributes[kind.content] = values

    @property
    def time(self) -> datetime:
        """When the authority signed."""
        made: datetime = self.info.gen_time
        return made

    def stamp(self, authority: str, root: bytes) -> Stamp:
        """What it says."""
        exact = self.info.accuracy
        within = 1
        if exact is not None:
            parts = exact.millis or 0, exact.micros or 0
            within = (exact.seconds or 0) + (1 if any(parts) else 0)
        return Stamp(
            int(self.time.timestamp()),
            within,
            authority,
            hashlib.sha256(root).hexdigest() if root else "",
        )

    def signer(self) -> Certificate:
        """The certificate that signed: the one of that issuer and number, whose hash is signed."""
        from cryptography.hazmat.primitives.serialization import Encoding

        (info,) = self.response.signed_data.signer_infos
        found = [
            one
            for one in self.certificates
            if one.issuer == info.issuer and one.serial_number == info.serial_number
        ]
        if len(found) != 1:
            raise SignatureError("a time-stamp does not hold exactly one certificate of its signer")
        name, wanted = self._named()
        if not hmac.compare_digest(
            hashlib.new(name, found[0].public_bytes(Encoding.DER)).digest(), wanted
        ):
            raise SignatureError("a time-stamp was signed under another certificate than it holds")
        return found[0]

    def _named(self) -> tuple[str, bytes]:
        """The signed hash of the signer's certificate, and which hash it is."""
        for kind, default in ((_ESS_CERT_V2, "sha256"), (_ESS_CERT, "sha1")):
            if kind not in self._attributes:
                continue
            # SigningCertificate ::= { certs { ESSCertID ::= { hashAlgorithm?, certHash, ... } } }
            signing = _only(self._attributes[kind])
            first, *more = sequence(sequence(sequence(signing)[0])[0])
            if first.tag == der.SEQUENCE and kind == _ESS_CERT_V2 and more:
                name = _SHA2.get(sequence(first)[0].content)
                if name is None:
                    raise SignatureError("a time-stamp names its certificate by a hash of no worth")
                return name, more[0].content
            return default, first.content
        raise SignatureError("a time-stamp does not name the certificate that signed it")


def _sorted(kind: der.Value, data: der.Value) -> bytes:
    """A token with its certificates in DER's order: a set, which no signature covers."""
    parts = [
        der.encode(part.tag, *sorted(one.raw for one in part.inside()))
        if part.tag == _CERTIFICATES
        else part.raw
        for part in data.inside()
    ]
    return der.encode(der.SEQUENCE, kind.raw, der.encode(0xA0, der.encode(der.SEQUENCE, *parts)))


def _only(value: der.Value) -> der.Value:
    found = value.inside()
    if len(found) != 1:
        raise MalformedError("a time-stamp is not of its form")
    return found[0]


def sequence(value: der.Value, count: int | None = None) -> list[der.Value]:
    """The parts of a SEQUENCE: at least one, or exactly so many.

    Raises:
        MalformedError: It is none.
    """
    found = value.inside() if value.tag == der.SEQUENCE else []
    if not found or (count is not None and len(found) != count):
        raise MalformedError("a time-stamp is not of its form")
    return found
