"""The deepest hours of six crashes of the market data: what a keeper owns is never liquidated while it has tokens.

How it came about can be read from the logs alone: an index of each play is what the chain is at its end.
"""

from __future__ import annotations

import pytest

from bulkhead.chain.contract import read
from bulkhead.keeper.policy import Policy
from bulkhead.keeper.report import results
from bulkhead.replay.market import PURSES
from bulkhead.risk.words import WAD
from tests.keeper.crashes import CRASHES, Played, played
from tests.worlds.indexed import differences

#: Hours of each crash that are played, by the length of its bars.
HOURS = {"5min": 4.0, "1min": 1.0}
#: It takes at any bonus, else the rival would have everything.
EAGER = Policy(min_bonus=0)


@pytest.mark.parametrize("name", CRASHES)
def test_crash__own_vaults_near_their_margin__are_not_liquidated_and_the_books_balance(name):
    with played(name, HOURS[name.rsplit("_", 1)[1]], EAGER) as found:
        own = found.own_ids
        logs = found.replay.logs
        taken = [log.values for log in logs if log.event == "VaultTaken"]
        # the play is one that could end otherwise
        assert any(log.event == "VaultFlagged" for log in logs) and any(v.into_id in own for v in taken)
        assert found.deposits and min(found.healths) < 1.8
        assert min(found.wallets) > 0
        # the rival flags and takes whatever it can
        assert not [v for v in taken if v.vault_id in own]
        assert not [view for views in found.keepers.looked for view in views.values() if view.liquidatable]
        assert not [line for line in found.lines if line["event"] == "bug"]
        check_books(found)
        assert differences(found.replay.local.chain) == []
        assert not [c for c in found.replay.record.checks if not c.passed]


def check_books(found: Played) -> None:
    """The books explain every unit in the wallet and in the own vaults."""
    local, keeper = found.replay.local, found.keepers.ours.keeper
    (books,), market = keeper.observer.discovery.books, local.market
    account = keeper.sender.address
    custody = {i: a for i, a in found.replay.custody.items() if i in found.own_ids}
    balances = read(local.chain.rpc, [market.token.query("balanceOf", a) for a in (account, *custody.values())])
    assert balances[0] - books.wallet(market.index) == PURSES["keeper"] * local.unit
    held = books.in_vaults()
    assert [held.get(i, 0) for i in custody] == balances[1:] and set(held) <= set(custody)
    (result,) = results(keeper.bookkeeper.account()).values()
    assert result.brought == PURSES["keeper"] * WAD and result.takes >= 1
    assert result.profit == result.wallet + result.in_vaults - result.brought + sum(
        p.value for p in keeper.bookkeeper.positions if p.open
    )
