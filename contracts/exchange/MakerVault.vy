# pragma version 0.4.3
# pragma optimize codesize
"""
@title Maker vault: pooled tokens that quote within bounds checked on chain
@license AGPL-3.0-only
@notice Depositors' tokens back the quotes of one key, the quoter. It signs orders off chain; the Exchange asks this
        contract (EIP-1271), which says yes only to an order of one of its desks whose price is better than mark by the
        edge, now, at the fill, so a stolen quoter key can trade no worse than that and cannot move a token out. Shares
        are bought at mark and redeemed at mark less a haircut on open risk, at an active price alone, and are locked for an
        hour or two after they are bought, so that nobody buys a price update that is on its way. Capped.
        Owns: the shares and the tokens at hand; desks are ordinary vaults, liquidated like any other. It has no role
        anywhere. Trusts: Clearinghouse, Exchange, OracleAdapter, Liquidator (for its callback mark), Settlement.
@dev Share token: snekmate's erc20. Its erc4626 prices shares by the tokens it holds and cannot count vaults (ADR 13).
"""
from ethereum.ercs import IERC20
from ethereum.ercs import IERC4626
from snekmate.auth import ownable
from snekmate.tokens import erc20

from interfaces import IClearinghouse
from interfaces import IExchange
from interfaces import ILiquidator
from interfaces import IMakerVault
from interfaces import IMarginEngine
from interfaces import IOracleAdapter
from interfaces import ISettlement

from contracts.math import scales
from contracts.math import shares as share_math
from contracts.margin import appraisal
from contracts.vaults import leg
from contracts.exchange import order as order_form
from contracts.vaults import signature as signer_of
from contracts.oracle import snapshot as price
from contracts.vaults import vault_state as state

implements: IERC4626
implements: IMakerVault

initializes: ownable
initializes: erc20[ownable := ownable]

# no minting or burning from outside; transfers are below, of free shares alone
exports: (
    erc20.name,
    erc20.symbol,
    erc20.decimals,
    erc20.totalSupply,
    erc20.balanceOf,
    erc20.allowance,
    erc20.approve,
    ownable.owner,
    ownable.transfer_ownership,
)

MAX_DESKS: constant(uint256) = 16
# share of open legs' IM that a redemption leaves behind [wad]
HAIRCUT: constant(int256) = 10**17
NO: constant(bytes4) = 0x00000000
# bounds of the bounds: the owner cannot let the quoter trade at mark, nor sign for long
MIN_EDGE_BPS: constant(uint256) = 5
MAX_EDGE_BPS: constant(uint256) = 2000
MAX_QUOTE_SECONDS: constant(uint256) = 3600
# shares bought in one slot of the clock are free at the end of the next
SLOT_SECONDS: constant(uint256) = 3600

struct Locked:
    slot: uint256      # of the last purchase
    current: uint256   # shares bought in it
    previous: uint256  # shares bought in the slot before

asset: public(immutable(address))
market: public(immutable(uint256))
CLEARINGHOUSE: immutable(address)
EXCHANGE: immutable(address)
ORACLE: immutable(address)
LIQUIDATOR: immutable(address)
SETTLEMENT: immutable(address)

# who signs quotes; empty: nobody
quoter: public(address)
# least distance of a quote from mark, of notional [bps]
edge_bps: public(uint256)
# longest life of a quote
quote_seconds: public(uint256)
# most contracts of one order, over its legs [1e-6]
max_contracts: public(uint256)
# most that deposits may bring the assets to [native]
cap: public(uint256)
# largest recorded deficit of a cell at which a quote may be filled [wad]
max_deficit: public(uint256)
_desks: DynArray[uint256, MAX_DESKS]
# per holder; a purchase for somebody locks what it buys and nothing else, so nobody can lock another's shares
_locked: HashMap[address, Locked]


