from __future__ import annotations

import boa
import pytest

from bulkhead.risk.auction import WAD, LiquidationTerms, plan_take, quantity, split_legs
from bulkhead.risk.words import Status
from tests.contracts import write
from tests.worlds.liquidation import EXPIRY, LIMITS, address, call, cash, future, put, unchanged

KEEPER, TAKER = address("keeper"), address("taker")


@pytest.fixture
def into(world):
    return world.open(TAKER, 3000)


def fee_receiver(world):
    """Whom the last take's `Novated` names."""
    (log,) = [log for log in world.liquidator.get_logs() if type(log).__name__ == "Novated"]
    return str(log.fee_receiver)


def mirror(world, vault, fraction=WAD, elapsed=0):
    """The plan of the mirror, from the chain's equity, margin and target."""
    equity, margin, target = world.standing(vault)
    words = world.words(vault)
    terms, native = words[1], 10 ** (18 - world.decimals)
    deposit = terms >> 184 & (2**40 - 1)
    paid = deposit // 2 if terms >> 224 & 1 else 0
    liquidation = LiquidationTerms.unpack(world.parameters.words[2])
    beta, g = liquidation.shares(elapsed, EXPIRY - (terms >> 80 & (2**40 - 1)))
    risk = world.parameters.values
    return plan_take(
        fraction,
        equity=equity,
        margin=margin,
        target=target,
        missing=(paid + deposit * 30 // 100) * 10**12,
        collateral=words[6] * native - (deposit - paid) * 10**12,
        beta=beta,
        g=g,
        phi=risk["phi_bps"] * 10**14,
        dust=risk["dust"] * WAD,
        native=native,
    )


@pytest.mark.parametrize("elapsed", [0, 30, 100])
def test_take__solvent__moves_what_the_mirror_says(world, flagged, into, elapsed):
    world.wait(elapsed)
    plan = mirror(world, flagged, elapsed=elapsed)
    moved, _ = split_legs(world.legs(flagged), plan.fraction, 10_000)
    before = [world.balance(x) for x in (flagged, into, world.pot)]
    legs = {word >> 64: quantity(word) for word in world.legs(flagged)}
    assert 0 < plan.fraction < WAD and plan.ends
    assert world.take(flagged, into, TAKER) == plan.cash_native
    assert fee_receiver(world) == world.pot
    after = [world.balance(x) for x in (flagged, into, world.pot)]
    tip = 3 * world.unit
    assert [b - a for a, b in zip(before, after, strict=True)] == [
        -plan.cash_native - plan.cut_native - tip,
        plan.cash_native + tip,
        plan.cut_native,
    ]
    assert world.legs(into) == moved
    left = {word >> 64: quantity(word) for word in world.legs(flagged)}
    assert left == {key: legs[key] - quantity(word) for key, word in zip(legs, moved, strict=True)}
    assert not world.is_flagged(flagged)
    # the deposit is full again
    assert world.words(flagged)[1] >> 224 == 0


def test_take__fraction_that_reaches__leaves_target_to_one_lot(world, flagged, into):
    world.wait(60)
    _, margin, target = world.standing(flagged)
    world.take(flagged, into, TAKER)
    risk, words = world.parameters.words[0], world.words(flagged)
    assessed = world.engine.assess(world.legs(flagged), world.snapshot().words(), risk, -(2**255))
    equity = words[6] * 10**12 - 10 * WAD + assessed[0]
    lot = (target - margin) // 100
    assert equity >= assessed[1] * target // margin - lot
    assert equity > assessed[1]


def test_take__half_then_the_rest__gains_no_more_than_once(world, flagged, into):
    world.wait(30)
    plan = mirror(world, flagged, elapsed=30)

    def gained():
        legs = world.legs(into)
        return world.balance(into) * 10**12 + world.engine.value(legs, world.snapshot().words()), quantity(legs[0])

    with boa.env.anchor():
        world.take(flagged, into, TAKER)
        once, short_once = gained()
    world.take(flagged, into, TAKER, fraction=plan.fraction // 2)
    assert world.is_flagged(flagged)
    world.take(flagged, into, TAKER)
    twice, short_twice = gained()
    assert not world.is_flagged(flagged)
    assert abs(short_twice - short_once) <= 3 * 10_000
    # a lot more or less of risk carries its own bonus; nothing beyond that
    assert twice <= once + 2 * WAD


def test_take__larger_fraction__is_clamped(world, flagged, into):
    plan = mirror(world, flagged)
    assert world.liquidator.quote(flagged, 2**200).fraction == plan.fraction
    world.take(flagged, into, TAKER, fraction=2**200)
    assert not world.is_flagged(flagged)


def test_take__smaller_fraction__keeps_the_flag(world, flagged, into):
    world.take(flagged, into, TAKER, fraction=WAD // 10)
    assert world.is_flagged(flagged)
    assert [quantity(x) for x in world.legs(into)] == [-100_000]


def test_take__thin__gives_all_that_is_there(world, into):
    vault = world.short_put(520)
    world.move(1490)
    world.flag(vault, KEEPER)
    world.wait(119)
    plan = mirror(world, vault, elapsed=119)
    assert plan.fraction == WAD and plan.cut_native == 0
    held = world.balance(vault) - 5 * world.unit
    assert plan.cash_native == held
    assert world.take(vault, into, TAKER, fraction=1) == held
    # nothing is due to insurance, and the log names nobody
    assert int(fee_receiver(world), 16) == 0
    assert world.legs(vault) == [] and not world.is_flagged(vault)
    assert world.balance(world.pot) == 0


@pytest.mark.parametrize("elapsed", [119, 120, 500, 900, 2000])
def test_take__insolvent__tops_up_from_insurance_after_t1(world, into, elapsed):
    world.insure(10_000)
    vault = world.short_put(600)
    world.move(1350)
    world.flag(vault, KEEPER)
    world.wait(elapsed)
    equity, margin, _ = world.standing(vault)
    plan = mirror(world, vault, elapsed=elapsed)
    expected = 0
    if elapsed > 120:
        late = (min(elapsed, 900) - 120) * WAD // 780
        expected = max(WAD // 4 * (min(elapsed, 900) - 120) // 780 * margin // WAD - equity, 0) // 10**12
        assert late
    assert plan.top_up_native == expected
    if elapsed == 900:
        assert expected > 0
    pot, held = world.balance(world.pot), world.balance(into)
    received = world.take(vault, into, TAKER)
    assert received == plan.cash_native + plan.top_up_native
    assert pot - world.balance(world.pot) == plan.top_up_native
    assert world.balance(into) == held + received + 3 * world.unit
    assert world.fund.vault_drawn(vault, EXPIRY) == plan.top_up_native


@pytest.mark.parametrize(("apart", "pays"), [(135.0, True), (135.1, False), (650.0, False)])
def test_take__insolvent_at_one_of_two_feeds__insurance_pays_for_a_hole_that_both_may_see(world, into, apart, pays):
    """At the other feed's 2,000 the vault lacks nothing: its owner would take it over and keep the addition."""
    world.insure(10_000)
    vault = world.short_put(600)
    world.move(1350, width=apart)
    world.flag(vault, KEEPER)
    world.wait(900)
    pot, quoted = world.balance(world.pot), world.liquidator.quote(vault, WAD)
    assert (quoted.top_up != 0) == pays
    assert world.take(vault, into, TAKER) == quoted.cash + quoted.top_up
    assert pot - world.balance(world.pot) == quoted.top_up


def test_take__poor_fund__tops_up_within_the_cell_cap(world, into):
    world.insure(100)
    vault = world.short_put(600)
    world.move(1200)
    world.flag(vault, KEEPER)
    world.wait(900)
    assert mirror(world, vault, elapsed=900).top_up_native > 25 * world.unit
    world.take(vault, into, TAKER)
    assert world.balance(world.pot) == 75 * world.unit


def test_take__vault_with_many_legs__moves_a_share_of_each(world):
    trader = world.open(address("trader"), 900)
    legs = [put(2000, -2), put(1800, 1), call(2200, -1), call(2600, 1), future(-0.5), cash(900)]
    world.trade(world.maker(), trader, legs)
    world.move(2560)
    equity, margin, _ = world.standing(trader)
    assert equity < margin
    world.flag(trader, KEEPER)
    world.wait(60)
    into = world.open(TAKER, 5000)
    plan = mirror(world, trader, elapsed=60)
    before = world.legs(trader)
    world.take(trader, into, TAKER)
    moved, _ = split_legs(before, plan.fraction, 10_000)
    assert world.legs(into) == moved
    totals = {word >> 64: quantity(word) for word in before}
    for words in (world.legs(trader), world.legs(into)):
        for word in words:
            totals[word >> 64] -= quantity(word)
    assert set(totals.values()) == {0}


def test_take__dust_remainder__takes_everything(world, into):
    vault = world.short_put(60.5, size=0.1, owner=address("small"))
    world.move(1530)
    equity, margin, _ = world.standing(vault)
    assert equity < margin
    world.flag(vault, KEEPER)
    world.take(vault, into, TAKER, fraction=WAD * 6 // 10)
    assert world.legs(vault) == []


def test_take__restarted_clock__starts_again_from_beta_zero(world, flagged):
    world.wait(100)
    assert world.liquidator.quote(flagged, WAD).bonus_share > 2 * WAD // 100
    world.move(restart=world.clock)
    assert world.liquidator.quote(flagged, WAD).bonus_share == 2 * WAD // 100
    world.wait(30)
    assert world.liquidator.quote(flagged, WAD).elapsed == 30


def test_take__clock_stands_still__bonus_does_too(world, flagged):
    world.wait(30)
    share = world.liquidator.quote(flagged, WAD).bonus_share
    world.wait(600, fresh=False)
    assert world.liquidator.quote(flagged, WAD).bonus_share == share


def test_take__deadline_passed__reverts(world, flagged, into):
    with unchanged(world, flagged, into), boa.reverts("liquidator/past-deadline"):
        world.take(flagged, into, TAKER, deadline=world.now - 1)


def test_take__unknown_vault__reverts(world, into):
    with boa.reverts("liquidator/unknown-vault"):
        world.take(999, into, TAKER)


def test_take__vault_without_legs__reverts(world, into):
    with boa.reverts("liquidator/no-legs"):
        world.take(into, into, TAKER)


def test_take__into_vault_of_another__reverts(world, flagged):
    other = world.open(address("other"), 3000)
    with unchanged(world, flagged, other), boa.reverts("liquidator/not-owner"):
        world.take(flagged, other, TAKER)


def test_take__into_unknown_vault__reverts(world, flagged):
    with unchanged(world, flagged), boa.reverts("liquidator/not-owner"):
        world.take(flagged, 999, TAKER)


def test_take__not_flagged__reverts(world, into):
    vault = world.short_put(600)
    world.move(1500)
    with unchanged(world, vault), boa.reverts("liquidator/not-flagged"):
        world.take(vault, into, TAKER)


def test_take__healthy_again__reverts(world, flagged, into):
    world.move(2000)
    with unchanged(world, flagged), boa.reverts("liquidator/healthy"):
        world.take(flagged, into, TAKER)


def test_take__price_not_active__reverts(world, flagged, into):
    world.move(status=Status.FRESH)
    with unchanged(world, flagged), boa.reverts("liquidator/price-not-active"):
        world.take(flagged, into, TAKER)


def test_take__after_expiry__reverts(world, flagged, into):
    world.expire()
    with unchanged(world, flagged), boa.reverts("liquidator/expired"):
        world.take(flagged, into, TAKER)


def test_take__zero_fraction__reverts(world, flagged, into):
    with unchanged(world, flagged), boa.reverts("liquidator/zero-fraction"):
        world.take(flagged, into, TAKER, fraction=0)


def test_take__taker_too_poor__reverts(world, flagged):
    poor = world.open(TAKER, 11)
    with unchanged(world, flagged, poor), boa.reverts("margin/taker-below-initial"):
        world.take(flagged, poor, TAKER)


def limits(*pairs):
    found = list(LIMITS)
    for place, value in pairs:
        found[place] = value
    return found


def test_take__each_limit__refuses_what_is_worse(world, flagged, into):
    world.wait(60)
    quoted = world.liquidator.quote(flagged, WAD)
    spot = 1500 * WAD
    for place, good, bad in (
        (0, quoted.cash, quoted.cash + 1),
        (1, quoted.bonus_share, quoted.bonus_share + 1),
        (2, quoted.fraction, quoted.fraction - 1),
        (3, spot, spot + 1),
        (4, spot, spot - 1),
    ):
        with unchanged(world, flagged, into), boa.reverts("liquidator/limits"):
            world.take(flagged, into, TAKER, limits=limits((place, bad)))
        with boa.env.anchor():
            world.take(flagged, into, TAKER, limits=limits((place, good)))


def test_take__no_leg_would_move__reverts(world, into):
    """Tokens never move without legs: the share of a long leg rounds down to nothing."""
    # worth about 20, nearly all of which a scenario loses
    each = world.engine.value([call(2600, 1)], world.snapshot().words()) / WAD
    trader = world.open(address("trader"), 150)
    world.trade(world.maker(), trader, [call(2600, round(20 / each, 2))], 30)
    # a token that confiscates: without its deposit even a fully paid long is short
    write("MockERC20", world.token.address, "balanceOf", 0, world.custody(trader))
    world.flag(trader, KEEPER)
    assert world.liquidator.quote(trader, 1).reason == 8
    with unchanged(world, trader, into), boa.reverts("liquidator/nothing-moves"):
        world.take(trader, into, TAKER, fraction=1)
    assert world.liquidator.quote(trader, WAD).reason == 0


@pytest.mark.parametrize(
    ("elapsed", "beta", "fraction", "tokens", "cut"),
    [(0, 0.02, 0.577, 290.62, 1.88), (60, 0.26, 0.741, 402.20, 2.42), (120, 0.5, 1, 582.16, 3.27)],
)
def test_take__example_of_the_docs__has_its_numbers(world, flagged, elapsed, beta, fraction, tokens, cut):
    """docs/liquidation.md."""
    world.wait(elapsed)
    quoted = world.liquidator.quote(flagged, WAD)
    assert [round(x / WAD, 2) for x in (quoted.equity, quoted.mm, quoted.target)] == [89.52, 163.36, 183.77]
    assert (quoted.bonus_share / WAD, round(quoted.fraction / WAD, 3)) == (beta, fraction)
    assert (round(quoted.cash / 10**6, 2), round(quoted.cut / 10**6, 2)) == (tokens, cut)
