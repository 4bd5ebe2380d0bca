"""Past the expiry: prove its price, settle every vault of it, pay the claims (on a chain of one's own)."""

from bulkhead.chain.local import LocalChain
from examples.common import Scale, client, friday

maker, trader = client("MAKER_KEY"), client("TRADER_KEY")
here, local = Scale(maker), LocalChain(maker.chain)
expiry, market = friday(maker, 1), maker.chain.deployment.market("ETH")
desk = maker.vaults.open("ETH", deposit=here.money(20_000))
offer = maker.orders.sign(desk, expiry, [f"call:{here.strike(2000)}"], "sell", here.money(60), 2)
vault = trader.orders.fill(offer, deposit=200)
before = trader.vaults.card(vault)
local.crash(market, round(here.spot * 130 / 100, 2), seconds=1_800)
local.warp(expiry + 600)
while not trader.markets.expiry_price("ETH", expiry):
    trader.markets.fix("ETH", expiry)
waiting = [one.vault_id for one in trader.vaults.list() if one.market == "ETH" and one.expiry == expiry]
assert {desk, vault} <= set(waiting)
for first in range(0, len(waiting), 64):
    trader.vaults.settle(waiting[first : first + 64])
claim = trader.vaults.card(vault)
print(
    f"settled {len(waiting)} vaults at {trader.markets.expiry_price('ETH', expiry) / 1e18:,.2f}; due {claim.claim:,.2f}"
)
trader.vaults.claim([vault])
after = trader.vaults.card(vault)
print(f"made {after.profit:+,.2f}")
assert claim.claim > 0 == after.claim and after.vault.state == "empty" and after.profit > before.profit
trader.vaults.close(vault)
