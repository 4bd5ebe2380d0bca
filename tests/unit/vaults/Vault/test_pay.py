"""Custody clones: one master, all or nothing."""

import boa

from tests.contracts import deployer
from tests.worlds.system import EMPTY

REFUSING = """
@external
def transfer(to: address, amount: uint256) -> bool:
    return False
"""

SILENT = """
paid: public(HashMap[address, uint256])
@external
def transfer(to: address, amount: uint256):
    self.paid[to] += amount
"""


def test_pay__anyone_but_the_controller__refused(system, trader, stranger):
    vault = system.open(trader, 100)
    custody = deployer("Vault").at(system.clearinghouse.custody(vault))
    assert custody.controller() == system.at["Clearinghouse"]
    for caller in (trader, stranger, system.at["Exchange"], system.at["Liquidator"]):
        with boa.env.prank(caller), boa.reverts("vault/only-controller"):
            custody.pay(system.market.token.address, [stranger, EMPTY], [1, 0])
    target = deployer("Vault").at(system.at["VaultTarget"])
    with boa.env.prank(stranger), boa.reverts("vault/only-controller"):
        target.pay(system.market.token.address, [stranger, EMPTY], [1, 0])


def test_pay__second_transfer_fails__first_is_undone(system, trader, stranger):
    vault = system.open(trader, 100)
    custody = deployer("Vault").at(system.clearinghouse.custody(vault))
    with boa.env.prank(system.at["Clearinghouse"]), boa.reverts():
        custody.pay(system.market.token.address, [stranger, trader], [60 * 10**6, 60 * 10**6])
    assert system.balance(vault) == 100 * 10**6


def test_pay__token_that_answers_false__is_a_failure(system, trader):
    custody = deployer("Vault").at(system.clearinghouse.custody(system.open(trader)))
    token = boa.loads(REFUSING)
    with boa.env.prank(system.at["Clearinghouse"]), boa.reverts("vault/transfer-refused"):
        custody.pay(token.address, [trader, EMPTY], [1, 0])


def test_pay__token_that_answers_nothing__is_fine(system, trader, stranger):
    custody = deployer("Vault").at(system.clearinghouse.custody(system.open(trader)))
    token = boa.loads(SILENT)
    with boa.env.prank(system.at["Clearinghouse"]):
        custody.pay(token.address, [trader, stranger], [3, 4])
    assert (token.paid(trader), token.paid(stranger)) == (3, 4)


def test_init__without_controller__refused(system):
    with boa.reverts("vault/zero-controller"):
        deployer("Vault").deploy(EMPTY)
