"""The auditor's view of the access log: open, filter, verify.

An auditor opens the first compartment of every entry, a holder those of their own cases; only
holders open the second one, with the words of a reason. What cannot be opened is still proved to be
in the log. `boxes` tells whether each is sealed to those who should read it, and `standing` what is
allowed and should not stay so.
"""

from vault.audit.access import Access, Entry, accesses, deposited, entry_at, with_reasons
from vault.audit.boxes import Boxes, Finding
from vault.audit.exposure import Exposure, exposure
from vault.audit.findings import Notice, Problem, Step, Verified
from vault.audit.standing import Standing, standing_warnings
from vault.audit.tickets import exposed_deposits
from vault.audit.verify import Audit, verify

__all__ = [
    "Access",
    "Audit",
    "Boxes",
    "Entry",
    "Exposure",
    "Finding",
    "Notice",
    "Problem",
    "Standing",
    "Step",
    "Verified",
    "accesses",
    "deposited",
    "entry_at",
    "exposed_deposits",
    "exposure",
    "standing_warnings",
    "verify",
    "with_reasons",
]
