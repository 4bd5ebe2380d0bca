"""No sequence of fills, cancels and partial fills goes beyond what makers signed.

Random orders of two makers against two takers: after every step the sizes filled, the prices paid and the vaults
touched are compared with the orders alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boa
import pytest
from boa.contracts.base_evm_contract import BoaError
from eth_account import Account
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bulkhead import orders
from bulkhead.orders import Flags, Order, OrderLeg, PremiumStyle
from bulkhead.risk.words import Kind, Series
from tests.evm import Env
from tests.worlds.exchange import EXPIRY, MAX, PARAMETERS, STRIKE, WAD, World, key
from tests.worlds.system import System

LOT = 10**4


@pytest.fixture(scope="module")
def deployed() -> Iterator[World]:
    """One system; every example starts from it."""
    with boa.swap_env(Env()):
        yield World(System(**PARAMETERS))


@st.composite
def packages(draw: st.DrawFn) -> dict[str, Any]:
    """The part of an order that does not depend on who signs it."""
    series = draw(
        st.lists(
            st.sampled_from([(Kind.CALL, 0), (Kind.CALL, 100), (Kind.PUT, 0), (Kind.PUT, -100), (Kind.FUTURE, 0)]),
            min_size=1, max_size=4, unique=True,
        )
    )  # fmt: skip
    legs = sorted(
        (
            Series(1, kind, EXPIRY, STRIKE + step * 10**8 if kind != Kind.FUTURE else 0).pack(),
            draw(st.sampled_from([-2, -1, 1, 3])),
        )
        for kind, step in series
    )
    size = draw(st.integers(1, 40)) * LOT
    return {
        "legs": tuple(OrderLeg(*leg) for leg in legs),
        "is_bid": draw(st.booleans()),
        "price": draw(st.integers(-300 * WAD, 300 * WAD)),
        "size": size,
        "min_fill": draw(st.integers(0, size)),
        "premium_style": draw(st.sampled_from(PremiumStyle)),
        "iv": draw(st.sampled_from([0, 0, 0, 7 * 10**17])),
        "flags": draw(st.sampled_from([Flags.NONE, Flags.NONE, Flags.FILL_OR_KILL, Flags.REDUCE_ONLY])),
        "max_fee": draw(st.sampled_from([MAX, WAD // 2, 0])),
    }


steps = st.lists(
    st.tuples(
        st.sampled_from(["fill", "fill", "fill", "fill", "cancel", "bump"]),
        st.integers(0, 3),  # order
        st.integers(0, 1),  # taker
        st.one_of(st.integers(0, 45).map(lambda n: n * LOT), st.just(MAX)),
    ),
    min_size=1,
    max_size=14,
)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(drawn=st.lists(packages(), min_size=4, max_size=4), sequence=steps)
def test_orders__any_sequence__never_beyond_what_was_signed(
    deployed: World, drawn: list[dict[str, Any]], sequence: list[tuple[str, int, int, int]]
) -> None:
    with boa.env.anchor():
        world = deployed
        makers = [Account.from_key(key(11)), Account.from_key(key(12))]
        maker_vaults = [world.system.open(m.address, 10**6) for m in makers]
        takers = [str(boa.env.generate_address(f"taker {i}")) for i in range(2)]
        taker_vaults = [world.system.open(t, 10**6) for t in takers]
        everyone = [world.maker_vault, world.taker_vault, *maker_vaults, *taker_vaults]
        book: list[tuple[Order, bytes, int]] = []
        for i, values in enumerate(drawn):
            who = i % 2
            order = Order(
                maker_vault=maker_vaults[who], signer=makers[who].address, expiry=world.now + 3600, salt=i, **values
            )
            book.append((order, orders.sign(order, world.domain, makers[who].key), who))
        filled = [0] * 4
        dead = [False] * 4
        supply = world.token.totalSupply()

        for action, number, who, size in sequence:
            order, signature, maker = book[number]
            before = world.holdings(everyone)
            if action == "cancel":
                world.exchange.cancel([world.hash(order)], sender=order.signer)
                dead[number] = True
                assert world.holdings(everyone) == before
                continue
            if action == "bump":
                if size % (4 * LOT) == 0:
                    counter = world.exchange.epoch_for(order.maker_vault, []) >> 64
                    world.exchange.bump_epoch(order.maker_vault, counter + 1, sender=order.signer)
                    for i, (_, _, owner) in enumerate(book):
                        dead[i] = dead[i] or owner == maker
                continue
            told = world.state(order, signature)
            try:
                world.fill(order, size, signature=signature, vault=taker_vaults[who], sender=takers[who])
            except BoaError:
                # a refusal changes nothing
                assert world.holdings(everyone) == before
                continue

            event = world.log("OrderFilled")
            moved = world.log("Novated")
            filled[number] += event.size
            # never more than signed, never a dead order, never what the lens called impossible
            assert not dead[number] and filled[number] <= order.size
            assert event.filled == filled[number]
            assert event.size >= min(order.min_fill, order.size - filled[number] + event.size)
            assert told.status in (1, 2) and told.fillable >= event.size
            if order.flags & Flags.FILL_OR_KILL:
                assert event.size == order.size
            # never a worse price: rounding helps the maker
            assert event.price <= order.price if order.is_bid else event.price >= order.price
            unit = 10**12 if order.premium_style == PremiumStyle.UPFRONT else 10**18
            scale = 10**6 * 10**12 if order.premium_style == PremiumStyle.UPFRONT else unit
            exact, paid = order.price * event.size, event.premium * scale
            assert paid <= exact if order.is_bid else paid >= exact
            assert event.maker_fee * 10**18 <= min(order.max_fee, 2**127) * event.size + 10**18 - 1
            # nobody else's vault, and tokens only moved
            after = world.holdings(everyone)
            for vault in everyone:
                if vault not in (order.maker_vault, taker_vaults[who]):
                    assert after[vault] == before[vault]
            charged = sum(moved.fees)
            assert sum(a[0] for a in after.values()) + charged == sum(b[0] for b in before.values())
            assert world.token.totalSupply() == supply
            # the package that was signed, at the size that was filled
            sign = 1 if order.is_bid else -1
            for leg in order.legs:
                kind, strike = leg.series >> 104 & 255, leg.series & (2**64 - 1)
                change = quantity(after[order.maker_vault][1], kind, strike) - quantity(
                    before[order.maker_vault][1], kind, strike
                )
                assert change == sign * leg.ratio * event.size


def quantity(legs: tuple[int, ...], kind: int, strike: int) -> int:
    """Signed quantity of a series among leg words [1e-6 contracts]."""
    for word in legs:
        if word >> 64 == kind << 62 | strike:
            number = word & (2**64 - 1)
            return number - 2**64 if number >> 63 else number
    return 0
