# pragma version 0.4.3
"""
@title Test taker whose callback does what it is told
@license AGPL-3.0-only
@notice Owns vaults and takes with a callback. The callback makes the scripted calls, each either required to succeed
        or tried, and counts which of the tried ones went through. For tests only.
"""
from interfaces import ILiquidator
from interfaces import ITaker

implements: ITaker

interface ILiquidatorTake:
    def take(
        vault_id: uint256,
        fraction: uint256,
        into_id: uint256,
        limits: ILiquidator.TakeLimits,
        deadline: uint256,
        data: Bytes[1024],
    ) -> int256: nonpayable

struct Step:
    target: address
    data: Bytes[4096]
    required: bool

steps: DynArray[Step, 32]
# bit i is set when step i went through
passed: public(uint256)
calls: public(uint256)
# what the last failed step was told
refusal: public(Bytes[256])
last: public(int256)


@external
def script(steps: DynArray[Step, 32]):
    """
    @notice Sets what the callback does.
    """
    self.steps = steps


@external
def act(target: address, data: Bytes[4096]) -> Bytes[32]:
    """
    @notice Calls anything as this account.
    """
    return raw_call(target, data, max_outsize=32)


@external
def take(liquidator: address, vault_id: uint256, fraction: uint256, into_id: uint256, data: Bytes[1024]):
    """
    @notice Takes with this account as the taker.
    """
    self.passed = 0
    self.last = extcall ILiquidatorTake(liquidator).take(
        vault_id,
        fraction,
        into_id,
        ILiquidator.TakeLimits(min_received=min_value(int256), min_bonus=0, max_fraction=0, min_spot=0, max_spot=0),
        max_value(uint256),
        data,
    )


@external
def on_take(vault_id: uint256, into_id: uint256, fraction: uint256, cash: int256, data: Bytes[1024]):
    """
    @notice The callback of a take.
    """
    self.calls += 1
    for i: uint256 in range(32):
        if i >= len(self.steps):
            break
        step: Step = self.steps[i]
        done: bool = False
        answer: Bytes[256] = b""
        done, answer = raw_call(step.target, step.data, max_outsize=256, revert_on_failure=False)
        if not done:
            self.refusal = answer
        assert done or not step.required, "hostile/step-failed"
        if done:
            self.passed |= 1 << i
