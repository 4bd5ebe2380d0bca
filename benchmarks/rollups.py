"""What operations cost on rollups: `python -m benchmarks.rollups [--json FILE] [--snapshot]`.

Runs the scenario of benchmarks/gas.py and notes of each operation the gas and the bytes that a rollup publishes of it;
from these it computes what an OP-stack chain and Arbitrum charge at three prices of execution and of blobs. Of
fills it also computes what denser forms of their calldata would bring. With --snapshot it keeps what was measured and
writes the tables of docs/deployments.md from it.

  OP stack  the Fjord rule: (intercept + 0.8365 * FastLZ size, at least 100 bytes) times
            (16 * base fee scalar * L1 base fee + blob scalar * blob base fee), with the scalars of OP Mainnet
  Arbitrum  compressed size times the price of a byte in a blob, as a poster pays it; zlib stands in for brotli, which
            is some per cent better

Prices are assumptions of the table, not of the protocol: see PRICES.
"""

from __future__ import annotations

import json
import sys
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks import gas, generated
from benchmarks.gas_rows import ROWS
from benchmarks.kept_figures import Benchmark
from bulkhead.chain.anvil import Anvil

GENERATOR = "benchmarks.rollups"
SNAPSHOT = Path(__file__).with_name("rollups.snapshot.json")
PAGE = generated.ROOT / "docs" / "deployments.md"
#: Rows of benchmarks/gas.py that one transaction makes.
OPERATIONS = (
    "deposit", "withdraw", "margin_1_healthy", "fill_existing", "open_deposit_fill", "flag_1", "take_1", "settle_1",
)  # fmt: skip
#: Of which the calldata is looked at in denser forms.
DENSE_OPERATIONS = ("fill_existing", "open_deposit_fill")
#: Bytes of a signed transaction beside its calldata: type, chain, nonce, fees, gas, to, value, signature.
ENVELOPE = 110
#: OP Mainnet's scalars and the Fjord regression, in millionths.
BASE_SCALAR, BLOB_SCALAR = 5_227, 1_014_213
INTERCEPT, COEFFICIENT, LEAST_SIZE = -42_585_600, 836_500, 100 * 10**6
GWEI = 10**9


@dataclass(frozen=True)
class Prices:
    """What gas costs at one moment.

    Attributes:
        name: calm, usual or busy.
        execution: Of a unit of gas on the rollup [wei].
        base_fee: Of a unit of gas on L1 [wei].
        blob_fee: Of a unit of blob gas, one byte of a blob [wei].
        ether: Price of ether [USD].
    """

    name: str
    execution: int
    base_fee: int
    blob_fee: int
    ether: int = 3_000

    def dollars(self, wei: int) -> float:
        """An amount of ether in dollars."""
        return wei * self.ether / 10**18


