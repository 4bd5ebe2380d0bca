# pragma version 0.4.3
# pragma optimize codesize
"""
@title TradeLens: what a fill would do to one side
@license AGPL-3.0-only
@notice For tickets: price, premium, fee and cost of a fill, the vault after it, how large it may be and what stands against it.
        Price and fees are those of exchange/order_pricing, the vault after is Lens.preview's, the words are FillCheck's and
        OrderLens's. Stores nothing; nothing depends on it.
"""
from ethereum.ercs import IERC20

from interfaces import IClearinghouse
from interfaces import IExchange
from interfaces import ILegLens
from interfaces import ILens
from interfaces import IOracleAdapter
from interfaces import IOrderLens
from interfaces import ITradeLens

from contracts.exchange import order as order_form
from contracts.exchange import order_pricing as pricing
from contracts.exchange import trading_word
from contracts.margin import appraisal
from contracts.math import payoff
from contracts.math import scales
from contracts.oracle import snapshot as price_of
from contracts.vaults import leg
from contracts.vaults import vault_state as state
from contracts.views import fill_probe
from contracts.views import names

implements: ITradeLens

# all that a search knows
struct Place:
    market: uint256
    expiry: uint256
    venue: pricing.Venue
    prices: IOracleAdapter.Snapshot
    is_maker: bool
    buys: bool

# a fill from one side
struct Deal:
    legs: DynArray[uint256, 16]  # that it receives
    cash: int256                 # that it receives, fee taken off [native]
    terms: pricing.Terms
    fee: uint256                 # [native]

PREVIEW: constant(bytes4) = method_id("preview(uint256,uint256,uint256[],int256)", output_type=bytes4)
PREVIEW_NEW: constant(bytes4) = method_id(
    "preview_new(uint256,uint256,uint256,uint256[],int256)", output_type=bytes4
)

CLEARINGHOUSE: immutable(address)
ORACLE: immutable(address)
EXCHANGE: immutable(address)
LIMITS: immutable(address)
FILL_CHECK: immutable(address)
ORDER_LENS: immutable(address)
LENS: immutable(address)
LEG_LENS: immutable(address)


@deploy
def __init__(
    clearinghouse: address,
    oracle: address,
    exchange: address,
    limits: address,
    fill_check: address,
    order_lens: address,
    lens: address,
    leg_lens: address,
):
    CLEARINGHOUSE = clearinghouse
    ORACLE = oracle
    EXCHANGE = exchange
    LIMITS = limits
    FILL_CHECK = fill_check
    ORDER_LENS = order_lens
    LENS = lens
    LEG_LENS = leg_lens


# --- one fill ----------------------------------------------------------------------------------------------------


@internal
@view
def _deal(place: Place, order: IExchange.Order, size: uint256) -> Deal:
    """
    @dev What the side receives, as the Exchange would settle it.
    """
    deal: Deal = empty(Deal)
    deal.terms = pricing._terms(place.venue, order, size, place.prices)
    deal.fee = deal.terms.maker_fee if place.is_maker else deal.terms.taker_fee
    fee: int256 = convert(deal.fee, int256)
    if place.buys:
        deal.legs = deal.terms.legs
        deal.cash = deal.terms.cash - fee
    else:
        for item: uint256 in deal.terms.legs:
            deal.legs.append(leg._pack(leg._key(item), -leg._quantity(item)))
        deal.cash = -deal.terms.cash - fee
    return deal


@internal
@view
def _after(place: Place, asked: ITradeLens.Asked, deal: Deal) -> (String[32], ILens.VaultState):
    """
    @dev The vault with the deal and the deposit in it, or why there is none.
    """
    cash: int256 = deal.cash + convert(asked.deposit, int256)
    call: Bytes[1024] = b""
    if asked.vault_id == 0:
        call = abi_encode(
            place.market, asked.model, place.expiry, deal.legs, cash, method_id=PREVIEW_NEW
        )
    else:
        call = abi_encode(asked.vault_id, place.expiry, deal.legs, cash, method_id=PREVIEW)
    passed: bool = False
    answer: Bytes[1536] = b""
    passed, answer = raw_call(
        LENS, call, max_outsize=1536, is_static_call=True, revert_on_failure=False
    )
    if not passed:
        return fill_probe._reason(answer), empty(ILens.VaultState)
    return "", abi_decode(answer, ILens.VaultState)


@internal
@pure
def _is_covered(after: ILens.VaultState) -> bool:
    return after.v_min != payoff.UNBOUNDED and after.collateral >= -after.v_min


