"""Sign an order, look at it from both sides, fill it into a new vault, and cancel what is left of it."""

from decimal import Decimal

from examples.common import client, friday

maker, trader = client("MAKER_KEY"), client("TRADER_KEY")
expiry = friday(maker)
desk = maker.vaults.open("ETH", deposit=10_000)
order = maker.orders.build(desk, expiry, ["put:1800"], side="sell", price=20, size=10)
seen = maker.orders.preview(order)
print(f"the maker would be liquidated below {seen.liquidation_below:,.2f}, health {seen.after.health:.2f}")
assert seen.passes and seen.liquidation_above is None and seen.after.initial_margin > 0
offer = maker.orders.sign_order(order)
vault = trader.orders.fill(offer, size=Decimal(1), deposit=200)
assert trader.vaults.get(vault).state == "covered"
[(status, fillable, reason)] = trader.orders.states([offer])
assert (status, fillable, reason) == ("open", 9, "")
maker.orders.cancel([offer])
assert maker.orders.states([offer])[0][0] == "cancelled"
