"""The keeper's books against the chain, and what `bulkhead keeper report` makes of them."""

from __future__ import annotations

import asyncio
import json

import pytest
from click.testing import CliRunner

from bulkhead.cli import main
from bulkhead.keeper.books import take_gain
from bulkhead.keeper.books_update import Bookkeeper
from bulkhead.keeper.journal import Journal
from bulkhead.keeper.policy import Policy
from bulkhead.keeper.report import results
from bulkhead.keeper.service import Keeper
from bulkhead.keeper.telemetry import Server
from bulkhead.replay.market import PURSES
from bulkhead.risk.words import WAD
from tests.keeper.world import fall, keep, settle
from tests.worlds.played_market import played

TAKES = Policy(roles=frozenset({"flag", "take", "tend"}), min_bonus=WAD // 50)


def report(*words: str):
    return CliRunner().invoke(main, ["keeper", "report", *words])


async def take_over(scene, keeper: Keeper) -> None:
    """Flags and takes, as time passes."""
    await settle(keeper)
    for _ in range(12):
        scene.local.anvil.mine(scene.local.now() + 60)
        await settle(keeper)
    await keeper.bookkeeper.keep(await keeper.providers.head())


def test_books__of_a_market_that_is_over__balance_with_the_chain_to_the_unit(tmp_path):
    """Every token of the keeper is explained: what was brought in is what was minted, and no own vault holds a unit
    that is not in the books."""
    with played(tmp_path / "log") as replay:
        (books,), local = replay.keeper.keeper.observer.discovery.books, replay.local
        me = local.people["keeper"].address
        balance = local.market.token.call("balanceOf", me)
        assert balance - books.wallet(local.market.index) == PURSES["keeper"] * local.unit
        held = books.in_vaults()
        assert held and not any(held.values())
        kinds = {entry.kind for entry in books.entries}
        assert {"deposit", "withdrawal", "take", "tip", "bonus"} <= kinds
        account = replay.keeper.keeper.bookkeeper.account()
        (result,) = results(account).values()
        assert result.brought == PURSES["keeper"] * WAD and result.profit == result.wallet - result.brought
        assert result.marked == 0 and result.takes >= 1


def test_report__running_and_stopped__say_the_same(scene, tmp_path):
    """What the keeper tells of itself is what its journal says once it has stopped."""
    fall(scene)
    journal = tmp_path / "journal.sqlite"

    async def play(keeper: Keeper):
        keeper.sender.journal.close()
        keeper.sender.journal = Journal(journal, "a chain", keeper.sender.address)
        keeper.bookkeeper = Bookkeeper(keeper.observer, [keeper.sender.journal], keeper.metrics, keeper.log)
        keeper.health.report = keeper.bookkeeper.report
        server = Server(keeper.metrics, keeper.health, "127.0.0.1", 0)
        await server.start()
        try:
            await take_over(scene, keeper)
            at = f"127.0.0.1:{server.port}"
            live = await asyncio.to_thread(report, "--at", at, "--json")
            busy = await asyncio.to_thread(report, "--journal", str(journal))
            return live, busy, keeper.metrics.page().decode()
        finally:
            await server.stop()

    (live, busy, page), _ = keep(scene, play, policy=TAKES)
    assert live.exit_code == 0, live.output
    found = json.loads(live.output)
    told = json.loads(report("--journal", str(journal), "--json").output)
    assert told == found
    market = found["markets"]["ETH"]
    assert market["takes"] >= 1 and market["bonus"] > 0 and market["tips"] > 0 and market["marked"] != 0
    assert market["profit"] == pytest.approx(market["tips"] + market["realised"] + market["marked"])
    assert all(day != "unknown" for day in found["days"]) and found["gas"]["calls"]["Liquidator.flag"]["quote"] > 0
    assert all(take["gas_coins"] > 0 and take["bonus"] > 0 for take in found["takes"])
    assert f'bulkhead_keeper_takes_total{{market="ETH"}} {market["takes"]:.1f}' in page
    shown = report("--journal", str(journal)).output
    assert "ETH: profit " in shown and "take at " in shown
    assert "a keeper has the journal" in str(busy.output or busy.exception).lower()


def test_report__nothing_there__is_a_sentence(tmp_path):
    (tmp_path / "rubbish").write_text("no journal at all, and long enough to be read as one")
    for words, sentence in (
        (("--journal", str(tmp_path / "none")), "There is no journal"),
        (("--journal", str(tmp_path / "rubbish")), "is no journal with books"),
        (("--at", "127.0.0.1:1"), "No keeper answers"),
    ):
        done = report(*words)
        assert done.exit_code != 0 and sentence in str(done.output or done.exception)


@pytest.mark.parametrize(
    ("fraction", "equity", "insured", "gain"),
    [(WAD, 50, 0, 30), (WAD // 2, 50, 0, 15), (WAD, 20, 0, 20), (WAD, -10, 0, -10), (WAD, -10, 40, 30)],
)
def test_take_gain__is_the_bonus_or_what_equity_and_insurance_leave(fraction, equity, insured, gain):
    assert take_gain(fraction, 30 * WAD // 100, 100 * WAD, equity * WAD, insured * WAD) == gain * WAD
