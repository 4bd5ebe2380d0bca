"""Entries that a token's hook must not come back into are shut while another entry of the same contract runs.

The lock is one transient word of a contract, which no test can write from outside. So the contract's code is moved to
another address, and at its own stands a proxy that writes the lock before it goes on in the moved code.
"""

from __future__ import annotations

from typing import Any

import boa
import pytest
from boa.util.abi import Address

from bulkhead.chain import abi
from tests.contracts import deployer
from tests.matrix.fixtures import made as made
from tests.matrix.scene import Scene
from tests.matrix.surface import changing, nothing

#: Contracts with a lock, and which of their entries that change state stay open: they move no token of their own, or
#: go through a locked entry of another contract with all that they do.
OPEN: dict[str, set[str]] = {
    "Clearinghouse": {"multicall", "list_market"},
    "Settlement": {"configure", "fix", "give_up"},
    "InsuranceFund": {"request", "reserve"},
    "BackstopPool": {"on_take", "set_cap", "transfer", "approve", "transferFrom"},
    "MakerVault": {"open_desk", "cancel_quotes", "set_caps", "set_bounds", "approve", "transfer_ownership"},
    "AutoTopUp": set(),
}  # fmt: skip
#: A view that is read while positions move.
VIEWS = (("Clearinghouse", "load"),)
LOCKED = [
    (contract, name)
    for contract, stays in OPEN.items()
    for name in sorted({name for name, _ in changing(contract)} - stays)
] + list(VIEWS)
MOVED = Address("0x" + "c0de" * 10)


def proxy(lock: int | None) -> bytes:
    """Runtime code that writes the lock, or not, and does the rest as the code at MOVED does it."""
    code = bytes.fromhex(f"600160{lock:02x}5d") if lock is not None else b""
    code += bytes.fromhex("365f5f37") + bytes.fromhex("5f5f365f73") + bytes.fromhex(MOVED[2:]) + bytes.fromhex("5af4")
    code += bytes.fromhex("3d5f5f3e")
    end = len(code) + 6
    return code + bytes.fromhex(f"60{end:02x}57") + bytes.fromhex("3d5ffd") + bytes.fromhex("5b3d5ff3")


def answer(scene: Scene, contract: str, function: str, lock: int | None) -> bytes | None:
    """What an empty call of a stranger is refused with; None when it passes."""
    at = scene.contracts[contract]
    entry = next(e for e in abi.load(contract).entries if e.get("name") == function and e["type"] == "function")
    data = getattr(at, function).prepare_calldata(*[nothing(kind) for kind in entry["inputs"]])
    with boa.env.anchor():
        boa.env.set_code(MOVED, boa.env.get_code(at.address))
        boa.env.set_code(at.address, proxy(lock))
        done: Any = boa.env.execute_code(to_address=at.address, sender=scene.people["stranger"], data=data)
        return bytes(done.output) if done.is_error else None


@pytest.mark.parametrize(("contract", "function"), LOCKED)
def test_entry__while_another_runs__is_shut(made: Scene, contract: str, function: str) -> None:
    slot = deployer(contract).artifact.layout["transient_storage_layout"]["$.nonreentrant_key"]["slot"]
    # a lock gives no reason; without it the same call passes or is told one
    assert answer(made, contract, function, lock=slot) == b""
    assert answer(made, contract, function, lock=None) != b""


@pytest.mark.parametrize("contract", OPEN)
def test_entry__that_stays_open__exists(contract: str) -> None:
    assert OPEN[contract] <= {name for name, _ in changing(contract)}
