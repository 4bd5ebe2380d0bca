"""What a vault has paid for what it holds, and what it has made, out of its own events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from eth_utils import to_checksum_address

from bulkhead.chain.connection import Connection, Market
from bulkhead.chain.contract import Log, decode_logs
from bulkhead.chain.errors import BulkheadError
from bulkhead.chain.lens import read_cells
from bulkhead.chain.messages import Call
from bulkhead.chain.rpc import to_hex
from bulkhead.chain.words import Terms, legs_of
from bulkhead.profit.accounts import Account
from bulkhead.profit.novations import novations_of
from bulkhead.profit.rule import value_of
from bulkhead.risk.words import Leg


@dataclass(frozen=True)
class Topic:
    """Where events name what is looked for.

    Attributes:
        contract: Whose events.
        event: Which of them, None for all.
        place: Number of the topic, 1 for the first that is indexed.
    """

    contract: str
    event: str | None
    place: int

    def logs(self, chain: Connection, value: int, last: int) -> Call:
        """A read of the events that have a value there, up to a block."""
        contract = chain[self.contract]
        found = None if self.event is None else "0x" + contract.abi.event(self.event).topic.hex()
        query = {
            "address": [contract.address],  # a list: a middleware of web3 knows no other form
            "fromBlock": to_hex(chain.deployment.block),
            "toBlock": to_hex(last),
            "topics": [found, *[None] * (self.place - 1), "0x" + value.to_bytes(32, "big").hex()],
        }
        return "eth_getLogs", (query,)


#: Events that name a vault, and those that name the address of its tokens.
OF_VAULT = (
    Topic("Clearinghouse", None, 1),
    Topic("Clearinghouse", "Novated", 2),
    Topic("Exchange", "OrderFilled", 2),
    Topic("Exchange", "OrderFilled", 3),
    Topic("Liquidator", "VaultTaken", 1),
    Topic("Liquidator", "VaultTaken", 2),
    Topic("Settlement", None, 1),
)
OF_CUSTODY = Topic("Clearinghouse", "Withdrawn", 2)
OPENING = Topic("Clearinghouse", "VaultOpened", 1)


def events_of(chain: Connection, vault_id: int) -> list[Log]:
    """Every event about a vault, in chain order; only these are read.

    Raises:
        BulkheadError: The node does not have them.
    """
    custody = chain["Clearinghouse"].call("custody", vault_id)
    last = chain.rpc.block_number()
    calls = [topic.logs(chain, vault_id, last) for topic in OF_VAULT]
    replies = chain.rpc.batch_strict([*calls, OF_CUSTODY.logs(chain, int(custody, 16), last)])
    found = {(log["blockHash"], log["logIndex"]): log for reply in replies for log in reply}
    return [log for log in decode_logs(found.values(), chain.speakers) if _about(log, vault_id, custody)]


def _about(log: Log, vault_id: int, custody: str) -> bool:
    # a market's index may equal the id of a vault
    return any(log.values.get(name) == vault_id for name in IDS) or _is_to(log, custody)


def _is_to(log: Log, custody: str) -> bool:
    """Whether a vault withdrew straight to the address of a vault's tokens."""
    return log.event == "Withdrawn" and bool(log.values.receiver == custody)


#: Values of logs that name a vault.
IDS = ("vault_id", "from_id", "to_id", "into_id", "maker_vault", "taker_vault")


def read_history(chain: Connection, market: Market, vault_id: int) -> Account:
    """A vault out of its events.

    Raises:
        BulkheadError: The node does not have them.
    """
    return _Reader(chain, market, vault_id).read(events_of(chain, vault_id))


class _Reader:
    """Follows one vault through its events."""

    def __init__(self, chain: Connection, market: Market, vault_id: int) -> None:
        self._chain, self._market, self._vault = chain, market, vault_id
        contracts = chain.contracts
        self._top_up = to_checksum_address(contracts["AutoTopUp"].address) if "AutoTopUp" in contracts else ""
        self._expiry = 0

    def read(self, logs: Sequence[Log]) -> Account:
        """The vault that events make."""
        if not logs or logs[0].event != "VaultOpened":
            raise BulkheadError("it does not know of its opening.")
        account = Account.opened(logs[0], 0, self._market.inverse)
        novations, block = novations_of(logs), logs[0].block
        for log in logs[1:]:
            if log.block != block:
                account.rest()
                block = log.block
            if log.event == "Novated":
                one = novations[log.block, log.index]
                value = None if one.kind == "fill" else self._value(legs_of(log.values.legs), log.block)
                account.novated(one, value, self._market.native)
            elif log.event == "VaultTaken" and log.values.into_id == self._vault:
                account.receive_from_insurance(log.values.top_up, self._market.native)
            elif log.contract in ("Clearinghouse", "Settlement") and log.values.get("vault_id") == self._vault:
                account.take(log, self._market.native, self._top_up)
                # legs that all went are told of by an update without a cell
                self._expiry = Terms.unpack(account.terms).expiry or self._expiry
            if _is_to(log, account.custody) and self._is_same_token(log.values.vault_id):
                account.receive_from_vault(log.values.amount, self._market.native)
        account.rest()
        return account

    def _is_same_token(self, vault_id: int) -> bool:
        """Whether another vault holds the same token, by its opening: it may be closed."""
        if vault_id == self._vault:
            return True
        chain, markets = self._chain, self._chain.deployment.markets
        call = OPENING.logs(chain, vault_id, chain.rpc.block_number())
        (opened,) = decode_logs(chain.rpc.batch_strict([call])[0], chain.speakers)
        symbol = next((name for name, one in markets.items() if one.index == opened.values.market), None)
        return symbol is not None and chain.market(symbol).token.address == self._market.token.address

    def _value(self, legs: Sequence[Leg], block: int) -> int | None:
        """Legs at the mark of a block [wad]; None when the node no longer knows it."""
        try:
            view = read_cells(self._chain, [(self._market.index, self._expiry)], block)
        except BulkheadError:
            return None
        return value_of(legs, view[self._market.index, self._expiry].snapshot, self._market.inverse)
