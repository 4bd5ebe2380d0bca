"""Let a hot key trade for a vault for an hour: it signs, cannot withdraw, and is revoked at once."""

from bulkhead.client import Permission
from examples.common import Scale, client, friday

maker, trader = client("MAKER_KEY"), client("TRADER_KEY")
here = Scale(maker)
bot = client("BOT_KEY")
desk = maker.vaults.open("ETH", deposit=10_000)
maker.vaults.grant(desk, bot.address, Permission.TRADE, seconds=3_600)
call = f"call:{here.strike(2400)}"
offer = bot.orders.sign(desk, friday(maker), [call], side="sell", price=here.money(25), size=1)
vault = trader.orders.fill(offer, deposit=100)
assert trader.vaults.get(vault).legs
maker.vaults.grant(desk, bot.address, Permission.NONE)
again = bot.orders.sign(desk, friday(maker), [call], side="sell", price=here.money(25), size=1)
assert maker.orders.states([again])[0][2] == "exchange/signer-not-owner"
