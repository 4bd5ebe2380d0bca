"""What a trade would do to a vault, before anything is signed or sent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_FLOOR, Decimal

from bulkhead import orders, pricing
from bulkhead.chain.connection import Connection
from bulkhead.chain.errors import BadInput
from bulkhead.chain.lens import VaultView, described, read_cells, read_vaults, vault_view
from bulkhead.client.amounts import Number, from_wad, parse_model, to_decimal, to_native
from bulkhead.client.card import liquidation_prices, new_risk
from bulkhead.client.fill_check import Fill, check_fill
from bulkhead.client.packages import PackageLeg, package_leg
from bulkhead.client.vault_info import VaultInfo
from bulkhead.orders import Order, PremiumStyle
from bulkhead.risk.words import Series


@dataclass(frozen=True)
class FillPreview:
    """What a fill would do to one side, before anything is signed or sent.

    Attributes:
        price: Per package [token].
        premium: What the buyer pays [token].
        fee: What this side pays [token].
        after: The vault after the fill, initial margin included.
        passes: Equity after covers the initial margin, and nothing else stands against the fill.
        refusal: The reason that a fill would meet now, "" for none. On the maker's side also one that those who close
            a position do not meet.
        liquidation_below: Nearest spot below at which the vault would be liquidatable, None when there is none.
        liquidation_above: The same above.
        spot: Price of the underlying [quote], None when there is none.
        currency: Name of the market's token: what amounts are in.
        inverse: The token is the underlying, so that amounts times spot are quote.
    """

    price: Decimal
    premium: Decimal
    fee: Decimal
    after: VaultInfo
    passes: bool
    refusal: str
    liquidation_below: Decimal | None
    liquidation_above: Decimal | None
    spot: Decimal | None = None
    currency: str = ""
    inverse: bool = False

    def in_quote(self, amount: Decimal) -> Decimal | None:
        """An amount in quote, at spot where it is in coins; None without a price."""
        if not self.inverse:
            return amount
        return None if self.spot is None else amount * self.spot


@dataclass(frozen=True)
class Side:
    """Which side of a fill is looked at: the maker's, unless a vault or a deposit is named.

    Attributes:
        vault_id: Existing vault that would take.
        deposit: Tokens of a vault that would be opened to take.
        model: Margin model of that vault.
    """

    vault_id: int | None = None
    deposit: Number | None = None
    model: str = "ES"

    @property
    def is_maker(self) -> bool:
        """The maker's own side."""
        return self.vault_id is None and self.deposit is None


def _after(chain: Connection, vault_id: int, expiry: int, legs: Sequence[int], tokens: int) -> VaultView:
    """An existing vault after it received legs [words] and tokens [native]."""
    seen = vault_view(chain["Lens"].call("preview", vault_id, expiry, legs, tokens), chain.units)
    if not isinstance(seen, VaultView):
        raise seen
    return seen


def _after_opening(chain: Connection, side: Side, series: Series, legs: Sequence[int], tokens: int) -> VaultView:
    """A vault opened with legs [words] and tokens [native]."""
    chosen = parse_model(side.model)
    units = chain.units(series.market)
    seen = chain["Lens"].call("preview_new", series.market, int(chosen), series.expiry, legs, tokens)
    return described(seen, units)


def trade_preview(
    chain: Connection, view: VaultView, expiry: int, legs: Iterable[tuple[PackageLeg | str, Number]], cash: Number
) -> VaultInfo:
    """A vault after legs (of so many contracts each) and tokens have moved into it at the present price."""
    market = chain.market(view.market)
    moved = [package_leg(leg).moved(amount) for leg, amount in legs]
    tokens = int(to_decimal(cash).scaleb(market.decimals).to_integral_value(rounding=ROUND_FLOOR))
    return VaultInfo.of(_after(chain, view.vault_id, expiry, moved, tokens), market)


def _vault(chain: Connection, vault_id: int) -> VaultView:
    (view,) = read_vaults(chain, [vault_id])
    if not isinstance(view, VaultView):
        raise view
    return view


def fill_preview(chain: Connection, order: Order, signature: bytes | None, size: int | None, side: Side) -> FillPreview:
    """What a fill would do to one side.

    Args:
        chain: The deployment.
        order: The order.
        signature: Its signature, None before it is signed.
        size: Packages [1e-6], None for all that is left.
        side: Whose vault is looked at.

    Raises:
        BadInput: The side names a vault and a deposit.
        Reverted: The order cannot be filled, whatever margin and tokens there are.
    """
    if side.vault_id is not None and side.deposit is not None:
        raise BadInput("A fill goes into an existing vault or into a new one with a deposit, not into both.")
    series = Series.unpack(order.legs[0].series)
    market = chain.market(series.market)
    orders.check(order, market.inverse)
    # as whoever waits longest would fill it
    named = chain["FillCheck"].call("round_of", order.to_tuple()) if order.patience else {"id": 0}
    fill = Fill(order, signature, size, round_id=named["id"])
    if side.vault_id is not None:
        fill = replace(fill, taker=_vault(chain, side.vault_id).owner, vault_id=side.vault_id)
    packages, refusal = check_fill(chain, fill)
    (cell,) = read_cells(chain, [(series.market, series.expiry)]).values()
    fees = pricing.Fees.unpack(int(chain["Exchange"].call("trading", series.market)))
    age = chain.rpc.timestamp() - named["stamp"] if named["id"] else 0
    terms = pricing.terms(order, packages, market.decimals, fees, cell.snapshot, age, cell.units)
    legs, cash = terms.received(order.is_bid == side.is_maker)
    fee = terms.maker_fee if side.is_maker else terms.taker_fee
    moved = [leg.pack() for leg in legs if leg.quantity]
    if side.deposit is not None:
        tokens = to_native(side.deposit, market.decimals)
        after = _after_opening(chain, side, series, moved, tokens + cash - fee)
    else:
        subject = order.maker_vault if side.vault_id is None else side.vault_id
        after = _after(chain, subject, series.expiry, moved, cash - fee)
    below, above = liquidation_prices(after, cell, new_risk(after, cell))
    deferred = order.premium_style == PremiumStyle.DEFERRED
    return FillPreview(
        price=from_wad(terms.price),
        premium=Decimal(terms.premium).scaleb(-6 if deferred else -market.decimals),
        fee=Decimal(fee).scaleb(-market.decimals),
        after=VaultInfo.of(after, market),
        passes=not refusal and (after.covered or after.equity >= after.initial_margin),
        refusal=refusal,
        liquidation_below=below,
        liquidation_above=above,
        spot=from_wad(cell.snapshot.spot) if cell.snapshot.spot else None,
        currency=market.currency,
        inverse=market.inverse,
    )
