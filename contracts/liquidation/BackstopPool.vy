# pragma version 0.4.3
# pragma optimize codesize
"""
@title Backstop pool: takes over what nobody else did, for the bonus
@license AGPL-3.0-only
@notice One per market. Depositors' tokens wait here until a vault's auction pays well enough; then anyone may make the
        pool take its share, into vaults that this contract owns and holds, unhedged, to expiry. Shares follow ERC-4626:
        bought at mark, redeemed at mark less a haircut on open legs, through a queue with a cooldown.
        Owns: the queue and what was set aside for it. Trusts: Clearinghouse, Liquidator, OracleAdapter, Settlement and
        the market's engines; RiskParameters' owner with the cap on deposits. It has no role in any of them: a take by
        the pool passes the same checks as anyone's. Assumes an ordinary ERC-20.
@dev Share token: snekmate's erc20. Its erc4626 prices shares by the tokens it holds and cannot count vaults (ADR 13).
"""
from ethereum.ercs import IERC20
from ethereum.ercs import IERC4626
from snekmate.auth import ownable
from snekmate.tokens import erc20

from interfaces import IBackstopPool
from interfaces import IClearinghouse
from interfaces import ILiquidator
from interfaces import IMarginEngine
from interfaces import IOracleAdapter
from interfaces import ISettlement
from interfaces import ITaker

from contracts.math import payoff
from contracts.math import scales
from contracts.math import shares as share_math
from contracts.margin import appraisal
from contracts.liquidation import auction
from contracts.vaults import leg
from contracts.margin import standing
from contracts.oracle import snapshot as price
from contracts.vaults import vault_state as state

implements: IBackstopPool
implements: IERC4626
implements: ITaker

initializes: ownable
initializes: erc20[ownable := ownable]

# no minting or burning from outside; permits stay out, for the code's length
exports: (
    erc20.name,
    erc20.symbol,
    erc20.decimals,
    erc20.totalSupply,
    erc20.balanceOf,
    erc20.allowance,
    erc20.transfer,
    erc20.approve,
    erc20.transferFrom,
)

interface IOwned:
    def owner() -> address: view

# one redemption in the queue
struct Request:
    owner: address
    requested_at: uint256   # [unix seconds]
    shares: uint256
    least: uint256          # for all its shares, or they go back to the owner [native]

COOLDOWN_SECONDS: constant(uint256) = 7 * scales.DAY
MAX_VAULTS: constant(uint256) = 64
# pricing every vault must fit into one transaction whatever was absorbed
MAX_POOL_LEGS: constant(uint256) = 384
# share of open legs' IM that a redemption leaves behind
HAIRCUT: constant(int256) = 25 * 10**16
# most of the tokens at hand that one cell may tie up
CELL_SHARE: constant(uint256) = 5 * 10**17

# --- immutables --------------------------------------------------------------------------------------------------
asset: public(immutable(address))
market: public(immutable(uint256))
PARAMETERS: immutable(address)
CLEARINGHOUSE: immutable(address)
ORACLE: immutable(address)
LIQUIDATOR: immutable(address)
SETTLEMENT: immutable(address)
# fewest shares of one request: a unit of the market at the price of the first share
LEAST_REQUEST: immutable(uint256)

# --- storage -----------------------------------------------------------------------------------------------------
# most that deposits may bring the pool's assets to [native]
cap: public(uint256)
# vaults of the pool
_vaults: DynArray[uint256, MAX_VAULTS]
# expiry -> the vault that takes over next in that cell
cell_vault: public(HashMap[uint256, uint256])
# expiry -> tokens added to vaults of the cell [native]
cell_added: public(HashMap[uint256, uint256])
# the queue: requests from `queue_head` to `queue_tail` - 1 wait, finished ones are empty
requests: public(HashMap[uint256, Request])
queue_head: public(uint256)
queue_tail: public(uint256)
# served requests: shares (burnt already) and assets that their owner may withdraw
claimable_shares: public(HashMap[address, uint256])
claimable_assets: public(HashMap[address, uint256])
# sum of `claimable_assets` [native]
set_aside: public(uint256)

