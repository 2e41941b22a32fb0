"""`evault endorse`: what needs several to sign, and what is said while it waits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from vault.cli.context import Call
from vault.cli.group import TEXT, Command
from vault.cli.text import _, moment

if TYPE_CHECKING:
    from vault.proposals import Waiting
    from vault.session import Session


@click.command(
    cls=Command,
    help=_(
        """Sign what another member proposed; `evault status` shows what waits for you.

        Your signature may be the last that is missing: then it is done at once. Read what it says
        first, and talk to who proposed it.
        """
    ),
    examples=("evault endorse abcd2345",),
)
@click.argument("proposal", type=TEXT)
@click.pass_obj
def endorse(call: Call, *, proposal: str) -> None:
    """Sign what another member proposed."""
    with call.session() as session:
        found = session.proposals.find(proposal)
        words = act_words(session, found.proposal.act)
        done = session.proposals.endorse(found.proposal.id)
        call.settle(session)
        tell(call, session, found, done=done)
        if done:
            call.out.say(_("Done: {act}."), act=words)
        else:
            call.out.say(_("Signed: {act}. It waits for others."), act=words)


@contextmanager
def signing(call: Call, session: Session) -> Iterator[None]:
    """An act that may need others to sign: then programs get the proposal, and the error goes on.

    Raises:
        WaitingError: Others have to sign.
    """
    from vault.proposals import PendingError

    try:
        yield
    except PendingError as error:
        tell(call, session, session.proposals.find(error.proposal), done=False)
        raise
    call.settle(session)


def tell(call: Call, session: Session, found: Waiting, *, done: bool) -> None:
    """A proposal for programs."""
    proposal = found.proposal
    call.out.object(
        "proposal",
        proposal=proposal.id,
        act=proposal.act["kind"],
        state="done" if done else "pending",
        by=proposal.by,
        signed=list(found.signed),
        words=act_words(session, proposal.act),
        expires=moment(proposal.until).replace(" ", "T"),
    )


def act_words(session: Session, act: Any) -> str:
    """An act in words: what, and whom or which case it concerns."""
    from keys.identity import parse_contact

    text = _ACTS.get(act["kind"], act["kind"])
    names: dict[str, str] = {"case": "", "member": "", "device": "", "more": ""}
    if "case" in act:
        from vault.cli.context import case_words

        names["case"] = case_words(session.find_case(act["case"]))
    if "member" in act:
        found = session.authority.members.get(act["member"])
        names["member"] = found.name if found else act["member"]
    if "target" in act:
        owner = session.authority.ever(act["target"])
        names["member"] = owner.name if owner else ""
        names["device"] = act["target"][:8]
    if "contact" in act and "member" not in act:
        names["member"] = parse_contact(act["contact"].encode()).name
    if "roles" in act:
        names["more"] = ", ".join(act["roles"])
    if "asks" in act:
        names["more"] = str(act["asks"]["approvals"])
    if "policy" in act:
        names["more"] = str(act["policy"]["stewards"])
        names["watched"] = _watched(act["policy"])
    said = text.format(**names)
    why = act.get("why")
    return f"{said} ({why})" if why else said


def _watched(policy: Mapping[str, Any]) -> str:
    """Whose cosignatures a policy asks for, with the ids of their keys: names can look alike."""
    from keys.errors import Error
    from keys.signing import VerifierKey

    if "cosigners" not in policy:
        return ""
    names = []
    for pair in policy["cosigners"]:
        try:
            keys = [VerifierKey.parse(text) for text in pair]
            names.append(f"{keys[0].name} ({', '.join(key.key_id.hex() for key in keys)})")
        except Error:
            names.append(_("one whose keys are none"))
    return _(", and demand {count} cosignatures of {names}").format(
        count=policy["cosignatures"], names="; ".join(names)
    )


_ACTS = {
    "member-added": _("add {member} ({more})"),
    "roles-set": _("give {member} the roles {more}"),
    "member-removed": _("remove {member}"),
    "member-suspended": _("suspend {member}"),
    "member-resumed": _("lift the suspension of {member}"),
    "device-added": _("add a device for {member}, whose rights end until given anew"),
    "device-revoked": _("revoke the device {device} of {member}"),
    "grant-revoked": _("revoke {member}'s right to the case {case}"),
    "case-policy-set": _("let the case {case} ask for {more} approvals"),
    "hold-lifted": _("lift the legal hold on the case {case}"),
    "vault-policy-set": _("let {more} stewards sign for membership{watched}"),
    "restore-declared": _("declare that an older copy of the vault was put back"),
}
