"""What a publication must be: signed, new, whole, free of arbitrage at the strikes checked, and near the last one."""

from __future__ import annotations

import dataclasses

import boa
import numpy as np
import pytest
from eth_account import Account

from bulkhead.risk.scales import DAY, YEAR
from bulkhead.risk.svi import SviSlice, total_variance_float
from bulkhead.vol import surface as vol
from bulkhead.vol.surface import Surface
from tests.worlds.surface import ACCOUNTS, KEYS, SurfaceWorld, grid, smile, surface

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def refused(world: SurfaceWorld, made: Surface, reason: str, mirrored: bool = True) -> None:
    """The contract refuses, and the mirror says the same before anything is signed."""
    if mirrored:
        before, capped = world.in_force()
        with pytest.raises(vol.SurfaceError, match=reason):
            vol.check(made, before if capped else None, world.cap_bps)
    with boa.reverts(reason):
        world.publish(made)


def change(made: Surface, lane: int, **fields: int) -> Surface:
    slices = list(made.slices)
    slices[lane] = dataclasses.replace(slices[lane], **fields)
    return dataclasses.replace(made, slices=tuple(slices))


# --- signatures -------------------------------------------------------------------------------------------------


def test_publish__two_of_three__in_force_and_told(world):
    made = surface(world.now)
    world.publish(made, KEYS[1:])
    (event,) = [log for log in world.vol.get_logs() if type(log).__name__ == "SurfacePublished"]
    assert (event.market, event.nonce, event.made_at) == (1, 1, made.made_at)
    assert event.live_until == made.made_at + world.live_seconds
    assert event.sigma_atm == made.sigma_atm()
    assert (event.index, list(event.slices)) == (made.index, made.words)
    assert world.in_force()[0] == made
    assert world.nonce == 1


def test_publish__three_signatures__in_force(world):
    world.publish(surface(world.now), KEYS)
    assert world.nonce == 1


def test_digest__contract_and_python__equal(world):
    made = surface(world.now)
    assert world.vol.digest(1, 7, made.made_at, made.index, made.words) == vol.digest(made, 7, 1, world.vol_domain)


def test_publish__one_signature__reverts(world):
    with boa.reverts("surface/too-few-signatures"):
        world.publish(surface(world.now), KEYS[:1])


def test_publish__one_key_twice__reverts(world):
    made = surface(world.now)
    (once,) = world.signed(made, 1, KEYS[:1])
    with boa.reverts("surface/signer-order"):
        world.send(made, 1, [once, once])


def test_publish__malleable_twin_of_one_signature__reverts(world):
    made = surface(world.now)
    (once,) = world.signed(made, 1, KEYS[:1])
    r, s, v = once[:32], int.from_bytes(once[32:64], "big"), once[64]
    twin = r + (ORDER - s).to_bytes(32, "big") + bytes([55 - v])
    for pair in ([once, twin], [twin, once]):
        with boa.reverts("surface/signer-order"):
            world.send(made, 1, pair)


def test_publish__signatures_in_the_wrong_order__reverts(world):
    made = surface(world.now)
    with boa.reverts("surface/signer-order"):
        world.send(made, 1, world.signed(made, 1, KEYS[:2])[::-1])


def test_publish__a_stranger_among_the_signers__reverts(world):
    stranger = "0x" + f"{99:064x}"
    with boa.reverts("surface/not-a-publisher"):
        world.publish(surface(world.now), [KEYS[0], stranger])


def test_publish__empty_signatures__reverts(world):
    with boa.reverts("surface/signer-order"):
        world.send(surface(world.now), 1, [b"", b""])


@pytest.mark.parametrize(
    "wrong",
    [
        lambda d: dataclasses.replace(d, chain_id=d.chain_id + 1),
        lambda d: dataclasses.replace(d, contract="0x" + "11" * 20),
    ],
)
def test_publish__signed_for_another_domain__reverts(world, wrong):
    made = surface(world.now)
    signatures = vol.sign(made, 1, 1, wrong(world.vol_domain), KEYS[:2])
    # they recover to accounts nobody knows, in either order
    for pair in (signatures, signatures[::-1]):
        with pytest.raises(boa.BoaError, match="surface/(signer-order|not-a-publisher)"):
            world.send(made, 1, pair)


def test_publish__signed_for_another_market__reverts(world):
    made = surface(world.now)
    world.set_publishers(market=2)
    signatures = world.signed(dataclasses.replace(made, market=2), 1)
    with pytest.raises(boa.BoaError, match="surface/(signer-order|not-a-publisher)"):
        world.send(made, 1, signatures)


