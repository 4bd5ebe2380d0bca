"""The mutation run: every change is the one it says, in Python and in Vyper, and listed equivalents still exist."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest
from vyper.ast.parse import parse_to_ast

from benchmarks.mutation.__main__ import EQUIVALENTS, KNOWN, ROOT, draw, equivalents, keys, known
from benchmarks.mutation.operators import mutants
from benchmarks.mutation.reach import Reach
from benchmarks.mutation.rooms import NEVER, TESTS, files, room_of
from benchmarks.mutation.tree import without_digest
from benchmarks.old_faults.__main__ import faults
from tests.stateful.machines import MACHINES

PYTHON = """
def fee(a: int | None, b):
    if a <= b and not b > 3:
        total.count += min(a, b)
    check(a)
    return a * b  # é comes before: ß
"""
VYPER = """
# pragma version 0.4.3
event Paid:
    amount: uint256

x: uint256

@external
@nonreentrant
def pay(a: uint256, b: uint256) -> uint256:
    assert a < b or a == 7, "module/reason"
    self.x = max(a, b)
    log Paid(amount=a)
    return a // b
"""


def changes(tmp_path, name: str, source: str) -> list[str]:
    (tmp_path / name).write_text(source)
    made = mutants(tmp_path, name)
    parse = parse_to_ast if name.endswith(".vy") else ast.parse
    for mutant in made:
        changed = mutant.applied(source)
        assert changed != source
        parse(changed)
    return [f"{m.line} {' '.join(m.original.split())} -> {m.text}".rstrip() for m in made]


def test_python__operators_operands_numbers_statements(tmp_path):
    found = changes(tmp_path, "fee.py", PYTHON)
    assert "3 <= -> <" in found and "3 > -> >=" in found and "3 and -> or" in found and "3 not -> ".rstrip() in found
    assert "3 a <= b and ->" in found and "3 and not b > 3 ->" in found
    assert "3 3 -> 4" in found and "4 min -> max" in found
    assert "4 total.count += min(a, b) -> pass" in found and "5 check(a) -> pass" in found
    assert "6 * -> //" in found
    # a type is for mypy
    assert not any("|" in change for change in found)


def test_vyper__operators_locks_events(tmp_path):
    found = changes(tmp_path, "pay.vy", VYPER)
    assert "9 @nonreentrant ->" in found
    assert "11 < -> <=" in found and "11 == -> !=" in found and "11 or -> and" in found
    assert '11 assert a < b or a == 7, "module/reason" -> pass' in found
    assert "12 self.x = max(a, b) -> pass" in found and "12 max -> min" in found
    assert "13 log Paid(amount=a) -> pass" in found and "14 // -> *" in found


def test_rooms__every_file_and_every_test_exists():
    for own, neighbours in TESTS.values():
        assert all((ROOT / path).exists() for path in (*own, *neighbours))
    found = files(ROOT)
    assert {"contracts/vaults/Clearinghouse.vy", "bulkhead/keeper/decide.py"} <= set(found)
    assert not any(name.startswith("contracts/testing") for name in found)
    assert room_of("contracts/testing/MockERC20.vy") is None and room_of("bulkhead/cli/vault.py") is None


def test_draw__same_seed__same_mutants():
    only = ["contracts/margin/standing.vy", "bulkhead/keeper/fees.py"]
    first = list(draw(ROOT, 1, only))
    assert first == list(draw(ROOT, 1, only)) != list(draw(ROOT, 2, only))


@pytest.mark.parametrize("entry", json.loads(EQUIVALENTS.read_text()), ids=lambda e: e["line"][:40])
def test_equivalent__is_still_a_mutant_and_says_why(entry):
    made = {key[:4] for key in keys(ROOT, entry["file"], mutants(ROOT, entry["file"]))}
    assert (entry["file"], entry["line"], entry["original"], entry["text"]) in made
    assert len(entry["reason"]) > 20


def test_equivalents__are_each_listed_once():
    assert len(equivalents()) == len(json.loads(EQUIVALENTS.read_text()))


def test_known__every_entry__is_in_the_code_and_has_its_tests() -> None:
    entries = json.loads(KNOWN.read_text())
    assert len(known(ROOT)) == sum(bool(entry["tests"]) for entry in entries) > 50
    for entry in entries:
        assert entry["text"] != entry["original"]
        assert all((ROOT / path).is_file() for path in entry["tests"])
        # what no test can notice says why
        assert entry["tests"] or len(entry["reason"]) > 40


def test_reach__a_function_that_few_contracts_call__changes_those_alone() -> None:
    reach = Reach(ROOT)

    def changed(file: str, text: str) -> list[str]:
        source = (ROOT / file).read_text()
        return reach.changed_by(file, source[: source.index(text)].count("\n") + 1)

    assert changed("contracts/liquidation/Liquidator.vy", "def _top_up") == ["Liquidator"]
    # of the margin room first; the Lens calls it, the Clearinghouse imports what it stands beside and does not
    found = changed("contracts/margin/standing.vy", "def _near_liquidation")
    assert found[0] == "MarginGate" and "Clearinghouse" not in found
    # a constant may be anywhere
    assert {"MarginGate", "Liquidator", "Lens"} <= set(
        changed("contracts/margin/standing.vy", "STATIC_KAPPA: constant")
    )


def test_without_digest__what_the_compiler_writes_behind_the_code__is_gone() -> None:
    tail = "aabb" + "0004"
    assert without_digest(json.dumps({"bytecode": "60016002" + tail})) == "60016002"


def test_never__names_tests_that_exist() -> None:
    assert all((ROOT / path).is_file() for path in NEVER)


def test_old_faults__each_can_be_put_back_and_taken_out(tmp_path: Path) -> None:
    assert len(faults()) >= 10 and len({fault.name for fault in faults()}) == len(faults())
    for fault in faults():
        assert fault.machine in MACHINES and len(fault.was) > 40
        for file, original, text in fault.changes:
            (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / file).write_text((ROOT / file).read_text())
            parse_to_ast((ROOT / file).read_text().replace(original, text))
        fault.put_back(tmp_path)
        assert all((tmp_path / file).read_text() != (ROOT / file).read_text() for file, _, _ in fault.changes)
        fault.take_out(tmp_path)
        assert all((tmp_path / file).read_text() == (ROOT / file).read_text() for file, _, _ in fault.changes)
