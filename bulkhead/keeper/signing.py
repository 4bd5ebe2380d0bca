"""Transactions signed with coincurve alone: a fiftieth of eth-account's time, which a crash does not leave.

They are EIP-1559's, or plain ones with one price (EIP-155) where a chain has no base fees.
"""

from __future__ import annotations

from coincurve import PrivateKey
from eth_account.signers.local import LocalAccount
from eth_utils import keccak

TYPE = b"\x02"
NO_ACCESS_LIST = b"\xc0"


def _length(size: int, short: int) -> bytes:
    if size < 56:
        return bytes([short + size])
    digits = _number(size)
    return bytes([short + 55 + len(digits)]) + digits


def _string(text: bytes) -> bytes:
    return text if len(text) == 1 and text[0] < 0x80 else _length(len(text), 0x80) + text


def _rlp(strings: list[bytes], rest: bytes) -> bytes:
    """RLP of a list: strings to code, then items that are coded already."""
    body = b"".join(map(_string, strings)) + rest
    return _length(len(body), 0xC0) + body


def _number(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


class Signer:
    """Signs for one account.

    Attributes:
        address: Its address, checksummed.
        plain: It signs plain transactions, whose price is the most that one may pay.
    """

    def __init__(self, account: LocalAccount, chain_id: int) -> None:
        self.address = str(account.address)
        self.plain = False
        self._chain_id = chain_id
        self._key = PrivateKey(bytes(account.key))
        self._chain = _number(chain_id)

    def sign(
        self, to: str, data: bytes, nonce: int, gas: int, max_fee: int, tip: int, value: int = 0
    ) -> tuple[bytes, str]:
        """(raw transaction, its hash) of a call.

        Args:
            to: Receiver.
            data: Call data.
            nonce: Nonce.
            gas: Gas limit.
            max_fee: Most to pay per gas [wei].
            tip: Priority fee per gas [wei].
            value: Coins that go along [wei].
        """
        what = [bytes.fromhex(to[2:]), _number(value), data]
        if self.plain:
            fields = [*map(_number, (nonce, max_fee, gas)), *what]
            parity, end = self._signed(_rlp([*fields, self._chain, b"", b""], b""))
            raw = _rlp(fields, _string(_number(2 * self._chain_id + 35 + parity)) + end)
        else:
            fields = [self._chain, *map(_number, (nonce, tip, max_fee, gas)), *what]
            parity, end = self._signed(TYPE + _rlp(fields, NO_ACCESS_LIST))
            raw = TYPE + _rlp(fields, NO_ACCESS_LIST + _string(_number(parity)) + end)
        return raw, "0x" + keccak(raw).hex()

    def _signed(self, text: bytes) -> tuple[int, bytes]:
        """(parity, r and s as RLP codes them) of a signature."""
        signature = self._key.sign_recoverable(keccak(text), hasher=None)
        r, s = signature[:32].lstrip(b"\0"), signature[32:64].lstrip(b"\0")
        return signature[64], _string(r) + _string(s)
