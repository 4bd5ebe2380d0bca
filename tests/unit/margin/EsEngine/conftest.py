import pytest

from bulkhead.risk.words import NODES, WEIGHTS
from tests.contracts import deployer


@pytest.fixture(scope="session")
def engine():
    return deployer("EsEngine").deploy(list(NODES), list(WEIGHTS))
