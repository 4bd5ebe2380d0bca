"""Refusals that had no name: arithmetic or bounds broke before the check that names what is wrong."""

from __future__ import annotations

import boa

from bulkhead.risk.words import Kind
from tests.matrix.columns import active
from tests.matrix.fixtures import made, scene
from tests.matrix.rows_vaults import ANY_PRICE
from tests.matrix.scene import MAX

__all__ = ["made", "scene"]


def without_legs(scene, vault):
    """A fill of an order that has no legs."""
    order, signature = scene.order(Kind.PUT, False, 10**5, legs=())
    return order, signature, vault, 10**5, ANY_PRICE, MAX, MAX, 0


def test_transfer__by_somebody_without_any_vault__says_that_it_is_not_theirs(scene):
    stranger, buyer = scene.people["stranger"], scene.people["buyer"]
    assert scene.system.token_nft.balanceOf(stranger) == 0
    for vault, reason in ((scene.vaults["idle"], "clearinghouse/not-owner"), (10**6, "clearinghouse/unknown-vault")):
        with boa.reverts(reason):
            scene.system.token_nft.transferFrom(stranger, buyer, vault, sender=stranger)


def test_fill_many__order_without_legs__says_so(scene):
    active(scene)
    trader, idle = scene.people["trader"], scene.vaults["idle"]
    for amount in (0, 1):
        with boa.reverts("order/no-legs"):
            scene.system.exchange.fill_many([without_legs(scene, idle)], 0, amount, 0, sender=trader)


def test_views__order_without_legs__answer_or_say_so(scene):
    order, _ = scene.order(Kind.PUT, False, 10**5, legs=())
    with boa.reverts("order/no-legs"):
        scene.system.FillCheck.check_fill(order, 10**5, scene.people["trader"], scene.vaults["idle"], False, 0)
    assert scene.contracts["TradeLimits"].reducible(scene.vaults["margined"], [], True) == 0
