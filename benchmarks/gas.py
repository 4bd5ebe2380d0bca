"""Gas of every operation on Anvil, beside the peers' figures: `python -m benchmarks.gas [--json FILE]`.

Rows with basis "tx" are `gasUsed` of receipts: whole transactions with intrinsic gas and cold storage. Rows with basis
"call" are read-only calls measured alone by contracts/testing/GasMeter (a warm call includes 100 gas of the call, a
cold one 2,600). margin_N is a withdrawal of one unit from a vault of N short options whose collateral does not cover
its worst case and is 15 % above its initial margin, so that the whole scenario set is run; with _healthy its equity is
three times that margin, and a bound of it is enough (margin/ceiling). `withdraw` is one from a fully paid long, which
needs none.
A fill is measured between two vaults without legs, in a cell that others trade in: the first trade of a market writes
three more slots (51,300 gas: open interest, the cell and the fee account). What the oracle costs with two feeds and a
published surface is measured in a market of its own, PAIR. Everything is deterministic: fixed stamps,
salts and keys. Peers: Derive v2 as whole transactions on the same machine, option maths as noted; "reach" is the goal
of docs/architecture.md.
"""

from __future__ import annotations

import argparse
import json
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from eth_abi import encode
from eth_account import Account

from benchmarks.gas_rows import ROWS, table
from bulkhead.chain import abi, anvil, compiler, deploy, inputs
from bulkhead.chain.abi import Abi
from bulkhead.chain.anvil import Anvil
from bulkhead.chain.connection import Connection
from bulkhead.chain.contract import Contract
from bulkhead.chain.sender import Receipt, Sender, account_from_key
from bulkhead.client import MAX_UINT, Bulkhead, SignedOrder
from bulkhead.client.fills import NO_PERMIT
from bulkhead.orders import Asked
from bulkhead.risk.scales import DAY
from bulkhead.risk.words import WAD, Kind, Leg, RiskWord, Series
from bulkhead.vol import surface
from tests.worlds import anvil_inputs, brought
from tests.worlds.surface import smile

ROOT = Path(__file__).resolve().parents[1]
SNAPSHOT = Path(__file__).with_name("gas.snapshot.json")

#: Thursday, 12:00 UTC.
START = 1_799_928_000 // 86_400 * 86_400 + 12 * 3_600
EXPIRY = START + 7 * 86_400 + 20 * 3_600  # Friday of the next week, 08:00 UTC
SPOT = 2_000
FEE = MAX_UINT
BATCH = 50
FULL = -(2**255)  # collateral that forces the whole scenario set

_FEED = {"decimals": 8, "price": str(SPOT)}
INPUTS = anvil_inputs.local(
    ETH=anvil_inputs.market(primary=_FEED), PAIR=anvil_inputs.market(2, primary=_FEED, fallback=_FEED)
)
#: Rows of engines alone.
ENGINES = {"engine": "EsEngine", "inverse": "InverseEsEngine", "greeks": "GreeksEngine", "static": "StaticEngine"}
#: Publishers of the market PAIR, in the order of their addresses, and the expiries they publish [days ahead].
PUBLISHERS = sorted((anvil.key(5), anvil.key(6)), key=lambda key: int(Account.from_key(key).address, 16))
PUBLISHED = {1: (30,), 8: tuple(range(7, 39, 4))}


class Question(NamedTuple):
    """A read-only call that was measured alone.

    Attributes:
        target: Who is asked.
        data: Call data.
        block: The newest block then.
    """

    target: str
    data: bytes
    block: int


