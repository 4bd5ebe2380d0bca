"""Deploy, trade, crash, liquidate, settle: one market's life on Anvil, through Ape, to the native unit."""

from __future__ import annotations

import ape
from eth_utils import to_checksum_address

from bulkhead.risk.words import Kind
from tests.integration.conftest import CONTRACT, DOLLAR, SPOT, WAD

#: Of a take: least tokens, least share, largest fraction, least and largest spot.
NO_LIMITS = [-(2**200), 0, 0, 0, 0]


def event_of(receipt, name):
    return next(e for e in receipt.events if e.event_name == name)


def test_trade__upfront_premium__moves_tokens_between_the_two_vaults_only(market, people):
    desk, own = market.open(people["maker"], 10_000), market.open(people["ann"], 1_000)
    bystander = market.open(people["bob"], 500)
    signed = market.sign(people["maker"], desk, Kind.CALL, 220, is_bid=False, price=5 * WAD, size=10 * CONTRACT)
    filled = event_of(market.fill(people["ann"], own, signed), "OrderFilled")
    assert filled.premium == 50 * DOLLAR
    assert market.custody(desk) == 10_000 * DOLLAR + filled.premium - filled.maker_fee
    assert market.custody(own) == 1_000 * DOLLAR - filled.premium - filled.taker_fee
    assert market.custody(bystander) == 500 * DOLLAR
    assert market.token.balanceOf(market.Exchange) == filled.taker_fee + filled.maker_fee > 0


def test_trade__partial_fills__end_with_the_size(market, people):
    desk, own = market.open(people["maker"], 10_000), market.open(people["ann"], 1_000)
    signed = market.sign(people["maker"], desk, Kind.PUT, 180, is_bid=False, price=4 * WAD, size=10 * CONTRACT)
    market.fill(people["ann"], own, signed, size=3 * CONTRACT)
    assert event_of(market.fill(people["ann"], own, signed), "OrderFilled").size == 7 * CONTRACT
    assert market.fill_refusal(people["ann"], own, signed) == "exchange/filled"


def test_margin__short_beyond_its_collateral__is_refused(market, people):
    desk, own = market.open(people["maker"], 10_000), market.open(people["ann"], 60)
    signed = market.sign(people["maker"], desk, Kind.CALL, 200, is_bid=True, price=8 * WAD, size=10 * CONTRACT)
    assert market.fill_refusal(people["ann"], own, signed) == "margin/below-initial"


def test_vault__transferred_as_a_token__obeys_its_new_owner(market, people):
    ann, bob = people["ann"], people["bob"]
    own = market.open(ann, 100)
    market.VaultToken.transferFrom(ann, bob, own, sender=ann)
    assert market.refusal("Clearinghouse", "withdraw", own, DOLLAR, ann, sender=ann) == "clearinghouse/not-owner"
    before = market.token.balanceOf(bob)
    market.Clearinghouse.close(own, bob, sender=bob)
    assert market.token.balanceOf(bob) == before + 100 * DOLLAR
    assert market.Clearinghouse.vault_word(own) == 0


def test_pause__guardian__stops_opening_but_not_closing(market, people):
    desk, own = market.open(people["maker"], 10_000), market.open(people["ann"], 1_000)
    sold = market.sign(people["maker"], desk, Kind.CALL, 220, is_bid=False, price=5 * WAD, size=10 * CONTRACT)
    market.fill(people["ann"], own, sold, size=5 * CONTRACT)
    market.RiskParameters.pause_opening(1, sender=market.deployer)
    assert market.fill_refusal(people["ann"], own, sold, size=CONTRACT) == "exchange/paused"
    back = market.sign(people["maker"], desk, Kind.CALL, 220, is_bid=True, price=4 * WAD, size=5 * CONTRACT)
    market.fill(people["ann"], own, back)
    assert market.legs(own) == []


