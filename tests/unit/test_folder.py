"""Where a vault may be, and what is said when there is none."""

from __future__ import annotations

from pathlib import Path

import pytest
from vault_kit import identity, make

from vault.errors import (
    FileError,
    MalformedError,
    MissingError,
    NetworkFolderError,
    NoVaultError,
)
from vault.session import Session
from vault.store import Store, folder

MOUNTS = (
    "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
    "23 22 0:5 / /mnt/share rw - nfs4 server:/share rw\n"
    "24 22 0:6 / /mnt/my\\040disk rw shared:1 - cifs //server/x rw\n"
    "25 23 8:2 / /mnt/share/local rw - xfs /dev/sdb rw\n"
)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/home/ana", "ext4"),
        ("/mnt/share/x/y", "nfs4"),
        ("/mnt/shared", "ext4"),
        ("/mnt/my disk/v", "cifs"),
        ("/mnt/share/local/v", "xfs"),
    ],
)
def test_the_file_system_of_a_path_is_that_of_its_mount(
    path: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The deepest mount counts, also for a folder that is still to be made."""
    monkeypatch.setattr(Path, "read_text", lambda *_args, **_settings: MOUNTS)
    monkeypatch.setattr(Path, "exists", lambda _path: True)
    assert folder.filesystem(Path(path)) == kind


def test_where_it_cannot_be_told_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other systems have no such table: the folder is allowed."""

    def missing(*_args: object, **_settings: object) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", missing)
    assert folder.filesystem(Path("/x")) == ""


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs"])
def test_network_file_systems_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Neither init nor join go there, and nothing is made."""
    world = make(tmp_path)
    monkeypatch.setattr(folder, "filesystem", lambda _path: kind)
    with pytest.raises(NetworkFolderError, match=kind):
        Session.create(tmp_path / "new", identity("ana"), tmp_path / "home")
    with pytest.raises(NetworkFolderError):
        Session.join(world.path, identity("ben"), tmp_path / "home", world.fingerprint)
    assert not (tmp_path / "new").exists()
    assert not (tmp_path / "home").exists()


def test_no_vault_is_told(tmp_path: Path) -> None:
    """A missing folder, an empty one, and a file are no vaults."""
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "empty").mkdir()
    for name in ("nowhere", "empty", "file"):
        with pytest.raises(NoVaultError):
            Store(tmp_path / name)


def test_a_vault_that_is_there_already_is_kept(tmp_path: Path) -> None:
    """A new vault is never made over anything."""
    world = make(tmp_path)
    for path in (world.path, world.root):
        with pytest.raises(FileError, match="already"):
            Session.create(path, identity("ana"), tmp_path / "home")
    assert len(world.read_all("ben")) == 2


@pytest.mark.parametrize("line", [b"evault vault 4\n", b"", b"evault vault 1", b"\xff\xfe"])
def test_another_format_is_told(tmp_path: Path, line: bytes) -> None:
    """A newer or unknown format asks for a newer program."""
    world = make(tmp_path)
    (world.path / "FORMAT").write_bytes(line)
    with pytest.raises(MalformedError) as caught:
        Store(world.path)
    assert "newer" in caught.value.hint


def test_a_vault_without_its_database_is_damaged(tmp_path: Path) -> None:
    """It is not taken for an empty one."""
    world = make(tmp_path)
    for path in world.path.glob("vault.db*"):
        path.unlink()
    with pytest.raises(MissingError):
        Store(world.path)
    assert not (world.path / "vault.db").exists()


def test_watched_folders_are_warned_of(tmp_path: Path) -> None:
    """A sync tool can damage a vault or carry it away; an ordinary folder is fine."""
    (tmp_path / "sync/.stfolder").mkdir(parents=True)
    for name in ("Dropbox/v", "OneDrive - Work/v", "Nextcloud/a/v", "sync/v"):
        assert folder.warnings(tmp_path / name)
    assert folder.warnings(tmp_path / "ordinary") == []
