"""A maker's ladder around the marks, and a newcomer who takes the best ask of a call."""

import json
from decimal import Decimal

from bulkhead.client import SignedOrder
from bulkhead.maker.desk import Maker
from bulkhead.maker.ladder import Style
from examples.common import client, friday

maker, trader = client("MAKER_KEY"), client("TRADER_KEY")
quoting = Maker(maker, "ETH", [friday(maker)], Style(strikes=2))
quoting.open()
quotes = quoting.quotes()
asks = [q for q in quotes if q["side"] == "sell" and q["series"].startswith("call")]
best = min(asks, key=lambda q: Decimal(q["price"]))
assert Decimal(best["price"]) > Decimal(best["mark"])
signed = [SignedOrder.from_json(json.dumps(q["signed"])) for q in quotes]
assert all(status == "open" for status, _, _ in maker.orders.states(signed))
vault = trader.orders.fill(SignedOrder.from_json(json.dumps(best["signed"])), size=Decimal(1), deposit=300)
print(f"bought {best['series']} at {best['price']}")
assert trader.vaults.get(vault).state == "covered"
