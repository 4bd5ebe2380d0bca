"""The command line: `bulkhead demo`, `replay`, `calibrate`, `keeper run`, `vault`, `order`, `markets`.

Whatever a user can get wrong ends in one sentence and a non-zero exit; only a bug shows a traceback.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from bulkhead import orders
from bulkhead.chain import reasons
from bulkhead.chain.connection import Connection, connect
from bulkhead.chain.errors import BadInput, BulkheadError
from bulkhead.chain.lens import read_cells
from bulkhead.chain.parameters import PARAMETERS
from bulkhead.chain.sender import Sender, account_from_key
from bulkhead.chain.words import describe
from bulkhead.client import Bulkhead, SignedOrder, VaultInfo, parse_expiry, to_quantity, to_strike
from bulkhead.governance import Governance
from bulkhead.keeper.command import keeper
from bulkhead.maker.ladder import Style
from bulkhead.operators import Permission
from bulkhead.replay.history import read_history
from bulkhead.risk import calibration
from bulkhead.risk.svi import total_variance_float
from bulkhead.vol import options
from bulkhead.vol import surface as surfaces
from bulkhead.vol.fit import fit_chain
from bulkhead.vol.publish import plan, publish
from bulkhead.vol.report import write as write_vol_report

if TYPE_CHECKING:
    from bulkhead.replay.run import Plot

# what runs chains, keepers and servers is imported by its own command: the others start in half the time
DEPLOYMENT = "deployments/local"
RPC = "http://127.0.0.1:8545"


class Amount(click.ParamType):
    """A decimal number."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        """The number, or a usage error."""
        try:
            found = Decimal(str(value))
        except InvalidOperation:
            found = Decimal("nan")
        if not found.is_finite():
            self.fail(f"{value!r} is not a number.", param, ctx)
        return found


class Sentences(click.Group):
    """A group that turns expected failures into a sentence and exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command."""
        try:
            return super().invoke(ctx)
        except BulkheadError as error:
            click.echo(f"error: {error}", err=True)
            ctx.exit(1)
        except orders.OrderError as error:
            click.echo(f"error: The order is not valid: {error}.", err=True)
            ctx.exit(1)


@click.group(cls=Sentences, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="bulkhead")
def main() -> None:
    """Bulkhead: isolated-margin options, every position its own collateral vault."""


main.add_command(keeper)


Command = Callable[..., Any]


def chain_options(command: Command) -> Command:
    """Options of everything that talks to a deployment."""
    for option in (
        click.option(
            "--rpc", envvar="BULKHEAD_RPC_URL", default=RPC, show_default=True, show_envvar=True, help="URL of a node.",
        ),
        click.option(
            "--deployment", envvar="BULKHEAD_DEPLOYMENT", default=DEPLOYMENT, show_default=True, show_envvar=True,
            help="addresses.json or its folder.",
        ),
    ):  # fmt: skip
        command = option(command)
    return command


def key_option(command: Command) -> Command:
    """Names the environment variable that holds the private key; a key is never an argument."""
    return click.option(
        "--key-env", default="BULKHEAD_KEY", show_default=True, help="Environment variable with the private key."
    )(command)


def _key(name: str) -> str:
    key = os.environ.get(name)
    if not key:
        raise BadInput(f"The environment variable {name} holds no private key; set it, or name another with --key-env.")
    return key


def _client(rpc: str, deployment: str, key_env: str | None = None) -> Bulkhead:
    return Bulkhead(rpc, deployment, _key(key_env) if key_env is not None else None)


def _sender(chain: Connection, key_env: str) -> Sender:
    return Sender(chain.rpc, account_from_key(_key(key_env)))


# --- demo and replay --------------------------------------------------------------------------------------------


def _plot(data: str | None, asset: str | None, symbol: str) -> Plot:
    from bulkhead.replay import scenario
    from bulkhead.replay.bars import read_bars
    from bulkhead.replay.run import Plot

    if data is None:
        return Plot.of(scenario.bars(), scenario.LABEL, "ETH")
    return Plot.of(read_bars(data, asset, prefer=symbol), f"prices from {Path(data).name}", symbol)


@main.command()
@click.option("--data", help="OHLC file (.csv or .csv.gz) instead of the bundled scenario.")
@click.option("--asset", help="Prefix of the price columns, when the file has several.")
@click.option("--symbol", default="ETH", show_default=True, help="Name of the market.")
@click.option("--report", type=Path, default=Path("out/demo.html"), show_default=True, help="HTML report to write.")
@click.option("--keeper-log", type=Path, help="File for the keeper's log lines.")
@click.option("--ape/--no-ape", default=True, help="Deploy with Ape, or over plain JSON-RPC.")
def demo(data: str | None, asset: str | None, symbol: str, report: Path, keeper_log: Path | None, ape: bool) -> None:
    """A market on an Anvil of its own through a crash, with a keeper process, to the last claim."""
    from bulkhead.demo import Options, play

    # a log file has no width of its own
    console = Console() if sys.stdout.isatty() else Console(width=132)
    play(_plot(data, asset, symbol), Options(report, keeper_log, ape), console)


@main.command()
@click.argument("file", required=False)
@click.option("--asset", help="Prefix of the price columns, when the file has several.")
@click.option("--symbol", default="ETH", show_default=True, help="Name of the market.")
@click.option("--json", "json_path", type=Path, help="File for the outcome per vault and the totals.")
@click.option("--report", type=Path, help="HTML report to write.")
@click.option("--keeper-log", type=Path, help="File for the keeper's log lines.")
def replay(
    file: str | None,
    asset: str | None,
    symbol: str,
    json_path: Path | None,
    report: Path | None,
    keeper_log: Path | None,
) -> None:
    """Replay prices (FILE, or the bundled scenario) through the real contracts on an Anvil of its own."""
    from bulkhead.keeper.log import JsonLog
    from bulkhead.replay.run import InlineKeeper, run
    from bulkhead.report import write

    plot = _plot(file, asset, symbol)
    with (keeper_log or Path(os.devnull)).open("w") as stream:
        record = run(plot, lambda stage: InlineKeeper(stage, JsonLog(stream)))
    if json_path is not None:
        json_path.parent.mkdir(parents=True, exist_ok=True)
        json_path.write_text(json.dumps(record.to_json(), indent=1) + "\n")
    if report is not None:
        write(record, report)
    taken = [v for v in record.vaults if v.takes]
    click.echo(
        f"{len(plot.rounds)} rounds, {len(record.vaults)} vaults, {len(taken)} taken over, insurance used "
        f"{record.amount(record.totals['insurance_used']):,.2f}, conservation difference "
        f"{record.totals['conservation_difference']} native units, {record.seconds:.0f} s"
    )
    for check in record.checks:
        click.echo(f"{'passed' if check.passed else 'FAILED'}  {check.name}: {check.detail}")
    if not record.passed:
        raise BulkheadError("The replay ran, but not every check passed.")


@main.command()
@click.argument("file", required=False)
@click.option("--asset", help="Prefix of the price columns, when the file has several.")
@click.option("--vaults", type=click.IntRange(1, 5000), default=300, show_default=True, help="Vaults of the crowd.")
@click.option("--hours", type=float, default=0.0, help="Only the stretch of so many hours with the deepest fall.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of the crowd's cushions.")
@click.option("--keeper-log", type=Path, help="File for the keeper's log lines.")
def drill(file: str | None, asset: str | None, vaults: int, hours: float, seed: int, keeper_log: Path | None) -> None:
    """Hundreds of vaults in a crash (FILE, or the bundled scenario) with the keeper: what was missed, late, wasted?"""
    from bulkhead.replay import scenario
    from bulkhead.replay.bars import read_bars
    from bulkhead.replay.drill import run_drill, window

    bars = read_bars(file, asset, prefer="ETH") if file is not None else scenario.bars()
    with (keeper_log or Path(os.devnull)).open("w") as stream:
        found = run_drill(window(bars, hours), vaults, stream, seed, lambda text: click.echo(text, err=True))
    for line in found.lines():
        click.echo(line)
    if not found.passed:
        raise BulkheadError(f"Missed: {found.missed}; late: {found.late}; gas reverted: {found.gas_reverted}.")


# --- vaults -----------------------------------------------------------------------------------------------------


@main.command()
@click.argument("files", nargs=-1, required=True, type=Path)
@click.option("--hours", default=14, show_default=True, type=click.IntRange(1, 48), help="Length of a return.")
@click.option("--half-life", default=calibration.HALF_LIFE_HOURS, show_default=True, help="Of the vol forecast, hours.")
@click.option("--asset", help="Prefix of the price columns, when a CSV file has several.")
@click.option("--json", "as_json", is_flag=True, help="JSON instead of a table.")
def calibrate(files: tuple[Path, ...], hours: int, half_life: float, asset: str | None, as_json: bool) -> None:
    """Scenario nodes and probabilities from FILES of hourly bars, beside the defaults.

    The returns of all files are standardised by an exponentially weighted vol and pooled; a node is the mean of its
    bin. Nothing is written anywhere: nodes belong to an engine's deployment.
    """
    histories = [read_history(file, asset) for file in files]
    try:
        parts = [history.returns(hours, half_life) for history in histories]
        found = calibration.nodes_of(np.concatenate(parts))
    except ValueError as error:
        raise BadInput(str(error)) from None
    source = [
        f"{h.name}: {len(part):,} returns of {hours} h, {datetime.fromtimestamp(h.at[0], UTC):%Y-%m-%d} to "
        f"{datetime.fromtimestamp(h.at[-1], UTC):%Y-%m-%d}"
        for h, part in zip(histories, parts, strict=True)
    ]
    if as_json:
        click.echo(json.dumps({"source": source, "half_life_hours": half_life, "nodes": [asdict(n) for n in found]}))
        return
    table = Table(box=None, title=f"standardised by an EWMA with a half-life of {half_life:g} h")
    for name in ("p", "returns", "z", "default z", "difference"):
        table.add_column(name, justify="right")
    for node, usual in zip(found, calibration.defaults(), strict=True):
        table.add_row(f"{node.p:g}", f"{node.count:,}", f"{node.z:+.2f}", f"{usual.z:+.2f}", f"{node.z - usual.z:+.2f}")
    Console(width=max(Console().width, 80)).print(table)
    for name, side in (("down", -1), ("up", 1)):
        mine, usual_mean = (calibration.tail_mean(n, 0.01, side) for n in (found, calibration.defaults()))
        click.echo(f"mean of the worst 1 % {name}: {mine:+.2f}, by default {usual_mean:+.2f}")
    for line in source:
        click.echo(line)


@main.group()
def vault() -> None:
    """Open, fund, close and inspect vaults."""


def _vault_json(info: VaultInfo) -> dict[str, Any]:
    found = {name: str(value) if isinstance(value, Decimal) else value for name, value in asdict(info).items()}
    found["legs"] = [describe(leg) for leg in info.legs]
    return found


def _expiry(at: int) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M}" if at else "-"


@vault.command("show")
@click.argument("vault_id", type=int)
@chain_options
@click.option("--json", "as_json", is_flag=True, help="JSON instead of text.")
def vault_show(vault_id: int, rpc: str, deployment: str, as_json: bool) -> None:
    """One vault: collateral, legs, margins, health."""
    info = _client(rpc, deployment).vaults.get(vault_id)
    if as_json:
        click.echo(json.dumps(_vault_json(info), indent=2))
        return
    table = Table(box=None, show_header=False)
    health = "no margin needed" if info.health is None else f"{info.health:.4f}"
    for name, value in (
        ("vault", str(info.vault_id)),
        ("owner", info.owner),
        ("market", info.market),
        ("model", info.model),
        ("expiry", _expiry(info.expiry)),
        ("custody", info.custody),
        ("collateral", f"{info.collateral:,.6f}"),
        ("value of the legs", f"{info.value:,.6f}"),
        ("equity", f"{info.equity:,.6f}"),
        ("maintenance margin", f"{info.maintenance_margin:,.6f}"),
        ("initial margin", f"{info.initial_margin:,.6f}"),
        ("health", health),
        ("state", info.state + ("" if info.priced else " (the price is not fresh)")),
        ("legs", ", ".join(describe(leg) for leg in info.legs) or "none"),
    ):
        table.add_row(name, value)
    Console().print(table)


@vault.command("list")
@click.option("--owner", help="Only vaults of this address.")
@chain_options
@click.option("--json", "as_json", is_flag=True, help="JSON instead of a table.")
def vault_list(owner: str | None, rpc: str, deployment: str, as_json: bool) -> None:
    """All open vaults."""
    found = _client(rpc, deployment).vaults.list(owner)
    if as_json:
        click.echo(json.dumps([_vault_json(info) for info in found], indent=2))
        return
    table = Table(box=None)
    for name in ("vault", "owner", "market", "expiry", "equity", "MM", "health", "state", "legs"):
        table.add_column(name)
    for info in found:
        table.add_row(
            str(info.vault_id), info.owner, info.market, _expiry(info.expiry), f"{info.equity:,.2f}",
            f"{info.maintenance_margin:,.2f}", "-" if info.health is None else f"{info.health:.2f}", info.state,
            ", ".join(describe(leg) for leg in info.legs),
        )  # fmt: skip
    Console().print(table)


@vault.command("open")
@click.option("--market", default="ETH", show_default=True, help="Symbol.")
@click.option("--deposit", type=Amount(), default="0", show_default=True, help="Quote tokens to put in.")
@click.option("--model", default="ES", show_default=True, help="ES, GREEKS or STATIC.")
@chain_options
@key_option
def vault_open(market: str, deposit: Decimal, model: str, rpc: str, deployment: str, key_env: str) -> None:
    """Open an empty vault."""
    click.echo(_client(rpc, deployment, key_env).vaults.open(market, deposit, model))


@vault.command("deposit")
@click.argument("vault_id", type=int)
@click.argument("amount", type=Amount())
@chain_options
@key_option
def vault_deposit(vault_id: int, amount: Decimal, rpc: str, deployment: str, key_env: str) -> None:
    """Put quote tokens into a vault."""
    click.echo(_client(rpc, deployment, key_env).vaults.deposit(vault_id, amount).hash)


@vault.command("withdraw")
@click.argument("vault_id", type=int)
@click.argument("amount", type=Amount())
@chain_options
@key_option
def vault_withdraw(vault_id: int, amount: Decimal, rpc: str, deployment: str, key_env: str) -> None:
    """Take collateral out of a vault."""
    click.echo(_client(rpc, deployment, key_env).vaults.withdraw(vault_id, amount).hash)


@vault.command("close")
@click.argument("vault_id", type=int)
@chain_options
@key_option
def vault_close(vault_id: int, rpc: str, deployment: str, key_env: str) -> None:
    """End a vault without legs; its tokens come home."""
    click.echo(_client(rpc, deployment, key_env).vaults.close(vault_id).hash)


@vault.command("split")
@click.argument("vault_id", type=int)
@click.argument("legs", nargs=-1, required=True)
@click.option("--size", type=Amount(), default="1", show_default=True, help="Packages of the legs.")
@click.option("--cash", type=Amount(), default="0", show_default=True, help="Quote tokens that go along.")
@chain_options
@key_option
def vault_split(
    vault_id: int, legs: tuple[str, ...], size: Decimal, cash: Decimal, rpc: str, deployment: str, key_env: str
) -> None:
    """Move LEGS such as call:200 or -put:160 and tokens of a vault into a new one."""
    click.echo(_client(rpc, deployment, key_env).vaults.split(vault_id, [(leg, size) for leg in legs], cash))


@vault.command("merge")
@click.argument("vault_id", type=int)
@click.argument("into", type=int)
@chain_options
@key_option
def vault_merge(vault_id: int, into: int, rpc: str, deployment: str, key_env: str) -> None:
    """Move everything of a vault into another of the same expiry and close it."""
    click.echo(_client(rpc, deployment, key_env).vaults.merge(vault_id, into).hash)


@vault.command("grant")
@click.argument("vault_id", type=int)
@click.argument("operator")
@click.argument("permissions", nargs=-1, type=click.Choice(["trade", "withdraw", "manage"]))
@click.option("--days", type=Amount(), default="1", show_default=True, help="How long.")
@chain_options
@key_option
def vault_grant(
    vault_id: int, operator: str, permissions: tuple[str, ...], days: Decimal, rpc: str, deployment: str, key_env: str
) -> None:
    """Let another account act for a vault; without PERMISSIONS, no longer."""
    mask = Permission(sum(Permission[name.upper()] for name in set(permissions)))
    click.echo(_client(rpc, deployment, key_env).vaults.grant(vault_id, operator, mask, int(days * 86_400)).hash)


# --- orders -----------------------------------------------------------------------------------------------------


@main.group()
def order() -> None:
    """Sign, fill, cancel and inspect orders."""


def _signed(path: str) -> SignedOrder:
    try:
        text = sys.stdin.read() if path == "-" else Path(path).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} cannot be read: {error}.") from None
    return SignedOrder.from_json(text)


@order.command("sign")
@click.argument("vault_id", type=int)
@click.argument("side", type=click.Choice(["buy", "sell"]))
@click.argument("legs", nargs=-1, required=True)
@click.option("--expiry", required=True, help="Of the series: a date (08:00 UTC), an ISO time or unix seconds.")
@click.option("--price", type=Amount(), required=True, help="Quote units per package.")
@click.option("--size", type=Amount(), required=True, help="Packages.")
@click.option("--good-for", type=int, default=300, show_default=True, help="Seconds from the newest block.")
@click.option("--deferred", is_flag=True, help="The premium is a cash leg instead of tokens.")
@chain_options
@key_option
def order_sign(
    vault_id: int,
    side: str,
    legs: tuple[str, ...],
    expiry: str,
    price: Decimal,
    size: Decimal,
    good_for: int,
    deferred: bool,
    rpc: str,
    deployment: str,
    key_env: str,
) -> None:
    """Sign an order of VAULT_ID to buy or sell a package of LEGS such as call:200 or -put:160."""
    style = orders.PremiumStyle.DEFERRED if deferred else orders.PremiumStyle.UPFRONT
    client = _client(rpc, deployment, key_env)
    signed = client.orders.sign(vault_id, expiry, legs, side, price, size, good_for, premium_style=style)
    click.echo(signed.to_json())


@order.command("fill")
@click.argument("file")
@click.option("--vault", "vault_id", type=int, help="Own vault; without it one is opened.")
@click.option("--size", type=Amount(), help="Packages; without it all that is left.")
@click.option("--deposit", type=Amount(), default="0", show_default=True, help="Quote tokens for a new vault.")
@click.option("--limit", type=Amount(), help="Worst price per package.")
@chain_options
@key_option
def order_fill(
    file: str,
    vault_id: int | None,
    size: Decimal | None,
    deposit: Decimal,
    limit: Decimal | None,
    rpc: str,
    deployment: str,
    key_env: str,
) -> None:
    """Fill a signed order (FILE, or - for standard input)."""
    client = _client(rpc, deployment, key_env)
    click.echo(client.orders.fill(_signed(file), vault_id, size, deposit, limit_price=limit))


@order.command("state")
@click.argument("files", nargs=-1, required=True)
@click.option("--vault", "vault_id", type=int, default=0, help="Own vault to fill into; both sides are looked at.")
@chain_options
@key_option
def order_state(files: tuple[str, ...], vault_id: int, rpc: str, deployment: str, key_env: str) -> None:
    """Whether orders can be filled, and how much of them."""
    client = _client(rpc, deployment, key_env) if vault_id else _client(rpc, deployment)
    states = client.orders.states([_signed(file) for file in files], vault_id)
    for file, (status, fillable, reason) in zip(files, states, strict=True):
        click.echo(f"{file}: {status}, {fillable} packages" + (f". {reasons.sentence(reason)}" if reason else ""))


@order.command("cancel")
@click.argument("files", nargs=-1, required=True)
@chain_options
@key_option
def order_cancel(files: tuple[str, ...], rpc: str, deployment: str, key_env: str) -> None:
    """Cancel own orders by hash."""
    click.echo(_client(rpc, deployment, key_env).orders.cancel([_signed(file) for file in files]).hash)


@order.command("preview")
@click.argument("file")
@click.option("--vault", "vault_id", type=int, help="Own vault that would take; without it the maker's side is shown.")
@click.option("--size", type=Amount(), help="Packages; without it the whole order.")
@click.option("--deposit", type=Amount(), help="Show a new vault that would take, opened with this much.")
@click.option("--model", default="ES", show_default=True, help="Margin model of the new vault: ES, GREEKS or STATIC.")
@chain_options
def order_preview(
    file: str,
    vault_id: int | None,
    size: Decimal | None,
    deposit: Decimal | None,
    model: str,
    rpc: str,
    deployment: str,
) -> None:
    """What filling an order (FILE, or -) would do to a vault: premium, fee, margins, liquidation prices."""
    found = _client(rpc, deployment).orders.preview(_signed(file), vault_id, size, deposit, model)
    table = Table(box=None, show_header=False)
    health = "no margin needed" if found.after.health is None else f"{found.after.health:.4f}"
    prices = ["none" if at is None else f"{at:,.2f}" for at in (found.liquidation_below, found.liquidation_above)]
    for name, value in (
        ("price", f"{found.price:,.6f}"),
        ("premium", f"{found.premium:,.6f}"),
        ("fee", f"{found.fee:,.6f}"),
        ("equity after", f"{found.after.equity:,.6f}"),
        ("maintenance margin", f"{found.after.maintenance_margin:,.6f}"),
        ("initial margin", f"{found.after.initial_margin:,.6f}"),
        ("health", health),
        ("passes", "yes" if found.passes else "no"),
        ("liquidated below, above", ", ".join(prices)),
    ):
        table.add_row(name, value)
    Console().print(table)


@order.command("close")
@click.argument("vault_id", type=int)
@click.argument("files", nargs=-1, required=True)
@chain_options
@key_option
def order_close(vault_id: int, files: tuple[str, ...], rpc: str, deployment: str, key_env: str) -> None:
    """Take orders into VAULT_ID, all or none, and only if it ends without legs."""
    client = _client(rpc, deployment, key_env)
    click.echo(client.orders.close_all(vault_id, [_signed(file) for file in files]).hash)


@order.command("roll")
@click.argument("vault_id", type=int)
@click.argument("closing")
@click.argument("opening")
@click.option("--into", type=int, default=0, help="Own vault to open in; without it one is opened.")
@chain_options
@key_option
def order_roll(vault_id: int, closing: str, opening: str, into: int, rpc: str, deployment: str, key_env: str) -> None:
    """Close VAULT_ID against one order and open against another with the freed tokens, in one transaction."""
    client = _client(rpc, deployment, key_env)
    click.echo(client.orders.roll(vault_id, _signed(closing), _signed(opening), into))


# --- maker ------------------------------------------------------------------------------------------------------


@main.group()
def maker() -> None:
    """Quote both sides around the mirror's marks."""


