# pragma version 0.4.3
# pragma optimize gas
"""
@title Expiry prices: one average, live and final
@license AGPL-3.0-only
@notice P = floor(sum over the seconds of the settlement window of the price in force, divided by their number); the live average
        is the same sum up to now. Both are one walk over the feed's own rounds, so that hints, observers and callers decide
        who does how much work, and never the price (docs/oracle.md).
@dev Owns: how far each cell's sums are kept, and the final prices. Trusts OracleAdapter for feeds, windows and the last
     undisputed price. Assumes of a feed only what it shows: a round counts when `getRoundData` answers it inside the feed's
     bounds. The walk starts at the highest id, in the newest phase that has one, stamped at or before the window's start; from
     there, in order of ids, a round counts unless its stamp is earlier than that of the last one that counted. An older
     phase ends where the next one's first readable round begins, or at eight ids in a row that cannot be read.
     Of brought prices nothing is kept: their adapter sums a window's samples in one call.
"""

from contracts.math import scales
from contracts.oracle import feeds
from interfaces import IExpiryPrices
from interfaces import IOracleAdapter
from interfaces import IPullFeed

implements: IExpiryPrices


# what one feed says of a window
struct Outcome:
    average: uint256    # [wad]
    price: uint256      # in force at the expiry, however old [wad]
    stamp: uint256      # since when
    is_complete: bool   # every round of the window is in it, and no other one can appear
    is_young: bool      # the price in force at the expiry was fresh
    clamped: bool
    own: bool
    can_answer: bool    # a sum that is not complete can still become so


# reads of one call, backwards to a start and forwards from it
MAX_WALK: constant(uint256) = 48
# ids in a row without a readable round that end an older phase
GAP: constant(uint256) = 8
# phases between a start and the newest round
MAX_PHASES: constant(uint256) = 16
# a window summed from no more rounds than this is cheaper to sum again than to keep
FREE_WALK: constant(uint256) = 3
# samples of brought prices that may be missing in an open window, and how long they are waited for
MAX_MISSING: constant(uint256) = 3
BRING_SECONDS: constant(uint256) = 3600
# gas for summing the samples of a window, two hours at most
BROUGHT_GAS: constant(uint256) = 2_000_000
BROUGHT_GAS_NEEDED: constant(uint256) = 2_050_000
# from then on any price that nobody chooses is better than none
LAST_RESORT_SECONDS: constant(uint256) = 6 * 3600
# a feed that answers, and whose sum only needs calls, is waited for until then
ANY_PRICE_SECONDS: constant(uint256) = 24 * 3600
WAD: constant(uint256) = scales.WAD

# sources of an expiry price
FROM_PRIMARY: constant(uint256) = 1
FROM_FALLBACK: constant(uint256) = 2
FROM_IN_FORCE: constant(uint256) = 3    # last resort: in force at the expiry, however old
FROM_UNDISPUTED: constant(uint256) = 4  # last resort: the undisputed price before the expiry

ORACLE: immutable(address)

# market << 64 | expiry (| moment << 128 of the walk that judges) -> feed -> id 80 | stamp 40 | price 96 | done 1 | clamped 1 | own 1, begun 80 | phase 16 | integral 112
kept: HashMap[uint256, HashMap[address, uint256[2]]]
# market << 64 | expiry -> price | source << 248
fixed_prices: HashMap[uint256, uint256]


@deploy
def __init__(oracle: address):
    """
    @param oracle OracleAdapter, whose feeds and windows these prices are of.
    """
    ORACLE = oracle


# --- the price -----------------------------------------------------------------------------------------------


