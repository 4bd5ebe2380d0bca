# pragma version 0.4.3
"""
@title Vol surface: signed SVI publications, checked before they are in force
@license AGPL-3.0-only
@notice A publication is the whole surface of one market: up to 16 expiries with five SVI numbers each, signed by k of n
        publishers (EIP-712). It must be newer than the last one, hold together (bounds, no butterfly, no calendar
        arbitrage at the strikes checked) and stay within a capped change per hour. OracleAdapter holds what is in force,
        lets it fade when it is stale, and mixes expiries. docs/oracle.md has what a stolen key can do.
@dev Owns: publishers, thresholds, nonces. Trusts: the owner of RiskParameters with the list of publishers, within
     bounds, its guardian with stopping a surface; publishers, as a quorum, with vols within the cap; nobody with prices, margins or collateral. A publication
     that is refused changes nothing. Never called by a snapshot: nothing here can stop closing or settling.
     Checked strikes of an expiry: its own standard deviation sqrt(w(0)) times 0, +-1.25, +-2.5 (the near ones, where
     vols have bounds) and +-5, ln(K/F) = +-2.5, and where the smile is lowest. Far out a smile is so nearly linear that
     what holds at two strikes holds between them.
"""

from contracts.math import fixed
from contracts.math import scales
from contracts.math import svi
from contracts.vaults import signature
from contracts.oracle import surface
from contracts.oracle import svi_slice
from interfaces import IOracleAdapter
from interfaces import IVolSurface
from snekmate.utils import eip712_domain_separator as domain

implements: IVolSurface

initializes: domain

exports: domain.eip712Domain


interface IOwned:
    def owner() -> address: view
    def guardian() -> address: view


# an SVI slice, unpacked
struct Smile:
    a: int256
    b: int256
    rho: int256
    m: int256
    sigma: int256


# what a new surface is compared with: the one in force
struct Before:
    capped: bool
    made_at: uint256
    index: uint256
    slices: uint256[16]


WAD: constant(uint256) = scales.WAD
YEAR: constant(int256) = scales.SIGNED_YEAR
MONTH: constant(uint256) = 30 * 86400
NANO: constant(int256) = 10**9

TYPEHASH: constant(bytes32) = keccak256(
    "Surface(uint256 market,uint256 version,uint256 nonce,uint256 made_at,uint256 index,uint256[] slices)"
)

# a publication is brought within this time of its making, or never
MAX_AGE: constant(uint256) = 600
# nearest and farthest expiry, and how far ahead the last one must at least be
MIN_TENOR: constant(uint256) = 1800
MAX_TENOR: constant(uint256) = 400 * 86400
MIN_REACH: constant(uint256) = 7 * 86400
# below two days the cap on change stops growing with sqrt(30 d / tenor), as vol shocks of the margin do
SHORT_TENOR: constant(uint256) = 2 * 86400

MIN_HEARTBEAT: constant(uint256) = 300
MAX_HEARTBEAT: constant(uint256) = 86400
MIN_CAP_BPS: constant(uint256) = 100
MAX_CAP_BPS: constant(uint256) = 5000
BPS: constant(uint256) = scales.BPS

# bounds of one slice
MAX_RHO: constant(int256) = 999 * 10**6
MAX_M: constant(int256) = 2 * 10**9
MIN_SIGMA: constant(int256) = 10**6
MAX_SIGMA: constant(int256) = 4 * 10**9
# w grows by at most 2 per unit of log-moneyness (Lee 2004) [1e-21]
MAX_SLOPE: constant(int256) = 2 * 10**21
# 5 % and 500 % squared [Q64]
MIN_VARIANCE: constant(int256) = 2**64 // 400
MAX_VARIANCE: constant(int256) = 25 * 2**64

# checked strikes, in quarters of the standard deviation: near ones, then far ones
STEPS: constant(int256[7]) = [-10, -5, 0, 5, 10, -20, 20]
NEAR_STEPS: constant(uint256) = 5
# those and the bottom of the smile must lie above the expiry before
CALENDAR_STEPS: constant(uint256) = 8
# ln(K/F) of the farthest two [Q64]: strikes open within a factor of ten of spot, and ln(10) is 2.3
REACH: constant(int256) = 5 * 2**63

# bits of a settings word
VERSION_AT: constant(uint256) = 64
THRESHOLD_AT: constant(uint256) = 96
HEARTBEAT_AT: constant(uint256) = 104
CAP_AT: constant(uint256) = 136

PARAMETERS: immutable(address)
ORACLE: immutable(address)

