# pragma version 0.4.3
# pragma optimize gas
"""
@title Trade limits: what may be filled, by whom, how much of it and how far from mark
@license AGPL-3.0-only
@notice The Exchange's judgement, outside it because it is tight: whether an order stands and what of it may be filled, and
        what few fills need. A key that may trade and not withdraw
        cannot trade value out of a vault: each fill by it costs the vault at mark at most 1 % of notional and the fee,
        and all of a day (UTC) together at most 5 % of its equity, fees included; tokens paid for what comes back only
        at expiry count as lost. The mark is asked at an active price, at each point of an uncertain one. A maker may cap the net delta and
        vega that others fill before a new counter. A bound of slip is mark and so many bps of spot a contract, growing from 0
        with the age of a round that the filler names, if it and all after it lie in the order's band. Owns: what was lost and what was used. Holds no tokens.
        Trusts: Exchange, Clearinghouse, OracleAdapter for which feed counts, and that feed for its rounds.
@dev Mark is the vault's own engine at the prices of the fill; what a mark does not know, these limits do not either.
"""
from interfaces import IClearinghouse
from interfaces import IExchange
from interfaces import IMarginEngine
from interfaces import IOracleAdapter
from interfaces import ITradeLimits

from contracts.margin import standing
from contracts.math import payoff
from contracts.math import scales
from contracts.exchange import order as order_form
from contracts.exchange import order_rules
from contracts.vaults import leg
from contracts.oracle import feeds
from contracts.oracle import snapshot as price
from contracts.vaults import vault_state as state

implements: ITradeLimits

interface IFeedWords:
    def market_words(market: uint256) -> uint256[9]: view

# a fill by a trade-only key may cost this share of notional at mark, and a day this share of equity
FILL_SHARE: constant(uint256) = 100    # one part in
DAY_SHARE: constant(uint256) = 20
HALF: constant(uint256) = 2**128 - 1
CASH_WAD: constant(int256) = 10**12
# what a payoff is beyond so many times spot counts for nothing
FAR: constant(uint256) = 4
# a round that makes a slip grow is at most so old, and at most so many are read from it to the newest
MAX_AGE: constant(uint256) = 3600
MAX_ROUNDS: constant(uint256) = 48

CLEARINGHOUSE: immutable(address)
EXCHANGE: immutable(address)
ORACLE: immutable(address)

# vault id -> epoch << 160 | day << 128 | lost that day [wad]; what was lost under another owner binds nobody
losses: HashMap[uint256, uint256]
# vault id -> epoch -> vega cap << 128 | delta cap [wad]
caps: HashMap[uint256, HashMap[uint256, uint256]]
# vault id -> epoch -> times the caps were set: usage counts anew with each
settings: HashMap[uint256, HashMap[uint256, uint256]]
# keccak(vault id, epoch, setting, counter) -> net vega used << 128 | net delta used, both signed [wad]
used: HashMap[bytes32, uint256]


@deploy
def __init__(clearinghouse: address, exchange: address, oracle: address):
    CLEARINGHOUSE = clearinghouse
    EXCHANGE = exchange
    ORACLE = oracle


@internal
@view
def _key(vault_id: uint256, epoch: uint256, counter: uint256) -> bytes32:
    return keccak256(
        abi_encode(vault_id, epoch, self.settings[vault_id][epoch], counter)
    )


