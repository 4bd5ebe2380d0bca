"""A cell that runs to its expiry and settles in a random order."""

from __future__ import annotations

from collections import Counter

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tests.stateful.traders.market import (
    DEBT,
    FEED_HEARTBEAT,
    SETTLE_DELAY,
    TradedMarket,
    steps,
)


class Expiries(TradedMarket):
    """Expiry prices, settlements and claims."""

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
