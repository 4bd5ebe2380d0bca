"""`bulkhead keeper rehearse` on a fork of a real Anvil: it acts there, earns there, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from bulkhead.chain import anvil
from bulkhead.chain.anvil import Anvil
from bulkhead.chain.connection import Connection
from bulkhead.chain.contract import read
from bulkhead.chain.errors import BadInput
from bulkhead.cli import main
from bulkhead.replay.rehearse import Shake
from bulkhead.replay.shaken import ShakenPrices, ShakenSurface
from bulkhead.risk import svi
from bulkhead.risk.feed_word import FeedKind
from bulkhead.risk.svi import SviSlice
from bulkhead.vol.surface import Surface
from tests.keeper.world import KEY, flagged
from tests.worlds.local_market import EXPIRY


def state_of(rpc: Any) -> tuple[Any, ...]:
    """What a chain's node could tell of an intruder."""
    head = rpc.block()
    return head["hash"], rpc.call("txpool_content"), rpc.chain_id


def anvils() -> set[int]:
    """Process ids of this test's Anvils."""
    mine = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    return {int(pid) for pid in mine if b"anvil" in Path(f"/proc/{pid}/cmdline").read_bytes()}


def options(scene, folder: Path) -> list[str]:
    """How the command finds the market."""
    scene.local.chain.deployment.save(folder / "addresses.json")
    return ["--rpc", scene.local.anvil.url, "--deployment", str(folder), "--key-env", "THE_KEY"]


def told(scene, folder: Path, *words: str) -> dict[str, Any]:
    """What it tells as JSON."""
    done = CliRunner().invoke(main, ["keeper", "rehearse", *options(scene, folder), *words, "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.output)


def test_rehearse__on_a_local_anvil__flags_takes_and_earns_there_and_changes_nothing_here(scene, tmp_path, monkeypatch):
    monkeypatch.setenv("THE_KEY", KEY)
    before, running = state_of(scene.local.anvil.rpc), anvils()
    wallet = scene.local.market.token.call("balanceOf", scene.local.people["keeper"].address)
    found = told(scene, tmp_path, "--fall", "0.2", "--minutes", "8", "--after", "12")
    assert state_of(scene.local.anvil.rpc) == before and anvils() == running and flagged(scene) == set()
    assert scene.local.market.token.call("balanceOf", scene.local.people["keeper"].address) == wallet
    vaults, market = found["vaults"], found["markets"]["ETH"]
    assert vaults["unsafe"] >= 2 and vaults["flagged"] >= 2 and vaults["taken"] >= 1
    assert vaults["longest_wait_blocks"] <= 1 and vaults["unsafe_without_a_flag"] == [] and found["bugs"] == []
    assert market["spot"]["first"] == 200 and market["spot"]["last"] == pytest.approx(160)
    assert market["sigma"]["most"] > market["sigma"]["first"]
    assert market["tips"] > 0 and market["takes"] == vaults["taken"] and market["bonus"] > 0
    assert found["gas"]["coins"] > 2 * found["gas"]["reverted_coins"]
    calls = [done["call"] for done in found["done"]]
    assert "Liquidator.take" in calls and any(call.startswith("Liquidator.flag") for call in calls)
    assert [done["block"] for done in found["done"]] == sorted(done["block"] for done in found["done"])
    assert not set(found["roles"]) & {"bring", "unwind"}


def test_rehearse__for_people__tells_the_same_in_sentences(scene, tmp_path, monkeypatch):
    monkeypatch.setenv("THE_KEY", KEY)
    log = tmp_path / "keeper.log"
    words = [*options(scene, tmp_path), "--fall", "0.11", "--minutes", "2", "--after", "2", "--keeper-log", str(log)]
    done = CliRunner().invoke(main, ["keeper", "rehearse", *words])
    assert done.exit_code == 0, done.output
    assert "ETH: spot 200.00 to 178.00" in done.output and "flags, longest wait" in done.output
    events = {json.loads(line)["event"] for line in log.read_text().splitlines()}
    assert {"tick", "sent", "mined"} <= events
    assert KEY[2:] not in log.read_text()


def test_rehearse__without_tokens__says_what_it_lacks(scene, tmp_path, monkeypatch):
    monkeypatch.setenv("THE_KEY", anvil.key(17))
    found = told(scene, tmp_path, "--fall", "0.11", "--minutes", "1", "--after", "8")
    assert found["vaults"]["flagged"] >= 2 and found["vaults"]["taken"] == 0
    assert any("No capital is left" in text for text in found["alerts"])


def test_rehearse__interrupted__leaves_no_process(scene, tmp_path):
    words = [sys.executable, "-m", "bulkhead", "keeper", "rehearse", *options(scene, tmp_path), "--minutes", "2000"]
    running = subprocess.Popen(words, env={**os.environ, "THE_KEY": KEY}, stderr=subprocess.PIPE, text=True)
    children = Path(f"/proc/{running.pid}/task/{running.pid}/children")
    deadline = time.monotonic() + 60
    while not (forks := children.read_text().split()):
        assert running.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    time.sleep(1)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=30)
    assert running.returncode != 0 and "Traceback" not in said
    assert not any(Path(f"/proc/{pid}").exists() for pid in forks)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--fall", "1"), "--fall is a share"),
        (("--minutes", "0", "--after", "0"), "together from 1 to 2880"),
        (("--minutes", "-5"), "are not negative"),
        (("--vol", "9"), "--vol is a factor"),
        (("--block-seconds", "0"), "--block-seconds is from 1"),
        (("--base-fee", "-1"), "--base-fee is not negative"),
        (("--fall", "nan"), "--fall is a share"),
        (("--keeper-log", "/"), "is a folder"),
        (("--rpc", "http://127.0.0.1:1"), "No node answers"),
    ],
)
def test_rehearse__bad_input__is_a_sentence(scene, tmp_path, monkeypatch, words, sentence):
    monkeypatch.setenv("THE_KEY", KEY)
    given = options(scene, tmp_path)
    if words[0] == "--rpc":
        given = given[2:]
    done = CliRunner().invoke(main, ["keeper", "rehearse", *given, *words])
    assert done.exit_code != 0 and sentence in str(done.output or "") + str(done.exception)


