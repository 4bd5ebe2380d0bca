"""From settings to a running keeper."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TextIO

from eth_account.signers.local import LocalAccount

from bulkhead.chain import deployment as deployments
from bulkhead.chain.connection import Connection
from bulkhead.chain.deployment import Deployment
from bulkhead.chain.errors import BadInput, BulkheadError
from bulkhead.chain.rpc import Rpc
from bulkhead.keeper.config import Settings, journal_path, limits_of
from bulkhead.keeper.endpoints import listen_on
from bulkhead.keeper.executor import Executor, SenderExecutor
from bulkhead.keeper.fees import FeePolicy
from bulkhead.keeper.journal import Journal
from bulkhead.keeper.json_log import JsonLog
from bulkhead.keeper.node import Node
from bulkhead.keeper.offerer import Offerer
from bulkhead.keeper.policy import Limits, Policy
from bulkhead.keeper.preflight import check_start
from bulkhead.keeper.price_updater import FeedPlan
from bulkhead.keeper.providers import Providers
from bulkhead.keeper.schedule import Pace
from bulkhead.keeper.sender import Sender
from bulkhead.keeper.service import Keeper, Tick
from bulkhead.keeper.telemetry import Server
from bulkhead.keeper.wallets import Wallet
from bulkhead.keeper.watchdog import Watchdog
from bulkhead.keeper.webhook import Alerts

NO_SHARD = "Sharding needs the extra 'shard': run `make setup`, or pip install '.[shard]' ({})."
#: `--once` waits so long for the receipts of what it sent.
ONCE_SECONDS = 60.0


@dataclass(frozen=True)
class WalletPlan:
    """An account to be, and how far it may go alone.

    Attributes:
        account: The account.
        capital: Most tokens in its own vaults of one market, 0 for no limit [wad quote].
        limits: Most exposure of its own vaults.
    """

    account: LocalAccount
    capital: int = 0
    limits: Limits = Limits()


def offline(deployment: Deployment) -> Connection:
    """Contracts of a deployment for encoding and decoding: it has no node, so nothing can block on one."""
    return Connection(Rpc("offline://"), deployment)


async def coin_price(providers: Providers, chain: Connection, index: int) -> int:
    """Spot of a market [wad], 0 when it has no price or is none (-1)."""
    if index < 0:
        return 0
    head = await providers.head()
    (prices,) = await providers.read_each([chain["OracleAdapter"].query("snapshot", index, 0)], head.number)
    return 0 if isinstance(prices, BulkheadError) else int(prices.spot)


async def assemble(
    deployment: Deployment,
    nodes: list[Node],
    account: LocalAccount | Sequence[WalletPlan],
    journal: str,
    log: JsonLog,
    policy: Policy | None = None,
    fees: FeePolicy | None = None,
    coin_market: str = "ETH",
    head_lag: int = 2,
    alerts: Alerts | None = None,
    executor: Executor | None = None,
    dry_run: bool = False,
    pace: Pace | None = None,
    plans: Sequence[FeedPlan] = (),
) -> Keeper:
    """Verifies the nodes, opens the journal and puts a keeper together.

    Args:
        deployment: What it keeps.
        nodes: Its nodes.
        account: Its account, or several.
        journal: File of the journal, or ":memory:" for a keeper that need not survive.
        log: Where it writes.
        policy: What it does.
        fees: What it pays.
        coin_market: Market whose spot is the price of the native coin, when `fees` names none.
        head_lag: Blocks that a node may be behind.
        alerts: Whom it tells.
        executor: Who sends, when not its own sender.
        dry_run: Only say what it would do.
        pace: How often it does what.
        plans: What it brings to feeds of brought prices.

    Raises:
        BulkheadError: No node serves the deployment.
    """
    providers = Providers(nodes, deployment, head_lag)
    chain = offline(deployment)
    try:
        await providers.start()
        (first,) = await providers.read([("eth_getBlockByNumber", ("0x0", False))])
        if isinstance(first, BulkheadError):
            raise first
        name = f"{deployment.chain_id}-{first['hash'] if isinstance(first, dict) else 'unknown'}"
        paid, coin = fees or FeePolicy(), -1
        if not paid.coin_price:
            coin = next((m.index for m in deployment.markets.values() if m.symbol.upper() == coin_market.upper()), -1)
            paid = replace(paid, coin_price=await coin_price(providers, chain, coin))
        planned = [WalletPlan(account)] if isinstance(account, LocalAccount) else list(account)
        book = Journal(journal, name, str(planned[0].account.address))
    except BaseException:
        await providers.close()
        raise
    keeper = Keeper(
        chain, providers, wallets_of(planned, providers, book, paid, log), log, policy, alerts, executor, dry_run, pace,
        plans,
    )  # fmt: skip
    keeper.coin_market = coin
    if keeper.policy.unwind is not None and "unwind" in keeper.policy.roles:
        keeper.offerers = [
            Offerer(chain, providers, bytes(one.account.key), keeper.policy.unwind, log) for one in planned
        ]
    try:
        await keeper.observer.bringer.meet()
    except BaseException:
        await keeper.close()
        raise
    return keeper


def wallets_of(
    planned: Sequence[WalletPlan], providers: Providers, journal: Journal, fees: FeePolicy, log: JsonLog
) -> list[Wallet]:
    """Accounts as wallets, with what each has in flight by the journal of the first."""
    found: list[Wallet] = []
    for i, one in enumerate(planned):
        address = str(one.account.address)
        rows = journal.beside(address) if i else journal
        # one of several says which it is
        report = partial(log, wallet=address) if len(planned) > 1 else log
        found.append(Wallet(Sender(providers, one.account, rows, fees, report), one.capital, one.limits))
    strangers = set(journal.accounts_in_flight()) - {wallet.address for wallet in found}
    if strangers:
        log("left-in-flight", accounts=sorted(strangers), reason="the settings do not name them any more")
    return found


def wallet_plans(settings: Settings) -> list[WalletPlan]:
    """The accounts that settings name.

    Raises:
        BadInput: One cannot be opened.
    """
    accounts = settings.accounts()
    if not settings.wallets:
        return [WalletPlan(accounts[0])]
    return [
        WalletPlan(account, int(w.max_capital.scaleb(18)), limits_of(w.max_delta, w.max_vega, w.max_notional))
        for account, w in zip(accounts, settings.wallets, strict=True)
    ]


def feed_plans(settings: Settings, deployment: Deployment) -> list[FeedPlan]:
    """What the settings bring to which feeds.

    Raises:
        BulkheadError: A market is none of the deployment, or an API key is missing.
    """
    return [
        FeedPlan(
            market=deployment.market(told.market).index,
            symbol=deployment.market(told.market).symbol,
            source=told.source(),
            role=told.role,
            fee=told.fee,
            keep_fresh=told.keep_fresh_seconds,
        )
        for told in settings.prices
    ]


async def serve(settings: Settings, stream: TextIO, once: bool = False) -> Tick:
    """Runs a keeper until a signal, or for one tick.

    Raises:
        BulkheadError: It cannot start.
    """
    planned = wallet_plans(settings)
    log = JsonLog(stream, settings.secrets([one.account for one in planned]))
    deployment = deployments.load(settings.deployment)
    nodes = [Node(p.url, p.timeout_seconds, p.ws) for p in settings.providers]
    alerts = Alerts(settings.webhook, settings.cooldown_seconds, log)
    first = str(planned[0].account.address)
    journal = ":memory:" if settings.dry_run else str(journal_path(settings, deployment.chain_id, first))
    keeper = await assemble(
        deployment, nodes, planned, journal, log, settings.policy, settings.fees(), settings.coin_market,
        settings.head_lag_blocks, alerts, None, settings.dry_run, Pace(settings.poll_seconds),
        feed_plans(settings, deployment),
    )  # fmt: skip
    try:
        await check_start(keeper)
    except BaseException:
        await keeper.close()
        raise
    if settings.redis and not settings.dry_run:
        keeper.executor = queue_executor(settings, keeper)
    if once:
        try:
            done = await keeper.tick()
            await keeper.watch(ONCE_SECONDS)
            return done
        finally:
            await keeper.close()
    server: Server | None = None
    if settings.listen:
        server = Server(keeper.metrics, keeper.health, *listen_on(settings.listen))
        try:
            await server.start()
        except OSError as error:
            await keeper.close()
            raise BadInput(f"Nothing can be served on {settings.listen}: {error.strerror}.") from None
        log("listening", host=server.host, port=server.port)
    keeper.catch_signals()
    watchdog = Watchdog(keeper.health, settings.restart_seconds, log)
    watchdog.start()
    try:
        await keeper.run()
    finally:
        watchdog.stop()
        if server is not None:
            await server.stop()
    return keeper.last


def queue_executor(settings: Settings, keeper: Keeper) -> Executor:
    """An executor that shares the work with the workers behind a Redis.

    Raises:
        BadInput: The extra is not installed.
    """
    try:
        from bulkhead.keeper.shard import QueueExecutor
    except ImportError as error:
        raise BadInput(NO_SHARD.format(error)) from None
    return QueueExecutor(settings.redis, settings.workers, keeper.providers, SenderExecutor(keeper.wallets), keeper.log)


async def work(settings: Settings, stream: TextIO, index: int) -> None:
    """Runs one worker until a signal.

    Raises:
        BulkheadError: It cannot start.
    """
    if not settings.redis or not 0 <= index < settings.workers:
        raise BadInput(
            f"A worker needs a Redis in {settings.redis_env} and an index below {settings.workers} (setting workers)."
        )
    try:
        from bulkhead.keeper.shard import Worker
    except ImportError as error:
        raise BadInput(NO_SHARD.format(error)) from None
    (account, *others) = settings.accounts()
    if others:
        raise BadInput("A worker has one account: the setting wallets is for `bulkhead keeper run`.")
    log = JsonLog(stream, settings.secrets([account]))
    deployment = deployments.load(settings.deployment)
    nodes = [Node(p.url, p.timeout_seconds, p.ws) for p in settings.providers]
    path = str(journal_path(settings, deployment.chain_id, str(account.address)))
    alerts = Alerts(settings.webhook, settings.cooldown_seconds, log)
    keeper = await assemble(
        deployment, nodes, account, path, log, settings.policy, settings.fees(), settings.coin_market,
        settings.head_lag_blocks, alerts,
    )  # fmt: skip
    worker = Worker(settings.redis, index, keeper.providers, keeper.sender, log, alerts)
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, worker.stop)
    try:
        await worker.run(settings.poll_seconds)
    finally:
        await keeper.close()
