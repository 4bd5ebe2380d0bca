"""The in-process EVM of the tests: revm (pyrevm) behind titanoboa's environment, some fifty times as fast as py-evm.

What titanoboa gives stays: pranks, anchors, time, reverts by reason, events. What is different is nearer to a chain:
every call from outside is a transaction of its own, which ends with empty transient storage. Contracts are driven
through their ABI (tests/contracts.py), so source traces of titanoboa's loader do not exist here; the error of a revert
names the contract, the function called and the reason.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from types import SimpleNamespace
from typing import Any

import boa
import pyrevm
from boa.contracts.call_trace import TraceFrame
from boa.util.abi import Address
from boa.vm.gas_meters import GasMeter
from eth._utils.address import generate_contract_address
from eth.exceptions import OutOfGas, Revert, VMError
from eth_utils import keccak

CHAIN_ID = 1
GAS_LIMIT = 100_000_000
NO_CODE = keccak(b"")
PADDING = b"\0" * 33
#: What a transaction costs before its first instruction: 21,000, 16 per byte of data that is not zero, else 4.
INTRINSIC, BYTE, ZERO_BYTE = 21_000, 16, 4

#: Code by its hash: titanoboa asks for it at every call, and to hash a large contract takes as long as to call it.
_CODES: dict[bytes, bytes] = {}
_REVERT = re.compile(r"Revert \{ gas_used: (\d+), output: 0x([0-9a-f]*) \}")
_HALT = re.compile(r"Halt \{ reason: (.+), gas_used: (\d+) \}")


@dataclass
class Computation:
    """One call from outside, as titanoboa's contracts want to read it."""

    msg: SimpleNamespace
    output: bytes
    gas: int
    error: VMError | None = None
    logs: list[Any] = field(default_factory=list)

    _gas_meter_class = GasMeter
    _contract_repr_before_revert = None
    #: Inner calls are not recorded.
    children: tuple[Any, ...] = ()
    #: Nor is who was left a balance by a contract that destroyed itself.
    beneficiaries: tuple[Any, ...] = ()

    @property
    def is_error(self) -> bool:
        """Whether it reverted or halted."""
        return self.error is not None

    @property
    def is_success(self) -> bool:
        """Whether it returned."""
        return self.error is None

    def get_gas_used(self) -> int:
        """Gas of the execution, after refunds, without what every transaction pays."""
        return self.gas

    @property
    def net_gas_used(self) -> int:
        """The same: revm counts refunds in."""
        return self.gas

    def get_raw_log_entries(self) -> Iterator[tuple[int, bytes, list[int], bytes]]:
        """(number, address, topics, data) of each event, also of inner calls."""
        for number, entry in enumerate(self.logs):
            topics, data = entry.data
            yield number, bytes.fromhex(entry.address[2:]), [int.from_bytes(t, "big") for t in topics], bytes(data)

    @cached_property
    def call_trace(self) -> TraceFrame:
        """The outermost call alone."""
        contract = boa.env.lookup_contract(self.msg.code_address)
        source = contract.trace_source(self) if contract is not None else None
        return TraceFrame(self, source, 0, [])  # type: ignore[arg-type]


def _block_value(name: str, doc: str) -> property:
    """One of the values of `Patch`, to be read and set."""
    return property(lambda patch: patch._values[name], lambda patch, value: patch._set(name, value), doc=doc)


class Patch:
    """Block values that tests set; titanoboa's names."""

    def __init__(self, evm: Revm) -> None:
        self._evm = evm
        self._values = {"timestamp": 1, "block_number": 1}

    @property
    def chain_id(self) -> int:
        """Chain id, fixed for the life of an environment."""
        return CHAIN_ID

    timestamp = _block_value("timestamp", "Block time [unix seconds].")
    block_number = _block_value("block_number", "Block number.")

    def _set(self, name: str, value: int) -> None:
        self._values[name] = value
        self._evm.set_block(self._values["block_number"], self._values["timestamp"])

    @contextlib.contextmanager
    def anchor(self) -> Iterator[None]:
        """Restores the values at the end."""
        before = dict(self._values)
        try:
            yield
        finally:
            self._values = before
            self._evm.set_block(before["block_number"], before["timestamp"])


@dataclass(frozen=True)
class Snapshot:
    """A state to come back to."""

    checkpoint: pyrevm.JournalCheckpoint
    written: int
    nonces: dict[str, int]
    told: int


