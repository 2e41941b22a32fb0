"""Small samples of evidence for the demonstration: a text, a mail, a picture, a PDF.

Everything in them is invented.
"""

from __future__ import annotations

import struct
import zlib
from email.message import EmailMessage
from pathlib import Path

TESTIMONY = """Testimonio de Rosa Ejemplo, 14 de abril

Two agents waited outside the clinic at seven in the morning. They knew my name, and they knew that
I had spoken at the meeting on Sunday. One of them said: "Instigators go first."
"""


def write(folder: Path) -> list[Path]:
    """Write the samples into a folder.

    Returns:
        Their paths.
    """
    samples = {
        "testimonio Rosa Ejemplo.txt": TESTIMONY.encode(),
        "warning from a neighbour.eml": _mail(),
        "van at the corner.png": _picture(),
        "notice to appear.pdf": _document(),
    }
    paths = []
    for name, data in samples.items():
        paths.append(folder / name)
        paths[-1].write_bytes(data)
    return paths


def _mail() -> bytes:
    mail = EmailMessage()
    mail["From"] = "A neighbour <neighbour@example.org>"
    mail["To"] = "Ana <ana@example.org>"
    mail["Date"] = "Tue, 14 Apr 2026 08:12:00 -0700"
    mail["Subject"] = "They are back"
    mail["Message-ID"] = "<20260414@example.org>"
    mail.set_content("The grey van is at the corner again. I wrote down the plate for you.\n")
    return mail.as_bytes()


def _picture() -> bytes:
    """A grey van, 64 by 40 pixels, as a PNG."""
    rows = []
    for y in range(40):
        row = bytearray()
        for x in range(64):
            body = 10 <= x < 54 and 12 <= y < 28
            wheel = any((x - middle) ** 2 + (y - 28) ** 2 < 20 for middle in (20, 44))
            row.append(30 if wheel else 120 if body else 225)
        rows.append(b"\x00" + bytes(row))
    header = struct.pack(">IIBBBBB", 64, 40, 8, 0, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(b"".join(rows))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )


def _document() -> bytes:
    """One page with one line, as a PDF."""
    line = b"BT /F1 18 Tf 72 720 Td (NOTICE TO APPEAR - a sample, not a real notice) Tj ET"
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        (
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R "
            b"/Resources << /Font << /F1 5 0 R >> >> >>"
        ),
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(line), line),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    )
    out = bytearray(b"%PDF-1.4\n")
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 6\n0000000000 65535 f \n"
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer\n<< /Size 6 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % start
    return bytes(out)
