"""Carries out what `decide` planned: one transaction or a few per action, each outcome reported."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bulkhead.chain.connection import Connection
from bulkhead.chain.sender import Receipt, Sender
from bulkhead.keeper.decide import (
    Action,
    Claim,
    Clear,
    Collect,
    Fix,
    Flag,
    KeeperState,
    Poke,
    Settle,
    Take,
    TopUp,
)
from bulkhead.keeper.state import POKE_ROUNDS

#: Tells the log about one step: event name and fields.
Report = Callable[..., None]

MAX_UINT = 2**256 - 1
#: A take is good for this long after the block it was planned on.
TAKE_SECONDS = 60


class Executor:
    """Sends transactions for one keeper."""

    def __init__(self, chain: Connection, sender: Sender, report: Report) -> None:
        self.chain = chain
        self.sender = sender
        self.report = report
        self._approved: set[int] = set()

    def run(self, state: KeeperState, action: Action) -> int:
        """Carries out one action; returns how many transactions were mined.

        Raises:
            BulkheadError: A step failed; what was sent before it stands.
        """
        if isinstance(action, Take):
            return self._take(state, action)
        if isinstance(action, TopUp):
            return self._deposit(action.market, action.vault_id, action.amount)
        contract, name, arguments = self._call(action)
        self._send(contract, name, *arguments)
        return 1

    def _call(
        self, action: Poke | Flag | Clear | Fix | Settle | Claim | Collect
    ) -> tuple[str, str, tuple[object, ...]]:
        if isinstance(action, Poke):
            return "OracleAdapter", "poke", (action.market, POKE_ROUNDS)
        if isinstance(action, Flag):
            return "Liquidator", "flag", (action.vault_id,)
        if isinstance(action, Clear):
            return "Liquidator", "clear", (action.vault_id,)
        if isinstance(action, Fix):
            return "Settlement", "fix", (*action.cell, list(action.hints))
        if isinstance(action, Settle):
            return "Settlement", "settle_many", (list(action.vault_ids),)
        if isinstance(action, Claim):
            return "Settlement", "claim_many", (list(action.vault_ids),)
        return "Clearinghouse", "close", (action.vault_id, self.sender.address)

    def _send(self, contract: str, name: str, *arguments: object) -> Receipt:
        receipt = self.sender.execute(self.chain[contract], name, *arguments)
        self.report(
            "sent", call=f"{contract}.{name}", arguments=_short(arguments), block=receipt.block, gas=receipt.gas_used,
            transaction=receipt.hash,
        )  # fmt: skip
        return receipt

    def _deposit(self, market: int, vault_id: int, amount: int) -> int:
        sent = 0
        if market not in self._approved:
            found = self.chain.market(market)
            spender = self.chain["Clearinghouse"].address
            if int(found.token.call("allowance", self.sender.address, spender)) < MAX_UINT // 2:
                self.sender.execute(found.token, "approve", spender, MAX_UINT)
                sent += 1
            self._approved.add(market)
        self._send("Clearinghouse", "deposit", vault_id, amount)
        return sent + 1

    def _take(self, state: KeeperState, action: Take) -> int:
        sent = 0
        market = action.cell[0]
        into = action.into_id
        if into == 0:
            receipt = self._send("Clearinghouse", "open", market, 0, self.sender.address)
            sent += 1
            into = next(
                int(log.values.vault_id) for log in receipt.logs(self.chain.contracts) if log.event == "VaultOpened"
            )
        if action.deposit:
            sent += self._deposit(market, into, action.deposit)
        limits = [action.least_cash, 0, 0, 0, 0]
        deadline = state.now + TAKE_SECONDS
        self._send("Liquidator", "take", action.vault_id, action.fraction, into, limits, deadline, b"")
        return sent + 1


def _short(arguments: tuple[object, ...]) -> list[Any]:
    """Arguments as a log line shows them."""
    return ["0x" + a.hex() if isinstance(a, bytes) else a for a in arguments]
