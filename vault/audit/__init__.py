"""The auditor's view of the access log: open, filter, verify.

An auditor opens the first compartment of every entry, a holder those of their own cases; only
holders open the second one, with the words of a reason. What cannot be opened is still proved to be
in the log.
"""

from vault.audit.access import Access, accesses, deposited
from vault.audit.exposure import Exposure, exposure
from vault.audit.verify import Problem, Verified, verify_log

__all__ = [
    "Access",
    "Exposure",
    "Problem",
    "Verified",
    "accesses",
    "deposited",
    "exposure",
    "verify_log",
]
