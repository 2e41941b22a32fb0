"""Who may do what: a pure replay of signed statements, and the one place that says so.

`state` is what is known after some statements, `apply` the rules for each statement (those of
`membership` and `cases`, made of `parts`), `quorum` who has signed where several must, `judge` the
rules for acts on records, `approvals` those for acts that others must approve, `recipients` to whom
an entry is sealed. Nothing here reads, writes, or asks the time: the same statements give the same
authority on every machine.
"""

from vault.authority.apply import apply, draft
from vault.authority.judge import judge
from vault.authority.recipients import (
    access_recipients,
    authority_recipients,
    case_recipients,
    secret_recipients,
)
from vault.authority.state import Authority

__all__ = [
    "Authority",
    "access_recipients",
    "apply",
    "authority_recipients",
    "case_recipients",
    "draft",
    "judge",
    "secret_recipients",
]
