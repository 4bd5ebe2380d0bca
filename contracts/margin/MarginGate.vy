# pragma version 0.4.3
# pragma optimize gas
"""
@title Margin gate: may this action leave the vault like this?
@license AGPL-3.0-only
@notice The margin table (docs/margin.md) as one stateless contract, so that trading, withdrawing, splitting and
        taking over answer to the same rule and the Clearinghouse stays a ledger. Gets everything by value, calls the
        vault's margin engine, stores nothing. Where no legs move it asks for the price itself: one hop less.
        Trusts: the vault and prices its caller passes.
"""
from interfaces import IClearinghouse
from interfaces import ICloseGate
from interfaces import IMarginEngine
from interfaces import IMarginGate
from interfaces import IOracleAdapter

from contracts.math import fixed
from contracts.math import payoff
from contracts.math import scales
from contracts.vaults import leg
from contracts.margin import basis
from contracts.margin import ceiling
from contracts.margin import vault_assessment
from contracts.margin import standing
from contracts.margin import marks
from contracts.margin import gate_actions
from contracts.governance import risk_word
from contracts.oracle import snapshot as price
from contracts.oracle import svi_slice
from contracts.vaults import vault_state as state

implements: IMarginGate
initializes: ceiling

interface IStaticEngine:
    def dynamic() -> address: view

# no scenario moves the forward by more standard deviations (EsEngine)
WORST_MOVE: constant(int256) = 20

# what no row but the second lets through
BARRED: constant(uint256) = state.FLAGGED | state.DEBT

# what a row of the table says
struct Verdict:
    passes: bool
    stamp: uint256  # ratios that a STATIC vault is judged by and keeps from now on, 0 when it keeps those it has

# observed for actions that move no legs and need a price
ORACLE: immutable(address)
# asked about a side that closes when it does not meet its initial margin, and about flagged vaults
CLOSE_GATE: immutable(address)


@deploy
def __init__(oracle: address, close_gate: address, z: int256[12], p: uint256[12]):
    """
    @param oracle OracleAdapter. @param close_gate CloseGate.
    @param z Scenario nodes of the EsEngine [wad]. @param p Their probabilities [wad].
    """
    ORACLE = oracle
    CLOSE_GATE = close_gate
    ceiling.__init__(z, p)


