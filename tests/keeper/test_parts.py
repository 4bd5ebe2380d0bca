"""The keeper's parts on their own: fees, journal, log, settings, index, calls."""

from __future__ import annotations

import asyncio
import io
import itertools
import json
import re
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from eth_account import Account
from eth_utils import to_checksum_address

from bulkhead.chain import anvil
from bulkhead.chain.book import VaultRecord
from bulkhead.chain.deployment import Deployment
from bulkhead.chain.errors import BadInput, NodeUnavailable
from bulkhead.chain.lens import CellView
from bulkhead.chain.rpc import to_bytes, to_int
from bulkhead.chain.sender import account_from_key
from bulkhead.chain.words import Model, Terms
from bulkhead.cli.keeper import settings_of
from bulkhead.keeper.config import RPC, Settings, journal_path, listen_on, load
from bulkhead.keeper.fees import GWEI, FeePolicy
from bulkhead.keeper.index import GRID, SIGMA_DRIFT, TIME_DRIFT, Index, Shelf
from bulkhead.keeper.journal import MINED, OPEN, Attempt, Journal, Send
from bulkhead.keeper.log import JsonLog
from bulkhead.keeper.providers import Head, Node, Providers
from bulkhead.keeper.signing import Signer
from bulkhead.keeper.telemetry import LATE_BLOCKS, Health, Metrics
from bulkhead.risk import exact, margin
from bulkhead.risk.words import WAD, Kind, Leg, RiskWord, Snapshot

# --- fees -----------------------------------------------------------------------------------------------------------


