"""Time-stamping authorities of one's own: certificates, `openssl ts`, and tokens made to lie.

`openssl` signs as a real authority would. What it refuses to sign, because it is wrong, is signed
with `openssl cms` over a TSTInfo that is made here.
"""

from __future__ import annotations

import datetime
import hashlib
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID as Use
from cryptography.x509.oid import NameOID

from keys import der

DAY = datetime.timedelta(days=1)
STAMPING = (Use.TIME_STAMPING,)
_CONFIG = """
[tsa]
default_tsa = it
[it]
serial = {folder}/serial
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
accuracy = secs:1
ess_cert_id_alg = sha256
signer_digest = {digest}
"""


def need_openssl() -> None:
    """Every machine that checks the project has openssl; elsewhere the tests say that it lacks.

    Under EVAULT_CI a missing one fails the test.
    """
    if shutil.which("openssl") is None:
        assert not os.environ.get("EVAULT_CI"), "openssl is missing"
        pytest.skip("openssl is missing: time-stamps were not tested")


@dataclass(frozen=True)
class Holder:
    """A certificate, its key, and what leads from it to a root."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    chain: tuple[x509.Certificate, ...] = ()

    @property
    def pem(self) -> bytes:
        """The certificate."""
        return self.certificate.public_bytes(form.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        """Its private key."""
        return self.key.private_bytes(
            form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption()
        )


def holder(
    name: str,
    by: Holder | None = None,
    *,
    ca: bool = False,
    since: float = -365,
    until: float = 365,
    usage: Sequence[x509.ObjectIdentifier] | None = STAMPING,
    critical: bool = True,
    may_sign: bool | None = None,
    serial: int | None = None,
    key: ec.EllipticCurvePrivateKey | None = None,
) -> Holder:
    """Issue a certificate.

    Args:
        name: Whose.
        by: Who issues it; itself unless given.
        ca: Whether it may issue others.
        since: From when it is valid, in days from now.
        until: Until when.
        usage: What it is for, unless it may issue others.
        critical: Whether whoever does not know that must refuse it.
        may_sign: What its key usage says, if it has one.
        serial: Its number.
        key: Its key.
    """
    now = datetime.datetime.now(datetime.UTC)
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.certificate.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(now + since * DAY)
        .not_valid_after(now + until * DAY)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if usage and not ca:
        made = made.add_extension(x509.ExtendedKeyUsage(usage), critical=critical)
    if may_sign is not None:
        others = dict.fromkeys(
            (
                "content_commitment",
                "data_encipherment",
                "key_agreement",
                "key_cert_sign",
                "crl_sign",
                "encipher_only",
                "decipher_only",
            ),
            False,
        )
        said = x509.KeyUsage(digital_signature=may_sign, key_encipherment=not may_sign, **others)
        made = made.add_extension(said, critical=True)
    certificate = made.sign(by.key if by else key, hashes.SHA256())
    above = (by.certificate, *by.chain) if by else ()
    return Holder(certificate, key, above)


@cache
def root(name: str = "A root") -> Holder:
    """The same root for all tests."""
    return holder(name, ca=True, since=-4000, until=4000)


@cache
def authority() -> Holder:
    """An honest authority under it."""
    return holder("An authority", root())


def _openssl(folder: Path, *words: object) -> None:
    done = subprocess.run(
        ["openssl", *map(str, words)], cwd=folder, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()


def reply(
    folder: Path, query: bytes, signer: Holder | None = None, digest: str = "sha256"
) -> bytes:
    """The answer of `openssl ts` to a query, signed by an authority, with its chain."""
    need_openssl()
    signer = signer or authority()
    folder.mkdir(exist_ok=True, parents=True)
    (folder / "query").write_bytes(query)
    (folder / "signer.pem").write_bytes(signer.pem)
    (folder / "key.pem").write_bytes(signer.key_pem)
    (folder / "config").write_text(_CONFIG.format(folder=folder, digest=digest))
    if not (folder / "serial").exists():
        (folder / "serial").write_text("01\n")
    chain = [one for one in signer.chain if one.issuer != one.subject]
    (folder / "chain.pem").write_bytes(
        b"".join(one.public_bytes(form.Encoding.PEM) for one in chain)
    )
    more = ["-chain", "chain.pem"] if chain else []
    _openssl(
        folder,
        *("ts", "-reply", "-config", "config", "-queryfile", "query", "-out", "reply"),
        *("-signer", "signer.pem", "-inkey", "key.pem", *more),
    )
    return (folder / "reply").read_bytes()


def token(
    folder: Path,
    message: bytes,
    signer: Holder | None = None,
    *,
    at: datetime.datetime | None = None,
    beside: Sequence[x509.Certificate] = (),
    ess: bool = True,
    imprint: str = "sha512",
    content: str = "1.2.840.113549.1.9.16.1.4",
) -> bytes:
    """A token over any time by anybody, signed with `openssl cms`.

    Args:
        folder: For its files.
        message: What is stamped.
        signer: Who signs.
        at: Which time it says.
        beside: Further certificates in it.
        ess: Whether it names the certificate that signed.
        imprint: The digest of the message.
        content: What the signed content is said to be.
    """
    need_openssl()
    signer = signer or authority()
    folder.mkdir(exist_ok=True, parents=True)
    at = at or datetime.datetime.now(datetime.UTC)
    (folder / "info").write_bytes(tst_info(message, at, imprint))
    (folder / "signer.pem").write_bytes(signer.pem)
    (folder / "key.pem").write_bytes(signer.key_pem)
    more = [*(one for one in signer.chain if one.issuer != one.subject), *beside]
    (folder / "more.pem").write_bytes(b"".join(one.public_bytes(form.Encoding.PEM) for one in more))
    _openssl(
        folder,
        *("cms", "-sign", "-binary", "-nodetach", "-nosmimecap", "-in", "info"),
        *("-outform", "DER", "-out", "token", "-md", "sha256", "-econtent_type", content),
        *("-signer", "signer.pem", "-inkey", "key.pem"),
        *(["-certfile", "more.pem"] if more else []),
        *(["-cades"] if ess else []),
    )
    return (folder / "token").read_bytes()


_OIDS = {
    "sha1": "06052b0e03021a",
    "sha256": "0609608648016503040201",
    "sha512": "0609608648016503040203",
}


def tst_info(message: bytes, at: datetime.datetime, imprint: str = "sha512") -> bytes:
    """The content of a token (RFC 3161, section 2.4.2), without a nonce."""
    digest = hashlib.new(imprint, message).digest()
    algorithm = der.encode(der.SEQUENCE, bytes.fromhex(_OIDS[imprint]), b"\x05\x00")
    return der.encode(
        der.SEQUENCE,
        der.encode(der.INTEGER, b"\x01"),
        bytes.fromhex("06042a030401"),
        der.encode(der.SEQUENCE, algorithm, der.encode(der.OCTETS, digest)),
        der.encode(der.INTEGER, b"\x07"),
        der.encode(0x18, at.strftime("%Y%m%d%H%M%SZ").encode()),
    )


@contextmanager
def served(folder: Path, answer: Any = None, signer: Holder | None = None) -> Iterator[str]:
    """A time-stamping authority on this machine; yields its address.

    Args:
        folder: For its files.
        answer: Called with the handler and the query, in the place of an honest answer.
        signer: Who signs.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = self.rfile.read(int(self.headers["Content-Length"] or 0))
            if answer is not None:
                answer(self, query)
                return
            assert self.headers["Content-Type"] == "application/timestamp-query"
            send(self, reply(folder, query, signer))

        do_GET = do_POST  # noqa: N815 - so the library calls it

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/tsa"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def send(handler: BaseHTTPRequestHandler, body: bytes, code: int = 200, **headers: str) -> None:
    """Answer a request."""
    handler.send_response(code)
    headers = {"Content-Type": "application/timestamp-reply", **headers}
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)