@deploy
def __init__(name_: String[25], symbol_: String[5], market_: uint256, roles: address[5]):
    """
    @notice Fixes the market, which must be listed, and the contracts. Nothing is quoted before `set_bounds`.
    @param name_ Name of the share.
    @param symbol_ Symbol of the share.
    @param market_ Market index.
    @param roles Clearinghouse, Exchange, OracleAdapter, Liquidator, Settlement.
    """
    word: uint256 = (staticcall IClearinghouse(roles[0]).market(market_)).token_word
    assert word != 0, "maker/unknown-market"
    ownable.__init__()
    erc20.__init__(
        name_, symbol_, convert(state._decimals(word) + share_math.VIRTUAL_DECIMALS, uint8), name_, "1"
    )
    asset = state._token(word)
    market = market_
    CLEARINGHOUSE = roles[0]
    EXCHANGE = roles[1]
    ORACLE = roles[2]
    LIQUIDATOR = roles[3]
    SETTLEMENT = roles[4]
    self.edge_bps = MAX_EDGE_BPS
    assert extcall IERC20(asset).approve(
        roles[0], max_value(uint256), default_return_value=True
    ), "maker/transfer-failed"


@internal
@pure
def _refuse(reason: String[32]):
    raise reason


@internal
@pure
def _check_authority(has: bool):
    if not has:
        self._refuse("maker/not-authorized")


@internal
@view
def _check_keeper():
    self._check_authority(msg.sender == ownable.owner or msg.sender == self.quoter)


@internal
@view
def _check_owner():
    self._check_authority(msg.sender == ownable.owner)


@internal
@view
def _check_desk(vault_id: uint256):
    """
    @dev A desk, and who may move its tokens.
    """
    self._check_keeper()
    if vault_id not in self._desks:
        self._refuse("maker/not-a-desk")


# --- quoting -----------------------------------------------------------------------------------------------------


@internal
@view
def _allows(order: IExchange.Order) -> bool:
    """
    @dev Whether the bounds hold for an order of well-formed legs, at prices of this moment: an uncertain one is asked at
         each of its points, as a trade-only key is (TradeLimits).
    """
    if order.maker_vault not in self._desks:
        return False
    vault: IClearinghouse.Vault = (appraisal._load(CLEARINGHOUSE, order.maker_vault)).vault
    inverse: bool = state._is_inverse(vault.token)
    if (
        order.max_deficit > self.max_deficit
        or order.expiry > block.timestamp + self.quote_seconds
        or len(order_form._form(order, inverse)) != 0
        or leg._market_of(order.legs[0].series) != market
    ):
        return False
    legs: DynArray[uint256, 16] = order_form._legs(order.legs, order.size)
    prices: IOracleAdapter.Snapshot = appraisal._snapshot(ORACLE, market, leg._expiry_of(order.legs[0].series))
    if not price._is_usable(prices):
        return False
    # all for the whole size: in wad * 1e-6 there is nothing to round
    asked: int256 = order.price * convert(order.size, int256)
    points: DynArray[uint256, 3] = price._points(prices)
    for spot: uint256 in points:
        at: IOracleAdapter.Snapshot = price._at(prices, spot)
        notional: uint256 = leg._notional(legs, inverse, spot, price._expected(at))
        edge: uint256 = notional * self.edge_bps // 10**4
        # the fee may not eat the edge
        if notional // (scales.WAD if inverse else spot) > self.max_contracts or order.max_fee > edge // order.size:
            return False
        gain: int256 = asked - staticcall IMarginEngine(vault.engine).value(legs, at) * convert(scales.MICRO, int256)
        if (-gain if order.is_bid else gain) < convert(edge, int256):
            return False
    return True


@internal
@view
def _order(quote: IMakerVault.Quote) -> IExchange.Order:
    """
    @dev The only order that a quote can stand for: signed by this contract, priced without vol, slip or patience.
    """
    return IExchange.Order(
        maker_vault=quote.maker_vault,
        signer=self,
        taker=quote.taker,
        legs=quote.legs,
        is_bid=quote.is_bid,
        price=quote.price,
        iv=0,
        slip=0,
        patience=0,
        size=quote.size,
        min_fill=quote.min_fill,
        premium_style=quote.premium_style,
        max_fee=quote.max_fee,
        spot_min=quote.spot_min,
        spot_max=quote.spot_max,
        max_deficit=quote.max_deficit,
        epoch=quote.epoch,
        since=quote.since,
        salt=quote.salt,
        expiry=quote.expiry,
        flags=quote.flags,
    )


