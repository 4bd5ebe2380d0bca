"""Sums over the past: candles, the last day of markets, what keepers did, prices of pools' shares."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal

from sqlalchemy import Connection, func, select

from bulkhead.chain.errors import BadInput
from bulkhead.chain.words import open_parts
from bulkhead.history import models, tables
from bulkhead.history.context import Context, scaled, wad
from bulkhead.history.pages import MOST

DAY = 86_400
#: Neither contracts nor quote.
NOTHING = (0, 0)
#: Lengths of a candle [seconds].
LENGTHS = (60, 300, 900, 3600, 14_400, DAY, 7 * DAY)


def candles(
    reader: Connection, context: Context, market: int, of: str, seconds: int, first_at: int, last_at: int
) -> list[models.Candle]:  # fmt: skip
    """Candles of spot, of a vol, or of fills, oldest first.

    Args:
        reader: The database.
        context: The deployment.
        market: The market.
        of: "spot", "sigma" (the vol behind margins), "iv" (at the money, of published surfaces).
        seconds: Length of one.
        first_at: From here on [unix seconds].
        last_at: Up to here.

    Raises:
        BadInput: The range is longer than so many candles, or runs backwards.
    """
    if seconds not in LENGTHS:
        raise BadInput(f"A candle is {', '.join(map(str, LENGTHS))} seconds long, not {seconds}.")
    if last_at < first_at:
        raise BadInput("The range ends before it begins.")
    if (last_at - first_at) // seconds > MOST:
        raise BadInput(f"The range holds more than {MOST} candles; shorten it, or take longer candles.")
    table, column = (tables.surfaces, "sigma_atm") if of == "iv" else (tables.prices, of)
    points = reader.execute(
        select(table.c.at, table.c[column])
        .where(
            table.c.deployment == context.deployment.id, table.c.market == context.priced(market),
            table.c.at >= first_at, table.c.at <= last_at,
        )
        .order_by(table.c.block, table.c.log_index)
    )  # fmt: skip
    volumes = _volumes(reader, context, market, seconds, (first_at, last_at)) if of == "spot" else {}
    return _candles(((row[0], row[1]) for row in points), volumes, seconds)


def _candles(
    points: Iterable[tuple[int, int]], volumes: dict[int, tuple[int, int]], seconds: int
) -> list[models.Candle]:
    found: dict[int, list[int]] = defaultdict(list)
    for at, value in points:
        found[at // seconds * seconds].append(value)
    return [
        models.Candle(
            at=at, open=wad(values[0]), high=wad(max(values)), low=wad(min(values)), close=wad(values[-1]),
            volume=scaled(volumes.get(at, NOTHING)[0], 6), volume_quote=scaled(volumes.get(at, NOTHING)[1], 6),
        )
        for at, values in sorted(found.items())
    ]  # fmt: skip


def _volumes(
    reader: Connection, context: Context, market: int, seconds: int, span: tuple[int, int]
) -> dict[int, tuple[int, int]]:
    """(contracts, quote) filled by the beginning of a candle [1e-6]."""
    table = tables.fills
    slot = table.c.at - table.c.at % seconds
    rows = reader.execute(
        select(slot, func.sum(table.c.contracts), func.sum(table.c.quote))
        .where(table.c.deployment == context.deployment.id, table.c.market == market, table.c.at.between(*span))
        .group_by(slot)
    )
    return {int(row[0]): (int(row[1]), int(row[2])) for row in rows}


def markets(reader: Connection, context: Context) -> list[models.Market]:
    """Every market with its last day."""
    return [_market(reader, context, market) for market in sorted(context.tokens)]


def _market(reader: Connection, context: Context, market: int) -> models.Market:
    at, token = context.deployment.id, context.tokens[market]
    since = context.deployment.at - DAY
    fills, takes, vaults, prices, cells, fund = (
        tables.fills, tables.takes, tables.vaults, tables.prices, tables.cells, tables.insurance,
    )  # fmt: skip
    count, volume, volume_quote = reader.execute(
        select(func.count(), func.sum(fills.c.contracts), func.sum(fills.c.quote)).where(
            fills.c.deployment == at, fills.c.market == market, fills.c.at > since
        )
    ).one()
    taken = reader.execute(
        select(func.count()).select_from(takes).where(
            takes.c.deployment == at, takes.c.market == market, takes.c.at > since
        )
    ).scalar_one()  # fmt: skip
    alive = reader.execute(
        select(func.count()).select_from(vaults).where(
            vaults.c.deployment == at, vaults.c.market == market, vaults.c.closed.is_(False)
        )
    ).scalar_one()  # fmt: skip

    def newest(table: object, *names: str, of: int = market) -> tuple[int, ...] | None:
        row = reader.execute(
            select(*(table.c[name] for name in names))  # type: ignore[attr-defined]
            .where(table.c.deployment == at, table.c.market == of, table.c[names[0]].is_not(None))  # type: ignore[attr-defined]
            .order_by(table.c.block.desc(), table.c.log_index.desc())  # type: ignore[attr-defined]
            .limit(1)
        ).first()
        return None if row is None else tuple(row)

    price = newest(prices, "spot", "sigma", of=context.priced(market))
    interest, pot = newest(cells, "open_interest"), newest(fund, "balance")
    contracts, quote = open_parts(interest[0] if interest else 0)
    return models.Market(
        market=market, symbol=token.symbol, token=token.address, decimals=token.decimals, inverse=token.inverse,
        spot=None if price is None else wad(price[0]), sigma=None if price is None else wad(price[1]),
        open_interest=scaled(contracts, 6), open_quote=scaled(quote, 6),
        insurance=None if pot is None else token.amount(pot[0]), vaults=alive, fills_24h=count,
        volume_24h=scaled(int(volume or 0), 6), volume_quote_24h=scaled(int(volume_quote or 0), 6), takes_24h=taken,
    )  # fmt: skip


def keepers(reader: Connection, context: Context) -> list[models.Keeper]:
    """What each keeper flagged and took, who took most first."""
    at = context.deployment.id
    flags, takes, transfers = tables.flags, tables.takes, tables.transfers
    counted: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    bonuses: dict[str, Decimal] = defaultdict(Decimal)
    tips: dict[str, Decimal] = defaultdict(Decimal)
    for row in reader.execute(
        select(flags.c.account, func.count()).where(flags.c.deployment == at, flags.c.kind == "flagged")
        .group_by(flags.c.account)
    ):  # fmt: skip
        counted[row[0]][0] = row[1]
    for take in reader.execute(select(takes.c.taker, takes.c.bonus).where(takes.c.deployment == at)):
        counted[take.taker][1] += 1
        if take.bonus is not None:
            bonuses[take.taker] += wad(take.bonus)
    vaults = tables.vaults
    for tip in reader.execute(
        select(transfers.c.account, transfers.c.amount, vaults.c.market)
        .join(vaults, (vaults.c.vault_id == transfers.c.vault_id) & (vaults.c.deployment == transfers.c.deployment))
        .where(transfers.c.deployment == at, transfers.c.kind == "tip")
    ):
        tips[tip.account] += context.token(tip.market).amount(tip.amount)
    accounts = set(counted) | set(tips)
    found = [
        models.Keeper(
            account=account, flags=counted[account][0], takes=counted[account][1], bonuses=bonuses[account],
            tips=tips[account],
        )
        for account in accounts
    ]  # fmt: skip
    return sorted(found, key=lambda one: (-one.takes, -one.flags, one.account))


def share_prices(reader: Connection, context: Context, market: int, limit: int) -> list[models.SharePrice]:
    """Prices of the shares of a market's backstop pool, newest first."""
    table, token = tables.share_prices, context.token(market)
    rows = reader.execute(
        select(table)
        .where(table.c.deployment == context.deployment.id, table.c.market == market)
        .order_by(table.c.block.desc())
        .limit(limit)
    )
    return [
        models.SharePrice(
            block=row.block, at=row.at, pool=row.pool, assets=token.amount(row.assets),
            share_price=token.amount(row.share_price),
        )
        for row in rows
    ]  # fmt: skip
