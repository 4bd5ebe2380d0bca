"""What a trader or maker calls: vaults, signed orders and a preview of what a trade would do.

Amounts and prices are `Decimal` in quote units at this edge; inside everything is the integer that goes on chain.

    market = Bulkhead("http://127.0.0.1:8545", "deployments/local", key)
    vault = market.vaults.open("ETH", deposit=Decimal(500))
"""

from bulkhead.chain.sender import Tips
from bulkhead.client.account import keystore_account
from bulkhead.client.amounts import (
    MAX_UINT,
    from_wad,
    parse_expiry,
    parse_model,
    to_native,
    to_quantity,
    to_strike,
    to_wad,
)
from bulkhead.client.bulkhead import Bulkhead
from bulkhead.client.card import PositionCard
from bulkhead.client.packages import PackageLeg
from bulkhead.client.preview import FillPreview
from bulkhead.client.signed_order import SignedOrder
from bulkhead.client.vault_info import VaultInfo
from bulkhead.operators import Permission
from bulkhead.orders import Flags, PremiumStyle

__all__ = [
    "MAX_UINT",
    "Bulkhead",
    "FillPreview",
    "Flags",
    "PackageLeg",
    "Permission",
    "PositionCard",
    "PremiumStyle",
    "SignedOrder",
    "Tips",
    "VaultInfo",
    "from_wad",
    "keystore_account",
    "parse_expiry",
    "parse_model",
    "to_native",
    "to_quantity",
    "to_strike",
    "to_wad",
]
