# pragma version 0.4.3
# pragma optimize codesize
"""
@title PositionLens: vaults with every number a page shows
@license AGPL-3.0-only
@notice For people and front ends: nothing packed, nothing unnamed, states by name, reasons in the words of the reverts. What is
        unknown is said to be unknown and never shown as a number that looks right: without a price `price.state` says so and
        value, equity and margins are 0. Keepers read Lens, which is packed and cheaper. Stores nothing; nothing depends on it.
"""

from interfaces import IClearinghouse
from interfaces import IExpiryPrices
from interfaces import ILegLens
from interfaces import ILens
from interfaces import ILiquidator
from interfaces import IMarginEngine
from interfaces import IOracleAdapter
from interfaces import IPositionLens
from interfaces import ISettlement

from contracts.liquidation import auction
from contracts.math import payoff
from contracts.math import scales
from contracts.oracle import snapshot as price
from contracts.vaults import vault_state as state
from contracts.views import deficit
from contracts.views import names
from contracts.views import token

implements: IPositionLens

MAX_POSITIONS: constant(uint256) = 50
# ids that one `positions_of` looks through
MAX_SCAN: constant(uint256) = 4000
# seconds until the bonus that `bonus_next` tells
BLOCK: constant(uint256) = 12
MARGIN_CALL: constant(uint256) = 12 * 10**17  # health below which a vault is called

CLEARINGHOUSE: immutable(address)
ORACLE: immutable(address)
EXPIRY_PRICES: immutable(address)
LIQUIDATOR: immutable(address)
SETTLEMENT: immutable(address)
INSURANCE: immutable(address)
LENS: immutable(address)
LEG_LENS: immutable(address)


@deploy
def __init__(
    clearinghouse: address,
    oracle: address,
    expiry_prices: address,
    liquidator: address,
    settlement: address,
    insurance: address,
    lens: address,
    leg_lens: address,
):
    CLEARINGHOUSE = clearinghouse
    ORACLE = oracle
    EXPIRY_PRICES = expiry_prices
    LIQUIDATOR = liquidator
    SETTLEMENT = settlement
    INSURANCE = insurance
    LENS = lens
    LEG_LENS = leg_lens


# --- parts of a position ---------------------------------------------------------------------------------------------


@internal
@pure
def _native_down(amount: int256, native_wad: uint256) -> uint256:
    if amount <= 0:
        return 0
    return convert(amount, uint256) // native_wad


@internal
@view
def _describe_price(prices: IOracleAdapter.Snapshot) -> IPositionLens.Price:
    return IPositionLens.Price(
        state=names._price_state(prices),
        spot=prices.spot,
        forward=prices.forward,
        age=names._age(prices),
        half_width=prices.half_width,
        undisputed=prices.undisputed,
        seconds=prices.seconds,
        window_share=prices.window_share,
        window_average=prices.window_average,
    )


@internal
@view
def _describe_auction(vault_id: uint256, vault: IClearinghouse.Vault) -> IPositionLens.Auction:
    result: IPositionLens.Auction = empty(IPositionLens.Auction)
    if vault.word & state.FLAGGED == 0:
        return result
    result.flagged_at = state._flagged_at(vault.terms)
    quote: ILiquidator.Quote = staticcall ILiquidator(LIQUIDATOR).quote(vault_id, scales.WAD)
    if quote.reason != 0:
        return result
    result.elapsed = quote.elapsed
    result.bonus_share = quote.bonus_share
    top_up: uint256 = 0
    result.bonus_next, top_up = auction._shares(
        staticcall ILiquidator(LIQUIDATOR).market_word(state._market(vault.word)),
        quote.elapsed + BLOCK,
        state._expiry(vault.terms) - result.flagged_at,
    )
    result.price = quote.price
    result.fraction = quote.fraction
    return result


@internal
@view
def _describe_cell(vault: IClearinghouse.Vault, worth: int256) -> IPositionLens.Cell:
    """
    @dev D_cell and what it can cost (views/deficit).
    """
    result: IPositionLens.Cell = empty(IPositionLens.Cell)
    result.deficit = state._deficit(vault.cell)
    result.insurance = deficit._insured(
        INSURANCE, vault.token, state._market(vault.word), state._expiry(vault.terms)
    )
    result.at_risk = deficit._at_risk(worth, result.deficit, result.insurance)
    return result


