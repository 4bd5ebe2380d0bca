"""How an episode of a walk ends: its cell runs out and settles through the real adapter."""

from __future__ import annotations

from typing import Any

import boa

from bulkhead.risk import expiry as mirror
from bulkhead.risk import invariants
from bulkhead.risk.settlement_average import PHASE_BITS, History
from bulkhead.risk.volatility import Round
from tests.matrix.scene import EXPIRY, MARKET
from tests.stateful.weather import Weather

HEARTBEAT = 3600
#: How often a round of the window is followed by one that lies before it.
LATE = 0.15


class Ending(Weather):
    """The settlement, and the mirror's word on its price."""

    def settle(self) -> str | None:
        """The cell runs to its end through the real adapter; one ratio for every claim, whatever was frozen before."""
        scene = self.scene
        self.thaw()
        settlement, house = self.contracts["Settlement"], scene.system.clearinghouse
        while scene.now < EXPIRY:
            scene.system.wait(min(300, EXPIRY - scene.now))
            scene.push(scene.spot)
            if self.draw.random() < LATE:
                self._push_late(self.draw.randint(1, 299))
            if scene.now < EXPIRY:
                scene.observe()
        start = scene.system.market.feed.latest_id()
        scene.system.wait(301)
        scene.push(scene.spot)
        self.books = self._read()
        fix = next(row for row in self.rows if row.name == "ExpiryPrices.fix")
        self.count(fix.name, self._row(fix))
        for _ in range(20):
            if settlement.fix(MARKET, EXPIRY, [start - i for i in range(0, 24)]):
                break
            scene.system.wait(1800)
        self._price_is_the_mirrors()
        for row in self.rows:
            if row.contract in ("ExpiryPrices", "Settlement"):
                self.count(row.name, self._row(row))
        books = self._read()
        holders = [one for one, book in books.vaults.items() if book.expiry == EXPIRY and book.legs]
        self.draw.shuffle(holders)
        for vault in holders:
            settlement.settle(vault)
        self.demand([] if house.cell(MARKET, EXPIRY) & 2**112 - 1 == 0 else ["INV-01 in settlement"], "settlement")
        claims = {one: settlement.claim_of(one).amount for one in holders if settlement.claim_of(one).amount}
        cell = settlement.cell_state(MARKET, EXPIRY)
        for vault, amount in claims.items():
            settlement.claim(vault)
            paid, due = settlement.claim_of(vault).paid, min(amount, amount * cell.received // max(cell.claims, 1))
            # a claim that is paid in full is forgotten
            if paid and abs(paid - due) > 1:
                self.demand([f"INV-11: vault {vault} got {paid} of {amount}, due {due}"], "claim")
        self.books = self._read()
        held = sum(scene.token.balanceOf(one) for one in self.holders)
        self.demand(invariants.conservation([held], self.minted), "settlement")
        self.demand(invariants.broken(self.books), "settlement")
        return None

    def _price_is_the_mirrors(self) -> None:
        """INV-11, INV-12: a price, the one that the feeds alone decide, whoever looked when."""
        system = self.scene.system
        fixed = int(system.expiries.price(MARKET, EXPIRY))
        if not fixed:
            self.demand(["INV-12: the cell has no price"], "settlement")
        told = system.oracle.cell_terms(MARKET, EXPIRY)
        terms = mirror.Terms(EXPIRY, int(told.window), int(told.delay), int(told.deviation) // 10**14)
        sources = [mirror.Source(self._shown(feed), HEARTBEAT) for feed in (system.market.feed, system.fallback)]
        fallback = sources[1] if told.fallback_feed else None
        undisputed = int(system.oracle.undisputed_before(MARKET, EXPIRY))
        found = mirror.settle(sources[0], fallback, terms, self.scene.now, undisputed)
        if found is None or found[0] != fixed:
            self.demand([f"INV-11: fixed at {fixed}, by the feeds it is {found}"], "settlement")

    def _shown(self, feed: Any) -> History:
        """What a feed answers, of all its phases."""
        rounds = []
        for phase in range(1, self.phase + 1):
            for number in range(1, 10_000):
                try:
                    id, answer, _, stamp, _ = feed.getRoundData((phase << PHASE_BITS) + number)
                except boa.BoaError:
                    break
                rounds.append(Round(int(id), int(answer) * 10**10, int(stamp)))
        return History({one.id: one for one in rounds}, int(feed.latest_id()))
