"""The local market of a replay: an Anvil of its own with a deployment on it, people with money, and a feed to move."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

from bulkhead.chain import anvil, deploy, inputs
from bulkhead.chain.anvil import Anvil
from bulkhead.chain.connection import Connection, Market
from bulkhead.chain.contract import Contract
from bulkhead.chain.deployment import Deployment
from bulkhead.chain.sender import Sender, account_from_key
from bulkhead.client import Bulkhead
from bulkhead.replay.participants import MAKER, ROLES, TRADERS
from bulkhead.replay.price_paths.rounds import HEARTBEAT_SECONDS, Round

#: Wallets at the start [quote].
PURSES = {MAKER: 2_000_000, "keeper": 200_000, "insurer": 50_000, **dict.fromkeys(TRADERS, 100_000)}
#: What the insurer puts into the market's pot [quote].
INSURANCE = 25_000
#: Blocks between the start of the chain and the first round leave room for the deployment.
LEAD_SECONDS = 1800
PUSH_GAS = 200_000

#: Deploys the inputs on a running chain and returns what it made.
Deployer = Callable[[Anvil, dict[str, Any]], Deployment]


def deploy_plainly(chain: Anvil, content: dict[str, Any]) -> Deployment:
    """Deploys over JSON-RPC, without Ape."""
    sender = Sender(chain.rpc, account_from_key(anvil.key(0)))
    return deploy.deploy(chain.rpc, sender, inputs.parse(content, "the replay's inputs"))


def tick_of(price: int) -> int:
    """Step of strikes for a price: one to ten per mille of it, a power of ten [1e-8 quote]."""
    return max(10**4, int(10 ** (len(str(price)) - 3)))


def coin_of(symbol: str) -> str:
    """Name of the market beside one that counts coins of its underlying, and of that coin."""
    return f"W{symbol}"


def unit_of(price: int) -> str:
    """The power of ten of a coin nearest to 1 quote at a price [1e-8 quote]."""
    return f"{Decimal(1).scaleb(-max(round(math.log10(price / 10**8)), 0)):f}"


def inputs_of(symbol: str, first: Round, coins: bool = False) -> dict[str, Any]:
    """Inputs of a local deployment whose feed starts at the first round.

    Args:
        symbol: Name of the market.
        first: The round.
        coins: With a market beside it that counts coins of the underlying.
    """
    content: dict[str, Any] = {
        "network": "local",
        "chain_id": anvil.CHAIN_ID,
        "tokens": {"USDC": {"mock": {"name": "Test dollar", "symbol": "USDC", "decimals": 6}}},
        "markets": {
            symbol: {
                "index": 1,
                "token": "USDC",
                "feeds": {"primary": {"mock": {"decimals": 8, "price": str(Decimal(first.answer).scaleb(-8))}}},
                "heartbeats": {"primary": HEARTBEAT_SECONDS},
                "parameters": {"tick": tick_of(first.answer)},
            }
        },
    }
    if coins:
        coin = coin_of(symbol)
        content["tokens"][coin] = {"mock": {"name": f"Test {coin}", "symbol": coin, "decimals": 18}}
        content["markets"][coin] = {
            "index": 2,
            "token": coin,
            "kind": "inverse",
            "unit": unit_of(first.answer),
            "price_market": symbol,
            "parameters": {"tick": tick_of(first.answer)},
        }
    return content


class LocalMarket:
    """A running market.

    Attributes:
        anvil: The chain.
        chain: The deployment on it.
        market: Its one market.
        people: A client for everybody, by role.
        rounds: Rounds as the feed has them: (id, stamp, answer).
    """

    def __init__(
        self,
        symbol: str,
        first: Round,
        deployer: Deployer = deploy_plainly,
        history: int | None = None,
        fork: str | None = None,
        coins: bool = False,
    ) -> None:
        """Starts the chain, deploys and fills the purses.

        Args:
            symbol: Name of the market.
            first: First round; on a fork at least `LEAD_SECONDS` after the newest block of the node.
            deployer: What deploys.
            history: As of `Anvil`.
            fork: Node whose chain the Anvil forks; None starts a chain from nothing.
            coins: With a market beside it that counts coins.
        """
        starts_at = first.at - LEAD_SECONDS
        self.anvil = Anvil(timestamp=starts_at, history=history, fork=fork)
        try:
            if fork is not None:
                self.anvil.mine(starts_at)
            deployment = deployer(self.anvil, inputs_of(symbol, first, coins))
            deployment.check(self.anvil.rpc)
            self.chain = Connection(self.anvil.rpc, deployment)
            self.market: Market = self.chain.market(symbol)
            self.people = {role: Bulkhead(self.chain, key=anvil.key(i)) for i, role in enumerate(ROLES)}
            self.feed: Contract = self.chain.feed(deployment.market(symbol))
            self.rounds: list[tuple[int, int, int]] = []
            self._note_round()
            self._fill_purses()
        except BaseException:
            self.anvil.stop()
            raise

    def __enter__(self) -> LocalMarket:
        return self

    def __exit__(self, *_: object) -> None:
        self.anvil.stop()

    @property
    def unit(self) -> int:
        """Native units in one quote."""
        return int(10**self.market.decimals)

    def _fill_purses(self) -> None:
        mint = self.people["deployer"].signer
        for role, amount in PURSES.items():
            mint.execute(self.market.token, "mint", self.people[role].address, amount * self.unit)
        insurer = self.people["insurer"]
        fund = self.chain["InsuranceFund"]
        insurer.ensure_allowance(self.market, fund, INSURANCE * self.unit)
        insurer.signer.execute(fund, "deposit", self.market.index, INSURANCE * self.unit)

    def _note_round(self) -> None:
        found = self.feed.call("latestRoundData")
        self.rounds.append((int(found[0]), int(found[3]), int(found[1])))

    # --- time -------------------------------------------------------------------------------------------------

    def now(self) -> int:
        """Stamp of the newest block."""
        return self.anvil.rpc.timestamp()

    def push(self, point: Round, now: int | None = None) -> int:
        """Writes a round at its time, or right now when the chain is already later; returns the stamp.

        Args:
            point: The round.
            now: Stamp of the newest block, if the caller knows it.
        """
        at = max(point.at, (self.now() if now is None else now) + 1)
        self.anvil.set_next_timestamp(at)
        # the feed's own account is not part of the play: the node signs for it
        mover = self.people["deployer"].signer
        data = self.feed.encode("push", point.answer, at)
        mover.wait(self.anvil.send_as(mover.address, self.feed.address, data, PUSH_GAS))
        self.rounds.append((self.rounds[-1][0] + 1, at, point.answer))
        return at

    def wait_until(self, at: int) -> None:
        """Mines one empty block at a time to come, if it is still to come."""
        if at > self.now():
            self.anvil.mine(at)


def save_inputs(content: dict[str, Any], path: Path) -> None:
    """Inputs as a file that `ape run deploy --inputs` reads; JSON is YAML."""
    path.write_text(json.dumps(content, indent=2))
