"""Calls everything with anything, in each state of the matrix, and asks after each change whether a promise broke."""

from __future__ import annotations

import contextlib
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

import boa
from boa.util.abi import Address

from bulkhead.chain import abi
from bulkhead.chain.errors import AbiMismatch
from bulkhead.chain.parameters import PARAMETERS
from bulkhead.chain.system import CONTRACTS
from bulkhead.risk import invariants
from bulkhead.risk.invariants import Books
from bulkhead.risk.words import Kind
from tests.contracts import deployer
from tests.fuzz.outcome import Outcome, judged
from tests.fuzz.words import Words
from tests.matrix.columns import COLUMNS
from tests.matrix.run import ROWS
from tests.matrix.scene import DAY, DONE, EMPTY, EXPIRY, MARKET, OLDER, WAD, Scene, call, put
from tests.worlds.books import closed, read_books
from tests.worlds.brought import FEED, PYTH_ID, SIGNERS

#: Calls in one state before the next one.
EPISODE = 250
#: Of a call: far more than any needs.
GAS = 30_000_000
#: Contracts that have vaults of their own, which their callers do not name.
OWN_VAULTS = ("BackstopPool", "MakerVault")


@dataclass(frozen=True)
class Target:
    """One function of one deployed contract."""

    contract: str
    function: abi.Function

    @property
    def name(self) -> str:
        """`Contract.function`."""
        return f"{self.contract}.{self.function.name}"


@dataclass
class Report:
    """What came of the calls.

    Attributes:
        outcomes: By kind.
        reasons: Refusals by name.
        passed: Calls that passed, by function.
        called: All, by function.
        broken: What must not be, with the call that showed it.
    """

    outcomes: Counter[Outcome] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    passed: Counter[str] = field(default_factory=Counter)
    called: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)

    def text(self) -> str:
        """Counts for people."""
        lines = [f"{sum(self.called.values())} calls of {len(self.called)} functions"]
        lines += [f"{count:8} {kind.value}" for kind, count in self.outcomes.most_common()]
        lines.append(f"{len(self.passed)} functions passed at least once; {len(self.reasons)} reasons were given:")
        lines += [f"{count:8} {reason}" for reason, count in self.reasons.most_common()]
        never = sorted(set(self.called) - set(self.passed))
        lines.append(f"never passed: {', '.join(never)}")
        return "\n".join(lines + self.broken)


def complete(scene: Scene) -> dict[str, Any]:
    """Every contract that people deploy: those of the scene, views, and those that stand apart from markets."""
    found = dict(scene.contracts)
    found.update({name: getattr(scene.system, name) for name, contract in CONTRACTS if name == contract})
    found["Vault"] = deployer("Vault").at(scene.custody("margined"))
    found["Timelock"] = deployer("Timelock").deploy(9 * DAY, [scene.people["governor"]])
    found["PythAdapter"] = deployer("PythAdapter").deploy(deployer("MockPyth").deploy().address, PYTH_ID, 100)
    found["RedStoneAdapter"] = deployer("RedStoneAdapter").deploy(FEED, SIGNERS, 3, 100)
    found["RoundRecorder"] = deployer("RoundRecorder").deploy(scene.system.market.feed.address)
    return found


def addresses(value: Any) -> set[str]:
    """Every address inside of decoded arguments."""
    if isinstance(value, str):
        return {value.lower()} if value.startswith("0x") and len(value) == 42 else set()
    if isinstance(value, bool | int | bytes):
        return set()
    parts = value.values() if isinstance(value, dict) else value
    return {one for part in parts for one in addresses(part)}


def targets_of(name: str) -> list[Target]:
    """Every function of a contract, a test double too."""
    found = []
    for entry in deployer(name).artifact.abi:
        if entry["type"] == "function":
            view = entry["stateMutability"] in ("view", "pure")
            shape = abi.Function(entry["name"], tuple(entry["inputs"]), tuple(entry["outputs"]), view)
            found.append(Target(name, shape))
    return found


