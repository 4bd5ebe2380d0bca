"""What one reads at one go: the length of files and functions, and how many parameters a caller must tell apart.

The lists name what is longer, with the reason. An entry that is not needed any more fails, so that they get shorter.
"""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from vyper.ast import nodes

from tests.architecture.sources import ROOT, Source, product

MOST_LINES, MOST_LINES_OF_A_TEST, MOST_OF_A_FUNCTION, MOST_PARAMETERS = 400, 500, 80, 5

#: Longer files: a table of the package, a line for each reason.
LONG_FILES = {"bulkhead/chain/reasons.py"}
#: Longer functions: a whole deployment played as one test, and the independent settlement of many vaults.
LONG_FUNCTIONS = {
    "tests/integration/test_deploy.py test_deploy__running_node_that_bears_little__verifies_and_can_be_seeded",
    "tests/property/test_settlement.py expected",
}
#: More that must be given by position: numbers of a formula in its own order, and steps older than the rule.
WIDE_FUNCTIONS = {
    "benchmarks/figures.py _places",
    "benchmarks/stops.py fixed",
    "benchmarks/stops.py needed",
    "bulkhead/client/orders.py build",
    "bulkhead/client/quote_requests.py _answer",
    "bulkhead/history/queries.py events",
    "bulkhead/history/server.py listen",
    "bulkhead/history/statistics.py candles",
    "bulkhead/keeper/signing.py sign",
    "bulkhead/keeper/takes.py _fill",
    "bulkhead/keeper/takes.py _take",
    "bulkhead/pricing.py _price",
    "bulkhead/risk/crash/play.py _gain",
    "bulkhead/risk/crash/play.py _take",
    "bulkhead/risk/expiry.py _last_resort",
    "bulkhead/risk/frontier/choose.py _rows",
    "bulkhead/risk/frontier/measure.py hold",
    "bulkhead/risk/frontier/measure.py idle",
    "bulkhead/risk/svi.py iv_at",
    "bulkhead/vol/surface.py _check_slice",
    "bulkhead/vol/surface.py fade_after",
}
#: Vyper functions of more than 80 lines without their NatSpec.
LONG_IN_VYPER = {
    "contracts/exchange/Exchange.vy _fill",  # load, decide, apply: every step in its order
    "contracts/margin/EsEngine.vy assess",  # unrolled by scripts/generate_scenarios, for gas
    "contracts/margin/ceiling.vy _assess",  # one pass over the legs
    "contracts/margin/GreeksEngine.vy _terms",  # unrolled for gas
    "contracts/math/black76.vy _price",  # one formula with its parts
    "contracts/math/implied.vy implied_vol",  # one iteration
    "contracts/views/OrderLens.vy _state",  # every state of an order in its order
}
#: Internal Vyper functions of more than five parameters: numbers of a formula, or a step split off for its bytes.
WIDE_IN_VYPER = {
    "contracts/exchange/TradeLimits.vy _key_loss",
    "contracts/exchange/TradeLimits.vy _locked",
    "contracts/exchange/TradeLimits.vy _usage",
    "contracts/exchange/order_rules.vy _standing",
    "contracts/governance/RiskParameters.vy _entry",
    "contracts/liquidation/Liquidator.vy _try_take",
    "contracts/liquidation/auction.vy _plan",
    "contracts/margin/MarginGate.vy _may_trade",
    "contracts/math/svi.vy _density",
    "contracts/math/svi.vy _total_variance",
    "contracts/oracle/VolSurface.vy _check_slice",
    "contracts/oracle/VolSurface.vy _struct_hash",
    "contracts/oracle/realised_vol.vy _fold",
    "contracts/oracle/surface.vy _fade_after",
    "contracts/vaults/Clearinghouse.vy _exchange",
    "contracts/vaults/Operators.vy _digest",
    "contracts/views/Lens.vy _preview",
    "contracts/views/requirement.vy _required",
}


@cache
def python_files() -> tuple[str, ...]:
    listed = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return tuple(name for name in listed.split() if (ROOT / name).exists())


def functions() -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for name in python_files():
        for node in ast.walk(ast.parse((ROOT / name).read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield name, node


def by_position(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Parameters that a caller must give by position: what has a default or a name at the call is told apart."""
    given = [argument.arg for argument in function.args.posonlyargs + function.args.args]
    return len(given) - len(function.args.defaults) - (given[:1] in (["self"], ["cls"]))


def is_command(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Click and FastAPI give their parameters by name; a test's are fixtures."""
    return any("." in ast.unparse(decorator).split("(")[0] for decorator in function.decorator_list)


def test_python__files__are_read_at_one_go():
    def most(name: str) -> int:
        return MOST_LINES_OF_A_TEST if name.startswith("tests/") else MOST_LINES

    long = {name for name in python_files() if len((ROOT / name).read_text().splitlines()) > most(name)}
    assert long <= LONG_FILES, long - LONG_FILES
    assert all((ROOT / name).exists() for name in LONG_FILES)


def test_python__functions__are_short():
    long = {f"{name} {f.name}" for name, f in functions() if f.end_lineno - f.lineno + 1 > MOST_OF_A_FUNCTION}
    assert long == LONG_FUNCTIONS


def test_python__functions__have_few_parameters_by_position():
    wide = {
        f"{name} {f.name}"
        for name, f in functions()
        if not name.startswith(("tests/", "bulkhead/cli/")) and not is_command(f) and by_position(f) > MOST_PARAMETERS
    }
    assert wide == WIDE_FUNCTIONS


def of_vyper() -> Iterator[tuple[Source, nodes.FunctionDef]]:
    for source in product():
        if "@custom:generated" not in source.text:  # written out of a source that is looked at
            yield from ((source, function) for function in source.functions)


def code_lines(source: Source, function: nodes.FunctionDef) -> int:
    """Lines without NatSpec, comments and blanks."""
    text = re.sub(r'""".*?"""', "", source.lines_of(function), flags=re.DOTALL)
    return sum(1 for line in text.splitlines() if line.strip() and not line.strip().startswith("#"))


def test_vyper__functions__are_short():
    long = {f"{s.name} {f.name}" for s, f in of_vyper() if code_lines(s, f) > MOST_OF_A_FUNCTION}
    assert long == LONG_IN_VYPER


def test_vyper__internal_functions__have_few_parameters():
    """External ones are written down by their ABI: the field's tokens, permits and constructors want what they want."""
    wide = {
        f"{s.name} {f.name}" for s, f in of_vyper() if f.name.startswith("_") and f.name != "__init__"
        and len(f.args.args) > MOST_PARAMETERS
    }  # fmt: skip
    assert wide == WIDE_IN_VYPER


def test_architecture__names_every_contract_and_module():
    page = (ROOT / "docs" / "architecture.md").read_text()
    missing = [s.name for s in product() if not re.search(rf"\b{s.path.stem}\b", page)]
    packages = {Path(name).parts[1] for name in python_files() if name.startswith("bulkhead/") and name.count("/") > 1}
    missing += [name for name in sorted(packages) if f"`{name}`" not in page]
    assert not missing
