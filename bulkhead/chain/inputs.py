"""What a deployment starts from: the content of `deployments/<network>/inputs.yaml`, checked before anything is sent.

An address is a quoted string; on a local chain it may be `{mock: {...}}` instead, and the deployment creates it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from eth_utils import is_checksum_address, to_checksum_address

from bulkhead.chain.errors import BadInput
from bulkhead.chain.files import is_file, read_text
from bulkhead.chain.parameters import ParameterSet
from bulkhead.risk.feed_word import FeedKind

#: How a feed keeps its past, by name.
KINDS = {"rounds": FeedKind.HISTORY, "recorder": FeedKind.RECORDER, "brought": FeedKind.BROUGHT}


@dataclass(frozen=True)
class MockToken:
    """A test token to create.

    Attributes:
        name: Its name.
        symbol: Its symbol.
        decimals: 6 to 18.
    """

    name: str
    symbol: str
    decimals: int


@dataclass(frozen=True)
class MockFeed:
    """A test feed to create.

    Attributes:
        decimals: Of its answers.
        price: First answer.
    """

    decimals: int
    price: Decimal

    @property
    def answer(self) -> int:
        """First answer [feed decimals]."""
        return int(self.price * 10**self.decimals)


#: Whose part of brought prices can be played on a local chain.
PULL_FORMS = ("pyth", "redstone")


@dataclass(frozen=True)
class PullFeed:
    """A test feed of brought prices to create: an adapter, and on its other side a test Pyth or local signers.

    Attributes:
        form: One of `PULL_FORMS`.
        price: First spot.
    """

    form: str
    price: Decimal

    @property
    def answer(self) -> int:
        """First spot [1e-8]."""
        return int(self.price * 10**8)


@dataclass(frozen=True)
class MakerInputs:
    """A maker vault to create beside a market.

    Attributes:
        owner: Who sets its bounds afterwards, None for the deployer.
        quoter: Key that signs its quotes, None for nobody yet.
        edge_bps: Least distance of a quote from mark, of notional.
        quote_seconds: Longest life of a quote.
        max_contracts: Most contracts of one order, over its legs [1e-6].
        cap: Most that deposits may bring the assets to [native].
        max_deficit: Largest recorded deficit of a cell at which a quote may be filled [wad].
    """

    owner: str | None
    quoter: str | None
    edge_bps: int
    quote_seconds: int
    max_contracts: int
    cap: int
    max_deficit: int = 0


#: Delay of a timelock [seconds]: default, least and greatest, as `contracts/governance/Timelock.vy` bounds it.
TIMELOCK_SECONDS = (8 * 86_400, 8 * 86_400, 30 * 86_400)


@dataclass(frozen=True)
class TimelockInputs:
    """A timelock that is to own the parameters.

    Attributes:
        proposers: Accounts that schedule, cancel and execute.
        delay_seconds: Between a proposal and its execution.
    """

    proposers: tuple[str, ...]
    delay_seconds: int


AnyFeed = str | MockFeed | PullFeed


@dataclass(frozen=True)
class MarketInputs:
    """One market.

    Attributes:
        symbol: Name of the underlying.
        index: Index on chain.
        token: Name of its token in `Inputs.tokens`.
        primary: Feed.
        fallback: Second feed, None where there is none.
        sequencer: Uptime feed of a roll-up, None where there is none.
        kinds: How primary and fallback keep their past (risk/words, FeedKind).
        heartbeats: Of primary and fallback [seconds].
        lot: Step of quantities [1e-6 contracts].
        parameters: Everything RiskParameters bounds.
        maker: Its maker vault, None for none.
    """

    symbol: str
    index: int
    token: str
    primary: str | MockFeed | PullFeed
    fallback: str | MockFeed | PullFeed | None = None
    sequencer: str | MockFeed | PullFeed | None = None
    kinds: tuple[int, int] = (0, 0)
    heartbeats: tuple[int, int] = (3600, 0)
    lot: int = 10_000
    parameters: ParameterSet = field(default_factory=ParameterSet)
    maker: MakerInputs | None = None

    @property
    def feeds(self) -> tuple[AnyFeed | None, AnyFeed | None, AnyFeed | None]:
        """Primary, fallback, sequencer."""
        return self.primary, self.fallback, self.sequencer


@dataclass(frozen=True)
class Inputs:
    """One deployment.

    Attributes:
        network: Name, and folder under deployments/.
        chain_id: Chain that it is for.
        owner: Account that may change parameters, None for the deployer or the timelock.
        guardian: Account that may pause opening, None for the deployer.
        tokens: Quote tokens by name.
        markets: Markets in the order of listing.
        timelock: Timelock to create as the owner, None for none.
    """

    network: str
    chain_id: int
    owner: str | None
    guardian: str | None
    tokens: Mapping[str, str | MockToken]
    markets: tuple[MarketInputs, ...]
    timelock: TimelockInputs | None = None

    @property
    def addresses(self) -> dict[str, str]:
        """Everything that must have code already, by what it is."""
        found = {f"token {name}": token for name, token in self.tokens.items() if isinstance(token, str)}
        for market in self.markets:
            for role, feed in zip(("primary", "fallback", "sequencer"), market.feeds, strict=True):
                if isinstance(feed, str):
                    found[f"{role} feed of {market.symbol}"] = feed
        return found

    @property
    def needs_mocks(self) -> bool:
        """Whether test contracts would be created."""
        things = [*self.tokens.values(), *(feed for market in self.markets for feed in market.feeds)]
        return any(isinstance(thing, MockToken | MockFeed | PullFeed) for thing in things)


def load(path: Path) -> Inputs:
    """Inputs from a file.

    Raises:
        BadInput: It cannot be read, or names the entry that cannot be used.
    """
    import yaml

    if not is_file(path):
        raise BadInput(f"There are no inputs at {path}: write them after the model of deployments/sepolia.")
    try:
        content = yaml.safe_load(read_text(path))
    except (yaml.YAMLError, RecursionError) as error:
        raise BadInput(f"{path} is not YAML: {' '.join(str(error).split())}.") from None
    return parse(content, path.name)


def parse(content: Any, where: str) -> Inputs:
    """Inputs from the content of a file.

    Raises:
        BadInput: Names the entry that cannot be used.
    """
    top = _Entry(where, content)
    top.only("network", "chain_id", "owner", "timelock", "guardian", "tokens", "markets")
    network = str(top.get("network"))
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", network):
        raise BadInput(f"{where}: network {network!r} is not a name in lower case.")
    tokens = {name: _token(at, value) for name, at, value in top.entry("tokens").items()}
    markets = tuple(_market(name, at, value, tokens) for name, at, value in top.entry("markets").items())
    if len({market.index for market in markets}) != len(markets):
        raise BadInput(f"{where}: two markets have the same index.")
    timelock = None if top.content.get("timelock") is None else _timelock(top.entry("timelock"))
    if timelock is not None and top.content.get("owner") is not None:
        raise BadInput(f"{where}: owner and timelock are both named; a timelock is the owner.")
    return Inputs(
        network=network,
        chain_id=top.number("chain_id"),
        owner=top.address("owner"),
        guardian=top.address("guardian"),
        tokens=tokens,
        markets=markets,
        timelock=timelock,
    )


class _Entry:
    """A mapping of the file that knows where it stands."""

    def __init__(self, where: str, content: Any) -> None:
        if not isinstance(content, dict):
            raise BadInput(f"{where}: a mapping belongs here.")
        self.where = where
        self.content: dict[str, Any] = {str(key): value for key, value in content.items()}

    def only(self, *known: str) -> None:
        for key in self.content:
            if key not in known:
                raise BadInput(f"{self.where}: {key!r} is not known here (known: {', '.join(known)}).")

    def get(self, key: str) -> Any:
        if self.content.get(key) is None:
            raise BadInput(f"{self.where}: {key} is missing.")
        return self.content[key]

    def entry(self, key: str) -> _Entry:
        return _Entry(f"{self.where}, {key}", self.get(key))

    def items(self) -> list[tuple[str, str, Any]]:
        return [(key, f"{self.where}, {key}", value) for key, value in self.content.items()]

    def number(self, key: str, default: int | None = None) -> int:
        value = self.get(key) if default is None else self.content.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int):
            raise BadInput(f"{self.where}: {key} is {value!r}, a whole number belongs here.")
        return value

    def address(self, key: str) -> str | None:
        value = self.content.get(key)
        return None if value is None else _address(self.where, key, value)


def _address(where: str, key: str, value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"0x[0-9a-fA-F]{40}", value):
        raise BadInput(f"{where}: {key} {value!r} is not an address (unquoted, YAML reads a number).")
    if value != value.lower() and not is_checksum_address(value):
        raise BadInput(f"{where}: {key} {value} has a wrong checksum: a digit is mistyped.")
    return str(to_checksum_address(value))


def _mock(where: str, value: Any, *known: str) -> _Entry:
    outer = _Entry(where, value)
    outer.only("mock")
    mock = outer.entry("mock")
    mock.only(*known)
    return mock


def _token(where: str, value: Any) -> str | MockToken:
    if isinstance(value, str):
        return _address(where, "token", value)
    mock = _mock(where, value, "name", "symbol", "decimals")
    return MockToken(str(mock.get("name")), str(mock.get("symbol")), mock.number("decimals"))


def _feed(entry: _Entry, role: str) -> AnyFeed | None:
    value = entry.content.get(role)
    if value is None:
        return None
    if isinstance(value, str):
        return _address(entry.where, role, value)
    mock = _mock(f"{entry.where}, {role}", value, "decimals", "price", "pull")
    try:
        price = Decimal(str(mock.get("price")))
    except InvalidOperation:
        raise BadInput(f"{mock.where}: price {mock.get('price')!r} is not a number.") from None
    form = mock.content.get("pull")
    if form is None:
        return MockFeed(mock.number("decimals"), price)
    if form not in PULL_FORMS or "decimals" in mock.content:
        raise BadInput(f"{mock.where}: pull is {' or '.join(PULL_FORMS)}, and its prices have 8 decimals.")
    if role == "sequencer":
        raise BadInput(f"{mock.where}: a sequencer feed is none of prices.")
    return PullFeed(str(form), price)


def _kind(entry: _Entry, role: str, feed: AnyFeed | None) -> int:
    """How a feed keeps its past: as the entry says, else by itself."""
    told = entry.content.get(role)
    if told is None:
        return int(FeedKind.BROUGHT) if isinstance(feed, PullFeed) else int(FeedKind.HISTORY)
    if told not in KINDS:
        raise BadInput(f"{entry.where}: {role} {told!r} is none of {', '.join(KINDS)}.")
    return int(KINDS[str(told)])


def _maker(entry: _Entry) -> MakerInputs:
    entry.only("owner", "quoter", "edge_bps", "quote_seconds", "max_contracts", "cap", "max_deficit")
    numbers = {name: entry.number(name) for name in ("edge_bps", "quote_seconds", "max_contracts", "cap")}
    numbers["max_deficit"] = entry.number("max_deficit", 0)
    for name, low, high in (("edge_bps", 5, 2_000), ("quote_seconds", 0, 3_600), ("max_contracts", 0, 2**63)):
        if not low <= numbers[name] <= high:
            raise BadInput(f"{entry.where}: {name} {numbers[name]} is not within {low} and {high}.")
    for name in ("cap", "max_deficit"):
        if numbers[name] < 0:
            raise BadInput(f"{entry.where}: {name} {numbers[name]} is below zero.")
    return MakerInputs(owner=entry.address("owner"), quoter=entry.address("quoter"), **numbers)


def _timelock(entry: _Entry) -> TimelockInputs:
    entry.only("proposers", "delay_seconds")
    proposers = entry.get("proposers")
    if not isinstance(proposers, list) or not proposers:
        raise BadInput(f"{entry.where}: proposers is {proposers!r}, a list of addresses belongs here.")
    usual, least, greatest = TIMELOCK_SECONDS
    delay = entry.number("delay_seconds", usual)
    if not least <= delay <= greatest:
        raise BadInput(f"{entry.where}: delay_seconds {delay} is not within {least} and {greatest}.")
    return TimelockInputs(tuple(_address(entry.where, "proposer", value) for value in proposers), delay)


def _market(symbol: str, where: str, value: Any, tokens: Mapping[str, str | MockToken]) -> MarketInputs:
    entry = _Entry(where, value)
    entry.only("index", "token", "lot", "feeds", "kinds", "heartbeats", "parameters", "maker")
    token = str(entry.get("token"))
    if token not in tokens:
        raise BadInput(f"{where}: token {token!r} is not among the tokens.")
    feeds = entry.entry("feeds")
    feeds.only("primary", "fallback", "sequencer")
    primary, fallback, sequencer = (_feed(feeds, role) for role in ("primary", "fallback", "sequencer"))
    if primary is None:
        raise BadInput(f"{feeds.where}: primary is missing.")
    kinds = _Entry(f"{where}, kinds", entry.content.get("kinds") or {})
    kinds.only("primary", "fallback")
    heartbeats = entry.entry("heartbeats")
    heartbeats.only("primary", "fallback")
    changes = _Entry(f"{where}, parameters", entry.content.get("parameters") or {})
    try:
        parameters = ParameterSet.default(**{name: changes.number(name) for name in changes.content})
    except BadInput as error:
        raise BadInput(f"{where}: {error}") from None
    index = entry.number("index")
    if not 0 <= index < 65536:
        raise BadInput(f"{where}: index {index} is not below 65536.")
    return MarketInputs(
        symbol=symbol,
        index=index,
        token=token,
        primary=primary,
        fallback=fallback,
        sequencer=sequencer,
        kinds=(_kind(kinds, "primary", primary), _kind(kinds, "fallback", fallback)),
        heartbeats=(heartbeats.number("primary"), heartbeats.number("fallback") if fallback is not None else 0),
        lot=entry.number("lot", 10_000),
        parameters=parameters,
        maker=None if entry.content.get("maker") is None else _maker(entry.entry("maker")),
    )