def targets(names: list[str]) -> list[Target]:
    """Every function of their ABIs."""
    return [target for name in names for target in targets_of(name)]


class Boundary:
    """The calls, and the books before and after those that change something."""

    def __init__(self, scene: Scene, seed: int) -> None:
        self.scene = scene
        self.contracts = complete(scene)
        self.targets = targets(sorted(self.contracts))
        self.known = {target.name: target for target in self.targets}
        self.callers = list(scene.people.values())
        self.rows = [row for row in ROWS if f"{row.contract}.{row.function}" in self.known]
        self.words = Words(seed, self._numbers(), self._addresses(), ["", "no-such", *PARAMETERS])
        self.report = Report()
        self.books: Books | None = None
        self.holders: set[str] = set()
        self.custodies: dict[int, str] = {}

    def _numbers(self) -> list[int]:
        scene = self.scene
        legs = [put(2000, 1), put(2000, -0.1), call(2000, -1), scene.series(Kind.PUT), scene.series(Kind.CALL)]
        amounts = [WAD, 10**6, 10**12, 500 * 10**6]
        times = [EXPIRY, OLDER, DONE, scene.now, scene.now + 60]
        return [0, MARKET, 2, *times, *amounts, *legs, *scene.vaults.values(), *scene.system.parameters.words]

    def _addresses(self) -> list[str]:
        deployed = [contract.address for contract in self.contracts.values()]
        return [*self.scene.people.values(), *deployed, self.scene.token.address, EMPTY]

    # --- the books --------------------------------------------------------------------------------------------------

    def _read(self) -> Books:
        house = self.scene.system.clearinghouse
        ids = [one for one in range(1, house.next_id()) if not closed(house, one)]
        # an address for good, within an episode
        custodies = {one: self.custodies.get(one) or house.custody(one) for one in ids}
        self.custodies = custodies
        self.holders |= {custody.lower() for custody in custodies.values()}
        cells = [(MARKET, expiry) for expiry in (EXPIRY, OLDER, DONE)]
        return read_books(house, self.scene.token, custodies, cells, self.contracts["ExpiryPrices"])

    def _named(self, target: Target, data: bytes) -> set[int]:
        """Vaults whose ids are in the call data at any place; those of a pool when it is the pool that is called."""
        assert self.books is not None
        found = {one for one in self.books.vaults if one.to_bytes(32, "big") in data}
        found |= self._gifted(data)
        if target.contract in OWN_VAULTS:
            owner = self.contracts[target.contract].address
            word = int(owner, 16)
            found |= {one for one, book in self.books.vaults.items() if book.own[0] & (2**160 - 1) == word}
        return found

    def _gifted(self, data: bytes) -> set[int]:
        """Vaults whose custody's address is in the call data: tokens that are sent there are a gift."""
        return {one for one, custody in self.custodies.items() if bytes.fromhex(custody[2:]) in data}

    def _check(self, target: Target, data: bytes) -> list[str]:
        before, named = self.books, self._named(target, data)
        assert before is not None
        self.books = self._read()
        held = sum(self.scene.token.balanceOf(one) for one in self.holders)
        problems = [
            *invariants.ring_fence(before, self.books, named),
            *invariants.broken(self.books),
            *invariants.conservation([held], self.minted),
        ]
        # told once
        self.minted = held
        return problems

    def _start(self) -> None:
        """Who holds tokens as an episode begins."""
        house, token = self.scene.system.clearinghouse, self.scene.token
        cells = [house.cell_custody(MARKET, expiry) for expiry in (EXPIRY, OLDER, DONE)]
        pot = self.contracts["InsuranceFund"].pot(MARKET)
        self.holders = {str(one).lower() for one in (*self._addresses(), *cells, pot)}
        self.custodies = {}
        self.books = self._read()
        self.minted = sum(token.balanceOf(one) for one in self.holders)

    # --- calls ------------------------------------------------------------------------------------------------------

    def _drawn(self) -> tuple[Target, str, bytes, Any]:
        """(function, caller, call data, arguments or None when the data may not be of its types)."""
        words, draw = self.words, self.words.random
        caller = draw.choice(self.callers)
        if draw.random() < 0.45:
            row = draw.choice(self.rows)
            arguments = self._of_row(row)
            name = f"{row.contract}.{row.function}"
            target = self.known[name]
            if arguments is not None and len(arguments) == len(target.function.inputs):
                pairs = zip(target.function.inputs, arguments, strict=True)
                varied = [words.varied(kind, value, draw.choice((0, 0.1, 0.4))) for kind, value in pairs]
                who = self.scene.people[row.who] if draw.random() < 0.8 else caller
                return target, who, target.function.encode(varied), varied
        target = draw.choice(self.targets)
        function, mode = target.function, draw.random()
        if mode < 0.2:
            return target, caller, words.heap(function), None
        long = mode < 0.3
        arguments = [words.value(kind, long) for kind in function.inputs]
        data = function.encode(arguments)
        if mode < 0.45:
            return target, caller, words.damaged(data), None
        return target, caller, data, None if long else arguments

    def _of_row(self, row: Any) -> tuple[Any, ...] | None:
        """Arguments with which the row's call has passed in some state; none when what it is about is gone."""
        try:
            return tuple(row.arguments(self.scene, self.scene.vaults.get(row.vault, 0)))
        except boa.BoaError:
            return None

    def _call(self, where: str) -> None:
        target, caller, data, arguments = self._drawn()
        made = boa.env.evm._call(
            Address(caller), Address(self.contracts[target.contract].address), data, 0, GAS, target.function.view
        )
        outcome, told = judged(target.name, made, arguments)
        self.report.called[target.name] += 1
        self.report.outcomes[outcome] += 1
        problems = [f"{outcome.value}: {told}"] if outcome is Outcome.BAD else []
        if outcome is Outcome.NAMED:
            self.report.reasons[told] += 1
        if outcome is Outcome.PASSED:
            self.report.passed[target.name] += 1
            if not target.function.view:
                self._meet(target, data)
                problems += self._check(target, data)
        where = f"{where}: {target.name} by {caller}, 0x{data.hex()}"
        self.report.broken += [f"{problem}; {where}" for problem in problems]

    def _meet(self, target: Target, data: bytes) -> None:
        """Whoever a call names may hold tokens afterwards."""
        with contextlib.suppress(AbiMismatch):
            self.holders |= addresses(target.function.arguments(data))

    def run(self, calls: int) -> Report:
        """So many calls, an episode in each state in turn; what an episode did is undone after it."""
        states = [column for column in COLUMNS if column.how == "call" and not column.on_row]
        self.words.random.shuffle(states)
        for number in range(-(-calls // EPISODE)):
            column = states[number % len(states)]
            with boa.env.anchor():
                spot, vaults = self.scene.spot, dict(self.scene.vaults)
                column.enter(self.scene)
                self._start()
                for _ in range(min(EPISODE, calls - number * EPISODE)):
                    self._call(column.name)
                self._flag_covered(column.name)
                self.scene.spot, self.scene.vaults = spot, vaults
        return self.report

    def _flag_covered(self, where: str) -> None:
        """INV-13: nobody flags a vault whose collateral covers its worst settlement, whatever has been called."""
        assert self.books is not None
        liquidator = self.contracts["Liquidator"]
        for one in self.books.vaults.values():
            if one.legs and one.is_covered and not one.flagged:
                with boa.env.anchor():
                    try:
                        liquidator.flag(one.vault_id)
                    except boa.BoaError:
                        continue
                self.report.broken.append(f"INV-13: vault {one.vault_id} was flagged; {where}")


def by_contract(report: Report) -> dict[str, int]:
    """Calls of each contract."""
    found: dict[str, int] = defaultdict(int)
    for name, count in report.called.items():
        found[name.split(".")[0]] += count
    return dict(found)
