"""Help: every command has some, with an example, and it comes at once."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cli_kit
import click
import pytest

from vault import note
from vault.cli import evault, words
from vault.cli.group import Main
from vault.model import Role

HOME = Path("/nonexistent")


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command and noun, as typed."""
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        assert found is not None
        yield (*path, name)
        if isinstance(found, click.Group):
            yield from commands(found, (*path, name))


ALL = sorted(commands(evault))


def test_all_owed_commands_exist() -> None:
    """The commands of the design's first part are there."""
    owed = """init; join; status; identity create; identity show; identity contact; identity passwd;
    member add; member list; case open; case list; case show; case grant; add; list; show; view;
    get; check; log list; log verify; demo"""
    assert {tuple(name.split()) for name in owed.split(";")} <= set(ALL)


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_command_has_help_with_an_example(path: tuple[str, ...]) -> None:
    """Help says what a command does and shows how it is typed."""
    result = cli_kit.run(cli_kit.environment(HOME), *path, "--help")
    assert result.code == 0
    assert result.err == ""
    _usage, _line, rest = result.out.partition("\n")
    assert len(rest.split("Options:")[0].split()) >= 3
    assert f"evault {' '.join(path)}" in result.out.split("Examples:")[1]


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_examples_parse(path: tuple[str, ...]) -> None:
    """What help shows is what the parser takes."""
    found: click.Command | None = evault
    for name in path:
        assert isinstance(found, click.Group)
        found = found.get_command(click.Context(evault), name)
    assert found is not None
    for line in getattr(found, "examples", ()):
        words_of = shlex.split(line, comments=True)
        own = words_of[words_of.index("evault") + 1 :] if "evault" in words_of else None
        if own is None or isinstance(found, click.Group):
            continue
        stop = next((at for at, word in enumerate(own) if set(word) & set("|<>")), len(own))
        assert tuple(own[: len(path)]) == path
        found.make_context(path[-1], own[len(path) : stop], parent=click.Context(evault))


def test_help_states_the_rule_for_passphrases() -> None:
    """Whoever chooses a passphrase can know the rule before."""
    for name in ("create", "passwd"):
        result = cli_kit.run(cli_kit.environment(HOME), "identity", name, "--help")
        assert "at least 12 characters" in " ".join(result.out.split())


def test_help_of_the_whole_names_completion_and_exit_codes() -> None:
    """The first page is enough to begin."""
    result = cli_kit.run(cli_kit.environment(HOME), "--help")
    assert "evault completion" in result.out
    assert "Exit codes" in result.out
    for name in evault.list_commands(click.Context(evault)):
        assert f"  {name} " in result.out


def test_help_and_identities_wait_for_no_database() -> None:
    """Neither cryptography nor tables are loaded for help, nor tables for an identity."""
    code = (
        "import sys, vault.cli; vault.cli.main(['--help']); "
        "assert not {'sqlalchemy', 'cryptography', 'rich', 'argon2'} & set(sys.modules); "
        "vault.cli.main(['identity', 'show']); assert 'sqlalchemy' not in sys.modules"
    )
    env = cli_kit.environment(HOME)
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, env=env)


def test_no_command_at_all_shows_help_and_fails() -> None:
    """Nothing was asked for: usage, on standard error."""
    result = cli_kit.run(cli_kit.environment(HOME))
    assert result.code == 2
    assert result.out == ""
    assert "Commands:" in result.err


def test_a_missing_part_of_the_installation_breaks_only_its_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A command whose module is not there is a usage error, and help leaves it out."""
    monkeypatch.setitem(vault_commands(), "gone", "vault.cli.gone:gone")
    result = cli_kit.run(cli_kit.environment(HOME), "gone")
    assert result.code == 2
    assert "this installation has no `evault gone`" in result.err
    shown = cli_kit.run(cli_kit.environment(HOME), "--help")
    assert shown.code == 0
    assert "gone" not in shown.out


def vault_commands() -> dict[str, str]:
    """The table of daily commands."""
    from vault.cli import group

    return group.DAILY


def test_codes_are_those_of_the_library() -> None:
    """The lists that help shows without loading the library are the library's own."""
    assert tuple(words.PURPOSES) == note.PURPOSES
    assert set(words.ROLES) == {role.value for role in Role}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_what_a_shell_reads(shell: str) -> None:
    """The script calls evault back, and evault answers with its commands."""
    env = cli_kit.environment(HOME)
    assert "_EVAULT_COMPLETE" in cli_kit.run(env, "completion", shell).out
    at = "ca" if shell == "fish" else "1"
    asked = {"_EVAULT_COMPLETE": f"{shell}_complete", "COMP_WORDS": "evault ca", "COMP_CWORD": at}
    answer = cli_kit.run({**env, **asked}, *())
    assert answer.code == 0
    assert "case" in answer.out
    assert isinstance(evault, Main)


def test_the_version() -> None:
    """Programs that keep evidence say which they are."""
    result = cli_kit.run(cli_kit.environment(HOME), "--version")
    assert result.code == 0
    assert result.out.startswith("evault ")