@external
@view
def isValidSignature(digest: bytes32, signature: Bytes[1024]) -> bytes4:
    """
    @notice EIP-1271: the magic word when the digest is an order within the bounds that the quoter signed, else 0.
    @dev Bounds hold at the moment of the call, so a quote dies when mark comes closer to it than the edge.
    @param digest What the Exchange asks about.
    @param signature ABI encoding of (IMakerVault.Quote, ECDSA signature of the quoter over the same digest).
    @return 0x1626ba7e or 0.
    """
    quote: IMakerVault.Quote = empty(IMakerVault.Quote)
    signed: Bytes[65] = b""
    quote, signed = abi_decode(signature, (IMakerVault.Quote, Bytes[65]))
    order: IExchange.Order = self._order(quote)
    if staticcall IExchange(EXCHANGE).hash_order(order) != digest:
        return NO
    quoter: address = self.quoter
    if quoter == empty(address) or signer_of._recover(digest, signed) != quoter:
        return NO
    if self._allows(order):
        return signer_of.MAGIC
    return NO


@external
def open_desk(model: uint256) -> uint256:
    """
    @notice Opens one more vault of the Clearinghouse to quote from; one per expiry. Only owner or quoter.
    @param model Margin model.
    @return Its id.
    """
    self._check_keeper()
    if len(self._desks) == MAX_DESKS:
        self._refuse("maker/too-many-desks")
    vault_id: uint256 = extcall IClearinghouse(CLEARINGHOUSE).open(market, model, self, 0)
    self._desks.append(vault_id)
    log IMakerVault.DeskOpened(vault_id=vault_id)
    return vault_id


@external
@nonreentrant
def fund(vault_id: uint256, amount: uint256):
    """
    @notice Moves tokens at hand into a desk. Only owner or quoter.
    @param vault_id A desk.
    @param amount Tokens [native].
    """
    self._check_desk(vault_id)
    extcall IClearinghouse(CLEARINGHOUSE).deposit(vault_id, self, amount)
    log IMakerVault.DeskFunded(vault_id=vault_id, amount=amount)


@external
@nonreentrant
def defund(vault_id: uint256, amount: uint256):
    """
    @notice Moves tokens of a desk back, as far as its margin lets it. Only owner or quoter.
    @param vault_id A desk.
    @param amount Tokens [native].
    """
    self._check_desk(vault_id)
    extcall IClearinghouse(CLEARINGHOUSE).withdraw(vault_id, amount, self)
    log IMakerVault.DeskDefunded(vault_id=vault_id, amount=amount)


@external
@nonreentrant
def close_desk(vault_id: uint256):
    """
    @notice Ends a desk without legs and debt; its tokens come home and its place is free. A claim that may still be paid is
            waited for, until 30 days after its expiry. Only owner or quoter. The Clearinghouse's event tells.
    @param vault_id A desk.
    """
    self._check_desk(vault_id)
    self._claim()
    if appraisal._is_claim_open(SETTLEMENT, vault_id):
        self._refuse("maker/claim-open")
    extcall IClearinghouse(CLEARINGHOUSE).close(vault_id, self)
    last: uint256 = self._desks.pop()
    for i: uint256 in range(len(self._desks), bound=MAX_DESKS):
        if self._desks[i] == vault_id:
            self._desks[i] = last


@external
def cancel_quotes(vault_id: uint256, minimum: uint256):
    """
    @notice Kills every quote of a desk with a counter below `minimum` (Exchange.bump_epoch). Only owner or quoter.
    @param vault_id A desk.
    @param minimum New least counter.
    """
    self._check_keeper()
    extcall IExchange(EXCHANGE).bump_epoch(vault_id, minimum)


@external
def set_caps(vault_id: uint256, delta: uint256, vega: uint256):
    """
    @notice Caps the net Greeks filled against a desk (Exchange.set_caps). Only the owner.
    @param vault_id A desk.
    @param delta [wad contracts]; 0: any.
    @param vega [wad quote per 1.00 vol]; 0: any.
    """
    self._check_owner()
    extcall IExchange(EXCHANGE).set_caps(vault_id, delta, vega)