@external
def fix(market: uint256, expiry: uint256, hints: DynArray[uint256, 64]) -> uint256:
    """
    @notice Carries the sum of a settlement window as far as one call goes, and fixes the price once it is final. Open to
            anyone, from the window's start on.
    @dev A hint is a start if it is stamped at or before the window's start while its next readable round, and the first of
         every later phase, is not. Without one a call looks 48 rounds back in the newest phase. A higher start replaces a lower.
    @param market The market's index.
    @param expiry Expiry of the cell [unix seconds].
    @param hints Round ids of either feed; useless ones are ignored.
    @return Expiry price [wad], or 0 while it is not final.
    """
    key: uint256 = self._key(market, expiry)
    known: uint256 = self.fixed_prices[key]
    if known != 0:
        return known & feeds.MAX_PRICE
    terms: IOracleAdapter.Terms = extcall IOracleAdapter(ORACLE).stamp_cell(market, expiry)
    if terms.market != market:
        # under a price market there is one price of both
        key = self._key(terms.market, expiry)
        known = self.fixed_prices[key]
        if known != 0:
            return known & feeds.MAX_PRICE
    window: IExpiryPrices.Window = IExpiryPrices.Window(
        market=terms.market,
        expiry=expiry,
        start=unsafe_sub(expiry, min(terms.window, expiry)),
        delay=terms.delay,
        feed=terms.primary,
    )
    assert block.timestamp >= window.start, "expiry/before-window"

    primary: Outcome = self._outcome(window, hints)
    second: Outcome = empty(Outcome)
    if terms.fallback_feed != 0 and (
        block.timestamp < expiry
        or block.timestamp >= expiry + LAST_RESORT_SECONDS
        or self._needs_second(primary)
    ):
        window.feed = terms.fallback_feed
        second = self._outcome(window, hints)
        window.feed = terms.primary
    if block.timestamp < expiry:
        return 0

    price: uint256 = 0
    source: uint256 = 0
    waits: bool = False
    price, source, waits = self._decide(window, terms, primary, second, hints)
    late: uint256 = unsafe_sub(block.timestamp, expiry)
    if price == 0 and late >= LAST_RESORT_SECONDS and (not waits or late >= ANY_PRICE_SECONDS):
        price, source = self._last_resort(window, primary, second)
    if price != 0:
        self.fixed_prices[key] = price | (source << 248)
        log IExpiryPrices.ExpiryPriceFixed(market=terms.market, expiry=expiry, price=price, source=source)
    return price


@external
def carry(window: IExpiryPrices.Window) -> IExpiryPrices.Live:
    """
    @notice `average`, and keeps how far it came when that was more than three rounds. Only OracleAdapter.
    @param window One feed's window.
    @return The sum up to now.
    """
    assert msg.sender == ORACLE, "expiry/only-oracle"
    if feeds._kind(window.feed) == feeds.BROUGHT:
        return self._brought_so_far(window)
    known: IExpiryPrices.Progress = self._load(window)
    progress: IExpiryPrices.Progress = empty(IExpiryPrices.Progress)
    is_complete: bool = False
    reads: uint256 = 0
    progress, is_complete, reads = self._advance(window, known, [])
    if reads > FREE_WALK:
        self._keep(self._key(window.market, window.expiry), window.feed, progress)
    return self._so_far(window, progress, is_complete, reads)


@external
@view
def average(window: IExpiryPrices.Window) -> IExpiryPrices.Live:
    """
    @notice The sum of an open window up to now, by the walk that also fixes the price.
    @param window One feed's window.
    @return The sum up to now; not complete when more than one call is needed to reach the newest round.
    """
    if feeds._kind(window.feed) == feeds.BROUGHT:
        return self._brought_so_far(window)
    progress: IExpiryPrices.Progress = empty(IExpiryPrices.Progress)
    is_complete: bool = False
    reads: uint256 = 0
    progress, is_complete, reads = self._advance(window, self._load(window), [])
    return self._so_far(window, progress, is_complete, reads)


@external
@view
def price(market: uint256, expiry: uint256) -> uint256:
    """
    @notice Final price of an expiry; under a price market, that one's.
    @param market The market's index.
    @param expiry Expiry of the cell [unix seconds].
    @return Price [wad], 0 until fixed.
    """
    word: uint256 = self.fixed_prices[self._key(market, expiry)]
    if word == 0:
        own: uint256 = staticcall IOracleAdapter(ORACLE).price_market(market)
        if own != market:
            word = self.fixed_prices[self._key(own, expiry)]
    return word & feeds.MAX_PRICE


