"""Several wallets of one keeper: who takes what, on one journal, and that nothing happens twice."""

from __future__ import annotations

import asyncio
import io
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from bulkhead.chain.errors import BadInput
from bulkhead.chain.lens import FLAGGED, LIQUIDATABLE
from bulkhead.chain.sender import account_from_key
from bulkhead.cli import main
from bulkhead.keeper.config import load
from bulkhead.keeper.decide import decide
from bulkhead.keeper.exposure import in_vaults, own_exposure, spendable
from bulkhead.keeper.journal import Journal
from bulkhead.keeper.json_log import JsonLog
from bulkhead.keeper.launch import WalletPlan, assemble, wallet_plans
from bulkhead.keeper.node import Node
from bulkhead.keeper.plan import Absorb, Flag, Take, TopUp
from bulkhead.keeper.policy import Limits, Policy
from bulkhead.keeper.report import of_journal
from bulkhead.keeper.service import Keeper
from bulkhead.keeper.shortages import shortages
from bulkhead.keeper.state import KeeperState, MarketView
from bulkhead.keeper.status import lines_of
from bulkhead.keeper.wallets import Wallet, Wallets
from bulkhead.replay.many_vaults import ManyVaults, Member
from bulkhead.replay.market import LocalMarket
from bulkhead.replay.price_paths.rounds import Round
from bulkhead.risk.words import WAD
from tests.keeper.states import CELL, KEEPER, MICRO, NOW, empty, quote, state, vault
from tests.keeper.test_faults import started
from tests.keeper.world import KEY, PATIENCE, RIVALS, World, lines, settle
from tests.worlds.local_market import EXPIRY, SPOT, START

SECOND = "0x" + "a2" * 20
BOTH = Policy(roles=frozenset({"flag", "take", "tend"}))
BAD = FLAGGED | LIQUIDATABLE
#: Vaults that are unsafe at once, and tokens of each wallet in it [quote].
UNSAFE, TOKENS = 24, 10**6


def wallets(*wanted: tuple[str, int, Limits], coins: int = 10**18) -> Wallets:
    """Wallets that send nothing: (address, capital, limits)."""
    found = []
    for address, capital, limits in wanted:
        sender = SimpleNamespace(address=address, balance=coins, pending=[], busy=lambda key, block: False)
        found.append(Wallet(sender, capital, limits))  # type: ignore[arg-type]
    return Wallets(found)


TWO = wallets((KEEPER, 0, Limits()), (SECOND, 0, Limits()))


def seen(scene: KeeperState, *tokens: int, of: Wallets = TWO, policy: Policy = BOTH) -> list[KeeperState]:
    """A state as each wallet sees it, with so many tokens each."""
    views = [{1: MarketView(1, 0, MICRO, n * 10**6, NOW)} for n in tokens]
    return of.states(replace(scene, markets=views[0]), policy, views)


def many(count: int) -> KeeperState:
    """So many flagged vaults, and an empty own vault of each wallet, with tokens."""
    bad = [vault(i, equity=90, status=BAD) for i in range(1, count + 1)]
    own = [replace(empty(100 + i, 10_000), owner=owner) for i, owner in enumerate((KEEPER, SECOND))]
    return state(*bad, *own, quotes={v.vault_id: quote(cash=240 * 10**6) for v in bad})


def takes(decided) -> dict[str, set[int]]:
    """Vaults that each wallet takes."""
    return {seen.keeper: {i for a in actions if isinstance(a, Take) for i in a.vault_ids} for seen, actions in decided}


# --- who takes what -------------------------------------------------------------------------------------------------


def test_wallets__several_flagged_vaults__are_shared_and_each_is_taken_by_one():
    decided = TWO.decide(seen(many(6), 10**6, 10**6), BOTH)
    found = takes(decided)
    assert found == {KEEPER: {2, 4, 6}, SECOND: {1, 3, 5}}
    # what one can do for all only the first does
    assert not [a for a in decided[1][1] if isinstance(a, Flag)]