@external
def set_bounds(bounds: IMakerVault.Bounds):
    """
    @notice Who quotes, and within what. Only the owner.
    @param bounds The edge is 5 to 2,000 bps, a quote lives at most 3,600 s.
    """
    self._check_owner()
    if (
        bounds.edge_bps < MIN_EDGE_BPS
        or bounds.edge_bps > MAX_EDGE_BPS
        or bounds.quote_seconds > MAX_QUOTE_SECONDS
        or bounds.max_contracts > 2**63
    ):
        self._refuse("maker/out-of-bounds")
    self.quoter = bounds.quoter
    self.edge_bps = bounds.edge_bps
    self.quote_seconds = bounds.quote_seconds
    self.max_contracts = bounds.max_contracts
    self.cap = bounds.cap
    self.max_deficit = bounds.max_deficit
    log IMakerVault.BoundsChanged(
        quoter=bounds.quoter,
        edge_bps=bounds.edge_bps,
        quote_seconds=bounds.quote_seconds,
        max_contracts=bounds.max_contracts,
        cap=bounds.cap,
        max_deficit=bounds.max_deficit,
    )


# --- shares ------------------------------------------------------------------------------------------------------


@internal
@view
def _lock_of(holder: address) -> Locked:
    """
    @dev What is locked, told of the present slot.
    """
    slot: uint256 = block.timestamp // SLOT_SECONDS
    locked: Locked = self._locked[holder]
    if slot == locked.slot:
        return locked
    return Locked(slot=slot, current=0, previous=locked.current if slot == locked.slot + 1 else 0)


@internal
@view
def _free(holder: address) -> uint256:
    locked: Locked = self._lock_of(holder)
    return erc20.balanceOf[holder] - (locked.current + locked.previous)


@internal
@view
def _check_free(holder: address, shares: uint256):
    # more than the balance is for the token to refuse
    if shares > self._free(holder) and shares <= erc20.balanceOf[holder]:
        self._refuse("maker/shares-locked")


@external
@nonreentrant
def transfer(to: address, amount: uint256) -> bool:
    """
    @notice Moves shares of the caller that are not locked.
    @param to Receiver.
    @param amount Shares.
    @return True.
    """
    self._check_free(msg.sender, amount)
    erc20._transfer(msg.sender, to, amount)
    return True


@external
@nonreentrant
def transferFrom(owner: address, to: address, amount: uint256) -> bool:
    """
    @notice Moves shares of `owner` that are not locked, within the caller's allowance.
    @param owner Whose shares.
    @param to Receiver.
    @param amount Shares.
    @return True.
    """
    self._check_free(owner, amount)
    erc20._spend_allowance(owner, msg.sender, amount)
    erc20._transfer(owner, to, amount)
    return True


@internal
@view
def _idle() -> uint256:
    return staticcall IERC20(asset).balanceOf(self)


@internal
@view
def _assets(buying: bool) -> (bool, uint256):
    """
    @dev (priced, tokens at hand and desks [native]); see margin/appraisal. Not priced in a taker's callback either.
    """
    priced: bool = False
    worth: uint256 = 0
    priced, worth = appraisal._total(
        appraisal.Roles(clearinghouse=CLEARINGHOUSE, oracle=ORACLE, settlement=SETTLEMENT),
        self._desks,
        HAIRCUT,
        buying,
    )
    return priced and not staticcall ILiquidator(LIQUIDATOR).in_callback(), self._idle() + worth


@internal
@pure
def _check_priced(is_priced: bool):
    if not is_priced:
        self._refuse("maker/not-priceable")


@internal
@view
def _total(buying: bool) -> uint256:
    """
    @dev For views: at the undisputed price when there is no active one.
    """
    self._check_priced(not staticcall ILiquidator(LIQUIDATOR).in_callback())
    return self._assets(buying)[1]


@internal
@view
def _priced(buying: bool) -> uint256:
    """
    @dev For deposits and redemptions: what shares are worth at active prices alone.
    """
    priced: bool = False
    total: uint256 = 0
    priced, total = self._assets(buying)
    self._check_priced(priced)
    return total


@internal
def _claim():
    """
    @dev Pays in what the claims of all desks are due.
    """
    extcall ISettlement(SETTLEMENT).claim_many(self._desks)


