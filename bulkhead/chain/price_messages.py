"""Messages of signed prices: RedStone's packages as its adapter reads them, and those of local chains.

On a local chain RedStone's part is played by five signers whose keys are Anvil's public ones, so that its adapter
checks real signatures, and Pyth's by contracts/testing/MockPyth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

from eth_abi.abi import encode
from eth_account import Account
from eth_utils import keccak

from bulkhead.chain import anvil

#: Decimals of RedStone's values and of the adapters' prices.
DECIMALS = 8
#: End of a RedStone payload, and what its unsigned metadata says.
MARKER, METADATA = bytes.fromhex("000002ed57011e0000"), b"1.0#bulkhead"
#: Accounts of Anvil's mnemonic that sign prices on local chains, and how many of them a payload needs.
SIGNER_ACCOUNTS, THRESHOLD = range(20, 25), 3
#: Widest half-width that local adapters take [bps].
MAX_WIDTH_BPS = 100


def unsigned(points: Mapping[str, int], milliseconds: int) -> bytes:
    """What a signer of RedStone signs: points by feed, milliseconds, size of a value, number of points."""
    coded = sorted((name.encode().ljust(32, b"\0"), value) for name, value in points.items())
    body = b"".join(name + value.to_bytes(32, "big") for name, value in coded)
    return body + milliseconds.to_bytes(6, "big") + (32).to_bytes(4, "big") + len(coded).to_bytes(3, "big")


def payload(packages: Sequence[bytes]) -> bytes:
    """Signed packages as RedStoneAdapter reads them."""
    count = len(packages).to_bytes(2, "big")
    return b"".join(packages) + count + METADATA + len(METADATA).to_bytes(3, "big") + MARKER


# --- local chains --------------------------------------------------------------------------------------------


@cache
def local_keys() -> tuple[str, ...]:
    """Keys of the local signers, in the order of their addresses."""
    return tuple(sorted(map(anvil.key, SIGNER_ACCOUNTS), key=lambda key: int(Account.from_key(key).address, 16)))


@cache
def local_signers() -> tuple[str, ...]:
    """Their addresses, ascending."""
    return tuple(str(Account.from_key(key).address) for key in local_keys())


def local_signature(key: str, body: bytes) -> bytes:
    """A local signer's signature of a package."""
    return bytes(Account.unsafe_sign_hash(keccak(body), key).signature)


def local_payload(symbol: str, price: int, at: int) -> bytes:
    """A payload by all local signers, of one mind [1e-8]."""
    body = unsigned({symbol: price}, at * 1000)
    return payload([body + local_signature(key, body) for key in local_keys()])


def pyth_id(symbol: str) -> bytes:
    """Id of a price at the local Pyth."""
    return keccak(text=f"{symbol}/USD")


def pyth_message(symbol: str, price: int, at: int, before: int, confidence: int = 0) -> bytes:
    """A message of the local Pyth: price and confidence interval [1e-8], publish time, and that of the one before."""
    kinds = ["bytes32", "int64", "uint64", "int32", "uint256", "uint256"]
    return encode(kinds, [pyth_id(symbol), price, confidence, -DECIMALS, at, before])
