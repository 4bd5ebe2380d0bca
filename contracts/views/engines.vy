# pragma version 0.4.3
"""
@title Which engine a vault of a market has
@license AGPL-3.0-only
@notice For views that look at vaults nobody has: the ledger's engines by the ledger's rule, in quote or in coins.
"""
from interfaces import IClearinghouse

from contracts.vaults import vault_state as state


@internal
@view
def _engine(clearinghouse: address, model: uint256, token: uint256) -> address:
    """
    @notice Margin engine of a model in a market.
    @param model ES, GREEKS or STATIC. @param token Token word of the market.
    """
    engines: address[6] = staticcall IClearinghouse(clearinghouse).engines()
    return engines[state._engine_of(model, token)]