@internal
def _collected() -> uint256:
    """
    @dev What shares are redeemed at, after paying in the claims that can be paid.
    """
    self._claim()
    return self._priced(False)


@internal
@pure
def _mul_div(a: uint256, b: uint256, c: uint256, up: bool) -> uint256:
    if up:
        return (a * b + (c - 1)) // c
    return a * b // c


@internal
@view
def _shares_for(assets: uint256, up: bool, total: uint256) -> uint256:
    return self._mul_div(assets, erc20.totalSupply + share_math.VIRTUAL_SHARES, total + 1, up)


@internal
@view
def _assets_for(shares: uint256, up: bool, total: uint256) -> uint256:
    return self._mul_div(shares, total + 1, erc20.totalSupply + share_math.VIRTUAL_SHARES, up)


@internal
@view
def _bought(assets: uint256) -> uint256:
    return self._shares_for(assets, False, self._total(True))


@internal
@pure
def _check_moved(has: bool):
    if not has:
        self._refuse("maker/transfer-failed")


@internal
def _buy(assets: uint256, shares: uint256, total: uint256, receiver: address):
    if shares == 0:
        self._refuse("maker/zero-shares")
    if total + assets > self.cap:
        self._refuse("maker/above-cap")
    before: uint256 = self._idle()
    self._check_moved(
        extcall IERC20(asset).transferFrom(msg.sender, self, assets, default_return_value=True)
        and self._idle() == before + assets
    )
    locked: Locked = self._lock_of(receiver)
    locked.current += shares
    self._locked[receiver] = locked
    erc20._mint(receiver, shares)
    log IERC4626.Deposit(sender=msg.sender, owner=receiver, assets=assets, shares=shares)


@internal
def _sell(assets: uint256, shares: uint256, receiver: address, owner: address):
    if msg.sender != owner:
        erc20._spend_allowance(owner, msg.sender, shares)
    self._check_free(owner, shares)
    erc20._burn(owner, shares)
    # tokens at hand first, then what desks can spare
    for vault_id: uint256 in self._desks:
        idle: uint256 = self._idle()
        if idle >= assets:
            break
        held: uint256 = (appraisal._load(CLEARINGHOUSE, vault_id)).vault.balance
        pulled: bool = raw_call(
            CLEARINGHOUSE,
            abi_encode(
                vault_id,
                min(assets - idle, held),
                self,
                method_id=method_id("withdraw(uint256,uint256,address)"),
            ),
            revert_on_failure=False,
        )
    if self._idle() < assets:
        self._refuse("maker/not-liquid")
    self._check_moved(extcall IERC20(asset).transfer(receiver, assets, default_return_value=True))
    log IERC4626.Withdraw(
        sender=msg.sender, receiver=receiver, owner=owner, assets=assets, shares=shares
    )


@external
@nonreentrant
def deposit(assets: uint256, receiver: address) -> uint256:
    """
    @notice Buys shares at mark, locked until the end of the next hour of the clock.
    @param assets Tokens to pull from the caller [native].
    @param receiver Who gets the shares.
    @return Shares bought.
    """
    total: uint256 = self._priced(True)
    shares: uint256 = self._shares_for(assets, False, total)
    self._buy(assets, shares, total, receiver)
    return shares


@external
@nonreentrant
def mint(shares: uint256, receiver: address) -> uint256:
    """
    @notice Buys a number of shares at mark, locked until the end of the next hour of the clock.
    @param shares Shares wanted.
    @param receiver Who gets them.
    @return Tokens pulled from the caller [native].
    """
    total: uint256 = self._priced(True)
    assets: uint256 = self._assets_for(shares, True, total)
    self._buy(assets, shares, total, receiver)
    return assets


@external
@nonreentrant
def withdraw(assets: uint256, receiver: address, owner: address) -> uint256:
    """
    @notice Redeems shares for tokens at mark less the haircut; desks give what their margin can spare.
    @param assets Tokens wanted [native].
    @param receiver Who gets them.
    @param owner Whose shares are burnt.
    @return Shares burnt.
    """
    shares: uint256 = self._shares_for(assets, True, self._collected())
    self._sell(assets, shares, receiver, owner)
    return shares


