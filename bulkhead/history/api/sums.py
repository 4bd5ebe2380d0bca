"""Sums: candles, markets, keepers, pools. They read much, so they run beside the quick questions."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from bulkhead.history import models, statistics
from bulkhead.history.api.guard import NotThere
from bulkhead.history.api.shared import PROBLEMS, Asked, Limit, Question
from bulkhead.history.context import Context
from bulkhead.history.pages import USUAL

router = APIRouter(responses=PROBLEMS)
MarketIndex = Annotated[int, Query(ge=0, lt=2**16, description="Index of a market.")]
When = Annotated[int | None, Query(ge=0, lt=2**40, description="Unix seconds.")]


def _require(context: Context, market: int) -> None:
    if market not in context.tokens:
        raise NotThere(f"There is no market {market}.")


@router.get("/{deployment}/candles")
async def candles(
    asked: Question, market: MarketIndex, of: Literal["spot", "sigma", "iv"] = "spot",
    seconds: Annotated[int, Query(ge=1, lt=2**31, description="Length of a candle.")] = 3600, first: When = None,
    last: When = None,
) -> list[models.Candle]:  # fmt: skip
    """Candles of spot with the contracts filled, or of a vol; up to now, and a hundred of them, unless told."""

    def found(reader, context):  # type: ignore[no-untyped-def]
        _require(context, market)
        end = context.deployment.at if last is None else last
        begin = max(end - 100 * seconds, 0) if first is None else first
        return statistics.candles(reader, context, market, of, seconds, begin, end)

    return list(await asked.answer(found, is_slow=True))


@router.get("/{deployment}/markets")
async def markets(asked: Question) -> list[models.Market]:
    """Markets and their last day."""
    return await asked.answer(statistics.markets, is_slow=True)


@router.get("/{deployment}/keepers")
async def keepers(asked: Question) -> list[models.Keeper]:
    """What keepers flagged, took and were paid."""
    return await asked.answer(statistics.keepers, is_slow=True)


@router.get("/{deployment}/shares")
async def shares(asked: Question, market: MarketIndex, limit: Limit = USUAL) -> list[models.SharePrice]:
    """What a share of a market's backstop pool was worth, newest first."""

    def found(reader, context):  # type: ignore[no-untyped-def]
        _require(context, market)
        return statistics.share_prices(reader, context, market, limit)

    return list(await asked.answer(found, is_slow=True))


__all__ = ["Asked", "router"]
