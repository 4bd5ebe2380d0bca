"""Writes the tables of docs/threat-model.md; with `--check` says whether they are current."""

from __future__ import annotations

from benchmarks import generated
from tests.matrix.table import expected_files

raise SystemExit(generated.run(expected_files(), __doc__))
