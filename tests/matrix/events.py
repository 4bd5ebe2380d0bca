"""What is read around a call, and what it should have logged: of vaults, orders and liquidation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bulkhead import orders
from bulkhead.orders import OrderLeg
from bulkhead.risk.words import Kind, Leg
from tests.matrix.rows import Row
from tests.matrix.rows_pools import UNIT
from tests.matrix.scene import EXPIRY, MARKET, OLDER, Scene
from tests.worlds.system import EMPTY, WAD, put

HOUSE, TOKEN, VENUE, POOL, DESKS = "Clearinghouse", "VaultToken", "Exchange", "BackstopPool", "MakerVault"
FUND, RULES, AUCTION, SETTLE = "InsuranceFund", "RiskParameters", "Liquidator", "Settlement"
#: Which tip: the vault's terms word has a bit for each.
FOR_FLAG, FOR_END, FOR_SETTLING = (1 << bit for bit in (224, 225, 226))
#: Why there is nothing to quote.
HEALTHY = 5
#: Contract, event and its fields in the order of its declaration.
Event = tuple[Any, ...]


@dataclass
class Seen:
    """A call that was made, and what can be read around it."""

    scene: Scene
    row: Row
    vault: int
    arguments: tuple[Any, ...]
    before: dict[str, Any]
    result: Any = None

    def who(self, name: str) -> str:
        return self.scene.people[name].lower()

    def at(self, contract: str) -> str:
        return str(self.scene.contracts[contract].address).lower()

    def id(self, name: str) -> int:
        return self.scene.vaults[name]

    @property
    def house(self) -> Any:
        return self.scene.system.clearinghouse

    def balance(self, vault: int) -> int:
        return self.scene.system.balance(vault)

    def updated(self, vault: int) -> Event:
        """A vault as it is now."""
        words, legs = self.house.load(vault)
        owner = self.scene.system.owner_of(vault).lower()
        return HOUSE, "VaultUpdated", vault, owner, words.word, words.terms, words.balance, tuple(legs)

    def cell(self, expiry: int = EXPIRY) -> Event:
        """A cell as it is now; none of its vaults has a deficit."""
        gross = self.house.cell(MARKET, expiry) & 2**112 - 1
        return HOUSE, "CellUpdated", MARKET, expiry, gross, 0, self.house.market(MARKET).open_interest

    def pot(self) -> int:
        return int(self.scene.token.balanceOf(self.scene.contracts[FUND].pot(MARKET)))


def plain(value: Any) -> Any:
    """As Python compares it."""
    if isinstance(value, str):
        return value.lower() if value.startswith("0x") else value
    return tuple(map(plain, value)) if isinstance(value, (list, tuple)) else value


def logged(scene: Scene, contract: str) -> list[Event]:
    """What the last call of a contract has logged."""
    names = {str(one.address).lower(): name for name, one in scene.contracts.items()}
    found = []
    for log in scene.contracts[contract].get_logs():
        address, *fields = log
        found.append((names.get(str(address).lower(), str(address)), type(log).__name__, *map(plain, fields)))
    return found


def read(scene: Scene, vault: int) -> dict[str, Any]:
    """What expectations ask of the time before the call."""
    lender, pool = scene.people["lender"], scene.pool
    auction = scene.contracts[AUCTION]
    return {
        "next": scene.system.clearinghouse.next_id(),
        "balance": scene.system.balance(vault) if vault else 0,
        "balances": {i: scene.system.balance(i) for i in scene.vaults.values()},
        "claimable": pool.maxWithdraw(lender),
        "quotes": {name: auction.quote(scene.vaults[name], WAD) for name in ("weak", "big", "frail")},
        "clock": scene.system.oracle.snapshot(MARKET, EXPIRY).clock,
        "shares": scene.contracts[FUND].shares(MARKET, scene.people["insurer"]),
        "debt": scene.contracts[SETTLE].debt_of(scene.vaults["debtor"]),
        "insurable": scene.contracts[SETTLE].insurable(MARKET, OLDER),
        "legs": {i: tuple(scene.system.clearinghouse.load(i)[1]) for i in scene.vaults.values()},
    }


# --- vaults ---------------------------------------------------------------------------------------------------------


def opened(s: Seen, owner: str, amount: int) -> list[Event]:
    vault = s.before["next"]
    custody = str(s.house.custody(vault)).lower()
    found = [(TOKEN, "Transfer", EMPTY, owner, vault), (HOUSE, "VaultOpened", vault, owner, MARKET, 0, custody)]
    return [*found, (HOUSE, "Deposited", vault, owner, amount, amount)] if amount else found


def withdrawn(s: Seen) -> list[Event]:
    return [(HOUSE, "Withdrawn", s.vault, s.who("trader"), 10 * UNIT, s.before["balance"] - 10 * UNIT)]


def closed(s: Seen, owner: str, amount: int) -> list[Event]:
    return [(TOKEN, "Transfer", owner, EMPTY, s.vault), (HOUSE, "VaultClosed", s.vault, owner, amount)]


def sent(s: Seen) -> list[Event]:
    pair = (s.who("trader"), s.who("buyer"))
    return [(HOUSE, "VaultTransferred", s.vault, *pair, 1), (TOKEN, "Transfer", *pair, s.vault)]


def moved_legs(s: Seen) -> list[Event]:
    other = s.id("second")
    moved = (HOUSE, "Novated", s.vault, other, 100 * UNIT, (0, 0), EMPTY, (put(2000, -0.1),))
    return [s.updated(s.vault), s.updated(other), moved]


def filled(s: Seen, kind: Kind, vault: int, asked: Any) -> list[Event]:
    """The rich maker sells; fees are of the notional at spot, and the maker gets the odd unit."""
    order, rich, size = asked[0], s.id("rich"), asked[3]
    price = order[5]
    premium = -(-price * size // 10**18)
    notional = round(s.scene.spot) * size
    fees = (notional // 10_000, notional * 3 // 10_000)
    hashed = s.scene.contracts[VENUE].hash_order(order)
    legs = (Leg(kind, 2000 * 10**8, size).pack(),)
    return [
        s.updated(rich),
        s.updated(vault),
        (HOUSE, "Novated", rich, vault, -premium, fees, s.at(VENUE), legs),
        s.cell(),
        (VENUE, "OrderFilled", hashed, rich, vault, hashed, size, size, price, premium, *fees),
    ]


def paired(s: Seen) -> list[Event]:
    group = orders.group_key(s.id("rich"), [OrderLeg(s.scene.series(Kind.PUT), 1)], False, 1)
    return [(VENUE, "OrderCancelled", group, s.who("maker"))]


# --- liquidation ----------------------------------------------------------------------------------------------------


def flagged(s: Seen) -> list[Event]:
    vault, quote = s.id("frail"), s.before["quotes"]["frail"]
    return [
        (HOUSE, "TipPaid", vault, s.who("keeper"), FOR_FLAG, 5 * UNIT),
        (HOUSE, "VaultFlagged", vault, s.who("keeper"), quote.mm, quote.equity, s.before["clock"]),
        s.updated(vault),
    ]


def cured(vault: str) -> Callable[[Seen], list[Event]]:
    def found(s: Seen) -> list[Event]:
        keeper = s.who("keeper")
        ended = (HOUSE, "FlagEnded", s.id(vault), keeper)
        return [ended, (HOUSE, "TipPaid", s.id(vault), keeper, FOR_END, 3 * UNIT), s.updated(s.id(vault))]

    return found


def taken(s: Seen, name: str, into: int, taker: str) -> list[Event]:
    """As it was quoted: the taker's vault gets the tip too."""
    vault, quote = s.id(name), s.before["quotes"][name]
    (was,), (left,) = map(Leg.unpack, s.before["legs"][vault]), s.scene.system.legs(vault)
    legs = (Leg(Kind.PUT, 2000 * 10**8, was.quantity - left.quantity).pack(),)
    pot = str(s.scene.contracts[FUND].pot(MARKET)).lower()
    custody = str(s.house.custody(into)).lower()
    assert quote.cut > 0 and quote.ends_flag
    return [
        (HOUSE, "FlagEnded", vault, taker),
        (HOUSE, "TipPaid", vault, custody, FOR_END, 3 * UNIT),
        s.updated(vault),
        s.updated(into),
        (HOUSE, "Novated", vault, into, quote.cash, (quote.cut, 0), pot, legs),
        (
            AUCTION, "VaultTaken", vault, into, taker, quote.fraction, quote.bonus_share, quote.cash, quote.cut,
            quote.top_up, quote.equity, quote.mm,
        ),
    ]  # fmt: skip


