"""Option chains as data: quotes of one underlying at one moment, read from a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bulkhead.chain.errors import BadInput
from bulkhead.risk.scales import YEAR
from bulkhead.risk.svi import Floats

#: Columns a chain file must have; the names are Deribit's.
COLUMNS = ("currency", "expiry_datetime", "strike", "futures_price", "mark_iv", "delta", "snap_ts")


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
    """Chains of one asset in a .parquet, .csv or .csv.gz file, by time.

    Raises:
        BadInput: No such file, or not such columns.
    """
    try:
        import pandas as pd
    except ImportError:
        raise BadInput("Reading a chain needs pandas: install bulkhead[data].") from None
    if not path.exists():
        raise BadInput(f"There is no option chain at {path}.")
    table = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    missing = [name for name in COLUMNS if name not in table.columns]
    if missing:
        raise BadInput(f"{path.name} is no option chain: it has no column {', '.join(missing)}.")
    table = table[table.currency == asset].copy()
    for name in ("snap_ts", "expiry_datetime"):
        stamps = pd.to_datetime(table[name], utc=True)
        table[name] = (stamps - pd.Timestamp(0, tz="UTC")) // pd.Timedelta(seconds=1)
    chains = [Chain(asset, int(when), _expiries(part, int(when))) for when, part in table.groupby("snap_ts", sort=True)]
    return [chain for chain in chains if chain.expiries]


def _expiries(table: Any, made_at: int) -> tuple[Expiry, ...]:
    found = []
    for at, part in table.groupby("expiry_datetime", sort=True):
        clean = part[(part.mark_iv > 0.01) & (part.mark_iv < 8) & (part.futures_price > 0) & (part.strike > 0)]
        # calls and puts of one strike share their mark vol
        clean = clean.drop_duplicates("strike").sort_values("strike")
        if len(clean) < 5 or at <= made_at:
            continue
        forward = float(clean.futures_price.median())
        found.append(
            expiry(int(at), forward, (int(at) - made_at) / YEAR, clean.strike.tolist(), clean.mark_iv.tolist())
        )
    return tuple(found)


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
