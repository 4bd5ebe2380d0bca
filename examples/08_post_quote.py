"""Post a signed quote to the QuoteBoard, and find and take it from its event, each with web3.py's contracts."""

import os

from web3 import HTTPProvider, Web3

from bulkhead.client import Bulkhead, SignedOrder
from bulkhead.orders import Order
from examples.common import Scale, friday, place
from examples.common import node as url

node = Web3(HTTPProvider(url()))
maker, trader = (Bulkhead(node, place(), key=os.environ[name]) for name in ("MAKER_KEY", "TRADER_KEY"))
here = Scale(maker)
board = maker.contracts(node).QuoteBoard
posted = board.events.QuotePosted().create_filter(from_block="latest")
desk = maker.vaults.open("ETH", deposit=here.money(10_000))
quote = maker.orders.sign(desk, friday(maker), [f"call:{here.strike(2200)}"], "sell", here.money(25), 3)
maker.signer.execute(maker.chain["QuoteBoard"], "post", [quote.order.to_tuple()], [quote.signature])
(event,) = [log for log in posted.get_new_entries() if log.args.maker_vault == desk]
domain = trader.domain
order = Order.from_json(event.args.order)
found = SignedOrder(order, bytes(event.args.signature), domain.chain_id, domain.exchange)
assert found == quote and trader.orders.states([found])[0][0] == "open"
vault = trader.orders.fill(found, deposit=200)
print(f"took {event.args.order.size / 10**6:g} calls of vault {desk} into vault {vault}")
assert trader.vaults.get(vault).state == "covered"
