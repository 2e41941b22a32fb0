"""Pages of recovery shares: what people keep on paper, and how it is read back.

A page has two parts. Between two lines of dashes stand its facts, in a form that is the same in
every language, so that the file itself can be read back; around them stands what people should
know, in theirs. Whoever has only the paper types the 33 words and nothing else.

This is text for people, and so it lives with the command line. What a share is, `keys.recovery`
knows.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from keys.identity import check_name
from keys.recovery import WORDS, Share, parse_share
from vault.cli.text import _, groups, visible
from vault.errors import Error, MalformedError, UsageError, VerificationError
from vault.ids import is_id
from vault.model import Position
from vault.outfile import write_all

WIDTH = 72
"""How many columns a page has."""

HEIGHT = 60
"""How many lines: what a sheet of A4 or Letter holds between its margins."""

_MARK = "evault/1/recovery-share"
_ANY_MARK = re.compile(r"^(evault/[0-9]+/recovery-share)[ \t]*$", re.MULTILINE)
_SPACE = " \t\r"
_RULE = re.compile(r"-{8,}")
_KEYS = (
    "name",
    "device",
    "cases",
    "share",
    "made",
    "words",
    "vault",
    "authority",
    "access",
)
_INDENT = 11
_ROOM = WIDTH - _INDENT
_CASE_LINES = 2
_COLUMNS = 3
_SHARE = re.compile(r"(\d{1,2}) of (\d{1,2}), any (\d{1,2}) are needed", re.ASCII)
_LOG = re.compile(r"size (\d{1,18}), root ([0-9a-f]{64})", re.ASCII)
_HEX = re.compile("[0-9a-f]{64}")
_MOMENT = "%Y-%m-%dT%H:%M:%SZ"
_ESCAPE = re.compile(r"\\(?:\\|x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8}))")


@dataclass(frozen=True, slots=True)
class About:
    """What stands on all pages of shares that were made together.

    Args:
        name: Whose device they bring back, or what the organisation's identity is called.
        device: Its id, 32 characters.
        shares: How many there are.
        made: When, in seconds since the epoch.
        fingerprint: The vault's, 64 hex digits.
        authority: The authority log as it was seen then.
        access: The access log, likewise.
        cases: References (none empty) of the cases that a shared identity is for; None for the
            recovery device of a member.
    """

    name: str
    device: str
    shares: int
    made: int
    fingerprint: str
    authority: Position
    access: Position
    cases: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """A share and what its page says; about is None where somebody typed only the words."""

    share: Share
    about: About | None = None


def render(share: Share, about: About) -> str:
    """The page of one share: at most 72 columns and 60 lines, ending in a newline."""
    title = _("RECOVERY SHARE {index} OF {shares}: any {threshold} of them are needed").format(
        index=share.index, shares=about.shares, threshold=share.threshold
    )
    lines = [_MARK, title, "-" * WIDTH, *_facts(share, about), "-" * WIDTH]
    prose = _shared_prose if about.cases is not None else _member_prose
    lines += prose(about.shares, share.threshold)
    return "\n".join(lines) + "\n"


def write(folder: Path, shares: Sequence[Share], about: About) -> list[Path]:
    """Write one page a share into a folder: all of them or none, for their owner's eyes only.

    Returns:
        Where they are, in the order of the shares.

    Raises:
        FileError: One exists already, or cannot be written.
    """
    # The name of a file is seen by whoever sees the folder: it does not say whose it is.
    stem = f"recovery-{about.device[:8]}"
    paths = [folder / f"{stem}-{share.index}-of-{about.shares}.txt" for share in shares]
    write_all(
        [(path, render(share, about).encode()) for path, share in zip(paths, shares, strict=True)]
    )
    return paths


def parse(text: str) -> list[Page]:
    """Read the shares out of a text: pages, bare words, or several of either.

    Raises:
        MalformedError: Not the words of a share, or a page that is not whole or of a newer version.
        VerificationError: A page says of its share what its words do not.
    """
    head, *rest = _ANY_MARK.split(text.removeprefix("\ufeff").replace("\r\n", "\n"))
    readers: list[tuple[Callable[[str], Page], str]] = [(_bare, part) for part in _parts(head)]
    for mark, body in zip(rest[::2], rest[1::2], strict=True):
        if mark != _MARK:
            raise MalformedError("a page of a newer version", "use a newer evault")
        readers.append((_page, body))
    pages = []
    for number, (reader, part) in enumerate(readers, 1):
        try:
            pages.append(reader(part))
        except Error as error:
            if len(readers) == 1:
                raise
            message = f"in share {number} of {len(readers)} here: {error.message}"
            raise type(error)(message, error.hint) from None
    if not pages:
        raise MalformedError("there are no words here", "give a page, or the words of a share")
    return pages


def agreed(pages: Sequence[Page], device: str) -> About | None:
    """What the pages of a set say, or None if there were only words.

    Args:
        pages: Of shares that fit together.
        device: The id of the device that they bring back.

    Raises:
        VerificationError: A page says that it brings back another device.
        UsageError: The pages differ otherwise.
    """
    found = [page.about for page in pages if page.about is not None]
    for page in pages:
        if page.about is not None and page.about.device != device:
            raise VerificationError(
                f"the page of share {page.share.index} is of device {page.about.device},"
                f" and the words give {device}",
                "the page was altered, or mixed up: ask who made it",
            )
    if any(about != found[0] for about in found):
        raise UsageError(
            "the pages do not say the same of the device that they bring back",
            "one was altered, or they were printed for two vaults; type the words alone to go on",
        )
    return found[0] if found else None


# --- the facts ------------------------------------------------------------------------------------


def _facts(share: Share, about: About) -> Iterator[str]:
    yield from _field("name", _wrapped(_spelt(about.name)))
    yield from _field("device", [groups(about.device)])
    if about.cases is not None:
        yield from _field("cases", _listed(about.cases))
    needed = f"{share.index} of {about.shares}, any {share.threshold} are needed"
    yield from _field("share", [needed])
    yield from _field("made", [datetime.fromtimestamp(about.made, UTC).strftime(_MOMENT)])
    yield "words"
    # Across, so that the order is right even without the numbers.
    cells = [f"{number:>4}. {word:<12}" for number, word in enumerate(share.words, 1)]
    for at in range(0, WORDS, _COLUMNS):
        yield ("    " + "   ".join(cells[at : at + _COLUMNS])).rstrip()
    yield from _field("vault", _halves(about.fingerprint))
    for key, log in (("authority", about.authority), ("access", about.access)):
        yield from _field(key, [f"size {log.size}, root", *_halves(log.root)])


def _field(key: str, values: Sequence[str]) -> Iterator[str]:
    for at, value in enumerate(values):
        yield f"{'' if at else key:<{_INDENT}}{value}"


def _halves(digits: str) -> list[str]:
    return [groups(digits[:32]), groups(digits[32:])]


def _page(body: str) -> Page:
    """Read a page: all that follows its first line."""
    facts = _read_facts(body)
    share = parse_share(facts["words"])
    about = _read_about(facts)
    said = _match(_SHARE, facts["share"], "share")
    if (int(said[1]), int(said[3])) != (share.index, share.threshold):
        raise VerificationError(
            f"a page says share {said[1]}, {said[3]} needed, and its words are those of share"
            f" {share.index}, {share.threshold} needed",
            "the page was altered, or mixed up: ask who made it",
        )
    return Page(share, about)


def _read_facts(body: str) -> dict[str, str]:
    """The values by their keys; each continues on the indented lines that follow it."""
    facts: dict[str, str] = {}
    key = ""
    lines = body.split("\n")
    rules = [at for at, line in enumerate(lines) if _RULE.fullmatch(line.rstrip(_SPACE))]
    if len(rules) < 2:
        raise _broken("its facts do not stand between two lines of dashes")
    for line in lines[rules[0] + 1 : rules[1]]:
        if not line.strip(_SPACE):
            continue
        if line[0] not in _SPACE:
            key, _space, value = line.partition(" ")
            if key.strip() not in _KEYS or key.strip() in facts:
                raise _broken(f"the line after {next(reversed(facts), 'the dashes')} is none of it")
            key = key.strip()
            facts[key] = value.strip(_SPACE)
        elif not facts:
            raise _broken("it does not begin with a name")
        else:
            facts[key] = _joined(facts[key], line.strip(_SPACE))
    lacking = [name for name in _KEYS if name not in facts and name != "cases"]
    if lacking:
        raise _broken(f"the line {lacking[0]} is missing")
    return facts


def _read_about(facts: dict[str, str]) -> About:
    name = _unspelt(facts["name"])
    device = "".join(facts["device"].split())
    fingerprint = "".join(facts["vault"].split())
    try:
        check_name(name)
        made = int(datetime.strptime(facts["made"], _MOMENT).replace(tzinfo=UTC).timestamp())
    except MalformedError:
        raise _broken("the line name is not as it was printed") from None
    except ValueError:
        raise _broken("the line made is not as it was printed") from None
    if not is_id(device, 20):
        raise _broken("the line device is not as it was printed")
    if _HEX.fullmatch(fingerprint) is None:
        raise _broken("the line vault is not as it was printed")
    logs = {}
    for key in ("authority", "access"):
        size, root = _match(_LOG, _squeezed(facts[key]), key).groups()
        logs[key] = Position(int(size), root)
    refs = _read_list(facts["cases"]) if "cases" in facts else None
    shares = int(_match(_SHARE, facts["share"], "share")[2])
    return About(name, device, shares, made, fingerprint, **logs, cases=refs)


def _match(form: re.Pattern[str], value: str, key: str) -> re.Match[str]:
    found = form.fullmatch(value)
    if found is None:
        raise _broken(f"the line {key} is not as it was printed")
    return found


def _squeezed(value: str) -> str:
    size, _root, digits = value.partition(" root ")
    return f"{size} root {''.join(digits.split())}"


def _broken(why: str) -> MalformedError:
    return MalformedError(
        f"a page that is not whole: {why}", "type only the 33 words into a file, and give that"
    )


# --- bare words -----------------------------------------------------------------------------------


def _bare(text: str) -> Page:
    return Page(parse_share(text))


def _parts(text: str) -> list[str]:
    """Cut typed words into shares: after every 33 words, or where lines are left empty."""
    parts: list[list[str]] = []
    count = 0
    for token in text.split():
        if count % WORDS == 0 and (not parts or _is_word(parts[-1][-1])):
            parts.append([])
        parts[-1].append(token)
        count += _is_word(token)
    if count % WORDS == 0:
        return [" ".join(part) for part in parts]
    # A word is missing somewhere: where lines were left empty, this tells in which share.
    return [part for part in re.split(r"\n[ \t]*\n", text) if part.strip()]


def _is_word(token: str) -> bool:
    return any(char.isalpha() for char in token)


# --- values of people, on lines of a page ---------------------------------------------------------


def _spelt(text: str) -> list[str]:
    """The characters of a text, each as it is printed: what cannot be seen is spelt out."""
    units = []
    for at, char in enumerate(text):
        shown = visible(char)
        if char == "\\":
            shown = "\\\\"
        elif char in "\n\r\t" or (char == " " and _is_lost(text, at)):
            shown = f"\\x{ord(char):02x}"
        units.append(shown)
    return units


def _is_lost(text: str, at: int) -> bool:
    """Whether a space is at an end or beside another: nobody sees it, and editors remove it."""
    return at in {0, len(text) - 1} or text[at + 1] == " " or text[at - 1] == " "


def _unspelt(text: str) -> str:
    def char(found: re.Match[str]) -> str:
        digits = found[1] or found[2] or found[3]
        if digits is None:
            return "\\"
        if int(digits, 16) > 0x10FFFF:
            raise _broken("a character is spelt out that does not exist")
        return chr(int(digits, 16))

    return _ESCAPE.sub(char, text)


def _wrapped(units: Sequence[str]) -> list[str]:
    """Lines that `_joined` makes one text of again.

    A line ends where there was a space, or else in a backslash.
    """
    from rich.cells import cell_len

    lines: list[str] = []
    line: list[str] = []
    for unit in units:
        # One column is kept for the backslash.
        while line and cell_len("".join([*line, unit])) >= _ROOM:
            if unit == " ":
                break
            if " " in line:
                at = len(line) - 1 - line[::-1].index(" ")
                lines.append("".join(line[:at]))
                line = line[at + 1 :]
            else:
                lines.append("".join(line) + "\\")
                line = []
        line.append(unit)
    return [*lines, "".join(line)]


def _joined(before: str, more: str) -> str:
    """A value and its next line."""
    slashes = len(before) - len(before.rstrip("\\"))
    return before[:-1] + more if slashes % 2 else f"{before} {more}"


def _listed(refs: Sequence[str]) -> list[str]:
    """References on a few lines; if there is no room for all, how many are left out."""
    kept = list(refs)
    while True:
        units: list[str] = []
        for ref in kept:
            first, *others = ["\\x2c" if unit == "," else unit for unit in _spelt(ref)]
            # Plus and minus at the beginning mean something here.
            first = f"\\x{ord(first):02x}" if first in "+-" else first
            units += [*([",", " "] if units else []), first, *others]
        if len(kept) < len(refs):
            units += [*([",", " "] if units else []), *f"+{len(refs) - len(kept)}"]
        lines = _wrapped(units or ["-"])
        if len(lines) <= _CASE_LINES:
            return lines
        kept.pop()


def _read_list(value: str) -> tuple[str, ...]:
    items = [] if value == "-" else value.split(", ")
    return tuple(_unspelt(item) for item in items if not item.startswith("+"))


# --- what people should know ----------------------------------------------------------------------


def _paragraphs(*texts: str) -> list[str]:
    """Paragraphs, each after an empty line; what begins with two spaces is typed as it stands."""
    lines: list[str] = []
    for text in texts:
        if text.startswith("  "):
            lines += text.split("\n")
        else:
            lines += ["", *textwrap.wrap(text, WIDTH, break_on_hyphens=False)]
    return lines[1:]


def _keeping() -> str:
    return _(
        "KEEPING IT. One person keeps one share, on paper; no two shares lie in one place. Do not "
        "photograph, scan, copy, send or read it out. If it gets lost, or somebody else saw it, "
        "tell whose it is at once: they make a new recovery device with new shares and revoke this "
        "one. Until then this set still works; afterwards burn it."
    )


def _trying() -> str:
    return _(
        "TRYING IT. `evault recovery drill` in the place of the first command tells whether the "
        "shares work, and restores nothing. Without evault: any SLIP-39 tool gives the key's 32 "
        "bytes, with no passphrase."
    )


def _member_prose(shares: int, threshold: int) -> list[str]:
    return _paragraphs(
        _(
            "WHAT THIS IS. One of {shares} parts of a key. Any {threshold} together are the device "
            "above, and can do in the vault all that its owner can. Fewer tell nothing of it."
        ).format(shares=shares, threshold=threshold),
        _keeping(),
        _(
            "USING IT. On a computer that you trust, put each share into a file: this page, or the "
            "words alone. Then, with the digits of `vault` above as fingerprint:"
        ),
        "  evault recovery combine SHARE1 SHARE2 ... -o NEWFILE\n"
        "  evault join VAULT --identity NEWFILE --fingerprint '...'",
        _(
            "`evault status` must show no fewer entries of the two logs than stand above: fewer is "
            "an old copy. Then `evault device add` a new laptop, `evault device revoke` the one "
            "that was lost, and delete the files of the shares."
        ),
        _trying(),
    )


def _shared_prose(shares: int, threshold: int) -> list[str]:
    return _paragraphs(
        _(
            "WHAT THIS IS. One of {shares} parts of a key that is no person's. Any {threshold} "
            "together open the cases above when their holders cannot. Fewer tell nothing of it."
        ).format(shares=shares, threshold=threshold),
        _keeping(),
        _(
            "USING IT. On a computer that you trust, put each share into a file: this page, or the "
            "words alone. Then, with the digits of `vault` above as fingerprint:"
        ),
        "  evault recovery combine SHARE1 SHARE2 ... -o NEWFILE\n"
        "  evault join VAULT --identity NEWFILE --fingerprint '...'\n"
        "  evault case grant CASE MEMBER --identity NEWFILE",
        _(
            "`evault status` must show no fewer entries of the two logs than stand above: fewer is "
            "an old copy. Delete the files, and make a new shared key: this one was in a file."
        ),
        _trying(),
    )
