"""What a trader or maker calls: vaults, signed orders and a preview of what a trade would do.

Amounts and prices are `Decimal` in quote units at this edge; inside everything is the integer that goes on chain.

    market = Bulkhead("http://127.0.0.1:8545", "deployments/local", key)
    vault = market.vaults.open("ETH", deposit=Decimal(500))
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_DOWN, ROUND_FLOOR, Decimal
from pathlib import Path
from typing import Any

from eth_utils import to_checksum_address

from bulkhead import orders, pricing
from bulkhead.chain import system, words
from bulkhead.chain.connection import Connection, Market, connect
from bulkhead.chain.contract import Contract
from bulkhead.chain.deployment import Deployment
from bulkhead.chain.errors import BadInput, NoFunds, UnknownVault
from bulkhead.chain.lens import CellView, VaultView, described, read_cells, read_vaults, vault_view
from bulkhead.chain.rpc import Rpc
from bulkhead.chain.sender import Receipt, Sender, account_from_key
from bulkhead.chain.words import Model
from bulkhead.operators import Permission
from bulkhead.orders import Flags, Order, PremiumStyle
from bulkhead.risk import exact, static
from bulkhead.risk.liquidation_price import exact_prices
from bulkhead.risk.words import WAD, Kind, Leg, RiskWord, Series, Snapshot

MAX_UINT = 2**256 - 1


def to_wad(amount: Decimal | int) -> int:
    """Quote units as wad."""
    return int(Decimal(amount).scaleb(18))


def to_native(amount: Decimal | int, decimals: int) -> int:
    """Quote units as native units of a token, rounded down.

    Raises:
        BadInput: The amount is negative or finer than the token can hold.
    """
    scaled = Decimal(amount).scaleb(decimals)
    whole = scaled.to_integral_value(rounding=ROUND_DOWN)
    if scaled < 0 or scaled != whole:
        raise BadInput(f"{amount} is not an amount of a token with {decimals} decimals.")
    return int(whole)


def from_wad(number: int) -> Decimal:
    """Wad as quote units."""
    return Decimal(number).scaleb(-18)


def to_quantity(amount: Decimal | int) -> int:
    """Contracts as 1e-6 contracts."""
    scaled = Decimal(amount).scaleb(6)
    if scaled != scaled.to_integral_value():
        raise BadInput(f"{amount} contracts are finer than 0.000001.")
    return int(scaled)


def to_strike(price: Decimal | int) -> int:
    """A strike as 1e-8 quote."""
    scaled = Decimal(price).scaleb(8)
    if scaled != scaled.to_integral_value() or scaled < 0:
        raise BadInput(f"{price} is not a strike.")
    return int(scaled)


def parse_expiry(text: str | int) -> int:
    """Expiry from unix seconds, a date (08:00 UTC of it) or an ISO time."""
    if isinstance(text, int) or text.isdigit():
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadInput(f"{text!r} is not an expiry: give a date, an ISO time or unix seconds.") from None
    if len(text) == 10:
        moment = moment.replace(hour=8)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


@dataclass(frozen=True)
class PackageLeg:
    """One leg of a package: how many contracts of a series the buyer of one package receives."""

    kind: Kind
    strike: Decimal
    ratio: int

    @classmethod
    def parse(cls, text: str) -> PackageLeg:
        """From "call:200", "-put:160", "2*call:200", "future" or "-cash"."""
        sign = -1 if text.startswith("-") else 1
        body = text.lstrip("+-")
        count, _, rest = body.rpartition("*")
        name, _, strike = rest.partition(":")
        try:
            return cls(Kind[name.upper()], Decimal(strike or 0), sign * int(count or 1))
        except (KeyError, ValueError, ArithmeticError):
            raise BadInput(f"{text!r} is not a leg: write call:200, -put:160, 2*call:200, future or -future.") from None

    def moved(self, amount: Decimal | int) -> int:
        """Leg word of `amount` packages of this leg."""
        return Leg(self.kind, to_strike(self.strike), self.ratio * to_quantity(amount)).pack()


def package_leg(leg: PackageLeg | str) -> PackageLeg:
    """A leg, or the text of one."""
    return PackageLeg.parse(leg) if isinstance(leg, str) else leg


@dataclass(frozen=True)
class SignedOrder:
    """An order, its signature and where it may be filled."""

    order: Order
    signature: bytes
    chain_id: int
    exchange: str

    def to_json(self) -> str:
        """As text, for a file or a message."""
        content = {
            "chain_id": self.chain_id,
            "exchange": self.exchange,
            "order": self.order.to_json(),
            "signature": "0x" + self.signature.hex(),
        }
        return json.dumps(content, indent=2)

    @classmethod
    def from_json(cls, text: str) -> SignedOrder:
        """From text. Raises `BadInput` with what is wrong."""
        try:
            content = json.loads(text)
            return cls(
                Order.from_json(content["order"]),
                bytes.fromhex(str(content["signature"]).removeprefix("0x")),
                int(content["chain_id"]),
                to_checksum_address(content["exchange"]),
            )
        except orders.OrderError as error:
            raise BadInput(f"The order cannot be read: {error}.") from error
        except (ValueError, KeyError, TypeError) as error:
            raise BadInput(f"That is not a signed order: {type(error).__name__} at {error}.") from error


@dataclass(frozen=True)
class VaultInfo:
    """A vault in quote units.

    Attributes:
        vault_id: Its id.
        owner: Its owner.
        market: Symbol of its market.
        model: Margin model.
        expiry: Expiry of its cell [unix seconds], 0 without legs.
        custody: Address that holds its tokens.
        balance: Tokens there.
        collateral: C, the balance less the liquidation deposit.
        value: Mark of the legs.
        equity: E = C + value.
        maintenance_margin: MM.
        initial_margin: What equity must reach to withdraw or to add risk, in a STATIC vault by ES as well.
        health: E / MM, None when no margin is needed.
        state: One word: empty, healthy, covered, margin-call, liquidatable, flagged, expired, claim or debt.
        legs: Its legs.
        priced: False when the price is not fresh; then value and margins are those of the last price.
    """

    vault_id: int
    owner: str
    market: str
    model: str
    expiry: int
    custody: str
    balance: Decimal
    collateral: Decimal
    value: Decimal
    equity: Decimal
    maintenance_margin: Decimal
    initial_margin: Decimal
    health: Decimal | None
    state: str
    legs: tuple[Leg, ...]
    priced: bool


@dataclass(frozen=True)
class FillPreview:
    """What a fill would do to one side, before anything is signed or sent.

    Attributes:
        price: Quote units per package.
        premium: What the buyer pays [quote].
        fee: What this side pays [quote].
        after: The vault after the fill, initial margin included.
        passes: Equity after covers the initial margin.
        liquidation_below: Nearest spot below at which the vault would be liquidatable, None when there is none.
        liquidation_above: The same above.
    """

    price: Decimal
    premium: Decimal
    fee: Decimal
    after: VaultInfo
    passes: bool
    liquidation_below: Decimal | None
    liquidation_above: Decimal | None


class Bulkhead:
    """One account at one deployment.

    Attributes:
        chain: The connection underneath.
        vaults: Opening, funding, closing and inspecting vaults.
        orders: Signing, filling and cancelling orders.
    """

    def __init__(
        self, rpc: Rpc | str | Connection, deployment: Deployment | Path | str = "", key: str | None = None
    ) -> None:
        """Connects.

        Args:
            rpc: URL of a node, or an existing connection.
            deployment: `addresses.json`, its folder, or a loaded deployment.
            key: Private key; without one the client only reads.
        """
        self.chain = rpc if isinstance(rpc, Connection) else connect(rpc, deployment)
        self._key = key
        self.sender = Sender(self.chain.rpc, account_from_key(key)) if key else None
        self.vaults = Vaults(self)
        self.orders = Orders(self)

    @property
    def address(self) -> str:
        """Address of the account."""
        return self.signer.address

    @property
    def signer(self) -> Sender:
        """Sender of the account's transactions."""
        if self.sender is None:
            raise BadInput("A private key is needed for that; give the client one.")
        return self.sender

    @property
    def domain(self) -> orders.Domain:
        """EIP-712 domain of the deployment's Exchange."""
        return orders.Domain(self.chain.deployment.chain_id, self.chain["Exchange"].address)

    def key(self) -> str:
        """The private key, for signing orders."""
        if self._key is None:
            raise BadInput("A private key is needed to sign; give the client one.")
        return self._key

    def ensure_allowance(self, market: Market, spender: Contract, amount: int) -> None:
        """Approves a contract when needed, after making sure that the tokens are there.

        Raises:
            NoFunds: The account holds less than `amount`.
        """
        held = int(market.token.call("balanceOf", self.address))
        if held < amount:
            raise NoFunds(
                f"{self.address} holds {Decimal(held).scaleb(-market.decimals)} quote tokens of {market.symbol} and "
                f"needs {Decimal(amount).scaleb(-market.decimals)}."
            )
        if int(market.token.call("allowance", self.address, spender.address)) < amount:
            self.signer.execute(market.token, "approve", spender.address, MAX_UINT)

    def preview(
        self, vault_id: int, expiry: str | int, legs: Iterable[tuple[PackageLeg, Decimal]], cash: Decimal = Decimal(0)
    ) -> VaultInfo:
        """What a vault would look like after a trade at the present price, as the Lens says.

        Args:
            vault_id: The vault.
            expiry: Cell of the trade.
            legs: (leg, contracts) that the vault would receive; a negative ratio gives.
            cash: Quote tokens it would receive, negative when it pays.
        """
        view = self.vaults.view(vault_id)
        market = self.chain.market(view.market)
        moved = [leg.moved(amount) for leg, amount in legs]
        tokens = int(cash.scaleb(market.decimals).to_integral_value(rounding=ROUND_FLOOR))
        after = vault_view(self.chain["Lens"].call("preview", vault_id, parse_expiry(expiry), moved, tokens))
        assert isinstance(after, VaultView)
        return self.vaults.describe(after, market)


