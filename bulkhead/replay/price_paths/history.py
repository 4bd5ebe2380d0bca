"""Hourly closes of a file for calibration: parquet with columns `ts` and `close`, or the CSV shapes of `bars`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bulkhead.chain.errors import BadInput
from bulkhead.replay.price_paths.bars import read_bars
from bulkhead.risk.calibration import HOUR, History


def read_history(path: Path | str, asset: str | None = None) -> History:
    """Hourly closes, oldest first.

    Args:
        path: A `.parquet`, `.csv` or `.csv.gz` file of hourly bars.
        asset: Prefix of the price columns, when a CSV file has several.

    Raises:
        BadInput: A sentence that names the file.
    """
    file = Path(path)
    if not file.is_file():
        raise BadInput(f"There is no file {file}.")
    if file.suffix != ".parquet":
        bars = read_bars(file, asset)
        if bars[0].seconds != HOUR:
            raise BadInput(f"{file.name} holds bars of {bars[0].seconds} seconds; calibration takes hourly ones.")
        return History(
            file.name, np.array([b.at for b in bars], np.float64), np.array([b.close for b in bars], np.float64) / 1e8
        )
    try:
        import pandas as pd
    except ImportError:
        raise BadInput("Reading parquet needs pandas and pyarrow: install bulkhead[data].") from None
    table = pd.read_parquet(file)
    if not {"ts", "close"} <= set(table.columns):
        raise BadInput(f"{file.name} has no columns ts and close.")
    stamps = pd.to_datetime(table["ts"], utc=True).dt.as_unit("s").astype("int64")
    return History(file.name, stamps.to_numpy().astype(np.float64), table["close"].to_numpy().astype(np.float64))
