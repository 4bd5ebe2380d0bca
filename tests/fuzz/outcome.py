"""What the outcome of a call may be.

A call passes or is refused. A refusal is fine when it has a name: one of this project's (`bulkhead.chain.reasons`), or
one of snekmate's, whose bases some contracts are built on. Vyper itself refuses without a name: call data that the
types of the function cannot hold, and arithmetic that leaves its type. Such a refusal is fine in three cases only, for
call data that is of its types nowhere but in the functions of `NAMELESS`. A panic, an invalid opcode and the end of
the gas are never fine.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from eth.exceptions import Revert

from bulkhead.chain import reasons, revert_data
from tests.evm import Computation

#: Openings of the sentences of snekmate's modules.
BASES = ("erc20: ", "ownable: ", "ownable_2step: ", "access_control: ", "timelock_controller: ")
#: Of the test doubles that stand for what is not the project's: tokens and Pyth's contract.
DOUBLES = ("token/", "mock/")
#: No token has as many units, no clock as many seconds, and no price as many 1e-18.
UNREASONABLE = 2**128


class Outcome(StrEnum):
    """How a call ended."""

    PASSED = "passed"
    NAMED = "refused by name"
    UNDECODED = "not of its types"
    OVERFLOW = "an unreasonable number"
    CALLED = "an address that is not what it is called as"
    INNER = "rubbish inside of bytes"
    BAD = "BAD"


#: Functions that may refuse data of their types without a name, and when. OVERFLOW: a number of UNREASONABLE size is
#: in their arguments; ERC-4626 leaves that case to the arithmetic, and words of vaults and snapshots are only packed
#: by the contracts whose calls these are. CALLED: they call an address that their caller names, or the caller.
NAMELESS: dict[str, tuple[Outcome, ...]] = {
    **{
        f"{pool}.{name}": (Outcome.OVERFLOW,)
        for pool in ("BackstopPool", "MakerVault")
        for name in (
            "convertToAssets", "convertToShares", "deposit", "mint", "previewDeposit", "previewMint", "previewRedeem",
            "previewWithdraw", "redeem", "withdraw",
        )
    },
    "Clearinghouse.multicall": (Outcome.INNER,),
    "Clearinghouse.transfer_legs": (Outcome.OVERFLOW,),
    "Exchange.collect_fees": (Outcome.CALLED,),
    "CloseGate.closes": (Outcome.OVERFLOW,),
    "CloseGate.review": (Outcome.OVERFLOW,),
    "FeedCheck.fallback_word": (Outcome.OVERFLOW,),
    "FeedCheck.listing": (Outcome.OVERFLOW,),
    "FillCheck.check_fill": (Outcome.OVERFLOW,),
    "Lens.preview": (Outcome.OVERFLOW,),
    "Lens.preview_new": (Outcome.CALLED, Outcome.OVERFLOW),
    "Liquidator.take": (Outcome.CALLED,),
    "MakerVault.isValidSignature": (Outcome.INNER,),
    "MarginGate.check": (Outcome.OVERFLOW,),
    "MarginGate.check_own": (Outcome.OVERFLOW,),
    "MarginGate.review": (Outcome.OVERFLOW,),
    # more moments than it has room for
    "PythAdapter.prices_at": (Outcome.UNDECODED, Outcome.OVERFLOW),
    "RedStoneAdapter.prices_at": (Outcome.UNDECODED, Outcome.OVERFLOW),
    "PythAdapter.bring_many": (Outcome.OVERFLOW,),
    "RedStoneAdapter.bring_many": (Outcome.OVERFLOW,),
    "RiskLens.liquidation_prices": (Outcome.OVERFLOW,),
    "RiskLens.profile": (Outcome.OVERFLOW,),
    "RiskLens.profile_of": (Outcome.OVERFLOW,),
    "RiskParameters.list_market": (Outcome.CALLED,),
    "Timelock.accept": (Outcome.CALLED,),
    "TradeLens.preview": (Outcome.OVERFLOW,),
    "TradeLimits.bound_price": (Outcome.OVERFLOW,),
    "TradeLimits.is_negative": (Outcome.OVERFLOW,),
    "TradeLimits.preview_check": (Outcome.OVERFLOW,),
    "VaultToken.safeTransferFrom": (Outcome.CALLED,),
    "VolFolder.fold": (Outcome.OVERFLOW,),
}  # fmt: skip


def is_unreasonable(value: Any) -> bool:
    """Whether a number of a call is beyond what any token, clock or price can be."""
    if isinstance(value, bool | bytes | str) or value is None:
        return False
    if isinstance(value, int):
        return abs(value) >= UNREASONABLE
    return any(is_unreasonable(part) for part in (value.values() if isinstance(value, dict) else value))


def judged(name: str, made: Computation, arguments: Any) -> tuple[Outcome, str]:
    """How a call ended, and what it said.

    Args:
        name: `Contract.function`.
        made: The call.
        arguments: Of its types and within every bound; None when the call data may not be.
    """
    if not made.is_error:
        return Outcome.PASSED, ""
    told = revert_data.decode(made.output)
    if not isinstance(made.error, Revert) or (told and told.startswith("panic/")):
        return Outcome.BAD, told or str(made.error)
    if told in reasons.SENTENCES or told.startswith(BASES) or told.startswith(DOUBLES):
        return Outcome.NAMED, told
    if made.output:
        return Outcome.BAD, told or made.output.hex()[:80]
    if arguments is None:
        return Outcome.UNDECODED, ""
    for kind in NAMELESS.get(name, ()):
        if kind is not Outcome.OVERFLOW or is_unreasonable(arguments):
            return kind, ""
    return Outcome.BAD, "no name"
