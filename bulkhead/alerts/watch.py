"""Looks at vaults and finds what the rules want told."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from decimal import Decimal

from bulkhead.alerts.rules import Rule, Rules, When
from bulkhead.alerts.state import Message, State
from bulkhead.chain.connection import Connection, Market
from bulkhead.chain.contract import Log
from bulkhead.chain.errors import BulkheadError, UnknownVault
from bulkhead.chain.lens import CellView, VaultView, read_cells, read_vaults
from bulkhead.chain.vaults_from_logs import Book
from bulkhead.client.amounts import from_wad
from bulkhead.client.card import liquidation_prices, risk_of, to_add
from bulkhead.risk.words import Cell

#: Rules about what happened, not about how things stand.
EVENTS = {"VaultFlagged": When.FLAG, "VaultTaken": When.TAKE}
#: Rules that look at each vault.
LEVELS = (When.HEALTH, When.LIQUIDATION_DISTANCE, When.MARGIN_CALL, When.EXPIRY)
#: A message, and the rule that wants it told.
Found = tuple[Rule, Message]
#: Tells places of some lines under a title; whether all took it.
Tell = Callable[[tuple[str, ...], str, list[str]], bool]


class Watch:
    """Watches the vaults of a deployment.

    Attributes:
        rules: What is told, and to whom.
        chain: The deployment.
        state: What was told.
    """

    def __init__(self, rules: Rules, chain: Connection, state: State, tell: Tell) -> None:
        for rule in rules.rule:
            if rule.market is not None:
                chain.deployment.market(rule.market)
        self.rules, self.chain, self.state, self._tell = rules, chain, state, tell
        self._book = Book()
        self._read = chain.deployment.block - 1
        self._answered = time.time()
        self._news: list[Log] = []
        self._markets: dict[int, Market] = {}
        self._units: dict[int, str] = {}

    def look(self) -> list[Message]:
        """One look; what was told of it. What could not be told waits for the next one.

        Raises:
            BadInput: The state cannot be written.
        """
        now = time.time()
        try:
            for rule, message in self._find():
                self._queue(rule, message, now)
            self._answered = now
        except BulkheadError as error:
            self._silent(now, error)
        told = self._deliver(now)
        self.state.save()
        return told

    # --- finding -------------------------------------------------------------------------------------------------

    def _find(self) -> list[Found]:
        """What the rules want told; after an exception the same events are looked at again."""
        head = self.chain.rpc.block_number()
        if head < self._read:  # the chain began anew, or blocks were taken back
            self._book, self._read = Book(), self.chain.deployment.block - 1
            self.state.block = min(self.state.block, head)
        logs = self.chain.logs(self._read + 1, head)
        self._book.apply(logs)
        self._read = head
        if self.state.block >= 0:  # what happened before it watched for the first time is no news
            self._news += [log for log in logs if log.event in EVENTS and log.block > self.state.block]
        views = self._views(self._watched())
        cells = self._cells(views.values())
        found = [one for log in self._news for one in self._happened(log, views)]
        for view in views.values():
            found += self._standing(view, cells)
        self._news, self.state.block = [], head
        return found

    def _watched(self) -> list[int]:
        """Ids that some rule is for, those with news included."""
        happened = {int(log.values.vault_id) for log in self._news}
        wanted = {vault.vault_id for vault in self._book.vaults.values() if vault.legs} | happened
        return sorted(
            vault_id
            for vault_id in wanted & set(self._book.vaults)
            if any(
                rule.when is not When.SILENCE and self._is_for(rule, vault_id, self._book.vaults[vault_id].owner)
                for rule in self.rules.rule
            )
        )

    def _is_for(self, rule: Rule, vault_id: int, owner: str) -> bool:
        vault = self._book.vaults.get(vault_id)
        if rule.market is not None and (
            vault is None or vault.market != self.chain.deployment.market(rule.market).index
        ):
            return False
        if not rule.vaults and rule.owner is None:
            return True
        return vault_id in rule.vaults or (rule.owner is not None and owner.lower() == rule.owner.lower())

    def _views(self, ids: list[int]) -> dict[int, VaultView]:
        found = {}
        for vault_id, view in zip(ids, read_vaults(self.chain, ids), strict=True):
            if isinstance(view, VaultView):
                found[vault_id] = view
            elif not isinstance(view, UnknownVault):
                raise view
        return found

    def _cells(self, views: Iterable[VaultView]) -> dict[Cell, CellView]:
        """Prices for the rules that ask how far a liquidation is."""
        if not any(rule.when is When.LIQUIDATION_DISTANCE for rule in self.rules.rule):
            return {}
        return read_cells(self.chain, {view.cell for view in views if view.legs and view.priced})

    def _happened(self, log: Log, views: dict[int, VaultView]) -> Iterable[Found]:
        """Messages of one event."""
        when = EVENTS.get(log.event)
        if when is None:
            return
        vault_id = int(log.values.vault_id)
        view = views.get(vault_id)
        owner = view.owner if view is not None else ""
        for rule in self.rules.rule:
            if rule.when is when and self._is_for(rule, vault_id, owner):
                text = self._flagged(vault_id, view) if when is When.FLAG else self._taken(log, view)
                yield rule, self._message(rule, vault_id, text)

    def _standing(self, view: VaultView, cells: dict[Cell, CellView]) -> Iterable[Found]:
        """Messages about how a vault stands."""
        for rule in self.rules.rule:
            if rule.when in LEVELS and view.legs and self._is_for(rule, view.vault_id, view.owner):
                text = self._level(rule, view, cells)
                if text is not None:
                    yield rule, self._message(rule, view.vault_id, text)

    # --- words ---------------------------------------------------------------------------------------------------

    def _level(self, rule: Rule, view: VaultView, cells: dict[Cell, CellView]) -> str | None:
        """What a rule says of a vault now; None for nothing."""
        if rule.when is When.EXPIRY:
            left = view.expiry - self.chain.rpc.timestamp()
            return f"expires in {_span(left)}" if 0 < left <= (rule.within or 0) else None
        if view.covered:
            return None
        if not view.fresh:
            return f"its {rule.when} is not known: the price is not fresh"
        if rule.when is When.MARGIN_CALL:
            called = view.state in ("margin-call", "liquidatable", "flagged")
            return f"{view.state}, health {_health(view)}{self._cure(view)}" if called else None
        assert rule.below is not None
        if rule.when is When.HEALTH:
            low = view.health is not None and from_wad(view.health) < rule.below
            return f"health {_health(view)} is below {rule.below:f}{self._cure(view)}" if low else None
        return self._distance(rule.below, view, cells[view.cell])

    def _distance(self, bound: Decimal, view: VaultView, cell: CellView) -> str | None:
        spot = from_wad(cell.snapshot.spot)
        prices = liquidation_prices(view, cell, risk_of(self.chain, view, cell))
        near = [at for at in prices if at is not None and abs(at / spot - 1) < bound]
        if view.liquidatable:
            return f"liquidatable at spot {spot:,.2f}{self._cure(view)}"
        if not near:
            return None
        at = min(near, key=lambda price: abs(price - spot))
        side = "below" if at < spot else "above"
        share = abs(at / spot - 1) * 100
        return f"liquidated {side} {at:,.2f}, {share:.1f} % from spot {spot:,.2f}{self._cure(view)}"

    def _flagged(self, vault_id: int, view: VaultView | None) -> str:
        if view is None or not view.flagged:
            return "was flagged; the flag has ended"
        return f"was flagged: its auction runs{self._cure(view)}"

    def _taken(self, log: Log, view: VaultView | None) -> str:
        share, bonus = (from_wad(int(log.values[name])) * 100 for name in ("fraction", "bonus_share"))
        now = "" if view is None else f"; it is {view.state} now{self._cure(view)}"
        return (
            f"{share:.1f} % of it was taken in its auction, at a bonus of {bonus:.1f} % of its maintenance margin{now}"
        )

    def _cure(self, view: VaultView) -> str:
        """What to add, as the end of a line."""
        market = self._market(view.market)
        amount = to_add(view, market.decimals)
        return f"; adding {amount:,f} {self._units[view.market]} makes it healthy" if amount else ""

    def _market(self, index: int) -> Market:
        if index not in self._markets:
            self._markets[index] = self.chain.market(index)
            self._units[index] = str(self._markets[index].token.call("symbol"))
        return self._markets[index]

    def _message(self, rule: Rule, vault_id: int, text: str) -> Message:
        vault = self._book.vaults.get(vault_id)
        symbol = "" if vault is None else f" ({self._market(vault.market).symbol})"
        return Message(
            when=rule.when, vault_id=vault_id, text=f"Vault {vault_id}{symbol}: {text}.",
            key=f"{self._name(rule)} {vault_id}", targets=self.rules.targets(rule),
        )  # fmt: skip

    def _silent(self, now: float, error: BulkheadError) -> None:
        """Nothing was read: tells whoever wants to know."""
        for rule in self.rules.rule:
            silent = now - self._answered
            if rule.when is When.SILENCE and silent >= (rule.after or 0):
                text = f"No vault was looked at for {_span(int(silent))}: {error}"
                message = Message(
                    when=rule.when, vault_id=None, text=text, key=self._name(rule), targets=self.rules.targets(rule)
                )
                self._queue(rule, message, now)

    def _name(self, rule: Rule) -> str:
        """What tells a rule from the others of its file."""
        return f"{self.rules.rule.index(rule) + 1}:{rule.when}"

    # --- telling -------------------------------------------------------------------------------------------------

    def _queue(self, rule: Rule, message: Message, now: float) -> None:
        """Puts a message among those that wait: an event always, a state once a cooldown."""
        due = self.state.told.get(message.key, -rule.cooldown) + rule.cooldown
        if rule.when in EVENTS.values():
            self.state.waiting.append(message.model_copy(update={"due": due}))
        elif due <= now and all(one.key != message.key for one in self.state.waiting):
            self.state.waiting.append(message)

    def _deliver(self, now: float) -> list[Message]:
        """Tells what is due, one notification for each group of places."""
        due: dict[tuple[str, ...], list[Message]] = {}
        for message in self.state.waiting:
            if message.due <= now:
                due.setdefault(message.targets, []).append(message)
        told: list[Message] = []
        for targets, messages in due.items():
            title = f"Bulkhead: {messages[0].when}" if len(messages) == 1 else f"Bulkhead: {len(messages)} alerts"
            if self._tell(targets, title, [message.text for message in messages]):
                told += messages
                self.state.told.update({message.key: now for message in messages})
        self.state.waiting = [message for message in self.state.waiting if message not in told]
        return told


def _health(view: VaultView) -> str:
    return "-" if view.health is None else f"{from_wad(view.health):.3f}"


def _span(seconds: int) -> str:
    """A stretch of time for people."""
    for unit, size in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
