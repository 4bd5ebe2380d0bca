# pragma version 0.4.3
# pragma optimize codesize
"""
@title LegLens: legs with their marks and Greeks
@license AGPL-3.0-only
@notice Decodes leg words for people. Marks and Greeks come from the module that every margin engine starts from
        (margin/marks). Stateless; nothing depends on it but lenses.
"""
from interfaces import ILegLens
from interfaces import IOracleAdapter

from contracts.margin import marks
from contracts.math import scales
from contracts.vaults import leg
from contracts.views import names

implements: ILegLens


@internal
@pure
def _describe(item: uint256, prices: IOracleAdapter.Snapshot, known: bool, inverse: bool) -> ILegLens.Leg:
    """
    @dev A leg with the mark of one contract, in the market's token, and the Greeks of all, in quote.
    """
    result: ILegLens.Leg = empty(ILegLens.Leg)
    quantity: int256 = leg._quantity(item)
    result.kind = names._kind(leg._kind(item))
    result.strike = leg._strike(item) * leg.STRIKE_WAD
    result.quantity = quantity * convert(leg.QUANTITY_WAD, int256)
    if not known:
        return result
    one: marks.Marks = marks._mark([leg._pack(leg._key(item), scales.SIGNED_MICRO)], prices)
    result.mark = marks._in_token(one.value, one.setting.forward, inverse) // scales.SIGNED_MICRO
    if one.count != 0:
        result.iv = convert(one.vols[0] & (2**64 - 1), uint256)
    result.delta = one.delta * quantity // scales.SIGNED_MICRO
    result.gamma = one.gamma * quantity // scales.SIGNED_MICRO
    result.vega = one.vega * quantity // scales.SIGNED_MICRO
    result.theta = one.theta * quantity // scales.SIGNED_MICRO
    return result


@external
@view
def describe(
    legs: DynArray[uint256, 16], snapshot: IOracleAdapter.Snapshot, inverse: bool
) -> DynArray[ILegLens.Leg, 16]:
    """
    @notice Legs decoded, with marks and Greeks where the snapshot has a price and has not expired.
    @param legs Leg words of one cell.
    @param snapshot Prices of the cell.
    @param inverse The market counts coins, and marks are in them.
    @return One entry per leg, in the same order.
    """
    known: bool = snapshot.spot != 0 and snapshot.seconds != 0
    result: DynArray[ILegLens.Leg, 16] = []
    for item: uint256 in legs:
        result.append(self._describe(item, snapshot, known, inverse))
    return result
