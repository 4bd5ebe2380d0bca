"""What readers keep in memory of a deployment: its tip, its markets, and the prices of its open cells."""

from __future__ import annotations

import decimal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, select

from bulkhead.chain.words import TokenWord
from bulkhead.history import models, tables
from bulkhead.history.store import snapshot_from
from bulkhead.profit.accounts import legs_from
from bulkhead.profit.rule import value_of
from bulkhead.risk.words import Snapshot

#: A tip is read again after so long [seconds].
FRESH = 0.2
EXACT = decimal.Context(prec=100)
Cell = tuple[int, int]


def scaled(number: int, decimals: int) -> Decimal:
    """A whole number with so many places behind its point."""
    return Decimal(number).scaleb(-decimals, EXACT)


def wad(number: int) -> Decimal:
    """A wad."""
    return scaled(number, 18)


@dataclass(frozen=True)
class Token:
    """A market's token and name, and whether the market counts coins of it: then it is the underlying."""

    symbol: str
    address: str
    decimals: int
    inverse: bool = False

    def amount(self, native: int) -> Decimal:
        """Native units as tokens."""
        return scaled(native, self.decimals)


@dataclass(frozen=True)
class Prices:
    """Prices of a cell at the newest block."""

    snapshot: Snapshot
    block: int


@dataclass(frozen=True)
class Context:
    """One deployment at one tip.

    Attributes:
        deployment: Its row.
        tokens: By market.
        prices: By cell.
        price_markets: Of each market the one whose prices, vols and surface it goes by: itself, or its price market.
    """

    deployment: models.Deployment
    tokens: Mapping[int, Token]
    prices: Mapping[Cell, Prices]
    price_markets: Mapping[int, int]

    def token(self, market: int) -> Token:
        """A market's token; one that the logs never told of has no places."""
        return self.tokens.get(market) or Token(str(market), "", 0)

    def priced(self, market: int) -> int:
        """The market whose prices a market goes by."""
        return self.price_markets.get(market, market)

    def value(self, cell: Cell, legs: list[list[int]]) -> tuple[Decimal | None, int | None]:
        """Legs at mark and the block of the prices; None without prices."""
        if not legs:
            return Decimal(0), None
        found = self.prices.get(cell)
        if found is None:
            return None, None
        value = value_of(legs_from(legs), found.snapshot, self.token(cell[0]).inverse)
        return (None, None) if value is None else (wad(value), found.block)


class Memory:
    """Keeps what is known until the tip moves."""

    def __init__(self) -> None:
        self._contexts: dict[int, tuple[float, Context]] = {}

    def get(self, reader: Connection, deployment: int) -> Context | None:
        """A deployment, read again when it is old; None when there is none of that number."""
        now = time.monotonic()
        held = self._contexts.get(deployment)
        if held is not None and now - held[0] < FRESH:
            return held[1]
        row = reader.execute(select(tables.deployments).where(tables.deployments.c.id == deployment)).first()
        if row is None:
            return None
        told = models.Deployment(**{name: row._mapping[name] for name in models.Deployment.model_fields})
        context = held[1] if held is not None and held[1].deployment == told else _read(reader, told, row.addresses)
        self._contexts[deployment] = (now, context)
        return context


def _read(reader: Connection, deployment: models.Deployment, addresses: Mapping[str, Any]) -> Context:
    words, cells = tables.parameters, tables.snapshots
    symbols = {entry["index"]: entry["symbol"] for entry in addresses["markets"].values()}
    tokens: dict[int, Token] = {}
    price_markets: dict[int, int] = {}
    for row in reader.execute(
        select(words.c.market, words.c.name, words.c.value)
        .where(
            words.c.deployment == deployment.id, words.c.kind == "word",
            words.c.name.in_(("token_word", "price_market")),
        )
        .order_by(words.c.block, words.c.log_index)
    ):  # fmt: skip
        if row.name == "price_market":
            price_markets[row.market] = int(row.value)
            continue
        word = TokenWord.unpack(row.value)
        symbol = symbols.get(row.market, str(row.market))
        tokens[row.market] = Token(symbol, word.token, word.decimals, word.units.inverse)
    prices = {
        (row.market, row.expiry): Prices(snapshot_from(row.snapshot), row.read_block)
        for row in reader.execute(select(cells).where(cells.c.deployment == deployment.id))
    }
    return Context(deployment, tokens, prices, price_markets)
