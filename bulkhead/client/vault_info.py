"""A vault as a person reads it: in its market's token, with one word for its state."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from bulkhead.chain.connection import Market
from bulkhead.chain.lens import VaultView
from bulkhead.chain.words import Model
from bulkhead.client.amounts import from_wad
from bulkhead.risk.words import Leg


@dataclass(frozen=True)
class VaultInfo:
    """A vault in units of its market's token.

    Attributes:
        vault_id: Its id.
        owner: Its owner.
        market: Symbol of its market.
        model: Margin model.
        expiry: Expiry of its cell [unix seconds], 0 without legs.
        custody: Address that holds its tokens.
        balance: Tokens there.
        collateral: C, the balance less the liquidation deposit.
        value: Mark of the legs.
        equity: E = C + value.
        maintenance_margin: MM.
        initial_margin: What equity must reach to withdraw or to add risk, in a STATIC vault by ES as well.
        health: E / MM, None when no margin is needed.
        state: One word: empty, healthy, covered, margin-call, liquidatable, flagged, expired, claim or debt.
        legs: Its legs.
        priced: False when the price is not fresh; then value and margins are those of the last price.
        known: False when there is no price for the legs, as of a vault that has expired and is not settled; then value,
            equity, margins and health mean nothing.
        deficit: What insolvent vaults of its cell are recorded to owe.
        at_risk: Most of its value that this can cost, after what insurance still has for the cell.
        currency: Name of the token, what all these amounts are in: a coin in a coin-margined market.
    """

    vault_id: int
    owner: str
    market: str
    model: str
    expiry: int
    custody: str
    balance: Decimal
    collateral: Decimal
    value: Decimal
    equity: Decimal
    maintenance_margin: Decimal
    initial_margin: Decimal
    health: Decimal | None
    state: str
    legs: tuple[Leg, ...]
    priced: bool
    deficit: Decimal = Decimal(0)
    at_risk: Decimal = Decimal(0)
    currency: str = ""
    known: bool = True

    @classmethod
    def of(cls, view: VaultView, market: Market) -> VaultInfo:
        """A vault of integers in units of the market's token."""
        return cls(
            vault_id=view.vault_id,
            owner=view.owner,
            market=market.symbol,
            model=Model(view.model).name,
            expiry=view.expiry,
            custody=view.custody,
            balance=Decimal(view.balance).scaleb(-market.decimals),
            collateral=from_wad(view.collateral),
            value=from_wad(view.value),
            equity=from_wad(view.equity),
            maintenance_margin=from_wad(view.maintenance_margin),
            initial_margin=from_wad(view.initial_margin),
            health=None if view.health is None else from_wad(view.health),
            state=view.state,
            legs=view.legs,
            priced=view.fresh,
            deficit=from_wad(view.deficit),
            at_risk=from_wad(view.at_risk),
            currency=market.currency,
            known=view.priced,
        )
