import os, sys
from web3 import Web3
import bulkhead

node = Web3(Web3.HTTPProvider(os.environ["BULKHEAD_RPC_URL"]))
contracts = bulkhead.contracts(node, os.environ["BULKHEAD_DEPLOYMENT"])
(card,) = contracts.PositionLens.functions.positions([int(sys.argv[1])]).call().positions
unit = 10**18
print(f"#{card.vault_id} {card.state}, {card.model}, price {card.price.state} and {card.price.age} s old")
for leg in card.legs:
    print(
        f"  {leg.quantity / unit:+g} {leg.kind} {leg.strike / unit:g}, mark {leg.mark / unit:.4f}, delta {leg.delta / unit:+.3f}"
    )
if card.price.spot:  # without a price these are not zero but unknown
    print(f"  equity {card.equity / unit:.2f} of MM {card.maintenance_margin / unit:.2f} {card.symbol}")
print(f"  withdrawable {card.withdrawable / 10**card.decimals:.2f}; open: {card.refusals.open or 'yes'}")
