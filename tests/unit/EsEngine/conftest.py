import boa
import pytest

from bulkhead.risk.words import NODES, WEIGHTS


@pytest.fixture(scope="session")
def engine():
    return boa.load("contracts/EsEngine.vy", list(NODES), list(WEIGHTS))
