"""Transactions of one account: it alone knows its nonce, simulates first, signs and waits for receipts."""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils import keccak, to_checksum_address

from bulkhead.chain.access_lists import AccessLists, Attached
from bulkhead.chain.contract import Contract, Log, decode_logs
from bulkhead.chain.errors import (
    BadInput,
    BulkheadError,
    NoFunds,
    Reverted,
    RpcError,
    TransactionLost,
    TransactionReplaced,
)
from bulkhead.chain.node_errors import SEND, Meaning, least_tip, meaning, meaning_of
from bulkhead.chain.rpc import Rpc, call_of, to_hex, to_int
from bulkhead.progress import doing

#: Head room on the node's gas estimate: state may move between estimate and inclusion.
GAS_SHARE = 1.3
GWEI = 10**9
#: Gas limits of transactions that are alike differ by less than this.
DIFFERENT_GAS = 2**14
#: How often a transaction whose nonces others use is sent at most.
MOST_TRIES = 100
#: The least tip that is tried where less was refused [wei].
LEAST_TIP = GWEI // 10
#: Seconds between looks for a receipt, and how often a transaction that others replaced is sent again at most.
SLOWEST_LOOK, MOST_REPLACED = 0.25, 20
#: For so long a nonce may be used up by a transaction whose receipt the node does not have yet [seconds]: hosts ask one
#: machine for the one and another for the other, and what was taken for replaced would be sent twice.
RECEIPTS_LAG = 3.0
#: Part of a transaction that tells what is paid per gas.
Fees = dict[str, int]


@dataclass(frozen=True)
class Receipt:
    """A mined transaction.

    Attributes:
        hash: Its hash.
        block: Number of its block.
        gas_used: Gas it took.
        gas_price: Effective price [wei].
        raw_logs: Logs as the node sent them.
    """

    hash: str
    block: int
    gas_used: int
    gas_price: int
    raw_logs: list[dict[str, Any]] = field(repr=False)
    contract_address: str | None = None

    def logs(self, contracts: dict[str, Contract]) -> list[Log]:
        """Decoded logs of known contracts."""
        return decode_logs(self.raw_logs, contracts)


@dataclass(frozen=True)
class Tips:
    """What a node's suggestion of a tip counts for: chains ask for nothing, or for 25 gwei and more.

    Attributes:
        floor: Least priority fee per gas [wei].
        cap: Most that the suggestion counts for [wei].
    """

    floor: int = 0
    cap: int = 100 * GWEI

    @classmethod
    def of_environment(cls, variables: Mapping[str, str]) -> Tips:
        """As the variables BULKHEAD_TIP_FLOOR_GWEI and BULKHEAD_TIP_CAP_GWEI say.

        Raises:
            BadInput: One of them is no number of gwei, or the floor is above the cap.
        """
        said = {"floor": cls.floor, "cap": cls.cap}
        for field_, name in (("floor", "BULKHEAD_TIP_FLOOR_GWEI"), ("cap", "BULKHEAD_TIP_CAP_GWEI")):
            text = variables.get(name)
            try:
                said[field_] = int(Decimal(text) * GWEI) if text else said[field_]
            except (ArithmeticError, ValueError):
                raise BadInput(f"{name} is {text!r} and has to be a number of gwei.") from None
        if not 0 <= said["floor"] <= said["cap"]:
            raise BadInput("BULKHEAD_TIP_FLOOR_GWEI is at least 0 and not above BULKHEAD_TIP_CAP_GWEI.")
        return cls(**said)

    def within(self, suggested: int) -> int:
        """A suggestion between floor and cap."""
        return max(min(suggested, self.cap), self.floor)


def account_from_key(key: str) -> LocalAccount:
    """Account of a private key."""
    try:
        account: LocalAccount = Account.from_key(key.strip())
    except Exception as error:  # eth_account raises many kinds, some of which would print the key
        del error
        raise BadInput("That is not a private key: 32 bytes in hexadecimal are needed.") from None
    return account


