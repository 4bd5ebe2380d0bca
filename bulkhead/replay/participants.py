"""Who takes part in a replay and what they hold: one maker, six traders, eight isolated vaults.

Everything is relative to the first price, so the same vaults fit any market: strikes are shares of spot, sizes
are about twenty thousand dollars of notional each, deposits are multiples of the initial margin.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from bulkhead.client.packages import PackageLeg
from bulkhead.risk.words import Kind

#: Notional of a vault [quote].
NOTIONAL = 20_000
MAKER = "maker"
#: Vol at which the maker prices options [wad], and the edge over that price.
MAKER_VOL = 75 * 10**16
EDGE = Decimal("0.01")


@dataclass(frozen=True)
class PlannedVault:
    """One vault of the replay.

    Attributes:
        who: Owner.
        title: What it is, in words.
        legs: The package; strikes are shares of spot here.
        buys: The trader buys the package from the maker.
        deferred: The premium is a cash leg instead of tokens.
        cushion: Equity right after the fill as a multiple of IM; 0 deposits just what makes it fully paid.
    """

    who: str
    title: str
    legs: tuple[PackageLeg, ...]
    buys: bool
    deferred: bool
    cushion: Decimal


def _call(share: str, ratio: int = 1) -> PackageLeg:
    return PackageLeg(Kind.CALL, Decimal(share), ratio)


def _put(share: str, ratio: int = 1) -> PackageLeg:
    return PackageLeg(Kind.PUT, Decimal(share), ratio)


PLANNED_VAULTS: tuple[PlannedVault, ...] = (
    PlannedVault("Ada", "short put", (_put("0.9"),), False, False, Decimal("1.5")),
    PlannedVault("Ada", "fully paid long put", (_put("0.8"),), True, False, Decimal(0)),
    PlannedVault("Boris", "short call", (_call("1.1"),), False, False, Decimal("1.5")),
    PlannedVault("Chen", "straddle, the call", (_call("1"),), True, True, Decimal("1.2")),
    PlannedVault("Chen", "straddle, the put", (_put("1"),), True, True, Decimal("1.2")),
    PlannedVault(
        "Dora",
        "iron condor",
        (_put("0.93"), _put("0.85", -1), _call("1.07"), _call("1.15", -1)),
        False,
        False,
        Decimal("1.3"),
    ),
    PlannedVault("Emil", "leveraged future", (PackageLeg(Kind.FUTURE, Decimal(0), 1),), True, True, Decimal("1.5")),
    PlannedVault("Farah", "fully paid long call", (_call("1.05"),), True, False, Decimal(0)),
)

TRADERS: tuple[str, ...] = tuple(dict.fromkeys(planned.who for planned in PLANNED_VAULTS))
#: Everybody, in the order of their accounts: account 0 deploys and moves the feed.
ROLES: tuple[str, ...] = ("deployer", MAKER, *TRADERS, "keeper", "insurer")
