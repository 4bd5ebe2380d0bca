"""Many actors, random prices, every contract real: the promises of docs/invariants.md after every step.

Vaults of all three margin models, the backstop pool, and a token that freezes addresses, answers false and for a while
keeps a fee take part. Each `inv_NN_*` is one row of that table. Orders are signed and filled through the Exchange,
vaults are flagged and taken through the Liquidator, cells settle through Settlement. The default profile is short;
`HYPOTHESIS_PROFILE=long` runs 20,000 steps. The number of steps is printed at the end.
"""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from dataclasses import dataclass

import boa
from eth_account import Account
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bulkhead import orders
from bulkhead.risk import exact, invariants, margin
from bulkhead.risk.invariants import Books, CellBook, VaultBook
from bulkhead.risk.words import Kind, Leg, Model, RiskWord, Series
from tests.contracts import deployer
from tests.evm import Env
from tests.stateful.folded import Folded
from tests.worlds.system import WAD, System, weekly

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


class Bulkheads(RuleBasedStateMachine):
    """The protocol under random traders, keepers and prices."""

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

    def teardown(self) -> None:
        """Every run ends with a crash and a settlement, so that no run is idle."""
        if not hasattr(self, "world"):
            return
        try:
            self._thaw()
            # the short call: a slide downwards does not need it
            self._give_mandate(self.vaults[2], 99 * WAD // 10, 4_000, 4_000, 3)
            self._top_up(self.vaults[2])
            self._slide()
            self.move_price(0.8, 1)
            for vault in self._unsafe():
                if self._flag(vault):
                    self._take_with_a_callback(vault, WAD // 10)
            self._play_three_roles(WAD // 2)
            self.crash(0.65, WAD // 2, 4)
            if self._live():
                self._expire(0.9, False, list, lambda holders: list(reversed(holders)))
            assert self.folded.differences(self.donated) == []
            self.folded.close()
        finally:
            self.world.__exit__(None, None, None)

    # --- helpers --------------------------------------------------------------------------------------------------

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

    # --- rules ----------------------------------------------------------------------------------------------------

    @rule(data=st.data(), quote=st.integers(0, 500), donated=st.booleans())
    def pay_in(self, data, quote, donated) -> None:
        vault = data.draw(st.sampled_from(self.traded))
        before = self._view(vault)
        with self._touching(vault):
            if donated:
                self.system.market.token.mint(self.custodies[vault], quote * 10**6)
                self.minted += quote * 10**6
                self.donated.add(vault)
            elif {self.custodies[vault], self._owner(vault)} & self.frozen or self.fee:
                return
            else:
                self._deposit(vault, self._owner(vault), quote)
        steps["deposit"] += 1
        after = self._view(vault)
        # INV-08: a deposit is always taken and never lowers equity; the end of a flag only refills the deposit
        if before.active and after.active:
            refilled = before.flagged and not after.flagged
            lost = before.deposit * 10**12 * 8 // 10 if refilled else 0
            assert after.equity >= before.equity + quote * WAD - lost, "INV-08"

    @rule(data=st.data(), share=st.floats(0, 1.05), hand_over=st.integers(0, 4))
    def withdraw(self, data, share, hand_over) -> None:
        """Withdraws a share of the balance; now and then hands the whole vault to another trader instead."""
        vault = data.draw(st.sampled_from(self.traded))
        if hand_over == 0 and self._owner(vault) != ACTORS[3].address.lower():
            owner, receiver = self._owner(vault), data.draw(st.sampled_from(ACTORS[:3])).address
            with self._touching(vault), boa.env.prank(owner):
                self._try(self.system.token_nft.transferFrom, owner, receiver, vault)
            return
        amount = int(self._all()[vault][0][6] * share)
        owner = self._owner(vault)
        flagged = self._view(vault).flagged
        with self._touching(vault), boa.env.prank(owner):
            done = self._try(self.system.clearinghouse.withdraw, vault, amount, owner)
        if done and amount:
            after = self._view(vault)
            assert after.covered or (after.equity >= after.im and not flagged), "INV-05: withdrawn too much"

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

    @rule(
        data=st.data(),
        count=st.integers(1, 3),
        share=st.floats(0.05, 1.2),
        premium=st.floats(0.8, 1.2),
        deferred=st.booleans(),
        bid=st.booleans(),
        expiry=st.sampled_from(EXPIRIES),
    )
    def trade(self, data, count, share, premium, deferred, bid, expiry) -> None:
        pair = data.draw(st.lists(st.sampled_from(self.traded), min_size=2, max_size=2, unique=True))
        chosen = data.draw(st.lists(st.sampled_from(SERIES), min_size=count, max_size=count, unique=True))
        signed = [(kind, strike, data.draw(st.sampled_from((-1, 1)))) for kind, strike in chosen]
        self._trade(*pair, signed, expiry, share, premium, deferred, bid)

    @rule(data=st.data(), share=st.floats(0.4, 1.0), kind=st.sampled_from((Kind.CALL, Kind.PUT)))
    def sell_to_the_rich(self, data, share, kind) -> None:
        """The common case: a small vault sells an option near the money to a rich one."""
        rich = [v for v in self.traded if self._owner(v) == ACTORS[3].address.lower()]
        poor = [v for v in self.traded if v not in rich]
        if not rich:
            return
        seller = data.draw(st.sampled_from(poor))
        expiry = self._all()[seller][0][1] & (2**40 - 1) or data.draw(st.sampled_from(EXPIRIES))
        buyers = [v for v in rich if self._all()[v][0][1] & (2**40 - 1) in (0, expiry)]
        strike = min(STRIKES, key=lambda k: abs(k - self.spot))
        if buyers:
            self._trade(
                data.draw(st.sampled_from(buyers)), seller, [(kind, strike, 1)], expiry, share, 1.0, False, True
            )

    @rule(data=st.data(), everything=st.booleans(), quote=st.integers(-100, 300))
    def regroup(self, data, everything, quote) -> None:
        source = data.draw(st.sampled_from(self.traded))
        owner = self._owner(source)
        targets = [v for v in self.traded if v != source and self._owner(v) == owner]
        legs = list(self._all()[source][1])
        if not targets or not legs:
            return
        target = targets[0]
        moved = legs if everything else legs[:1]
        before = self._view(source), self._view(target)
        with self._touching(source, target), boa.env.prank(owner):
            done = self._try(self.system.clearinghouse.transfer_legs, source, target, moved, quote * 10**6)
        if done:
            steps["regrouped"] += 1
            self._check_owner_action(source, before[0])
            self._check_owner_action(target, before[1])

    @rule(factor=st.sampled_from((0.7, 0.85, 0.95, 0.99, 1.0, 1.01, 1.05, 1.15, 1.3)), minutes=st.integers(0, 50))
    def move_price(self, factor, minutes) -> None:
        self.spot = min(max(self.spot * factor, 600.0), 6000.0)
        self.system.wait(minutes * 60 + 1, self.spot)
        self.rounds.append((self.system.market.feed.latest_id(), self.system.now))
        self.system.oracle.poke(1, 20)

    @rule(data=st.data(), model=st.sampled_from(Model))
    def switch_model(self, data, model) -> None:
        """An owner picks another margin model; never a laxer one while unhealthy."""
        vault = data.draw(st.sampled_from(self.traded))
        with self._touching(vault), boa.env.prank(self._owner(vault)):
            done = self._try(self.system.clearinghouse.set_model, vault, int(model))
        if done:
            after = self._view(vault)
            assert after.covered or not after.legs or (after.equity >= after.im and not after.flagged), "INV-05"

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

    @precondition(lambda self: any(words[0] & FLAGGED for words, _ in self._all().values()))
    @rule(data=st.data(), donated=st.booleans())
    def fight_by_a_wei(self, data, donated) -> None:
        """The owner adds 1 wei to a flagged vault: it neither ends the flag nor sets the clock back, unless healthy."""
        vault = data.draw(st.sampled_from([v for v, (words, _) in self._all().items() if words[0] & FLAGGED]))
        if self.custodies[vault] in self.frozen:
            return
        before, terms = self._view(vault), self._all()[vault][0][1]
        owner = self._owner(vault)
        self.token.mint(self.custodies[vault] if donated else owner, 1)
        self.minted += 1
        self.donated |= {vault} if donated else set()
        with self._touching(vault), boa.env.prank(owner):
            if not donated:
                self.token.approve(self.system.clearinghouse.address, 2**256 - 1)
                self._try(self.system.clearinghouse.deposit, vault, owner, 1)
            self._try(self.system.liquidator.refresh, [vault])
        after = self._view(vault)
        if before.active and before.equity + WAD < before.mm and not after.covered:
            assert after.flagged and self._all()[vault][0][1] == terms, "INV-06"
        self._flag(vault)

    @precondition(lambda self: any(words[0] & FLAGGED for words, _ in self._all().values()))
    @rule(data=st.data(), minutes=st.integers(0, 12))
    def absorb(self, data, minutes) -> None:
        """Anyone makes the backstop take over; what a share is worth never falls by it."""
        if minutes:
            self.move_price(1.0, minutes)
        vault = data.draw(st.sampled_from([v for v, (words, _) in self._all().items() if words[0] & FLAGGED]))
        self._absorb(vault)

    def _slide(self) -> None:
        """The price slides until a vault is unsafe, and nobody takes but the backstop."""
        for _ in range(8):
            self.move_price(0.95, 1)
            unsafe = self._unsafe()
            for vault in unsafe:
                self._flag(vault)
            if unsafe:
                self.move_price(1.0, 2)
                for vault in unsafe:
                    self._absorb(vault)
                return

    def _absorb(self, vault: int) -> None:
        before, worth = self._view(vault), self._worth()
        keeper = boa.env.generate_address("keeper")
        self.holders.add(keeper)
        with self._touching(vault, *self.pool.vaults()), boa.env.prank(keeper):
            done = self._try(self.pool.absorb, vault)
        self._meet_pool()
        if done:
            steps["absorbed"] += 1
            assert before.active and before.equity < before.mm and not before.covered, "INV-06, INV-13"
            assert self.fee or worth is None or self._worth() >= worth, "the pool lost by an absorb"

    def _meet_pool(self) -> None:
        """The pool's vaults take part in every invariant."""
        for vault in self.pool.vaults():
            if vault not in self.custodies:
                self.vaults.append(vault)
                self.custodies[vault] = self.system.clearinghouse.custody(vault)
        self.read = None

    def _worth(self) -> int | None:
        try:
            return self.pool.totalAssets()
        except boa.BoaError:
            return None

    @precondition(lambda self: self.pool.vaults())
    @rule()
    def refill(self) -> None:
        pool = self.pool.vaults()
        with self._touching(*pool):
            for vault in pool:
                self._try(self.pool.refill, vault)

    @rule(
        data=st.data(),
        trigger=st.sampled_from((10, 11, 16, 60)),
        per_day=st.sampled_from((3, 150, 2_000)),
        in_all=st.sampled_from((3, 400, 5_000)),
        tip=st.sampled_from((0, 2, 500)),
    )
    def give_mandate(self, data, trigger, per_day, in_all, tip) -> None:
        """An owner lets anyone top a vault up, or says so anew, or takes it back."""
        vault = data.draw(st.sampled_from(self.traded))
        if vault in self.mandates and data.draw(st.integers(0, 3)) == 0:
            with self._touching(), boa.env.prank(self.mandates[vault].owner):
                assert self._try(self.top_up.end_mandate, vault)
            del self.mandates[vault]
            return
        self._give_mandate(vault, trigger * WAD // 10, per_day, in_all, tip)

    def _give_mandate(self, vault: int, trigger: int, per_day: int, in_all: int, tip: int) -> None:
        owner, day, old = self._owner(vault), self.system.now // 86_400, self.mandates.get(vault)
        epoch = int(self.system.Exchange.epoch_for(vault, [])) & (2**64 - 1)
        words = (trigger, trigger + WAD // 5, per_day * 10**6, in_all * 10**6, tip * 10**6, self.system.now + 10**7)
        with self._touching(), boa.env.prank(owner):
            assert self._try(self.top_up.set_mandate, vault, words, (0, 0, 0, bytes(32), bytes(32)))
        # what it has spent in all counts anew, what this owner spent that day stays
        today = old.spent_that_day if old is not None and (old.day, old.epoch) == (day, epoch) else 0
        self.mandates[vault] = MandateBook(owner, epoch, trigger, per_day * 10**6, in_all * 10**6, 0, day, today)

    @rule(data=st.data())
    def top_up_any(self, data) -> None:
        """Somebody runs the mandate of a vault, whether there is one or not."""
        self._top_up(data.draw(st.sampled_from(self.traded)))

    def _top_up(self, vault: int) -> None:
        """INV-14: a wallet gives what its mandate says, to that vault and as a tip, and only where it helps."""
        keeper = boa.env.generate_address("keeper")
        self.holders.add(keeper)
        before, wallets = self._view(vault), {a.address.lower(): self.token.balanceOf(a.address) for a in ACTORS}
        book, day = self.mandates.get(vault), self.system.now // 86_400
        with self._touching(vault), boa.env.prank(keeper):
            done = self._try(self.top_up.top_up, vault)
        spent = {who: held - self.token.balanceOf(who) for who, held in wallets.items()}
        paid = {who: amount for who, amount in spent.items() if amount}
        if not done:
            assert not paid, "INV-14: a refused top-up moved tokens"
            return
        steps["topped up"] += 1
        assert book is not None and set(paid) == {book.owner} == {self._owner(vault)}, "INV-14: another wallet paid"
        amount, tip = paid[book.owner], self.token.balanceOf(keeper)
        if book.day != day:
            book.day, book.spent_that_day = day, 0
        book.spent, book.spent_that_day = book.spent + amount, book.spent_that_day + amount
        assert book.spent <= book.in_all and book.spent_that_day <= book.per_day, "INV-14: beyond the limits"
        assert tip * 10 <= amount - tip and self.token.balanceOf(self.top_up.address) == 0, "INV-14: tip"
        after = self._view(vault)
        # a part of a unit is rounded once on each side
        assert before.active and not before.covered and before.equity >= 0, "INV-14: paid a hole, or what needs nothing"
        assert (before.equity - WAD) * WAD < before.mm * book.trigger, "INV-14: above the trigger"
        assert after.covered or (after.equity + WAD) * WAD >= after.mm * book.trigger, "INV-14: did not help"

    @rule(hours=st.integers(2, 5))
    def outage(self, hours) -> None:
        self.system.wait(hours * 3600)

    def _unsafe(self) -> list[int]:
        views = {v: self._view(v) for v in self.vaults if self._all()[v][1]}
        return [v for v, view in views.items() if not view.covered and view.equity < view.mm]

    def _flag(self, vault: int) -> bool:
        before = self._view(vault)
        keeper = boa.env.generate_address("keeper")
        self.holders.add(keeper)
        with self._touching(vault), boa.env.prank(keeper):
            done = self._try(self.system.liquidator.flag, vault)
        unsafe = before.active and before.equity < before.mm and not before.covered
        if done:
            steps["flagged"] += 1
            assert unsafe, "INV-06, INV-13"
        else:
            assert before.flagged or not unsafe, "INV-12: an unsafe vault could not be flagged"
        return done

    @precondition(lambda self: any(legs for _, legs in self._all().values()))
    @rule(data=st.data())
    def flag_any(self, data) -> None:
        """Somebody tries to flag a vault whatever its state."""
        self._flag(data.draw(st.sampled_from([v for v, (_, legs) in self._all().items() if legs])))

    @rule(
        factor=st.sampled_from((0.65, 0.75, 0.85, 1.2, 1.4)),
        share=st.sampled_from((WAD // 10, WAD // 2, WAD)),
        minutes=st.integers(0, 12),
    )
    def crash(self, factor, share, minutes) -> None:
        """The price gaps; keepers flag what is unsafe and, a little later, take some of it."""
        self.move_price(factor, 1)
        unsafe = self._unsafe()
        for vault in unsafe:
            self._flag(vault)
        if minutes:
            self.move_price(1.0, minutes)
        for vault in unsafe:
            if not self._take(vault, share):
                self._absorb(vault)

    @precondition(lambda self: any(words[0] & FLAGGED for words, _ in self._all().values()))
    @rule(data=st.data(), share=st.sampled_from((WAD // 10, WAD // 2, WAD)), minutes=st.integers(0, 12))
    def take(self, data, share, minutes) -> None:
        """The auction of a flagged vault goes on."""
        if minutes:
            self.move_price(1.0, minutes)
        flagged = [v for v, (words, _) in self._all().items() if words[0] & FLAGGED]
        self._take(data.draw(st.sampled_from(flagged)), share)

    def _take(self, vault: int, share: int) -> bool:
        taker = ACTORS[3]
        expiry = self._all()[vault][0][1] & (2**40 - 1)
        into = [
            v
            for v in self.vaults
            if v != vault
            and self._owner(v) == taker.address.lower()
            and self._all()[v][0][1] & (2**40 - 1) in (0, expiry)
        ]
        if not into or not expiry:
            return False
        before = self._view(vault)
        target = into[0]
        with self._touching(vault, target), boa.env.prank(taker.address):
            done = self._try(self.system.liquidator.take, vault, share, target, LIMITS, FOREVER, b"")
        if done:
            steps["taken"] += 1
            after = self._view(vault)
            assert before.active and before.equity < before.mm and not before.covered, "INV-06, INV-13"
            if after.legs and not after.flagged:
                # the take ended the flag: the vault is healthy again
                assert self.fee or after.equity >= after.mm, "INV-09"
            elif after.legs and after.mm and not self.fee:
                # health does not fall, up to what lots and units round
                assert after.equity * before.mm * 51 >= before.equity * after.mm * 50, "INV-09"
        return done

    @precondition(lambda self: any(words[0] & FLAGGED for words, _ in self._all().values()))
    @rule(data=st.data(), share=st.sampled_from((WAD // 10, WAD)), minutes=st.integers(0, 12))
    def take_with_a_callback(self, data, share, minutes) -> None:
        """A taker whose callback tries every entry: only its own deposits and regroupings go through."""
        if minutes:
            self.move_price(1.0, minutes)
        vault = data.draw(st.sampled_from([v for v, (words, _) in self._all().items() if words[0] & FLAGGED]))
        self._take_with_a_callback(vault, share)

    def _take_with_a_callback(self, vault: int, share: int) -> None:
        into, spare = self.hostile_vaults
        house, liquidator, me = self.system.clearinghouse, self.system.liquidator, self.hostile.address
        other = next(v for v in self.traded if v != vault)
        expiry = self._all()[vault][0][1] & (2**40 - 1)
        if self._all()[into][0][1] & (2**40 - 1) not in (0, expiry):
            return
        closed = [
            (liquidator, "flag", vault), (liquidator, "flag", other), (liquidator, "refresh", [vault]),
            (liquidator, "take", vault, share, into, LIMITS, FOREVER, b""),
            (house, "withdraw", into, 1, me), (house, "close", spare, me), (house, "open", 1, 0, me, 0),
            (house, "set_model", into, int(Model.GREEKS)), (self.system.settlement, "settle", other),
            (self.system.settlement, "claim", into), (self.system.oracle, "poke", 1, 4),
            (self.system.insurance, "deposit", 1, 1), (self.pool, "absorb", vault), (self.pool, "deposit", 10**6, me),
            (self.system.token_nft, "transferFrom", me, ACTORS[0].address, into),
        ]  # fmt: skip
        calls = [*closed, (house, "deposit", into, me, 1)]
        self.hostile.script(
            [(target.address, getattr(target, name).prepare_calldata(*rest), False) for target, name, *rest in calls]
        )
        before = self._view(vault)
        with self._touching(vault, into):
            done = self._try(self.hostile.take, liquidator.address, vault, share, into, b"x")
        if done:
            steps["taken with a callback"] += 1
            assert before.active and before.equity < before.mm and not before.covered, "INV-06, INV-13"
            passed = self.hostile.passed()
            through = [closed[i][1] for i in range(len(closed)) if passed >> i & 1]
            # a poke touches no vault and no share; everything else waits for the gate
            assert set(through) <= {"poke"}, f"open inside a callback: {through}"
            assert not liquidator.in_callback()

    def _wealth(self, owner: str) -> int:
        """Tokens of an account and of its vaults, legs at the mark [wad]."""
        total = self.token.balanceOf(owner) * 10**12
        for vault, (words, _) in self._all().items():
            if self._owner(vault) == owner.lower():
                legs = self._legs(vault)
                total += words[6] * 10**12
                expiry = words[1] & (2**40 - 1)
                if legs and self.system.now < expiry:
                    prices = self.system.snapshot(expiry)
                    total += exact.assess(legs, prices, RiskWord.unpack(words[3])).value
        return total

    @precondition(lambda self: any(words[0] & FLAGGED for words, _ in self._all().values()) or self._unsafe())
    @rule(data=st.data(), share=st.sampled_from((WAD // 10, WAD // 2, WAD)), minutes=st.integers(0, 15))
    def play_three_roles(self, data, share, minutes) -> None:
        """One person owns, flags and takes: the sum never grows, except by what insurance pays."""
        if minutes:
            self.move_price(1.0, minutes)
        self._play_three_roles(share)

    def _play_three_roles(self, share: int) -> None:
        flagged = (v for v, (words, _) in self._all().items() if words[0] & FLAGGED)
        for vault in sorted({*self._unsafe(), *flagged}):
            owner = self._owner(vault)
            person = next((a.address for a in ACTORS if a.address.lower() == owner), None)
            expiry = self._all()[vault][0][1] & (2**40 - 1)
            if person is None or self.fee or not self._fresh() or self.system.now >= expiry:
                continue
            into = self.system.open(person)
            self.vaults.append(into)
            self.custodies[into] = self.system.clearinghouse.custody(into)
            self._deposit(into, person, 50_000)
            pot = self.system.insurance.pot(1)
            before, insured = self._wealth(person), self.token.balanceOf(pot)
            with self._touching(vault, into), boa.env.prank(person):
                self._try(self.system.liquidator.flag, vault)
                done = self._try(self.system.liquidator.take, vault, share, into, LIMITS, FOREVER, b"")
            paid = max(insured - self.token.balanceOf(pot), 0)
            # marks are rounded once a leg, on both sides
            assert self._wealth(person) <= before + paid * 10**12 + 100, "one person in three roles gained"
            steps["played three roles"] += done
            if not done:
                with boa.env.prank(person):
                    self.system.clearinghouse.close(into, person)
                self.vaults.remove(into)
            else:
                self.holders.add(self.custodies[into])
            self.read = None
            return

    @precondition(lambda self: any(words[0] & FLAGGED for words, _ in self._all().values()))
    @rule(data=st.data())
    def clear(self, data) -> None:
        vault = data.draw(st.sampled_from([v for v, (words, _) in self._all().items() if words[0] & FLAGGED]))
        with self._touching(vault):
            self._try(self.system.liquidator.clear, vault)

    def _live(self) -> list[int]:
        return [e for e in EXPIRIES if self.system.clearinghouse.cell(1, e) & (2**112 - 1)]

    @precondition(lambda self: self._live())
    @rule(data=st.data(), wick=st.sampled_from((0.6, 0.9, 1.0, 1.1, 1.5)), late=st.booleans())
    def expire(self, data, wick, late) -> None:
        """The first live cell runs to its expiry and settles in a random order."""

        def shuffled(holders):
            return data.draw(st.permutations(holders))

        self._expire(wick, late, shuffled, shuffled)

    def _expire(self, wick, late, settling, claiming) -> None:
        expiry = self._live()[0]
        if self.system.now < expiry - 1900:
            self.system.wait(expiry - 1900 - self.system.now, self.spot)
            self.rounds.append((self.system.market.feed.latest_id(), self.system.now))
        while self.system.now < expiry:
            step = min(600, expiry - self.system.now)
            self.spot = min(max(self.spot * wick**0.25, 600.0), 6000.0)
            self.system.wait(step, self.spot)
            self.rounds.append((self.system.market.feed.latest_id(), self.system.now))
        # feeds may show rounds of the window until then
        self.system.wait(max(expiry + SETTLE_DELAY - self.system.now, 0) + (300 if late else 0))
        start = max((stamp for _, stamp in self.rounds if stamp <= expiry - 1800), default=None)
        hints = [i for i, stamp in self.rounds if stamp >= (start or 0) and stamp <= expiry]
        self.system.settlement.fix(1, expiry, hints[-64:])
        if not any(expiry - FEED_HEARTBEAT * 11 // 10 <= stamp <= expiry for _, stamp in self.rounds):
            # the feed was silent over the expiry: nothing is proven, and six hours later the last price known counts
            resort = expiry + 6 * 3600
            assert self.system.now >= resort or self.system.expiries.price(1, expiry) == 0
            self.system.wait(max(resort - self.system.now, 0))
            self.system.settlement.fix(1, expiry, [])
            steps["last resort"] += 1
        price = self.system.expiries.price(1, expiry)
        assert price != 0, "INV-12: honest hints fix the price"

        holders = [v for v in self.vaults if self._all()[v][0][1] & (2**40 - 1) == expiry]
        custody = self.system.clearinghouse.cell_custody(1, expiry)
        token = self.system.market.token
        insured = token.balanceOf(self.system.insurance.pot(1))
        quantities: Counter[int] = Counter()
        for vault in settling(holders):
            for leg in self._legs(vault):
                quantities[leg.key] += leg.quantity
            with self._touching(vault):
                # whatever is frozen
                self.system.settlement.settle(vault)
        assert not any(quantities.values()), "INV-01 in settlement"
        assert self.system.clearinghouse.cell(1, expiry) & (2**112 - 1) == 0
        claims = {v: self.system.settlement.claim_of(v)[1] for v in holders}
        paid: Counter[int] = Counter()

        def claim_all() -> None:
            for vault in claiming(holders):
                before = self._all()[vault][0][6]
                with self._touching(vault):
                    self._try(self.system.settlement.claim, vault)
                paid[vault] += self._all()[vault][0][6] - before

        held, fee = token.balanceOf(custody), self.fee
        claim_all()
        assert sum(paid.values()) <= held, "INV-11: paid out more than came in"
        # the issuer relents: debts are paid, insurance is drawn, and every claim ends at the same ratio
        self._thaw()
        for vault in holders:
            if self._all()[vault][0][0] & DEBT:
                self.read = None
                self._try(self.system.settlement.repay, vault)
        self._try(self.system.settlement.insure, 1, expiry)
        self.read = None
        claim_all()
        drawn = insured - token.balanceOf(self.system.insurance.pot(1))
        assert drawn <= insured // 4 + 1, "INV-10: the cell's cap"
        owed, received = self.system.settlement.cell_state(1, expiry)[:2]
        assert owed == sum(claims.values()) and (fee or self.kept or received <= owed + len(holders)), "INV-11"
        for vault, amount in claims.items():
            due = amount if received >= owed else amount * received // owed
            assert fee or paid[vault] == due, "INV-11: not the same ratio for every claim"
        for vault in self.pool.vaults():
            if not self._all()[vault][1] and self._try(self.pool.collect, vault):
                self.vaults.remove(vault)
        self.read = None
        steps["settled"] += len(holders)

    # --- invariants -----------------------------------------------------------------------------------------------

    def _books(self) -> Books:
        """As the promises want them; the balance of a vault is read from the token as well."""
        vaults = {}
        for vault in self.vaults:
            words, legs = self._all()[vault]
            vaults[vault] = VaultBook(
                vault_id=vault,
                market=1,
                expiry=words[1] & (2**40 - 1),
                legs=legs,
                flagged=bool(words[0] & FLAGGED),
                stored=words[6],
                held=self.token.balanceOf(self.custodies[vault]),
            )
        cells = {(1, expiry): self.system.clearinghouse.cell(1, expiry) for expiry in EXPIRIES}
        counted = {cell: CellBook(word & (2**112 - 1), word >> 112) for cell, word in cells.items()}
        return Books(vaults, counted, {1: self.system.clearinghouse.market(1)[2]})

    @invariant()
    def inv_01_03_10_books(self) -> None:
        if not hasattr(self, "system"):
            return
        steps["steps"] += 1
        assert invariants.broken(self._books()) == []

    @invariant()
    def inv_04_conservation(self) -> None:
        if not hasattr(self, "pool"):
            return
        assert self.token.totalSupply() == self.minted
        # every token is at a known address: now and then, as it reads dozens of balances
        self.count = getattr(self, "count", 0) + 1
        if self.count % 8 == 0:
            held = sum(self.token.balanceOf(h) for h in {*self.holders, *self.custodies.values()})
            assert held == self.minted or (self.kept and held < self.minted), "INV-04"

    @invariant()
    def index_is_the_chain(self) -> None:
        """Now and then; at the end of each run in any case."""
        if hasattr(self, "folded") and steps["steps"] % COMPARED == 0:
            assert self.folded.differences(self.donated) == []

    @invariant()
    def inv_13_fully_collateralised(self) -> None:
        if not hasattr(self, "system"):
            return
        # one vault a step, in turn
        self.turn = getattr(self, "turn", 0) + 1
        vault = self.vaults[self.turn % len(self.vaults)]
        view = self._view(vault)
        if view.legs and view.covered:
            with boa.env.anchor():
                try:
                    self.system.liquidator.flag(vault)
                except boa.BoaError:
                    return
            raise AssertionError(f"INV-13: vault {vault} was flagged")


def test_invariants__random_traders_and_crashes__hold() -> None:
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(
        Bulkheads,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=not LONG,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
    # the first look of each example comes before its first step
    print(f"\n{steps.pop('steps') - EXAMPLES} steps, calls by kind: {dict(steps)}")
    # the machine did what it is for
    kinds = (
        "filled",
        "flagged",
        "taken",
        "taken with a callback",
        "played three roles",
        "absorbed",
        "settled",
        "topped up",
    )
    for kind in kinds:
        assert steps[kind] > 0, f"no {kind} in {dict(steps)}"
