"""`bulkhead vault ...`: open, fund, split, merge, lend, settle, close and inspect vaults."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click

from bulkhead.chain.words import describe
from bulkhead.cli.common import (
    Amount,
    PackageCommand,
    Place,
    Tokens,
    TokensType,
    chain_options,
    deficit_rows,
    moment,
    money,
    units,
)
from bulkhead.cli.output import Output, acting, columns, plain, printing

if TYPE_CHECKING:
    from bulkhead.client import Bulkhead, PositionCard, VaultInfo


@click.group()
def vault() -> None:
    """Open, fund, settle, close and inspect vaults."""


#: What cannot be told of a vault without a price for its legs.
PRICED = ("value", "equity", "maintenance_margin", "initial_margin", "health")


def _content(info: VaultInfo) -> dict[str, Any]:
    """A vault as JSON, null for what cannot be told of it."""
    content: dict[str, Any] = plain(info)
    return content if info.known else content | dict.fromkeys(PRICED)


def _told(info: VaultInfo, words: str) -> str:
    """Words, unless there is no price behind them."""
    return words if info.known else "unknown"


def _state(info: VaultInfo) -> str:
    if not info.known:
        return info.state + (", to be settled" if info.state == "expired" else " (there is no price)")
    return info.state + ("" if info.priced else " (the price is not fresh)")


def _facts(info: VaultInfo) -> list[tuple[str, str]]:
    health = "no margin needed" if info.health is None else f"{info.health:.4f}"
    return [
        ("vault", str(info.vault_id)),
        ("owner", info.owner),
        ("market", info.market),
        ("model", info.model),
        ("expiry", moment(info.expiry)),
        ("custody", info.custody),
        ("collateral", money(info.collateral, info.currency)),
        ("value of the legs", _told(info, money(info.value, info.currency))),
        ("equity", _told(info, money(info.equity, info.currency))),
        ("maintenance margin", _told(info, money(info.maintenance_margin, info.currency))),
        ("initial margin", _told(info, money(info.initial_margin, info.currency))),
        ("health", _told(info, health)),
        ("state", _state(info)),
        *deficit_rows(info),
    ]


def _more(card: PositionCard) -> list[tuple[str, str]]:
    currency = card.vault.currency
    rows = [("spot", units(card.spot))]
    if card.vault.known:
        edges = [units(at, none="none") for at in (card.liquidation_below, card.liquidation_above)]
        rows = [
            ("target of a flag", money(card.target, currency)),
            ("to add", f"{money(card.to_add, currency)}, to be healthy" if card.to_add else "nothing"),
            *rows,
            ("liquidated below, above", ", ".join(edges)),
        ]
    if card.greeks is not None:
        rows += [
            ("delta", f"{card.greeks.delta:+,.4f} contracts"),
            ("gamma", f"{card.greeks.gamma:+,.6f} contracts for each quote unit of spot"),
            ("vega", f"{card.greeks.vega:+,.4f} for each vol point"),
            ("theta", f"{card.greeks.theta:+,.4f} a day"),
        ]
    rows += [("claim", money(card.claim, currency))] if card.claim else []
    rows += [("debt", money(card.debt, currency))] if card.debt else []
    rows += [("leg", describe(leg)) for leg in card.vault.legs] or [("legs", "none")]
    for entry in card.entries:
        package = " ".join(describe(leg) for leg in entry.legs)
        rows.append(("entered", f"{entry.size:+,f} × ({package}) at {money(entry.price, currency, 4)}"))
    rows.append(("profit", "unknown" if card.profit is None else f"{card.profit:+,.6f} {currency} since it was opened"))
    return rows + ([("remark", card.remark)] if card.remark else [])


@vault.command("show")
@click.argument("vault_id", type=int)
@chain_options
@printing
def vault_show(vault_id: int, place: Place, out: Output) -> None:
    """One vault: collateral, legs, margins, health, Greeks, liquidation prices, what it lacks, what it has made."""
    card = place.reader().vaults.card(vault_id)
    content: dict[str, Any] = plain(card)
    del content["vault"]
    out.facts({**_content(card.vault), **content}, [*_facts(card.vault), *_more(card)])


@vault.command("list")
@click.option("--owner", help="Only vaults of this address.")
@chain_options
@printing
def vault_list(owner: str | None, place: Place, out: Output) -> None:
    """All open vaults."""
    found = place.reader().vaults.list(owner)
    table = columns("vault", "owner", "market", "expiry", "equity", "MM", "health", "state", "legs")
    for info in found:
        table.add_row(
            str(info.vault_id), info.owner, info.market, moment(info.expiry),
            _told(info, money(info.equity, info.currency, 4)), _told(info, units(info.maintenance_margin, 4)),
            _told(info, units(info.health)), info.state, ", ".join(describe(leg) for leg in info.legs),
        )  # fmt: skip
    out.table([_content(info) for info in found], table)


@vault.command("open")
@click.option("--market", default="ETH", show_default=True, help="Symbol.")
@click.option("--deposit", type=TokensType(), default="0", show_default=True, help='Tokens to put in, as "2.5 WETH".')
@click.option("--model", default="ES", show_default=True, help="ES, GREEKS or STATIC.")
@acting
def vault_open(market: str, deposit: Tokens, model: str, place: Place, out: Output) -> None:
    """Open an empty vault."""
    client = place.client()
    made = client.vaults.open(market, deposit.of(client.chain.market(market)), model)
    out.show({"vault_id": made}, str(made))


@vault.command("deposit")
@click.argument("vault_id", type=int)
@click.argument("amount", type=TokensType())
@acting
def vault_deposit(vault_id: int, amount: Tokens, place: Place, out: Output) -> None:
    """Put tokens into a vault: AMOUNT is a number, or "2.5 WETH"."""
    client = place.client()
    out.receipt(client.vaults.deposit(vault_id, _tokens(client, vault_id, amount)))


@vault.command("withdraw")
@click.argument("vault_id", type=int)
@click.argument("amount", type=TokensType())
@acting
def vault_withdraw(vault_id: int, amount: Tokens, place: Place, out: Output) -> None:
    """Take collateral out of a vault: AMOUNT is a number, or "2.5 WETH"."""
    client = place.client()
    out.receipt(client.vaults.withdraw(vault_id, _tokens(client, vault_id, amount)))


def _tokens(client: Bulkhead, vault_id: int, amount: Tokens) -> Decimal:
    """An amount in the token of a vault's market."""
    return amount.of(client.chain.market(client.vaults.view(vault_id).market)) if amount.currency else amount.amount


