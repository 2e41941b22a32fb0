"""`evault recovery`: an identity comes back from pages, with no vault in reach."""

from __future__ import annotations

import dataclasses
import os
import re
import stat
from pathlib import Path

import pytest
import shamir_mnemonic
from cli_kit import Result, environment, run

from keys import keyfile, recovery
from keys.identity import Identity
from vault import outfile
from vault.cli import pages
from vault.cli.recovery import tell_pages
from vault.errors import FileError
from vault.model import Position

ANA = Identity(bytes(range(32)), "Ana Pérez, بن 👩‍⚖️")
SHARES = recovery.split(ANA, 5, 3)
ABOUT = pages.About(
    ANA.name,
    ANA.device,
    5,
    1776162123,
    "91ab" * 16,
    Position(17, "0c" * 32),
    Position(40, "1d" * 32),
)
PASSPHRASE = "una frase bastante larga"


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    """The five pages, in files."""
    folder = tmp_path / "pages"
    folder.mkdir()
    return pages.write(folder, SHARES, ABOUT)


def evault(tmp_path: Path, *argv: object, stdin: bytes = b"", **more: str) -> Result:
    """Run `evault recovery --json` as somebody who has nothing."""
    env = environment(tmp_path / "home", **{"EVAULT_PASSPHRASE": PASSPHRASE, **more})
    result = run(env, "--json", "recovery", *argv, stdin=stdin)
    assert "Traceback" not in result.err
    return result


def combine(tmp_path: Path, *argv: object, stdin: bytes = b"", **more: str) -> Result:
    """Combine shares into a file."""
    options = ("-o", tmp_path / "back", "--kdf-memory", 64)
    return evault(tmp_path, "combine", *options, *argv, stdin=stdin, **more)


def typed(share: recovery.Share) -> str:
    """The words as somebody types them."""
    return "\n".join(f"{number} {word.upper()}" for number, word in enumerate(share.words, 1))


# --- combine --------------------------------------------------------------------------------------


def test_combine_brings_the_identity_back(tmp_path: Path, paths: list[Path]) -> None:
    """From any three pages; the file is the owner's alone and opens to the same seed."""
    result = combine(tmp_path, *paths[2:])
    back = tmp_path / "back"
    assert result.object == {
        "type": "identity",
        "schema": 1,
        "member": ANA.device,
        "name": ANA.name,
        "file": str(back),
    }
    assert stat.S_IMODE(back.stat().st_mode) == 0o600
    found = keyfile.read(back, PASSPHRASE)
    assert (found.seed(), found.name) == (ANA.seed(), ANA.name)
    assert keyfile.cost_of(back.read_bytes()).memory == 64 * 1024


def test_people_are_told_what_to_do_next(tmp_path: Path, paths: list[Path]) -> None:
    """Join with the fingerprint of the page, take in a laptop, revoke the old one, clean up."""
    env = environment(tmp_path, EVAULT_PASSPHRASE=PASSPHRASE)
    options = ("-o", tmp_path / "back", "--kdf-memory", 64)
    result = run(env, "recovery", "combine", *paths[:3], *options)
    assert ANA.device in result.out
    for part in (f"--fingerprint {ABOUT.fingerprint}", "device add", "device revoke", "delete"):
        assert part in result.err
    assert "--seen 17:" in result.err
    assert ",40:" in result.err


def test_a_shared_identity_has_other_next_steps(tmp_path: Path) -> None:
    """It belongs to nobody: it gives its cases to an advocate."""
    about = dataclasses.replace(ABOUT, name="Casa Común", cases=("2026-014",))
    paths = pages.write(tmp_path, SHARES, about)
    env = environment(tmp_path, EVAULT_PASSPHRASE=PASSPHRASE)
    options = ("-o", tmp_path / "back", "--kdf-memory", 64)
    result = run(env, "recovery", "combine", *paths[:3], *options)
    assert "Casa Común" in result.out
    assert "case grant" in result.err
    assert "device revoke" not in result.err


def test_combine_takes_typed_words_and_a_name(tmp_path: Path, paths: list[Path]) -> None:
    """Words alone have no name: it is asked for, or given."""
    files = []
    for at in (0, 4):
        files.append(tmp_path / f"typed-{at}")
        files[-1].write_text(typed(SHARES[at]))
    words = (tmp_path / "typed-0", tmp_path / "typed-4", tmp_path / "typed-2")
    words[2].write_bytes(b"\xef\xbb\xbf" + typed(SHARES[2]).replace("\n", "\r\n").encode())
    missing = combine(tmp_path, *words)
    assert missing.code == 2
    assert "--name" in missing.error["message"]
    assert not (tmp_path / "back").exists()
    assert combine(tmp_path, *words, "--name", "Ana").object["name"] == "Ana"