class Sender:
    """Sends for one account, one transaction after the other."""

    def __init__(
        self,
        rpc: Rpc,
        account: LocalAccount | None,
        wait_seconds: float = 60.0,
        tips: Tips | None = None,
        lists_access: bool = False,
    ) -> None:
        """Sends through a node.

        Args:
            rpc: The node.
            account: Who signs; None where somebody else does (`NodeSender`, and Ape in scripts/deploy.py).
            wait_seconds: How long a receipt is waited for.
            tips: What the node's suggestion of a tip counts for.
            lists_access: Ask the node for access lists, and attach those that pay.
        """
        self.rpc = rpc
        self.account = account
        self.wait_seconds = wait_seconds
        self.tips = tips or Tips()
        self.access_lists = AccessLists(rpc) if lists_access else None
        self._nonce: int | None = None
        self._refuses_types = False
        self._sent: tuple[str, int] | None = None  # the last transaction, and its nonce

    @property
    def address(self) -> str:
        """Address of the account."""
        assert self.account is not None
        return str(self.account.address)

    def forget_nonce(self) -> None:
        """Asks the node for the nonce before the next transaction."""
        self._nonce = None

    def _next_nonce(self) -> int:
        if self._nonce is None:
            self._nonce = to_int(self.rpc.call("eth_getTransactionCount", self.address, "pending"))
        return self._nonce

    def send(self, to: str | None, data: bytes, gas: int | None = None, value: int = 0) -> str:
        """Simulates, signs and sends.

        Args:
            to: Receiver; None creates a contract.
            data: Call data or creation code.
            gas: Gas limit; None asks the node, which also simulates.
            value: Coins that go along [wei].

        Returns:
            Hash of the transaction.

        Raises:
            Reverted: The simulation reverted; nothing was sent.
            NoFunds: The account cannot pay for it; nothing was sent.
        """
        plan: dict[str, Any] = {"from": self.address, "data": "0x" + data.hex()}
        if to is not None:
            plan["to"] = to
        if value:
            plan["value"] = to_hex(value)
        lists = self.access_lists if gas is None else None
        header, coins, tip, price, *rest = self.rpc.batch(
            [
                ("eth_getBlockByNumber", ("latest", False)),
                ("eth_getBalance", (self.address, "latest")),
                ("eth_maxPriorityFeePerGas", ()),
                ("eth_gasPrice", ()),
                *([("eth_estimateGas", (plan,))] if gas is None else []),
                *([] if lists is None else lists.questions(plan)),
            ]
        )
        for answer in (header, coins, *rest[:1]):
            if isinstance(answer, BulkheadError):
                raise self._funds(answer) from answer
        fees = self._fees(header, tip, price)
        estimate = to_int(rest[0]) if gas is None else 0
        listed: Attached | None = None
        if lists is not None and rest[1:] and "gasPrice" not in fees:
            listed = lists.attached(plan, rest[1], estimate)
            estimate = estimate if listed is None else listed.gas
        limit = int(estimate * GAS_SHARE) if gas is None else gas
        # two processes of one key that do the same at the same nonce do not make one transaction, of which each takes
        # the receipt for its own
        limit = min(limit + secrets.randbelow(DIFFERENT_GAS), to_int(header["gasLimit"]))
        most = limit * max(fees.values()) + value
        if to_int(coins) < most:
            raise NoFunds(
                f"{self.address} holds {to_int(coins) / 1e18:.6f} coins and may need {most / 1e18:.6f} for gas."
            )
        parts = {"chainId": self.rpc.chain_id, "gas": limit, "value": value, "data": data, **fees}
        if listed is not None:
            parts["accessList"] = listed.entries
        if to is not None:
            parts["to"] = to_checksum_address(to)
        return self._deliver(parts)

    def _deliver(self, parts: dict[str, Any]) -> str:
        """Sends, and answers what a node refuses: too low a tip by better ones, a nonce by the next that is free.

        Somebody else with this key may be faster more than once; that the same nonce is refused twice is no such thing.
        """
        tries: Counter[int] = Counter()
        while True:
            nonce = self._next_nonce()
            tries[nonce] += 1
            try:
                return self._broadcast(parts, nonce)
            except RpcError as error:
                if meaning_of(error) in (Meaning.USED, Meaning.OCCUPIED):
                    if tries[self._next_nonce()] < 2 and tries.total() < MOST_TRIES:
                        continue
                elif meaning_of(error) is Meaning.TYPED and "gasPrice" not in parts:
                    parts, self._refuses_types = self._plain(parts), True
                    continue
                elif (better := self._better_tip(error, parts)) is not None:
                    parts = better
                    continue
                raise self._funds(error) from error

    def _fees(self, header: dict[str, Any], tip: Any, price: Any) -> Fees:
        """What to pay per gas [wei]: by EIP-1559, or a plain price where blocks have no base fee.

        Args:
            header: The newest block.
            tip: The node's suggestion, or why there is none.
            price: The node's gas price, or why there is none.
        """
        if header.get("baseFeePerGas") is None or self._refuses_types:
            if isinstance(price, BulkheadError):
                raise price
            return self._plain_price(price)
        base = to_int(header["baseFeePerGas"])
        if isinstance(tip, BulkheadError):
            # no suggestion: what gas costs beyond the base fee
            tip = 0 if isinstance(price, BulkheadError) else max(to_int(price) - base, 0)
        else:
            tip = to_int(tip)
        return self._priced(base, self.tips.within(tip))

    def _plain_price(self, price: Any) -> Fees:
        return {"gasPrice": max(to_int(price), self.tips.floor)}

    def _plain(self, parts: dict[str, Any]) -> dict[str, Any]:
        """The same transaction for a chain that takes none with EIP-1559's fees, whatever its blocks say."""
        rest = {name: value for name, value in parts.items() if not name.startswith("max") and name != "accessList"}
        return {**rest, **self._plain_price(self.rpc.call("eth_gasPrice"))}

    @staticmethod
    def _priced(base: int, tip: int) -> Fees:
        return {"maxFeePerGas": 2 * base + tip, "maxPriorityFeePerGas": tip}

    def _broadcast(self, parts: dict[str, Any], nonce: int) -> str:
        """Signs at a nonce and sends; returns the hash.

        Raises:
            RpcError: The node refused it.
            NodeUnavailable: It may or may not have it.
        """
        raw = self._signed(parts, nonce)
        try:
            sent = str(self.rpc.call("eth_sendRawTransaction", "0x" + raw.hex()))
        except RpcError as error:
            # the node may or may not have it: ask for the nonce again rather than guess
            self.forget_nonce()
            if meaning_of(error) is not Meaning.KNOWN:
                raise
            known = "0x" + keccak(raw).hex()
            self._sent = known, nonce
            return known
        except Exception:
            self.forget_nonce()
            raise
        self._nonce, self._sent = nonce + 1, (sent, nonce)
        return sent

    def _signed(self, parts: dict[str, Any], nonce: int) -> bytes:
        """The bytes of a transaction, signed."""
        assert self.account is not None
        typed = {} if "gasPrice" in parts else {"type": 2}
        return bytes(self.account.sign_transaction({**parts, **typed, "nonce": nonce}).raw_transaction)

    def _better_tip(self, error: RpcError, parts: dict[str, Any]) -> dict[str, Any] | None:
        """The same transaction with the tip that a node wants, or with the double where it does not say.

        None when it wants another thing, or more than the cap.
        """
        if meaning_of(error) is not Meaning.UNDERPRICED or "maxFeePerGas" not in parts:
            return None
        if "base fee" in error.node_message.lower():
            return None  # what is too low is not the tip
        tip, wanted = parts["maxPriorityFeePerGas"], least_tip(error.node_message)
        better = min(wanted if wanted > tip else max(2 * tip, LEAST_TIP), self.tips.cap)
        if better <= tip:
            return None
        return {**parts, "maxFeePerGas": parts["maxFeePerGas"] + better - tip, "maxPriorityFeePerGas": better}

    def _funds(self, error: BulkheadError) -> BulkheadError:
        said = isinstance(error, RpcError) and meaning(SEND, error.code, error.node_message)
        return NoFunds(f"{self.address} has not enough coins to pay for gas.") if said is Meaning.POOR else error

    def wait(self, transaction: str) -> Receipt:
        """Receipt of a transaction.

        Raises:
            Reverted: It was mined and reverted; the reason is asked from the node.
            TransactionReplaced: Another of the account was mined in its place.
            TransactionLost: No receipt in time.
        """
        with doing(f"waiting for the receipt of {transaction[:10]}"):
            found = self._receipt(transaction)
        receipt = Receipt(
            hash=transaction,
            block=to_int(found["blockNumber"]),
            gas_used=to_int(found["gasUsed"]),
            gas_price=to_int(found.get("effectiveGasPrice", "0x0")),
            raw_logs=list(found["logs"]),
            contract_address=found.get("contractAddress"),
        )
        if to_int(found["status"]) != 1:
            self._explain(transaction, receipt.block)
        return receipt

    def _receipt(self, transaction: str) -> dict[str, Any]:
        deadline = time.monotonic() + self.wait_seconds
        pause, gone_at = 0.002, 0.0
        while True:
            found = self.rpc.call("eth_getTransactionReceipt", transaction)
            if found is not None:
                return dict(found)
            if time.monotonic() > deadline:
                self.forget_nonce()
                raise TransactionLost(f"Transaction {transaction} has no receipt after {self.wait_seconds:.0f} s.")
            if pause < SLOWEST_LOOK or not self._gone(transaction):
                gone_at = time.monotonic()
            elif time.monotonic() > gone_at + RECEIPTS_LAG:
                raise TransactionReplaced(f"Another transaction of {self.address} was mined in place of {transaction}.")
            time.sleep(pause)
            pause = min(pause * 1.5, SLOWEST_LOOK)

    def _gone(self, transaction: str) -> bool:
        """Whether a transaction without a receipt has a nonce that is used up and is not known any more."""
        if self._sent is None or self._sent[0] != transaction:
            return False
        mined = to_int(self.rpc.call("eth_getTransactionCount", self.address, "latest"))
        return mined > self._sent[1] and self.rpc.call("eth_getTransactionByHash", transaction) is None

    def _explain(self, transaction: str, block: int) -> None:
        """Runs a reverted transaction again at its block to learn the reason."""
        found = self.rpc.call("eth_getTransactionByHash", transaction)
        if found is not None and found.get("to"):
            data = bytes.fromhex(found["input"][2:])
            self.rpc.call(*call_of(found["to"], data, block - 1, self.address))
        raise Reverted("", f"Transaction {transaction} was mined and reverted; run alone it would pass.")

    def transact(self, to: str | None, data: bytes, gas: int | None = None, value: int = 0) -> Receipt:
        """Sends and waits; what another program with the same key replaced is sent again."""
        for _ in range(MOST_REPLACED):
            try:
                return self.wait(self.send(to, data, gas, value))
            except TransactionReplaced:
                self.forget_nonce()
        return self.wait(self.send(to, data, gas, value))

    def execute(self, contract: Contract, name: str, *arguments: object, gas: int | None = None) -> Receipt:
        """Calls a function of a contract and waits."""
        try:
            return self.transact(contract.address, contract.encode(name, *arguments), gas)
        except Reverted as error:
            raise error.at(f"{contract.abi.name}.{name}") from None

    def create(self, bytecode: bytes, gas: int | None = None) -> tuple[str, Receipt]:
        """Creates a contract; returns its address."""
        receipt = self.transact(None, bytecode, gas)
        assert receipt.contract_address is not None
        return to_checksum_address(receipt.contract_address), receipt