PRICES = (
    Prices("calm", GWEI // 1_000, 1 * GWEI, 1),
    Prices("usual", GWEI // 100, 8 * GWEI, 1 * GWEI),
    Prices("busy", GWEI // 10, 40 * GWEI, 20 * GWEI),
)


@dataclass(frozen=True)
class Published:
    """One transaction as a rollup counts it.

    Attributes:
        gas: Used.
        data: Calldata [bytes].
        fastlz: Signed transaction after FastLZ [bytes].
        compressed: The same after zlib [bytes].
    """

    gas: int
    data: int
    fastlz: int
    compressed: int

    @classmethod
    def of(cls, used: int, data: bytes) -> Published:
        """From the gas of a receipt and the calldata."""
        # signature and fees are noise to a compressor: as many bytes that repeat nothing
        raw = data + bytes((i * 167 + 13) % 256 for i in range(ENVELOPE))
        return cls(used, len(data), fastlz_size(raw), len(zlib.compress(raw, 9)))

    def op_stack(self, prices: Prices) -> float:
        """What an OP-stack chain charges for it [USD]."""
        size = max(LEAST_SIZE, INTERCEPT + COEFFICIENT * self.fastlz)
        fee = size * (16 * BASE_SCALAR * prices.base_fee + BLOB_SCALAR * prices.blob_fee) // 10**12
        return prices.dollars(self.gas * prices.execution + fee)

    def arbitrum(self, prices: Prices) -> float:
        """What Arbitrum charges for it [USD]."""
        return prices.dollars(self.gas * prices.execution + self.compressed * prices.blob_fee)


def fastlz_size(data: bytes) -> int:
    """Length of data after FastLZ's level 1, as OP-stack chains count it."""

    def literals(count: int) -> int:
        return count + -(-count // 32)

    size, at, anchor = 0, 2, 0
    seen: dict[bytes, int] = {}
    while at < len(data) - 12:
        key = data[at : at + 3]
        before, seen[key] = seen.get(key), at
        if before is None or at - before > 8_191:
            at += 1
            continue
        size += literals(at - anchor)
        length = 3
        while at + length < len(data) - 4 and data[before + length] == data[at + length]:
            length += 1
        size += 3 * ((length - 2) // 262) + (3 if (length - 2) % 262 >= 6 else 2)
        at += length
        anchor = at
    return size + literals(len(data) - anchor)


def dense(data: bytes) -> bytes:
    """Calldata in a form that no contract reads: of each word its length and its bytes, leading zeros or ones left out.

    Of any form that says the same with fixed places for its words, none is much shorter.
    """
    found = bytearray(data[:4])
    for at in range(4, len(data), 32):
        word = data[at : at + 32]
        fill = b"\xff" if word[:1] == b"\xff" else b"\x00"
        rest = word.lstrip(fill)
        if word.rstrip(b"\x00") != b"" and len(word.rstrip(b"\x00")) < len(
            rest
        ):  # text and signatures start at the left
            fill, rest = b"\x00", word.rstrip(b"\x00")
        found += bytes([len(rest) | (fill == b"\xff") << 6]) + rest
    return bytes(found)


@dataclass(frozen=True)
class Measured:
    """What one run found.

    Attributes:
        operations: Each as it is sent.
        dense: Fills in a denser form, with the gas of the form they have.
    """

    operations: dict[str, Published]
    dense: dict[str, Published]

    @property
    def text(self) -> str:
        """As it is kept."""
        return json.dumps(asdict(self), indent=2) + "\n"


def measure() -> Measured:
    """Every operation of the tables."""
    with Anvil(timestamp=gas.START) as chain:
        bench = gas.Bench(chain)
        bench.trading()
        bench.crash()
        bench.settlement()
        found = Measured({}, {})
        for operation in OPERATIONS:
            receipt = bench.receipts[operation]
            sent = chain.rpc.call("eth_getTransactionByHash", receipt.hash)
            data = bytes.fromhex(str(sent["input"])[2:])
            found.operations[operation] = Published.of(receipt.gas_used, data)
            if operation in DENSE_OPERATIONS:
                found.dense[operation] = Published.of(receipt.gas_used, dense(data))
        return found


def table(published: dict[str, Published]) -> str:
    """Cents by chain and price, as Markdown."""
    titles = {row.operation: row.title for row in ROWS}
    names = " / ".join(prices.name for prices in PRICES)
    lines = [
        f"| operation | gas | calldata, bytes | OP stack, cents {names} | Arbitrum, cents {names} |",
        "|---|---:|---:|---:|---:|",
    ]
    for operation, one in published.items():
        ours = (" / ".join(f"{100 * fee(p):.2f}" for p in PRICES) for fee in (one.op_stack, one.arbitrum))
        lines.append(f"| {titles[operation]} | {one.gas:,} | {one.data:,} | {' | '.join(ours)} |")
    return "\n".join(lines)


def forms(measured: Measured) -> str:
    """Fills as they are sent and in a denser form, as Markdown."""
    titles = {row.operation: row.title for row in ROWS}
    names = " / ".join(prices.name for prices in PRICES)
    lines = [
        f"| operation | bytes: sent, dense | after FastLZ | after zlib | OP stack, saved {names} "
        f"| Arbitrum, saved {names} |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for operation, less in measured.dense.items():
        sent = measured.operations[operation]
        saved = (
            " / ".join(f"{1 - after(p) / before(p):.1%}" for p in PRICES)
            for before, after in ((sent.op_stack, less.op_stack), (sent.arbitrum, less.arbitrum))
        )
        lines.append(
            f"| {titles[operation]} | {sent.data:,}, {less.data:,} | {sent.fastlz}, {less.fastlz} "
            f"| {sent.compressed}, {less.compressed} | {' | '.join(saved)} |"
        )
    return "\n".join(lines)


def kept() -> Measured:
    """What was measured last."""
    found = json.loads(SNAPSHOT.read_text())
    return Measured(**{part: {name: Published(**one) for name, one in found[part].items()} for part in found})


def expected_files() -> dict[Path, str]:
    """Text the page should have."""
    text, measured = PAGE.read_text(), kept()
    for name, body in (("rollups", table(measured.operations)), ("forms", forms(measured))):
        text = generated.with_block(text, name, body, GENERATOR, generated.MARKDOWN)
    return {PAGE: text}


def main(arguments: list[str] | None = None) -> int:
    """Prints the table, and writes what is asked for."""
    benchmark = Benchmark(
        doc=__doc__,
        measure=measure,
        table=lambda measured: f"{table(measured.operations)}\n\n{forms(measured)}",
        text=lambda measured: measured.text,
        kept=SNAPSHOT,
        expected_files=expected_files,
    )
    return benchmark.run(arguments)


if __name__ == "__main__":
    sys.exit(main())