# the take under way: vault it goes into, its balance and value before, gain that is asked, what came of it
absorbing: transient(uint256)
balance_before: transient(uint256)
value_before: transient(int256)
gain_wanted: transient(int256)
gain_made: transient(int256)
tip_received: transient(uint256)
tokens_added: transient(uint256)


@deploy
def __init__(
    name_: String[25],
    symbol_: String[5],
    market_: uint256,
    cap_: uint256,
    roles: address[5],
):
    """
    @notice Fixes the market, which must be listed, and the contracts.
    @param name_ Name of the share.
    @param symbol_ Symbol of the share.
    @param market_ Market index.
    @param cap_ Most that deposits may bring the pool to [native].
    @param roles RiskParameters, Clearinghouse, OracleAdapter, Liquidator, Settlement.
    """
    word: uint256 = (staticcall IClearinghouse(roles[1]).market(market_)).token_word
    assert word != 0, "backstop/unknown-market"
    ownable.__init__()
    erc20.__init__(
        name_,
        symbol_,
        convert(state._decimals(word) + share_math.VIRTUAL_DECIMALS, uint8),
        name_,
        "1",
    )
    asset = state._token(word)
    market = market_
    PARAMETERS = roles[0]
    CLEARINGHOUSE = roles[1]
    ORACLE = roles[2]
    LIQUIDATOR = roles[3]
    SETTLEMENT = roles[4]
    # in a market of coins a whole token is more than many depositors hold
    LEAST_REQUEST = state._micro_native(10**6, word) * share_math.VIRTUAL_SHARES
    self.cap = cap_
    assert extcall IERC20(asset).approve(
        roles[1], max_value(uint256), default_return_value=True
    ), "backstop/transfer-failed"


# --- checks ------------------------------------------------------------------------------------------------------


@internal
@pure
def _refuse(reason: String[32]):
    raise reason


@internal
@pure
def _check_price(is_good: bool):
    if not is_good:
        self._refuse("backstop/price-not-fresh")


@internal
@view
def _is_idle() -> bool:
    # no share is priced while a taker's callback runs
    return not staticcall ILiquidator(LIQUIDATOR).in_callback()


@internal
@view
def _check_idle():
    if not self._is_idle():
        self._refuse("backstop/in-callback")


@internal
@view
def _check_own(vault_id: uint256):
    if vault_id not in self._vaults:
        self._refuse("backstop/not-a-pool-vault")


@internal
@view
def _balance(holder: address) -> uint256:
    return staticcall IERC20(asset).balanceOf(holder)


@internal
@view
def _word(vault_id: uint256) -> uint256:
    return staticcall IClearinghouse(CLEARINGHOUSE).vault_word(vault_id)


@internal
def _pay(receiver: address, amount: uint256):
    if not extcall IERC20(asset).transfer(receiver, amount, default_return_value=True):
        self._refuse("backstop/transfer-failed")


# --- value -------------------------------------------------------------------------------------------------------


@internal
@view
def _idle() -> uint256:
    """
    @dev Tokens at hand, without what belongs to served requests [native].
    """
    balance: uint256 = self._balance(self)
    return balance - min(self.set_aside, balance)


@internal
@view
def _snapshot(expiry: uint256) -> IOracleAdapter.Snapshot:
    return appraisal._snapshot(ORACLE, market, expiry)


@internal
@pure
def _collateral(vault: IClearinghouse.Vault) -> int256:
    return state._collateral(vault.balance, vault.terms, vault.token)


@internal
@view
def _missing(vault: IClearinghouse.Vault, assessed: IMarginEngine.Assessment, result: standing.Standing) -> uint256:
    """
    @dev Tokens until the vault has its initial margin, rounded up [native].
    """
    v_min: int256 = assessed.v_min
    if v_min != payoff.UNBOUNDED and self._collateral(vault) >= -v_min:
        return 0
    return state._to_native_up(result.im - result.equity, vault.token)


