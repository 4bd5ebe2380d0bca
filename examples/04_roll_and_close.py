"""Roll a position into the next expiry with its own tokens, then close it against two makers."""

from examples.common import client, friday

maker, trader = client("MAKER_KEY"), client("TRADER_KEY")
near, far = friday(maker), friday(maker, 1)
desks = [maker.vaults.open("ETH", deposit=10_000) for _ in range(3)]
offer = maker.orders.sign(desks[0], near, ["call:2100"], side="sell", price=30, size=2)
vault = trader.orders.fill(offer, deposit=500)
back = maker.orders.sign(desks[0], near, ["call:2100"], side="buy", price=28, size=2)
later = maker.orders.sign(desks[1], far, ["call:2100"], side="sell", price=55, size=2)
rolled = trader.orders.roll(vault, back, later)
assert trader.vaults.get(vault).balance == 0 and trader.vaults.get(rolled).expiry == far
bids = [maker.orders.sign(desk, far, ["call:2100"], side="buy", price=50, size=1) for desk in desks[1:]]
trader.orders.close_all(rolled, bids)
assert trader.vaults.get(rolled).legs == ()
for empty in (vault, rolled):
    trader.vaults.close(empty)