@internal
@view
def _fill(place: Place, asked: ITradeLens.Asked) -> fill_probe.Fill:
    """
    @dev The fill as FillCheck is asked about it: the side of a taker only where it needs no deposit first.
    """
    taker_vault: uint256 = 0
    if not place.is_maker and asked.deposit == 0:
        taker_vault = asked.vault_id
    return fill_probe.Fill(
        order=asked.order,
        taker=asked.account,
        taker_vault=taker_vault,
        opens=True,
        round_id=place.venue.round_id,
    )


@internal
@view
def _own_refusal(place: Place, asked: ITradeLens.Asked, deal: Deal) -> String[32]:
    """
    @dev Why the vault looked at cannot bear the deal; what the chain lets pass for another reason, such as less risk, passes.
    """
    reason: String[32] = ""
    after: ILens.VaultState = empty(ILens.VaultState)
    reason, after = self._after(place, asked, deal)
    if len(reason) != 0 or len(after.legs) == 0 or self._is_covered(after):
        return reason
    if not price_of._is_usable(place.prices):
        return "margin/price-not-active"
    if after.equity < convert(after.initial_margin, int256):
        return "margin/below-initial"
    return ""


@internal
@view
def _bears(place: Place, asked: ITradeLens.Asked, size: uint256) -> bool:
    if len(self._own_refusal(place, asked, self._deal(place, asked.order, size))) == 0:
        return True
    fill: fill_probe.Fill = self._fill(place, asked)
    if not place.is_maker and fill.taker_vault == 0:
        return False
    return len(fill_probe._refusal(FILL_CHECK, fill, size)) == 0


# --- how much ----------------------------------------------------------------------------------------------------


@internal
@view
def _purse(place: Place, asked: ITradeLens.Asked) -> (uint256, uint256):
    """
    @dev (tokens in the wallet that the Clearinghouse may take, tokens in the vault) [native].
    """
    token: IERC20 = IERC20(state._token(place.venue.token))
    wallet: uint256 = min(
        staticcall token.balanceOf(asked.account), staticcall token.allowance(asked.account, CLEARINGHOUSE)
    )
    if asked.vault_id == 0:
        return wallet, 0
    return wallet, (appraisal._load(CLEARINGHOUSE, asked.vault_id)).vault.balance


@internal
@view
def _pays(place: Place, asked: ITradeLens.Asked, size: uint256, purse: int256) -> bool:
    return (self._deal(place, asked.order, size)).cash + purse >= 0


@internal
@view
def _search(place: Place, asked: ITradeLens.Asked, step: uint256, purse: int256) -> uint256:
    """
    @dev Most packages that the vault bears or, with a purse, that it pays.
    """
    most: uint256 = asked.order.size - asked.order.size % step
    passes: uint256 = 0
    refused: uint256 = most + step
    for i: uint256 in range(fill_probe.HALVINGS + 1):
        # the whole order first
        at: uint256 = most if i == 0 else (passes + refused) // 2
        at -= at % step
        if at <= passes:
            break
        fits: bool = False
        if purse >= 0:
            fits = self._pays(place, asked, at, purse)
        else:
            fits = self._bears(place, asked, at)
        if fits:
            passes = at
            if i == 0:
                break
        else:
            refused = at
    return passes


@internal
@view
def _largest(place: Place, asked: ITradeLens.Asked, left: uint256) -> ITradeLens.Largest:
    result: ITradeLens.Largest = empty(ITradeLens.Largest)
    step: uint256 = fill_probe._step(asked.order.legs, place.venue.token)
    wallet: uint256 = 0
    held: uint256 = 0
    wallet, held = self._purse(place, asked)
    result.order = left
    result.margin = self._search(place, asked, step, -1)
    result.wallet = self._search(place, asked, step, convert(min(wallet + held, 2**127), int256))
    result.open_interest = max_value(uint256)
    cap: uint256 = trading_word._oi_cap(place.venue.trading)
    if cap != 0:
        inverse: bool = state._is_inverse(place.venue.token)
        forward: uint256 = price_of._expected(place.prices)
        open_interest: uint256 = state._open_contracts(
            (staticcall IClearinghouse(CLEARINGHOUSE).market(place.market)).open_interest, inverse, forward
        )
        # contracts of one package [1e-6], which both sides count
        ratios: uint256 = leg._notional(
            order_form._legs(asked.order.legs, scales.MICRO), inverse, scales.WAD, forward
        ) // scales.WAD
        if ratios != 0:
            result.open_interest = (cap - min(open_interest, cap)) * scales.MICRO // (2 * ratios)
    result.size = min(min(result.order, result.margin), min(result.wallet, result.open_interest))
    result.size -= result.size % step
    return result