@internal
@view
def _assets(buying: bool) -> (bool, uint256):
    """
    @dev (priced, assets of the pool [native]); see margin/appraisal.
    """
    priced: bool = False
    worth: uint256 = 0
    priced, worth = appraisal._total(
        appraisal.Roles(clearinghouse=CLEARINGHOUSE, oracle=ORACLE, settlement=SETTLEMENT),
        self._vaults,
        HAIRCUT,
        buying,
    )
    return priced, self._idle() + worth


@internal
@view
def _total(buying: bool, at_any_price: bool) -> uint256:
    """
    @dev Deposits and redemptions need active prices; views do with the undisputed ones.
    """
    self._check_idle()
    priced: bool = False
    total: uint256 = 0
    priced, total = self._assets(buying)
    self._check_price(priced or at_any_price)
    return total


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
    return self._shares_for(assets, False, self._total(True, True))


@internal
@view
def _is_open() -> bool:
    # of any cell: also a pool without legs sells no share at a price that may be wrong
    return price._is_usable(self._snapshot(block.timestamp + scales.DAY))


@internal
@view
def _room() -> uint256:
    """
    @dev What may be deposited now [native]: nothing while the price is not active: of two feeds apart one is wrong.
    """
    priced: bool = False
    total: uint256 = 0
    priced, total = self._assets(True)
    if not (priced and self._is_idle() and self._is_open()) or total >= self.cap:
        return 0
    return self.cap - total


@internal
def _claim():
    """
    @dev Pays in what the claims of all vaults are due.
    """
    extcall ISettlement(SETTLEMENT).claim_many(self._vaults)


# --- buying ------------------------------------------------------------------------------------------------------


@internal
def _buy(assets: uint256, shares: uint256, total: uint256, receiver: address):
    self._check_price(self._is_open())
    if shares == 0:
        self._refuse("backstop/zero-shares")
    if total + assets > self.cap:
        self._refuse("backstop/above-cap")
    before: uint256 = self._balance(self)
    if not extcall IERC20(asset).transferFrom(
        msg.sender, self, assets, default_return_value=True
    ) or self._balance(self) != before + assets:
        # a fee on transfer would be the other depositors'
        self._refuse("backstop/transfer-failed")
    erc20._mint(receiver, shares)
    log IERC4626.Deposit(sender=msg.sender, owner=receiver, assets=assets, shares=shares)


@external
@nonreentrant
def deposit(assets: uint256, receiver: address) -> uint256:
    """
    @notice Buys shares at mark. Refused while the price is not fresh and in a taker's callback.
    @param assets Tokens to pull from the caller [native].
    @param receiver Who gets the shares.
    @return Shares bought.
    """
    total: uint256 = self._total(True, False)
    shares: uint256 = self._shares_for(assets, False, total)
    self._buy(assets, shares, total, receiver)
    return shares


@external
@nonreentrant
def mint(shares: uint256, receiver: address) -> uint256:
    """
    @notice Buys a number of shares at mark. Refused while the price is not fresh and in a taker's callback.
    @param shares Shares wanted.
    @param receiver Who gets them.
    @return Tokens pulled from the caller [native].
    """
    total: uint256 = self._total(True, False)
    assets: uint256 = self._assets_for(shares, True, total)
    self._buy(assets, shares, total, receiver)
    return assets


# --- the queue ---------------------------------------------------------------------------------------------------


@external
@nonreentrant
def request_redeem(shares: uint256, least: uint256) -> uint256:
    """
    @notice Puts shares into the queue. They bear losses until they are served, 7 days later at the earliest.
    @param shares Shares to redeem, worth at least a unit of the market at the price of the first share.
    @param least Served for less than this, in proportion, they go back instead [native].
    @return Number of the request.
    """
    # smaller ones would only make the queue long
    if shares < LEAST_REQUEST:
        self._refuse("backstop/request-too-small")
    request_id: uint256 = self.queue_tail
    self.queue_tail = request_id + 1
    self.requests[request_id] = Request(
        owner=msg.sender, requested_at=block.timestamp, shares=shares, least=least
    )
    erc20._transfer(msg.sender, self, shares)
    log IBackstopPool.RedemptionRequested(
        request_id=request_id,
        owner=msg.sender,
        shares=shares,
        least=least,
        open_at=block.timestamp + COOLDOWN_SECONDS,
    )
    return request_id


