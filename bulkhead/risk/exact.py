"""The margin models in exact integers, the contracts' own numbers bit for bit: one entry by model.

Pure functions over plain ints, by subject: `fixed`, `normal`, `black76` and `svi` are contracts/math, `payoff` and
`marks` what all models share, `es`, `greeks` and `static` one engine each. Every refusal is a `ValueError` whose text
is the contract's own reason.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bulkhead.risk import es, greeks, static
from bulkhead.risk.assessment import FORCE_FULL as FORCE_FULL
from bulkhead.risk.assessment import UNBOUNDED as UNBOUNDED
from bulkhead.risk.assessment import Assessment as Assessment
from bulkhead.risk.assessment import Basis as Basis
from bulkhead.risk.black76 import call_price as call_price
from bulkhead.risk.black76 import implied_vol as implied_vol
from bulkhead.risk.black76 import option as option
from bulkhead.risk.coefficients import MOVE as MOVE
from bulkhead.risk.es import shortfall as shortfall
from bulkhead.risk.fixed import ONE as ONE
from bulkhead.risk.fixed import exp_q64 as exp_q64
from bulkhead.risk.fixed import ln_ratio as ln_ratio
from bulkhead.risk.fixed import sqrt_ratio as sqrt_ratio
from bulkhead.risk.greeks import Terms as Terms
from bulkhead.risk.greeks import terms as terms
from bulkhead.risk.marks import MAX_SHARE as MAX_SHARE
from bulkhead.risk.marks import MAX_VOL as MAX_VOL
from bulkhead.risk.marks import MIN_HORIZON as MIN_HORIZON
from bulkhead.risk.marks import MIN_VOL as MIN_VOL
from bulkhead.risk.marks import mark as mark
from bulkhead.risk.marks import setting_of as setting_of
from bulkhead.risk.normal import CELLS as CELLS
from bulkhead.risk.normal import CELLS_PER_UNIT as CELLS_PER_UNIT
from bulkhead.risk.normal import CENTRE as CENTRE
from bulkhead.risk.normal import LIMIT as LIMIT
from bulkhead.risk.normal import PHI_ONE as PHI_ONE
from bulkhead.risk.normal import density as density
from bulkhead.risk.normal import mills as mills
from bulkhead.risk.normal import phi_38 as phi_38
from bulkhead.risk.normal import phi_table as phi_table
from bulkhead.risk.payoff import max_loss as max_loss
from bulkhead.risk.payoff import payoff as payoff
from bulkhead.risk.scales import YEAR as YEAR
from bulkhead.risk.words import Leg, Model, RiskWord, Snapshot

_ENGINES: dict[Model, Callable[..., Assessment]] = {
    Model.ES: es.assess,
    Model.GREEKS: greeks.assess,
    Model.STATIC: static.assess,
}


def assess(
    legs: Sequence[Leg],
    snapshot: Snapshot,
    risk: RiskWord,
    collateral: int = FORCE_FULL,
    model: Model = Model.ES,
    inverse: bool = False,
) -> Assessment:
    """Value, margin and maximum loss of the legs of one vault, as the engine of its model gives them.

    Args:
        legs: Legs of one cell, each series at most once.
        snapshot: Prices of the cell.
        risk: Risk parameters of the market; a STATIC vault brings its own ratios (`RiskWord.stamped`).
        collateral: C of the vault [wad]; `FORCE_FULL` forces the full assessment.
        model: The vault's margin model.
        inverse: The market counts coins of the underlying, not quote.
    """
    return _ENGINES[model](legs, snapshot, risk, collateral, inverse=inverse)
