"""A deployment through Ape on Anvil, and the people who use it; what a test does is undone after it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ape
import pytest
import yaml

from bulkhead import orders
from bulkhead.chain.anvil import key
from bulkhead.chain.deploy import Create, Step, plan
from bulkhead.chain.errors import Reverted
from bulkhead.chain.inputs import parse
from bulkhead.chain.rpc import Rpc
from bulkhead.risk.words import Kind, Series
from scripts import deploy as script
from scripts.seed import next_friday

ROOT = Path(__file__).resolve().parents[2]
DOLLAR = 10**6
CONTRACT = 10**6
WAD = 10**18
ALL = 2**256 - 1
SPOT = 200
NAMES = ("maker", "ann", "bob", "keeper", "insurer")


@dataclass
class Market:
    """One listed market, by Ape's contract objects: `market.Clearinghouse`, `market.token`, `market.feed`."""

    contracts: dict[str, Any]
    steps: list[Step]
    deployer: Any
    expiry: int

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["contracts"][name]
        except KeyError:
            raise AttributeError(name) from None

    @property
    def token(self) -> Any:
        return self.contracts["USDCToken"]

    @property
    def feed(self) -> Any:
        return self.contracts["ETHPrimaryFeed"]

    def push(self, price: float, at: int = 0) -> None:
        """A feed round in the next block, or in one at a stamp to come."""
        stamp = at or ape.chain.blocks.head.timestamp + 30
        ape.chain.pending_timestamp = stamp
        self.feed.push(round(price * 10**8), stamp, sender=self.deployer)

    def fund(self, account: Any, dollars: int) -> None:
        self.token.mint(account, dollars * DOLLAR, sender=account)
        for spender in (self.Clearinghouse, self.InsuranceFund):
            self.token.approve(spender, ALL, sender=account)

    def open(self, owner: Any, dollars: int) -> int:
        """A vault with money in it."""
        vault_id = self.Clearinghouse.next_id()
        self.Clearinghouse.open(1, 0, owner, 0, sender=owner)
        self.Clearinghouse.deposit(vault_id, owner, dollars * DOLLAR, sender=owner)
        return vault_id

    def sign(self, maker: Any, vault_id: int, kind: Kind, strike: int, **fields: Any) -> tuple[Any, bytes]:
        """An order of `maker` in one option."""
        order = orders.build(
            maker_vault=vault_id,
            signer=maker.address,
            legs=[(Series(1, kind, self.expiry, strike * 10**8).pack(), 1)],
            expiry=ape.chain.blocks.head.timestamp + 86_400,
            **fields,
        )
        domain = orders.Domain(ape.chain.chain_id, self.Exchange.address)
        return order, orders.sign(order, domain, key(1 + NAMES.index("maker")))

    def refusal(self, contract: str, function: str, *arguments: Any, sender: Any) -> str:
        """Why a transaction would be refused now; fails when it would not.

        Asks the node directly: Ape's own `reverts` steps through a trace of the whole scenario set, for minutes.
        """
        target = self.contracts[contract]
        data = bytes(getattr(target, function).encode_input(*arguments))
        with Rpc(str(ape.chain.provider.uri)) as rpc, pytest.raises(Reverted) as caught:
            rpc.eth_call(target.address, data, sender=sender.address)
        return caught.value.reason

    def fill(self, taker: Any, vault_id: int, signed: tuple[Any, bytes], size: int = ALL) -> Any:
        return self.Exchange.fill(*self._fill(vault_id, signed, size), sender=taker)

    def fill_refusal(self, taker: Any, vault_id: int, signed: tuple[Any, bytes], size: int = ALL) -> str:
        return self.refusal("Exchange", "fill", *self._fill(vault_id, signed, size), sender=taker)

    @staticmethod
    def _fill(vault_id: int, signed: tuple[Any, bytes], size: int) -> tuple[Any, ...]:
        order, signature = signed
        return (orders.Asked(order.price, vault_id, size).to_tuple(order, signature),)

    def state(self, vault_id: int) -> Any:
        return self.Lens.vaults([vault_id])[0]

    def custody(self, vault_id: int) -> int:
        """Tokens at a vault's own address."""
        return self.token.balanceOf(self.Clearinghouse.custody(vault_id))

    def legs(self, vault_id: int) -> list[int]:
        return list(self.Clearinghouse.load(vault_id)[1])


@pytest.fixture(scope="module")
def market():
    """Everything deployed as `ape run deploy` does it, with ETH at 200."""
    content = yaml.safe_load((ROOT / "deployments" / "local" / "inputs.yaml").read_text())
    content["markets"] = {"ETH": content["markets"]["ETH"]}
    content["markets"]["ETH"]["feeds"]["primary"]["mock"]["price"] = str(SPOT)
    inputs = parse(content, "inputs.yaml")
    deployer = ape.accounts.test_accounts[0]
    now = ape.chain.blocks.head.timestamp
    steps = plan(inputs, deployer.address, deployer.nonce, now)
    script.check(inputs, steps, deployer, local=True)
    script.execute(steps, deployer)
    contracts = {s.name: getattr(ape.project, s.contract).at(s.address) for s in steps if isinstance(s, Create)}
    return Market(contracts, steps, deployer, next_friday(now))


@pytest.fixture(scope="module")
def people(market):
    """maker, ann, bob, keeper, insurer: all with money and approvals."""
    found = dict(zip(NAMES, list(ape.accounts.test_accounts)[1:6], strict=True))
    for account in found.values():
        market.fund(account, 1_000_000)
    market.InsuranceFund.deposit(1, 50_000 * DOLLAR, sender=found["insurer"])
    return found
