"""A market in process with random prices and a token that misbehaves, and what the mirror makes of its vaults."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from dataclasses import dataclass

import boa
from eth_account import Account
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from bulkhead import orders
from bulkhead.risk import exact, margin
from bulkhead.risk.words import Kind, Leg, Model, RiskWord, Series
from tests.contracts import deployer
from tests.evm import Env
from tests.stateful.folded import Folded
from tests.worlds.system import System, weekly

LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"
# hypothesis ends some examples early: 1,682 steps are really made, and more than 20,000 in the long profile
EXAMPLES, STEPS = (260, 100) if LONG else (24, 80)
EXPIRIES = (weekly(1), weekly(2))
STRIKES = (1400, 1700, 2000, 2300, 2800)
ACTORS = [Account.from_key(bytes([i + 1]) * 32) for i in range(4)]
SERIES = [(Kind.FUTURE, 0)] + [(kind, strike) for kind in (Kind.CALL, Kind.PUT) for strike in STRIKES]
FLAGGED, DEBT = 1 << 188, 4 << 188
LIMITS = [-(2**255), 0, 0, 0, 0]
FOREVER = 2**40
FEED_HEARTBEAT = 3600  # of the feed in tests/worlds/system.py
#: From an expiry until its price can be final [seconds].
SETTLE_DELAY = 300

#: So often the index is compared with the chain on the way [steps].
COMPARED = 150

steps: Counter[str] = Counter()


@dataclass(frozen=True)
class View:
    """A vault as the mirror sees it; amounts in wad."""

    legs: list
    flagged: bool
    deposit: int
    collateral: int
    equity: int
    mm: int
    im: int
    covered: bool
    active: bool


@dataclass
class MandateBook:
    """A mandate beside the contract's own record: limits and what was seen to leave the wallet [native]."""

    owner: str
    epoch: int
    trigger: int
    per_day: int
    in_all: int
    spent: int
    day: int
    spent_that_day: int


