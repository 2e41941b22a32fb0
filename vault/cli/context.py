"""One call of the command: its global options, the places it works in, and as whom."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NoReturn

from vault.cli.ask import Sources, Terminal, choosing, unlocking
from vault.cli.output import Output
from vault.cli.text import _, short_length
from vault.cli.words import PURPOSES
from vault.errors import (
    BusyError,
    Error,
    FileError,
    LockedError,
    LogError,
    NotFoundError,
    NoVaultError,
    UsageError,
)

if TYPE_CHECKING:
    from keys.identity import Identity
    from vault.session import Session, Titled

_TRIES = 3


@dataclass
class Call:
    """What the global options say. The command line fills it in while it is parsed."""

    vault: str | None = None
    identity: str | None = None
    json: bool = False
    no_input: bool = False
    passphrase_fd: int | None = None
    passphrase_command: str | None = None
    out: Output = field(default_factory=Output)
    _input_taken: bool = False

    # --- places ---------------------------------------------------------------------------------

    @property
    def home(self) -> Path:
        """The folder for the identity and for local state."""
        given = os.environ.get("EVAULT_HOME")
        if given:
            return Path(given)
        from platformdirs import user_data_path

        return user_data_path("evault", appauthor=False)

    @property
    def identity_file(self) -> Path:
        """The identity file that is used, or made."""
        named = self._named_identity
        return Path(named) if named else self.home / "identity"

    @property
    def vault_folder(self) -> Path:
        """The vault that is meant.

        Raises:
            NoVaultError: None is named, and the current folder is none.
        """
        named = self.vault or os.environ.get("EVAULT_VAULT")
        if named:
            return Path(named)
        here = Path.cwd()
        if (here / "FORMAT").is_file() and (here / "vault.db").is_file():
            return here
        raise NoVaultError(
            _("no vault is named, and this folder is none"),
            _("name one with --vault or EVAULT_VAULT, or make one with `evault init PATH`"),
        )

    @property
    def has_identity(self) -> bool:
        """Whether an identity is named or there is one in the usual place."""
        return bool(self._named_identity) or self.identity_file.exists()

    @property
    def _named_identity(self) -> str | None:
        return self.identity or os.environ.get("EVAULT_IDENTITY") or None

    # --- as whom --------------------------------------------------------------------------------

    @property
    def sources(self) -> Sources:
        """Where the passphrase of the identity comes from."""
        return Sources(
            _("Passphrase of {file}").format(file=self.identity_file),
            self.passphrase_fd,
            self.passphrase_command,
            "EVAULT_PASSPHRASE",
            ("--passphrase-fd", "--passphrase-command"),
        )

    def new_passphrase(self, sources: Sources | None = None) -> str:
        """A new passphrase. See `vault.cli.ask.choosing`."""
        return choosing(sources or self.sources, self.terminal)

    def unlock(self) -> Identity:
        """Open the identity file; who types a wrong passphrase may try again.

        Raises:
            LockedError: There is no identity, or no passphrase.
            FileError, MalformedError, WrongPassphraseError, VerificationError: as `keyfile.parse`.
        """
        from keys import keyfile
        from keys.errors import WrongPassphraseError

        path = self.identity_file
        if not self.has_identity:
            raise LockedError(
                _("there is no identity at {path}").format(path=path),
                _("make one with `evault identity create NAME`, or name one with --identity"),
            )
        data = keyfile.read_bytes(path)
        # Whoever gave another file should not have to type a passphrase to learn it.
        keyfile.cost_of(data)
        tries = _TRIES
        while True:
            passphrase, typed = unlocking(self.sources, self.terminal)
            tries -= 1
            try:
                return keyfile.parse(data, passphrase)
            except WrongPassphraseError as error:
                if self.terminal is None or not typed or not tries:
                    raise
                self.terminal.tell("{message}", message=error.message)

    @contextmanager
    def session(self, refused: Callable[[Identity], object] | None = None) -> Iterator[Session]:
        """An unlocked member at work in the vault; says as whom.

        Args:
            refused: Called, before the error is told, if the vault shows another history.

        Raises:
            Error: as `Session.open` and `unlock`.
        """
        path = self.vault_folder
        # Before the question for a passphrase, and before the libraries that a session needs.
        if not path.exists():
            raise NoVaultError(
                _("there is no vault at {path}").format(path=path),
                _("name one with --vault or EVAULT_VAULT, or make one with `evault init PATH`"),
            )
        from vault.session import Session
        from vault.store import folder

        folder.check_format(path)
        identity = self.unlock()
        try:
            opened = Session.open(path, identity, self.home)
        except LogError:
            if refused is not None:
                # What cannot be told about it must not hide what is wrong.
                with suppress(Error):
                    refused(identity)
            raise
        with opened as session:
            self.introduce(session)
            yield session

    def introduce(self, session: Session) -> None:
        """Say as whom this call acts, and where."""
        member = session.member
        self.out.note(
            _("as {name} ({roles}) in {path}"),
            name=member.name,
            roles=", ".join(sorted(member.roles)),
            path=session.store.path,
        )

    def settle(self, session: Session) -> None:
        """Give others the keys that they wait for; if that cannot be now, the act stands anyway."""
        try:
            session.settle()
        except (BusyError, FileError) as error:
            self.out.warn(
                _("those who wait for keys have to wait for another act: {message}"),
                message=error.message,
            )

    def standard_input(self) -> BinaryIO:
        """Standard input, for what is given as `-`.

        Raises:
            FileError: It is closed.
            UsageError: The passphrase or something else comes from there already.
        """
        if self.passphrase_fd == 0 or self._input_taken:
            raise UsageError(_("standard input cannot be two things at once"))
        if sys.stdin is None:
            raise FileError(_("standard input is closed"))
        self._input_taken = True
        return sys.stdin.buffer

    # --- what is missing ------------------------------------------------------------------------

    @cached_property
    def terminal(self) -> Terminal | None:
        """Somebody to ask; None with --no-input or without a terminal."""
        return None if self.no_input else Terminal.find()

    def missing(self, what: str, hint: str = "") -> NoReturn:
        """Refuse, because something was not given and nobody can be asked."""
        raise UsageError(_("missing {what}").format(what=what), hint or _("see --help"))

    def text(self, given: str | None, what: str, question: str) -> str:
        """A text that is needed: what was given, or what the person at the terminal says."""
        if given is not None:
            return given
        if self.terminal is None:
            self.missing(what)
        return self.terminal.ask(question)

    def purpose(self, given: str | None, why: str | None) -> tuple[str, str | None]:
        """A purpose and a reason in words: what was given, or chosen from a list."""
        if given is not None:
            return given, why
        if self.terminal is None:
            self.missing("--purpose", _("one of: ") + ", ".join(PURPOSES))
        purpose = self.terminal.choose(_("For which purpose?"), list(PURPOSES.items()))
        if why is None:
            question = _("Why, in words? Only holders of the case read it; it may be empty")
            why = self.terminal.ask(question, empty=True) or None
        return purpose, why

    def case(self, session: Session, given: str | None) -> Titled:
        """The case that is meant: what was given, or chosen from a list.

        Raises:
            NotFoundError, AmbiguousError: None or several fit.
        """
        if given is not None:
            return session.find_case(given)
        if self.terminal is None:
            self.missing("--case")
        cases = [case for case in session.cases() if not case.case.closed]
        if not cases:
            raise UsageError(
                _("there is no open case"), _("open one with `evault case open TITLE`")
            )
        options = [(case.id, case_words(case)) for case in cases]
        while True:
            answer = self.terminal.choose(_("Which case?"), options, free=True)
            try:
                return session.find_case(answer)
            except NotFoundError as error:
                self.terminal.tell("{message}", message=error.message)


def case_words(case: Titled) -> str:
    """A case in a few words: what this member can see of title and reference, else its id."""
    ref = case.case.ref
    if case.title is None:
        return ref or case.id
    return f"{case.title} ({ref})" if ref else case.title


def holds(session: Session, case: Titled) -> bool:
    """Whether this member holds a case, with or without its keys yet."""
    return session.authority.holds(session.member.id, case.id, session.now())


def shorten(session: Session, ids: Sequence[str]) -> dict[str, str]:
    """The beginnings of some record ids that tell them from all others in the vault."""
    with session.store.read() as reads:
        everything = reads.record_ids(bytes(16), b"\xff" * 16, most=1 << 40)
    from vault.ids import show

    length = short_length([show(record) for record in everything], 8)
    return {record: record[:length] for record in ids}


def inside(path: Path, folder: Path) -> bool:
    """Whether a path is, or would be, in a folder or the folder itself."""
    with suppress(OSError):
        return path.resolve().is_relative_to(folder.resolve())
    return False
