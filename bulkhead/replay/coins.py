"""The coin-margined vaults of the demo: a covered call, an inverse future and a short put beside the dollar market.

They live in a market of their own on the same feed, so the crash moves them as it moves the others; the keeper minds
both. Its tokens are coins, so its sums stand apart from those of the dollar market.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, ROUND_UP, Decimal
from typing import Any

from bulkhead.chain.contract import read
from bulkhead.chain.lens import VaultView, read_cells, vault_view
from bulkhead.client import SignedOrder, from_wad, to_native
from bulkhead.orders import PremiumStyle
from bulkhead.pricing import mark
from bulkhead.replay.market import LocalMarket, coin_of, tick_of
from bulkhead.replay.participants import MAKER, NOTIONAL
from bulkhead.report.model import Check
from bulkhead.risk.words import Kind, Leg, RiskWord

#: Coins that the maker brings for one contract of a vault, and what each wallet has.
MAKER_COINS, PURSE = 30, 10_000
#: Leverage of the inverse future, and IM as a multiple of which the short put is opened.
LEVERAGE, CUSHION = 10, Decimal("1.5")
#: Who owns what, by title.
OWNERS = {"covered call": "Ada", "inverse future": "Boris", "short put in coins": "Chen"}
COVERED = "covered call"
MICRO, FINE = Decimal("0.000001"), Decimal("1e-12")


@dataclass
class CoinVault:
    """One vault of the coin market.

    Attributes:
        vault_id: Its id.
        title: What it is.
        deposit: Coins its owner put in.
        flagged: It was flagged at least once.
        taken: It was taken from.
        left: Coins in it at the last look.
    """

    vault_id: int
    title: str
    deposit: Decimal
    flagged: bool = False
    taken: int = 0
    left: Decimal = Decimal(0)


@dataclass
class CoinMarket:
    """A coin market and its vaults.

    Attributes:
        local: Chain and people.
        expiry: Of its cell [unix seconds].
        vaults: Its vaults by id.
    """

    local: LocalMarket
    expiry: int
    vaults: dict[int, CoinVault] = field(default_factory=dict)

    def __post_init__(self) -> None:
        deployment = self.local.chain.deployment
        (symbol,) = (s for s in deployment.markets if s == coin_of(self.local.market.symbol))
        self.market = self.local.chain.market(symbol)

    def open(self) -> None:
        """Everybody gets coins, and takes the maker's orders."""
        local, market = self.local, self.market
        mint = local.people["deployer"].signer
        for who in {MAKER, "keeper", *OWNERS.values()}:
            mint.execute(market.token, "mint", local.people[who].address, to_native(PURSE, market.decimals))
        cell = (market.index, self.expiry)
        view = read_cells(local.chain, [cell])[cell]
        spot, lot = from_wad(view.snapshot.spot), Decimal(market.lot).scaleb(-6)
        size = max((Decimal(NOTIONAL) / spot / lot).to_integral_value() * lot, lot)
        tick = Decimal(tick_of(int(spot * 10**8))).scaleb(-8)
        maker = local.people[MAKER]
        desk = maker.vaults.open(market.symbol, deposit=(MAKER_COINS * size).quantize(MICRO))

        def strike(share: str) -> Decimal:
            return (spot * Decimal(share) / tick).to_integral_value() * tick

        def worth(kind: Kind, at: Decimal = Decimal(0)) -> Decimal:
            legs = (Leg(kind, int(at * 10**8), 10**6),)
            return from_wad(mark(legs, view.snapshot, view.units))

        def bid(leg: str, price: Decimal, many: Decimal, style: PremiumStyle = PremiumStyle.UPFRONT) -> SignedOrder:
            return maker.orders.sign(desk, self.expiry, [leg], "buy", price, many, good_for=900, premium_style=style)

        high, low = strike("1.1"), strike("0.9")
        locked = from_wad(view.units.micro(RiskWord.unpack(view.risk).deposit))
        # one coin for each call, the liquidation deposit, and what the fee may cost
        self._fill(
            COVERED,
            bid(f"call:{high}", (worth(Kind.CALL, high) * Decimal("0.97")).quantize(MICRO), size),
            size + 2 * locked + size / 1000,
        )
        quote = (size * spot).quantize(Decimal(1))
        future = bid("cash", worth(Kind.CASH).quantize(FINE, ROUND_DOWN), quote, PremiumStyle.DEFERRED)
        self._fill("inverse future", future, quote / spot / LEVERAGE + 2 * locked)
        put = bid(f"put:{low}", (worth(Kind.PUT, low) * Decimal("0.97")).quantize(MICRO), size)
        seen = local.people[OWNERS["short put in coins"]].orders.preview(put, deposit=size)
        needed = CUSHION * seen.after.initial_margin - (seen.after.equity - size)
        self._fill("short put in coins", put, max(needed, 2 * locked))

    def _fill(self, title: str, signed: SignedOrder, deposit: Decimal) -> None:
        coins = deposit.quantize(MICRO, rounding=ROUND_UP)
        vault_id = self.local.people[OWNERS[title]].orders.fill(signed, deposit=coins)
        self.vaults[vault_id] = CoinVault(vault_id, title, coins, left=coins)

    def look(self) -> None:
        """Notes how the vaults stand."""
        if not self.vaults:
            return
        chain = self.local.chain
        (states,) = read(chain.rpc, [chain["Lens"].query("vaults", list(self.vaults))])
        for view in (vault_view(state, chain.units) for state in states):
            if isinstance(view, VaultView):
                vault = self.vaults[view.vault_id]
                vault.flagged |= view.flagged
                vault.left = Decimal(view.balance).scaleb(-self.market.decimals)

    def note(self, event: str, values: Mapping[str, Any]) -> None:
        """Takes in a flag or a take."""
        vault = self.vaults.get(int(values["vault_id"]))
        if vault is not None:
            vault.flagged |= event == "VaultFlagged"
            vault.taken += event == "VaultTaken"

    def lines(self) -> list[str]:
        """What became of them, for the summary."""
        found = []
        for vault in self.vaults.values():
            what = f"taken over {vault.taken} times" if vault.taken else "flagged" if vault.flagged else "untouched"
            found.append(
                f"{vault.title} of {OWNERS[vault.title]}: {what}; {vault.deposit:,.6f} {self.market.currency} put in, "
                f"{vault.left:,.6f} {self.market.currency} at the end"
            )
        return found

    def check(self) -> Check:
        """The covered call is never liquidated, whatever the price does."""
        (covered,) = (v for v in self.vaults.values() if v.title == COVERED)
        good = not covered.flagged and not covered.taken
        text = "a coin and a short call: never flagged, never taken from, at any price of the crash"
        return Check("Covered call", good, text if good else "the covered call was liquidated")
