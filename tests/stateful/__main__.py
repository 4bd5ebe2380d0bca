"""`python -m tests.stateful --steps 40000 --seed 1`: a walk that prints how often each action and reason was seen."""

from __future__ import annotations

import argparse

import boa

from tests.evm import Env
from tests.matrix.run import built
from tests.stateful.walk import Walk

parser = argparse.ArgumentParser(prog="python -m tests.stateful", description=__doc__)
parser.add_argument("--steps", type=int, default=40_000)
parser.add_argument("--seed", type=int, default=1)
options = parser.parse_args()
boa.set_env(Env())
with built() as scene:
    walk = Walk(scene, options.seed).go(options.steps)
print(walk.text())
missing = walk.never()
if missing:
    raise SystemExit(f"never accepted: {', '.join(missing)}")
