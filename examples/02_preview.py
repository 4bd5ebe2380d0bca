"""What a preview says is what a fill does, to the last unit."""

from examples.common import client, friday

maker, trader = client("MAKER_KEY"), client("TRADER_KEY")
expiry = friday(maker)
desk = maker.vaults.open("ETH", deposit=20_000)
vault = trader.vaults.open("ETH", deposit=3_000)
bid = maker.orders.sign(desk, expiry, ["call:2200", "put:1800"], side="buy", price=45, size=2)
seen = trader.orders.preview(bid, vault)
print(f"premium {seen.premium}, fee {seen.fee}, initial margin {seen.after.initial_margin:,.2f}")
trader.orders.fill(bid, vault)
after = trader.vaults.get(vault)
assert seen.passes and after.legs == seen.after.legs and after.balance == seen.after.balance
assert abs(after.equity - seen.after.equity) < after.equity / 1000  # a second has passed
assert seen.liquidation_below < 2000 < seen.liquidation_above
