"""What every step of a walk asks: one call, and all promises after it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import boa
from boa.util.abi import Address
from eth.exceptions import Revert

from bulkhead.chain.words import VaultWord
from bulkhead.risk.invariants import Books, VaultBook
from bulkhead.risk.words import WAD
from tests.evm import Computation
from tests.fuzz.boundary import Boundary, Target
from tests.fuzz.outcome import Outcome, judged
from tests.matrix.scene import EXPIRY, WINDOW, Scene
from tests.stateful.rows import MICRO, Change, Terms, row_of
from tests.stateful.tally import Tally

MINUTE = 60
PLENTY = 30_000_000
WEAK = ("weak", "big", "frail", "healed")
#: What is called about one of these as often as about the vault of the row.
OTHERS = ("margined", "second", "covered", "idle", "weak", "big", "frail", "healed", "into", "desk", "rich", "winner")
#: Contracts that move legs and tokens for reasons of their own, and calls that do several things at once.
NOT_OWNERS = ("Liquidator", "BackstopPool", "Settlement", "InsuranceFund", "HostileTaker")
SEVERAL = ("Exchange.fill_many", "Clearinghouse.multicall")
#: Calls in which a vault may close by rows 2 to 4.
FILLS = ("Exchange.fill", "Exchange.open_and_fill")


class State(Tally, Boundary):
    """The scene, what was seen of it, and the ledger beside it.

    Attributes:
        by_row: How often each row of the margin table let a vault through.
    """

    def __init__(self, scene: Scene, seed: int) -> None:
        Tally.__init__(self)
        Boundary.__init__(self, scene, seed)
        self.draw = self.words.random
        self.by_row: Counter[int] = Counter()
        self.frozen: set[str] = set()
        self.donated: set[int] = set()
        self.is_quiet = False
        self.phase = 1

    def _addresses(self) -> list[str]:
        # who calls without a name settles, and gets the tips for it
        return [*super()._addresses(), str(boa.env.eoa)]

    # --- time and prices ----------------------------------------------------------------------------------------------

    def _push(self, primary: float, fallback: float | None = None) -> None:
        self.scene.push(min(max(primary, 900.0), 4_500.0), fallback)
        self.scene.observe()

    def _pass(self, seconds: int) -> None:
        self.scene.system.wait(max(min(seconds, EXPIRY - WINDOW - 120 - self.scene.now), 1))

    # --- one call ---------------------------------------------------------------------------------------------------

    def made(self, target: Target, caller: str, data: bytes, gas: int) -> Computation:
        """The bare call."""
        to = Address(self.contracts[target.contract].address)
        return boa.env.evm._call(Address(caller), to, data, 0, gas, target.function.view)

    def call(self, target: Target, caller: str, arguments: tuple[Any, ...], gas: int = PLENTY) -> str | None:
        """Makes a call and asks after everything; what refused it."""
        data = target.function.encode(arguments)
        before = self.books
        assert before is not None
        wealth = self.ledger.wealth(caller, before)
        entitled = self.ledger.entitled(target.name, arguments, 10**7) if wealth is not None else None
        worth = self.ledger.share_worth(before) if target.contract == "BackstopPool" else None
        wallets, mandate = self.wallets(), self._mandate(target, arguments)
        whole = None
        if gas != PLENTY:
            with boa.env.anchor():
                whole = self.made(target, caller, data, PLENTY)
        made = self.made(target, caller, data, gas)
        if made.is_error:
            if gas != PLENTY and not isinstance(made.error, Revert):
                return "out of gas"
            outcome, told = judged(target.name, made, arguments)
            if outcome is Outcome.BAD and gas == PLENTY:
                self.demand([f"{told or 'no name'} of {target.name}, 0x{data.hex()}"], "refusal")
            return told or outcome.value
        where = f"{target.name} by {caller} with 0x{data.hex()}"
        if whole is not None and not whole.is_error:
            self.demand([] if _effect(whole) == _effect(made) else [f"less was done with {gas} gas"], where)
        self.ledger.take(made)
        self._meet(target, data)
        self.demand(self._check(target, data), where)
        assert self.books is not None
        self.donated |= {one for one in self._gifted(data) if self._richer(one, before)}
        self.demand(self.ledger.differences(self.donated, self.books), where)
        self.demand(self._owners(target, arguments, before), where)
        self.demand(self._wallets(caller, wallets, mandate), where)
        after = self.ledger.wealth(caller, self.books)
        if wealth is not None and after is not None and entitled is not None and after > wealth + entitled:
            self.demand([f"the caller gained {(after - wealth) / WAD:f}, entitled to {entitled / WAD:f}"], where)
        if worth is not None:
            self.demand(self.ledger.share_fell(worth, self.ledger.share_worth(self.books)), where)
        return None

    # --- what the wallets are asked ---------------------------------------------------------------------------------

    def wallets(self) -> dict[str, int]:
        """Tokens of every person [native]."""
        return {who: int(self.scene.token.balanceOf(who)) for who in sorted({*self.scene.people.values()})}

    def _mandate(self, target: Target, arguments: tuple[Any, ...]) -> Any:
        """What the owner of a vault lets anyone take, before a top-up; None for any other call."""
        if target.name != "AutoTopUp.top_up":
            return None
        return self.contracts["AutoTopUp"].record(arguments[0])

    def _wallets(self, caller: str, before: dict[str, int], mandate: Any) -> list[str]:
        """INV-14: nobody's wallet pays for another's call, but for its mandates, and then within their limits."""
        broken, now = [], self.wallets()
        for who, had in before.items():
            paid = had - now[who]
            if paid <= 0 or who == caller:
                continue
            if mandate is None or str(mandate.owner) != who:
                broken.append(f"INV-14: {who} paid {paid} for a call of somebody else")
                continue
            told = mandate.mandate
            today = mandate.spent_that_day if mandate.day == self.scene.now // 86_400 else 0
            left = min(told.most_per_day - today, told.most_in_all - mandate.spent_in_all)
            # who calls for another gets the tip: at most a tenth of what went into the vault
            tip = now.get(caller, 0) - before.get(caller, 0) if caller in before else 0
            if paid > left or tip * 11 > paid:
                broken.append(f"INV-14: {who} paid {paid} of {left}, {tip} of it to the caller")
        return broken

    def _richer(self, one: int, before: Books) -> bool:
        """Whether a vault has more tokens than before."""
        assert self.books is not None
        both = before.vaults.get(one), self.books.vaults.get(one)
        return both[0] is not None and both[1] is not None and both[1].stored > both[0].stored

    # --- what the vaults of a call are asked ------------------------------------------------------------------------

    def _owners(self, target: Target, arguments: tuple[Any, ...], before: Books) -> list[str]:
        """Deposits name the owner, another owner is another epoch, and a row of the margin table let each through."""
        assert self.books is not None
        broken = []
        if target.name == "Clearinghouse.deposit":
            owner = VaultWord.unpack(before.vaults[arguments[0]].own[0]).owner
            if owner.lower() != str(arguments[1]).lower():
                broken.append(f"INV-03: a deposit for {arguments[1]} went to a vault of {owner}")
        both = {one: (before.vaults[one], book) for one, book in self.books.vaults.items() if one in before.vaults}
        for one, (old, new) in both.items():
            was, now = VaultWord.unpack(old.own[0]), VaultWord.unpack(new.own[0])
            if was.owner != now.owner and now.epoch <= was.epoch:
                broken.append(f"vault {one} has another owner, and signatures of the last one live on")
        if target.contract not in NOT_OWNERS and target.name not in SEVERAL:
            broken += self._gated(target.name in FILLS, both)
        return broken

    def _gated(self, fills: bool, both: Mapping[int, tuple[VaultBook, VaultBook]]) -> list[str]:
        """INV-05: each vault that changed has passed a row of the margin table."""
        changed = {one: pair for one, pair in both.items() if _risks(*pair)}
        paid = sum(old.stored - new.stored for old, new in changed.values())
        broken = []
        for one, (old, new) in changed.items():
            loaded = self.scene.system.clearinghouse.load(one)
            prices = self.ledger.prices(new.expiry or EXPIRY)
            change = Change.of((old, new), loaded.vault.risk, Terms(prices), max(paid, 0) * MICRO)
            row = row_of(change, fills)
            self.by_row[row] += 1
            if not row:
                broken.append(f"INV-05: vault {one} passed no row of the margin table")
        return broken

    def margins(self) -> dict[int, int]:
        """MM of every vault with legs, by the mirror."""
        assert self.books is not None
        found = {one: self.ledger.standing(one) for one, book in self.books.vaults.items() if book.legs}
        return {one: told[0].maintenance_margin for one, told in found.items() if told is not None}


def _risks(old: VaultBook, new: VaultBook) -> bool:
    """Whether a vault's legs, tokens or model are not what they were, to its risk; without legs no model matters."""
    was, now = VaultWord.unpack(old.own[0]), VaultWord.unpack(new.own[0])
    return old.legs != new.legs or new.stored < old.stored or bool(new.legs and was.model != now.model)


def _effect(made: Computation) -> tuple[Any, ...]:
    """What a call answered and logged."""
    return made.output, [(address, topics, data) for _, address, topics, data in made.get_raw_log_entries()]