def test_publish__market_not_listed__reverts(world):
    world.set_publishers(market=2)
    made = dataclasses.replace(surface(world.now), market=2)
    with boa.reverts("oracle/unlisted-market"):
        world.publish(made)


def test_publish__slices_of_another_signature__reverts(world):
    honest, forged = surface(world.now), surface(world.now, 0.9)
    signatures = world.signed(honest, 1, KEYS[:2])
    with pytest.raises(boa.BoaError, match="surface/(signer-order|not-a-publisher)"):
        world.send(forged, 1, signatures)


def test_set_surface__anyone_but_the_checker__reverts(world):
    for caller in (world.owner, ACCOUNTS[0], world.at["RiskParameters"]):
        with boa.reverts("oracle/only-surface"):
            world.oracle.set_surface(1, 1, 1, [0] * 16, sender=caller)


# --- order and time ---------------------------------------------------------------------------------------------


def test_publish__the_same_again__reverts(world):
    made = surface(world.now)
    world.publish(made)
    with boa.reverts("surface/nonce"):
        world.publish(made, nonce=1)


def test_publish__front_run_with_the_same_signatures__the_surface_is_in_force_all_the_same(world):
    made = surface(world.now)
    signatures = world.signed(made, 1, KEYS[:2])
    world.send(made, 1, signatures, sender=boa.env.generate_address("front-runner"))
    with boa.reverts("surface/nonce"):
        world.send(made, 1, signatures, sender=ACCOUNTS[0])
    assert world.in_force()[0] == made


def test_publish__a_nonce_ahead__reverts(world):
    with boa.reverts("surface/nonce"):
        world.publish(surface(world.now), nonce=2)


def test_publish__an_unused_old_surface__reverts_though_its_nonce_is_next(world):
    kept_back = surface(world.now, 0.9)
    signatures = world.signed(kept_back, 2, KEYS[:2])
    world.wait(300, 2000)
    world.publish(surface(world.now))
    with boa.reverts("surface/not-newer"):
        world.send(kept_back, 2, signatures)


def test_publish__made_ten_minutes_ago__still_counts(world):
    made = surface(world.now)
    world.wait(601)
    with boa.reverts("surface/too-old"):
        world.publish(made)
    world.wait(-1)
    world.publish(made)


def test_publish__made_in_the_future__reverts(world):
    with boa.reverts("surface/from-the-future"):
        world.publish(surface(world.now + 1))


# --- expiries ---------------------------------------------------------------------------------------------------


def test_publish__no_slices__reverts(world):
    refused(world, Surface(1, world.now, (), ()), "surface/no-slices")


def test_publish__expiries_out_of_order__reverts(world):
    made = surface(world.now)
    swapped = dataclasses.replace(
        made, expiries=made.expiries[1::-1] + made.expiries[2:], slices=made.slices[1::-1] + made.slices[2:]
    )
    refused(world, swapped, "surface/expiry-order")


def test_publish__expiry_within_half_an_hour__reverts(world):
    at = grid(world.now)[0]
    world.wait(at - 1799 - world.now)
    made = Surface(1, world.now, (at, at + 30 * DAY), (smile(0.6, 1799), smile(0.6, 30 * DAY)))
    refused(world, made, "surface/expiry-order")


def test_publish__more_expiries_than_slices__reverts(world):
    made = surface(world.now)
    with boa.reverts("surface/stray-expiry"):
        world.vol.publish(
            1,
            1,
            made.made_at,
            made.index,
            made.words[:-1],
            self_signed(world, made.made_at, made.index, made.words[:-1]),
        )


def test_publish__more_slices_than_expiries__reverts(world):
    made = surface(world.now)
    words = [*made.words, made.words[-1]]
    with boa.reverts("surface/expiry-order"):
        world.vol.publish(1, 1, made.made_at, made.index, words, self_signed(world, made.made_at, made.index, words))


def self_signed(world: SurfaceWorld, made_at: int, index: int, words: list[int]) -> list[bytes]:
    """Signatures over parts that no `Surface` can hold."""
    digest = world.vol.digest(1, 1, made_at, index, words)
    return [bytes(Account.unsafe_sign_hash(digest, key).signature) for key in KEYS[:2]]


def test_publish__nothing_beyond_a_week__reverts(world):
    refused(world, surface(world.now, days=(1, 3, 7)), "surface/too-short")


def test_publish__beyond_the_longest_expiry__reverts(world):
    refused(world, surface(world.now, days=(30, 401)), "surface/too-long")


