"""Cases: what a session can do about who holds them and what they ask for."""

from __future__ import annotations

from vault import statements
from vault.client import Client
from vault.errors import UsageError
from vault.model import CasePolicy
from vault.proposals import Proposals


class Casework:
    """The cases of a vault.

    Args:
        client: One member's device.
        proposals: What waits for signatures.
    """

    def __init__(self, client: Client, proposals: Proposals) -> None:
        self._client = client
        self._proposals = proposals

    def grant(self, case: str, member: str, until: int | None = None) -> None:
        """Make a member a holder of a case.

        Args:
            case: The case's id.
            member: Theirs.
            until: When it ends, in seconds since the epoch; None for no end.

        Raises:
            DeniedError: This member may not, or the other holds it already.
        """
        self._client.state(
            "case-granted",
            lambda: statements.case_granted(
                self._client.authority, self._client.keyring, case, member, until
            ),
        )

    def revoke(self, case: str, member: str) -> None:
        """End a member's right to a case and to single records of it.

        Raises:
            DeniedError: This member may not.
            PendingError: Against an advocate who holds it others have to sign.
        """
        self._proposals.sign("grant-revoked", {"case": case, "member": member})

    def close(self, case: str) -> None:
        """Close a case: nothing more can be stored in it.

        Raises:
            DeniedError: This member may not, or it is closed.
        """
        self._client.state("case-closed", lambda: {"case": case})

    def reopen(self, case: str) -> None:
        """Reopen a case.

        Raises:
            DeniedError: This member may not, or it is open.
        """
        self._client.state("case-reopened", lambda: {"case": case})

    def set_policy(self, case: str, policy: CasePolicy) -> None:
        """Say how many other holders must approve a retrieval, and for how long a request holds.

        Raises:
            DeniedError: This member may not.
            PendingError: The case would ask for less, and those who must approve that have not.
        """
        if not 0 <= policy.approvals <= 16 or not 1 <= policy.hours <= 24 * 366:
            raise UsageError("0 to 16 approvals, and 1 to 8784 hours", "choose others")
        asks = {"approvals": policy.approvals, "hours": policy.hours}
        self._proposals.sign("case-policy-set", {"case": case, "asks": asks})

    def set_hold(self, case: str) -> None:
        """Put a case under a legal hold: nothing in it can be destroyed.

        Raises:
            DeniedError: This member is neither a holder nor a steward.
        """
        self._client.state("hold-set", lambda: {"case": case})

    def lift_hold(self, case: str) -> None:
        """Lift a legal hold.

        Raises:
            DeniedError: This member may not.
            PendingError: A second advocate who holds the case has to sign.
        """
        self._proposals.sign("hold-lifted", {"case": case})
