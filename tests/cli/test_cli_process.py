"""`evault` as a process of its own: closed streams, signals, a terminal."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from cli_kit import REF, World, command, environment, spawn

from vault.cli import main

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals and terminals of POSIX")

LARGE = 150 * 1024 * 1024
SECRET = "una frase bastante larga"


class Terminal:
    """A person at a pseudo-terminal."""

    def __init__(self, pid: int, fd: int) -> None:
        self.pid, self.fd, self.seen = pid, fd, ""

    def expect(self, text: str) -> None:
        """Read until a text appears."""
        deadline = time.monotonic() + 30
        while text not in self.seen:
            assert time.monotonic() < deadline, self.seen
            try:
                data = os.read(self.fd, 4096)
            except OSError:
                data = b""
            assert data, self.seen
            self.seen += data.decode()
        self.seen = self.seen.split(text, 1)[1]

    def type(self, text: str) -> None:
        """Type a line."""
        os.write(self.fd, text.encode() + b"\n")

    def press(self, key: bytes) -> None:
        """Press one key."""
        os.write(self.fd, key)

    def code(self) -> int:
        """The exit code, once it ended."""
        rest = b""
        try:
            while data := os.read(self.fd, 4096):
                rest += data
        except OSError:
            pass
        self.seen += rest.decode()
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


@contextmanager
def at_terminal(env: dict[str, str], *argv: object) -> Iterator[Terminal]:
    """Start `evault` at a pseudo-terminal of its own, with no passphrase in the environment."""
    import pty

    env = {name: value for name, value in env.items() if name != "EVAULT_PASSPHRASE"}
    words = command(*argv)
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(words[0], words, {**env, "TERM": "xterm", "COLUMNS": "80", "LINES": "24"})  # noqa: S606 - as a shell does
    terminal = Terminal(pid, fd)
    try:
        yield terminal
    finally:
        os.close(fd)


def test_an_identity_is_made_at_a_terminal(tmp_path: Path) -> None:
    """Name and passphrase are asked; the passphrase twice and unseen; a weak one again."""
    env = environment(tmp_path / "home")
    with at_terminal(env, "identity", "create", "--kdf-memory", 64) as terminal:
        terminal.expect("By which name")
        terminal.type("Zoë 👩‍⚖️ محامية")
        terminal.expect("Passphrase")
        terminal.type("weak")
        terminal.expect("random")
        terminal.expect("Passphrase")
        terminal.type(SECRET)
        terminal.expect("same again")
        terminal.type(SECRET + "x")
        terminal.expect("not the same")
        terminal.expect("Passphrase")
        terminal.type(SECRET)
        terminal.expect("same again")
        terminal.type(SECRET)
        assert terminal.code() == 0
        assert SECRET not in terminal.seen
        assert "Zoë 👩‍⚖️ محامية is " in terminal.seen
    shown = spawn({**env, "EVAULT_PASSPHRASE": SECRET}, "identity", "show", "--json")
    assert json.loads(shown.stdout)["name"] == "Zoë 👩‍⚖️ محامية"


def test_a_wrong_passphrase_may_be_tried_again_at_a_terminal(world: World) -> None:
    """Three times, then 12."""
    with at_terminal(world.env("ana"), "case", "list") as terminal:
        terminal.expect("Passphrase")
        terminal.type("wrong")
        terminal.expect("wrong passphrase")
        terminal.expect("Passphrase")
        terminal.type("a long secret of ana")
        assert terminal.code() == 0
    with at_terminal(world.env("ana"), "identity", "show") as terminal:
        for _try in range(3):
            terminal.expect("Passphrase")
            terminal.type("wrong")
        assert terminal.code() == 12


def test_what_is_missing_is_asked_at_a_terminal(world: World, tmp_path: Path) -> None:
    """Case, purpose, reason and place are chosen or typed; mistakes are asked again."""
    path = world.root / "evidence" / "carta.txt"
    with at_terminal(world.env("ana"), "add", path, "--ask") as terminal:
        terminal.expect("Title")
        terminal.type("Testimonio")
        terminal.expect("From whom")
        terminal.type("")
        terminal.expect("Collected when")
        terminal.type("ayer")
        terminal.expect("zone")
        terminal.expect("Collected when")
        terminal.type("2026-04-03")
        terminal.expect("Note")
        terminal.type("")
        terminal.expect("Passphrase")
        terminal.type("a long secret of ana")
        terminal.expect("Which case?")
        terminal.expect("[1]")
        terminal.type("no such")
        terminal.expect("no case")
        terminal.expect("[1]")
        terminal.type("")
        assert terminal.code() == 0
    out = tmp_path / "out.txt"
    with at_terminal(world.env("ben"), "get", world.records["carta.txt"]) as terminal:
        terminal.expect("Where to")
        terminal.type(str(out))
        terminal.expect("For which purpose?")
        terminal.type("12")
        terminal.expect("none of them")
        terminal.type("hearing")
        terminal.expect("Why")
        terminal.type("la audiencia")
        terminal.expect("Passphrase")
        terminal.type("a long secret of ben")
        assert terminal.code() == 0
    assert out.read_bytes() == path.read_bytes()
    seen = world.json("ana", "log", "list")[-2]
    assert (seen["purpose"], seen["why"]) == ("hearing", "la audiencia")


@pytest.mark.parametrize(("key", "code"), [(b"\x03", 130), (b"\x04", 130)])
def test_a_question_may_be_left(world: World, key: bytes, code: int) -> None:
    """Ctrl-C and Ctrl-D at a question: 130 and one line."""
    with at_terminal(world.env("ana"), "list") as terminal:
        terminal.expect("Passphrase")
        terminal.expect(": ")
        terminal.press(key)
        assert terminal.code() == code
        assert "evault: error: interrupted" in terminal.seen
        assert "Traceback" not in terminal.seen


def test_no_input_asks_nothing_at_a_terminal(world: World) -> None:
    """What is missing is an error then."""
    path = world.root / "evidence" / "carta.txt"
    for argv, code in ((("list",), 11), (("add", path), 2), (("case", "open"), 2)):
        with at_terminal(world.env("ana"), "--no-input", *argv) as terminal:
            assert terminal.code() == code


def test_text_on_a_terminal_is_shown_without_tricks(world: World) -> None:
    """`view` and `get -o -` at a terminal spell escape sequences out; bytes are refused."""
    secret = ("--passphrase-command", "echo a long secret of ben", "--purpose", "review")
    for verb in (("view",), ("get", "-o", "-")):
        with at_terminal(world.env("ben"), *verb, world.records["carta.txt"], *secret) as terminal:
            assert terminal.code() == 0
            assert "\\x1b[2J" in terminal.seen
            assert "\x1b[2J" not in terminal.seen
    with at_terminal(world.env("ben"), "get", "-o", "-", world.records["foto.bin"], *secret) as t:
        assert t.code() == 15


def test_a_closed_standard_output_is_refused_before_anything_is_done(world: World) -> None:
    """A result that nobody could see: 15, and nothing was stored."""
    path = world.root / "evidence" / "carta.txt"
    words = command("add", path, "--case", REF)
    shell = ["sh", "-c", 'exec "$@" >&-', "sh", *words]
    done = subprocess.run(
        shell, env=world.env("ana"), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False
    )
    assert done.returncode == 15
    assert b"standard output is closed" in done.stderr
    assert len(world.json("ana", "list")) == 5


def test_a_pipe_that_nobody_reads_and_a_full_device(world: World) -> None:
    """Exit code 15 and one line; of a list that nobody reads on, 141 and none. No trace, also not
    from Python's last flush."""
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as gone, Path("/dev/full").open("wb") as full:
        for stream in (gone, full):
            for argv in (("list",), ("--json", "list"), ("log", "list"), ("identity", "contact")):
                quiet = stream is gone and "list" in argv
                done = spawn(world.env("ana"), *argv, stdout=stream)
                assert done.returncode == (141 if quiet else 15), done.stderr
                assert (b"standard output" in done.stderr) is not quiet
                assert b"error" not in done.stderr or not quiet
                assert b"Traceback" not in done.stderr
                assert b"Exception ignored" not in done.stderr


