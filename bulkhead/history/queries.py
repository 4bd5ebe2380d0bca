"""Questions to the database, answered in the service's shapes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Table, and_, bindparam, or_, select, tuple_

from bulkhead.chain.deployment import Deployment
from bulkhead.history import models, tables
from bulkhead.history.context import Context, scaled, wad
from bulkhead.history.pages import Place
from bulkhead.profit.packages import entry_price
from bulkhead.profit.rule import profit_of, worth_of

Row = Mapping[str, Any]
KINDS: dict[int, Literal["CALL", "PUT", "FUTURE", "CASH"]] = {0: "CALL", 1: "PUT", 2: "FUTURE", 3: "CASH"}
MODELS: dict[int, Literal["ES", "GREEKS", "STATIC"]] = {0: "ES", 1: "GREEKS", 2: "STATIC"}
State = Literal["open", "flagged", "claim", "debt", "empty", "closed"]
EVENT = ("block", "log_index", "at", "tx")


def deployment_of(reader: Connection, deployment: Deployment) -> int | None:
    """A deployment's number in the database; None when it is not there."""
    table = tables.deployments
    return reader.execute(
        select(table.c.id).where(
            table.c.chain_id == deployment.chain_id, table.c.clearinghouse == deployment.address("Clearinghouse")
        )
    ).scalar()


def deployments(reader: Connection) -> list[models.Deployment]:
    """All that are indexed."""
    rows = reader.execute(select(tables.deployments).order_by(tables.deployments.c.id)).mappings()
    return [models.Deployment(**{name: row[name] for name in models.Deployment.model_fields}) for row in rows]


def legs_shown(legs: Iterable[Sequence[int]]) -> list[models.Leg]:
    """Legs as people read them."""
    return [
        models.Leg(kind=KINDS[kind], strike=scaled(strike, 8), quantity=scaled(quantity, 6))
        for kind, strike, quantity in legs
    ]


# --- vaults ---------------------------------------------------------------------------------------------------------


#: One vault. Built once: to build and to look up a statement anew takes longer than a file takes to answer it.
ONE_VAULT = select(tables.vaults).where(
    tables.vaults.c.deployment == bindparam("of"), tables.vaults.c.vault_id == bindparam("number")
)


def vault(reader: Connection, context: Context, vault_id: int) -> models.Vault | None:
    """One vault; None when there never was one of that number."""
    row = reader.execute(ONE_VAULT, {"of": context.deployment.id, "number": vault_id}).mappings().first()
    if row is None:
        return None
    return vault_shown(context, dict(row))


def vaults(
    reader: Connection, context: Context, conditions: Sequence[ColumnElement[bool]], after: Place | None, limit: int
) -> list[models.Vault]:
    """Vaults by falling number."""
    table = tables.vaults
    asked = select(table).where(table.c.deployment == context.deployment.id, *conditions)
    if after is not None:
        asked = asked.where(table.c.vault_id < after.index)
    rows = reader.execute(asked.order_by(table.c.vault_id.desc()).limit(limit)).mappings()
    return [vault_shown(context, dict(row)) for row in rows]


def _state(row: Row) -> State:
    if row["closed"]:
        return "closed"
    if row["flagged"]:
        return "flagged"
    if row["legs"]:
        return "open"
    return "claim" if row["claim"] else "debt" if row["debt"] else "empty"


def vault_shown(context: Context, row: Row) -> models.Vault:
    """A row of `vaults` with its value and profit."""
    token = context.token(row["market"])
    value, block = context.value((row["market"], row["expiry"]), row["legs"])
    balance = token.amount(row["balance"])
    claim, debt = token.amount(row["claim_left"]), token.amount(row["debt_left"])
    worth = None if value is None else worth_of(balance, value, claim, debt)
    paid_in, taken_out = wad(row["paid_in"]), wad(row["taken_out"])
    return models.Vault(
        vault_id=row["vault_id"], owner=row["owner"], market=row["market"], symbol=token.symbol,
        model=MODELS[row["model"]], expiry=row["expiry"], state=_state(row), epoch=row["epoch"],
        custody=row["custody"], legs=legs_shown(row["legs"]), balance=balance, opened_at=row["opened_at"],
        changed_at=row["at"], changed_block=row["block"], paid_in=paid_in, taken_out=taken_out,
        fees=wad(row["fees"]), bonuses=wad(row["bonuses"]), tips=wad(row["tips"]), realised=wad(row["realised"]),
        entry=_entry(row["packages"]), unknown=row["unknown"], value=value, worth=worth,
        profit=None if worth is None or row["unknown"] else profit_of(worth, paid_in, taken_out), priced_block=block,
    )  # fmt: skip


def _entry(packages: Sequence[Any]) -> list[models.Entry]:
    return [
        models.Entry(
            # ratios are contracts in one package
            legs=legs_shown([kind, strike, ratio * 10**6] for kind, strike, ratio in shape),
            size=scaled(size, 6),
            price=wad(entry_price(size, cost)),
        )
        for shape, size, cost in packages
    ]