@pytest.mark.parametrize(("tokens", "shares"), [((10**6, 0), (6, 0)), ((0, 10**6), (0, 6)), ((0, 0), (0, 0))])
def test_wallets__one_without_tokens__leaves_its_vaults_to_the_other(tokens, shares):
    scene = many(6)
    bare = replace(
        scene, vaults={i: replace(v, collateral=0, equity=0) if i >= 100 else v for i, v in scene.vaults.items()}
    )
    states = seen(bare, *tokens)
    steps = TWO.decide(states, BOTH)
    # an own vault without tokens gets them first: for all of its takes
    assert [sum(isinstance(a, TopUp) for a in actions) for _, actions in steps] == [int(s > 0) for s in shares]
    told = [kind for i, one in enumerate(states) for kind, _, _ in shortages(one, TWO.policy(BOTH, i))]
    assert told == ([] if any(tokens) else ["no-capital"])


def test_wallets__one_without_coins__takes_nothing():
    poor = wallets((KEEPER, 0, Limits()), (SECOND, 0, Limits()))
    poor.all[1].sender.balance = 0
    assert takes(poor.decide(seen(many(6), 10**6, 10**6, of=poor), BOTH)) == {KEEPER: {1, 2, 3, 4, 5, 6}, SECOND: set()}


def test_wallets__own_vault_of_another__is_neither_flagged_nor_taken_and_only_its_owner_tends_it():
    mine, sibling = (vault(i, owner=o, equity=90, status=LIQUIDATABLE) for i, o in ((7, KEEPER), (8, SECOND)))
    flagged = vault(9, owner=SECOND, equity=90, status=BAD)
    scene = state(mine, sibling, flagged, quotes={9: quote(cash=240 * 10**6)})
    decided = TWO.decide(seen(scene, 10**6, 10**6), BOTH)
    actions = [a for _, found in decided for a in found]
    assert not [a for a in actions if isinstance(a, Flag | Take)]
    tended = [[a.vault_id for a in found if isinstance(a, TopUp)] for _, found in decided]
    assert tended[0] == [7] and 8 in tended[1] and 7 not in tended[1]
    # without knowing that they are one keeper's, it would be
    assert [a for a in decide(replace(scene, keeper=KEEPER), BOTH) if isinstance(a, Flag) and a.vault_id == 8]


