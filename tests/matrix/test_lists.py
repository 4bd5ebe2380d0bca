"""A list or a string of a call may be as long as its interface says, and one longer is no call at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boa
import pytest
from vyper.ast import nodes as vy
from vyper.ast.parse import parse_to_ast

from bulkhead.chain import abi
from tests.matrix.fixtures import made as made
from tests.matrix.scene import Scene
from tests.matrix.surface import nothing

ROOT = Path(__file__).resolve().parents[2]
CONTRACTS = (
    "AutoTopUp", "BackstopPool", "Clearinghouse", "Exchange", "ExpiryPrices", "Liquidator", "MakerVault",
    "OracleAdapter", "QuoteBoard", "RiskParameters", "Settlement", "TradeLimits", "VolSurface",
)  # fmt: skip
#: And an interface of somebody else's that one of them answers to.
INTERFACES = [*((name, f"I{name}") for name in CONTRACTS), ("BackstopPool", "ITaker")]
#: What is in these is read as calls or as an order: blanks are refused without a reason of any length.
READ = {("Clearinghouse", "multicall"), ("MakerVault", "isValidSignature")}
SIZED = {"DynArray": 1, "Bytes": 0, "String": 0}


def bounds() -> Iterator[tuple[str, str, int, int]]:
    """(contract, function, place of an argument, how long it may be) of the interfaces' lists, bytes and strings."""
    for contract, interface in INTERFACES:
        source = (ROOT / "interfaces" / f"{interface}.vyi").read_text()
        for function in parse_to_ast(source, is_interface=True).get_children(vy.FunctionDef):
            for place, argument in enumerate(function.args.args):
                kind = argument.annotation
                name = getattr(getattr(kind, "value", None), "id", "")
                if isinstance(kind, vy.Subscript) and name in SIZED and (contract, function.name) not in READ:
                    size = kind.slice.elements[1] if name == "DynArray" else kind.slice
                    if isinstance(size, vy.Int):
                        yield contract, function.name, place, size.value


def answer(scene: Scene, contract: str, function: str, place: int, length: int) -> bytes | None:
    """What a stranger's call with an argument of this length is refused with; None when it passes."""
    entries = [e for e in abi.load(contract).entries if e.get("name") == function and e["type"] == "function"]
    inputs = max((entry["inputs"] for entry in entries), key=len)
    arguments = [nothing(kind) for kind in inputs]
    kind = inputs[place]
    if kind["type"].endswith("[]"):
        arguments[place] = [nothing({**kind, "type": kind["type"][:-2]})] * length
    else:
        arguments[place] = "x" * length if kind["type"] == "string" else b"x" * length
    at = scene.contracts[contract]
    data = getattr(at, function).prepare_calldata(*arguments)
    with boa.env.anchor():
        done: Any = boa.env.execute_code(to_address=at.address, sender=scene.people["stranger"], data=data)
        return bytes(done.output) if done.is_error else None


@pytest.mark.parametrize(("contract", "function", "place", "longest"), list(bounds()))
def test_argument__longer_than_its_interface_says__is_no_call(
    made: Scene, contract: str, function: str, place: int, longest: int
) -> None:
    # who encodes too much is given no reason; as much as fits passes or is told one
    assert answer(made, contract, function, place, longest + 1) == b""
    assert answer(made, contract, function, place, longest) != b""