@internal
@pure
def _new_stamp(mode: uint256, vault: IClearinghouse.Vault, prices: IOracleAdapter.Snapshot) -> uint256:
    """
    @dev Ratios that a STATIC vault gets with new risk. A take is judged at the ramped vol, so it never lowers one.
    """
    risk: uint256 = vault.risk
    if mode != gate_actions.TAKE:
        return risk_word._stamp(risk, max(prices.sigma, prices.sigma_now))
    return risk_word._larger_stamp(
        risk_word._stamp(risk, prices.sigma),
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
    @dev The initial-margin test of the vault's own model; a STATIC vault answers to ES as well.
    """
    if not self._meets(vault, legs, prices, row_one, known):
        return False
    if len(legs) == 0 or state._model(vault.word) != state.STATIC:
        return True
    dynamic: IClearinghouse.Vault = vault
    dynamic.engine = staticcall IStaticEngine(vault.engine).dynamic()
    dynamic.word = state._under(vault.word, state.ES)
    return self._meets(dynamic, legs, prices, row_one, empty(IMarginEngine.Assessment))


@internal
@pure
def _reaches(
    vault: IClearinghouse.Vault,
    assessed: IMarginEngine.Assessment,
    collateral: int256,
    prices: IOracleAdapter.Snapshot,
    row_one: bool,
) -> bool:
    """
    @dev Equity >= IM, for actions of row 1 with the proximity add-on.
    """
    result: standing.Standing = standing._resolve(assessed, collateral, vault, prices)
    if row_one:
        result = standing._near_liquidation(result, assessed, vault.risk)
    return result.equity >= result.im


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
    collateral: int256 = vault_assessment._collateral(vault)
    if len(legs) == 0:
        return collateral >= 0
    is_known: bool = known.basis == basis.KNOWN
    # who is far above the margin passes by a bound of it
    is_far: bool = state._model(vault.word) == state.ES
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
        if vol != 0 or not is_known:
            if is_far:
                assessed = ceiling._assess(legs, current, vault.risk, state._is_inverse(vault.token), collateral)
                is_far = assessed.basis == basis.KNOWN and self._reaches(vault, assessed, collateral, prices, row_one)
                if is_far:
                    continue
            assessed = vault_assessment._assess(vault, legs, current, collateral)
            if assessed.basis == basis.COVERED:
                return True
        if not self._reaches(vault, assessed, collateral, prices, row_one):
            return False
    return True


@internal
@pure
def _bounded(
    vault: IClearinghouse.Vault, legs: DynArray[uint256, 16], prices: IOracleAdapter.Snapshot, share: IMarginEngine.Assessment
) -> IMarginEngine.Assessment:
    """
    @dev Of a linear market. An ES assessment at least as strict as that of the legs, each of which is up to a lot (CASH: a unit) below `share`
         of what was assessed. No lot of an option is worth more than the highest forward of any scenario and the strike
         together, now or in a scenario; shortfall and floor are subadditive (INV-07). The cap of 5.2 is left out.
    """
    # prices are below 2^96 and moves below e^20, lots below 2^32: nothing overflows
    lot: int256 = leg._signed(state._lot(vault.token))
    risk: uint256 = vault.risk
    move: int256 = marks._move(risk, prices.sigma, prices.seconds)
    spot: int256 = leg._signed(prices.spot)
    highest: int256 = unsafe_mul(leg._signed(prices.forward), fixed._exp(unsafe_mul(WORST_MOVE, move))) >> 64
    highest = unsafe_add(highest, unsafe_div(spot, 10**6))
    units: int256 = 0  # [1e-6 contracts]
    worth: int256 = 0  # [wad * 1e-6]
    for item: uint256 in legs:
        if leg._is_money(leg._kind(item), False):
            worth = unsafe_add(worth, scales.SIGNED_WAD)
        else:
            units = unsafe_add(units, lot)
            strike: int256 = unsafe_mul(leg._signed(leg._strike(item)), leg.SIGNED_STRIKE_WAD)
            worth = unsafe_add(worth, unsafe_mul(lot, unsafe_add(highest, strike)))
    gap: int256 = marks._floor(risk, spot, units)
    bound: IMarginEngine.Assessment = share
    bound.value = unsafe_sub(share.value, unsafe_add(unsafe_div(worth, 10**6), 1))
    bound.margin = unsafe_add(share.margin, unsafe_add(unsafe_div(unsafe_add(worth, gap), 10**6), 2))
    bound.v_min = payoff.UNBOUNDED
    bound.delta = unsafe_sub(unsafe_sub(0, abs(share.delta)), unsafe_mul(units, 10**12))
    bound.basis = basis.KNOWN
    return bound


@internal
@pure
def _closer_to_zero(old_legs: DynArray[uint256, 16], legs: DynArray[uint256, 16], inverse: bool) -> bool:
    """
    @dev Every option and delta leg of the new legs was there before, on the same side and at least as large.
    """
    # legs keep their order, so each is looked for first where the one before was found
    hint: uint256 = 0
    for item: uint256 in legs:
        if leg._is_money(leg._kind(item), inverse):
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
@pure
def _judged(mode: uint256, vault: IClearinghouse.Vault, prices: IOracleAdapter.Snapshot) -> (IClearinghouse.Vault, uint256):
    """
    @dev The vault as new risk is judged, and the stamp it then keeps: STATIC by the ratios of this moment.
    """
    if state._model(vault.word) != state.STATIC:
        return vault, 0
    stamp: uint256 = self._new_stamp(mode, vault, prices)
    return self._stamped(vault, stamp), stamp


# --- the rows of the margin table -----------------------------------------------------------------------------------


@internal
@view
def _may_add_risk(
    vault: IClearinghouse.Vault,
    legs: DynArray[uint256, 16],
    prices: IOracleAdapter.Snapshot,
    is_new: bool,
) -> Verdict:
    """
    @dev Row 1: unflagged, no debt, an active price, equity >= IM at each point of it.
    @param is_new The legs or the model are not what they were: a STATIC vault is stamped.
    """
    if vault.word & BARRED != 0 or not price._is_usable(prices):
        return empty(Verdict)
    judged: IClearinghouse.Vault = vault
    stamp: uint256 = 0
    if is_new:
        judged, stamp = self._judged(gate_actions.OWN, vault, prices)
        if len(legs) <= 4 and vault_assessment._covered(vault, legs, 0):
            # so few legs are asked for nothing more, by any model
            return Verdict(passes=True, stamp=stamp)
    points: DynArray[uint256, 3] = price._points(prices)
    for spot: uint256 in points:
        if not self._meets_initial(
            judged, legs, price._at(prices, spot), True, empty(IMarginEngine.Assessment)
        ):
            return empty(Verdict)
    return Verdict(passes=True, stamp=stamp)


@internal
@pure
def _may_withdraw(vault: IClearinghouse.Vault, legs: DynArray[uint256, 16]) -> Verdict:
    """
    @dev Row 2, first form: no debt, and the vault pays its worst settlement out of its own collateral, whatever any price
         says; also while flagged, and after expiry.
    """
    return Verdict(passes=vault.word & state.DEBT == 0 and vault_assessment._covered(vault, legs, 0), stamp=0)


@internal
@view
def _may_take(
    change: IMarginGate.Change,
    vault: IClearinghouse.Vault,
    legs: DynArray[uint256, 16],
    prices: IOracleAdapter.Snapshot,
) -> Verdict:
    """
    @dev A take moves risk and creates none: unflagged, no debt, an active price, equity >= IM at ramped values.
    """
    if vault.word & BARRED != 0 or not price._is_active(prices):
        return empty(Verdict)
    judged: IClearinghouse.Vault = vault
    stamp: uint256 = 0
    judged, stamp = self._judged(gate_actions.TAKE, vault, prices)
    # in coins no bound is as cheap: there a rounded take is assessed
    passes: bool = change.known.basis == basis.ROUNDED and not state._is_inverse(vault.token) and self._meets(
        judged, legs, prices, False, self._bounded(vault, legs, prices, change.known)
    )
    if not passes:
        passes = self._meets_initial(judged, legs, prices, False, change.known)
    return Verdict(passes=passes, stamp=stamp)


# --- which rows an action may use ----------------------------------------------------------------------------------


@internal
@view
def _may_trade(
    change: IMarginGate.Change,
    vault: IClearinghouse.Vault,
    old_legs: DynArray[uint256, 16],
    legs: DynArray[uint256, 16],
    prices: IOracleAdapter.Snapshot,
    closes: bool,
) -> Verdict:
    verdict: Verdict = empty(Verdict)
    if not closes:
        return self._may_add_risk(vault, legs, prices, True)
    # who closes keeps the ratios of a STATIC vault if the risk shrinks by them; else the cheapest row comes first
    is_static: bool = state._model(vault.word) == state.STATIC
    if not is_static and len(legs) != 0:
        verdict = self._may_add_risk(vault, legs, prices, True)
    if not verdict.passes:
        verdict = self._may_withdraw(vault, legs)
    if not verdict.passes:
        verdict.passes = staticcall ICloseGate(CLOSE_GATE).closes(change, vault, old_legs, legs, prices)
    if not verdict.passes and is_static:
        verdict = self._may_add_risk(vault, legs, prices, True)
    return verdict


@internal
@pure
def _check_deposit(change: IMarginGate.Change, vault: IClearinghouse.Vault, closes: bool):
    """
    @dev Value may back a margin, but tips are paid in tokens: closing may leave the deposit short, never spend it.
    """
    least: int256 = 0
    if closes:
        least = vault_assessment._collateral_before(change, vault)
    if vault_assessment._collateral(vault) < min(least, 0):
        payoff._refuse("margin/deposit-not-full")


@internal
@pure
def _check_state(vault: IClearinghouse.Vault, prices: IOracleAdapter.Snapshot):
    """
    @dev Names why a vault may take no new risk whatever its margin.
    """
    if vault_assessment._is_flagged(vault):
        payoff._refuse("margin/flagged")
    if not price._is_usable(prices):
        payoff._refuse("margin/price-not-active")


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
    closes: bool = change.action == gate_actions.TRADE and self._closer_to_zero(
        old_legs, legs, state._is_inverse(vault.token)
    )
    if len(legs) != 0:
        self._check_deposit(change, vault, closes)
    verdict: Verdict = empty(Verdict)
    if change.action == gate_actions.TRADE:
        verdict = self._may_trade(change, vault, old_legs, legs, snapshot, closes)
    elif change.action == gate_actions.OWN:
        verdict = self._may_add_risk(vault, legs, snapshot, not self._same(old_legs, legs))
    else:
        verdict = self._may_take(change, vault, legs, snapshot)
    if verdict.passes:
        return verdict.stamp

    if change.action == gate_actions.TAKE:
        if vault_assessment._is_flagged(vault):
            payoff._refuse("margin/flagged")
        if not price._is_active(snapshot):
            payoff._refuse("margin/price-not-active")
        payoff._refuse("margin/taker-below-initial")
    if not closes:
        self._check_state(vault, snapshot)
        payoff._refuse("margin/below-initial")
    if not price._is_usable(snapshot):
        payoff._refuse("margin/stale-close-price")
    payoff._refuse("margin/adds-risk")
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
    if action == gate_actions.WITHDRAWAL:
        free: Verdict = self._may_withdraw(vault, legs)
        if free.passes:
            return free.stamp
    expiry: uint256 = state._expiry(vault.terms)
    if block.timestamp >= expiry:
        payoff._refuse("margin/expired")
    if vault_assessment._collateral(vault) < 0:
        payoff._refuse("margin/deposit-not-full")
    prices: IOracleAdapter.Snapshot = extcall IOracleAdapter(ORACLE).look(
        state._market(vault.word), expiry
    )
    verdict: Verdict = self._may_add_risk(
        vault, legs, prices, action == gate_actions.SWITCH
    )
    if not verdict.passes:
        self._check_state(vault, prices)
        payoff._refuse("margin/below-initial")
    return verdict.stamp


@external
def review(vault: IClearinghouse.Vault, legs: DynArray[uint256, 16]) -> IMarginGate.Review:
    """
    @notice Looks at a flagged vault again: is it back at its target, healthy, or still liquidatable? CloseGate tells.
    @param vault The vault (`Clearinghouse.load`).
    @param legs Its leg words.
    @return The outcome (margin/gate_actions) and, where the flag stays, equity and the terms from now on.
    """
    return extcall ICloseGate(CLOSE_GATE).review(vault, legs)