class Vaults:
    """Vaults of a deployment."""

    def __init__(self, client: Bulkhead) -> None:
        self._client = client

    def open(self, market: str = "ETH", deposit: Decimal | int = 0, model: str = "ES") -> int:
        """Opens a vault of the account, with a first deposit.

        Args:
            market: Symbol.
            deposit: Quote tokens to put in.
            model: Margin model: ES, GREEKS or STATIC.

        Returns:
            Id of the vault.
        """
        client = self._client
        found = client.chain.market(market)
        amount = to_native(deposit, found.decimals)
        clearinghouse = client.chain["Clearinghouse"]
        if amount:
            client.ensure_allowance(found, clearinghouse, amount)
        receipt = client.signer.execute(clearinghouse, "open", found.index, int(parse_model(model)), client.address)
        vault_id = next(
            int(log.values.vault_id) for log in receipt.logs(client.chain.contracts) if log.event == "VaultOpened"
        )
        if amount:
            client.signer.execute(clearinghouse, "deposit", vault_id, amount)
        return vault_id

    def deposit(self, vault_id: int, amount: Decimal | int) -> Receipt:
        """Puts quote tokens into any vault."""
        market = self._client.chain.market(self.view(vault_id).market)
        clearinghouse = self._client.chain["Clearinghouse"]
        native = to_native(amount, market.decimals)
        self._client.ensure_allowance(market, clearinghouse, native)
        return self._client.signer.execute(clearinghouse, "deposit", vault_id, native)

    def withdraw(self, vault_id: int, amount: Decimal | int, receiver: str | None = None) -> Receipt:
        """Takes collateral out of an own vault."""
        market = self._client.chain.market(self.view(vault_id).market)
        native = to_native(amount, market.decimals)
        to = receiver or self._client.address
        return self._client.signer.execute(self._client.chain["Clearinghouse"], "withdraw", vault_id, native, to)

    def split(self, vault_id: int, legs: Iterable[tuple[PackageLeg | str, Decimal]], cash: Decimal | int = 0) -> int:
        """Moves legs and collateral of an own vault into a new one, in one transaction.

        Args:
            vault_id: The vault to split.
            legs: (leg, contracts) that the new vault receives.
            cash: Quote tokens that go along.

        Returns:
            Id of the new vault. When somebody else opens a vault first, the call is refused and changes nothing.
        """
        client = self._client
        view = self.view(vault_id)
        market = client.chain.market(view.market)
        clearinghouse = client.chain["Clearinghouse"]
        new = int(clearinghouse.call("next_id"))
        moved = [package_leg(leg).moved(amount) for leg, amount in legs]
        calls = [
            clearinghouse.encode("open", view.market, int(view.model), client.address),
            clearinghouse.encode("transfer_legs", vault_id, new, moved, to_native(cash, market.decimals)),
        ]
        client.signer.execute(clearinghouse, "multicall", calls)
        return new

    def merge(self, vault_id: int, into: int) -> Receipt:
        """Moves all legs and tokens of an own vault into another of the same expiry, and closes it."""
        client = self._client
        view = self.view(vault_id)
        clearinghouse = client.chain["Clearinghouse"]
        legs = [leg.pack() for leg in view.legs]
        calls = [
            clearinghouse.encode("transfer_legs", vault_id, into, legs, view.balance),
            clearinghouse.encode("close", vault_id, client.address),
        ]
        return client.signer.execute(clearinghouse, "multicall", calls)

    def grant(self, vault_id: int, operator: str, permissions: Permission, seconds: int = 86_400) -> Receipt:
        """Lets another account act for an own vault for so many seconds; no permissions revoke at once."""
        until = self._client.chain.rpc.timestamp() + seconds
        return self._client.signer.execute(
            self._client.chain["Operators"], "grant", vault_id, operator, int(permissions), until
        )

    def close(self, vault_id: int, receiver: str | None = None) -> Receipt:
        """Ends an own vault without legs; its tokens go to `receiver` (the account itself)."""
        self.view(vault_id)
        to = receiver or self._client.address
        return self._client.signer.execute(self._client.chain["Clearinghouse"], "close", vault_id, to)

    def view(self, vault_id: int) -> VaultView:
        """A vault in integers. Raises `UnknownVault`."""
        (view,) = read_vaults(self._client.chain, [vault_id])
        if isinstance(view, VaultView):
            return view
        raise UnknownVault(f"There is no vault {vault_id} on {self._client.chain.deployment.network}.") from view

    def get(self, vault_id: int) -> VaultInfo:
        """A vault in quote units. Raises `UnknownVault`."""
        view = self.view(vault_id)
        return self.describe(view, self._client.chain.market(view.market))

    def list(self, owner: str | None = None) -> list[VaultInfo]:
        """All open vaults, or those of one owner."""
        book = self._client.chain.book()
        ids = [
            v.vault_id for v in (book.of(owner) if owner else sorted(book.vaults.values(), key=lambda v: v.vault_id))
        ]
        found = read_vaults(self._client.chain, ids)
        markets: dict[int, Market] = {}
        result: list[VaultInfo] = []
        for view in found:
            if not isinstance(view, VaultView):
                raise view
            if view.market not in markets:
                markets[view.market] = self._client.chain.market(view.market)
            result.append(self.describe(view, markets[view.market]))
        return result

    @staticmethod
    def describe(view: VaultView, market: Market) -> VaultInfo:
        """A vault of integers in quote units."""
        return VaultInfo(
            vault_id=view.vault_id,
            owner=view.owner,
            market=market.symbol,
            model=Model(view.model).name,
            expiry=view.expiry,
            custody=view.custody,
            balance=Decimal(view.balance).scaleb(-market.decimals),
            collateral=from_wad(view.collateral),
            value=from_wad(view.value),
            equity=from_wad(view.equity),
            maintenance_margin=from_wad(view.maintenance_margin),
            initial_margin=from_wad(view.initial_margin),
            health=None if view.health is None else from_wad(view.health),
            state=view.state,
            legs=view.legs,
            priced=view.fresh,
        )


