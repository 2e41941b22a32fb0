"""Verifies a whole vault: first without keys, then with an identity's.

Without keys it finds whatever damage or loss there is among stored bytes: both logs must reproduce
their heads, every deposit and record must be what its entry says, every blob must have the bytes
that its records committed to. With keys come the signatures, the statements, the outcomes, the
secrets and the labels. Content is never decrypted: that would need a release.

`stored` needs no keys, `opened` does.
"""

from __future__ import annotations

from vault.audit import standing_warnings
from vault.check.findings import Problem, Progress, Report
from vault.check.opened import with_keys
from vault.check.stored import without_keys
from vault.errors import VerificationError
from vault.note import LOGS
from vault.session import Session
from vault.store import Store

__all__ = ["Problem", "Report", "check"]


def check(
    store: Store,
    session: Session | None = None,
    progress: Progress | None = None,
) -> Report:
    """Check a vault.

    Args:
        store: The vault's bytes.
        session: An unlocked member's; None for what can be checked without keys.
        progress: Called as blobs are read.

    Returns:
        The report; its list of problems is empty if all is well.

    Raises:
        FileError, BusyError: It could not be checked.
    """
    problems: list[Problem] = []
    warnings: list[Problem] = []
    with store.read() as reads:
        problems += [Problem("database", f"the database says: {line}") for line in reads.sound()]
        records, entries = reads.record_count(), sum(map(reads.length, LOGS))
        destroyed = 0
        try:
            destroyed = len(reads.tombstones())
            problems += without_keys(store, reads, progress or (lambda _: None))
            # What is damaged already is named once: keys would only say it again in other words.
            if session is not None and not problems:
                for proved, problem in with_keys(session, reads):
                    (problems if proved else warnings).append(problem)
        except VerificationError as error:
            # A value that cannot be read at all: what stands after it is not looked at.
            problems.append(Problem("database", error.message))
    if session is not None:
        warnings += (
            Problem(found.code, found.message, found.where)
            for found in standing_warnings(session.authority, session.now())
        )
    return Report(records, entries, problems, warnings, destroyed)