def test_a_reader_who_has_seen_enough(world: World) -> None:
    """What only shows things may be cut short by `head`; content that was is an error."""
    read, write = os.pipe()
    os.close(read)
    record = world.records["foto.bin"]
    content = ("get", record, "-o", "-", "--purpose", "review")
    with os.fdopen(write, "wb") as gone:
        for argv in (("status",), ("case", "list"), ("log", "who", REF), ("log", "denied")):
            done = spawn(world.env("ana"), *argv, stdout=gone)
            assert (done.returncode, b"error" in done.stderr) == (141, False), done.stderr
        done = spawn(world.env("ana"), *content, stdout=gone)
        assert (done.returncode, b"closed before everything" in done.stderr) == (15, True)


def test_closed_standard_input_and_error(world: World) -> None:
    """Nothing to read is a line; nowhere to complain is an exit code."""
    words = command("add", "-", "--case", REF)
    for redirect, code in (("<&-", 15), ("2>&- <&-", 15)):
        shell = ["sh", "-c", f'exec "$@" {redirect}', "sh", *words]
        done = subprocess.run(shell, env=world.env("ana"), check=False, capture_output=True)
        assert done.returncode == code
    shell = ["sh", "-c", 'exec "$@" 2>&-', "sh", *command("list")]
    done = subprocess.run(shell, env=world.env("ana"), check=False, stdout=subprocess.PIPE)
    assert done.returncode == 0
    assert b"carta.txt" in done.stdout


