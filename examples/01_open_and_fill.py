"""Sign an order, look at it from both sides, fill it into a new vault, and cancel what is left of it."""

from decimal import Decimal

from examples.common import Scale, client, friday

maker, trader = client("MAKER_KEY"), client("TRADER_KEY")
here = Scale(maker)
expiry = friday(maker)
desk = maker.vaults.open("ETH", deposit=here.money(10_000))
order = maker.orders.build(desk, expiry, [f"put:{here.strike(1800)}"], side="sell", price=here.money(20), size=10)
seen = maker.orders.preview(order)
print(f"the maker would be liquidated below {seen.liquidation_below:,.2f}, health {seen.after.health:.2f}")
assert seen.passes and seen.liquidation_above is None and seen.after.initial_margin > 0
offer = maker.orders.sign_order(order)
# the vault that would be opened: premium, fee and margins before anything is sent
new = trader.orders.preview(offer, size=Decimal(1), deposit=200)
assert new.passes and new.premium == here.money(20) and new.fee > 0
vault = trader.orders.fill(offer, size=Decimal(1), deposit=200)
made = trader.vaults.get(vault)
assert made.state == "covered" and made.collateral == new.after.collateral
assert abs(made.equity - new.after.equity) < Decimal("0.01")
[(status, fillable, reason)] = trader.orders.states([offer])
assert (status, fillable, reason) == ("open", 9, "")
maker.orders.cancel([offer])
assert maker.orders.states([offer])[0][0] == "cancelled"
