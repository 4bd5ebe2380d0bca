# pragma version 0.4.3
# pragma optimize gas
"""
@title Margin gate: may this action leave the vault like this?
@license AGPL-3.0-only
@notice The table of protocol section 5.5 as one stateless contract, so that trading, withdrawing, splitting and
        taking over answer to the same rule and the Clearinghouse stays a ledger. Gets everything by value, calls the
        vault's margin engine, stores nothing. Where no legs move it asks for the price itself: one hop less.
        Trusts: the vault and prices its caller passes.
"""
from interfaces import IClearinghouse
from interfaces import IMarginEngine
from interfaces import IMarginGate
from interfaces import IOracleAdapter

from contracts.math import fixed
from contracts.math import payoff
from contracts.math import scales
from contracts.vaults import leg
from contracts.margin import basis
from contracts.margin import standing
from contracts.margin import marks
from contracts.margin import gate_actions
from contracts.governance import parameters
from contracts.oracle import snapshot as price
from contracts.oracle import svi_slice
from contracts.vaults import vault_state as state

implements: IMarginGate

interface IStaticEngine:
    def dynamic() -> address: view

# share of the notional closed by which a closing fill may move equity while the price is not fresh
STALE_TOLERANCE: constant(uint256) = 2 * 10**16
# no scenario moves the forward by more standard deviations (EsEngine)
WORST_MOVE: constant(int256) = 20

# observed for actions that move no legs and need a price
ORACLE: immutable(address)


@deploy
def __init__(oracle: address):
    ORACLE = oracle


@internal
@view
def _assess(
    vault: IClearinghouse.Vault, legs: DynArray[uint256, 16], prices: IOracleAdapter.Snapshot, collateral: int256
) -> IMarginEngine.Assessment:
    if len(legs) == 0:
        return empty(IMarginEngine.Assessment)
    return staticcall IMarginEngine(vault.engine).assess(
        legs, prices, state._engine_risk(vault), collateral
    )


@internal
@pure
def _collateral(vault: IClearinghouse.Vault) -> int256:
    return state._collateral(vault.balance, vault.terms, vault.token)


@internal
@pure
def _covered(vault: IClearinghouse.Vault, legs: DynArray[uint256, 16], missing: int256) -> bool:
    v_min: int256 = payoff._least(legs)
    return v_min != payoff.UNBOUNDED and self._collateral(vault) - missing >= -v_min


@internal
@view
def _full(
    vault: IClearinghouse.Vault, legs: DynArray[uint256, 16], prices: IOracleAdapter.Snapshot, collateral: int256
) -> standing.Standing:
    return standing._resolve(
        self._assess(vault, legs, prices, standing.NO_COLLATERAL),
        collateral,
        state._deficit(vault.cell),
        vault.risk,
        prices,
        False,
    )


@internal
@pure
def _new_stamp(mode: uint256, vault: IClearinghouse.Vault, prices: IOracleAdapter.Snapshot) -> uint256:
    """
    @dev Ratios that a STATIC vault gets with new risk. A take is judged at the ramped vol, so it never lowers one.
    """
    risk: uint256 = vault.risk
    if mode != gate_actions.TAKE:
        return parameters._stamp(risk, max(prices.sigma, prices.sigma_now))
    return parameters._larger_stamp(
        parameters._stamp(risk, prices.sigma),
        (vault.terms & state.STAMP_MASK) >> state.STAMP_AT,
    )


@internal
@pure
def _stamped(vault: IClearinghouse.Vault, stamp: uint256) -> IClearinghouse.Vault:
    stamped: IClearinghouse.Vault = vault
    stamped.terms = (vault.terms & ~state.STAMP_MASK) | (stamp << state.STAMP_AT)
    return stamped


@internal
@pure
def _same(old_legs: DynArray[uint256, 16], legs: DynArray[uint256, 16]) -> bool:
    if len(old_legs) != len(legs):
        return False
    for i: uint256 in range(len(legs), bound=16):
        if legs[i] != old_legs[i]:
            return False
    return True


@internal
@view
def _meets_initial(
    vault: IClearinghouse.Vault,
    legs: DynArray[uint256, 16],
    prices: IOracleAdapter.Snapshot,
    row_one: bool,
    known: IMarginEngine.Assessment,
) -> bool:
    """
    @dev The initial-margin test of the vault's own model; a STATIC vault answers to ES as well in actions of row 1.
    """
    if not self._meets(vault, legs, prices, row_one, known):
        return False
    if not row_one or len(legs) == 0 or state._model(vault.word) != state.STATIC:
        return True
    dynamic: IClearinghouse.Vault = vault
    dynamic.engine = staticcall IStaticEngine(vault.engine).dynamic()
    return self._meets(dynamic, legs, prices, True, empty(IMarginEngine.Assessment))