def test_a_name_of_ones_own_goes_before_that_of_the_page(tmp_path: Path, paths: list[Path]) -> None:
    """And a name that is none is a mistake in usage."""
    assert combine(tmp_path, *paths[:3], "--name", "a\nb").code == 2
    assert combine(tmp_path, *paths[:3], "--name", "Anita").object["name"] == "Anita"


@pytest.mark.parametrize("gap", ["\n", "\n\n", " "])
def test_combine_reads_standard_input(tmp_path: Path, paths: list[Path], gap: str) -> None:
    """Pages or words, one share after the other, and a file beside it."""
    several = gap.join(typed(share) for share in SHARES[:2]).encode()
    result = combine(tmp_path, "-", paths[3], stdin=several)
    assert result.object["member"] == ANA.device
    (tmp_path / "back").unlink()
    printed = b"".join(path.read_bytes() for path in paths)
    assert combine(tmp_path, "-", stdin=printed).object["name"] == ANA.name
    assert combine(tmp_path, "-", "-", "-o", tmp_path / "2", stdin=printed).code == 2


def test_standard_input_is_not_two_things(tmp_path: Path) -> None:
    """Words and the passphrase do not come from one place."""
    env = environment(tmp_path, EVAULT_PASSPHRASE="")
    argv = ("recovery", "combine", "-", "-o", tmp_path / "back", "--passphrase-fd", 0)
    assert run(env, *argv, stdin=typed(SHARES[0]).encode()).code == 2


def test_an_existing_file_is_never_overwritten(tmp_path: Path, paths: list[Path]) -> None:
    """It is said before the shares are read and before anybody thinks of a passphrase."""
    (tmp_path / "back").write_bytes(b"precious")
    assert combine(tmp_path, *paths[:3]).code == 15
    assert combine(tmp_path, paths[0]).code == 15
    assert combine(tmp_path, *paths[:3], EVAULT_PASSPHRASE="").code == 15
    assert (tmp_path / "back").read_bytes() == b"precious"


def test_a_weak_passphrase_makes_no_file(tmp_path: Path, paths: list[Path]) -> None:
    """The rule is that of `identity create`."""
    env = environment(tmp_path, EVAULT_PASSPHRASE="short")
    result = run(env, "recovery", "combine", *paths[:3], "-o", tmp_path / "back")
    assert result.code == 2
    assert "weak" in result.err
    assert not (tmp_path / "back").exists()


# --- drill ----------------------------------------------------------------------------------------


