"""When a transaction in flight has to give way: its cap no longer pays, and what waits behind its nonce would. Pure."""

from __future__ import annotations

from bulkhead.keeper.fees import FeePolicy
from bulkhead.keeper.journal import Attempt
from bulkhead.keeper.node import Head
from bulkhead.keeper.nonces import Nonces


def behind(attempt: Attempt, nonces: Nonces) -> int:
    """The most that anything waiting behind an attempt's nonce may pay per gas [wei]."""
    return max((a.cap for a in nonces.open.values() if a.nonce > attempt.nonce), default=0)


def blocks(attempt: Attempt, nonces: Nonces, fees: FeePolicy, head: Head) -> bool:
    """Whether an attempt's own cap no longer pays for a block, and something behind it would."""
    own = max(attempt.cap, fees.duty_cap)
    if attempt.last.max_fee >= fees.least(head.base_fee) or fees.first(head.base_fee, own) is not None:
        return False
    return fees.first(head.base_fee, behind(attempt, nonces)) is not None
