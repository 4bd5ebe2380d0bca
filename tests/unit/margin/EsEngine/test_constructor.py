import boa
import pytest

from bulkhead.risk.words import NODES, WAD, WEIGHTS
from tests.contracts import deployer


@pytest.fixture(scope="module")
def blueprint():
    return deployer("EsEngine")


@pytest.mark.parametrize(
    ("nodes", "weights", "reason"),
    [
        (NODES[::-1], WEIGHTS, "es/nodes-ascending"),
        (NODES[:5] + NODES[4:5] + NODES[6:], WEIGHTS, "es/nodes-ascending"),
        (NODES[:11] + (20 * WAD,), WEIGHTS, "es/nodes-ascending"),
        (NODES[:2] + (-2_999 * 10**15,) + NODES[3:], WEIGHTS, "es/tail-nodes"),
        (NODES[:8] + (3 * WAD,) + NODES[9:], WEIGHTS, "es/tail-nodes"),
        (NODES, (0, 5 * 10**15) + WEIGHTS[2:], "es/weight-range"),
        (NODES, WEIGHTS[:11] + (2 * 10**15,), "es/weights-sum"),
    ],
)
def test_constructor__bad_nodes__reverts(blueprint, nodes, weights, reason):
    with boa.reverts(reason):
        blueprint.deploy(list(nodes), list(weights))


def test_runtime__fits_the_byte_budget(engine):
    assert len(boa.env.get_code(engine.address)) < 22_000
