"""How commands are made: global options before and after the subcommand, help with examples, and
modules that are loaded only when their command is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import click

from vault.cli.context import Call
from vault.cli.text import _
from vault.errors import UsageError

DAILY = {
    "init": "vault.cli.vaults:init",
    "join": "vault.cli.vaults:join",
    "status": "vault.cli.status:status",
    "add": "vault.cli.add:add",
    "list": "vault.cli.evidence:list_records",
    "show": "vault.cli.evidence:show",
    "view": "vault.cli.evidence:view",
    "get": "vault.cli.get:get",
    "request": "vault.cli.requests:request",
    "requests": "vault.cli.requests:list_requests",
    "approve": "vault.cli.requests:approve",
    "deny": "vault.cli.requests:deny",
    "destroy": "vault.cli.requests:destroy",
    "endorse": "vault.cli.proposals:endorse",
    "collect": "vault.cli.collect:collect",
    "accept": "vault.cli.collect:accept",
    "check": "vault.cli.check:check",
    "verify-proof": "vault.cli.proofs:verify_proof",
    "demo": "vault.cli.demo:demo",
}
NOUNS = {
    "identity": "vault.cli.identity:identity",
    "recovery": "vault.cli.recovery:recovery",
    "member": "vault.cli.member:member",
    "device": "vault.cli.device:device",
    "case": "vault.cli.case:case",
    "ticket": "vault.cli.ticket:ticket",
    "log": "vault.cli.log:log",
    "completion": "vault.cli.completion:completion",
}


def _remember(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    call = context.find_object(Call)
    # Zero is a descriptor, so nothing may be compared with False here.
    if call is not None and value is not None and value is not False and parameter.name:
        setattr(call, parameter.name, value)
        call.out.json = call.json


class Text(click.ParamType[str]):
    """A text that somebody wrote: any line breaks, but valid Unicode."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Refuse bytes that are not UTF-8."""
        text = str(value)
        try:
            text.encode()
        except UnicodeEncodeError:
            self.fail(_("it is not valid UTF-8"), param, ctx)
        return text


class Place(click.ParamType[str]):
    """A path. An empty one would be the current folder, and is an unset variable in a script."""

    name = "path"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Refuse an empty path."""
        text = str(value)
        if not text:
            self.fail(_("a path is not empty"), param, ctx)
        return text


TEXT = Text()
PLACE = Place()


def global_options(*, hidden: bool) -> list[click.Parameter]:
    """The options that every command takes, before or after its name."""
    common: dict[str, Any] = {"callback": _remember, "expose_value": False, "hidden": hidden}
    return [
        click.Option(
            ["--vault"],
            type=PLACE,
            metavar="PATH",
            help=_("The vault.  [EVAULT_VAULT; else the current folder, if it is one]"),
            **common,
        ),
        click.Option(
            ["--identity"],
            type=PLACE,
            metavar="FILE",
            help=_("The identity file.  [EVAULT_IDENTITY; else `identity` in EVAULT_HOME]"),
            **common,
        ),
        click.Option(
            ["--json"],
            is_flag=True,
            help=_("For programs: one JSON object per line on standard output."),
            **common,
        ),
        click.Option(
            ["--no-input"],
            is_flag=True,
            help=_("Ask nothing: what is missing is an error."),
            **common,
        ),
        click.Option(
            ["--passphrase-fd"],
            type=click.IntRange(min=0),
            metavar="N",
            help=_("Read the passphrase from this file descriptor."),
            **common,
        ),
        click.Option(
            ["--passphrase-command"],
            metavar="COMMAND",
            help=_("Run this command, without a shell, and take what it prints."),
            **common,
        ),
    ]


class Command(click.Command):
    """A command with examples.

    Args:
        examples: Lines as they are typed.
        partial: Whether it only shows things, so that who reads them may stop when they have seen
            enough: `evault log list | head`.
    """

    def __init__(
        self,
        *args: Any,
        examples: Sequence[str] = (),
        partial: bool = False,
        **settings: Any,
    ) -> None:
        super().__init__(*args, **settings)
        self.examples = tuple(examples)
        self.partial = partial
        self.params += global_options(hidden=True)

    def invoke(self, ctx: click.Context) -> Any:
        """Run it."""
        call = ctx.find_object(Call)
        if call is not None:
            call.out.partial = self.partial
        return super().invoke(ctx)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples."""
        _write_examples(self.examples, formatter)
        super().format_epilog(ctx, formatter)


class Noun(click.Group):
    """A group of commands about one thing.

    Args:
        examples: Lines as they are typed.
        later: Commands whose modules are loaded when they are asked for: `module:name` by name.
    """

    command_class = Command

    def __init__(
        self,
        *args: Any,
        examples: Sequence[str] = (),
        later: Mapping[str, str] | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(*args, **settings)
        self.examples = tuple(examples)
        self.later = dict(later or {})
        self.params += global_options(hidden=True)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands, those that are here first."""
        del ctx
        return [*self.commands, *self.later]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A command, loaded if it is not here."""
        if cmd_name in self.later:
            return _load(self.later[cmd_name])
        return super().get_command(ctx, cmd_name)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples."""
        _write_examples(self.examples, formatter)
        super().format_epilog(ctx, formatter)


class Main(click.Group):
    """The whole command; loads the module of a subcommand when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands, daily ones first."""
        del ctx
        return [*DAILY, *NOUNS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a command.

        Raises:
            UsageError: Its module is not part of this installation.
        """
        del ctx
        place = (DAILY | NOUNS).get(cmd_name)
        if place is None:
            return None
        module = place.partition(":")[0]
        try:
            return _load(place)
        except ModuleNotFoundError as error:
            if error.name != module:
                raise
            raise UsageError(
                _("this installation has no `evault {name}`").format(name=cmd_name)
            ) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what the commands are for, in two parts."""
        for title, names in ((_("Commands"), DAILY), (_("More commands"), NOUNS)):
            rows = []
            for name in names:
                try:
                    command = self.get_command(ctx, name)
                except UsageError:
                    continue
                if command is not None:
                    rows.append((name, command.get_short_help_str(limit=65)))
            with formatter.section(title):
                formatter.write_dl(rows)


def _load(place: str) -> click.Command:
    module, _colon, name = place.partition(":")
    found = getattr(import_module(module), name)
    if not isinstance(found, click.Command):
        raise TypeError(place)
    return found


def _write_examples(examples: Sequence[str], formatter: click.HelpFormatter) -> None:
    with formatter.section(_("Examples")):
        for line in examples:
            formatter.write(f"{'':>{formatter.current_indent}}{line}\n")
    formatter.write_paragraph()
    formatter.write_text(_("Options that every command takes: see `evault --help`."))