@internal
def _return(request_id: uint256, request: Request):
    self.requests[request_id] = empty(Request)
    erc20._transfer(self, request.owner, request.shares)
    log IBackstopPool.RedemptionReturned(
        request_id=request_id, owner=request.owner, shares=request.shares
    )


@external
@nonreentrant
def cancel_request(request_id: uint256):
    """
    @notice Takes shares out of the queue. Only who put them there.
    @param request_id The request.
    """
    request: Request = self.requests[request_id]
    if request.owner != msg.sender:
        self._refuse("backstop/not-owner")
    self._return(request_id, request)


@external
@nonreentrant
def serve(count: uint256) -> uint256:
    """
    @notice Serves the head of the queue in order, as far as cooldowns and tokens at hand go, at mark less the haircut.
            What is served can be withdrawn from then on. Open to anyone.
    @param count Requests to look at, at most 64.
    @return Requests that left the queue.
    """
    # what can be paid now is everybody's, also who leaves
    self._claim()
    total: uint256 = self._total(False, False) + 1
    supply: uint256 = erc20.totalSupply + share_math.VIRTUAL_SHARES
    head: uint256 = self.queue_head
    done: uint256 = 0
    for i: uint256 in range(64):
        if i >= count or head == self.queue_tail:
            break
        request: Request = self.requests[head]
        if request.owner == empty(address):
            head += 1
            continue
        if block.timestamp < request.requested_at + COOLDOWN_SECONDS:
            break
        assets: uint256 = request.shares * total // supply
        if assets < request.least:
            self._return(head, request)
            head += 1
            done += 1
            continue
        shares: uint256 = request.shares
        idle: uint256 = self._idle()
        if assets > idle:
            # the rest keeps its place
            shares = idle * supply // total
            assets = shares * total // supply
            if assets == 0:
                break
        erc20._burn(self, shares)
        self.set_aside += assets
        self.claimable_assets[request.owner] += assets
        self.claimable_shares[request.owner] += shares
        total -= assets
        supply -= shares
        log IBackstopPool.RedemptionServed(
            request_id=head, owner=request.owner, shares=shares, assets=assets
        )
        if shares != request.shares:
            request.least -= min(
                self._mul_div(request.least, shares, request.shares, False), request.least
            )
            request.shares -= shares
            self.requests[head] = request
            break
        self.requests[head] = empty(Request)
        head += 1
        done += 1
    self.queue_head = head
    return done


@internal
def _withdraw(owner: address, receiver: address, assets: uint256, shares: uint256):
    self._check_idle()
    if owner != msg.sender:
        self._refuse("backstop/not-owner")
    if (
        assets > self.claimable_assets[owner] or shares > self.claimable_shares[owner]
    ):
        self._refuse("backstop/not-served")
    self.claimable_assets[owner] -= assets
    self.claimable_shares[owner] -= shares
    self.set_aside -= assets
    self._pay(receiver, assets)
    log IERC4626.Withdraw(
        sender=msg.sender, receiver=receiver, owner=owner, assets=assets, shares=shares
    )


@external
@nonreentrant
def withdraw(assets: uint256, receiver: address, owner: address) -> uint256:
    """
    @notice Pays out what was served from the queue.
    @param assets Tokens, at most `maxWithdraw` [native].
    @param receiver Who gets them.
    @param owner The caller, whose request was served.
    @return Shares (burnt when they were served) that this accounts for.
    """
    shares: uint256 = 0
    if assets != 0 and assets <= self.claimable_assets[owner]:
        shares = self._mul_div(
            assets, self.claimable_shares[owner], self.claimable_assets[owner], True
        )
    self._withdraw(owner, receiver, assets, shares)
    return shares


@external
@nonreentrant
def redeem(shares: uint256, receiver: address, owner: address) -> uint256:
    """
    @notice Pays out what was served from the queue.
    @param shares Served shares, at most `maxRedeem`.
    @param receiver Who gets the tokens.
    @param owner The caller, whose request was served.
    @return Tokens paid [native].
    """
    assets: uint256 = 0
    if shares != 0 and shares <= self.claimable_shares[owner]:
        assets = self._mul_div(
            shares, self.claimable_assets[owner], self.claimable_shares[owner], False
        )
    self._withdraw(owner, receiver, assets, shares)
    return assets