def test_cap__share_of_the_gain__over_the_gas_it_needs():
    fees = FeePolicy(share=WAD // 2, coin_price=2000 * WAD, duty_cap=GWEI)
    # 100 quote are 0.05 coins, half of it over 130,000/1.3 gas
    assert fees.cap(100 * WAD, 130_000) == 25 * 10**15 // 100_000
    assert fees.cap(0, 130_000) == fees.duty_cap
    assert fees.cap(10**9 * WAD, 130_000) == fees.top_cap
    assert replace(fees, coin_price=0).cap(100 * WAD, 130_000) == fees.duty_cap


def test_first__cap_below_the_next_base_fee__does_not_send():
    fees = FeePolicy(tip=GWEI)
    assert fees.first(10 * GWEI, 100 * GWEI) == (21 * GWEI, GWEI)
    assert fees.first(10 * GWEI, 15 * GWEI) == (15 * GWEI, GWEI)
    assert fees.first(10 * GWEI, 12 * GWEI) is None


def test_bumped__both_fees__grow_by_an_eighth_and_follow_the_base_fee_up_to_the_cap():
    fees = FeePolicy(tip=GWEI)
    assert fees.bumped(16 * GWEI, 8 * GWEI, GWEI, 100 * GWEI) == (18 * GWEI, 9 * GWEI)
    assert fees.bumped(16 * GWEI, 8 * GWEI, 30 * GWEI, 100 * GWEI) == (61 * GWEI, 9 * GWEI)
    assert fees.bumped(16 * GWEI, 8 * GWEI, 90 * GWEI, 100 * GWEI) == (100 * GWEI, 9 * GWEI)
    assert fees.bumped(16 * GWEI, 8 * GWEI, GWEI, 17 * GWEI) is None


def test_sign__any_transaction__is_what_eth_account_makes():
    account = account_from_key(anvil.key(4))
    signer = Signer(account, 31337)
    for nonce, data, fee in ((0, b"", 1), (300, b"\x00\x01" * 40, 2**60), (2**40, b"\xff", 10**12)):
        raw, name = signer.sign("0x" + "0a" * 20, data, nonce, 90_000, fee, fee // 2)
        wanted = account.sign_transaction(
            {"type": 2, "chainId": 31337, "nonce": nonce, "gas": 90_000, "maxFeePerGas": fee, "value": 0, "data": data,
             "maxPriorityFeePerGas": fee // 2, "to": to_checksum_address("0x" + "0a" * 20)}
        )  # fmt: skip
        assert raw == bytes(wanted.raw_transaction) and name == "0x" + bytes(wanted.hash).hex()


# --- journal --------------------------------------------------------------------------------------------------------


def attempt(nonce: int = 3, **changed) -> Attempt:
    made = Attempt(f"id{nonce}", f"flag:{nonce}", "Liquidator.flag", "0x" + "11" * 20, b"\x01", 100_000, nonce,
                   2**90, OPEN, 7, fields={"vault_id": nonce})  # fmt: skip
    made.sends.append(Send(f"0x{nonce:064x}", b"raw", 2**70, 5, 7))
    for name, value in changed.items():
        setattr(made, name, value)
    return made


def test_journal__written__is_read_back_by_the_next_process(tmp_path):
    path = tmp_path / "deep" / "journal.sqlite"
    with Journal(path, "chain", "me") as first:
        one, two = attempt(), attempt(4)
        first.write([one, two])
        two.state, two.mined_block = MINED, 9
        one.sends.append(Send("0xbb", b"more", 2**71, 6, 8))
        first.write([one, two])
    with Journal(path, "chain", "me") as second:
        (found,) = second.open()
        assert (found.nonce, found.cap, found.fields) == (3, 2**90, {"vault_id": 3})
        assert [(s.raw, s.max_fee) for s in found.sends] == [(b"raw", 2**70), (b"more", 2**71)]
        assert [a.state for a in second.all()] == [OPEN, MINED]


def test_journal__other_chain_or_account__sees_nothing(tmp_path):
    path = tmp_path / "journal.sqlite"
    with Journal(path, "chain", "me") as mine:
        mine.write([attempt()])
    for chain, account in (("chain", "you"), ("anew", "me")):
        with Journal(path, chain, account) as other:
            assert other.open() == []


# --- log and settings -----------------------------------------------------------------------------------------------


def test_log__secrets__are_struck_out_wherever_they_hide():
    stream = io.StringIO()
    log = JsonLog(stream, ["deadbeefdeadbeef", "tiny"])
    log("event", reason="the key deadbeefdeadbeef leaked", data=b"\xde\xad\xbe\xef" * 2, words=["tiny"])
    text = stream.getvalue()
    assert "deadbeefdeadbeef" not in text and "tiny" in text
    assert json.loads(text)["reason"] == "the key *** leaked"


def test_log__secret_that_json_or_a_url_write_otherwise__is_struck_out():
    stream = io.StringIO()
    log = JsonLog(stream, ['pass"word\\ü', "key/with space"])
    log("event", reason='the pass"word\\ü', at="https://x.example/?k=key%2Fwith%20space", plain="key/with space")
    assert stream.getvalue().count("***") == 3


def test_log__disk_full__does_not_end_the_keeper():
    with Path("/dev/full").open("w") as stream:
        log = JsonLog(stream)
        log("event", reason="the disk is full")
        log("event", reason="and stays so")
        # what is left in the buffer cannot be flushed at the end either
        with pytest.raises(OSError, match="space"):
            stream.close()


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
    ],
)
def test_settings__that_cannot_be_used__are_sentences(tmp_path, content, sentence):
    file = tmp_path / "keeper.toml"
    file.write_text(content)
    with pytest.raises(BadInput, match=sentence.replace("(", "\\(")):
        load(file)


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
    secrets = found.secrets(account)
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
        shown = "0" if name == "coin_price" else shown
        assert told.strip().strip("`") == shown, name


def test_settings__mistyped_variable__is_named(monkeypatch):
    monkeypatch.setenv("BULKHEAD_KEEPER_KEY_2", "the key of another keeper")
    load(None)
    monkeypatch.setenv("BULKHEAD_KEEPER_MINBONUS", "0.3")
    with pytest.raises(BadInput, match="BULKHEAD_KEEPER_MINBONUS is in the environment, but there is no such setting"):
        load(None)


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


# --- nodes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("garbage", ["0xzz", 5, None, "12", "0x"])
def test_quantities__that_are_none__are_not_taken_for_numbers(garbage):
    with pytest.raises(NodeUnavailable):
        to_int(garbage)
    if garbage != "0x":
        with pytest.raises(NodeUnavailable):
            to_bytes(garbage)


@pytest.mark.parametrize("header", [None, {}, {"number": "0x1"}, [], "0x"])
def test_head__garbage__is_no_header(header):
    with pytest.raises(NodeUnavailable):
        Head.of(header)


def test_ranked__healthy_fast_and_level_nodes__come_first():
    nodes = [Node(f"http://node{i}.example/secret-path") for i in range(4)]
    providers = Providers(nodes, Deployment("x", 1, 0, "", {}), lag=2)
    for node in nodes:
        node.verified, node.head = True, 100
    slow, behind, broken, good = nodes
    slow.latency, behind.head = 0.5, 97
    broken.note(False, 0.0)
    good.latency = 0.1
    assert providers.ranked() == [good, slow, broken, behind]
    behind.verified = False
    assert behind not in providers.ranked()
    assert "secret-path" not in good.name


def test_health__blocks_without_a_finished_tick__is_a_complaint():
    health = Health(head=10, finished=10)
    assert health.complaint() == ""
    health.head = 10 + LATE_BLOCKS - 1
    assert health.complaint() == ""
    health.head = 10 + LATE_BLOCKS
    assert "3 blocks" in health.complaint()
    health = Health(head=10, finished=10)
    health.heard_at -= 60
    assert "no node has answered" in health.complaint()
    health = Health(head=10, finished=10, interval=1.0)
    health.news_at -= 60
    assert "no new block" in health.complaint()
    # blocks that come rarely: one that has just come is being looked at
    health = Health(head=11, finished=10)
    health.finished_at -= 60
    assert health.complaint() == ""
    health.news_at -= 60
    assert "no tick has finished" in health.complaint()


def test_dashboard__every_figure__is_one_that_the_keeper_serves():
    board = (Path(__file__).parents[2] / "deploy" / "grafana-keeper.json").read_text()
    served = Metrics().page().decode()
    names = set(re.findall(r"bulkhead_keeper_[a-z_]+", board))
    assert len(names) > 12 and [name for name in names if f"# TYPE {name.removesuffix('_bucket')} " not in served] == []


# --- index ----------------------------------------------------------------------------------------------------------

CELL = (1, 2_000_000)
SNAPSHOT = Snapshot(200 * WAD, 200 * WAD, 10 * 86400, 6 * 10**17, surface_near=7 * 10**17)
RISK = RiskWord()


def view(snapshot: Snapshot = SNAPSHOT) -> CellView:
    return CellView(CELL, snapshot, 0, 1, RISK.pack(), 0, 0, 6, 10**4, 0)


def record(vault_id: int, collateral: int, *legs: Leg) -> VaultRecord:
    terms = Terms(CELL[1], 0, 0, 0, 0, False)
    return VaultRecord(vault_id, "0x", 1, Model.ES, "0x", 0, 0, None, terms, collateral * 10**6, legs)


def vaults() -> dict[int, VaultRecord]:
    """Short puts, short calls and futures, from far to close to their edges."""
    found: dict[int, VaultRecord] = {}
    for i in range(60):
        strike = (120 + 4 * (i % 20)) * 10**8
        kind = (Kind.PUT, Kind.CALL, Kind.FUTURE)[i % 3]
        cash = Leg(Kind.CASH, 0, -200 * 10**6)
        legs = (Leg(kind, strike, -(10**6)),) if kind is not Kind.FUTURE else (Leg(kind, 0, 10**6), cash)
        found[i + 1] = record(i + 1, 10 + 3 * i, *legs)
    return found


def unsafe(records: dict[int, VaultRecord], snapshot: Snapshot) -> set[int]:
    """By the exact mirror."""
    found = set()
    for vault_id, vault in records.items():
        standing = margin.resolve(exact.assess(vault.legs, snapshot, RISK), vault.balance * 10**12, 0, RISK, snapshot)
        worst = exact.max_loss(vault.legs)
        covered = worst != exact.UNBOUNDED and vault.balance * 10**12 >= -worst
        if standing.equity < standing.maintenance_margin and not covered:
            found.add(vault_id)
    return found


def moved(share: float, **other: int) -> Snapshot:
    spot = int(SNAPSHOT.spot * (1 + share))
    return replace(SNAPSHOT, spot=spot, forward=spot, **other)


def test_index__any_move__leaves_no_unsafe_vault_out():
    index, records = Index(), vaults()
    for vault_id, vault in records.items():
        index.change(vault_id, vault)
    assert unsafe(records, SNAPSHOT) <= index.near({CELL: view()})
    asyncio.run(index.draw())
    assert index.drawn == 1 and not index.due
    revalued = index.revalued
    for share in (0.0, 0.004, -0.01, 0.025, -0.0299, 0.0299):
        near = index.near({CELL: view(moved(share))})
        assert unsafe(records, moved(share)) <= near
        # and it is an index: most vaults are left alone
        assert len(near) <= len(unsafe(records, moved(share))) + 12
    assert index.revalued == revalued, "small moves must not value the whole cell again"
    for share, more in ((-0.2, {}), (0.3, {}), (-0.001, {"sigma": 7 * 10**17}), (0.0, {"seconds": 8 * 86400})):
        assert unsafe(records, moved(share, **more)) <= index.near({CELL: view(moved(share, **more))})
    assert index.revalued == revalued + 4


def test_index__volatility_and_time_creep__leave_no_unsafe_vault_out():
    index, records = Index(), {}
    for i, (kind, strike, cushion) in enumerate(
        itertools.product((Kind.PUT, Kind.CALL), range(110, 300, 15), (1.0045, 1.01, 1.02, 1.025)), 1
    ):
        legs = (Leg(kind, strike * 10**8, -(10**6)),)
        bare = margin.resolve(exact.assess(legs, SNAPSHOT, RISK), 0, 0, RISK, SNAPSHOT)
        wanted = bare.maintenance_margin * cushion - bare.equity
        records[i] = replace(record(i, 0, *legs), balance=int(wanted / 10**12))
        index.change(i, records[i])
    assert not unsafe(records, SNAPSHOT)
    index.near({CELL: view()})
    asyncio.run(index.draw())
    revalued, tipped = index.revalued, 0
    for sigma, seconds, share in itertools.product((-1, 0, 1), (0, 1), (-0.003, 0.0, 0.003)):
        up = 1 + sigma * SIGMA_DRIFT * 0.99
        more = {"sigma": int(SNAPSHOT.sigma * up), "surface_near": int(SNAPSHOT.surface_near * up),
                "seconds": int(SNAPSHOT.seconds * (1 - seconds * TIME_DRIFT * 0.99))}  # fmt: skip
        wrong = unsafe(records, moved(share, **more))
        tipped += len(wrong)
        assert wrong <= index.near({CELL: view(moved(share, **more))})
    assert tipped > 50 and index.revalued == revalued


def test_index__vault_changed_after_the_grid__counts_as_it_is_now():
    index, records = Index(), vaults()
    for vault_id, vault in records.items():
        index.change(vault_id, vault)
    index.near({CELL: view()})
    asyncio.run(index.draw())
    near = index.near({CELL: view()})
    rich = next(i for i in records if i not in near and unsafe({i: replace(records[i], balance=1)}, SNAPSHOT))
    index.change(rich, replace(records[rich], balance=1))
    assert rich in index.near({CELL: view()})
    index.change(rich, records[rich])
    assert rich not in index.near({CELL: view()})
    index.change(rich, None)
    poor = next(iter(near))
    index.change(poor, None)
    assert poor not in index.near({CELL: view()}) and len(index) == len(records) - 2


def test_index__what_the_mirror_cannot_value__is_near():
    index = Index()
    index.change(1, record(1, 10**6, Leg(Kind.PUT, 150 * 10**8, -(10**6))))
    assert index.near({}) == {1}
    assert index.near({CELL: view(replace(SNAPSHOT, sigma=1))}) == {1} and index.problems
    static = replace(record(2, 10**6, Leg(Kind.CALL, 150 * 10**8, -(10**6))), model=Model.STATIC, terms=None)
    assert Shelf.of([replace(static, terms=None)], 6).unsafe(SNAPSHOT, RISK).all()
    assert max(GRID) < 1
