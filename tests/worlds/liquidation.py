"""A whole market in process whose prices and clock a test sets by hand, for liquidation and settlement.

Everything that holds money or decides is the real contract. Only the oracle is scripted, so that a test can put the
price, the vol and the auction's clock where it wants them; signed orders are left out by calling as the Exchange.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import boa
from eth_utils import keccak, to_checksum_address

from bulkhead.chain import system
from bulkhead.chain.parameters import ParameterSet
from bulkhead.risk.words import NODES, WEIGHTS, Snapshot, Status
from tests.contracts import deployer
from tests.worlds.legs import call as call
from tests.worlds.legs import cash as cash
from tests.worlds.legs import future as future
from tests.worlds.legs import put as put
from tests.worlds.system import owner_of

WAD = 10**18
MARKET = 1
START = 1_800_000_000
EXPIRY = 1_800_000_000 // 86_400 * 86_400 + 8 * 3600 + 14 * 86_400
LIMITS = [-(2**255), 0, 0, 0, 0]
FOREVER = 2**63

#: Played by the test: prices by script, the other two by calling in their name.
SCRIPTED = ("OracleAdapter", "ExpiryPrices", "RiskParameters", "Exchange", "VolSurface", "Lens", "OrderLens")

ORACLE = """
# pragma version 0.4.3
from interfaces import IOracleAdapter

facts: IOracleAdapter.Snapshot
prices: HashMap[uint256, uint256]
observed: public(uint256)

@external
def script(facts: IOracleAdapter.Snapshot):
    self.facts = facts

@internal
@view
def _snapshot(expiry: uint256) -> IOracleAdapter.Snapshot:
    facts: IOracleAdapter.Snapshot = self.facts
    facts.seconds = 0
    if expiry > block.timestamp:
        facts.seconds = expiry - block.timestamp
    return facts

@external
@view
def snapshot(market: uint256, expiry: uint256) -> IOracleAdapter.Snapshot:
    return self._snapshot(expiry)

@external
def observe(market: uint256, expiry: uint256) -> IOracleAdapter.Snapshot:
    self.observed += 1
    return self._snapshot(expiry)

@external
def look(market: uint256, expiry: uint256) -> IOracleAdapter.Snapshot:
    return self._snapshot(expiry)

@external
def fix(market: uint256, expiry: uint256, hints: DynArray[uint256, 64]) -> uint256:
    if len(hints) != 0:
        self.prices[expiry] = hints[0]
    return self.prices[expiry]

@external
@view
def price(market: uint256, expiry: uint256) -> uint256:
    return self.prices[expiry]
