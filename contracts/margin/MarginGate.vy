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

# share of the notional closed by which a closing fill may lower equity while no price is active
CLOSE_TOLERANCE: constant(uint256) = 5 * 10**15
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
    v_min: int256 = payoff._least(legs, state._is_inverse(vault.token))
    return v_min != payoff.UNBOUNDED and self._collateral(vault) - missing >= -v_min


@internal
@view
def _full(
    vault: IClearinghouse.Vault, legs: DynArray[uint256, 16], prices: IOracleAdapter.Snapshot, collateral: int256
) -> standing.Standing:
    return standing._resolve(
        self._assess(vault, legs, prices, standing.NO_COLLATERAL),
        collateral,
        vault,
        prices)


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
    @dev The initial-margin test of the vault's own model; a STATIC vault answers to ES as well.
    """
    if not self._meets(vault, legs, prices, row_one, known):
        return False
    if len(legs) == 0 or state._model(vault.word) != state.STATIC:
        return True
    dynamic: IClearinghouse.Vault = vault
    dynamic.engine = staticcall IStaticEngine(vault.engine).dynamic()
    return self._meets(dynamic, legs, prices, row_one, empty(IMarginEngine.Assessment))


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
            vault,
            prices,
        )
        if row_one:
            result = standing._near_liquidation(result, assessed, vault.risk)
        if result.equity < result.im:
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
    lot: uint256 = state._lot(vault.token)
    risk: uint256 = vault.risk
    move: int256 = marks._move(risk, prices.sigma, prices.seconds)
    highest: uint256 = (
        prices.forward * leg._unsigned(fixed._exp(WORST_MOVE * move)) >> 64
    ) + prices.spot // 10**6
    units: uint256 = 0  # [1e-6 contracts]
    worth: uint256 = 0  # [wad * 1e-6]
    for item: uint256 in legs:
        if leg._is_money(leg._kind(item), False):
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
def _charged(change: IMarginGate.Change, vault: IClearinghouse.Vault) -> int256:
    """
    @dev The fee [wad].
    """
    return convert(change.fee * state._native_wad(vault.token), int256)


@internal
@pure
def _collateral_before(change: IMarginGate.Change, vault: IClearinghouse.Vault) -> int256:
    """
    @dev C before a fill, by the deposit of now [wad].
    """
    native: int256 = convert(state._native_wad(vault.token), int256)
    return self._collateral(vault) - change.received * native + self._charged(change, vault)


@internal
@view
def _reduces_risk(
    change: IMarginGate.Change,
    vault: IClearinghouse.Vault,
    old_legs: DynArray[uint256, 16],
    legs: DynArray[uint256, 16],
    prices: IOracleAdapter.Snapshot,
) -> bool:
    """
    @dev IM not higher and neither equity - MM nor equity/MM lower; who owes more than he holds must be flagged, or he could
         close until nothing is left for insurance to see.
    """
    old: standing.Standing = self._full(vault, old_legs, prices, self._collateral_before(change, vault))
    new: standing.Standing = self._full(vault, legs, prices, self._collateral(vault))
    if new.im > old.im:
        return False
    if new.equity < 0:
        return self._is_flagged(vault) and new.equity + self._charged(change, vault) >= old.equity
    return (
        new.equity - new.mm >= old.equity - old.mm
        and new.equity * old.mm >= old.equity * new.mm
    )


@internal
@view
def _gives_little_away(
    change: IMarginGate.Change,
    vault: IClearinghouse.Vault,
    old_legs: DynArray[uint256, 16],
    legs: DynArray[uint256, 16],
    prices: IOracleAdapter.Snapshot,
) -> bool:
    """
    @dev MM not higher, and equity falls by no more than the least of 0.5 % of the notional closed, the MM freed and what
         equity is left, plus fee: what insurance would have to pay for is nobody's to give away (ADR 26).
    """
    old: standing.Standing = self._full(vault, old_legs, prices, self._collateral_before(change, vault))
    new: standing.Standing = self._full(vault, legs, prices, self._collateral(vault))
    if new.mm > old.mm or (new.equity < 0 and not self._is_flagged(vault)):
        return False
    inverse: bool = state._is_inverse(vault.token)
    forward: uint256 = price._expected(prices)
    closed: uint256 = leg._notional(old_legs, inverse, prices.spot, forward) - leg._notional(
        legs, inverse, prices.spot, forward
    )
    tolerated: int256 = convert(closed // 10**6 * CLOSE_TOLERANCE // scales.WAD, int256)
    lost: int256 = old.equity - new.equity - self._charged(change, vault)
    return lost <= min(min(tolerated, old.mm - new.mm), max(new.equity, 0))


@internal
@pure
def _share_left(old_legs: DynArray[uint256, 16], legs: DynArray[uint256, 16]) -> int256[2]:
    """
    @dev 1 - f, f the largest share by which one of the legs shrinks, as numerator and denominator.
    """
    least: int256[2] = [1, 1]
    hint: uint256 = 0
    for item: uint256 in old_legs:
        old: int256 = leg._quantity(item)
        new: int256 = 0
        at: uint256 = leg._find(legs, leg._key(item), hint)
        if at != len(legs):
            new = leg._quantity(legs[at])
            hint = at + 1
        if (new > 0) != (old > 0):
            new = 0
        if abs(new) * least[1] < abs(old) * least[0]:
            least = [abs(new), abs(old)]
    return least


@internal
@pure
def _is_flagged(vault: IClearinghouse.Vault) -> bool:
    return vault.word & state.FLAGGED != 0


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


# --- the rows of protocol section 5.5 ------------------------------------------------------------------------------


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
    return Verdict(passes=vault.word & state.DEBT == 0 and self._covered(vault, legs, 0), stamp=0)


@internal
@pure
def _may_close_fully_collateralised(
    change: IMarginGate.Change,
    vault: IClearinghouse.Vault,
    old_legs: DynArray[uint256, 16],
    legs: DynArray[uint256, 16],
) -> Verdict:
    """
    @dev Row 2 for a side that closes, at any price or none: its first form, or what stays pays at least 1-f of what was
         there at every settlement price.
    """
    verdict: Verdict = self._may_withdraw(vault, legs)
    if not verdict.passes and vault.word & state.DEBT == 0:
        verdict.passes = payoff._keeps_share(
            old_legs,
            legs,
            [self._collateral_before(change, vault), self._collateral(vault)],
            self._share_left(old_legs, legs),
            state._is_inverse(vault.token),
        )
    return verdict


@internal
@view
def _may_reduce(
    change: IMarginGate.Change,
    vault: IClearinghouse.Vault,
    old_legs: DynArray[uint256, 16],
    legs: DynArray[uint256, 16],
    prices: IOracleAdapter.Snapshot,
) -> Verdict:
    """
    @dev Row 3, for a side that closes: an active price, and at each point of it what lowers the requirement.
    """
    if not price._is_usable(prices):
        return empty(Verdict)
    points: DynArray[uint256, 3] = price._points(prices)
    for spot: uint256 in points:
        if not self._reduces_risk(change, vault, old_legs, legs, price._at(prices, spot)):
            return empty(Verdict)
    return Verdict(passes=True, stamp=0)


@internal
@view
def _may_close_without_price(
    change: IMarginGate.Change,
    vault: IClearinghouse.Vault,
    old_legs: DynArray[uint256, 16],
    legs: DynArray[uint256, 16],
    prices: IOracleAdapter.Snapshot,
) -> Verdict:
    """
    @dev Row 4, for a side that closes: no active price, and little given away at the undisputed one.
    """
    if price._is_usable(prices) or prices.undisputed == 0 or prices.seconds == 0:
        return empty(Verdict)
    return Verdict(
        passes=self._gives_little_away(
            change, vault, old_legs, legs, price._at(prices, prices.undisputed)
        ),
        stamp=0,
    )


@internal
@view
def _may_take(
    change: IMarginGate.Change,
    vault: IClearinghouse.Vault,
    legs: DynArray[uint256, 16],
    prices: IOracleAdapter.Snapshot,
) -> Verdict:
    """
    @dev A take moves risk and creates none (section 6.5): unflagged, no debt, an active price, equity >= IM at ramped values.
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
        verdict = self._may_close_fully_collateralised(change, vault, old_legs, legs)
    if not verdict.passes:
        verdict = self._may_reduce(change, vault, old_legs, legs, prices)
    if not verdict.passes and is_static:
        verdict = self._may_add_risk(vault, legs, prices, True)
    if not verdict.passes:
        verdict = self._may_close_without_price(change, vault, old_legs, legs, prices)
    return verdict