class Orders:
    """Signed orders."""

    def __init__(self, client: Bulkhead) -> None:
        self._client = client

    def build(
        self,
        vault_id: int,
        expiry: str | int,
        legs: Iterable[PackageLeg | str],
        side: str,
        price: Decimal | int,
        size: Decimal | int,
        good_for: int = 300,
        **other: Any,
    ) -> Order:
        """An unsigned order of a vault, to be looked at with `preview` before it is signed.

        Args:
            vault_id: Vault that trades.
            expiry: Expiry of the series.
            legs: What the buyer of one package receives, e.g. `["call:200", "-call:220"]`.
            side: "buy" or "sell": what the signer does with the package.
            price: Quote units per package.
            size: Packages.
            good_for: Seconds from the newest block for which the order is good.
            **other: Further fields of `orders.Order`, as integers.
        """
        if side not in ("buy", "sell"):
            raise BadInput(f"side is 'buy' or 'sell', not {side!r}.")
        client = self._client
        view = client.vaults.view(vault_id)
        at = parse_expiry(expiry)
        package = [package_leg(leg) for leg in legs]
        try:
            series = [(Series(view.market, leg.kind, at, to_strike(leg.strike)).pack(), leg.ratio) for leg in package]
            epoch = client.chain["Exchange"].call("epoch_for", vault_id, sorted(s for s, _ in series))
            return orders.build(
                maker_vault=vault_id,
                signer=client.address,
                legs=series,
                is_bid=side == "buy",
                price=to_wad(price),
                size=to_quantity(size),
                expiry=client.chain.rpc.timestamp() + good_for,
                **{"epoch": epoch, **other},
            )
        except ValueError as error:
            raise BadInput(f"That order has no valid form: {error}.") from error

    def sign(
        self,
        vault_id: int,
        expiry: str | int,
        legs: Iterable[PackageLeg | str],
        side: str,
        price: Decimal | int,
        size: Decimal | int,
        good_for: int = 300,
        **other: Any,
    ) -> SignedOrder:
        """`build` and `sign_order` at once."""
        return self.sign_order(self.build(vault_id, expiry, legs, side, price, size, good_for, **other))

    def sign_order(self, order: Order) -> SignedOrder:
        """Signs a built order with the account's key."""
        client = self._client
        signature = orders.sign(order, client.domain, client.key())
        return SignedOrder(order, signature, client.domain.chain_id, client.domain.exchange)

    def _check(self, signed: SignedOrder) -> None:
        domain = self._client.domain
        if signed.chain_id != domain.chain_id or signed.exchange.lower() != domain.exchange.lower():
            raise BadInput(
                f"The order was signed for the Exchange {signed.exchange} on chain {signed.chain_id}, not for this one."
            )

    def fill(
        self,
        signed: SignedOrder,
        vault_id: int | None = None,
        size: Decimal | None = None,
        deposit: Decimal | int = 0,
        model: str = "ES",
        limit_price: Decimal | None = None,
        max_fee: Decimal | None = None,
    ) -> int:
        """Takes an order into an own vault, or into a new one opened, funded and filled in one transaction.

        Args:
            signed: The order.
            vault_id: Own vault; None opens one.
            size: Packages; None takes all.
            deposit: Quote tokens for a new vault.
            model: Margin model of a new vault.
            limit_price: Worst price per package; None accepts the order's own.
            max_fee: Largest fee of the whole fill; None accepts any.

        Returns:
            Id of the vault.
        """
        self._check(signed)
        client = self._client
        exchange = client.chain["Exchange"]
        order = signed.order
        packages = MAX_UINT if size is None else to_quantity(size)
        limit = order.price if limit_price is None else to_wad(limit_price)
        market = client.chain.market(Series.unpack(order.legs[0].series).market)
        fee = MAX_UINT if max_fee is None else to_native(max_fee, market.decimals)
        if vault_id is not None:
            client.signer.execute(exchange, "fill", order.to_tuple(), signed.signature, vault_id, packages, limit, fee)
            return vault_id
        amount = to_native(deposit, market.decimals)
        client.ensure_allowance(market, client.chain["Clearinghouse"], amount)
        no_permit = (0, 0, 0, b"\0" * 32, b"\0" * 32)
        receipt = client.signer.execute(
            exchange, "open_and_fill", order.to_tuple(), signed.signature, int(parse_model(model)), amount, packages,
            limit, fee, no_permit,
        )  # fmt: skip
        return next(
            int(log.values.vault_id) for log in receipt.logs(client.chain.contracts) if log.event == "VaultOpened"
        )

    def preview(
        self,
        order: Order | SignedOrder,
        vault_id: int | None = None,
        size: Decimal | None = None,
        deposit: Decimal | int | None = None,
        model: str = "ES",
    ) -> FillPreview:
        """What a fill would do: the maker's side of an order, or the taker's in a vault named or a new one.

        Args:
            order: The order, signed or not (`build`).
            vault_id: Vault that would take; None looks at the maker's.
            size: Packages; None takes the whole order.
            deposit: Quote tokens of a vault that would be opened to take (`fill` without a vault).
            model: Margin model of that vault: ES, GREEKS or STATIC.
        """
        client = self._client
        if vault_id is not None and deposit is not None:
            raise BadInput("A fill goes into an existing vault or into a new one with a deposit, not into both.")
        found = order.order if isinstance(order, SignedOrder) else order
        series = Series.unpack(found.legs[0].series)
        market = client.chain.market(series.market)
        packages = found.size if size is None else to_quantity(size)
        (cell,) = read_cells(client.chain, [(series.market, series.expiry)]).values()
        fees = pricing.Fees.unpack(int(client.chain["Exchange"].call("trading", series.market)))
        terms = pricing.terms(found, packages, market.decimals, fees, cell.snapshot)
        is_maker = vault_id is None and deposit is None
        subject = found.maker_vault if vault_id is None else vault_id
        legs, cash = terms.received(found.is_bid == is_maker)
        fee = terms.maker_fee if is_maker else terms.taker_fee
        moved = [leg.pack() for leg in legs if leg.quantity]
        lens = client.chain["Lens"]
        if deposit is not None:
            chosen, tokens = parse_model(model), to_native(deposit, market.decimals)
            engine = system.engines({name: one.address for name, one in client.chain.deployment.contracts.items()})
            after = described(
                lens.call(
                    "preview_new", series.market, int(chosen), engine[chosen], series.expiry, moved, tokens + cash - fee
                )
            )
        else:
            seen = vault_view(lens.call("preview", subject, series.expiry, moved, cash - fee))
            if not isinstance(seen, VaultView):
                raise seen
            after = seen
        below, above = self._liquidation_prices(after, cell)
        deferred = found.premium_style == PremiumStyle.DEFERRED
        return FillPreview(
            price=from_wad(terms.price),
            premium=Decimal(terms.premium).scaleb(-6 if deferred else -market.decimals),
            fee=Decimal(fee).scaleb(-market.decimals),
            after=client.vaults.describe(after, market),
            passes=after.covered or after.equity >= after.initial_margin,
            liquidation_below=below,
            liquidation_above=above,
        )

    def _liquidation_prices(self, view: VaultView, cell: CellView) -> tuple[Decimal | None, Decimal | None]:
        if not view.legs or not view.priced:
            return None, None
        risk = RiskWord.unpack(cell.risk)
        if view.model == Model.STATIC:
            risk = risk.stamped(static.stamp(risk, max(cell.snapshot.sigma, cell.snapshot.sigma_now)))

        def engine(legs: Sequence[Leg], snapshot: Snapshot, risk: RiskWord) -> exact.Assessment:
            return exact.assess(legs, snapshot, risk, model=view.model)

        found = exact_prices(view.legs, cell.snapshot, risk, view.collateral, engine)
        return tuple(None if at is None else from_wad(at) for at in found)  # type: ignore[return-value]

    def close_all(self, vault_id: int, signed: Iterable[SignedOrder]) -> Receipt:
        """Takes several orders into one vault, all or none, and only if it ends without legs."""
        fills = [self._entry(one, vault_id) for one in signed]
        return self._client.signer.execute(self._client.chain["Exchange"], "fill_many", fills, 0, 0, vault_id)

    def roll(self, vault_id: int, closing: SignedOrder, opening: SignedOrder, into: int = 0, model: str = "ES") -> int:
        """Closes a vault against one order and opens against another with the freed tokens, in one transaction.

        Args:
            vault_id: Own vault that must end without legs.
            closing: Order that takes the position off.
            opening: Order of another expiry.
            into: Own vault to open in; 0 opens one.
            model: Margin model of an opened vault.

        Returns:
            Id of the vault that was opened in.
        """
        client = self._client
        fills = [self._entry(closing, vault_id), self._entry(opening, into)]
        arguments = (fills, int(parse_model(model)), MAX_UINT, vault_id)
        receipt = client.signer.execute(client.chain["Exchange"], "fill_many", *arguments)
        opened = [
            int(log.values.vault_id) for log in receipt.logs(client.chain.contracts) if log.event == "VaultOpened"
        ]
        return opened[0] if opened else into

    def _entry(self, signed: SignedOrder, vault_id: int) -> tuple[Any, ...]:
        self._check(signed)
        order = signed.order
        return (order.to_tuple(), signed.signature, vault_id, MAX_UINT, order.price, MAX_UINT)

    def cancel(self, signed: Iterable[SignedOrder]) -> Receipt:
        """Cancels orders by hash."""
        hashes = [orders.order_hash(s.order, self._client.domain) for s in signed]
        return self._client.signer.execute(self._client.chain["Exchange"], "cancel", hashes)

    def states(self, signed: Iterable[SignedOrder], vault_id: int = 0) -> list[tuple[str, Decimal, str]]:
        """(status, packages that can be filled, reason that a fill would meet) of orders.

        Args:
            signed: Up to 16 orders.
            vault_id: A vault of this account to fill into; without it only the makers' sides are looked at.
        """
        several = list(signed)
        for one in several:
            self._check(one)
        names = ("invalid", "open", "closing only", "not now", "filled", "cancelled", "expired")
        found = self._client.chain["OrderLens"].call(
            "order_states",
            [s.order.to_tuple() for s in several],
            [s.signature for s in several],
            self._client.address if vault_id else orders.ZERO_ADDRESS,
            vault_id,
        )
        return [(names[f["status"]], Decimal(f["fillable"]).scaleb(-6), str(f["reason"])) for f in found]


def parse_model(name: str) -> Model:
    """A margin model by name."""
    try:
        return Model[name.upper()]
    except KeyError:
        raise BadInput(f"{name!r} is not a margin model; there are ES, GREEKS and STATIC.") from None


__all__ = [
    "Bulkhead",
    "FillPreview",
    "Flags",
    "PackageLeg",
    "Permission",
    "PremiumStyle",
    "SignedOrder",
    "VaultInfo",
    "WAD",
    "words",
]
