"""`python -m tests.fuzz --calls 100000 --seed 1`: prints what came of the calls; fails when a promise broke."""

from __future__ import annotations

import argparse

import boa

from tests.evm import Env
from tests.fuzz.boundary import Boundary
from tests.matrix.run import built

parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
parser.add_argument("--calls", type=int, default=100_000)
parser.add_argument("--seed", type=int, default=1)
options = parser.parse_args()
boa.set_env(Env())
with built() as scene:
    report = Boundary(scene, options.seed).run(options.calls)
print(report.text())
raise SystemExit(bool(report.broken))
