"""The Merkle proofs that others published are accepted and refused as they say."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from vault.errors import ProofError
from vault.log import merkle

VECTORS = Path(__file__).resolve().parents[2].parent / "shared" / "vectors"


def load(name: str) -> list[Any]:
    """The cases of a file, or one that skips where the file is not beside the project."""
    path = VECTORS / f"{name}.json"
    if not path.is_file():
        skip = pytest.mark.skip(reason=f"the published vectors are not at {path}")
        return [pytest.param({}, id=name, marks=skip)]
    return [pytest.param(case, id=key) for key, case in json.loads(path.read_text()).items()]


def raw(text: str | None) -> bytes:
    """A hash of a vector; none is empty."""
    return base64.b64decode(text or "")


@pytest.mark.parametrize("case", load("merkle-inclusion"))
def test_inclusion(case: dict[str, Any]) -> None:
    """A published inclusion proof verifies exactly if its publishers say so."""
    proof = [raw(part) for part in case["proof"] or []]
    given = (raw(case["leafHash"]), case["leafIdx"], case["treeSize"], proof, raw(case["root"]))
    if case["wantErr"]:
        with pytest.raises(ProofError):
            merkle.verify_inclusion(*given)
    else:
        merkle.verify_inclusion(*given)


@pytest.mark.parametrize("case", load("merkle-consistency"))
def test_consistency(case: dict[str, Any]) -> None:
    """A published consistency proof verifies exactly if its publishers say so."""
    proof = [raw(part) for part in case["proof"] or []]
    given = (case["size1"], case["size2"], raw(case["root1"]), raw(case["root2"]), proof)
    if case["wantErr"]:
        with pytest.raises(ProofError):
            merkle.verify_consistency(*given)
    else:
        merkle.verify_consistency(*given)
