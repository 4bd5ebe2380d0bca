"""Whether contracts are of one deployment: each has the addresses of those it was built for in its code.

An address book can be mixed up by hand, by a merge, or by somebody: a contract of another deployment answers like ours.
What the constructor was given is part of the code on chain (Vyper's immutables), so no view has to be believed for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bulkhead.chain.system import CONTRACTS, SystemConfig, constructor_arguments

#: Contracts that are not in an address book stand for this: no code names it, and it is asked of none.
ABSENT = "0x" + "00" * 20
_NOBODY = SystemConfig(ABSENT, ABSENT, (), ())


class _Known(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return ABSENT


def partners(name: str, at: Mapping[str, str]) -> set[str]:
    """Names of the contracts that a contract was constructed with."""
    if name not in dict(CONTRACTS):
        return set()
    given = {str(word).lower() for word in _addresses(constructor_arguments(name, _Known(at), _NOBODY))}
    return {other for other, address in at.items() if address.lower() in given}


def _addresses(arguments: tuple[object, ...] | list[object]) -> Iterator[str]:
    for word in arguments:
        if isinstance(word, list | tuple):
            yield from _addresses(list(word))
        elif isinstance(word, str) and word.startswith("0x") and word != ABSENT:
            yield word


def stranger(at: Mapping[str, str], codes: Mapping[str, str]) -> tuple[str, str] | None:
    """(a contract, another that it was not built with although it should have been); None when all belong together.

    Args:
        at: Addresses by name.
        codes: Code at them, hexadecimal.
    """
    for name, code in codes.items():
        for other in sorted(partners(name, at)):
            if at[other][2:].lower() not in code.lower():
                return name, other
    return None