def test_a_name_that_the_locale_does_not_have(world: World) -> None:
    """Escaped, not fatal."""
    env = {**world.env("ben"), "PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
    done = spawn(env, "list")
    assert done.returncode == 0
    assert b"vac\\xedo.txt" in done.stdout


def test_a_passphrase_from_an_inherited_descriptor(world: World) -> None:
    """As a keyring or a password manager hands it over."""
    read, write = os.pipe()
    os.write(write, b"a long secret of ana\n")
    os.close(write)
    env = {**world.env("ana"), "EVAULT_PASSPHRASE": ""}
    done = spawn(env, "list", "--passphrase-fd", read, pass_fds=(read,))
    os.close(read)
    assert done.returncode == 0


def sparse(path: Path) -> Path:
    """A large file that takes no space."""
    with path.open("wb") as file:
        file.truncate(LARGE)
    return path


@contextmanager
def running(env: dict[str, str], *argv: object) -> Iterator[subprocess.Popen[bytes]]:
    """`evault` at work in a process that does not outlive the test."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command(*argv), env=env, stdin=subprocess.DEVNULL, **pipes) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    """Wait until something is so, while a process runs."""
    deadline = time.monotonic() + 60
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.005)


def writes_below(folder: Path, process: subprocess.Popen[bytes]) -> bool:
    """Whether a process has an open file with something in it in a folder; it may be nameless."""
    for descriptor in Path(f"/proc/{process.pid}/fd").iterdir():
        with suppress(OSError):
            if str(descriptor.readlink()).startswith(f"{folder}/") and descriptor.stat().st_size:
                return True
    return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_in_the_middle_of_a_large_add(
    world: World, tmp_path: Path, number: signal.Signals
) -> None:
    """130 and a line; nothing is stored, nothing half-written remains, the vault is sound."""
    path, before = sparse(tmp_path / "large"), world.blobs
    with running(world.env("ana"), "add", path, "--case", REF, "--json") as process:
        wait_for(lambda: any(one.stat().st_size > 5_000_000 for one in world.blobs), process)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == b""
    assert json.loads(err.splitlines()[-1])["code"] == "interrupted"
    assert b"Traceback" not in err
    assert world.blobs == before
    assert world.json("ana", "check")[-1]["records"] == 5


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="looks into the process")
def test_a_signal_in_the_middle_of_a_large_get(world: World, tmp_path: Path) -> None:
    """130; no file, no folder, no receipt."""
    (record,) = world.json("ana", "add", sparse(tmp_path / "large"), "--case", REF)
    out = tmp_path / "new" / "out"
    argv = ("get", record["record"], "-o", out, "--purpose", "review")
    with running(world.env("ana"), *argv) as process:
        wait_for(lambda: writes_below(out.parent, process), process)
        process.send_signal(signal.SIGINT)
        _out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"Traceback" not in err
    assert not out.parent.exists()
    assert "receipt" not in [entry["kind"] for entry in world.log()]


def test_an_act_that_was_kept_is_not_taken_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Interrupted after the log has the deposit: the evidence stays, whole."""
    from vault.client import Client

    def interrupted(*_arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Client, "_check", interrupted)
    path = world.root / "evidence" / "foto.bin"
    world("ana", "add", path, "--case", REF, code=130)
    monkeypatch.undo()
    assert len(world.json("ana", "list")) == 6
    assert world.json("ana", "check")[-1]["problems"] == 0


def test_a_mistake_of_our_own_is_one_line_without_secrets(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 1, type and place; the exception's text only with EVAULT_DEBUG."""
    from vault.session import Session

    def broken(*_arguments: object) -> None:
        raise RuntimeError("a secret")

    monkeypatch.setattr(Session, "cases", broken)
    result = world("ana", "--json", "case", "list", code=1)
    assert "secret" not in result.err
    assert "RuntimeError" in result.error["message"]
    from cli_kit import run

    shown = run(world.env("ana", EVAULT_DEBUG="1"), "case", "list")
    assert "Traceback" in shown.err


def test_main_returns_its_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """The installed command and `python -m vault.cli` end with it."""
    monkeypatch.setattr(sys, "argv", ["evault", "--version"])
    assert main() == 0
    assert spawn(dict(os.environ), "no-such").returncode == 2
