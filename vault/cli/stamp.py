"""`evault log timestamp`: an authority outside vouches that the log existed by now."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from vault.cli.context import Call, inside
from vault.cli.group import PLACE, TEXT, Command
from vault.cli.text import _, moment
from vault.errors import FileError, UsageError

if TYPE_CHECKING:
    from vault.session import Session
    from vault.stamping import Kept

_MAX_FILE = 1 << 20


@click.command(
    cls=Command,
    help=_(
        """Have an authority outside vouch that the log's newest checkpoint exists by now.

        What leaves this machine is a hash and a random number, nothing of the vault; the authority
        learns your address and the time. Who does not want that writes the query to a file with
        --request, has somebody else take it there, and brings the answer back with --response.

        The answer is checked against the authority's root certificate, which you get from its own
        place and give once with --ca; it is remembered. Without it the time-stamp is kept, and not
        checked. `evault log verify` checks them all.
        """
    ),
    examples=(
        "evault log timestamp --tsa https://freetsa.org/tsr --ca freetsa-root.pem",
        "evault log timestamp --request query.tsq",
        "evault log timestamp --response answer.tsr",
    ),
)
@click.option("--tsa", type=TEXT, metavar="URL", help=_("The authority's address."))
@click.option("--request", type=PLACE, metavar="FILE", help=_("Write the query to a file."))
@click.option("--response", type=PLACE, metavar="FILE", help=_("Take the answer from a file."))
@click.option("--ca", type=PLACE, metavar="FILE", help=_("Root certificates to trust (PEM)."))
@click.option(
    "--log",
    "log",
    type=click.Choice(("access", "authority")),
    default="access",
    show_default=True,
    help=_("Which log."),
)
@click.pass_obj
def timestamp(
    call: Call,
    *,
    tsa: str | None,
    request: str | None,
    response: str | None,
    ca: str | None,
    log: str,
) -> None:
    """Have an authority vouch for the time."""
    given = [name for name in (tsa, request, response) if name is not None]
    if len(given) > 1 or not (given or ca):
        raise UsageError(
            _("give exactly one of --tsa, --request and --response"),
            _("or --ca alone, to trust a root certificate"),
        )
    pem = None if ca is None else _read(ca)
    answer = None if response is None else _read(response)
    if request is not None:
        _refuse(call, Path(request))
    with call.session() as session:
        if pem is not None:
            roots = session.stamping.trust(pem)
            call.out.note(_("{count} root certificates are trusted"), count=len(roots.trusted))
        if request is not None:
            _write(call, Path(request), session.stamping.ask(log))
        elif answer is not None:
            _tell(call, session.stamping.receive(answer))
        elif tsa is not None:
            call.out.note(_("a hash goes to {url}, which learns your address"), url=tsa)
            _tell(call, session.stamping.fetch(tsa, log))


def worries(session: Session) -> list[str]:
    """What `status` says of time-stamps."""
    from vault.audit.stamped import newest
    from vault.stamping import SOON

    found = session.stamping.found()
    last = newest(found)
    urged = _("`evault log timestamp --tsa URL` has an authority vouch for the log's times")
    if not found:
        return [_("nobody outside vouches for the time of anything: {urged}").format(urged=urged)]
    said = []
    if any(one.result == "invalid" for one in found):
        said.append(_("a time-stamp that is kept is bad: see `evault log verify`"))
    if last is None or last.time is None:
        said.append(
            _("no time-stamp could be checked: give the authority's root certificate with --ca")
        )
    elif session.now() - last.time > SOON:
        said.append(
            _("the last time-stamp is of {time}: {urged}").format(
                time=moment(last.time), urged=urged
            )
        )
    return said


def _tell(call: Call, kept: Kept) -> None:
    from vault.intake import moment as rfc3339

    stamp = kept.stamp
    call.out.object(
        "timestamp",
        log=kept.log,
        size=kept.size,
        result="valid" if kept.checked else "not-checked",
        time=rfc3339(stamp.time),
        within=stamp.within,
        authority=stamp.authority or None,
        root=stamp.root or None,
    )
    if kept.checked:
        call.out.say(
            _("The first {size} entries of the {log} log existed on {time}, says {authority}"),
            size=kept.size,
            log=kept.log,
            time=moment(stamp.time),
            authority=stamp.authority,
        )
        return
    call.out.say(
        _("A time-stamp over {size} entries of the {log} log is kept; it claims {time}"),
        size=kept.size,
        log=kept.log,
        time=moment(stamp.time),
    )
    call.out.warn(_("it was not checked: {why}"), why=kept.why)


def _write(call: Call, path: Path, query: bytes) -> None:
    from vault.outfile import write_new

    write_new(path, iter((query,)))
    call.out.object("request", path=str(path))
    call.out.say(_("The query is in {path}: a hash and a random number"), path=path)
    call.out.note(
        _("to an authority with: curl -H 'Content-Type: {kind}' --data-binary @FILE URL -o ANSWER"),
        kind="application/timestamp-query",
    )


def _refuse(call: Call, path: Path) -> None:
    """Before a passphrase is asked for."""
    from vault.outfile import refuse_existing

    refuse_existing(path)
    if inside(path, call.vault_folder):
        raise FileError(
            _("{path} is in the vault's own folder").format(path=path), _("choose another place")
        )


def _read(name: str) -> bytes:
    try:
        with Path(name).open("rb") as file:
            data = file.read(_MAX_FILE + 1)
    except OSError as error:
        raise FileError(
            _("cannot read {path}: {reason}").format(path=name, reason=error.strerror)
        ) from None
    if len(data) > _MAX_FILE:
        raise FileError(_("{path} is too long for what it should be").format(path=name))
    return data
