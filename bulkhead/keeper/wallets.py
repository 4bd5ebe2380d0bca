"""The wallets of one keeper: accounts with nonces, tokens and own vaults each, on one journal, from one look.

What needs a wallet's own tokens or vaults is that wallet's; what anybody can send goes out through the least busy one
that has coins. Each flagged vault is left to one wallet, of those that could take it, by its id.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bulkhead.chain.errors import BulkheadError
from bulkhead.chain.rpc import Call as RpcCall
from bulkhead.chain.rpc import to_int
from bulkhead.keeper.calls import Call
from bulkhead.keeper.decide import Failed, decide
from bulkhead.keeper.journal import Attempt
from bulkhead.keeper.node import Head
from bulkhead.keeper.outcomes import Counts, Outcome, Receipt
from bulkhead.keeper.plan import Action, Take, TopUp
from bulkhead.keeper.policy import Limits, Policy
from bulkhead.keeper.providers import RECEIPT
from bulkhead.keeper.sender import Sender
from bulkhead.keeper.shortages import Means
from bulkhead.keeper.state import KeeperState, MarketView

#: With fewer coins than this not even an empty transaction is paid for [wei].
LEAST_COINS = 21_000 * 10**9
#: What wallets beyond the first do for themselves; everything else one of them does for all.
OF_EACH = frozenset({"take", "tend", "unwind"})
#: Gas that a call counts for, until a node has said how much it needs, where the least busy wallet is looked for.
USUAL_GAS = 300_000


@dataclass(frozen=True)
class Wallet:
    """One account of a keeper.

    Attributes:
        sender: Its nonces and its rows of the journal.
        capital: Most tokens in its own vaults of one market, 0 for no limit [wad quote].
        limits: Most exposure of its own vaults.
    """

    sender: Sender
    capital: int = 0
    limits: Limits = Limits()

    @property
    def address(self) -> str:
        """Of the account."""
        return self.sender.address


class Wallets:
    """All of a keeper's wallets, to its observer and its loop as if they were one sender.

    Attributes:
        all: The wallets, the first one first.
    """

    def __init__(self, wallets: Sequence[Wallet], shards: int = 1) -> None:
        self.all = list(wallets)
        for sender in self.senders:
            sender.senders = shards * len(self.all)
        self._asked: list[int] = []

    def __iter__(self) -> Any:
        return iter(self.all)

    @property
    def senders(self) -> list[Sender]:
        """Theirs."""
        return [wallet.sender for wallet in self.all]

    @property
    def addresses(self) -> list[str]:
        """Theirs."""
        return [wallet.address for wallet in self.all]

    def has(self, address: str) -> bool:
        """Whether an address is one of theirs."""
        return address.lower() in {one.lower() for one in self.addresses}

    @property
    def pending(self) -> list[Attempt]:
        """What is in flight."""
        return [attempt for sender in self.senders for attempt in sender.pending]

    @property
    def counts(self) -> Counts:
        """What all have done so far."""
        found = Counts()
        for sender in self.senders:
            found.add(sender.counts)
        return found

    def priced(self, coin_price: int) -> None:
        """Takes in what a coin is worth [wad quote]."""
        for sender in self.senders:
            sender.fees = replace(sender.fees, coin_price=coin_price)

    # --- watching ---------------------------------------------------------------------------------------------

    def calls(self, head: Head) -> list[RpcCall]:
        """What to read of each at a block."""
        asked = [sender.calls(head) for sender in self.senders]
        self._asked = [len(calls) for calls in asked]
        return [call for calls in asked for call in calls]

    def join(self, asked: Sequence[RpcCall], answers: list[Any], others: Mapping[int, Any], newest: int) -> None:
        """Puts in what only a second node says of the accounts: one that is wrong must not stop them.

        A nonce that is too low is refused and the next one taken, one that is too high is waited for in vain. Coins
        that are not there are missed when they are to be spent. A receipt is one; of two the one of an older block
        counts, and of one block the one that says reverted: what is still to be done the state of the chain tells.
        """
        chosen = {"eth_getTransactionCount": min, "eth_getBalance": max}
        for i, other in others.items():
            method = asked[i][0]
            if method in chosen:
                numbers = {n: said for said in (answers[i], other) if (n := _number(said)) is not None}
                answers[i] = numbers[chosen[method](numbers)] if numbers else answers[i]
            elif method == RECEIPT:
                receipts = [found for said in (answers[i], other) if (found := Receipt.of(said, newest)) is not None]
                least = min(receipts, key=lambda found: (found.block, found.well), default=None)
                answers[i] = other if least is not None and least == Receipt.of(other, newest) else answers[i]

    def take_in(self, head: Head, answers: Sequence[Any]) -> list[Outcome]:
        """Judges the answers to `calls`; returns what has ended.

        Raises:
            BulkheadError: Nonce or balance of one are unknown.
        """
        found: list[Outcome] = []
        start = 0
        for sender, count in zip(self.senders, self._asked, strict=True):
            found += sender.take_in(head, answers[start : start + count])
            start += count
        return found

    def reorganised(self, kept: int) -> None:
        """Everything mined after block `kept` may be unmined."""
        for sender in self.senders:
            sender.reorganised(kept)

    async def maintain(self, head: Head) -> None:
        """Replaces, for each, what waits too long.

        Raises:
            BulkheadError: It failed for one, after the others were seen to.
        """
        _raise_first(await asyncio.gather(*(s.maintain(head) for s in self.senders), return_exceptions=True))

    # --- deciding ---------------------------------------------------------------------------------------------

    def states(
        self, state: KeeperState, policy: Policy, views: Sequence[Mapping[int, MarketView]]
    ) -> list[KeeperState]:
        """The market as each of them sees it, each flagged vault left to one of them.

        Args:
            state: As the first one sees it.
            policy: What they do.
            views: The markets with the tokens of each.
        """
        if len(self.all) == 1:
            return [state]
        names = frozenset(address.lower() for address in self.addresses)
        found = [
            replace(state, keeper=wallet.address, markets=view, wallets=names)
            for wallet, view in zip(self.all, views, strict=True)
        ]
        left: list[set[int]] = [set() for _ in found]
        means = [Means(seen, self.policy(policy, i)) for i, seen in enumerate(found)]
        for vault_id in state.quotes:
            able = [
                i
                for i, wallet in enumerate(self.all)
                if wallet.sender.balance >= LEAST_COINS and _can_take(means[i], vault_id)
            ]
            # ids of one shard have one remainder: what is above tells them apart
            chosen = able[vault_id // policy.shard[1] % len(able)] if able else 0
            for i, group in enumerate(left):
                if i != chosen:
                    group.add(vault_id)
        return [replace(seen, left=frozenset(group)) for seen, group in zip(found, left, strict=True)]

    def policy(self, policy: Policy, index: int) -> Policy:
        """What one of them does, and how far it may go alone."""
        wallet = self.all[index]
        roles = policy.roles if index == 0 else policy.roles & OF_EACH
        return replace(policy, roles=roles, wallet_capital=wallet.capital, wallet_limits=wallet.limits)

    def decide(
        self, states: Sequence[KeeperState], policy: Policy, failed: Failed | None = None
    ) -> list[tuple[KeeperState, list[Action]]]:
        """What each of them does, one after the other: none plans with what another has."""
        found: dict[int, tuple[KeeperState, list[Action]]] = {}
        takers: dict[int, str] = {}
        committed: dict[int, int] = {}
        # the first one comes last: what the others take it gives to no pool
        for i in (*range(1, len(states)), 0):
            state = states[i]
            seen = state
            if found:
                seen = replace(
                    state,
                    taking=state.taking | takers.keys(),
                    takers={**state.takers, **takers},
                    committed={**state.committed, **{m: n + state.committed.get(m, 0) for m, n in committed.items()}},
                )
            actions = decide(seen, self.policy(policy, i), failed)
            for action in actions:
                if isinstance(action, Take):
                    takers.update(dict.fromkeys(action.vault_ids, state.keeper.lower()))
                elif isinstance(action, TopUp):
                    committed[action.market] = committed.get(action.market, 0) + action.amount
            found[i] = (seen, actions)
        return [found[i] for i in sorted(found)]

    # --- sending ----------------------------------------------------------------------------------------------

    async def submit(self, calls: Sequence[Call], head: Head) -> tuple[int, list[tuple[Call, str]]]:
        """Sends each call through its wallet, or through the least busy one; returns how many, and what did not go out.

        Raises:
            BulkheadError: One could not send, after the others have.
        """
        parts: list[list[Call]] = [[] for _ in self.all]
        busy = [sum(attempt.gas for attempt in sender.pending) for sender in self.senders]
        for call in calls:
            i = self._through(call, busy, head)
            if i is not None:
                parts[i].append(call)
                busy[i] += call.gas or USUAL_GAS
        given = [(sender, part) for sender, part in zip(self.senders, parts, strict=True) if part]
        done = await asyncio.gather(*(s.submit(part, head) for s, part in given), return_exceptions=True)
        _raise_first(done)
        sent, refused = 0, list[tuple[Call, str]]()
        for result in done:
            assert not isinstance(result, BaseException)
            sent += len(result[0])
            refused += result[1]
        return sent, refused

    def _through(self, call: Call, busy: Sequence[int], head: Head) -> int | None:
        """Which of them sends a call; None where one is at it already."""
        senders = self.senders
        if len(senders) == 1:
            return 0
        if call.wallet:
            return next(i for i, sender in enumerate(senders) if sender.address == call.wallet)
        if any(sender.busy(call.key, head.number) for sender in senders):
            return None
        rich = [i for i, sender in enumerate(senders) if sender.balance >= LEAST_COINS] or [0]
        return rich[0] if call.patient else min(rich, key=lambda i: busy[i])


def flagging_of(flying: Iterable[tuple[str, Mapping[str, Any]]]) -> frozenset[int]:
    """Vaults whose flag is in flight together with others', by (address, fields) of what is."""
    flags = (fields for _, fields in flying if fields.get("action") == "flagmany")
    return frozenset(int(i) for fields in flags for i in fields["vault_ids"])


