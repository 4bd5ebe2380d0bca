"""Vaults, their history, and their owners."""

from __future__ import annotations

from typing import Annotated, Literal

from eth_utils import to_checksum_address
from fastapi import APIRouter, Query, Request

from bulkhead.history import models, queries, tables
from bulkhead.history.api.guard import NotThere
from bulkhead.history.api.shared import (
    PROBLEMS,
    Address,
    AddressFilter,
    MarketFilter,
    Number,
    Pages,
    Question,
    Service,
)
from bulkhead.history.pages import Place

router = APIRouter(responses=PROBLEMS)


@router.get("/deployments")
async def deployments(request: Request) -> list[models.Deployment]:
    """Deployments that are indexed."""
    service: Service = request.app.state.service

    def found() -> list[models.Deployment]:
        with service.database.read() as reader:
            return queries.deployments(reader)

    return await service.run(found)


@router.get("/{deployment}/vaults")
async def vaults(
    asked: Question, pages: Pages, owner: AddressFilter = None, market: MarketFilter = None,
    expiry: Annotated[int | None, Query(ge=0, lt=2**40, description="Unix seconds.")] = None,
    state: Annotated[Literal["open", "closed", "flagged"] | None, Query()] = None,
) -> models.Page[models.Vault]:  # fmt: skip
    """Vaults, the newest first, with entry, value and profit."""
    table = tables.vaults
    conditions = []
    if owner is not None:
        conditions.append(table.c.owner == to_checksum_address(owner))
    if market is not None:
        conditions.append(table.c.market == market)
    if expiry is not None:
        conditions.append(table.c.expiry == expiry)
    if state == "flagged":
        conditions.append(table.c.flagged.is_(True))
    elif state is not None:
        conditions.append(table.c.closed.is_(state == "closed"))
    filters = {"owner": owner, "market": market, "expiry": expiry, "state": state}
    return await asked.page(
        filters,
        pages,
        lambda reader, context, after: [
            (Place(0, one.vault_id), one)
            for one in queries.vaults(reader, context, conditions, after, pages.limit + 1)
        ],
    )  # fmt: skip


@router.get("/{deployment}/vaults/{vault_id}")
async def vault(asked: Question, vault_id: Number) -> models.Vault:
    """One vault: what it is, what it paid for what it holds, what it has made."""
    found = await asked.answer(lambda reader, context: queries.vault(reader, context, vault_id))
    if found is None:
        raise NotThere(f"There has been no vault {vault_id}.")
    return found


@router.get("/{deployment}/vaults/{vault_id}/history")
async def history(asked: Question, pages: Pages, vault_id: Number) -> models.Page[models.VaultState]:
    """What a vault was at the end of every block that changed it."""
    return await asked.page(
        {"vault": vault_id},
        pages,
        lambda reader, context, after: [
            (Place(one.block, 0), one)
            for one in queries.vault_states(reader, context, vault_id, after, pages.limit + 1)
        ],
    )  # fmt: skip


@router.get("/{deployment}/vaults/{vault_id}/transfers")
async def transfers(asked: Question, pages: Pages, vault_id: Number) -> models.Page[models.Transfer]:
    """Deposits, withdrawals, tips."""
    table = tables.transfers

    def found(reader, context, after):  # type: ignore[no-untyped-def]
        market = queries.market_of_vault(reader, context, vault_id)
        rows = queries.events(reader, context, table, [table.c.vault_id == vault_id], after, pages.limit + 1)
        return [(Place(r["block"], r["log_index"]), queries.transfer_shown(context, r, market)) for r in rows]

    return await asked.page({"vault": vault_id}, pages, found)


@router.get("/{deployment}/owners/{account}")
async def owner(asked: Question, account: Address) -> list[models.Owner]:
    """What an owner has made, by market."""
    named = to_checksum_address(account)
    return await asked.answer(lambda reader, context: queries.owner(reader, context, named), is_slow=True)
