"""One market with everything in it that a call can be about, eight days before to an hour after its expiry.

All contracts are real and read two feeds; only feeds and token are test doubles. The scene is built once, on the day
before the expiry, with what takes days already done: cooldowns have passed, an older cell has a claim, a debt and a
draw of insurance that its token refused. Columns go on from there.
"""

from __future__ import annotations

from typing import Any

import boa
from eth_account import Account
from eth_account.signers.local import LocalAccount

from bulkhead import orders
from bulkhead.orders import Order, OrderLeg
from bulkhead.risk.words import Kind, Leg, Series
from tests.contracts import deployer, write
from tests.worlds.exchange import key
from tests.worlds.maker import QUOTER, new_vault
from tests.worlds.surface import ACCOUNTS
from tests.worlds.system import DAY, EMPTY, NO_PERMIT, WAD, System, call, put, weekly

HOUR, MINUTE = 3600, 60
WINDOW = 1800
MAX = 2**256 - 1
MARKET = 1
#: The cell that rows act in, an older one with a claim and a debt, and one that is done but for dust.
EXPIRY = weekly(2)
OLDER, DONE = EXPIRY - 2 * DAY, EXPIRY - 3 * DAY

#: Vaults that a fall of the price makes liquidatable.
WEAK = ("weak", "big", "frail", "healed", "covered again")