@internal
@view
def _describe_settled(vault_id: uint256, vault: IClearinghouse.Vault) -> IPositionLens.Settled:
    result: IPositionLens.Settled = empty(IPositionLens.Settled)
    expiry: uint256 = state._expiry(vault.terms)
    if vault.word & state.CLAIM != 0:
        claim: ISettlement.Claim = staticcall ISettlement(SETTLEMENT).claim_of(vault_id)
        expiry = claim.expiry
        result.claim = claim.amount
        result.claim_paid = claim.paid
    if vault.word & state.DEBT != 0:
        result.debt = staticcall ISettlement(SETTLEMENT).debt_of(vault_id)
    if expiry != 0 and expiry <= block.timestamp:
        result.price = staticcall IExpiryPrices(EXPIRY_PRICES).price(state._market(vault.word), expiry)
    return result


@internal
@pure
def _state(position: IPositionLens.Position, word: uint256, known: bool) -> String[16]:
    """
    @dev One word for a vault, the most pressing first.
    """
    if word & state.DEBT != 0:
        return "debt"
    if word & state.CLAIM != 0:
        return "claim"
    if len(position.legs) == 0:
        return "empty"
    if position.price.seconds == 0:
        return "expired"
    if word & state.FLAGGED != 0:
        return "flagged"
    if position.covered:
        return "covered"
    if not known:
        return "unknown"
    if position.equity < convert(position.maintenance_margin, int256):
        return "liquidatable"
    if position.health < MARGIN_CALL:
        return "margin-call"
    return "healthy"


@internal
@pure
def _refusals(
    position: IPositionLens.Position, word: uint256, prices: IOracleAdapter.Snapshot, in_callback: bool
) -> IPositionLens.Refusals:
    """
    @dev In the order in which the calls themselves refuse.
    """
    result: IPositionLens.Refusals = empty(IPositionLens.Refusals)
    if in_callback:
        result.withdraw = "clearinghouse/in-callback"
        result.transfer = "clearinghouse/in-callback"
    elif word & state.DEBT != 0:
        result.withdraw = "clearinghouse/in-debt"
    if word & (state.DEBT | state.CLAIM) != 0:
        result.open = "clearinghouse/unsettled"
        result.close = "clearinghouse/unsettled"
    if len(position.legs) == 0:
        if position.withdrawable == 0 and len(result.withdraw) == 0:
            result.withdraw = "clearinghouse/low-balance"
        return result
    if position.price.seconds == 0:
        result.open = "clearinghouse/expired"
        result.close = "clearinghouse/expired"
    elif word & state.FLAGGED != 0:
        result.open = "margin/flagged"
    elif not price._is_usable(prices):
        result.open = "margin/price-not-active"
    elif position.equity < convert(position.initial_margin, int256):
        result.open = "margin/below-initial"
    if position.withdrawable == 0 and len(result.withdraw) == 0:
        result.withdraw = result.open
        if position.price.seconds == 0:
            result.withdraw = "margin/expired"
        elif len(result.open) == 0:
            result.withdraw = "margin/below-initial"
    return result


# --- one position ------------------------------------------------------------------------------------------------


@internal
@view
def _margins(
    described: IPositionLens.Position,
    vault: IClearinghouse.Vault,
    prices: IOracleAdapter.Snapshot,
) -> IPositionLens.Position:
    """
    @dev Value, equity, margins and what is missing, at a price that is known.
    """
    position: IPositionLens.Position = described
    numbers: ILens.Margins = staticcall ILens(LENS).margins(position.vault_id)
    mm: int256 = convert(numbers.maintenance_margin, int256)
    position.value = numbers.value
    position.equity = numbers.equity
    position.maintenance_margin = numbers.maintenance_margin
    position.initial_margin = numbers.initial_margin
    if mm != 0 or numbers.equity < 0:
        position.health = 0
        if numbers.equity > 0 and mm != 0:
            position.health = convert(numbers.equity, uint256) * scales.WAD // numbers.maintenance_margin
    native: uint256 = state._native_wad(vault.token)
    initial: int256 = convert(position.initial_margin, int256)
    position.missing.to_initial = state._to_native_up(initial - numbers.equity, vault.token)
    position.missing.to_health = state._to_native_up(mm - numbers.equity, vault.token)
    if vault.word & state.FLAGGED != 0:
        due: int256 = state._missing_to_end(vault.terms, vault.token)
        target: int256 = convert(numbers.target, int256) + due - numbers.equity
        if position.v_min != payoff.UNBOUNDED:
            target = min(target, due - position.v_min - position.collateral)
        position.missing.to_end_flag = state._to_native_up(target, vault.token)
    elif price._is_usable(prices) and vault.word & state.DEBT == 0:
        free: uint256 = self._native_down(min(numbers.equity - initial, position.collateral), native)
        position.withdrawable = max(position.withdrawable, free)
    if position.covered:
        position.missing = empty(IPositionLens.Missing)
    return position


