"""What happened: fills, quotes, takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from eth_utils import to_checksum_address
from fastapi import APIRouter
from sqlalchemy import Column, ColumnElement, Table

from bulkhead.history import models, queries, tables
from bulkhead.history.api.shared import (
    PROBLEMS,
    AddressFilter,
    Asked,
    HashFilter,
    MarketFilter,
    Pages,
    Paging,
    Question,
    VaultFilter,
)
from bulkhead.history.context import Context
from bulkhead.history.pages import Place

router = APIRouter(responses=PROBLEMS)
T = TypeVar("T")


def _is(column: Column[str], account: str | None) -> ColumnElement[bool] | None:
    """That a column names an account; None without one."""
    return None if account is None else column == to_checksum_address(account)


async def _listed(
    asked: Asked, pages: Paging, table: Table, filters: Mapping[str, tuple[object, ColumnElement[bool] | None]],
    shown: Callable[[Context, Mapping[str, Any]], T],
) -> models.Page[T]:  # fmt: skip
    """A page of a table; filters by name: what was given, and the condition that it makes."""
    conditions: Sequence[ColumnElement[bool]] = [
        c for given, c in filters.values() if given is not None and c is not None
    ]
    return await asked.page(
        {name: given for name, (given, _) in filters.items()},
        pages,
        lambda reader, context, after: [
            (Place(row["block"], row["log_index"]), shown(context, row))
            for row in queries.events(reader, context, table, conditions, after, pages.limit + 1)
        ],
    )


@router.get("/{deployment}/fills")
async def fills(
    asked: Question, pages: Pages, vault: VaultFilter = None, market: MarketFilter = None, key: HashFilter = None
) -> models.Page[models.Fill]:  # fmt: skip
    """Orders that were filled; with `key` those of orders that were signed together."""
    table = tables.fills
    filters = {
        "vault": (vault, queries.either(table, "maker_vault", "taker_vault", vault or 0)),
        "market": (market, table.c.market == market),
        "key": (key, table.c.key == key),
    }
    return await _listed(asked, pages, table, filters, queries.fill_shown)


@router.get("/{deployment}/quotes")
async def quotes(
    asked: Question, pages: Pages, vault: VaultFilter = None, signer: AddressFilter = None, key: HashFilter = None
) -> models.Page[models.Quote]:  # fmt: skip
    """Orders posted on the board."""
    table = tables.quotes
    filters = {
        "vault": (vault, table.c.maker_vault == vault),
        "signer": (signer, _is(table.c.signer, signer)),
        "key": (key, table.c.key == key),
    }
    return await _listed(asked, pages, table, filters, lambda _, row: queries.quote_shown(row))


@router.get("/{deployment}/liquidations")
async def liquidations(
    asked: Question, pages: Pages, vault: VaultFilter = None, market: MarketFilter = None, taker: AddressFilter = None
) -> models.Page[models.Take]:  # fmt: skip
    """Shares of flagged vaults that somebody took."""
    table = tables.takes
    filters = {
        "vault": (vault, queries.either(table, "vault_id", "into_id", vault or 0)),
        "market": (market, table.c.market == market),
        "taker": (taker, _is(table.c.taker, taker)),
    }
    return await _listed(asked, pages, table, filters, queries.take_shown)
