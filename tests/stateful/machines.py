"""The machines that walk with a seed, by name, and how far each gets before a promise breaks."""

from __future__ import annotations

import re

import boa

from tests.evm import Env
from tests.matrix.scene import Scene
from tests.stateful.brought import Brought
from tests.stateful.keys import Keys
from tests.stateful.kinds import Kinds
from tests.stateful.tally import Broken
from tests.stateful.walk import Walk

#: Which machines there are, and how many of a hundred steps each makes: a walk of a whole market, a coin-margined
#: market beside a linear one, brought prices, and who holds keys of others.
MACHINES = {"walk": 70, "kinds": 10, "brought": 10, "keys": 10}


def go(name: str, steps: int, seed: int) -> Walk | Kinds | Brought | Keys:
    """Walks so many steps; the machine, to be asked what it saw."""
    with boa.swap_env(Env(keeps_logs=True)):
        if name == "brought":
            return Brought(seed).go(steps)
        if name in ("kinds", "keys"):
            return (Kinds if name == "kinds" else Keys)(seed).go(steps)
        return Walk(Scene(), seed).go(steps)


def first_break(name: str, steps: int, seed: int) -> tuple[int, str]:
    """(step at which a promise broke, what was said without the call); (0, "") when none did."""
    try:
        go(name, steps, seed)
    except Broken as broken:
        found = re.match(r"step (\d+), (.*?): (.*)", str(broken), re.DOTALL)
        assert found is not None
        # of a call its name is enough
        said = re.sub(r"0x[0-9a-fA-F]{9,}|\d{10,}", "..", f"{found[2].split(' by 0x')[0]}: {found[3]}")
        return int(found[1]), re.sub(r"\s+", " ", said)[:160]
    return 0, ""
