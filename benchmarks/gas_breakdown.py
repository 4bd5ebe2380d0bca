"""Where the gas of one operation goes: `python -m benchmarks.gas_breakdown OPERATION... [--functions [N]]`.

Runs the scenario of benchmarks/gas.py on an Anvil with step traces and prints one row per contract and one column per
class of work. A call's own cost (account access, value, the memory it grows) is the caller's, what happens inside is
the callee's. Classes:

  intrinsic  21,000, calldata and what the refund gives back
  sload      cold slots at 2,100 (transient storage and warm slots are in `warm`)
  sstore     writes, cold access included
  account    first calls of an address, 2,600 each, and creations
  warm       warm slots and calls, transient storage
  log, hash  events and keccak256
  memory     loads, stores, copies: local variables, ABI coding and the growth of memory
  compute    the rest: arithmetic, stack, jumps

A row that is a read-only call is traced as one, without what the call of it costs (100 gas, cold 2,600); of a warm row
slots and accounts count as warm.

`--functions` lists what each function spends itself, by the compiler's source map: the N dearest.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks import gas
from benchmarks.gas_rows import ROWS
from bulkhead.chain import compiler
from bulkhead.chain.anvil import Anvil

CLASSES = ("intrinsic", "sload", "sstore", "account", "warm", "log", "hash", "memory", "compute")
CALLS = {"CALL", "STATICCALL", "DELEGATECALL", "CREATE", "CREATE2"}
MEMORY = {"MLOAD", "MSTORE", "MSTORE8", "MCOPY", "CALLDATALOAD", "CALLDATACOPY", "CODECOPY", "RETURNDATACOPY"}
#: From here on an access of storage or of an account is a cold one; what a warm one costs, and a cold account more.
COLD = 2_000
WARM, COLD_ACCOUNT = 100, 2_500
#: How the traced operations are reached: phases of `Bench` in order.
PHASES = ("calls", "trading", "crash", "settlement", "surfaces", "windows", "brought")


@dataclass(frozen=True)
class Step:
    """One executed opcode.

    Attributes:
        code: Address whose code runs.
        pc: Its place in that code.
        op: Mnemonic.
        own: Gas it took itself, callees left out.
    """

    code: str
    pc: int
    op: str
    own: int


def steps(logs: list[dict[str, Any]], to: str) -> Iterator[Step]:
    """Every step of a trace with its own gas.

    Args:
        logs: `structLogs` of debug_traceTransaction, stack included.
        to: Address the transaction calls.
    """
    codes = [to.lower()]
    # per open frame: index of the step that opened it, and the gas its own callees took
    for i, log in enumerate(logs):
        depth = int(log["depth"])
        del codes[depth:]
        nested = i + 1 < len(logs) and int(logs[i + 1]["depth"]) > depth
        after = next((n for n in range(i + 1, len(logs)) if int(logs[n]["depth"]) <= depth), None) if nested else i + 1
        own = int(log["gasCost"])
        if log["op"] in CALLS:
            end = int(logs[after]["gas"]) if after is not None and after < len(logs) else 0
            total = int(log["gas"]) - end
            if nested and after is not None:
                inside = int(logs[i + 1]["gas"]) - (int(logs[after - 1]["gas"]) - int(logs[after - 1]["gasCost"]))
                own = total - inside
                word = log["stack"][-2] if not log["op"].startswith("CREATE") else logs[after]["stack"][-1]
                codes.append("0x" + word.removeprefix("0x").zfill(40)[-40:].lower())
            else:
                own = total
        yield Step(codes[depth - 1], int(log["pc"]), str(log["op"]), own)


def class_of(step: Step) -> str:
    """Which column a step belongs to."""
    if step.op == "SLOAD":
        return "sload" if step.own > COLD else "warm"
    if step.op == "SSTORE":
        return "sstore"
    if step.op in {"TLOAD", "TSTORE"}:
        return "warm"
    if step.op in CALLS or step.op in {"EXTCODESIZE", "EXTCODEHASH", "BALANCE"}:
        return "account" if step.own > COLD else "warm"
    if step.op.startswith("LOG"):
        return "log"
    if step.op == "KECCAK256":
        return "hash"
    return "memory" if step.op in MEMORY else "compute"


def functions_of(name: str) -> dict[int, str]:
    """Function (module included) of every program counter of a contract, from Vyper's source map."""
    from vyper import ast
    from vyper.compiler import CompilerData
    from vyper.compiler.input_bundle import FilesystemInputBundle
    from vyper.compiler.settings import Settings
    from vyper.ir import compile_ir

    bundle = FilesystemInputBundle([Path(p) for p in sys.path if Path(p).is_dir()] + [gas.ROOT])
    source = bundle.load_file(compiler.find_source(gas.ROOT, name))
    data = CompilerData(source, bundle, settings=Settings(evm_version=compiler.EVM_VERSION))
    code, maps = compile_ir.assembly_to_evm(data.assembly_runtime, compiler_metadata=None)
    found: dict[int, str] = {}
    last = "(entry)"
    for pc in range(len(code)):
        node = maps["pc_raw_ast_map"].get(pc)
        if node is not None:
            function = node if isinstance(node, ast.FunctionDef) else node.get_ancestor(ast.FunctionDef)
            if function is not None:
                last = f"{Path(function.get_ancestor(ast.Module).path).stem}.{function.name}"
        found[pc] = last
    return found


