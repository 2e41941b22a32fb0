"""`evault demo`: the whole story in a scratch vault, narrated."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vault.cli import samples
from vault.cli.context import Call
from vault.cli.group import Command
from vault.cli.text import _
from vault.errors import DeniedError, VerificationError

if TYPE_CHECKING:
    from keys.identity import Identity
    from vault.deposit import Stored
    from vault.session import Session

_TITLE = "Raids in April"
_WHY = "motion to terminate proceedings"
_PEOPLE = ("Ana Ruiz", "Ben Okafor", "Dolores Haddad")
_PASSPHRASE = "the scratch vault of a demonstration"  # noqa: S105 - it guards nothing
_MANY = 12
_LEAST = 6


@click.command(
    cls=Command,
    help=_(
        """Tell the whole story in a scratch vault that is deleted in the end.

        An advocate stores evidence, an attorney is refused and then granted the case, an auditor
        reads who opened what, and a thief reads nothing. FILEs are stored instead of samples; they
        are only read.
        """
    ),
    examples=("evault demo", "evault demo photo.jpg statement.pdf"),
)
@click.argument("files", nargs=-1, type=click.Path(path_type=Path), metavar="[FILE]...")
@click.pass_obj
def demo(call: Call, *, files: tuple[Path, ...]) -> None:
    """Tell the whole story."""
    with tempfile.TemporaryDirectory(prefix="evault-demo-") as scratch, ExitStack() as stack:
        _Story(call, Path(scratch), stack).tell(files)


class _Story:
    """The story, told as it happens."""

    def __init__(self, call: Call, scratch: Path, stack: ExitStack) -> None:
        self._out = call.out
        self._scratch = scratch
        self._stack = stack
        self._step = 0

    def tell(self, files: Sequence[Path]) -> None:
        from keys.identity import Identity
        from vault.session import Session

        ana_id, ben_id, dolores_id = (Identity.create(name) for name in _PEOPLE)
        vault = self._scratch / "vault"

        self._scene(_("Ana Ruiz, an advocate, creates a vault."))
        ana = self._enter(Session.create(vault, ana_id, self._home("ana")))
        self._tell(_("Its fingerprint, to be compared in person: {print}"), print=ana.fingerprint)

        self._scene(_("She adds an attorney and an auditor; both join with the fingerprint."))
        from vault.model import Role

        ana.add_member(ben_id.contact().note, [Role.ATTORNEY])
        ana.add_member(dolores_id.contact().note, [Role.AUDITOR])
        ben = self._enter(Session.join(vault, ben_id, self._home("ben"), ana.fingerprint))
        dolores = self._enter(
            Session.join(vault, dolores_id, self._home("dolores"), ana.fingerprint)
        )
        for member in ana.members():
            roles = ", ".join(sorted(member.roles))
            self._tell("{name}: {roles}", name=member.name, roles=roles)

        self._scene(_("Ana opens a case and stores evidence in it."))
        case = ana.open_case(_TITLE, "2026-014")
        stored = ana.add(list(files) or samples.write(self._folder("evidence")), case.id)
        for record in stored[:_MANY]:
            self._tell(
                "{id}  {size} bytes  {name}",
                id=record.record[:8],
                size=record.size,
                name=record.name,
            )
        self._more(len(stored))

        self._scene(_("Ben Okafor asks for the first record. He was not granted the case."))
        self._refused(ben, stored[0])

        self._scene(_("Ana grants him the case. He asks again, with a purpose and a reason."))
        ana.grant(case.id, ben.member.id)
        self._fetch(ben, stored)

        self._scene(_("Dolores Haddad, the auditor, reads the log. She cannot open evidence."))
        dolores.settle()
        self._refused(dolores, stored[0])
        self._log(dolores, ana)

        self._scene(_("Anyone can check that nothing was changed."))
        self._check(dolores)

        self._scene(_("A thief takes the disk: the vault, the identity files, the local state."))
        self._identities((ana_id, ben_id, dolores_id))
        self._thief(stored, files)
        self._tell(_("Limits: see SECURITY.md. On one machine every member can act as the gate."))

    # --- scenes ---------------------------------------------------------------------------------

    def _refused(self, who: Session, record: Stored) -> None:
        try:
            who.release([record.record], "review")
        except DeniedError as error:
            self._tell(
                _("Refused: {message}. Entry {entry} of the log says so."),
                message=error.message,
                entry=error.entry,
            )
        else:
            raise VerificationError("a release that must be refused was not")

    def _fetch(self, ben: Session, stored: Sequence[Stored]) -> None:
        from vault import outfile

        folder = self._folder("retrieved")
        wanted = {record.record: record for record in stored}
        opened = ben.release(list(wanted), "preparation", _WHY)
        for number, got in enumerate(opened):
            path = (
                folder / f"{number}-{outfile.safe_name(str(got.listed.label.values['name'])).name}"
            )
            outfile.write_new(path, ben.content(got))
            if number < _MANY:
                self._tell(
                    _("{name}: SHA-256 {hash}... is that of the original"),
                    name=path.name.partition("-")[2],
                    hash=wanted[got.listed.id].sha256[:16],
                )
        ben.receive(opened)
        self._more(len(opened))

    def _log(self, dolores: Session, ana: Session) -> None:
        for access in dolores.log():
            self._tell(
                _("{index}  {who}  {kind}  {purpose}  {outcome}"),
                index=access.index,
                who=access.actor_name,
                kind=access.kind,
                purpose=access.purpose or "-",
                outcome=access.outcome,
            )
        hers = sum(access.why is not None for access in dolores.log())
        why = [access.why for access in ana.log() if access.why]
        if hers or why != [_WHY] or any(case.title for case in dolores.cases()):
            raise VerificationError("somebody can read more or less than they must")
        self._tell(_("She sees neither the case's title nor Ben's reason; Ana, a holder, does."))

    def _check(self, session: Session) -> None:
        from vault.check import check

        verified, problems = session.verify()
        for log in verified:
            self._tell(
                _("the {log} log: {size} entries, root {root}..."),
                log=log.log,
                size=log.size,
                root=log.root[:16],
            )
        report = check(session.store, session)
        self._tell(
            _("{records} records, {entries} entries, {problems} problems"),
            records=report.records,
            entries=report.entries,
            problems=len(report.problems) + len(problems),
        )
        if report.problems or problems:
            raise VerificationError("the check of the scratch vault found a problem")

    def _identities(self, identities: Sequence[Identity]) -> None:
        from keys import keyfile

        for identity, home in zip(identities, ("ana", "ben", "dolores"), strict=True):
            keyfile.write(self._home(home) / "identity", identity, _PASSPHRASE, keyfile.LEAST)

    def _thief(self, stored: Sequence[Stored], files: Sequence[Path]) -> None:
        names = {record.name for record in stored}
        ids = {record.record for record in stored}
        secrets = [*names, *ids, *_PEOPLE, _TITLE, _WHY, "preparation"]
        secrets += [] if files else ["Instigators go first", "NOTICE TO APPEAR"]
        # A name of a few letters can stand in any ciphertext by chance.
        secrets = [secret for secret in secrets if len(secret.encode()) >= _LEAST]
        found: list[str] = []
        total = count = 0
        for path, data in self._taken():
            count, total = count + 1, total + len(data)
            found += [secret for secret in secrets if secret.encode() in data]
            if count <= _MANY:
                self._tell(
                    "{size} bytes  {path}  {start}...",
                    size=len(data),
                    path=path.relative_to(self._scratch),
                    start=data[:8].hex(),
                )
        self._tell(
            _("{count} files, {total} bytes. Of {many} names, titles, ids and reasons: {found}."),
            count=count,
            total=total,
            many=len(secrets),
            found=", ".join(found) or _("none"),
        )
        if found:
            raise VerificationError("a thief would read something in the scratch vault")

    def _taken(self) -> Iterator[tuple[Path, bytes]]:
        for place in ("vault", "homes"):
            for path in sorted((self._scratch / place).rglob("*")):
                if path.is_file():
                    yield path, path.read_bytes()

    # --- telling --------------------------------------------------------------------------------

    def _scene(self, text: str) -> None:
        self._step += 1
        self._out.say()
        self._out.say("{step}. {text}", step=self._step, text=text)

    def _tell(self, text: str, **values: Any) -> None:
        self._out.say("   " + text, **values)

    def _more(self, count: int) -> None:
        if count > _MANY:
            self._tell(_("... and {count} more"), count=count - _MANY)

    def _enter(self, session: Session) -> Session:
        self._stack.callback(session.close)
        return session

    def _home(self, name: str) -> Path:
        return self._folder(f"homes/{name}")

    def _folder(self, name: str) -> Path:
        path = self._scratch / name
        path.mkdir(parents=True, exist_ok=True)
        return path
