"""An ally watches over a vault with files by hand, and whoever joins is told what they saw."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from cli_kit import World, environment, run


def ally(world: World, *argv: object, code: int = 0) -> bytes:
    """Somebody who has an identity and no place in the vault."""
    home = world.root / "ally"
    env = environment(home)
    if not (home / "identity").exists():
        assert run(env, "identity", "create", "Ally", "--kdf-memory", 64).code == 0
    result = run(env, "log", *argv)
    assert result.code == code, (argv, result.out, result.err)
    return result.raw


def vkeys(world: World) -> Path:
    """A file with the log's keys."""
    place = world.root / "vkeys"
    (found,) = world.json("ana", "status")
    place.write_text("\n".join(found["vkeys"]) + "\n")
    return place


def shown(world: World, *options: object) -> Path:
    """A file with the ally's keys."""
    place = world.root / "ally.vkeys"
    place.write_bytes(ally(world, "cosign", "--show-key", *options))
    return place


def test_an_ally_watches_with_files_by_hand(world: World) -> None:
    """Policy, checkpoint, cosignature, back into the vault, and somebody joins; then further."""
    (decided,) = world.json("ana", "member", "policy", "--cosigner", shown(world))
    assert decided["cosignatures"] == 1
    (name,) = decided["cosigners"]
    shutil.rmtree(world.root / "carla" / "vaults")
    join = ("join", world.vault, "--fingerprint", world.fingerprint)
    result = world("carla", *join, code=21)
    assert "--cosigned" in result.err
    assert name in result.err

    head, cosigned = world.root / "head", world.root / "cosigned"
    world("ana", "log", "checkpoint", "-o", head)
    ally(world, "cosign", head, code=2)
    ally(world, "cosign", head, "--key", vkeys(world), "-o", cosigned)
    (kept,) = world.json("ana", "log", "keep", cosigned)
    assert (kept["type"], kept["log"]) == ("kept", "access")
    (status,) = world.json("ana", "status")
    assert status["cosigned"]["size"] == kept["size"]
    assert status["cosigned"]["cosigners"] == [name]
    assert "Cosigners" in world("ana", "status").out
    told = world("carla", *join).out
    assert f"{name} signed at" in told
    assert f"grew to {kept['size']} of its" in told

    world("ana", "get", world.records["carta.txt"], "-o", world.root / "x", "--purpose", "review")
    ally(world, "cosign", world.root / "nothing", code=15)
    world("ana", "log", "checkpoint", "-o", world.root / "bare")
    ally(world, "cosign", world.root / "bare", code=21)
    request = world.root / "request"
    world("ana", "log", "checkpoint", "--from", kept["size"], "-o", request)
    again = world.root / "again"
    again.write_bytes(ally(world, "cosign", request))
    assert world.json("ana", "log", "keep", again)[0]["size"] > kept["size"]
    shutil.rmtree(world.root / "carla" / "vaults")
    (joined,) = (
        one for one in world.json("carla", *join, "--cosigned", again) if one["type"] == "cosigned"
    )
    assert joined["size"] == joined["of"]


def test_names_have_keys_of_their_own(world: World) -> None:
    """Shown in full, two a name; the device's own are none of them."""
    one = shown(world).read_text().split()
    two = shown(world, "--name", "ally.example/watch").read_text().split()
    assert len({key.rpartition("+")[2] for key in (*one, *two)}) == 4
    assert [key.split("+")[0] for key in two] == ["ally.example/watch"] * 2
    ally(world, "cosign", code=2)
    ally(world, "cosign", "x", "--show-key", code=2)
    ally(world, "cosign", "--show-key", "--name", "a b", code=23)


def test_what_is_none_is_not_kept(world: World) -> None:
    """No file, no checkpoint, another vault's."""
    world("ana", "log", "keep", world.root / "none", code=15)
    world("ana", "log", "keep", world.vault / "FORMAT", code=23)
    other = world.root / "other"
    world("ana", "init", other)
    head = world.root / "head"
    world("ana", "log", "checkpoint", "-o", head, "--vault", other)
    world("ana", "log", "keep", head, code=21)
    world("ana", "member", "policy", code=2)
    world("ana", "member", "policy", "--cosigner", vkeys(world), code=23)


@pytest.mark.parametrize("longer", [False, True])
def test_two_histories_are_shown_to_anybody(world: World, longer: bool) -> None:
    """A copy that went another way is refused; both heads are exported, and anybody checks them
    with the log's keys; whoever has seen one history alone has nothing to show."""
    assert "No heads" in world("ana", "log", "conflicts").out
    copy = world.root / "copy"
    shutil.copytree(world.vault, copy)
    keys, record = vkeys(world), world.records["carta.txt"]
    world("ana", "get", record, "-o", world.root / "a", "--purpose", "review")
    there = ("--purpose", "filing", "--vault", copy)
    for at in range(1 + longer):
        world("ben", "get", record, "-o", world.root / f"b{at}", *there)
    for _ in range(2):
        refused = world("ana", "log", "list", "--vault", copy, code=21)
    assert "evault log conflicts" in refused.err
    # Seen again and again it is kept once, and `status` shows it though it can show nothing else.
    status = world.json("ana", "status", "--vault", copy, code=21)
    assert [one["type"] for one in status] == ["conflict"]
    proofs = world.root / "proofs"
    (found,) = world.json("ana", "log", "conflicts", "-o", proofs, "--vault", copy)
    assert found["type"] == "conflict"
    assert (found["sizes"], found["proved"]) == (status[0]["sizes"], True)
    assert found["proved"]
    assert (found["sizes"][0] < found["sizes"][1]) == longer
    (text,) = proofs.iterdir()
    (proof,) = world.json("nobody", "verify-proof", text, "--key", keys, EVAULT_VAULT="")
    assert (proof["valid"], proof["what"]) == (True, "conflict")
    assert "contradict each other" in world("nobody", "verify-proof", text, "--key", keys).out
    data = text.read_bytes()
    text.write_bytes(data.replace(b"\n\nevault/", b"\n\nevault/ ", 1))
    assert world("nobody", "verify-proof", text, "--key", keys, code=21).raw == b""


def test_an_older_head_alone_accuses_nobody(world: World) -> None:
    """Who was shown an older copy has two good heads, which is no proof; and is told so."""
    keys = vkeys(world)
    copy = world.root / "copy"
    shutil.copytree(world.vault, copy)
    record = world.records["carta.txt"]
    world("ana", "get", record, "-o", world.root / "a", "--purpose", "review")
    world("ana", "log", "list", "--vault", copy, code=21)
    proofs = world.root / "proofs"
    (found,) = world.json("ana", "log", "conflicts", "-o", proofs, "--vault", world.vault)
    assert not found["proved"]
    (text,) = proofs.iterdir()
    world("nobody", "verify-proof", text, "--key", keys, code=21)
