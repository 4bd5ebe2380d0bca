"""A second implementation of EIP-712 (viem, in Node) reproduces every order vector."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

VECTORS = Path(__file__).resolve().parents[2] / "vectors"


def run(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["node", str(folder / "check_orders.mjs")], capture_output=True, text=True, timeout=120)


pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="Node runs the second implementation")


def test_vectors__viem__reproduces_digest_signature_and_signer() -> None:
    done = run(VECTORS)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == len(json.loads((VECTORS / "orders.json").read_text())["vectors"])


def test_vectors__one_digit_changed__is_noticed(tmp_path: Path) -> None:
    document = json.loads((VECTORS / "orders.json").read_text())
    document["vectors"][3]["order"]["salt"] = "2"
    (tmp_path / "orders.json").write_text(json.dumps(document))
    shutil.copy(VECTORS / "check_orders.mjs", tmp_path)
    (tmp_path / "node_modules").symlink_to(VECTORS.parents[1] / "node_modules")
    done = run(tmp_path)
    assert done.returncode == 1 and "digest" in done.stderr