class Scene:
    """The market, its people and their vaults.

    Attributes:
        system: Every contract.
        spot: Price of the last round of both feeds.
        people: Accounts by role.
        vaults: Vault ids by name.
    """

    def __init__(self, **parameters: int) -> None:
        token = deployer("HostileERC20").deploy(6)
        self.system = System(token=token, second_feed=True, **{"maker_fee_bps": 1, **parameters})
        self.token = self.system.market.token
        self.spot = 2000.0
        names = ("trader", "owner", "taker", "lender", "insurer", "stranger", "keeper", "buyer", "heir")
        self.people = {name: str(boa.env.generate_address(name)) for name in names}
        self.maker: LocalAccount = Account.from_key(key(1))
        self.signer: LocalAccount = Account.from_key(key(2))
        self.people.update(maker=self.maker.address, signer=self.signer.address)
        self.people.update(governor=self.system.owner, guardian=self.system.guardian, quoter=QUOTER.address)
        self.people["desks"] = str(boa.env.generate_address("desks"))
        self.vaults: dict[str, int] = {}
        self.pool = self.system.pool()
        self.desks = new_vault(self.system.at, self.people["desks"])
        self.contracts: dict[str, Any] = {
            name: getattr(self.system, name)
            for name in (
                "Clearinghouse", "VaultToken", "Operators", "Exchange", "QuoteBoard", "Liquidator", "InsuranceFund",
                "Settlement", "ExpiryPrices", "OracleAdapter", "MarginGate", "CloseGate", "RiskParameters",
                "VolSurface", "TradeLimits", "AutoTopUp",
            )
        }  # fmt: skip
        self.contracts.update(BackstopPool=self.pool, MakerVault=self.desks)
        self._begin()
        self._pass_days()
        self._trade()

    # --- building ---------------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        """A week before: shares that will be redeemed are bought and requested, older cells are opened."""
        for name in ("trader", "owner", "taker", "lender", "insurer", "buyer", "maker", "desks", "stranger"):
            self.system.fund(self.people[name], 1_000_000)
        for name, spender in (
            ("lender", self.pool),
            ("lender", self.desks),
            ("insurer", self.contracts["InsuranceFund"]),
        ):
            self.token.approve(spender.address, MAX, sender=self.people[name])
        lender = self.people["lender"]
        self.pool.deposit(500_000 * 10**6, lender, sender=lender)
        unit = 10 ** self.pool.decimals()
        for _ in range(3):
            self.pool.request_redeem(100 * unit, 0, sender=lender)
        self.desks.deposit(100_000 * 10**6, lender, sender=lender)
        self.contracts["InsuranceFund"].deposit(MARKET, 100_000 * 10**6, sender=self.people["insurer"])
        shares = self.contracts["InsuranceFund"].shares(MARKET, self.people["insurer"])
        self.contracts["InsuranceFund"].request(MARKET, shares // 4, sender=self.people["insurer"])
        self.open("rich", "maker", 1_000_000)
        for name, who, quote in (("winner", "trader", 500), ("debtor", "trader", 1_900), ("poor", "owner", 1_900)):
            self.open(name, who, quote)
        for name in ("debtor", "poor"):
            self.trade(name, "winner", [put(2500, 1)], OLDER)
        self.open("past loser", "owner", 3_000)
        self.open("past winner", "buyer", 100)
        self.trade("past loser", "past winner", [put(2100, 1)], DONE)

    def _pass_days(self) -> None:
        """To the day before the expiry; the older cell settles with a frozen debtor and a frozen pot."""
        self.until(DONE - WINDOW - 10)
        self.until(DONE, 600)
        self.system.wait(301, self.spot)
        settlement = self.contracts["Settlement"]
        settlement.fix(MARKET, DONE, [])
        settlement.settle_many([self.vaults["past loser"], self.vaults["past winner"]])
        settlement.claim(self.vaults["past winner"])
        self.token.mint(self.system.clearinghouse.cell_custody(MARKET, DONE), 7)
        self.until(OLDER - 12 * HOUR)
        # as a jump of the price would leave it, without the vol that a jump would leave
        with boa.env.prank(self.system.clearinghouse.address):
            vault = deployer("Vault").at(self.custody("poor"))
            vault.pay(self.token.address, [self.people["maker"], EMPTY], [1_600 * 10**6, 0])
        self.until(OLDER - WINDOW - 10)
        self.until(OLDER, 600)
        self.system.wait(301, self.spot)
        settlement.fix(MARKET, OLDER, [])
        pot = self.contracts["InsuranceFund"].pot(MARKET)
        debtor = self.custody("debtor")
        for frozen in (True, False):
            self.token.freeze(pot, frozen)
            self.token.freeze(debtor, frozen)
            if frozen:
                settlement.settle_many([self.vaults[name] for name in ("debtor", "winner", "poor")])
        assert settlement.debt_of(self.vaults["debtor"]) > 0
        assert settlement.insurable(MARKET, OLDER) > 0
        self.until(EXPIRY - 20 * HOUR)

    def _trade(self) -> None:
        """Vaults of the cell: margined, covered, idle, and those of the pool."""
        self.open("margined", "trader", 1_500)
        self.open("second", "trader", 1_500)
        self.open("covered", "trader", 500)
        self.open("idle", "trader", 100)
        self.open("into", "taker", 200_000)
        self.open("signed", "signer", 0)
        for name in ("margined", "second"):
            self.trade(name, "rich", [put(2000, 1)], EXPIRY, 60)
        self.trade("rich", "covered", [call(2000, 1)], EXPIRY, 60)
        self._fill_pool()
        self.vaults["desk"] = int(self.desks.open_desk(0, sender=QUOTER.address))
        self.desks.fund(self.vaults["desk"], 20_000 * 10**6, sender=QUOTER.address)
        self.trade("desk", "rich", [put(2000, 1)], EXPIRY, 60)
        for name in WEAK:
            size = 10 if name == "big" else 1
            self.open(name, "owner", 2_000 * size)
            self.trade(name, "rich", [put(2000, size)], EXPIRY, 60 * size)
        parameters, governor = self.contracts["RiskParameters"], self.people["governor"]
        parameters.set_parameter(MARKET, "short_floor_bps", 101, sender=governor)
        parameters.transfer_ownership(self.people["heir"], sender=governor)
        self.contracts["VolSurface"].set_publishers(MARKET, ACCOUNTS, 2, 3600, 1000, sender=governor)
        self.desks.approve(self.people["stranger"], MAX, sender=self.people["lender"])
        self.pool.approve(self.people["stranger"], MAX, sender=self.people["lender"])
        top_ups, owner = self.contracts["AutoTopUp"], self.people["owner"]
        self.token.approve(top_ups.address, MAX, sender=owner)
        top_ups.set_mandate(self.vaults["frail"], self.mandate(), NO_PERMIT, sender=owner)
        self.vaults["desk empty"] = int(self.desks.open_desk(0, sender=QUOTER.address))
        self.pass_time(HOUR, 3000)

    def _fill_pool(self) -> None:
        """Four vaults of the pool: two healthy ones, one that its price will leave thin, one without legs."""
        own = []
        for name, quote in (("pool a", 3_000), ("pool b", 3_000), ("pool thin", 3_000), ("pool empty", 50)):
            with boa.env.prank(self.pool.address):
                vault = int(self.system.clearinghouse.open(MARKET, 0, self.pool.address, 0))
            self.vaults[name] = vault
            own.append(vault)
            self.token.mint(self.system.clearinghouse.custody(vault), quote * 10**6)
            if quote > 50:
                self.trade(name, "rich", [put(2000, 1)], EXPIRY, 60)
        slot = deployer("BackstopPool").artifact.layout["storage_layout"]["_vaults"]["slot"]
        write("BackstopPool", self.pool.address, "_vaults", len(own))
        for i, vault in enumerate(own):
            boa.env.set_storage(self.pool.address, slot + 1 + i, vault)
        write("BackstopPool", self.pool.address, "cell_vault", self.vaults["pool a"], EXPIRY)
        self.pool.serve(1, sender=self.people["stranger"])

    def weaken(self, fall: float = 0.032) -> None:
        """Owners take out what initial margin leaves, the price falls, and all but one are flagged."""
        for name in WEAK:
            self.lean(name, "owner")
        thin = self.vaults["pool thin"]
        with boa.env.prank(self.pool.address):
            self._withdraw_most(thin, self.pool.address)
        self.push(self.spot * (1 - fall))
        self.observe()
        for name in WEAK:
            if name != "frail":
                self.contracts["Liquidator"].flag(self.vaults[name], sender=self.people["keeper"])
        # gifts, which look at no flag
        self.token.mint(self.custody("healed"), 400 * 10**6)
        self.token.mint(self.custody("covered again"), 2_000 * 10**6)
        self.pass_time(110, 55)

    # --- time and prices --------------------------------------------------------------------------------------------

    @property
    def now(self) -> int:
        return self.system.now

    def push(self, primary: float | None, fallback: float | None = None) -> None:
        """A round of each feed, both alike unless told otherwise."""
        if primary is not None:
            self.spot = primary
            self.system.market.feed.push(round(primary * 10**8), self.now)
        second = primary if fallback is None else fallback
        if second is not None:
            self.system.fallback.push(round(second * 10**8), self.now)

    def observe(self) -> Any:
        return self.system.oracle.observe(MARKET, EXPIRY)

    def until(self, moment: int, step: int = 3000) -> None:
        """To a moment, with a round and a poke at every step."""
        while self.now < moment:
            self.system.wait(min(step, moment - self.now))
            self.push(self.spot)
            self.system.oracle.poke(MARKET, 256)

    def pass_time(self, seconds: int, step: int = 600) -> None:
        """So many seconds with rounds and observes."""
        end = self.now + seconds
        while self.now < end:
            self.system.wait(min(step, end - self.now))
            self.push(self.spot)
            self.observe()

    # --- vaults and money -------------------------------------------------------------------------------------------

    def open(self, name: str, who: str, quote: float) -> None:
        self.vaults[name] = self.system.open(self.people[who], quote)

    def custody(self, name: str) -> str:
        return str(self.system.clearinghouse.custody(self.vaults[name]))

    def trade(self, seller: str, buyer: str, legs: list[int], expiry: int, quote: float = 0) -> None:
        self.system.novate(self.vaults[seller], self.vaults[buyer], legs, expiry, quote)

    def lean(self, name: str, who: str) -> None:
        """Everything that initial margin leaves is withdrawn."""
        with boa.env.prank(self.people[who]):
            self._withdraw_most(self.vaults[name], self.people[who])

    def _withdraw_most(self, vault: int, receiver: str) -> None:
        house = self.system.clearinghouse
        low, high = 0, self.system.balance(vault)
        while high - low > 10**4:
            middle = (low + high) // 2
            try:
                with boa.env.anchor():
                    house.withdraw(vault, middle, receiver)
                low = middle
            except boa.BoaError:
                high = middle
        house.withdraw(vault, low, receiver)

    def mandate(self) -> tuple[int, ...]:
        """Below a health of 1 up to 1.2, with limits that nothing here reaches."""
        return WAD, WAD * 12 // 10, 10_000 * 10**6, 50_000 * 10**6, 10**6, self.now + 30 * DAY

    # --- orders -----------------------------------------------------------------------------------------------------

    def series(self, kind: Kind, strike: int = 2000) -> int:
        return Series(MARKET, kind, EXPIRY, strike * 10**8).pack()

    def mark(self, legs: list[int]) -> int:
        """What legs are worth to the ES engine at the last undisputed spot and the vols of now [wad]."""
        words = self.system.oracle.snapshot(MARKET, EXPIRY)
        spot = round(self.fair * 10**8) * 10**10
        facts = words._replace(spot=spot, forward=spot, seconds=max(words.seconds, 1), window_share=0)
        return int(self.system.EsEngine.value(legs, facts))  # type: ignore[attr-defined]

    @property
    def fair(self) -> float:
        """The price that nobody disputes."""
        return getattr(self, "_fair", self.spot)

    def order(self, kind: Kind, is_bid: bool, size: int, strike: int = 2000, **changes: Any) -> tuple[Any, bytes]:
        """An order of the rich maker at mark, a hundredth to the taker's loss, and its signature."""
        mark = self.mark([Leg(kind, strike * 10**8, 10**6).pack()])
        values: dict[str, Any] = {
            "maker_vault": self.vaults["rich"],
            "signer": self.maker.address,
            "legs": (OrderLeg(self.series(kind, strike), 1),),
            "is_bid": is_bid,
            "price": mark - WAD // 100 if is_bid else mark + WAD // 100,
            "size": size,
            "expiry": self.now + 60,
            "max_fee": 2**128,
            "max_deficit": 2**127,
        }
        made = Order(**{**values, **changes})
        return made.to_tuple(), orders.sign(made, self.system.domain, self.maker.key)
