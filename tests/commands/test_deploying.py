"""Deploying, and adding a market, at nodes with limits, words and fees of their own: what comes out is the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from bulkhead.chain import anvil, deploy, inputs
from bulkhead.chain.anvil import Anvil
from bulkhead.chain.connection import Connection
from bulkhead.chain.deployment import Deployment, load
from bulkhead.chain.errors import BulkheadError
from bulkhead.chain.rpc import Rpc
from bulkhead.chain.sender import Sender, account_from_key
from tests.commands.test_life_by_command import BOUNDS, SOL
from tests.keeper.limited import (
    TYPED_REFUSALS,
    WORDS,
    Bounds,
    LimitedProxy,
    Overtaken,
    PlainProxy,
    at_its_nonce,
    served,
)
from tests.keeper.proxy import SEND
from tests.worlds.served_market import DEPLOYER, ROOT, START, ServedMarket, local_inputs

GWEI = 10**9
#: Each node with little, and one with more; a tip that is more than they suggest.
LITTLE = [(style, Bounds(1, 50, tip=15 * GWEI // 10)) for style in WORDS]
MORE = [("Besu", Bounds(20, 500)), ("Erigon", Bounds(100, 10_000))]


@pytest.fixture(scope="module")
def empty() -> Iterator[Anvil]:
    """A chain with nothing on it."""
    with Anvil(timestamp=START) as chain:
        yield chain


@contextmanager
def undone(chain: Anvil) -> Iterator[None]:
    """What happens inside is undone on the chain."""
    snapshot = chain.snapshot()
    try:
        yield
    finally:
        chain.revert(snapshot)


def deployed(url: str) -> Deployment:
    """The local inputs on the chain of a node."""
    with Rpc(url) as rpc:
        sender = Sender(rpc, account_from_key(anvil.key(DEPLOYER)))
        return deploy.deploy(rpc, sender, inputs.parse(local_inputs(), "inputs.yaml"), ROOT)


def grown(chain: Anvil, url: str, place: Path) -> Deployment:
    """A deployment to which a market with a maker vault has been added, both at a node."""
    deployed(url).save(place / "addresses.json")
    content = local_inputs()
    content["markets"]["SOL"] = {**SOL, "maker": BOUNDS}
    (place / "more.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    market = ServedMarket(chain, place, Connection(chain.rpc, load(place)))
    add = ("market", "add", "SOL", "--inputs", place / "more.yaml")
    done = market.run(*add, key=DEPLOYER, BULKHEAD_RPC_URL=url)
    assert done.exit_code == 0, done.stderr
    return load(place)


@pytest.fixture(scope="module")
def wanted(empty: Anvil, tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    with undone(empty):
        return grown(empty, empty.url, tmp_path_factory.mktemp("direct"))


@pytest.mark.parametrize(("style", "bounds"), [*LITTLE, *MORE])
def test_deploying__node_that_bears_little__comes_to_the_same(
    empty: Anvil, wanted: Deployment, tmp_path: Path, style: str, bounds: Bounds
) -> None:
    node = LimitedProxy(empty.url, style, bounds=bounds)
    with undone(empty), served(node) as url:
        assert grown(empty, url, tmp_path) == wanted
    assert wanted.market("SOL").maker and wanted.market("SOL").backstop
    assert bounds.calls > 1 or (node.refusals["batch"] and node.refusals["tip"])


@pytest.mark.parametrize(("refusal", "headers"), [(TYPED_REFUSALS[0], False), *((one, True) for one in TYPED_REFUSALS)])
def test_deploying__chain_of_plain_prices__comes_to_the_same(
    empty: Anvil, wanted: Deployment, tmp_path: Path, refusal: tuple[int, str], headers: bool
) -> None:
    node = PlainProxy(empty.url, headers, refusal)
    with undone(empty), served(node) as url:
        assert grown(empty, url, tmp_path) == wanted
    # a deployment and a command have one sender each, which is refused once and remembers it
    assert node.refused_types == (2 if headers else 0)


@pytest.mark.parametrize("style", WORDS)
def test_deploying__another_transaction_of_the_account__is_one_sentence(empty: Anvil, style: str) -> None:
    deployer = account_from_key(anvil.key(DEPLOYER)).address

    def faster(call: dict[str, Any]) -> list[tuple[str, list[Any]]]:
        return [*at_its_nonce(deployer, call), ("evm_mine", [])]

    node = Overtaken(empty.url, style, Bounds(20, 500), SEND, faster, after=8)
    with undone(empty), served(node) as url:
        with pytest.raises(BulkheadError, match="as predicted: another transaction of 0x") as caught:
            deployed(url)
        assert "\n" not in str(caught.value)
    assert node.refusals["nonce"] == 1


@pytest.mark.parametrize("style", WORDS)
def test_deploying__transaction_that_reverts__is_its_reason(empty: Anvil, style: str) -> None:
    content = local_inputs()
    # the price of a test feed has no room for so many
    content["markets"]["BTC"]["feeds"]["primary"]["mock"]["decimals"] = 40
    node = LimitedProxy(empty.url, style, bounds=Bounds(20, 500))
    with undone(empty), served(node) as url, Rpc(url) as rpc:
        sender = Sender(rpc, account_from_key(anvil.key(DEPLOYER)))
        with pytest.raises(BulkheadError, match=r"^The contract refused: mock/answer\.$"):
            deploy.deploy(rpc, sender, inputs.parse(content, "inputs.yaml"), ROOT)
    assert node.refusals["revert"] == 1
