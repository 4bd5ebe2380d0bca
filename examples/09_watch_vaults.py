"""Watch vaults: a filter on events says which have changed, one call of the Lens says how they stand."""

from web3 import HTTPProvider, Web3

import bulkhead
from examples.common import Scale, client, friday, place
from examples.common import node as url

node = Web3(HTTPProvider(url()))
contracts = bulkhead.contracts(node, place())
changes = contracts.Clearinghouse.events.VaultUpdated().create_filter(from_block="latest")
deposits = contracts.Clearinghouse.events.Deposited().create_filter(from_block="latest")


def look() -> dict[int, str]:
    """Vaults that have changed since the last look, and their health."""
    changed = {log.args.vault_id for source in (changes, deposits) for log in source.get_new_entries()}
    found = {}
    for state in contracts.Lens.functions.vaults(sorted(changed)).call():
        health = "no margin" if state.health == 2**256 - 1 else f"health {state.health / 1e18:.2f}"
        found[state.vault_id] = f"equity {state.equity / 1e18:,.2f}, {health}"
    return found


maker, trader = client("MAKER_KEY"), client("TRADER_KEY")
here = Scale(maker)
look()
desk = maker.vaults.open("ETH", deposit=here.money(10_000))
offer = maker.orders.sign(desk, friday(maker), [f"put:{here.strike(1800)}"], "sell", here.money(20), 4)
vault = trader.orders.fill(offer, deposit=200)
seen = look()
for number, words in seen.items():
    print(f"vault {number}: {words}")
assert set(seen) == {desk, vault} and "health" in seen[desk] and look() == {}
