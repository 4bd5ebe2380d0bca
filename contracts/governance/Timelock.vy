# pragma version 0.4.3
# pragma optimize codesize
"""
@title Timelock: an owner that gives notice
@license AGPL-3.0-only
@notice Owns RiskParameters, and with it every right of an owner: no number changes, no market is listed and no
        publisher is named before everybody had eight days to read of it and to leave: a day more than the cooldowns of
        depositors. A proposal lapses 14 days after it is due, so that nobody keeps changes in stock. Proposers schedule,
        cancel and execute; the protocol's guardian is no role here. Owns: its schedule. Trusts: its proposers to
        propose. Assumes: nothing about the calls it is told to make.
@dev snekmate's timelock_controller. Its delay cannot change: `update_delay` is not exported, a shorter delay is
     another owner, and that takes the longer one first. Roles change by scheduled calls to itself alone. What has
     lapsed is still "ready" to the controller: it can be cancelled, and then scheduled again.
     `execute` is for proposers: whoever may pick the moment of a change could pick the middle of a transaction.
"""

from snekmate.auth import access_control
from snekmate.governance import timelock_controller

initializes: access_control
initializes: timelock_controller[access_control := access_control]

exports: (
    timelock_controller.PROPOSER_ROLE,
    timelock_controller.EXECUTOR_ROLE,
    timelock_controller.CANCELLER_ROLE,
    timelock_controller.DEFAULT_ADMIN_ROLE,
    timelock_controller.hasRole,
    timelock_controller.getRoleAdmin,
    timelock_controller.grantRole,
    timelock_controller.revokeRole,
    timelock_controller.renounceRole,
    timelock_controller.supportsInterface,
    timelock_controller.get_minimum_delay,
    timelock_controller.get_timestamp,
    timelock_controller.get_operation_state,
    timelock_controller.is_operation,
    timelock_controller.is_operation_pending,
    timelock_controller.is_operation_ready,
    timelock_controller.is_operation_done,
    timelock_controller.hash_operation,
    timelock_controller.hash_operation_batch,
    timelock_controller.schedule,
    timelock_controller.schedule_batch,
    timelock_controller.cancel,
)


interface IOwnable2Step:
    def accept_ownership(): nonpayable


LEAST_DELAY: constant(uint256) = 8 * 86400
GREATEST_DELAY: constant(uint256) = 30 * 86400
# a proposal can be executed for so long
LIFE: constant(uint256) = 14 * 86400


@deploy
def __init__(delay: uint256, proposers: DynArray[address, 255]):
    """
    @notice Names the proposers, who also cancel and execute.
    @param delay Least time between a proposal and its execution [seconds], 8 to 30 days.
    @param proposers Accounts, better a contract of several signers than one key.
    """
    assert delay >= LEAST_DELAY and delay <= GREATEST_DELAY, "timelock/delay-range"
    assert len(proposers) != 0, "timelock/no-proposer"
    for proposer: address in proposers:
        assert proposer != empty(address), "timelock/empty-proposer"
    access_control.__init__()
    timelock_controller.__init__(delay, proposers, proposers, empty(address))


@internal
@view
def _check_ready(id: bytes32, predecessor: bytes32):
    timelock_controller._before_call(id, predecessor)
    assert block.timestamp < timelock_controller.get_timestamp[id] + LIFE, "timelock/lapsed"


@external
@payable
def execute(target: address, amount: uint256, payload: Bytes[1024], predecessor: bytes32, salt: bytes32):
    """
    @notice Makes a call that is due, for 14 days. Only proposers.
    @param target Contract to call.
    @param amount Native tokens to send along [wei].
    @param payload Call data.
    @param predecessor Operation that must be done, 0 for none.
    @param salt As scheduled.
    """
    timelock_controller._only_role_or_open_role(timelock_controller.EXECUTOR_ROLE)
    id: bytes32 = timelock_controller._hash_operation(target, amount, payload, predecessor, salt)
    self._check_ready(id, predecessor)
    timelock_controller._execute(target, amount, payload)
    log timelock_controller.CallExecuted(
        id=id, index=0, target=target, amount=amount, payload=payload
    )
    timelock_controller._after_call(id)


@external
@payable
def execute_batch(
    targets: DynArray[address, timelock_controller._DYNARRAY_BOUND],
    amounts: DynArray[uint256, timelock_controller._DYNARRAY_BOUND],
    payloads: DynArray[Bytes[1024], timelock_controller._DYNARRAY_BOUND],
    predecessor: bytes32,
    salt: bytes32,
):
    """
    @notice Makes calls that are due, for 14 days: all of them or none. Only proposers.
    @param targets Contracts to call.
    @param amounts Native tokens to send along with each [wei].
    @param payloads Call data of each.
    @param predecessor Operation that must be done, 0 for none.
    @param salt As scheduled.
    """
    timelock_controller._only_role_or_open_role(timelock_controller.EXECUTOR_ROLE)
    assert (
        len(targets) == len(amounts) and len(targets) == len(payloads)
    ), "timelock/length"
    id: bytes32 = timelock_controller._hash_operation_batch(
        targets, amounts, payloads, predecessor, salt
    )
    self._check_ready(id, predecessor)
    i: uint256 = 0
    for target: address in targets:
        timelock_controller._execute(target, amounts[i], payloads[i])
        log timelock_controller.CallExecuted(
            id=id, index=i, target=target, amount=amounts[i], payload=payloads[i]
        )
        i += 1
    timelock_controller._after_call(id)


@external
@view
def lapses_at(id: bytes32) -> uint256:
    """
    @notice When a proposal can no longer be executed.
    @param id Of the operation.
    @return Unix seconds; 0 when it is not scheduled, has been cancelled or is done.
    """
    if not timelock_controller._is_operation_pending(id):
        return 0
    return timelock_controller.get_timestamp[id] + LIFE


@external
def accept(target: address):
    """
    @notice Takes over an ownership that was offered to this contract. Anyone: it can only add to what needs notice.
    @param target A contract whose owner has proposed this one.
    """
    extcall IOwnable2Step(target).accept_ownership()