@internal
@view
def _day_of(word: uint256) -> uint256:
    """
    @dev Today under this owner: epoch << 32 | day.
    """
    return (state._epoch(word) << 32) | (block.timestamp // scales.DAY)


@internal
@view
def _lost_today(vault_id: uint256, word: uint256) -> uint256:
    lost: uint256 = self.losses[vault_id]
    return lost & HALF if lost >> 128 == self._day_of(word) else 0


@internal
@pure
def _low(word: uint256) -> int256:
    return leg._signed(word << 128) >> 128


@internal
@pure
def _high(word: uint256) -> int256:
    return leg._signed(word) >> 128


@internal
@view
def _equity(vault: IClearinghouse.Vault, held: DynArray[uint256, 16], prices: IOracleAdapter.Snapshot) -> int256:
    equity: int256 = state._collateral(
        vault.balance, vault.terms, vault.token
    )
    if len(held) != 0:
        equity += staticcall IMarginEngine(vault.engine).value(held, prices)
    return equity


@internal
@pure
def _locked(
    held: DynArray[uint256, 16], legs: DynArray[uint256, 16], receives: bool, paid: int256, spot: uint256, inverse: bool
) -> int256:
    """
    @dev Of the tokens that a fill pays, what comes back at expiry whatever the price: the money leg, or options that add up to
         it [wad]. The owner cannot use it until then, so to a key it counts as lost; money that repays what the vault owes does not.
    """
    if paid <= 0:
        return 0
    signed: DynArray[uint256, 16] = legs
    claim: int256 = 0
    for i: uint256 in range(len(legs), bound=16):
        quantity: int256 = leg._quantity(legs[i])
        if not receives:
            quantity = -quantity
            signed[i] = leg._pack(leg._key(legs[i]), quantity)
        if leg._is_money(leg._kind(legs[i]), inverse):
            claim = quantity
    owed: int256 = 0
    for item: uint256 in held:
        if leg._is_money(leg._kind(item), inverse):
            owed = max(-leg._quantity(item), 0)
    # far is up for what pays quote and down for what pays coins
    lowest: int256 = convert(spot // FAR // leg.STRIKE_WAD, int256) if inverse else 0
    certain: int256 = max(
        claim * CASH_WAD,
        payoff._least_within(signed, lowest, convert(spot * FAR // leg.STRIKE_WAD, int256), inverse),
    )
    return min(paid, max(certain - min(owed, max(claim, 0)) * CASH_WAD, 0))


@internal
@view
def _key_loss(
    vault_id: uint256,
    vault: IClearinghouse.Vault,
    held: DynArray[uint256, 16],
    legs: DynArray[uint256, 16],
    receives: bool,
    cash: int256,
    fee: uint256,
    prices: IOracleAdapter.Snapshot,
) -> uint256:
    """
    @dev What trade-only keys would have cost the vault today after this fill [wad]; 0 when it costs nothing.
    """
    # without an active price nobody can tell what a trade costs: the owner may still close
    assert price._is_usable(prices), "limits/key-needs-price"
    native: int256 = convert(state._native_wad(vault.token), int256)
    received: int256 = cash * native
    charged: int256 = convert(fee, int256) * native
    inverse: bool = state._is_inverse(vault.token)
    lost_before: uint256 = self._lost_today(vault_id, vault.word)
    locked: int256 = self._locked(held, legs, receives, -received, prices.spot, inverse)
    # what is recorded as missing in the cell: a mark does not know it
    deficit: int256 = 0
    if vault.token >> state.DEFICITS_AT != 0:
        deficit = convert(
            state._deficit(
                staticcall IClearinghouse(CLEARINGHOUSE).cell(
                    state._market(vault.word), block.timestamp + prices.seconds
                )
            ),
            int256,
        )
    most: uint256 = 0
    points: DynArray[uint256, 3] = price._points(prices)
    for spot: uint256 in points:
        at: IOracleAdapter.Snapshot = price._at(prices, spot)
        value: int256 = staticcall IMarginEngine(vault.engine).value(legs, at)
        if not receives:
            value = -value
        gain: int256 = value + received - locked
        allowed: uint256 = leg._notional(legs, inverse, spot, price._expected(at)) // (10**6 * FILL_SHARE)
        assert gain >= -convert(allowed, int256), "limits/key-fill-loss"
        gain -= charged
        if deficit == 0 and gain >= 0:
            continue
        collateral: int256 = state._collateral(vault.balance, vault.terms, vault.token)
        worth: int256 = 0
        if len(held) != 0:
            worth = staticcall IMarginEngine(vault.engine).value(held, at)
        # inside of a vault debts pay for claims: what it is worth above nothing is what others must pay it
        gain -= min(deficit, max(max(worth + value, 0) - max(worth, 0), 0))
        if gain >= 0:
            continue
        # gains do not make room for losses, or a key could wash value out through a friend
        lost: uint256 = convert(-gain, uint256) + lost_before
        assert convert(lost * DAY_SHARE, int256) <= collateral + worth, "limits/key-day-loss"
        most = max(most, lost)
    return most


@internal
@pure
def _outside(used: int256, added: int256, cap: uint256) -> bool:
    # what brings the net closer to zero always passes
    after: int256 = used + added
    return cap != 0 and convert(abs(after), uint256) > cap and abs(after) > abs(used)


@internal
@view
def _usage(
    vault_id: uint256,
    vault: IClearinghouse.Vault,
    counter: uint256,
    legs: DynArray[uint256, 16],
    receives: bool,
    prices: IOracleAdapter.Snapshot,
) -> (bytes32, int256, int256):
    """
    @dev Where a capped vault's usage is kept, and its net delta and vega after this fill [wad]; the key is empty
         where there are no caps.
    """
    epoch: uint256 = state._epoch(vault.word)
    caps: uint256 = self.caps[vault_id][epoch]
    if caps == 0:
        return empty(bytes32), 0, 0
    assessed: IMarginEngine.Assessment = staticcall IMarginEngine(vault.engine).assess(
        legs, prices, state._engine_risk(vault), standing.NO_COLLATERAL
    )
    delta: int256 = assessed.delta
    vega: int256 = assessed.vega
    if not receives:
        delta = -delta
        vega = -vega
    key: bytes32 = self._key(vault_id, epoch, counter)
    before: uint256 = self.used[key]
    assert not self._outside(self._low(before), delta, caps & HALF), "limits/delta-cap"
    assert not self._outside(self._high(before), vega, caps >> 128), "limits/vega-cap"
    delta += self._low(before)
    vega += self._high(before)
    assert delta == (delta << 128) >> 128 and vega == (vega << 128) >> 128, "limits/out-of-range"
    return key, delta, vega


@external
def check(
    vault_id: uint256,
    why: uint256,
    counter: uint256,
    legs: DynArray[uint256, 16],
    receives: bool,
    cash: int256,
    fee: uint256,
    snapshot: IOracleAdapter.Snapshot,
):
    """
    @notice Passes a fill before it happens, or reverts with the limit it would break. Only Exchange.
    @param vault_id The vault.
    @param why 1 a trade-only key acts for the vault, 2 the vault has caps, added up.
    @param counter The maker's least live counter; caps count anew with a new one.
    @param legs Leg words as the buyer receives them.
    @param receives True when the vault is the buyer.
    @param cash Tokens the vault receives, fee not counted; negative when it pays [native].
    @param fee Fee the vault pays [native].
    @param snapshot Prices of the cell.
    """
    assert msg.sender == EXCHANGE, "limits/only-exchange"
    loaded: IClearinghouse.Loaded = staticcall IClearinghouse(CLEARINGHOUSE).load(vault_id)
    vault: IClearinghouse.Vault = loaded.vault
    held: DynArray[uint256, 16] = loaded.legs
    if why & order_rules.KEY != 0:
        lost: uint256 = self._key_loss(
            vault_id, vault, held, legs, receives, cash, fee, snapshot
        )
        if lost != 0:
            self.losses[vault_id] = (self._day_of(vault.word) << 128) | lost
            log ITradeLimits.KeyLossRecorded(vault_id=vault_id, day=block.timestamp // scales.DAY, lost=lost)
    if why & order_rules.CAPS != 0:
        key: bytes32 = empty(bytes32)
        delta: int256 = 0
        vega: int256 = 0
        key, delta, vega = self._usage(vault_id, vault, counter, legs, receives, snapshot)
        if key != empty(bytes32):
            self.used[key] = (leg._unsigned(vega) << 128) | (leg._unsigned(delta) & HALF)
            log ITradeLimits.CapsUsed(vault_id=vault_id, counter=counter, delta=delta, vega=vega)


@external
@view
def preview_check(
    vault_id: uint256,
    why: uint256,
    counter: uint256,
    legs: DynArray[uint256, 16],
    receives: bool,
    cash: int256,
    fee: uint256,
    snapshot: IOracleAdapter.Snapshot,
) -> uint256:
    """
    @notice Reverts with the limit that `check` would name, and writes nothing.
    @param vault_id As in `check`.
    @param why As in `check`.
    @param counter As in `check`.
    @param legs As in `check`.
    @param receives As in `check`.
    @param cash As in `check`.
    @param fee As in `check`.
    @param snapshot As in `check`.
    @return What trade-only keys would have cost the vault today [wad]; 0 for a fill that costs nothing, or is no key's.
    """
    loaded: IClearinghouse.Loaded = staticcall IClearinghouse(CLEARINGHOUSE).load(vault_id)
    vault: IClearinghouse.Vault = loaded.vault
    held: DynArray[uint256, 16] = loaded.legs
    lost: uint256 = 0
    if why & order_rules.KEY != 0:
        lost = self._key_loss(vault_id, vault, held, legs, receives, cash, fee, snapshot)
    if why & order_rules.CAPS != 0:
        self._usage(vault_id, vault, counter, legs, receives, snapshot)
    return lost


@external
def set_caps(vault_id: uint256, epoch: uint256, delta: uint256, vega: uint256):
    """
    @notice Replaces the caps of a vault and forgets what was used. Only Exchange, for the vault's owner.
    @param vault_id The vault.
    @param epoch Its epoch: a transfer of the vault ends its caps.
    @param delta Largest net delta filled under one counter [wad contracts]; 0: any.
    @param vega Largest net vega filled under one counter [wad quote per 1.00 vol]; 0: any.
    """
    assert msg.sender == EXCHANGE, "limits/only-exchange"
    assert delta <= HALF and vega <= HALF, "limits/out-of-range"
    self.caps[vault_id][epoch] = (vega << 128) | delta
    self.settings[vault_id][epoch] += 1
    log ITradeLimits.CapsSet(vault_id=vault_id, epoch=epoch, delta=delta, vega=vega)


@external
@view
def caps_of(vault_id: uint256, epoch: uint256, counter: uint256) -> ITradeLimits.Caps:
    """
    @notice What a maker allows and what has been used of it.
    @param vault_id The vault.
    @param epoch Its epoch.
    @param counter The maker's least live counter (`Exchange.epoch_for` >> 64).
    @return Caps and what is used of them, net; a cap of 0 is none.
    """
    caps: uint256 = self.caps[vault_id][epoch]
    used: uint256 = self.used[self._key(vault_id, epoch, counter)]
    return ITradeLimits.Caps(
        delta_cap=caps & HALF,
        vega_cap=caps >> 128,
        delta_used=self._low(used),
        vega_used=self._high(used),
    )


@external
@view
def is_negative(vault_id: uint256, snapshot: IOracleAdapter.Snapshot) -> bool:
    """
    @notice Whether C + v < 0, at the undisputed price while none is active: such a side pays no fee on its way out.
    @param vault_id The vault.
    @param snapshot Prices of its cell.
    @return True when it owes more than it holds.
    """
    loaded: IClearinghouse.Loaded = staticcall IClearinghouse(CLEARINGHOUSE).load(vault_id)
    vault: IClearinghouse.Vault = loaded.vault
    held: DynArray[uint256, 16] = loaded.legs
    if price._is_usable(snapshot):
        return self._equity(vault, held, snapshot) < 0
    if snapshot.undisputed == 0:
        return False
    return self._equity(vault, held, price._at(snapshot, snapshot.undisputed)) < 0


# --- orders ------------------------------------------------------------------------------------------------------


@internal
@view
def _reducible(
    vault_id: uint256, legs: DynArray[IExchange.OrderLeg, 4], receives: bool, claims: bool
) -> uint256:
    loaded: IClearinghouse.Loaded = staticcall IClearinghouse(CLEARINGHOUSE).load(vault_id)
    return order_rules._reducible(legs, receives, loaded.vault, loaded.legs, claims)


@external
@view
def reducible(vault_id: uint256, legs: DynArray[IExchange.OrderLeg, 4], receives: bool) -> uint256:
    """
    @notice Largest size of a package of which every option and delta leg only brings what the vault holds closer to zero, and
            which gives it no money at expiry but to repay what it owes: it has no claim on the cell more than before.
    @param vault_id The vault.
    @param legs As an order signs them.
    @param receives True when the vault is the buyer.
    @return Packages [1e-6].
    """
    return self._reducible(vault_id, legs, receives, True)


@internal
@pure
def _refuse(reason: String[32]):
    # reasons of exchange/order and exchange/order_rules, which views tell too
    if len(reason) != 0:
        raise reason


@external
@view
def admitted_size(
    order: IExchange.Order, signature: Bytes[1024], facts: ITradeLimits.OrderFacts
) -> uint256:
    """
    @notice Packages that a fill takes. Everything that a fill asks of an order before it asks for prices: whether the maker
            stands by it, whether it is one, and what of it is left; reverts with the reason.
    @param order The order. @param signature Its signer's.
    @param facts What the Exchange knows of it.
    @return Size [1e-6].
    """
    self._refuse(
        order_rules._standing(
            order,
            facts.digest,
            signature,
            facts.taker,
            facts.filled,
            facts.word,
            facts.rights,
            facts.counter,
            facts.token,
        )
    )
    unfilled: uint256 = order.size - facts.filled
    reducible: uint256 = unfilled
    if order.flags & order_form.REDUCE_ONLY != 0:
        reducible = self._reducible(order.maker_vault, order.legs, order.is_bid, False)
    size: uint256 = facts.size
    if size == max_value(uint256):
        size = min(unfilled, reducible)
    self._refuse(order_rules._size_refusal(unfilled, reducible, order.min_fill, order.flags, size))
    return size


@internal
@view
def _feed(market: uint256, snapshot: IOracleAdapter.Snapshot) -> uint256:
    """
    @dev Word of the feed whose price counts.
    """
    words: uint256[9] = staticcall IFeedWords(ORACLE).market_words(market)
    return words[1] if snapshot.status & price.FALLBACK_USED != 0 else words[0]


@internal
@pure
def _is_outside(feed: uint256, reading: feeds.Reading, spot_min: uint256, spot_max: uint256) -> bool:
    """
    @dev A round that shows itself and is no price, or one outside the band; an id that does not answer is no round, but of a
         brought feed a minute that somebody may have left out.
    """
    if reading.id == 0:
        return feeds._kind(feed) == feeds.BROUGHT
    return reading.price == 0 or reading.price < spot_min or reading.price > spot_max


@internal
@view
def _newest(feed: uint256) -> uint256:
    """
    @dev Id of a feed's newest round; of a brought one the newest minute that is not too young to be there.
    """
    id: uint256 = feeds._read(feed, feeds.NEWEST).id
    if id == 0 or feeds._kind(feed) != feeds.BROUGHT:
        return id
    return max(id, (id >> 64 << 64) | ((block.timestamp - scales.MINUTE - 1) // scales.MINUTE))


@internal
@view
def _named(bound: ITradeLimits.Bound, feed: uint256) -> uint256:
    """
    @dev Age of the round that the filler names; reverts when it may not be named [seconds].
    """
    newest: uint256 = self._newest(feed)
    assert bound.round_id <= newest and bound.round_id >> 64 == newest >> 64, "limits/round-unknown"
    named: feeds.Reading = feeds._read(feed, bound.round_id)
    assert named.price != 0, "limits/round-unknown"
    assert named.stamp >= bound.since, "limits/round-before-since"
    age: uint256 = block.timestamp - named.stamp
    later: uint256 = newest - bound.round_id
    assert age <= MAX_AGE and later < MAX_ROUNDS, "limits/round-too-old"
    assert not self._is_outside(feed, named, bound.spot_min, bound.spot_max), "limits/round-outside"
    for i: uint256 in range(later, bound=MAX_ROUNDS):
        reading: feeds.Reading = feeds._read(feed, bound.round_id + i + 1)
        assert not self._is_outside(feed, reading, bound.spot_min, bound.spot_max), "limits/round-outside"
    return age


@internal
@view
def _allowance(
    bound: ITradeLimits.Bound, vault: IClearinghouse.Vault, legs: DynArray[uint256, 16], snapshot: IOracleAdapter.Snapshot
) -> uint256:
    """
    @dev How far from mark the whole size may trade [wad * 1e-6].
    """
    notional: uint256 = leg._notional(
        legs, state._is_inverse(vault.token), snapshot.spot, price._expected(snapshot)
    )
    allowed: uint256 = notional * bound.slip // scales.BPS_IN_ONE
    if bound.patience == 0:
        return allowed
    if bound.round_id == 0:
        return 0
    age: uint256 = self._named(bound, self._feed(state._market(vault.word), snapshot))
    return allowed * min(age, bound.patience) // bound.patience


@external
@view
def bound_price(
    bound: ITradeLimits.Bound, legs: DynArray[uint256, 16], snapshot: IOracleAdapter.Snapshot
) -> int256:
    """
    @notice Price per package at the order's vol; or at mark, worse for the maker by as much slip as the age of the named
            round allows: all of it without patience, none without a round, in proportion between.
    @dev A round is named of the feed whose price counts, in its newest phase, stamped at or after `since` and within an hour;
         it and every later one must lie in the band. At most 48 are read.
    @param bound What the order is priced by, and the round.
    @param legs Leg words as the buyer receives them, of the whole size.
    @param snapshot Prices of the cell, active.
    @return Price per package [wad], rounded for the maker.
    """
    vault: IClearinghouse.Vault = (
        staticcall IClearinghouse(CLEARINGHOUSE).load(bound.maker_vault)
    ).vault
    prices: IOracleAdapter.Snapshot = snapshot
    allowed: uint256 = 0
    if bound.iv != 0:
        prices.surface_near = bound.iv
        prices.surface_far = 0
        prices.surface_weight = 0
        prices.status &= ~price.SURFACE_SVI
    else:
        allowed = self._allowance(bound, vault, legs, snapshot)
    # all in wad * 1e-6, of the whole size
    total: int256 = staticcall IMarginEngine(vault.engine).value(legs, prices) * scales.SIGNED_MICRO
    size: int256 = convert(bound.size, int256)
    if bound.is_bid:
        return order_form._div_down(total + convert(allowed, int256), size)
    return order_form._div_up(total - convert(allowed, int256), size)


@external
@view
def oldest_round(
    market: uint256, spot_min: uint256, spot_max: uint256, since: uint256, snapshot: IOracleAdapter.Snapshot
) -> ITradeLimits.Round:
    """
    @notice The oldest round that a filler of an order with this band and `since` may name: where the slip is largest.
    @param market Market index.
    @param spot_min The order's. @param spot_max The order's. @param since The order's.
    @param snapshot Prices of the cell, active.
    @return The round; zeros when there is none.
    """
    feed: uint256 = self._feed(market, snapshot)
    newest: uint256 = self._newest(feed)
    found: ITradeLimits.Round = empty(ITradeLimits.Round)
    for i: uint256 in range(MAX_ROUNDS):
        # ids of a phase start at 1
        if newest & feeds.NUMBER_MASK <= i:
            break
        reading: feeds.Reading = feeds._read(feed, newest - i)
        if self._is_outside(feed, reading, spot_min, spot_max):
            break
        if reading.id == 0:
            continue
        if reading.stamp < since or block.timestamp - reading.stamp > MAX_AGE:
            break
        found = ITradeLimits.Round(id=reading.id, stamp=reading.stamp)
    return found


@external
@view
def lost_today(vault_id: uint256) -> uint256:
    """
    @notice What trade-only keys of this owner have cost the vault at mark since 00:00 UTC, fees included [wad].
    @param vault_id The vault.
    @return The loss.
    """
    return self._lost_today(vault_id, staticcall IClearinghouse(CLEARINGHOUSE).vault_word(vault_id))