def snapshot(folder: Path) -> dict[Path, bytes]:
    """All files in a folder."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_drill_says_that_shares_work_and_writes_nothing(tmp_path: Path, paths: list[Path]) -> None:
    """Which device, how many were tried, how many it takes; no passphrase is asked for."""
    before = snapshot(tmp_path)
    result = evault(tmp_path, "drill", *paths[1:], EVAULT_PASSPHRASE="")
    assert result.object == {
        "type": "drill",
        "schema": 1,
        "device": ANA.device,
        "shares": 4,
        "threshold": 3,
        "of": 5,
        "works": True,
    }
    assert snapshot(tmp_path) == before


def test_drill_speaks_to_people(tmp_path: Path, paths: list[Path]) -> None:
    """In groups to compare, with K of N; without pages it says what it could not compare."""
    shown = run(environment(tmp_path), "recovery", "drill", *paths[:3])
    assert ANA.device in shown.out.replace(" ", "")
    assert "3 of 5 were tried; any 3 are enough" in shown.out
    words = "\n".join(typed(share) for share in SHARES[:3]).encode()
    shown = run(environment(tmp_path), "recovery", "drill", "-", stdin=words)
    assert shown.code == 0
    assert "compare the id yourself" in shown.err
    assert evault(tmp_path, "drill", "-", stdin=words).object["of"] is None


# --- what goes wrong ------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["combine", "drill"])
def test_too_few_shares_are_a_mistake_in_usage(
    tmp_path: Path, paths: list[Path], verb: str
) -> None:
    """How many more, and nothing of what the shares hold."""
    options = ("-o", tmp_path / "back") if verb == "combine" else ()
    result = evault(tmp_path, verb, *paths[:2], *options)
    assert result.code == 2
    assert result.error["code"] == "too-few-shares"
    assert result.error["message"] == ("2 of 3 shares: one more is needed; these tell nothing")
    assert ANA.device not in result.out + result.err
    assert not (tmp_path / "back").exists()


def test_shares_that_do_not_go_together(tmp_path: Path, paths: list[Path]) -> None:
    """The same one twice, and one of another split, are mistakes in usage."""
    assert evault(tmp_path, "drill", paths[0], paths[1], paths[1]).error["code"] == "shares"
    folder = tmp_path / "other"
    folder.mkdir()
    other = pages.write(folder, recovery.split(ANA, 5, 3), ABOUT)
    result = evault(tmp_path, "drill", *paths[:2], other[2])
    assert result.code == 2
    assert "not made together" in result.error["message"]


def test_wrong_words_are_malformed_and_named_by_file_and_place(
    tmp_path: Path, paths: list[Path]
) -> None:
    """Exit code 23, and the words themselves are not repeated."""
    share, text = SHARES[1], pages.render(SHARES[1], ABOUT)
    for typo, expected in (("xyzzy", "word 7 is not one of the list"), ("", "word 7 is missing")):
        paths[1].write_text(re.sub(r" 7\. \w+", f" 7. {typo}", text))
        result = evault(tmp_path, "drill", *paths[:3])
        assert (result.code, result.error["code"]) == (23, "malformed")
        assert result.error["message"] == f"{paths[1]}: {expected}"
        assert "xyzzy" not in result.err
    paths[1].write_text(typed(dataclasses.replace(share, words=share.words[::-1])))
    result = evault(tmp_path, "drill", *paths[:3])
    assert result.code == 23
    assert "two are swapped" in result.error["message"]


def test_a_page_of_another_device_is_proved_bad(tmp_path: Path, paths: list[Path]) -> None:
    """Pages that name one device and hold the words of another end with 20, and make nothing."""
    other = dataclasses.replace(ABOUT, device=Identity(bytes(32), "Ben").device)
    paths[2].write_text(pages.render(SHARES[2], other))
    for verb, options in (("drill", ()), ("combine", ("-o", tmp_path / "back"))):
        result = evault(tmp_path, verb, *paths[:3], *options)
        assert result.code == 20
        assert other.device in result.error["message"]
        assert not (tmp_path / "back").exists()


def test_a_page_that_says_another_number_than_its_words_is_proved_bad(
    tmp_path: Path, paths: list[Path]
) -> None:
    """A header with other words, as of two pages that were mixed up."""
    text = paths[1].read_text()
    for old, new in (("2 of 5, any 3 ", "4 of 5, any 3 "), ("2 of 5, any 3 ", "2 of 5, any 2 ")):
        assert old in text
        paths[1].write_text(text.replace(old, new))
        assert evault(tmp_path, "drill", *paths[:3]).code == 20


def test_pages_that_differ_otherwise(tmp_path: Path, paths: list[Path]) -> None:
    """Another fingerprint on one page is not decided by whoever comes first."""
    other = dataclasses.replace(ABOUT, fingerprint="0" * 64)
    paths[2].write_text(pages.render(SHARES[2], other))
    result = combine(tmp_path, *paths[:3])
    assert result.code == 2
    assert "do not say the same" in result.error["message"]


def test_a_false_share_is_proved_bad(tmp_path: Path, paths: list[Path]) -> None:
    """A keeper who changes words and mends the checksum is found out, also in a drill of all."""
    found = shamir_mnemonic.Share.from_mnemonic(" ".join(SHARES[4].words))
    forged = shamir_mnemonic.Share(**{**vars(found), "value": bytes(32)})
    paths[4].write_text(forged.mnemonic())
    for given in (paths, paths[2:]):
        result = evault(tmp_path, "drill", *given)
        assert result.code == 20
        assert "false" in result.error["message"]


def test_files_that_are_no_shares(tmp_path: Path, paths: list[Path]) -> None:
    """Missing, a folder, not text, empty, too large, of a newer version, or half a page."""
    page = paths[0].read_text()
    for data, code in (
        (b"", 23),
        (b"\xff\xfe\x00", 23),
        (page.replace("evault/1/", "evault/2/").encode(), 23),
        (re.sub("-{72}", "", page).encode(), 23),
        (re.sub("device .*\n", "", page).encode(), 23),
        (page.split("WHAT")[0].encode(), 0),
    ):
        paths[0].write_bytes(data)
        assert evault(tmp_path, "drill", *paths[:3]).code == code, data[:40]
    paths[0].write_bytes(page.encode() + b"\n" * (1 << 18))
    assert "too large" in evault(tmp_path, "drill", *paths[:3]).error["message"]
    assert evault(tmp_path, "drill", tmp_path / "none").code == 15
    assert evault(tmp_path, "drill", tmp_path).code == 15
    assert evault(tmp_path, "drill").code == 2


def test_of_several_shares_in_one_file_the_wrong_one_is_named(tmp_path: Path) -> None:
    """Whether a word is wrong, or one is missing."""
    texts = [" ".join(share.words) for share in SHARES[:3]]
    texts[1] = texts[1].rpartition(" ")[0]
    result = evault(tmp_path, "drill", "-", stdin="\n\n".join(texts).encode())
    assert result.error["message"] == (
        "standard input: in share 2 of 3 here: a share has 33 words, not 32"
    )
    texts[1] += " xyzzy"
    result = evault(tmp_path, "drill", "-", stdin="\n".join(texts).encode())
    assert "in share 2 of 3 here: word 33 is not" in result.error["message"]


# --- pages ----------------------------------------------------------------------------------------


def test_the_library_alone_combines_the_words_of_printed_pages(paths: list[Path]) -> None:
    """Without any code of this project: the numbered words of a page, in reading order."""
    mnemonics = [
        " ".join(word for _number, word in re.findall(r"(\d+)\. ([a-z]+)", path.read_text()))
        for path in paths
    ]
    assert all(len(mnemonic.split()) == 33 for mnemonic in mnemonics)
    assert shamir_mnemonic.combine_mnemonics(mnemonics[1:4]) == ANA.seed()


def test_a_page_says_what_its_keeper_has_to_know(paths: list[Path]) -> None:
    """Whose, which of how many, the vault and its logs in groups, and what to do."""
    text = " ".join(paths[1].read_text().split())
    for part in (
        "RECOVERY SHARE 2 OF 5: any 3 of them are needed",
        ANA.name,
        "91ab 91ab 91ab",
        "size 17, root 0c0c 0c0c",
        "size 40, root 1d1d 1d1d",
        "2026-04-14",
        "evault recovery combine",
        "Do not photograph",
        "no two shares lie in one place",
        "If it gets lost",
        "Fewer tell nothing",
        "device revoke",
    ):
        assert part in text
    assert "cases" not in text


def test_a_page_of_a_shared_identity_says_so() -> None:
    """It names cases by their references."""
    about = dataclasses.replace(ABOUT, name="Casa Común", cases=("2026-014", "2026-015"))
    text = " ".join(pages.render(SHARES[0], about).split())
    assert "cases 2026-014, 2026-015" in text
    assert "no person's" in text
    assert "case grant" in text


def test_pages_are_for_their_owner_alone(paths: list[Path]) -> None:
    """Mode 0600, one for each share, and the name of the file does not say whose."""
    assert [stat.S_IMODE(path.stat().st_mode) for path in paths] == [0o600] * 5
    assert [path.name for path in paths] == [
        f"recovery-{ANA.device[:8]}-{number}-of-5.txt" for number in range(1, 6)
    ]


def test_pages_are_never_written_over_a_file(
    paths: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that exists stops all of them, before anything secret is on the disk, and stays."""
    folder = paths[0].parent
    for path in paths[:3] + paths[4:]:
        path.unlink()
    paths[3].write_text("precious")
    monkeypatch.setattr(outfile, "write_new", None)
    with pytest.raises(FileError, match="exists already"):
        pages.write(folder, SHARES, ABOUT)
    assert snapshot(folder) == {paths[3]: b"precious"}


