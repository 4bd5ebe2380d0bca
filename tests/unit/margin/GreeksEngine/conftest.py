import pytest

from bulkhead.risk.words import NODES, WEIGHTS
from tests.contracts import deployer


@pytest.fixture(scope="session")
def engine():
    dynamic = deployer("EsEngine").deploy(list(NODES), list(WEIGHTS))
    return deployer("GreeksEngine").deploy(dynamic.address)
