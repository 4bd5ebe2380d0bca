"""Runs cells of the matrix against the real contracts."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import boa

from tests.contracts import deployer
from tests.evm import Env
from tests.matrix import rows_pools, rows_vaults
from tests.matrix.columns import Column
from tests.matrix.rows import Row
from tests.matrix.scene import MAX, Scene
from tests.worlds.system import WAD

ROWS: list[Row] = [*rows_vaults.ROWS, *rows_pools.ROWS]
ALLOWED, SKIPPED, NO_CELL, UNNAMED = "yes", "skips", "-", "no reason"
_REASON = re.compile(rb"[a-z0-9]+(?:-[a-z0-9]+)*/[a-z0-9-]+")
_NAMED = re.compile(r"<([^<>]+)>")
LIMITS = (-(2**255), 0, 0, 0, 0)


@contextlib.contextmanager
def built(**parameters: int) -> Iterator[Scene]:
    """The scene, in an environment of its own, with parameters that are not the defaults."""
    with boa.swap_env(Env()):
        yield Scene(**parameters)


def reason_of(error: Exception) -> str:
    """What a refusal is called."""
    found = _NAMED.findall(str(error).split("\n\n")[0])
    return next((name for name in found if "/" in name or ":" in name), UNNAMED)


def cells(scene: Scene, column: Column) -> dict[str, str]:
    """Every cell of a column, by row."""
    with boa.env.anchor():
        spot = scene.spot
        column.enter(scene)
        told = {row.name: cell(scene, column, row) for row in ROWS}
        scene.spot = spot
    return told


def cell(scene: Scene, column: Column, row: Row) -> str:
    """One cell; the state is as before afterwards."""
    if column.vaults_only and not row.vault:
        return NO_CELL
    if column.with_legs and not scene.system.legs(scene.vaults[row.vault]):
        return NO_CELL
    if column.roles and row.who not in column.roles:
        return NO_CELL
    with boa.env.anchor():
        name = column.on_row(scene, row) if column.on_row else row.vault
        vault = scene.vaults.get(name, 0)
        if column.how == "callback":
            return _in_callback(scene, row, vault)
        if column.how == "least gas":
            return _least_gas(scene, row, vault)
        return _call(scene, row, vault)


def _call(scene: Scene, row: Row, vault: int, **options: Any) -> str:
    function = getattr(scene.contracts[row.contract], row.function)
    arguments = row.arguments(scene, vault)
    try:
        result = function(*arguments, sender=scene.people[row.who], **options)
    except boa.BoaError as error:
        return reason_of(error)
    return SKIPPED if row.skips and not result else ALLOWED


def _least_gas(scene: Scene, row: Row, vault: int) -> str:
    """Whatever gas it passes with, it does all that it does with plenty."""
    contract = scene.contracts[row.contract]
    with boa.env.anchor():
        whole = _call(scene, row, vault)
    if whole != ALLOWED:
        return whole
    arguments = row.arguments(scene, vault)
    call = partial(getattr(contract, row.function), *arguments, sender=scene.people[row.who])
    return bisected(contract, call) or ALLOWED


def bisected(contract: Any, call: Callable[..., Any], most: int = 40_000_000) -> str:
    """What is less, at some gas with which a call passes, than with plenty; empty when nothing ever is.

    Looks for the least gas by bisection, as a node's estimate does, then at steps of a hundredth around it.
    """

    def effect(gas: int) -> Any:
        with boa.env.anchor():
            try:
                answer = call(gas=gas)
            except boa.BoaError:
                return None
            return answer, list(contract._computation.get_raw_log_entries())

    whole = effect(most)
    assert whole is not None, "refused with plenty of gas"
    low, high = 0, most
    while high - low > 1:
        middle = (low + high) // 2
        found = effect(middle)
        if found not in (None, whole):
            return f"less at {middle} gas"
        low, high = (middle, high) if found is None else (low, middle)
    for gas in range(high * 7 // 10, high * 11 // 10, max(high // 100, 1)):
        if effect(gas) not in (None, whole):
            return f"less at {gas} gas, below the least of {high}"
    return ""


def _in_callback(scene: Scene, row: Row, vault: int) -> str:
    """The call is made inside of a taker's callback, by the person itself, who is a contract for that."""
    taker = deployer("HostileTaker").deploy()
    house = scene.system.clearinghouse
    into = house.next_id()
    scene.token.mint(taker.address, 10**11)
    taker.act(scene.token.address, scene.token.approve.prepare_calldata(house.address, MAX))
    taker.act(house.address, house.open.prepare_calldata(1, 0, taker.address, 10**11))
    arguments = row.arguments(scene, vault)
    person = deployer("HostileTaker").deploy(override_address=scene.people[row.who])
    data = getattr(scene.contracts[row.contract], row.function).prepare_calldata(*arguments)
    inner = person.act.prepare_calldata(scene.contracts[row.contract].address, data)
    logs = []
    for steps in ([], [(person.address, inner, False)]):
        with boa.env.anchor():
            taker.script(steps)
            taker.take(scene.system.liquidator.address, scene.vaults["weak"], WAD // 10, into, b"x")
            logs.append(len(list(taker._computation.get_raw_log_entries())))
            passed, refusal = taker.passed(), bytes(taker.refusal())
    if passed == 1:
        return SKIPPED if row.skips and logs[0] == logs[1] else ALLOWED
    found = _REASON.findall(refusal)
    return found[0].decode() if found else UNNAMED