class Bench:
    """A deployment with people, and every measurement on it in order.

    Attributes:
        gas: By row, so far.
        receipts: Of the rows that are transactions.
        questions: Of the rows that are calls.
    """

    def __init__(self, chain: Anvil, lists_access: bool = False) -> None:
        """Deploys and opens.

        Args:
            chain: An Anvil of its own.
            lists_access: Everybody's transactions carry access lists where they pay.
        """
        self.anvil = chain
        self.gas: dict[str, int] = {}
        self.receipts: dict[str, Receipt] = {}
        self.questions: dict[str, Question] = {}
        self.salt = 0
        self.meter: Contract | None = None
        deployer = Sender(chain.rpc, account_from_key(anvil.key(0)))
        deployment = deploy.deploy(chain.rpc, deployer, inputs.parse(INPUTS, "inputs"), ROOT)
        self.chain = Connection(chain.rpc, deployment)
        self.market = self.chain.market("ETH")
        self.feed = self.chain.feed(deployment.market("ETH"))
        self.deployer = deployer
        self.maker, self.trader, self.taker, self.keeper = (
            Bulkhead(self.chain, key=anvil.key(i), lists_access=lists_access) for i in range(1, 5)
        )
        for client in (self.maker, self.trader, self.taker, self.keeper):
            client.signer.execute(self.market.token, "mint", client.address, 10**7 * 10**6)
            client.signer.execute(self.market.token, "approve", self.chain["Clearinghouse"].address, MAX_UINT)
        fund = self.chain["InsuranceFund"]
        self.keeper.signer.execute(self.market.token, "approve", fund.address, MAX_UINT)
        self.keeper.signer.execute(fund, "deposit", 1, 50_000 * 10**6)
        # a calm market that lives: EWMAs hold something, and the vol in force is not above the ramped one (where it is,
        # actions that add risk run a second assessment)
        for step in (2_001, 1_999.5, 2_000.5, SPOT):
            self.push(step, self.anvil.rpc.timestamp() + 600)
        self.poke()

    # --- helpers ----------------------------------------------------------------------------------------------

    def note(self, operation: str, receipt: Receipt) -> None:
        """Keeps what one measured transaction took, and the transaction for benchmarks/gas_breakdown.py."""
        self.gas[operation] = receipt.gas_used
        self.receipts[operation] = receipt

    def push(self, price: float, at: int) -> None:
        """A feed round, in a block at its stamp."""
        self.anvil.set_next_timestamp(at)
        self.deployer.execute(self.feed, "push", round(price * 10**8), at, gas=300_000)

    def poke(self) -> Receipt:
        return self.keeper.signer.execute(self.chain["OracleAdapter"], "poke", 1, 16)

    def create(self, name: str) -> Contract:
        """A contract that is no part of the deployment."""
        artifact = compiler.compile_contract(ROOT, name)
        return Contract(self.anvil.rpc, Abi(name, artifact.abi), self.deployer.create(artifact.bytecode)[0])

    def alone(self, row: str, target: Contract, function: str, *arguments: object) -> tuple[int, int]:
        """Gas of a read-only call, cold and warm."""
        if self.meter is None:
            self.meter = self.create("GasMeter")
        data = target.encode(function, *arguments)
        self.questions[row] = Question(target.address, data, self.anvil.rpc.block_number())
        first, second = self.meter.call("measure", target.address, data)
        return int(first), int(second)

    def sign(self, desk: int, series: list[tuple[int, int]], sells: bool, price: int, size: int) -> SignedOrder:
        """A maker's order with the next salt."""
        self.salt += 1
        legs = [f"{'-' if ratio < 0 else ''}{self.name(s)}" for s, ratio in series]
        side = "sell" if sells else "buy"
        return self.maker.orders.sign(desk, EXPIRY, legs, side, price, size, good_for=7 * 86_400, salt=self.salt)

    @staticmethod
    def name(series: int) -> str:
        unpacked = Series.unpack(series)
        return f"{unpacked.kind.name.lower()}:{unpacked.strike // 10**8}"

    def fill(self, signed: SignedOrder, client: Bulkhead, vault_id: int) -> Receipt:
        asked = Asked(signed.order.price, vault_id, max_fee=FEE)
        return client.signer.execute(self.chain["Exchange"], "fill", asked.to_tuple(signed.order, signed.signature))

    def withdraw(self, vault_id: int, native: int) -> Receipt:
        clearinghouse = self.chain["Clearinghouse"]
        return self.trader.signer.execute(clearinghouse, "withdraw", vault_id, native, self.trader.address)

    def short(self, count: int, margins: Decimal = Decimal("1.15")) -> int:
        """A vault of the trader with `count` short options and so many times its initial margin as equity."""
        vault_id = self.trader.vaults.open("ETH", deposit=40_000)
        desk = self.maker.vaults.open("ETH", deposit=100_000)
        kinds = [(Kind.CALL, 1), (Kind.PUT, -1)] if count > 1 else [(Kind.CALL, 1)]
        series = [
            Series(1, kind, EXPIRY, (SPOT + direction * 50 * (1 + i)) * 10**8).pack()
            for i in range(max(1, count // 2))
            for kind, direction in kinds
        ]
        for start in range(0, count, 4):
            bought = self.sign(desk, [(s, 1) for s in series[start : start + 4]], False, 20, 1)
            self.fill(bought, self.trader, vault_id)
        info = self.trader.vaults.get(vault_id)
        spare = info.equity - info.initial_margin * margins
        self.trader.vaults.withdraw(vault_id, round(spare, 2))
        return vault_id

    # --- measurements -----------------------------------------------------------------------------------------

    def calls(self) -> None:
        """Read-only calls, alone."""
        harness = self.create("MathHarness")
        option = (SPOT * WAD, 2_100 * WAD, 6 * WAD // 10, 30 * 86_400, 0)
        _, self.gas["bs_all"] = self.alone("bs_all", harness, "option", *option)
        snapshot = self.chain["OracleAdapter"].call("snapshot", 1, EXPIRY)
        risk = RiskWord().pack()
        for count in (1, 4, 16):
            legs = [
                Leg(Kind.CALL if i % 2 else Kind.PUT, (SPOT + (i - 8) * 50) * 10**8, -(10**6)).pack()
                for i in range(count)
            ]
            for row, engine in ENGINES.items():
                name, asked = f"{row}_{count}", (legs, snapshot, risk, FULL)
                _, self.gas[name] = self.alone(name, self.chain[engine], "assess", *asked)
        self.snapshot("snapshot", 1, EXPIRY)

    def snapshot(self, row: str, market: int, expiry: int) -> None:
        """Gas of the oracle's snapshot."""
        cold, warm = f"{row}_cold", f"{row}_warm"
        self.gas[cold], self.gas[warm] = self.alone(cold, self.chain["OracleAdapter"], "snapshot", market, expiry)
        self.questions[warm] = self.questions[cold]

    def trading(self) -> None:
        """Deposits, fills and withdrawals, in a market and a cell where others have traded before."""
        self.short(1)
        desk = self.maker.vaults.open("ETH", deposit=100_000)
        vault_id = self.trader.vaults.open("ETH", deposit=1_000)
        clearinghouse = self.chain["Clearinghouse"]
        self.note("deposit", self.trader.signer.execute(clearinghouse, "deposit", vault_id, self.trader.address, 10**9))
        call = Series(1, Kind.CALL, EXPIRY, 2_100 * 10**8).pack()
        self.note("fill_existing", self.fill(self.sign(desk, [(call, 1)], True, 60, 1), self.trader, vault_id))
        self.note("withdraw", self.withdraw(vault_id, 10**6))
        second = self.maker.vaults.open("ETH", deposit=100_000)
        signed = self.sign(second, [(call, 1)], True, 60, 1)
        asked = Asked(signed.order.price, max_fee=FEE).to_tuple(signed.order, signed.signature)
        receipt = self.taker.signer.execute(self.chain["Exchange"], "open_and_fill", asked, 0, 10**9, NO_PERMIT)
        self.note("open_deposit_fill", receipt)
        self.batch: list[int] = []
        for _ in range(BATCH // 2):
            pair = [client.vaults.open("ETH", deposit=5_000) for client in (self.maker, self.trader)]
            self.fill(self.sign(pair[0], [(call, 1)], True, 60, 1), self.trader, pair[1])
            self.batch += pair
        self.shorts = {count: self.short(count) for count in (1, 4, 16)}
        for count, short_id in self.shorts.items():
            self.note(f"margin_{count}", self.withdraw(short_id, 1))
        for count in self.shorts:
            self.note(f"margin_{count}_healthy", self.withdraw(self.short(count, Decimal(3)), 1))

    def crash(self) -> None:
        """The price moves until the shorts are below maintenance, then the keeper acts."""
        price = float(SPOT)
        targets = (self.shorts[1], self.shorts[16])
        while any(self.trader.vaults.get(v).state != "liquidatable" for v in targets):
            price *= 1.01
            if price > 2 * SPOT:
                raise RuntimeError("the shorts never became liquidatable")
            self.push(price, self.anvil.rpc.timestamp() + 60)
        liquidator = self.chain["Liquidator"]
        self.note("flag_1", self.keeper.signer.execute(liquidator, "flag", targets[0]))
        self.keeper.signer.execute(liquidator, "flag", targets[1])
        self.anvil.mine(self.anvil.rpc.timestamp() + 30)
        for operation, vault_id in (("take_1", targets[0]), ("take_16", targets[1])):
            into = self.taker.vaults.open("ETH", deposit=200_000)
            # least tokens, share, fraction, spot: no limits
            limits = [-(2**200), 0, 0, 0, 0]
            arguments = (vault_id, WAD, into, limits, self.anvil.rpc.timestamp() + 3_600, b"")
            self.note(operation, self.taker.signer.execute(liquidator, "take", *arguments))
        self.push(price, self.anvil.rpc.timestamp() + 60)
        self.note("poke_round", self.poke())
        self.price = price

    def settlement(self) -> None:
        """The expiry's price, then vaults of one and sixteen legs."""
        for before in (2_400, 1_200, 300):
            self.push(self.price, EXPIRY - before)
        self.push(self.price, EXPIRY + 300)
        settlement = self.chain["Settlement"]
        self.note("fix", self.keeper.signer.execute(settlement, "fix", 1, EXPIRY, []))
        self.keeper.signer.execute(settlement, "settle", 1)
        # as many losers as winners, all of the same series
        self.note("settle_50", self.keeper.signer.execute(settlement, "settle_many", self.batch))
        self.gas["settle_50"] //= BATCH
        for count in (1, 16):
            self.note(f"settle_{count}", self.keeper.signer.execute(settlement, "settle", self.shorts[count]))

    def windows(self) -> None:
        """The market with two feeds in the settlement window of its next expiry, and a day that nobody has folded."""
        oracle, expiries = self.chain["OracleAdapter"], self.chain["ExpiryPrices"]
        keeper, rpc = self.keeper.signer, self.anvil.rpc
        feeds = [Contract(rpc, abi.load("MockAggregator"), at) for at in self.chain.deployment.market("PAIR").feeds[:2]]
        expiry = (rpc.timestamp() // DAY + 2) * DAY + surface.HOUR
        start = expiry - 1_800

        def rounds(first: int, step: int, count: int, which: list[Contract] = feeds) -> None:
            """Rounds so many seconds apart, shown in one block after the last of them."""
            stamps = [first + i * step for i in range(count)]
            self.anvil.set_next_timestamp(max(stamps[-1], rpc.timestamp()) + 1)
            for feed in which:
                prices = [(SPOT + i % 3) * 10**8 for i in range(count)]
                self.deployer.execute(feed, "push_many", prices, stamps, gas=20_000_000)

        rounds(rpc.timestamp() // 600 * 600 + 600, 600, 144, feeds[:1])
        self.note("fold_144", keeper.execute(oracle, "poke", 2, 256))
        rounds(start - 60, 60, 4)
        keeper.execute(oracle, "poke", 2, 256)
        self.snapshot("window", 2, expiry)
        # 48 rounds more, which one call can just sum: twice, for the cell's observe and for `fix`
        rounds(start + 300, 10, 44)
        self.note("window_observe", keeper.execute(oracle, "observe", 2, expiry))
        self.snapshot("window_kept", 2, expiry)
        rounds(start + 900, 10, 24)
        self.note("window_fix", keeper.execute(expiries, "fix", 2, expiry, []))

    def brought(self) -> None:
        """The samples of a window, brought in one call."""
        code = compiler.compile_contract(ROOT, "RedStoneAdapter")
        signers = encode(["bytes32", "address[]", "uint256", "uint256"], [brought.FEED, brought.SIGNERS, 3, 100])
        at, _ = self.deployer.create(code.bytecode + signers)
        adapter = Contract(self.anvil.rpc, Abi("RedStoneAdapter", code.abi), at)
        end = self.anvil.rpc.timestamp() // 60 * 60
        minutes = [end - 60 * i for i in range(30, 0, -1)]
        payloads = [brought.RedStoneWorld.sample(SPOT, minute) for minute in minutes]
        for row in ("bring_30", "bring_30_again"):
            self.note(row, self.keeper.signer.execute(adapter, "bring_many", minutes, payloads))

    def surfaces(self) -> None:
        """The market with two feeds: its prices, its publishers' surfaces, and prices with those."""
        oracle, vol = self.chain["OracleAdapter"], self.chain["VolSurface"]
        keeper, rpc = self.keeper.signer, self.anvil.rpc
        feeds = [Contract(rpc, abi.load("MockAggregator"), at) for at in self.chain.deployment.market("PAIR").feeds[:2]]

        def push(price: float, which: list[Contract] = feeds) -> None:
            at = rpc.timestamp() + 60
            for feed in which:
                self.anvil.set_next_timestamp(rpc.timestamp() + 60)
                self.deployer.execute(feed, "push", round(price * 10**8), at, gas=300_000)

        def poke(most: int) -> int:
            return keeper.execute(oracle, "poke", 2, most).gas_used

        push(SPOT)
        poke(16)
        expiry = rpc.timestamp() // DAY * DAY + surface.HOUR + 7 * DAY
        self.snapshot("pair", 2, expiry)
        push(SPOT + 10, feeds[:1])
        self.snapshot("unpoked", 2, expiry)
        self.note("observe", keeper.execute(oracle, "observe", 2, expiry))
        for i in range(21):
            push(SPOT + i % 3, feeds[:1])
        poke(1)
        one = poke(1)
        self.gas["poke_next"] = (poke(11) - one) // 10
        poke(16)

        accounts = [Account.from_key(key).address for key in PUBLISHERS]
        self.deployer.execute(vol, "set_publishers", 2, accounts, 2, 3600, 1000)
        domain, number = surface.Domain(anvil.CHAIN_ID, vol.address), 0
        for count, days in PUBLISHED.items():
            for row in (f"publish_{count}_first", f"publish_{count}"):
                number += 1
                at = rpc.timestamp() + 600
                self.anvil.mine(at)
                expiries = tuple(at // DAY * DAY + surface.HOUR + day * DAY for day in days)
                made = surface.Surface(2, at, expiries, tuple(smile(0.6, e - at) for e in expiries))
                signed = surface.sign(made, number, 1, domain, PUBLISHERS)
                receipt = keeper.execute(vol, "publish", 2, number, at, made.index, made.words, signed)
                self.receipts[row], self.gas[row] = receipt, receipt.gas_used // count
        push(SPOT)
        poke(16)
        self.snapshot("listed", 2, expiries[3])
        self.snapshot("between", 2, expiries[3] + DAY)


def measure() -> dict[str, int]:
    """Gas by operation, in the order of `ROWS`."""
    with Anvil(timestamp=START) as chain:
        bench = Bench(chain)
        bench.calls()
        bench.trading()
        bench.crash()
        bench.settlement()
        bench.surfaces()
        bench.windows()
        bench.brought()
        return {row.operation: bench.gas[row.operation] for row in ROWS}


def main(arguments: list[str] | None = None) -> int:
    """Prints the table, and writes what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="FILE", help='write {"rows": [{"operation", "gas"}, ...]}')
    parser.add_argument("--snapshot", type=Path, metavar="FILE", help="rewrite the figures that a test compares with")
    options = parser.parse_args(arguments)
    gas = measure()
    print(table(gas))
    if options.json:
        rows: list[dict[str, Any]] = [{"operation": operation, "gas": used} for operation, used in gas.items()]
        options.json.write_text(json.dumps({"rows": rows}, indent=2) + "\n")
    if options.snapshot:
        options.snapshot.write_text(json.dumps(gas, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
