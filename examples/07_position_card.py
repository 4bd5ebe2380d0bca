"""A position's card over one's own web3.py: margins, Greeks, liquidation prices, what was paid and what was made."""

import os

from web3 import HTTPProvider, Web3

from bulkhead.client import Bulkhead
from examples.common import Scale, client, friday, place
from examples.common import node as url

node = Web3(HTTPProvider(url()))
maker, trader = client("MAKER_KEY"), Bulkhead(node, place(), key=os.environ["TRADER_KEY"])
here = Scale(trader)
desk = maker.vaults.open("ETH", deposit=here.money(20_000))
bid = maker.orders.sign(desk, friday(maker), [f"put:{here.strike(1800)}"], "buy", here.money(30), 5)
vault = trader.orders.fill(bid, deposit=here.money(2_500))
card = trader.vaults.card(vault)
print(f"equity {card.vault.equity:,.2f}, health {card.vault.health:.2f}, spot {card.spot:,.2f}")
print(f"liquidated below {card.liquidation_below:,.2f}; to add to be healthy: {card.to_add}")
print(f"delta {card.greeks.delta:+.3f} contracts, vega {card.greeks.vega:+.2f}, theta {card.greeks.theta:+.2f}")
for entry in card.entries:
    legs = " ".join(f"{leg.quantity / 10**6:+g} {leg.kind.name.lower()}" for leg in entry.legs)
    print(f"{entry.size} packages of {legs}, entered at {entry.price}")
print(f"made so far: {card.profit:+,.2f}")
assert [entry.price for entry in card.entries] == [here.money(30)] and card.remark == ""
assert card.liquidation_below < card.spot and card.greeks.delta > 0 > card.greeks.vega
# the same vault by web3's own contract object
(state,) = trader.contracts(node).Lens.functions.vaults([vault]).call()
assert state.owner == trader.address and len(state.legs) == 1