@internal
@view
def _describe(vault_id: uint256) -> IPositionLens.Position:
    position: IPositionLens.Position = empty(IPositionLens.Position)
    position.vault_id = vault_id
    if staticcall IClearinghouse(CLEARINGHOUSE).vault_word(vault_id) == 0:
        return position
    loaded: IClearinghouse.Loaded = staticcall IClearinghouse(CLEARINGHOUSE).load(vault_id)
    vault: IClearinghouse.Vault = loaded.vault
    legs: DynArray[uint256, 16] = loaded.legs
    word: uint256 = vault.word
    native: uint256 = state._native_wad(vault.token)
    position.owner = state._owner(word)
    position.market = state._market(word)
    position.token = state._token(vault.token)
    position.symbol = token._symbol(position.token)
    position.decimals = state._decimals(vault.token)
    position.model = names._model(state._model(word))
    position.epoch = state._epoch(word)
    position.expiry = state._expiry(vault.terms)
    position.custody = vault.custody
    position.balance = vault.balance
    position.deposit = state._micro_native(state._deposit(vault.terms), vault.token)
    position.deposit_missing = state._deposit_missing(vault.terms, vault.token)
    position.collateral = state._collateral(vault.balance, vault.terms, vault.token)
    position.health = max_value(uint256)
    position.equity = position.collateral
    position.settled = self._describe_settled(vault_id, vault)

    prices: IOracleAdapter.Snapshot = empty(IOracleAdapter.Snapshot)
    known: bool = False
    if len(legs) == 0:
        position.covered = True
        if word & state.DEBT == 0:
            position.withdrawable = self._native_down(position.collateral, native)
    else:
        prices = staticcall IOracleAdapter(ORACLE).snapshot(position.market, position.expiry)
        known = prices.spot != 0 and prices.seconds != 0
        position.price = self._describe_price(prices)
        position.v_min = staticcall IMarginEngine(vault.engine).max_loss(legs)
        position.covered = (
            position.v_min != payoff.UNBOUNDED and position.collateral >= -position.v_min
        )
        if position.v_min != payoff.UNBOUNDED and word & state.DEBT == 0:
            position.withdrawable = self._native_down(
                min(position.collateral + position.v_min, position.collateral), native
            )
        if known:
            position = self._margins(position, vault, prices)
        else:
            position.equity = 0
            position.health = 0
        position.auction = self._describe_auction(vault_id, vault)
        position.cell = self._describe_cell(vault, position.value)
    position.legs = staticcall ILegLens(LEG_LENS).describe(legs, prices, state._is_inverse(vault.token))
    position.state = self._state(position, word, known)
    position.refusals = self._refusals(
        position, word, prices, staticcall ILiquidator(LIQUIDATOR).in_callback()
    )
    return position


# --- calls -------------------------------------------------------------------------------------------------------


@external
@view
def positions(ids: DynArray[uint256, MAX_POSITIONS]) -> IPositionLens.Answer:
    """
    @notice Positions by id; unknown ids come back with an empty owner. For an eth_call.
    @param ids Vault ids, at most 50.
    @return One position per id, in the same order.
    """
    answer: IPositionLens.Answer = empty(IPositionLens.Answer)
    answer.block_number = block.number
    answer.timestamp = block.timestamp
    for vault_id: uint256 in ids:
        answer.positions.append(self._describe(vault_id))
    return answer


@external
@view
def positions_of(owner: address, first: uint256, most: uint256) -> IPositionLens.Answer:
    """
    @notice Positions of an owner, from a vault id on. For an eth_call.
    @param owner The owner.
    @param first Id to begin with, 1 for the first vault.
    @param most Positions wanted, at most 50.
    @return The positions in the order of their ids; `next` is where the next page begins, 0 when all ids were looked at.
    """
    assert most != 0 and most <= MAX_POSITIONS, "positions/page-size"
    answer: IPositionLens.Answer = empty(IPositionLens.Answer)
    answer.block_number = block.number
    answer.timestamp = block.timestamp
    end: uint256 = staticcall IClearinghouse(CLEARINGHOUSE).next_id()
    vault_id: uint256 = max(first, 1)
    for i: uint256 in range(MAX_SCAN):
        if vault_id >= end:
            return answer
        if len(answer.positions) == most:
            break
        word: uint256 = staticcall IClearinghouse(CLEARINGHOUSE).vault_word(vault_id)
        if word != 0 and state._owner(word) == owner:
            answer.positions.append(self._describe(vault_id))
        vault_id += 1
    answer.next = vault_id
    return answer
