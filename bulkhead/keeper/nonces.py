"""Which nonces of an account are in flight, for what, and which one comes next. Asks and sends nothing."""

from __future__ import annotations

from collections.abc import Iterable

from bulkhead.chain.errors import NodeUnavailable
from bulkhead.keeper.journal import MINED, OPEN, Attempt

#: Blocks for which what has ended is remembered, so that a node that is behind starts nothing again.
REMEMBER_BLOCKS = 256


class Nonces:
    """Attempts of one account, by nonce and by key.

    Attributes:
        on_chain: Nonce of the account at the newest look, None before the first.
        open: Attempts in flight, by nonce.
        occupied: Nonces at which a transaction of somebody else with this key waits, and since which block.
    """

    def __init__(self, attempts: Iterable[Attempt] = ()) -> None:
        self.on_chain: int | None = None
        self.open: dict[int, Attempt] = {}
        self.occupied: dict[int, int] = {}
        self._least = 0
        self._keys: dict[str, Attempt] = {}
        self._ended: dict[str, int] = {}
        self._recent: list[Attempt] = []
        for attempt in attempts:
            self.hold(attempt)

    @property
    def pending(self) -> list[Attempt]:
        """Attempts in flight, by nonce."""
        return [self.open[n] for n in sorted(self.open)]

    @property
    def keys(self) -> list[str]:
        """Keys in flight."""
        return sorted(self._keys)

    def busy(self, key: str, block: int) -> bool:
        """Whether a key is in flight, or has ended at a block that a state of this block does not know yet."""
        return key in self._keys or self._ended.get(key, -1) >= block

    def next(self) -> int:
        """The nonce of the next transaction.

        Raises:
            NodeUnavailable: No node has told the account's nonce yet.
        """
        if self.on_chain is None:
            raise NodeUnavailable("The account's nonce is not known yet.")
        # receipts and nodes may know of more than the block that was looked at
        nonce = max(self.on_chain, self._least)
        while nonce in self.open or nonce in self.occupied:
            nonce += 1
        return nonce

    def used(self, nonce: int) -> None:
        """Notes that a nonce is used up, whatever the block that was looked at says."""
        self._least = max(self._least, nonce + 1)

    def hold(self, attempt: Attempt) -> None:
        """Puts an attempt in flight."""
        self.open[attempt.nonce] = attempt
        self._keys[attempt.key] = attempt

    def release(self, attempt: Attempt, state: str, block: int = 0) -> None:
        """Ends an attempt.

        Args:
            attempt: The attempt.
            state: How it ended.
            block: Block of its receipt, 0 without one.
        """
        attempt.state = state
        self.open.pop(attempt.nonce, None)
        if self._keys.get(attempt.key) is attempt:
            del self._keys[attempt.key]
        if block:
            self._recent.append(attempt)
        if block and state == MINED:
            self.ended(attempt.key, block)

    def ended(self, key: str, block: int) -> None:
        """Keeps states older than a block from starting what it has brought to its end."""
        self._ended[key] = block - 1

    def seen(self, nonce: int, block: int) -> None:
        """Takes in the account's nonce at a block, and forgets what is long over."""
        self.on_chain = nonce
        self.occupied = {n: b for n, b in self.occupied.items() if n >= nonce}
        self._ended = {k: b for k, b in self._ended.items() if b > block - REMEMBER_BLOCKS}
        self._recent = [a for a in self._recent if a.mined_block > block - REMEMBER_BLOCKS]

    def reorganised(self, kept: int) -> list[Attempt]:
        """Puts everything that was mined after block `kept`, well or not, in flight again; returns it."""
        self._least = 0
        self._ended = {key: block for key, block in self._ended.items() if block <= kept}
        again = [a for a in self._recent if a.mined_block > kept]
        self._recent = [a for a in self._recent if a.mined_block <= kept]
        for attempt in again:
            attempt.state, attempt.mined_block, attempt.missing_since, attempt.accepted = OPEN, 0, 0, False
            self._ended.pop(attempt.key, None)
            if attempt.nonce not in self.open:
                self.hold(attempt)
        return again
