"""What can be shown on a screen, and how: as text that cannot play tricks on the terminal.

Nothing of it touches the disk: a pager gets it through a pipe, and is told to keep nothing.
"""

from __future__ import annotations

import codecs
import os
import shlex
import shutil
import subprocess
from contextlib import suppress
from email import message_from_bytes, policy
from email.message import EmailMessage
from html.parser import HTMLParser

from vault.cli.context import Call
from vault.cli.text import _, size, visible

MOST = 8 << 20
_TEXTS = ("application/json", "application/xml", "application/x-empty", "application/x-ndjson")
_HTML = ("text/html", "application/xhtml+xml")
_MAIL = "message/rfc822"
_HEADERS = ("From", "To", "Cc", "Bcc", "Reply-To", "Date", "Subject", "Message-ID", "In-Reply-To")
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def is_text(media_type: str) -> bool:
    """Whether content of this media type can be shown on a screen."""
    kind = media_type.lower()
    return (
        kind.startswith("text/")
        or kind in {*_TEXTS, *_HTML, _MAIL}
        or kind.endswith(("+json", "+xml"))
    )


def unshowable(media_type: str, length: int) -> str:
    """Why content cannot be shown, or an empty string.

    Args:
        media_type: Its media type.
        length: In bytes.
    """
    if not is_text(media_type):
        return _("content of the type {type} cannot be shown on a screen").format(
            type=visible(media_type)
        )
    if length > MOST:
        return _("{size} is too much for a screen").format(size=size(length))
    return ""


def to_text(media_type: str, data: bytes) -> str:
    """Content as text for a person.

    Args:
        media_type: Its media type, one of those that can be shown.
        data: All of it.
    """
    kind = media_type.lower()
    if kind == _MAIL:
        text = _mail(data)
    elif kind in _HTML:
        text = _html(_decoded(data))
    else:
        text = _decoded(data)
    return visible(text.replace("\r\n", "\n"), lines=True)


def show(call: Call, text: str) -> None:
    """Show text, page by page if it is long and there is somebody to turn the pages."""
    columns, lines = shutil.get_terminal_size()
    height = sum(1 + len(line) // max(columns, 1) for line in text.split("\n"))
    paged = call.out.is_terminal() and call.terminal is not None and height >= lines
    if not paged or not _page(text):
        call.out.text(text)


def _page(text: str) -> bool:
    """Show text in the user's pager; False if there is none."""
    command = shlex.split(os.environ.get("PAGER") or "less")
    secret = ("EVAULT_PASSPHRASE", "EVAULT_NEW_PASSPHRASE")
    environment = {name: value for name, value in os.environ.items() if name not in secret}
    # No history, no editor, no log file, no shell: what is read here stays here.
    environment |= {"LESSSECURE": "1", "LESSHISTFILE": "-", "LESSCHARSET": "utf-8"}
    try:
        pager = subprocess.Popen(command, stdin=subprocess.PIPE, env=environment)  # noqa: S603 - the user's own pager
    except (OSError, IndexError, ValueError):
        return False
    with suppress(BrokenPipeError):
        pager.communicate(text.encode("utf-8", "backslashreplace"))
    pager.wait()
    return True


def _decoded(data: bytes) -> str:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data.decode(encoding, "backslashreplace")
    try:
        return data.decode()
    except UnicodeDecodeError:
        # What old programs write; every byte of it means something.
        return data.decode("cp1252", "backslashreplace")


# --- mail -----------------------------------------------------------------------------------------

_BROKEN = (LookupError, ValueError, TypeError, AttributeError, RecursionError)
"""What Python's mail parser raises for mail that is none."""


def _mail(data: bytes) -> str:
    try:
        mail = message_from_bytes(data, policy=policy.default)
        if not isinstance(mail, EmailMessage):
            return _decoded(data)
        parts = [_headers(mail), _body(mail), _attachments(mail)]
    except _BROKEN:
        return _decoded(data)
    return "\n\n".join(part for part in parts if part)


def _headers(mail: EmailMessage) -> str:
    # A line break in a header would be a line that nobody wrote.
    return "\n".join(
        f"{name}: {visible(str(value))}" for name in _HEADERS for value in mail.get_all(name, [])
    )


def _body(mail: EmailMessage) -> str:
    body = mail.get_body(("plain", "html"))
    if body is None:
        return _("(no text)")
    try:
        text = str(body.get_content())
    except _BROKEN:
        payload = body.get_payload(decode=True)
        text = _decoded(payload) if isinstance(payload, bytes) else ""
    return _html(text) if body.get_content_type() == "text/html" else text.strip("\n")


def _attachments(mail: EmailMessage) -> str:
    lines = []
    body = mail.get_body(("plain", "html"))
    for part in mail.walk():
        if part.is_multipart() or part is body:
            continue
        name = part.get_filename() or _("(no name)")
        payload = part.get_payload(decode=True)
        length = len(payload) if isinstance(payload, bytes) else 0
        lines.append(f"  {visible(str(name))}  {part.get_content_type()}  {size(length)}")
    return "\n".join([_("Attached:"), *lines]) if lines else ""


# --- HTML -----------------------------------------------------------------------------------------

_BLOCKS = frozenset(
    (
        *("address", "article", "blockquote", "br", "dd", "div", "dl", "dt", "footer", "form"),
        *("h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav", "ol", "p"),
        *("pre", "section", "table", "tr", "ul"),
    )
)
_SILENT = frozenset(("head", "script", "style", "template", "noscript"))
_CELLS = frozenset(("td", "th"))


class _Reader(HTMLParser):
    """Collects the text of a page, and where its links lead."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._silent = 0
        self._links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _SILENT:
            self._silent += 1
        elif tag in _BLOCKS:
            self.parts.append("\n")
        elif tag in _CELLS:
            self.parts.append("\t")
        if tag == "a":
            self._links.append(dict(attrs).get("href") or "")
        if tag == "img":
            self.parts.append(f"[{dict(attrs).get('alt') or _('picture')}]")

    def handle_endtag(self, tag: str) -> None:
        if tag in _SILENT:
            self._silent = max(0, self._silent - 1)
        elif tag in _BLOCKS:
            self.parts.append("\n")
        if tag == "a" and self._links:
            link = self._links.pop()
            if link:
                self.parts.append(f" <{link}>")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.parts.append(" ".join(data.split("\n")))


def _html(page: str) -> str:
    reader = _Reader()
    reader.feed(page)
    reader.close()
    lines: list[str] = []
    for line in "".join(reader.parts).split("\n"):
        clean = " ".join(line.replace("\t", " \t ").split(" ")).strip()
        # At most one empty line between two paragraphs.
        if clean or (lines and lines[-1]):
            lines.append(clean)
    return "\n".join(lines).strip("\n")
