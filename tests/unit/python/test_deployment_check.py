"""Contracts of two deployments in one address book: noticed by the addresses that each has in its code."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bulkhead.chain import anvil, deploy, inputs
from bulkhead.chain.anvil import Anvil
from bulkhead.chain.deployment_check import partners, stranger
from bulkhead.chain.errors import MissingDeployment
from bulkhead.chain.sender import Sender, account_from_key
from bulkhead.replay.market import inputs_of
from bulkhead.replay.price_paths.rounds import Round


@pytest.fixture(scope="module")
def two():
    """Two deployments on one chain."""
    content = inputs.parse(inputs_of("ETH", Round(1_583_971_200, 200 * 10**8)), "a test's inputs")
    with Anvil(timestamp=1_583_969_000) as chain:
        made = [deploy.deploy(chain.rpc, Sender(chain.rpc, account_from_key(anvil.key(i))), content) for i in (0, 1)]
        yield chain.rpc, *made


def test_check__contracts_of_one_deployment__belong_together(two):
    rpc, one, other = two
    one.check(rpc)
    other.check(rpc)


def test_check__any_contract_of_another_deployment__is_named(two):
    """Each contract that others know, or that knows others, in the other one's place."""
    rpc, one, other = two
    at = {name: found.address for name, found in one.contracts.items()}
    codes = {name: str(rpc.call("eth_getCode", address, "latest")) for name, address in at.items()}
    lonely = {"QuoteBoard"}
    for name, found in other.contracts.items():
        mixed = replace(one, contracts={**one.contracts, name: found})
        if name in lonely:
            continue
        if partners(name, at) or any(name in partners(n, at) for n in at):
            with pytest.raises(MissingDeployment, match="are not of one deployment"):
                mixed.check(rpc)
        else:
            lonely.add(name)
    assert lonely <= {"QuoteBoard", "LegLens"} and stranger(at, codes) is None
