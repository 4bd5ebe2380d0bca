"""What owners do: pay in, withdraw, trade, regroup, choose a model and give mandates."""

from __future__ import annotations

import boa
from hypothesis import strategies as st
from hypothesis.stateful import rule

from bulkhead.risk.words import Kind, Model
from tests.stateful.traders.market import (
    ACTORS,
    EXPIRIES,
    SERIES,
    STRIKES,
    MandateBook,
    TradedMarket,
    steps,
)
from tests.worlds.system import WAD


class Owners(TradedMarket):
    """Owners of vaults, each action held against the promises it could break."""

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

    @rule(data=st.data(), model=st.sampled_from(Model))
    def switch_model(self, data, model) -> None:
        """An owner picks another margin model; never a laxer one while unhealthy."""
        vault = data.draw(st.sampled_from(self.traded))
        with self._touching(vault), boa.env.prank(self._owner(vault)):
            done = self._try(self.system.clearinghouse.set_model, vault, int(model))
        if done:
            after = self._view(vault)
            assert after.covered or not after.legs or (after.equity >= after.im and not after.flagged), "INV-05"

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
