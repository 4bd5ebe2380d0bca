"""What a deployment starts from: the content of `deployments/<network>/inputs.yaml`, checked before anything is sent.

An address is a quoted string; on a local chain it may be `{mock: {...}}` instead, and the deployment creates it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from eth_utils import is_checksum_address, to_checksum_address

from bulkhead.chain.errors import BadInput
from bulkhead.chain.files import is_file, read_text
from bulkhead.chain.input_types import (
    PULL_FORMS,
    TIMELOCK_SECONDS,
    AnyFeed,
    Inputs,
    MakerInputs,
    MarketInputs,
    MockFeed,
    MockToken,
    PullFeed,
    TimelockInputs,
)
from bulkhead.chain.listing import CoinUnits
from bulkhead.chain.parameters import PARAMETERS, ParameterSet
from bulkhead.risk.feed_word import FeedKind

__all__ = [
    "Inputs",
    "MakerInputs",
    "MarketInputs",
    "MockFeed",
    "MockToken",
    "PullFeed",
    "TimelockInputs",
    "load",
    "parse",
]

#: How a feed keeps its past, by name.
KINDS = {"rounds": FeedKind.HISTORY, "recorder": FeedKind.RECORDER, "brought": FeedKind.BROUGHT}


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
    markets: tuple[MarketInputs, ...] = ()
    for name, at, value in top.entry("markets").items():
        markets = (*markets, _market(name, at, value, tokens, markets))
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


#: What a market counts in, by name.
LINEAR, INVERSE = "linear", "inverse"
#: Digits of a unit at most: its millionth is a wad; and native units that it has at least, as powers of ten.
MOST_DIGITS, UNIT_DIGITS = 12, 3


def _units(entry: _Entry, token: str | MockToken) -> CoinUnits | None:
    """What an inverse market counts in; None for a linear one."""
    kind = entry.content.get("kind", LINEAR)
    if kind not in (LINEAR, INVERSE):
        raise BadInput(f"{entry.where}: kind {kind!r} is none of {LINEAR}, {INVERSE}.")
    if kind == LINEAR:
        for key in ("unit", "decimals"):
            if key in entry.content:
                raise BadInput(f"{entry.where}: {key} belongs to an inverse market; a linear one counts quote.")
        return None
    known = token.decimals if isinstance(token, MockToken) else None
    decimals = entry.number("decimals", known)
    if known is not None and decimals != known:
        raise BadInput(f"{entry.where}: decimals {decimals} are stated, and {entry.get('token')} has {known}.")
    if not 6 <= decimals <= 18:
        raise BadInput(f"{entry.where}: decimals {decimals} are not within 6 and 18.")
    return CoinUnits(decimals, _digits(entry, decimals))


def _digits(entry: _Entry, decimals: int) -> int:
    """Digits of a unit: it is 10^-digits of a coin."""
    told = entry.get("unit")
    try:
        unit = Decimal(str(told))
    except InvalidOperation:
        raise BadInput(f"{entry.where}: unit {told!r} is not a number.") from None
    if not unit.is_finite() or unit <= 0:
        raise BadInput(
            f"{entry.where}: unit is {told}: it is a part of a coin above 0, the power of ten nearest to 1 quote, as "
            "0.001 of ETH."
        )
    digits = -unit.adjusted()
    if digits < 0 or unit != Decimal(1).scaleb(-digits):
        raise BadInput(f"{entry.where}: unit {told} is not a power of ten up to 1, such as 0.001.")
    most = min(decimals - UNIT_DIGITS, MOST_DIGITS)
    if digits > most:
        raise BadInput(
            f"{entry.where}: unit {told} is finer than {Decimal(1).scaleb(-most):f}, the least of a token with "
            f"{decimals} decimals: 1,000 of its smallest amounts."
        )
    return digits


@dataclass(frozen=True)
class _Feeds:
    """Where prices come from, and how: see `MarketInputs`."""

    primary: AnyFeed
    fallback: AnyFeed | None
    sequencer: AnyFeed | None
    kinds: tuple[int, int]
    heartbeats: tuple[int, int]
    price_market: str = ""


def _feeds(entry: _Entry, earlier: tuple[MarketInputs, ...]) -> _Feeds:
    """Feeds of a market: its own, or those of its price market."""
    if "price_market" in entry.content:
        return _shared(entry, earlier)
    feeds = entry.entry("feeds")
    feeds.only("primary", "fallback", "sequencer")
    primary, fallback, sequencer = (_feed(feeds, role) for role in ("primary", "fallback", "sequencer"))
    if primary is None:
        raise BadInput(f"{feeds.where}: primary is missing.")
    kinds = _Entry(f"{entry.where}, kinds", entry.content.get("kinds") or {})
    kinds.only("primary", "fallback")
    heartbeats = entry.entry("heartbeats")
    heartbeats.only("primary", "fallback")
    return _Feeds(
        primary, fallback, sequencer,
        (_kind(kinds, "primary", primary), _kind(kinds, "fallback", fallback)),
        (heartbeats.number("primary"), heartbeats.number("fallback") if fallback is not None else 0),
    )  # fmt: skip


def _shared(entry: _Entry, earlier: tuple[MarketInputs, ...]) -> _Feeds:
    """Feeds of the market named as price market, which has feeds of its own."""
    name = entry.content["price_market"]
    for key in ("feeds", "kinds", "heartbeats"):
        if key in entry.content:
            raise BadInput(f"{entry.where}: {key} are those of its price market {name}.")
    for one in earlier:
        if one.symbol == name:
            if one.price_market:
                raise BadInput(f"{entry.where}: price_market {name} itself goes by {one.price_market}; name that one.")
            return _Feeds(one.primary, one.fallback, one.sequencer, one.kinds, one.heartbeats, one.symbol)
    raise BadInput(f"{entry.where}: price_market {name!r} is no market above this one.")


def _market(
    symbol: str,
    where: str,
    value: Any,
    tokens: Mapping[str, str | MockToken],
    earlier: tuple[MarketInputs, ...],
) -> MarketInputs:
    entry = _Entry(where, value)
    entry.only(
        "index", "token", "kind", "unit", "decimals", "lot", "price_market", "feeds", "kinds", "heartbeats",
        "parameters", "maker",
    )  # fmt: skip
    token = str(entry.get("token"))
    if token not in tokens:
        raise BadInput(f"{where}: token {token!r} is not among the tokens.")
    feeds = _feeds(entry, earlier)
    changes = _Entry(f"{where}, parameters", entry.content.get("parameters") or {})
    for name in changes.content:
        if feeds.price_market and name in PARAMETERS and PARAMETERS[name].word == "oracle":
            raise BadInput(f"{where}: {name} is its price market's: say it of {feeds.price_market}.")
    try:
        parameters = ParameterSet.default(**{name: changes.number(name) for name in changes.content})
    except BadInput as error:
        raise BadInput(f"{where}: {error}") from None
    index = entry.number("index")
    if not 0 <= index < 65536:
        raise BadInput(f"{where}: index {index} is not below 65536.")
    units, lot = _units(entry, tokens[token]), entry.number("lot", 10_000)
    if units is not None and parameters.values["tick"] * lot % 10**8:
        raise BadInput(f"{where}: tick times lot is no multiple of 0.000001 quote, so CASH could not cover a put.")
    return MarketInputs(
        symbol=symbol,
        index=index,
        token=token,
        primary=feeds.primary,
        fallback=feeds.fallback,
        sequencer=feeds.sequencer,
        kinds=feeds.kinds,
        heartbeats=feeds.heartbeats,
        lot=lot,
        units=units,
        price_market=feeds.price_market,
        parameters=parameters,
        maker=None if entry.content.get("maker") is None else _maker(entry.entry("maker")),
    )
