"""Option chains as data: quotes of one underlying at one moment, read from a file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bulkhead import tables
from bulkhead.chain.errors import BadInput
from bulkhead.chain.files import is_file
from bulkhead.risk.scales import YEAR
from bulkhead.risk.svi import Floats
from bulkhead.tables import Row, Table

#: Columns of a chain, by the names of Deribit's files, and what others call them.
COLUMNS = {
    "currency": ("currency", "base_currency", "asset", "underlying"),
    "expiry_datetime": ("expiry_datetime", "expiry", "expiration_timestamp", "expiration", "expiry_date", "maturity"),
    "strike": ("strike", "strike_price"),
    "futures_price": ("futures_price", "underlying_price", "forward", "forward_price", "fwdpx"),
    "mark_iv": ("mark_iv", "markiv", "iv", "implied_volatility", "implied_vol", "markvol"),
    "snap_ts": ("snap_ts", "creation_timestamp", "timestamp", "ts", "time", "datetime", "date"),
    "instrument_name": ("instrument_name", "instrument", "symbol", "instid"),
    "option_type": ("option_type", "type"),
}
#: What the name of an instrument says as well.
DERIVED = ("currency", "expiry_datetime", "strike")
#: Deribit's BTC-27MAR26-100000-C, XRP_USDC-27MAR26-2d5-P; Binance's ETH-260327-3200-C, OKX's ETH-USD-260327-3200-C.
_INSTRUMENT = re.compile(
    r"(?P<currency>[A-Z0-9]+)([_-]USDC?)?-(?P<expiry>\d{1,2}[A-Z]{3}\d{2}|\d{6})-"
    r"(?P<strike>\d+([d.]\d+)?)-(?P<kind>[CP])"
)
EXPIRY_HOUR = 8
#: Quotes this close to one another are of one chain: interfaces stamp each instrument.
TOGETHER_SECONDS = 60
#: Largest vol of a surface; vols whose median is above it are in percent.
MOST_SHARE = 5.0
#: No option is worth less vol than the first in percent, or as much as the second as a share: what is, among vols of
#: one unit, is of the other.
LEAST_PERCENT, TOO_LARGE_SHARE = 5.0, 10.0


@dataclass(frozen=True)
class Expiry:
    """The quotes of one expiry.

    Attributes:
        at: Expiry [unix seconds].
        forward: Forward.
        k: Log-moneyness ln(K/F) of each strike, ascending.
        iv: Implied vol of each (1.0 = 100 %).
        delta: Forward delta of the call at each, 0 to 1.
        weight: How much each counts.
    """

    at: int
    forward: float
    k: Floats
    iv: Floats
    delta: Floats
    weight: Floats


@dataclass(frozen=True)
class Chain:
    """One underlying's options at one moment.

    Attributes:
        asset: Name of the underlying.
        made_at: When the quotes were taken [unix seconds].
        expiries: By expiry, ascending.
    """

    asset: str
    made_at: int
    expiries: tuple[Expiry, ...]

    def tau(self, expiry: Expiry) -> float:
        """Years to an expiry."""
        return (expiry.at - self.made_at) / YEAR


def read(path: Path, asset: str) -> list[Chain]:
    """Chains of one asset in a file, by time: a table of any kind that `bulkhead.tables` reads.

    Columns are found by their names in Deribit's files and answers; currency, expiry and strike may come out of the
    names of the instruments. Vols are shares or, when even their median lies above any vol a surface may hold, percent.

    Raises:
        BadInput: No such file, not such columns, or vols of both units; a sentence with the line.
    """
    if not is_file(path):
        raise BadInput(f"There is no option chain at {path}.")
    table = tables.read(path)
    quotes = _quotes(table, asset)
    vols = sorted(quote.iv for quote in quotes)
    percent = bool(vols) and vols[len(vols) // 2] > MOST_SHARE
    for quote in quotes:
        if quote.iv < LEAST_PERCENT if percent else quote.iv >= TOO_LARGE_SHARE:
            units = ("a share", "percent") if percent else ("percent", "shares")
            raise BadInput(
                f"{quote.where}: mark_iv {quote.iv:g} is {units[0]}, but most vols of the file are {units[1]}."
            )
    chains = [_chain(asset, group, 100 if percent else 1) for group in _moments(quotes)]
    return [chain for chain in chains if chain.expiries]


@dataclass(frozen=True)
class _Quote:
    made_at: int
    expiry: int
    strike: float
    forward: float
    iv: float
    kind: str
    where: str


def _quotes(table: Table, asset: str) -> list[_Quote]:
    """The rows of one asset that have a vol, by time."""
    columns = {name: table.column(names) for name, names in COLUMNS.items()}
    derived = () if columns["instrument_name"] is None else DERIVED
    optional = ("instrument_name", "option_type", *derived)
    missing = [name for name, column in columns.items() if column is None and name not in optional]
    if missing:
        raise BadInput(f"{table.name} is no option chain: it has no column {', '.join(missing)}.")
    found = [quote for row in table.rows if (quote := _quote(_Fields(table, row, columns), asset)) is not None]
    return sorted(found, key=lambda quote: quote.made_at)


class _Fields:
    """The fields of one row by the names of `COLUMNS`, each error with its line."""

    def __init__(self, table: Table, row: Row, columns: Mapping[str, int | None]) -> None:
        self._table, self._row, self._columns = table, row, columns
        self._needed = max(column for column in columns.values() if column is not None) + 1

    def get(self, name: str) -> Any:
        """A field, None when the table has no such column or the row nothing in it."""
        column = self._columns[name]
        if column is None:
            return None
        value = self._table.field(self._row, column, self._needed)
        return None if tables.is_missing(value) else value

    def number(self, name: str) -> float | None:
        """A field as a number."""
        value = self.get(name)
        if value is None or isinstance(value, float):
            return value
        try:
            return float(tables.number(value, self._table.comma))
        except ValueError as error:
            raise self.wrong(name, value, error) from None

    def moment(self, name: str, hour: int = 0) -> int | None:
        """A field as a time [unix seconds]."""
        value = self.get(name)
        try:
            return None if value is None else tables.moment(value, hour)
        except ValueError as error:
            raise self.wrong(name, value, error) from None

    @property
    def where(self) -> str:
        """File and line."""
        return self._table.at(self._row.number)

    def wrong(self, name: str, value: object, error: object) -> BadInput:
        """What is wrong with a field."""
        return BadInput(f"{self.where}: {name} {tables.shown(value)} is {error}.")


def _quote(fields: _Fields, asset: str) -> _Quote | None:
    """The quote of a row; None when it is of another asset, or has no vol or forward."""
    instrument = fields.get("instrument_name")
    parts = None if instrument is None else _INSTRUMENT.fullmatch(str(instrument))
    currency = fields.get("currency") or (parts and parts["currency"])
    if str(currency).upper() != asset.upper():
        return None
    iv, forward = fields.number("mark_iv"), fields.number("futures_price")
    if iv is None or iv <= 0 or forward is None:
        return None
    strike, at = fields.number("strike"), fields.moment("expiry_datetime", EXPIRY_HOUR)
    made_at = fields.moment("snap_ts")
    if parts is not None:
        strike = float(parts["strike"].replace("d", ".")) if strike is None else strike
        try:
            day = parts["expiry"] if not parts["expiry"].isdigit() else f"20{parts['expiry']}"
            at = tables.moment(day, EXPIRY_HOUR) if at is None else at
        except ValueError as error:
            raise fields.wrong("instrument_name", instrument, error) from None
    if strike is None or at is None or made_at is None:
        values = {"strike": strike, "expiry_datetime": at, "snap_ts": made_at}
        raise fields.wrong(next(name for name, value in values.items() if value is None), "", "missing")
    kind = str(fields.get("option_type") or (parts["kind"] if parts else ""))[:1].upper()
    return _Quote(made_at, at, strike, forward, iv, kind, fields.where)


def _moments(quotes: Sequence[_Quote]) -> list[list[_Quote]]:
    """Quotes that were taken together: within a minute, and each option once."""
    groups: list[list[_Quote]] = []
    seen: dict[tuple[int, float, str], int] = {}
    for quote in quotes:
        option = (quote.expiry, quote.strike, quote.kind)
        again = seen.get(option, quote.made_at) != quote.made_at
        if not groups or again or quote.made_at - groups[-1][-1].made_at > TOGETHER_SECONDS:
            groups.append([])
            seen = {}
        groups[-1].append(quote)
        seen[option] = quote.made_at
    return groups


def _chain(asset: str, quotes: Sequence[_Quote], unit: int) -> Chain:
    """The chain of quotes taken together, at the time of the last."""
    made_at = quotes[-1].made_at
    by_expiry: dict[int, dict[float, _Quote]] = {}
    for quote in quotes:
        usable = 0.01 < quote.iv / unit < 8 and quote.forward > 0 and quote.strike > 0
        if usable and quote.expiry > made_at:
            # calls and puts of one strike share their mark vol
            by_expiry.setdefault(quote.expiry, {}).setdefault(quote.strike, quote)
    found = []
    for at, by_strike in sorted(by_expiry.items()):
        if len(by_strike) < 5:
            continue
        strikes = sorted(by_strike)
        forward = float(np.median([by_strike[strike].forward for strike in strikes]))
        ivs = [by_strike[strike].iv / unit for strike in strikes]
        found.append(expiry(at, forward, (at - made_at) / YEAR, strikes, ivs))
    return Chain(asset, made_at, tuple(found))


def expiry(at: int, forward: float, tau: float, strikes: Sequence[float], ivs: Sequence[float]) -> Expiry:
    """Quotes of one expiry, weighted by vega so that what is worth nothing bends nothing.

    Args:
        at: Expiry [unix seconds].
        forward: Forward.
        tau: Years to it.
        strikes: Strikes, ascending.
        ivs: Implied vol of each.
    """
    from scipy.special import ndtr

    k = np.log(np.asarray(strikes, dtype=np.float64) / forward)
    iv = np.asarray(ivs, dtype=np.float64)
    total = iv * np.sqrt(tau)
    d1 = -k / total + total / 2
    vega = np.exp(-d1 * d1 / 2)
    return Expiry(at, forward, k, iv, np.asarray(ndtr(d1), dtype=np.float64), np.maximum(vega, 1e-4))