def taking_of(flying: Iterable[tuple[str, Mapping[str, Any]]]) -> frozenset[int]:
    """Vaults whose take is in flight, and own vaults that it goes into, by (address, fields) of what is."""
    takes = (fields for _, fields in flying if fields.get("action") == "take")
    return frozenset(int(i) for fields in takes for i in (*fields["vault_ids"], fields["into_id"]))


def takers_of(flying: Iterable[tuple[str, Mapping[str, Any]]]) -> dict[int, str]:
    """Whose takes of which vaults are in flight, by (address, fields) of what is."""
    return {
        int(vault_id): address.lower()
        for address, fields in flying
        if fields.get("action") == "take"
        for vault_id in fields["vault_ids"]
    }


def _number(said: Any) -> int | None:
    """What a node says, None where it is no number."""
    try:
        return to_int(said)
    except BulkheadError:
        return None


def _can_take(means: Means, vault_id: int) -> bool:
    """Whether a wallet has tokens for a share of a flagged vault that is worth a transaction."""
    state = means.state
    vault = state.vaults.get(vault_id)
    if vault is None or not state.tradable(vault):
        return False
    # what is in its own vaults already, beyond their margin, was put there for takes; empty ones are of no cell
    held = any(tokens for cell, tokens in means.held.items() if cell[0] == vault.market)
    return (means.free[vault.market] > 0 or held) and not means.starved(vault, state.quotes[vault_id])


def _raise_first(done: Iterable[Any]) -> None:
    for result in done:
        if isinstance(result, BulkheadError):
            raise result
    for result in done:
        if isinstance(result, BaseException):
            raise result
