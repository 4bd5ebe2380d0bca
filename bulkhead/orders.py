"""Signed orders: build, hash, sign, recover, store as JSON and hand to the chain.

An order is a package of up to four legs at one price (docs/orders.md). Every number here is the integer that goes on
chain; `Decimal` belongs to the caller's edge. Units: wad = 1e18, sizes 1e-6 packages, strikes 1e-8 quote.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from enum import IntEnum, IntFlag
from typing import Any

from eth_abi.abi import encode
from eth_account import Account
from eth_utils import keccak, to_checksum_address

from bulkhead import eip712 as eip712
from bulkhead.risk.words import Kind, Series
from bulkhead.signatures import expand

NAME = "Bulkhead Exchange"
VERSION = "1"
MAX_UINT = 2**256 - 1
ZERO_ADDRESS = "0x" + "00" * 20
MAX_LEGS = 4
#: Bounds of slip [bps of spot per contract] and of the time in which it grows to that [s].
MAX_SLIP = 10_000
MAX_PATIENCE = 3_600
_LEG_TYPE = b"OrderLeg(uint128 series,int64 ratio)"

#: EIP-712 types, in the order of their fields in interfaces/IExchange.vyi.
TYPES: eip712.Types = {
    "Order": eip712.fields(
        "uint256 maker_vault, address signer, address taker, OrderLeg[] legs, bool is_bid, "
        "int256 price, uint256 iv, uint256 slip, uint256 patience, uint256 size, uint256 min_fill, "
        "uint8 premium_style, uint256 max_fee, uint256 spot_min, uint256 spot_max, uint256 max_deficit, "
        "uint256 epoch, uint256 since, uint256 salt, uint256 expiry, uint8 flags"
    ),
    "OrderLeg": eip712.fields("uint128 series, int64 ratio"),
}


class OrderError(ValueError):
    """An order that no exchange would accept, or JSON that holds no order."""


class PremiumStyle(IntEnum):
    """How the premium of a package is paid."""

    UPFRONT = 0
    DEFERRED = 1


class Flags(IntFlag):
    """Flags of an order."""

    NONE = 0
    FILL_OR_KILL = 1
    REDUCE_ONLY = 2
    TOGETHER = 4


@dataclass(frozen=True)
class OrderLeg:
    """One leg of a package.

    Attributes:
        series: Series id (uint128).
        ratio: Contracts per package, signed: + the buyer of the package receives.
    """

    series: int
    ratio: int


@dataclass(frozen=True)
class Domain:
    """EIP-712 domain: one Exchange on one chain."""

    chain_id: int
    exchange: str

    def as_dict(self) -> dict[str, Any]:
        """The domain as wallets want it."""
        return eip712.domain(NAME, VERSION, self.chain_id, self.exchange)


@dataclass(frozen=True)
class Order:
    """An order as it is signed; the fields are described in interfaces/IExchange.vyi.

    Attributes:
        maker_vault: Vault that trades.
        signer: Owner of that vault.
        taker: Only account that may fill, or the zero address.
        legs: One to four legs, ascending by series.
        is_bid: The maker buys the package.
        price: Per package [wad quote], may be negative; with `iv` the worst price the maker takes.
        iv: 0, or the vol that prices the package at the fill [wad].
        slip: With iv 0: how far from mark the maker trades at most [bps of spot per contract]; 0 for no such bound.
        patience: 0, or the age of a round at which the slip is full; it grows from 0 [seconds].
        size: Packages [1e-6].
        min_fill: Packages [1e-6].
        premium_style: Upfront or deferred.
        max_fee: Maker's fee per package at most [wad quote].
        spot_min: Lowest spot [wad quote].
        spot_max: Highest spot [wad quote].
        max_deficit: Largest recorded deficit of the cell at which the maker trades [wad]. One that only reduces, with
            upfront premium, has none.
        epoch: Epoch of the vault (low 64 bits) and the maker's counter above; `Exchange.epoch_for` tells it.
        since: No round stamped earlier makes the slip grow [unix seconds].
        salt: Makes equal orders different; orders signed TOGETHER share it.
        expiry: Last second at which the order is good [unix seconds].
        flags: FILL_OR_KILL, REDUCE_ONLY, TOGETHER.
    """

    maker_vault: int
    signer: str
    legs: tuple[OrderLeg, ...]
    is_bid: bool
    price: int
    size: int
    expiry: int
    taker: str = ZERO_ADDRESS
    iv: int = 0
    slip: int = 0
    patience: int = 0
    min_fill: int = 0
    premium_style: PremiumStyle = PremiumStyle.UPFRONT
    max_fee: int = MAX_UINT
    spot_min: int = 0
    spot_max: int = MAX_UINT
    max_deficit: int = 0
    epoch: int = 0
    since: int = 0
    salt: int = 0
    flags: Flags = Flags.NONE

    def message(self) -> dict[str, Any]:
        """The order as an EIP-712 message."""
        return {
            "maker_vault": self.maker_vault,
            "signer": to_checksum_address(self.signer),
            "taker": to_checksum_address(self.taker),
            "legs": [{"series": leg.series, "ratio": leg.ratio} for leg in self.legs],
            "is_bid": self.is_bid,
            "price": self.price,
            "iv": self.iv,
            "slip": self.slip,
            "patience": self.patience,
            "size": self.size,
            "min_fill": self.min_fill,
            "premium_style": int(self.premium_style),
            "max_fee": self.max_fee,
            "spot_min": self.spot_min,
            "spot_max": self.spot_max,
            "max_deficit": self.max_deficit,
            "epoch": self.epoch,
            "since": self.since,
            "salt": self.salt,
            "expiry": self.expiry,
            "flags": int(self.flags),
        }

    def to_tuple(self) -> tuple[Any, ...]:
        """The order as the ABI tuple that the Exchange takes."""
        message = self.message()
        message["legs"] = [(leg.series, leg.ratio) for leg in self.legs]
        return tuple(message[field["name"]] for field in TYPES["Order"])

    def to_json(self) -> dict[str, Any]:
        """The order as JSON: integers beyond 2^53 do not survive every parser, so all are decimal strings."""
        message = self.message()
        message["legs"] = [{"series": str(leg.series), "ratio": str(leg.ratio)} for leg in self.legs]
        return {
            name: str(value) if isinstance(value, int) and not isinstance(value, bool) else value
            for name, value in message.items()
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Order:
        """The order of `to_json`; says which field is missing or wrong."""
        values: dict[str, Any] = {}
        for field in TYPES["Order"]:
            name = field["name"]
            if name not in data:
                raise OrderError(f"order without field {name!r}")
            try:
                values[name] = _parse(field["type"], data[name])
            except (TypeError, ValueError, KeyError) as error:
                raise OrderError(f"order field {name!r} is not a {field['type']}: {data[name]!r}") from error
        unknown = sorted(set(data) - set(values))
        if unknown:
            raise OrderError(f"order with unknown field {unknown[0]!r}")
        values["premium_style"] = PremiumStyle(values["premium_style"])
        values["flags"] = Flags(values["flags"])
        return cls(**values)


@dataclass(frozen=True)
class Asked:
    """What a taker gives and wants, beside the order; the fields are those of `IExchange.Fill`.

    Attributes:
        limit_price: Worst price per package [wad quote].
        taker_vault: Own vault; 0 where one is opened.
        size: Packages [1e-6]; MAX_UINT takes all that is left.
        max_fee: Largest fee of the whole fill [native].
        max_deficit: Largest recorded deficit of the cell at which the taker trades [wad].
        round_id: Round whose age the order's slip has grown by; 0 for none.
    """

    limit_price: int
    taker_vault: int = 0
    size: int = MAX_UINT
    max_fee: int = MAX_UINT
    max_deficit: int = 0
    round_id: int = 0

    def to_tuple(self, order: Order, signature: bytes) -> tuple[Any, ...]:
        """The ABI tuple that `fill`, `open_and_fill` and `fill_many` take."""
        return (
            order.to_tuple(), signature, self.taker_vault, self.size, self.limit_price, self.max_fee,
            self.max_deficit, self.round_id,
        )  # fmt: skip


def _parse(kind: str, value: Any) -> Any:
    if kind == "OrderLeg[]":
        return tuple(OrderLeg(int(leg["series"]), int(leg["ratio"])) for leg in value)
    if kind == "address":
        return to_checksum_address(value)
    if kind == "bool":
        if not isinstance(value, bool):
            raise TypeError("not a bool")
        return value
    if isinstance(value, (bool, float)):
        raise TypeError("not an integer")
    number = int(value)
    bits = int(kind.lstrip("uint"))
    low, high = (0, 2**bits) if kind.startswith("u") else (-(2 ** (bits - 1)), 2 ** (bits - 1))
    if not low <= number < high:
        raise ValueError("out of range")
    return number


def build(
    *,
    maker_vault: int,
    signer: str,
    legs: Iterable[tuple[Series | int, int]],
    is_bid: bool,
    price: int,
    size: int,
    expiry: int,
    **other: Any,
) -> Order:
    """An order whose form the Exchange accepts: legs sorted, checked, and a random salt.

    Args:
        maker_vault: Vault that trades.
        signer: Its owner.
        legs: (series, ratio) pairs in any order.
        is_bid: The maker buys the package.
        price: Per package [wad quote].
        size: Packages [1e-6].
        expiry: Last second at which the order is good [unix seconds].
        **other: Any other field of `Order`.

    Raises:
        OrderError: when the Exchange would refuse the form.
    """
    packed = sorted(
        (OrderLeg(series.pack() if isinstance(series, Series) else series, ratio) for series, ratio in legs),
        key=lambda leg: leg.series,
    )
    other.setdefault("salt", secrets.randbits(128))
    order = Order(
        maker_vault=maker_vault,
        signer=to_checksum_address(signer),
        legs=tuple(packed),
        is_bid=is_bid,
        price=price,
        size=size,
        expiry=expiry,
        **other,
    )
    check(order)
    return order


def check(order: Order) -> None:
    """Raises `OrderError` with the contract's own reason when the form of an order does not hold."""
    if not 1 <= len(order.legs) <= MAX_LEGS:
        raise OrderError("order/no-legs: an order has one to four legs")
    ranges = (
        0 < order.size < 2**63,
        abs(order.price) <= 2**127,
        0 <= order.iv <= 100 * 10**18,
        int(order.premium_style) in (0, 1),
        0 <= int(order.flags) <= 7,
        all(leg.ratio != 0 and abs(leg.ratio) * order.size < 2**63 for leg in order.legs),
    )
    if not all(ranges):
        raise OrderError("order/out-of-range")
    _check_bounds(order)
    if any(a.series >= b.series for a, b in zip(order.legs, order.legs[1:], strict=False)):
        raise OrderError("order/legs-unsorted")
    try:
        series = [Series.unpack(leg.series) for leg in order.legs]
    except ValueError as error:
        raise OrderError("order/bad-series") from error
    if len({(one.market, one.expiry) for one in series}) != 1:
        raise OrderError("order/wrong-cell")
    if all(one.kind == Kind.CASH for one in series):
        raise OrderError("order/only-cash")


