"""Flag a vault below its maintenance margin and take it over in the auction (on a chain of one's own)."""

from bulkhead.chain.local import LocalChain
from bulkhead.client import MAX_UINT
from examples.common import Scale, client, friday

maker, trader, keeper = client("MAKER_KEY"), client("TRADER_KEY"), client("BOT_KEY")
here, local = Scale(maker), LocalChain(maker.chain)
expiry, market = friday(maker), maker.chain.deployment.market("ETH")
desk = maker.vaults.open("ETH", deposit=here.money(20_000))
bid = maker.orders.sign(desk, expiry, [f"put:{here.strike(1900)}"], "buy", here.money(30), 10)
vault = trader.orders.fill(bid, deposit=here.money(2_500))
into = keeper.vaults.open("ETH", deposit=here.money(20_000))
liquidator = keeper.chain["Liquidator"]
local.crash(market, round(here.spot * 80 / 100, 2), seconds=600)
assert keeper.vaults.get(vault).state == "liquidatable"
keeper.signer.execute(liquidator, "flag", vault)
while True:
    quote = liquidator.call("quote", vault, 10**18)
    if quote.bonus_share > 0 and quote.fraction > 0:
        break
    local.warp(local.rpc.timestamp() + 60)
print(f"bonus of {quote.bonus_share / 1e18:.1%} for {quote.fraction / 1e18:.0%} of the vault")
limits = {
    "min_received": -(2**255), "min_bonus": 0, "max_fraction": 10**18, "min_spot": 0, "max_spot": MAX_UINT,
}  # fmt: skip
deadline = keeper.chain.rpc.timestamp() + 600
receipt = keeper.signer.execute(liquidator, "take", vault, quote.fraction, into, limits, deadline, b"")
(taken,) = [log.values for log in receipt.logs(keeper.chain.contracts) if log.event == "VaultTaken"]
print(f"took {taken.fraction / 1e18:.1%}; the owner keeps {trader.vaults.get(vault).equity:,.2f}")
assert keeper.vaults.get(into).legs and keeper.vaults.get(vault).state != "liquidatable"
