"""What `evault case grant` takes and tells: which records, until when, and what was granted."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vault.cli.context import Call
from vault.cli.text import _, moment, ngettext
from vault.errors import FileError, UsageError

if TYPE_CHECKING:
    from vault.recordgrants import Granted
    from vault.session import Session

_STDIN = "-"
_MOST = 1 << 22
_ID = re.compile(r"[a-z2-7]{4,26}", re.IGNORECASE)


def chosen(call: Call, session: Session, given: Sequence[str]) -> list[str]:
    """The ids of the records that are meant, each once, in the order in which they were named.

    Args:
        call: The call.
        session: Whose records.
        given: Ids or beginnings of ids; files with one on each line; or - for standard input.

    Raises:
        NotFoundError, AmbiguousError: None or several fit.
        FileError: A file cannot be read.
        UsageError: No record is named at all.
    """
    names = [name for value in given for name in _names(call, value)]
    if not names:
        raise UsageError(_("no record is named"), _("one id on each line"))
    return list(dict.fromkeys(session.find_record(name) for name in names))


def _names(call: Call, value: str) -> Iterator[str]:
    # What can be an id is one: what a name means must not hang on which files lie around.
    if _ID.fullmatch(value):
        yield value
        return
    try:
        if value == _STDIN:
            data = call.standard_input().read(_MOST + 1)
        else:
            with Path(value).open("rb") as file:
                data = file.read(_MOST + 1)
        text = data.decode()
    except OSError as error:
        raise FileError(
            _("cannot read {path}: {reason}").format(path=value, reason=error.strerror),
            _("give the id of a record, or a file with one id on each line"),
        ) from None
    except UnicodeDecodeError:
        text = ""
    lines = [line.strip() for line in text.splitlines()]
    if len(data) > _MOST or not all(_ID.fullmatch(line) for line in lines if line):
        raise UsageError(
            _("{path} is not a list of records").format(path=value), _("one id on each line")
        )
    yield from (line for line in lines if line)


def record_grants(session: Session, case: str) -> list[Granted]:
    """The grants of single records of a case that are in force, oldest first."""
    return [one for one in session.grants.granted() if one.case == case]


def fields(session: Session, one: Granted) -> dict[str, Any]:
    """A grant of single records, for programs."""
    member = session.authority.members[one.grant.member]
    return {
        "member": member.id,
        "member_name": member.name,
        "records": list(one.grant.records),
        "until": rfc3339(one.grant.until),
    }


def rfc3339(at: int | None) -> str | None:
    """A time for programs; None for none."""
    return None if at is None else moment(at).replace(" ", "T")


def in_words(one: Granted) -> str:
    """How many records, and until when."""
    count = len(one.grant.records)
    if one.grant.until is None:
        return ngettext("{count} record", "{count} records", count).format(count=count)
    text = ngettext("{count} record until {time}", "{count} records until {time}", count)
    return text.format(count=count, time=moment(one.grant.until))