@dataclass(frozen=True, eq=False)
class Entry:
    """What one transaction logged, inner calls too.

    Attributes:
        number: Number of its block.
        at: Stamp of its block [unix seconds].
        logs: Events of pyrevm.
    """

    number: int
    at: int
    logs: list[Any]


class Revm:
    """The part of titanoboa's `PyEVM` that its environment and ABI contracts use.

    Attributes:
        journal: Transactions that logged something, in order, without those that were undone. None: they are not kept.
    """

    _fast_mode_enabled = False

    def __init__(self, keeps_logs: bool = False) -> None:
        self.journal: list[Entry] | None = [] if keeps_logs else None
        config = pyrevm.CfgEnv(chain_id=CHAIN_ID, limit_contract_code_size=2**24)
        self._revm = pyrevm.EVM(env=pyrevm.Env(cfg=config), gas_limit=2**63, spec_id="CANCUN")
        # of accounts that create, with the last one that asked for an address
        self._nonces: dict[str, int] = {}
        self._creator = ("", 0)
        # revm's journal knows what transactions did; accounts written from outside are undone from this list
        self._written: list[tuple[str, Any]] = []
        self.patch = Patch(self)
        self.set_block(1, 1)

    def set_block(self, number: int, timestamp: int) -> None:
        """The block that calls run in."""
        self._revm.set_block_env(
            pyrevm.BlockEnv(
                number=number, timestamp=timestamp, gas_limit=GAS_LIMIT, basefee=0, prevrandao=b"\0" * 32, difficulty=0
            )
        )

    # --- accounts ---------------------------------------------------------------------------------------------------

    def _write(self, address: str, **changes: Any) -> None:
        """Replaces parts of an account; undone with the snapshot it was written under."""
        old = self._revm.basic(address)
        self._written.append((address, old))
        values = {"balance": old.balance, "nonce": old.nonce, "code": _code(old), **changes}
        self._revm.insert_account_info(address, pyrevm.AccountInfo(**{**values, "code": values["code"] or None}))

    def get_balance(self, address: Address) -> int:
        """Native coins [wei]."""
        return int(self._revm.get_balance(str(address)))

    def set_balance(self, address: Address, value: int) -> None:
        """Native coins [wei]."""
        self._write(str(address), balance=value)

    def get_code(self, address: Address) -> bytes:
        """Runtime code."""
        return _code(self._revm.basic(str(address)))

    def set_code(self, address: Address, code: bytes) -> None:
        """Runtime code."""
        self._write(str(address), code=code)

    def get_storage(self, address: Address, slot: int) -> int:
        """One storage word."""
        return int(self._revm.storage(str(address), slot))

    def set_storage(self, address: Address, slot: int, value: int) -> None:
        """One storage word."""
        self._revm.basic(str(address))  # the journal, and with it a snapshot, knows only accounts that were read
        self._revm.insert_account_storage(str(address), slot, value)

    def get_gas_meter_class(self) -> type:
        """titanoboa asks before it evaluates source; gas is always metered here."""
        return GasMeter

    def set_gas_meter_class(self, kind: type) -> None:
        """Nothing to choose from."""

    def get_gas_limit(self) -> int:
        """Of a block and of a call that names none."""
        return GAS_LIMIT

    def generate_create_address(self, sender: Address) -> Address:
        """Where the sender's next contract goes."""
        self._creator = (str(sender), self._nonces.get(str(sender), 0))
        self._nonces[str(sender)] = self._creator[1] + 1
        return _created(*self._creator)

    # --- snapshots --------------------------------------------------------------------------------------------------

    def snapshot(self) -> Snapshot:
        """The state as it is."""
        return Snapshot(self._revm.snapshot(), len(self._written), dict(self._nonces), len(self.journal or ()))

    def revert(self, snapshot: Snapshot) -> None:
        """Back to a snapshot, which is spent."""
        self._revm.revert(snapshot.checkpoint)
        while len(self._written) > snapshot.written:
            self._revm.insert_account_info(*self._written.pop())
        self._nonces = snapshot.nonces
        if self.journal is not None:
            del self.journal[snapshot.told :]

    # --- execution --------------------------------------------------------------------------------------------------

    def deploy_code(
        self,
        sender: Address,
        origin: Address,
        target_address: Address,
        gas: int | None,
        gas_price: int,
        value: int,
        bytecode: bytes,
    ) -> Computation:
        """Runs creation code: as a chain does, or at an address of choice as that account's own code."""
        creator, target, limit = str(sender), str(target_address), gas or GAS_LIMIT
        guard = self.snapshot()
        if self._creator[0] == creator and _created(*self._creator) == target_address:
            self._write(creator, nonce=self._creator[1])
            made = self._run(
                sender, target_address, bytecode, lambda: self._revm.deploy(creator, bytecode, value, limit)
            )
            made.output = self.get_code(target_address)
        else:
            # code written from outside runs slower: revm finds its jump destinations anew at each call
            self._write(target, nonce=1, code=bytecode)
            made = self._call(sender, target_address, b"", value, limit, False)
            if not made.is_error:
                self._write(target, code=made.output)
        made.msg.is_create = True
        if made.is_error:
            self.revert(guard)
        else:
            self._revm.commit()
        return made

    def execute_code(
        self,
        sender: Address,
        to: Address,
        gas: int,
        gas_price: int,
        value: int,
        bytecode: bytes,
        data: bytes,
        is_static: bool,
        fake_codesize: int | None,
        start_pc: int,
        ir_executor: Any,
        contract: Any,
    ) -> Computation:
        """A call from outside; a contract may be the sender too."""
        return self._call(sender, to, data, value, gas, is_static)

    def _call(self, sender: Address, to: Address, data: bytes, value: int, gas: int, is_static: bool) -> Computation:
        caller = str(sender)
        account = self._revm.basic(caller)
        code = _code(account)
        if code:
            # a chain takes no transaction from a contract (EIP-3607): hide its code from that check, not from callers
            disguise = pyrevm.AccountInfo(balance=account.balance, nonce=account.nonce, code=code, code_hash=NO_CODE)
            self._revm.insert_account_info(caller, disguise)
        intrinsic = INTRINSIC + sum(BYTE if byte else ZERO_BYTE for byte in data)

        def call() -> bytes:
            return self._revm.message_call(
                caller=caller,
                to=str(to),
                calldata=data,
                value=value,
                gas=gas + intrinsic,
                gas_price=0,
                is_static=is_static,
            )

        made = self._run(sender, to, data, call)
        made.gas = max(made.gas - intrinsic, 0)
        if code:
            assert self._revm.basic(caller).balance == account.balance, "a contract that calls keeps its coins here"
            self._revm.insert_account_info(caller, account)
        return made

    def _run(self, sender: Address, to: Address, data: bytes, transaction: Callable[[], Any]) -> Computation:
        self._revm.reset_transient_storage()
        output, error = b"", None
        try:
            output = transaction()
            used, logs = self._revm.result.gas_used, list(self._revm.result.logs)
            if logs and self.journal is not None:
                self.journal.append(Entry(self.patch.block_number, self.patch.timestamp, logs))
        except RuntimeError as failure:
            output, used, error = _parse(failure)
            logs = []
        message = SimpleNamespace(
            data=data,
            sender=sender.canonical_address,
            to=to.canonical_address,
            code_address=to.canonical_address,
            storage_address=to.canonical_address,
            is_create=False,
        )
        return Computation(message, output if isinstance(output, bytes) else b"", used, error, logs)


