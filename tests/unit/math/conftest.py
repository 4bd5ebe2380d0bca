import pytest

from tests.contracts import deployer


@pytest.fixture(scope="session")
def harness():
    return deployer("MathHarness").deploy()


@pytest.fixture(scope="session")
def parts():
    return deployer("FixedHarness").deploy()
