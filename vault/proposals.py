"""Acts that can need several to sign: proposed, endorsed, and done by whoever completes them.

Whoever asks for such an act says what is to be done. If their signature is enough it is done at
once; else it is proposed, or what was proposed already is endorsed, and the others learn of it from
`evault status`. The last whose signature was missing does it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vault import note, statements
from vault.authority import draft, quorum
from vault.client import Client
from vault.errors import (
    AmbiguousError,
    DeniedError,
    MalformedError,
    NotFoundError,
    WaitingError,
)
from vault.model import Proposal
from vault.visible import visible

EXPIRES = 14 * 86_400
"""How long a proposal waits, in seconds."""

_SIGNATURES = "signatures"
_NOT_MINE = frozenset((_SIGNATURES, "role", "not-holder"))
"""Reasons why somebody who may sign an act cannot be the one who does it."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A proposal as one member sees it.

    Args:
        proposal: What is proposed.
        signed: The members whose signatures count now.
        mine: Whether this member has signed.
        may: Whether this member's signature would count.
    """

    proposal: Proposal
    signed: tuple[str, ...]
    mine: bool
    may: bool


class PendingError(WaitingError):
    """Others have to sign before it is done.

    Args:
        message: One line for people.
        hint: What to do.
        proposal: The proposal's id.
    """

    def __init__(self, message: str, hint: str, proposal: str) -> None:
        super().__init__(message, hint)
        self.proposal = proposal


class Proposals:
    """What waits for signatures in a vault.

    Args:
        client: One member's device.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    def open(self) -> list[Waiting]:
        """All proposals that have not expired, oldest first."""
        authority, at = self._client.authority, self._client.now()
        me = authority.member_of(self._client.identity.device).id
        found = []
        for proposal in authority.proposals.values():
            if at >= proposal.until:
                continue
            may = quorum.counts(authority, proposal.act, me, at)
            mine = proposal.devices.get(me) in authority.devices
            counted = quorum.signed(authority, proposal, at)
            found.append(Waiting(proposal, counted, mine, may))
        return found

    def find(self, text: str) -> Waiting:
        """A proposal by its id or the beginning of it.

        Raises:
            NotFoundError, AmbiguousError: None or several fit.
        """
        fits = [one for one in self.open() if len(text) >= 4 and one.proposal.id.startswith(text)]
        if not fits:
            raise NotFoundError(f"no proposal '{visible(text)}'", "see `evault status`")
        if len(fits) > 1:
            raise AmbiguousError("more than one proposal fits", "give more of its id")
        return fits[0]

    def sign(self, kind: str, fields: Mapping[str, Any], **more: Any) -> None:
        """Do an act, or sign for it.

        Args:
            kind: One of `vault.note.PROPOSALS`.
            fields: What it says.
            more: Fields of the statement that nobody has to agree on beforehand.

        Raises:
            PendingError: Others have to sign as well.
            DeniedError: This member may not; the refusal is in the log.
        """
        self._client.catch_up()
        known = self._same(kind, fields)
        act = dict(known.proposal.act) if known else {"kind": kind, **fields}
        wanted = {name: act[name] for name in note.PROPOSALS[kind]}
        if known is None and self._enough(kind, wanted, more, None):
            self._do(kind, wanted, more, None)
            return
        if known is None:
            name = self._propose(act)
        else:
            name = known.proposal.id
            if not known.mine:
                self._client.state("endorsed", lambda: {"proposal": name})
        if self._enough(kind, wanted, more, name):
            self._do(kind, wanted, more, name)
            return
        raise PendingError(
            "others have to sign this as well",
            f"let them run `evault endorse {name[:8]}`",
            name,
        )

    def endorse(self, name: str) -> bool:
        """Sign a proposal, and do what it says if that was the last signature it needed.

        Args:
            name: Its id.

        Returns:
            Whether it is done.

        Raises:
            DeniedError: This member has signed already, or may not sign.
        """
        known = self.find(name)
        found, kind = known.proposal, str(known.proposal.act["kind"])
        # Who proposed it comes back to do it, once the others have signed.
        if not known.mine or not self.complete(known):
            self._client.state("endorsed", lambda: {"proposal": found.id})
        wanted = {field: found.act[field] for field in note.PROPOSALS[kind]}
        more = {"recovery": False} if kind == "device-added" else {}
        # Some acts only one of those who signed can do: then it waits for them.
        if not self._enough(kind, wanted, more, found.id):
            return False
        self._do(kind, wanted, more, found.id)
        return True

    def complete(self, found: Waiting) -> bool:
        """Whether enough have signed for this member to do what is proposed."""
        act = found.proposal.act
        kind = str(act["kind"])
        more = {"recovery": False} if kind == "device-added" else {}
        wanted = {field: act[field] for field in note.PROPOSALS[kind]}
        return found.mine and self._enough(kind, wanted, more, found.proposal.id)

    # --- parts ----------------------------------------------------------------------------------

    def _same(self, kind: str, fields: Mapping[str, Any]) -> Waiting | None:
        # Two who mean the same need not give the same reason for it.
        wanted = {name: value for name, value in fields.items() if name != "why"}
        for one in self.open():
            act = one.proposal.act
            if act["kind"] == kind and wanted.items() <= act.items():
                return one
        return None

    def _propose(self, act: Mapping[str, Any]) -> str:
        before = set(self._client.authority.proposals)
        expires = self._client.now() + EXPIRES
        self._client.state("proposed", lambda: {"act": dict(act), "expires": expires})
        me = self._client.authority.member_of(self._client.identity.device).id
        after = self._client.authority.proposals
        return next(n for n, made in after.items() if n not in before and made.by == me)

    def _enough(
        self, kind: str, fields: Mapping[str, Any], more: Mapping[str, Any], name: str | None
    ) -> bool:
        """Whether the signatures suffice; what is refused for another reason is sent, and logged
        as refused."""
        try:
            draft(
                self._client.authority,
                kind,
                {**fields, **more, "quoted": [name] if name else []},
                self._client.identity.device,
                self._client.now(),
            )
        except DeniedError as error:
            return error.reason not in (_NOT_MINE if name else {_SIGNATURES})
        return True

    def _do(
        self, kind: str, fields: Mapping[str, Any], more: Mapping[str, Any], name: str | None
    ) -> None:
        quoted = {"quoted": [name] if name else []}

        def body() -> dict[str, Any]:
            said = {**fields, **more, **quoted}
            try:
                beside = statements.beside(
                    self._client.authority,
                    self._client.keyring,
                    kind,
                    said,
                    self._client.identity.device,
                    self._client.now(),
                )
            except (DeniedError, MalformedError):
                # The gate refuses it too, and its refusal stands in the log.
                beside = {
                    field: [] for field in ("epochs", "wraps") if field in note.STATEMENTS[kind]
                }
            return {**said, **beside}

        self._client.state(kind, body)