# market -> nonce 64 | version 32 | threshold 8 | heartbeat 32 [seconds] | cap 16 [bps per hour]
words: HashMap[uint256, uint256]
# market -> account -> version of the list of publishers that names it
publishers: HashMap[uint256, HashMap[address, uint256]]


@deploy
def __init__(parameters: address, oracle: address):
    """
    @param parameters RiskParameters, whose owner names publishers.
    @param oracle OracleAdapter, which holds the surface in force.
    """
    domain.__init__("Bulkhead VolSurface", "1")
    PARAMETERS = parameters
    ORACLE = oracle


# --- publishers ----------------------------------------------------------------------------------------------


@external
def set_publishers(
    market: uint256, publishers: DynArray[address, 8], threshold: uint256, heartbeat: uint256, cap_bps: uint256
):
    """
    @notice Replaces who may publish a market's surface, and how fast it may move. Only the owner of RiskParameters.
    @dev A market with a price market has that one's surface and none of its own. Earlier signatures die with the list. An empty list ends publishing: the surface goes stale and fades.
    @param market Market index.
    @param publishers Accounts that sign, ascending.
    @param threshold How many of them must sign; 0 for an empty list.
    @param heartbeat Time after which a surface is stale [seconds].
    @param cap_bps Largest relative change of a 30-day vol in one hour; shorter tenors times sqrt(30 d / tenor) [bps].
    """
    assert msg.sender == staticcall IOwned(PARAMETERS).owner(), "surface/not-owner"
    assert staticcall IOracleAdapter(ORACLE).price_market(market) == market, "surface/price-market"
    count: uint256 = len(publishers)
    assert threshold <= count and (threshold != 0 or count == 0), "surface/threshold"
    assert heartbeat >= MIN_HEARTBEAT and heartbeat <= MAX_HEARTBEAT, "surface/heartbeat-range"
    assert cap_bps >= MIN_CAP_BPS and cap_bps <= MAX_CAP_BPS, "surface/cap-range"
    word: uint256 = self.words[market]
    version: uint256 = self._version(word) + 1
    last: uint256 = 0
    for account: address in publishers:
        assert convert(account, uint256) > last, "surface/publisher-order"
        last = convert(account, uint256)
        self.publishers[market][account] = version
    self.words[market] = (
        (word & (2**64 - 1))
        | (version << VERSION_AT)
        | (threshold << THRESHOLD_AT)
        | (heartbeat << HEARTBEAT_AT)
        | (cap_bps << CAP_AT)
    )
    log IVolSurface.PublishersSet(
        market=market,
        publishers=publishers,
        threshold=threshold,
        heartbeat=heartbeat,
        cap_bps=cap_bps,
        version=version,
    )


@external
def stop(market: uint256):
    """
    @notice Ends publishing for a market at once: its surface is stale from now on and fades into the fallback's by the ramp. Only
            the guardian. Only `set_publishers` starts it again, with a new list.
    @param market Market index.
    """
    assert msg.sender == staticcall IOwned(PARAMETERS).guardian(), "surface/not-guardian"
    word: uint256 = self.words[market]
    assert self._threshold(word) != 0, "surface/no-publishers"
    # the next version voids what the old list has signed
    word = (word & ~(255 << THRESHOLD_AT)) + (1 << VERSION_AT)
    self.words[market] = word
    extcall IOracleAdapter(ORACLE).stop_surface(market)
    log IVolSurface.PublishersSet(
        market=market,
        publishers=[],
        threshold=0,
        heartbeat=self._heartbeat(word),
        cap_bps=word >> CAP_AT,
        version=self._version(word),
    )


# --- publishing ----------------------------------------------------------------------------------------------


