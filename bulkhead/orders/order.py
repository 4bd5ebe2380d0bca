"""An order and its parts: fields, as JSON, as an EIP-712 message and as the tuple that the Exchange takes."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from enum import IntEnum, IntFlag
from typing import Any

from eth_utils import to_checksum_address

from bulkhead import eip712

MAX_UINT = 2**256 - 1
ZERO_ADDRESS = "0x" + "00" * 20

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


# a checksum is a hash, and a ladder is a hundred orders of one signer
_checksummed = functools.lru_cache(1_024)(to_checksum_address)


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
    """One leg of a package: a series id (uint128) and its contracts per package, + where the buyer receives."""

    series: int
    ratio: int


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
            "signer": _checksummed(self.signer),
            "taker": _checksummed(self.taker),
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


def with_changes(order: Order, **changes: Any) -> Order:
    """A copy of an order with other fields; its signature is another one."""
    unknown = sorted(set(changes) - {field.name for field in fields(Order)})
    if unknown:
        raise OrderError(f"order has no field {unknown[0]!r}")
    return replace(order, **changes)
