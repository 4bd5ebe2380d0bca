"""Random call data: words that know the scene, words that know nothing, and lengths that no encoder would write."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from bulkhead.chain.abi import Function

#: Arrays of up to so many entries, and `bytes` of up to so many, are within every bound that the sources set.
SAFE_LENGTH, SAFE_BYTES = 2, 64
#: Beyond every bound.
LONG_LENGTH, LONG_BYTES = 70, 3000
MAX = 2**256 - 1


class Words:
    """Draws call data.

    Attributes:
        random: Decides everything.
        known: Words that mean something in the scene: ids, times, legs, amounts.
        addresses: Addresses that mean something.
        texts: Strings that mean something: names of parameters.
    """

    def __init__(self, seed: int, known: Sequence[int], addresses: Sequence[str], texts: Sequence[str]) -> None:
        self.random = random.Random(seed)
        self.known = list(known)
        self.addresses = list(addresses)
        self.texts = list(texts)

    def word(self) -> int:
        """Any word."""
        draw = self.random
        kind = draw.randrange(7)
        if kind < 2:
            return draw.choice(self.known)
        if kind == 2:
            return (draw.choice(self.known) + draw.choice((-1, 1))) & MAX
        if kind == 3:
            return int(draw.choice(self.addresses), 16)
        if kind == 4:
            return draw.randrange(40)
        if kind == 5:
            return draw.choice((0, 1, MAX, 2**255, 2**255 - 1, 2**128, 2**64))
        return draw.getrandbits(draw.choice((8, 32, 64, 128, 160, 256)))

    def value(self, kind: dict[str, Any], long: bool = False) -> Any:
        """A value that an ABI type can hold."""
        name, draw = str(kind["type"]), self.random
        if name.endswith("]"):
            size = name[name.rindex("[") + 1 : -1]
            inner = {**kind, "type": name[: name.rindex("[")]}
            count = int(size) if size else draw.randint(0, LONG_LENGTH if long else SAFE_LENGTH)
            return [self.value(inner, long) for _ in range(count)]
        if name == "tuple":
            return tuple(self.value(part, long) for part in kind["components"])
        if name == "address":
            return draw.choice(self.addresses) if draw.random() < 0.9 else f"0x{draw.getrandbits(160):040x}"
        if name == "bool":
            return draw.random() < 0.5
        if name == "string":
            return draw.choice(self.texts)
        if name == "bytes":
            return draw.randbytes(draw.randint(0, LONG_BYTES if long else SAFE_BYTES))
        if name.startswith("bytes"):
            return self.word().to_bytes(32, "big")[: int(name[5:])]
        bits = int(name.lstrip("uint"))
        word = self.word() & (2**bits - 1)
        return word if name.startswith("u") or not word >> (bits - 1) else word - 2**bits

    def varied(self, kind: dict[str, Any], value: Any, share: float) -> Any:
        """A value with some of its parts drawn anew."""
        if self.random.random() < share:
            return self.value(kind)
        name = str(kind["type"])
        if name.endswith("]"):
            inner = {**kind, "type": name[: name.rindex("[")]}
            return [self.varied(inner, one, share / 2) for one in value]
        if name == "tuple":
            parts = zip(kind["components"], value, strict=True)
            return tuple(self.varied(part, one, share / 2) for part, one in parts)
        return value

    def damaged(self, data: bytes) -> bytes:
        """Call data with some bytes changed, cut off or added."""
        bytes_ = bytearray(data)
        for _ in range(self.random.randint(1, 4)):
            if len(bytes_) > 4:
                bytes_[self.random.randrange(4, len(bytes_))] = self.random.randrange(256)
        kept = self.random.randint(4, len(bytes_))
        return bytes(bytes_[:kept]) + self.random.randbytes(self.random.choice((0, 7, 32)))

    def heap(self, function: Function) -> bytes:
        """A selector and any number of words."""
        count = self.random.randint(0, 2 * len(function.inputs) + 4)
        return function.selector + b"".join(self.word().to_bytes(32, "big") for _ in range(count))
