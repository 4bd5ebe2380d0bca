"""What keepers and takers do: flag, take, clear, absorb, from outside and from inside a callback."""

from __future__ import annotations

import boa
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from bulkhead.risk import exact
from bulkhead.risk.words import Model, RiskWord
from tests.stateful.traders.market import (
    ACTORS,
    FLAGGED,
    FOREVER,
    LIMITS,
    TradedMarket,
    steps,
)
from tests.worlds.system import WAD


class Liquidations(TradedMarket):
    """Flags, takes and the backstop."""

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