"""


def address(name: str) -> str:
    """The same account in every environment."""
    return to_checksum_address(keccak(text=name)[12:])


class World:
    """One market with quote token, engine, clearinghouse, liquidator, settlement and insurance.

    Attributes:
        decimals: Of the quote token.
        token: The quote token.
    """

    def __init__(self, decimals: int = 6, token=None, liquidation: dict[str, int] | None = None):
        boa.env.evm.patch.timestamp = START
        self.at = {name: address(name) for name, _ in system.CONTRACTS}
        self.decimals = decimals
        self.unit = 10**decimals
        self.token = token or deployer("MockERC20").deploy("Dollar", "USD", decimals)
        self.oracle = boa.loads(ORACLE, override_address=self.at["OracleAdapter"])
        # the same script says what a cell settles at
        boa.loads(ORACLE, override_address=self.at["ExpiryPrices"])
        config = system.SystemConfig(address("owner"), address("guardian"), NODES, WEIGHTS)
        made = {}
        for name, contract in system.CONTRACTS:
            if name not in SCRIPTED:
                arguments = system.constructor_arguments(name, self.at, config)
                made[name] = deployer(contract).deploy(*arguments, override_address=self.at[name])
        self.engine = made["EsEngine"]
        self.clearinghouse = made["Clearinghouse"]
        self.liquidator = made["Liquidator"]
        self.settlement = made["Settlement"]
        self.fund = made["InsuranceFund"]
        self.parameters = ParameterSet.default(**(liquidation or {}))
        risk, _, word, _ = self.parameters.words
        # models ES and STATIC
        token_word = int(self.token.address, 16) | decimals << 160 | 1 << 168 | 10_000 << 176 | 5 << 208
        with boa.env.prank(self.at["RiskParameters"]):
            self.clearinghouse.list_market(MARKET, token_word, risk)
            self.liquidator.configure(MARKET, word)
            self.settlement.configure(MARKET, word)
        self.spot = 2000.0
        self.sigma = 0.6
        self.iv = 0.6
        self.status = Status.FRESH | Status.ACTIVE
        self.clock = 1_000_000
        self.restart = 0
        self.undisputed = 2000.0
        self.width = 0.0
        self.refresh()

    # --- prices -------------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        self.oracle.script(self.snapshot().words())

    def snapshot(self) -> Snapshot:
        spot = round(self.spot * 10**8) * 10**10
        return Snapshot(
            spot=spot,
            forward=spot,
            seconds=max(EXPIRY - self.now, 0),
            sigma=round(self.sigma * WAD),
            sigma_now=round(self.sigma * WAD),
            vol_ratio=WAD,
            half_width=round(self.width * 10**8) * 10**10,
            status=self.status,
            updated_at=self.now,
            clock=self.clock,
            surface_near=round(self.iv * WAD),
            restarted_at=self.restart,
            undisputed=round(self.undisputed * 10**8) * 10**10,
        )

    @property
    def now(self) -> int:
        return boa.env.evm.patch.timestamp

    def move(self, spot: float | None = None, **changes) -> None:
        """Sets the spot or any of sigma, iv, status, restart, width; an active price is undisputed."""
        if spot is not None:
            self.spot = spot
        for name, value in changes.items():
            setattr(self, name, value)
        if self.status & Status.ACTIVE:
            self.undisputed = self.spot
        self.refresh()

    def wait(self, seconds: int, fresh: bool = True) -> None:
        """Lets time pass, on the market clock as well unless the price is not fresh."""
        boa.env.evm.patch.timestamp += seconds
        boa.env.evm.patch.block_number += 1
        self.clock += seconds if fresh else 0
        self.refresh()

    # --- vaults -------------------------------------------------------------------------------------------------

    def open(self, owner: str, quote: float = 0, model: int = 0) -> int:
        with boa.env.prank(owner):
            vault_id = self.clearinghouse.open(MARKET, model, owner, 0)
        if quote:
            self.deposit(vault_id, quote, owner)
        return vault_id

    def deposit(self, vault_id: int, quote: float, payer: str) -> None:
        amount = round(quote * 10**6) * self.unit // 10**6
        self.token.mint(payer, amount)
        with boa.env.prank(payer):
            self.token.approve(self.clearinghouse.address, 2**256 - 1)
            self.clearinghouse.deposit(vault_id, owner_of(self.clearinghouse, vault_id), amount)

    def trade(self, seller: int, buyer: int, legs: Sequence[int], quote: float = 0, expiry: int = EXPIRY) -> None:
        """The buyer gets the legs as signed and pays `quote` upfront."""
        amount = round(quote * 10**6) * self.unit // 10**6
        with boa.env.prank(self.at["Exchange"]):
            self.clearinghouse.novate(
                (seller, buyer, expiry, list(legs), -amount, [0, 0], "0x" + "00" * 20),
                self.snapshot().words(),
            )

    def insure(self, quote: float, payer: str | None = None) -> None:
        payer = payer or address("insurer")
        amount = self._approved(payer, self.fund, quote)
        with boa.env.prank(payer):
            self.fund.deposit(MARKET, amount)

    def _approved(self, payer: str, spender: Any, quote: float) -> int:
        """Gives an account tokens that a contract may take; returns how many."""
        amount = round(quote * 10**6) * self.unit // 10**6
        self.token.mint(payer, amount)
        with boa.env.prank(payer):
            self.token.approve(spender.address, 2**256 - 1)
        return amount

    def backstop(self, quote: float = 0, payer: str | None = None):
        """The market's pool, made at the first call, with `quote` put in."""
        if not hasattr(self, "pool"):
            self.pool = deployer("BackstopPool").deploy(*system.backstop_arguments(MARKET, "ETH", self.at))
        if quote:
            payer = payer or address("backer")
            amount = self._approved(payer, self.pool, quote)
            with boa.env.prank(payer):
                self.pool.deposit(amount, payer)
        return self.pool

    def custody(self, vault_id: int) -> str:
        return self.clearinghouse.custody(vault_id)

    def balance(self, holder: int | str) -> int:
        return self.token.balanceOf(self.custody(holder) if isinstance(holder, int) else holder)

    def legs(self, vault_id: int) -> list[int]:
        return list(self.clearinghouse.load(vault_id)[1])

    def words(self, vault_id: int) -> list[int]:
        return list(self.clearinghouse.load(vault_id)[0])

    def is_flagged(self, vault_id: int) -> bool:
        return bool(self.clearinghouse.vault_word(vault_id) >> 188 & 1)

    def standing(self, vault_id: int) -> tuple[int, int, int]:
        """(equity, MM, target) while liquidatable, as `quote` tells them [wad]."""
        quoted = self.liquidator.quote(vault_id, WAD)
        return quoted.equity, quoted.mm, quoted.target

    @property
    def pot(self) -> str:
        return self.fund.pot(MARKET)

    @property
    def cell(self) -> str:
        return self.clearinghouse.cell_custody(MARKET, EXPIRY)

    # --- calls --------------------------------------------------------------------------------------------------

    def flag(self, vault_id: int, keeper: str) -> None:
        with boa.env.prank(keeper):
            self.liquidator.flag(vault_id)

    def take(self, vault_id: int, into_id: int, taker: str, fraction: int = WAD, **options) -> int:
        with boa.env.prank(taker):
            return self.liquidator.take(
                vault_id,
                fraction,
                into_id,
                options.get("limits", LIMITS),
                options.get("deadline", FOREVER),
                options.get("data", b""),
            )

    def expire(self, price: float | None = None) -> None:
        """Goes to expiry and, with a price, fixes it."""
        if self.now < EXPIRY:
            self.wait(EXPIRY - self.now)
        if price is not None:
            self.settlement.fix(MARKET, EXPIRY, [round(price * 10**8) * 10**10])

    # --- scenes -------------------------------------------------------------------------------------------------

    def short_put(self, quote: float = 600, owner: str | None = None, strike: float = 2000, size: float = 1) -> int:
        """A vault that has sold puts to a rich maker, fully paid."""
        owner = owner or address("trader")
        vault_id = self.open(owner, quote)
        self.trade(vault_id, self.maker(), [put(strike, size)], 0)
        return vault_id

    def maker(self) -> int:
        """A rich vault on the other side."""
        if not hasattr(self, "maker_id"):
            self.maker_id = self.open(address("maker"), 1_000_000)
        return self.maker_id


@contextlib.contextmanager
def unchanged(world: World, *vault_ids: int) -> Iterator[None]:
    """Checks that vaults end as they began."""

    def state():
        return [world.clearinghouse.load(vault_id) for vault_id in vault_ids]

    before = state()
    yield
    assert state() == before