# --- taking over -------------------------------------------------------------------------------------------------


@internal
def _add(vault_id: uint256, expiry: uint256, amount: uint256):
    """
    @dev Tokens at hand into a vault, within what one cell may tie up.
    """
    idle: uint256 = self._idle()
    if amount > idle:
        self._refuse("backstop/low-funds")
    added: uint256 = self.cell_added[expiry]
    if (added + amount) * scales.WAD > (idle + added) * CELL_SHARE:
        self._refuse("backstop/cell-cap")
    self.cell_added[expiry] = added + amount
    extcall IClearinghouse(CLEARINGHOUSE).deposit(vault_id, self, amount)


@internal
@view
def _new_legs(legs: DynArray[uint256, 16], moved: DynArray[uint256, 16]) -> uint256:
    """
    @dev How many series of `moved` are not among `legs`.
    """
    count: uint256 = 0
    for item: uint256 in moved:
        if leg._find(legs, leg._key(item), 0) == len(legs):
            count += 1
    return count


@internal
def _receiver(
    expiry: uint256, moved: DynArray[uint256, 16], prices: IOracleAdapter.Snapshot
) -> (uint256, uint256):
    """
    @dev (the vault that takes over: the cell's own while it is healthy and stays within 16 legs, else a fresh one;
         legs that are new to it).
    """
    total: uint256 = len(moved)
    for vault_id: uint256 in self._vaults:
        total += state._count(self._word(vault_id))
    if total > MAX_POOL_LEGS:
        self._refuse("backstop/too-many-legs")
    into: uint256 = self.cell_vault[expiry]
    if into != 0 and self._word(into) != 0:
        loaded: IClearinghouse.Loaded = appraisal._load(CLEARINGHOUSE, into)
        vault: IClearinghouse.Vault = loaded.vault
        legs: DynArray[uint256, 16] = loaded.legs
        assessed: IMarginEngine.Assessment = empty(IMarginEngine.Assessment)
        result: standing.Standing = empty(standing.Standing)
        fresh: uint256 = self._new_legs(legs, moved)
        barred: uint256 = state.FLAGGED | state.DEBT | state.CLAIM
        if (
            len(legs) != 0
            and vault.word & barred == 0
            and len(legs) + fresh <= leg.MAX_LEGS
        ):
            assessed, result = appraisal._assess(vault, legs, prices)
            # a vault in trouble is left to its own tokens
            if result.equity >= result.mm:
                self.value_before = assessed.value
                self.balance_before = vault.balance
                return into, fresh
    if len(self._vaults) == MAX_VAULTS:
        self._refuse("backstop/no-slot")
    into = extcall IClearinghouse(CLEARINGHOUSE).open(market, state.ES, self, 0)
    self._vaults.append(into)
    self.cell_vault[expiry] = into
    self.value_before = 0
    # the address may hold a donation already
    self.balance_before = self._balance(staticcall IClearinghouse(CLEARINGHOUSE).custody(into))
    log IBackstopPool.PoolVaultOpened(vault_id=into, expiry=expiry)
    return into, len(moved)


