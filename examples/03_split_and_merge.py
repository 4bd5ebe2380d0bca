"""Split a spread off a vault into a new one, and merge it back; each is one transaction."""

from decimal import Decimal

from examples.common import client, friday

maker, trader = client("MAKER_KEY"), client("TRADER_KEY")
expiry = friday(maker)
desk = maker.vaults.open("ETH", deposit=20_000)
offer = maker.orders.sign(desk, expiry, ["call:2000", "-call:2200"], side="sell", price=60, size=2)
vault = trader.orders.fill(offer, deposit=500)
new = trader.vaults.split(vault, [("call:2000", Decimal(1)), ("-call:2200", Decimal(1))], cash=100)
assert [leg.quantity for leg in trader.vaults.get(new).legs] == [10**6, -(10**6)]
trader.vaults.merge(new, vault)
assert [leg.quantity for leg in trader.vaults.get(vault).legs] == [2 * 10**6, -2 * 10**6]
