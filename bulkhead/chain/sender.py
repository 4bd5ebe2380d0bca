"""Transactions of one account: it alone knows its nonce, simulates first, signs EIP-1559 and waits for receipts."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils import to_checksum_address

from bulkhead.chain.contract import Contract, Log, decode_logs
from bulkhead.chain.errors import BadInput, BulkheadError, NoFunds, Reverted, RpcError, TransactionLost
from bulkhead.chain.rpc import Rpc, call_of, to_hex, to_int
from bulkhead.chain.wording import SEND, Meaning, least_tip, meaning, meaning_of
from bulkhead.progress import doing

#: Head room on the node's gas estimate: state may move between estimate and inclusion.
GAS_SHARE = 1.3
#: What a node suggests as a tip counts between these [wei]: chains ask for nothing, or for 25 gwei and more.
TIP_FLOOR, TIP_CAP = 0, 100 * 10**9
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
        tip_floor: int = TIP_FLOOR,
        tip_cap: int = TIP_CAP,
    ) -> None:
        """Sends through a node.

        Args:
            rpc: The node.
            account: Who signs; None where somebody else does (`NodeSender`).
            wait_seconds: How long a receipt is waited for.
            tip_floor: Least priority fee per gas [wei].
            tip_cap: Most that the node's suggestion counts for [wei].
        """
        self.rpc = rpc
        self.account = account
        self.wait_seconds = wait_seconds
        self.tip_floor, self.tip_cap = tip_floor, tip_cap
        self._nonce: int | None = None

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
        header, coins, tip, price, *rest = self.rpc.batch(
            [
                ("eth_getBlockByNumber", ("latest", False)),
                ("eth_getBalance", (self.address, "latest")),
                ("eth_maxPriorityFeePerGas", ()),
                ("eth_gasPrice", ()),
                *([("eth_estimateGas", (plan,))] if gas is None else []),
            ]
        )
        for answer in (header, coins, *rest):
            if isinstance(answer, BulkheadError):
                raise self._funds(answer) from answer
        limit = int(to_int(rest[0]) * GAS_SHARE) if gas is None else gas
        limit = min(limit, to_int(header["gasLimit"]))
        fees = self._fees(header, tip, price)
        most = limit * max(fees.values()) + value
        if to_int(coins) < most:
            raise NoFunds(
                f"{self.address} holds {to_int(coins) / 1e18:.6f} coins and may need {most / 1e18:.6f} for gas."
            )
        parts = {"chainId": self.rpc.chain_id, "gas": limit, "value": value, "data": data, **fees}
        if to is not None:
            parts["to"] = to_checksum_address(to)
        try:
            return self._broadcast(parts)
        except RpcError as error:
            better = self._answer_to(error, parts)
            if better is None:
                raise self._funds(error) from error
            try:
                return self._broadcast(better)
            except RpcError as again:
                raise self._funds(again) from again

    def _fees(self, header: dict[str, Any], tip: Any, price: Any) -> Fees:
        """What to pay per gas [wei]: by EIP-1559, or a plain price where blocks have no base fee.

        Args:
            header: The newest block.
            tip: The node's suggestion, or why there is none.
            price: The node's gas price, or why there is none.
        """
        if "baseFeePerGas" not in header:
            if isinstance(price, BulkheadError):
                raise price
            return {"gasPrice": max(to_int(price), self.tip_floor)}
        base = to_int(header["baseFeePerGas"])
        if isinstance(tip, BulkheadError):
            # no suggestion: what gas costs beyond the base fee
            tip = 0 if isinstance(price, BulkheadError) else max(to_int(price) - base, 0)
        else:
            tip = to_int(tip)
        return self._priced(base, max(min(tip, self.tip_cap), self.tip_floor))

    @staticmethod
    def _priced(base: int, tip: int) -> Fees:
        return {"maxFeePerGas": 2 * base + tip, "maxPriorityFeePerGas": tip}

    def _broadcast(self, parts: dict[str, Any]) -> str:
        """Signs at the next nonce and sends; returns the hash.

        Raises:
            RpcError: The node refused it.
            NodeUnavailable: It may or may not have it.
        """
        assert self.account is not None
        nonce = self._next_nonce()
        typed = {} if "gasPrice" in parts else {"type": 2}
        signed = self.account.sign_transaction({**parts, **typed, "nonce": nonce})
        try:
            sent = str(self.rpc.call("eth_sendRawTransaction", "0x" + signed.raw_transaction.hex()))
        except RpcError as error:
            # the node may or may not have it: ask for the nonce again rather than guess
            self.forget_nonce()
            if meaning_of(error) is not Meaning.KNOWN:
                raise
            return "0x" + bytes(signed.hash).hex()
        except Exception:
            self.forget_nonce()
            raise
        self._nonce = nonce + 1
        return sent

    def _answer_to(self, error: RpcError, parts: dict[str, Any]) -> dict[str, Any] | None:
        """The same transaction as a node would take it after a refusal; None when nothing helps."""
        said = meaning_of(error)
        if said in (Meaning.USED, Meaning.OCCUPIED):
            # somebody else with this key was faster: the nonce is asked for again, once
            return parts
        wanted = least_tip(error.node_message)
        if said is Meaning.UNDERPRICED and "maxFeePerGas" in parts and parts["maxPriorityFeePerGas"] < wanted:
            more = min(wanted, self.tip_cap) - parts["maxPriorityFeePerGas"]
            if more > 0:
                return {
                    **parts,
                    "maxFeePerGas": parts["maxFeePerGas"] + more,
                    "maxPriorityFeePerGas": parts["maxPriorityFeePerGas"] + more,
                }
        return None

    def _funds(self, error: BulkheadError) -> BulkheadError:
        said = isinstance(error, RpcError) and meaning(SEND, error.code, error.node_message)
        return NoFunds(f"{self.address} has not enough coins to pay for gas.") if said is Meaning.POOR else error

    def wait(self, transaction: str) -> Receipt:
        """Receipt of a transaction.

        Raises:
            Reverted: It was mined and reverted; the reason is asked from the node.
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
        pause = 0.002
        while True:
            found = self.rpc.call("eth_getTransactionReceipt", transaction)
            if found is not None:
                return dict(found)
            if time.monotonic() > deadline:
                self.forget_nonce()
                raise TransactionLost(f"Transaction {transaction} has no receipt after {self.wait_seconds:.0f} s.")
            time.sleep(pause)
            pause = min(pause * 1.5, 0.25)

    def _explain(self, transaction: str, block: int) -> None:
        """Runs a reverted transaction again at its block to learn the reason."""
        found = self.rpc.call("eth_getTransactionByHash", transaction)
        if found is not None and found.get("to"):
            data = bytes.fromhex(found["input"][2:])
            self.rpc.call(*call_of(found["to"], data, block - 1, self.address))
        raise Reverted("", f"Transaction {transaction} was mined and reverted; run alone it would pass.")

    def transact(self, to: str | None, data: bytes, gas: int | None = None, value: int = 0) -> Receipt:
        """Sends and waits."""
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
