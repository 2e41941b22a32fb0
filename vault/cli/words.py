"""What the codes that people choose from mean, in words.

The codes stand here and not only in the library because help must not wait for the library to load;
a test compares the two.
"""

from __future__ import annotations

from vault.cli.text import _

PURPOSES = {
    "review": _("to see what there is"),
    "preparation": _("to prepare a case"),
    "filing": _("to file it with a court or an authority"),
    "hearing": _("for a hearing"),
    "disclosure": _("to disclose it to the other side"),
    "translation": _("to have it translated"),
    "safety": _("to protect somebody"),
    "verification": _("to verify it"),
    "other": _("something else: say it in words"),
}

ROLES = {
    "steward": _("adds and removes members; cannot read cases"),
    "advocate": _("opens cases, stores evidence, grants cases to others"),
    "attorney": _("stores evidence and retrieves it from granted cases"),
    "auditor": _("reviews who opened what; never evidence; no other role"),
}

BASES = {
    "stated": _("stated"),
    "copied": _("copied"),
    "observed": _("observed by evault"),
}
