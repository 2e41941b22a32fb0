"""Where something that is taken out of a vault may be written."""

from __future__ import annotations

import os
from pathlib import Path

from vault.cli.context import inside
from vault.cli.text import _
from vault.errors import FileError

_ELSEWHERE = _("choose another place with -o")


def refuse_place(path: Path, vault: Path) -> None:
    """Refuse a place where nothing can be written, before the log says that something left.

    Raises:
        FileError: It is in the vault, its folder is not there or not writable, or something is
            there already.
    """
    if inside(path, vault):
        raise FileError(
            _("{path} is in the vault's own folder").format(path=path),
            _("choose another place with -o: what can be read does not belong there"),
        )
    if not path.parent.is_dir():
        raise FileError(
            _("there is no folder {path}").format(path=path.parent),
            _("make it first, or choose another place with -o"),
        )
    if os.path.lexists(path):
        raise FileError(_("{path} exists already").format(path=path), _ELSEWHERE)
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise FileError(_("the folder {path} is not writable").format(path=path.parent), _ELSEWHERE)
