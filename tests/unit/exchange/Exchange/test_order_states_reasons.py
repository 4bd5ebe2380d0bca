"""Every reason with which a signed order can be refused: the view says, unsent, what the fill reverts with."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import boa
import pytest
from eth_account import Account

from bulkhead import orders
from bulkhead.orders import Flags, Order, OrderLeg, PremiumStyle
from bulkhead.risk.words import Kind, Snapshot, Status
from tests.architecture.sources import ROOT
from tests.evm import Env
from tests.worlds.exchange import DAY, EXPIRY, MARKET, MAX, PARAMETERS, RICH, SPOT, STRIKE, WAD, World, key
from tests.worlds.system import System

BOT = Account.from_key(key(77))
OTHER = Account.from_key(key(5))
LATER = EXPIRY + 7 * DAY
LOT = 10**4

#: Not of an order: the numbers a caller gives, and who may call what.
OF_THE_CALL = {
    "exchange/above-remainder", "exchange/below-min-fill", "exchange/fill-or-kill", "exchange/limit-price",
    "exchange/taker-fee", "exchange/taker-deficit", "limits/only-exchange", "limits/round-unknown",
    "limits/round-outside", "limits/round-before-since", "limits/round-too-old",
}  # fmt: skip
#: Said by an earlier check in a fill, or beyond what 64-bit quantities can reach.
NEVER_FIRST = {"clearinghouse/same-vault", "clearinghouse/expired", "margin/taker-below-initial", "limits/out-of-range"}


@dataclass
class Case:
    """An order and who would fill it.

    Attributes:
        order: The order.
        signature: Its signature; None: the maker's.
        taker: Who fills; None: the world's taker.
        vault: Where to; None: the taker's vault.
    """

    order: Order
    signature: bytes | None = None
    taker: str | None = None
    vault: int | None = None


CASES: dict[str, Callable[[World], Case]] = {}
TAKER_CASES: dict[str, Callable[[World], Case]] = {}


def case(reason: str, cases: dict[str, Callable[[World], Case]] = CASES) -> Callable[[Any], Any]:
    """Registers what leads to a reason."""

    def keep(make: Callable[[World], Case]) -> Callable[[World], Case]:
        assert reason not in cases
        cases[reason] = make
        return make

    return keep


def plain(reason: str, **changes: Any) -> None:
    """An order that is refused for its own fields."""
    CASES[reason] = lambda world: Case(world.order(**changes))


def legged(reason: str, *legs: tuple[dict[str, Any], int]) -> None:
    """An order that is refused for its legs."""
    CASES[reason] = lambda world: Case(
        world.order(legs=tuple(OrderLeg(world.series(**series), ratio) for series, ratio in legs))
    )


def bot(world: World, vault: int, permissions: int = 1) -> None:
    """The bot may trade for a vault of the maker."""
    world.operators.grant(vault, BOT.address, permissions, world.now + 30 * DAY, sender=world.maker.address)


def by(account: Any, world: World, **changes: Any) -> Case:
    """An order of the account."""
    order = world.order(signer=account.address, **changes)
    return Case(order, orders.sign(order, world.domain, account.key))


def short(world: World) -> dict[str, Any]:
    """Three calls sold by the maker; what an order needs to buy them back."""
    world.fill(world.order(salt=99, price=25 * WAD), 3 * 10**6)
    return {"is_bid": True, "size": 3 * 10**6, "flags": Flags.FILL_OR_KILL}


def under_water(world: World) -> int:
    """A flagged vault of `OTHER`, short one call."""
    desk = world.system.open(OTHER.address, 400)
    sold = by(OTHER, world, maker_vault=desk)
    world.fill(sold.order, 10**6, signature=sold.signature)
    world.system.wait(60, 2600.0)
    world.system.liquidator.flag(desk, sender=world.taker)
    return desk


# --- the order -----------------------------------------------------------------------------------------------------

plain("exchange/order-expired", expiry=1)
plain("exchange/wrong-taker", taker=OTHER.address)
plain("exchange/signer-not-owner", signer=OTHER.address)
plain("exchange/maker-fee", max_fee=0)
plain("exchange/spot-outside", spot_max=SPOT - 1)
plain("exchange/reduce-only", flags=Flags.REDUCE_ONLY)
plain("order/out-of-range", flags=8)
plain("order/together-without-salt", flags=Flags.TOGETHER)
plain("order/slip-with-iv", slip=1, iv=WAD)
plain("order/patience-without-bounds", slip=1, patience=1)
plain("order/no-legs", legs=())
plain("es/vol-range", iv=100 * WAD)
plain("clearinghouse/not-a-lot", size=10**6 + 1, flags=Flags.FILL_OR_KILL)
plain("leg/quantity-range", price=10**31, min_fill=10**7, premium_style=PremiumStyle.DEFERRED)
legged("order/legs-unsorted", ({"kind": Kind.PUT}, 1), ({}, 1))
legged("order/wrong-cell", ({}, 1), ({"expiry": LATER}, 1))
legged("order/only-cash", ({"kind": Kind.CASH}, 1))
plain("order/bad-series", legs=(OrderLeg(MARKET << 112 | EXPIRY << 64, 1),))
legged("exchange/wrong-market", ({"market": 2}, 1))
legged("exchange/expiry-off-grid", ({"expiry": EXPIRY + 3600}, 1))
legged("exchange/strike-off-grid", ({"strike": STRIKE + 1}, 1))
legged("clearinghouse/expiry-range", ({"expiry": EXPIRY + 60}, 1))


@case("exchange/bad-signature")
def _(world: World) -> Case:
    return Case(world.order(), b"\x01" * 65)


@case("exchange/cancelled")
def _(world: World) -> Case:
    order = world.order()
    world.exchange.cancel([world.hash(order)], sender=world.maker.address)
    return Case(order)


@case("exchange/filled")
def _(world: World) -> Case:
    order = world.order()
    world.fill(order, MAX)
    return Case(order)


@case("exchange/stale-epoch")
def _(world: World) -> Case:
    world.exchange.bump_epoch(world.maker_vault, 1, sender=world.maker.address)
    return Case(world.order())


@case("exchange/series-expired")
def _(world: World) -> Case:
    world.system.wait(EXPIRY - world.now)
    return Case(world.order())


@case("exchange/spot-unknown")
def _(world: World) -> Case:
    back = short(world)
    world.stale()
    return Case(world.order(spot_min=1, price=25 * WAD, **back))


@case("exchange/maker-deficit")
def _(world: World) -> Case:
    under_water(world)
    return Case(world.order(max_deficit=10 * WAD, price=700 * WAD))


# --- what raises open interest -------------------------------------------------------------------------------------


@case("margin/price-not-active")
def _(world: World) -> Case:
    world.stale()
    return Case(world.order())


@case("exchange/paused")
def _(world: World) -> Case:
    world.system.RiskParameters.pause_opening(MARKET, sender=world.system.guardian)  # type: ignore[attr-defined]
    return Case(world.order())


@case("exchange/no-open-window")
def _(world: World) -> Case:
    while world.now < EXPIRY - 1800:
        world.system.wait(min(3600, EXPIRY - 1800 - world.now), 2000.0)
    return Case(world.order(price=25 * WAD))


@case("exchange/open-interest-cap")
def _(world: World) -> Case:
    world.set_parameter("oi_cap", 4 * 10**6)
    return Case(world.order(size=2 * 10**6 + LOT, flags=Flags.FILL_OR_KILL))


# --- keys and caps ---------------------------------------------------------------------------------------------------


@case("limits/delta-cap")
def _(world: World) -> Case:
    world.exchange.set_caps(world.maker_vault, WAD, 0, sender=world.maker.address)
    return Case(world.order(flags=Flags.FILL_OR_KILL))


@case("limits/vega-cap")
def _(world: World) -> Case:
    world.exchange.set_caps(world.maker_vault, 0, WAD, sender=world.maker.address)
    return Case(world.order(flags=Flags.FILL_OR_KILL))


@case("limits/key-fill-loss")
def _(world: World) -> Case:
    bot(world, world.maker_vault)
    return by(BOT, world, is_bid=True, price=500 * WAD)


@case("limits/key-day-loss")
def _(world: World) -> Case:
    poor = world.system.open(world.maker.address, 3000)
    bot(world, poor)
    future = (OrderLeg(world.series(Kind.FUTURE), 1),)
    return by(
        BOT, world, maker_vault=poor, legs=future, price=1981 * WAD, premium_style=1, flags=Flags.FILL_OR_KILL
    )  # fmt: skip


@case("limits/key-needs-price")
def _(world: World) -> Case:
    back = short(world)
    bot(world, world.maker_vault)
    world.stale()
    return by(BOT, world, price=25 * WAD, **back)


# --- the Clearinghouse and the margin gate -------------------------------------------------------------------------


@case("clearinghouse/transfer-refused")
def _(world: World) -> Case:
    empty = world.system.open(world.maker.address, 50)
    return Case(world.order(maker_vault=empty, is_bid=True, flags=Flags.FILL_OR_KILL))


@case("clearinghouse/wrong-cell")
def _(world: World) -> Case:
    short(world)
    return Case(world.order(legs=(OrderLeg(world.series(expiry=LATER), 1),)))


@case("clearinghouse/unsettled")
def _(world: World) -> Case:
    world.fill(world.order(is_bid=True), 10**6)
    for before in (2400, 1200, 300, -300):
        world.system.wait(EXPIRY - before - world.now, 2500.0)
    world.system.settlement.fix(MARKET, EXPIRY, [])
    world.system.settlement.settle(world.maker_vault)
    return Case(world.order(legs=(OrderLeg(world.series(expiry=LATER), 1),)))


@case("clearinghouse/too-many-legs")
def _(world: World) -> Case:
    for i in range(4):
        legs = tuple(OrderLeg(world.series(strike=(1500 + 50 * (4 * i + j)) * 10**8), 1) for j in range(4))
        world.fill(world.order(legs=legs, salt=i, price=900 * WAD), LOT)
    return Case(world.order(legs=(OrderLeg(world.series(strike=2500 * 10**8), 1),)))


@case("margin/deposit-not-full")
def _(world: World) -> Case:
    desk = world.system.open(world.maker.address, 2)
    return Case(world.order(maker_vault=desk, price=WAD, size=10**6, flags=Flags.FILL_OR_KILL))


@case("margin/below-initial")
def _(world: World) -> Case:
    desk = world.system.open(world.maker.address, 20)
    return Case(world.order(maker_vault=desk, price=25 * WAD, size=10**6, flags=Flags.FILL_OR_KILL))


@case("margin/flagged")
def _(world: World) -> Case:
    return by(OTHER, world, maker_vault=under_water(world), price=700 * WAD)


@case("margin/adds-risk")
def _(world: World) -> Case:
    desk = under_water(world)
    return by(OTHER, world, maker_vault=desk, is_bid=True, price=4000 * WAD, size=10**5, flags=Flags.FILL_OR_KILL)


@case("margin/stale-close-price")
def _(world: World) -> Case:
    desk = world.system.open(OTHER.address, 400)
    sold = by(OTHER, world, maker_vault=desk)
    world.fill(sold.order, 10**6, signature=sold.signature)
    world.stale()
    # deferred, and more than the vault holds
    return by(OTHER, world, maker_vault=desk, is_bid=True, price=500 * WAD, premium_style=1, size=10**6, salt=77)


# --- who fills -------------------------------------------------------------------------------------------------------


@case("exchange/same-vault")
def _(world: World) -> Case:
    return Case(world.order(), taker=world.maker.address, vault=world.maker_vault)


@case("exchange/not-taker-owner")
def _(world: World) -> Case:
    return Case(world.order(), taker=OTHER.address)


@case("clearinghouse/wrong-market")
def _(world: World) -> Case:
    market = world.system.list_market(2)
    return Case(world.order(), vault=world.system.open(world.taker, 1000, market))


@case("margin/below-initial", TAKER_CASES)
def _(world: World) -> Case:
    poor = world.system.open(world.taker, 20)
    return Case(world.order(is_bid=True, price=25 * WAD, size=10**6, flags=Flags.FILL_OR_KILL), vault=poor)


@case("clearinghouse/transfer-refused", TAKER_CASES)
def _(world: World) -> Case:
    return Case(world.order(), vault=world.system.open(world.taker))


@case("clearinghouse/wrong-cell", TAKER_CASES)
def _(world: World) -> Case:
    world.fill(world.order(), 10**6)
    desk = world.system.open(world.maker.address, RICH)
    return Case(world.order(maker_vault=desk, legs=(OrderLeg(world.series(expiry=LATER), 1),)))


@case("limits/key-fill-loss", TAKER_CASES)
def _(world: World) -> Case:
    own = world.system.open(world.maker.address, RICH)
    bot(world, own)
    return Case(world.order(price=500 * WAD), taker=BOT.address, vault=own)


@case("clearinghouse/too-many-legs", TAKER_CASES)
def _(world: World) -> Case:
    for i in range(4):
        legs = tuple(OrderLeg(world.series(strike=(1500 + 50 * (4 * i + j)) * 10**8), 1) for j in range(4))
        world.fill(world.order(legs=legs, salt=i, price=900 * WAD), LOT)
    desk = world.system.open(world.maker.address, RICH)
    return Case(world.order(maker_vault=desk, legs=(OrderLeg(world.series(strike=2500 * 10**8), 1),)))


@case("margin/flagged", TAKER_CASES)
def _(world: World) -> Case:
    desk = under_water(world)
    return Case(world.order(is_bid=True, price=700 * WAD), taker=OTHER.address, vault=desk)


def told(world: World, made: Case, anyone: bool) -> Any:
    """What the view says of a case."""
    signature = world.sign(made.order) if made.signature is None else made.signature
    if anyone:
        return world.state(made.order, signature)
    taker, vault = made.taker or world.taker, made.vault or world.taker_vault
    return world.states([made.order], [signature], taker, vault)[0]


@pytest.mark.parametrize("reason", sorted(CASES))
def test_order_states__order_that_a_fill_refuses__same_reason(world: World, reason: str) -> None:
    made = CASES[reason](world)
    with boa.env.anchor():
        world.refused(made.order, reason, MAX, signature=made.signature, vault=made.vault, sender=made.taker)
    assert told(world, made, False).reason == reason
    assert told(world, made, False).fillable == 0
    # without a taker's vault the view knows the same, but for what is the taker's
    if made.vault is None and made.taker is None and reason != "exchange/wrong-taker":
        assert told(world, made, True).reason == reason


@pytest.mark.parametrize("reason", sorted(TAKER_CASES))
def test_order_states__taker_that_a_fill_refuses__same_reason(world: World, reason: str) -> None:
    made = TAKER_CASES[reason](world)
    # the least size: nothing passes
    size = MAX if made.order.flags & Flags.FILL_OR_KILL else LOT
    with boa.env.anchor():
        world.refused(made.order, reason, size, signature=made.signature, vault=made.vault, sender=made.taker)
    assert (told(world, made, False).status, told(world, made, False).reason) == (3, reason)
    # another taker would pass
    assert told(world, made, True).status == 1


def function(path: str, name: str) -> str:
    """Source of one function of a contract."""
    text = (ROOT / "contracts" / path).read_text()
    return re.split(r"\n@(?:internal|external)\n", text.split(f"\ndef {name}(", 1)[1])[0]


def test_cases__cover_every_reason_of_a_fill() -> None:
    sources = [
        (ROOT / "contracts/exchange/order_rules.vy").read_text(),
        (ROOT / "contracts/exchange/order.vy").read_text(),
        (ROOT / "contracts/exchange/TradeLimits.vy").read_text(),
        function("exchange/Exchange.vy", "_fill"),
        function("exchange/Exchange.vy", "_check_deficit"),
        function("exchange/Exchange.vy", "_check_opening"),
        function("vaults/Clearinghouse.vy", "_novate"),
        function("vaults/Clearinghouse.vy", "_refuse_transfer"),
        function("margin/MarginGate.vy", "check"),
        function("vaults/leg.vy", "_pack"),
    ]
    literal = re.compile(r'"([a-z0-9][a-z0-9-]*/[a-z0-9-]+)"')
    reasons = {reason for source in sources for reason in literal.findall(source)}
    assert reasons - set(CASES) == OF_THE_CALL | NEVER_FIRST
    assert {"clearinghouse/transfer-refused", "limits/key-day-loss", "margin/adds-risk"} <= reasons


def test_order_states__maker_that_only_reduces__is_open_although_opening_is_paused(world: World) -> None:
    back = short(world)
    world.system.RiskParameters.pause_opening(MARKET, sender=world.system.guardian)  # type: ignore[attr-defined]
    order = world.order(price=25 * WAD, **back)
    assert (world.state(order).status, world.state(order).reason) == (1, "")
    fresh = world.system.open(world.taker, RICH)
    world.fill(order, MAX, vault=fresh)


def test_order_states__cap_on_open_interest__leaves_the_size_that_fits(world: World) -> None:
    world.set_parameter("oi_cap", 4 * 10**6)
    order = world.order()
    state = world.state(order)
    assert state.status == 1 and 2 * 10**6 - 4 * LOT <= state.fillable <= 2 * 10**6
    world.fill(order, state.fillable)


def test_order_states__caps_of_the_maker__leave_the_size_that_fits(world: World) -> None:
    world.exchange.set_caps(world.maker_vault, WAD, 0, sender=world.maker.address)
    order = world.order()
    state = world.state(order)
    assert state.status == 1 and 0 < state.fillable < order.size
    world.refused(order, "limits/delta-cap", state.fillable + 4 * LOT)
    world.fill(order, state.fillable)


def test_order_states__two_sides__say_the_size_that_the_poorer_bears(world: World) -> None:
    poor = world.system.open(world.taker, 450)
    order = world.order()
    [state] = world.states([order], [world.sign(order)], world.taker, poor)
    # four packages at 100, fees of 0.6 each and the liquidation deposit of 10 leave 37.6
    assert state.status == 1 and 4 * 10**6 <= state.fillable < 45 * 10**5
    world.fill(order, state.fillable, vault=poor)


def test_order_states__token_that_answers_nothing__is_a_reason(world: World) -> None:
    order = world.order()
    signature = world.sign(order)
    boa.env.set_code(world.token.address, b"\xfe")
    for vault in (0, world.taker_vault):
        state = world.states([order], [signature], world.taker, vault)[0]
        assert (state.status, state.fillable, state.reason) == (3, 0, "lens/no-answer")


def test_order_states__feeds_far_apart_for_an_hour__closing_only() -> None:
    """The price is active again, and bounds no new risk: no vault without legs can take what the maker only closes."""
    with boa.swap_env(Env()):
        world = World(System(second_feed=True, **PARAMETERS))
        world.fill(world.order(is_bid=True, size=3 * 10**6), 3 * 10**6)
        order = world.order(expiry=world.now + DAY, size=3 * 10**6, max_fee=MAX)
        new = world.system.open(world.taker, 10**6)
        assert world.state(order).status == 1
        for _ in range(8):
            world.system.wait(600, 2000.0)
            world.system.fallback.push(round(1700 * 10**8), world.now)
            facts = Snapshot.from_words(list(world.system.oracle.observe(MARKET, EXPIRY)))
        assert facts.status & Status.ACTIVE and facts.half_width * 10 > facts.spot
        world.refused(order, "margin/price-not-active", vault=new)
        state = world.state(order)
        assert (state.status, state.reason, state.fillable) == (2, "margin/price-not-active", 3 * 10**6)
        world.fill(order, 3 * 10**6)
