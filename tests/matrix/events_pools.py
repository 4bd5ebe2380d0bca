"""What calls should have logged: of settlement, insurance, pools and governance."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bulkhead.chain.words import TokenWord
from tests.matrix.events import (
    AUCTION,
    DESKS,
    FOR_SETTLING,
    FUND,
    HOUSE,
    POOL,
    RULES,
    SETTLE,
    VENUE,
    Event,
    Seen,
    absorbed,
    capped,
    closed,
    opened,
    plain,
)
from tests.matrix.rows_pools import SHARES, UNIT
from tests.matrix.scene import DONE, EXPIRY, MARKET, OLDER
from tests.worlds.maker import QUOTER
from tests.worlds.system import DAY, EMPTY, WAD

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
        (RULES, "MarketListed", market, token.lower(), lot, plain(engines), risk, trading, liquidation, oracle, market),
    ]


def handed(contract: str, event: str, giver: str) -> Callable[[Seen], list[Event]]:
    return lambda s: [(contract, event, s.who(giver), s.who("heir"))]


def transferred(contract: str) -> Callable[[Seen], list[Event]]:
    return lambda s: [(contract, "Transfer", s.who("lender"), s.who("buyer"), SHARES)]


def approved(contract: str) -> Callable[[Seen], list[Event]]:
    return lambda s: [(contract, "Approval", s.who("lender"), s.who("buyer"), SHARES)]


def publishers(s: Seen) -> list[Event]:
    return [("VolSurface", "PublishersSet", MARKET, (), 0, 3600, 1000, 2)]


POOLS: dict[str, Callable[[Seen], list[Event]]] = {
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
