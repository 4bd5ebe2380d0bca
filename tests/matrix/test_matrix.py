"""Every cell of the tables in docs/threat-model.md, against the real contracts."""

from __future__ import annotations

from collections import defaultdict

import boa
import pytest

from bulkhead.chain.abi.__main__ import FEEDS
from bulkhead.chain.system import DEPLOYABLE
from tests.architecture.sources import contracts
from tests.matrix import surface, table
from tests.matrix.columns import COLUMNS
from tests.matrix.run import ROWS, UNNAMED, built, cells


@pytest.fixture(scope="module")
def scene():
    with built() as made:
        yield made


@pytest.fixture(scope="module")
def told():
    return table.read(table.committed())


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.name)
def test_column__every_call__is_as_the_table_says(scene, told, column):
    found = cells(scene, column)
    assert UNNAMED not in found.values()
    different = {name: (one, told[column.name].get(name)) for name, one in found.items()}
    assert {name: pair for name, pair in different.items() if pair[0] != pair[1] and pair[0] != "-"} == {}
    assert not set(told[column.name]) - set(found)


@pytest.mark.parametrize("bps", [0, 30])
def test_columns__fees_at_their_bounds__are_the_same(told, bps):
    with built(taker_fee_bps=bps, maker_fee_bps=bps, phi_bps=0 if bps == 0 else 1_000) as scene:
        for column in COLUMNS:
            if column.how == "call":
                found = cells(scene, column)
                different = {name for name, one in found.items() if one not in ("-", told[column.name][name])}
                # what a take leaves to the pool depends on what insurance cuts
                assert different <= {"BackstopPool.absorb"}, (column.name, {n: found[n] for n in different})


def test_table__written_again__is_the_committed_one(told):
    block = table.committed()
    assert table.read(table.render(told)) == told
    assert all(f"| {name} |" in block for name in surface.ROLES)


@pytest.mark.parametrize("contract", sorted({*DEPLOYABLE, *FEEDS}))
def test_function__that_changes_state__has_a_row(scene, contract):
    rows = defaultdict(set)
    for row in ROWS:
        if row.contract == contract:
            with boa.env.anchor():
                rows[row.function].add(len(row.arguments(scene, scene.vaults.get(row.vault, 0))))
    for name, count in surface.changing(contract):
        if contract in surface.APART:
            assert name in surface.APART[contract], f"{contract}.{name} is new"
        elif f"{contract}.{name}" not in surface.ROLES:
            assert count in rows[name], f"{contract}.{name} with {count} arguments has no row in tests/matrix"


@pytest.mark.parametrize("name", surface.ROLES)
def test_function__of_a_contract_alone__refuses_people(scene, name):
    with boa.reverts(surface.ROLES[name]):
        surface.call_role(scene, name)


@pytest.mark.parametrize("contract", surface.APART)
def test_contract__without_rows__knows_no_market(contract):
    (source,) = [one for one in contracts() if one.path.stem == contract]
    knows = ("IClearinghouse", "IOracleAdapter", "ISettlement", "ILiquidator", "IExchange", "IRiskParameters")
    assert not [name for name in knows if any(name in line for line in source.imports)]