@external
def publish(
    market: uint256,
    nonce: uint256,
    made_at: uint256,
    index: uint256,
    slices: DynArray[uint256, 16],
    signatures: DynArray[Bytes[65], 8],
):
    """
    @notice Puts a signed surface in force. Anyone may bring it: who brings another's publication first only pays for it.
    @param market Market index.
    @param nonce The last one plus one: of several surfaces signed for one nonce the first to arrive counts.
    @param made_at When it was made, at most ten minutes ago [unix seconds]; it is live for the heartbeat from then.
    @param index Days of its expiries (oracle/surface). An expiry once published stays until half an hour before it.
    @param slices SVI slices in the order of the index (oracle/svi_slice).
    @param signatures Of at least `threshold` publishers over `digest`, in ascending order of their addresses.
    """
    word: uint256 = self.words[market]
    assert nonce == (word & (2**64 - 1)) + 1, "surface/nonce"
    assert made_at <= block.timestamp, "surface/from-the-future"
    assert block.timestamp - made_at <= MAX_AGE, "surface/too-old"
    self._check_signatures(
        market,
        word,
        domain._hash_typed_data_v4(self._struct_hash(market, self._version(word), nonce, made_at, index, slices)),
        signatures,
    )
    self.words[market] = word + 1

    before: Before = empty(Before)
    known: IOracleAdapter.PublishedSurface = staticcall IOracleAdapter(ORACLE).surface(market)
    before.index = known.index
    before.slices = known.slices
    before.capped = known.depended_on
    before.made_at = surface._made_at(known.word)
    assert made_at > before.made_at, "surface/not-newer"
    self._check_index(index, len(slices), made_at, before)

    cap: uint256 = (word >> CAP_AT) * BPS
    elapsed: uint256 = made_at - before.made_at
    lowest: int256 = MAX_VARIANCE
    highest: int256 = MIN_VARIANCE
    previous: Smile = empty(Smile)
    stored: uint256[16] = empty(uint256[16])
    for i: uint256 in range(len(slices), bound=16):
        low: int256 = 0
        high: int256 = 0
        previous, low, high = self._check_slice(
            slices[i], surface._expiry(index, i), made_at, previous, before, cap, elapsed
        )
        lowest = min(lowest, low)
        highest = max(highest, high)
        stored[i] = slices[i]

    live_until: uint256 = made_at + self._heartbeat(word)
    sigma_atm: uint256 = self._month_vol(index, stored, made_at)
    extcall IOracleAdapter(ORACLE).set_surface(
        market,
        made_at
        | (live_until << surface.LIVE_AT)
        | (sigma_atm // surface.ATM_UNIT << surface.ATM_AT)
        | ((self._bps(highest) + 1) << surface.HIGH_AT)
        | (self._bps(lowest) << surface.LOW_AT),
        index,
        stored,
    )
    log IVolSurface.SurfacePublished(
        market=market,
        nonce=nonce,
        made_at=made_at,
        live_until=live_until,
        sigma_atm=sigma_atm,
        index=index,
        slices=slices,
    )


@external
@view
def digest(
    market: uint256, nonce: uint256, made_at: uint256, index: uint256, slices: DynArray[uint256, 16]
) -> bytes32:
    """
    @notice What publishers sign: it names the present version of their list, so that a new list voids it.
    @param market Market index.
    @param nonce Number of the publication.
    @param made_at When it was made [unix seconds].
    @param index Days of its expiries.
    @param slices SVI slices.
    @return EIP-712 digest under this contract's domain on this chain.
    """
    version: uint256 = self._version(self.words[market])
    return domain._hash_typed_data_v4(self._struct_hash(market, version, nonce, made_at, index, slices))


@external
@view
def settings(market: uint256) -> IVolSurface.Settings:
    """
    @notice How a market's surface is published.
    @param market Market index.
    @return The settings.
    """
    word: uint256 = self.words[market]
    return IVolSurface.Settings(
        nonce=word & (2**64 - 1),
        version=self._version(word),
        threshold=self._threshold(word),
        heartbeat=self._heartbeat(word),
        cap=word >> CAP_AT,
    )


@external
@view
def is_publisher(market: uint256, account: address) -> bool:
    """
    @notice Whether an account's signature counts.
    @param market Market index.
    @param account The account.
    @return True when the present list names it.
    """
    version: uint256 = self._version(self.words[market])
    return version != 0 and self.publishers[market][account] == version


# --- who -----------------------------------------------------------------------------------------------------


@internal
@pure
def _version(word: uint256) -> uint256:
    return (word >> VERSION_AT) & (2**32 - 1)


@internal
@pure
def _threshold(word: uint256) -> uint256:
    return (word >> THRESHOLD_AT) & 255


@internal
@pure
def _heartbeat(word: uint256) -> uint256:
    return (word >> HEARTBEAT_AT) & (2**32 - 1)


@internal
@pure
def _struct_hash(
    market: uint256,
    version: uint256,
    nonce: uint256,
    made_at: uint256,
    index: uint256,
    slices: DynArray[uint256, 16],
) -> bytes32:
    encoded: Bytes[576] = abi_encode(slices)
    return keccak256(
        abi_encode(
            TYPEHASH,
            market,
            version,
            nonce,
            made_at,
            index,
            # without the head and the length
            keccak256(slice(encoded, 64, len(encoded) - 64)),
        )
    )


@internal
@view
def _check_signatures(market: uint256, word: uint256, digest: bytes32, signatures: DynArray[Bytes[65], 8]):
    """
    @dev Ascending signers are distinct signers. A market without publishers has version 0, which names nobody: the
         threshold of an empty list is out of reach.
    """
    threshold: uint256 = self._threshold(word)
    assert threshold != 0, "surface/no-publishers"
    assert len(signatures) >= threshold, "surface/too-few-signatures"
    version: uint256 = self._version(word)
    last: uint256 = 0
    for signed: Bytes[65] in signatures:
        signer: address = signature._recover(digest, signed)
        assert convert(signer, uint256) > last, "surface/signer-order"
        last = convert(signer, uint256)
        assert self.publishers[market][signer] == version, "surface/not-a-publisher"


# --- what ----------------------------------------------------------------------------------------------------


@internal
@pure
def _check_index(index: uint256, count: uint256, made_at: uint256, before: Before):
    """
    @notice Expiries ascend, one for each slice, none too near or too far, and none of the surface in force is missing.
    """
    assert count != 0, "surface/no-slices"
    last: uint256 = made_at + MIN_TENOR - 1
    dropped: uint256 = 0
    lane: uint256 = 0
    if before.capped:
        for i: uint256 in range(surface.MAX_EXPIRIES):
            at: uint256 = surface._expiry(before.index, i)
            if at == 0:
                break
            if at > last:
                dropped += 1
    for i: uint256 in range(surface.MAX_EXPIRIES):
        at: uint256 = surface._expiry(index, i)
        if i >= count:
            assert at == 0, "surface/stray-expiry"
            continue
        assert at > last, "surface/expiry-order"
        last = at
        if dropped != 0:
            for j: uint256 in range(surface.MAX_EXPIRIES):
                old: uint256 = surface._expiry(before.index, lane)
                if old == 0 or old > at:
                    break
                if old == at:
                    dropped -= 1
                lane += 1
    assert dropped == 0, "surface/expiry-dropped"
    assert last >= made_at + MIN_REACH, "surface/too-short"
    assert last <= made_at + MAX_TENOR, "surface/too-long"


@internal
@pure
def _smile(word: uint256) -> Smile:
    return Smile(
        a=svi_slice._a(word),
        b=svi_slice._b(word),
        rho=svi_slice._rho(word),
        m=svi_slice._m(word),
        sigma=svi_slice._sigma(word),
    )


@internal
@pure
def _check_slice(
    word: uint256,
    expiry: uint256,
    made_at: uint256,
    previous: Smile,
    before: Before,
    cap: uint256,
    elapsed: uint256,
) -> (Smile, int256, int256):
    """
    @notice Whether one smile holds together, lies above the one before it, and near the one in force.
    @param previous The smile of the expiry before; sigma 0 when there is none.
    @return (the smile, lowest and highest iv^2 at the near strikes [Q64]).
    """
    assert word >> svi_slice.BITS == 0, "surface/slice-range"
    smile: Smile = self._smile(word)
    assert (
        abs(smile.rho) <= MAX_RHO
        and abs(smile.m) <= MAX_M
        and smile.sigma >= MIN_SIGMA
        and smile.sigma <= MAX_SIGMA
        and unsafe_mul(smile.b, unsafe_add(NANO, abs(smile.rho))) <= MAX_SLOPE
    ), "surface/slice-range"
    # least total variance: a + b*sigma*sqrt(1 - rho^2)
    root: int256 = fixed._sqrt_ratio(
        convert(unsafe_sub(unsafe_mul(NANO, NANO), unsafe_mul(smile.rho, smile.rho)), uint256), WAD
    )
    least: int256 = unsafe_add(
        smile.a << 64, unsafe_div(unsafe_mul(unsafe_mul(smile.b, smile.sigma), root), NANO)
    )
    assert least >= 0, "surface/negative-variance"

    seconds: int256 = convert(expiry - made_at, int256)
    middle: int256 = svi._total_variance(smile.a, smile.b, smile.rho, smile.m, smile.sigma, 0)
    self._check_vol(middle, seconds)
    deviation: int256 = fixed._sqrt_ratio(convert(middle, uint256), 2**64)

    near: uint256 = 0
    far: uint256 = 0
    weight: uint256 = 0
    square: int256 = 0
    if before.capped:
        near, far, weight = self._in_force(before, expiry, made_at)
        growth: uint256 = surface._growth(self._cap(cap, expiry - made_at), elapsed)
        square = convert(growth * growth // WAD, int256)

    lowest: int256 = MAX_VARIANCE
    highest: int256 = 0
    # log-moneyness at which the smile is lowest: m - rho*sigma/sqrt(1 - rho^2), within reach
    bottom: int256 = unsafe_sub(
        unsafe_div(smile.m << 64, NANO),
        unsafe_div(unsafe_mul(smile.rho, smile.sigma) << 128, unsafe_mul(root, NANO * NANO)),
    )
    far_strikes: int256[3] = [min(max(bottom, -REACH), REACH), -REACH, REACH]
    for i: uint256 in range(10):
        k: int256 = 0
        if i < 7:
            k = unsafe_div(unsafe_mul(deviation, STEPS[i]), 4)
        else:
            k = far_strikes[unsafe_sub(i, 7)]
        w: int256 = 0
        g: int256 = 0
        w, g = svi._density(smile.a, smile.b, smile.rho, smile.m, smile.sigma, k)
        assert g >= 0, "surface/butterfly"
        if i < NEAR_STEPS:
            variance: int256 = self._check_vol(w, seconds)
            lowest = min(lowest, variance)
            highest = max(highest, variance)
        # the wings of neighbours may cross where a near expiry has no options: no vault holds two expiries
        if previous.sigma != 0 and i < CALENDAR_STEPS:
            assert w >= svi._total_variance(
                previous.a, previous.b, previous.rho, previous.m, previous.sigma, k
            ), "surface/calendar"
        if square != 0:
            old: int256 = svi_slice._total_variance(near, k)
            if weight != 0:
                change: int256 = unsafe_sub(svi_slice._total_variance(far, k), old)
                old = unsafe_add(old, unsafe_div(unsafe_mul(change, convert(weight, int256)), convert(WAD, int256)))
            assert (
                unsafe_mul(w, convert(WAD, int256)) <= unsafe_mul(old, square)
                and unsafe_mul(old, convert(WAD, int256)) <= unsafe_mul(w, square)
            ), "surface/too-fast"
    return smile, lowest, highest


@internal
@pure
def _check_vol(w: int256, seconds: int256) -> int256:
    """
    @notice iv^2 of a total variance, within bounds [Q64].
    """
    variance: int256 = unsafe_div(unsafe_mul(w, YEAR), seconds)
    assert variance >= MIN_VARIANCE and variance <= MAX_VARIANCE, "surface/vol-range"
    return variance


@internal
@pure
def _in_force(before: Before, expiry: uint256, now: uint256) -> (uint256, uint256, uint256):
    """
    @notice The surface in force at an expiry as of `now`: two slices and the weight of the far one [wad].
    """
    near_at: uint256 = 0
    far_at: uint256 = 0
    weight: uint256 = 0
    near_at, far_at, weight = surface._neighbours(before.index, expiry, now)
    if near_at == 0:
        return 0, 0, 0
    if far_at == 0:
        return self._scaled(before, near_at, expiry - now), 0, 0
    return self._scaled(before, near_at, near_at - now), self._scaled(before, far_at, far_at - now), weight


@internal
@pure
def _scaled(before: Before, at: uint256, left: uint256) -> uint256:
    """
    @notice A slice of the surface in force, scaled to `left` seconds.
    """
    lane: uint256 = 0
    for i: uint256 in range(surface.MAX_EXPIRIES):
        if surface._expiry(before.index, i) == at:
            lane = i
            break
    return svi_slice._scale(before.slices[lane], left, at - before.made_at)


@internal
@pure
def _cap(cap: uint256, tenor: uint256) -> uint256:
    """
    @notice Largest relative change of a vol in one hour: the cap at 30 days, times sqrt(30 d / tenor) below [wad].
    """
    if tenor >= MONTH:
        return cap
    root: uint256 = convert(fixed._sqrt_ratio(MONTH, max(tenor, SHORT_TENOR)), uint256)
    return min((cap * root) >> 64, WAD)


@internal
@pure
def _month_vol(index: uint256, slices: uint256[16], made_at: uint256) -> uint256:
    """
    @notice At-the-money vol at 30 days [wad].
    """
    now: Before = Before(capped=False, made_at=made_at, index=index, slices=slices)
    near: uint256 = 0
    far: uint256 = 0
    weight: uint256 = 0
    near, far, weight = self._in_force(now, made_at + MONTH, made_at)
    return convert(svi_slice._iv(near, far, weight, 0, MONTH), uint256)


@internal
@pure
def _bps(variance: int256) -> uint256:
    """
    @notice A vol in basis points, rounded down.
    """
    return isqrt(convert(variance, uint256) * 10**8 >> 64)
