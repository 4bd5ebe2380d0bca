"""A fresh market for every test."""

from __future__ import annotations

import boa
import pytest

from tests.liquidation_world import World


@pytest.fixture(scope="module")
def _market():
    with boa.swap_env(boa.Env()):
        yield World()


@pytest.fixture
def world(_market):
    with boa.env.anchor():
        state = dict(vars(_market))
        yield _market
        vars(_market).clear()
        vars(_market).update(state)