def test_publish__an_expiry_missing__reverts_while_marks_depend_on_it(settled):
    settled.wait(60)
    refused(settled, surface(settled.now, days=settled.days()[1:]), "surface/expiry-dropped")


def test_publish__an_expiry_more__is_compared_with_what_lay_between(settled):
    settled.wait(3600, 2000)
    days = settled.days()
    made = surface(settled.now, days=(*days[:4], days[4] - 5, *days[4:]))
    settled.publish(made)
    assert settled.in_force()[0] == made


def test_publish__an_expiry_half_an_hour_away__may_go(settled):
    first = settled.in_force()[0].expiries[0]
    settled.wait(first - 1799 - settled.now, 2000)
    settled.publish_level(0.6)
    assert first not in settled.in_force()[0].expiries


# --- smiles -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"rho": 10**9}, "surface/slice-range"),
        ({"rho": -(10**9)}, "surface/slice-range"),
        ({"m": 2 * 10**9 + 1}, "surface/slice-range"),
        ({"m": -2 * 10**9 - 1}, "surface/slice-range"),
        ({"sigma": 0}, "surface/slice-range"),
        ({"sigma": 4 * 10**9 + 1}, "surface/slice-range"),
        ({"b": 2 * 10**12}, "surface/slice-range"),
        ({"a": -(10**12)}, "surface/negative-variance"),
        ({"a": 10**14}, "surface/vol-range"),
        ({"a": 0, "b": 1}, "surface/vol-range"),
        # a kink: the density is negative beside it
        ({"sigma": 10**6, "m": 10**8, "b": 5 * 10**11}, "surface/butterfly"),
    ],
)
def test_publish__impossible_smile__reverts(world, fields, reason):
    refused(world, change(surface(world.now), 4, **fields), reason)


def test_publish__word_with_more_bits__reverts(world):
    made = surface(world.now)
    words = made.words
    words[3] |= 1 << 224
    with boa.reverts("surface/slice-range"):
        world.vol.publish(1, 1, made.made_at, made.index, words, self_signed(world, made.made_at, made.index, words))


def test_publish__variance_falls_with_time__reverts(world):
    made = surface(world.now)
    slices = list(made.slices)
    slices[3] = smile(0.3, made.expiries[3] - world.now)
    refused(world, dataclasses.replace(made, slices=tuple(slices)), "surface/calendar")


def test_publish__wings_cross__reverts(world):
    now = world.now
    expiries = grid(now, (20, 30))
    # the same level at the money, but the earlier smile is steeper
    early = smile(0.6, expiries[0] - now, wings=1.6)
    late = smile(0.6 * (20 / 30) ** 0.5 * 1.02, expiries[1] - now, wings=0.1)
    refused(world, Surface(1, now, expiries, (early, late)), "surface/calendar")


# --- change -----------------------------------------------------------------------------------------------------


def test_publish__first_surface__is_not_capped_because_it_fades_in(world):
    world.publish(surface(world.now, 2.0))
    assert world.fade() == 10**18


@pytest.mark.parametrize(("share", "passes"), [(0.999, True), (1.001, False)])
@pytest.mark.parametrize("direction", [1, -1])
@pytest.mark.parametrize("seconds", [600, 3600, 7200])
def test_publish__change_around_the_cap__only_below_passes(settled, share, passes, direction, seconds):
    settled.wait(seconds, 2000)
    days = tuple(day for day in settled.days() if day >= 30)
    assert days
    # every tenor moves by what the longest may, the shorter could move more
    factor = vol.growth(settled.cap_bps * 10**14, seconds) / 10**18
    moved = 0.6 * (1 + share * (factor - 1)) ** direction
    made = settled.moved(moved)
    if passes:
        settled.publish(made)
        assert settled.in_force()[0] == made
    else:
        refused(settled, made, "surface/too-fast")


def test_publish__short_tenor__may_move_with_the_root_of_time(settled):
    settled.wait(3600, 2000)
    made = settled.moved(0.6)
    tenor = made.expiries[0] - settled.now
    limit = vol.growth(vol.cap_at(settled.cap_bps, tenor), 3600) / 10**18
    assert limit > 1.3
    for factor, passes in ((limit * 1.001, False), (limit * 0.999, True)):
        # only the first tenor moves, and down, so that the calendar holds
        first = settled.moved(0.6 / factor).slices[0]
        moved = dataclasses.replace(made, slices=(first, *made.slices[1:]))
        if passes:
            settled.publish(moved)
        else:
            refused(settled, moved, "surface/too-fast")


