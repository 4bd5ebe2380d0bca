"""The STATIC model over many vaults: requirements by ratios of spot, or of a coin."""

from __future__ import annotations

import numpy as np

from bulkhead.risk.batch.arrays import Floats
from bulkhead.risk.batch.book import Book, Group

#: Initial over maintenance requirement of short options and futures.
STATIC_KAPPA = 1.3


def requirement(book: Book, group: Group, spot: Floats, forward: Floats, prices: Floats) -> tuple[Floats, Floats]:
    """Requirement of short options and delta legs by the vault's ratios, and the value of its long options [token]."""
    a, b, c = book.ratios[group.vaults].T
    strike = group.strike
    out_of_money = np.maximum(np.where(group.put, spot - strike, strike - spot), 0.0)
    if book.units.inverse:
        # in coins a put moves by K/S of the price
        money = least = np.where(group.put, np.maximum(1.0, strike / spot), 1.0)
        out_of_money, each_delta, prices = out_of_money / spot, c / forward, prices / forward
    else:
        money, least = spot, np.where(group.put, np.minimum(spot, strike), spot)
        each_delta = c * spot
    each = np.maximum(a * money - out_of_money, b * least)
    short = (np.maximum(-group.quantity, 0.0) * each).sum(axis=0)
    at_risk = short + book.linear.deltas[group.vaults] * each_delta
    return at_risk, (np.maximum(group.quantity, 0.0) * prices).sum(axis=0)