@internal
@view
def _meets(
    vault: IClearinghouse.Vault,
    legs: DynArray[uint256, 16],
    prices: IOracleAdapter.Snapshot,
    row_one: bool,
    known: IMarginEngine.Assessment,
) -> bool:
    """
    @dev Equity >= IM at the ramped vol; for actions of row 1 also at the current vol when that is higher, with the
         proximity add-on, and while a surface fades also at the surface as it was live (ADR 16).
    """
    collateral: int256 = self._collateral(vault)
    if len(legs) == 0:
        return collateral >= 0
    current: IOracleAdapter.Snapshot = prices
    assessed: IMarginEngine.Assessment = known
    for vol: uint256 in range(3):
        if vol != 0 and not row_one:
            break
        if vol == 1:
            if prices.sigma_now <= prices.sigma:
                continue
            current.sigma = prices.sigma_now
        if vol == 2:
            if not price._is_fading(prices):
                break
            current.surface_weight = svi_slice._without_fade(prices.surface_weight)
        if vol != 0 or known.basis != basis.KNOWN:
            assessed = self._assess(vault, legs, current, collateral)
        if assessed.basis == basis.COVERED:
            return True
        result: standing.Standing = standing._resolve(
            assessed,
            collateral,
            state._deficit(vault.cell),
            vault.risk,
            prices,
            row_one,
        )
        if result.backing < result.im:
            return False
    return True