@external
@view
def progress(market: uint256, expiry: uint256, feed: address) -> IExpiryPrices.Progress:
    """
    @notice How far the sum of one feed is kept for a cell.
    @param market The market's index.
    @param expiry Expiry of the cell [unix seconds].
    @param feed The feed's address.
    @return The progress, zeros when none is kept.
    """
    return self._unpack(self.kept[self._key(staticcall IOracleAdapter(ORACLE).price_market(market), expiry)][feed])


# --- deciding ------------------------------------------------------------------------------------------------


@internal
@pure
def _key(market: uint256, expiry: uint256) -> uint256:
    return (market << 64) | expiry


@internal
@pure
def _counts(outcome: Outcome) -> bool:
    """
    @notice Whether a fallback's average can be the price.
    """
    return outcome.is_complete and outcome.is_young and not outcome.clamped


@internal
@pure
def _needs_second(primary: Outcome) -> bool:
    """
    @notice Whether the fallback's sum can matter.
    """
    if not primary.is_complete:
        return not primary.can_answer or primary.clamped
    return not primary.is_young or primary.clamped or not primary.own


@internal
def _decide(
    window: IExpiryPrices.Window,
    terms: IOracleAdapter.Terms,
    primary: Outcome,
    second: Outcome,
    hints: DynArray[uint256, 64],
) -> (uint256, uint256, bool):
    """
    @notice Whose average counts. The primary's, but for what docs/oracle.md lists.
    @return (price or 0, source, whether calls or time can still bring a price).
    """
    if not primary.is_complete and primary.can_answer and (
        block.timestamp < window.expiry + LAST_RESORT_SECONDS or not self._counts(second)
    ):
        return 0, 0, True
    counts: bool = primary.is_complete and primary.is_young
    if terms.fallback_feed == 0:
        return primary.average if counts else 0, FROM_PRIMARY, False
    counts = counts and not primary.clamped
    if counts and primary.own:
        return primary.average, FROM_PRIMARY, False
    if not second.is_complete and second.can_answer:
        return 0, 0, True
    if counts:
        # the primary had nothing new in its window: did the fallback see another market?
        if not self._counts(second) or not second.own:
            return primary.average, FROM_PRIMARY, False
        distance: uint256 = self._distance(primary.average, second.average)
        if distance * WAD <= terms.deviation * second.average:
            return primary.average, FROM_PRIMARY, False
        known: bool = False
        is_second: bool = False
        known, is_second = self._judge(window, terms, primary, hints)
        if not known:
            return 0, 0, True
        if not is_second:
            return primary.average, FROM_PRIMARY, False
    if not self._counts(second):
        return 0, 0, False
    return second.average, FROM_FALLBACK, False


@internal
def _judge(
    window: IExpiryPrices.Window, terms: IOracleAdapter.Terms, primary: Outcome, hints: DynArray[uint256, 64]
) -> (bool, bool):
    """
    @notice Which feed the primary's first round after the expiry bears out; none in time speaks for the fallback.
    @return (whether that is known, whether it is the fallback).
    """
    # not later than the last resort, else there would be two prices
    limit: uint256 = min(
        primary.stamp + feeds._age_limit(terms.primary), window.expiry + LAST_RESORT_SECONDS
    )
    after: feeds.Reading = self._first_after(window, limit)
    if after.reason == feeds.FUTURE:
        return False, False
    if after.price == 0 or after.stamp > limit:
        return block.timestamp > limit, True
    price: uint256 = self._price_at(window, terms.fallback_feed, after.stamp - 1, hints)
    if price == 0:
        return False, False
    return True, self._distance(after.price, price) < self._distance(after.price, primary.price)


