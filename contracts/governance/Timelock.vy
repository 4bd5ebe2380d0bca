# pragma version 0.4.3
# pragma optimize codesize
"""
@title Timelock: an owner that gives notice
@license AGPL-3.0-only
@notice Owns RiskParameters, and with it every right of an owner: no number changes, no market is listed and no
        publisher is named before everybody had two days to read of it and to leave. Proposers schedule, cancel and
        execute; the protocol's guardian is no role here. Owns: its schedule. Trusts: its proposers to propose.
        Assumes: nothing about the calls it is told to make.
@dev snekmate's timelock_controller. Its delay cannot change: `update_delay` is not exported, a shorter delay is
     another owner, and that takes the longer one first. Roles change by scheduled calls to itself alone.
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
    timelock_controller.execute,
    timelock_controller.execute_batch,
)


interface IOwnable2Step:
    def accept_ownership(): nonpayable


LEAST_DELAY: constant(uint256) = 2 * 86400
GREATEST_DELAY: constant(uint256) = 30 * 86400


@deploy
def __init__(delay: uint256, proposers: DynArray[address, 255]):
    """
    @notice Names the proposers, who also cancel and execute.
    @param delay Least time between a proposal and its execution [seconds], 2 to 30 days.
    @param proposers Accounts, better a contract of several signers than one key.
    """
    assert delay >= LEAST_DELAY and delay <= GREATEST_DELAY, "timelock/delay-range"
    assert len(proposers) != 0, "timelock/no-proposer"
    for proposer: address in proposers:
        assert proposer != empty(address), "timelock/empty-proposer"
    access_control.__init__()
    timelock_controller.__init__(delay, proposers, proposers, empty(address))


@external
def accept(target: address):
    """
    @notice Takes over an ownership that was offered to this contract. Anyone: it can only add to what needs notice.
    @param target A contract whose owner has proposed this one.
    """
    extcall IOwnable2Step(target).accept_ownership()