def _code(account: pyrevm.AccountInfo) -> bytes:
    """Code of an account. revm shows an empty one as a STOP, and pads what it has analysed with 33 zeros."""
    if account.code_hash == NO_CODE:
        return b""
    known = _CODES.get(account.code_hash)
    if known is None:
        code = bytes(account.code or b"")
        padded = code.endswith(PADDING) and keccak(code[: -len(PADDING)]) == account.code_hash
        known = _CODES[account.code_hash] = code[: -len(PADDING)] if padded else code
    return known


def _created(creator: str, nonce: int) -> Address:
    """Address of the contract that an account creates at a nonce."""
    return Address(generate_contract_address(bytes.fromhex(creator[2:]), nonce))


def _parse(failure: RuntimeError) -> tuple[bytes, int, VMError]:
    """(return data, gas, error) of a failed call, which revm tells as text."""
    text = str(failure)
    if found := _REVERT.fullmatch(text):
        output = bytes.fromhex(found[2])
        return output, int(found[1]), Revert(output)
    if found := _HALT.fullmatch(text):
        kind = OutOfGas if found[1].startswith("OutOfGas") else VMError
        return b"", int(found[2]), kind(found[1])
    raise failure


class Env(boa.Env):
    """titanoboa's environment on revm; with `keeps_logs` its `evm.journal` has what every transaction logged."""

    def __init__(self, keeps_logs: bool = False) -> None:
        super().__init__()
        self.nickname = "revm"
        self.evm = Revm(keeps_logs)

    def reset_gas_used(self) -> None:
        """Starts the count anew."""
        self._gas_tracker = 0
