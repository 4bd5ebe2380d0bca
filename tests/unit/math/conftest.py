import boa
import pytest


@pytest.fixture(scope="session")
def harness():
    return boa.load("contracts/testing/MathHarness.vy")


@pytest.fixture(scope="session")
def parts():
    return boa.load("contracts/testing/FixedHarness.vy")