@external
@nonreentrant
def redeem(shares: uint256, receiver: address, owner: address) -> uint256:
    """
    @notice Redeems a number of shares at mark less the haircut; desks give what their margin can spare.
    @param shares Shares to burn.
    @param receiver Who gets the tokens.
    @param owner Whose shares are burnt.
    @return Tokens paid [native].
    """
    assets: uint256 = self._assets_for(shares, False, self._collected())
    self._sell(assets, shares, receiver, owner)
    return assets


# --- views -------------------------------------------------------------------------------------------------------


@external
@view
def desks() -> DynArray[uint256, 16]:
    """
    @notice Vaults that the maker quotes from.
    @return Their ids.
    """
    return self._desks


@external
@view
def free_shares(holder: address) -> uint256:
    """
    @notice Shares that can be redeemed or transferred now: all but those bought in this hour of the clock and the last.
    @param holder Anyone.
    @return Shares.
    """
    return self._free(holder)


@external
@view
def totalAssets() -> uint256:
    """
    @notice Tokens at hand and desks at mark, claims included.
    @return Tokens [native].
    """
    return self._total(True)


@external
@view
def convertToShares(assets: uint256) -> uint256:
    """
    @notice Shares that tokens are worth at mark.
    @param assets Tokens [native].
    @return Shares, rounded down.
    """
    return self._bought(assets)


@external
@view
def convertToAssets(shares: uint256) -> uint256:
    """
    @notice Tokens that shares are worth at mark.
    @param shares Shares.
    @return Tokens, rounded down [native].
    """
    return self._assets_for(shares, False, self._total(True))


@internal
@view
def _room() -> uint256:
    priced: bool = False
    total: uint256 = 0
    priced, total = self._assets(True)
    if not priced or total >= self.cap:
        return 0
    # beyond any supply; a larger one would only overflow the division
    return min(self.cap - total, 2**112)


@external
@view
def maxDeposit(receiver: address) -> uint256:
    """
    @notice What may be deposited now; 0 while shares cannot be priced.
    @param receiver Anyone.
    @return Tokens [native].
    """
    return self._room()


@external
@view
def previewDeposit(assets: uint256) -> uint256:
    """
    @notice Shares that `deposit` would give now.
    @param assets Tokens [native].
    @return Shares.
    """
    return self._bought(assets)


@external
@view
def maxMint(receiver: address) -> uint256:
    """
    @notice Shares that may be bought now; 0 while shares cannot be priced.
    @param receiver Anyone.
    @return Shares.
    """
    room: uint256 = self._room()
    return 0 if room == 0 else self._bought(room)


@external
@view
def previewMint(shares: uint256) -> uint256:
    """
    @notice Tokens that `mint` would pull now.
    @param shares Shares.
    @return Tokens [native].
    """
    return self._assets_for(shares, True, self._total(True))


@external
@view
def maxWithdraw(owner: address) -> uint256:
    """
    @notice What an account can withdraw from tokens at hand now; desks may be able to give more.
    @param owner Who holds the shares.
    @return Tokens [native].
    """
    priced: bool = False
    total: uint256 = 0
    priced, total = self._assets(False)
    if not priced:
        return 0
    return min(self._assets_for(self._free(owner), False, total), self._idle())


@external
@view
def previewWithdraw(assets: uint256) -> uint256:
    """
    @notice Shares that `withdraw` would burn now.
    @param assets Tokens [native].
    @return Shares, rounded up.
    """
    return self._shares_for(assets, True, self._total(False))


@external
@view
def maxRedeem(owner: address) -> uint256:
    """
    @notice Shares an account can redeem from tokens at hand now; desks may be able to give more.
    @param owner Who holds the shares.
    @return Shares.
    """
    priced: bool = False
    total: uint256 = 0
    priced, total = self._assets(False)
    if not priced:
        return 0
    return min(self._free(owner), self._shares_for(self._idle(), False, total))


@external
@view
def previewRedeem(shares: uint256) -> uint256:
    """
    @notice Tokens that `redeem` would pay now, mark less the haircut.
    @param shares Shares.
    @return Tokens, rounded down [native].
    """
    return self._assets_for(shares, False, self._total(False))
