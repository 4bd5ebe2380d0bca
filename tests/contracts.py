"""The contracts of the project in process, compiled once and driven through their ABI.

titanoboa's own loader analyses every source again in each process, half a minute for the whole system. Here creation
code and ABI come from the cache of `bulkhead.chain.compiler`, which the node tests use too, so both kinds of test run
the same bytes.
"""

from __future__ import annotations

from collections import namedtuple
from functools import cache
from pathlib import Path
from typing import Any

import boa
from boa.contracts.abi import abi_contract
from boa.contracts.abi.abi_contract import ABIContract, ABIContractFactory, ABIFunction
from boa.contracts.base_evm_contract import BoaError
from boa.util.abi import Address
from eth_utils import keccak

from bulkhead.chain.compiler import compile_contract

# titanoboa makes a class for each struct it decodes, which takes longer than the call: make each shape once
abi_contract.namedtuple = lambda name, fields, **options: _shape(name, tuple(fields), **options)

ROOT = Path(__file__).resolve().parents[1]


@cache
def _shape(name: str, fields: tuple[str, ...], **options: bool) -> type:
    return namedtuple(name, fields, **options)


class Deployer:
    """One compiled contract, to be deployed any number of times.

    Attributes:
        name: Contract name.
        artifact: What the compiler made of it.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.artifact = compile_contract(ROOT, name)
        self._factory = ABIContractFactory(self.artifact.name, self.artifact.abi)
        self._constructor = next(
            (ABIFunction(item, name) for item in self.artifact.abi if item["type"] == "constructor"), None
        )

    def deploy(self, *arguments: Any, override_address: str | None = None) -> ABIContract:
        """Creates it, at the next address of the caller or at a given one; raises what its constructor raises."""
        data = self._constructor.prepare_calldata(*arguments) if self._constructor else b""
        if self._constructor is None and arguments:
            raise TypeError(f"{self.name} is constructed without arguments.")
        address, computation = boa.env.deploy(bytecode=self.artifact.bytecode + data, override_address=override_address)
        contract = self._factory.at(address, nowarn=True)
        if computation.is_error:
            raise BoaError.create(computation, contract)
        return contract

    def at(self, address: str) -> ABIContract:
        """A deployed one."""
        return self._factory.at(Address(address))


@cache
def deployer(name: str) -> Deployer:
    """Compiled contract by name, e.g. `Clearinghouse` or `MockERC20`, once per session."""
    return Deployer(name)


def write(name: str, address: str, variable: str, value: int, key: int | str | None = None) -> None:
    """Overwrites a storage variable, or one entry of a mapping, for states no transaction of a test can reach."""
    slot = deployer(name).artifact.layout["storage_layout"][variable]["slot"]
    if key is not None:
        number = int(key, 16) if isinstance(key, str) else key
        slot = int.from_bytes(keccak(slot.to_bytes(32, "big") + number.to_bytes(32, "big")), "big")
    boa.env.set_storage(Address(address), slot, value)