def has_band(order: Order) -> bool:
    """Whether an order is good within a range of spot only."""
    return order.spot_min != 0 or order.spot_max != MAX_UINT


def _check_bounds(order: Order) -> None:
    if not 0 <= order.slip <= MAX_SLIP:
        raise OrderError(f"order/out-of-range: slip is at most {MAX_SLIP:,} bps of spot, not {order.slip:,}")
    if not 0 <= order.patience <= MAX_PATIENCE:
        raise OrderError(f"order/out-of-range: patience is at most {MAX_PATIENCE:,} s, not {order.patience:,}")
    if order.flags & Flags.TOGETHER and order.salt == 0:
        raise OrderError("order/together-without-salt: orders that take from one another share a salt that is not 0")
    if order.iv and order.slip:
        raise OrderError("order/slip-with-iv: an order is priced by a vol or by slip off mark, not by both")
    if order.patience and not (order.slip and has_band(order)):
        raise OrderError(
            "order/patience-without-bounds: patience lets slip grow while spot is in a band, so it needs both"
        )


def size_refusal(order: Order, filled: int, size: int, reducible: int = MAX_UINT) -> str:
    """Why a live order does not allow a fill of a size, "" when it does; equal to contracts/exchange/order_rules.vy.

    Args:
        order: The order.
        filled: Packages filled before [1e-6].
        size: Packages to fill [1e-6].
        reducible: Packages that only reduce [1e-6]; of a reduce-only order.
    """
    unfilled = order.size - filled
    left = unfilled
    if order.flags & Flags.REDUCE_ONLY:
        left = min(unfilled, reducible)
        if left == 0 or left < size <= unfilled:
            return "exchange/reduce-only"
    if size > left:
        return "exchange/above-remainder"
    if size <= 0 or size < min(order.min_fill, left):
        return "exchange/below-min-fill"
    if order.flags & Flags.FILL_OR_KILL and size != left:
        return "exchange/fill-or-kill"
    return ""


