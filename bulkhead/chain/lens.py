"""What the Lens says: vaults and cells at one block, many in one post."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bulkhead.chain.connection import Connection
from bulkhead.chain.contract import read, read_each
from bulkhead.chain.errors import BulkheadError, UnknownVault
from bulkhead.chain.vaults_from_logs import Cell
from bulkhead.chain.words import Model, legs_of, open_parts
from bulkhead.risk.words import LINEAR, Leg, Snapshot, Units

#: Vaults in one call; the Lens takes 200, small calls fit every node's gas cap.
CHUNK = 50
INFINITE = 2**256 - 1
UNBOUNDED = -(2**255)

FLAGGED, MARKED, DEBT, CLAIM, MARGIN_CALL, LIQUIDATABLE, COVERED, NO_PRICE, NOT_FRESH, EXPIRED = (
    1 << bit for bit in range(10)
)


@dataclass(frozen=True)
class VaultView:
    """One vault at one block; wad of its market's token unless native tokens are meant.

    Attributes:
        vault_id: Its id.
        owner: Its owner.
        market: Index of its market.
        model: Margin model.
        expiry: Expiry of its cell [unix seconds], 0 without one.
        epoch: Its epoch.
        custody: Address of its tokens.
        balance: Tokens there [native].
        status: Bits above.
        flagged_at: Stamp of the flag or its last set-back.
        deposit: Its full liquidation deposit [1e-6 of the market's unit].
        collateral: C.
        value: v.
        equity: E.
        maintenance_margin: A.
        initial_margin: What equity must reach to withdraw or add risk, proximity included; for STATIC by ES as well.
        target: R_t.
        v_min: Least payoff; None when it is unbounded.
        delta: Net delta [contracts].
        health: E / MM; None when infinite.
        legs: Its legs.
        deficit: D_cell: recorded deficits of its cell.
        at_risk: Most that these can cost its value, after what insurance still has for the cell.
        units: What its market counts in.
    """

    vault_id: int
    owner: str
    market: int
    model: Model
    expiry: int
    epoch: int
    custody: str
    balance: int
    status: int
    flagged_at: int
    deposit: int
    collateral: int
    value: int
    equity: int
    maintenance_margin: int
    initial_margin: int
    target: int
    v_min: int | None
    delta: int
    health: int | None
    legs: tuple[Leg, ...]
    deficit: int = 0
    at_risk: int = 0
    units: Units = LINEAR

    @property
    def cell(self) -> Cell:
        """(market, expiry)."""
        return self.market, self.expiry

    @property
    def flagged(self) -> bool:
        """A flag is open."""
        return bool(self.status & FLAGGED)

    @property
    def debt(self) -> bool:
        """It owes its cell a failed pay-in."""
        return bool(self.status & DEBT)

    @property
    def claim(self) -> bool:
        """It holds a claim that is not fully paid."""
        return bool(self.status & CLAIM)

    @property
    def covered(self) -> bool:
        """C >= -v_min: no price can make it liquidatable."""
        return bool(self.status & COVERED)

    @property
    def priced(self) -> bool:
        """Its numbers mean something."""
        return not self.status & NO_PRICE

    @property
    def fresh(self) -> bool:
        """Its numbers are of a fresh price."""
        return not self.status & (NO_PRICE | NOT_FRESH)

    @property
    def liquidatable(self) -> bool:
        """E < MM and not covered."""
        return bool(self.status & LIQUIDATABLE)

    @property
    def missing_deposit(self) -> int:
        """What the liquidation deposit would lack after the tip for ending the flag [wad]."""
        flag, end = self.deposit * 50 // 100, self.deposit * 30 // 100
        return self.units.micro(flag + end) if self.flagged else 0

    @property
    def clearable(self) -> bool:
        """Flagged, and back at its target with the deposit refilled."""
        if not self.flagged:
            return False
        due = self.missing_deposit
        if self.v_min is not None and self.collateral - due >= -self.v_min:
            return True
        return self.fresh and self.equity >= self.target + due

    @property
    def state(self) -> str:
        """One word for people."""
        if not self.legs:
            return "claim" if self.claim else "debt" if self.debt else "empty"
        if self.status & EXPIRED:
            return "expired"
        if self.flagged:
            return "flagged"
        if self.covered:
            return "covered"
        if not self.priced:
            return "unknown"
        if self.liquidatable:
            return "liquidatable"
        return "margin-call" if self.status & MARGIN_CALL else "healthy"


@dataclass(frozen=True)
class CellView:
    """One cell and its market at one block.

    Attributes:
        cell: (market, expiry).
        snapshot: Every price fact.
        expiry_price: Final price [wad], 0 until it is fixed.
        gross: Open quantity of the cell, 0 when everyone has settled.
        risk: Packed risk word.
        liquidation: Packed liquidation word.
        insurance: The market's insurance [native].
        decimals: Decimals of the token.
        lot: Step of quantities [1e-6 contracts].
        open_interest: Of the market [1e-6 contracts]; an inverse market's CASH [1e-6 quote] stands 128 bits up.
        deficit: D_cell: recorded deficits of the cell [wad].
        insured: What the cell's cap leaves of the insurance [wad].
        units: What the market counts in.
    """

    cell: Cell
    snapshot: Snapshot
    expiry_price: int
    gross: int
    risk: int
    liquidation: int
    insurance: int
    decimals: int
    lot: int
    open_interest: int
    deficit: int = 0
    insured: int = 0
    units: Units = LINEAR

    @property
    def active(self) -> bool:
        """Opening and liquidating are allowed."""
        return self.snapshot.is_active

    @property
    def open_contracts(self) -> int:
        """Open options and delta legs of the market [1e-6 contracts], CASH of an inverse one at 1/F."""
        options, quote = open_parts(self.open_interest)
        forward = self.snapshot.settling()[1]
        if not self.units.inverse or not forward:
            return options
        return options + quote * 10**18 // forward

    @property
    def native(self) -> int:
        """Wad in one native unit."""
        return int(10 ** (18 - self.decimals))


def vault_view(state: Mapping[str, Any], units: Callable[[int], Units]) -> VaultView | UnknownVault:
    """A vault of `Lens.vaults` or `Lens.preview`, or the exception that says there is none.

    Args:
        state: What the Lens says.
        units: Tells what a market counts in, by its index.
    """
    if int(state["owner"], 16) == 0:
        return UnknownVault(f"There is no vault {state['vault_id']}.")
    return described(state, units(int(state["market"])))


def described(state: Mapping[str, Any], units: Units) -> VaultView:
    """What the Lens says of a vault, also of one still to be opened (id 0, owner zero)."""
    return VaultView(
        vault_id=state["vault_id"],
        owner=state["owner"],
        market=state["market"],
        model=Model(state["model"]),
        expiry=state["expiry"],
        epoch=state["epoch"],
        custody=state["custody"],
        balance=state["balance"],
        status=state["status"],
        flagged_at=state["flagged_at"],
        deposit=state["deposit"],
        collateral=state["collateral"],
        value=state["value"],
        equity=state["equity"],
        maintenance_margin=state["maintenance_margin"],
        initial_margin=state["initial_margin"],
        target=state["target"],
        v_min=None if state["v_min"] == UNBOUNDED else state["v_min"],
        delta=state["delta"],
        health=None if state["health"] == INFINITE else state["health"],
        legs=legs_of(state["legs"]),
        deficit=state["deficit"],
        at_risk=state["at_risk"],
        units=units,
    )


def read_vaults(chain: Connection, ids: Sequence[int], block: int | str = "latest") -> list[VaultView | BulkheadError]:
    """Vaults in the order asked for, all in one post; one that could not be read is its exception.

    A chunk that fails is read again one by one, so that a single bad vault hides no other.
    """
    lens = chain["Lens"]
    chunks = [list(ids[i : i + CHUNK]) for i in range(0, len(ids), CHUNK)]
    replies = read_each(chain.rpc, [lens.query("vaults", chunk) for chunk in chunks], block)
    found: dict[int, VaultView | BulkheadError] = {}
    again: list[int] = []
    for chunk, reply in zip(chunks, replies, strict=True):
        if isinstance(reply, BulkheadError):
            again.extend(chunk)
            continue
        found.update({int(state["vault_id"]): vault_view(state, chain.units) for state in reply})
    if again:
        singles = read_each(chain.rpc, [lens.query("vaults", [i]) for i in again], block)
        for vault_id, reply in zip(again, singles, strict=True):
            found[vault_id] = reply if isinstance(reply, BulkheadError) else vault_view(reply[0], chain.units)
    return [found[i] for i in ids]


def cell_view(cell: Cell, state: Mapping[str, Any], units: Units) -> CellView:
    """A cell of `Lens.market`, of a market that counts in some units."""
    return CellView(
        cell=cell,
        snapshot=Snapshot(**state["snapshot"]),
        expiry_price=state["expiry_price"],
        gross=state["gross"],
        risk=state["risk"],
        liquidation=state["liquidation"],
        insurance=state["insurance"],
        decimals=state["decimals"],
        lot=state["lot"],
        open_interest=state["open_interest"],
        deficit=state["deficit"],
        insured=state["insured"],
        units=units,
    )


def read_cells(chain: Connection, cells: Iterable[Cell], block: int | str = "latest") -> dict[Cell, CellView]:
    """Cells by (market, expiry), in one post."""
    wanted = sorted(set(cells))
    replies = read(chain.rpc, [chain["Lens"].query("market", *cell) for cell in wanted], block)
    return {cell: cell_view(cell, reply, chain.units(cell[0])) for cell, reply in zip(wanted, replies, strict=True)}
