"""One account at one deployment: its key, what it sends, and what it lets contracts spend."""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

from eth_account.signers.local import LocalAccount

from bulkhead import orders
from bulkhead.chain import access_lists
from bulkhead.chain.connection import Connection, Market, connect
from bulkhead.chain.contract import Contract
from bulkhead.chain.deployment import Deployment
from bulkhead.chain.errors import BadInput, NoFunds, Reverted, RpcError
from bulkhead.chain.files import parse_json, read_text
from bulkhead.chain.node_sender import NodeSender
from bulkhead.chain.rpc import to_bytes
from bulkhead.chain.sender import Sender, Tips, account_from_key
from bulkhead.chain.web3_contracts import Web3Contracts
from bulkhead.chain.web3_transport import default_account
from bulkhead.client.amounts import MAX_UINT, parse_address
from bulkhead.eip712 import signable, wire


def keystore_account(path: Path | str, password: str) -> LocalAccount:
    """Account of an encrypted key file (web3 secret storage), for `Bulkhead(..., signer=...)`.

    Raises:
        BadInput: It is no such file, or the password is another one.
    """
    from eth_account import Account as EthAccount

    content = parse_json(read_text(path), str(path))
    try:
        return account_from_key("0x" + bytes(EthAccount.decrypt(content, password)).hex())
    except (KeyError, TypeError, ValueError, AttributeError):  # nothing of the file or the password is told
        raise BadInput(f"{path} is no key file, or the password is another one.") from None


class Account:
    """One account at one deployment.

    Attributes:
        chain: The connection underneath.
        sender: Sends the account's transactions; None without a signer.
    """

    def __init__(
        self,
        rpc: Any,
        deployment: Deployment | Path | str = "",
        key: str | None = None,
        signer: LocalAccount | str | None = None,
        tips: Tips | None = None,
        lists_access: bool | None = None,
    ) -> None:
        """Connects.

        Args:
            rpc: The node: a URL, a `Web3`, an `AsyncWeb3`, a provider of either, or an existing connection.
            deployment: `addresses.json`, its folder, or a loaded deployment.
            key: Private key; without one, and without a signer, the client only reads.
            signer: Instead of a key: a local account (`keystore_account` reads one), or the address of an account that
                the node, or a signing middleware of the `Web3`, sends for. A `Web3` with a default account has this.
            tips: Floor and cap of priority fees; without them the variables BULKHEAD_TIP_FLOOR_GWEI and
                BULKHEAD_TIP_CAP_GWEI of the environment, else 0 and 100 gwei.
            lists_access: Attach access lists where they pay, for two more questions to the node; None does as the
                variable BULKHEAD_ACCESS_LISTS says, else not.

        Raises:
            BadInput: Both a key and a signer are given.
        """
        if key and signer is not None:
            raise BadInput("An account has a key or another signer, not both.")
        self.chain = rpc if isinstance(rpc, Connection) else connect(rpc, deployment)
        if not key and signer is None:
            signer = default_account(self.chain.rpc)
        self._local = account_from_key(key) if key else None if isinstance(signer, str) else signer
        self.sender: Sender | None = None
        tips = tips or Tips.of_environment(os.environ)
        lists = access_lists.wanted(os.environ) if lists_access is None else lists_access
        if self._local is not None:
            self.sender = Sender(self.chain.rpc, self._local, tips=tips, lists_access=lists)
        elif isinstance(signer, str):
            self.sender = NodeSender(self.chain.rpc, parse_address(signer), tips=tips, lists_access=lists)

    def beside(self) -> Self:
        """The same account over a connection of its own, for another thread; both may send."""
        signer = self._local or (None if self.sender is None else self.sender.address)
        chain = Connection(self.chain.rpc.beside(), self.chain.deployment)
        if self.sender is None:
            return type(self)(chain, signer=signer)
        lists = self.sender.access_lists is not None
        return type(self)(chain, signer=signer, tips=self.sender.tips, lists_access=lists)

    def contracts(self, w3: Any) -> Web3Contracts:
        """The deployment's contracts as objects of a `Web3` or `AsyncWeb3`, with named results."""
        return Web3Contracts(w3, self.chain.deployment)

    @property
    def address(self) -> str:
        """Address of the account."""
        return self.signer.address

    @property
    def signer(self) -> Sender:
        """Sender of the account's transactions."""
        if self.sender is None:
            raise BadInput("A private key is needed for that; give the client one.")
        return self.sender

    @property
    def domain(self) -> orders.Domain:
        """EIP-712 domain of the deployment's Exchange."""
        return orders.Domain(self.chain.deployment.chain_id, self.chain["Exchange"].address)

    @property
    def has_key(self) -> bool:
        """Whether the key is here, and not at a node or in a middleware."""
        return self._local is not None

    def key(self) -> str:
        """The private key, for signing orders."""
        if self._local is None:
            raise BadInput("A private key is needed to sign; give the client one.")
        return "0x" + bytes(self._local.key).hex()

    def sign_typed(self, document: dict[str, Any]) -> bytes:
        """Signature of an EIP-712 document, by the key, or by the node that holds it.

        Raises:
            BadInput: There is no key, and the node signs no documents.
        """
        if self._local is not None:
            return bytes(self._local.sign_message(signable(document)).signature)
        try:
            signed = self.chain.rpc.call("eth_signTypedData_v4", self.address, wire(document))
        except RpcError as error:
            raise BadInput(f"The node signs no orders for {self.address}; give the client a key. {error}") from None
        return to_bytes(signed)

    def ensure_allowance(self, market: Market, spender: Contract, amount: int) -> None:
        """Approves a contract when needed, after making sure that the tokens are there.

        Raises:
            NoFunds: The account holds less than `amount`.
        """
        held = int(market.token.call("balanceOf", self.address))
        if held < amount:
            raise NoFunds(
                f"{self.address} holds {Decimal(held).scaleb(-market.decimals)} {market.currency or 'tokens'} and "
                f"needs {Decimal(amount).scaleb(-market.decimals)}."
            )
        if int(market.token.call("allowance", self.address, spender.address)) < amount:
            self.allow(market, spender, MAX_UINT)

    def allow(self, market: Market, spender: Contract, amount: int) -> None:
        """Sets what a contract may spend, if it is another amount.

        Some tokens (USDT) refuse to change an allowance that is not zero; for these it is set to zero first.
        """
        allowed = int(market.token.call("allowance", self.address, spender.address))
        if allowed == amount:
            return
        try:
            self.signer.execute(market.token, "approve", spender.address, amount)
        except Reverted:
            # refused before it was sent
            if allowed == 0:
                raise
            self.signer.execute(market.token, "approve", spender.address, 0)
            self.signer.execute(market.token, "approve", spender.address, amount)
