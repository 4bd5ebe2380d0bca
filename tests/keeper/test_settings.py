"""Settings from file, environment and options; what cannot be used is a sentence."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from eth_account import Account

from bulkhead.chain import anvil
from bulkhead.chain.errors import BadInput
from bulkhead.cli.keeper import settings_of
from bulkhead.keeper.config import DEPLOYMENT, RPC, Settings, journal_path, load
from bulkhead.keeper.endpoints import listen_on
from bulkhead.keeper.policy import Limits, Policy
from bulkhead.keeper.price_sources import FileSource, HermesSource, RedStoneSource
from bulkhead.risk.words import WAD


def test_settings__file_environment_and_options__in_that_order(tmp_path, monkeypatch):
    file = tmp_path / "keeper.toml"
    file.write_text(
        'poll_seconds = 3.0\nroles = ["flag"]\nmin_bonus = "0.2"\n[[providers]]\nurl = "https://a.example/v2/k"\n'
    )
    monkeypatch.setenv("BULKHEAD_KEEPER_MIN_BONUS", "0.3")
    monkeypatch.setenv("BULKHEAD_KEEPER_POLL_SECONDS", "4")
    found = load(file, poll_seconds=5.0, roles=None)
    assert (found.poll_seconds, found.min_bonus, found.roles) == (5.0, Decimal("0.3"), ["flag"])
    assert found.policy.min_bonus == 3 * WAD // 10 and found.policy.roles == frozenset({"flag"})
    assert found.fees().share == WAD // 2


def test_settings__shards__each_vault_is_one_keepers(tmp_path):
    file = tmp_path / "keeper.toml"
    parts = []
    for shard in range(3):
        file.write_text(f"shard = {shard}\nshards = 3\n")
        parts.append({i for i in range(20) if load(file).policy.mine(i)})
    assert sum(map(len, parts)) == 20 and set.union(*parts) == set(range(20))
    file.write_text("")
    assert all(load(file).policy.mine(i) for i in range(20))


def refusal(folder: Path, content: str) -> str:
    """What is said about a file of settings that cannot be used."""
    file = folder / "keeper.toml"
    file.write_text(content)
    with pytest.raises(BadInput) as found:
        load(file)
    return str(found.value)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("roles = ['dance']", "There is no role 'dance'"),
        ("min_bonus = 2", "Setting min_bonus"),
        ("poll = 3", "There is no setting poll"),
        ("providers = []", "Setting providers"),
        ("[[providers]]\nurl = 'http://x'\nws = 'http://x'", "ws starts with ws://"),
        ("x = ", "is not TOML"),
        ("[[providers]]\nurl = 'ftp://x'", "starts with http"),
        ("[[providers]]\nurl = 'http://x:99999/key'", "names a host"),
        ("shard = 3\nshards = 3", "shard is below shards (3): they are counted from 0"),
        ("shard = 1", "shard is below shards (1)"),
        ("shard = -1\nshards = 3", "Setting shard"),
        ("shards = 0", "Setting shards"),
    ],
)
def test_settings__that_cannot_be_used__are_sentences(tmp_path, content, sentence):
    assert sentence in refusal(tmp_path, content)


def test_settings__secrets__come_from_environment_or_keystore_and_are_listed(tmp_path, monkeypatch):
    key = anvil.key(3)
    store = tmp_path / "key.json"
    store.write_text(json.dumps(Account.encrypt(key, "a long password", kdf="pbkdf2", iterations=2)))
    monkeypatch.setenv("BULKHEAD_KEYSTORE_PASSWORD", "a long password")
    monkeypatch.setenv("BULKHEAD_WEBHOOK", "https://hooks.example/services/T0KEN/abcdefgh12")
    found = load(None, keystore=store, providers=[
        {"url": "https://node.example/v2/my-api-key"}, {"url": "https://someuser:x@node.example/?key=in-the-query&v=2"},
    ])  # fmt: skip
    account = found.account()
    assert account.address == Account.from_key(key).address
    secrets = found.secrets([account])
    for secret in (key.removeprefix("0x"), "a long password", "my-api-key", "abcdefgh12", "someuser", "in-the-query"):
        assert secret in secrets
    monkeypatch.setenv("BULKHEAD_KEYSTORE_PASSWORD", "wrong")
    with pytest.raises(BadInput, match="cannot be opened"):
        found.account()


def test_journal_path__default__is_one_file_per_chain_and_account(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert journal_path(load(None), 10, "0xAbcdef0123").name == "keeper-10-abcdef01.sqlite"
    assert journal_path(load(None, journal="here.sqlite"), 10, "0xAbcdef0123").name == "here.sqlite"


def test_listen_on__host_and_port__or_a_sentence():
    assert listen_on("0.0.0.0:9100") == ("0.0.0.0", 9100) and listen_on(":0") == ("127.0.0.1", 0)
    with pytest.raises(BadInput, match="Setting listen: listen wants host:port"):
        load(None, listen="here")


def test_settings__environment_only__takes_lists_with_commas_or_as_json(monkeypatch):
    monkeypatch.setenv("BULKHEAD_KEEPER_ROLES", "flag, take")
    monkeypatch.setenv("BULKHEAD_KEEPER_PROVIDERS", "https://a.example/k1,https://b.example")
    found = load(None)
    assert found.roles == ["flag", "take"] and [p.url for p in found.providers] == [
        "https://a.example/k1", "https://b.example",
    ]  # fmt: skip
    monkeypatch.setenv("BULKHEAD_KEEPER_ROLES", '["poke"]')
    monkeypatch.setenv("BULKHEAD_KEEPER_PROVIDERS", '[{"url": "https://a.example", "ws": "wss://a.example"}]')
    found = load(None)
    assert found.roles == ["poke"] and found.providers[0].ws == "wss://a.example"
    monkeypatch.setenv("BULKHEAD_KEEPER_PROVIDERS", "[{")
    with pytest.raises(BadInput, match="Setting providers: "):
        load(None)


def test_settings__nodes_of_other_commands__do_not_replace_those_of_the_file(tmp_path, monkeypatch):
    monkeypatch.setenv("BULKHEAD_RPC_URL", "http://local.example")
    monkeypatch.setenv("BULKHEAD_DEPLOYMENT", "elsewhere")
    file = tmp_path / "keeper.toml"
    file.write_text(
        'deployment = "here"\n[[providers]]\nurl = "https://a.example"\n[[providers]]\nurl = "https://b.example"\n'
    )
    found = settings_of(file, (), {})
    assert found.deployment == "here" and [p.url for p in found.providers] == ["https://a.example", "https://b.example"]
    found = settings_of(None, (), {})
    assert found.deployment == "elsewhere" and [p.url for p in found.providers] == ["http://local.example"]


@pytest.mark.parametrize(
    ("elsewhere", "deployment"), [(None, DEPLOYMENT), ("", DEPLOYMENT), ("deployments/other", "deployments/other")]
)
def test_settings__deployment__is_that_of_the_other_commands_or_the_local_one(monkeypatch, elsewhere, deployment):
    monkeypatch.delenv("BULKHEAD_KEEPER_DEPLOYMENT", raising=False)
    monkeypatch.delenv("BULKHEAD_DEPLOYMENT", raising=False)
    if elsewhere is not None:
        monkeypatch.setenv("BULKHEAD_DEPLOYMENT", elsewhere)
    assert load(None).deployment == deployment


def test_settings__every_one__has_a_row_in_the_runbook(monkeypatch):
    runbook = (Path(__file__).parents[2] / "docs" / "keeper-runbook.md").read_text()
    table = runbook.split("| setting | default |")[1].split("\n\n")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", table, re.M))
    assert set(rows) == set(Settings.model_fields)
    for name in ("BULKHEAD_RPC_URL", "BULKHEAD_DEPLOYMENT"):
        monkeypatch.delenv(name, raising=False)
    found = load(None)
    for name, told in rows.items():
        value = getattr(found, name)
        shown = {"providers": RPC, "roles": "all", "dry_run": "false"}.get(name, str(value or "none"))
        shown = "0" if name in ("coin_price", "tip_floor_gwei") else shown
        assert told.strip().strip("`") == shown, name


def test_settings__none__are_the_policy_that_a_keeper_has_by_itself():
    """But for what it leaves free, and that it flags in batches."""
    policy = Policy()
    assert load(None).policy == replace(policy, keep_free=WAD // 10, flag_batch=8)
    # what no setting changes
    assert (policy.min_fraction, policy.spot_slack, policy.shard) == (WAD // 20, WAD // 50, (0, 1))
    assert policy.limits == policy.wallet_limits == Limits(0, 0, 0)


#: Setting -> the last number that it takes, and one that it refuses.
BOUNDS = [
    ("head_lag_blocks", 0, -1),
    ("min_bonus", 0, "-0.01"),
    ("min_bonus", 1, "1.01"),
    ("min_profit", 0, "-0.01"),
    ("min_tip", 0, "-0.01"),
    ("max_capital", 0, "-0.01"),
    # no take could pay the least gain
    ("max_capital", 1, "0.99"),
    ("keep_free", 0, "-0.01"),
    ("keep_free", "0.99", 1),
    ("max_delta", 0, "-0.01"),
    ("max_vega", 0, "-0.01"),
    ("max_notional", 0, "-0.01"),
    ("expiry_share", "0.01", 0),
    ("expiry_share", 1, "1.01"),
    ("own_health", 1, "0.99"),
    ("own_health", "1.75", "1.76"),
    ("own_target", 100, "100.01"),
    ("own_target", "1.45", "1.44"),
    ("stake", 0, "-0.01"),
    ("stake", 1, "1.01"),
    ("flag_batch", 1, 0),
    ("flag_batch", 32, 33),
    ("poll_seconds", 0.01, 0),
    ("tip_floor_gwei", 0, "-0.01"),
    ("tip_cap_gwei", 0, "-0.01"),
    ("gas_share", 0, "-0.01"),
    ("gas_share", 1, "1.01"),
    ("duty_cap_gwei", "0.01", 0),
    ("top_cap_gwei", "0.01", 0),
    ("coin_price", 0, "-0.01"),
    ("restart_seconds", 0, -1),
    ("cooldown_seconds", 0, -1),
    ("workers", 1, 0),
]


@pytest.mark.parametrize(("name", "last", "beyond"), BOUNDS)
def test_settings__number__is_taken_up_to_its_bound_and_refused_beyond(name, last, beyond):
    assert str(getattr(load(None, **{name: last}), name)) in (str(last), f"{last}.0")
    with pytest.raises(BadInput):
        load(None, **{name: beyond})


def test_settings__mistyped_variable__is_named(monkeypatch):
    monkeypatch.setenv("BULKHEAD_KEEPER_KEY_2", "the key of another keeper")
    load(None)
    monkeypatch.setenv("BULKHEAD_KEEPER_MINBONUS", "0.3")
    with pytest.raises(BadInput, match="BULKHEAD_KEEPER_MINBONUS is in the environment, but there is no such setting"):
        load(None)


PRICES = '[[prices]]\nmarket = "ETH"\n'
ID = "0x" + "ab" * 32


def test_settings__prices__become_sources_of_their_forms(tmp_path, monkeypatch):
    file = tmp_path / "keeper.toml"
    file.write_text(
        f'{PRICES}form = "hermes"\nurl = "https://prices.example/key-of-mine"\nfeed = "{ID}"\ntoken_env = "A_TOKEN"\n'
        f'{PRICES}form = "redstone"\nurl = "http://127.0.0.1:9"\nfeed = "ETH"\nrole = "fallback"\n'
        f'{PRICES}form = "file"\nurl = "prices.json"\n'
    )
    pyth, redstone, plain = load(file).prices
    assert (pyth.fee, redstone.fee, plain.fee) == (10**12, 0, 0)
    assert isinstance(redstone.source(), RedStoneSource) and isinstance(plain.source(), FileSource)
    with pytest.raises(BadInput, match="A_TOKEN holds no API key"):
        pyth.source()
    monkeypatch.setenv("A_TOKEN", "a-secret-token")
    assert isinstance(pyth.source(), HermesSource)
    hidden = load(file).secrets([Account.from_key(anvil.key(3))])
    assert {"a-secret-token", "key-of-mine"} <= set(hidden)
    monkeypatch.setenv("BULKHEAD_KEEPER_PRICES", json.dumps([{"market": "BTC", "form": "file", "url": "x"}]))
    assert [told.market for told in load(file).prices] == ["BTC"]
    monkeypatch.setenv("BULKHEAD_KEEPER_PRICES", "https://prices.example")
    with pytest.raises(BadInput, match=r"^Setting prices: prices is a JSON list here\.$"):
        load(None)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ('form = "file"', "prices.0.url: Field required"),
        ('form = "web"\nurl = "x"', "prices.0.form: Input should be 'hermes', 'redstone' or 'file'"),
        ('form = "hermes"\nurl = "prices.example"', "starts with http:// or https://"),
        ('form = "hermes"\nurl = "https://"', "names a host"),
        ('form = "hermes"\nurl = "https://x"\nfeed = "ETH"', "64 hexadecimal digits"),
        ('form = "redstone"\nurl = "https://x"', "RedStone's name of a price"),
        ('form = "redstone"\nurl = "https://x"\nfeed = "ETH"\nsigners = ["0x12"]', "'0x12' among the signers"),
        ('form = "file"\nurl = "x"\nfee_wei = -1', "prices.0.fee_wei"),
        ('form = "file"\nurl = "x"\nmaker = 1', "There is no setting prices.0.maker"),
        ('form = "file"\nurl = "x"\nrole = "sequencer"', "'primary' or 'fallback'"),
    ],
)
def test_settings__prices_that_cannot_be_used__are_one_sentence(tmp_path, content, sentence):
    said = refusal(tmp_path, PRICES + content)
    assert sentence in said and "\n" not in said


@pytest.mark.parametrize("redis", [True, False])
def test_settings__flags_in_batches__not_behind_a_redis(monkeypatch, redis):
    if redis:
        monkeypatch.setenv("BULKHEAD_REDIS_URL", "redis://localhost")
    assert load(None).policy.flag_batch == (1 if redis else 8)


@pytest.mark.parametrize("name", ["keystore", "password"])
def test_settings__keystore_that_cannot_be_opened__says_what_is_wrong(tmp_path, monkeypatch, name):
    monkeypatch.setenv("BULKHEAD_KEYSTORE_PASSWORD", "wrong")
    store = tmp_path / "key.json"
    if name == "password":
        store.write_text(json.dumps(Account.encrypt(anvil.key(3), "right", kdf="pbkdf2", iterations=2)))
    with pytest.raises(BadInput, match="No such file" if name == "keystore" else "PASSWORD is wrong"):
        load(None, keystore=store).account()


def test_settings__redis_that_is_none__is_a_sentence(monkeypatch):
    monkeypatch.setenv("BULKHEAD_REDIS_URL", "localhost:6379")
    with pytest.raises(BadInput, match="has to start with redis://"):
        _ = load(None).redis
