"""`bulkhead order ...`: sign, look at, fill and cancel orders."""

from __future__ import annotations

import re
import sys
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click

from bulkhead.chain import reasons
from bulkhead.chain.errors import BadInput
from bulkhead.chain.files import is_file, read_text
from bulkhead.cli.common import (
    Amount,
    PackageCommand,
    Place,
    Tokens,
    TokensType,
    chain_options,
    deficit_rows,
    money,
    units,
)
from bulkhead.cli.output import Output, acting, printing
from bulkhead.cli.stop import Receivers, handing, stop, take_profit

if TYPE_CHECKING:
    from bulkhead.chain.connection import Market
    from bulkhead.client import Bulkhead, SignedOrder

#: How the hash of an order is written.
HASH = re.compile(r"0x[0-9a-fA-F]{64}")
#: Digits of the largest number that orders are signed together with; of a longer one a sentence shows no more.
LONGEST_NUMBER = 78


@click.group()
def order() -> None:
    """Sign, fill, cancel and inspect orders."""


def _market(client: Bulkhead, signed: SignedOrder) -> Market:
    """The market of an order whose form has been read."""
    from bulkhead.risk.words import Series

    legs = signed.order.legs
    if not legs:
        raise BadInput("That order has no valid form: it has no legs.")
    try:
        return client.chain.market(Series.unpack(legs[0].series).market)
    except ValueError as error:
        raise BadInput(f"That order has no valid form: {error}.") from None


def _signed(path: str) -> SignedOrder:
    from bulkhead.client import SignedOrder

    return SignedOrder.from_json(sys.stdin.read() if path == "-" else read_text(path))


@order.command("sign", cls=PackageCommand)
@click.argument("vault_id", type=int)
@click.argument("side", type=click.Choice(["buy", "sell"]))
@click.argument("legs", nargs=-1, required=True)
@click.option("--expiry", required=True, help="Of the series: a date (08:00 UTC), an ISO time or unix seconds.")
@click.option("--price", type=TokensType(), required=True, help='Per package, in the market\'s token: "0.05 WETH".')
@click.option("--size", type=Amount(), required=True, help="Packages.")
@click.option("--good-for", type=int, default=300, show_default=True, help="Seconds from the newest block.")
@click.option("--deferred", is_flag=True, help="The premium is a cash leg instead of tokens.")
@click.option("--spot-min", type=Amount(), help="Good only while spot is at least this.")
@click.option("--spot-max", type=Amount(), help="Good only while spot is at most this.")
@click.option("--slip", type=int, default=0, help="Trade at most so many bps of spot per contract worse than mark.")
@click.option("--patience", type=int, default=0, help="Seconds in the range of spot after which the slip is full.")
@click.option("--reduce-only", is_flag=True, help="Only what reduces the vault's position.")
@click.option("--fill-or-kill", is_flag=True, help="All that is left, or nothing.")
@click.option("--together", "salt", type=int, help="Take from all orders of these legs and side with this number.")
@click.option("--max-deficit", type=Amount(), help="Largest deficit of the expiry at which it may be filled.")
@click.option("--off-grid", is_flag=True, help="Also a series that cannot be opened, for others who close theirs.")
@handing
@acting
def order_sign(
    vault_id: int,
    side: str,
    legs: tuple[str, ...],
    expiry: str,
    price: Tokens,
    size: Decimal,
    good_for: int,
    off_grid: bool,
    to: Receivers,
    place: Place,
    out: Output,
    **terms: Any,
) -> None:
    """Sign an order of VAULT_ID to buy or sell a package of LEGS such as call:200 or -put:160."""
    client = place.client()
    asked = price.of(client.chain.market(client.vaults.view(vault_id).market)) if price.currency else price.amount
    signed = client.orders.sign(vault_id, expiry, legs, side, asked, size, good_for, off_grid, **_fields(**terms))
    to.send(client, signed, out)


def _fields(
    *,
    deferred: bool,
    reduce_only: bool,
    fill_or_kill: bool,
    salt: int | None,
    slip: int,
    patience: int,
    **amounts: Decimal | None,
) -> dict[str, Any]:
    """Fields of an order from the options of `order sign`; those not given are the client's."""
    from bulkhead.client import to_wad
    from bulkhead.orders import Flags, PremiumStyle

    flags = Flags.REDUCE_ONLY * reduce_only | Flags.FILL_OR_KILL * fill_or_kill | Flags.TOGETHER * (salt is not None)
    return {
        "premium_style": PremiumStyle.DEFERRED if deferred else PremiumStyle.UPFRONT,
        "flags": Flags(flags),
        "slip": slip,
        "patience": patience,
        **({} if salt is None else {"salt": salt}),
        **{name: to_wad(amount) for name, amount in amounts.items() if amount is not None},
    }


@order.command("fill")
@click.argument("file")
@click.option("--vault", "vault_id", type=int, help="Own vault; without it one is opened.")
@click.option("--size", type=Amount(), help="Packages; without it all that is left.")
@click.option("--deposit", type=TokensType(), default="0", show_default=True, help="Tokens for a new vault.")
@click.option(
    "--limit", type=TokensType(), help="Worst price per package; of an order priced at the fill it is needed."
)
@click.option("--max-deficit", type=Amount(), help="Largest deficit of the expiry at which you still trade.")
@acting
def order_fill(
    file: str,
    vault_id: int | None,
    size: Decimal | None,
    deposit: Tokens,
    limit: Tokens | None,
    max_deficit: Decimal | None,
    place: Place,
    out: Output,
) -> None:
    """Fill a signed order (FILE, or - for standard input)."""
    client, signed = place.client(), _signed(file)
    market = _market(client, signed)
    worst = None if limit is None else limit.of(market)
    filled = client.orders.fill(signed, vault_id, size, deposit.of(market), limit_price=worst, max_deficit=max_deficit)
    out.show({"vault_id": filled}, str(filled))


