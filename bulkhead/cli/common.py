"""What the groups of commands share: options that name a deployment and a key, numbers, and times as text."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import click

from bulkhead.chain.errors import BadInput

if TYPE_CHECKING:
    from bulkhead.chain.connection import Connection, Market
    from bulkhead.chain.sender import Sender
    from bulkhead.client import Bulkhead, VaultInfo

DEPLOYMENT = "deployments/local"
RPC = "http://127.0.0.1:8545"
KEY_ENV = "BULKHEAD_KEY"

Command = Callable[..., Any]


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


@dataclass(frozen=True)
class Tokens:
    """An amount of a market's token as somebody types it: "2.5", or "2.5 WETH".

    Attributes:
        amount: How many.
        currency: What was named, empty for nothing.
    """

    amount: Decimal
    currency: str = ""

    def of(self, market: Market) -> Decimal:
        """The amount, in the token of a market.

        Raises:
            BadInput: Another one was named.
        """
        if self.currency and self.currency.upper() != market.currency.upper():
            raise BadInput(
                f"Amounts of {market.symbol} are in {market.currency or 'its token'}, not in {self.currency}: the "
                f"{'token is the underlying' if market.inverse else 'market counts quote'}."
            )
        return self.amount


class TokensType(click.ParamType):
    """A decimal number, with the name of the token or without."""

    name = "amount"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Tokens:
        """The amount, or a usage error."""
        if isinstance(value, Tokens):
            return value
        number, _, currency = str(value).strip().partition(" ")
        return Tokens(Amount().convert(number, param, ctx), currency.strip())


class PackageCommand(click.Command):
    """A command whose last argument is LEGS: "-put:160" is one of them, although it begins as an option does."""

    SOLD = re.compile(r"-(\d+\*)?([a-z]+:.*|call|put|future|cash)", re.IGNORECASE)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Puts legs that begin with a minus behind everything else."""
        end = args.index("--") if "--" in args else len(args)
        sold = [one for one in args[:end] if self.SOLD.fullmatch(one)]
        if sold:
            args = [*(one for one in args[:end] if one not in sold), "--", *args[end + 1 :], *sold]
        return super().parse_args(ctx, args)


@dataclass(frozen=True)
class Place:
    """A deployment at a node, and the account that acts there.

    Attributes:
        rpc: URL of the node.
        deployment: `addresses.json` or its folder.
        key_env: Environment variable with the private key; None where nothing is signed.
    """

    rpc: str
    deployment: str
    key_env: str | None = None

    def connection(self) -> Connection:
        """The deployment's contracts."""
        from bulkhead.chain.connection import connect

        return connect(self.rpc, self.deployment)

    def sender(self, chain: Connection) -> Sender:
        """Sends for the account."""
        from bulkhead.chain.access_lists import wanted
        from bulkhead.chain.sender import Sender, Tips, account_from_key

        tips, lists = Tips.of_environment(os.environ), wanted(os.environ)
        return Sender(chain.rpc, account_from_key(self._key()), tips=tips, lists_access=lists)

    def client(self) -> Bulkhead:
        """A client that signs for the account, or only reads where no key is named."""
        from bulkhead.client import Bulkhead

        return Bulkhead(self.rpc, self.deployment, None if self.key_env is None else self._key())

    def reader(self) -> Bulkhead:
        """A client without the key."""
        from bulkhead.client import Bulkhead

        return Bulkhead(self.rpc, self.deployment)

    def _key(self) -> str:
        return secret(self.key_env or KEY_ENV)


def secret(name: str) -> str:
    """What an environment variable holds that has to hold a key."""
    key = os.environ.get(name)
    if not key:
        raise BadInput(f"The environment variable {name} holds no private key; set it, or name another with --key-env.")
    return key


def chain_options(command: Command) -> Command:
    """Options of everything that talks to a deployment; the command gets a `Place`."""

    @functools.wraps(command)
    def placed(*arguments: Any, rpc: str, deployment: str, key_env: str | None = None, **options: Any) -> Any:
        return command(*arguments, place=Place(rpc, deployment, key_env), **options)

    wrapped: Command = placed
    for option in (
        click.option(
            "--rpc", envvar="BULKHEAD_RPC_URL", default=RPC, show_default=True, show_envvar=True, help="URL of a node.",
        ),
        click.option(
            "--deployment", envvar="BULKHEAD_DEPLOYMENT", default=DEPLOYMENT, show_default=True, show_envvar=True,
            help="addresses.json or its folder.",
        ),
    ):  # fmt: skip
        wrapped = option(wrapped)
    return wrapped


def database_option(command: Command) -> Command:
    """Names the database of an index."""
    return click.option(
        "--database", envvar="BULKHEAD_DATABASE", default="bulkhead.sqlite", show_default=True, show_envvar=True,
        help="File of SQLite, or URL such as postgresql://user@host/name.",
    )(command)  # fmt: skip


def key_option(default: str = KEY_ENV) -> Callable[[Command], Command]:
    """Names the environment variable that holds the private key; a key is never an argument."""
    return click.option(
        "--key-env", default=default, show_default=True, help="Environment variable with the private key."
    )


def moment(at: int) -> str:
    """A time as text, "-" for none."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M}" if at else "-"


def deficit_rows(info: VaultInfo) -> list[tuple[str, str]]:
    """What insolvent vaults of the expiry owe and what that can cost this one; nothing where none does."""
    if not info.deficit:
        return []
    return [
        ("deficits of the expiry", money(info.deficit, info.currency)),
        ("at risk from them", money(info.at_risk, info.currency)),
    ]


def money(amount: Decimal | None, currency: str, places: int = 6, none: str = "-") -> str:
    """An amount with its unit, such as "2.500000 WETH"."""
    return none if amount is None else f"{amount:,.{places}f} {currency}".rstrip()


def units(number: Decimal | None, places: int = 2, none: str = "-") -> str:
    """A number for people, with so many places."""
    return none if number is None else f"{number:,.{places}f}"
