"""What every call logs, event by event and field by field: indexers and keepers read nothing else.

Fields are compared with the call's arguments, with what it returns and with what can be read of the chain before and
after; nothing else may be logged, and no event of the contracts is left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boa
import pytest

from bulkhead import orders
from bulkhead.chain.system import DEPLOYABLE, backstop_arguments
from bulkhead.chain.words import TokenWord
from bulkhead.orders import OrderLeg
from bulkhead.risk.words import Kind, Leg
from tests.contracts import deployer, write
from tests.matrix import columns
from tests.matrix.rows import Row
from tests.matrix.rows_pools import SHARES, UNIT
from tests.matrix.run import ROWS
from tests.matrix.scene import DONE, EXPIRY, MARKET, MAX, OLDER, Scene
from tests.worlds.maker import QUOTER
from tests.worlds.system import DAY, EMPTY, WAD, put

pytest_plugins = ("tests.matrix.fixtures",)

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


# --- settlement and funds -------------------------------------------------------------------------------------------


def settled(s: Seen) -> list[Event]:
    price = int(s.scene.contracts["ExpiryPrices"].price(MARKET, EXPIRY))
    assert 0 < price < 2000 * WAD
    net = -((2000 * WAD - price) // 10**12)
    return [
        (HOUSE, "TipPaid", s.vault, s.who("stranger"), FOR_SETTLING, 2 * UNIT),
        s.updated(s.vault),
        s.cell(),
        (SETTLE, "VaultSettled", s.vault, MARKET, EXPIRY, net, -net, 0, 0),
    ]


def claimed(s: Seen) -> list[Event]:
    """Of two puts of 2500 that ended at 2000; one debtor was frozen and one could pay 1,600 less."""
    paid = s.balance(s.vault) - s.before["balance"]
    assert paid > 0
    return [(SETTLE, "ClaimPaid", s.vault, paid, paid, 1_000 * UNIT, False)]


def repaid(s: Seen) -> list[Event]:
    return [s.updated(s.id("debtor")), (SETTLE, "DebtRepaid", s.id("debtor"), s.before["debt"], 0)]


def insured(s: Seen) -> list[Event]:
    amount = s.before["insurable"]
    custody = str(s.house.cell_custody(MARKET, OLDER)).lower()
    return [
        (FUND, "InsuranceDrawn", MARKET, OLDER, 0, custody, amount, s.pot()),
        (SETTLE, "CellInsured", MARKET, OLDER, amount, amount, True),
        (FUND, "ReserveRecorded", MARKET, OLDER, 0, 0),
    ]


def bought(contract: str, assets: Any, shares: Any) -> Callable[[Seen], list[Event]]:
    def found(s: Seen) -> list[Event]:
        lender = s.who("lender")
        paid, got = assets(s), shares(s)
        return [(contract, "Transfer", EMPTY, lender, got), (contract, "Deposit", lender, lender, paid, got)]

    return found


def redeemed(contract: str, assets: Any, shares: Any, burns: bool) -> Callable[[Seen], list[Event]]:
    def found(s: Seen) -> list[Event]:
        lender = s.who("lender")
        told = (contract, "Withdraw", lender, lender, lender, assets(s), shares(s))
        return [(contract, "Transfer", lender, EMPTY, shares(s)), told] if burns else [told]

    return found


def requested(s: Seen) -> list[Event]:
    lender = s.who("lender")
    told = (POOL, "RedemptionRequested", s.result, lender, SHARES, 0, s.scene.now + 7 * DAY)
    return [(POOL, "Transfer", lender, s.at(POOL), SHARES), told]


def returned(s: Seen) -> list[Event]:
    lender = s.who("lender")
    return [
        (POOL, "Transfer", s.at(POOL), lender, 100 * SHARES),
        (POOL, "RedemptionReturned", 2, lender, 100 * SHARES),
    ]


def served(s: Seen) -> list[Event]:
    lender = s.who("lender")
    assets = s.scene.pool.maxWithdraw(lender) - s.before["claimable"]
    assert assets > 0
    return [
        (POOL, "Transfer", s.at(POOL), EMPTY, 100 * SHARES),
        (POOL, "RedemptionServed", 1, lender, 100 * SHARES, assets),
    ]


def merged(s: Seen) -> list[Event]:
    pool, into = s.at(POOL), s.id("pool a")
    legs, balance = s.before["legs"][s.vault], s.before["balances"][s.vault]
    # an empty vault of the pool's like any other
    empty = s.house.vault_word(s.id("pool empty"))
    return [
        (HOUSE, "VaultUpdated", s.vault, pool, empty, 0, 0, ()),
        s.updated(into),
        (HOUSE, "Novated", s.vault, into, balance, (0, 0), EMPTY, legs),
        *closed(s, pool, 0),
        (POOL, "PoolVaultsMerged", s.vault, into, 0),
    ]


def collected(s: Seen) -> list[Event]:
    return [*closed(s, s.at(POOL), s.before["balance"]), (POOL, "PoolVaultCollected", s.vault, s.result)]


def refilled(s: Seen) -> list[Event]:
    return [
        (HOUSE, "Deposited", s.vault, s.at(POOL), s.result, s.before["balance"] + s.result),
        (POOL, "PoolVaultRefilled", s.vault, s.result),
    ]


def desk_funded(s: Seen) -> list[Event]:
    told = (HOUSE, "Deposited", s.vault, s.at(DESKS), 10 * UNIT, s.before["balance"] + 10 * UNIT)
    return [told, (DESKS, "DeskFunded", s.vault, 10 * UNIT)]


def desk_defunded(s: Seen) -> list[Event]:
    told = (HOUSE, "Withdrawn", s.vault, s.at(DESKS), 10 * UNIT, s.before["balance"] - 10 * UNIT)
    return [told, (DESKS, "DeskDefunded", s.vault, 10 * UNIT)]


# --- governance -----------------------------------------------------------------------------------------------------


def parameter(name: str, value: int) -> Callable[[Seen], list[Event]]:
    def found(s: Seen) -> list[Event]:
        market = s.house.market(MARKET)
        told = (HOUSE, "MarketConfigured", MARKET, market.token_word, market.risk)
        return [told, (RULES, "ParameterChanged", MARKET, name, value, market.risk)]

    return found


def paused(days: int) -> Callable[[Seen], list[Event]]:
    def found(s: Seen) -> list[Event]:
        until = (s.scene.now // DAY + days) * DAY
        word = s.scene.contracts[VENUE].trading(MARKET)
        return [(VENUE, "TradingConfigured", MARKET, word), (RULES, "OpeningPaused", MARKET, until)]

    return found


def resumed(s: Seen) -> list[Event]:
    word = s.scene.contracts[VENUE].trading(MARKET)
    return [(VENUE, "TradingConfigured", MARKET, word), (RULES, "OpeningResumed", MARKET)]


def listed(s: Seen) -> list[Event]:
    market, token, (lot, *_), engines, feeds, *words = s.arguments
    risk, trading, liquidation, oracle = words
    house = s.house.market(market)
    assert TokenWord.unpack(house.token_word).lot == lot and house.risk == risk
    primary, fallback, sequencer = (str(one).lower() for one in (feeds[0][0], feeds[1][0], feeds[2]))
    return [
        (HOUSE, "MarketConfigured", market, house.token_word, risk),
        ("OracleAdapter", "MarketListed", market, primary, fallback, sequencer),
        ("OracleAdapter", "MarketConfigured", market, oracle),
        (VENUE, "TradingConfigured", market, trading),
        (AUCTION, "MarketConfigured", market, liquidation),
        (SETTLE, "MarketConfigured", market, liquidation),
        (RULES, "MarketListed", market, token.lower(), lot, plain(engines), risk, trading, liquidation, oracle),
    ]


def handed(contract: str, event: str, giver: str) -> Callable[[Seen], list[Event]]:
    return lambda s: [(contract, event, s.who(giver), s.who("heir"))]


def transferred(contract: str) -> Callable[[Seen], list[Event]]:
    return lambda s: [(contract, "Transfer", s.who("lender"), s.who("buyer"), SHARES)]


def approved(contract: str) -> Callable[[Seen], list[Event]]:
    return lambda s: [(contract, "Approval", s.who("lender"), s.who("buyer"), SHARES)]


def capped(s: Seen) -> list[Event]:
    return [("TradeLimits", "CapsSet", s.vault, 0, WAD, WAD)]


def publishers(s: Seen) -> list[Event]:
    return [("VolSurface", "PublishersSet", MARKET, (), 0, 3600, 1000, 2)]


EXPECTED: dict[str, Callable[[Seen], list[Event]]] = {
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
    "Settlement.settle": settled,
    "Settlement.settle_many": settled,
    "Settlement.claim": claimed,
    "Settlement.claim_many": claimed,
    "Settlement.repay": repaid,
    "Settlement.insure": insured,
    "Settlement.sweep": lambda s: [(SETTLE, "CellSwept", MARKET, DONE, 7)],
    "InsuranceFund.deposit": lambda s: [
        (FUND, "InsuranceAdded", MARKET, s.who("insurer"), 1_000 * UNIT,
         s.scene.contracts[FUND].shares(MARKET, s.scene.people["insurer"]) - s.before["shares"], s.pot())
    ],
    "InsuranceFund.request": lambda s: [
        (FUND, "WithdrawalRequested", MARKET, s.who("insurer"), 1, s.scene.now + 7 * DAY)
    ],
    "InsuranceFund.withdraw": lambda s: [
        (FUND, "InsuranceWithdrawn", MARKET, s.who("insurer"), s.who("insurer"), s.result,
         s.before["shares"] - s.scene.contracts[FUND].shares(MARKET, s.scene.people["insurer"]), s.pot())
    ],
    "BackstopPool.absorb": absorbed,
    "BackstopPool.refill": refilled,
    "BackstopPool.merge": merged,
    "BackstopPool.collect": collected,
    "BackstopPool.deposit": bought(POOL, lambda s: 1_000 * UNIT, lambda s: s.result),
    "BackstopPool.mint": bought(POOL, lambda s: s.result, lambda s: SHARES),
    "BackstopPool.request_redeem": requested,
    "BackstopPool.cancel_request": returned,
    "BackstopPool.serve": served,
    "BackstopPool.withdraw": redeemed(POOL, lambda s: 10 * UNIT, lambda s: s.result, False),
    "BackstopPool.redeem": redeemed(POOL, lambda s: s.result, lambda s: SHARES, False),
    "BackstopPool.transfer": transferred(POOL),
    "BackstopPool.transferFrom": transferred(POOL),
    "BackstopPool.approve": approved(POOL),
    "BackstopPool.set_cap": lambda s: [(POOL, "CapChanged", 2**127)],
    "MakerVault.deposit": bought(DESKS, lambda s: 1_000 * UNIT, lambda s: s.result),
    "MakerVault.mint": bought(DESKS, lambda s: s.result, lambda s: SHARES),
    "MakerVault.withdraw": redeemed(DESKS, lambda s: 10 * UNIT, lambda s: s.result, True),
    "MakerVault.redeem": redeemed(DESKS, lambda s: s.result, lambda s: SHARES, True),
    "MakerVault.transfer": transferred(DESKS),
    "MakerVault.transferFrom": transferred(DESKS),
    "MakerVault.approve": approved(DESKS),
    "MakerVault.open_desk": lambda s: [
        *opened(s, s.at(DESKS), 0), (DESKS, "DeskOpened", s.before["next"])
    ],
    "MakerVault.fund": desk_funded,
    "MakerVault.defund": desk_defunded,
    "MakerVault.close_desk": lambda s: closed(s, s.at(DESKS), 0),
    "MakerVault.cancel_quotes": lambda s: [(VENUE, "EpochBumped", s.vault, 1)],
    "MakerVault.set_caps": capped,
    "MakerVault.set_bounds": lambda s: [
        (DESKS, "BoundsChanged", QUOTER.address.lower(), 60, 60, UNIT, 10**12, 0)
    ],
    "MakerVault.transfer_ownership": handed(DESKS, "OwnershipTransferred", "desks"),
    "RiskParameters.list_market": listed,
    "RiskParameters.set_parameter": parameter("dust", 20),
    "RiskParameters.advance": parameter("short_floor_bps", 101),
    "RiskParameters.pause_opening": paused(14),
    "RiskParameters.pause_opening, for a day": paused(1),
    "RiskParameters.resume_opening": resumed,
    "RiskParameters.set_fallback": lambda s: [("OracleAdapter", "FallbackSet", MARKET, EMPTY)],
    "RiskParameters.set_guardian": lambda s: [(RULES, "GuardianChanged", s.who("heir"))],
    "RiskParameters.transfer_ownership": handed(RULES, "OwnershipTransferStarted", "governor"),
    "RiskParameters.accept_ownership": handed(RULES, "OwnershipTransferred", "governor"),
    "VolSurface.stop": publishers,
    "VolSurface.set_publishers": publishers,
}  # fmt: skip
#: States that rows pass in which do not as the scene was made.
ENTERED = {
    **dict.fromkeys(("Settlement.settle", "Settlement.settle_many"), columns.fixed),
    **{
        name: columns.active
        for name in EXPECTED
        if name.startswith(AUCTION) or name in ("AutoTopUp.top_up", "BackstopPool.absorb", "BackstopPool.refill")
    },
    "RiskParameters.resume_opening": columns.paused,
}


@pytest.mark.parametrize("row", [row for row in ROWS if row.name in EXPECTED], ids=lambda row: row.name)
def test_call__logs_what_has_changed_and_nothing_else(scene, row):
    if row.name in ENTERED:
        ENTERED[row.name](scene)
    vault = scene.vaults.get(row.vault, 0)
    arguments = row.arguments(scene, vault)
    call = Seen(scene, row, vault, arguments, read(scene, vault))
    call.result = getattr(scene.contracts[row.contract], row.function)(*arguments, sender=scene.people[row.who])
    assert logged(scene, row.contract) == EXPECTED[row.name](call)


def made(scene: Scene, contract: str, function: str, who: str, *arguments: Any) -> list[Event]:
    getattr(scene.contracts[contract], function)(*arguments, sender=scene.people[who])
    return logged(scene, contract)


def test_collect_fees__after_a_fill__logs_what_both_sides_paid(scene):
    row = next(row for row in ROWS if row.name == "Exchange.fill, opening")
    (asked,) = row.arguments(scene, scene.vaults["covered"])
    scene.contracts[VENUE].fill(asked, sender=scene.people["trader"])
    # 1 and 3 bp of a tenth at 2000
    receiver, token = scene.people["governor"], scene.token.address
    found = made(scene, VENUE, "collect_fees", "governor", token, receiver)
    assert found == [(VENUE, "FeesCollected", plain(token), plain(receiver), 80_000)]


def test_set_backstop__market_without_one__logs_the_pool(scene):
    listing = next(row for row in ROWS if row.name == "RiskParameters.list_market")
    scene.contracts[RULES].list_market(*listing.arguments(scene, 0), sender=scene.people["governor"])
    pool = deployer(POOL).deploy(*backstop_arguments(2, "TST", scene.system.at)).address
    found = made(scene, RULES, "set_backstop", "governor", 2, pool)
    assert found == [(RULES, "BackstopRegistered", 2, plain(pool))]


def test_caps__fill_of_a_capped_vault__logs_what_is_used_of_them(scene):
    rich, size = scene.vaults["rich"], UNIT // 10
    scene.contracts[VENUE].set_caps(rich, 2**127 - 1, 2**127 - 1, sender=scene.people["maker"])
    scene.contracts[VENUE].bump_epoch(rich, 3, sender=scene.people["maker"])
    uses = []
    for salt in (1, 2):
        order = scene.order(Kind.CALL, False, size, epoch=3 << 64, salt=salt)
        asked = (*order, scene.vaults["covered"], size, MAX >> 1, MAX, MAX, 0)
        (log,) = [e for e in made(scene, VENUE, "fill", "trader", asked) if e[1] == "CapsUsed"]
        used = scene.contracts["TradeLimits"].caps_of(rich, 0, 3)
        # calls sold: delta and vega are given away, each time as much
        assert log == ("TradeLimits", "CapsUsed", rich, 3, used.delta_used, used.vega_used)
        uses.append(log[4:])
    assert max(uses[0]) < 0 and uses[1] == tuple(2 * one for one in uses[0])


def flag_of(scene: Scene, name: str) -> tuple[int, Any]:
    """A flagged vault and what its auction says."""
    vault = scene.vaults[name]
    return vault, scene.contracts[AUCTION].quote(vault, WAD)


def test_clear__equity_exactly_the_margin__sets_the_clock_back_and_a_unit_less_does_not(scene):
    columns.active(scene)
    vault, quote = flag_of(scene, "weak")
    custody, lacking = scene.custody("weak"), -(-(quote.mm - quote.equity) // 10**12)
    scene.token.mint(custody, lacking - 1)
    with boa.reverts("liquidator/still-unhealthy"):
        scene.contracts[AUCTION].clear(vault, sender=scene.people["keeper"])
    scene.token.mint(custody, 1)
    found = made(scene, AUCTION, "clear", "keeper", vault)
    clock = scene.system.oracle.snapshot(MARKET, EXPIRY).clock
    assert found == [(HOUSE, "FlagRestarted", vault, clock), Seen(scene, ROWS[0], vault, (), {}).updated(vault)]
    assert scene.contracts[AUCTION].quote(vault, WAD).reason == HEALTHY


def test_refresh__insolvent_vault__logs_its_deficit_and_that_it_is_gone(scene):
    columns.active(scene)
    scene.push(scene.spot * 0.8)
    scene.observe()
    vault, quote = flag_of(scene, "weak")
    assert quote.equity < 0
    # 1e-6 of the token, rounded up
    deficit = -quote.equity // 10**12 + 1
    found = made(scene, AUCTION, "refresh", "keeper", [vault])
    assert found == [(HOUSE, "DeficitRecorded", vault, deficit)]
    assert made(scene, AUCTION, "refresh", "keeper", [vault]) == []
    scene.token.mint(scene.custody("weak"), 1_000 * UNIT)
    assert made(scene, AUCTION, "refresh", "keeper", [vault])[0] == (HOUSE, "DeficitRecorded", vault, 0)


def test_absorb__cell_without_a_vault_of_the_pool__logs_the_one_it_opens(scene):
    columns.active(scene)
    write(POOL, scene.pool.address, "cell_vault", 0, EXPIRY)
    vault = int(scene.system.clearinghouse.next_id())
    found = made(scene, POOL, "absorb", "stranger", scene.vaults["big"])
    call = Seen(scene, ROWS[0], vault, (), {"next": vault})
    assert found[:3] == [*opened(call, call.at(POOL), 0), (POOL, "PoolVaultOpened", vault, EXPIRY)]
    (told,) = [event for event in found if event[1] == "VaultAbsorbed"]
    # what the pool puts in comes out of its own tokens
    assert told[2:5] == (scene.vaults["big"], vault, call.who("stranger")) and told[7] > 0
    assert sum(event[4] for event in found if event[1] == "Deposited") == told[7]


#: Events that no call above logs, and where they are compared.
ELSEWHERE = {
    "ExpiryPriceFixed": "../worlds/windows.py",
    "KeyLossRecorded": "../unit/exchange/TradeLimits/test_key.py",
    "QuotePosted": "../unit/exchange/QuoteBoard/test_post.py",
    "RampStarted": "../unit/governance/RiskParameters/test_advance.py",
    "StatusRecorded": "../unit/oracle/OracleAdapter/test_states.py",
    "SurfacePublished": "../unit/oracle/VolSurface/test_publish.py",
    "VolUpdated": "../unit/oracle/OracleAdapter/test_poke.py",
}


def test_every_event__is_compared_with_something():
    """But for those of libraries: the Timelock's, and of a role that no share token has."""
    own = set(re.findall(r'"([A-Z]\w+)"', Path(__file__).read_text().split("ELSEWHERE = ")[0]))
    declared = {
        entry["name"]
        for name in sorted({*DEPLOYABLE} - {"Timelock"})
        for entry in deployer(name).artifact.abi
        if entry["type"] == "event"
    }
    assert declared - own - {"RoleMinterChanged"} == set(ELSEWHERE)
