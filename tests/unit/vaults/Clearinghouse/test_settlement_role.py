"""What Settlement and Liquidator ask of the ledger, at the wrong moment and with too little gas."""

import boa

from tests.worlds.system import put, weekly

EXPIRY = weekly(1)
#: Gross, open interest, marks, owed, tip, who is tipped.
NOTHING = (0, 0, 0, 0, 0, "0x" + "00" * 20)


def test_settle__before_expiry__refused(system, trader, maker):
    vault, other = system.open(trader, 600), system.open(maker, 10_000)
    system.novate(vault, other, [put(2000, 1)], EXPIRY, 50)
    with boa.env.prank(system.at["Settlement"]), boa.reverts("clearinghouse/not-expired"):
        system.clearinghouse.settle(vault, NOTHING)


def test_settle__without_legs__refused(system, trader):
    vault = system.open(trader, 600)
    with boa.env.prank(system.at["Settlement"]), boa.reverts("clearinghouse/no-legs"):
        system.clearinghouse.settle(vault, NOTHING)


def test_finish__no_gate_waits__refused(system, trader):
    vault = system.open(trader, 600)
    with boa.env.prank(system.at["Liquidator"]), boa.reverts("clearinghouse/not-deferred"):
        system.clearinghouse.finish(vault, [0] * 19)


def test_pay_from_cell__starved_of_gas__reverts_and_never_reads_as_a_refusal(system, trader):
    """A caller who sends too little gas must not make a healthy token look as if it refused (63/64 rule)."""
    custody = system.clearinghouse.cell_custody(1, EXPIRY)
    system.market.token.mint(custody, 10**6)
    answers, starved = set(), 0
    for gas in [*range(60_000, 90_000, 5_000), 400_000]:
        with boa.env.anchor(), boa.env.prank(system.at["Settlement"]):
            try:
                answers.add(system.clearinghouse.pay_from_cell(1, EXPIRY, trader, 1, gas=gas))
            except boa.BoaError as failure:
                starved += "clearinghouse/out-of-gas" in failure.stack_trace.last_frame
    assert answers == {True}
    assert starved > 0
