"""Brings a fresh local deployment to life: `ape run seed --url URL`.

Mints test tokens to the first accounts of Anvil's mnemonic, endows the insurance of each market, and lets one trader
buy a call and sell a put to one maker through signed orders, in a market that counts coins for coins. Local chains
only: the keys are public.
"""

from __future__ import annotations

import sys
from decimal import Decimal
from pathlib import Path

import click

from bulkhead import progress
from bulkhead.chain.anvil import CHAIN_ID, key
from bulkhead.chain.connection import Market, connect
from bulkhead.chain.errors import BulkheadError, WrongNetwork
from bulkhead.client import Bulkhead, to_native

ROOT = Path(__file__).resolve().parent.parent
DAY = 86_400
#: Accounts by role; the deployer is 0.
MAKER, TRADER, PROVIDER = 1, 2, 3


def next_friday(now: int) -> int:
    """The first Friday 08:00 UTC that is at least two days away [unix seconds]."""
    day = now // DAY + 2
    while day % 7 != 1:  # day 1 of the epoch was a Friday
        day += 1
    return day * DAY + 8 * 3600


def insure(client: Bulkhead, market: Market, amount: Decimal) -> None:
    """First-loss money for a market."""
    fund = client.chain["InsuranceFund"]
    native = to_native(amount, market.decimals)
    client.ensure_allowance(market, fund, native)
    client.signer.execute(fund, "deposit", market.index, native)


def seed(url: str, deployment: Path) -> None:
    """The command without its way of failing."""
    chain = connect(url, deployment)
    if chain.deployment.chain_id != CHAIN_ID:
        raise WrongNetwork(f"{chain.deployment.network} is not a local chain: the seed's keys are public.")
    maker, trader, provider = (Bulkhead(chain, key=key(index)) for index in (MAKER, TRADER, PROVIDER))
    expiry = next_friday(chain.rpc.timestamp())
    for symbol in chain.deployment.markets:
        market = chain.market(symbol)
        for client in (maker, trader, provider):
            client.signer.execute(market.token, "mint", client.address, to_native(1_000_000, market.decimals))
        spot = chain["OracleAdapter"].call("snapshot", market.index, expiry).spot // 10**18
        tick = Decimal(10)
        strike = (Decimal(spot) / tick).to_integral_value() * tick
        # what one contract is on, in the market's token
        one = Decimal(1 if market.inverse else spot)
        insurance = (50_000 * one / spot).quantize(Decimal("0.01"))
        insure(provider, market, insurance)
        desk = maker.vaults.open(symbol, deposit=20 * one)
        sold = maker.orders.sign(desk, expiry, [f"call:{strike}"], "sell", one / 20, 1)
        long_call = trader.orders.fill(sold, deposit=one)
        bought = maker.orders.sign(desk, expiry, [f"put:{strike}"], "buy", one / 20, 1)
        short_put = trader.orders.fill(bought, deposit=one)
        progress.clear()
        click.echo(f"{symbol}: spot {spot}, strike {strike}, insurance {insurance:,f} {market.currency}")
        for name, vault_id in (("maker", desk), ("long call", long_call), ("short put", short_put)):
            info = trader.vaults.get(vault_id)
            margin = f"equity {info.equity:,.4f}  MM {info.maintenance_margin:,.4f} {market.currency}"
            click.echo(f"  vault {vault_id:>3} {name:<10} {margin}  {info.state}")


@click.command()
@click.option("--url", envvar="BULKHEAD_RPC_URL", default="http://127.0.0.1:8545", show_default=True, help="Node.")
@click.option("--deployment", type=Path, default=ROOT / "deployments" / "local", help="Folder of addresses.json.")
def cli(url: str, deployment: Path) -> None:
    """Fund accounts, endow insurance and open first positions on a local chain."""
    try:
        seed(url, deployment)
    except BulkheadError as error:
        click.echo(f"seed: {error}", err=True)
        sys.exit(1)
