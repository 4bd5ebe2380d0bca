"""The sender: owner of one account's nonces. It journals before it sends, watches what it sent, and pays up to a cap.

A transaction, once signed, may be known to somebody, whatever the node said: from then on its nonce is only ever used
by versions of itself, or by an empty transaction when its purpose is gone. So nothing is sent twice, not after a
lost answer and not after a crash.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from eth_account.signers.local import LocalAccount

from bulkhead.chain.errors import BulkheadError, NodeUnavailable, Reverted, RpcError
from bulkhead.chain.node_errors import Meaning, least_tip, meaning_of
from bulkhead.chain.rpc import Call as RpcCall
from bulkhead.chain.rpc import call_of, to_hex, to_int
from bulkhead.keeper import attempt_builder, replacements
from bulkhead.keeper.calls import Call
from bulkhead.keeper.estimates import believe_the_willing, gas_limits
from bulkhead.keeper.fees import FeePolicy
from bulkhead.keeper.journal import (
    CANCELLED,
    FOREIGN,
    MINED,
    OPEN,
    REJECTED,
    REVERTED,
    Attempt,
    Journal,
    JournalUnavailable,
)
from bulkhead.keeper.node import Head
from bulkhead.keeper.nonces import Nonces
from bulkhead.keeper.outcomes import Counts, Outcome, Receipt, Report
from bulkhead.keeper.providers import Providers
from bulkhead.keeper.send_queue import Turns, ahead, fitting
from bulkhead.keeper.signing import Signer

#: Ask for a priority fee that is included soon, and for a price where there are no base fees.
TIP, PRICE = "eth_maxPriorityFeePerGas", "eth_gasPrice"
#: Blocks for which a nonce that somebody used may still turn out to be ours, should receipts lag.
FOREIGN_BLOCKS = 2
#: Share of a block's gas that duties in flight may need: what is urgent must not wait behind nonces that fill blocks.
DUTY_SHARE = 4


class Sender:
    """Transactions of one account.

    Attributes:
        balance: Native coin of the account at the newest look [wei].
        counts: For the metrics.
        nonces: What is in flight.
        senders: Accounts that flag and take beside this one, itself among them.
    """

    def __init__(
        self, providers: Providers, account: LocalAccount, journal: Journal, fees: FeePolicy, report: Report
    ) -> None:
        self.providers = providers
        self.journal, self.fees, self.report = journal, fees, report
        self.balance, self.senders = 0, 1
        self.counts = Counts()
        self._tip_told, self._refuses_types, self._plain = True, False, False
        self._signer = Signer(account, providers.deployment.chain_id)
        self.nonces, self._turns = Nonces(journal.open()), Turns()
        self._bids: dict[int, int] = {}
        self._duties: set[str] = set()
        self._asked: list[tuple[Attempt, str]] = []
        if self.pending:
            report("resumed", nonces=sorted(self.nonces.open), keys=self.nonces.keys)

    @property
    def address(self) -> str:
        """Address of the account."""
        return self._signer.address

    @property
    def pending(self) -> list[Attempt]:
        """Attempts in flight, by nonce."""
        return self.nonces.pending

    def busy(self, key: str, block: int) -> bool:
        """Whether a key is in flight, or has ended at a block that this state does not know yet."""
        return self.nonces.busy(key, block)

    def _release(self, attempt: Attempt, state: str, block: int = 0) -> None:
        self.nonces.release(attempt, state, block)
        self._duties.discard(attempt.id)

    def _note(self, attempts: Iterable[Attempt]) -> None:
        """Writes down how attempts ended. A journal that lags only makes the next start ask for receipts again."""
        try:
            self.journal.write(attempts)
        except JournalUnavailable as error:
            self.report("journal-failed", reason=str(error))

    # --- watching ---------------------------------------------------------------------------------------------

    def calls(self, head: Head) -> list[RpcCall]:
        """What to read at a block: nonce, balance, a tip to pay, receipts of what is in flight."""
        self._asked = [(a, s.hash) for a in self.pending for s in a.sends]
        self._plain = head.plain or self._refuses_types
        block = to_hex(head.number)
        price = [PRICE] if self._plain else [TIP] if self._tip_told else []
        return [
            ("eth_getTransactionCount", (self.address, block)),
            ("eth_getBalance", (self.address, block)),
            *((method, ()) for method in price),
            *(("eth_getTransactionReceipt", (found,)) for _, found in self._asked),
        ]

    def take_in(self, head: Head, answers: Sequence[Any]) -> list[Outcome]:
        """Judges the answers to `calls`; returns what has ended.

        Raises:
            BulkheadError: Nonce or balance are unknown, or the price where there are no base fees.
        """
        for answer in answers[: 3 if self._plain else 2]:
            if isinstance(answer, BulkheadError):
                raise answer
        nonce, self.balance, told = to_int(answers[0]), to_int(answers[1]), list(answers[2:])
        self._signer.plain = self._plain
        self.fees = replace(self.fees, price=to_int(told.pop(0)) if self._plain else None)
        if self._tip_told and not self._plain:
            self._take_tip(told.pop(0))
        self._bids = {n: b for n, b in self._bids.items() if n >= nonce}
        ended: list[Outcome] = []
        found: dict[str, dict[str, Any]] = {}
        unknown: set[str] = set()
        for (attempt, _), answer in zip(self._asked, told, strict=True):
            if isinstance(answer, dict):
                found[attempt.id] = answer
            elif answer is not None:
                unknown.add(attempt.id)
        for attempt in self.pending:
            receipt = found.get(attempt.id)
            if receipt is not None:
                outcome = self._mined(attempt, receipt, head)
                if outcome is not None:
                    ended.append(outcome)
            elif attempt.nonce < nonce and attempt.id not in unknown:
                attempt.missing_since = attempt.missing_since or head.number
                if head.number - attempt.missing_since >= FOREIGN_BLOCKS:
                    self._release(attempt, FOREIGN)
                    self.counts.foreign += 1
                    ended.append(Outcome(attempt, f"nonce {attempt.nonce} was used by somebody else"))
        if ended:
            self._note(o.attempt for o in ended)
        self.nonces.seen(nonce, head.number)
        self._turns.forget(head.number)
        return ended

    def _take_tip(self, answer: Any) -> None:
        """Takes in the tip that a node suggests; without one the last, or the floor, stays."""
        if isinstance(answer, RpcError):
            # not asked again: one node after the other would be, at every look
            self._tip_told = meaning_of(answer) is not Meaning.UNSUPPORTED
        elif isinstance(answer, str):
            with contextlib.suppress(NodeUnavailable):
                self.fees = self.fees.suggested(to_int(answer))

    def _mined(self, attempt: Attempt, receipt: dict[str, Any], head: Head) -> Outcome | None:
        mined = Receipt.of(receipt, head.number)
        if mined is None:
            return None  # garbage: asked again at the next look
        block = mined.block
        if block > head.number:
            # the look is at an older block: what it decides must not start this again
            self.nonces.ended(attempt.key, block)
        attempt.mined_block, attempt.gas_used = block, mined.gas
        attempt.paid, attempt.coin_price = mined.cost, self.fees.coin_price
        self.nonces.used(attempt.nonce)
        cancelled = any(s.cancels and s.hash.lower() == mined.transaction.lower() for s in attempt.sends)
        state = CANCELLED if cancelled else MINED if mined.well else REVERTED
        self._release(attempt, state, block)
        if state == REVERTED:
            self._turns.doubt(attempt.key, block)
        self.counts.ended(state, attempt.name, mined)
        self.report(
            state, id=attempt.id, call=attempt.name, key=attempt.key, block=block, gas=mined.gas,
            gas_price=mined.gas_price, nonce=attempt.nonce, transaction=mined.transaction, **attempt.fields,
        )  # fmt: skip
        return Outcome(attempt, "" if state == MINED else state)

    def reorganised(self, kept: int) -> None:
        """Everything mined after block `kept` may be unmined, well or not: its nonce is in flight again."""
        for attempt in self.pending:
            # planned or looked at on a chain that went further: it is watched from here on
            attempt.sends[-1] = replace(attempt.last, block=min(attempt.last.block, kept))
            attempt.missing_since = min(attempt.missing_since, kept)
        self._turns = Turns()
        again = self.nonces.reorganised(kept)
        if again:
            self._note(again)
            self.report("unmined", nonces=[a.nonce for a in again], kept=kept)

    # --- sending ----------------------------------------------------------------------------------------------

    async def submit(self, calls: Iterable[Call], head: Head) -> tuple[list[Attempt], list[tuple[Call, str]]]:
        """Simulates, prices, signs, journals and broadcasts what is not in flight already.

        What needs no simulation goes out first. Of the rest a node is asked about a part at a time, in turns, and
        duties go out as far as those in flight leave room: a later look sends the others.

        Args:
            calls: The transactions, most urgent first.
            head: Block of the state that they were planned on.

        Returns:
            (attempts sent, calls not sent with the reason).
        """
        wanted = self._turns.wanted(calls, lambda key: self.busy(key, head.number), head.number)
        if not wanted:
            return [], []
        known = [(c, c.gas) for c in wanted if c.gas is not None and self._turns.sure(c)]
        flags = self._turns.flag_room(wanted, self.pending, head.gas_limit, self.senders)
        attempts, refused = await self._send(known, head, flags)
        unsure = [call for call in wanted if not self._turns.sure(call)]
        asked = self._turns.to_ask(unsure, bool(attempts), head.number)
        ready, failed = await gas_limits(self.providers, self.address, asked, self._turns.doubted)
        self.counts.refused += sum(isinstance(error, Reverted) for _, error in failed)
        self._turns.refused((call for call, _ in failed), head.number)
        more, dear = await self._send(fitting(ready, self._room(head), not self._duties), head, flags)
        return attempts + more, [*refused, *((call, str(error)) for call, error in failed), *dear]

    def _room(self, head: Head) -> int:
        """Gas that duties may still need in the next block; what is urgent must not wait behind them."""
        return head.gas_limit // DUTY_SHARE - sum(a.gas for a in self.pending if a.id in self._duties)

    async def _send(
        self, ready: Sequence[tuple[Call, int]], head: Head, flags: int
    ) -> tuple[list[Attempt], list[tuple[Call, str]]]:
        attempts: list[Attempt] = []
        refused: list[tuple[Call, str]] = []
        spend = sum(a.gas * a.last.max_fee + a.value for a in self.nonces.open.values())
        for call, gas in ahead(ready, self.pending, head.gas_limit, flags):
            cap = self.fees.cap(call.worth, gas)
            fees = self.fees.first(head.base_fee, cap)
            if fees is None:
                refused.append((call, f"gas is dearer than this is worth (cap {cap / 1e9:.1f} gwei)"))
                continue
            if spend + gas * fees[0] + call.value > self.balance:
                self.counts.poor += 1
                refused.append((call, f"{self.address} holds {self.balance / 1e18:.6f} coins, too few for gas"))
                continue
            spend += gas * fees[0] + call.value
            attempts.append(self._sign_first(call, gas, cap, fees, head))
        await self._commit(attempts, head)
        return [a for a in attempts if a.state == OPEN], refused

    async def _commit(self, attempts: Sequence[Attempt], head: Head) -> None:
        """Journals brand-new attempts, then sends them.

        Raises:
            JournalUnavailable: They are not in the journal, and so not sent.
        """
        if not attempts:
            return
        try:
            self.journal.write(attempts)
        except JournalUnavailable:
            for attempt in attempts:
                self._release(attempt, REJECTED)
            raise
        await self._broadcast(attempts, head, first=True)

    def _sign_first(self, call: Call, gas: int, cap: int, fees: tuple[int, int], head: Head) -> Attempt:
        attempt = attempt_builder.of_call(call, gas, cap, self.nonces.next(), head)
        attempt.account = self.address
        attempt.sends.append(attempt_builder.signed(self._signer, attempt, fees, head))
        self.nonces.hold(attempt)
        if call.patient:
            self._duties.add(attempt.id)
        return attempt

    async def _broadcast(self, attempts: Sequence[Attempt], head: Head, first: bool = False) -> None:
        if not attempts:
            return
        calls: list[RpcCall] = [("eth_sendRawTransaction", ("0x" + a.last.raw.hex(),)) for a in attempts]
        answers = await self.providers.broadcast(calls)
        dropped: list[Attempt] = []
        for attempt, said in zip(attempts, answers, strict=True):
            complaint = self._judge(attempt, said, head if first else None)
            if attempt.state != OPEN:
                dropped.append(attempt)
            self.counts.sent += first and attempt.state == OPEN
            self.report(
                "sent" if attempt.state == OPEN else "rejected", id=attempt.id, call=attempt.name, key=attempt.key,
                nonce=attempt.nonce, transaction=attempt.last.hash, max_fee=attempt.last.max_fee, tip=attempt.last.tip,
                version=len(attempt.sends), block=head.number, accepted=attempt.accepted,
                **({"said": complaint} if complaint else {}), **attempt.fields,
            )  # fmt: skip
        if dropped:
            self._note(dropped)

    def _judge(self, attempt: Attempt, said: Sequence[Any], first: Head | None) -> str:
        """What the nodes' answers mean for an attempt; returns what they complained of, if all of them did.

        Args:
            attempt: The attempt.
            said: The answers.
            first: Block of a first send, None for a later one.
        """
        complaints = [answer for answer in said if isinstance(answer, BulkheadError)]
        meant = {meaning_of(e) for e in complaints if isinstance(e, RpcError)}
        if any(isinstance(answer, str) for answer in said) or Meaning.KNOWN in meant:
            attempt.accepted = True
            return ""
        attempt.accepted = False
        if Meaning.UNDERPRICED in meant:
            wanted = max(least_tip(e.node_message) for e in complaints if isinstance(e, RpcError))
            self.fees = self.fees.refused(attempt.last.tip, wanted)
        if any(isinstance(e, RpcError) for e in complaints) and len(complaints) == len(said) and first:
            if Meaning.OCCUPIED in meant:
                # somebody else with this key has a transaction waiting at this nonce
                self.nonces.occupied[attempt.nonce] = first.number
                self._release(attempt, FOREIGN)
            elif Meaning.POOR in meant:
                self.counts.poor += 1
                self._release(attempt, REJECTED)
            elif Meaning.USED in meant:
                # brand-new bytes at a used nonce: nobody will ever mine them
                self.nonces.used(attempt.nonce)
                self._release(attempt, FOREIGN)
            elif Meaning.TYPED in meant:
                # no block of this chain will have these bytes: the next look signs plain ones
                self._refuses_types = True
                self._release(attempt, REJECTED)
            # whatever else: the next look tells from receipts and the nonce
        return "; ".join(str(e) for e in complaints) or "no node answered"

    # --- keeping at it ----------------------------------------------------------------------------------------

    async def maintain(self, head: Head) -> None:
        """Sends again what no node has, replaces what waits too long, empties what has lost its purpose."""
        waiting = [a for a in self.pending if not a.missing_since and head.number > a.last.block]
        late = [
            a
            for a in waiting
            if head.number - a.last.block >= self.fees.bump_blocks
            or replacements.blocks(a, self.nonces, self.fees, head)
        ]
        lost = [a for a in waiting if not a.accepted and a not in late]
        if late:
            # at the very block: a node that is behind must not find that something has lost its purpose
            plans = [call_of(a.to, a.data, head.number, self.address, a.value) for a in late]
            asked: list[RpcCall] = [(method, tuple(params)) for method, *params in plans]
            answers = await self.providers.read(asked, head.number)
            await believe_the_willing(self.providers, asked, answers)
            before = [list(attempt.sends) for attempt in late]
            for attempt, answer in zip(late, answers, strict=True):
                self._renew(attempt, isinstance(answer, Reverted), head)
            try:
                self.journal.write(late)
            except JournalUnavailable:
                for attempt, sends in zip(late, before, strict=True):
                    attempt.sends = sends
                raise
        await self._broadcast([*late, *lost], head)
        await self._outbid(head)

    async def _outbid(self, head: Head) -> None:
        """Frees the next nonce when a transaction that this keeper does not know has waited there for blocks.

        A journal may be lost, with a transaction of an older price still in the pools: everything else would wait
        behind it for as long as that price does not do.
        """
        nonce = self.nonces.on_chain
        if nonce is None or nonce in self.nonces.open or not self.nonces.open:
            return
        if head.number - self.nonces.occupied.get(nonce, head.number) < self.fees.bump_blocks:
            return
        bid = self._bids[nonce] = self._bids.get(nonce, 0) + 1
        cap = max(self.fees.duty_cap, max(a.cap for a in self.nonces.open.values()))
        attempt = attempt_builder.of_nothing(self.address, cap, nonce, head)
        attempt.sends.append(
            attempt_builder.signed(self._signer, attempt, self.fees.outbidding(bid, cap), head, cancels=True)
        )
        self.nonces.hold(attempt)
        await self._commit([attempt], head)

    def _renew(self, attempt: Attempt, purposeless: bool, head: Head) -> None:
        last = attempt.last
        cap, cancels = max(attempt.cap, self.fees.duty_cap), last.cancels or purposeless
        if replacements.blocks(attempt, self.nonces, self.fees, head):
            # what waits behind it is worth more: it gives its nonce away
            cap, cancels = replacements.behind(attempt, self.nonces), True
        fees = self.fees.bumped(last.max_fee, last.tip, head.base_fee, cap)
        if fees is None:
            # at the cap: the same bytes again, for nodes that have lost them
            attempt.sends[-1] = replace(last, block=head.number)
            return
        self.counts.bumped += 1
        attempt.sends.append(attempt_builder.signed(self._signer, attempt, fees, head, cancels))
