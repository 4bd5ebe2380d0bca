"""What `RiskParameters.list_market` takes: a market's token, feeds, engines and parameters."""

from __future__ import annotations

from dataclasses import dataclass, field

from bulkhead.chain.parameters import ParameterSet

EMPTY = "0x" + "00" * 20


@dataclass(frozen=True)
class ListedFeed:
    """What a listing says of one feed.

    Attributes:
        source: Address of the feed, the empty address for none.
        heartbeat: Longest time between two rounds [seconds]; 0 for no feed.
        threshold_bps: Move at which it answers anew, least half-width of a fallback that counts.
        least: Answers at or below are no price [wad]; 0 for the least that is allowed.
        most: Answers at or above are no price [wad]; 0 for the most that is allowed.
        kind: 0 keeps its rounds, 1 a RoundRecorder, 2 brought prices.
    """

    source: str
    heartbeat: int
    threshold_bps: int = 50
    least: int = 0
    most: int = 0
    kind: int = 0

    @property
    def argument(self) -> tuple[str, int, int, int, int, int]:
        """As the struct `IOracleAdapter.Feed`."""
        return self.source, self.heartbeat, self.threshold_bps, self.least, self.most, self.kind


def feeds_argument(
    market: int, feeds: tuple[str, str, str], heartbeats: tuple[int, int], vol: int = 0, kinds: tuple[int, int] = (0, 0)
) -> tuple[object, ...]:
    """The struct `IOracleAdapter.Feeds` of a market with feeds of its own.

    Args:
        market: Its index.
        feeds: Primary, fallback, sequencer-uptime; the empty address where there is none.
        heartbeats: Of primary and fallback [seconds]; 0 for no fallback.
        vol: That all its vols start from [wad]; 0 for sigma's floor.
        kinds: How primary and fallback keep their past (risk/words, FeedKind).
    """
    first, second = (ListedFeed(f, h, kind=k) for f, h, k in zip(feeds[:2], heartbeats, kinds, strict=True))
    return first.argument, second.argument, feeds[2], vol, market


def shared_prices(price_market: int) -> tuple[object, ...]:
    """The struct `IOracleAdapter.Feeds` of a market that goes by the prices of an earlier one."""
    none = ListedFeed(EMPTY, 0, threshold_bps=0).argument
    return none, none, EMPTY, 0, price_market


@dataclass(frozen=True)
class CoinUnits:
    """What an inverse market counts in: coins of its underlying.

    Attributes:
        decimals: Of the token.
        digits: Parameters in units count 10^-digits of a coin.
    """

    decimals: int
    digits: int


@dataclass(frozen=True)
class MarketListing:
    """What `RiskParameters.list_market` takes.

    Attributes:
        market: Index below 65536.
        token: Quote token.
        feeds: Primary, fallback, sequencer-uptime; the empty address where there is none.
        heartbeats: Of primary and fallback [seconds]; 0 for no fallback.
        engines: Margin engines of ES, GREEKS and STATIC; the empty address disables a model.
        lot: Step of option and, in a linear market, future quantities [1e-6 contracts].
        units: What the market counts in; a linear one in quote.
        kinds: How primary and fallback keep their past (risk/words, FeedKind).
        parameters: Everything else; under a price market without the oracle word, which is that one's.
        price_market: Index of the earlier market whose prices it goes by, None for the feeds above.
    """

    market: int
    token: str
    feeds: tuple[str, str, str]
    heartbeats: tuple[int, int]
    engines: tuple[str, str, str]
    lot: int = 10_000
    kinds: tuple[int, int] = (0, 0)
    units: CoinUnits | None = None
    parameters: ParameterSet = field(default_factory=ParameterSet)
    price_market: int | None = None

    @property
    def _units(self) -> tuple[int, bool, int, int]:
        """The struct `IRiskParameters.Units`: lot, inverse, decimals, digits of the unit."""
        if self.units is None:
            return self.lot, False, 0, 0
        return self.lot, True, self.units.decimals, self.units.digits

    @property
    def arguments(self) -> tuple[object, ...]:
        """Arguments of `list_market` in order."""
        risk, trading, liquidation, oracle = self.parameters.words
        feeds = feeds_argument(self.market, self.feeds, self.heartbeats, kinds=self.kinds)
        if self.price_market is not None:
            feeds, oracle = shared_prices(self.price_market), 0
        return (
            self.market, self.token, self._units, list(self.engines), feeds, risk, trading, liquidation, oracle,
        )  # fmt: skip
