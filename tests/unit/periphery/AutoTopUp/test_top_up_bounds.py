"""Equity of zero, tips of one unit, and the largest deposit whose tip still fits into what is left."""

from __future__ import annotations

import boa
import pytest

from tests.unit.periphery.AutoTopUp.scene import Scene
from tests.unit.periphery.AutoTopUp.test_top_up import _set_balance


@pytest.mark.parametrize(("equity", "reason"), [(1, ""), (0, ""), (-1, "top-up/negative-equity")])
def test_equity__of_zero__is_helped_and_below_is_not(new_scene, equity, reason):
    """A token whose unit is a wad sets it to the last digit."""
    scene = new_scene(18)
    scene.give()
    scene.fall(1.0)
    token, custody = scene.system.market.token, scene.system.clearinghouse.custody(scene.vault_id)
    _set_balance(scene, token, custody, scene.system.balance(scene.vault_id) - scene.state.equity + equity)
    assert scene.state.equity == equity
    assert scene.due().reason == reason
    if not reason:
        scene.run()
        assert scene.health >= 1.3


@pytest.mark.parametrize("tip", [0, 1])
def test_tip__of_one_unit_or_none__is_paid_as_it_is(scene: Scene, tip):
    scene.give(tip=tip / 10**6)
    scene.fall(1.1)
    wallet = scene.wallet()
    amount = scene.run()
    deposited = [log.amount for log in scene.top_up.get_logs() if type(log).__name__ == "Deposited"]
    # no flag has ended, so nothing comes back that would go into the vault as well
    assert deposited == [amount]
    assert scene.wallet(scene.keeper) == tip and scene.wallet() == wallet - amount - tip


@pytest.mark.parametrize("more", [-1, 0, 1, 5, 9, 10, 11, 12])
@pytest.mark.parametrize("tip", [0, 50])
def test_part__is_the_largest_whose_tip_fits(scene: Scene, tip, more):
    """About eleven tips are left: there a tip is a tenth of the deposit, and all of it from there on."""
    scene.give(trigger=1.5, target=9.0, tip=tip)
    scene.fall(1.49)
    most, left = scene.native(tip), scene.native(550) + more
    due = scene.due_with(left)

    def with_tip(amount: int) -> int:
        return amount + min(most, amount // 10)

    assert due.reason == "" and due.tip == with_tip(due.amount) - due.amount
    assert with_tip(due.amount) <= left < with_tip(due.amount + 1)


@pytest.mark.parametrize("source", ["most_per_day", "most_in_all"])
def test_limits__used_up_to_the_unit__leave_nothing(scene: Scene, source):
    """What is spent may reach a limit, and a limit that is reached stops the next."""
    scene.give(trigger=1.5, target=3.0, tip=0, **{source: 700})
    scene.fall(1.45)
    assert scene.run() == scene.native(700)
    scene.fall(1.45)
    with boa.reverts("top-up/not-enough"):
        scene.run()
    record = scene.top_up.record(scene.vault_id)
    assert record.spent_that_day == scene.native(700) == record.spent_in_all