@pytest.fixture
def fork(scene):
    """A fork of the market's chain, and its contracts."""
    extra = ("--no-mining", "--no-storage-caching")
    with Anvil(accounts=0, block_seconds=None, extra=extra, fork=scene.local.anvil.url) as chain:
        yield chain, Connection(chain.rpc, scene.local.chain.deployment)


def test_shaken_prices__new_rounds_and_the_past__are_both_answered(scene, fork):
    chain, there = fork
    feed = there.aggregator(scene.local.feed.address)
    before = feed.call("latestRoundData")
    prices = ShakenPrices(chain, there, [scene.local.market.index])
    assert feed.call("latestRoundData") == before and feed.call("decimals") == 8
    now = chain.rpc.timestamp()
    for i, share in enumerate((0.9, 0.8)):
        prices.move(share, 1.0, now + 12 * (i + 1))
        chain.mine(now + 12 * (i + 1))
    newest = int(before[0]) + 2
    queries = [feed.query("latestRoundData"), *(feed.query("getRoundData", newest - i) for i in range(3))]
    latest, *history = read(chain.rpc, queries)
    assert latest == history[0] and [int(r[1]) for r in history] == [160 * 10**8, 180 * 10**8, int(before[1])]
    assert [int(r[3]) for r in history] == [now + 24, now + 12, int(before[3])]
    # a round to come is answered as the feed itself would
    with pytest.raises(Exception) as here:
        scene.local.feed.call("getRoundData", newest + 9)
    with pytest.raises(type(here.value)):
        feed.call("getRoundData", newest + 1)


def test_shaken_prices__of_a_feed_of_brought_prices__tell_their_width(scene, fork):
    chain, there = fork
    (feed,) = ShakenPrices(chain, there, [scene.local.market.index]).feeds
    brought = replace(feed, word=replace(feed.word, kind=FeedKind.BROUGHT), width=10**6)
    chain.rpc.batch_strict(brought.writes(0.5, 77))
    raw = chain.rpc.call("eth_call", {"to": feed.word.source, "data": "0xfeaf968c"}, "latest")
    words = [int(raw[2 + 64 * i : 66 + 64 * i], 16) for i in range(6)]
    assert len(raw) == 2 + 64 * 6 and words == [brought.newest, 100 * 10**8, 77, 77, brought.newest, 5 * 10**5]


def test_shaken_prices__feed_without_a_price__is_left_and_named(scene, fork):
    chain, there = fork
    source = scene.local.feed.address
    chain.rpc.call("anvil_setCode", source, "0x5f5ffd")
    prices = ShakenPrices(chain, there, [scene.local.market.index])
    assert prices.feeds == [] and [one.lower() for one in prices.silent] == [source.lower()]
    prices.move(0.5, 1.0, chain.rpc.timestamp() + 12)


def test_shaken_prices__live_surface__gets_louder_and_stays_live(scene, fork):
    chain, there = fork
    oracle, market, now = there["OracleAdapter"], scene.local.market.index, chain.rpc.timestamp()
    smile = SviSlice.from_floats(0.002, 0.01, -0.2, 0.0, 0.1)
    made = Surface(market, now, (EXPIRY, EXPIRY + 7 * 86_400), (smile, smile))
    word = now | (now + 600) << 32 | 500_000_000 << 124 | 9_000 << 164 | 4_000 << 180
    ShakenPrices(chain, there, [])  # nothing to do, nothing in whose name
    setter = ShakenSurface(made, word, 600).at(now, 1.0)
    surface = there["VolSurface"].address
    chain.set_balance(surface, 10**20)
    chain.rpc.call("anvil_impersonateAccount", surface)
    chain.send_as(surface, oracle.address, oracle.encode("set_surface", market, *setter), 3_000_000)
    chain.mine(now + 12)
    prices = ShakenPrices(chain, there, [market])
    assert market in prices.surfaces
    for at in (now + 72, now + 672):
        prices.move(1.0, 1.5, at)
        chain.mine(at)
        told = oracle.call("surface", market)
        assert told.word & 2**32 - 1 == at and told.word >> 32 & 2**32 - 1 == at + 600
        before = SviSlice.unpack(svi.scale(smile.pack(), EXPIRY - at, EXPIRY - now))
        after = SviSlice.unpack(told.slices[0] & 2**224 - 1)
        assert after.a == pytest.approx(before.a * 2.25, abs=2) and after.b == pytest.approx(before.b * 2.25, abs=2)
        assert (after.rho, after.m, after.sigma) == (smile.rho, smile.m, smile.sigma)


def test_shake__way__is_even_and_ends():
    shake = Shake(minutes=10, after=5)
    assert [shake.way(s) for s in (0, 300, 600, 900)] == [0, 0.5, 1, 1] and shake.seconds == 900
    assert Shake(minutes=0, after=5).way(0) == 1
    with pytest.raises(BadInput):
        Shake(fall=1.0)