@internal
@view
def _first_after(window: IExpiryPrices.Window, limit: uint256) -> feeds.Reading:
    """
    @notice The primary's first round after the expiry, no price when there is none by then; FUTURE while an earlier one may
            still be brought, or who leaves some out would choose it. Its sum is complete.
    @param limit The latest stamp that counts [unix seconds].
    """
    newest: feeds.Reading = feeds._read(window.feed, feeds.NEWEST)
    if feeds._kind(window.feed) == feeds.BROUGHT:
        for i: uint256 in range(60):
            minute: uint256 = unsafe_add(window.expiry // 60, i + 1)
            if minute * 60 > limit:
                break
            reading: feeds.Reading = feeds._read(window.feed, (1 << 64) | minute)
            if reading.price != 0:
                return reading
            if block.timestamp < minute * 60 + BRING_SECONDS:
                reading.reason = feeds.FUTURE
                return reading
        return empty(feeds.Reading)
    progress: IExpiryPrices.Progress = self._load(window)
    for i: uint256 in range(MAX_WALK):
        id: uint256 = progress.id + i + 1
        if id > newest.id:
            break
        reading: feeds.Reading = feeds._read(window.feed, id)
        if reading.price != 0 and reading.stamp > window.expiry:
            return reading
    return empty(feeds.Reading)


@internal
def _price_at(
    window: IExpiryPrices.Window, feed: uint256, at: uint256, hints: DynArray[uint256, 64]
) -> uint256:
    """
    @notice A feed's price in force at a moment after the expiry, 0 when more calls are needed to find it.
    @dev The walk goes on from where the cell's sum stands and is kept under that moment; a hint of the round in force then ends it
         at once. So it takes calls, and nobody's choice, to find it.
    """
    if feeds._kind(feed) == feeds.BROUGHT:
        start: uint256 = at // 60 * 60
        total: IPullFeed.Samples = empty(IPullFeed.Samples)
        answers: bool = False
        answers, total = self._ask_sum(feed, start, start + 1)
        if not total.is_full and block.timestamp < start + BRING_SECONDS:
            # waited for as those of the window are, or who leaves it out would choose the one before
            return 0
        return total.price * feeds._scale(feed)
    later: IExpiryPrices.Window = window
    later.feed = feed
    later.expiry = at
    key: uint256 = self._key(window.market, window.expiry)
    own_key: uint256 = (at << 128) | key
    known: IExpiryPrices.Progress = self._unpack(self.kept[own_key][feeds._address(feed)])
    if known.begun == 0:
        known = self._unpack(self.kept[key][feeds._address(feed)])
        known.done = False
    progress: IExpiryPrices.Progress = empty(IExpiryPrices.Progress)
    is_complete: bool = False
    reads: uint256 = 0
    progress, is_complete, reads = self._advance(later, known, hints)
    if is_complete:
        return progress.price
    self._keep(own_key, feed, progress)
    later.start = at
    progress, is_complete, reads = self._advance(later, empty(IExpiryPrices.Progress), hints)
    return progress.price if is_complete else 0


@internal
@view
def _last_resort(
    window: IExpiryPrices.Window, primary: Outcome, second: Outcome
) -> (uint256, uint256):
    """
    @notice The price in force at the expiry, however old, of the feed with the later stamp; else the last undisputed one
            before it, of which a listing leaves at least the first.
    """
    best: Outcome = primary
    if second.is_complete and (not primary.is_complete or second.stamp > primary.stamp):
        best = second
    if best.is_complete and best.price != 0:
        return best.price, FROM_IN_FORCE
    return (
        staticcall IOracleAdapter(ORACLE).undisputed_before(window.market, window.expiry),
        FROM_UNDISPUTED,
    )


@internal
@pure
def _distance(a: uint256, b: uint256) -> uint256:
    return max(a, b) - min(a, b)


# --- one feed ------------------------------------------------------------------------------------------------


@internal
def _outcome(window: IExpiryPrices.Window, hints: DynArray[uint256, 64]) -> Outcome:
    """
    @notice Carries the sum of one feed as far as one call goes, keeps it, and says what it gives.
    """
    if feeds._kind(window.feed) == feeds.BROUGHT:
        return self._brought(window)
    known: IExpiryPrices.Progress = self._load(window)
    progress: IExpiryPrices.Progress = empty(IExpiryPrices.Progress)
    is_complete: bool = False
    reads: uint256 = 0
    progress, is_complete, reads = self._advance(window, known, hints)
    self._keep(self._key(window.market, window.expiry), window.feed, progress)
    result: Outcome = Outcome(
        average=progress.price,
        price=progress.price,
        stamp=progress.stamp,
        is_complete=is_complete and block.timestamp >= window.expiry + window.delay,
        is_young=progress.stamp + feeds._age_limit(window.feed) >= window.expiry,
        clamped=progress.clamped,
        own=progress.own,
        can_answer=True,
    )
    if window.expiry != window.start:
        result.average = (
            progress.integral
            + progress.price * (window.expiry - min(max(progress.stamp, window.start), window.expiry))
        ) // (window.expiry - window.start)
    if not is_complete:
        newest: feeds.Reading = feeds._read_newest(window.feed)
        result.can_answer = (
            newest.id != 0
            and newest.reason != feeds.DECIMALS
            and feeds._read(window.feed, newest.id).reason != feeds.UNREACHABLE
        )
    return result


@internal
@view
def _brought(window: IExpiryPrices.Window) -> Outcome:
    """
    @notice What the samples of a window give: final when all are there, at the latest an hour after the expiry.
    """
    found: IPullFeed.Samples = empty(IPullFeed.Samples)
    answers: bool = False
    upto: uint256 = max(window.expiry, window.start + 1)
    answers, found = self._ask_sum(window.feed, window.start, upto)
    if not answers:
        return empty(Outcome)
    is_final: bool = block.timestamp >= window.expiry and (
        found.is_full or block.timestamp >= window.expiry + BRING_SECONDS
    )
    scale: uint256 = feeds._scale(window.feed)
    return Outcome(
        average=found.sum * scale // (upto - window.start),
        price=found.price * scale,
        stamp=found.last,
        is_complete=is_final and found.is_begun,
        is_young=found.last + BRING_SECONDS >= window.expiry,
        clamped=False,
        own=found.last > window.start,
        can_answer=not is_final,
    )


@internal
@view
def _ask_sum(feed: uint256, start: uint256, upto: uint256) -> (bool, IPullFeed.Samples):
    """
    @notice Asks a brought feed for the sum of its samples. It counts as unable to answer only if it really got its gas.
    """
    gas_before: uint256 = msg.gas
    success: bool = False
    answer: Bytes[192] = b""
    success, answer = raw_call(
        feeds._address(feed),
        abi_encode(start, upto, method_id=method_id("samples(uint256,uint256)", output_type=Bytes[4])),
        max_outsize=192,
        gas=BROUGHT_GAS,
        is_static_call=True,
        revert_on_failure=False,
    )
    assert success or gas_before >= BROUGHT_GAS_NEEDED, "oracle/gas"
    if not success or len(answer) < 192:
        return False, empty(IPullFeed.Samples)
    return True, IPullFeed.Samples(
        sum=extract32(answer, 0, output_type=uint256),
        is_begun=extract32(answer, 32, output_type=uint256) != 0,
        last=extract32(answer, 64, output_type=uint256),
        price=extract32(answer, 96, output_type=uint256),
        missing=extract32(answer, 128, output_type=uint256),
        is_full=extract32(answer, 160, output_type=uint256) != 0,
    )


@internal
@view
def _brought_so_far(window: IExpiryPrices.Window) -> IExpiryPrices.Live:
    found: IPullFeed.Samples = empty(IPullFeed.Samples)
    answers: bool = False
    answers, found = self._ask_sum(window.feed, window.start, min(block.timestamp, window.expiry))
    if not answers or not found.is_begun or found.missing > MAX_MISSING:
        return empty(IExpiryPrices.Live)
    return IExpiryPrices.Live(sum=found.sum * feeds._scale(window.feed), is_complete=True, reads=0)


@internal
@view
def _so_far(
    window: IExpiryPrices.Window, progress: IExpiryPrices.Progress, is_complete: bool, reads: uint256
) -> IExpiryPrices.Live:
    if not is_complete:
        return IExpiryPrices.Live(sum=0, is_complete=False, reads=reads)
    upto: uint256 = min(block.timestamp, window.expiry)
    since: uint256 = max(progress.stamp, window.start)
    return IExpiryPrices.Live(
        sum=progress.integral + progress.price * (upto - min(since, upto)), is_complete=True, reads=reads
    )


# --- the walk ------------------------------------------------------------------------------------------------


@internal
@view
def _get(feed: uint256, newest: uint256, id: uint256) -> feeds.Reading:
    """
    @notice One round; what is beyond the newest cannot be read.
    """
    if id > newest:
        return empty(feeds.Reading)
    return feeds._read(feed, id)


@internal
@pure
def _is_shown(reading: feeds.Reading) -> bool:
    return reading.price != 0 or reading.reason == feeds.FUTURE


@internal
@view
def _head_stamp(feed: uint256, newest: uint256, phase: uint256) -> uint256:
    """
    @notice Stamp of a phase's first readable round, the largest number when it has none.
    """
    for i: uint256 in range(1, GAP + 1):
        reading: feeds.Reading = self._get(feed, newest, (phase << 64) | i)
        if self._is_shown(reading):
            return reading.stamp
    return max_value(uint256)


@internal
@view
def _cut(feed: uint256, newest: uint256, phase: uint256) -> uint256:
    """
    @notice Where a phase ends at the latest: the earliest first stamp of the later ones, the largest number when
            none is known.
    """
    cut: uint256 = max_value(uint256)
    later: uint256 = newest >> 64
    if later > phase + MAX_PHASES:
        return cut
    for i: uint256 in range(1, MAX_PHASES + 1):
        if phase + i > later:
            break
        cut = min(cut, self._head_stamp(feed, newest, phase + i))
    return cut


@internal
@view
def _is_start(window: IExpiryPrices.Window, newest: uint256, hint: feeds.Reading) -> bool:
    """
    @notice Whether a round is the one in force at the window's start, as far as its neighbours tell.
    """
    if hint.price == 0 or hint.stamp > window.start:
        return False
    phase: uint256 = hint.id >> 64
    if phase + MAX_PHASES < newest >> 64:
        return False
    for i: uint256 in range(1, MAX_PHASES + 1):
        if phase + i > newest >> 64:
            break
        if self._head_stamp(window.feed, newest, phase + i) <= window.start:
            return False
    for i: uint256 in range(1, GAP + 1):
        after: feeds.Reading = self._get(window.feed, newest, hint.id + i)
        if self._is_shown(after):
            return after.stamp > window.start
    return True


@internal
@view
def _begin(
    window: IExpiryPrices.Window, newest: uint256, known: IExpiryPrices.Progress, hints: DynArray[uint256, 64]
) -> (IExpiryPrices.Progress, uint256):
    """
    @notice The best start: a hint higher than the known one, else the known one, else found looking back.
    @return (progress, reads).
    """
    phase: uint256 = newest >> 64
    progress: IExpiryPrices.Progress = known
    if known.phase != phase:
        progress = empty(IExpiryPrices.Progress)
    for hint: uint256 in hints:
        if hint <= progress.begun or hint > newest:
            continue
        reading: feeds.Reading = feeds._read(window.feed, hint)
        if self._is_start(window, newest, reading):
            progress = self._started(window, phase, reading)
    if progress.begun != 0:
        return progress, 0
    for i: uint256 in range(MAX_WALK):
        id: uint256 = unsafe_sub(newest, i)
        if id >> 64 != phase or id & feeds.NUMBER_MASK == 0:
            return progress, i
        reading: feeds.Reading = feeds._read(window.feed, id)
        if reading.price != 0 and reading.stamp <= window.start:
            return self._started(window, phase, reading), i + 1
    return progress, MAX_WALK


@internal
@pure
def _started(
    window: IExpiryPrices.Window, phase: uint256, reading: feeds.Reading
) -> IExpiryPrices.Progress:
    return IExpiryPrices.Progress(
        begun=reading.id,
        phase=phase,
        id=reading.id,
        stamp=reading.stamp,
        price=reading.price,
        integral=0,
        done=False,
        clamped=False,
        own=False,
    )


@internal
@view
def _advance(
    window: IExpiryPrices.Window, known: IExpiryPrices.Progress, hints: DynArray[uint256, 64]
) -> (IExpiryPrices.Progress, bool, uint256):
    """
    @notice Carries a sum to the feed's newest round, or past the expiry, as far as one call goes.
    @return (progress, whether it holds every round up to the newest, rounds read).
    """
    head: feeds.Reading = feeds._read_newest(window.feed)
    newest: uint256 = head.id
    # at another scale than the listing's nothing may be summed
    if newest == 0 or head.reason == feeds.DECIMALS:
        return known, False, 0
    reads: uint256 = 0
    progress: IExpiryPrices.Progress = empty(IExpiryPrices.Progress)
    progress, reads = self._begin(window, newest, known, hints)
    if progress.begun == 0:
        return progress, False, reads
    cursor: uint256 = progress.id
    cut: uint256 = 0
    for i: uint256 in range(MAX_WALK + 1):
        if progress.done or cursor >= newest:
            return progress, True, reads
        if i == MAX_WALK:
            break
        is_older: bool = cursor >> 64 != newest >> 64
        if is_older and cut == 0:
            cut = self._cut(window.feed, newest, cursor >> 64)
            if cut == max_value(uint256):
                return progress, False, reads
        reading: feeds.Reading = self._get(window.feed, newest, cursor + 1)
        reads += 1
        is_shown: bool = self._is_shown(reading)
        if is_older and (cursor + 1 - progress.id > GAP or (is_shown and reading.stamp >= cut)):
            cursor = ((cursor >> 64) + 1) << 64
            progress.id = cursor
            cut = 0
            continue
        cursor += 1
        if is_shown:
            if reading.reason == feeds.FUTURE and reading.stamp >= progress.stamp:
                # not in force yet, nor is anything behind it
                return progress, True, reads
            progress = self._with(window, progress, reading, cursor)
        else:
            # also one from before the window: it would be the price in force at the start
            if reading.reason == feeds.BOUND and reading.stamp <= window.expiry:
                progress.clamped = True
            if not is_older:
                # the newest may still become readable
                if cursor == newest and block.timestamp < window.expiry + window.delay:
                    return progress, False, reads
                progress.id = cursor
    return progress, False, reads


@internal
@pure
def _with(
    window: IExpiryPrices.Window,
    known: IExpiryPrices.Progress,
    reading: feeds.Reading,
    cursor: uint256,
) -> IExpiryPrices.Progress:
    """
    @notice The progress after one more readable round.
    """
    progress: IExpiryPrices.Progress = known
    if reading.stamp <= window.start:
        return self._started(window, known.phase, reading)
    if reading.stamp < known.stamp:
        progress.id = cursor
    elif reading.stamp > window.expiry:
        progress.done = True
    else:
        progress.id = cursor
        progress.integral += known.price * (reading.stamp - max(known.stamp, window.start))
        progress.stamp = reading.stamp
        progress.price = reading.price
        # the window ends before the expiry's second
        progress.own = known.own or reading.stamp < window.expiry
    return progress


# --- what is kept --------------------------------------------------------------------------------------------


@internal
@view
def _load(window: IExpiryPrices.Window) -> IExpiryPrices.Progress:
    return self._unpack(
        self.kept[self._key(window.market, window.expiry)][feeds._address(window.feed)]
    )


@internal
@pure
def _unpack(words: uint256[2]) -> IExpiryPrices.Progress:
    return IExpiryPrices.Progress(
        begun=words[1] & feeds.ROUND_ID_MASK,
        phase=(words[1] >> 80) & 65535,
        id=words[0] & feeds.ROUND_ID_MASK,
        stamp=(words[0] >> 80) & (2**40 - 1),
        price=(words[0] >> 120) & feeds.MAX_PRICE,
        integral=words[1] >> 96,
        done=(words[0] >> 216) & 1 != 0,
        clamped=(words[0] >> 217) & 1 != 0,
        own=(words[0] >> 218) & 1 != 0,
    )


@internal
def _keep(key: uint256, feed_word: uint256, progress: IExpiryPrices.Progress):
    """
    @notice Keeps a sum that has moved.
    """
    words: uint256[2] = [
        progress.id
        | (progress.stamp << 80)
        | (progress.price << 120)
        | (convert(progress.done, uint256) << 216)
        | (convert(progress.clamped, uint256) << 217)
        | (convert(progress.own, uint256) << 218),
        progress.begun | (progress.phase << 80) | (progress.integral << 96),
    ]
    feed: address = feeds._address(feed_word)
    before: uint256[2] = self.kept[key][feed]
    if words[0] != before[0]:
        self.kept[key][feed][0] = words[0]
    if words[1] != before[1]:
        self.kept[key][feed][1] = words[1]