def vault_states(
    reader: Connection, context: Context, vault_id: int, after: Place | None, limit: int
) -> list[models.VaultState]:  # fmt: skip
    """What a vault was, newest first."""
    table = tables.vault_states
    asked = select(table).where(table.c.deployment == context.deployment.id, table.c.vault_id == vault_id)
    if after is not None:
        asked = asked.where(table.c.block < after.block)
    rows = reader.execute(asked.order_by(table.c.block.desc()).limit(limit)).mappings()
    names = ("paid_in", "taken_out", "fees", "bonuses", "tips", "realised")
    return [
        models.VaultState(
            block=row["block"], at=row["at"], balance=context.token(row["market"]).amount(row["balance"]),
            legs=legs_shown(row["legs"]), **{name: wad(row[name]) for name in names},
        )
        for row in rows
    ]  # fmt: skip


def owner(reader: Connection, context: Context, account: str) -> list[models.Owner]:
    """What an owner has made, by market."""
    table = tables.vaults
    found: dict[int, list[models.Vault]] = {}
    for one in vaults(reader, context, [table.c.owner == account], None, 100_000):
        found.setdefault(one.market, []).append(one)
    return [_owner(account, market, owned) for market, owned in sorted(found.items())]


def _owner(account: str, market: int, owned: Sequence[models.Vault]) -> models.Owner:
    told = [one for one in owned if one.profit is not None]

    def total(name: str) -> Decimal:
        return sum((getattr(one, name) for one in told), Decimal(0))

    names = ("worth", "paid_in", "taken_out", "profit", "fees", "bonuses", "tips")
    return models.Owner(
        owner=account, market=market, symbol=owned[0].symbol, vaults=len(owned),
        open_vaults=sum(one.state != "closed" for one in owned), unknown=len(owned) - len(told),
        **{name: total(name) for name in names},
    )  # fmt: skip


# --- events ---------------------------------------------------------------------------------------------------------


def events(
    reader: Connection, context: Context, table: Table, conditions: Sequence[ColumnElement[bool]], after: Place | None,
    limit: int,
) -> list[Row]:  # fmt: skip
    """Rows of a table of logs, newest first."""
    asked = select(table).where(table.c.deployment == context.deployment.id, *conditions)
    if after is not None:
        asked = asked.where(tuple_(table.c.block, table.c.log_index) < (after.block, after.index))
    asked = asked.order_by(table.c.block.desc(), table.c.log_index.desc()).limit(limit)
    return [dict(row) for row in reader.execute(asked).mappings()]


def either(table: Table, first: str, second: str, value: int) -> ColumnElement[bool]:
    """Rows that name a vault in one of two places."""
    return or_(table.c[first] == value, table.c[second] == value)


def _event(row: Row) -> dict[str, Any]:
    return {name: row[name] for name in EVENT}


def transfer_shown(context: Context, row: Row, market: int) -> models.Transfer:
    """A row of `transfers`."""
    return models.Transfer(
        **_event(row), kind=row["kind"], vault_id=row["vault_id"], account=row["account"],
        amount=context.token(market).amount(row["amount"]),
    )  # fmt: skip


def fill_shown(context: Context, row: Row) -> models.Fill:
    """A row of `fills`."""
    token = context.token(row["market"])
    names = ("order_hash", "key", "maker_vault", "taker_vault", "market", "expiry")
    return models.Fill(
        **_event(row), **{name: row[name] for name in names}, legs=legs_shown(row["legs"]),
        size=scaled(row["size"], 6), price=wad(row["price"]), maker_fee=token.amount(row["maker_fee"]),
        taker_fee=token.amount(row["taker_fee"]), contracts=scaled(row["contracts"], 6), quote=scaled(row["quote"], 6),
    )  # fmt: skip


def quote_shown(row: Row) -> models.Quote:
    """A row of `quotes`."""
    names = ("maker_vault", "signer", "expiry", "is_bid", "good_until", "order", "signature")
    return models.Quote(
        **_event(row), **{name: row[name] for name in names}, price=wad(row["price"]), size=scaled(row["size"], 6),
        legs=legs_shown([kind, strike, ratio * 10**6] for kind, strike, ratio in row["legs"]),
    )  # fmt: skip


def take_shown(context: Context, row: Row) -> models.Take:
    """A row of `takes`."""
    token = context.token(row["market"])
    names = ("kind", "vault_id", "into_id", "taker", "market", "expiry")
    cash, top_up = token.amount(row["cash"]), token.amount(row["top_up"])
    return models.Take(
        **_event(row), **{name: row[name] for name in names}, fraction=wad(row["fraction"]),
        bonus_share=wad(row["bonus_share"]), cash=cash,
        bonus=None if row["bonus"] is None else wad(row["bonus"]), cut=token.amount(row["cut"]),
        top_up=top_up, equity=wad(row["equity"]), margin=wad(row["margin"]),
        legs=legs_shown(row["legs"]),
    )  # fmt: skip


def market_of_vault(reader: Connection, context: Context, vault_id: int) -> int:
    """Market of a vault, -1 when there never was one."""
    table = tables.vaults
    found = reader.execute(
        select(table.c.market).where(and_(table.c.deployment == context.deployment.id, table.c.vault_id == vault_id))
    ).scalar()
    return -1 if found is None else int(found)