@maker.command("run")
@chain_options
@click.option(
    "--key-env", default="BULKHEAD_MAKER_KEY", show_default=True, help="Environment variable with the private key."
)
@click.option("--market", default="ETH", show_default=True, help="Symbol.")
@click.option("--expiry", "expiries", multiple=True, required=True, help="As in `order sign`; repeatable.")
@click.option("--deposit", type=Amount(), default="10000", show_default=True, help="Quote tokens for a new desk.")
@click.option("--size", type=Amount(), default="5", show_default=True, help="Contracts per quote.")
@click.option("--edge-bps", type=click.IntRange(1), default=20, show_default=True, help="Distance from mark, of spot.")
@click.option("--strikes", type=click.IntRange(0, 20), default=3, show_default=True, help="On either side of spot.")
@click.option("--step", type=Amount(), default="50", show_default=True, help="Between strikes [quote].")
@click.option("--seconds", type=click.IntRange(1), default=30, show_default=True, help="Life of a quote.")
@click.option("--refresh", type=float, default=5.0, show_default=True, help="Seconds between ladders.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option("--port", type=int, default=8650, show_default=True, help="Where to listen.")
@click.option("--rounds", type=int, help="Ladders until it ends; without it, never.")
def maker_run(
    rpc: str,
    deployment: str,
    key_env: str,
    market: str,
    expiries: tuple[str, ...],
    deposit: Decimal,
    size: Decimal,
    edge_bps: int,
    strikes: int,
    step: Decimal,
    seconds: int,
    refresh: float,
    host: str,
    port: int,
    rounds: int | None,
) -> None:
    """Open a desk per expiry and serve signed two-sided quotes: GET /quotes and GET /stream."""
    if refresh <= 0 or size <= 0 or step <= 0:
        raise BadInput("--refresh, --size and --step are above 0.")
    style = Style(edge_bps=edge_bps, size=to_quantity(size), strikes=strikes, step=to_strike(step), seconds=seconds)
    from bulkhead.maker.server import Maker, QuoteServer

    quoting = Maker(_client(rpc, deployment, key_env), market, [parse_expiry(e) for e in expiries], style, deposit)
    quoting.open()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(QuoteServer(quoting, refresh, sys.stdout).run(host, port, rounds))


# --- markets ----------------------------------------------------------------------------------------------------


def _open_expiries(chain: Connection) -> dict[int, list[int]]:
    cells = chain.book().cells()
    return {m.index: sorted(e for i, e in cells if i == m.index) for m in chain.deployment.markets.values()}


@main.command()
@chain_options
def markets(rpc: str, deployment: str) -> None:
    """Markets of a deployment: price, volatility, open interest, insurance."""
    chain = connect(rpc, deployment)
    expiries = _open_expiries(chain)
    table = Table(box=None)
    for name in ("market", "expiry", "spot", "sigma", "price is", "open interest", "insurance"):
        table.add_column(name)
    for entry in chain.deployment.markets.values():
        cells = [(entry.index, expiry) for expiry in expiries[entry.index] or [0]]
        for cell, view in read_cells(chain, cells).items():
            table.add_row(
                entry.symbol, _expiry(cell[1]), f"{view.snapshot.spot / 10**18:,.2f}",
                f"{view.snapshot.sigma / 10**18:.1%}",
                "active" if view.active else "fresh" if view.snapshot.is_fresh else "not fresh",
                f"{view.open_interest / 10**6:,.2f}", f"{view.insurance / 10**view.decimals:,.2f}",
            )  # fmt: skip
    Console().print(table)


# --- governance -------------------------------------------------------------------------------------------------


@main.group()
def govern() -> None:
    """Parameters: what is in force and on its way, proposals to a timelock, ramps."""


def _governor(rpc: str, deployment: str, key_env: str) -> tuple[Governance, Sender]:
    chain = connect(rpc, deployment)
    return Governance(chain), _sender(chain, key_env)


@govern.command("show")
@click.argument("market")
@chain_options
def govern_show(market: str, rpc: str, deployment: str) -> None:
    """Parameters of MARKET that differ from the defaults, ramps on their way, and open proposals."""
    chain = connect(rpc, deployment)
    rules = Governance(chain)
    click.echo(f"owner {rules.owner}{' (timelock)' if rules.timelock is not None else ''}")
    for name, value in rules.values(market).items():
        p = PARAMETERS[name]
        if value != p.default:
            click.echo(f"{name} {value} {p.unit}, default {p.default}")
    for ramp in rules.ramps(market):
        click.echo(f"{ramp.parameter.name} {ramp.value} -> {ramp.target}, at least {ramp.hours:.0f} hours")
    for notice in rules.notices() if rules.timelock is not None else ():
        click.echo(f"0x{notice.id.hex()[:8]} from {_expiry(notice.ready_at)}: {'; '.join(notice.words)}")


@govern.command("set")
@click.argument("market")
@click.argument("name")
@click.argument("number", type=int)
@chain_options
@key_option
def govern_set(market: str, name: str, number: int, rpc: str, deployment: str, key_env: str) -> None:
    """Change parameter NAME of MARKET to NUMBER, as stored; through a timelock, propose it."""
    rules, sender = _governor(rpc, deployment, key_env)
    made = rules.set(sender, market, name, number)
    click.echo("changed" if made is None else f"proposed 0x{made.hex()}")


@govern.command("execute")
@click.argument("proposal")
@chain_options
@key_option
def govern_execute(proposal: str, rpc: str, deployment: str, key_env: str) -> None:
    """Carry out PROPOSAL, the beginning of an id, once it is due."""
    rules, sender = _governor(rpc, deployment, key_env)
    click.echo("done: " + "; ".join(rules.execute(sender, proposal).words))


@govern.command("cancel")
@click.argument("proposal")
@chain_options
@key_option
def govern_cancel(proposal: str, rpc: str, deployment: str, key_env: str) -> None:
    """Withdraw PROPOSAL, the beginning of an id."""
    rules, sender = _governor(rpc, deployment, key_env)
    click.echo("cancelled: " + "; ".join(rules.cancel(sender, proposal).words))


@govern.command("advance")
@click.argument("market")
@chain_options
@key_option
def govern_advance(market: str, rpc: str, deployment: str, key_env: str) -> None:
    """Push on the ramps of MARKET that are due; anyone may, once an hour is enough."""
    rules, sender = _governor(rpc, deployment, key_env)
    for ramp in rules.advance(sender, market):
        click.echo(f"{ramp.parameter.name} {ramp.value} -> {ramp.due}, target {ramp.target}")


# --- vol surfaces -----------------------------------------------------------------------------------------------


@main.group()
def vol() -> None:
    """Vol surfaces: fit SVI to option chains, publish, report the error."""


def _chain_at(file: Path, asset: str, at: str | None) -> options.Chain:
    chains = options.read(file, asset)
    if at is not None:
        chains = [chain for chain in chains if _expiry(chain.made_at).startswith(at)]
    if not chains:
        raise BadInput(f"{file.name} has no quotes of {asset}{f' at {at}' if at else ''}.")
    return chains[-1]


@vol.command("fit")
@click.argument("file", type=Path)
@click.option("--asset", default="ETH", show_default=True, help="Underlying, as the file names it.")
@click.option("--at", help="Beginning of the time of the quotes, e.g. 2026-01-14; the last ones when left out.")
def vol_fit(file: Path, asset: str, at: str | None) -> None:
    """Fit the chain in FILE (.parquet, .csv, .csv.gz) and show smiles and errors."""
    chain = _chain_at(file, asset, at)
    table = Table(box=None, title=f"{asset}, quotes of {_expiry(chain.made_at)}")
    for name in ("expiry", "strikes", "at the money", "a", "b", "rho", "m", "sigma", "median", "p95 [vol points]"):
        table.add_column(name, justify="right")
    for fit in fit_chain(chain):
        errors = sorted(abs(float(error)) * 100 for error in fit.inner)
        middle = float(total_variance_float(fit.slice.floats(), 0.0) / fit.tau) ** 0.5
        table.add_row(
            _expiry(fit.expiry.at), str(len(fit.expiry.k)), f"{middle:.1%}",
            *(f"{number:.5f}" for number in fit.slice.floats()),
            f"{errors[len(errors) // 2]:.2f}" if errors else "-",
            f"{errors[min(len(errors) * 19 // 20, len(errors) - 1)]:.2f}" if errors else "-",
        )  # fmt: skip
    Console().print(table)


@vol.command("publish")
@click.argument("file", type=Path)
@click.option("--market", required=True, help="Symbol or index of the market.")
@click.option("--asset", help="Underlying, as the file names it; the market's symbol when left out.")
@click.option("--at", help="Beginning of the time of the quotes; the last ones when left out.")
@click.option(
    "--publishers-env", default="BULKHEAD_PUBLISHER_KEYS", show_default=True,
    help="Environment variable with the publishers' keys, comma between them.",
)  # fmt: skip
@chain_options
@key_option
def vol_publish(
    file: Path,
    market: str,
    asset: str | None,
    at: str | None,
    publishers_env: str,
    rpc: str,
    deployment: str,
    key_env: str,
) -> None:
    """Fit the chain in FILE, sign with the publishers' keys and put the surface in force, as far as the cap allows."""
    connection = connect(rpc, deployment)
    entry = connection.deployment.market(int(market) if market.isdigit() else market)
    keys = [key.strip() for key in _key(publishers_env).split(",") if key.strip()]
    sender = _sender(connection, key_env)
    before, in_force = surfaces.decode(entry.index, connection["OracleAdapter"].call("surface", entry.index))
    cap_bps = int(connection["VolSurface"].call("settings", entry.index)[4])
    made_at = connection.rpc.timestamp()
    try:
        made = plan(
            _chain_at(file, asset or entry.symbol, at), entry.index, made_at, before if in_force else None, cap_bps
        )
    except surfaces.SurfaceError as error:
        raise BadInput(f"No surface can be made of these quotes: {reasons.sentence(str(error))}") from None
    receipt = publish(connection, sender, made, keys)
    click.echo(
        f"{receipt.hash}: {len(made.surface.expiries)} expiries, 30-day vol {made.surface.sigma_atm() / 10**18:.1%}, "
        f"{made.share:.0%} of the way to the quotes, {receipt.gas_used:,} gas"
    )


@vol.command("report")
@click.option("--data", type=Path, default=Path("../shared/data/deribit"), show_default=True, help="Folder of chains.")
@click.option(
    "--out", type=Path, default=Path("docs"), show_default=True, help="Folder for vol-fit.md and vol-fit.svg."
)
def vol_report(data: Path, out: Path) -> None:
    """Fit every chain of a folder and write how far the fits are off."""
    click.echo(f"{len(write_vol_report(data, out))} expiries fitted; {out / 'vol-fit.md'}")