@vault.command("close")
@click.argument("vault_id", type=int)
@click.option("--give-up", is_flag=True, help="Close it although its claim is not paid in full; the rest is lost.")
@acting
def vault_close(vault_id: int, give_up: bool, place: Place, out: Output) -> None:
    """End a vault without legs; its tokens come home."""
    out.receipt(place.client().vaults.close(vault_id, give_up=give_up))


@vault.command("split", cls=PackageCommand)
@click.argument("vault_id", type=int)
@click.argument("legs", nargs=-1, required=True)
@click.option("--size", type=Amount(), default="1", show_default=True, help="Packages of the legs.")
@click.option("--cash", type=TokensType(), default="0", show_default=True, help="Tokens that go along.")
@acting
def vault_split(vault_id: int, legs: tuple[str, ...], size: Decimal, cash: Tokens, place: Place, out: Output) -> None:
    """Move LEGS such as call:200 or -put:160 and tokens of a vault into a new one."""
    client = place.client()
    made = client.vaults.split(vault_id, [(leg, size) for leg in legs], _tokens(client, vault_id, cash))
    out.show({"vault_id": made}, str(made))


@vault.command("merge")
@click.argument("vault_id", type=int)
@click.argument("into", type=int)
@acting
def vault_merge(vault_id: int, into: int, place: Place, out: Output) -> None:
    """Move everything of a vault into another of the same expiry and close it."""
    out.receipt(place.client().vaults.merge(vault_id, into))


@vault.command("grant")
@click.argument("vault_id", type=int)
@click.argument("operator")
@click.argument("permissions", nargs=-1, type=click.Choice(["trade", "withdraw", "manage"]))
@click.option("--days", type=Amount(), default="1", show_default=True, help="How long.")
@acting
def vault_grant(
    vault_id: int, operator: str, permissions: tuple[str, ...], days: Decimal, place: Place, out: Output
) -> None:
    """Let another account act for a vault; without PERMISSIONS, no longer."""
    from bulkhead.operators import Permission

    mask = Permission(sum(Permission[name.upper()] for name in set(permissions)))
    out.receipt(place.client().vaults.grant(vault_id, operator, mask, int(days * 86_400)))


def _on_vaults(name: str, text: str) -> None:
    """Adds a command that does one thing to each of several vaults, whoever owns them."""

    @vault.command(name, help=text)
    @click.argument("vault_ids", metavar="VAULT_IDS", nargs=-1, type=int, required=True)
    @acting
    def command(vault_ids: tuple[int, ...], place: Place, out: Output) -> None:
        out.receipt(getattr(place.client().vaults, name)(vault_ids))


_on_vaults("settle", "Settle expired vaults, anyone's, once their expiry has its price (`bulkhead market fix`).")
_on_vaults("claim", "Pay what settled vaults have won into them, anyone's, once their whole expiry is settled.")
_on_vaults("refresh", "Record what flagged vaults lack at the price of now; the flags of those that lack nothing end.")


@vault.command("repay")
@click.argument("vault_id", type=int)
@acting
def vault_repay(vault_id: int, place: Place, out: Output) -> None:
    """Move what a vault still owes its last expiry, because its token would not move then."""
    out.receipt(place.client().vaults.repay(vault_id))


@vault.command("caps")
@click.argument("vault_id", type=int)
@click.option("--delta", type=Amount(), help="Most contracts of net delta; 0 for any.")
@click.option("--vega", type=Amount(), help="Most net vega, in quote for 1.00 vol; 0 for any.")
@acting
def vault_caps(vault_id: int, delta: Decimal | None, vega: Decimal | None, place: Place, out: Output) -> None:
    """What others may fill against a vault's orders; with --delta or --vega, set both (one left out: any)."""
    if delta is not None or vega is not None:
        out.receipt(place.client().vaults.set_caps(vault_id, delta or 0, vega or 0))
        return
    caps = place.reader().vaults.caps(vault_id)
    rows = [
        ("delta", f"{units(caps.delta, 6) if caps.delta else 'any'}, used {units(caps.delta_used, 6)}"),
        ("vega", f"{units(caps.vega, 6) if caps.vega else 'any'}, used {units(caps.vega_used, 6)}"),
    ]
    out.facts(caps, rows)


@vault.command("epoch", cls=PackageCommand)
@click.argument("vault_id", type=int)
@click.argument("leg", required=False)
@click.option("--expiry", help="Of the series of LEG: a date (08:00 UTC), an ISO time or unix seconds.")
@acting
def vault_epoch(vault_id: int, leg: str | None, expiry: str | None, place: Place, out: Output) -> None:
    """End every order that a vault has out, or with LEG every one in that series, in one transaction."""
    out.receipt(place.client().vaults.cancel_all(vault_id, expiry, leg))