@internal
@pure
def _check_deposit(change: IMarginGate.Change, vault: IClearinghouse.Vault, closes: bool):
    """
    @dev Value may back a margin, but tips are paid in tokens: closing may leave the deposit short, never spend it.
    """
    least: int256 = 0
    if closes:
        least = self._collateral_before(change, vault)
    assert self._collateral(vault) >= min(least, 0), "margin/deposit-not-full"


@internal
@pure
def _check_state(vault: IClearinghouse.Vault, prices: IOracleAdapter.Snapshot):
    """
    @dev Names why a vault may take no new risk whatever its margin.
    """
    assert not self._is_flagged(vault), "margin/flagged"
    assert price._is_usable(prices), "margin/price-not-active"


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
        assert not self._is_flagged(vault), "margin/flagged"
        assert price._is_active(snapshot), "margin/price-not-active"
        raise "margin/taker-below-initial"
    if not closes:
        self._check_state(vault, snapshot)
        raise "margin/below-initial"
    assert price._is_usable(snapshot), "margin/stale-close-price"
    raise "margin/adds-risk"


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
    assert block.timestamp < expiry, "margin/expired"
    assert self._collateral(vault) >= 0, "margin/deposit-not-full"
    prices: IOracleAdapter.Snapshot = extcall IOracleAdapter(ORACLE).observe(
        state._market(vault.word), expiry
    )
    verdict: Verdict = self._may_add_risk(
        vault, legs, prices, action == gate_actions.SWITCH
    )
    if not verdict.passes:
        self._check_state(vault, prices)
        raise "margin/below-initial"
    return verdict.stamp