@internal
@pure
def _bounded(
    vault: IClearinghouse.Vault, legs: DynArray[uint256, 16], prices: IOracleAdapter.Snapshot, share: IMarginEngine.Assessment
) -> IMarginEngine.Assessment:
    """
    @dev An ES assessment at least as strict as that of the legs, each of which is up to a lot (CASH: a unit) below `share`
         of what was assessed. No lot of an option is worth more than the highest forward of any scenario and the strike
         together, now or in a scenario; shortfall and floor are subadditive (INV-07). The cap of 5.2 is left out.
    """
    lot: uint256 = state._lot(vault.token)
    risk: uint256 = vault.risk
    move: int256 = marks._move(risk, prices.sigma, prices.seconds)
    highest: uint256 = (
        prices.forward * leg._unsigned(fixed._exp(WORST_MOVE * move)) >> 64
    ) + prices.spot // 10**6
    units: uint256 = 0  # [1e-6 contracts]
    worth: uint256 = 0  # [wad * 1e-6]
    for item: uint256 in legs:
        if leg._kind(item) == leg.CASH:
            worth += scales.WAD
        else:
            units += lot
            worth += lot * (highest + leg._strike(item) * leg.STRIKE_WAD)
    gap: uint256 = parameters._short_floor(risk) * prices.spot // scales.WAD * units
    bound: IMarginEngine.Assessment = share
    bound.value -= convert(worth // 10**6 + 1, int256)
    bound.margin += convert((worth + gap) // 10**6 + 2, int256)
    bound.v_min = payoff.UNBOUNDED
    bound.delta = -(abs(share.delta) + convert(units * leg.QUANTITY_WAD, int256))
    bound.basis = basis.KNOWN
    return bound


@internal
@pure
def _closer_to_zero(old_legs: DynArray[uint256, 16], legs: DynArray[uint256, 16]) -> bool:
    """
    @dev Every option and future of the new legs was there before, on the same side and at least as large.
    """
    # legs keep their order, so each is looked for first where the one before was found
    hint: uint256 = 0
    for item: uint256 in legs:
        if leg._kind(item) == leg.CASH:
            continue
        hint = leg._find(old_legs, leg._key(item), hint)
        if hint == len(old_legs):
            return False
        new: int256 = leg._quantity(item)
        old: int256 = leg._quantity(old_legs[hint])
        if (new > 0) != (old > 0) or abs(new) > abs(old):
            return False
        hint += 1
    return True


@internal
@view
def _reduces_risk(
    vault: IClearinghouse.Vault,
    old_legs: DynArray[uint256, 16],
    legs: DynArray[uint256, 16],
    prices: IOracleAdapter.Snapshot,
    moved: int256,
    fee: uint256,
) -> bool:
    """
    @dev Row 3 of 5.5: IM not higher and neither equity - MM nor equity/MM lower; below zero equity may not fall.
    """
    after: int256 = self._collateral(vault)
    native: int256 = convert(state._native_wad(vault.token), int256)
    charged: int256 = convert(fee, int256) * native
    old: standing.Standing = self._full(vault, old_legs, prices, after - moved * native + charged)
    new: standing.Standing = self._full(vault, legs, prices, after)
    if new.im > old.im:
        return False
    if old.equity < 0:
        return new.equity + charged >= old.equity
    return (
        new.equity - new.mm >= old.equity - old.mm
        and new.equity * old.mm >= old.equity * new.mm
    )


@internal
@pure
def _contracts(legs: DynArray[uint256, 16]) -> uint256:
    """
    @dev Sum of |quantity| over options and futures [1e-6 contracts].
    """
    total: uint256 = 0
    for item: uint256 in legs:
        if leg._kind(item) != leg.CASH:
            total += convert(abs(leg._quantity(item)), uint256)
    return total


@internal
@view
def _value(vault: IClearinghouse.Vault, legs: DynArray[uint256, 16], prices: IOracleAdapter.Snapshot) -> int256:
    if len(legs) == 0:
        return 0
    return staticcall IMarginEngine(vault.engine).value(legs, prices)


@internal
@view
def _is_fair_close(
    vault: IClearinghouse.Vault,
    old_legs: DynArray[uint256, 16],
    legs: DynArray[uint256, 16],
    prices: IOracleAdapter.Snapshot,
    moved: int256,
) -> bool:
    """
    @dev A closing fill at the last known price: equity may not fall by more than 2 % of the notional closed, nor by more
         than the MM that the close frees, so that closing worthless legs gives nothing away; and selling a hedge, which
         asks for more MM, must leave a vault that pays its worst settlement (ADR 9).
    """
    if prices.spot == 0:
        return False
    closed: uint256 = self._contracts(old_legs) - self._contracts(legs)
    collateral: int256 = self._collateral(vault)
    freed: int256 = (
        self._full(vault, old_legs, prices, collateral).mm
        - self._full(vault, legs, prices, collateral).mm
    )
    if freed < 0 and not self._covered(vault, legs, 0):
        return False
    allowed: uint256 = min(
        closed * prices.spot // 10**6 * STALE_TOLERANCE // scales.WAD, convert(max(freed, 0), uint256)
    )
    native: int256 = convert(state._native_wad(vault.token), int256)
    change: int256 = (
        self._value(vault, legs, prices) - self._value(vault, old_legs, prices) + moved * native
    )
    return change >= -convert(allowed, int256)


@internal
@view
def _check_own(
    vault: IClearinghouse.Vault, legs: DynArray[uint256, 16], prices: IOracleAdapter.Snapshot, known: IMarginEngine.Assessment
):
    assert vault.word & state.FLAGGED == 0, "margin/flagged"
    assert price._is_active(prices), "margin/price-not-active"
    assert self._meets_initial(vault, legs, prices, True, known), "margin/below-initial"


@external
@view
def check(
    change: IMarginGate.Change,
    vault: IClearinghouse.Vault,
    old_legs: DynArray[uint256, 16],
    legs: DynArray[uint256, 16],
    snapshot: IOracleAdapter.Snapshot,
) -> uint256:
    """
    @notice Passes or reverts with the reason for one vault as it is after an action. Keeps INV-05.
    @param change What happened to it.
    @param vault The vault after the action (`Clearinghouse.load`).
    @param old_legs Leg words before.
    @param legs Leg words after.
    @param snapshot Prices of the cell.
    @return Stamp of a STATIC vault that took new risk, to be stored in its terms; 0 when nothing changes.
    """
    active: bool = price._is_active(snapshot)
    flagged: bool = vault.word & state.FLAGGED != 0
    fresh: bool = price._is_fresh(snapshot)
    is_static: bool = state._model(vault.word) == state.STATIC
    closes: bool = change.action == gate_actions.TRADE and self._closer_to_zero(old_legs, legs)
    if len(legs) != 0:
        # value may back a margin, but the tips are paid in tokens: closing may leave the deposit short, never spend it
        least: int256 = 0
        if closes:
            native: int256 = convert(state._native_wad(vault.token), int256)
            least = self._collateral(vault) - (change.received - convert(change.fee, int256)) * native
        assert self._collateral(vault) >= min(least, 0), "margin/deposit-not-full"
    stamped: IClearinghouse.Vault = vault
    stamp: uint256 = 0
    if is_static and fresh and not (change.action == gate_actions.OWN and self._same(old_legs, legs)):
        # who sells a hedge takes new risk: only what lowers the requirement keeps the ratios of old
        if closes and self._reduces_risk(vault, old_legs, legs, snapshot, change.received, change.fee):
            return 0
        stamp = self._new_stamp(change.action, vault, snapshot)
        stamped = self._stamped(vault, stamp)
    if change.action == gate_actions.TAKE:
        # no leg enters a vault whose liquidation deposit is not full
        assert not flagged, "margin/flagged"
        if change.known.basis == basis.ROUNDED and self._meets(
            stamped, legs, snapshot, False, self._bounded(vault, legs, snapshot, change.known)
        ):
            return stamp
        assert self._meets_initial(
            stamped, legs, snapshot, False, change.known
        ), "margin/taker-below-initial"
        return stamp
    if change.action == gate_actions.OWN:
        self._check_own(stamped, legs, snapshot, change.known)
        return stamp

    assert closes or not flagged, "margin/flagged"
    assert closes or active, "margin/price-not-active"
    if not fresh:
        assert self._is_fair_close(
            vault, old_legs, legs, snapshot, change.received
        ), "margin/stale-close-price"
        return 0
    if len(legs) == 0:
        return 0
    if not flagged and self._meets_initial(stamped, legs, snapshot, True, change.known):
        return stamp
    assert closes, "margin/below-initial"
    assert self._reduces_risk(vault, old_legs, legs, snapshot, change.received, change.fee), "margin/adds-risk"
    return 0


@external
def check_own(action: uint256, vault: IClearinghouse.Vault, legs: DynArray[uint256, 16]) -> uint256:
    """
    @notice Passes or reverts with the reason for one vault whose owner acts and whose legs stay as they are. Keeps INV-05.
    @dev Asks for the price itself, and only where it counts.
    @param action 0 withdrawal, 1 the vault under its model, 2 the vault under a new model.
    @param vault The vault after the action (`Clearinghouse.load`).
    @param legs Its leg words.
    @return Stamp of a vault that is STATIC from now on, to be stored in its terms; 0 when nothing changes.
    """
    # no price is needed: the vault pays its worst settlement out of its own collateral, whatever any price says
    if action == gate_actions.WITHDRAWAL and self._covered(vault, legs, 0):
        return 0
    expiry: uint256 = state._expiry(vault.terms)
    assert block.timestamp < expiry, "margin/expired"
    assert self._collateral(vault) >= 0, "margin/deposit-not-full"
    prices: IOracleAdapter.Snapshot = extcall IOracleAdapter(ORACLE).observe(
        state._market(vault.word), expiry
    )
    stamped: IClearinghouse.Vault = vault
    stamp: uint256 = 0
    if action == gate_actions.SWITCH and state._model(vault.word) == state.STATIC:
        stamp = self._new_stamp(gate_actions.OWN, vault, prices)
        stamped = self._stamped(vault, stamp)
    self._check_own(stamped, legs, prices, empty(IMarginEngine.Assessment))
    return stamp


@external
def review(
    vault: IClearinghouse.Vault, legs: DynArray[uint256, 16], due: uint256
) -> (uint256, int256, uint256):
    """
    @notice Looks at a flagged vault: 2 back at its target, 1 healthy, 0 still liquidatable or its price not active,
            3 cannot tell.
    @param vault The vault (`Clearinghouse.load`).
    @param legs Its leg words.
    @param due What is missing of the deposit after the tip of this call [native].
    @return (outcome, equity [wad], market clock [seconds]), the last two only where the outcome is 0 or 1.
    """
    missing: int256 = convert(due * state._native_wad(vault.token), int256)
    # a fully collateralised vault needs no price
    if self._covered(vault, legs, missing):
        return 2, 0, 0
    prices: IOracleAdapter.Snapshot = extcall IOracleAdapter(ORACLE).observe(
        state._market(vault.word), state._expiry(vault.terms)
    )
    if not price._is_fresh(prices):
        return 3, 0, 0
    result: standing.Standing = self._full(vault, legs, prices, self._collateral(vault))
    equity: int256 = result.equity
    if equity >= result.target + missing:
        return 2, 0, 0
    # only a price at which liquidation would be open may set the auction back
    healthy: bool = equity >= result.mm and price._is_active(prices)
    return (1 if healthy else 0), equity, prices.clock


@external
@view
def equity(vault: IClearinghouse.Vault, legs: DynArray[uint256, 16], snapshot: IOracleAdapter.Snapshot) -> int256:
    """
    @notice E of a vault [wad].
    @param vault The vault (`Clearinghouse.load`).
    @param legs Its leg words.
    @param snapshot Prices of the cell.
    @return E [wad].
    """
    return self._full(vault, legs, snapshot, self._collateral(vault)).equity