def test_oracle__stale_feed__stops_opening_and_withdrawing_but_not_deposits(market, people):
    ann = people["ann"]
    desk, own = market.open(people["maker"], 10_000), market.open(ann, 1_000)
    sold = market.sign(people["maker"], desk, Kind.CALL, 220, is_bid=True, price=5 * WAD, size=10 * CONTRACT)
    market.fill(ann, own, sold, size=5 * CONTRACT)
    ape.chain.mine(timestamp=ape.chain.blocks.head.timestamp + 4_000)
    assert market.fill_refusal(ann, own, sold, size=5 * CONTRACT) == "margin/price-not-active"
    assert market.refusal("Clearinghouse", "withdraw", own, DOLLAR, ann, sender=ann) == "margin/price-not-active"
    before = market.custody(own)
    market.Clearinghouse.deposit(own, ann, DOLLAR, sender=ann)
    assert market.custody(own) == before + DOLLAR


def test_life__crash_to_settlement__everybody_gets_their_own(market, people):
    """Ann is short puts on thin collateral and owns a second vault, Bob is long puts: the crash takes one vault."""
    maker, ann, bob, keeper = (people[n] for n in ("maker", "ann", "bob", "keeper"))
    supply = market.token.totalSupply()
    desk = market.open(maker, 50_000)
    risky, safe, winner = market.open(ann, 700), market.open(ann, 1_000), market.open(bob, 1_000)
    market.fill(ann, risky, market.sign(maker, desk, Kind.PUT, 190, is_bid=True, price=6 * WAD, size=20 * CONTRACT))
    market.fill(bob, winner, market.sign(maker, desk, Kind.PUT, 170, is_bid=False, price=2 * WAD, size=20 * CONTRACT))
    bought = market.custody(winner)

    # nobody can touch the vault before the price has fallen far enough
    assert market.refusal("Liquidator", "flag", risky, sender=keeper) == "liquidator/healthy"
    price = float(SPOT)
    while (state := market.state(risky)).equity >= state.maintenance_margin:
        price *= 0.985
        assert price > 100, "never liquidatable"
        market.push(price)
    market.Liquidator.flag(risky, sender=keeper)
    assert market.refusal("Liquidator", "flag", safe, sender=keeper) == "liquidator/no-legs"
    assert market.refusal("Liquidator", "flag", winner, sender=keeper) == "liquidator/healthy"

    # the taker gets legs and cash, the vault is back above maintenance, insurance pays nothing
    ape.chain.mine(timestamp=ape.chain.blocks.head.timestamp + 60)
    taker = market.open(keeper, 20_000)
    deadline = ape.chain.blocks.head.timestamp + 600
    receipt = market.Liquidator.take(risky, WAD, taker, NO_LIMITS, deadline, b"", sender=keeper)
    taken = event_of(receipt, "VaultTaken")
    assert 0 < taken.fraction <= WAD and taken.top_up == 0 and taken.cash > 0
    after = market.state(risky)
    assert after.equity >= after.maintenance_margin
    assert market.custody(safe) == 1_000 * DOLLAR

    # expiry: the average of the last half hour, then all settle and claim, in whatever order
    for minutes in (40, 20, 5):
        market.push(price, at=market.expiry - 60 * minutes)
    market.push(price, at=market.expiry + 300)
    market.Settlement.fix(1, market.expiry, [], sender=keeper)
    fixed = market.ExpiryPrices.price(1, market.expiry)
    assert fixed == round(price * 10**8) * 10**10
    vaults = [winner, taker, risky, desk]
    market.Settlement.settle_many(vaults, sender=keeper)
    market.Settlement.claim_many(vaults, sender=keeper)
    assert [market.legs(v) for v in vaults] == [[]] * 4
    cell = market.Settlement.cell_state(1, market.expiry)
    assert cell.ratio == WAD, "every claim is paid in full"
    custody = market.Clearinghouse.cell_custody(1, market.expiry)
    assert market.token.balanceOf(custody) <= len(vaults), "no more than dust is left"

    # Bob's puts paid their intrinsic value to the unit, less the settler's fifth of his deposit
    intrinsic = max(0, 170 * WAD - fixed) * 20 // 10**12
    assert market.custody(winner) == bought + intrinsic - 2 * DOLLAR

    # and all money is somewhere
    for vault_id, owner in ((desk, maker), (risky, ann), (safe, ann), (winner, bob), (taker, keeper)):
        market.Clearinghouse.close(vault_id, owner, sender=owner)
    holders = [str(person.address) for person in people.values()]
    holders += [market.Exchange.address, market.InsuranceFund.pot(1), custody]
    assert sum(market.token.balanceOf(to_checksum_address(h)) for h in holders) == supply
