"""The board repeats what it is given, and nothing else."""

from __future__ import annotations

import boa

from tests.worlds.exchange import World


def test_post__orders__come_back_as_events(world: World) -> None:
    board = world.system.QuoteBoard  # type: ignore[attr-defined]
    orders = [world.order(salt=i) for i in range(2)]
    signatures = [world.sign(order) for order in orders]
    board.post([order.to_tuple() for order in orders], signatures, sender=world.taker)
    logs = board.get_logs()
    assert [log.maker_vault for log in logs] == [world.maker_vault] * 2
    assert [bytes(log.signature) for log in logs] == signatures
    assert {log.poster for log in logs} == {world.taker} and logs[1].order.salt == 1


def test_post__a_signature_missing__reverts(world: World) -> None:
    board = world.system.QuoteBoard  # type: ignore[attr-defined]
    with boa.reverts("board/one-signature-each"):
        board.post([world.order().to_tuple()], [], sender=world.taker)