@external
@nonreentrant
def absorb(vault_id: uint256) -> uint256:
    """
    @notice Takes f* of a flagged, liquidatable vault of the market once its bonus is at least 20 % (40 % while the vol
            surface is not live), and only for a gain of at least that share of f*A, which is at least the market's
            minimum for each leg that is new to the pool's vault, at a price that shares may be dealt at. Open to anyone,
            who needs no capital and earns the end tip.
    @dev docs/backstop.md. A take by this contract like any other: the margin of the receiving vault is added in
         `on_take`, then the Clearinghouse gates it.
    @param vault_id The vault.
    @return Share taken [wad].
    """
    self._check_idle()
    loaded: IClearinghouse.Loaded = appraisal._load(CLEARINGHOUSE, vault_id)
    vault: IClearinghouse.Vault = loaded.vault
    legs: DynArray[uint256, 16] = loaded.legs
    word: uint256 = vault.word
    if state._market(word) != market:
        self._refuse("backstop/wrong-market")
    # by its books: anyone may send the token of another vault here
    if vault_id in self._vaults:
        self._refuse("backstop/own-vault")
    if len(legs) == 0:
        self._refuse("backstop/no-legs")
    expiry: uint256 = state._expiry(vault.terms)
    if block.timestamp >= expiry:
        self._refuse("backstop/expired")
    # the clock goes on here, so that quote and take see the same
    prices: IOracleAdapter.Snapshot = extcall IOracleAdapter(ORACLE).observe(market, expiry)
    # at a price that may be wrong the gain is none, and tokens would go into a vault that is lost
    self._check_price(price._is_usable(prices))
    quoted: ILiquidator.Quote = staticcall ILiquidator(LIQUIDATOR).quote(vault_id, scales.WAD)
    terms: uint256 = staticcall ILiquidator(LIQUIDATOR).market_word(market)
    share: uint256 = auction._backstop_from(terms)
    # live as docs/oracle.md has it: marks that are still mixed with the flat iv say little
    if prices.status & price.SURFACE_LIVE == 0 or price._is_fading(prices):
        share *= 2
    taken: uint256 = quoted.fraction * convert(quoted.mm, uint256) // scales.WAD
    if quoted.reason == 0:
        if quoted.bonus_share < share:
            self._refuse("backstop/too-early")
        if quoted.price < 0:
            self._refuse("backstop/would-pay")

    into: uint256 = 0
    added: uint256 = 0
    into, added = self._receiver(expiry, legs, prices)
    # every slot is paid for, so that filling them with crumbs costs what it blocks
    if quoted.reason == 0 and taken < unsafe_div(
        auction._minimum(terms) * max(added, 1) * state._unit(vault.token), scales.WAD
    ):
        self._refuse("backstop/too-small")
    self.absorbing = into
    self.gain_wanted = convert(taken * share // scales.WAD, int256)
    # what is refused for other reasons the Liquidator names
    extcall ILiquidator(LIQUIDATOR).take(
        vault_id,
        scales.WAD,
        into,
        ILiquidator.TakeLimits(min_received=min_value(int256), min_bonus=0, max_fraction=0, min_spot=0, max_spot=0),
        block.timestamp,
        b"backstop",
    )
    self.absorbing = 0
    tip: uint256 = min(self.tip_received, self._idle())
    if tip != 0:
        self._pay(msg.sender, tip)
    log IBackstopPool.VaultAbsorbed(
        vault_id=vault_id,
        into_id=into,
        caller=msg.sender,
        fraction=quoted.fraction,
        gain=self.gain_made,
        added=self.tokens_added,
        tip=tip,
    )
    return quoted.fraction


@external
def on_take(vault_id: uint256, into_id: uint256, fraction: uint256, cash: int256, data: Bytes[1024]):
    """
    @notice The Liquidator calls back in the middle of `absorb`: legs and tokens have arrived, margin is due.
    @dev Measures the gain as it is, lots and units rounded, rather than as it was planned.
    @param vault_id The vault taken from.
    @param into_id The vault of the pool.
    @param fraction Share taken [wad].
    @param cash Tokens received, top-up included [native].
    @param data Not used.
    """
    if msg.sender != LIQUIDATOR or self.absorbing != into_id or into_id == 0:
        self._refuse("backstop/not-authorized")
    loaded: IClearinghouse.Loaded = appraisal._load(CLEARINGHOUSE, into_id)
    vault: IClearinghouse.Vault = loaded.vault
    legs: DynArray[uint256, 16] = loaded.legs
    expiry: uint256 = state._expiry(vault.terms)
    assessed: IMarginEngine.Assessment = empty(IMarginEngine.Assessment)
    result: standing.Standing = empty(standing.Standing)
    assessed, result = appraisal._assess(vault, legs, self._snapshot(expiry))
    value: int256 = assessed.value - self.value_before
    if value > 0:
        value = max(value - convert(state._deficit(vault.cell), int256), 0)
    self.gain_made = value + cash * convert(state._native_wad(vault.token), int256)
    if self.gain_made < self.gain_wanted:
        self._refuse("backstop/gain-too-small")
    arrived: int256 = convert(vault.balance, int256) - convert(self.balance_before, int256)
    self.tip_received = convert(max(arrived - cash, 0), uint256)
    missing: uint256 = self._missing(vault, assessed, result)
    self.tokens_added = missing
    if missing != 0:
        self._add(into_id, expiry, missing)


# --- keeping -----------------------------------------------------------------------------------------------------


@internal
@view
def _shortage(vault_id: uint256) -> (uint256, uint256, int256):
    """
    @dev (expiry, tokens until E >= IM [native], E [wad]) at a price that shares may be dealt at.
    """
    self._check_own(vault_id)
    loaded: IClearinghouse.Loaded = appraisal._load(CLEARINGHOUSE, vault_id)
    vault: IClearinghouse.Vault = loaded.vault
    legs: DynArray[uint256, 16] = loaded.legs
    if len(legs) == 0:
        self._refuse("backstop/no-legs")
    expiry: uint256 = state._expiry(vault.terms)
    prices: IOracleAdapter.Snapshot = self._snapshot(expiry)
    # at a price that may be wrong tokens would go into a vault that is lost
    self._check_price(price._is_usable(prices))
    assessed: IMarginEngine.Assessment = empty(IMarginEngine.Assessment)
    result: standing.Standing = empty(standing.Standing)
    assessed, result = appraisal._assess(vault, legs, prices)
    return expiry, self._missing(vault, assessed, result), result.equity


@external
@nonreentrant
def refill(vault_id: uint256) -> uint256:
    """
    @notice Adds tokens at hand to a vault of the pool until its equity is its initial margin. Open to anyone.
    @dev Not below zero: an insolvent vault is auctioned like any other, and its loss ends in it.
    @param vault_id A vault of the pool.
    @return Tokens added [native].
    """
    self._check_idle()
    expiry: uint256 = 0
    missing: uint256 = 0
    equity: int256 = 0
    expiry, missing, equity = self._shortage(vault_id)
    if missing == 0:
        self._refuse("backstop/nothing-missing")
    if equity < 0:
        self._refuse("backstop/insolvent")
    self._add(vault_id, expiry, missing)
    log IBackstopPool.PoolVaultRefilled(vault_id=vault_id, amount=missing)
    return missing


@external
@nonreentrant
def merge(from_id: uint256, to_id: uint256, added: uint256):
    """
    @notice Moves the legs and tokens of one vault of the pool into another of the same cell, and closes it. Open to
            anyone. Both must have their initial margin, so that neither carries the other's loss.
    @param from_id The vault that ends.
    @param to_id The vault that goes on.
    @param added Tokens at hand that go along, for the margin that moving legs asks; at most an eighth of what
           `from_id` holds [native].
    """
    self._check_idle()
    expiry: uint256 = 0
    missing: uint256 = 0
    equity: int256 = 0
    for vault_id: uint256 in [to_id, from_id]:
        expiry, missing, equity = self._shortage(vault_id)
        if missing != 0:
            self._refuse("backstop/below-initial")
    loaded: IClearinghouse.Loaded = appraisal._load(CLEARINGHOUSE, from_id)
    vault: IClearinghouse.Vault = loaded.vault
    legs: DynArray[uint256, 16] = loaded.legs
    balance: uint256 = vault.balance
    if added > balance // 8:
        self._refuse("backstop/adds-too-much")
    if added != 0:
        self._add(to_id, expiry, added)
    extcall IClearinghouse(CLEARINGHOUSE).transfer_legs(
        from_id, to_id, legs, convert(balance, int256)
    )
    self._close(from_id)
    log IBackstopPool.PoolVaultsMerged(from_id=from_id, to_id=to_id, added=added)


@internal
def _close(vault_id: uint256):
    extcall IClearinghouse(CLEARINGHOUSE).close(vault_id, self)
    last: uint256 = self._vaults.pop()
    for i: uint256 in range(len(self._vaults), bound=MAX_VAULTS):
        if self._vaults[i] == vault_id:
            self._vaults[i] = last
            break


@external
@nonreentrant
def collect(vault_id: uint256) -> uint256:
    """
    @notice Brings the tokens of a vault of the pool without legs and debt home. The vault is closed, unless it has a claim
            that may still be paid: then it waits for it, until 30 days after the expiry. Open to anyone.
    @param vault_id A vault of the pool.
    @return Tokens collected [native].
    """
    self._check_idle()
    self._check_own(vault_id)
    before: uint256 = self._balance(self)
    self._claim()
    if appraisal._is_claim_open(SETTLEMENT, vault_id):
        extcall IClearinghouse(CLEARINGHOUSE).withdraw(
            vault_id, self._balance(staticcall IClearinghouse(CLEARINGHOUSE).custody(vault_id)), self
        )
    else:
        self._close(vault_id)
    amount: uint256 = self._balance(self) - before
    log IBackstopPool.PoolVaultCollected(vault_id=vault_id, amount=amount)
    return amount


@external
def set_cap(cap: uint256):
    """
    @notice Changes the most that deposits may bring the pool to; nobody's shares are touched. Only the owner of
            RiskParameters.
    @param cap Tokens [native].
    """
    if msg.sender != staticcall IOwned(PARAMETERS).owner():
        self._refuse("backstop/not-authorized")
    self.cap = cap
    log IBackstopPool.CapChanged(cap=cap)


# --- views -------------------------------------------------------------------------------------------------------


@external
@view
def vaults() -> DynArray[uint256, MAX_VAULTS]:
    """
    @notice Vaults of the pool.
    @return Their ids, in no order.
    """
    return self._vaults


@external
@view
def idle() -> uint256:
    """
    @notice Tokens that are neither in a vault nor set aside for served requests.
    @return Tokens [native].
    """
    return self._idle()


@external
@view
def shortage(vault_id: uint256) -> uint256:
    """
    @notice What `refill` would add to a vault of the pool now.
    @param vault_id A vault of the pool.
    @return Tokens [native].
    """
    return self._shortage(vault_id)[1]


@external
@view
def totalAssets() -> uint256:
    """
    @notice Tokens at hand and vaults at mark, claims included.
    @return Tokens [native].
    """
    return self._total(True, True)


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
    return self._assets_for(shares, False, self._total(True, True))


@external
@view
def maxDeposit(receiver: address) -> uint256:
    """
    @notice What may be deposited now; 0 while the price is not fresh.
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
    @notice Shares that may be bought now; 0 while the price is not fresh.
    @param receiver Anyone.
    @return Shares.
    """
    room: uint256 = self._room()
    if room == 0:
        return 0
    # beyond any supply; a larger one would only overflow the division
    return self._bought(min(room, 2**112))


@external
@view
def previewMint(shares: uint256) -> uint256:
    """
    @notice Tokens that `mint` would pull now.
    @param shares Shares.
    @return Tokens [native].
    """
    return self._assets_for(shares, True, self._total(True, True))


@external
@view
def maxWithdraw(owner: address) -> uint256:
    """
    @notice What was served from the queue and not yet withdrawn.
    @param owner Who requested it.
    @return Tokens [native].
    """
    return self.claimable_assets[owner]


@external
@view
def previewWithdraw(assets: uint256) -> uint256:
    """
    @notice Shares that tokens cost at today's redemption price; a served request has its own.
    @param assets Tokens [native].
    @return Shares, rounded up.
    """
    return self._shares_for(assets, True, self._total(False, True))


@external
@view
def maxRedeem(owner: address) -> uint256:
    """
    @notice Shares served from the queue and not yet withdrawn.
    @param owner Who requested it.
    @return Shares.
    """
    return self.claimable_shares[owner]


@external
@view
def previewRedeem(shares: uint256) -> uint256:
    """
    @notice Tokens that shares give at today's redemption price, mark less the haircut.
    @param shares Shares.
    @return Tokens, rounded down [native].
    """
    return self._assets_for(shares, False, self._total(False, True))
