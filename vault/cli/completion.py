"""Shell completion: prints what a shell has to read."""

from __future__ import annotations

import click

from vault.cli.context import Call
from vault.cli.group import Command
from vault.cli.text import _

_SHELLS = ("bash", "zsh", "fish")


@click.command(
    cls=Command,
    help=_(
        """Print the completion script of a shell.

        The shell then completes commands and options with the tab key. It completes no names from
        the vault: for that, the vault would have to be open.
        """
    ),
    examples=(
        'eval "$(evault completion bash)"        # in ~/.bashrc',
        'eval "$(evault completion zsh)"         # in ~/.zshrc',
        "evault completion fish > ~/.config/fish/completions/evault.fish",
    ),
)
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_obj
def completion(call: Call, *, shell: str) -> None:
    """Print the completion script of a shell."""
    from click.shell_completion import get_completion_class

    from vault.cli import evault

    found = get_completion_class(shell)
    if found is not None:
        call.out.text(found(evault, {}, "evault", "_EVAULT_COMPLETE").source())
