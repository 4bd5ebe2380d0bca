"""What is deployed: its size, its storage, and the ABIs that clients use."""

from __future__ import annotations

import json

import boa
import pytest

from bulkhead.chain import abi, system
from bulkhead.chain.abi.__main__ import FEEDS, MOCKS
from bulkhead.chain.system import CONTRACTS, DEPLOYABLE, maker_arguments
from tests.architecture import snapshots
from tests.contracts import deployer
from tests.worlds.system_fixtures import deployed

__all__ = ["deployed"]

#: The chain's limit is 24,576; the rest is room for what later versions add. See docs/architecture.md.
BUDGET = system.CODE_LIMIT
NAMES = [name for name, _ in CONTRACTS]


@pytest.mark.parametrize("name", NAMES)
def test_code__deployed_length__is_within_the_budget(deployed, name):
    # the compiler's own figure leaves immutables out
    assert len(boa.env.get_code(deployed.at[name])) < BUDGET


def test_code__backstop_pool__is_within_the_budget(deployed):
    assert len(boa.env.get_code(deployed.pool().address)) < BUDGET


def test_code__maker_vault__is_within_the_budget(deployed):
    made = deployer("MakerVault").deploy(*maker_arguments(1, "ETH", deployed.at))
    assert len(boa.env.get_code(made.address)) < BUDGET


def test_code__timelock__is_within_the_budget(deployed):
    made = deployer("Timelock").deploy(8 * 86_400, [deployed.owner])
    assert len(boa.env.get_code(made.address)) < BUDGET


@pytest.mark.parametrize("contract", sorted(DEPLOYABLE))
def test_storage__layout__is_the_recorded_one(contract):
    recorded = json.loads(snapshots.FILE.read_text())
    now = json.loads(json.dumps(snapshots.layout(contract)))
    assert recorded.get(contract) == now, "run `make snapshots` when the change is meant"


@pytest.mark.parametrize("contract", sorted(DEPLOYABLE) + [*FEEDS, *MOCKS])
def test_abi__shipped__is_what_the_source_gives(contract):
    assert abi.digest(deployer(contract).artifact.abi) == abi.load(contract).sha256, "run `make snapshots`"


def test_abi__shipped__nothing_more():
    assert set(abi.names()) == DEPLOYABLE | {*FEEDS, *MOCKS}
