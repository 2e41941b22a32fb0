"""`evault status`: as whom one works, what waits, and what to worry about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from vault.cli import granting, stamp
from vault.cli.context import Call, case_words
from vault.cli.group import Command
from vault.cli.heads import tell_conflicts
from vault.cli.member import invitation, seen_text
from vault.cli.proposals import act_words
from vault.cli.text import _, groups, moment, ngettext

if TYPE_CHECKING:
    from vault.audit.stamped import Found
    from vault.session import Session, Titled


@click.command(
    cls=Command,
    help=_(
        """Show as whom you work, what waits for you, and what to worry about.

        The level says what the log proves. At level 0 the gate runs on this machine: whoever owns
        the machine can read without an entry, but cannot change what others have seen.
        """
    ),
    partial=True,
    examples=("evault status", "evault status --json"),
)
@click.pass_obj
def status(call: Call) -> None:
    """Show as whom you work, what waits for you, and what to worry about."""
    with call.session(refused=lambda identity: tell_conflicts(call, identity)) as session:
        from vault.audit.stamped import newest
        from vault.gate import LEVEL
        from vault.note import ACCESS, AUTHORITY

        member = session.member
        heads = {log: session.replica.position(log).body() for log in (AUTHORITY, ACCESS)}
        waiting = list(_waiting(session))
        stamped = newest(session.stamping.found())
        worries = list(_worries(call, session))
        roles = sorted(role.value for role in member.roles)
        call.out.object(
            "status",
            member=member.id,
            name=member.name,
            roles=roles,
            level=LEVEL,
            vault=session.authority.vault,
            vkeys=[key.encode() for key in session.heads.keys(ACCESS)],
            authority_vkeys=[key.encode() for key in session.heads.keys(AUTHORITY)],
            **invitation(session),
            **_watched(session),
            members=len(session.authority.members),
            cases=len(session.authority.cases),
            granted=[
                {"case": one.case, **granting.fields(session, one)}
                for one in session.grants.granted(member.id)
            ],
            timestamp=_stamp_fields(stamped),
            waiting=waiting,
            warnings=worries,
        )
        call.out.rows(
            [
                (_("Member"), f"{member.name} ({member.id})"),
                (_("Roles"), ", ".join(roles)),
                (_("Vault"), str(session.store.path)),
                (_("Fingerprint"), groups(session.fingerprint)),
                (_("Level"), _("{level}: the gate runs on this machine").format(level=LEVEL)),
                (_("Authority"), _entries(heads[AUTHORITY])),
                (_("Access log"), _entries(heads[ACCESS])),
                *_stamped(stamped),
                *_cosigners(session),
                (_("Members"), str(len(session.authority.members))),
                (_("Cases"), _cases(session)),
                *_granted(session),
            ]
        )
        call.out.note(_("a newcomer's `evault join` takes --seen {seen}"), seen=seen_text(session))
        for text in waiting:
            call.out.say(_("Waiting: {text}"), text=text)
        for text in worries:
            call.out.say(_("Warning: {text}"), text=text)


def _watched(session: Session) -> dict[str, Any]:
    """Who watches over the access log from outside, and how far they came."""
    found, authority = session.heads.cosigned(), session.authority
    return {
        "cosigners": [[key.encode() for key in pair] for pair in authority.cosigners],
        "cosignatures": authority.cosignatures,
        "cosigned": None
        if found is None
        else {"size": found.size, "time": found.time, "cosigners": list(found.names)},
    }


def _cosigners(session: Session) -> Iterator[tuple[str, str]]:
    authority = session.authority
    if not authority.cosigners:
        return
    names = ", ".join(pair[0].name for pair in authority.cosigners)
    yield (
        _("Cosigners"),
        _("{count} of {names}").format(count=authority.cosignatures, names=names),
    )
    found = session.heads.cosigned()
    if found is None:
        yield _("Cosigned"), _("nothing yet that counts: nobody can join")
    else:
        yield (
            _("Cosigned"),
            _("{size} entries, at {time}").format(size=found.size, time=moment(found.time)),
        )


def _granted(session: Session) -> Iterator[tuple[str, str]]:
    """Single records that this member was granted."""
    for one in session.grants.granted(session.member.id):
        case = case_words(session.find_case(one.case))
        text = _("you can see {what} of the case {case}")
        if one.grant.until is not None:
            text = _("you can see {what} of the case {case} until {time}")
        count = len(one.grant.records)
        what = ngettext("{count} record", "{count} records", count).format(count=count)
        time = "" if one.grant.until is None else moment(one.grant.until)
        yield _("Granted"), text.format(what=what, case=case, time=time)


def _stamp_fields(found: Found | None) -> dict[str, Any] | None:
    """The last time-stamp that holds, for programs."""
    from vault.intake import moment as rfc3339

    if found is None or found.time is None:
        return None
    return {"size": found.size, "time": rfc3339(found.time), "authority": found.authority}


def _stamped(found: Found | None) -> Iterator[tuple[str, str]]:
    """The last time-stamp that holds, for people."""
    if found is not None and found.time is not None:
        text = _("{size} entries by {time}, says {authority}")
        yield (
            _("Time-stamp"),
            text.format(size=found.size, time=moment(found.time), authority=found.authority),
        )


def _entries(position: dict[str, Any]) -> str:
    count = position["size"]
    text = ngettext("{count} entry, root {root}", "{count} entries, root {root}", count)
    return text.format(count=count, root=position["root"][:16])


def _cases(session: Session) -> str:
    held = sum(case.title is not None for case in session.cases())
    return _("{all}, of which you hold {held}").format(all=len(session.authority.cases), held=held)


def _waiting(session: Session) -> Iterator[str]:
    """What others wait for that I can do, and what I wait for."""
    authority, at, mine = session.authority, session.now(), session.identity.device
    for found in session.proposals.open():
        words, name = act_words(session, found.proposal.act), found.proposal.id[:8]
        by = authority.ever(found.proposal.by)
        if found.may and not found.mine:
            yield _("{name} proposes to {act}: `evault endorse {id}` signs it").format(
                name=by.name if by else found.proposal.by, act=words, id=name
            )
        elif session.proposals.complete(found):
            yield _("enough have signed to {act}: `evault endorse {id}` does it").format(
                act=words, id=name
            )
        elif found.mine:
            yield _("others must sign that you want to {act}: `evault endorse {id}`").format(
                act=words, id=name
            )
    yield from _requests(session)
    again = len(session.grants.unreadable())
    if again:
        yield ngettext(
            "{count} record that you were granted cannot be opened on this device: ask again",
            "{count} records that you were granted cannot be opened on this device: ask again",
            again,
        ).format(count=again)
    for group in authority.groups:
        lacking = authority.lacking(group, at)
        name = _group(session, group)
        if mine in {device.id for device in lacking}:
            yield _("the keys of {group}: the next act of somebody who has them gives them").format(
                group=name
            )
        elif lacking and mine in authority.epoch(group).wraps:
            names = ", ".join(authority.members[device.member].name for device in lacking)
            yield _("{names} for the keys of {group}: your next act gives them").format(
                names=names, group=name
            )


def _requests(session: Session) -> Iterator[str]:
    """Retrievals and renewals of keys that wait for this member."""
    for request in session.requests.all(for_me=True):
        by = session.authority.members.get(request.actor)
        yield _("{name} asks for {count} of {case}: `evault approve {id}`, or `deny`").format(
            name=by.name if by else request.actor,
            count=ngettext("{count} record", "{count} records", len(request.records)).format(
                count=len(request.records)
            ),
            case=case_words(session.find_case(request.case)),
            id=request.id[:8],
        )
    for request in session.requests.all(mine=True):
        if request.state == "approved":
            yield _("your request {id} is approved: do again what you asked for").format(
                id=request.id[:8]
            )
    for pending in session.renewals.pending():
        if session.member.id in pending.waits_for:
            yield _(
                "new keys of the case {case} wait for you: `evault case rekey {id} --confirm`"
            ).format(
                case=case_words(session.find_case(pending.case)),
                id=session.authority.cases[pending.case].ref or pending.case[:8],
            )


def _group(session: Session, group: str) -> str:
    if group not in session.authority.cases:
        return {"members": _("the members"), "auditors": _("the auditors")}.get(group, group)
    found = session.find_case(group)
    return _("the case {case}").format(case=case_words(found))


def _worries(call: Call, session: Session) -> Iterator[str]:
    from vault.store import folder

    authority = session.authority
    proofs = len(session.local.proofs())
    if proofs:
        yield ngettext(
            "{count} proof that the vault showed two histories is kept: `evault log conflicts`",
            "{count} proofs that the vault showed two histories are kept: `evault log conflicts`",
            proofs,
        ).format(count=proofs)
    for index, error in session.replica.problems.items():
        yield _("the gate accepted statement {index}, which the rules refuse: {message}").format(
            index=index, message=error.message
        )
    at = session.now()
    if len(authority.stewards(at)) < 2:
        yield _("there are fewer than two stewards: if one is lost, nobody can add members")
    for lost in authority.restores:
        yield _(
            "stewards declared that an older copy was put back; the access log had had {count} "
            "entries"
        ).format(count=lost["access"]["size"])
    for member in authority.members.values():
        if member.suspended(at):
            yield _("{name} is suspended").format(name=member.name)
    own = [authority.devices[name] for name in session.member.devices]
    if not any(device.recovery for device in own) and len(own) < 2:
        yield _("you have one device and no recovery: `evault recovery split` makes one on paper")
    for case in session.cases():
        yield from _worries_of(session, case, at)
    yield from _of_collectors(session)
    yield from stamp.worries(session)
    yield from folder.warnings(session.store.path)
    try:
        mode = call.identity_file.stat().st_mode
    except OSError:
        return
    if mode & 0o077:
        yield _("other users of this machine can read or replace your identity file; chmod 600 it")


def _of_collectors(session: Session) -> Iterator[str]:
    """Tickets that bring in what former hands can read, and what has come in so."""
    exposed = Counter(access.case for access in session.tickets.exposed())
    for case, count in exposed.items():
        yield ngettext(
            "{count} deposit of a collector in {case} is exposed: keys were changed since the "
            "ticket was issued; `evault case rekey {id} --re-encrypt`",
            "{count} deposits of collectors in {case} are exposed: keys were changed since the "
            "ticket was issued; `evault case rekey {id} --re-encrypt`",
            count,
        ).format(count=count, case=case_words(session.find_case(case or "")), id=(case or "")[:8])
    for found in session.tickets.all():
        if found.holds(session.now()) and session.tickets.outdated(found):
            yield _("keys were changed since ticket {id} was issued: issue a new one").format(
                id=found.id[:8]
            )


def _worries_of(session: Session, case: Titled, at: int) -> Iterator[str]:
    """What to worry about in one case."""
    authority, words = session.authority, case_words(case)
    holders = authority.holders(case.id, at)
    trusted = authority.trusted(case.id, at)
    if session.member in holders and len(holders) < 2 and not trusted:
        yield _("nobody but you holds the case {case}: if you are lost, it is lost").format(
            case=words
        )
    if authority.orphaned(case.id, at):
        yield _("no advocate holds the case {case} any more: it is orphaned").format(case=words)
    asks = case.case.policy.approvals
    if session.member in holders and asks > len(holders) - 1:
        yield _(
            "the case {case} asks for {asks} approvals and {others} others hold it: nothing "
            "can be retrieved until it is granted to more"
        ).format(case=words, asks=asks, others=len(holders) - 1)
    if authority.stale(case.id, at):
        yield _(
            "somebody who left the case {case} has its keys: the next act of a holder changes them"
        ).format(case=words)