@pytest.mark.parametrize("broken", [OSError(28, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("at", range(5))
def test_pages_are_written_all_or_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int, broken: BaseException
) -> None:
    """A disk that is full, or somebody who interrupts, leaves no page behind."""
    sync, calls = os.fsync, []

    def failing(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) > at:
            raise broken
        sync(descriptor)

    monkeypatch.setattr(outfile.os, "fsync", failing)
    with pytest.raises((FileError, KeyboardInterrupt)):
        pages.write(tmp_path, SHARES, ABOUT)
    assert len(calls) == at + 1
    assert list(tmp_path.iterdir()) == []


def test_shares_are_told_to_programs(paths: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    """One object a share: index, threshold and path."""
    import json

    from vault.cli.context import Call

    call = Call()
    call.out.json = True
    tell_pages(call, SHARES, paths)
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert found[1] == {
        "type": "share",
        "schema": 1,
        "index": 2,
        "threshold": 3,
        "path": str(paths[1]),
    }
    assert len(found) == 5


# --- secrets stay where they are ------------------------------------------------------------------


def test_words_seed_and_passphrase_stand_nowhere_else(tmp_path: Path, paths: list[Path]) -> None:
    """Not in what is shown, in no other file, however it ends."""
    pairs = [
        f"{one} {other}".encode()
        for share in SHARES
        for one, other in zip(share.words[4:], share.words[5:], strict=False)
    ]
    secrets = [*pairs, ANA.seed(), ANA.seed().hex().encode(), PASSPHRASE.encode()]
    shown = b""
    for argv in (paths[:3], paths[:2], [paths[0], paths[0], paths[1]], paths):
        for verb in ("drill", "combine"):
            options = ("-o", tmp_path / f"back-{len(shown)}", "--kdf-memory", 64)
            result = evault(tmp_path, verb, *argv, *(options if verb == "combine" else ()))
            shown += result.raw + result.err.encode()
    files = {path: data for path, data in snapshot(tmp_path).items() if path not in paths}
    assert len(files) == 2
    for data in (shown, *files.values()):
        assert not [secret for secret in secrets if secret in data]