def absorbed(s: Seen) -> list[Event]:
    vault, into = s.id("big"), s.id("pool a")
    found = taken(s, "big", into, s.at(POOL))
    legs = list(found[4][-1])
    worth = s.scene.system.EsEngine.value(legs, s.scene.system.oracle.snapshot(MARKET, EXPIRY))  # type: ignore[attr-defined]
    gain = s.before["quotes"]["big"].cash * 10**12 + worth
    assert gain > 0
    return [*found, (POOL, "VaultAbsorbed", vault, into, s.who("stranger"), s.result, gain, 0, 3 * UNIT)]


def topped_up(s: Seen) -> list[Event]:
    vault, tip = s.id("frail"), UNIT
    spent = s.result + tip
    return [
        (HOUSE, "Deposited", vault, s.at("AutoTopUp"), s.result, s.before["balances"][vault] + s.result),
        ("AutoTopUp", "ToppedUp", vault, s.who("owner"), s.who("keeper"), s.result, tip, spent, spent),
    ]


def capped(s: Seen) -> list[Event]:
    return [("TradeLimits", "CapsSet", s.vault, 0, WAD, WAD)]


VAULTS: dict[str, Callable[[Seen], list[Event]]] = {
    "Clearinghouse.open": lambda s: opened(s, s.who("trader"), 10 * UNIT),
    "Clearinghouse.deposit": lambda s: [
        (HOUSE, "Deposited", s.vault, s.who("stranger"), 10 * UNIT, s.before["balance"] + 10 * UNIT)
    ],
    "Clearinghouse.withdraw, what the mark backs": withdrawn,
    "Clearinghouse.withdraw, what nothing needs": withdrawn,
    "Clearinghouse.transfer_legs": moved_legs,
    "Clearinghouse.set_model": lambda s: [s.updated(s.vault)],
    "Clearinghouse.close": lambda s: closed(s, s.who("trader"), s.before["balance"]),
    "Clearinghouse.multicall": withdrawn,
    "VaultToken.approve": lambda s: [(TOKEN, "Approval", s.who("trader"), s.who("stranger"), s.vault)],
    "VaultToken.setApprovalForAll": lambda s: [(TOKEN, "ApprovalForAll", s.who("trader"), s.who("stranger"), True)],
    "VaultToken.transferFrom": sent,
    "VaultToken.safeTransferFrom": sent,
    "VaultToken.safeTransferFrom, with data": sent,
    "VaultToken.transfer_with": sent,
    "Operators.grant": lambda s: [
        ("Operators", "OperatorChanged", s.vault, s.who("stranger"), 0, 7, s.scene.now + 60)
    ],
    "Operators.grant_signed": lambda s: [
        ("Operators", "OperatorChanged", s.vault, s.who("stranger"), 0, 1, s.scene.now + 60)
    ],
    "Exchange.fill, opening": lambda s: filled(s, Kind.CALL, s.vault, s.arguments[0]),
    "Exchange.fill, closing": lambda s: filled(s, Kind.PUT, s.vault, s.arguments[0]),
    "Exchange.open_and_fill": lambda s: [
        *opened(s, s.who("trader"), 500 * UNIT), *filled(s, Kind.CALL, s.before["next"], s.arguments[0])
    ],
    "Exchange.cancel": lambda s: [(VENUE, "OrderCancelled", b"\1" * 32, s.who("maker"))],
    "Exchange.cancel_together": paired,
    "Exchange.bump_epoch": lambda s: [(VENUE, "EpochBumped", s.vault, 1)],
    "Exchange.cancel_series": lambda s: [(VENUE, "SeriesCancelled", s.vault, s.scene.series(Kind.PUT), 1)],
    "Exchange.set_caps": capped,
    "Liquidator.flag": flagged,
    "Liquidator.flag_many": flagged,
    "Liquidator.take": lambda s: taken(s, "weak", s.vault, s.who("taker")),
    "Liquidator.take_many": lambda s: taken(s, "weak", s.vault, s.who("taker")),
    "Liquidator.clear, of what the mark heals": cured("healed"),
    "Liquidator.clear, of what is covered": cured("covered again"),
    "Liquidator.refresh": cured("healed"),
    "AutoTopUp.set_mandate": lambda s: [("AutoTopUp", "MandateSet", s.vault, s.who("trader"), 0, *s.scene.mandate())],
    "AutoTopUp.end_mandate": lambda s: [("AutoTopUp", "MandateEnded", s.id("frail"), s.who("owner"))],
    "AutoTopUp.top_up": topped_up,
}  # fmt: skip