def test_publish__steeper_wings_at_the_same_level__are_capped_too(settled):
    settled.wait(3600, 2000)
    refused(settled, surface(settled.now, 0.6, days=settled.days(), wings=1.4), "surface/too-fast")


def test_publish__many_small_steps__gain_no_more_than_one_long_one(settled):
    level, begun = 0.6, settled.now
    for _ in range(6):
        settled.wait(600, 2000)
        level *= vol.growth(settled.cap_bps * 10**14, 600) / 10**18 * 0.99999
        settled.publish(settled.moved(level))
    assert settled.now - begun == 3600
    assert 0.6 * 1.099 < level <= 0.6 * 1.1


def test_publish__after_days_of_silence__one_hours_step_at_most(settled):
    settled.wait(2 * DAY, 2000)
    assert settled.in_force()[1]
    refused(settled, settled.moved(0.6 * 1.2), "surface/too-fast")
    settled.publish(settled.moved(0.6 * 1.099))


def test_publish__days_of_silence_and_a_smile_as_of_now__its_wings_are_too_fast(settled):
    """A near smile grows steeper in strikes as its expiry comes: after days that is more than one step."""
    settled.wait(2 * DAY, 2000)
    refused(settled, surface(settled.now, 0.6, days=settled.days()), "surface/too-fast")


@pytest.mark.parametrize("fields", [{"skew": 0.4}, {"wings": 1.2}, {"skew": -0.8, "wings": 0.9}, {"wings": 0.1}])
def test_publish__same_near_smile_and_other_wings__refused_beyond_the_near_strikes(settled, fields):
    """Smiles within the cap at the near strikes that bend farther out: what five strikes alone would let through."""
    settled.wait(3600, 2000)
    made = settled.moved(0.6)
    lane, at = 4, made.expiries[4]
    square = (vol.growth(settled.cap_bps * 10**14, settled.now - settled.in_force()[0].made_at) / 10**18) ** 2
    deviation = 0.6 * ((at - settled.now) / YEAR) ** 0.5
    near = np.array([-2.5, -1.25, 0, 1.25, 2.5]) * deviation
    whole = smile(0.6, at - settled.now, **fields)
    old = total_variance_float(made.slices[lane].floats(), near)
    bent = made.slices[lane]
    for part in np.linspace(0, 1, 200):
        # as far towards other wings as the near strikes allow
        tried = SviSlice.from_floats(
            *(x + part * (y - x) for x, y in zip(made.slices[lane].floats(), whole.floats(), strict=True))
        )
        ratio = total_variance_float(tried.floats(), near) / old
        if max(ratio.max(), 1 / ratio.min()) > square:
            break
        bent = tried
    wings = np.array([-2.5, 2.5])
    far = total_variance_float(bent.floats(), wings) / total_variance_float(made.slices[lane].floats(), wings)
    if max(far.max(), 1 / far.min()) <= square:
        pytest.fail("this smile bends no wings")
    refused(
        settled, dataclasses.replace(made, slices=(*made.slices[:lane], bent, *made.slices[lane + 1 :])), "surface/"
    )


def test_publish__smile_lowest_between_two_strikes__its_bottom_is_capped(settled):
    """A kink between checked strikes would lower the vols there unseen: the lowest point is a checked strike."""
    settled.wait(3600, 2000)
    made = settled.moved(0.6)
    lane, at = 4, made.expiries[4]
    w = 0.36 * (at - settled.now) / YEAR
    deviation = w**0.5
    kink = SviSlice.from_floats(0.45 * w, 0.75 * deviation, -0.1, 0.62 * deviation, 0.05 * deviation)
    refused(
        settled, dataclasses.replace(made, slices=(*made.slices[:lane], kink, *made.slices[lane + 1 :])), "surface/"
    )


def test_slice__unpacked_and_packed__same():
    part = smile(0.8, 30 * DAY)
    assert SviSlice.unpack(part.pack()) == part


def test_eip712_domain__as_deployed__describes_the_signing_domain(world):
    mask, name, version, chain_id, contract, salt, extensions = world.vol.eip712Domain()
    assert (mask, salt, extensions) == (b"\x0f", bytes(32), [])
    assert (name, version) == ("Bulkhead VolSurface", "1")
    assert (chain_id, contract) == (world.vol_domain.chain_id, world.vol_domain.contract)


def test_publish__another_surface_of_the_same_second__reverts(world):
    """Newer is a second later: two surfaces of one second would leave no time for a change."""
    made = surface(world.now)
    world.publish(made)
    world.wait(60)
    with boa.reverts("surface/not-newer"):
        world.publish(dataclasses.replace(made))
    world.publish(surface(made.made_at + 1))
