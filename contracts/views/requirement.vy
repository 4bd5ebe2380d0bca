# pragma version 0.4.3
"""
@title What row 1 asks of a vault
@license AGPL-3.0-only
@notice The equity that withdrawing or adding risk needs, as MarginGate asks: by the vault's own model and, of a STATIC vault, by
        ES as well; each also at the current vol and at the surface as it was last live, and at each point of an uncertain
        price (docs/margin.md). Lenses show it.
"""
from interfaces import IClearinghouse
from interfaces import IMarginEngine
from interfaces import IOracleAdapter

from contracts.math import payoff
from contracts.math import scales
from contracts.governance import risk_word
from contracts.margin import standing
from contracts.oracle import snapshot as price
from contracts.oracle import svi_slice
from contracts.vaults import vault_state as state

interface IStaticEngine:
    def dynamic() -> address: view


@internal
@pure
def _least(numbers: standing.Standing, risk: uint256, room: uint256) -> uint256:
    """
    @dev The least equity E with E >= IM(E), where the proximity add-on falls with E: what is left after a withdrawal to the
         last unit. `numbers` are without the add-on.
    """
    im: uint256 = convert(numbers.im, uint256)
    mm: uint256 = convert(numbers.mm, uint256)
    if mm == 0 or im >= 3 * mm // 2:
        return im
    slope: uint256 = 2 * risk_word._proximity(risk)
    least: uint256 = im * (scales.WAD + 3 * slope // 2) // (scales.WAD + slope * im // mm)
    # the add-on falls with equity: asked once more, what was rounded away is there
    return min(max(least, standing._near(im, mm, least, risk)), room)


@internal
@view
def _required(
    vault: IClearinghouse.Vault,
    legs: DynArray[uint256, 16],
    prices: IOracleAdapter.Snapshot,
    known: IMarginEngine.Assessment,
    collateral: int256,
    afterwards: bool,
) -> uint256:
    """
    @notice Equity, C and the value `known` tells, that actions of row 1 need [wad]. Where value is another one at a point of an
            uncertain price, equity here must reach that much more.
    @param known Assessment of the legs at the prices as they are.
    @param afterwards With the proximity of the equity asked, as after an action; else with that of the equity of now.
    """
    required: int256 = 0
    equity: int256 = collateral + known.value
    points: DynArray[uint256, 3] = price._points(prices)
    for spot: uint256 in points:
        at: IOracleAdapter.Snapshot = price._at(prices, spot)
        engine: address = vault.engine
        for model: uint256 in range(2):
            if model == 1:
                if state._model(vault.word) != state.STATIC:
                    break
                engine = staticcall IStaticEngine(engine).dynamic()
            current: IOracleAdapter.Snapshot = at
            for vol: uint256 in range(3):
                if vol == 1:
                    if prices.sigma_now <= prices.sigma:
                        continue
                    current.sigma = prices.sigma_now
                if vol == 2:
                    if not price._is_fading(prices):
                        break
                    current.surface_weight = svi_slice._without_fade(
                        prices.surface_weight
                    )
                assessed: IMarginEngine.Assessment = known
                if spot != prices.spot or model != 0 or vol != 0:
                    assessed = staticcall IMarginEngine(engine).assess(
                        legs, current, state._engine_risk(vault), standing.NO_COLLATERAL
                    )
                numbers: standing.Standing = standing._resolve(
                    assessed, collateral, vault, at
                )
                if not afterwards:
                    numbers = standing._near_liquidation(numbers, assessed, vault.risk)
                im: int256 = numbers.im
                if afterwards:
                    im = convert(
                        self._least(numbers, vault.risk, standing._room(assessed)), int256
                    )
                needed: int256 = im + equity - numbers.equity
                if len(legs) <= 4 and assessed.v_min != payoff.UNBOUNDED:
                    # so few legs need no more than pays their worst settlement
                    needed = min(needed, equity - collateral - assessed.v_min)
                required = max(required, needed)
    return convert(required, uint256)