def test_wallets__capital_and_limits__hold_for_each_and_for_all():
    scene = many(4)
    bare = replace(scene, vaults={i: replace(v, collateral=0, equity=0, balance=0) if i >= 100 else v
                                  for i, v in scene.vaults.items()})  # fmt: skip
    free = [
        [a.amount for a in actions if isinstance(a, TopUp)] for _, actions in TWO.decide(seen(bare, 9999, 9999), BOTH)
    ]
    ((first,), (second,)) = free
    assert first == second
    # in all: what one has planned is no longer there for the other
    capped = replace(BOTH, max_capital=int(1.5 * first) * 10**12)
    got = [
        [a.amount for a in actions if isinstance(a, TopUp)] for _, actions in TWO.decide(seen(bare, 9999, 9999), capped)
    ]
    assert max(map(sum, got)) == first and sum(map(sum, got)) <= 1.5 * first
    # for each
    own = wallets((KEEPER, first * 10**12 // 2, Limits()), (SECOND, 0, Limits()))
    states = seen(bare, 9999, 9999, of=own)
    amounts = [[a.amount for a in actions if isinstance(a, TopUp)] for _, actions in own.decide(states, BOTH)]
    assert sum(amounts[0]) <= first // 2 and amounts[1] == [second]
    tight = wallets((KEEPER, 0, Limits()), (SECOND, 0, Limits(notional=WAD)))
    assert takes(tight.decide(seen(many(4), 9999, 9999, of=tight), BOTH)) == {KEEPER: {2, 4}, SECOND: set()}
    assert takes(TWO.decide(seen(many(4), 9999, 9999), replace(BOTH, limits=Limits(notional=WAD)))) == {
        KEEPER: set(), SECOND: set()
    }  # fmt: skip


def test_wallets__vault_that_one_takes__is_not_given_to_a_pool_by_another():
    scene = many(2)
    pools = {1: MarketView(1, 0, MICRO, 10**12, NOW, pool="0x" + "dd" * 20)}
    seen_at = scene.cells[CELL]
    cells = {CELL: replace(seen_at, liquidation=0, snapshot=replace(seen_at.snapshot, seconds=CELL[1] - NOW))}
    scene = replace(scene, cells=cells, quotes={i: replace(q, price=1) for i, q in scene.quotes.items()})
    policy = replace(BOTH, roles=BOTH.roles | {"absorb"})
    states = TWO.states(replace(scene, markets=pools), policy, [pools, pools])
    decided = TWO.decide(states, policy)
    assert takes(decided) == {KEEPER: {2}, SECOND: {1}}
    assert not [a for _, actions in decided for a in actions if isinstance(a, Absorb)]
    # it would be, were nobody taking it
    nobody = replace(states[0], left=frozenset({1, 2}))
    assert {a.vault_id for a in decide(nobody, policy) if isinstance(a, Absorb)} == {1, 2}
    flying = replace(nobody, taking=frozenset({1}))
    assert {a.vault_id for a in decide(flying, policy) if isinstance(a, Absorb)} == {2}


def test_exposure__what_is_on_its_way__counts_for_its_wallet_and_for_all():
    scene = seen(many(2), 9999, 9999)[0]
    flying = replace(scene, taking=frozenset({1, 101}), takers={1: SECOND.lower()})
    assert own_exposure(scene) == {}
    assert own_exposure(flying)[CELL].notional > 0 and own_exposure(flying, alone=True) == {}
    assert own_exposure(replace(flying, keeper=SECOND), alone=True)[CELL].notional > 0
    assert in_vaults(scene, 1) == 10**9 and in_vaults(scene, 1, alone=False) == 2 * 10**9
    assert spendable(replace(scene, committed={1: 10**9}), Policy(max_capital=4_000 * WAD), 1) == 10**9


# --- settings -------------------------------------------------------------------------------------------------------


@pytest.fixture
def keys(monkeypatch):
    for name, key in (("ONE_KEY", KEY), ("TWO_KEY", RIVALS[0])):
        monkeypatch.setenv(name, key)


def settings(folder: Path, *keys: str, more: str = "", top: str = 'journal = "j.sqlite"\n') -> Path:
    """A settings file with a wallet for each variable."""
    file = folder / "keeper.toml"
    file.write_text(top + "".join(f'[[wallets]]\nkey_env = "{key}"\n{more}' for key in keys))
    return file


def test_settings__wallets__are_accounts_with_limits_of_their_own(keys, tmp_path):
    found = load(settings(tmp_path, "ONE_KEY", "TWO_KEY", more='max_capital = "500"\nmax_vega = "7"\n'))
    plans = wallet_plans(found)
    assert [str(p.account.address) for p in plans] == [account_from_key(k).address for k in (KEY, RIVALS[0])]
    assert {p.capital for p in plans} == {500 * WAD} and plans[0].limits == Limits(vega=7 * WAD)
    assert all(key[2:] in found.secrets([p.account for p in plans]) for key in (KEY, RIVALS[0]))


@pytest.mark.parametrize(
    ("names", "more", "top", "sentence"),
    [
        (("ONE_KEY", "ONE_KEY"), "", 'journal = "j"\n', "Two of the wallets are one account"),
        (("ONE_KEY", "TWO_KEY"), "", "", "Several wallets share one journal"),
        (("ONE_KEY", "NO_KEY"), "", 'journal = "j"\n', "NO_KEY holds no private key"),
        (("ONE_KEY",), 'keystore = "k.json"\n', "", "either key_env or keystore"),
        (("ONE_KEY",), 'max_capital = "0.5"\n', "", "max_capital is below min_profit"),
        (("ONE_KEY",), 'most = "0.5"\n', "", "There is no setting wallets"),
    ],
)
def test_settings__wallets_that_cannot_be_used__are_sentences(keys, tmp_path, names, more, top, sentence):
    with pytest.raises(BadInput, match=sentence):
        wallet_plans(load(settings(tmp_path, *names, more=more, top=top)))


# --- on a chain -----------------------------------------------------------------------------------------------------


def funded(local: LocalMarket, key: str, tokens: int = TOKENS) -> None:
    """Gives an account tokens and coins."""
    mint, address = local.people["deployer"].signer, str(account_from_key(key).address)
    mint.forget_nonce()
    mint.execute(local.market.token, "mint", address, tokens * local.unit)
    local.anvil.set_balance(address, 10**20)


@pytest.fixture(scope="module")
def many_unsafe() -> Iterator[tuple[LocalMarket, ManyVaults]]:
    """A market in which many vaults have just become unsafe."""
    with LocalMarket("ETH", Round(START, SPOT)) as local:
        local.push(Round(START, SPOT))
        local.push(Round(START + 60, SPOT))
        found = ManyVaults(local, EXPIRY)
        found.open([Member(0, Decimal("1.12")) for _ in range(UNSAFE)])
        for key in (KEY, *RIVALS):
            funded(local, key)
        local.push(Round(START + 600, 178 * 10**8))
        yield local, found


async def kept(local: LocalMarket, journal: Path, keys: tuple[str, ...], stream: io.StringIO) -> Keeper:
    """A keeper with a wallet for each key."""
    plans = [WalletPlan(account_from_key(key)) for key in keys]
    nodes = [Node(local.anvil.url, timeout_seconds=30)]
    policy = replace(BOTH, min_bonus=WAD // 50, flag_batch=8)
    return await assemble(local.chain.deployment, nodes, plans, str(journal), JsonLog(stream), policy)


def test_keeper__three_wallets_and_many_unsafe_vaults__take_beside_each_other(many_unsafe, tmp_path):
    local, found = many_unsafe
    stream, journal = io.StringIO(), tmp_path / "journal.sqlite"
    keys = (KEY, *RIVALS)

    async def play() -> tuple[dict, list[int]]:
        keeper = await kept(local, journal, keys, stream)
        try:
            await settle(keeper)
            for _ in range(14):
                local.anvil.mine(local.now() + 60)
                await settle(keeper)
            await keeper.bookkeeper.keep(await keeper.providers.head())
            balances = [
                local.market.token.call("balanceOf", a) - books.wallet(local.market.index)
                for a, books in zip(keeper.wallets.addresses, keeper.observer.discovery.books, strict=True)
            ]
            return keeper.health.status(), balances
        finally:
            await keeper.close()

    status, brought = asyncio.run(play())
    logs = local.chain.logs()
    flags = [log.values.vault_id for log in logs if log.event == "VaultFlagged"]
    assert sorted(flags) == sorted(found.opened)
    by_taker: dict[str, list[int]] = {}
    for log in logs:
        if log.event == "VaultTaken":
            by_taker.setdefault(log.values.taker, []).append(log.values.vault_id)
    assert set(by_taker) == {str(account_from_key(key).address) for key in keys}
    everything = [i for ids in by_taker.values() for i in ids]
    assert sorted(everything) == sorted(found.opened) and max(map(len, by_taker.values())) <= UNSAFE * 2 // 3
    events = lines(stream)
    assert not [line for line in events if line["event"] in ("bug", "reverted")]
    assert {line["wallet"] for line in events if line["event"] == "sent"} == set(by_taker)
    # to the unit: what each wallet has is what was given and what its books say
    assert brought[1:] == [TOKENS * local.unit] * 2 and brought[0] >= TOKENS * local.unit
    assert (
        len(status["wallets"]) == 3
        and len([x for x in lines_of({**status, "details": {}}) if x.startswith("wallet ")]) == 3
    )
    told = of_journal(journal)["markets"]["ETH"]
    assert told["takes"] == UNSAFE and told["profit"] == pytest.approx(told["tips"] + told["realised"] + told["marked"])
    genesis = local.anvil.rpc.call("eth_getBlockByNumber", "0x0", False)["hash"]
    for address in by_taker:
        with Journal(journal, f"31337-{genesis}", address) as rows:
            attempts = rows.all()
            assert attempts and {a.account for a in attempts} == {address} and rows.accounts_in_flight() == []
            assert [a.nonce for a in attempts] == sorted({a.nonce for a in attempts})


def test_journal__two_keepers_with_other_wallets_of_it__refuse_each_other(scene, tmp_path):
    async def play() -> None:
        journal = tmp_path / "journal.sqlite"
        first = await kept(scene.local, journal, (KEY, RIVALS[0]), io.StringIO())
        try:
            with pytest.raises(BadInput, match="is it another keeper's"):
                await kept(scene.local, journal, (RIVALS[1], RIVALS[0]), io.StringIO())
        finally:
            await first.close()

    asyncio.run(play())


def test_keeper__wallet_left_out_of_the_settings_with_something_in_flight__is_told(place, tmp_path):
    async def play() -> None:
        journal, stream = tmp_path / "journal.sqlite", io.StringIO()
        first = await kept(place.scene.local, journal, (RIVALS[0], KEY), io.StringIO())
        place.scene.local.anvil.set_balance(str(account_from_key(RIVALS[0]).address), 10**20)
        place.crash()
        await first.tick()
        assert all(sender.pending for sender in first.wallets.senders)
        await first.close()
        second = await kept(place.scene.local, journal, (KEY,), stream)
        try:
            (told,) = [line for line in lines(stream) if line["event"] == "left-in-flight"]
            assert told["accounts"] == [str(account_from_key(RIVALS[0]).address)]
            assert [a.key for a in second.wallets.pending] and len(second.wallets.pending) == 1
        finally:
            await second.close()

    asyncio.run(play())


def test_keeper__two_wallets_killed_at_random_moments__send_nothing_twice(place: World, tmp_path, keys):
    local = place.scene.local
    place.scene.local.chain.deployment.save(tmp_path / "addresses.json")
    funded_by_hand(place, RIVALS[0])
    file = settings(tmp_path, "ONE_KEY", "TWO_KEY", top=(
        f'deployment = "{tmp_path}"\njournal = "{tmp_path / "journal.sqlite"}"\npoll_seconds = 0.01\n'
        f'roles = ["flag", "take", "tend"]\nmin_bonus = "0.05"\nproviders = [{{url = "{local.anvil.url}"}}]\n'
    ))  # fmt: skip
    command = [sys.executable, "-m", "bulkhead", "keeper", "run", "--config", str(file)]
    chance = random.Random(3)
    place.crash()
    for _ in range(5):
        with started(command) as process:
            time.sleep(chance.uniform(0.1, 0.5))
            process.send_signal(signal.SIGKILL)
        local.anvil.mine(local.now() + 30)
    with started(command) as process:
        # a second process, with the same settings, is refused while it runs
        other = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
        assert other.returncode != 0 and "is it another keeper's" in other.stderr
        deadline = time.monotonic() + PATIENCE
        while not place.unsafe <= {log.values.vault_id for log in place.chain.logs() if log.event == "VaultTaken"}:
            assert process.poll() is None and time.monotonic() < deadline
            local.anvil.mine(local.now() + 30)
            time.sleep(0.3)
        process.terminate()
        assert process.wait(timeout=PATIENCE) == 0
    logs = place.chain.logs(place.first + 1)
    assert sorted(log.values.vault_id for log in logs if log.event == "VaultFlagged") == sorted(place.unsafe)
    opened = [log.values.owner for log in logs if log.event == "VaultOpened"]
    assert len(opened) == len(set(opened))
    genesis = place.node.call("eth_getBlockByNumber", "0x0", False)["hash"]
    for key in (KEY, RIVALS[0]):
        address = str(account_from_key(key).address)
        with Journal(tmp_path / "journal.sqlite", f"31337-{genesis}", address) as rows:
            nonces = [a.nonce for a in rows.all()]
        on_chain = [nonce for _, _, nonce in place.transactions(address)]
        assert len(nonces) == len(set(nonces)) and set(on_chain) <= set(nonces)


def funded_by_hand(place: World, key: str) -> None:
    """As `funded`, where blocks come only by hand."""
    place.node.call("evm_setAutomine", True)
    funded(place.scene.local, key)
    place.node.call("evm_setAutomine", False)


def test_worker__several_wallets__is_a_sentence(scene, tmp_path, keys, monkeypatch):
    monkeypatch.setenv("BULKHEAD_REDIS_URL", "redis://127.0.0.1:1")
    file = settings(tmp_path, "ONE_KEY", "TWO_KEY")
    done = CliRunner().invoke(main, ["keeper", "worker", "0", "--config", str(file)])
    assert done.exit_code != 0 and "A worker has one account" in str(done.output) + str(done.exception)
