"""Ownership moves in two steps; nobody can end it."""

from __future__ import annotations

import boa

from bulkhead.chain.listing import EMPTY
from tests.contracts import deployer


def test_transfer_ownership__accepted__moves(system, parameters, stranger):
    with boa.env.prank(system.owner):
        parameters.transfer_ownership(stranger)
    assert (parameters.owner(), parameters.pending_owner()) == (system.owner, stranger)
    with boa.env.prank(stranger):
        parameters.accept_ownership()
        parameters.set_parameter(1, "dust", 11)
    assert (parameters.owner(), parameters.pending_owner()) == (stranger, EMPTY)
    with boa.env.prank(system.owner), boa.reverts("parameters/not-owner"):
        parameters.set_parameter(1, "dust", 12)


def test_transfer_ownership__stranger__reverts(parameters, stranger):
    with boa.env.prank(stranger), boa.reverts("ownable: caller is not the owner"):
        parameters.transfer_ownership(stranger)


def test_accept_ownership__not_proposed__reverts(parameters, stranger):
    with boa.env.prank(stranger), boa.reverts("ownable_2step: caller is not the new owner"):
        parameters.accept_ownership()


def test_renounce_ownership__does_not_exist(parameters):
    assert not hasattr(parameters, "renounce_ownership")


def test_set_guardian__owner__changes_who_may_pause(system, parameters, stranger):
    with boa.env.prank(system.owner):
        parameters.set_guardian(stranger)
    assert parameters.guardian() == stranger
    with boa.env.prank(stranger):
        parameters.pause_opening(1)


def test_set_guardian__guardian__reverts(system, parameters):
    with boa.env.prank(system.guardian), boa.reverts("parameters/not-owner"):
        parameters.set_guardian(system.guardian)


def test_constructor__no_owner__reverts():
    with boa.reverts("parameters/empty-owner"):
        deployer("RiskParameters").deploy(EMPTY, *[boa.env.generate_address() for _ in range(6)])
