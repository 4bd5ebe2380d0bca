"""What a preview says is what a fill does, to the last unit."""

from examples.common import Scale, client, friday

maker, trader = client("MAKER_KEY"), client("TRADER_KEY")
here = Scale(maker)
expiry = friday(maker)
desk = maker.vaults.open("ETH", deposit=here.money(20_000))
vault = trader.vaults.open("ETH", deposit=here.money(3_000))
legs = [f"call:{here.strike(2200)}", f"put:{here.strike(1800)}"]
bid = maker.orders.sign(desk, expiry, legs, side="buy", price=here.money(45), size=2)
seen = trader.orders.preview(bid, vault)
print(f"premium {seen.premium}, fee {seen.fee}, initial margin {seen.after.initial_margin:,.2f}")
trader.orders.fill(bid, vault)
after = trader.vaults.get(vault)
assert seen.passes and after.legs == seen.after.legs and after.balance == seen.after.balance
assert abs(after.equity - seen.after.equity) < after.equity / 1000  # a second has passed
assert seen.liquidation_below < here.spot < seen.liquidation_above