@order.command("state")
@click.argument("files", nargs=-1, required=True)
@click.option("--vault", "vault_id", type=int, default=0, help="Own vault to fill into; both sides are looked at.")
@acting
def order_state(files: tuple[str, ...], vault_id: int, place: Place, out: Output) -> None:
    """Whether orders can be filled, and how much of them; with --json the hashes that `order cancel` takes, too."""
    from bulkhead.orders import order_key

    client, several = place.client() if vault_id else place.reader(), [_signed(file) for file in files]
    found, lines = [], []
    for file, signed, state in zip(files, several, client.orders.states(several, vault_id), strict=True):
        status, fillable, reason = state
        name = "0x" + order_key(signed.order, client.domain).hex()
        found.append({"file": file, "hash": name, "status": status, "fillable": fillable, "reason": reason})
        lines.append(f"{file}: {status}, {fillable} packages" + (f". {reasons.sentence(reason)}" if reason else ""))
    out.show(found, lines)


@order.command("cancel")
@click.argument("which", metavar="ORDERS", nargs=-1, required=True)
@acting
def order_cancel(which: tuple[str, ...], place: Place, out: Output) -> None:
    """Cancel ORDERS (files, - or hashes 0x...) of the key; one of several signed together ends them all."""
    for one in which:
        if one.isdigit() and not is_file(one):
            raise BadInput(
                f"{one} is no file and no hash of an order. Orders signed together under a number end by vault, side "
                "and legs: `bulkhead order cancel-together VAULT SIDE LEGS --expiry EXPIRY --together "
                f"{one[:LONGEST_NUMBER]}`."
            )
    found = [one if HASH.fullmatch(one) else _signed(one) for one in which]
    out.receipt(place.client().orders.cancel(found))


@order.command("cancel-together", cls=PackageCommand)
@click.argument("vault_id", type=int)
@click.argument("side", type=click.Choice(["buy", "sell"]))
@click.argument("legs", nargs=-1, required=True)
@click.option("--expiry", required=True, help="Of the series: a date (08:00 UTC), an ISO time or unix seconds.")
@click.option("--together", "salt", type=int, required=True, help="The number they were signed with.")
@click.option("--signer", help="Who signed them; without it the key. The vault's owner may end an operator's, too.")
@acting
def order_cancel_together(
    vault_id: int,
    side: str,
    legs: tuple[str, ...],
    expiry: str,
    salt: int,
    signer: str | None,
    place: Place,
    out: Output,
) -> None:
    """End the orders of VAULT_ID to buy or sell LEGS that were signed together, without their files."""
    out.receipt(place.client().orders.cancel_together(vault_id, expiry, legs, side, salt, signer))


@order.command("preview")
@click.argument("file")
@click.option("--vault", "vault_id", type=int, help="Own vault that would take; without it the maker's side is shown.")
@click.option("--size", type=Amount(), help="Packages; without it the whole order.")
@click.option("--deposit", type=TokensType(), help="Show a new vault that would take, opened with this much.")
@click.option("--model", default="ES", show_default=True, help="Margin model of the new vault: ES, GREEKS or STATIC.")
@chain_options
@printing
def order_preview(
    file: str,
    vault_id: int | None,
    size: Decimal | None,
    deposit: Tokens | None,
    model: str,
    place: Place,
    out: Output,
) -> None:
    """What filling an order (FILE, or -) would do to a vault: premium, fee, margins, liquidation prices."""
    client, signed = place.reader(), _signed(file)
    opened = None if deposit is None else deposit.of(_market(client, signed))
    found = client.orders.preview(signed, vault_id, size, opened, model)

    def both(amount: Decimal) -> str:
        """An amount in the market's token and, of coins, in quote at spot."""
        quote = found.in_quote(amount) if found.inverse else None
        return money(amount, found.currency) + ("" if quote is None else f" ({quote:,.2f} quote)")

    health = "no margin needed" if found.after.health is None else f"{found.after.health:.4f}"
    prices = [units(at, none="none") for at in (found.liquidation_below, found.liquidation_above)]
    rows = [
        ("price", both(found.price)),
        ("premium", both(found.premium)),
        ("fee", both(found.fee)),
        ("equity after", both(found.after.equity)),
        ("maintenance margin", both(found.after.maintenance_margin)),
        ("initial margin", both(found.after.initial_margin)),
        ("health", health),
        *deficit_rows(found.after),
        ("passes", "yes" if found.passes else "no"),
        *([("a fill would meet", reasons.sentence(found.refusal))] if found.refusal else []),
        ("liquidated below, above", ", ".join(prices)),
    ]
    out.facts(found, rows)


@order.command("close")
@click.argument("vault_id", type=int)
@click.argument("files", nargs=-1, required=True)
@acting
def order_close(vault_id: int, files: tuple[str, ...], place: Place, out: Output) -> None:
    """Take orders into VAULT_ID, all or none, and only if it ends without legs."""
    client = place.client()
    out.receipt(client.orders.close_all(vault_id, [_signed(file) for file in files]))


@order.command("roll")
@click.argument("vault_id", type=int)
@click.argument("closing")
@click.argument("opening")
@click.option("--into", type=int, default=0, help="Own vault to open in; without it one is opened.")
@acting
def order_roll(vault_id: int, closing: str, opening: str, into: int, place: Place, out: Output) -> None:
    """Close VAULT_ID against one order and open against another with the freed tokens, in one transaction."""
    client = place.client()
    opened = client.orders.roll(vault_id, _signed(closing), _signed(opening), into)
    out.show({"vault_id": opened}, str(opened))


for waiting in (stop, take_profit):
    order.add_command(waiting)
