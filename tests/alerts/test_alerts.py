"""`bulkhead alerts run` on a real chain: what owners are told, when, and that nothing is lost."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path

import pytest

from bulkhead.alerts.notify import Notifier
from bulkhead.alerts.rules import load_rules
from bulkhead.alerts.state import State
from bulkhead.alerts.watch import Watch
from bulkhead.chain.local import LocalChain
from bulkhead.client.amounts import parse_expiry
from tests.alerts.conftest import Inbox
from tests.worlds.served_market import BOT, EXPIRY, MAKER, TRADER, ServedMarket

RULES = """
every = "12s"
notify = ["$PLACE"]
[[rule]]
when = "health"
below = 1.3
cooldown = "1h"
[[rule]]
when = "liquidation-distance"
below = 0.05
[[rule]]
when = "margin-call"
[[rule]]
when = "expiry"
within = "6h"
[[rule]]
when = "flag"
[[rule]]
when = "take"
"""


@pytest.fixture
def rules(tmp_path: Path, inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PLACE", inbox.place)
    path = tmp_path / "alerts.toml"
    path.write_text(RULES)
    return path


def watch(market: ServedMarket, rules: Path, state: Path | None = None) -> Watch:
    deployment = market.chain.deployment
    kept = State(state, deployment.chain_id, deployment.address("Clearinghouse")).load()
    return Watch(load_rules(rules), market.chain, kept, Notifier([]).tell)


def short_put(market: ServedMarket, deposit: int = 20, strike: int = 180) -> int:
    """A vault of the trader that sold a put, with little to spare."""
    maker, trader = market.client(MAKER), market.client(TRADER)
    desk = maker.vaults.open("ETH", deposit=5_000)
    bid = maker.orders.sign(desk, EXPIRY, [f"put:{strike}"], "buy", 6, 1, good_for=10**6)
    return trader.orders.fill(bid, size=1, deposit=deposit)


def crash(market: ServedMarket, price: int) -> None:
    LocalChain(market.chain).crash(market.chain.deployment.market("ETH"), Decimal(price))


def flag(market: ServedMarket, vault: int) -> None:
    bot = market.client(BOT)
    bot.signer.execute(market.chain["Liquidator"], "flag", vault)


def take(market: ServedMarket, vault: int) -> None:
    bot = market.client(BOT)
    into = bot.vaults.open("ETH", deposit=2_000)
    market.anvil.mine(market.anvil.rpc.timestamp() + 600)
    crash(market, 164)
    limits = (-(10**30), 0, 10**18, 0, 2**255)
    bot.signer.execute(market.chain["Liquidator"], "take", vault, 10**17, into, limits, 10**11, b"")


def test_look__calm_vault__tells_nothing(market: ServedMarket, rules: Path, inbox: Inbox) -> None:
    short_put(market, deposit=400)
    assert watch(market, rules).look() == [] and inbox.got == []


def test_look__through_a_crash__tells_each_thing_once_with_what_to_add(
    market: ServedMarket, rules: Path, inbox: Inbox
) -> None:
    vault = short_put(market)
    seen = watch(market, rules)
    seen.look()
    inbox.got.clear()
    crash(market, 186)
    seen.look()
    (title, lines), *_ = inbox.got
    assert len(inbox.got) == 1 and title == f"Bulkhead: {len(lines)} alerts"
    cures = {re.search(r"adding ([\d,.]+) USDC makes it healthy", line).group(1) for line in lines}
    assert len(cures) == 1 and {line.split(": ")[0] for line in lines} == {f"Vault {vault} (ETH)"}
    assert seen.look() == []
    crash(market, 165)
    flag(market, vault)
    seen.look()
    assert any("was flagged" in line for line in inbox.lines)
    take(market, vault)
    seen.look()
    assert any("of it was taken in its auction" in line for line in inbox.lines)


def test_cure__deposited_as_told__ends_the_margin_call_and_a_cent_less_does_not(
    market: ServedMarket, rules: Path, inbox: Inbox
) -> None:
    vault = short_put(market)
    crash(market, 186)
    watch(market, rules).look()
    line = next(line for line in inbox.lines if "margin-call" in line or "liquidatable" in line)
    amount = Decimal(re.search(r"adding ([\d,.]+) USDC", line).group(1).replace(",", ""))
    cent = Decimal("0.01")  # theta of the blocks between
    market.client(TRADER).vaults.deposit(vault, amount - cent)
    assert market.client(TRADER).vaults.get(vault).state != "healthy"
    market.client(TRADER).vaults.deposit(vault, 2 * cent)
    assert market.client(TRADER).vaults.get(vault).state == "healthy"


def test_event__within_the_cooldown__is_told_after_it(
    market: ServedMarket, rules: Path, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = short_put(market)
    seen = watch(market, rules)
    seen.look()
    crash(market, 170)
    flag(market, vault)
    seen.look()
    with_flag = sum("was flagged" in line for line in inbox.lines)
    trader = market.client(TRADER)
    trader.vaults.deposit(vault, 30)  # ends the flag
    crash(market, 120)
    flag(market, vault)
    seen.look()
    assert with_flag == sum("was flagged" in line for line in inbox.lines) == 1
    import time

    later = time.time() + 901
    monkeypatch.setattr(time, "time", lambda: later)
    seen.look()
    assert sum("was flagged" in line for line in inbox.lines) == 2


def test_place__that_refuses__is_told_at_the_next_look(market: ServedMarket, rules: Path, inbox: Inbox) -> None:
    short_put(market)
    crash(market, 186)
    inbox.open = False
    seen = watch(market, rules)
    assert seen.look() == [] and seen.state.waiting
    inbox.open = True
    assert seen.look() and inbox.lines and not seen.state.waiting


def test_restart__with_its_state__repeats_nothing_and_misses_no_event(
    market: ServedMarket, rules: Path, inbox: Inbox, tmp_path: Path
) -> None:
    vault, state = short_put(market), tmp_path / "state.json"
    crash(market, 186)
    watch(market, rules, state).look()
    told = len(inbox.lines)
    assert told and watch(market, rules, state).look() == []
    crash(market, 170)
    flag(market, vault)  # while nobody watches
    watch(market, rules, state).look()
    assert any("was flagged" in line for line in inbox.lines[told:])
    assert state.stat().st_mode & 0o077 == 0


def test_expiry__within_the_time_of_the_rule__is_told(market: ServedMarket, rules: Path, inbox: Inbox) -> None:
    short_put(market, deposit=400)
    LocalChain(market.chain).warp(parse_expiry(EXPIRY) - 5 * 3_600)
    watch(market, rules).look()
    assert any(re.search(r"expires in \d h", line) for line in inbox.lines), inbox.lines


def test_rule__of_another_owner_or_market__says_nothing(market: ServedMarket, rules: Path, inbox: Inbox) -> None:
    vault = short_put(market)
    crash(market, 186)
    maker = market.client(MAKER).address
    for narrow in (f'owner = "{maker}"', f"vaults = [{vault + 100}]"):
        rules.write_text(f'notify = ["$PLACE"]\n[[rule]]\nwhen = "margin-call"\n{narrow}\n')
        assert watch(market, rules).look() == []
    for narrow in (f'owner = "{market.client(TRADER).address}"', f"vaults = [{vault}]", 'market = "ETH"'):
        rules.write_text(f'notify = ["$PLACE"]\n[[rule]]\nwhen = "margin-call"\n{narrow}\n')
        assert len(watch(market, rules).look()) == 1


def test_price__not_fresh__is_said_and_no_health_made_up(market: ServedMarket, rules: Path, inbox: Inbox) -> None:
    short_put(market)
    market.anvil.mine(market.anvil.rpc.timestamp() + 30 * 3_600)
    watch(market, rules).look()
    assert inbox.lines and all("is not known: the price is not fresh" in line for line in inbox.lines)


def test_node__silent__is_told_after_the_time_of_the_rule(
    market: ServedMarket, rules: Path, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    import time

    from bulkhead.chain.errors import NodeUnavailable

    rules.write_text('notify = ["$PLACE"]\n[[rule]]\nwhen = "silence"\nafter = "5m"\n')
    seen = watch(market, rules)
    seen.look()
    monkeypatch.setattr(seen.chain.rpc, "block_number", lambda: (_ for _ in ()).throw(NodeUnavailable("no answer")))
    assert seen.look() == []
    later = time.time() + 301
    monkeypatch.setattr(time, "time", lambda: later)
    assert [message.text for message in seen.look()] == ["No vault was looked at for 5 min: no answer"]


def test_command__runs_looks_and_prints_json(market: ServedMarket, rules: Path, inbox: Inbox) -> None:
    short_put(market)
    crash(market, 186)
    done = market.run("alerts", "run", rules, "--looks", 1, "--json")
    assert done.exit_code == 0 and inbox.lines
    assert json.loads(done.stdout.split("\n}\n")[0] + "\n}")["when"] == "health"
    assert rules.with_suffix(".state.json").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Field required"),
        ("rule = []", "at least 1 item"),
        ('[[rule]]\nwhen = "flag"', "nobody is told"),
        ('notify = ["$NOBODY_HAS_THIS"]\n[[rule]]\nwhen = "flag"', "NOBODY_HAS_THIS holds no place"),
        ('notify = ["nonsense"]\n[[rule]]\nwhen = "flag"', "Apprise knows no place"),
        ('notify = ["x9://h"]\n[[rule]]\nwhen = "flag"', "scheme x9"),
        ('notify = ["$PLACE"]\n[[rule]]\nwhen = "moon"', "rule.1.when"),
        ('notify = ["$PLACE"]\n[[rule]]\nwhen = "health"', "needs `below`"),
        ('notify = ["$PLACE"]\n[[rule]]\nwhen = "flag"\nbelow = 1', "has no `below`"),
        ('notify = ["$PLACE"]\n[[rule]]\nwhen = "health"\nbelow = nan', "rule.1.below"),
        ('notify = ["$PLACE"]\n[[rule]]\nwhen = "liquidation-distance"\nbelow = 20', "a share of spot"),
        ('notify = ["$PLACE"]\n[[rule]]\nwhen = "expiry"\nwithin = "soon"', "no stretch of time"),
        ('notify = ["$PLACE"]\n[[rule]]\nwhen = "silence"\nafter = "5m"\nvaults = [1]', "about the node"),
        ('notify = ["$PLACE"]\n[[rule]]\nwhen = "flag"\nowner = "0x12"', "not an address"),
        ('notify = ["$PLACE"]\n[[rule]]\nwhen = "flag"\nmarket = "DOGE"', "DOGE"),
        ('notify = ["$PLACE"]\n[[rule]]\nwhen = "flag"\ncolour = "red"', "no such setting"),
        ('every = "0s"\nnotify = ["$PLACE"]\n[[rule]]\nwhen = "flag"', "`every` is 1 s"),
        ("= 1", "is not TOML"),
    ],
)
def test_rules__that_mean_nothing__are_one_sentence(
    market: ServedMarket, rules: Path, inbox: Inbox, text: str, said: str
) -> None:
    rules.write_text(text)
    done = market.run("alerts", "run", rules, "--looks", 1)
    assert done.exit_code != 0 and said in done.stderr and len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert inbox.got == []


def test_state__of_another_deployment_or_damaged__is_refused_and_kept(
    market: ServedMarket, rules: Path, inbox: Inbox, tmp_path: Path
) -> None:
    state = tmp_path / "state.json"
    for content in ("{", "[]", '{"chain_id": 1, "clearinghouse": "0x", "block": 1, "told": {}, "waiting": []}'):
        state.write_text(content)
        done = market.run("alerts", "run", rules, "--looks", 1, "--state", state)
        assert done.exit_code != 0 and str(state) in done.stderr
        assert state.read_text() == content
    done = market.run("alerts", "run", rules, "--looks", 1, "--state", tmp_path / "no" / "folder.json")
    assert done.exit_code != 0 and "cannot be written" in done.stderr
