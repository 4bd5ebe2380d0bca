"""What access lists save: `python -m benchmarks.access_lists [--json FILE] [--snapshot]`.

Runs the scenario of benchmarks/gas.py twice, with senders that attach no lists and with senders that attach those that
pay (`lists_access` of the client), and prints of each row that is a transaction the gas of both receipts, and of the
list its accounts, slots and what naming them costs. A list that does not pay is not attached: no accounts, equal gas.
With --snapshot it keeps what was measured and writes the table of docs/architecture.md from it.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks import gas, generated
from benchmarks.gas_rows import ROWS
from benchmarks.kept_figures import Benchmark
from bulkhead.chain.access_lists import accounts_of
from bulkhead.chain.anvil import Anvil

GENERATOR = "benchmarks.access_lists"
SNAPSHOT = Path(__file__).with_name("access_lists.snapshot.json")
PAGE = generated.ROOT / "docs" / "architecture.md"
PHASES = ("trading", "crash", "settlement", "surfaces", "windows", "brought")


@dataclass(frozen=True)
class Saving:
    """One transaction both ways.

    Attributes:
        operation: Row of benchmarks/gas.py.
        without: Used without a list [gas].
        listed: Used by the sender that attaches what pays [gas].
        accounts: In its list.
        slots: In its list.
        cost: Of the list itself, part of `listed` [gas].
    """

    operation: str
    without: int
    listed: int
    accounts: int
    slots: int
    cost: int


def measure(phases: tuple[str, ...] = PHASES) -> list[Saving]:
    """Every transaction of some phases of the scenario, in the order of `ROWS`."""
    used: dict[bool, dict[str, int]] = {}
    for lists_access in (False, True):
        with Anvil(timestamp=gas.START) as chain:
            bench = gas.Bench(chain, lists_access)
            for phase in phases:
                getattr(bench, phase)()
            used[lists_access] = {operation: receipt.gas_used for operation, receipt in bench.receipts.items()}
            sent = {
                operation: accounts_of(chain.rpc.call("eth_getTransactionByHash", receipt.hash))
                for operation, receipt in bench.receipts.items()
            }
    return [
        Saving(
            row.operation,
            used[False][row.operation],
            used[True][row.operation],
            len(sent[row.operation]),
            sum(len(named.slots) for named in sent[row.operation]),
            sum(named.gas for named in sent[row.operation]),
        )
        for row in ROWS
        if row.operation in sent
    ]


def table(savings: list[Saving]) -> str:
    """The savings as Markdown."""
    # a row may be a share of its transaction; this is all of it
    titles = {row.operation: row.title.removesuffix(", each") for row in ROWS}
    lines = [
        "| transaction | without | with | saved | accounts, slots named | cost of the list |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {titles[one.operation]} | {one.without:,} | {one.listed:,} | {1 - one.listed / one.without:.1%} "
        f"| {one.accounts}, {one.slots} | {one.cost:,} |"
        for one in savings
    ]
    return "\n".join(lines)


def kept() -> list[Saving]:
    """What was measured last."""
    return [Saving(**one) for one in json.loads(SNAPSHOT.read_text())]


def expected_files() -> dict[Path, str]:
    """Text the page should have."""
    text = PAGE.read_text()
    return {PAGE: generated.with_block(text, "access lists", table(kept()), GENERATOR, generated.MARKDOWN)}


def main(arguments: list[str] | None = None) -> int:
    """Prints the table, and writes what is asked for."""
    benchmark = Benchmark(
        doc=__doc__,
        measure=measure,
        table=table,
        text=lambda savings: json.dumps([asdict(one) for one in savings], indent=2) + "\n",
        kept=SNAPSHOT,
        expected_files=expected_files,
    )
    return benchmark.run(arguments)


if __name__ == "__main__":
    sys.exit(main())
