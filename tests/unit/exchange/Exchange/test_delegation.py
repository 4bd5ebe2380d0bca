"""EIP-7702 on a real node: an account delegates by a type 4 transaction, then its key and its contract both sign.

The in-process EVM of the other tests has no delegation, so the signature module alone is tried on Anvil.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import eth_abi
import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils import function_signature_to_4byte_selector, keccak

from bulkhead.chain.anvil import Anvil, key
from bulkhead.chain.compiler import compile_contract
from bulkhead.chain.rpc import to_int

ROOT = Path(__file__).resolve().parents[4]
DIGEST = keccak(b"an order")


@dataclass
class Node:
    """Anvil with the harness, a wallet contract and two accounts."""

    anvil: Anvil
    sender: LocalAccount
    signer: LocalAccount
    harness: str = ""
    wallet: str = ""

    def send(self, **fields: object) -> dict[str, object]:
        plan = {
            "chainId": 31337, "gas": 3_000_000, "maxFeePerGas": 10**10, "maxPriorityFeePerGas": 1, "value": 0,
            "nonce": to_int(self.anvil.rpc.call("eth_getTransactionCount", self.sender.address, "latest")), **fields,
        }  # fmt: skip
        signed = self.sender.sign_transaction(plan)
        sent = self.anvil.rpc.call("eth_sendRawTransaction", "0x" + bytes(signed.raw_transaction).hex())
        # the node may answer the send before it has mined the block
        for _ in range(200):
            receipt = self.anvil.rpc.call("eth_getTransactionReceipt", sent)
            if receipt is not None:
                break
            time.sleep(0.05)
        assert receipt is not None and to_int(receipt["status"]) == 1
        return dict(receipt)

    def create(self, name: str) -> str:
        return str(self.send(data="0x" + compile_contract(ROOT, name).bytecode.hex())["contractAddress"])

    def delegate(self, target: str) -> None:
        nonce = to_int(self.anvil.rpc.call("eth_getTransactionCount", self.signer.address, "latest"))
        grant = self.signer.sign_authorization({"chainId": 31337, "address": target, "nonce": nonce})
        self.send(to=self.sender.address, authorizationList=[grant])

    def accept(self, signature: bytes) -> None:
        selector = function_signature_to_4byte_selector("accept(bytes32,bytes)")
        data = selector + eth_abi.encode(["bytes32", "bytes"], [DIGEST, signature])
        self.send(to=self.signer.address, data="0x" + data.hex())

    def is_valid(self, signature: bytes) -> bool:
        selector = function_signature_to_4byte_selector("is_valid(address,bytes32,bytes)")
        data = eth_abi.encode(["address", "bytes32", "bytes"], [self.signer.address, DIGEST, signature])
        return bool(to_int("0x" + self.anvil.rpc.eth_call(self.harness, selector + data).hex()))

    def by_key(self) -> bytes:
        return bytes(self.signer.unsafe_sign_hash(DIGEST).signature)


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    """A node of its own."""
    with Anvil() as anvil:
        made = Node(anvil, Account.from_key(key(0)), Account.from_key(key(1)))
        made.harness = made.create("SignatureHarness")
        made.wallet = made.create("SignerWallet")
        yield made


def test_is_valid__account_that_delegates__by_its_key_or_its_contract(node: Node) -> None:
    assert node.is_valid(node.by_key())
    assert not node.is_valid(b"by contract")

    node.delegate(node.wallet)
    code = node.anvil.rpc.code(node.signer.address)
    assert code == b"\xef\x01\x00" + bytes.fromhex(node.wallet[2:])
    assert node.is_valid(node.by_key())
    assert not node.is_valid(b"by contract")
    node.accept(b"by contract")
    assert node.is_valid(b"by contract")

    # taking the delegation back leaves the key alone
    node.delegate("0x" + "00" * 20)
    assert node.is_valid(node.by_key())
    assert not node.is_valid(b"by contract")