@external
def review(vault: IClearinghouse.Vault, legs: DynArray[uint256, 16]) -> IMarginGate.Review:
    """
    @notice Looks at a flagged vault again: is it back at its target, healthy, or still liquidatable?
    @param vault The vault (`Clearinghouse.load`).
    @param legs Its leg words.
    @return The outcome (margin/gate_actions) and, where the flag stays, equity and the terms from now on.
    """
    # what the deposit lacks once the tip for ending the flag is paid out of it
    missing: int256 = state._missing_to_end(vault.terms, vault.token)
    # a fully collateralised vault needs no price
    review: IMarginGate.Review = empty(IMarginGate.Review)
    review.outcome = gate_actions.AT_TARGET
    if self._covered(vault, legs, missing):
        return review
    prices: IOracleAdapter.Snapshot = extcall IOracleAdapter(ORACLE).observe(
        state._market(vault.word), state._expiry(vault.terms)
    )
    if not price._is_usable(prices):
        review.outcome = gate_actions.CANNOT_TELL
        return review
    result: standing.Standing = self._full(vault, legs, prices, self._collateral(vault))
    if result.equity >= result.target + missing:
        return review
    review.outcome = gate_actions.LIQUIDATABLE
    review.equity = result.equity
    review.clock = prices.clock
    # the largest A since the flag caps what insurance pays
    review.terms = state._with_larger_margin(vault.terms, convert(result.mm, uint256))
    if result.equity >= result.mm:
        review.outcome = gate_actions.HEALTHY
        review.terms = state._with_flag_times(review.terms, prices.clock, block.timestamp)
    return review