class TradedMarket(RuleBasedStateMachine):
    """One market, its actors and what they hold; vaults are read once between two transactions."""

    @initialize()
    def deploy(self) -> None:
        self.world = boa.swap_env(Env(keeps_logs=True))
        self.world.__enter__()
        self.token = deployer("HostileERC20").deploy(6)
        self.system = System(token=self.token)
        self.system.push(2000.0)
        self.spot = 2000.0
        self.minted = 0
        self.rounds: list[tuple[int, int]] = [(self.system.market.feed.latest_id(), self.system.now)]
        self.settled: set[int] = set()
        self.salt = 0
        self.claimed: Counter[int] = Counter()
        self.vaults: list[int] = []
        self.read: dict[int, tuple] | None = None
        self.custodies: dict[int, str] = {}
        self.holders: set[str] = {a.address for a in ACTORS} | {self.system.owner, self.system.at["Exchange"]}
        self.holders.add(boa.env.eoa)  # whoever calls without a name: tips of clearing and settling
        self.frozen: set[str] = set()
        self.kept = False
        self.fee = False
        for actor, quote, count in zip(ACTORS, (300, 600, 2_500, 200_000), (2, 1, 2, 2), strict=True):
            self._mint(actor.address, 10_000)
            for _ in range(count):
                vault = self.system.open(actor.address)
                self.vaults.append(vault)
                self.custodies[vault] = self.system.clearinghouse.custody(vault)
                self._deposit(vault, actor.address, quote)
        self._mint(self.system.owner, 20_000)
        with boa.env.prank(self.system.owner):
            self.system.market.token.approve(self.system.at["InsuranceFund"], 2**256 - 1)
            self.system.insurance.deposit(1, 20_000 * 10**6)
        # the three models, before there are legs
        for vault, model in ((self.vaults[1], Model.GREEKS), (self.vaults[3], Model.STATIC)):
            with boa.env.prank(self._owner(vault)):
                self.system.clearinghouse.set_model(vault, model)
        self.pool = self.system.pool()
        self._mint(self.system.owner, 30_000)
        with boa.env.prank(self.system.owner):
            self.token.approve(self.pool.address, 2**256 - 1)
            self.pool.deposit(30_000 * 10**6, self.system.owner)
        self.traded = list(self.vaults)
        self.donated: set[int] = set()
        self.folded = Folded(self.system, {"BackstopPool": self.pool.address})
        self._hire_hostile_taker()
        self.top_up = self.system.AutoTopUp  # type: ignore[attr-defined]
        self.mandates: dict[int, MandateBook] = {}
        for actor in ACTORS:
            with boa.env.prank(actor.address):
                self.token.approve(self.top_up.address, 2**256 - 1)
        self.read = None
        self.holders |= {self.pool.address, self.system.insurance.pot(1)}
        self.holders |= {self.system.clearinghouse.cell_custody(1, e) for e in EXPIRIES}
        # live positions from the start: a short put, a short call, a strangle sold by the middle vault
        rich = self.traded[-2:]
        self._trade(rich[0], self.vaults[0], [(Kind.PUT, 2000, 1)], EXPIRIES[0], 0.5, 1.0, False, True)
        self._trade(rich[0], self.vaults[2], [(Kind.CALL, 2000, 1)], EXPIRIES[0], 0.5, 1.0, False, True)
        strangle = [(Kind.PUT, 1700, 1), (Kind.CALL, 2300, 1)]
        self._trade(rich[1], self.vaults[3], strangle, EXPIRIES[1], 0.6, 1.0, False, True)

    def _hire_hostile_taker(self) -> None:
        """A contract with two funded vaults that takes with a callback."""
        self.hostile = deployer("HostileTaker").deploy()
        self._mint(self.hostile.address, 10_000)
        self.holders.add(self.hostile.address)
        self.hostile_vaults = []
        for quote in (100_000, 0):
            vault = self.system.open(self.hostile.address)
            self.hostile_vaults.append(vault)
            self.vaults.append(vault)
            self.custodies[vault] = self.system.clearinghouse.custody(vault)
            if quote:
                self._deposit(vault, self.hostile.address, quote)

    def _mint(self, account: str, quote: int) -> None:
        self.system.fund(account, quote)
        self.minted += quote * 10**6

    def _deposit(self, vault: int, payer: str, quote: int) -> None:
        self.read = None
        self._mint(payer, quote)
        with boa.env.prank(payer):
            self.system.clearinghouse.deposit(vault, self.system.owner_of(vault), quote * 10**6)

    def _owner(self, vault: int) -> str:
        return "0x" + f"{self._all()[vault][0][0] & (2**160 - 1):040x}"

    def _actor(self, vault: int) -> Account:
        owner = self._owner(vault)
        return next(a for a in ACTORS if a.address.lower() == owner)

    def _all(self) -> dict[int, tuple]:
        """(words, legs) of every vault, read once between two transactions."""
        if self.read is None:
            loaded = {v: self.system.clearinghouse.load(v) for v in self.vaults}
            self.read = {v: (list(words), tuple(legs)) for v, (words, legs) in loaded.items()}
        return self.read

    def _states(self) -> dict[int, object]:
        # words that belong to the vault itself: not the market's risk and open interest, nor the cell's counters
        return {v: (words[0], words[1], words[6], legs) for v, (words, legs) in self._all().items()}

    def _legs(self, vault: int) -> list[Leg]:
        return [Leg.unpack(word) for word in self._all()[vault][1]]

    @contextlib.contextmanager
    def _touching(self, *named: int):
        """INV-02: vaults that a transaction does not name keep every leg and token."""
        before = self._states()
        yield
        self.read = None
        after = self._states()
        for vault in self.vaults:
            if vault not in named:
                assert after[vault] == before[vault], f"INV-02: vault {vault} changed"

    def _try(self, call, *arguments) -> bool:
        steps[call.name] += 1
        try:
            call(*arguments)
        except boa.BoaError:
            return False
        return True

    def _fresh(self) -> bool:
        return self.system.snapshot(EXPIRIES[1]).is_active

    def _view(self, vault: int) -> View:
        """What the mirror makes of a vault: the checks below never ask the contracts for their own opinion."""
        words, _ = self._all()[vault]
        legs = self._legs(vault)
        expiry = words[1] & (2**40 - 1)
        flagged = bool(words[0] & FLAGGED)
        deposit = words[1] >> 184 & (2**40 - 1)
        held = deposit - (deposit * 50 // 100 if words[1] >> 224 & 1 else 0)
        collateral = (words[6] - held) * 10**12
        if not legs:
            return View(legs, flagged, deposit, collateral, collateral, 0, 0, True, True)
        v_min = exact.max_loss(legs)
        covered = v_min != exact.UNBOUNDED and collateral >= -v_min
        prices = self.system.snapshot(expiry)
        if prices.seconds == 0:
            return View(legs, flagged, deposit, collateral, 0, 0, 0, covered, False)
        risk, model = RiskWord.unpack(words[3]), Model(words[0] >> 184 & 7)
        own = risk.stamped(words[1] >> 225) if model == Model.STATIC else risk
        assessed = exact.assess(legs, prices, own, model=model)
        standing = margin.resolve(assessed, collateral, risk, prices)
        return View(
            legs,
            flagged,
            deposit,
            collateral,
            standing.equity,
            standing.maintenance_margin,
            standing.initial_margin,
            covered,
            prices.is_active,
        )

    def _check_owner_action(self, vault: int, before: View) -> None:
        """INV-05: equity >= IM, or no riskier than before."""
        after = self._view(vault)
        if after.covered or not after.active:
            return
        safer = after.equity - after.mm >= before.equity - before.mm or (
            before.equity < 0 <= after.equity - before.equity
        )
        assert after.equity >= after.im or safer, f"INV-05: vault {vault} left unhealthy"

    @rule(factor=st.sampled_from((0.7, 0.85, 0.95, 0.99, 1.0, 1.01, 1.05, 1.15, 1.3)), minutes=st.integers(0, 50))
    def move_price(self, factor, minutes) -> None:
        self.spot = min(max(self.spot * factor, 600.0), 6000.0)
        self.system.wait(minutes * 60 + 1, self.spot)
        self.rounds.append((self.system.market.feed.latest_id(), self.system.now))
        self.system.oracle.poke(1, 20)

    @rule(hours=st.integers(2, 5))
    def outage(self, hours) -> None:
        self.system.wait(hours * 3600)

    @rule(data=st.data(), quiet=st.booleans(), fee=st.integers(0, 9))
    def token_misbehaves(self, data, quiet, fee) -> None:
        """The issuer freezes a vault or the insurance pot; seldom the token begins to keep a fee."""
        pot = self.system.insurance.pot(1)
        for holder in data.draw(st.lists(st.sampled_from([*self.custodies.values(), pot]), max_size=2)):
            self.token.freeze(holder, True)
            self.frozen.add(holder)
        self.fee = fee == 0
        self.kept = self.kept or self.fee
        self.token.misbehave(quiet, 100 if self.fee else 0)

    @rule()
    def token_behaves(self) -> None:
        self._thaw()

    def _thaw(self) -> None:
        for holder in sorted(self.frozen):
            self.token.freeze(holder, False)
        self.frozen.clear()
        self.fee = False
        self.token.misbehave(False, 0)

    def _meet_pool(self) -> None:
        """The pool's vaults take part in every invariant."""
        for vault in self.pool.vaults():
            if vault not in self.custodies:
                self.vaults.append(vault)
                self.custodies[vault] = self.system.clearinghouse.custody(vault)
        self.read = None

    def _live(self) -> list[int]:
        return [e for e in EXPIRIES if self.system.clearinghouse.cell(1, e) & (2**112 - 1)]

    def _trade(self, maker_vault, taker_vault, chosen, expiry, share, premium, deferred, bid) -> None:
        """A signed order of the maker for (kind, strike, ratio)s, filled by the taker; sized by the poorer one."""
        maker, taker = self._actor(maker_vault), self._actor(taker_vault)
        legs = tuple(
            sorted(
                (
                    orders.OrderLeg(Series(1, kind, expiry, strike * 10**8).pack(), ratio)
                    for kind, strike, ratio in chosen
                ),
                key=lambda leg: leg.series,
            )
        )
        terms = [Series.unpack(leg.series) for leg in legs]
        words = [Leg(s.kind, s.strike, leg.ratio * 10**6) for s, leg in zip(terms, legs, strict=True)]
        prices = self.system.snapshot(expiry)
        if prices.seconds == 0:
            return
        mark = exact.mark(words, prices)
        poorer = min(self._all()[maker_vault][0][6], self._all()[taker_vault][0][6]) / 10**6
        size = max(int(poorer * share / (0.12 * self.spot) * 100), 1) * 10_000
        self.salt += 1
        order = orders.Order(
            maker_vault=maker_vault,
            signer=maker.address,
            legs=legs,
            is_bid=bid,
            price=int(mark * premium),
            size=size,
            expiry=self.system.now + 60,
            premium_style=orders.PremiumStyle(int(deferred)),
            epoch=self.system.exchange.epoch_for(maker_vault, [leg.series for leg in legs]),
            salt=self.salt,
            max_deficit=2**255,
        )
        signature = orders.sign(order, self.system.domain, maker.key)
        before = self._view(maker_vault), self._view(taker_vault)
        limit = -(2**254) if bid else 2**254
        with self._touching(maker_vault, taker_vault), boa.env.prank(taker.address):
            asked = orders.Asked(limit, taker_vault, size, 2**128, max_deficit=2**255)
            done = self._try(self.system.exchange.fill, asked.to_tuple(order, signature))
        if done:
            steps["filled"] += 1
            self._check_owner_action(maker_vault, before[0])
            self._check_owner_action(taker_vault, before[1])
