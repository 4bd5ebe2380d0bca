"""A market on brought prices, on a real node, with one honest bringer: vol is folded, and a window settles."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bulkhead.chain import anvil
from bulkhead.chain import price_messages as messages
from bulkhead.chain.connection import connect
from bulkhead.risk.feed_word import FeedWord
from bulkhead.risk.volatility import WAD, OracleWord, Realised, Round
from tests.worlds.pulled import EXPIRY, INSTANT, MINUTE, RIVAL, WINDOW, Bringing, PulledMarket, by_minutes, pulled

ROOT = Path(__file__).resolve().parents[2]
ROLES = ("bring", "poke", "fix", "settle", "claim", "flag")
#: Words of `OracleAdapter.market_words`.
SEEN, ANCHORS, VARIANCES = 4, 5, 6


def bring_the_best(market: PulledMarket, at: int) -> None:
    """Somebody who gains by a high price brings, before anybody else, the three highest signers of each minute."""
    _, body = market.service.answer(f"/data-packages/historical/local/{at * 1000}")
    best = sorted(body["ETH"], key=lambda package: package["dataPoints"][0]["value"])[-messages.THRESHOLD :]
    raw = []
    for package in best:
        value = round(package["dataPoints"][0]["value"] * 1e8)
        signed = messages.unsigned({"ETH": value}, at * 1000)
        number = messages.local_signers().index(package["signerAddress"])
        raw.append(signed + messages.local_signature(messages.local_keys()[number], signed))
    rival = market.people[RIVAL]
    rival.execute(market.adapter, "bring", at, messages.payload(raw))


def expected_variances(market: PulledMarket) -> int:
    """What the word of realised vol is by the mirror when it is folded from the honest sample of every ten minutes."""
    words = market.chain["OracleAdapter"].call("market_words", 1)
    listed_at, last = words[SEEN] >> 131, (words[ANCHORS] >> 228) * INSTANT
    first = Round(0, market.first_price * 10**10, listed_at)
    state = Realised.start(OracleWord().sigma_floor_bps * WAD // 10_000, first, listed_at)
    for at in range(listed_at // INSTANT * INSTANT + INSTANT, last + 1, INSTANT):
        state = state.fold_upto(market.honest(at) * 10**10, at)
    assert last >= market.now - 2 * INSTANT
    return state.variances.word()


@pytest.mark.parametrize(("form", "attacked"), [("redstone", True), ("redstone", False), ("pyth", False)])
def test_bring__one_honest_keeper__folds_vol_and_settles_at_the_average(form, attacked):
    with pulled(form) as market, Bringing(market, ROLES) as bringing:
        desk, bought = market.trade()

        def attack() -> None:
            at = market.now // MINUTE * MINUTE
            if attacked and market.sampled(at) is None:
                bring_the_best(market, at)

        by_minutes(market, EXPIRY + 12 * MINUTE, attack, bringing.settle_down)
        window = range(EXPIRY - WINDOW, EXPIRY, MINUTE)
        average = sum(market.honest(at) for at in window) * MINUTE * 10**10 // WINDOW
        price = market.chain["ExpiryPrices"].call("price", 1, EXPIRY)
        # within 1 bp of the reference asks for less: with all signers of every minute there it is the reference
        assert price == average and average > WAD
        path = sum(map(market.service.path, range(EXPIRY - WINDOW, EXPIRY))) * 10**10 // WINDOW
        print(f"{form}: {(price / path - 1) * 1e4:+.2f} bp of the path's own average")
        assert market.chain["OracleAdapter"].call("market_words", 1)[VARIANCES] == expected_variances(market)
        assert not market.trader.vaults.get(bought).legs and not market.maker.vaults.get(desk).legs
        assert FeedWord.unpack(market.chain["OracleAdapter"].call("market_words", 1)[0]).kind == 2
        assert not bringing.said("bug") and not bringing.said("alert") and not bringing.said("reverted")


@pytest.mark.parametrize("form", ["redstone", "pyth"])
def test_make_market__pulled__its_keeper_brings_what_its_service_signs(tmp_path, form):
    command = [sys.executable, "-m", "scripts.market", "--pull", form, "--deployment", str(tmp_path)]
    command += ["--port", str(anvil.free_port())]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        url = next(line for line in process.stdout if line.startswith("export BULKHEAD_RPC_URL=")).strip().split("=")[1]
        chain = connect(url, tmp_path)
        adapter = chain.pull_feed(chain.deployment.market("ETH").feeds[0])
        first, deadline = adapter.call("latestRoundData")[3], time.monotonic() + 180
        while adapter.call("latestRoundData")[3] == first:
            assert time.monotonic() < deadline, (tmp_path / "keeper.log").read_text()[-3000:]
            time.sleep(0.5)
        assert chain["OracleAdapter"].call("snapshot", 1, 0).status & 1
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0
        lines = [json.loads(line) for line in (tmp_path / "keeper.log").read_text().splitlines()]
        assert lines[-1]["event"] == "stopped" and not [line for line in lines if line["event"] == "bug"]
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(("said", "option"), [("PULL=1", "--pull redstone"), ("PULL=pyth", "--pull pyth"), ("", "")])
def test_make_market__as_typed__asks_for_the_form(said, option):
    # what is up to date is not made again
    command = ["make", "-n", "-o", ".build/setup.stamp", "market", *said.split()]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip().splitlines()[-1].strip() == f"python -m scripts.market --port 8545 {option}".strip()
