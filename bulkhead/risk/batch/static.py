"""The STATIC model over many vaults: requirements by ratios of spot."""

from __future__ import annotations

import numpy as np

from bulkhead.risk.batch.arrays import Floats
from bulkhead.risk.batch.book import Book, Group

#: Initial over maintenance requirement of short options and futures.
STATIC_KAPPA = 1.3


def requirement(book: Book, group: Group, spot: Floats, prices: Floats) -> tuple[Floats, Floats]:
    """Requirement of short options and futures by the vault's ratios, and the value of its long options."""
    a, b, c = book.ratios[group.vaults].T
    strike = group.strike
    out_of_money = np.maximum(np.where(group.put, spot - strike, strike - spot), 0.0)
    unit = np.where(group.put, np.minimum(spot, strike), spot)
    each = np.maximum(a * spot - out_of_money, b * unit)
    short = (np.maximum(-group.quantity, 0.0) * each).sum(axis=0)
    at_risk = short + book.linear.futures[group.vaults] * c * spot
    return at_risk, (np.maximum(group.quantity, 0.0) * prices).sum(axis=0)
