"""The keeper's books: every token that came and went, out of the chain's logs. They balance with the chain to the unit.

Nothing here is the keeper's own word: what a node tells and what is in the journal give the same entries, and a journal
that is lost is written anew from the deployment on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from bulkhead.chain.contract import Log
from bulkhead.chain.flows import Movement, movements
from bulkhead.risk.words import WAD

#: Movements between the wallet and an own vault: no gain and no loss.
INNER = ("deposit", "withdrawal")


@dataclass(frozen=True)
class Entry:
    """One movement of tokens that are the keeper's.

    Attributes:
        block: Block of its log.
        index: Position of the log in the block.
        place: Which of the entries of that log.
        transaction: Hash of its transaction.
        kind: As of `flows.Movement`; `bonus` is a take's gain at mark, in no tokens.
        market: Index of the market.
        vault_id: The own vault, or the vault that a tip came from.
        tokens: Into the own vault [native].
        wallet: Into the wallet [native].
        gain: At mark, of a take [wad quote].
        taken_id: Vault that a take was of, 0 otherwise.
        at: Stamp of the block, 0 while that is not known [unix seconds].
    """

    block: int
    index: int
    place: int
    transaction: str
    kind: str
    market: int
    vault_id: int
    tokens: int = 0
    wallet: int = 0
    gain: int = 0
    taken_id: int = 0
    at: int = 0


@dataclass
class Books:
    """Entries of one account.

    Attributes:
        account: Its address.
        entries: All of them, in chain order.
        fresh: Those that are not in the journal yet.
        undone: Entries after this block are to leave the journal, -1 for none.
        natives: Wad in one native unit of each market's token.
    """

    account: str
    entries: list[Entry] = field(default_factory=list)
    fresh: list[Entry] = field(default_factory=list)
    undone: int = -1
    natives: dict[int, int] = field(default_factory=dict)
    _market_of: dict[int, int] = field(default_factory=dict)
    _own: dict[int, int] = field(default_factory=dict)
    _custody: dict[str, int] = field(default_factory=dict)

    def take(self, logs: Sequence[Log], stamps: dict[int, int]) -> None:
        """Takes in logs of whole blocks, in chain order.

        Args:
            logs: The logs.
            stamps: When their blocks were, as far as that is known [unix seconds].
        """
        for log in logs:
            if log.event == "VaultOpened":
                self._opened(log)
        by_log: dict[tuple[int, int], list[Movement]] = {}
        for movement in movements(logs, self._custody):
            by_log.setdefault((movement.log.block, movement.log.index), []).append(movement)
        for log in logs:
            entries = [*self._of_vaults(by_log.get((log.block, log.index), [])), *self._of_wallet(log)]
            for place, entry in enumerate(entries):
                found = replace(entry, place=place, at=stamps.get(entry.block, 0))
                self.entries.append(found)
                self.fresh.append(found)

    def _opened(self, log: Log) -> None:
        vault_id, market = int(log.values.vault_id), int(log.values.market)
        self._market_of[vault_id] = market
        if log.values.owner.lower() == self.account.lower():
            self._own[vault_id] = market
            self._custody[log.values.custody.lower()] = vault_id

    def _of_vaults(self, moved: Sequence[Movement]) -> Iterator[Entry]:
        for one in moved:
            market = self._own.get(one.vault_id)
            if market is not None:
                yield _entry(one.log, one.kind, market, one.vault_id, tokens=one.amount)

    def _of_wallet(self, log: Log) -> Iterator[Entry]:
        v, me = log.values, self.account.lower()
        if log.event == "Deposited" and v.payer.lower() == me:
            yield _entry(log, "deposit", self._market(v.vault_id), v.vault_id, wallet=-v.amount)
        elif log.event == "Withdrawn" and v.receiver.lower() == me:
            yield _entry(log, "withdrawal", self._market(v.vault_id), v.vault_id, wallet=v.amount)
        elif log.event == "VaultClosed" and v.vault_id in self._own:
            # a keeper closes into its own wallet
            yield _entry(log, "withdrawal", self._own[v.vault_id], v.vault_id, wallet=v.amount)
        elif log.event == "TipPaid" and v.receiver.lower() == me:
            yield _entry(log, "tip", self._market(v.vault_id), v.vault_id, wallet=v.amount)
        elif log.event == "ToppedUp" and v.caller.lower() == me:
            yield _entry(log, "tip", self._market(v.vault_id), v.vault_id, wallet=v.tip)
        elif log.event == "VaultTaken" and v.taker.lower() == me:
            market = self._market(v.into_id)
            insured = v.top_up * self.natives.get(market, 0)
            gain = take_gain(v.fraction, v.bonus_share, v.margin, v.equity, insured)
            found = _entry(log, "bonus", market, v.into_id)
            yield replace(found, gain=gain, taken_id=int(v.vault_id))
        elif log.event == "VaultTransferred" and v.sender.lower() == me and v.vault_id in self._own:
            held = self.in_vault(int(v.vault_id))
            market = self._own.pop(int(v.vault_id))
            yield _entry(log, "sent-away", market, v.vault_id, tokens=-held)

    def _market(self, vault_id: int) -> int:
        return self._market_of.get(int(vault_id), 0)

    def undo(self, kept: int) -> None:
        """Forgets what came after a block: the chain has dropped it."""
        self.entries = [entry for entry in self.entries if entry.block <= kept]
        self.fresh = [entry for entry in self.fresh if entry.block <= kept]
        self.undone = kept if self.undone < 0 else min(self.undone, kept)

    def stamped(self, stamps: dict[int, int]) -> None:
        """Puts in when blocks were, for entries that do not know it."""
        for group in (self.entries, self.fresh):
            for i, entry in enumerate(group):
                if not entry.at and entry.block in stamps:
                    group[i] = replace(entry, at=stamps[entry.block])

    def unstamped(self) -> list[int]:
        """Blocks of fresh entries whose stamps are not known."""
        return sorted({entry.block for entry in self.fresh if not entry.at})

    def in_vault(self, vault_id: int) -> int:
        """Tokens that an own vault holds by the books [native]."""
        return sum(entry.tokens for entry in self.entries if entry.vault_id == vault_id)

    def in_vaults(self) -> dict[int, int]:
        """Tokens by own vault, by the books [native]; those that hold none as well."""
        found: Counter[int] = Counter()
        for entry in self.entries:
            if entry.tokens:
                found[entry.vault_id] += entry.tokens
        return dict(found)

    def wallet(self, market: int) -> int:
        """What the protocol has brought to the wallet in a market less what it has taken [native]."""
        return sum(entry.wallet for entry in self.entries if entry.market == market)


def take_gain(fraction: int, bonus_share: int, margin: int, equity: int, insured: int) -> int:
    """Gain of a take at mark [wad]: the bonus, or what equity and insurance have left for it.

    Args:
        fraction: Share of the vault [wad].
        bonus_share: beta [wad].
        margin: A of the vault [wad].
        equity: E of the vault [wad].
        insured: What insurance has added [wad].
    """
    bonus = bonus_share * (fraction * margin // WAD) // WAD
    return min(bonus, fraction * equity // WAD) + insured


def _entry(log: Log, kind: str, market: int, vault_id: int, tokens: int = 0, wallet: int = 0) -> Entry:
    return Entry(log.block, log.index, 0, log.transaction, kind, int(market), int(vault_id), int(tokens), int(wallet))
