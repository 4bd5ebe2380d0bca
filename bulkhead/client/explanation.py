"""Margins explained: of a vault on chain, or of a position that is only thought of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from bulkhead.chain.connection import Connection
from bulkhead.chain.errors import BadInput
from bulkhead.chain.lens import VaultView, read_cells, read_vaults
from bulkhead.client.amounts import Number, parse_model, to_decimal, to_wad
from bulkhead.client.card import risk_of
from bulkhead.client.packages import package_leg
from bulkhead.risk import static
from bulkhead.risk.explain import Explanation, Position, explain, opening_collateral
from bulkhead.risk.marks import MAX_PRICE, MAX_TENOR, MAX_VOL, MIN_VOL
from bulkhead.risk.scales import BPS, DAY, WAD
from bulkhead.risk.volatility import OracleWord
from bulkhead.risk.words import Leg, Model, RiskWord, Snapshot


def explain_vault(chain: Connection, vault_id: int) -> Explanation:
    """How the margin of a vault comes about, all read at one block.

    Raises:
        BadInput: The vault has no legs, or no price.
        UnknownVault: There is no such vault.
    """
    block = chain.rpc.block_number()
    (view,) = read_vaults(chain, [vault_id], block)
    if not isinstance(view, VaultView):
        raise view
    if not view.legs:
        raise BadInput(f"Vault {vault_id} has no legs: it needs no margin.")
    (cell,) = read_cells(chain, [view.cell], block).values()
    if not view.priced or cell.snapshot.seconds == 0:
        lacks = "no price" if view.state == "unknown" else "expired"
        raise BadInput(f"Vault {vault_id} has {lacks}: there is no margin to explain.")
    risk = risk_of(chain, view, cell, block)
    return explain(Position(view.legs, cell.snapshot, risk, view.collateral, view.model, view.units))


@dataclass(frozen=True)
class Market:
    """Prices of a position that is only thought of.

    Attributes:
        spot: Price of one unit of underlying [quote].
        vol: Implied vol of every strike (0.6 = 60 %).
        days: To expiry.
        sigma: sigma_m, the vol that scales the shocks; None takes `vol`, at least the floor.
        vol_ratio: Fast over slow realised vol, which drives kappa.
    """

    spot: Number
    vol: Number
    days: Number = 7
    sigma: Number | None = None
    vol_ratio: Number = 1

    def snapshot(self) -> Snapshot:
        """The snapshot that the oracle would give."""
        spot, vol = _between("The spot", self.spot, 0, MAX_PRICE - 1), _between("The vol", self.vol, MIN_VOL, MAX_VOL)
        seconds = int(to_decimal(self.days) * DAY)
        if not 0 < seconds < MAX_TENOR:
            raise BadInput(f"{self.days} days to expiry is not a tenor: give a number above 0 and below 12,427.")
        floor = OracleWord().sigma_floor_bps * BPS
        sigma = max(vol, floor) if self.sigma is None else _between("sigma_m", self.sigma, MIN_VOL, MAX_VOL)
        return Snapshot(
            spot=spot,
            forward=spot,
            seconds=seconds,
            sigma=sigma,
            sigma_now=sigma,
            vol_ratio=_between("The vol ratio", self.vol_ratio, 0, 1000 * WAD),
            surface_near=vol,
            window_seconds=OracleWord().window_seconds,
        )


def _between(name: str, number: Number, least: int, most: int) -> int:
    found = to_wad(number)
    if not least <= found <= most or found == 0:
        raise BadInput(f"{name} is {number}: it must lie between {_plain(max(least, 1))} and {_plain(most)}.")
    return found


def _plain(wad: int) -> str:
    return f"{Decimal(wad).scaleb(-18):.4g}"


def explain_book(
    legs: Sequence[tuple[str, Number]],
    market: Market,
    collateral: Number | None = None,
    model: str = "ES",
    risk: RiskWord | None = None,
) -> Explanation:
    """How the margin of a position that is only thought of would come about, without a chain.

    Args:
        legs: (leg as text such as "call:200" or "-put:160", contracts).
        market: Prices.
        collateral: C [quote]; None takes the least with which the position opens.
        model: ES, GREEKS or STATIC.
        risk: Risk parameters; the defaults when None. A STATIC position is stamped at `market.sigma`.

    Raises:
        BadInput: A leg, a price or a size that cannot be.
    """
    chosen, snapshot = parse_model(model), market.snapshot()
    if collateral is not None and to_wad(collateral) < 0:
        raise BadInput(f"The collateral is {collateral}: a vault holds 0 or more.")
    words = [Leg.unpack(package_leg(text).moved(amount)) for text, amount in legs]
    terms = risk or RiskWord()
    if chosen == Model.STATIC:
        terms = terms.stamped(static.stamp(terms, snapshot.sigma))
    position = Position(tuple(words), snapshot, terms, 0 if collateral is None else to_wad(collateral), chosen)
    try:
        if collateral is None:
            held = opening_collateral(position)
            position = Position(position.legs, snapshot, terms, held, chosen)
        return explain(position)
    except ValueError as error:
        raise BadInput(_refusal(str(error))) from None


def _refusal(reason: str) -> str:
    from bulkhead.chain import reasons

    return f"The engines refuse this position: {reasons.sentence(reason)}"
