"""What a transaction looks like at its first try and at each later one: the attempt, and its signed versions."""

from __future__ import annotations

from uuid import uuid4

from bulkhead.keeper.calls import Call
from bulkhead.keeper.journal import OPEN, Attempt, Send
from bulkhead.keeper.node import Head
from bulkhead.keeper.signing import Signer

EMPTY_GAS = 21_000


def of_call(call: Call, gas: int, cap: int, nonce: int, head: Head) -> Attempt:
    """A call that goes out for the first time, not signed yet."""
    return Attempt(
        id=uuid4().hex[:12],
        key=call.key,
        name=call.name,
        to=call.to,
        data=call.data,
        gas=min(gas, head.gas_limit),
        nonce=nonce,
        cap=cap,
        state=OPEN,
        planned_block=head.number,
        fields=call.fields(),
        value=call.value,
    )


def of_nothing(account: str, cap: int, nonce: int, head: Head) -> Attempt:
    """An empty transaction that takes a nonce from one nobody knows."""
    return Attempt(
        id=uuid4().hex[:12],
        key=f"unblock:{nonce}",
        name="unblock",
        to=account,
        data=b"",
        gas=EMPTY_GAS,
        nonce=nonce,
        cap=cap,
        state=OPEN,
        planned_block=head.number,
        fields={"action": "unblock"},
        account=account,
    )


def signed(signer: Signer, attempt: Attempt, fees: tuple[int, int], head: Head, cancels: bool = False) -> Send:
    """A version of an attempt at these fees (most, tip) [wei per gas]; one that cancels it does nothing."""
    to, data, gas, value = attempt.to, attempt.data, attempt.gas, attempt.value
    if cancels:
        to, data, gas, value = signer.address, b"", EMPTY_GAS, 0
    raw, name = signer.sign(to, data, attempt.nonce, gas, *fees, value)
    return Send(name, raw, fees[0], fees[1], head.number, cancels)