def typed_data(order: Order, domain: Domain) -> dict[str, Any]:
    """Full EIP-712 document, as `eth_signTypedData_v4` takes it."""
    return eip712.document(TYPES, domain.as_dict(), order.message())


def order_hash(order: Order, domain: Domain) -> bytes:
    """EIP-712 digest: what is signed, and the order's name in events. Equal to `Exchange.hash_order`."""
    return eip712.digest(typed_data(order, domain))


def group_key(maker_vault: int, legs: Iterable[OrderLeg], is_bid: bool, salt: int) -> bytes:
    """Under which key of their signer it is kept how far orders signed TOGETHER have gone."""
    hashes = b"".join(keccak(keccak(_LEG_TYPE) + encode(["uint128", "int64"], [leg.series, leg.ratio])) for leg in legs)
    return keccak(encode(["uint256", "bytes32", "bool", "uint256"], [maker_vault, keccak(hashes), is_bid, salt]))


def order_key(order: Order, domain: Domain) -> bytes:
    """Under which key of its signer it is kept how far an order has gone. Equal to `OrderLens.key_of`."""
    if order.flags & Flags.TOGETHER:
        return group_key(order.maker_vault, order.legs, order.is_bid, order.salt)
    return order_hash(order, domain)


def sign(order: Order, domain: Domain, private_key: str | bytes) -> bytes:
    """65-byte signature (r, s, v) of an order."""
    return bytes(Account.sign_message(eip712.signable(typed_data(order, domain)), private_key).signature)


def recover(order: Order, domain: Domain, signature: bytes) -> str:
    """Checksummed address whose key signed the order."""
    return str(Account.recover_message(eip712.signable(typed_data(order, domain)), signature=expand(signature)))


def with_changes(order: Order, **changes: Any) -> Order:
    """A copy of an order with other fields; its signature is another one."""
    known = {field.name for field in fields(Order)}
    unknown = sorted(set(changes) - known)
    if unknown:
        raise OrderError(f"order has no field {unknown[0]!r}")
    return replace(order, **changes)