@dataclass(frozen=True)
class Traced:
    """One transaction or call, step by step.

    Attributes:
        operation: Row of benchmarks/gas.py.
        used: Gas of the receipt, or of all steps.
        steps: What it executed.
        names: Contract by address.
    """

    operation: str
    used: int
    steps: list[Step]
    names: dict[str, str]


def warmed(step: Step) -> Step:
    """A step as it is when everything was accessed before."""
    if step.own <= COLD or class_of(step) not in ("sload", "account"):
        return step
    return replace(step, own=WARM if step.op == "SLOAD" else step.own - COLD_ACCOUNT)


def trace(operations: list[str]) -> Iterator[Traced]:
    """Runs the scenario of benchmarks/gas.py once and traces some of its transactions and calls.

    Raises:
        SystemExit: No row has such a name, or it is a share of another.
    """
    # what is kept of every transaction's steps takes gigabytes
    is_sent = {row.operation for row in ROWS if row.basis == "tx"}
    with Anvil(timestamp=gas.START, extra=("--steps-tracing",) if is_sent & set(operations) else ()) as chain:
        bench = gas.Bench(chain)
        for phase in PHASES:
            getattr(bench, phase)()
            if set(operations) <= bench.receipts.keys() | bench.questions.keys():
                break
        else:
            raise SystemExit(f"Only these rows can be traced: {', '.join([*bench.receipts, *bench.questions])}.")
        names = {contract.address.lower(): name for name, contract in bench.chain.contracts.items()}
        names[bench.market.token.address.lower()] = "token"
        for market in bench.chain.deployment.markets.values():
            names |= {address.lower(): "feed" for address in market.feeds}
        for operation in operations:
            if (question := bench.questions.get(operation)) is not None:
                yield called(chain, operation, question, names)
                continue
            receipt = bench.receipts[operation]
            result = chain.rpc.call("debug_traceTransaction", receipt.hash, {"disableStorage": True})
            to = str(chain.rpc.call("eth_getTransactionByHash", receipt.hash)["to"])
            yield Traced(operation, receipt.gas_used, list(steps(result["structLogs"], to)), names)


def called(chain: Anvil, operation: str, question: gas.Question, names: dict[str, str]) -> Traced:
    """The trace of a read-only call."""
    plan = {"from": question.target, "to": question.target, "data": "0x" + question.data.hex()}
    result = chain.rpc.call("debug_traceCall", plan, hex(question.block), {"disableStorage": True})
    found = list(steps(result["structLogs"], question.target))
    if not operation.endswith("_cold"):
        found = [warmed(step) for step in found]
    return Traced(operation, sum(step.own for step in found), found, names)


def table(traced: Traced) -> str:
    """Contracts by classes, as Markdown."""
    spent: dict[str, Counter[str]] = defaultdict(Counter)
    for step in traced.steps:
        spent[traced.names.get(step.code, "vault clone")][class_of(step)] += step.own
    spent["transaction"]["intrinsic"] = traced.used - sum(step.own for step in traced.steps)
    rows = sorted(spent.items(), key=lambda row: -row[1].total())
    total: Counter[str] = Counter()
    lines = ["| contract | " + " | ".join(CLASSES) + " | all |", "|---|" + "---:|" * (len(CLASSES) + 1)]
    for name, by_class in rows:
        total.update(by_class)
        cells = " | ".join(f"{by_class[c]:,}" if by_class[c] else "" for c in CLASSES)
        lines.append(f"| {name} | {cells} | {by_class.total():,} |")
    lines.append("| all | " + " | ".join(f"{total[c]:,}" for c in CLASSES) + f" | {traced.used:,} |")
    return "\n".join(lines)


def functions(traced: Traced, maps: dict[str, dict[int, str]], most: int) -> str:
    """The functions that spend most themselves, callees left out, as Markdown."""
    spent: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for step in traced.steps:
        contract = traced.names.get(step.code, "vault clone")
        if contract not in maps:
            try:
                maps[contract] = functions_of(contract)
            except compiler.MissingDeployment:
                maps[contract] = {}
        spent[contract, maps[contract].get(step.pc, "")][class_of(step)] += step.own
    lines = ["| contract | function | " + " | ".join(CLASSES[1:]) + " | all |", "|---|---|" + "---:|" * len(CLASSES)]
    for (contract, function), by_class in sorted(spent.items(), key=lambda row: -row[1].total())[:most]:
        cells = " | ".join(f"{by_class[c]:,}" if by_class[c] else "" for c in CLASSES[1:])
        lines.append(f"| {contract} | {function} | {cells} | {by_class.total():,} |")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Prints one breakdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("operations", nargs="+", metavar="OPERATION", help="a row of benchmarks/gas.py")
    parser.add_argument("--functions", type=int, nargs="?", const=30, metavar="N", help="list the N dearest functions")
    options = parser.parse_args(arguments)
    maps: dict[str, dict[int, str]] = {}
    for traced in trace(options.operations):
        print(f"### {traced.operation}\n\n{table(traced)}\n")
        if options.functions:
            print(f"{functions(traced, maps, options.functions)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
