"""Split a spread off a vault into a new one, and merge it back; each is one transaction."""

from decimal import Decimal

from examples.common import Scale, client, friday

maker, trader = client("MAKER_KEY"), client("TRADER_KEY")
here = Scale(maker)
expiry = friday(maker)
desk = maker.vaults.open("ETH", deposit=20_000)
low, high = f"call:{here.strike(2000)}", f"-call:{here.strike(2200)}"
offer = maker.orders.sign(desk, expiry, [low, high], side="sell", price=here.money(60), size=2)
vault = trader.orders.fill(offer, deposit=500)
new = trader.vaults.split(vault, [(low, Decimal(1)), (high, Decimal(1))], cash=100)
assert [leg.quantity for leg in trader.vaults.get(new).legs] == [10**6, -(10**6)]
trader.vaults.merge(new, vault)
assert [leg.quantity for leg in trader.vaults.get(vault).legs] == [2 * 10**6, -2 * 10**6]
