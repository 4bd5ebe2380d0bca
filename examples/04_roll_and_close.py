"""Roll a position into the next expiry with its own tokens, then close it against two makers."""

from examples.common import Scale, client, friday

maker, trader = client("MAKER_KEY"), client("TRADER_KEY")
here = Scale(maker)
near, far = friday(maker), friday(maker, 1)
desks = [maker.vaults.open("ETH", deposit=10_000) for _ in range(3)]
call = f"call:{here.strike(2100)}"
offer = maker.orders.sign(desks[0], near, [call], side="sell", price=here.money(30), size=2)
vault = trader.orders.fill(offer, deposit=500)
back = maker.orders.sign(desks[0], near, [call], side="buy", price=here.money(28), size=2)
later = maker.orders.sign(desks[1], far, [call], side="sell", price=here.money(55), size=2)
rolled = trader.orders.roll(vault, back, later)
assert trader.vaults.get(vault).balance == 0 and trader.vaults.get(rolled).expiry == far
bids = [maker.orders.sign(desk, far, [call], side="buy", price=here.money(50), size=1) for desk in desks[1:]]
trader.orders.close_all(rolled, bids)
assert trader.vaults.get(rolled).legs == ()
for empty in (vault, rolled):
    trader.vaults.close(empty)
