"""Everything that can go wrong between this package and a chain, each as one sentence a user can act on."""

from __future__ import annotations


class BulkheadError(Exception):
    """Base of every expected failure. `str(error)` is a sentence; the CLI prints it and exits non-zero."""


class NodeUnavailable(BulkheadError):
    """The node did not answer, or answered with something that is not JSON-RPC."""


class NodeTimeout(NodeUnavailable):
    """The node did not answer in time."""


class RpcError(BulkheadError):
    """The node answered with a JSON-RPC error that is not a revert."""

    def __init__(self, method: str, code: int, message: str, data: object = None) -> None:
        super().__init__(f"The node refused {method}: {message} (code {code}).")
        self.method = method
        self.code = code
        self.node_message = message
        self.data = data


class Reverted(BulkheadError):
    """A contract refused.

    Attributes:
        reason: The literal reason ("module/kebab-reason"), empty when the contract gave none.
    """

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason

    def at(self, call: str) -> Reverted:
        """The same, with the name of the call when there is no reason that would tell it."""
        return self if self.reason else Reverted("", f"{call}: {self}")


class WrongNetwork(BulkheadError):
    """The node serves another chain than the deployment was made on."""


class MissingDeployment(BulkheadError):
    """No addresses are known, or the chain has no code where they point."""


class AbiMismatch(BulkheadError):
    """The deployment was built from other sources than this package's ABIs."""


class NoFunds(BulkheadError):
    """The account cannot pay for gas or lacks the tokens it wants to move."""


class UnknownVault(BulkheadError):
    """No such vault, or it has been closed."""


class UnknownMarket(BulkheadError):
    """No such market in the deployment."""


class TransactionLost(BulkheadError):
    """A transaction was sent and has no receipt within the time allowed."""


class TransactionReplaced(TransactionLost):
    """Another transaction of the same account was mined at its nonce: this one never will be."""


class BadInput(BulkheadError):
    """A value the user gave cannot be used."""
