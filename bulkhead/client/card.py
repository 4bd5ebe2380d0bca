"""Everything about one position on one card: margins, Greeks, liquidation prices, what it lacks, what it has made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Any

from bulkhead.chain.connection import Connection, Market
from bulkhead.chain.contract import read
from bulkhead.chain.errors import BulkheadError
from bulkhead.chain.lens import CellView, VaultView, read_cells
from bulkhead.chain.words import QUANTITY, Model, Terms
from bulkhead.client.amounts import from_wad
from bulkhead.client.exposure import Exposure
from bulkhead.client.history import read_history
from bulkhead.client.vault_info import VaultInfo
from bulkhead.profit.rule import Made, profit_of, worth_of
from bulkhead.risk import static
from bulkhead.risk.liquidation_price import exact_prices
from bulkhead.risk.words import WAD, Leg, RiskWord

#: Above so many times its maintenance margin a vault is not in a margin call [wad].
CALM = 12 * WAD // 10


@dataclass(frozen=True)
class Greeks(Exposure):
    """How the value of a vault's legs moves, with time too.

    Attributes:
        theta: Quote for each day that passes.
    """

    theta: Decimal = Decimal(0)


@dataclass(frozen=True)
class Entry:
    """Packages of one shape, as they were traded, with what they cost.

    Attributes:
        legs: One package.
        size: How many, signed.
        price: What one cost on average [quote].
    """

    legs: tuple[Leg, ...]
    size: Decimal
    price: Decimal


@dataclass(frozen=True)
class PositionCard:
    """One position.

    Attributes:
        vault: The vault as `vaults.get` gives it.
        target: Equity at which a flag would end [quote].
        to_add: Least tokens that make it healthy: out of a margin call, and out of a flag if there is one [quote].
        spot: Price of the underlying [quote], None when there is none.
        liquidation_below: Nearest spot below at which it is liquidatable [quote]; None when there is none.
        liquidation_above: The same above.
        greeks: Of its legs; None without a price.
        claim: What its last expiry still owes it, 0 for nothing [quote].
        debt: What it still owes its last expiry [quote].
        entries: What it holds, as it was traded, and what that cost; empty without a history.
        profit: What it has made since it was opened, at mark [quote]; None when it cannot be told.
        remark: Why entries or profit are missing, empty when they are not.
    """

    vault: VaultInfo
    target: Decimal
    to_add: Decimal
    spot: Decimal | None
    liquidation_below: Decimal | None
    liquidation_above: Decimal | None
    greeks: Greeks | None
    claim: Decimal
    debt: Decimal
    entries: tuple[Entry, ...]
    profit: Decimal | None
    remark: str


def risk_of(chain: Connection, view: VaultView, cell: CellView, block: int | str = "latest") -> RiskWord:
    """Risk parameters of a vault on chain: one of the STATIC model has the ratios it was stamped with."""
    risk = RiskWord.unpack(cell.risk)
    if view.model != Model.STATIC or not view.legs:
        return risk
    (loaded,) = read(chain.rpc, [chain["Clearinghouse"].query("load", view.vault_id)], block)
    return risk.stamped(Terms.unpack(loaded.vault.terms).stamp)


def new_risk(view: VaultView, cell: CellView) -> RiskWord:
    """Risk parameters of a vault that takes new risk now: one of the STATIC model is stamped by the vols of now."""
    risk = RiskWord.unpack(cell.risk)
    if view.model == Model.STATIC:
        risk = risk.stamped(static.stamp(risk, max(cell.snapshot.sigma, cell.snapshot.sigma_now)))
    return risk


def liquidation_prices(view: VaultView, cell: CellView, risk: RiskWord) -> tuple[Decimal | None, Decimal | None]:
    """Nearest spot below and above at which a vault would be liquidatable [quote], None where there is none."""
    if not view.legs or not view.priced:
        return None, None
    found = exact_prices(view.legs, cell.snapshot, risk, view.collateral, view.model, cell.units)
    return tuple(None if at is None else from_wad(at) for at in found)  # type: ignore[return-value]


def _greeks_of(view: VaultView, legs: Sequence[Any]) -> Greeks | None:
    """Greeks of a vault's legs as PositionLens tells them, None without a price."""
    if not view.priced:
        return None
    delta, gamma, vega, theta = (
        from_wad(sum(int(leg[name]) for leg in legs)) for name in ("delta", "gamma", "vega", "theta")
    )
    return Greeks(delta, gamma, vega / 100, theta / 365)


def to_add(view: VaultView, decimals: int) -> Decimal:
    """Least tokens that bring a vault out of a margin call and end its flag [quote], 0 when it lacks nothing."""
    if not view.legs or (view.covered and not view.flagged):
        return Decimal(0)
    due = view.missing_deposit
    lacks = []
    if view.priced:
        calm = (view.maintenance_margin * CALM + WAD - 1) // WAD
        lacks.append(max(calm, view.target if view.flagged else 0) + due - view.equity)
    if view.v_min is not None:
        lacks.append(-view.v_min + due - view.collateral)
    if not lacks:
        return Decimal(0)
    unit = Decimal(1).scaleb(-decimals)
    return max(from_wad(min(lacks)), Decimal(0)).quantize(unit, rounding=ROUND_CEILING)


def read_card(chain: Connection, view: VaultView) -> PositionCard:
    """The card of a vault; without the events of its past all but entries and profit are on it."""
    market = chain.market(view.market)
    (cell,) = read_cells(chain, [view.cell]).values()
    seen = chain["PositionLens"].call("positions", [view.vault_id]).positions[0]
    below, above = liquidation_prices(view, cell, risk_of(chain, view, cell))
    claim, debt = (
        Decimal(tokens).scaleb(-market.decimals)
        for tokens in (seen.settled.claim - seen.settled.claim_paid, seen.settled.debt)
    )
    try:
        history, remark = read_history(chain, market, view.vault_id), ""
    except BulkheadError as error:
        history, remark = None, f"The node has no history of the vault: {error}"
    profit = None
    if history is not None:
        profit, remark = _profit(view, market, history.made, claim, debt)
    return PositionCard(
        vault=VaultInfo.of(view, market),
        target=from_wad(view.target),
        to_add=to_add(view, market.decimals),
        spot=from_wad(cell.snapshot.spot) if cell.snapshot.spot else None,
        liquidation_below=below,
        liquidation_above=above,
        greeks=_greeks_of(view, seen.legs),
        claim=claim,
        debt=debt,
        entries=() if history is None else _entries(history.made),
        profit=profit,
        remark=remark,
    )


def _entries(made: Made) -> tuple[Entry, ...]:
    return tuple(
        Entry(lot.legs(shape), Decimal(lot.size) / QUANTITY, from_wad(lot.price))
        for shape, lot in made.packages.lots.items()
    )


def _profit(view: VaultView, market: Market, made: Made, claim: Decimal, debt: Decimal) -> tuple[Decimal | None, str]:
    """What a vault has made [quote], or why that cannot be told."""
    if view.legs and not view.priced:
        return None, "There is no price to tell the profit with."
    if made.unknown:
        return None, f"The profit cannot be told: {made.unknown}."
    worth = worth_of(Decimal(view.balance).scaleb(-market.decimals), from_wad(view.value), claim, debt)
    return profit_of(worth, from_wad(made.paid_in), from_wad(made.taken_out)), ""
