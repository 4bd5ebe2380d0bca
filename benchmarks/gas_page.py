"""Writes the gas tables of docs/architecture.md and docs/oracle.md out of benchmarks/gas.snapshot.json.

python -m benchmarks.gas_page           rewrite the blocks
python -m benchmarks.gas_page --check   compare with what is committed (exit 1 when it differs)
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from benchmarks import generated
from benchmarks.gas import SNAPSHOT
from benchmarks.gas_rows import goals

GENERATOR = "benchmarks.gas_page"

#: A block of all rows with a goal; others are templates with operations of the snapshot wherever their gas goes.
GOALS = "{goals}"
#: By page the blocks by name.
PAGES: dict[str, dict[str, str]] = {
    "docs/architecture.md": {
        "gas": """\
| operation | gas | Derive v2 |
|---|---:|---:|
| margin check (a withdrawal) with 1 / 4 / 16 short options | {margin_1} / {margin_4} / {margin_16} \
| 915,000 / 1,830,000 / 5,540,000 |
| the same with equity three times the margin | {margin_1_healthy} / {margin_4_healthy} / {margin_16_healthy} | |
| fill between existing vaults | {fill_existing} | 725,000 |
| open, deposit and fill | {open_deposit_fill} | 960,000 |
| deposit; withdrawal from a paid-up vault | {deposit}; {withdraw} | 232,000 |
| flag; first take, 1 leg; take, 16 legs | {flag_1}; {take_1}; {take_16} | 478,000; 606,000; 4,060,000 |
| the ES engine alone, 1 / 4 / 16 legs | {engine_1} / {engine_4} / {engine_16} | |
| the same in coins | {inverse_1} / {inverse_4} / {inverse_16} | |""",
        "goals": GOALS,
    },
    "docs/oracle.md": {
        "gas": """\
| operation | gas | goal |
|---|---|---|
| snapshot, cold / warm, one feed, no surface | {snapshot_cold} / {snapshot_warm} \
| 45,000 / 9,000, warm not reached: below |
| snapshot, cold / warm, both feeds, poked, no surface | {pair_cold} / {pair_warm} | 45,000 / 9,000, not reached |
| snapshot, cold, a published expiry / between two | {listed_cold} / {between_cold} | 45,000 / 48,000, not reached |
| snapshot, warm, a published expiry / between two | {listed_warm} / {between_warm} | 9,000 / 14,000, not reached |
| snapshot, cold, one unpoked round folded in memory | {unpoked_cold} | |
| poke, per further round | {poke_next} | 12,000 |
| observe, transaction, two feeds | {observe} | |
| publish, 2 signatures, 8 expiries, transaction, each expiry | {publish_8} (first time {publish_8_first}) \
| 36,000, not reached |
| publish, 2 signatures, 1 expiry, transaction | {publish_1} (first time {publish_1_first}) \
| 85,000, not reached, see below |
| fix, transaction, three rounds in the window | {fix} | 120,000, not reached |
| snapshot in a settlement window, three rounds of it summed, cold / warm | {window_cold} / {window_warm} | |
| the same once an observe has kept its sum, cold / warm | {window_kept_cold} / {window_kept_warm} | |
| observe / fix in a settlement window, 48 rounds to sum (`fix` sums both feeds') \
| {window_observe} / {window_fix} | |
| poke that folds a day: 144 instants with a round for each | {fold_144} | |
| the 30 samples of an expiry brought in one call, RedStone, five signers (again, when known) \
| {bring_30} ({bring_30_again}) | |""",
    },
}


def expected_files() -> dict[Path, str]:
    """Text the pages should have."""
    gas: dict[str, int] = json.loads(SNAPSHOT.read_text())
    found: dict[Path, str] = {}
    for page, blocks in PAGES.items():
        path = generated.ROOT / page
        found[path] = path.read_text()
        for name, template in blocks.items():
            body = re.sub(r"\{(\w+)\}", lambda at: f"{gas[at[1]]:,}", template) if template != GOALS else goals(gas)
            found[path] = generated.with_block(found[path], name, body, GENERATOR, generated.MARKDOWN)
    return found


if __name__ == "__main__":
    raise SystemExit(generated.run(expected_files(), __doc__))
