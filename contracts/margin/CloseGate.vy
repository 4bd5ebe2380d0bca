# pragma version 0.4.3
# pragma optimize gas
"""
@title Close gate: may this fill, which only closes, leave the vault like this? Is a flagged vault back?
@license AGPL-3.0-only
@notice What the margin table (docs/margin.md) lets a side do that closes and does not meet its initial margin: the
        second form of row 2, row 3 and row 4. Asked by MarginGate when nothing cheaper passes, and about vaults that may
        end their flag: what MarginGate has no room for. Stores nothing. Trusts: the vault and prices its caller passes.
"""
from interfaces import IClearinghouse
from interfaces import ICloseGate
from interfaces import IMarginGate
from interfaces import IOracleAdapter

from contracts.math import payoff
from contracts.math import scales
from contracts.margin import gate_actions
from contracts.margin import vault_assessment
from contracts.margin import standing
from contracts.oracle import snapshot as price
from contracts.vaults import leg
from contracts.vaults import vault_state as state

implements: ICloseGate

# share of the notional closed by which a closing fill may lower equity while no price is active
CLOSE_TOLERANCE: constant(uint256) = 5 * 10**15

ORACLE: immutable(address)


@deploy
def __init__(oracle: address):
    """
    @param oracle OracleAdapter.
    """
    ORACLE = oracle


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
    old: standing.Standing = vault_assessment._full(vault, old_legs, prices, vault_assessment._collateral_before(change, vault))
    new: standing.Standing = vault_assessment._full(vault, legs, prices, vault_assessment._collateral(vault))
    if new.im > old.im:
        return False
    if new.equity < 0:
        return vault_assessment._is_flagged(vault) and new.equity + vault_assessment._charged(change, vault) >= old.equity
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
    old: standing.Standing = vault_assessment._full(vault, old_legs, prices, vault_assessment._collateral_before(change, vault))
    new: standing.Standing = vault_assessment._full(vault, legs, prices, vault_assessment._collateral(vault))
    if new.mm > old.mm or (new.equity < 0 and not vault_assessment._is_flagged(vault)):
        return False
    inverse: bool = state._is_inverse(vault.token)
    forward: uint256 = price._expected(prices)
    closed: uint256 = leg._notional(old_legs, inverse, prices.spot, forward) - leg._notional(
        legs, inverse, prices.spot, forward
    )
    tolerated: int256 = convert(closed // 10**6 * CLOSE_TOLERANCE // scales.WAD, int256)
    lost: int256 = old.equity - new.equity - vault_assessment._charged(change, vault)
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
def _pays_its_share(
    change: IMarginGate.Change,
    vault: IClearinghouse.Vault,
    old_legs: DynArray[uint256, 16],
    legs: DynArray[uint256, 16],
) -> bool:
    """
    @dev Row 2, second form, at any price or none: what stays pays at least 1-f of what was there at every settlement price.
    """
    return vault.word & state.DEBT == 0 and payoff._keeps_share(
        old_legs,
        legs,
        [vault_assessment._collateral_before(change, vault), vault_assessment._collateral(vault)],
        self._share_left(old_legs, legs),
        state._is_inverse(vault.token),
    )


@internal
@view
def _may_reduce(
    change: IMarginGate.Change,
    vault: IClearinghouse.Vault,
    old_legs: DynArray[uint256, 16],
    legs: DynArray[uint256, 16],
    prices: IOracleAdapter.Snapshot,
) -> bool:
    """
    @dev Row 3: an active price, and at each point of it what lowers the requirement.
    """
    points: DynArray[uint256, 3] = price._points(prices)
    for spot: uint256 in points:
        if not self._reduces_risk(change, vault, old_legs, legs, price._at(prices, spot)):
            return False
    return True


@external
@view
def closes(
    change: IMarginGate.Change,
    vault: IClearinghouse.Vault,
    old_legs: DynArray[uint256, 16],
    legs: DynArray[uint256, 16],
    snapshot: IOracleAdapter.Snapshot,
) -> bool:
    """
    @notice Whether a side that closes passes a row of the margin table that only such a side has.
    @param change What happened to the vault.
    @param vault The vault after it (`Clearinghouse.load`).
    @param old_legs Leg words before.
    @param legs Leg words after: each was there before, on the same side and at least as large, but for money.
    @param snapshot Prices of the cell.
    @return True when it passes.
    """
    if self._pays_its_share(change, vault, old_legs, legs):
        return True
    if price._is_usable(snapshot):
        return self._may_reduce(change, vault, old_legs, legs, snapshot)
    # row 4: no active price, and little given away at the undisputed one
    return snapshot.undisputed != 0 and snapshot.seconds != 0 and self._gives_little_away(
        change, vault, old_legs, legs, price._at(snapshot, snapshot.undisputed)
    )


@external
def review(vault: IClearinghouse.Vault, legs: DynArray[uint256, 16]) -> IMarginGate.Review:
    """
    @notice Looks at a flagged vault again: is it back at its target, healthy, or still liquidatable? MarginGate passes it on.
    @param vault The vault (`Clearinghouse.load`).
    @param legs Its leg words.
    @return The outcome (margin/gate_actions) and, where the flag stays, equity and the terms from now on.
    """
    # what the deposit lacks once the tip for ending the flag is paid out of it
    missing: int256 = state._missing_to_end(vault.terms, vault.token)
    # a fully collateralised vault needs no price
    review: IMarginGate.Review = empty(IMarginGate.Review)
    review.outcome = gate_actions.AT_TARGET
    if vault_assessment._covered(vault, legs, missing):
        return review
    prices: IOracleAdapter.Snapshot = extcall IOracleAdapter(ORACLE).observe(
        state._market(vault.word), state._expiry(vault.terms)
    )
    if not price._is_usable(prices):
        review.outcome = gate_actions.CANNOT_TELL
        return review
    result: standing.Standing = vault_assessment._full(vault, legs, prices, vault_assessment._collateral(vault))
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