# --- the answer --------------------------------------------------------------------------------------------------


@internal
@view
def _refusals(
    place: Place, asked: ITradeLens.Asked, deal: Deal, standing: IOrderLens.OrderState
) -> ITradeLens.Refusals:
    fill: fill_probe.Fill = self._fill(place, asked)
    result: ITradeLens.Refusals = empty(ITradeLens.Refusals)
    result.order = standing.reason
    result.fill = fill_probe._refusal(FILL_CHECK, fill, asked.size)
    if not place.is_maker and fill.taker_vault == 0:
        # FillCheck has not looked at it
        result.vault = self._own_refusal(place, asked, deal)
    wallet: uint256 = 0
    held: uint256 = 0
    wallet, held = self._purse(place, asked)
    if asked.deposit > wallet:
        result.wallet = "clearinghouse/transfer-refused"
    return result


@internal
@view
def _describe(place: Place, asked: ITradeLens.Asked, deal: Deal) -> ITradeLens.After:
    reason: String[32] = ""
    after: ILens.VaultState = empty(ILens.VaultState)
    reason, after = self._after(place, asked, deal)
    return ITradeLens.After(
        legs=staticcall ILegLens(LEG_LENS).describe(after.legs, place.prices, state._is_inverse(place.venue.token)),
        balance=after.balance,
        collateral=after.collateral,
        value=after.value,
        equity=after.equity,
        maintenance_margin=after.maintenance_margin,
        initial_margin=after.initial_margin,
        health=after.health,
        v_min=after.v_min,
        covered=len(reason) == 0 and self._is_covered(after),
        delta=after.delta,
    )


@external
@view
def preview(asked: ITradeLens.Asked) -> ITradeLens.Preview:
    """
    @notice Price, premium, fee and cost of a fill for one side of it, its vault after, how large the fill may be and what stands
            against it now. For an eth_call.
    @dev A vault that is opened, or gets a deposit first, is looked at by Lens.preview, as FillCheck knows no deposit: it passes
         with equity of `initial_margin` at a usable price, or fully covered.
    @param asked The order, signed or not, how much of it, and whose side.
    @return The preview. What cannot be priced or has no legs reverts in the words of the Exchange.
    """
    assert asked.size != 0, "trade-lens/zero-size"
    assert len(asked.order.legs) != 0, "trade-lens/no-legs"
    assert asked.model <= state.STATIC, "trade-lens/unknown-model"
    series: uint128 = asked.order.legs[0].series
    place: Place = empty(Place)
    place.market = leg._market_of(series)
    place.expiry = leg._expiry_of(series)
    token: uint256 = (staticcall IClearinghouse(CLEARINGHOUSE).market(place.market)).token_word
    assert token != 0, "trade-lens/unknown-market"
    place.prices = appraisal._snapshot(ORACLE, place.market, place.expiry)
    place.is_maker = asked.vault_id != 0 and asked.vault_id == asked.order.maker_vault
    place.buys = asked.order.is_bid == place.is_maker
    place.venue = pricing.Venue(
        clearinghouse=CLEARINGHOUSE,
        limits=LIMITS,
        token=token,
        trading=staticcall IExchange(EXCHANGE).trading(place.market),
        round_id=fill_probe._round_of(FILL_CHECK, asked.order),
    )
    deal: Deal = self._deal(place, asked.order, asked.size)
    standing: IOrderLens.OrderState = empty(IOrderLens.OrderState)
    left: uint256 = asked.order.size
    if len(asked.signature) != 0:
        standing = (
            staticcall IOrderLens(ORDER_LENS).order_states([asked.order], [asked.signature], asked.account, 0)
        )[0]
        left = standing.fillable
    premium: int256 = deal.terms.premium if place.buys else -deal.terms.premium
    is_upfront: bool = asked.order.premium_style == order_form.UPFRONT
    return ITradeLens.Preview(
        block_number=block.number,
        timestamp=block.timestamp,
        price_state=names._price_state(place.prices),
        price_age=names._age(place.prices),
        price=deal.terms.price,
        premium=premium if is_upfront else 0,
        deferred=0 if is_upfront else premium,
        fee=deal.fee,
        total=-deal.cash,
        after=self._describe(place, asked, deal),
        largest=self._largest(place, asked, left),
        refusals=self._refusals(place, asked, deal, standing),
    )
